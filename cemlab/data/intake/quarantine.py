"""Rows that were set aside: kept whole, on disk, however many they are."""

from __future__ import annotations

import heapq
import json
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from cemlab.data.intake.batch import Fault
from cemlab.data.intake.staging import Staging


class Quarantine:
    """The rows of one file that were set aside, in the order of the file.

    Rows come in runs, each in the order of the file: one while the file is read, one for each rule
    between rows. Only counts are kept in memory.

    Parameters
    ----------
    staging
        Where the rows are kept meanwhile.
    name
        A plain name for that purpose.
    """

    def __init__(self, staging: Staging, name: str) -> None:
        self._staging = staging
        self._name = name
        self._runs: list[Path] = []
        self._open: IO[str] | None = None
        self.rows = 0
        self.reasons: Counter[tuple[str, str]] = Counter()

    def add(self, fault: Fault, *, kind: str) -> None:
        """Keep a row, counted under its column and the kind of its fault."""
        if self._open is None:
            path = self._staging.folder / f"{self._name}-{len(self._runs)}.jsonl"
            self._open = path.open("w", encoding="utf-8")
            weakref.finalize(self, self._open.close)
            self._runs.append(path)
        # exact, unlike CSV: any character of the raw text survives; asdict takes five times as long
        kept = {name: getattr(fault, name) for name in Fault.__slots__}
        self._open.write(json.dumps(kept) + "\n")
        self.rows += 1
        self.reasons[fault.column or "", kind] += 1

    def end_run(self) -> None:
        """Close a run; the next row begins one that may start at the top of the file again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def __iter__(self) -> Iterator[Fault]:
        """Yield the rows by their place in the file."""
        self.end_run()
        return heapq.merge(*(_read(path) for path in self._runs), key=lambda fault: fault.line)

    def emptied(self) -> Quarantine:
        """Return one without rows, for a file of which nothing was taken."""
        return Quarantine(self._staging, f"{self._name}-none")

    def commonest(self, n: int = 5) -> list[tuple[str, str, int]]:
        """Return column, kind and count of the n most common faults."""
        return [(column, kind, count) for (column, kind), count in self.reasons.most_common(n)]


def _read(path: Path) -> Iterator[Fault]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Fault(**json.loads(line))


def rows_of(faults: Iterable[Fault]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a quarantine file: line, column, value, reason, and the record as it stands."""
    for fault in faults:
        yield str(fault.line), fault.column or "", fault.value, fault.reason, fault.row

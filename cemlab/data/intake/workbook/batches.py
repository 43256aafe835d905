"""Rows of a sheet gathered into batches, and what of them cannot be taken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from cemlab.data.intake.batch import Fault
from cemlab.data.intake.plan import ColumnRule
from cemlab.data.intake.workbook.cells import CellText
from cemlab.data.intake.workbook.rows import Row

_ROWS = 20_000  # rows in a batch
_PLACES = 5  # how many rows a message names


@dataclass(kw_only=True, slots=True)
class Rows:
    """Some consecutive rows of a sheet; see :class:`~cemlab.data.intake.batch.Batch`."""

    columns: pa.Table
    faults: tuple[Fault, ...]
    places: Sequence[int]

    def line(self, row: int) -> int:
        """Return the row of the sheet."""
        return self.places[row]

    def row_text(self, row: int) -> str:
        """Return the texts of a row as a JSON list."""
        return _row_text([column[row].as_py() for column in self.columns.columns])


@dataclass(kw_only=True)
class Skipped:
    """Rows that are no records: their number and the first of them."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, row: int, count: int = 1) -> None:
        """Count a row, and those after it."""
        self.count += count
        self.first += range(row, row + min(count, _PLACES - len(self.first)))

    def take(self, other: Skipped) -> None:
        """Count what another one counted, too."""
        self.count += other.count
        self.first = (self.first + other.first)[:_PLACES]

    def __str__(self) -> str:
        places = ", ".join(str(row) for row in self.first) + (" …" if self.count > len(self.first) else "")
        return f"(row {places})" if self.count == 1 else f"(rows {places})"


class Builder:
    """Gathers rows of a sheet until they are a batch."""

    def __init__(
        self,
        header: tuple[str, ...],
        rules: Sequence[ColumnRule | None],
        texts: CellText,
        merged: Sequence[tuple[int, int, int, str]],
        *,
        after: int,
    ) -> None:
        self._header, self._rules, self._text = header, rules, texts.text
        self._blank = [""] * len(header)
        self._merged = list(reversed(merged))  # the next one last
        self._touching: tuple[int, int, int, str] | None = None
        self.last = after  # the row before the next one
        self.empty, self._waiting, self.hidden = Skipped(), Skipped(), Skipped()
        self._start()

    def _start(self) -> None:
        self._rows: list[list[str]] = []
        self._places: list[int] = []
        self._faults: list[Fault] = []

    @property
    def filled(self) -> bool:
        """Whether there is anything for a batch."""
        return bool(self._rows or self._faults)

    @property
    def full(self) -> bool:
        """Whether there is enough for a batch."""
        return len(self._rows) + len(self._faults) >= _ROWS

    def add(self, row: Row) -> None:
        """Take a row in, as a record, a fault or an empty row."""
        texts = self._blank.copy()
        faults: list[tuple[str | None, str, str]] = []
        surplus: list[str] = []
        width = len(texts)
        for cell in row.cells:
            at = cell.column - 1
            if at >= width:
                surplus.append(self._text(cell, None)[0])
                continue
            texts[at], reason = self._text(cell, self._rules[at])
            if reason is not None:
                faults.append((self._header[at], texts[at], reason))
        if row.number > self.last + 1:
            self._waiting.add(self.last + 1, row.number - self.last - 1)
        self.last = row.number
        if not faults and not any(texts) and not any(surplus):
            self._waiting.add(row.number)
            return
        self.empty.take(self._waiting)
        self._waiting = Skipped()
        if row.hidden:
            self.hidden.add(row.number)
        faults += self._of_the_row(row.number, surplus)
        if faults:
            self._faults.append(_fault(row.number, faults, texts + surplus))
        else:
            self._rows.append(texts)
            self._places.append(row.number)

    def _of_the_row(self, number: int, surplus: list[str]) -> Iterator[tuple[str | None, str, str]]:
        while self._merged and self._merged[-1][0] <= number:
            begun = self._merged.pop()
            if self._touching is None or begun[1] > self._touching[1]:
                self._touching = begun
        if self._touching is not None and number <= self._touching[1]:
            _, _, column, area = self._touching
            reason = f"merged cells ({area}), of which only the first says what it holds; unmerge them"
            yield self._header[column - 1], area, reason
        filled = [text for text in surplus if text]
        if filled:
            reason = f"values beyond the {len(self._header)} columns of the header"
            yield None, filled[0], reason

    def batch(self) -> Rows:
        """Return what was gathered, and begin anew."""
        names = [f"c{i}" for i in range(len(self._header))]
        columns = zip(*self._rows, strict=True) if self._rows else [()] * len(names)
        table = pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})
        batch = Rows(columns=table, faults=tuple(self._faults), places=self._places)
        self._start()
        return batch


def _fault(number: int, faults: list[tuple[str | None, str, str]], texts: list[str]) -> Fault:
    column, value, reason = faults[0]
    for other, _, why in faults[1:]:
        reason += f"; also {why}" if other is None else f"; also column {other!r:.82}: {why}"
    return Fault(line=number, column=column, value=value, reason=reason, row=_row_text(texts))


def _row_text(texts: Sequence[str]) -> str:
    return json.dumps(texts, ensure_ascii=False)

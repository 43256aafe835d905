"""The answer of ``cemlab check``: what was taken in, what was set aside, and what can run on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text  # data is shown as it is: Text reads no markup

from cemlab.data.company import Company
from cemlab.data.intake import FileReport, Settings, take_in
from cemlab.data.intake.proposal import propose_for
from cemlab.data.intake.settings import FILE_NAME
from cemlab.data.reports import CompanyReport, TableReport
from cemlab.markup import join_words, percent
from cemlab.notebook.catalogue import Runnable, runnable

VERDICTS = {"accept": "accepted", "quarantine": "rows set aside", "reject": "REJECTED"}


def check(
    folder: Path, *, settings: Settings | None = None, advance: Callable[[int], None] | None = None
) -> CheckReport:
    """Take in a company's folder and say all there is to say of it.

    Parameters
    ----------
    folder, settings, advance
        As for :func:`cemlab.data.intake.take_in`.

    Raises
    ------
    NotFoundError, DataError
        If there is no such folder, nothing in it could be a table, or its ``cemlab.toml`` is wrong.
    """
    taken = take_in(folder, settings=settings, advance=advance)
    company = Company.of_intake(taken).check()
    there = {table.table: (*table.columns, *table.extra) for table in company.tables}
    named = settings is not None or (folder / FILE_NAME).exists()
    return CheckReport(
        files=taken.files,
        company=company,
        notebooks=runnable(there),
        proposal="" if named else propose_for(folder),
    )


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """All that a check has to say.

    Parameters
    ----------
    files
        What became of each file.
    company
        What the tables hold that could be taken in.
    notebooks
        Which notebooks can run on them.
    proposal
        The ``cemlab.toml`` that is proposed, where the folder has none; else empty.
    """

    files: Sequence[FileReport]
    company: CompanyReport
    notebooks: Sequence[Runnable]
    proposal: str = ""

    @property
    def rejected(self) -> bool:
        """Whether a file was refused as a whole."""
        return any(report.verdict == "reject" for report in self.files)

    def write_json(self, out: IO[str]) -> None:
        """Write everything as JSON, the rows that were set aside one by one."""
        json.dump(self._as_json(), out, indent=2, default=str)
        out.write("\n")

    def _as_json(self) -> dict[str, Any]:
        return {
            "company": self.company.name,
            "files": [
                {
                    "file": report.file,
                    "table": report.table,
                    "verdict": report.verdict,
                    "records": report.records,
                    "accepted": report.accepted,
                    "quarantined": _Entries(report),
                    "messages": list(report.messages),
                }
                for report in self.files
            ],
            "tables": [asdict(table) for table in self.company.tables],
            "absent": list(self.company.absent),
            "notebooks": [
                {
                    "name": entry.notebook.name,
                    "question": entry.notebook.question,
                    "can_run": entry.can_run,
                    "missing_tables": list(entry.missing_tables),
                    "missing_columns": {name: list(lacks) for name, lacks in entry.missing_columns.items()},
                }
                for entry in self.notebooks
            ],
            "proposal": self.proposal,
        }

    def show(self, console: Console) -> None:
        """Print everything for a person to read."""
        console.print(self._files_table())
        for report in self.files:
            _say(console, told(report))
        if self.company.tables:
            console.print(self._tables_table())
        for table in self.company.tables:
            _say(console, (f"{table.table}: {line}" for line in remarks(table)))
        _say(console, [f"absent: {join_words(self.company.absent) or 'none'}"])
        answers = _grid("Notebook", "Question", "Can run?")
        for entry in self.notebooks:
            verdict = "yes" if entry.can_run else f"no: {lacks(entry)}"
            answers.add_row(*map(Text, (entry.notebook.name, entry.notebook.question, verdict)))
        console.print(answers)
        if self.proposal and any(report.verdict != "accept" for report in self.files):
            console.print(
                Text("\nA cemlab.toml to begin with; nothing of it was applied (--propose FILE writes it):\n")
            )
            console.print(Text(self.proposal), soft_wrap=True)

    def _files_table(self) -> Table:
        files = _grid("File", "Verdict")
        files.title = Text(self.company.name)
        for name in ("Records", "Accepted", "Set aside"):
            files.add_column(name, justify="right", overflow="fold")
        for report in self.files:
            counts = (report.records, report.accepted, report.records - report.accepted)
            shown = ("", "", "") if report.verdict == "reject" else tuple(f"{n:,}" for n in counts)
            files.add_row(*map(Text, (report.file, VERDICTS[report.verdict], *shown)))
        return files

    def _tables_table(self) -> Table:
        tables = _grid("Table", "One row is", "Dates")
        tables.add_column("Rows", justify="right", overflow="fold")
        for table in self.company.tables:
            tables.add_row(*map(Text, (table.table, table.row, span(table), f"{table.rows:,}")))
        return tables


def _say(console: Console, lines: Iterable[str]) -> None:
    """Print lines with a hanging indent on a terminal, and each as one line anywhere else."""
    for line in lines:
        if console.is_terminal:
            console.print(Padding(Text(f"• {line}"), (0, 0, 0, 2)))
        else:
            console.print(Text(line), soft_wrap=True)


def _grid(*names: str) -> Table:
    """Return a table in which a long word is broken, not cut: nothing is hidden on a narrow terminal."""
    grid = Table()
    for name in names:
        grid.add_column(name, overflow="fold")
    return grid


def write_failure(message: str, out: IO[str]) -> None:
    """Write as JSON why a folder could not be checked at all."""
    json.dump({"company": None, "files": [], "messages": [message]}, out, indent=2)
    out.write("\n")


def told(report: FileReport) -> Iterator[str]:
    """Yield what is to be said of a file, a line each: the common faults, then what else was noticed."""
    commonest = report.quarantined.commonest()
    for column, kind, count in commonest:
        where = f"column {column!r}: " if column else ""
        yield f"{report.file}: {count:,} set aside: {where}{kind}"
    more = len(report.quarantined.reasons) - len(commonest)
    if more > 0:
        yield f"{report.file}: and {more} further reason{'s' * (more > 1)}; --quarantine DIR writes every row"
    yield from map(report.told, report.messages)


def span(table: TableReport) -> str:
    """Say from when to when a table's dates go, and on how many of the days between it has rows."""
    if table.first_day is None or table.last_day is None:
        return ""
    days = (table.last_day - table.first_day).days + 1
    if days == 1:
        return str(table.first_day)
    return f"{table.first_day} to {table.last_day}, rows on {table.days:,} of {days:,} days"


def remarks(table: TableReport) -> Iterator[str]:
    """Yield what an analyst should know of a table before using it."""
    if table.missing:
        yield f"not there: {', '.join(table.missing)}"
    if table.extra:
        yield f"further columns, kept as they are: {', '.join(table.extra)}"
    if table.copies:
        yield f"{table.copies:,} rows equal an earlier one in every column; they were kept"
    for column, n in table.later.items():
        yield f"{column} lies after the last day observed (as_of) in {n:,} of {table.rows:,} rows"
    for column, blanks in table.blanks.items():
        yield f"{column} is missing in {blanks:,} of {table.rows:,} rows ({percent(blanks / table.rows)})"


def lacks(entry: Runnable) -> str:
    """Say what a notebook lacks."""
    tables = [f"the table {name}" for name in entry.missing_tables]
    columns = [
        f"the column(s) {', '.join(missing)} of {name}" for name, missing in entry.missing_columns.items()
    ]
    return f"it needs {join_words([*tables, *columns])}"


class _Entries(list[dict[str, Any]]):
    """The rows set aside, as a list that is read while JSON is written, so that millions need no memory."""

    def __init__(self, report: FileReport) -> None:
        super().__init__()
        self._report = report

    def __len__(self) -> int:
        return self._report.records - self._report.accepted

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for fault in self._report.quarantined:
            yield {
                "line": fault.line,
                "column": fault.column,
                "value": fault.value,
                "reason": fault.reason,
            }

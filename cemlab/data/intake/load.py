"""A folder taken in: each file with its verdict, each table on the engine, nothing lost between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data import engine
from cemlab.data.contract import TABLES
from cemlab.data.intake.batch import Fault
from cemlab.data.intake.folder import survey
from cemlab.data.intake.parts import Advance, Part, TableIntake
from cemlab.data.intake.plan import Settings, TableRule
from cemlab.data.intake.quarantine import Quarantine
from cemlab.data.intake.rules import FILE, broken_rows
from cemlab.data.intake.settings import settings_beside
from cemlab.data.intake.staging import Staging
from cemlab.data.intake.stored import stored_rows
from cemlab.data.intake.written import RECORD
from cemlab.errors import CemlabError, DataError
from cemlab.markup import join_words

Verdict = Literal["accept", "quarantine", "reject"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FileReport:
    """What became of one file.

    Parameters
    ----------
    file
        Its name.
    table
        The table it belongs to; None where it belongs to none.
    verdict
        ``accept``: every record is a row of the table. ``quarantine``: some were set aside. ``reject``:
        something is wrong with the file as a whole, and nothing was taken from it.
    records, accepted
        How many records it has, and how many of them are rows of the table; both 0 where it was rejected.
    messages
        Why it was rejected; else what was noticed and cost no row.
    quarantined
        The records that were set aside, in the order of the file; `records` less `accepted` of them.
        Each iteration reads them anew.
    fault
        The error that a rejected file would raise.
    """

    file: str
    table: str | None
    verdict: Verdict
    records: int
    accepted: int
    messages: tuple[str, ...]
    quarantined: Quarantine = field(repr=False)
    fault: CemlabError | None = field(default=None, repr=False)

    def told(self, message: str) -> str:
        """Return a message with the file's name before it, once."""
        return message if message.startswith(self.file) else f"{self.file}: {message}"

    def set_aside(self) -> str:
        """Say how many rows were set aside, and for what above all; empty where none was."""
        aside = self.records - self.accepted
        if not aside:
            return ""
        why = [
            f"{count:,} × {f'column {column!r}: ' if column else ''}{kind}"
            for column, kind, count in self.quarantined.commonest(5)
        ]
        more = len(self.quarantined.reasons) - len(why)
        if more:
            why.append(f"and {more} further reason{'s' * (more > 1)}")
        return f"{self.file}: {aside:,} of {self.records:,} rows were set aside ({'; '.join(why)})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Intake:
    """A folder after it was taken in.

    Parameters
    ----------
    folder, settings
        What was taken in, and how.
    files
        One report a file, in the order of their names.
    tables
        The tables all of whose files could be taken in, typed as the contract states.
    staged
        Those of them that are one finished Parquet file of ours.
    staging
        The folder that holds what is kept of them.
    connection
        The engine they lie on.
    """

    folder: Path
    settings: Settings
    files: tuple[FileReport, ...]
    tables: Mapping[str, ir.Table]
    staged: Mapping[str, Path] = field(repr=False)
    staging: Staging = field(repr=False)
    connection: Any = field(repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the data, before and now, as it shall stand beside every result."""
        return (*self.settings.notes, *filter(None, (report.set_aside() for report in self.files)))

    @property
    def rejected(self) -> tuple[FileReport, ...]:
        """The files that were refused as a whole."""
        return tuple(report for report in self.files if report.verdict == "reject")


def take_in(
    folder: Path,
    *,
    settings: Settings | None = None,
    stage_beside: Path | None = None,
    advance: Advance | None = None,
) -> Intake:
    """Read every table of a folder: what can be taken as the contract states it, and what must be set aside.

    Every record of every file is either accepted or set aside with its place and its reason.

    Parameters
    ----------
    folder
        The folder.
    settings
        How to read it; what its ``cemlab.toml`` says, if not given.
    stage_beside
        A folder in which accepted rows of text files and workbooks are kept meanwhile; the system's
        temporary folder if not given.
    advance
        Called with the number of bytes that were read, for a progress bar.

    Returns
    -------
    Intake
        With a verdict for each file. Nothing is raised for a file that is no good.

    Raises
    ------
    NotFoundError
        If there is no such folder.
    DataError
        If its ``cemlab.toml`` cannot be understood.

    Examples
    --------
    >>> from cemlab.places import bundled
    >>> taken = take_in(bundled("data") / "small")
    >>> [(report.file, report.verdict) for report in taken.files][0]
    ('customers.csv', 'accept')
    """
    if settings is None:
        settings = settings_beside(folder) if folder.is_dir() else Settings()
    sources = survey(folder, settings)
    staging = Staging(stage_beside)
    aside = Staging()
    connection = engine.connect(folder, staging.folder)
    staging.keep_with(connection)
    parts = [
        Part(
            source=source,
            quarantine=Quarantine(aside, f"aside-{i}"),
            rejected=None if source.refusal is None else DataError(source.refusal),
        )
        for i, source in enumerate(sources)
    ]
    by_table: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if part.source.table is not None:
            by_table[part.source.table].append(part)
    tables: dict[str, ir.Table] = {}
    for name, of_table in by_table.items():
        intake = TableIntake(
            table=TABLES[name], settings=settings, connection=connection, staging=staging, advance=advance
        )
        table = _take_table(intake, of_table)
        if table is not None:
            tables[name] = table
    return Intake(
        folder=folder,
        settings=settings,
        files=tuple(_report(part, folder) for part in parts),
        tables=tables,
        staged={
            name: only.staged
            for name, (only, *others) in by_table.items()
            if name in tables and not others and only.staged and RECORD not in only.columns
        },
        staging=staging,
        connection=connection,
    )


def _take_table(intake: TableIntake, parts: Sequence[Part]) -> ir.Table | None:
    """Take in all files of one table; None if one was rejected, for a part would pass for the whole."""
    for part in parts:
        if not part.rejected:
            part.rejected = _taken(intake, part)
    good = [part for part in parts if not part.rejected]
    if not good:
        return None
    _tell_lacking(good)
    rules = intake.row_rules(_together(good).columns)
    if rules:
        _apply_row_rules(intake, good, rules)
    if len(good) == len(parts):
        return _together(parts).drop(RECORD, FILE)
    for part in good:
        part.messages.append(
            f"the table {intake.table.name} is not there, for another of its files was rejected"
        )
    return None


def _taken(intake: TableIntake, part: Part) -> CemlabError | None:
    """Take in one file; return what is wrong with it as a whole."""
    try:
        intake.take(part)
    except CemlabError as error:
        return error
    except AssertionError:
        raise  # a promise of ours was broken: nothing may go on from there
    except Exception as error:
        # one file that nobody foresaw must not keep the others from being told of
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        return DataError(
            f"{part.label}: cannot be taken in, for an unforeseen reason ({type(error).__name__}: {said}); "
            "nothing was taken from it; please report this"
        )
    return None


def _tell_lacking(parts: Sequence[Part]) -> None:
    """Say which columns a file lacks that another file of the same table has."""
    every = {name for part in parts for name in part.columns}
    for part in parts:
        lacking = sorted(every - set(part.columns) - {RECORD})
        if lacking:
            part.messages.append(
                f"it lacks {join_words(lacking)}, which other files of {part.source.table} have; "
                "missing in its rows"
            )


def _apply_row_rules(intake: TableIntake, parts: Sequence[Part], rules: Sequence[TableRule]) -> None:
    """Set aside the rows that break a rule between rows."""

    def place(file: int, record: int) -> str:
        where = f"{'row' if parts[file].source.kind == 'parquet' else 'line'} {record}"
        return where if len(parts) == 1 else f"{where} of {parts[file].label}"

    found = broken_rows(_together(parts), rules, place=place)
    by_file: dict[int, dict[int, tuple[str, str, str]]] = defaultdict(dict)
    for row in found.to_pylist():
        by_file[row[FILE]][row[RECORD]] = (row["column"], row["reason"], row["kind"])
    for i, broken in by_file.items():
        part = parts[i]
        names = {rule.name: rule.source or rule.name for rule in intake.rules(part, part.header)}
        for line, record, text in _records(intake, part, set(broken)):
            column, reason, kind = broken[line]
            source = names.get(column, column)
            fault = Fault(line=line, column=source, value=record.get(source, ""), reason=reason, row=text)
            part.quarantine.add(fault, kind=kind)
        part.quarantine.end_run()
        lines = ibis.memtable(pa.table({RECORD: pa.array(list(broken), pa.int64())}))
        assert part.rows is not None  # every part was taken in
        intake.stage(part, part.rows.anti_join(lines, RECORD))
        part.check_complete()


def _records(intake: TableIntake, part: Part, lines: set[int]) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield place, values and text of some records, reading the file again: only broken rows pay for it."""
    if part.source.kind == "parquet":
        yield from stored_rows(part.raw, lines)
        return
    reader = intake.reader(part)
    for batch in reader.batches():
        wanted = [row for row in range(batch.columns.num_rows) if batch.line(row) in lines]
        texts = batch.columns.take(wanted).rename_columns(list(reader.header)).to_pylist()
        for row, text in zip(wanted, texts, strict=True):
            yield batch.line(row), text, batch.row_text(row)


def _together(parts: Sequence[Part]) -> ir.Table:
    """Put the files of a table under each other, each row with its file; what one lacks is missing there."""
    types: dict[str, Any] = {}
    for part in parts:
        assert part.rows is not None  # every part was taken in
        for name, kind in part.rows.schema().items():
            # a further column may be text in one file and a number in another
            types[name] = kind if types.get(name, kind) == kind else ibis.dtype("string")
    rows = [
        part.rows.select(
            **{
                name: part.rows[name].cast(kind) if name in part.rows.columns else ibis.null(kind)
                for name, kind in types.items()
            },
            **({} if RECORD in types else {RECORD: ibis.literal(0, "int64")}),
            **{FILE: ibis.literal(i, "int64")},
        )
        for i, part in enumerate(parts)
        if part.rows is not None
    ]
    return rows[0] if len(rows) == 1 else ibis.union(*rows)


def _report(part: Part, folder: Path) -> FileReport:
    # the name as it is; in messages, a name with control characters is shown escaped
    file = part.source.path.relative_to(folder).as_posix()
    if part.rejected:
        return FileReport(
            file=file,
            table=part.source.table,
            verdict="reject",
            records=0,
            accepted=0,
            messages=(str(part.rejected),),
            quarantined=part.quarantine.emptied(),
            fault=part.rejected,
        )
    return FileReport(
        file=file,
        table=part.source.table,
        verdict="quarantine" if part.quarantine.rows else "accept",
        records=part.records,
        accepted=part.accepted,
        messages=tuple(part.messages),
        quarantined=part.quarantine,
    )

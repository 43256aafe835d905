"""One file taken in: every record is either a typed row of the table or set aside with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis.expr.types as ir

from cemlab.data.contract import Table
from cemlab.data.intake.batch import Reader
from cemlab.data.intake.folder import Source
from cemlab.data.intake.parquet import verify
from cemlab.data.intake.plan import ColumnRule, Settings, TableRule, TableSettings
from cemlab.data.intake.quarantine import Quarantine
from cemlab.data.intake.settings import column_rules, overlooked
from cemlab.data.intake.staging import Staging
from cemlab.data.intake.stored import ROW, StoredTyping
from cemlab.data.intake.text import open_delimited
from cemlab.data.intake.workbook import open_workbook
from cemlab.data.intake.written import Broken, WrittenTyping
from cemlab.errors import CemlabError

Advance = Callable[[int], None]


@dataclass(kw_only=True)
class Part:
    """One file on its way into a table.

    Parameters
    ----------
    source
        The file.
    quarantine
        Its rows that were set aside.
    records, accepted
        How many records it has, and how many are rows of the table.
    messages
        What was noticed and cost no row.
    rejected
        Why the file as a whole was refused; None if it was not.
    header
        The columns of the file.
    rows
        The accepted rows, with their place under :data:`~cemlab.data.intake.written.RECORD` where rules
        between rows may need it.
    staged
        Where they are kept, unless they stay where they are.
    raw
        A Parquet file as it is, on the engine.
    """

    source: Source
    quarantine: Quarantine
    records: int = 0
    accepted: int = 0
    messages: list[str] = field(default_factory=list)
    rejected: CemlabError | None = None
    header: tuple[str, ...] = ()
    rows: ir.Table | None = None
    staged: Path | None = None
    raw: ir.Table | None = None

    def check_complete(self) -> None:
        """Make sure of what the whole of intake promises: every record is accepted or set aside."""
        if self.records != self.accepted + self.quarantine.rows:
            raise AssertionError(
                f"{self.label}: {self.records} records, but {self.accepted} accepted and "
                f"{self.quarantine.rows} set aside"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its accepted rows."""
        return () if self.rows is None else tuple(self.rows.columns)

    @property
    def label(self) -> str:
        """The file's name in messages, with its folder where it is one of several parts in one."""
        return self.source.label


@dataclass(frozen=True, kw_only=True)
class TableIntake:
    """Takes in the files of one table.

    Parameters
    ----------
    table
        The table of the contract.
    settings
        What was said of the company, and so of this table.
    connection, staging
        The engine, and where accepted rows of text files are kept for it.
    """

    table: Table
    settings: Settings
    connection: Any
    staging: Staging
    advance: Advance | None = None

    @property
    def said(self) -> TableSettings:
        """What was said of this table."""
        return self.settings.tables.get(self.table.name, TableSettings(table=self.table.name))

    def row_rules(self, columns: Collection[str]) -> tuple[TableRule, ...]:
        """Return the rules between rows and columns: the contract's, where they apply, and those declared."""
        rules = list(self.said.rules)
        if self.table.ordered is not None and set(self.table.ordered) <= set(columns):
            rules.insert(0, TableRule(rule="ordered", columns=self.table.ordered))
        if self.table.unique:
            rules.insert(0, TableRule(rule="unique", columns=self.table.key))
        return tuple(rules)

    def take(self, part: Part) -> None:
        """Take in one file; what is wrong with it as a whole is raised."""
        if part.source.kind == "parquet":
            self._take_stored(part)
        else:
            self._take_written(part)
        part.check_complete()
        if not part.records and part.source.kind == "parquet":
            part.messages.append("no records")
        part.messages += overlooked(self.table, self.rules(part, part.header))

    def reader(self, part: Part, *, advance: Advance | None = None) -> Reader:
        """Open a text file or workbook."""
        if part.source.kind == "workbook":
            return open_workbook(
                part.source.path,
                self.said.dialect,
                lambda header: self._described(self.rules(part, header)),
                advance=advance,
            )
        return open_delimited(part.source.path, self.said.dialect, advance=advance)

    def rules(self, part: Part, header: tuple[str, ...]) -> tuple[ColumnRule, ...]:
        """Return how the columns of the table come from a file with this header."""
        said = self.settings.tables.get(self.table.name)
        return column_rules(self.table, said, header, time_zone=self.settings.time_zone, where=part.label)

    def _described(self, rules: tuple[ColumnRule, ...]) -> dict[str, ColumnRule]:
        """Return by column of the file the rules of those that the contract or the settings describe."""
        return {rule.source: rule for rule in rules if rule.source is not None and self._knows(rule)}

    def _knows(self, rule: ColumnRule) -> bool:
        return self.table.column(rule.name) is not None or rule.name in self.said.columns

    def _take_written(self, part: Part) -> None:
        reader = self.reader(part, advance=self.advance)
        part.header = reader.header
        rules = self.rules(part, reader.header)
        typing = WrittenTyping(
            self.connection,
            header=reader.header,
            rules=rules,
            filters=self.said.filters,
            with_places=bool(self.row_rules([rule.name for rule in rules])),
            **self._marks(),
        )
        missing: Counter[tuple[str, str]] = Counter()
        with self.staging.writing(self.table.name) as writer:
            writer.write(typing.empty())
            for batch in reader.batches():
                good, broken = typing.split(batch)
                writer.write(good)
                part.records += batch.columns.num_rows + len(batch.faults)
                ragged = [Broken(fault=fault, kind=fault.reason) for fault in batch.faults]
                for entry in sorted(ragged + broken, key=lambda entry: entry.fault.line):
                    part.quarantine.add(entry.fault, kind=entry.kind)
                for column, code, count in typing.missing(batch):
                    missing[column, code] += count
        part.quarantine.end_run()
        self._use_staged(part, writer.path)
        part.messages += reader.messages
        if missing:
            told = [f"{count:,} × {code!r} in {column!r}" for (column, code), count in missing.most_common()]
            more = f" and {len(told) - 5} more" if len(told) > 5 else ""
            part.messages.append(f"taken for missing, as declared: {', '.join(told[:5])}{more}")

    def _take_stored(self, part: Part) -> None:
        part.records = verify(part.source.path)
        raw = self.connection.read_parquet(
            str(part.source.path), table_name=f"stored_{uuid4().hex}", file_row_number=True
        )
        part.raw, part.header = raw, tuple(name for name in raw.columns if name != ROW)
        rules = self.rules(part, part.header)
        stored = StoredTyping(
            raw,
            rules=rules,
            as_they_are={rule.name for rule in rules if not self._knows(rule)},
            where=part.label,
            filters=self.said.filters,
            **self._marks(),
        )
        if not stored.n_broken():
            part.rows, part.accepted = stored.good(), part.records
            return
        for entry in stored.broken():
            part.quarantine.add(entry.fault, kind=entry.kind)
        part.quarantine.end_run()
        self.stage(part, stored.good())

    def stage(self, part: Part, rows: ir.Table) -> None:
        """Keep the rows that are left of a part in a file of ours."""
        self._use_staged(part, self.staging.keep(self.table.name, rows))

    def _use_staged(self, part: Part, path: Path) -> None:
        part.staged = path
        part.rows = self.connection.read_parquet(str(path), table_name=f"staged_{uuid4().hex}")
        # counted in the file that was written, not as it was written
        part.accepted = int(part.rows.count().to_pyarrow().as_py())

    def _marks(self) -> dict[str, str]:
        said = self.said.defaults
        return {"decimal": str(said.get("decimal", ".")), "thousands": str(said.get("thousands", ""))}

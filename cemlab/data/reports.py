"""What the tables of a company hold: rows, columns, dates, blanks and copies."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from cemlab.data.contract import TABLES
from cemlab.data.engine import rows
from cemlab.data.intake.rules import copies
from cemlab.markup import html_table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

# Columns asked about in one query: the engine plans thousands at once in minutes and gigabytes.
_AT_ONCE = 200
# Columns that a short table names, and tables beyond which it is folded.
_SHOWN = 7
_MANY = 8


@dataclass(frozen=True, kw_only=True)
class TableReport:
    """What one table of a company holds.

    Parameters
    ----------
    table, row
        Its name, and what one row is.
    rows
        How many rows it has.
    columns
        The columns of the contract that are there.
    missing
        The columns of the contract that are not; none of them is required.
    extra
        Columns that the contract does not know; they are kept as they are.
    blanks
        By column, in how many rows it has no value; columns without blanks are not named.
    first_day, last_day, days
        The span of its dates, and how many different days stand in it; None and 0 where it has no dates.
    copies
        How many rows equal an earlier one in every column.
    later
        By column of dates, how many lie after the last day that anything could have been seen on, where that
        was stated.
    """

    table: str
    row: str
    rows: int
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    blanks: Mapping[str, int] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None
    days: int = 0
    copies: int = 0
    later: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CompanyReport:
    """What a company's tables hold, and which tables of the contract are absent."""

    name: str
    tables: tuple[TableReport, ...]
    absent: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a table: table, one_row, rows, columns, missing, extra."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "table": report.table,
                    "one row is": report.row,
                    "rows": report.rows,
                    "columns there": ", ".join(report.columns),
                    "columns missing": ", ".join(report.missing),
                    "further columns": ", ".join(report.extra),
                }
                for report in self.tables
            ]
        )

    def __repr__(self) -> str:
        absent = ", ".join(self.absent) or "none"
        return f"{self.name}\n{self.to_frame().to_string(index=False)}\nAbsent: {absent}"

    def _repr_html_(self) -> str:
        return overview(
            self.name,
            {report.table: report.rows for report in self.tables},
            {report.table: (*report.columns, *report.extra) for report in self.tables},
        )


def overview(name: str, n_rows: Mapping[str, int], columns: Mapping[str, Sequence[str]]) -> str:
    """Return a short table of a company's tables as HTML: what one row is, how many, and the first columns.

    Where there are many tables it is folded: a reader of one notebook needs three of them.

    Parameters
    ----------
    name
        The company's name.
    n_rows, columns
        Rows and columns of each table.
    """
    import pandas as pd

    shown = [
        {"table": table, "one row is": TABLES[table].row, "rows": n, "columns": _some(columns[table])}
        for table, n in n_rows.items()
    ]
    told = html_table(pd.DataFrame(shown), caption=f"{name}: the tables that are there")
    if len(shown) <= _MANY:
        return told
    summary = f"{name}: {len(shown)} tables, {sum(n_rows.values()):,} rows"
    return f"<details><summary>{html.escape(summary)}</summary>{told}</details>"


def _some(columns: Sequence[str]) -> str:
    more = len(columns) - _SHOWN
    return ", ".join(columns) if more <= 1 else f"{', '.join(columns[:_SHOWN])} and {more} more"


def report_table(name: str, table: ir.Table, *, as_of: date | None = None) -> TableReport:
    """Say what a table holds.

    Parameters
    ----------
    name
        In the contract.
    table
        Its rows.
    as_of
        The last day that anything could have been seen on, where it was stated.
    """
    known = tuple(column.name for column in TABLES[name].columns)
    dates = [c.name for c in TABLES[name].columns if c.form in ("date", "time") and c.name in table.columns]
    found = _counted(table, dates, as_of=as_of)
    return TableReport(
        table=name,
        row=TABLES[name].row,
        rows=found["n"],
        columns=tuple(c for c in known if c in table.columns),
        missing=tuple(c for c in known if c not in table.columns),
        extra=tuple(c for c in table.columns if c not in known),
        blanks=_blanks(table),
        first_day=found.get("first"),
        last_day=found.get("last"),
        days=found.get("days", 0),
        copies=copies(table),
        later={c: found[f"later{i}"] for i, c in enumerate(dates) if found.get(f"later{i}")},
    )


def _counted(table: ir.Table, dates: list[str], *, as_of: date | None) -> dict[str, Any]:
    asked: dict[str, Any] = {"n": table.count()}
    if dates:
        # the first date of the contract is the one that says when the row happened
        day = table[dates[0]].cast("date")
        asked |= {"first": day.min(), "last": day.max(), "days": day.nunique()}
    if as_of is not None:
        asked |= {
            f"later{i}": table.count(where=table[column].cast("date") > as_of)
            for i, column in enumerate(dates)
        }
    (found,) = rows(table.aggregate(**asked))
    return found


def _blanks(table: ir.Table) -> dict[str, int]:
    """Return by column in how many rows it has no value, for those where there are any."""
    counted: dict[str, int] = {}
    for start in range(0, len(table.columns), _AT_ONCE):
        columns = table.columns[start : start + _AT_ONCE]
        # internal names: a column of the file may be called anything
        asked = {f"c{i}": table.count(where=table[column].isnull()) for i, column in enumerate(columns)}
        (found,) = rows(table.aggregate(**asked))
        counted |= {column: found[f"c{i}"] for i, column in enumerate(columns)}
    return {column: n for column, n in counted.items() if n}

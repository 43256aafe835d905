"""Company: the tables of one company on an engine, checked against the contract."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import ibis

from cemlab.data.contract import TABLES
from cemlab.errors import NotFoundError, OptionError, one_of
from cemlab.markup import html_table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


# Days without a date in any table after which a last date is taken for planned or mistyped.
_LONELY = 92


@dataclass(frozen=True, kw_only=True)
class CompanyInfo:
    """What is said of a company as a whole.

    Parameters
    ----------
    name
        The company's or data set's name.
    source
        The line that stands under every figure made from it.
    currency
        The one currency of all money columns, e.g. ``"GBP"``.
    duration_unit
        The unit of durations recorded without dates, e.g. ``"months"``.
    fictional
        Whether the company was made up, which is then said wherever it is shown.
    as_of
        The last day on which anything could have been observed.
    notes
        What was done to the data before they became tables, with counts.
    """

    name: str
    source: str
    currency: str = ""
    duration_unit: str = "days"
    fictional: bool = False
    as_of: date | None = None
    notes: tuple[str, ...] = ()


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
    """

    table: str
    row: str
    rows: int
    columns: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


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
        frame = self.to_frame()
        both = [
            ", ".join(filter(None, names))
            for names in zip(frame["columns there"], frame["further columns"], strict=True)
        ]
        shown = frame[["table", "one row is", "rows"]].assign(columns=both)
        return html_table(shown, caption=f"{self.name}: the tables that are there")


@dataclass(frozen=True, eq=False, kw_only=True)
class Company:
    """The tables of one company.

    Parameters
    ----------
    info
        What is said of the company as a whole.
    tables
        Ibis tables by their names in the contract, typed and checked.

    Examples
    --------
    >>> from cemlab.places import bundled
    >>> company = Company.open(bundled("data") / "small")
    >>> company.table("transactions").columns[:2]
    ('customer', 'date')
    """

    info: CompanyInfo
    tables: Mapping[str, ir.Table] = field(repr=False)

    @classmethod
    def open(
        cls,
        path_or_url: str | Path,
        *,
        name: str | None = None,
        currency: str = "",
        duration_unit: str = "days",
        as_of: date | None = None,
    ) -> Company:
        """Open a folder of CSV or Parquet files, one file a table, named as in the data contract.

        Parameters
        ----------
        path_or_url
            The folder, as a path or as a ``file://`` address.
        name
            What to call the company; the folder's name if not given.
        currency
            The currency of its money columns.
        duration_unit
            The unit of durations recorded without dates.
        as_of
            The last day observed; if not given, the last date that stands in any table.

        Returns
        -------
        Company
            Its tables on an embedded DuckDB that can read nothing outside the folder.

        Raises
        ------
        NotFoundError, DataError, ColumnError, OptionError
            If the folder or its files are not what the contract states; one line says where and what to do.
        """
        from cemlab.data import engine, intake

        folder = _folder(path_or_url)
        sources = intake.find_sources(folder)
        connection = engine.connect(folder)
        tables = {key: intake.read(connection, source) for key, source in sources.items()}
        title = name or folder.resolve().name
        info = CompanyInfo(
            name=title, source=title, currency=currency, duration_unit=duration_unit, as_of=as_of
        )
        return cls(info=info, tables=tables)

    def __post_init__(self) -> None:
        for key in self.tables:
            if key not in TABLES:
                raise NotFoundError(one_of(key, TABLES, what="table in the data contract"))

    def table(self, name: str) -> ir.Table:
        """Return one table.

        Raises
        ------
        NotFoundError
            If the contract knows no such table, or this company does not have it.
        """
        if name not in TABLES:
            raise NotFoundError(one_of(name, TABLES, what="table in the data contract"))
        if name not in self.tables:
            there = ", ".join(self.tables) or "none"
            raise NotFoundError(
                f"{self.info.name} has no table {name!r} (one row = {TABLES[name].row}); there are: {there}"
            )
        return self.tables[name]

    @cached_property
    def as_of(self) -> date:
        """The last day observed: as stated, or else the last date that stands in any table.

        Raises
        ------
        OptionError
            If there is no date, or the last one stands so far from all others that it looks planned or
            mistyped: everything that is counted up to this day would silently be wrong.
        """
        if self.info.as_of is not None:
            return self.info.as_of
        last = [
            day
            for name, table in self.tables.items()
            for column in TABLES[name].columns
            if column.form in ("date", "time") and column.name in table.columns
            for day in _last_days(table, column.name)
        ]
        days = sorted(set(last), reverse=True)
        if not days:
            raise OptionError(f"{self.info.name} has no dates; state the last day observed with as_of=")
        gap = (days[0] - days[1]).days if len(days) > 1 else 0
        if gap > _LONELY:
            raise OptionError(
                f"{self.info.name}: the last date is {days[0]}, {gap:,} days after the one before it "
                f"({days[1]}); correct it if it is planned or mistyped, or state the last day "
                "observed with as_of="
            )
        return days[0]

    def check(self) -> CompanyReport:
        """Say what is there and what is missing, table by table."""
        reports = []
        for name, table in self.tables.items():
            known = tuple(column.name for column in TABLES[name].columns)
            reports.append(
                TableReport(
                    table=name,
                    row=TABLES[name].row,
                    rows=int(table.count().to_pyarrow().as_py()),
                    columns=tuple(c for c in known if c in table.columns),
                    missing=tuple(c for c in known if c not in table.columns),
                    extra=tuple(c for c in table.columns if c not in known),
                )
            )
        absent = tuple(name for name in TABLES if name not in self.tables)
        return CompanyReport(name=self.info.name, tables=tuple(reports), absent=absent)

    def _repr_html_(self) -> str:
        told = f"<p>{html.escape(self.info.source)}</p>" if self.info.source != self.info.name else ""
        return f"{self.check()._repr_html_()}{told}"


def _last_days(table: ir.Table, column: str) -> list[date]:
    """Return the two last distinct days of a column."""
    days = table.select(day=table[column].cast("date")).distinct()
    found = days.filter(days["day"].notnull()).order_by(ibis.desc("day")).limit(2).to_pyarrow()
    return [row["day"] for row in found.to_pylist()]


def _folder(path_or_url: str | Path) -> Path:
    text = str(path_or_url)
    if "://" not in text:
        return Path(text).expanduser()
    address = urlsplit(text)
    if address.scheme != "file" or address.netloc not in ("", "localhost"):
        raise OptionError(
            f"cannot open {text!r}: only folders can be opened so far, as a path or as file:///path/to/folder"
        )
    return Path(unquote(address.path))

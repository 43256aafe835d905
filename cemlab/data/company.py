"""Company: the tables of one company on an engine, checked against the contract."""

from __future__ import annotations

import html
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import ibis

from cemlab.data.contract import TABLES
from cemlab.data.engine import rows
from cemlab.errors import DataError, LeftOutWarning, NotFoundError, OptionError, one_of
from cemlab.markup import html_table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.intake import FileReport, Intake
    from cemlab.data.intake.plan import Settings


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
    blanks
        By column, in how many rows it has no value; columns without blanks are not named.
    first_day, last_day, days
        The span of its dates, and how many different days stand in it; None and 0 where it has no dates.
    copies
        How many rows equal an earlier one in every column.
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
    files
        What became of each file they were read from, with the rows that were set aside.

    Examples
    --------
    >>> from cemlab.places import bundled
    >>> company = Company.open(bundled("data") / "small")
    >>> company.table("transactions").columns[:2]
    ('customer', 'date')
    """

    info: CompanyInfo
    tables: Mapping[str, ir.Table] = field(repr=False)
    files: tuple[FileReport, ...] = field(default=(), repr=False)

    @classmethod
    def open(
        cls,
        path_or_url: str | Path,
        *,
        name: str | None = None,
        currency: str | None = None,
        duration_unit: str | None = None,
        as_of: date | None = None,
        settings: Settings | None = None,
    ) -> Company:
        """Open a folder of CSV, Excel or Parquet files, named as in the data contract or in ``cemlab.toml``.

        Rows that break the contract are set aside, with a :class:`~cemlab.errors.LeftOutWarning` that says
        how many and why; a file that is no good as a whole is an error.

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
        settings
            How to read the files; what the folder's ``cemlab.toml`` says, if not given. What it says of name,
            currency, unit and last day holds where the argument is not given.

        Returns
        -------
        Company
            Its tables on an embedded DuckDB that can read nothing outside the folder but copies of its own;
            what was set aside stands in ``info.notes`` and ``files``.

        Raises
        ------
        NotFoundError, DataError, ColumnError, OptionError
            If the folder or its files are not what the contract states; one line says where and what to do.
        """
        from cemlab.data import intake

        taken = intake.take_in(_folder(path_or_url), settings=settings)
        if taken.rejected:
            fault = taken.rejected[0].fault
            assert fault is not None  # a rejected file has one
            raise fault
        opened = cls.of_intake(taken)
        for report in taken.files:
            if report.records and not report.accepted:
                raise DataError(f"{opened.info.name}: no row could be taken in. {report.set_aside()}")
        for report in taken.files:
            if report.set_aside():
                warnings.warn(report.set_aside(), LeftOutWarning, stacklevel=2)
        said = opened.info
        info = replace(
            said,
            name=name or said.name,
            source=name or said.source,
            currency=said.currency if currency is None else currency,
            duration_unit=duration_unit or said.duration_unit,
            as_of=as_of or said.as_of,
        )
        return replace(opened, info=info)

    @classmethod
    def of_intake(cls, taken: Intake) -> Company:
        """Return the company whose folder was taken in, with the tables that could be.

        Parameters
        ----------
        taken
            From :func:`cemlab.data.intake.take_in`.

        Raises
        ------
        DataError
            If there was no file that could be a table.
        """
        if not taken.files:
            raise DataError(
                f"{taken.folder} holds no table; put CSV, Excel or Parquet files there, named as in the data "
                "contract, e.g. transactions.csv"
            )
        said = taken.settings
        name = said.name or taken.folder.resolve().name
        info = CompanyInfo(
            name=name,
            source=name,
            currency=said.currency or "",
            duration_unit=said.duration_unit or "days",
            as_of=said.as_of,
            notes=taken.notes,
        )
        return cls(info=info, tables=taken.tables, files=taken.files)

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
        reports = tuple(_table_report(name, table) for name, table in self.tables.items())
        absent = tuple(name for name in TABLES if name not in self.tables)
        return CompanyReport(name=self.info.name, tables=reports, absent=absent)

    def _repr_html_(self) -> str:
        told = f"<p>{html.escape(self.info.source)}</p>" if self.info.source != self.info.name else ""
        return f"{self.check()._repr_html_()}{told}"


def _table_report(name: str, table: ir.Table) -> TableReport:
    known = tuple(column.name for column in TABLES[name].columns)
    dates = [c.name for c in TABLES[name].columns if c.form in ("date", "time") and c.name in table.columns]
    # the first date of the contract is the one that says when the row happened
    day = table[dates[0]].cast("date") if dates else None
    span = {} if day is None else {"first": day.min(), "last": day.max(), "days": day.nunique()}
    # internal names: a column of the file may be called anything
    blanks = {f"c{i}": table.count(where=table[column].isnull()) for i, column in enumerate(table.columns)}
    (found,) = rows(table.aggregate(n=table.count(), **span, **blanks))
    return TableReport(
        table=name,
        row=TABLES[name].row,
        rows=found["n"],
        columns=tuple(c for c in known if c in table.columns),
        missing=tuple(c for c in known if c not in table.columns),
        extra=tuple(c for c in table.columns if c not in known),
        blanks={c: found[f"c{i}"] for i, c in enumerate(table.columns) if found[f"c{i}"]},
        first_day=found.get("first"),
        last_day=found.get("last"),
        days=found.get("days", 0),
        copies=found["n"] - int(rows(table.distinct().count().as_table())[0].popitem()[1]),
    )


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

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
from cemlab.data.reports import CompanyReport, overview, report_table
from cemlab.errors import DataError, LeftOutWarning, NotFoundError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

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
    folder
        Where its files lie; None where they are no folder of files.
    notes
        What was done to the data before they became tables, with counts.
    """

    name: str
    source: str
    currency: str = ""
    duration_unit: str = "days"
    fictional: bool = False
    as_of: date | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()


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
            source=_source(name, fictional=said.fictional) if name else said.source,
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
            source=_source(name, fictional=said.fictional),
            currency=said.currency or "",
            duration_unit=said.duration_unit or "days",
            fictional=said.fictional,
            as_of=said.as_of,
            folder=taken.folder,
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
        reports = tuple(
            report_table(name, table, as_of=self.info.as_of) for name, table in self.tables.items()
        )
        absent = tuple(name for name in TABLES if name not in self.tables)
        return CompanyReport(name=self.info.name, tables=reports, absent=absent)

    def _repr_html_(self) -> str:
        told = f"<p>{html.escape(self.info.source)}</p>" if self.info.source != self.info.name else ""
        # the rows alone are counted: what `check` looks for besides takes seconds where tables are many
        n_rows = {name: table.count().to_pyarrow().as_py() for name, table in self.tables.items()}
        columns = {name: table.columns for name, table in self.tables.items()}
        return f"{overview(self.info.name, n_rows, columns)}{told}"


def _source(name: str, *, fictional: bool) -> str:
    return f"{name}, a fictional company" if fictional else name


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

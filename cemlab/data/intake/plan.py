"""How a file becomes a table: what ``cemlab.toml`` can say, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from cemlab.data.contract import Form


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a text file or sheet is written.

    Parameters
    ----------
    encoding
        Name of the encoding; a byte order mark of UTF-8 is skipped in any case.
    delimiter
        What stands between two fields; None for a comma, or a tab where the file's name ends in .tsv.
    skip_lines
        Lines (rows of a sheet) above the header that are no data.
    skip_below_header
        Records below the header that explain it and are no data.
    names
        The columns' names, for a file that has no header; then its first line is data.
    sheet
        The sheet of a workbook that has several.
    max_unpacked_bytes
        The most that a compressed file may hold; None for a limit that only a bomb reaches.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    skip_lines: int = 0
    skip_below_header: int = 0
    names: tuple[str, ...] = ()
    sheet: str | None = None
    max_unpacked_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """How one column of a table is made from the file.

    Parameters
    ----------
    name
        In the table.
    source
        The column of the file it is read from; None where it is a constant or a product.
    form
        What its values look like; see :data:`cemlab.data.contract.FORMS`.
    required
        Whether it may have no blanks.
    allowed
        The only values allowed, after `values` was applied.
    missing
        What stands for "no value", besides a blank; compared with the text as it stands in the file.
    values
        Text in the file → text to take for it.
    formats
        Formats of dates and times in strptime's signs, ISO where there are none. A value that fits two of
        them and means another day in each is broken.
    decimal, thousands
        Marks of numbers; no thousands marks are allowed where it is empty.
    minimum, maximum
        The least and greatest value allowed, written in the column's own ISO or plain form.
    trim
        Whether spaces around a value are taken off; otherwise they break identifiers, numbers and dates.
    remove_suffix
        What is taken off the end of every value that has it after something else, e.g. ``".0"`` of 17850.0.
    time_zone
        The zone into which times with an offset are turned; without it such times are not allowed.
    constant
        The text of every row, for a column that the file does not have.
    multiply
        Two columns of the file whose product it is, exactly.
    """

    name: str
    form: Form
    source: str | None = None
    required: bool = False
    allowed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    minimum: str | None = None
    maximum: str | None = None
    trim: bool = False
    remove_suffix: str = ""
    time_zone: str | None = None
    constant: str | None = None
    multiply: tuple[str, str] | None = None


Comparison = Literal[
    "equals", "one_of", "starts_with", "ends_with", "below", "at_most", "above", "at_least", "blank"
]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Rows that the user does not want, set aside under a reason of her own.

    Parameters
    ----------
    column
        A column of the file, compared as text with `equals`, `one_of`, `starts_with`, `ends_with` and
        `blank`, as a number (with the table's marks) with the others.
    comparison, value
        A row is left out where the comparison holds. ``blank`` with True leaves out blanks.
    reason
        What to say of these rows, e.g. ``"cancelled order"``.
    keep
        True to leave out the rows where the comparison does *not* hold.
    """

    column: str
    comparison: Comparison
    value: str | float | bool | tuple[str, ...]
    reason: str
    keep: bool = False


RowRule = Literal["unique", "no-overlap", "ordered", "one-event", "stays-on"]


@dataclass(frozen=True, kw_only=True)
class TableRule:
    """A rule between the rows, or the columns, of a table.

    ``unique``: no two rows agree in all `columns`. ``ordered``: the first of `columns` is not after the
    second (`strict`: is before it), where both are there. ``no-overlap``: the spells of one `by`, from
    the first to the second of `columns` (blank: goes on), share no day but a common end and start.
    ``one-event``: of the rows of one `by`, ordered by the first of `columns`, only the last has a value of
    the second other than `no_event`. ``stays-on``: of the rows of one `by`, ordered by the first of
    `columns`, the second, once true, never turns false.
    """

    rule: RowRule
    columns: tuple[str, ...]
    by: str | None = None
    strict: bool = False
    no_event: str = "none"


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """What the settings say of one table.

    Parameters
    ----------
    table
        Its name in the contract.
    files
        Names of its files in the folder; empty where they are named after the table.
    dialect
        How the files are written.
    defaults
        What holds for every column that does not say otherwise: `missing`, `formats`, `decimal`,
        `thousands`, `trim`, as in :class:`ColumnRule`.
    columns
        By name in the table, what was said of the column. Only what was said: keys are the parameters
        of :class:`ColumnRule` but `name`.
    drop
        Columns of the file that nobody may keep, such as names and addresses.
    filters, rules
        Rows to leave out, and rules between rows.
    """

    table: str
    files: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)
    defaults: Mapping[str, object] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    rules: tuple[TableRule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole of a ``cemlab.toml``.

    Parameters
    ----------
    name, currency, duration_unit, as_of, fictional
        As in :class:`cemlab.data.company.CompanyInfo`; None where nothing was said.
    time_zone
        The company's own zone, into which times with an offset are turned.
    notes
        What was done to the data before, as it shall stand beside every result.
    leave_alone
        Patterns (as of a shell) of files in the folder that are no tables.
    tables
        By name of the table.
    """

    name: str | None = None
    currency: str | None = None
    duration_unit: str | None = None
    as_of: date | None = None
    fictional: bool = False
    time_zone: str | None = None
    notes: tuple[str, ...] = ()
    leave_alone: tuple[str, ...] = ()
    tables: Mapping[str, TableSettings] = field(default_factory=dict)

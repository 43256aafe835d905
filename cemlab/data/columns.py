"""What the data contract is made of: forms of values, columns and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["id", "text", "integer", "number", "money", "share", "date", "time", "flag"]

#: What a value of each form looks like when it is written as text.
FORMS: dict[Form, str] = {
    "id": "any text without spaces around it or invisible characters; never turned into a number",
    "text": "any text",
    "integer": "at most 18 digits, e.g. 42",
    "number": "digits with a decimal point, at most 15 before it, e.g. 3.5",
    "money": "digits with a decimal point, at most 14 before it and four after it, e.g. 1299.95",
    "share": "a number from 0 to 1",
    "date": "YYYY-MM-DD, from 1900 to 2100",
    "time": "YYYY-MM-DD HH:MM, with seconds and their fractions or without, from 1900 to 2100",
    "flag": "true or false, or 1 or 0",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name
        As it must stand in the file.
    form
        What its values look like; see :data:`FORMS`.
    about
        What it means, with its unit.
    required
        Whether the table is of no use without it; such a column may have no blanks either.
    allowed
        The only values allowed, where there is such a list.
    scale
        The least and the greatest value, None where there is no greatest: a code for "don't know" beyond
        an answer's scale would otherwise pass for an answer.
    """

    name: str
    form: Form
    about: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    scale: tuple[int, int | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of the contract.

    Parameters
    ----------
    name
        As the file must be called, without its ending.
    row
        What one row is.
    key
        The columns that say which thing a row is about; always required, never blank.
    columns
        All columns the contract knows. Further columns are kept as they are.
    unique
        Whether the key may stand in one row only.
    any_of
        Groups of columns of which at least one whole group is required.
    ordered
        Two columns of dates of which the first is never after the second, where both are there.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    unique: bool = False
    any_of: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[str, str] | None = None

    def column(self, name: str) -> Column | None:
        """Return a column by name, or None where the contract does not know it."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that must be there, key included, in the order of the contract."""
        return tuple(c.name for c in self.columns if c.required or c.name in self.key)


def column(
    name: str,
    form: Form,
    about: str,
    *,
    required: bool = False,
    allowed: tuple[str, ...] = (),
    scale: tuple[int, int | None] | None = None,
) -> Column:
    """Return a column of the contract; what its parts mean stands at :class:`Column`.

    Examples
    --------
    >>> column("customer", "id", "the customer's identifier").required
    False
    """
    return Column(name=name, form=form, about=about, required=required, allowed=allowed, scale=scale)


#: Columns that several tables have.
CUSTOMER = column("customer", "id", "the customer's identifier", required=True)
DATE = column("date", "date", "business date", required=True)

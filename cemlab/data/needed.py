"""Tables that a count cannot do without, refused by name where they or their columns are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.contract import TABLES
from cemlab.errors import ColumnError, DataError, DesignError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company


def needed(company: Company, name: str, columns: tuple[str, ...], *, for_what: str) -> ir.Table:
    """Return a table of the company with all of the columns, or say what is missing and what needs it.

    Parameters
    ----------
    company
        Any.
    name
        A table of the contract.
    columns
        Those that must be there.
    for_what
        What needs them, e.g. ``"the panel of branches"``.

    Raises
    ------
    DesignError
        If the company does not have the table.
    ColumnError
        If the table lacks a column.
    """
    if name not in company.tables:
        there = ", ".join(company.tables) or "none"
        raise DesignError(
            f"{company.info.name} has no table {name!r} (one row = {TABLES[name].row}), which {for_what} "
            f"needs; there are: {there}"
        )
    table = company.tables[name]
    for column in columns:
        if column not in table.columns:
            raise ColumnError(f"{name}, for {for_what}: {one_of(column, table.columns, what='column')}")
    return table


def refuse_twice(table: ir.Table, name: str, key: tuple[str, ...]) -> None:
    """Refuse a table in which a key stands in several rows: joined to others, it would count them twice.

    Raises
    ------
    DataError
        If a key stands in several rows.
    """
    counted = table.group_by(list(key)).aggregate(n=table.count())
    twice = counted.filter(counted["n"] > 1).count().to_pyarrow().as_py()
    if twice:
        raise DataError(
            f"{name}: {twice:,} {' and '.join(key)} stand in more than one row; one row is {TABLES[name].row}"
        )

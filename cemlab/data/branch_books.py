"""The books of the branches, month by month, and what each branch is: as frames, money exact until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.needed import needed, refuse_twice
from cemlab.errors import DesignError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company


def branch_books(company: Company, *, for_what: str) -> pd.DataFrame:
    """Return ``branch_month`` as a frame: one row a branch and month (its first day), decimals as numbers.

    Parameters
    ----------
    company
        With ``branch_month`` (branch, month).
    for_what
        What needs it, e.g. ``"the panel of branches"``.

    Raises
    ------
    DesignError
        If the table is missing, or no row is left.
    ColumnError
        If a column is missing.
    DataError
        If a branch stands twice in a month.
    """
    import pandas as pd

    books = needed(company, "branch_month", ("branch", "month"), for_what=for_what)
    books = books.filter(books["branch"].notnull() & books["month"].notnull())
    books = books.mutate(month=books["month"].cast("date").truncate("M"))
    refuse_twice(books, "branch_month", ("branch", "month"))
    panel = _as_numbers(books)
    if panel.empty:
        raise DesignError(f"{company.info.name}, branch_month: no row has both a branch and a month")
    panel["month"] = pd.to_datetime(panel["month"])
    return panel


def branch_traits(company: Company, *, for_what: str) -> pd.DataFrame:
    """Return ``branches`` as a frame, one row a branch, decimals as numbers.

    Parameters
    ----------
    company
        With ``branches`` (branch).
    for_what
        What needs it.

    Raises
    ------
    DesignError
        If the table is missing.
    ColumnError
        If a column is missing.
    DataError
        If a branch stands twice.
    """
    traits = needed(company, "branches", ("branch",), for_what=for_what)
    refuse_twice(traits, "branches", ("branch",))
    return _as_numbers(traits)


def _as_numbers(table: ir.Table) -> pd.DataFrame:
    money = {name: table[name].cast("float64") for name in table.columns if table[name].type().is_decimal()}
    frame: pd.DataFrame = (table.mutate(**money) if money else table).to_pandas()
    return frame

"""Spells of one customer that overlap: who is under observation twice at one duration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from cemlab.data.spell_columns import count_where, one_row, refuse_lengths, under_roles
from cemlab.errors import DataError
from cemlab.stats.rounding_ties import TOLERANCE

if TYPE_CHECKING:
    import pandas as pd


def watched_twice(
    spells: ir.Table | pd.DataFrame, *, customer: str, duration: str, entry: str | None = None
) -> tuple[int, int]:
    """Count customers whose spells overlap: who are under observation twice at one duration.

    Parameters
    ----------
    spells, duration, entry
        As in :func:`cemlab.data.spells.spell_counts`.
    customer
        Column that tells whose spell it is.

    Returns
    -------
    tuple of int
        Customers with spells that overlap, and customers in all.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a spell has no customer.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"who": ["a", "a", "b"], "from": [0, 3, 0], "to": [3, 9, 5]})
    >>> watched_twice(people, customer="who", duration="to", entry="from")
    (0, 2)
    """
    columns = {"customer": customer, "duration": duration, **({"entry": entry} if entry else {})}
    table = under_roles(spells, columns)
    refuse_lengths(table, {role: name for role, name in columns.items() if role != "customer"})
    starts = table["entry"] if entry else ibis.literal(0.0)
    table = table.select(customer=table["customer"], begin=starts.cast("float64"), end=table["duration"])
    order = [table["begin"], table["end"]]
    so_far = ibis.window(group_by=table["customer"], order_by=order, preceding=(None, 1))
    latest = table["end"].max().over(so_far)
    if not table["end"].type().is_integer():
        latest = latest * (1 - TOLERANCE)  # rounding is no overlap
    overlaps = (latest > table["begin"]).fill_null(False)
    marked = table.mutate(twice=overlaps)
    found = one_row(
        marked.aggregate(
            missing=count_where(marked["customer"].isnull()),
            n=marked["customer"].nunique(),
            twice=marked["customer"].nunique(where=marked["twice"]),
        )
    )
    if found["missing"]:
        raise DataError(
            f"spells, column {customer!r} (customer): missing in {found['missing']:,} spells; "
            "leave them out or fill them in"
        )
    return found["twice"], found["n"]

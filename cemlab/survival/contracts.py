"""A company's contract spells, ready for the functions of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cemlab.data.spells import dated_spells

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company

_NO_PLAN = "not recorded"


def spells(company: Company) -> ir.Table:
    """Return one row for each contract spell, ready for the functions of this module.

    Parameters
    ----------
    company
        With the table subscriptions; late entry is taken from its column observed_after or, where
        spells have dates, from the customers' observed_from.

    Returns
    -------
    ibis.expr.types.Table
        The columns of subscriptions (a blank plan is "not recorded") and of customers, and: duration (in the
        company's unit of duration; exact days where spells have dates), left (whether the customer left),
        observed_after (duration already reached when observation began, 0 for those seen from the start).

    Raises
    ------
    NotFoundError
        If the company has no table subscriptions.
    """
    table = company.table("subscriptions")
    if "plan" in table.columns:
        table = table.mutate(plan=table["plan"].fill_null(_NO_PLAN))
    if "customers" in company.tables:
        people = company.tables["customers"]
        extra = [name for name in people.columns if name == "customer" or name not in table.columns]
        table = table.left_join(people.select(extra), "customer").drop("customer_right")
    if "duration" not in table.columns:
        return dated_spells(table, as_of=company.as_of)
    late = table["observed_after"].fill_null(0) if "observed_after" in table.columns else ibis.literal(0)
    return table.mutate(observed_after=late, left=table["cause"] != "none")

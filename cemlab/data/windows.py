"""Purchases counted in stretches of days that the analyst chooses, down to a few cells."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.lines import Occasion, days_between, purchases
from cemlab.errors import OptionError


def purchase_pairs(
    transactions: ir.Table,
    *,
    base: tuple[date, date],
    follow_up: tuple[date, date],
    occasion: Occasion = "line",
) -> ir.Table:
    """Count customers by their purchases in one stretch of days and in a later one.

    Parameters
    ----------
    transactions
        As for :class:`~cemlab.data.counts.PurchaseCounts`.
    base, follow_up
        First and last day of each stretch, both included; the follow-up begins after the base ends.
        Whether the data cover both stretches is for the caller to know.
    occasion
        As for :class:`~cemlab.data.counts.PurchaseCounts`.

    Returns
    -------
    ir.Table
        One row is a pair of numbers: ``n_base`` (at least 1), ``n_next``, ``n_customers``,
        ``revenue_base`` and ``revenue_next`` [exact sums over these customers].

    Raises
    ------
    OptionError
        If a stretch ends before it begins, or the two overlap.
    ColumnError, DataError
        As :class:`~cemlab.data.counts.PurchaseCounts`.
    """
    days = (*base, *follow_up)
    if not (base[0] <= base[1] < follow_up[0] <= follow_up[1]):
        shown = ", ".join(day.isoformat() for day in days)
        raise OptionError(
            f"the days {shown} do not ascend; base=(first, last) must end before follow_up begins"
        )
    bought = purchases(transactions, occasion=occasion)
    bought = bought.filter(_["date"].between(*base) | _["date"].between(*follow_up))
    in_base = bought["date"] <= base[1]
    each = bought.group_by("customer").aggregate(
        n_base=bought.count(where=in_base),
        n_next=bought.count(where=~in_base),
        revenue_base=bought["revenue"].sum(where=in_base),
        revenue_next=bought["revenue"].sum(where=~in_base),
    )
    nothing = ibis.literal(0).cast(each["revenue_next"].type())
    return (
        each.filter(_["n_base"] > 0)
        .group_by("n_base", "n_next")
        .aggregate(
            n_customers=_.count(),
            revenue_base=_["revenue_base"].sum(),
            revenue_next=_["revenue_next"].fill_null(nothing).sum(),
        )
        .cache()
        .order_by("n_base", "n_next")
    )


def repeat_purchases(
    transactions: ir.Table, *, until: date, time_unit_days: int = 7, holdout_until: date | None = None
) -> ir.Table:
    """Count customers by repeat purchases, recency and age: the summary that BG/NBD models are fitted to.

    A purchase is a day with at least one line; the first day is not a repeat (Fader, Hardie and Lee 2005).

    Parameters
    ----------
    transactions
        As for :class:`~cemlab.data.counts.PurchaseCounts`.
    until
        Last day of the calibration, included; customers won later are left out.
    time_unit_days
        Days in a unit of time; 7 gives weeks.
    holdout_until
        Last day of the holdout, included; it begins the day after ``until``.

    Returns
    -------
    ir.Table
        ``frequency`` [purchase days after the first], ``recency`` [time units from the first to the last
        purchase], ``age`` [time units from the first purchase to ``until``], ``n_holdout`` [purchase
        days in the holdout; only where one was asked for], ``n_customers``.

    Raises
    ------
    OptionError
        If the time unit is not positive or the holdout ends before it begins.
    ColumnError, DataError
        As :class:`~cemlab.data.counts.PurchaseCounts`.
    """
    if time_unit_days < 1:
        raise OptionError(f"time_unit_days is {time_unit_days}; it must be a whole number of days, 1 or more")
    if holdout_until is not None and holdout_until <= until:
        raise OptionError(f"holdout_until {holdout_until} is not after until {until}; name a later day")
    days = purchases(transactions, occasion="day")
    days = days.filter(_["date"] <= (holdout_until or until))
    seen = days["date"] <= until
    each = days.group_by("customer").aggregate(
        n=days.count(where=seen),
        first=days["date"].min(),
        last=days["date"].max(where=seen),
        n_holdout=days.count(where=~seen),
    )
    unit = float(time_unit_days)
    keys = ["frequency", "recency_days", "age_days", *(["n_holdout"] if holdout_until else [])]
    counted = (
        each.filter(_["n"] > 0)
        .mutate(
            frequency=_["n"] - 1,
            recency_days=days_between(_["first"], _["last"]),
            age_days=lambda t: days_between(t["first"], ibis.literal(until)),
        )
        .group_by(keys)
        .aggregate(n_customers=_.count())
    )
    columns = {"recency": _["recency_days"] / unit, "age": _["age_days"] / unit}
    kept = {key: key for key in keys[3:]}
    table = counted.select("frequency", **columns, **kept, n_customers="n_customers").cache()
    return table.order_by("frequency", "recency", "age", *kept)

"""The small tables of a value map, and what is checked before they are believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from cemlab.data.lines import Money
from cemlab.data.value_cells import fetched, top_sums, value_cells
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.evidence import Check
from cemlab.markup import number, percent
from cemlab.segmentation.ties import last_day_check, tie_check
from cemlab.segmentation.value_classes import ValueClasses
from cemlab.stats.totals import effective_above, mean_from_sums, top_share

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: The check of the interval of what the best few bring, and what it asks for.
CONCENTRATION = "enough among the best"
_FEWEST, _EVEN = 30, 0.15

#: The quarters of the map: (upper half of current value, upper half of potential) → its name.
QUADRANTS = {
    (True, True): "protect and grow",
    (True, False): "protect",
    (False, True): "grow",
    (False, False): "serve lean",
}


def classed_customers(values: ir.Table, sides: Mapping[str, ValueClasses], classes: int) -> ir.Table:
    """Return the customers with both classes and the quarter."""
    numbered = values.mutate(**{f"{side}_class": found.of(values[side]) for side, found in sides.items()})
    high, rich = (2 * numbered[f"{side}_class"] > classes for side in ("current", "potential"))
    steps = [
        ((high if current else ~high) & (rich if potential else ~rich), name)
        for (current, potential), name in QUADRANTS.items()
    ]
    return numbered.mutate(quadrant=ibis.cases(*steps, else_=""))


def cells_table(classed: ir.Table, classes: int, conf_level: float) -> pd.DataFrame:
    """One row a cell: counts, exact sums, and means with intervals."""
    found = pd.DataFrame(value_cells(classed))
    halves = zip(2 * found["current_class"] > classes, 2 * found["potential_class"] > classes, strict=True)
    found.insert(2, "quadrant", [QUADRANTS[bool(high), bool(rich)] for high, rich in halves])
    for side, names in (
        ("current", ("estimate", "conf_low", "conf_high")),
        ("potential", ("potential_mean", "potential_low", "potential_high")),
    ):
        squares = found.pop(f"{side}_squares")
        mean = mean_from_sums(
            found["n"].tolist(), found[side].tolist(), squares.tolist(), conf_level=conf_level
        )
        found = found.assign(**dict(zip(names, mean, strict=True)))
    return found


def bounds_table(sides: Mapping[str, ValueClasses]) -> pd.DataFrame:
    """One row a class: side, class, low, high, n."""
    return pd.DataFrame(
        {"side": side, "class": one.score, "low": one.low, "high": one.high, "n": one.n}
        for side, found in sides.items()
        for one in found.bounds
    )


def concentration_table(values: ir.Table, top: float, conf_level: float) -> pd.DataFrame:
    """One row: which share of all current value the best share of the customers brings."""
    sums = top_sums(values, "current", top=top)
    n, n_above = int(sums.pop("n")), int(sums.pop("n_above"))
    money = {name: float(value) for name, value in sums.items()}
    share = top_share(top=top, n=n, n_above=n_above, conf_level=conf_level, **money)
    ends = dict(zip(("estimate", "conf_low", "conf_high"), map(float, share), strict=True))
    parts = {name: money[name] for name in ("cut", "above", "above_squares")}
    return pd.DataFrame(
        [{"top": top, **ends, "n": n, "effective": effective_above(n_above=n_above, **parts)}]
    )


def concentration_check(concentration: pd.DataFrame) -> Check:
    """Check that enough customers make up what the best few bring for its interval to be believed."""
    ((top, n, effective),) = concentration[["top", "n", "effective"]].itertuples(index=False)
    best = top * n
    return Check(
        name=CONCENTRATION,
        null=(
            f"what the best {percent(top, digits=0)} bring beyond the others rests on as many customers as "
            f"{_FEWEST} equal ones, and on {percent(_EVEN, digits=0)} of the best or more"
        ),
        passed=bool(effective >= max(_FEWEST, _EVEN * best)),
        detail=f"It rests on as many as {effective:.1f} equal ones of the best {best:,.0f}.",
        remedy="The interval of their share is too narrow; take a longer time or a larger top.",
    )


def joined_by(customers: ir.Table, as_of: date) -> ir.Table:
    """Return the customers who had joined by a day, where the table says when."""
    if "joined" not in customers.columns:
        return customers
    joined = customers["joined"].cast("date")
    return customers.filter(joined.isnull() | (joined <= as_of))


def days_seen(transactions: ir.Table, money: Money, since: date, until: date) -> tuple[date, date]:
    """Return the first and last day in the data, or refuse where no line counts.

    Raises
    ------
    ColumnError
        If a column is missing.
    DesignError
        If no line lies in the days.
    """
    for name in ("customer", "date", money):
        if name not in transactions.columns:
            cure = "; without it, map the revenue: money='revenue'" if name == "margin" else ""
            raise ColumnError(f"transactions: {one_of(name, transactions.columns, what='column')}{cure}")
    day = transactions["date"].cast("date")
    inside = transactions.count(where=day.between(since, until))
    (found,) = fetched(transactions.aggregate(first=day.min(), last=day.max(), n=inside))
    if not found["n"]:
        there = f"run from {found['first']} to {found['last']}" if found["first"] else "hold no purchase"
        raise DesignError(
            f"current value counts {since} to {until}, but the transactions {there}; choose as_of inside them"
        )
    return found["first"], found["last"]


def coverage(seen: tuple[date, date], since: date, until: date) -> tuple[Check, Check]:
    """Check that the data cover the days from the first to the last."""
    late = (seen[0] - since).days
    first = Check(
        name="the first day inside the data",
        null="purchases were recorded from the first day that counts",
        passed=late <= max(7, (until - since).days // 26),
        detail=f"The data begin on {seen[0]}; current value counts from {since}.",
        remedy="Count fewer days: what was not recorded passes for nothing bought.",
    )
    return first, last_day_check(seen, until)


def ties(sides: Mapping[str, ValueClasses], classes: int) -> list[Check]:
    """Check that each class of a value cut by quantiles holds somebody."""
    found = []
    for side, cut in sides.items():
        if cut.cuts is not None:
            n = sum(bound.n for bound in cut.bounds if bound.score > 0)
            who = f"have the same {number(cut.cuts.tied)}"
            found.append(tie_check(f"{side} value", cut.cuts, n=n, classes=classes, who=who))
    return found


def strangers_check(unknown: int) -> Check:
    """Check that everyone who bought is among the customers."""
    return Check(
        name="every buyer among the customers",
        null="who bought in these days is in the table of customers",
        passed=unknown == 0,
        detail=f"{unknown:,} buyers are not in the table of customers; what they bought is not on the map.",
        remedy="Hand in all customers, or leave out on purpose those who cannot be treated.",
    )

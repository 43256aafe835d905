"""What became of the households loyal to a brand, year after year, with what they said of the brands.

Counted on the engine down to cells of like households; which cells hold the same household in two years is
counted as well, so that errors can be clustered by household although no household leaves the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis
from ibis import _

from cemlab.data.engine import rows
from cemlab.data.panel import meant_category, panel_facts, panel_lines
from cemlab.errors import ColumnError, DataError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

Period = tuple[date, date]

# The gaps, and the rating of which each is made.
_RATINGS = {"experience": "quality", "offers": "price"}
_NOT_RATED = -99.0  # no difference of ratings from 1 to 10, and unlike a missing value equal to itself
_CELL = ("transition", "n_base", "x_base", "fate", "experience", "offers")


@dataclass(frozen=True, eq=False, kw_only=True)
class SwitchingCounts:
    """Households loyal to a brand in one period, counted by what they did in the next.

    Parameters
    ----------
    cells
        One row a cell: transition (number of its base period, from 0), n_base (category purchases in the
        base period), x_base (those of the brand), fate (0 stayed loyal, 1 weakened, 2 left for another brand,
        3 left the category), experience and offers (gaps of the ratings; nan where not rated), n_households.
    pairs
        first, second (rows of `cells`), n_households: those that are in both, in two transitions.
    name
        The category, as the data call it.
    brands
        All brands bought in any of the periods.
    seen
        First and last day with a purchase of the category; None where there is none.
    rated
        Ratings handed in, by what became of them: "used for a transition", "undated", "outside".
    gaps
        The gaps that the ratings hold: "experience", "offers", both or none.
    """

    cells: pd.DataFrame
    pairs: pd.DataFrame
    name: str
    brands: tuple[str, ...]
    seen: Period | None
    rated: dict[str, int]
    gaps: tuple[str, ...]


def switching_counts(
    category_purchases: ir.Table,
    *,
    brand: str,
    periods: Sequence[Period],
    threshold: float,
    least: int,
    ratings: ir.Table | None = None,
    category: str | None = None,
) -> SwitchingCounts:
    """Count the households loyal to a brand in each period by what they did in the next.

    Parameters
    ----------
    category_purchases
        One row is a panel purchase: customer (the household), date, category, brand, perhaps units.
    brand
        The brand that they are loyal to.
    periods
        First and last day of each, both included; consecutive, at least two.
    threshold, least
        A household is loyal if it bought the category at least `least` times, and the brand's share of these
        purchases is at least `threshold`.
    ratings
        One row is a rating of a brand: respondent (the household), brand, date, quality, price. A rating
        speaks for a transition if it was given after the first day of the base period and not after
        the first day of the next, before anything bought on that day; a later one might follow
        from what it is to explain. Several of one household and brand are averaged.
    category
        Which category; may be left out where the table holds one only.

    Returns
    -------
    SwitchingCounts
        Small tables.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a value is missing that must not be, or a date is no date.
    DesignError, OptionError
        If the category is not among those there are, or must be named.
    """
    lines = panel_lines(category_purchases)
    facts = panel_facts(lines, category)
    name = meant_category(lines, facts, category)
    bought = lines.filter(lines["bought"] & (lines["category"] == name))
    counted = _by_period(bought, brand, periods).cache()
    loyal = _fates(counted, len(periods) - 1, threshold, least)
    gaps, rated, found = _gaps(ratings, brand, periods)
    if gaps is not None:
        loyal = loyal.left_join(gaps, ["household", "transition"]).drop("household_right", "transition_right")
    unknown = ibis.literal(_NOT_RATED)
    loyal = loyal.mutate(
        **{gap: loyal[gap].fill_null(unknown) if gap in found else unknown for gap in _RATINGS}
    ).cache()
    cells, pairs = _cells(loyal)
    within = bought.filter(bought["date"].between(periods[0][0], periods[-1][1]))
    return SwitchingCounts(
        cells=cells.replace(dict.fromkeys(_RATINGS, _NOT_RATED), float("nan")),
        pairs=pairs,
        name=name,
        brands=tuple(row["brand"] for row in rows(within.select("brand").distinct().order_by("brand"))),
        seen=None if facts["first"] is None else (facts["first"], facts["last"]),
        rated=rated,
        gaps=found,
    )


def _period(day: Any, periods: Sequence[Period]) -> Any:
    """Return the number of the period that a day lies in; null outside."""
    branches = [(day.between(*period), number) for number, period in enumerate(periods)]
    return ibis.cases(*branches, else_=ibis.null("int64"))


def _by_period(bought: ir.Table, brand: str, periods: Sequence[Period]) -> ir.Table:
    """Return household, period, n (category purchases) and x (those of the brand)."""
    dated = bought.mutate(household=bought["customer"], period=_period(bought["date"], periods))
    dated = dated.filter(dated["period"].notnull())
    return dated.group_by("household", "period").aggregate(n=_.count(), x=_.count(where=_["brand"] == brand))


def _enough(table: ir.Table, n: str, x: str, threshold: float) -> Any:
    # seven in ten are 70 %, whatever binary fractions make of 0.7
    return (table[x] > 0) & (table[x] >= threshold * table[n] - 1e-9)


def _fates(counted: ir.Table, transitions: int, threshold: float, least: int) -> ir.Table:
    """Return household, transition, n_base, x_base and fate of those loyal in a period before the last."""
    base = counted.filter(_enough(counted, "n", "x", threshold) & (counted["n"] >= least))
    base = base.filter(base["period"] < transitions)
    base = base.select("household", transition="period", n_base="n", x_base="x")
    later = counted.select(who="household", before=counted["period"] - 1, n_next="n", x_next="x")
    both = base.left_join(later, [base["household"] == later["who"], base["transition"] == later["before"]])
    fate = ibis.cases(
        (both["n_next"].isnull(), 3),
        (both["x_next"] == 0, 2),
        (_enough(both, "n_next", "x_next", threshold), 0),
        else_=1,
    )
    return both.select("household", "transition", "n_base", "x_base", fate=fate)


def _gaps(
    ratings: ir.Table | None, brand: str, periods: Sequence[Period]
) -> tuple[ir.Table | None, dict[str, int], tuple[str, ...]]:
    """Return the gaps by household and transition, what became of the ratings, and which gaps there are."""
    if ratings is None:
        return None, {}, ()
    found = tuple(gap for gap, rating in _RATINGS.items() if rating in ratings.columns)
    for name in ("respondent", "brand", "date"):
        if name not in ratings.columns:
            told = "; undated ratings may have been given after what they are to explain" * (name == "date")
            raise ColumnError(f"ratings: {one_of(name, ratings.columns, what='column')}{told}")
    if not found:
        raise ColumnError("ratings: neither of the columns 'quality' and 'price' is there; give one at least")
    table = ratings.mutate(transition=_spoken_for(ratings, periods))
    used = table.filter(table["transition"].notnull())
    values = {gap: used[_RATINGS[gap]].cast("float64") for gap in found}
    each = used.group_by(household=used["respondent"], transition=used["transition"], brand=used["brand"])
    means = each.aggregate(**{gap: value.mean() for gap, value in values.items()})
    own = means["brand"] == brand
    both = means.group_by("household", "transition").aggregate(
        **{f"own_{gap}": means[gap].max(where=own) for gap in found},
        **{f"best_{gap}": means[gap].max(where=~own) for gap in found},
    )
    # experience: how far the brand is ahead of its best rival; offers: how far the best rival is ahead
    signed = {gap: both[f"own_{gap}"] - both[f"best_{gap}"] for gap in found}
    if "offers" in signed:
        signed["offers"] = -signed["offers"]
    rounded = {gap: value.round(6) for gap, value in signed.items()}
    return both.select("household", "transition", **rounded), _told(table), found


def _spoken_for(ratings: ir.Table, periods: Sequence[Period]) -> Any:
    """Return the number of the transition that a rating speaks for; null where there is none."""
    day, kind = ratings["date"], ratings["date"].type()
    if kind.is_timestamp() and kind.timezone is None:
        day = day.cast("date")
    elif not kind.is_date():
        raise DataError(f"ratings, column 'date': {kind} is not a business date; cast it to DATE")
    branches = [
        ((day > base[0]) & (day <= follow_up[0]), number)
        for number, (base, follow_up) in enumerate(pairwise(periods))
    ]
    return ibis.cases(*branches, else_=ibis.null("int64"))


def _told(table: ir.Table) -> dict[str, int]:
    counted = table.aggregate(
        all=table.count(), used=table["transition"].count(), undated=table.count(where=table["date"].isnull())
    )
    (row,) = rows(counted)
    outside = row["all"] - row["used"] - row["undated"]
    return {"used for a transition": row["used"], "undated": row["undated"], "outside": outside}


def _cells(loyal: ir.Table) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cells, and the pairs of cells that hold one household in two transitions."""
    cells = loyal.group_by(_CELL).aggregate(n_households=_.count())
    cells = cells.mutate(cell=ibis.row_number().over(order_by=[cells[name] for name in _CELL])).cache()
    placed = loyal.join(cells, list(_CELL)).select("household", "transition", "cell").cache()
    other = placed.select(who="household", then="transition", second="cell")
    twice = placed.join(
        other, [placed["household"] == other["who"], placed["transition"] < other["then"]]
    ).group_by(first="cell", second="second")
    pairs = twice.aggregate(n_households=_.count()).order_by("first", "second")
    return cells.order_by("cell").drop("cell").to_pandas(), pairs.to_pandas()


def macro_by_period(
    macro: ir.Table, *, periods: Sequence[Period], columns: Sequence[str]
) -> list[dict[str, float]]:
    """Average the months of the economy that begin in each period.

    Parameters
    ----------
    macro
        One row is a month: month (its first day), and the columns.
    periods
        First and last day of each, both included.
    columns
        What to average.

    Returns
    -------
    list
        A mapping a period: each column's mean, and its standard deviation over the months of all periods
        (``…_sd``).

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a month or a value is missing, or a month stands twice.
    """
    for name in ("month", *columns):
        if name not in macro.columns:
            raise ColumnError(f"macro: {one_of(name, macro.columns, what='column')}")
    table = macro.mutate(period=_period(macro["month"].cast("date"), periods))
    table = table.filter(table["period"].notnull())
    means = {name: table[name].cast("float64").mean() for name in columns}
    blanks = {f"{name}_n": table[name].count() for name in columns}
    counted = table.group_by("period").aggregate(
        months=table.count(), different=table["month"].nunique(), **means, **blanks
    )
    found = {row["period"]: row for row in rows(counted)}
    spread = rows(table.aggregate(**{f"{name}_sd": table[name].cast("float64").std() for name in columns}))[0]
    for number, period in enumerate(periods):
        row = found.get(number)
        due = _months(period)
        known = 0 if row is None else min(row[f"{name}_n"] for name in columns)
        if row is None or known < due:
            raise DataError(
                f"macro: figures for {known} of the {due} months that begin from {period[0]} to {period[1]}; "
                "fill them in, one row a month"
            )
        if row["months"] > row["different"]:
            raise DataError(
                f"macro: a month from {period[0]} to {period[1]} stands twice; keep one row a month"
            )
    return [{**found[number], **spread} for number in range(len(periods))]


def _months(period: Period) -> int:
    """Return how many months begin in a period."""
    first, last = ((day.year * 12 + day.month) for day in period)
    return last - first + (period[0].day == 1)

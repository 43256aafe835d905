"""Households loyal to a brand over several years, with their ratings of the brands and the economy."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.data.engine import rows
from cemlab.data.switching import SwitchingCounts, macro_by_period, switching_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check
from cemlab.loyalty.fates import FEW
from cemlab.loyalty.histories import Period
from cemlab.loyalty.panels import check_days, check_loyalty

if TYPE_CHECKING:
    import ibis.expr.types as ir

_INDICATORS = ("unemployment", "confidence")
_WEEK = 7  # days without a purchase that a small panel may have at either end


@dataclass(frozen=True, eq=False, kw_only=True)
class LoyalMoves:
    """Households loyal to a brand in one year and what they did in the next, for several pairs of years.

    Parameters
    ----------
    counts
        The small tables; see :class:`cemlab.data.switching.SwitchingCounts`.
    brand
        The brand that they are loyal to.
    periods
        First and last day of each year; the second one is the follow-up of the first, and so on.
    threshold, least
        Who is loyal: share of the category purchases of a year, and the fewest of the base year.
    economy
        One row a transition, with the indicators of its follow-up: unemployment [points], confidence, index
        (mean of unemployment and lack of confidence, each in standard deviations of its months). None
        where no economy was handed in.
    source
        The line that stands under every figure.
    """

    counts: SwitchingCounts
    brand: str
    periods: tuple[Period, ...]
    threshold: float
    least: int
    economy: pd.DataFrame | None = None
    source: str = ""

    @property
    def n(self) -> int:
        """Loyal households, once for each base year in which they were loyal."""
        return int(self.counts.cells["n_households"].sum())

    @property
    def years(self) -> tuple[str, ...]:
        """Names of the follow-up years, one a transition."""
        return tuple(_name(period) for period in self.periods[1:])

    @property
    def design(self) -> str:
        """The comparison in one sentence."""
        first, last = self.periods[0][0], self.periods[-1][1]
        return (
            f"Panel households loyal to {self.brand} in one of {len(self.years)} base years from {first} on, "
            f"followed for a year each, to {last}; nobody chose the years by lot."
        )

    def transition(self, follow_up: date | None) -> int:
        """Return the number of the transition whose follow-up begins on a day; the last one without a day.

        Raises
        ------
        OptionError
            If no follow-up begins on that day.
        """
        begins = [period[0] for period in self.periods[1:]]
        if follow_up is None:
            return len(begins) - 1
        if follow_up not in begins:
            raise OptionError(
                one_of(str(follow_up), [str(day) for day in begins], what="follow-up year by its first day")
            )
        return begins.index(follow_up)

    def coverage(self) -> tuple[Check, ...]:
        """Check that the data cover the years: what nobody recorded looks like silence."""
        seen = self.counts.seen
        if seen is None:
            return ()
        before, after = (seen[0] - self.periods[0][0]).days, (self.periods[-1][1] - seen[1]).days
        return (
            Check(
                name="years inside the data",
                null="purchases were recorded from the first day of the first year to the last of the last",
                passed=max(before, after) <= 14,
                detail=f"The category's purchases run from {seen[0]} to {seen[1]}.",
                remedy="Choose years inside them: days without records count as silence here.",
            ),
        )


def calendar_years(first: int, last: int) -> tuple[Period, ...]:
    """Return the first and last day of each calendar year.

    Parameters
    ----------
    first, last
        The years, both included.

    Examples
    --------
    >>> [str(day) for day in calendar_years(2022, 2025)[-1]]
    ['2025-01-01', '2025-12-31']
    """
    return tuple((date(year, 1, 1), date(year, 12, 31)) for year in range(first, last + 1))


def panel_years(category_purchases: ir.Table) -> tuple[Period, ...]:
    """Return the whole years that a panel covers, counted back from its last purchase, the earliest first.

    A month whose last week holds the last purchase counts as whole, and a year whose first week holds the
    first purchase as well; in a panel from January to December these are calendar years.

    Parameters
    ----------
    category_purchases
        One row is a panel purchase of any brand: date.

    Returns
    -------
    tuple
        First and last day of each year, one right after the other; empty where no whole year is covered.

    Raises
    ------
    ColumnError
        If there is no column of dates.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> days = [(date(2023, 4, 3),), (date(2025, 3, 28),)]
    >>> bought = ibis.memtable(days, schema={"date": "date"})
    >>> [f"{first} to {last}" for first, last in panel_years(bought)]
    ['2023-04-01 to 2024-03-31', '2024-04-01 to 2025-03-31']
    """
    if "date" not in category_purchases.columns:
        raise ColumnError(one_of("date", category_purchases.columns, what="column in the panel's purchases"))
    day = category_purchases["date"].cast("date")
    (seen,) = rows(category_purchases.aggregate(first=day.min(), last=day.max()))
    if seen["last"] is None:
        return ()
    begins, ends = seen["first"] - timedelta(days=_WEEK - 1), seen["last"]
    month_end = ends.replace(day=monthrange(ends.year, ends.month)[1])
    after = (month_end if (month_end - ends).days < _WEEK else ends) + timedelta(days=1)
    found: list[Period] = []
    while (first := after.replace(year=after.year - 1)) >= begins:
        found.insert(0, (first, after - timedelta(days=1)))
        after = first
    return tuple(found)


def loyal_moves(
    category_purchases: ir.Table,
    *,
    brand: str,
    periods: Sequence[Period],
    ratings: ir.Table | None = None,
    macro: ir.Table | None = None,
    threshold: float = 0.7,
    least: int = 1,
    category: str | None = None,
    source: str = "",
) -> LoyalMoves:
    """Count what became of a brand's loyal households in several years, with ratings and the economy.

    Parameters
    ----------
    category_purchases
        One row is a panel purchase of any brand: customer (the household), date, category, brand.
    brand
        The brand that they are loyal to.
    periods
        The years, one right after the other, at least three: :func:`cemlab.loyalty.calendar_years`.
    ratings
        One row is a rating: respondent (the household), brand, date, quality, price (high is a price that
        pleases). A rating speaks for a transition only if it was given after the first day of the base
        year and not after the first of the next; all others are left out and counted.
    macro
        One row is a month: month, unemployment (share), confidence.
    threshold, least
        Who is loyal: share of the category purchases of a year, and the fewest of the base year.
    category
        Which category; may be left out where the table holds one only.
    source
        The line that stands under every figure.

    Returns
    -------
    LoyalMoves
        Small tables; the lines are read once.

    Raises
    ------
    OptionError
        If the years do not follow each other, an option is out of range or nobody bought the brand.
    ColumnError, DataError
        If a column or a value is missing, or a date is not a date.
    DesignError
        If there is one transition only, or hardly anybody is loyal in one of the base years.

    Examples
    --------
    Forty households, ten of whom turn to another brand in the third year:

    >>> import pandas as pd
    >>> from cemlab.data import engine
    >>> bought = pd.DataFrame(
    ...     {"customer": f"P{i}", "date": pd.Timestamp(year, 6, 1), "category": "tea",
    ...      "brand": "B" if year == 2024 and i % 4 == 0 else "A"}
    ...     for i in range(40) for year in (2022, 2023, 2024)
    ... )
    >>> table = engine.connect().create_table("category_purchases", bought)
    >>> moves = loyal_moves(table, brand="A", periods=calendar_years(2022, 2024))
    >>> moves.years, moves.n
    (('2023', '2024'), 80)
    >>> moves.counts.cells[["transition", "fate", "n_households"]].to_numpy().tolist()
    [[0, 0, 40], [1, 0, 30], [1, 2, 10]]
    """
    check_loyalty(threshold=threshold, least=least)
    if not isinstance(brand, str):
        raise OptionError(f"brand is {brand!r}; give the name of a brand, a text")
    _check_periods(periods)
    counts = switching_counts(
        category_purchases,
        brand=brand,
        periods=periods,
        threshold=threshold,
        least=least,
        ratings=ratings,
        category=category,
    )
    if brand not in counts.brands:
        raise OptionError(one_of(brand, counts.brands, what="brand that was bought in these years"))
    moves = LoyalMoves(
        counts=counts,
        brand=brand,
        periods=tuple(periods),
        threshold=threshold,
        least=int(least),
        economy=None if macro is None else _economy(macro, periods),
        source=source,
    )
    cells = (
        counts.cells.groupby("transition")["n_households"]
        .sum()
        .reindex(range(len(moves.years)), fill_value=0)
    )
    if cells.min() < FEW:
        year = moves.years[int(cells.argmin())]
        raise DesignError(
            f"{int(cells.min())} households are loyal to {brand!r} in the year before {year}, and {FEW} are "
            "needed; lower the threshold or the minimum, or take a larger panel"
        )
    return moves


def _check_periods(periods: Sequence[Period]) -> None:
    if isinstance(periods, str) or not isinstance(periods, Sequence):
        raise OptionError(f"periods is {periods!r}; give a list of years, e.g. calendar_years(2022, 2025)")
    for place, period in enumerate(periods):
        check_days(**{f"periods[{place}]": period})
    follow = all(later[0] - earlier[1] == timedelta(days=1) for earlier, later in pairwise(periods))
    if not follow or any(first > last for first, last in periods):
        raise OptionError("periods must follow each other without a gap; take calendar_years(first, last)")
    if len(periods) < 3:
        raise DesignError(
            f"{len(periods)} year(s) hold one transition at most, and one year cannot be told from another "
            "without a placebo; give three years or more, or ask excess() about the one"
        )


def _economy(macro: ir.Table, periods: Sequence[Period]) -> pd.DataFrame:
    """Return the indicators of each follow-up, and the index made of those that are there."""
    columns = [name for name in _INDICATORS if name in macro.columns]
    if not columns:
        raise ColumnError("macro: neither of the columns 'unemployment' and 'confidence' is there; give one")
    table = pd.DataFrame(macro_by_period(macro, periods=periods, columns=columns))
    worse = {"unemployment": 1.0, "confidence": -1.0}
    scaled = [
        worse[name] * (table[name] - table[name].mean()) / table[f"{name}_sd"]
        for name in columns
        if table[f"{name}_sd"].iloc[0] > 0
    ]
    table["index"] = np.mean(scaled, axis=0) if scaled else 0.0
    if "unemployment" in columns:
        if table["unemployment"].max() > 1:
            raise DataError(
                f"macro, column 'unemployment': {table['unemployment'].max():g} is no share; divide it by 100"
            )
        table["unemployment"] *= 100
    return table[[*columns, "index"]].iloc[1:].reset_index(drop=True)


def _name(period: Period) -> str:
    first, last = period
    whole = (first.month, first.day, last.month, last.day) == (1, 1, 12, 31) and first.year == last.year
    return str(first.year) if whole else f"{first} to {last}"

"""A household panel in two years: the counts that fates and their no-change null rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.panel import PanelCounts, PanelOccasion, panel_counts
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check
from cemlab.loyalty.histories import Period
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.intervals import Interval

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Whether all of the loyal count, or those only who bought the category in the follow-up too.
Among = Literal["all", "buyers"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BrandPanel:
    """Households of a panel counted by what they bought of one category in a base year and in the next.

    Parameters
    ----------
    counts
        The small tables; see :class:`cemlab.data.panel.PanelCounts`.
    base, follow_up
        First and last day of the two periods, both included.
    occasion
        Whether a purchase is a line or a day with at least one line of the brand.
    simulated
        Whether the households were drawn and not observed.
    source
        The line that stands under every figure.
    """

    counts: PanelCounts
    base: Period
    follow_up: Period
    occasion: PanelOccasion = "line"
    simulated: bool = False
    source: str = ""

    @cached_property
    def brands(self) -> tuple[str, ...]:
        """The brands bought in the base period, the most bought first."""
        table = self.counts.moves
        bought = (table["x_base"] * table["n_households"]).groupby(table["brand"]).sum()
        return tuple(map(str, bought.sort_values(ascending=False, kind="stable").index))

    @property
    def households(self) -> int:
        """Households that bought the category in the base period."""
        table = self.counts.category
        return int(table.loc[table["n_base"] > 0, "n_households"].sum())

    @property
    def base_days(self) -> int:
        """Length of the base period in days."""
        return (self.base[1] - self.base[0]).days + 1

    @property
    def next_days(self) -> int:
        """Length of the follow-up in days."""
        return (self.follow_up[1] - self.follow_up[0]).days + 1

    @property
    def design(self) -> str:
        """The comparison in one sentence."""
        unit = {"line": "a line, however many units it has", "day": "a day with at least one of the brand"}
        told = f" {self.counts.returns:,} lines without a piece are no purchases." * bool(self.counts.returns)
        drawn = "Simulated households" if self.simulated else "Panel households"
        return (
            f"{drawn} that bought {self.counts.name or 'the category'} from {self.base[0]} to "
            f"{self.base[1]}, followed from {self.follow_up[0]} to {self.follow_up[1]}; a purchase is "
            f"{unit[self.occasion]}.{told}"
        )

    def check_brand(self, brand: str) -> str:
        """Return the brand, or refuse one that nobody bought in the base period.

        Raises
        ------
        OptionError
            If there is no such brand in the base period.
        """
        if brand not in self.brands:
            later = list(self.counts.brands["brand"])
            why = "; it was bought in the follow-up only" if brand in later else ""
            raise OptionError(f"{one_of(brand, self.brands, what='brand bought in the base period')}{why}")
        return brand

    def loyal(self, brand: str, *, threshold: float, least: int, among: Among = "all") -> pd.DataFrame:
        """Return the cells of those loyal to a brand: n_base, x_base, n_next, x_next, n_households, fate.

        Parameters
        ----------
        brand
            One of :attr:`brands`.
        threshold
            Share of the category purchases of a year from which a household is loyal, 0.5 to 1.
        least
            Fewest category purchases of the base year.
        among
            ``"buyers"`` leaves out who made fewer than `least` category purchases in the follow-up.

        Returns
        -------
        pandas.DataFrame
            `fate` is 0 for those who stayed loyal, 1 weakened, 2 left for another brand, 3 left the category.
        """
        cells = self._candidates[self.check_brand(brand)]
        n, x = cells["n_base"].to_numpy(), cells["x_base"].to_numpy()
        chosen = cells[_enough(x, n, threshold) & (n >= least)]
        if among == "buyers":
            chosen = chosen[chosen["n_next"] >= least]
        later, own = chosen["n_next"].to_numpy(), chosen["x_next"].to_numpy()
        fate = np.select(
            [later == 0, own == 0, _enough(own, later, threshold)],
            [np.int64(3), np.int64(2), np.int64(0)],
            default=np.int64(1),
        )
        return chosen.assign(fate=fate)

    @cached_property
    def _candidates(self) -> dict[str, pd.DataFrame]:
        """Cells of those who could be loyal at any threshold, by brand."""
        moves = self.counts.moves
        half = moves[2 * moves["x_base"] >= moves["n_base"]].drop(columns="brand")
        groups = half.groupby(moves.loc[half.index, "brand"], sort=False)
        found = {str(name): cells.reset_index(drop=True) for name, cells in groups}
        return {brand: found.get(brand, half.head(0)) for brand in self.brands}

    def seen_change(self, *, conf_level: float = 0.95) -> Interval:
        """Return the category's liveliness in the follow-up per day, as a multiple of the base period's.

        Everybody counts who bought in either period; the interval takes households as drawn at random.
        """
        from scipy.special import ndtri

        table = self.counts.category
        weight = table["n_households"].to_numpy(dtype=float)
        before, after = table["n_base"].to_numpy(dtype=float), table["n_next"].to_numpy(dtype=float)
        ratio = (weight @ after) / (weight @ before)
        error = np.sqrt(weight @ (after - ratio * before) ** 2) / (weight @ before)
        factor = np.exp(float(ndtri((1 + conf_level) / 2)) * error / ratio) if ratio > 0 else 1.0
        daily = np.asarray(ratio * self.base_days / self.next_days)
        return Interval(daily, daily / factor, daily * factor)

    @property
    def _alike(self) -> Check:
        counts = self.counts
        return Check(
            name="names told apart",
            null="no two households and no two brands have one name, but for blanks and capital letters",
            passed=False,
            detail=f"{counts.alike_households:,} households and {counts.alike_brands:,} brands have the name "
            "of another, but for blanks around it or capital letters.",
            remedy="Trim the names and write them alike: who is recorded under two seems to have left.",
        )

    def coverage(self) -> tuple[Check, ...]:
        """Check that the data cover both periods: what nobody recorded looks like silence.

        Where names of households or brands are one but for blanks or capital letters, a failed check says so.
        """
        seen = self.counts.seen
        if self.simulated or seen is None:
            return ()
        before, after = (seen[0] - self.base[0]).days, (self.follow_up[1] - seen[1]).days
        # a small panel need not buy the category every day
        slack = max(7, self.next_days // 26)
        names = (self._alike,) if self.counts.alike_households or self.counts.alike_brands else ()
        return (
            *names,
            Check(
                name="periods inside the data",
                null="purchases were recorded from the first day of the base period to the last of the next",
                passed=max(before, after) <= slack,
                detail=f"The category's purchases run from {seen[0]} to {seen[1]}.",
                remedy="Choose periods inside them: days without records count as silence here.",
            ),
        )


def panel(
    category_purchases: ir.Table,
    *,
    base: Period,
    follow_up: Period,
    category: str | None = None,
    occasion: PanelOccasion = "line",
    source: str = "",
) -> BrandPanel:
    """Count the households of a panel by what they bought of a category in a base period and in the next.

    Parameters
    ----------
    category_purchases
        One row is a panel purchase of any brand: customer, date, category, brand, perhaps units. Units do
        not count; a line with units of 0 or less is no purchase.
    base, follow_up
        First and last day of each period, both included; a year each compares best. The follow-up begins on
        the day after the base ends.
    category
        Which category; may be left out where the table holds one only.
    occasion
        ``"line"``: every line is one purchase; ``"day"``: all lines of a household for one brand on one day
        are one purchase.
    source
        The line that stands under every figure.

    Returns
    -------
    BrandPanel
        Small tables, however many households there are; any threshold can be asked of them.

    Raises
    ------
    OptionError
        If the periods are not two stretches of days, one right after the other, or an option is unknown.
    ColumnError, DataError
        If a column or a value is missing, or a date is not a date.
    DesignError
        If the data do not cover the periods, hold several categories and none was chosen, or one brand only.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab.data import engine
    >>> import pandas as pd
    >>> bought = pd.DataFrame({
    ...     "customer": ["P1", "P1", "P1", "P2"],
    ...     "date": pd.to_datetime(["2024-02-01", "2024-06-01", "2025-03-01", "2024-05-01"]),
    ...     "category": "tea", "brand": ["A", "A", "B", "B"],
    ... })
    >>> table = engine.connect().create_table("category_purchases", bought)
    >>> two_years = panel(
    ...     table,
    ...     base=(date(2024, 1, 1), date(2024, 12, 31)),
    ...     follow_up=(date(2025, 1, 1), date(2025, 12, 31)),
    ... )
    >>> two_years.brands, two_years.households
    (('A', 'B'), 2)
    """
    check_days(base=base, follow_up=follow_up)
    if not base[0] <= base[1] < follow_up[0] <= follow_up[1] or follow_up[0] - base[1] != timedelta(days=1):
        raise OptionError(
            f"the base period is {base[0]} to {base[1]} and the next {follow_up[0]} to {follow_up[1]}; "
            "give two stretches of days, the next one beginning on the day after the base ends"
        )
    counts = panel_counts(
        category_purchases, base=base, follow_up=follow_up, category=category, occasion=occasion
    )
    seen = counts.seen
    if seen is None or follow_up[0] > seen[1] or base[1] < seen[0]:
        there = f"run from {seen[0]} to {seen[1]}" if seen else "hold no purchase"
        raise DesignError(
            f"the data {there}, but the base period is {base[0]} to {base[1]} and the next "
            f"{follow_up[0]} to {follow_up[1]}; choose periods with purchases"
        )
    if counts.moves.empty:
        raise DesignError(f"nobody bought from {base[0]} to {base[1]}; choose a base period with purchases")
    if counts.brands["brand"].nunique() == 1:
        raise DesignError(
            f"the category {counts.name!r} has one brand, {counts.brands['brand'].iloc[0]!r}: everybody is "
            "loyal to it by definition; take the panel's purchases of all brands"
        )
    return BrandPanel(counts=counts, base=base, follow_up=follow_up, occasion=occasion, source=source)


def check_days(**periods: Period) -> None:
    """Refuse periods that are no pair of days; a timestamp is none, as it does not compare with one."""
    for name, period in periods.items():
        pair = isinstance(period, tuple | list) and len(period) == 2
        if not pair or any(not isinstance(day, date) or isinstance(day, datetime) for day in period):
            raise OptionError(
                f"{name} is {period!r}; give its first and last day, e.g. "
                "(date(2024, 1, 1), date(2024, 12, 31))"
            )


def fates_of(among: Among) -> tuple[str, ...]:
    """Return the fates that can be met: who left the category is not seen among its buyers."""
    return FATES if among == "all" else FATES[:-1]


def check_loyalty(*, threshold: float, least: int, among: str = "all") -> None:
    """Refuse what cannot define loyalty to one brand.

    Raises
    ------
    OptionError
        If the threshold is not from 0.5 to 1, `least` is not a whole number from 1 on, or `among` is unknown.
    """
    if among not in get_args(Among):
        raise OptionError(one_of(among, get_args(Among), what="kind of loyal households"))
    if not isinstance(threshold, int | float | np.number) or not 0.5 <= threshold <= 1:
        raise OptionError(
            f"threshold is {threshold!r}; allowed: a share of the category purchases from 0.5 (below it one "
            "household could be loyal to three brands) to 1, e.g. 0.7"
        )
    if isinstance(least, bool) or not isinstance(least, int | np.integer) or least < 1:
        raise OptionError(f"least is {least!r}; allowed: a whole number of category purchases from 1 on")


def _enough(of_brand: NDArray[Any], of_all: NDArray[Any], share: float) -> NDArray[np.bool_]:
    # seven in ten are 70 %, whatever binary fractions make of 0.7
    return np.asarray(of_brand >= share * of_all - 1e-9, dtype=np.bool_)

"""Loyalty defection beside what a market in which nobody changes would show: observed, expected, excess.

Of those who bought a brand most of the time in one year, many do not in the next although nothing changed: a
year is a small sample of a household's habits. Only what goes beyond that is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.loyalty.fates import ONLY_BUYERS, enough_loyal, fate_counts, loyal_means, nobody_loyal
from cemlab.loyalty.history_null import Expectation, expect, loyalty_check, rate_check, silence_check
from cemlab.loyalty.market_null import StationaryMarket
from cemlab.loyalty.panels import Among, BrandPanel, check_loyalty, fates_of
from cemlab.markup import join_words, percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.intervals import Interval, difference_of_shares, wilson

Fate = Literal["fully defected", "stayed loyal", "weakened", "left for another brand", "left the category"]
Quantity = Literal["observed", "expected", "excess"]

_DID: dict[str, str] = {
    "fully defected": "were gone",
    "stayed loyal": "were still loyal",
    "weakened": "still bought it, but were loyal no more",
    "left for another brand": "bought other brands only",
    "left the category": "bought nothing of the category",
}
_NAMES = {
    "observed": "observed",
    "expected": "if nobody's loyalty had changed",
    "excess": "excess",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Excess(Result):
    """Observed defection of the loyal, what the null expects, and the excess.

    Parameters
    ----------
    table
        Three rows a brand: brand, quantity ("observed", "expected", "excess"), estimate (share of the loyal;
        difference of shares), conf_low, conf_high, n_loyal.
    fate
        What is counted; ``"fully defected"`` is left for another brand or left the category.
    threshold, least
        Who counts as loyal.
    among
        Whether all of the loyal count, or those only who bought the category in the follow-up too.
    market_change
        What the category's buying per day in the follow-up is multiplied by under the null.
    simulated
        Whether the households were drawn and not observed; every title then says so.
    """

    fate: Fate
    threshold: float
    least: int
    among: Among = "all"
    market_change: float = 1.0
    simulated: bool = False

    title: ClassVar[str] = "Loyalty defection beside its no-change null"
    labels: ClassVar[dict[str, str]] = {
        "brand": "Brand",
        "n_loyal": "Loyal households",
        "observed": "Observed",
        "expected": "If nobody's loyalty had changed",
        "excess": "Excess",
    }

    @property
    def brands(self) -> tuple[str, ...]:
        """The brands of the table."""
        return tuple(self.table["brand"].drop_duplicates())

    def of(self, quantity: Quantity) -> pd.DataFrame:
        """Return the rows of one quantity: brand, estimate, conf_low, conf_high, n_loyal."""
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a brand: loyal households, observed, expected and excess, each with its interval."""
        frame = self.of("observed")[["brand", "n_loyal"]]
        for quantity in ("observed", "expected"):
            frame[quantity] = [
                f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
                for row in self.of(quantity).to_dict("records")
            ]
        frame["excess"] = [_in_points(row) for row in self.of("excess").to_dict("records")]
        return frame

    def narrative(self) -> str:
        """Say it as a board can hear it, for the first brand of the table."""
        seen, expected, gap = (self.of(q).iloc[0].to_dict() for q in ("observed", "expected", "excess"))
        low, high = 100 * gap["conf_low"], 100 * gap["conf_high"]
        if low > 0:
            verdict = "That is more than chance alone would show."
        elif high < 0:
            verdict = "That is less than chance alone would show."
        else:
            verdict = f"That is compatible with no change at all, and with {low:+.1f} to {high:+.1f} points."
        if self.evidence.failed:
            verdict += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        marked = "In a simulated panel: of" if self.simulated else "Of"
        means = loyal_means(self.threshold, self.least, self.among)
        return (
            f"{marked} 100 households loyal to {seen['brand']} ({means}), "
            f"{100 * seen['estimate']:.0f} {_DID[self.fate]} in the next period; "
            f"{100 * expected['estimate']:.0f} would have been if nobody's loyalty had changed"
            f"{_market(self.market_change)}. The excess is {_in_points(gap)}, among {seen['n_loyal']:,} "
            f"loyal households. {verdict}"
        )

    @property
    def chart(self) -> Chart:
        """Bars of observed, expected and excess, by brand."""
        seen, expected = self.of("observed").iloc[0], self.of("expected").iloc[0]
        marked = "Simulated: of" if self.simulated else "Of"
        several = len(self.brands) > 1
        return Chart(
            kind="bar",
            frame=self.table.assign(quantity=self.table["quantity"].map(_NAMES)),
            x="brand" if several else "quantity",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="quantity" if several else None,
            x_label="Brand" if several else f"Households loyal to {seen['brand']}",
            y_label=f"Share of the loyal that {_DID[self.fate]} [%]",
            claim=(
                f"{marked} 100 loyal to {seen['brand']}, {100 * seen['estimate']:.0f} {_DID[self.fate]}; "
                f"{100 * expected['estimate']:.0f} would have been if nobody had changed"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def _in_points(row: Mapping[Any, Any]) -> str:
    return f"{points(row['estimate'])} ({100 * row['conf_low']:+.1f} to {100 * row['conf_high']:+.1f})"


def _market(change: float) -> str:
    return "" if change == 1 else f" in a category bought {change:.3g} times as often"


def excess(
    panel: BrandPanel,
    *,
    null: StationaryMarket,
    brand: str | None = None,
    threshold: float = 0.7,
    least: int = 1,
    among: Among = "all",
    fate: Fate = "fully defected",
    market_change: float | Literal["seen"] = 1.0,
    conf_level: float = 0.95,
) -> Excess:
    """Answer how much of the defection of loyal households is more than arithmetic.

    Every loyal household is held against what the null expects of those that bought exactly as much of the
    category and of the brand in the base period: conditional trend analysis.

    Parameters
    ----------
    panel
        From :func:`cemlab.loyalty.panel`.
    null
        From :func:`cemlab.loyalty.stationary_market`, usually fitted to the same panel.
    brand
        A brand; without one, every brand that somebody is loyal to.
    threshold, least, among
        Who is loyal, and who of them counts, as in :func:`cemlab.loyalty.fates`.
    fate
        What is counted: ``"fully defected"`` (left for another brand or left the category), or one of the
        fates alone.
    market_change
        What the category's buying per day in the follow-up is multiplied by under the null; ``"seen"``
        takes the change of the whole panel as exact, and then a flight from the category hides in it.
    conf_level
        Level of the intervals.

    Returns
    -------
    Excess
        Its table has brand, quantity, estimate, conf_low, conf_high, n_loyal: observed shares (Wilson),
        expected shares with the estimation error of the null (the covariance of its bootstrap draws, carried
        to the share by the delta method on the logit), and the excess (method of variance estimates
        recovery).

    Raises
    ------
    OptionError
        If an option is out of range, or the panel or the null does not know the brand.
    DesignError
        If nobody is loyal.

    Notes
    -----
    Observed and expected share rest on the same base period, and yet their errors are uncorrelated: given the
    base period, the expected share is fixed and the observed one varies around what the true null
    expects. Given their histories the loyal differ in how likely they are to leave, so their number varies
    less than a binomial one; the excess takes that into account.

    Assumes that rates of buying are gamma and shares Dirichlet distributed, independently of each other.

    References
    ----------
    Goodhardt, G. J. & Ehrenberg, A. S. C. (1967). Conditional trend analysis: a breakdown by initial
    purchasing level. Journal of Marketing Research 4, 155–161.
    Goodhardt, G. J., Ehrenberg, A. S. C. & Chatfield, C. (1984). The Dirichlet: a comprehensive model of
    buying behaviour. Journal of the Royal Statistical Society A 147, 621–655.
    Zou, G. Y. & Donner, A. (2008). Construction of confidence limits about effect measures: a general
    approach. Statistics in Medicine 27, 1693–1702.
    """
    check_loyalty(threshold=threshold, least=least, among=among)
    check_conf_level(conf_level)
    if fate not in get_args(Fate):
        raise OptionError(one_of(fate, get_args(Fate), what="fate"))
    if fate == "left the category" and among == "buyers":
        raise OptionError("among='buyers' leaves out who left the category; use among='all' to count them")
    if not isinstance(null, StationaryMarket):
        raise OptionError(f"null is {type(null).__name__}; give a market, e.g. stationary_market(panel)")
    change = _change(panel, market_change)
    names = panel.brands if brand is None else (panel.check_brand(brand),)
    gone = tuple(range(2, len(fates_of(among))))
    codes = gone if fate == "fully defected" else (FATES.index(fate),)
    frames, checks, used = [], [], 0
    for name in names:
        counts = fate_counts(panel, name, threshold=threshold, least=least, among=among)
        if not counts.sum():
            continue
        expected = expect(
            panel,
            null,
            name,
            threshold=threshold,
            least=least,
            among=among,
            codes=codes,
            market_change=change,
            conf_level=conf_level,
        )
        frames.append(_rows(name, int(counts[list(codes)].sum()), int(counts.sum()), expected, conf_level))
        checks += [loyalty_check(panel, null, name, threshold=threshold, least=least)]
        used += int(counts.sum())
    if not frames:
        raise nobody_loyal(brand, threshold, least, among)
    table = pd.concat(frames, ignore_index=True)
    return Excess(
        table=table,
        evidence=_evidence(panel, null, change, among, tuple(checks), table["n_loyal"], conf_level),
        conf_level=conf_level,
        fate=fate,
        threshold=threshold,
        least=int(least),
        among=among,
        market_change=change,
        simulated=panel.simulated,
    )


def _change(panel: BrandPanel, market_change: float | str) -> float:
    if market_change == "seen":
        return float(panel.seen_change().estimate)
    if not isinstance(market_change, int | float | np.number) or not 0.01 <= market_change <= 100:
        raise OptionError(
            f"market_change is {market_change!r}; allowed: a factor from 0.01 to 100, e.g. 0.9, or 'seen'"
        )
    return float(market_change)


def _rows(brand: str, hits: int, n: int, expected: Expectation, conf_level: float) -> pd.DataFrame:
    observed = wilson(hits, n, conf_level=conf_level)
    alike = _alike(hits, n, expected)
    chance = wilson(hits / n * alike, alike, conf_level=conf_level)
    quantities: dict[str, Interval] = {
        "observed": observed,
        "expected": expected.share,
        "excess": difference_of_shares(chance, expected.share),
    }
    return pd.DataFrame(
        [
            {
                "brand": brand,
                "quantity": name,
                "estimate": float(interval.estimate),
                "conf_low": float(interval.conf_low),
                "conf_high": float(interval.conf_high),
                "n_loyal": n,
            }
            for name, interval in quantities.items()
        ]
    )


def _alike(hits: int, n: int, expected: Expectation) -> float:
    """Return how many independent and equally likely households would vary as much as these do."""
    share, told = hits / n, float(expected.share.estimate)
    if share in (0.0, 1.0):
        return float(n)
    # households differ less where a part of all is lost (or kept) for another reason, whatever their history
    kept = min((1 - share) / (1 - told), share / told)
    between = told * (1 - told) * (1 - 1 / expected.spread_ratio) * kept**2
    return n * share * (1 - share) / (share * (1 - share) - between)


def _liveliness(panel: BrandPanel, change: float, conf_level: float) -> Check:
    """Check that the category was bought as often in the follow-up as the null takes it."""
    seen = panel.seen_change(conf_level=conf_level)
    low, high = float(seen.conf_low), float(seen.conf_high)
    return Check(
        name="liveliness of the follow-up",
        null=f"the category was bought {change:g} times as often per day as in the base period",
        # a fiftieth moves a share by less than half a point
        passed=low <= change <= high or abs(float(seen.estimate) / change - 1) <= 0.02,
        detail=(
            f"It was bought {float(seen.estimate):.3f} times as often ({low:.3f} to {high:.3f}); "
            f"the null takes {change:.3f}."
        ),
        remedy="Set market_change to what the whole market did, or 'seen' where the panel lost no reporters.",
    )


def _evidence(
    panel: BrandPanel,
    null: StationaryMarket,
    change: float,
    among: Among,
    checks: tuple[Check, ...],
    sizes: pd.Series[int],
    conf_level: float,
) -> Evidence:
    fitted = f"fitted to {null.n:,} households" if null.draws is not None else "stated, without an error"
    assumptions = [
        "Households buy at random in time, each at a steady rate of its own, gamma distributed.",
        "Each chooses among the brands by steady shares of its own, Dirichlet distributed and independent of "
        "the rate.",
        f"The category is bought {change:.4g} times as often per day in the follow-up as in the base period.",
        "Who buys nothing in the follow-up still reports to the panel.",
    ]
    if among == "buyers":
        assumptions[-1] = ONLY_BUYERS
    if null.draws is None:
        assumptions.append(
            "The null's parameters are taken as exact: no error of theirs is in the intervals."
        )
    return Evidence(
        grade="descriptive",
        design=f"{panel.design} The null is {fitted}; the follow-up is not used for it.",
        unit="households",
        n_used=min(int(sizes[::3].sum()), panel.households),
        n_given=panel.households,
        source=panel.source,
        assumptions=tuple(assumptions),
        checks=(
            enough_loyal(int(sizes.min())),
            *null.checks,
            *([rate_check(panel, null)] if null.draws is None or null.base != panel.base else []),
            *checks,
            _liveliness(panel, change, conf_level),
            # buyers alone are known not to have fallen silent
            *([silence_check(panel, null, change)] if among == "all" else []),
            *panel.coverage(),
        ),
    )

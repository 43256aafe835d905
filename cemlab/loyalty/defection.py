"""Defection beside what chance alone would do: observed, expected if nothing changed, and the difference.

A loyal tier is a count, and counts vary: part of those who bought much merely had a good period and
fall back without having changed at all. The null says how many; only the rest is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.tiers import check_tiers
from cemlab.errors import OptionError, one_of
from cemlab.evidence import Evidence
from cemlab.loyalty.histories import BuyingHistories
from cemlab.loyalty.nulls import Null, NullFit, expected_share, fit_null, null_checks
from cemlab.markup import join_words, percent, percent_range, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.intervals import Interval, difference_of_shares, wilson
from cemlab.stats.nbd import NBDFit
from cemlab.stats.seeds import generator

Outcome = Literal["lapsed", "fell"]

_DID = {"lapsed": "bought nothing in the next period", "fell": "fell below their tier in the next period"}
_VERB = {"lapsed": "fell silent", "fell": "fell"}
_EXPECTED = {
    "steady": "expected if nobody changed",
    "some stop": "expected if some stop for good",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Defection(Result):
    """Observed defection of each tier, what the null expects, and the difference.

    Parameters
    ----------
    table
        Three rows a tier: tier, quantity ("observed", "expected", "difference"), estimate (share of the tier;
        difference of shares), conf_low, conf_high, n (customers of the tier).
    tiers
        The tiers, lowest first, with the fewest purchases of each.
    outcome
        ``"lapsed"``: bought nothing; ``"fell"``: bought less than their tier asks for.
    null
        ``"steady"``: nobody's rate of buying changed; ``"some stop"``: rates are steady until a customer
        stops for good.
    market_change
        What the market's buying in the next period was multiplied by under the null.
    fit
        The null's parameters, estimated from the base period alone.
    """

    tiers: Mapping[str, int]
    outcome: Outcome
    null: Null
    market_change: float
    fit: NullFit

    title: ClassVar[str] = "Defection, observed and expected"
    labels: ClassVar[dict[str, str]] = {
        "tier": "Tier",
        "n": "Customers",
        "observed": "Observed",
        "expected": "Expected under the null",
        "difference": "Difference",
    }

    def of(self, quantity: Literal["observed", "expected", "difference"]) -> pd.DataFrame:
        """Return the rows of one quantity: tier, estimate, conf_low, conf_high, n."""
        rows = self.table[self.table["quantity"] == quantity]
        return rows.drop(columns="quantity").reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a tier: customers, observed, expected and difference, each with its interval."""
        frame = self.of("observed")[["tier", "n"]]
        for quantity in ("observed", "expected"):
            frame[quantity] = [
                f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
                for row in self.of(quantity).to_dict("records")
            ]
        frame["difference"] = [_in_points(row) for row in self.of("difference").to_dict("records")]
        return frame

    @property
    def _expected(self) -> str:
        """What the expected share is, in words."""
        market = "" if self.market_change == 1 else f" in a market {self.market_change:g} times as lively"
        return f"{_EXPECTED[self.null]}{market}"

    def parameters(self, *, days_per_unit: float = 1.0) -> pd.DataFrame:
        """Return the null's parameters, estimated from the base period alone.

        Parameters
        ----------
        days_per_unit
            Days in the unit of time that alpha is told in; 7 for weeks.

        Returns
        -------
        pandas.DataFrame
            parameter, estimate, conf_low, conf_high; an r of 0 has no interval.
        """
        from scipy.special import ndtri

        names = ["r", "alpha", "a", "b"][: len(self.fit.covariance)]
        estimate = np.array([getattr(self.fit, name) for name in names])
        estimate[names.index("alpha")] /= days_per_unit
        # intervals on the log scale, on which the parameters were estimated
        spread = float(ndtri((1 + self.conf_level) / 2)) * np.sqrt(np.diag(self.fit.covariance))
        spread[estimate == 0] = np.nan
        low, high = estimate * np.exp(-spread), estimate * np.exp(spread)
        return pd.DataFrame({"parameter": names, "estimate": estimate, "conf_low": low, "conf_high": high})

    def replay(self, histories: BuyingHistories, *, seed: int) -> BuyingHistories:
        """Draw the next period again, in a world in which nobody's rate of buying changed.

        Parameters
        ----------
        histories
            Those the null was fitted to.
        seed
            For :func:`numpy.random.default_rng`.

        Returns
        -------
        BuyingHistories
            The same customers with the same base period, one row a customer, and new next periods.

        Raises
        ------
        OptionError
            If the null lets customers stop.
        """
        if not isinstance(self.fit, NBDFit):
            raise OptionError("only a world in which nobody changes can be replayed; use null='steady'")
        table = histories.table.loc[histories.table.index.repeat(histories.table["n_customers"])]
        repeats = table["n_base"].to_numpy() - (histories.who == "newcomers")
        exposure = table["exposure"].to_numpy(dtype=float)
        rng = generator(seed)
        rate = rng.gamma(self.fit.r + repeats, 1 / (self.fit.alpha + exposure))
        redrawn = table.assign(n_next=rng.poisson(rate * histories.next_days), n_customers=1)
        source = f"simulated replay in which nobody changed, after {histories.source or 'the base period'}"
        return replace(histories, table=redrawn.reset_index(drop=True), simulated=True, source=source)

    def narrative(self) -> str:
        """Tell the defection of the most loyal, and how much of it was to be expected."""
        seen, expected, gap = (self.of(q).iloc[-1].to_dict() for q in ("observed", "expected", "difference"))
        verb = _VERB[self.outcome]
        low, high = 100 * gap["conf_low"], 100 * gap["conf_high"]
        if np.isnan(low) or np.isnan(high):
            verdict = "Whether that is more than the null expects cannot be told."
        elif low > 0:
            verdict = f"More {verb} than were expected."
        elif high < 0:
            verdict = f"Fewer {verb} than were expected."
        else:
            verdict = f"Compatible with the null: {low:+.1f} to {high:+.1f} points are not excluded."
        if self.evidence.failed:
            verdict += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return (
            f"Of {seen['n']:,} customers in the tier “{seen['tier']}”, {percent(seen['estimate'])} "
            f"({percent_range(seen['conf_low'], seen['conf_high'])}) {_DID[self.outcome]}. "
            f"{percent(expected['estimate'])} ({percent_range(expected['conf_low'], expected['conf_high'])}) "
            f"were {self._expected}. The difference is {_in_points(gap)}. {verdict}"
        )

    @property
    def chart(self) -> Chart:
        """Bars of observed beside expected, by tier."""
        frame = self.table[self.table["quantity"] != "difference"].copy()
        frame["quantity"] = frame["quantity"].map({"observed": "observed", "expected": self._expected})
        seen, expected = self.of("observed").iloc[-1], self.of("expected").iloc[-1]
        did = "lapsed" if self.outcome == "lapsed" else "fell below their tier"
        return Chart(
            kind="bar",
            frame=frame.reset_index(drop=True),
            x="tier",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="quantity",
            x_label="Tier in the base period [purchase days]",
            y_label="Share that " + ("lapsed [%]" if self.outcome == "lapsed" else "fell [%]"),
            claim=(
                f"Of the tier “{seen['tier']}”, {percent(float(seen['estimate']))} {did}; "
                f"{percent(float(expected['estimate']))} were {self._expected}"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def _in_points(row: Mapping[Any, Any]) -> str:
    low, high = 100 * row["conf_low"], 100 * row["conf_high"]
    return f"{points(row['estimate'])} ({low:+.1f} to {high:+.1f})"


def defection(
    histories: BuyingHistories,
    *,
    tiers: Mapping[str, int],
    outcome: Outcome = "lapsed",
    null: Null = "steady",
    market_change: float = 1.0,
    conf_level: float = 0.95,
) -> Defection:
    """Answer how much of the defection of loyal customers is more than arithmetic.

    The null is fitted to the base period alone and asked how many customers with each history would buy
    nothing (or too little) in the next period: conditional trend analysis (Goodhardt & Ehrenberg 1967).

    Parameters
    ----------
    histories
        From :func:`cemlab.loyalty.buying_histories`.
    tiers
        Fewest purchases of each tier, ascending, the lowest 1.
    outcome
        ``"lapsed"``: bought nothing in the next period; ``"fell"``: bought less than their tier asks for.
    null
        ``"steady"``: every customer buys at random at a rate of her own that never changes (NBD).
        ``"some stop"``: the same, but after any purchase a customer may stop for good (BG/NBD, Fader,
        Hardie & Lee 2005); it needs newcomers and the outcome lapsed.
    market_change
        What the whole market's buying in the next period is multiplied by under the null; 0.9 for a
        season a tenth quieter. An assumption, to be varied.
    conf_level
        Confidence level of the intervals.

    Returns
    -------
    Defection
        Its table has tier, quantity, estimate, conf_low, conf_high, n: observed shares (Wilson),
        expected shares with the estimation error of the null (delta method on the logit), and their
        difference (Newcombe's method of variance estimates recovery).

    Raises
    ------
    OptionError
        If the tiers do not ascend from 1, an option is unknown, or the null does not fit the histories' kind.
    DesignError
        If the null cannot be fitted to the base period; the message says what would do instead.

    Notes
    -----
    Assumes that buying is random in time at a steady rate within each period and that rates differ between
    customers as a gamma distribution; whether the base period looks so is checked and reported.

    References
    ----------
    Goodhardt, G. J. & Ehrenberg, A. S. C. (1967). Conditional trend analysis: a breakdown by initial
    purchasing level. Journal of Marketing Research 4, 155–161.
    """
    _check_options(histories, outcome, null, market_change)
    check_conf_level(conf_level)
    check_tiers(tiers)
    rows = histories.by_tier(tiers)
    floor = rows["tier"].map(dict(tiers)).to_numpy(dtype=np.int64)
    bound = np.ones_like(floor) if outcome == "lapsed" else floor
    days = histories.next_days * market_change
    fit = fit_null(histories, null)
    frames = []
    for tier in [name for name in tiers if (rows["tier"] == name).any()]:
        here = (rows["tier"] == tier).to_numpy()
        part, below = rows[here], bound[here]
        size = part["n_customers"].to_numpy()
        observed = wilson(size[part["n_next"].to_numpy() < below].sum(), size.sum(), conf_level=conf_level)
        expected = expected_share(fit, part, below[0], days, conf_level, who=histories.who)
        frames.append(_tier_frame(tier, int(size.sum()), observed, expected))
    return Defection(
        table=pd.concat(frames, ignore_index=True),
        evidence=_evidence(histories, fit, null, market_change),
        conf_level=conf_level,
        tiers=dict(tiers),
        outcome=outcome,
        null=null,
        market_change=market_change,
        fit=fit,
    )


def _check_options(histories: BuyingHistories, outcome: str, null: str, market_change: float) -> None:
    if outcome not in get_args(Outcome):
        raise OptionError(one_of(outcome, get_args(Outcome), what="outcome"))
    if null not in get_args(Null):
        raise OptionError(one_of(null, get_args(Null), what="null"))
    if null == "some stop" and (histories.who != "newcomers" or outcome != "lapsed"):
        raise OptionError(
            "the null 'some stop' needs who='newcomers' (it must see each customer from the first purchase "
            "on) and outcome='lapsed'; use null='steady' otherwise"
        )
    if not 0 < market_change < float("inf"):
        raise OptionError(f"market_change is {market_change!r}; give a positive factor, e.g. 0.9")


def _tier_frame(tier: str, n: int, observed: Interval, expected: Interval) -> pd.DataFrame:
    quantities = {
        "observed": observed,
        "expected": expected,
        "difference": difference_of_shares(observed, expected),
    }
    return pd.DataFrame(
        [
            {
                "tier": tier,
                "quantity": name,
                "estimate": float(interval.estimate),
                "conf_low": float(interval.conf_low),
                "conf_high": float(interval.conf_high),
                "n": n,
            }
            for name, interval in quantities.items()
        ]
    )


def _evidence(histories: BuyingHistories, fit: NullFit, null: Null, market_change: float) -> Evidence:
    assumptions = [
        "Customers buy at random in time, each at a rate of her own.",
        "The rates differ between customers as a gamma distribution.",
        f"The whole market's buying in the next period is {market_change:g} times that of the base period.",
    ]
    if null == "some stop":
        assumptions.append("After any purchase a customer may stop for good, with a chance of her own.")
    return Evidence(
        grade="descriptive",
        design=f"{histories.design} The null is fitted to the base period alone.",
        unit="customers",
        n_used=histories.n_used,
        n_given=histories.n_given,
        source=histories.source,
        assumptions=tuple(assumptions),
        checks=(*null_checks(histories, fit), *histories.coverage()),
    )

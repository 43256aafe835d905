"""The worlds that defection is held against: fitted to the base period, asked about the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.loyalty.histories import BuyingHistories, Who
from cemlab.stats.bg_nbd import BGNBDFit, fit_bg_nbd
from cemlab.stats.intervals import Interval
from cemlab.stats.nbd import NBDFit, fit_nbd

Null = Literal["steady", "some stop"]
NullFit = NBDFit | BGNBDFit


def fit_null(histories: BuyingHistories, null: Null) -> NullFit:
    """Fit the null to the base period; the next period is not looked at.

    Raises
    ------
    DesignError
        If the base period does not hold what the null needs to be fitted.
    """
    table = histories.table
    if null == "some stop":
        fit = fit_bg_nbd(
            table["n_base"] - 1,
            recency=table["recency"],
            age=table["exposure"],
            weights=table["n_customers"],
        )
        if not fit.converged:
            raise DesignError(
                "the null 'some stop' has no estimate here: the base period shows nobody who stops; "
                "use null='steady'"
            )
        return fit
    return fit_nbd(
        counted_purchases(histories),
        exposure=table["exposure"],
        weights=table["n_customers"],
        zero_truncated=histories.who == "buyers",
    )


def counted_purchases(histories: BuyingHistories) -> Any:
    """Return the purchases that fell into each history's exposure, shape (n_histories,).

    A newcomer's first purchase opened the exposure, so only the repeats could be counted in it.
    """
    return (histories.table["n_base"] - (histories.who == "newcomers")).to_numpy()


def expected_share(
    fit: NullFit, part: pd.DataFrame, below: int, days: float, conf_level: float, *, who: Who
) -> Interval:
    """Return the share of a tier that the null expects to buy less often than a bound, with its error.

    Parameters
    ----------
    fit
        From :func:`fit_null`.
    part
        The histories of one tier.
    below
        Purchases in the next period that are no longer counted; 1 asks for those who buy nothing.
    days
        Length of the next period, in days of the base period's liveliness.
    conf_level
        Level of the interval (delta method on the logit).
    who
        Whose histories they are.
    """
    weight = part["n_customers"].to_numpy(dtype=float)
    repeats = (part["n_base"] - (who == "newcomers")).to_numpy()
    exposure = part["exposure"].to_numpy(dtype=float)

    def share(model: NullFit) -> float:
        if isinstance(model, BGNBDFit):
            alive = model.probability_alive(repeats, recency=part["recency"], age=exposure)
            silent = (1 + days / (model.alpha + exposure)) ** -(model.r + repeats)
            chance = 1 - alive + alive * silent
        else:
            chance = (
                1 - model.next_count_pmf(repeats, exposure=exposure, next_exposure=days, up_to=below)[:, -1]
            )
        return float(np.average(chance, weights=weight))

    return _logit_interval(share, fit, conf_level)


def _logit_interval(share: Callable[[Any], float], fit: NullFit, conf_level: float) -> Interval:
    """Carry the covariance of the log-parameters to a share, on the logit scale."""
    from scipy.special import expit, logit, ndtri

    def scaled(model: NullFit) -> float:
        # a share too small for a float is held at the smallest, where its logit still is a number
        return float(logit(np.clip(share(model), 1e-300, 1 - 1e-15)))

    names = ("r", "alpha", "a", "b")[: fit.covariance.shape[0]]
    step = 1e-4  # of the logarithm: far above rounding, far below the parameters' own errors
    slope = np.array(
        [
            (
                scaled(replace(fit, **{name: getattr(fit, name) * np.exp(step)}))
                - scaled(replace(fit, **{name: getattr(fit, name) * np.exp(-step)}))
            )
            / (2 * step)
            for name in names
        ]
    )
    centre = share(fit)
    error = float(ndtri((1 + conf_level) / 2)) * float(np.sqrt(slope @ fit.covariance @ slope))
    low, high = expit(scaled(fit) - error), expit(scaled(fit) + error)
    return Interval(np.asarray(centre), np.minimum(low, centre), np.maximum(high, centre))


def null_checks(histories: BuyingHistories, fit: NullFit) -> tuple[Check, ...]:
    """Return what was checked of the null before its expectations were believed."""
    if not isinstance(fit, NBDFit):
        return ()
    checks = [_base_period(histories, fit)]
    if fit.r == 0:
        checks.append(
            Check(
                name="null away from its limit",
                null="the spread of the rates could be estimated",
                passed=False,
                detail="r is at its limit of 0 and its error is left out.",
                remedy="The expected shares of the lowest tiers are less certain than their intervals say.",
            )
        )
    return tuple(checks)


def _base_period(histories: BuyingHistories, fit: NBDFit) -> Check:
    """Compare the base period's counts with those of the null."""
    counted, weight = counted_purchases(histories), histories.table["n_customers"].to_numpy()
    top = int(counted.max())
    expected = fit.expected_counts(histories.table["exposure"].to_numpy(), weights=weight, up_to=top)
    observed = np.bincount(counted, weights=weight, minlength=top + 1)
    # the largest misfit of the cumulative shares: how far off the null's picture of the base period is
    gap = float(np.abs(np.cumsum(observed) - np.cumsum(expected)).max() / observed.sum())
    return Check(
        name="fit of the null to the base period",
        null="purchases in the base period are spread over customers as the null says",
        passed=gap <= 0.02,
        detail=f"The cumulative shares differ by at most {100 * gap:.1f} points.",
        remedy="Trust the difference only where it is much larger than that.",
    )

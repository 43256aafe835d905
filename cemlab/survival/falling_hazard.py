"""Why retention rises with age: two readings of one cohort's curve that the curve cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import percent, percent_range
from cemlab.result import Result, check_conf_level
from cemlab.stats.shifted_beta_geometric import SBGFit, fit_sbg

Floats = NDArray[np.float64]
Reading = Literal["customers differ", "everybody settles in"]

_DIFFER: Reading = "customers differ"
_SETTLE: Reading = "everybody settles in"


@dataclass(frozen=True, eq=False, kw_only=True)
class FallingHazard(Result):
    """One cohort's curve, and what two readings of it say of a customer who is saved.

    Parameters
    ----------
    table
        quantity ("still there", "saved still there"), reading, time [renewals], estimate, conf_low,
        conf_high, observed (share, where known). "still there" is the same in both readings; "saved still
        there" is the share still there, so many renewals later, of those who were about to leave at the first
        renewal and did not.
    fit
        The shifted-beta-geometric model.
    """

    fit: SBGFit

    title: ClassVar[str] = "Retention that rises with age: two readings"
    labels: ClassVar[dict[str, str]] = {
        "reading": "Reading",
        "means": "Means",
        "saved": "Of those saved, still there",
    }

    def of(self, quantity: Literal["still there", "saved still there"]) -> pd.DataFrame:
        """Return the rows of one quantity."""
        return self.table[self.table["quantity"] == quantity].reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a reading: what it means, and what it says of those who are saved."""
        saved = self.of("saved still there")
        last = saved[saved["time"] == saved["time"].max()].set_index("reading")
        means = {
            _DIFFER: "each keeps her own chance to leave; the likely leavers go first",
            _SETTLE: "everybody's chance to leave falls with age",
        }
        return pd.DataFrame(
            [
                {
                    "reading": reading,
                    "means": text,
                    "saved": f"{percent(last.loc[reading, 'estimate'])} "
                    f"({percent_range(last.loc[reading, 'conf_low'], last.loc[reading, 'conf_high'])}) after "
                    f"{last.loc[reading, 'time']:g} renewals",
                }
                for reading, text in means.items()
            ]
        )

    def narrative(self) -> str:
        """Tell that both readings fit, that the curve cannot choose, and what hangs on the choice."""
        saved = self.of("saved still there")
        end = saved["time"].max()
        told = {
            str(
                row["reading"]
            ): f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"
            for row in saved[saved["time"] == end].to_dict("records")
        }
        alpha, beta = self.fit.alpha, self.fit.beta
        return (
            f"The share that leaves at a renewal falls from {percent(alpha / (alpha + beta))} at the "
            "first to "
            f"{percent(alpha / (alpha + beta + end - 1))} at renewal {end:g} (fitted: alpha {alpha:.4f}, "
            f"beta {beta:.4f}). Two readings give this very curve and the same likelihood: customers who "
            "differ and "
            "never change, or customers who are alike and whose chance to leave falls. The curve of one "
            "cohort "
            "cannot tell them apart; an experiment can. What hangs on it: of those kept from leaving at "
            "the first "
            f"renewal, {told[_DIFFER]} are still there {end:g} renewals later if customers differ, "
            f"{told[_SETTLE]} "
            f"if everybody settles in. ({100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Lines of those saved under both readings, and of the cohort."""
        cohort = self.of("still there")
        saved = self.of("saved still there")
        frame = pd.concat(
            [
                cohort[cohort["reading"] == _DIFFER].assign(line="the cohort, both readings"),
                *(saved[saved["reading"] == r].assign(line=f"saved, if {r}") for r in (_DIFFER, _SETTLE)),
            ]
        )
        return Chart(
            kind="line",
            frame=frame[["line", "time", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="time",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="line",
            x_label="Renewals from the start, or from the one at which they were saved",
            y_label="Share still there [%]",
            claim="One curve, two readings: they part over what a saved customer does",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def falling_hazard(
    lost: Sequence[float],
    *,
    survivors: float,
    horizon: int = 12,
    conf_level: float = 0.95,
    source: str = "",
) -> FallingHazard:
    """Answer what a cohort's rising retention can and cannot say.

    The shifted-beta-geometric model lets customers differ in a chance to leave that never changes. A cohort
    of customers who are all alike, and whose chance to leave at renewal t is alpha / (alpha + beta + t - 1),
    has the same curve and the same likelihood: the two are not identified from one curve.

    Parameters
    ----------
    lost
        How many of one cohort left at the first, second, … renewal.
    survivors
        How many were left after the last of them.
    horizon
        Renewals to look ahead, 1 to 100.
    conf_level
        Confidence level of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    FallingHazard
        Its table has quantity, reading, time, estimate, conf_low, conf_high, observed.

    Raises
    ------
    DataError, DesignError, OptionError
        For negative counts, retention that does not rise, or a horizon outside 1 to 100.

    References
    ----------
    Fader, P. S. & Hardie, B. G. S. (2007). How to project customer retention. Journal of Interactive
    Marketing 21, 76–90.

    Examples
    --------
    >>> readings = falling_hazard([369, 163, 86, 56], survivors=326, horizon=4)
    >>> round(readings.fit.alpha, 3), round(readings.fit.beta, 3)
    (0.764, 1.296)
    """
    check_conf_level(conf_level)
    if isinstance(horizon, bool) or not isinstance(horizon, int) or not 1 <= horizon <= 100:
        raise OptionError(f"horizon is {horizon!r}; give a whole number of renewals from 1 to 100")
    fit = fit_sbg(lost, survivors=survivors)
    gone = np.asarray(lost, dtype=float)
    share = 1 - np.concatenate([[0.0], np.cumsum(gone)]) / (gone.sum() + survivors)
    observed = np.full(horizon + 1, np.nan)
    known = min(horizon + 1, share.size)
    observed[:known] = share[:known]
    frames = []
    for reading in (_DIFFER, _SETTLE):
        frames.append(_frame("still there", reading, *_curve(fit, horizon, 0, 0, conf_level), observed))
        left, age = (1, 0) if reading == _DIFFER else (0, 1)
        saved = _curve(fit, horizon, left, age, conf_level)
        frames.append(_frame("saved still there", reading, *saved, np.full(horizon + 1, np.nan)))
    n = round(float(gone.sum() + survivors))
    return FallingHazard(
        table=pd.concat(frames, ignore_index=True),
        evidence=Evidence(
            grade="descriptive",
            design="One cohort followed over its renewals; nobody was treated differently.",
            unit="customers",
            n_used=n,
            n_given=n,
            source=source,
            assumptions=(
                "One cohort, renewal at fixed dates.",
                "Either reading: customers differ and stay as they are, or are alike and settle in.",
            ),
            checks=(_fits(fit, gone, survivors), _identified()),
        ),
        conf_level=conf_level,
        fit=fit,
    )


def _curve(
    fit: SBGFit, horizon: int, left: int, age: int, conf_level: float
) -> tuple[Floats, Floats, Floats]:
    """Return a curve with its interval, for customers `age` renewals old and the beta law moved by `left`."""
    from scipy.special import ndtri

    alpha, beta = fit.alpha, fit.beta
    steps = np.arange(age, age + horizon, dtype=float)
    both, keep = alpha + left + beta + steps, beta + steps
    logs = np.concatenate([[0.0], np.cumsum(np.log(keep) - np.log(both))])
    by_alpha = np.concatenate([[0.0], np.cumsum(-alpha / both)])
    by_beta = np.concatenate([[0.0], np.cumsum(beta / keep - beta / both)])
    parts = np.stack([by_alpha, by_beta], axis=1)
    error = np.sqrt(np.einsum("tp,pq,tq->t", parts, fit.covariance, parts))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.where(logs < 0, float(ndtri((1 + conf_level) / 2)) * error / -logs, 0.0)
    return np.exp(logs), np.exp(logs * np.exp(spread)), np.exp(logs * np.exp(-spread))


def _frame(
    quantity: str, reading: str, estimate: Floats, low: Floats, high: Floats, observed: Floats
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "quantity": quantity,
            "reading": reading,
            "time": np.arange(estimate.size),
            "estimate": estimate,
            "conf_low": low,
            "conf_high": high,
            "observed": observed,
        }
    )


def _fits(fit: SBGFit, gone: Floats, survivors: float) -> Check:
    """Hold the model against free retention rates by the deviance."""
    from scipy.special import chdtrc, xlogy

    stayed = survivors + np.concatenate([np.cumsum(gone[::-1])[::-1][1:], [0.0]])
    risk = gone + stayed
    free = float((xlogy(gone, gone / risk) + xlogy(stayed, stayed / risk)).sum())
    df = gone.size - 2
    deviance = max(0.0, 2 * (free - fit.log_likelihood))
    p = float(chdtrc(df, deviance)) if df else float("nan")
    return Check(
        name="fit",
        null="the fitted curve is that of the cohort",
        passed=None if np.isnan(p) else p >= 0.05,
        detail=f"deviance {deviance:.1f} on {df} df; the same under both readings."
        if df
        else "two renewals fit two parameters exactly.",
        remedy="Read the curve as observed; look for events at single renewals.",
    )


def _identified() -> Check:
    return Check(
        name="identification",
        null="the curve says why retention rises",
        passed=None,
        detail="both readings have the same likelihood whatever the data; one curve cannot tell them apart.",
        remedy="Randomise what is meant to change customers (survival.onboarding_effect), or follow the same "
        "customers over several contracts.",
    )

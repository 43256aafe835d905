"""Parameters, comparison and forecast of curves of growth, each with what the data know of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.evidence import Check
from cemlab.stats.growth import GrowthFit, fit_growth

FloatArray = NDArray[np.float64]
Given = list[tuple[GrowthFit, bool]]  # a curve, and whether its parameters are known

_WIDEST = 5.0  # times the variance of chance; beyond, what scatters is no longer noise about the curve
_TERMS = {
    "even": ("new per period",),
    "exponential": ("first period", "growth"),
    "logistic": ("ceiling", "rate", "midpoint"),
    "bass": ("ceiling", "innovation", "imitation"),
}


def parameter_rows(given: Given, *, total: float, dispersion: float, conf_level: float) -> pd.DataFrame:
    """Return the parameters with their intervals; of an unknown ceiling only its lower bound."""
    rows = []
    for fit, known in given:
        spread = _quantile(fit, conf_level) * np.sqrt(dispersion * np.diag(fit.covariance))
        for i, term in enumerate(_TERMS[fit.curve]):
            if known:
                ends = np.array([fit.theta[i], fit.theta[i] - spread[i], fit.theta[i] + spread[i]])
                values = ends if term == "midpoint" else np.exp(ends) - (term == "growth")
            else:
                bounds = (total, math.inf) if term == "ceiling" else (math.nan, math.nan)
                values = np.array([math.nan, *bounds])
            rows.append((fit.curve, term, *map(float, values)))
    return pd.DataFrame(rows, columns=["model", "term", "estimate", "conf_low", "conf_high"])


def compared(n: FloatArray, given: Given, *, dispersion: float, launched: bool) -> pd.DataFrame:
    """Return likelihood, AIC, BIC (of the quasi-likelihood) and the error one period ahead, a row a curve."""
    rows = []
    for fit, known in given:
        k, scaled = fit.theta.size, -2.0 * fit.log_likelihood / dispersion
        rows.append(
            {
                "model": fit.curve,
                "n_parameters": k,
                "log_likelihood": fit.log_likelihood,
                "dispersion": fit.pearson / (n.size - k),
                "aic": scaled + 2 * k,
                "bic": scaled + k * math.log(n.size),
                "one_step_error": _one_step_error(n, fit, launched),
                "known": known,
            }
        )
    return pd.DataFrame(rows)


def _one_step_error(n: FloatArray, fit: GrowthFit, launched: bool) -> float:
    """Return the root mean square error of the last third, each period predicted from those before it."""
    first = max(8, n.size - n.size // 3)
    errors, start = [], None
    for last in range(first, n.size):
        part = n[:last]
        if not part.any():
            continue
        before = fit_growth(part, curve=fit.curve, launched=launched, start=start)
        start = before.theta
        errors.append(float(before.expected(last + 1, last + 1)[0] - n[last]))
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else math.nan


def predicted(given: Given, *, ahead: int, dispersion: float, conf_level: float) -> pd.DataFrame:
    """Return expected new customers with bands for what will be counted, of known curves alone."""
    frames = []
    for fit, known in given:
        if not known:
            continue
        last = fit.n_periods + ahead
        mean = fit.expected(1, last)

        def expect(theta: FloatArray, fit: GrowthFit = fit, last: int = last) -> FloatArray:
            return fit.expected(1, last, theta=theta)

        slopes = fit.slopes(expect)
        variance = dispersion * (np.einsum("ti,ij,tj->t", slopes, fit.covariance, slopes) + mean)
        spread = _quantile(fit, conf_level) * np.sqrt(variance)
        frames.append(
            pd.DataFrame(
                {
                    "model": fit.curve,
                    "period": np.arange(1, last + 1),
                    "estimate": mean,
                    "conf_low": np.maximum(mean - spread, 0.0),
                    "conf_high": mean + spread,
                }
            )
        )
    if not frames:
        return pd.DataFrame(columns=["model", "period", "estimate", "conf_low", "conf_high"])
    return pd.concat(frames, ignore_index=True)


def checks_of(given: Given, *, launched: bool, dispersion: float) -> tuple[Check, ...]:
    """Return what the data can tell of ceilings, and of logistic against Bass."""
    curves = {fit.curve: known for fit, known in given}
    ceilings = [name for name in ("logistic", "bass") if name in curves]
    checks = [
        Check(
            name="fit of the closest curve",
            null="periods scatter about the closest curve little more than chance lets them",
            passed=dispersion <= _WIDEST,
            detail=f"Their variance is {dispersion:.2f} times that of chance.",
            remedy="Look for a season, campaigns, or old customers who merely seem new when the data begin.",
        )
    ]
    if ceilings:
        known = all(curves[name] for name in ceilings)
        checks.append(
            Check(
                name="inflection passed",
                null="the data reach past the period with most new customers",
                passed=known,
                detail="They do." if known else "They do not surely reach past it.",
                remedy="Exponential and logistic growth cannot be told apart yet; give no ceiling.",
            )
        )
    if len(ceilings) == 2 and not launched:
        checks.append(
            Check(
                name="logistic told from Bass",
                null="logistic and Bass differ in the arrivals they expect",
                passed=None,
                detail="After any first period both are the same curve; they differ in who came before.",
                remedy="If the first period is that of the launch, say launched=True.",
            )
        )
    return tuple(checks)


def _quantile(fit: GrowthFit, conf_level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(fit.n_periods - fit.theta.size, (1 + conf_level) / 2))

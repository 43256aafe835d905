"""Parameters, comparison and forecast of curves of growth, each with what the data know of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.evidence import Check
from cemlab.stats.growth import GrowthFit, autocorrelation, fit_growth

FloatArray = NDArray[np.float64]
Given = list[tuple[GrowthFit, bool]]  # a curve, and whether its parameters are known

TWO_YEARS = "two years of history"
SCATTER = "periods scatter independently"
_CHANCE = 0.01  # that periods which do scatter independently are said not to

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


def checks_of(n: FloatArray, given: Given, *, launched: bool, cycle: int) -> tuple[Check, ...]:
    """Return what the data can tell of the scatter, of seasons and ceilings, and of logistic against Bass.

    Parameters
    ----------
    n
        New customers of each period.
    given
        The curves; of those with a ceiling, whether the data reach past the inflection.
    launched
        As in :func:`cemlab.loyalty.growth`.
    cycle
        Periods of a year; 1 where they have no season.
    """
    curves = {fit.curve: known for fit, known in given}
    ceilings = [name for name in ("logistic", "bass") if name in curves]
    dispersion = max(1.0, min(fit.pearson / (n.size - fit.theta.size) for fit, _ in given))
    checks = [
        Check(
            name="fit of the closest curve",
            null="periods scatter about the closest curve little more than chance lets them",
            passed=dispersion <= _WIDEST,
            detail=f"Their variance is {dispersion:.2f} times that of chance.",
            remedy="Look for a season, campaigns, or old customers who merely seem new when the data begin.",
        ),
        _independent(n, given, dispersion, cycle),
    ]
    if cycle > 1:
        checks.append(_two_years(n.size, cycle))
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


def _two_years(periods: int, cycle: int) -> Check:
    return Check(
        name=TWO_YEARS,
        null="the data span two years, so that a season can be told from growth and from a ceiling",
        passed=periods >= 2 * cycle,
        detail=f"They span {periods} periods, of which {cycle} make a year.",
        remedy="No ceiling is estimable: give two years or more; if the periods are years, say per_year=1.",
    )


def _independent(n: FloatArray, given: Given, dispersion: float, cycle: int) -> Check:
    """Hold neighbouring periods, and those a year apart, against each other, one-sided."""
    from scipy.special import ndtri

    closest = min(
        (fit for fit, _ in given), key=lambda fit: 2 * fit.theta.size - 2 * fit.log_likelihood / dispersion
    )
    mean = closest.expected(1, n.size)
    residual = (n - mean) / np.sqrt(mean)
    lags = [1, cycle] if cycle > 1 and n.size >= 2 * cycle else [1]
    found = [autocorrelation(residual, lag) for lag in lags]
    # each lag has its own number of pairs; both together keep the level (Bonferroni)
    least = [float(-ndtri(_CHANCE / len(lags))) * math.sqrt(n.size - lag) / n.size for lag in lags]
    told = [f"{value:+.2f} at a distance of {lag}" for value, lag in zip(found, lags, strict=True)]
    return Check(
        name=SCATTER,
        null="what is above the closest curve says nothing of the next period, nor of that a year later",
        passed=all(value <= limit for value, limit in zip(found, least, strict=True)),
        detail=f"Their autocorrelation is {' and '.join(told)}.",
        remedy="A season or a bend remains: intervals are too narrow; compare whole years.",
    )


def _quantile(fit: GrowthFit, conf_level: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(fit.n_periods - fit.theta.size, (1 + conf_level) / 2))

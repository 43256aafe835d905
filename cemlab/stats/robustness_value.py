"""How strong an unrecorded confounder must be to move a slope: partial R² and robustness values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.errors import OptionError

Floats = npt.NDArray[np.float64]


def partial_r2(t: float, *, df: int) -> float:
    """Return the share of what is left of the outcome that goes with the score: t² / (t² + df).

    It is the extreme scenario too: a confounder that explained all the rest of the outcome would have to
    explain this share of what is left of the score to bring the slope to nought.

    Parameters
    ----------
    t
        Slope over its classical standard error.
    df
        Degrees of freedom of the residual.

    Examples
    --------
    >>> round(partial_r2(0.09731582 / 0.02325654, df=783), 3)
    0.022
    """
    _positive(df)
    return float(t * t / (t * t + df))


def robustness_value(
    t: float, *, df: int, q: float = 1.0, t_critical: float = 0.0, ratio: float = 1.0
) -> float:
    """Return how much a confounder must explain of outcome and of score alike to change the verdict.

    Parameters
    ----------
    t
        Slope over its classical standard error.
    df
        Degrees of freedom of the residual.
    q
        By which share the slope is to fall; 1 brings it to nought.
    t_critical
        Critical value of the t statistic, so that an interval reaches the remaining slope; 0 asks for the
        estimate itself.
    ratio
        Standard error that is used (clustered, say) over the classical one. That it stays what it is beside
        the confounder is an approximation.

    Returns
    -------
    float
        Share, from 0 to 1, of the residual variance of outcome and of score: confounders that explain less
        than this of both cannot change the verdict.

    Raises
    ------
    OptionError
        If df, q or ratio are not positive.

    References
    ----------
    Cinelli, C., & Hazlett, C. (2020). Making sense of sensitivity: extending omitted variable bias. Journal
    of the Royal Statistical Society B 82, 39–67.

    Examples
    --------
    The published case of attitudes to peace in Darfur:

    >>> t = 0.09731582 / 0.02325654
    >>> round(robustness_value(t, df=783), 3), round(robustness_value(t, df=783, t_critical=1.963), 3)
    (0.139, 0.076)
    """
    _positive(df)
    for name, value in (("q", q), ("ratio", ratio)):
        if not value > 0:
            raise OptionError(f"{name} is {value!r}; allowed: a number above 0")
    f = q * abs(t) / np.sqrt(df)
    critical = abs(t_critical) * ratio / np.sqrt(max(df - 1, 1))
    left = f - critical
    if left <= 0:
        return 0.0
    if f * critical >= 1:
        # the worst confounder of this strength explains less of the outcome than of the score
        return float((f**2 - critical**2) / (1 + f**2))
    return float((np.sqrt(left**4 + 4 * left**2) - left**2) / 2)


@dataclass(frozen=True, eq=False, kw_only=True)
class Adjusted:
    """A slope beside a confounder; arrays of the shape that the strengths have together.

    Parameters
    ----------
    estimate, std_error
        The slope with the confounder in the regression, and its standard error.
    """

    estimate: Floats
    std_error: Floats


def adjusted_slope(
    estimate: float,
    *,
    classical_error: float,
    std_error: float,
    df: int,
    r2_score: npt.ArrayLike,
    r2_outcome: npt.ArrayLike,
    sign: float | None = None,
) -> Adjusted:
    """Return the slope that a regression with the confounder would give.

    Parameters
    ----------
    estimate, classical_error
        Slope without the confounder, and its classical standard error.
    std_error
        The standard error that is used; may be the classical one.
    df
        Degrees of freedom of the residual.
    r2_score
        Share of what is left of the score that the confounder explains, from 0 and below 1.
    r2_outcome
        Share of what is left of the outcome, the score among what is known, that it explains, 0 to 1.
    sign
        Which way the confounder has pulled: 1 up, −1 down; without it, away from nought, so that the slope
        falls.

    Notes
    -----
    The estimate is algebra, not an approximation. So is a classical standard error; another is changed by the
    same factor, which is an approximation.

    Examples
    --------
    >>> beside = adjusted_slope(0.09731582, classical_error=0.02325654, std_error=0.02325654, df=783,
    ...                         r2_score=0.00916429, r2_outcome=0.1246409)
    >>> round(float(beside.estimate), 4), round(float(beside.std_error), 4)
    (0.0752, 0.0219)
    """
    _positive(df)
    d, y = np.asarray(r2_score, dtype=float), np.asarray(r2_outcome, dtype=float)
    if not ((d >= 0) & (d < 1)).all():
        raise OptionError(f"r2_score is {_shown(d)}; allowed: shares from 0 and below 1")
    if not ((y >= 0) & (y <= 1)).all():
        raise OptionError(f"r2_outcome is {_shown(y)}; allowed: shares from 0 to 1")
    pull = sign if sign is not None else (1.0 if estimate >= 0 else -1.0)
    bias = classical_error * np.sqrt(y * d / (1 - d) * df)
    factor = np.sqrt((1 - y) / (1 - d) * df / max(df - 1, 1))
    return Adjusted(estimate=np.asarray(estimate - pull * bias), std_error=np.asarray(std_error * factor))


def times_as_strong(times: npt.ArrayLike, *, r2_score: float, r2_outcome: float) -> tuple[Floats, Floats]:
    """Return the partial R² of a confounder so many times as strong as a recorded variable.

    Parameters
    ----------
    times
        Multiples of the strength, for the score and for the outcome alike.
    r2_score
        Share of the score's variance, given all other recorded variables, that the variable explains.
    r2_outcome
        Share of the outcome's, given score and all other recorded variables.

    Returns
    -------
    tuple of arrays
        Partial R² of the confounder with the score and with the outcome; missing where no confounder can be
        so strong.

    References
    ----------
    Cinelli & Hazlett (2020), section 4.4.

    Examples
    --------
    >>> score, outcome = times_as_strong([1, 2], r2_score=0.1, r2_outcome=0.2)
    >>> score.round(4).tolist(), outcome.round(4).tolist()
    ([0.1111, 0.2222], [0.3125, 0.6426])
    """
    k = np.asarray(times, dtype=float)
    if not (k >= 0).all():
        raise OptionError(f"times is {_shown(k)}; allowed: multiples of a strength, 0 or more")
    score = k * r2_score / (1 - r2_score)
    with np.errstate(invalid="ignore", divide="ignore"):
        linked = k * r2_score**2 / ((1 - k * r2_score) * (1 - r2_score))
        shared = ((np.sqrt(k) + np.sqrt(linked)) / np.sqrt(1 - linked)) ** 2
        outcome = shared * r2_outcome / (1 - r2_outcome)
    possible = (score < 1) & (linked < 1) & (outcome < 1)
    return np.where(possible, score, np.nan), np.where(possible, outcome, np.nan)


def _positive(df: int) -> None:
    if not df > 0:
        raise OptionError(f"df is {df!r}; allowed: degrees of freedom, 1 or more")


def _shown(values: Any) -> str:
    return str(values.tolist())

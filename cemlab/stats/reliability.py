"""How reliable a scale is: Cronbach's alpha with Feldt's interval, and omega."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.result import check_conf_level
from cemlab.stats.factor_analysis import factor_analysis
from cemlab.stats.intervals import Interval

FloatArray = NDArray[np.float64]


def cronbach_alpha(items: FloatArray) -> float:
    """Return Cronbach's (1951) alpha; NaN for a single item or answers that are all alike.

    Parameters
    ----------
    items
        Of shape (n_respondents, n_items), without blanks.

    Examples
    --------
    >>> round(cronbach_alpha(np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])), 6)
    1.0
    """
    count = items.shape[1]
    total = float(items.sum(axis=1).var(ddof=1))
    if count < 2 or total == 0:
        return float("nan")
    return float(count / (count - 1) * (1 - items.var(axis=0, ddof=1).sum() / total))


def standardised_alpha(correlation: ArrayLike) -> FloatArray:
    """Return alpha of the standardised items, from their mean correlation.

    Parameters
    ----------
    correlation
        Of shape (..., p, p), p at least 2.

    Examples
    --------
    Two items correlated .5:

    >>> round(float(standardised_alpha([[1, 0.5], [0.5, 1]])), 4)
    0.6667
    """
    seen = np.asarray(correlation, dtype=np.float64)
    count = seen.shape[-1]
    mean = (seen.sum(axis=(-2, -1)) - count) / (count * (count - 1))
    return np.asarray(count * mean / (1 + (count - 1) * mean))


def feldt_interval(alpha: float, *, n: int, items: int, conf_level: float = 0.95) -> Interval:
    """Return alpha with its exact interval for normal, equally good items.

    Parameters
    ----------
    alpha
        Cronbach's alpha.
    n, items
        Respondents and items, at least 2 of each.
    conf_level
        Level of the interval, between 0 and 1.

    References
    ----------
    Feldt, L. S. (1965). The approximate sampling distribution of Kuder-Richardson reliability coefficient
    twenty. Psychometrika 30, 357–370.

    Examples
    --------
    >>> [round(float(end), 4) for end in feldt_interval(0.8, n=100, items=10)]
    [0.8, 0.736, 0.8537]
    """
    from scipy.special import fdtri

    check_conf_level(conf_level)
    tail = (1 - conf_level) / 2
    df = (n - 1, (n - 1) * (items - 1))
    low, high = (1 - (1 - alpha) * fdtri(*df, share) for share in (1 - tail, tail))
    return Interval(np.asarray(alpha), np.asarray(low), np.asarray(high))


def omega_total(covariance: ArrayLike) -> FloatArray:
    """Return McDonald's omega: the share of the sum's variance that one common factor explains.

    Unlike alpha it does not take all items for equally good.

    Parameters
    ----------
    covariance
        Of the items, of shape (..., p, p), each of them positive definite.

    Returns
    -------
    numpy.ndarray
        Of shape (...); nan with fewer than three items, and where the one-factor model did not converge.

    References
    ----------
    McDonald, R. P. (1999). Test theory: a unified treatment. Lawrence Erlbaum.

    Examples
    --------
    Three items with loadings .8, .7 and .6: 2.1² / (2.1² + .36 + .51 + .64).

    >>> loading = np.array([0.8, 0.7, 0.6])
    >>> round(float(omega_total(np.outer(loading, loading) + np.diag(1 - loading**2))), 4)
    0.7449
    """
    seen = np.asarray(covariance, dtype=np.float64)
    if seen.shape[-1] < 3:
        return np.full(seen.shape[:-2], np.nan)
    spread = np.sqrt(np.diagonal(seen, axis1=-2, axis2=-1))
    fit = factor_analysis(seen / (spread[..., :, None] * spread[..., None, :]), factors=1)
    common = (fit.loadings[..., 0] * spread).sum(axis=-1) ** 2
    own = (fit.uniquenesses * spread**2).sum(axis=-1)
    return np.asarray(np.where(fit.converged, common / (common + own), np.nan))

"""Intervals for shares and for their differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError
from cemlab.result import check_conf_level

FloatArray = NDArray[np.float64]


class Interval(NamedTuple):
    """Estimates with their intervals, three arrays of one shape.

    Attributes
    ----------
    estimate, conf_low, conf_high
        The estimates and the ends of their intervals; nan where nothing was observed.
    """

    estimate: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray


def wilson(successes: ArrayLike, n: ArrayLike, *, conf_level: float = 0.95) -> Interval:
    """Return shares with Wilson's score intervals.

    Parameters
    ----------
    successes, n
        How many of how many; arrays that broadcast together.
    conf_level
        Level of the intervals, between 0 and 1.

    Returns
    -------
    Interval
        Shares from 0 to 1, of the broadcast shape; nan where n is 0.

    Raises
    ------
    DataError
        If a number is missing or negative, or successes exceed n.
    OptionError
        If the level is not between 0 and 1.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association 22, 209–212.

    Examples
    --------
    >>> share = wilson(56, 70)
    >>> float(share.estimate), round(float(share.conf_low), 4), round(float(share.conf_high), 4)
    (0.8, 0.6918, 0.877)
    """
    from statsmodels.stats.proportion import proportion_confint

    check_conf_level(conf_level)
    try:
        hits, tries = np.broadcast_arrays(
            np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"successes and n must be numbers of matching shapes: {error}") from error
    if not ((hits >= 0) & (hits <= tries) & np.isfinite(tries)).all():
        raise DataError("successes and n must satisfy 0 <= successes <= n, with none missing")
    some = tries > 0
    share, low, high = (np.full(hits.shape, np.nan) for _ in range(3))
    share[some] = hits[some] / tries[some]
    low[some], high[some] = proportion_confint(
        hits[some], tries[some], alpha=1.0 - conf_level, method="wilson"
    )
    # at 0 and at n the formula's end is the estimate itself, but for a rounding error
    return Interval(share, np.fmin(low, share), np.fmax(high, share))


def difference_of_shares(first: Interval, second: Interval) -> Interval:
    """Return the difference of two independent estimates, with an interval made of their own two.

    Each end lies as far from the difference as the two distances to the ends on that side, squared
    and added (MOVER). With Wilson intervals of two shares it is Newcombe's method 10; it serves as
    well for any two independent estimates with intervals of the same level, such as two survival
    probabilities, and unlike the usual standard error it stays honest near 0 and 1.

    Parameters
    ----------
    first, second
        Estimates with their intervals, of shapes that broadcast together.

    Returns
    -------
    Interval
        `first` minus `second`, at the level of theirs; nan where one of them is.

    Raises
    ------
    DataError
        If an estimate lies outside its own interval or shapes do not match.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, 873–890.
    Zou, G. Y. & Donner, A. (2008). Construction of confidence limits about effect measures: a general
    approach. Statistics in Medicine 27, 1693–1702.

    Examples
    --------
    >>> gap = difference_of_shares(wilson(56, 70), wilson(48, 80))
    >>> [round(float(end), 4) for end in gap]
    [0.2, 0.0524, 0.3339]
    """
    (p1, low1, high1), (p2, low2, high2) = _checked(first, "first"), _checked(second, "second")
    try:
        gap = np.asarray(p1 - p2)
    except ValueError as error:
        raise DataError(f"first and second have shapes that do not match: {error}") from error
    low = gap - np.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = gap + np.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return Interval(gap, low, high)


def _checked(interval: Interval, name: str) -> Interval:
    """Return the interval as arrays, or refuse one that does not hold its estimate."""
    estimate, low, high = (np.asarray(part, dtype=np.float64) for part in interval)
    # An end that should equal the estimate, as at a share of 0, may miss it by rounding.
    if ((low > estimate + 1e-12) | (high < estimate - 1e-12)).any():
        raise DataError(
            f"an estimate of {name} lies outside its own interval; give estimate, low, high in order"
        )
    return Interval(estimate, low, high)

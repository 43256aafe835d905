"""Rates of events over time at risk, compared within strata."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cemlab.errors import DataError, DesignError
from cemlab.result import check_conf_level
from cemlab.stats.intervals import Interval


def rate_ratio(
    events: ArrayLike,
    time: ArrayLike,
    *,
    events_else: ArrayLike,
    time_else: ArrayLike,
    conf_level: float = 0.95,
) -> Interval:
    r"""Return the ratio of two rates, compared within strata (Mantel–Haenszel).

    .. math:: R = \frac{\sum_k d_k t'_k / T_k}{\sum_k d'_k t_k / T_k}, \quad T_k = t_k + t'_k,

    with the variance of its logarithm by Greenland and Robins. Where one side has no event the estimate is 0
    or infinite, and the other end of the interval is the exact one given the number of events.

    Parameters
    ----------
    events, time
        Events and time at risk of those in question in each stratum, of shape (k).
    events_else, time_else
        The same of the others.
    conf_level
        Level of the interval.

    Raises
    ------
    DataError
        If shapes differ, or a number is missing or negative.
    DesignError
        If no stratum has both in it, or there is no event at all.

    References
    ----------
    Greenland, S. & Robins, J. M. (1985). Estimation of a common effect parameter from sparse follow-up data.
    Biometrics 41, 55–68.

    Examples
    --------
    >>> ratio = rate_ratio([20], [100.0], events_else=[10], time_else=[100.0])
    >>> [round(float(end), 3) for end in ratio]
    [2.0, 0.936, 4.273]
    """
    from scipy.special import ndtri

    check_conf_level(conf_level)
    parts = [np.atleast_1d(np.asarray(x, dtype=float)) for x in (events, time, events_else, time_else)]
    if len({part.shape for part in parts}) > 1 or any(not (part >= 0).all() for part in parts):
        raise DataError("events and times at risk must be numbers from 0 and of one shape")
    both = (parts[1] > 0) & (parts[3] > 0)
    if not both.any():
        raise DesignError("nobody is at risk on both sides at the same time, so there is nothing to compare")
    d, t, d2, t2 = (part[both] for part in parts)
    whole = t + t2
    top, bottom = float((d * t2 / whole).sum()), float((d2 * t / whole).sum())
    if top + bottom == 0:
        raise DesignError("there is no event on either side, so rates cannot be compared")
    if top == 0 or bottom == 0:
        return _bounded(float(d.sum()), float(d2.sum()), t, t2, conf_level)
    spread = np.sqrt(float(((d + d2) * t * t2 / whole**2).sum()) / (top * bottom))
    reach = np.exp(float(ndtri((1 + conf_level) / 2)) * spread)
    ratio = top / bottom
    return Interval(np.array(ratio), np.array(ratio / reach), np.array(ratio * reach))


def _bounded(d: float, d2: float, t: np.ndarray, t2: np.ndarray, conf_level: float) -> Interval:
    """Return 0 or infinity with the exact other end: given all events, none fell on one side."""
    share = 1 - ((1 - conf_level) / 2) ** (1 / (d + d2))  # the largest share of events that side may have
    odds = share / (1 - share)
    # the odds of an event falling here are the ratio times the times at risk
    if d == 0:
        return Interval(np.array(0.0), np.array(0.0), np.array(odds * t2.sum() / t.sum()))
    return Interval(np.array(np.inf), np.array(t2.sum() / t.sum() / odds), np.array(np.inf))


def weighted_share(weights: ArrayLike, n: ArrayLike, *, most: float, conf_level: float = 0.95) -> Interval:
    """Return a share that is an average of many, to which each event adds its own weight, with its interval.

    The interval is the exact one of Clopper and Pearson at the number of trials that would make the sum as
    certain as it is (Korn & Graubard 1998): of one share with equal weights, exactly theirs.

    Parameters
    ----------
    weights, n
        What an event adds to the average, and how many events add as much, of shape (k).
    most
        The most that an event may add: what tells the number of trials where there was no event.
    conf_level
        Level of the interval.

    References
    ----------
    Korn, E. L. & Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data. Survey Methodology 24, 193–201.

    Examples
    --------
    >>> [round(float(end), 4) for end in weighted_share([0.1], [2], most=0.1)]  # 2 of 10
    [0.2, 0.0252, 0.5561]
    >>> [round(float(end), 4) for end in weighted_share([], [], most=0.1)]  # none of 10
    [0.0, 0.0, 0.3085]
    """
    from scipy.special import betaincinv

    check_conf_level(conf_level)
    each, often = np.asarray(weights, dtype=float), np.asarray(n, dtype=float)
    share, square = float((each * often).sum()), float((each**2 * often).sum())
    trials = share / square if share > 0 else 1 / most
    hits, tail = share * trials, (1 - conf_level) / 2
    low = betaincinv(hits, trials - hits + 1, tail) if hits > 0 else 0.0
    high = betaincinv(hits + 1, trials - hits, 1 - tail) if trials > hits else 1.0
    return Interval(np.array(share), np.array(float(low)), np.array(float(high)))


def median_interval(values: ArrayLike, n: ArrayLike, *, conf_level: float = 0.95) -> Interval:
    """Return the median of counted values, with its exact interval by order statistics.

    Parameters
    ----------
    values, n
        Distinct values and how often each was seen, of shape (k).
    conf_level
        Level of the interval, which holds at least that; with too few values it has no end: -inf or inf.

    Raises
    ------
    DesignError
        If there is no value.

    Examples
    --------
    >>> [float(end) for end in median_interval([1, 2, 3, 9], [3, 4, 3, 1])]
    [2.0, 1.0, 3.0]
    """
    from scipy.stats import binom

    check_conf_level(conf_level)
    order = np.argsort(np.asarray(values, dtype=float), kind="stable")
    each, often = np.asarray(values, dtype=float)[order], np.asarray(n, dtype=np.int64)[order]
    size = int(often.sum())
    if size == 0:
        raise DesignError("there is no value, so there is no median")
    reached = np.cumsum(often)

    def ranked(rank: int) -> float:
        return float(each[np.searchsorted(reached, rank)])

    middle = (ranked((size + 1) // 2) + ranked(size // 2 + 1)) / 2
    low = int(binom.ppf((1 - conf_level) / 2, size, 0.5))  # ranks low and size + 1 - low hold it
    if low < 1:
        return Interval(np.array(middle), np.array(-np.inf), np.array(np.inf))
    return Interval(np.array(middle), np.array(ranked(low)), np.array(ranked(size + 1 - low)))

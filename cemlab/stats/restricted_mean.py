"""Restricted means and quantiles of the time until leaving, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError
from cemlab.stats.intervals import Interval
from cemlab.stats.lifetable import LifeTable

Floats = npt.NDArray[np.float64]

# A curve is level with a share if it is this near to it, as in R.
_LEVEL = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True, kw_only=True)
class RestrictedMean:
    """Mean time until leaving or the horizon, whichever is first.

    Parameters
    ----------
    horizon
        Times after it are counted as the horizon.
    estimate, std_error
        The area under the curve up to the horizon, and its standard error (Greenwood's variance).
    conf_low, conf_high
        Interval on the scale of log(mean / (horizon - mean)), which never leaves 0 to the horizon, and which
        reaches at least as far down as where one more had left (see :func:`restricted_mean`).
    conf_level
        Confidence level of the interval.
    """

    horizon: float
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    conf_level: float


def restricted_mean(table: LifeTable, *, horizon: float, conf_level: float = 0.95) -> RestrictedMean:
    """Return the mean time until leaving within a horizon (Irwin 1949; Karrison 1987).

    Parameters
    ----------
    table
        A Kaplan–Meier curve.
    horizon
        In the unit of the table, above 0 and not beyond what is known of the curve.
    conf_level
        Confidence level of the interval.

    Returns
    -------
    RestrictedMean
        The area under the curve with its standard error and interval.

    Raises
    ------
    OptionError
        If the horizon is not above 0.
    DesignError
        If it lies beyond the last time at which the curve is known.

    Notes
    -----
    Where few left, the standard error is itself a guess, and 0 where nobody did. The lower end is therefore
    no higher than that of the gamma interval for a weighted sum of rare events (Fay & Feuer 1997), which
    takes the time lost as if one more had left, at the time that costs most: of n watched throughout of whom
    nobody left it is the horizon less about 3.7 horizons / n. Where all left at one moment the ends let as
    many of them stay, or leave at once, as the exact bound for none of n allows.

    Examples
    --------
    >>> from cemlab.stats.lifetable import life_table
    >>> table = life_table([1, 2, 3], event=[1, 0, 1], n=[10, 20, 10])
    >>> found = restricted_mean(table, horizon=3)
    >>> found.estimate, round(found.std_error, 3)
    (2.5, 0.137)
    """
    from scipy.special import ndtri

    if not (np.isfinite(horizon) and horizon > 0):
        raise OptionError(f"horizon is {horizon!r}; allowed: a length of time above 0")
    last = float(table.time[-1])
    if horizon > last and table.survival[-1] > 0:
        raise DesignError(
            f"the curve is known up to {last:g} only, and the horizon is {horizon:g}; "
            f"choose a horizon of at most {last:g}"
        )
    mean, variance = _area(table, horizon)
    std_error = float(np.sqrt(variance))
    one_more = _costliest(table, horizon)
    low, high = mean, mean
    if std_error > 0:
        odds = np.log(mean / (horizon - mean))
        reach = float(ndtri((1 + conf_level) / 2)) * std_error * horizon / (mean * (horizon - mean))
        low, high = (float(horizon / (1 + np.exp(-(odds + side)))) for side in (-reach, reach))
    elif mean < horizon:
        share = _other_moment(table, conf_level)
        low, high = mean * (1 - share), mean + (horizon - mean) * share
    low = max(min(low, horizon - _gamma_end(horizon - mean, variance, one_more, conf_level)), 0.0)
    return RestrictedMean(
        horizon=horizon,
        estimate=mean,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
    )


def _other_moment(table: LifeTable, conf_level: float) -> float:
    """Return the largest share that may leave at another moment where all who were seen left at one."""
    n = int(table.at_risk[int(np.argmax(table.events > 0))])
    return float(1 - ((1 - conf_level) / 2) ** (1 / n))


def _gamma_end(total: float, variance: float, weight: float, conf_level: float) -> float:
    """Return the upper end of the gamma interval for a sum of rare events of at most this weight."""
    from scipy.special import gammaincinv

    total, variance = total + weight, variance + weight**2
    if variance == 0:
        return total
    return float(variance / total * gammaincinv(total**2 / variance, (1 + conf_level) / 2))


def _costliest(table: LifeTable, horizon: float) -> float:
    """Return the most by which one more departure before the horizon would lower the mean."""
    last = int(np.searchsorted(table.time, horizon))  # the first end at the horizon or beyond, if any
    time, survival = table.time[:last], table.survival[:last]
    ahead = np.diff(np.concatenate([[0.0], time, [horizon]])) * np.concatenate([[1.0], survival])
    after = np.cumsum(ahead[::-1])[::-1]
    watched = table.watched[: last + 1]
    return float((after[: len(watched)] / watched).max())


def _area(table: LifeTable, horizon: float) -> tuple[float, float]:
    """Return the area under the curve up to the horizon and its variance."""
    inside = table.time < horizon
    time, survival = table.time[inside], table.survival[inside]
    risk, died = table.at_risk[inside].astype(float), table.events[inside].astype(float)
    widths = np.diff(np.concatenate([[0.0], time, [horizon]]))
    pieces = widths * np.concatenate([[1.0], survival])
    after = np.cumsum(pieces[::-1])[::-1][1:]
    stays = risk > died
    step = np.where(stays & (died > 0), died / (risk * np.where(stays, risk - died, 1.0)), 0.0)
    return float(pieces.sum()), float((after**2 * step).sum())


def difference_of_means(
    one: RestrictedMean, other: RestrictedMean, *, conf_level: float = 0.95
) -> tuple[float, float, float, float]:
    """Return one mean minus the other of independent groups: estimate, std_error, conf_low, conf_high.

    The interval's ends are as far off as the ends of the two means' own intervals together, by Pythagoras
    (Zou & Donner 2008), so that it has a width where nobody of a group left.

    Parameters
    ----------
    one, other
        With one horizon, and intervals of `conf_level`.
    conf_level
        Confidence level of the interval.

    Raises
    ------
    OptionError
        If the horizons or the confidence levels differ.
    """
    _refuse_unlike(one, other, conf_level)
    estimate = one.estimate - other.estimate
    std_error = float(np.hypot(one.std_error, other.std_error))
    below = float(np.hypot(one.estimate - one.conf_low, other.conf_high - other.estimate))
    above = float(np.hypot(one.conf_high - one.estimate, other.estimate - other.conf_low))
    return estimate, std_error, estimate - below, estimate + above


def ratio_of_means(
    one: RestrictedMean, other: RestrictedMean, *, conf_level: float = 0.95
) -> tuple[float, float, float, float]:
    """Return one mean over the other of independent groups: estimate, std_error, conf_low, conf_high.

    The interval is made of the two means' own as that of their difference is, of the logarithms.

    Parameters
    ----------
    one, other
        With one horizon, a mean above 0, and intervals of `conf_level`.
    conf_level
        Confidence level of the interval.

    Raises
    ------
    OptionError
        If the horizons or the confidence levels differ.
    DesignError
        If a mean is 0: everybody left at once.
    """
    _refuse_unlike(one, other, conf_level)
    if min(one.estimate, other.estimate) <= 0:
        raise DesignError("a mean is 0, everybody having left at once, so there is no ratio of means")
    estimate = one.estimate / other.estimate
    spread = float(np.hypot(one.std_error / one.estimate, other.std_error / other.estimate))
    with np.errstate(divide="ignore"):  # a mean that may be 0 leaves the ratio open
        first, second = (np.log([mean.conf_low, mean.estimate, mean.conf_high]) for mean in (one, other))
    below = np.hypot(first[1] - first[0], second[2] - second[1])
    above = np.hypot(first[2] - first[1], second[1] - second[0])
    return estimate, estimate * spread, float(estimate * np.exp(-below)), float(estimate * np.exp(above))


def _refuse_unlike(one: RestrictedMean, other: RestrictedMean, conf_level: float) -> None:
    if one.horizon != other.horizon:
        raise OptionError(
            f"the horizons are {one.horizon:g} and {other.horizon:g}; means are compared within one horizon"
        )
    if not one.conf_level == other.conf_level == conf_level:
        raise OptionError(
            f"conf_level is {conf_level:g}, and the means have intervals of {one.conf_level:g} and "
            f"{other.conf_level:g}; make all three alike"
        )


def quantiles(table: LifeTable, shares_left: Sequence[float]) -> Interval:
    """Return the times by which given shares have left (Brookmeyer & Crowley 1982).

    The ends of an interval are where the ends of the curve's own intervals reach the share. Where a curve
    is level with the share for a while, the middle of that while is told, as R's ``quantile`` does.

    Parameters
    ----------
    table
        A Kaplan–Meier curve; its intervals' level is that of the answer.
    shares_left
        Between 0 and 1; 0.5 is the median.

    Returns
    -------
    Interval
        Three arrays of shape (n_shares,); infinity where that many were not seen to leave.

    Raises
    ------
    OptionError
        If a share is not between 0 and 1.

    Examples
    --------
    >>> from cemlab.stats.lifetable import life_table
    >>> table = life_table([1, 2, 3, 9], event=[1, 1, 1, 0], n=[30, 30, 30, 10])
    >>> [float(values[0]) for values in quantiles(table, [0.5])]
    [2.0, 2.0, 2.0]
    """
    wanted = np.asarray(list(shares_left), dtype=float)
    if not ((wanted > 0) & (wanted < 1)).all():
        raise OptionError(f"shares are {', '.join(map(str, shares_left))}; allowed: between 0 and 1")
    curves = (table.survival, table.conf_low, table.conf_high)
    return Interval(*(np.array([_reached(table.time, curve, share) for share in wanted]) for curve in curves))


def _reached(time: Floats, curve: Floats, share: float) -> float:
    """Return when a falling curve reaches one minus the share, or infinity."""
    below = np.flatnonzero(curve < 1 - share + _LEVEL)
    if not below.size:
        return float("inf")
    first = int(below[0])
    if abs(curve[first] - (1 - share)) >= _LEVEL:
        return float(time[first])
    beyond = np.flatnonzero(curve < curve[first] - _LEVEL)
    return float((time[first] + time[beyond[0]]) / 2) if beyond.size else float(time[first])

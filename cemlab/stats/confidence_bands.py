"""Simultaneous bands: intervals that hold the whole curve at once, not one time alone.

Minus the logarithm of the Kaplan–Meier curve, less its truth, behaves for many spells as a Wiener process
run on the clock of its own variance, with late entry too. What the largest of many standardised
deviations may reach follows from when such a process first leaves a corridor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.result import check_conf_level
from cemlab.stats.lifetable import LifeTable, log_log_limits

Floats = npt.NDArray[np.float64]

#: ``"equal precision"`` widens the pointwise interval by one factor; ``"hall-wellner"`` is narrower in
#: the middle of the clock and wider at its ends.
BandKind = Literal["equal precision", "hall-wellner"]

#: The fewest departures and spells under observation with which a band of equal precision begins and ends.
FEWEST = 10
# A range of the clock shorter than this is nearly a single time; it is taken to be so long, which widens.
_SHORTEST = 1e-3
# Modes of the corridor are added until what is left out is below e to the minus this.
_NEGLIGIBLE = 40.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Band:
    """A simultaneous band of a Kaplan–Meier curve.

    Parameters
    ----------
    conf_low, conf_high
        The band at each time of the curve, shape (n_times,). Before `first` it goes from its own lower end at
        that time up to 1, after `last` from 0 to its upper end: a curve that only falls is held there too.
    critical
        What the largest deviation was compared with.
    first, last
        The range whose deviations were compared.
    """

    conf_low: Floats
    conf_high: Floats
    critical: float
    first: float
    last: float


def simultaneous_band(
    table: LifeTable,
    *,
    n: int,
    kind: BandKind = "equal precision",
    conf_level: float = 0.95,
    first: float | None = None,
    last: float | None = None,
) -> Band:
    """Return a band that holds the whole curve between two times (Nair 1984; Hall & Wellner 1980).

    On the complementary log-log scale (Borgan & Liestøl 1990), so that it never leaves 0 to 1.

    Parameters
    ----------
    table
        A Kaplan–Meier curve, with late entry or without.
    n
        How many spells it rests on. It sets the Hall–Wellner band's clock; with late entry any number gives
        a valid band, another shape. The equal precision band does not depend on it.
    kind
        Which band.
    conf_level
        The chance that the curve lies within the band everywhere.
    first, last
        The range. If not given: of equal precision from when ten have left to where ten are still watched,
        since with fewer it covers too seldom; of Hall and Wellner from the first departure on.

    Returns
    -------
    Band
        With the critical value.

    Raises
    ------
    DesignError
        If nobody left while others remained in the range, or, with equal precision and no range given, not
        ten: there is no curve to hold.
    OptionError
        If the kind is not one of those, the level is none, or the range is empty.

    Notes
    -----
    Assumes many spells at risk throughout the range and independent late entry and end of observation: the
    deviations then have independent increments whose variance Greenwood's formula estimates.

    Examples
    --------
    >>> from cemlab.stats.lifetable import life_table
    >>> table = life_table([1, 2, 3, 4], event=[1, 1, 1, 0], n=[20, 20, 20, 40])
    >>> round(simultaneous_band(table, n=100).critical, 2)
    2.78
    """
    if kind not in get_args(BandKind):
        raise OptionError(one_of(kind, get_args(BandKind), what="band"))
    check_conf_level(conf_level)
    inside = _range(table, first, last, fewest=FEWEST if kind == "equal precision" else 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(table.survival > 0, (table.std_error / table.survival) ** 2, np.inf)
    start, stop = variance[inside][[0, -1]]
    if kind == "equal precision":
        critical = equal_precision_critical(float(stop / start), conf_level=conf_level)
        reach = critical * np.sqrt(variance)
    else:
        clock = n * variance[inside] / (1 + n * variance[inside])
        critical = hall_wellner_critical(float(clock[0]), float(clock[-1]), conf_level=conf_level)
        reach = critical * (1 + n * variance) / math.sqrt(n)
    low, high = log_log_limits(table.survival, reach)
    begin, end = np.flatnonzero(inside)[[0, -1]]
    before, after = np.arange(len(low)) < begin, np.arange(len(low)) > end
    return Band(
        conf_low=np.where(before, low[begin], np.where(after, 0.0, low)),
        conf_high=np.where(before, 1.0, np.where(after, high[end], high)),
        critical=critical,
        first=float(table.time[begin]),
        last=float(table.time[end]),
    )


def _range(
    table: LifeTable, first: float | None, last: float | None, *, fewest: int
) -> npt.NDArray[np.bool_]:
    """Return which times lie in the range and have left the start without having reached the end."""
    if first is not None and last is not None and not first < last:
        raise OptionError(f"the range is {first:g} to {last:g}; first must lie before last")
    inside = (table.survival < 1) & (table.survival > 0)
    inside &= np.cumsum(table.events) >= fewest if first is None else table.time >= first
    inside &= table.watched >= fewest if last is None else table.time <= last
    if not inside.any():
        many = (
            "nobody left while others remained"
            if fewest == 1
            else f"not {fewest} left while as many remained"
        )
        raise DesignError(f"{many}, so there is no curve to hold; ask for pointwise intervals")
    return inside


@lru_cache(maxsize=512)
def equal_precision_critical(ratio: float, *, conf_level: float = 0.95) -> float:
    """Return what the largest standardised deviation of a Wiener process exceeds with chance 1 - conf_level.

    Parameters
    ----------
    ratio
        The variance at the end of the range over that at its beginning, 1 or more. Of Nair's a_L and a_U it
        is a_U (1 - a_L) / (a_L (1 - a_U)).
    conf_level
        Between 0 and 1.

    Returns
    -------
    float
        Exact to 1e-8 from a ratio of 1.002 on; below, the value of 1.002.

    Raises
    ------
    OptionError
        If the ratio is below 1 or the level is none.

    Notes
    -----
    W(v) / sqrt(v) is a stationary Ornstein–Uhlenbeck process on the clock log(v) / 2; the chance that it
    stays within a corridor is a sum over the corridor's modes.

    Examples
    --------
    >>> round(equal_precision_critical(9.0), 3)
    2.836
    """
    check_conf_level(conf_level)
    if not (math.isfinite(ratio) and ratio >= 1):
        raise OptionError(f"ratio is {ratio!r}; allowed: a finite number that is 1 or more")
    length = max(math.log(ratio) / 2, _SHORTEST)
    return _root(lambda k: _stays_stationary(k, length), conf_level, least=_z(conf_level))


@lru_cache(maxsize=512)
def hall_wellner_critical(start: float, stop: float, *, conf_level: float = 0.95) -> float:
    """Return what the largest deviation of a Brownian bridge in a range exceeds with chance 1 - conf_level.

    Parameters
    ----------
    start, stop
        The range on the bridge's clock from 0 to 1: n v / (1 + n v) with v the variance of the log curve.
    conf_level
        Between 0 and 1.

    Returns
    -------
    float
        Exact to 1e-8 for ranges of 0.001 and more; a shorter one is taken to be so long.

    Raises
    ------
    OptionError
        If the range is empty or not within 0 to 1, or the level is none.

    Examples
    --------
    >>> round(hall_wellner_critical(0.0, 1.0), 3)
    1.358
    """
    check_conf_level(conf_level)
    if not 0 <= start <= stop <= 1:
        raise OptionError(f"the range is {start!r} to {stop!r}; allowed: within 0 to 1, in this order")
    middle = min(max((start + stop) / 2, _SHORTEST / 2), 1 - _SHORTEST / 2)
    half = max((stop - start) / 2, _SHORTEST / 2)
    begin, end = max(middle - half, 0.0), min(middle + half, 1.0)
    widest = min(max(0.5, begin), end)  # of all times the bridge deviates most in the middle
    least = _z(conf_level) * math.sqrt(widest * (1 - widest))
    return _root(lambda k: _stays_bridge(k, begin, end), conf_level, least=least)


def _z(conf_level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + conf_level) / 2))


def _root(stays: Callable[[float], float], conf_level: float, *, least: float) -> float:
    """Return the half-width of the corridor in which a process stays with the chance conf_level.

    `least` is that of the one time at which it is widest: to stay inside always is less likely.
    """
    from scipy.optimize import brentq

    widest = 1.3 * least
    while stays(widest) < conf_level:
        widest *= 1.3
    return float(brentq(lambda k: stays(k) - conf_level, least, widest, xtol=1e-10, rtol=1e-12))


@lru_cache(maxsize=64)
def _legendre(size: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(size)


def _frequencies(k: float, decay: Callable[[float], float]) -> Floats:
    """Return the frequencies of the modes that are even and vanish at both sides of a corridor."""
    size = 1
    while decay((2 * size - 1) * math.pi / (2 * k)) < _NEGLIGIBLE:
        size += 1
    return np.asarray((2 * np.arange(1, size + 3) - 1) * math.pi / (2 * k), dtype=float)


def _against_modes(values: Callable[[Floats], Floats], reach: float, frequency: Floats) -> Floats:
    """Integrate an even function over -reach to reach against the cosine of each mode."""
    nodes, weights = _legendre(64 * math.ceil((2 * len(frequency) + 60) / 64))
    x = reach * (nodes + 1) / 2
    integral: Floats = reach * np.cos(np.outer(frequency, x)) @ (weights * values(x))
    return integral


def _stays_stationary(k: float, length: float) -> float:
    """Return the chance that a stationary Ornstein–Uhlenbeck process stays within -k to k for a while."""
    frequency = _frequencies(k, lambda p: (p**2 - 0.5) * length)
    # in the modes of the empty corridor: minus the second derivative, plus x²/4 - 1/2
    plus, minus = np.add.outer(frequency, frequency), np.subtract.outer(frequency, frequency)
    operator = (_square_against(plus, k) + _square_against(minus, k)) / (4 * k)
    operator[np.diag_indices_from(operator)] += frequency**2 - 0.5
    rates, modes = np.linalg.eigh(operator)
    root = _against_modes(lambda x: np.exp(-(x**2) / 4) / (2 * math.pi) ** 0.25, k, frequency) / math.sqrt(k)
    return float(((root @ modes) ** 2 * np.exp(-rates * length)).sum())


def _square_against(frequency: Floats, k: float) -> Floats:
    """Integrate x² cos(frequency x) from 0 to k, where frequency k is a multiple of pi."""
    moving = np.where(np.abs(frequency) * k > 1, frequency, 1.0)
    waves = 2 * k * np.cos(moving * k) / moving**2
    integral: Floats = np.where(np.abs(frequency) * k > 1, waves, k**3 / 3)
    return integral


def _stays_bridge(k: float, start: float, stop: float) -> float:
    """Return the chance that a Brownian bridge stays within -k to k from start to stop of its clock."""
    length = stop - start
    frequency = _frequencies(k, lambda p: p**2 * length / 2)
    sides = _before_or_after(start, k, frequency) * _before_or_after(1 - stop, k, frequency)
    return float((sides * np.exp(-(frequency**2) * length / 2)).sum() * math.sqrt(2 * math.pi) / k)


def _before_or_after(variance: float, k: float, frequency: Floats) -> Floats:
    """Return each mode's share of a normal density around 0, cut off at the corridor."""
    if variance == 0:
        return np.ones_like(frequency)
    spread = math.sqrt(variance)
    # beyond ten standard deviations there is nothing to add
    reach = min(k, 10 * spread)
    scale = 1 / (spread * math.sqrt(2 * math.pi))
    return _against_modes(lambda x: np.exp(-((x / spread) ** 2) / 2) * scale, reach, frequency)

"""The smallest violation of parallel trends at which nothing is left of an effect."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cemlab.stats.trend_bounds import TrendBounds

# Looks between two bounds, again and again within the gap where the answer lies: precise to 16 ** -4 of it.
_LOOKS, _ROUNDS = 17, 4
_DOUBLINGS = 40


def breakdown(intervals: Callable[[list[float]], TrendBounds], *, unit: float) -> float:
    """Return the smallest bound at which the robust interval holds zero.

    Parameters
    ----------
    intervals
        From bounds to their intervals.
    unit
        Where to begin to look: a bound that matters, above 0.

    Returns
    -------
    float
        0 where the interval holds zero without any violation; infinite where no bound up to 10¹² units does.

    Notes
    -----
    The first bound found in steps of an eighth from one doubling to the next, then cut ever finer. Zero that
    comes in between two looks and leaves again, as a centre that moves may do, is not seen.

    Examples
    --------
    >>> from cemlab.stats.trend_bounds import relative_trend_bounds
    >>> from cemlab.stats.trend_target import trend_target
    >>> target = trend_target([-1.0, 0.5], [2.0], covariance=1e-12 * np.eye(3))
    >>> round(breakdown(lambda at: relative_trend_bounds(target, bounds=at), unit=1.0), 3)
    1.333
    """
    if _first_inside(intervals, [0.0]) is not None:
        return 0.0
    low, high = 0.0, unit
    looks = list(np.linspace(low, high, _LOOKS))
    for _ in range(_DOUBLINGS):
        at = _first_inside(intervals, looks)
        if at is not None:
            break
        low, high = high, 2 * high
        looks = list(np.linspace(low, high, _LOOKS // 2 + 1))
    else:
        return float("inf")
    for _ in range(_ROUNDS):
        looks = list(np.linspace(looks[at - 1], looks[at], _LOOKS))
        # the last look holds zero; with rounding at the first one the gap is closed
        at = max(_first_inside(intervals, looks) or 1, 1)
    return float(looks[at])


def _first_inside(intervals: Callable[[list[float]], TrendBounds], looks: list[float]) -> int | None:
    """Return the number of the first bound whose interval holds zero."""
    found = intervals(looks)
    inside = np.flatnonzero((found.conf_low <= 0) & (found.conf_high >= 0))
    return int(inside[0]) if inside.size else None

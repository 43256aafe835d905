"""What a comparison of two groups can find: its power, and the smallest effect it is likely to find."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import OptionError
from cemlab.result import check_conf_level

Floats = npt.NDArray[np.float64]


def power_of_t(
    effect: npt.ArrayLike, *, std_error: npt.ArrayLike, df: npt.ArrayLike, conf_level: float = 0.95
) -> Floats:
    """Return the chance that a two-sided t test finds an effect.

    Parameters
    ----------
    effect, std_error, df
        True effect, standard error of its estimate and degrees of freedom; shapes that go together. Without
        degrees of freedom (0 or fewer) nothing can be found: power 0.
    conf_level
        1 less the test's level.

    Returns
    -------
    array
        Power, of the common shape: the noncentral t distribution beyond the critical value, on both sides.

    Examples
    --------
    >>> power_of_t([0.0, 1.0], std_error=0.35, df=30).round(3).tolist()
    [0.05, 0.789]
    """
    check_conf_level(conf_level)
    return power_at_level(effect, std_error=std_error, df=df, level=1 - conf_level)


def power_at_level(
    effect: npt.ArrayLike, *, std_error: npt.ArrayLike, df: npt.ArrayLike, level: npt.ArrayLike
) -> Floats:
    """Return the same, where tests have levels of their own; at a level of 0 nothing is ever found."""
    from scipy.special import nctdtr, stdtrit

    ratio, free, alpha = np.broadcast_arrays(
        np.asarray(effect, dtype=float) / np.asarray(std_error, dtype=float),
        np.asarray(df, dtype=float),
        np.asarray(level, dtype=float),
    )
    possible = (free > 0) & (alpha > 0)
    safe = np.where(possible, free, 1.0)
    critical = stdtrit(safe, 1 - np.where(possible, alpha, 0.5) / 2)
    # beyond 40 the chance is 1 to the last digit, and the series for it slow
    centre = np.minimum(np.abs(ratio), 40.0)
    # far from the centre the series gives up with NaN where the chance is 0
    power = 1 - np.nan_to_num(nctdtr(safe, centre, critical)) + np.nan_to_num(nctdtr(safe, centre, -critical))
    found: Floats = np.where(possible, np.clip(power, 0.0, 1.0), 0.0)
    return found


def detectable_ratio(df: npt.ArrayLike, *, power: float = 0.8, conf_level: float = 0.95) -> Floats:
    """Return the smallest effect that a two-sided t test finds with a given power, in standard errors.

    Parameters
    ----------
    df
        Degrees of freedom; without any (0 or fewer) no effect is large enough: infinite.
    power
        The chance to find it, above the test's level and below 1.
    conf_level
        1 less the test's level.

    Raises
    ------
    OptionError
        If `power` is not between the test's level and 1.

    Examples
    --------
    >>> detectable_ratio([10, 1e6]).round(3).tolist()
    [3.11, 2.802]
    """
    check_power(power, conf_level)
    free = np.asarray(df, dtype=float)
    low, high = np.zeros(free.shape), np.full(free.shape, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        enough = power_of_t(middle, std_error=1.0, df=free, conf_level=conf_level) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    ratio: Floats = np.where(free > 0, high, np.inf)
    return ratio


def check_power(power: float, conf_level: float) -> None:
    """Refuse a power that is no chance above the test's level.

    Raises
    ------
    OptionError
        If it is not.
    """
    check_conf_level(conf_level)
    if isinstance(power, bool) or not isinstance(power, int | float) or not 1 - conf_level < power < 1:
        raise OptionError(
            f"power is {power!r}; allowed: a chance above {1 - conf_level:.2g} and below 1, e.g. 0.8"
        )

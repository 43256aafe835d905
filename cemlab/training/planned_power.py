"""Studies simulated from branches as they were, all draws at once."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def check_ways(branches: npt.ArrayLike, treated: npt.ArrayLike, conf_level: float) -> Flags:
    """Return whether a lot could fall in so many ways that a study may refute chance at the level.

    Examples
    --------
    >>> check_ways([4, 6, 8], [2, 3, 4], 0.95).tolist()  # 6, 20 and 70 ways; half of them mirror the others
    [False, False, True]
    """
    found = []
    sizes = (np.asarray(branches, dtype=int).tolist(), np.asarray(treated, dtype=int).tolist())
    for b, k in zip(*sizes, strict=True):
        if b > 60 and 8 <= k <= b - 8:  # billions of ways, more than any level asks for
            found.append(True)
            continue
        ways = math.comb(b, k)
        # the way that was drawn and its mirror, where there is one, are both as extreme
        found.append((1 + (b == 2 * k)) / ways <= 1 - conf_level + 1e-12)
    return np.array(found)


def simulated_power(
    change: Floats,
    *,
    effect: float,
    branches: int,
    treated: int,
    conf_level: float,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Return the share of simulated studies that find an effect.

    Parameters
    ----------
    change
        (n, places) what each branch changed by itself, wherever months before and after fit. A study takes
        all its branches at one place in time.
    effect
        What is added to those treated.
    branches, treated
        Size of the study.
    conf_level
        1 less the level of the test.
    draws
        Studies.
    rng
        Source of random numbers.
    """
    from scipy.special import stdtrit

    who = rng.integers(0, len(change), (draws, branches))
    when = rng.integers(0, change.shape[1], (draws, 1))
    drawn = change[who, when]
    drawn[:, :treated] += effect
    first, second = drawn[:, :treated], drawn[:, treated:]
    gap = first.mean(axis=1) - second.mean(axis=1)
    rest = ((first - first.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    rest += ((second - second.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = np.sqrt(rest / (branches - 2) * (1 / treated + 1 / (branches - treated)))
    critical = stdtrit(branches - 2, 0.5 + conf_level / 2)
    return float(np.mean(np.abs(gap) > critical * error))

"""Studies simulated from branches as they were, all draws at once, and the test that each would use."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from cemlab.stats.permuted_labels import permuted_labels
from cemlab.training.few_branches_rule import USUAL_FROM, WILD_FROM, TestMethod

Floats = npt.NDArray[np.float64]

# Ways of a lot that are looked at, where there are more.
_WAYS = 1999


def planned_method(branches: int, treated: int) -> TestMethod:
    """Return the test that the rule for few branches takes, by the numbers alone.

    Examples
    --------
    >>> planned_method(8, 4), planned_method(20, 10), planned_method(60, 30)
    ('randomisation inference', 'wild cluster bootstrap', 'usual clustered test')
    """
    few = min(treated, branches - treated)
    if few >= USUAL_FROM:
        return "usual clustered test"
    return "wild cluster bootstrap" if few >= WILD_FROM else "randomisation inference"


def attained_level(branches: int, treated: int, level: float) -> float:
    """Return the level that the test attains: of a lot that can fall in few ways, only some.

    Examples
    --------
    >>> attained_level(20, 10, 0.05), attained_level(4, 2, 0.05), round(attained_level(8, 4, 0.05), 4)
    (0.05, 0.0, 0.0286)
    """
    if planned_method(branches, treated) != "randomisation inference":
        return level
    ways = math.comb(branches, min(treated, branches - treated))
    # the way that was drawn and its mirror, where there is one, are both as far out
    steps = ways // 2 if branches == 2 * treated else ways
    return math.floor(level * steps * (1 + 1e-9)) / steps


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
        1 less the level of the test: randomisation where units are too few for any other, else Student's,
        which the usual and the wild test come to where all units vary alike.
    draws
        Studies.
    rng
        Source of random numbers.
    """
    who = rng.integers(0, len(change), (draws, branches))
    when = rng.integers(0, change.shape[1], (draws, 1))
    drawn = change[who, when]
    drawn[:, :treated] += effect
    if planned_method(branches, treated) == "randomisation inference":
        return _by_randomisation(drawn, treated, 1 - conf_level, rng)
    return _by_t(drawn, treated, conf_level)


def _by_randomisation(drawn: Floats, treated: int, level: float, rng: np.random.Generator) -> float:
    branches = drawn.shape[1]
    labels = permuted_labels(np.arange(branches) < treated, draws=_WAYS, rng=rng)
    gaps = np.abs(drawn @ (labels / treated - (~labels) / (branches - treated)).T)
    as_far = (gaps >= gaps[:, :1] * (1 - 1e-9)).mean(axis=1)
    return float(np.mean(as_far <= level * (1 + 1e-9)))


def _by_t(drawn: Floats, treated: int, conf_level: float) -> float:
    from scipy.special import stdtrit

    branches = drawn.shape[1]
    first, second = drawn[:, :treated], drawn[:, treated:]
    gap = first.mean(axis=1) - second.mean(axis=1)
    rest = ((first - first.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    rest += ((second - second.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = np.sqrt(rest / (branches - 2) * (1 / treated + 1 / (branches - treated)))
    return float(np.mean(np.abs(gap) > stdtrit(branches - 2, 0.5 + conf_level / 2) * error))

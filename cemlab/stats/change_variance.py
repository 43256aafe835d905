"""How much units change by themselves: the variance of a mean of months after less a mean before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MEMORIES = np.linspace(0.0, 0.99, 100)


def without_months(outcome: Floats) -> Floats:
    """Return the outcome (n, t) less each month's mean, and so scaled that its variance is unbiased."""
    n = len(outcome)
    centred: Floats = (outcome - outcome.mean(axis=0)) * np.sqrt(n / (n - 1))
    return centred


def changes(outcome: Floats, months: int) -> Floats:
    """Return each unit's mean of some months less its mean of as many before, wherever they fit, (n, places).

    Examples
    --------
    >>> changes(np.array([[1.0, 2, 3, 4]]), 2)
    array([[2.]])
    """
    sums = np.concatenate([np.zeros((len(outcome), 1)), np.cumsum(outcome, axis=1)], axis=1)
    means = (sums[:, months:] - sums[:, :-months]) / months
    found: Floats = means[:, months:] - means[:, :-months]
    return found


@dataclass(frozen=True, kw_only=True)
class Memory:
    """How months of a unit hang together: half the mean squared difference of months so far apart.

    That half is ``own + passing * (1 - memory ** lag)``; what a unit always is cancels in a difference.

    Parameters
    ----------
    own
        Variance of what one month has for itself.
    passing
        Variance of what passes slowly.
    memory
        Share of it left after a month.
    """

    own: float
    passing: float
    memory: float

    def change_variance(self, before: int, after: int) -> float:
        """Return the variance of a mean of months after less a mean of the months right before them."""
        weights = np.concatenate([np.full(before, -1 / before), np.full(after, 1 / after)])
        place = np.arange(before + after)
        lag = np.abs(place[:, None] - place)
        half = np.where(lag > 0, self.own + self.passing * (1 - self.memory**lag), 0.0)
        return float(-weights @ half @ weights)


def fit_memory(outcome: Floats) -> Memory:
    """Fit how the months of units hang together, to all pairs of months by weighted least squares.

    Parameters
    ----------
    outcome
        (n, t), without what all units of a month have in common; at least three periods.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = fit_memory(without_months(rng.normal(size=(500, 12))))
    >>> round(found.change_variance(6, 6), 2)  # independent months: 1/6 + 1/6
    0.33
    """
    own, passing, memory = _fits(_half(outcome).mean(axis=0)[None])
    return Memory(own=float(own[0]), passing=float(passing[0]), memory=float(memory[0]))


def resampled_memories(outcome: Floats, *, draws: int, rng: np.random.Generator) -> list[Memory]:
    """Fit the same to units drawn with replacement, so many times."""
    half = _half(outcome)
    times = rng.multinomial(len(half), np.full(len(half), 1 / len(half)), size=draws)
    fits = _fits(times @ half / len(half))
    return [Memory(own=float(a), passing=float(b), memory=float(m)) for a, b, m in zip(*fits, strict=True)]


def _half(outcome: Floats) -> Floats:
    """Return half the mean squared difference of a unit's months so far apart, (n, lags)."""
    lags = range(1, outcome.shape[1])
    return np.stack([0.5 * ((outcome[:, k:] - outcome[:, :-k]) ** 2).mean(axis=1) for k in lags], axis=1)


def _fits(half: Floats) -> tuple[Floats, Floats, Floats]:
    """Return own, passing and memory of least squares for rows of halves, (draws, lags); none negative."""
    lags = np.arange(1, half.shape[1] + 1)
    weight = (len(lags) + 1.0 - lags) / len(lags)
    best = np.full(len(half), np.inf)
    found = np.zeros((3, len(half)))
    for memory in _MEMORIES:
        for a, b in _pairs(half, 1 - memory**lags, weight):
            fitted = a[:, None] + b[:, None] * (1 - memory**lags)
            rest = ((half - fitted) ** 2) @ weight
            better = (a >= 0) & (b >= 0) & (rest < best)
            best = np.where(better, rest, best)
            found = np.where(better, np.stack([a, b, np.full(len(half), memory)]), found)
    return found[0], found[1], found[2]


def _pairs(half: Floats, rise: Floats, weight: Floats) -> list[tuple[Floats, Floats]]:
    """Return the least-squares pairs with both parts, with the first only, and with the second only."""
    one, two, mixed = weight.sum(), weight @ rise**2, weight @ rise
    first, second = half @ weight, half @ (weight * rise)
    none = np.zeros(len(half))
    pairs = [(first / one, none), (none, second / two)]
    determinant = one * two - mixed**2
    if determinant > 1e-9 * one * two:
        pairs.append(
            ((two * first - mixed * second) / determinant, (one * second - mixed * first) / determinant)
        )
    return pairs

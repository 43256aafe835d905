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
        (n, t), without what all units of a month have in common; at least four periods.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> found = fit_memory(without_months(rng.normal(size=(500, 12))))
    >>> round(found.change_variance(6, 6), 2)  # independent months: 1/6 + 1/6
    0.33
    """
    from scipy.optimize import nnls

    periods = outcome.shape[1]
    lags = np.arange(1, periods)
    half = np.array([0.5 * np.mean((outcome[:, lag:] - outcome[:, :-lag]) ** 2) for lag in lags])
    root = np.sqrt(periods - lags)
    best: tuple[float, Memory] | None = None
    for memory in _MEMORIES:
        design = np.stack([np.ones(len(lags)), 1 - memory**lags], axis=1)
        parts, rest = nnls(design * root[:, None], half * root)
        if best is None or rest < best[0]:
            best = (rest, Memory(own=float(parts[0]), passing=float(parts[1]), memory=float(memory)))
    assert best is not None  # there are memories to try
    return best[1]

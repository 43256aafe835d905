"""Changes between windows of periods, of treated units against others, with each unit's influence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.multiplier_bands import errors

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowDifference:
    """A difference of changes.

    Parameters
    ----------
    estimate, std_error, df
        Its value, its standard error and the degrees of freedom of Student's distribution behind it.
    influence
        (n) of each unit.
    n_treated, n_controls
        Units compared.
    """

    estimate: float
    std_error: float
    df: float
    influence: Floats
    n_treated: int
    n_controls: int

    def interval(self, conf_level: float) -> tuple[float, float]:
        """Return the interval's ends."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.df, 0.5 + conf_level / 2)) * self.std_error
        return self.estimate - reach, self.estimate + reach

    @property
    def p_value(self) -> float:
        """The p-value of "it is nothing", two-sided."""
        from scipy.special import stdtr

        if self.std_error == 0:
            return 1.0 if self.estimate == 0 else 0.0
        return float(2 * stdtr(self.df, -abs(self.estimate / self.std_error)))


def window_weights(periods: int, *, before: slice, after: slice) -> Floats:
    """Return the weights (t) that make a mean after less a mean before.

    Examples
    --------
    >>> window_weights(4, before=slice(0, 2), after=slice(3, 4)).tolist()
    [-0.5, -0.5, 0.0, 1.0]
    """
    weights = np.zeros(periods)
    weights[after] += 1 / len(weights[after])
    weights[before] -= 1 / len(weights[before])
    return weights


def window_difference(outcome: Floats, *, block: Ints, control: Flags, weights: Floats) -> WindowDifference:
    """Return how much more treated units changed between their windows than others did between the same.

    Parameters
    ----------
    outcome
        (n, t), nothing missing where a weight is not 0.
    block
        (n) number of each treated unit's windows, −1 for those not treated. Treated units count alike.
    control
        (blocks, n) who is compared with those of each block; never one of them.
    weights
        (blocks, t) of the periods, see :func:`window_weights`.

    Notes
    -----
    Those of no block that are controls of several count with the mean of their changes, so that their errors
    are right. With one block it is the difference of two means, and interval and test are Welch's (1947). A
    block's only unit is compared with the mean over blocks for its error, which errs on the careful side.

    Examples
    --------
    >>> y = np.array([[0.0, 3.0], [0.0, 5.0], [1.0, 2.0], [1.0, 4.0]])
    >>> found = window_difference(y, block=np.array([0, 0, -1, -1]),
    ...                           control=np.array([[False, False, True, True]]),
    ...                           weights=np.array([[-1.0, 1.0]]))
    >>> found.estimate, round(found.std_error, 4), round(found.df, 4)
    (2.0, 1.4142, 2.0)
    """
    change = outcome @ weights.T
    treated = block >= 0
    n = len(block)
    share = np.bincount(block[treated], minlength=len(weights)) / treated.sum()
    influence, excess = np.zeros(n), np.zeros(n)
    for number in range(len(weights)):
        if share[number] == 0:
            continue
        own, others = block == number, control[number]
        centre = change[others, number].mean()
        influence[others] -= share[number] * (change[others, number] - centre) / others.sum()
        excess[own] = change[own, number] - centre
    estimate = float(excess[treated].mean())
    for number in range(len(weights)):
        own = block == number
        if own.any():
            middle = excess[own].mean() if own.sum() > 1 else estimate
            influence[own] += (excess[own] - middle) / treated.sum()
    single = treated & (np.bincount(block[treated], minlength=len(weights))[block] == 1)
    # all that stand alone in their block are one stratum; a stratum of one would have no variance
    stratum = np.where(single, len(weights), block)
    used = treated | control.any(axis=0)
    found = errors(influence[used, None], stratum[used])
    return WindowDifference(
        estimate=estimate,
        std_error=float(found.std_error[0]),
        df=float(found.df[0]),
        influence=influence,
        n_treated=int(treated.sum()),
        n_controls=int((control.any(axis=0) & ~treated).sum()),
    )

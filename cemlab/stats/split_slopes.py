"""Slopes on a score that carries error, within units over periods, by the two halves of the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

_FEWEST = 3  # units: from fewer no spread between them can be told


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitSlopes:
    """Slopes of k outcomes on a score, all with one covariance.

    Parameters
    ----------
    estimate
        (k).
    covariance
        (k, k), clustered by unit.
    naive
        (k) slopes on the mean of both halves, drawn towards nought by its error.
    reliability
        Share of the mean score's variance within units and periods that is no error.
    """

    estimate: Floats
    covariance: Floats
    naive: Floats
    reliability: float


def split_slopes(outcomes: npt.ArrayLike, *, first: npt.ArrayLike, second: npt.ArrayLike) -> SplitSlopes:
    """Return slopes within units and periods, each half of the score an instrument of the other.

    Units and periods have levels of their own (two-way fixed effects). The errors of both halves are
    independent of each other, so that what they share is the score; both ways of using one for the other are
    pooled: the sum of y (a + b) over the sum of 2 a b, all less the means of units and periods.

    Parameters
    ----------
    outcomes
        (k, n, t), nothing missing: n units over t periods.
    first, second
        (n, t) the two halves of the score.

    Raises
    ------
    DesignError
        If there are fewer than three units or two periods, something is missing, or the halves share nothing.

    References
    ----------
    Griliches, Z., & Hausman, J. A. (1986). Errors in variables in panel data. Journal of Econometrics 31,
    93–118.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.standard_normal((40, 50))
    >>> a, b = score + rng.standard_normal((2, 40, 50))
    >>> found = split_slopes(2 * score[None], first=a, second=b)
    >>> round(float(found.estimate[0]), 1), round(float(found.naive[0]), 1), round(found.reliability, 1)
    (2.0, 1.3, 0.7)
    """
    y, a, b = (np.asarray(values, dtype=float) for values in (outcomes, first, second))
    if y.ndim != 3 or a.shape != y.shape[1:] or b.shape != a.shape:
        raise DesignError(f"outcomes {y.shape} and halves {a.shape}, {b.shape} do not fit: (k, n, t), (n, t)")
    if a.shape[0] < _FEWEST or a.shape[1] < 2:
        raise DesignError(f"{a.shape[0]} units over {a.shape[1]} periods; slopes within units need 3 over 2")
    if not (np.isfinite(y).all() and np.isfinite(a).all() and np.isfinite(b).all()):
        raise DesignError(
            "a score or an outcome is missing in a period; take the periods in which all are there"
        )
    y, a, b = _within(y), _within(a), _within(b)
    shared = 2 * float((a * b).sum())
    mean = (a + b) / 2
    spread = float((mean**2).sum())
    # below a tenth the halves agree by little more than chance, and the slope would be anything
    if not shared > 0.2 * spread:
        raise DesignError("the two halves of the score share next to nothing; a slope on it cannot be told")
    estimate = (y * (a + b)).sum(axis=(1, 2)) / shared
    slope = estimate[:, None, None]
    influence = ((y - slope * b) * a + (y - slope * a) * b).sum(axis=2) / shared
    n = len(a)
    return SplitSlopes(
        estimate=np.asarray(estimate),
        covariance=np.asarray(influence @ influence.T * (n / (n - 1))),
        naive=np.asarray((y * mean).sum(axis=(1, 2)) / spread),
        reliability=shared / 2 / spread,
    )


def _within(values: Floats) -> Floats:
    """Return values less the means of units and of periods."""
    over_time = values.mean(axis=-1, keepdims=True)
    over_units = values.mean(axis=-2, keepdims=True)
    return np.asarray(values - over_time - over_units + over_time.mean(axis=-2, keepdims=True))

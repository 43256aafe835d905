"""Means of which some are missing: weights by what is recorded, and bounds that need no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

_ITERATIONS = 60


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The lowest and the highest value that the data allow, and their standard errors."""

    low: float
    high: float
    low_error: float
    high_error: float


def propensity(known: npt.ArrayLike, *, traits: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return each row's chance that its outcome is known, by a logistic regression on its traits.

    Parameters
    ----------
    known
        (n) whether the outcome is known.
    traits
        (n, k) with a column of ones.

    Returns
    -------
    tuple of arrays
        Chances (n), and each row's score (n, k) of the regression.

    Raises
    ------
    DesignError
        If the traits tell for certain who is known, or depend on each other.

    Examples
    --------
    >>> chance, _ = propensity([1, 1, 0, 1, 0, 0], traits=[[1, 0]] * 3 + [[1, 1]] * 3)
    >>> chance.round(3).tolist()
    [0.667, 0.667, 0.667, 0.333, 0.333, 0.333]
    """
    r, x = np.asarray(known, dtype=float), np.asarray(traits, dtype=float)
    beta = np.zeros(x.shape[1])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise DesignError("traits depend on each other (one says what others say); leave one out")
    for _ in range(_ITERATIONS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        step = np.linalg.lstsq((x.T * (chance * (1 - chance))) @ x, x.T @ (r - chance), rcond=None)[0]
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        raise DesignError("the recorded traits tell for certain who is known; no weights can repair that")
    chance = 1 / (1 + np.exp(-x @ beta))
    return chance, x * (r - chance)[:, None]


def weighted_mean(
    values: npt.ArrayLike, *, known: npt.ArrayLike, traits: npt.ArrayLike
) -> tuple[float, float]:
    """Return the mean of all rows from those known, weighted by one over their chance, and its error.

    Parameters
    ----------
    values
        (n); anything where not known.
    known, traits
        As in :func:`propensity`.

    Notes
    -----
    Right where, among rows of like traits, those known are like those not (missing at random). The error
    counts that chances are estimated, which makes it smaller.

    References
    ----------
    Hirano, K., Imbens, G. W., & Ridder, G. (2003). Efficient estimation of average treatment effects using
    the estimated propensity score. Econometrica 71, 1161–1189.

    Examples
    --------
    >>> mean, _ = weighted_mean([1, 1, 0, 4, 0, 0], known=[1, 1, 0, 1, 0, 0],
    ...                         traits=[[1, 0]] * 3 + [[1, 1]] * 3)
    >>> round(mean, 6)
    2.5
    """
    r = np.asarray(known, dtype=float)
    chance, scores = propensity(r, traits=traits)
    y = np.where(r > 0, np.asarray(values, dtype=float), 0.0)
    weight = r / chance
    mean = float(weight @ y / weight.sum())
    influence = weight * (y - mean) / weight.mean()
    influence = influence - scores @ np.linalg.lstsq(scores, influence, rcond=None)[0]
    return mean, float(np.sqrt(influence @ influence) / len(r))


def worst_case(values: npt.ArrayLike, *, known: npt.ArrayLike, low: float, high: float) -> Bounds:
    """Return bounds of the mean of all rows, those not known anywhere in a stated range.

    Parameters
    ----------
    values, known
        As in :func:`weighted_mean`.
    low, high
        The range.

    Raises
    ------
    DesignError
        If a known value lies outside the range.

    References
    ----------
    Manski, C. F. (1990). Nonparametric bounds on treatment effects. American Economic Review 80, 319–323.

    Examples
    --------
    >>> found = worst_case([1, 3, 0, 0], known=[1, 1, 0, 0], low=1, high=5)
    >>> found.low, found.high
    (1.5, 3.5)
    """
    r = np.asarray(known, dtype=bool)
    y = np.asarray(values, dtype=float)
    if not low < high or (r.any() and (y[r].min() < low or y[r].max() > high)):
        raise DesignError(
            f"known values lie outside the stated range of {low:g} to {high:g}; state a wider one"
        )
    filled = [np.where(r, y, end) for end in (low, high)]
    errors = [float(v.std(ddof=1) / np.sqrt(len(v))) for v in filled]
    return Bounds(
        low=float(filled[0].mean()), high=float(filled[1].mean()), low_error=errors[0], high_error=errors[1]
    )


def lee_bounds(first: npt.ArrayLike, *, n_first: int, second: npt.ArrayLike, n_second: int) -> Bounds:
    """Return bounds of the difference of means among those who would be known in either group.

    Parameters
    ----------
    first, second
        Known values of the first and of the second group.
    n_first, n_second
        How many were in each group.

    Raises
    ------
    DesignError
        If a group has fewer than five known values.

    Notes
    -----
    The group of which a larger share is known holds some who would not be known in the other; trimming their
    share from either end of its values bounds the mean of the others. It is assumed that belonging to that
    group makes nobody disappear (monotonicity) and that groups are alike otherwise.

    References
    ----------
    Lee, D. S. (2009). Training, wages, and sample selection: estimating sharp bounds on treatment effects.
    Review of Economic Studies 76, 1071–1102.

    Examples
    --------
    >>> found = lee_bounds([1, 2, 3, 4, 5, 6, 7, 8], n_first=10, second=[3, 3, 3, 3, 3, 3], n_second=10)
    >>> found.low, found.high
    (0.5, 2.5)
    """
    a, b = (np.sort(np.asarray(v, dtype=float)) for v in (first, second))
    if min(len(a), len(b)) < 5 or len(a) > n_first or len(b) > n_second:
        raise DesignError(
            f"{len(a)} of {n_first} and {len(b)} of {n_second} known; bounds need 5 known in each"
        )
    share_a, share_b = len(a) / n_first, len(b) / n_second
    if share_a < share_b:
        turned = lee_bounds(b, n_first=n_second, second=a, n_second=n_first)
        return Bounds(
            low=-turned.high, high=-turned.low, low_error=turned.high_error, high_error=turned.low_error
        )
    kept = share_b / share_a
    trimming = kept**2 * ((1 - share_a) / len(a) + (1 - share_b) / len(b))
    other = float(b.var(ddof=1) / len(b))
    ends = []
    for values in (a, -a[::-1]):
        mean, error = _trimmed(values, kept, trimming)
        ends.append((mean - float(b.mean()) if values is a else -mean - float(b.mean()), error + other))
    (low, low_error), (high, high_error) = ends
    return Bounds(
        low=low, high=high, low_error=float(np.sqrt(low_error)), high_error=float(np.sqrt(high_error))
    )


def _trimmed(values: Floats, kept: float, trimming: float) -> tuple[float, float]:
    """Return the mean of the lowest share of sorted values, and its variance (Lee 2009, proposition 3)."""
    n = kept * len(values)
    whole = int(n + 1e-9)
    part = n - whole if whole < len(values) else 0.0
    weight = np.zeros(len(values))
    weight[:whole] = 1.0
    if part > 1e-9:
        weight[whole] = part
    mean = float(weight @ values / weight.sum())
    edge = float(values[min(max(int(np.ceil(n - 1e-9)), 1), len(values)) - 1])
    spread = float(weight @ np.square(values - mean) / weight.sum())
    moved = (edge - mean) ** 2
    return mean, spread / n + moved * (1 - kept) / n + moved / kept**2 * trimming


def bounds_interval(bounds: Bounds, *, conf_level: float) -> tuple[float, float]:
    """Return an interval that holds the value between the bounds with the level (Imbens & Manski 2004).

    Examples
    --------
    >>> low, high = bounds_interval(Bounds(low=0, high=10, low_error=1, high_error=1), conf_level=0.95)
    >>> round(low, 3), round(high, 3)
    (-1.645, 11.645)
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    worst = max(bounds.low_error, bounds.high_error)
    if worst == 0:
        return bounds.low, bounds.high
    width = (bounds.high - bounds.low) / worst
    c = float(brentq(lambda c: ndtr(c + width) - ndtr(-c) - conf_level, 0.0, 10.0))
    return bounds.low - c * bounds.low_error, bounds.high + c * bounds.high_error

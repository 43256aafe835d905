"""Exploratory factor analysis by maximum likelihood on correlations, many samples at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, DesignError, OptionError

FloatArray = NDArray[np.float64]
ScoreMethod = Literal["regression", "bartlett"]

# An item that is all but explained: the bound of R's factanal, at which a Heywood case stops.
_LEAST = 0.005
# Gradient on the log scale of the uniquenesses; the criterion is then within 1e-14 of its minimum.
_FLAT = 1e-7
_STEPS = 100
_HALVINGS = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class FactorFit:
    """Factor models of one correlation matrix or of a batch of them.

    Parameters
    ----------
    loadings
        Unrotated, of shape (..., p, k).
    uniquenesses
        Share of each item's variance that no factor explains, of shape (..., p).
    criterion
        Minimum of the discrepancy, log |fitted| - log |seen| + trace - p, of shape (...).
    converged
        Whether the minimum was reached, of shape (...).
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    criterion: FloatArray
    converged: NDArray[np.bool_]

    @property
    def heywood(self) -> NDArray[np.bool_]:
        """Items whose uniqueness stopped at its lower bound (Heywood cases), of shape (..., p)."""
        return self.uniquenesses <= _LEAST * (1 + 1e-6)


class ChiSquared(NamedTuple):
    """A likelihood-ratio statistic, its degrees of freedom and its p-value."""

    statistic: float
    df: int
    p_value: float


def degrees_of_freedom(items: int, factors: int) -> int:
    """Return how many correlations a factor model leaves to test it with.

    Examples
    --------
    >>> degrees_of_freedom(9, 3), degrees_of_freedom(4, 2)
    (12, -1)
    """
    return ((items - factors) ** 2 - items - factors) // 2


def factor_analysis(correlation: ArrayLike, *, factors: int, start: FloatArray | None = None) -> FactorFit:
    """Fit the factor model by maximum likelihood.

    Newton's method on the logarithms of the uniquenesses, the loadings being profiled out (Jöreskog 1967);
    a uniqueness stays between 0.005 and 1. All matrices of a batch are fitted at once.

    Parameters
    ----------
    correlation
        Correlations of the items, of shape (..., p, p), positive definite.
    factors
        How many factors, k.
    start
        Uniquenesses to start from, of shape (p,); if not given, those that R's factanal starts from.

    Returns
    -------
    FactorFit
        Unrotated loadings, uniquenesses, the criterion and whether it was reached.

    Raises
    ------
    OptionError
        If there are no factors, or more than the items can tell apart.
    DesignError
        If a matrix is singular: an item is the sum of others, or there are fewer respondents than items.

    References
    ----------
    Jöreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika 32,
    443–482.

    Examples
    --------
    One factor with loadings .8, .7, .6 and .5:

    >>> loading = np.array([0.8, 0.7, 0.6, 0.5])
    >>> seen = np.outer(loading, loading) + np.diag(1 - loading**2)
    >>> np.abs(factor_analysis(seen, factors=1).loadings[:, 0]).round(6)
    array([0.8, 0.7, 0.6, 0.5])
    """
    seen = np.asarray(correlation, dtype=np.float64)
    items = seen.shape[-1]
    # beyond the number of items the degrees of freedom turn positive again
    whole = isinstance(factors, (int, np.integer)) and not isinstance(factors, bool)
    if not whole or not 1 <= factors < items or degrees_of_freedom(items, factors) < 0:
        most = max((k for k in range(1, items) if degrees_of_freedom(items, k) >= 0), default=0)
        raise OptionError(f"{factors} factors of {items} items; allowed: 1 to {most}")
    batch = seen.reshape(-1, items, items)
    if np.linalg.eigvalsh(batch).min() < 1e-10:
        raise DesignError(
            "the correlations are singular: an item is made of others, or there are too few respondents; "
            "leave the item out"
        )
    if start is None:
        start_at = (1 - 0.5 * factors / items) / np.diagonal(np.linalg.inv(batch), axis1=1, axis2=2)
    else:
        start_at = np.broadcast_to(start, (len(batch), items))
    logs, converged = _newton(batch, factors, np.log(np.clip(start_at, _LEAST, 1.0)))
    values, vectors = _whitened(batch, logs)
    excess = np.maximum(values[:, :factors] - 1, 0)
    loadings = np.exp(logs / 2)[:, :, None] * vectors[:, :, :factors] * np.sqrt(excess)[:, None, :]
    lead = seen.shape[:-2]
    return FactorFit(
        loadings=loadings.reshape(*lead, items, factors),
        uniquenesses=np.exp(logs).reshape(*lead, items),
        criterion=_criterion(values, factors).reshape(lead),
        converged=converged.reshape(lead),
    )


def _whitened(batch: FloatArray, logs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues, largest first, and eigenvectors of the correlations in units of uniqueness."""
    scale = np.exp(-logs / 2)
    values, vectors = np.linalg.eigh(batch * scale[:, :, None] * scale[:, None, :])
    return np.maximum(values[:, ::-1], 1e-12), vectors[:, :, ::-1]


def _criterion(values: FloatArray, factors: int) -> FloatArray:
    rest = values[:, factors:]
    found: FloatArray = (rest - np.log(rest) - 1).sum(axis=1)
    return found


def _newton(batch: FloatArray, factors: int, logs: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the logarithms of the uniquenesses at the minimum, and which matrices reached it."""
    logs = logs.copy()
    converged = np.zeros(len(batch), dtype=bool)
    open_ = np.arange(len(batch))
    for _ in range(_STEPS):
        values, vectors = _whitened(batch[open_], logs[open_])
        step, steepest = _direction(values, vectors, factors, logs[open_])
        flat = steepest < _FLAT
        converged[open_[flat]] = True
        open_, step, before = open_[~flat], step[~flat], _criterion(values, factors)[~flat]
        if not len(open_):
            break
        logs[open_], moved = _walk(batch[open_], factors, logs[open_], step, before)
        open_ = open_[moved]  # one that cannot be improved any more, and is not flat, has not converged
    return logs, converged


def _direction(
    values: FloatArray, vectors: FloatArray, factors: int, logs: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return Newton's step within the bounds, and the largest slope that is left."""
    rest, spare = vectors[:, :, factors:], values[:, factors:]
    gradient = ((1 - spare)[:, None, :] * rest**2).sum(axis=2)
    held = ((logs <= np.log(_LEAST) + 1e-12) & (gradient > 0)) | ((logs >= -1e-12) & (gradient < 0))
    gradient = np.where(held, 0.0, gradient)
    own = np.asarray(rest @ rest.swapaxes(1, 2), dtype=np.float64)
    curvature = np.asarray(own * ((rest * spare[:, None, :]) @ rest.swapaxes(1, 2)), dtype=np.float64)
    for n in range(factors):
        top = values[:, n, None]
        weight = (1 - spare) * (top + spare) / np.maximum(top - spare, 1e-9)
        axis = vectors[:, :, n]
        outer = axis[:, :, None] * axis[:, None, :]
        inner: FloatArray = (rest * weight[:, None, :]) @ rest.swapaxes(1, 2)
        curvature = np.asarray(curvature + outer * inner, dtype=np.float64)
    step = _solve(curvature, gradient, held)
    # where the surface is not convex, its expected curvature is used instead: it always points downhill
    uphill = (step * gradient).sum(axis=1) >= 0
    if uphill.any():
        step[uphill] = _solve(own[uphill] ** 2, gradient[uphill], held[uphill])
    return step, np.abs(gradient).max(axis=1)


def _solve(curvature: FloatArray, gradient: FloatArray, held: NDArray[np.bool_]) -> FloatArray:
    free = ~held
    both = free[:, :, None] & free[:, None, :]
    matrix = np.where(both, curvature, 0.0) + 1e-10 * np.eye(gradient.shape[1])
    matrix = matrix + held[:, :, None] * np.eye(gradient.shape[1])
    found = np.linalg.solve(matrix, -gradient[:, :, None])[:, :, 0]
    return np.asarray(
        np.clip(found, -2, 2), dtype=np.float64
    )  # a uniqueness changes by a factor of 7 in one step at most


def _walk(
    batch: FloatArray, factors: int, logs: FloatArray, step: FloatArray, before: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return where a step, halved until it pays, leads, and which matrices moved."""
    logs = logs.copy()
    moved = np.zeros(len(batch), dtype=bool)
    length = 1.0
    for _ in range(_HALVINGS):
        todo = np.flatnonzero(~moved)
        if not len(todo):
            break
        tried = np.clip(logs[todo] + length * step[todo], np.log(_LEAST), 0.0)
        values, _ = _whitened(batch[todo], tried)
        pays = _criterion(values, factors) <= before[todo] + 1e-14 * (1 + before[todo])
        logs[todo[pays]] = tried[pays]
        moved[todo[pays]] = True
        length /= 2
    return logs, moved


def score_weights(
    correlation: FloatArray,
    loadings: FloatArray,
    uniquenesses: FloatArray,
    *,
    between: FloatArray,
    method: ScoreMethod = "regression",
) -> FloatArray:
    """Return what standardised answers are multiplied by to become factor scores, of shape (p, k).

    Parameters
    ----------
    correlation, loadings, uniquenesses
        Of the items (p, p), rotated (p, k), and (p,).
    between
        Correlations of the factors, of shape (k, k).
    method
        ``"regression"`` (Thurstone): least expected error, shrunk to the mean; ``"bartlett"``: unbiased.
    """
    if method == "regression":
        return np.asarray(np.linalg.solve(correlation, loadings @ between))
    weighted = loadings / uniquenesses[:, None]
    return np.asarray(weighted @ np.linalg.inv(loadings.T @ weighted))


def sampling_adequacy(correlation: FloatArray) -> float:
    """Return the measure of sampling adequacy of Kaiser, Meyer and Olkin, from 0 to 1.

    Squared correlations as a share of themselves and the squared partial correlations.

    Examples
    --------
    >>> round(sampling_adequacy(np.array([[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]])), 4)
    0.6923
    """
    inverse = np.linalg.inv(correlation)
    scale = np.sqrt(np.diag(inverse))
    off = ~np.eye(len(correlation), dtype=bool)
    partial = (inverse / np.outer(scale, scale))[off] ** 2
    plain = correlation[off] ** 2
    return float(plain.sum() / (plain.sum() + partial.sum()))


def sphericity(correlation: FloatArray, *, n: int) -> ChiSquared:
    """Test that no two items are correlated (Bartlett 1951).

    Parameters
    ----------
    correlation
        Of the items, of shape (p, p).
    n
        Respondents.
    """
    items = len(correlation)
    statistic = -(n - 1 - (2 * items + 5) / 6) * np.linalg.slogdet(correlation)[1]
    return _chi_squared(float(statistic), items * (items - 1) // 2)


def enough_factors(fit: FactorFit, *, n: int) -> ChiSquared:
    """Test that so many factors are enough (likelihood ratio with Bartlett's correction).

    Parameters
    ----------
    fit
        Of one correlation matrix.
    n
        Respondents.

    Raises
    ------
    DataError
        If `fit` is a batch.
    """
    if fit.loadings.ndim != 2:
        raise DataError("a batch of fits cannot be tested as one; give the fit of one matrix")
    items, factors = fit.loadings.shape
    statistic = (n - 1 - (2 * items + 5) / 6 - 2 * factors / 3) * float(fit.criterion)
    return _chi_squared(statistic, degrees_of_freedom(items, factors))


def _chi_squared(statistic: float, df: int) -> ChiSquared:
    from scipy.special import chdtrc

    # without degrees of freedom the model fits by construction, and nothing is tested
    return ChiSquared(statistic, df, float(chdtrc(df, max(statistic, 0.0))) if df else float("nan"))

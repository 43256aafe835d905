"""What is left of values when units and periods have levels of their own: exact, balanced or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# share of the largest eigenvalue below which a direction of the periods is held by no unit
_NO_TIE = 1e-11


def within_two_ways(
    values: npt.ArrayLike, *, unit: npt.ArrayLike, period: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Return values less the levels of units and periods that fit them best: the two-way within values.

    Units are taken out first, then the levels of periods are solved from one system of t × t, so that nothing
    is iterated and gaps in the panel do no harm.

    Parameters
    ----------
    values
        (m, k) or (m), nothing missing.
    unit, period
        (m) whole numbers from 0.
    weights
        (m) positive; ones where None.

    Raises
    ------
    DesignError
        If shapes do not fit, something is missing or a weight is not positive.

    References
    ----------
    Wansbeek, T., & Kapteyn, A. (1989). Estimation of the error-components model with incomplete panels.
    Journal of Econometrics 41, 341–361.

    Examples
    --------
    >>> unit, period = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1])
    >>> within_two_ways([1.0, 3.0, 2.0, 8.0, 5.0], unit=unit, period=period).tolist()
    [1.0, -1.0, -1.0, 1.0, 0.0]
    """
    v, w, of_unit, of_period = _arrays(values, weights, unit, period)
    of_unit, of_period = (np.unique(code, return_inverse=True)[1] for code in (of_unit, of_period))
    columns = v[:, None] if v.ndim == 1 else v
    cells = _cells(of_unit, of_period, w)
    rows = _sums(w[:, None], of_unit)
    system = period_system(
        np.asarray((cells.T @ cells.multiply(1 / rows)).todense()), _sums(w[:, None], of_period)
    )
    # the second sweep takes the rounding of the first out
    for _ in range(2):
        columns = columns - (_sums(columns * w[:, None], of_unit) / rows)[of_unit]
        level = system @ _sums(columns * w[:, None], of_period)
        columns = columns - level[of_period] + (cells @ level / rows)[of_unit]
    return columns[:, 0] if v.ndim == 1 else columns


def levels_of_two_ways(*, unit: npt.ArrayLike, period: npt.ArrayLike) -> int:
    """Return how many degrees of freedom the levels of units and periods take together.

    Units and periods, less one for each part of the panel that no unit ties to the rest.

    Examples
    --------
    >>> levels_of_two_ways(unit=[0, 0, 1, 1], period=[0, 1, 0, 1])
    3
    """
    _, w, of_unit, of_period = _arrays(np.zeros(np.shape(unit)), None, unit, period)
    cells = _cells(of_unit, of_period, w)
    shared = np.asarray((cells.T @ cells).todense())
    seen = np.flatnonzero(np.diag(shared))
    from scipy.sparse.csgraph import connected_components

    parts = connected_components(shared[np.ix_(seen, seen)], directed=False)[0]
    return int(np.unique(of_unit).size + seen.size - parts)


def period_system(shared: Floats, total: Floats) -> Floats:
    """Return what brings sums by period of values less their units' means to levels of periods.

    Parameters
    ----------
    shared
        (t, t) sum over units of weight in one period × weight in another / weight of the unit.
    total
        (t, 1) or (t) weight of each period.
    """
    values, directions = np.linalg.eigh(np.diag(total.ravel()) - shared)
    held = values > _NO_TIE * max(values[-1], 1e-300)
    return np.asarray((directions[:, held] / values[held]) @ directions[:, held].T)


def _cells(of_unit: Ints, of_period: Ints, w: Floats) -> Any:
    """Return the weight of each unit in each period, sparse."""
    from scipy.sparse import csr_array

    return csr_array((w, (of_unit, of_period)))


def _sums(values: Floats, code: Ints) -> Floats:
    """Return sums of columns by code, (codes, k)."""
    return np.column_stack([np.bincount(code, weights=column) for column in values.T])


def _arrays(
    values: npt.ArrayLike, weights: npt.ArrayLike | None, unit: npt.ArrayLike, period: npt.ArrayLike
) -> tuple[Floats, Floats, Ints, Ints]:
    v, of_unit, of_period = np.asarray(values, dtype=float), np.asarray(unit), np.asarray(period)
    rows = v.shape[:1]
    w = np.ones(rows) if weights is None else np.asarray(weights, dtype=float)
    if v.ndim not in (1, 2) or not v.size or not of_unit.shape == of_period.shape == w.shape == rows:
        raise DesignError(
            f"values {v.shape}, units {of_unit.shape}, periods {of_period.shape} and weights {w.shape} do "
            "not fit: (m, k), (m), (m), (m)"
        )
    if any(code.dtype.kind not in "iu" or code.min() < 0 for code in (of_unit, of_period)):
        raise DesignError("units and periods are whole numbers from 0; number them first")
    if not np.isfinite(v).all() or not (np.isfinite(w) & (w > 0)).all():
        raise DesignError(
            "a value or a weight is missing, or a weight is not above nought; leave such rows out"
        )
    return v, w, of_unit.astype(np.int64), of_period.astype(np.int64)

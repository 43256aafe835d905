"""Weighted least squares that keep their digits, with errors that hang together within clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# condition of the centred and scaled columns above which fewer than eight of sixteen digits are left
WORST_CONDITION = 1e8
# share of a column in a dependence below which it is rounding
_TAKES_PART = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class LeastSquares:
    """Coefficients and what their errors rest on.

    Parameters
    ----------
    coefficient
        (k).
    covariance
        (k, k).
    residual
        (m), not weighted.
    df
        Degrees of freedom for intervals: rows less coefficients and levels absorbed; with clusters the fewest
        clusters less one.
    condition
        Condition number of the centred and scaled columns.
    """

    coefficient: Floats
    covariance: Floats
    residual: Floats
    df: int
    condition: float

    @property
    def std_error(self) -> Floats:
        """Standard errors (k)."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Columns:
    """Centred columns of length one and the outcome, by roots of weights; and the way back."""

    values: Floats
    outcome: Floats
    back: Floats
    constant: int | None
    level: float


def least_squares(
    outcome: npt.ArrayLike,
    *,
    design: npt.ArrayLike,
    names: Sequence[str] | None = None,
    weights: npt.ArrayLike | None = None,
    clusters: Sequence[npt.ArrayLike] = (),
    absorbed: int = 0,
) -> LeastSquares:
    """Return weighted least squares with classical errors, or errors clustered in one or two ways.

    Where a column is constant the others are centred on their means; all are scaled to one length and solved
    by QR, never by products of raw columns. Columns that depend on each other are refused by name.

    Parameters
    ----------
    outcome
        (m), nothing missing.
    design
        (m, k), with a column of ones where there is to be an intercept.
    names
        (k) what to call the columns in an error.
    weights
        (m) positive; ones where None.
    clusters
        None, one or two arrays (m) with each row's cluster.
    absorbed
        Levels that were taken out of outcome and design before (fixed effects) and cost degrees of freedom;
        with clusters, count only those that do not lie within clusters.

    Raises
    ------
    DesignError
        If shapes do not fit, something is missing, there are too few rows or clusters, or columns depend on
        each other so closely that fewer than eight digits would be left.

    Notes
    -----
    One way: Liang & Zeger (1986) times G / (G − 1) · (m − 1) / (m − k − absorbed), G the clusters, as Stata
    and statsmodels do. Two ways: one plus the other less the errors of their cells, each with a correction of
    its own; where that has directions below nought, those are set to nought, which only widens errors.

    References
    ----------
    Liang, K.-Y., & Zeger, S. (1986). Longitudinal data analysis using generalized linear models. Biometrika
    73, 13–22.
    Cameron, A. C., Gelbach, J., & Miller, D. (2011). Robust inference with multiway clustering. Journal of
    Business & Economic Statistics 29, 238–249.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> fit = least_squares([3.1, 4.9, 7.1, 8.9], design=np.column_stack([np.ones(4), x]))
    >>> fit.coefficient.round(2).tolist(), fit.df
    ([1.1, 1.96], 2)
    """
    y, x, w = _arrays(outcome, design, weights)
    m, k = x.shape
    labels = [f"column {j + 1}" for j in range(k)] if names is None else [str(name) for name in names]
    if len(labels) != k:
        raise DesignError(f"{len(labels)} names for {k} columns of the design; give one to each")
    codes = [_codes(cluster, rows=m) for cluster in clusters]
    if len(codes) > 2:
        raise DesignError(f"errors clustered in {len(codes)} ways; allowed: none, one or two")
    if absorbed < 0 or m - k - absorbed < 1:
        raise DesignError(f"{m} rows cannot tell {k} coefficients and {absorbed} absorbed levels apart")
    columns = _columns(y, x, w)
    lost = None if columns.constant is None else (columns.constant, columns.back[columns.constant])
    condition = check_condition(columns.values, names=labels, lost=lost)
    q, r = np.linalg.qr(columns.values)
    solved = np.linalg.solve(r, q.T @ columns.outcome)
    left = columns.outcome - columns.values @ solved
    # once more on what is left: costs little, and brings the last digits back
    more = np.linalg.solve(r, q.T @ left)
    solved, left = solved + more, left - columns.values @ more
    covariance = _covariance(columns.values, left, np.linalg.inv(r), codes=codes, absorbed=absorbed)
    coefficient = columns.back @ solved
    if columns.constant is not None:
        coefficient[columns.constant] += columns.level
    return LeastSquares(
        coefficient=coefficient,
        covariance=columns.back @ covariance @ columns.back.T,
        residual=left / np.sqrt(w),
        df=min((int(code.max()) for code in codes), default=m - k - absorbed),
        condition=condition,
    )


def check_condition(
    scaled: Floats,
    *,
    names: Sequence[str],
    lost: tuple[int, Floats] | None = None,
    worst: float = WORST_CONDITION,
) -> float:
    """Return the condition number of columns of length one; refuse it and name those that hang together.

    Parameters
    ----------
    scaled
        (m, k), or a (k, k) root of their products.
    names
        (k).
    lost
        Where columns were centred: the number of the constant, and what each column lost of it (k).
    worst
        The condition from which on columns are refused.

    Raises
    ------
    DesignError
        If the condition is above that.
    """
    values, directions = np.linalg.svd(scaled, full_matrices=False)[1:]
    if values[-1] * worst > values[0]:
        return float(values[0] / values[-1])
    within = directions[values * worst <= values[0]]
    part = np.abs(within).max(axis=0)
    takes_part = part > _TAKES_PART * part.max()
    if lost is not None:
        constant, share = lost
        moved = np.delete(within * share, constant, axis=1)
        takes_part[constant] = (np.abs(moved.sum(axis=1)) > _TAKES_PART * np.abs(moved).sum(axis=1)).any()
    listed = ", ".join(name for name, dependent in zip(names, takes_part, strict=True) if dependent)
    raise DesignError(
        f"columns of the design depend on each other: {listed}; what each is worth cannot be told apart, so "
        "leave one of them out"
    )


def check_products(scaled: Floats, *, names: Sequence[str]) -> float:
    """Return the condition number of columns of length one from their products (k, k); refuse as above.

    Products square the condition: columns are refused from 1e6 on, and coefficients have to be solved again
    on what is left, which brings the lost digits back.

    Raises
    ------
    DesignError
        If columns depend on each other, by name.
    """
    values, directions = np.linalg.eigh(scaled)
    root = np.sqrt(np.maximum(values, 1e-40))[:, None] * directions.T
    return check_condition(root, names=names, worst=1e6)


def _arrays(
    outcome: npt.ArrayLike, design: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    y, x = np.asarray(outcome, dtype=float), np.asarray(design, dtype=float)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=float)
    if y.ndim != 1 or x.ndim != 2 or len(x) != len(y) or w.shape != y.shape or not x.size:
        raise DesignError(
            f"outcome {y.shape}, design {x.shape} and weights {w.shape} do not fit: (m), (m, k), (m)"
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise DesignError("an outcome or a column of the design is missing in a row; leave such rows out")
    if not (np.isfinite(w) & (w > 0)).all():
        raise DesignError("a weight is missing, nought or less; leave such rows out")
    return y, x, w


def _columns(y: Floats, x: Floats, w: Floats) -> _Columns:
    """Return centred and scaled columns; raw coefficients are `back` times the scaled, plus the level."""
    k = x.shape[1]
    root = np.sqrt(w)
    flat = np.flatnonzero((np.ptp(x, axis=0) == 0) & (x[0] != 0))
    constant = int(flat[0]) if flat.size else None
    mean, level = np.zeros(k), 0.0
    if constant is not None:
        mean, level = _means(x, w), float(_means(y[:, None], w)[0])
        mean[constant] = 0.0
    raw = np.linalg.norm(x * root[:, None], axis=0)
    values = (x - mean) * root[:, None]
    length = np.linalg.norm(values, axis=0)
    # what is left of a column that does not vary is rounding
    values[:, length <= 1e-13 * raw] = 0.0
    length = np.where(length <= 1e-13 * raw, np.where(raw > 0, raw, 1.0), length)
    back = np.diag(1 / length)
    if constant is not None:
        at_one = x[0, constant]
        back[constant] -= mean / length / at_one
        level_by = level / at_one
    return _Columns(
        values=values / length,
        outcome=(y - level) * root,
        back=back,
        constant=constant,
        level=0.0 if constant is None else level_by,
    )


def _means(values: Floats, w: Floats) -> Floats:
    """Return weighted means, in two passes: the second takes the rounding of the first out."""
    first = w @ values / w.sum()
    return np.asarray(first + w @ (values - first) / w.sum())


def _codes(cluster: npt.ArrayLike, *, rows: int) -> Ints:
    """Return the number of each row's cluster."""
    given = np.asarray(cluster)
    if given.shape != (rows,):
        raise DesignError(f"clusters {given.shape} do not fit {rows} rows; give each row its cluster")
    if missing := _missing(given):
        raise DesignError(f"{missing:,} rows name no cluster; leave such rows out, or name theirs")
    code = np.unique(given, return_inverse=True)[1].astype(np.int64)
    if code.max() < 1:
        raise DesignError("all rows are in one cluster; clustered errors need two at least, better thirty")
    return code


def _missing(given: npt.NDArray[np.generic]) -> int:
    """Return how many rows name no cluster."""
    if given.dtype.kind != "O":
        return int(np.count_nonzero(given != given))
    # what is missing is none, or not the same as itself, or does not even say so (a missing value of pandas)
    alike = ((value is not None, value == value) for value in given)
    return sum(not (there and isinstance(same, bool | np.bool_) and same) for there, same in alike)


def _covariance(values: Floats, left: Floats, inverse: Floats, *, codes: list[Ints], absorbed: int) -> Floats:
    """Return the covariance of scaled coefficients."""
    m, k = values.shape
    df = m - k - absorbed
    if not codes:
        return np.asarray(inverse @ inverse.T * float(left @ left) / df)
    influence = (values * left[:, None]) @ (inverse @ inverse.T)
    meats = [_meat(influence, code) for code in codes]
    if len(codes) == 1:
        return np.asarray(meats[0] * (m - 1) / df)
    both = np.unique(codes[0] * (codes[1].max() + 1) + codes[1], return_inverse=True)[1]
    raw = (meats[0] + meats[1] - _meat(influence, both)) * (m - 1) / df
    values_, directions = np.linalg.eigh(raw)
    return np.asarray(directions * np.maximum(values_, 0.0) @ directions.T) if values_[0] < 0 else raw


def _meat(influence: Floats, code: Ints) -> Floats:
    """Return products of sums of clusters, corrected for how few they are."""
    groups = int(code.max()) + 1
    sums = np.column_stack([np.bincount(code, weights=column, minlength=groups) for column in influence.T])
    return np.asarray(sums.T @ sums * (groups / (groups - 1)))

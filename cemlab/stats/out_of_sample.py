"""Errors of linear predictions where they were not fitted: other units, or later periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# directions of the design that hold less than this share of the largest one are taken for none
_FLAT = 1e-10


def left_out_errors(outcome: Floats, design: Floats, *, fold: Ints, period: Ints) -> tuple[Floats, Floats]:
    """Return squared errors for folds that were not fitted: without and with the design.

    Parameters
    ----------
    outcome, design
        (m), (m, k); no columns for a model without any.
    fold
        (m) number of each row's fold, from 0; a unit belongs to one.
    period
        (m) number of each row's period; every value is told from the mean of the fitted units in its period.

    Returns
    -------
    tuple
        (m) squared error of the period's mean alone, (m) squared error of the prediction.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.standard_normal((60, 1))
    >>> alone, told = left_out_errors(3 * x[:, 0], x, fold=np.arange(60) % 5, period=np.zeros(60, dtype=int))
    >>> bool(alone.mean() > 5), round(float(told.max()), 6)
    (True, 0.0)
    """
    values = np.column_stack([outcome, design])
    alone, error = np.empty(len(outcome)), np.empty(len(outcome))
    for one in range(int(fold.max()) + 1):
        out = fold == one
        apart = values - _means(values[~out], period[~out], int(period.max()) + 1)[period]
        fitted, held = apart[~out], apart[out]
        weight = _solve(fitted[:, 1:].T @ fitted[:, 1:], fitted[:, 1:].T @ fitted[:, 0])
        alone[out] = held[:, 0] ** 2
        error[out] = (held[:, 0] - held[:, 1:] @ weight) ** 2
    return alone, error


def forward_errors(
    outcome: Floats, design: Floats, *, period: Ints, ahead: int, first: int
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Return squared errors for periods that were still to come when the prediction was fitted.

    Parameters
    ----------
    outcome, design
        (m), (m, k).
    period
        (m) number of the period in which the design was known; the outcome is over by period + `ahead`.
    ahead
        Periods.
    first
        First period to predict from.

    Returns
    -------
    tuple
        (m) squared error of the period's mean alone, (m) of the prediction, (m) which rows were predicted;
        the errors of others are nought.
    """
    t = int(period.max()) + 1
    values = np.column_stack([outcome, design])
    apart = values - _means(values, period, t)[period]
    k = values.shape[1]
    by_period = np.zeros((t, k, k))
    for i in range(k):
        for j in range(k):
            by_period[:, i, j] = np.bincount(period, weights=apart[:, i] * apart[:, j], minlength=t)
    known = np.cumsum(by_period, axis=0)
    alone, error = np.zeros(len(outcome)), np.zeros(len(outcome))
    there = period >= first
    for now in range(first, t):
        # what was over by now: outcomes of designs known `ahead` periods ago
        products = known[now - ahead]
        weight = _solve(products[1:, 1:], products[1:, 0])
        rows = period == now
        alone[rows] = apart[rows, 0] ** 2
        error[rows] = (apart[rows, 0] - apart[rows, 1:] @ weight) ** 2
    return alone, error, there


@dataclass(frozen=True, eq=False, kw_only=True)
class Explained:
    """Shares of the error explained, shape (q), and their covariance, paired by cluster, (q, q)."""

    estimate: Floats
    covariance: Floats
    df: int


def explained(alone: Floats, errors: Floats, *, cluster: Ints) -> Explained:
    """Return the out-of-sample R² of several predictions, with their joint covariance.

    Parameters
    ----------
    alone
        (m) squared errors without a prediction.
    errors
        (m, q) squared errors of q predictions of the same rows.
    cluster
        (m) number of each row's unit, from 0.

    Raises
    ------
    DesignError
        If fewer than three units are there, or nothing is to be explained.

    Examples
    --------
    >>> found = explained(np.ones(6), np.full((6, 1), 0.25), cluster=np.arange(6) // 2)
    >>> found.estimate, found.covariance
    (array([0.75]), array([[0.]]))
    """
    losses = np.column_stack([alone, errors])
    present, code = np.unique(cluster, return_inverse=True)
    g = len(present)
    sums = np.stack([np.bincount(code, weights=column, minlength=g) for column in losses.T], axis=1)
    base = float(sums[:, 0].sum())
    if g < 3 or not base > 0:
        raise DesignError(
            f"{g} units to predict, or nothing in them to be explained; three are needed at least"
        )
    left = sums[:, 1:].sum(axis=0) / base
    influence = (sums[:, 1:] - sums[:, :1] * left) / base
    return Explained(estimate=1 - left, covariance=influence.T @ influence * (g / (g - 1)), df=g - 1)


def _means(values: Floats, period: Ints, t: int) -> Floats:
    """Return the means of periods, (t, k)."""
    n = np.bincount(period, minlength=t)
    sums = np.stack([np.bincount(period, weights=column, minlength=t) for column in values.T], axis=1)
    return np.asarray(sums / np.maximum(n, 1)[:, None])


def _solve(products: Floats, right: Floats) -> Floats:
    """Solve the normal equations of scaled columns; flat directions get no weight."""
    if not len(right):
        return np.zeros(0)
    scale = np.sqrt(np.diagonal(products))
    scale = np.where(scale > 0, scale, 1.0)
    inverse = np.linalg.pinv(products / np.outer(scale, scale), rcond=_FLAT, hermitian=True)
    return np.asarray(inverse @ (right / scale) / scale)

"""Whose uncertainty makes the uncertainty of a result: shares of its variance, also where inputs depend.

Throughout, ``n`` is the number of draws, ``k`` of inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError
from cemlab.stats.seeds import generator
from cemlab.stats.value_of_information import spline_basis

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Inputs up to which every order of entering is looked at; beyond, so many orders, each with its reverse.
_ALL_ORDERS, _PAIRS = 5, 60
# Knots of each curve, and values up to which an input is taken value by value instead.
_KNOTS, _FEW = 4, 5
# Parts of the draws from which the Monte Carlo error is taken.
_PARTS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Shares:
    """Shares of a variance.

    Parameters
    ----------
    alone, alone_error
        Var E(Y | X_j) / Var Y and its Monte Carlo standard error, of shape (k).
    fair, fair_error
        Shapley shares in the explained variance; with `rest` they add up to one, of shape (k).
    rest, rest_error
        What no sum of curves, one an input, explains: the inputs acting together.
    """

    alone: Floats
    alone_error: Floats
    fair: Floats
    fair_error: Floats
    rest: float
    rest_error: float


def variance_shares(inputs: Floats, result: Floats, *, seed: int = 1) -> Shares:
    """Return the share of each input in the variance of a result.

    Each input enters as a natural cubic spline. What it explains depends on what stood before it where
    inputs depend, so the fair share is the mean over orders of entering (Shapley; of straight lines: LMG).
    Errors are those of ten parts of the draws, each reckoned alone.

    Parameters
    ----------
    inputs
        Draws, of shape (n, k), each of some variance.
    result
        Of shape (n), of some variance.
    seed
        Of the orders, where there are too many to look at all.

    Raises
    ------
    DataError
        If shapes do not match, there are fewer than 1,000 draws, or something does not vary.

    References
    ----------
    Owen, A. B. (2014). Sobol' indices and Shapley value. SIAM/ASA Journal on Uncertainty Quantification 2,
    245–251. Lindeman, R. H., Merenda, P. F. & Gold, R. Z. (1980). Introduction to bivariate and multivariate
    analysis. Scott, Foresman.
    """
    inputs, result = np.asarray(inputs, dtype=float), np.asarray(result, dtype=float)
    if inputs.ndim != 2 or result.shape != inputs.shape[:1] or len(result) < 1000:
        raise DataError(
            f"inputs {inputs.shape} and result {result.shape} do not match, or are under 1,000 draws"
        )
    if not (np.ptp(inputs, axis=0) > 0).all() or np.ptp(result) == 0:
        raise DataError("an input or the result is the same in every draw: it has no variance to share")
    orders = _orders(inputs.shape[1], seed)
    blocks = [_curves(column) for column in inputs.T]
    owner = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    basis = np.concatenate(blocks, axis=1)
    whole = _shares(basis, result, owner, orders)
    parts = np.array(
        [_shares(basis[part::_PARTS], result[part::_PARTS], owner, orders) for part in range(_PARTS)]
    )
    error = parts.std(axis=0, ddof=1) / np.sqrt(_PARTS)
    k = inputs.shape[1]
    return Shares(
        alone=whole[:k], alone_error=error[:k], fair=whole[k : 2 * k], fair_error=error[k : 2 * k],
        rest=float(whole[-1]), rest_error=float(error[-1]),
    )  # fmt: skip


def _orders(k: int, seed: int) -> Ints:
    if k <= _ALL_ORDERS:
        return np.array(list(permutations(range(k))), dtype=np.int64).reshape(math.factorial(k), k)
    rng = generator(seed)
    half = np.array([rng.permutation(k) for _ in range(_PAIRS)], dtype=np.int64)
    return np.concatenate([half, half[:, ::-1]])


def _curves(x: Floats) -> Floats:
    """Return a basis of the curves of one input."""
    distinct = np.unique(x)
    few = len(distinct) <= _FEW
    return (x[:, None] == distinct[1:]).astype(float) if few else spline_basis(x, knots=_KNOTS)[:, 1:]


def _shares(basis: Floats, result: Floats, owner: Ints, orders: Ints) -> Floats:
    """Return the shares alone, the fair ones and the rest, of shape (2 k + 1)."""
    centred, basis = result - result.mean(), basis - basis.mean(axis=0)
    basis = basis / np.maximum(np.sqrt(np.square(basis).sum(axis=0)), 1e-300)
    spread, moment = float(centred @ centred), basis.T @ centred
    # a ridge too small to see, so that inputs which are copies of each other can be factored
    gram = basis.T @ basis + 1e-10 * np.eye(len(owner))
    alone = [
        float(moment[own] @ np.linalg.solve(gram[np.ix_(own, own)], moment[own]))
        for own in (np.flatnonzero(owner == j) for j in range(int(owner.max()) + 1))
    ]
    fair = _sequential(gram, moment, spread, owner, orders)
    return np.array([*alone, *fair, spread - fair.sum()]) / spread


def _sequential(gram: Floats, moment: Floats, spread: float, owner: Ints, orders: Ints) -> Floats:
    """Return the mean over orders of the sum of squares that each input adds to those before it."""
    columns = np.array([np.concatenate([np.flatnonzero(owner == j) for j in order]) for order in orders])
    # with the result as the last column, the last row of the factor holds what each column adds
    size = len(owner) + 1
    whole = np.empty((size, size))
    whole[:-1, :-1], whole[-1, :-1], whole[:-1, -1], whole[-1, -1] = gram, moment, moment, 2 * spread
    places = np.column_stack([columns, np.full(len(columns), size - 1)])
    root = np.linalg.cholesky(whole[places[:, :, None], places[:, None, :]])
    fair = np.zeros(int(owner.max()) + 1)
    np.add.at(fair, owner[columns], root[:, -1, :-1] ** 2 / len(orders))
    return fair

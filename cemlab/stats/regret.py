"""How far a rule falls short of the best one, where the truth is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cemlab.errors import DataError


class Regret(NamedTuple):
    """What the best rule earns per customer, what the rule in question earns, and the share it forgoes."""

    oracle: float
    earned: float
    share: float


def regret(worth: ArrayLike, treated: ArrayLike, *, weights: ArrayLike | None = None) -> Regret:
    """Return what a rule forgoes against giving everybody what is truly best.

    Parameters
    ----------
    worth
        True worth of each strategy for each customer or cell, its cost taken off, of shape (x, strategies);
        doing nothing is worth nothing.
    treated
        Share of the customer or cell that the rule gives each strategy, of the same shape.
    weights
        Customers of each cell, of shape (x); without them all count alike.

    Returns
    -------
    Regret
        Money per customer, and the share of the oracle's that the rule does not earn: 0 is as good as can be,
        1 as good as doing nothing; nan where nothing can be earned at all.

    Raises
    ------
    DataError
        If shapes do not match, a worth is no number, or shares are none.

    Examples
    --------
    >>> regret([[4.0, 1.0], [-2.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]])
    Regret(oracle=4.0, earned=2.0, share=0.5)
    """
    true, given = np.asarray(worth, dtype=float), np.asarray(treated, dtype=float)
    size = np.ones(len(true)) if weights is None else np.asarray(weights, dtype=float)
    if true.ndim != 2 or given.shape != true.shape or size.shape != true.shape[:1] or not size.sum() > 0:
        raise DataError(f"worth {true.shape}, treated {given.shape} and weights {size.shape} do not match")
    # a rounding error is none of the caller's
    if not np.isfinite(true).all() or not ((given >= 0).all() and (given.sum(axis=1) <= 1 + 1e-9).all()):
        raise DataError("every worth must be a number, and the shares of a row must add up to 1 at most")
    share = size / size.sum()
    oracle = float(share @ np.maximum(true.max(axis=1), 0))
    earned = float(share @ (true * given).sum(axis=1))
    return Regret(oracle, earned, 1 - earned / oracle if oracle > 0 else float("nan"))

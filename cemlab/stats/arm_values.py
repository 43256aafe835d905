"""What rules that give out several treatments are worth: doubly robust, from counts of an experiment.

Throughout, ``x`` is the number of cells, ``f`` of folds, ``k`` of treatments besides none, ``r`` of rules;
the last axis of counts is the arm, none first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DataError, DesignError

Floats = NDArray[np.float64]


class ArmValues(NamedTuple):
    """Values per row of rules, of shape (r), and their sampling covariance, of shape (r, r)."""

    value: Floats
    covariance: Floats


def arm_values(
    n: Floats,
    successes: Floats,
    predicted: Floats,
    *,
    share: Floats,
    gives: Floats,
    margin: Floats,
    cost: Floats,
) -> ArmValues:
    r"""Return what rules earn per row over giving nothing to anybody.

    A row in cell x with arm A and outcome Y is worth to a rule that gives treatment k with chance d

    .. math:: \sum_k d_k \{m (\mu_k - \mu_0) - c_k\}
              + m \Big\{\frac{d_A}{p_A} - \frac{1_{A=0} D}{p_0}\Big\} (Y - \mu_A), \quad D = \sum_k d_k,

    whose mean is the value if either the shares p or the predictions are right.

    Parameters
    ----------
    n, successes
        Rows and successes (customers kept) of each cell, fold and arm, of shape (x, f, 1 + k).
    predicted
        Shares of successes predicted without the fold, of the same shape.
    share
        Share of the rows in each arm by lot, of shape (1 + k), or by cell, of shape (x, 1 + k).
    gives
        Chance that a rule gives each treatment, learned without the fold, of shape (r, x, f, k); differences
        of rules will do, too.
    margin
        Worth of a success, of shape (x).
    cost
        Price of a treatment, of shape (k).

    Raises
    ------
    DataError
        If shapes do not match.
    DesignError
        If there are fewer than two rows or an arm has no share.

    References
    ----------
    Dudík, M., Erhan, D., Langford, J. & Li, L. (2014). Doubly robust policy evaluation and optimization.
    Statistical Science 29, 485–511.

    Examples
    --------
    >>> n, kept = np.array([[[50.0, 50.0]]]), np.array([[[30.0, 40.0]]])
    >>> everybody = np.ones((1, 1, 1, 1))
    >>> found = arm_values(n, kept, np.full((1, 1, 2), 0.5), share=np.array([0.5, 0.5]), gives=everybody,
    ...                    margin=np.array([10.0]), cost=np.array([1.0]))
    >>> found.value.round(6)
    array([1.])
    """
    arms = share.shape[-1]
    if n.shape != successes.shape or n.shape != predicted.shape or n.shape[2] != arms:
        raise DataError(
            f"n {n.shape}, successes {successes.shape} and predicted {predicted.shape} do not match"
        )
    if gives.shape[1:] != (*n.shape[:2], arms - 1) or len(margin) != len(n) or len(cost) != arms - 1:
        raise DataError(
            f"gives {gives.shape}, margin {margin.shape} and cost {cost.shape} do not match {n.shape}"
        )
    rows = float(n.sum())
    if rows < 2 or (share <= 0).any():
        raise DesignError("a rule is valued by two rows or more and by arms that were all dealt out")
    gain = margin[:, None, None] * (predicted[..., 1:] - predicted[..., :1]) - cost
    base = (gives * gain).sum(axis=-1)
    lot = np.broadcast_to(share, (len(n), arms))[:, None, :]
    weight = np.concatenate([-gives.sum(axis=-1, keepdims=True), gives], axis=-1) / lot
    weight = weight * margin[None, :, None, None]
    error = successes - n * predicted
    square = successes * (1 - predicted) ** 2 + (n - successes) * predicted**2
    size = n.sum(axis=-1)
    total = (base * size).sum(axis=(1, 2)) + (weight * error).sum(axis=(1, 2, 3))
    value = total / rows
    flat, crossed = base.reshape(len(gives), -1), (weight * error).sum(axis=-1).reshape(len(gives), -1)
    wide = weight.reshape(len(gives), -1)
    products = (flat * size.ravel()) @ flat.T + flat @ crossed.T + crossed @ flat.T
    products = products + (wide * square.ravel()) @ wide.T
    return ArmValues(value, (products / rows - np.outer(value, value)) / rows)


def top_share(score: Floats, rows: Floats, share: float, *, at_least: float = -np.inf) -> Floats:
    """Return the part of each cell that lies among the first of a ranking, as large a share as is allowed.

    Parameters
    ----------
    score
        Of the cells, the higher the sooner, of shape (x, …).
    rows
        Rows of each cell, of the same shape or one that broadcasts.
    share
        Largest share of all rows, 0 to 1.
    at_least
        Cells with a score up to this are left out, however much is left.

    Returns
    -------
    array
        Of the shape of `score`, from 0 to 1; the last cell may be taken in part.

    Examples
    --------
    >>> top_share(np.array([3.0, 1.0, 2.0]), np.array([10.0, 10.0, 20.0]), 0.5)
    array([1. , 0. , 0.5])
    """
    size = np.broadcast_to(rows, score.shape)
    order = np.argsort(-score, axis=0, kind="stable")
    ranked = np.take_along_axis(size, order, axis=0)
    before = ranked.cumsum(axis=0) - ranked
    room = share * size.sum(axis=0) - before
    part = np.clip(np.divide(room, ranked, out=np.zeros_like(room), where=ranked > 0), 0.0, 1.0)
    taken = np.empty_like(part)
    np.put_along_axis(taken, order, part, axis=0)
    chosen: Floats = np.where(score > at_least, taken, 0.0)
    return chosen

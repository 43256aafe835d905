"""Which opportunities under a budget, and in which order: exact over all sets of up to twenty.

Throughout, ``n`` is the number of opportunities, ``d`` of draws. A set is a whole number whose bit i says
whether opportunity i is in it, so that arrays over all sets have the shape (2ⁿ).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Opportunities up to which every set is looked at.
MOST = 20

# Draws whose own best set serves to rule out others.
_RIVALS = 24
# Cells of the table draws × sets that are held at once.
_BLOCK = 4_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Sets:
    """All sets that can be had, and what waiting costs in each at its best order.

    Parameters
    ----------
    codes
        The sets that keep the budget and the rules, of shape (s), ascending; the empty one is among them.
    waiting
        Money lost to waiting, for all 2ⁿ sets; infinite where no order exists.
    months
        Months of work in each of the 2ⁿ sets.
    loss, months_each
        Of each opportunity: money lost per month waited, and months of work, of shape (n).
    """

    codes: Ints
    waiting: Floats
    months: Floats
    loss: Floats
    months_each: Floats

    def order(self, code: int) -> list[int]:
        """Return the opportunities of a set in the order that loses least to waiting."""
        found: list[int] = []
        while code:
            inside = [i for i in range(len(self.loss)) if code >> i & 1]
            ends = [self.waiting[code ^ (1 << i)] + self.loss[i] * self.months[code] for i in inside]
            # only those that nothing else in the set needs lead to a set that can be had
            last = inside[int(np.argmin(ends))]
            found.append(last)
            code ^= 1 << last
        return found[::-1]


def subset_sums(values: Floats) -> Floats:
    """Return the sum over each of the 2ⁿ sets.

    Examples
    --------
    >>> subset_sums(np.array([1.0, 10.0]))
    array([ 0.,  1., 10., 11.])
    """
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def feasible_sets(
    cost: Floats,
    *,
    budget: float,
    needs: Bools,
    excludes: Bools,
    loss: Floats,
    months: Floats,
) -> Sets:
    r"""Return the sets within a budget, each with the least that waiting costs.

    The last to be finished of a set S waits for all of its work, whatever the order of the others, so

    .. math:: W(S) = \min_{j \in S,\ needs(j) \subseteq S \setminus j} W(S \setminus j) + l_j T(S)

    is exact with precedence (dynamic programming over sets); without it the order is that of falling loss
    per month of work.

    Parameters
    ----------
    cost
        Of each opportunity, 0 or more, of shape (n).
    budget
        What may be spent.
    needs
        Whether row i needs column j done before, of shape (n, n), without a cycle.
    excludes
        Whether i and j exclude each other, of shape (n, n), symmetric.
    loss
        Money lost for each month until an opportunity is finished, of shape (n).
    months
        Months of work of each, one after the other, of shape (n).

    Raises
    ------
    DesignError
        If there are more than :data:`MOST` opportunities.

    References
    ----------
    Held, M. & Karp, R. M. (1962). A dynamic programming approach to sequencing problems. Journal of the
    Society for Industrial and Applied Mathematics 10, 196–210.
    Smith, W. E. (1956). Various optimizers for single-stage production. Naval Research Logistics 3, 59–66.

    Examples
    --------
    >>> none = np.zeros((2, 2), dtype=bool)
    >>> sets = feasible_sets(np.array([3.0, 4.0]), budget=10, needs=none, excludes=none,
    ...                      loss=np.array([1.0, 5.0]), months=np.array([2.0, 1.0]))
    >>> sets.order(3), float(sets.waiting[3])
    ([1, 0], 8.0)
    """
    n = len(cost)
    if n > MOST:
        raise DesignError(f"{n} opportunities have 2^{n} sets; all can be looked at up to {MOST}")
    total = subset_sums(months)
    waiting = _least_waiting(loss, total, needs)
    # a sum of prices may pass the budget by rounding alone
    codes = np.flatnonzero(
        (subset_sums(cost) <= budget * (1 + 1e-12)) & np.isfinite(waiting) & _allowed(excludes)
    )
    return Sets(codes=codes, waiting=waiting, months=total, loss=loss, months_each=months)


def _least_waiting(loss: Floats, total: Floats, needs: Bools) -> Floats:
    n = len(loss)
    codes = np.arange(1 << n)
    before = needs.astype(np.int64) @ (1 << np.arange(n))
    waiting = np.full(1 << n, np.inf)
    waiting[0] = 0.0
    if not loss.any():
        closed = np.ones(1 << n, dtype=bool)
        for i in np.flatnonzero(before).tolist():
            closed &= ((codes >> i & 1) == 0) | ((codes & before[i]) == before[i])
        return np.where(closed, 0.0, np.inf)
    size = np.bitwise_count(codes)
    ranked = np.argsort(size, kind="stable")
    ends = np.searchsorted(size[ranked], np.arange(n + 2))
    for k in range(1, n + 1):
        level = ranked[ends[k] : ends[k + 1]]
        for i in range(n):
            with_i = level[(level >> i & 1) == 1]
            rest = with_i ^ (1 << i)
            ready = (rest & before[i]) == before[i]
            with_i, rest = with_i[ready], rest[ready]
            waiting[with_i] = np.minimum(waiting[with_i], waiting[rest] + loss[i] * total[with_i])
    return waiting


def _allowed(excludes: Bools) -> Bools:
    codes = np.arange(1 << len(excludes))
    allowed = np.ones(len(codes), dtype=bool)
    for i, j in np.argwhere(np.triu(excludes)).tolist():
        allowed &= (codes >> i & codes >> j & 1) == 0
    return allowed


def best_sets(values: Floats, sets: Sets) -> tuple[Ints, Floats]:
    """Return the best set of each draw and its worth, exactly.

    A set is left out beforehand where some other one beats it in every draw, by the least and the most that
    each opportunity is worth in any draw.

    Parameters
    ----------
    values
        Worth of each opportunity were it done at once, of shape (d, n).
    sets
        From :func:`feasible_sets`.

    Returns
    -------
    tuple
        Code of the best set, of shape (d), the lowest among equals; and its worth less what waiting costs.
    """
    codes = _not_beaten(values, sets)
    n = values.shape[1]
    inside = (codes[:, None] >> np.arange(n) & 1).astype(float)
    lost = sets.waiting[codes]
    best, worth = np.empty(len(values), dtype=np.int64), np.empty(len(values))
    step = max(1, _BLOCK // len(codes))
    for start in range(0, len(values), step):
        score = values[start : start + step] @ inside.T - lost
        winner = score.argmax(axis=1)
        best[start : start + step] = codes[winner]
        worth[start : start + step] = score[np.arange(len(winner)), winner]
    return best, worth


def _not_beaten(values: Floats, sets: Sets) -> Ints:
    low, high = values.min(axis=0), values.max(axis=0)
    codes: Ints = sets.codes
    every = np.linspace(0, len(values) - 1, min(_RIVALS, len(values))).astype(int)
    for rival in (values.mean(axis=0), *values[every]):
        worth = subset_sums(rival)[codes] - sets.waiting[codes]
        code = int(codes[int(worth.argmax())])
        bits = code >> np.arange(values.shape[1]) & 1
        most = subset_sums(np.where(bits == 1, low, high))[codes] - sets.waiting[codes]
        # at the rival itself this is its least worth; rounding must not leave it out
        codes = codes[most >= most[codes == code][0] - 1e-9 * (1 + np.abs(high).sum())]
    return codes


def best_set_by_program(
    values: Floats, *, cost: Floats, budget: float, needs: Bools, excludes: Bools
) -> Bools:
    """Return which opportunities to take, by an integer program solved without a gap; no order, no waiting.

    Parameters
    ----------
    values
        Worth of each opportunity, of shape (n).
    cost, budget, needs, excludes
        As in :func:`feasible_sets`.

    Raises
    ------
    DesignError
        If the solver does not prove its set to be the best.

    Examples
    --------
    >>> none = np.zeros((3, 3), dtype=bool)
    >>> best_set_by_program(np.array([6.0, 5.0, 5.0]), cost=np.array([6.0, 5.0, 5.0]), budget=10,
    ...                     needs=none, excludes=none)
    array([False,  True,  True])
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    n = len(values)
    one = np.eye(n)
    can = cost <= budget
    rows, most = [np.where(can, cost, 0.0) / (budget or 1.0)], [1.0]
    for i, j in np.argwhere(needs):
        rows.append(one[i] - one[j])
        most.append(0.0)
    for i, j in np.argwhere(np.triu(excludes)):
        rows.append(one[i] + one[j])
        most.append(1.0)
    scale = float(np.abs(values).max()) or 1.0
    found = milp(
        -values / scale,
        integrality=np.ones(n, dtype=np.int64),
        bounds=Bounds(0, can.astype(float)),
        constraints=LinearConstraint(np.array(rows), -np.inf, np.array(most)),
        options={"mip_rel_gap": 0.0},
    )
    if found.status != 0:
        raise DesignError(f"the integer program of {n} opportunities was not solved: {found.message}")
    taken: Bools = found.x > 0.5
    return taken

"""Who gets which strategy when money and hands are short: a linear programme over cells of customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DataError, DesignError, OptionError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SLACK = 1e-7  # what the solver may miss a whole number by


@dataclass(frozen=True, eq=False, kw_only=True)
class Allocation:
    """How many customers of each cell get each strategy.

    Parameters
    ----------
    assigned
        Whole customers, of shape (cells, strategies); the rest of a cell is left alone.
    value
        What the assigned customers are expected to bring.
    bound
        What no plan of whole or part customers can exceed.
    budget_price
        What one more unit of budget would bring; 0 where the budget does not bind.
    capacity_price
        What one more customer of capacity would bring, of shape (strategies).
    """

    assigned: Ints
    value: float
    bound: float
    budget_price: float
    capacity_price: Floats

    def net(self, value: Floats, cost: Floats) -> Floats:
        """Return values less the prices of the budget and the capacity they take, of the shape of `value`."""
        left: Floats = value - self.budget_price * cost - self.capacity_price
        return left


def allocate(
    value: Floats,
    cost: Floats,
    n: Ints,
    *,
    budget: float | None = None,
    capacity: Floats | None = None,
) -> Allocation:
    """Return the plan that is worth most within budget and capacity.

    Each customer gets at most one strategy. With neither budget nor capacity everybody gets the best one
    that is worth more than nothing; otherwise the linear programme is solved and rounded down to whole
    customers, and what that leaves is given out by worth. A budget is never exceeded.

    Parameters
    ----------
    value
        Worth of treating one customer of each cell by each strategy, its cost taken off, of shape (cells,
        strategies).
    cost
        Cost of treating one customer, of shape (strategies), not negative.
    n
        Customers in each cell, of shape (cells).
    budget
        Most that may be spent; None for no limit.
    capacity
        Most customers for each strategy, of shape (strategies); infinite for no limit. None for no limits.

    Raises
    ------
    OptionError
        If budget or a capacity is negative or not a number.
    DataError
        If shapes do not match, a value is not a number, or a cost or a count is negative.
    DesignError
        If the solver finds no plan.

    Examples
    --------
    >>> worth, cost = np.array([[5.0, 3.0], [1.0, 2.0]]), np.array([1.0, 1.0])
    >>> plan = allocate(worth, cost, np.array([10, 10]), budget=12.0)
    >>> plan.assigned.tolist(), plan.value, round(plan.budget_price, 6)
    ([[10, 0], [0, 2]], 54.0, 2.0)
    """
    limits = _limits(value, cost, n, budget, capacity)
    best = value.argmax(axis=1)
    chosen = np.zeros(value.shape, dtype=np.int64)
    rows = np.arange(len(n))
    chosen[rows, best] = np.where(value[rows, best] > 0, n, 0)
    spent, used = float((chosen * cost).sum()), chosen.sum(axis=0)
    if spent <= limits[0] and (used <= limits[1]).all():
        worth = float((chosen * value).sum())
        return Allocation(
            assigned=chosen,
            value=worth,
            bound=worth,
            budget_price=0.0,
            capacity_price=np.zeros(value.shape[1]),
        )
    return _solved(value, cost, n, *limits)


def _limits(
    value: Floats, cost: Floats, n: Ints, budget: float | None, capacity: Floats | None
) -> tuple[float, Floats]:
    if value.shape != (len(n), len(cost)) or not value.size:
        raise DataError(f"value has shape {value.shape}; expected is ({len(n)}, {len(cost)}), none empty")
    if not np.isfinite(value).all() or not (cost >= 0).all() or not np.isfinite(cost).all() or (n < 0).any():
        raise DataError("every value must be a number, and no cost or count may be negative")
    money = np.inf if budget is None else float(budget)
    hands = np.full(len(cost), np.inf) if capacity is None else np.asarray(capacity, dtype=float)
    if not money >= 0:
        raise OptionError(f"budget is {budget!r}; give an amount of 0 or more, or None for no limit")
    if hands.shape != cost.shape or not (hands >= 0).all():
        raise OptionError(f"capacity is {capacity!r}; give 0 or more customers for each strategy")
    return money, np.floor(hands)


def _solved(value: Floats, cost: Floats, n: Ints, budget: float, capacity: Floats) -> Allocation:
    from scipy.optimize import linprog

    cells, strategies = value.shape
    limited = np.flatnonzero(np.isfinite(capacity))
    rows, ends = _limits_as_rows(cost, n, budget, capacity)
    found: Any = linprog(-value.ravel(), A_ub=rows, b_ub=ends, bounds=(0, None), method="highs")
    if found.status != 0:
        raise DesignError(f"no plan within budget and capacity was found: {found.message}")
    whole = np.floor(found.x.reshape(value.shape) + _SLACK).astype(np.int64)
    assigned = _filled(_within(whole, cost, budget), value, cost, n, budget, capacity)
    prices = -found.ineqlin.marginals[cells:]
    capacity_price = np.zeros(strategies)
    capacity_price[limited] = prices[: len(limited)]
    return Allocation(
        assigned=assigned,
        value=float((assigned * value).sum()),
        bound=float(-found.fun),
        budget_price=float(prices[-1]) if np.isfinite(budget) else 0.0,
        capacity_price=capacity_price,
    )


def _limits_as_rows(cost: Floats, n: Ints, budget: float, capacity: Floats) -> tuple[Any, Floats]:
    """Return the left side (sparse) and the right side: cells, limited strategies, budget."""
    from scipy import sparse

    cells, strategies = len(n), len(cost)
    columns = np.arange(cells * strategies)
    limited = np.flatnonzero(np.isfinite(capacity))
    each = np.ones(len(columns))
    rows: list[Any] = [sparse.csr_array((each, (columns // strategies, columns)))]
    by_strategy: Any = sparse.csr_array((each, (columns % strategies, columns)))
    ends = [n.astype(float), capacity[limited]]
    if len(limited):
        rows.append(by_strategy[limited])
    if np.isfinite(budget):
        rows.append(sparse.csr_array(np.tile(cost, cells)[None, :]))
        ends.append(np.array([budget]))
    return sparse.vstack(rows, format="csr"), np.concatenate(ends)


def _within(assigned: Ints, cost: Floats, budget: float) -> Ints:
    """Take back a customer where the solver's rounding went over the budget."""
    kept = assigned.copy()
    while float((kept * cost).sum()) > budget:
        cell, strategy = np.unravel_index(np.argmax((kept > 0) * cost), kept.shape)
        kept[cell, strategy] -= 1
    return kept


def _filled(assigned: Ints, value: Floats, cost: Floats, n: Ints, budget: float, capacity: Floats) -> Ints:
    """Give out what rounding down left, the most worthy first."""
    plan = assigned.copy()
    free, hands = n - plan.sum(axis=1), capacity - plan.sum(axis=0)
    left = budget - float((plan * cost).sum())
    for place in np.argsort(-value, axis=None, kind="stable"):
        cell, strategy = divmod(int(place), len(cost))
        if value[cell, strategy] <= 0 or left < cost.min() or (hands < 1).all():
            break
        by_money = left // cost[strategy] if cost[strategy] > 0 and np.isfinite(left) else np.inf
        if cost[strategy] > left:
            continue
        more = int(min(free[cell], hands[strategy], by_money))
        plan[cell, strategy] += more
        free[cell] -= more
        hands[strategy] -= more
        left -= more * float(cost[strategy])
    return _within(plan, cost, budget)

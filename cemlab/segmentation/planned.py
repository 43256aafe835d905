"""The plan as a rule that can be valued: chosen anew without each fold, within budget and capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.segmentation.allocation import allocate
from cemlab.segmentation.prices import Prices
from cemlab.segmentation.rules import best, effects_without
from cemlab.segmentation.uplift import Uplift

Floats = NDArray[np.float64]

#: The rule that keeps to a budget and a capacity.
PLAN = "the plan, within budget"

# Each halving of the range of a price, and rounds over all limits, until what is left is far below chance.
_HALVINGS, _ROUNDS = 18, 3


class Limits(NamedTuple):
    """What a plan keeps to: money, None for no limit, and customers for each strategy, infinite for none."""

    budget: float | None
    capacity: Floats


def planned(
    uplift: Uplift, cells: pd.DataFrame, n: NDArray[np.int64], prices: Prices, limits: Limits
) -> Floats:
    """Return the plan of each fold, allocated to the population by what the other folds taught.

    Parameters
    ----------
    uplift, prices
        What is known, and what it is worth.
    cells, n
        The cells of the population, and the customers in each.
    limits
        As for :func:`cemlab.segmentation.allocation.allocate`.

    Returns
    -------
    array
        Whom the plan treats, of shape (strategies, cells here and there, folds). Cells of the campaigns that
        are in the population are treated as there; others by the plan's prices of money and hands.
    """
    size = len(uplift.index)
    without = effects_without(uplift, cells, prices)
    same = _same(uplift, cells)
    living = (same >= 0) & (n[same] > 0)
    out = _out_of_reach(prices, limits)
    treats = []
    for fold in range(without[0].shape[1]):
        effects = [effect[:, fold] for effect in without]
        value = np.column_stack(
            [m * effect[size:] - c for m, effect, c in zip(prices.margin, effects, prices.cost, strict=True)]
        )
        plan = allocate(value, prices.cost, n, budget=limits.budget, capacity=limits.capacity)
        toll = np.where(out, np.inf, plan.budget_price * prices.cost + plan.capacity_price)
        there = plan.assigned.T / np.maximum(n, 1)
        here = best([effect[:size] for effect in effects], prices, list(toll))
        here[:, living] = there[:, same[living]]
        treats.append(np.concatenate([here, there], axis=1))
    return np.stack(treats, axis=2)


def customers_here(uplift: Uplift, cells: pd.DataFrame, n: NDArray[np.int64]) -> Floats:
    """Return the customers of the population in each cell of the campaigns."""
    same = _same(uplift, cells)
    found: Floats = np.where(same >= 0, n[same], 0).astype(float)
    return found


def _same(uplift: Uplift, cells: pd.DataFrame) -> NDArray[np.int64]:
    """Return the place of each cell of the campaigns among those of the population, -1 if it is not there."""
    place = pd.MultiIndex.from_frame(cells).get_indexer(pd.MultiIndex.from_frame(uplift.index))
    return np.asarray(place, dtype=np.int64)


def _out_of_reach(prices: Prices, limits: Limits) -> NDArray[np.bool_]:
    """Tell for which strategies there is not enough for one customer."""
    dear = np.zeros(len(prices.cost), dtype=bool) if limits.budget is None else prices.cost > limits.budget
    return (limits.capacity < 1) | dear


def plan_of(effects: Sequence[Floats], n: Floats, prices: Prices, limits: Limits) -> Floats:
    """Return the plan for effects that were drawn, customers taken as divisible.

    Each limit has a price, at which what it limits is just used up: it is found by halving, limit by limit.
    Customers for whom two choices are worth the same at these prices are divided.

    Parameters
    ----------
    effects
        For each strategy, of shape (x, …).
    n
        Customers of the population in each cell, of shape (x).
    prices, limits
        What treating is worth, and what there is to do it with.

    Returns
    -------
    array
        Shares treated, of shape (strategies, x, …).
    """
    beyond = np.zeros((len(effects), *effects[0].shape[1:]))
    beyond[_out_of_reach(prices, limits)] = np.inf
    takes, most = _takes(prices, limits)
    price = [np.zeros(effects[0].shape[1:]) for _ in takes]
    treats = best(effects, prices, list(beyond))
    for _round in range(_ROUNDS if len(takes) > 1 else 1):
        for i, take in enumerate(takes):
            others = beyond + sum(
                (np.multiply.outer(takes[j], price[j]) for j in range(len(takes)) if j != i), np.zeros(())
            )
            treats, price[i] = _priced(effects, n, prices, others, take, most[i])
    if len(takes) < 2:
        return treats
    # all but the last price stand a little off by now: cut what is too much, give out what is left
    for take, enough in zip(takes, most, strict=True):
        used = np.einsum("s,x,sx...->...", take, n, treats)
        part = np.where(used > enough, enough / np.where(used > enough, used, 1.0), 1.0)
        treats = np.where((take > 0).reshape(-1, *[1] * used.ndim, 1), treats * part, treats)
    return _given_out(effects, n, prices, treats, takes, most)


def _given_out(
    effects: Sequence[Floats],
    n: Floats,
    prices: Prices,
    treats: Floats,
    takes: list[Floats],
    most: list[float],
) -> Floats:
    """Give what a plan leaves of each limit to those of the free for whom it is worth most."""
    gains = np.stack([m * e - c for m, e, c in zip(prices.margin, effects, prices.cost, strict=True)])
    flat = gains.reshape(gains.shape[0] * gains.shape[1], -1)
    given = (treats * n.reshape(-1, *[1] * (treats.ndim - 2))).reshape(*gains.shape[:2], -1)
    left = [
        np.full(flat.shape[1], enough) - np.einsum("s,sxd->d", take, given)
        for take, enough in zip(takes, most, strict=True)
    ]
    free = n[:, None] - given.sum(axis=0)
    draw = np.arange(flat.shape[1])
    for place in np.argsort(-flat, axis=0, kind="stable"):
        strategy, cell = np.divmod(place, len(n))
        room = free[cell, draw]
        for take, rest in zip(takes, left, strict=True):
            each = take[strategy]
            room = np.where(each > 0, np.minimum(room, rest / np.where(each > 0, each, 1.0)), room)
        more = np.where(flat[place, draw] > 0, np.maximum(room, 0.0), 0.0)
        given[strategy, cell, draw] += more
        free[cell, draw] -= more
        for take, rest in zip(takes, left, strict=True):
            rest -= more * take[strategy]
    shares = (given / np.maximum(n, 1.0)[:, None]).reshape(treats.shape)
    there = (n > 0).reshape(-1, *[1] * (treats.ndim - 2))
    whole: Floats = np.where(
        there, shares, treats
    )  # participants like nobody today are treated by the prices
    return whole


def _takes(prices: Prices, limits: Limits) -> tuple[list[Floats], list[float]]:
    """Return what one customer of each strategy takes of what is limited, and how much there is of it."""
    hands = np.flatnonzero(np.isfinite(limits.capacity))
    takes = [np.eye(len(prices.cost))[s] for s in hands]
    most = [float(limits.capacity[s]) for s in hands]
    if limits.budget is not None:
        takes, most = [*takes, prices.cost], [*most, limits.budget]
    return takes, most


def _priced(
    effects: Sequence[Floats], n: Floats, prices: Prices, others: Floats, take: Floats, enough: float
) -> tuple[Floats, Floats]:
    """Return the plan within one limit, and the price of it, the tolls of the other limits held."""

    def at(price: Floats) -> tuple[Floats, Floats]:
        treats = best(effects, prices, list(others + np.multiply.outer(take, price)))
        return treats, np.einsum("s,x,sx...->...", take, n, treats)

    low = np.zeros(effects[0].shape[1:])
    loose, used = at(low)
    if (used <= enough).all():
        return loose, low
    gains = [m * effect - c for m, effect, c in zip(prices.margin, effects, prices.cost, strict=True)]
    dearest = max(float(gain.max()) / t for gain, t in zip(gains, take, strict=True) if t > 0)
    high = np.where(used > enough, max(dearest, 0.0) + 1.0, 0.0)
    for _half in range(_HALVINGS):
        middle = (low + high) / 2
        over = at(middle)[1] > enough
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    (loose, more), (tight, less) = at(low), at(high)
    part = np.where(more > less, (enough - less) / np.where(more > less, more - less, 1.0), 0.0)
    return tight + np.clip(part, 0.0, 1.0) * (loose - tight), high

"""The plan as a rule that can be valued: chosen anew without each fold, under the same budget and capacity."""

from __future__ import annotations

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


class Planned(NamedTuple):
    """Whom the plan treats, of shape (strategies, cells here and there, folds), and what it takes off each."""

    treats: Floats
    toll: Floats


def planned(
    uplift: Uplift,
    cells: pd.DataFrame,
    n: NDArray[np.int64],
    prices: Prices,
    *,
    budget: float | None,
    capacity: Floats,
) -> Planned:
    """Return the plan of each fold, allocated to the population by what the other folds taught.

    Parameters
    ----------
    uplift, prices
        What is known, and what it is worth.
    cells, n
        The cells of the population, and the customers in each.
    budget, capacity
        As for :func:`cemlab.segmentation.allocation.allocate`.

    Returns
    -------
    Planned
        Cells of the campaigns that are in the population are treated as there; others by the plan's prices of
        money and hands. The toll is the mean of those prices over the folds, of shape (strategies).
    """
    size = len(uplift.index)
    without = effects_without(uplift, cells, prices)
    same = pd.MultiIndex.from_frame(cells).get_indexer(pd.MultiIndex.from_frame(uplift.index))
    living = (same >= 0) & (n[same] > 0)
    treats, tolls = [], []
    for fold in range(without[0].shape[1]):
        effects = [effect[:, fold] for effect in without]
        value = np.column_stack(
            [m * effect[size:] - c for m, effect, c in zip(prices.margin, effects, prices.cost, strict=True)]
        )
        plan = allocate(value, prices.cost, n, budget=budget, capacity=capacity)
        toll = plan.budget_price * prices.cost + plan.capacity_price
        there = plan.assigned.T / np.maximum(n, 1)
        here = best([effect[:size] for effect in effects], prices, list(toll))
        here[:, living] = there[:, same[living]]
        treats.append(np.concatenate([here, there], axis=1))
        tolls.append(toll)
    return Planned(np.stack(treats, axis=2), np.mean(tolls, axis=0))

"""Save offers drawn cell by cell from effects that are known, with no company behind them."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cemlab.data.save_offers import NO_OFFER, SaveCells

CLASSES = ("high", "low", "middle")
PLANS = ("Flex", "Plus")
CELLS = pd.DataFrame(list(itertools.product(CLASSES, PLANS)), columns=["risk", "plan"])
#: Share of those considered in each cell, share that leaves, and the change that each offer brings.
SIZE = np.array([0.1, 0.1, 0.3, 0.2, 0.2, 0.1])
BASE = np.array([0.35, 0.30, 0.10, 0.06, 0.22, 0.18])
CHANGE = {
    "call": np.array([0.00, 0.00, 0.03, 0.03, -0.09, -0.09]),
    "gift": np.array([-0.16, 0.00, 0.00, 0.02, 0.00, 0.00]),
}
COST = {"call": 20.0, "gift": 40.0}


def save_cells(
    rng: np.random.Generator,
    *,
    customers: int = 6000,
    folds: int = 4,
    offers: tuple[str, ...] = ("call",),
    change: dict[str, Any] = CHANGE,
) -> SaveCells:
    """Draw customers considered, dealt alike to the offers and none."""
    names = (NO_OFFER, *offers)
    n = rng.multinomial(customers, np.repeat(SIZE / folds / len(names), folds * len(names)))
    n = n.reshape(len(SIZE), folds, len(names))
    chance = np.stack([BASE, *(BASE + change[name] for name in offers)], axis=-1)[:, None, :]
    left = rng.binomial(n, np.broadcast_to(chance, n.shape))
    other = rng.binomial(n - left, 0.03)
    return counted(n, left, other, names)


def counted(n: np.ndarray, left: np.ndarray, other: np.ndarray, names: tuple[str, ...]) -> SaveCells:
    """Return counts of shape (cells, folds, arms) as an analyst has them."""
    rows = []
    for x, f, a in itertools.product(*map(range, n.shape)):
        if n[x, f, a]:
            risk, plan = CELLS.iloc[x]
            rows.append((risk, risk, plan, names[a], f, n[x, f, a], left[x, f, a], other[x, f, a], 0))
    columns = ["class", "risk", "plan", "offer", "fold", "n", "left", "other", "accepted"]
    costs = [(name, 1, COST.get(name, 1.0), COST.get(name, 1.0)) for name in names[1:]]
    return SaveCells(
        table=pd.DataFrame(rows, columns=columns),
        cues=("risk", "plan"),
        costs=pd.DataFrame(costs, columns=["offer", "n", "cost", "each"]),
        window_days=182,
        controllable=("competitor", "price"),
        uncontrollable=("moved", "deceased"),
        folds=n.shape[1],
        seed=0,
        left_out={},
        first=date(2024, 1, 1),
        last=date(2025, 1, 1),
    )

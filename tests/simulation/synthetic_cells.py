"""Campaigns drawn cell by cell from effects that are known, with no company behind them."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cemlab.data.campaign_cells import CampaignCells, Population

FEATURES = ("type", "objective")
LEVELS = {"type": ("a", "b"), "objective": ("x", "y", "z")}
CELLS = pd.DataFrame(list(itertools.product(*LEVELS.values())), columns=list(FEATURES))
KINDS = ("call", "mail")
#: Share that responds if left alone, by kind and cell; beyond what main effects of the log odds can say.
BASE = np.array([[0.10, 0.22, 0.15, 0.12, 0.08, 0.30], [0.05, 0.06, 0.10, 0.12, 0.04, 0.08]])
#: What treating changes, by kind and cell.
CHANGE = np.array([[0.08, -0.03, 0.05, 0.02, 0.10, -0.06], [0.00, 0.06, 0.02, 0.05, -0.02, 0.06]])
MARGINS = {"call": 40.0, "mail": 50.0}
COSTS = {"call": 2.0, "mail": 1.0}
#: Customers of each cell today, of whom there are other shares than among the participants.
TODAY = np.array([300, 500, 200, 600, 100, 300])


def value() -> np.ndarray:
    """Return what treating is truly worth, by cell and kind."""
    margin, cost = np.array(list(MARGINS.values())), np.array(list(COSTS.values()))
    return (CHANGE * margin[:, None] - cost[:, None]).T


def population(n: np.ndarray = TODAY) -> Population:
    table = CELLS.assign(n_customers=n)
    return Population(table=table, customers=None, as_of=date(2025, 12, 31), n_given=int(n.sum()))


def counts(
    rng: np.random.Generator,
    *,
    participants: int = 3000,
    folds: int = 3,
    share: float = 0.5,
    base: np.ndarray = BASE,
    change: np.ndarray = CHANGE,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw participants and responses, (kinds, cells, folds, arms): cells by size, arms by lot."""
    sizes = np.array([0.25, 0.15, 0.2, 0.1, 0.2, 0.1])
    n = rng.multinomial(participants, np.repeat(sizes / folds, folds), size=len(KINDS))
    n = n.reshape(len(KINDS), len(sizes), folds)
    treated = rng.binomial(n, share)
    arms = np.stack([n - treated, treated], axis=-1)
    chance = np.stack([base, base + change], axis=-1)[:, :, None, :]
    return arms, rng.binomial(arms, np.broadcast_to(chance, arms.shape))


def cells(rng: np.random.Generator, **how: Any) -> CampaignCells:
    """Draw cells as an analyst has them; `how` as for :func:`counts`."""
    return counted(*counts(rng, **how))


def counted(counts: np.ndarray, responses: np.ndarray) -> CampaignCells:
    """Make cells of counts of shape (kinds, cells, folds, 2)."""
    kind, cell, fold, arm = (axis.ravel() for axis in np.indices(counts.shape))
    table = CELLS.iloc[cell].reset_index(drop=True)
    table.insert(0, "kind", np.array(KINDS)[kind])
    table = table.assign(
        treated=arm == 1,
        fold=fold,
        n=counts.ravel().astype(np.int64),
        responses=responses.ravel().astype(np.int64),
    )
    table = table[table["n"] > 0].reset_index(drop=True)
    given = table.groupby(["kind", "treated"], as_index=False)["n"].sum().rename(columns={"n": "n_given"})
    given = given.assign(n_runs=1, n_no_response=0, n_no_history=0, n_used=given["n_given"])
    return CampaignCells(
        table=table,
        features=FEATURES,
        bands=None,
        levels=LEVELS,
        folds=counts.shape[2],
        seed=0,
        given=given,
        first=date(2024, 5, 6),
        last=date(2025, 3, 3),
        source="drawn",
    )

"""Save offers on many simulated companies: run `python -m tests.simulation.save_regret 50`.

Takes some three seconds a company of 20,000 customers. With `--keep` the figures of each company are written
to save_regret.json beside this file, which the tests read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cemlab.saves import save_policies, save_uplift
from cemlab.saves.policies import BY_RISK, BY_UPLIFT
from cemlab.saves.valuing import arms_of
from cemlab.stats.regret import regret
from tests.simulation.drawn_saves import DrawnSaves, drawn_saves

KEPT = Path(__file__).with_suffix(".json")
#: What a kept customer is taken to be worth, EUR; the oracle's own figure lies near it.
MARGIN, COST = 3_600.0, 25.0
#: Share of those considered whom the team can serve: about as many as are in the middle class.
REACH = 0.2


def measured(company: DrawnSaves) -> dict[str, float]:
    """Return what rules truly earn per customer, regrets, and whether intervals hold the truth."""
    truth = company.truth.assign(name=company.truth["risk"] + " risk")
    by_class = truth.groupby("name")[["left_with", "left_without", "margin_with", "margin_without"]].mean()
    points = by_class["left_with"] - by_class["left_without"]
    learned = save_uplift(company.cells)
    trial = learned.trial
    size = int(trial.n.sum())
    rules = save_policies(learned, margin=MARGIN, cost=COST, capacity=int(REACH * size))
    worth = (-MARGIN * points.reindex(trial.classes) - COST).to_numpy()
    rows = trial.rows.sum(axis=1)
    earned = by_class["margin_with"] - by_class["margin_without"] - COST  # in margin that really came in
    really = earned.reindex(trial.classes).to_numpy()
    risk = arms_of([trial]).rows * trial.risk
    by_risk = _first(risk.sum(axis=1) / np.maximum(rows, 1), rows)
    by_uplift = rules.plan["share_offered"].to_numpy()
    best = regret(worth[:, None], by_uplift[:, None], weights=rows)
    best_in_reach = float((_first(worth, rows) * np.maximum(worth, 0) * rows).sum() / size)
    true = {
        name: float((part * worth * rows).sum() / size)
        for name, part in ((BY_RISK, by_risk), (BY_UPLIFT, by_uplift))
    }
    value = rules.of("value").set_index("rule")
    gap = rules.of("difference").set_index("rule").loc[BY_RISK]
    found = learned.by_class.set_index("class")
    covered = {
        f"{name} covered": float(found.loc[name, "conf_low"] <= points[name] <= found.loc[name, "conf_high"])
        for name in found.index
    }
    more = true[BY_UPLIFT] - true[BY_RISK]
    return {
        "oracle": best.oracle,
        "oracle in reach": best_in_reach,
        "by uplift": true[BY_UPLIFT],
        "by risk": true[BY_RISK],
        "regret by uplift": 1 - true[BY_UPLIFT] / best_in_reach,
        "regret by risk": 1 - true[BY_RISK] / best_in_reach,
        "uplift beats risk": float(more > 0),
        "uplift beats risk in margin": float(((by_uplift - by_risk) * really * rows).sum() > 0),
        "estimated by uplift": float(value.loc[BY_UPLIFT, "estimate"]),
        "value covered": float(
            value.loc[BY_UPLIFT, "conf_low"] <= true[BY_UPLIFT] <= value.loc[BY_UPLIFT, "conf_high"]
        ),
        "difference covered": float(gap["conf_low"] <= more <= gap["conf_high"]),
        "difference told from nothing": float(gap["conf_low"] > 0),
        "sleeping dogs in the low class": float(
            learned.sleeping_dogs.set_index("class").loc["low risk", "harmful"]
        ),
        "Qini above nothing": float(learned.qini.set_index("rule").loc[BY_UPLIFT, "conf_low"] > 0),
        **{f"{name} change": float(found.loc[name, "estimate"]) for name in found.index},
        **{f"{name} truth": float(points[name]) for name in found.index},
        **covered,
    }


def _first(score: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return who is served if the first so many are."""
    order = np.argsort(-score, kind="stable")
    before = np.cumsum(rows[order]) - rows[order]
    part = np.empty(len(rows))
    part[order] = np.clip((REACH * rows.sum() - before) / np.maximum(rows[order], 1), 0, 1)
    return part


if __name__ == "__main__":
    companies = {seed: measured(drawn_saves(seed)) for seed in range(1, int(sys.argv[1]) + 1)}
    frame = pd.DataFrame(companies).T
    print(frame.describe().T[["mean", "std", "min", "max"]].round(3).to_string())
    if "--keep" in sys.argv:
        kept = {str(seed): {k: round(v, 6) for k, v in found.items()} for seed, found in companies.items()}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

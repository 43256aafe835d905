"""Regret of the rules on many companies: run `python -m tests.simulation.policy_regret 1 50 objective`.

The numbers are the first and the last seed. Takes some four seconds a company of 20,000 customers; nothing
is written to disk. Further words are the features that the segment rule is made by, purchases without any.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from cemlab.segmentation import policy_values, strategies, uplift
from cemlab.segmentation.prices import check_prices
from cemlab.segmentation.rules import INDIVIDUAL, learned_rules, population_shares, ratios_of
from cemlab.segmentation.segmentations import SEGMENT, places_of
from cemlab.simulate.buying.campaigns import COST, KINDS, RESPONSE_VALUE
from cemlab.stats.regret import regret
from tests.simulation.drawn_campaigns import Drawn, drawn

MARGINS = dict(zip(KINDS, RESPONSE_VALUE.tolist(), strict=True))
COSTS = dict(zip(KINDS, COST.tolist(), strict=True))


def measured(company: Drawn, segments: tuple[str, ...] = ("purchases",)) -> dict[str, float]:
    """Return regrets by the truth, and whether the intervals hold the true values."""
    learned, today = uplift(company.cells), company.population
    prices = check_prices(learned, MARGINS, COSTS)
    cells, share = population_shares(today, list(company.cells.features))
    change = company.uplift.groupby(list(cells.columns))[list(prices.names)].mean()
    worth = change.reindex(pd.MultiIndex.from_frame(cells)).to_numpy() * prices.margin - prices.cost
    people = company.uplift[list(prices.names)].to_numpy() * prices.margin - prices.cost
    oracle = float(np.maximum(people.max(axis=1), 0).mean())
    plan = strategies(learned, today, margins=MARGINS, costs=COSTS).plan.assigned
    ratios = ratios_of(learned, cells, share, prices)
    rules = learned_rules(learned, cells, places_of(learned, cells, {SEGMENT: segments}), prices, ratios)
    here = len(learned.index)
    true = {
        name: float(np.einsum("y,syf,ys->", share, treats[:, here:], worth) / treats.shape[2])
        for name, treats in rules.items()
    }
    values = policy_values(learned, today, margins=MARGINS, costs=COSTS, segments=segments)
    gap = values.of("difference").set_index("rule").loc[SEGMENT]
    individual = values.of("value").set_index("rule").loc[INDIVIDUAL]
    deployed = regret(worth, plan / today.table["n_customers"].to_numpy()[:, None], weights=share)
    more = true[INDIVIDUAL] - true[SEGMENT]
    return {
        "oracle": oracle,
        "oracle on the features": deployed.oracle,
        "individual": deployed.earned,
        "regret": 1 - deployed.earned / oracle,
        "segment": true[SEGMENT],
        "regret of the segment rule": 1 - true[SEGMENT] / oracle,
        "beats the segment rule": float(deployed.earned > true[SEGMENT]),
        "value covered": float(individual["conf_low"] <= true[INDIVIDUAL] <= individual["conf_high"]),
        "difference covered": float(gap["conf_low"] <= more <= gap["conf_high"]),
        "difference told from nothing": float(gap["conf_low"] > 0),
    }


if __name__ == "__main__":
    first, last = (int(word) for word in sys.argv[1:3])
    cut = tuple(sys.argv[3:]) or ("purchases",)
    companies = [measured(drawn(seed), cut) for seed in range(first, last + 1)]
    print(pd.DataFrame(companies).describe().T[["mean", "std", "min", "max"]].round(3).to_string())

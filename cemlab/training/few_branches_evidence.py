"""What a test of few branches rests on, and whether treated and untreated branches vary alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from cemlab.evidence import Check, Evidence
from cemlab.markup import label, p_value
from cemlab.stats.branch_values import BranchValues, two_period_values
from cemlab.stats.randomisation import randomisation_draws
from cemlab.training.few_branches_rule import Choice
from cemlab.training.roll_out import Floats, Ints, RollOut

# periods before the treatment from which units' own spread can be told
_SPREAD_FROM = 4


def evidence_of_test(
    rolled: RollOut,
    used: RollOut,
    branches: BranchValues,
    ways: Ints,
    choice: Choice,
    post: Any,
    source: str,
) -> Evidence:
    """Return what the test rests on: the units `used` of those `rolled`, and the check of their spread."""
    figure = (
        "The overall average of the group-time effects"
        if post is None
        else f"The change from before anybody was treated to {label(post)} and later"
    )
    return Evidence(
        grade="quasi-experiment",
        design=f"{figure}, tested by {choice.method}: {choice.reason}.",
        unit="units",
        n_used=len(used.units),
        n_given=rolled.n_given,
        source=source,
        assumptions=(
            "Without the treatment, treated units and controls would have changed alike.",
            "Controls are not touched by the treatment of others.",
            "Units are independent of each other."
            if choice.method != "randomisation inference"
            else "Without the treatment any units could as well have stood in the place of those treated.",
        ),
        checks=(*rolled.checks, _spread_check(used, branches, ways)),
    )


def _spread_check(used: RollOut, branches: BranchValues, ways: Ints) -> Check:
    """Check whether treated and untreated units varied alike before anybody was treated."""
    last = int(branches.group.max())
    name, null = "spread before the treatment", "treated and untreated units vary alike"
    before: Floats = used.outcome[:, : int(used.first.min())]
    if before.shape[1] < _SPREAD_FROM:
        detail = f"{before.shape[1]} periods before the treatment are too few to tell."
        return Check(name=name, null=null, passed=None, detail=detail)
    apart = before - before.mean(axis=0)
    spread = np.log(np.maximum(apart.std(axis=1, ddof=1), 1e-300))
    compared = two_period_values(spread, treated=branches.group < last)
    drawn = randomisation_draws(
        compared, ways=(ways == last).astype(np.int64), enumerated=False, studentised=False
    )
    p = drawn.p_value()
    return Check(
        name=name,
        null=null,
        passed=p > 0.05,
        detail=f"Treated units vary {np.exp(compared.estimate):.2f} times as much within, {p_value(p)}.",
        remedy="Randomisation inference is exact for units that vary alike; compare units of one size.",
    )

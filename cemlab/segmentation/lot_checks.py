"""Was it by lot? What is asked of campaigns before an effect is read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.campaign_cells import CampaignCells
from cemlab.evidence import Check
from cemlab.markup import join_words, p_value, percent
from cemlab.segmentation.cell_design import LEAST_IN_ARM, CellDesign

#: Chance that any of a family of checks fails where nothing is wrong.
FALSE_ALARMS = 0.01
#: Fewest customers in each arm for a strategy to be estimable.
LEAST_ARM = 30
#: Fewest customers of a run that is compared with others on its own.
LEAST_RUN = 10


def not_estimable(cells: CampaignCells, wanted: Sequence[str]) -> dict[str, str]:
    """Return the strategies of which nothing can be said, each with its reason."""
    reasons = {}
    for name in wanted:
        arms = [_arm(cells.table, name, treated) for treated in (False, True)]
        (n_without, _), (n_with, _) = arms
        if n_without == n_with == 0:
            reasons[name] = "no campaign by lot with recorded responses"
        elif min(n_without, n_with) == 0:
            reasons[name] = "nobody was left alone" if n_without == 0 else "nobody was treated"
        elif min(n_without, n_with) < LEAST_ARM:
            reasons[name] = f"{n_with:,} treated and {n_without:,} left alone are too few"
        elif sum(responses for _, responses in arms) == 0:
            reasons[name] = "nobody responded in either arm"
        elif _lost_arm(cells, name):
            reasons[name] = "an arm is empty outside one fold"
    return reasons


def _arm(table: pd.DataFrame, name: str, treated: bool) -> tuple[int, int]:
    """Return customers and responses of one arm."""
    own = table[(table["kind"] == name) & (table["treated"] == treated)]
    return int(own["n"].sum()), int(own["responses"].sum())


def _lost_arm(cells: CampaignCells, name: str) -> bool:
    """Whether some arm or fold has no rows where a fit or a valuation needs them."""
    own = cells.table[cells.table["kind"] == name]
    by_fold = own.pivot_table(index="treated", columns="fold", values="n", aggfunc="sum", fill_value=0)
    short = by_fold.shape != (2, cells.folds)
    return short or bool((by_fold.to_numpy() == by_fold.to_numpy().sum(axis=1, keepdims=True)).any())


def lot_checks(cells: CampaignCells, known: Sequence[str], *, treated_share: float) -> tuple[Check, ...]:
    """Check that as many were treated as the design says, in every run, and that both arms are alike."""
    return _share_treated(cells, known, treated_share), _same_in_runs(cells, known), _balance(cells, known)


def _share_treated(cells: CampaignCells, known: Sequence[str], treated_share: float) -> Check:
    from scipy.stats import binomtest

    found = []
    for kind in known:
        own = cells.given[cells.given["kind"] == kind]
        n, treated = int(own["n_given"].sum()), int(own.loc[own["treated"], "n_given"].sum())
        found.append((float(binomtest(treated, n, treated_share).pvalue), kind, treated / n))
    worst, kind, share = min(found)
    return Check(
        name="share treated",
        null=f"{percent(treated_share)} of each kind were treated by lot",
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Farthest off: {kind}, {percent(share)} treated against {percent(treated_share)}, "
        f"{p_value(worst)}.",
        remedy="Ask how the lot was drawn, or state the share of the design (treated_share).",
    )


def _same_in_runs(cells: CampaignCells, known: Sequence[str]) -> Check:
    """Check that runs of a kind treated one share; they are added up, and would mix with the arms."""
    from scipy.stats import chi2_contingency

    name, null = "same share in every run", "every run of a kind treated the same share"
    if cells.runs is None:
        return Check(name=name, null=null, passed=None, detail="The runs were not counted apart.")
    found = []
    for kind in known:
        own = cells.runs[cells.runs["kind"] == kind]
        # runs too small for the test are taken together
        own = own.groupby(own["date"].where(own["n"] >= LEAST_RUN), dropna=False)[["n", "n_treated"]].sum()
        table = np.column_stack([own["n_treated"], own["n"] - own["n_treated"]]).astype(float)
        if len(table) > 1 and (table.sum(axis=0) > 0).all():
            shares = table[:, 0] / table.sum(axis=1)
            p = float(chi2_contingency(table, correction=False).pvalue)
            found.append((p, kind, float(shares.min()), float(shares.max())))
    if not found:
        return Check(name=name, null=null, passed=True, detail="No kind has two runs to compare.")
    worst, kind, low, high = min(found)
    return Check(
        name=name,
        null=null,
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Farthest apart: {kind}, {percent(low)} to {percent(high)} treated, {p_value(worst)}.",
        remedy="Whatever differs between the runs, such as the season, looks like an effect: learn from runs "
        "with one share at a time.",
    )


def _balance(cells: CampaignCells, known: Sequence[str]) -> Check:
    """Chi-squared test of each feature against the arm, by kind, on the values that have rows."""
    from scipy.stats import chi2_contingency

    found = []
    for kind in known:
        own = cells.table[cells.table["kind"] == kind]
        for feature in cells.features:
            table = own.pivot_table(
                index=feature, columns="treated", values="n", aggfunc="sum", fill_value=0
            ).to_numpy(dtype=float)
            table = table[table.sum(axis=1) >= 2 * 5]  # five expected in an arm, the usual rule
            if len(table) > 1:
                found.append((float(chi2_contingency(table, correction=False).pvalue), kind, feature))
    if not found:
        return Check(
            name="balance of features",
            null="both arms are alike in what was known before",
            passed=None,
            detail="No feature has two values with enough customers.",
            remedy="Give features that tell customers apart.",
        )
    worst, kind, feature = min(found)
    return Check(
        name="balance of features",
        null="both arms are alike in what was known before",
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Farthest off of {len(found)}: {feature} in {kind}, {p_value(worst)}.",
        remedy="Whoever differs beforehand was not dealt by lot: find out who chose.",
    )


def recorded_check(cells: CampaignCells, known: Sequence[str]) -> Check:
    """Check that responses are missing as often in both arms."""
    from scipy.stats import fisher_exact

    own = cells.given[cells.given["kind"].isin(known)]
    lost = int(own["n_no_response"].sum())
    null = "a response is recorded as often for the treated as for those left alone"
    if lost == 0:
        return Check(name="responses recorded", null=null, passed=True, detail="Every response was recorded.")
    found = []
    for kind, rows in own.groupby("kind"):
        missing = rows["n_no_response"].to_numpy()
        there = rows["n_given"].to_numpy() - missing
        found.append((float(fisher_exact(np.array([missing, there])).pvalue), str(kind)))
    worst, kind = min(found)
    return Check(
        name="responses recorded",
        null=null,
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Missing for {lost:,} of {int(own['n_given'].sum()):,}; farthest apart in {kind}, "
        f"{p_value(worst)}.",
        remedy="Find the responses that are missing: those who are left are no longer two like arms.",
    )


def overlap_check(designs: Mapping[str, CellDesign]) -> Check:
    """Tell of which kinds values were too rare in an arm to be kept apart; fail where none was left."""
    merged = [
        f"{kind} – {name}: {join_words(values)}"
        for kind, design in designs.items()
        for name, values in design.merged.items()
        if values
    ]
    lost = [
        f"{name} in {kind}"
        for kind, design in designs.items()
        for name, levels in design.levels.items()
        if design.merged[name] and len(levels) == 1
    ]
    detail = f"Merged into “other” ({'; '.join(merged)})." if merged else "Every value has them."
    if lost:
        detail += f" No longer told apart: {join_words(lost)}."
    return Check(
        name="overlap",
        null=f"each value of each feature has {LEAST_IN_ARM} customers in both arms of each kind",
        passed=False if lost else None if merged else True,
        detail=detail,
        remedy="Customers with these values are judged as their group is, in these campaigns."
        if merged
        else "",
    )


def tried_check(reasons: dict[str, str]) -> Check:
    """Tell which strategies have no estimate, and why."""
    told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return Check(
        name="strategies tried",
        null="each strategy was tried in a campaign by lot with both arms",
        passed=not reasons,
        detail=f"Not estimable – {told}." if reasons else "Each was.",
        remedy="Run a campaign by lot for it before it is given to anybody." if reasons else "",
    )


def seen_check(index: pd.DataFrame, cells: pd.DataFrame, n: NDArray[Any]) -> Check:
    """Check that the campaigns saw every value that the population's customers have.

    `index` holds the features of the campaigns' cells, `cells` those of the population, `n` its customers.
    """
    strange = np.zeros(len(cells), dtype=bool)
    for name in index.columns:
        strange |= ~cells[name].isin(index[name]).to_numpy()
    unseen, total = int(n[strange].sum()), int(n.sum())
    return Check(
        name="seen before",
        null="every value of every feature was seen in the campaigns",
        passed=unseen == 0,
        detail=f"{unseen:,} of {total:,} customers have a value that was not."
        if unseen
        else "Every one was.",
        remedy="They are judged as the average of the others." if unseen else "",
    )

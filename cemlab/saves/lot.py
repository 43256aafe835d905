"""Whether chance dealt the save offers, and whether what came of them was seen alike in both arms."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.data.save_offers import NO_OFFER, SaveCells
from cemlab.evidence import Check
from cemlab.markup import p_value, percent
from cemlab.saves.trial import Trial

#: Share of sound lots that a check may fail by chance.
FALSE_ALARMS = 0.01
#: Fewest customers in an arm of a class from which its interval is more than a formality.
FEW = 20


def lot_checks(cells: SaveCells, trial: Trial, *, treated_share: float) -> tuple[Check, ...]:
    """Return the checks on which the grade of an experiment rests."""
    own = cells.table[cells.table["offer"].isin([NO_OFFER, trial.offer])]
    return (
        _share_offered(trial, treated_share),
        _same_in_classes(own, trial),
        _balance(own, cells, trial),
        _competing(own, trial),
    )


def _share_offered(trial: Trial, treated_share: float) -> Check:
    from scipy.stats import binomtest

    arms = trial.n.sum(axis=(0, 1))
    p = float(binomtest(int(arms[1]), int(arms.sum()), treated_share).pvalue)
    return Check(
        name="share offered",
        null=f"{percent(treated_share)} of those considered got the offer by lot",
        passed=p >= FALSE_ALARMS,
        detail=f"{percent(float(arms[1] / arms.sum()))} did, {p_value(p)}.",
        remedy="Ask how the lot was drawn, or state the share of the design (treated_share).",
    )


def _same_in_classes(own: pd.DataFrame, trial: Trial) -> Check:
    p, shares = _chi_squared(own, "class", trial.offer)
    name, null = "same share in every class", "every class got the offer with the same chance"
    if np.isnan(p):
        return Check(name=name, null=null, passed=True, detail="There is one class.")
    return Check(
        name=name,
        null=null,
        passed=p >= FALSE_ALARMS,
        detail=f"From {percent(float(shares.min()))} to {percent(float(shares.max()))}, {p_value(p)}.",
        remedy="Compare within classes only: over all of them the arms differ in risk.",
    )


def _balance(own: pd.DataFrame, cells: SaveCells, trial: Trial) -> Check:
    name, null = "balance of cues", "both arms are alike in what was known before"
    found = []
    for cue in cells.cues:
        p, _shares = _chi_squared(own, cue, trial.offer)
        if cue != "risk" and not np.isnan(p):
            found.append((p, cue))
    if not found:
        return Check(
            name=name,
            null=null,
            passed=None,
            detail="No cue but the class has two values with enough customers.",
            remedy="Give cues that tell customers apart.",
        )
    worst, cue = min(found)
    return Check(
        name=name,
        null=null,
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Farthest off of {len(found)}: {cue}, {p_value(worst)}.",
        remedy="Whoever differs beforehand was not dealt by lot: find out who chose.",
    )


def _competing(own: pd.DataFrame, trial: Trial) -> Check:
    """Check that other causes end as many contracts in both arms; they take customers out of both."""
    from scipy.stats import fisher_exact

    arms = own.groupby(own["offer"] == trial.offer)[["n", "other"]].sum().reindex([False, True])
    n, other = arms["n"].to_numpy(), arms["other"].to_numpy()
    p = float(fisher_exact(np.array([other, n - other])).pvalue)
    return Check(
        name="other causes",
        null="causes that no offer can act on end as many contracts with it as without",
        passed=p >= FALSE_ALARMS,
        detail=f"{int(other[1]):,} of {int(n[1]):,} with an offer and {int(other[0]):,} of {int(n[0]):,} "
        f"without; they did not leave by a controllable cause and count as such, {p_value(p)}.",
        remedy="Look into how causes are recorded: whoever got an offer may be asked more closely.",
    )


def _chi_squared(own: pd.DataFrame, column: str, offer: str) -> tuple[float, np.ndarray]:
    """Return the p-value of a column against the arm and the shares offered; nan where nothing compares."""
    from scipy.stats import chi2_contingency

    got = (own["offer"] == offer).rename("got")
    counts = own.pivot_table(index=column, columns=got, values="n", aggfunc="sum", fill_value=0)
    table = counts.reindex(columns=[False, True], fill_value=0).to_numpy(dtype=float)
    table = table[table.sum(axis=1) >= 2 * 5]  # five expected in an arm, the usual rule
    if len(table) < 2 or (table.sum(axis=0) == 0).any():
        return float("nan"), np.array([np.nan])
    return float(chi2_contingency(table, correction=False).pvalue), table[:, 1] / table.sum(axis=1)


def few_check(trial: Trial) -> Check:
    """Tell which classes have so few customers that their figures are hardly more than their intervals."""
    counted = pd.DataFrame(trial.n.sum(axis=1)).groupby(trial.classes).sum().min(axis=1)
    few = [f"{name} ({int(n):,})" for name, n in counted.items() if n < FEW]
    return Check(
        name="customers in each class",
        null=f"each class has {FEW} customers in both arms",
        passed=not few,
        detail=f"Fewer in the smaller arm: {', '.join(few)}." if few else "Each has.",
        remedy="Their intervals are wide, and rules judge them as the average of the others." if few else "",
    )

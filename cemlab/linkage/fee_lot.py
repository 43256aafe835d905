"""Whether a lot decided which fees were charged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.data.fees_due import FeesDue
from cemlab.evidence import Check
from cemlab.markup import p_value, percent

# Four checks are asked of a lot, and a sound one should pass all of them ninety-nine times in a hundred.
_FALSE_ALARMS = 0.01 / 4
# Fees from which a check sees, four times in five, that one half was charged 20 points more often than the
# other: 4 × 0.24 × ((3.2 + 0.84) / 0.2)², 3.2 being where false alarms of two or three traits begin.
_SEES = 400
_ENOUGH = 2 * 5  # fees in a value of a trait: five expected of each, the usual rule


def lot_checks(due: FeesDue, share: float) -> tuple[Check, ...]:
    """Return the checks on which the grade of an experiment rests.

    Parameters
    ----------
    due
        Fees that fell due.
    share
        Share that the lot was to charge.

    Notes
    -----
    A check that speaks against a lot has failed however few the fees; one that does not is left open where
    they are too few to see anything.
    """
    return _share(due, share), _months(due), _balance(due), _competing(due)


def _passed(due: FeesDue, p: float, alarm: float = _FALSE_ALARMS) -> tuple[bool | None, str]:
    """Return whether a check passed, or that nobody can say, and what to add to its detail."""
    if p >= alarm and due.n_used < _SEES:
        return None, f" With fewer than {_SEES} fees it sees next to nothing."
    return p >= alarm, ""


def _arms(due: FeesDue, column: str) -> np.ndarray:
    return due.table.set_index("charged")[column].reindex([False, True]).to_numpy(dtype=float)


def _share(due: FeesDue, share: float) -> Check:
    from scipy.stats import binomtest

    waived, charged = _arms(due, "n").astype(int)
    p = float(binomtest(int(charged), int(charged + waived), share).pvalue)
    passed, few = _passed(due, p)
    return Check(
        name="share charged",
        null=f"{percent(share)} of the fees due were charged by lot",
        passed=passed,
        detail=f"{percent(charged / (charged + waived))} were, {p_value(p)}.{few}",
        remedy="Ask how the lot was drawn, or state the share of the design (charged_share).",
    )


def _months(due: FeesDue) -> Check:
    name, null = "same share in every month", "every month charged with the same chance"
    p = _alike(due.traits, "month")
    if (due.traits["trait"] == "month").sum() == 1:
        passed, few = _passed(due, 1.0)
        return Check(name=name, null=null, passed=passed, detail=f"All fell due in one month.{few}")
    if np.isnan(p):
        return Check(name=name, null=null, passed=None, detail="No two months have fees enough.")
    passed, few = _passed(due, p)
    return Check(
        name=name,
        null=null,
        passed=passed,
        detail=f"{due.first} to {due.last}, {p_value(p)}.{few}",
        remedy="Whatever changed over time differs between the two: count periods of one share apart.",
    )


def _balance(due: FeesDue) -> Check:
    name, null = "balance of traits", "charged and waived are alike in what was known before"
    found = [(_alike(due.traits, trait), str(trait)) for trait in due.traits["trait"].unique()]
    found = [(p, trait) for p, trait in found if trait != "month" and not np.isnan(p)]
    if not found:
        detail = "No trait has two values with fees enough."
        return Check(name=name, null=null, passed=None, detail=detail, remedy="Give the table of customers.")
    worst, trait = min(found)
    passed, few = _passed(due, worst, _FALSE_ALARMS / len(found))
    return Check(
        name=name,
        null=null,
        passed=passed,
        detail=f"Farthest off of {len(found)}: {trait}, {p_value(worst)}.{few}",
        remedy="Whoever differs beforehand was not dealt by lot: find out who waived.",
    )


def _competing(due: FeesDue) -> Check:
    from scipy.stats import fisher_exact

    n, other = _arms(due, "n"), _arms(due, "other")
    p = float(fisher_exact(np.array([other, n - other])).pvalue)
    passed, few = _passed(due, p)
    return Check(
        name="other causes",
        null="causes that no fee can act on end as many contracts either way",
        passed=passed,
        detail=f"{int(other[1]):,} of {int(n[1]):,} charged and {int(other[0]):,} of {int(n[0]):,} waived; "
        f"they did not leave by a controllable cause and count as such, {p_value(p)}.{few}",
        remedy="Look into how causes are recorded: whoever was charged may be asked more closely.",
    )


def _alike(traits: pd.DataFrame, trait: str) -> float:
    """Return the p-value of a trait against being charged; nan where nothing compares."""
    from scipy.stats import chi2_contingency

    counts = traits.loc[traits["trait"] == trait, ["waived", "charged"]].to_numpy(dtype=float)
    counts = counts[counts.sum(axis=1) >= _ENOUGH]
    if len(counts) < 2 or (counts.sum(axis=0) == 0).any():
        return float("nan")
    return float(chi2_contingency(counts, correction=False).pvalue)

"""Whether chance dealt the save offers, and whether what came of them was seen alike in both arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cemlab.data.save_cues import UNDATED
from cemlab.data.save_offers import NO_OFFER, SaveCells
from cemlab.evidence import Check, Evidence, Grade
from cemlab.markup import join_words, p_value, percent
from cemlab.saves.trial import FALSE_ALARMS, Trial

#: Fewest customers in an arm of a class from which its interval is more than a formality.
FEW = 20
#: Share of an arm that may get another offer within the window before the contrast is another one.
MOST_CROSSED = 0.01
#: Checks whose failure leaves the arms unlike in what no class explains.
MONTHS, CROSSED = "same share in every month", "one offer in the window"
#: What is to be said where many got another offer.
FIRST_ONLY = "The contrast is of the first decision only: many got another offer within the window."


def lot_checks(
    cells: SaveCells, trial: Trial, *, treated_share: float | Mapping[str, float]
) -> tuple[Check, ...]:
    """Return the checks on which the grade of an experiment rests."""
    own = cells.table[cells.table["offer"].isin([NO_OFFER, trial.offer])]
    shares = (
        (_shares_by_class(trial, treated_share),)
        if isinstance(treated_share, Mapping)
        else (_share_offered(trial, treated_share), _same_in_classes(own, trial))
    )
    return (
        *shares,
        _same_in_months(cells, trial),
        _balance(own, cells, trial),
        _competing(own, trial),
        _crossed(cells, trial),
    )


def grade_of(checks: Sequence[Check]) -> Grade:
    """Return the grade that the checks of a lot leave: what classes do not explain is not adjusted for."""
    failed = {check.name for check in checks if check.passed is False}
    if not failed:
        return "experiment"
    return "association" if failed & {MONTHS, CROSSED} else "adjusted"


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


def _shares_by_class(trial: Trial, design: Mapping[str, float]) -> Check:
    from scipy.stats import binomtest

    counted = pd.DataFrame(trial.n.sum(axis=1)).groupby(trial.classes).sum()
    found = []
    for name, (without, offered) in zip(counted.index, counted.to_numpy(), strict=True):
        p = float(binomtest(int(offered), int(offered + without), design[str(name)]).pvalue)
        share = f"{percent(offered / (offered + without))} where {percent(design[str(name)])} were meant"
        found.append((p, f"{name}, {share}"))
    worst, told = min(found)
    return Check(
        name="share offered",
        null="each class got the offer by lot in the share of the design",
        passed=worst >= FALSE_ALARMS / len(found),
        detail=f"Farthest off of {len(found)}: {told}, {p_value(worst)}.",
        remedy="Ask how the lot was drawn, or state the shares of the design (treated_share).",
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
        remedy="Figures over all are weighted by class. If the lot was drawn by class, state its shares: "
        "treated_share={class: share}.",
    )


def _same_in_months(cells: SaveCells, trial: Trial) -> Check:
    name, null = MONTHS, "every month got the offer with the same chance, class by class"
    if cells.months is None:
        detail = "Months of offers are not known."
        return Check(name=name, null=null, passed=None, detail=detail, remedy="Count them again.")
    own = cells.months[cells.months["offer"].isin([NO_OFFER, trial.offer])]
    p = alike_within_classes(own, "month", trial.offer)
    if np.isnan(p):
        return Check(name=name, null=null, passed=True, detail="There is one month.")
    shares = own.assign(got=own["n"] * (own["offer"] == trial.offer)).groupby("month")[["got", "n"]].sum()
    share = (shares["got"] / shares["n"])[shares["n"] >= FEW]
    span = (
        f"From {percent(float(share.min()))} to {percent(float(share.max()))}" if len(share) else "Few each"
    )
    return Check(
        name=name,
        null=null,
        passed=p >= FALSE_ALARMS,
        detail=f"{span}, {p_value(p)}.",
        remedy="Whatever changed over time differs between the arms: count periods of one share apart.",
    )


def _crossed(cells: SaveCells, trial: Trial) -> Check:
    """Check that hardly anybody got another offer while the outcome was awaited."""
    arms = trial.n.sum(axis=(0, 1))
    n = [int(cells.crossed.get(name, 0)) for name in (NO_OFFER, trial.offer)]
    few = all(crossed <= MOST_CROSSED * size for crossed, size in zip(n, arms, strict=True))
    told = f"{n[0]:,} of {int(arms[0]):,} held back and {n[1]:,} of {int(arms[1]):,} offered"
    return Check(
        name=CROSSED,
        null=f"at most {percent(MOST_CROSSED, digits=0)} of an arm got another offer within the window",
        passed=few,
        detail=f"{told} got one; everybody counts in the arm of the first decision."
        if any(n)
        else "Nobody did.",
        remedy="The contrast is of the first decision only, not of an offer against none. "
        "Shorten window_days to the days before second offers.",
    )


def _balance(own: pd.DataFrame, cells: SaveCells, trial: Trial) -> Check:
    name, null = "balance of cues", "both arms are alike in what was known before, class by class"
    found = []
    for cue in cells.cues:
        p = alike_within_classes(own, cue, trial.offer)
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


def alike_within_classes(own: pd.DataFrame, column: str, offer: str) -> float:
    """Return the p-value of a column against the arm within classes; nan where nothing compares.

    The test of Cochran, Mantel and Haenszel: classes may have shares of their own.
    """
    from scipy.stats import chi2

    got = own["n"] * (own["offer"] == offer)
    counts = own.assign(got=got).pivot_table(
        index="class", columns=column, values=["n", "got"], aggfunc="sum", fill_value=0
    )
    n, offered = (counts[part].to_numpy(dtype=float) for part in ("n", "got"))
    enough = n.sum(axis=0) >= 2 * 5  # five expected in an arm, the usual rule
    n, offered = n[:, enough], offered[:, enough]
    size, sent = n.sum(axis=1), offered.sum(axis=1)
    some = size > 1
    n, offered, size, sent = n[some], offered[some], size[some], sent[some]
    away = (offered - n * (sent / size)[:, None]).sum(axis=0)
    weight = sent * (size - sent) / (size**2 * (size - 1))
    spread = np.diag((weight * size) @ n) - np.einsum("c,ci,cj->ij", weight, n, n)
    df = int(np.linalg.matrix_rank(spread)) if len(away) > 1 else 0
    if df == 0:
        return float("nan")
    return float(chi2.sf(away @ np.linalg.pinv(spread, hermitian=True) @ away, df))


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


def undated_check(cells: SaveCells) -> tuple[Check, ...]:
    """Tell which cues come from a table without dates, so that nobody can say that they came first."""
    undated = [cue for cue in cells.cues if cue in UNDATED]
    if not undated:
        return ()
    check = Check(
        name="cues before the offer",
        null="every cue was known on the day before the offer",
        passed=None,
        detail=f"{join_words(undated)} {'is' if len(undated) == 1 else 'are'} from a table without dates.",
        remedy="See that they were recorded before, or give them dated, as own_cues.",
    )
    return (check,)


def told_failed(evidence: Evidence) -> str:
    """Return a sentence that names the checks that failed, or nothing."""
    failed = evidence.failed
    return f" Checks that failed: {join_words(check.name for check in failed)}." if failed else ""

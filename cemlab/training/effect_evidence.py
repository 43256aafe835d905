"""What group-time effects rest on: design, assumptions, and the checks made before they are believed."""

from __future__ import annotations

import numpy as np

from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, label
from cemlab.stats.group_time import Controls, GroupTime, Method
from cemlab.training.roll_out import RollOut

#: With fewer treated clusters, intervals from influence functions are checked by randomisation.
FEW_TREATED = 10
# Of a group of two clusters, intervals that should hold 95 % held 88 % in simulation; of three, 93 %.
_FEWEST_OF_GROUP = 3
# With a group of three, bands over all cells that should hold 95 % held 82 to 87 %; of four, 92 %.
_FEWEST_FOR_BANDS = 4
#: Errors below this share of the largest outcome are rounding.
ROUNDING = 1e-13
_INSTEAD = "training.few_branches_test needs no such interval; or leave it out"


def refuse_one_cluster(rolled: RollOut) -> None:
    """Refuse effects of a single treated cluster, in all or in a group: their error cannot be known.

    Raises
    ------
    DesignError
        With the names, and what to do instead.
    """
    refuse_one_treated(rolled)
    for group in rolled.groups:
        member = rolled.first == group
        if len(np.unique(rolled.cluster[member])) < 2:
            name = rolled.units[int(np.flatnonzero(member)[0])]
            raise DesignError(
                f"panel: only one cluster ({name}) is first treated in {label(rolled.periods[group])}, so "
                f"that group's interval cannot be given; join it to a neighbouring group's date, or take "
                f"randomisation inference: {_INSTEAD}"
            )


def refuse_one_treated(rolled: RollOut) -> None:
    """Refuse averages over a single treated cluster: their error cannot be known.

    Raises
    ------
    DesignError
        With the name, and what to do instead.
    """
    if len(np.unique(rolled.cluster[rolled.treated])) < 2:
        names = [name for name, treated in zip(rolled.units, rolled.treated, strict=True) if treated]
        raise DesignError(
            f"panel: only one cluster is treated ({join_words(names[:3])}), so nothing tells luck from the "
            f"treatment and no interval can be given; take randomisation inference instead: {_INSTEAD}"
        )


def no_chance(outcome: str) -> str:
    """Say that an outcome shows no chance, so that no interval can be given."""
    return (
        f"column {outcome!r}: all units change alike to the last digit, so there is no luck to tell from; "
        "check that it is measured in every unit"
    )


def effect_evidence(
    rolled: RollOut,
    cells: GroupTime,
    *,
    controls: Controls,
    method: Method,
    anticipation: int,
    source: str,
) -> Evidence:
    """Return what the effects rest on."""
    given = "" if method == "unadjusted" else f" and the same {join_words(rolled.covariate_names)}"
    early = f"more than {anticipation} periods " if anticipation else ""
    return Evidence(
        grade="quasi-experiment",
        design=(
            f"Staggered roll-out: {int(rolled.treated.sum()):,} units treated in {len(rolled.groups):,} "
            f"groups, each compared with units {controls} in change since its last period before"
            f"{'' if method == 'unadjusted' else f', by {method} on covariates'}."
        ),
        unit="units",
        n_used=len(rolled.units),
        n_given=rolled.n_given,
        source=source,
        assumptions=(
            f"Without the treatment, treated units and controls{given} would have changed alike.",
            f"Nobody acts on the treatment {early}before it begins.",
            "Controls are not touched by the treatment of others.",
            "Who is treated once stays treated.",
        ),
        checks=(
            _treated_clusters(rolled),
            _controls_left(rolled, cells),
            *_no_chance_seen(rolled, cells),
            *rolled.checks,
        ),
    )


def _treated_clusters(rolled: RollOut) -> Check:
    """Check whether enough clusters are treated for intervals from influence functions."""
    count = len(np.unique(rolled.cluster[rolled.treated]))
    smallest = min(len(np.unique(rolled.cluster[rolled.first == g])) for g in rolled.groups)
    enough = count >= FEW_TREATED and smallest >= _FEWEST_FOR_BANDS
    return Check(
        name="treated clusters",
        null="enough clusters are treated for intervals and bands to hold what they say",
        passed=False if smallest < _FEWEST_OF_GROUP else True if enough else None,
        detail=f"{count:,} clusters are treated, the smallest group has {smallest:,}.",
        remedy="Compare with randomisation inference.",
    )


def _no_chance_seen(rolled: RollOut, cells: GroupTime) -> tuple[Check, ...]:
    """Say so where all units of a group change alike to the last digit: intervals have no width then."""
    if np.abs(cells.influence).max() > ROUNDING * np.abs(rolled.outcome).max():
        return ()
    return (
        Check(
            name="spread of changes",
            null="units of a group change unlike, so that luck can be told",
            passed=False,
            detail=f"Every group's units change alike in {rolled.outcome_name} to the last digit.",
            remedy="Intervals of no width say nothing; check that it is measured in every unit.",
        ),
    )


def _controls_left(rolled: RollOut, cells: GroupTime) -> Check:
    """Check whether controls were left in all periods, and name what had to be left out."""
    gone = [f"{label(rolled.periods[g])} in {label(rolled.periods[t])}" for g, t in cells.left_out]
    after = sum(time >= group for group, time in cells.left_out)
    return Check(
        name="controls left",
        null="every group has controls in every period",
        passed=None if gone else True,
        detail=(
            f"At least {int(cells.n_controls.min()):,} units stand against every group."
            if not gone
            else f"{len(gone):,} comparisons were left out, {after:,} of them after the treatment: group "
            f"{join_words(gone[:3])}{' and others' if len(gone) > 3 else ''}."
        ),
        remedy="Averages over groups are of the rest; watch more units that are never treated.",
    )

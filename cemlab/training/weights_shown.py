"""What two-way fixed effects make of a roll-out: weights of each group and period, and comparisons behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.markup import label, number, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.two_way_weights import (
    CellWeights,
    Comparisons,
    Kind,
    cell_weights,
    comparisons,
    two_way_coefficient,
)
from cemlab.training.roll_out import RollOut, roll_out

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoWayWeights(Result):
    """With what weight each group and period enters the coefficient of two-way fixed effects.

    Parameters
    ----------
    table
        One row a group and treated period: group (first treated period), time, event_time (periods since),
        n_treated (units), estimate (weight; all together are one), conf_low, conf_high (the weight too: it
        follows from the dates alone and has no error).
    comparisons
        One row a comparison of two groups: treated, control (their first treated periods, "never"), kind
        ("never treated", "not yet treated", "already treated": what the control is), weight (together one),
        estimate (difference in mean changes); their weighted mean is the coefficient.
    coefficient
        The coefficient of two-way fixed effects [unit of the outcome].
    spread_to_zero
        The least standard deviation of the effects across treated units and periods with which their average
        could be zero in spite of the coefficient [unit of the outcome]; infinite where all count alike.
    outcome_name
        The column of the outcome.
    """

    comparisons: pd.DataFrame
    coefficient: float
    spread_to_zero: float
    outcome_name: str

    title: ClassVar[str] = "What two-way fixed effects compare"
    labels: ClassVar[dict[str, str]] = {
        "group": "First treated", "cells": "Periods", "weight": "Weight in all", "negative": "Below zero",
        "lowest": "Lowest", "highest": "Highest",
    }  # fmt: skip

    @property
    def n_negative(self) -> int:
        """How many groups and periods count with a weight below zero."""
        return int((self.table["estimate"] < 0).sum())

    @property
    def negative_sum(self) -> float:
        """The sum of the weights below zero."""
        return float(self.table["estimate"].clip(upper=0).sum())

    def share(self, kind: str) -> float:
        """Return the weight of comparisons with controls of a kind, e.g. "already treated"."""
        return float(self.comparisons.loc[self.comparisons["kind"] == kind, "weight"].sum())

    @property
    def summary(self) -> pd.DataFrame:
        """One row a group: periods, weight in all, how many below zero, lowest and highest."""
        grouped = self.table.groupby("group", sort=False)["estimate"]
        return pd.DataFrame(
            [
                {
                    "group": label(group),
                    "cells": len(weights),
                    "weight": f"{weights.sum():.3f}",
                    "negative": int((weights < 0).sum()),
                    "lowest": f"{weights.min():.4f}",
                    "highest": f"{weights.max():.4f}",
                }
                for group, weights in grouped
            ]
        )

    def narrative(self) -> str:
        """Tell how many weights are below zero, what they sum to, and who stands as control."""
        spread = (
            ""
            if np.isinf(self.spread_to_zero)
            else f" Differences between what happened in groups and periods of a standard deviation of "
            f"{number(self.spread_to_zero)} would suffice for their average to be zero all the same."
        )
        kinds = {kind: percent(self.share(kind)) for kind in get_args(Kind)}
        return (
            f"The coefficient of two-way fixed effects for {self.outcome_name}, {number(self.coefficient)}, "
            f"is a sum over {len(self.table):,} groups and periods, of which {self.n_negative:,} count with "
            f"a weight below zero ({number(self.negative_sum)} in all, so that the others sum to "
            f"{number(1 - self.negative_sum)}). Of the comparisons behind it {kinds['never treated']} by "
            f"weight are with units never treated, {kinds['not yet treated']} with units not yet treated, "
            f"and {kinds['already treated']} with units that are treated already.{spread}"
        )

    @property
    def chart(self) -> Chart:
        """The weights by period, one line a group, against zero."""
        claim = (
            f"{self.n_negative:,} of {len(self.table):,} group-periods count with a weight below zero"
            if self.n_negative
            else f"None of {len(self.table):,} group-periods counts with a weight below zero"
        )
        frame = self.table.assign(shown=[f"first treated {label(group)}" for group in self.table["group"]])
        return Chart(
            kind="line",
            frame=frame[["event_time", "estimate", "shown"]],
            x="event_time",
            y="estimate",
            group="shown",
            x_label="periods since the first treated one",
            y_label="weight in two-way fixed effects",
            claim=claim,
            grade=self.evidence.grade,
            note=self.evidence.line(),
            reference=0.0,
        )


def two_way_weights(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    conf_level: float = 0.95,
    source: str = "",
) -> TwoWayWeights:
    """Answer which groups and periods two-way fixed effects count, how much, and against whom.

    Parameters
    ----------
    panel, outcome, unit, time, first_treated
        As in :func:`cemlab.training.roll_out`; or a :class:`RollOut` that was read before.
    conf_level
        For the line under the table; weights have no error.
    source
        The line that stands under every figure.

    Returns
    -------
    TwoWayWeights
        Its table has one row a group and treated period with its weight.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        As :func:`cemlab.training.roll_out`; for a roll-out with weights.

    Notes
    -----
    If units would have changed alike without the treatment, the coefficient is on average the sum of weight
    times effect over groups and periods. A weight below zero turns a gain of that group in that period into a
    loss in the coefficient. It comes from comparisons with units that are treated already, whose own gains
    are taken for what would have happened anyway.

    References
    ----------
    de Chaisemartin, C. and D'Haultfœuille, X. (2020). Two-way fixed effects estimators with heterogeneous
    treatment effects. American Economic Review 110, 2964–2996. Goodman-Bacon, A. (2021).
    Difference-in-differences with variation in treatment timing. Journal of Econometrics 225, 254–277.

    Examples
    --------
    >>> rows = [(b, t, float(b + t), {1: 1, 2: 2, 3: None}[b]) for b in (1, 2, 3) for t in range(4)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "cx", "first_trained"])
    >>> shown = two_way_weights(panel, outcome="cx")
    >>> shown.table["estimate"].sum().round(9), shown.n_negative
    (np.float64(1.0), 0)
    """
    check_conf_level(conf_level)
    rolled = (
        panel
        if isinstance(panel, RollOut)
        else roll_out(panel, outcome=outcome, unit=unit, time=time, first_treated=first_treated)
    )
    refuse_weights(rolled)
    cells = cell_weights(rolled.first, periods=rolled.never)
    found = comparisons(rolled.outcome, first=rolled.first)
    coefficient = two_way_coefficient(rolled.outcome, first=rolled.first)
    return TwoWayWeights(
        table=_table(rolled, cells),
        evidence=_evidence(rolled, cells, found, source),
        conf_level=conf_level,
        comparisons=_comparisons(rolled, found),
        coefficient=coefficient,
        spread_to_zero=cells.spread_to_zero(coefficient),
        outcome_name=rolled.outcome_name,
    )


def refuse_weights(rolled: RollOut) -> None:
    """Refuse units that do not count alike.

    Raises
    ------
    DesignError
        Since methods side by side, weights and tests of few branches are those of units that count alike.
    """
    if not (rolled.weights == rolled.weights[0]).all():
        raise DesignError("weights: here every unit counts alike; read the roll-out without weights=")


def weights_check(cells: CellWeights, found: Comparisons) -> Check:
    """Return whether two-way fixed effects count every effect forwards."""
    negative = int((cells.weight < 0).sum())
    return Check(
        name="weights of two-way fixed effects",
        null="no group and period counts with a weight below zero",
        passed=negative == 0,
        detail=(
            f"{negative:,} of {len(cells.weight):,} do, {number(cells.negative)} in all; "
            f"{percent(found.share('already treated'))} of the comparisons by weight have units treated "
            "already as controls."
        ),
        remedy="Read the group-time average instead.",
    )


def _table(rolled: RollOut, cells: CellWeights) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": [rolled.periods[g] for g in cells.group],
            "time": [rolled.periods[t] for t in cells.time],
            "event_time": cells.time - cells.group,
            "n_treated": cells.n,
            "estimate": cells.weight,
            "conf_low": cells.weight,
            "conf_high": cells.weight,
        }
    )


def _comparisons(rolled: RollOut, found: Comparisons) -> pd.DataFrame:
    names = [*map(label, rolled.periods), "never"]
    return pd.DataFrame(
        {
            "treated": [names[g] for g in found.treated],
            "control": [names[g] for g in found.control],
            "kind": list(found.kind),
            "weight": found.weight,
            "estimate": found.estimate,
        }
    )


def _evidence(rolled: RollOut, cells: CellWeights, found: Comparisons, source: str) -> Evidence:
    return Evidence(
        grade="descriptive",
        design=(
            f"Weights follow from when {int(rolled.treated.sum()):,} of {len(rolled.units):,} units were "
            "first treated; no outcome enters them."
        ),
        unit="units",
        n_used=len(rolled.units),
        n_given=rolled.n_given,
        source=source,
        assumptions=("Without the treatment, all units would have changed alike.",),
        checks=(weights_check(cells, found),),
    )

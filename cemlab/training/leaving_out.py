"""Does one branch make the result: the overall effect without each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.markup import number, with_interval
from cemlab.result import Result
from cemlab.stats.group_time import Controls
from cemlab.training.aggregates import AveragedEffects, Overall
from cemlab.training.before import plural
from cemlab.training.effects import GroupTimeEffects, group_time_effects
from cemlab.training.roll_out import RollOut

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SHOWN = 8
_FEWEST_DRAWS = 99


@dataclass(frozen=True, eq=False, kw_only=True)
class LeaveOneOut(Result):
    """The overall effect without each unit.

    Parameters
    ----------
    table
        One row a unit, the one that matters most first: left_out, role ("treated" or "control"), estimate
        (without it), std_error, conf_low, conf_high, moved (by how much the figure changes), in_errors (the
        same in standard errors of the figure with all); missing where without the unit no figure can be had.
    overall
        The figure with all units.
    unit
        The column of units.
    """

    overall: AveragedEffects
    unit: str

    title: ClassVar[str] = "The overall figure without each unit"
    labels: ClassVar[dict[str, str]] = {
        "left_out": "Left out",
        "role": "",
        "estimate": "Figure without it (interval)",
        "moved": "Moved by",
        "in_errors": "In standard errors",
    }

    @property
    def most(self) -> str:
        """The unit that matters most."""
        return str(self.table["left_out"].iloc[0])

    @property
    def turns(self) -> tuple[str, ...]:
        """Units without which the interval holds zero where it did not, or the other way round."""
        whole = self.overall.table.iloc[0]
        settled = not whole["conf_low"] <= 0 <= whole["conf_high"]
        known = self.table[self.table["estimate"].notna()]
        without = ~((known["conf_low"] <= 0) & (known["conf_high"] >= 0))
        return tuple(known.loc[without != settled, "left_out"])

    @property
    def summary(self) -> pd.DataFrame:
        """The units that matter most."""
        rows = self.table.head(_SHOWN).to_dict("records")
        return pd.DataFrame(
            {
                "left_out": [r["left_out"] for r in rows],
                "role": [r["role"] for r in rows],
                "estimate": [with_interval(r) for r in rows],
                "moved": [number(r["moved"]) for r in rows],
                "in_errors": [number(r["in_errors"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the range, the unit that matters most, and whether any turns the verdict."""
        whole, first = self.overall.table.iloc[0], self.table.iloc[0]
        low, high = self.table["estimate"].min(), self.table["estimate"].max()
        turning = (
            f"Without {len(self.turns)} of them one by one ({', '.join(self.turns[:5])}) the verdict on zero "
            "turns."
            if self.turns
            else "Leaving out any one of them does not turn the verdict on zero."
        )
        return (
            f"With all {plural(self.unit)} the figure is {with_interval(whole)}. Without one it lies between "
            f"{number(low)} and {number(high)}. {first['left_out']} ({first['role']}) matters most: without "
            f"it {with_interval(first)}. "
            f"{turning} ({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % "
            "intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the figures without the units that matter most, the one with all first."""
        whole = self.overall.table[["estimate", "conf_low", "conf_high"]].assign(left_out="(none)")
        known = self.table[self.table["estimate"].notna()].head(_SHOWN)
        return Chart(
            kind="forest",
            frame=pd.concat([whole, known[whole.columns]], ignore_index=True),
            x="estimate",
            y="left_out",
            low="conf_low",
            high="conf_high",
            x_label=f"Overall figure for {self.overall.roll_out.outcome_name.replace('_', ' ')}",
            y_label=f"{self.unit} left out",
            claim=(
                f"Without {self.most} the figure moves by {number(abs(self.table['moved'].iloc[0]))}, "
                "without any other by less"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def leave_one_out(
    panel: ir.Table | pd.DataFrame | RollOut,
    *,
    outcome: str = "",
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    controls: Controls = "not yet treated",
    average: Overall = "simple",
    conf_level: float = 0.95,
    source: str = "",
) -> LeaveOneOut:
    """Answer whether one branch alone makes the overall effect.

    Parameters
    ----------
    panel
        One row a branch and month, or a :class:`RollOut` read before.
    outcome, unit, time, first_treated, controls
        As in :func:`group_time_effects`; without covariates.
    average
        Over what is averaged, as in :meth:`GroupTimeEffects.overall`.
    conf_level
        Of the intervals.
    source
        The line that stands under every figure.

    Returns
    -------
    LeaveOneOut
        Its table has one row a unit.

    Raises
    ------
    ColumnError, DataError, OptionError, DesignError
        As :func:`group_time_effects`.

    Notes
    -----
    Each figure is estimated anew without the unit, its interval too. A unit matters by what it moves; where
    one moves the figure by about its standard error or turns the verdict, the result is that unit's.

    Examples
    --------
    >>> rows = [(u, t, 3 if u < 4 else 0, 0.1 * (u % 4) * t + (5.0 if u == 0 else 1.0) * (u < 4 and t >= 3))
    ...         for u in range(8) for t in range(1, 5)]
    >>> panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    >>> found = leave_one_out(panel, outcome="cx")
    >>> found.most, round(float(found.overall.table["estimate"].iloc[0]), 6)
    ('0', 2.0)
    """
    whole = group_time_effects(
        panel,
        outcome=outcome,
        unit=unit,
        time=time,
        first_treated=first_treated,
        controls=controls,
        conf_level=conf_level,
        draws=_FEWEST_DRAWS,
        source=source,
    )
    overall = whole.overall(average)
    rows = [_without(whole, number, controls, average) for number in range(len(whole.roll_out.units))]
    table = pd.DataFrame(rows)
    with_all, error = overall.table["estimate"].iloc[0], overall.table["std_error"].iloc[0]
    table["moved"] = table["estimate"] - with_all
    table["in_errors"] = table["moved"] / (error if error > 0 else np.nan)
    order = table["moved"].abs().sort_values(ascending=False, kind="stable", na_position="last").index
    table = table.loc[order].reset_index(drop=True)
    evidence = replace(overall.evidence, checks=(*overall.evidence.checks, _check(table, error)))
    return LeaveOneOut(table=table, evidence=evidence, conf_level=conf_level, overall=overall, unit=unit)


def _without(whole: GroupTimeEffects, number: int, controls: Controls, average: Overall) -> dict[str, object]:
    """Estimate without one unit; where nothing is left to estimate, the figures are missing."""
    rolled = whole.roll_out
    kept = np.arange(len(rolled.units)) != number
    row: dict[str, object] = {
        "left_out": rolled.units[number],
        "role": "treated" if rolled.treated[number] else "control",
    }
    fewer = replace(
        rolled,
        units=tuple(name for name, stays in zip(rolled.units, kept, strict=True) if stays),
        outcome=rolled.outcome[kept],
        first=rolled.first[kept],
        covariates=rolled.covariates[kept],
        cluster=np.unique(rolled.cluster[kept], return_inverse=True)[1].astype(np.int64),
        weights=rolled.weights[kept],
        covariate_paths=None,
    )
    try:
        found = group_time_effects(
            fewer, controls=controls, conf_level=whole.conf_level, draws=_FEWEST_DRAWS
        ).overall(average)
    except DesignError:
        return row | dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), np.nan)
    picked = found.table.iloc[0]
    return row | {name: float(picked[name]) for name in ("estimate", "std_error", "conf_low", "conf_high")}


def _check(table: pd.DataFrame, error: float) -> Check:
    most = table.iloc[0]
    return Check(
        name="one branch alone",
        null="no unit moves the figure by more than its standard error",
        passed=bool(not abs(most["moved"]) > error),
        detail=(
            f"{most['left_out']} moves it most, by {number(abs(most['moved']))}; its standard error is "
            f"{number(error)}."
        ),
        remedy="Look at what happened there; report the figure without it beside.",
    )

"""What survivors alone would tell, beside what may be said with those who are gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.linkage.bounds_told import ways_told
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result

ALONE = "survivors alone"
WEIGHTED = "weighted by recorded traits"
EITHER = "bounds: survivors either way"
WORST = "bounds: all, range stated"


@dataclass(frozen=True, eq=False, kw_only=True)
class SurvivorBias(Result):
    """The difference of money between high and low experience, by what is assumed of those who are gone.

    Parameters
    ----------
    table
        One row a way: way, estimate [unit of the outcome] (of bounds: their middle), bound_low, bound_high
        (missing for a point), conf_low, conf_high (of bounds: an interval that holds the value between them
        with the level), bounds (whether the row is one of bounds).
    groups
        One row a group ("low", "high"): n, survived, share, mean (of survivors).
    cut
        The score from which on a unit is "high".
    outcome, score
        The columns' names.
    """

    groups: pd.DataFrame
    cut: float
    outcome: str
    score: str

    title: ClassVar[str] = "What survivors alone would tell"
    labels: ClassVar[dict[str, str]] = {
        "way": "Assumed of those who are gone",
        "difference": "High less low experience",
        "interval": "Interval",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a way."""
        return ways_told(self.table, measure="difference")

    def narrative(self) -> str:
        """Tell who survived, and the difference by each way."""
        low, high = self.groups["share"]
        rows = {str(r["way"]): r for r in self.table.to_dict("records")}
        alone, either = rows[ALONE], rows[EITHER]
        weighted = (
            f" Weighted by recorded traits it is {with_interval(rows[WEIGHTED])}." if WEIGHTED in rows else ""
        )
        worst = (
            f" With those gone anywhere in the stated range it is between {number(rows[WORST]['bound_low'])} "
            f"and {number(rows[WORST]['bound_high'])}."
            if WORST in rows
            else ""
        )
        return (
            f"Of those with low {self.score} {percent(low)} survived, of those with high {percent(high)}. "
            f"Among survivors {self.outcome} differs by {with_interval(alone)}.{weighted} Among those who "
            f"would survive either way it lies between {number(either['bound_low'])} and "
            f"{number(either['bound_high'])} (interval {number(either['conf_low'])} to "
            f"{number(either['conf_high'])}).{worst} "
            f"({self.evidence.n_used:,} units, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the ways."""
        return Chart(
            kind="forest",
            frame=self.table[["way", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="way",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome}: high less low {self.score}",
            y_label="Assumed of those who are gone",
            claim="What survivors alone tell, and what it may be with those who are gone",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

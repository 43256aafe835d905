"""The plan of a study: what so many branches and months are likely to find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result
from cemlab.stats.detectable import power_at_level
from cemlab.training.planned_power import attained_level

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class StudyPlan(Result):
    """The smallest change that a study of so many branches and months is likely to find.

    Parameters
    ----------
    table
        One row a size: branches, treated, method (the test that the rule for few branches
        takes), months (as many before as after), estimate (the smallest change
        found with chance `power` [unit of the outcome, per share of the staff trained]), conf_low, conf_high
        (from what the branches of the pre-period say of the variance), std_error (of the comparison),
        power_at_effect (chance to find `effect`; missing if none is given), simulated (share of simulated
        studies that found `estimate`), simulation_error, beyond (whether the months go beyond the pre-period,
        so that their variance is extrapolated and no study could be simulated).
    outcome
        The column of the outcome.
    effect, power
        What one hopes for, and the chance to find it that is asked for.
    variance
        (m) variance of a branch's change, mean of m months after less mean of m before, from m = 1.
    dose
        (m) mean share of the staff trained over the m months after.
    treated_share
        Share of the branches that is to be trained.
    """

    outcome: str
    effect: float | None
    power: float
    variance: Floats
    dose: Floats
    treated_share: float

    title: ClassVar[str] = "How many branches, how many months"
    labels: ClassVar[dict[str, str]] = {
        "branches": "Branches (trained)",
        "months": "Months before and after",
        "smallest": "Smallest change found (interval)",
        "method": "Test",
        "found": "Chance to find what is hoped for",
        "simulated": "Found in simulated studies",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a size of the study."""
        rows = self.table.to_dict("records")
        shown: dict[str, Any] = {
            "branches": [f"{r['branches']} ({r['treated']})" for r in rows],
            "months": [f"{r['months']}{', beyond the data' if r['beyond'] else ''}" for r in rows],
            "smallest": [with_interval(r) for r in rows],
        }
        shown["method"] = [r["method"] for r in rows]
        if self.effect is not None:
            shown["found"] = [percent(r["power_at_effect"], digits=0) for r in rows]
        shown["simulated"] = [percent(r["simulated"], digits=0) for r in rows]
        return pd.DataFrame(shown)

    def power_of(
        self, *, branches: int, months: int, effect: float, trained_share: float | None = None
    ) -> float:
        """Return the chance that a study finds an effect, at once: what a slider asks.

        Parameters
        ----------
        branches, months
            Size of the study; months at most those the plan was made for.
        effect
            Per share of the staff trained, in the unit of the outcome.
        trained_share
            Mean share of the staff trained over the months after; that of the plan if not given.

        Raises
        ------
        OptionError
            If the size is beyond the plan.
        """
        _check_size(branches, months, len(self.variance))
        dose = self.dose[months - 1] if trained_share is None else trained_share
        return float(self._power(np.array([branches]), months, effect * dose)[0])

    def branches_needed(self, *, effect: float, months: int, most: int = 2000) -> int | None:
        """Return how many branches find an effect with the plan's power, None where `most` do not suffice."""
        _check_size(4, months, len(self.variance))
        # few sizes first: a slider asks this
        for start, stop in ((4, 200), (200, most + 1)):
            sizes = np.arange(start, min(stop, most + 1))
            enough = sizes[self._power(sizes, months, effect * self.dose[months - 1]) >= self.power]
            if len(enough):
                return int(enough[0])
        return None

    def _power(self, sizes: Ints, months: int, effect: float) -> Floats:
        treated = np.clip(np.rint(self.treated_share * sizes), 1, sizes - 1).astype(np.int64)
        error = np.sqrt(self.variance[months - 1] * (1 / treated + 1 / (sizes - treated)))
        level = [
            attained_level(int(b), int(k), 1 - self.conf_level) for b, k in zip(sizes, treated, strict=True)
        ]
        return power_at_level(effect, std_error=error, df=sizes - 2, level=level)

    def narrative(self) -> str:
        """Tell the largest study's reach, and what the hoped-for effect would take."""
        best = self.table.iloc[self.table["estimate"].argmin()]
        text = (
            f"With {best['branches']} branches, {best['treated']} of them trained, and {best['months']} "
            f"months before and after, a change in {self.outcome} of {number(best['estimate'])} per share of "
            f"the staff trained (interval {number(best['conf_low'])} to {number(best['conf_high'])}) is "
            f"found with a chance of {percent(self.power, digits=0)}; smaller ones mostly are not."
        )
        if self.effect is None:
            return text
        parts = []
        for months in sorted(self.table["months"].unique()):
            needed = self.branches_needed(effect=self.effect, months=int(months))
            parts.append(f"{'more than 2,000' if needed is None else f'{needed:,}'} with {months} months")
        return f"{text} For {number(self.effect)} it takes so many branches: {', '.join(parts)}."

    @property
    def chart(self) -> Chart:
        """The smallest change found, by branches, a line for each length."""
        frame = self.table[np.isfinite(self.table["estimate"])]
        best = frame.iloc[frame["estimate"].argmin()]
        return Chart(
            kind="line",
            frame=frame.assign(length=[f"{m} months before and after" for m in frame["months"]]),
            x="branches",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="length",
            x_label="Branches in the study",
            y_label=f"Smallest change found in {self.outcome.replace('_', ' ')}",
            claim=(
                f"{best['branches']} branches and {best['months']} months find a change of "
                f"{number(best['estimate'])}, no smaller one"
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=self.effect,
        )


def treated_of(branches: int, share: float) -> int:
    """Return how many of the branches are trained, at least one and not all."""
    return int(np.clip(np.rint(share * branches), 1, branches - 1))


def _check_size(branches: int, months: int, longest: int) -> None:
    if branches < 4 or not 1 <= months <= longest:
        raise OptionError(
            f"{branches} branches and {months} months: allowed are 4 branches or more, and 1 to {longest} "
            "months"
        )

"""The ladder as a result: its rungs, told and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.linkage.ladder_words import interval_words
from cemlab.linkage.naming import alike, in_words, titled
from cemlab.linkage.rungs import LadderRung, RungName
from cemlab.markup import join_words, number
from cemlab.result import Result

#: The rungs in order, each with those it amends: the first of them that is there.
AGAINST: dict[RungName, tuple[RungName, ...]] = {
    "pooled": (),
    "recorded controls": ("pooled",),
    "within units and periods": ("recorded controls", "pooled"),
    "lags": ("within units and periods",),
    "error out, by halves": ("within units and periods",),
    "error out, by reliability": ("within units and periods",),
    "instrument": ("error out, by halves", "error out, by reliability", "within units and periods"),
}
# The rung from which the score's error is not taken out.
_BARE: RungName = "within units and periods"
# On which rung the ladder ends: the first of these that is there.
_END: tuple[RungName, ...] = (
    "error out, by halves",
    "error out, by reliability",
    "within units and periods",
    "recorded controls",
    "pooled",
)


def last_of(rungs: Mapping[RungName, LadderRung]) -> LadderRung:
    """Return the rung on which the ladder ends."""
    return rungs[next(name for name in _END if name in rungs)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Ladder(Result):
    """What a point of the score goes with, from the pooled slope to the last rung that the data allow.

    Parameters
    ----------
    table
        One row a rung, see :func:`value_of_a_point`.
    rungs
        Those that are there.
    missing
        Those that are not, with what they need.
    outcome
        What a point goes with, with its unit.
    outcome_name, outcome_unit
        Both apart; the unit may be empty.
    score, unit
        The columns.
    """

    rungs: dict[RungName, LadderRung]
    missing: dict[RungName, str]
    outcome: str
    outcome_name: str
    outcome_unit: str
    score: str
    unit: str

    title: ClassVar[str] = "What a point of experience is worth"
    labels: ClassVar[dict[str, str]] = {
        "rung": "Rung",
        "estimate": "A point goes with",
        "interval": "Interval",
        "n": "Rows",
        "clusters": "Clusters",
        "grade": "Design grade",
        "against": "Against",
        "what_changed": "What changed",
        "why": "Why",
    }

    def rung(self, name: RungName) -> LadderRung:
        """Return one rung.

        Raises
        ------
        OptionError
            If there is no rung of this name.
        DesignError
            If the data did not allow it, with what it needs.
        """
        if name not in AGAINST:
            raise OptionError(one_of(name, AGAINST, what="rung"))
        if name in self.missing:
            raise DesignError(f"the rung {name!r} is not possible: {self.missing[name]}")
        return self.rungs[name]

    @property
    def end(self) -> LadderRung:
        """The rung on which the ladder ends: error out where possible, else within units and periods."""
        return last_of(self.rungs)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a rung; what could not be done says what it needs."""
        rows = []
        for row in self.table.to_dict("records"):
            there = not row["not_possible"]
            rows.append(
                {
                    "rung": row["rung"],
                    "estimate": number(row["estimate"]) if there else "not possible",
                    "interval": _interval(self.rungs[row["rung"]]) if there else "",
                    "n": number(int(row["n"])) if there else "",
                    "clusters": number(int(row["clusters"])) if there else "",
                    "grade": row["grade"],
                    "against": row["against"],
                    "what_changed": row["what_changed"],
                    "why": row["why"] if there else f"not possible: {row['not_possible']}",
                }
            )
        return pd.DataFrame(rows)

    def narrative(self) -> str:
        """Tell the first and the last rung, what lies between them, and what still must be believed."""
        first, end = self.rungs["pooled"], self.end
        row = self.table.set_index("rung").loc[end.name]
        way = [
            rung
            for name in AGAINST
            if (rung := self.rungs.get(name)) and name not in ("pooled", end.name, "instrument")
        ]
        ends = (end.estimate, end.conf_low, end.conf_high)
        told = alike(first.estimate, first.conf_low, first.conf_high, *ends, *(rung.estimate for rung in way))
        between = [f"{figure} on {rung.name!r}" for rung, figure in zip(way, told[6:], strict=True)]
        on_the_way = f" On the way: {'; '.join(between)}." if between else ""
        last = (
            f"At the end of the ladder, on {end.name!r}, it is {told[3]} ({told[4]} to {told[5]}); the last "
            f"step changes it by {row['what_changed']}.{self._error_left()}"
            if end.name != "pooled"
            else "No further rung is possible with these data."
        )
        rests = (
            f"({100 * self.conf_level:g} % intervals; {end.n:,} rows in {end.clusters:,} clusters; design "
            f"grade {end.grade}.)"
        )
        return (
            f"Pooled over all rows, a point of {in_words(self.score)} goes with {told[0]} "
            f"{self.outcome} ({told[1]} to {told[2]})."
            f"{on_the_way} {last}{self._moved()} {rests}"
        )

    def _error_left(self) -> str:
        """Say that the ladder ends before the score's error is out, where it does."""
        if self.end.name != _BARE:
            return ""
        return (
            " The score's error is still in it, for want of two halves of the answers: too near nought, by "
            "as much as the score is error."
        )

    def _moved(self) -> str:
        """Tell what the instrument says, where there is one."""
        found = self.rungs.get("instrument")
        if found is None:
            return ""
        return (
            f" Moved from outside it is {number(found.estimate)} ({_interval(found)}, design grade "
            f"{found.grade})."
        )

    @property
    def chart(self) -> Chart:
        """The rungs one under the other, each with its interval."""
        there = self.table[self.table["not_possible"] == ""]
        ends = there[["conf_low", "conf_high"]].to_numpy(dtype=float)
        drawn = there.loc[np.isfinite(ends).all(axis=1), ["rung", "estimate", "conf_low", "conf_high"]]
        endless = list(there.loc[~there.index.isin(drawn.index), "rung"])
        note = f" Without an end to the interval, not drawn: {', '.join(endless)}." if endless else ""
        drawn["rung"] = drawn["rung"].where(drawn["rung"] != self.end.name, f"{self.end.name} (the end)")
        unit = f" [{self.outcome_unit}]" if self.outcome_unit else ""
        return Chart(
            kind="forest",
            frame=drawn.reset_index(drop=True),
            x="estimate",
            y="rung",
            low="conf_low",
            high="conf_high",
            x_label=f"{titled(self.outcome_name)} per point of {in_words(self.score)}{unit}",
            y_label="",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=f"{self.caption}{note}{self._failed()}{self._error_left()}",
            reference=0.0,
        )

    def _failed(self) -> str:
        """Name the checks that failed, and what is to be done about each."""
        told = []
        for check in self.evidence.failed:
            mended = check.name == "error of the score" and self.end.name.startswith("error out")
            told.append(
                f"{check.name} ({'taken out on the last rung' if mended else check.remedy.rstrip('.')})"
            )
        return f" Failed: {join_words(told)}." if told else ""

    def _claim(self) -> str:
        first, end = self.rungs["pooled"], self.end
        name, unit = titled(self.outcome_name), f" {self.outcome_unit}" if self.outcome_unit else ""
        before, after = alike(first.estimate, end.estimate)
        if end.name == "pooled":
            return f"{name}: pooled, a point goes with {before}{unit}; no rung beyond it"
        worth = f"{name}: a point goes with {after}{unit}"
        if end.conf_low <= 0 <= end.conf_high:
            worth = f"{name}: that a point is worth anything is not settled"
        drawn = "too low" if end.estimate > 0 else "too near nought"
        left = f", the score's error left in: {drawn}" if end.name == _BARE else ""
        return f"{worth}{left}; pooled it seemed to be {before}"


def _interval(rung: LadderRung) -> str:
    """Write a rung's interval; that of an instrument may have gaps, or no end."""
    return interval_words(rung.intervals or ((rung.conf_low, rung.conf_high),))

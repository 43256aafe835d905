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
from cemlab.linkage.rungs import LadderRung, RungName
from cemlab.markup import number
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
    score, unit
        The columns.
    """

    rungs: dict[RungName, LadderRung]
    missing: dict[RungName, str]
    outcome: str
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
                    "what_changed": row["what_changed"],
                    "why": row["why"] if there else f"not possible: {row['not_possible']}",
                }
            )
        return pd.DataFrame(rows)

    def narrative(self) -> str:
        """Tell the first and the last rung, what lies between them, and what still must be believed."""
        first, end = self.rungs["pooled"], self.end
        row = self.table.set_index("rung").loc[end.name]
        between = [
            f"{number(self.rungs[name].estimate)} on {name!r}"
            for name in AGAINST
            if name in self.rungs and name not in ("pooled", end.name, "instrument")
        ]
        on_the_way = f" On the way: {'; '.join(between)}." if between else ""
        last = (
            f"At the end of the ladder, on {end.name!r}, it is {number(end.estimate)} "
            f"({number(end.conf_low)} to {number(end.conf_high)}), {row['what_changed']}."
            if end.name != "pooled"
            else "No further rung is possible with these data."
        )
        rests = (
            f"({100 * self.conf_level:g} % intervals; {end.n:,} rows in {end.clusters:,} clusters; design "
            f"grade {end.grade}.)"
        )
        return (
            f"Pooled over all rows, a point of {self.score} goes with {number(first.estimate)} "
            f"{self.outcome} ({number(first.conf_low)} to {number(first.conf_high)})."
            f"{on_the_way} {last}{self._moved()} {rests}"
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
        return Chart(
            kind="forest",
            frame=drawn.reset_index(drop=True),
            x="estimate",
            y="rung",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.outcome}, per point of {self.score}",
            y_label="",
            claim=self._claim(),
            grade=self.evidence.grade,
            note=self.caption + note,
            reference=0.0,
        )

    def _claim(self) -> str:
        first, end = self.rungs["pooled"], self.end
        if end.name == "pooled":
            return f"Pooled, a point goes with {number(first.estimate)} {self.outcome}; no rung beyond it"
        worth = f"A point goes with {number(end.estimate)} {self.outcome}"
        if end.conf_low <= 0 <= end.conf_high:
            worth = "That a point is worth anything is not settled"
        return f"{worth}; pooled it seemed to be {number(first.estimate)}"


def _interval(rung: LadderRung) -> str:
    """Write a rung's interval; that of an instrument may have gaps, or no end."""
    return interval_words(rung.intervals or ((rung.conf_low, rung.conf_high),))

"""The mean score of all who were asked, by what is assumed of those who did not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.linkage.bounds_told import ways_told
from cemlab.linkage.naming import alike, in_words
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result

ANSWERED = "those who answered"
WEIGHTED = "weighted by recorded traits"
ANYWHERE = "bounds: the silent anywhere on the scale"


@dataclass(frozen=True, eq=False, kw_only=True)
class NonResponse(Result):
    """The mean score of all who were asked, by what is assumed of the silent.

    Parameters
    ----------
    table
        One row a way: way, estimate [points of the score] (of bounds: their middle), bound_low, bound_high
        (missing for a point), conf_low, conf_high, bounds (whether the row is one of bounds).
    groups
        One row a group: group, sent, answered, share, answered_mean, weighted_mean, moved (points), rank
        and weighted_rank (1 is the highest), bound_low, bound_high; without rows where no group was named.
    cells
        One row a cell of traits: the traits, sent, answered, share, mean.
    together
        Cells with too few answers, taken together as one.
    apart
        How many points the silent may differ, on average, from those like them who answered.
    score
        Its name.
    """

    groups: pd.DataFrame
    cells: pd.DataFrame
    together: int
    apart: float
    score: str

    title: ClassVar[str] = "What those who did not answer may change"
    labels: ClassVar[dict[str, str]] = {
        "way": "Assumed of the silent",
        "mean": "Mean",
        "interval": "Interval",
    }

    @property
    def summary(self) -> pd.DataFrame:
        """One row a way."""
        return ways_told(self.table, measure="mean")

    def narrative(self) -> str:
        """Tell the response, the mean by each way, how far groups move, and what no weight can see."""
        rows = {str(r["way"]): r for r in self.table.to_dict("records")}
        plain, weighted, anywhere = rows[ANSWERED], rows[WEIGHTED], rows[ANYWHERE]
        sent, answered = int(self.cells["sent"].sum()), int(self.cells["answered"].sum())
        moved = (
            f" Weighting moves the score of a group by {self._most_moved()} at most."
            if len(self.groups)
            else ""
        )
        return (
            f"{answered:,} of {sent:,} questionnaires came back ({percent(answered / sent)}). The mean "
            f"{in_words(self.score)} of those who answered is {with_interval(plain)}; weighted by recorded "
            f"traits {with_interval(weighted)}.{moved} Who answers from anger or delight is not told by "
            f"traits: if the silent differ by up to {number(self.apart)} points from those like them, the "
            f"mean lies between {number(rows[apart_way(self.apart)]['bound_low'])} and "
            f"{number(rows[apart_way(self.apart)]['bound_high'])}, and anywhere from "
            f"{number(anywhere['bound_low'])} to {number(anywhere['bound_high'])} with nothing assumed. "
            f"({100 * self.conf_level:g} % intervals, each questionnaire taken as a person of its own.)"
        )

    def _most_moved(self) -> str:
        # two figures: it is one group's, and no interval stands beside it
        return number(float(f"{self.groups['moved'].abs().max():.2g}"))

    @property
    def chart(self) -> Chart:
        """Forest of the ways."""
        rows = {str(r["way"]): r for r in self.table.to_dict("records")}
        apart = rows[apart_way(self.apart)]
        there, low, high = rows[ANSWERED]["estimate"], apart["conf_low"], apart["conf_high"]
        told, least, most = alike(there, low, high)
        return Chart(
            kind="forest",
            frame=self.table[["way", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="way",
            low="conf_low",
            high="conf_high",
            x_label=f"Mean {in_words(self.score)} of all who were asked",
            y_label="Assumed of the silent",
            claim=(
                f"Mean {in_words(self.score)}: {told} of those who answered, {least} to {most} of all asked, "
                f"were the silent up to {self.apart:g} points apart"
            ),
            grade=self.evidence.grade,
            note=self.caption,
        )

    @property
    def groups_chart(self) -> Chart:
        """Scatter of the groups' scores, as answered and weighted."""
        if not len(self.groups):
            raise DesignError("no group was named, so there are no groups to draw; name one: group=…")
        return Chart(
            kind="scatter",
            frame=self.groups[["group", "answered_mean", "weighted_mean"]],
            x="answered_mean",
            y="weighted_mean",
            x_label=f"Mean {in_words(self.score)} of those who answered",
            y_label=f"Mean {in_words(self.score)}, weighted by recorded traits",
            claim=f"Weighting moves a group's score by {self._most_moved()} at most",
            grade=self.evidence.grade,
            note=self.caption,
        )


def apart_way(apart: float) -> str:
    """Return the name of the way that takes the silent for so many points apart."""
    return f"bounds: the silent up to {apart:g} points apart"

"""Which stated range matters: one elasticity at a time from end to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.goals.entries import brief
from cemlab.markup import join_words, percent
from cemlab.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class Swings(Result):
    """What a lever moves, with one stated elasticity at a time at the ends of its range.

    Parameters
    ----------
    table
        edge, estimate (with all at their mean), conf_low, conf_high (with this edge at its two ends), width,
        narrower (the share by which the interval would narrow if this edge were known to be at its mean),
        grade; the widest first.
    lever, metric, unit
        What moves what, and in which unit.
    """

    lever: str
    metric: str
    unit: str

    title: ClassVar[str] = "Which stated range matters"
    labels: ClassVar[dict[str, str]] = {
        "edge": "Assumption", "estimate": "All at their mean", "conf_low": "Lower end",
        "conf_high": "Upper end", "width": "Width",
        "narrower": "Interval narrower if known", "grade": "Rests on",
    }  # fmt: skip

    @property
    def caption(self) -> str:
        """The line under the table."""
        return f"One range at a time from end to end, the others at their mean. {self.evidence.line()}"

    @property
    def summary(self) -> pd.DataFrame:
        """One row an edge, the widest first."""
        return self.table.assign(narrower=self.table["narrower"].map(percent))

    def narrative(self) -> str:
        """Name the range to narrow first."""
        first = self.table.iloc[0]
        low, high = brief(first["conf_low"]), brief(first["conf_high"])
        known = [
            f"{percent(row['narrower'])} for “{row['edge']}”" for row in self.table.head(2).to_dict("records")
        ]
        return (
            f"As stated, “{self.lever}” moves {self.metric} by {brief(first['estimate'])} {self.unit} with "
            f"every elasticity at its mean. The widest range is “{first['edge']}” ({first['grade']}): "
            f"between its ends the product goes from {low} to {high}. Were one range "
            f"known exactly, the interval of the result would narrow by {join_words(known)}."
        )

    @property
    def chart(self) -> Chart:
        """One row an edge, the widest on top."""
        return Chart(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="edge",
            low="conf_low",
            high="conf_high",
            x_label=f"Change of {self.metric}, {self.unit}",
            y_label="",
            claim=f"The range that moves {self.metric} most is that of “{self.table['edge'].iloc[0]}”",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )

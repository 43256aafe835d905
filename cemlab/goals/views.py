"""Three views of one experience: those who have it, those who give it, those who answer for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from scipy import stats

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, one_of
from cemlab.evidence import Evidence
from cemlab.goals.readiness import as_numbers, mean_interval
from cemlab.result import Result, check_conf_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTIES = ("customer", "agent", "management")


@dataclass(frozen=True, eq=False, kw_only=True)
class ThreeViews(Result):
    """One experience judged by customer, agent and management.

    Parameters
    ----------
    table
        item, party, n, estimate (mean rating), conf_low, conf_high.
    gaps
        item, estimate (management minus customer), conf_low, conf_high (Welch); the largest first.
    """

    gaps: pd.DataFrame

    title: ClassVar[str] = "Three views of one experience"
    labels: ClassVar[dict[str, str]] = {"item": "Touchpoint", "party": "Judged by", "estimate": "Mean rating"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row for each touchpoint and party."""
        return self.table

    def narrative(self) -> str:
        """Name the touchpoint at which management and customers differ most."""
        row = self.gaps.iloc[0]
        side = "above" if row["estimate"] > 0 else "below"
        low, high = sorted(abs(row[name]) for name in ("conf_low", "conf_high"))
        if row["conf_low"] <= 0 <= row["conf_high"]:
            return f"The largest gap is at {row['item']}, and even there it may be chance."
        return (
            f"Management rates {row['item']} {abs(row['estimate']):.2f} ({low:.2f} to {high:.2f}) points "
            f"{side} what its customers do."
        )

    @property
    def chart(self) -> Chart:
        """One row a touchpoint, the three parties beside each other."""
        return Chart(
            kind="forest",
            frame=self.table,
            x="estimate",
            y="item",
            low="conf_low",
            high="conf_high",
            group="party",
            x_label="Mean rating",
            y_label="",
            claim=f"Management and customers differ most at “{self.gaps['item'].iloc[0]}”",
            grade=self.evidence.grade,
            note=self.caption,
        )


def three_views(judgements: pd.DataFrame, *, conf_level: float = 0.95, source: str = "") -> ThreeViews:
    """Answer whether customers, agents and management judge the same experience alike.

    Parameters
    ----------
    judgements
        One row a judgement: item (the touchpoint), party (customer, agent or management), rating.
    conf_level
        Confidence level (Student's t; Welch for the gaps). Judgements count as independent.
    source
        The line that stands under every figure.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a party is none of the three, or a rating is no number.
    DesignError
        If a party judged a touchpoint less than twice.
    """
    check_conf_level(conf_level)
    for name in ("item", "party", "rating"):
        if name not in judgements.columns:
            raise ColumnError(f"the three views: {one_of(name, map(str, judgements.columns), what='column')}")
    for party in dict.fromkeys(judgements["party"]):
        if party not in PARTIES:
            raise DataError(f"the three views: {one_of(party, PARTIES, what='party')}")
    kept = judgements.assign(rating=as_numbers(judgements[["rating"]])["rating"]).dropna(subset=["rating"])
    if kept.empty:
        raise DesignError(
            "the three views: there is no judgement; each party judges each touchpoint twice or more"
        )
    rows, gaps = [], []
    for item in dict.fromkeys(kept["item"]):
        views = {party: _ratings(kept, item, party) for party in PARTIES}
        rows += [(item, party, len(view), *mean_interval(view, conf_level)) for party, view in views.items()]
        gaps.append((item, *_welch(views["management"], views["customer"], conf_level)))
    columns = ["estimate", "conf_low", "conf_high"]
    evidence = Evidence(
        grade="descriptive",
        design="Three parties judge the same touchpoints; nobody is asked what should be done.",
        unit="judgements",
        n_used=len(kept),
        n_given=len(judgements),
        source=source,
        assumptions=("Judgements are independent of each other.",),
    )
    return ThreeViews(
        table=pd.DataFrame(rows, columns=["item", "party", "n", *columns]),
        gaps=pd.DataFrame(gaps, columns=["item", *columns])
        .sort_values("estimate", key=np.abs, ascending=False, kind="stable")
        .reset_index(drop=True),
        evidence=evidence,
        conf_level=conf_level,
    )


def _ratings(kept: pd.DataFrame, item: object, party: str) -> NDArray[np.float64]:
    found = kept.loc[(kept["item"] == item) & (kept["party"] == party), "rating"].to_numpy(dtype=float)
    if len(found) < 2:
        raise DesignError(
            f"{item!r} was judged {len(found)} time(s) by {party}; an interval needs two or more"
        )
    return found


def _welch(
    one: NDArray[np.float64], other: NDArray[np.float64], conf_level: float
) -> tuple[float, float, float]:
    """Return the difference of two means with Welch's (1947) interval; of no width where nothing varies."""
    gap = float(one.mean() - other.mean())
    parts = np.array([one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)])
    if not parts.any():
        return gap, gap, gap
    freedom = parts.sum() ** 2 / (parts**2 / [len(one) - 1, len(other) - 1]).sum()
    reach = float(stats.t.ppf((1 + conf_level) / 2, freedom) * np.sqrt(parts.sum()))
    return gap, gap - reach, gap + reach

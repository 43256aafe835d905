"""How customers moved between loyalty tiers: counted, with intervals, and nothing claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from cemlab.chart import Chart
from cemlab.data.tiers import NO_PURCHASE, check_tiers
from cemlab.evidence import Evidence
from cemlab.loyalty.histories import BuyingHistories
from cemlab.markup import percent, percent_range
from cemlab.result import Result
from cemlab.stats.intervals import wilson


@dataclass(frozen=True, eq=False, kw_only=True)
class LoyaltyTransitions(Result):
    """Where the customers of each tier were in the next period.

    Parameters
    ----------
    table
        tier, next_tier, n (customers who moved so), n_tier (customers of the tier), estimate (their
        share), conf_low, conf_high (Wilson).
    tiers
        The tiers, lowest first, with the fewest purchases of each.
    simulated
        Whether the next period was drawn and not observed; every title then says so.
    """

    tiers: Mapping[str, int]
    simulated: bool = False

    title: ClassVar[str] = "Loyalty transitions"
    labels: ClassVar[dict[str, str]] = {"tier": "Tier", "n_tier": "Customers"}

    @property
    def top(self) -> str:
        """The highest tier that has customers."""
        return str(self.table["tier"].iloc[-1])

    @property
    def summary(self) -> pd.DataFrame:
        """One row a tier: customers, and the share in each tier of the next period."""
        wide = self.table.assign(share=[percent(share) for share in self.table["estimate"]])
        wide = wide.pivot(index=["tier", "n_tier"], columns="next_tier", values="share")
        ordered = wide.reindex(columns=[NO_PURCHASE, *self.tiers]).reset_index()
        rank = {name: i for i, name in enumerate(self.tiers)}
        ordered = ordered.sort_values("tier", key=lambda s: s.map(rank), ascending=False)
        return ordered.rename_axis(columns=None).reset_index(drop=True)

    def narrative(self) -> str:
        """Tell what became of the most loyal."""
        top = self.top
        rows = self.table[self.table["tier"] == top].to_dict("records")
        parts = [
            f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])}) {fate}"
            for row, fate in ((r, _fate(r["next_tier"], top, list(self.tiers))) for r in rows)
        ]
        of = "In a simulated next period, of" if self.simulated else "Of"
        return f"{of} {rows[0]['n_tier']:,} customers in the tier “{top}”, {'; '.join(parts)}."

    @property
    def chart(self) -> Chart:
        """Heat map of the shares, a row a tier."""
        top = self.top
        stayed = self.table[(self.table["tier"] == top) & (self.table["next_tier"] == top)]["estimate"]
        marked = "Simulated: " if self.simulated else ""
        kept = percent(float(stayed.iloc[0]), digits=0)
        rank = {name: i for i, name in enumerate([NO_PURCHASE, *self.tiers])}
        frame = self.table.sort_values("next_tier", key=lambda s: s.map(rank), kind="stable")
        frame = frame.sort_values("tier", key=lambda s: -s.map(rank), kind="stable")
        return Chart(
            kind="heatmap",
            frame=frame.reset_index(drop=True),
            x="next_tier",
            y="tier",
            value="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Tier in the next period",
            y_label="Tier in the base period",
            claim=f"{marked}{kept} of the tier “{top}” were in it again in the next period",
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
        )


def _fate(next_tier: str, tier: str, tiers: list[str]) -> str:
    if next_tier == NO_PURCHASE:
        return "bought nothing in the next period"
    if next_tier == tier:
        return "stayed"
    moved = "rose" if tiers.index(next_tier) > tiers.index(tier) else "fell"
    return f"{moved} to “{next_tier}”"


def transitions(
    histories: BuyingHistories, *, tiers: Mapping[str, int], conf_level: float = 0.95
) -> LoyaltyTransitions:
    """Answer where the customers of each loyalty tier were in the next period.

    Parameters
    ----------
    histories
        From :func:`cemlab.loyalty.buying_histories`.
    tiers
        Fewest purchases of each tier, ascending, the lowest 1.
    conf_level
        Confidence level of the intervals (Wilson 1927), each for its own share.

    Returns
    -------
    LoyaltyTransitions
        Its table has tier, next_tier, n, n_tier, estimate, conf_low, conf_high.

    Raises
    ------
    OptionError
        If the tiers do not ascend from 1.

    Notes
    -----
    A tier is a count, and counts vary by chance: part of every move is arithmetic. See
    :func:`cemlab.loyalty.defection` for how much.
    """
    names, _ = check_tiers(tiers)
    moves = histories.by_tier(tiers).groupby(["tier", "next_tier"])["n_customers"].sum()
    there = [name for name in names if name in moves.index.get_level_values("tier")]
    cells = pd.MultiIndex.from_product([there, [NO_PURCHASE, *names]], names=["tier", "next_tier"])
    table = moves.reindex(cells, fill_value=0).rename("n").reset_index()
    table["n_tier"] = table.groupby("tier")["n"].transform("sum")
    share = wilson(table["n"], table["n_tier"], conf_level=conf_level)
    table = table.assign(estimate=share.estimate, conf_low=share.conf_low, conf_high=share.conf_high)
    evidence = Evidence(
        grade="descriptive",
        design=histories.design,
        unit="customers",
        n_used=histories.n_used,
        n_given=histories.n_given,
        source=histories.source,
        checks=histories.coverage(),
    )
    return LoyaltyTransitions(
        table=table,
        evidence=evidence,
        conf_level=conf_level,
        tiers=dict(tiers),
        simulated=histories.simulated,
    )

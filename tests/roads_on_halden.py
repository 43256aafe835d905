"""The case of Halden's training by both roads, as an analyst would make it from the panel of branches.

Months 13, 19 and 25 brought a wave each, so the months are averaged into four phases: before any training,
and from wave to wave. A month's money in a branch varies by a tenth, and a base of one month would carry that
through all later ones; phases are the same comparison with a base of six to thirteen months.

Over 200 seeds of the default world with 20,000 customers, at 8 % and over 35 months, the true value is
8,000 EUR in the mean (SD 67,000). The chain is off by −100,000 in the mean (SD 305,000, claimed 363,000),
and its 90 % interval holds the truth in 93.0 % of the seeds; the direct road by −221,000 (SD 1,060,000,
claimed 1,029,000), 87.0 %; both weighted by precision by −112,000 (SD 323,000, claimed 341,000), 87.5 %.
What the direct road cannot see is the spill-over into branches that count as not trained, 88,000 EUR; its
mean has a standard error of 75,000, and to leave out the five controls that the spill-over reaches changes
little.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cemlab.business_case import (
    Assumption,
    BusinessCase,
    Wave,
    case_ledger,
    counted,
    direct_case,
    direct_entries,
    experience_entries,
    fact_entries,
    slope_entries,
    training_case,
)
from cemlab.business_case.ledger import CaseLedger, entries_of
from cemlab.training import group_time_effects

ROOT = Path(__file__).parent.parent
FIRST, MONTHS = 13, 48
WAVES = (13, 19, 25)
#: Phase → months of the case, whose month 0 is that of the first wave.
SPANS = {1: (0, 6), 2: (6, 12), 3: (12, 35)}
CAPITAL = 0.08


def ledger_of_inputs() -> CaseLedger:
    """Return the company's own ledger, with what the chain needs besides; the rate is held at 8 %."""
    own = [
        entry
        for name in ("costs", "ledger")
        for entry in entries_of(pd.read_csv(ROOT / "data" / "inputs" / f"{name}.csv"))
    ]
    more = [
        Assumption(item="half of the change is there after", low=1, mode=1.5, high=2.5, unit="months"),
        Assumption(item="training → experience nearby", low=0, mode=0.1, high=0.3, unit="share"),
        Assumption(item="contacts resolved", low=0.68, mode=0.72, high=0.76, unit="share"),
        Assumption(item="unresolved contacts that come back", low=0.35, mode=0.45, high=0.55, unit="share"),
        counted(item="Capital", value=CAPITAL, unit="share a year"),
    ]
    return case_ledger([e for e in own if e.item != "Capital"], currency="EUR").plus(*more)


def phases(panel: pd.DataFrame, *outcomes: str) -> pd.DataFrame:
    """Return means of each branch over the phases, with the phase of its first training."""
    edges = [FIRST, *WAVES[1:]]
    by = panel.assign(phase=np.searchsorted(edges, panel["t"], side="right"))
    means = by.groupby(["branch", "phase", "region"], as_index=False)[list(outcomes)].mean()
    first = by.groupby("branch")["first"].first()
    phase = first.map(lambda month: np.nan if np.isnan(month) else float(WAVES.index(int(month)) + 1))
    return means.assign(first_phase=means["branch"].map(phase))


def effects(panel: pd.DataFrame, outcome: str, **options: object):
    return group_time_effects(
        panel, outcome=outcome, time="phase", first_treated="first_phase", controls="never treated", draws=99,
        **options,
    )  # fmt: skip


def both_roads(panel: pd.DataFrame, *, pay: float, draws: int = 4000) -> tuple[BusinessCase, BusinessCase]:
    """Return the chain and the direct road.

    Parameters
    ----------
    panel
        branch, t (month from 0), first (month of training, missing for never), region, profit, cx, cx_a,
        cx_b, customers, left, left_otherwise, revenue, margin, turnover, trained_share, posts, persons.
    pay
        EUR a post and month.
    """
    trained = panel["first"].notna()
    regions = set(panel.loc[trained, "region"])
    touched = ~trained & panel["region"].isin(regions)
    ledger = ledger_of_inputs()
    ledger = ledger.plus(
        # a quarter of the pay goes into answering customers
        Assumption(
            item="pay for answering customers", low=0.2 * pay, mode=0.25 * pay, high=0.3 * pay,
            unit="EUR a post and month",
        ),
        *slope_entries(panel.rename(columns={"t": "month"})),
        *fact_entries(panel[trained & (panel["t"] >= FIRST)], currency="EUR"),
    )  # fmt: skip
    own = phases(panel, "profit", "cx")
    # the spill-over reaches untrained branches of training regions: for the score those stay out
    score = effects(own[~own["branch"].isin(panel.loc[touched, "branch"])], "cx")
    # where experience is better, customers stay and the books grow by themselves: it is held alike
    books = effects(
        own, "profit", method="regression", covariates=("cx",), covariates_of="before anyone is treated"
    )
    shares = {
        k + 1: panel[panel["first"] == wave].groupby("t")["trained_share"].mean().to_numpy()[FIRST:]
        for k, wave in enumerate(WAVES)
    }
    half_time = ledger["half of the change is there after"]
    experience = experience_entries(score, shares=shares, spans=SPANS, half_time=half_time)
    entries, cells = direct_entries(books, spans=SPANS, currency="EUR")
    waves, counts = _waves(panel, touched, [entry.item for entry in experience])
    ledger = ledger.plus(*experience, *entries, *counts)
    chain = training_case(ledger, waves=waves, months=MONTHS - FIRST, draws=draws)
    return chain, direct_case(ledger, cells=cells, draws=draws)


def _waves(panel: pd.DataFrame, touched: pd.Series, items: list[str]):
    """Return the waves, with the customers near by: of branches never trained, and of those still to come."""
    waves, counts = [], []
    size = panel.groupby("branch").agg(
        first=("first", "first"), posts=("posts", "first"), persons=("persons", "first")
    )
    months = {wave: panel[(panel["first"] == wave)].groupby("t")["customers"].sum() for wave in WAVES}
    beside = panel[touched].groupby("t")["customers"].sum()
    trained = size["first"].notna().sum()
    for k, wave in enumerate(WAVES):
        ours = size[size["first"] == wave]
        length = MONTHS - wave
        share = len(ours) / trained
        coming = sum(months[later].loc[wave : later - 1].sum() for later in WAVES[k + 1 :]) / length
        done = len(size[size["first"] <= wave])
        values = {
            "persons": (ours["persons"].sum(), "persons"),
            "posts": (ours["posts"].sum(), "posts"),
            "customers": (months[wave].loc[wave:].mean(), "customers"),
            "nearby": (share * beside.loc[wave:].mean() + coming * len(ours) / done, "customers"),
        }
        counts += [
            counted(item=f"{name}, wave {k + 1}", value=float(value), unit=unit)
            for name, (value, unit) in values.items()
        ]
        named = {name: f"{name}, wave {k + 1}" for name in values}
        waves.append(Wave(month=wave - FIRST, experience=items[k], **named))
    return waves, counts


def discounted(effect_by_month: np.ndarray) -> float:
    """Return the present value, in the month of the first wave, of a true effect (branches, months)."""
    return float((effect_by_month[:, FIRST:] @ (1 + CAPITAL) ** (-np.arange(MONTHS - FIRST) / 12)).sum())

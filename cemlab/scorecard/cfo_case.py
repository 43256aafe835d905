"""The case of notebook 12 as it stands there: of the training that was, and of the branches still to come."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from cemlab import business_case, training
from cemlab.business_case import Assumption, counted

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.business_case import BusinessCase, CaseLedger, Cell, Entry, Phases
    from cemlab.data.company import Company
    from cemlab.simulate.oracle import Oracle
    from cemlab.training import GroupTimeEffects, OnTheWay

EXPERIENCE, NEW = "training → experience", "persons trained"
#: What the trainer reports from other companies, in standard deviations.
BROCHURE = (0.2, 0.4, 0.7)
#: Months that the next roll-out is looked ahead, and months between refreshers.
AHEAD, REFRESHED = 60, 12
#: Price of a branch in a pilot, EUR: lowest, most plausible, highest.
PILOT_PRICE = (6000, 8000, 12000)
_UNIT = "standard deviations"


#: The rate at which the truth is discounted: the ledger's most plausible one.
_CAPITAL = 0.08


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """What the notebook has measured before it makes a case."""

    panel: pd.DataFrame
    phases: Phases
    ledger: CaseLedger
    cells: list[Cell]


def added_entries(pay: float) -> tuple[Entry, ...]:
    """Return what the chain needs and nobody in Halden had written down; pay in EUR a month."""
    return (
        Assumption(item="half of the change is there after", low=1, mode=1.5, high=2.5, unit="months"),
        Assumption(item="training → experience nearby", low=0, mode=0.1, high=0.3, unit="share"),
        Assumption(item="contacts resolved", low=0.68, mode=0.72, high=0.76, unit="share"),
        Assumption(item="unresolved contacts that come back", low=0.35, mode=0.45, high=0.55, unit="share"),
        Assumption(
            item="pay for answering customers", low=0.2 * pay, mode=0.25 * pay, high=0.3 * pay,
            unit="EUR a post and month",
        ),
    )  # fmt: skip


@lru_cache(maxsize=1)
def measured(company: Company) -> Measured:
    """Return panel, phases, and the ledger with what both roads take from them."""
    panel = business_case.case_panel(company)
    phases = business_case.roll_out_phases(panel)
    pay = float(company.table("employees")["pay"].mean().execute())
    ledger = business_case.ledger_of(company).plus(*added_entries(pay))
    experience = business_case.experience_entries(
        effects_of(panel, phases, "cx"),
        shares=phases.shares,
        spans=phases.spans,
        half_time=ledger["half of the change is there after"],
    )
    profit, cells = business_case.direct_entries(
        effects_of(panel, phases, "profit"), spans=phases.spans, currency=ledger.currency
    )
    facts = business_case.fact_entries(phases.after, currency=ledger.currency)
    slopes = business_case.slope_entries(panel)
    service = business_case.service_entries(_service(company))
    ledger = ledger.plus(*facts, *slopes, *service, *experience, *profit, *phases.counts)
    return Measured(panel=panel, phases=phases, ledger=ledger, cells=cells)


def _service(company: Company) -> OnTheWay:
    """Return what a trained person changes in the time and the outcome of a contact."""
    panel = training.branch_panel(company, service=True)
    panel["served"] = panel["trained_contacts"] / panel["contacts"]
    outcomes = ["handle_seconds", "resolved"]
    return training.on_the_way(panel, outcomes=outcomes, logged=["handle_seconds"], dose="served")


def effects_of(panel: pd.DataFrame, phases: Phases, outcome: str) -> GroupTimeEffects:
    """Return the effects on the score or on profit by wave and phase, past the gate of trends before."""
    frame = phases.panel
    # the spill-over reaches untrained branches of the same regions: for the score those stay out
    if outcome == "cx":
        frame = frame[~frame["nearby"]]
        effects = training.group_time_effects(
            frame, outcome="cx", time="phase", first_treated="first_phase", controls="never treated"
        )
    else:
        # where experience is better, the books grow by themselves: it is held alike
        effects = training.group_time_effects(
            frame, outcome="profit", time="phase", first_treated="first_phase", controls="never treated",
            method="regression", covariates=("cx",), covariates_of="before anyone is treated",
        )  # fmt: skip
    trends = training.pre_trends(panel, outcome=outcome, controls="never treated")
    return effects.with_checks([trends.check], grade="association" if trends.check.passed is False else None)


@lru_cache(maxsize=4)
def chain_case(company: Company, conf_level: float = 0.90) -> BusinessCase:
    """Return the case of the training that was, by the chain."""
    own = measured(company)
    waves, months = own.phases.waves, own.phases.months
    return business_case.training_case(own.ledger, waves=waves, months=months, conf_level=conf_level)


@lru_cache(maxsize=4)
def books_case(company: Company, conf_level: float = 0.90) -> BusinessCase:
    """Return the case of the training that was, by the books of the branches."""
    own = measured(company)
    return business_case.direct_case(own.ledger, cells=own.cells, conf_level=conf_level)


@lru_cache(maxsize=2)
def next_case(company: Company) -> BusinessCase:
    """Return the case of the branches that no wave has reached."""
    own = measured(company)
    items = [str(wave.experience) for wave in own.phases.waves]
    drawn = own.ledger.draws(20_000, items=items).matrix().mean(axis=1)
    shrunk = business_case.shrink_to_local(
        BROCHURE, local=float(drawn.mean()), std_error=float(drawn.std()), unit=_UNIT
    )
    untrained = own.panel[own.panel["first_trained"].isna()]
    sizes = untrained[untrained["month"] == untrained["month"].max()]
    posts, customers = float(sizes["headcount"].sum()), float(sizes["customers"].sum())
    ledger = own.ledger.plus(
        shrunk.entry(EXPERIENCE),
        counted(item=NEW, value=posts, unit="persons"),
        counted(item="posts", value=posts, unit="posts"),
        counted(item="customers", value=customers, unit="customers"),
    )
    return business_case.training_case(ledger, months=AHEAD, refresh_every=REFRESHED)


def recorded_and_spent(company: Company) -> tuple[float, float, float]:
    """Return results as recorded, the trainer's invoices, and the hours away from the counter, EUR."""
    people = company.table("training")
    recorded, fees, hours = (
        float(people[name].sum().execute()) for name in ("level_4", "direct_cost", "backfill_hours")
    )
    return recorded, fees, hours * measured(company).ledger["Time covered by others"].mean


def true_present_value(oracle: Oracle, outcome: Literal["profit", "margin", "fees"]) -> float:
    """Return what training truly changed in an outcome, discounted to the month of the first wave, EUR."""
    effect = oracle.effect("training", on=outcome, by="branch_month").table
    by_month = effect.groupby("month")["effect"].sum().sort_index().to_numpy()
    first = int(oracle.halden.network().trained_from.min())
    after = by_month[first:]
    return float(after @ (1 + _CAPITAL) ** (-np.arange(len(after)) / 12))

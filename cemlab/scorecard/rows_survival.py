"""Rows on who leaves, when and why: curves and hazard ratios of notebook 04."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cemlab import survival
from cemlab.errors import DesignError
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.true_curves import Trait
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden

_REFERENCES = {"type": "household", "plan": "Flex", "acquisition_channel": "branch"}
_DAYS = {12: 365, 24: 730}  # of so many months
_LEAVING = WORLDS["default"].leaving
_WILLING = ("competitor", "price")  # the causes that a company can do something about
_OWN_WILL = "their own will"


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _spells(company: Company) -> pd.DataFrame:
    frame: pd.DataFrame = survival.spells(company).to_pandas()
    return frame


@lru_cache(maxsize=8)
def _curve(company: Company, entry: str | None) -> survival.RetentionCurve:
    return survival.retention_curve(
        _spells(company), duration="duration", event="left", entry=entry, unit="days"
    )


@lru_cache(maxsize=8)
def _ratios(company: Company, cause: str) -> pd.DataFrame:
    spells = _spells(company)
    ratios = survival.hazard_ratios(
        spells.assign(gone=spells["cause"] == cause),
        duration="duration",
        event="gone",
        entry="observed_after",
        covariates=list(_REFERENCES),
        references=_REFERENCES,
    )
    return ratios.table.set_index("term")


@lru_cache(maxsize=2)
def _incidence(company: Company, cause: str) -> survival.CumulativeIncidence:
    spells = _spells(company)
    if cause == _OWN_WILL:
        spells = spells.assign(cause=spells["cause"].replace(dict.fromkeys(_WILLING, _OWN_WILL)))
    return survival.cumulative_incidence(
        spells,
        duration="duration",
        event="cause",
        entry="observed_after",
        unit="days",
        horizons=list(_DAYS.values()),
    )


def _retention(company: Company, *, days: int, entry: str | None) -> Estimate:
    said = Estimate.of(_curve(company, entry).at(days))
    if math.isnan(said.value):
        raise DesignError(f"nobody was observed for {days} days")
    return said


@lru_cache(maxsize=1)
def _true_curve(halden: Halden) -> dict[int, float]:
    frame = Oracle(halden).retention(*_DAYS.values())
    return dict(zip(frame["time"].tolist(), frame["truth"].tolist(), strict=True))


def _true_retention(oracle: Oracle, *, days: int) -> float:
    return _true_curve(oracle.halden)[days]


def _gone(company: Company, *, cause: str, days: int, naive: bool = False) -> Estimate:
    found = _incidence(company, cause)
    rows = found.naive if naive else found.at(days)
    said = Estimate.of(rows[(rows["cause"] == cause) & (rows["time"] == days)])
    if math.isnan(said.value):
        raise DesignError(f"nobody was observed for {days} days")
    return said


@lru_cache(maxsize=1)
def _true_causes(halden: Halden) -> pd.DataFrame:
    return Oracle(halden).incidence(*_DAYS.values())


def _true_gone(oracle: Oracle, *, causes: tuple[str, ...], days: int) -> float:
    frame = _true_causes(oracle.halden)
    return float(frame.loc[frame["cause"].isin(causes) & (frame["time"] == days), "truth"].sum())


def _true_log_ratio(oracle: Oracle, *, of: Trait, cause: str, level: str) -> float:
    return math.log(oracle.hazard_ratio(of, cause=cause, level=level, reference=_REFERENCES[of]))


def _log_ratio(company: Company, *, cause: str, term: str) -> Estimate:
    table = _ratios(company, cause)
    if term not in table.index:
        raise DesignError(f"nobody has {term}")
    return Estimate(*map(math.log, Estimate.of(table.loc[[term]])))


def _retention_row(months: int, *, naive: bool = False) -> Row:
    days = _DAYS[months]
    return Row(
        name=f"Still there after {months} months" + (", late entry ignored" if naive else ""),
        notebook="04",
        planted="the hazards of four causes",
        unit="share of customers",
        no_effect=1.0,
        world="default",
        kind="naive" if naive else "estimate",
        estimate=partial(_retention, days=days, entry=None if naive else "observed_after"),
        truth=partial(_true_retention, days=days),
        why=(
            "Who left before the data began cannot be seen, so those who can be seen look too loyal."
            if naive
            else "Kaplan–Meier with late entry; the bias is measured by the share that left."
        ),
    )


def _gone_row(cause: str, months: int, *, naive: bool = False) -> Row:
    days = _DAYS[months]
    told = "Gone by " + cause if cause == _OWN_WILL else "Gone to a " + cause
    return Row(
        name=f"{told} after {months} months" + (", 1 − Kaplan–Meier" if naive else ""),
        notebook="04",
        planted="the hazards of four causes",
        unit="share of customers",
        no_effect=0.0,
        world="default",
        kind="naive" if naive else "estimate",
        estimate=partial(_gone, cause=cause, days=days, naive=naive),
        truth=partial(_true_gone, causes=_WILLING if cause == _OWN_WILL else (cause,), days=days),
        why=(
            "It tells the share that would go if nobody left for anything else, which is more."
            if naive
            else "Aalen–Johansen with late entry; the truth averages the hazards of those then at risk."
        ),
    )


def _cox_row(name: str, cause: str, term: str, ratio: float, why: str) -> Row:
    column = term.split(" = ")[0]
    return Row(
        name=name,
        notebook="04",
        planted=f"hazard ratio {ratio:g} against {_REFERENCES[column]}",
        unit="log hazard ratio",
        no_effect=0.0,
        world="default",
        estimate=partial(_log_ratio, cause=cause, term=term),
        truth=partial(planted, value=math.log(ratio)),
        why=why,
    )


def _drifting_rows(name: str, of: Trait, level: str, ratio: float) -> tuple[Row, Row]:
    """Return the ratio among those who remain, and the same figure read as that of one customer."""
    same = _cox_row(f"{name}, read as for one customer", "competitor", f"{of} = {level}", ratio, _WEAKENED)
    remain = replace(
        same,
        name=name,
        planted=f"{same.planted}, given the frailty",
        truth=partial(_true_log_ratio, of=of, cause="competitor", level=level),
        why=_REMAIN,
    )
    return remain, replace(same, kind="naive")


_PLAIN = "Nothing unseen acts on this cause."
_DOUBTS = "Passing doubts, which only some customers have, weaken the ratio over time."
_WEAKENED = (
    "Frailty and passing doubts weaken it: of those at higher risk the frail leave first, so the ratio among "
    "those who remain drifts to one. What was planted holds for one and the same customer."
)
_REMAIN = (
    "The truth is the ratio of the true hazards among those still there, alike in type, plan and channel, at "
    "each length of contract; frailty draws it nearer to one than what was planted."
)

#: Curves, as they are and as they look to naive eyes, and hazard ratios by cause.
SURVIVAL: tuple[Row, ...] = (
    *(_retention_row(months, naive=naive) for naive in (False, True) for months in _DAYS),
    *(_gone_row(cause, months) for cause in ("competitor", _OWN_WILL) for months in _DAYS),
    _gone_row("competitor", 24, naive=True),
    _cox_row(
        "Moved away: professionals", "moved", "type = professional", _LEAVING.moved_professional, _PLAIN
    ),
    _cox_row("Died: seniors", "deceased", "type = senior", _LEAVING.deceased_senior, _PLAIN),
    _cox_row("Left for the price: plan Partner", "price", "plan = Partner", _LEAVING.plans[2], _DOUBTS),
    *_drifting_rows("Left for a competitor: plan Partner", "plan", "Partner", _LEAVING.plans[2]),
    *_drifting_rows(
        "Left for a competitor: won on a comparison site",
        "acquisition_channel",
        "comparison site",
        _LEAVING.comparison_site,
    ),
)

"""The rows of the scorecard: each planted truth that a method of the notebooks can look for.

A row is added here, with two functions: one that estimates from a company's tables, and one that asks
the oracle. Truths are never fitted to the estimates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cemlab import loyalty, survival
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.scorecard.periods import BASE, FOLLOW_UP, TIERS, TOP, true_excess
from cemlab.scorecard.row import Estimate, Row
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.loyalty.defection import Outcome
    from cemlab.simulate.halden import Halden

_REFERENCES = {"type": "household", "plan": "Flex", "acquisition_channel": "branch"}
_DAYS = {12: 365, 24: 730}  # of so many months
_LEAVING = WORLDS["default"].leaving
_EXCESS = WORLDS["default"].market.excess


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


@lru_cache(maxsize=1)
def _histories(company: Company) -> loyalty.BuyingHistories:
    return loyalty.buying_histories(company.table("transactions"), base=BASE, follow_up=FOLLOW_UP)


def _retention(company: Company, *, days: int, entry: str | None) -> Estimate:
    row = _curve(company, entry).at(days).iloc[0]
    if math.isnan(row["estimate"]):
        raise DesignError(f"nobody was observed for {days} days")
    return Estimate(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))


@lru_cache(maxsize=1)
def _true_curve(halden: Halden) -> dict[int, float]:
    frame = Oracle(halden).retention(*_DAYS.values())
    return dict(zip(frame["time"].tolist(), frame["truth"].tolist(), strict=True))


def _true_retention(oracle: Oracle, *, days: int) -> float:
    return _true_curve(oracle.halden)[days]


def _log_ratio(company: Company, *, cause: str, term: str) -> Estimate:
    table = _ratios(company, cause)
    if term not in table.index:
        raise DesignError(f"nobody has {term}")
    ends = table[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)[table.index.get_loc(term)]
    return Estimate(*map(math.log, ends.tolist()))


def _planted(oracle: Oracle, *, value: float) -> float:  # noqa: ARG001 (the same on every company)
    return value


def _defection(company: Company, *, outcome: Outcome, quantity: str) -> Estimate:
    table = loyalty.defection(_histories(company), tiers=TIERS, outcome=outcome).table
    rows = table[(table["tier"] == TOP) & (table["quantity"] == quantity)]
    if rows.empty:
        raise DesignError(f"nobody is in the tier {TOP!r}")
    row = rows.iloc[0]
    return Estimate(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))


def _true_defection(oracle: Oracle, *, outcome: Outcome) -> float:
    rows = true_excess(oracle.halden)
    return float(rows.loc[rows["tier"] == TOP, outcome].sum())


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
        truth=partial(_planted, value=math.log(ratio)),
        why=why,
    )


def _defection_row(world: str, outcome: Outcome, why: str, *, naive: bool = False) -> Row:
    stationary = world == "stationary"
    did = {"lapsed": "fell silent", "fell": "bought less"}[outcome]
    read = f"all who {did} read as lost" if naive else f"{did} beyond chance"
    return Row(
        name=f"Loyal, {read} ({world})",
        notebook="03",
        planted="nobody changes" if stationary else "leaving, changed rates and the recession of 2025",
        unit="share of the tier",
        no_effect=0.0,
        world=world,
        kind="naive" if naive else "estimate",
        yardstick=_EXCESS if stationary else None,
        estimate=partial(_defection, outcome=outcome, quantity="observed" if naive else "difference"),
        truth=partial(_true_defection, outcome=outcome),
        # the interval allows for chance in what was observed, which the truth on the same company would share
        target="population",
        why=why,
    )


_PLAIN = "Nothing unseen acts on this cause."
_DOUBTS = "Passing doubts, which only some customers have, weaken the ratio over time."
_WEAKENED = (
    "Frailty and passing doubts weaken it: of those at higher risk the frail leave first, so the ratio among "
    "those who remain drifts to one."
)
_STILL = f"Nobody leaves and nobody changes; the bias is measured by {100 * _EXCESS:g} points."
_SINCE_BASE = (
    "The truth counts who changed from the first day of the base year on; who joined in its course bought "
    "for part of the year only, and the method takes them for rarer buyers than they are."
)
_GOOD_YEAR = "Part of those who were loyal last year had merely had a good year."
_OUTCOMES: tuple[Outcome, ...] = ("lapsed", "fell")

#: The rows, in the order in which they are shown.
ROWS: tuple[Row, ...] = (
    *(_retention_row(months, naive=naive) for naive in (False, True) for months in _DAYS),
    _cox_row(
        "Moved away: professionals", "moved", "type = professional", _LEAVING.moved_professional, _PLAIN
    ),
    _cox_row("Died: seniors", "deceased", "type = senior", _LEAVING.deceased_senior, _PLAIN),
    _cox_row("Left for the price: plan Partner", "price", "plan = Partner", _LEAVING.plans[2], _DOUBTS),
    _cox_row(
        "Left for a competitor: plan Partner", "competitor", "plan = Partner", _LEAVING.plans[2], _WEAKENED
    ),
    _cox_row(
        "Left for a competitor: won on a comparison site",
        "competitor",
        "acquisition_channel = comparison site",
        _LEAVING.comparison_site,
        _WEAKENED,
    ),
    *(_defection_row("stationary", outcome, _STILL) for outcome in _OUTCOMES),
    *(_defection_row("default", outcome, _SINCE_BASE) for outcome in _OUTCOMES),
    *(
        _defection_row(world, outcome, _GOOD_YEAR, naive=True)
        for world in ("stationary", "default")
        for outcome in _OUTCOMES
    ),
)


def rows_named(names: Iterable[str]) -> tuple[Row, ...]:
    """Return rows by their names, in the order of the scorecard.

    Raises
    ------
    OptionError
        If there is no such row; the line lists those there are.
    """
    known, wanted = {row.name: row for row in ROWS}, list(names)
    for name in wanted:
        if name not in known:
            raise OptionError(one_of(name, known, what="row of the scorecard"))
    return tuple(row for row in ROWS if row.name in wanted)


def check_rows(rows: Iterable[Row]) -> None:
    """Refuse no rows, and rows that cannot be told apart.

    Raises
    ------
    OptionError
        If there is none, or two have one name.
    """
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise OptionError(
            f"two rows are named {join_words(twice)}; give each a name of its own"
            if twice
            else "no rows to score"
        )

"""Rows on what onboarding by lot changes: the pace of leaving, and the time gained (notebook 04)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from cemlab import survival
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.timeline import MONTH_DAYS
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden

_LEAVING = WORLDS["default"].leaving
_WILLING = ("competitor", "price")  # what onboarding acts on
_HORIZON = 730  # days, two years


# What several rows of one company share is made once; a company is told by its identity.
@lru_cache(maxsize=1)
def _onboarding(company: Company) -> survival.OnboardingEffect:
    return survival.onboarding_effect(
        survival.onboarding_spells(company),
        treated="treated",
        duration="duration",
        event="cause",
        causes=_WILLING,
        periods=[round(MONTH_DAYS * month, 1) for month in (0, 1, 2, 3, 6, 12, 24)],
        bands=[round(MONTH_DAYS * month, 1) for month in (_LEAVING.onboarding_months, 12)],
        horizon=_HORIZON,
        unit="days",
    )


def _onboarded(company: Company) -> Estimate:
    return Estimate(*map(math.log, Estimate.of(_onboarding(company).table)))


def _onboarded_alike(company: Company) -> Estimate:
    frame = _onboarding(company).frailty
    own = frame[frame["quantity"].str.startswith("hazard ratio")]
    return Estimate(*map(math.log, Estimate.of(own)))


def _days_gained(company: Company) -> Estimate:
    gained = _onboarding(company).gained
    return Estimate.of(gained[gained["arm"] == "difference"])


@lru_cache(maxsize=1)
def _true_onboarding(halden: Halden) -> dict[str, float]:
    frame = Oracle(halden).onboarding(_HORIZON)
    return dict(zip(frame["quantity"], frame["truth"], strict=True))


def _true_onboarded(oracle: Oracle) -> float:
    return math.log(_true_onboarding(oracle.halden)["hazard ratio"])


def _true_days_gained(oracle: Oracle) -> float:
    return _true_onboarding(oracle.halden)["days gained"]


def _onboarding_row(
    name: str, estimate: Callable[[Company], Estimate], truth: Callable[[Oracle], float], unit: str, why: str
) -> Row:
    months = _LEAVING.onboarding_months
    return Row(
        name=f"Onboarding: {name}",
        notebook="04",
        planted=f"hazard ratio {_LEAVING.onboarding:g} in months 1 to {months}, given the frailty",
        unit=unit,
        no_effect=0.0,
        world="default",
        estimate=estimate,
        truth=truth,
        why=why,
    )


#: The hazard ratio among all newcomers and for one and the same, and the days gained.
ONBOARDING: tuple[Row, ...] = (
    _onboarding_row(
        "months 1 to 3",
        _onboarded,
        _true_onboarded,
        "log hazard ratio",
        "The truth is that of all newcomers against none, averaged over those at risk; hardly anybody has "
        "left by then, so that it is within a hundredth of what was planted.",
    ),
    _onboarding_row(
        "months 1 to 3, given the frailty",
        _onboarded_alike,
        partial(planted, value=math.log(_LEAVING.onboarding)),
        "log hazard ratio",
        "Held against what was planted for one and the same customer.",
    ),
    _onboarding_row(
        "days gained within 24 months",
        _days_gained,
        _true_days_gained,
        "days",
        "All newcomers against none. A few days, and a lot of this size rarely tells them from none.",
    ),
)

"""Exercises and check cells of notebook 04, on who leaves, and when."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cemlab import survival
from cemlab.errors import DesignError
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.survival.falling_hazard import Reading

_ONE_YEAR, _TWO_YEARS, _FOUR_YEARS = 365, 730, 1460
_MONTH = 365 / 12
_ENTRY = "observed_after"
# Two standard errors of the median from twenty thousand spells: 0.9 of some 33 months. With three the middle
# of all spells in the file, which lies 1.2 months below, would do.
_TWO_ERRORS = Tolerance(size=0.03, relative=True)
# Three standard errors of a ratio near one with 1,700 departures among those treated.
_NEAR_ONE = Tolerance(size=0.1)
# A campaign of this kind is in nobody's hazard of leaving.
_NO_INFLUENCE = 1.0
_CAMPAIGN = "retain"

# The published segment: of 1,000 customers, those lost at each renewal, and those left (Fader & Hardie 2007).
_LOST, _SURVIVORS, _RENEWALS = (131, 126, 90, 60, 42, 34, 26), 491, 5


@lru_cache(maxsize=2)
def _spells(company: Company) -> pd.DataFrame:
    spells: pd.DataFrame = survival.spells(company).to_pandas()
    if not spells["left"].any():
        raise DesignError("nobody leaves this company, so there is no pace of leaving to find")
    return spells


def _curve(spells: pd.DataFrame, *, entry: str | None = _ENTRY) -> survival.RetentionCurve:
    return survival.retention_curve(spells, duration="duration", event="left", entry=entry, unit="days")


def _still(spells: pd.DataFrame, days: float, *, entry: str | None = _ENTRY) -> float:
    return float(_curve(spells, entry=entry).at(days)["estimate"].iloc[0])


def _ended(company: Company) -> pd.DataFrame:
    spells = _spells(company)
    return spells[spells["left"]]


def _true_share(company: Company) -> float:
    _spells(company)
    return float(Oracle.of(company).retention(_TWO_YEARS)["truth"].iloc[0])


@lru_cache(maxsize=4)
def _half(company: Company) -> float:
    """Return after how many months half have truly left."""
    _spells(company)
    curve = Oracle.of(company).retention(*range(1, _FOUR_YEARS + 1))
    gone = curve["time"][curve["truth"] <= 0.5]
    if gone.empty:
        raise DesignError("half of the customers have not left within four years")
    return float(gone.iloc[0]) / _MONTH


def _median(spells: pd.DataFrame, *, entry: str | None = _ENTRY) -> float:
    """Return after how many months a curve says that half have left."""
    means = survival.restricted_mean(
        spells, duration="duration", event="left", entry=entry, unit="days", horizon=_ONE_YEAR
    )
    found = float(means.of("quantile 0.5")["estimate"].iloc[0])
    if not np.isfinite(found):
        raise DesignError("half have not left as far as was observed")
    return found / _MONTH


@lru_cache(maxsize=4)
def _with_campaign(company: Company) -> pd.DataFrame:
    """Return the spells, with whether the customer was ever treated in the campaign."""
    spells, campaigns = _spells(company), company.table("campaigns")
    treated = campaigns.filter(campaigns["treated"], campaigns["kind"] == _CAMPAIGN)
    whom = set(treated.select("customer").to_pandas()["customer"])
    return spells.assign(treated=spells["customer"].isin(whom))


def _no_influence(company: Company) -> float:
    if _with_campaign(company)["treated"].nunique() < 2:
        raise DesignError("nobody, or everybody, was in the campaign")
    return _NO_INFLUENCE


def _whole_spell(company: Company, *, entry: str | None = _ENTRY) -> float:
    """Return the hazard ratio of those ever treated, as if they had been from their first day on."""
    spells = _with_campaign(company)
    ratios = survival.hazard_ratios(
        spells.assign(treated=spells["treated"].astype(int)),
        duration="duration",
        event="left",
        entry=entry,
        covariates=["treated"],
    )
    return float(ratios.table["estimate"].iloc[0])


def _of_means(company: Company, column: str) -> float:
    """Return a mean of those treated over that of the others."""
    means = _with_campaign(company).groupby("treated")[column].mean()
    return float(means[True] / means[False])


def _saved(reading: Reading, *, renewals: int = _RENEWALS) -> float:
    """Return the share still there of those kept from leaving at the first renewal."""
    readings = survival.falling_hazard(_LOST, survivors=_SURVIVORS, horizon=renewals)
    saved = readings.of("saved still there")
    at_end = saved[(saved["reading"] == reading) & (saved["time"] == renewals)]
    return float(at_end["estimate"].iloc[0])


def _cohort() -> float:
    gone = sum(_LOST[:_RENEWALS])
    return 1 - gone / (sum(_LOST) + _SURVIVORS)


EXERCISES = (
    Exercise(
        number="04.a",
        asks="the share of customers still there after two years of contract, between 0 and 1",
        truth=_true_share,
        form="share",
        tolerance=Tolerance(size=0.03),
        hint="Look again at the section “How many are still there”, and at who was at risk when.",
        traps=(
            Trap(
                name="late entry ignored",
                value=lambda company: _still(_spells(company), _TWO_YEARS, entry=None),
                hint="who left before observation began is in no table; declare entry='observed_after'.",
            ),
            Trap(
                name="the share of the file that has not left",
                value=lambda company: float(1 - _spells(company)["left"].mean()),
                hint="that has no period; read the curve at two years.",
            ),
            Trap(
                name="the first horizon",
                value=lambda company: _still(_spells(company), _ONE_YEAR),
                hint="that is one year; asked are two.",
            ),
            Trap(
                name="the share that left",
                value=lambda company: 1 - _still(_spells(company), _TWO_YEARS),
                hint="asked are those still there.",
            ),
            Trap(
                name="the spells that ended alone",
                value=lambda company: _still(_ended(company), _TWO_YEARS),
                hint="those still there belong to it too, as long as they were watched.",
            ),
        ),
    ),
    Exercise(
        number="04.1",
        asks="after how many months of contract half of those who began have left, a number of months",
        truth=_half,
        form="number",
        tolerance=_TWO_ERRORS,
        hint="Look again at the section “How many are still there”: where does its curve cross one half?",
        traps=(
            Trap(
                name="late entry ignored",
                value=lambda company: _median(_spells(company), entry=None),
                hint="who left before observation began is in no table; declare entry='observed_after'.",
            ),
            Trap(
                name="the middle of those who left",
                value=lambda company: float(_ended(company)["duration"].median()) / _MONTH,
                hint="those still there belong to it too; read where the curve crosses one half.",
            ),
            Trap(
                name="the mean stay of those who left",
                value=lambda company: float(_ended(company)["duration"].mean()) / _MONTH,
                hint="asked is when half have left, of all who began and not of those who left.",
            ),
            Trap(
                name="the middle of all spells in the file",
                value=lambda company: float(_spells(company)["duration"].median()) / _MONTH,
                hint="spells that go on are not over; the curve knows, the median of the column does not.",
            ),
            Trap(
                name="days",
                value=lambda company: _half(company) * _MONTH,
                hint="asked are months, each a twelfth of 365 days.",
            ),
        ),
    ),
    Exercise(
        number="04.2",
        asks="how many times the pace of leaving is after being treated in a campaign of the kind retain, "
        "against not (yet), a hazard ratio",
        truth=_no_influence,
        form="number",
        tolerance=_NEAR_ONE,
        hint="From which day on may a customer be called treated? Cut her spell there (survival.episodes).",
        traps=(
            Trap(
                name="the whole spell counted as treated",
                value=_whole_spell,
                hint="whoever was treated had to stay until then; that time belongs to the untreated.",
            ),
            Trap(
                name="the whole spell counted as treated, late entry ignored",
                value=lambda company: _whole_spell(company, entry=None),
                hint="cut the spells on the day of the campaign, and declare entry='observed_after'.",
            ),
            Trap(
                name="the shares that left, divided",
                value=lambda company: _of_means(company, "left"),
                hint="whoever left early could not be treated any more; compare paces from the day on.",
            ),
            Trap(
                name="the mean stays, divided",
                value=lambda company: _of_means(company, "duration"),
                hint="whoever stays longer is reached by more campaigns; compare paces from the day on.",
            ),
        ),
    ),
    Exercise(
        number="04.3",
        asks="of those kept from leaving at the first renewal, the share still there five renewals later if "
        "customers merely differ, between 0 and 1",
        truth=lambda _: _saved("customers differ"),
        form="share",
        tolerance=Tolerance(size=0.02),
        hint="Look again at the section “Does onboarding work”: who is it that was about to leave?",
        traps=(
            Trap(
                name="everybody settles in",
                value=lambda _: _saved("everybody settles in"),
                hint="that is the consultant's reading; in the other, the saved stay likely leavers.",
            ),
            Trap(
                name="the cohort's own curve",
                value=lambda _: _cohort(),
                hint="those about to leave are no sample of the cohort.",
            ),
            Trap(
                name="one renewal too few",
                value=lambda _: _saved("customers differ", renewals=_RENEWALS - 1),
                hint="count five renewals after the one at which they were kept.",
            ),
            Trap(
                name="the share that left",
                value=lambda _: 1 - _saved("customers differ"),
                hint="asked are those still there.",
            ),
        ),
    ),
)

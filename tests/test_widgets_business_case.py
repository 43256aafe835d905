"""Sliders for the case: what they show is what the case is priced at, with the same draws."""

from __future__ import annotations

import numpy as np
import pytest

from cemlab.business_case import Assumption, case_ledger, counted, training_case
from cemlab.business_case.chain import Conditions
from cemlab.business_case.recession import Recession
from cemlab.business_case.scenarios import PRICE, PURCHASES, Scenario
from cemlab.business_case.stress import stress
from cemlab.errors import ColumnError, DesignError
from cemlab.present.widgets import case_explorer

SD = "per standard deviation"
FEE, RATE = "Course, fee and travel", "Capital"


def case(*more):
    entries = [
        Assumption(item="training → experience", low=0.1, mode=0.2, high=0.4, unit="standard deviations"),
        Assumption(item="experience → purchases", low=0.02, mode=0.07, high=0.1, unit=f"log purchases {SD}"),
        counted(item="experience → leaving for a competitor", value=0.8, unit=f"hazard ratio {SD}"),
        counted(item="half of the change is there after", value=2, unit="months"),
        Assumption(item="months that a trained person stays", low=30, mode=40, high=60, unit="months"),
        counted(item="leaving for a competitor", value=0.012, unit="share a month"),
        counted(item="spend of a customer", value=400, unit="EUR a customer and month"),
        counted(item="margin of revenue", value=0.57, unit="share"),
        Assumption(item=FEE, low=820, mode=900, high=1050, unit="EUR a person"),
        counted(item="Hours away from the counter", value=24, unit="hours a person"),
        counted(item="Time covered by others", value=28, unit="EUR an hour"),
        Assumption(item=RATE, low=0.06, mode=0.08, high=0.11, unit="share a year"),
        counted(item="persons trained", value=14, unit="persons"),
        counted(item="posts", value=15, unit="posts"),
        counted(item="customers", value=333, unit="customers"),
        *more,
    ]
    return training_case(case_ledger(entries, currency="EUR"), draws=500, months=24)


@pytest.fixture(scope="module")
def calm():
    return case()


@pytest.fixture(scope="module")
def known():
    """A case whose ledger says exactly what a recession does."""
    return case(
        counted(item=PRICE, value=1.5, unit="hazard ratio"),
        counted(item=PURCHASES, value=0.9, unit="multiple"),
    )


def shown(explorer):
    """The present value at the end of the picture: quantiles, in the unit of the case."""
    assert explorer.chart.kind == "fan"
    return explorer.chart.frame.iloc[-1][["npv_p05", "npv_p50", "npv_p95"]].to_numpy(dtype=float)


def priced(found, *, conditions=None, **held):
    figures = found.draws.figures
    for item, value in held.items():
        figures = figures.at({"fee": FEE, "rate": RATE}[item], value)
    return np.quantile(found.npv(figures, conditions=conditions), [0.05, 0.5, 0.95]) / 1e3


def test_a_move_shows_the_case_priced_anew(calm):
    explorer = case_explorer(calm)
    held, faster = {"fee": 900.0, "rate": 0.08}, None
    for moved, changed in (
        ({}, {}),
        ({"unit_cost": 1260.0}, {"fee": 1260.0}),
        ({"discount_rate": 0.2}, {"rate": 0.2}),
        ({"turnover": 3.0}, {}),
    ):
        explorer.move(**moved)
        held |= changed
        faster = Conditions(staff_leaving=3.0) if "turnover" in moved else faster
        # 1e-9: months are summed up in another order
        np.testing.assert_allclose(shown(explorer), priced(calm, conditions=faster, **held), rtol=1e-9)


def test_the_recession_is_that_of_the_stress_test(known):
    path = Recession(begins=6, lasts=12, depth=2.0)
    explorer = case_explorer(known, recession=path)
    explorer.move(depth=2.0)
    figures = known.draws.figures.at(FEE, 900.0).at(RATE, 0.08)
    along = path.path(24)
    hard = Conditions(leaving=1.5**along, purchases=0.9**along)
    worth = known.npv(figures, conditions=hard)
    np.testing.assert_allclose(shown(explorer), np.quantile(worth, [0.05, 0.5, 0.95]) / 1e3, rtol=1e-9)
    # with the entries as drawn the same scenario stands in the table of the stress test
    table = stress(known, [Scenario(name="hard", recession=path)]).table
    assert table["estimate"].iloc[1] == pytest.approx(known.npv(known.draws.figures, conditions=hard).mean())


def test_bad_times_never_help(known):
    explorer = case_explorer(known)
    ends = []
    for depth in (0.0, 1.0, 2.0):
        explorer.move(depth=depth)
        ends.append(shown(explorer)[1])
    assert ends == sorted(ends, reverse=True)
    assert "recession from month 12 for 12 months, depth 2" in explorer.sentence


def test_claim_and_sentence_tell_mean_interval_and_loss(calm):
    explorer = case_explorer(calm)
    worth = calm.npv(calm.draws.figures.at(FEE, 900.0).at(RATE, 0.08))
    assert explorer.chart.claim == (
        f"Worth {worth.mean() / 1e3:.1f} thousand EUR on average; {100 * (worth < 0).mean():.0f} % of the "
        "draws lose money"
    )
    low, high = np.quantile(worth, [0.05, 0.95]) / 1e3
    assert f"(90 % interval {low:.1f} to {high:.1f}) over 24 months" in explorer.sentence
    assert "(nothing changes)" in explorer.sentence
    assert "not how likely it is" in explorer.sentence


def test_a_ledger_that_knows_no_recession_has_no_slider_for_it(calm, known):
    assert "depth" not in case_explorer(calm).values
    assert case_explorer(known).values["depth"] == 0


def test_what_cannot_be_moved_is_refused(calm):
    with pytest.raises(ColumnError, match="no entry of the case named 'Capitall'; did you mean 'Capital'"):
        case_explorer(calm, discount_rate="Capitall")
    with pytest.raises(ColumnError, match="no entry of the case named 'fee'"):
        case_explorer(calm, unit_cost="fee")
    with pytest.raises(DesignError, match="a str is no business case"):
        case_explorer("case")

"""Sliders for a study and for anticipation: what they show is what the public functions say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cemlab import training
from cemlab.errors import DesignError, OptionError
from cemlab.present.widgets import event_explorer, plan_explorer
from cemlab.training.planner import plan_study

RNG = np.random.default_rng(7)
BRANCHES, MONTHS = 24, 30


def panel() -> pd.DataFrame:
    """Months of branches, a third trained in month 14 and a third in month 19, by hand."""
    branch, month = np.repeat(np.arange(BRANCHES), MONTHS), np.tile(np.arange(1, MONTHS + 1), BRANCHES)
    first = np.array([14, 19, 0])[branch % 3]
    cx = RNG.normal(0, 0.3, BRANCHES)[branch] + RNG.normal(0, 0.2, BRANCHES * MONTHS)
    cx = cx + 0.3 * ((first > 0) & (month >= first))
    return pd.DataFrame({"branch": branch, "month": month, "first_trained": first, "cx": cx})


@pytest.fixture(scope="module")
def rolled():
    return training.roll_out(panel(), outcome="cx")


@pytest.fixture(scope="module")
def plan():
    return plan_study(panel(), outcome="cx", effect=0.2, months=[2, 4], branches=[8, 20], draws=100)


def test_bars_are_the_chances_of_the_plan(plan):
    explorer = plan_explorer(plan)
    at = {"branches": 20, "effect": 0.2, "trained": 1.0}
    for moved in ({}, {"branches": 12}, {"effect": 0.3}, {"trained": 0.5}):
        explorer.move(**moved)
        at |= moved
        size = {"branches": at["branches"], "trained_share": at["trained"]}
        expected = [plan.power_of(months=m, effect=at["effect"], **size) for m in (2, 4)]
        frame = explorer.chart.frame
        # 1e-9: sliders round the effect to twelve decimals
        np.testing.assert_allclose(frame["chance"], expected, rtol=1e-9)
        assert (frame["low"] < frame["chance"]).all()
        assert (frame["chance"] < frame["high"]).all()
        assert explorer.chart.reference == plan.power
        assert f"with a chance of {100 * frame['chance'].max():.0f} %" in explorer.chart.claim


def test_the_interval_is_that_of_the_smallest_change_found(plan):
    # an effect as large as the plan's smallest change is found with the plan's power; at the ends of its
    # interval, with the power that the slider's interval gives
    row = plan.table.iloc[1]
    at = {"branches": int(row["branches"]), "months": int(row["months"])}
    frame = plan_explorer(plan, branches=at["branches"], effect=float(row["estimate"])).chart.frame
    worst = plan.power_of(**at, effect=row["estimate"] ** 2 / row["conf_high"])
    # 1e-6: the smallest change is found by halving
    assert frame["chance"].iloc[0] == pytest.approx(plan.power, abs=1e-6)
    assert frame["low"].iloc[0] == pytest.approx(worst, rel=1e-9)


def test_the_sentence_says_which_length_suffices(plan):
    explorer = plan_explorer(plan, branches=60, effect=0.4)
    assert explorer.sentence.startswith("2 months before and after suffice for 60 branches")
    explorer.move(effect=0.01)
    assert explorer.sentence.startswith("None of these lengths suffices")


def test_a_plan_without_an_effect_asks_for_one(plan):
    none = plan_study(panel(), outcome="cx", months=[2], branches=[8], draws=100)
    with pytest.raises(DesignError, match="effect is None; say which change is hoped for"):
        plan_explorer(none)
    with pytest.raises(DesignError, match=r"effect is 0\.0; say which change"):
        plan_explorer(plan, effect=0.0)
    with pytest.raises(OptionError, match="give low ≤ value ≤ high"):
        plan_explorer(plan, branches=3)
    hopeless = plan_study(panel(), outcome="cx", effect=0.2, months=[2], branches=[4], draws=100)
    with pytest.raises(DesignError, match="no size of the plan can find anything"):
        plan_explorer(hopeless)


def test_points_are_the_estimates_in_a_frame_that_stays(rolled):
    explorer = event_explorer(rolled, before=6, after=8)
    first, at = explorer.png, {}
    assert (explorer.chart.kind, explorer.chart.begins) == ("event", 0)
    for moved in ({}, {"anticipation": 2}, {"controls": "never treated"}):
        explorer.move(**moved)
        at |= moved
        found = training.group_time_effects(rolled, **at).by_event_time()
        shown = explorer.chart.frame.set_index("event_time")
        assert list(shown.index) == list(range(-6, 9))
        for name in ("estimate", "conf_low", "band_high"):
            expected = found.table.set_index("event_time")[name].reindex(shown.index)
            np.testing.assert_array_equal(shown[name], expected)
        # the period of comparison has no mark
        assert shown["estimate"].isna().sum() == 1
        assert np.isnan(shown["estimate"][-1 - at.get("anticipation", 0)])
        assert explorer.sentence == found.narrative()
        assert explorer.png[16:24] == first[16:24]  # width and height


def test_anticipation_that_leaves_no_period_before_is_told(rolled):
    explorer = event_explorer(rolled, furthest=20)
    before = explorer.png
    explorer.move(anticipation=13)
    assert explorer.png == before
    assert "no period lies before the treatment" in explorer.view.children[-1].value
    with pytest.raises(OptionError, match="give low ≤ value ≤ high"):
        event_explorer(rolled, anticipation=7)

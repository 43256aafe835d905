"""Sliders of notebook 11: what they show is what the public functions say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cemlab import linkage
from cemlab.errors import OptionError
from cemlab.evidence import Evidence
from cemlab.linkage.fees_result import FeeEffect
from cemlab.markup import number
from cemlab.present.widgets import (
    confounder_explorer,
    curve_explorer,
    fee_explorer,
    lag_explorer,
    points_explorer,
)

BRANCHES, MONTHS = 12, 16


def months() -> pd.DataFrame:
    """Months of branches by hand: a point brings 2 at once and 1 a month later, size moves both."""
    rng = np.random.default_rng(5)
    branch, month = np.repeat(np.arange(BRANCHES), MONTHS), np.tile(np.arange(MONTHS), BRANCHES)
    size = np.round(rng.normal(10, 2, BRANCHES * MONTHS), 1)
    cx = rng.normal(0, 1, BRANCHES * MONTHS) + 0.2 * (size - 10)
    halves = cx[:, None] + rng.normal(0, 0.5, (BRANCHES * MONTHS, 2))
    before = np.where(month > 0, np.roll(cx, 1), 0.0)
    margin = 2 * cx + before + 0.3 * size + branch + rng.normal(0, 0.5, BRANCHES * MONTHS)
    frame = pd.DataFrame({"branch": branch, "month": month, "size": size, "margin": margin})
    return frame.assign(cx=halves.mean(axis=1), cx_a=halves[:, 0], cx_b=halves[:, 1])


def linked(*, halves: bool = True) -> linkage.LinkedPanel:
    pair = ("cx_a", "cx_b") if halves else None
    return linkage.linked_panel(months(), outcome="margin", halves=pair, controls=["size"])


@pytest.fixture(scope="module")
def ladder():
    return linkage.value_of_a_point(linked(), lags=1)


@pytest.fixture(scope="module")
def omitted():
    return linkage.omitted_confounder(linked())


def test_lags_are_those_of_the_profile_in_a_frame_that_stays():
    explorer = lag_explorer(linked(), furthest=5)
    first, at = explorer.png, {"lags": 3, "score_error": "taken out"}
    for moved in ({"lags": 1}, {"score_error": "left in"}):
        explorer.move(**moved)
        at |= moved
        found = linkage.lag_profile(linked(), **at)
        shown = explorer.chart.frame.set_index("lag")
        assert list(shown.index) == [0, 1, 2, 3, 4, 5]
        expected = found.table.set_index("lag")[["estimate", "conf_low", "conf_high"]].reindex(shown.index)
        np.testing.assert_array_equal(shown, expected)
        # what was not looked at has no mark
        assert shown["estimate"].isna().sum() == 5 - at["lags"]
        assert explorer.sentence == found.narrative()
        assert explorer.png[16:24] == first[16:24]  # width and height


def test_a_panel_without_halves_has_no_choice_of_the_error():
    alone = linked(halves=False)
    assert set(lag_explorer(alone, furthest=4).values) == {"lags"}
    with pytest.raises(OptionError, match="taken out"):
        lag_explorer(alone, score_error="taken out")
    with pytest.raises(OptionError, match="give low ≤ value ≤ high"):
        lag_explorer(alone, lags=13)


def test_the_curve_is_that_of_shape_of_returns_and_a_refusal_is_told():
    explorer = curve_explorer(linked())
    at = {"curve": "spline", "knots": 4, "score_error": "left in"}
    for moved in ({"knots": 6}, {"curve": "quadratic", "score_error": "taken out"}):
        explorer.move(**moved)
        at |= moved
        found = linkage.shape_of_returns(linked(), **at)
        pd.testing.assert_frame_equal(explorer.chart.frame, found.chart.frame)
        assert explorer.sentence == found.narrative()
    before = explorer.png
    explorer.move(curve="spline")
    assert explorer.png == before
    assert "cannot be taken out of a spline" in explorer.view.children[-1].value


@pytest.fixture(scope="module")
def confounders(omitted):
    return confounder_explorer(omitted, most=400)


def test_a_confounder_as_strong_as_what_is_recorded_leaves_what_the_table_says(confounders, omitted):
    assert list(confounders.values) == ["times", "r2_score", "r2_outcome"]
    columns = ["estimate", "conf_low", "conf_high"]
    table = omitted.table.set_index("confounder")[columns]
    chosen = omitted.at(r2_score=0.3, r2_outcome=0.2).table[columns].iloc[-1]
    for times in (1, 2, 3):
        chart, sentence = confounders.show(times=times, r2_score=0.3, r2_outcome=0.2)
        shown = chart.frame.set_index("confounder")[columns]
        np.testing.assert_array_equal(shown.loc["size, times set"], table.loc[f"{times} x size"])
        np.testing.assert_array_equal(shown.loc["none"], table.loc["none"])
        np.testing.assert_array_equal(shown.iloc[-1], chosen.astype(float))
        assert "explains 30.0 % of what is left of the score and 20.0 %" in sentence
        assert f"one like size leaves least: {number(table.loc[f'{times} x size', 'estimate'])}" in sentence


def test_claims_say_what_takes_the_slope_away(confounders):
    confounders.move(times=400)
    assert confounders.chart.claim == "Nothing can be 400 times as strong as size"
    assert np.isnan(confounders.chart.frame["estimate"].iloc[1])
    said = set()
    for times in np.arange(0.0, 40.0, 0.5):
        chart, _ = confounders.show(times=times, r2_score=0.1, r2_outcome=0.1)
        row = chart.frame.iloc[1]
        if np.isnan(row["estimate"]):
            said.add("Nothing")
        else:
            said.add("The" if row["conf_low"] > 0 else "One")
        assert chart.claim.split()[0] in said
    assert said == {"The", "One", "Nothing"}


def test_without_a_recorded_variable_only_shares_can_be_set():
    found = linkage.omitted_confounder(linkage.linked_panel(months(), outcome="margin"), rung="pooled")
    alone = confounder_explorer(found)
    assert list(alone.values) == ["r2_score", "r2_outcome"]
    # it begins where the interval reaches nought; 0.005: shares are rounded to whole percent
    assert alone.values["r2_score"] == pytest.approx(found.robustness["rv_interval"].iloc[0], abs=0.005)
    assert alone.chart.claim.startswith("Beside such a confounder")


def test_points_are_priced_by_the_rung_chosen(ladder):
    customers = pd.DataFrame({"branch": [f"b{i}" for i in range(11)], "customers": np.arange(11.0) + 1})
    explorer = points_explorer(ladder, customers)
    at = {"points": 0.5, "margin": 1.0, "months": 12}
    rung = ladder.end
    for moved in ({}, {"points": 1.5}, {"margin": 0.4}, {"months": 30}, {"rung": "pooled"}):
        rung = ladder.rung(moved["rung"]) if "rung" in moved else rung
        at |= {name: value for name, value in moved.items() if name != "rung"}
        chart, sentence = explorer.show(**explorer.values | at | moved)
        found = linkage.priced_points(rung, customers=customers, currency="EUR", **at)
        assert chart.claim == found.chart.claim
        assert sentence == found.narrative()
        # the 8 branches with most customers, and money in proportion to them
        money = chart.frame["estimate"]
        by_hand = rung.estimate * at["points"] * at["months"] * at["margin"] * np.arange(11, 3, -1)
        np.testing.assert_allclose(money, by_hand, rtol=1e-12)  # rounding of one product
    assert "The 8 with most customers; 3 more." in explorer.chart.note
    with pytest.raises(OptionError, match="no Slope of the rung named 'none of them'; there are: pooled"):
        points_explorer(ladder, customers, rung="none of them")


def test_a_fee_is_set_against_the_margin_that_leaves():
    table = pd.DataFrame({"estimate": [0.04], "conf_low": [0.02], "conf_high": [0.06]})
    evidence = Evidence(grade="experiment", design="By lot.", unit="fees due", n_used=900, n_given=900)
    effect = FeeEffect(table=table, evidence=evidence, fee=30.0, currency="EUR")
    explorer = fee_explorer(effect, margin=20.0)
    # income 30; 0.04 of customers × 20 × 24 months = 19.2 lost
    np.testing.assert_allclose(explorer.chart.frame["estimate"], [30.0, -19.2, 10.8], rtol=1e-12)
    explorer.move(fee=45.0, months=12, margin=30.0)
    np.testing.assert_allclose(explorer.chart.frame["estimate"], [45.0, -14.4, 30.6], rtol=1e-12)
    assert "of a higher one more may leave" in explorer.sentence
    explorer.move(fee=15.0)
    assert "of a higher one" not in explorer.sentence

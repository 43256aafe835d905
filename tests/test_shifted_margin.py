"""Remaining margin at another pace of leaving: by hand, against spells drawn at it, and its sliders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import DesignError, OptionError
from cemlab.present.widgets import margin_explorer

PERIODS = 30


def drawn(n, *, rate=0.05, seed=1, group="all"):
    """Spells of whole months up to 30, some cut at random, with a margin of 10 a month."""
    rng = np.random.default_rng(seed)
    left = np.ceil(rng.exponential(1 / rate, n))
    seen = rng.integers(1, PERIODS + 1, n)
    return pd.DataFrame(
        {"months": np.minimum(left, seen), "left": left <= seen, "margin": 10.0, "segment": group}
    )


def ratio_of(estimate, *, spread=0.0):
    """Hazard ratios whose term cx has a stated ratio and interval."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"t": rng.exponential(1, 200), "e": 1, "cx": rng.normal(size=200)})
    ratios = survival.hazard_ratios(frame, duration="t", event="e", covariates=["cx"])
    row = ratios.table.iloc[0].to_dict()
    ends = {"conf_low": estimate * np.exp(-spread), "conf_high": estimate * np.exp(spread)}
    table = pd.DataFrame([row | {"estimate": estimate, **ends}])
    return survival.HazardRatios(
        table=table,
        evidence=ratios.evidence,
        conf_level=0.95,
        log_likelihood=0.0,
        proportional=ratios.proportional,
        covariance=ratios.covariance,
    )


def remaining(spells, *, horizon=12, discount=0.0, **options):
    given = {"duration": "months", "event": "left", "margin": "margin", "extrapolate": "steady"}
    return survival.remaining_margin(spells, horizon=horizon, discount=discount, **given | options)


def test_one_customer_and_one_period_by_hand():
    """Of four who began one left in the first month: at half the pace the chance is 1 - sqrt(3 / 4)."""
    spells = pd.DataFrame({"months": [1, 2, 2, 2], "left": [True, False, False, True], "margin": 10.0})
    usual = remaining(spells, horizon=1, extrapolate="steady")
    found = survival.shifted_margin(
        usual, ratios=ratio_of(0.5), term="cx", shift=1, acts_on={"all customers": 1}
    )
    segment, moved = (r.counts.segments["all customers"] for r in (usual, found))
    chance = segment.events / (segment.events + segment.stayed)
    assert moved.events / (moved.events + moved.stayed) == pytest.approx(1 - np.sqrt(1 - chance))
    assert moved.events + moved.stayed == pytest.approx(segment.events + segment.stayed)


def test_a_shift_gives_what_customers_at_that_pace_would_bring():
    """Half the pace of leaving, once by the shift and once by spells drawn at half the pace."""
    today = pd.DataFrame({"months": [5.0] * 200, "left": False, "margin": 10.0, "segment": "all"})
    usual, slow = (
        remaining(pd.concat([drawn(40_000, rate=rate, seed=k), today]))
        for k, rate in enumerate((0.05, 0.025))
    )
    found = survival.shifted_margin(
        usual, ratios=ratio_of(0.5), term="cx", shift=1, acts_on={"all customers": 1}
    )
    # per month and customer of one and the same tenure: the customers of today differ between the draws
    at = [r.by_tenure.set_index("tenure")["estimate"][5] for r in (found, slow)]
    # chances of some 2 % in 12 months, from 20,000 at risk each: one part in a hundred is four errors
    assert at[0] == pytest.approx(at[1], rel=0.01)
    assert at[0] > usual.by_tenure.set_index("tenure")["estimate"][5] * 1.05


def test_no_shift_changes_nothing_and_none_of_the_causes_neither():
    usual = remaining(drawn(500))
    options = {"ratios": ratio_of(0.8, spread=0.1), "term": "cx"}
    assert survival.shifted_margin(usual, **options, shift=0, acts_on={"all customers": 1}) is usual
    found = survival.shifted_margin(usual, **options, shift=1, acts_on={"all customers": 0})
    pd.testing.assert_frame_equal(found.table, usual.table)


def test_two_units_are_one_unit_twice_and_more_causes_move_more():
    usual = remaining(drawn(2000, group="a"), group="segment")
    at = [
        survival.shifted_margin(usual, ratios=ratio_of(r), term="cx", shift=s, acts_on={"a": share}).table
        for r, s, share in ((0.8, 2, 1.0), (0.64, 1, 1.0), (0.64, 1, 0.5), (0.64, -1, 0.5))
    ]
    twice, once, half, worse = (float(table["total"].iloc[0]) for table in at)
    assert twice == pytest.approx(once)
    assert worse < float(usual.table["total"].iloc[0]) < half < once


def test_the_error_of_the_ratio_widens_the_interval_and_moves_nothing():
    usual = remaining(drawn(2000))
    sure, unsure = (
        survival.shifted_margin(
            usual, ratios=ratio_of(0.8, spread=s), term="cx", shift=1, acts_on={"all customers": 1}
        ).table.iloc[0]
        for s in (0.0, 0.2)
    )
    assert sure["estimate"] == unsure["estimate"]
    assert unsure["conf_low"] < sure["conf_low"] < sure["estimate"] < sure["conf_high"] < unsure["conf_high"]
    ends = [
        survival.shifted_margin(
            usual, ratios=ratio_of(0.8 * np.exp(s)), term="cx", shift=1, acts_on={"all customers": 1}
        ).table["estimate"].iloc[0]
        for s in (-0.2, 0.2)
    ]  # fmt: skip
    own = (ends[0] - ends[1]) / 2
    assert unsure["conf_high"] - unsure["estimate"] == pytest.approx(
        np.hypot(sure["conf_high"] - sure["estimate"], own)
    )


def test_the_result_says_that_it_is_a_scenario():
    usual = remaining(drawn(500))
    found = survival.shifted_margin(
        usual, ratios=ratio_of(0.8), term="cx", shift=0.5, acts_on={"all customers": 1}
    )
    assert any("+0.5 in cx" in text and "an assumption" in text for text in found.evidence.assumptions)
    assert found.evidence.grade == usual.evidence.grade


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"term": "nps"}, OptionError, "no term named 'nps'"),
        ({"shift": 9}, OptionError, "shift is 9; give units of cx from -5 to 5"),
        ({"shift": float("nan")}, OptionError, "shift is nan"),
        ({"acts_on": {}}, DesignError, "nothing of the segment 'all customers'"),
        ({"acts_on": {"all customers": 1.2}}, OptionError, "1.2 of all customers is no share"),
    ],
)
def test_misuse_is_refused(options, error, said):
    given = {"ratios": ratio_of(0.8), "term": "cx", "shift": 1, "acts_on": {"all customers": 1}}
    with pytest.raises(error, match=said):
        survival.shifted_margin(remaining(drawn(300)), **given | options)


# --- its sliders


@pytest.fixture(scope="module")
def usual():
    spells = pd.concat([drawn(1500, group="a"), drawn(1500, rate=0.1, seed=3, group="b")])
    return remaining(spells, group="segment", horizon=24, discount=0.08, year=12.0)


def explorer(usual):
    return margin_explorer(usual, ratios=ratio_of(0.8), term="cx", acts_on={"a": 1, "b": 0.5}, unit="EUR")


def test_a_move_shows_what_the_functions_say(usual):
    found = explorer(usual)
    found.move(horizon=36, discount=0.12, shift=0.5)
    moved = usual.moved(horizon=36, discount=0.12)
    shifted = survival.shifted_margin(
        moved, ratios=ratio_of(0.8), term="cx", shift=0.5, acts_on={"a": 1, "b": 0.5}
    )
    shown = found.chart.frame.set_index("segment")["estimate"]
    assert shown.to_dict() == pytest.approx(shifted.table.set_index("segment")["estimate"].to_dict())
    gain = shifted.table["total"].sum() - moved.table["total"].sum()
    assert f"would bring {gain:+,.0f} EUR" in found.sentence
    assert "a scenario, no finding" in found.sentence


def test_without_a_shift_nothing_is_said_of_one_and_what_is_extrapolated_is_marked(usual):
    found = explorer(usual)
    assert "would bring" not in found.sentence
    assert "of a segment's figure is extrapolated" in found.chart.claim
    assert "EXTRAPOLATED" in found.sentence


def test_a_lower_bound_is_marked(usual):
    found = explorer(usual.moved(extrapolate="stop"))
    assert found.chart.claim.endswith("within 24 months, at least")


def test_within_the_data_nothing_is_marked():
    short = pd.concat([drawn(1500), pd.DataFrame({"months": [30.0], "left": True, "margin": 10.0})])
    short.loc[~short["left"], "months"] = short.loc[~short["left"], "months"].clip(upper=12)
    found = margin_explorer(remaining(short, horizon=6, extrapolate=None))
    assert found.chart.claim.endswith("within 6 months")


def test_segments_keep_their_places_and_the_frame_its_size(usual):
    found = explorer(usual)
    before = found.chart.frame["segment"].tolist()
    found.move(horizon=6, shift=-1)
    assert found.chart.frame["segment"].tolist() == before
    assert found.chart.x_label == explorer(usual).chart.x_label


def test_without_ratios_there_is_no_slider_for_experience(usual):
    found = margin_explorer(usual)
    assert set(found.values) == {"horizon", "discount"}
    with pytest.raises(OptionError, match="no control named 'shift'"):
        found.move(shift=1)

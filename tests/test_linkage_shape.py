"""The shape of returns: against R, planted curves with their bands, error in the score, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.errors import DesignError, OptionError
from cemlab.linkage import linked_panel, shape_of_returns
from cemlab.linkage.shape_curves import curve_table, fitted
from cemlab.stats.natural_splines import natural_spline
from cemlab.stats.split_slopes import split_slopes
from cemlab.stats.within_slopes import Grid, within_slopes

REFERENCE = Path(__file__).parent / "reference"
R = json.loads((REFERENCE / "shape.json").read_text())


def planted(seed, *, units=40, periods=12, slope=1.0, bend=0.5, error=0.0, noise=0.5, curve=None):
    """Return a panel whose outcome is slope x + bend x² (or a curve), with levels that go with the score."""
    rng = np.random.default_rng(seed)
    unit, period = np.divmod(np.arange(units * periods), periods)
    level = rng.normal(0, 0.6, units)
    x = level[unit] + rng.normal(0, 0.5, len(unit))
    # two halves without any error are refused
    halves = x[:, None] + rng.normal(0, max(error, 1e-3) * 2**0.5, (len(unit), 2))
    y = slope * x + bend * x**2 if curve is None else curve(x)
    frame = pd.DataFrame(
        {
            "branch": [f"b{u:02d}" for u in unit],
            "month": period,
            "cx": halves.mean(axis=1),
            "cx_a": halves[:, 0],
            "cx_b": halves[:, 1],
            "profit": y + 3 * level[unit] + np.sin(period) + rng.normal(0, noise, len(unit)),
        }
    )
    if error:
        return linked_panel(frame, outcome="profit", halves=("cx_a", "cx_b"), outcome_unit="EUR")
    # a reader's halves may not be one column; without error they are
    panel = linked_panel(frame, outcome="profit", outcome_unit="EUR")
    return replace(panel, halves=np.column_stack([panel.score, panel.score]))


@pytest.fixture(scope="module")
def r_panel():
    frame = pd.read_csv(REFERENCE / "shape.csv")
    return linked_panel(frame, outcome="profit", controls=["size"])


def test_agrees_with_r_on_a_panel_with_gaps(r_panel):
    found = fitted(r_panel, curve="spline", knots=R["knots"], score_error="left in")
    columns, slopes = found.columns(np.array(R["at"]))
    # both solve the same normal equations: what is left is rounding
    np.testing.assert_allclose(found.moved(columns)[0], R["spline"]["estimate"], rtol=1e-9)
    covariance = columns @ found.fit.plain_covariance[:3, :3] @ columns.T
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), R["spline"]["std_error"], rtol=1e-9)
    # R's slopes are central differences over 2e-4, whose own error is of the order of 1e-8 to 1e-6
    np.testing.assert_allclose(found.moved(slopes)[0], R["spline_slope"], rtol=1e-5)
    jackknife = np.sqrt(np.diag(columns @ found.fit.covariance[:3, :3] @ columns.T))
    # six of 180 rows are gaps: by so much a branch's weight in a month may differ from that in all
    np.testing.assert_allclose(jackknife, R["spline_jackknife"], rtol=6 / 180)


def test_a_weighted_quadratic_agrees_with_r():
    frame = pd.read_csv(REFERENCE / "shape.csv")
    panel = linked_panel(frame, outcome="profit", weights="customers")
    found = fitted(panel, curve="quadratic", knots=4, score_error="left in")
    # R's square is of the score, ours of what it is above the mean: the slope at a score of nought
    at_nought = np.array([[1.0, -2 * found.reference], [0.0, 1.0]])
    np.testing.assert_allclose(found.moved(at_nought)[0], R["quadratic"]["estimate"], rtol=1e-9)
    covariance = at_nought @ found.fit.plain_covariance @ at_nought.T
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), R["quadratic"]["std_error"], rtol=1e-9)


def test_bands_hold_the_whole_curve_and_its_slope_as_often_as_they_say():
    curve_held, slope_held, straight = [], [], []
    for seed in range(30):
        panel = planted(seed, bend=0.0)
        found = fitted(panel, curve="spline", knots=4, score_error="left in")
        table = curve_table(found, panel.score, conf_level=0.95, seed=1)
        truth = table["score"] - panel.score.mean()
        curve_held.append(bool(((table["band_low"] <= truth) & (truth <= table["band_high"])).all()))
        slope_held.append(bool(((table["slope_band_low"] <= 1) & (table["slope_band_high"] >= 1)).all()))
        straight.append(found.fit.wald(np.eye(3)[1:])[3] < 0.05)
    # of 30 panels, four standard errors of a share of .95 are .16
    assert np.mean(curve_held) > 0.79
    assert np.mean(slope_held) > 0.79
    assert np.mean(straight) < 0.21


def test_halves_take_the_error_out_of_slope_and_bend():
    found = {"taken out": [], "left in": []}
    held = []
    for seed in range(30):
        panel = planted(seed, error=0.35)
        for way, kept in found.items():
            fit = fitted(panel, curve="quadratic", knots=4, score_error=way)
            # the slope at a score of nought, and the bend
            kept.append(
                [fit.fit.coefficient[0] - 2 * fit.reference * fit.fit.coefficient[1], fit.fit.coefficient[1]]
            )
            if way == "taken out":
                held.append(abs(kept[-1][1] - 0.5) < 2.023 * fit.fit.covariance[1, 1] ** 0.5)
    corrected, raw = (np.array(found[way]) for way in ("taken out", "left in"))
    error = corrected.std(axis=0, ddof=1) / len(corrected) ** 0.5
    # four standard errors of the mean over the panels
    assert (np.abs(corrected.mean(axis=0) - [1.0, 0.5]) < 4 * error).all()
    # .25 of the variance within is the score's, .12 the error's: two thirds of a slope are left
    assert raw[:, 0].mean() < 0.8
    assert raw[:, 1].mean() < 0.4
    assert np.mean(held) > 0.79


def skewed(seed, *, error):
    """Return a panel of 60 units in 24 periods whose outcome is a line on a score with a long left tail."""
    rng = np.random.default_rng(seed)
    unit, period = np.divmod(np.arange(60 * 24), 24)
    x = -0.3 * rng.gamma(1.0, 1.0, len(unit))
    halves = x[:, None] + rng.normal(0, error * 2**0.5, (len(unit), 2))
    frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": halves.mean(axis=1)})
    frame[["cx_a", "cx_b"]] = halves
    frame["profit"] = 28 * x + rng.normal(0, 3, len(unit))
    return linked_panel(frame, outcome="profit", halves=("cx_a", "cx_b"))


def test_an_error_left_in_a_skewed_score_bends_a_line_and_no_bend_is_told():
    panel = skewed(1, error=0.3)
    found = shape_of_returns(panel)
    # the line is found bent, far beyond chance: so the words must not follow the interval
    assert found.straight["p_value"].iloc[0] < 1e-6
    assert found.evidence.failed[-1].name == "error left in and score skewed"
    assert "cannot be told from skewed scores" in found.chart.claim
    assert "cannot be told from skewed scores" in found.narrative()
    unknown = shape_of_returns(replace(panel, halves=None)).evidence.checks[-1]
    assert unknown.passed is False
    assert "shared" not in unknown.detail
    mended = shape_of_returns(panel, curve="quadratic", score_error="taken out")
    assert "skewed" not in " ".join(check.name for check in mended.evidence.checks)
    assert "not settled" in mended.chart.claim
    # skewed without error, or error without skew: nothing bends
    for clean in (skewed(1, error=0.001), planted(5, bend=0.0, error=0.3)):
        line = shape_of_returns(clean)
        assert line.evidence.checks[-1].passed
        assert "not settled" in line.chart.claim


def test_a_corrected_line_is_that_of_split_slopes_in_a_balanced_panel():
    panel = planted(3, error=0.3)
    found = fitted(panel, curve="line", knots=4, score_error="taken out")
    shape = (len(panel.units), len(panel.periods))
    known = split_slopes(
        panel.outcome.reshape(1, *shape),
        first=panel.halves[:, 0].reshape(shape),
        second=panel.halves[:, 1].reshape(shape),
    )
    # the same sums in another order
    np.testing.assert_allclose(found.fit.coefficient[0], known.estimate[0], rtol=1e-10)


def test_errors_leave_each_cluster_out():
    unit = np.arange(20) // 4
    grid = Grid(unit=unit, period=np.zeros(20, dtype=np.int64), cluster=unit, weights=np.ones(20))
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 20))
    found = within_slopes(y, design=x[:, None], grid=grid, names=["x"])

    def slope(keep):
        a, b = (v[keep] - np.bincount(unit[keep], v[keep])[unit[keep]] / 4 for v in (x, y))
        return a @ b / (a @ a)

    without = np.array([slope(unit != u) if u else slope(unit != 0) for u in range(5)])
    whole = slope(unit >= 0)
    # one period: nothing is found anew, so that the jackknife is exact but for rounding
    np.testing.assert_allclose(found.covariance[0, 0], 0.8 * ((without - whole) ** 2).sum(), rtol=1e-9)


def test_where_nothing_more_is_gained_is_said_with_what_is_still_possible():
    flat = shape_of_returns(planted(5, units=60, curve=lambda x: 2 * np.minimum(x, 0.0)), knots=5)
    # gains end at nought; the band needs some way to tell, and a spline is smooth
    assert -0.6 < flat.flat_from < 1.0
    assert "does not say" in flat.narrative()
    assert "fall" in flat.narrative()
    risen = shape_of_returns(planted(5), curve="quadratic")
    assert "returns rise with the score" in risen.narrative()
    assert risen.slopes.iloc[3]["conf_low"] > 0
    line = shape_of_returns(planted(5), curve="line")
    assert np.isnan(line.flat_from)
    assert "no bend could show" in line.narrative()
    assert line.chart.claim == "One slope for all scores"
    assert np.isnan(line.straight["p_value"].iloc[0])
    for found in (flat, risen, line):
        assert list(found.summary["at"])[3] == "high less low"
        assert "band" in found.chart.alt_text() or found.chart.frame["band_low"].notna().all()


def test_a_bend_between_units_is_told_from_one_within():
    panel = planted(6, units=60, bend=0.0, noise=0.3)
    level = np.bincount(panel.unit, panel.score) / len(panel.periods)
    # a unit's slope goes with its level: no unit bends by itself
    steeper = replace(panel, outcome=panel.outcome + 2 * level[panel.unit] * panel.score)
    assert shape_of_returns(steeper, curve="quadratic").evidence.failed[-1].name == (
        "bend between and within units"
    )
    assert shape_of_returns(planted(6), curve="quadratic").evidence.checks[-2].passed


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.floats(0.1, 50), st.floats(-100, 100))
def test_levels_do_not_matter_and_units_of_money_carry_over(times, shift):
    panel = planted(7, units=12, periods=6)
    moved = replace(panel, outcome=times * panel.outcome + shift * panel.unit - 3 * shift * panel.period)
    one, other = (shape_of_returns(p, knots=3).table for p in (panel, moved))
    for name in ("estimate", "slope_std_error"):
        # levels up to 5,000 leave twelve digits of the outcome
        np.testing.assert_allclose(other[name], times * one[name], rtol=1e-6, atol=1e-8 * times)


def test_a_natural_spline_runs_straight_beyond_its_outer_knots_and_smoothly_between():
    x = np.linspace(-3, 3, 6001)
    columns, slopes = natural_spline(x, knots=[-1.0, 0.0, 0.5, 1.0])
    # the mean of the slopes at both ends is off a step's rise by the cube of 1e-3
    np.testing.assert_allclose(np.diff(columns, axis=0), (slopes[1:] + slopes[:-1]) / 2 * 1e-3, atol=1e-8)
    for beyond in (x < -1, x > 1):
        np.testing.assert_allclose(np.ptp(slopes[beyond], axis=0), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("kinds", "error", "words"),
    [
        ({"curve": "spiral"}, OptionError, "curve"),
        ({"score_error": "gone"}, OptionError, "score's error"),
        ({"knots": 2}, OptionError, "3 to 7"),
        ({"knots": True}, OptionError, "3 to 7"),
        ({"knots": [0.0, 0.1]}, OptionError, "three and more"),
        ({"knots": "four"}, OptionError, "three and more"),
        ({"knots": [0.2, 0.1, 0.3]}, OptionError, "rising"),
        ({"knots": [-99.0, 0.0, 0.3]}, OptionError, "among the scores"),
        ({"score_error": "taken out"}, OptionError, "out of a spline"),
        ({"conf_level": 1.2}, OptionError, "conf_level"),
        ({"seed": -1}, OptionError, "seed"),
    ],
)
def test_refuses_options(kinds, error, words):
    with pytest.raises(error, match=words):
        shape_of_returns(planted(8), **kinds)


def test_refuses_what_cannot_be_told():
    panel = planted(8)
    rounded = replace(panel, score=np.sign(panel.score))
    with pytest.raises(DesignError, match="fewer knots"):
        shape_of_returns(rounded)
    with pytest.raises(DesignError, match="bend 1"):
        shape_of_returns(rounded, curve="quadratic")
    with pytest.raises(DesignError, match="halves"):
        shape_of_returns(replace(panel, halves=None), curve="line", score_error="taken out")
    noise = np.random.default_rng(9).normal(size=panel.halves.shape)
    for curve in ("line", "quadratic"):
        with pytest.raises(DesignError, match="share"):
            shape_of_returns(replace(panel, halves=noise), curve=curve, score_error="taken out")
    few = replace(panel, cluster=panel.unit % 2)
    with pytest.raises(DesignError, match="cluster"):
        shape_of_returns(few)
    with pytest.raises(DesignError, match="jointly"):
        shape_of_returns(replace(panel, cluster=panel.unit % 3), knots=7)
    with pytest.raises(OptionError, match="rising"):
        natural_spline([1.0], knots=[0.0, 1.0])

"""Slopes by segment and slopes of losses and gains: against R and by hand, planted truths, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as f_distribution

from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import linked_panel, penalty_reward, segments_of, slope_by_segment
from cemlab.linkage.moderation import SegmentSlopes
from cemlab.stats.holm import holm

REFERENCE = Path(__file__).parent / "reference"


def planted(seed, *, slopes=(1.0, 1.0, 1.0), of_each=12, periods=8, error=(0.0, 0.0, 0.0), gain=1.0):
    """Return a panel whose segments have their own slopes, gains weighing `gain` times what losses weigh."""
    rng = np.random.default_rng(seed)
    unit, period = np.divmod(np.arange(3 * of_each * periods), periods)
    kind = unit % 3
    x = rng.normal(0, 0.5, 3 * of_each)[unit] + rng.normal(0, 0.5, len(unit))
    # two halves without any error are refused
    halves = x[:, None] + np.maximum(error, 1e-3)[kind, None] * rng.normal(0, 2**0.5, (len(unit), 2))
    y = np.array(slopes)[kind] * np.where(x > 0, gain * x, x) + np.cos(period) + unit
    frame = pd.DataFrame(
        {
            "branch": [f"b{u:02d}" for u in unit],
            "month": period,
            "format": np.array(["city", "mall", "park"])[kind],
            "cx": halves.mean(axis=1),
            "cx_a": halves[:, 0],
            "cx_b": halves[:, 1],
            "profit": y + rng.normal(0, 0.3, len(unit)),
        }
    )
    # a reader's halves may not be one column; without error they are
    named = ("cx_a", "cx_b") if any(error) else None
    panel = linked_panel(frame, outcome="profit", halves=named, outcome_unit="EUR")
    if named is None:
        panel = replace(panel, halves=np.column_stack([panel.score, panel.score]))
    return panel, segments_of(frame, segment="format")


def test_slopes_agree_with_r_and_welchs_test_with_its_formula():
    frame = pd.read_csv(REFERENCE / "shape.csv")
    panel = linked_panel(frame, outcome="profit")
    found = slope_by_segment(panel, segments=segments_of(frame, segment="format"), segment_name="format")
    told = json.loads((REFERENCE / "shape.json").read_text())["segments"]
    # both solve the same normal equations: what is left is rounding
    np.testing.assert_allclose(found.table["estimate"], told["estimate"], rtol=1e-9)
    # of five branches a slope without one of them is another: larger than the usual error, not twice as large
    ratio = found.table["std_error"].to_numpy() / told["std_error"]
    assert ((ratio > 1) & (ratio < 2)).all()
    # five branches each, and little from the others by way of the months
    assert found.table["df"].between(4, 5).all()
    b, w = found.table["estimate"].to_numpy(), found.table["std_error"].to_numpy() ** -2.0
    loose = ((1 - w / w.sum()) ** 2 / found.table["df"]).sum()
    statistic = (w @ (b - w @ b / w.sum()) ** 2 / 2) / (1 + 2 / 8 * loose)
    test = found.interaction.iloc[0]
    assert test["statistic"] == pytest.approx(statistic)
    assert test["p_value"] == pytest.approx(f_distribution.sf(statistic, 2, 8 / (3 * loose)))


def test_intervals_hold_at_once_and_false_alarms_stay_rare():
    held, alarms, welch = [], [], []
    for seed in range(30):
        panel, segments = planted(seed)
        found = slope_by_segment(panel, segments=segments)
        held.append(bool(found.table["conf_low"].le(1).all() and found.table["conf_high"].ge(1).all()))
        alarms.append(bool(found.apart))
        welch.append(found.interaction["p_value"].iloc[0] < 0.05)
    # of 30 panels, four standard errors of a share of .05 are .16
    assert np.mean(held) > 0.79
    assert np.mean(alarms) < 0.21
    assert np.mean(welch) < 0.21


def test_a_segment_that_differs_is_found_and_named():
    panel, segments = planted(1, slopes=(1.0, 1.0, 1.6))
    for control in ("holm", "bh"):
        found = slope_by_segment(panel, segments=segments, segment_name="format", control=control)
        assert "park" in found.apart
        assert "park" in found.chart.claim
        assert found.table.loc[2, "difference"] == pytest.approx(
            found.table.loc[2, "estimate"] - found.table["estimate"][:2].mean()
        )
        assert found.summary["segment"].tolist() == ["city", "mall", "park"]
        assert found.interaction["p_value"].iloc[0] < 0.001
        assert "(park). One slope for all" in found.narrative()
    panel, segments = planted(2)
    alike = slope_by_segment(panel, segments=segments)
    assert not alike.apart
    assert "no proof that all are alike" in alike.narrative()
    assert "told from" in alike.chart.claim


def test_segments_whose_scores_carry_more_error_look_flatter_until_it_is_taken_out():
    panel, segments = planted(3, of_each=40, error=(0.0, 0.1, 0.6))
    raw, clean = (
        slope_by_segment(panel, segments=segments, score_error=way) for way in ("left in", "taken out")
    )
    assert raw.apart[-1] == "park"
    # of .25 within, .36 of error leave four tenths
    assert raw.table.loc[2, "estimate"] < 0.6
    assert (clean.table["conf_low"] <= 1).all()
    assert (clean.table["conf_high"] >= 1).all()


def test_clusters_across_segments_and_small_segments_are_said():
    panel, segments = planted(4)
    across = slope_by_segment(replace(panel, cluster=panel.unit // 3), segments=segments)
    assert [check.name for check in across.evidence.failed] == ["clusters within segments"]
    few, those = planted(4, of_each=4)
    assert [c.name for c in slope_by_segment(few, segments=those).evidence.failed] == [
        "units in each segment"
    ]
    assert isinstance(across, SegmentSlopes)


def test_refuses_segments_that_cannot_be_compared():
    panel, segments = planted(5)
    with pytest.raises(DataError, match="b00"):
        slope_by_segment(panel, segments={u: s for u, s in segments.items() if u != "b00"})
    with pytest.raises(DesignError, match="two"):
        slope_by_segment(panel, segments=dict.fromkeys(segments, "all"))
    with pytest.raises(DesignError, match="lone: a single unit"):
        slope_by_segment(panel, segments={**segments, "b00": "lone"})
    one_cluster = np.where(panel.unit % 3 == 0, 0, panel.unit)
    with pytest.raises(DesignError, match="city: a single cluster"):
        slope_by_segment(
            replace(panel, cluster=np.unique(one_cluster, return_inverse=True)[1]), segments=segments
        )
    with pytest.raises(DesignError, match="halves"):
        slope_by_segment(replace(panel, halves=None), segments=segments, score_error="taken out")
    with pytest.raises(OptionError, match="control"):
        slope_by_segment(panel, segments=segments, control="none")
    with pytest.raises(OptionError, match="error"):
        slope_by_segment(panel, segments=segments, score_error="gone")
    frame = pd.DataFrame({"branch": ["a", "a"], "format": ["city", "park"]})
    with pytest.raises(DataError, match="city and park"):
        segments_of(frame, segment="format")
    with pytest.raises(ColumnError, match="form"):
        segments_of(frame, segment="form")


def test_holm_steps_down():
    # by hand: 3 × .01, 2 × .02, then 1 × .5; what is smaller than its forerunner takes its value
    np.testing.assert_allclose(holm([0.5, 0.01, 0.02]), [0.5, 0.03, 0.04])
    np.testing.assert_allclose(holm([0.02, 0.02, 0.9, 0.9]), [0.08, 0.08, 1.0, 1.0])


def test_losses_and_gains_have_their_planted_slopes():
    more = []
    for seed in range(30):
        panel, _ = planted(seed, gain=1.5)
        table = penalty_reward(panel, reference=0).table
        more.append(bool(table.loc[2, "conf_low"] <= 0.5 <= table.loc[2, "conf_high"]))
        assert table.loc[2, "estimate"] == pytest.approx(table.loc[1, "estimate"] - table.loc[0, "estimate"])
    # of 30 panels, four standard errors of a share of .95 are .16
    assert np.mean(more) > 0.79


def test_a_kink_is_told_by_hand_and_verdicts_follow_the_interval():
    panel, _ = planted(6, gain=2.0)
    rewarded = penalty_reward(panel, reference=0.0)
    assert "gained brings more" in rewarded.chart.claim
    punished = penalty_reward(replace(panel, outcome=-panel.outcome, score=-panel.score), reference=0.0)
    # mirrored in both axes, a kink that rises is one that falls
    assert "lost takes more" in punished.narrative()
    open_one = penalty_reward(planted(6, gain=1.0)[0])
    assert "not settled" in open_one.narrative()
    assert open_one.summary["term"].tolist() == ["loss", "gain", "gain less loss"]


def test_what_falls_back_and_what_is_error_is_said():
    panel, _ = planted(7, error=(0.5, 0.5, 0.5))
    checks = {check.name: check for check in penalty_reward(panel).evidence.checks}
    assert checks["falling back"].passed is False
    assert checks["gains that are gains"].passed is False
    clean = {c.name: c for c in penalty_reward(planted(7)[0]).evidence.checks}
    assert clean["gains that are gains"].passed is True
    bare = penalty_reward(replace(panel, halves=None))
    assert {c.name: c for c in bare.evidence.checks}["gains that are gains"].passed is None
    assert "takes the score to carry no error" in bare.narrative()


def test_no_verdict_from_a_skewed_score_with_error():
    rng = np.random.default_rng(3)
    unit, period = np.divmod(np.arange(60 * 24), 24)
    x = -0.3 * rng.gamma(1.0, 1.0, len(unit))
    halves = x[:, None] + rng.normal(0, 0.4, (len(unit), 2))
    frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": halves.mean(axis=1)})
    frame[["cx_a", "cx_b"]] = halves
    frame["profit"] = 28 * x + rng.normal(0, 3, len(unit))
    panel = linked_panel(frame, outcome="profit", halves=("cx_a", "cx_b"))
    for reference in ("own mean", "last period"):
        found = penalty_reward(panel, reference=reference)
        # a line: the slopes differ by the error alone, and the interval is sure of it
        assert found.table.loc[2, "conf_high"] < 0
        assert "cannot be told" in found.chart.claim
        assert "lost takes more" not in found.narrative()


def test_from_the_last_period_a_line_has_one_slope():
    """Scores drop at once and recover slowly, as levels with memory and a long left tail do."""
    rng = np.random.default_rng(4)
    new = -rng.gamma(1.0, 1.0, (60, 40))
    x = np.zeros((60, 40))
    for t in range(1, 40):
        x[:, t] = 0.5 * x[:, t - 1] + new[:, t]
    unit, period = np.divmod(np.arange(60 * 30), 30)
    score = x[:, 10:].ravel()
    frame = pd.DataFrame({"branch": unit.astype(str), "month": period, "cx": score})
    frame["profit"] = 28 * score + rng.normal(0, 5, len(unit))
    found = penalty_reward(linked_panel(frame, outcome="profit"), reference="last period").table
    assert found.loc[2, "conf_low"] < 0 < found.loc[2, "conf_high"]
    # four standard errors
    assert (np.abs(found["estimate"] - [28.0, 28.0, 0.0]) < 4 * found["std_error"]).all()


def test_the_last_period_as_reference_leaves_first_rows_out():
    panel, _ = planted(8)
    found = penalty_reward(panel, reference="last period")
    assert found.evidence.n_used == 36 * 7
    assert found.evidence.n_given == 36 * 8
    shown = linked_panel(
        pd.DataFrame(
            {
                "branch": [f"b{u}" for u in panel.unit],
                "month": panel.period,
                "cx": panel.score,
                # what the last period's score makes of this one, without noise; the first is anything
                "profit": [
                    0.0 if p == 0 else (2.0 if d < 0 else 3.0) * d
                    for p, d in zip(panel.period, np.diff(panel.score, prepend=0.0), strict=True)
                ],
            }
        ),
        outcome="profit",
    )
    # no noise: the planted slopes but for rounding
    told = penalty_reward(shown, reference="last period").table["estimate"]
    np.testing.assert_allclose(told, [2.0, 3.0, 1.0], atol=1e-9)


@pytest.mark.parametrize(
    ("reference", "error", "words"),
    [
        ("own median", OptionError, "own mean"),
        (True, OptionError, "a score"),
        (float("nan"), OptionError, "a score"),
        (99.0, DesignError, "side of gain"),
        (-99.0, DesignError, "side of loss"),
    ],
)
def test_refuses_references(reference, error, words):
    with pytest.raises(error, match=words):
        penalty_reward(planted(9)[0], reference=reference)


def test_refuses_a_last_period_nobody_has():
    panel, _ = planted(9)
    every_second = panel.period % 2 == 0
    gaps = replace(
        panel,
        **{
            n: getattr(panel, n)[every_second]
            for n in ("unit", "period", "outcome", "score", "cluster", "weights")
        },
        halves=None,
        controls=panel.controls[every_second],
    )
    with pytest.raises(DesignError, match="two periods in a row"):
        penalty_reward(gaps, reference="last period")

"""Confounders nobody recorded: the published case, the algebra, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.omitted import omitted_confounder
from cemlab.stats.robustness_value import adjusted_slope, partial_r2, robustness_value, times_as_strong

# Cinelli & Hazlett (2020), the Darfur study: slope, its error, and degrees of freedom
SLOPE, ERROR, DF = 0.09731582, 0.02325654, 783


def panel(n=30, t=8, seed=3, controls=2):
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    beside = rng.standard_normal((n * t, controls))
    score = (
        rng.standard_normal(n * t) + beside @ np.linspace(0.8, 0.3, controls) + rng.standard_normal(n)[unit]
    )
    outcome = score + beside.sum(axis=1) + rng.standard_normal(n * t)
    return LinkedPanel(
        units=tuple(f"u{i}" for i in range(n)), periods=tuple(range(t)), unit=unit, period=period,
        outcome=outcome, score=score, halves=None, controls=beside,
        control_names=tuple(f"control {i}" for i in range(controls)), weights=rng.uniform(0.5, 2, n * t),
        cluster=unit, outcome_name="profit", score_name="cx", outcome_unit="EUR", n_given=n * t,
    )  # fmt: skip


def without(linked, number):
    """Return the panel with one control not recorded, and that control."""
    fewer = replace(
        linked,
        controls=np.delete(linked.controls, number, axis=1),
        control_names=tuple(name for j, name in enumerate(linked.control_names) if j != number),
    )
    return fewer, linked.controls[:, number]


def partial(linked, hidden, rung):
    """Return the partial R² of a hidden column with score and outcome, from plain regressions on dummies."""
    root = np.sqrt(linked.weights)
    beside = [np.ones(len(root)), *linked.controls.T]
    if rung == "within":
        beside += [linked.unit == u for u in range(1, len(linked.units))]
        beside += [linked.period == t for t in range(1, len(linked.periods))]
    z = np.column_stack(beside) * root[:, None]

    def rest(values, design):
        return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]

    d, y, h = linked.score * root, linked.outcome * root, hidden * root
    known = np.column_stack([z, d])
    r2_outcome = (
        (rest(y, known) @ rest(h, known)) ** 2 / (rest(y, known) ** 2).sum() / (rest(h, known) ** 2).sum()
    )
    full = np.column_stack([z, h, d])
    beta = np.linalg.lstsq(full, y, rcond=None)[0]
    left = y - full @ beta
    error = np.sqrt(left @ left / (len(y) - full.shape[1]) * np.linalg.inv(full.T @ full)[-1, -1])
    # the constant of weighted columns is not their mean, so correlations are taken about nought
    r2_score = (rest(d, z) @ rest(h, z)) ** 2 / (rest(d, z) ** 2).sum() / (rest(h, z) ** 2).sum()
    return r2_score, r2_outcome, beta[-1], error


def test_the_published_case_of_darfur():
    t = SLOPE / ERROR
    # published to one digit: 13.9, 7.6 and 2.2 percent
    assert robustness_value(t, df=DF) == pytest.approx(0.139, abs=0.0005)
    assert robustness_value(t, df=DF, t_critical=1.96301) == pytest.approx(0.076, abs=0.0005)
    assert partial_r2(t, df=DF) == pytest.approx(0.022, abs=0.0005)
    # one, two and three times as strong as being female: published slopes 0.075, 0.053, 0.030
    score, outcome = np.array([1, 2, 3]) * 0.00916429, np.array([1, 2, 3]) * 0.1246409
    beside = adjusted_slope(
        SLOPE, classical_error=ERROR, std_error=ERROR, df=DF, r2_score=score, r2_outcome=outcome
    )
    assert beside.estimate == pytest.approx([0.0752, 0.0529, 0.0304], abs=0.0001)
    assert beside.std_error == pytest.approx([0.0219, 0.0204, 0.0187], abs=0.0001)


@given(st.floats(0.2, 200), st.integers(5, 5000), st.floats(0.1, 1), st.floats(0, 3), st.floats(0.3, 4))
@settings(max_examples=60, deadline=None)
def test_a_confounder_of_the_robustness_value_brings_the_interval_there(t, df, q, critical, ratio):
    r = robustness_value(t, df=df, q=q, t_critical=critical, ratio=ratio)
    assert 0 <= r < 1
    grid = np.linspace(0, 1, 401)

    def nearest(most):
        """Return how near to the remaining slope the interval comes with confounders up to that strength."""
        beside = adjusted_slope(
            t, classical_error=1, std_error=ratio, df=df, r2_score=most, r2_outcome=grid * most
        )
        return (beside.estimate - critical * beside.std_error).min() - (1 - q) * t

    if r == 0:
        assert q * t <= critical * ratio * np.sqrt(df / (df - 1)) * (1 + 1e-9)
    elif r < 0.999:
        assert nearest(r) <= 1e-3 * t  # the grid finds the worst outcome share to a 400th
        assert nearest(r * 0.98) > -1e-9 * t


@pytest.mark.parametrize("rung", ["controlled", "within"])
@pytest.mark.parametrize("seed", [1, 2])
def test_beside_a_confounder_that_is_then_recorded_the_formula_is_the_regression(rung, seed):
    linked = panel(seed=seed)
    fewer, hidden = without(linked, 0)
    found = omitted_confounder(fewer, rung=rung)
    r2_score, r2_outcome, slope, error = partial(fewer, hidden, rung)
    first = found.robustness.iloc[0]
    beside = adjusted_slope(
        first["estimate"], classical_error=first["classical_error"], std_error=first["classical_error"],
        df=int(first["df"]), r2_score=r2_score, r2_outcome=r2_outcome,
        sign=np.sign(first["estimate"] - slope),
    )  # fmt: skip
    # algebra, so to rounding
    assert float(beside.estimate) == pytest.approx(slope, abs=1e-10)
    assert float(beside.std_error) == pytest.approx(error, rel=1e-9)
    chosen = found.at(r2_score=r2_score, r2_outcome=r2_outcome, name="hidden").table.iloc[-1]
    assert chosen["confounder"] == "hidden"
    assert chosen["estimate"] == pytest.approx(slope, abs=1e-10)


def test_benchmarks_are_the_partial_r2_of_recorded_controls_alone_and_together():
    linked = panel()
    found = omitted_confounder(
        linked, benchmarks={"one": ["control 0"], "both": ["control 0", "control 1"]}, multiples=(0.1,)
    )
    fewer, hidden = without(linked, 0)
    r2_score, r2_outcome, _, _ = partial(fewer, hidden, "controlled")
    row = found.benchmarks.iloc[0]
    assert row["r2_score"] == pytest.approx(r2_score, rel=1e-9)
    assert row["r2_outcome"] == pytest.approx(r2_outcome, rel=1e-9)
    both = found.benchmarks.iloc[1]
    assert both["r2_score"] > row["r2_score"]
    assert len(found.extreme) == 6
    d, y = times_as_strong([0.1], r2_score=row["r2_score"], r2_outcome=row["r2_outcome"])
    once = found.table[found.table["confounder"] == "0.1 x one"].iloc[0]
    assert (once["r2_score"], once["r2_outcome"]) == pytest.approx((d[0], y[0]))
    # a thing so strong cannot be: the row stays, without figures
    impossible = omitted_confounder(linked, multiples=(50,))
    assert impossible.table["estimate"].isna().iloc[1:].all()
    assert "no confounder can be so strong" in impossible.summary["slope"].tolist()


def test_what_no_confounder_can_be_brings_nothing_to_nought():
    linked = panel()
    rng = np.random.default_rng(2)
    # all but a tenth of the score is this control's: as strong again there is no room for
    close = (linked.score + rng.normal(0, 0.3, len(linked.score)))[:, None]
    outcome = 20 * linked.score + rng.normal(0, 0.1, len(linked.score))
    linked = replace(linked, outcome=outcome)
    alone = omitted_confounder(replace(linked, controls=close, control_names=("size",)))
    check = alone.evidence.checks[-1]
    assert check.passed is None
    assert "no confounder can be: size" in check.detail
    assert "bring it to nought" not in check.detail
    # beside one that can be, that one decides
    weak = rng.standard_normal((len(linked.score), 1))
    both = replace(
        linked,
        controls=np.hstack([close, weak]),
        control_names=("size", "age"),
    )
    decided = omitted_confounder(both).evidence.checks[-1]
    assert decided.passed is True
    assert "no confounder can be: size" in decided.detail


def test_contours_fall_from_the_slope_and_the_charts_say_so():
    found = omitted_confounder(panel(), q=0.5)
    grid = found.contours(steps=5)
    assert grid["estimate"].iloc[0] == found.robustness["estimate"].iloc[0]
    cells = grid.pivot(index="r2_outcome", columns="r2_score", values="estimate").to_numpy()
    assert (np.diff(cells, axis=0) <= 0).all()
    assert (np.diff(cells, axis=1) <= 0).all()
    assert found.chart.kind == "forest"
    assert found.contour_chart.kind == "contour"
    assert "by 50.0 %" in found.narrative()
    assert omitted_confounder(panel(), rung="pooled").evidence.grade == "association"


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"benchmarks": ["size"]}, ColumnError, "no control of this rung named 'size'"),
        ({"benchmarks": ["control 0"], "rung": "pooled"}, ColumnError, "there are: "),
        ({"rung": "lagged"}, OptionError, "no rung named"),
        ({"q": 0}, OptionError, "q is 0"),
        ({"multiples": ()}, OptionError, "multiples are"),
        ({"conf_level": 2}, OptionError, "conf_level"),
    ],
)
def test_what_cannot_be_is_refused(change, error, match):
    with pytest.raises(error, match=match):
        omitted_confounder(panel(), **change)


def test_shares_and_panels_that_cannot_be_are_refused():
    linked = panel()
    found = omitted_confounder(linked)
    with pytest.raises(OptionError, match="r2_score is"):
        found.at(r2_score=1.0, r2_outcome=0.1)
    with pytest.raises(OptionError, match="r2_outcome is"):
        found.at(r2_score=0.1, r2_outcome=1.1)
    with pytest.raises(OptionError, match="most=2"):
        found.contours(most=2)
    with pytest.raises(OptionError, match="df is 0"):
        partial_r2(1.0, df=0)
    with pytest.raises(OptionError, match="q is -1"):
        robustness_value(1.0, df=9, q=-1)
    with pytest.raises(OptionError, match="times is"):
        times_as_strong(-1, r2_score=0.1, r2_outcome=0.1)
    lasting = replace(linked, controls=np.arange(30.0)[linked.unit][:, None], control_names=("size",))
    with pytest.raises(DesignError, match="control 'size' is a sum"):
        omitted_confounder(lasting, rung="within")
    with pytest.raises(DesignError, match="nothing of the score is left"):
        omitted_confounder(replace(linked, score=np.arange(30.0)[linked.unit]), rung="within")
    with pytest.raises(DesignError, match="to the last bit"):
        omitted_confounder(replace(linked, outcome=2 * linked.score))
    with pytest.raises(DesignError, match="one cluster"):
        omitted_confounder(replace(linked, cluster=np.zeros(240, dtype=np.int64)))

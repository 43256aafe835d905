"""The arithmetic of group-time effects: by hand, against other packages, and by what must not matter."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from cemlab.errors import DesignError
from cemlab.stats.group_time import group_time
from cemlab.stats.group_time_covariates import OverlapError, compare
from cemlab.stats.multiplier_bands import cluster_sums, errors, simultaneous_critical, variance_factors

REFERENCE = Path(__file__).parent / "reference"
METHODS = ("unadjusted", "regression", "weighting", "doubly robust")
# Sums of a few dozen numbers of size 1 to 10 in double precision.
TIGHT = 1e-10


def drawn(seed: int, *, first=(3, 3, 3, 4, 4, 6, 6, 6, 6, 6), periods=6, k=0):
    rng = np.random.default_rng(seed)
    first = np.array(first)
    return rng.normal(size=(len(first), periods)), first, rng.normal(size=(len(first), periods, k))


def brute(y, first, g, t, *, controls, anticipation=0, base="universal"):
    """Return a difference of differences of means, unit by unit, or None where there is no comparison."""
    periods = y.shape[1]
    b = g - anticipation - 1
    if base == "varying" and t < g:
        b = t - 1
    if b == t or b < 0:
        return None
    never = [u for u in range(len(first)) if first[u] == periods]
    later = [u for u in range(len(first)) if first[u] != g and max(t, b) + anticipation < first[u] < periods]
    control = never if controls == "never treated" else never + later
    if len(control) < 2:
        return None
    mine = [y[u, t] - y[u, b] for u in range(len(first)) if first[u] == g]
    theirs = [y[u, t] - y[u, b] for u in control]
    return sum(mine) / len(mine) - sum(theirs) / len(theirs)


@pytest.mark.parametrize("controls", ["never treated", "not yet treated"])
@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("base", ["universal", "varying"])
def test_every_cell_is_a_difference_of_differences(controls, anticipation, base):
    y, first, _ = drawn(1)
    found = group_time(y, first=first, controls=controls, anticipation=anticipation, base=base)
    cells = {(g, t): e for g, t, e in zip(found.group, found.time, found.estimate, strict=True)}
    expected = {
        (g, t): brute(y, first, g, t, controls=controls, anticipation=anticipation, base=base)
        for g in (3, 4)
        for t in range(6)
    }
    expected = {key: value for key, value in expected.items() if value is not None}
    assert cells.keys() == expected.keys()
    assert all(abs(cells[key] - expected[key]) < TIGHT for key in expected)


def test_those_treated_last_are_compared_with_nobody_from_then_on():
    y, first, _ = drawn(2, first=(3, 3, 5, 5, 5))
    found = group_time(y, first=first)
    assert set(found.time[found.group == 3].tolist()) == {0, 1, 3, 4}
    # of the last group all is left out: nobody is untreated by then
    assert found.left_out == ((3, 5), *((5, time) for time in (0, 1, 2, 3, 5)))
    assert found.n_controls[found.group == 3].tolist() == [3, 3, 3, 3]


def test_controls_of_a_single_cluster_are_none():
    y, first, _ = drawn(3, first=(3, 3, 6, 6))
    cluster = np.array([0, 1, 2, 2])
    assert len(group_time(y, first=first, cluster=cluster).estimate) == 0
    assert len(group_time(y, first=first).estimate) == 5


def test_agrees_with_the_saturated_event_study():
    panel = pd.read_csv(REFERENCE / "group_time.csv")
    stored = json.loads((REFERENCE / "group_time.json").read_text(encoding="utf-8"))
    y = panel.pivot(index="unit", columns="time", values="y").to_numpy()
    began = panel.groupby("unit")["first"].first().to_numpy()
    found = group_time(y, first=np.where(began == 0, 8, began - 1), controls="never treated")
    cells = {
        (int(g) + 1, int(t - g)): e for g, t, e in zip(found.group, found.time, found.estimate, strict=True)
    }
    assert len(stored["effects"]) == len(cells) == 3 * 7
    for one in stored["effects"]:
        # pyfixest takes out fixed effects by iteration, to about 1e-8
        assert abs(cells[one["group"], one["event_time"]] - one["estimate"]) < 1e-7


def test_error_of_two_groups_is_that_of_welch():
    y, first, _ = drawn(4, first=(1, 1, 1, 2, 2, 2, 2), periods=2)
    found = group_time(y, first=first)
    error = errors(found.influence, np.unique(first, return_inverse=True)[1])
    change = y[:, 1] - y[:, 0]
    welch = ttest_ind(change[:3], change[3:], equal_var=False)
    interval = welch.confidence_interval(0.9)
    assert found.estimate[0] == pytest.approx(change[:3].mean() - change[3:].mean(), abs=TIGHT)
    assert error.df[0] == pytest.approx(welch.df, rel=TIGHT)
    assert found.estimate[0] - error.margin(0.9)[0] == pytest.approx(interval.low, abs=TIGHT)


def pair(seed=5, n=80, k=2):
    """Return change, treated, covariates and weights of a comparison with overlap."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    treated = rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    change = rng.normal(size=(n, 3)) + x[:, :1] + 2.0 * treated[:, None]
    return change, treated, x, rng.uniform(0.5, 2, n)


def expected_by(method, change, treated, x, w):
    """Return the estimate from other packages' fits."""
    design = sm.add_constant(x)
    foretold = np.column_stack(
        [sm.WLS(d[~treated], design[~treated], weights=w[~treated]).fit().predict(design) for d in change.T]
    )
    chance = sm.GLM(treated * 1.0, design, family=sm.families.Binomial(), freq_weights=w).fit().predict()
    odds = np.where(treated, 0, w * chance / (1 - chance))
    rest = change if method == "weighting" else change - foretold
    mine = np.average(rest[treated], axis=0, weights=w[treated])
    if method == "regression":
        return mine
    return mine - np.average(rest, axis=0, weights=odds)


@pytest.mark.parametrize("method", METHODS[1:])
def test_covariates_as_other_packages_fit_them(method):
    change, treated, x, w = pair()
    found = compare(change, treated, ~treated, 1e3 * x + 5e4, weights=w, method=method)
    # statsmodels stops its iterations at 1e-8
    assert found.estimate == pytest.approx(expected_by(method, change, treated, x, w), abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_influence_is_the_derivative_by_weights(method):
    """Each unit's influence is what the estimate moves by as its weight grows, nuisances and all."""
    change, treated, x, w = pair(6, n=30)
    found = compare(change, treated, ~treated, x, weights=w, method=method)
    step = 1e-5
    for unit in range(len(w)):
        moved = []
        for sign in (1, -1):
            heavier = w.copy()
            heavier[unit] *= np.exp(sign * step)
            moved.append(compare(change, treated, ~treated, x, weights=heavier, method=method).estimate)
        # a central difference errs by the square of the step, and by rounding over the step
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(found.influence[unit], abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_influence_adds_up_to_nothing_and_spares_those_outside(method):
    change, treated, x, w = pair(7)
    outside = np.arange(len(w)) % 4 == 0
    found = compare(change, treated & ~outside, ~treated & ~outside, x, weights=w, method=method)
    alone = compare(
        change[~outside],
        treated[~outside],
        ~treated[~outside],
        x[~outside],
        weights=w[~outside],
        method=method,
    )
    assert found.influence.sum(axis=0) == pytest.approx(0, abs=TIGHT)
    assert not found.influence[outside].any()
    assert found.influence[~outside] == pytest.approx(alone.influence, abs=TIGHT)
    assert found.estimate == pytest.approx(alone.estimate, abs=TIGHT)


def test_doubly_robust_needs_one_of_two_to_be_right():
    """With a change that is square in the covariate, the regression alone is off; the weights repair it."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(20_000, 1))
    treated = rng.random(len(x)) < 1 / (1 + np.exp(-x[:, 0] + 1))
    change = x**2 + rng.normal(size=x.shape)
    estimates = {
        method: compare(change, treated, ~treated, x, weights=np.ones(len(x)), method=method).estimate[0]
        for method in METHODS
    }
    # the true effect is 0; the errors of this many units are about 0.02
    assert abs(estimates["doubly robust"]) < 0.1
    assert abs(estimates["weighting"]) < 0.1
    assert abs(estimates["regression"]) > 0.2


def test_nobody_comparable_is_refused():
    change, treated, _, w = pair(9)
    apart = np.where(treated, 5.0, -5.0)[:, None]
    with pytest.raises(OverlapError, match="nobody is comparable"):
        compare(change, treated, ~treated, apart, weights=w, method="weighting")


def test_too_many_covariates_are_refused():
    change, treated, x, w = pair(10)
    with pytest.raises(DesignError, match="do not determine a regression"):
        compare(change, treated, ~treated, np.hstack([x, x]), weights=w, method="regression")
    few = ~treated & (np.cumsum(~treated) <= 3)
    with pytest.raises(DesignError, match="the 3 controls"):
        compare(change, treated, few, x, weights=w, method="doubly robust")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), controls=st.sampled_from(["never treated", "not yet treated"]))
def test_effects_of_units_and_periods_change_nothing(seed, controls):
    y, first, _ = drawn(seed)
    rng = np.random.default_rng(seed + 1)
    shifted = y + 10 * rng.normal(size=(len(y), 1)) + 10 * rng.normal(size=6)
    one, other = (group_time(v, first=first, controls=controls) for v in (y, shifted))
    assert one.estimate == pytest.approx(other.estimate, abs=1e-9)
    assert one.influence == pytest.approx(other.influence, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100), method=st.sampled_from(METHODS))
def test_order_of_units_and_scale_of_weights_change_nothing(seed, scale, method):
    y, first, x = drawn(seed, first=[3] * 12 + [6] * 18, k=1)
    weights = np.random.default_rng(seed + 1).uniform(0.5, 2, len(y))
    order = np.random.default_rng(seed + 2).permutation(len(y))
    one = group_time(y, first=first, covariates=x, weights=weights, method=method)
    other = group_time(
        y[order], first=first[order], covariates=x[order], weights=scale * weights[order], method=method
    )
    # the logit is solved to 1e-10 in its coefficients
    assert one.estimate == pytest.approx(other.estimate, abs=1e-7)
    assert one.influence[order] == pytest.approx(other.influence, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), effect=st.floats(-5, 5))
def test_what_is_planted_is_found(seed, effect):
    y, first, _ = drawn(seed)
    after = np.arange(6) >= first[:, None]
    plain, treated = group_time(y, first=first), group_time(y + effect * after, first=first)
    moved = treated.estimate - plain.estimate
    assert moved == pytest.approx(np.where(plain.time >= plain.group, effect, 0), abs=1e-9)


def test_clusters_are_added_up():
    influence = np.arange(12.0).reshape(6, 2)
    sums = cluster_sums(influence, np.array([1, 0, 1, 2, 0, 0]))
    assert sums.tolist() == [[2 + 8 + 10, 3 + 9 + 11], [0 + 4, 1 + 5], [6, 7]]
    assert cluster_sums(influence, np.arange(6)) is influence


def test_one_estimate_needs_no_more_than_its_own_interval():
    sums = np.random.default_rng(1).normal(size=(20, 1))
    stratum = np.zeros(20, dtype=int)
    assert simultaneous_critical(sums, stratum, conf_level=0.95, draws=999, seed=1) == pytest.approx(1.959964)
    again = np.hstack([sums, np.zeros((20, 1))])
    assert simultaneous_critical(again, stratum, conf_level=0.95, draws=999, seed=1) == pytest.approx(
        1.959964
    )


def test_independent_estimates_need_what_sidak_says():
    sums = np.random.default_rng(2).normal(size=(500, 10))
    sums -= sums.mean(axis=0)
    stratum = np.arange(500) % 2
    found = simultaneous_critical(sums, stratum, conf_level=0.95, draws=3_999, seed=1)
    # normal quantile at (1 + 0.95^(1/10)) / 2; a 95 % quantile of 3,999 draws errs by about 0.025
    assert found == pytest.approx(2.7996, abs=0.1)
    assert found == simultaneous_critical(sums, stratum, conf_level=0.95, draws=3_999, seed=1)
    assert found != simultaneous_critical(sums, stratum, conf_level=0.95, draws=3_999, seed=2)


def test_few_clusters_need_more():
    rng = np.random.default_rng(3)
    critical = {}
    for clusters in (8, 400):
        sums = rng.normal(size=(clusters, 10))
        sums -= sums.mean(axis=0)
        critical[clusters] = simultaneous_critical(
            sums, np.zeros(clusters, dtype=int), conf_level=0.95, draws=999, seed=1
        )
    assert critical[8] > 1.15 * critical[400]


def test_weights_that_are_alike_change_no_error():
    rng = np.random.default_rng(5)
    sums, stratum = rng.normal(size=(30, 4)), np.repeat([0, 1, 2], [5, 10, 15])
    alike = np.full(30, 2.5)
    found, weighed = errors(sums, stratum), errors(sums, stratum, weight=alike)
    # the same sums in another order of multiplication
    np.testing.assert_allclose(weighed.std_error, found.std_error, rtol=1e-12)
    np.testing.assert_allclose(weighed.df, found.df, rtol=1e-12)
    options = {"conf_level": 0.9, "draws": 199, "seed": 3}
    bare = simultaneous_critical(sums, stratum, **options)
    # sums are of single precision
    assert simultaneous_critical(sums, stratum, weight=alike, **options) == pytest.approx(bare, rel=1e-4)


def test_few_heavy_units_are_as_few_units():
    # two of ten count for all but nothing: twice the square, one degree of freedom
    weight = np.array([1.0, 1.0, *[1e-9] * 8])
    stratum = np.zeros(10, dtype=np.int64)
    np.testing.assert_allclose(variance_factors(stratum, weight), 2.0, rtol=1e-6)
    found = errors(weight[:, None] * np.array([1.0, -1.0, *[0.0] * 8])[:, None], stratum, weight=weight)
    assert found.std_error[0] == pytest.approx(2.0, rel=1e-6)
    assert found.df[0] == pytest.approx(1.0, rel=1e-6)


def test_bands_of_unequal_weights_hold():
    # without regard to weights these bands held in 62 of 100
    rng = np.random.default_rng(1)
    first, replications, held = np.repeat([3, 5, 7, 9], [14, 14, 12, 20]), 200, 0
    for _ in range(replications):
        weight = np.exp(rng.normal(size=60))
        outcome = rng.normal(size=(60, 9)).cumsum(axis=1)
        found = group_time(outcome, first=first, weights=weight)
        critical = simultaneous_critical(
            found.influence, first, conf_level=0.95, draws=99, seed=1, weight=weight
        )
        own = errors(found.influence, first, weight=weight)
        reach = np.maximum(critical * own.std_error, own.margin(0.95))
        held += bool((np.abs(found.estimate) <= reach).all())
    # of 200 at 95 %: three standard errors below is 0.904
    assert held / replications > 0.9


def test_groups_of_one_cluster_show_their_chance_together():
    rng = np.random.default_rng(7)
    sums = rng.normal(size=(12, 3))
    apart, joined = np.array([0, 1, 2, *[3] * 9]), np.array([0, 0, 0, *[3] * 9])
    found, expected = errors(sums, apart), errors(sums, joined)
    assert found.std_error.tolist() == expected.std_error.tolist()
    assert found.df.tolist() == expected.df.tolist()
    # a single one stays by itself, as before
    assert errors(sums[2:], apart[2:]).std_error == pytest.approx(
        np.sqrt((sums[2] ** 2) + (sums[3:] ** 2).sum(axis=0) * 9 / 8)
    )

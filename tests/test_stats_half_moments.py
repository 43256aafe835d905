"""Moments without the score's error, the paths that follow from them, and what a confounder would leave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from cemlab.errors import DesignError
from cemlab.stats.half_moments import half_moments
from cemlab.stats.mediated import confounded, paths
from cemlab.stats.split_slopes import split_slopes
from cemlab.stats.two_way import within_two_ways

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def stored():
    """R's data, less the levels of units and periods, and R's answers."""
    data = pd.read_csv(REFERENCE / "mediation.csv")
    unit, period = data["unit"].to_numpy(), data["period"].to_numpy()
    within = within_two_ways(data[["x", "m1", "m2", "y"]].to_numpy(), unit=unit, period=period)
    return within, unit, json.loads((REFERENCE / "mediation.json").read_text())


def test_paths_and_their_clustered_errors_are_those_of_lavaan_and_sandwich(stored):
    within, unit, answers = stored
    found = paths(half_moments(within[:, 1:], first=within[:, 0], cluster=unit))
    labels = ["a1", "a2", "b1", "b2", "c", "total"]
    estimate = dict(zip(answers["labels"], answers["estimate"], strict=True))
    errors = dict(zip(answers["labels"], answers["lavaan_error"], strict=True))
    # lavaan iterates to about nine digits
    np.testing.assert_allclose(found.estimate, [estimate[name] for name in labels], rtol=1e-8)
    np.testing.assert_allclose(found.std_error, [errors[name] for name in labels], rtol=1e-7)
    # sandwich solves exactly; our own values may differ by rounding alone
    for name, value in answers["sandwich_error"].items():
        assert found.std_error[labels.index(name)] == pytest.approx(value, rel=1e-10)
    for j in (0, 1):  # the products by the delta method, with the covariance of both legs
        slope = np.zeros(6)
        slope[j], slope[2 + j] = found.estimate[2 + j], found.estimate[j]
        error = np.sqrt(slope @ found.covariance @ slope)
        assert error == pytest.approx(errors[f"i{j + 1}"], rel=1e-7)


def test_slopes_are_those_of_split_slopes_in_a_balanced_panel():
    rng = np.random.default_rng(3)
    n, t = 25, 9
    score = rng.standard_normal((n, t)) + rng.standard_normal((n, 1))
    a, b = score + 0.5 * rng.standard_normal((2, n, t))
    outcomes = np.stack([2 * score, -score]) + rng.standard_normal((2, n, t))
    peer = split_slopes(outcomes, first=a, second=b)
    unit, period = np.repeat(np.arange(n), t), np.tile(np.arange(t), n)
    columns = np.column_stack([a.ravel(), b.ravel(), outcomes.reshape(2, -1).T])
    within = within_two_ways(columns, unit=unit, period=period)
    moments = half_moments(within[:, 2:], first=within[:, 0], second=within[:, 1], cluster=unit)
    found = moments.delta(lambda s: s[0, 1:] / s[0, 0])
    # the same sums in another order
    np.testing.assert_allclose(found.estimate, peer.estimate, rtol=1e-11)
    np.testing.assert_allclose(found.covariance, peer.covariance, rtol=1e-10)
    assert moments.reliability == pytest.approx(peer.reliability, rel=1e-11)
    np.testing.assert_allclose(found.estimate * moments.reliability, peer.naive, rtol=1e-11)


def simulated(seed, *, rho=0.0, n=40, t=24, noise=0.6):
    """Draw a panel whose way by the mediator is 0.8 × 0.5 and whose direct path is 0.3."""
    rng = np.random.default_rng(seed)
    m = n * t
    unit = np.repeat(np.arange(n), t)
    score = rng.standard_normal(m)
    first, second = score + noise * rng.standard_normal((2, m))
    own, other = rng.standard_normal((2, m))
    mediator = 0.8 * score + own
    outcome = 0.3 * score + 0.5 * mediator + rho * own + np.sqrt(1 - rho**2) * other
    return half_moments(np.column_stack([mediator, outcome]), first=first, second=second, cluster=unit)


def test_planted_paths_are_covered_though_the_score_carries_error():
    quantile = student.ppf(0.975, 39)
    truth = np.array([0.8, 0.5, 0.3, 0.7])
    found = [paths(simulated(seed)) for seed in range(200)]
    estimate = np.array([one.estimate for one in found])
    error = np.array([one.std_error for one in found])
    covered = (np.abs(estimate - truth) < quantile * error).mean(axis=0)
    # four standard errors of a share of 200 are 6 points
    assert (covered > 0.89).all()
    # four standard errors of a mean of 200
    assert (np.abs(estimate.mean(axis=0) - truth) < 4 * estimate.std(axis=0) / np.sqrt(200)).all()
    # what takes the score as it is finds too little of it: reliability is 1 / (1 + 0.18)
    slopes = [one.estimate[0] * 1 / 1.18 for one in found]
    assert np.mean(slopes) < 0.75


def test_a_planted_confounder_is_undone_at_its_own_correlation():
    quantile = student.ppf(0.975, 39)
    plain, undone, covered = [], [], 0
    for seed in range(200):
        found = confounded(simulated(seed, rho=0.4), [0.0, 0.4])
        plain.append(found.estimate[0])
        undone.append(found.estimate[1])
        covered += abs(found.estimate[1] - 0.4) < quantile * found.std_error[1]
    # 0.8 × (0.5 + 0.4) without it, 0.8 × 0.5 with it; four standard errors of a mean of 200
    assert np.mean(plain) == pytest.approx(0.72, abs=4 * np.std(plain) / np.sqrt(200))
    assert np.mean(undone) == pytest.approx(0.40, abs=4 * np.std(undone) / np.sqrt(200))
    assert covered > 0.89 * 200


def test_at_no_correlation_the_way_is_the_product_and_at_the_last_one_it_is_nought(stored):
    within, unit, _ = stored
    moments = half_moments(within[:, [1, 3]], first=within[:, 0], cluster=unit)
    legs = paths(moments).estimate
    nought = confounded(moments, [0.0]).estimate[1]
    found = confounded(moments, [0.0, nought]).estimate
    assert found[0] == pytest.approx(legs[0] * legs[1], rel=1e-12)
    assert found[1] == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.01, 100))
def test_units_of_measurement_move_paths_and_no_correlation(x, m, y):
    rng = np.random.default_rng(5)
    columns = rng.standard_normal((60, 3)) @ np.array([[1, 0.5, 0.2], [0, 1, 0.6], [0, 0, 1]])
    cluster = np.arange(60) % 12
    one = half_moments(columns[:, 1:], first=columns[:, 0], cluster=cluster)
    other = half_moments(columns[:, 1:] * [m, y], first=columns[:, 0] * x, cluster=cluster)
    a, b, direct, total = paths(one).estimate
    scaled = [a * m / x, b * y / m, direct * y / x, total * y / x]
    # rounding of products of three columns
    np.testing.assert_allclose(paths(other).estimate, scaled, rtol=1e-9, atol=1e-12)
    assert confounded(other, [0.3]).estimate[1] == pytest.approx(confounded(one, [0.3]).estimate[1], rel=1e-9)
    assert total == pytest.approx(direct + a * b, rel=1e-9)


def test_what_cannot_be_told_is_refused():
    rng = np.random.default_rng(7)
    a, b = rng.standard_normal((2, 90))
    code = np.arange(90) % 9
    with pytest.raises(DesignError, match="2 clusters"):
        half_moments(b[:, None], first=a, cluster=code % 2)
    with pytest.raises(DesignError, match="does not vary"):
        half_moments(b[:, None], first=np.zeros(90), cluster=code)
    with pytest.raises(DesignError, match="share next to nothing"):
        half_moments(b[:, None], first=a, second=b - a * (a @ b) / (a @ a), cluster=code)

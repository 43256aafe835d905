"""Curves, rates and values of rules on arrays: by hand, against row-level arithmetic, and over many draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.arm_values import arm_values, top_share
from cemlab.stats.event_rates import median_interval, rate_ratio
from cemlab.stats.uplift_curve import uplift_curve

GRID = np.linspace(0, 1, 5)


def test_a_curve_by_hand():
    # the first ten of each arm gain 0.4, the others nothing: half treated brings 0.5 * 0.4, all 0.2
    n = np.full((2, 2), 10.0)
    yes = np.array([[2.0, 6.0], [5.0, 5.0]])
    curve = uplift_curve(np.array([2.0, 1.0]), n, yes, share=GRID)
    assert curve.gain[[0, 2, 4]] == pytest.approx([0.0, 0.2, 0.2])
    assert curve.at_random == pytest.approx(0.2 * GRID)
    # trapezium of 0, .2, .2 less the triangle below the straight line: .05 + .1 - .1
    assert curve.area == pytest.approx(0.05)
    assert curve.qini == pytest.approx(0.05)  # arms of one size: the two curves are one
    worse = uplift_curve(np.array([1.0, 2.0]), n, yes, share=GRID)
    assert worse.qini == pytest.approx(-0.05)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_neither_order_nor_splitting_of_groups_moves_a_curve(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 30, (6, 2)) * 2.0
    yes = np.floor(n / 2 * rng.uniform(0, 1, n.shape)) * 2
    score = rng.integers(0, 4, 6).astype(float)
    first = uplift_curve(score, n, yes, share=GRID, draws=3)
    order = rng.permutation(6)
    second = uplift_curve(score[order], n[order], yes[order], share=GRID, draws=3)
    halved = uplift_curve(
        np.tile(score, 2), np.tile(n / 2, (2, 1)), np.tile(yes / 2, (2, 1)), share=GRID, draws=3
    )
    for other in (second, halved):
        assert other.gain == pytest.approx(first.gain)
        assert other.qini == pytest.approx(first.qini)


def test_errors_of_a_curve_cover_as_they_say():
    rng = np.random.default_rng(5)
    size, base, change = np.array([200, 300, 500]), np.array([0.6, 0.7, 0.9]), np.array([0.15, 0.0, -0.03])
    n = np.repeat(size[:, None], 2, axis=1).astype(float)
    true = (size[0] * 0.15) / size.sum()  # the first fifth treated
    held = []
    for seed in range(200):
        yes = rng.binomial(n.astype(int), np.column_stack([base, base + change])).astype(float)
        curve = uplift_curve(
            np.array([3.0, 2.0, 1.0]), n, yes, share=np.array([0.0, 0.2, 1.0]), draws=100, seed=seed
        )
        held.append(abs(curve.gain[1] - true) <= 1.96 * curve.gain_error[1])
    # 200 intervals of 95 %: three standard errors are 4.6 points
    assert 0.90 <= np.mean(held) <= 0.995


@pytest.mark.parametrize(
    ("score", "n", "yes", "error", "match"),
    [
        ([1.0], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], DataError, "do not match"),
        ([1.0], [[1.0, 1.0]], [[2.0, 0.0]], DataError, "between 0 and n"),
        ([np.nan], [[1.0, 1.0]], [[0.0, 0.0]], DataError, "must be a number"),
        ([1.0], [[5.0, 0.0]], [[1.0, 0.0]], DesignError, "an arm has no rows"),
    ],
)
def test_impossible_curves_are_refused(score, n, yes, error, match):
    with pytest.raises(error, match=match):
        uplift_curve(np.array(score), np.array(n), np.array(yes), share=GRID)


def test_a_ratio_of_one_stratum_is_the_plain_one():
    ratio = rate_ratio([20], [100.0], events_else=[10], time_else=[100.0])
    reach = np.exp(1.959963984540054 * np.sqrt(1 / 20 + 1 / 10))
    assert [float(end) for end in ratio] == pytest.approx([2.0, 2 / reach, 2 * reach])


def test_a_ratio_within_strata_is_not_confounded_by_them():
    # in both strata the rate is twice as high, but those exposed are mostly in the quiet one
    ratio = rate_ratio([20, 20], [1000.0, 100.0], events_else=[1, 100], time_else=[100.0, 1000.0])
    assert float(ratio.estimate) == pytest.approx(2.0)
    # strata in which only one side is at risk say nothing
    more = rate_ratio(
        [20, 20, 5], [1000.0, 100.0, 9.0], events_else=[1, 100, 0], time_else=[100.0, 1000.0, 0.0]
    )
    assert [float(end) for end in more] == pytest.approx([float(end) for end in ratio])


def test_a_ratio_covers_as_it_says():
    rng = np.random.default_rng(3)
    time, other = np.array([300.0, 500.0, 200.0]), np.array([900.0, 700.0, 400.0])
    rate = np.array([0.05, 0.02, 0.1])
    held = []
    for _ in range(600):
        found = rate_ratio(
            rng.poisson(1.5 * rate * time), time, events_else=rng.poisson(rate * other), time_else=other
        )
        held.append(found.conf_low <= 1.5 <= found.conf_high)
    # 600 intervals of 95 %: three standard errors are 2.7 points
    assert abs(np.mean(held) - 0.95) < 0.027


def test_no_event_on_one_side_is_bounded_exactly():
    # all 5 events on the other side of equal times: the largest share p with (1 - p)^5 = 0.025
    share = 1 - 0.025 ** (1 / 5)
    none = rate_ratio([0], [10.0], events_else=[5], time_else=[10.0])
    assert [float(end) for end in none] == pytest.approx([0.0, 0.0, share / (1 - share)])
    all_here = rate_ratio([5], [10.0], events_else=[0], time_else=[10.0])
    assert float(all_here.estimate) == np.inf
    assert float(all_here.conf_low) == pytest.approx((1 - share) / share)


@pytest.mark.parametrize(
    ("events", "time", "error", "match"),
    [
        ([-1], [1.0], DataError, "from 0"),
        ([1, 2], [1.0], DataError, "one shape"),
        ([np.nan], [1.0], DataError, "numbers"),
        ([1], [0.0], DesignError, "at the same time"),
        ([0], [1.0], DesignError, "no event"),
    ],
)
def test_rates_that_cannot_be_compared_are_refused(events, time, error, match):
    with pytest.raises(error, match=match):
        rate_ratio(events, time, events_else=[0], time_else=[1.0])


def test_a_median_with_its_exact_interval():
    # of 11 values ranks 2 and 10 hold the median with 98.8 %, ranks 3 and 9 with 93.5 % only
    values = np.arange(1, 12)
    assert [float(end) for end in median_interval(values, np.ones(11, int))] == [6.0, 2.0, 10.0]
    assert [float(end) for end in median_interval([4, 7], [1, 1])] == [5.5, -np.inf, np.inf]
    with pytest.raises(DesignError, match="no value"):
        median_interval([], [])
    with pytest.raises(OptionError, match="conf_level"):
        median_interval([1], [1], conf_level=2.0)


def test_values_of_rules_equal_those_of_the_rows():
    rng = np.random.default_rng(1)
    n = rng.integers(1, 6, (3, 2, 3)).astype(float)
    kept = np.floor(n * rng.uniform(0, 1, n.shape))
    predicted = rng.uniform(0.2, 0.8, n.shape)
    gives = rng.dirichlet(np.ones(3), (2, 3, 2))[..., 1:]
    share, margin, cost = np.array([0.5, 0.3, 0.2]), np.array([10.0, 20.0, 5.0]), np.array([1.0, 2.0])
    rows = []
    for x in range(3):
        for f in range(2):
            for a in range(3):
                for place in range(int(n[x, f, a])):
                    y = float(place < kept[x, f, a])
                    row = []
                    for rule in range(2):
                        d = gives[rule, x, f]
                        mu = predicted[x, f]
                        value = sum(d[k] * (margin[x] * (mu[k + 1] - mu[0]) - cost[k]) for k in range(2))
                        weight = -d.sum() / share[0] if a == 0 else d[a - 1] / share[a]
                        row.append(value + margin[x] * weight * (y - mu[a]))
                    rows.append(row)
    rows = np.array(rows)
    found = arm_values(n, kept, predicted, share=share, gives=gives, margin=margin, cost=cost)
    assert found.value == pytest.approx(rows.mean(axis=0))
    # the same sums in another order
    assert found.covariance == pytest.approx(np.cov(rows.T, ddof=0) / len(rows))


def test_values_of_rules_refuse_what_does_not_match():
    n = np.ones((1, 1, 2))
    good = {"share": np.array([0.5, 0.5]), "margin": np.ones(1), "cost": np.ones(1)}
    with pytest.raises(DataError, match="do not match"):
        arm_values(n, n[0], n, gives=np.ones((1, 1, 1, 1)), **good)
    with pytest.raises(DataError, match="gives"):
        arm_values(n, n, n, gives=np.ones((1, 1, 1, 2)), **good)
    with pytest.raises(DesignError, match="all dealt out"):
        arm_values(n, n, n, gives=np.ones((1, 1, 1, 1)), **{**good, "share": np.array([1.0, 0.0])})


def test_the_first_of_a_ranking():
    score, rows = np.array([3.0, 1.0, 2.0]), np.array([10.0, 10.0, 20.0])
    assert top_share(score, rows, 0.5).tolist() == [1.0, 0.0, 0.5]
    assert top_share(score, rows, 1.0, at_least=1.0).tolist() == [1.0, 0.0, 1.0]
    assert top_share(score, rows, 0.0).tolist() == [0.0, 0.0, 0.0]

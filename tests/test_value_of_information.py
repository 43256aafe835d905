"""Worth of knowing more and shares of variance: closed forms, hand-computed states, invariants, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from cemlab.errors import DataError, OptionError
from cemlab.stats.value_of_information import (
    conditional_means,
    normal_loss,
    partial_information,
    perfect_information,
    sample_information,
    sample_reduction,
)
from cemlab.stats.variance_shares import variance_shares


def fund_or_not(value):
    return np.column_stack([value, np.zeros_like(value)])


def normal_case(mean, slope, noise, *, n=40_000, seed=1):
    """A case worth mean + slope θ + noise ε with standard normal θ and ε."""
    rng = np.random.default_rng(seed)
    theta, rest = rng.standard_normal((2, n))
    return theta, fund_or_not(mean + slope * theta + noise * rest)


@pytest.mark.parametrize(("mean", "slope", "noise"), [(1.0, 1.0, 2.0), (-0.5, 2.0, 1.0), (0.0, 1.0, 1.0)])
def test_perfect_information_is_the_unit_normal_loss(mean, slope, noise):
    theta, values = normal_case(mean, slope, noise)
    everything, one = perfect_information(values), partial_information(values, theta)
    # four Monte Carlo standard errors, which must be of the right size themselves
    assert everything.value == pytest.approx(
        normal_loss(mean, np.hypot(slope, noise)), abs=4 * everything.std_error
    )
    assert one.value == pytest.approx(normal_loss(mean, slope), abs=4 * one.std_error)
    assert 0 < one.std_error < 0.03


def test_the_monte_carlo_error_is_that_of_repetition():
    """Over 200 seeds the spread of the estimates is the standard error that each of them states."""
    found = [
        partial_information(values, theta)
        for theta, values in (normal_case(0.4, 1.0, 1.0, n=1000, seed=s) for s in range(200))
    ]
    spread = np.std([each.value for each in found])
    # the spread of 200 numbers is known to 5 %; the error ignores how the curve itself is drawn
    assert spread == pytest.approx(np.mean([each.std_error for each in found]), rel=0.2)
    # a curve follows some noise: upwards, by less than the error of one run
    bias = np.mean([each.value for each in found]) - normal_loss(0.4, 1.0)
    assert abs(bias) < np.mean([each.std_error for each in found])


@pytest.mark.parametrize("error", [0.3, 1.0, 2.0])
def test_a_sample_is_worth_its_preposterior(error):
    """Raiffa & Schlaifer: the loss with the reduced spread in the place of the prior's."""
    theta, values = normal_case(0.3, 2.0, 1.0)
    found = sample_information(values, theta, std_error=error)
    exact = normal_loss(0.3, 2.0 * sample_reduction(1.0, error))
    assert found.value == pytest.approx(exact, abs=4 * found.std_error)
    # without the noise of the draws, the grid alone: the quantiles of θ in the place of draws
    even = ndtri((np.arange(40_000) + 0.5) / 40_000)
    fine = sample_information(fund_or_not(0.3 + 2 * even), even, std_error=error)
    assert fine.value == pytest.approx(exact, rel=1e-3)
    # it turns the decision when the mean after it is below nought
    turned = ndtr(-0.3 / (2.0 * sample_reduction(1.0, error)))
    assert fine.p_change == pytest.approx(turned, rel=0.02)  # a step of the grid at the edge


def test_two_states_by_hand():
    """60 with probability 0.4, −30 with 0.6: fund for 6 on average; knowing gives 24, so 18 more.

    A parameter that tells the state is worth all of it; one that tells nothing is worth nothing.
    """
    value = np.repeat([60.0, -30.0], [400, 600])
    coin = np.tile([0.0, 1.0], 500)
    assert perfect_information(fund_or_not(value)).value == pytest.approx(18)
    assert partial_information(fund_or_not(value), value).value == pytest.approx(18)
    assert partial_information(fund_or_not(value), coin).value == pytest.approx(0, abs=1e-12)


def test_three_decisions_in_two_states_by_hand():
    """Means 5, 4.5 and 5.5 of (10, 0), (3, 6), (5.5, 5.5); knowing: (10 + 6) / 2 = 8, so 2.5 more."""
    values = np.tile([[10.0, 3.0, 5.5], [0.0, 6.0, 5.5]], (50, 1))
    assert perfect_information(values).value == pytest.approx(2.5)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(-3, 3),
    st.floats(0.1, 3),
    st.floats(0, 2),
    st.tuples(st.floats(0.01, 5), st.floats(1.1, 4)),
)
def test_a_sample_is_worth_no_more_than_knowing_and_a_larger_one_no_less(seed, mean, slope, noise, errors):
    rng = np.random.default_rng(seed)
    theta = rng.gamma(2.0, size=500)  # skewed, as stated ranges are
    values = fund_or_not(mean + slope * np.log(theta) + noise * rng.standard_normal(500))
    known = partial_information(values, theta)
    small, large = errors[0] * errors[1], errors[0]  # standard errors of a small and of a large sample
    less = sample_information(values, theta, std_error=small).value
    more = sample_information(values, theta, std_error=large).value
    scale = np.abs(values).max()
    # the grid's own error beside sums of 500 draws
    assert 0 <= less <= more + 1e-4 * scale
    assert more <= known.value + 1e-12 * scale
    assert sample_information(values, theta, std_error=0.0)[:2] == known


def test_the_mean_given_a_parameter_follows_a_bend_that_a_line_would_miss():
    rng = np.random.default_rng(2)
    theta = rng.uniform(-2, 2, 20_000)
    values = fund_or_not(theta**2 - 1.2 + rng.standard_normal(20_000))
    # E max(θ² − 1.2, 0) with θ uniform: 2/4 ∫ from sqrt(1.2) to 2, less the mean 4/3 − 1.2
    a = np.sqrt(1.2)
    exact = ((8 - a**3) / 3 - 1.2 * (2 - a)) / 2 - (4 / 3 - 1.2)
    found = partial_information(values, theta)
    assert found.value == pytest.approx(exact, abs=4 * found.std_error)
    line = np.polyval(np.polyfit(theta, values[:, 0], 1), theta)
    assert np.maximum(line, 0).mean() - values[:, 0].mean() < exact - 20 * found.std_error


def test_few_values_are_taken_one_by_one():
    parameter = np.array([1.0, 1.0, 2.0, 2.0])
    values = fund_or_not(np.array([1.0, 3.0, -4.0, -6.0]))
    assert conditional_means(values, parameter)[:, 0].tolist() == [2, 2, -5, -5]


def test_nothing_to_learn_is_worth_nothing():
    values = fund_or_not(np.array([1.0, -1.0, 2.0]))
    same = np.ones(3)
    assert partial_information(values, same).value == 0
    assert sample_information(values, same, std_error=1.0).value == 0
    assert normal_loss(3.0, 0.0) == 0
    assert sample_reduction(2.0, np.inf) == 0
    assert sample_reduction(0.0, 0.0) == 0


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: perfect_information(np.ones((3, 1))), DataError, r"values have shape \(3, 1\)"),
        (lambda: perfect_information(np.array([[1.0, np.nan], [1.0, 2.0]])), DataError, "finite"),
        (lambda: partial_information(np.ones((3, 2)), np.ones(2)), DataError, r"parameter has shape \(2,\)"),
        (
            lambda: sample_information(np.ones((3, 2)), np.ones(3), std_error=-1.0),
            OptionError,
            "std_error is -1.0",
        ),
        (
            lambda: sample_information(np.ones((3, 2)), np.ones(3), std_error=np.nan),
            OptionError,
            "std_error is nan",
        ),
        (lambda: variance_shares(np.ones((10, 1)), np.ones(10)), DataError, "under 1,000 draws"),
        (lambda: variance_shares(np.ones((1000, 1)), np.arange(1000.0)), DataError, "same in every draw"),
    ],
)
def test_what_cannot_be_reckoned_is_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


def correlated(rho, n=20_000, seed=1):
    z = np.random.default_rng(seed).standard_normal((n, 3))
    x = np.column_stack([z[:, 0], rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]])
    return x, z[:, 2]


@pytest.mark.parametrize("rho", [0.0, 0.6, -0.5])
def test_shares_of_two_correlated_inputs_in_closed_form(rho):
    """Y = a X + b Z + ε: alone (a + ρ b)² / V; fair a² (2 − ρ²)/2 + a b ρ + b² ρ²/2 over V."""
    x, noise = correlated(rho)
    a, b = 2.0, 1.0
    found = variance_shares(x, a * x[:, 0] + b * x[:, 1] + noise)
    total = a * a + b * b + 2 * a * b * rho + 1
    alone = np.array([(a + rho * b) ** 2, (b + rho * a) ** 2]) / total
    fair = np.array([
        a * a * (1 - rho**2 / 2) + a * b * rho + b * b * rho**2 / 2,
        b * b * (1 - rho**2 / 2) + a * b * rho + a * a * rho**2 / 2,
    ]) / total  # fmt: skip
    # four Monte Carlo errors, which are themselves estimated from ten parts: six to be sure
    assert (np.abs(found.alone - alone) < 6 * found.alone_error).all()
    assert (np.abs(found.fair - fair) < 6 * found.fair_error).all()
    assert found.rest == pytest.approx(1 / total, abs=6 * found.rest_error)
    assert found.fair.sum() + found.rest == pytest.approx(1, abs=1e-9)  # by construction, up to the ridge


def test_inputs_that_act_only_together_leave_it_all_to_the_rest():
    x, _ = correlated(0.0)
    found = variance_shares(x, x[:, 0] * x[:, 1])
    assert found.rest > 0.99
    assert found.fair.max() < 0.01


def test_a_copy_of_an_input_halves_its_fair_share():
    x, noise = correlated(0.0)
    found = variance_shares(np.column_stack([x[:, 0], x[:, 0], x[:, 1]]), x.sum(axis=1) + 0 * noise)
    # half of one half each; the ridge that lets copies be factored is 1e-10
    assert found.fair[0] == pytest.approx(found.fair[1], abs=1e-6)
    assert found.fair[0] == pytest.approx(0.25, abs=0.02)
    assert found.alone[0] == pytest.approx(0.5, abs=0.03)


def test_many_inputs_are_shared_by_orders_drawn():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((4000, 8))
    weights = np.array([3.0, 2, 1, 1, 1, 0, 0, 0])
    found = variance_shares(x, x @ weights, seed=3)
    # independent inputs: every order gives the same, but for chance correlations among 4,000 draws
    assert found.fair == pytest.approx(weights**2 / (weights**2).sum(), abs=0.02)
    again = variance_shares(x, x @ weights, seed=3)
    assert (again.fair == found.fair).all()
    coin = np.column_stack([x[:, 0] > 0, x[:, 1]]).astype(float)
    assert variance_shares(coin, coin.sum(axis=1)).fair == pytest.approx([0.2, 0.8], abs=0.02)


@pytest.mark.parametrize("error", [0.05, 0.3])
def test_the_error_of_a_sample_is_that_of_drawing(error):
    """Also where the sample seldom turns the decision, its value moves as much as the mean does."""
    found = []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        theta, noise = rng.normal(0.2, 0.1, 1000), rng.normal(1.0, 0.5, 1000)
        npv = -2.5 + 20 * theta - noise
        found.append(sample_information(np.column_stack([npv, 0 * npv]), theta, std_error=error))
    spread = np.std([each.value for each in found])
    # a standard deviation of 120 has an error of 6 %
    assert spread == pytest.approx(np.mean([each.std_error for each in found]), rel=0.2)
    exact = normal_loss(0.5, 20 * sample_reduction(0.1, error))
    assert np.mean([each.value for each in found]) == pytest.approx(exact, abs=4 * spread / np.sqrt(120))

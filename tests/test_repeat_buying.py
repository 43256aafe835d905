from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from cemlab.errors import DataError, DesignError
from cemlab.stats import bg_nbd
from cemlab.stats.bg_nbd import BGNBDFit, fit_bg_nbd
from cemlab.stats.nbd import NBDFit, fit_nbd
from cemlab.stats.nbd_likelihood import checked_exposures, log_likelihood
from cemlab.stats.purchase_history import PurchaseHistory


def slopes(function, theta, part):
    """Central differences of one of (value, gradient) returned by `function`."""
    h = 1e-5
    return np.array(
        [(function(theta + e)[part] - function(theta - e)[part]) / (2 * h) for e in h * np.eye(theta.size)]
    )


def check_derivatives(function, theta):
    _, gradient, hessian = function(theta)
    scale = np.abs(hessian).max()
    # Central differences of step 1e-5: truncation 1e-10 of the scale, rounding 1e-16 · value / 1e-5.
    np.testing.assert_allclose(slopes(function, theta, 0), gradient, atol=1e-6 * scale)
    np.testing.assert_allclose(slopes(function, theta, 1), hessian, atol=1e-7 * scale)


# --- NBD -------------------------------------------------------------------------------------------


def nbd_fit(r=1.0, alpha=1.0):
    return NBDFit(r=r, alpha=alpha, log_likelihood=0.0, covariance=np.eye(2), n=1.0, zero_truncated=False)


def nbd_counts(rng, n, *, r=0.7, alpha=4.0, exposure=6.0):
    return rng.poisson(rng.gamma(r, 1 / alpha, n) * exposure)


@pytest.mark.parametrize("truncated", [False, True])
def test_nbd_likelihood_is_that_of_scipy(truncated):
    rng = np.random.default_rng(1)
    exposure = rng.uniform(2.0, 10.0, 300)
    x = nbd_counts(rng, 300, exposure=exposure) + truncated
    weights = rng.integers(1, 4, 300)
    data = checked_exposures(x, exposure, weights, truncated)
    for r, rate in [(0.05, 0.3), (0.7, 0.2), (30.0, 2.0)]:
        logs = stats.nbinom.logpmf(x, r, 1 / (1 + rate / r * exposure))
        if truncated:
            logs -= np.log1p(-stats.nbinom.pmf(0, r, 1 / (1 + rate / r * exposure)))
        value, _, _ = log_likelihood(np.log([r, rate]), data)
        assert value == pytest.approx(weights @ logs, rel=1e-10)  # both sum 300 logs of 15 digits


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize("theta", [(-2.0, -1.0), (0.3, 0.5), (4.0, -2.0)])
def test_nbd_derivatives_agree_with_differences(truncated, theta):
    rng = np.random.default_rng(2)
    exposure = rng.uniform(2.0, 10.0, 200)
    data = checked_exposures(nbd_counts(rng, 200, exposure=exposure) + truncated, exposure, None, truncated)
    check_derivatives(lambda t: log_likelihood(t, data), np.array(theta))


def test_nbd_likelihood_tends_to_poisson_without_losing_digits():
    x = np.array([0, 1, 2, 5, 1000])
    data = checked_exposures(x, np.full(5, 2.0), None, False)
    value, _, _ = log_likelihood(np.array([np.log(1e15), np.log(3.0)]), data)
    # At r = 1e15 the two models differ by x² / r, 1e-9, of which the sum is 6e3.
    assert value == pytest.approx(stats.poisson.logpmf(x, 6.0).sum(), rel=1e-12)


@pytest.mark.parametrize("truncated", [False, True])
def test_nbd_intervals_cover_the_planted_parameters(truncated):
    rng = np.random.default_rng(3)
    truth = np.log([0.7, 4.0])
    estimates, variances = [], []
    for _ in range(300):
        x = nbd_counts(rng, 1500)
        fit = fit_nbd(x[x > 0] if truncated else x, exposure=6.0, zero_truncated=truncated)
        estimates.append(np.log([fit.r, fit.alpha]))
        variances.append(np.diag(fit.covariance))
    gap, error = np.array(estimates) - truth, np.sqrt(variances)
    covered = (np.abs(gap) < 1.96 * error).mean(axis=0)
    # 300 draws of a 95 % event have a standard deviation of 1.3 points; four of them.
    assert (covered > 0.90).all()
    # The standard deviation of 300 estimates is itself known to 4 %; four of these.
    assert np.median(error, axis=0) == pytest.approx(gap.std(axis=0), rel=0.16)


def test_nbd_with_differing_exposures_recovers_the_truth_within_its_interval():
    rng = np.random.default_rng(4)
    exposure = rng.uniform(1.0, 12.0, 50_000)
    fit = fit_nbd(nbd_counts(rng, 50_000, exposure=exposure), exposure=exposure)
    gap = np.log([fit.r / 0.7, fit.alpha / 4.0])
    assert (np.abs(gap) < 4 * np.sqrt(np.diag(fit.covariance))).all()  # one in 16,000 by chance


def test_nbd_meets_the_mean_exactly_and_scales_with_time():
    x = nbd_counts(np.random.default_rng(5), 400)
    weeks, days = fit_nbd(x, exposure=6.0), fit_nbd(x, exposure=42.0)
    # A fit ends about 1e-8 standard errors from the maximum.
    assert weeks.r / weeks.alpha * 6 == pytest.approx(x.mean(), rel=1e-7)
    assert days.r == pytest.approx(weeks.r, rel=1e-7)
    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-7)
    assert days.log_likelihood == pytest.approx(weeks.log_likelihood, rel=1e-12)


@pytest.mark.parametrize("truncated", [False, True])
def test_nbd_rows_twice_are_weights_of_two(truncated):
    x = nbd_counts(np.random.default_rng(6), 400) + truncated
    exposure = np.linspace(4.0, 8.0, 400)
    twice = fit_nbd(np.tile(x, 2), exposure=np.tile(exposure, 2), zero_truncated=truncated)
    heavy = fit_nbd(x, exposure=exposure, weights=np.full(400, 2.0), zero_truncated=truncated)
    assert (heavy.r, heavy.alpha) == pytest.approx((twice.r, twice.alpha), rel=1e-8)  # sums in another order
    assert heavy.n == twice.n == 800
    np.testing.assert_allclose(heavy.covariance, twice.covariance, rtol=1e-7)


def test_nbd_of_equal_exposures_is_that_of_exposures_given_one_by_one():
    x = nbd_counts(np.random.default_rng(7), 300)
    exposure = np.full(300, 6.0)
    exposure[0] += 1e-9  # one that differs by nothing switches the shortcut off
    short, long = fit_nbd(x, exposure=6.0), fit_nbd(x, exposure=exposure)
    assert (short.r, short.alpha) == pytest.approx((long.r, long.alpha), rel=1e-7)


def test_nbd_takes_large_counts():
    rng = np.random.default_rng(8)
    x = rng.poisson(rng.gamma(2.0, 50_000.0, 2000))
    fit = fit_nbd(x, exposure=1.0)
    assert abs(np.log(fit.r / 2.0)) < 4 * np.sqrt(fit.covariance[0, 0])
    assert fit.r / fit.alpha == pytest.approx(x.mean(), rel=1e-7)


def test_nbd_near_poisson_is_fitted_where_there_are_enough_customers():
    fit = fit_nbd(nbd_counts(np.random.default_rng(9), 200_000, r=60.0, alpha=60.0), exposure=6.0)
    assert abs(np.log(fit.r / 60.0)) < 4 * np.sqrt(fit.covariance[0, 0])


@pytest.mark.parametrize(
    ("frequency", "truncated"),
    [([3, 3, 3, 3], False), ([0, 1, 1, 2], False), ([2, 2, 3, 3], True)],
)
def test_nbd_refuses_underdispersed_counts_by_name(frequency, truncated):
    with pytest.raises(DesignError, match=r"underdispersed.*take longer or shorter periods"):
        fit_nbd(frequency, exposure=1.0, zero_truncated=truncated)


def test_nbd_refuses_counts_exactly_as_variable_as_chance():
    # Eight customers, eight purchases, sum of squares 3 + 4 + 9 = 16: mean 1 and variance 1.
    with pytest.raises(DesignError, match="underdispersed"):
        fit_nbd([0, 1, 2, 3], exposure=1.0, weights=[3, 3, 1, 1])


def test_skew_truncated_counts_end_at_the_logarithmic_series():
    # Fisher's series is where the truncated NBD ends as r falls to 0; its one parameter meets the mean:
    # mean = odds / ln(1 + odds) with odds = T / alpha
    fit = fit_nbd([1, 2, 500], exposure=182.0, weights=[1000, 1, 20], zero_truncated=True)
    mean = (1000 + 2 + 20 * 500) / 1021
    odds = optimize.brentq(lambda o: o / np.log1p(o) - mean, 1e-6, 1e6, xtol=1e-13)
    assert fit.r == 0.0
    np.testing.assert_allclose(182.0 / fit.alpha, odds, rtol=1e-8)  # both solvers' own tolerance
    series = stats.logser.pmf(np.arange(1, 41), odds / (1 + odds))
    np.testing.assert_allclose(fit.expected_counts([182.0], up_to=40)[1:], series, rtol=1e-7)
    assert fit.expected_counts([182.0], up_to=40)[0] == 0.0


def test_the_logarithmic_series_says_what_buyers_do_next_and_nothing_of_others():
    fit = fit_nbd([1, 2, 500], exposure=1.0, weights=[1000, 1, 20], zero_truncated=True)
    assert fit.r == 0.0
    # given x purchases the next period is NB(x, ·): nothing with ((alpha + 1) / (alpha + 2))^x
    silent = ((fit.alpha + 1) / (fit.alpha + 2)) ** np.array([1, 3])
    got = fit.next_count_pmf([1, 3], exposure=1.0, next_exposure=1.0, up_to=1)[:, 0]
    np.testing.assert_allclose(got, silent, rtol=1e-12)  # rounding
    with pytest.raises(DataError, match="buyers alone"):
        fit.next_count_pmf([0], exposure=1.0, next_exposure=1.0, up_to=1)


def test_rows_that_stand_for_nobody_say_nothing():
    fit = fit_nbd([1, 2, 5], exposure=[1.0, 2.0, 2.0], weights=[9, 4, 3], zero_truncated=True)
    same = fit_nbd([1, 2, 0, 5], exposure=[1.0, 2.0, 3.0, 2.0], weights=[9, 4, 0, 3], zero_truncated=True)
    assert (same.r, same.alpha) == (fit.r, fit.alpha)


def test_expected_counts_add_up_and_agree_with_scipy():
    fit = fit_nbd([0, 1, 2, 5, 12], exposure=[1.0, 1.0, 2.0, 2.0, 2.0], weights=[50, 20, 15, 10, 5])
    got = fit.expected_counts([1.0, 2.0], weights=[70, 30], up_to=400)
    x = np.arange(401)
    share = [fit.alpha / (fit.alpha + t) for t in (1.0, 2.0)]
    expected = 70 * stats.nbinom.pmf(x, fit.r, share[0]) + 30 * stats.nbinom.pmf(x, fit.r, share[1])
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)  # two roads to the same pmf
    np.testing.assert_allclose(got.sum(), 100.0, rtol=1e-9)
    truncated = fit_nbd([1, 2, 3, 9], exposure=1.0, weights=[60, 20, 10, 5], zero_truncated=True)
    got = truncated.expected_counts([1.0], weights=[95], up_to=3000)
    np.testing.assert_allclose(got.sum(), 95.0, rtol=1e-9)
    assert got[0] == 0.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"frequency": [1, -1]}, DataError, r"frequency\[1\] is -1"),
        ({"frequency": [1, 1.5]}, DataError, "whole number"),
        ({"frequency": [1, np.nan]}, DataError, r"frequency\[1\] is nan"),
        ({"frequency": [1, 10_000_001]}, DataError, "10,000,000"),
        ({"frequency": ["a", "b"]}, DataError, "must hold numbers"),
        ({"frequency": [[1, 2]]}, DataError, "2 dimensions"),
        ({"frequency": []}, DataError, "empty"),
        ({"exposure": 0.0}, DataError, r"exposure\[0\] is 0; it must be above 0"),
        ({"exposure": [1.0, -2.0, 1.0]}, DataError, r"exposure\[1\] is -2"),
        ({"exposure": [1.0, 1.0]}, DataError, "exposure has 2 entries, but frequency has 3"),
        ({"exposure": np.inf}, DataError, "inf"),
        ({"weights": [1, -1, 1]}, DataError, r"weights\[1\] is -1"),
        ({"weights": [0, 0, 0]}, DataError, "all weights are 0"),
        ({"frequency": [0, 0, 0]}, DesignError, "nobody buys at all"),
        ({"frequency": [0, 1, 5], "zero_truncated": True}, DataError, r"frequency\[0\] is 0, but"),
        ({"frequency": [1, 1, 1], "zero_truncated": True}, DesignError, "nobody buys twice"),
    ],
)
def test_nbd_refuses_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_nbd(**{"frequency": [0, 1, 5], "exposure": 1.0, **arguments})


def test_next_count_computed_by_hand():
    # r = alpha = T1 = T2 = 1: after none, geometric with p = 2/3; after one, the sum of two such.
    pmf = nbd_fit().next_count_pmf([0, 1], exposure=1.0, next_exposure=1.0, up_to=3)
    by_hand = np.array([[18, 6, 2, 1], [12, 8, 4, 3]]) / 27
    np.testing.assert_allclose(pmf, by_hand, rtol=1e-13)  # 15 digits, a few operations
    np.testing.assert_allclose(
        nbd_fit().expected_next_count([0, 1], exposure=1.0, next_exposure=1.0), [0.5, 1.0], rtol=1e-14
    )


def test_next_count_of_up_to_none_is_certain():
    np.testing.assert_array_equal(
        nbd_fit().next_count_pmf([4], exposure=1.0, next_exposure=2.0, up_to=0), [[1.0]]
    )


positive = st.floats(1e-3, 1e4)


@given(
    r=positive,
    alpha=positive,
    x=st.integers(0, 100_000),
    exposure=positive,
    ahead=positive,
    up_to=st.integers(1, 60),
)
def test_next_count_rows_sum_to_one_and_agree_with_scipy(r, alpha, x, exposure, ahead, up_to):
    fit = nbd_fit(r, alpha)
    pmf = fit.next_count_pmf([x], exposure=exposure, next_exposure=ahead, up_to=up_to)[0]
    assert pmf.shape == (up_to + 1,)
    assert (pmf >= 0).all()
    # exp of a logarithm of size L is good to L · 1e-16, and L reaches 1e6 only where the result is 0;
    # near 1 it stays below 1e3 · 1e-16 per term.
    assert pmf.sum() == pytest.approx(1.0, abs=1e-10)
    seen = stats.nbinom.pmf(np.arange(up_to), r + x, (alpha + exposure) / (alpha + exposure + ahead))
    # SciPy rounds the probability to 1e-16 before it is raised to the power r + x <= 1.1e5.
    np.testing.assert_allclose(pmf[:-1], seen, rtol=1e-8, atol=1e-10)


def test_next_count_agrees_with_simulated_customers():
    # An independent look at conditional trend analysis: draw rates, count twice, tabulate.
    rng = np.random.default_rng(10)
    n = 1_000_000
    rate = rng.gamma(0.7, 1 / 4.0, n)
    base, following = rng.poisson(rate * 6.0), rng.poisson(rate * 3.0)
    pmf = nbd_fit(0.7, 4.0).next_count_pmf(np.arange(6), exposure=6.0, next_exposure=3.0, up_to=4)
    for x in range(6):
        seen = np.minimum(following[base == x], 4)
        share = np.bincount(seen, minlength=5) / seen.size
        error = np.sqrt(pmf[x] * (1 - pmf[x]) / seen.size)
        assert (np.abs(share - pmf[x]) < 4.5 * error).all()  # 30 cells: one run in 5,000 by chance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frequency": [-1]}, "whole number"),
        ({"exposure": 0.0}, "exposure"),
        ({"next_exposure": -1.0}, "next_exposure"),
        ({"up_to": -1}, "up_to is -1"),
    ],
)
def test_next_count_refuses_bad_input(arguments, message):
    with pytest.raises(DataError, match=message):
        nbd_fit().next_count_pmf(
            **{"frequency": [1], "exposure": 1.0, "next_exposure": 1.0, "up_to": 2, **arguments}
        )


# --- BG/NBD ----------------------------------------------------------------------------------------

TRUTH = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}


def bg_customers(rng, n):
    """Frequency, recency, age and whether still active, customer by customer as the model says."""
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n)
    drop = rng.beta(TRUTH["a"], TRUTH["b"], n)
    age = rng.uniform(20.0, 60.0, n)
    x, recency, clock, stopped = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    at = np.arange(n)
    while at.size:
        clock[at] += rng.exponential(1.0, at.size) / np.maximum(rate[at], 1e-300)
        at = at[clock[at] <= age[at]]
        x[at] += 1
        recency[at] = clock[at]
        gone = rng.random(at.size) < drop[at]
        stopped[at[gone]] = True
        at = at[~gone]
    return x, recency, age, ~stopped


def bg_textbook(theta, x, recency, age):
    """Equation (6) of Fader, Hardie & Lee (2005), customer by customer."""
    r, alpha, a, b = np.exp(theta)
    first = special.betaln(a, b + x) - special.betaln(a, b)
    common = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    active = first + common - (r + x) * np.log(alpha + age)
    with np.errstate(invalid="ignore", divide="ignore"):
        gone = (
            special.betaln(a + 1, b + x - 1)
            - special.betaln(a, b)
            + common
            - (r + x) * np.log(alpha + recency)
        )
    return np.where(x > 0, np.logaddexp(active, np.where(x > 0, gone, -np.inf)), active)


def bg_data(n=500, seed=20):
    x, recency, age, _ = bg_customers(np.random.default_rng(seed), n)
    return x, recency, age


@pytest.mark.parametrize("theta", [(-0.5, 1.5, -0.3, 0.9), (1.0, 0.0, 2.0, -1.0), (-2.0, 3.0, -3.0, 3.0)])
def test_bg_nbd_likelihood_and_derivatives(theta):
    x, recency, age = bg_data()
    weights = np.random.default_rng(21).integers(1, 4, x.size).astype(float)
    data = bg_nbd._prepared(PurchaseHistory.checked(x, recency=recency, age=age, weights=weights))
    point = np.array(theta)
    value, _, _ = bg_nbd._log_likelihood(point, data)
    assert value == pytest.approx(weights @ bg_textbook(point, x, recency, age), rel=1e-11)  # 500 sums
    check_derivatives(lambda t: bg_nbd._log_likelihood(t, data), point)


def test_bg_nbd_work_in_blocks_changes_nothing(monkeypatch):
    x, recency, age = bg_data()
    whole = fit_bg_nbd(x, recency=recency, age=age)
    monkeypatch.setattr(bg_nbd, "_BLOCK", 7)
    parts = fit_bg_nbd(x, recency=recency, age=age)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)  # sums in another order
    assert (parts.r, parts.b) == pytest.approx((whole.r, whole.b), rel=1e-8)


def test_bg_nbd_intervals_cover_the_planted_parameters():
    rng = np.random.default_rng(22)
    gaps, errors = [], []
    for _ in range(200):
        x, recency, age, _ = bg_customers(rng, 3000)
        fit = fit_bg_nbd(x, recency=recency, age=age)
        assert fit.converged
        gaps.append(np.log([fit.r, fit.alpha, fit.a, fit.b]) - np.log(list(TRUTH.values())))
        errors.append(np.sqrt(np.diag(fit.covariance)))
    gaps, errors = np.array(gaps), np.array(errors)
    # 200 draws of a 95 % event have a standard deviation of 1.5 points; four of them.
    assert ((np.abs(gaps) < 1.96 * errors).mean(axis=0) > 0.89).all()
    # The standard deviation of 200 estimates is itself known to 5 %; four of these.
    assert np.median(errors, axis=0) == pytest.approx(gaps.std(axis=0), rel=0.20)


def test_bg_nbd_start_from_a_subsample_does_not_move_the_estimate():
    x, recency, age = bg_data(45_000, seed=23)
    order = np.random.default_rng(24).permutation(x.size)
    one = fit_bg_nbd(x, recency=recency, age=age)
    other = fit_bg_nbd(x[order], recency=recency[order], age=age[order])  # another subsample
    assert one.n == 45_000
    # Both end within 1e-8 standard errors of the one maximum.
    assert (one.r, one.alpha, one.a, one.b) == pytest.approx(
        (other.r, other.alpha, other.a, other.b), rel=1e-7
    )
    again = fit_bg_nbd(x, recency=recency, age=age)
    assert (again.r, again.a) == (one.r, one.a)  # the subsample is not drawn


def test_bg_nbd_subsample_without_repeaters_does_no_harm():
    x, recency, age = bg_data(40_002, seed=25)
    x[::3], recency[::3] = 0, 0  # every third customer is the subsample
    assert fit_bg_nbd(x, recency=recency, age=age).converged


def test_bg_nbd_invariances():
    x, recency, age = bg_data()
    fit = fit_bg_nbd(x, recency=recency, age=age)
    days = fit_bg_nbd(x, recency=7 * recency, age=7 * age)
    assert (days.r, days.a, days.b) == pytest.approx((fit.r, fit.a, fit.b), rel=1e-7)  # two maxima
    assert days.alpha == pytest.approx(7 * fit.alpha, rel=1e-7)
    # A density of x purchase times is one per unit of time to the power x.
    assert days.log_likelihood == pytest.approx(fit.log_likelihood - x.sum() * np.log(7), rel=1e-11)
    twice = fit_bg_nbd(np.tile(x, 2), recency=np.tile(recency, 2), age=np.tile(age, 2))
    heavy = fit_bg_nbd(x, recency=recency, age=age, weights=np.full(x.size, 2))
    assert (heavy.r, heavy.a) == pytest.approx((twice.r, twice.a), rel=1e-8)
    np.testing.assert_allclose(heavy.covariance, fit.covariance / 2, rtol=1e-6)
    none = fit_bg_nbd(
        np.r_[x, 9], recency=np.r_[recency, 1], age=np.r_[age, 9], weights=np.r_[np.ones(x.size), 0]
    )
    assert none.r == pytest.approx(fit.r, rel=1e-8)


def test_probability_alive_is_the_share_of_simulated_customers_still_active():
    # An independent look: the simulation knows who stopped.
    x, recency, age, active = bg_customers(np.random.default_rng(26), 400_000)
    fit = BGNBDFit(**TRUTH, log_likelihood=0.0, covariance=np.eye(4), n=1.0, converged=True)
    alive = fit.probability_alive(x, recency=recency, age=age)
    assert (alive[x == 0] == 1.0).all()
    group = np.minimum((alive[x > 0] * 10).astype(int), 9)
    for tenth in range(10):
        expected, seen = alive[x > 0][group == tenth], active[x > 0][group == tenth]
        error = np.sqrt((expected * (1 - expected)).sum()) / expected.size
        assert abs(seen.mean() - expected.mean()) < 4.5 * error  # 10 groups: one run in 10,000


def test_probability_alive_does_not_overflow():
    fit = BGNBDFit(**TRUTH, log_likelihood=0.0, covariance=np.eye(4), n=1.0, converged=True)
    np.testing.assert_array_equal(fit.probability_alive([5000], recency=[1.0], age=[1e6]), [0.0])


def test_bg_nbd_says_so_where_nobody_seems_to_stop():
    x = np.tile([2, 5, 9, 14], 50)
    age = np.full(200, 40.0)
    fit = fit_bg_nbd(x, recency=age - 0.01, age=age)  # all bought on the last day
    assert not fit.converged
    assert np.isnan(fit.covariance).all()
    assert fit.a / (fit.a + fit.b) < 1e-3  # the mean chance to stop runs to 0


BG = {"frequency": [0, 2], "recency": [0.0, 5.0], "age": [9.0, 9.0]}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"frequency": [0, -2]}, DataError, r"frequency\[1\] is -2"),
        ({"recency": [0.0, 10.0]}, DataError, "row 1 has frequency 2, recency 10, age 9.*between 0 and age"),
        ({"recency": [0.0, -1.0]}, DataError, "between 0 and age"),
        ({"recency": [1.0, 5.0]}, DataError, "row 0.*without a repeat purchase recency is 0"),
        ({"recency": [0.0, 0.0]}, DataError, "recency is above 0"),
        ({"recency": [0.0]}, DataError, "recency has 1 entries, but frequency has 2"),
        ({"recency": [0.0, np.nan]}, DataError, r"recency\[1\] is nan"),
        ({"age": [0.0, 9.0]}, DataError, r"age\[0\] is 0"),
        ({"weights": [1.0]}, DataError, "weights has 1"),
        ({"frequency": [0, 0], "recency": [0.0, 0.0]}, DesignError, "nobody buys a second time"),
        ({"weights": [1.0, 0.0]}, DesignError, "nobody buys a second time"),
    ],
)
def test_bg_nbd_refuses_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_bg_nbd(**{**BG, **arguments})


def test_inputs_are_not_changed():
    x, recency, age = bg_data()
    before = x.copy(), recency.copy(), age.copy()
    fit_bg_nbd(x, recency=recency, age=age)
    fit_nbd(x, exposure=age)
    for left, right in zip(before, (x, recency, age), strict=True):
        np.testing.assert_array_equal(left, right)


# --- CDNOW -----------------------------------------------------------------------------------------


def test_bg_nbd_of_cdnow_is_the_published_one(cdnow_histories):
    x, recency, age = cdnow_histories
    assert (x.size, (x > 0).sum()) == (2357, 946)
    fit = fit_bg_nbd(x, recency=recency, age=age)
    # Published by Fader, Hardie & Lee (2005) to four decimals; their optimiser's last digit may be one off.
    assert (fit.r, fit.alpha, fit.a, fit.b) == pytest.approx((0.2426, 4.4135, 0.7929, 2.4258), abs=1.5e-4)
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.005)
    assert fit.converged

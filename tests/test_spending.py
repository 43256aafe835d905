from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from cemlab.data import datasets
from cemlab.errors import DataError, DesignError
from cemlab.stats import spending
from cemlab.stats.spending import GammaGammaFit, fit_gamma_gamma
from tests.conftest import needs

TRUTH = {"p": 6.0, "q": 4.0, "v": 15.0}


def customers(rng, n, *, p=TRUTH["p"], q=TRUTH["q"], v=TRUTH["v"]):
    """Purchases, their mean value, and the customer's own expected value, as the model says."""
    rate = rng.gamma(q, 1 / v, n)
    x = rng.integers(1, 8, n)
    return x, rng.gamma(p * x, 1.0) / (rate * x), p / rate


def fitted(**parameters):
    return GammaGammaFit(**parameters, log_likelihood=0.0, covariance=np.eye(3), n=1.0)


def test_likelihood_is_the_integral_over_rates():
    # Given the rate, the mean of x gamma values is gamma with shape p x and rate x · rate.
    theta = np.log([2.5, 3.0, 8.0])
    for x, mean in [(1.0, 3.0), (4.0, 20.0), (12.0, 7.0)]:
        density, _ = integrate.quad(
            lambda rate, x=x, mean=mean: (
                stats.gamma.pdf(mean, 2.5 * x, scale=1 / (x * rate))
                * stats.gamma.pdf(rate, 3.0, scale=1 / 8.0)
            ),
            0.0,
            10.0,  # a rate of 10 is 80 / 3 times the mean: the rest is below 1e-30
            epsrel=1e-10,
            limit=200,
        )
        value, _, _ = spending._log_likelihood(theta, np.array([x]), np.array([mean]), np.ones(1))
        assert value == pytest.approx(np.log(density), abs=1e-8)  # the integral's own tolerance


@pytest.mark.parametrize("theta", [(1.8, 1.3, 2.7), (-0.5, 0.2, 0.0), (3.0, 2.5, -1.0)])
def test_derivatives_agree_with_differences(theta):
    rng = np.random.default_rng(1)
    x, mean, _ = customers(rng, 300)
    w = rng.integers(1, 4, 300).astype(float)
    point = np.array(theta)

    def likelihood(t):
        return spending._log_likelihood(t, x.astype(float), mean, w)

    _, gradient, hessian = likelihood(point)
    scale = np.abs(hessian).max()
    # Central differences of step 1e-5: truncation 1e-10 of the scale, rounding 1e-16 · value / 1e-5.
    for part, exact, tolerance in ((0, gradient, 1e-6), (1, hessian, 1e-7)):
        rough = [(likelihood(point + e)[part] - likelihood(point - e)[part]) / 2e-5 for e in 1e-5 * np.eye(3)]
        np.testing.assert_allclose(np.array(rough), exact, atol=tolerance * scale)


def test_intervals_cover_the_planted_parameters():
    rng = np.random.default_rng(2)
    gaps, errors = [], []
    for _ in range(200):
        x, mean, _ = customers(rng, 800)
        fit = fit_gamma_gamma(x, mean_value=mean)
        gaps.append(np.log([fit.p, fit.q, fit.v]) - np.log(list(TRUTH.values())))
        errors.append(np.sqrt(np.diag(fit.covariance)))
    gaps, errors = np.array(gaps), np.array(errors)
    # 200 draws of a 95 % event have a standard deviation of 1.5 points; four of them.
    assert ((np.abs(gaps) < 1.96 * errors).mean(axis=0) > 0.89).all()
    # The standard deviation of 200 estimates is itself known to 5 %; four of these.
    assert np.median(errors, axis=0) == pytest.approx(gaps.std(axis=0), rel=0.20)


def test_expected_value_is_the_mean_of_simulated_customers_who_look_alike():
    # An independent look: the simulation knows what each customer spends in the long run.
    x, mean, own = customers(np.random.default_rng(3), 400_000)
    expected = fitted(**TRUTH).expected_value(x, mean_value=mean)
    for tenth in np.array_split(np.argsort(expected), 10):
        gap = own[tenth] - expected[tenth]
        assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(gap.size)  # 10 groups: one run in 10,000


def test_expected_value_by_hand():
    # p = 2, q = 3, v = 10: without purchases 2 · 10 / 2; with four of 30, 2 (10 + 120) / (8 + 2).
    fit = fitted(p=2.0, q=3.0, v=10.0)
    np.testing.assert_allclose(fit.expected_value([0, 4], mean_value=[1.0, 30.0]), [10.0, 26.0], rtol=1e-14)
    assert fit.mean_value == 10.0


def test_a_mean_that_is_infinite_is_not_given():
    fit = fitted(p=0.2, q=0.7, v=10.0)
    assert fit.mean_value == np.inf
    with pytest.raises(DesignError, match=r"q = 0\.7.*infinite"):
        fit.expected_value([1], mean_value=[5.0])


def test_invariances():
    x, mean, _ = customers(np.random.default_rng(4), 400)
    fit = fit_gamma_gamma(x, mean_value=mean)
    cents = fit_gamma_gamma(x, mean_value=100 * mean)
    # Both end within 1e-8 standard errors of the same maximum.
    assert (cents.p, cents.q, cents.v) == pytest.approx((fit.p, fit.q, 100 * fit.v), rel=1e-7)
    # A density of money is one per unit of money.
    assert cents.log_likelihood == pytest.approx(fit.log_likelihood - 400 * np.log(100), rel=1e-10)
    twice = fit_gamma_gamma(np.tile(x, 2), mean_value=np.tile(mean, 2))
    heavy = fit_gamma_gamma(x, mean_value=mean, weights=np.full(400, 2))
    assert (heavy.p, heavy.q, heavy.n) == pytest.approx((twice.p, twice.q, 800), rel=1e-7)
    np.testing.assert_allclose(heavy.covariance, fit.covariance / 2, rtol=1e-5)


def test_refuses_customers_who_all_spend_the_same():
    with pytest.raises(DesignError, match="cannot be told apart"):
        fit_gamma_gamma([1, 2, 3, 4], mean_value=[10.0, 10.0, 10.0, 10.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frequency": [0, 2]}, r"frequency\[0\] is 0.*leave out"),
        ({"frequency": [-1, 2]}, r"frequency\[0\] is -1"),
        ({"mean_value": [0.0, 5.0]}, r"mean_value\[0\] is 0; it must be above 0"),
        ({"mean_value": [np.nan, 5.0]}, r"mean_value\[0\] is nan"),
        ({"mean_value": [1.0, 2.0, 3.0]}, "mean_value has 3 entries"),
        ({"weights": [1, -1]}, r"weights\[1\] is -1"),
    ],
)
def test_refuses_bad_input(arguments, message):
    with pytest.raises(DataError, match=message):
        fit_gamma_gamma(**{"frequency": [1, 2], "mean_value": [3.0, 5.0], **arguments})


def cdnow_repeaters():
    """Repeat purchase days to 1997-09-30 and their mean value; what is bought on one day is summed."""
    needs("cdnow_sample")
    customer, date, _, value = np.loadtxt(
        datasets.raw_file("cdnow_sample"), usecols=(1, 2, 3, 4), unpack=True
    )
    keys = np.stack([customer, date]).astype(np.int64)[:, date <= 19970930]
    days, at = np.unique(keys, axis=1, return_inverse=True)
    total = np.bincount(at.ravel(), weights=value[date <= 19970930])
    again = np.r_[False, days[0, 1:] == days[0, :-1]]  # all but the first day of each customer
    _, who, x = np.unique(days[0, again], return_inverse=True, return_counts=True)
    return x, np.bincount(who, weights=total[again]) / x


def test_cdnow_is_the_published_one():
    x, mean = cdnow_repeaters()
    assert x.size == 946
    fit = fit_gamma_gamma(x, mean_value=mean)
    # Published by Fader & Hardie (2013) as 6.25, 3.74, 15.44, and to three decimals in their workbook,
    # whose optimiser may be one off in the last.
    assert (fit.p, fit.q, fit.v) == pytest.approx((6.250, 3.744, 15.444), abs=1.5e-3)

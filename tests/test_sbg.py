from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats import shifted_beta_geometric
from cemlab.stats.shifted_beta_geometric import SBGFit, fit_sbg

# Fader & Hardie (2007), How to project customer retention, Table 1: customers left of 1,000 after
# 0 to 7 renewals, and the estimates they print for them.
PUBLISHED = [
    ([1000, 631, 468, 382, 326, 289, 262, 241], (0.7041, 1.1820)),
    ([1000, 869, 743, 653, 593, 551, 517, 491], (0.6681, 3.8061)),
]


@pytest.mark.parametrize(("left", "published"), PUBLISHED)
def test_two_segments_are_the_published_ones(left, published):
    fit = fit_sbg(-np.diff(left), survivors=left[-1])
    # Printed to four decimals; the optimiser of a spreadsheet may be one off in the last.
    assert (fit.alpha, fit.beta) == pytest.approx(published, abs=1.5e-4)
    assert fit.n == 1000


def test_first_four_renewals_are_the_published_ones():
    # The worked example of the same authors' note on the model in a spreadsheet, three decimals.
    fit = fit_sbg([369, 163, 86, 56], survivors=326)
    assert (fit.alpha, fit.beta) == pytest.approx((0.764, 1.296), abs=5.1e-4)


def test_likelihood_is_that_of_the_beta_functions():
    lost, left = np.array([369.0, 163.0, 86.0, 56.0]), 326.0
    stayed = left + np.array([305.0, 142.0, 56.0, 0.0])
    for alpha, beta in [(0.764, 1.296), (5.0, 0.2), (200.0, 900.0)]:
        t = np.arange(1, 5)
        one = lost @ (special.betaln(alpha + 1, beta + t - 1) - special.betaln(alpha, beta))
        rest = left * (special.betaln(alpha, beta + 4) - special.betaln(alpha, beta))
        value, _, _ = shifted_beta_geometric._log_likelihood(np.log([alpha, beta]), lost, stayed)
        assert value == pytest.approx(one + rest, rel=1e-10)  # differences of two logarithms of B


@pytest.mark.parametrize("theta", [(-0.3, 0.3), (2.0, -1.0), (-2.0, 4.0)])
def test_derivatives_agree_with_differences(theta):
    lost = np.array([369.0, 163.0, 86.0, 56.0])
    stayed = 326.0 + np.array([305.0, 142.0, 56.0, 0.0])
    point = np.array(theta)

    def likelihood(t):
        return shifted_beta_geometric._log_likelihood(t, lost, stayed)

    _, gradient, hessian = likelihood(point)
    # Central differences of step 1e-5: truncation 1e-10 of the size, rounding 1e-16 · 1e4 / 1e-5.
    for part, exact in ((0, gradient), (1, hessian)):
        rough = [(likelihood(point + e)[part] - likelihood(point - e)[part]) / 2e-5 for e in 1e-5 * np.eye(2)]
        np.testing.assert_allclose(np.array(rough), exact, atol=1e-5)


def test_survival_is_the_ratio_of_beta_functions():
    fit = SBGFit(alpha=0.7, beta=1.2, log_likelihood=0.0, covariance=np.eye(2), n=1.0)
    t = np.arange(21)
    np.testing.assert_allclose(
        fit.survival(20), np.exp(special.betaln(0.7, 1.2 + t) - special.betaln(0.7, 1.2)), rtol=1e-13
    )
    assert fit.survival(0).tolist() == [1.0]
    with pytest.raises(DataError, match="periods is -1"):
        fit.survival(-1)


def test_survival_is_the_share_of_simulated_customers_left():
    # An independent look: each has a chance to leave of her own, tried at every renewal.
    rng = np.random.default_rng(1)
    chance = rng.beta(0.7, 1.2, 400_000)
    renewals = rng.geometric(np.maximum(chance, 1e-12))  # the renewal at which she leaves
    share = np.array([(renewals > t).mean() for t in range(13)])
    expected = SBGFit(alpha=0.7, beta=1.2, log_likelihood=0.0, covariance=np.eye(2), n=1.0).survival(12)
    # 12 shares of 400,000, four and a half standard errors: one run in 10,000.
    assert (np.abs(share - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / 400_000)).all()


def test_intervals_cover_the_planted_parameters():
    rng = np.random.default_rng(2)
    survival = SBGFit(alpha=0.7, beta=1.2, log_likelihood=0.0, covariance=np.eye(2), n=1.0).survival(7)
    shares = np.r_[-np.diff(survival), survival[-1]]
    gaps, errors = [], []
    for draw in rng.multinomial(1500, shares, size=400):
        fit = fit_sbg(draw[:-1], survivors=draw[-1])
        gaps.append(np.log([fit.alpha / 0.7, fit.beta / 1.2]))
        errors.append(np.sqrt(np.diag(fit.covariance)))
    gaps, errors = np.array(gaps), np.array(errors)
    # 400 draws of a 95 % event have a standard deviation of 1.1 points; four of them.
    assert ((np.abs(gaps) < 1.96 * errors).mean(axis=0) > 0.905).all()
    # The standard deviation of 400 estimates is itself known to 3.5 %; four of these.
    assert np.median(errors, axis=0) == pytest.approx(gaps.std(axis=0), rel=0.14)


def test_a_cohort_ten_times_as_large_has_a_tenth_of_the_variance():
    small = fit_sbg([369, 163, 86, 56], survivors=326)
    large = fit_sbg([3690, 1630, 860, 560], survivors=3260)
    # Both end within 1e-8 standard errors of the same maximum.
    assert (large.alpha, large.beta) == pytest.approx((small.alpha, small.beta), rel=1e-7)
    np.testing.assert_allclose(large.covariance, small.covariance / 10, rtol=1e-6)


def test_a_cohort_that_has_all_left_is_fitted():
    fit = fit_sbg([900, 30, 5, 4, 3, 2, 1], survivors=0)
    assert fit.alpha / (fit.alpha + fit.beta) == pytest.approx(900 / 945, abs=0.02)  # 3 standard errors


@pytest.mark.parametrize(
    ("lost", "survivors", "error", "message"),
    [
        ([10], 90, DesignError, "covers 1 renewal"),
        ([0, 0], 100, DesignError, "nobody left"),
        ([100, 0], 0, DesignError, "everybody left at the first"),
        ([100, 90, 81], 729, DesignError, "retention does not rise"),  # exactly 10 % each time
        ([50, 60, 70], 800, DesignError, "retention does not rise"),
        ([50, 0, 0], 950, DesignError, "fit no differences"),  # movers and stayers, nothing between
        ([-1, 5], 10, DataError, "negative"),
        ([5, 1], -10, DataError, "negative"),
        ([5, np.nan], 10, DataError, r"lost\[1\] is nan"),
        ([[5, 1]], 10, DataError, "2 dimensions"),
    ],
)
def test_refuses_bad_input(lost, survivors, error, message):
    with pytest.raises(error, match=message):
        fit_sbg(lost, survivors=survivors)

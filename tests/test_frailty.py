"""Gamma frailty in grouped durations: planted variances found, none found where there is none."""

import numpy as np
import pytest
from scipy.optimize import minimize

from cemlab.stats.frailty import fit_frailty


def drawn(seed, variance, n=8000, periods=12):
    """Return events and stayed of two patterns, with a planted ratio of one half given the frailty."""
    rng = np.random.default_rng(seed)
    x = np.repeat([0, 1], n)
    own = rng.gamma(1 / variance, variance, 2 * n) if variance else np.ones(2 * n)
    ends = np.ceil(rng.exponential(1 / (0.12 * own * 0.5**x)))
    events = np.array([[np.sum((ends == j) & (x == k)) for j in range(1, periods + 1)] for k in (0, 1)])
    stayed = np.array([[np.sum((ends > j) & (x == k)) for j in range(1, periods + 1)] for k in (0, 1)])
    return events, stayed.astype(float)


X = np.array([[0.0], [1.0]])


def test_is_the_maximum_of_the_textbook_likelihood():
    events, stayed = drawn(1, 0.8, n=3000, periods=5)
    fit = fit_frailty(events, stayed=stayed, design=X)

    def minus(theta):
        hazard = np.exp(theta[:5] + X * theta[5])
        there = (1 + np.exp(theta[6]) * np.cumsum(hazard, axis=1)) ** (-1 / np.exp(theta[6]))
        before = np.concatenate([np.ones((2, 1)), there[:, :-1]], axis=1)
        return -(events * np.log(1 - there / before) + stayed * np.log(there / before)).sum()

    found = minimize(minus, np.concatenate([np.full(5, -2.0), [-0.5, -0.5]]), method="BFGS", tol=1e-9)
    # BFGS stops at about half the digits of the likelihood
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-5)
    assert fit.coefficient[0] == pytest.approx(found.x[5], abs=0.01)
    assert fit.variance == pytest.approx(np.exp(found.x[6]), rel=0.02)


def test_finds_a_planted_variance_and_the_ratio_given_it():
    inside, ratios = [], []
    for seed in range(20):
        events, stayed = drawn(seed, 0.8)
        fit = fit_frailty(events, stayed=stayed, design=X)
        inside.append(fit.conf_low <= 0.8 <= fit.conf_high)
        ratios.append((fit.coefficient[0] - np.log(0.5)) / fit.std_error[0])
    # of 20 intervals with 95 % all but three cover with a chance above .99
    assert sum(inside) >= 17
    # the mean of 20 standardised errors lies within 3 / sqrt(20)
    assert abs(np.mean(ratios)) < 0.67


def test_without_frailty_none_is_claimed():
    claimed = 0
    for seed in range(20):
        events, stayed = drawn(100 + seed, 0.0)
        fit = fit_frailty(events, stayed=stayed, design=X)
        claimed += fit.conf_low > 0
        assert fit.p_value <= 1
    # the level is 2.5 % on this side; three of 20 or more have a chance of .01
    assert claimed <= 2


def test_one_curve_says_nothing():
    events, stayed = drawn(3, 0.8)
    fit = fit_frailty(events[:1], stayed=stayed[:1], design=np.zeros((1, 0)))
    # a free baseline fits with and without frailty alike, so that no variance is refuted
    assert fit.statistic == pytest.approx(0, abs=1e-5)
    assert (fit.conf_low, fit.conf_high) == (0.0, np.inf)

from __future__ import annotations

import numpy as np
import pytest

from cemlab.stats.maximum_likelihood import maximise


def test_a_quadratic_is_solved_in_one_step_with_its_covariance():
    information = np.array([[4.0, 1.0], [1.0, 3.0]])
    peak = np.array([0.3, -0.2])

    def quadratic(theta):
        gap = theta - peak
        return -0.5 * gap @ information @ gap, -information @ gap, -information

    best = maximise(quadratic, np.zeros(2))
    assert best.converged
    assert best.steps == 2  # the start and the peak
    np.testing.assert_allclose(best.theta, peak, rtol=1e-12)  # exact but for rounding
    np.testing.assert_allclose(best.covariance, np.linalg.inv(information), rtol=1e-12)
    assert best.value == pytest.approx(0.0, abs=1e-12)


def test_a_start_where_the_surface_is_convex_still_leads_uphill():
    # The Cauchy log-likelihood -ln(1 + t²) is convex beyond |t| = 1, where plain Newton runs away.
    def cauchy(theta):
        t = theta[0]
        bell = 1.0 + t**2
        return -100 * np.log(bell), np.array([-200 * t / bell]), np.array([[-200 * (1 - t**2) / bell**2]])

    best = maximise(cauchy, np.array([5.0]))
    assert best.converged
    assert abs(best.theta[0]) < 1e-6  # a last step of at most 1e-8 likelihood units, quadratically on


def test_a_likelihood_without_an_interior_maximum_is_said_not_to_converge():
    def rising(theta):  # tends to 0 as theta grows
        e = np.exp(-theta[0])
        return -e, np.array([e]), np.array([[-e]])

    best = maximise(rising, np.array([0.0]))
    assert not best.converged
    assert np.isnan(best.covariance).all()


def test_a_flat_direction_is_said_not_to_converge():
    def flat(theta):
        return -0.5 * theta[0] ** 2, np.array([-theta[0], 0.0]), np.diag([-1.0, 0.0])

    assert not maximise(flat, np.array([1.0, 1.0])).converged


def test_the_number_of_evaluations_is_limited():
    def rising(theta):
        return theta[0], np.array([1.0]), np.array([[-1e-3]])

    best = maximise(rising, np.array([0.0]), max_steps=3)
    assert not best.converged
    assert best.steps == 3


def test_a_step_into_nothing_is_halved_until_the_likelihood_is_a_number():
    def narrow(theta):  # ln of t e^(-t) is no number below 0, and Newton from 3 jumps there
        t = theta[0]
        return np.log(t) - t, np.array([1 / t - 1]), np.array([[-1 / t**2]])

    best = maximise(narrow, np.array([3.0]))
    assert best.converged
    assert best.theta[0] == pytest.approx(1.0, abs=1e-6)  # as above


def test_the_start_is_not_changed():
    start = np.array([2.0])
    maximise(lambda theta: (-0.5 * theta @ theta, -theta, -np.eye(1)), start)
    assert start[0] == 2.0

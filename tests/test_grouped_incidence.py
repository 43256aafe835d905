"""Shares that leave for one cause beside others, from hazards by period: by hand, slopes, and sums."""

import numpy as np
import pytest

from cemlab.stats.grouped_incidence import (
    incidence,
    incidence_between,
    incidence_slopes,
    leaves_within,
    leaves_within_slopes,
)

OWN = np.array([[0.1, 0.3, 0.2], [0.4, 0.0, 0.5]])
OTHER = np.array([[0.2, 0.1, 0.6], [0.0, 0.0, 0.1]])


def test_two_causes_add_up_to_all_who_left():
    both = incidence(OWN, OTHER) + incidence(OTHER, OWN)
    np.testing.assert_allclose(both, 1 - np.exp(-np.cumsum(OWN + OTHER, axis=1)), rtol=1e-12)
    # one cause alone: all who left
    np.testing.assert_allclose(incidence(OWN, 0 * OWN), 1 - np.exp(-np.cumsum(OWN, axis=1)), rtol=1e-12)


def test_slopes_are_derivatives():
    step = 1e-6
    by = leaves_within_slopes(OWN, OTHER)
    # central differences err by the square of the step, and by rounding over it
    up, down = leaves_within(OWN[0] + step, OTHER[0]), leaves_within(OWN[0] - step, OTHER[0])
    np.testing.assert_allclose(by[0][0], (up - down) / (2 * step), rtol=1e-8)
    up, down = leaves_within(OWN[0], OTHER[0] + step), leaves_within(OWN[0], OTHER[0] - step)
    np.testing.assert_allclose(by[1][0], (up - down) / (2 * step), rtol=1e-8)
    # without any hazard the first departure is the cause's
    assert (by[0][1, 1], by[1][1, 1]) == (1.0, 0.0)
    # every hazard a parameter of its own
    parts = np.eye(3)[None].repeat(2, axis=0)
    own, other = incidence_slopes(OWN, OTHER, parts, parts)
    for j in range(3):
        moved = np.zeros((2, 3))
        moved[:, j] = step
        up, down = incidence(OWN + moved, OTHER), incidence(OWN - moved, OTHER)
        np.testing.assert_allclose(own[0, :, j], ((up - down) / (2 * step))[0], atol=1e-8)
        up, down = incidence(OWN, OTHER + moved), incidence(OWN, OTHER - moved)
        np.testing.assert_allclose(other[0, :, j], ((up - down) / (2 * step))[0], atol=1e-8)


def test_between_two_times_by_hand():
    cuts = np.array([0.0, 2.0, 4.0, 8.0])
    told = incidence_between(
        OWN,
        OTHER,
        cuts=cuts,
        pattern=np.array([0, 0, 0]),
        start=np.array([0.0, 1.0, 5.0]),
        end=np.array([4.0, 3.0, 9.0]),
    )
    assert told[0] == pytest.approx(incidence(OWN, OTHER)[0, 1])
    # half of two periods: .05 of .15, then .15 of .2 of those still there
    second = 0.05 / 0.15 * (1 - np.exp(-0.15)) + np.exp(-0.15) * 0.15 / 0.2 * (1 - np.exp(-0.2))
    assert told[1] == pytest.approx(second)
    assert np.isnan(told[2])

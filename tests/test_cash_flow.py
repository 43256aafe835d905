"""Present values, internal rates and payback: by hand, against polynomial roots, and what always holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from cemlab.errors import DataError
from cemlab.stats.cash_flow import (
    discount_factors,
    internal_rate,
    payback_month,
    present_value,
    sign_changes,
)

# Sums of a few dozen products in double precision.
ROUNDING = 1e-9


def test_present_value_by_hand():
    # 100 now, 60 in twelve and 60 in twenty-four months at 10 % a year: −100 + 60/1.1 + 60/1.21
    flows = np.zeros(25)
    flows[[0, 12, 24]] = -100, 60, 60
    assert present_value(flows, 0.10) == pytest.approx(-100 + 60 / 1.1 + 60 / 1.21, abs=ROUNDING)
    # the rate r with 100 (1 + r)² = 60 (1 + r) + 60
    by_hand = (60 + np.sqrt(60**2 + 4 * 100 * 60)) / 200 - 1
    assert internal_rate(flows) == pytest.approx(by_hand, abs=1e-12)
    assert payback_month(flows) == 24


def test_each_draw_has_its_own_rate():
    flows = np.array([[-100.0] + [0] * 11 + [121], [-50.0] + [0] * 11 + [55]])
    found = present_value(flows, np.array([0.21, 0.0]))
    assert found == pytest.approx([0, 5], abs=ROUNDING)
    assert discount_factors(np.array([0.0, 0.44]), 7)[:, 6] == pytest.approx([1, 1 / 1.2])


@pytest.mark.parametrize("seed", range(5))
def test_internal_rate_against_polynomial_roots(seed):
    rng = np.random.default_rng(seed)
    flows = np.concatenate([-rng.uniform(10, 300, (40, 2)), rng.uniform(0, 30, (40, 22))], axis=1)
    found = internal_rate(flows)
    for row, rate in zip(flows, found, strict=True):
        roots = np.roots(row[::-1])  # in the monthly discount factor
        real = roots[(abs(roots.imag) < 1e-10) & (roots.real > 0)].real
        assert len(real) == 1
        # roots of a polynomial of degree 23 carry some 1e-9 themselves, taken to the twelfth power
        assert rate == pytest.approx(real[0] ** -12 - 1, rel=1e-6)
        month = np.arange(24)
        again = brentq(lambda log, row=row, month=month: row @ np.exp(-log * month), -1, 3, xtol=1e-14)
        assert rate == pytest.approx(np.expm1(12 * again), rel=1e-9)


def test_internal_rates_beyond_any_bank():
    # 1 now for 1,000 next month, and 2 now for 1 next month: monthly factors of 1,000 and of a half
    found = internal_rate([[-1.0, 1000.0], [-2.0, 1.0]])
    assert found == pytest.approx([1000.0**12 - 1, 0.5**12 - 1], rel=1e-9)
    # over 600 months nothing overflows: 100 now, 1 in the last month
    long = np.zeros(600)
    long[[0, 599]] = -100, 1
    assert internal_rate(long) == pytest.approx(0.01 ** (12 / 599) - 1, rel=1e-9)


def test_no_internal_rate_where_there_is_none_or_several():
    # two changes of sign: at 1 % and at 2 % a month the value is nought, so neither is told
    twice = np.array([-1.0, 2.03, -1.01 * 1.02])
    assert present_value(twice, 1.01**12 - 1) == pytest.approx(0, abs=ROUNDING)
    assert present_value(twice, 1.02**12 - 1) == pytest.approx(0, abs=ROUNDING)
    found = internal_rate([twice, [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [0.0, -1.0, 1.0]])
    assert np.isnan(found[:3]).all()
    assert found[3] == pytest.approx(0, abs=1e-12)
    assert sign_changes([twice, [0.0, 0.0, 0.0], [0.0, -1.0, 1.0]]).tolist() == [2, 0, 1]


def test_a_payback_is_for_good():
    flows = [
        [-4.0, 5, -3, 1, 3],
        [-4.0, 1, 1, 1, 0],
        [0.0, 0, 0, 0, 0],
        [1.0, 1, 1, 1, 1],
        [-3.0, 1, 1, 1, 0],
    ]
    assert payback_month(flows).tolist() == [4.0, np.inf, 0.0, 0.0, 3.0]


@pytest.mark.parametrize("rate", [-1.0, -1.5, 800.0, np.nan, np.inf, 1.01])
def test_what_is_no_discount_rate_is_refused(rate):
    with pytest.raises(DataError, match="discount rate of"):
        present_value([1.0, 2.0], rate)


@pytest.mark.parametrize("flows", [3.0, [], [1.0, np.nan], [1.0, np.inf]])
def test_what_is_no_cash_flow_is_refused(flows):
    with pytest.raises(DataError, match="cash flows must be finite"):
        present_value(flows, 0.1)


money = st.floats(0.1, 1e6)
rates = st.floats(-0.5, 0.9)
projects = st.tuples(money, st.lists(st.floats(0, 1e6), min_size=1, max_size=40))


@given(projects, rates, st.floats(0.001, 0.1))
@settings(max_examples=60, deadline=None)
def test_present_value_falls_with_the_rate_when_costs_come_first(project, rate, step):
    cost, gains = project
    flows = np.array([-cost, *gains])
    slack = ROUNDING * np.abs(flows).sum() * 2.0 ** (len(flows) / 12)  # at −50 % a year money doubles
    assert present_value(flows, rate + step) <= present_value(flows, rate) + slack


@given(projects, rates, st.floats(0.01, 100))
@settings(max_examples=60, deadline=None)
def test_scaled_money_scales_the_value_and_keeps_rate_and_payback(project, rate, scale):
    cost, gains = project
    flows = np.array([-cost, *gains])
    assert present_value(scale * flows, rate) == pytest.approx(
        scale * present_value(flows, rate), rel=1e-9, abs=ROUNDING * scale * np.abs(flows).sum() * 1e3
    )
    one, other = internal_rate(flows), internal_rate(scale * flows)
    assert np.isnan(one) == np.isnan(other)
    if one < 1e6:  # beyond that a yearly rate is a number of many digits
        # near −100 % a year what is left of it is lost to rounding
        assert other == pytest.approx(float(one), rel=1e-6, abs=1e-9)


@given(projects)
@settings(max_examples=60, deadline=None)
def test_at_the_internal_rate_the_value_is_nought(project):
    cost, gains = project
    flows = np.array([-cost, *gains])
    rate = float(internal_rate(flows))
    if np.isfinite(rate) and -0.9 < rate <= 1:
        scale = (np.abs(flows) * discount_factors(rate, len(flows))).sum()
        assert present_value(flows, rate) == pytest.approx(0, abs=1e-8 * scale)

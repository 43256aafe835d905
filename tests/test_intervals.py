from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab.errors import DataError, OptionError
from cemlab.stats.intervals import Interval, difference_of_shares, wilson

# Newcombe (1998), Table II, method 10: successes and trials of both groups, and the printed limits.
NEWCOMBE = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0000)),
    ((10, 10, 0, 10), (0.6075, 1.0000)),
]


@pytest.mark.parametrize(("counts", "limits"), NEWCOMBE)
def test_difference_is_the_published_one(counts, limits):
    gap = difference_of_shares(wilson(*counts[:2]), wilson(*counts[2:]))
    assert (gap.conf_low, gap.conf_high) == pytest.approx(limits, abs=5.1e-5)  # printed to four digits


def test_difference_of_arrays_is_that_of_its_entries():
    counts = np.array([row for row, _ in NEWCOMBE]).T
    together = difference_of_shares(wilson(counts[0], counts[1]), wilson(counts[2], counts[3]))
    for i, (row, _) in enumerate(NEWCOMBE):
        alone = difference_of_shares(wilson(*row[:2]), wilson(*row[2:]))
        np.testing.assert_array_equal([part[i] for part in together], list(alone))


def test_wilson_solves_the_score_equation():
    # The limits are where the observed share lies exactly z standard errors (under the limit) away.
    share = wilson([1, 30, 199], [10, 40, 200], conf_level=0.90)
    z = 1.6448536269514722  # 95 % quantile of the normal distribution
    for limit in (share.conf_low, share.conf_high):
        distance = np.abs(share.estimate - limit) / np.sqrt(limit * (1 - limit) / np.array([10, 40, 200]))
        np.testing.assert_allclose(distance, z, rtol=1e-9)  # a root of a quadratic, in 15 digits


def test_wilson_of_nothing_is_nan_and_says_nothing_of_the_others():
    share = wilson([0, 0, 3], [0, 5, 3])
    assert np.isnan([part[0] for part in share]).all()
    np.testing.assert_array_equal(share.estimate[1:], [0.0, 1.0])
    assert share.conf_low[1] == 0.0
    assert share.conf_high[2] == 1.0
    gap = difference_of_shares(share, wilson(1, 2))
    assert np.isnan([part[0] for part in gap]).all()
    assert not np.isnan(gap.conf_low[1:]).any()


def test_wilson_repeats_one_number_of_trials():
    assert wilson([1, 2, 3], 10).estimate.tolist() == [0.1, 0.2, 0.3]


def test_difference_covers_the_truth_near_the_border():
    # 2 % against 6 % of 60: the usual interval covers far too rarely in one tail; Newcombe's 95 %
    # stays between 93 and 98 % (his Table V); 4,000 draws have a standard deviation of 0.35 points.
    rng = np.random.default_rng(1)
    gap = difference_of_shares(
        wilson(rng.binomial(60, 0.06, 4000), 60), wilson(rng.binomial(60, 0.02, 4000), 60)
    )
    covered = ((gap.conf_low <= 0.04) & (gap.conf_high >= 0.04)).mean()
    assert 0.92 < covered < 0.99


trials = st.integers(1, 10_000)


@given(first=st.tuples(trials, st.floats(0, 1)), second=st.tuples(trials, st.floats(0, 1)))
def test_difference_holds_its_estimate_and_turns_with_its_sign(first, second):
    one, other = (wilson(round(n * share), n) for n, share in (first, second))
    gap, back = difference_of_shares(one, other), difference_of_shares(other, one)
    assert -1 - 1e-12 <= gap.conf_low <= gap.estimate <= gap.conf_high <= 1 + 1e-12  # but for rounding
    assert (-gap.conf_high, -gap.conf_low) == (back.conf_low, back.conf_high)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, 2, 0.95), DataError, "0 <= successes <= n"),
        ((-1, 2, 0.95), DataError, "0 <= successes <= n"),
        ((np.nan, 2, 0.95), DataError, "0 <= successes <= n"),
        ((1, np.inf, 0.95), DataError, "0 <= successes <= n"),
        (([1, 2, 3], [4, 5], 0.95), DataError, "matching shapes"),
        (("few", 2, 0.95), DataError, "must be numbers"),
        ((1, 2, 95), OptionError, "conf_level is 95"),
        ((1, 2, 0.0), OptionError, "conf_level is 0.0"),
    ],
)
def test_wilson_refuses_bad_input(arguments, error, message):
    successes, n, level = arguments
    with pytest.raises(error, match=message):
        wilson(successes, n, conf_level=level)


def test_difference_refuses_an_estimate_outside_its_interval():
    good = wilson(1, 2)
    bad = Interval(np.array(0.5), np.array(0.6), np.array(0.7))
    with pytest.raises(DataError, match="of second lies outside"):
        difference_of_shares(good, bad)


def test_difference_refuses_shapes_that_do_not_match():
    with pytest.raises(DataError, match="shapes that do not match"):
        difference_of_shares(wilson([1, 1], 2), wilson([1, 1, 1], 2))

"""Times that differ only by rounding are one time, and no others."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cemlab.stats.rounding_ties import TOLERANCE, merge_near


def test_a_sum_is_the_number_it_is_meant_to_be() -> None:
    ends, entries = merge_near([0.1 + 0.2, 0.9, 0.7 + 0.1], [0.3, 0.8, 0.0])
    assert ends[0] == entries[0] == 0.3  # the least of a cluster
    assert ends[2] == entries[1] == 0.7 + 0.1
    assert ends[1] == 0.9
    assert entries[2] == 0


def test_what_rounding_left_of_zero_is_zero_on_either_side() -> None:
    (values,) = merge_near([0.3 - 0.1 - 0.2, 0.1 + 0.2 - 0.3, 0.5, 1.0])
    assert values.tolist() == [0.0, 0.0, 0.5, 1.0]


def test_times_that_differ_by_more_stay_apart() -> None:
    # the mean is 1.0, so the tolerance is 1.49e-8
    (values,) = merge_near([0.5, 1.0, 1.0 + 2e-8, 1.5])
    assert len(set(values.tolist())) == 4
    (values,) = merge_near([0.5, 1.0, 1.0 + 1e-8, 1.5])
    assert values.tolist() == [0.5, 1.0, 1.0, 1.5]


def test_whole_numbers_are_exact_and_stay_however_large() -> None:
    # milliseconds of five years: the tolerance would be a second
    (values,) = merge_near([0, 160_000_000_000, 160_000_000_001])
    assert values.tolist() == [0, 160_000_000_000, 160_000_000_001]


def test_what_is_missing_or_infinite_stays() -> None:
    (values,) = merge_near([np.nan, np.inf, 0.3, 0.1 + 0.2])
    np.testing.assert_array_equal(values, [np.nan, np.inf, 0.3, 0.3])
    assert merge_near([])[0].size == 0


def test_a_dense_chain_is_cut_and_not_drawn_together() -> None:
    chain = 1 + np.arange(101) * 0.5e-8  # each step is within the tolerance of 1.49e-8, the whole is not
    (values,) = merge_near(chain)
    assert np.abs(values - chain).max() <= 1.5e-8
    # two steps of half a tolerance fit into a cluster, so every third time begins one
    assert len(set(values.tolist())) == 34


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.sampled_from([1e-9, 1.0, 1e9]))
def test_no_time_moves_far_and_order_is_kept(times: list[float], unit: float) -> None:
    given_times = np.array(times) * unit
    (values,) = merge_near(given_times)
    scale = np.abs(np.unique(given_times)).mean()
    assert np.abs(values - given_times).max() <= TOLERANCE * scale
    order = np.argsort(given_times, kind="stable")
    assert (np.diff(values[order]) >= 0).all()
    (again,) = merge_near(given_times[order])
    np.testing.assert_array_equal(again, values[order])

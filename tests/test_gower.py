"""Gower's distance: against R's daisy, by hand, and where it must refuse.

Reference: tests/reference/gower.R with the package cluster 2.1.4 of R 4.2.2, stored in gower_daisy.csv.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cemlab.errors import DataError, DesignError
from cemlab.stats.gower import attributes, weighted_mean

REFERENCE = Path(__file__).parent / "reference"
NUMBERS, NAMES = ["body", "acidity", "price"], ["country", "colour"]


@pytest.fixture(scope="module")
def things() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "gower.csv")


@pytest.fixture(scope="module")
def daisy() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "gower_daisy.csv", index_col="case", skipinitialspace=True)


def codes(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([pd.factorize(frame[name])[0] for name in frame])


@pytest.mark.parametrize(
    ("case", "numbers", "names", "weights"),
    [
        ("plain", NUMBERS, NAMES, None),
        ("weighted", NUMBERS, NAMES, [2, 1, 0.5, 3, 1]),
        ("numbers", NUMBERS, [], None),
        ("names", [], NAMES, None),
    ],
)
def test_the_distances_are_those_of_r(things, daisy, case, numbers, names, weights):
    named = codes(things[names]) if names else np.empty((len(things), 0), dtype=int)
    ready = attributes(things[numbers].to_numpy().reshape(len(things), -1), named, weights=weights)
    ours = ready.distances(np.arange(len(things)))
    # daisy lists the lower triangle column by column, which is the upper one row by row
    theirs = daisy.loc[case].to_numpy(dtype=float)
    # two things share no known name: not known, there as here
    assert np.isnan(theirs).sum() == (1 if case == "names" else 0)
    # 15 digits were stored
    np.testing.assert_allclose(ours[np.triu_indices(len(things), 1)], theirs, rtol=1e-12, atol=1e-14)


def test_a_distance_by_hand():
    # ranges 4 and 10; countries 0, 0, 1; the second weighs its name three times
    ready = attributes([[1.0, 20.0], [3.0, 10.0], [5.0, np.nan]], [[0], [0], [1]], weights=[1, 1, 3])
    first = ready.distances(0)[0]
    np.testing.assert_allclose(first, [0.0, (2 / 4 + 10 / 10 + 0) / 5, (4 / 4 + 3 * 1) / 4], rtol=1e-15)


def test_what_is_missing_says_nothing_about_a_pair():
    ready = attributes([[1.0], [np.nan], [3.0]], [[-1], [0], [0]])
    found = ready.distances([0, 1])
    assert np.isnan(found[0, 1])  # no attribute is known of both
    assert found[0, 2] == 1.0  # numbers alone
    assert found[1, 2] == 0.0  # names alone


def test_rows_and_others_pick_what_is_compared(things):
    ready = attributes(things[NUMBERS].to_numpy(), codes(things[NAMES]))
    whole = ready.distances(np.arange(len(things)))
    np.testing.assert_array_equal(ready.distances([2, 5], [1, 7, 8]), whole[np.ix_([2, 5], [1, 7, 8])])
    assert ready.differences(3, 4).shape == (1, 1, 5)
    assert len(ready) == len(things)


@given(
    arrays(np.float64, (6, 2), elements=st.floats(-50, 50)),
    arrays(np.int64, (6, 2), elements=st.integers(-1, 2)),
    arrays(np.float64, (4,), elements=st.floats(0.1, 10)),
    st.floats(0.1, 100),
)
def test_distances_are_distances_and_know_no_unit(numbers, names, weights, unit):
    numbers[0], numbers[1] = -60, 60  # a range that no lot can take away
    found = attributes(numbers, names, weights=weights).distances(np.arange(6))
    seen = found[~np.isnan(found)]
    assert ((seen >= 0) & (seen <= 1 + 1e-12)).all()
    np.testing.assert_array_equal(found, found.T)
    assert (np.diag(found) == 0).all()
    # another unit, another zero point, and all weights larger: to rounding
    other = attributes(unit * numbers + 7, names, weights=unit * weights).distances(np.arange(6))
    np.testing.assert_allclose(other, found, atol=1e-9)


def test_a_mean_of_nothing_is_not_known():
    assert np.isnan(weighted_mean([np.nan, np.nan], [1.0, 1.0]))


@pytest.mark.parametrize(
    ("numbers", "names", "weights", "error", "told"),
    [
        ([[1.0], [1.0]], [[0], [1]], None, DesignError, "numeric attribute 1 has no spread"),
        ([[1.0, np.nan], [2.0, np.nan]], [[0], [1]], None, DesignError, "attribute 2 has no spread"),
        ([[1.0], [np.inf]], [[0], [1]], None, DataError, "is infinite"),
        ([[1.0], [2.0]], [[0]], None, DataError, "two tables of the same things"),
        ([1.0, 2.0], [[0], [1]], None, DataError, "two tables of the same things"),
        (np.empty((2, 0)), np.empty((2, 0)), None, DataError, "one column at least"),
        ([[1.0], [2.0]], [[0], [1]], [1.0], DataError, "weights must be 2 numbers above 0"),
        ([[1.0], [2.0]], [[0], [1]], [1.0, 0.0], DataError, "above 0"),
        ([[1.0], [2.0]], [[0], [1]], [1.0, np.inf], DataError, "above 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(numbers, names, weights, error, told):
    with pytest.raises(error, match=told):
        attributes(numbers, names, weights=weights)

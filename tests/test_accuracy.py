"""Brier score and time-dependent AUC under censoring: as R's survival, scikit-learn and cases by hand."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cemlab.errors import DesignError
from cemlab.stats.accuracy import brier_score, outcomes_by, risk_bands, time_dependent_auc

REFERENCE = Path(__file__).parent / "reference"


@pytest.mark.parametrize("k", [0, 1])
def test_agrees_with_r(k):
    # tests/reference/accuracy.R made the data and the values
    data = pd.read_csv(REFERENCE / "accuracy.csv")
    values = json.loads((REFERENCE / "accuracy.json").read_text())
    n = np.ones(len(data), dtype=np.int64)
    outcomes = outcomes_by(
        data["duration"].to_numpy(dtype=float),
        event=data["event"].to_numpy(dtype=bool),
        n=n,
        horizon=values["horizons"][k],
    )
    risk = data[f"risk{k + 1}"].to_numpy()
    # sums of 250 numbers of one size: rounding only
    assert brier_score(risk, outcomes, n=n) == pytest.approx(values["brier"][k], rel=1e-12)
    assert time_dependent_auc(risk, outcomes, n=n) == pytest.approx(values["auc"][k], rel=1e-12)


def test_weights_by_hand():
    # 6 customers; at 1 one of 6 is censored, at 3 one of the 3 still watched: 1, then 6/5, then 6/5 * 3/2
    time = np.array([1.0, 2.0, 2.0, 3.0, 4.0, 5.0])
    event = np.array([False, True, True, False, True, False])
    found = outcomes_by(time, event=event, n=np.ones(6, dtype=np.int64), horizon=4.0)
    np.testing.assert_allclose(found.weight, [0, 1.2, 1.2, 0, 1.8, 1.8])
    assert found.case.tolist() == [False, True, True, False, True, False]
    assert found.control.tolist() == [False, False, False, False, False, True]
    # the weights stand for everybody
    assert found.weight.sum() == pytest.approx(6)
    risk = np.array([0.1, 0.9, 0.4, 0.1, 0.2, 0.3])
    # pairs with the one control at .3: .9 and .4 are above it, .2 is not
    assert time_dependent_auc(risk, found, n=np.ones(6, dtype=np.int64)) == pytest.approx(2.4 / 4.2)
    square = 1.2 * (0.1**2 + 0.6**2) + 1.8 * (0.8**2 + 0.3**2)
    assert brier_score(risk, found, n=np.ones(6, dtype=np.int64)) == pytest.approx(square / 6)


def test_who_is_watched_up_to_the_horizon_itself_is_a_control():
    time, event = np.array([2.0, 2.0, 1.0]), np.array([False, True, True])
    found = outcomes_by(time, event=event, n=np.ones(3, dtype=np.int64), horizon=2.0)
    assert found.control.tolist() == [True, False, False]
    np.testing.assert_allclose(found.weight, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_without_censoring_it_is_the_usual_auc_and_mean_square(seed):
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 8, 40).astype(float)
    risk = rng.integers(0, 6, 40) / 5  # with ties
    n = np.ones(40, dtype=np.int64)
    case = time <= 4
    if not 0 < case.sum() < 40:
        return
    outcomes = outcomes_by(time, event=np.ones(40, dtype=bool), n=n, horizon=4.0)
    assert time_dependent_auc(risk, outcomes, n=n) == pytest.approx(roc_auc_score(case, risk))
    assert brier_score(risk, outcomes, n=n) == pytest.approx(np.mean((case - risk) ** 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_count_stands_for_as_many_rows(seed):
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 9, 30).astype(float), rng.integers(0, 2, 30).astype(bool)
    risk, n = rng.integers(0, 9, 30) / 10, rng.integers(1, 4, 30)
    time[0], event[0], late = 9.0, False, rng.integers(0, 2, 30)
    late[0] = 0
    time[1], event[1], late[1] = 9.0, False, 1
    one = np.ones(n.sum(), dtype=np.int64)
    cells = outcomes_by(time, event=event, n=n, horizon=5.0, stratum=late)
    rows = outcomes_by(
        np.repeat(time, n), event=np.repeat(event, n), n=one, horizon=5.0, stratum=np.repeat(late, n)
    )
    np.testing.assert_allclose(np.repeat(cells.weight, n), rows.weight)
    assert brier_score(risk, cells, n=n) == pytest.approx(brier_score(np.repeat(risk, n), rows, n=one))


def test_without_a_case_there_is_no_auc():
    found = outcomes_by(np.array([5.0]), event=np.array([True]), n=np.array([3]), horizon=2.0)
    assert np.isnan(time_dependent_auc(np.array([0.2]), found, n=np.array([3])))


def test_a_horizon_nobody_reaches_is_refused():
    with pytest.raises(DesignError, match="nobody was observed for 9"):
        outcomes_by(np.array([1.0, 2.0]), event=np.array([True, False]), n=np.array([1, 1]), horizon=9.0)


def test_bands_hold_about_as_many_and_part_no_equals():
    risk = np.array([0.1, 0.1, 0.2, 0.3, 0.4])
    assert risk_bands(risk, n=np.array([5, 5, 10, 10, 10]), bands=4).tolist() == [0, 0, 1, 2, 3]
    assert risk_bands(np.full(4, 0.3), n=np.ones(4, dtype=np.int64), bands=5).tolist() == [0, 0, 0, 0]

"""Cox with ties and late entry, and its test of proportional hazards, agree with R's survival."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test

from cemlab import survival
from cemlab.stats.proportionality import proportionality_test

REFERENCE = Path(__file__).parent / "reference"


@pytest.mark.parametrize(("case", "entry"), [("late", "entry"), ("start", None)])
def test_agrees_with_r(case, entry):
    # tests/reference/proportional_hazards.R made the data and the values
    data = pd.read_csv(REFERENCE / "proportional_hazards.csv")
    values = json.loads((REFERENCE / "proportional_hazards.json").read_text())[case]
    ratios = survival.hazard_ratios(
        data, duration="duration", event="event", entry=entry, covariates=["x1", "x2"]
    )

    def theirs(name):
        return [values[f"{name}1"], values[f"{name}2"]]

    # both iterate to the maximum; the rest is rounding, magnified by the second derivatives
    np.testing.assert_allclose(ratios.table["coefficient"], theirs("coefficient"), rtol=1e-10)
    np.testing.assert_allclose(ratios.table["std_error"], theirs("std_error"), rtol=1e-10)
    assert ratios.log_likelihood == pytest.approx(values["log_likelihood"], rel=1e-10)
    np.testing.assert_allclose(ratios.proportional["statistic"], theirs("chisq"), rtol=1e-6)
    np.testing.assert_allclose(ratios.proportional["p_value"], theirs("p"), rtol=1e-6)


def test_does_not_depend_on_the_order_of_tied_rows_as_the_librarys_does():
    data = pd.read_csv(REFERENCE / "proportional_hazards.csv").drop(columns="entry")
    ours, theirs = set(), set()
    for seed in range(5):
        rows = data.sample(frac=1, random_state=seed).reset_index(drop=True)
        fit = CoxPHFitter().fit(rows, "duration", "event", fit_options={"precision": 1e-11})
        theirs.add(round(float(np.ravel(proportional_hazard_test(fit, rows).test_statistic)[0]), 6))
        test = proportionality_test(
            rows[["x1", "x2"]], duration=rows["duration"], event=rows["event"], coefficient=fit.params_
        )
        ours.add(round(float(test.statistic[0]), 6))
    assert len(ours) == 1
    # the reason why the library's own test is not used; when this fails, it can be
    assert len(theirs) > 1


def test_scales_of_the_covariates_do_not_matter():
    data = pd.read_csv(REFERENCE / "proportional_hazards.csv")
    fit = CoxPHFitter().fit(data[["x1", "x2", "duration", "event"]], "duration", "event")
    x, beta = data[["x1", "x2"]].to_numpy(), fit.params_.to_numpy()
    plain = proportionality_test(x, duration=data["duration"], event=data["event"], coefficient=beta)
    moved = proportionality_test(
        1000 * x + 5, duration=data["duration"], event=data["event"], coefficient=beta / 1000
    )
    # differences of large sums: six digits are left of sixteen
    np.testing.assert_allclose(moved.statistic, plain.statistic, rtol=1e-6)


@pytest.mark.parametrize("duration", [[3, 3, 3, 3, 5, 5], [3, 4, 4, 4, 5, 5]])
def test_departures_at_one_time_cannot_be_tested(duration):
    event = np.asarray(duration) == 3  # all at one time, or one alone
    x = np.array([[0.0], [1], [0], [1], [1], [0]])
    test = proportionality_test(x, duration=duration, event=event, coefficient=[0.1])
    assert np.isnan(test.statistic).all()
    assert np.isnan(test.p_value).all()


def test_score_test_by_hand():
    # x = 0, 1, 0, 1 leave at 1, 2, 3, 4; with coefficient 0 the means are 1/2, 2/3, 1/2, 1 and the
    # variances 1/4, 2/9, 1/4, 0; the clock is 0, 1/4, 1/2, 3/4
    test = proportionality_test(
        [[0], [1], [0], [1]], duration=[1, 2, 3, 4], event=[1, 1, 1, 1], coefficient=[0.0]
    )
    score = 1 / 4 * (1 - 2 / 3) + 1 / 2 * (0 - 1 / 2)
    plain, mixed, squared = 1 / 4 + 2 / 9 + 1 / 4, 1 / 4 * 2 / 9 + 1 / 2 / 4, 1 / 16 * 2 / 9 + 1 / 4 / 4
    np.testing.assert_allclose(test.statistic, score**2 / (squared - mixed**2 / plain), rtol=1e-12)


def test_ties_by_hand():
    # x = 1, 0 of four leave together at 1 (Efron: the second from a risk set with half of both gone), and
    # one of the other two at 2; coefficient 0
    test = proportionality_test(
        [[1], [0], [1], [0]], duration=[1, 1, 2, 2], event=[1, 1, 1, 0], coefficient=[0.0]
    )
    # means at 1 are 2/4 and (2 - 1/2) / (4 - 1) = 1/2, at 2: 1/2; variances 1/4 each
    score = 1 / 2 * (1 - 1 / 2)  # the clock is 0 at 1 and 1/2 at 2
    variance = 1 / 4 * 1 / 4 - (1 / 2 * 1 / 4) ** 2 / (3 / 4)
    np.testing.assert_allclose(test.statistic, score**2 / variance, rtol=1e-12)

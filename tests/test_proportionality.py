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

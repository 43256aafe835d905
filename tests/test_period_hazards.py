"""Hazard ratios by period: planted truths, prediction, checks, words, and what is refused by name."""

import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.stats.lifetable import life_table

PERIODS = [0, 1, 2, 3, 6, 12]


def customers(seed=1, n=6000, ratio=0.6, late_ratio=None):
    """Return spells of two arms and three plans; the ratio of the arm may change after 3 months."""
    rng = np.random.default_rng(seed)
    arm, plan = rng.integers(0, 2, n), rng.choice(["basic", "family", "pro"], n, p=[0.5, 0.3, 0.2])
    pace = 0.08 * np.where(plan == "pro", 0.5, 1.0)
    early = rng.exponential(1 / (pace * np.where(arm, ratio, 1.0)))
    later = 3 + rng.exponential(1 / (pace * np.where(arm, late_ratio or ratio, 1.0)))
    lived, watched = np.where(early < 3, early, later), rng.uniform(2, 20, n)
    return pd.DataFrame(
        {"months": np.minimum(lived, watched), "left": lived <= watched, "arm": arm, "plan": plan}
    )


def hazards(frame, **options):
    wanted = {"duration": "months", "event": "left", "covariates": ["arm", "plan"], "periods": PERIODS}
    return survival.period_hazards(frame, **(wanted | options))


def test_finds_planted_ratios():
    found = hazards(customers(n=20_000))
    rows = found.table.set_index("term")
    for term, truth in (("arm", 0.6), ("plan = pro", 0.5), ("plan = family", 1.0)):
        # four standard errors: the seed is fixed, and one of 10,000 fails
        assert abs(rows.loc[term, "coefficient"] - np.log(truth)) < 4 * rows.loc[term, "std_error"]
    assert found.evidence.failed == ()
    assert found.evidence.grade == "adjusted"


def test_a_saturated_model_predicts_kaplan_meier():
    # one ratio a period and arm leaves nothing to the model: its curve is Kaplan–Meier's at the cuts
    frame = customers(3)
    frame["months"] = np.ceil(frame["months"])
    found = hazards(frame, covariates=["arm"], periods=range(9), changing={"arm": range(1, 8)})
    told = found.predict(pd.DataFrame({"arm": [0, 1]}))
    for arm in (0, 1):
        part = frame[frame["arm"] == arm]
        table = life_table(part["months"], event=part["left"], n=np.ones(len(part)))
        here = told[told["pattern"] == arm]
        np.testing.assert_allclose(here["estimate"], table.at(here["time"])["survival"], rtol=1e-8)
        # both intervals are on the complementary log-log scale with Greenwood's variance
        np.testing.assert_allclose(here["conf_low"], table.at(here["time"])["conf_low"], rtol=1e-6)


def test_baseline_is_the_share_that_leaves():
    frame = pd.DataFrame(
        {"months": [1] * 20 + [2] * 80, "left": [True] * 20 + [False] * 80, "x": [0, 1] * 50}
    )
    frame.loc[90:, "left"] = True
    found = hazards(frame, covariates=["x"], periods=[0, 1, 2])
    # both values of x fare alike, so that the ratio is 1 and the baseline the plain shares
    np.testing.assert_allclose(found.table["estimate"], 1, rtol=1e-8)
    np.testing.assert_allclose(found.baseline["estimate"], [0.2, 10 / 80], rtol=1e-8)
    assert (found.baseline["conf_low"] < found.baseline["estimate"]).all()
    assert found.baseline["n_at_risk"].tolist() == [100, 80]


def test_a_ratio_that_drifts_is_told_and_can_be_let_change():
    frame = customers(4, n=20_000, ratio=0.4, late_ratio=1.3)
    held = hazards(frame)
    assert [check.name for check in held.evidence.failed] == ["proportional hazards over periods"]
    assert "changes with time" in held.narrative()
    free = hazards(frame, changing={"arm": [3]})
    rows = free.table.set_index("term")
    for term, truth in (("arm, 0 to 3", 0.4), ("arm, 3 to 12", 1.3)):
        assert abs(rows.loc[term, "coefficient"] - np.log(truth)) < 4 * rows.loc[term, "std_error"]
    assert free.log_likelihood > held.log_likelihood


def test_the_test_of_drift_keeps_its_level():
    p = [
        hazards(customers(seed, n=1500), covariates=["arm"]).proportional["p_value"][0] for seed in range(15)
    ]
    # of 15 draws at 5 %, four or more have a chance below .01
    assert np.sum(np.asarray(p) < 0.05) < 4


def test_words_and_pictures_claim_no_cause():
    found = hazards(customers())
    assert "associated" in found.narrative()
    assert "arm ×" in found.narrative()
    assert found.summary["term"].tolist() == found.table["term"].tolist()
    assert found.chart.kind == "forest"
    assert len(found.baseline_chart.frame) == 5
    # per month, so that periods of unlike length can be compared: .08 a month
    assert found.baseline_chart.frame["estimate"].between(0.05, 0.11).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"covariates": []}, OptionError, "name at least one column"),
        ({"covariates": "arm"}, OptionError, "in a list"),
        ({"covariates": ["Arm"]}, ColumnError, "did you mean 'arm'"),
        ({"references": {"plan": "free"}}, OptionError, "level of 'plan'"),
        ({"references": {"branch": "x"}}, OptionError, "no covariate named 'branch'"),
        ({"changing": {"arm": [2.5]}}, OptionError, "give inner cut points"),
        ({"changing": {"arm": []}}, OptionError, "give inner cut points"),
        ({"changing": {"arm": [1], "plan": [2]}}, OptionError, "the same cut points"),
        ({"periods": [0, 1, 99]}, DesignError, "beyond the data"),
        ({"periods": [0, 1e-6, 1]}, DesignError, "nobody left in period 0 to 1e-06"),
        ({"conf_level": 95}, OptionError, "conf_level"),
    ],
)
def test_misuse_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        hazards(customers(n=400), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arm": 1}, "one value only"),
        ({"plan": "basic"}, "one value only"),
        ({"left": False}, "none of the 400 complete spells ended"),
    ],
)
def test_data_that_cannot_answer_are_refused_by_name(change, message):
    with pytest.raises(DesignError, match=message):
        hazards(customers(n=400).assign(**change))


def test_separation_is_named():
    frame = customers(n=400)
    frame.loc[frame["plan"] == "pro", "left"] = False
    with pytest.raises(DesignError, match="nobody left where 'plan = pro' holds"):
        hazards(frame, periods=[0, 3, 6])
    early = customers(n=400)
    early.loc[(early["arm"] == 1) & (early["months"] <= 3), "left"] = False
    with pytest.raises(DesignError, match="'arm, 0 to 3' holds"):
        hazards(early, periods=[0, 3, 6], changing={"arm": [3]})
    twice = customers(n=400)
    twice["other"] = 2 * twice["arm"] + 1
    with pytest.raises(DesignError, match="two say the same"):
        hazards(twice, covariates=["arm", "other"], periods=[0, 3, 6])


def test_prediction_refuses_what_the_model_does_not_know():
    found = hazards(customers())
    with pytest.raises(OptionError, match="did you mean 'pro'"):
        found.predict(pd.DataFrame({"arm": [0], "plan": ["pros"]}))
    with pytest.raises(OptionError, match="no covariate in the customers named 'plan'"):
        found.predict(pd.DataFrame({"arm": [0]}))


def test_clean_designs_raise_no_alarm():
    # ten draws in which nothing is wrong; the drift test, at 5 % by Holm, may speak up once or twice
    alarms = [check.name for seed in range(10) for check in hazards(customers(50 + seed)).evidence.failed]
    assert set(alarms) <= {"proportional hazards over periods"}
    assert len(alarms) <= 2

"""Hazard ratios by period: planted truths, prediction, checks, words, and what is refused by name."""

import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
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


def causes(seed=1, n=20_000):
    """Return spells that end for price or a move, each at a pace of its own; half the kinds move less."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    price, moved = rng.exponential(10, n), rng.exponential(10 * (1 + kind), n)
    lived, watched = np.minimum(price, moved), rng.uniform(6, 24, n)
    cause = np.where(lived > watched, "none", np.where(price < moved, "price", "moved"))
    return pd.DataFrame({"months": np.minimum(lived, watched), "cause": cause, "kind": kind})


def test_shares_hold_those_who_left_for_other_causes():
    found = hazards(
        causes(), event="cause", covariates=["kind"], causes=["price"], periods=[0, 1, 2, 4, 8, 12]
    )
    told = found.predict(pd.DataFrame({"kind": [0, 1]}))
    ends = told[told["time"] == 12].set_index("pattern")
    for kind, other in ((0, 0.1), (1, 0.05)):
        there = np.exp(-(0.1 + other) * 12)
        left = 0.1 / (0.1 + other) * (1 - there)
        # 95 % intervals are some four standard errors wide: the truth lies within twice their half
        for name, truth, low, high in (
            ("estimate", there, "conf_low", "conf_high"),
            ("left", left, "left_low", "left_high"),
        ):
            row = ends.loc[kind]
            assert abs(row[name] - truth) < row[high] - row[low]
            assert row[low] < row[name] < row[high]
    # in a month 0.1 / 0.2 of those who leave do so for price
    first = found.baseline.iloc[0]
    mean = 0.1 / 0.175 * (1 - np.exp(-0.175))
    assert abs(first["estimate"] - mean) < first["conf_high"] - first["conf_low"]
    assert "leave in it for price" in found.narrative()
    assert found.evidence.checks[-1].name == "other causes"
    assert found.evidence.checks[-1].passed


def test_all_causes_together_are_those_of_one_event():
    frame = causes(2, n=4000)
    one = hazards(frame.assign(left=frame["cause"] != "none"), covariates=["kind"])
    each = hazards(frame, event="cause", covariates=["kind"], causes=["price", "moved"])
    assert each.others is None
    told, alone = (found.predict(pd.DataFrame({"kind": [0, 1]})) for found in (each, one))
    pd.testing.assert_frame_equal(told, alone)
    np.testing.assert_allclose(told["left"], 1 - told["estimate"])
    np.testing.assert_allclose(told["left_low"], 1 - told["conf_high"])
    # causes add up to all who left, as near as two models with one ratio each come to one with one
    parts = [
        hazards(frame, event="cause", covariates=["kind"], causes=[cause]).predict(
            pd.DataFrame({"kind": [0, 1]})
        )
        for cause in ("price", "moved")
    ]
    for part in parts:
        np.testing.assert_allclose(part["estimate"], 1 - parts[0]["left"] - parts[1]["left"], atol=1e-10)


def test_intervals_of_shares_are_those_of_the_bootstrap():
    frame = causes(3, n=1500)
    options = {"event": "cause", "covariates": ["kind"], "causes": ["price"], "periods": [0, 4, 12]}
    at = pd.DataFrame({"kind": [1]})
    told = hazards(frame, **options).predict(at).iloc[-1]
    rng = np.random.default_rng(4)
    drawn = [
        hazards(frame.iloc[rng.integers(0, 1500, 1500)], **options).predict(at).iloc[-1]["left"]
        for _ in range(30)
    ]
    # 30 draws tell a standard deviation to an eighth: three of these
    assert (told["left_high"] - told["left_low"]) / 3.92 == pytest.approx(np.std(drawn), rel=0.4)


def test_levels_in_which_nobody_leaves_for_others_are_told():
    frame = causes(5, n=2000)
    frame = frame[(frame["kind"] == 0) | (frame["cause"] != "moved")]
    found = hazards(frame, event="cause", covariates=["kind"], causes=["price"], periods=[0, 4, 12])
    assert found.evidence.checks[-1].passed is None
    assert "none in some levels" in found.evidence.checks[-1].detail
    ends = found.predict(pd.DataFrame({"kind": [0, 1]})).query("time == 12").set_index("pattern")
    # nearly nobody of the second kind leaves for others: there, leaving is leaving for price
    assert ends.loc[1, "left"] == pytest.approx(1 - ends.loc[1, "estimate"], abs=0.01)
    # where nobody leaves for others in a period, nothing is added to it
    early = frame[(frame["cause"] != "moved") | (frame["months"] > 4)]
    told = hazards(early, event="cause", covariates=["kind"], causes=["price"], periods=[0, 4, 12])
    first = told.predict(pd.DataFrame({"kind": [0]})).iloc[0]
    assert first["left"] == pytest.approx(1 - first["estimate"], abs=0.01)


def test_claims_are_those_that_intervals_settle():
    found = hazards(customers(n=20_000))
    # planted: .5 of the pace for the plan and .6 for the arm, told apart by as many
    assert found.chart.claim.startswith("plan = pro: ")
    assert found.chart.claim.endswith("the largest difference")
    noise = customers(6, n=600).assign(arm=np.random.default_rng(7).integers(0, 2, 600))
    told = hazards(noise, covariates=["arm"])
    assert told.table["conf_low"][0] < 1 < told.table["conf_high"][0]
    assert told.chart.claim == "No term's pace of leaving is settled to differ"
    # the pace is the same in all periods
    assert told.baseline_chart.claim == "In which period the pace of leaving is highest is not settled"
    assert "not settled" in told.narrative()
    one = hazards(customers(n=20_000), covariates=["arm"])
    assert "largest" not in one.chart.claim


def test_covariates_known_too_late_are_refused():
    frame = customers(n=400).assign(since=1.0)
    with pytest.raises(DesignError, match="immortal time"):
        hazards(frame, known={"arm": "since"})
    assert hazards(frame.assign(since=0.0), known={"arm": "since"}).evidence.n_used == 400


def test_predictions_need_a_frame():
    with pytest.raises(DataError, match="hand in a frame"):
        hazards(customers(n=400)).predict({"arm": [1], "plan": ["pro"]})

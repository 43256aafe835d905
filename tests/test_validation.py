"""Predictions on held-out customers: the split, planted risks, the classifier's losses, misuse."""

import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.stats.accuracy import outcomes_by
from cemlab.survival.validation import HAZARDS, NAIVE
from cemlab.survival.validation_rows import AUC, BRIER, LARGE


def customers(seed=1, n=4000, late=True):
    """Return spells with a planted risk by kind; half of them entered late."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["calm", "usual", "restless"], n)
    pace = pd.Series(kind).map({"calm": 0.015, "usual": 0.04, "restless": 0.1}).to_numpy()
    after = np.where(rng.random(n) < 0.5, rng.uniform(1, 20, n), 0.0) * late
    # the time from entry on, given the tenure reached, is as long as from the start: no memory
    ahead, watched = rng.exponential(1 / pace), rng.uniform(2, 24, n)
    return pd.DataFrame(
        {
            "who": [f"C{i}" for i in range(n)],
            "months": after + np.minimum(ahead, watched),
            "after": after,
            "left": ahead <= watched,
            "kind": kind,
        }
    )


def held(frame, **options):
    wanted = {
        "customer": "who",
        "duration": "months",
        "event": "left",
        "entry": "after",
        "covariates": ["kind"],
        "periods": [0, 3, 6, 12, 24, 40],
        "horizons": [6, 12],
        "seed": 1,
        "resamples": 50,
    }
    return survival.predictions_held_out(frame, **(wanted | options))


@pytest.fixture(scope="module")
def found():
    return held(customers(n=12_000))


def test_measures_are_those_of_the_planted_risks(found):
    risk = 1 - np.exp(-6 * np.array([0.015, 0.04, 0.1]))
    # kinds are equally many: pairs of a leaver and a stayer, equal risks one half
    leave, stay = risk / risk.sum(), (1 - risk) / (1 - risk).sum()
    auc = sum(leave[i] * (stay[:i].sum() + stay[i] / 2) for i in range(3))
    brier = float((risk * (1 - risk)).mean())
    rows = found.table[(found.table["model"] == HAZARDS) & (found.table["horizon"] == 6)].set_index("measure")
    for measure, truth in ((AUC, auc), (BRIER, brier), (LARGE, 0.0)):
        spread = (rows.loc[measure, "conf_high"] - rows.loc[measure, "conf_low"]) / 3.92
        # four standard errors of the bootstrap at a fixed seed, widened as 50 resamples tell them to 10 %
        assert abs(rows.loc[measure, "estimate"] - truth) < 4.4 * spread


def test_the_model_is_calibrated_and_the_classifier_is_not(found):
    assert found.evidence.failed == ()
    model, naive = (found.of(name, LARGE) for name in (HAZARDS, NAIVE))
    assert (model["estimate"].abs() < 0.03).all()
    # "churned" over up to 24 months is no chance to leave within 6
    assert naive["conf_low"][0] > 0.1
    assert found.of(NAIVE, BRIER)["estimate"][0] > found.of(HAZARDS, BRIER)["estimate"][0]
    assert found.exposure["churned"].is_monotonic_increasing
    # who broke off is counted as staying
    assert (found.exposure["churned"] < found.exposure["estimate"]).all()


def test_words_and_picture(found):
    assert "no horizon" in found.narrative()
    assert found.chart.kind == "line"
    assert set(found.chart.frame["model"]) == {"exact", HAZARDS, NAIVE}
    # both axes in per cent: the points of the models are those of the table, once as shares, once as they lie
    assert found.chart.x_label.endswith("[%]")
    shown = found.chart.frame[found.chart.frame["model"] != "exact"]
    here = found.calibration[found.calibration["horizon"] == found.horizons[0]]
    assert shown["predicted"].tolist() == pytest.approx(100 * here["predicted"])
    assert shown["estimate"].tolist() == here["estimate"].tolist()
    assert len(found.summary) == 4
    assert found.evidence.n_given == found.evidence.n_used


def test_the_split_is_seeded_by_customer_and_order_does_not_matter():
    frame = customers(2, n=1500)
    one, again = held(frame), held(frame.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(one.table, again.table)
    assert not one.table.equals(held(frame, seed=2).table)
    # 1,500 tosses of .3, four standard errors
    assert one.evidence.n_given == pytest.approx(450, abs=71)
    twice = pd.concat([frame, frame], ignore_index=True)
    doubled = held(twice)
    # both spells of a customer lie on one side
    assert doubled.evidence.n_given == 2 * one.evidence.n_given
    assert [check.name for check in doubled.evidence.checks if check.passed is None] == [
        "one spell a customer"
    ]


def test_spells_whose_horizon_lies_beyond_the_periods_are_counted_out():
    told = held(customers(3, n=3000), periods=[0, 6, 12, 24])
    assert told.evidence.n_used < told.evidence.n_given


def competing(seed=1, n=6000, kinds=(0.1, 0.1)):
    """Return spells that end for price, or for a move at twice its pace."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    price = rng.exponential(1 / np.asarray(kinds)[kind])
    moved, watched = rng.exponential(5, n), rng.uniform(10, 30, n)
    lived = np.minimum(price, moved)
    why = np.where(lived > watched, "none", np.where(price < moved, "price", "moved"))
    return pd.DataFrame(
        {
            "who": range(n),
            "months": np.minimum(lived, watched),
            "why": why,
            "kind": pd.Series(kind).map({0: "calm", 1: "restless"}),
        }
    )


def test_who_leaves_for_another_cause_does_not_leave_for_this_one():
    told = held(
        competing(kinds=(0.05, 0.15)),
        entry=None,
        event="why",
        causes=["price"],
        periods=[0, 2, 4, 8, 12],
        horizons=[12],
    )
    # shares that leave for price within 12, while others move at .2: no share of a world without moves
    truth = np.mean([p / (p + 0.2) * (1 - np.exp(-12 * (p + 0.2))) for p in (0.05, 0.15)])
    rows = told.calibration[told.calibration["model"] == HAZARDS]
    # 1,800 held out: four standard errors of a share near .3
    assert np.average(rows["estimate"], weights=rows["n"]) == pytest.approx(truth, abs=0.045)
    assert np.average(rows["predicted"], weights=rows["n"]) == pytest.approx(truth, abs=0.045)
    assert told.exposure["estimate"][0] == pytest.approx(truth, abs=0.045)
    # hardly anybody is censored: the classifier is nearly right, and told so
    assert abs(told.of(NAIVE, LARGE)["estimate"][0]) < 0.05
    assert abs(told.of(HAZARDS, LARGE)["estimate"][0]) < 0.045
    assert told.evidence.failed == ()
    assert any("leaving for price" in said for said in told.evidence.assumptions)


def test_outcomes_of_competing_causes_by_hand():
    # one of four is censored at 1; the mover stays in as one who does not leave for price
    time, n = np.array([1.0, 2.0, 3.0, 5.0]), np.ones(4, dtype=np.int64)
    price, moved = np.array([False, False, True, False]), np.array([False, True, False, False])
    found = outcomes_by(time, event=price, n=n, horizon=4.0, other=moved)
    np.testing.assert_allclose(found.weight, [0, 4 / 3, 4 / 3, 4 / 3])
    assert found.case.tolist() == [False, False, True, False]
    assert found.control.tolist() == [False, True, False, True]


@pytest.mark.parametrize(("pace", "conf_level"), [(0.002, 0.95), (0.03, 0.8)])
def test_the_calibration_of_a_right_model_is_believed(pace, conf_level):
    failed = 0
    for seed in range(7):
        rng = np.random.default_rng(seed)
        kind = rng.integers(0, 4, 1200)
        lived, watched = rng.exponential(1 / (pace * 1.3**kind)), rng.uniform(4, 30, 1200)
        frame = pd.DataFrame(
            {
                "who": range(1200),
                "months": np.minimum(lived, watched),
                "left": lived <= watched,
                "kind": pd.Series(kind).map({0: "a", 1: "b", 2: "c", 3: "d"}),
            }
        )
        options = {"entry": None, "periods": [0, 6, 12, 20], "horizons": [6, 12], "conf_level": conf_level}
        told = held(frame, **options)
        failed += "calibration" in [check.name for check in told.evidence.failed]
        bands = told.calibration[told.calibration["estimate"] == 0]
        # nobody left of so many: 1 - (alpha / 2)^(1 / n) by the binomial, and more if some were not watched
        least = 1 - ((1 - conf_level) / 2) ** (1 / bands["n"])
        assert (bands["conf_high"] >= least - 1e-12).all()
    # at 5 % three or more of seven have a chance of .004
    assert failed < 3


def test_the_calibration_of_a_wrong_model_fails():
    # customers of the learned model leave at one pace for 6 months and then hardly: one period cannot tell
    rng = np.random.default_rng(1)
    early, n = rng.exponential(1 / 0.1, 4000), 4000
    lived = np.where(early < 6, early, 6 + rng.exponential(1 / 0.005, n))
    frame = pd.DataFrame(
        {
            "who": range(n),
            "months": np.minimum(lived, 24),
            "left": lived <= 24,
            "kind": rng.choice(["a", "b"], n),
        }
    )
    told = held(frame, entry=None, periods=[0, 24], horizons=[6])
    assert "calibration" in [check.name for check in told.evidence.failed]


def test_few_late_entrants_refuse_nothing():
    for seed in range(6):
        frame = customers(seed, n=400, late=False)
        few = np.random.default_rng(seed).random(400) < 0.04
        frame.loc[few, ["months", "after"]] += 4.0
        told = held(frame, periods=[0, 3, 6, 12, 20])
        assert told.table[["conf_low", "conf_high"]].notna().all(axis=None)


def test_customers_are_resampled_with_all_their_spells():
    frame = customers(3, n=1500, late=False)
    five = pd.concat([frame] * 5, ignore_index=True)
    options = {"entry": None, "periods": [0, 3, 6, 12, 20], "horizons": [6], "resamples": 400}
    one, told = held(frame, **options), held(five, **options)
    for measure in (AUC, BRIER, LARGE):
        alone, again = one.of(HAZARDS, measure).iloc[0], told.of(HAZARDS, measure).iloc[0]
        assert again["estimate"] == pytest.approx(alone["estimate"], abs=1e-6)
        # five spells alike tell as much as one: 400 draws tell a width to some 7 %, two of these differ by 10
        width = alone["conf_high"] - alone["conf_low"]
        assert again["conf_high"] - again["conf_low"] == pytest.approx(width, rel=0.3)


def test_covariates_may_have_any_name():
    frame = customers(4, n=1500).rename(columns={"kind": "n"})
    frame["s"], frame["e"] = frame["n"], 1.0 + (frame["n"] == "calm")
    plain = held(frame.rename(columns={"n": "kind"}))
    pd.testing.assert_frame_equal(held(frame, covariates=["n"]).table, plain.table)
    rng = np.random.default_rng(1)
    frame["t"], frame["x1"] = rng.choice(["a", "b"], 1500), rng.integers(0, 2, 1500)
    assert len(held(frame, covariates=["e", "t", "x1"]).table) == len(plain.table)


def test_a_model_that_misses_what_matters_discriminates_by_chance():
    frame = customers(4, n=4000, late=False)
    frame["noise"] = np.random.default_rng(5).choice(["a", "b"], 4000)
    told = held(frame, covariates=["noise"], entry=None, periods=[0, 3, 6, 12, 20], horizons=[6])
    row = told.of(HAZARDS, AUC).iloc[0]
    assert row["conf_low"] < 0.5 + 0.02
    assert row["conf_high"] > 0.5 - 0.02


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"customer": "whom"}, ColumnError, "did you mean 'who'"),
        ({"horizons": []}, OptionError, "lengths of time above 0"),
        ({"horizons": [0]}, OptionError, "lengths of time above 0"),
        ({"horizons": 12}, OptionError, r"in a list, e.g. \[6, 12\]"),
        ({"horizons": ["12"]}, OptionError, "in a list"),
        ({"share": 1.0}, OptionError, "share is 1.0"),
        ({"share": "50%"}, OptionError, "share is '50%'"),
        ({"bands": 2.5}, OptionError, "2 to 20"),
        ({"seed": None}, OptionError, "seed is None"),
        ({"seed": -1}, OptionError, "seed is -1"),
        ({"known": {"kind": "months"}}, DesignError, "immortal time"),
        ({"bands": 1}, OptionError, "2 to 20"),
        ({"resamples": 10}, OptionError, "50 to 5,000"),
        ({"covariates": []}, OptionError, "name at least one column"),
        ({"horizons": [60]}, DesignError, "beyond the periods"),
        ({"horizons": [30]}, DesignError, "nobody was observed for 30"),
        ({"share": 1e-9}, DesignError, "leaves nobody on one side"),
    ],
)
def test_misuse_is_refused_by_name(options, error, message):
    with pytest.raises(error, match=message):
        held(customers(n=600), **options)


def test_the_classifier_is_the_logistic_regression_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    from cemlab.survival.validation_counts import _logistic

    rng = np.random.default_rng(7)
    x, n = rng.normal(size=(30, 2)), rng.integers(5, 40, 30)
    left = rng.binomial(n, 1 / (1 + np.exp(-(0.3 + x @ [0.5, -1.0]))))
    rows, weights = np.concatenate([x, x]), np.concatenate([left, n - left])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    theirs.fit(rows, np.repeat([1, 0], 30), sample_weight=weights)
    ours = _logistic(np.column_stack([np.ones(30), x]), left.astype(float), n.astype(float))
    # their solver stops at a gradient of 1e-10 a unit
    np.testing.assert_allclose(ours, [theirs.intercept_[0], *theirs.coef_[0]], rtol=1e-4)

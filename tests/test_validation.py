"""Predictions on held-out customers: the split, planted risks, the classifier's losses, misuse."""

import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.survival.validation import AUC, BRIER, HAZARDS, LARGE, NAIVE


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
        ({"share": 1.0}, OptionError, "share is 1.0"),
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

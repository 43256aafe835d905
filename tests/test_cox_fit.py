"""Cox's model from arrays: R's figures for every treatment, hand-computed cases, and what has no maximum."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter, datasets
from scipy.stats import norm

from cemlab.stats.cox_baseline import cox_baseline
from cemlab.stats.cox_fit import NoMaximumError, cox_fit
from cemlab.stats.cox_residuals import clustered_covariance, score_residuals
from cemlab.stats.proportionality import proportionality_of

REFERENCE = Path(__file__).parent / "reference"  # cox.R made the data and the values
VALUES = json.loads((REFERENCE / "cox.json").read_text())
# both iterate to the maximum; what is left is rounding (1e-13 was seen)
DIGITS = {"rtol": 1e-10}

ROWS = pd.read_csv(REFERENCE / "cox.csv")
TEST2 = pd.DataFrame(
    {
        "start": [1, 2, 5, 2, 1, 7, 3, 4, 8, 8],
        "stop": [2, 3, 6, 7, 8, 9, 9, 9, 14, 17],
        "event": [1] * 7 + [0] * 3,
        "x": [1, 0, 0, 1, 0, 1, 1, 1, 0, 0],
    }
)
LUNG = datasets.load_lung()[["time", "status", "age", "sex", "ph.ecog", "inst"]].dropna()
ROSSI = datasets.load_rossi()
HEART = datasets.load_stanford_heart_transplants()
TRIAL = pd.read_csv(REFERENCE / "cox_trial.csv").assign(
    **{name: lambda f, name=name: 1.0 * (f["type"] == name) for name in ("adeno", "large", "small")}
)

SPELL = {"terms": ["x1", "x2"], "entry": "start", "duration": "stop", "event": "event"}
TWO = {"terms": ["x"], "entry": "start", "duration": "stop", "event": "event"}
SITE = {"terms": ["age", "sex", "ph.ecog"], "duration": "time", "event": "status"}
PRISON = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
NEW = {"new": [[0, 0], [1, -1]]}
CASES = {
    "test2_efron": (TEST2, TWO | {"new": [[0], [1]], "times": [3, 7, 9, 12]}),
    "test2_breslow": (TEST2, TWO | {"new": [[0], [1]], "times": [3, 7, 9, 12]}),
    "rossi": (
        ROSSI,
        {
            "terms": PRISON,
            "duration": "week",
            "event": "arrest",
            "new": [[0, 20, 1, 0, 0, 1, 2], [1, 30, 1, 0, 0, 1, 2]],
            "times": [13, 26, 52],
        },
    ),
    "lung": (LUNG, SITE | {"new": [[50, 1, 0], [70, 2, 1]], "times": [4, 100, 365, 800]}),
    "lung_breslow": (LUNG, SITE | {"new": [[50, 1, 0], [70, 2, 1]], "times": [4, 100, 365, 800]}),
    "lung_sites": (LUNG, SITE | {"cluster": "inst"}),
    "trial": (
        TRIAL,
        {
            "terms": ["trt", "adeno", "large", "small", "karno", "age"],
            "duration": "time",
            "event": "status",
        },
    ),
    "heart": (HEART, SPELL | {"terms": ["age", "year", "surgery", "transplant"], "cluster": "id"}),
    "late_efron": (ROWS, SPELL | NEW | {"times": [1, 12, 24, 35]}),
    "late_breslow": (ROWS, SPELL | NEW | {"times": [1, 12, 24, 35]}),
    "clustered_efron": (ROWS, SPELL | NEW | {"times": [1, 12, 24, 35], "cluster": "customer"}),
    "clustered_breslow": (ROWS, SPELL | {"cluster": "customer"}),
    "strata_efron": (ROWS, SPELL | NEW | {"times": [2, 12, 24, 35], "strata": "plan"}),
    "strata_breslow": (ROWS, SPELL | NEW | {"times": [2, 12, 24, 35], "strata": "plan"}),
    "strata_clustered": (
        ROWS,
        SPELL | NEW | {"times": [2, 12, 24, 35], "strata": "plan", "cluster": "customer"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_r(name):
    frame, how = CASES[name]
    theirs = VALUES[name]
    codes = {key: pd.factorize(frame[how[key]], sort=True)[0] for key in ("strata", "cluster") if key in how}
    stratum = codes.get("strata")
    entry = frame[how["entry"]] if "entry" in how else None
    spell = {"duration": frame[how["duration"]], "entry": entry}
    fit = cox_fit(
        frame[how["terms"]],
        event=frame[how["event"]],
        stratum=stratum,
        ties="breslow" if name.endswith("breslow") else "efron",
        **spell,
    )
    np.testing.assert_allclose(fit.coefficient, theirs["coefficient"], **DIGITS)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["std_error"], **DIGITS)
    assert fit.log_likelihood == pytest.approx(theirs["log_likelihood"][0], rel=1e-12)
    used = clustered_covariance(fit, codes["cluster"]) if "cluster" in codes else fit.covariance
    np.testing.assert_allclose(np.sqrt(np.diag(used)), theirs["used_error"], **DIGITS)
    test = proportionality_of(fit, event=frame[how["event"]], **spell)
    np.testing.assert_allclose([*test.statistic, test.all_statistic], theirs["zph"], **DIGITS)
    np.testing.assert_allclose([*test.p_value, test.all_p_value], theirs["zph_p"], **DIGITS)
    if "new" not in how:
        return
    curve = cox_baseline(fit, stratum=stratum, covariance=used, **spell).survival(
        how["new"],
        how["times"],
        stratum=None if stratum is None else [1, 1],  # plan b
        z=norm.ppf(0.975),
    )
    shape = (len(how["new"]), len(how["times"]))

    def told(key):  # R tells all rows at one time, but with strata all times of one row
        return np.reshape(theirs[key], shape) if "strata" in how else np.reshape(theirs[key], shape[::-1]).T

    np.testing.assert_allclose(curve.survival, told("survival"), **DIGITS)
    np.testing.assert_allclose(curve.std_error, told("curve_error"), **DIGITS)
    np.testing.assert_allclose(curve.conf_low, told("conf_low"), **DIGITS)
    np.testing.assert_allclose(curve.conf_high, told("conf_high"), **DIGITS)


def test_entering_when_somebody_departs_is_not_at_risk_then():
    # Therneau's second test set, where statsmodels counts such rows and has -0.0611 for Breslow's
    figures = {"breslow": -0.0845260806613091, "efron": -0.021105209580175}
    for ties, published in figures.items():
        fit = cox_fit(
            TEST2[["x"]], duration=TEST2["stop"], event=TEST2["event"], entry=TEST2["start"], ties=ties
        )
        assert fit.coefficient[0] == pytest.approx(published, rel=1e-11)  # digits published


def test_one_departure_at_a_time_by_hand():
    # x = 0 and 1 at risk at 1, where x = 1 goes; 0, 0 and 1 at 2, where x = 0 goes; with r = exp(b):
    # the likelihood r / (1 + r) · 1 / (2 + r) is largest where r² = 2
    fit = cox_fit(
        [[1], [0], [0], [1]], duration=[1, 2, 3, 3], event=[1, 1, 0, 0], entry=[0, 0, 1, 1], ties="breslow"
    )
    assert fit.coefficient[0] == pytest.approx(np.log(2) / 2, rel=1e-12)
    r = np.sqrt(2)
    assert fit.log_likelihood == pytest.approx(np.log(r / (1 + r) / (2 + r)), rel=1e-12)
    baseline = cox_baseline(fit, duration=[1, 2, 3, 3], entry=[0, 0, 1, 1])
    known = baseline.survival([[0.0]], [0.5, 1, 2, 3])
    np.testing.assert_allclose(
        known.survival[0], np.exp(-np.cumsum([0, 1 / (1 + r), 1 / (2 + r), 0])), rtol=1e-12
    )
    assert known.conf_low[0, 0] == known.conf_high[0, 0] == 1  # nobody has left yet


def late(rng, n):
    """Hazards of 1 / 25 a month; entries up to 40 months, few seen from the start."""
    lived = rng.exponential(25, n)
    began = rng.uniform(0, 40, n) * (rng.random(n) > 0.1)
    ends = np.minimum(lived, began + rng.uniform(1, 40, n))
    frame = pd.DataFrame({"t": ends, "e": 1 * (lived <= ends), "s": began, "x": rng.normal(size=n)})
    return frame[frame["t"] > frame["s"]].reset_index(drop=True)


def test_the_baseline_under_late_entry_is_right_where_the_librarys_is_not():
    frame = late(np.random.default_rng(4), 20_000)
    fit = cox_fit(frame[["x"]], duration=frame["t"], event=frame["e"], entry=frame["s"])
    curve = cox_baseline(fit, duration=frame["t"], entry=frame["s"]).survival([[0.0]], [12, 24, 36])
    truth = np.exp(-np.array([12, 24, 36]) / 25)  # .62, .38, .24
    assert (np.abs(curve.survival[0] - truth) < 3 * curve.std_error[0] * curve.survival[0]).all()
    library = CoxPHFitter().fit(frame.iloc[:2000], "t", "e", entry_col="s")
    theirs = library.predict_survival_function(pd.DataFrame({"x": [0.0]}), times=[12, 24, 36]).to_numpy()[
        :, 0
    ]
    # the reason why the library's own is not used (its issue 1178); when this fails, it can be
    assert (theirs - truth > 0.1).all()


def test_breaks_in_observation_end_what_is_known():
    def known(ends, starts):
        fit = cox_fit([[0], [1], [1], [0]], duration=ends, event=[1, 0, 1, 1], entry=starts)
        baseline = cox_baseline(fit, duration=ends, entry=starts)
        return baseline.first[0], np.isfinite(baseline.survival([[0]], [0.2, 0.5, 3, 4, 9, 20]).survival[0])

    first, told = known([2, 3, 9, 12.0], [1, 0.0, 5, 5.0])
    assert (first, told.tolist()) == (0, [True, True, True, False, False, False])
    # nobody was watched from 0 on, so this is the share of those who reached 0.5
    first, told = known([2, 3, 9, 12.0], [1, 0.5, 5, 5.0])
    assert (first, told.tolist()) == (0.5, [False, True, True, False, False, False])
    # all who were seen from 0 had no length
    assert known([2, 0, 9, 12.0], [1, 0.0, 1, 5.0])[0] == 1


def test_the_fewest_watched_by_hand():
    ends, starts = [1, 2, 6, 7, 8.0], [0, 0, 0, 3, 3.0]
    fit = cox_fit([[0], [1], [1], [0], [1]], duration=ends, event=[0, 0, 1, 1, 1], entry=starts)
    baseline = cox_baseline(fit, duration=ends, entry=starts)
    (watched,) = baseline.watched
    # 3 until 1, 2 until 2, 1 until 3, 3 until 6, 2 until 7, 1 until 8
    n, weight = watched.up_to(np.array([0.5, 1, 1.5, 2, 2.5, 3, 6, 8]))
    assert n.tolist() == [3, 3, 2, 2, 1, 1, 1, 1]
    assert (watched.most, watched.early) == (3, 1)
    w = np.exp(fit.coefficient[0] * (np.array([0, 1, 1]) - fit.centre[0]))
    np.testing.assert_allclose(weight[[0, 2, 4]], [w.sum(), w[1] + w[2], w[2]], rtol=1e-12)
    # nobody left by 2, where a hazard H of x = 0 keeps both (x = 1) with chance exp(-2 H ratio) = 2.5 %
    ratio = np.exp(fit.coefficient[0])
    least = baseline.least([[0.0], [1.0]], [0.0, 2.0, 6.0], alpha=0.05)
    np.testing.assert_allclose(least[:, 1], [0.025 ** (1 / (2 * ratio)), 0.025 ** (1 / 2)], rtol=1e-12)
    assert np.isnan(least[:, [0, 2]]).all()


def test_score_residuals_are_derivatives_by_weight():
    # one row more or less of weight h moves the coefficient by its residual times the covariance
    fit = cox_fit(ROWS[["x1", "x2"]], duration=ROWS["stop"], event=ROWS["event"], entry=ROWS["start"])
    residuals = score_residuals(fit)
    np.testing.assert_allclose(residuals.sum(axis=0), 0, atol=1e-10)  # the score at the maximum
    # infinitesimal, so near the change by one row twice in 846: errors of the order of 1 / 257 departures
    for row in (3, 100, 500):
        more = pd.concat([ROWS, ROWS.iloc[[row]]])
        if more.iloc[row]["event"]:
            continue  # a departure more would be a tie more
        again = cox_fit(more[["x1", "x2"]], duration=more["stop"], event=more["event"], entry=more["start"])
        moved = again.coefficient - fit.coefficient
        np.testing.assert_allclose(moved, residuals[row] @ fit.covariance, rtol=0.05, atol=1e-5)


def test_repeating_every_row_in_its_cluster_changes_no_clustered_error():
    spell = {"duration": ROWS["stop"], "event": ROWS["event"], "entry": ROWS["start"], "ties": "breslow"}
    cluster = ROWS["customer"].to_numpy() - 1
    once = clustered_covariance(cox_fit(ROWS[["x1", "x2"]], **spell), cluster)
    twice = {key: np.tile(value, 2) if key != "ties" else value for key, value in spell.items()}
    fit = cox_fit(np.tile(ROWS[["x1", "x2"]], (2, 1)), **twice)
    # Breslow's likelihood of rows told twice is twice the likelihood, but for a constant
    np.testing.assert_allclose(clustered_covariance(fit, np.tile(cluster, 2)), once, rtol=1e-9)


def test_many_rows_start_from_a_rough_maximum_and_reach_the_same():
    rng = np.random.default_rng(2)
    n = 90_000
    x = rng.normal(size=(n, 3))
    lived = rng.exponential(np.exp(-x @ [0.5, -0.2, 0.0]))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(
        t=np.ceil(20 * np.minimum(lived, 1)), e=1 * (lived < 1)
    )
    ours = cox_fit(x, duration=frame["t"], event=frame["e"])
    theirs = CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-20, "r_precision": 0.0})
    # lifelines at full precision: nine digits and more
    np.testing.assert_allclose(ours.coefficient, theirs.params_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), theirs.standard_errors_, rtol=1e-9)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(60)), st.floats(0.001, 1000), st.floats(-50, 50))
def test_order_of_rows_and_unit_of_terms_change_nothing(order, unit, origin):
    part = ROWS.head(60)
    options = {"duration": part["stop"], "event": part["event"], "entry": part["start"]}
    plain = cox_fit(part[["x1", "x2"]], **options)
    moved = part.iloc[list(order)]
    again = cox_fit(
        moved[["x1", "x2"]] * unit + origin,
        duration=moved["stop"],
        event=moved["event"],
        entry=moved["start"],
    )
    # a unit of a thousandth on an origin of 50 leaves eleven of sixteen digits
    np.testing.assert_allclose(again.coefficient * unit, plain.coefficient, rtol=1e-8)
    np.testing.assert_allclose(again.covariance * unit**2, plain.covariance, rtol=1e-8)


def fails(x, duration, event, **options):
    with pytest.raises(NoMaximumError) as caught:
        cox_fit(x, duration=duration, event=event, **options)
    return caught.value.term, caught.value.why


def test_what_has_no_maximum_is_told_with_its_term():
    rng = np.random.default_rng(1)
    x, t, e = rng.normal(size=(300, 3)), rng.exponential(size=300), rng.random(300) < 0.7
    assert fails(np.c_[x, np.full(300, 7.0)], t, e) == (3, "constant")
    twice = fails(np.c_[x, 2 * x[:, 0] + 1], t, e)
    assert twice[0] in (0, 3)
    assert twice[1] == "same"
    assert fails(np.c_[x, -t], t, e) == (3, "separated")
    assert fails(np.c_[x, 1.0 * ~e], t, e) == (3, "separated")
    # the same within every stratum, though not among all
    group = np.arange(300) % 3
    assert fails(np.c_[x, 1.0 * group], t, e, stratum=group) == (3, "constant")


@pytest.mark.parametrize(("rare", "n"), [(3, 100_000), (20, 20_000), (1, 5_000), (300, 5_000)])
@pytest.mark.parametrize("others", [0, 1])
def test_a_rare_level_that_leaves_first_is_no_ratio_however_rare(rare, n, others):
    rng = np.random.default_rng(rare)
    x, t = 1.0 * (np.arange(n) < rare), 0.02 + rng.exponential(size=n)
    t[:rare] = 0.01
    terms = np.c_[rng.normal(size=(n, others)), x]
    assert fails(terms, t, np.ones(n)) == (others, "separated")  # and no warning: those are errors here
    assert fails(np.c_[rng.normal(size=(n, others)), 1 - x], t, np.ones(n)) == (others, "separated")
    assert fails(terms, 1 / t, np.arange(n) >= rare) == (others, "separated")  # none of them ever left


@pytest.mark.parametrize("n", [20, 5_000, 100_000])
def test_a_rare_level_that_leaves_second_has_its_ratio_by_hand(n):
    # one row of n has x = 1 and leaves second: the score 1 - w/(n-1+w) - w/(n-2+w) is 0 at w² = (n-1)(n-2)
    x = 1.0 * (np.arange(n) == 1)
    fit = cox_fit(x[:, None], duration=np.arange(1, n + 1), event=np.ones(n))
    assert fit.coefficient[0] == pytest.approx(np.log((n - 1) * (n - 2)) / 2, rel=1e-9)  # Newton's last step


def test_a_strong_ratio_is_no_separation():
    rng = np.random.default_rng(2)
    z = rng.exponential(size=20_000)
    # only the order of durations counts, so their logarithms will do
    fit = cox_fit(z[:, None], duration=50 + 12 * z + np.log(rng.exponential(size=len(z))), event=z > 0)
    assert abs(fit.coefficient[0] + 12) < 4 * np.sqrt(fit.covariance[0, 0])

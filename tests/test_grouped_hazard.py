"""Person-periods counted, and grouped proportional hazards: as on expanded rows, planted truths, refusals."""

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.person_periods import person_periods
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.grouped_hazard import fit_grouped_hazard


def spells(seed, n=1500, late=True):
    """Return spells in whole months with late entry, ties and censoring."""
    rng = np.random.default_rng(seed)
    x, plan = rng.integers(0, 2, n), rng.choice(["a", "b", "c"], n)
    lived = rng.geometric(0.06 * np.exp(0.5 * x - 0.4 * (plan == "c")))
    seen_from = rng.integers(0, 6, n) * late * rng.integers(0, 2, n)
    watched = seen_from + rng.integers(1, 20, n)
    frame = pd.DataFrame({"x": x, "plan": plan, "months": np.minimum(lived, watched), "after": seen_from})
    frame["left"] = lived <= watched
    return frame[frame["months"] > frame["after"]].reset_index(drop=True)


def expanded(frame, last):
    """Write out one row a customer and month at risk, by another road than the one tested."""
    rows = []
    for spell in frame.itertuples():
        for month in range(spell.after + 1, min(spell.months, last) + 1):
            rows.append((month, spell.x, spell.plan, spell.left and month == spell.months))
    return pd.DataFrame(rows, columns=["month", "x", "plan", "left"])


def test_equals_statsmodels_on_expanded_person_months():
    frame = spells(1)
    counted = person_periods(
        frame, duration="months", event="left", entry="after", covariates=["x", "plan"], periods=range(13)
    )
    months = expanded(frame, 12)
    seen = months.groupby("month")["left"].agg(["size", "sum"])
    assert counted.at_risk.sum(axis=0).tolist() == seen["size"].tolist()
    assert counted.events.sum(axis=0).tolist() == seen["sum"].tolist()

    def design(rows):
        return np.column_stack([rows["x"], rows["plan"] == "b", rows["plan"] == "c"]).astype(float)

    fit = fit_grouped_hazard(counted.events, stayed=counted.stayed, design=design(counted.patterns))
    dummies = (months["month"].to_numpy()[:, None] == np.arange(1, 13)).astype(float)
    family = sm.families.Binomial(sm.families.links.CLogLog())
    model = sm.GLM(months["left"].astype(float), np.column_stack([dummies, design(months)]), family=family)
    theirs = model.fit(tol=1e-14, maxiter=100)
    ours = np.concatenate([fit.baseline, fit.coefficient])
    # both iterate to the maximum
    np.testing.assert_allclose(ours, theirs.params, rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(theirs.llf, rel=1e-10)
    information = -model.hessian(np.asarray(theirs.params), observed=True)
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(information), rtol=1e-6, atol=1e-10)


def test_ratios_that_change_by_band_equal_statsmodels_too():
    frame = spells(2)
    counted = person_periods(
        frame, duration="months", event="left", entry="after", covariates=["x"], periods=range(9)
    )
    x = counted.patterns["x"].to_numpy(dtype=float)
    layers = np.zeros((2, 2, 2))
    layers[0, :, 0], layers[1, :, 1] = x, x
    fit = fit_grouped_hazard(
        counted.events, stayed=counted.stayed, design=layers, bands=[0, 0, 0, 1, 1, 1, 1, 1]
    )
    months = expanded(frame, 8)
    dummies = (months["month"].to_numpy()[:, None] == np.arange(1, 9)).astype(float)
    early = (months["month"] <= 3).to_numpy()
    family = sm.families.Binomial(sm.families.links.CLogLog())
    both = np.column_stack([dummies, months["x"] * early, months["x"] * ~early]).astype(float)
    theirs = sm.GLM(months["left"].astype(float), both, family=family).fit(tol=1e-14, maxiter=100)
    np.testing.assert_allclose(fit.coefficient, theirs.params[8:], rtol=1e-8)


def test_one_pattern_by_hand():
    fit = fit_grouped_hazard(np.array([[10, 9]]), stayed=np.array([[90.0, 81.0]]), design=np.zeros((1, 0)))
    np.testing.assert_allclose(fit.baseline, np.log(-np.log([0.9, 0.9])), rtol=1e-12)
    # variance of log(-log(1 - p)): p / (n (1 - p) log(1 - p)^2)
    expected = 0.1 / (np.array([100, 90]) * 0.9 * np.log(0.9) ** 2)
    np.testing.assert_allclose(np.diag(fit.covariance), expected, rtol=1e-10)


def test_parts_of_periods_by_hand():
    frame = pd.DataFrame(
        {
            "t": [2.5, 2.0, 1.0, 3.0, 1.75, 9.0],
            "s": [0.25, 0.0, 0.0, 2.0, 1.5, 3.0],
            "left": [False, True, True, False, True, False],
        }
    )
    counted = person_periods(frame, duration="t", event="left", entry="s", periods=[0, 1, 2, 3])
    # an end at a cut belongs to the period before it, an entry at a cut to the one after it
    assert counted.at_risk.tolist() == [[3, 3, 2]]
    assert counted.events.tolist() == [[1, 2, 0]]
    # .75 + 1 + 0 | 1 + 0 - .5 / 2 (half the part missed by the one who came late and left) | .5 + 1
    np.testing.assert_allclose(counted.stayed, [[1.75, 0.75, 1.5]])
    assert counted.partial.tolist() == [[1, 1, 1]]
    assert counted.n_outside == 1  # entered at the last cut


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_counts_add_up_over_patterns_and_order(seed):
    frame = spells(seed, n=60)
    wanted = {"duration": "months", "event": "left", "entry": "after", "periods": [0, 2, 3, 5]}
    if frame["months"].max() < 5:
        return
    fine = person_periods(frame, covariates=["plan", "x"], **wanted)
    shuffled = person_periods(frame.sample(frac=1, random_state=seed), covariates=["plan", "x"], **wanted)
    coarse = person_periods(frame, covariates=["plan"], **wanted)
    assert np.array_equal(fine.stayed, shuffled.stayed)
    assert fine.by("plan").patterns["plan"].tolist() == coarse.patterns["plan"].tolist()
    for name in ("at_risk", "events", "partial"):
        assert np.array_equal(getattr(fine.by("plan"), name), getattr(coarse, name))
        assert getattr(fine.by(), name).sum() == getattr(coarse, name).sum()
    np.testing.assert_allclose(fine.by("plan").stayed, coarse.stayed, atol=1e-9)
    assert fine.n_used + fine.n_outside + fine.n_blank == fine.n_given == len(frame)


def test_intervals_cover_planted_ratios():
    rng = np.random.default_rng(5)
    ratios, baseline = np.log([0.8, 1.5]), np.log([0.05, 0.08, 0.04, 0.03])
    design = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    chance = -np.expm1(-np.exp(baseline + (design @ ratios)[:, None]))
    inside = []
    for _ in range(400):
        at_risk, events = np.full(4, 600), np.zeros((4, 4), dtype=np.int64)
        stayed = np.zeros((4, 4))
        for j in range(4):
            events[:, j] = rng.binomial(at_risk, chance[:, j])
            at_risk = at_risk - events[:, j]
            stayed[:, j] = at_risk
        fit = fit_grouped_hazard(events, stayed=stayed, design=design)
        error = np.sqrt(np.diag(fit.covariance)[4:])
        inside.append(np.abs(fit.coefficient - ratios) < 1.96 * error)
    # 400 draws of a chance of .95: .95 within 3 standard errors of .011
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 0.033).all()


def test_wide_periods_with_late_entry_and_censoring_within_them_keep_the_hazard():
    rng = np.random.default_rng(6)
    n = 60_000
    lived, start = rng.exponential(1 / 0.25, n), rng.uniform(0, 2, n) * rng.integers(0, 2, n)
    end = np.minimum(lived, start + rng.uniform(0.5, 4, n))
    frame = pd.DataFrame({"t": end, "s": start, "left": lived <= end})[end > start]
    counted = person_periods(frame, duration="t", event="left", entry="s", periods=[0, 1, 2, 3])
    fit = fit_grouped_hazard(counted.events, stayed=counted.stayed, design=np.zeros((1, 0)))
    error = np.sqrt(np.diag(fit.covariance))
    # what is left of the approximation, a twelfth of the hazard times the share cut off, is below 1 %
    assert (np.abs(fit.baseline - np.log(0.25)) < 3 * error + 0.01).all()


def test_works_on_an_engine_with_any_names_and_causes():
    frame = pd.DataFrame({"how long [m]": [1, 2, 2, 3], "why'": ["price", "moved", "none", "price"]})
    table = ibis.memtable(frame)
    counted = person_periods(
        table, duration="how long [m]", event="why'", causes=["price"], periods=[0, 1, 2, 3]
    )
    assert counted.events.tolist() == [[1, 0, 1]]
    # who moved was followed until then
    assert counted.stayed.tolist() == [[3.0, 3.0, 0.0]]


GOOD = pd.DataFrame({"t": [1.0, 2.0, 3.0], "s": [0.0, 1.0, 0.0], "left": [True, False, True], "x": [1, 0, 1]})


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"duration": "tt"}, ColumnError, "no column named 'tt'"),
        ({"t": [1, -2, 3]}, {}, DataError, "negative in 1 of 3"),
        ({"s": [0, 2, 0]}, {}, DataError, "not less than 't' in 1 of 3"),
        ({"s": [-1, 0, 0]}, {}, DataError, "0 means seen from the start"),
        ({"t": [1, None, 3]}, {}, DataError, "missing in 1 of 3"),
        ({"left": [0, 2, 1]}, {}, DataError, "allowed is true or false"),
        ({"left": ["yes", "no", "no"]}, {}, DataError, "allowed is a cause"),
        ({"left": ["price", "active", "none"]}, {}, DataError, "'active'"),
        ({"left": ["price", "none", "none"]}, {"causes": ["Price"]}, DataError, "did you mean 'price'"),
        ({"left": ["price", "none", "none"]}, {"causes": ["none"]}, OptionError, "without 'none'"),
        ({}, {"causes": ["price"]}, OptionError, "name a text column"),
        ({"t": ["a", "b", "c"]}, {}, DataError, "must be a number"),
        ({"x": pd.to_datetime(["2024-01-01"] * 3)}, {}, DataError, "known at the start"),
        ({"x": ["a", 1, "b"]}, {}, DataError, "are mixed"),
        ({}, {"covariates": ["t"]}, OptionError, "duration, event or entry itself"),
        ({}, {"covariates": ["x", "x"]}, OptionError, "each once"),
        ({}, {"periods": [0, 2, 1]}, OptionError, "ascending cut points"),
        ({}, {"periods": [0]}, OptionError, "ascending cut points"),
        ({}, {"periods": ["a", 1]}, OptionError, "give cut points"),
        ({}, {"periods": [0, 1, 9]}, DesignError, "beyond the data: the longest spell lasts 3"),
    ],
)
def test_misuse_is_refused_by_name(change, options, error, message):
    wanted = {"duration": "t", "event": "left", "entry": "s", "covariates": ["x"], "periods": [0, 1, 2]}
    with pytest.raises(error, match=message):
        person_periods(GOOD.assign(**change), **(wanted | options))


def test_no_spells_and_too_many_patterns_are_refused():
    with pytest.raises(DesignError, match="no spells"):
        person_periods(GOOD.head(0), duration="t", event="left", periods=[0, 1])
    many = pd.DataFrame({"t": 2.0, "left": True, "x": np.arange(20_001)})
    with pytest.raises(DesignError, match="20,001 patterns"):
        person_periods(many, duration="t", event="left", covariates=["x"], periods=[0, 1])


def test_blank_covariates_are_left_out_and_counted():
    frame = GOOD.assign(x=[1.0, np.nan, 1.0])
    counted = person_periods(frame, duration="t", event="left", covariates=["x"], periods=[0, 1, 2])
    assert (counted.n_given, counted.n_blank, counted.n_used) == (3, 1, 2)


def test_no_maximum_is_refused():
    # nobody of the second pattern ever leaves
    with pytest.raises(DesignError, match="no maximum"):
        fit_grouped_hazard(
            np.array([[5, 5], [0, 0]]), stayed=np.full((2, 2), 50.0), design=np.array([[0.0], [1.0]])
        )


def test_cuts_keep_their_digits():
    frame = pd.DataFrame({"t": [0.0004, 0.0006, 1.0], "left": True})
    counted = person_periods(frame, duration="t", event="left", periods=[0, 0.0005, 0.0006, 1])
    assert counted.events.tolist() == [[1, 1, 1]]

"""Methods side by side, and the weights of two-way fixed effects: by hand, by regression, by identity."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from cemlab import training
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import GRADES
from cemlab.stats.two_stages import two_stages
from cemlab.stats.two_way_weights import cell_weights, comparisons, two_way_coefficient

# identities of sums of a few hundred numbers of about one: what is left is rounding
EXACT = 1e-9


@st.composite
def roll_outs(draw):
    """First periods of units, some never, not all alike; periods; a seed for outcomes."""
    periods = draw(st.integers(3, 9))
    first = draw(st.lists(st.integers(1, periods), min_size=3, max_size=12).filter(lambda f: len(set(f)) > 1))
    return np.array(first), periods, draw(st.integers(0, 10_000))


def panel_of(outcome, first, *, name="cx"):
    n, periods = outcome.shape
    unit, time = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    began = np.where(first < periods, first + 1.0, np.nan)[unit]
    return pd.DataFrame({"branch": unit, "month": time + 1, "first_trained": began, name: outcome.ravel()})


def by_dummies(outcome, first):
    """The two-way coefficient of a regression on dummies of every unit and period."""
    n, periods = outcome.shape
    unit, time = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    on = (time >= first[unit]).astype(float)
    design = np.column_stack([on, np.eye(n)[unit], np.eye(periods)[time][:, 1:]])
    return sm.OLS(outcome.ravel(), design).fit().params[0]


@given(roll_outs())
def test_weights_sum_to_one_and_make_the_coefficient_of_effects_that_differ(given_roll_out):
    first, periods, seed = given_roll_out
    rng = np.random.default_rng(seed)
    cells = cell_weights(first, periods=periods)
    assert cells.weight.sum() == pytest.approx(1, abs=EXACT)
    effect = dict(zip(zip(cells.group, cells.time, strict=True), rng.normal(size=len(cells.n)), strict=True))
    outcome = rng.normal(size=(len(first), 1)) + rng.normal(size=periods)
    for i, g in enumerate(first):
        for t in range(g, periods):
            outcome[i, t] += effect[g, t]
    expected = sum(w * e for w, e in zip(cells.weight, effect.values(), strict=True))
    assert two_way_coefficient(outcome, first=first) == pytest.approx(expected, abs=1e-7)


@given(roll_outs())
def test_comparisons_make_the_coefficient_whatever_the_outcome(given_roll_out):
    first, periods, seed = given_roll_out
    outcome = np.random.default_rng(seed).normal(size=(len(first), periods))
    found = comparisons(outcome, first=first)
    assert found.weight.sum() == pytest.approx(1, abs=EXACT)
    assert (found.weight > 0).all()
    coefficient = two_way_coefficient(outcome, first=first)
    assert (found.weight * found.estimate).sum() == pytest.approx(coefficient, abs=1e-7)


def test_the_coefficient_is_that_of_a_regression_on_dummies():
    rng = np.random.default_rng(4)
    first, outcome = np.array([2, 2, 4, 5, 7, 7]), rng.normal(size=(6, 7))
    assert two_way_coefficient(outcome, first=first) == pytest.approx(by_dummies(outcome, first), abs=EXACT)


def test_a_weight_below_zero_by_hand():
    # two units, three periods: the residuals of the treatment are -1/6 1/3 -1/6 and 1/6 -1/3 1/6
    cells = cell_weights(np.array([1, 2]), periods=3)
    assert cells.weight == pytest.approx([1, -0.5, 0.5])
    assert cells.negative == pytest.approx(-0.5)
    # gains of 1 that become 5 in the early unit's second period, and 1 in the late unit: 1 - 2.5 + 0.5
    outcome = np.array([[0.0, 1, 5], [0, 0, 1]])
    assert two_way_coefficient(outcome, first=np.array([1, 2])) == pytest.approx(-1.0)
    found = comparisons(outcome, first=np.array([1, 2]))
    assert found.kind == ("not yet treated", "already treated")
    # 1 against nothing; then 1 against a gain of 4 in the unit that is treated already
    assert found.estimate == pytest.approx([1, -3])
    assert found.weight == pytest.approx([0.5, 0.5])
    assert found.share("already treated") == pytest.approx(0.5)


def test_the_spread_to_zero_is_the_least_that_brings_the_average_to_zero():
    cells, coefficient = cell_weights(np.array([1, 2, 2, 4, 5]), periods=5), 0.7
    # least squares: effects scaled by the roots of their shares, of which two linear sums are given
    share = cells.n / cells.n.sum()
    conditions = np.vstack([cells.weight / np.sqrt(share), np.sqrt(share)])
    least = np.linalg.lstsq(conditions, np.array([coefficient, 0.0]), rcond=None)[0]
    assert cells.spread_to_zero(coefficient) == pytest.approx(np.linalg.norm(least), rel=1e-9)
    alike = cell_weights(np.array([2, 2, 4]), periods=4)
    assert alike.spread_to_zero(coefficient) == np.inf


@pytest.mark.parametrize("first", [[2, 2, 2], [4, 4]])
def test_a_treatment_that_periods_tell_is_refused(first):
    with pytest.raises(DesignError, match="all begin in one period, or nobody does"):
        cell_weights(np.array(first), periods=4)
    with pytest.raises(DesignError, match="nobody to compare with"):
        comparisons(np.zeros((len(first), 4)), first=np.array(first))


@pytest.fixture(scope="module")
def grown():
    """Effects that grow with time and differ by group, no noise: the truth of every method is arithmetic."""
    first = np.repeat([2, 4, 8], [4, 6, 5])
    periods = 8
    rng = np.random.default_rng(8)
    since = np.arange(periods) - first[:, None] + 1
    effect = np.where(since > 0, since * np.where(first == 2, 1.0, 0.5)[:, None], 0.0)
    outcome = rng.normal(size=(15, 1)) + rng.normal(size=periods) + effect
    return outcome, first, effect[since > 0].mean()


def test_on_effects_that_grow_three_methods_find_the_mean_and_two_way_effects_their_weighted_sum(grown):
    outcome, first, truth = grown
    found = training.methods_beside(panel_of(outcome, first), outcome="cx")
    estimate = found.table.set_index("method")["estimate"]
    three = ["group-time average", "Sun and Abraham", "Gardner's two stages"]
    # pyfixest takes fixed effects out by iterations that stop at 1e-6
    assert estimate[three].to_numpy() == pytest.approx(truth, abs=1e-5)
    cells = found.weights.table
    gain = np.where(cells["group"] == 3, 1.0, 0.5) * (cells["event_time"] + 1)
    assert estimate["two-way fixed effects"] == pytest.approx((cells["estimate"] * gain).sum(), abs=1e-5)
    assert abs(estimate["two-way fixed effects"] - truth) > 0.5


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(3)
    first = np.repeat([3, 5, 10], [5, 4, 8])
    outcome = rng.normal(size=(17, 1)) + rng.normal(size=10) + rng.normal(size=(17, 10))
    return outcome + 0.6 * (np.arange(10) >= first[:, None]), first


def test_with_noise_each_method_is_what_it_says(noisy):
    outcome, first = noisy
    panel = panel_of(outcome, first)
    before = panel.copy()
    found = training.methods_beside(panel, outcome="cx", conf_level=0.9)
    pd.testing.assert_frame_equal(panel, before)
    table = found.table.set_index("method")
    # Sun and Abraham saturate groups and periods, so they are the differences against those never treated
    never = training.group_time_effects(panel, outcome="cx", controls="never treated").overall().table.iloc[0]
    assert table.loc["Sun and Abraham", "estimate"] == pytest.approx(never["estimate"], abs=1e-6)
    ours = training.group_time_effects(panel, outcome="cx", conf_level=0.9).overall().table.iloc[0]
    same = ["estimate", "std_error", "conf_low", "conf_high"]
    assert table.loc["group-time average", same].to_list() == pytest.approx(ours[same].to_list())
    assert table.loc["two-way fixed effects", "estimate"] == pytest.approx(
        by_dummies(outcome, first), abs=1e-6
    )
    # Gardner: a path from what is untreated, then the mean gap of what is treated
    unit, time = np.repeat(np.arange(17), 10), np.tile(np.arange(10), 17)
    design = np.column_stack([np.eye(17)[unit], np.eye(10)[time][:, 1:]])
    on = time >= first[unit]
    path = design @ np.linalg.lstsq(design[~on], outcome.ravel()[~on], rcond=None)[0]
    gap = (outcome.ravel() - path)[on].mean()
    assert table.loc["Gardner's two stages", "estimate"] == pytest.approx(gap, abs=1e-6)
    settled = sum(table["conf_low"] * table["conf_high"] > 0)
    assert settled < 4
    assert found.chart.claim == f"Whether cx moved is settled by {settled} of 4 methods"
    # t of 16 degrees of freedom at 90 %
    half = (table["conf_high"] - table["conf_low"]) / 2 / table["std_error"]
    assert half.drop("group-time average").to_numpy() == pytest.approx(1.7459, abs=1e-4)


def test_the_error_of_two_way_effects_is_the_clustered_one(noisy):
    outcome, first = noisy
    panel = panel_of(outcome, first)
    found = training.methods_beside(panel, outcome="cx").table.set_index("method")
    on = (np.arange(10) >= first[:, None]).astype(float)
    plain = on - on.mean(axis=1, keepdims=True) - on.mean(axis=0) + on.mean()
    apart = outcome - outcome.mean(axis=1, keepdims=True) - outcome.mean(axis=0) + outcome.mean()
    slope = (plain * apart).sum() / (plain**2).sum()
    scores = (plain * (apart - slope * plain)).sum(axis=1)
    error = np.sqrt((scores**2).sum()) / (plain**2).sum()
    # the factor for few units: n / (n - 1), and rows by rows less what was fitted beside the units' levels
    factor = np.sqrt(17 / 16 * 169 / (170 - 11))
    assert found.loc["two-way fixed effects", "std_error"] == pytest.approx(factor * error, rel=1e-4)


def test_names_from_data_are_names_and_nothing_else(noisy):
    outcome, first = noisy
    plain = training.methods_beside(panel_of(outcome, first), outcome="cx").table["estimate"]
    odd = "unit + `__import__('os')`"
    named = training.methods_beside(panel_of(outcome, first, name=odd), outcome=odd).table["estimate"]
    assert named.tolist() == plain.tolist()


def test_where_all_are_treated_in_the_end_the_last_group_stands_as_control(noisy):
    outcome, first = noisy
    late = np.where(first == 10, 7, first)
    found = training.methods_beside(panel_of(outcome, late), outcome="cx").table.set_index("method")
    cut = training.methods_beside(panel_of(outcome[:, :7], np.minimum(late, 7)), outcome="cx")
    short = cut.table.set_index("method")
    for method in ("Sun and Abraham", "Gardner's two stages"):
        assert found.loc[method, "estimate"] == pytest.approx(short.loc[method, "estimate"])
        assert found.loc[method, "n_periods"] == 7
    assert found.loc["two-way fixed effects", "n_periods"] == 10


def test_errors_are_clustered_as_asked_and_a_roll_out_read_before_is_taken(noisy):
    outcome, first = noisy
    panel = panel_of(outcome, first)
    panel["region"] = panel["branch"] // 2
    rolled = training.roll_out(panel, outcome="cx", cluster="region")
    by_region = training.methods_beside(rolled).table
    again = training.methods_beside(panel, outcome="cx", cluster="region").table
    pd.testing.assert_frame_equal(by_region, again)
    alone = training.methods_beside(panel, outcome="cx").table
    assert by_region["estimate"].tolist() == pytest.approx(alone["estimate"].tolist())
    assert (np.abs(by_region["std_error"] - alone["std_error"]) > 1e-6).all()


def test_what_is_shown_says_what_is_averaged_compared_and_assumed(grown):
    outcome, first, _ = grown
    found = training.methods_beside(panel_of(outcome, first), outcome="cx", source="by hand")
    assert list(found.summary.columns) == ["method", "estimate", "estimand", "compares", "assumes"]
    assert "treated already among the controls" in found.summary["compares"].iloc[3]
    said = found.narrative()
    assert f"{found.weights.n_negative} of {len(found.weights.table)} groups and periods" in said
    low, high = found.table["estimate"].min(), found.table["estimate"].max()
    assert found.chart.claim == f"All 4 methods find cx up, by {low:.3g} to {high:.3g}"
    turned = training.methods_beside(panel_of(-outcome, first), outcome="cx")
    assert turned.chart.claim == f"All 4 methods find cx down, by {low:.3g} to {high:.3g}"
    check = found.evidence.checks[-1]
    assert check.name == "weights of two-way fixed effects"
    assert check.passed is False
    assert found.evidence.grade == "quasi-experiment"
    assert "by hand" in found.caption


def test_weights_are_shown_by_group_and_period_with_a_title_that_counts_those_below_zero():
    first = np.repeat([1, 4, 6], [3, 3, 1])
    outcome = np.random.default_rng(1).normal(size=(7, 6))
    shown = training.two_way_weights(panel_of(outcome, first), outcome="cx")
    cells = cell_weights(first, periods=6)
    assert shown.table["estimate"].to_numpy() == pytest.approx(cells.weight)
    assert shown.table[["conf_low", "conf_high"]].to_numpy() == pytest.approx(
        cells.weight[:, None].repeat(2, 1)
    )
    negative = int((cells.weight < 0).sum())
    assert negative == shown.n_negative > 0
    assert shown.negative_sum == pytest.approx(cells.negative)
    assert shown.chart.claim == f"{negative} of 7 group-periods count with a weight below zero"
    assert shown.chart.reference == 0
    assert shown.summary["negative"].sum() == negative
    shares = [shown.share(kind) for kind in ("never treated", "not yet treated", "already treated")]
    assert sum(shares) == pytest.approx(1)
    assert f"{100 * shares[2]:.1f} % with units that are treated already" in shown.narrative()
    assert shown.coefficient == pytest.approx(two_way_coefficient(outcome, first=first))
    # weights are arithmetic on dates: nothing is claimed of what was done
    assert shown.evidence.grade in GRADES
    assert shown.evidence.grade == "descriptive"


def test_one_date_leaves_no_weight_below_zero():
    outcome = np.random.default_rng(1).normal(size=(6, 5))
    shown = training.two_way_weights(panel_of(outcome, np.repeat([2, 5], 3)), outcome="cx")
    assert shown.chart.claim == "None of 3 group-periods counts with a weight below zero"
    assert shown.evidence.checks[0].passed
    assert "suffice" not in shown.narrative()


def test_what_does_not_belong_here_is_refused(noisy):
    outcome, first = noisy
    panel = panel_of(outcome, first).assign(staff=lambda frame: 1.0 + frame["branch"])
    weighted = training.roll_out(panel, outcome="cx", weights="staff")
    for function in (training.methods_beside, training.two_way_weights):
        with pytest.raises(DesignError, match="every unit counts alike"):
            function(weighted)
        with pytest.raises(OptionError, match="conf_level"):
            function(panel, outcome="cx", conf_level=95)
    with pytest.raises(DesignError, match="only one cluster"):
        training.methods_beside(panel[panel["branch"].isin([0, 12, 13, 14])], outcome="cx")


@pytest.mark.parametrize("each", [1, 4])
def test_two_stages_are_those_of_pyfixest(each):
    from pyfixest import did2s

    rng = np.random.default_rng(1)
    first = np.repeat([4, 6, 9, 9], 8)
    y, on = rng.normal(size=(32, 9)), np.arange(9) >= first[:, None]
    frame = panel_of(y, first).assign(on=on.ravel().astype(float), area=np.repeat(np.arange(32) // each, 9))
    theirs = did2s(
        frame,
        yname="cx",
        first_stage="~ 0 | branch + month",
        second_stage="~ on",
        treatment="on",
        cluster="area",
    )
    found = two_stages(y, treated=on, cluster=np.arange(32) // each)
    # theirs demeans by steps, up to 1e-8 or so
    assert found == pytest.approx((theirs.coef().iloc[0], theirs.se().iloc[0]), rel=1e-6)


@pytest.mark.parametrize(
    "first", [[1] * 4 + [3] * 4 + [6] * 8, [1] * 5 + [2] * 5 + [3] * 6, [2] * 6 + [4] * 9 + [6]]
)
def test_units_and_periods_untreated_once_alone_are_kept(first):
    # pyfixest drops them in the first stage and stops in the second
    first, rng = np.array(first), np.random.default_rng(3)
    y = rng.normal(size=(16, 6))
    found = training.methods_beside(panel_of(y, first), outcome="cx").table.set_index("method")
    until = 6 if (first == 6).any() else int(first.max())
    y, on = y[:, :until], np.arange(until) >= first[:, None]
    unit, time = np.repeat(np.arange(16), until), np.tile(np.arange(until), 16)
    design = np.column_stack([np.eye(16)[unit], np.eye(until)[time][:, 1:]])
    free = ~on.ravel()
    path = np.linalg.lstsq(design[free], y.ravel()[free], rcond=None)[0]
    expected = (y.ravel() - design @ path)[~free].mean()
    assert found.loc["Gardner's two stages", "estimate"] == pytest.approx(expected, abs=EXACT)
    assert found["std_error"].gt(0).all()


def test_an_outcome_without_changes_of_its_own_is_refused():
    panel = panel_of(np.arange(10.0)[:, None] + np.arange(6.0), np.repeat([3, 6], 5))
    with pytest.raises(DesignError, match="all units change alike"):
        training.methods_beside(panel, outcome="cx")

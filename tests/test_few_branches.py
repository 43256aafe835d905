"""Tests of few branches against assignments and signs listed by hand, and the levels they promise."""

from math import comb

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from cemlab import training
from cemlab.errors import DesignError, OptionError
from cemlab.stats.branch_values import group_time_values, two_period_values
from cemlab.stats.inverted_tests import NullDraws
from cemlab.stats.randomisation import assignments, count_assignments, randomisation_draws
from cemlab.stats.wild_bootstrap import sign_draws, wild_draws
from cemlab.training.few_branches_rule import branches_needed, choose


def rng(seed=1):
    return np.random.default_rng(seed)


def panel_of(outcome, first):
    n, periods = outcome.shape
    unit, time = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    began = np.where(first < periods, first + 1.0, np.nan)[unit]
    return pd.DataFrame({"branch": unit, "month": time + 1, "first_trained": began, "cx": outcome.ravel()})


def lasting(n, periods, seed, rho=0.8):
    """Errors of units that last, AR(rho)."""
    draw = rng(seed).normal(size=(n, periods))
    for t in range(1, periods):
        draw[:, t] += rho * draw[:, t - 1]
    return draw


@pytest.fixture(scope="module")
def staggered():
    first = np.array([2, 2, 4, 4, 6, 6, 6])
    return lasting(7, 6, seed=5), first


# --- what each unit brings


def test_two_periods_are_a_regression_of_the_change_and_its_clustered_error():
    change, treated = rng().normal(size=9), np.arange(9) < 3
    found = two_period_values(change, treated=treated)
    design = np.column_stack([np.ones(9), treated])
    fit = sm.OLS(change, design).fit(cov_type="HC0")
    assert found.estimate == pytest.approx(fit.params[1])
    # with one row a cluster the clustered error is White's, times n / (n - 1)
    assert found.std_error == pytest.approx(fit.bse[1] * np.sqrt(9 / 8))


@pytest.mark.parametrize("average", ["simple", "by group"])
@pytest.mark.parametrize("controls", ["not yet treated", "never treated"])
def test_group_time_values_sum_to_the_overall_average(staggered, average, controls):
    outcome, first = staggered
    effects = training.group_time_effects(panel_of(outcome, first), outcome="cx", controls=controls)
    found = group_time_values(
        outcome, first=first, never_only=controls == "never treated", by_group=average == "by group"
    )
    assert found.estimate == pytest.approx(effects.overall(average).table["estimate"].iloc[0])


def test_an_effect_of_one_is_estimated_as_one(staggered):
    outcome, first = staggered
    on = np.arange(6) >= first[:, None]
    found, more = group_time_values(outcome, first=first), group_time_values(outcome + 2.5 * on, first=first)
    assert more.estimate - found.estimate == pytest.approx(2.5)
    assert found.overlap[found.group, found.group].sum() == pytest.approx(1)


def test_who_has_nobody_beside_is_refused():
    with pytest.raises(DesignError, match="two untreated units"):
        group_time_values(np.zeros((3, 4)), first=np.array([2, 2, 4]))
    with pytest.raises(DesignError, match="0 treated and 3 untreated"):
        two_period_values([1.0, 2, 3], treated=[False] * 3)


# --- assignments and signs, listed


@given(st.lists(st.integers(1, 3), min_size=2, max_size=3))
def test_all_assignments_are_listed_once_and_what_was_seen_comes_first(sizes):
    group = rng(len(sizes)).permutation(np.repeat(np.arange(len(sizes)), sizes))
    listed, enumerated = assignments(group, draws=2000, rng=rng())
    assert enumerated
    assert len(listed) == count_assignments(sizes) == len({tuple(row) for row in listed})
    assert (listed[0] == group).all()
    assert (np.sort(listed, axis=1) == np.sort(group)).all()


def test_too_many_assignments_are_drawn():
    group = np.repeat([0, 1], [6, 14])
    drawn, enumerated = assignments(group, draws=500, rng=rng())
    assert not enumerated
    assert drawn.shape == (501, 20)
    assert (drawn.sum(axis=1) == 14).all()


@pytest.mark.parametrize("tau", [0.0, 0.7])
@pytest.mark.parametrize("studentised", [False, True])
def test_other_dates_are_the_estimator_on_other_dates(staggered, tau, studentised):
    outcome, first = staggered
    without = outcome - tau * (np.arange(6) >= first[:, None])
    branches = group_time_values(outcome, first=first)
    ways, enumerated = assignments(branches.group, draws=300, rng=rng())
    assert len(ways) == 210
    dealt = randomisation_draws(branches, ways=ways, enumerated=enumerated, studentised=studentised)
    dates = np.array([2, 4, 6])
    again = [group_time_values(without, first=dates[way]) for way in ways]
    estimates = np.array([one.estimate for one in again])
    # without the effect, what was seen is less by it, and so is every other assignment's figure
    assert dealt.shift - tau * dealt.slope == pytest.approx(estimates)
    error = np.array([one.std_error for one in again]) if studentised else np.ones(210)
    # the factor 7 / 6 of the clustered error is the same in all
    expected = (estimates / error) ** 2 * (7 / 6 if studentised else 1)
    assert dealt.statistics(tau) == pytest.approx(expected)
    as_far = np.mean(expected >= expected[0] * (1 - 1e-9))
    assert dealt.p_value(tau) == pytest.approx(as_far)


@pytest.mark.parametrize("tau", [0.0, -0.4])
def test_turned_signs_are_the_estimator_on_residuals_turned(staggered, tau):
    outcome, first = staggered
    branches = group_time_values(outcome, first=first)
    factors, enumerated = sign_draws(7, signs="rademacher", draws=200, rng=rng())
    assert enumerated
    assert len(np.unique(factors, axis=0)) == 128
    turned = wild_draws(branches, factors=factors, enumerated=enumerated)
    on = (np.arange(6) >= first[:, None]).astype(float)
    without = outcome - tau * on
    path = without.mean(axis=0)
    apart = without - path
    again = [group_time_values(path + f[:, None] * apart, first=first) for f in factors]
    expected = np.array([(one.estimate / one.std_error) ** 2 for one in again]) * 7 / 6
    assert turned.statistics(tau) == pytest.approx(expected)


def test_webbs_factors_have_mean_zero_and_variance_one():
    factors, enumerated = sign_draws(5, signs="webb", draws=20_000, rng=rng())
    assert not enumerated
    drawn = factors[1:]
    assert len(np.unique(drawn)) == 6
    # 100,000 draws: five standard errors, sqrt(1 / 100,000) and sqrt((7/6 - 1) / 100,000)
    assert abs(drawn.mean()) < 0.016
    assert abs((drawn**2).mean() - 1) < 0.0065


# --- tests, their levels and intervals


@pytest.mark.parametrize(("n", "treated"), [(12, 2), (9, 3), (6, 3), (21, 1)])
def test_randomisation_rejects_exactly_as_often_as_its_level_says(n, treated):
    change = rng(n).normal(size=n)
    ways, enumerated = assignments(np.repeat([0, 1], [treated, n - treated]), draws=999, rng=rng())
    rejected = []
    for way in ways:  # each in turn is what was seen
        branches = two_period_values(change, treated=way == 0)
        own, _ = assignments(branches.group, draws=999, rng=rng())
        dealt = randomisation_draws(branches, ways=own, enumerated=enumerated, studentised=False)
        rejected.append(dealt.p_value() <= 0.05)
    # the opposite assignment is as far out where halves are treated
    steps = comb(n, treated) // (2 if 2 * treated == n else 1)
    assert np.mean(rejected) == pytest.approx(int(0.05 * steps) / steps)
    assert dealt.level(0.05) == pytest.approx(np.mean(rejected))


def test_counting_ties_for_a_half_attains_the_nearest_level():
    change = rng(35).normal(size=35)
    ways, enumerated = assignments(np.repeat([0, 1], [1, 34]), draws=99, rng=rng())
    branches = two_period_values(change, treated=ways[0] == 0)
    dealt = randomisation_draws(branches, ways=ways, enumerated=enumerated, studentised=False)
    assert dealt.level(0.05) == pytest.approx(1 / 35)
    assert dealt.level(0.05, mid=True) == pytest.approx(2 / 35)
    assert dealt.p_value() - dealt.p_value(mid=True) == pytest.approx(0.5 / 35)


@pytest.mark.parametrize("kind", ["estimates", "studentised", "wild"])
def test_an_interval_holds_the_effects_that_are_not_refuted(kind):
    change, treated = rng(3).normal(size=14) + 1.5 * (np.arange(14) < 4), np.arange(14) < 4
    branches = two_period_values(change, treated=treated)
    if kind == "wild":
        factors, enumerated = sign_draws(14, signs="rademacher", draws=999, rng=rng())
        drawn = wild_draws(branches, factors=factors, enumerated=enumerated)
    else:
        ways, enumerated = assignments(branches.group, draws=1500, rng=rng())
        drawn = randomisation_draws(
            branches, ways=ways, enumerated=enumerated, studentised=kind == "studentised"
        )
    low, high = drawn.interval(0.05)
    grid = np.linspace(low - 1, high + 1, 201)
    kept = np.array([drawn.p_value(tau) > 0.05 for tau in grid])
    # but for a step at the ends
    inside = (grid > low + 1e-6) & (grid < high - 1e-6)
    assert kept[inside].all()
    assert not kept[(grid < low - 1e-6) | (grid > high + 1e-6)].any()
    assert drawn.p_value(branches.estimate) == 1.0


def test_a_test_that_never_refutes_has_an_interval_without_ends():
    drawn = NullDraws(
        shift=np.array([1.0, -1.0]),
        slope=np.ones(2),
        square=np.array([[1.0, 1], [0, 0], [0, 0]]),
        enumerated=True,
    )
    assert drawn.interval(0.05) == (-np.inf, np.inf)


def chosen(treated, untreated, alpha=0.05):
    change = rng(treated + untreated).normal(size=treated + untreated)
    branches = two_period_values(change, treated=np.arange(treated + untreated) < treated)
    ways, enumerated = assignments(branches.group, draws=999, rng=rng())
    dealt = randomisation_draws(branches, ways=ways, enumerated=enumerated, studentised=False)
    return choose(
        treated=treated,
        untreated=untreated,
        smallest=min(treated, untreated),
        draws=dealt,
        alpha=alpha,
        one_date=True,
    )


@pytest.mark.parametrize(
    ("treated", "untreated", "method", "mid"),
    [
        (25, 25, "usual clustered test", False),
        (24, 36, "wild cluster bootstrap", False),
        (6, 6, "wild cluster bootstrap", False),
        (5, 55, "randomisation inference", False),
        (17, 3, "randomisation inference", False),
        (1, 19, "randomisation inference", False),
        (1, 34, "randomisation inference", True),
    ],
)
def test_the_rule_is_on_numbers_of_treated_and_untreated_units(treated, untreated, method, mid):
    choice = chosen(treated, untreated)
    assert (choice.method, choice.mid) == (method, mid)
    assert abs(choice.level - 0.05) <= 0.015
    assert str(min(treated, untreated)) in choice.reason


@pytest.mark.parametrize(
    ("treated", "untreated", "words"),
    [
        (1, 11, "12 assignments its p-value cannot be as small as 5.0 %; it takes 20 units"),
        (3, 3, "20 assignments its p-value cannot be as small as 5.0 %; it takes 7 units"),
        (1, 29, "attains 3.3 % or, ties counted for a half, 6.7 %; it takes 31 units"),
    ],
)
def test_where_no_test_holds_its_level_it_is_refused_with_what_it_takes(treated, untreated, words):
    with pytest.raises(DesignError, match=words):
        chosen(treated, untreated)


def test_how_many_units_it_takes():
    assert branches_needed(1, alpha=0.05, total=12) == 20
    assert branches_needed(1, alpha=0.10, total=5) == 10
    assert branches_needed(2, alpha=0.05, total=20) == 20


def placebo(n, treated, *, runs, seed):
    """Share of placebo tests that reject: the usual one and the one chosen, on AR(0.8) errors."""
    first = np.arange(n) < treated
    errors = lasting(runs * n, 12, seed).reshape(runs, n, 12)
    change = errors[:, :, 6:].mean(axis=2) - errors[:, :, :6].mean(axis=2)
    method = chosen(treated, n - treated).method
    ways, enumerated = assignments(np.where(first, 0, 1), draws=399, rng=rng(seed))
    factors, all_signs = sign_draws(n, signs="rademacher", draws=399, rng=rng(seed))
    critical = {20: 2.0930, 12: 2.2010}[n]
    usual = held = 0
    for one in change:
        branches = two_period_values(one, treated=first)
        usual += abs(branches.estimate) > critical * branches.std_error
        drawn = (
            wild_draws(branches, factors=factors, enumerated=all_signs)
            if method == "wild cluster bootstrap"
            else randomisation_draws(branches, ways=ways, enumerated=enumerated, studentised=False)
        )
        held += drawn.p_value() <= 0.05
    return usual / runs, held / runs


@pytest.mark.parametrize(("n", "treated", "usual_rejects"), [(20, 2, 0.25), (12, 6, 0.06), (12, 3, 0.11)])
def test_the_test_chosen_holds_its_level_where_the_usual_one_does_not(n, treated, usual_rejects):
    usual, held = placebo(n, treated, runs=600, seed=n + treated)
    # 600 runs: four standard errors of a share are 3.6 points at 5 %, and 7 points at 25 %
    assert abs(held - 0.05) < 0.036
    assert abs(usual - usual_rejects) < 4 * np.sqrt(usual_rejects * (1 - usual_rejects) / 600)


# --- the analysis


@pytest.fixture(scope="module")
def branches():
    """Fourteen branches, three of them trained in month 8 with an effect of 4."""
    first = np.repeat([7, 12], [3, 11])
    return lasting(14, 12, seed=11) + 4.0 * (np.arange(12) >= first[:, None]), first


@pytest.mark.parametrize("post", [None, 9])
def test_the_planted_effect_is_found_and_shown(branches, post):
    outcome, first = branches
    panel = panel_of(outcome, first)
    before = panel.copy()
    found = training.few_branches_test(panel, outcome="cx", post=post, source="by hand")
    pd.testing.assert_frame_equal(panel, before)
    row = found.taken
    assert row["method"] == "randomisation inference"
    assert row["conf_low"] < 4 < row["conf_high"]
    assert row["p_value"] <= 0.05
    assert row["level"] == pytest.approx(18 / 364)
    assert found.n_assignments == 364
    assert (found.n_treated, found.n_untreated) == (3, 11)
    assert found.table["chosen"].tolist() == [False, False, True]
    assert found.table["estimate"].nunique() == 1
    usual = found.table.iloc[0]
    assert 0.05 < usual["level"] < 0.3
    said = found.narrative()
    assert "by randomisation inference (3 units treated, 11 not; 95 % interval)" in said
    assert "The level attained is 4.9 %, as near to 5 % as 364 assignments allow." in said
    assert "The usual clustered test gives p" in said
    assert found.summary["level"].tolist()[1:] == ["not known", "4.9 %"]
    assert found.summary["chosen"].str.startswith("yes").tolist() == [False, False, True]
    assert "beyond the others'" in found.chart.claim
    assert found.chart.note.startswith("Taken: randomisation inference")
    assert "by hand" in found.caption


def test_the_figure_is_the_change_of_means_or_the_overall_average(branches):
    outcome, first = branches
    panel = panel_of(outcome, first)
    change = outcome[:, 8:].mean(axis=1) - outcome[:, :7].mean(axis=1)
    by_means = training.few_branches_test(panel, outcome="cx", post=9)
    assert by_means.taken["estimate"] == pytest.approx(change[:3].mean() - change[3:].mean())
    overall = training.group_time_effects(panel, outcome="cx").overall().table["estimate"].iloc[0]
    assert training.few_branches_test(panel, outcome="cx").taken["estimate"] == pytest.approx(overall)


def test_units_treated_later_are_left_out_of_means_and_counted():
    first = np.repeat([4, 8, 10], [4, 3, 10])
    outcome = lasting(17, 10, seed=2)
    panel = panel_of(outcome, first)
    panel["month"] = (
        pd.Timestamp("2025-01-01")
        + pd.to_timedelta(0, "D")
        + panel["month"].map(lambda m: pd.DateOffset(months=m - 1))
    )
    panel["first_trained"] = panel["first_trained"].map(
        lambda m: pd.NaT if np.isnan(m) else pd.Timestamp("2025-01-01") + pd.DateOffset(months=int(m) - 1)
    )
    found = training.few_branches_test(panel, outcome="cx", post="2025-06-01")
    assert (found.n_treated, found.n_untreated) == (4, 10)
    assert (found.evidence.n_used, found.evidence.n_given) == (14, 17)
    assert training.few_branches_test(panel, outcome="cx").n_treated == 7
    with pytest.raises(
        OptionError, match=r"post is .*allowed: a period from the first treated one on, 2025-05"
    ):
        training.few_branches_test(panel, outcome="cx", post="2025-02-01")


@pytest.mark.parametrize(
    ("treated", "n", "method"), [(6, 14, "wild cluster bootstrap"), (25, 50, "usual clustered test")]
)
def test_with_more_units_other_tests_are_taken(treated, n, method):
    first = np.repeat([3, 6], [treated, n - treated])
    found = training.few_branches_test(panel_of(lasting(n, 6, seed=7), first), outcome="cx", draws=499)
    assert found.taken["method"] == method
    assert ("The usual clustered test gives" in found.narrative()) == (method != "usual clustered test")
    assert "is not settled" in found.chart.claim
    assert found.taken["conf_low"] < 0 < found.taken["conf_high"]


def test_the_same_seed_gives_the_same_answer_and_a_roll_out_read_before_is_taken():
    first = np.repeat([3, 6], [7, 23])
    panel = panel_of(lasting(30, 6, seed=1), first)
    found = training.few_branches_test(panel, outcome="cx", draws=299, seed=4).table
    again = training.few_branches_test(training.roll_out(panel, outcome="cx"), draws=299, seed=4).table
    pd.testing.assert_frame_equal(found, again)
    other = training.few_branches_test(panel, outcome="cx", draws=299, seed=5).table
    assert other["p_value"].tolist() != found["p_value"].tolist()
    assert other["estimate"].tolist() == found["estimate"].tolist()


def test_units_that_vary_otherwise_are_seen(branches):
    outcome, first = branches
    shaken = outcome.copy()
    shaken[:3, :7] *= 30
    check = training.few_branches_test(panel_of(shaken, first), outcome="cx").evidence.checks[-1]
    assert (check.name, check.passed) == ("spread before the treatment", False)
    short = training.few_branches_test(panel_of(outcome[:, 5:], first - 5), outcome="cx").evidence.checks[-1]
    assert short.passed is None


def test_what_cannot_be_tested_is_refused(branches):
    outcome, first = branches
    panel = panel_of(outcome, first).assign(
        region=lambda f: f["branch"] // 2, staff=lambda f: 1 + f["branch"]
    )
    with pytest.raises(DesignError, match=r"no test holds a level of 5.0 %"):
        training.few_branches_test(panel[~panel["branch"].isin([0, 1])], outcome="cx")
    with pytest.raises(DesignError, match="every unit is its own cluster"):
        training.few_branches_test(training.roll_out(panel, outcome="cx", cluster="region"))
    with pytest.raises(DesignError, match="every unit counts alike"):
        training.few_branches_test(training.roll_out(panel, outcome="cx", weights="staff"))
    with pytest.raises(DesignError, match="all units change alike"):
        training.few_branches_test(panel.assign(cx=1.5 * panel["branch"]), outcome="cx", post=9)
    with pytest.raises(OptionError, match="draws is 10"):
        training.few_branches_test(panel, outcome="cx", draws=10)
    with pytest.raises(OptionError, match="conf_level"):
        training.few_branches_test(panel, outcome="cx", conf_level=1.0)
    with pytest.raises(OptionError, match="seed is"):
        training.few_branches_test(panel, outcome="cx", seed=1.5)


def test_of_many_units_fewer_assignments_are_drawn(monkeypatch):
    monkeypatch.setattr("cemlab.training.few_branches._ROOM", 30 * 1_200)
    panel = panel_of(lasting(30, 6, seed=1), np.repeat([3, 6], [7, 23]))
    assert training.few_branches_test(panel, outcome="cx").n_assignments == 1_201
    monkeypatch.setattr("cemlab.training.few_branches._ROOM", 30)
    assert training.few_branches_test(panel, outcome="cx").n_assignments == 1_000

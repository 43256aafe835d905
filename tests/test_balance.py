"""Balance, leaving one out, placebos: by hand, against other libraries, levels that hold, what is refused."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cemlab import training
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.long_base import long_base_effect
from cemlab.stats.multiplier_bands import errors
from cemlab.stats.permuted_labels import joint_p_value, permuted_labels


def panel(outcome, first, **more):
    n, periods = outcome.shape
    columns = {
        "branch": np.repeat([f"b{i:03}" for i in range(n)], periods),
        "month": np.tile(np.arange(1, periods + 1), n),
        "cx": outcome.ravel(),
        "first_trained": np.repeat(first, periods),
    }
    return pd.DataFrame(columns | {name: np.repeat(values, periods) for name, values in more.items()})


def staggered(rng, n=24, periods=14, effect=0.0):
    first = np.repeat([8, 11, 0], n // 3)
    y = rng.normal(size=(n, 1)) + rng.normal(size=(n, periods)) + 0.2 * np.arange(periods)
    y += effect * ((first > 0)[:, None] & (np.arange(1, periods + 1) >= first[:, None]))
    return y, first


# ---- balance


def test_standardised_differences_and_trends_by_hand():
    y = np.array([[0.0, 2, 9], [2, 6, 9], [1, 1, 9], [3, 3, 9], [5, 5, 9]])
    found = training.balance(panel(y, [3, 3, 0, 0, 0]), columns=["cx"]).table.set_index("trait")
    # levels 1 and 4 against 1, 3, 5: variances 4.5 and 4
    assert found.loc["level", "estimate"] == pytest.approx((2.5 - 3) / np.sqrt(4.25))
    assert found.loc["trend", "trained"] == pytest.approx(3.0)
    assert found.loc["trend", "untrained"] == 0.0
    reach = 1.959964 * np.sqrt(5 / 6 + found["estimate"] ** 2 / 10)
    np.testing.assert_allclose(found["conf_high"] - found["estimate"], reach, rtol=1e-6)


def test_categories_are_compared_as_shares():
    y = np.random.default_rng(1).normal(size=(6, 4))
    kind = ["city", "city", "mall", "mall", "mall", "country"]
    found = training.balance(panel(y, [3, 3, 3, 0, 0, 0], kind=kind), columns=["kind"]).table
    assert found["trait"].tolist() == ["city", "country", "mall"]
    assert found["trained"].tolist() == pytest.approx([2 / 3, 0, 1 / 3])


def test_permutation_p_values_are_those_of_scipy():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(8, 3))
    first = np.array([3, 3, 3, 0, 0, 0, 0, 0])
    found = training.balance(panel(y, first), columns=["cx"]).table.set_index("trait")
    level = y[:, :2].mean(axis=1)
    theirs = stats.permutation_test(
        (level[:3], level[3:]), lambda a, b: np.abs(a.mean() - b.mean()), alternative="greater"
    )
    assert found.loc["level", "p_value"] == pytest.approx(theirs.pvalue)  # all 56 ways, both


def test_the_joint_test_is_the_share_of_ways_at_least_as_far_out():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(7, 2))
    label = np.arange(7) < 3
    inverse = np.linalg.inv(np.cov(x.T))

    def distance(chosen):
        gap = x[list(chosen)].mean(axis=0) - np.delete(x, list(chosen), axis=0).mean(axis=0)
        return gap @ inverse @ gap

    ways = [distance(chosen) for chosen in itertools.combinations(range(7), 3)]
    exact = np.mean(np.array(ways) >= distance((0, 1, 2)) - 1e-9)
    labels = permuted_labels(label, draws=999, rng=rng)
    assert joint_p_value(x, labels) == pytest.approx(exact)
    # a trait told twice, in another unit, adds nothing
    assert joint_p_value(np.column_stack([x, 1000 * x[:, 0] + 3]), labels) == pytest.approx(exact)


def test_the_joint_test_holds_its_level():
    rng = np.random.default_rng(5)
    label = np.arange(30) < 12
    labels = permuted_labels(label, draws=199, rng=rng)
    p = [joint_p_value(rng.normal(size=(30, 5)) ** 3, labels) for _ in range(600)]
    # 600 draws of 5 %: 4 standard errors are 3.6 points
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.036)


def test_groups_that_differ_are_told():
    rng = np.random.default_rng(6)
    y = rng.normal(size=(30, 6)) + np.where(np.arange(30) < 15, 3.0, 0.0)[:, None]
    found = training.balance(panel(y, np.where(np.arange(30) < 15, 5, 0)), columns=["cx"])
    assert found.joint_p < 0.01
    assert found.evidence.checks[0].passed is False
    assert found.evidence.grade == "descriptive"
    assert "would hardly have dealt them so" in found.narrative()
    assert "differed before by over" in found.chart.claim
    alike = training.balance(panel(rng.normal(size=(400, 6)), np.tile([5, 0], 200)), columns=["cx"])
    assert "like the others" in alike.chart.claim
    assert len(alike.summary) == 2


def test_who_is_trained_after_the_data_is_not_trained_in_them():
    rng = np.random.default_rng(4)
    rows = panel(rng.normal(size=(12, 6)), [5] * 4 + [0] * 8)
    spelt = {0: 0, 5: 5}
    found = training.balance(rows, columns=["cx"], draws=99)
    for never in (99, np.inf, np.nan):
        other = rows.assign(first_trained=rows["first_trained"].map(spelt | {0: never}))
        told = training.balance(other, columns=["cx"], draws=99)
        pd.testing.assert_frame_equal(told.table, found.table)
        assert (told.n_trained, told.n_untrained) == (4, 8)


def test_categories_and_an_index_of_the_same_name_change_nothing():
    rng = np.random.default_rng(4)
    rows = panel(rng.normal(size=(12, 6)), [5] * 4 + [0] * 8)
    rows["format"] = np.where(rows["branch"] < "b006", "north", "south")
    expected = training.balance(rows, columns=["cx", "format"], draws=99).table
    odd = rows.assign(
        branch=rows["branch"].astype("category").cat.add_categories(["closed"]),
        format=pd.Categorical(rows["format"], categories=["north", "south", "none"]),
    ).set_index("branch", drop=False)
    pd.testing.assert_frame_equal(training.balance(odd, columns=["cx", "format"], draws=99).table, expected)


def test_balance_refuses_what_it_cannot_compare():
    y = np.random.default_rng(1).normal(size=(6, 4))
    good = panel(y, [3, 3, 3, 0, 0, 0])
    with pytest.raises(OptionError, match="columns are"):
        training.balance(good, columns="cx")
    with pytest.raises(OptionError, match="draws"):
        training.balance(good, columns=["cx"], draws=5)
    with pytest.raises(ColumnError, match="no column named 'nps'"):
        training.balance(good, columns=["nps"])
    with pytest.raises(DesignError, match="5 of 6 branches were trained"):
        training.balance(panel(y, [3, 3, 3, 3, 3, 0]), columns=["cx"])
    with pytest.raises(DesignError, match="same cx"):
        training.balance(panel(np.ones((6, 4)), [3, 3, 3, 0, 0, 0]), columns=["cx"])
    with pytest.raises(DesignError, match="has several"):
        training.balance(good.assign(kind=["a", "b"] * 12), columns=["kind"])
    with pytest.raises(DataError, match="no table"):
        training.balance([1, 2], columns=["cx"])


# ---- leaving one out


def test_each_figure_is_that_of_the_panel_without_the_branch():
    y, first = staggered(np.random.default_rng(1), effect=1.0)
    rows = panel(y, first)
    found = training.leave_one_out(rows, outcome="cx")
    assert len(found.table) == 24
    for row in found.table.iloc[[0, 11, 23]].to_dict("records"):
        alone = training.group_time_effects(rows[rows["branch"] != row["left_out"]], outcome="cx").overall()
        for name in ("estimate", "conf_low", "conf_high"):
            assert row[name] == pytest.approx(alone.table[name].iloc[0])
    assert found.table["moved"].abs().is_monotonic_decreasing


def test_the_branch_that_makes_the_result_is_named():
    y, first = staggered(np.random.default_rng(2))
    y[3, 7:] += 60
    found = training.leave_one_out(panel(y, first), outcome="cx")
    assert found.most == "b003"
    assert found.table["role"].iloc[0] == "treated"
    assert found.evidence.checks[-1].name == "one branch alone"
    assert "b003 (treated) matters most" in found.narrative()
    assert "b003" in found.chart.claim
    assert len(found.summary) == 8


def test_a_verdict_that_turns_is_told():
    rng = np.random.default_rng(3)
    y, first = staggered(rng, effect=0.0)
    y *= 0.1
    y[:16] += 0.3 * ((np.arange(1, 15) >= first[:16, None]) * rng.normal(0.9, 1, (16, 1)))
    found = training.leave_one_out(panel(y, first), outcome="cx")
    whole = found.overall.table.iloc[0]
    zero_inside = whole["conf_low"] <= 0 <= whole["conf_high"]
    for row in found.table.to_dict("records"):
        turned = (row["conf_low"] <= 0 <= row["conf_high"]) != zero_inside
        assert (row["left_out"] in found.turns) == turned


def test_without_one_of_two_no_figure_can_be_had():
    y = np.random.default_rng(4).normal(size=(6, 5))
    found = training.leave_one_out(panel(y, [3, 3, 0, 0, 0, 0]), outcome="cx")
    missing = found.table[found.table["estimate"].isna()]
    assert sorted(missing["left_out"]) == ["b000", "b001"]
    assert np.isfinite(found.table["estimate"].iloc[0])  # the missing ones stand last


# ---- the long base, and placebos


def brute_force(y, first, last):
    """The average over treated unit-periods, by the letter."""
    total, count = 0.0, 0
    for g in sorted({int(f) for f in first if f < y.shape[1]}):
        base = y[:, :g].mean(axis=1)
        for t in range(g, y.shape[1]):
            own = [i for i in range(len(y)) if first[i] == g and last[i] > t]
            others = [i for i in range(len(y)) if first[i] > t and last[i] > t]
            if own and len(others) >= 2:
                change = y[:, t] - base
                total += len(own) * (change[own].mean() - change[others].mean())
                count += len(own)
    return total / count


@pytest.mark.parametrize("seed", range(5))
def test_long_base_is_the_brute_force_average(seed):
    rng = np.random.default_rng(seed)
    y, first = rng.normal(size=(15, 9)), rng.choice([2, 4, 7, 9], 15)
    last = np.minimum(9, first + rng.integers(1, 9, 15))
    last[first == 9] = 9
    found = long_base_effect(y, first=first, last=last)
    assert found.estimate == pytest.approx(brute_force(y, first, last))


def test_long_base_with_one_group_is_welchs_test_of_the_changes():
    rng = np.random.default_rng(7)
    y, first = rng.normal(size=(13, 8)), np.where(np.arange(13) < 5, 5, 8)
    found = long_base_effect(y, first=first)
    change = y[:, 5:].mean(axis=1) - y[:, :5].mean(axis=1)
    theirs = stats.ttest_ind(change[:5], change[5:], equal_var=False)
    own = errors(found.influence[:, None], first)
    assert found.estimate == pytest.approx(change[:5].mean() - change[5:].mean())
    assert found.estimate / own.std_error[0] == pytest.approx(theirs.statistic)
    assert own.df[0] == pytest.approx(theirs.df)


def test_long_base_influence_is_that_of_the_infinitesimal_jackknife():
    """Each unit's influence is the slope of the estimate in that unit's weight: copies of it, here."""
    rng = np.random.default_rng(8)
    y, first = rng.normal(size=(12, 7)), np.repeat([3, 5, 7], 4)
    found = long_base_effect(y, first=first)
    copies = 2000
    for unit in (0, 5, 11):
        times = np.full(12, copies)
        times[unit] += 1
        more = long_base_effect(np.repeat(y, times, axis=0), first=np.repeat(first, times))
        # one copy more of 2,000 moves it by its influence over 2,000, but for terms of that squared
        assert (more.estimate - found.estimate) * copies == pytest.approx(
            found.influence[unit], abs=2e-3 * np.abs(found.influence).max()
        )


def test_long_base_without_controls_finds_nothing():
    y = np.zeros((4, 4))
    found = long_base_effect(y, first=np.array([2, 2, 2, 4]))
    assert np.isnan(found.estimate)
    assert found.left_out == 6


def test_intervals_of_the_long_base_hold():
    rng = np.random.default_rng(9)
    first = np.repeat([8, 11, 14], 8)
    hit = []
    for _ in range(300):
        y = staggered(rng, effect=0.5)[0]
        found = long_base_effect(y, first=np.where(first == 14, 14, first - 1))
        own = errors(found.influence[:, None], first)
        hit.append(abs(found.estimate - 0.5) <= own.margin(0.95)[0])
    # 300 draws of 95 %: 4 standard errors are 5 points
    assert np.mean(hit) == pytest.approx(0.95, abs=0.05)


def test_placebo_dates_use_nothing_from_the_training_on():
    y, first = staggered(np.random.default_rng(1), effect=0.0)
    spoilt = y.copy()
    after = (first > 0)[:, None] & (np.arange(1, 15) >= first[:, None])
    spoilt[after] += 50
    kinds = [training.placebos(panel(v, first), outcome="cx").table for v in (y, spoilt)]
    dates = [table[table["kind"] == "date"].reset_index(drop=True) for table in kinds]
    pd.testing.assert_frame_equal(dates[0], dates[1])
    assert kinds[1]["estimate"].iloc[0] == pytest.approx(kinds[0]["estimate"].iloc[0] + 50)


def test_trends_that_part_are_found_by_placebo_dates():
    y, first = staggered(np.random.default_rng(2), n=60)
    y += 0.5 * np.arange(14) * (first > 0)[:, None]
    found = training.placebos(panel(y, first), outcome="cx", months_earlier=[2, 3, 4])
    assert found.evidence.failed[0].name == "placebos"
    assert "placebos found what cannot be there" in found.chart.claim
    assert found.narrative().startswith("Where nothing should be found, something was")


def test_placebo_outcomes_stand_beside():
    rng = np.random.default_rng(3)
    y, first = staggered(rng, effect=3.0)
    rows = panel(y, first)
    rows["wait"] = rng.normal(size=len(rows))
    found = training.placebos(rows, outcome="cx", outcomes=["wait"], months_earlier=[3])
    assert found.table["kind"].tolist() == ["real", "date", "outcome"]
    assert found.table["what"].tolist() == ["cx, as it was", "cx, 3 periods earlier", "wait, as it was"]
    assert "None of 2 placebos found anything" in found.narrative()
    assert (found.table["detectable"] > found.table["std_error"]).all()
    assert len(found.summary) == len(found.chart.frame) == 3


def test_units_without_a_period_before_the_placebo_date_are_left_out():
    y, first = staggered(np.random.default_rng(4))
    found = training.placebos(panel(y, first), outcome="cx", months_earlier=[8]).table
    # first trained in month 8, eight earlier is month 0; those of month 11 have months 1 and 2 before
    assert found["n_treated"].tolist() == [16, 8]


def test_impossible_placebos_are_refused():
    y, first = staggered(np.random.default_rng(1))
    rows = panel(y, first)
    with pytest.raises(OptionError, match="months_earlier"):
        training.placebos(rows, outcome="cx", months_earlier=[0])
    with pytest.raises(OptionError, match="columns in a list"):
        training.placebos(rows, outcome="cx", outcomes="wait")
    with pytest.raises(OptionError, match="the outcome itself"):
        training.placebos(rows, outcome="cx", outcomes=["cx"])
    with pytest.raises(OptionError, match="kind of controls"):
        training.placebos(rows, outcome="cx", controls="some")
    with pytest.raises(DesignError, match="no placebo is asked for"):
        training.placebos(rows, outcome="cx", months_earlier=[])
    with pytest.raises(DesignError, match="fewer than two units have a period before"):
        training.placebos(rows, outcome="cx", months_earlier=[12])
    with pytest.raises(ColumnError, match="no column named 'wait'"):
        training.placebos(rows, outcome="cx", outcomes=["wait"])
    with pytest.raises(DesignError, match="two never treated units"):
        training.placebos(rows[rows["first_trained"] != 0], outcome="cx", controls="never treated")


def test_results_are_frozen_arrays_of_their_own():
    y, first = staggered(np.random.default_rng(1))
    rows = panel(y, first)
    before = rows.copy()
    rolled = training.roll_out(rows, outcome="cx")
    assert training.leave_one_out(replace(rolled)).most == training.leave_one_out(rows, outcome="cx").most
    training.balance(rows, columns=["cx"])
    training.placebos(rows, outcome="cx")
    pd.testing.assert_frame_equal(rows, before)

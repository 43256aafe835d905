"""Plans of studies: power against other libraries and simulation, the closed form, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from cemlab import training
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.change_variance import Memory, changes, fit_memory, without_months
from cemlab.stats.detectable import detectable_ratio, power_of_t
from cemlab.training.planned_power import attained_level, planned_method, simulated_power


def panel(outcome, first=0):
    n, periods = outcome.shape
    return pd.DataFrame(
        {
            "branch": np.repeat([f"b{i:03}" for i in range(n)], periods),
            "month": np.tile(np.arange(1, periods + 1), n),
            "cx": outcome.ravel(),
            "first_trained": np.repeat(np.broadcast_to(first, n), periods),
        }
    )


def remembering(n, periods, memory, rng):
    """AR(1) of variance 1, with a level of each unit's own."""
    noise = rng.normal(size=(n, periods))
    for t in range(1, periods):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return noise + 3 * rng.normal(size=(n, 1))


@pytest.mark.parametrize("nobs", [5, 12, 40])
@pytest.mark.parametrize("effect", [0.2, 0.8, 1.5])
def test_power_is_that_of_statsmodels(nobs, effect):
    theirs = TTestIndPower().power(effect_size=effect, nobs1=nobs, alpha=0.05, ratio=1)
    ours = power_of_t(effect, std_error=np.sqrt(2 / nobs), df=2 * nobs - 2)
    # both evaluate the noncentral t distribution; its routines differ in the seventh figure
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_power_at_nothing_is_the_level_and_without_degrees_of_freedom_nothing_is_found():
    assert power_of_t(0.0, std_error=1.0, df=[3, 30]) == pytest.approx([0.05, 0.05], abs=1e-9)
    assert power_of_t(5.0, std_error=1.0, df=0) == 0.0
    assert detectable_ratio([0, 10])[0] == np.inf


@pytest.mark.parametrize("df", [1, 2, 5, 30, 1000])
def test_detectable_ratio_has_the_power_asked_for(df):
    ratio = float(detectable_ratio(df, power=0.9, conf_level=0.9))
    critical = stats.t.ppf(0.95, df)
    # scipy's distribution, not the special function that was used
    power = stats.nct.sf(critical, df, ratio) + stats.nct.cdf(-critical, df, ratio)
    assert power == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("power", [0.04, 1.0, 0, "0.8", True])
def test_power_that_is_none_is_refused(power):
    with pytest.raises(OptionError, match="power is"):
        detectable_ratio(10, power=power)


def test_changes_by_hand():
    y = np.array([[1.0, 2, 4, 8, 16], [0, 0, 0, 0, 5]])
    assert changes(y, 1).tolist() == [[1, 2, 4, 8], [0, 0, 0, 5]]
    assert changes(y, 2).tolist() == [[4.5, 9], [0, 2.5]]


def test_memory_gives_the_exact_variance_of_an_autoregression():
    memory = Memory(own=0.3, passing=1.0, memory=0.6)
    place = np.arange(7)
    covariance = 0.6 ** np.abs(place[:, None] - place) + 0.3 * np.eye(7)
    weights = np.array([-1 / 3] * 3 + [1 / 4] * 4)
    assert memory.change_variance(3, 4) == pytest.approx(weights @ covariance @ weights)


def test_memory_is_recovered():
    rng = np.random.default_rng(3)
    own = without_months(remembering(3000, 13, 0.5, rng) + 0.5 * rng.normal(size=(3000, 13)))
    truth = Memory(own=0.25, passing=1.0, memory=0.5)
    # 3,000 units: the variance of a long change, beyond the 13 months, is known to about 3 %
    assert fit_memory(own).change_variance(12, 12) == pytest.approx(truth.change_variance(12, 12), rel=0.08)


def test_independent_months_have_the_closed_form():
    rng = np.random.default_rng(1)
    plan = training.plan_study(
        panel(rng.normal(size=(1500, 8))), outcome="cx", branches=[20, 60], months=[2, 4], draws=100
    )
    for row in plan.table.to_dict("records"):
        m, k = row["months"], row["branches"] / 2
        error = np.sqrt((1 / m + 1 / m) * (2 / k))
        exact = float(detectable_ratio(row["branches"] - 2)) * error
        # the variance of 1,500 units' changes is known to 4 %, its root to 2 %
        assert row["estimate"] == pytest.approx(exact, rel=0.05)
        assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_simulated_studies_find_the_smallest_change_as_often_as_stated():
    rng = np.random.default_rng(2)
    plan = training.plan_study(
        panel(remembering(60, 13, 0.6, rng)), outcome="cx", branches=[12, 20, 60], months=[3, 6], draws=4000
    )
    # 4 standard errors of 4,000 draws, and one point for noise of 60 branches that is not quite normal
    assert plan.table["simulated"].to_numpy() == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 4000) + 0.01)
    assert not plan.table["beyond"].any()


def test_without_an_effect_studies_find_one_at_the_level():
    rng = np.random.default_rng(4)
    own = changes(without_months(remembering(60, 13, 0.6, rng)), 4)
    for size in (8, 10, 20):
        level = attained_level(size, size // 2, 0.05)
        found = simulated_power(
            own, effect=0.0, branches=size, treated=size // 2, conf_level=0.95, draws=3000, rng=rng
        )
        assert found == pytest.approx(level, abs=4 * np.sqrt(0.05 * 0.95 / 3000))


def test_the_method_is_that_of_the_rule_for_few_branches():
    assert planned_method(11, 5) == "randomisation inference"
    assert planned_method(12, 6) == "wild cluster bootstrap"
    assert planned_method(50, 25) == "usual clustered test"
    assert attained_level(6, 3, 0.05) == 0.0  # 20 ways, two by two alike: p is at least 0.1
    assert attained_level(7, 1, 0.2) == pytest.approx(1 / 7)


def test_too_few_ways_find_nothing_at_all():
    rng = np.random.default_rng(1)
    plan = training.plan_study(
        panel(rng.normal(size=(30, 8))), outcome="cx", branches=[4, 30], months=[3], effect=9.0, draws=100
    )
    row = plan.table.iloc[0]
    assert np.isinf(row["estimate"])
    assert row["power_at_effect"] == 0
    assert np.isnan(row["simulated"])
    assert "30 branches" in plan.chart.claim


def test_plan_answers_at_once_what_the_table_says():
    rng = np.random.default_rng(1)
    plan = training.plan_study(
        panel(remembering(50, 13, 0.5, rng)), outcome="cx", effect=0.5, branches=[20, 40], months=[3, 12],
        trained_share=[0.9] * 6 + [0.7] * 6, draws=100,
    )  # fmt: skip
    for row in plan.table.to_dict("records"):
        size = {"branches": row["branches"], "months": row["months"]}
        assert plan.power_of(**size, effect=0.5) == pytest.approx(row["power_at_effect"])
        assert plan.power_of(**size, effect=row["estimate"]) == pytest.approx(0.8, abs=1e-6)
    needed = plan.branches_needed(effect=0.5, months=3)
    assert plan.power_of(branches=needed, months=3, effect=0.5) >= 0.8
    assert plan.power_of(branches=needed - 1, months=3, effect=0.5) < 0.8
    assert plan.branches_needed(effect=1e-6, months=3) is None
    assert plan.dose[[5, 11]] == pytest.approx([0.9, 0.8])
    # half the staff trained is half the effect
    assert plan.power_of(branches=40, months=3, effect=0.5, trained_share=0.45) == pytest.approx(
        plan.power_of(branches=40, months=3, effect=0.25)
    )
    assert plan.table["beyond"].tolist() == [False, False, True, True]
    assert plan.evidence.checks[0].passed is None
    assert "it takes so many branches" in plan.narrative()
    assert list(plan.summary["months"])[-1] == "12, beyond the data"


def test_months_from_the_first_training_on_are_left_out():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(30, 12))
    spoilt = y.copy()
    spoilt[:, 8:] += 100 * rng.normal(size=(30, 4))
    first = np.where(np.arange(30) < 15, 9, 0)
    options = {"outcome": "cx", "branches": [20], "months": [3], "draws": 100}
    clean = training.plan_study(panel(y[:, :8]), **options)
    found = training.plan_study(panel(spoilt, first), **options)
    pd.testing.assert_frame_equal(found.table, clean.table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"branches": [3]}, "branches are"),
        ({"branches": []}, "branches are"),
        ({"branches": "20"}, "branches are"),
        ({"months": [0]}, "months are"),
        ({"months": [2.5]}, "months are"),
        ({"treated_share": 1}, "treated_share"),
        ({"trained_share": 0.0}, "no share above 0"),
        ({"trained_share": [0.9, 0.8]}, "has 2 months, the longest study 3"),
        ({"draws": 10}, "draws"),
        ({"seed": -1}, "seed"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"power": 2}, "power"),
    ],
)
def test_impossible_options_are_refused(change, message):
    rows = panel(np.random.default_rng(1).normal(size=(10, 8)))
    options = {"outcome": "cx", "branches": [10], "months": [3], "draws": 100} | change
    with pytest.raises(OptionError, match=message):
        training.plan_study(rows, **options)


def test_sizes_beyond_the_plan_are_refused():
    rows = panel(np.random.default_rng(1).normal(size=(10, 8)))
    plan = training.plan_study(rows, outcome="cx", branches=[10], months=[3], draws=100)
    with pytest.raises(OptionError, match="1 to 3 months"):
        plan.power_of(branches=10, months=4, effect=1)
    with pytest.raises(OptionError, match="4 branches or more"):
        plan.power_of(branches=3, months=3, effect=1)


@pytest.mark.parametrize(
    "kind", [lambda days: days, lambda days: days.dt.date, lambda days: days.dt.to_period("M")]
)
def test_periods_of_any_kind_are_read_as_a_roll_out_reads_them(kind):
    rows = panel(np.random.default_rng(1).normal(size=(10, 8)), 7)
    days = pd.to_datetime([f"2024-{m:02}-01" for m in rows["month"]]).to_series(index=rows.index)
    options = {"outcome": "cx", "branches": [10], "months": [2], "draws": 100}
    dated = rows.assign(month=kind(days), first_trained=pd.Timestamp("2024-07-01"))
    expected = training.plan_study(rows, **options).table
    pd.testing.assert_frame_equal(training.plan_study(dated, **options).table, expected)
    with pytest.raises(DataError, match="it holds whole numbers, the periods are dates"):
        training.plan_study(dated.assign(first_trained=7), **options)


def test_branches_trained_after_the_data_leave_them_whole():
    rows = panel(np.random.default_rng(1).normal(size=(10, 8)))
    options = {"outcome": "cx", "branches": [10], "months": [2], "draws": 100}
    later = training.plan_study(rows.assign(first_trained=99), **options)
    pd.testing.assert_frame_equal(later.table, training.plan_study(rows, **options).table)


def test_panels_that_cannot_tell_are_refused():
    y = np.random.default_rng(1).normal(size=(10, 8))
    plan = {"outcome": "cx", "branches": [10], "months": [2], "draws": 100}
    with pytest.raises(DesignError, match="10 branches and 3 months"):
        training.plan_study(panel(y[:, :3]), **plan)
    with pytest.raises(DesignError, match="no month lies before"):
        training.plan_study(panel(y, 1), **plan)
    with pytest.raises(DesignError, match="nothing to plan for"):
        training.plan_study(panel(np.ones((10, 8))), **plan)
    with pytest.raises(DataError, match="stands twice"):
        training.plan_study(pd.concat([panel(y)] * 2), **plan)
    with pytest.raises(ColumnError, match="no column named 'experience'"):
        training.plan_study(panel(y), **plan | {"outcome": "experience"})
    with pytest.raises(DataError, match="'high' is a str; allowed are numbers"):
        training.plan_study(panel(y).assign(cx="high"), **plan)
    with pytest.raises(DataError, match="differs within branch"):
        training.plan_study(panel(y).assign(first_trained=range(80)), **plan)
    holes = panel(y)
    holes.loc[holes["month"] == 2, "cx"] = np.nan
    with pytest.raises(DesignError, match="no branch has cx in every month"):
        training.plan_study(holes, **plan)

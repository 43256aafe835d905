"""Retention curves and hazard ratios: published figures, planted truth, and every refusal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from cemlab import survival
from cemlab.data.company import Company
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.places import bundled


def curve(company, **options):
    spells = survival.spells(company)
    unit = company.info.duration_unit
    return survival.retention_curve(spells, duration="duration", event="left", unit=unit, **options)


# --- published figures


def test_telco_survival_as_published(telco):
    at = curve(telco).at(12, 24)
    # DATA.md gives four decimals
    np.testing.assert_allclose(at["estimate"], [0.8432, 0.7887], atol=5e-5)


def test_telco_log_rank_by_contract_as_published(telco):
    (test,) = curve(telco, group="plan").evidence.tests
    assert test.statistic == pytest.approx(2352.87, abs=5e-3)  # two decimals published
    assert test.df == 2


def test_telco_curve_equals_lifelines_on_the_rows(telco):
    rows = survival.spells(telco).select("duration", "left", "plan").to_pandas()
    ours = curve(telco, group="plan").table
    for plan, part in rows.groupby("plan"):
        fit = KaplanMeierFitter().fit(part["duration"], part["left"])
        mine = ours[ours["group"] == plan]
        theirs = fit.survival_function_.loc[mine["time"]].to_numpy()[:, 0]
        np.testing.assert_allclose(mine["estimate"], theirs, rtol=0, atol=1e-12)  # rounding alone
        band = fit.confidence_interval_.loc[mine["time"]].to_numpy()
        np.testing.assert_allclose(mine[["conf_low", "conf_high"]], band, rtol=0, atol=1e-12)


def test_rossi_cox_as_published(rossi):
    ratios = survival.hazard_ratios(
        survival.spells(rossi),
        duration="duration",
        event="left",
        covariates=["fin", "age", "race", "wexp", "mar", "paro", "prio"],
    )
    published = {"fin": -0.3794, "age": -0.0574, "prio": 0.0915}
    ours = ratios.table.set_index("term")["coefficient"]
    for term, coefficient in published.items():
        assert ours[term] == pytest.approx(coefficient, abs=5e-5)  # four decimals published
    assert ratios.log_likelihood == pytest.approx(-658.748, abs=5e-4)  # three decimals published


def test_two_segment_retention_gives_the_printed_survivors():
    from tests.conftest import public  # the fixture list stays short: only this test wants the set

    company = public("two_segment_retention")
    table = curve(company, group="plan", horizons=[1]).at(*range(1, 13)).set_index(["group", "time"])
    # Fader & Hardie (2007), survivors of 1,000 after each renewal
    regular = [631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
    high_end = [869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
    np.testing.assert_allclose(table.loc["Regular", "estimate"] * 1000, regular, rtol=1e-12)
    np.testing.assert_allclose(table.loc["High-end", "estimate"] * 1000, high_end, rtol=1e-12)


# --- planted truth


def draw(rng, n, *, ratio=1.6, late=False):
    """Draw spells whose hazard is a month's 0.03, times `ratio` where exposed; censored at random."""
    exposed = rng.integers(0, 2, n)
    lived = rng.exponential(1 / (0.03 * ratio**exposed))
    watched = rng.uniform(5, 60, n)
    began = rng.uniform(0, 30, n) * late
    frame = pd.DataFrame(
        {
            "duration": np.minimum(lived, watched),
            "left": lived <= watched,
            "began": began,
            "exposed": exposed,
        }
    )
    return frame[frame["duration"] > frame["began"]]


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entry"])
def test_intervals_cover_the_planted_survival_and_ratio(late):
    rng = np.random.default_rng(20)
    n, runs = 400, 120
    covered = {"survival": 0, "ratio": 0}
    for _ in range(runs):
        frame = draw(rng, n, late=late)
        entry = "began" if late else None
        plain = survival.retention_curve(
            frame[frame["exposed"] == 0], duration="duration", event="left", entry=entry, horizons=[24]
        ).at(24)
        covered["survival"] += bool(plain["conf_low"][0] <= np.exp(-0.03 * 24) <= plain["conf_high"][0])
        table = survival.hazard_ratios(
            frame, duration="duration", event="left", entry=entry, covariates=["exposed"]
        ).table
        covered["ratio"] += bool(table["conf_low"][0] <= 1.6 <= table["conf_high"][0])
    # 120 intervals of 95 %: 114 expected, standard deviation 2.4; four of them down
    assert min(covered.values()) >= 104


def test_ignoring_late_entry_flatters_and_declaring_it_repairs():
    frame = draw(np.random.default_rng(1), 20_000, late=True)
    unexposed = frame[frame["exposed"] == 0]
    options = {"duration": "duration", "event": "left", "horizons": [24]}
    naive = survival.retention_curve(unexposed, **options).at(24)["conf_low"][0]
    right = survival.retention_curve(unexposed, entry="began", **options).at(24)
    truth = np.exp(-0.03 * 24)
    assert naive > truth + 0.05
    assert right["conf_low"][0] <= truth <= right["conf_high"][0]


def test_small_tables_show_what_their_script_planted():
    company = Company.open(bundled("data") / "small")
    # data/small/make.py: constant hazards of 0.040 and 0.008 a month of 30.4375 days, late entry
    at = curve(company, group="plan", entry="observed_after").at(365).set_index("group")
    for plan, hazard in (("monthly", 0.040), ("yearly", 0.008)):
        truth = np.exp(-hazard * 365 / 30.4375)
        # one draw of the script: three standard errors
        assert abs(at.loc[plan, "estimate"] - truth) < 3 * at.loc[plan, "std_error"]


# --- what a result says


@pytest.fixture
def spells():
    return draw(np.random.default_rng(2), 600).assign(
        plan=lambda f: np.where(f["exposed"], "monthly", "yearly")
    )


def test_result_of_a_curve(spells):
    result = survival.retention_curve(
        spells, duration="duration", event="left", group="plan", horizons=[12, 24], source="made up"
    )
    assert result.n_spells == len(spells)
    assert result.n_left == spells["left"].sum()
    assert list(result.summary["group"]) == ["monthly"] * 2 + ["yearly"] * 2
    assert result.evidence.grade == "association"
    assert "is associated with leaving" in result.narrative()
    assert "made up" in result.caption
    first = result.at(12).set_index("group").loc["monthly"]
    assert f"{100 * (1 - first['estimate']):.1f} %" in result.narrative()
    assert result.chart.kind == "step"
    assert result.chart.frame.groupby("group")["estimate"].first().eq(1).all()


def test_one_curve_is_descriptive_and_has_no_test(spells):
    result = survival.retention_curve(spells, duration="duration", event="left", horizons=[12])
    assert result.evidence.grade == "descriptive"
    assert result.evidence.tests == ()
    assert "all customers" in result.narrative()


def test_nobody_left_is_not_told_as_certainty():
    frame = pd.DataFrame({"months": [24] * 50, "left": [False] * 50})
    story = survival.retention_curve(frame, duration="months", event="left", horizons=[12]).narrative()
    # 1 - 0.05^(1/50) = 0.0582: of 50 none leaves with chance 0.05 if the risk is 5.8 %
    assert "nobody left within 12 months (at most 5.8 %)" in story


def test_a_cause_counts_as_leaving_unless_it_is_none():
    frame = pd.DataFrame({"months": [1, 2, 3, 4], "cause": ["price", "none", "moved", "none"]})
    result = survival.retention_curve(frame, duration="months", event="cause", horizons=[3])
    assert result.n_left == 2


def test_an_emptied_risk_set_is_a_failed_check():
    # late entry: at 2 one spell is at risk and ends, the others enter later
    frame = pd.DataFrame({"t": [2, 9, 9], "left": [True, True, False], "began": [0, 5, 5]})
    result = survival.retention_curve(frame, duration="t", event="left", entry="began", horizons=[4])
    assert [check.name for check in result.evidence.failed] == ["risk set"]


def test_horizons_are_those_of_the_unit_and_inside_the_data(spells):
    assert survival.retention_curve(spells, duration="duration", event="left").horizons == (12, 24)
    short = pd.DataFrame({"t": [1.0, 3.0], "left": [True, False]})
    assert survival.retention_curve(short, duration="t", event="left").horizons == (3.0,)
    with pytest.raises(OptionError, match="up to 3 months"):
        survival.retention_curve(short, duration="t", event="left", horizons=[6])


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(40)), st.text(min_size=1, max_size=12).filter(lambda name: name.strip() != ""))
def test_order_of_rows_and_names_of_columns_change_nothing(order, name):
    frame = draw(np.random.default_rng(3), 60).head(40).reset_index(drop=True)
    renamed = frame.iloc[list(order)].rename(columns={"duration": name})
    if len(set(renamed.columns)) < len(renamed.columns):
        return  # the drawn name is one of the other columns' names
    ours = survival.retention_curve(renamed, duration=name, event="left").table
    pd.testing.assert_frame_equal(
        ours, survival.retention_curve(frame, duration="duration", event="left").table
    )


# --- hazard ratios


def test_levels_are_compared_with_the_most_frequent_one_unless_told():
    rng = np.random.default_rng(5)
    frame = draw(rng, 900).assign(plan=lambda f: rng.choice(["a", "b", "c"], len(f), p=[0.2, 0.5, 0.3]))
    common = {"duration": "duration", "event": "left", "covariates": ["plan"]}
    default = survival.hazard_ratios(frame, **common)
    assert list(default.table["term"]) == ["plan = a", "plan = c"]
    assert "plan = b" in default.evidence.design
    other = survival.hazard_ratios(frame, references={"plan": "a"}, **common)
    assert list(other.table["term"]) == ["plan = b", "plan = c"]
    # the same model told from another side: the ratio b against a is the inverse of a against b
    assert other.table["estimate"][0] == pytest.approx(1 / default.table["estimate"][0], rel=1e-6)
    assert other.log_likelihood == pytest.approx(default.log_likelihood, rel=1e-10)


def test_a_ratio_that_changes_with_time_fails_its_check():
    rng = np.random.default_rng(6)
    x = rng.integers(0, 2, 3000)
    # twice the pace before 10, half of it after
    early = rng.exponential(20 / 2.0**x)
    late = 10 + rng.exponential(20 * 2.0**x)
    lived = np.where(early < 10, early, late)
    frame = pd.DataFrame({"t": np.minimum(lived, 40), "left": lived < 40, "x": x})
    result = survival.hazard_ratios(frame, duration="t", event="left", covariates=["x"])
    assert [check.name for check in result.evidence.failed] == ["proportional hazards"]
    assert list(result.summary["proportional"]) == ["no"]


def test_proportional_hazards_are_seldom_refuted_where_they_hold():
    rng = np.random.default_rng(7)
    failed = 0
    for _ in range(100):
        frame = draw(rng, 200)
        result = survival.hazard_ratios(frame, duration="duration", event="left", covariates=["exposed"])
        failed += bool(result.evidence.failed)
    assert failed <= 14  # 100 tests at 5 %: 5 expected, standard deviation 2.2; four of them up


def test_rows_without_a_covariate_are_left_out_and_counted(spells):
    holes = spells.assign(score=np.where(np.arange(len(spells)) % 10 == 0, np.nan, 1.0 * spells["exposed"]))
    result = survival.hazard_ratios(holes, duration="duration", event="left", covariates=["score"])
    assert result.evidence.n_given == len(spells)
    assert result.evidence.n_used == len(spells) - int(holes["score"].isna().sum())


def test_narrative_and_chart_of_ratios(spells):
    result = survival.hazard_ratios(
        spells, duration="duration", event="left", covariates=["plan"], references={"plan": "yearly"}
    )
    assert result.evidence.grade == "adjusted"
    assert "associated with a faster pace of leaving: plan = monthly" in result.narrative()
    assert (result.chart.kind, result.chart.reference, result.chart.log) == ("forest", 1.0, True)


def test_names_that_would_be_formulas_are_only_names(spells):
    name = "C(x) + __import__('os').system('false')"
    renamed = spells.rename(columns={"exposed": name})
    result = survival.hazard_ratios(renamed, duration="duration", event="left", covariates=[name])
    assert list(result.table["term"]) == [name]


# --- refusals


def refused(frame, error, match, **options):
    with pytest.raises(error, match=match) as caught:
        survival.hazard_ratios(
            frame, **({"duration": "duration", "event": "left", "covariates": ["exposed"]} | options)
        )
    assert "\n" not in str(caught.value)


def test_hazard_ratios_refuse(spells):
    refused(spells, ColumnError, "no column in the spells named 'age'", covariates=["age"])
    refused(spells, OptionError, "name at least one column", covariates=[])
    refused(spells, OptionError, "each once", covariates=["exposed", "exposed"])
    refused(spells, OptionError, "in references", references={"plan": "x"})
    refused(spells, OptionError, "no level of 'plan'", covariates=["plan"], references={"plan": "weekly"})
    refused(spells, OptionError, "conf_level", conf_level=95)
    refused(spells.assign(left=False), DesignError, "none of the 600")
    refused(spells.assign(left=2), DataError, "values other than true/false")
    refused(spells.assign(duration=np.nan), DataError, "600 of 600 rows are blank")
    refused(spells.assign(duration=-1.0), DataError, "600 of 600 spells end before")
    refused(spells.assign(began=1e9), DataError, "end before they were observed", entry="began")
    refused(spells.assign(exposed=1), DesignError, "same value in all rows")
    refused(spells.assign(plan="one"), DesignError, "one level only", covariates=["plan"])


def test_separation_is_refused_by_name(spells):
    spared = spells.assign(spared=(~spells["left"]).astype(int))
    refused(spared, DesignError, "nobody left where 'spared' is 1", covariates=["spared"])
    # a number that orders spells exactly by their duration: the likelihood has no maximum
    perfect = spells.assign(left=True, score=-spells["duration"].rank())
    refused(perfect, DesignError, "(parts those who left|no estimate)", covariates=["score"])


def test_twins_are_refused(spells):
    twins = spells.assign(again=spells["exposed"])
    refused(twins, DesignError, "two of them say the same", covariates=["exposed", "again"])


def test_curves_refuse(spells):
    with pytest.raises(ColumnError):
        survival.retention_curve(spells, duration="months", event="left")
    with pytest.raises(DataError, match="negative"):
        survival.retention_curve(spells.assign(duration=-1.0), duration="duration", event="left")
    with pytest.raises(OptionError, match="conf_level"):
        survival.retention_curve(spells, duration="duration", event="left", conf_level=1.0)

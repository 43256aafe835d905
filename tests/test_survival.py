"""Retention curves and hazard ratios: published figures, planted truth, and every refusal."""

import ibis
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
from cemlab.stats.lifetable import life_table
from tests.conftest import public


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
    company = public("two_segment_retention")
    table = curve(company, group="plan", horizons=[1]).at(*range(1, 13)).set_index(["group", "time"])
    # Fader & Hardie (2007), survivors of 1,000 after each renewal
    regular = [631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
    high_end = [869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
    np.testing.assert_allclose(table.loc["Regular", "estimate"] * 1000, regular, rtol=1e-12)
    np.testing.assert_allclose(table.loc["High-end", "estimate"] * 1000, high_end, rtol=1e-12)


# --- planted truth


def draw(rng, n, *, ratio=1.6, late=False):
    """Draw spells whose hazard is a month's 0.03, times `ratio` where exposed; censored at random.

    Late entry: one in eight is seen from the start, so that somebody is watched at every duration.
    """
    exposed = rng.integers(0, 2, n)
    lived = rng.exponential(1 / (0.03 * ratio**exposed))
    watched = rng.uniform(5, 60, n)
    began = rng.uniform(0, 30, n) * late * (rng.random(n) > 1 / 8)
    frame = pd.DataFrame(
        {
            "duration": np.minimum(lived, watched),
            "left": lived <= watched,
            "began": began,
            "exposed": exposed,
        }
    )
    return frame[frame["duration"] > frame["began"]]


LATE = pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entry"])


@LATE
def test_intervals_cover_the_planted_survival(late):
    rng = np.random.default_rng(20)
    covered = 0
    for _ in range(400):
        # the table behind the curve: the curve equals it, and counting rows costs most of the time
        frame = draw(rng, 300, late=late).query("exposed == 0")
        at = life_table(
            frame["duration"], event=frame["left"], entry=frame["began"], n=np.ones(len(frame), dtype=int)
        ).at(24)
        covered += bool(at["conf_low"][0] <= np.exp(-0.03 * 24) <= at["conf_high"][0])
    # 400 intervals of 95 %: 380 expected, standard deviation 4.4; four of them down
    assert covered >= 362


@LATE
def test_intervals_cover_the_planted_ratio_and_its_constancy_is_seldom_refuted(late):
    rng = np.random.default_rng(7)
    covered = failed = 0
    for _ in range(80):
        result = survival.hazard_ratios(
            draw(rng, 300, late=late),
            duration="duration",
            event="left",
            entry="began" if late else None,
            covariates=["exposed"],
        )
        covered += bool(result.table["conf_low"][0] <= 1.6 <= result.table["conf_high"][0])
        failed += bool(result.evidence.failed)
    # 80 at 95 and 5 %: 76 and 4 expected, standard deviation 1.95; four of them down and up
    assert covered >= 68
    assert failed <= 12


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
    # 1 - 0.025^(1/50) = 0.0711: of 50 none leaves with chance 0.025 if the risk is 7.1 %
    assert "nobody left within 12 months (at most 7.1 %)" in story


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


CURVE = {"duration": "t", "event": "e"}


def test_late_entry_with_nobody_watched_at_first_is_refused():
    frame = pd.DataFrame({"t": [20, 25, 30] * 100, "e": [True, False, False] * 100, "s": [15.0] * 300})
    with pytest.raises(DesignError, match="nobody was watched before duration 15; subtract 15"):
        survival.retention_curve(frame, entry="s", horizons=[12], **CURVE)
    both = pd.concat([frame.assign(g="late"), frame.assign(s=0.0, g="early")])
    with pytest.raises(DesignError, match=r"^g late: nobody was watched before duration 15"):
        survival.retention_curve(both, entry="s", group="g", horizons=[12], **CURVE)


def test_a_gap_in_observation_ends_the_curve_and_says_so():
    frame = pd.DataFrame({"t": [1, 2, 9, 12], "e": [True, False, True, True], "s": [0, 0, 5, 5]})
    result = survival.retention_curve(frame, entry="s", horizons=[2, 6], **CURVE)
    (check,) = result.evidence.failed
    assert check.name == "risk set"
    assert "breaks off after 2" in check.detail
    assert "longest duration is 12" in check.detail
    assert result.table["time"].tolist() == [1, 2]
    assert result.n_left == 3
    assert result.summary["still there"].tolist()[1] == "not observed that long"
    assert "Not observed that long: all customers (6 months)." in result.narrative()


def test_the_bound_uses_the_fewest_watched_not_those_at_risk_at_the_horizon():
    # 10 are watched until 100 more enter at 5
    frame = pd.DataFrame({"t": [24.0] * 110, "e": [False] * 110, "s": [0.0] * 10 + [5.0] * 100})
    result = survival.retention_curve(frame, entry="s", horizons=[12], **CURVE)
    # 1 - 0.025^(1/10) = 0.3085, as Clopper and Pearson give for 0 of 10
    assert "(at most 30.8 %)" in result.narrative()
    assert result.summary["still there"][0] == "100 % (at least 69.2 %)"


def test_everybody_left_is_not_told_as_certainty():
    frame = pd.DataFrame({"t": [3.0] * 30 + [9.0] * 20, "e": [True] * 50})
    result = survival.retention_curve(frame, horizons=[9], **CURVE)
    # 20 at risk at the last departure: 1 - 0.025^(1/20) = 0.1684
    assert result.summary["still there"][0] == "0 % (at most 16.8 %)"
    assert "everybody left within 9 months (at least 83.2 %)" in result.narrative()


def test_a_difference_that_chance_explains_is_not_called_an_association():
    t = np.tile(np.arange(1.0, 21), 2)
    same = pd.DataFrame({"t": t, "e": True, "g": np.repeat(["a", "b"], 20)})
    story = survival.retention_curve(same, group="g", horizons=[12], **CURVE).narrative()
    assert "These data do not settle whether g goes with leaving." in story
    assert "associated" not in story


def test_groups_never_at_risk_together_are_not_tested():
    frame = pd.DataFrame(
        {
            "t": [2.0] * 5 + [4.0] + [9.0] * 5,
            "e": [True] * 5 + [False] + [True] * 5,
            "g": ["a"] * 6 + ["b"] * 5,
        }
    )
    frame = pd.concat([frame, pd.DataFrame({"t": [1.0], "e": [False], "g": ["b"]})])
    frame["s"] = np.where((frame["g"] == "b") & (frame["t"] > 1), 5.0, 0.0)
    result = survival.retention_curve(frame, group="g", entry="s", **CURVE)
    assert result.evidence.tests == ()
    assert "do not settle" in result.narrative()


def test_departures_at_zero_are_drawn_as_a_drop_at_zero():
    frame = pd.DataFrame({"t": [0.0, 4, 4, 4], "e": [True, False, False, False]})
    drawn = survival.retention_curve(frame, horizons=[2], **CURVE).chart.frame
    assert drawn[["time", "estimate"]].values.tolist() == [[0, 1], [0, 0.75], [4, 0.75]]


@pytest.mark.parametrize("values", [[10, 2, 9], pd.Categorical([10, 2, 9])], ids=["numbers", "categories"])
def test_groups_stand_in_the_order_of_their_own_type(values):
    frame = pd.DataFrame({"t": [3.0, 4, 5], "e": True, "g": values})
    assert list(survival.retention_curve(frame, group="g", horizons=[1], **CURVE).tables) == ["2", "9", "10"]


def test_ordered_categories_keep_their_order():
    levels = pd.Categorical(["new", "old", "mid"], categories=["new", "mid", "old", "never"], ordered=True)
    frame = pd.DataFrame({"t": [3.0, 4, 5], "e": True, "g": levels})
    names = list(survival.retention_curve(frame, group="g", horizons=[1], **CURVE).tables)
    assert names == ["new", "mid", "old"]


def test_a_group_not_observed_to_the_horizon_is_named():
    frame = pd.DataFrame({"t": [3.0, 5, 20, 30], "e": [True, False] * 2, "g": ["a", "a", "b", "b"]})
    result = survival.retention_curve(frame, group="g", horizons=[12, 24], **CURVE)
    assert "Not observed that long: a (12 and 24 months)." in result.narrative()
    assert "of b are still there after 12 months; no other group was observed" in result.chart.claim


def test_horizons_may_be_an_array(spells):
    result = survival.retention_curve(spells, duration="duration", event="left", horizons=np.array([12, 24]))
    assert result.horizons == (12, 24)
    assert "within 24 months" in result.narrative()
    with pytest.raises(OptionError, match="horizons are empty"):
        survival.retention_curve(spells, duration="duration", event="left", horizons=np.array([]))


# --- hazard ratios


def test_covariates_may_have_the_names_used_inside(spells):
    plain = survival.hazard_ratios(spells, duration="duration", event="left", covariates=["exposed"])
    for name in ("t", "e", "s", "c0"):
        renamed = spells.rename(columns={"exposed": name})
        ours = survival.hazard_ratios(renamed, duration="duration", event="left", covariates=[name])
        np.testing.assert_array_equal(ours.table["coefficient"], plain.table["coefficient"])


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_unit_of_a_covariate_changes_nothing_but_the_unit(unit):
    frame = draw(np.random.default_rng(8), 500).assign(
        x=lambda f: f["exposed"] + np.random.default_rng(9).normal(size=len(f))
    )
    options = {"duration": "duration", "event": "left", "covariates": ["x", "exposed"]}
    plain = survival.hazard_ratios(frame, **options)
    moved = survival.hazard_ratios(frame.assign(x=frame["x"] * unit), **options)
    # both stop at the maximum, to rounding
    for name in ("statistic", "p_value"):
        np.testing.assert_allclose(moved.table[name], plain.table[name], rtol=1e-8)
        np.testing.assert_allclose(moved.proportional[name], plain.proportional[name], rtol=1e-6)
    np.testing.assert_allclose(moved.table["coefficient"][0] * unit, plain.table["coefficient"][0], rtol=1e-8)
    assert moved.chart.kind == "forest"


def test_categories_are_levels_and_levels_are_text(spells):
    coded = spells.assign(code=pd.Categorical(spells["exposed"] + 1))
    options = {"duration": "duration", "event": "left"}
    ratios = survival.hazard_ratios(coded, covariates=["code"], references={"code": 1}, **options)
    assert list(ratios.table["term"]) == ["code = 2"]
    plain = survival.hazard_ratios(spells, covariates=["exposed"], **options)
    np.testing.assert_allclose(ratios.table["coefficient"], plain.table["coefficient"], rtol=1e-9)


def test_what_cannot_be_tested_is_undecided():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": [3.0] * 100, "left": rng.random(100) < 0.5, "x": rng.integers(0, 2, 100)})
    result = survival.hazard_ratios(frame, duration="t", event="left", covariates=["x"])
    (check,) = (check for check in result.evidence.checks if check.name == "proportional hazards")
    assert check.passed is None
    assert "not testable" in check.detail
    assert list(result.summary["proportional"]) == ["not testable"]
    assert "average" not in result.narrative() + result.chart.claim


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
    assert "The ratio changes with time for x: it is an average over the period." in result.narrative()
    assert "(an average: it changes with time)" in result.chart.claim


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
    refused(spells, ColumnError, "spells: no column named 'age'", covariates=["age"])
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


def test_hazard_ratios_refuse_what_is_no_number_or_level(spells):
    n = len(spells)
    plan = {"covariates": ["x"]}
    refused(spells.iloc[:0], DesignError, "there are no spells")
    refused(spells.assign(x=[1, "a"] * (n // 2)), DataError, "'x' mixes numbers and texts", **plan)
    refused(spells.assign(x=np.inf), DataError, f"'x': {n} of {n} values are infinite", **plan)
    refused(spells.assign(duration=np.inf), DataError, "'duration': .* are infinite")
    refused(spells.assign(began=-np.inf), DataError, "'began': .* are infinite", entry="began")
    refused(spells.assign(duration="abc"), DataError, "'duration' must hold numbers, not 'abc'")
    refused(spells.assign(duration=pd.Timedelta(days=3)), DataError, "'duration' must hold numbers")
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "D")
    for x in (days, days.date, days - days[0], days.to_period("M")):
        refused(spells.assign(x=x), DataError, "'x' holds dates or spans of time; enter a number", **plan)
    for column in ("duration", "left", "began"):
        with_entry = spells.assign(began=0.0)
        refused(
            with_entry, OptionError, "duration, event or entry itself", covariates=[column], entry="began"
        )


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
    options = {"duration": "duration", "event": "left"}
    with pytest.raises(DesignError, match="there are no spells"):
        survival.retention_curve(spells.iloc[:0], **options)
    with pytest.raises(DesignError, match="there are no spells"):
        survival.retention_curve(ibis.memtable(spells).filter(ibis.literal(False)), **options)
    with pytest.raises(DataError, match="mixed"):
        survival.retention_curve(spells.assign(g=[1, "a"] * (len(spells) // 2)), group="g", **options)
    with pytest.raises(DataError, match="must be a number"):
        survival.retention_curve(spells.assign(duration="abc"), **options)
    with pytest.raises(ColumnError):
        survival.retention_curve(spells, duration="months", event="left")
    with pytest.raises(DataError, match="negative"):
        survival.retention_curve(spells.assign(duration=-1.0), duration="duration", event="left")
    with pytest.raises(OptionError, match="conf_level"):
        survival.retention_curve(spells, duration="duration", event="left", conf_level=1.0)


def test_more_groups_than_a_picture_holds_are_named_as_left_out():
    frame = pd.DataFrame(
        {
            "t": np.tile([3.0, 9.0, 9.0], 12)[:36],
            "left": np.tile([True, False, False], 12),
            "plan": np.repeat([f"p{i:02d}" for i in range(12)], 3),
        }
    )
    big = pd.concat([frame, frame[frame["plan"] >= "p04"]])  # eight plans with six spells, four with three
    curve = survival.retention_curve(big, duration="t", event="left", group="plan", horizons=[6])
    assert len(curve.tables) == 12
    assert set(curve.chart.frame["group"]) == {f"p{i:02d}" for i in range(4, 12)}
    assert curve.chart.note.startswith("The 8 largest of 12 groups.")
    assert len(curve.summary) == 12


def test_a_blank_plan_is_a_group_of_its_own(tmp_path):
    (tmp_path / "subscriptions.csv").write_text("customer,plan,duration,cause\na,,3,price\nb,gold,5,none\n")
    company = Company.open(tmp_path, duration_unit="months")
    assert set(survival.spells(company).plan.to_pyarrow().to_pylist()) == {"not recorded", "gold"}


def test_who_enters_at_an_event_is_not_at_risk_whatever_rounding_says():
    frame = pd.DataFrame({"s": [0, 0.3, 0, 0], "t": [0.1 + 0.2, 0.9, 0.5, 0.7], "e": [1, 1, 0, 1]})
    found = survival.retention_curve(frame, entry="s", horizons=[0.7], **CURVE).table
    # by hand, and R's survfit(Surv(s, t, e) ~ 1): three are at risk at 0.3, two at 0.7
    assert found["n_at_risk"].tolist() == [3, 3, 2, 1]
    np.testing.assert_allclose(found["estimate"], [2 / 3, 2 / 3, 1 / 3, 0], rtol=1e-15)

"""What hazard ratios do with odd tables, odd options, rounding, copies and few clusters."""

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

OPTIONS = {"duration": "t", "event": "left"}


@pytest.fixture
def spells():
    rng = np.random.default_rng(8)
    n = 400
    frame = pd.DataFrame({"x": rng.normal(size=n), "plan": rng.choice(["a", "b"], n), "who": np.arange(n)})
    frame["t"] = rng.exponential(10 * np.exp(-0.5 * frame["x"]))
    return frame.assign(left=frame["t"] < 20, t=frame["t"].clip(upper=20), began=0.0)


def over_time(frame, **options):
    told = {"customer": "who", "start": "began", "stop": "t", "event": "left", "covariates": "x"}
    return survival.hazard_ratios_over_time(frame, **(told | options))


# --- tables and options


@pytest.mark.parametrize("given", [None, [1, 2], {"t": [1]}, pd.Series([1.0]), 3])
def test_what_is_no_table_is_refused_in_one_line(given, spells):
    for call in (
        lambda: survival.hazard_ratios(given, covariates=["x"], **OPTIONS),
        lambda: over_time(given),
        lambda: survival.hazard_ratios(spells, covariates=["x"], **OPTIONS).survival(given, times=6),
    ):
        with pytest.raises(DataError, match=f"a {type(given).__name__} is no table; hand in"):
            call()


@pytest.mark.parametrize("name", ["t", "left", "x", "began"])
def test_a_column_that_stands_twice_is_refused(name, spells):
    twice = pd.concat([spells, spells[[name]]], axis=1)
    with pytest.raises(ColumnError, match=f"spells: 2 columns are named '{name}'"):
        survival.hazard_ratios(twice, covariates=["x"], entry="began", **OPTIONS)
    with pytest.raises(ColumnError, match=f"episodes: 2 columns are named '{name}'"):
        over_time(twice)


def test_a_column_that_stands_twice_is_refused_in_rows_to_predict(spells):
    result = survival.hazard_ratios(spells, covariates="x", **OPTIONS)
    with pytest.raises(ColumnError, match="rows to predict: 2 columns are named 'x'"):
        result.survival(pd.DataFrame([[0, 1]], columns=["x", "x"]), times=6)


def test_one_number_or_name_is_a_list_of_one(spells):
    same = pd.testing.assert_frame_equal
    listed = survival.hazard_ratios(spells, covariates=["x"], periods=[6], strata=["plan"], **OPTIONS)
    single = survival.hazard_ratios(spells, covariates="x", periods=6, strata="plan", **OPTIONS)
    same(single.table, listed.table)
    same(survival.hazard_ratios(spells, covariates="x", periods={"x": 6}, strata="plan", **OPTIONS).table,
         listed.table)  # fmt: skip
    same(over_time(spells, periods=6).table, over_time(spells, covariates=["x"], periods=[6]).table)
    plain = survival.hazard_ratios(spells, covariates="x", **OPTIONS)
    new = pd.DataFrame({"x": [0.0, 1]})
    same(plain.survival(new, times=6).table, plain.survival(new, times=[6]).table)
    same(plain.survival(ibis.memtable(new), times=np.float64(6)).table, plain.survival(new, times=[6]).table)


def test_odd_options_are_refused_in_one_line(spells):
    def refused(error, match, **options):
        with pytest.raises(error, match=match) as caught:
            survival.hazard_ratios(spells, **(OPTIONS | {"covariates": ["x"]} | options))
        assert "\n" not in str(caught.value)

    for wrong in ("six", ["six"], [None], True, [True], {"x": "six"}):
        refused(OptionError, "periods of 'x' is .*state a number, or a list", periods=wrong)
    refused(OptionError, "covariates is 3; name a column", covariates=3)
    refused(OptionError, "covariates is .3.; name a column", covariates=[3])
    refused(OptionError, "name at least one column", covariates=None)
    refused(OptionError, "strata is 3; name a column", strata=3)
    refused(OptionError, "references is .'a'.; map columns", references=["a"])
    refused(OptionError, "known is .'x'.; map columns", known=["x"])
    for role in ("duration", "event", "entry", "cluster"):
        refused(OptionError, f"{role} is .'t'.; name one column", **{role: ["t"]})
    result = survival.hazard_ratios(spells, covariates="x", **OPTIONS)
    for wrong in ("6", None, ["6"], True):
        with pytest.raises(OptionError, match=r"times is .*state a number, or a list of numbers"):
            result.survival(pd.DataFrame({"x": [0]}), times=wrong)


def test_durations_that_are_no_numbers_are_refused(spells):
    days = pd.to_timedelta(spells["t"], unit="D")
    for odd in (days, days.astype(object), spells["t"].astype(str), spells["t"].astype(complex)):
        for role in ("t", "began"):
            frame = spells.assign(**{role: odd})
            with pytest.raises(DataError, match=f"column '{role}' must hold numbers, not"):
                survival.hazard_ratios(frame, covariates="x", entry="began", **OPTIONS)
            with pytest.raises(DataError, match=f"column '{role}' must hold numbers, not"):
                over_time(frame)


# --- times that differ by rounding


def test_tenths_that_were_added_up_are_the_tenths():
    rng = np.random.default_rng(5)
    n = 2000
    first, length = rng.integers(0, 40, n), rng.integers(1, 40, n)
    frame = pd.DataFrame({"x": rng.normal(size=n), "left": rng.random(n) < 0.7, "who": np.arange(n)})
    added = frame.assign(began=first / 10, t=first / 10 + length / 10)
    whole = frame.assign(began=first, t=first + length)
    assert added["t"].nunique() > whole["t"].nunique()  # that is what rounding does
    options = OPTIONS | {"covariates": "x", "entry": "began"}
    ours, exact = survival.hazard_ratios(added, **options), survival.hazard_ratios(whole, **options)
    # only the order of times counts, so tenths give what whole numbers give, but for the order of sums
    np.testing.assert_allclose(ours.table["coefficient"], exact.table["coefficient"], rtol=1e-12)
    np.testing.assert_allclose(ours.table["std_error"], exact.table["std_error"], rtol=1e-12)
    new = pd.DataFrame({"x": [0.0]})
    np.testing.assert_allclose(
        ours.survival(new, times=[0.3, 0.7, 2.3]).table["estimate"],
        exact.survival(new, times=[3, 7, 23]).table["estimate"],
        rtol=1e-12,
    )
    np.testing.assert_allclose(over_time(added).table["coefficient"], exact.table["coefficient"], rtol=1e-12)


def test_intervals_that_join_but_for_rounding_leave_no_gap_and_do_not_overlap():
    frame = pd.DataFrame(
        {
            "who": [1, 1, 2, 2, 3, 4],
            "began": [0, 0.3, 0, 0.1 + 0.2, 0, 0],
            "t": [0.1 + 0.2, 0.9, 0.3, 0.8, 0.7, 0.5],
            "left": [0, 1, 0, 1, 1, 0],
            "x": [0.0, 1, 1, 0, 2, 1],
        }
    )
    assert over_time(frame).evidence.n_used == 4
    with pytest.raises(DataError, match="1 of 6 spells end before they were observed"):
        over_time(frame.assign(t=[0.3, 0.1 + 0.2, 0.3, 0.8, 0.7, 0.5]))


# --- curves that nobody was watched for, and curves before anybody left


def entered(rng, n, low, high):
    x, began = rng.integers(0, 2, n), rng.uniform(low, high, n)
    lived = rng.exponential(20, n)
    kept = lived > began
    frame = pd.DataFrame({"x": x, "began": began, "t": np.minimum(lived, 40), "left": lived < 40})
    return frame[kept & (began < 40)].reset_index(drop=True)


LATE = OPTIONS | {"covariates": "x", "entry": "began"}
NEW = pd.DataFrame({"x": [0]})


def test_a_curve_is_refused_where_nobody_was_watched_from_the_start():
    frame = entered(np.random.default_rng(1), 6000, 12, 30)
    result = survival.hazard_ratios(frame, **LATE)
    first = np.format_float_positional(frame["began"].min(), trim="-")
    for call in (
        lambda: result.survival(NEW, times=24),
        lambda: survival.retention_curve(frame, duration="t", event="left", entry="began"),
    ):
        with pytest.raises(
            DesignError, match=f"^nobody was watched before duration {first}; subtract {first} "
        ):
            call()
    # what the line says answers the question about those who reached it
    reached = frame.assign(t=frame["t"] - float(first), began=frame["began"] - float(first))
    row = survival.hazard_ratios(reached, **LATE).survival(NEW, times=12).table.iloc[0]
    assert row["conf_low"] < np.exp(-12 / 20) < row["conf_high"]


def test_a_stratum_that_nobody_was_watched_in_from_the_start_is_refused_by_name():
    rng = np.random.default_rng(2)
    frame = pd.concat([entered(rng, 900, 0, 0).assign(plan="a"), entered(rng, 900, 5, 9).assign(plan="b")])
    result = survival.hazard_ratios(frame, strata="plan", **LATE)
    assert result.survival(NEW.assign(plan="a"), times=12).table["estimate"].notna().all()
    with pytest.raises(DesignError, match=r"^stratum b: nobody was watched before duration 5\.\d+; subtract"):
        result.survival(NEW.assign(plan="b"), times=12)


def test_few_watched_before_most_entered_are_told():
    rng = np.random.default_rng(3)
    few, most = entered(rng, 8, 0, 0).assign(t=38.0, left=False), entered(rng, 4000, 10, 20)
    told = survival.hazard_ratios(pd.concat([few, most]), **LATE).survival(NEW, times=[24])
    (check,) = told.evidence.failed
    assert "8 at the fewest up to 24" in check.detail
    for clean in (entered(rng, 4000, 0, 0), pd.concat([entered(rng, 500, 0, 0), most])):
        assert not survival.hazard_ratios(clean, **LATE).survival(NEW, times=[6, 39]).evidence.failed


def test_before_anybody_left_the_words_give_an_exact_bound():
    frame = pd.DataFrame({"x": [0, 1] * 4, "t": np.arange(5, 13.0), "left": True})
    curve = survival.hazard_ratios(frame, covariates="x", **OPTIONS).survival(NEW, times=[0, 2, 8])
    assert (curve.table["estimate"] == 1).tolist() == [True, True, False]
    assert curve.table["least"].isna().tolist() == [True, False, True]
    told = curve.summary["share"].tolist()
    assert told[1] == f"100 % (nobody had left yet; at least {100 * curve.table['least'][1]:.1f} %)"
    assert curve.chart.frame["conf_low"][1] == curve.table["least"][1] < 1


def test_the_exact_bound_covers():
    # a bound that 8 customers who all stay allow: where the truth is below it, all stay less often than 2.5 %
    rng = np.random.default_rng(4)
    low, runs = 0, 4000
    bound = 0.025 ** (1 / 8)
    for _ in range(runs):
        low += (rng.random(8) < bound).all()
    frame = pd.DataFrame({"x": [0, 1, 1, 0] * 2, "t": [5, 5, 6, 6, 7, 7, 8, 8.0], "left": True})
    result = survival.hazard_ratios(frame, covariates="x", **OPTIONS)
    assert abs(result.table["coefficient"][0]) < 1e-8  # alike, so that all count alike
    assert result.survival(NEW, times=2).table["least"][0] == pytest.approx(bound, rel=1e-6)
    assert low / runs < 0.025 + 4 * np.sqrt(0.025 * 0.975 / runs)


# --- what is said of ratios


def told(seed, n=4000, income=0.0, a=0.0, **kept):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": rng.normal(50_000, 20_000, n), "a": rng.integers(0, 2, n)})
    pace = np.exp(income * frame["income"] / 20_000 + a * frame["a"])
    frame["t"] = rng.exponential(10 / pace)
    frame = frame.assign(left=frame["t"] < 20, t=frame["t"].clip(upper=20))
    return survival.hazard_ratios(frame, covariates=["income", "a"], **OPTIONS)


def test_noise_is_claimed_by_nobody():
    result = told(3)
    assert (result.table["p_value"] > 0.05).all()  # this seed; where it is not, the next test holds
    assert result.chart.claim == "No difference in pace is settled by these data"
    assert result.narrative() == "Not settled by these data: income and a."


def test_the_largest_difference_does_not_hang_on_the_unit():
    result = told(4, income=1.0, a=0.3)
    deviation = result.spread["std_dev"][0]
    each = result.table["estimate"][0] ** deviation
    assert each == pytest.approx(np.e, rel=0.1)  # planted, four standard errors of 2 %
    assert result.chart.claim == (
        f"income: {each:.2f} times the pace of leaving per standard deviation, the largest difference"
    )
    text = result.narrative()
    assert "×1.00 (" not in text
    assert f"×{each:.2f} (" in text
    assert "per standard deviation (20," in text or "per standard deviation (19," in text
    unit = result.table.iloc[0]
    low, high = result.summary["ratio"][0].split("(")[1].rstrip(")").split(" to ")
    # as many digits as the interval has
    assert 1 < float(low) < unit["estimate"] < float(high)
    drawn = result.chart.frame.set_index("term")["estimate"]
    assert drawn.filter(like="income [per standard deviation").iloc[0] == pytest.approx(each, rel=1e-12)
    assert drawn["a"] == result.table["estimate"][1]


def test_a_settled_level_is_claimed_and_the_largest_only_where_that_is_settled():
    alone = told(5, a=0.5)
    assert alone.chart.claim.startswith(f"a: {alone.table['estimate'][1]:.2f} times the pace of leaving")
    # per standard deviation (a half) both are planted alike: neither is the largest
    alike = told(6, income=0.25, a=0.5)
    assert (alike.table["p_value"] < 1e-6).all()
    assert "largest" not in alike.chart.claim
    assert "times the pace of leaving" in alike.chart.claim


def test_terms_by_period_have_the_deviation_of_their_covariate(spells):
    result = survival.hazard_ratios(spells, covariates=["plan", "x"], periods={"x": [6]}, **OPTIONS)
    assert result.spread["term"].tolist() == result.table["term"].tolist()
    np.testing.assert_allclose(result.spread["std_dev"][1:], np.std(spells["x"]), rtol=1e-12)
    assert result.spread["numeric"].tolist() == [False, True, True]


# --- copies, customers at risk twice, and few clusters


def named(result, name):
    return [check.passed for check in result.evidence.checks if check.name == name]


def test_copied_rows_are_noticed_with_the_customer(spells):
    options = OPTIONS | {"covariates": ["x"]}
    copied = pd.concat([spells] * 4)
    alone = survival.hazard_ratios(spells, customer="who", **options)
    assert named(alone, "overlapping spells") == [True]
    told = survival.hazard_ratios(copied, customer="who", **options)
    assert named(told, "overlapping spells") == [False]
    assert "400 of 400 customers are under observation in several spells" in str(told.evidence.failed)
    # with the customer as the cluster, copies cannot be told from chance, and are decided by naming her
    by = survival.hazard_ratios(copied, cluster="who", **options)
    assert named(by, "copies") == [None]
    assert "1,200 of 1,600 spells agree with another of the same who" in str(by.evidence.checks)
    both = survival.hazard_ratios(copied, cluster="who", customer="who", **options)
    assert (named(both, "copies"), named(both, "overlapping spells")) == ([], [False])
    assert named(survival.hazard_ratios(spells, cluster="who", **options), "copies") == []


def test_customers_who_come_back_one_spell_after_the_other_are_not_twice_at_risk():
    rng = np.random.default_rng(9)
    first = pd.DataFrame({"who": np.arange(300), "began": 0.0, "t": rng.integers(1, 30, 300) / 10})
    # the second begins where the first ended, but for rounding
    second = first.assign(began=first["t"] + 0.1 - 0.1, t=first["t"] + rng.integers(1, 30, 300) / 10)
    frame = pd.concat([first, second], ignore_index=True).assign(left=True, x=rng.normal(size=600))
    result = survival.hazard_ratios(frame, customer="who", **(LATE | {"covariates": "x"}))
    assert named(result, "overlapping spells") == [True]
    inside = frame.assign(began=np.where(frame.index == 599, 0, frame["began"]))
    told = survival.hazard_ratios(inside, customer="who", **(LATE | {"covariates": "x"}))
    assert "1 of 300 customers are under observation" in str(told.evidence.failed)
    with pytest.raises(DataError, match=r"'who' \(customer\): 1 of 600 rows are blank"):
        survival.hazard_ratios(frame.assign(who=frame["who"].where(frame.index > 0)), customer="who", **LATE)


@pytest.mark.parametrize(("n", "passed"), [(59, False), (60, True)])
def test_few_clusters_are_told(spells, n, passed):
    result = survival.hazard_ratios(spells.assign(branch=spells["who"] % n), covariates="x", cluster="branch",
                                    **OPTIONS)  # fmt: skip
    assert named(result, "clusters") == [passed]

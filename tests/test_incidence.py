"""Curves, incidence and restricted means as analyses: what they say, notice and refuse."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.confidence_bands import simultaneous_band
from cemlab.stats.lifetable import life_table
from tests.curve_reference import spells as reference_spells
from tests.curve_reference import values

CAUSES = {"duration": "t", "event": "cause"}


def drawn(seed, n=1500, *, late=False, unit=0.0, groups=2, scale=25.0, hazard=1.0):
    """Draw spells that leave for price (60 %), a competitor or a move, alike in all groups."""
    rng = np.random.default_rng(seed)
    lived, watched = scale * rng.weibull(hazard, n), rng.uniform(6, 60, n)
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 15, n), 0.0) * late
    if unit:
        lived, watched, entry = (
            unit * f(x / unit)
            for f, x in zip((np.ceil, np.ceil, np.floor), (lived, watched, entry), strict=True)
        )
    cause = rng.choice(["price", "competitor", "moved"], n, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame(
        {
            "t": np.minimum(lived, watched),
            "cause": np.where(lived <= watched, cause, "none"),
            "left": lived <= watched,
            "s": entry,
            "g": [f"plan {k}" for k in rng.integers(0, groups, n)],
            "region": rng.choice(["north", "south"], n),
            "who": np.arange(n),
        }
    )
    return frame[frame["t"] > frame["s"]]


def incidence(frame, **options):
    return survival.cumulative_incidence(frame, **(CAUSES | options))


def test_table_is_that_of_r():
    cells = reference_spells("late_tied")
    rows = {key: np.repeat(cells[key], cells["n"]) for key in ("entry", "duration", "cause")}
    frame = pd.DataFrame(rows).assign(
        why=lambda f: np.where(f["cause"] > 0, "cause " + f["cause"].astype(str), "none")
    )
    found = survival.cumulative_incidence(
        frame, duration="duration", event="why", entry="entry", horizons=[10]
    )
    theirs = values("late_tied")["causes"]
    for k in (1, 2, 3):
        ours = found.table.query(f"cause == 'cause {k}'")["estimate"]
        # sums of some forty terms in double precision
        np.testing.assert_allclose(ours, theirs[f"incidence{k}"], rtol=1e-10, atol=1e-15)


def test_one_minus_kaplan_meier_is_shown_and_is_too_high():
    found = incidence(drawn(1), horizons=[12, 24])
    at, naive = found.at(12, 24), found.naive
    assert (naive["estimate"].to_numpy() > at["estimate"].to_numpy()).all()
    km = survival.retention_curve(drawn(1), **CAUSES, horizons=[12, 24])
    left = 1 - km.at(12, 24)["estimate"].to_numpy()
    # the shares for the causes add up to all that left; the naive ones exceed it
    np.testing.assert_allclose(at.groupby("time")["estimate"].sum(), left, rtol=1e-12)
    assert (naive.groupby("time")["estimate"].sum().to_numpy() > left).all()
    assert "These shares add up" in found.narrative()
    assert found.chart.kind == "step"
    assert "60 %" not in found.chart.claim
    assert "leave within 12 months for the reason “price”" in found.chart.claim


def test_late_entry_ignored_flatters_and_declared_repairs():
    frame = drawn(2, 20_000, late=True)
    truth = 0.6 * (1 - np.exp(-12 / 25))
    naive, right = incidence(frame), incidence(frame, entry="s")
    pick = {"cause": "price", "time": 12}
    rows = [f.at(12).set_index(["cause", "time"]).loc[tuple(pick.values())] for f in (naive, right)]
    assert rows[0]["conf_high"] < truth
    assert rows[1]["conf_low"] <= truth <= rows[1]["conf_high"]


def test_groups_are_tested_by_gray_or_with_late_entry_by_the_log_rank_test():
    found = incidence(drawn(3), group="g", horizons=[12])
    assert [test.name for test in found.evidence.tests] == ["Gray's test"] * 3
    assert "do not settle" in found.narrative()
    late = incidence(drawn(3, late=True), group="g", entry="s", horizons=[12])
    assert [test.name for test in late.evidence.tests] == ["log-rank test"] * 3
    apart = drawn(3).assign(g=lambda f: np.where(f["cause"] == "price", "a", "b"))
    assert "is associated with leaving for a cause" in incidence(apart, group="g").narrative()


def test_a_cause_nobody_left_for_has_the_exact_bound():
    frame = pd.DataFrame({"t": [5.0] * 10 + [9.0] * 40, "cause": ["price"] * 10 + ["none"] * 40})
    found = incidence(frame, causes=["price", "moved"], horizons=[4, 9])
    at = found.at(4, 9).set_index(["cause", "time"])
    # nobody of 50 watched: 1 - 0.025^(1/50); of the 40 watched at last 1 - 0.025^(1/40)
    assert at.loc[("moved", 4), "conf_high"] == pytest.approx(1 - 0.025 ** (1 / 50), rel=1e-12)
    assert at.loc[("moved", 9), "conf_high"] == pytest.approx(1 - 0.025 ** (1 / 40), rel=1e-12)


# --- retention: bands, strata, chosen causes


def test_a_simultaneous_band_is_that_of_the_statistics():
    frame = drawn(4)
    found = survival.retention_curve(frame, duration="t", event="left", band="simultaneous", horizons=[12])
    table = life_table(frame["t"], event=frame["left"], n=np.ones(len(frame), dtype=int))
    band = simultaneous_band(table, n=len(frame))
    np.testing.assert_array_equal(found.table["conf_low"], band.conf_low)
    assert "simultaneous bands" in found.caption
    plain = survival.retention_curve(frame, duration="t", event="left", horizons=[12])
    np.testing.assert_array_equal(plain.table["estimate"], found.table["estimate"])
    assert plain.at(12)["conf_low"][0] > found.at(12)["conf_low"][0]
    with pytest.raises(OptionError, match="no band named 'wide'"):
        survival.retention_curve(frame, duration="t", event="left", band="wide")
    with pytest.raises(DesignError, match=r"^g few: not 10 left"):
        survival.retention_curve(
            frame.assign(g=["few"] * 5 + ["many"] * (len(frame) - 5)),
            duration="t",
            event="left",
            group="g",
            band="simultaneous",
        )


def test_strata_change_the_test_and_not_the_curves():
    frame = drawn(5)
    options = {"duration": "t", "event": "left", "group": "g", "horizons": [12]}
    plain = survival.retention_curve(frame, **options)
    apart = survival.retention_curve(frame, strata="region", **options)
    np.testing.assert_allclose(plain.table["estimate"], apart.table["estimate"], rtol=1e-12)
    (test,) = apart.evidence.tests
    assert test.name == "stratified log-rank test"
    assert test.statistic != plain.evidence.tests[0].statistic


def test_one_cause_alone_says_that_cumulative_incidence_is_the_answer():
    frame = drawn(6)
    found = survival.retention_curve(frame, **CAUSES, causes=["price"], horizons=[12])
    (check,) = found.evidence.failed
    assert check.name == "competing causes"
    assert "competitor and moved" in check.detail
    assert "cumulative_incidence" in check.remedy
    real = incidence(frame, horizons=[12]).at(12).query("cause == 'price'")["estimate"].iloc[0]
    assert f"{100 * real:.1f} % really do" in check.detail
    everything = survival.retention_curve(frame, **CAUSES, causes=["price", "competitor", "moved"])
    assert everything.evidence.failed == ()
    with pytest.raises(OptionError, match="no cause in column 'cause' named 'prize'; did you mean 'price'"):
        survival.retention_curve(frame, **CAUSES, causes=["prize"])


# --- restricted means


def test_restricted_means_by_group():
    frame = pd.concat([drawn(7, groups=1), drawn(8, scale=50).assign(g="yearly")])
    found = survival.restricted_mean(
        frame, duration="t", event="left", group="g", horizon=24, source="made up"
    )
    means = found.of("mean").set_index("group")["estimate"]
    truth = {"plan 0": 25 * (1 - np.exp(-24 / 25)), "yearly": 50 * (1 - np.exp(-24 / 50))}
    for name, value in truth.items():
        row = found.of("mean").set_index("group").loc[name]
        assert abs(row["estimate"] - value) < 4 * row["std_error"]
    gap = found.of("difference")
    assert gap["group"].tolist() == ["yearly"]
    assert gap["estimate"][0] == pytest.approx(means["yearly"] - means["plan 0"], rel=1e-12)
    assert "Those with yearly stayed" in found.narrative()
    assert "longer than those with plan 0" in found.narrative()
    turned = survival.restricted_mean(
        frame, duration="t", event="left", group="g", horizon=24, reference="yearly"
    )
    assert turned.of("difference")["estimate"][0] == pytest.approx(-gap["estimate"][0], rel=1e-12)
    assert found.chart.kind == "forest"
    assert "made up" in found.caption
    assert found.of("quantile 0.5")["conf_low"].notna().all()


def test_restricted_means_refuse():
    frame = drawn(9)
    options = {"duration": "t", "event": "left"}
    with pytest.raises(OptionError, match="the longest seen"):
        survival.restricted_mean(frame, horizon=100, **options)
    short = frame.assign(g=np.where(frame["t"] < 20, "short", "long"), left=False)
    with pytest.raises(DesignError, match=r"^g short: the curve is known up to"):
        survival.restricted_mean(short, group="g", horizon=24, **options)
    with pytest.raises(OptionError, match="no group named 'gold'"):
        survival.restricted_mean(frame, group="g", reference="gold", horizon=12, **options)
    with pytest.raises(OptionError, match="no quantity named 'median'"):
        survival.restricted_mean(frame, horizon=12, **options).of("median")


# --- misuse, and no false alarm


def failed(frame, **options):
    return [
        check.name
        for check in survival.retention_curve(frame, duration="t", event="left", **options).evidence.failed
    ]


def test_one_group_only_is_a_failed_check():
    assert failed(drawn(10, groups=1), group="g") == ["groups"]


def test_nobody_left_in_a_group_is_a_failed_check():
    frame = drawn(11)
    frame["left"] &= frame["g"] != "plan 1"
    result = survival.retention_curve(frame, duration="t", event="left", group="g")
    (check,) = result.evidence.failed
    assert check.name == "departures"
    assert "plan 1" in check.detail


def test_overlapping_spells_of_a_customer_are_a_failed_check():
    frame = pd.DataFrame(
        {"t": [3.0, 9, 5, 7], "left": [False, True, True, False], "s": [0.0, 3, 0, 0], "who": list("aabb")}
    )
    result = survival.retention_curve(
        frame, duration="t", event="left", entry="s", customer="who", horizons=[4]
    )
    (check,) = result.evidence.failed
    assert check.name == "overlapping spells"
    assert "1 of 2 customers" in check.detail
    assert failed(frame[frame["who"] == "a"], entry="s", customer="who", horizons=[4]) == []
    with pytest.raises(DataError, match="missing in 1 spells"):
        failed(frame.assign(who=["a", "a", None, "b"]), customer="who")
    with pytest.raises(ColumnError, match="no column named 'whom'"):
        failed(frame, customer="whom")


def test_spells_of_no_length_are_told_and_no_failure():
    frame = pd.concat([drawn(12), pd.DataFrame({"t": [0.0, 0.0], "left": [True, False]})])
    result = survival.retention_curve(frame, duration="t", event="left")
    (check,) = [check for check in result.evidence.checks if check.name == "spells of no length"]
    assert check.passed is None
    assert "2 of 1,502 spells have a t of 0 (1 of them left)" in check.detail
    assert result.table["estimate"].iloc[0] == pytest.approx(1501 / 1502, rel=1e-12)


MISUSE = {
    "undeclared cause": (lambda f: (f, {"causes": ["price", "moved"]}), DataError, "'competitor' in"),
    "truth as cause": (lambda f: (f, {"event": "left"}), DataError, "true or false is no cause"),
    "none as cause": (lambda f: (f, {"causes": ["none", "price"]}), OptionError, "other than 'none'"),
    "negative": (lambda f: (f.assign(t=-1.0), {}), DataError, "negative in"),
    "entry late": (lambda f: (f.assign(s=f["t"]), {"entry": "s"}), DataError, "not less than 't'"),
    "nobody left": (lambda f: (f.assign(cause="none"), {}), DesignError, "nobody left for any cause"),
    "horizon": (lambda f: (f, {"horizons": [400]}), OptionError, "the longest seen"),
    "no spells": (lambda f: (f.iloc[:0], {}), DesignError, "no spells"),
    "level": (lambda f: (f, {"conf_level": 95}), OptionError, "conf_level"),
    "nobody watched": (
        lambda f: (f.assign(t=f["t"] + 9, s=8.0), {"entry": "s"}),
        DesignError,
        "nobody was watched before",
    ),
}


@pytest.mark.parametrize("case", MISUSE)
def test_misuse_is_refused_by_name(case):
    make, error, words = MISUSE[case]
    frame, options = make(drawn(13))
    with pytest.raises(error) as caught:
        incidence(frame, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


CLEAN = {
    "plain": {},
    "large": {"n": 20_000},
    "small": {"n": 150},
    "late": {"late": True},
    "months": {"unit": 1.0},
    "late months": {"late": True, "unit": 1.0},
    "quarters": {"unit": 3.0},
    "five groups": {"groups": 5, "n": 3000},
    "falling hazard": {"hazard": 0.7},
    "rising hazard": {"hazard": 1.5, "late": True},
}


@pytest.mark.parametrize("design", CLEAN)
def test_clean_designs_raise_no_alarm(design):
    frame = drawn(14, **CLEAN[design])
    entry = "s" if CLEAN[design].get("late") else None
    common = {"duration": "t", "entry": entry, "group": "g", "customer": "who"}
    found = [
        survival.cumulative_incidence(frame, event="cause", **common),
        survival.retention_curve(frame, event="cause", **common),
        survival.retention_curve(frame, event="left", band="simultaneous", strata="region", **common),
        survival.restricted_mean(frame, event="left", horizon=12, **common),
    ]
    for result in found:
        assert result.evidence.failed == ()
        assert all(check.passed for check in result.evidence.checks)


def test_a_table_on_an_engine_gives_the_same():
    frame = drawn(15)
    one, other = incidence(frame, group="g").table, incidence(ibis.memtable(frame), group="g").table
    pd.testing.assert_frame_equal(one, other)


# --- roles, groups and horizons of any form

CURVES = {
    "retention_curve": (survival.retention_curve, "left"),
    "cumulative_incidence": (survival.cumulative_incidence, "cause"),
    "restricted_mean": (survival.restricted_mean, "left"),
}


@pytest.mark.parametrize("name", CURVES)
def test_a_column_in_two_roles_is_refused_in_one_line(name):
    estimate, event = CURVES[name]
    frame = drawn(20, n=200)
    for roles, words in (
        ({"group": event}, f"column '{event}' is named as event and as group"),
        ({"group": "t"}, "column 't' is named as duration and as group"),
        ({"entry": "t"}, "column 't' is named as duration and as entry"),
        ({"customer": "t"}, "column 't' is named as duration and as customer"),
    ):
        with pytest.raises(OptionError, match=words) as caught:
            estimate(frame, duration="t", event=event, **roles)
        assert "\n" not in str(caught.value)
    if name == "retention_curve":
        with pytest.raises(OptionError, match="column 'g' is named as group and as strata"):
            estimate(frame, duration="t", event=event, group="g", strata="g")


MIDNIGHTS = pd.to_datetime(["2023-11-01", "2024-01-01"])


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(
    ("values", "names"),
    [
        (MIDNIGHTS, ["2023-11-01", "2024-01-01"]),
        (MIDNIGHTS + pd.Timedelta(6, "h"), ["2023-11-01 06:00:00", "2024-01-01 06:00:00"]),
        (pd.Categorical(MIDNIGHTS, categories=MIDNIGHTS[::-1]), ["2024-01-01", "2023-11-01"]),
        (MIDNIGHTS.date, ["2023-11-01", "2024-01-01"]),
        (MIDNIGHTS.to_period("M"), ["2023-11", "2024-01"]),
        (pd.Categorical(MIDNIGHTS.to_period("M")), ["2023-11", "2024-01"]),
        ([2, 10], ["2", "10"]),
    ],
)
def test_groups_may_be_days_months_and_numbers(name, values, names):
    estimate, event = CURVES[name]
    frame = pd.DataFrame({"g": values}).loc[[0] * 30 + [1] * 30].reset_index(drop=True)
    frame["t"] = np.arange(1.0, 61)
    frame["left"], frame["cause"] = frame.index % 2 == 0, np.where(frame.index % 2, "none", "price")
    options = {"horizon": 9} if name == "restricted_mean" else {"horizons": [9]}
    found = estimate(frame, duration="t", event=event, group="g", **options)
    assert found.table["group"].drop_duplicates().tolist() == names
    assert found.summary["group"].drop_duplicates().tolist() == names


@pytest.mark.parametrize("name", ["retention_curve", "cumulative_incidence"])
@pytest.mark.parametrize("horizons", [12, ["12"], "12", [[12]], {12.5: "a"}.values(), [True], np.array(12.0)])
def test_horizons_that_are_no_list_of_numbers_are_refused(name, horizons):
    estimate, event = CURVES[name]
    with pytest.raises(
        OptionError, match=r"is no list of numbers; write e\.g\. horizons=\[12, 24\]"
    ) as caught:
        estimate(drawn(21, n=200), duration="t", event=event, horizons=horizons)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"horizon": "12"}, r"^horizon: '12' is no number; write e\.g\. horizon=12$"),
        ({"horizon": [12]}, "is no number"),
        ({"horizon": True}, "is no number"),
        ({"horizon": float("nan")}, "horizons are nan"),
        ({"shares": 0.5}, r"^shares: 0\.5 is no list of numbers; write e\.g\. shares=\[0\.5\]$"),
        ({"shares": ["0.5"]}, "is no list of numbers"),
        ({"shares": [50]}, "shares are 50; allowed: between 0 and 1"),
    ],
)
def test_horizon_and_shares_of_a_wrong_form_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        survival.restricted_mean(drawn(22, n=200), duration="t", event="left", **{"horizon": 12, **options})


def test_a_reference_is_named_by_its_text():
    frame = drawn(23, n=400).assign(g=lambda f: np.where(f["g"] == "plan 0", 2, 10))
    options = {"duration": "t", "event": "left", "group": "g", "horizon": 12}
    one, other = (survival.restricted_mean(frame, reference=which, **options) for which in (10, "10"))
    assert one.reference == other.reference == "10"
    pd.testing.assert_frame_equal(one.table, other.table)
    with pytest.raises(OptionError, match="no group named '3'; there are: 2, 10"):
        survival.restricted_mean(frame, reference=3, **options)
    blank = frame.assign(g=np.where(frame["g"] == 2, "a", ""))
    assert survival.restricted_mean(blank, reference="a", **options).reference == "a"


def test_names_of_groups_keep_their_letters():
    frame = pd.concat(
        [drawn(24, n=300, groups=1).assign(g="VIP"), drawn(25, n=300, groups=1).assign(g="new")]
    )
    frame.loc[frame["g"] == "VIP", ["t", "left", "cause"]] = [3.0, False, "none"]
    story = incidence(frame, group="g", horizons=[12]).narrative()
    assert "Customers with g VIP were not observed for 12 months." in story


@pytest.mark.parametrize("causes", ["price", 5])
def test_causes_that_are_no_list_are_refused(causes):
    for name in ("retention_curve", "cumulative_incidence"):
        with pytest.raises(OptionError, match="give a list of texts"):
            CURVES[name][0](drawn(26, n=200), duration="t", event="cause", causes=causes)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("spells", [None, [1, 2], {"t": [1]}])
def test_what_is_no_table_is_refused(name, spells):
    estimate, event = CURVES[name]
    with pytest.raises(DataError, match="is no table"):
        estimate(spells, duration="t", event=event)
    frame = drawn(27, n=100)
    with pytest.raises(ColumnError, match="2 columns are named 't'"):
        estimate(pd.concat([frame, frame[["t"]]], axis=1), duration="t", event=event, group="g")
    with pytest.raises(ColumnError, match="2 columns are named 'g'"):
        estimate(pd.concat([frame, frame[["g"]]], axis=1), duration="t", event=event, group="g")
    with pytest.raises(DataError, match="not a length of time"):
        estimate(frame.assign(t=pd.to_timedelta(frame["t"], unit="D")), duration="t", event=event)


# --- what chance explains is no message


def test_no_comparison_is_a_title_that_the_intervals_do_not_bear():
    few = pd.DataFrame({"t": [24.0] * 9, "left": [False] * 9, "g": ["X"] * 2 + ["Y"] * 7})
    few.loc[[2, 3, 4], ["t", "left"]] = [5.0, True]
    curve = survival.retention_curve(few, duration="t", event="left", group="g", horizons=[12])
    assert curve.chart.claim == "Whether g goes with leaving is not settled"
    means = survival.restricted_mean(few, duration="t", event="left", group="g", horizon=12)
    assert means.chart.claim == "Mean time as a customer of the first 12 months, by g"
    # 50 each of whom none and half left: 1 - 0.025^(1/50) is 7 %, so the intervals are apart
    many = few.iloc[[0] * 50 + [5] * 25 + [2] * 25]
    curve = survival.retention_curve(many, duration="t", event="left", group="g", horizons=[12])
    assert curve.chart.claim == "100 % of X but 50 % of Y are still there after 12 months"
    means = survival.restricted_mean(many, duration="t", event="left", group="g", horizon=12)
    assert means.chart.claim == "X stay 12.0, Y 8.5 of the first 12 months on average"
    # settled by the test, later; at 4 months nobody has left
    curve = survival.retention_curve(many, duration="t", event="left", group="g", horizons=[4])
    assert curve.chart.claim == "Share of customers still there, by g"


def test_a_group_nobody_left_has_a_mean_with_an_interval_and_says_why():
    frame = pd.DataFrame({"t": 12.0, "left": False, "g": ["A"] * 60 + ["B"] * 60})
    frame.loc[[60, 61], ["t", "left"]] = [5.0, True]
    found = survival.restricted_mean(frame, duration="t", event="left", group="g", horizon=12)
    assert found.summary["value"][0] == "12 (11.26 to 12)"  # 12 + log(0.025) * 12 / 60
    assert "is not settled" in found.narrative()
    (check,) = found.evidence.failed
    assert "a share of 0" not in check.detail
    assert "bounded by the most that may leave where of so many nobody did" in check.detail

"""Ratios of what changes over time, and the episodes they rest on: R, planted truth, every refusal."""

import json
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import datasets
from scipy.stats import norm

from cemlab import survival
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

REFERENCE = Path(__file__).parent / "reference"  # cox.R made the data and the values
VALUES = json.loads((REFERENCE / "cox.json").read_text())
DIGITS = {"rtol": 1e-10}  # both iterate to the maximum; what is left is rounding
ROWS = pd.read_csv(REFERENCE / "cox.csv")
INTERVALS = {"start": "start", "stop": "stop", "event": "event"}


@pytest.mark.parametrize("engine", [False, True], ids=["frame", "engine"])
def test_stanford_hearts_as_in_r(engine):
    hearts = datasets.load_stanford_heart_transplants()
    result = survival.hazard_ratios_over_time(
        ibis.memtable(hearts) if engine else hearts,
        customer="id",
        covariates=["age", "year", "surgery", "transplant"],
        **INTERVALS,
    )
    theirs = VALUES["heart"]
    np.testing.assert_allclose(result.table["coefficient"], theirs["coefficient"], **DIGITS)
    np.testing.assert_allclose(result.table["std_error"], theirs["used_error"], **DIGITS)
    np.testing.assert_allclose(result.proportional["statistic"], theirs["zph"][:4], **DIGITS)
    assert result.log_likelihood == pytest.approx(theirs["log_likelihood"][0], rel=1e-12)
    assert (result.evidence.n_used, result.evidence.unit) == (103, "customers")
    assert "over 172 intervals" in result.evidence.design


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_late_entry_and_ties_as_in_r(ties):
    result = survival.hazard_ratios_over_time(
        ROWS, customer="customer", covariates=["x1", "x2"], ties=ties, **INTERVALS
    )
    theirs = VALUES[f"clustered_{ties}"]
    np.testing.assert_allclose(result.table["coefficient"], theirs["coefficient"], **DIGITS)
    np.testing.assert_allclose(result.table["std_error"], theirs["used_error"], **DIGITS)


def test_strata_as_in_r():
    result = survival.hazard_ratios_over_time(
        ROWS, customer="customer", covariates=["x1", "x2"], strata="plan", **INTERVALS
    )
    theirs = VALUES["strata_clustered"]
    np.testing.assert_allclose(result.table["std_error"], theirs["used_error"], **DIGITS)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(100)), st.integers(1, 30))
def test_order_of_rows_and_further_cuts_change_nothing(order, cut):
    part = ROWS[ROWS["customer"] <= 60].head(100).reset_index(drop=True)
    whole = part.groupby("customer").filter(lambda g: len(g) == (ROWS["customer"] == g.name).sum())
    options = {"customer": "customer", "covariates": ["x1", "x2"], **INTERVALS}
    plain = survival.hazard_ratios_over_time(whole, **options).table
    mixed = whole.iloc[[i for i in order if i < len(whole)]]
    over = (mixed["start"] < cut) & (cut < mixed["stop"])
    early = mixed[over].assign(stop=cut, event=0)
    again = survival.hazard_ratios_over_time(
        pd.concat([mixed[~over], early, mixed[over].assign(start=cut)]), **options
    ).table
    # the same rows are at risk at every departure, and a customer's residuals add up
    np.testing.assert_allclose(
        again[["coefficient", "std_error"]], plain[["coefficient", "std_error"]], rtol=1e-9
    )


# --- planted truth: an exposure that begins while customers stay


def exposed_later(rng, n, *, ratio=0.5):
    """Spells of hazard 0.05 a month, `ratio` times that from the day of an offer made at random on."""
    offer = rng.exponential(15, n)
    before = rng.exponential(20, n)
    lived = np.where(before < offer, before, offer + rng.exponential(20 / ratio, n))
    began = rng.uniform(0, 10, n) * (rng.random(n) < 0.5)
    ends = np.minimum(lived, 40)
    kept = ends > began
    spells = pd.DataFrame({"customer": np.arange(n), "months": ends, "left": lived <= 40, "began": began})[
        kept
    ]
    happened = kept & (offer < ends)
    changes = pd.DataFrame({"customer": np.arange(n), "month": offer, "offered": 1})[happened]
    return spells, changes


CUT = {"customer": "customer", "duration": "months", "event": "left"}
PARTS = {"customer": "customer", "start": "start", "stop": "stop", "event": "left"}


def test_dated_changes_recover_the_ratio_that_immortal_time_distorts():
    spells, changes = exposed_later(np.random.default_rng(1), 4000, ratio=1.0)
    parts = survival.episodes(spells, changes, date="month", initial={"offered": 0}, entry="began", **CUT)
    result = survival.hazard_ratios_over_time(parts, covariates=["offered"], **PARTS)
    low, high = result.table.loc[0, ["conf_low", "conf_high"]]
    assert low < 1 < high
    ever = spells.assign(offered=1 * spells["customer"].isin(changes["customer"]))
    naive = survival.hazard_ratios(
        ever, duration="months", event="left", entry="began", covariates=["offered"]
    )
    assert naive.table["conf_high"][0] < 0.7  # a figure that looks fine and is false
    # said when it became known, it is refused
    since = spells.merge(changes[["customer", "month"]], how="left").assign(
        offered=lambda f: 1 * f["month"].notna()
    )
    with pytest.raises(DesignError, match="immortal time"):
        survival.hazard_ratios(
            since,
            duration="months",
            event="left",
            entry="began",
            covariates=["offered"],
            known={"offered": "month"},
        )


def test_clustered_intervals_cover_the_planted_ratio_of_what_changes():
    covered = 0
    rng = np.random.default_rng(5)
    z = norm.ppf(0.975)
    for _ in range(200):
        spells, changes = exposed_later(rng, 200)
        later = spells.merge(changes, how="left")
        at = later["month"].where(later["month"] > later["began"], np.nan).fillna(np.inf)
        # as episodes() cuts them, which a test of its own shows; here in arrays for speed
        first = later.assign(
            start=later["began"],
            stop=np.minimum(later["months"], at),
            left=later["left"] & (at >= later["months"]),
            offered=1 * (later["month"] <= later["began"]),
        )
        second = later[at < later["months"]].assign(start=at, stop=later["months"], offered=1)
        result = survival.hazard_ratios_over_time(pd.concat([first, second]), covariates=["offered"], **PARTS)
        row = result.table.iloc[0]
        covered += abs(row["coefficient"] - np.log(0.5)) < z * row["std_error"]
    # 95 % of 200, standard deviation 1.5 %: two of them either way
    assert 0.92 * 200 <= covered <= 0.98 * 200


# --- episodes


def test_episodes_by_hand():
    spells = pd.DataFrame(
        {
            "customer": ["a", "b", "c"],
            "begun": [date(2024, 1, 1), date(2024, 1, 11), date(2024, 2, 1)],
            "days": [100, 50, 20],
            "seen": [30, 0, 0],
            "left": [True, False, True],
            "region": ["n", "s", "n"],
        }
    )
    changes = pd.DataFrame(
        {
            "customer": ["a", "a", "a", "a", "b", "c", "z"],
            "date": pd.to_datetime(
                [
                    "2024-01-11",  # day 10, before observation of a began: in force from then on
                    "2024-02-10",  # day 40
                    "2024-03-01",  # day 60
                    "2024-06-01",  # after the end
                    "2024-01-11",  # day 0 of b
                    "2024-02-21",  # day 20, the end of c: an event of that day belongs to the old values
                    "2024-01-01",  # nobody's
                ]
            ),
            "plan": ["gold", None, "blue", "gold", "blue", "gold", "gold"],
            "complaints": [None, 1, 2, 9, None, 1, 1],
        }
    )
    made = survival.episodes(
        spells,
        changes,
        customer="customer",
        duration="days",
        event="left",
        entry="seen",
        begun="begun",
        date="date",
        initial={"plan": "none", "complaints": 0},
        fixed=["region"],
    ).to_pandas()
    expected = pd.DataFrame(
        [
            ("a", 30.0, 40.0, False, "gold", 0, "n"),
            ("a", 40.0, 60.0, False, "gold", 1, "n"),
            ("a", 60.0, 100.0, True, "blue", 2, "n"),
            ("b", 0.0, 50.0, False, "blue", 0, "s"),
            ("c", 0.0, 20.0, True, "none", 0, "n"),
        ],
        columns=["customer", "start", "stop", "left", "plan", "complaints", "region"],
    )
    pd.testing.assert_frame_equal(made.drop(columns="spell"), expected, check_dtype=False)


def test_customers_who_come_back_have_numbered_spells():
    spells = pd.DataFrame(
        {
            "customer": ["a", "a"],
            "begun": [date(2024, 3, 1), date(2024, 1, 1)],
            "days": [30, 31],
            "left": [False, True],
        }
    )
    changes = pd.DataFrame({"customer": ["a"], "day": [date(2024, 1, 11)], "angry": [True]})
    options = {"customer": "customer", "duration": "days", "event": "left", "date": "day"}
    made = survival.episodes(spells, changes, begun="begun", initial={"angry": False}, **options).to_pandas()
    assert made["spell"].tolist() == [1, 1, 2]
    assert made["angry"].tolist() == [False, True, True]  # what was is still in force
    assert made["stop"].tolist() == [10, 31, 30]
    both = spells.assign(begun=[date(2024, 1, 20), date(2024, 1, 1)])
    with pytest.raises(DataError, match="1 of 2 overlap with an earlier one of the same customer; mend"):
        survival.episodes(both, changes, begun="begun", initial={"angry": False}, **options)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_episodes_keep_time_and_departures(seed):
    spells, changes = exposed_later(np.random.default_rng(seed), 30)
    made = survival.episodes(
        spells, changes, date="month", initial={"offered": 0}, entry="began", **CUT
    ).to_pandas()
    each = made.groupby("customer")
    kept = spells.set_index("customer")
    assert made["left"].sum() == spells["left"].sum()
    assert (made["stop"] > made["start"]).all()
    np.testing.assert_allclose(
        (made["stop"] - made["start"]).groupby(made["customer"]).sum(), kept["months"] - kept["began"]
    )
    np.testing.assert_allclose(each["start"].min(), kept["began"])
    assert each["left"].sum().max() <= 1


def test_episodes_refuse():
    spells = pd.DataFrame(
        {
            "customer": ["a", "b"],
            "months": [9.0, 4],
            "left": [True, False],
            "vip": [1, 0],
            "since": [5.0, None],
        }
    )
    changes = pd.DataFrame({"customer": ["a"], "month": [6.0], "saved": [1.0]})

    def refused(error, match, spells=spells, changes=changes, **options):
        given = CUT | {"date": "month", "initial": {"saved": 0}} | options
        with pytest.raises(error, match=match) as caught:
            survival.episodes(spells, changes, **given).to_pandas()
        assert "\n" not in str(caught.value)

    refused(DataError, "1 of 1 changes have no date .*immortal time", changes=changes.assign(month=np.nan))
    refused(DataError, "1 of 1 changes have no date", changes=changes.assign(customer=None))
    refused(
        DesignError,
        "'vip' became known after observation began in 1 of 2 .*immortal time",
        fixed=["vip"],
        known={"vip": "since"},
    )
    two = pd.concat([changes, changes.assign(saved=0.0)])
    refused(DataError, "1 customers have two values of one covariate on one day", changes=two)
    refused(DataError, "'saved' has no value in 2 of 3 intervals", initial={"saved": None})
    refused(DataError, "1 of 2 end before or when they were first observed", spells.assign(months=[9.0, 0]))
    refused(DataError, "blank in 1 of 2", spells.assign(months=[9.0, None]))
    refused(DataError, "overlap .* state begun=", spells.assign(customer="a"))
    refused(DesignError, "no spells", spells.iloc[:0])
    refused(DataError, "not true or false", spells.assign(left="yes"))
    refused(OptionError, "initial is empty", initial={})
    refused(OptionError, r"no fixed column \(in known\) named 'saved'", known={"saved": "since"})
    refused(OptionError, "'spell' would stand twice", spells.assign(spell=1), fixed=["spell"])
    refused(ColumnError, "spells: no column named 'end'", duration="end")
    refused(ColumnError, "changes: no column named 'when'", date="when")
    refused(OptionError, "state begun=", changes=changes.assign(month=date(2024, 1, 1)))
    dated = spells.assign(begun=date(2024, 1, 1))
    refused(OptionError, "state one of the two", dated, begun="begun")
    refused(DataError, "'months': float64 is not a business date", spells, begun="months")


def test_intervals_refuse():
    frame = pd.DataFrame(
        {
            "who": ["a", "a", "b", "c"],
            "from": [0.0, 3, 0, 0],
            "to": [3.0, 5, 4, 6],
            "left": [0, 1, 1, 0],
            "x": [0, 1, 0, 1],
        }
    )

    def refused(error, match, frame=frame, **options):
        given = {"customer": "who", "start": "from", "stop": "to", "event": "left", "covariates": ["x"]}
        with pytest.raises(error, match=match) as caught:
            survival.hazard_ratios_over_time(frame, **(given | options))
        assert "\n" not in str(caught.value)

    refused(
        DataError,
        r"1 intervals of one customer .* overlap.*\(e\.g\. a\)",
        frame.assign(**{"from": [0.0, 2, 0, 0]}),
    )
    refused(DataError, "1 intervals .* leave a gap; .*gaps=True", frame.assign(**{"from": [0.0, 4, 0, 0]}))
    refused(DataError, "1 intervals .* go on after the event", frame.assign(left=[1, 1, 1, 0]))
    refused(DataError, "1 of 4 intervals do not end after they begin", frame.assign(to=[3.0, 5, 0, 6]))
    refused(DataError, "end before they were observed", frame.assign(to=[3.0, 2, 4, 6]))
    refused(DataError, "'who' .cluster.: 1 of 4 rows are blank", frame.assign(who=["a", "a", None, "c"]))
    refused(OptionError, "'who' tells who it is", covariates=["who"])
    refused(OptionError, "no treatment of ties", ties="exact")
    refused(ColumnError, "named 'y'", covariates=["y"])
    refused(ColumnError, "named 'y'", ibis.memtable(frame), covariates=["y"])
    with pytest.raises(DesignError, match="no curve for stated covariates"):
        survival.hazard_ratios_over_time(ROWS, customer="customer", covariates=["x1"], **INTERVALS).survival(
            pd.DataFrame({"x1": [1]}), times=[3]
        )


def test_gaps_and_spells_of_those_who_come_back_may_be_declared():
    again = ROWS["customer"].duplicated() & ROWS["customer"].duplicated(keep="last")
    gap = ROWS.drop(index=ROWS.index[again][0])  # between two others
    options = {"customer": "customer", "covariates": ["x1"], **INTERVALS}
    with pytest.raises(DataError, match=r"1 intervals .* leave a gap"):
        survival.hazard_ratios_over_time(gap, **options)
    assert survival.hazard_ratios_over_time(gap, gaps=True, **options).evidence.n_used == 400
    back = pd.concat([ROWS.assign(spell=1), ROWS[ROWS["customer"] <= 5].assign(spell=2)])
    with pytest.raises(DataError, match="name spell= where customers come back"):
        survival.hazard_ratios_over_time(back, **options)
    result = survival.hazard_ratios_over_time(back, spell="spell", **options)
    assert result.evidence.n_used == 400

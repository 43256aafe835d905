"""Signals of leaving: counted by hand, against a walk through the days, on Halden, and every refusal."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from cemlab import saves
from cemlab.data.leaving_signals import signal_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.markup import number
from cemlab.present import plots
from cemlab.saves.signal_figures import base_rate, daily_arrays

START, END = date(2024, 1, 1), date(2024, 12, 31)


def day(number):
    return START + timedelta(days=number)


def subscriptions(rows):
    """Return contracts from (customer, entry, exit or None, cause, observed from), days from START."""
    columns = ["customer", "entry", "exit", "cause", "observed_from"]
    frame = pd.DataFrame(
        [(c, day(e), None if x is None else day(x), cause, day(o)) for c, e, x, cause, o in rows],
        columns=columns,
    )
    for name in ("entry", "exit", "observed_from"):
        frame[name] = pd.to_datetime(frame[name])
    return ibis.memtable(frame).mutate(
        **{n: ibis._[n].cast("date") for n in ("entry", "exit", "observed_from")}
    )


def signals(rows):
    frame = pd.DataFrame([(c, pd.Timestamp(day(d))) for c, d in rows], columns=["customer", "date"])
    return ibis.memtable(frame)


FEW = [
    ("a", -100, 50, "price", 0),  # entered late, signals on day 20, leaves 30 days later
    ("b", 10, 200, "competitor", 10),  # signals on day 20, leaves 180 days later: no true alarm
    ("c", 0, None, "none", 0),  # signals twice in one window, and near the end of the data
    ("d", 0, 40, "moved", 0),  # signals, then moves: no true alarm
    ("e", 0, 300, "price", 0),  # leaves without a signal
]
GIVEN = [("a", 20), ("b", 20), ("c", 100), ("c", 150), ("c", 340), ("d", 30), ("e", 300), ("e", -5)]


def count(rows=FEW, given=GIVEN, **options):
    return signal_counts(signals(given), subscriptions=subscriptions(rows), as_of=END, **options)


def test_a_handful_by_hand():
    counts = count()
    # the two of e lie on the day of leaving and before the contract; c's second is the same alarm
    assert (counts.n_signals, counts.n_outside, counts.n_alarms) == (8, 2, 5)
    told = counts.alarms.groupby(["complete", "outcome"])["n"].sum()
    assert told.to_dict() == {(True, "left"): 1, (True, "other"): 1, (True, "stays"): 2, (False, "stays"): 1}
    found = saves.leaving_signals(counts).table.set_index("quantity")
    assert found.loc["precision", ["estimate", "n", "events"]].tolist() == [0.25, 4, 1]
    assert found.loc["alarms per leaver", "estimate"] == 4
    # a, b and e left after 90 days of observation or more but for a, who was seen for 50
    assert counts.leavers["n"].sum() == 2
    assert found.loc["recall", "estimate"] == 0
    assert found.loc["lead time", "estimate"] == 30
    ever = counts.ever.set_index("signalled")
    assert ever["left"].to_dict() == {False: 1, True: 2}
    assert ever.loc[False, "days"] == 300
    assert ever.loc[True, "days"] == 50 + 190 + 365 + 40


def test_a_walk_through_the_days_finds_the_same():
    rng = np.random.default_rng(7)
    rows, given = [], []
    for k in range(120):
        entry = int(rng.integers(-200, 300))
        seen = max(entry, 0)
        stop = entry + int(rng.integers(30, 400))
        cause = str(rng.choice(["price", "competitor", "moved"]))
        if stop <= seen:
            continue
        rows.append((f"k{k}", entry, stop if stop <= 365 else None, cause if stop <= 365 else "none", seen))
        given += [(f"k{k}", int(d)) for d in rng.integers(entry, min(stop, 366), rng.integers(0, 5))]
    counts = count(rows, given)
    at_risk, left, other = daily_arrays(counts)
    slow = np.zeros((3, *at_risk.shape))
    first = (counts.first - START).days
    for name, _entry, stop, cause, seen in rows:
        own = sorted({d for c, d in given if c == name and d < (stop or 365)})
        for today in range(seen + 1, (stop or 365) + 1):
            last = [d for d in own if d < today]
            state = 0 if not last else 1 + sum(today - last[-1] > edge for edge in (30, 90, 180))
            slow[0, state, today - first] += 1
            if today == stop:
                slow[1 if cause != "moved" else 2, state, today - first] += 1
    for fast, walked in zip((at_risk, left, other), slow, strict=True):
        assert np.array_equal(fast, walked)
    alarms, seen_early = walked_alarms(rows, given)
    assert counts.n_alarms == len(alarms)
    assert counts.n_early == seen_early > 0
    for within in (45, 90):
        found = saves.leaving_signals(counts, within_days=within).table.set_index("quantity")
        judged = [(name, a, stop, cause) for name, a, stop, cause in alarms if a + 90 <= 365]
        true = [a for _name, a, stop, cause in judged if cause != "moved" and (stop or 999) - a <= within]
        assert found.loc["precision", ["events", "n"]].tolist() == [len(true), len(judged)]
        shares = [walked_share(rows, given, a, within) for _name, a, _stop, _cause in judged]
        assert found.loc["base rate", "estimate"] == pytest.approx(np.mean(shares), rel=1e-12)


def walked_alarms(rows, given):
    """Return the alarms under observation, day by day and customer by customer, and the signals before."""
    alarms, early = [], 0
    for name, entry, stop, cause, seen in rows:
        own = {d for c, d in given if c == name}
        early += sum(entry <= d < seen for d in own)
        stands = -999
        for today in range(entry, stop or 365):
            if today in own and today > stands:
                stands = today + 90
                alarms += [(name, today, stop, cause)] if today >= seen else []
    return alarms, early


def walked_share(rows, given, today, within):
    """Return the share that leaves within so many days, of those without a signal in 90 days that evening."""
    those = [
        (stop or 999, cause)
        for name, entry, stop, cause, seen in rows
        if seen <= today < (stop or 365)
        and not any(c == name and entry <= d and today - 90 < d <= today for c, d in given)
    ]
    return np.mean([stop <= today + within and cause != "moved" for stop, cause in those])


def chance(ratio, *, signal_rate=1 / 200, hazard=1 / 400):
    """Return the chance to leave in 90 days of who has no signal now, in the world of `simulated`."""
    quiet, signalled = 1.0, 0.0
    for _day in range(90):
        signalled = signalled * (1 - ratio * hazard) + quiet * (1 - hazard) * signal_rate
        quiet *= (1 - hazard) * (1 - signal_rate)
    return 1 - quiet - signalled


def simulated(rng, n, ratio, *, signal_rate=1 / 200, hazard=1 / 400):
    """Draw customers whose risk is `ratio` times as high for 90 days after each signal."""
    rows, given = [], []
    for k in range(n):
        entry = int(rng.integers(-300, 200))
        seen, today, until = max(entry, 0), max(entry, 0), -1
        exit_day = None
        while today < 365:
            today += 1
            if rng.random() < hazard * (ratio if today <= until else 1):
                exit_day = today
                break
            if rng.random() < signal_rate and today < 365:
                given.append((f"k{k}", today))
                until = today + 90
        rows.append((f"k{k}", entry, exit_day, "none" if exit_day is None else "price", seen))
    return rows, given


def test_a_planted_ratio_is_recovered_and_the_naive_one_is_turned_over():
    rng = np.random.default_rng(11)
    found = saves.leaving_signals(count(*simulated(rng, 2500, 2.0), bands=(90,)))
    ratio = found.of("rate ratio").iloc[0]
    assert ratio["conf_low"] <= 2.0 <= ratio["conf_high"]
    assert ratio["conf_low"] > 1
    right, wrong = found.immortal_time.to_dict("records")
    assert right["conf_low"] > 1
    assert wrong["conf_high"] < right["conf_low"]
    # chance to leave in 90 days of those without a signal now, who may give one later: 23.5 %
    base = found.of("base rate").iloc[0]
    assert base["conf_low"] <= chance(2.0) <= base["conf_high"]
    assert found.of("lift").iloc[0]["conf_low"] > 1


def test_ratios_cover_and_nothing_is_found_where_nothing_is():
    rng, held, lifts = np.random.default_rng(13), [], []
    for _ in range(16):
        found = saves.leaving_signals(count(*simulated(rng, 250, 1.0), bands=(90,)))
        ratio = found.of("rate ratio").iloc[0]
        lift = found.of("lift").iloc[0]
        held.append(ratio["conf_low"] <= 1.0 <= ratio["conf_high"])
        lifts.append(lift["conf_low"] <= 1.0 <= lift["conf_high"])
    # of 16 intervals of 95 % four or more miss once in 140 times
    assert sum(held) >= 13
    assert sum(lifts) >= 13


def test_options_move_the_figures_without_counting_again():
    counts = count()
    short = saves.leaving_signals(counts, within_days=29).table.set_index("quantity")
    assert short.loc["precision", "estimate"] == 0  # a left 30 days after the signal
    assert np.isnan(short.loc["lead time", "estimate"])
    told = saves.leaving_signals(counts, within_days=29).narrative()
    assert told.startswith(
        "Of 4 alarms whose 90 days lie inside the data, 0.0 % (0.0 to 49.0 %) were followed"
    )
    kept = saves.leaving_signals(counts, kept_share=0.25).table.set_index("quantity")
    assert kept.loc["alarms per save", "estimate"] == 16
    assert kept.loc["alarms per save", "conf_low"] < 16 < kept.loc["alarms per save", "conf_high"]


STAY = [(f"b{i}", 0, None, "none", 0) for i in range(200)]


def test_who_keeps_signalling_gives_a_new_alarm_once_the_last_has_expired():
    often = [(f"a{i}", 0, 200, "price", 0) for i in range(50)]
    silent = [(f"c{i}", 0, 150 + i, "price", 0) for i in range(20)]
    given = [(f"a{i}", d) for i in range(50) for d in (20, 60, 120, 180)]
    counts = count([*often, *STAY, *silent], given)
    # alarms on days 20 (stands to 110) and 120 (to 210); those of days 60 and 180 are theirs
    assert (counts.n_alarms, counts.alarms["day"].tolist()) == (100, [20, 120])
    result = saves.leaving_signals(counts)
    found = result.table.set_index("quantity")
    assert found.loc["precision", ["estimate", "n"]].tolist() == [0.5, 100]
    assert found.loc["recall", ["events", "n"]].tolist() == [50, 70]
    assert counts.leavers["lead"].dropna().tolist() == [20]  # from the last signal
    assert found.loc["lead time", "estimate"] == 80  # from the alarm that came true
    # all 50 leave 20 days after a signal, none in the later bands
    assert result.of("rate ratio")["events"].tolist() == [50, 0, 0, 0]
    # those without a signal on day 20 are 200 who stay and 20 who do not, none gone by day 110; on day
    # 120 the 20 leave from day 150 to 169
    assert found.loc["base rate", "estimate"] == pytest.approx((0 / 220 + 20 / 220) / 2)
    assert "71.4 % (59.9 to 80.7 %) of the leavers gave a signal" in result.narrative()


@pytest.mark.parametrize("gap", [90, 91])
def test_an_alarm_stands_to_the_last_day_of_its_window(gap):
    counts = count(STAY, [("b0", 20), ("b0", 20 + gap)])
    assert counts.n_alarms == (1 if gap == 90 else 2)


def test_the_base_is_the_share_that_left_of_those_without_an_alarm_whatever_they_did_later():
    # all alarms on day 100; of 100 without one then 30 leave within 90 days, 20 of them after a signal
    alarmed = [(f"a{i}", 0, 150 if i < 30 else None, "price" if i < 30 else "none", 0) for i in range(50)]
    others = [(f"c{i}", 0, 160 if i < 30 else None, "price" if i < 30 else "none", 0) for i in range(100)]
    given = [(f"a{i}", 100) for i in range(50)] + [(f"c{i}", 140) for i in range(20)]
    counts = count([*alarmed, *others], given)
    alarms = counts.alarms[counts.alarms["day"] == 100]
    assert (alarms["n"].sum(), alarms.loc[alarms["outcome"] == "left", "n"].sum()) == (50, 30)
    base, events = base_rate(counts, alarms, 90, 0.95)
    assert (float(base.estimate), events) == (pytest.approx(0.3), 30)
    exact = proportion_confint(30, 100, method="beta")  # Clopper and Pearson's
    assert [float(base.conf_low), float(base.conf_high)] == pytest.approx(exact, rel=1e-9)
    # on day 140 80 are without: 10 of them leave on day 160; those alarmed on day 100 are not among them
    found = saves.leaving_signals(counts).of("base rate").iloc[0]
    assert found["estimate"] == pytest.approx((50 * 0.3 + 20 * 10 / 80) / 70)


def test_where_nobody_left_without_an_alarm_the_bound_is_told():
    leave = [(f"a{i}", 0, 250, "price", 0) for i in range(30)]
    counts = count([*leave, *STAY], [(f"a{i}", 155) for i in range(30)])  # quiet again from day 245
    short = saves.leaving_signals(count([*leave, *STAY], [(f"a{i}", 240) for i in range(30)]), within_days=20)
    found = short.table.set_index("quantity")
    # none of the 200 others, all on one day: 1 - 0.025^(1 / 200)
    assert found.loc["base rate", ["estimate", "conf_low", "events"]].tolist() == [0, 0, 0]
    assert found.loc["base rate", "conf_high"] == pytest.approx(1 - 0.025 ** (1 / 200))
    assert found.loc["lift", "estimate"] == np.inf == found.loc["lift", "conf_high"]
    assert 1 < found.loc["lift", "conf_low"] < 1 / found.loc["base rate", "conf_high"]
    assert "more often than no signal (at least " in short.narrative()
    none = saves.leaving_signals(counts)  # the alarms of day 155 had expired, and nobody else left
    assert none.of("lift")["estimate"].isna().all()
    assert "cannot be told." in none.narrative()
    assert "takes at least" in none.narrative()


def test_a_signal_before_observation_stands_but_is_no_alarm_to_be_judged():
    early = [(f"a{i}", -200, 60, "price", 0) for i in range(50)]
    late = [(f"c{i}", 0, 70, "price", 0) for i in range(10)]
    given = [(f"a{i}", -10) for i in range(50)] + [(f"b{i}", 20) for i in range(100)]
    counts = count([*early, *late, *STAY], given)
    assert (counts.n_early, counts.n_outside, counts.n_alarms) == (50, 0, 100)
    found = saves.leaving_signals(counts)
    assert found.of("precision")["n"].tolist() == [100]
    # on day 20 those without a signal are 10 who leave and 100 who stay; the 50 are none of them
    assert found.of("base rate").loc[0, ["estimate", "events"]].tolist() == pytest.approx([10 / 110, 10])
    # they left 70 days after their signal
    assert found.of("rate ratio")["events"].tolist() == [0, 50, 0, 0]
    check = next(c for c in found.evidence.checks if c.name == "signals observed")
    assert check.passed is None
    assert "50 were given before observation began" in check.detail


def test_contracts_of_a_customer_that_overlap_are_refused_and_others_are_not():
    with pytest.raises(DataError, match="1 of 200 customers have contracts that overlap"):
        count([*STAY, ("b0", 10, 200, "price", 10)], [("b0", 150)])
    with pytest.raises(DataError, match="overlap"):  # both would begin on one day
        count([*STAY, ("b0", -50, None, "none", 0)], [("b0", 150)])
    again = count([*STAY, ("z", 0, 100, "price", 0), ("z", 100, 200, "price", 100)], [("z", 90), ("z", 150)])
    assert (again.n_alarms, again.n_customers) == (2, 202)
    assert saves.leaving_signals(again).evidence.design.startswith("202 contracts")


def drawn(result):
    for chart in (result.chart, result.trap):
        assert plots.png(chart).startswith(b"\x89PNG")
        assert "inf" not in chart.claim.split()
    return result.chart.claim, result.trap.claim


def test_charts_tell_what_is_known_where_no_leaver_or_every_leaver_had_signalled():
    leave = [(f"a{i}", 0, 100 + i, "price", 0) for i in range(60)]
    never = saves.leaving_signals(count([*leave, *STAY], [(f"b{i}", 50) for i in range(60)]))
    claim, trap = drawn(never)
    high = never.of("rate ratio")["conf_high"].dropna().iloc[0]
    assert f"leave at most {number(high)} times as fast" in claim
    assert "at most" in trap
    always = saves.leaving_signals(count([*leave, *STAY], [(f"a{i}", 90 + i) for i in range(60)]))
    claim, trap = drawn(always)
    low = always.of("rate ratio").loc[0, "conf_low"]
    assert f"leave at least {number(low)} times as fast" in claim
    assert "at least" in trap


def test_where_all_signal_at_entry_the_figures_without_comparison_are_told():
    leave = [(f"a{i}", 0, 60 + i, "price", 0) for i in range(60)]
    found = saves.leaving_signals(count(leave, [(f"a{i}", 0) for i in range(60)]))
    assert found.of("precision")["estimate"].tolist() == [31 / 60]  # those who leave on days 60 to 90
    assert found.of("base rate")["estimate"].isna().all()
    assert found.immortal_time["estimate"].isna().all()
    assert "nobody was observed at the same time without a signal" in found.narrative()
    with pytest.raises(DesignError, match="nothing to draw"):
        _ = found.chart
    assert "cannot be told" in found.trap.claim
    assert plots.png(found.trap).startswith(b"\x89PNG")


def test_moments_stand_for_their_days():
    moment = pd.Timestamp(END) + pd.Timedelta(hours=8)
    counts = signal_counts(
        signals(GIVEN),
        subscriptions=subscriptions(FEW),
        as_of=moment,
        observed_from=pd.Timestamp(START) + pd.Timedelta(hours=8),
    )
    assert (counts.as_of, type(counts.as_of)) == (END, date)
    assert counts.n_alarms == count().n_alarms
    for wrong in ("2024-12-31", pd.NaT, None):
        with pytest.raises(OptionError, match=r"as_of is .*; give a day"):
            signal_counts(signals(GIVEN), subscriptions=subscriptions(FEW), as_of=wrong)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"when": None}, DesignError, "needs its date"),
        ({"when": "moment"}, ColumnError, "moment"),
        ({"window_days": 60}, OptionError, "among the bands"),
        ({"bands": (90, 30)}, OptionError, "ascending"),
        ({"bands": 90}, OptionError, "give a list of whole days"),
        ({"bands": "90"}, OptionError, "give a list of whole days"),
        ({"controllable": ()}, OptionError, "one cause or more"),
        ({"controllable": None}, OptionError, "give two lists"),
        ({"controllable": "price"}, OptionError, "give two lists"),
        ({"uncontrollable": None}, OptionError, "give two lists"),
        ({"controllable": ("price",)}, DataError, r"'competitor' \(1\) is declared neither"),
    ],
)
def test_signals_that_cannot_be_counted_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        count(**options)


def test_signals_without_dates_or_customers_are_refused():
    given = signals(GIVEN)
    with pytest.raises(DesignError, match="immortal time"):
        signal_counts(given.drop("date"), subscriptions=subscriptions(FEW), as_of=END)
    blank = given.mutate(date=ibis.ifelse(ibis._["customer"] == "e", ibis.null("timestamp"), ibis._["date"]))
    with pytest.raises(DataError, match="missing in 2 of 8 rows"):
        signal_counts(blank, subscriptions=subscriptions(FEW), as_of=END)
    text = given.mutate(date=ibis._["date"].cast("string"))
    with pytest.raises(DataError, match="not a date"):
        signal_counts(text, subscriptions=subscriptions(FEW), as_of=END)
    with pytest.raises(DesignError, match="none of 1 was given by a customer under observation"):
        count(given=[("z", 5)])


def test_figures_that_nothing_supports_are_refused():
    with pytest.raises(DesignError, match="no alarm has its 90 days inside the data"):
        saves.leaving_signals(count(given=[("c", 340)]))
    with pytest.raises(DesignError, match="nobody left by a controllable cause"):
        saves.leaving_signals(count([("d", 0, 40, "moved", 0)], [("d", 10)]))
    counts = count()
    for options, match in (
        ({"within_days": 91}, "from 1 to 90"),
        ({"within_days": 1.5}, "whole days"),
        ({"kept_share": 0}, "kept_share is 0"),
        ({"conf_level": 1}, "conf_level"),
    ):
        with pytest.raises(OptionError, match=match):
            saves.leaving_signals(counts, **options)


def test_signals_are_told_and_drawn():
    found = saves.leaving_signals(count(*simulated(np.random.default_rng(17), 800, 2.0)))
    assert found.evidence.grade == "association"
    assert "times as often" in found.narrative()
    assert len(found.summary) == 7
    for chart in (found.chart, found.trap):
        assert plots.png(chart).startswith(b"\x89PNG")

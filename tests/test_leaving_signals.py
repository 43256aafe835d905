"""Signals of leaving: counted by hand, against a walk through the days, on Halden, and every refusal."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import saves
from cemlab.data.leaving_signals import signal_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.saves.signal_figures import daily_arrays

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
    for number in range(120):
        entry = int(rng.integers(-200, 300))
        seen = max(entry, 0)
        stop = entry + int(rng.integers(30, 400))
        cause = str(rng.choice(["price", "competitor", "moved"]))
        if stop <= seen:
            continue
        rows.append(
            (f"k{number}", entry, stop if stop <= 365 else None, cause if stop <= 365 else "none", seen)
        )
        given += [(f"k{number}", int(d)) for d in rng.integers(seen, min(stop, 366), rng.integers(0, 4))]
    counts = count(rows, given)
    at_risk, left, other = daily_arrays(counts)
    slow = np.zeros((3, *at_risk.shape))
    first = (counts.first - START).days
    for name, _entry, stop, cause, seen in rows:
        own = sorted({d for c, d in given if c == name and seen <= d < (stop or 365)})
        alarms = [d for place, d in enumerate(own) if place == 0 or d - own[place - 1] > 90]
        for today in range(seen + 1, (stop or 365) + 1):
            last = [a for a in alarms if a < today]
            state = 0 if not last else 1 + sum(today - last[-1] > edge for edge in (30, 90, 180))
            slow[0, state, today - first] += 1
            if today == stop:
                slow[1 if cause != "moved" else 2, state, today - first] += 1
    for fast, walked in zip((at_risk, left, other), slow, strict=True):
        assert np.array_equal(fast, walked)


def simulated(rng, n, ratio, *, signal_rate=1 / 200, hazard=1 / 400):
    """Draw customers whose risk is `ratio` times as high for 90 days after each signal."""
    rows, given = [], []
    for number in range(n):
        entry = int(rng.integers(-300, 200))
        seen, today, until = max(entry, 0), max(entry, 0), -1
        exit_day = None
        while today < 365:
            today += 1
            if rng.random() < hazard * (ratio if today <= until else 1):
                exit_day = today
                break
            if rng.random() < signal_rate and today < 365:
                given.append((f"k{number}", today))
                until = today + 90
        rows.append((f"k{number}", entry, exit_day, "none" if exit_day is None else "price", seen))
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
    # chance to leave in 90 days without a signal: 1 - (1 - 1/400)^90 = 20.2 %
    base = found.of("base rate").iloc[0]
    assert base["conf_low"] <= 1 - (1 - 1 / 400) ** 90 <= base["conf_high"]
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
    kept = saves.leaving_signals(counts, kept_share=0.25).table.set_index("quantity")
    assert kept.loc["alarms per save", "estimate"] == 16
    assert kept.loc["alarms per save", "conf_low"] < 16 < kept.loc["alarms per save", "conf_high"]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"when": None}, DesignError, "needs its date"),
        ({"when": "moment"}, ColumnError, "moment"),
        ({"window_days": 60}, OptionError, "among the bands"),
        ({"bands": (90, 30)}, OptionError, "ascending"),
        ({"controllable": ()}, OptionError, "one cause or more"),
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

"""Signals of leaving, counted day by day: who is at risk before one and after one, and who leaves.

A signal starts to count on the day it was given: until then a customer is among those without one. The counts
are small: days times states. They allow for late entry, for censoring at the end of the data, and for causes
that no company can act on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.engine import rows
from cemlab.data.lines import days_between
from cemlab.data.spells import NO_CAUSE, dated_spells
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

_CONTROLLABLE, _OTHER, _STAYS = "left", "other", "stays"


@dataclass(frozen=True, eq=False, kw_only=True)
class SignalCounts:
    """Signals and what came after them.

    Parameters
    ----------
    daily
        One row a state and day: ``state`` [0 before any signal, then 1, 2, … the bands after one], ``day``
        [days since `first`], ``started``, ``stopped`` [under observation in that state], ``left`` [by a
        controllable cause], ``other`` [by another]; who stops on a day is at risk on it, who starts is not.
    alarms
        One row a day of alarm and what came of it: ``day``, ``complete`` [whether the whole window lies in
        the data], ``outcome`` [``"left"``, ``"other"``, ``"stays"`` within the window], ``lead`` [days to the
        end; missing where it stays], ``n``.
    leavers
        One row a lead: ``lead`` [days from the last alarm to leaving by a controllable cause; missing where
        none in the window], ``n``; leavers who had been observed for a whole window.
    ever
        One row each of customers who ever signalled and who never did: ``signalled``, ``days``, ``left``:
        what a table without dates would show.
    window_days
        Days for which an alarm stands.
    bands
        Ends of the bands of days after an alarm, ascending; the last goes on.
    first, as_of
        Day 0 and the last day observed.
    n_signals, n_alarms
        Signals given, and alarms: signals with none before in a window.
    n_outside
        Signals of nobody under observation on that day.
    n_customers
        Spells under observation.
    source
        The line that stands under every figure.
    """

    daily: pd.DataFrame
    alarms: pd.DataFrame
    leavers: pd.DataFrame
    ever: pd.DataFrame
    window_days: int
    bands: tuple[int, ...]
    first: date
    as_of: date
    n_signals: int
    n_alarms: int
    n_outside: int
    n_customers: int
    source: str = ""


def signal_counts(
    signals: ir.Table,
    *,
    subscriptions: ir.Table,
    as_of: date,
    when: str | None = "date",
    observed_from: str | date | None = "observed_from",
    window_days: int = 90,
    bands: Sequence[int] = (30, 90, 180),
    controllable: Sequence[str] = ("competitor", "price"),
    uncontrollable: Sequence[str] = ("moved", "deceased"),
    source: str = "",
) -> SignalCounts:
    """Count signals of leaving, who was at risk before and after them, and who left.

    Parameters
    ----------
    signals
        One row a signal: ``customer`` and the column `when`.
    subscriptions
        Contracts: ``customer``, ``entry``, ``exit``, ``cause``.
    as_of
        Last day observed.
    when
        Column with the day or moment of the signal. A signal begins after the contract does, so that its
        date is needed; None is refused.
    observed_from
        First day on which leaving would have been seen: a date for all or a column of `subscriptions`.
    window_days
        Days for which an alarm stands: leaving within them makes it a true one, and further signals within
        them are the same alarm.
    bands
        Ends of the bands of days after an alarm in which leaving is counted; `window_days` among them.
    controllable, uncontrollable
        Causes of leaving that a company can act on, and those it cannot; a cause in neither is refused.
    source
        The line that stands under every figure.

    Returns
    -------
    SignalCounts
        Small tables, however many customers there are.

    Raises
    ------
    DesignError
        If the signal has no date, or no signal was given while its customer was under observation.
    ColumnError, DataError, OptionError
        If a column is missing, a date is missing, a cause is undeclared, or an option is none.
    """
    _check(signals, when, window_days, bands, controllable, uncontrollable)
    assert when is not None  # refused above
    given = _given(signals, when)
    dated = dated_spells(subscriptions, as_of=as_of, observed_from=observed_from)
    spells = _spells(dated, controllable, uncontrollable).cache()
    met = given.join(spells, "customer")
    inside = met.filter((_["day"] >= _["start"]) & (_["day"] < _["stop"]))
    alarms = _alarms(inside, window_days).cache()
    found = rows(spells.aggregate(first=spells["start"].min(), n=spells.count()))[0]
    n_given, n_inside, n_alarms = (_count(table) for table in (given, inside, alarms))
    if not n_alarms:
        raise DesignError(
            f"signals: none of {n_given:,} was given by a customer under observation; nothing can be learned"
        )
    first: date = found["first"]
    return SignalCounts(
        daily=_daily(spells, alarms, tuple(bands), first),
        alarms=_outcomes(alarms, window_days, as_of, first),
        leavers=_leavers(spells, alarms, window_days),
        ever=_ever(spells, alarms),
        window_days=window_days,
        bands=tuple(bands),
        first=first,
        as_of=as_of,
        n_signals=n_given,
        n_alarms=n_alarms,
        n_outside=n_given - n_inside,
        n_customers=int(found["n"]),
        source=source,
    )


def _check(
    signals: ir.Table,
    when: str | None,
    window: int,
    bands: Sequence[int],
    controllable: Sequence[str],
    uncontrollable: Sequence[str],
) -> None:
    if when is None or (when == "date" and when not in signals.columns):
        raise DesignError(
            "signals have no date: an exposure that starts after entry needs its date, or the time before "
            "it, which nobody could have left in, counts for it (immortal time); name the column, when='…'"
        )
    for column in ("customer", when):
        if column not in signals.columns:
            raise ColumnError(f"signals: {one_of(column, signals.columns, what='column')}")
    whole = all(isinstance(b, int) and not isinstance(b, bool) and b > 0 for b in (*bands, window))
    if not whole or list(bands) != sorted(set(bands)) or window not in bands:
        raise OptionError(
            f"window_days is {window!r} and bands {list(bands)!r}; give whole days, ascending, window_days "
            "among the bands"
        )
    if not controllable or set(controllable) & set(uncontrollable):
        raise OptionError(
            f"controllable is {list(controllable)!r} and uncontrollable {list(uncontrollable)!r}; name one "
            "cause or more that a company can act on, each in one list"
        )


def _given(signals: ir.Table, when: str) -> ir.Table:
    day = known_before.day_of(signals, when, "signals")
    given = signals.select("customer", day=day)
    found = rows(given.aggregate(n=given.count(), dated=given["day"].count()))[0]
    if found["dated"] < found["n"]:
        raise DataError(
            f"signals, column {when!r}: missing in {found['n'] - found['dated']:,} of {found['n']:,} rows; a "
            "signal needs its date, leave them out"
        )
    return given.distinct().cache()


def _spells(dated: ir.Table, controllable: Sequence[str], uncontrollable: Sequence[str]) -> ir.Table:
    declared = (*controllable, *uncontrollable, NO_CAUSE)
    unknown = dated.filter(dated["cause"].notin(list(declared)))
    found = rows(unknown.group_by("cause").aggregate(n=_.count()).order_by("cause"))
    if found:
        named = ", ".join(f"{row['cause']!r} ({row['n']:,})" for row in found[:4])
        raise DataError(
            f"subscriptions, column 'cause': {named} is declared neither controllable nor uncontrollable; "
            "name it in one of the two"
        )
    entry = dated["entry"].cast("date")
    outcome = ibis.cases(
        (dated["cause"] == NO_CAUSE, _STAYS),
        (dated["cause"].isin(list(controllable)), _CONTROLLABLE),
        else_=_OTHER,
    )
    return dated.select(
        "customer",
        start=_later(entry, dated["observed_after"]),
        stop=_later(entry, dated["duration"]),
        outcome=outcome,
    )


def _later(day: Any, days: Any) -> Any:
    return (day + days.cast("int64").as_interval("D")).cast("date")


def _alarms(inside: ir.Table, window: int) -> ir.Table:
    """Return signals with none before in a window, each with the next alarm of the same spell."""
    spell = ibis.window(group_by=["customer", "start"], order_by="day")
    before = inside.mutate(before=_["day"].lag().over(spell))
    fresh = before.filter(
        _["before"].isnull() | (days_between(_["before"], _["day"]) > window).fill_null(True)
    )
    return fresh.mutate(following=_["day"].lead().over(spell)).drop("before")


def _daily(spells: ir.Table, alarms: ir.Table, bands: tuple[int, ...], first: date) -> pd.DataFrame:
    opening = alarms.group_by("customer", "start").aggregate(first_alarm=_["day"].min())
    quiet = spells.left_join(opening, ["customer", "start"]).drop("customer_right", "start_right")
    pieces = [
        quiet.select(
            "outcome",
            state=ibis.literal(0).cast("int64"),
            begin=quiet["start"],
            end=ibis.coalesce(quiet["first_alarm"], quiet["stop"]),
            stop=quiet["stop"],
        )
    ]
    for state, (low, high) in enumerate(zip((0, *bands), (*bands, None), strict=True), start=1):
        ends = [alarms["stop"], ibis.coalesce(alarms["following"], alarms["stop"])]
        if high is not None:
            ends.append(_later(alarms["day"], ibis.literal(high)))
        pieces.append(
            alarms.select(
                "outcome",
                state=ibis.literal(state).cast("int64"),
                begin=_later(alarms["day"], ibis.literal(low)),
                end=ibis.least(*ends),
                stop=alarms["stop"],
            )
        )
    every = ibis.union(*pieces).filter(_["begin"] < _["end"])
    origin = ibis.literal(first)
    ended = (every["end"] == every["stop"]).ifelse(every["outcome"], _STAYS)
    starts = every.select(
        state=every["state"],
        day=days_between(origin, every["begin"]),
        kind=ibis.literal("started"),
    )
    stops = every.select(state=every["state"], day=days_between(origin, every["end"]), kind=ended)
    counted = (
        ibis.union(starts, stops)
        .group_by("state", "day")
        .aggregate(
            started=_.count(where=_["kind"] == "started"),
            stopped=_.count(where=_["kind"] != "started"),
            left=_.count(where=_["kind"] == _CONTROLLABLE),
            other=_.count(where=_["kind"] == _OTHER),
        )
    )
    frame: pd.DataFrame = counted.order_by("state", "day").to_pandas()
    return frame


def _outcomes(alarms: ir.Table, window: int, as_of: date, first: date) -> pd.DataFrame:
    lead = days_between(alarms["day"], alarms["stop"])
    within = (lead <= window) & (alarms["outcome"] != _STAYS)
    told = alarms.select(
        day=days_between(ibis.literal(first), alarms["day"]),
        complete=days_between(alarms["day"], ibis.literal(as_of)) >= window,
        outcome=within.ifelse(alarms["outcome"], _STAYS),
        lead=within.ifelse(lead, ibis.null("int64")),
    )
    by = ["day", "complete", "outcome", "lead"]
    frame: pd.DataFrame = told.group_by(by).aggregate(n=_.count()).order_by(by).to_pandas()
    return frame


def _leavers(spells: ir.Table, alarms: ir.Table, window: int) -> pd.DataFrame:
    long_enough = days_between(spells["start"], spells["stop"]) >= window
    gone = spells.filter((spells["outcome"] == _CONTROLLABLE) & long_enough)
    last = alarms.group_by("customer", "start").aggregate(alarm=_["day"].max())
    met = gone.left_join(last, ["customer", "start"]).drop("customer_right", "start_right")
    lead = days_between(met["alarm"], met["stop"])
    counted = met.select(lead=(lead <= window).ifelse(lead, ibis.null("int64"))).group_by("lead")
    frame: pd.DataFrame = counted.aggregate(n=_.count()).order_by("lead").to_pandas()
    return frame


def _ever(spells: ir.Table, alarms: ir.Table) -> pd.DataFrame:
    who = alarms.select("customer", "start").distinct().mutate(signalled=True)
    both = spells.left_join(who, ["customer", "start"]).drop("customer_right", "start_right")
    counted = both.group_by(signalled=both["signalled"].fill_null(False)).aggregate(
        days=days_between(both["start"], both["stop"]).sum(),
        left=_.count(where=both["outcome"] == _CONTROLLABLE),
    )
    frame: pd.DataFrame = counted.order_by("signalled").to_pandas()
    return frame


def _count(table: ir.Table) -> int:
    return int(rows(table.aggregate(n=table.count()))[0]["n"])

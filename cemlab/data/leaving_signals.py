"""Signals of leaving, counted day by day: who is at risk before one and after one, and who leaves.

A signal starts to count on the day it was given: until then a customer is among those without one. The counts
are small: days times states. They allow for late entry, for censoring at the end of the data, and for causes
that no company can act on. An alarm is a signal given while none stands: it stands for the window, and a
signal after that is a new one, however often the customer has signalled in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.engine import rows
from cemlab.data.lines import days_between
from cemlab.data.overlaps import watched_twice
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
        One row a state and day: ``state`` [0 before any signal, then 1, 2, … the bands after the last one],
        ``day`` [days since `first`], ``started``, ``stopped`` [under observation in that state], ``left`` [by
        a controllable cause], ``other`` [by another]; who stops on a day is at risk on it, who starts is not.
    alarms
        One row a day of alarm and what came of it: ``day``, ``complete`` [whether the whole window lies in
        the data], ``outcome`` [``"left"``, ``"other"``, ``"stays"`` within the window], ``lead`` [days to the
        end; missing where it stays], ``n``.
    quiet
        Leavers by a controllable cause who, at some time in their last window, had not signalled for a whole
        one: ``day`` [of leaving], ``since``, ``until`` [days before it between which that was so; at most
        `window_days`, and 0 where they never signalled again], ``n``.
    leavers
        One row a lead: ``lead`` [days from the last signal to leaving by a controllable cause; missing where
        none in the window], ``n``; leavers who had been observed for a whole window.
    ever
        One row each of customers who ever signalled and who never did: ``signalled``, ``days``, ``left``:
        what a table without dates would show.
    window_days
        Days for which an alarm stands.
    bands
        Ends of the bands of days after the last signal, ascending; the last goes on.
    first, as_of
        Day 0 and the last day observed.
    n_signals, n_alarms
        Signals given, and alarms among them, begun under observation.
    n_outside
        Signals outside of any contract observed; those on its last day are.
    n_early
        Signals within a contract, before its observation began: they stand, but are no alarms to be judged.
    n_customers
        Contracts under observation.
    source
        The line that stands under every figure.
    """

    daily: pd.DataFrame
    alarms: pd.DataFrame
    quiet: pd.DataFrame
    leavers: pd.DataFrame
    ever: pd.DataFrame
    window_days: int
    bands: tuple[int, ...]
    first: date
    as_of: date
    n_signals: int
    n_alarms: int
    n_outside: int
    n_early: int
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
        One row a signal: ``customer`` and the column `when`. On its day a signal comes after all else: who
        ends a contract on that very day has not signalled before leaving, and the signal is left out.
    subscriptions
        Contracts, one of a customer at a time: ``customer``, ``entry``, ``exit``, ``cause``.
    as_of
        Last day observed.
    when
        Column with the day or moment of the signal. A signal begins after the contract does, so that its
        date is needed; None is refused.
    observed_from
        First day on which leaving would have been seen: a date for all or a column of `subscriptions`. A
        signal given before it stands from the first day observed, but is no alarm that could be judged:
        whoever left after it and before then was not seen.
    window_days
        Days for which an alarm stands: leaving within them, the last included, makes it a true one, and
        further signals within them are the same alarm.
    bands
        Ends of the bands of days after the last signal in which leaving is counted; `window_days` among them.
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
        If a column is missing, a date is missing, a cause is undeclared, contracts of a customer overlap, or
        an option is none.
    """
    as_of = _day(as_of)
    if isinstance(observed_from, datetime):
        observed_from = observed_from.date()
    _check(signals, when, window_days, bands, controllable, uncontrollable)
    assert when is not None  # refused above
    given = _given(signals, when)
    dated = dated_spells(subscriptions, as_of=as_of, observed_from=observed_from)
    spells = _spells(dated, controllable, uncontrollable).cache()
    _refuse_overlaps(spells)
    met = given.join(spells, "customer")
    within = met.filter((_["day"] >= _["entry"]) & (_["day"] < _["stop"]))
    spell = ibis.window(group_by=["customer", "start"], order_by="day")
    inside = within.mutate(before=_["day"].lag().over(spell), following=_["day"].lead().over(spell)).cache()
    seen = inside.filter(_["day"] >= _["start"])
    alarms = _alarms(inside, window_days).filter(_["day"] >= _["start"]).cache()
    found = rows(spells.aggregate(first=spells["start"].min(), n=spells.count()))[0]
    n_given, n_inside, n_seen, n_alarms = (_count(table) for table in (given, inside, seen, alarms))
    if not n_seen:
        raise DesignError(
            f"signals: none of {n_given:,} was given by a customer under observation; nothing can be learned"
        )
    first: date = found["first"]
    return SignalCounts(
        daily=_daily(spells, inside, tuple(bands), first),
        alarms=_outcomes(alarms, window_days, as_of, first),
        quiet=_quiet(spells, inside, window_days, first),
        leavers=_leavers(spells, inside, window_days),
        ever=_ever(spells, inside),
        window_days=window_days,
        bands=tuple(bands),
        first=first,
        as_of=as_of,
        n_signals=n_given,
        n_alarms=n_alarms,
        n_outside=n_given - n_inside,
        n_early=n_inside - n_seen,
        n_customers=int(found["n"]),
        source=source,
    )


def _day(as_of: date) -> date:
    """Return the day, or refuse what is none."""
    if not isinstance(as_of, date) or as_of != as_of:  # what pandas has for no time is not itself
        raise OptionError(f"as_of is {as_of!r}; give a day, e.g. datetime.date(2025, 12, 31)")
    return as_of.date() if isinstance(as_of, datetime) else as_of


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
    listed = _is_list(bands)
    whole = listed and all(isinstance(b, int) and not isinstance(b, bool) and b > 0 for b in (*bands, window))
    if not whole or list(bands) != sorted(set(bands)) or window not in bands:
        raise OptionError(
            f"window_days is {window!r} and bands {bands!r}; give a list of whole days, ascending, "
            "window_days among the bands, e.g. window_days=90, bands=(30, 90)"
        )
    listed = _is_list(controllable) and _is_list(uncontrollable)
    if not listed or not controllable or set(controllable) & set(uncontrollable):
        raise OptionError(
            f"controllable is {controllable!r} and uncontrollable {uncontrollable!r}; give two lists, and "
            "name one cause or more that a company can act on, each in one list"
        )


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


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
    spells = dated.select(
        "customer",
        entry=entry,
        start=_later(entry, dated["observed_after"]),
        stop=_later(entry, dated["duration"]),
        outcome=outcome,
    )
    return spells.filter(_["start"] < _["stop"])  # of no length, and nobody at risk in it


def _refuse_overlaps(spells: ir.Table) -> None:
    origin = ibis.literal(date(1, 1, 1))  # before any contract
    lives = spells.select(
        "customer", begin=days_between(origin, spells["entry"]), end=days_between(origin, spells["stop"])
    )
    twice, n = watched_twice(lives, customer="customer", entry="begin", duration="end")
    if twice:
        raise DataError(
            f"subscriptions: {twice:,} of {n:,} customers have contracts that overlap, and a signal in both "
            "would count twice; join them, or keep one of a customer at a time"
        )


def _later(day: Any, days: Any) -> Any:
    return (day + days.cast("int64").as_interval("D")).cast("date")


def _alarms(inside: ir.Table, window: int) -> ir.Table:
    """Return signals that were given while no alarm stood.

    Whether one does depends on the alarms before. A signal with none before in a window is one for certain
    and opens a chain; within the chains, the next alarms are found side by side, round by round.
    """
    opens = (days_between(inside["before"], inside["day"]) > window).fill_null(True)
    so_far = ibis.cumulative_window(group_by=["customer", "start"], order_by="day")
    rest = inside.mutate(opens=opens.cast("int64")).mutate(chain=_["opens"].sum().over(so_far)).cache()
    chain = ibis.window(group_by=["customer", "start", "chain"])
    found: list[ir.Table] = []
    while not found or _count(rest):
        dated = rest.mutate(alarm=_["day"].min().over(chain)).cache()
        found.append(dated.filter(_["day"] == _["alarm"]).drop("alarm"))
        rest = dated.filter(days_between(_["alarm"], _["day"]) > window).drop("alarm").cache()
    return ibis.union(*found)


def _unsignalled(spells: ir.Table, inside: ir.Table) -> ir.Table:
    """Return the time before any signal."""
    opening = inside.group_by("customer", "start").aggregate(first_signal=_["day"].min())
    met = spells.left_join(opening, ["customer", "start"]).drop("customer_right", "start_right")
    end = ibis.coalesce(met["first_signal"], met["stop"])
    return met.select("outcome", "stop", begin=met["start"], end=end)


def _since(inside: ir.Table, low: int, high: int | None) -> ir.Table:
    """Return the time from so many days after the last signal to so many, as far as it was observed."""
    ends = [inside["stop"], ibis.coalesce(inside["following"], inside["stop"])]
    if high is not None:
        ends.append(_later(inside["day"], ibis.literal(high)))
    begin = ibis.greatest(inside["start"], _later(inside["day"], ibis.literal(low)))
    return inside.select("outcome", "stop", begin=begin, end=ibis.least(*ends))


def _daily(spells: ir.Table, inside: ir.Table, bands: tuple[int, ...], first: date) -> pd.DataFrame:
    after = [_since(inside, low, high) for low, high in zip((0, *bands), (*bands, None), strict=True)]
    pieces = [
        piece.mutate(state=ibis.literal(state).cast("int64"))
        for state, piece in enumerate([_unsignalled(spells, inside), *after])
    ]
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


def _quiet(spells: ir.Table, inside: ir.Table, window: int, first: date) -> pd.DataFrame:
    # a signal in the last window stands to the end, so that a leaver has one such time in it at most
    every = ibis.union(_unsignalled(spells, inside), _since(inside, window, None))
    gone = every.filter((_["outcome"] == _CONTROLLABLE) & (_["begin"] < _["end"]))
    told = gone.select(
        day=days_between(ibis.literal(first), gone["stop"]),
        since=ibis.least(days_between(gone["begin"], gone["stop"]), window),
        until=days_between(gone["end"], gone["stop"]),
    ).filter(_["until"] < _["since"])
    by = ["day", "since", "until"]
    frame: pd.DataFrame = told.group_by(by).aggregate(n=_.count()).order_by(by).to_pandas()
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


def _leavers(spells: ir.Table, inside: ir.Table, window: int) -> pd.DataFrame:
    long_enough = days_between(spells["start"], spells["stop"]) >= window
    gone = spells.filter((spells["outcome"] == _CONTROLLABLE) & long_enough)
    last = inside.group_by("customer", "start").aggregate(signal=_["day"].max())
    met = gone.left_join(last, ["customer", "start"]).drop("customer_right", "start_right")
    lead = days_between(met["signal"], met["stop"])
    counted = met.select(lead=(lead <= window).ifelse(lead, ibis.null("int64"))).group_by("lead")
    frame: pd.DataFrame = counted.aggregate(n=_.count()).order_by("lead").to_pandas()
    return frame


def _ever(spells: ir.Table, inside: ir.Table) -> pd.DataFrame:
    who = inside.select("customer", "start").distinct().mutate(signalled=True)
    both = spells.left_join(who, ["customer", "start"]).drop("customer_right", "start_right")
    counted = both.group_by(signalled=both["signalled"].fill_null(False)).aggregate(
        days=days_between(both["start"], both["stop"]).sum(),
        left=_.count(where=both["outcome"] == _CONTROLLABLE),
    )
    frame: pd.DataFrame = counted.order_by("signalled").to_pandas()
    return frame


def _count(table: ir.Table) -> int:
    return int(rows(table.aggregate(n=table.count()))[0]["n"])

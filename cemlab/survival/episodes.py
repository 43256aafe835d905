"""Spells cut at dated changes: rows in which nothing recorded changes, for ratios of what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from cemlab.data.lines import days_between
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.survival.episode_tables import refuse_no_numbers, refuse_unlike_keys, table_of, with_room
from cemlab.survival.given import columns_of, mapped

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MADE = ("spell", "start", "stop")
# times this near to each other, as a share, are one
_ROUNDING = 1e-9


def episodes(
    spells: ir.Table | pd.DataFrame,
    changes: ir.Table | pd.DataFrame,
    *,
    customer: str,
    duration: str,
    event: str,
    date: str,
    initial: Mapping[str, object],
    begun: str | None = None,
    entry: str | None = None,
    fixed: Sequence[str] = (),
    known: Mapping[str, str] | None = None,
) -> ir.Table:
    """Cut spells at dated changes, so that what happens later is never told of the time before it.

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine, e.g. of :func:`cemlab.survival.spells`.
    changes
        One row a change: the customer, its date, and the new values; a blank value stays as it was.
    customer
        Column with the customer, in both.
    duration, event, entry
        Columns of the spells with the length at the end, whether the customer left, and the length when
        observation began.
    date
        Column of the changes with the day from which the new values are in force, where `begun` is given; or
        else with the duration at which they are. An event on that very day still belongs to the old values.
    initial
        For each covariate, a column of the changes, the value before its first change, of the same kind; None
        where each spell has a change dated when observation began, or before.
    begun
        Column of the spells with the day on which they began; durations then are in days.
    fixed
        Columns of the spells to carry along, known when observation began.
    known
        For a fixed column that need not have been known then, the column of the spells with the duration at
        which it became known (blank: from the start).

    Returns
    -------
    ibis.expr.types.Table
        customer, spell (its number, 1 for the customer's first), start, stop, the event (true on the last row
        of a spell that ended), the covariates and the fixed columns, under their own names.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For a missing column, two changes of one customer on one day that contradict each other, spells of one
        customer that overlap, a covariate without first value, and a change without its date or a fixed
        column that became known after observation began: told of the whole spell, they make who left early
        look unexposed (immortal time).

    Examples
    --------
    >>> spells = pd.DataFrame({"customer": ["a", "b"], "months": [9, 4], "left": [True, False]})
    >>> changes = pd.DataFrame({"customer": ["a"], "month": [6], "saved": [1]})
    >>> episodes(spells, changes, customer="customer", duration="months", event="left", date="month",
    ...          initial={"saved": 0}).to_pandas()
      customer  spell  start  stop   left  saved
    0        a      1    0.0   6.0  False      0
    1        a      1    6.0   9.0   True      1
    2        b      1    0.0   4.0  False      0
    """
    initial, known = mapped(initial, what="initial"), mapped(known, what="known")
    fixed = columns_of(fixed, what="fixed")
    _refuse_names(customer, event, initial, fixed, known)
    also = [name for name in (begun, entry) if name is not None]
    people = table_of(spells, [customer, duration, event, *also, *fixed, *known.values()], what="spells")
    dated = table_of(changes, [customer, date, *initial], what="changes")
    lengths = {"duration": duration, **({"entry": entry} if entry else {})}
    refuse_no_numbers(people, lengths | {f"known of {n}": since for n, since in known.items()}, what="spells")
    refuse_unlike_keys(people, dated, customer)
    dated = with_room(dated, initial)
    whole = _spells(people, customer, duration, event, begun, entry, fixed)
    _refuse_known(people, known, entry)
    _refuse_spells(whole, begun)
    moments = _moments(dated, customer, date, initial)
    _refuse_moments(moments, date, len(initial))
    values = [f"v{i}" for i in range(len(initial))]
    points = _points(whole, moments, values, list(initial.values()), dated=begun is not None)
    first = ibis.window(group_by="number", order_by="at", following=0)
    filled = points
    for name in values:  # the last value that is not blank: the only one of its group
        filled = filled.mutate(**{f"{name}_n": filled[name].count().over(first)})
        filled = filled.mutate(
            **{name: filled[name].max().over(ibis.window(group_by=["number", f"{name}_n"]))}
        )
    filled = filled.mutate(cut=ibis.greatest(filled["at"], filled["s"]))
    last = ibis.window(group_by=["number", "cut"], order_by=filled["at"].desc())
    kept = filled.mutate(place=ibis.row_number().over(last))
    kept = kept.filter(kept["place"] == 0)
    following = kept["cut"].lead().over(ibis.window(group_by="number", order_by="cut"))
    cut = kept.mutate(stop=following.fill_null(kept["t"]), over=following.isnull())
    _refuse_unknown(cut, values, list(initial))
    made = {
        customer: cut["customer"],
        "spell": cut["spell"],
        "start": cut["cut"],
        "stop": cut["stop"],
        event: cut["e"] & cut["over"],
        **{name: cut[inner] for name, inner in zip(initial, values, strict=True)},
        **{name: cut[f"f{i}"] for i, name in enumerate(fixed)},
    }
    return cut.select(**made).order_by([customer, "spell", "start"])


def _refuse_names(
    customer: str, event: str, initial: Mapping[str, object], fixed: Sequence[str], known: Mapping[str, str]
) -> None:
    if not initial:
        raise OptionError("initial is empty; name each covariate that changes, with its value before it does")
    unknown = [name for name in known if name not in fixed]
    if unknown:
        raise OptionError(one_of(unknown[0], fixed, what="fixed column (in known)"))
    names = [customer, event, *initial, *fixed, *_MADE]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise OptionError(f"the name {twice[0]!r} would stand twice in the result; rename a column")


def _spells(
    people: ir.Table, customer: str, duration: str, event: str, begun: str | None, entry: str | None,
    fixed: Sequence[str],
) -> ir.Table:  # fmt: skip
    """Return the spells under inner names, numbered."""
    told = people[event]
    if not (told.type().is_boolean() or told.type().is_numeric()):
        raise DataError(f"spells, column {event!r} (event): {told.type()} is not true or false, or 1 or 0")
    table = people.select(
        customer=people[customer],
        t=people[duration].cast("float64"),
        s=people[entry].cast("float64") if entry else ibis.literal(0.0),
        e=told.cast("boolean"),
        # a code that nobody declared an event is none: 2 is not true
        undeclared=ibis.literal(False) if told.type().is_boolean() else told.notnull() & ~told.isin([0, 1]),
        begun=_day(people, begun) if begun else ibis.null("date"),
        **{f"f{i}": people[name] for i, name in enumerate(fixed)},
    )
    order = [table["begun"], table["s"], table["t"]]
    table = table.mutate(spell=1 + ibis.row_number().over(ibis.window(group_by="customer", order_by=order)))
    return table.mutate(number=ibis.row_number().over(ibis.window(order_by=["customer", "spell"])))


def _day(table: ir.Table, name: str) -> Any:
    kind = table[name].type()
    if kind.is_date() or (kind.is_timestamp() and kind.timezone is None):
        return table[name].cast("date")
    raise DataError(f"column {name!r}: {kind} is not a business date; cast it to DATE")


def _refuse_spells(whole: ir.Table, begun: str | None) -> None:
    before = ibis.window(group_by="customer", order_by="spell")
    if begun:
        gone = days_between(whole["begun"].lag().over(before), whole["begun"])
        whole = whole.mutate(wrong=gone < whole["t"].lag().over(before))
    else:
        whole = whole.mutate(wrong=whole["spell"] > 1)
    bad = whole["t"].isnull() | whole["s"].isnull() | whole["e"].isnull() | whole["customer"].isnull()
    if begun:
        bad = bad | whole["begun"].isnull()
    late = (whole["t"] <= 0) | (whole["s"] < 0) | (whole["s"] >= whole["t"])
    endless = whole["t"].isinf() | whole["s"].isinf()
    found = _sums(
        whole, blank=bad, late=late, overlap=whole["wrong"], undeclared=whole["undeclared"], endless=endless
    )
    if not found["n"]:
        raise DesignError("there are no spells; hand in at least one row")
    if found["blank"]:
        raise DataError(
            f"spells: customer, duration, event, entry or begin are blank in {found['blank']:,} of "
            f"{found['n']:,}; fill or remove them first"
        )
    if found["undeclared"]:
        raise DataError(
            f"spells: the event is neither true or false nor 1 or 0 in {found['undeclared']:,} of "
            f"{found['n']:,}; state which values are events"
        )
    if found["endless"]:
        raise DataError(
            f"spells: durations or entries are infinite in {found['endless']:,} of {found['n']:,}; leave "
            "those rows out"
        )
    if found["late"]:
        raise DataError(
            f"spells: {found['late']:,} of {found['n']:,} end before or when they were first observed; mend "
            "or remove them first"
        )
    if found["overlap"]:
        advice = "mend their dates" if begun else "state begun=, the day on which each began"
        raise DataError(
            f"spells: {found['overlap']:,} of {found['n']:,} overlap with an earlier one of the same "
            f"customer; {advice}"
        )


def _refuse_known(people: ir.Table, known: Mapping[str, str], entry: str | None) -> None:
    for column, since in known.items():
        start = people[entry].cast("float64") if entry else ibis.literal(0.0)
        found = _sums(people, later=people[since].cast("float64") > start)
        if found["later"]:
            raise DesignError(
                f"the fixed column {column!r} became known after observation began in {found['later']:,} of "
                f"{found['n']:,} spells (immortal time); hand it in as a dated change"
            )


def _moments(dated: ir.Table, customer: str, date: str, initial: Mapping[str, object]) -> ir.Table:
    """Return the changes under inner names, one row for each customer and date."""
    kind = dated[date].type()
    when = dated[date].cast("float64") if kind.is_numeric() else _day(dated, date)
    plain = dated.select(
        customer=dated[customer], day=when, **{f"v{i}": dated[name] for i, name in enumerate(initial)}
    )
    values = [f"v{i}" for i in range(len(initial))]
    return plain.group_by(["customer", "day"]).aggregate(
        n=plain.count(),
        **{name: plain[name].max() for name in values},
        **{f"{name}_k": plain[name].nunique() for name in values},
    )


def _refuse_moments(moments: ir.Table, date: str, terms: int) -> None:
    two: Any = ibis.literal(False)
    for i in range(terms):
        two = two | (moments[f"v{i}_k"] > 1)
    blank = ibis.ifelse(moments["day"].isnull() | moments["customer"].isnull(), moments["n"], 0)
    found = _sums(moments, n=moments["n"], blank=blank, two=two)
    if found["blank"]:
        raise DataError(
            f"changes, column {date!r}: {found['blank']:,} of {found['n']:,} changes have no date (or no "
            "customer); what began on an unknown day cannot be told of a part of a spell, and told of the "
            "whole it makes those who left early look unexposed (immortal time): date them or leave them out"
        )
    if found["two"]:
        raise DataError(
            f"changes: {found['two']:,} customers have two values of one covariate on one day; leave one"
        )


def _points(
    whole: ir.Table, moments: ir.Table, values: list[str], initial: list[object], *, dated: bool
) -> ir.Table:
    """Return a row for the begin of each spell, before all changes, and one for each change in it."""
    if dated == moments["day"].type().is_numeric():
        raise OptionError(
            "the changes are dated in durations and begun is given; state one of the two"
            if dated
            else "the changes have dates, so state begun=, the day on which each spell began"
        )
    joined = whole.join(moments.drop("n", *[f"{name}_k" for name in values]), "customer")
    at = days_between(joined["begun"], joined["day"]).cast("float64") if dated else joined["day"]
    # a change at the begin or the end of observation but for rounding is one at it
    near = (at - joined["s"]).abs() <= _ROUNDING * joined["s"]
    joined = joined.mutate(at=ibis.ifelse(near, joined["s"], at))
    joined = joined.filter(joined["at"] < joined["t"] * (1 - _ROUNDING))
    types = {name: moments[name].type() for name in values}
    start = whole.mutate(
        at=ibis.literal(-1e300),  # before all changes
        **{
            name: ibis.null(types[name]) if value is None else ibis.literal(value).cast(types[name])
            for name, value in zip(values, initial, strict=True)
        },
    )
    return start.union(joined.select(start.columns))


def _refuse_unknown(cut: ir.Table, values: list[str], names: list[str]) -> None:
    found = _sums(cut, **{name: cut[name].isnull() for name in values})
    for inner, name in zip(values, names, strict=True):
        if found[inner]:
            raise DataError(
                f"the covariate {name!r} has no value in {found[inner]:,} of {found['n']:,} intervals before "
                "its first change; state it in initial="
            )


def _sums(table: ir.Table, **columns: Any) -> dict[str, int]:
    """Sum columns, conditions as 1 and 0, and count the rows as n, in one query."""
    expressions: dict[str, Any] = {"n": table.count()}
    expressions |= {name: column.cast("int64").fill_null(0).sum() for name, column in columns.items()}
    row = table.aggregate(**expressions).to_pandas().iloc[0]
    return {str(name): 0 if pd.isna(value) else int(value) for name, value in row.items()}

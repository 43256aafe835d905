"""Spells counted: how many entered observation at one duration, ended at another, and how.

The cells are sufficient for Kaplan–Meier, the log-rank test and hazards by group, with late entry;
there are few of them however many spells there were.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import numpy as np

from cemlab.data.lines import days_between
from cemlab.data.spell_columns import count_where, one_row, refuse_lengths, require_column, under_roles
from cemlab.data.spell_columns import kinds_of as kinds_of
from cemlab.errors import DataError, LeftOutWarning
from cemlab.stats.rounding_ties import merge_near

if TYPE_CHECKING:
    import pandas as pd

#: The cause of a spell that goes on.
NO_CAUSE = "none"

# Texts that are a yes or no and not a cause: counted as causes, every "no" would be an event.
_YES_OR_NO = ("0", "1", "yes", "no", "y", "n", "true", "false", "t", "f", "")
# Texts that say that a spell goes on, in other words than ours: each would be an event too.
_GOES_ON = ("active", "censored", "current", "ongoing", "open", "still here", "still there")


def spell_counts(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    entry: str | None = None,
    group: str | None = None,
    strata: str | None = None,
) -> pd.DataFrame:
    """Count spells by group, entry, duration and how they ended, in one pass over the rows.

    Parameters
    ----------
    spells
        One row is a spell. Column names may be any text.
    duration
        Column with the length of the spell so far [any unit], not negative.
    event
        Column that says whether the end was the event: true or false, or 1 or 0; or a text with the
        cause, where ``"none"`` is a spell that goes on.
    entry
        Column with the length already reached when observation began [same unit]; 0 for spells seen
        from the start. A spell can only be seen if it was longer than that.
    group
        Column whose values are kept apart.
    strata
        Another such column, within whose values groups are to be compared.

    Returns
    -------
    pandas.DataFrame
        One row is a cell: ``group`` (``"all"`` without one), ``strata`` (with it), ``entry`` and ``duration``
        [float], ``event`` [bool], ``cause`` where `event` is a text, ``n`` [whole number of spells]; sorted.
        A spell of length 0 is counted as one that ended at 0. Lengths that differ only by rounding are one
        (:func:`~cemlab.stats.rounding_ties.merge_near`).

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a value is missing or impossible; the line says in how many spells.

    Examples
    --------
    >>> import pandas as pd
    >>> people = pd.DataFrame({"months": [3, 3, 5], "churned": [True, True, False]})
    >>> spell_counts(people, duration="months", event="churned")
      group  entry  duration  event  n
    0   all    0.0       3.0   True  2
    1   all    0.0       5.0  False  1
    """
    further = {"entry": entry, "group": group, "strata": strata}
    columns = {
        "duration": duration,
        "event": event,
        **{role: name for role, name in further.items() if name is not None},
    }
    table = under_roles(spells, columns)
    refuse_lengths(table, {role: columns[role] for role in ("duration", "entry") if role in columns})
    cause = _event_kind(table, columns["event"]) == "cause"
    lengths = [role for role in ("duration", "entry") if role in columns]
    # whole numbers are grouped as they are, which is faster, and turned into numbers with a point as cells
    pointed = {role: table[role].cast("float64") for role in lengths if not table[role].type().is_integer()}
    counted = table.mutate(**pointed).group_by(list(columns)).aggregate(n=ibis._.count())
    cells: pd.DataFrame = counted.to_pandas().astype(dict.fromkeys(lengths, "float64"))
    # what is wrong is counted in the cells, so the rows are read once
    _refuse_missing(cells, columns)
    _refuse_event_values(cells, columns["event"], cause=cause)
    cells = _without_rounding(cells, lengths)
    _refuse_impossible(cells, columns)
    return _tidy(cells, cause=cause)


def _without_rounding(cells: pd.DataFrame, lengths: Sequence[str]) -> pd.DataFrame:
    """Let lengths that differ only by rounding be one, so that ties and entries at an event are seen."""
    merged = merge_near(*(cells[role] for role in lengths))
    if all(np.array_equal(values, cells[role]) for role, values in zip(lengths, merged, strict=True)):
        return cells
    cells = cells.assign(**dict(zip(lengths, merged, strict=True)))
    alike = [name for name in cells.columns if name != "n"]
    return cells.groupby(alike, as_index=False, observed=True)[["n"]].sum()


def _tidy(cells: pd.DataFrame, *, cause: bool) -> pd.DataFrame:
    """Return the cells with the columns and kinds of :func:`spell_counts`, sorted."""
    if "group" not in cells:
        cells["group"] = "all"
    if "entry" not in cells:
        cells["entry"] = 0.0
    if cause:
        cells["cause"] = cells["event"].astype(object)
    cells["event"] = cells["event"] != NO_CAUSE if cause else cells["event"].astype(bool)
    order = ["group", "strata", "entry", "duration", "event", "cause"]
    order = [name for name in order if name in cells]
    return cells[[*order, "n"]].sort_values(order, ignore_index=True)


def dated_spells(
    subscriptions: ir.Table, *, as_of: date, observed_from: str | date | None = "observed_from"
) -> ir.Table:
    """Turn the dates of spells into exact durations in days.

    Spells that begin after `as_of` are left out, and so are those that had ended by the day observation
    began: nobody could have seen them, and counting them would hide the leavers of that time. A
    :class:`~cemlab.errors.LeftOutWarning` says how many.

    Parameters
    ----------
    subscriptions
        One row is a spell: ``entry``, ``exit`` [DATE; blank while it goes on], ``cause``.
    as_of
        Last day observed; a later exit is not known yet.
    observed_from
        First day on which leaving would have been seen: a date for all, or a column of dates, where a
        blank means from the start. A column of the default name that is not there means the same.

    Returns
    -------
    ir.Table
        All columns, ``cause`` as known at `as_of`, and: ``duration`` [days], ``observed_after`` [days
        already reached when observation began], ``left`` [whether the spell ended by `as_of`].

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a spell has no entry, ends before it begins, or its exit and cause contradict each other.
    """
    for name in ("entry", "exit", "cause"):
        require_column(subscriptions, name, "subscriptions")
    spells = subscriptions.mutate(entry=_date(subscriptions, "entry"), exit=_date(subscriptions, "exit"))
    _refuse_contradictions(spells)
    begun = spells.filter(spells["entry"] <= as_of)
    left = begun["exit"].notnull() & (begun["exit"] <= as_of)
    end = ibis.ifelse(left, begun["exit"], ibis.literal(as_of))
    seen = _seen_from(begun, observed_from)
    dated = begun.mutate(
        duration=days_between(begun["entry"], end),
        observed_after=ibis.greatest(days_between(begun["entry"], seen), 0),
        left=left,
        cause=ibis.ifelse(left, begun["cause"].fill_null("unknown"), NO_CAUSE),
    )
    over = (dated["observed_after"] > 0) & (dated["observed_after"] >= dated["duration"])
    _warn_of_left_out(
        n=one_row(spells.aggregate(n=spells.count()))["n"],
        **one_row(dated.aggregate(begun=dated.count(), over=count_where(over))),
        as_of=as_of,
    )
    return dated.filter(~over)


def _warn_of_left_out(*, n: int, begun: int, over: int, as_of: date) -> None:
    later = n - begun
    reasons = [
        *([f"{over:,} ended before observation began"] if over else []),
        *([f"{later:,} began after {as_of}"] if later else []),
    ]
    if reasons:
        warnings.warn(
            f"subscriptions: {over + later:,} of {n:,} spells left out, nobody could have seen them: "
            f"{' and '.join(reasons)}",
            LeftOutWarning,
            stacklevel=3,
        )


def _refuse_missing(cells: pd.DataFrame, columns: dict[str, str]) -> None:
    for role, name in columns.items():
        missing = cells[role].isna()
        if cells[role].dtype.kind == "f":
            missing |= np.isinf(cells[role])  # infinity is no length of time
        if missing.any():
            advice = (
                "give them a name, e.g. 'unknown'"
                if role in ("group", "strata")
                else "leave them out or fill them in"
            )
            raise DataError(
                f"spells, column {name!r} ({role}): missing in {_share(cells, missing)}; {advice}"
            )


def _share(cells: pd.DataFrame, chosen: Any) -> str:
    return f"{int(cells['n'][chosen].sum()):,} of {int(cells['n'].sum()):,} spells"


def _event_kind(table: ir.Table, name: str) -> str:
    """Return "cause" for a text, and "truth" for what says yes or no; refuse anything else."""
    kind = table["event"].type()
    if kind.is_string():
        return "cause"
    if kind.is_boolean() or kind.is_numeric():
        return "truth"
    raise DataError(f"spells, column {name!r} (event): {kind} is not true or false, 1 or 0, or a cause")


def _refuse_event_values(cells: pd.DataFrame, name: str, *, cause: bool) -> None:
    column = cells["event"]
    if cause:
        told = column.str.strip().str.lower()
        wrong = told.isin([*_YES_OR_NO, *_GOES_ON]) | ((told == NO_CAUSE) & (column != NO_CAUSE))
        allowed = "a cause, or 'none' while the spell goes on"
        advice = "turn a yes or no into true or false, and what means 'still there' into 'none'"
    else:
        wrong, allowed = ~column.isin([0, 1]), "true or false, or 1 or 0"
        advice = "a cause must be a text"
    if wrong.any():
        values = ", ".join(repr(value) for value in sorted(column[wrong].unique().tolist())[:6])
        raise DataError(f"spells, column {name!r} (event): {values}; allowed is {allowed}; {advice}")


def _refuse_impossible(cells: pd.DataFrame, columns: dict[str, str]) -> None:
    negative = cells["duration"] < 0
    if negative.any():
        raise DataError(
            f"spells, column {columns['duration']!r} (duration): negative in {_share(cells, negative)}; "
            "correct their dates or leave them out"
        )
    if "entry" not in columns:
        return
    before, late = cells["entry"] < 0, (cells["entry"] > 0) & (cells["entry"] >= cells["duration"])
    if before.any():
        raise DataError(
            f"spells, column {columns['entry']!r} (entry): negative in {_share(cells, before)}; "
            "0 means seen from the start"
        )
    if late.any():
        raise DataError(
            f"spells, column {columns['entry']!r} (entry): not less than {columns['duration']!r} in "
            f"{_share(cells, late)}; they ended before anybody looked, leave them out"
        )


def _refuse_contradictions(spells: ir.Table) -> None:
    ended, named = spells["exit"].notnull(), spells["cause"] != NO_CAUSE
    wrong = {
        "have no entry; leave them out": spells["entry"].isnull(),
        "end before they begin (exit before entry); correct the dates": spells["exit"] < spells["entry"],
        "have an exit but the cause 'none'; use 'unknown' where the cause is not recorded": ended & ~named,
        "have a cause but no exit; state the day they ended": ~ended & named,
    }
    labels = {f"c{i}": sentence for i, sentence in enumerate(wrong)}
    counts = {f"c{i}": count_where(condition) for i, condition in enumerate(wrong.values())}
    found = one_row(spells.aggregate(n=spells.count(), **counts))
    for label, sentence in labels.items():
        if found[label]:
            raise DataError(f"subscriptions: {found[label]:,} of {found['n']:,} spells {sentence}")


def _seen_from(spells: ir.Table, observed_from: str | date | None) -> Any:
    if isinstance(observed_from, date):
        return ibis.literal(observed_from)
    if observed_from is None or (observed_from == "observed_from" and observed_from not in spells.columns):
        return spells["entry"]
    require_column(spells, observed_from, "subscriptions")
    return ibis.coalesce(_date(spells, observed_from), spells["entry"])


def _date(table: ir.Table, name: str) -> Any:
    kind = table[name].type()
    if kind.is_date() or kind.is_null() or (kind.is_timestamp() and kind.timezone is None):
        return table[name].cast("date")
    raise DataError(f"subscriptions, column {name!r}: {kind} is not a business date; cast it to DATE")

"""The periods of a roll-out and the one in which each unit begins to be treated."""

from __future__ import annotations

import datetime
import numbers
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import DataError, DesignError
from cemlab.markup import join_words, label

if TYPE_CHECKING:
    Ints = npt.NDArray[np.int64]

Kind = Literal["dates", "whole numbers"]
# Names shown before the rest is only counted.
_SHOWN = 5


def names(items: list[Any]) -> str:
    """Return the first names of a list, and how many more there are."""
    more = len(items) - _SHOWN
    shown = [label(item) for item in items[:_SHOWN]]
    return ", ".join(shown) + f" and {more:,} more" if more > 0 else join_words(shown)


def as_periods(values: pd.Series[Any], column: str, *, missing_allowed: bool) -> tuple[pd.Series[Any], Kind]:
    """Return periods as timestamps or as numbers (missing as NaN), and which of the two they are.

    Raises
    ------
    DataError
        If they are neither dates nor whole numbers, or missing where they must not be.
    """
    where = f"panel, column {column!r}"
    if not missing_allowed and values.isna().any():
        raise DataError(f"{where}: {int(values.isna().sum()):,} rows have no period; each row needs one")
    if isinstance(values.dtype, pd.PeriodDtype):
        return values.dt.to_timestamp(), "dates"
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_localize(None), "dates"
    if values.dtype.kind == "M":
        return values, "dates"
    seen = values.dropna()
    if values.dtype.kind in "iuf" or (len(seen) and all(_is_whole(value) for value in seen)):
        return _whole(values.astype(float), where, infinite=missing_allowed), "whole numbers"
    if len(seen) and all(isinstance(value, datetime.date) for value in seen):
        if _zone(values) is None:
            raise DataError(f"{where}: its dates are of several time zones; write all of them in one")
        return as_periods(pd.to_datetime(values), column, missing_allowed=missing_allowed)
    if missing_allowed and not len(seen):
        return pd.Series(np.nan, index=values.index), "whole numbers"
    kind = type(seen.iloc[0]).__name__
    raise DataError(
        f"{where}: {seen.iloc[0]!r} is a {kind}; allowed are dates and whole numbers, e.g. 2004; "
        "make texts dates with pandas.to_datetime"
    )


def require_one_zone(frame: pd.DataFrame, time: str, first_treated: str) -> None:
    """Refuse a period and a first treated one in different time zones: midnight here is another day there.

    Raises
    ------
    DataError
        With the zones.
    """
    zones = {name: _zone(frame[name]) for name in (time, first_treated) if frame[name].notna().any()}
    if len(set(zones.values())) > 1 and None not in zones.values():
        told = join_words([f"{name!r} {zone or 'without one'}" for name, zone in zones.items()])
        raise DataError(
            f"panel: periods and first treated ones are of different time zones ({told}), so that a period's "
            "beginning may fall into another; write both in one"
        )


def _zone(values: pd.Series[Any]) -> str | None:
    """Return the time zone of a column, empty for none; None where its values have several."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return str(values.dt.tz)
    if values.dtype != object:
        return ""
    zones = {str(getattr(value, "tzinfo", None) or "") for value in values.dropna()}
    return zones.pop() if len(zones) == 1 else None


def _is_whole(value: object) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, bool | np.bool_)


def _whole(values: pd.Series[Any], where: str, *, infinite: bool) -> pd.Series[Any]:
    """Return whole numbers as floats; infinity, where allowed, as missing."""
    known = values.replace([np.inf], np.nan) if infinite else values
    seen = known.dropna()
    odd = seen[(seen % 1 != 0) | np.isinf(seen)]
    if len(odd):
        raise DataError(f"{where}: {odd.iloc[0]:g} is no whole number; periods are dates or whole numbers")
    return known


def require_regular(periods: pd.Index[Any], column: str) -> None:
    """Refuse periods of which one is missing for all, and fewer than two.

    Raises
    ------
    DesignError
        If the steps differ, with the place.
    """
    if len(periods) < 2:
        raise DesignError(
            f"panel, column {column!r}: only {len(periods)} period; an effect needs one before and one after"
        )
    steps = _steps(periods)
    odd = np.flatnonzero(steps != steps.min())
    if len(odd):
        before, after = periods[int(odd[0])], periods[int(odd[0]) + 1]
        raise DesignError(
            f"panel, column {column!r}: nothing between {label(before)} and {label(after)}, a longer step "
            "than between other periods; add the missing period, or number the periods 1, 2, 3, … "
            "if they are even"
        )


def _steps(periods: pd.Index[Any]) -> Ints:
    """Return the steps between periods: in months where all are of one day of the month, else in days."""
    if not isinstance(periods, pd.DatetimeIndex):
        return np.diff(periods.to_numpy()).astype(np.int64)
    months = np.diff(periods.year * 12 + periods.month).astype(np.int64)
    last = periods.is_month_end.all()
    if (last or len(set(periods.day)) == 1) and (months > 0).all():
        return months
    seconds = np.diff(periods.to_numpy()).astype("timedelta64[s]")
    return seconds.astype(np.int64)


def first_periods(
    began: pd.Series[Any], kind: Kind, periods: pd.Index[Any], periods_kind: Kind, column: str
) -> Ints:
    """Return the number of the first period at or after each unit's beginning; their count for never.

    Raises
    ------
    DataError
        If dates and numbers are mixed, or 0 may mean never as well as a period.
    """
    never = began.isna().to_numpy()
    if never.all():
        return np.full(len(began), len(periods), dtype=np.int64)
    if kind != periods_kind:
        raise DataError(
            f"panel, column {column!r}: it holds {kind}, the periods are {periods_kind}; "
            "write both in one way"
        )
    values = began.to_numpy()
    if kind == "whole numbers":
        if (values == 0).any() and periods[0] <= 0:
            raise DataError(
                f"panel, column {column!r}: 0 stands for never treated, but the periods begin at "
                f"{label(periods[0])}; leave it empty for units never treated, or number the periods from 1"
            )
        never |= values == 0
    place = np.searchsorted(periods.to_numpy(), np.where(never, periods.to_numpy()[0], values), side="left")
    return np.where(never, len(periods), place).astype(np.int64)


def switched_on(treated: pd.DataFrame, unit: str, column: str) -> Ints:
    """Return the number of the first treated period of each unit from its row of 0 and 1, (units, periods).

    Raises
    ------
    DesignError
        If a treatment switches off, with the first unit's name and period.
    """
    flags: npt.NDArray[np.bool_] = np.asarray(treated.to_numpy(dtype=float) > 0)
    off = flags[:, :-1] & ~flags[:, 1:]
    if off.any():
        rows = np.flatnonzero(off.any(axis=1))
        row = int(rows[0])
        period = treated.columns[int(np.flatnonzero(off[row])[0]) + 1]
        others = f", and so do {len(rows) - 1:,} others" if len(rows) > 1 else ""
        raise DesignError(
            f"panel, column {column!r}: the treatment of {unit} {label(treated.index[row])} switches off in "
            f"{label(period)}{others}; who is treated once must stay treated. "
            "End the panel before, or leave them out"
        )
    place: Ints = np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1]).astype(np.int64)
    return place

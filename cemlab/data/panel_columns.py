"""The columns of a panel: numbers that are numbers, periods in even steps, units that are told apart."""

from __future__ import annotations

import datetime
import numbers
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cemlab.errors import DataError, DesignError
from cemlab.markup import join_words, label

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

Kind = Literal["dates", "whole numbers"]
# Squares of larger numbers cannot be held, nor those of numbers closer together than its inverse.
LARGEST = 1e100
# Names shown before the rest is only counted.
_SHOWN = 5


def names(items: list[Any]) -> str:
    """Return the first names of a list, and how many more there are."""
    more = len(items) - _SHOWN
    shown = [label(item) for item in items[:_SHOWN]]
    return ", ".join(shown) + f" and {more:,} more" if more > 0 else join_words(shown)


def as_numbers(values: pd.Series[Any], column: str, *, example: str) -> pd.Series[Any]:
    """Return a column as floats, missing as NaN.

    Raises
    ------
    DataError
        If it holds anything but finite numbers.
    """
    where = f"panel, column {column!r}"
    seen = values.dropna()
    if not (
        values.dtype.kind in "iufb" or all(isinstance(v, int | float | Decimal | np.number) for v in seen)
    ):
        odd = next(v for v in seen if not isinstance(v, int | float | Decimal | np.number))
        hint = "; make texts numbers with pandas.to_numeric" if isinstance(odd, str) else ""
        raise DataError(f"{where}: {odd!r} is a {type(odd).__name__}; allowed are numbers, {example}{hint}")
    found = values.astype(float)
    if np.isinf(found).any():
        raise DataError(
            f"{where}: {int(np.isinf(found).sum()):,} values are infinite; leave them empty or mend them"
        )
    if (found.abs() > LARGEST).any():
        raise DataError(
            f"{where}: {found[found.abs() > LARGEST].iloc[0]:.3g} is beyond all reckoning; allowed is "
            f"what is up to {LARGEST:g}"
        )
    return found


def require_one_currency(panel: pd.DataFrame) -> None:
    """Refuse a panel whose column ``currency``, in capitals or not, names more than one.

    Raises
    ------
    DataError
        With their names.
    """
    for column in panel.columns:
        if str(column).casefold() != "currency" or panel[column].nunique() < 2:
            continue
        found = sorted(map(str, panel[column].dropna().unique()))
        raise DataError(
            f"panel, column {column!r}: {names(found)} are mixed; convert all amounts to one currency first"
        )


def require_apart(units: pd.Index[Any], unit: str) -> None:
    """Refuse units whose names are the same as text, as 1 and "1".

    Raises
    ------
    DataError
        With the first such name.
    """
    texts = pd.Index([str(name) for name in units])
    if texts.has_duplicates:
        twice = texts[texts.duplicated()][0]
        raise DataError(
            f"panel, column {unit!r}: {twice!r} stands for several, as number and text; make all text"
        )


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
        if time_zone(values) is None:
            raise DataError(f"{where}: its dates are of several time zones; write all of them in one")
        return as_periods(pd.to_datetime(values), column, missing_allowed=missing_allowed)
    if missing_allowed and not len(seen):
        return pd.Series(np.nan, index=values.index), "whole numbers"
    kind = type(seen.iloc[0]).__name__
    raise DataError(
        f"{where}: {seen.iloc[0]!r} is a {kind}; allowed are dates and whole numbers, e.g. 2004; "
        "make texts dates with pandas.to_datetime"
    )


def time_zone(values: pd.Series[Any]) -> str | None:
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
    steps = period_steps(periods)
    odd = np.flatnonzero(steps != steps.min())
    if len(odd):
        before, after = periods[int(odd[0])], periods[int(odd[0]) + 1]
        raise DesignError(
            f"panel, column {column!r}: nothing between {label(before)} and {label(after)}, a longer step "
            "than between other periods; add the missing period, or number the periods 1, 2, 3, … "
            "if they are even"
        )


def period_steps(periods: pd.Index[Any]) -> Ints:
    """Return the steps between periods: in months where all are of one day of the month, else in days."""
    if not isinstance(periods, pd.DatetimeIndex):
        return np.diff(periods.to_numpy()).astype(np.int64)
    months = np.diff(periods.year * 12 + periods.month).astype(np.int64)
    last = periods.is_month_end.all()
    if (last or len(set(periods.day)) == 1) and (months > 0).all():
        return months
    seconds = np.diff(periods.to_numpy()).astype("timedelta64[s]")
    return seconds.astype(np.int64)

"""The time of Halden: 48 months from 1 January 2022, counted in days and months from there."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from cemlab.simulate.streams import Ints

#: The first day of the data.
FIRST = date(2022, 1, 1)
#: Months of the data.
MONTHS = 48

_MONTHS = np.datetime64(FIRST, "M") + np.arange(-144, MONTHS + 25)

#: First day of months 0 to 48 in days from FIRST; the last entry is the first day after the data.
MONTH_STARTS: Ints = (
    (_MONTHS[144 : 144 + MONTHS + 1].astype("datetime64[D]")) - np.datetime64(FIRST, "D")
).astype(np.int64)
#: Days of the data.
DAYS = int(MONTH_STARTS[-1])
#: The last day of the data.
LAST = (np.datetime64(FIRST, "D") + (DAYS - 1)).astype(date)
#: A month in days, for durations.
MONTH_DAYS = DAYS / MONTHS


def day_of(moment: npt.NDArray[np.float64]) -> Ints:
    """Turn moments in months from the start (fractions allowed, negative before it) into days from FIRST.

    Months are taken as equally long (:data:`MONTH_DAYS`), so that a duration in months is a duration in days.

    Examples
    --------
    >>> day_of(np.array([0.0, 48.0])).tolist()
    [0, 1461]
    """
    return np.floor(np.asarray(moment) * MONTH_DAYS).astype(np.int64)


def month_of(day: Ints) -> Ints:
    """Return the calendar month, from 0, of days within the data.

    Examples
    --------
    >>> month_of(np.array([0, 30, 31, 1460])).tolist()
    [0, 0, 1, 47]
    """
    return np.searchsorted(MONTH_STARTS, np.asarray(day), side="right") - 1


def month_dates() -> list[date]:
    """Return the first day of each month of the data."""
    return [(np.datetime64(FIRST, "D") + int(start)).astype(date) for start in MONTH_STARTS[:-1]]

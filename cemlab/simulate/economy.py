"""What happens around Halden: the economy month by month, holidays and public events day by day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cemlab.simulate.arrow import dates, labels, numbers
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import DAYS, FIRST, LAST, MONTH_STARTS, MONTHS
from cemlab.simulate.worlds import World

#: Days before and after a great feast in which people answer less.
NEAR = 7

# What a recession does to the economy once it has fully arrived, and how fast it arrives.
_UNEMPLOYMENT, _CONFIDENCE = (0.052, 0.034), (100.0, -22.0)
_ARRIVAL_MONTHS = 4.0

# Public events, by name: (first day, last day).
_EVENTS: dict[str, tuple[tuple[date, date], ...]] = {
    "football tournament": (
        (date(2022, 11, 20), date(2022, 12, 18)),
        (date(2024, 6, 14), date(2024, 7, 14)),
    ),
    "home and garden fair": tuple((date(year, 3, 10), date(year, 3, 13)) for year in range(2022, 2026)),
    "town fair": tuple((date(year, 9, 22), date(year, 9, 25)) for year in range(2022, 2026)),
}


def macro(world: World) -> pa.Table:
    """Return the economy, one row a month: calm with small waves, worse once a recession has begun.

    Parameters
    ----------
    world
        The world, which says when the recession begins, if it does.
    """
    months = np.arange(MONTHS)
    begins = MONTHS if world.recession is None else world.recession
    depth = 1 - np.exp(-np.clip(months + 1 - begins, 0, None) / _ARRIVAL_MONTHS)
    return pa.table(
        {
            "month": dates(MONTH_STARTS[:-1]),
            "unemployment": numbers(_level(_UNEMPLOYMENT, depth) + 0.001 * _wave(months), decimals=4),
            "confidence": numbers(_level(_CONFIDENCE, depth) - 1.5 * _wave(months + 2), decimals=1),
        }
    )


def _level(calm_and_change: tuple[float, float], depth: Floats) -> Floats:
    calm, change = calm_and_change
    return calm + change * depth


def _wave(months: Ints) -> Floats:
    """Two waves of unrelated length: ups and downs without a trend, between -1 and 1."""
    wave: Floats = 0.6 * np.sin(months / 1.7) + 0.4 * np.sin(months / 4.3 + 1)
    return wave


def easter(year: int) -> date:
    """Return Easter Sunday of a year of the Gregorian calendar.

    The Gregorian computus: the Sunday after the first full moon, as tabulated, on or after 21 March.

    Parameters
    ----------
    year
        The year.

    Examples
    --------
    >>> easter(2024)
    datetime.date(2024, 3, 31)
    """
    century, golden = year // 100, year % 19
    lost_leap_days = century - century // 4
    moon_drift = (8 * century + 13) // 25
    epact = (19 * golden + lost_leap_days - moon_drift + 15) % 30
    # Two full moons too late for the tables are taken a day earlier.
    full_moon = epact - (epact == 29 or (epact == 28 and golden > 10))
    days_to_sunday = 7 - (year + year // 4 + full_moon + 2 - lost_leap_days) % 7
    return date(year, 3, 21) + timedelta(days=full_moon + days_to_sunday)


def midsummer(year: int) -> date:
    """Return Midsummer Day: the Saturday from 20 to 26 June.

    Examples
    --------
    >>> midsummer(2025)
    datetime.date(2025, 6, 21)
    """
    earliest = date(year, 6, 20)
    return earliest + timedelta(days=(5 - earliest.weekday()) % 7)


def holidays() -> dict[date, str]:
    """Return the public holidays within the data, by date."""
    found: dict[date, str] = {}
    for year in range(FIRST.year, LAST.year + 1):
        sunday = easter(year)
        found |= {
            date(year, 1, 1): "New Year's Day",
            sunday - timedelta(days=2): "Good Friday",
            sunday: "Easter Sunday",
            sunday + timedelta(days=1): "Easter Monday",
            date(year, 5, 1): "May Day",
            sunday + timedelta(days=39): "Ascension Day",
            sunday + timedelta(days=50): "Whit Monday",
            midsummer(year): "Midsummer Day",
            date(year, 12, 24): "Christmas Eve",
            date(year, 12, 25): "Christmas Day",
            date(year, 12, 26): "Second Day of Christmas",
        }
    return found


def closed_days() -> npt.NDArray[np.bool_]:
    """Return for each day of the data whether the stores are closed: Sundays and public holidays.

    Examples
    --------
    >>> closed_days()[:4].tolist()  # New Year's Day 2022 and the Sunday after it
    [True, True, False, False]
    """
    closed: npt.NDArray[np.bool_] = (np.arange(DAYS) + FIRST.weekday()) % 7 == 6
    closed[[(day - FIRST).days for day in holidays()]] = True
    return closed


def calendar() -> pa.Table:
    """Return the days of the data with their holidays and public events, blank on other days."""
    holiday = _named_days(_days_by_name(holidays()))
    event = _named_days(
        {
            name: [first + timedelta(days=i) for first, last in spans for i in range((last - first).days + 1)]
            for name, spans in _EVENTS.items()
        }
    )
    return pa.table({"date": dates(np.arange(DAYS)), "holiday": holiday, "public_event": event})


def _days_by_name(named: dict[date, str]) -> dict[str, list[date]]:
    return {name: [day for day, other in named.items() if other == name] for name in named.values()}


def _named_days(days_by_name: dict[str, list[date]]) -> pa.Array:
    """Make a column over the days with a name on some of them."""
    codes = np.full(DAYS, -1, dtype=np.int64)
    for code, days in enumerate(days_by_name.values()):
        codes[[(day - FIRST).days for day in days]] = code
    return labels(list(days_by_name), np.maximum(codes, 0), missing=codes < 0)


def near_holiday() -> npt.NDArray[np.bool_]:
    """Return for each day whether it is within seven days of a great feast, before or after.

    The feasts are Easter Sunday, Midsummer Day and Christmas Day: around them people are away, answer fewer
    questionnaires and fewer messages. The last days of 2021 count for the first days of the data.
    """
    near = np.zeros(DAYS, dtype=bool)
    for year in range(FIRST.year - 1, LAST.year + 2):
        for feast in (easter(year), midsummer(year), date(year, 12, 25)):
            day = (feast - FIRST).days
            near[max(day - NEAR, 0) : max(day + NEAR + 1, 0)] = True
    return near

"""Hazards over the months of the data: what they add up to, and when a clock of such a hazard rings.

A hazard is constant within a month but for windows that may open and close at any moment, as an onboarding
does. Their borders are met exactly: a month's hazard is its mean over the time exposed, and a moment within
the month is found on the true, broken line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS, day_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Window:
    """A time in which a hazard is multiplied; infinite moments for customers without one."""

    start: Floats  #: (n) moment
    end: Floats  #: (n) moment
    ratio: Floats  #: (n)

    def at(self, moment: Floats) -> Floats:
        """Return the multiple at moments, customers along the last axis."""
        return np.where((moment >= self.start) & (moment < self.end), self.ratio, 1.0)


Windows = tuple[Window, ...]


def day_within(moment: Floats) -> Ints:
    """Return the days of moments within the data, none before the calendar month whose hazard it has.

    Months of equal length begin up to a day before some calendar months. What happens under a month's
    hazard on that day is moved on to the next, so that no effect is on the books before its cause.

    Examples
    --------
    >>> day_within(np.array([36.0, 36.5])).tolist(), int(MONTH_STARTS[36])
    ([1096, 1110], 1096)
    """
    return np.maximum(day_of(moment), MONTH_STARTS[np.floor(moment).astype(np.int64)])


@dataclass(frozen=True, eq=False, kw_only=True)
class Clock:
    """The cumulative hazard of one cause for each customer, from the moment of exposure on."""

    base: Floats  #: (n, 48) hazard a month without the windows
    hazard: Floats  #: (n, 48) hazard a month: the month's mean over the time exposed
    total: Floats  #: (n, 49) hazard accumulated at the beginning of months 0 to 48
    since: Floats  #: (n) moment from which the customer is exposed
    windows: Windows

    def rate(self, row: Ints, moment: Floats) -> Floats:
        """Return the hazard a month at moments (…, k) of some customers (k), within the data."""
        rate = self.base[row, np.clip(moment, 0, MONTHS - 1).astype(np.int64)]
        for window in self.windows:
            inside = (moment >= window.start[row]) & (moment < window.end[row])
            rate = np.where(inside, rate * window.ratio[row], rate)
        return rate

    def ahead(self, moment: Floats, length: float) -> Floats:
        """Return the hazard (n) that a time from a moment on would add if the month's base rate held.

        It knows nothing of months to come: only the windows, which are known beforehand, open and close.
        """
        rate = self.base[np.arange(len(moment)), np.clip(moment, 0, MONTHS - 1).astype(np.int64)]
        gathered: Floats = rate * _integral(self.windows, moment, moment + length)
        return gathered

    def until(self, moment: Floats) -> Floats:
        """Return the hazard accumulated (n) at a moment of each customer, within the data."""
        month = np.clip(moment, 0, MONTHS - 1).astype(np.int64)
        opens: Floats = month.astype(float)
        begin = np.maximum(opens, self.since)
        whole = _integral(self.windows, begin, opens + 1)
        part = _integral(self.windows, begin, moment)
        share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        before, after = self._around(month)
        reached: Floats = before + share * (after - before)
        return reached

    def rings(self, level: Floats) -> Floats:
        """Return the moment (n) at which the hazard accumulated reaches a level; infinite if not in the data.

        With standard exponential levels these are the moments of the cause, by inversion.
        """
        month = (self.total[:, 1:] < level[:, None]).sum(axis=1, dtype=np.int64)
        late = month == MONTHS
        month[late] = MONTHS - 1
        before, after = self._around(month)
        gain = after - before
        share = np.divide(level - before, gain, out=np.zeros_like(level), where=gain > 0)
        begin = np.maximum(month, self.since)
        moment = _inverse(self.windows, begin, month + 1.0, np.clip(share, 0, 1))
        return np.where(late, np.inf, moment)

    def _around(self, month: Ints) -> tuple[Floats, Floats]:
        """Return the hazard accumulated at both ends of a month of each customer."""
        row = np.arange(len(month))
        return self.total[row, month], self.total[row, month + 1]


def clock(base: Floats, since: Floats, windows: Windows) -> Clock:
    """Return the clock of a hazard.

    Parameters
    ----------
    base
        Hazard a month without the windows (n, 48).
    since
        Moment from which each customer is exposed, within the data (n).
    windows
        When the hazard is another one; those that overlap multiply.
    """
    months = np.arange(MONTHS, dtype=float)[:, None]
    exposed = np.clip(months + 1 - since, 0, 1)
    hazard = base * _month_means(windows, since, months).T if windows else base
    total = np.zeros((len(since), MONTHS + 1))
    np.cumsum(hazard * exposed.T, axis=1, out=total[:, 1:])
    return Clock(base=base, hazard=hazard, total=total, since=since, windows=windows)


def _month_means(windows: Windows, since: Floats, months: Floats) -> Floats:
    """Return the mean multiple (48, n) of each month over the time exposed in it."""
    middles = months + 0.5
    means = np.ones((MONTHS, len(since)))
    for window in windows:
        means *= window.at(middles)
    # Months with a border in them, or the one of joining, are few: those are integrated piece by piece.
    row = np.arange(len(since))
    for border in (since, *(edge for window in windows for edge in (window.start, window.end))):
        month = np.clip(border, 0, MONTHS - 1).astype(np.int64)
        begin = np.clip(since, month, None)
        length = month + 1 - begin
        exposed = length > 0
        whole = _integral(windows, begin, month + 1.0)
        means[month[exposed], row[exposed]] = whole[exposed] / length[exposed]
    return means


def pieces(windows: Windows, begin: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Return the borders of the pieces between two moments (k + 1, n), and the multiple in each (k, n).

    Parameters
    ----------
    windows
        What divides the time.
    begin, end
        Two moments of each customer (n).
    """
    edges = [edge for window in windows for edge in (window.start, window.end)]
    borders = np.sort(np.clip(np.array([begin, *edges, end]), begin, np.maximum(begin, end)), axis=0)
    middles = (borders[:-1] + borders[1:]) / 2
    multiples = np.ones_like(middles)
    for window in windows:
        multiples *= window.at(middles)
    return borders, multiples


def _integral(windows: Windows, begin: Floats, end: Floats) -> Floats:
    """Return the integral of the multiple between two moments of each customer."""
    borders, multiples = pieces(windows, begin, end)
    integral: Floats = (multiples * np.diff(borders, axis=0)).sum(axis=0)
    return integral


def _inverse(windows: Windows, begin: Floats, end: Floats, share: Floats) -> Floats:
    """Return the moment at which a share of the integral between two moments is reached."""
    borders, multiples = pieces(windows, begin, end)
    gains = multiples * np.diff(borders, axis=0)
    reached = np.cumsum(gains, axis=0)
    wanted = share * reached[-1]
    piece = np.minimum((reached < wanted).sum(axis=0), len(gains) - 1)
    column = np.arange(len(share))
    missing = wanted - (reached[piece, column] - gains[piece, column])
    slope = multiples[piece, column]
    moment: Floats = borders[piece, column] + np.divide(
        missing, slope, out=np.zeros_like(missing), where=slope > 0
    )
    return np.minimum(moment, end)

"""The true retention curve of those under observation, from the hazards that made the data.

At each length of contract the hazards of those then at risk are averaged; the curve is what these averages
add up to. An estimate from the same spells differs from it by chance alone (the difference is a martingale),
which is what an interval promises to cover.
"""

from __future__ import annotations

import numpy as np

from cemlab.simulate.customers.hazards import Clock, pieces
from cemlab.simulate.customers.lives import clocks_of
from cemlab.simulate.customers.offers import WINDOW_DAYS, shares_moved
from cemlab.simulate.state import AS_IT_WAS, Lives, Members
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTHS
from cemlab.simulate.worlds import World

_WILLING = 2  # causes of leaving by one's own will, the only ones that an offer acts on


class AtRisk:
    """Customers at risk and their true hazard, summed by days of contract.

    Parameters
    ----------
    longest
        Days of contract up to which is counted.
    """

    def __init__(self, longest: int) -> None:
        self._n = np.zeros(longest)
        self._hazard = np.zeros(longest)

    def add(self, world: World, members: Members, lives: Lives) -> None:
        """Add a block of customers as they lived."""
        clocks = clocks_of(world, members, lives.experience, AS_IT_WAS)
        since = np.maximum(members.joined, 0)
        ended = np.minimum(lives.exit, DAYS) / MONTH_DAYS
        row = np.arange(len(members))
        for month in range(MONTHS):
            begin = np.maximum(month, since)
            borders, _ = pieces(clocks[0].windows, begin, np.clip(ended, begin, month + 1))
            middles = (borders[:-1] + borders[1:]) / 2
            hazard = np.sum([hand.rate(row, middles) for hand in clocks], axis=0)
            watched = np.diff(borders, axis=0) > 0
            tenure = (borders - members.joined) * MONTH_DAYS
            spans = tenure[:-1][watched], tenure[1:][watched]
            self._n += _spread(*spans, np.ones(len(spans[0])), len(self._n))
            self._hazard += _spread(*spans, hazard[watched] / MONTH_DAYS, len(self._n))
        self._answer(world, members, lives, clocks[:_WILLING])

    def _answer(self, world: World, members: Members, lives: Lives, clocks: tuple[Clock, ...]) -> None:
        """Add what save offers changed in the hazards of those who got one, day by day."""
        kept, driven = shares_moved(world.leaving, lives.risk, lives.risk_then)
        row = np.flatnonzero(lives.offered & (kept + driven > 0))
        day = lives.considered_day[row] + np.arange(WINDOW_DAYS)[:, None]
        middle = np.asarray((day + 0.5) / MONTH_DAYS, dtype=np.float64)
        own = np.sum([hand.rate(row, middle) for hand in clocks], axis=0) / MONTH_DAYS
        change = _answered(own, kept[row], driven[row]) - own
        watched = day < np.minimum(lives.exit, DAYS)[row]
        from_day = (day - members.joined[row] * MONTH_DAYS)[watched]
        self._hazard += _spread(from_day, from_day + 1, change[watched], len(self._hazard))

    def retention(self, days: Ints) -> Floats:
        """Return the true share still there after so many days of contract."""
        risk = np.divide(self._hazard, self._n, out=np.zeros_like(self._n), where=self._n > 0)
        gathered = np.concatenate([[0.0], np.cumsum(risk)])
        curve: Floats = np.exp(-gathered[days])
        return curve


def _answered(own: Floats, kept: Floats, driven: Floats) -> Floats:
    """Return the daily hazard (days, k) of those with an offer from the one without it.

    `kept` (k) is the share kept of those who would have left, `driven` (k) the share driven away, at any
    day alike, if not gone before.
    """
    days = len(own)
    gathered = np.concatenate([np.zeros((1, own.shape[1])), np.cumsum(own, axis=0)])
    passed = np.arange(days + 1)[:, None] / days
    there = (1 - (1 - kept) * -np.expm1(-gathered)) * (1 - driven * passed)
    hazard: Floats = -np.diff(np.log(there), axis=0)
    return hazard


def _spread(begin: Floats, end: Floats, amount: Floats, days: int) -> Floats:
    """Spread amounts a day over the days between two moments, which may fall within a day.

    Examples
    --------
    >>> _spread(np.array([0.5]), np.array([2.25]), np.array([4.0]), 4).tolist()
    [2.0, 4.0, 1.0, 0.0]
    """
    mass, slope = np.zeros(days + 2), np.zeros(days + 2)
    for moment, sign in ((begin, 1.0), (end, -1.0)):
        inside = np.clip(moment, 0, days)
        day = inside.astype(np.int64)
        mass += np.bincount(day, weights=sign * amount * (day + 1 - inside), minlength=days + 2)
        slope += np.bincount(day + 1, weights=sign * amount, minlength=days + 2)
    spread: Floats = (mass + np.cumsum(slope))[:days]
    return spread

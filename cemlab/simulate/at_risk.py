"""The true retention curve of those under observation, from the hazards that made the data.

At each length of contract the hazards of those then at risk are averaged; the curve is what these averages
add up to. An estimate from the same spells differs from it by chance alone (the difference is a martingale),
which is what an interval promises to cover.
"""

from __future__ import annotations

import numpy as np

from cemlab.simulate.offers import WINDOW_DAYS
from cemlab.simulate.state import Lives, Members
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
        edges = np.arange(MONTHS + 1) * MONTH_DAYS
        joined = members.joined[:, None] * MONTH_DAYS
        ended = np.minimum(lives.exit, DAYS)[:, None]
        begin, end = np.maximum(edges[:-1], joined), np.minimum(edges[1:], ended)
        watched = end > begin
        spans = (begin - joined)[watched], (end - joined)[watched]
        hazard = lives.hazard.sum(axis=0) / MONTH_DAYS
        self._n += _spread(*spans, np.ones(int(watched.sum())), len(self._n))
        self._hazard += _spread(*spans, hazard[watched], len(self._n))
        self._answer(world, members, lives)

    def _answer(self, world: World, members: Members, lives: Lives) -> None:
        """Add what save offers changed in the hazards of those who got one, day by day."""
        points = np.array([*world.leaving.save_points, 0.0])[lives.risk]
        rows = np.flatnonzero(lives.offered & (points != 0))
        day = lives.considered_day[rows, None] + np.arange(WINDOW_DAYS)
        month = np.minimum(day / MONTH_DAYS, MONTHS - 1).astype(np.int64)
        own = lives.hazard[:_WILLING, rows[:, None], month].sum(axis=0) / MONTH_DAYS
        change = _answered(own, points[rows, None]) - own
        watched = day < np.minimum(lives.exit, DAYS)[rows, None]
        from_day = (day - members.joined[rows, None] * MONTH_DAYS)[watched]
        self._hazard += _spread(from_day, from_day + 1, change[watched], len(self._hazard))

    def retention(self, days: Ints) -> Floats:
        """Return the true share still there after so many days of contract."""
        risk = np.divide(self._hazard, self._n, out=np.zeros_like(self._n), where=self._n > 0)
        gathered = np.concatenate([[0.0], np.cumsum(risk)])
        curve: Floats = np.exp(-gathered[days])
        return curve


def _answered(own: Floats, points: Floats) -> Floats:
    """Return the daily hazard (k, days) of those with an offer, from the one without it and its points."""
    still = np.exp(-np.cumsum(own, axis=1))  # the share not gone without an offer, at the end of each day
    stayers = still[:, -1:]
    kept = np.clip(-points / (1 - stayers), 0, 1)
    driven = np.clip(points / stayers, 0, 1)
    days = own.shape[1]
    passed = np.arange(1, days + 1) / days
    leaving = (1 - kept) * own * still + driven * stayers / days
    there = 1 - (1 - kept) * (1 - still) - driven * stayers * passed
    hazard: Floats = leaving / there
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

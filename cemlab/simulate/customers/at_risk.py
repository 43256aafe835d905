"""The true curves of those under observation, from the hazards that made the data.

At each length of contract the hazards of those then at risk are averaged; the curves are what these averages
add up to. An estimate from the same spells differs from them by chance alone (the difference is a
martingale), which is what an interval promises to cover.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cemlab.simulate.customers.hazards import Clock, pieces
from cemlab.simulate.customers.lives import clocks_of
from cemlab.simulate.customers.offers import WINDOW_DAYS, shares_moved
from cemlab.simulate.state import AS_IT_WAS, CAUSES, Lives, Members, Scenario
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTHS
from cemlab.simulate.worlds import World

_WILLING = 2  # causes of leaving by one's own will, the only ones that an offer acts on
_LEFT = len(CAUSES) - 1  # causes for which a contract ends


class AtRisk:
    """Customers at risk and their true hazard by cause, summed by days of contract.

    Parameters
    ----------
    longest
        Days of contract up to which is counted.
    groups
        Groups of customers that are counted apart.
    """

    def __init__(self, longest: int, groups: int = 1) -> None:
        self._n = np.zeros((groups, longest))
        self._hazard = np.zeros((_LEFT, groups, longest))

    def add(
        self,
        world: World,
        members: Members,
        lives: Lives,
        *,
        group: Ints | None = None,
        scenario: Scenario = AS_IT_WAS,
    ) -> None:
        """Add a block of customers as they lived under a scenario.

        Parameters
        ----------
        world, members, lives
            The planted truths, the customers, and what became of them.
        group
            Number of each customer's group (n), −1 for who is not counted; without it all are in one.
        scenario
            That of `lives`.
        """
        code = np.zeros(len(members), dtype=np.int64) if group is None else group
        clocks = clocks_of(world, members, lives.experience, scenario)
        since = np.maximum(members.joined, 0)
        ended = np.where(code < 0, since, np.minimum(lives.exit, DAYS) / MONTH_DAYS)
        row = np.arange(len(members))
        for month in range(MONTHS):
            begin = np.maximum(month, since)
            borders, _ = pieces(clocks[0].windows, begin, np.clip(ended, begin, month + 1))
            middles = (borders[:-1] + borders[1:]) / 2
            watched = np.diff(borders, axis=0) > 0
            tenure = (borders - members.joined) * MONTH_DAYS
            spans = tenure[:-1][watched], tenure[1:][watched]
            own = np.broadcast_to(code, watched.shape)[watched]
            self._n += _spread(*spans, np.ones(len(own)), own, self._n.shape)
            for cause, hand in enumerate(clocks):
                hazard = hand.rate(row, middles)[watched] / MONTH_DAYS
                self._hazard[cause] += _spread(*spans, hazard, own, self._n.shape)
        self._answer(world, members, lives, clocks[:_WILLING], code)
        self._drive(members, lives, code)

    def _answer(
        self, world: World, members: Members, lives: Lives, clocks: tuple[Clock, ...], code: Ints
    ) -> None:
        """Add what save offers changed in the hazards of those who got one, day by day."""
        kept, driven = shares_moved(world.leaving, lives.risk, lives.risk_then)
        row = np.flatnonzero(lives.offered & (kept + driven > 0) & (code >= 0))
        day = lives.considered_day[row] + np.arange(WINDOW_DAYS)[:, None]
        middle = np.asarray((day + 0.5) / MONTH_DAYS, dtype=np.float64)
        own = np.array([hand.rate(row, middle) for hand in clocks]) / MONTH_DAYS
        together = own.sum(axis=0)
        nought = np.zeros(len(row))
        fewer = _answered(together, kept[row], nought) - together
        # those kept would have left for whatever they would; those driven away leave for a competitor
        change = fewer * np.divide(own, together, out=np.zeros_like(own), where=together > 0)
        change[0] += _answered(np.zeros_like(together), nought, driven[row])
        self._add(members, lives, row, day, change, code)

    def _drive(self, members: Members, lives: Lives, code: Ints) -> None:
        """Add what fees charged changed in the hazard of leaving for a competitor, day by day."""
        row = np.flatnonzero((lives.fee_drives > 0) & (code >= 0))
        day = lives.fee_day[row] + np.arange(WINDOW_DAYS)[:, None]
        nought = np.zeros(len(row))
        driven = _answered(np.zeros(day.shape), nought, lives.fee_drives[row])
        self._add(members, lives, row, day, driven[None], code)

    def _add(self, members: Members, lives: Lives, row: Ints, day: Ints, change: Floats, code: Ints) -> None:
        """Add changes of hazards (causes, days, k) of some customers (k) at days (days, k) of the data."""
        watched = day < np.minimum(lives.exit, DAYS)[row]
        from_day = (day - members.joined[row] * MONTH_DAYS)[watched]
        group = np.broadcast_to(code[row], watched.shape)[watched]
        for cause, moved in enumerate(change):
            spread = _spread(from_day, from_day + 1, moved[watched], group, self._n.shape)
            self._hazard[cause] += spread

    def curves(self) -> Floats:
        """Return the true share of each group still there after 0, 1, … days of contract (groups, days)."""
        gathered = np.cumsum(self._risk().sum(axis=0), axis=1)
        there: Floats = np.exp(-np.pad(gathered, ((0, 0), (1, 0))))
        return there

    def retention(self, days: Ints) -> Floats:
        """Return the true share of the first group still there after so many days of contract."""
        there: Floats = self.curves()[0, days]
        return there

    def incidence(self, days: Ints) -> Floats:
        """Return the true share of the first group gone for each cause after so many days (causes, k)."""
        risk = self._risk()[:, 0]
        lost = -np.diff(self.curves()[0])  # within a day the hazards stand still
        total = risk.sum(axis=0)
        gone = lost * np.divide(risk, total, out=np.zeros_like(risk), where=total > 0)
        gathered: Floats = np.pad(np.cumsum(gone, axis=1), ((0, 0), (1, 0)))[:, days]
        return gathered

    def ratio(self, causes: Sequence[int], *, days: int | None = None) -> float:
        """Return the true hazard ratio of the odd groups against the even ones before them.

        Mantel and Haenszel's, of true hazards: each pair of groups and each day of contract compares those
        at risk there, and counts by how many there are.

        Parameters
        ----------
        causes
            Codes of the causes that count.
        days
            Days of contract up to which is compared; all without it.
        """
        n = self._n.reshape(-1, 2, self._n.shape[1])[..., :days]
        expected = self._hazard[list(causes)].sum(axis=0).reshape(-1, 2, self._n.shape[1])[..., :days]
        both = n.sum(axis=1)
        weight = np.divide(n[:, ::-1], both[:, None], out=np.zeros_like(n), where=both[:, None] > 0)
        without, treated = (expected * weight).sum(axis=(0, 2))
        return float(treated / without)

    def _risk(self) -> Floats:
        """Return the mean hazard a day of those at risk, by cause, group and day of contract."""
        return np.divide(self._hazard, self._n, out=np.zeros_like(self._hazard), where=self._n > 0)


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


def _spread(begin: Floats, end: Floats, amount: Floats, group: Ints, shape: tuple[int, ...]) -> Floats:
    """Spread amounts a day over the days between two moments, which may fall within a day, by group.

    Examples
    --------
    >>> _spread(np.array([0.5]), np.array([2.25]), np.array([4.0]), np.array([0]), (1, 4)).tolist()
    [[2.0, 4.0, 1.0, 0.0]]
    """
    groups, days = shape
    size = groups * (days + 2)
    mass, slope = np.zeros(size), np.zeros(size)
    for moment, sign in ((begin, 1.0), (end, -1.0)):
        inside = np.clip(moment, 0, days)
        day = inside.astype(np.int64)
        at = group * (days + 2) + day
        mass += np.bincount(at, weights=sign * amount * (day + 1 - inside), minlength=size)
        slope += np.bincount(at + 1, weights=sign * amount, minlength=size)
    spread: Floats = mass.reshape(groups, -1) + np.cumsum(slope.reshape(groups, -1), axis=1)
    return spread[:, :days]

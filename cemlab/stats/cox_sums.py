"""The sums over risk sets that Cox's partial likelihood is made of: ties, late entry and strata.

Everything is a sum over those at risk at a time, and each row is at risk from its entry to its end; so
one cumulative sum over the times of departure gives all of them, with no loop over times or rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: How departures at one time are treated: Efron's average over their orders, or Breslow's whole risk set.
Ties = Literal["efron", "breslow"]

# rows worked on at once in a matrix product: the pieces stay in the processor's cache
_BLOCK = 16_384


@dataclass(frozen=True, eq=False, kw_only=True)
class RiskSets:
    """Which departure times each row is at risk at.

    Departure times stand in order within a stratum, one stratum after the other, and each stratum has one
    slot more, before its first time. A row is at risk at the times behind slot `start` up to slot `end`.

    Parameters
    ----------
    time, stratum, departures
        Each departure time, its stratum and how many depart then, shape (n_times,).
    bounds
        First time of each stratum, and the number of times, shape (n_strata + 1,).
    end, start
        Slot of the last departure time not after the row's end, and its entry, shape (n_rows,).
    left, late
        Positions of the rows that departed, and of those that entered after a departure time.
    at
        Which time each departed row departed at, shape (n_departures,).
    """

    time: Floats
    stratum: Ints
    departures: Ints
    bounds: Ints
    end: Ints
    start: Ints
    left: Ints
    late: Ints
    at: Ints

    def at_risk(self, values: Floats) -> Floats:
        """Sum the values of those at risk at each departure time."""
        size = len(self.time) + len(self.bounds) - 1
        net = np.bincount(self.end, values, size)
        if len(self.late):
            net -= np.bincount(self.start[self.late], values[self.late], size)
        sums = np.empty(len(self.time))
        for k, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            # from the last time back, so that the few who stay longest are not lost in the many
            sums[first:last] = np.cumsum(net[first + k + 1 : last + k + 1][::-1])[::-1]
        return sums

    def gone(self, values: Floats) -> Floats:
        """Sum values, one for each departed row, by departure time."""
        return np.asarray(np.bincount(self.at, values, len(self.time)), dtype=float)

    def reached(self, values: Floats) -> Floats:
        """Add values of departure times, shape (n_times, …), up over time within strata, (n_slots, …)."""
        sums = np.zeros((len(self.time) + len(self.bounds) - 1, *values.shape[1:]))
        for k, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True)):
            sums[first + k + 1 : last + k + 1] = np.cumsum(values[first:last], axis=0)
        return sums

    def lived(self, values: Floats) -> Floats:
        """Sum values of departure times over those at which each row was at risk, shape (n_rows,)."""
        sums = self.reached(values)
        over = sums[self.end]
        if len(self.late):
            over[self.late] -= sums[self.start[self.late]]
        return over


def risk_sets(
    duration: npt.ArrayLike,
    *,
    event: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    stratum: npt.ArrayLike | None = None,
) -> RiskSets:
    """Find the departure times that each row is at risk at.

    Parameters
    ----------
    duration, event
        Length of each spell and whether it ended with the event, shape (n_rows,).
    entry
        Length already reached when observation began, shape (n_rows,); a row is at risk only at times
        *after* it. 0 means seen from the start, and at risk at duration 0 too.
    stratum
        Whole number from 0 of the row's stratum, shape (n_rows,); rows of others are in no common risk set.

    Examples
    --------
    >>> sets = risk_sets([2, 3, 3, 5], event=[1, 1, 1, 0], entry=[0, 2, 0, 3])
    >>> sets.time, sets.departures, sets.at_risk(np.ones(4))
    (array([2., 3.]), array([1, 2]), array([2., 2.]))
    """
    ends = np.asarray(duration, dtype=float)
    starts = np.zeros(len(ends)) if entry is None else np.asarray(entry, dtype=float)
    left = np.flatnonzero(np.asarray(event, dtype=bool))
    if stratum is None:
        time, at, departures = np.unique(ends[left], return_inverse=True, return_counts=True)
        return _placed(
            time, np.zeros(len(time), dtype=np.intp), departures, np.array([0, len(time)]),
            end=np.searchsorted(time, ends, side="right"),
            start=np.where(starts > 0, np.searchsorted(time, starts, side="right"), 0),
            left=left, at=at, first=np.zeros(1, dtype=np.intp), group=None,
        )  # fmt: skip
    return _by_stratum(ends, starts, left, np.asarray(stratum, dtype=np.intp))


def _by_stratum(ends: Floats, starts: Floats, left: Ints, group: Ints) -> RiskSets:
    n_strata = int(group.max()) + 1
    order = np.lexsort((ends[left], group[left]))
    g, t = group[left][order], ends[left][order]
    new = np.ones(len(t), dtype=bool)
    new[1:] = (g[1:] != g[:-1]) | (t[1:] != t[:-1])
    time, of = t[new], g[new]
    at = np.empty(len(left), dtype=np.intp)
    at[order] = np.cumsum(new) - 1
    bounds = np.searchsorted(of, np.arange(n_strata + 1))
    end, start = np.empty(len(ends), dtype=np.intp), np.empty(len(ends), dtype=np.intp)
    rows = np.argsort(group, kind="stable")
    edges = np.searchsorted(group[rows], np.arange(n_strata + 1))
    for k in range(n_strata):
        mine, times = rows[edges[k] : edges[k + 1]], time[bounds[k] : bounds[k + 1]]
        slot = bounds[k] + k
        end[mine] = slot + np.searchsorted(times, ends[mine], side="right")
        entered = np.searchsorted(times, starts[mine], side="right")
        start[mine] = slot + np.where(starts[mine] > 0, entered, 0)
    return _placed(
        time, of, np.bincount(at, minlength=len(time)), bounds,
        end=end, start=start, left=left, at=at, first=bounds[:-1] + np.arange(n_strata), group=group,
    )  # fmt: skip


def _placed(
    time: Floats, stratum: Ints, departures: Ints, bounds: Ints, *,
    end: Ints, start: Ints, left: Ints, at: Ints, first: Ints, group: Ints | None,
) -> RiskSets:  # fmt: skip
    late = np.flatnonzero(start > (first[0] if group is None else first[group]))
    return RiskSets(
        time=time,
        stratum=stratum,
        departures=departures,
        bounds=bounds,
        end=end,
        start=start,
        left=left,
        late=late,
        at=np.asarray(at, dtype=np.intp).ravel(),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxSums:
    """Sums of a proportional hazards model at given coefficients.

    Of d who depart together, the k-th leaves a risk set of weight T, from which a share s = k / d of the
    d is gone (Efron), or nobody (Breslow: s = 0). `one` to `share2_square` are the sums over k of 1/T, s/T,
    1/T², s/T² and s²/T², shape (n_times,); `weight` is each row's hazard relative to that of a row of zeros,
    shape (n_rows,); `risk` and `departed` the weighted sums of the terms over those at risk and over those
    who depart (0 where no s is above 0), shape (n_times, n_terms).
    """

    weight: Floats
    log_likelihood: float
    one: Floats
    share: Floats
    square: Floats
    share_square: Floats
    share2_square: Floats
    risk: Floats
    departed: Floats

    @property
    def expected(self) -> Floats:
        """Mean of the terms in the risk set, summed over those who depart, shape (n_times, n_terms)."""
        return self.risk * self.one[:, None] - self.departed * self.share[:, None]

    @property
    def drift(self) -> Floats:
        """Mean of the terms times the hazard, shape (n_times, n_terms)."""
        return self.risk * self.square[:, None] - self.departed * self.share_square[:, None]


def cox_sums(x: Floats, sets: RiskSets, coefficient: Floats, *, ties: Ties = "efron") -> CoxSums:
    """Return the sums at given coefficients.

    Parameters
    ----------
    x
        Terms, shape (n_rows, n_terms); fastest where columns lie together in memory (Fortran order).
    sets
        Of :func:`risk_sets`.
    coefficient
        Shape (n_terms,).
    ties
        Treatment of departures at one time.
    """
    log_weight = x @ coefficient
    weight = np.exp(log_weight)
    gone_weight = weight[sets.left]
    n_terms = x.shape[1]
    risk, departed = np.empty((n_terms, len(sets.time))), np.empty((n_terms, len(sets.time)))
    d = sets.departures
    tied = ties == "efron" and len(sets.left) > len(d)  # or else nobody is gone when another departs
    for j in range(n_terms):
        product = weight * x[:, j]
        risk[j] = sets.at_risk(product)
        departed[j] = sets.gone(product[sets.left]) if tied else 0.0
    at = np.repeat(np.arange(len(d)), d)
    first = np.cumsum(d) - d
    total, share = sets.at_risk(weight)[at], np.zeros(len(at))
    if tied:
        share = (np.arange(len(at)) - first[at]) / d[at]
        total -= share * sets.gone(gone_weight)[at]
    one, square = 1 / total, 1 / total**2

    def summed(values: Floats) -> Floats:
        return values if len(first) == len(at) else np.add.reduceat(values, first)

    return CoxSums(
        weight=weight,
        log_likelihood=float(log_weight[sets.left].sum() - np.log(total).sum()),
        one=summed(one),
        share=summed(share * one),
        square=summed(square),
        share_square=summed(share * square),
        share2_square=summed(share**2 * square),
        risk=risk.T,
        departed=departed.T,
    )


def score(x: Floats, sets: RiskSets, sums: CoxSums, clock: Floats | None = None) -> Floats:
    """Return the first derivatives of the log-likelihood, times a function of time, shape (n_terms,)."""
    g = np.ones(len(sets.time)) if clock is None else clock
    seen = np.zeros(len(x))
    seen[sets.left] = g[sets.at]
    expected = (g * sums.one) @ sums.risk - (g * sums.share) @ sums.departed
    return np.asarray(seen @ x - expected, dtype=float)


def information(x: Floats, sets: RiskSets, sums: CoxSums, clock: Floats | None = None) -> Floats:
    """Return minus the second derivatives, times a function of time, shape (n_terms, n_terms)."""
    g = np.ones(len(sets.time)) if clock is None else clock
    exposure = sets.lived(g * sums.one)
    exposure[sets.left] -= (g * sums.share)[sets.at]
    exposure *= sums.weight
    second = np.zeros((x.shape[1],) * 2)
    for begin in range(0, len(x), _BLOCK):
        part = x[begin : begin + _BLOCK]
        second += part.T @ (part * exposure[begin : begin + _BLOCK, None])
    risk, departed = sums.risk, sums.departed
    if not sums.share.any():
        return np.asarray(second - risk.T @ (risk * (g * sums.square)[:, None]), dtype=float)
    mixed = risk.T @ (departed * (g * sums.share_square)[:, None])
    centres = (
        risk.T @ (risk * (g * sums.square)[:, None])
        - mixed
        - mixed.T
        + departed.T @ (departed * (g * sums.share2_square)[:, None])
    )
    return np.asarray(second - centres, dtype=float)

"""The baseline of a proportional hazards model, and the survival it gives for stated terms.

lifelines' baseline is wrong under late entry (it counts among those at risk who have not entered yet, its
issue 1178); this one sums over those at risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.cox_fit import CoxFit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# times this near to each other, as a share, are one
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxSurvival:
    """Survival of rows with stated terms, arrays of shape (n_rows, n_times).

    Parameters
    ----------
    survival, std_error
        Estimate, and standard error of its cumulative hazard; NaN where it is not known.
    conf_low, conf_high
        Pointwise interval on the complementary log-log scale, which never leaves 0 to 1.
    """

    survival: Floats
    std_error: Floats
    conf_low: Floats
    conf_high: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Watched:
    """The fewest under observation at once between 0 and each time, and the least sum of their hazards.

    Parameters
    ----------
    time
        Ascending, shape (n_times,).
    n, weight
        How many, and the sum of their hazards relative to the baseline, shape (n_times,).
    most, early
        The most under observation at once, and the fewest before that: with late entry, few stand for all.
    """

    time: Floats
    n: Floats
    weight: Floats
    most: int
    early: int

    def up_to(self, wanted: Floats) -> tuple[Floats, Floats]:
        """Return both at given times; a time at which nothing changes counts as the next at which it does."""
        row = np.minimum(np.searchsorted(self.time, wanted * (1 - _ROUNDING)), len(self.time) - 1)
        return self.n[row], self.weight[row]


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxBaseline:
    """Cumulative baseline hazard by stratum, at scaled terms of zero.

    Parameters
    ----------
    time, bounds
        Departure times, one stratum after the other, and where each stratum begins, shapes (n_times,) and
        (n_strata + 1,).
    hazard, variance, drift
        Cumulative hazard, what the departures add to its variance, and what the coefficients' error adds,
        per coefficient; shapes (n_times,), (n_times,), (n_times, n_terms).
    first, last
        When observation begins and ends in each stratum, shape (n_strata,): nothing is known after it ends.
        Where it begins after 0, the survival is that of those who reached its begin, and not of all.
    watched
        For each stratum the fewest under observation at once, by time.
    coefficient, covariance
        Of the scaled terms.
    centre, scale
        The scaled terms are (x - centre) / scale.
    """

    time: Floats
    bounds: Ints
    hazard: Floats
    variance: Floats
    drift: Floats
    first: Floats
    last: Floats
    watched: tuple[Watched, ...]
    coefficient: Floats
    covariance: Floats
    centre: Floats
    scale: Floats

    def survival(
        self, x: npt.ArrayLike, times: npt.ArrayLike, *, stratum: npt.ArrayLike | None = None, z: float = 1.96
    ) -> CoxSurvival:
        """Return the survival of rows with terms `x` at given times.

        Parameters
        ----------
        x
            Terms as they were handed in to the fit, shape (n_rows, n_terms).
        times
            Shape (n_times,).
        stratum
            Of each row, shape (n_rows,); 0 where not given.
        z
            Normal quantile of the interval.
        """
        rows = (np.atleast_2d(np.asarray(x, dtype=float)) - self.centre) / self.scale
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        group = np.zeros(len(rows), dtype=np.intp) if stratum is None else np.asarray(stratum, dtype=np.intp)
        shape = (len(rows), len(wanted))
        hazard, error = np.empty(shape), np.empty(shape)
        for k in np.unique(group):
            mine = np.flatnonzero(group == k)
            cumulative, variance, drift = self._reached(int(k), wanted)
            weight = np.exp(rows[mine] @ self.coefficient)[:, None]
            away = drift[None, :, :] - rows[mine][:, None, :] * cumulative[None, :, None]
            own = np.einsum("rtp,pq,rtq->rt", away, self.covariance, away)
            hazard[mine] = weight * cumulative
            error[mine] = weight * np.sqrt(variance[None, :] + own)
        low, high = _log_log(hazard, error, z)
        return CoxSurvival(survival=np.exp(-hazard), std_error=error, conf_low=low, conf_high=high)

    def least(
        self, x: npt.ArrayLike, times: npt.ArrayLike, *, stratum: npt.ArrayLike | None = None, alpha: float
    ) -> Floats:
        """Return the least survival that nobody's having departed yet allows; NaN where somebody has.

        Those watched, of hazards w relative to the baseline, all stay with chance exp(-H sum(w)), which is
        alpha / 2 at the largest cumulative hazard H still compatible with that; shape (n_rows, n_times).
        """
        rows = (np.atleast_2d(np.asarray(x, dtype=float)) - self.centre) / self.scale
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        group = np.zeros(len(rows), dtype=np.intp) if stratum is None else np.asarray(stratum, dtype=np.intp)
        bound = np.empty((len(rows), len(wanted)))
        for k in np.unique(group):
            mine = np.flatnonzero(group == k)
            _, weight = self.watched[int(k)].up_to(wanted)
            cumulative, _, _ = self._reached(int(k), wanted)
            chance = np.power(alpha / 2, np.exp(rows[mine] @ self.coefficient)[:, None] / weight)
            bound[mine] = np.where((cumulative == 0) & (wanted > 0), chance, np.nan)
        return bound

    def _reached(self, stratum: int, wanted: Floats) -> tuple[Floats, Floats, Floats]:
        """Return hazard, variance and drift of a stratum at the wanted times; NaN where nothing is known."""
        begin, end = int(self.bounds[stratum]), int(self.bounds[stratum + 1])
        row = np.searchsorted(self.time[begin:end], wanted * (1 + _ROUNDING), side="right")
        known = (wanted >= self.first[stratum]) & (wanted * (1 - _ROUNDING) <= self.last[stratum])

        def at(values: Floats) -> Floats:
            padded = np.concatenate([np.zeros((1, *values.shape[1:])), values[begin:end]])[row]
            padded[~known] = np.nan
            return padded

        return at(self.hazard), at(self.variance), at(self.drift)


def _log_log(hazard: Floats, error: Floats, z: float) -> tuple[Floats, Floats]:
    """Return the bounds of the survival; where nobody has departed yet it has no error of its own."""
    spread = np.divide(error, hazard, out=np.zeros_like(hazard), where=hazard > 0)
    with np.errstate(over="ignore"):
        low, high = np.exp(-hazard * np.exp(z * spread)), np.exp(-hazard * np.exp(-z * spread))
    return np.where(np.isnan(hazard), np.nan, low), np.where(np.isnan(hazard), np.nan, high)


def cox_baseline(
    fit: CoxFit,
    *,
    duration: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    stratum: npt.ArrayLike | None = None,
    covariance: npt.ArrayLike | None = None,
) -> CoxBaseline:
    """Estimate the baseline of a fitted model (Breslow's, or Efron's where ties were Efron's).

    Parameters
    ----------
    fit
        Of :func:`cemlab.stats.cox_fit.cox_fit`.
    duration, entry, stratum
        As handed in to the fit.
    covariance
        Of the coefficients, shape (n_terms, n_terms), where it is not the fit's own.

    Notes
    -----
    Variance after Tsiatis (1981), as R's survfit computes it. Observation ends for a stratum where nobody is
    at risk for a while: beyond it the survival is not known.
    """
    sums, sets = fit.sums, fit.sets
    ends = np.asarray(duration, dtype=float)
    starts = np.zeros(len(ends)) if entry is None else np.asarray(entry, dtype=float)
    group = np.zeros(len(ends), dtype=np.intp) if stratum is None else np.asarray(stratum, dtype=np.intp)
    n_strata = len(sets.bounds) - 1
    first, last, watched = np.empty(n_strata), np.empty(n_strata), []
    for k in range(n_strata):
        mine = slice(None) if n_strata == 1 else group == k
        first[k], last[k] = _observed(starts[mine], ends[mine])
        watched.append(_watched(starts[mine], ends[mine], sums.weight[mine]))
    # the slot before a stratum's first time holds nothing
    slots = np.arange(len(sets.time)) + sets.stratum + 1
    own = fit.covariance if covariance is None else np.asarray(covariance, dtype=float)
    return CoxBaseline(
        time=sets.time,
        bounds=sets.bounds,
        hazard=sets.reached(sums.one)[slots],
        variance=sets.reached(sums.square)[slots],
        drift=sets.reached(sums.drift)[slots],
        first=first,
        last=last,
        watched=tuple(watched),
        coefficient=fit.coefficient * fit.scale,
        covariance=own * np.outer(fit.scale, fit.scale),
        centre=fit.centre,
        scale=fit.scale,
    )


def _watched(starts: Floats, ends: Floats, weight: Floats) -> Watched:
    """Count who is under observation before each time at which that changes, and keep the fewest so far."""
    late = starts > 0
    time = np.unique(np.concatenate([ends, starts[late]]))
    left, entered = np.searchsorted(time, ends), np.searchsorted(time, starts[late])

    def watching(values: Floats) -> Floats:
        # a row counts before its end, and not before its entry
        net = np.bincount(left, values, len(time)) - np.bincount(entered, values[late], len(time))
        return np.asarray(np.cumsum(net[::-1])[::-1], dtype=float)

    n = np.rint(watching(np.ones(len(ends))))
    fewest, least = np.minimum.accumulate(n), np.minimum.accumulate(watching(weight))
    changed = np.concatenate([np.diff(fewest) < 0, [True]])  # the last time of each number
    top = len(n) - 1 - int(n[::-1].argmax())
    return Watched(
        time=time[changed],
        n=fewest[changed],
        weight=np.maximum(least[changed], weight.min()),
        most=int(n[top]),
        early=int(fewest[top]),
    )


def _observed(starts: Floats, ends: Floats) -> tuple[float, float]:
    """Return from when to when somebody was under observation without a break."""
    if not (starts > 0).any():
        return 0.0, float(ends.max())
    order = np.argsort(starts, kind="stable")
    reached = np.maximum.accumulate(ends[order])
    # a break: the next to enter does so after all before him have ended
    broken = np.flatnonzero(starts[order][1:] > reached[:-1])
    if broken.size and reached[broken[0]] <= 0:  # those seen from 0 had no length
        return float(starts[order][broken[0] + 1]), 0.0
    return float(starts.min()), float(reached[broken[0]] if broken.size else reached[-1])

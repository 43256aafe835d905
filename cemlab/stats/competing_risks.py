"""Cumulative incidence of competing causes from counts, with late entry and ties.

Everything is computed from whole numbers at each distinct time, so ties need no jitter and the answer
is the same at every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.stats.lifetable import life_table, log_log_interval, risk_sets

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: How the variance is estimated.
Variance = Literal["greenwood", "aalen", "jackknife"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CompetingRisks:
    """Aalen–Johansen estimates of the share that left for each cause, at each distinct end of a spell.

    Parameters
    ----------
    time
        Distinct durations at which spells ended, ascending, shape (n_times,).
    at_risk, watched
        Spells under observation just before each time, and the fewest so far, shape (n_times,).
    survival
        Share that has not left for any cause, shape (n_times,).
    events
        Departures for each cause at each time, shape (n_causes, n_times).
    incidence, std_error, conf_low, conf_high
        Share that has left for each cause by each time, its standard error and pointwise interval on the
        complementary log-log scale, shape (n_causes, n_times).
    """

    time: Floats
    at_risk: Ints
    watched: Ints
    survival: Floats
    events: Ints
    incidence: Floats
    std_error: Floats
    conf_low: Floats
    conf_high: Floats

    def at(self, times: npt.ArrayLike) -> dict[str, Floats]:
        """Return incidence, std_error, conf_low and conf_high at given times, each (n_causes, n).

        Before the first end nobody has left; after the last one nothing is known: NaN.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        row = np.searchsorted(self.time, wanted, side="right") - 1
        known = wanted <= self.time[-1]
        found = {}
        for name in ("incidence", "std_error", "conf_low", "conf_high"):
            values = getattr(self, name)[:, np.maximum(row, 0)]
            found[name] = np.where(known, np.where(row < 0, 0.0, values), np.nan)
        return found


def aalen_johansen(
    duration: npt.ArrayLike,
    *,
    cause: npt.ArrayLike,
    n: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    n_causes: int | None = None,
    variance: Variance = "greenwood",
    conf_level: float = 0.95,
) -> CompetingRisks:
    """Estimate the share that has left for each cause by duration (Aalen & Johansen 1978) from counts.

    Parameters
    ----------
    duration, n, entry
        As in :func:`cemlab.stats.lifetable.life_table`, shape (n_cells,).
    cause
        Why each spell ended, as whole numbers from 1; 0 where it goes on, shape (n_cells,).
    n_causes
        How many causes there are, where the largest of them may not occur.
    variance
        ``"greenwood"``: departures at one time are multinomial given who is at risk (Andersen, Borgan,
        Gill & Keiding 1993, IV.4.1); without late entry it equals the infinitesimal jackknife.
        ``"aalen"``: Aalen's (1978), as R's ``cmprsk::cuminc`` computes it. ``"jackknife"``: the
        infinitesimal jackknife over spells, as R's ``survival::survfit`` for several states.
    conf_level
        Confidence level of the pointwise intervals.

    Returns
    -------
    CompetingRisks
        One column for each distinct duration. Where nobody was under observation for a while, nothing is
        known from there on, and the columns after it are left out.

    Raises
    ------
    DesignError
        If there are no spells or no cause, or nobody was under observation just after duration 0.
    OptionError
        If the variance is not one of those.

    Examples
    --------
    >>> found = aalen_johansen([1, 2, 3], cause=[1, 2, 0], n=[10, 10, 20])
    >>> found.incidence.round(3).tolist()
    [[0.25, 0.25, 0.25], [0.0, 0.25, 0.25]]
    """
    if variance not in get_args(Variance):
        raise OptionError(one_of(variance, get_args(Variance), what="variance"))
    ends, why = np.asarray(duration, dtype=float), np.asarray(cause, dtype=np.int64)
    size = np.asarray(n, dtype=np.int64)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    causes = int(why.max(initial=0)) if n_causes is None else n_causes
    if causes < 1:
        raise DesignError("nobody left for any cause, so there is no incidence to estimate")
    table = life_table(ends, event=why > 0, n=size, entry=starts, conf_level=conf_level)
    events = np.array(
        [
            risk_sets(ends, event=why == k, n=size, entry=starts, times=table.time)[1]
            for k in range(1, causes + 1)
        ]
    )
    steps = _Steps.of(table.at_risk, table.events, table.survival)
    incidence = np.cumsum(steps.before * events / steps.at_risk, axis=1)
    if variance == "jackknife":
        cells = _Cells.of(ends, why, size, starts, time=table.time)
        variances = [cells.variance(k + 1, events[k], incidence[k], steps) for k in range(causes)]
    else:
        terms = {"greenwood": _greenwood, "aalen": _aalen}[variance]
        variances = [_summed(terms(events[k], incidence[k], steps), incidence[k]) for k in range(causes)]
    std_error = np.sqrt(np.array(variances))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(incidence < 1, std_error / (1 - incidence), 0.0)
    high, low = (1 - side for side in log_log_interval(1 - incidence, relative**2, conf_level))
    return CompetingRisks(
        time=table.time,
        at_risk=table.at_risk,
        watched=table.watched,
        survival=table.survival,
        events=events,
        incidence=incidence,
        std_error=std_error,
        conf_low=low,
        conf_high=high,
    )


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """What all causes share, each of shape (n_times,).

    Of S, the share still there: `before`, just before each time; `rise`, before over after (0 once nobody
    is left); `hazard`, the share of those at risk that leave.
    """

    at_risk: Floats
    events: Ints
    before: Floats
    hazard: Floats
    rise: Floats

    @classmethod
    def of(cls, at_risk: Ints, events: Ints, survival: Floats) -> _Steps:
        risk = at_risk.astype(float)
        hazard = events / risk
        stays = at_risk > events
        return cls(
            at_risk=risk,
            events=events,
            before=np.concatenate([[1.0], survival[:-1]]),
            hazard=hazard,
            rise=np.where(stays, risk / np.where(stays, risk - events, 1.0), 0.0),
        )


def _summed(terms: tuple[Floats, Floats, Floats], incidence: Floats) -> Floats:
    """Sum over times a quadratic in the incidence at the end, given by its coefficients at each time."""
    constant, linear, square = (np.cumsum(term) for term in terms)
    total = constant + linear * incidence + square * incidence**2
    return _without_rounding(total, constant + square * incidence**2)


def _without_rounding(total: Floats, parts: Floats) -> Floats:
    """Return 0 where a variance is but the rounding of its parts: where all have left for the one cause."""
    cleaned: Floats = np.where(total > 1e-13 * parts, total, 0.0)
    return cleaned


# An event at a time adds to the incidence at once, by the share `before`; any departure then lessens what
# comes after in proportion. The variance at a later time is so quadratic in the incidence F of that time.


def _greenwood(events: Ints, incidence: Floats, steps: _Steps) -> tuple[Floats, Floats, Floats]:
    own, hazard, rise, risk = events / steps.at_risk, steps.hazard, steps.rise, steps.at_risk
    stays = 1 - hazard
    reach = incidence * rise
    constant = (
        steps.before**2 * own * (1 - own) + 2 * steps.before * reach * own * stays + reach**2 * hazard * stays
    ) / risk
    linear = -2 * (steps.before * rise * own * stays + reach * rise * hazard * stays) / risk
    return constant, linear, rise**2 * hazard * stays / risk


def _aalen(events: Ints, incidence: Floats, steps: _Steps) -> tuple[Floats, Floats, Floats]:
    own, other = _tied(events, steps.at_risk), _tied(steps.events - events, steps.at_risk)
    other = np.where(steps.rise > 0, other, 0.0)
    rise, reach = steps.rise, incidence * steps.rise
    constant = own * (steps.before + reach) ** 2 + other * reach**2
    linear = -2 * rise * (own * (steps.before + reach) + other * reach)
    return constant, linear, (own + other) * rise**2


def _tied(events: Ints, at_risk: Floats) -> Floats:
    """Return the variance of a hazard with the correction for departures that tie."""
    left = np.where(events > 1, (at_risk - events) / np.maximum(at_risk - 1, 1), 1.0)
    variance: Floats = left * events / at_risk**2
    return variance


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """Where each cell of counts enters and ends on the axis of times, arrays of shape (n_cells,).

    `begin` counts the times at which it was not yet at risk; `end` those up to its end, more than there are
    times where it was never seen to end.
    """

    begin: Ints
    end: Ints
    why: Ints
    n: Floats

    @classmethod
    def of(cls, ends: Floats, why: Ints, n: Ints, starts: Floats, *, time: Floats) -> _Cells:
        begin = np.where(starts > 0, np.searchsorted(time, starts, side="right"), 0)
        end = np.searchsorted(time, ends, side="right")
        end = np.where(ends > time[-1], len(time) + 1, end)
        here = begin < len(time)
        return cls(begin=begin[here], end=end[here], why=why[here], n=n[here].astype(float))

    def variance(self, cause: int, events: Ints, incidence: Floats, steps: _Steps) -> Floats:
        """Sum over spells the squared influence on the incidence, P - F Q with F that of each time."""
        risk, own, reach = steps.at_risk, events / steps.at_risk, incidence * steps.rise
        drift = -(own * steps.before + steps.hazard * reach) / risk, -steps.hazard * steps.rise / risk
        p, q = (np.concatenate([[0.0], np.cumsum(part)]) for part in drift)
        last = np.minimum(self.end, len(risk))
        ended = self.end <= len(risk)
        at = last - 1
        jump = ended & (self.why > 0)
        own_jump = np.where(self.why == cause, steps.before[at], 0.0)
        p_end = p[last] - p[self.begin] + jump * (own_jump + reach[at]) / risk[at]
        q_end = q[last] - q[self.begin] + jump * steps.rise[at] / risk[at]
        products = [
            self._sum_of_products(*pair)
            for pair in ((p, p, p_end, p_end), (p, q, p_end, q_end), (q, q, q_end, q_end))
        ]
        square = products[0] + incidence**2 * products[2]
        return _without_rounding(square - 2 * incidence * products[1], square)

    def _sum_of_products(self, x: Floats, y: Floats, x_end: Floats, y_end: Floats) -> Floats:
        """Sum products of what each spell has gathered by each time: fixed once ended, else still growing."""
        length = len(x) + 1
        ended = self.end < len(x)
        done = np.bincount(self.end[ended], (self.n * x_end * y_end)[ended], minlength=length)
        x0, y0 = x[self.begin], y[self.begin]

        def under_way(weight: Floats) -> Floats:
            change = np.bincount(self.begin, weight, minlength=length + 1).astype(float)
            change -= np.bincount(self.end, weight, minlength=length + 1)
            counted: Floats = np.cumsum(change)[: len(x)]
            return counted

        growing = (
            under_way(self.n) * x * y
            - x * under_way(self.n * y0)
            - y * under_way(self.n * x0)
            + under_way(self.n * x0 * y0)
        )
        total: Floats = (np.cumsum(done)[: len(x)] + growing)[1:]
        return total

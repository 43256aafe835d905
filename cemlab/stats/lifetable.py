"""Kaplan–Meier from counts, with late entry.

A row of counts says how many spells entered observation at one duration, ended at another, and
whether the end was the event. The counts are sufficient: the estimates equal those from the
rows themselves, and their cost does not depend on how many rows there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LifeTable:
    """Kaplan–Meier estimates at each distinct end of a spell.

    All arrays have shape (n_times,).

    Parameters
    ----------
    time
        Distinct durations at which spells ended, ascending.
    at_risk, events
        Spells under observation just before each time, and events at it.
    watched
        The fewest spells that were under observation at once, from duration 0 up to each time. Without
        late entry this is `at_risk`; what is known at a time rests on this many.
    survival
        Estimated share still there just after each time.
    std_error
        Greenwood's standard error of `survival`.
    conf_low, conf_high
        Pointwise interval on the complementary log-log scale, which never leaves 0 to 1.
    """

    time: Floats
    at_risk: Ints
    events: Ints
    watched: Ints
    survival: Floats
    std_error: Floats
    conf_low: Floats
    conf_high: Floats

    def at(self, times: npt.ArrayLike) -> dict[str, Floats]:
        """Return survival, std_error, conf_low and conf_high at given times, each of shape (n,).

        Before the first end everybody is still there; after the last one nothing is known: NaN.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        row = np.searchsorted(self.time, wanted, side="right") - 1
        known = wanted <= self.time[-1]
        start = {"survival": 1.0, "std_error": 0.0, "conf_low": 1.0, "conf_high": 1.0}
        result = {
            name: np.where(row < 0, value, getattr(self, name)[np.maximum(row, 0)])
            for name, value in start.items()
        }
        return {name: np.where(known, values, np.nan) for name, values in result.items()}


def life_table(
    duration: npt.ArrayLike,
    *,
    event: npt.ArrayLike,
    n: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    conf_level: float = 0.95,
) -> LifeTable:
    """Estimate the share still there by duration (Kaplan & Meier 1958) from counts.

    Parameters
    ----------
    duration
        Length of the spells at their end, shape (n_cells,).
    event
        Whether the end was the event, shape (n_cells,).
    n
        How many spells, shape (n_cells,).
    entry
        Length already reached when observation began, shape (n_cells,); 0 for those observed from
        the start. A spell is at risk at a time only if it entered *before* that time.
    conf_level
        Confidence level of the pointwise intervals.

    Returns
    -------
    LifeTable
        One row for each distinct duration. Where nobody was under observation for a while, nothing is
        known from there on, and the rows after it are left out.

    Raises
    ------
    DesignError
        If there are no spells, or nobody was under observation just after duration 0.

    Examples
    --------
    >>> table = life_table([1, 2, 3], event=[1, 0, 1], n=[10, 20, 10])
    >>> table.at_risk, table.survival.round(3)
    (array([40, 30, 10]), array([0.75, 0.75, 0.  ]))
    """
    time = np.unique(np.asarray(duration, dtype=float))
    at_risk, events = risk_sets(duration, event=event, n=n, entry=entry, times=time)
    watched = _watched(duration, n=n, entry=entry, time=time, at_risk=at_risk)
    known = int(np.argmin(watched > 0)) if (watched == 0).any() else len(time)
    time, at_risk, events, watched = time[:known], at_risk[:known], events[:known], watched[:known]
    survival, log_variance = product_limit(at_risk, events)
    low, high = log_log_interval(survival, log_variance, conf_level)
    # where nobody is left Greenwood's formula has no value; the estimate 0 carries no error of its own
    spread = np.where(survival > 0, np.sqrt(log_variance), 0.0)
    return LifeTable(
        time=time,
        at_risk=at_risk,
        events=events,
        watched=watched,
        survival=survival,
        std_error=survival * spread,
        conf_low=low,
        conf_high=high,
    )


def risk_sets(
    duration: npt.ArrayLike,
    *,
    event: npt.ArrayLike,
    n: npt.ArrayLike,
    times: Floats,
    entry: npt.ArrayLike | None = None,
) -> tuple[Ints, Ints]:
    """Count who is at risk just before each time and how many events happen at it.

    Parameters
    ----------
    duration, event, n, entry
        As in :func:`life_table`.
    times
        Ascending, shape (n_times,).

    Returns
    -------
    tuple of arrays
        At risk and events, each of shape (n_times,), as whole numbers.

    Raises
    ------
    DesignError
        If there are no spells.
    """
    ends, happened = np.asarray(duration, dtype=float), np.asarray(event, dtype=bool)
    size = np.asarray(n, dtype=np.int64)
    if size.sum() == 0:
        raise DesignError("there are no spells to count at risk")
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    died = np.where(happened, size, 0)
    events = _counted_up(ends, died, times, side="right") - _counted_up(ends, died, times, side="left")
    return _observed(ends, starts, size, times, side="left"), events


def _observed(
    ends: Floats, starts: Floats, n: Ints, times: Floats, *, side: Literal["left", "right"]
) -> Ints:
    """Count who is under observation just before each time ("left") or just after it ("right")."""
    late = starts > 0  # a spell seen from its start is at risk at time 0 too
    entered = n[~late].sum() + _counted_up(starts[late], n[late], times, side=side)
    return np.asarray(entered - _counted_up(ends, n, times, side=side), dtype=np.int64)


def _watched(
    duration: npt.ArrayLike, *, n: npt.ArrayLike, entry: npt.ArrayLike | None, time: Floats, at_risk: Ints
) -> Ints:
    """Return the smallest risk set over (0, time]; it can only fall at an end, so it is looked up there."""
    ends, size = np.asarray(duration, dtype=float), np.asarray(n, dtype=np.int64)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    after = _observed(ends, starts, size, np.concatenate([[0.0], time[:-1]]), side="right")
    fewest = np.minimum(np.minimum.accumulate(after), at_risk)
    watched = np.where(time > 0, fewest, at_risk)
    if watched[0] == 0:
        first = np.format_float_positional(starts[size > 0].min(), trim="-")
        raise DesignError(
            f"nobody was watched before duration {first}; subtract {first} from duration and entry to ask "
            "about those who reached it"
        )
    return watched


def _counted_up(values: Floats, n: Ints, times: Floats, *, side: Literal["left", "right"]) -> Ints:
    """Count how many lie below each time ("left") or at it and below ("right"), in whole numbers."""
    order = np.argsort(values, kind="stable")
    totals = np.concatenate([[0], np.cumsum(n[order])])
    return totals[np.searchsorted(values[order], times, side=side)]


def product_limit(at_risk: Ints, events: Ints) -> tuple[Floats, Floats]:
    """Return the share still there and Greenwood's variance of its logarithm, of shape (n_times,).

    Parameters
    ----------
    at_risk, events
        As :func:`risk_sets` counts them, shape (n_times,).
    """
    risk, died = at_risk.astype(float), events.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(np.where(events > 0, 1 - died / risk, 1.0)).astype(float)
        step = np.where(events > 0, died / (risk * (risk - died)), 0.0)
    return survival, np.cumsum(step)


def log_log_interval(survival: Floats, log_variance: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return pointwise intervals on the complementary log-log scale, which never leave 0 to 1.

    Parameters
    ----------
    survival, log_variance
        Shares and the variances of their logarithms, as :func:`product_limit` gives them.
    conf_level
        Confidence level.

    Returns
    -------
    tuple of arrays
        Low and high; the share itself where it is 0 or 1 and the scale has no interval.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + conf_level) / 2))
    with np.errstate(invalid="ignore"):
        return log_log_limits(survival, z * np.sqrt(log_variance))


def log_log_limits(survival: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """Return what lies so far from shares, in units of their logarithm, on the complementary log-log scale.

    Parameters
    ----------
    survival, reach
        Shares, and how far to go to either side at each; arrays of one shape.

    Returns
    -------
    tuple of arrays
        Low and high; the share itself where it is 0 or 1 and the scale has no interval.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = reach / np.log(survival)
        low, high = survival ** np.exp(-exponent), survival ** np.exp(exponent)
    # everybody there or nobody left: the scale has no interval, the point itself is given
    certain = (survival >= 1) | (survival <= 0)
    return np.where(certain, survival, low), np.where(certain, survival, high)

"""The figures of a signal from its daily counts: rates by time since it, the base rate, and two readings."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.leaving_signals import SignalCounts
from cemlab.errors import DesignError
from cemlab.stats.event_rates import rate_ratio, weighted_share
from cemlab.stats.intervals import Interval

Floats = NDArray[np.float64]


def period_names(counts: SignalCounts) -> list[str]:
    """Return the names of the states after a signal, the first ones first."""
    lows = (0, *counts.bands)
    inner = [
        f"first {high} days" if low == 0 else f"{low + 1} to {high} days"
        for low, high in zip(lows, counts.bands, strict=False)
    ]
    return [*inner, f"over {counts.bands[-1]} days"]


def daily_arrays(counts: SignalCounts) -> tuple[Floats, Floats, Floats]:
    """Return those at risk, those who leave, and those who end otherwise, by state and day (s, d).

    Who starts on a day is at risk from the next one on; who stops on a day is still at risk on it.
    """
    days = (counts.as_of - counts.first).days + 1
    shape = (len(counts.bands) + 2, days + 1)
    arrays = {name: np.zeros(shape) for name in ("started", "stopped", "left", "other")}
    place = counts.daily["state"].to_numpy(), counts.daily["day"].to_numpy()
    for name, array in arrays.items():
        np.add.at(array, place, counts.daily[name].to_numpy(dtype=float))
    moved = arrays["started"] - arrays["stopped"]
    at_risk = np.concatenate([np.zeros((shape[0], 1)), moved.cumsum(axis=1)[:, :-1]], axis=1)
    return at_risk, arrays["left"], arrays["other"]


def _months(first: date, days: int) -> NDArray[np.int64]:
    """Return the number of the calendar month of each day."""
    month = (np.datetime64(first, "D") + np.arange(days)).astype("datetime64[M]").astype(np.int64)
    return np.asarray(month - month[0], dtype=np.int64)


def _ratio(events: Floats, time: Floats, events_else: Floats, time_else: Floats, *, level: float) -> Interval:
    """Return the ratio of two rates, missing where nothing is known of it."""
    try:
        return rate_ratio(events, time, events_else=events_else, time_else=time_else, conf_level=level)
    except DesignError:  # nobody at risk on one side, or nobody left on either
        return Interval(*(np.array(np.nan) for _ in range(3)))


def rates_by_period(counts: SignalCounts, conf_level: float) -> list[tuple[str, Interval, int, int]]:
    """Return name, ratio of rates, days at risk and leavers of each period after a signal.

    Compared within calendar months with those who have given no signal yet.
    """
    at_risk, left, _other = daily_arrays(counts)
    month = _months(counts.first, at_risk.shape[1])
    time, events = (np.array([np.bincount(month, state) for state in array]) for array in (at_risk, left))
    found = []
    for state, name in enumerate(period_names(counts), start=1):
        ratio = _ratio(events[state], time[state], events[0], time[0], level=conf_level)
        found.append((name, ratio, int(time[state].sum()), int(events[state].sum())))
    return found


def base_rate(
    counts: SignalCounts, complete: pd.DataFrame, days: int, conf_level: float
) -> tuple[Interval, int]:
    """Return how many of those without a signal left within so many days, and how many leavers tell it.

    On the evening of each day on which alarms were given: among those at risk then who had not signalled for
    a whole window, the share that left, whether or not they signalled later; averaged over the alarms.
    """
    at_risk, _left, _other = daily_arrays(counts)
    quiet = [0, *(k for k, low in enumerate((0, *counts.bands), start=1) if low >= counts.window_days)]
    risk = at_risk[quiet].sum(axis=0)[1:]  # at risk on the next day: there on that evening
    day, n = complete["day"].to_numpy(), complete["n"].to_numpy(dtype=float)
    weight = np.where(risk > 0, np.bincount(day, n, minlength=len(risk)), 0.0)
    if not weight.any():  # whenever there was an alarm, everybody had signalled
        return Interval(*(np.array(np.nan) for _ in range(3))), 0
    each = weight / weight.sum() / np.maximum(risk, 1)
    so_far = np.concatenate([[0.0], np.cumsum(each)])
    gone, since, until, often = (
        counts.quiet[name].to_numpy(dtype=np.int64) for name in ("day", "since", "until", "n")
    )
    since = np.minimum(since, days)
    # what a leaver adds: the alarm days, as weighted, on whose evening he was without a signal
    added = np.where(until < since, so_far[gone - until] - so_far[gone - since], 0.0)
    most = float((so_far[days:] - so_far[:-days]).max())
    interval = weighted_share(added, often, most=most, conf_level=conf_level)
    return interval, int(often[added > 0].sum())


def lift(precision: Interval, base: Interval) -> Interval:
    """Return the ratio of precision to base rate, with the interval from those of the two.

    Donner and Zou's method for a ratio; nothing is known where neither has an event.
    """
    p, p_low, p_high = (float(end) for end in precision)
    b, b_low, b_high = (float(end) for end in base)
    if np.isnan(p) or np.isnan(b) or p == b == 0:
        return Interval(*(np.array(np.nan) for _ in range(3)))
    # written so that nothing is divided by what may be zero: no alarm true, or nobody left without one
    low, high, low_else, high_else = (
        end * (2 * mid - end) for end, mid in ((p_low, p), (p_high, p), (b_low, b), (b_high, b))
    )
    conf_low = low / (p * b + np.sqrt(max((p * b) ** 2 - low * high_else, 0.0))) if p > 0 else 0.0
    conf_high = np.inf
    if b_low > 0:
        conf_high = (p * b + np.sqrt(max((p * b) ** 2 - high * low_else, 0.0))) / low_else
    return Interval(np.array(p / b if b else np.inf), np.array(conf_low), np.array(conf_high))


def inverse(precision: Interval, kept_share: float) -> Interval:
    """Return how many alarms it takes for one success: one over the share of alarms that are."""
    with np.errstate(divide="ignore"):
        low, mid, high = (
            np.divide(1.0, np.asarray(end) * kept_share)
            for end in (precision.conf_high, precision.estimate, precision.conf_low)
        )
    return Interval(mid, low, high)


def immortal(counts: SignalCounts, conf_level: float) -> pd.DataFrame:
    """Return the ratio of rates with the signal's date, and without: ever signalled, from the start."""
    at_risk, left, _other = daily_arrays(counts)
    time, events = at_risk.sum(axis=1), left.sum(axis=1)
    ever = counts.ever.set_index("signalled").reindex([False, True]).fillna(0)
    readings = {
        "at the signal (right)": (events[1:].sum(), time[1:].sum(), events[0], time[0]),
        "at entry (wrong)": (
            *ever.loc[True, ["left", "days"]].astype(float),
            *ever.loc[False, ["left", "days"]].astype(float),
        ),
    }
    found = []
    for reading, (d, t, d_else, t_else) in readings.items():
        ratio = _ratio(*np.array([[d], [t], [d_else], [t_else]], dtype=float), level=conf_level)
        found.append((reading, *map(float, ratio), int(t), int(d)))
    return pd.DataFrame(found, columns=["reading", "estimate", "conf_low", "conf_high", "n", "events"])

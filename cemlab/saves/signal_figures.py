"""The figures of a signal from its daily counts: rates by time since it, the base rate, and two readings."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.leaving_signals import SignalCounts
from cemlab.errors import DesignError
from cemlab.stats.event_rates import rate_ratio
from cemlab.stats.intervals import Interval

Floats = NDArray[np.float64]

#: What the time before a signal counts as.
BEFORE = "no signal"


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


def rates_by_period(counts: SignalCounts, conf_level: float) -> list[tuple[str, Interval, int, int]]:
    """Return name, ratio of rates, days at risk and leavers of each period after a signal.

    Compared within calendar months with those who have given no signal yet.
    """
    at_risk, left, _other = daily_arrays(counts)
    month = _months(counts.first, at_risk.shape[1])
    time, events = (np.array([np.bincount(month, state) for state in array]) for array in (at_risk, left))
    found = []
    for state, name in enumerate(period_names(counts), start=1):
        try:
            ratio = rate_ratio(
                events[state], time[state], events_else=events[0], time_else=time[0], conf_level=conf_level
            )
        except DesignError:  # nobody was at risk in that period: nothing is known of it
            ratio = Interval(*(np.array(np.nan) for _ in range(3)))
        found.append((name, ratio, int(time[state].sum()), int(events[state].sum())))
    return found


def base_rate(
    counts: SignalCounts, complete: pd.DataFrame, days: int, conf_level: float
) -> tuple[Interval, int]:
    """Return the chance to leave within so many days without an alarm, from the days of the alarms on.

    Aalen–Johansen by calendar day among those without a standing alarm, averaged over the days on which
    alarms were given; and how many leavers it rests on.
    """
    from scipy.special import ndtri

    at_risk, left, other = daily_arrays(counts)
    standing = [k for k, low in enumerate((0, *counts.bands), start=1) if low < counts.window_days]
    quiet = [state for state in range(len(at_risk)) if state not in standing]
    risk, gone, rest = (array[quiet].sum(axis=0) for array in (at_risk, left, other))
    safe = np.maximum(risk, 1)
    hazard = np.where(risk > 0, gone / safe, 0.0)
    with np.errstate(divide="ignore"):
        log_stay = np.cumsum(np.log1p(-np.minimum(hazard + np.where(risk > 0, rest / safe, 0.0), 1 - 1e-12)))
    before = np.concatenate([[0.0], log_stay[:-1]])
    incidence = np.cumsum(np.exp(before) * hazard)
    day, n = complete["day"].to_numpy(), complete["n"].to_numpy(dtype=float)
    weight = np.bincount(day, n, minlength=len(risk)) / n.sum()
    last = np.minimum(np.arange(len(risk)) + days, len(risk) - 1)
    chance = (incidence[last] - incidence) * np.exp(-log_stay)
    estimate = float(weight @ chance)
    # how much each day's hazard adds to the average: that of the days whose window it lies in
    scaled = np.concatenate([[0.0], np.cumsum(weight * np.exp(-log_stay))])
    open_now = scaled[:-1] - scaled[np.maximum(np.arange(len(risk)) - days, 0)]
    influence = np.exp(before) * open_now
    error = np.sqrt(float((influence**2 * gone / safe**2).sum()))
    reach = float(ndtri((1 + conf_level) / 2)) * error
    interval = Interval(
        np.array(estimate), np.array(max(estimate - reach, 0.0)), np.array(min(estimate + reach, 1.0))
    )
    return interval, int(gone[open_now > 0].sum())


def lift(precision: Interval, n: int, base: Interval, conf_level: float) -> Interval:
    """Return the ratio of precision to base rate, by the delta method on its logarithm."""
    from scipy.special import ndtri

    p, b = float(precision.estimate), float(base.estimate)
    if b <= 0:
        return Interval(*(np.array(np.nan) for _ in range(3)))
    z = float(ndtri((1 + conf_level) / 2))
    if p <= 0:  # no alarm came true: from nothing to the upper end of its share
        return Interval(np.array(0.0), np.array(0.0), np.array(float(precision.conf_high) / b))
    base_error = (float(base.conf_high) - float(base.conf_low)) / (2 * z * b)
    reach = np.exp(z * np.sqrt((1 - p) / (n * p) + base_error**2))
    return Interval(np.array(p / b), np.array(p / b / reach), np.array(p / b * reach))


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
        ratio = rate_ratio([d], [t], events_else=[d_else], time_else=[t_else], conf_level=conf_level)
        found.append((reading, *map(float, ratio), int(t), int(d)))
    return pd.DataFrame(found, columns=["reading", "estimate", "conf_low", "conf_high", "n", "events"])

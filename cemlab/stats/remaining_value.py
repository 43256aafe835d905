"""Expected discounted time still to come, given the tenure reached, from counts by period of tenure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Beyond = Literal["stop", "steady"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RemainingTime:
    """Expected discounted periods still to come, by periods of tenure reached.

    Parameters
    ----------
    value
        Of a customer who has reached a tenure of a periods, shape (n_tenures,).
    slope
        Derivatives of `value` by the chance to leave in each observed period, shape (n_tenures, n_periods).
    variance
        Of these chances, shape (n_periods,).
    beyond
        The part of `value` that lies beyond the observed periods, shape (n_tenures,); 0 where nothing does.
    """

    value: Floats
    slope: Floats
    variance: Floats
    beyond: Floats

    @property
    def std_error(self) -> Floats:
        """Standard errors of `value` by the delta method, shape (n_tenures,)."""
        error: Floats = np.sqrt((self.slope**2 * self.variance).sum(axis=1))
        return error

    def total(self, weights: Floats) -> tuple[float, float]:
        """Return a weighted sum over tenures and its standard error."""
        slope = weights @ self.slope
        return float(weights @ self.value), float(np.sqrt((slope**2 * self.variance).sum()))


def remaining_time(
    events: Ints,
    *,
    stayed: Floats,
    tenures: Ints,
    horizon: int,
    factor: float = 1.0,
    beyond: Beyond = "stop",
    pooled: int = 12,
) -> RemainingTime:
    """Return the expected discounted periods within a horizon, given the tenure reached.

    A customer who leaves within a period is counted for half of it; a period's money is discounted to its
    middle.

    Parameters
    ----------
    events, stayed
        Departures and exposure without departure of each period of tenure, shape (n_periods,); all with some.
    tenures
        Whole periods reached, shape (n_tenures,).
    horizon
        Periods to look ahead, at least 1.
    factor
        What money is multiplied by for a period of waiting, above 0 and at most 1.
    beyond
        What is taken for tenures beyond the observed ones: ``"stop"``, nothing is counted (a lower bound);
        ``"steady"``, the chance to leave of the last `pooled` observed periods together.
    pooled
        Periods whose chances are pooled.

    Returns
    -------
    RemainingTime
        Values, derivatives, and the part beyond the observed periods.

    Raises
    ------
    DesignError
        If a period has neither departures nor exposure.

    Examples
    --------
    One in ten leaves in each of two periods: 0.95 + 0.9 * 0.95 periods are to come.

    >>> stayed, start = np.array([90.0, 81.0]), np.array([0])
    >>> found = remaining_time(np.array([10, 9]), stayed=stayed, tenures=start, horizon=2)
    >>> found.value.round(4)
    array([1.805])
    """
    n = events + stayed
    if (n <= 0).any():
        raise DesignError("a period has nobody at risk, so its chance to leave is not known")
    j, steps = len(n), np.arange(horizon)
    chance = events / n
    last = slice(max(0, j - pooled), j)
    steady = float(events[last].sum() / n[last].sum())
    index = np.asarray(tenures)[:, None] + steps[None, :]
    known = index < j
    leave = np.where(known, chance[np.minimum(index, j - 1)], steady if beyond == "steady" else 0.0)
    alive = np.cumprod(1 - leave, axis=1)
    before = np.concatenate([np.ones((len(index), 1)), alive[:, :-1]], axis=1)
    money = np.power(factor, steps + 0.5, dtype=np.float64)
    counted = known if beyond == "stop" else np.ones_like(known)
    gain = money * (before + alive) / 2 * counted
    slope = _slopes(leave, before, money * counted, gain)
    by_period = np.zeros((len(index), j))
    row = np.broadcast_to(np.arange(len(index))[:, None], index.shape)
    np.add.at(by_period, (row[known], index[known]), slope[known])
    if beyond == "steady":
        share = np.zeros(j)
        share[last] = n[last] / n[last].sum()
        by_period += np.where(known, 0.0, slope).sum(axis=1)[:, None] * share
    # half a departure more keeps a period without any from passing for certain
    soft = (events + 0.5) / (n + 1)
    return RemainingTime(
        value=gain.sum(axis=1),
        slope=by_period,
        variance=soft * (1 - soft) / n,
        beyond=np.where(known, 0.0, gain).sum(axis=1),
    )


def _slopes(leave: Floats, before: Floats, money: Floats, gain: Floats) -> Floats:
    """Return derivatives of the value by the chance to leave at each step, shape (n_tenures, horizon)."""
    later = np.cumsum(gain[:, ::-1], axis=1)[:, ::-1] - gain
    stay = 1 - leave
    with np.errstate(divide="ignore", invalid="ignore"):
        shrink = np.where(stay > 0, later / stay, 0.0)
    return -(money * before / 2 + shrink)

"""The overall effect of a roll-out against all periods before it, with each unit's influence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.group_time import Controls

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LongBase:
    """An average over all treated unit-periods that have controls.

    Parameters
    ----------
    estimate
        The average.
    influence
        (n) what each unit adds to its error.
    left_out
        Treated unit-periods without two controls, over which nothing is averaged.
    """

    estimate: float
    influence: Floats
    left_out: int


def long_base_effect(
    outcome: Floats, *, first: Ints, controls: Controls = "not yet treated", last: Ints | None = None
) -> LongBase:
    """Return how much more treated units departed from their mean before the treatment than others did.

    Parameters
    ----------
    outcome
        (n, t), nothing missing.
    first
        (n) number of each unit's first treated period, t for those never treated; at least 1.
    controls
        Who is compared with: units not treated by then, or never treated.
    last
        (n) number of the period from which a unit is no longer used, t if not given: nobody is compared, nor
        is a control, from then on.

    Notes
    -----
    As the group-time effects of Callaway & Sant'Anna (2021), unadjusted, but with the mean of all periods
    before as base instead of the last one: where units' changes would be alike throughout, and months vary by
    themselves, it is more precise; where trends differ, it carries them further.

    Examples
    --------
    >>> y = np.array([[0.0, 2, 5], [2, 0, 5], [1, 1, 2], [1, 1, 2]])
    >>> found = long_base_effect(y, first=np.array([2, 2, 3, 3]))
    >>> found.estimate, found.influence.tolist()
    (3.0, [0.0, 0.0, 0.0, 0.0])
    """
    n, periods = outcome.shape
    until = np.full(n, periods) if last is None else last
    before = np.concatenate([np.zeros((n, 1)), np.cumsum(outcome, axis=1)], axis=1)
    total, weight, left_out = 0.0, 0.0, 0
    influence, used = np.zeros(n), np.zeros(n)
    for group in np.unique(first[first < periods]).tolist():
        member = first == group
        change = outcome - (before[:, group] / group)[:, None]
        for time in range(group, periods):
            treated = member & (until > time)
            start = time if controls == "not yet treated" else periods - 1
            control = (first > start) & ~member & (until > time)
            if not treated.any():
                continue
            if control.sum() < 2:
                left_out += int(treated.sum())
                continue
            size = int(treated.sum())
            gap, other = change[treated, time], change[control, time]
            total += size * (gap.mean() - other.mean())
            weight += size
            used[treated] += 1
            influence[treated] += gap - other.mean()
            influence[control] -= size * (other - other.mean()) / len(other)
    if weight == 0:
        return LongBase(estimate=np.nan, influence=influence, left_out=left_out)
    estimate = total / weight
    return LongBase(
        estimate=float(estimate), influence=(influence - used * estimate) / weight, left_out=left_out
    )

"""Effects of a staggered roll-out, group by group and period by period, with each unit's influence on them.

After Callaway, B., & Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods.
Journal of Econometrics 225, 200–230.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.stats.group_time_covariates import Comparison, compare

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

#: Who is compared with: all units not treated by then, or those never treated in the data.
Controls = Literal["not yet treated", "never treated"]
#: How covariates are used; "unadjusted" uses none.
Method = Literal["unadjusted", "regression", "weighting", "doubly robust"]
#: With which period a period before the treatment is compared.
Base = Literal["universal", "varying"]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupTime:
    """Effects by group and period, c of them, for n units.

    Parameters
    ----------
    group, time, base
        (c) numbers of the group's first treated period, of the period, and of the period compared with.
    estimate
        (c) average effect on the group's units in the period.
    influence
        (n, c) what each unit adds to the estimate's error: the estimate less the truth is about its sum over
        the units, and the variance about the sum of its squares.
    n_treated, n_controls
        (c) units compared.
    left_out
        (group, time) for which too few controls were left.
    """

    group: Ints
    time: Ints
    base: Ints
    estimate: Floats
    influence: Floats
    n_treated: Ints
    n_controls: Ints
    left_out: tuple[tuple[int, int], ...]


def group_time(
    outcome: Floats,
    *,
    first: Ints,
    controls: Controls = "not yet treated",
    method: Method = "unadjusted",
    covariates: Floats | None = None,
    anticipation: int = 0,
    base: Base = "universal",
    weights: Floats | None = None,
    cluster: Ints | None = None,
) -> GroupTime:
    """Return the average effect on each group in each period.

    Parameters
    ----------
    outcome
        (n, t), nothing missing.
    first
        (n) number of each unit's first treated period, t for those not treated; every group has a period
        before it, less `anticipation`.
    controls, method
        Who is compared with, and how covariates are used.
    covariates
        (n, t, k); those of the base period are used.
    anticipation
        Periods before the treatment in which it may act already.
    base
        "universal": every period is compared with the last one before the treatment, less `anticipation`.
        "varying": a period before the treatment is compared with the one before it.
    weights
        (n) positive.
    cluster
        (n) what units belong to; a comparison with controls of less than two clusters is left out, since
        its error cannot be known. Each unit its own if not given.

    Notes
    -----
    A unit is a control of a group in a period if it is treated neither by then (`anticipation` included) nor
    by the base period, and is of another group.

    Examples
    --------
    >>> y = np.array([[0.0, 0, 3], [1, 1, 4], [0, 1, 2], [2, 3, 4]])
    >>> found = group_time(y, first=np.array([2, 2, 3, 3]))
    >>> found.time.tolist(), found.estimate.tolist()
    ([0, 2], [1.0, 2.0])
    """
    n, periods = outcome.shape
    w = np.ones(n) if weights is None else weights
    belongs = np.arange(n) if cluster is None else cluster
    x = np.empty((n, periods, 0)) if covariates is None else covariates
    parts: list[tuple[Ints, Ints, Ints, Comparison]] = []
    left_out: list[tuple[int, int]] = []
    for group in np.unique(first[first < periods]):
        member = first == group
        for times, from_period, control in _comparisons(
            first, int(group), periods, controls=controls, anticipation=anticipation, base=base
        ):
            if not control.any() or (belongs[control] == belongs[control][0]).all():
                left_out += [(int(group), int(time)) for time in times]
                continue
            change = outcome[:, times] - outcome[:, from_period]
            design = x[:, int(from_period[0])]
            found = compare(change, member, control, design, weights=w, method=method)
            parts.append((np.full(len(times), group), times, from_period, found))
    return _joined(parts, n, tuple(sorted(left_out)))


def _comparisons(
    first: Ints, group: int, periods: int, *, controls: Controls, anticipation: int, base: Base
) -> Iterator[tuple[Ints, Ints, Flags]]:
    """Yield periods, their base periods and controls; together what has the same controls and design."""
    last_before = group - anticipation - 1
    everything = np.arange(periods)
    before = np.maximum(everything - 1, 0) if base == "varying" else np.full(periods, last_before)
    bases = np.where(everything < group, before, last_before)
    kept = everything != bases
    # who is first treated later than this is a control
    reach = np.full(periods, periods - 1)
    if controls == "not yet treated":
        reach = np.minimum(np.maximum(everything, bases) + anticipation, periods - 1)
    # periods between which nobody begins share their controls
    starts = np.unique(first)
    level = np.searchsorted(starts, reach, side="right")
    for at, limit in sorted({(int(b), int(s)) for b, s in zip(bases[kept], level[kept], strict=True)}):
        times = everything[kept & (bases == at) & (level == limit)]
        control = (first > reach[times[0]]) & (first != group)
        yield times, bases[times], control


def _joined(
    parts: list[tuple[Ints, Ints, Ints, Comparison]], n: int, left_out: tuple[tuple[int, int], ...]
) -> GroupTime:
    """Put the comparisons in the order of group and period."""
    if not parts:
        none, nothing = np.empty(0, dtype=np.int64), np.empty(0)
        return GroupTime(
            group=none,
            time=none,
            base=none,
            estimate=nothing,
            influence=np.empty((n, 0)),
            n_treated=none,
            n_controls=none,
            left_out=left_out,
        )
    group, time, base = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((time, group))
    each = [part[3] for part in parts]
    return GroupTime(
        group=group[order],
        time=time[order],
        base=base[order],
        estimate=np.concatenate([one.estimate for one in each])[order],
        influence=np.concatenate([one.influence for one in each], axis=1)[:, order],
        n_treated=np.repeat([one.n_treated for one in each], [len(one.estimate) for one in each])[order],
        n_controls=np.repeat([one.n_controls for one in each], [len(one.estimate) for one in each])[order],
        left_out=left_out,
    )

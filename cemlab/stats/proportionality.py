"""The test of proportional hazards, with ties and late entry.

lifelines has one, but not for late entry, and where departures tie its result depends on the order
of the rows. This is the score test that R's ``cox.zph`` computes since version 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.lifetable import life_table

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ProportionalityTest:
    """Score tests that single coefficients do not change with time, arrays of shape (n_terms,)."""

    statistic: Floats
    p_value: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class _Sums:
    """Weighted sums at each departure time: of 1, of x and of its products, shape (n_times, …)."""

    zero: Floats
    one: Floats
    two: Floats


def proportionality_test(
    x: npt.ArrayLike,
    *,
    duration: npt.ArrayLike,
    event: npt.ArrayLike,
    coefficient: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
) -> ProportionalityTest:
    """Test whether each coefficient of a proportional hazards model is the same at all durations.

    Each term in turn is multiplied by a function of time and the score test of its being needed is
    computed at the fitted model (Grambsch & Therneau 1994, in the exact form of R's survival 3).
    The function is one minus the Kaplan–Meier curve just before each departure.

    Parameters
    ----------
    x
        Covariates, shape (n_spells, n_terms).
    duration, event
        Length of each spell and whether it ended with the event, shape (n_spells,).
    coefficient
        The fitted model's, Efron's treatment of ties, shape (n_terms,).
    entry
        Length already reached when observation began, shape (n_spells,); 0 for spells seen from the start.

    Returns
    -------
    ProportionalityTest
        Chi-squared statistics on one degree of freedom each, and their p-values.

    Examples
    --------
    >>> test = proportionality_test([[0], [1], [0], [1]], duration=[1, 2, 3, 4], event=[1, 1, 1, 1],
    ...                             coefficient=[-0.9])
    >>> test.statistic.shape
    (1,)
    """
    from scipy.special import chdtrc

    design, ends = np.asarray(x, dtype=float), np.asarray(duration, dtype=float)
    left = np.asarray(event, dtype=bool)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    starts = np.where(starts > 0, starts, -np.inf)  # seen from the start: at risk at duration 0 too
    design = design - design.mean(axis=0)  # the test does not change, the exponentials stay small
    weight = np.exp(design @ np.asarray(coefficient, dtype=float))
    times, ties = np.unique(ends[left], return_counts=True)
    at_risk = _difference(_sums_from(times, ends, design, weight), _sums_from(times, starts, design, weight))
    # those who depart at a time: sums from it on, less the sums from the next time on
    beyond = np.append(times[1:], np.inf)
    gone = _difference(
        _sums_from(times, ends[left], design[left], weight[left]),
        _sums_from(beyond, ends[left], design[left], weight[left]),
    )
    seen = np.zeros((len(times), design.shape[1]))
    np.add.at(seen, np.searchsorted(times, ends[left]), design[left])
    mean, spread = _efron(at_risk, gone, ties)
    clock = _clock(ends, left, starts, times)
    score = clock @ (seen - mean)
    plain = spread.sum(axis=0)
    mixed = np.einsum("t,tij->ij", clock, spread)
    squared = np.einsum("t,tjj->j", clock**2, spread)
    variance = squared - np.einsum("ij,ij->j", mixed, np.linalg.solve(plain, mixed))
    statistic = score**2 / variance
    return ProportionalityTest(statistic=statistic, p_value=chdtrc(1, statistic))


def _clock(ends: Floats, left: npt.NDArray[np.bool_], starts: Floats, times: Floats) -> Floats:
    """Return one minus the Kaplan–Meier curve just before each departure time."""
    entry = np.where(np.isfinite(starts), starts, 0.0)
    table = life_table(ends, event=left, n=np.ones(len(ends), dtype=np.int64), entry=entry)
    before = np.append(1.0, table.survival)[np.searchsorted(table.time, times)]
    return np.asarray(1.0 - before, dtype=float)


def _sums_from(times: Floats, values: Floats, x: Floats, weight: Floats) -> _Sums:
    """Sum over rows whose value is at or after each time."""
    order = np.argsort(-values, kind="stable")
    upto = np.searchsorted(-values[order], -times, side="right")
    w, z = weight[order], x[order]

    def running(rows: Floats) -> Floats:
        total = np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0)])
        return np.asarray(total[upto])

    weighted = w[:, None] * z
    return _Sums(zero=running(w), one=running(weighted), two=running(weighted[:, :, None] * z[:, None, :]))


def _difference(more: _Sums, less: _Sums) -> _Sums:
    return _Sums(zero=more.zero - less.zero, one=more.one - less.one, two=more.two - less.two)


def _efron(at_risk: _Sums, gone: _Sums, ties: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the expected covariates of those who depart, summed, and their covariance, at each time.

    Of d who depart together, the k-th leaves a risk set from which a share k / d of the d is gone.
    """
    mean, spread = np.zeros_like(at_risk.one), np.zeros_like(at_risk.two)
    for k in range(int(ties.max())):
        now = ties > k
        share = (k / ties[now])[:, None]
        total = (at_risk.zero[now] - share[:, 0] * gone.zero[now])[:, None]
        centre = (at_risk.one[now] - share * gone.one[now]) / total
        second = (at_risk.two[now] - share[:, :, None] * gone.two[now]) / total[:, :, None]
        mean[now] += centre
        spread[now] += second - centre[:, :, None] * centre[:, None, :]
    return mean, spread

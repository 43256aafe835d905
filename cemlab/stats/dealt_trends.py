"""Leads and slopes before treatment for many deals of the treatment at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.group_time import Controls

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def lead_times(first: Ints, periods: int, anticipation: int, controls: Controls) -> tuple[Ints, Ints]:
    """Return the leads of all groups that can be compared (k), and the treated units behind each (k).

    Parameters
    ----------
    first
        (n) first treated period of each unit, the number of periods where it is never treated.
    periods
        How many.
    anticipation, controls
        As in :func:`cemlab.stats.pre_trends.leads_before`.

    Raises
    ------
    DesignError
        If there is none.

    Examples
    --------
    >>> lead_times(np.array([3, 3, 4, 4]), 4, 0, "not yet treated")[0].tolist()
    [-3, -2]
    """
    weight = np.zeros(periods, dtype=np.int64)
    for group, treated, _ in _compared(first[None, :], periods, controls):
        weight[periods - group : periods - group + max(group - 1 - anticipation, 0)] += treated.sum()
    seen = np.flatnonzero(weight)
    if not seen.size:
        raise DesignError(_no_leads(first, anticipation))
    return seen - periods, weight[seen]


def deal_leads(
    outcome: Floats, first: Ints, event_time: Ints, anticipation: int, controls: Controls
) -> tuple[Floats, Floats]:
    """Return leads (d, k) and their covariances (d, k, k) for deals of the treatment, (d, n).

    Parameters
    ----------
    outcome
        (n, t).
    first
        (d, n) the same beginnings in every row, in another order.
    event_time
        (k) as :func:`lead_times` gives them.
    anticipation, controls
        As in :func:`cemlab.stats.pre_trends.leads_before`.
    """
    draws, n = first.shape
    periods = outcome.shape[1]
    total, weight = np.zeros((draws, periods)), np.zeros(periods)
    influence = np.zeros((draws, n, periods))
    for group, treated, others in _compared(first, periods, controls):
        base = group - 1 - anticipation
        if base < 1:
            continue
        gap, part = _difference(outcome[:, :base] - outcome[:, [base]], treated, others)
        at, size = slice(periods - group, periods - group + base), int(treated[0].sum())
        total[:, at] += size * gap
        influence[:, :, at] += size * part
        weight[at] += size
    seen = event_time + periods
    parts = influence[:, :, seen] / weight[seen]
    return total[:, seen] / weight[seen], parts.swapaxes(1, 2) @ parts


def deal_slopes(outcome: Floats, first: Ints, anticipation: int, controls: Controls) -> tuple[Floats, Floats]:
    """Return slopes (d) and their errors (d) for deals of the treatment, (d, n).

    Parameters
    ----------
    outcome, first, anticipation, controls
        As in :func:`deal_leads`.

    Raises
    ------
    DesignError
        If no group has two periods before its treatment.
    """
    total, influence, weight = np.zeros(len(first)), np.zeros(first.shape), 0.0
    for group, treated, others in _compared(first, outcome.shape[1], controls):
        length = group - anticipation
        if length < 2:
            continue
        time = np.arange(length) - (length - 1) / 2
        spread = float(time @ time)
        gap, part = _difference((outcome[:, :length] @ time / spread)[:, None], treated, others)
        told = spread / (1 / treated[0].sum() + 1 / others[0].sum())
        total += told * gap[:, 0]
        influence += told * part[:, :, 0]
        weight += told
    if weight == 0:
        raise DesignError(_no_leads(first[0], anticipation))
    return total / weight, np.sqrt((influence**2).sum(axis=1)) / weight


def wald(estimate: Floats, covariance: Floats) -> Floats:
    """Return Wald statistics of "all are zero", (…) of estimates (…, k) with covariances (…, k, k).

    It is nan where a covariance cannot be inverted.

    Examples
    --------
    >>> float(wald(np.array([1.0, 2.0]), np.diag([1.0, 4.0])))
    2.0
    """
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    positive = np.asarray((scale > 0).all(axis=-1))
    safe = np.where(positive[..., None], scale, 1.0)
    correlation = covariance / (safe[..., :, None] * safe[..., None, :])
    # below this the smallest direction is rounding, not variance
    positive &= np.linalg.eigvalsh(correlation)[..., 0] >= 1e-10
    correlation = np.where(positive[..., None, None], correlation, np.eye(scale.shape[-1]))
    standardised = estimate / safe
    solved = np.linalg.solve(correlation, standardised[..., None])[..., 0]
    statistic: Floats = np.where(positive, (standardised * solved).sum(axis=-1), np.nan)
    return statistic


def _compared(first: Ints, periods: int, controls: Controls) -> list[tuple[int, Flags, Flags]]:
    """Return each group that two units or more share, with its units and two controls or more, (d, n)."""
    found = []
    for group in np.unique(first[0][first[0] < periods]):
        treated = first == group
        others = first >= periods if controls == "never treated" else first > group
        if treated[0].sum() >= 2 and others[0].sum() >= 2:
            found.append((int(group), treated, others))
    return found


def _difference(values: Floats, treated: Flags, others: Flags) -> tuple[Floats, Floats]:
    """Return differences of means (d, k) and what each unit adds to them (d, n, k)."""
    influence = np.zeros((*treated.shape, values.shape[1]))
    means = []
    for side, sign in ((treated.astype(float), 1), (others.astype(float), -1)):
        n = float(side[0].sum())
        mean = side @ values / n
        # n − 1: so that the squares add up to the unbiased variance of the mean
        influence += side[:, :, None] * (values - mean[:, None, :]) * (sign / np.sqrt(n * (n - 1)))
        means.append(mean)
    return means[0] - means[1], influence


def _no_leads(first: Ints, anticipation: int) -> str:
    """Say why there is nothing to see before treatment."""
    foreseen = f", counted {anticipation} earlier for anticipation," if anticipation else ""
    return (
        "no lead: trends before treatment need two periods before it, two units that begin together and two "
        f"controls; the groups begin{foreseen} in periods {np.unique(first).tolist()} from 0 (the last may "
        "stand for never). Take a longer panel"
    )

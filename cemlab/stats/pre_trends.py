"""Trends before treatment in a staggered roll-out: leads, a test of all of them, and a test of a slope.

Units treated from one period on are compared with those not treated yet, each from its last period before
treatment. Chance is judged by dealing the beginnings of treatment to the units anew, at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.stats.group_time import Controls
from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# So many units for each lead that is tested jointly, at least: with fewer the covariance says little.
_UNITS_A_LEAD = 3
# Deals times units times leads done at once; keeps memory low.
_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Leads:
    """Differences from the controls before treatment, relative to the last period before it.

    Parameters
    ----------
    event_time
        (k) periods since the first treated one, all below 0, rising.
    estimate
        (k).
    covariance
        (k, k).
    n_treated
        (k) number of treated units behind each.
    """

    event_time: Ints
    estimate: Floats
    covariance: Floats
    n_treated: Ints

    @property
    def std_error(self) -> Floats:
        """(k)."""
        error: Floats = np.sqrt(np.diag(self.covariance))
        return error


@dataclass(frozen=True, eq=False, kw_only=True)
class Slope:
    """Difference of linear trends before treatment, a period.

    Parameters
    ----------
    estimate, std_error
        Treated against comparison units, all groups together.
    """

    estimate: float
    std_error: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Lottery:
    """What the statistics are when the beginnings of treatment are dealt to the units at random.

    Parameters
    ----------
    joint, largest, slope
        (draws) Wald statistic of the leads tested jointly, largest absolute standardised lead of all, and
        absolute standardised slope.
    """

    joint: Floats
    largest: Floats
    slope: Floats


def leads_before(
    outcome: Floats, *, first: Ints, anticipation: int = 0, controls: Controls = "not yet treated"
) -> Leads:
    """Return by how much treated units differed from their controls at each time before treatment.

    Parameters
    ----------
    outcome
        (n, t), nothing missing.
    first
        (n) first treated period of each unit, from 0; t for those never treated.
    anticipation
        Periods before treatment in which it may act already; they are no leads.
    controls
        All who are treated later, or only those never treated.

    Returns
    -------
    Leads
        Groups weigh by their units. A group of a single unit, or with fewer than two controls, is left out:
        it does not show its own chance.

    Raises
    ------
    DataError, OptionError, DesignError
        For arrays that do not fit or are not finite, an unknown option, or no lead at all.

    References
    ----------
    Callaway, B., & Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods.
    Journal of Econometrics 225, 200–230.

    Examples
    --------
    >>> y = np.array([[1.0, 2, 3, 9], [1, 2, 4, 9], [0, 0, 0, 0], [0, 1, 0, 0]])
    >>> found = leads_before(y, first=np.array([3, 3, 4, 4]))
    >>> found.event_time.tolist(), found.estimate.tolist()
    ([-3, -2], [-2.5, -2.0])
    """
    _check(outcome, first, anticipation, controls)
    event_time, n_treated = _event_times(first, outcome.shape[1], anticipation, controls)
    estimate, covariance = _leads(outcome, first[None, :], event_time, anticipation, controls)
    return Leads(event_time=event_time, estimate=estimate[0], covariance=covariance[0], n_treated=n_treated)


def slope_before(
    outcome: Floats, *, first: Ints, anticipation: int = 0, controls: Controls = "not yet treated"
) -> Slope:
    """Return by how much treated units had a steeper linear trend before treatment.

    Every unit's own least-squares slope over all periods before a group is treated; the group's mean less
    that of its controls over the same periods; groups weigh by what they tell (units and squared distances of
    periods). All periods before treatment count, so a slope is found that no single lead shows.

    Parameters
    ----------
    outcome, first, anticipation, controls
        As in :func:`leads_before`.

    Examples
    --------
    >>> y = np.array([[0.0, 1, 2, 9], [0, 1, 2, 9], [5, 5, 5, 5], [4, 4, 4, 4]])
    >>> slope_before(y, first=np.array([3, 3, 4, 4])).estimate
    1.0
    """
    _check(outcome, first, anticipation, controls)
    estimate, std_error = _slopes(outcome, first[None, :], anticipation, controls)
    return Slope(estimate=float(estimate[0]), std_error=float(std_error[0]))


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


def leads_tested(found: Leads, *, units: int, groups: int) -> int:
    """Return how many of the nearest leads can be tested jointly: all, or one for three units.

    Parameters
    ----------
    found
        The leads.
    units, groups
        How many units, in how many groups, those never treated counted as one.
    """
    return max(1, min(found.estimate.size, (units - groups) // _UNITS_A_LEAD))


def lottery(
    outcome: Floats,
    *,
    first: Ints,
    tested: int,
    anticipation: int = 0,
    controls: Controls = "not yet treated",
    draws: int = 999,
    seed: int,
) -> Lottery:
    """Return the statistics under treatment dealt at random, studentised each time.

    Exact where no trend differs and units could be exchanged; because each statistic is divided by its own
    error, right in large samples too where groups vary unequally.

    Parameters
    ----------
    outcome, first, anticipation, controls
        As in :func:`leads_before`.
    tested
        How many of the nearest leads are tested jointly.
    draws
        How many deals.
    seed
        Begins the random numbers.

    References
    ----------
    Chung, E. & Romano, J. (2013). Exact and asymptotically robust permutation tests. Annals of Statistics
    41, 484–507.
    """
    random = generator(seed)
    event_time, _ = _event_times(first, outcome.shape[1], anticipation, controls)
    parts = []
    block = max(1, _AT_ONCE // (outcome.shape[0] * event_time.size))
    for start in range(0, draws, block):
        shape = (min(block, draws - start), first.size)
        dealt = random.permuted(np.broadcast_to(first, shape), axis=1)
        estimate, covariance = _leads(outcome, dealt, event_time, anticipation, controls)
        slope, error = _slopes(outcome, dealt, anticipation, controls)
        with np.errstate(invalid="ignore", divide="ignore"):  # a deal may leave a group without spread
            largest = np.abs(estimate / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))).max(axis=1)
            steeper = np.abs(slope / error)
        joint = wald(estimate[:, -tested:], covariance[:, -tested:, -tested:])
        parts.append(np.stack([joint, largest, steeper]))
    values = np.concatenate(parts, axis=1)
    # a deal whose statistic cannot be had counts as one beyond all others, so that no p-value is too small
    values[np.isnan(values)] = np.inf
    return Lottery(joint=values[0], largest=values[1], slope=values[2])


def chance(statistic: float, dealt: Floats) -> float:
    """Return the share of deals, the real one among them, with a statistic at least as large.

    Examples
    --------
    >>> chance(2.0, np.array([1.0, 3.0, 0.5]))
    0.5
    """
    # rounding must not make a deal that equals the real one smaller
    return float((1 + (dealt >= statistic * (1 - 1e-9)).sum()) / (1 + dealt.size))


def _event_times(first: Ints, periods: int, anticipation: int, controls: Controls) -> tuple[Ints, Ints]:
    """Return the leads of all groups that can be compared, and the treated units behind each."""
    weight = np.zeros(periods, dtype=np.int64)
    for group, treated, _ in _compared(first[None, :], periods, controls):
        weight[periods - group : periods - group + max(group - 1 - anticipation, 0)] += treated.sum()
    seen = np.flatnonzero(weight)
    if not seen.size:
        raise DesignError(_no_leads(first, anticipation))
    return seen - periods, weight[seen]


def _leads(
    outcome: Floats, first: Ints, event_time: Ints, anticipation: int, controls: Controls
) -> tuple[Floats, Floats]:
    """Return leads (d, k) and their covariances (d, k, k) for deals of the treatment, (d, n)."""
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


def _slopes(outcome: Floats, first: Ints, anticipation: int, controls: Controls) -> tuple[Floats, Floats]:
    """Return slopes (d) and their errors (d) for deals of the treatment, (d, n)."""
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


def _check(outcome: Floats, first: Ints, anticipation: int, controls: Controls) -> None:
    if controls not in get_args(Controls):
        raise OptionError(one_of(controls, get_args(Controls), what="kind of controls"))
    if isinstance(anticipation, bool) or not isinstance(anticipation, int | np.integer) or anticipation < 0:
        raise OptionError(
            f"anticipation is {anticipation!r}; allowed: a whole number of periods from 0 on, e.g. 1"
        )
    if outcome.ndim != 2 or first.shape != outcome.shape[:1]:
        raise DataError(
            f"outcome is of shape {outcome.shape}, first of {first.shape}; give (units, periods) and (units,)"
        )
    if not np.isfinite(outcome).all():
        raise DataError("outcome holds what is no finite number; trends need every unit in every period")

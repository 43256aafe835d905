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
    n, periods = outcome.shape
    total, weight, influence = np.zeros(periods), np.zeros(periods), np.zeros((n, periods))
    for group, treated, others in _compared(first, periods, controls):
        base = group - 1 - anticipation
        if base < 1:
            continue
        gap, part = _difference(outcome[:, :base] - outcome[:, [base]], treated, others)
        at = slice(periods - group, periods - group + base)
        total[at] += treated.sum() * gap
        influence[:, at] += treated.sum() * part
        weight[at] += treated.sum()
    seen = np.flatnonzero(weight)
    if not seen.size:
        raise DesignError(_no_leads(first, anticipation))
    parts = influence[:, seen] / weight[seen]
    return Leads(
        event_time=seen - periods,
        estimate=total[seen] / weight[seen],
        covariance=parts.T @ parts,
        n_treated=weight[seen].astype(np.int64),
    )


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
    estimates, parts, weights = [], [], []
    for group, treated, others in _compared(first, outcome.shape[1], controls):
        length = group - anticipation
        if length < 2:
            continue
        time = np.arange(length) - (length - 1) / 2
        spread = float(time @ time)
        gap, part = _difference((outcome[:, :length] @ time / spread)[:, None], treated, others)
        estimates.append(gap[0])
        parts.append(part[:, 0])
        weights.append(spread / (1 / treated.sum() + 1 / others.sum()))
    if not weights:
        raise DesignError(_no_leads(first, anticipation))
    share = np.array(weights) / np.sum(weights)
    influence = share @ np.array(parts)
    return Slope(estimate=float(share @ estimates), std_error=float(np.sqrt(influence @ influence)))


def wald(estimate: Floats, covariance: Floats) -> float:
    """Return the Wald statistic of "all are zero"; nan where the covariance cannot be inverted.

    Examples
    --------
    >>> wald(np.array([1.0, 2.0]), np.diag([1.0, 4.0]))
    2.0
    """
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        return float("nan")
    correlation = covariance / np.outer(scale, scale)
    # below this the smallest direction is rounding, not variance
    if np.linalg.eigvalsh(correlation)[0] < 1e-10:
        return float("nan")
    standardised = estimate / scale
    return float(standardised @ np.linalg.solve(correlation, standardised))


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
    joint, largest, slope = np.empty(draws), np.empty(draws), np.empty(draws)
    for draw in range(draws):
        dealt = random.permutation(first)
        found = leads_before(outcome, first=dealt, anticipation=anticipation, controls=controls)
        steeper = slope_before(outcome, first=dealt, anticipation=anticipation, controls=controls)
        joint[draw] = wald(found.estimate[-tested:], found.covariance[-tested:, -tested:])
        with np.errstate(invalid="ignore", divide="ignore"):  # a deal may leave a group without spread
            largest[draw] = np.abs(found.estimate / found.std_error).max()
            slope[draw] = abs(np.float64(steeper.estimate) / steeper.std_error)
    # a deal whose statistic cannot be had counts as one beyond all others, so that no p-value is too small
    worst = [np.where(np.isnan(values), np.inf, values) for values in (joint, largest, slope)]
    return Lottery(joint=worst[0], largest=worst[1], slope=worst[2])


def chance(statistic: float, dealt: Floats) -> float:
    """Return the share of deals, the real one among them, with a statistic at least as large.

    Examples
    --------
    >>> chance(2.0, np.array([1.0, 3.0, 0.5]))
    0.5
    """
    # rounding must not make a deal that equals the real one smaller
    return float((1 + (dealt >= statistic * (1 - 1e-9)).sum()) / (1 + dealt.size))


def _compared(first: Ints, periods: int, controls: Controls) -> list[tuple[int, Flags, Flags]]:
    """Return each group that two units or more share, with its units and two controls or more."""
    found = []
    for group in np.unique(first[first < periods]):
        treated = first == group
        others = first >= periods if controls == "never treated" else first > group
        if treated.sum() >= 2 and others.sum() >= 2:
            found.append((int(group), treated, others))
    return found


def _difference(values: Floats, treated: Flags, others: Flags) -> tuple[Floats, Floats]:
    """Return differences of means (k) and what each unit adds to them (n, k)."""
    influence = np.zeros(values.shape)
    means = []
    for side, sign in ((treated, 1), (others, -1)):
        n = int(side.sum())
        mean = values[side].mean(axis=0)
        # n − 1: so that the squares add up to the unbiased variance of the mean
        influence[side] = sign * (values[side] - mean) / np.sqrt(n * (n - 1))
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

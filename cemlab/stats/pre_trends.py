"""Trends before treatment in a staggered roll-out: leads, a test of all of them, and a test of a slope.

Units treated from one period on are compared with those not treated yet, each from its last period before
treatment. Chance is judged by dealing the beginnings of treatment to the units anew, at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError, one_of
from cemlab.stats.dealt_trends import deal_leads, deal_slopes, lead_times, wald
from cemlab.stats.group_time import Controls
from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Degrees of freedom of the smaller side for each lead that is tested jointly.
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
    event_time, n_treated = lead_times(first, outcome.shape[1], anticipation, controls)
    estimate, covariance = deal_leads(outcome, first[None, :], event_time, anticipation, controls)
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
    estimate, std_error = deal_slopes(outcome, first[None, :], anticipation, controls)
    return Slope(estimate=float(estimate[0]), std_error=float(std_error[0]))


def leads_tested(found: Leads, *, first: Ints) -> int:
    """Return how many of the nearest leads can be tested jointly.

    All, or one for three degrees of freedom of the smaller side: the treated within their groups, or those
    that are compared with all of them. With more, a side that varies more than the other makes the test
    reject far too often, however treatment is dealt.

    Parameters
    ----------
    found
        The leads.
    first
        (n) first treated period of each unit.
    """
    last = first == first.max()
    treated = int((~last).sum()) - len(np.unique(first[~last]))
    return max(1, min(found.estimate.size, treated // _UNITS_A_LEAD, (int(last.sum()) - 1) // _UNITS_A_LEAD))


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
    event_time, _ = lead_times(first, outcome.shape[1], anticipation, controls)
    parts = []
    block = max(1, _AT_ONCE // (outcome.shape[0] * event_time.size))
    for start in range(0, draws, block):
        shape = (min(block, draws - start), first.size)
        dealt = random.permuted(np.broadcast_to(first, shape), axis=1)
        estimate, covariance = deal_leads(outcome, dealt, event_time, anticipation, controls)
        slope, error = deal_slopes(outcome, dealt, anticipation, controls)
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

"""How good predicted risks are where some observations break off: Brier score and AUC with censoring weights.

Rows may stand for several customers (counts ``n``). Who was censored before the horizon tells nothing; those
who were not stand for them, weighted by one over the chance of not being censored up to then (inverse
probability of censoring weights). ``x`` is the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcomes:
    """What happened to each row by a horizon, with weights.

    Parameters
    ----------
    case, control
        Whether the event came by the horizon, and whether it is known not to have: observed beyond the
        horizon, or left for another cause before it. Neither where it was censored before, shape (x,).
    weight
        Inverse probability of censoring weight of one customer of the row, shape (x,); 0 where neither.
    """

    case: NDArray[np.bool_]
    control: NDArray[np.bool_]
    weight: Floats


def outcomes_by(
    time: Floats,
    *,
    event: NDArray[np.bool_],
    n: Ints,
    horizon: float,
    stratum: Ints | None = None,
    other: NDArray[np.bool_] | None = None,
) -> Outcomes:
    """Return cases and controls at a horizon with their weights.

    Parameters
    ----------
    time
        Length of observation from the moment of prediction, shape (x,).
    event
        Whether it ended in the event, shape (x,).
    n
        How many customers a row stands for, shape (x,).
    horizon
        How far ahead was predicted.
    stratum
        Groups, from 0, in each of which censoring has its own pace; one for all where not given.
    other
        Whether it ended in another event, after which the one in question cannot come, shape (x,).

    Returns
    -------
    Outcomes
        Events at a time come before censorings at it. An event at the horizon is a case.

    Raises
    ------
    DesignError
        If nobody of a stratum was observed up to the horizon without the event.

    References
    ----------
    Graf, E., Schmoor, C., Sauerbrei, W. & Schumacher, M. (1999). Assessment and comparison of prognostic
    classification schemes for survival data. Statistics in Medicine 18, 2529–2545.

    Examples
    --------
    One of four is censored at 1; the two that stayed beyond 2 and the case at 2 stand for it:

    >>> found = outcomes_by(np.array([1.0, 2.0, 3.0, 3.0]), event=np.array([False, True, False, False]),
    ...                     n=np.ones(4, dtype=np.int64), horizon=2.0)
    >>> found.weight.round(4)
    array([0.    , 1.3333, 1.3333, 1.3333])
    """
    elsewhere = np.zeros(len(time), dtype=bool) if other is None else other
    gone = event | elsewhere
    case, away = event & (time <= horizon), elsewhere & (time <= horizon)
    stays = (time > horizon) | (~gone & (time == horizon))
    weight = np.zeros(len(time))
    groups = np.zeros(len(time), dtype=np.int64) if stratum is None else stratum
    for group in np.unique(groups[n > 0]):
        here = (groups == group) & (n > 0)
        if not (stays & here).any():
            raise DesignError(
                f"nobody was observed for {horizon:g} after the prediction without leaving; choose a "
                "shorter horizon"
            )
        ended = (case | away)[here]
        weight[here] = _weights(time[here], gone[here], n[here], horizon, ended, stays[here])
    return Outcomes(case=case, control=stays | away, weight=weight)


def _weights(
    time: Floats,
    gone: NDArray[np.bool_],
    n: Ints,
    horizon: float,
    ended: NDArray[np.bool_],
    stays: NDArray[np.bool_],
) -> Floats:
    times, place = np.unique(time, return_inverse=True)
    died = np.bincount(place, weights=np.where(gone, n, 0), minlength=len(times))
    lost = np.bincount(place, weights=np.where(gone, 0, n), minlength=len(times))
    at_risk = np.cumsum((died + lost)[::-1])[::-1] - died
    with np.errstate(divide="ignore", invalid="ignore"):
        watched = np.cumprod(np.where(lost > 0, 1 - lost / at_risk, 1.0))
    before = np.concatenate([[1.0], watched[:-1]])
    # who was watched up to the horizon itself was not censored before it
    at_horizon = before[min(int(np.searchsorted(times, horizon, side="left")), len(times) - 1)]
    if times[-1] < horizon:
        at_horizon = watched[-1]
    weight = np.zeros(len(time))
    weight[ended] = 1 / before[place[ended]]
    weight[stays] = 1 / at_horizon
    return weight


def brier_score(risk: Floats, outcomes: Outcomes, *, n: Ints) -> float:
    """Return the weighted mean square of outcome minus predicted risk.

    Parameters
    ----------
    risk
        Predicted chance of the event by the horizon, shape (x,).
    outcomes
        As :func:`outcomes_by` gives them.
    n
        How many customers a row stands for, shape (x,).
    """
    weight = outcomes.weight * n
    return float((weight * (outcomes.case - risk) ** 2).sum() / weight.sum())


def time_dependent_auc(risk: Floats, outcomes: Outcomes, *, n: Ints) -> float:
    """Return the chance that a customer who leaves by the horizon has the higher risk than one who stays.

    Cumulative cases, dynamic controls (Uno et al. 2007); equal risks count one half. Who left for another
    cause by the horizon did not leave for this one, and is a control.

    Parameters
    ----------
    risk, outcomes, n
        As in :func:`brier_score`.

    Returns
    -------
    float
        Missing where there is no case.

    References
    ----------
    Uno, H., Cai, T., Tian, L. & Wei, L. J. (2007). Evaluating prediction rules for t-year survivors with
    censored regression models. Journal of the American Statistical Association 102, 527–537.
    """
    place = np.unique(risk, return_inverse=True)[1]
    weight = outcomes.weight * n
    cases = np.bincount(place, weights=np.where(outcomes.case, weight, 0.0))
    controls = np.bincount(place, weights=np.where(outcomes.control, weight, 0.0))
    below = np.cumsum(controls) - controls
    pairs = cases.sum() * controls.sum()
    return float((cases * (below + controls / 2)).sum() / pairs) if pairs > 0 else float("nan")


def risk_bands(risk: Floats, *, n: Ints, bands: int) -> Ints:
    """Return the band of each row: about equally many customers in each, equal risks never parted.

    Parameters
    ----------
    risk, n
        As in :func:`brier_score`.
    bands
        How many at most.

    Returns
    -------
    numpy.ndarray
        Whole numbers from 0, ascending with the risk, shape (x,).
    """
    values, place = np.unique(risk, return_inverse=True)
    size = np.bincount(place, weights=n, minlength=len(values))
    middle = (np.cumsum(size) - size / 2) / size.sum()
    band = np.minimum((middle * bands).astype(np.int64), bands - 1)
    return np.unique(band, return_inverse=True)[1][place].astype(np.int64)

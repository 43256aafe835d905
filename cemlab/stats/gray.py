"""Gray's test: whether groups have the same cumulative incidence of one cause."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError
from cemlab.stats.lifetable import product_limit, risk_sets
from cemlab.stats.log_rank import LogRank, quadratic_form

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def gray_test(
    duration: npt.ArrayLike,
    *,
    cause: npt.ArrayLike,
    of: int,
    n: npt.ArrayLike,
    group: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """Test whether groups have the same cumulative incidence of a cause (Gray 1988).

    The log-rank test asks whether a cause has the same pace among those still there. This one asks whether
    the same share leaves for it in the end, other causes being what they are.

    Parameters
    ----------
    duration, cause, n, entry
        As in :func:`cemlab.stats.competing_risks.aalen_johansen`. The test is defined where all spells were
        seen from the start.
    of
        The cause that is tested, one of the whole numbers in `cause`.
    group
        Which group each cell belongs to, as whole numbers from 0, shape (n_cells,).
    rho
        Power of one minus the incidence of all groups as a weight; 0 or more.

    Returns
    -------
    LogRank
        Statistic, degrees of freedom and p-value; observed and expected departures for the cause. A single
        variance matrix, as R's ``cmprsk::cuminc``.

    Raises
    ------
    DesignError
        If there are fewer than two groups, nobody left for the cause, or a spell was entered late.
    OptionError
        If rho is negative or no number.

    Examples
    --------
    >>> test = gray_test([1, 2, 3, 4], cause=[1, 2, 1, 1], of=1, n=[5] * 4, group=[0, 0, 1, 1])
    >>> test.df
    1
    """
    if not (np.isfinite(rho) and rho >= 0):
        raise OptionError(f"rho is {rho!r}; allowed: a number that is 0 or more")
    ends, why = np.asarray(duration, dtype=float), np.asarray(cause, dtype=np.int64)
    size, code = np.asarray(n, dtype=np.int64), np.asarray(group, dtype=np.int64)
    if entry is not None and (np.asarray(entry, dtype=float)[size > 0] > 0).any():
        raise DesignError(
            "Gray's test needs spells seen from the start, and some were entered late; "
            "use the log-rank test of this cause instead"
        )
    if code.size == 0 or code.max() < 1:
        raise DesignError("Gray's test compares at least two groups")
    if not ((why == of) & (size > 0)).any():
        raise DesignError("nobody left for this cause in any group, so there is no incidence to compare")
    times = np.unique(ends[(why > 0) & (size > 0)])
    counted = [_group(ends[here], why[here], size[here], of=of, times=times) for here in _each(code)]
    at_risk, own, other = (np.array(part, dtype=float) for part in zip(*counted, strict=True))
    return _gray(at_risk, own, other, rho=rho)


def _each(code: Ints) -> list[npt.NDArray[np.bool_]]:
    return [code == k for k in range(int(code.max()) + 1)]


def _group(ends: Floats, why: Ints, size: Ints, *, of: int, times: Floats) -> tuple[Ints, Ints, Ints]:
    if not size.sum():
        return (np.zeros(len(times), dtype=np.int64),) * 3
    at_risk, own = risk_sets(ends, event=why == of, n=size, times=times)
    other = risk_sets(ends, event=(why > 0) & (why != of), n=size, times=times)[1]
    return at_risk, own, other


def _before(after: Floats, first: float) -> Floats:
    """Return step functions just before each time, given just after it."""
    start = np.full((*after.shape[:-1], 1), first)
    return np.concatenate([start, after[..., :-1]], axis=-1)


def _gray(at_risk: Floats, own: Floats, other: Floats, *, rho: float) -> LogRank:
    """Compute the test from risk sets and departures, arrays of shape (n_groups, n_times)."""
    here = at_risk > 0
    risk = np.where(here, at_risk, 1.0)
    events = own + other
    left = np.array([product_limit(r, e)[0] for r, e in zip(risk, events, strict=True)])
    stays = _before(left, 1.0)
    gone = np.cumsum(np.where(here, stays * own / risk, 0.0), axis=1)
    # those who have not left for the cause: at risk, or gone for another one
    still = np.where(here, risk * (1 - _before(gone, 0.0)) / np.where(here, stays, 1.0), 0.0)
    # under the null all groups share one incidence; how many began, as far as it tells by each group
    began = np.where(here, risk / np.where(here, stays, 1.0), 0.0)
    died = own.sum(axis=0)
    rise = died / began.sum(axis=0)
    pooled = np.cumsum(rise)
    not_yet = 1 - _before(pooled, 0.0)
    weight = not_yet**rho
    share = still / still.sum(axis=0)
    identity = np.eye(len(risk))[:, :, None]
    # how a departure in group k at a time moves the score of group i: at once, and through what follows
    at_once = weight * began[:, None] * (identity - (began / began.sum(axis=0))[None])
    follows = np.cumsum(at_once * rise / not_yet, axis=2)
    later = follows[:, :, -1:] - follows
    remains = np.where(left > 0, (1 - pooled) / np.where(left > 0, left, 1.0), 0.0)
    spread = _spread(died, began.sum(axis=0) * stays) * stays * rise / risk * here
    spread_other = np.where(left > 0, _spread(other, risk) * stays**2 * other / risk**2, 0.0) * here
    moved, moved_other = at_once + (1 - remains) * later, remains * later
    covariance = np.einsum("ikt,jkt,kt->ij", moved, moved, spread)
    covariance += np.einsum("ikt,jkt,kt->ij", moved_other, moved_other, spread_other)
    return quadratic_form((weight * own).sum(axis=1), (weight * died * share).sum(axis=1), covariance)


def _spread(events: Floats, at_risk: Floats) -> Floats:
    """Return the correction of a variance for departures that tie."""
    tied = events > 1
    corrected: Floats = np.where(tied, 1 - (events - 1) / np.where(tied, at_risk - 1, 1.0), 1.0)
    return corrected

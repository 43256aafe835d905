"""What each unit brings to a difference-in-differences estimate, in every group that it might stand in.

An estimate that is a sum over units, each with weights that depend on its group alone, needs no more of a
unit than one number a group: what it would bring if it were treated from that group's period on. With these
numbers, dealing anew who was treated when, or turning the signs of residuals, is a sum of a few thousand
numbers and not a regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class BranchValues:
    """Units reduced to what a linear estimate needs.

    Parameters
    ----------
    values
        (n, groups): what a unit would bring if it stood in each group; the estimate is the sum over units of
        the values in their own groups.
    group
        (n) number of the group in which a unit stands; the last group holds those never treated.
    overlap
        (groups, groups): what a unit of the group in the row would bring, standing in the group in the
        column, if its outcome were one from its own first treated period on and nothing before.
    """

    values: Floats
    group: Ints
    overlap: Floats

    @property
    def own(self) -> Floats:
        """(n) what each unit brings where it stands."""
        return self.values[np.arange(len(self.group)), self.group]

    @property
    def estimate(self) -> float:
        """The estimate."""
        return float(self.own.sum())

    @property
    def sizes(self) -> Ints:
        """Units in each group."""
        return np.bincount(self.group, minlength=len(self.overlap)).astype(np.int64)

    @property
    def std_error(self) -> float:
        """The usual standard error clustered by unit, with n / (n - 1) and no other correction."""
        centred = self.own - _by_group(self.own, self.group, self.sizes)[self.group]
        n = len(self.group)
        return float(np.sqrt(n / (n - 1) * np.square(centred).sum()))


def _by_group(x: Floats, group: Ints, sizes: Ints) -> Floats:
    means: Floats = np.bincount(group, weights=x, minlength=len(sizes)) / np.maximum(sizes, 1)
    return means


def two_period_values(change: npt.ArrayLike, *, treated: npt.ArrayLike) -> BranchValues:
    """Return the values behind the mean change of the treated less that of the others.

    Parameters
    ----------
    change
        (n) after less before.
    treated
        (n) true or false; at least one of each.

    Raises
    ------
    DesignError
        If all are treated, or none.

    Examples
    --------
    >>> found = two_period_values([3.0, 5.0, 1.0, 2.0], treated=[True, True, False, False])
    >>> found.estimate
    2.5
    """
    d, flag = np.asarray(change, dtype=float), np.asarray(treated, dtype=bool)
    n1, n0 = int(flag.sum()), int((~flag).sum())
    if not n1 or not n0:
        raise DesignError(f"{n1} treated and {n0} untreated; a comparison needs at least one of each")
    return BranchValues(
        values=np.column_stack([d / n1, -d / n0]),
        group=np.where(flag, 0, 1).astype(np.int64),
        overlap=np.array([[1 / n1, -1 / n0], [0.0, 0.0]]),
    )


def group_time_values(
    outcome: Floats, *, first: Ints, never_only: bool = False, by_group: bool = False
) -> BranchValues:
    """Return the values behind the overall average of the unadjusted group-time effects.

    Parameters
    ----------
    outcome
        (n, t), nothing missing.
    first
        (n) number of the first treated period, t for those never treated.
    never_only
        Whether only those never treated are compared with, and not those treated later.
    by_group
        Whether each group's mean over its treated periods counts by the group's size; else each treated unit
        and period counts alike.

    Raises
    ------
    DesignError
        If no group and period has two untreated units to be compared with; those with fewer are left out.

    References
    ----------
    Callaway, B. and Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple time periods. Journal
    of Econometrics 225, 200–230.
    """
    periods = outcome.shape[1]
    starts, group = np.unique(first, return_inverse=True)
    sizes = np.bincount(group)
    weights = _weights(starts, sizes, periods, never_only, by_group)
    values = outcome @ weights.T
    on = (np.arange(periods) >= starts[:, None]).astype(float)
    return BranchValues(values=values, group=group.astype(np.int64), overlap=on @ weights.T)


def _weights(starts: Ints, sizes: Ints, periods: int, never_only: bool, by_group: bool) -> Floats:
    """Return (groups, t): what the outcome of a unit of each group counts in each period."""
    cells: list[tuple[int, int, npt.NDArray[np.bool_]]] = []
    for g, start in enumerate(starts):
        for t in range(int(start), periods):
            beside = starts == periods if never_only else starts > t
            if start > 0 and sizes[beside].sum() > 1:
                cells.append((g, t, beside))
    if not cells:
        raise DesignError("no treated group and period has two untreated units to be compared with")
    per_group = np.bincount([g for g, _, _ in cells], minlength=len(starts))
    share = np.where(per_group > 0, sizes / np.maximum(per_group, 1) if by_group else sizes, 0.0)
    total = float((share * per_group).sum())
    weights = np.zeros((len(starts), periods))
    for g, t, beside in cells:
        weight, before = share[g] / total, int(starts[g]) - 1
        weights[g, t] += weight / sizes[g]
        weights[g, before] -= weight / sizes[g]
        against = weight / int(sizes[beside].sum())
        weights[beside, t] -= against
        weights[beside, before] += against
    return weights

"""What two-way fixed effects make of a roll-out: the weight of each effect, and who is compared with whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Kind = Literal["never treated", "not yet treated", "already treated"]


@dataclass(frozen=True, kw_only=True)
class CellWeights:
    """Weights of the effects on each treated group and period.

    Parameters
    ----------
    group, time
        (c) numbers of the group's first treated period and of the period.
    weight
        (c), summing to one; some may be negative.
    n
        (c) units in the cell.
    """

    group: Ints
    time: Ints
    weight: Floats
    n: Ints

    @property
    def negative(self) -> float:
        """The sum of the negative weights, zero or less."""
        return float(self.weight[self.weight < 0].sum())

    def spread_to_zero(self, coefficient: float) -> float:
        """Return how much effects must differ for their average to be zero in spite of the coefficient.

        The least standard deviation of the effects across treated units and periods with which their average
        could be zero; infinite where all count alike.
        """
        share = self.n / self.n.sum()
        spread = float(np.sqrt((share * np.square(self.weight / share - 1)).sum()))
        # equal weights differ by rounding alone
        return abs(coefficient) / spread if spread > 1e-12 else float("inf")


def cell_weights(first: Ints, *, periods: int) -> CellWeights:
    """Return with what weight each effect enters the coefficient of two-way fixed effects.

    Parameters
    ----------
    first
        (n) number of each unit's first treated period, `periods` for those not treated.
    periods
        How many periods; the panel is balanced.

    Returns
    -------
    CellWeights
        One cell a group and period in which it is treated.

    Raises
    ------
    DesignError
        If the treatment cannot be told from effects of units and periods.

    Notes
    -----
    The weight of a unit and period is the residual of a regression of the treatment on effects of units and
    periods, divided by the sum of these residuals over all that are treated. If untreated outcomes follow
    parallel trends, the coefficient is on average the sum of weight times effect.

    References
    ----------
    de Chaisemartin, C. and D'Haultfœuille, X. (2020). Two-way fixed effects estimators with heterogeneous
    treatment effects. American Economic Review 110, 2964–2996.

    Examples
    --------
    >>> found = cell_weights(np.array([1, 2]), periods=3)
    >>> found.group.tolist(), found.time.tolist(), found.weight.round(6).tolist()
    ([1, 1, 2], [1, 2, 2], [1.0, -0.5, 0.5])
    """
    starts, sizes = np.unique(first, return_counts=True)
    residual = _residual(starts, sizes, periods)
    g, t = np.nonzero(np.arange(periods) >= starts[:, None])
    weight = residual[g, t] * sizes[g]
    return CellWeights(group=starts[g], time=t, weight=weight / weight.sum(), n=sizes[g])


def two_way_coefficient(outcome: Floats, *, first: Ints) -> float:
    """Return the coefficient of the treatment beside effects of units and periods, of a balanced panel."""
    periods = outcome.shape[1]
    starts, group, sizes = np.unique(first, return_inverse=True, return_counts=True)
    residual = _residual(starts, sizes, periods)[group]
    return float((residual * outcome).sum() / np.square(residual).sum())


def _residual(starts: Ints, sizes: Ints, periods: int) -> Floats:
    """Return (groups, t): the treatment less its means of units and of periods."""
    on = (np.arange(periods) >= starts[:, None]).astype(float)
    share = sizes / sizes.sum()
    residual: Floats = on - on.mean(axis=1)[:, None] - share @ on + share @ on.mean(axis=1)
    if np.abs(residual).max() < 1e-12:  # zero but for rounding: all begin together, or nobody does
        raise DesignError(
            "treatment cannot be told from effects of units and periods: "
            "all begin in one period, or nobody does"
        )
    return residual


@dataclass(frozen=True, kw_only=True)
class Comparisons:
    """The two-group comparisons that two-way fixed effects are made of.

    Parameters
    ----------
    treated, control
        (c) numbers of the groups' first treated periods.
    kind
        (c) what the control is at the time of the comparison.
    weight
        (c), positive, summing to one.
    estimate
        (c) mean change of the treated less that of the control.
    """

    treated: Ints
    control: Ints
    kind: tuple[Kind, ...]
    weight: Floats
    estimate: Floats

    def share(self, kind: Kind) -> float:
        """Return the weight of all comparisons with controls of a kind."""
        return float(self.weight[[one == kind for one in self.kind]].sum())


def comparisons(outcome: Floats, *, first: Ints) -> Comparisons:
    """Return the comparisons of two groups each whose weighted mean is the two-way coefficient.

    Parameters
    ----------
    outcome
        (n, t), nothing missing.
    first
        (n) number of each unit's first treated period, from 1; t for those not treated.

    References
    ----------
    Goodman-Bacon, A. (2021). Difference-in-differences with variation in treatment timing. Journal of
    Econometrics 225, 254–277.
    """
    periods = outcome.shape[1]
    starts, group, sizes = np.unique(first, return_inverse=True, return_counts=True)
    means = np.array([outcome[group == g].mean(axis=0) for g in range(len(starts))])
    share = sizes / sizes.sum()
    on = 1 - starts / periods
    rows: list[tuple[int, int, Kind, float, float]] = []
    for k in range(len(starts)):
        for m in range(k + 1, len(starts)):
            early, late = int(starts[k]), int(starts[m])
            both = share[k] * share[m]
            gap = means[k] - means[m]
            # up to the later one's date, the earlier is treated and the later is not
            estimate = float(gap[early:late].mean() - gap[:early].mean())
            kind: Kind = "never treated" if late == periods else "not yet treated"
            rows.append((early, late, kind, both * (1 - on[k]) * (on[k] - on[m]), estimate))
            if late < periods:
                # from the earlier one's date on, the later becomes treated and the earlier is already
                estimate = float(gap[early:late].mean() - gap[late:].mean())
                rows.append((late, early, "already treated", both * on[m] * (on[k] - on[m]), estimate))
    if not rows:
        raise DesignError("all units begin in one period, or nobody does; there is nobody to compare with")
    weight = np.array([row[3] for row in rows])
    return Comparisons(
        treated=np.array([row[0] for row in rows], dtype=np.int64),
        control=np.array([row[1] for row in rows], dtype=np.int64),
        kind=tuple(row[2] for row in rows),
        weight=weight / weight.sum(),
        estimate=np.array([row[4] for row in rows]),
    )

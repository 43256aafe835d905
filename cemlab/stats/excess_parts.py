"""The excess of a year over that of other years, taken apart: economy, gaps, and what none of them says.

The parts are those of Shapley (1953): each factor's share is its contribution averaged over all orders
in which the factors could be set from their level in the placebo years to that in the focal year.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

from cemlab.stats.excess_fit import CountedFates, ExcessFit, Flags
from cemlab.stats.maximum_likelihood import FloatArray
from cemlab.stats.multinomial_logit import clustered_covariance


@dataclass(frozen=True, eq=False, kw_only=True)
class Estimates:
    """Several estimates and the influence of each household on them.

    Parameters
    ----------
    value
        Of shape (k,).
    influence
        Of one household of each cell, of shape (n, k).
    """

    value: FloatArray
    influence: FloatArray

    def combined(self, rows: FloatArray) -> Estimates:
        """Return linear combinations of the estimates, one a row of `rows` (m, k)."""
        return Estimates(value=rows @ self.value, influence=self.influence @ rows.T)

    def covariance(self, fates: CountedFates) -> FloatArray:
        """Return the covariance, clustered by household, of shape (k, k)."""
        return clustered_covariance(self.influence, fates.weight, fates.pairs)


def yearly_excess(fates: CountedFates, lost: FloatArray) -> Estimates:
    """Return each year's excess: the share with one of some fates, less what the null expects (T,).

    Parameters
    ----------
    fates
        The counted households.
    lost
        Which fates are asked about, of shape (F,).
    """
    away = lost[fates.fate] - fates.null @ lost
    mean = np.bincount(fates.year, weights=fates.weight * away, minlength=fates.years) / fates.per_year
    member = fates.year[:, None] == np.arange(fates.years)
    return Estimates(value=mean, influence=(away[:, None] - mean) * member / fates.per_year)


def excess_parts(fit: ExcessFit, lost: FloatArray) -> Estimates:
    """Return what the difference of the focal year's excess from that of the placebo years goes with.

    Parameters
    ----------
    fit
        From :func:`cemlab.stats.excess_fit.fit_excess`.
    lost
        Which fates are asked about, of shape (F,).

    Returns
    -------
    Estimates
        The part of the economy, unless it was left out, of each gap, the rest, and their sum, which is
        the observed difference.

    References
    ----------
    Shapley, L. S. (1953). A value for n-person games. In H. W. Kuhn & A. W. Tucker (eds.), Contributions
    to the Theory of Games II, 307–317. Princeton University Press.
    """
    fates = fit.fates
    factors = fates.gaps.shape[1] + (fates.level is not None)
    subsets = [frozenset(s) for size in range(factors + 1) for s in combinations(range(factors), size)]
    values = [predicted_excess(fit, lost, moved=subset) for subset in subsets]
    is_focal = np.arange(fates.years) == fates.focal
    rows = np.vstack([is_focal.astype(np.float64), fates.placebo_shares])
    difference = np.array([[1.0, -1.0]]) @ rows
    observed = yearly_excess(fates, lost).combined(difference)
    together = Estimates(
        value=np.concatenate([*(v.value for v in values), observed.value]),
        influence=np.column_stack([*(v.influence for v in values), observed.influence]),
    )
    return together.combined(_shapley(subsets, factors))


def predicted_excess(
    fit: ExcessFit, lost: FloatArray, *, moved: frozenset[int] | None = None, level: float | None = None
) -> Estimates:
    """Return the excess that the fit predicts of the focal year's households.

    Parameters
    ----------
    fit
        From :func:`cemlab.stats.excess_fit.fit_excess`.
    lost
        Which fates are asked about, of shape (F,).
    moved
        The factors that are as in the focal year, the economy first and then the gaps; all others are as in
        the placebo years. None for all.
    level
        The level of the economy instead of that of the focal year; needs a fit with the economy.
    """
    fates, first = fit.fates, fit.first_gap
    here = fates.year == fates.focal
    economy, gaps = first - 1, fates.gaps.shape[1]
    moved = frozenset(range(economy + gaps)) if moved is None else moved
    stays = np.array([economy + gap not in moved for gap in range(gaps)], dtype=bool)
    shift = (fates.mean_gaps[fates.focal] - fates.placebo_gaps) * stays
    columns = [np.ones(int(here.sum()))]
    if fates.level is not None:
        usual = fates.level[fates.focal] if level is None else level
        columns.append(np.full(int(here.sum()), usual if 0 in moved else 0.0))
    design = np.column_stack([*columns, fates.filled_gaps[here] - shift])
    # how the gaps of each household move with the mean gaps of the years: (cells, gap, year)
    slope = np.zeros((len(design), gaps, fates.years))
    slope[:, :, fates.focal] = (~fates.rated[here]).astype(np.float64) - stays
    slope += stays[:, None] * fates.placebo_shares
    return _predicted(fit, lost, here, design, slope)


def _predicted(
    fit: ExcessFit, lost: FloatArray, here: Flags, design: FloatArray, slope: FloatArray
) -> Estimates:
    """Return the mean predicted excess of some cells, with its influences through all that was estimated."""
    fates, beta = fit.fates, fit.logit.coefficients
    null = fates.null[here]
    p = fit.logit.probabilities(design, offset=np.log(null))
    share = fates.weight[here] / fates.weight[here].sum()
    lose = p @ lost
    excess = lose - null @ lost
    value = float(share @ excess)
    # by how much the chance to be lost moves with the log-odds of each further fate
    climb = (p * (lost - lose[:, None]))[:, 1:]
    on_beta = np.einsum("c,cf,ck->fk", share, climb, design).ravel()
    on_gap = np.einsum("c,cf,gf,cgt->tg", share, climb, beta[fit.first_gap :], slope, optimize=True).ravel()
    influence = fit.on_coefficients @ on_beta + fit.on_gaps @ on_gap
    influence[here] += (excess - value) / fates.weight[here].sum()
    return Estimates(value=np.array([value]), influence=influence[:, None])


def _shapley(subsets: list[frozenset[int]], factors: int) -> FloatArray:
    """Return the combinations of (values of all subsets, observed) that are the parts, rest and sum."""
    place = {subset: i for i, subset in enumerate(subsets)}
    rows = np.zeros((factors + 2, len(subsets) + 1))
    for factor in range(factors):
        for subset in subsets:
            if factor not in subset:
                orders = factorial(len(subset)) * factorial(factors - len(subset) - 1) / factorial(factors)
                rows[factor, place[subset | {factor}]] += orders
                rows[factor, place[subset]] -= orders
    rows[-1, -1] = 1.0
    rows[-2] = rows[-1] - rows[:factors].sum(axis=0)
    return rows

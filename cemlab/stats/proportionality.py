"""The test of proportional hazards, with ties and late entry.

lifelines has one, but not for late entry, and where departures tie its result depends on the order
of the rows. This is the score test that R's ``cox.zph`` computes since version 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.cox_fit import CoxFit
from cemlab.stats.cox_sums import CoxSums, RiskSets, Ties, cox_sums, information, risk_sets, score

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ProportionalityTest:
    """Score tests that coefficients do not change with time.

    `statistic` and `p_value`, of shape (n_terms,), are those of single coefficients; `all_statistic`, on
    `all_df` degrees of freedom, and `all_p_value` of all that can be tested at once.
    """

    statistic: Floats
    p_value: Floats
    all_statistic: float
    all_df: int
    all_p_value: float


def proportionality_test(
    x: npt.ArrayLike,
    *,
    duration: npt.ArrayLike,
    event: npt.ArrayLike,
    coefficient: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    stratum: npt.ArrayLike | None = None,
    ties: Ties = "efron",
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
        The fitted model's, shape (n_terms,).
    entry
        Length already reached when observation began, shape (n_spells,); 0 for spells seen from the start.
    stratum
        Whole number from 0 of the stratum, shape (n_spells,).
    ties
        As in the fit.

    Returns
    -------
    ProportionalityTest
        Chi-squared statistics on one degree of freedom each, and their p-values; NaN where it cannot be
        tested, as when all departures fall on one time.

    Notes
    -----
    Rows are summed by departure time, so memory is that of `x`.

    Examples
    --------
    >>> test = proportionality_test([[0], [1], [0], [1]], duration=[1, 2, 3, 4], event=[1, 1, 1, 1],
    ...                             coefficient=[-0.9])
    >>> test.statistic.shape
    (1,)
    """
    design, ends = np.asarray(x, dtype=float), np.asarray(duration, dtype=float)
    left = np.asarray(event, dtype=bool)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    # the test changes neither with the origin nor with the unit of a term; the sums stay well scaled
    spread = design.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scaled = np.asfortranarray((design - design.mean(axis=0)) / spread)
    sets = risk_sets(ends, event=left, entry=starts, stratum=stratum)
    sums = cox_sums(scaled, sets, np.asarray(coefficient, dtype=float) * spread, ties=ties)
    inverse = np.asarray(np.linalg.pinv(information(scaled, sets, sums), hermitian=True), dtype=float)
    pooled = sets if stratum is None else risk_sets(ends, event=left, entry=starts)
    return _tested(scaled, sets, sums, inverse, _clock(pooled, sets.time))


def proportionality_of(
    fit: CoxFit, *, duration: npt.ArrayLike, event: npt.ArrayLike, entry: npt.ArrayLike | None = None
) -> ProportionalityTest:
    """Test a model just fitted, from the sums that it holds; as :func:`proportionality_test` otherwise."""
    one = len(fit.sets.bounds) == 2
    pooled = fit.sets if one else risk_sets(duration, event=event, entry=entry)
    inverse = fit.covariance * np.outer(fit.scale, fit.scale)
    return _tested(fit.x, fit.sets, fit.sums, inverse, _clock(pooled, fit.sets.time))


def _tested(x: Floats, sets: RiskSets, sums: CoxSums, inverse: Floats, clock: Floats) -> ProportionalityTest:
    from scipy.special import chdtrc

    slope = score(x, sets, sums, clock)
    mixed, squared = information(x, sets, sums, clock), information(x, sets, sums, clock**2)
    variance = squared - mixed @ inverse @ mixed
    # with all departures at one time nothing varies; what rounding leaves of it is no variance
    own, of = np.diag(variance), np.diag(squared)
    tested = own > 1e-12 * of
    statistic = np.divide(slope**2, own, out=np.full_like(slope, np.nan), where=tested)
    whole, df = np.nan, int(tested.sum())
    if df:
        part = variance[np.ix_(tested, tested)]
        whole = float(slope[tested] @ np.linalg.pinv(part, hermitian=True) @ slope[tested])
    return ProportionalityTest(
        statistic=statistic,
        p_value=np.asarray(chdtrc(1, statistic), dtype=float),
        all_statistic=whole,
        all_df=df,
        all_p_value=float(chdtrc(df, whole)) if df else float("nan"),
    )


def _clock(pooled: RiskSets, times: Floats) -> Floats:
    """Return one minus the Kaplan–Meier curve just before each departure time, of all strata together."""
    at_risk = pooled.at_risk(np.ones(len(pooled.end)))
    survival = np.cumprod(1.0 - pooled.departures / at_risk)
    before = 1.0 - np.append(1.0, survival[:-1])
    return np.asarray(before[np.searchsorted(pooled.time, times)], dtype=float)

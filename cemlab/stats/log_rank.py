"""Log-rank tests from counts: several groups, weights, strata, late entry.

Everything rests on who is at risk and who leaves at each time, so a test costs the same however
many spells were counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError, OptionError
from cemlab.stats.lifetable import product_limit, risk_sets

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LogRank:
    """Log-rank test of several groups.

    Parameters
    ----------
    statistic, df, p_value
        Chi-squared statistic, its degrees of freedom, and the p-value. Groups that are never at risk
        together cannot be compared: no degree of freedom and no p-value (NaN).
    observed, expected
        Events in each group, seen and expected if all groups left at one pace, shape (n_groups,); with
        weights, the weighted sums.
    covariance
        Of observed minus expected, shape (n_groups, n_groups).
    """

    statistic: float
    df: int
    p_value: float
    observed: Floats
    expected: Floats
    covariance: Floats


def log_rank(
    duration: npt.ArrayLike,
    *,
    event: npt.ArrayLike,
    n: npt.ArrayLike,
    group: npt.ArrayLike,
    entry: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    rho: float = 0.0,
    gamma: float = 0.0,
) -> LogRank:
    """Test whether several groups leave at the same pace (Mantel 1966; Peto & Peto 1972).

    Parameters
    ----------
    duration, event, n, entry
        As in :func:`cemlab.stats.lifetable.life_table`.
    group
        Which group each cell belongs to, as whole numbers from 0, shape (n_cells,).
    strata
        Groups are compared only within cells of the same whole number, shape (n_cells,).
    rho, gamma
        Weights S^rho (1 - S)^gamma of Fleming & Harrington (1991), S being the share still there just
        before each time in all groups of the stratum: 0 and 0 is the log-rank test; rho = 1 weighs early
        departures more (Peto & Peto's Wilcoxon), gamma = 1 late ones. Neither is negative.

    Returns
    -------
    LogRank
        The statistic with its degrees of freedom; departures that tie have the hypergeometric variance.

    Raises
    ------
    DesignError
        If there are fewer than two groups or no event at all.
    OptionError
        If a power of the weights is negative or no number.

    Examples
    --------
    >>> test = log_rank([4, 6, 8, 9], event=[1, 1, 1, 1], n=[1, 1, 1, 1], group=[0, 0, 1, 1])
    >>> round(test.statistic, 4), test.df
    (2.8824, 1)
    """
    for name, power in (("rho", rho), ("gamma", gamma)):
        if not (np.isfinite(power) and power >= 0):
            raise OptionError(f"{name} is {power!r}; allowed: a number that is 0 or more")
    ends, happened = np.asarray(duration, dtype=float), np.asarray(event, dtype=bool)
    size, code = np.asarray(n, dtype=np.int64), np.asarray(group, dtype=np.int64)
    starts = np.zeros_like(ends) if entry is None else np.asarray(entry, dtype=float)
    stratum = np.zeros_like(code) if strata is None else np.asarray(strata, dtype=np.int64)
    if code.size == 0 or code.max() < 1:
        raise DesignError("a log-rank test compares at least two groups")
    if not (happened & (size > 0)).any():
        raise DesignError("there is no event in any group, so their paces cannot be compared")
    n_groups = int(code.max()) + 1
    sums = [
        _one_stratum(
            ends[here],
            happened[here],
            size[here],
            starts[here],
            code[here],
            n_groups=n_groups,
            rho=rho,
            gamma=gamma,
        )
        for here in (stratum == k for k in np.unique(stratum))
        if (happened & (size > 0))[here].any()
    ]
    observed, expected, covariance = (sum(parts) for parts in zip(*sums, strict=True))
    return quadratic_form(np.asarray(observed), np.asarray(expected), np.asarray(covariance))


def _one_stratum(
    ends: Floats,
    happened: npt.NDArray[np.bool_],
    size: Ints,
    starts: Floats,
    code: Ints,
    *,
    n_groups: int,
    rho: float,
    gamma: float,
) -> tuple[Floats, Floats, Floats]:
    """Return observed, expected and the covariance of their difference, weighted and summed over times."""
    times = np.unique(ends[happened & (size > 0)])
    at_risk = np.zeros((n_groups, len(times)), dtype=np.int64)
    events = np.zeros_like(at_risk)
    for k in range(n_groups):
        here = code == k
        if size[here].sum():
            at_risk[k], events[k] = risk_sets(
                ends[here], event=happened[here], n=size[here], entry=starts[here], times=times
            )
    total, died = at_risk.sum(axis=0), events.sum(axis=0)
    weight = _weights(total, died, rho=rho, gamma=gamma)
    share = at_risk / total
    # hypergeometric covariance; a risk set of one has no variance
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(total > 1, died * (total - died) / (total - 1), 0.0) * weight**2
    covariance = np.diag((share * factor).sum(axis=1)) - (share * factor) @ share.T
    return (events * weight).sum(axis=1), (share * died * weight).sum(axis=1), covariance


def _weights(total: Ints, died: Ints, *, rho: float, gamma: float) -> Floats:
    after, _ = product_limit(total, died)
    before = np.concatenate([[1.0], after[:-1]])
    weight: Floats = before**rho * (1 - before) ** gamma
    return weight


def quadratic_form(observed: Floats, expected: Floats, covariance: Floats) -> LogRank:
    """Return the chi-squared statistic of the differences, one of which follows from the others.

    Parameters
    ----------
    observed, expected
        Shape (n_groups,).
    covariance
        Of their difference, shape (n_groups, n_groups).
    """
    from scipy.special import chdtrc

    difference = (observed - expected)[:-1]
    inverse = np.linalg.pinv(covariance[:-1, :-1], hermitian=True)
    statistic = float(difference @ inverse @ difference)
    df = int(np.linalg.matrix_rank(covariance[:-1, :-1], hermitian=True))
    return LogRank(
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df else float("nan"),
        observed=observed,
        expected=expected,
        covariance=covariance,
    )

"""Errors of hazard ratios where rows belong together: score residuals, summed by cluster."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.stats.cox_fit import CoxFit

Floats = npt.NDArray[np.float64]


def score_residuals(fit: CoxFit) -> Floats:
    """Return what each row adds to the first derivatives at the maximum, shape (n_rows, n_terms).

    Each residual is the row's departure, less the departures expected of it while it was at risk, times how
    far its terms lie from the mean of the risk set (Therneau, Grambsch & Fleming 1990), with late entry,
    strata and Efron's treatment of ties. They are per unit of the terms as they were handed in.

    Parameters
    ----------
    fit
        Of :func:`cemlab.stats.cox_fit.cox_fit`.

    Examples
    --------
    >>> from cemlab.stats.cox_fit import cox_fit
    >>> fit = cox_fit([[0.0], [1], [0], [1]], duration=[4, 3, 2, 1], event=[1, 1, 1, 1])
    >>> bool(abs(score_residuals(fit).sum()) < 1e-12)
    True
    """
    sums, sets = fit.sums, fit.sets
    residuals = np.empty(fit.x.shape)
    hazard = sets.lived(sums.one) * sums.weight
    at, left = sets.at, sets.left
    expected, drift = sums.expected, sums.drift
    # those who depart together are at risk for a share only of what they depart into
    shared = sums.risk * sums.share_square[:, None] - sums.departed * sums.share2_square[:, None]
    own = sums.weight[left]
    for j in range(fit.x.shape[1]):
        x = fit.x[:, j]
        column = sets.lived(drift[:, j]) * sums.weight - x * hazard
        column[left] += x[left] - expected[at, j] / sets.departures[at]
        column[left] += own * (x[left] * sums.share[at] - shared[at, j])
        residuals[:, j] = column * fit.scale[j]
    return residuals


def clustered_covariance(fit: CoxFit, cluster: npt.ArrayLike) -> Floats:
    """Return the covariance of the coefficients where rows of one cluster may resemble each other.

    Parameters
    ----------
    fit
        Of :func:`cemlab.stats.cox_fit.cox_fit`.
    cluster
        Whole number from 0 of the row's cluster, shape (n_rows,).

    Returns
    -------
    numpy.ndarray
        The sandwich of Lin & Wei (1989), shape (n_terms, n_terms), without small-sample factor.
    """
    group = np.asarray(cluster, dtype=np.intp)
    residuals = score_residuals(fit)
    size = int(group.max()) + 1
    sums = np.stack([np.bincount(group, residuals[:, j], size) for j in range(residuals.shape[1])], axis=1)
    spread = sums @ fit.covariance
    return np.asarray(spread.T @ spread, dtype=float)

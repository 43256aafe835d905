"""Weighted least squares whose errors hang together within clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusteredFit:
    """Coefficients (k) and their covariance (k, k)."""

    coefficient: Floats
    covariance: Floats


def clustered_least_squares(
    outcome: Floats, *, design: Floats, weights: Floats, cluster: npt.ArrayLike
) -> ClusteredFit:
    """Return weighted least squares with the covariance of Liang & Zeger (1986), corrected for few clusters.

    Parameters
    ----------
    outcome, weights
        (n); weights positive.
    design
        (n, k), of full rank.
    cluster
        (n) number of each row's cluster.

    Raises
    ------
    DesignError
        If columns of the design depend on each other.

    Notes
    -----
    The covariance is multiplied by G / (G − 1) × (n − 1) / (n − k), G the clusters, as statsmodels does.
    """
    root = np.sqrt(weights)[:, None]
    x, y = design * root, outcome * root[:, 0]
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise DesignError(
            "columns of the design depend on each other (e.g. nobody of either kind in a wave); nothing "
            "can be told apart"
        )
    bread = np.linalg.inv(x.T @ x)
    coefficient = bread @ (x.T @ y)
    scores = x * (y - x @ coefficient)[:, None]
    code = np.unique(np.asarray(cluster), return_inverse=True)[1]
    sums = np.zeros((int(code.max()) + 1, x.shape[1]))
    np.add.at(sums, code, scores)
    n, k = x.shape
    groups = len(sums)
    correction = groups / (groups - 1) * (n - 1) / (n - k)
    return ClusteredFit(coefficient=coefficient, covariance=correction * bread @ (sums.T @ sums) @ bread)

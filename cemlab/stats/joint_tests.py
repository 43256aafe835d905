"""Joint tests with errors by cluster: Hotelling's F, and what it would have found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]


def joint_f(wald: npt.ArrayLike, *, tested: int, clusters: int) -> Floats:
    """Return a Wald statistic as F on `tested` and `clusters` − `tested` degrees of freedom.

    A covariance that was itself estimated from g clusters makes the Wald statistic over q too large; times
    (g − q) / (g − 1) it is Hotelling's, an F exactly where what clusters move is normal.

    Parameters
    ----------
    wald
        Any shape: q differences by the inverse of their covariance, which has g / (g − 1) in it.
    tested, clusters
        q and g.

    Raises
    ------
    DesignError
        If there are not more clusters than differences.

    References
    ----------
    Hotelling, H. (1931). The generalization of Student's ratio. Annals of Mathematical Statistics 2, 360–378.

    Examples
    --------
    >>> float(joint_f(8.8, tested=2, clusters=12))
    4.0
    """
    if tested >= clusters:
        raise DesignError(
            f"{tested} differences cannot be tested jointly with {clusters} clusters; test fewer at once"
        )
    return np.asarray(wald, dtype=float) * (clusters - tested) / (clusters - 1) / tested


def found_alike(covariance: Floats, *, clusters: int, level: float = 0.05, power: float = 0.8) -> float:
    """Return how large differences must all be for the joint test to find them with some power.

    Parameters
    ----------
    covariance
        (q, q) of the differences, estimated from the clusters.
    clusters
        How many.
    level, power
        Of the test.

    Returns
    -------
    float
        NaN where too few clusters are left to tell the differences' precision.

    Notes
    -----
    Solves the noncentral F for its noncentrality. The inverse of an estimated covariance is too large by
    (g − 1) / (g − q − 2), which is taken out.

    Examples
    --------
    One difference and many clusters: 2.8 standard errors.

    >>> round(found_alike(np.eye(1), clusters=100_000), 1)
    2.8
    """
    from scipy.special import fdtri, ncfdtrinc

    q = len(covariance)
    if clusters - q - 2 < 1:
        return float("nan")
    critical = float(fdtri(q, clusters - q, 1 - level))
    needed = float(ncfdtrinc(q, clusters - q, 1 - power, critical))
    precision = float(np.linalg.solve(covariance, np.ones(q)).sum()) * (clusters - q - 2) / (clusters - 1)
    return float(np.sqrt(needed / precision))

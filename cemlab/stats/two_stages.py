"""The mean effect on the treated from a path fitted to all that is not treated: Gardner's two stages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def two_stages(outcome: Floats, *, treated: Flags, cluster: Ints) -> tuple[float, float]:
    """Return the mean effect over all treated units and periods, and its clustered error.

    Effects of units and periods are fitted to what is not treated; what the treated depart from them is
    averaged. The error reckons with the first stage having been estimated.

    Parameters
    ----------
    outcome, treated
        (n, t). Every unit and every period has something that is not treated.
    cluster
        (n) number of each unit's cluster, from 0.

    References
    ----------
    Gardner, J. (2022). Two-stage differences in differences. arXiv:2207.05943.

    Examples
    --------
    >>> y = np.array([[0.0, 1, 7], [2, 3, 9], [5, 6, 8], [1, 2, 4]])
    >>> on = np.zeros((4, 3), dtype=bool)
    >>> on[:2, 2] = True
    >>> [round(abs(number), 9) for number in two_stages(y, treated=on, cluster=np.arange(4))]
    [4.0, 0.0]
    """
    free = (~treated).astype(float)
    count = float(treated.sum())
    left = outcome - _fitted(outcome * free, free)
    estimate = float(left[treated].mean())
    # how much an untreated outcome, a unit more, would raise what is foretold of the treated in all
    leant = _fitted(treated.astype(float), free) * free
    influence = np.where(treated, left - estimate, -leant * left).sum(axis=1) / count
    sums = np.bincount(cluster, weights=influence)
    return estimate, float(np.sqrt((sums**2).sum()))


def _fitted(sums: Floats, free: Floats) -> Floats:
    """Return unit's plus period's numbers, (n, t), whose sums over what is free are those of `sums`."""
    of_unit = free.sum(axis=1)
    means = sums.sum(axis=1) / of_unit
    # units' numbers put in, periods' are left; they are known up to one that all share
    rest = np.diag(free.sum(axis=0)) - (free / of_unit[:, None]).T @ free
    period = np.linalg.lstsq(rest, sums.sum(axis=0) - free.T @ means, rcond=None)[0]
    unit = means - (free @ period) / of_unit
    fitted: Floats = unit[:, None] + period
    return fitted

"""Errors of estimates from each unit's influence on them, and bands that hold all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Singles = npt.NDArray[np.float32]

# Webb's six points: mean 0 and variance 1.
_POINTS = np.array([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5])
_POINTS = (np.sign(_POINTS) * np.sqrt(np.abs(_POINTS))).astype(np.float32)
# Draws times estimates done at once; keeps memory low.
_AT_ONCE = 400_000
# A draw whose variance, of about 1, comes out smaller has lost all its figures.
_NOTHING = np.float32(1e-12)


@dataclass(frozen=True, eq=False, kw_only=True)
class Errors:
    """Errors of c estimates.

    Parameters
    ----------
    std_error
        (c).
    df
        (c) degrees of freedom of the t distribution to compare with.
    """

    std_error: Floats
    df: Floats

    def margin(self, conf_level: float) -> Floats:
        """Return half the width of each estimate's interval."""
        from scipy.special import stdtrit

        margin: Floats = self.std_error * stdtrit(self.df, 0.5 + conf_level / 2)
        return margin


def cluster_sums(influence: Floats, cluster: Ints) -> Floats:
    """Return the influence of each cluster, (clusters, c), from that of its units, (n, c)."""
    count = int(cluster.max()) + 1
    if count == len(cluster) and (cluster == np.arange(count)).all():
        return influence
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(count))
    sums: Floats = np.add.reduceat(influence[order], starts, axis=0)
    return sums


def errors(sums: Floats, stratum: Ints) -> Errors:
    """Return standard errors and degrees of freedom of estimates made within strata.

    Parameters
    ----------
    sums
        (clusters, c) influence of each cluster.
    stratum
        (clusters) number of what a cluster is of: the group in which it begins to be treated.

    Notes
    -----
    Each group's part of the variance is multiplied by m / (m − 1), m its clusters, and the degrees of freedom
    are Satterthwaite's. For a difference of two means that is Welch's test exactly.
    """
    parts, free = [], []
    for number in np.unique(stratum):
        inside = sums[stratum == number]
        m = len(inside)
        parts.append(np.einsum("ij,ij->j", inside, inside) * _correction(m))
        free.append(max(m - 1, 1))
    variances = np.array(parts)
    total = variances.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / (variances**2 / np.array(free)[:, None]).sum(axis=0)
    return Errors(std_error=np.sqrt(total), df=np.where(total > 0, df, 1.0))


def simultaneous_critical(sums: Floats, stratum: Ints, *, conf_level: float, draws: int, seed: int) -> float:
    """Return how many standard errors each interval must reach for all to hold at once.

    Parameters
    ----------
    sums, stratum
        As in :func:`errors`.
    conf_level
        The chance that all hold.
    draws
        Draws of the multiplier bootstrap.
    seed
        Of the draws.

    Notes
    -----
    Every cluster's influence is multiplied by a random number of mean 0 and variance 1 (Webb's six points,
    which give many different sums even of few clusters); each draw's sums are divided by standard errors
    made anew from that draw, as in the bootstrap-t, since with a dozen clusters a group the errors' own error
    matters. What the largest of them exceeds in the share 1 − `conf_level` of the draws is the answer.

    References
    ----------
    Webb, M. D. (2023). Reworking wild bootstrap-based inference for clustered errors. Canadian Journal of
    Economics 56, 839–858.
    """
    from scipy.special import ndtri

    alone = float(ndtri(0.5 + conf_level / 2))
    usable = (sums != 0).any(axis=0)
    if usable.sum() <= 1:
        return alone
    scaled = sums[:, usable] / np.sqrt((sums[:, usable] ** 2).sum(axis=0))
    largest = _largest(scaled.astype(np.float32), stratum, draws=draws, rng=generator(seed))
    return max(alone, float(np.quantile(largest, conf_level, method="higher")))


def _largest(scaled: Singles, stratum: Ints, *, draws: int, rng: np.random.Generator) -> Singles:
    """Return the largest absolute studentised sum of each draw.

    Single precision: of a quantile of 999 draws, six figures are more than enough.
    """
    clusters, count = scaled.shape
    # estimates by draws, so that the rows a stratum touches are whole
    rows = np.ascontiguousarray(scaled.T)
    order = np.argsort(stratum, kind="stable")
    strata = np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1)
    factor = np.array([_correction(len(strata[i])) for i in np.unique(stratum, return_inverse=True)[1]])
    squares = (rows**2 * factor).astype(np.float32)
    touched = [np.flatnonzero((rows[:, inside] != 0).any(axis=1)) for inside in strata]
    parts = [np.ascontiguousarray(rows[np.ix_(t, inside)]) for t, inside in zip(touched, strata, strict=True)]
    shares = [np.float32(_correction(len(inside)) / len(inside)) for inside in strata]
    block = max(1, _AT_ONCE // count)
    found = []
    for start in range(0, draws, block):
        drawn = _POINTS[rng.integers(0, len(_POINTS), (clusters, min(block, draws - start)))]
        total = np.zeros((count, drawn.shape[1]), dtype=np.float32)
        variance = squares @ drawn**2
        for inside, at, part, share in zip(strata, touched, parts, shares, strict=True):
            moved = part @ drawn[inside]
            total[at] += moved
            variance[at] -= moved * moved * share
        found.append(np.sqrt((total**2 / np.maximum(variance, _NOTHING)).max(axis=0)))
    largest: Singles = np.concatenate(found)
    return largest


def _correction(clusters: int) -> float:
    """Return what a variance within so many clusters is multiplied by."""
    return clusters / (clusters - 1) if clusters > 1 else 1.0

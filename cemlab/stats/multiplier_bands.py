"""Errors of estimates from each unit's influence on them, and bands that hold all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Webb's six points: mean 0, variance 1, and many different sums even of few clusters.
_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))
# Draws times clusters times estimates done at once; keeps memory low.
_AT_ONCE = 4_000_000


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
        parts.append(np.einsum("ij,ij->j", inside, inside) * (m / (m - 1) if m > 1 else 1.0))
        free.append(max(m - 1, 1))
    variances = np.array(parts)
    total = variances.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / (variances**2 / np.array(free)[:, None]).sum(axis=0)
    return Errors(std_error=np.sqrt(total), df=np.where(total > 0, df, 1.0))


def simultaneous_level(sums: Floats, std_error: Floats, *, conf_level: float, draws: int, seed: int) -> float:
    """Return the level at which each interval must be for all to hold at once.

    Parameters
    ----------
    sums
        (clusters, c) influence of each cluster.
    std_error
        (c), as :func:`errors` gives them.
    conf_level
        The chance that all hold.
    draws
        Draws of the multiplier bootstrap.
    seed
        Of the draws.

    Returns
    -------
    float
        Between `conf_level` and 1: to be used with each estimate's own degrees of freedom.

    Notes
    -----
    Every cluster's influence is multiplied by a random number of mean 0 and variance 1 (Webb's six points);
    the largest of the standardised sums is what one factor for all must reach.
    """
    from scipy.special import ndtr

    usable = std_error > 0
    if usable.sum() <= 1:
        return conf_level
    scaled = sums[:, usable] / np.sqrt((sums[:, usable] ** 2).sum(axis=0))
    largest = _largest(scaled, draws=draws, rng=generator(seed))
    critical = float(np.quantile(largest, conf_level, method="higher"))
    return max(conf_level, float(2 * ndtr(critical) - 1))


def _largest(scaled: Floats, *, draws: int, rng: np.random.Generator) -> Floats:
    """Return the largest absolute multiplied sum of each draw."""
    clusters, count = scaled.shape
    block = max(1, _AT_ONCE // count)
    points = np.concatenate([-_WEBB[::-1], _WEBB])
    found = []
    for start in range(0, draws, block):
        multipliers = points[rng.integers(0, 6, (min(block, draws - start), clusters))]
        deviations = multipliers @ scaled
        found.append(np.maximum(deviations.max(axis=1), -deviations.min(axis=1)))
    largest: Floats = np.concatenate(found)
    return largest

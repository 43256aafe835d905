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
# An effective number of clusters that rounding alone lifts above one.
_ALONE = 1 + 1e-6


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


def errors(sums: Floats, stratum: Ints, *, weight: Floats | None = None) -> Errors:
    """Return standard errors and degrees of freedom of estimates made within strata.

    Parameters
    ----------
    sums
        (clusters, c) influence of each cluster.
    stratum
        (clusters) number of what a cluster is of: the group in which it begins to be treated.
    weight
        (clusters) positive; what each counts for, alike if not given.

    Notes
    -----
    Each group's part of the variance is multiplied by m / (m − 1), m its clusters, and the degrees of freedom
    are Satterthwaite's. For a difference of two means that is Welch's test exactly. Where clusters weigh
    unequally m is their effective number (Kish 1965), the squared sum of the weights over that of their
    squares: a mean that rests on few heavy clusters is as uncertain as one of few. Groups of one cluster are
    taken together.

    References
    ----------
    Kish, L. (1965). Survey sampling. Wiley.
    """
    stratum = _together(stratum)
    parts, free = [], []
    for number in np.unique(stratum):
        here = stratum == number
        inside = sums[here]
        m = effective_number(np.ones(len(inside)) if weight is None else weight[here])
        parts.append(np.einsum("ij,ij->j", inside, inside) * _correction(m))
        free.append(m - 1 if m > _ALONE else 1.0)
    variances = np.array(parts)
    total = variances.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = total**2 / (variances**2 / np.array(free)[:, None]).sum(axis=0)
    return Errors(std_error=np.sqrt(total), df=np.where(total > 0, df, 1.0))


def effective_number(weight: Floats) -> float:
    """Return how many alike would tell as much as some that count unequally.

    Examples
    --------
    >>> effective_number(np.ones(5)), round(effective_number(np.array([8.0, 1.0, 1.0])), 2)
    (5.0, 1.52)
    """
    return float(weight.sum() ** 2 / (weight**2).sum())


def variance_factors(stratum: Ints, weight: Floats) -> Floats:
    """Return (clusters) what each square is multiplied by in :func:`errors`."""
    place = np.unique(_together(stratum), return_inverse=True)[1]
    numbers = np.bincount(place, weights=weight) ** 2 / np.bincount(place, weights=weight**2)
    return np.array([_correction(float(m)) for m in numbers])[place]


def simultaneous_critical(
    sums: Floats, stratum: Ints, *, conf_level: float, draws: int, seed: int, weight: Floats | None = None
) -> float:
    """Return how many standard errors each interval must reach for all to hold at once.

    Parameters
    ----------
    sums, stratum, weight
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
    stratum = _together(stratum)
    alike = np.ones(len(stratum)) if weight is None else weight
    largest = _largest(scaled.astype(np.float32), stratum, alike, draws=draws, rng=generator(seed))
    return max(alone, float(np.quantile(largest, conf_level, method="higher")))


def _together(stratum: Ints) -> Ints:
    """Return the strata, those of one cluster as one: alone none of them shows its chance."""
    _, place, counts = np.unique(stratum, return_inverse=True, return_counts=True)
    single = np.flatnonzero(counts == 1)
    joined: Ints = np.where(counts[place] == 1, single[0], place) if len(single) else stratum
    return joined


def _largest(
    scaled: Singles, stratum: Ints, weight: Floats, *, draws: int, rng: np.random.Generator
) -> Singles:
    """Return the largest absolute studentised sum of each draw.

    Single precision: of a quantile of 999 draws, six figures are more than enough.
    """
    clusters, count = scaled.shape
    # estimates by draws, so that the rows a stratum touches are whole
    rows = np.ascontiguousarray(scaled.T)
    order = np.argsort(stratum, kind="stable")
    strata = np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1)
    # each cluster's share of its stratum: what a draw's mean takes from it
    shares = [(weight[inside] / weight[inside].sum()).astype(np.float32) for inside in strata]
    corrections = [np.float32(_correction(1 / float((share**2).sum()))) for share in shares]
    factor = variance_factors(stratum, weight)
    squares = (rows**2 * factor).astype(np.float32)
    touched = [np.flatnonzero((rows[:, inside] != 0).any(axis=1)) for inside in strata]
    parts = [np.ascontiguousarray(rows[np.ix_(t, inside)]) for t, inside in zip(touched, strata, strict=True)]
    even = bool(np.ptp(weight) == 0)
    block = max(1, _AT_ONCE // count)
    found = []
    for start in range(0, draws, block):
        drawn = _POINTS[rng.integers(0, len(_POINTS), (clusters, min(block, draws - start)))]
        total = np.zeros((count, drawn.shape[1]), dtype=np.float32)
        variance = squares @ drawn**2
        for inside, at, part, share, more in zip(strata, touched, parts, shares, corrections, strict=True):
            moved = part @ drawn[inside]
            total[at] += moved
            common = (share**2).sum() * moved
            leant = common if even else 2 * ((part * share) @ drawn[inside]) - common
            variance[at] -= more * moved * leant
        found.append(np.sqrt((total**2 / np.maximum(variance, _NOTHING)).max(axis=0)))
    largest: Singles = np.concatenate(found)
    return largest


def _correction(clusters: float) -> float:
    """Return what a variance within so many clusters is multiplied by."""
    return clusters / (clusters - 1) if clusters > _ALONE else 1.0

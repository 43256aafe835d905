"""The cluster bootstrap of a two-period effect, from sums of clusters and how often each is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.seeds import generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# clusters drawn at a time
_BLOCK = 65_536


@dataclass(frozen=True, kw_only=True)
class ClusterBootstrap:
    """A two-period effect and its replications.

    Parameters
    ----------
    estimate
        The coefficient of treated times after.
    replications
        (draws) that coefficient on clusters drawn again; missing where a draw lacks one of the four cells.
    """

    estimate: float
    replications: Floats

    @property
    def std_error(self) -> float:
        """The standard deviation of the replications that could be estimated."""
        return float(np.nanstd(self.replications, ddof=1))

    def interval(self, conf_level: float) -> tuple[float, float]:
        """Return the percentiles of the replications between which `conf_level` of them lie."""
        tail = (1 - conf_level) / 2
        low, high = np.nanquantile(self.replications, [tail, 1 - tail])
        return float(low), float(high)


def resampled_clusters(clusters: int, *, draws: int, seed: int) -> Ints:
    """Return how often each cluster stands in each replication: as many are drawn as there are.

    Parameters
    ----------
    clusters, draws
        How many.
    seed
        Of the random numbers.

    Returns
    -------
    numpy.ndarray
        (draws, clusters) counts; each row sums to `clusters`.

    Examples
    --------
    >>> resampled_clusters(5, draws=2, seed=1).sum(axis=1).tolist()
    [5, 5]
    """
    return np.vstack(list(_blocks(clusters, draws, seed)))


def _blocks(clusters: int, draws: int, seed: int) -> Iterator[Ints]:
    """Yield the counts of a few replications at a time, so that they stay in the processor's cache."""
    rng = generator(seed)
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 1:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 1 on, e.g. 999")
    rows = max(1, _BLOCK // clusters)
    for begin in range(0, draws, rows):
        here = min(rows, draws - begin)
        drawn = rng.integers(0, clusters, (here, clusters), dtype=np.int64)
        drawn += clusters * np.arange(here, dtype=np.int64)[:, None]
        yield np.bincount(drawn.ravel(), minlength=here * clusters).reshape(here, clusters)


def cluster_bootstrap_did(
    outcome: npt.ArrayLike,
    *,
    treated: npt.ArrayLike,
    after: npt.ArrayLike,
    cluster: npt.ArrayLike,
    draws: int,
    seed: int,
) -> ClusterBootstrap:
    """Return the two-period difference-in-differences and its replications over clusters.

    Parameters
    ----------
    outcome
        (n) numbers, nothing missing.
    treated, after
        (n) true or false: the unit is of the treated; the row is of the second period.
    cluster
        (n) numbers of the clusters, from 0 without gaps.
    draws
        Replications.
    seed
        Of the random numbers; :func:`resampled_clusters` gives what they drew.

    Returns
    -------
    ClusterBootstrap
        The estimate and each replication's coefficient.

    Raises
    ------
    DataError, DesignError, OptionError
        For missing outcomes, arrays of different lengths, fewer than two clusters, an empty cell.

    Notes
    -----
    The coefficient of a least-squares regression on treated, after and their product is a difference of four
    means. So a replication needs of each cluster its four sums and counts alone: one product of the matrix of
    counts drawn with that of sums replaces all regressions.

    Examples
    --------
    >>> y = np.array([1.0, 2, 1, 4, 0, 1, 2, 6])
    >>> found = cluster_bootstrap_did(y, treated=[0, 0, 1, 1] * 2, after=[0, 1] * 4,
    ...                               cluster=[0, 0, 1, 1, 2, 2, 3, 3], draws=9, seed=1)
    >>> found.estimate
    2.5
    """
    y = np.asarray(outcome, dtype=float)
    belongs = np.asarray(cluster)
    flags = [np.asarray(flag, dtype=bool) for flag in (treated, after)]
    _check(y, flags, belongs)
    centre = float(y.mean())
    clusters = int(belongs.max()) + 1
    # cells in the order: untreated before, untreated after, treated before, treated after
    cell = belongs * 4 + 2 * flags[0] + flags[1]
    sums = np.bincount(cell, weights=y - centre, minlength=4 * clusters).reshape(clusters, 4)
    sizes = np.bincount(cell, minlength=4 * clusters).reshape(clusters, 4).astype(float)
    if not (sizes.sum(axis=0) > 0).all():
        raise DesignError("treated and untreated must both be there before and after; a cell is empty")
    both = np.hstack([sums, sizes])
    totals = np.vstack([counts.astype(float) @ both for counts in _blocks(clusters, draws, seed)])
    return ClusterBootstrap(
        estimate=float(_difference(sums.sum(axis=0), sizes.sum(axis=0))),
        replications=_difference(totals[:, :4], totals[:, 4:]),
    )


def _difference(sums: Floats, sizes: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(sizes > 0, sums / sizes, np.nan)
    change: Floats = (mean[..., 3] - mean[..., 2]) - (mean[..., 1] - mean[..., 0])
    return change


def _check(y: Floats, flags: list[npt.NDArray[np.bool_]], belongs: npt.NDArray[np.generic]) -> None:
    if any(part.shape != y.shape for part in (*flags, belongs)) or y.ndim != 1:
        raise DataError("outcome, treated, after and cluster must be columns of one length")
    if not np.isfinite(y).all():
        raise DataError(
            f"outcome: {int((~np.isfinite(y)).sum()):,} values are missing or infinite; leave them out"
        )
    if not np.issubdtype(belongs.dtype, np.integer) or belongs.min() < 0 or not np.bincount(belongs).all():
        raise DataError("cluster: numbers from 0 without gaps are needed; number the clusters first")
    if belongs.max() < 1:
        raise DesignError("one cluster only; a bootstrap of clusters needs at least two")

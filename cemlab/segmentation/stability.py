"""Does a segmentation come back? Cuts of resampled customers, of the data and of a cloud without segments."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cemlab.stats.k_means import k_means, nearest
from cemlab.stats.one_cloud import one_cloud
from cemlab.stats.partitions import adjusted_rand
from cemlab.stats.seeds import generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Labels = NDArray[np.int64]

Method = Literal["k-means", "gaussian mixture"]

#: Starts of each k-means fit to resampled customers.
STARTS = 2
_LEVEL = 0.05  # chance of calling a cloud segmented


@dataclass(frozen=True, eq=False, kw_only=True)
class Stability:
    """How well cuts into k segments come back.

    Parameters
    ----------
    pairs
        Adjusted Rand index of each pair of resampled cuts, of shape (number of k, pairs).
    null
        The mean of such pairs in each cloud without segments, of shape (clouds, number of k).
    """

    pairs: FloatArray
    null: FloatArray

    @property
    def mean(self) -> FloatArray:
        """Mean adjusted Rand index for each k."""
        return np.asarray(self.pairs.mean(axis=1))

    def stable(self) -> tuple[NDArray[np.bool_], float]:
        """Return which k come back more often than in 95 % of clouds, and the p-value that none does.

        Each k is compared with what is usual for it, and the largest excess over all k with that of each
        cloud: the level, 1 in 20, holds for all k together.
        """
        # the logarithm of what is missing to 1 tells 0.99 from 0.9; a hundredth more is not worth telling
        every = -np.log(1.01 - np.vstack([self.mean, self.null]))
        excess = every - np.median(every, axis=0)
        largest = np.sort(excess[1:].max(axis=1))[::-1]
        p_value = float((largest >= excess[0].max()).sum() + 1) / len(every)
        # so many clouds may come back as often: none of 19, one of 39
        bar = largest[int(_LEVEL * len(every) + 1e-9) - 1]
        return excess[0] > bar, p_value


def mixture(values: FloatArray, k: int, *, seed: int) -> Any:
    """Fit a Gaussian mixture of k parts, each with a covariance of its own."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # a little variance is added, so that no part shrinks to a point
    model = GaussianMixture(k, max_iter=100, reg_covar=1e-3, random_state=seed)
    with warnings.catch_warnings():
        # a fit that stops early comes back less well, and that is what is measured
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(values)


def stability(
    values: FloatArray,
    *,
    ks: Sequence[int],
    method: Method,
    fits: int,
    clouds: int,
    seed: int,
) -> Stability:
    """Measure how well cuts of the data come back, beside cuts of clouds without segments.

    Parameters
    ----------
    values
        Of shape (n, d), standardised.
    ks
        Numbers of segments.
    method
        How segments are made.
    fits
        Bootstrap samples, each cut into k; every pair of cuts is compared.
    clouds
        How many clouds are drawn.
    seed
        For the samples, the clouds and the starts.
    """
    rng = generator(seed)
    cloud = one_cloud(values)
    pairs = _pairs(values, ks, method, fits, rng)
    null = [_pairs(cloud.draw(len(values), rng), ks, method, fits, rng).mean(axis=1) for _ in range(clouds)]
    return Stability(pairs=pairs, null=np.array(null))


def _pairs(
    values: FloatArray, ks: Sequence[int], method: Method, fits: int, rng: np.random.Generator
) -> FloatArray:
    """Return the adjusted Rand index of each pair of cuts of resampled customers, a row for each k."""
    n = len(values)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=fits)
    found = []
    for k in ks:
        if method == "k-means":
            centres = k_means(values, weights.astype(np.float64), k=k, starts=STARTS, rng=rng)
            cuts = nearest(values, centres)
        else:
            seeds = rng.integers(2**31, size=fits)
            cuts = np.stack(
                [
                    mixture(np.repeat(values, weight, axis=0), k, seed=int(seed)).predict(values)
                    for weight, seed in zip(weights, seeds, strict=True)
                ]
            )
        found.append(adjusted_rand(cuts))
    return np.array(found)

"""One cut of customers into segments, and how it describes them: silhouette, BIC, variance explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cemlab.segmentation.stability import Method, mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    Labels = NDArray[np.int64]

#: Estimate, lower and upper end of its interval.
Bounds = tuple[float, float, float]

_STARTS = 10


def cut(values: FloatArray, k: int, method: Method, *, seed: int) -> Labels:
    """Return each customer's segment, from 0; the largest segment is 0."""
    from sklearn.cluster import KMeans

    if method == "k-means":
        found = KMeans(k, n_init=_STARTS, max_iter=100, tol=1e-3, random_state=seed).fit_predict(values)
    else:
        found = mixture(values, k, seed=seed).predict(values)
    size = np.bincount(found, minlength=k)
    rank = np.empty(k, dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(k)
    return np.asarray(rank[found])


def silhouette(values: FloatArray, labels: Labels, *, conf_level: float) -> Bounds:
    """Return the mean silhouette width: 1 where segments lie far apart, 0 where they touch."""
    from sklearn.metrics import silhouette_samples

    if len(np.unique(labels)) < 2:
        return np.nan, np.nan, np.nan
    return _mean(np.asarray(silhouette_samples(values, labels)), conf_level)


def bic_gain(values: FloatArray, ks: Sequence[int], *, conf_level: float, seed: int) -> list[Bounds]:
    """Return what a Gaussian mixture of k parts gains in BIC over one Gaussian cloud.

    The interval is that of the two models' likelihoods (Vuong 1989), as the customers vary.
    """
    n = len(values)
    one = mixture(values, 1, seed=seed)
    base, bic = one.score_samples(values), one.bic(values)
    found = []
    for k in ks:
        model = mixture(values, k, seed=seed)
        mean, low, high = _mean(2 * n * (model.score_samples(values) - base), conf_level)
        gain = float(bic - model.bic(values))  # what the likelihood gains, less what the parameters cost
        found.append((gain, gain + low - mean, gain + high - mean))
    return found


def explained(values: FloatArray, labels: Labels, *, conf_level: float) -> Bounds:
    """Return the share of the columns' variance that lies between the segments."""
    count = int(labels.max()) + 1
    size = np.bincount(labels, minlength=count)
    sums = np.column_stack(
        [np.bincount(labels, weights=values[:, j], minlength=count) for j in range(values.shape[1])]
    )
    centres = sums / np.maximum(size, 1)[:, None]
    within = ((values - centres[labels]) ** 2).sum(axis=1)
    total = ((values - values.mean(axis=0)) ** 2).sum(axis=1)
    share = float(within.sum() / total.sum())
    # a ratio of means: its error is that of the mean of what each customer is off it
    _, low, high = _mean((share * total - within) / total.mean() + 1 - share, conf_level)
    return 1 - share, low, high


def _mean(each: FloatArray, conf_level: float) -> Bounds:
    from scipy.special import ndtri

    mean = float(each.mean())
    reach = float(ndtri((1 + conf_level) / 2) * each.std(ddof=1) / np.sqrt(len(each)))
    return mean, mean - reach, mean + reach

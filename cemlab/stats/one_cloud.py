"""One cloud: data without clusters, with the margins and the covariance of data that may have some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_GRID = 1024
_REACH = 3.0  # bandwidths beyond the data at each end
_TAIL = 0.02  # of the highest density: lower bumps are single values in a tail, no clusters
_WIDEST = 3.0  # standard deviations: at this bandwidth any margin is one bump


@dataclass(frozen=True, eq=False, kw_only=True)
class OneCloud:
    """What draws clouds.

    Parameters
    ----------
    edges, cumulative
        Of each column's smoothed margin, of shape (d, grid).
    root
        Cholesky root of the correlation of normal scores, of shape (d, d).
    mean, covariance
        Of the data, of shapes (d,) and (d, d).
    """

    edges: FloatArray
    cumulative: FloatArray
    root: FloatArray
    mean: FloatArray
    covariance: FloatArray

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Return a cloud of n things, of shape (n, d), whose covariance is exactly that of the data."""
        from scipy.special import ndtr

        uniform = ndtr(rng.normal(size=(n, len(self.mean))) @ self.root.T)
        cloud = np.column_stack(
            [np.interp(uniform[:, j], self.cumulative[j], self.edges[j]) for j in range(len(self.mean))]
        )
        cloud -= cloud.mean(axis=0)
        seen = np.linalg.cholesky(cloud.T @ cloud / (n - 1))
        wanted = np.linalg.cholesky(self.covariance)
        return np.asarray(cloud @ np.linalg.solve(seen.T, wanted.T) + self.mean)


def one_cloud(values: FloatArray) -> OneCloud:
    """Return the cloud nearest to the data in which there are no clusters.

    Each column keeps its margin, smoothed just so far that one bump is left (Silverman 1981), so that flat or
    skewed columns do not pass for clusters; the columns hang together by a normal copula, and the covariance
    is that of the data. What the data have beyond it is what clusters would add.

    Parameters
    ----------
    values
        Of shape (n, d), of full rank, without blanks.

    References
    ----------
    Silverman, B. W. (1981). Using kernel density estimates to investigate multimodality. Journal of the Royal
    Statistical Society B 43, 97–99.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    margins = [_margin(values[:, j]) for j in range(values.shape[1])]
    scores = ndtri(rankdata(values, axis=0) / (len(values) + 1))
    return OneCloud(
        edges=np.stack([edges for edges, _ in margins]),
        cumulative=np.stack([cumulative for _, cumulative in margins]),
        root=np.asarray(np.linalg.cholesky(np.corrcoef(scores, rowvar=False)), dtype=np.float64),
        mean=values.mean(axis=0),
        covariance=np.cov(values, rowvar=False),
    )


def _margin(column: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a grid and the distribution function on it, with one bump."""
    spread = column.std()
    pad = _REACH * _WIDEST * spread
    edges = np.linspace(column.min() - pad, column.max() + pad, _GRID + 1)
    counts = np.histogram(column, bins=edges)[0].astype(np.float64)
    step = edges[1] - edges[0]
    narrow, wide = step, _WIDEST * spread
    for _ in range(20):  # the least bandwidth that leaves one bump, to a millionth of the widest
        middle = np.sqrt(narrow * wide)
        if _bumps(_smooth(counts, middle / step)) > 1:
            narrow = middle
        else:
            wide = middle
    density = np.maximum(_smooth(counts, wide / step), 0.0)
    cumulative = np.concatenate([[0.0], np.cumsum(density)]) / density.sum()
    # a distribution function that stands still cannot be turned round
    return edges, cumulative + 1e-12 * np.arange(_GRID + 1)


def _smooth(counts: FloatArray, bandwidth: float) -> FloatArray:
    frequency = np.fft.rfftfreq(len(counts))
    kernel = np.exp(-2 * (np.pi * frequency * bandwidth) ** 2)
    return np.asarray(np.fft.irfft(np.fft.rfft(counts) * kernel, n=len(counts)))


def _bumps(density: FloatArray) -> int:
    inner = density[1:-1]
    top = (inner > density[:-2]) & (inner >= density[2:]) & (inner > _TAIL * density.max())
    return int(top.sum())

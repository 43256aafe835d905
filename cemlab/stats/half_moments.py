"""Second moments of a score and of what goes with it, without the error of the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

_FEWEST = 3  # clusters: from fewer no spread between them can be told
_STEP = 1e-30  # of the complex step, which loses no digits however small it is


@dataclass(frozen=True, eq=False, kw_only=True)
class HalfMoments:
    """Sums of products of a score and k other columns, all less their fixed effects.

    Parameters
    ----------
    total
        (1 + k, 1 + k), symmetric; the score comes first. Its own square is the product of both halves, whose
        errors are independent, so that no error is in it.
    by_cluster
        (g, 1 + k, 1 + k), what each cluster adds to `total`.
    reliability
        Share of the mean score's variance that is no error; 1 where no halves were given.
    """

    total: Floats
    by_cluster: Floats
    reliability: float

    @property
    def df(self) -> int:
        """Degrees of freedom of an interval: clusters less one."""
        return len(self.by_cluster) - 1

    def of(self, *columns: int) -> HalfMoments:
        """Return the moments of some columns, in that order."""
        at = np.asarray(columns)
        return HalfMoments(
            total=self.total[np.ix_(at, at)],
            by_cluster=self.by_cluster[:, at[:, None], at[None, :]],
            reliability=self.reliability,
        )

    def delta(self, function: Callable[[npt.NDArray[np.complex128]], npt.NDArray[np.complex128]]) -> Delta:
        """Return q quantities that follow from the moments, and their covariance clustered by unit.

        Parameters
        ----------
        function
            From moments (1 + k, 1 + k) to quantities (q). Smooth, and the same if all moments are multiplied
            by one number (slopes, correlations, shares); sums, products, roots and solutions of linear
            equations only, since it is differentiated by a complex step.
        """
        rows, columns = np.triu_indices(len(self.total))
        start = self.total.astype(complex)
        slopes = []
        for i, j in zip(rows, columns, strict=True):
            moved = start.copy()
            step = _STEP * max(abs(self.total[i, j]), np.sqrt(self.total[i, i] * self.total[j, j]), 1e-200)
            moved[i, j] += 1j * step
            moved[j, i] = moved[i, j]
            slopes.append(np.imag(function(moved)) / step)
        # moments enter with both their places at once, so each pair counts once
        influence = self.by_cluster[:, rows, columns] @ np.asarray(slopes)
        g = len(self.by_cluster)
        return Delta(
            estimate=np.real(function(start)),
            covariance=influence.T @ influence * (g / (g - 1)),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Delta:
    """Quantities, shape (q), and their covariance, shape (q, q)."""

    estimate: Floats
    covariance: Floats

    @property
    def std_error(self) -> Floats:
        """Standard errors, shape (q)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))


def half_moments(
    columns: npt.ArrayLike,
    *,
    first: npt.ArrayLike,
    second: npt.ArrayLike | None = None,
    cluster: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> HalfMoments:
    """Return second moments of a score and other columns, without the error of the score.

    Parameters
    ----------
    columns
        (m, k), less the means of units and periods where these have levels of their own.
    first, second
        (m) two halves of the score whose errors are independent, treated alike; without the second the score
        is taken to be free of error.
    cluster
        (m) number of each row's cluster, from 0.
    weights
        (m), positive.

    Raises
    ------
    DesignError
        If there are fewer than three clusters, the score does not vary, or its halves share next to nothing.

    References
    ----------
    Griliches, Z., & Hausman, J. A. (1986). Errors in variables in panel data. Journal of Econometrics 31,
    93–118.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score = rng.standard_normal(2000)
    >>> a, b = score + rng.standard_normal((2, 2000))
    >>> found = half_moments(2 * score[:, None], first=a, second=b, cluster=np.arange(2000) % 50)
    >>> slope = found.delta(lambda s: s[0, 1:] / s[0, 0])
    >>> round(float(slope.estimate[0]), 1), round(found.reliability, 1)
    (2.0, 0.7)
    """
    x = np.asarray(columns, dtype=float)
    a = np.asarray(first, dtype=float)
    b = a if second is None else np.asarray(second, dtype=float)
    w = np.ones(len(a)) if weights is None else np.asarray(weights, dtype=float)
    code = np.asarray(cluster)
    clusters = int(code.max()) + 1 if len(code) else 0
    if clusters < _FEWEST:
        raise DesignError(f"{clusters} clusters; an interval needs {_FEWEST} at least, better 30")
    mean = (a + b) / 2
    spread, shared = float(w @ mean**2), float(w @ (a * b))
    if not spread > 0:
        raise DesignError("the score does not vary within units and periods; nothing can go with it")
    # below a tenth the halves agree by little more than chance, and the slope would be anything
    if not shared > 0.1 * spread:
        raise DesignError("the two halves of the score share next to nothing; a slope on it cannot be told")
    both = np.column_stack([mean, x])
    by_cluster = np.zeros((clusters, both.shape[1], both.shape[1]))
    for j in range(both.shape[1]):
        products = both * (w * both[:, j])[:, None]
        for i in range(both.shape[1]):
            by_cluster[:, j, i] = np.bincount(code, weights=products[:, i], minlength=clusters)
    by_cluster[:, 0, 0] = np.bincount(code, weights=w * a * b, minlength=clusters)
    return HalfMoments(total=by_cluster.sum(axis=0), by_cluster=by_cluster, reliability=shared / spread)

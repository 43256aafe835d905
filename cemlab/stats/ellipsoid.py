"""Vectors with a covariance: Hotelling's test that one is nought, and how long it can be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError
from cemlab.result import check_conf_level

FloatArray = NDArray[np.float64]

_HALVINGS = 100  # of a bracket: down to rounding, however near its lower end the root lies


class Length(NamedTuple):
    """How long vectors are, and whether they are there at all; arrays of shape (m).

    Attributes
    ----------
    estimate, conf_low, conf_high
        Length, and the shortest and longest vector in the confidence ellipsoid; `conf_low` is 0 where the
        ellipsoid holds nought.
    statistic, p_value
        Hotelling's T² of "the vector is nought" and its p-value.
    """

    estimate: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    statistic: FloatArray
    p_value: FloatArray


def lengths(vectors: ArrayLike, covariance: ArrayLike, df: ArrayLike, *, conf_level: float = 0.95) -> Length:
    """Return the lengths of estimated vectors with intervals that are never too short.

    The interval runs over all lengths in the confidence ellipsoid of the vector. It covers in at least
    `conf_level` of cases, exactly so where the true vector is nought, and begins at 0 if and only if
    Hotelling's test does not refute that it is.

    Parameters
    ----------
    vectors
        Shape (m, q).
    covariance
        Shape (m, q, q), positive definite.
    df
        Degrees of freedom of the covariances (m), above q − 1.
    conf_level
        Between 0 and 1.

    Raises
    ------
    DataError
        If shapes do not match, a covariance is not positive definite or has too few degrees of freedom.

    References
    ----------
    Hotelling, H. (1931). The generalization of Student's ratio. Annals of Mathematical Statistics 2, 360–378.

    Examples
    --------
    >>> found = lengths([[3.0, 4.0]], [np.eye(2)], [1e9])
    >>> [round(float(value[0]), 3) for value in found[:3]]
    [5.0, 2.552, 7.448]
    """
    from scipy.stats import f

    check_conf_level(conf_level)
    y, s = np.asarray(vectors, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    nu = np.asarray(df, dtype=np.float64)
    if y.ndim != 2 or s.shape != (*y.shape, y.shape[1]) or nu.shape != y.shape[:1]:
        raise DataError("vectors (m, q), covariances (m, q, q) and degrees of freedom (m) must match")
    q = y.shape[1]
    spread, axes = np.linalg.eigh(s)
    if not ((spread > 0).all() and (nu > q - 1).all()):
        raise DataError(
            f"each covariance must be positive definite, with more than {q - 1} degrees of freedom"
        )
    turned = np.einsum("mij,mi->mj", axes, y)
    statistic = (turned**2 / spread).sum(axis=1)
    scale = (nu - q + 1) / (nu * q)
    radius = f.ppf(conf_level, q, nu - q + 1) / scale
    ends = _extremes(turned, radius[:, None] * spread)
    return Length(np.linalg.norm(y, axis=1), *ends, statistic, f.sf(statistic * scale, q, nu - q + 1))


def _extremes(centre: FloatArray, squared: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the shortest and longest vector in ellipsoids along the axes, of squared half-axes (m, q).

    By Lagrange each is k·centre / (squared + k), with k above 0 for the shortest and below −max(squared) for
    the longest, and with the sum of squared·centre² / (squared + k)² equal to 1, which falls with |k|.
    """
    widest = squared.max(axis=1, keepdims=True)
    # where the centre lies on an axis the longest vector may leave it on either side: one is taken
    y = np.maximum(np.abs(centre), 1e-12 * np.sqrt(widest))
    most = np.sqrt((squared * y**2).sum(axis=1))

    def root(offset: FloatArray) -> FloatArray:
        low, high = np.zeros(len(y)), most
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            beyond = (squared * y**2 / (offset + middle[:, None]) ** 2).sum(axis=1) > 1
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        ends: FloatArray = high[:, None]
        return ends

    near, far = root(squared), root(widest - squared)
    shortest = np.linalg.norm(near * y / (squared + near), axis=1)
    longest = np.linalg.norm((widest + far) * y / (widest - squared + far), axis=1)
    holds_nought = (centre**2 / squared).sum(axis=1) <= 1
    return np.where(holds_nought, 0.0, shortest), longest

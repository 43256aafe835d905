"""Gower's distance between things with numbers and names among their attributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError, DesignError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Attributes:
    """The attributes of n things, ready to be compared.

    Parameters
    ----------
    numbers
        Shape (n, p): numeric attributes in units of their range, nan where missing.
    codes
        Shape (n, q): codes of names from 0 on, −1 where missing.
    weights
        Shape (p + q): weight of each attribute, numbers first, above 0.
    """

    numbers: FloatArray
    codes: IntArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.numbers)

    def differences(self, rows: ArrayLike, others: ArrayLike | None = None) -> FloatArray:
        """Return how far things differ in each attribute, from 0 to 1.

        Parameters
        ----------
        rows
            Which things, positions (m).
        others
            Which things they are compared with, positions (k); all if not given.

        Returns
        -------
        numpy.ndarray
            Shape (m, k, p + q); nan where either of two is missing.
        """
        a = np.atleast_1d(np.asarray(rows, dtype=np.int64))
        b = np.arange(len(self)) if others is None else np.atleast_1d(np.asarray(others, dtype=np.int64))
        far = np.abs(self.numbers[a][:, None] - self.numbers[b][None])
        first, second = self.codes[a][:, None], self.codes[b][None]
        other = np.where((first < 0) | (second < 0), np.nan, first != second)
        return np.concatenate([far, other], axis=2)

    def distances(self, rows: ArrayLike, others: ArrayLike | None = None) -> FloatArray:
        """Return Gower's distances: the weighted mean of the differences that can be seen.

        Parameters
        ----------
        rows, others
            As in :meth:`differences`.

        Returns
        -------
        numpy.ndarray
            Shape (m, k), from 0 to 1; nan where two things share no attribute that is known of both.
        """
        return weighted_mean(self.differences(rows, others), self.weights)


def weighted_mean(differences: ArrayLike, weights: ArrayLike) -> FloatArray:
    """Return the weighted mean over the last axis of what is not missing; nan where all is.

    Examples
    --------
    >>> weighted_mean([0.0, 1.0, float("nan")], [1.0, 3.0, 5.0]).tolist()
    0.75
    """
    values, w = np.asarray(differences, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    seen = ~np.isnan(values)
    total = (seen * w).sum(axis=-1)
    sums = np.where(seen, values * w, 0.0).sum(axis=-1)
    mean: FloatArray = np.divide(sums, total, out=np.full(np.shape(sums), np.nan), where=total > 0)
    return mean


def attributes(numbers: ArrayLike, codes: ArrayLike, *, weights: ArrayLike | None = None) -> Attributes:
    """Return attributes ready for Gower's distance.

    A numeric attribute counts with its difference over its range, a name with 0 or 1. An attribute that is
    missing in one of two things says nothing about these two and is left out for them.

    Parameters
    ----------
    numbers
        Shape (n, p), nan where missing; p may be 0.
    codes
        Shape (n, q), codes of names from 0 on, −1 where missing; q may be 0.
    weights
        Of each attribute, numbers first (p + q), above 0; all alike if not given.

    Raises
    ------
    DataError
        If shapes do not match, a number is infinite or a weight not above 0.
    DesignError
        If a numeric attribute has no range.

    References
    ----------
    Gower, J. C. (1971). A general coefficient of similarity and some of its properties. Biometrics 27,
    857–871.

    Examples
    --------
    >>> wines = attributes([[1.0], [3.0], [5.0]], [[0], [0], [1]])
    >>> wines.distances(0).tolist()
    [[0.0, 0.25, 1.0]]
    """
    x, names = np.asarray(numbers, dtype=np.float64), np.asarray(codes, dtype=np.int64)
    if x.ndim != 2 or names.ndim != 2 or len(x) != len(names) or x.shape[1] + names.shape[1] == 0:
        raise DataError("numbers and codes must be two tables of the same things, with one column at least")
    if np.isinf(x).any():
        raise DataError("a numeric attribute is infinite; use a finite number or nan for missing")
    w = np.ones(x.shape[1] + names.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != (x.shape[1] + names.shape[1],) or not ((w > 0) & np.isfinite(w)).all():
        raise DataError(f"weights must be {x.shape[1] + names.shape[1]} numbers above 0, one an attribute")
    known = ~np.isnan(x)
    span = np.max(x, axis=0, where=known, initial=-np.inf) - np.min(x, axis=0, where=known, initial=np.inf)
    if not (span > 0).all():
        raise DesignError(f"numeric attribute {int(np.argmin(span > 0)) + 1} has no spread; leave it out")
    return Attributes(numbers=x / span, codes=names, weights=w)

"""How alike partitions are: the adjusted Rand index of all pairs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DataError

FloatArray = NDArray[np.float64]


def adjusted_rand(labels: NDArray[np.integer]) -> FloatArray:
    """Return the adjusted Rand index of each pair of partitions of the same things.

    One matrix product counts all pairs' tables; a thousand pairs take the time of a few.

    Parameters
    ----------
    labels
        Of shape (b, n): in which part, from 0, each of b partitions puts each of n things.

    Returns
    -------
    numpy.ndarray
        Of shape (b (b - 1) / 2,), in the order of :func:`numpy.triu_indices`: 1 for equal partitions, 0 on
        average for unrelated ones.

    Raises
    ------
    DataError
        If there are fewer than two partitions or things, or a label is negative.

    References
    ----------
    Hubert, L. & Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193–218.

    Examples
    --------
    >>> adjusted_rand(np.array([[0, 0, 1, 1], [1, 1, 0, 0]]))
    array([1.])
    """
    given = np.asarray(labels)
    if given.ndim != 2 or min(given.shape) < 2 or given.min() < 0:
        raise DataError(
            f"labels of shape {given.shape}: give two or more partitions of two or more things, from 0"
        )
    count, n = given.shape
    parts = int(given.max()) + 1
    member = (given[:, None, :] == np.arange(parts)[None, :, None]).reshape(count * parts, n)
    # 32 bits hold whole numbers exactly up to 16 million things
    kind = np.float32 if n < 2**24 else np.float64
    marks = member.astype(kind)
    tables = (marks @ marks.T).astype(np.float64).reshape(count, parts, count, parts)
    one, other = np.triu_indices(count, 1)
    both = _pairs(tables[one, :, other, :]).sum(axis=(1, 2))
    own = _pairs(member.sum(axis=1).reshape(count, parts).astype(np.float64)).sum(axis=1)
    expected = own[one] * own[other] / _pairs(np.float64(n))
    most = (own[one] + own[other]) / 2
    # both partitions trivial (all in one part, or each alone): they are the same
    same = most == expected
    return np.asarray(np.where(same, 1.0, (both - expected) / np.where(same, 1.0, most - expected)))


def _pairs(sizes: FloatArray | np.float64) -> FloatArray:
    return np.asarray(sizes * (sizes - 1) / 2)

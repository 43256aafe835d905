"""Two groups of units dealt anew: what a lot would have made of their differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def permuted_labels(label: Flags, *, draws: int, rng: np.random.Generator) -> Flags:
    """Return who might have been of the first group, as it was first; all ways where there are few enough.

    Parameters
    ----------
    label
        (n) whether a unit is of the first group.
    draws
        How many to draw besides; where there are no more ways than that, all are listed.
    rng
        Source of random numbers.

    Examples
    --------
    >>> ways = permuted_labels(np.array([True, False, False]), draws=99, rng=np.random.default_rng(1))
    >>> ways.sum(axis=1).tolist(), len(np.unique(ways, axis=0))
    ([1, 1, 1], 3)
    """
    n, size = len(label), int(label.sum())
    if math.comb(n, size) <= draws + 1:
        listed = np.zeros((math.comb(n, size), n), dtype=bool)
        for row, chosen in enumerate(itertools.combinations(range(n), size)):
            listed[row, list(chosen)] = True
        seen = (listed == label).all(axis=1)
        return np.vstack([label[None], listed[~seen]])
    drawn = rng.permuted(np.broadcast_to(label, (draws, n)), axis=1)
    return np.vstack([label[None], drawn])


def joint_p_value(traits: Floats, labels: Flags) -> float:
    """Return the share of ways in which the two groups' means lie as far apart as they did.

    Parameters
    ----------
    traits
        (n, k) numbers; the distance is Mahalanobis', with the covariance of all units.
    labels
        (ways, n) of :func:`permuted_labels`, what was seen first.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> ways = permuted_labels(np.array([False, False, False, True]), draws=99, rng=np.random.default_rng(1))
    >>> joint_p_value(x, ways)
    0.25
    """
    n, size = labels.shape[1], int(labels[0].sum())
    centred = traits - traits.mean(axis=0)
    scale = centred.std(axis=0)
    centred = centred / np.where(scale > 0, scale, 1.0)
    # an orthonormal basis of the traits: collinear ones count once
    basis, strength, _ = np.linalg.svd(centred, full_matrices=False)
    basis = basis[:, strength > 1e-9 * strength.max()]
    shares = labels / size - (~labels) / (n - size)
    distance = ((shares @ basis) ** 2).sum(axis=1)
    return float((distance >= distance[0] * (1 - 1e-9)).mean())

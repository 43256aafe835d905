"""The restricted wild cluster bootstrap: residuals under the null, their signs turned unit by unit."""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np

from cemlab.stats.branch_values import BranchValues, Floats
from cemlab.stats.inverted_tests import NullDraws

Signs = Literal["rademacher", "webb"]

_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))


def sign_draws(n: int, *, signs: Signs, draws: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Return the factors of each unit's residuals, ones first, and whether these are all ways there are.

    Parameters
    ----------
    n
        Units.
    signs
        "rademacher" (plus or minus one) or "webb" (six values).
    draws
        How many to draw besides the ones; where there are no more ways than that, all are listed.
    rng
        Source of random numbers.

    Examples
    --------
    >>> factors, all_ways = sign_draws(3, signs="rademacher", draws=99, rng=np.random.default_rng(1))
    >>> factors.shape, all_ways
    ((8, 3), True)
    """
    values = np.array([1.0, -1.0]) if signs == "rademacher" else np.concatenate([_WEBB, -_WEBB])
    if len(values) ** n <= draws + 1 and signs == "rademacher":
        return np.array(list(itertools.product(values.tolist(), repeat=n))), True
    drawn = values[rng.integers(0, len(values), (draws, n))]
    return np.vstack([np.ones((1, n)), drawn]), False


def wild_draws(branches: BranchValues, *, factors: Floats, enumerated: bool) -> NullDraws:
    """Return the studentised estimates from residuals under the null with their signs turned.

    Parameters
    ----------
    branches
        The units; one is a cluster.
    factors, enumerated
        From :func:`sign_draws`.

    Notes
    -----
    Under the null of an effect tau all units, less tau where treated, follow one path beside their own level.
    A unit's residual is what it brings less what that path would bring in its place.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for inference with
    clustered errors. Review of Economics and Statistics 90, 414–427. Webb, M. D. (2023). Reworking wild
    bootstrap-based inference for clustered errors. Canadian Journal of Economics 56, 839–858.
    """
    group, sizes = branches.group, branches.sizes
    r = branches.own - branches.values.mean(axis=0)[group]
    c = branches.overlap[group, group] - branches.overlap[group].mean(axis=0)[group]
    twice = np.square(factors)
    square = np.array([twice @ (r * r), -2 * (twice @ (r * c)), twice @ (c * c)])
    for number, size in enumerate(sizes):
        here = group == number
        fr, fc = factors[:, here] @ r[here], factors[:, here] @ c[here]
        square -= np.array([fr * fr, -2 * fr * fc, fc * fc]) / max(size, 1)
    return NullDraws(shift=factors @ r, slope=factors @ c, square=square, enumerated=enumerated)

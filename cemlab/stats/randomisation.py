"""Randomisation inference: what the estimate would be had other units been treated, or at other dates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cemlab.stats.branch_values import BranchValues, Floats, Ints
from cemlab.stats.inverted_tests import NullDraws


def count_assignments(sizes: npt.ArrayLike) -> int:
    """Return in how many ways units can be dealt to groups of these sizes.

    Examples
    --------
    >>> count_assignments([1, 11]), count_assignments([2, 3, 5])
    (12, 2520)
    """
    total, ways = 0, 1
    for size in np.asarray(sizes, dtype=np.int64).tolist():
        total += size
        ways *= math.comb(total, size)
    return ways


def assignments(group: Ints, *, draws: int, rng: np.random.Generator) -> tuple[Ints, bool]:
    """Return who might have stood where, what was seen first, and whether these are all ways there are.

    Parameters
    ----------
    group
        (n) number of each unit's group.
    draws
        How many to draw besides what was seen; where there are no more ways than that, all are listed.
    rng
        Source of random numbers.

    Returns
    -------
    tuple
        (ways, n) numbers of groups, and true if they are all.
    """
    sizes = np.bincount(group)
    if count_assignments(sizes) <= draws + 1:
        listed = np.array(list(_ways(len(group), sizes.tolist())), dtype=np.int64)
        seen = (listed == group).all(axis=1)
        return np.vstack([group[None, :], listed[~seen]]), True
    drawn = rng.permuted(np.broadcast_to(group, (draws, len(group))), axis=1)
    return np.vstack([group[None, :], drawn]), False


def _ways(n: int, sizes: list[int]) -> Iterator[list[int]]:
    """Yield every way to deal n units to groups of these sizes; whoever is left stands in the last."""
    last = len(sizes) - 1

    def deal(free: tuple[int, ...], number: int, dealt: list[int]) -> Iterator[list[int]]:
        if number == last:
            yield dealt.copy()
            return
        for chosen in itertools.combinations(free, sizes[number]):
            for unit in chosen:
                dealt[unit] = number
            yield from deal(tuple(unit for unit in free if unit not in chosen), number + 1, dealt)
            for unit in chosen:
                dealt[unit] = last

    return deal(tuple(range(n)), 0, [last] * n)


def randomisation_draws(
    branches: BranchValues, *, ways: Ints, enumerated: bool, studentised: bool
) -> NullDraws:
    """Return the estimates that other assignments would have given if every treated unit had the same effect.

    Parameters
    ----------
    branches
        The units.
    ways, enumerated
        From :func:`assignments`.
    studentised
        Whether each estimate is divided by its clustered standard error; in groups of one there is none.

    Notes
    -----
    Exact, whatever the outcome's distribution and however it hangs together over time, if chance decided who
    was treated when, or if units are exchangeable without treatment. Where they are not, dividing by the
    error keeps the level in large samples and the bare estimate does not.

    References
    ----------
    MacKinnon, J. G. and Webb, M. D. (2020). Randomization inference for difference-in-differences with few
    treated clusters. Journal of Econometrics 218, 435–450.
    """
    rows = np.arange(len(branches.group))
    x = branches.values[rows, ways]
    o = branches.overlap[branches.group, ways]
    square = np.vstack([np.ones(len(ways)), np.zeros((2, len(ways)))])
    if studentised:
        square = _squares(x, o, ways, branches.sizes)
    return NullDraws(shift=x.sum(axis=1), slope=o.sum(axis=1), square=square, enumerated=enumerated)


def _squares(x: Floats, o: Floats, ways: Ints, sizes: Ints) -> Floats:
    """Return (3, draws): the squares about the groups' means of x - tau o, by powers of tau."""
    square = np.array([(x * x).sum(axis=1), -2 * (x * o).sum(axis=1), (o * o).sum(axis=1)])
    for number, size in enumerate(sizes):
        here = ways == number
        sx, so = (x * here).sum(axis=1), (o * here).sum(axis=1)
        square -= np.array([sx * sx, -2 * sx * so, so * so]) / max(size, 1)
    return square

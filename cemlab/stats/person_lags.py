"""What persons' moods carry over, and what their group's score last period adds, within persons and periods.

Means of groups mix two things: how the same persons move, and who comes and goes with a level of their own.
Persons' own levels are taken out here, so that only the first is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.two_way import within_two_ways

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST_GROUPS = 5  # from fewer, leaving one out tells nothing of the spread
_ROUNDS = 500
_NEAR = 1e-10
_ROUNDING = 1e-12  # share of the largest value below which what varies is rounding
_STILL = (
    "the score does not vary within persons and periods, or what its two measures share is no more than "
    "chance; what it adds cannot be told"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonLags:
    """What a person's outcome owes, in numbers, to last period's own and to the group's score.

    Parameters
    ----------
    memory
        Share of a departure from a person's usual level that is left in the next period.
    path
        What a unit of the group's score last period adds, own level and memory kept.
    uncorrected
        (2) both, where the pull of short spells is taken as it comes.
    left_out
        (g, 2) memory and path with each group left out.
    uncorrected_left_out
        (g, 2) the same of `uncorrected`.
    n_persons, n_rows
        Persons with two periods or more after their first, and their rows.
    length
        Mean number of rows of a person.
    shared
        Correlation of what is new in a period between two persons of a group.
    """

    memory: float
    path: float
    uncorrected: Floats
    left_out: Floats
    uncorrected_left_out: Floats
    n_persons: int
    n_rows: int
    length: float
    shared: float


def person_lags(
    outcome: npt.ArrayLike,
    *,
    before: npt.ArrayLike,
    score: npt.ArrayLike,
    person: npt.ArrayLike,
    period: npt.ArrayLike,
    group: npt.ArrayLike,
    halves: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    feedback: float = 0.0,
    staff: float = 1.0,
) -> PersonLags:
    """Estimate what persons carry over from the last period, and what their group's score then adds.

    The means of short spells hold shocks yet to come, which pulls memory downwards (Nickell 1981); by how
    much is known exactly, given the memory and each spell's length, and is put back (Bun & Carree 2005).

    Parameters
    ----------
    outcome, before
        (m) of a person in a period and in the period before.
    score
        (m) of the person's group in the period before.
    person, period, group
        (m) whole numbers from 0; a person keeps one group. Rows of a person follow each other without gaps.
    halves
        Two measures (m) of `score` with independent errors; without them it counts as free of error.
    feedback
        What a unit of one person's outcome adds to the group's score in the same period. Through it a
        person's shock reaches the score that follows, and the spells' means hold that too. What it adds fades
        as the person's own mood does.
    staff
        Persons of a group who add so much each. Where moods are shared, a person's shock comes with those of
        the others, and the score answers to all of them: `feedback` then counts 1 + (staff − 1) × the
        correlation of persons' shocks, as what the estimate leaves tells it.

    Raises
    ------
    DesignError
        If shapes do not fit, something is missing, fewer than five groups have persons with two rows, the
        score does not vary within persons and periods, or the moments have no solution.

    References
    ----------
    Nickell, S. (1981). Biases in dynamic models with fixed effects. Econometrica 49, 1417–1426.
    Bun, M. J. G., & Carree, M. A. (2005). Bias-corrected estimation in dynamic panel data models. Journal of
    Business & Economic Statistics 23, 200–210.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> score, mood = rng.standard_normal((8, 40)), np.zeros((8, 41, 400))
    >>> for t in range(8):
    ...     mood[t] = 0.4 * mood[t - 1] * (t > 0) + rng.standard_normal((41, 400))
    ...     if t:
    ...         mood[t, :40] += 0.3 * score[t - 1][:, None]
    >>> y, x = mood[1:, :40].ravel(), mood[:-1, :40].ravel()
    >>> t, g, p = (i.ravel() for i in np.indices((7, 40, 400)))
    >>> found = person_lags(y, before=x, score=score[t, g], person=g * 400 + p, period=t, group=g)
    >>> round(found.memory, 1), round(found.path, 1), found.n_persons
    (0.4, 0.3, 16000)
    """
    z, codes = _checked(outcome, before, halves or (score, score), person, period, group)
    of_person, of_period, of_group = codes
    rows = np.bincount(of_person)
    within, scale = _in_spreads(within_two_ways(z, unit=of_person, period=of_period), z)
    groups = int(of_group.max()) + 1
    by_group = _by_group(_products(within), of_group, groups)
    pairs = _pairs(within, of_group, of_period, groups)
    group_of = np.zeros(len(rows), dtype=np.int64)
    group_of[of_person] = of_group
    spells = np.zeros((groups, int(rows.max()) + 1))
    np.add.at(spells, (group_of, rows), 1)
    sums = np.concatenate([by_group.sum(0)[None], by_group.sum(0) - by_group])
    lengths = np.concatenate([spells.sum(0)[None], spells.sum(0) - spells])
    plain = _uncorrected(sums)
    pairs = np.concatenate([pairs.sum(0)[None], pairs.sum(0) - pairs])
    best, shared = _corrected(
        sums, lengths, plain, len(np.unique(of_period)) - 1, feedback * scale, pairs, staff
    )
    plain, best = (part * np.array([1.0, scale]) for part in (plain, best))
    return PersonLags(
        memory=float(best[0, 0]),
        path=float(best[0, 1]),
        uncorrected=plain[0],
        left_out=best[1:],
        uncorrected_left_out=plain[1:],
        n_persons=len(rows),
        n_rows=len(of_person),
        length=float(rows.mean()),
        shared=float(shared[0]),
    )


def _in_spreads(within: Floats, z: Floats) -> tuple[Floats, float]:
    """Return outcomes and scores in standard deviations within, and the outcome's over the score's."""
    own, score = (within[:, :2] ** 2).mean(), (((within[:, 2] + within[:, 3]) / 2) ** 2).mean()
    sizes = np.abs(z).max(axis=0)
    if not np.sqrt(own) > _ROUNDING * sizes[:2].max():
        raise DesignError("the outcome does not vary within persons and periods; nothing is carried over")
    if not np.sqrt(score) > _ROUNDING * sizes[2:].max():
        raise DesignError(_STILL)
    of_outcome, of_score = np.sqrt(own), np.sqrt(score)
    return within / [of_outcome, of_outcome, of_score, of_score], float(of_outcome / of_score)


def _products(z: Floats) -> Floats:
    """Return products of outcome, outcome before and both measures of the score (m, 6), free of errors."""
    y, x, a, b = z.T
    return np.stack([y * y, y * x, y * (a + b) / 2, x * x, x * (a + b) / 2, a * b], axis=1)


def _by_group(products: Floats, group: Ints, groups: int) -> Floats:
    return np.stack([np.bincount(group, weights=p, minlength=groups) for p in products.T], axis=1)


def _pairs(z: Floats, group: Ints, period: Ints, groups: int) -> Floats:
    """Return products over pairs of persons of a group in a period, by group, and pairs and rows (g, 8)."""
    cells, cell, n = np.unique(group * (period.max() + 1) + period, return_inverse=True, return_counts=True)
    of_cell = cells // (period.max() + 1)
    sums: Floats = np.stack([np.bincount(cell, weights=part) for part in z.T], axis=1).astype(float)
    both = _by_group(_products(sums), of_cell, groups) - _by_group(_products(z), group, groups)
    counts = [np.bincount(of_cell, weights=w, minlength=groups) for w in (n * (n - 1), n)]
    return np.column_stack([both, *counts])


def _checked(
    outcome: npt.ArrayLike,
    before: npt.ArrayLike,
    halves: tuple[npt.ArrayLike, npt.ArrayLike],
    person: npt.ArrayLike,
    period: npt.ArrayLike,
    group: npt.ArrayLike,
) -> tuple[Floats, tuple[Ints, Ints, Ints]]:
    """Return the variables (m, 4) and the codes of those persons who have two rows or more."""
    parts = [np.asarray(values, dtype=float) for values in (outcome, before, *halves)]
    codes = [np.asarray(values) for values in (person, period, group)]
    if any(part.ndim != 1 or part.shape != parts[0].shape for part in [*parts, *codes]):
        raise DesignError("outcome, before, score, person, period and group do not fit: all are (m)")
    if not all(np.isfinite(part).all() for part in parts):
        raise DesignError("an outcome or a score is missing; leave such rows out")
    rows = np.unique(codes[0], return_inverse=True)[1]
    keep = np.bincount(rows)[rows] > 1 if len(rows) else np.zeros(0, dtype=bool)
    coded = [np.unique(code[keep], return_inverse=True)[1].astype(np.int64) for code in codes]
    if not keep.any() or coded[2].max() + 1 < _FEWEST_GROUPS:
        raise DesignError(
            f"fewer than {_FEWEST_GROUPS} groups have persons who were seen in three periods in a row; "
            "what persons carry over cannot be told"
        )
    return np.stack(parts, axis=1)[keep], (coded[0], coded[1], coded[2])


def _uncorrected(sums: Floats) -> Floats:
    """Return memory and path that solve the moments as they are (…, 2)."""
    _, yx, ys, xx, xs, ss = sums.T
    scale = xx * ss - xs**2
    if (ss <= 1e-12).any() or (scale <= 1e-12 * xx * ss).any():
        raise DesignError(_STILL)
    return np.stack([(yx * ss - ys * xs) / scale, (ys * xx - yx * xs) / scale], axis=1)


def _corrected(
    sums: Floats, lengths: Floats, start: Floats, periods: int, feedback: float, pairs: Floats, staff: float
) -> tuple[Floats, Floats]:
    """Return memory and path (…, 2) corrected for what the spells' means hold, and shocks' correlation."""
    yy, yx, ys, xx, xs, ss = sums.T
    size = np.arange(lengths.shape[1], dtype=float)
    # one is lost to each person's level, and one to each period's but the first
    df = lengths @ np.maximum(size - 1, 0) - periods
    theta = start
    for _ in range(_ROUNDS):
        left = _left(sums.T, theta)
        shared = _left(pairs.T[:6], theta) / np.maximum(pairs[:, 6], 1) / (left / pairs[:, 7])
        pull = left / df * _pull(theta[:, 0], lengths)
        answer = feedback * (1 + (staff - 1) * shared)
        moved = np.column_stack([yy, yx + pull, ys + answer * pull, xx, xs, ss])
        new = _uncorrected(moved)
        step = float(np.abs(new - theta).max())
        theta = new
        if step < _NEAR:
            return theta, shared
        if not step < 1:
            break
    raise DesignError(
        "the spells are too short for how slowly persons' moods fade: the corrected moments have no solution"
    )


def _left(products: Floats, theta: Floats) -> Floats:
    """Return the sum of squares, or of products, that memory and path leave."""
    yy, yx, ys, xx, xs, ss = products
    m, p = theta.T
    return np.asarray(yy - 2 * (m * yx + p * ys) + m**2 * xx + 2 * m * p * xs + p**2 * ss)


def _pull(memory: Floats, lengths: Floats) -> Floats:
    """Return the sum over spells of (1 / t) × the sum of (t − 1 − j) × memory^j, for each memory (…)."""
    t = np.arange(lengths.shape[1])
    powers = memory[:, None] ** t
    # summed up twice: the sum over m < t of the sum over j < m
    inner = np.cumsum(np.cumsum(powers, axis=1), axis=1)
    each = np.zeros_like(powers)
    each[:, 2:] = inner[:, :-2] / t[2:]
    return np.asarray((lengths * each).sum(axis=1))

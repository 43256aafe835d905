"""Slopes within units and periods, with what each cluster moves them by; the score's error taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.joint_tests import joint_f
from cemlab.stats.two_way import within_two_ways

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FEWEST = 3  # clusters: from fewer no spread between them can be told
# share of a column left when the others are taken out, below which it is their copy but for rounding
_COPY = 1e-9
# share of what tells a direction that is left without a cluster, below which the cluster alone carries it
_ALONE = 1e-9
# of the scores' variance within, what the halves must share: below it they agree by little more than chance
_SHARED = 0.1


@dataclass(frozen=True, eq=False, kw_only=True)
class WithinSlopes:
    """Coefficients of k columns within units and periods.

    Parameters
    ----------
    coefficient
        (k).
    influence
        (g, k) what each cluster moves them by, by leaving it out (times (g − 1) / g): influence' influence
        times g / (g − 1) is the covariance.
    plain
        (g, k) the same to first order: plain' plain times g / (g − 1) is the usual clustered covariance, with
        (m − 1) / (m − k − periods) in it.
    """

    coefficient: Floats
    influence: Floats
    plain: Floats

    @property
    def covariance(self) -> Floats:
        """(k, k) the jackknife over clusters, which allows for a few that carry much of the slope."""
        g = len(self.influence)
        return np.asarray(self.influence.T @ self.influence * (g / (g - 1)))

    @property
    def plain_covariance(self) -> Floats:
        """(k, k) clustered (Liang & Zeger 1986), as pyfixest with ``ssc(k_fixef="nonnested")`` has it."""
        g = len(self.plain)
        return np.asarray(self.plain.T @ self.plain * (g / (g - 1)))

    def wald(self, rows: npt.ArrayLike) -> tuple[float, int, int, float]:
        """Return Hotelling's F, its degrees of freedom and the p-value of "rows of coefficients are nought".

        Raises
        ------
        DesignError
            If there are not more clusters than rows.
        """
        from scipy.special import fdtrc

        r = np.atleast_2d(np.asarray(rows, dtype=float))
        moved = r @ self.coefficient
        q, g = len(r), len(self.influence)
        joint_f(0.0, tested=q, clusters=g)  # refuses more differences than clusters can tell
        wald = moved @ np.linalg.solve(r @ self.covariance @ r.T, moved)
        statistic = float(joint_f(wald, tested=q, clusters=g))
        return statistic, q, g - q, float(fdtrc(q, g - q, statistic))


@dataclass(frozen=True, eq=False, kw_only=True)
class Grid:
    """Where the rows (m) stand: numbers of unit, period and cluster from 0, and positive weights."""

    unit: Ints
    period: Ints
    cluster: Ints
    weights: Floats

    def within(self, values: Floats) -> Floats:
        """Return columns less the levels of units and periods."""
        weights = None if np.ptp(self.weights) == 0 else self.weights
        return np.asarray(within_two_ways(values, unit=self.unit, period=self.period, weights=weights))

    def own_share(self) -> Floats:
        """Return (m) what of a row's value is left in it when the levels are taken out.

        Exact in a balanced panel; with gaps or weights what is left out is of the order of one over the rows.
        """
        w = self.weights
        of_unit, of_period = np.bincount(self.unit, w)[self.unit], np.bincount(self.period, w)[self.period]
        return np.asarray(1 - w / of_unit - w / of_period + w / w.sum())


def within_slopes(
    outcome: Floats, *, design: Floats, grid: Grid, names: Sequence[str], told: int | None = None
) -> WithinSlopes:
    """Return least squares of an outcome (m) on columns (m, k), units and periods with levels of their own.

    Parameters
    ----------
    outcome, design
        (m), (m, k).
    grid
        Where the rows stand.
    names
        (k).
    told
        How many of the first columns are asked for, the others being held constant only; all where None.

    Raises
    ------
    DesignError
        If there are fewer than three clusters, columns depend on each other within units and periods, or one
        cluster alone carries a coefficient that is asked for.

    Examples
    --------
    >>> unit, period = np.divmod(np.arange(12), 3)
    >>> grid = Grid(unit=unit, period=period, cluster=unit, weights=np.ones(12))
    >>> x = np.sin(np.arange(12.0))
    >>> found = within_slopes(2 * x + unit - period, design=x[:, None], grid=grid, names=["x"])
    >>> found.coefficient.round(9).tolist()
    [2.0]
    """
    both = grid.within(np.column_stack([outcome, design]))
    y, x = both[:, 0], both[:, 1:]
    _refuse_copies(x, design, grid, names)
    weighted = x * grid.weights[:, None]
    products = by_cluster(weighted[:, :, None] * x[:, None, :], grid)
    coefficient = np.linalg.solve(products.sum(axis=0), weighted.T @ y)
    left = y - x @ coefficient
    scores = weighted * left[:, None]
    if np.ptp(grid.unit) > 0 or np.ptp(grid.period) > 0:
        return slopes_from(coefficient, scores, products, grid, told=told)
    # without a cluster the one level of all rows is another: a column of its own keeps account of it
    x, w = np.column_stack([x, np.ones(len(x))]), grid.weights[:, None]
    products = by_cluster((w * x)[:, :, None] * x[:, None, :], grid)
    k = len(coefficient)
    fit = slopes_from(
        np.append(coefficient, 0.0), w * x * left[:, None], products, grid, told=told or k, level_in=True
    )
    return WithinSlopes(coefficient=coefficient, influence=fit.influence[:, :k], plain=fit.plain[:, :k])


def split_slopes_of(
    outcome: Floats, *, first: Floats, second: Floats, controls: Floats, grid: Grid, names: Sequence[str]
) -> WithinSlopes:
    """Return slopes on columns that are linear in a score, each half of it the instrument of the other.

    Parameters
    ----------
    outcome
        (m).
    first, second
        (m, k) the same columns, made of one half of the score and of the other.
    controls
        (m, c) columns without error.
    grid
        Where the rows stand.
    names
        (k + c).

    Returns
    -------
    WithinSlopes
        Of the k columns and the c controls.

    Raises
    ------
    DesignError
        As :func:`within_slopes`, or if the halves share next to nothing.

    References
    ----------
    Griliches, Z., & Hausman, J. A. (1986). Errors in variables in panel data. Journal of Econometrics 31,
    93–118.
    """
    a, b = np.column_stack([first, controls]), np.column_stack([second, controls])
    k = a.shape[1]
    all_of = grid.within(np.column_stack([outcome, a, b]))
    y, a, b = all_of[:, 0], all_of[:, 1 : k + 1], all_of[:, k + 1 :]
    _refuse_copies((a + b) / 2, np.column_stack([(first + second) / 2, controls]), grid, names)
    _refuse_unlike(a, b, grid.weights, names)
    wa, wb = a * grid.weights[:, None], b * grid.weights[:, None]
    products = by_cluster(wa[:, :, None] * b[:, None, :] + wb[:, :, None] * a[:, None, :], grid)
    coefficient = np.linalg.solve(products.sum(axis=0), (wa + wb).T @ y)
    scores = wa * (y - b @ coefficient)[:, None] + wb * (y - a @ coefficient)[:, None]
    return slopes_from(coefficient, scores, products, grid, told=first.shape[1])


def split_quadratic(
    outcome: Floats, *, halves: Floats, controls: Floats, grid: Grid, names: Sequence[str]
) -> WithinSlopes:
    """Return line and bend of an outcome on a score with errors, from products of its two halves.

    With true score x, halves a and b, and errors of variance v in each: the mean of a b is x², that of
    a b (a + b) / 2 is x³ + v x, that of a² b² is x⁴ + 2 v x² + v². What is too much is taken out of the
    normal equations; v is half the mean square of a − b.

    Parameters
    ----------
    outcome
        (m).
    halves
        (m, 2) of the score, as departures from where the line's slope is wanted.
    controls
        (m, c) columns without error.
    grid
        Where the rows stand.
    names
        (2 + c): line, bend, controls.

    Returns
    -------
    WithinSlopes
        Of x, x² and the controls.

    Raises
    ------
    DesignError
        As :func:`split_slopes_of`, or if nothing certain is left once the errors are out.

    Notes
    -----
    Assumes errors of the halves with mean nought, independent of each other, of the score, of the outcome and
    between rows, with one variance; no normal distribution. The same within groups of rows that are unlike in
    how many answers they rest on would need a variance for each.

    References
    ----------
    Cheng, C.-L., & Schneeweiss, H. (1998). Polynomial regression with errors in the variables. Journal of the
    Royal Statistical Society B 60, 189–199.
    """
    a, b = halves[:, 0], halves[:, 1]
    apart = (a - b) ** 2 / 2
    w, kept = grid.weights, grid.weights * grid.own_share()
    error = float(apart @ w / w.sum())
    line, square = (a + b) / 2, a * b
    raw = np.column_stack([line, square, controls])
    within = grid.within(np.column_stack([outcome, raw, a, b]))
    y, x, (a_in, b_in) = within[:, 0], within[:, 1:-2], within[:, -2:].T
    _refuse_copies(x, raw, grid, names)
    _refuse_unlike(a_in[:, None], b_in[:, None], w, names)
    # what the errors put into the products of line with line, line with square, square with square
    too_much = np.zeros((len(y), 2, 2))
    too_much[:, 0, 0] = kept * error / 2
    too_much[:, 0, 1] = too_much[:, 1, 0] = kept * error * line
    too_much[:, 1, 1] = kept * (2 * error * square + error**2)
    per_error = np.array(
        [
            [kept.sum() / 2, kept @ line],
            [kept @ line, kept @ (2 * square + 2 * error)],
        ]
    )
    products = by_cluster((x * w[:, None])[:, :, None] * x[:, None, :], grid)
    products[:, :2, :2] -= by_cluster(too_much, grid)
    normal = products.sum(axis=0)
    scale = np.sqrt(np.abs(np.diag(normal)))
    if np.linalg.eigvalsh(normal / np.outer(scale, scale)).min() < _SHARED**2 or (np.diag(normal) <= 0).any():
        raise DesignError(
            "the two halves of the score share too little for its square; take curve='line', or more answers"
        )
    coefficient = np.linalg.solve(normal, (x * w[:, None]).T @ y)
    scores = x * (w * (y - x @ coefficient))[:, None]
    scores[:, :2] += np.einsum("mij,j->mi", too_much, coefficient[:2])
    # the errors' variance is estimated too
    scores[:, :2] += np.outer((apart - error) * w / w.sum(), per_error @ coefficient[:2])
    return slopes_from(coefficient, scores, products, grid)


def by_cluster(values: Floats, grid: Grid) -> Floats:
    """Return (g, …) sums over the rows of each cluster."""
    g = int(grid.cluster.max()) + 1
    if g < _FEWEST:
        raise DesignError(f"{g} cluster(s); errors clustered by unit need {_FEWEST} and more")
    flat = values.reshape(len(values), -1)
    sums = np.stack([np.bincount(grid.cluster, column, g) for column in flat.T], axis=1)
    return np.asarray(sums.reshape(g, *values.shape[1:]), dtype=np.float64)


def slopes_from(
    coefficient: Floats,
    scores: Floats,
    products: Floats,
    grid: Grid,
    *,
    told: int | None = None,
    level_in: bool = False,
) -> WithinSlopes:
    """Return what each cluster moves the coefficients by, to first order and by leaving it out.

    Without the cluster periods have other levels: what is left of a row is that of the others. That is
    exact in a balanced panel; with gaps, each cluster's weight in a period is taken to be its weight in all.
    `told` as in :func:`within_slopes`; `level_in` where the one level of all rows is among the columns.
    """
    m, periods = len(scores), int(grid.period.max()) + 1
    # the levels of units lie within clusters and cost nothing, as in Stata and pyfixest
    rest = m - len(coefficient) - periods + level_in
    if rest < 1:
        raise DesignError(f"{m} rows cannot tell {len(coefficient)} coefficients and {periods} periods apart")
    sums, whole = by_cluster(scores, grid), products.sum(axis=0)
    g = len(sums)
    plain = np.linalg.solve(whole, sums.T).T * np.sqrt((m - 1) / rest)
    kept = np.ones(g) if periods == 1 else 1 - by_cluster(grid.weights, grid) / grid.weights.sum()
    without, alone = _left_out(whole, kept[:, None, None] * whole - products, sums)
    if alone[:told].any():
        raise DesignError("one cluster alone carries a coefficient; without it there is none to tell")
    influence = np.where(alone, plain, without * ((g - 1) / g))
    return WithinSlopes(coefficient=coefficient, influence=influence, plain=plain)


def _left_out(whole: Floats, others: Floats, sums: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return (g, k) what leaving a cluster out moves, and (k) which coefficients one cluster alone carries.

    What a cluster alone tells, such as the level of its kind, is left as it is; the others do not hang on it.
    """
    try:
        root = np.linalg.inv(np.linalg.cholesky(whole))
    except np.linalg.LinAlgError:
        # halves need not make a matrix with a root
        try:
            solved = np.linalg.solve(others, sums[:, :, None])[:, :, 0]
            return np.asarray(solved, dtype=np.float64), np.zeros(len(whole), dtype=np.bool_)
        except np.linalg.LinAlgError:
            return np.zeros_like(sums), np.ones(len(whole), dtype=np.bool_)
    share, vectors = np.linalg.eigh(root @ others @ root.T)
    gone = np.abs(share) <= _ALONE
    turned = np.einsum("gij,gi->gj", vectors, sums @ root.T)
    moved = np.divide(turned, share, out=np.zeros_like(turned), where=~gone)
    without = np.asarray(np.einsum("gij,gj->gi", vectors, moved) @ root, dtype=np.float64)
    size = np.sqrt(np.diag(whole))
    touched = np.abs(np.einsum("ji,gjk->gik", root, vectors)) * size[:, None] * gone[:, None, :]
    alone: npt.NDArray[np.bool_] = np.asarray((touched > np.sqrt(_ALONE)).any(axis=(0, 2)), dtype=np.bool_)
    return without, alone


def _refuse_copies(within: Floats, raw: Floats, grid: Grid, names: Sequence[str]) -> None:
    """Refuse, by name, a column that units, periods and the columns before it say already."""
    centred = raw - raw.mean(axis=0)
    size = np.sqrt((centred**2 * grid.weights[:, None]).sum(axis=0))
    rest = np.abs(np.diag(np.linalg.qr(within * np.sqrt(grid.weights)[:, None], mode="r")))
    for name, left, whole in zip(names, rest, size, strict=True):
        if not left > _COPY * whole:
            fewer = ", or take fewer knots" if any("bend" in one for one in names) else ""
            raise DesignError(
                f"{name}: units, periods and the columns before it say all of it already; leave it out{fewer}"
            )


def _refuse_unlike(a: Floats, b: Floats, weights: Floats, names: Sequence[str]) -> None:
    shared = (a * b * weights[:, None]).sum(axis=0)
    spread = ((a + b) ** 2 / 4 * weights[:, None]).sum(axis=0)
    for name, both, whole in zip(names, shared, spread, strict=False):
        if not both > _SHARED * whole:
            raise DesignError(f"{name}: the two halves share next to nothing; a slope on it cannot be told")

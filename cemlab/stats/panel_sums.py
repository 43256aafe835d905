"""Least squares with levels of units and periods from blocks of units, however many units there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cemlab.errors import DesignError
from cemlab.stats.least_squares import check_products
from cemlab.stats.threads import side_by_side
from cemlab.stats.two_way import period_system

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# share of a column's size below which what levels leave over is rounding
_NOTHING_LEFT = 1e-12
# what a last step may move, as a share of what is left, and of the outcome where nothing is left
_SETTLED = 1e-11
_ROUNDING = 1e-14
_ROUNDS = 6

Blocks = Callable[[], "Iterable[PanelBlock]"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PanelBlock:
    """Some units over all periods.

    Parameters
    ----------
    weight
        (n, t); nought where a unit has no row.
    values
        (k + 1, n, t) the outcome, then the columns; anything finite where there is no row.
    cluster
        (n, t) number of each row's cluster, from 0; None where each unit is its own.
    """

    weight: Floats
    values: Floats
    cluster: Ints | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class PanelFit:
    """Coefficients of a panel's columns.

    Parameters
    ----------
    coefficient, covariance
        (k), (k, k).
    df
        Clusters less one.
    n_rows, n_units, n_periods, n_clusters
        What the coefficients rest on.
    n_single
        Rows left out because their unit or period holds no other.
    condition
        Condition number of the scaled columns, levels taken out.
    """

    coefficient: Floats
    covariance: Floats
    df: int
    n_rows: int
    n_units: int
    n_periods: int
    n_clusters: int
    n_single: int
    condition: float


@dataclass(frozen=True, eq=False, kw_only=True)
class _Levels:
    """Which periods stay, their levels (t, k + 1), products less levels of units and periods, and counts."""

    stays: Bools
    level: Floats
    products: Floats
    squares: Floats
    n_given: int
    n_rows: int
    n_units: int
    units_within: bool
    periods_within: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class _Scores:
    """At given coefficients: products of columns, columns times what is left, its square, and the meat."""

    gram: Floats
    cross: Floats
    left: float
    meat: Floats
    clusters: int


@dataclass(frozen=True, eq=False, kw_only=True)
class _BlockScores:
    """The same of a block; `pulls` (k, …) are columns times what is left by unit, or by row in `cluster`."""

    gram: Floats
    cross: Floats
    left: float
    pulls: Floats
    weight: Floats
    cluster: Ints | None


def panel_least_squares(blocks: Blocks, *, names: Sequence[str], n_clusters: int = 0) -> PanelFit:
    """Return weighted least squares with levels of units and periods, errors clustered.

    Each pass over the blocks needs one block and sums of (t, t) in memory. Levels of units are taken out,
    those of periods are solved from one system, and coefficients again from what is left until they stand
    still.

    Parameters
    ----------
    blocks
        Called once a pass; every unit lies in one block, and periods are the same in all.
    names
        (k) what to call the columns in an error.
    n_clusters
        Clusters that the blocks number; nought where each unit is its own.

    Raises
    ------
    DesignError
        If there are too few units, periods or clusters, or a column does not vary within units and periods or
        depends on others.

    Notes
    -----
    The correction for few clusters is G / (G − 1) · (m − 1) / (m − k − a), with a the number of periods where
    units lie within clusters, of units where periods do, and both less one where neither: that of pyfixest
    and fixest. Units and periods with one row say nothing and are left out first, as there.
    """
    k = len(names)
    found = _levels(blocks, clustered=n_clusters > 0)
    coefficient = _solve(found.products[1:, 1:], found.products[1:, 0], found.squares[1:], names)[0]
    for _ in range(_ROUNDS):
        seen = _scores(blocks, found, coefficient, n_clusters)
        step, inverse, condition = _solve(seen.gram, seen.cross, found.squares[1:], names)
        coefficient = coefficient + step
        moved = np.sqrt(step @ seen.gram @ step)
        if moved <= max(_SETTLED * np.sqrt(seen.left), _ROUNDING * np.sqrt(found.products[0, 0])):
            break
    else:
        raise DesignError(
            f"columns {', '.join(names)} leave too few digits for a slope; leave one of them out"
        )
    if seen.clusters < 2:
        raise DesignError("all rows are in one cluster; clustered errors need two at least, better thirty")
    return PanelFit(
        coefficient=coefficient,
        covariance=inverse @ seen.meat @ inverse * _correction(found, k, seen.clusters),
        df=seen.clusters - 1,
        n_rows=found.n_rows,
        n_units=found.n_units,
        n_periods=int(found.stays.sum()),
        n_clusters=seen.clusters,
        n_single=found.n_given - found.n_rows,
        condition=condition,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Counted:
    """What a pass adds up for the levels: by pair of periods, by period, and in all.

    Parameters
    ----------
    shared, total, sums, rows
        (t, t), (t), (t, k + 1), (t).
    lowest, highest
        (t) numbers of clusters; nought where rows have none.
    """

    shared: Floats
    total: Floats
    sums: Floats
    rows: Ints
    products: Floats
    squares: Floats
    n_given: int
    n_units: int
    units_within: bool
    lowest: Ints
    highest: Ints

    def __add__(self, other: _Counted) -> _Counted:
        return _Counted(
            shared=self.shared + other.shared,
            total=self.total + other.total,
            sums=self.sums + other.sums,
            rows=self.rows + other.rows,
            products=self.products + other.products,
            squares=self.squares + other.squares,
            n_given=self.n_given + other.n_given,
            n_units=self.n_units + other.n_units,
            units_within=self.units_within and other.units_within,
            lowest=np.minimum(self.lowest, other.lowest),
            highest=np.maximum(self.highest, other.highest),
        )

    def levels(self, stays: Bools, *, clustered: bool) -> _Levels:
        """Return the levels of periods that fit best once those of units are out."""
        level = period_system(self.shared, self.total) @ self.sums
        return _Levels(
            stays=stays,
            level=level,
            products=self.products - self.sums.T @ level,
            squares=self.squares,
            n_given=self.n_given,
            n_rows=int(self.rows.sum()),
            n_units=self.n_units,
            units_within=self.units_within,
            periods_within=clustered and bool((self.lowest >= self.highest).all()),
        )


def _levels(blocks: Blocks, *, clustered: bool) -> _Levels:
    """Return the levels of periods; a period left with one row goes, and all is counted again."""
    stays: Bools | None = None
    while True:
        counted: _Counted | None = None
        for one in side_by_side(partial(_counted, stays=stays), blocks()):
            counted = one if counted is None else counted + one
        if counted is None or counted.rows.sum() == 0:
            raise DesignError("no unit has rows in two periods that others share; nothing can be compared")
        stays = np.ones(len(counted.rows), dtype=bool) if stays is None else stays
        if not (counted.rows[stays] == 1).any():
            return counted.levels(stays, clustered=clustered)
        stays = stays & (counted.rows > 1)


def _counted(block: PanelBlock, stays: Bools | None) -> _Counted:
    """Return what a block adds to the levels, of the periods that stay."""
    weight = _kept(block.weight, stays)
    of_unit = weight.sum(axis=1)
    values, means = _less_units(block.values, weight, of_unit)
    weighted = values * weight
    flat = values.reshape(len(values), -1)
    products = weighted.reshape(flat.shape) @ flat.T
    there = weight > 0
    lowest = highest = np.zeros(weight.shape[1], dtype=np.int64)
    within = True
    if block.cluster is not None:
        low = np.where(there, block.cluster, np.iinfo(np.int64).max)
        high = np.where(there, block.cluster, -1)
        lowest, highest = low.min(axis=0), high.max(axis=0)
        within = bool((low.min(axis=1) >= high.max(axis=1)).all())
    return _Counted(
        shared=(weight / _safe(of_unit)).T @ weight,
        total=weight.sum(axis=0),
        sums=weighted.sum(axis=1).T,
        rows=np.count_nonzero(there, axis=0),
        products=products,
        squares=np.diag(products) + means**2 @ of_unit,
        n_given=int(np.count_nonzero(block.weight)),
        n_units=int(np.count_nonzero(of_unit)),
        units_within=within,
        lowest=lowest,
        highest=highest,
    )


def _scores(blocks: Blocks, found: _Levels, coefficient: Floats, n_clusters: int) -> _Scores:
    """Return what is left at given coefficients, by clusters."""
    k = len(coefficient)
    gram, cross, left, meat = np.zeros((k, k)), np.zeros(k), 0.0, np.zeros((k, k))
    sums, seen = np.zeros((k, n_clusters)), np.zeros(n_clusters, dtype=bool)
    of_block = partial(_block_scores, found=found, coefficient=coefficient)
    for one in side_by_side(of_block, blocks()):
        gram += one.gram
        cross += one.cross
        left += one.left
        if one.cluster is None:
            meat += one.pulls @ one.pulls.T
            continue
        seen |= np.bincount(one.cluster, weights=one.weight, minlength=n_clusters) > 0
        for total, pull in zip(sums, one.pulls, strict=True):
            total += np.bincount(one.cluster, weights=pull, minlength=n_clusters)
    if n_clusters:
        meat, clusters = sums @ sums.T, int(seen.sum())
    else:
        clusters = found.n_units
    return _Scores(gram=gram, cross=cross, left=left, meat=meat, clusters=clusters)


def _block_scores(block: PanelBlock, found: _Levels, coefficient: Floats) -> _BlockScores:
    k = len(coefficient)
    weight = _kept(block.weight, found.stays)
    of_unit = weight.sum(axis=1)
    values = _less_units(block.values, weight, of_unit)[0]
    values -= found.level.T[:, None, :] - (weight @ found.level / _safe(of_unit)).T[:, :, None]
    rest = values[0]
    for j in range(k):
        rest -= coefficient[j] * values[j + 1]
    weighted = values[1:] * weight
    flat = weighted.reshape(k, -1)
    gram, cross = flat @ values[1:].reshape(k, -1).T, flat @ rest.ravel()
    left = float((weight * rest).ravel() @ rest.ravel())
    weighted *= rest
    return _BlockScores(
        gram=gram,
        cross=cross,
        left=left,
        pulls=weighted.sum(axis=2) if block.cluster is None else flat,
        weight=weight.ravel(),
        cluster=None if block.cluster is None else block.cluster.ravel(),
    )


def _solve(
    gram: Floats, cross: Floats, squares: Floats, names: Sequence[str]
) -> tuple[Floats, Floats, float]:
    """Return coefficients, the inverse of the products and the condition."""
    size = np.sqrt(np.maximum(np.diag(gram), 0.0))
    still = [name for name, a, b in zip(names, size, np.sqrt(squares), strict=True) if a <= _NOTHING_LEFT * b]
    if still:
        raise DesignError(
            f"{', '.join(still)}: constant within units and periods; beside their levels no slope can be told"
        )
    scaled = gram / np.outer(size, size)
    condition = check_products(scaled, names=names)
    inverse = np.linalg.inv(scaled) / np.outer(size, size)
    return inverse @ cross, inverse, condition


def _correction(found: _Levels, k: int, clusters: int) -> float:
    periods = int(found.stays.sum())
    within, over = found.units_within, found.periods_within
    absorbed = found.n_units * (not within) + periods * (not over) - 1 + within + over
    if found.n_rows - k - absorbed < 1:
        raise DesignError(f"{found.n_rows} rows cannot tell {k} slopes and {absorbed} levels apart")
    return clusters / (clusters - 1) * (found.n_rows - 1) / (found.n_rows - k - absorbed)


def _kept(weight: Floats, stays: Bools | None) -> Floats:
    """Return weights, nought where a period does not stay or a unit has one row only."""
    weight = weight if stays is None or stays.all() else np.where(stays, weight, 0.0)
    single = np.count_nonzero(weight, axis=1) == 1
    return np.where(single[:, None], 0.0, weight) if single.any() else weight


def _less_units(values: Floats, weight: Floats, of_unit: Floats) -> tuple[Floats, Floats]:
    """Return values less their units' means, and these (k + 1, n)."""
    means = (values * weight).sum(axis=2) / _safe(of_unit)[:, 0]
    return values - means[:, :, None], means


def _safe(of_unit: Floats) -> Floats:
    """Return weights of units to divide by, (n, 1)."""
    return np.where(of_unit > 0, of_unit, 1.0)[:, None]

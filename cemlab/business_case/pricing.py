"""Pricing a case with entries held at values, and finding where it turns from loss to gain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.chain import Chain, Conditions
from cemlab.business_case.figures import Figures
from cemlab.business_case.roles import ROLES
from cemlab.errors import DesignError

Floats = npt.NDArray[np.float64]

# How far beyond its draws an entry is looked at, in widths of its range; a known one, in multiples of it.
_BEYOND, _MULTIPLE = 3.0, 3.0
_LEAST_RATIO = 0.01
_STEPS = 40


def npv_at(case: BusinessCase, figures: Figures, moved: Mapping[str, Floats]) -> Floats:
    """Return the present value of each draw with entries held at values, of shape (r, draws).

    Parameters
    ----------
    case
        A case.
    figures
        Draws of its entries.
    moved
        Entry → the values at which it is held, of shape (r); nan for "as it was drawn".
    """
    rows = len(next(iter(moved.values())))
    values = {}
    for item, drawn in figures.items():
        if item in moved:
            held = np.where(np.isnan(moved[item])[:, None], drawn, moved[item][:, None])
            values[item] = held.ravel()
        else:
            values[item] = np.tile(drawn, rows)
    tiled = Figures(values, rows * figures.n)
    npv = case.npv(tiled, conditions=_tiled(case.conditions, figures.n, rows))
    return npv.reshape(rows, figures.n)


def _tiled(conditions: Conditions, n: int, rows: int) -> Conditions:
    changed = {
        name: np.tile(np.asarray(getattr(conditions, name))[:n], (rows, 1))
        for name in conditions.__dataclass_fields__
        if np.ndim(getattr(conditions, name)) == 2
    }
    return replace(conditions, **changed)


def middle_conditions(conditions: Conditions) -> Conditions:
    """Return conditions that differ between draws at their medians."""
    changed = {
        name: np.median(np.asarray(getattr(conditions, name)), axis=0)
        for name in conditions.__dataclass_fields__
        if np.ndim(getattr(conditions, name)) == 2
    }
    return replace(conditions, **changed)


def reach(case: BusinessCase, item: str) -> tuple[float, float]:
    """Return the range in which an entry is looked at: well beyond its draws, but nothing that cannot be.

    Raises
    ------
    DesignError
        If it is known to be nought: a multiple of nothing is nothing.
    """
    drawn = case.draws.figures[item]
    low, high = float(drawn.min()), float(drawn.max())
    if low == high:
        if low == 0:
            raise DesignError(f"the entry {item!r} is known to be nought; give it a range to look beyond")
        low, high = sorted((0.0, _MULTIPLE * low))
    else:
        wide = _BEYOND * (high - low)
        low, high = low - wide, high + wide
    least, most = -np.inf, np.inf
    if isinstance(case.model, Chain):
        kinds = [ROLES[role].kind for role, named in case.model.items.items() if named == item]
        least, most = (kinds[0].lowest, kinds[0].highest) if kinds else (0.0, np.inf)
    if "hazard ratio" in case.ledger[item].unit and not case.ledger[item].unit.startswith("log"):
        least = _LEAST_RATIO
    return max(low, least), min(high, most)


def crossings(grid: Floats, values: Floats, *, near: float) -> tuple[float, int]:
    """Return where values cross nought, nearest to a point, and the step after which; nan and −1 if nowhere.

    Examples
    --------
    >>> crossings(np.array([0.0, 1.0, 2.0]), np.array([-1.0, 1.0, 3.0]), near=1.0)
    (0.5, 0)
    """
    signs = np.sign(values)
    steps = np.flatnonzero(signs[:-1] * signs[1:] <= 0)
    steps = steps[(signs[steps] != 0) | (signs[steps + 1] != 0)]
    if not len(steps):
        return float("nan"), -1
    a, b = values[steps], values[steps + 1]
    at = grid[steps] + (grid[steps + 1] - grid[steps]) * a / (a - b)
    nearest = int(np.argmin(np.abs(at - near)))
    return float(at[nearest]), int(steps[nearest])


def roots_between(
    grid: Floats, values: Floats, *, near: float, rising: bool, tail: float
) -> tuple[float, float]:
    """Return two quantiles, over draws, of where each crosses nought; nan where that lies beyond the grid.

    Parameters
    ----------
    grid
        Of shape (points).
    values
        Of shape (points, draws).
    near
        The crossing nearest to it is taken.
    rising
        Whether more is better, which tells on which side a draw lies that never crosses.
    tail
        Share of the draws below the first and above the second.
    """
    a, b = values[:-1], values[1:]
    cross = (np.sign(a) * np.sign(b) <= 0) & (a != b)
    at = grid[:-1, None] + np.diff(grid)[:, None] * a / np.where(cross, a - b, 1.0)
    away = np.where(cross, np.abs(at - near), np.inf)
    nearest = away.argmin(axis=0)
    draws = np.arange(values.shape[1])
    roots = np.where(np.isfinite(away[nearest, draws]), at[nearest, draws], np.nan)
    always = values.mean(axis=0) > 0
    roots = np.where(np.isnan(roots), np.where(always == rising, -np.inf, np.inf), roots)
    low, high = np.quantile(roots, [tail, 1 - tail], method="inverted_cdf")
    return (float(low) if np.isfinite(low) else np.nan, float(high) if np.isfinite(high) else np.nan)


def solve(function: Callable[[Floats], Floats], low: Floats, high: Floats, tolerance: float) -> Floats:
    """Return the roots between brackets, all at once, by regula falsi with the Illinois rule.

    Parameters
    ----------
    function
        Takes and gives shape (r).
    low, high
        Ends at which it differs in sign.
    tolerance
        Of the function's value.

    References
    ----------
    Dowell, M. & Jarratt, P. (1971). A modified regula falsi method for computing the root of an equation. BIT
    11, 168–174.

    Examples
    --------
    >>> solve(lambda x: x**3 - 8, np.zeros(1), np.full(1, 5.0), 1e-12).round(6)
    array([2.])
    """
    a, b = low.astype(float).copy(), high.astype(float).copy()
    fa, fb = function(a), function(b)
    at = np.where(np.abs(fa) < np.abs(fb), a, b)
    for _ in range(_STEPS):
        gap = np.where(fb == fa, 1.0, fb - fa)
        at = np.where(fb == fa, (a + b) / 2, b - fb * (b - a) / gap)
        value = function(at)
        if (np.abs(value) <= tolerance).all():
            break
        other = np.sign(value) == np.sign(fb)
        # the end that stays twice gives way by half
        fa = np.where(other, fa / 2, fb)
        a = np.where(other, a, b)
        b, fb = at, value
    return at

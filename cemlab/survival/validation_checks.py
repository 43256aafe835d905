"""Whether as many held-out customers leave as predicted: one test over all bands of risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cemlab.evidence import Check
from cemlab.markup import p_value
from cemlab.stats.accuracy import risk_bands
from cemlab.survival.validation_counts import Floats, HeldOut, Ints
from cemlab.survival.validation_rows import left_within, outcomes_of

# the level of the test, whatever that of the intervals
_LEVEL = 0.05
# a band with fewer leavers or stayers expected is put together with its neighbour
_LEAST = 5.0
_STEP = 1e-5


@dataclass(frozen=True, eq=False, kw_only=True)
class _Bands:
    cells: pd.DataFrame
    risk: Floats
    band: Ints
    watched: float  # share of a sample without censoring that tells as much


def calibration_check(data: HeldOut, usable: np.ndarray, horizons: tuple[float, ...], *, bands: int) -> Check:
    """Test that predicted and observed shares are the same in all bands of risk, at each horizon.

    Chi-squared over bands (after Hosmer & Lemeshow): the variance is that of the observed share if the
    predictions are right, widened for censoring, and that of the predictions, which were learned from other
    customers.
    """
    p = [_test(data, usable, horizon, bands) for horizon in horizons]
    told = [value for value in p if np.isfinite(value)]
    # one test a horizon: Bonferroni's correction
    smallest = min(1.0, min(told) * len(told)) if told else float("nan")
    return Check(
        name="calibration",
        null="as many leave as predicted in each risk band",
        passed=smallest >= _LEVEL if told else None,
        detail=f"smallest {p_value(smallest)} of {len(told)} horizons (chi-squared over risk bands)."
        if told
        else f"fewer than {_LEAST:g} leavers expected.",
        remedy="Add covariates, or let ratios change by period.",
    )


def _test(data: HeldOut, usable: np.ndarray, horizon: float, bands: int) -> float:
    from scipy.special import chdtrc

    cells = data.cells[usable].reset_index(drop=True)
    risk = data.risk(horizon)[usable]
    n = cells["n"].to_numpy(dtype=float)
    told = _Bands(
        cells=cells,
        risk=risk,
        band=risk_bands(risk, n=n.astype(np.int64), bands=bands),
        watched=_watched(cells, horizon),
    )
    band = _together(told)
    if band is None:
        return float("nan")
    count = int(band.max()) + 1
    size = np.bincount(band, weights=n, minlength=count)
    predicted = np.bincount(band, weights=n * risk, minlength=count) / size
    observed = np.array([left_within(cells[band == k], horizon)[0] for k in range(count)])
    chance = np.bincount(band, weights=n * risk * (1 - risk), minlength=count) / size
    slopes = _slopes(data, usable, horizon, band, n / size[band])
    spread = np.diag(chance / (size * told.watched)) + slopes @ data.covariance @ slopes.T
    known = np.isfinite(observed)
    if not known.any():
        return float("nan")
    gap = (observed - predicted)[known]
    spread = spread[np.ix_(known, known)] * _alike(data, usable, horizon, risk)
    return float(chdtrc(int(known.sum()), gap @ np.linalg.solve(spread, gap)))


def _watched(cells: pd.DataFrame, horizon: float) -> float:
    """Return how much a share tells beside one without censoring: binomial over estimated variance."""
    share, _, _, error = left_within(cells, horizon)
    if not 0 < share < 1 or not error > 0:
        time, n = (cells["t"] - cells["s"]).to_numpy(), cells["n"].to_numpy(dtype=float)
        return max(float(np.average(time >= horizon, weights=n)), 1e-6)
    return min(1.0, share * (1 - share) / (float(cells["n"].sum()) * error**2))


def _together(told: _Bands) -> Ints | None:
    """Put neighbouring bands together until leavers and stayers are expected to be enough in each."""
    n = told.cells["n"].to_numpy(dtype=float) * told.watched
    count = int(told.band.max()) + 1
    leave = np.bincount(told.band, weights=n * told.risk, minlength=count)
    stay = np.bincount(told.band, weights=n * (1 - told.risk), minlength=count)
    new, groups, sums = np.zeros(count, dtype=np.int64), 0, np.zeros(2)
    for k in range(count):
        new[k] = groups
        sums += (leave[k], stay[k])
        if sums.min() >= _LEAST:
            groups, sums = groups + 1, np.zeros(2)
    if groups == 0:
        return None
    found: Ints = np.minimum(new, groups - 1)[told.band]
    return found


def _slopes(data: HeldOut, usable: np.ndarray, horizon: float, band: Ints, weight: Floats) -> Floats:
    """Return derivatives of the bands' mean predictions by the parameters learned."""
    count, theta = int(band.max()) + 1, data.theta
    slopes = np.zeros((count, theta.size))
    for i in range(theta.size):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[i] += sign * _STEP
            risk = data.risk(horizon, moved)[usable]
            ends.append(np.bincount(band, weights=weight * risk, minlength=count))
        slopes[:, i] = (ends[0] - ends[1]) / (2 * _STEP)
    return slopes


def _alike(data: HeldOut, usable: np.ndarray, horizon: float, risk: Floats) -> float:
    """Return by how much spells of one customer being alike widens a variance; 1 where each has one."""
    if data.lots is None:
        return 1.0
    cells = data.cells[usable].reset_index(drop=True)
    outcomes = outcomes_of(cells, horizon, cells["n"].to_numpy(dtype=np.int64))
    gap = np.zeros(len(data.cells))
    gap[usable] = outcomes.weight * (outcomes.case - risk)
    cell, n = data.lots["cell"].to_numpy(), data.lots["n"].to_numpy(dtype=float)
    by_lot = np.bincount(data.lots["lot"].to_numpy(), weights=gap[cell] * n)
    return max(1.0, float((by_lot**2).sum() / (gap[cell] ** 2 * n).sum()))

"""Tables of a period-hazard model: ratios by term, and the chance to leave by period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.data.person_periods import PersonPeriods
from cemlab.stats.grouped_hazard import GroupedHazardFit
from cemlab.stats.grouped_incidence import (
    incidence,
    incidence_slopes,
    leaves_within,
    leaves_within_slopes,
)
from cemlab.survival.period_design import Floats, PeriodDesign
from cemlab.survival.period_others import OtherCauses, by_period


def ratio_table(fit: GroupedHazardFit, design: PeriodDesign, *, conf_level: float) -> pd.DataFrame:
    """Return one row a term: hazard ratio with interval, coefficient, standard error and test."""
    from scipy.special import ndtr, ndtri

    n_periods, z = fit.baseline.size, float(ndtri((1 + conf_level) / 2))
    error = np.sqrt(np.diag(fit.covariance)[n_periods:])
    statistic = fit.coefficient / error
    with np.errstate(over="ignore"):  # per unit of a very small unit: beyond all numbers
        return pd.DataFrame(
            {
                "term": list(design.terms),
                "estimate": np.exp(fit.coefficient),
                "conf_low": np.exp(fit.coefficient - z * error),
                "conf_high": np.exp(fit.coefficient + z * error),
                "coefficient": fit.coefficient,
                "std_error": error,
                "statistic": statistic,
                "p_value": 2 * ndtr(-np.abs(statistic)),
            }
        )


def largest_claim(table: pd.DataFrame) -> str:
    """Return what the intervals of ratios settle: the largest difference, one that is none, or nothing."""
    ends = np.log(table[["conf_low", "conf_high"]].to_numpy(dtype=float))
    # how near to 1, and how far from it, a ratio may be
    far, near = np.abs(ends).max(axis=1), np.where(ends.prod(axis=1) > 0, np.abs(ends).min(axis=1), 0.0)
    if not near.any():
        return "No term's pace of leaving is settled to differ"
    at = int(np.where(near > 0, np.abs(table["coefficient"].to_numpy(dtype=float)), -1.0).argmax())
    top = table.iloc[at]
    largest = len(table) > 1 and near[at] > np.delete(far, at).max()
    return (
        f"{top['term']}: {top['estimate']:.2f} times the pace of leaving"
        f"{', the largest difference' if largest else ''}"
    )


def baseline_table(
    counted: PersonPeriods,
    design: PeriodDesign,
    fit: GroupedHazardFit,
    others: OtherCauses | None = None,
    *,
    conf_level: float,
) -> pd.DataFrame:
    """Return the chance to leave in each period at the reference levels and the mean of numbers."""
    exposure = (counted.stayed + counted.events).sum(axis=1)
    typical = np.array(
        [
            0.0 if level is not None else np.average(design.plain[:, i], weights=exposure)
            for i, (_, level) in enumerate(design.columns)
        ]
    )
    wide = design.spread(typical[None])
    (own, parts), (other, other_parts) = by_period(fit, wide), _others(others, wide)
    slopes = leaves_within_slopes(own, other)
    variance = _variance(slopes[0][:, :, None] * parts, fit.covariance)
    if others is not None:
        variance += _variance(slopes[1][:, :, None] * other_parts, others.covariance)
    share = leaves_within(own, other)[0]
    low, high = _log_log(share, variance[0], conf_level)
    return pd.DataFrame(
        {
            "period": counted.labels,
            "start": counted.cuts[:-1],
            "end": counted.cuts[1:],
            "estimate": share,
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": counted.at_risk.sum(axis=0),
            "n_events": counted.events.sum(axis=0),
        }
    )


def predicted_table(
    counted: PersonPeriods,
    wide: Floats,
    fit: GroupedHazardFit,
    others: OtherCauses | None,
    *,
    pattern: np.ndarray,
    conf_level: float,
) -> pd.DataFrame:
    """Return the share still there and the share that left for the causes, by pattern and time."""
    (own, parts), (other, other_parts) = by_period(fit, wide), _others(others, wide)
    left_parts = incidence_slopes(own, other, parts, other_parts)
    total = np.cumsum(own + other, axis=1)
    # departures for several causes are independent given who is at risk, so variances add up
    gone_variance = _variance(np.cumsum(parts, axis=1), fit.covariance)
    left_variance = _variance(left_parts[0], fit.covariance)
    if others is not None:
        gone_variance += _variance(np.cumsum(other_parts, axis=1), others.covariance)
        left_variance += _variance(left_parts[1], others.covariance)
    gone = -np.expm1(-total)
    left = incidence(own, other)
    low, high = _log_log(gone, np.exp(-2 * total) * gone_variance, conf_level)
    left_low, left_high = _log_log(left, left_variance, conf_level)
    return pd.DataFrame(
        {
            "pattern": np.repeat(pattern, total.shape[1]),
            "time": np.tile(counted.cuts[1:], len(pattern)),
            "estimate": np.exp(-total).ravel(),
            "conf_low": 1 - high.ravel(),
            "conf_high": 1 - low.ravel(),
            "left": left.ravel(),
            "left_low": left_low.ravel(),
            "left_high": left_high.ravel(),
        }
    )


def _others(others: OtherCauses | None, wide: Floats) -> tuple[Floats, Floats]:
    if others is None:
        return np.zeros(wide.shape[:2]), np.zeros((*wide.shape[:2], 0))
    return others.hazard(wide)


def _variance(slopes: Floats, covariance: Floats) -> Floats:
    found: Floats = np.einsum("xjp,pq,xjq->xj", slopes, covariance, slopes)
    return found


def _log_log(share: Floats, variance: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the interval of a share that left, on the complementary log-log scale."""
    from scipy.special import ndtri

    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = -np.log1p(-share)
        factor = np.exp(float(ndtri((1 + conf_level) / 2)) * np.sqrt(variance) / ((1 - share) * hazard))
    factor = np.where(np.isfinite(factor), factor, 1.0)
    return -np.expm1(-hazard / factor), -np.expm1(-hazard * factor)

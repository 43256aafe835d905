"""Tables of a period-hazard model: ratios by term, and the chance to leave by period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.data.person_periods import PersonPeriods
from cemlab.stats.grouped_hazard import GroupedHazardFit
from cemlab.survival.period_design import PeriodDesign


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


def baseline_table(
    counted: PersonPeriods, design: PeriodDesign, fit: GroupedHazardFit, *, conf_level: float
) -> pd.DataFrame:
    """Return the chance to leave in each period at the reference levels and the mean of numbers."""
    from scipy.special import ndtri

    exposure = (counted.stayed + counted.events).sum(axis=1)
    typical = np.array(
        [
            0.0 if level is not None else np.average(design.plain[:, i], weights=exposure)
            for i, (_, level) in enumerate(design.columns)
        ]
    )
    terms = design.spread(typical[None])[0]
    eta = fit.baseline + terms @ fit.coefficient
    parts = np.concatenate([np.eye(fit.baseline.size), terms], axis=1)
    error = np.sqrt(np.einsum("jp,pq,jq->j", parts, fit.covariance, parts))
    z = float(ndtri((1 + conf_level) / 2))
    return pd.DataFrame(
        {
            "period": counted.labels,
            "start": counted.cuts[:-1],
            "end": counted.cuts[1:],
            "estimate": -np.expm1(-np.exp(eta)),
            "conf_low": -np.expm1(-np.exp(eta - z * error)),
            "conf_high": -np.expm1(-np.exp(eta + z * error)),
            "n_at_risk": counted.at_risk.sum(axis=0),
            "n_events": counted.events.sum(axis=0),
        }
    )

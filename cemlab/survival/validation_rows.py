"""What predictions of held-out customers come to: measures with intervals, calibration by band, exposure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cemlab.errors import DesignError
from cemlab.stats.accuracy import Outcomes, brier_score, outcomes_by, risk_bands, time_dependent_auc
from cemlab.stats.competing_risks import CompetingRisks, aalen_johansen
from cemlab.survival.validation_counts import Floats, Ints

AUC, BRIER, LARGE = "AUC", "Brier score", "predicted minus observed"
# with fewer of them watched up to the horizon, the censoring of late entrants is not followed apart
_LEAST_LATE = 20


def outcomes_of(cells: pd.DataFrame, horizon: float, size: Ints) -> Outcomes:
    """Return outcomes at a horizon; censoring is followed apart in late entrants where they are enough."""
    time, late = (cells["t"] - cells["s"]).to_numpy(), (cells["s"] > 0).to_numpy()
    event, other = cells["e"].to_numpy(dtype=bool), cells["o"].to_numpy(dtype=bool)
    reached = (time >= horizon) * size
    apart = min(reached[late].sum(), reached[~late].sum()) >= _LEAST_LATE
    return outcomes_by(
        time,
        event=event,
        n=size,
        horizon=horizon,
        stratum=late.astype(np.int64) if apart else None,
        other=other,
    )


def measures(
    cells: pd.DataFrame,
    risk: Floats,
    horizon: float,
    *,
    lots: pd.DataFrame | None,
    resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return AUC, Brier score and predicted minus observed with percentile intervals, customers resampled."""
    n = cells["n"].to_numpy(dtype=np.int64)

    def told(size: Ints) -> tuple[float, float, float]:
        outcomes = outcomes_of(cells, horizon, size)
        weight = outcomes.weight * size
        observed = float(weight[outcomes.case].sum() / weight.sum())
        return (
            time_dependent_auc(risk, outcomes, n=size),
            brier_score(risk, outcomes, n=size),
            float(np.average(risk, weights=size)) - observed,
        )

    estimate = told(n)
    drawn = np.full((resamples, 3), np.nan)
    for row in drawn:
        try:
            row[:] = told(_resample(n, lots, rng))
        except DesignError:
            continue  # nobody of this resample was watched up to the horizon
    if np.isnan(drawn[:, 1]).mean() > 0.05:
        raise DesignError(
            f"too few were observed for {horizon:g} after the prediction without leaving; choose a shorter "
            "horizon"
        )
    low, high = np.nanquantile(drawn, [(1 - conf_level) / 2, (1 + conf_level) / 2], axis=0)
    return pd.DataFrame(
        {
            "measure": [AUC, BRIER, LARGE],
            "estimate": estimate,
            "conf_low": low,
            "conf_high": high,
            "n": int(n.sum()),
        }
    )


def _resample(n: Ints, lots: pd.DataFrame | None, rng: np.random.Generator) -> Ints:
    if lots is None:
        return rng.multinomial(int(n.sum()), n / n.sum())
    lot = lots["lot"].to_numpy()
    n_lots = int(lot.max()) + 1
    times = rng.multinomial(n_lots, np.full(n_lots, 1 / n_lots))
    weight = times[lot] * lots["n"].to_numpy()
    return np.bincount(lots["cell"].to_numpy(), weights=weight, minlength=len(n)).astype(np.int64)


def calibration_rows(
    cells: pd.DataFrame, risk: Floats, horizon: float, *, bands: int, conf_level: float
) -> pd.DataFrame:
    """Return predicted and observed share by band of risk."""
    n = cells["n"].to_numpy(dtype=np.int64)
    band = risk_bands(risk, n=n, bands=bands)
    rows = []
    for k in range(int(band.max()) + 1):
        here = band == k
        estimate, low, high, _ = left_within(cells[here], horizon, conf_level)
        rows.append(
            {
                "band": k + 1,
                "predicted": float(np.average(risk[here], weights=n[here])),
                "estimate": estimate,
                "conf_low": low,
                "conf_high": high,
                "n": int(n[here].sum()),
            }
        )
    return pd.DataFrame(rows)


def left_within(
    cells: pd.DataFrame, horizon: float, conf_level: float = 0.95
) -> tuple[float, float, float, float]:
    """Return the share that left within a time of the prediction, its interval and standard error.

    By Aalen–Johansen: who left for another cause has left. Where none or all did, the interval is the exact
    one of as many as were watched up to the horizon.
    """
    found = _incidence(cells, conf_level)
    at = {name: float(values[0, 0]) for name, values in found.at(horizon).items()}
    share, low, high = at["incidence"], at["conf_low"], at["conf_high"]
    if share in (0.0, 1.0):
        time, n = (cells["t"] - cells["s"]).to_numpy(), cells["n"].to_numpy(dtype=float)
        gone = (cells["e"] | cells["o"]).to_numpy(dtype=bool)
        watched = max(float(n[(time >= horizon) | gone].sum()), 1.0)
        width = 1 - ((1 - conf_level) / 2) ** (1 / watched)
        low, high = (0.0, width) if share == 0 else (1 - width, 1.0)
    return share, low, high, at["std_error"]


def _incidence(cells: pd.DataFrame, conf_level: float) -> CompetingRisks:
    cause = np.where(cells["e"], 1, np.where(cells["o"], 2, 0))
    return aalen_johansen(
        cells["t"] - cells["s"], cause=cause, n=cells["n"], n_causes=2, conf_level=conf_level
    )


def exposure_rows(cells: pd.DataFrame, horizons: tuple[float, ...], conf_level: float) -> pd.DataFrame:
    """Return what "churned" comes to if observation had stopped earlier, beside the share that leaves."""
    time, n = (cells["t"] - cells["s"]).to_numpy(), cells["n"].to_numpy(dtype=float)
    rows = []
    for window in (*sorted(horizons), float(time.max())):
        churned = float(np.average(cells["e"].to_numpy(dtype=bool) & (time <= window), weights=n))
        estimate, low, high, _ = left_within(cells, window, conf_level)
        rows.append(
            {"window": window, "churned": churned, "estimate": estimate, "conf_low": low, "conf_high": high}
        )
    return pd.DataFrame(rows)

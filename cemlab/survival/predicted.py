"""Survival of customers with stated covariates, from a hazard model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.markup import percent, percent_range
from cemlab.result import Result
from cemlab.stats.cox_baseline import CoxBaseline
from cemlab.survival.design import HazardDesign
from cemlab.survival.given import numbers_of, refuse_no_table
from cemlab.survival.spell_rows import stratum_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.evidence import Evidence

_MOST_CURVES = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictedRetention(Result):
    """Share still there by time, for stated covariates.

    Parameters
    ----------
    table
        row (label of the row asked for), time, estimate, std_error (of the cumulative hazard), conf_low,
        conf_high; blank where nobody of the row's stratum was observed that long.
    """

    title: ClassVar[str] = "Share still there, by a proportional hazards model"
    labels: ClassVar[dict[str, str]] = {"row": "Customers", "share": "Still there (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """One row for each customer asked for and time."""
        return pd.DataFrame(
            {
                "row": self.table["row"],
                "time": self.table["time"],
                "share": [self._told(row) for row in self.table.to_dict("records")],
            }
        )

    @staticmethod
    def _told(row: dict[object, float]) -> str:
        if np.isnan(row["estimate"]):
            return "not observed that long"
        return f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"

    def narrative(self) -> str:
        """Say the share still there at the last time observed, for each row."""
        parts = []
        for name, part in self.table.groupby("row", sort=False):
            seen = part.dropna(subset=["estimate"])
            if seen.empty:
                parts.append(f"{name}: not observed that long.")
                continue
            last = seen.iloc[-1]
            parts.append(f"{name}: {self._told(last.to_dict())} still there after {last['time']:g}.")
        return " ".join(parts)

    @property
    def chart(self) -> Chart:
        """Steps of the first rows asked for."""
        names = list(dict.fromkeys(self.table["row"]))
        shown = names[:_MOST_CURVES]
        frame = self.table[self.table["row"].isin(shown)].dropna(subset=["estimate"])
        left_out = f"The first {len(shown)} of {len(names)} rows. " if len(names) > len(shown) else ""
        return Chart(
            kind="step",
            frame=frame[["row", "time", "estimate", "conf_low", "conf_high"]].reset_index(drop=True),
            x="time",
            y="estimate",
            low="conf_low",
            high="conf_high",
            group="row" if len(shown) > 1 else None,
            x_label="Duration",
            y_label="Share still there [%]",
            claim="Share still there, other recorded things as stated",
            grade=self.evidence.grade,
            note=f"{left_out}{self.caption}",
            percent=True,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardModel:
    """What a prediction needs of a fitted model; no rows."""

    design: HazardDesign
    baseline: CoxBaseline
    strata: tuple[str, ...]
    strata_columns: tuple[str, ...]


def predicted_retention(
    model: HazardModel | None,
    covariates: ir.Table | pd.DataFrame,
    *,
    times: float | Sequence[float],
    conf_level: float,
    evidence: Evidence,
) -> PredictedRetention:
    """Return the survival of rows of covariates at given times; see :meth:`HazardRatios.survival`."""
    from scipy.special import ndtri

    if model is None:
        raise DesignError(
            "no curve for stated covariates where these, or their ratios, change with time: a customer's "
            "future values are not known; fit strata= in place of periods=, or covariates known at entry"
        )
    refuse_no_table(covariates, (), what="rows to predict")
    if not isinstance(covariates, pd.DataFrame):
        covariates = covariates.to_pandas()
    if covariates.empty:
        raise DesignError("there are no rows to predict; hand in at least one")
    last = float(model.baseline.last.max())
    wanted = numbers_of(times, what="times")
    if not wanted or any(not 0 <= time <= last for time in wanted):
        raise OptionError(
            f"times are {', '.join(f'{time:g}' for time in wanted) or 'empty'}; the data allow durations "
            f"from 0 to {last:g}, the longest observed"
        )
    rows = model.design.rows(covariates)
    stratum = None
    if model.strata:
        stratum = stratum_of(covariates, model.strata_columns, model.strata)
        silent = sorted({model.strata[k] for k in stratum if _silent(model.baseline, int(k))})
        if silent:
            raise DesignError(
                f"nobody left in stratum {silent[0]}, so its survival is not known; leave it out"
            )
    curve = model.baseline.survival(rows, wanted, stratum=stratum, z=float(ndtri(0.5 + conf_level / 2)))
    table = pd.DataFrame(
        {
            "row": np.repeat([str(label) for label in covariates.index], len(wanted)),
            "time": np.tile(wanted, len(covariates)),
            "estimate": curve.survival.ravel(),
            "std_error": curve.std_error.ravel(),
            "conf_low": curve.conf_low.ravel(),
            "conf_high": curve.conf_high.ravel(),
        }
    )
    return PredictedRetention(table=table, evidence=evidence, conf_level=conf_level)


def _silent(baseline: CoxBaseline, stratum: int) -> bool:
    return bool(baseline.bounds[stratum] == baseline.bounds[stratum + 1])

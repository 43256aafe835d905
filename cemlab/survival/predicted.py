"""Survival of customers with stated covariates, from a hazard model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check
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
# with fewer under observation at a duration, one departure there moves the curve by a tenth or more
_FEW_WATCHED = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictedRetention(Result):
    """Share still there by time, for stated covariates.

    Parameters
    ----------
    table
        row (label of the row asked for), time, estimate, std_error (of the cumulative hazard), conf_low,
        conf_high; blank where nobody of the row's stratum was observed that long. Where nobody had left yet
        the estimate is 1 and its interval has no width; `least` then is the exact bound, which the words and
        the chart tell, and is blank else.
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
        if not np.isnan(row["least"]):
            return f"100 % (nobody had left yet; at least {percent(row['least'])})"
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
        frame = frame.assign(conf_low=frame["least"].fillna(frame["conf_low"]))
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
    _refuse_unwatched(model, stratum)
    curve = model.baseline.survival(rows, wanted, stratum=stratum, z=float(ndtri(0.5 + conf_level / 2)))
    table = pd.DataFrame(
        {
            "row": np.repeat([str(label) for label in covariates.index], len(wanted)),
            "time": np.tile(wanted, len(covariates)),
            "estimate": curve.survival.ravel(),
            "std_error": curve.std_error.ravel(),
            "conf_low": curve.conf_low.ravel(),
            "conf_high": curve.conf_high.ravel(),
            "least": model.baseline.least(rows, wanted, stratum=stratum, alpha=1 - conf_level).ravel(),
        }
    )
    return PredictedRetention(
        table=table,
        evidence=replace(evidence, checks=(*evidence.checks, *_few_watched(model, stratum, wanted))),
        conf_level=conf_level,
    )


def _refuse_unwatched(model: HazardModel, stratum: Any) -> None:
    """Refuse curves from 0 on of strata that nobody was watched in just after 0."""
    for k in _strata(stratum):
        if model.baseline.first[k] > 0:
            first = np.format_float_positional(model.baseline.first[k], trim="-")
            raise DesignError(
                f"{_where(model, k)}nobody was watched before duration {first}; subtract {first} from "
                "duration and entry to ask about those who reached it"
            )


def _strata(stratum: Any) -> list[int]:
    return [0] if stratum is None else sorted(set(map(int, stratum)))


def _where(model: HazardModel, stratum: int) -> str:
    return f"stratum {model.strata[stratum]}: " if model.strata else ""


def _few_watched(model: HazardModel, stratum: Any, wanted: Sequence[float]) -> tuple[Check, ...]:
    """Say where late entry leaves so few under observation that what they did stands for all."""
    found = []
    until = max(wanted)
    for k in _strata(stratum):
        watched = model.baseline.watched[k]
        n = int(watched.up_to(np.array([until]))[0][0])
        # those few at the end of a curve widen its interval; those few before most entered need not
        if watched.early < min(watched.most, _FEW_WATCHED) and n < _FEW_WATCHED:
            found.append(f"{_where(model, k)}{max(n, watched.early):,} at the fewest up to {until:g}")
    if not found:
        return ()
    return (
        Check(
            name="risk set",
            null=f"at least {_FEW_WATCHED} are under observation at every duration up to the last one told",
            passed=False,
            detail=f"{'; '.join(found)}: what these few did stands for all at that duration.",
            remedy="Start the curve at a later duration, where more customers are under observation.",
        ),
    )


def _silent(baseline: CoxBaseline, stratum: int) -> bool:
    return bool(baseline.bounds[stratum] == baseline.bounds[stratum + 1])

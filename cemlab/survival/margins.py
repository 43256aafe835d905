"""From survival to money: the margin that today's customers are still expected to bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.person_periods import is_number
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.evidence import Check, Evidence
from cemlab.markup import number, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.remaining_value import RemainingTime, remaining_time
from cemlab.survival.margin_counts import ALL, MarginCounts, SegmentCounts, margin_counts

if TYPE_CHECKING:
    import ibis.expr.types as ir

Extrapolate = Literal["stop", "steady"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RemainingMargin(Result):
    """Expected remaining margin of today's customers, by segment.

    Parameters
    ----------
    table
        One row a segment: segment, estimate (money per customer), conf_low, conf_high, total, total_low,
        total_high (money, all customers of the segment), n (customers still there), margin (mean margin a
        period of a customer), periods (expected discounted periods to come), extrapolated (whether a part
        lies beyond the tenures observed), share_extrapolated (of the estimate).
    by_tenure
        One row a segment and tenure: segment, tenure [periods reached], estimate (money per customer with the
        segment's mean margin), conf_low, conf_high, n, extrapolated.
    horizon, discount, extrapolate
        Periods looked ahead, annual discount rate, and what was taken beyond the observed tenures.
    counts
        What was counted: everything is worked out from it.
    """

    by_tenure: pd.DataFrame
    horizon: int
    discount: float
    extrapolate: Extrapolate | None
    counts: MarginCounts

    title: ClassVar[str] = "Expected remaining margin"
    labels: ClassVar[dict[str, str]] = {
        "segment": "Segment",
        "n": "Customers",
        "per customer": "Per customer (interval)",
        "all": "All of them (interval)",
        "extrapolated": "Beyond the data",
    }

    def moved(
        self,
        *,
        horizon: int | None = None,
        discount: float | None = None,
        extrapolate: Extrapolate | None = None,
    ) -> RemainingMargin:
        """Return the same for another horizon, discount rate or extrapolation, from the counts."""
        return margin_of(
            self.counts,
            horizon=self.horizon if horizon is None else horizon,
            discount=self.discount if discount is None else discount,
            extrapolate=self.extrapolate if extrapolate is None else extrapolate,
            conf_level=self.conf_level,
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row a segment: customers, margin of each and of all with intervals, share beyond the data."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "segment": self.table["segment"],
                "n": self.table["n"],
                "per customer": [with_interval(r) for r in rows],
                "all": [f"{r['total']:,.0f} ({r['total_low']:,.0f} to {r['total_high']:,.0f})" for r in rows],
                "extrapolated": [
                    percent(r["share_extrapolated"]) if r["extrapolated"] else "no" for r in rows
                ],
            }
        )

    def narrative(self) -> str:
        """Tell the margin per customer by segment, the terms, and what lies beyond the data."""
        told = [
            f"{r['segment']} {with_interval(r)} for each of {r['n']:,} customers"
            for r in self.table.sort_values("estimate", ascending=False).to_dict("records")
        ]
        text = (
            f"Expected margin of the next {self._span}, discounted at {percent(self.discount)} "
            "a year: "
            f"{'; '.join(told)}. "
        )
        return f"{text}{self._beyond()}({100 * self.conf_level:g} % intervals.)"

    @property
    def _span(self) -> str:
        """The horizon in words."""
        length, unit = self.counts.period, self.counts.unit
        return f"{self.horizon} {unit if length == 1 else f'periods of {length:g} {unit}'}"

    def _beyond(self) -> str:
        if not self.table["extrapolated"].any():
            return ""
        known = f"{number(self.counts.last)} {self.counts.unit}"
        if self.extrapolate == "stop":
            return (
                f"Nothing is counted beyond the longest tenures observed (up to {known}), so for the "
                "longest-standing "
                "customers this is a lower bound. "
            )
        worst = self.table["share_extrapolated"].max()
        return (
            f"EXTRAPOLATED: up to {percent(worst)} of a segment's figure lies beyond the tenures observed "
            "(up to "
            f"{known}), where the pace of leaving is assumed to stay as in the last year observed. "
        )

    def _mark(self, row: Mapping[Any, Any]) -> str:
        """Return what stands behind the name of a segment of which a part lies beyond the data."""
        if not row["extrapolated"]:
            return ""
        if self.extrapolate == "stop":
            return " (lower bound)"
        return f" ({percent(row['share_extrapolated'])} extrapolated)"

    @property
    def chart(self) -> Chart:
        """Forest of the expected remaining margin per customer, by segment; what is extrapolated says so."""
        frame = self.table.sort_values("estimate", ascending=False).reset_index(drop=True)
        frame["segment"] = [f"{row['segment']}{self._mark(row)}" for row in frame.to_dict("records")]
        top, rest = frame.iloc[0], frame.iloc[1:]
        settled = (rest["conf_high"] < top["conf_low"]).all()
        claim = (
            f"{top['segment']}: {number(top['estimate'])} expected margin per customer in {self._span}"
            f"{', the most of all segments' if len(rest) else ''}"
            if settled
            else f"Which segment's customers bring the most margin in {self._span} is not settled"
        )
        return Chart(
            kind="forest",
            frame=frame[["segment", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="segment",
            low="conf_low",
            high="conf_high",
            x_label=f"Expected margin per customer, next {self._span}, discounted [money]",
            y_label="segment",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
        )


def remaining_margin(
    spells: ir.Table | pd.DataFrame,
    *,
    duration: str,
    event: str,
    margin: str,
    horizon: int,
    discount: float,
    entry: str | None = None,
    group: str | None = None,
    period: float = 1.0,
    year: float = 12.0,
    extrapolate: Extrapolate | None = None,
    conf_level: float = 0.95,
    unit: str = "months",
    source: str = "",
) -> RemainingMargin:
    """Answer how much margin today's customers are still expected to bring.

    The share still there, given the tenure reached, times margin per period, discounted: for every segment
    from its own counts by period of tenure.

    Parameters
    ----------
    spells
        One row a spell, as a frame or as a table on an engine.
    duration, event, entry
        As in :func:`cemlab.survival.retention_curve`. Who has not left is a customer of today.
    margin
        Column with the customer's margin per period [money]; only that of today's customers is used.
    horizon
        Periods to look ahead, a whole number from 1.
    discount
        Annual discount rate, 0 or more, e.g. 0.08.
    group
        Column with the segment; text or categories.
    period, year
        Length of a period, and of a year, in the unit of `duration`.
    extrapolate
        What is taken for tenures nobody was observed at: ``"stop"`` counts nothing there (a lower bound),
        ``"steady"`` goes on with the pace of the last year observed. None refuses a horizon that needs it.
    conf_level, unit, source
        Confidence level; the unit of `duration`; the line under every figure.

    Returns
    -------
    RemainingMargin
        Its table has segment, estimate, conf_low, conf_high, total, total_low, total_high, n, margin,
        periods, extrapolated, share_extrapolated. A move of horizon or discount
        (:meth:`RemainingMargin.moved`) is worked out from the counts, whatever the number of customers.

    Raises
    ------
    ColumnError, DataError, DesignError, OptionError
        For missing columns or values, margins too large or small to be added up exactly (from 1e20, or all
        below 1e-12), nobody left to value, no departures in a segment, or a horizon beyond
        the tenures observed.

    Notes
    -----
    Assumes that a customer keeps the margin per period, whatever her tenure, that customers of today will
    leave as those observed at the same tenure did, and that within a segment and tenure margin goes with no
    other pace of leaving: where those of high margin stay longer the figure is too low, so form segments by
    margin. Intervals hold the error of the chances to leave (delta
    method) and of the mean margin. Tenures are rounded down to whole periods.

    References
    ----------
    Gupta, S., Lehmann, D. R. & Stuart, J. A. (2004). Valuing customers. Journal of Marketing Research 41,
    7–18.
    """
    check_conf_level(conf_level)
    counts = margin_counts(
        spells,
        duration=duration,
        event=event,
        margin=margin,
        entry=entry,
        group=group,
        period=period,
        year=year,
        unit=unit,
        source=source,
    )
    return margin_of(
        counts, horizon=horizon, discount=discount, extrapolate=extrapolate, conf_level=conf_level
    )


def margin_of(
    counts: MarginCounts,
    *,
    horizon: int,
    discount: float,
    extrapolate: Extrapolate | None = None,
    conf_level: float = 0.95,
) -> RemainingMargin:
    """Work out :func:`remaining_margin` from what was counted; takes milliseconds."""
    _check_options(horizon, discount, extrapolate)
    if extrapolate is None:
        _refuse_beyond(counts, horizon)
    from scipy.special import ndtri

    z = float(ndtri((1 + conf_level) / 2))
    factor = (1 + discount) ** (-counts.period / counts.year)
    rows, tenures = [], []
    for name, segment in counts.segments.items():
        time = remaining_time(
            segment.events,
            stayed=segment.stayed,
            tenures=segment.tenures,
            horizon=horizon,
            factor=factor,
            beyond=extrapolate or "stop",
            pooled=max(1, round(counts.year / counts.period)),
        )
        rows.append(_segment_row(name, segment, time, horizon, z))
        tenures.append(_tenure_rows(name, segment, time, horizon, z))
    table = pd.DataFrame(rows)
    return RemainingMargin(
        table=table,
        evidence=_evidence(counts, table, extrapolate),
        conf_level=conf_level,
        by_tenure=pd.concat(tenures, ignore_index=True),
        horizon=horizon,
        discount=discount,
        extrapolate=extrapolate,
        counts=counts,
    )


def _check_options(horizon: int, discount: float, extrapolate: str | None) -> None:
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or not 1 <= horizon <= 1200:
        raise OptionError(f"horizon is {horizon!r}; give a whole number of periods from 1 to 1,200")
    if not is_number(discount) or not 0 <= discount < 10:
        raise OptionError(f"discount is {discount!r}; give an annual rate of 0 or more, e.g. 0.08")
    if extrapolate is not None and extrapolate not in get_args(Extrapolate):
        raise OptionError(one_of(extrapolate, get_args(Extrapolate), what="extrapolation"))


def _refuse_beyond(counts: MarginCounts, horizon: int) -> None:
    n = sum(int(s.n[s.tenures + horizon > len(s.events)].sum()) for s in counts.segments.values())
    if n:
        total = sum(int(s.n.sum()) for s in counts.segments.values())
        raise DesignError(
            f"a horizon of {horizon} periods lies beyond the tenures observed (up to {counts.last:g} "
            f"{counts.unit}) for {n:,} of {total:,} customers; shorten it, or say extrapolate='stop' (count "
            "nothing beyond) or 'steady' (the pace of the last year goes on)"
        )


def _segment_row(
    name: str, segment: SegmentCounts, time: RemainingTime, horizon: int, z: float
) -> Mapping[str, object]:
    """Return the row of a segment: each customer's own margin times the time her tenure promises."""
    n = int(segment.n.sum())
    total, error = time.total(segment.margin)
    # margins of customers like these vary around their mean
    own = segment.margin_variance * float(segment.n @ time.value**2)
    spread = z * np.sqrt(error**2 + own)
    beyond = float(segment.margin @ time.beyond)
    reaches = bool((segment.tenures + horizon > len(segment.events)).any())
    return {
        "segment": name,
        "estimate": total / n,
        "conf_low": (total - spread) / n,
        "conf_high": (total + spread) / n,
        "total": total,
        "total_low": total - spread,
        "total_high": total + spread,
        "n": n,
        "margin": float(segment.margin.sum()) / n,
        "periods": float(segment.n @ time.value) / n,
        "extrapolated": reaches,
        "share_extrapolated": beyond / total if total else 0.0,
    }


def _tenure_rows(
    name: str, segment: SegmentCounts, time: RemainingTime, horizon: int, z: float
) -> pd.DataFrame:
    n = int(segment.n.sum())
    mean = float(segment.margin.sum()) / n
    spread = z * np.sqrt(mean**2 * time.std_error**2 + time.value**2 * segment.margin_variance / n)
    return pd.DataFrame(
        {
            "segment": name,
            "tenure": segment.tenures,
            "estimate": mean * time.value,
            "conf_low": mean * time.value - spread,
            "conf_high": mean * time.value + spread,
            "n": segment.n,
            "extrapolated": segment.tenures + horizon > len(segment.events),
        }
    )


def _evidence(counts: MarginCounts, table: pd.DataFrame, extrapolate: str | None) -> Evidence:
    reaches = bool(table["extrapolated"].any())
    return Evidence(
        grade="association" if list(counts.segments) != [ALL] else "descriptive",
        design="Customers of today valued by how customers of the same tenure and segment left.",
        unit="spells",
        n_used=counts.n_used,
        n_given=counts.n_given,
        source=counts.source,
        assumptions=(
            "Customers keep the margin per period that they have now.",
            "Customers of today will leave as those observed at the same tenure did.",
            "At the same tenure and in the same segment, those of high margin leave no faster or slower.",
            *(
                ("Beyond the tenures observed the pace of the last year goes on.",)
                if extrapolate == "steady"
                else ()
            ),
        ),
        checks=(
            Check(
                name="observed window",
                null="nobody is valued beyond the tenures observed",
                passed=None if reaches else True,
                detail=(
                    f"up to {percent(float(table['share_extrapolated'].max()))} of a segment's figure is "
                    "extrapolated."
                    if reaches and extrapolate == "steady"
                    else "what lies beyond is not counted: a lower bound."
                    if reaches
                    else f"tenures are known up to {counts.last:g} {counts.unit}."
                ),
                remedy="Shorten the horizon.",
            ),
        ),
    )

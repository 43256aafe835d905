"""How far to look ahead, at which discount, with which experience: what today's customers are still worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from cemlab.chart import Chart
from cemlab.markup import percent
from cemlab.present.widgets.controls import slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.margins import RemainingMargin
from cemlab.survival.shifted import shifted_margin


def margin_explorer(
    remaining: RemainingMargin,
    *,
    ratios: HazardRatios | None = None,
    term: str = "cx",
    acts_on: Mapping[str, float] | None = None,
    unit: str = "",
    longest: int = 60,
) -> Explorer:
    """Return sliders for horizon, discount and experience, above the remaining margin by segment.

    Each move calls :meth:`cemlab.survival.RemainingMargin.moved` and :func:`cemlab.survival.shifted_margin`.
    Both work on counts by segment and tenure, so that a move takes as long for a million customers as for a
    thousand.

    Parameters
    ----------
    remaining
        Where the sliders begin, with ``extrapolate`` stated: a horizon may lie beyond the data.
    ratios, term, acts_on
        As for :func:`cemlab.survival.shifted_margin`; without ratios there is no slider for experience.
    unit
        Currency, as the reader sees it.
    longest
        The furthest horizon to choose [periods].

    Returns
    -------
    Explorer
        With the controls ``horizon`` [periods], ``discount`` [share a year] and ``shift`` [SD].
    """
    far, rate = remaining.horizon, remaining.discount
    controls = [
        slider("horizon", label="Look ahead", low=6, high=longest, step=6, value=far, unit="months"),
        slider("discount", label="Discount a year", low=0, high=0.2, step=0.01, value=rate, percent=True),
    ]
    if ratios is not None:
        controls.append(
            slider("shift", label="Experience", low=-1, high=1, step=0.1, value=0.0, unit="SD more")
        )
    order = remaining.table.sort_values("estimate", ascending=False)["segment"].tolist()

    def show(horizon: int, discount: float, shift: float = 0.0) -> tuple[Chart, str]:
        usual = remaining.moved(horizon=horizon, discount=discount)
        if ratios is None or shift == 0:
            return _held(usual, unit, order), usual.narrative()
        found = shifted_margin(usual, ratios=ratios, term=term, shift=shift, acts_on=acts_on or {})
        return _held(found, unit, order), f"{_gain(usual, found, shift, unit)}{found.narrative()}"

    return Explorer(controls=controls, show=show)


def _held(found: RemainingMargin, unit: str, order: list[str]) -> Chart:
    """Return the picture with names and axes that stay while it moves; the claim marks what is beyond."""
    rows: pd.DataFrame = found.table[["segment", "estimate", "conf_low", "conf_high"]]
    frame = rows.set_index("segment").loc[order].reset_index()
    total, n = found.table["total"].sum(), found.table["n"].sum()
    money = f"{total:,.0f} {unit}".rstrip()
    claim = f"Today's {n:,} customers are expected to bring {money} within {found.horizon} months"
    label = f"Expected margin per customer within the horizon, discounted [{unit or 'money'}]"
    return replace(found.chart, frame=frame, x_label=label, claim=f"{claim}{_mark(found)}")


def _mark(found: RemainingMargin) -> str:
    if not found.table["extrapolated"].any():
        return ""
    if found.extrapolate == "stop":
        return ", at least"
    return f"; up to {percent(found.table['share_extrapolated'].max())} of a segment's figure is extrapolated"


def _gain(usual: RemainingMargin, found: RemainingMargin, shift: float, unit: str) -> str:
    more = f"{found.table['total'].sum() - usual.table['total'].sum():+,.0f} {unit}".rstrip()
    return (
        f"With experience {shift:+.1f} SD today's customers would bring {more}, if its "
        "hazard ratio were an influence and stayed as it is: a scenario, no finding. "
    )

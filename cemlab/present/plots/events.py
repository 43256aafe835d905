"""Estimates over the time from an event on: points with intervals, and a band for all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.dates import date2num
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from cemlab.chart_words import split_at_start
from cemlab.present.plots.bars import whiskers
from cemlab.present.plots.curves import scale_time
from cemlab.present.plots.scales import Plain, Series, floats, places, raw, scale, span
from cemlab.present.theme import GREY, SeriesStyle

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from cemlab.chart import Chart

_EDGE = 0.06  # of the range of the values, left free above and below
_BAND = 0.14  # of the colour inside the band
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)  # between ticks of whole numbers, which are months most often
_TICKS = 13  # at most
_HOLLOW = "D"  # of a single series before the start; several tell themselves apart by their shapes


def paint_events(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw points with whiskers, hollow before the start, on blocks of the band that holds for all."""
    step = _step(ax, chart)
    limits = _padded(span(chart, chart.y), log=chart.log)
    wide = (0.7 if len(series) > 1 else 1.0) * step / len(series)
    handles: list[Any] = []
    for k, one in enumerate(series):
        shift = (k - (len(series) - 1) / 2) * wide
        _paint_band(ax, chart, one, shift, wide, limits)
        at = _along(ax, chart, one.rows) + shift
        whiskers(ax, chart, one.rows, at, limits, one.style.colour, upright=True)
        before, since = split_at_start(chart, one.rows)
        for rows, hollow in ((before, True), (since, False)):
            (marks,) = ax.plot(_along(ax, chart, rows) + shift, floats(rows[chart.y]), linestyle="")
            _look(marks, one.style, hollow=hollow, alone=len(series) == 1)
        handles.append(marks)
    _scale(ax, chart, step, limits)
    return handles


def event_key(chart: Chart, series: list[Series]) -> list[tuple[Any, str]]:
    """Return marks and names for the key: series, what lies before the start and since, interval and band."""
    alone = len(series) == 1
    style = series[0].style if alone else SeriesStyle(colour=GREY, dash=(), marker="o", hatch="")
    found: list[tuple[Any, str]] = []
    if not alone:
        found = [(_mark(one.style, hollow=False, alone=False), one.name) for one in series]
    if len(split_at_start(chart, chart.frame)[0]):
        found.append((_mark(style, hollow=True, alone=alone), "Before the start"))
        if alone:
            found.append((_mark(style, hollow=False, alone=alone), "Since the start"))
    interval, band = (*(f"{100 * level:g} % " for level in chart.levels), "", "")[:2]
    if chart.band_low:
        line = Line2D([], [], color=style.colour, linewidth=1.3)
        found.append((line, _sentence(f"{interval}interval, each point alone")))
        patch = Patch(facecolor=style.colour, alpha=_BAND + 0.1, linewidth=0)
        found.append((patch, _sentence(f"{band}band, all points at once")))
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _along(ax: Axes, chart: Chart, rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return where rows lie along the axis; days as matplotlib counts them."""
    at = places(rows[chart.x])
    if at.dtype.kind != "M":
        return at
    ax.xaxis.update_units(at)  # type: ignore[no-untyped-call]
    return np.asarray(date2num(at), dtype=np.float64)  # type: ignore[no-untyped-call]


def _step(ax: Axes, chart: Chart) -> float:
    """Return the shortest time between two points."""
    apart = np.diff(np.unique(_along(ax, chart, chart.frame)))
    return float(apart.min()) if apart.size else 1.0


def _padded(ends: tuple[float, float], *, log: bool) -> tuple[float, float]:
    low, high = ends
    if log:
        edge = (high / low) ** _EDGE
        return low / edge, high * edge
    edge = _EDGE * (high - low)
    return low - edge, high + edge


def _paint_band(
    ax: Axes, chart: Chart, one: Series, shift: float, wide: float, limits: tuple[float, float]
) -> None:
    """Draw one block a point, and nothing from one to the next: the band is known at the points only."""
    if not (chart.band_low and chart.band_high):
        return
    low, high = (np.clip(raw(one.rows[name]), *limits) for name in (chart.band_low, chart.band_high))
    known = np.isfinite(low) & np.isfinite(high)
    at = (_along(ax, chart, one.rows) + shift)[known]
    across, along = (at - wide / 2, at + wide / 2), (low[known], high[known])
    # one artist for all blocks: as many of their own would take longer than a hand on a slider waits
    corners = [(across[i], along[j]) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))]
    blocks = PolyCollection(list(np.moveaxis(np.array(corners), 2, 0)))  # (points, corners, 2)
    blocks.set(facecolor=one.style.colour, alpha=_BAND, linewidth=0)
    ax.add_collection(blocks, autolim=False)


def _look(marks: Line2D, style: SeriesStyle, *, hollow: bool, alone: bool) -> None:
    marks.set(marker=_HOLLOW if hollow and alone else style.marker, markersize=6 if hollow else 7, zorder=4)
    marks.set(color=style.colour, markerfacecolor="white" if hollow else style.colour, markeredgewidth=1.5)


def _mark(style: SeriesStyle, *, hollow: bool, alone: bool) -> Line2D:
    marks = Line2D([], [], linestyle="")
    _look(marks, style, hollow=hollow, alone=alone)
    return marks


def _scale(ax: Axes, chart: Chart, step: float, limits: tuple[float, float]) -> None:
    scale(ax, chart, "y", limits)
    every = _along(ax, chart, chart.frame)
    ax.set_xlim(float(np.nanmin(every)) - 0.7 * step, float(np.nanmax(every)) + 0.7 * step)
    _mark_time(ax, chart, every)
    if chart.begins is not None:
        start = _along(ax, chart, chart.frame.iloc[:1].assign(**{chart.x: chart.begins}))
        ax.axvline(float(start[0]) - step / 2, color=GREY, linewidth=1.1, zorder=1.5)


def _mark_time(ax: Axes, chart: Chart, at: NDArray[np.float64]) -> None:
    """Set the ticks of an axis of time; whole numbers have ticks at whole numbers, zero among them."""
    if places(chart.frame[chart.x]).dtype.kind == "M" or not (at == np.round(at)).all():
        scale_time(ax, chart)
        return
    apart = next((step for step in _STEPS if (at.max() - at.min()) / step < _TICKS), _STEPS[-1])
    ax.xaxis.set_major_locator(MultipleLocator(apart))
    ax.xaxis.set_major_formatter(Plain())

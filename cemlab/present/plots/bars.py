"""Bars with intervals, side by side where there are groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from cemlab.present import theme
from cemlab.present.plots.frame import extent, grid
from cemlab.present.plots.scales import Series, distinct, floats, raw, scale, slots, span
from cemlab.present.plots.words import LINE, lines, measure, row_label, wrap
from cemlab.present.theme import GREY, INK, SMALL, TEXT, TINY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from cemlab.chart import Chart

_GAP = 4.0  # points between a bar or whisker and its value


class _Layout(NamedTuple):
    """How the bars of one chart stand, and how their values are written."""

    upright: bool
    base: float
    limits: tuple[float, float]
    size: float  # of the values; 0 where they find no room
    turned: bool


def upright(chart: Chart, room: float = 0.775 * 72 * theme.WIDTH) -> bool:
    """Whether the names of the bars fit under them, in at most three lines with no word broken."""
    names = distinct(chart.frame[chart.x])
    slot = room / len(names) - 6
    width = measure(SMALL)
    if any(width(word) > slot for name in names for word in name.split()):
        return False
    return all(lines(wrap(name, slot, SMALL)) <= 3 for name in names)


def paint_bars(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw bars with whiskers, their values beyond the whiskers; lying where long names need it."""
    names = distinct(chart.frame[chart.x])
    wide = 0.8 / len(series)
    layout = _lay_out(ax, chart, wide / len(names))
    handles: list[Any] = []
    for k, one in enumerate(series):
        at = slots(one.rows[chart.x], names) + (k - (len(series) - 1) / 2) * wide
        values = floats(one.rows[chart.y])
        lengths = values - layout.base
        if layout.upright:
            bars = ax.bar(at, lengths, wide, bottom=layout.base)
        else:
            bars = ax.barh(at, lengths, wide, left=layout.base)
        for bar in bars:
            bar.set(facecolor=one.style.fill, edgecolor=one.style.colour, hatch=one.style.hatch)
            bar.set_linewidth(0.8)
        handles.append(bars)
        ends = whiskers(ax, chart, one.rows, at, layout.limits, INK, upright=layout.upright)
        _write_values(ax, chart, layout, at, values, ends)
    scale(ax, chart, "y" if layout.upright else "x", layout.limits)
    _name_bars(ax, chart, names, layout)
    return handles


def whiskers(
    ax: Axes,
    chart: Chart,
    rows: pd.DataFrame,
    at: NDArray[np.float64],
    limits: tuple[float, float],
    colour: str,
    *,
    upright: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw intervals with caps, or with an arrow where one leaves the picture; return their drawn ends."""
    low, high = (raw(rows[cast(str, name)]) for name in (chart.low, chart.high))
    ends = np.clip(low, *limits), np.clip(high, *limits)
    (ax.vlines if upright else ax.hlines)(at, *ends, colors=colour, linewidth=1.3, zorder=3)
    cap = "_" if upright else "|"
    for given, drawn, arrow in zip((low, high), ends, "v^" if upright else "<>", strict=True):
        for shown, marker in ((given == drawn, cap), (given != drawn, arrow)):
            if not (shown & np.isfinite(drawn)).any():
                continue
            along = np.where(shown, drawn, np.nan)
            xs, ys = (at, along) if upright else (along, at)
            (marks,) = ax.plot(xs, ys, linestyle="", marker=marker, color=colour, markersize=6)
            marks.set(markeredgewidth=1.3, zorder=3, clip_on=False)
    return ends


def _lay_out(ax: Axes, chart: Chart, share: float) -> _Layout:
    """Decide how bars stand and values are written, one bar having this share of its axis."""
    width, height = extent(ax)
    standing = upright(chart, width)
    base = (chart.reference or 1.0) if chart.log else 0.0
    values = floats(chart.frame[chart.y])
    texts = [chart.show(value) for value in values if math.isfinite(value)] or [""]
    size, turned, taken = 0.0, False, 0.04
    slot = share * (width if standing else height)
    for candidate in (SMALL, TINY):
        longest, tall = max(map(measure(candidate), texts)), candidate * LINE
        if (longest + 2 if standing else tall) <= slot:
            size = candidate
            taken = (tall + _GAP) / height if standing else (longest + _GAP) / width
            break
    else:
        if standing and slot >= 1.15 * TINY:
            size, turned = TINY, True
            taken = (max(map(measure(TINY), texts)) + _GAP) / height
    limits = _stretch(span(chart, chart.y, base=base), chart, base, min(0.35, 1.3 * taken))
    return _Layout(standing, base, limits, size, turned)


def _stretch(ends: tuple[float, float], chart: Chart, base: float, taken: float) -> tuple[float, float]:
    """Widen the limits by the share of the axis that a text takes beyond the longest bar."""
    low, high, start = (math.log(x) if chart.log else x for x in (*ends, base))
    sides = (low < start) + (high > start)
    more = taken * (high - low) / (1 - sides * taken)
    low, high = (low - more if low < start else low), (high + more if high > start else high)
    return (math.exp(low), math.exp(high)) if chart.log else (low, high)


def _write_values(
    ax: Axes,
    chart: Chart,
    layout: _Layout,
    at: NDArray[np.float64],
    values: NDArray[np.float64],
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    for place, value, low, high in zip(at, values, *ends, strict=True):
        missing = math.isnan(value)
        if not layout.size and not missing:
            continue
        down = value < layout.base
        end = np.nanmin([value, low, layout.base]) if down else np.nanmax([value, high, layout.base])
        gap = -_GAP if down else _GAP
        ax.annotate(
            chart.show(value).replace(" ", "\n") if missing and layout.upright else chart.show(value),
            xy=(place, end) if layout.upright else (end, place),
            xytext=(0, gap) if layout.upright else (gap, 0),
            textcoords="offset points",
            ha="center" if layout.upright else ("right" if down else "left"),
            va=("top" if down else "bottom") if layout.upright else "center",
            rotation=90 if layout.turned else 0,
            size=TINY if missing else layout.size,
            annotation_clip=False,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _name_bars(ax: Axes, chart: Chart, names: list[str], layout: _Layout) -> None:
    ax.spines["bottom"].set_visible(False)
    where = list(range(len(names)))
    if layout.upright:
        slot = extent(ax)[0] / len(names) - 6
        ax.set_xticks(where, [wrap(name, slot, SMALL) for name in names], parse_math=False)
        ax.set_xlim(-0.6, len(names) - 0.4)
        ax.axhline(layout.base, color=GREY, linewidth=0.8)
        return
    ax.set_yticks(where, [row_label(name) for name in names], parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(layout.base, color=GREY, linewidth=0.8)
    ax.set_xlabel(wrap(chart.y_label, extent(ax)[0], TEXT), parse_math=False)
    ax.set_ylabel(wrap(chart.x_label, extent(ax)[1], TEXT), parse_math=False)
    grid(ax, "x")

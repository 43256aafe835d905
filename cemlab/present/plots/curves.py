"""Curves with bands, histograms of counted bins, and scatter plots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, MultipleLocator

from cemlab.present.plots.scales import Plain, Series, floats, places, scale, span

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.chart import Chart

_MANY = 24  # points beyond which markers only thicken a line
_CROWD = 900  # points beyond which a scatter plot needs to be seen through


def paint_curves(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw lines, or steps that hold until the next point, each with its band."""
    step = chart.kind == "step"
    handles: list[Any] = []
    for one in series:
        at, values = places(one.rows[chart.x]), floats(one.rows[chart.y])
        if chart.low and chart.high:
            low, high = floats(one.rows[chart.low]), floats(one.rows[chart.high])
            band = ax.fill_between(at, low, high, step="post" if step else None)
            band.set(color=one.style.colour, alpha=0.16, linewidth=0)
        handles += ax.plot(
            at,
            values,
            drawstyle="steps-post" if step else "default",
            color=one.style.colour,
            linestyle=(0, one.style.dash) if one.style.dash else "-",
            linewidth=2.0,
            marker="" if step or len(at) > _MANY else one.style.marker,
            markersize=5,
        )
    low_end, high_end = span(chart, chart.y)
    limits = None
    if chart.percent and low_end >= 0 and not chart.log:
        # Shares start at nothing; curves that fill half of the whole are shown against the whole.
        limits = (0.0, 1.02 if 0.5 < high_end <= 1 else 1.06 * high_end)
    scale(ax, chart, "y", limits)
    ax.margins(x=0.01)
    scale_time(ax, chart)
    return handles


def scale_time(ax: Axes, chart: Chart) -> None:
    """Set the ticks of an axis of time: days as matplotlib does, many months by whole years."""
    if places(chart.frame[chart.x]).dtype.kind == "M":
        return  # matplotlib's ticks of dates are good as they are
    left, right = ax.get_xlim()
    if "month" in chart.x_label.lower() and right - left >= 24:
        ax.xaxis.set_major_locator(MultipleLocator(12 * math.ceil((right - left) / 120)))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(Plain())


def paint_histogram(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw counted bins: filled for one series, outlines for several."""
    handles: list[Any] = []
    for one in series:
        edges, counts = _bins(chart, one)
        if len(series) == 1:
            steps = ax.stairs(counts, edges, fill=True, color=one.style.colour, linewidth=0.8)
            ax.vlines(edges[1:-1], 0, np.minimum(counts[1:], counts[:-1]), colors="white", linewidth=0.8)
        else:
            steps = ax.stairs(counts, edges, color=one.style.colour, linewidth=1.8)
            steps.set_linestyle((0, one.style.dash) if one.style.dash else "-")
        handles.append(steps)
    top = float(np.nanmax(floats(chart.frame[chart.y]), initial=0.0))
    scale(ax, chart, "y", (0.0, 1.05 * top or 1.0))
    edges = np.unique(floats(chart.frame[chart.x]))
    if np.array_equal(edges, np.round(edges)) and (np.diff(edges) == 1).all():
        # A bin that holds one whole number is marked in its middle.
        every = edges[:: math.ceil(len(edges) / 12)]
        ax.set_xticks(every + 0.5, Plain().format_ticks(every.tolist()))
    else:
        ax.xaxis.set_major_formatter(Plain())
    return handles


def _bins(chart: Chart, one: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lower, counts = floats(one.rows[chart.x]), floats(one.rows[chart.y])
    order = np.argsort(lower, kind="stable")
    # The lower edges say nothing of where the last bin ends: it is as wide as the one before.
    width = float(np.diff(lower[order])[-1]) if len(order) > 1 else 1.0
    return np.append(lower[order], lower[order][-1] + width), counts[order]


def paint_scatter(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw points, with their intervals where there are any."""
    alpha = 0.9 * max(0.15, min(1.0, math.sqrt(_CROWD / len(chart.frame))))
    handles: list[Any] = []
    for one in series:
        at, values = places(one.rows[chart.x]), floats(one.rows[chart.y])
        if chart.low and chart.high:
            low, high = floats(one.rows[chart.low]), floats(one.rows[chart.high])
            ax.vlines(at, low, high, colors=one.style.colour, linewidth=1.0, alpha=0.6)
        marks = ax.scatter(at, values, s=30, alpha=alpha, color=one.style.colour, marker=one.style.marker)
        marks.set(edgecolors="white", linewidths=0.4)
        handles.append(marks)
    span(chart, chart.y)
    scale(ax, chart, "y")
    if places(chart.frame[chart.x]).dtype.kind != "M":
        ax.xaxis.set_major_formatter(Plain())
    return handles

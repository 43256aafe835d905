"""Pictures of verdicts: one value a row with its interval, beside the band of what is tolerated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from cemlab.markup import percent
from cemlab.present.plots.bars import whiskers
from cemlab.present.plots.frame import grid
from cemlab.present.plots.scales import Series, distinct, raw, scale, slots, span
from cemlab.present.plots.words import row_label
from cemlab.present.theme import GREY, INK, SMALL

if TYPE_CHECKING:
    from cemlab.chart import Chart

# Colour, marker and whether it is filled: told apart on a grey printer, and named at each row besides.
_LOOKS = {"red": ("#B3261E", "X", True), "green": ("#1B7F4B", "o", True)}
_OTHER = (GREY, "D", False)


def paint_verdicts(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw values with intervals, one a row, with the verdict in words and marks that differ in form."""
    terms = distinct(chart.frame[chart.y])
    limits = _limits(chart)
    if chart.band is not None:
        ax.axvspan(*np.clip(chart.band, *limits), color="#E8EEF3", linewidth=0, zorder=0)
    for one in series:
        colour, marker, filled = _LOOKS.get(one.name, _OTHER)
        at = slots(one.rows[chart.y], terms)
        values = raw(one.rows[chart.x])
        inside = (values >= limits[0]) & (values <= limits[1])
        whiskers(ax, chart, one.rows[inside], at[inside], limits, colour, upright=False)
        for place, value in zip(at, values, strict=True):
            # what lies outside is an arrow at the edge; its value stands beside it
            form = "<" if value < limits[0] else ">" if value > limits[1] else marker
            (mark,) = ax.plot(np.clip(value, *limits), place, marker=form, color=colour, markersize=8)
            mark.set(markerfacecolor=colour if filled else "white", zorder=4, clip_on=False)
            _write(ax, place, f"{_value(value)}  {one.name}", bold=one.name == "red")
    scale(ax, chart, "x", limits)
    edge = 0.03 * (limits[1] - limits[0])
    ax.set_xlim(limits[0] - edge, limits[1] + edge)
    ax.set_yticks(range(len(terms)), [row_label(name) for name in terms], parse_math=False)
    ax.tick_params(axis="y", pad=9)
    ax.set_ylim(len(terms) - 0.5, -0.5)
    ax.set_ylabel("")  # the rows name themselves
    grid(ax, "x")
    return []  # the verdict stands at each row, so there is no legend


def _limits(chart: Chart) -> tuple[float, float]:
    """Return the range of the values and the band, within the limits of the chart."""
    low, high = span(chart, chart.x)
    low, high = min(low, *(chart.band or (low,))), max(high, *(chart.band or (high,)))
    if chart.limits is not None:
        low, high = max(low, chart.limits[0]), min(high, chart.limits[1])
    return low, high


def _value(value: float) -> str:
    if not math.isfinite(value):
        return "beyond any share"
    return percent(value, digits=0 if abs(value) >= 0.995 else 1)


def _write(ax: Axes, place: float, text: str, *, bold: bool) -> None:
    ax.annotate(
        text,
        xy=(1, place),
        xycoords=ax.get_yaxis_transform(),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        size=SMALL,
        color=INK,
        weight="bold" if bold else "normal",
        annotation_clip=False,
    )

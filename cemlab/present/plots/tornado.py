"""Tornadoes: how far an outcome moves when each assumption goes to its lowest and to its highest value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from cemlab.errors import DataError
from cemlab.markup import label
from cemlab.present.plots.frame import extent, grid
from cemlab.present.plots.scales import Series, distinct, floats, scale, slots, span
from cemlab.present.plots.words import measure, row_label
from cemlab.present.theme import INK, STYLES, TINY

if TYPE_CHECKING:
    from cemlab.chart import Chart

_GAP = 4.0  # points between a bar and what is written at it
_ENDS = ("At its lowest", "At its highest")
_THICK = 0.72  # of a row


def paint_tornado(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw two bars a row, from the outcome to start from, with the assumption's values at their ends."""
    rows = series[0].rows
    terms = distinct(rows[chart.y])
    at = slots(rows[chart.y], terms)
    base = _base(chart)
    ends = [floats(rows[cast(str, name)]) - base for name in (chart.low, chart.high)]
    # both ends on one side: the bars share the row, or one would hide the other
    shared = np.sign(ends[0]) * np.sign(ends[1]) > 0
    limits = _limits(ax, chart)
    for end, texts, style, side in zip(ends, _texts(chart), STYLES, (-1, 1), strict=False):
        thick = np.where(shared, _THICK / 2, _THICK)
        middle = at + np.where(shared, side * _THICK / 4, 0.0)
        bars = ax.barh(middle, end, thick, left=base)
        for bar in bars:
            bar.set(facecolor=style.fill, edgecolor=style.colour, hatch=style.hatch, linewidth=0.8)
        for place, length, text in zip(middle, end, texts, strict=True):
            _write(ax, base, place, length, text, rightwards=length > 0 or (length == 0 and side > 0))
    scale(ax, chart, "x", limits)
    ax.axvline(base, color=INK, linewidth=1.1)
    ax.set_yticks(range(len(terms)), [row_label(name, extent(ax)[0]) for name in terms], parse_math=False)
    ax.set_ylim(len(terms) - 0.5, -0.5)
    ax.set_ylabel("")  # the rows name themselves
    grid(ax, "x")
    return []


def tornado_key(chart: Chart, series: list[Series]) -> list[tuple[Any, str]]:  # noqa: ARG001 (as all keys)
    """Return marks and names of the two ends."""
    return [
        (Patch(facecolor=style.fill, edgecolor=style.colour, hatch=style.hatch, linewidth=0.8), name)
        for style, name in zip(STYLES, _ENDS, strict=False)
    ]


def _base(chart: Chart) -> float:
    """Return the outcome to start from; one for all rows, or the bars could not be compared."""
    found = np.unique(floats(chart.frame[chart.x]))
    if len(found) != 1 or not math.isfinite(found[0]):
        raise DataError(
            f"the column {chart.x!r} holds {len(found)} outcomes to start a tornado from, or one that is no "
            "number; give the same in all rows"
        )
    return float(found[0])


def _texts(chart: Chart) -> list[list[str]]:
    columns = (chart.low_label, chart.high_label)
    return [
        [label(value) for value in chart.frame[name]] if name else [""] * len(chart.frame) for name in columns
    ]


def _limits(ax: Axes, chart: Chart) -> tuple[float, float]:
    """Return limits that leave room at both ends for what is written there."""
    low, high = span(chart, chart.x)
    longest = max(measure(TINY)(text) for texts in _texts(chart) for text in texts)
    share = min(0.3, 0.02 + (longest + _GAP) / extent(ax)[0])
    more = share * (high - low) / (1 - 2 * share)
    return low - more, high + more


def _write(ax: Axes, base: float, place: float, length: float, text: str, *, rightwards: bool) -> None:
    if not math.isfinite(length):
        length, text, rightwards = 0.0, "not estimable", True
    ax.annotate(
        text,
        xy=(base + length, place),
        xytext=(_GAP if rightwards else -_GAP, 0),
        textcoords="offset points",
        ha="left" if rightwards else "right",
        va="center",
        size=TINY,
        annotation_clip=False,
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )

"""Bubbles: marks whose area is a number, on a grid of classes or on axes of numbers.

All shapes of one number have one area, so a triangle and a circle of the same size stand for the same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle

from cemlab.errors import DataError
from cemlab.markup import number
from cemlab.present.plots.frame import extent, grid, in_columns
from cemlab.present.plots.scales import Plain, Series, distinct, floats, scale, span
from cemlab.present.plots.words import LINE, lines, measure, names, row_label, wrap
from cemlab.present.theme import GREY, INK, PALE, SMALL, TEXT, TINY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.chart import Chart

_LARGEST = 44.0  # points across, where the grid leaves more room
_AMONG_NUMBERS = 34.0  # points across, where marks may overlap
_SIZES = 84.0  # points beside the axes for the key of sizes
# How far a mark reaches from its middle, in diameters of the circle of its area; a diamond reaches farthest.
_REACH = 0.65
_PALE = 0.42  # of the colour inside, so that numbers can be read in any
_ROUND = (1.0, 2.0, 5.0)


def paint_bubbles(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw marks whose area is the number in the column of sizes, and a key of sizes beside the axes."""
    across_classes, up_classes = _classes(chart.frame[chart.x]), _classes(chart.frame[chart.y])
    most = float(np.nanmax(_sizes(chart, chart.frame), initial=0.0)) or 1.0
    _refuse_hidden(chart, on_grid=bool(across_classes and up_classes))
    room = _room(ax, [one.name for one in series])
    across = _largest(room, len(across_classes), len(up_classes))
    _set_axis(ax, chart, "x", across_classes, across=across, room=room[0])
    _set_axis(ax, chart, "y", up_classes, across=across, room=room[1])
    handles: list[Any] = []
    for one in series:
        sizes = _sizes(chart, one.rows)
        # the small ones on top of the large; of nothing there is no mark
        order = [at for at in np.argsort(-sizes, kind="stable") if sizes[at] > 0]
        rows, diameters = one.rows.iloc[order], across * np.sqrt(sizes[order] / most)
        at = (_places(rows[chart.x], across_classes), _places(rows[chart.y], up_classes))
        ax.scatter(
            *at,
            s=_equal_area(one.style.marker) * diameters**2,
            marker=one.style.marker,
            facecolor=to_rgba(one.style.colour, _PALE),
            edgecolor=one.style.colour,
            linewidths=1.2,
            zorder=3,
        )
        if across_classes and up_classes:
            _write(ax, rows[cast(str, chart.size)].tolist(), at, diameters, one.style.marker)
        handles.append(_mark(one.style.marker, one.style.colour, 9.0))
    _key(ax, chart, most, across)
    return handles


def bubble_height(chart: Chart) -> float:
    """Return the inches that the rows of a grid need; 0 on an axis of numbers."""
    return 0.44 * len(_classes(chart.frame[chart.y]))


def _sizes(chart: Chart, rows: pd.DataFrame) -> NDArray[np.float64]:
    sizes = floats(rows[cast(str, chart.size)])
    negative = int((sizes < 0).sum())
    if negative:
        raise DataError(
            f"the column {chart.size!r} of the chart has {negative:,} negative value(s); no area shows them: "
            "show another column, or leave these rows out"
        )
    return sizes


def _classes(values: pd.Series[Any]) -> list[str]:
    """Return the classes on an axis in order, none where it has numbers."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        there = set(distinct(values))
        return [name for name in names(pd.Series(values.cat.categories)) if name in there]
    return distinct(values) if any(isinstance(one, str) for one in values) else []


def _places(values: pd.Series[Any], classes: list[str]) -> NDArray[np.float64]:
    if not classes:
        return floats(values)
    return np.array([classes.index(name) for name in names(values)], dtype=float)


def _refuse_hidden(chart: Chart, *, on_grid: bool) -> None:
    """Refuse two marks in one place of a grid, where one would hide the other."""
    places = list(zip(names(chart.frame[chart.x]), names(chart.frame[chart.y]), strict=True))
    if on_grid and len(set(places)) < len(places):
        twice = next(place for place in places if places.count(place) > 1)
        raise DataError(f"the place {twice} of the bubble chart is given twice; sum up first")


def _set_axis(
    ax: Axes, chart: Chart, side: Literal["x", "y"], classes: list[str], *, across: float, room: float
) -> None:
    if not classes:
        column = chart.x if side == "x" else chart.y
        plain = replace(chart, low=None, high=None, reference=chart.reference if side == "y" else None)
        span(plain, column)  # refuses what no logarithmic axis shows
        found = floats(chart.frame[column])
        limits = _padded(found[np.isfinite(found)], log=chart.log, room=room, across=across)
        scale(ax, plain, side, limits)
        if side == "x":
            ax.xaxis.set_major_formatter(Plain())
        return
    ends, at = (-0.5, len(classes) - 0.5), range(len(classes))
    if side == "y":
        ax.set_ylim(*ends)
        ax.set_yticks(at, [row_label(text) for text in classes], parse_math=False)
        return
    slot = room / len(classes) - 3
    words = [word for text in classes for word in text.split()]
    size = SMALL if max(map(measure(SMALL), words), default=0.0) <= slot else TINY
    ax.set_xlim(*ends)
    ax.set_xticks(at, [wrap(text, slot, size) for text in classes], parse_math=False, size=size)


def _padded(
    found: NDArray[np.float64], *, log: bool, room: float, across: float
) -> tuple[float, float] | None:
    """Return limits that leave room for the marks at the edges."""
    if not found.size:
        return None
    low, high = float(found.min()), float(found.max())
    share = _REACH * across / max(room - 2 * _REACH * across, across)
    if log:
        edge = (high / low) ** share if high > low else 2.0
        return low / edge, high * edge
    edge = share * (high - low) or 0.5
    return low - edge, high + edge


def _room(ax: Axes, named: list[str]) -> tuple[float, float]:
    """Return the width and height in points that the key and the legend will leave to the marks."""
    width, height = extent(ax)
    wrapped, columns = in_columns(named, width)
    legend = math.ceil(len(named) / columns) * max(map(lines, wrapped)) * SMALL * 1.6
    return width - _SIZES, height - (legend if len(named) > 1 else 0.0)


def _largest(room: tuple[float, float], *classes: int) -> float:
    """Return the points across of the largest circle, so that no two marks of a grid meet."""
    slots = [side / n for side, n in zip(room, classes, strict=True) if n]
    return min([_LARGEST if len(slots) == 2 else _AMONG_NUMBERS, *(slot / (2 * _REACH) for slot in slots)])


def _equal_area(marker: str) -> float:
    """Return what the size of a marker must be multiplied by to have the area of a circle."""
    style = MarkerStyle(marker)
    corners = np.asarray(style.get_path().transformed(style.get_transform()).to_polygons()[0])
    x, y = corners[:, 0], corners[:, 1]
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return math.pi / 4 / area


def _write(
    ax: Axes,
    values: list[Any],
    at: tuple[NDArray[np.float64], ...],
    diameters: NDArray[np.float64],
    marker: str,
) -> None:
    """Write the numbers into the marks that have room for them, in a triangle where it is wide."""
    inside, down = {"^": (0.75, 0.14), "v": (0.75, -0.14)}.get(marker, (0.9, 0.0))
    for value, x, y, across in zip(values, *at, diameters, strict=True):
        text = number(value)
        if inside * across >= max(measure(TINY)(text), TINY):
            ax.annotate(
                text,
                (x, y),
                xytext=(0.0, -down * across),
                textcoords="offset points",
                ha="center",
                va="center",
                size=TINY,
                color=INK,
                zorder=4,
            )


def _mark(marker: str, colour: str, size: float) -> Line2D:
    """Return a mark for a legend, so many points across if it is a circle."""
    handle = Line2D([], [], linestyle="", marker=marker, markersize=size, markeredgewidth=1.2)
    handle.set(markerfacecolor=to_rgba(colour, _PALE), markeredgecolor=colour)
    return handle


def _key(ax: Axes, chart: Chart, most: float, across: float) -> None:
    """Say what the areas mean: three grey circles beside the axes, or words where nothing keeps room."""
    grid(ax, "y")
    ax.xaxis.grid(color=PALE, linewidth=0.8)
    what = str(chart.size)
    if cast(Figure, ax.get_figure(root=True)).get_layout_engine() is None:
        words = f"{chart.x_label}; area: {what}, the largest {number(most)}"
        ax.set_xlabel(wrap(words, extent(ax)[0], TEXT), parse_math=False)
        return
    shown = sorted({_rounded(most * share) for share in (0.05, 0.3, 1.0)})
    circles = [_mark("o", GREY, across * math.sqrt(value / most)) for value in shown]
    box = Legend(
        ax,
        circles,
        [number(value) for value in shown],
        title="area",
        loc="upper left",
        bbox_to_anchor=(1, 1),
        borderaxespad=0.3,
        borderpad=0,
        frameon=False,
        fontsize=SMALL,
        title_fontsize=SMALL,
        alignment="left",
        handlelength=across / SMALL,
        labelspacing=max(0.4, 0.55 * across / SMALL),
    )
    box.get_title().set_text(wrap(what, _SIZES - 10, SMALL))
    box.get_title().set_parse_math(False)
    box.get_title().set_linespacing(LINE)
    ax.add_artist(box)
    box.set_clip_on(False)  # what is clipped to the axes gets no room beside them


def _rounded(value: float) -> float:
    """Return a round number that is not greater, so that the key shows plain sizes."""
    power = 10.0 ** math.floor(math.log10(value))
    found = max(step * power for step in _ROUND if step * power <= value * (1 + 1e-12))
    return int(found) if found == int(found) else found

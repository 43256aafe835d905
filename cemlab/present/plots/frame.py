"""What surrounds the data: title, note, axes and the names of the series."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend

from cemlab.present import theme
from cemlab.present.plots.scales import Series, floats, places
from cemlab.present.plots.words import LINE, MARGIN, lines, measure, note, title, wrap
from cemlab.present.theme import GREY, INK, PALE, SMALL, TEXT, TITLE

if TYPE_CHECKING:
    from cemlab.chart import Chart


def extent(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in points, before the layout, which gives a little more."""
    inches = cast(Figure, ax.get_figure(root=True)).get_size_inches()
    box = ax.get_position()
    return 72 * box.width * float(inches[0]), 72 * box.height * float(inches[1])


def caption(figure: Figure, chart: Chart, *, least_lines: tuple[int, int] = (0, 0)) -> None:
    """Write claim and note across a picture of its own, and lay the axes out between them.

    Room is kept for so many lines of claim and note at least.
    """
    width, height = 72 * figure.get_size_inches()
    above, below = title(chart, width), note(chart, width)
    left = MARGIN / width
    figure.text(left, 1 - MARGIN / height, above, va="top", size=TITLE, weight="bold", linespacing=LINE)
    figure.text(left, MARGIN / height, below, va="bottom", size=SMALL, color=GREY, linespacing=LINE)
    rows = [max(lines(text), least) for text, least in zip((above, below), least_lines, strict=True)]
    top = (rows[0] * TITLE * LINE + 1.5 * MARGIN) / height
    bottom = (rows[1] * SMALL * LINE + 1.2 * MARGIN) / height
    pad = MARGIN / 72
    rect = (0, bottom, 1, 1 - top - bottom)
    figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=pad, h_pad=pad / 2, rect=rect))


def caption_within(ax: Axes, chart: Chart) -> None:
    """Write claim and note at the axes alone, as one part of a larger figure."""
    width = extent(ax)[0] + 2 * MARGIN
    names = ax.get_legend()
    columns = getattr(names, "_ncols", 1)
    above = math.ceil(len(names.get_texts()) / columns) * SMALL * 1.6 + 6 if names else 0.0
    ax.set_title(title(chart, width), loc="left", size=TITLE, weight="bold", pad=8 + above, parse_math=False)
    ax.annotate(
        note(chart, width),
        xy=(0, 0),
        xycoords=("axes fraction", ax.xaxis.label),
        xytext=(0, -6),
        textcoords="offset points",
        va="top",
        size=SMALL,
        color=GREY,
        annotation_clip=False,
    )


def dress(ax: Axes, chart: Chart) -> None:
    """Label the axes and leave nothing of them but a base line and a light grid."""
    width, height = extent(ax)
    ax.set_xlabel(wrap(chart.x_label, width, TEXT), parse_math=False)
    ax.set_ylabel(wrap(chart.y_label, height, TEXT), parse_math=False)
    ax.set_facecolor("white")
    ax.set_axisbelow(True)
    grid(ax, "y")
    ax.tick_params(length=0, labelsize=SMALL, labelcolor=INK)
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)
        spine.set_linewidth(0.8)


def grid(ax: Axes, axis: str) -> None:
    """Draw light lines across one axis, ``"x"`` or ``"y"``, and none across the other."""
    ax.grid(visible=False, axis="both", which="both")
    (ax.xaxis if axis == "x" else ax.yaxis).grid(color=PALE, linewidth=0.8)


def legend(ax: Axes, key: list[tuple[Any, str]], *, room: float | None = None) -> Legend:
    """Write the key, marks and their names, above the axes, within so many points if not within theirs."""
    handles, names = [mark for mark, _ in key], [name for _, name in key]
    wrapped, columns = in_columns(names, extent(ax)[0] if room is None else room)
    # matplotlib leaves out a name that begins with "_", so the names are written afterwards
    box = ax.legend(
        handles,
        [str(at) for at in range(len(names))],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.3,
        borderpad=0,
        ncols=columns,
        frameon=False,
        handlelength=2.6,
        columnspacing=1.2,
        fontsize=SMALL,
    )
    for text, name in zip(box.get_texts(), wrapped, strict=True):
        text.set_text(name)
    return box


def in_columns(names: list[str], room: float) -> tuple[list[str], int]:
    """Wrap the names of the series, and say how many stand side by side in so many points."""
    wrapped = [wrap(name, room / 2 - 40, SMALL) for name in names]
    widest = max(measure(SMALL)(line) for name in wrapped for line in name.split("\n")) + 42
    return wrapped, max(1, min(len(names), int(room // widest)))


def name_at_ends(ax: Axes, chart: Chart, series: list[Series]) -> bool:
    """Name each line at its end, if all lines end together and the names find room there."""
    ends = [_last(ax, one, chart) for one in series]
    left, right = ax.get_xlim()
    if any(math.isnan(x) or x < right - 0.15 * (right - left) for x, _ in ends):
        return False
    figure = cast(Figure, ax.figure)
    figure.draw_without_rendering()
    names = [wrap(one.name, 0.22 * 72 * theme.WIDTH, SMALL) for one in series]
    wished = [float(ax.transData.transform(end)[1]) * 72 / figure.dpi for end in ends]
    placed = theme.spread(wished, [lines(name) * SMALL * LINE + 1 for name in names])
    moves = [place - wish for place, wish in zip(placed, wished, strict=True)]
    if max(map(abs, moves)) > 1.5 * SMALL:
        return False
    for one, name, end, move in zip(series, names, ends, moves, strict=True):
        ax.annotate(
            name,
            xy=(1, end[1]),
            xycoords=ax.get_yaxis_transform(),
            xytext=(4, move),
            textcoords="offset points",
            va="center",
            size=SMALL,
            color=one.style.ink,
            annotation_clip=False,
        )
    return True


def settle(ax: Axes) -> None:
    """Wrap a long title of the upright axis once more, to the height that the rest has left it."""
    text = ax.yaxis.label.get_text().replace("\n", " ")
    if measure(TEXT)(text) > 0.4 * extent(ax)[1]:
        figure = cast(Figure, ax.figure)
        figure.draw_without_rendering()
        ax.set_ylabel(wrap(text, ax.bbox.height * 72 / figure.dpi, TEXT), parse_math=False)


def _last(ax: Axes, one: Series, chart: Chart) -> tuple[float, float]:
    values = floats(one.rows[chart.y])
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return math.nan, math.nan
    at = places(one.rows[chart.x])[known[-1]]
    place = ax.xaxis.convert_units(at)  # type: ignore[no-untyped-call]
    return float(place), float(values[known[-1]])

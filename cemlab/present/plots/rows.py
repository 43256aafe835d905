"""Pictures with one row a term: forests of estimates, and heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cemlab.errors import DataError
from cemlab.markup import MOST_DECIMALS, decimals_apart, has_width, number, percent, percent_range
from cemlab.present import theme
from cemlab.present.plots.bars import whiskers
from cemlab.present.plots.frame import extent, grid
from cemlab.present.plots.scales import Plain, Series, distinct, floats, raw, scale, slots, span
from cemlab.present.plots.words import measure, names, row_label, wrap
from cemlab.present.theme import SMALL, TEXT, TINY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.chart import Chart

# From nothing to much; and from less through nothing to more. In grey, the second is read by its numbers.
SHARES = ["#F4F8FB", "#9CC7E2", "#3C8DC0", "#0B4F82"]
SIGNED = ["#A84300", "#EFA573", "#F7F7F7", "#7DB4D8", "#0B4F82"]


def paint_forest(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw estimates with intervals, one a row, and write them on the right."""
    terms = distinct(chart.frame[chart.y]) if chart.group else names(chart.frame[chart.y])
    limits = _padded(span(chart, chart.x), chart)
    apart = 0.7 / len(series)
    handles: list[Any] = []
    for k, one in enumerate(series):
        rows = slots(one.rows[chart.y], terms) if chart.group else np.arange(len(terms), dtype=float)
        at = rows + (k - (len(series) - 1) / 2) * apart
        whiskers(ax, chart, one.rows, at, limits, one.style.colour, upright=False)
        handles += ax.plot(
            floats(one.rows[chart.x]),
            at,
            linestyle="",
            marker=one.style.marker,
            color=one.style.colour,
            markersize=7,
            zorder=4,
        )
        for place, text in zip(at, _estimates(chart, one.rows), strict=True):
            ax.annotate(
                text,
                xy=(1, place),
                xycoords=ax.get_yaxis_transform(),
                xytext=(10, 0),
                textcoords="offset points",
                va="center",
                size=SMALL,
                annotation_clip=False,
            )
    scale(ax, chart, "x", limits)
    ax.set_yticks(range(len(terms)), [row_label(name) for name in terms], parse_math=False)
    ax.tick_params(axis="y", pad=9)  # room for the arrow of an interval that leaves the picture
    ax.set_ylim(len(terms) - 0.5, -0.5)
    ax.set_ylabel("")  # the rows name themselves
    grid(ax, "x")
    return handles


def _padded(ends: tuple[float, float], chart: Chart) -> tuple[float, float]:
    low, high = ends
    if chart.log:
        edge = (high / low) ** 0.04
        return low / edge, high * edge
    edge = 0.04 * (high - low)
    return low - edge, high + edge


def _estimates(chart: Chart, rows: pd.DataFrame) -> list[str]:
    columns = (raw(rows[cast(str, name)]) for name in (chart.x, chart.low, chart.high))
    triples = list(zip(*columns, strict=True))
    least = _least(chart, triples)
    return [_estimate(chart, *triple, least=least) for triple in triples]


def _least(chart: Chart, triples: Sequence[tuple[float, float, float]]) -> int:
    """Return the decimals that all rows have: beside wide intervals alone they are noise.

    Among ratios the lower end is small, however wide the interval is.
    """
    most = 1 if chart.percent else 2
    halves = [(high - low) / 2 for value, low, high in triples if has_width(value, low, high)]
    if chart.percent or chart.log or not halves:
        return most
    return min(most, max(0, *(1 - math.floor(math.log10(half)) for half in halves)))


def _estimate(chart: Chart, value: float, low: float, high: float, *, least: int) -> str:
    if math.isnan(value):
        return "not estimable"
    # what is exact keeps its decimals; nought has none
    own = least if chart.percent or value == 0 or has_width(value, low, high) else 2
    digits = _digits(value, low, high, percent=chart.percent, least=own)
    if chart.percent:
        return f"{percent(value, digits=digits)} ({percent_range(low, high, digits=digits)})"
    marks = (0.0,) if chart.reference is None else (0.0, chart.reference)
    digits = min(MOST_DECIMALS, decimals_apart(digits, low, high, marks=marks))
    inside = " to ".join(_fixed(end, digits) for end in (low, high))
    return f"{_fixed(value, digits)} ({inside})"


def _digits(value: float, low: float, high: float, *, percent: bool, least: int) -> int:
    """Return decimals that tell the ends of a narrow interval apart and keep two figures of a small value.

    A value that may as well be zero has no figures to keep.
    """
    unit = 100 if percent else 1
    settled = value and not low <= 0 <= high
    figures = [1 - math.floor(math.log10(abs(unit * value)))] if settled else []
    if has_width(value, low, high):
        figures.append(-math.floor(math.log10(unit * (high - low))))
    return min(MOST_DECIMALS, max(least, *figures)) if figures else least


def _fixed(value: float, digits: int) -> str:
    if math.isnan(value):
        return "not estimable"
    return number(value) if math.isinf(value) or abs(value) >= 1000 else f"{value:z.{digits}f}"


def paint_heatmap(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw a table of coloured cells, in the order of the frame, each with its number if it fits."""
    import seaborn as sns

    if len(series) > 1:
        raise DataError(f"a heat map shows one group, but {chart.group!r} has {len(series)}; draw one each")
    cells = _matrix(chart)
    rows, columns = distinct(chart.frame[chart.y]), distinct(chart.frame[chart.x])
    texts = _cell_texts(chart, cells)
    slot = extent(ax)[0] / len(columns) - 4
    widest = {size: max(measure(size)(text) for row in texts for text in row) for size in (TEXT, TINY)}
    size = next((size for size, width in widest.items() if width <= slot), 0.0)
    reach = float(np.nanmax(np.abs(cells), initial=0.0)) or 1.0
    signed = bool((cells < 0).any())
    sns.heatmap(
        pd.DataFrame(cells),
        ax=ax,
        mask=np.isnan(cells),
        annot=np.array(texts, dtype=object) if size else None,
        fmt="",
        annot_kws={"size": size},
        cmap=sns.blend_palette(SIGNED if signed else SHARES, as_cmap=True),
        vmin=-reach if signed else 0.0,
        vmax=reach,
        cbar=not size,
        cbar_kws=None if size else {"format": Plain(percent=chart.percent)},
        linewidths=1.5,
        linecolor="white",
        xticklabels=False,
        yticklabels=False,
    )
    _name_cells(ax, chart, [wrap(name, slot, SMALL) for name in columns], [row_label(row) for row in rows])
    return []


def _cell_texts(chart: Chart, cells: NDArray[np.float64]) -> list[list[str]]:
    """Write every cell; numbers have the decimals that leave the largest three figures, two at most."""
    reach = float(np.nanmax(np.abs(cells), initial=0.0))
    digits = 2 if reach < 10 else 1 if reach < 100 else 0
    show = chart.show if chart.percent or reach >= 1000 else partial(_fixed, digits=digits)
    return [["" if math.isnan(value) else show(value) for value in row] for row in cells]


def _name_cells(ax: Axes, chart: Chart, columns: list[str], rows: list[str]) -> None:
    # seaborn has cleared the labels, and writes light on colours that are too light for it
    faces = ax.collections[0].get_facecolor()
    for text in ax.texts:
        x, y = text.get_position()
        red, green, blue, _ = np.asarray(faces)[int(y) * len(columns) + int(x)]
        text.set_color(theme.readable((red, green, blue)))
    ax.set_facecolor("#EDEDED")  # cells without a number
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns, parse_math=False, rotation=0)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows, parse_math=False, rotation=0)
    ax.tick_params(length=0)
    ax.set_xlabel(wrap(chart.x_label, extent(ax)[0], TEXT), parse_math=False)
    ax.set_ylabel(wrap(chart.y_label, extent(ax)[1], TEXT), parse_math=False)
    ax.grid(visible=False)
    ax.spines["bottom"].set_visible(False)


def _matrix(chart: Chart) -> NDArray[np.float64]:
    rows, columns = distinct(chart.frame[chart.y]), distinct(chart.frame[chart.x])
    cells = np.full((len(rows), len(columns)), np.nan)
    seen = set()
    values = floats(chart.frame[cast(str, chart.value)])
    pairs = zip(names(chart.frame[chart.y]), names(chart.frame[chart.x]), strict=True)
    for (row, column), value in zip(pairs, values, strict=True):
        if (row, column) in seen:
            raise DataError(f"the cell {row!r}, {column!r} of the heat map is given twice; sum up first")
        seen.add((row, column))
        cells[rows.index(row), columns.index(column)] = value
    return cells

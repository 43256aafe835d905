"""A number on a grid of two numbers: shades, lines of equal height, and points that are marked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from cemlab.errors import DataError
from cemlab.markup import label
from cemlab.present import theme
from cemlab.present.plots.frame import extent
from cemlab.present.plots.rows import SHARES, SIGNED
from cemlab.present.plots.scales import Plain, Series, floats
from cemlab.present.plots.words import LINE, lines, wrap
from cemlab.present.theme import INK, SMALL, TINY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.chart import Chart

    Floats = NDArray[np.float64]

_LEVELS = 8


def paint_contours(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:  # noqa: ARG001 (as all painters)
    """Draw shades and lines of equal height, each with its number, and the points that are marked."""
    across, up, heights = _grid(chart)
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    levels = MaxNLocator(nbins=_LEVELS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high + (low == high))
    reach = max(abs(levels[0]), abs(levels[-1])) or 1.0
    signed = low < 0
    shades = LinearSegmentedColormap.from_list("heights", SIGNED if signed else SHARES)
    ax.contourf(
        across, up, heights, levels, cmap=shades, vmin=-reach if signed else 0.0, vmax=reach, alpha=0.8
    )
    thin = [level for level in levels if level != chart.reference]
    drawn = ax.contour(across, up, heights, thin, colors=INK, linewidths=0.7, linestyles="-", alpha=0.7)
    ax.clabel(drawn, fmt=chart.show, fontsize=TINY)
    if chart.reference is not None and low < chart.reference < high:
        bold = ax.contour(across, up, heights, [chart.reference], colors=INK, linewidths=2.2)
        ax.clabel(bold, fmt=chart.show, fontsize=SMALL)
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(Plain(percent=chart.percent))
    _mark(ax, chart)
    return []


def _grid(chart: Chart) -> tuple[Floats, Floats, Floats]:
    """Return the numbers across and up, and the height at each pair of them."""
    frame = chart.frame if chart.mark is None else chart.frame[chart.frame[chart.mark].isna()]
    x, y, value = (floats(frame[name]) for name in (chart.x, chart.y, cast(str, chart.value)))
    (across, column), (up, row) = (np.unique(part, return_inverse=True) for part in (x, y))
    heights = np.full((len(up), len(across)), np.nan)
    heights[row, column] = value
    if min(heights.shape, default=0) < 2 or len(frame) != heights.size or not np.isfinite(value).any():
        raise DataError(
            f"a contour needs one height for each pair of numbers on a grid, 2 × 2 at least; the columns "
            f"{chart.x!r} and {chart.y!r} hold {len(across)} × {len(up)} numbers in {len(frame)} rows"
        )
    return across, up, heights


def _mark(ax: Axes, chart: Chart) -> None:
    """Draw the points and their names, which give way to each other."""
    if chart.mark is None:
        return
    rows = chart.frame.dropna(subset=[chart.mark])
    if rows.empty:
        return
    x, y = floats(rows[chart.x]), floats(rows[chart.y])
    ax.plot(
        x,
        y,
        linestyle="",
        marker="D",
        color=INK,
        markersize=6,
        markeredgecolor="white",
        clip_on=False,
        zorder=4,
    )
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = extent(ax)
    names = [wrap(label(name), 0.3 * width, SMALL) for name in rows[chart.mark]]
    high = [lines(name) * SMALL * LINE + 1 for name in names]
    at = ((y - bottom) / (top - bottom) * height).tolist()
    placed = theme.spread(at, high)
    # names that were pushed below the axis lift all others with them
    lift = max(0.0, *(tall / 2 + 1 - place for place, tall in zip(placed, high, strict=True)))
    for name, across, own, place in zip(names, x, at, placed, strict=True):
        if not math.isfinite(own):
            continue
        beyond = (across - left) / (right - left) > 0.7
        ax.annotate(
            name,
            xy=(across, bottom + own / height * (top - bottom)),
            xytext=(-14 if beyond else 14, place + lift - own),
            textcoords="offset points",
            ha="right" if beyond else "left",
            va="center",
            size=SMALL,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3},
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
            annotation_clip=False,
        )

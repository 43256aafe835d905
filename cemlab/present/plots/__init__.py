"""Drawing charts with seaborn and matplotlib: the only package that imports them.

Every picture has the claim as its title, axes with units, and the note with rows, design grade and
source under it. Text is wrapped and never clipped, and text from data is shown literally.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cemlab.present import theme
from cemlab.present.plots.bars import paint_bars, upright
from cemlab.present.plots.bubbles import bubble_height, paint_bubbles
from cemlab.present.plots.contours import paint_contours
from cemlab.present.plots.curves import paint_curves, paint_histogram, paint_scatter
from cemlab.present.plots.diagram import diagram_height, paint_diagram
from cemlab.present.plots.events import event_key, paint_events
from cemlab.present.plots.fans import fan_key, paint_fan
from cemlab.present.plots.frame import (
    caption,
    caption_within,
    dress,
    in_columns,
    legend,
    name_at_ends,
    settle,
)
from cemlab.present.plots.rows import paint_forest, paint_heatmap
from cemlab.present.plots.scales import Series, distinct
from cemlab.present.plots.tornado import paint_tornado, tornado_key
from cemlab.present.plots.verdicts import paint_verdicts
from cemlab.present.plots.words import lines, note, row_label, title

if TYPE_CHECKING:
    from cemlab.chart import Chart

__all__ = ["KEYS", "PAINTERS", "draw", "house_style", "key_of", "png", "series_of", "size_of"]

#: How each kind of chart is painted on its axes.
PAINTERS: dict[str, Callable[[Axes, Chart, list[Series]], list[Any]]] = {
    "step": paint_curves,
    "line": paint_curves,
    "bar": paint_bars,
    "forest": paint_forest,
    "heatmap": paint_heatmap,
    "contour": paint_contours,
    "histogram": paint_histogram,
    "scatter": paint_scatter,
    "bubble": paint_bubbles,
    "diagram": paint_diagram,
    "verdict": paint_verdicts,
    "event": paint_events,
    "fan": paint_fan,
    "tornado": paint_tornado,
}
#: Marks and names above the axes, of the kinds where these are more than the names of the series.
KEYS: dict[str, Callable[[Chart, list[Series]], list[tuple[Any, str]]]] = {
    "event": event_key,
    "fan": fan_key,
    "tornado": tornado_key,
}


def draw(chart: Chart, ax: Axes | None = None) -> Axes:
    """Draw a chart and return its axes.

    Parameters
    ----------
    chart
        What to draw.
    ax
        Axes to draw on, as part of a larger figure; its title, labels and limits are set. Without it, a
        new figure is made with pyplot, as pandas does, so that a notebook shows it once.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn on; ``ax.figure`` is the whole picture.

    Raises
    ------
    OptionError
        If there are more groups than can be told apart.
    DataError
        If a column is not numeric where it must be, a mark is given twice, or a ratio is not positive.
    """
    if ax is not None:
        with house_style():
            return _compose(ax, chart, whole=False)
    import matplotlib.pyplot as plt  # not above: the figures of png() are none of pyplot's business

    with house_style():
        figure = plt.figure(figsize=size_of(chart))
        try:
            return _compose(figure.add_subplot(), chart, whole=True)
        except BaseException:
            plt.close(figure)
            raise


def png(chart: Chart) -> bytes:
    """Draw a chart as a PNG, at twice a screen's resolution; the same chart gives the same bytes.

    Raises
    ------
    OptionError, DataError
        As :func:`draw`.
    """
    with house_style():
        figure = Figure(figsize=size_of(chart))
        FigureCanvasAgg(figure)
        _compose(figure.add_subplot(), chart, whole=True)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=theme.DPI, metadata={"Software": None})
    return stream.getvalue()


@contextmanager
def house_style() -> Iterator[None]:
    """Lay the house theme over matplotlib's defaults for a while."""
    # Starting from the defaults, the user's own settings neither show in a picture nor get lost.
    import seaborn as sns

    with matplotlib.style.context("default"), matplotlib.rc_context(sns.axes_style("whitegrid") | theme.RC):
        yield


def size_of(chart: Chart) -> tuple[float, float]:
    """Return the inches of a picture: always as wide, and higher only for many rows or many words."""
    words = lines(title(chart, 72 * theme.WIDTH)) + lines(note(chart, 72 * theme.WIDTH))
    if chart.kind == "diagram":
        return theme.WIDTH, 0.6 + 0.2 * words + diagram_height(chart) / 72
    rows = 0
    if chart.kind in ("forest", "heatmap", "verdict", "tornado") or (
        chart.kind == "bar" and not upright(chart)
    ):
        names = distinct(chart.frame[chart.x if chart.kind == "bar" else chart.y])
        rows = sum(lines(row_label(name)) for name in names)
        if chart.kind != "heatmap":
            rows = max(rows, len(chart.frame))
    height = max(1.4 + 0.19 * words + 0.24 * rows, theme.HEIGHT, theme.HEIGHT + 0.2 * (words - 5))
    if chart.kind == "bubble":
        height = max(height, 1.6 + 0.19 * words + bubble_height(chart))
    named = [name for name, _ in chart.series()]
    if chart.kind in KEYS:
        named = [name for _, name in KEYS[chart.kind](chart, series_of(chart))]
    wrapped, columns = in_columns(named or [""], 0.775 * 72 * theme.WIDTH)
    tall = math.ceil(len(wrapped) / columns) * max(map(lines, wrapped))
    return theme.WIDTH, height + 0.18 * max(0, tall - 2)


def series_of(chart: Chart) -> list[Series]:
    """Return the series of a chart, each with its looks."""
    named = chart.series()
    looks = theme.styles(len(named), column=str(chart.group))
    return [Series(name, rows, style) for (name, rows), style in zip(named, looks, strict=True)]


def key_of(chart: Chart, series: list[Series], handles: list[Any]) -> list[tuple[Any, str]]:
    """Return marks and names for the key above the axes; a picture of one thing needs none."""
    if chart.kind in KEYS:
        return KEYS[chart.kind](chart, series)
    return [(mark, one.name) for mark, one in zip(handles, series, strict=True)] if len(handles) > 1 else []


def _compose(ax: Axes, chart: Chart, *, whole: bool) -> Axes:
    series = series_of(chart)
    if whole:
        caption(cast(Figure, ax.figure), chart)
    dress(ax, chart)
    key = key_of(chart, series, PAINTERS[chart.kind](ax, chart, series))
    direct = whole and chart.kind in ("step", "line")
    if key and not (direct and name_at_ends(ax, chart, series)):
        legend(ax, key)
    if not whole:
        caption_within(ax, chart)
    else:
        settle(ax)
    return ax

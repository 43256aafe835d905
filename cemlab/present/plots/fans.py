"""Quantiles of an amount over time: the median as a line, and nested bands around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cemlab.chart_words import fan_bands
from cemlab.present.plots.curves import scale_time
from cemlab.present.plots.scales import Series, floats, places, scale, span
from cemlab.present.theme import GREY

if TYPE_CHECKING:
    from cemlab.chart import Chart

_SHADES = (0.16, 0.26)  # of the colour in the outer band, and what the inner one adds to it


def paint_fan(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw the median over the outer and the inner band, each with edges that a printer keeps."""
    handles: list[Any] = []
    for one in series:
        at = places(one.rows[chart.x])
        for (low, high), shade in zip(_bands(chart), _SHADES, strict=False):
            lower, upper = floats(one.rows[low]), floats(one.rows[high])
            band = ax.fill_between(at, lower, upper)
            band.set(color=one.style.colour, alpha=shade, linewidth=0)
            for end in (lower, upper):
                ax.plot(at, end, color=one.style.colour, alpha=0.55, linewidth=0.7)
        handles += ax.plot(
            at,
            floats(one.rows[chart.y]),
            color=one.style.colour,
            linestyle=(0, one.style.dash) if one.style.dash else "-",
            linewidth=2.2,
        )
    low_end, high_end = span(chart, chart.y)
    edge = 0.04 * (high_end - low_end)
    scale(ax, chart, "y", (low_end - edge, high_end + edge))
    ax.margins(x=0.01)
    scale_time(ax, chart)
    return handles


def fan_key(chart: Chart, series: list[Series]) -> list[tuple[Any, str]]:
    """Return marks and names for the key: medians, then the bands, the inner first."""
    alone = len(series) == 1
    found: list[tuple[Any, str]] = []
    for one in series:
        line = Line2D([], [], color=one.style.colour, linewidth=2.2)
        line.set_linestyle((0, one.style.dash) if one.style.dash else "-")
        found.append((line, "Median" if alone else f"{one.name}: median"))
    colour = series[0].style.colour if alone else GREY
    shades = (_SHADES[0], sum(_SHADES))
    bands = [
        (Patch(facecolor=colour, alpha=shade), name[:1].upper() + name[1:])
        for name, shade in zip(fan_bands(chart), shades, strict=False)
    ]
    return found + bands[::-1]


def _bands(chart: Chart) -> list[tuple[str, str]]:
    """Return the columns of the bands, the outer first."""
    pairs = ((chart.low, chart.high), (chart.inner_low, chart.inner_high))
    return [(low, high) for low, high in pairs if low and high]

"""One picture that is drawn once and then only moved: what a slider shows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cemlab.errors import OptionError
from cemlab.present import theme
from cemlab.present.plots import PAINTERS, house_style, series_of, size_of
from cemlab.present.plots.frame import caption, dress, legend
from cemlab.present.plots.words import lines, note, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cemlab.chart import Chart

#: Kinds of charts that can be moved.
MOVABLE = ("bar", "forest")
#: Pixels per inch: those of a screen and a half, which is sharp enough and half the work of a picture to keep.
_DPI = 150
# Lines that claim and note may take without the axes moving.
_CLAIM_LINES, _NOTE_LINES = 3, 3


class LivePicture:
    """A persistent figure whose data, claim and note change while its frame stays.

    A picture of its own is composed anew each time: words measured, axes laid out. That takes longer than a
    hand on a slider waits. Here the frame is laid out once; a move draws the data again, and the axis of
    the estimates only ever grows, so that heights can be compared from move to move.

    Parameters
    ----------
    chart
        What to show first: bars or a forest.

    Raises
    ------
    OptionError
        If charts of this kind cannot be moved.
    """

    def __init__(self, chart: Chart) -> None:
        if chart.kind not in MOVABLE:
            raise OptionError(f"a {chart.kind} chart cannot be moved; there are: {', '.join(MOVABLE)}")
        self._build(chart)

    def png(self, chart: Chart) -> bytes:
        """Show another chart and return the picture, one and a half times a screen's resolution.

        A chart with other names on its axes or in its legend is laid out anew, which takes longer.

        Parameters
        ----------
        chart
            What to show now.
        """
        with house_style():
            if self._shape(chart) != self._built_for:
                self._build(chart)
            elif chart is not self._shown:
                self._move(chart)
            stream = io.BytesIO()
            # compressing harder costs more than the few kilobytes that it saves on the way to the browser
            self._figure.savefig(
                stream, format="png", dpi=_DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 1}
            )
        return stream.getvalue()

    def _build(self, chart: Chart) -> None:
        with house_style():
            self._figure = Figure(figsize=size_of(chart))
            FigureCanvasAgg(self._figure)
            ax = self._figure.add_subplot()
            caption(self._figure, chart, least_lines=(_CLAIM_LINES, _NOTE_LINES))
            dress(ax, chart)
            handles = PAINTERS[chart.kind](ax, chart, series_of(chart))
            if len(handles) > 1:
                legend(ax, handles, [name for name, _ in chart.series()])
            self._figure.draw_without_rendering()
        # what was laid out stays where it is
        self._figure.set_layout_engine("none")
        self._ax, self._built_for, self._shown = ax, self._shape(chart), chart

    def _move(self, chart: Chart) -> None:
        ax = self._ax
        along = ax.get_xlim(), ax.get_ylim()
        for artist in [*ax.patches, *ax.lines, *ax.collections, *ax.texts]:
            artist.remove()
        ax.containers.clear()
        PAINTERS[chart.kind](ax, chart, series_of(chart))
        _grow(ax, *along)
        width = 72 * float(self._figure.get_size_inches()[0])
        for text, words in zip(self._figure.texts, (title(chart, width), note(chart, width)), strict=True):
            text.set_text(words)
        self._shown = chart

    def _shape(self, chart: Chart) -> tuple[object, ...]:
        """Return what the frame depends on: while it stays the same, so does the frame."""
        width = 72 * theme.WIDTH
        return (
            chart.kind,
            chart.x_label,
            chart.y_label,
            tuple(map(str, chart.frame[chart.y if chart.kind == "forest" else chart.x])),
            tuple(name for name, _ in chart.series()),
            max(_CLAIM_LINES, lines(title(chart, width))),
            max(_NOTE_LINES, lines(note(chart, width))),
        )


def _grow(ax: Axes, across: tuple[float, float], along: tuple[float, float]) -> None:
    """Let both axes hold what they held before; an axis that runs downwards goes on doing so."""
    for held, now, put in ((across, ax.get_xlim(), ax.set_xlim), (along, ax.get_ylim(), ax.set_ylim)):
        outward = (min, max) if held[0] <= held[1] else (max, min)
        ends = tuple(cast(float, pick(pair)) for pick, pair in zip(outward, zip(held, now, strict=True), strict=True))
        put(*ends)

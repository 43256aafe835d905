"""One picture that is drawn once and then only moved: what a slider shows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from cemlab.errors import OptionError
from cemlab.present import theme
from cemlab.present.plots import KEYS, PAINTERS, house_style, key_of, series_of, size_of
from cemlab.present.plots.frame import caption, dress, legend, settle
from cemlab.present.plots.words import lines, note, title

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from cemlab.chart import Chart

#: Kinds of charts that can be moved.
MOVABLE = ("bar", "forest", "event", "fan", "tornado", "line", "step")
# Of these the axes find their limits in what is drawn.
_BY_DATA = ("line", "step")
# Pixels per inch: sharp enough for a screen, and half the work of a picture to keep.
_DPI = 130
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
        What to show first, of a kind that can be moved.

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
        """Show another chart and return the picture, a little sharper than a screen.

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
        return self._encoded()

    def _build(self, chart: Chart) -> None:
        with house_style():
            self._figure = Figure(figsize=size_of(chart), dpi=_DPI)
            self._canvas = FigureCanvasAgg(self._figure)
            ax = self._figure.add_subplot()
            caption(self._figure, chart, least_lines=(_CLAIM_LINES, _NOTE_LINES))
            dress(ax, chart)
            series = series_of(chart)
            key = key_of(chart, series, PAINTERS[chart.kind](ax, chart, series))
            if key:
                legend(ax, key)
            settle(ax)
            self._figure.draw_without_rendering()
            # what was laid out stays where it is, and the data are painted as every move will paint them
            self._figure.set_layout_engine("none")
            self._ax, self._built_for = ax, self._shape(chart)
            self._paint(chart)
        self._keep_frame()

    def _move(self, chart: Chart) -> None:
        ax, held = self._ax, (self._ax.get_xlim(), self._ax.get_ylim())
        self._paint(chart)
        _grow(ax, *held)
        width = 72 * float(self._figure.get_size_inches()[0])
        for text, words in zip(self._figure.texts, (title(chart, width), note(chart, width)), strict=True):
            text.set_text(words)
        if (ax.get_xlim(), ax.get_ylim()) == held:
            self._lay_data_over_frame()
        else:
            self._keep_frame()

    def _paint(self, chart: Chart) -> None:
        for artist in self._data():
            artist.remove()
        self._ax.containers.clear()
        if chart.kind in _BY_DATA:
            # what was drawn before must not hold the limits, nor those that it was given
            self._ax.relim()
            self._ax.autoscale()
        PAINTERS[chart.kind](self._ax, chart, series_of(chart))
        self._shown = chart

    def _data(self) -> list[Artist]:
        """Return what a move changes on the axes, from the back to the front."""
        ax = self._ax
        artists: list[Artist] = [*ax.patches, *ax.collections, *ax.lines, *ax.texts]
        return sorted(artists, key=lambda artist: artist.get_zorder())

    def _keep_frame(self) -> None:
        """Draw all that no move changes, ticks, names and legend, and keep it as it is."""
        moving = [*self._data(), *self._figure.texts]
        for artist in moving:
            artist.set_visible(False)
        self._canvas.draw()  # type: ignore[no-untyped-call]
        self._frame = self._canvas.copy_from_bbox(self._figure.bbox)  # type: ignore[no-untyped-call]
        for artist in moving:
            artist.set_visible(True)
        self._lay_data_over_frame()

    def _lay_data_over_frame(self) -> None:
        self._canvas.restore_region(self._frame)  # type: ignore[no-untyped-call]
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        for artist in [*self._data(), *self._figure.texts]:
            artist.draw(renderer)

    def _encoded(self) -> bytes:
        stream = io.BytesIO()
        pixels = np.asarray(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        picture = Image.fromarray(pixels[:, :, :3])
        # compressing harder costs more than the few kilobytes that it saves on the way to the browser
        picture.save(stream, format="png", compress_level=1)
        return stream.getvalue()

    def _shape(self, chart: Chart) -> tuple[object, ...]:
        """Return what the frame depends on: while it stays the same, so does the frame."""
        width = 72 * theme.WIDTH
        key = KEYS[chart.kind](chart, series_of(chart)) if chart.kind in KEYS else chart.series()
        return (
            chart.kind,
            chart.x_label,
            chart.y_label,
            tuple(map(str, chart.frame[chart.y if chart.kind in ("forest", "tornado") else chart.x])),
            # the marks or rows beside a name may change, the names not
            tuple(str(part) for pair in key for part in pair if isinstance(part, str)),
            max(_CLAIM_LINES, lines(title(chart, width))),
            max(_NOTE_LINES, lines(note(chart, width))),
        )


def _grow(ax: Axes, across: tuple[float, float], along: tuple[float, float]) -> None:
    """Let both axes hold what they held before; an axis that runs downwards goes on doing so."""
    for held, now, put in ((across, ax.get_xlim(), ax.set_xlim), (along, ax.get_ylim(), ax.set_ylim)):
        rising = held[0] <= held[1]
        first, last = (min, max) if rising else (max, min)
        put(first(held[0], now[0]), last(held[1], now[1]))

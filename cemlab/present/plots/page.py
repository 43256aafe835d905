"""A page of several pictures, tables and texts, each in its own region: measured, so that none is clipped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import blended_transform_factory

from cemlab.present.plots import PAINTERS, key_of, series_of
from cemlab.present.plots.frame import dress, legend
from cemlab.present.plots.words import LINE, lines, measure, wrap
from cemlab.present.theme import GREY, INK, PALE, SMALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cemlab.chart import Chart

_ASCENT = 0.95  # of a letter above its line, in font sizes
_ROWS = ("tornado", "forest", "verdict")  # kinds whose amounts lie along the lower axis
_SMALLER = 0.86  # text in a picture that is a part of a page, against one of its own
_CELL = 2  # lines of a cell
_LEAST = 30.0  # points across; smaller axes show nothing
_ROUNDS = 4  # of moving axes until what stands around them fits


class Region(NamedTuple):
    """A part of a page in points, from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    def below(self, taken: float) -> Region:
        """Return what is left under so many points."""
        return Region(self.left, self.top + taken, self.width, max(0.0, self.height - taken))


class Page:
    """A figure on which everything is placed in points from the upper left corner.

    Parameters
    ----------
    width, height
        In inches.
    """

    def __init__(self, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width, height))
        self.width, self.height = 72 * width, 72 * height

    def write(
        self, text: str, region: Region, *, size: float, bold: bool = False, colour: str = INK
    ) -> float:
        """Write text from the top of a region, wrapped to its width, and return the height that it takes."""
        weight = "bold" if bold else "normal"
        wrapped = wrap(text, region.width, size, weight)
        self._text(region.left, region.top, wrapped, size=size, weight=weight, color=colour)
        return height_of(text, region.width, size, bold=bold)

    def rule(self, region: Region, *, colour: str = PALE, width: float = 0.8) -> None:
        """Draw a line along the top of a region."""
        across = [region.left / self.width, (region.left + region.width) / self.width]
        up = 1 - region.top / self.height
        self.figure.add_artist(Line2D(across, [up, up], color=colour, linewidth=width))

    def draw(self, chart: Chart, region: Region) -> Axes:
        """Draw a chart with its claim, the title of its amounts and its key above it, within the region."""
        room = region.below(self.write(chart.claim, region, size=SMALL + 1.5, bold=True) + 1)
        # a title beside a small picture would take the room of its data
        side: Literal["x_label", "y_label"] = "x_label" if chart.kind in _ROWS else "y_label"
        room = room.below(self.write(getattr(chart, side), room, size=SMALL, colour=GREY) + 3)
        chart = replace(chart, x_label="" if side == "x_label" else chart.x_label, y_label="")
        ax = self.figure.add_axes(self._share(room))
        series = series_of(chart)
        for _ in range(_ROUNDS):
            # words are wrapped to the axes, and the axes moved by what the words take
            ax.clear()
            dress(ax, chart)
            key = key_of(chart, series, PAINTERS[chart.kind](ax, chart, series))
            if key:
                box = legend(ax, key, room=room.width)
                across = blended_transform_factory(self.figure.transFigure, ax.transAxes)
                box.set_bbox_to_anchor((room.left / self.width, 1), transform=across)
            for text in ax.findobj(Text):
                text.set_fontsize(_SMALLER * float(text.get_fontsize()))
            self._fit(ax, room)
        return ax

    def table(
        self, rows: Sequence[Sequence[str]], region: Region, *, size: float, right: Sequence[int] = ()
    ) -> int:
        """Write a table, its first row the header, and return how many of the other rows found room.

        The first column names the rows and is never cut; any other cell has two lines at most, and what is
        longer ends in an ellipsis.

        Parameters
        ----------
        rows
            Texts, all rows of the same length.
        region
            Where it stands; columns share its width by what stands in them.
        size
            Of the text in points.
        right
            Columns that are set to the right.
        """
        gap = size
        widths = column_widths(rows, region.width - gap * (len(rows[0]) - 1), size)
        top, bottom = region.top, region.top + region.height
        for at, row in enumerate(rows):
            weight = "normal" if at else "bold"
            cells = [shortened(text, width, size, weight) for text, width in zip(row, widths, strict=True)]
            cells[0] = wrap(row[0], widths[0], size, weight)
            tall = max(map(lines, cells)) * size * LINE + 0.45 * size
            if top + tall > bottom + 0.5:
                return at - 1
            left = region.left
            for column, (text, width) in enumerate(zip(cells, widths, strict=True)):
                edge, align = (left + width, "right") if column in right else (left, "left")
                self._text(edge, top + 0.2 * size, text, size=size, weight=weight, ha=align)
                left += width + gap
            top += tall
            self.rule(Region(region.left, top, region.width, 0), colour=PALE if at else INK)
        return len(rows) - 1

    def _text(self, left: float, top: float, text: str, *, size: float, **looks: Any) -> None:
        # line by line: a block of text begins where its tallest letter does, and neighbours would not align
        looks |= {"size": size, "va": "baseline", "parse_math": False}
        for at, line in enumerate(text.split("\n")):
            base = top + (at * LINE + _ASCENT) * size
            self.figure.text(left / self.width, 1 - base / self.height, line, **looks)

    def _share(self, region: Region) -> tuple[float, float, float, float]:
        """Return a region as matplotlib has it: left, bottom, width and height as shares of the figure."""
        bottom = self.height - region.top - region.height
        wide, high = region.width / self.width, region.height / self.height
        return region.left / self.width, bottom / self.height, wide, high

    def _fit(self, ax: Axes, room: Region) -> None:
        """Move the edges of the axes by what stands out of the region, or leaves it empty."""
        taken, inner = ax.get_tightbbox(), ax.get_window_extent()
        assert taken is not None  # the axes are visible
        pixel = 72 / self.figure.dpi
        bottom = self.height - room.top - room.height
        x0 = room.left + (inner.x0 - taken.x0) * pixel
        y0 = bottom + (inner.y0 - taken.y0) * pixel
        x1 = room.left + room.width - (taken.x1 - inner.x1) * pixel
        y1 = bottom + room.height - (taken.y1 - inner.y1) * pixel
        wide, high = max(_LEAST, x1 - x0), max(_LEAST, y1 - y0)
        ax.set_position((x0 / self.width, y0 / self.height, wide / self.width, high / self.height))


def height_of(text: str, width: float, size: float, *, bold: bool = False) -> float:
    """Return the height of text that is wrapped to a width, in points."""
    return lines(wrap(text, width, size, "bold" if bold else "normal")) * size * LINE


def shortened(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Wrap text to a width, cut to two lines; where it was cut stands an ellipsis."""
    wrapped = wrap(text, width, size, weight).split("\n")
    if len(wrapped) <= _CELL:
        return "\n".join(wrapped)
    last = wrapped[_CELL - 1]
    while last and measure(size, weight)(f"{last}…") > width:
        last = last[:-1]
    return "\n".join([*wrapped[: _CELL - 1], f"{last.rstrip(' ,.;:')}…"])


def column_widths(rows: Sequence[Sequence[str]], room: float, size: float) -> list[float]:
    """Return the widths of columns: as wide as their texts, the widest cut to one width until all fit.

    No column becomes narrower than its longest word, unless there is no room for that either.
    """
    plain, bold = measure(size), measure(size, "bold")
    widest, least = [], []
    for column in zip(*rows, strict=True):
        texts = [(bold if at == 0 else plain, text) for at, text in enumerate(column)]
        widest.append(max(width(text) for width, text in texts) + 0.5)
        least.append(max(width(word) for width, text in texts for word in text.split() or [""]) + 0.5)
    if sum(widest) <= room:
        spare = room - sum(widest)
        return [width + spare / len(widest) for width in widest]
    low, high = 0.0, max(widest)
    for _ in range(40):  # halvings: far below a point
        cut = (low + high) / 2
        fits = sum(max(need, min(width, cut)) for width, need in zip(widest, least, strict=True)) <= room
        low, high = (cut, high) if fits else (low, cut)
    found = [max(need, min(width, low)) for width, need in zip(widest, least, strict=True)]
    return [width * min(1.0, room / sum(found)) for width in found]

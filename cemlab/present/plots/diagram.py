"""Trees and graphs: boxes in columns from left to right, joined by links that may carry a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from cemlab.errors import DataError
from cemlab.markup import is_missing, label
from cemlab.present import theme
from cemlab.present.plots.layers import Place, chains, columns_of, settle
from cemlab.present.plots.scales import Series
from cemlab.present.plots.words import LINE, MARGIN, lines, measure, wrap
from cemlab.present.theme import GREY, INK, SMALL, TINY

if TYPE_CHECKING:
    from cemlab.chart import Chart

_INSIDE = 5.0  # points between the edge of a box and its words
_APART = 10.0  # points between two boxes of a column
_WIDEST = 130.0  # points that a box is wide at most
_GAP = 26.0  # points between two columns where no link carries words
_LABEL = 66.0  # points that the words at a link may take
_BEND = 20.0  # points of a gap, beside its words, in which links bend
_HEAD_END = 9.0  # points of a link that stay free for the head of its arrow
_HEAD = 20.0  # points for the names of the columns
_LANE = 22.0  # points for each link that leads back
_ALARM = "#B23A00"
_WIDTH = 72 * theme.WIDTH - 2 * MARGIN


@dataclass(frozen=True)
class _Link:
    start: str
    end: str
    text: str


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in points from the upper left."""

    places: dict[str, Place]
    texts: dict[str, str]  # of the boxes
    marks: dict[str, str]  # what is to be mended, under them
    levels: dict[str, str]
    ways: list[tuple[_Link, list[Place]]]  # forward links
    back: list[_Link]
    lefts: list[float]  # of the columns
    wide: float  # of a box
    size: float  # of the words in boxes
    height: float


@dataclass(frozen=True)
class _Spot:
    """Where the words of a link stand; the link runs level behind them."""

    left: float
    right: float
    y: float


def diagram_height(chart: Chart) -> float:
    """Return how many points of height the boxes and links need."""
    return _lay_out(chart).height + 2


def paint_diagram(ax: Axes, chart: Chart, series: list[Series]) -> list[Any]:
    """Draw boxes, links and the names of the columns; what is marked has a broken dark orange edge."""
    layout = _lay_out(chart)
    ax.set_xlim(0, _WIDTH)
    ax.set_ylim(layout.height, 0)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel("")
    ax.set_ylabel("")
    ax.spines["bottom"].set_visible(False)
    fills = {one.name: (one.style.colour, one.style.ink) for one in series}
    spots = _spots(layout)
    for at, (link, way) in enumerate(layout.ways):
        _draw_way(ax, layout, link, way, spots.get(at))
    for at, spot in spots.items():
        _write_label(ax, (spot.left + spot.right) / 2, spot.y, _wrapped(layout.ways[at][0].text))
    for lane, link in enumerate(layout.back):
        _draw_back(ax, layout, link, lane)
    for name in layout.places:
        _draw_box(ax, layout, name, *fills[layout.levels[name]])
    _write_heads(ax, layout, {name: ink for name, (_, ink) in fills.items()})
    return []


def _lay_out(chart: Chart) -> _Layout:
    levels, marks, links = _read(chart)
    columns = columns_of(levels, [(link.start, link.end) for link in links])
    count = max(columns.values()) + 1
    forward = [link for link in links if columns[link.start] < columns[link.end]]
    back = [link for link in links if columns[link.start] >= columns[link.end]]
    gaps = [_GAP] * (count - 1)
    for link in forward:
        if link.text:
            at = columns[link.start]
            gaps[at] = max(gaps[at], _room(link.text) + _BEND)
    edge = 12.0 if back else 1.0
    wide = min(_WIDEST, max(40.0, (_WIDTH - sum(gaps) - 2 * edge) / count))
    spare = max(0.0, _WIDTH - sum(gaps) - 2 * edge - count * wide)
    gaps = [gap + spare / len(gaps) for gap in gaps]
    edge += 0.0 if gaps else spare / 2
    size = SMALL if wide >= 84 else TINY
    texts = {name: wrap(name, wide - 2 * _INSIDE, size) for name in levels}
    below = {name: wrap(mark, wide - 2 * _INSIDE, TINY, "bold") for name, mark in marks.items() if mark}
    heights = {name: _tall(texts[name], below.get(name, ""), size) + _APART for name in levels}
    by_column, ways = chains(columns, heights, [(link.start, link.end) for link in forward])
    written = [_heights([link for link in forward if columns[link.start] == at]) for at in range(count)]
    tall = settle(by_column, at_least=1.2 * max(map(sum, written)))
    lefts = [edge + sum(gaps[:at]) + at * wide for at in range(count)]
    places = {place.name: place for column in by_column for place in column if place.name}
    return _Layout(
        places={name: places[name] for name in levels},
        texts=texts,
        marks=below,
        levels=levels,
        ways=list(zip(forward, ways, strict=True)),
        back=back,
        lefts=lefts,
        wide=wide,
        size=size,
        height=_HEAD + tall + _LANE * len(back),
    )


def _read(chart: Chart) -> tuple[dict[str, str], dict[str, str], list[_Link]]:
    levels: dict[str, str] = {}
    marks: dict[str, str] = {}
    links: list[_Link] = []
    columns = (chart.x, chart.y, cast(str, chart.group), cast(str, chart.value))
    for x, y, level, text in zip(*(chart.frame[name].tolist() for name in columns), strict=True):
        words, name = "" if is_missing(text) or text is None else str(text), label(y)
        if x is not None and not is_missing(x):
            links.append(_Link(label(x), name, words))
        elif name in levels:
            raise DataError(f"the box {name!r} of the diagram is given twice; give each box one row")
        else:
            levels[name], marks[name] = label(level), words
    for link in links:
        if gone := {link.start, link.end} - set(levels):
            raise DataError(
                f"the diagram links {link.start!r} to {link.end!r}, but {min(gone)!r} has no box; add its row"
            )
    if not levels:
        raise DataError("the diagram has links and no boxes; give each box a row")
    return levels, marks, links


def _tall(text: str, mark: str, size: float) -> float:
    return lines(text) * size * LINE + lines(mark) * TINY * LINE + 2 * _INSIDE


def _wrapped(text: str) -> str:
    return "\n".join(wrap(line, _LABEL, TINY) for line in text.split("\n"))


def _heights(links: list[_Link]) -> list[float]:
    return [lines(_wrapped(link.text)) * TINY * LINE + 3 for link in links if link.text]


def _kept_within(places: list[float], heights: list[float], top: float, bottom: float) -> list[float]:
    """Push labels that do not overlap down from the top edge, then up from the bottom one."""
    kept = list(places)
    order = sorted(range(len(kept)), key=kept.__getitem__)
    edge = top
    for at in order:
        kept[at] = max(kept[at], edge + heights[at] / 2)
        edge = kept[at] + heights[at] / 2
    edge = bottom
    for at in reversed(order):
        kept[at] = min(kept[at], edge - heights[at] / 2)
        edge = kept[at] - heights[at] / 2
    return kept


def _room(text: str) -> float:
    return max(map(measure(TINY), _wrapped(text).split("\n")))


def _draw_box(ax: Axes, layout: _Layout, name: str, colour: str, ink: str) -> None:
    place, mark = layout.places[name], layout.marks.get(name, "")
    left, tall = layout.lefts[place.column], place.height - _APART
    top = _HEAD + place.y - tall / 2
    box = FancyBboxPatch((left, top), layout.wide, tall, boxstyle="round,pad=0,rounding_size=4", zorder=3)
    box.set(facecolor="white" if mark else _pale(colour), edgecolor=_ALARM if mark else ink)
    box.set(linewidth=1.6 if mark else 0.9, linestyle=(0, (4, 2)) if mark else "-", clip_on=False)
    ax.add_patch(box)
    middle = left + layout.wide / 2
    text = layout.texts[name]
    share = lines(text) * layout.size * LINE
    common: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "linespacing": LINE,
        "zorder": 4,
        "parse_math": False,
    }
    ax.text(middle, top + _INSIDE + share / 2, text, size=layout.size, color=INK, **common)
    if mark:
        at = top + _INSIDE + share + lines(mark) * TINY * LINE / 2
        ax.text(middle, at, mark, size=TINY, color=_ALARM, weight="bold", **common)


def _draw_way(ax: Axes, layout: _Layout, link: _Link, way: list[Place], spot: _Spot | None) -> None:
    """Draw a link as one smooth line; it runs level behind its words and through columns that it passes."""
    points = [(layout.lefts[way[0].column] + layout.wide, _HEAD + way[0].y)]
    codes: list[Any] = [Path.MOVETO]
    if spot:
        _bend(points, codes, spot.left, spot.y)
        _level(points, codes, spot.right)
    for at, place in enumerate(way[1:], start=1):
        x = layout.lefts[place.column]
        _bend(points, codes, x, _HEAD + place.y)
        if at < len(way) - 1:
            _level(points, codes, x + layout.wide)
    _add_line(ax, Path(points, codes), arrow=bool(link.text), dashed=False)


def _bend(points: list[tuple[float, float]], codes: list[Any], x: float, y: float) -> None:
    last = points[-1]
    half = (last[0] + x) / 2
    points += [(half, last[1]), (half, y), (x, y)]
    codes += [Path.CURVE4] * 3


def _level(points: list[tuple[float, float]], codes: list[Any], x: float) -> None:
    points.append((x, points[-1][1]))
    codes.append(Path.LINETO)


def _draw_back(ax: Axes, layout: _Layout, link: _Link, lane: int) -> None:
    """Draw a link that leads back as a broken line under everything."""
    start, end = layout.places[link.start], layout.places[link.end]
    right = layout.lefts[start.column] + layout.wide
    left = layout.lefts[end.column]
    low = layout.height - _LANE * (len(layout.back) - lane) + _LANE / 2
    out, into = 5.0 + 2 * (lane % 3), 5.0 + 2 * (lane % 3)
    corners = [(right, _HEAD + start.y), (right + out, _HEAD + start.y), (right + out, low)]
    corners += [(left - into, low), (left - into, _HEAD + end.y), (left, _HEAD + end.y)]
    _add_line(ax, Path(corners), arrow=True, dashed=True)
    if link.text:
        text = link.text.replace("\n", " ")
        # so much white that a dash of the line is not taken for a minus
        _write_label(ax, (left + right) / 2, low, text, white=4.0)


def _add_line(ax: Axes, path: Path, *, arrow: bool, dashed: bool) -> None:
    line = FancyArrowPatch(path=path, arrowstyle="-|>" if arrow else "-", mutation_scale=8, zorder=2)
    line.set(facecolor=GREY if arrow else "none", edgecolor=GREY, linewidth=1.1, clip_on=False)
    line.set_linestyle((0, (4, 2)) if dashed else "-")
    ax.add_patch(line)


def _spots(layout: _Layout) -> dict[int, _Spot]:
    """Return where the words of links stand, in the gap where each begins, by the number of the link.

    Words stand level with the end that their link shares with no other, beside the tail where they can; where
    both ends are shared, half way. Words that would meet are moved apart, and their links with them.
    """
    spots: dict[int, _Spot] = {}
    bottom = layout.height - _LANE * len(layout.back)
    for column, left in enumerate(layout.lefts[:-1]):
        here = [at for at, (link, way) in enumerate(layout.ways) if link.text and way[0].column == column]
        if not here:
            continue
        gap = (left + layout.wide, layout.lefts[column + 1])
        shares = [_share(layout.ways[at][1][:2]) for at in here]
        ends = [layout.ways[at][1][:2] for at in here]
        wished = [_HEAD + a.y + share * (b.y - a.y) for share, (a, b) in zip(shares, ends, strict=True)]
        heights = _heights([layout.ways[at][0] for at in here])
        placed = _kept_within(theme.spread(wished, heights), heights, _HEAD, bottom)
        for at, share, y in zip(here, shares, placed, strict=True):
            wide = _room(layout.ways[at][0].text)
            first = gap[0] + 3 + share * (gap[1] - gap[0] - wide - 3 - _HEAD_END)
            spots[at] = _Spot(first, first + wide, y)
    return spots


def _share(ends: Sequence[Place]) -> float:
    """Return how far along its first gap a link has its words: 0 at the tail, 1 at the head."""
    tail, head = ends
    if len(tail.after) == 1:
        return 0.0
    return 1.0 if len(head.before) == 1 else 0.5


def _write_label(ax: Axes, x: float, y: float, text: str, *, white: float = 0.6) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": white}
    ax.text(
        x, y, text, size=TINY, ha="center", va="center", color=INK, bbox=box, zorder=5,
        linespacing=1.1, parse_math=False,
    )  # fmt: skip


def _write_heads(ax: Axes, layout: _Layout, inks: dict[str, str]) -> None:
    for level, ink in inks.items():
        columns = [place.column for name, place in layout.places.items() if layout.levels[name] == level]
        if columns:
            left, right = layout.lefts[min(columns)], layout.lefts[max(columns)] + layout.wide
            text = wrap(level, right - left, SMALL, "bold")
            common: dict[str, Any] = {"ha": "center", "va": "top", "parse_math": False}
            ax.text((left + right) / 2, 2, text, size=SMALL, weight="bold", color=ink, **common)


def _pale(colour: str) -> str:
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - 0.16 * (255 - part)):02X}" for part in parts)

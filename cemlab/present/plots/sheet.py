"""The one-page sheet as a figure: headline, figures, fan, tornado, links, thresholds and ledger."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from cemlab.errors import OptionError, one_of
from cemlab.present.plots import house_style
from cemlab.present.plots.page import Page, Region, height_of
from cemlab.present.plots.words import measure
from cemlab.present.theme import GREY, INK, SMALL, TINY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cemlab.chart import Chart
    from cemlab.present.cfo_content import Fact
    from cemlab.present.cfo_sheet import CfoSheet

Paper = Literal["16:9", "A4"]

_INCHES = {"16:9": (13.333, 7.5), "A4": (8.268, 11.693)}
_MARGIN = 26.0  # points around the page
_GAP = 16.0  # between its parts
# Sizes of text, the largest that fits is taken: of the title, of the figures, of sentences.
_TITLES, _VALUES, _WORDS = (
    (18.0, 17.0, 16.0, 15.0),
    (17.0, 16.0, 15.0, 14.0, 13.0, 12.0),
    (8.5, 8.0, 7.5, 7.0, 6.5, 6.0),
)
# Points of a row of the tornado, its name in two lines; and of what stands around the data of a picture.
_ROW, _AROUND = 20.0, 62.0
_NUMBERS = (1, 2, 3)  # columns of the ledger that hold numbers


def draw_sheet(sheet: CfoSheet, *, paper: Paper = "16:9") -> Figure:
    """Draw the sheet on one page.

    Raises
    ------
    OptionError
        If there is no such paper.
    """
    if paper not in get_args(Paper):
        raise OptionError(one_of(paper, get_args(Paper), what="paper"))
    page = Page(*_INCHES[paper])
    with house_style():
        rest = _head(page, sheet)
        foot = page.height - 0.7 * _MARGIN - height_of(sheet.note, rest.width, TINY)
        page.write(sheet.note, Region(rest.left, foot, rest.width, 0), size=TINY, colour=GREY)
        room = Region(rest.left, rest.top, rest.width, foot - rest.top - 8)
        (_wide if paper == "16:9" else _tall)(page, sheet, room)
    return page.figure


def _head(page: Page, sheet: CfoSheet) -> Region:
    """Write title, what is asked for and the figures; return what is left of the page."""
    room = Region(_MARGIN, _MARGIN - 6, page.width - 2 * _MARGIN, page.height - 2 * _MARGIN)
    room = room.below(page.write(sheet.kind, room, size=SMALL + 1, bold=True, colour=GREY) + 1)
    size = _largest([sheet.title], room.width, _TITLES)
    room = room.below(page.write(sheet.title, room, size=size, bold=True) + 2)
    if sheet.ask:
        room = room.below(page.write(sheet.ask, room, size=SMALL + 1.5) + 2)
    room = room.below(5)
    page.rule(room, colour=INK, width=1.2)
    return _facts(page, sheet.facts, room.below(7))


def _facts(page: Page, facts: tuple[Fact, ...], room: Region) -> Region:
    """Write the figures side by side, in as few rows as leave their values whole."""
    for per_row in range(len(facts), 0, -1):
        wide = (room.width - _GAP * (per_row - 1)) / per_row
        size = _largest([fact.value for fact in facts], wide, _VALUES)
        if all(measure(size, "bold")(fact.value) <= wide for fact in facts):
            break
    per_row = math.ceil(len(facts) / math.ceil(len(facts) / per_row))  # rows of about the same length
    wide = (room.width - _GAP * (per_row - 1)) / per_row
    for start in range(0, len(facts), per_row):
        row = facts[start : start + per_row]
        names = max(height_of(fact.name, wide, SMALL) for fact in row)
        taken = 0.0
        for k, fact in enumerate(row):
            place = Region(room.left + k * (wide + _GAP), room.top, wide, 0)
            page.write(fact.name, place, size=SMALL, colour=GREY)
            value = page.write(fact.value, place.below(names), size=size, bold=True)
            detail = page.write(fact.detail, place.below(names + value), size=SMALL - 0.5)
            taken = max(taken, names + value + detail)
        room = room.below(taken + 8)
    return room


def _largest(texts: list[str], width: float, sizes: tuple[float, ...]) -> float:
    """Return the largest bold size in which each text takes one line; the smallest if none does."""
    fits = (size for size in sizes if all(measure(size, "bold")(text) <= width for text in texts))
    return next(fits, sizes[-1])


def _wide(page: Page, sheet: CfoSheet, room: Region) -> None:
    """Place two pictures and a column of words beside each other, the ledger below them."""
    upper = 0.575 * room.height
    parts = _columns(room._replace(height=upper - _GAP), (0.31, 0.39, 0.30))
    fan, tornado = sheet.panels
    page.draw(fan, parts[0])
    page.draw(_widest(tornado, parts[1]), parts[1])
    _words(page, sheet, parts[2])
    _ledger(page, sheet, room.below(upper))


def _tall(page: Page, sheet: CfoSheet, room: Region) -> None:
    """Place the fan beside the words, tornado and ledger below them."""
    fan, tornado = sheet.panels
    upper, middle = 0.32 * room.height, 0.33 * room.height
    left, right = _columns(room._replace(height=upper - _GAP), (0.46, 0.54))
    page.draw(fan, left)
    _words(page, sheet, right)
    room = room.below(upper)
    place = room._replace(height=middle - _GAP)
    page.draw(_widest(tornado, place), place)
    _ledger(page, sheet, room.below(middle), size=6.8)


def _widest(tornado: Chart, place: Region) -> Chart:
    """Return the first rows of the tornado, as many as find room for names of two lines."""
    return replace(tornado, frame=tornado.frame.head(max(3, int((place.height - _AROUND) / _ROW))))


def _columns(room: Region, shares: tuple[float, ...]) -> list[Region]:
    width = room.width - _GAP * (len(shares) - 1)
    lefts = [room.left + sum(shares[:k]) * width + k * _GAP for k in range(len(shares))]
    return [
        Region(left, room.top, share * width, room.height) for left, share in zip(lefts, shares, strict=True)
    ]


def _heading(page: Page, text: str, room: Region) -> Region:
    return room.below(page.write(text, room, size=SMALL + 1.5, bold=True) + 3)


def _words(page: Page, sheet: CfoSheet, room: Region) -> None:
    """Write the grade of each link and what would turn the case, in the largest size that fits."""
    links = [(row["strength"], f"{row['link']}: {row['grade']}") for _, row in sheet.links.iterrows()]
    killers = [("•", line) for line in sheet.killers]
    around = 2 * height_of("A", room.width, SMALL + 1.5) + 12
    for size in _WORDS:
        tall = around + _height(links, room, size) + _height(killers, room, size)
        if tall <= room.height:
            break
    rest = _lines(page, links, _heading(page, "How sure is each link?", room), size)
    _lines(page, killers, _heading(page, sheet.question, rest.below(6)), size)


def _lines(page: Page, lines: list[tuple[str, str]], room: Region, size: float) -> Region:
    """Write lines with a mark before each, as many as find room, and return what is left."""
    for at, (mark, line) in enumerate(lines):
        text = _indented(mark, room, size)
        tall = height_of(line, text.width, size)
        if tall > room.height + 1:
            page.write(f"… and {len(lines) - at} more", room, size=size, colour=GREY)
            return room.below(room.height)
        page.write(mark, room, size=size)
        page.write(line, text, size=size)
        room = room.below(tall + 2)
    return room


def _height(lines: list[tuple[str, str]], room: Region, size: float) -> float:
    return sum(height_of(line, _indented(mark, room, size).width, size) + 2 for mark, line in lines)


def _indented(mark: str, room: Region, size: float) -> Region:
    """Return the place of the words beside their mark."""
    wide = measure(size)(mark) + 0.6 * size
    return room._replace(left=room.left + wide, width=room.width - wide)


def _ledger(page: Page, sheet: CfoSheet, room: Region, *, size: float = TINY) -> None:
    """Write as many entries as find room, those first that move the result most, and how many are left."""
    inner = _heading(page, "What the figures rest on", room)
    rows = [list(map(str, sheet.ledger.columns)), *sheet.ledger.astype(str).to_numpy().tolist()]
    last = 1.6 * TINY
    shown = page.table(rows, inner._replace(height=inner.height - last), size=size, right=_NUMBERS)
    if shown < len(rows) - 1:
        left = len(rows) - 1 - shown
        foot = Region(room.left, room.top + room.height - last + 2, room.width, last)
        page.write(f"… and {left} more in the ledger", foot, size=TINY, colour=GREY)

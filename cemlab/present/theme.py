"""The house theme as plain data, and the arithmetic of setting text: nothing here draws.

Series differ in colour, in lightness and in line, marker or hatch, so that a picture survives colour
blindness and a grey printer.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cemlab.errors import OptionError

#: Inches; a picture grows downwards only where its rows or its words need it.
WIDTH, HEIGHT = 8.0, 4.5
#: Pixels per inch of a PNG: twice the 100 of a screen.
DPI = 200

INK, GREY, PALE = "#222222", "#666666", "#E3E3E3"
TITLE, TEXT, SMALL, TINY = 13.0, 10.0, 9.0, 7.5

#: Laid over seaborn's "whitegrid". No text is ever read as mathematics: "$" is a currency here.
RC: dict[str, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "hatch.linewidth": 0.8,
    "figure.dpi": 100,
}


@dataclass(frozen=True, kw_only=True)
class SeriesStyle:
    """How one series looks.

    Parameters
    ----------
    colour
        Hexadecimal, from the palette of Okabe and Ito (2008), without its yellow, which white paper swallows.
    dash
        Dash pattern in points; empty for a solid line.
    marker
        Marker of points.
    hatch
        Hatching of bars.
    """

    colour: str
    dash: tuple[float, ...]
    marker: str
    hatch: str

    @property
    def ink(self) -> str:
        """The colour, darkened until words in it can be read on white (contrast 4.5 to 1)."""
        shade = _rgb(self.colour)
        while 1.05 / (_luminance(shade) + 0.05) < 4.5:
            shade = tuple(0.95 * part for part in shade)
        return _hex(shade)

    @property
    def fill(self) -> str:
        """The colour of a bar's body: full for the first series, pale under the hatching of the others."""
        return _hex(tuple(1 - 0.3 * (1 - part) for part in _rgb(self.colour))) if self.hatch else self.colour


STYLES: tuple[SeriesStyle, ...] = tuple(
    SeriesStyle(colour=colour, dash=dash, marker=marker, hatch=hatch)
    for colour, dash, marker, hatch in (
        ("#0072B2", (), "o", ""),
        ("#D55E00", (5, 2), "s", "////"),
        ("#009E73", (6, 1.5, 1.2, 1.5), "^", "...."),
        ("#C2609A", (1.2, 1.2), "D", "\\\\\\\\"),
        ("#333333", (9, 2.5), "v", "xxxx"),
        ("#56B4E9", (3, 1.2), "P", "----"),
        ("#E69F00", (7, 1.5, 1.2, 1.5, 1.2, 1.5), "X", "++"),
        ("#882255", (1, 2.5), "*", "oo"),
    )
)


def styles(count: int, *, column: str) -> tuple[SeriesStyle, ...]:
    """Return the looks of so many series.

    Raises
    ------
    OptionError
        If there are more series than an eye can tell apart.

    Examples
    --------
    >>> [style.colour for style in styles(2, column="plan")]
    ['#0072B2', '#D55E00']
    """
    if count > len(STYLES):
        raise OptionError(
            f"the column {column!r} has {count} groups; a picture tells at most {len(STYLES)} apart: "
            "draw the groups that matter, or sum up the small ones first"
        )
    return STYLES[:count]


def wrap(text: str, room: float, *, measure: Callable[[str], float]) -> str:
    """Break a text into lines no wider than `room`, inside a word only where it must be.

    Parameters
    ----------
    text
        Any text; characters that do not print, line breaks too, count as spaces.
    room, measure
        The width of a line, and the function that gives the width of a text in the same unit.

    Examples
    --------
    >>> wrap("Yearly contracts keep more", 12, measure=len).splitlines()
    ['Yearly', 'contracts', 'keep more']
    >>> wrap("Of the tier 0.9 % were", 15, measure=len).splitlines()
    ['Of the tier', '0.9 % were']
    >>> wrap("internationalisation", 12, measure=len).splitlines()
    ['internationa', 'lisation']
    """
    lines: list[str] = []
    # a percentage stays in one piece
    for word in re.findall(r"\S+(?: %)?", printable(text)):
        if lines and measure(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
            continue
        while len(word) > 1 and measure(word) > room:
            # a longer beginning is wider, so the last that fits is found by halving
            end = max(1, bisect_right(range(len(word)), room, lo=1, key=lambda n: measure(word[:n])) - 1)
            lines.append(word[:end])
            word = word[end:]
        lines.append(word)
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return the text with a space in place of each character that does not print."""
    return "".join(char if char.isprintable() else " " for char in text)


def spread(places: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Move labels as little as possible (in squares) until none overlaps its neighbour.

    Parameters
    ----------
    places, sizes
        Of shape (n,): the wished centre and the height of each label, in one unit.

    Returns
    -------
    list of float
        The centres, in the order of the input: an isotonic regression, by pooling adjacent violators.

    Examples
    --------
    >>> spread([10.0, 11.0, 40.0], [4.0, 4.0, 4.0])
    [8.5, 12.5, 40.0]
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    ahead = [0.0]
    for before, after in pairwise(order):
        ahead.append(ahead[-1] + (sizes[before] + sizes[after]) / 2)
    pools: list[list[float]] = []
    for shift, label in zip(ahead, order, strict=True):
        pools.append([places[label] - shift])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            last = pools.pop()
            pools[-1].extend(last)
    settled = [_mean(pool) for pool in pools for _ in pool]
    result = [0.0] * len(places)
    for shift, label, place in zip(ahead, order, settled, strict=True):
        result[label] = place + shift
    return result


def ratio_ticks(low: float, high: float) -> list[float]:
    """Return the plain numbers to mark on a logarithmic axis: the roundest set with at least three.

    Examples
    --------
    >>> ratio_ticks(0.3, 3.1)
    [0.5, 1.0, 2.0]
    >>> ratio_ticks(0.85, 1.3)
    [0.9, 1.0, 1.1, 1.2, 1.3]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)):
        ticks = [round(step * 10.0**k, 12 - k) for k in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= 3:
            return ticks[:: math.ceil(len(ticks) / 9)]
    # The range is so narrow that even steps look even on the logarithmic axis too.
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def readable(background: tuple[float, float, float]) -> str:
    """Return the colour of text, dark or white, that contrasts more with a background of shares 0 to 1.

    Examples
    --------
    >>> readable((1.0, 1.0, 1.0)), readable((0.04, 0.31, 0.51))
    ('#222222', '#FFFFFF')
    """
    shade = _luminance(background) + 0.05
    return INK if shade / (_luminance(_rgb(INK)) + 0.05) > 1.05 / shade else "#FFFFFF"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


def _hex(parts: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)


def _luminance(parts: tuple[float, ...]) -> float:
    # relative luminance of WCAG 2
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

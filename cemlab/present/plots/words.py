"""Words on a picture: measured and wrapped, so that none is clipped."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from cemlab.markup import label
from cemlab.present import theme
from cemlab.present.theme import SMALL, TITLE

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.chart import Chart

LINE = 1.25  # from one line of text to the next, in font sizes
MARGIN = 9.0  # points of white around a picture


def measure(size: float, weight: str = "normal") -> Callable[[str], float]:
    """Return the function that gives the width of a text in points."""
    return lambda text: _width(text, size, weight)


@lru_cache(maxsize=4096)
def _width(text: str, size: float, weight: str) -> float:
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    # unhinted; the rasteriser may set it up to 2 % wider
    return 1.02 * float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def wrap(text: str, room: float, size: float, weight: str = "normal") -> str:
    """Break a text into lines of at most `room` points."""
    return theme.wrap(text, room, measure=measure(size, weight))


def lines(text: str) -> int:
    """Count the lines of a text."""
    return text.count("\n") + 1 if text else 0


def title(chart: Chart, width: float) -> str:
    """Return the claim in lines of about the same length, for a picture so many points wide."""
    room = width - 2 * MARGIN
    best = wrap(chart.claim, room, TITLE, "bold")
    for share in (0.9, 0.8, 0.7, 0.6):
        narrower = wrap(chart.claim, share * room, TITLE, "bold")
        if lines(narrower) > lines(best):
            break
        best = narrower
    return best


def note(chart: Chart, width: float) -> str:
    """Return the note in lines, for a picture so many points wide."""
    return wrap(chart.note, width - 2 * MARGIN, SMALL)


def row_label(name: str, data: float = 72 * theme.WIDTH) -> str:
    """Return the name of a row in lines that leave most of the width to the data, so many points wide."""
    return wrap(name, min(0.3 * 72 * theme.WIDTH, 0.6 * data), SMALL)


def names(values: pd.Series[Any]) -> list[str]:
    """Return the names of groups or categories, row by row."""
    return [label(value) for value in values.tolist()]

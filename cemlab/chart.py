"""Chart: what to draw, apart from how it is drawn.

A chart holds the small frame behind a picture, which column is which, the units and the message.
The plotting backend, chosen by name as in pandas, draws it; this module never imports one.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from cemlab.chart_words import DESCRIBERS
from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Grade, refuse_causal_claim
from cemlab.markup import is_missing, label, number, percent

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal[
    "step", "line", "bar", "heatmap", "forest", "histogram", "scatter", "bubble", "diagram", "verdict",
    "event", "fan", "tornado", "contour",
]  # fmt: skip

# A picture of one of these kinds shows estimates, and an estimate is never shown without its interval.
_NEEDS_INTERVAL = ("step", "bar", "forest", "verdict", "event", "fan", "tornado")
# Columns that come in pairs, the lower first.
_PAIRS = (
    ("low", "high"),
    ("band_low", "band_high"),
    ("inner_low", "inner_high"),
    ("low_label", "high_label"),
)

_backend = "cemlab.present.plots"


def set_plotting_backend(name: str) -> None:
    """Choose the module that draws charts.

    Parameters
    ----------
    name
        An importable module with the functions ``draw(chart, ax=None)`` and ``png(chart)``.

    Raises
    ------
    OptionError
        If there is no such module, or it lacks one of the functions.
    """
    global _backend
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise OptionError(f"no plotting backend named {name!r} can be imported: {error}") from error
    missing = [function for function in ("draw", "png") if not callable(getattr(module, function, None))]
    if missing:
        raise OptionError(f"the module {name!r} is no plotting backend: it lacks {' and '.join(missing)}")
    _backend = name


def plotting_backend() -> ModuleType:
    """Return the module that draws charts."""
    return importlib.import_module(_backend)


@dataclass(frozen=True, eq=False, kw_only=True)
class Chart:
    """What to draw.

    Parameters
    ----------
    kind
        ``"step"`` and ``"line"`` with a band, ``"bar"`` with intervals, ``"heatmap"``, ``"forest"``
        (estimates with intervals, one a row), ``"histogram"`` (counted bins), ``"scatter"``, ``"bubble"``
        (marks whose area is a number, on a grid of classes or on axes of numbers), ``"diagram"`` (boxes in
        columns, joined by links) or ``"verdict"`` (a forest whose rows are judged: the verdict, "red",
        "green" or another word, stands in `group`), ``"event"`` (estimates over the time from an event on,
        each with its interval), ``"fan"`` (quantiles of an amount over time, as nested bands),
        ``"tornado"`` (what an outcome becomes at both ends of each assumption, one a row) or ``"contour"``
        (a number on a grid of numbers, with lines of equal height and points that are marked).
    frame
        The rows behind the picture, tidy.
    x, y
        The columns on the two axes. A bar chart has its categories on `x`; a forest its terms on `y`
        and estimates on `x`; a histogram the lower edge of each bin on `x` and counts on `y`. A diagram has
        one row a box, `x` missing and its name on `y`, and one row a link, from `x` to `y`. A bubble chart
        may have classes on either: text in the order of the frame, or of its categories. A fan has the
        median on `y`. A tornado has its assumptions on `y` and the outcome to start from, the same in all
        rows, on `x`.
    value
        The column shown in the cells of a heat map, or the height of a contour; in a diagram, what stands at
        a link, or under a box that is to be marked.
    size
        The column that the area of a bubble stands for, 0 or more; the picture shows its name.
    low, high
        The interval's columns; required for kinds that show estimates. Of a fan: the outer band. Of a
        tornado: the outcome at the lowest and at the highest value of the assumption, in this order even
        where the first is the larger.
    band_low, band_high
        Of an event chart: columns of a band that holds for all points at once.
    inner_low, inner_high
        Of a fan: columns of the inner band.
    low_label, high_label
        Of a tornado: columns with the lowest and the highest value of the assumption, written at the bars.
    mark
        Of a contour: the column with the names of points to be marked; missing in the rows of the grid.
    group
        The column that tells several series apart; in a diagram, the column of boxes in which `y` stands.
    x_label, y_label
        Axis titles with units.
    claim
        The message, as the title.
    note
        The line under the picture: rows used, design grade, source.
    grade
        The design grade; a claim of cause is refused where it does not allow one.
    percent
        Whether the values are shares to be shown as percentages.
    log
        Whether the axis of the estimates is logarithmic (ratios); of bubbles, both axes of numbers.
    reference
        A value at which to draw a reference line, e.g. 1 for a ratio.
    band
        Of a verdict: the range within which a value is tolerated.
    limits
        Of a verdict: the range beyond which nothing is drawn; an arrow stands at its edge.
    begins
        Of an event chart: the value of `x` from which on units are treated. A line stands half a step
        before it, and points further left have hollow marks of another shape.
    levels
        Shares between 0 and 1 that the key names: of an event chart, of its intervals and of its band; of a
        fan, of its outer and of its inner band.

    Raises
    ------
    OptionError, ColumnError, DesignError
        For an unknown kind, a missing column, a missing interval, no rows, or a claim that the design
        does not allow.
    """

    kind: Kind
    frame: pd.DataFrame
    x: str
    y: str
    x_label: str
    y_label: str
    claim: str
    grade: Grade
    note: str = ""
    value: str | None = None
    size: str | None = None
    low: str | None = None
    high: str | None = None
    band_low: str | None = None
    band_high: str | None = None
    inner_low: str | None = None
    inner_high: str | None = None
    low_label: str | None = None
    high_label: str | None = None
    mark: str | None = None
    group: str | None = None
    percent: bool = False
    log: bool = False
    reference: float | None = None
    band: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    begins: Any = None
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise OptionError(one_of(self.kind, get_args(Kind), what="chart kind"))
        if self.kind in _NEEDS_INTERVAL and not (self.low and self.high):
            article = "an" if self.kind == "event" else "a"
            raise DesignError(
                f"{article} {self.kind} chart shows estimates, so it needs the columns low and high"
            )
        for pair in _PAIRS:
            low, high = (getattr(self, name) for name in pair)
            if bool(low) != bool(high):
                raise OptionError(
                    f"an interval has two ends: {pair[0]}={low!r}, {pair[1]}={high!r}; name both or none"
                )
        if self.kind == "heatmap" and not self.value:
            raise OptionError("a heat map needs the column of its cells: value=…")
        if self.kind == "contour" and (not self.value or self.group):
            raise OptionError(
                "a contour needs the column of its heights, value=…, and has one series: no group"
            )
        if self.kind == "bubble" and not self.size:
            raise OptionError("a bubble chart needs the column that the areas stand for: size=…")
        if self.kind == "verdict" and not self.group:
            raise OptionError("a chart of verdicts needs the column that holds them: group=…")
        if self.kind == "diagram" and not (self.value and self.group):
            raise OptionError("a diagram needs the columns of its words and its levels: value=…, group=…")
        if self.kind == "tornado" and self.group:
            raise OptionError(f"a tornado has one series, so no group={self.group!r}; draw one picture each")
        if not all(0 < level < 1 for level in self.levels):
            raise OptionError(f"levels={self.levels!r}: each is a share between 0 and 1, e.g. (0.9, 0.5)")
        pairs = (getattr(self, name) for pair in _PAIRS for name in pair)
        for name in (self.x, self.y, self.value, self.size, self.mark, *pairs, self.group):
            if name is not None and name not in self.frame.columns:
                raise ColumnError(one_of(name, map(str, self.frame.columns), what="column of the chart"))
        if self.frame.empty:
            raise DesignError(f"the {self.kind} chart {self.claim!r} has no rows to draw")
        refuse_causal_claim(self.claim, grade=self.grade)

    def alt_text(self) -> str:
        """Describe the picture in words, from its own data, for those who cannot see it."""
        return f"{self.claim.rstrip('.')}. {DESCRIBERS[self.kind](self)}"

    def plot(self, ax: Any = None) -> Any:
        """Draw with the plotting backend, on `ax` if given, and return the axes."""
        return plotting_backend().draw(self, ax)

    def __repr__(self) -> str:
        return f"<Chart {self.kind}: {self.claim}>"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # Jupyter asks for all forms at once; the alternative text travels with the picture.
        picture = plotting_backend().png(self)
        # Bytes 16 to 20 of a PNG are its width. It has twice the pixels of the screen's, so that it is sharp.
        width = int.from_bytes(picture[16:20], "big") // 2
        data = {"text/plain": self.alt_text(), "image/png": picture}
        return data, {"image/png": {"alt": self.alt_text(), "width": width}}

    def series(self) -> list[tuple[str, pd.DataFrame]]:
        """Return name and rows of each series, in the order of the frame; one without name if ungrouped."""
        if self.group is None:
            return [("", self.frame)]
        groups = self.frame.groupby(self.group, sort=False, observed=True, dropna=False)
        return [(label(name), rows) for name, rows in groups]

    def show(self, value: Any) -> str:
        """Write one value as the chart would.

        A share becomes a percentage with one decimal, a tiny one with two figures; other numbers keep
        four figures.
        """
        if is_missing(value):
            return "not estimable"
        if not self.percent:
            return number(value)
        share = float(value)
        tiny = 0 < abs(share) < 0.01
        return percent(share, digits=min(6, 1 - math.floor(math.log10(100 * abs(share)))) if tiny else 1)

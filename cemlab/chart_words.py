"""A chart in words, written from its own data, for those who cannot see the picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cemlab.markup import is_missing, label, number

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.chart import Chart


def _describe_curves(chart: Chart) -> str:
    parts = []
    for name, rows in chart.series():
        first, last = rows.iloc[0], rows.iloc[-1]
        parts.append(
            f"{_before(name)}from {chart.show(first[chart.y])} at {number(first[chart.x])} "
            f"to {_with_interval(chart, last, chart.y)} at {number(last[chart.x])}"
        )
    return f"{chart.y_label} by {chart.x_label}: {'; '.join(parts)}."


def _describe_bars(chart: Chart) -> str:
    parts = [
        f"{_before(name)}{label(row[chart.x])} {_with_interval(chart, row, chart.y)}"
        for name, rows in chart.series()
        for _, row in rows.iterrows()
    ]
    return f"Bars of {chart.y_label} by {chart.x_label}: {'; '.join(parts)}."


def _describe_forest(chart: Chart) -> str:
    parts = [
        f"{_before(name)}{label(row[chart.y])} {_with_interval(chart, row, chart.x)}"
        for name, rows in chart.series()
        for _, row in rows.iterrows()
    ]
    return f"{chart.x_label}, one row per {chart.y_label or chart.y}: {'; '.join(parts)}."


def _describe_verdicts(chart: Chart) -> str:
    told = "" if chart.band is None else f" Tolerated: {' to '.join(map(chart.show, chart.band))}."
    parts = [
        f"{label(row[chart.y])} {_with_interval(chart, row, chart.x)}: {label(row[str(chart.group)])}"
        for row in _dicts(chart.frame)
    ]
    return f"{chart.x_label}, one row per {chart.y_label or chart.y}: {'; '.join(parts)}.{told}"


def _describe_heatmap(chart: Chart) -> str:
    assert chart.value is not None  # refused in __post_init__
    parts = [
        f"{label(row[chart.y])} to {label(row[chart.x])} {chart.show(row[chart.value])}"
        for _, row in chart.frame.iterrows()
    ]
    return f"Table of {chart.y_label} (rows) by {chart.x_label} (columns): {'; '.join(parts)}."


def _describe_histogram(chart: Chart) -> str:
    counts = chart.frame[chart.y]
    top = chart.frame.iloc[int(counts.argmax())]
    return (
        f"Histogram of {chart.x_label}: {number(counts.sum())} in {len(chart.frame)} bins, most "
        f"({number(top[chart.y])}) from {number(top[chart.x])}."
    )


def _describe_scatter(chart: Chart) -> str:
    xs, ys = chart.frame[chart.x], chart.frame[chart.y]
    return (
        f"{len(chart.frame):,} points: {chart.x_label} from {number(xs.min())} to {number(xs.max())}, "
        f"{chart.y_label} from {chart.show(ys.min())} to {chart.show(ys.max())}."
    )


def _describe_bubbles(chart: Chart) -> str:
    size = str(chart.size)
    parts = []
    for name, rows in chart.series():
        largest = max(_dicts(rows), key=lambda row: -math.inf if is_missing(row[size]) else row[size])
        parts.append(
            f"{_before(name)}{len(rows):,} with {number(rows[size].sum())} in all, the largest "
            f"{number(largest[size])} at {number(largest[chart.x])} and {number(largest[chart.y])}"
        )
    return (
        f"Bubbles whose area is {size}, by {chart.x_label} (across) and {chart.y_label} (up): "
        f"{'; '.join(parts)}."
    )


def _describe_diagram(chart: Chart) -> str:
    boxes, links = chart.frame[chart.frame[chart.x].isna()], chart.frame[chart.frame[chart.x].notna()]
    parts = []
    for name, rows in replace(chart, frame=boxes).series():
        parts.append(
            f"{_before(name)}{', '.join(_marked(label(row[chart.y]), chart, row) for row in _dicts(rows))}"
        )
    told = [_marked(f"{label(row[chart.x])} to {label(row[chart.y])}", chart, row) for row in _dicts(links)]
    return f"Diagram from left to right. {'; '.join(parts)}. Links: {'; '.join(told) or 'none'}."


def _marked(name: str, chart: Chart, row: dict[str, Any]) -> str:
    text = row[str(chart.value)]
    return name if is_missing(text) or not text else f"{name} [{' '.join(str(text).split())}]"


def _dicts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _before(name: str) -> str:
    return f"{name}: " if name else ""


def _with_interval(chart: Chart, row: Any, column: str) -> str:
    text = chart.show(row[column])
    if chart.low and chart.high:
        text += f" (interval {chart.show(row[chart.low])} to {chart.show(row[chart.high])})"
    return text


#: How each kind of chart is told in words.
DESCRIBERS: dict[str, Callable[[Chart], str]] = {
    "step": _describe_curves,
    "line": _describe_curves,
    "bar": _describe_bars,
    "forest": _describe_forest,
    "heatmap": _describe_heatmap,
    "histogram": _describe_histogram,
    "scatter": _describe_scatter,
    "bubble": _describe_bubbles,
    "diagram": _describe_diagram,
    "verdict": _describe_verdicts,
}

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


def _describe_contour(chart: Chart) -> str:
    named = chart.frame.iloc[:0] if chart.mark is None else chart.frame.dropna(subset=[chart.mark])
    points = chart.frame.drop(index=named.index)
    ends = {name: (points[name].min(), points[name].max()) for name in (chart.x, chart.y, str(chart.value))}
    along, up, high = (" to ".join(map(chart.show, ends[name])) for name in ends)
    level = "" if chart.reference is None else f" A bold line lies where it is {chart.show(chart.reference)}."
    marked = [
        f"{label(row[str(chart.mark)])} {chart.show(row[str(chart.value)])} at "
        f"{chart.show(row[chart.x])} and {chart.show(row[chart.y])}"
        for row in _dicts(named)
    ]
    told = f" Marked: {'; '.join(marked)}." if marked else ""
    return (
        f"Map of {chart.value}, {high}, by {chart.x_label} (across, {along}) and {chart.y_label} (up, {up})."
        f"{level}{told}"
    )


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


def _describe_events(chart: Chart) -> str:
    parts = []
    for name, rows in chart.series():
        before, since = split_at_start(chart, rows)
        told = []
        if len(before):
            told.append(
                f"{_points(before)} before the start, from {chart.show(before[chart.y].min())} to "
                f"{chart.show(before[chart.y].max())}{_away(chart, before)}"
            )
        if len(since):
            first, last = since.iloc[0], since.iloc[-1]
            start = " since the start" if chart.begins is not None else ""
            told.append(
                f"{_points(since)}{start}, from {_with_interval(chart, first, chart.y)} at "
                f"{number(first[chart.x])} to {_with_interval(chart, last, chart.y)} at "
                f"{number(last[chart.x])}{_away(chart, since)}"
            )
        parts.append(f"{_before(name)}{'; '.join(told)}")
    return f"{chart.y_label} by {chart.x_label}: {'. '.join(parts)}."


def split_at_start(chart: Chart, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows before the units are treated and those since; all are since where nobody says."""
    if chart.begins is None:
        return rows.head(0), rows
    early = rows[chart.x] < chart.begins
    return rows[early], rows[~early]


def _points(rows: pd.DataFrame) -> str:
    return f"{len(rows):,} {'estimate' if len(rows) == 1 else 'estimates'}"


def _away(chart: Chart, rows: pd.DataFrame) -> str:
    """Say how many intervals and bands leave out the line of reference."""
    if chart.reference is None:
        return ""
    told = []
    for what, low, high in (
        ("intervals", chart.low, chart.high),
        ("bands for all points at once", chart.band_low, chart.band_high),
    ):
        if low and high:
            away = (rows[low] > chart.reference) | (rows[high] < chart.reference)
            told.append(
                f"{int(away.sum()):,} of {len(rows):,} {what} leave out {chart.show(chart.reference)}"
            )
    return f" ({'; '.join(told)})"


def _describe_fan(chart: Chart) -> str:
    parts = []
    for name, rows in chart.series():
        first, last = rows.iloc[0], rows.iloc[-1]
        text = (
            f"{_before(name)}the median goes from {chart.show(first[chart.y])} at {number(first[chart.x])} "
            f"to {chart.show(last[chart.y])} at {number(last[chart.x])}"
        )
        if chart.reference is not None and (rows[chart.y] < chart.reference).any():
            below = rows.loc[rows[chart.y] < chart.reference, chart.x]
            text += f", below {chart.show(chart.reference)} until {number(below.iloc[-1])}"
        bands = ((chart.low, chart.high), (chart.inner_low, chart.inner_high))
        ends = [
            f"{band} {chart.show(last[low])} to {chart.show(last[high])}"
            for band, (low, high) in zip(fan_bands(chart), bands, strict=False)
            if low and high
        ]
        parts.append(f"{text}; there, {' and '.join(ends)}")
    return f"{chart.y_label} by {chart.x_label}: {'; '.join(parts)}."


def fan_bands(chart: Chart) -> list[str]:
    """Return the names of the bands of a fan, the outer first."""
    names = ["outer band"] + (["inner band"] if chart.inner_low else [])
    told = [f"middle {100 * level:g} %" for level in chart.levels[: len(names)]]
    return told + names[len(told) :]


def _describe_tornado(chart: Chart) -> str:
    parts = []
    for row in _dicts(chart.frame):
        ends = [
            f"{chart.show(row[str(end)])} at its {word}{f' ({label(row[text])})' if text else ''}"
            for word, end, text in (
                ("lowest", chart.low, chart.low_label),
                ("highest", chart.high, chart.high_label),
            )
        ]
        parts.append(f"{label(row[chart.y])} {', '.join(ends)}")
    base = chart.show(chart.frame[chart.x].iloc[0])
    return f"{chart.x_label}, starting from {base}, one row per assumption: {'; '.join(parts)}."


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
    "contour": _describe_contour,
    "histogram": _describe_histogram,
    "scatter": _describe_scatter,
    "bubble": _describe_bubbles,
    "diagram": _describe_diagram,
    "verdict": _describe_verdicts,
    "event": _describe_events,
    "fan": _describe_fan,
    "tornado": _describe_tornado,
}

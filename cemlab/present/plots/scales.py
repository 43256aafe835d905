"""Numbers on a picture: columns of any dtype as floats, limits, and axes with plain ticks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, MaxNLocator, NullFormatter, NullLocator

from cemlab.errors import DataError
from cemlab.markup import number
from cemlab.present import theme
from cemlab.present.plots.words import names
from cemlab.present.theme import GREY, SeriesStyle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cemlab.chart import Chart


class Series(NamedTuple):
    """One series with its looks."""

    name: str
    rows: pd.DataFrame
    style: SeriesStyle


def raw(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a numeric column of any dtype as floats, NaN where it is missing."""
    try:
        return np.array([math.nan if pd.isna(value) else float(value) for value in values.tolist()])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the column {values.name!r} of the chart holds values that are not numbers ({error}); "
            "convert it, or name another column"
        ) from error


def floats(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a numeric column as floats; what is missing or infinite cannot be drawn and becomes NaN."""
    found = raw(values)
    return np.where(np.isfinite(found), found, np.nan)


def places(values: pd.Series[Any]) -> NDArray[Any]:
    """Return where points lie along an axis: days as days, all else as numbers."""
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.to_numpy(dtype="datetime64[ns]")
    return floats(values)


def distinct(values: pd.Series[Any]) -> list[str]:
    """Return the names that occur, in the order of the frame."""
    return list(dict.fromkeys(names(values)))


def slots(values: pd.Series[Any], among: list[str]) -> NDArray[np.float64]:
    """Return the place of each row among the names; two marks in one place would hide each other."""
    found = [among.index(name) for name in names(values)]
    if len(set(found)) < len(found):
        twice = next(among[place] for place in found if found.count(place) > 1)
        raise DataError(
            f"{twice!r} stands twice in the column {values.name!r} of one series; sum up, or set group=…"
        )
    return np.array(found, dtype=float)


def span(chart: Chart, column: str, *, base: float | None = None) -> tuple[float, float]:
    """Return the finite range of estimates, intervals, reference and base."""
    if chart.log and (raw(chart.frame[column]) <= 0).any():
        raise DataError(
            f"the column {column!r} has values that are not positive; no logarithmic axis shows them"
        )
    ends = (chart.low, chart.high, chart.band_low, chart.band_high, chart.inner_low, chart.inner_high)
    columns = [name for name in (column, *ends) if name]
    found = np.concatenate([floats(chart.frame[name]) for name in columns])
    drawn = [value for value in found.tolist() if math.isfinite(value) and (value > 0 or not chart.log)]
    every = [*drawn, *(value for value in (chart.reference, base) if value is not None)]
    low, high = (min(every), max(every)) if every else (1.0, 1.0)
    if low < high:
        return low, high
    return (low / 2, high * 2) if chart.log else (low - 0.5, high + 0.5)


class Plain(Formatter):
    """Plain numbers, or shares as percentages with as many decimals as the steps between ticks need."""

    def __init__(self, *, percent: bool = False) -> None:
        self._percent = percent

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002 (matplotlib's signature)
        """Write a single tick."""
        return self.format_ticks([x])[0]

    def format_ticks(self, values: list[float]) -> list[str]:
        """Write all ticks with the same number of decimals."""
        if self._percent:
            return [
                f"{100 * value:z.{_decimals(100 * np.asarray(values, dtype=float))}f} %" for value in values
            ]
        texts = [number(round(float(value), 12)) for value in values]
        if any("e-" in text for text in texts) and max(map(abs, values)) < 0.1:
            # where one tick alone would be written with a power of ten, all show the same decimals
            digits = _decimals(np.append(values, 0.0))
            return [f"{value:z.{digits}f}" for value in values] if digits < 7 else texts
        return texts


def _decimals(values: NDArray[np.float64]) -> int:
    """Return the decimals that the steps between ticks need; 7 where more would be needed."""
    steps = np.diff(np.unique(np.round(values, 10)))
    step = float(steps.min()) if steps.size else 1.0
    return next((n for n in range(7) if abs(round(step, n) - step) < 1e-6 * step), 7)


def scale(ax: Axes, chart: Chart, side: Literal["x", "y"], limits: tuple[float, float] | None = None) -> None:
    """Set the axis of the estimates: limits, logarithm, plain ticks, and the line of reference."""
    axis = ax.xaxis if side == "x" else ax.yaxis
    if chart.log:
        (ax.set_xscale if side == "x" else ax.set_yscale)("log")
    if limits is not None:
        (ax.set_xlim if side == "x" else ax.set_ylim)(*limits)
    if chart.log:
        low, high = ax.get_xlim() if side == "x" else ax.get_ylim()
        axis.set_major_locator(FixedLocator(theme.ratio_ticks(low, high)))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(Plain(percent=chart.percent))
    if chart.reference is not None:
        line = ax.axvline if side == "x" else ax.axhline
        line(chart.reference, color=GREY, linewidth=1.1, dashes=(4, 3), zorder=1.5)

"""A recession as a path: when it comes, how it arrives, how deep it goes and how long it lasts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = npt.NDArray[np.float64]

# A change of level counts as a recession from this many standard deviations of the months around it.
_CLEAR = 4.0
# Months on either side of a change of level, at least.
_FEWEST = 4


@dataclass(frozen=True, kw_only=True)
class Recession:
    """The path of a recession: 0 in calm months, `depth` where it has fully arrived.

    Parameters
    ----------
    begins
        The month of the case in which it begins, from 0.
    lasts
        Months until it begins to go; it goes as it came.
    depth
        1 for a recession as deep as the ledger's entries say; their logarithms are multiplied by it.
    arrival
        How much of it is there in the first month, the second, …, from 0 to 1; the last value stays.
    source
        Where the arrival comes from.

    Raises
    ------
    OptionError
        If a value is none.

    Examples
    --------
    >>> Recession(begins=1, lasts=2, arrival=(0.5, 1.0)).path(6)
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """

    begins: int = 0
    lasts: int = 12
    depth: float = 1.0
    arrival: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    source: str = "arrives in four equal steps, by assumption"

    def __post_init__(self) -> None:
        for name, least in (("begins", 0), ("lasts", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise OptionError(f"{name} is {value!r}; allowed: a whole number of months from {least} on")
        if not _number(self.depth) or not 0 <= self.depth <= 5:
            raise OptionError(
                f"depth is {self.depth!r}; allowed: 0 (no recession) to 5; 1 is as the ledger says"
            )
        if not self.arrival or not all(_number(a) and 0 <= a <= 1 for a in self.arrival):
            raise OptionError(f"arrival is {self.arrival!r}; allowed: shares from 0 to 1, one a month")

    def path(self, months: int) -> Floats:
        """Return how much of it is there in each month, of shape (months)."""
        steps = np.asarray(self.arrival, dtype=float)
        since = np.arange(months) - self.begins
        here = np.where(since >= 0, steps[np.clip(since, 0, len(steps) - 1)], 0.0)
        gone = since - self.lasts
        level = steps[min(self.lasts - 1, len(steps) - 1)]
        left = np.clip(level - steps[np.clip(gone, 0, len(steps) - 1)], 0.0, None)
        path: Floats = self.depth * np.where(gone >= 0, left, here)
        return path


def recession_of(
    macro: ir.Table | pd.DataFrame, *, column: str = "unemployment", begins: int = 0, lasts: int = 12,
    depth: float = 1.0,
) -> Recession:  # fmt: skip
    """Read from the economy's own months how a recession arrives.

    The month at which the level of the column changes most is its beginning (least squares, one change);
    from there on its distance to the calm level, as a share of the largest, is the arrival.

    Parameters
    ----------
    macro
        One row a month: month, and the column.
    column
        An index that a recession raises or lowers.
    begins, lasts, depth
        Of the recession that is to be priced.

    Raises
    ------
    ColumnError, DataError
        If a column is missing, holds no numbers, or a month stands twice.
    DesignError
        If the months show no recession: no change of level beyond four standard deviations.

    Examples
    --------
    >>> macro = pd.DataFrame({"month": pd.date_range("2022-01-01", periods=12, freq="MS"),
    ...                       "unemployment": [5.0, 5.1, 5.0, 4.9, 5.0, 5.1, 5.0, 7.0, 8.0, 9.0, 9.0, 9.0]})
    >>> [round(a, 2) for a in recession_of(macro).arrival]
    [0.5, 0.75, 1.0, 1.0, 1.0]
    """
    frame = macro if isinstance(macro, pd.DataFrame) else macro.to_pandas()
    for name in ("month", column):
        if name not in frame.columns:
            raise ColumnError(f"the economy: {one_of(name, map(str, frame.columns), what='column')}")
    frame = frame.sort_values("month", kind="stable")
    if frame["month"].duplicated().any():
        twice = frame.loc[frame["month"].duplicated(), "month"].iloc[0]
        raise DataError(f"the economy: month {twice} stands twice; one row is one month")
    try:
        values = pd.to_numeric(frame[column]).to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"the economy, column {column!r}: {error}; write plain numbers") from error
    if not np.isfinite(values).all():
        raise DataError(f"the economy: column {column!r} has a month without a number")
    at = _change(values, column)
    away = values[at:] - values[:at].mean()
    arrival = np.maximum.accumulate(away / away[np.abs(away).argmax()])
    month = str(frame["month"].iloc[at])[:10]
    return Recession(
        begins=begins,
        lasts=lasts,
        depth=depth,
        arrival=tuple(np.clip(arrival, 0, 1).tolist()),
        source=f"{column} as it changed from {month} on",
    )


def _change(values: Floats, column: str) -> int:
    """Return the first month after the change of level."""
    n = len(values)
    if n < 2 * _FEWEST:
        raise DesignError(
            f"{n} months are too few to see a recession in {column!r}; {2 * _FEWEST} are needed"
        )
    places = np.arange(_FEWEST, n - _FEWEST + 1)
    squares = [values[:k].var() * k + values[k:].var() * (n - k) for k in places]
    at = int(places[int(np.argmin(squares))])
    # the first months of a recession are still near the calm: go back to where the level left it
    calm, noise = values[: at - 1].mean(), max(values[: at - 1].std(ddof=1), 1e-12)
    step = (values[at:].mean() - calm) / noise
    if abs(step) < _CLEAR:
        raise DesignError(
            f"{column!r} shows no recession: its largest change of level is {abs(step):.1f} standard "
            f"deviations of the months before ({_CLEAR:g} are needed); state one instead: Recession(…)"
        )
    while at > 2 and (values[at - 1] - calm) / noise * math.copysign(1, step) > _CLEAR:
        at -= 1
    return at


def _number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)

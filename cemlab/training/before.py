"""The months before anybody was trained, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import Kind, as_numbers, as_periods
from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.markup import label
from cemlab.training.roll_out_columns import constant
from cemlab.training.roll_out_periods import first_periods, require_one_zone

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Before:
    """Units over the periods before the first training anywhere.

    Parameters
    ----------
    units
        Their names, (n); those with all values in all these periods.
    values
        (columns, n, t).
    ever
        (n) whether a unit was trained later in the data; after their end is never, as in :func:`roll_out`.
    n_given
        Units handed in.
    """

    units: tuple[str, ...]
    values: Floats
    ever: Flags
    n_given: int


def before_training(
    panel: ir.Table | pd.DataFrame,
    columns: Sequence[str],
    *,
    unit: str,
    time: str,
    first_treated: str | None,
) -> Before:
    """Return columns of numbers over the periods before the first training anywhere.

    Raises
    ------
    ColumnError
        If a column is not there.
    DataError
        If a unit stands twice in a period, or a column holds no numbers.
    DesignError
        If no period lies before the first training, or no unit is watched in all of them.
    """
    frame = picked(panel, [unit, time, *columns, *([first_treated] if first_treated else [])])
    if first_treated:
        require_one_zone(frame, time, first_treated)
    frame[time], kind = as_periods(frame[time], time, missing_allowed=False)
    if frame[unit].isna().any():
        raise DataError(f"panel, column {unit!r}: {int(frame[unit].isna().sum()):,} rows name no {unit}")
    if frame.duplicated([unit, time]).any():
        raise DataError(f"panel: a {unit} stands twice in one {time}; one row is one {unit} and {time}")
    rows = frame.groupby(unit, sort=True)
    first = pd.Series(np.inf, index=rows.size().index)
    if first_treated:
        first, start = _first(rows, frame, unit=unit, time=time, first_treated=first_treated, kind=kind)
        frame = frame[frame[time] < start] if start is not None else frame
        if frame.empty:
            raise DesignError(
                f"panel: no {time} lies before the first training ({label(start)}); nothing is known of "
                f"{plural(unit)} as they were"
            )
    wide = []
    for name in columns:
        numbers = as_numbers(frame[name], name, example="e.g. 1 and 0 for yes and no")
        wide.append(frame.assign(**{name: numbers}).pivot(index=unit, columns=time, values=name))
    complete = np.all([np.isfinite(w.to_numpy(dtype=float)).all(axis=1) for w in wide], axis=0)
    if not complete.any():
        raise DesignError(f"panel: no {unit} has {' and '.join(columns)} in every {time} before the training")
    names = wide[0].index[complete]
    return Before(
        units=tuple(map(str, names)),
        values=np.stack([w.to_numpy(dtype=float)[complete] for w in wide]),
        ever=np.isfinite(first.reindex(names).to_numpy(dtype=float)),
        n_given=rows.ngroups,
    )


def plural(name: str) -> str:
    """Return the plural of a column's name.

    Examples
    --------
    >>> plural("branch"), plural("month"), plural("city"), plural("sales_day")
    ('branches', 'months', 'cities', 'sales days')
    """
    word = name.replace("_", " ")
    if word.endswith(("ch", "sh", "s", "x")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


def picked(panel: ir.Table | pd.DataFrame, columns: Sequence[str], *, what: str = "panel") -> pd.DataFrame:
    """Return a copy of the columns, from a frame or an engine; refuse columns that are not there."""
    require_table(panel, what)
    if any(not isinstance(name, str) for name in columns):
        raise OptionError(f"columns are {list(columns)!r}; give their names as text")
    for name in columns:
        require_column(panel, name, what)
    names = list(dict.fromkeys(columns))
    frame = panel[names].copy() if isinstance(panel, pd.DataFrame) else panel.select(names).to_pandas()
    frame = frame.reset_index(drop=True)
    for name in names:
        # categories that do not occur would be groups without rows
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(object)
    if frame.empty:
        raise DesignError(f"{what}: there are no rows")
    return frame


def _first(
    rows: Any, frame: pd.DataFrame, *, unit: str, time: str, first_treated: str, kind: Kind
) -> tuple[pd.Series[float], Any]:
    """Return each unit's first treated period by number, infinite for never, and the earliest, or None."""
    periods = pd.Index(np.sort(frame[time].unique()))
    began = constant(rows, first_treated, unit, missing_allowed=True)
    values, values_kind = as_periods(began, first_treated, missing_allowed=True)
    place = first_periods(values, values_kind, periods, kind, first_treated)
    earliest = int(place.min())
    start = periods[earliest] if earliest < len(periods) else None
    return pd.Series(np.where(place < len(periods), place, np.inf), index=began.index), start

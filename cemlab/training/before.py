"""The months before anybody was trained, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError, OptionError

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
        (n) whether a unit was trained later in the data.
    began
        (n) the period in which it was, missing for never.
    n_given
        Units handed in.
    """

    units: tuple[str, ...]
    values: Floats
    ever: Flags
    began: pd.Series[pd.Timestamp]
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
    if frame.duplicated([unit, time]).any():
        raise DataError(f"panel: a {unit} stands twice in one {time}; one row is one {unit} and {time}")
    given = int(frame[unit].nunique())
    began = pd.Series(index=pd.Index(sorted(frame[unit].dropna().unique())), dtype="float64")
    if first_treated:
        began = first_periods(frame, unit=unit, first_treated=first_treated)
        if began.notna().any():
            frame = frame[frame[time] < began.min()]
            if frame.empty:
                raise DesignError(
                    f"panel: no {time} lies before the first training ({began.min()}); nothing is known of "
                    f"{plural(unit)} as they were"
                )
    wide = []
    for name in columns:
        try:
            numbers = frame[name].astype(float)
        except (TypeError, ValueError) as error:
            raise DataError(f"panel, column {name!r}: {error}; numbers are needed") from error
        wide.append(frame.assign(**{name: numbers}).pivot(index=unit, columns=time, values=name))
    complete = np.all([np.isfinite(w.to_numpy(dtype=float)).all(axis=1) for w in wide], axis=0)
    if not complete.any():
        raise DesignError(f"panel: no {unit} has {' and '.join(columns)} in every {time} before the training")
    names = wide[0].index[complete]
    return Before(
        units=tuple(map(str, names)),
        values=np.stack([w.to_numpy(dtype=float)[complete] for w in wide]),
        ever=began.reindex(names).notna().to_numpy(),
        began=began.reindex(names),
        n_given=given,
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
    if frame.empty:
        raise DesignError(f"{what}: there are no rows")
    return frame


def first_periods(frame: pd.DataFrame, *, unit: str, first_treated: str) -> pd.Series[pd.Timestamp]:
    """Return each unit's first treated period, missing for those never treated (0 among whole numbers).

    Raises
    ------
    DataError
        If the rows of a unit disagree.
    """
    rows = frame.groupby(unit)[first_treated]
    if (rows.nunique(dropna=False) > 1).any():
        odd = rows.nunique(dropna=False).idxmax()
        raise DataError(
            f"panel, column {first_treated!r}: {unit} {odd} has several values; a unit begins to be treated "
            "once, and stays so"
        )
    began = rows.first()
    return began.mask(began == 0) if began.dtype.kind in "iuf" else began

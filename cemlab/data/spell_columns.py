"""The columns of spells under the names of their roles, from a frame or a table on an engine."""

from __future__ import annotations

import numbers
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
import numpy as np

from cemlab.errors import ColumnError, DataError, one_of

if TYPE_CHECKING:
    import pandas as pd

# What a column of Python objects may hold.
_KINDS = (
    (bool | np.bool_, "truth values"),
    (numbers.Number, "numbers"),
    (str, "texts"),
    (date, "dates"),
    (timedelta, "lengths of time"),
)


def require_table(spells: Any, what: str) -> None:
    """Refuse what is neither a frame nor a table on an engine.

    Raises
    ------
    DataError
        If it is anything else.
    """
    import pandas as pd

    if not isinstance(spells, ir.Table | pd.DataFrame):
        raise DataError(
            f"{what}: a {type(spells).__name__} is no table; hand in a pandas.DataFrame or an Ibis table"
        )


def require_column(table: Any, name: str, what: str) -> None:
    """Refuse a column that is not there, or there more than once.

    Raises
    ------
    ColumnError
        If it is not there, or several have the name.
    DataError
        If `table` is no table.
    """
    require_table(table, what)
    columns = list(table.columns)
    if name not in columns:
        raise ColumnError(f"{what}: {one_of(name, [str(c) for c in columns], what='column')}")
    if columns.count(name) > 1:
        raise ColumnError(f"{what}: {columns.count(name)} columns are named {name!r}; rename all but one")


def under_roles(spells: ir.Table | pd.DataFrame, columns: dict[str, str]) -> ir.Table:
    """Return only the columns in question, under their roles.

    Parameters
    ----------
    spells
        One row is a spell.
    columns
        Role to column.

    Raises
    ------
    ColumnError
        If a column is missing, or there twice.
    DataError
        If `spells` is no table, or a column holds kinds of values that are mixed or cannot be counted.
    """
    for name in columns.values():
        require_column(spells, name, "spells")
    if isinstance(spells, ir.Table):
        return spells.select(**{role: spells[name] for role, name in columns.items()})
    import pandas as pd

    picked = pd.DataFrame({role: spells[name].reset_index(drop=True) for role, name in columns.items()})
    for role, name in columns.items():
        picked[role] = _countable(picked[role])
        kinds = kinds_of(picked[role])
        if picked[role].dtype.kind in "mc":
            kinds = ["lengths of time" if picked[role].dtype.kind == "m" else "complex numbers"]
        known = [kind for _, kind in _KINDS if kind != "lengths of time" or role in ("duration", "entry")]
        if len(kinds) == 1 and kinds[0] not in known:
            raise DataError(
                f"spells, column {name!r} ({role}): {kinds[0]} cannot be counted; make them texts or numbers"
            )
        if len(kinds) > 1:
            raise DataError(
                f"spells, column {name!r} ({role}): {' and '.join(kinds)} are mixed; make them one kind, "
                "e.g. all text"
            )
    return ibis.memtable(picked)


def _countable(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return categories as what they stand for, and periods and ranges, which no engine knows, as texts."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object).infer_objects()
    if isinstance(values.dtype, pd.PeriodDtype | pd.IntervalDtype):
        values = values.astype(object).map(str, na_action="ignore")
    return values


def refuse_lengths(table: ir.Table, columns: dict[str, str]) -> None:
    """Refuse lengths that are not numbers.

    Parameters
    ----------
    table
        With columns under their roles.
    columns
        Role to the name as given.

    Raises
    ------
    DataError
        If one is not numeric; for a length of time the line says how to make it a number.
    """
    for role, name in columns.items():
        kind = table[role].type()
        if kind.is_interval():
            raise DataError(
                f"spells, column {name!r}: {role} must be a number, not a length of time; turn it into one, "
                "e.g. days by .dt.total_seconds() / 86400"
            )
        if not kind.is_numeric():
            raise DataError(f"spells, column {name!r}: {role} must be a number, not {kind}")


def kinds_of(values: pd.Series[Any]) -> list[str]:
    """Name the kinds of values that a column of Python objects holds, blanks apart, in the plural.

    Examples
    --------
    >>> import pandas as pd
    >>> kinds_of(pd.Series([1, 2.5, "b", None], dtype=object))
    ['numbers', 'texts']
    """
    if values.dtype != object:
        return []
    return sorted({_kind(own) for own in {type(value) for value in values.dropna()}})


def _kind(own: type) -> str:
    return next((name for kind, name in _KINDS if issubclass(own, kind)), f"values of type {own.__name__}")


def count_where(condition: Any) -> Any:
    """Return the expression that counts where a condition holds; where it is unknown it does not."""
    return condition.fill_null(False).cast("int64").sum()


def one_row(table: ir.Table) -> dict[str, int]:
    """Return the one row of a table of counts; a sum over no rows, which is missing, is 0."""
    row = table.to_pandas().iloc[0]
    return {str(name): 0 if value is None or value != value else int(value) for name, value in row.items()}

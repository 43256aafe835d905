"""The tables that episodes are made of, as they may be handed in: kinds of columns, keys and first values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from cemlab.data.spells import kinds_of
from cemlab.errors import DataError, OptionError
from cemlab.survival.given import refuse_no_table

if TYPE_CHECKING:
    import ibis.expr.types as ir

_PLAIN = ("dates", "numbers", "texts", "truth values")
_LARGEST = 2**53  # whole numbers beyond it are not all exact with a point


def table_of(given: ir.Table | pd.DataFrame, names: Sequence[str], *, what: str) -> ir.Table:
    """Return the columns as a table, each of one plain kind.

    Raises
    ------
    ColumnError, DataError
        If it is no table, a column is missing, stands twice, or holds mixed or odd values.
    """
    wanted = list(dict.fromkeys(names))
    refuse_no_table(given, wanted, what=what)
    if not isinstance(given, pd.DataFrame):
        return given
    picked = {}
    for name in wanted:
        values = given[name].reset_index(drop=True)
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(object).infer_objects()
        kinds = kinds_of(values)
        odd = values.dtype.kind in "mc" or isinstance(values.dtype, pd.PeriodDtype | pd.IntervalDtype)
        if odd or len(kinds) > 1 or any(kind not in _PLAIN for kind in kinds):
            told = " and ".join(kinds) if kinds else str(values.dtype)
            raise DataError(
                f"{what}, column {name!r}: {told} cannot be used; make them one kind: numbers, texts, "
                "dates or true and false"
            )
        picked[name] = values
    return ibis.memtable(pd.DataFrame(picked))


def refuse_no_numbers(table: ir.Table, names: Mapping[str, str], *, what: str) -> None:
    """Refuse columns that are no numbers, by their role."""
    for role, name in names.items():
        kind = table[name].type()
        if not (kind.is_numeric() or kind.is_null()):
            raise DataError(f"{what}, column {name!r} ({role}): must hold numbers, not {kind}")


def refuse_unlike_keys(people: ir.Table, dated: ir.Table, customer: str) -> None:
    """Refuse customers that are a number in one table and a text in the other."""
    one, other = people[customer].type(), dated[customer].type()
    if one.is_null() or other.is_null() or (one.is_numeric() and other.is_numeric()):
        return
    if one.copy(nullable=True) != other.copy(nullable=True):
        raise DataError(
            f"column {customer!r} is {one} in the spells and {other} in the changes; make them one kind"
        )


def with_room(dated: ir.Table, initial: Mapping[str, object]) -> ir.Table:
    """Return the changes with columns that hold the first values too, unaltered.

    Raises
    ------
    OptionError
        If a first value is of another kind than the values of its column.
    """
    wider = {}
    for name, value in initial.items():
        kind = dated[name].type()
        room = _room(kind, value)
        if room is None:
            raise OptionError(
                f"initial[{name!r}] is {value!r}, but the changes hold {kind}; state a value of that kind, "
                "or None"
            )
        if room != kind:
            wider[name] = dated[name].cast(room)
    return dated.mutate(**wider) if wider else dated


def _room(kind: Any, value: Any) -> Any:
    """Return the type that holds both a column's values and the first one; None where none does."""
    if value is None:
        return kind
    if kind.is_null():
        return ibis.literal(value).type()
    fits = kind
    if kind.is_boolean():
        fits = kind if value in (True, False) and isinstance(value, Real) else None
    elif kind.is_numeric():
        fits = _numeric_room(kind, value) if isinstance(value, Real | Decimal) and value == value else None
    elif kind.is_string():
        fits = kind if isinstance(value, str) else None
    elif kind.is_date() or kind.is_timestamp():
        fits = kind if isinstance(value, date) else None
    return fits


def _numeric_room(kind: Any, value: Real | Decimal) -> Any:
    if isinstance(value, Integral) and kind.is_integer():
        return kind if kind.bounds.lower <= int(value) <= kind.bounds.upper else dt.int64
    if kind.is_floating() or (isinstance(value, Integral) and abs(int(value)) <= _LARGEST):
        return dt.float64 if kind.is_floating() else kind
    return kind if kind.is_integer() and float(value).is_integer() else dt.float64

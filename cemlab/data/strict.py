"""Tables that must be right as a whole: published files are known, so the first fault refuses them."""

from __future__ import annotations

from typing import NoReturn

import ibis
import ibis.expr.types as ir

from cemlab.data.contract import FORMS, Column, Table
from cemlab.data.intake import grammar
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import ColumnError, DataError

MONEY = grammar.MONEY


def apply_contract(raw: ir.Table, table: Table, *, where: str) -> ir.Table:
    """Type every column that a table names, after checking every value.

    Parameters
    ----------
    raw
        The rows; a blank is null. Columns that the table does not name are kept as they are.
    table
        Of the contract, or the form of a published file.
    where
        The file's name, for messages.

    Raises
    ------
    ColumnError
        If a column that is always filled is not there.
    DataError
        If a value has the wrong form or a key stands twice; the first place is named.
    """
    missing = [name for name in table.required if name not in raw.columns]
    if missing:
        there = ", ".join(raw.columns)
        raise ColumnError(f"{where}: the columns {', '.join(missing)} are missing; it has {there}")
    columns = [column for column in map(table.column, raw.columns) if column is not None]
    checked = {column.name: grammar.typed_value(raw[column.name], _rule(table, column)) for column in columns}
    # one pass counts what is wrong; only where something is, a second one finds the first place.
    # Internal names c0…cn: a column's name from a file is never an alias in a query of ours
    wrong = {f"c{i}": broken.sum().coalesce(0) for i, (broken, _) in enumerate(checked.values())}
    counts = raw.aggregate(n=raw.count(), **wrong).to_pyarrow().to_pylist()[0]
    for i, column in enumerate(columns):
        if counts[f"c{i}"]:
            bad = checked[column.name][0]
            _refuse(raw, column, bad=bad, rows=counts[f"c{i}"], given=counts["n"], where=where)
    result = raw.mutate(**{name: value for name, (_, value) in checked.items()}) if checked else raw
    if table.unique:
        _check_unique(result, table, where=where)
    return result


def _rule(table: Table, column: Column) -> ColumnRule:
    return ColumnRule(
        name=column.name,
        source=column.name,
        form=column.form,
        required=column.name in table.required,
        allowed=column.allowed,
        minimum=None if column.scale is None else str(column.scale[0]),
        maximum=None if column.scale is None else str(column.scale[1]),
    )


def _refuse(
    raw: ir.Table, column: Column, *, bad: ir.BooleanValue, rows: int, given: int, where: str
) -> NoReturn:
    first = raw.mutate(cemlab_record=ibis.row_number() + 1).filter(bad)
    first = first.order_by("cemlab_record").select("cemlab_record", cemlab_value=first[column.name]).limit(1)
    record, value = first.to_pyarrow().to_pylist()[0].values()
    shown = "is blank" if value is None else f"is {str(value)[:80]!r}"
    wanted = (
        f"one of {', '.join(column.allowed)}" if column.allowed else f"{column.form}: {FORMS[column.form]}"
    )
    raise DataError(
        f"{where}, record {record}, column {column.name!r}: the value {shown}; allowed is {wanted}. "
        f"{rows:,} of {given:,} rows are like it; mend them where the file is made"
    )


def _check_unique(typed: ir.Table, table: Table, *, where: str) -> None:
    keys = [typed[name] for name in table.key]
    again = typed.group_by(keys).aggregate(times=typed.count()).filter(ibis._.times > 1)
    first = again.order_by([ibis.desc("times"), *table.key]).limit(1).to_pyarrow().to_pylist()
    if first:
        key = ", ".join(f"{name} {first[0][name]!s:.80}" for name in table.key)
        raise DataError(
            f"{where}: {key} stands in {first[0]['times']} rows, but one row of {table.name!r} "
            f"is {table.row}; keep one row for each"
        )

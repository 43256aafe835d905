"""Files into the contract: find a table's file, read it as it is, and let no value through unseen.

Text is never guessed at: a value has the form that the contract states, or the file is refused
with the place and the value. Nothing is coerced in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import ibis
import ibis.expr.types as ir

from cemlab.data.contract import FORMS, TABLES, Column, Form, Table
from cemlab.errors import ColumnError, DataError, NotFoundError, one_of

MONEY = "decimal(18, 4)"
_CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_CSV_FORM = (
    "UTF-8 text with one header line, separated by commas (tabs in .tsv), the same number of columns in "
    "every line, and one kind of line end"
)
_ENDINGS = (*_CSV_ENDINGS, ".parquet")

# What text of each form looks like; what the pattern lets through must also survive the cast.
_GRAMMAR: Mapping[Form, tuple[str, str]] = {
    "integer": (r"^-?[0-9]{1,18}$", "int64"),
    "number": (r"^-?[0-9]+(\.[0-9]+)?$", "float64"),
    "money": (r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$", MONEY),
    "share": (r"^(0(\.[0-9]+)?|1(\.0+)?)$", "float64"),
    "date": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "date"),
    "time": (r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?$", "timestamp"),
    "flag": (r"^(true|false|TRUE|FALSE|True|False|0|1)$", "boolean"),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where one table lies: its files, all of one kind.

    Parameters
    ----------
    table
        The table of the contract.
    files
        One file, or the parts of a folder ``table/*.parquet``.
    """

    table: Table
    files: tuple[Path, ...]

    @property
    def label(self) -> str:
        """The name to show in messages."""
        first = self.files[0]
        return first.name if len(self.files) == 1 else f"{first.parent.name}/*.parquet"


def find_sources(folder: Path) -> dict[str, Source]:
    """Find the files of a company's folder that are tables of the contract.

    Files whose names begin with ``_`` or ``.`` and files that are neither CSV nor Parquet are left alone.

    Raises
    ------
    NotFoundError
        If there is no such folder, or a file is named after no table of the contract.
    DataError
        If the folder holds no table, or one table twice.
    """
    if not folder.exists():
        raise NotFoundError(f"no folder at {folder}; give the folder that holds your tables")
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is a file; give the folder that holds it, with all tables beside it")
    sources: dict[str, Source] = {}
    for path in sorted(folder.iterdir()):
        files = _files_of(path)
        if not files:
            continue
        name = path.name.split(".")[0]
        if name not in TABLES:
            raise NotFoundError(
                f"{path}: {one_of(name, TABLES, what='table in the data contract')}; "
                "rename the file, or put '_' before its name to leave it out"
            )
        if name in sources:
            raise DataError(
                f"{folder}: the table {name!r} is there twice, as {sources[name].label} and {path.name}; "
                "keep one"
            )
        _refuse_patterns(files)
        sources[name] = Source(table=TABLES[name], files=files)
    if not sources:
        raise DataError(
            f"{folder} holds no table; put CSV or Parquet files there, named as in the data contract, "
            "e.g. transactions.csv"
        )
    return sources


def _files_of(path: Path) -> tuple[Path, ...]:
    if path.name.startswith(("_", ".")):
        return ()
    if path.is_dir():
        return tuple(sorted(path.glob("*.parquet"))) if path.name in TABLES else ()
    return (path,) if path.name.lower().endswith(_ENDINGS) else ()


def _refuse_patterns(files: tuple[Path, ...]) -> None:
    """Refuse a path that the engine would take for a pattern, so that no other file is read with it."""
    for path in files:
        found = [char for char in "[]*?" if char in str(path.absolute())]
        if found:
            raise DataError(
                f"{path}: the path holds {' and '.join(found)}, which stands for other names in the engine; "
                "rename the file or folder"
            )


def read(connection: Any, source: Source) -> ir.Table:
    """Read one table, checked and typed as the contract states.

    Parameters
    ----------
    connection
        From :func:`cemlab.data.engine.connect`, allowed to read the file.
    source
        From :func:`find_sources`.

    Returns
    -------
    ibis.expr.types.Table
        The columns of the contract in their types, further columns as they are. CSV is loaded
        into the engine once; Parquet stays where it is.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or holds a value of the wrong form; the first
        such value is named with its record and column.
    """
    raw = _read_raw(connection, source)
    check_columns(source.table, raw.columns, where=source.label)
    typed = apply_contract(raw, source.table, where=source.label)
    if source.files[0].name.lower().endswith(_CSV_ENDINGS):
        return connection.create_table(source.table.name, typed)
    return typed


def _read_raw(connection: Any, source: Source) -> ir.Table:
    first = source.files[0]
    internal = f"raw_{source.table.name}"
    try:
        if first.name.lower().endswith(".parquet"):
            return connection.read_parquet([str(f) for f in source.files], table_name=internal)
        return connection.read_csv(
            str(first),
            table_name=internal,
            all_varchar=True,
            header=True,
            delim="\t" if ".tsv" in first.name.lower() else ",",
            quote='"',
            escape='"',
            encoding="utf-8",
            strict_mode=True,
        )
    except Exception as error:
        # DuckDB, Ibis and Arrow each raise their own kinds; the user needs one line that names the file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        wanted = "a Parquet file" if first.name.lower().endswith(".parquet") else _CSV_FORM
        raise DataError(f"{first}: cannot be read; it must be {wanted}. The engine says: {reason}") from error


def check_columns(table: Table, columns: tuple[str, ...], *, where: str) -> None:
    """Refuse a table that lacks a required column.

    Raises
    ------
    ColumnError
        Naming the columns that are missing and those that are there.
    """
    there = f"the file has: {', '.join(columns)}"
    missing = [name for name in table.required if name not in columns]
    if missing:
        role = "the key of" if missing[0] in table.key else "what is required of"
        raise ColumnError(
            f"{where}: the column {missing[0]!r} is missing, part of {role} {table.name!r} "
            f"(one row = {table.row}); {there}; rename or add the column"
        )
    if table.any_of and not any(set(group) <= set(columns) for group in table.any_of):
        choices = " or ".join(repr(" + ".join(group)) for group in table.any_of)
        raise ColumnError(f"{where}: the table {table.name!r} needs {choices}; {there}")


def apply_contract(raw: ir.Table, table: Table, *, where: str) -> ir.Table:
    """Type every column that the contract knows, after checking every value.

    One pass counts what breaks the contract; only where something does, a second one finds the first place.
    """
    checks: dict[str, ir.BooleanValue] = {}
    typed: dict[str, ir.Value] = {}
    for name in raw.columns:
        column = table.column(name)
        if column is not None:
            valid, value = _typed(raw[name], column, where=where)
            typed[name] = value
            checks[name] = raw[name].isnull() | valid
            if name in table.required:
                checks[name] = raw[name].notnull() & valid
    # internal names c0…cn: a column's name from a file is never an alias in a query of ours
    counts = raw.aggregate(
        n=raw.count(), **{f"c{i}": (~check).sum().coalesce(0) for i, check in enumerate(checks.values())}
    ).to_pyarrow()
    row = counts.to_pylist()[0]
    for i, (name, check) in enumerate(checks.items()):
        if row[f"c{i}"]:
            column = table.column(name)
            assert column is not None  # checks holds the contract's columns only
            _refuse(raw, column, bad=~check, rows=row[f"c{i}"], given=row["n"], where=where)
    result = raw.mutate(**typed) if typed else raw
    if table.unique:
        _check_unique(result, table, where=where)
    return result


def _typed(value: ir.Value, column: Column, *, where: str) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which values have the form of the column, and the values in its type."""
    kind = value.type()
    if kind.is_string():
        valid, result = _from_text(value, column.form)
    elif column.form in ("id", "text") and (kind.is_integer() or kind.is_boolean()):
        valid, result = ibis.literal(True), value.cast("string")
    elif column.form in ("integer", "number", "money", "share") and kind.is_numeric():
        valid, result = _from_number(value, column.form)
    elif column.form == "flag" and (kind.is_boolean() or kind.is_integer()):
        valid = ibis.literal(True) if kind.is_boolean() else value.isin([0, 1])
        result = value.cast("boolean")
    elif column.form == "date" and kind.is_date():
        valid, result = ibis.literal(True), value
    elif column.form == "date" and kind.is_timestamp():
        valid, result = value == value.truncate("D"), value.date()
    elif column.form == "time" and (kind.is_timestamp() or kind.is_date()):
        valid, result = ibis.literal(True), value.cast("timestamp")
    else:
        raise DataError(
            f"{where}, column {column.name!r}: its type is {kind}, but the contract wants {column.form} "
            f"({FORMS[column.form]}); change the type where the file is made"
        )
    if column.allowed:
        valid = valid & result.isin(column.allowed)
    return valid, result


def _from_text(value: ir.StringValue, form: Form) -> tuple[ir.BooleanValue, ir.Value]:
    if form in ("id", "text"):
        return ibis.literal(True), value
    pattern, target = _GRAMMAR[form]
    result = value.try_cast(target)
    return value.re_search(pattern) & result.notnull(), result


def _from_number(value: ir.NumericValue, form: Form) -> tuple[ir.BooleanValue, ir.Value]:
    floating = value.type().is_floating()
    finite = ~(value.isnan() | value.isinf()) if floating else ibis.literal(True)
    if form == "integer":
        return finite & (value == value.round()), value.try_cast("int64")
    if form == "money":
        # a float stands for the nearest amount of four decimals; one with more decimals is refused
        result = value.try_cast(MONEY)
        return finite & (
            (result.cast("float64") - value.cast("float64")).abs() <= value.abs() * 1e-12
        ), result
    valid = finite & value.between(0, 1) if form == "share" else finite
    return valid, value.cast("float64")


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

"""Published files as text: read whole, checked against what the file should hold, never guessed at."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv as arrow_csv

from cemlab.data.contract import Column, Form, Table
from cemlab.errors import ColumnError, DataError

#: The one column of a file that has no header and is read line by line.
LINE = "line"


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What an adapter makes of a file.

    Parameters
    ----------
    tables
        Tables of the contract, not yet checked.
    notes
        What was left out or changed, with counts.
    as_of
        The last day observed.
    """

    tables: Mapping[str, ir.Table]
    notes: tuple[str, ...] = ()
    as_of: date | None = None


def file_form(
    name: str, *, filled: tuple[str, ...] = (), forms: Mapping[str, Form | tuple[str, ...]]
) -> Table:
    """State what a published file holds, so that it can check and type it.

    Parameters
    ----------
    name
        Of the data set.
    filled
        The columns that must never be blank.
    forms
        By column in use, a form of the contract, or the only values that may stand in it.

    Examples
    --------
    >>> form = file_form("rossi", filled=("week",), forms={"week": "integer", "arrest": ("0", "1")})
    >>> form.column("arrest").allowed
    ('0', '1')
    """
    columns = tuple(
        Column(
            name=column,
            form="text" if isinstance(form, tuple) else form,
            about="as published",
            allowed=form if isinstance(form, tuple) else (),
        )
        for column, form in forms.items()
    )
    return Table(name=name, row="a row as published", key=filled, columns=columns)


def read_text(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read columns of a file as text, blanks as nulls.

    Parameters
    ----------
    path
        A CSV file in UTF-8, which may be compressed with gzip; or any text file, if ``columns`` is
        ``(LINE,)``, read line by line.
    columns
        The columns wanted, in the order wanted.

    Returns
    -------
    pyarrow.Table
        All rows, in the order of the file. It is read here and not by the engine, so that the engine
        needs no access to any file.

    Raises
    ------
    DataError
        If the file cannot be read as what it should be.
    ColumnError
        If it lacks one of the columns.
    """
    try:
        if columns == (LINE,):
            lines = path.read_text(encoding="utf-8").splitlines()
            if not lines:
                raise ValueError("it is empty")
            return pa.table({LINE: pa.array(lines, pa.string())})
        header = _header(path)
        missing = [name for name in columns if name not in header]
        if missing:
            raise ColumnError(
                f"{path}: the columns {', '.join(missing)} are missing; the file has: {', '.join(header)}; "
                "it is not the file that was published"
            )
        return (
            _read_csv(path, len(header))
            .select([header.index(name) for name in columns])
            .rename_columns(list(columns))
        )
    except (OSError, EOFError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"{path}: cannot be read ({reason}); it is not the file that was published"
        ) from error


def _header(path: Path) -> list[str]:
    # utf-8-sig: one of the files begins with a byte order mark
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _read_csv(path: Path, width: int) -> pa.Table:
    """Read every column as text, under internal names: what a header says is never an identifier."""
    names = [f"c{i}" for i in range(width)]
    return arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=1),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def count(table: ir.Table, **conditions: ir.BooleanColumn) -> dict[str, int]:
    """Count all rows of a table and, in the same pass, those for which each condition holds.

    Examples
    --------
    >>> import ibis
    >>> table = ibis.memtable({"x": [1, 2, 3]})
    >>> count(table, small=table.x < 3)
    {'all': 3, 'small': 2}
    """
    sums = {name: condition.cast("int64").sum().coalesce(0) for name, condition in conditions.items()}
    row = table.aggregate(all=table.count(), **sums).to_pyarrow().to_pylist()[0]
    return {name: int(n) for name, n in row.items()}

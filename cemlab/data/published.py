"""Published files that no settings can describe: read whole as text, typed, or refused at the first fault."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data.contract import FORMS, Form
from cemlab.data.intake import grammar
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import ColumnError, DataError

#: The one column of a file that has no header and is read line by line.
LINE = "line"


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """What an adapter makes of a file.

    Parameters
    ----------
    tables
        Tables of the contract.
    notes
        What was left out or changed, with counts.
    """

    tables: Mapping[str, ir.Table]
    notes: tuple[str, ...] = ()


def read_text(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read columns of a small file as text, blanks as nulls.

    Parameters
    ----------
    path
        A CSV file in UTF-8; or any text file, if ``columns`` is ``(LINE,)``, read line by line.
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
        # utf-8-sig: one of the files begins with a byte order mark
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        if not lines:
            raise ValueError("it is empty")
        if columns == (LINE,):
            return pa.table({LINE: pa.array(lines, pa.string())})
        header, *rows = csv.reader(lines, strict=True)
        if any(len(row) != len(header) for row in rows):
            raise ValueError("its rows are not all as long as its header")
    except (OSError, ValueError, csv.Error) as error:
        raise unreadable(path, error) from error
    require_columns(path, columns, header)
    at = {name: header.index(name) for name in columns}
    return pa.table({name: pa.array([row[i] or None for row in rows], pa.string()) for name, i in at.items()})


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the refusal of a file that cannot be read as what it should be."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{path}: cannot be read ({reason}); it is not the file that was published")


def require_columns(path: Path, wanted: Iterable[str], there: Collection[str]) -> None:
    """Refuse a published file that lacks a column.

    Raises
    ------
    ColumnError
        With the columns that are missing, and those there are.
    """
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ColumnError(
            f"{path}: the columns {', '.join(missing)} are missing; the file has: {', '.join(there)}; "
            "it is not the file that was published"
        )


def typed(raw: ir.Table, forms: Mapping[str, Form], *, where: str) -> ir.Table:
    """Type columns of text in which every row must have a good value.

    Parameters
    ----------
    raw
        The rows; a blank is null. Columns without a form are kept as they are.
    forms
        By column, its form in the contract.
    where
        The file's name, for messages.

    Raises
    ------
    DataError
        If a value is blank or has the wrong form; the first place is named.
    """
    rules = {
        name: ColumnRule(name=name, source=name, form=form, required=True) for name, form in forms.items()
    }
    checked = {name: grammar.typed_value(raw[name], rule) for name, rule in rules.items()}
    # one pass counts what is wrong; only where something is, a second one finds the first place
    counts = count(raw, **{f"c{i}": bad for i, (bad, _) in enumerate(checked.values())})
    for i, (name, (bad, _)) in enumerate(checked.items()):
        if counts[f"c{i}"]:
            _refuse(raw, rules[name], bad=bad, where=where)
    return raw.mutate(**{name: value for name, (_, value) in checked.items()})


def _refuse(raw: ir.Table, rule: ColumnRule, *, bad: ir.BooleanValue, where: str) -> NoReturn:
    first = raw.mutate(cemlab_record=ibis.row_number() + 1).filter(bad)
    first = first.order_by("cemlab_record").select("cemlab_record", cemlab_value=first[rule.name]).limit(1)
    record, value = first.to_pyarrow().to_pylist()[0].values()
    shown = "is blank" if value is None else f"is {str(value)[:80]!r}"
    raise DataError(
        f"{where}, record {record}, column {rule.name!r}: the value {shown}; allowed is {rule.form}: "
        f"{FORMS[rule.form]}; it is not the file that was published"
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

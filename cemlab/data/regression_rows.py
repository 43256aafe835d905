"""Rows for a regression on the engine: roles checked, rows with something missing left out and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from cemlab.data.engine import batches, rows
from cemlab.errors import ColumnError, DataError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# numbers whose squares a regression can still add up
_LARGEST = 1e100
# numbers of keys that may lie between two that occur, per key: fewer need no dictionary
_GAPS = 4
# enough that what a batch costs by itself does not count, few enough for a few dozen megabytes
_ROWS_AT_ONCE = 1 << 17


@dataclass(frozen=True, eq=False, kw_only=True)
class KeyNumbers:
    """The numbers from 0 that the values of a key go by: less the least, or their place in a list.

    Parameters
    ----------
    least
        The least value where values are whole and lie close together; else None.
    values
        The values in order where they do not.
    size
        How many numbers there are; where `least` is given, some may not occur.
    """

    least: int | None
    values: pa.Array | None
    size: int

    def of(self, column: pa.Array) -> Ints:
        """Return the numbers of values; anything where one is missing."""
        if self.values is None:
            known = column.fill_null(self.least) if column.null_count else column
            return np.asarray(np.subtract(np.asarray(known), self.least or 0, dtype=np.int64))
        import pyarrow.compute as pc

        return np.asarray(pc.index_in(column, value_set=self.values).fill_null(0)).astype(np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class RowBlock:
    """Complete rows: outcome and columns (k + 1, m), weights (m) or None, and numbers of keys by role (m)."""

    values: Floats
    weight: Floats | None
    keys: dict[str, Ints]
    n_given: int


@dataclass(frozen=True, eq=False, kw_only=True)
class RegressionRows:
    """Rows on the engine under names of our own, read block by block.

    Parameters
    ----------
    table
        ``y`` (outcome), ``x0``, ``x1`` … (columns), ``w`` where there are weights [all float64], and each key
        under the name of its role.
    called
        Role → what the data call the column.
    """

    table: ir.Table
    called: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """What the data call the columns beside the outcome."""
        return tuple(name for role, name in self.called.items() if role.startswith("x"))

    def numbers(self, role: str, *, rows_each: float = 1.0) -> KeyNumbers:
        """Return numbers of the values of a key, of which one is expected in so many rows."""
        column = self.table[role]
        if column.type().is_integer():
            found = rows(self.table.aggregate(low=column.min(), high=column.max(), n=self.table.count()))[0]
            if found["low"] is not None:
                size = int(found["high"]) - int(found["low"]) + 1
                if size <= max(_GAPS * found["n"] / rows_each, 1000):
                    return KeyNumbers(least=int(found["low"]), values=None, size=size)
        values = batches(
            self.table.select(role).filter(column.notnull()).distinct().order_by(role)
        ).read_all()
        listed = values.column(0).combine_chunks()
        return KeyNumbers(least=None, values=listed, size=len(listed))

    def blocks(
        self,
        numbers: Mapping[str, KeyNumbers],
        *,
        centre: Floats | None = None,
        rows_each: int = _ROWS_AT_ONCE,
    ) -> Iterator[RowBlock]:
        """Read rows in order, those with something missing left out and counted.

        The next batch is fetched while a block is worked on. A block is the reader's to change, until it asks
        for the next one, which takes its place. With a `centre` (k + 1), values come less that. Blocks of few
        rows each stay in the processor's own memory.

        Raises
        ------
        DataError
            If a number is infinite or beyond all reckoning, or a weight not above nought.
        """
        roles = [role for role in self.called if role == "y" or role.startswith("x")]
        less = np.zeros(len(roles)) if centre is None else centre
        # one place for all blocks: fresh memory for each would take longer to get than to fill
        place = np.empty((len(roles), rows_each))
        for batch in _slices(_one_ahead(batches(self.table, rows_at_once=_ROWS_AT_ONCE)), rows_each):
            values = place[:, : batch.num_rows]
            for row, role, middle in zip(values, roles, less, strict=True):
                np.subtract(batch.column(role).to_numpy(zero_copy_only=False), middle, out=row)
            weight = None
            if "w" in self.called:
                weight = batch.column("w").to_numpy(zero_copy_only=False)
            there = self._complete(batch, values, weight, roles)
            keys = {role: found.of(batch.column(role)) for role, found in numbers.items()}
            if there is not None:
                values = values[:, there]
                weight = None if weight is None else weight[there]
                keys = {role: code[there] for role, code in keys.items()}
            yield RowBlock(values=values, weight=weight, keys=keys, n_given=batch.num_rows)

    def _complete(
        self, batch: pa.RecordBatch, values: Floats, weight: Floats | None, roles: Sequence[str]
    ) -> npt.NDArray[np.bool_] | None:
        """Return which rows are complete, None where all are."""
        # one product tells whether anything is missing, infinite or beyond reckoning
        clean = all(float(row @ row) <= _LARGEST for row in values)
        keys = [role for role in self.table.columns if role not in (*roles, "w")]
        if clean and weight is not None:
            clean = bool((weight > 0).all() and weight.sum() <= _LARGEST)
        if clean and not any(batch.column(role).null_count for role in keys):
            return None
        there = ~np.isnan(values).any(axis=0)
        for role in keys:
            there &= batch.column(role).is_valid().to_numpy(zero_copy_only=False)
            if batch.column(role).type in ("double", "float"):
                there &= ~np.isnan(batch.column(role).to_numpy(zero_copy_only=False))
        if weight is not None:
            there &= ~np.isnan(weight)
            if (weight[there] <= 0).any():
                self._refuse("w", "holds weights of nought or less")
            if not (weight[there] <= _LARGEST).all():
                self._refuse("w", "holds weights beyond all reckoning")
        for row, role in zip(values, roles, strict=True):
            if (np.abs(row[there]) > np.sqrt(_LARGEST)).any():
                self._refuse(role, f"infinite or beyond all reckoning (above {np.sqrt(_LARGEST):g})")
        return np.asarray(there)

    def _refuse(self, role: str, what: str) -> None:
        raise DataError(f"table, column {self.called[role]!r}: {what} in some rows; leave such rows out")


def regression_rows(
    table: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    columns: Sequence[str],
    keys: Mapping[str, str],
    weights: str | None = None,
) -> RegressionRows:
    """Return rows for a regression, after roles that cannot be filled are refused by name.

    Parameters
    ----------
    table
        One row an observation.
    outcome, columns, weights
        Columns with numbers; truth counts as 1 and 0.
    keys
        Role (``"u"``, ``"t"``, ``"c"``) → column.

    Raises
    ------
    ColumnError
        If a column is missing, or another's name differs only by case.
    OptionError
        If a column stands in two roles that exclude each other, or there is none beside the outcome.
    DataError
        If a column holds no numbers, or currencies are mixed.
    """
    if not columns:
        raise OptionError("no column is named beside the outcome; name one at least")
    measured = {"y": outcome, **{f"x{i}": name for i, name in enumerate(columns)}}
    if weights is not None:
        measured["w"] = weights
    _check(table, measured, keys)
    refuse_like_names(table, (*measured.values(), *keys.values(), "currency"), what="table")
    source = table if isinstance(table, ir.Table) else ibis.memtable(_picked(table, measured, keys))
    _check_kinds(source, measured)
    _refuse_currencies(source)
    floats = {role: source[name].cast("float64") for role, name in measured.items()}
    picked = source.select(**floats, **{role: source[name] for role, name in keys.items()})
    return RegressionRows(table=picked, called={**measured, **keys})


def refuse_like_names(table: ir.Table | pd.DataFrame, used: Iterable[str], *, what: str) -> None:
    """Refuse columns whose names differ only by case: an engine takes one for the other.

    Parameters
    ----------
    table
        In a frame columns that are not used may be named alike; in a table of an engine none may.
    used
        Columns in question.
    what
        What the table is called in the error.

    Raises
    ------
    ColumnError
        With the names.
    """
    asked = {str(name).casefold() for name in used}
    seen: dict[str, str] = {}
    for name in map(str, table.columns):
        folded = name.casefold()
        if folded in seen and (isinstance(table, ir.Table) or folded in asked):
            raise ColumnError(
                f"{what}: the columns {seen[folded]!r} and {name!r} cannot be told apart on an engine, which "
                "does not look at capitals; rename one of them"
            )
        seen[folded] = name


def _picked(table: pd.DataFrame, measured: Mapping[str, str], keys: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns in question, and those that name a currency."""
    asked = {*measured.values(), *keys.values()}
    return table[[name for name in table.columns if name in asked or _is_currency(name)]]


def _is_currency(name: object) -> bool:
    return str(name).casefold() == "currency"


def _one_ahead(found: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches, the next of which is fetched meanwhile; the engine and NumPy both let go of Python."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, found, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, found, None)
            yield batch


def _slices(found: Iterator[pa.RecordBatch], rows_each: int) -> Iterator[pa.RecordBatch]:
    """Yield batches in slices of so many rows."""
    for batch in found:
        for first in range(0, batch.num_rows, rows_each):
            yield batch.slice(first, rows_each)


def _check(table: ir.Table | pd.DataFrame, measured: Mapping[str, str], keys: Mapping[str, str]) -> None:
    for name in (*measured.values(), *keys.values()):
        if name not in table.columns:
            raise ColumnError(f"table: {one_of(name, map(str, table.columns), what='column')}")
    used = [*measured.values(), *(keys[role] for role in ("u", "t") if role in keys)]
    for name in used:
        if used.count(name) > 1:
            raise OptionError(f"column {name!r} stands in two roles; give each role a column of its own")


def _check_kinds(table: ir.Table, measured: Mapping[str, str]) -> None:
    for name in measured.values():
        kind = table[name].type()
        if not (kind.is_numeric() or kind.is_boolean()):
            raise DataError(f"table, column {name!r}: {kind} is no number; cast it, or leave it out")


def _refuse_currencies(table: ir.Table) -> None:
    for column in filter(_is_currency, table.columns):
        found = [row[column] for row in rows(table.select(column).distinct().limit(5))]
        named = sorted(str(name) for name in found if name is not None)
        if len(named) > 1:
            raise DataError(
                f"table, column {column!r}: {', '.join(named)} are mixed; convert all amounts to one "
                "currency first"
            )

"""Parquet files: rows that have types already are checked where they lie, and stay there if all are good."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data.engine import batches
from cemlab.data.intake import grammar
from cemlab.data.intake.batch import Fault
from cemlab.data.intake.parquet import ROW
from cemlab.data.intake.plan import ColumnRule, Filter
from cemlab.data.intake.written import RECORD, Broken, together, told_of_column, told_of_filter, verdict_of
from cemlab.errors import DataError

__all__ = ["ROW", "StoredTyping", "stored_rows"]

_VERDICT = "cemlab_verdict"


class StoredTyping:
    """Types the rows of one Parquet file.

    Parameters
    ----------
    raw
        The file on the engine, with the index of each row.
    rules
        The columns of the table.
    as_they_are
        The columns that nobody described: kept in the type they have, times of day as text.
    where
        The file's name, for messages.
    filters, decimal, thousands
        As for :class:`~cemlab.data.intake.written.WrittenTyping`.

    Raises
    ------
    DataError
        If the type of a column cannot be taken for what the column should hold.
    """

    def __init__(
        self,
        raw: ir.Table,
        *,
        rules: Sequence[ColumnRule],
        as_they_are: Collection[str],
        where: str = "",
        filters: Sequence[Filter] = (),
        decimal: str = ".",
        thousands: str = "",
    ) -> None:
        self._raw = raw
        self._rules = tuple(rules)
        self._filters = tuple(filters)
        self._as_they_are = frozenset(as_they_are)
        try:
            checked = {rule.name: self._checked(rule) for rule in rules}
        except DataError as error:
            raise DataError(f"{where}, {error}" if where else str(error)) from error
        self._values = {name: value for name, (_, value) in checked.items()}
        self._flags = {f"b{i}": broken for i, (broken, _) in enumerate(checked.values())}
        self._verdict = verdict_of(
            filters,
            list(self._flags.values()),
            column=self._text,
            marks={"decimal": decimal, "thousands": thousands},
        )

    def n_broken(self) -> int:
        """Count the rows that are set aside."""
        return int((self._verdict != 0).sum().coalesce(0).to_pyarrow().as_py())

    def good(self) -> ir.Table:
        """Return the accepted rows, typed, with their place."""
        verdict = _VERDICT
        while verdict in self._values:  # a column of the file may be called anything
            verdict += "_"
        rows = self._raw.select(**self._values, **{RECORD: self._raw[ROW], verdict: self._verdict})
        return rows.filter(rows[verdict] == 0).drop(verdict)

    def broken(self) -> Iterator[Broken]:
        """Yield the rows that are set aside, in the order of the file."""
        columns = [name for name in self._raw.columns if name != ROW]
        shown = _texts(self._raw, columns)
        rows = self._raw.select(**shown, **self._flags, **{RECORD: self._raw[ROW], _VERDICT: self._verdict})
        rows = rows.filter(rows[_VERDICT] != 0).order_by(RECORD)
        for batch in batches(rows):
            for found in batch.to_pylist():
                record = {name: found[f"c{i}"] for i, name in enumerate(columns)}
                yield self._told(found, record)

    def _told(self, found: dict[str, Any], record: dict[str, str | None]) -> Broken:
        line, row = found[RECORD], _row_text(record)
        if found[_VERDICT] < 0:
            f, reason = told_of_filter(self._filters, found[_VERDICT])
            fault = Fault(line=line, column=f.column, value=record[f.column] or "", reason=reason, row=row)
            return Broken(fault=fault, kind=reason)
        text = {name: value or "" for name, value in record.items()}
        faults = [self._told_of(rule, text) for i, rule in enumerate(self._rules) if found[f"b{i}"]]
        return together(faults, line=line, row=row)

    def _told_of(self, rule: ColumnRule, text: dict[str, str]) -> tuple[str, str, str]:
        if rule.source is None or rule.multiply is not None:
            return told_of_column(rule, text)
        value, kind = text[rule.source], self._raw[rule.source].type()
        told = rule if kind.is_string() else grammar.as_typed(rule)
        return rule.source, value, grammar.typed_reason(value, told, kind)

    def _checked(self, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
        if rule.name in self._as_they_are:
            value = self._raw[rule.source]
            # the engine returns a time of day in another unit than it says
            kept = value.cast("string") if value.type().is_time() or value.type().is_unknown() else value
            return ibis.literal(False), kept
        if rule.multiply is not None:
            left, right = map(self._text, rule.multiply)
            return grammar.product_value(left, right, rule)
        if rule.source is None:
            return grammar.text_value(ibis.literal(rule.constant), rule)
        value = self._raw[rule.source]
        try:
            return grammar.typed_value(value, rule)
        except DataError:
            if value.count().to_pyarrow().as_py():
                raise
            # a column of blanks has whatever type its writer gave it
            return grammar.text_value(value.cast("string").fill_null(""), rule)

    def _text(self, column: str) -> ir.StringValue:
        return self._raw[column].cast("string").fill_null("")


def stored_rows(raw: ir.Table, places: Collection[int]) -> Iterator[tuple[int, dict[str, str], str]]:
    """Yield place, values as text and the whole text of some rows of a Parquet file."""
    columns = [name for name in raw.columns if name != ROW]
    shown = raw.select(**_texts(raw, columns), place=raw[ROW])
    wanted = ibis.memtable(pa.table({"place": pa.array(sorted(places), pa.int64())}))
    found = shown.semi_join(wanted, "place").order_by("place")
    for batch in batches(found):
        for row in batch.to_pylist():
            record = {name: row[f"c{i}"] for i, name in enumerate(columns)}
            yield row["place"], {name: value or "" for name, value in record.items()}, _row_text(record)


def _texts(raw: ir.Table, columns: Sequence[str]) -> dict[str, ir.StringValue]:
    """Return the columns as text, under internal names: one of the file may be called as one of ours.

    The engine writes them, for it has days and times that Python does not.
    """
    return {f"c{i}": raw[name].cast("string") for i, name in enumerate(columns)}


def _row_text(record: dict[str, str | None]) -> str:
    """Write a row that has no text of its own, by column."""
    return json.dumps(record, ensure_ascii=False)

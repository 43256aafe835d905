"""Batches of text into typed rows: the engine checks every value, and broken rows come back with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cemlab.data.intake import grammar
from cemlab.data.intake.batch import Batch, Fault
from cemlab.data.intake.grammar.plain import may_be_plain, plain_products, plain_values
from cemlab.data.intake.plan import ColumnRule, Filter

# The name under which a batch stands in the engine, and the column that says which rule a row breaks first.
_BATCH = "cemlab_batch"
_VERDICT = "verdict"

# The rules, by position, that a batch's values must be checked by one by one: those it is not plain for.
_Asked = tuple[int, ...]

#: The place of a row in its file, kept beside the columns where rules between rows need it.
RECORD = "cemlab_record"


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A row that was set aside, with the kind of its fault for counting."""

    fault: Fault
    kind: str


class WrittenTyping:
    """Types the batches of one file.

    Parameters
    ----------
    connection
        The engine.
    header
        The columns of the file.
    rules
        The columns of the table, in the order in which they shall stand.
    filters
        Rows to leave out, asked before anything is found fault with.
    decimal, thousands
        The marks of numbers that filters compare.
    with_places
        Whether to keep the place of each row, under :data:`RECORD`.
    """

    def __init__(
        self,
        connection: Any,
        *,
        header: Sequence[str],
        rules: Sequence[ColumnRule],
        filters: Sequence[Filter] = (),
        decimal: str = ".",
        thousands: str = "",
        with_places: bool = False,
    ) -> None:
        self._with_places = with_places
        self._connection = connection
        # names from the file never reach the engine: columns are c0, c1, … there
        self._internal = {name: f"c{i}" for i, name in enumerate(header)}
        self._position = {name: i for i, name in enumerate(header)}
        self._rules = tuple(rules)
        self._filters = tuple(filters)
        self._marks = {"decimal": decimal, "thousands": thousands}
        self._compiled: dict[tuple[_Asked, bool], str] = {}

    def split(self, batch: Batch) -> tuple[pa.Table, list[Broken]]:
        """Return the good rows, typed and named as in the table, and the broken ones."""
        typed, asked = self._typed(batch.columns)
        verdicts = typed.column(_VERDICT)
        rows = self._named(typed)
        if self._with_places:
            places = [batch.line(row) for row in range(rows.num_rows)]
            rows = rows.append_column(RECORD, pa.array(places, pa.int64()))
        found = verdicts.to_numpy()
        if not found.any():
            return rows, []
        broken = list(self._unwanted(batch, found))
        wrong = (found > 0).nonzero()[0]
        if wrong.size:
            broken += self._broken(batch, wrong.tolist(), asked=asked)
        return rows.filter(pc.equal(verdicts, 0)), broken

    def empty(self) -> pa.Table:
        """Return a table without rows, typed and named as the good rows are."""
        nothing = pa.chunked_array([pa.array([], pa.string())])
        typed, _ = self._typed(pa.table(dict.fromkeys(self._internal.values(), nothing)))
        rows = self._named(typed)
        return rows.append_column(RECORD, pa.array([], pa.int64())) if self._with_places else rows

    def missing(self, batch: Batch) -> Iterator[tuple[str, str, int]]:
        """Yield column of the file, declared missing code and how often it stands there."""
        codes = {
            rule.source: rule.missing for rule in self._rules if rule.missing and rule.source is not None
        }
        for source, missing in codes.items():
            values = batch.columns.column(self._internal[source])
            counted = pc.value_counts(values.filter(pc.is_in(values, pa.array(missing))))
            for entry in counted.to_pylist():
                yield source, entry["values"], entry["counts"]

    def _typed(self, columns: pa.Table) -> tuple[pa.Table, _Asked]:
        """Return values and verdicts of a batch under internal names, and the rules asked one by one."""
        plain: dict[str, pa.ChunkedArray] = {}
        asked: list[int] = []
        for i, rule in enumerate(self._rules):
            values = None
            if rule.source is not None and may_be_plain(rule):
                values = plain_values(columns.column(self._internal[rule.source]), rule)
            elif rule.multiply is not None:
                left, right = (columns.column(self._internal[name]) for name in rule.multiply)
                values = plain_products(left, right, rule)
            if values is None:
                asked.append(i)
            else:
                plain[f"t{i}"] = values
        typed = self._run(columns, tuple(asked), flags=False)
        found = plain | {name: typed.column(name) for name in typed.column_names}
        in_order = [*(f"t{i}" for i in range(len(self._rules))), _VERDICT]
        return pa.table({name: found[name] for name in in_order}), tuple(asked)

    def _query(self, table: ir.Table, asked: _Asked, *, flags: bool) -> ir.Table:
        checked = {i: self._checked(table, self._rules[i]) for i in asked}
        verdict = verdict_of(
            self._filters,
            [broken for broken, _ in checked.values()],
            column=lambda name: table[self._internal[name]],
            marks=self._marks,
        )
        if flags:
            shown = {f"b{i}": broken for i, (broken, _) in checked.items()}
        else:
            shown = {f"t{i}": value for i, (_, value) in checked.items()}
        return table.select(**shown, **{_VERDICT: verdict})

    def _checked(self, table: ir.Table, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
        if rule.multiply is not None:
            left, right = (table[self._internal[name]] for name in rule.multiply)
            return grammar.product_value(left, right, rule)
        if rule.source is None:
            return grammar.text_value(ibis.literal(rule.constant), rule)
        return grammar.text_value(table[self._internal[rule.source]], rule)

    def _run(self, columns: pa.Table, asked: _Asked, *, flags: bool) -> pa.Table:
        """Run a query over columns of text."""
        connection = self._connection
        connection.con.register(_BATCH, columns)
        key = (asked, flags)
        if key not in self._compiled:
            # once a file: Ibis takes longer to compile a query than the engine to run it
            query = self._query(connection.table(_BATCH), asked, flags=flags)
            self._compiled[key] = str(connection.compile(query))
        return connection.con.sql(self._compiled[key]).to_arrow_table()

    def _named(self, typed: pa.Table) -> pa.Table:
        return typed.drop_columns([_VERDICT]).rename_columns([rule.name for rule in self._rules])

    def _unwanted(self, batch: Batch, verdicts: npt.NDArray[np.int32]) -> Iterator[Broken]:
        """Yield the rows that a filter set aside, one filter after the other: there may be very many."""
        for verdict in np.unique(verdicts[verdicts < 0]).tolist():
            f, reason = told_of_filter(self._filters, verdict)
            hit = (verdicts == verdict).nonzero()[0]
            values = batch.columns.column(self._internal[f.column]).take(hit).to_pylist()
            for row, value in zip(hit.tolist(), values, strict=True):
                line, record = batch.line(row), batch.row_text(row)
                fault = Fault(line=line, column=f.column, value=value, reason=reason, row=record)
                yield Broken(fault=fault, kind=reason)

    def _broken(self, batch: Batch, rows: list[int], *, asked: _Asked) -> Iterator[Broken]:
        wrong = batch.columns.take(rows)
        flags = self._run(wrong, asked, flags=True).to_pylist()
        texts = wrong.to_pylist()
        for row, flag, text in zip(rows, flags, texts, strict=True):
            line, record = batch.line(row), batch.row_text(row)
            named = {name: text[internal] for name, internal in self._internal.items()}
            faults = [told_of_column(rule, named) for i, rule in enumerate(self._rules) if flag.get(f"b{i}")]
            faults.sort(key=lambda told: self._position.get(told[0], -1))
            yield together(faults, line=line, row=record)


def verdict_of(
    filters: Sequence[Filter],
    broken: Sequence[ir.BooleanValue],
    *,
    column: Callable[[str], ir.StringValue],
    marks: Mapping[str, str],
) -> ir.IntegerValue:
    """Return what becomes of a row: 0 if good, above 0 if a column is broken, below 0 if a filter hits it.

    The filters are asked first and in their order: what the user does not want is not found fault with. A
    row that a filter cannot judge is not let through.
    """
    n = len(filters)
    first = []
    for i, f in enumerate(filters):
        first.append((grammar.filter_hit(column, f, **marks), -1 - i))
        first.append((grammar.filter_doubt(column, f, **marks), -1 - n - i))
    first += [(flag, 1 + i) for i, flag in enumerate(broken)]
    return ibis.cases(*first, else_=0).cast("int32") if first else ibis.literal(0, "int32")


def told_of_filter(filters: Sequence[Filter], verdict: int) -> tuple[Filter, str]:
    """Return the filter for which a row was set aside, and the reason to give."""
    doubt, i = divmod(-1 - verdict, len(filters))
    f = filters[i]
    return f, f"is no number, so the filter {f.reason!r} cannot judge it" if doubt else f.reason


def told_of_column(rule: ColumnRule, record: Mapping[str, str]) -> tuple[str, str, str]:
    """Return column, value and reason of one broken value; `record` is the row by the names of the file."""
    if rule.multiply is not None:
        left, right = (record[name] for name in rule.multiply)
        return " × ".join(rule.multiply), f"{left} × {right}", grammar.product_reason(left, right, rule)
    if rule.source is None:
        return rule.name, str(rule.constant), grammar.reason(str(rule.constant), rule)
    return rule.source, record[rule.source], grammar.reason(record[rule.source], rule)


def together(faults: list[tuple[str, str, str]], *, line: int, row: str) -> Broken:
    """Make one entry of all the (column, value, reason) for which a row was set aside."""
    column, value, reason = faults[0]
    # the kind is the reason without the value, so that rows with the same fault are counted together
    kind = reason.replace(repr(value[:80]), "").strip(" :,;")
    others = "".join(f"; also column {name!r}: {why}" for name, _, why in faults[1:])
    return Broken(
        fault=Fault(line=line, column=column, value=value, reason=reason + others, row=row), kind=kind
    )

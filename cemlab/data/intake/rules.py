"""Rules between the rows of a table: what breaks them, with the places of the rows it clashes with.

Everything is counted on the engine; only the broken rows are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import groupby, islice
from operator import itemgetter, or_
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from cemlab.data.intake.grammar.text import builtin
from cemlab.data.intake.plan import TableRule
from cemlab.errors import ColumnError, OptionError, one_of

#: Where a row stands: its file, and its place in the file.
FILE, RECORD = "cemlab_file", "cemlab_record"

_SCHEMA = pa.schema(
    [
        (FILE, pa.int64()),
        (RECORD, pa.int64()),
        ("column", pa.string()),
        ("reason", pa.string()),
        ("kind", pa.string()),
    ]
)
_POSITION = ("file", "record")
_COPY = "is an exact copy of"
_NAMED = 3  # places named in one reason
_PART = 1_000_000  # rows compared together on the engine
_AT_ONCE = 100_000  # rows handled together in Python

Place = Callable[[int, int], str]
_Row = dict[str, Any]
_Found = Iterator[tuple[int, int, str]]


def broken_rows(table: ir.Table, rules: Sequence[TableRule], *, place: Place) -> pa.Table:
    """Return the rows that break a rule, each with the first rule that it breaks.

    Parameters
    ----------
    table
        The typed columns, and the int64 columns ``cemlab_file`` and ``cemlab_record``.
    rules
        Applied one after the other: what one has set aside, the next does not see.
    place
        Gives the words for a file and a place in it, e.g. "line 7".

    Returns
    -------
    pa.Table
        ``cemlab_file``, ``cemlab_record``, ``column``, ``reason``, and ``kind``, the reason without the
        places and values of the one row; in the order of the files.

    Raises
    ------
    ColumnError
        If a rule names a column that the table does not have.
    OptionError
        If a rule has too few columns, or no `by` where it needs one.

    Notes
    -----
    Rows with a blank among the columns that say which rows belong together are not compared, but for
    ``unique``: there a blank is like another blank, unless all of the columns are blank. Nor are spells
    compared without a start or that end before they start. Where two spells overlap, both are set aside,
    and so are all rows of a key that contradict each other: nobody can say which of them is right.
    Equal spells overlap, even those of no length. Of rows that stand at the same time, none is later; they
    are set aside where only one of them can be right.
    """
    tables = []
    for rule in rules:
        _check(table, rule)
        broken = _collected(_KINDS[rule.rule](_internal(table, rule), rule, place), rule)
        if broken.num_rows:
            tables.append(broken)
            table = table.anti_join(ibis.memtable(broken.select([FILE, RECORD])), [FILE, RECORD])
    both = pa.concat_tables(tables) if tables else _SCHEMA.empty_table()
    return both.sort_by([(FILE, "ascending"), (RECORD, "ascending")])


def _collected(found: _Found, rule: TableRule) -> pa.Table:
    """Put what was found into a table, little by little: it can be every row of the data."""
    batches = []
    while some := list(islice(found, _AT_ONCE)):
        files, records, reasons = zip(*some, strict=True)
        columns, kinds = [rule.columns[0]] * len(some), [_kind(rule, reason) for reason in reasons]
        batches.append(pa.record_batch([files, records, columns, reasons, kinds], schema=_SCHEMA))
    return pa.Table.from_batches(batches, schema=_SCHEMA)


def _kind(rule: TableRule, reason: str) -> str:
    """Return what broken rows are counted under: the reason without the places and values of one row."""
    if reason.startswith(_COPY):
        return f"{_COPY} another row"
    first, *others = rule.columns
    if rule.rule == "stays-on" and reason.endswith("both are set aside"):
        return f"{''.join(others)} is both true and false for one {rule.by} and {first}"
    return {
        "unique": f"the same {' and '.join(rule.columns)} stands in other rows too, with other values",
        "ordered": f"{first} {'is not before' if rule.strict else 'is after'} {''.join(others[:1])}",
        "no-overlap": f"overlaps another spell of the same {rule.by}",
        "one-event": f"has {''.join(others[:1])}, but not as the last row of its {rule.by}",
        "stays-on": f"{''.join(others[:1])} is false after it was true",
    }[rule.rule]


def copies(table: ir.Table) -> int:
    """Count the rows that are exact copies of an earlier one.

    Parameters
    ----------
    table
        As for :func:`broken_rows`; the places do not count as part of a row.
    """
    values = [name for name in table.columns if name not in (FILE, RECORD)]
    rows = table.select(**{f"c{i}": table[name] for i, name in enumerate(values)})
    n = 0
    for part in _shared(rows, list(rows.columns)):
        counted = part.group_by(rows.columns).aggregate(n=ibis._.count())
        n += counted.aggregate(n=(counted.n - 1).sum().coalesce(0)).to_pyarrow().column(0)[0].as_py()
    return int(n)


def _check(table: ir.Table, rule: TableRule) -> None:
    for name in (*rule.columns, *((rule.by,) if rule.by else ())):
        if name not in table.columns:
            there = [column for column in table.columns if column not in (FILE, RECORD)]
            raise ColumnError(f"rule {rule.rule!r}: {one_of(name, there, what='column')}")
    if not rule.columns or (rule.rule != "unique" and len(rule.columns) != 2):
        wanted = "at least one column" if rule.rule == "unique" else "two columns"
        raise OptionError(f"rule {rule.rule!r}: columns = {list(rule.columns)}; it needs {wanted}")
    if rule.rule in ("no-overlap", "one-event", "stays-on") and not rule.by:
        raise OptionError(f"rule {rule.rule!r}: it needs by, the column that says whose rows they are")


def _internal(table: ir.Table, rule: TableRule) -> ir.Table:
    """Return the rows under internal names: file, record, by, the rule's columns c0…, all others v0…."""
    others = [name for name in table.columns if name not in (FILE, RECORD, rule.by, *rule.columns)]
    return table.select(
        file=table[FILE],
        record=table[RECORD],
        **({"by": table[rule.by]} if rule.by else {}),
        **{f"c{i}": table[name] for i, name in enumerate(rule.columns)},
        **({f"v{i}": table[name] for i, name in enumerate(others)} if rule.rule == "unique" else {}),
    )


def _shared(rows: ir.Table, keys: list[str]) -> Iterator[ir.Table]:
    """Yield the rows whose keys stand in another row as well, and perhaps a few more, in parts.

    Rows with equal keys are in one part, and a part is small enough to be sorted in little memory. Rows are
    counted by a hash of the keys, eight bytes a row; two keys with one hash do no harm, for what follows
    compares the keys themselves.
    """
    hash_of = builtin("hash", tuple(rows[name].type() for name in keys), "uint64")
    hashed = rows.mutate(key_hash=hash_of(*(rows[name] for name in keys)))
    hashes = hashed.select("key_hash").to_pyarrow().column(0).to_numpy().copy()
    hashes.sort()
    again = np.zeros(len(hashes), dtype=bool)
    again[1:] = hashes[1:] == hashes[:-1]
    again[:-1] |= again[1:]
    n_parts = np.uint64(np.count_nonzero(again) // _PART + 1)
    hashes = np.unique(hashes[again])
    parts = hashes % n_parts
    for part in np.unique(parts):
        here = ibis.memtable(pa.table({"key_hash": hashes[parts == part]}))
        yield hashed.semi_join(here, "key_hash").drop("key_hash")


def _fetch(rows: ir.Table) -> Iterator[_Row]:
    for batch in rows.to_pyarrow().to_batches(max_chunksize=_AT_ONCE):
        yield from batch.to_pylist()


def _position(row: _Row) -> tuple[int, int]:
    return row["file"], row["record"]


def _whole(rows: ir.Table, keys: list[str]) -> ir.Table:
    """Return the rows without blanks among some columns."""
    return rows.filter([rows[name].notnull() for name in keys])


def _unique(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    keys = [f"c{i}" for i in range(len(rule.columns))]
    named = rows.filter(reduce(or_, (rows[key].notnull() for key in keys)))
    for part in _shared(named, keys):
        yield from _unique_within(part, rule, place)


def _unique_within(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    keys = [f"c{i}" for i in range(len(rule.columns))]
    values = [name for name in rows.columns if name not in _POSITION]
    same = ibis.window(group_by=values, order_by=_POSITION)
    rows = rows.mutate(
        nth=ibis.row_number().over(same),
        first_file=rows.file.first().over(same),
        first_record=rows.record.first().over(same),
    )
    rows = rows.mutate(variants=(rows.nth == 0).cast("int64").sum().over(ibis.window(group_by=keys)))
    rows = rows.filter((rows.nth > 0) | (rows.variants > 1)).order_by([*keys, *_POSITION])
    rows = rows.select(*_POSITION, *keys, "first_file", "first_record", "variants")
    named = " and ".join(rule.columns)
    stand = "stands" if len(rule.columns) == 1 else "stand"
    for _, group in groupby(_fetch(rows), key=lambda row: [row[key] for key in keys]):
        members = list(group)
        first = [_position(row) for row in members[: _NAMED + 1]]
        for row in members:
            file, record = _position(row)
            if row["variants"] == 1:
                yield file, record, f"{_COPY} {place(row['first_file'], row['first_record'])}"
                continue
            others = [place(*each) for each in first if each != (file, record)][:_NAMED]
            more = len(members) - 1 - len(others)
            where = ", ".join(others) + (f" and {more:,} more" if more else "")
            yield (
                file,
                record,
                f"the same {named} {stand} in {where} too, with other values; all are set aside, keep one",
            )


def _ordered(rows: ir.Table, rule: TableRule, _: Place) -> _Found:
    first, second = rule.columns
    wrong = rows.c0 >= rows.c1 if rule.strict else rows.c0 > rows.c1
    for row in _fetch(rows.filter(wrong.fill_null(False))):
        told = "is not before" if rule.strict else "is after"
        yield *_position(row), f"{first} {row['c0']} {told} {second} {row['c1']}"


def _no_overlap(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    rows = rows.filter(rows.by.notnull() & rows.c0.notnull() & (rows.c1.isnull() | (rows.c1 >= rows.c0)))
    for part in _shared(rows, ["by"]):
        yield from _no_overlap_within(part, rule, place)


def _no_overlap_within(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    rows = rows.mutate(goes_on=rows.c1.isnull())
    # sorted by start and end, a spell overlaps an earlier one if the latest end so far is after its start,
    # and a later one if the very next begins before its end
    order = ["c0", "goes_on", "c1", *_POSITION]
    sorted_ = ibis.window(group_by="by", order_by=order)
    before = ibis.window(group_by="by", order_by=order, preceding=(None, 1))
    rows = rows.mutate(
        open_before=rows.goes_on.cast("int8").max().over(before) == 1,
        end_before=rows.c1.max().over(before),
        **{f"last_{name}": rows[name].lag().over(sorted_) for name in ("c0", "c1")},
        **{f"next_{name}": rows[name].lead().over(sorted_) for name in ("c0", "c1")},
    )
    clashes = [
        rows.open_before,
        rows.end_before > rows.c0,
        rows.goes_on & rows.next_c0.notnull(),
        rows.next_c0 < rows.c1,
        (rows.last_c0 == rows.c0) & (rows.last_c1 == rows.c1),
        (rows.next_c0 == rows.c0) & (rows.next_c1 == rows.c1),
    ]
    broken = rows.filter(reduce(or_, (clash.fill_null(False) for clash in clashes)))
    found = broken.order_by(["by", *order]).select(*_POSITION, "by", "c0", "c1")
    for _, spells in groupby(_fetch(found), key=itemgetter("by")):
        for row, other in _with_another(spells):
            yield (
                *_position(row),
                f"overlaps the spell of the same {rule.by} in {place(*_position(other))}; both are set aside",
            )


def _with_another(spells: Iterable[_Row]) -> Iterator[tuple[_Row, _Row]]:
    """Yield each spell with one that it overlaps; all do, and they come sorted."""
    longest: _Row | None = None  # the one with the latest end so far
    last: _Row | None = None
    waiting: _Row | None = None  # overlaps only what comes after it
    for row in spells:
        if waiting is not None:
            yield waiting, row
            waiting = None
        if longest is not None and (longest["c1"] is None or longest["c1"] > row["c0"]):
            yield row, longest
        elif last is not None and (last["c0"], last["c1"]) == (row["c0"], row["c1"]):
            yield row, last
        else:
            waiting = row
        if longest is None or (
            longest["c1"] is not None and (row["c1"] is None or row["c1"] > longest["c1"])
        ):
            longest = row
        last = row


def _one_event(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    for part in _shared(_whole(rows, ["by", "c0"]), ["by"]):
        yield from _one_event_within(part, rule, place)


def _one_event_within(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    rows = rows.mutate(event=(rows.c1.cast("string") != rule.no_event).fill_null(False))
    latest = ibis.window(group_by="by", order_by=[ibis.desc("c0"), *_POSITION])
    together = ibis.window(group_by=["by", "c0"])
    rows = rows.mutate(
        latest_file=rows.file.first().over(latest),
        latest_record=rows.record.first().over(latest),
        later=rows.c0.first().over(latest) > rows.c0,
        events=rows.event.cast("int64").sum().over(together),
    )
    found = rows.filter(rows.event & (rows.later | (rows.events > 1))).order_by(["by", "c0", *_POSITION])
    start, event = rule.columns
    for _, group in groupby(_fetch(found), key=itemgetter("by", "c0")):
        members = list(group)
        for row in members:
            if row["later"]:
                where = place(row["latest_file"], row["latest_record"])
                why = (
                    f"although {where} of the same {rule.by} is later by {start}; only the last may have one"
                )
            else:
                where = place(*_position(members[1] if row is members[0] else members[0]))
                why = f"and so does {where} of the same {rule.by} and {start}; both are set aside"
            yield *_position(row), f"has {event} {str(row['c1'])[:80]!r}, {why}"


def _stays_on(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    for part in _shared(_whole(rows, ["by", "c0", "c1"]), ["by"]):
        yield from _stays_on_within(part, rule, place)


def _stays_on_within(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    rows = rows.mutate(on=rows.c1.cast("boolean"))
    first_on = ibis.window(group_by="by", order_by=[ibis.desc("on"), "c0", *_POSITION])
    rows = rows.mutate(
        was_on=rows.on.first().over(first_on),
        since=rows.c0.first().over(first_on),
        on_file=rows.file.first().over(first_on),
        on_record=rows.record.first().over(first_on),
    )
    time, flag = rule.columns
    for row in _fetch(rows.filter(~rows.on & rows.was_on & (rows.c0 > rows.since))):
        where = place(row["on_file"], row["on_record"])
        yield *_position(row), f"{flag} is false, although it is true in {where}, earlier by {time}"
    yield from _both_at_once(rows.filter(~(rows.was_on & (rows.c0 > rows.since))), rule, place)


def _both_at_once(rows: ir.Table, rule: TableRule, place: Place) -> _Found:
    """Find rows that say on and off of one time; later than that, only on is right."""
    time, flag = rule.columns
    first = ibis.window(group_by=["by", "c0"], order_by=[ibis.asc("on"), *_POSITION])
    last = ibis.window(group_by=["by", "c0"], order_by=[ibis.desc("on"), *_POSITION])
    rows = rows.mutate(
        on_file=rows.file.first().over(last),
        on_record=rows.record.first().over(last),
        off_file=rows.file.first().over(first),
        off_record=rows.record.first().over(first),
        both=rows.on.first().over(last) != rows.on.first().over(first),
    )
    for row in _fetch(rows.filter(rows.both)):
        other = ("off_file", "off_record") if row["on"] else ("on_file", "on_record")
        where, told = place(*(row[name] for name in other)), str(row["on"]).lower()
        yield (
            *_position(row),
            f"{flag} is {told}, but not in {where} of the same {rule.by} and {time}; both are set aside",
        )


_KINDS: dict[str, Callable[[ir.Table, TableRule, Place], _Found]] = {
    "unique": _unique,
    "ordered": _ordered,
    "no-overlap": _no_overlap,
    "one-event": _one_event,
    "stays-on": _stays_on,
}

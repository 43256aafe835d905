"""Rules between rows: by hand, against brute force, and with one customer who holds very many rows."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cemlab.data.engine import connect
from cemlab.data.intake.plan import TableRule
from cemlab.data.intake.rules import broken_rows, copies
from cemlab.errors import ColumnError, OptionError

CONNECTION = connect()
UNIQUE = TableRule(rule="unique", columns=("customer",))
PAIR = TableRule(rule="unique", columns=("customer", "month"))
ORDERED = TableRule(rule="ordered", columns=("entry", "exit"))
STRICT = TableRule(rule="ordered", columns=("entry", "exit"), strict=True)
OVERLAP = TableRule(rule="no-overlap", columns=("entry", "exit"), by="customer")
EVENT = TableRule(rule="one-event", columns=("entry", "cause"), by="customer")
STAYS = TableRule(rule="stays-on", columns=("month", "treated"), by="customer")
TYPES = {
    "customer": pa.string(),
    "month": pa.date32(),
    "entry": pa.date32(),
    "exit": pa.date32(),
    "cause": pa.string(),
    "treated": pa.bool_(),
    "x": pa.int64(),
}


def day(number):
    return None if number is None else date(2024, 1, 1) + timedelta(days=number)


def table(columns, rows, files=None):
    """Rows as tuples; days as numbers. Each row's place is its index plus 2, as a line of a CSV file."""
    data = {}
    for i, name in enumerate(columns):
        values = [row[i] for row in rows]
        values = [day(value) for value in values] if pa.types.is_date(TYPES[name]) else values
        data[name] = pa.array(values, TYPES[name])
    data["cemlab_file"] = pa.array(files or [0] * len(rows), pa.int64())
    data["cemlab_record"] = pa.array(range(2, len(rows) + 2), pa.int64())
    return CONNECTION.create_table("rows", pa.table(data), overwrite=True)


def found(columns, rows, *rules, files=None):
    """Return {index of the row: (column, reason)}."""
    result = broken_rows(table(columns, rows, files), rules, place=lambda file, line: f"line {line}")
    assert result.schema.names == ["cemlab_file", "cemlab_record", "column", "reason", "kind"]
    return {row["cemlab_record"] - 2: (row["column"], row["reason"]) for row in result.to_pylist()}


def reasons(*arguments, **options):
    return {row: reason for row, (_, reason) in found(*arguments, **options).items()}


# --- by hand ---


def test_the_first_of_exact_copies_stays():
    rows = [("a", 1), ("b", 1), ("a", 1), ("a", 1), (None, 1), (None, 1), ("c", None), ("c", None)]
    assert reasons(["customer", "x"], rows, UNIQUE) == {
        2: "is an exact copy of line 2",
        3: "is an exact copy of line 2",
        7: "is an exact copy of line 8",
    }


def test_rows_that_contradict_each_other_are_all_set_aside():
    rows = [("a", 1), ("a", 2), ("b", 1), ("b", None), ("c", 1), ("d", 1), ("d", 1), ("d", 2)]
    tail = " too, with other values; all are set aside, keep one"
    assert reasons(["customer", "x"], rows, UNIQUE) == {
        0: f"the same customer stands in line 3{tail}",
        1: f"the same customer stands in line 2{tail}",
        2: f"the same customer stands in line 5{tail}",
        3: f"the same customer stands in line 4{tail}",
        5: f"the same customer stands in line 8, line 9{tail}",
        6: f"the same customer stands in line 7, line 9{tail}",
        7: f"the same customer stands in line 7, line 8{tail}",
    }


def test_three_places_are_named_and_the_rest_counted():
    told = reasons(["customer", "x"], [("a", i) for i in range(1200)], UNIQUE)
    assert "line 3, line 4, line 5 and 1,196 more too" in told[0]
    assert "line 2, line 3, line 4 and 1,196 more too" in told[1199]


def test_a_blank_in_one_of_several_columns_of_a_key_is_like_another_blank():
    rows = [("a", 1, 1), ("a", 2, 2), ("a", 1, 3), ("a", None, 4), ("a", None, 5), ("b", 1, 6)]
    rows += [(None, None, 7), (None, None, 7), (None, 1, 8), (None, 1, 8)]
    told = found(["customer", "month", "x"], rows, PAIR)
    # rows without any of the key are not compared
    assert set(told) == {0, 2, 3, 4, 9}
    assert told[9][1] == "is an exact copy of line 10"
    assert told[0][0] == "customer"
    assert told[0][1].startswith("the same customer and month stand in line 4 too")


def test_places_are_asked_for_by_file():
    rows = table(["customer", "x"], [("a", 1), ("a", 1)], files=[0, 1])
    told = broken_rows(rows, [UNIQUE], place=lambda file, line: f"line {line} of file {file}").to_pylist()
    assert told == [
        {
            "cemlab_file": 1,
            "cemlab_record": 3,
            "column": "customer",
            "reason": "is an exact copy of line 2 of file 0",
            "kind": "is an exact copy of another row",
        }
    ]


def test_order_of_two_columns():
    rows = [(1, 2), (2, 2), (3, 2), (None, 2), (3, None), (None, None)]
    assert reasons(["entry", "exit"], rows, ORDERED) == {2: "entry 2024-01-04 is after exit 2024-01-03"}
    assert reasons(["entry", "exit"], rows, STRICT) == {
        1: "entry 2024-01-03 is not before exit 2024-01-03",
        2: "entry 2024-01-04 is not before exit 2024-01-03",
    }


@pytest.mark.parametrize(
    ("spells", "broken"),
    [
        ([(0, 5), (5, 9)], set()),  # a spell may start on the day the former ends
        ([(0, 5), (4, 9)], {0, 1}),
        ([(0, None), (4, 9)], {0, 1}),  # goes on
        ([(0, 4), (4, None)], set()),
        ([(0, None), (4, None)], {0, 1}),
        ([(0, 9), (2, 3), (5, 6), (9, 12)], {0, 1, 2}),  # one holds two that are apart
        ([(0, 5), (0, 5)], {0, 1}),  # equal
        ([(3, 3), (3, 3)], {0, 1}),  # equal, of no length
        ([(3, 3), (3, 9), (0, 3)], set()),  # of no length, at a common end and start
        ([(3, 3), (1, 9)], {0, 1}),  # of no length, within another
        ([(None, 5), (0, 9), (None, None)], set()),  # without a start: not compared
        ([(9, 2), (0, 9)], set()),  # ends before it starts: left to another rule
    ],
)
def test_spells_by_hand(spells, broken):
    assert set(found(["customer", "entry", "exit"], [("a", *spell) for spell in spells], OVERLAP)) == broken
    # others' spells, and those of nobody, never clash
    apart = [(str(i), *spell) for i, spell in enumerate(spells)] + [(None, *spell) for spell in spells]
    assert found(["customer", "entry", "exit"], apart, OVERLAP) == {}


def test_both_of_two_spells_are_named():
    told = found(["customer", "entry", "exit"], [("a", 0, 5), ("b", 0, 5), ("a", 4, 9)], OVERLAP)
    assert told == {
        0: ("entry", "overlaps the spell of the same customer in line 4; both are set aside"),
        2: ("entry", "overlaps the spell of the same customer in line 2; both are set aside"),
    }


def test_one_event_and_on_the_last_spell():
    columns = ["customer", "entry", "cause"]
    rows = [
        ("a", 5, "price"),
        ("a", 9, "none"),
        ("a", 1, "none"),
        ("b", 1, "price"),
        ("c", 1, None),
        ("c", 2, "moved"),
    ]
    assert reasons(columns, rows, EVENT) == {
        0: "has cause 'price', although line 3 of the same customer is later by entry; "
        "only the last may have one"
    }
    rows = [("a", 5, "price"), ("a", 5, "moved"), ("a", 5, "none"), ("b", None, "price"), ("b", 9, "none")]
    assert reasons(columns, rows, EVENT) == {
        0: "has cause 'price', and so does line 3 of the same customer and entry; both are set aside",
        1: "has cause 'moved', and so does line 2 of the same customer and entry; both are set aside",
    }
    no_event = TableRule(rule="one-event", columns=("entry", "cause"), by="customer", no_event="stays")
    assert set(found(columns, [("a", 1, "none"), ("a", 2, "stays")], no_event)) == {0}
    assert set(found(columns, [("a", 1, "stays"), ("a", 2, "none")], no_event)) == set()


def test_treatment_stays_on():
    columns = ["customer", "month", "treated"]
    rows = [
        ("a", 3, False),
        ("a", 1, False),
        ("a", 2, True),
        ("a", 4, True),
        ("a", 5, None),
        ("a", None, False),
    ]
    assert reasons(columns, rows, STAYS) == {
        0: "treated is false, although it is true in line 4, earlier by month"
    }
    tail = "of the same customer and month; both are set aside"
    assert reasons(columns, [("a", 1, True), ("a", 1, False), ("b", 2, False), ("a", 0, False)], STAYS) == {
        0: f"treated is true, but not in line 3 {tail}",
        1: f"treated is false, but not in line 2 {tail}",
    }
    # after it was on, only the one that says off is wrong
    rows = [("a", 1, True), ("a", 2, True), ("a", 2, False)]
    assert set(found(columns, rows, STAYS)) == {2}
    twice = broken_rows(table(columns, [("a", 1, True), ("a", 1, False)]), [STAYS], place=lambda _, n: str(n))
    assert set(twice["kind"].to_pylist()) == {"treated is both true and false for one customer and month"}


def test_what_one_rule_has_set_aside_the_next_does_not_see():
    rows = [("a", 0, 5), ("a", 0, 5), ("a", 9, 7), ("a", 4, 9)]
    every = TableRule(rule="unique", columns=("customer", "entry", "exit"))
    told = reasons(["customer", "entry", "exit"], rows, every, ORDERED, OVERLAP)
    assert told[1] == "is an exact copy of line 2"
    assert told[2].startswith("entry 2024-01-10 is after exit")
    assert told[0].endswith("in line 5; both are set aside")
    assert told[3].endswith("in line 2; both are set aside")
    assert set(found(["customer", "entry", "exit"], rows[:2], every, OVERLAP)) == {1}


def test_many_rows_are_compared_in_parts_with_the_same_outcome(monkeypatch):
    rows = [(str(i % 40), i % 5, i % 5 + i % 3) for i in range(120)]
    columns = ["customer", "entry", "exit"]
    key = TableRule(rule="unique", columns=("customer", "entry"))
    whole = [found(columns, rows, rule) for rule in (OVERLAP, UNIQUE, key)]
    n_copies = copies(table(columns, rows))
    monkeypatch.setattr("cemlab.data.intake.rules._PART", 7)
    assert [found(columns, rows, rule) for rule in (OVERLAP, UNIQUE, key)] == whole
    assert copies(table(columns, rows)) == n_copies
    assert all(whole)


def test_no_rules_and_no_rows():
    assert found(["customer", "x"], [("a", 1), ("a", 1)]) == {}
    assert found(["customer", "entry", "exit"], [], ORDERED, OVERLAP) == {}


def test_hostile_names_of_columns_are_only_names():
    names = ['"; DROP TABLE rows; --', "c0", "FILE", "by", "key_hash"]
    values = pa.table({name: ["a", "a"] for name in names})
    places = {"cemlab_file": pa.array([0, 0], pa.int64()), "cemlab_record": pa.array([1, 2], pa.int64())}
    for name, column in places.items():
        values = values.append_column(name, column)
    rows = CONNECTION.create_table("rows", values, overwrite=True)
    for name in names:
        told = broken_rows(
            rows, [TableRule(rule="unique", columns=(name,))], place=lambda file, line: str(line)
        )
        assert told.column("reason").to_pylist() == ["is an exact copy of 1"]
    assert copies(rows) == 1


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        (TableRule(rule="unique", columns=("custmer",)), ColumnError, "did you mean 'customer'"),
        (TableRule(rule="no-overlap", columns=("entry", "exit"), by="who"), ColumnError, "'who'"),
        (TableRule(rule="no-overlap", columns=("entry", "exit")), OptionError, "it needs by"),
        (TableRule(rule="ordered", columns=("entry",)), OptionError, "it needs two columns"),
        (TableRule(rule="unique", columns=()), OptionError, "it needs at least one column"),
    ],
)
def test_rules_that_cannot_be_asked_are_refused(rule, error, words):
    with pytest.raises(error, match=words):
        found(["customer", "entry", "exit"], [("a", 1, 2)], rule)


# --- against brute force ---

_customers = st.sampled_from(["a", "b", "c", None])
_days = st.none() | st.integers(0, 8)
BLOCK = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@BLOCK
@given(st.lists(st.tuples(_customers, _days, _days), max_size=14))
def test_overlaps_against_every_pair(rows):
    def clash(one, other):
        if one[0] is None or one[0] != other[0]:
            return False
        spells = []
        for _, start, end in (one, other):
            if start is None or (end is not None and end < start):
                return False
            spells.append((start, 99 if end is None else end))
        (a, b), (c, d) = spells
        return (a < d and c < b) or (a, b) == (c, d)

    told = reasons(["customer", "entry", "exit"], rows, OVERLAP)
    pairs = {i: [j for j in range(len(rows)) if i != j and clash(rows[i], rows[j])] for i in range(len(rows))}
    assert set(told) == {i for i, others in pairs.items() if others}
    for i, reason in told.items():
        # the one that is named is one of those it overlaps
        assert any(f" in line {j + 2};" in reason for j in pairs[i])


@BLOCK
@given(st.lists(st.tuples(_customers, _days, st.integers(0, 2)), max_size=14))
def test_keys_against_every_pair(rows):
    told = reasons(["customer", "month", "x"], rows, PAIR)
    for i, row in enumerate(rows):
        group = [j for j, other in enumerate(rows) if other[:2] == row[:2] and row[:2] != (None, None)]
        contradict = len({rows[j] for j in group}) > 1
        if contradict:
            assert "with other values" in told[i]
        elif group and group[0] != i:
            assert told[i] == f"is an exact copy of line {group[0] + 2}"
        else:
            assert i not in told


@BLOCK
@given(st.lists(st.tuples(_customers, _days, st.sampled_from(["none", "price", None])), max_size=14))
def test_events_against_every_pair(rows):
    told = reasons(["customer", "entry", "cause"], rows, EVENT)
    for i, (who, start, cause) in enumerate(rows):
        broken = False
        if None not in (who, start) and cause == "price":
            for j, (other, when, event) in enumerate(rows):
                if j != i and other == who and when is not None:
                    broken = broken or when > start or (when == start and event == "price")
        assert (i in told) == broken


@BLOCK
@given(st.lists(st.tuples(_customers, _days, st.sampled_from([True, False, None])), max_size=14))
def test_treatment_against_every_pair(rows):
    told = reasons(["customer", "month", "treated"], rows, STAYS)
    for i, (who, when, on) in enumerate(rows):
        before = [
            j for j, (other, t, was) in enumerate(rows) if other == who and t is not None and was is True
        ]
        late = None not in (who, when) and on is False and any(rows[j][1] < when for j in before)
        first = None not in (who, when) and on is not None and all(rows[j][1] >= when for j in before)
        tied = first and any((who, when, not on) == other for other in rows)
        assert (i in told) == (late or tied)
        if late:
            assert any(f"line {j + 2}," in told[i] for j in before)


@BLOCK
@given(st.lists(st.tuples(_customers, _days, st.integers(0, 2)), max_size=30))
def test_copies_against_a_set(rows):
    assert copies(table(["customer", "month", "x"], rows)) == len(rows) - len(set(rows))


# --- one customer with very many rows: quadratic work would not end ---

N = 300_000


def many(**columns):
    places = {"cemlab_file": [0] * N, "cemlab_record": range(N)}
    return CONNECTION.create_table("rows", pa.table({**columns, **places}), overwrite=True)


def test_a_customer_with_very_many_rows_takes_no_quadratic_time():
    starts = pa.array([(i * 7919) % N for i in range(N)], pa.int64())  # each number once, shuffled
    ends = pa.array([(i * 7919) % N + 1 for i in range(N)], pa.int64())
    who = pa.array(["a"] * N)
    cause = pa.array(["none"] * N)
    rows = many(customer=who, entry=starts, exit=ends, cause=cause, treated=pa.array([True] * N))
    on = TableRule(rule="stays-on", columns=("entry", "treated"), by="customer")
    key = TableRule(rule="unique", columns=("customer", "entry"))
    rules = [key, ORDERED, OVERLAP, EVENT, on]
    assert broken_rows(rows, rules, place=lambda file, line: str(line)).num_rows == 0
    # all of them overlap the one that goes on, and all stand under one key
    rows = many(customer=who, entry=starts, exit=pa.array([None] + [e.as_py() for e in ends[1:]], pa.int64()))
    overlapping = broken_rows(rows, [OVERLAP], place=lambda file, line: str(line))
    assert overlapping.num_rows == N
    assert broken_rows(rows, [UNIQUE], place=lambda file, line: str(line)).num_rows == N
    assert copies(rows) == 0

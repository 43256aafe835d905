"""Counts of spells: against plain Python on generated spells, by hand, and every refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.overlaps import watched_twice
from cemlab.data.spells import dated_spells, spell_counts
from cemlab.errors import CemlabError, ColumnError, DataError, LeftOutWarning

EXAMPLES = settings(max_examples=30, deadline=None)
START = date(2023, 1, 1)
AS_OF = date(2023, 12, 31)

ODD = {
    "group": 'group "by"; --',
    "entry": "{entry}",
    "duration": "select",
    "event": "dur'ation",
}

spell = st.tuples(
    st.sampled_from(["old", "new", "x'); --"]),
    st.integers(0, 3),
    st.integers(1, 5),
    st.sampled_from(["none", "price", "competitor"]),
).map(lambda s: (s[0], s[1], s[1] + s[2], s[3]))


def frame_of(spells: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(spells, columns=list(ODD.values()))


@EXAMPLES
@given(st.lists(spell, min_size=1, max_size=60), st.booleans(), st.booleans())
def test_causes_are_counted_whatever_the_columns_are_called(spells: Any, on_engine: bool, late: bool) -> None:
    frame = frame_of(spells)
    before = frame.copy(deep=True)
    counts = spell_counts(
        ibis.memtable(frame) if on_engine else frame,
        duration=ODD["duration"],
        event=ODD["event"],
        entry=ODD["entry"] if late else None,
        group=ODD["group"],
    )
    assert counts.columns.tolist() == ["group", "entry", "duration", "event", "cause", "n"]
    assert counts["n"].dtype == np.int64
    found = {tuple(row[:-1]): row[-1] for row in counts.itertuples(index=False)}
    assert found == Counter(
        (group, float(entry) if late else 0.0, float(duration), cause != "none", cause)
        for group, entry, duration, cause in spells
    )
    pd.testing.assert_frame_equal(frame, before)


@EXAMPLES
@given(st.lists(spell, min_size=1, max_size=60), st.sampled_from([bool, int, float]))
def test_events_may_be_true_or_false_or_1_or_0(spells: Any, kind: type) -> None:
    frame = frame_of(spells)
    frame["left"] = (frame[ODD["event"]] != "none").astype(kind)
    counts = spell_counts(frame, duration=ODD["duration"], event="left")
    assert counts.columns.tolist() == ["group", "entry", "duration", "event", "n"]
    assert counts["event"].dtype == bool
    assert set(counts["group"]) == {"all"}
    found = {(row.duration, row.event): row.n for row in counts.itertuples()}
    assert found == Counter((float(s[2]), s[3] != "none") for s in spells)


def test_cells_are_sorted_and_an_index_of_any_kind_is_ignored() -> None:
    frame = pd.DataFrame({"t": [3, 1, 3, 2], "e": [0, 1, 1, 1]}, index=[7, 7, 7, 1])
    counts = spell_counts(frame, duration="t", event="e")
    assert counts.drop(columns=["group", "entry"]).values.tolist() == [
        [1.0, True, 1],
        [2.0, True, 1],
        [3.0, False, 1],
        [3.0, True, 1],
    ]


def test_a_spell_of_no_length_seen_from_the_start_counts() -> None:
    frame = pd.DataFrame({"t": [0, 2], "e": [0, 1], "s": [0, 0]})
    assert spell_counts(frame, duration="t", event="e", entry="s")["n"].sum() == 2


def test_groups_may_be_numbers_days_or_categories() -> None:
    for values in ([1, 2], [True, False], pd.Categorical(["b", "a"])):
        frame = pd.DataFrame({"t": [1, 1], "e": [1, 1], "g": values})
        assert set(spell_counts(frame, duration="t", event="e", group="g")["group"]) == set(values)


def spells_with(**columns: Any) -> pd.DataFrame:
    good: dict[str, Any] = {"t": [4.0, 5.0, 6.0], "e": [1, 0, 1], "s": [0.0, 1.0, 2.0], "g": ["a", "b", "b"]}
    return pd.DataFrame(good | columns)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "duration missing": ({"t": [4.0, None, 6.0]}, "column 't' (duration): missing in 1 of 3 spells"),
    "duration infinite": ({"t": [4.0, np.inf, 6.0]}, "column 't' (duration): missing in 1 of 3 spells"),
    "duration negative": ({"t": [4.0, -5.0, -6.0]}, "column 't' (duration): negative in 2 of 3 spells"),
    "duration text": ({"t": ["4", "5", "6"]}, "column 't': duration must be a number"),
    "event missing": ({"e": [True, None, True]}, "column 'e' (event): missing in 1 of 3 spells"),
    "event two": ({"e": [0, 1, 2]}, "column 'e' (event): 2; allowed is true or false, or 1 or 0"),
    "event yes": ({"e": ["Yes", "No", "No"]}, "'No', 'Yes'; allowed is a cause, or 'none'"),
    "none otherwise": ({"e": ["None", " none", "price"]}, "' none', 'None'; allowed is a cause, or 'none'"),
    "event active": ({"e": ["Active", "open", "price"]}, "'Active', 'open'; allowed is a cause, or 'none'"),
    "event current": ({"e": ["Still here ", "current", "CENSORED"]}, "'CENSORED', 'Still here ', 'current'"),
    "event dates": ({"e": pd.to_datetime(["2024-01-01"] * 3)}, "is not true or false, 1 or 0, or a cause"),
    "entry missing": ({"s": [0.0, None, None]}, "column 's' (entry): missing in 2 of 3 spells"),
    "entry negative": ({"s": [0.0, -1.0, 0.0]}, "column 's' (entry): negative in 1 of 3 spells"),
    "entry late": ({"s": [4.0, 1.0, 7.0]}, "column 's' (entry): not less than 't' in 2 of 3 spells"),
    "group missing": (
        {"g": ["a", None, "b"]},
        "column 'g' (group): missing in 1 of 3 spells; give them a name",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("on_engine", [False, True])
def test_impossible_spells_are_refused_with_their_number(case: str, on_engine: bool) -> None:
    columns, words = REFUSED[case]
    frame = spells_with(**columns)
    spells = ibis.memtable(frame) if on_engine else frame
    with pytest.raises(DataError) as caught:
        spell_counts(spells, duration="t", event="e", entry="s", group="g")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nan_in_a_warehouse_counts_as_missing() -> None:
    spells = ibis.memtable(spells_with()).mutate(t=ibis.literal(float("nan")))
    with pytest.raises(DataError, match="missing in 3 of 3"):
        spell_counts(spells, duration="t", event="e")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"g": [1, "b", "b"]}, "column 'g' (group): numbers and texts are mixed"),
        ({"e": [True, "none", "price"]}, "column 'e' (event): texts and truth values are mixed"),
        ({"t": [4.0, "abc", 6.0]}, "column 't' (duration): numbers and texts are mixed"),
    ],
)
def test_mixed_kinds_in_a_frame_are_refused(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        spell_counts(spells_with(**columns), duration="t", event="e", group="g")
    assert words in str(caught.value)


def test_groups_may_be_categories_of_whole_numbers() -> None:
    frame = pd.DataFrame({"t": [1, 1, 1], "e": [1, 1, 1], "g": pd.Categorical([10, 2, 2])})
    assert spell_counts(frame, duration="t", event="e", group="g")["group"].tolist() == [2, 10]


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ColumnError, match="no column named 'months'"):
        spell_counts(spells_with(), duration="months", event="e")


DATED = {"customer": "string", "entry": "date", "exit": "date", "cause": "string", "observed_from": "date"}


def dated(*spells: tuple[Any, ...]) -> Any:
    rows = [(f"c{i}", *spell, *[None] * (4 - len(spell))) for i, spell in enumerate(spells)]
    return ibis.memtable(rows, schema=DATED)


def found(spells: Any) -> list[tuple[Any, ...]]:
    columns = ["customer", "duration", "observed_after", "left", "cause"]
    rows = spells.select(columns).order_by("customer").to_pyarrow().to_pylist()
    return [tuple(row.values()) for row in rows]


def day(n: int) -> date:
    return START + timedelta(days=n)


def test_dates_become_exact_days() -> None:
    spells = dated(
        (day(0), day(10), "price"),
        (day(0), None, "none"),
        (day(0), AS_OF, "moved"),  # the last day observed is observed
        (day(0), AS_OF + timedelta(days=1), "price"),  # not known yet
        (AS_OF + timedelta(days=1), None, "none"),  # not begun yet
        (day(3), day(4), None),
    )
    with pytest.warns(LeftOutWarning, match="1 of 6 spells left out.*: 1 began after 2023-12-31"):
        known = dated_spells(spells, as_of=AS_OF)
    assert found(known) == [
        ("c0", 10, 0, True, "price"),
        ("c1", 364, 0, False, "none"),
        ("c2", 364, 0, True, "moved"),
        ("c3", 364, 0, False, "none"),
        ("c5", 1, 0, True, "unknown"),
    ]


LATE = (
    (day(0), day(50), "price", day(30)),  # seen from its 30th day on
    (day(0), day(30), "price", day(30)),  # over when observation began
    (day(40), None, "none", day(30)),  # begun afterwards
    (day(0), None, "none", None),  # nothing is said of a late start
)


def test_spells_over_before_observation_began_are_left_out() -> None:
    with pytest.warns(LeftOutWarning, match="1 of 4 spells left out.*: 1 ended before observation began"):
        seen = dated_spells(dated(*LATE), as_of=day(100))
    assert found(seen) == [
        ("c0", 50, 30, True, "price"),
        ("c2", 60, 0, False, "none"),
        ("c3", 100, 0, False, "none"),
    ]


def test_observation_may_begin_on_one_day_for_all_or_from_the_start() -> None:
    assert [row[2] for row in found(dated_spells(dated(*LATE), as_of=day(100), observed_from=day(10)))] == [
        10,
        10,
        0,
        10,
    ]
    from_start = dated_spells(dated(*LATE), as_of=day(100), observed_from=None)
    assert [row[2] for row in found(from_start)] == [0, 0, 0, 0]
    without = dated(*LATE).drop("observed_from")
    assert found(dated_spells(without, as_of=day(100))) == found(from_start)


def test_what_is_left_out_is_told_in_one_line_with_both_reasons() -> None:
    spells = dated(*LATE, (day(101), None, "none"), (day(102), None, "none"))
    with pytest.warns(LeftOutWarning) as told:
        dated_spells(spells, as_of=day(100))
    (line,) = (str(warning.message) for warning in told if warning.category is LeftOutWarning)
    assert "3 of 6 spells left out" in line
    assert line.endswith("1 ended before observation began and 2 began after 2023-04-11")


def test_dated_spells_can_be_counted() -> None:
    with pytest.warns(LeftOutWarning):
        spells = dated_spells(dated(*LATE), as_of=day(100))
    counts = spell_counts(spells, duration="duration", event="cause", entry="observed_after")
    assert counts.drop(columns="group").values.tolist() == [
        [0.0, 60.0, False, "none", 1],
        [0.0, 100.0, False, "none", 1],
        [30.0, 50.0, True, "price", 1],
    ]


BROKEN: dict[str, tuple[Callable[[], Any], str]] = {
    "entry": (lambda: dated((None, day(1), "price")), "1 of 1 spells have no entry"),
    "order": (lambda: dated((day(2), day(1), "price")), "1 of 1 spells end before they begin"),
    "none": (lambda: dated((day(1), day(2), "none")), "1 of 1 spells have an exit but the cause 'none'"),
    "no exit": (lambda: dated((day(1), None, "price")), "1 of 1 spells have a cause but no exit"),
    "text": (lambda: dated((day(1), None, "none")).mutate(entry=ibis.literal("x")), "not a business date"),
    "column": (lambda: dated((day(1), None, "none")).drop("cause"), "no column named 'cause'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_contradictory_dates_are_refused_with_their_number(case: str) -> None:
    make, words = BROKEN[case]
    with pytest.raises(CemlabError) as caught:
        dated_spells(make(), as_of=AS_OF)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_of_observation_that_was_named_must_be_there() -> None:
    with pytest.raises(ColumnError, match="no column named 'seen'"):
        dated_spells(dated(*LATE), as_of=AS_OF, observed_from="seen")


def test_strata_are_counted_apart() -> None:
    frame = spells_with(region=["north", "south", "south"])
    counts = spell_counts(frame, duration="t", event="e", group="g", strata="region")
    assert counts.columns.tolist() == ["group", "strata", "entry", "duration", "event", "n"]
    assert set(zip(counts["group"], counts["strata"], strict=True)) == {
        ("a", "north"),
        ("b", "south"),
    }
    with pytest.raises(DataError, match="missing in 1 of 3 spells; give them a name"):
        spell_counts(spells_with(region=["n", None, "s"]), duration="t", event="e", strata="region")


piece = st.tuples(st.sampled_from("abc"), st.integers(0, 8), st.integers(1, 4))


@EXAMPLES
@given(st.lists(piece, min_size=1, max_size=12))
def test_overlaps_are_those_found_pair_by_pair(pieces: Any) -> None:
    frame = pd.DataFrame([(who, s, s + length) for who, s, length in pieces], columns=["who", "s", "t"])
    slow = {
        one[0]
        for i, one in enumerate(pieces)
        for other in pieces[:i]
        if one[0] == other[0] and one[1] < other[1] + other[2] and other[1] < one[1] + one[2]
    }
    found = watched_twice(frame, customer="who", duration="t", entry="s")
    assert found == (len(slow), frame["who"].nunique())


# --- rounding, and columns that are no columns


def test_lengths_that_differ_by_rounding_are_one_cell_and_enter_at_one_time() -> None:
    frame = pd.DataFrame({"t": [0.1 + 0.2, 0.3, 0.9, 0.5], "e": [1, 1, 1, 0], "s": [0, 0, 0.3, 0]})
    counts = spell_counts(frame, duration="t", event="e", entry="s")
    assert counts[["entry", "duration", "n"]].values.tolist() == [[0, 0.3, 2], [0, 0.5, 1], [0.3, 0.9, 1]]


def test_a_spell_seen_only_from_its_end_is_refused_whatever_rounding_says() -> None:
    frame = spells_with(t=[0.1 + 0.2, 5.0, 6.0], s=[0.3, 0.0, 0.0])
    with pytest.raises(DataError, match="not less than 't' in 1 of 3 spells"):
        spell_counts(frame, duration="t", event="e", entry="s")


def test_what_rounding_left_of_zero_is_zero_and_not_negative() -> None:
    frame = spells_with(t=[4.0, 5.5, 6.0], s=[0.3 - 0.1 - 0.2, 0.0, 0.0])
    assert spell_counts(frame, duration="t", event="e", entry="s")["entry"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("on_engine", [False, True])
def test_a_spell_that_begins_where_another_ends_but_for_rounding_does_not_overlap(on_engine: bool) -> None:
    frame = pd.DataFrame({"who": ["a", "a"], "s": [0.0, 0.3], "t": [0.1 + 0.2, 0.9]})
    given = ibis.memtable(frame) if on_engine else frame
    assert watched_twice(given, customer="who", duration="t", entry="s") == (0, 1)


@pytest.mark.parametrize("kind", ["M", "Q", "Y"])
def test_groups_may_be_periods_and_ranges(kind: str) -> None:
    days = pd.to_datetime(["2023-01-01", "2024-01-01", "2024-01-01"])
    counts = spell_counts(spells_with(g=days.to_period(kind)), duration="t", event="e", group="g")
    assert set(counts["group"]) == {str(value) for value in days.to_period(kind)}
    with pytest.raises(DataError, match="missing in 1 of 3 spells; give them a name"):
        spell_counts(
            spells_with(g=pd.PeriodIndex([days[0], days[1], None], freq=kind)),
            duration="t",
            event="e",
            group="g",
        )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([{1}, {2}, {3}], "values of type set"),
        ([b"1", b"2", b"3"], "values of type bytes"),
        (pd.to_timedelta([1, 2, 2], unit="D"), "lengths of time"),
        (pd.Series([timedelta(1)] * 3, dtype=object), "lengths of time"),
        (np.array([1j, 2, 3]), "complex numbers"),
    ],
)
def test_values_that_no_engine_can_count_are_refused(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=rf"column 'g' \(group\): {words} cannot be counted; make them texts"):
        spell_counts(spells_with(g=values), duration="t", event="e", group="g")


def test_a_role_without_a_column_is_refused() -> None:
    with pytest.raises(ColumnError, match="no column named None"):
        spell_counts(spells_with(), duration=None, event="e")


@pytest.mark.parametrize("spells", [None, [4.0, 5.0], {"t": [4.0], "e": [1]}, "spells.csv"])
def test_what_is_no_table_is_refused_in_one_line(spells: Any) -> None:
    with pytest.raises(DataError, match=r"is no table; hand in a pandas\.DataFrame") as caught:
        spell_counts(spells, duration="t", event="e")
    assert "\n" not in str(caught.value)


def test_a_name_that_stands_twice_is_refused() -> None:
    frame = spells_with()
    twice = pd.concat([frame, frame[["t"]]], axis=1)
    with pytest.raises(ColumnError, match="2 columns are named 't'; rename all but one"):
        spell_counts(twice, duration="t", event="e")
    assert spell_counts(twice, duration="s", event="e")["n"].sum() == 3  # a column that is not asked for


@pytest.mark.parametrize("python_objects", [False, True])
def test_lengths_of_time_are_refused_with_advice(python_objects: bool) -> None:
    lengths = pd.to_timedelta([4, 5, 6], unit="D")
    column = pd.Series(list(lengths.to_pytimedelta()), dtype=object) if python_objects else lengths
    with pytest.raises(DataError, match="duration must be a number, not a length of time; turn it into one"):
        spell_counts(spells_with(t=column), duration="t", event="e")

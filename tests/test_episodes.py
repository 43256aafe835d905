"""Episodes of odd tables: nothing is altered silently, and what cannot be used is refused in one line."""

from datetime import date
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab import survival
from cemlab.errors import ColumnError, DataError, OptionError

SPELLS = pd.DataFrame({"who": ["a", "b"], "months": [9.0, 4], "left": [True, False], "seen": [0.0, 1]})
CHANGES = pd.DataFrame({"who": ["a"], "month": [6.0], "value": [8]})


def cut(spells=SPELLS, changes=CHANGES, **options):
    told = {"customer": "who", "duration": "months", "event": "left", "date": "month"}
    return survival.episodes(spells, changes, **(told | {"initial": {"value": 0}} | options)).to_pandas()


def refused(error, match, *tables, **options):
    with pytest.raises(error, match=match) as caught:
        cut(*tables, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codes", [[2, 7], [1, -1], [0.5, 1.0], [np.uint8(3), 0]])
@pytest.mark.parametrize("engine", [False, True])
def test_undeclared_event_codes_are_refused(codes, engine):
    spells = SPELLS.assign(left=codes)
    n = sum(code not in (0, 1) for code in codes)
    refused(
        DataError,
        f"neither true or false nor 1 or 0 in {n} of 2; state which values are events",
        ibis.memtable(spells) if engine else spells,
    )
    assert cut(SPELLS.assign(left=[1, 0]))["left"].tolist() == [False, True, False]


def test_a_first_value_between_whole_numbers_is_kept():
    made = cut(initial={"value": 7.5})
    assert made["value"].tolist() == [7.5, 8.0, 7.5]
    assert cut(initial={"value": 7})["value"].tolist() == [7, 8, 7]
    assert cut(initial={"value": 7.0})["value"].tolist() == [7, 8, 7]
    assert cut(initial={"value": 300}, changes=CHANGES.astype({"value": "int8"}))["value"].max() == 300
    assert cut(initial={"value": Decimal("7.5")})["value"].tolist() == [7.5, 8.0, 7.5]
    assert cut(initial={"value": True})["value"].tolist() == [1, 8, 1]
    nothing = CHANGES.assign(value=None)  # a change of nothing
    assert cut(initial={"value": "gold"}, changes=nothing)["value"].tolist() == ["gold"] * 3


def test_a_first_value_of_another_kind_is_refused():
    texts, truths = CHANGES.assign(value="gold"), CHANGES.assign(value=True)
    days = CHANGES.assign(value=pd.Timestamp("2024-01-01"))
    for changes, wrong in (
        (CHANGES, "gold"), (CHANGES, "7"), (CHANGES, date(2024, 1, 1)), (CHANGES, float("nan")),
        (CHANGES, [1]),
        (texts, 0), (texts, True), (truths, 2), (truths, "yes"), (days, 0), (days, "2024-01-01"),
    ):  # fmt: skip
        refused(
            OptionError,
            r"initial\['value'\] is .* but the changes hold",
            changes=changes,
            initial={"value": wrong},
        )
    for changes, right in ((texts, "none"), (truths, False), (truths, 0), (days, date(2023, 1, 1))):
        assert len(cut(changes=changes, initial={"value": right})) == 3
    refused(OptionError, "initial is .'value'.; map columns", initial=["value"])


def test_durations_that_are_no_finite_numbers_are_refused():
    for odd in (["9", "4"], ["abc", "d"], [True, False]):
        refused(
            DataError, r"spells, column 'months' \(duration\): must hold numbers", SPELLS.assign(months=odd)
        )
        refused(DataError, r"'seen' \(entry\): must hold numbers", SPELLS.assign(seen=odd), entry="seen")
    known = {"fixed": ["left2"], "known": {"left2": "since"}}
    frame = SPELLS.assign(left2=1, since="9")
    refused(DataError, r"'since' \(known of left2\): must hold numbers", frame, **known)
    for odd in (pd.to_timedelta(SPELLS["months"], unit="D"), SPELLS["months"].astype(complex)):
        refused(DataError, "spells, column 'months': .* cannot be used", SPELLS.assign(months=odd))
        refused(DataError, "spells, column 'months'", SPELLS.assign(months=odd.astype(object)))
    refused(DataError, "'months': numbers and texts cannot be used", SPELLS.assign(months=[9, "4"]))
    refused(DataError, "infinite in 1 of 2", SPELLS.assign(months=[np.inf, 4]))
    refused(DataError, "infinite in 1 of 2", SPELLS.assign(seen=[-np.inf, 0]), entry="seen")


def test_customers_of_two_kinds_are_refused():
    numbered = SPELLS.assign(who=[1, 2])
    refused(DataError, "column 'who' is int64 in the spells and string in the changes", numbered)
    refused(DataError, "column 'who' is string in the spells and int64", changes=CHANGES.assign(who=1))
    # whole numbers and numbers with a point, as a blank makes them, are one kind
    made = cut(numbered, CHANGES.assign(who=1.0))
    assert made["value"].tolist() == [0, 8, 0]


def test_odd_tables_are_refused():
    for what, given in (
        ("spells", {"spells": None}),
        ("changes", {"changes": [1]}),
        ("spells", {"spells": 3}),
    ):
        refused(DataError, f"{what}: a .* is no table; hand in", **given)
    twice = pd.concat([SPELLS, SPELLS[["months"]]], axis=1)
    refused(ColumnError, "spells: 2 columns are named 'months'", twice)
    refused(
        ColumnError,
        "changes: 2 columns are named 'value'",
        changes=pd.concat([CHANGES, CHANGES[["value"]]], axis=1),
    )
    mixed = pd.concat([CHANGES, CHANGES.assign(value="x", month=7.0)])
    refused(DataError, "changes, column 'value': numbers and texts cannot", changes=mixed)
    # what is not asked for may be as odd as it likes
    assert len(cut(SPELLS.assign(note=[[1], {"a": 1}]), CHANGES.assign(note=pd.Timedelta("1D")))) == 3
    assert cut(SPELLS.assign(who=SPELLS["who"].astype("category")))["value"].tolist() == [0, 8, 0]


def test_changes_at_the_end_or_begin_but_for_rounding_make_no_sliver():
    spells = SPELLS.assign(months=[0.1 + 0.2, 4], seen=[0.0, 0.1 + 0.2])
    made = cut(spells, CHANGES.assign(month=0.3), entry="seen")  # the end of a: still the old value
    assert made["value"].tolist() == [0, 0]
    made = cut(SPELLS.assign(seen=[0.3, 0]), CHANGES.assign(month=0.1 + 0.2), entry="seen")
    assert made[made["who"] == "a"]["value"].tolist() == [8]

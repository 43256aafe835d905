"""A roll-out in phases: hand-made branches, and every way in which they can be none."""

import numpy as np
import pandas as pd
import pytest

from cemlab.business_case import roll_out_phases
from cemlab.errors import ColumnError, DataError, DesignError

MONTHS = pd.date_range("2024-01-01", periods=8, freq="MS")
# branch: first month of training (None: never), region, customers
BRANCHES = {
    "a": (3, "east", 100.0),
    "b": (5, "west", 300.0),
    "c": (None, "east", 40.0),
    "d": (None, "south", 70.0),
}


def panel():
    rows = []
    for branch, (first, region, customers) in BRANCHES.items():
        for t, month in enumerate(MONTHS):
            there = first is not None and t >= first
            # ten posts, eight of which are trained, and one of these has left a month later
            trained = (8 if t == first else 7) if there else 0
            since = MONTHS[first] if first is not None else pd.NaT
            rows.append(
                (branch, month, since, 10.0, trained, trained / 10, customers, region, float(t), 2.0 * t)
            )
    columns = [
        "branch",
        "month",
        "first_trained",
        "headcount",
        "trained",
        "trained_share",
        "customers",
        "region",
    ]
    return pd.DataFrame(rows, columns=[*columns, "cx", "profit"])


def test_phases_reach_from_wave_to_wave():
    found = roll_out_phases(panel())
    assert found.spans == {1: (0, 2), 2: (2, 5)}
    assert found.months == 5
    means = found.panel.set_index(["branch", "phase"])["cx"]
    # months 0 to 2, 3 to 4, 5 to 7
    assert means.loc["a"].tolist() == [1.0, 3.5, 6.0]
    assert means.loc["d"].tolist() == [1.0, 3.5, 6.0]
    assert found.panel.groupby("branch")["first_phase"].first().fillna(0).tolist() == [1, 2, 0, 0]


def test_branches_near_trained_ones_are_told_apart():
    near = roll_out_phases(panel()).panel.groupby("branch")["nearby"].first()
    assert near.to_dict() == {"a": False, "b": False, "c": True, "d": False}


def test_waves_carry_their_months_and_their_entries():
    found = roll_out_phases(panel(), source="books")
    assert [wave.month for wave in found.waves] == [0, 2]
    assert [wave.experience for wave in found.waves] == [
        "training → experience, group 1",
        "training → experience, group 2",
    ]
    values = {entry.item: entry.mean for entry in found.counts}
    assert values["persons, wave 1"] == values["persons, wave 2"] == 8
    assert values["posts, wave 1"] == 10
    assert values["customers, wave 1"] == 100
    assert values["customers, wave 2"] == 300
    assert {entry.source for entry in found.counts} == {"books"}


def test_customers_near_by_are_shared_out_between_waves():
    values = {entry.item: entry.mean for entry in roll_out_phases(panel()).counts}
    # half of c's 40, and b's 300 in the two of five months before its own wave
    assert values["nearby, wave 1"] == pytest.approx(0.5 * 40 + 300 * 2 / 5)
    # half of c's 40; nobody is still to come
    assert values["nearby, wave 2"] == pytest.approx(0.5 * 40)


def test_shares_fall_as_people_leave():
    shares = roll_out_phases(panel()).shares
    assert shares[1] == pytest.approx([0.8, 0.7, 0.7, 0.7, 0.7])
    assert shares[2] == pytest.approx([0, 0, 0.8, 0.7, 0.7])


def test_what_is_given_is_left_as_it_was():
    given = panel()
    roll_out_phases(given)
    pd.testing.assert_frame_equal(given, panel())


def test_rows_may_come_in_any_order():
    mixed = panel().sample(frac=1, random_state=1)
    left, right = roll_out_phases(panel()), roll_out_phases(mixed)
    pd.testing.assert_frame_equal(left.panel, right.panel)
    assert [entry.mean for entry in left.counts] == [entry.mean for entry in right.counts]


def test_the_months_after_are_those_of_trained_branches():
    after = roll_out_phases(panel()).after
    assert set(after["branch"]) == {"a", "b"}
    assert after["month"].min() == MONTHS[3]


@pytest.mark.parametrize("name", ["headcount", "region", "profit"])
def test_a_missing_column_is_named(name):
    with pytest.raises(ColumnError, match=name):
        roll_out_phases(panel().drop(columns=name))


def test_a_branch_twice_in_a_month_is_refused():
    twice = pd.concat([panel(), panel().head(1)])
    with pytest.raises(DataError, match="stands twice in a month"):
        roll_out_phases(twice)


@pytest.mark.parametrize(
    "kept",
    [
        lambda frame: frame["first_trained"].isna(),
        lambda frame: frame["first_trained"].notna(),
        lambda frame: frame["month"] >= MONTHS[3],
    ],
    ids=["nobody trained", "everybody trained", "nothing before"],
)
def test_what_has_no_phases_is_refused(kept):
    frame = panel()
    with pytest.raises(DesignError, match="months before the first"):
        roll_out_phases(frame[kept(frame)])


def test_phases_hold_whatever_the_months_are():
    numbered = panel()
    numbered["month"] = numbered["month"].map({month: t for t, month in enumerate(MONTHS)})
    numbered["first_trained"] = numbered["branch"].map({"a": 3.0, "b": 5.0, "c": np.nan, "d": np.nan})
    assert roll_out_phases(numbered).spans == {1: (0, 2), 2: (2, 5)}

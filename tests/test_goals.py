"""Goals, levers and assumptions: trees and products computed by hand, each rule broken once, refusals."""

from __future__ import annotations

import datetime
import math

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cemlab
from cemlab import goals
from cemlab.data.company import Company
from cemlab.errors import ColumnError, DataError, DesignError, NotFoundError, OptionError
from cemlab.goals.products import in_order, paths, sums_over_paths, triangular, weakest
from cemlab.places import bundled

# --- the tree ------------------------------------------------------------------------------------------

GOOD = [
    # item, kind, parent, metric, owner, low, mode, high, unit
    ("M", "mission", None, None, None, None, None, None, None),
    ("G1", "goal", "M", "retention", "Ann", 0.8, 0.82, 0.85, "share"),
    ("G2", "goal", "M", "revenue", "Bob", 1, 2, 3, "%"),
    ("S1", "strategy", "G1", "score", "Ann", 0.1, 0.2, 0.3, "SD"),
    ("S2", "strategy", "G2", "baskets", "Bob", None, None, None, None),
    ("A1", "action", "S1", "staff trained", "Cid", 0.5, 0.6, 0.7, "share"),
    ("A2", "action", "S2", "messages", "Dee", 0, 0, 1, "messages"),
]
COLUMNS = ["item", "kind", "parent", "metric", "owner", "low", "mode", "high", "unit"]


def tree(*changed: tuple) -> goals.GoalTree:
    """The good tree with rows replaced by item, or added."""
    rows = {row[0]: row for row in GOOD} | {row[0]: row for row in changed}
    return goals.goal_tree(pd.DataFrame(rows.values(), columns=COLUMNS))


def broken(result: goals.GoalTree) -> set[tuple[str, str]]:
    return set(result.findings[["item", "rule"]].itertuples(index=False, name=None))


def test_a_good_tree_has_no_finding_and_says_what_serves_what():
    result = tree()
    assert result.findings.empty
    assert all(check.passed for check in result.evidence.checks)
    served = dict(zip(result.table["item"], result.table["goal"].fillna(""), strict=True))
    assert served == {"M": "", "G1": "G1", "G2": "G2", "S1": "G1", "S2": "G2", "A1": "G1", "A2": "G2"}
    assert result.serving("G1")["item"].tolist() == ["S1", "A1"]
    assert result.metrics("mission", "goal") == ("retention", "revenue")
    assert result.metrics() == ("retention", "revenue", "score", "baskets", "staff trained", "messages")
    assert result.summary["entries"].tolist() == [1, 2, 2, 2]
    assert result.narrative() == (
        "The tree holds 1 mission, 2 goals, 2 strategies and 2 actions. Nothing is to be mended."
    )
    assert result.chart.claim == "Every action serves a goal, and every goal can be measured"


N = (None, None, None, None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("M2", "mission", None, None, None, *N), {("M2", "one mission")}),
        (("A3", "action", None, "m", "Eve", *N), {("A3", "no orphan")}),
        (("A3", "action", "S9", "m", "Eve", *N), {("A3", "no orphan")}),
        (("A3", "action", "M", "m", "Eve", *N), {("A3", "order")}),
        (("A3", "action", "G1", "m", "Eve", *N), {("A3", "order")}),
        (("A3", "action", "A1", "m", "Eve", *N), {("A3", "order")}),
        (("S3", "strategy", "A1", "m", "Eve", *N), {("S3", "order"), ("S3", "action")}),
        (("A3", "action", "S1", None, "Eve", *N), {("A3", "metric")}),
        (("A3", "action", "S1", "  ", "Eve", *N), {("A3", "metric")}),
        (("A3", "action", "S1", "m", None, *N), {("A3", "owner")}),
        (("G3", "goal", "M", "m", "Eve", *N), {("G3", "action")}),
        (("S3", "strategy", "G1", "m", "Eve", *N), {("S3", "action")}),
        (("A3", "action", "S1", "revenue", "Eve", -3, -2, -1, "%"), {("A3", "no contradiction")}),
        (("A3", "action", "S1", "revenue", "Eve", -3, -2, -1, "EUR"), set()),  # another unit
        (("A3", "action", "S1", "revenue", "Eve", -3, -2, 0.5, "%"), set()),  # undecided
        (("A3", "action", "S1", "m", "Eve", 3, 2, 4, "%"), {("A3", "range")}),
        (("A3", "action", "S1", "m", "Eve", 3, None, 2, "%"), {("A3", "range")}),
    ],
)
def test_each_rule_finds_what_breaks_it_and_nothing_else(row, expected):
    assert broken(tree(row)) == expected


def test_a_tree_without_mission_says_so():
    rows = [("G1", "goal", None, "retention", "Ann", *N)]
    result = goals.goal_tree(pd.DataFrame(rows, columns=COLUMNS))
    assert ("(the tree)", "one mission") in broken(result)


def test_a_circle_is_found_and_does_not_hang():
    result = tree(
        ("S1", "strategy", "A1", "score", "Ann", *N), ("A1", "action", "S1", "staff trained", "Cid", *N)
    )
    assert {("S1", "no circle"), ("A1", "no circle")} <= broken(result)
    way = result.findings.set_index(["item", "rule"])["what"]
    assert way["S1", "no circle"] == "S1 → A1 → S1"
    # neither leads to a goal any more
    assert result.table.set_index("item")["goal"].isna()[["S1", "A1"]].all()
    assert result.chart.alt_text()


def test_what_is_to_be_mended_is_told_with_its_remedy():
    result = tree(("A3", "action", "Uniforms", None, None, *N))
    (orphan,) = [check for check in result.evidence.checks if check.name == "no orphan"]
    assert str(orphan) == (
        "no orphan: FAILED. “A3” ('Uniforms' is not in the tree). Name the entry it serves, or stop doing it."
    )
    assert result.chart.claim == "1 of 3 actions serves no goal"
    assert "no orphan: “A3”" in result.narrative()
    assert "A3 [serves nothing, no metric, no owner]" in result.chart.alt_text()
    assert result.summary.set_index("kind")["to_mend"]["action"] == 1
    idle = tree(("G3", "goal", "M", "m", "Eve", *N))
    assert idle.chart.claim == "1 of 8 entries in the tree of goals are to be mended"


def test_more_than_three_findings_of_a_rule_are_counted():
    extra = [(f"A{k}", "action", None, "m", "Eve", *N) for k in range(3, 8)]
    (orphan,) = [check for check in tree(*extra).evidence.checks if check.name == "no orphan"]
    assert orphan.detail.endswith("and 2 more.")


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (pd.DataFrame({"item": ["M"], "kind": ["mission"], "parents": [""]}), ColumnError, "'parent'"),
        (pd.DataFrame(columns=COLUMNS), DataError, "the tree of goals: there is no row"),
        (pd.DataFrame([GOOD[0], GOOD[0]], columns=COLUMNS), DataError, "'M' stands twice"),
        (pd.DataFrame([(None, *GOOD[0][1:])], columns=COLUMNS), DataError, "row 1 has no item"),
        (pd.DataFrame([("M", "vision", *GOOD[0][2:])], columns=COLUMNS), DataError, "no kind of entry named"),
        (pd.DataFrame([("M", None, *GOOD[0][2:])], columns=COLUMNS), DataError, "no kind of entry named ''"),
        (
            pd.DataFrame([(*GOOD[0][:5], "much", 1, 2, "")], columns=COLUMNS),
            DataError,
            "column 'low'.*write plain numbers",
        ),
    ],
)
def test_a_tree_that_cannot_be_read_is_refused(frame, error, message):
    with pytest.raises(error, match=message):
        goals.goal_tree(frame)


def test_names_that_are_not_in_the_tree_are_refused():
    with pytest.raises(NotFoundError, match="no entry in the tree of goals named 'G9'"):
        tree().serving("G9")
    with pytest.raises(OptionError, match="no level of the tree of goals named 'goals'; did you mean 'goal'"):
        tree().metrics("goals")


def test_an_ibis_table_gives_the_same_tree_and_the_frame_is_not_changed():
    frame = pd.DataFrame(GOOD, columns=COLUMNS)
    before = frame.copy(deep=True)
    there = goals.goal_tree(ibis.memtable(frame))
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(there.table, goals.goal_tree(frame).table)


@settings(deadline=None)  # the first example pays for imports
@given(st.lists(st.integers(-1, 7), min_size=8, max_size=8))
def test_any_parents_give_circles_exactly_where_one_comes_back(parents):
    items = [f"A{k}" for k in range(8)]
    frame = pd.DataFrame({"item": items, "kind": "action", "metric": "m", "owner": "o"})
    frame["parent"] = [None if p < 0 else items[p] for p in parents]
    found = goals.goal_tree(frame).findings

    def comes_back(k: int) -> bool:
        at = parents[k]
        for _ in items:
            if at in (-1, k):
                return at == k
            at = parents[at]
        return False

    expected = {items[k] for k in range(8) if comes_back(k)}
    assert set(found.loc[found["rule"] == "no circle", "item"]) == expected


# --- the map of levers ---------------------------------------------------------------------------------

EDGES = [
    # from, from_kind, to, to_kind, low, mode, high, unit, source, grade, lagged
    ("train", "lever", "cx", "behaviour", 0.1, 0.2, 0.6, "SD per programme", "s", "association", False),
    ("cx", "behaviour", "stay", "behaviour", 1.0, 2.0, 3.0, "% per SD", "s", "adjusted", False),
    ("cx", "behaviour", "buy", "behaviour", 4.0, 5.0, 9.0, "% per SD", "s", "assumption", False),
    ("call", "lever", "stay", "behaviour", 0.5, 0.5, 0.5, "% per programme", "s", "experiment", False),
    ("stay", "behaviour", "profit", "metric", 2.0, 2.0, 2.0, "% per %", "s", "descriptive", False),
    ("buy", "behaviour", "profit", "metric", 3.0, 3.0, 3.0, "% per %", "s", "experiment", False),
]
EDGE_COLUMNS = [
    "from",
    "from_kind",
    "to",
    "to_kind",
    "low",
    "mode",
    "high",
    "unit",
    "source",
    "grade",
    "lagged",
]


def edges(*added: tuple, drop: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = [row for row in EDGES if row[2] not in drop]
    return pd.DataFrame([*rows, *added], columns=EDGE_COLUMNS)


def test_products_along_paths_and_their_sum_by_hand():
    found = goals.lever_map(edges())
    ways = found.paths("train", "profit")
    assert ways["path"].tolist() == ["train → cx → stay → profit", "train → cx → buy → profit"]
    assert ways["via"].tolist() == ["cx → stay", "cx → buy"]
    assert ways["n_edges"].tolist() == [3, 3]
    # modes: 0.2 · 2 · 2 and 0.2 · 5 · 3; means: 0.3 · 2 · 2 and 0.3 · 6 · 3
    assert ways["at_mode"].tolist() == pytest.approx([0.8, 3.0])
    assert ways["estimate"].tolist() == pytest.approx([1.2, 5.4])
    assert ways["grade"].tolist() == ["descriptive", "assumption"]
    row = found.table.set_index("lever").loc["train"]
    assert (row["n_paths"], row["unit"], row["grade"]) == (2, "% per programme", "assumption")
    assert row["at_mode"] == pytest.approx(3.8)
    assert row["estimate"] == pytest.approx(6.6)
    assert row["conf_low"] < row["at_mode"] < row["conf_high"]
    sure = found.table.set_index("lever").loc["call"]
    assert (sure["at_mode"], sure["conf_low"], sure["conf_high"]) == (1.0, 1.0, 1.0)
    assert sure["grade"] == "descriptive"
    assert found.findings.empty
    assert found.chart.claim == "Every metric on the map has a lever, and every lever a metric"
    assert found.evidence.grade == "descriptive"  # an assumption allows no more than a count


def test_the_interval_is_that_of_the_triangular_distribution():
    row = ("a", "lever", "z", "metric", 0.0, 1.0, 2.0, "% per programme", "s", "experiment", False)
    found = goals.lever_map(pd.DataFrame([row], columns=EDGE_COLUMNS), draws=100_000, conf_level=0.9)
    # F(x) = x²/2 below the mode, so the 5 % point is sqrt(0.1), and the 95 % point mirrors it
    low, high = math.sqrt(0.1), 2 - math.sqrt(0.1)
    # the density there is sqrt(0.1), so a quantile of 100,000 draws has the standard error
    # sqrt(0.05 · 0.95 / 100,000) / sqrt(0.1) = 0.0022; 4 of them
    assert found.table["conf_low"][0] == pytest.approx(low, abs=0.009)
    assert found.table["conf_high"][0] == pytest.approx(high, abs=0.009)
    assert found.evidence.grade == "experiment"


def test_a_seed_gives_the_same_interval_and_another_seed_another_one():
    first, again, other = (goals.lever_map(edges(), seed=seed).table for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert first["conf_low"][0] != other["conf_low"][0]
    pd.testing.assert_series_equal(first["estimate"], other["estimate"])


def test_paths_that_share_an_edge_vary_together():
    shared = [
        ("a", "lever", "b", "behaviour", 0.0, 1.0, 2.0, "x per programme", "s", "experiment", False),
        ("b", "behaviour", "c", "behaviour", 1.0, 1.0, 1.0, "x per x", "s", "experiment", False),
        ("b", "behaviour", "d", "behaviour", -1.0, -1.0, -1.0, "x per x", "s", "experiment", False),
        ("c", "behaviour", "z", "metric", 1.0, 1.0, 1.0, "x per x", "s", "experiment", False),
        ("d", "behaviour", "z", "metric", 1.0, 1.0, 1.0, "x per x", "s", "experiment", False),
    ]
    (row,) = goals.lever_map(pd.DataFrame(shared, columns=EDGE_COLUMNS)).table.to_dict("records")
    assert (row["estimate"], row["conf_low"], row["conf_high"]) == (0.0, 0.0, 0.0)  # b - b, whatever b is


def test_swings_move_one_range_at_a_time():
    swings = goals.lever_map(edges()).swings("train", "profit")
    table = swings.table.set_index("edge")
    # all at their means: 0.3 · (2 · 2 + 6 · 3) = 6.6
    assert table["estimate"].tolist() == pytest.approx([6.6] * 5)
    # 0.1 and 0.6 · 22; 0.3 · (4 + 4 · 3) and 0.3 · (4 + 9 · 3); 0.3 · (1 · 2 + 18) and 0.3 · (3 · 2 + 18)
    ends = [[2.2, 13.2], [4.8, 9.3], [6.0, 7.2], [6.6, 6.6], [6.6, 6.6]]
    np.testing.assert_allclose(table[["conf_low", "conf_high"]], ends)
    assert table.index[:3].tolist() == ["train → cx", "cx → buy", "cx → stay"]
    assert swings.narrative() == (
        "As stated, “train” moves profit by 6.6 % per programme with every elasticity at its mean. The "
        "widest range is “train → cx” (association): between its ends the product goes from 2.2 to 13.2. "
        f"Were one range known exactly, the interval of the result would narrow by "
        f"{100 * table['narrower'].iloc[0]:.1f} % for “train → cx” and "
        f"{100 * table['narrower'].iloc[1]:.1f} % for “cx → buy”."
    )
    assert swings.chart.claim == "The range that moves profit most is that of “train → cx”"


def test_the_interval_narrows_by_what_an_edge_adds_to_it():
    rows = [
        ("a", "lever", "b", "behaviour", 0.0, 1.0, 2.0, "x per programme", "s", "experiment", False),
        ("b", "behaviour", "z", "metric", 3.0, 3.0, 3.0, "x per x", "s", "experiment", False),
        ("a", "lever", "z", "metric", 0.0, 1.0, 2.0, "x per programme", "s", "experiment", False),
    ]
    table = goals.lever_map(pd.DataFrame(rows, columns=EDGE_COLUMNS)).swings("a", "z").table
    found = table.set_index("edge")["narrower"]
    # the one edge without a range has nothing to narrow
    assert found["b → z"] == 0
    # with the direct edge known, three times one triangular on (0, 2) is left; with the other known, once
    # that triangular: the widths of both are in the ratio 3 to 1, whatever the interval of the sum.
    # A quantile of 20,000 draws at 2.5 % (density 0.224) has the standard error 0.005, so a width of 1.55
    # about 0.5 %, a ratio of two 0.7 %; 4 of them
    assert (1 - found["a → z"]) / (1 - found["a → b"]) == pytest.approx(3, rel=0.03)
    sure = goals.lever_map(edges()).swings("call", "profit").table
    assert sure["narrower"].tolist() == [0, 0]


def test_one_metric_with_the_largest_mean_first():
    only = goals.lever_map(edges()).on("profit")
    assert only.table["lever"].tolist() == ["train", "call"]
    assert "“train” moves profit by 6.6 % per programme" in only.narrative()


S = ("s", "experiment", False)


@pytest.mark.parametrize(
    ("added", "metrics", "expected"),
    [
        ((), ("nps",), {("nps", "lever"), }),
        ((("price", "behaviour", "profit", "metric", 1, 1, 1, "% per %", *S),), (), {("price", "lever")}),
        (
            (("app", "lever", "clicks", "behaviour", 1, 1, 1, "% per programme", *S),),
            (),
            {("app", "metric"), ("clicks", "metric")},
        ),
        (
            (("stay", "behaviour", "app", "lever", 1, 1, 1, "programme per %", *S),),
            (),
            {("stay", "direction"), ("app", "metric")},
        ),
        (
            (("call", "lever", "profit", "metric", 1, 1, 1, "EUR per programme", *S),),
            (),
            {("profit", "unit")},
        ),
        ((("call", "lever", "profit", "metric", 1, 1, 1, "percent", *S),), (), {("call", "unit")}),
        ((("call", "lever", "profit", "metric", 1, 1, 1, None, *S),), (), {("call", "unit")}),
        (
            (("call", "lever", "profit", "metric", 1, 1, 1, "% per programme", None, "experiment", False),),
            (),
            {("call", "source")},
        ),
        ((("call", "lever", "profit", "metric", 1, 1, 1, "% per programme", *S),), (), set()),
    ],
)  # fmt: skip
def test_each_rule_of_the_map(added, metrics, expected):
    found = goals.lever_map(edges(*added), metrics=metrics)
    assert set(found.findings[["item", "rule"]].itertuples(index=False, name=None)) == expected


def test_an_orphan_metric_is_drawn_and_named():
    found = goals.lever_map(edges(), metrics=["nps", "profit"])
    assert found.chart.claim == "No lever is drawn to “nps”"
    assert "nps [no lever]" in found.chart.alt_text()
    assert "The map lacks something: lever: “nps” (no lever leads to this metric)." in found.narrative()
    many = goals.lever_map(edges(), metrics=["nps", "csat", "ces"])
    assert many.chart.claim == "3 things that are to move have no lever drawn to them"
    idle = goals.lever_map(edges(("app", "lever", "clicks", "behaviour", 1, 1, 1, "% per programme", *S)))
    assert idle.chart.claim == "2 of the things on the map move no metric"


def test_each_arrow_has_its_unit_and_the_note_says_for_how_much():
    fall = ("call", "lever", "nps", "metric", -3, -2, 1, "points per programme", *S)
    chart = goals.lever_map(edges(fall)).chart
    assert "train to cx [+0.2 SD (0.1 to 0.6)]" in chart.alt_text()
    assert "call to nps [-2 points (-3 to 1)]" in chart.alt_text()
    assert chart.note.startswith(
        "On each arrow: what it is said to change at its head, with its range, for one programme "
        "(from a lever), one SD or one % (from another box). "
    )
    bare = ("a", "lever", "z", "metric", 1, 1, 1, None, *S)
    unknown = goals.lever_map(pd.DataFrame([bare], columns=EDGE_COLUMNS))
    assert "a to z [+1 (1 to 1)]" in unknown.chart.alt_text()
    assert unknown.chart.note == unknown.caption


def test_a_lagged_edge_is_drawn_and_not_multiplied():
    back = ("profit", "metric", "train", "lever", 1, 2, 3, "programme per %", "s", "assumption", "True")
    found = goals.lever_map(edges(back))
    pd.testing.assert_series_equal(found.table["estimate"], goals.lever_map(edges()).table["estimate"])
    assert found.evidence.n_given - found.evidence.n_used == 1
    assert "profit to train [+2 programme (1 to 3)]" in found.chart.alt_text()


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (edges().drop(columns="grade"), ColumnError, "no column named 'grade'"),
        (edges().head(0), DataError, "the lever map: there is no row"),
        (edges(EDGES[0]), DataError, "the edge 'train' → 'cx' stands twice"),
        (edges(("a", "lever", None, "metric", 1, 1, 1, "", *S)), DataError, "an edge has two ends"),
        (edges(("a", "tool", "cx", "behaviour", 1, 1, 1, "", *S)), OptionError, "no kind named 'tool'"),
        (
            edges(("cx", "metric", "b", "metric", 1, 1, 1, "", *S)),
            DataError,
            "'cx' is a behaviour and a metric",
        ),
        (
            edges(("a", "lever", "cx", "behaviour", 1, 1, 1, "", "s", "proof", False)),
            OptionError,
            "grade named",
        ),
        (edges(("a", "lever", "cx", "behaviour", 2, 1, 3, "", *S)), DataError, "low 2, mode 1, high 3"),
        (edges(("a", "lever", "cx", "behaviour", 1, None, 3, "", *S)), DataError, "all three are needed"),
        (edges(("cx", "behaviour", "cx", "behaviour", 1, 1, 1, "", *S)), DesignError, "circle: cx → cx"),
        (edges(("profit", "metric", "call", "lever", 1, 1, 1, "", *S)), DesignError, "call → stay → profit"),
        (edges(("stay", "behaviour", "cx", "behaviour", 1, 1, 1, "", *S)), DesignError, "circle: .*→ stay"),
    ],
)
def test_a_map_that_cannot_be_computed_is_refused(frame, error, message):
    with pytest.raises(error, match=message):
        goals.lever_map(frame)


def test_options_and_names_of_the_map_are_checked():
    with pytest.raises(OptionError, match="draws is 10"):
        goals.lever_map(edges(), draws=10)
    with pytest.raises(OptionError, match="conf_level"):
        goals.lever_map(edges(), conf_level=95)
    found = goals.lever_map(edges(), metrics=["nps"])
    with pytest.raises(NotFoundError, match="did you mean 'profit'"):
        found.on("profits")
    with pytest.raises(NotFoundError, match="no lever, behaviour or metric on the map named 'trian'"):
        found.paths("trian", "profit")
    with pytest.raises(NotFoundError, match="no path from 'train' to 'nps'"):
        found.swings("train", "nps")
    assert found.paths("train", "nps").empty


def test_more_paths_than_a_person_reads_are_refused_but_still_summed():
    # ten diamonds in a row make 2^10 paths
    rows = []
    for k in range(10):
        for side in "ab":
            rows += [
                (f"n{k}", "behaviour", f"{side}{k}", "behaviour", 1, 1, 1, "x per x", *S),
                (f"{side}{k}", "behaviour", f"n{k + 1}", "behaviour", 1, 1, 1, "x per x", *S),
            ]
    rows += [("go", "lever", "n0", "behaviour", 1, 1, 1, "x per x", *S)]
    rows += [("n10", "behaviour", "end", "metric", 1, 1, 1, "x per x", *S)]
    found = goals.lever_map(pd.DataFrame(rows, columns=EDGE_COLUMNS), draws=100)
    assert found.table[["n_paths", "estimate"]].to_numpy().tolist() == [[1024, 1024.0]]
    with pytest.raises(DesignError, match="more than 1,000 paths"):
        found.paths("go", "end")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14, unique=True), st.data())
def test_sums_over_paths_are_powers_of_the_matrix(pairs, data):
    forward = [(a, b) for a, b in pairs if a < b]
    start, end = [a for a, _ in forward], [b for _, b in forward]
    ordered, circle = in_order(start, end, nodes=7)
    assert circle == []
    assert sorted(ordered.row.tolist()) == list(range(len(forward)))
    weights = np.array([data.draw(st.integers(-3, 3)) for _ in forward], dtype=float)
    matrix = np.zeros((7, 7))
    matrix[start, end] = weights
    # small whole numbers: exact
    expected = sum(np.linalg.matrix_power(matrix, k) for k in range(7))[0]
    moved = sums_over_paths(ordered, weights[:, None], origin=0)[:, 0]
    np.testing.assert_array_equal(moved, expected)
    by_hand = sum(math.prod(weights[row] for row in way) for way in paths(ordered, origin=0, target=6))
    assert by_hand == moved[6]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12, unique=True))
def test_a_circle_is_found_exactly_where_there_is_one(pairs):
    start, end = [a for a, _ in pairs], [b for _, b in pairs]
    _, circle = in_order(start, end, nodes=6)
    adjacency = np.zeros((6, 6), dtype=int)
    adjacency[start, end] = 1
    # a walk of six steps among six nodes exists exactly if something is gone round
    assert bool(circle) == bool(np.linalg.matrix_power(adjacency, 6).any())
    for a, b in zip(circle, [*circle[1:], *circle[:1]], strict=True):
        assert adjacency[a, b]


def test_the_weakest_link_on_any_way():
    ordered, _ = in_order([0, 0, 1, 2], [1, 2, 3, 3], nodes=5)
    found = weakest(ordered, np.array([3, 1, 2, 4]), origin=0, best=5)
    assert found.tolist() == [6, 3, 1, 1, 6]


def test_triangular_draws_keep_to_their_range():
    uniform = np.linspace(0, 1, 9)[None, :]
    low, mode, high = np.array([-1.0]), np.array([-1.0]), np.array([3.0])
    drawn = triangular(low, mode, high, uniform)
    # with the mode at the lower end, x = 3 - 4 sqrt(1 - u)
    np.testing.assert_allclose(drawn[0], 3 - 4 * np.sqrt(1 - uniform[0]))
    assert triangular(high, high, high, uniform).tolist() == [[3.0] * 9]


def test_the_levers_of_halden_have_no_fault_but_their_orphans():
    frame = pd.read_csv(bundled("data") / "inputs" / "levers.csv")
    tree_of_halden = goals.goal_tree(pd.read_csv(bundled("data") / "inputs" / "goals.csv"))
    found = goals.lever_map(frame, metrics=tree_of_halden.metrics("mission", "goal"))
    assert set(found.findings["rule"]) == {"lever"}
    actions = set(tree_of_halden.table.loc[tree_of_halden.table["kind"] == "action", "item"])
    levers = set(frame.loc[frame["from_kind"] == "lever", "from"])
    assert levers <= actions


# --- the ledger ----------------------------------------------------------------------------------------

ENTRIES = [
    # item, low, mode, high, unit, source, owner, date
    ("wide", 1.0, 2.0, 6.0, "%", "s", "Ann", "2025-01-01"),
    ("narrow", -3.0, -2.0, -1.0, "%", "s", "Bob", "2025-06-01"),
    ("zero", -1.0, 0.0, 1.0, "%", "s", "Cid", "2025-06-30"),
]
ENTRY_COLUMNS = ["item", "low", "mode", "high", "unit", "source", "owner", "date"]


def book(*changed: tuple, **options: object) -> goals.Ledger:
    rows = {row[0]: row for row in ENTRIES} | {row[0]: row for row in changed}
    return goals.ledger(pd.DataFrame(rows.values(), columns=ENTRY_COLUMNS), **options)


def test_ages_and_widths_by_hand():
    result = book()
    assert result.as_of == datetime.date(2025, 6, 30)
    assert result.table["age_days"].tolist() == [180, 29, 0]
    assert result.table["width"].tolist()[:2] == [2.5, 1.0]
    assert math.isnan(result.table["width"][2])  # no width as a multiple of zero
    assert result.widest["item"].tolist() == ["wide", "narrow"]
    assert result.oldest["item"].tolist() == ["wide", "narrow", "zero"]
    assert result.summary["item"].tolist() == ["wide", "narrow", "zero"]
    assert result.findings.empty
    assert result.narrative() == (
        "The ledger holds 3 assumptions. The widest is “wide”: 2 % (from 1 to 6). The oldest is “wide”, "
        "stated 180 days before 2025-06-30. All are complete."
    )
    # as multiples of the mode, in order also where the mode is negative
    assert result.chart.frame[["low", "high"]].to_numpy().tolist() == [[0.5, 3.0], [0.5, 1.5]]
    assert result.chart.claim == "The least is known about “wide”"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (("x", 2, 1, 3, "%", "s", "o", "2025-06-01"), "range"),
        (("x", 1, None, 3, "%", "s", "o", "2025-06-01"), "range"),
        (("x", 1, 2, 3, None, "s", "o", "2025-06-01"), "unit"),
        (("x", 1, 2, 3, "%", " ", "o", "2025-06-01"), "source"),
        (("x", 1, 2, 3, "%", "s", None, "2025-06-01"), "owner"),
        (("x", 1, 2, 3, "%", "s", "o", None), "date"),
        (("x", 1, 2, 3, "%", "s", "o", "2025-07-02"), "date"),
        (("x", 1, 2, 3, "%", "s", "o", "2024-06-29"), "age"),
    ],
)
def test_each_rule_of_the_ledger(row, rule):
    result = book(row, as_of=datetime.date(2025, 6, 30))
    assert result.findings[["item", "rule"]].to_numpy().tolist() == [["x", rule]]
    assert [check.name for check in result.evidence.failed] == [rule]
    assert "1 of them is to be mended; the rule broken most often (1 time): " in result.narrative()
    assert result.narrative().endswith(f"{result.evidence.failed[0].null}.")


def test_an_age_of_just_a_year_is_no_finding():
    assert book(("x", 1, 2, 3, "%", "s", "o", "2024-06-30"), as_of=datetime.date(2025, 6, 30)).findings.empty


def test_a_ledger_that_cannot_be_read_is_refused():
    with pytest.raises(ColumnError, match="the ledger: no column named 'mode'"):
        goals.ledger(pd.DataFrame({"item": ["a"], "low": [1.0], "high": [1.0]}))
    with pytest.raises(OptionError, match="the ledger has no dates"):
        goals.ledger(pd.DataFrame({"item": ["a"], "low": [1.0], "mode": [1.0], "high": [1.0]}))
    with pytest.raises(OptionError, match="stale_after is 0"):
        book(stale_after=0)
    with pytest.raises(DataError, match="'a' stands twice"):
        goals.ledger(pd.DataFrame({"item": ["a", "a"], "low": 1.0, "mode": 1.0, "high": 1.0}))


# --- shown ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [tree(), goals.lever_map(edges()), goals.lever_map(edges()).swings("train", "profit"), book()],
    ids=["tree", "map", "swings", "ledger"],
)
def test_every_result_shows_itself_and_escapes(result):
    for shown in (repr(result), result._repr_html_(), result.to_markdown(), result.chart.alt_text()):
        assert shown
    assert result.caption.split(". ")[-1] in result.chart.note


def test_hostile_names_are_text():
    bad = "<script>alert(1)</script>"
    page = book((bad, 1, 2, 9, "%", "s", bad, "2025-06-01"))._repr_html_()
    assert "<script>" not in page
    page = tree((bad, "action", bad, None, None, *N))._repr_html_()
    assert "<script>" not in page


# --- readiness, and three views --------------------------------------------------------------------------

ANSWERS = pd.DataFrame(
    {"p1": [5, 4, 2, 1], "p2": [4, 5, 1, 2], "t1": [4, 4, 5, None], "u1": [1, 5, 3, 3], "u2": [5, 1, 3, 2]}
)


def test_readiness_by_hand():
    result = goals.readiness(ANSWERS, dimensions={"tools": ["t1"], "people": ["p1", "p2"]})
    weak, strong = result.table.to_dict("records")
    # people: two respondents with both items ready, two with none
    assert (weak["dimension"], weak["items"], weak["n"], weak["estimate"]) == ("people", 2, 4, 0.5)
    # t(3) at 97.5 % is 3.182446; the standard error sqrt(1/3)/2: 0.5 ± 0.92, kept in 0 to 1
    assert (weak["conf_low"], weak["conf_high"]) == (0.0, 1.0)
    half = goals.readiness(ANSWERS, dimensions={"people": ["p1", "p2"]}, conf_level=0.5).table
    assert half["conf_high"][0] == pytest.approx(0.5 + 0.7648923 * math.sqrt(1 / 3) / 2)  # t(3) at 75 %
    # alpha: 2 · (1 - (10/3 + 10/3) / 12), as the sums 9, 9, 3, 3 vary by 12
    assert weak["alpha"] == pytest.approx(8 / 9)
    assert (strong["n"], strong["estimate"], strong["conf_low"]) == (3, 1.0, 1.0)
    assert math.isnan(strong["alpha"])
    assert result.weakest == "people"
    assert result.narrative().startswith("The weakest link is people: 50.0 % (0.0 to 100.0 %)")
    assert not result.evidence.failed
    assert result.chart.claim == "people is the weakest link"


def test_items_that_do_not_go_together_are_told():
    result = goals.readiness(ANSWERS, dimensions={"mixed": ["u1", "u2"]})
    (check,) = result.evidence.failed
    assert check.detail == "Below 0.7: mixed."


@pytest.mark.parametrize(
    ("dimensions", "error", "message"),
    [
        ({}, DesignError, "readiness needs dimensions"),
        ({"people": []}, DesignError, "readiness needs dimensions"),
        ({"people": ["p3"]}, ColumnError, "dimension 'people': no column named 'p3'"),
        ({"people": ["word"]}, DataError, "an answer is no number"),
        ({"people": ["one"]}, DesignError, "1 full answers; an interval needs two"),
    ],
)
def test_readiness_that_cannot_be_told_is_refused(dimensions, error, message):
    answers = ANSWERS.assign(word=["yes", "no", "yes", "no"], one=[1, None, None, None])
    with pytest.raises(error, match=message):
        goals.readiness(answers, dimensions=dimensions)


def views(**changed: list[float]) -> pd.DataFrame:
    ratings = {"customer": [2.0, 3.0, 4.0], "agent": [3.0, 4.0], "management": [5.0, 5.0], **changed}
    rows = [("till", party, value) for party, given in ratings.items() for value in given]
    rows += [("app", party, value) for party in ratings for value in (3.0, 3.0)]
    return pd.DataFrame(rows, columns=["item", "party", "rating"])


def test_three_views_and_their_gaps_agree_with_scipy():
    from scipy import stats

    result = goals.three_views(views(management=[4.0, 5.0, 5.0]))
    till = result.table[result.table["item"] == "till"].set_index("party")
    assert till["estimate"].tolist() == pytest.approx([3.0, 3.5, 14 / 3])
    assert till["n"].tolist() == [3, 2, 3]
    welch = stats.ttest_ind([4.0, 5.0, 5.0], [2.0, 3.0, 4.0], equal_var=False).confidence_interval(0.95)
    gap = result.gaps.iloc[0]
    assert gap["item"] == "till"
    assert (gap["conf_low"], gap["conf_high"]) == pytest.approx((welch.low, welch.high))
    assert result.gaps.iloc[1].tolist() == ["app", 0.0, 0.0, 0.0]
    assert "even there it may be chance" in result.narrative()
    assert result.chart.claim == "Management and customers differ most at “till”"
    sure = goals.three_views(views(customer=[2.0, 2.0, 2.0]))
    assert sure.narrative() == "Management rates till 3.00 (3.00 to 3.00) points above what its customers do."


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        (views().drop(columns="party"), ColumnError, "the three views: no column named 'party'"),
        (views().replace("agent", "staff"), DataError, "no party named 'staff'"),
        (views().assign(rating="good"), DataError, "an answer is no number"),
        (views().assign(rating=None), DesignError, "the three views: there is no judgement"),
        (views(agent=[3.0]), DesignError, r"'till' was judged 1 time\(s\) by agent"),
    ],
)
def test_three_views_that_cannot_be_told_are_refused(frame, error, message):
    with pytest.raises(error, match=message):
        goals.three_views(frame)


# --- what can run --------------------------------------------------------------------------------------


def test_what_can_run_says_what_is_missing():
    company = Company.open(bundled("data") / "small")
    answer = cemlab.what_can_run(company)
    rows = answer.to_frame().set_index("notebook")
    assert bool(rows.loc["03-loyalty-defection", "can_run"])
    lacks = "it needs the table goals, the table ledger and the table levers"
    assert rows.loc["00-what-are-we-changing", "lacks"] == lacks
    assert "no: it needs the table goals" in answer._repr_html_()
    assert repr(answer).startswith("small: ")


def test_what_can_run_escapes_the_company(tmp_path):
    (tmp_path / "ledger.csv").write_text("item,low,mode,high\na,1,2,3\n")
    company = Company.open(tmp_path, name="<b>x</b>")
    assert "<b>" not in cemlab.what_can_run(company, folder=bundled("notebooks"))._repr_html_()

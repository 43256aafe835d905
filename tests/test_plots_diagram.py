"""Diagrams: every box and every link is drawn, in its column, and no words meet or are clipped."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.present.plots.layers import chains, columns_of, settle

LONG = "Bring craftsmen into the branches on Saturdays and on the evenings before public holidays"


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def make(boxes: list[tuple], links: list[tuple], **fields: object) -> Chart:
    """A diagram of (name, level, mark) and (from, to, words)."""
    levels = {name: level for name, level, _ in boxes}
    rows = [(None, name, level, mark) for name, level, mark in boxes]
    rows += [(a, b, levels.get(b), text) for a, b, text in links]
    frame = pd.DataFrame(rows, columns=["from", "to", "level", "text"])
    common: dict = {
        "x": "from", "y": "to", "group": "level", "value": "text", "x_label": "", "y_label": "",
        "claim": "A claim", "grade": "descriptive", "note": "All 3 edges used.",
    }  # fmt: skip
    return Chart(**{"kind": "diagram", "frame": frame, **common, **fields})


def small(**fields: object) -> Chart:
    boxes = [
        ("train", "lever", ""),
        ("stay", "behaviour", ""),
        ("profit", "metric", ""),
        ("nps", "metric", "no lever"),
    ]
    return make(boxes, [("train", "stay", "0.2\n(0.1 to 0.3)"), ("stay", "profit", "3\n(2 to 4)")], **fields)


def large() -> Chart:
    boxes = [
        (f"{LONG} {k}", "action", "serves nothing, no metric, no owner" if k % 3 else "") for k in range(9)
    ]
    boxes = [("The mission", "mission", ""), (LONG, "goal", ""), *boxes]
    return make(
        boxes, [("The mission", LONG, ""), *((LONG, f"{LONG} {k}", "") for k in range(5))], claim=LONG * 3
    )


def crossed() -> Chart:
    boxes = [
        (name, level, "")
        for level in ("lever", "behaviour", "metric")
        for name in (f"{level} {k}" for k in range(4))
    ]
    links = [(f"lever {k}", f"metric {3 - k}", f"{k}.25\n(-0.125 to 0.0625)") for k in range(4)]
    links += [(f"lever {k}", f"behaviour {(k * 3) % 4}", "0.5\n(0.25 to 0.75)") for k in range(4)]
    links += [(f"behaviour {k}", f"metric {k}", "1\n(0.5 to 2)") for k in range(4)]
    links += [("metric 0", "lever 1", "0.1 (0 to 1)"), ("behaviour 2", "behaviour 2", "2")]
    return make(boxes, links)


BACK = {("metric 0", "lever 1"), ("behaviour 2", "behaviour 2")}

GALLERY = {
    "small": small(),
    "large": large(),
    "crossed": crossed(),
    "one box": make([("alone", "goal", "")], []),
    "a chain within a level": make(
        [(c, "metric", "") for c in "abcdef"], [(a, b, "2") for a, b in itertools.pairwise("abcdef")]
    ),
}  # fmt: skip
every_picture = pytest.mark.parametrize("chart", GALLERY.values(), ids=GALLERY.keys())


def boxes_of(ax: plt.Axes) -> list[FancyBboxPatch]:
    return [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]


def links_of(ax: plt.Axes) -> list[FancyArrowPatch]:
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]


@every_picture
def test_every_box_and_link_is_drawn_once(chart):
    ax = plots.draw(chart)
    is_box = chart.frame["from"].isna()
    assert len(boxes_of(ax)) == is_box.sum()
    assert len(links_of(ax)) == (~is_box).sum()
    shown = {" ".join(text.get_text().split()) for text in ax.texts}
    written = {" ".join(str(name).split()) for name in chart.frame["to"]}
    assert written <= shown
    assert {" ".join(text.split()) for text in chart.frame["text"] if text} <= shown
    assert set(chart.frame["level"]) <= shown


@every_picture
def test_no_words_meet_and_none_is_clipped(chart):
    figure = plots.draw(chart).figure
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in ax.texts] + list(figure.texts)
    extents = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text().strip()]
    for word, box in extents:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, (word, box.extents)
    for (one, a), (other, b) in itertools.combinations(extents, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        # 3 px: a box has empty room for the accents and descenders that most words lack
        assert wide < 3 or high < 3, (one, other)


@every_picture
def test_boxes_are_apart_and_hold_their_words(chart):
    ax = plots.draw(chart)
    ax.figure.draw_without_rendering()
    extents = [box.get_window_extent() for box in boxes_of(ax)]
    for a, b in itertools.combinations(extents, 2):
        assert not (min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0))
    rows = chart.frame[chart.frame["from"].isna()]
    names = [*rows["to"], *(mark for mark in rows["text"] if mark)]
    held = [text for text in ax.texts if " ".join(text.get_text().split()) in names]
    assert len(held) == len(names)
    for text in held:
        word = text.get_window_extent()
        # 1 px of rounding
        assert any(
            b.x0 - 1 <= word.x0 and word.x1 <= b.x1 + 1 and b.y0 - 1 <= word.y0 and word.y1 <= b.y1 + 1
            for b in extents
        ), text.get_text()


def test_columns_follow_the_levels_from_left_to_right():
    ax = plots.draw(small())
    lefts = [box.get_x() for box in boxes_of(ax)]
    assert lefts[0] < lefts[1] < lefts[2] == lefts[3]


def test_what_is_marked_has_a_broken_edge_and_no_fill():
    ax = plots.draw(small())
    *plain, marked = boxes_of(ax)
    assert marked.get_linestyle() != "-"
    assert {box.get_linestyle() for box in plain} == {"-"}
    assert marked.get_facecolor()[:3] == (1, 1, 1)


def test_a_link_with_words_is_an_arrow_and_one_without_is_a_line():
    arrow, *_ = links_of(plots.draw(small()))
    line, *_ = links_of(plots.draw(large()))
    assert type(arrow.get_arrowstyle()).__name__ == "CurveFilledB"
    assert type(line.get_arrowstyle()).__name__ == "Curve"


@pytest.mark.parametrize("chart", [small(), crossed()], ids=["small", "crossed"])
def test_the_words_of_a_link_stand_on_that_link_and_beside_an_end_of_its_own(chart):
    ax = plots.draw(chart)
    ax.figure.draw_without_rendering()
    links = chart.frame[chart.frame["from"].notna()]
    arrows = [link for link in links_of(ax) if link.get_linestyle() == "-"]
    words = [" ".join(text.get_text().split()) for text in ax.texts]
    forward = [row for row in links.to_dict("records") if (row["from"], row["to"]) not in BACK]
    assert len(arrows) == len(forward)
    middles = [tuple(text.get_position()) for text in ax.texts]
    for arrow, row in zip(arrows, forward, strict=True):
        # the line is level behind its words: two corners at one height, the words between them
        ends = arrow.get_path().vertices
        meant = [at for word, at in zip(words, middles, strict=True) if word == " ".join(row["text"].split())]
        assert any(
            abs(a[1] - y) < 1 and abs(b[1] - y) < 1 and a[0] < x < b[0]
            for x, y in meant
            for a, b in itertools.pairwise(ends)
        ), row


def test_a_picture_is_deterministic_and_grows_with_its_rows():
    first = plots.png(large())
    assert plots.png(large()) == first
    high = [int.from_bytes(plots.png(chart)[20:24], "big") for chart in (small(), large())]
    assert high[0] < high[1]
    assert plt.get_fignums() == []


def test_a_diagram_can_be_part_of_a_larger_figure():
    figure, (left, right) = plt.subplots(1, 2, figsize=(18, 5), layout="constrained")
    right.set_title("untouched")
    assert plots.draw(small(), left) is left
    assert left.get_title(loc="left") == "A claim"
    assert right.get_title() == "untouched"
    figure.draw_without_rendering()


def test_hostile_names_are_shown_literally():
    names = ["$\\frac{a}$", "_hidden", "<script>", "$5", "%s {0}"]
    chart = make([(name, "$x^2$", "") for name in names], [(names[0], names[1], "$y$")])
    ax = plots.draw(chart)
    ax.figure.draw_without_rendering()
    shown = {text.get_text() for text in ax.texts}
    assert {*names, "$x^2$", "$y$"} <= shown
    assert not any(text.get_parse_math() for text in ax.texts)


def test_alt_text_by_hand():
    assert small().alt_text() == (
        "A claim. Diagram from left to right. lever: train; behaviour: stay; metric: profit, nps [no lever]. "
        "Links: train to stay [0.2 (0.1 to 0.3)]; stay to profit [3 (2 to 4)]."
    )
    assert make([("alone", "goal", None)], []).alt_text() == (
        "A claim. Diagram from left to right. goal: alone. Links: none."
    )


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (make([("a", "l", ""), ("a", "l", "")], []), "the box 'a' of the diagram is given twice"),
        (make([("a", "l", "")], [("a", "b", "")]), "links 'a' to 'b', but 'b' has no box"),
        (make([], [("a", "b", "")]), "links 'a' to 'b', but 'a' has no box"),
    ],
)
def test_what_cannot_be_drawn_is_refused(chart, message):
    with pytest.raises(DataError, match=message):
        plots.draw(chart)
    assert plt.get_fignums() == []


def test_a_diagram_needs_words_levels_and_rows():
    with pytest.raises(OptionError, match="a diagram needs the columns of its words and its levels"):
        small(value=None)
    with pytest.raises(OptionError, match="a diagram needs"):
        small(group=None)
    with pytest.raises(ColumnError, match="no column of the chart named 'words'"):
        small(value="words")
    with pytest.raises(DesignError, match="no rows to draw"):
        small(frame=small().frame.head(0))


# --- the arithmetic of columns ---------------------------------------------------------------------------


def test_a_chain_within_a_level_takes_several_columns():
    levels = {"a": "1", "b": "2", "c": "2", "d": "2", "e": "3"}
    found = columns_of(levels, [("a", "c"), ("b", "c"), ("c", "d"), ("a", "e")])
    assert found == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}


def test_links_that_need_not_cross_do_not():
    levels = {"a": "1", "b": "1", "c": "1", "x": "2", "y": "2", "z": "2"}
    links = [("a", "z"), ("b", "y"), ("c", "x")]
    by_column, _ = chains(columns_of(levels, links), dict.fromkeys(levels, 10.0), links)
    settle(by_column)
    place = {p.name: p.y for column in by_column for p in column}
    for (a, b), (c, d) in itertools.combinations(links, 2):
        assert (place[a] - place[c]) * (place[b] - place[d]) > 0


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=9),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=14, unique=True),
)
def test_any_graph_is_laid_out_without_overlap(kinds, pairs):
    levels = {str(k): level for k, level in enumerate(sorted(kinds))}
    links = [(str(a), str(b)) for a, b in pairs if max(a, b) < len(levels)]
    columns = columns_of(levels, links)
    assert sorted(columns) == sorted(levels)
    ranks = {level: {columns[n] for n in levels if levels[n] == level} for level in levels.values()}
    for (_, one), (_, other) in itertools.pairwise(ranks.items()):
        assert max(one) < min(other)
    forward = [(a, b) for a, b in links if columns[a] < columns[b]]
    heights = {name: 10.0 + int(name) for name in levels}
    by_column, ways = chains(columns, heights, forward)
    tall = settle(by_column)
    for column in by_column:
        ordered = sorted(column, key=lambda place: place.y)
        for above, below in itertools.pairwise(ordered):
            # 1e-6: sums of a few dozen numbers below 1,000 in double precision
            assert below.y - above.y >= (above.height + below.height) / 2 - 1e-6
        for place in column:
            assert place.y - place.height / 2 >= -1e-6
            assert place.y + place.height / 2 <= tall + 1e-6
    for (a, b), way in zip(forward, ways, strict=True):
        assert [place.column for place in way] == list(range(columns[a], columns[b] + 1))
        assert (way[0].name, way[-1].name) == (a, b)

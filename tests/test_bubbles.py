"""Bubble charts: areas carry the numbers, shapes tell groups apart, and no word or mark is cut off."""

from __future__ import annotations

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.legend import Legend

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, OptionError
from cemlab.present import plots, theme
from tests.test_plots import CLAIM, HOSTILE, LONG, NOTE, contrast, make, words


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def grid(across: int, up: int, groups: tuple[str, ...] = ("protect", "grow"), **fields: object) -> Chart:
    """A chart on a grid: sizes from 1 upwards, groups by turns."""
    ends = ["0", *(f"{10**k:,} to {10 ** (k + 1) - 1:,}" for k in range(12))]
    rows = [
        (ends[i], f"about {ends[j]}", groups[(i + j) % len(groups)]) for i in range(across) for j in range(up)
    ]
    frame = pd.DataFrame(rows, columns=["x", "y", "g"])
    frame["x"] = pd.Categorical(frame["x"], categories=ends, ordered=True)
    frame["y"] = pd.Categorical(frame["y"], categories=[f"about {end}" for end in ends], ordered=True)
    frame["customers"] = (np.arange(len(frame)) * 37) % 900 + 1
    return make("bubble", frame, size="customers", group="g", **fields)


def numbers(**fields: object) -> Chart:
    frame = pd.DataFrame(
        {"x": [10.0, 100.0, 5000.0, 60.0], "y": [1.0, 30.0, 9.0, 2.0], "n": [5, 80, 20, 0], "g": list("abab")}
    )
    return make("bubble", frame, size="n", **{"group": "g", **fields})


GALLERY = {
    "small grid": grid(3, 3),
    "large grid": grid(11, 10, tuple("abcde"), claim=CLAIM, note=NOTE),
    "long names": grid(4, 4, tuple(f"{LONG} {k}" for k in "abcdefgh"), x_label=LONG, y_label=LONG),
    "numbers": numbers(),
    "ratios": numbers(log=True, claim=CLAIM, note=NOTE * 2),
    "one mark": grid(1, 1, ("a",)),
    "no groups": numbers(group=None),
}

every_picture = pytest.mark.parametrize("chart", GALLERY.values(), ids=GALLERY.keys())


def marks(ax: plt.Axes) -> list[PathCollection]:
    return [one for one in ax.collections if isinstance(one, PathCollection)]


def boxes(ax: plt.Axes) -> list[np.ndarray]:
    """Left, bottom, right and top of every mark, in pixels."""
    found = []
    for one in marks(ax):
        at = one.get_offset_transform().transform(one.get_offsets())
        for place, shape in zip(at, one.get_transforms(), strict=True):
            corners = one.get_paths()[0].vertices @ shape[:2, :2].T + place
            found.append(np.array([*corners.min(axis=0), *corners.max(axis=0)]))
    return found


def area(one: PathCollection) -> np.ndarray:
    """The true area of each mark, from the polygon that is drawn."""
    corners = one.get_paths()[0].to_polygons()[0]
    x, y = np.asarray(corners).T
    unit = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    return np.array([unit * np.linalg.det(shape[:2, :2]) for shape in one.get_transforms()])


# --- the marks carry the data -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small grid", "large grid", "long names", "numbers", "ratios"])
def test_areas_are_proportional_whatever_the_shape(name):
    chart = GALLERY[name]
    ax = plots.draw(chart)
    per_unit = []
    for one, (_, rows) in zip(marks(ax), chart.series(), strict=True):
        shown = rows[rows[chart.size] > 0].sort_values(chart.size, ascending=False, kind="stable")
        per_unit.append(area(one) / shown[chart.size])
    every = np.concatenate(per_unit)
    # 1 %: a circle is drawn as a polygon of curves cut into pieces
    np.testing.assert_allclose(every, every[0], rtol=0.01)


def test_marks_stand_at_their_classes_in_the_order_of_the_categories():
    chart = grid(3, 2)
    chart.frame.sort_values("customers", inplace=True)  # the order of rows does not matter
    ax = plots.draw(chart)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0", "1 to 9", "10 to 99"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["about 0", "about 1 to 9"]
    for one, (_, rows) in zip(marks(ax), chart.series(), strict=True):
        found = {tuple(place) for place in one.get_offsets().tolist()}
        assert found == {*zip(rows["x"].cat.codes, rows["y"].cat.codes, strict=True)}


def test_marks_stand_at_their_numbers_and_nothing_has_no_mark():
    ax = plots.draw(numbers(log=True))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    places = [one.get_offsets().tolist() for one in marks(ax)]
    assert places == [[[5000.0, 9.0], [10.0, 1.0]], [[100.0, 30.0]]]  # the larger first, 0 not at all


def test_text_without_categories_keeps_the_order_of_the_frame():
    frame = pd.DataFrame({"x": ["low", "high"], "y": [1.0, 2.0], "n": [3, 4]})
    ax = plots.draw(make("bubble", frame, size="n"))
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["low", "high"]


@every_picture
def test_no_mark_leaves_the_axes_and_none_meets_another_on_a_grid(chart):
    ax = plots.draw(chart)
    ax.figure.draw_without_rendering()
    left, bottom, right, top = ax.bbox.extents
    for box in boxes(ax):
        # 2 px: half the line around a mark
        assert box[0] >= left - 2, chart
        assert box[1] >= bottom - 2
        assert box[2] <= right + 2
        assert box[3] <= top + 2
    if isinstance(chart.frame["x"].dtype, pd.CategoricalDtype):
        for a, b in itertools.combinations(boxes(ax), 2):
            assert min(a[2], b[2]) - max(a[0], b[0]) < 1 or min(a[3], b[3]) - max(a[1], b[1]) < 1


# --- words ------------------------------------------------------------------------------------------------


@every_picture
def test_all_words_are_whole_and_apart(chart):
    figure = plots.draw(chart).figure
    figure.draw_without_rendering()
    extents = [(text.get_text(), text.get_window_extent()) for text in words(figure)]
    for word, box in extents:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, (word, box.extents, figure.bbox.extents)
    for (one, a), (other, b) in itertools.combinations(extents, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        # 3 px: a box has empty room for the accents and descenders that most words lack
        assert wide < 3 or high < 3, (one, other)


def test_a_number_stands_inside_its_mark():
    ax = plots.draw(grid(4, 4, ("a", "b", "c", "d")))
    ax.figure.draw_without_rendering()
    numbered = [text for text in ax.texts if text.get_text()]
    assert len(numbered) >= 4
    for text in numbered:
        word = text.get_window_extent()
        assert any(
            box[0] <= word.x0 and word.x1 <= box[2] and box[1] <= word.y0 and word.y1 <= box[3]
            for box in boxes(ax)
        ), text.get_text()


def test_numbers_can_be_read_in_every_colour():
    for style in theme.styles(8, column="g"):
        # what shows through: 42 % of the colour on white
        pale = tuple(1 - 0.42 * (1 - part) for part in to_rgb(style.colour))
        assert contrast(to_rgb(theme.INK), pale) > 4.5


def test_the_key_shows_round_sizes_at_the_scale_of_the_marks():
    chart = grid(3, 3)
    ax = plots.draw(chart)
    ax.figure.draw_without_rendering()  # only now do the marks know how many pixels a point has
    keys = [
        child for child in ax.get_children() if isinstance(child, Legend) and child is not ax.get_legend()
    ]
    (key,) = keys
    assert key.get_title().get_text() == "customers"
    shown = [int(text.get_text().replace(",", "")) for text in key.get_texts()]
    most = chart.frame["customers"].max()
    assert shown == sorted(shown)
    assert shown[-1] <= most
    largest = math.sqrt(max(area(one).max() for one in marks(ax)) * 4 / math.pi) * 72 / ax.figure.dpi
    for circle, value in zip(key.legend_handles, shown, strict=True):
        # 1 %: as above, the area is that of a polygon
        assert circle.get_markersize() == pytest.approx(largest * math.sqrt(value / most), rel=0.01)


def test_within_a_larger_figure_the_axis_says_what_the_areas_are():
    figure, axes = plt.subplots(1, 2, figsize=(16, 6))
    chart = grid(3, 3)
    plots.draw(chart, axes[0])
    assert "area: customers, the largest 297" in axes[0].get_xlabel().replace("\n", " ")
    assert figure.axes == [*axes]


def test_groups_differ_in_shape_and_lightness_as_well_as_colour():
    ax = plots.draw(grid(3, 3, tuple("abcd")))
    shapes = {one.get_paths()[0].vertices.tobytes() for one in marks(ax)}
    assert len(shapes) == 4
    markers = {handle.get_marker() for handle in ax.get_legend().legend_handles}
    assert len(markers) == 4


def test_hostile_text_is_shown_literally():
    frame = pd.DataFrame({"x": HOSTILE, "y": HOSTILE, "n": range(1, 7), "g": ["_a $x_1$", "$\\bad{"] * 3})
    chart = make(
        "bubble", frame, size="n", group="g", claim="$a_b^c$", note="$n$", x_label="$x$", y_label="$y$"
    )
    figure = plots.draw(chart).figure
    figure.draw_without_rendering()
    shown = {"".join(text.get_text().split()) for text in words(figure)}
    assert {"".join(text.split()) for text in HOSTILE} <= shown
    assert {"_a$x_1$", "$\\bad{", "$a_b^c$", "$n$", "$x$", "$y$"} <= shown


def test_the_same_chart_gives_the_same_picture():
    assert plots.png(grid(3, 3)) == plots.png(grid(3, 3))


def test_alt_text_by_hand():
    frame = pd.DataFrame(
        {"x": ["0", "1 to 9", "0"], "y": ["low", "low", "high"], "n": [12, 1300, 7], "g": ["a", "b", "a"]}
    )
    chart = make("bubble", frame, size="n", group="g", x_label="Margin [EUR]", y_label="Potential")
    assert chart.alt_text() == (
        "A claim. Bubbles whose area is n, by Margin [EUR] (across) and Potential (up): a: 2 with 19 in all, "
        "the largest 12 at 0 and low; b: 1 with 1,300 in all, the largest 1,300 at 1 to 9 and low."
    )


# --- refusals ---------------------------------------------------------------------------------------------


def test_charts_without_a_size_are_refused():
    frame = numbers().frame
    with pytest.raises(OptionError, match="a bubble chart needs the column that the areas stand for: size="):
        make("bubble", frame)
    with pytest.raises(ColumnError, match="no column of the chart named 'nn'"):
        make("bubble", frame, size="nn")


@pytest.mark.parametrize(
    ("fields", "change", "message"),
    [
        ({}, {"n": [1, -2, 3, 4]}, r"'n' of the chart has 1 negative value\(s\); no area shows them"),
        ({}, {"n": ["a", "b", "c", "d"]}, "holds values that are not numbers"),
        ({"log": True}, {"x": [0.0, 1.0, 2.0, 3.0]}, "'x' has values that are not positive"),
        ({"log": True}, {"y": [-1.0, 1.0, 2.0, 3.0]}, "'y' has values that are not positive"),
        ({}, {"x": ["a"] * 4, "y": ["b"] * 4}, r"the place \('a', 'b'\) of the bubble chart is given twice"),
    ],
)
def test_what_cannot_be_drawn_is_refused(fields, change, message):
    chart = numbers(**fields)
    broken = make("bubble", chart.frame.assign(**change), size="n", group="g", **fields)
    with pytest.raises(DataError, match=message):
        plots.draw(broken)
    assert plt.get_fignums() == []

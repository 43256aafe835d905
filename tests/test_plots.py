"""The pictures: their artists carry the data, their words are literal and whole, nothing leaks."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from cemlab.chart import Chart
from cemlab.errors import DataError, OptionError
from cemlab.present import plots, theme

CLAIM = (
    "Customers on a month-to-month contract leave far sooner than those with yearly contracts, "
    "and most of the gap opens in year one"
)
NOTE = "95 % intervals. Design grade: association. 7,032 of 7,043 customers used (11 left out). " * 2
LONG = "Customers who pay by electronic cheque rather than by bank transfer or credit card, group"


@pytest.fixture(autouse=True)
def _no_figures_left():
    before = plt.get_fignums()
    yield
    plt.close("all")
    assert before == []


def make(kind: str, frame: pd.DataFrame, **fields: object) -> Chart:
    common: dict = {
        "x": "x", "y": "y", "x_label": "Months since the start", "y_label": "Share still there",
        "claim": "A claim", "grade": "descriptive", "note": "All 12 customers used.",
    }  # fmt: skip
    return Chart(**{"kind": kind, "frame": frame, **common, **fields})


def estimates(names: list[str], groups: list[str]) -> pd.DataFrame:
    rows = [
        (name, group, value, value - 0.01 * (at + 1), value + 0.02)
        for at, (name, group) in enumerate(itertools.product(names, groups))
        for value in (0.2 + 0.03 * at,)
    ]
    return pd.DataFrame(rows, columns=["x", "g", "y", "low", "high"])


def curves(groups: list[str], months: int = 6) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"g": g, "x": range(months), "y": [0.9 ** ((k + 1) * t / 3) for t in range(months)]})
        for k, g in enumerate(groups)
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(low=frame["y"] * 0.9, high=frame["y"] * 1.05)


INTERVAL = {"low": "low", "high": "high"}


def curve_chart(kind: str = "step", groups: tuple[str, ...] = ("a", "b"), **fields: object) -> Chart:
    return make(kind, curves(list(groups)), group="g", percent=True, **INTERVAL, **fields)


def bar_chart(names: list[str], groups: list[str], **fields: object) -> Chart:
    group = "g" if len(groups) > 1 else None
    return make("bar", estimates(names, groups), **{"group": group, "percent": True, **INTERVAL, **fields})


def forest_chart(terms: list[str], **fields: object) -> Chart:
    n = len(terms)
    frame = pd.DataFrame({"y": terms, "x": np.linspace(0.5, 2, n)})
    frame = frame.assign(low=frame["x"] * 0.8, high=frame["x"] * 1.25)
    return make("forest", frame, **{"log": True, "reference": 1.0, **INTERVAL, **fields})


def heat_chart(rows: list[str], columns: list[str], **fields: object) -> Chart:
    cells = [(r, c, 0.1 * i) for i, (r, c) in enumerate(itertools.product(rows, columns))]
    frame = pd.DataFrame(cells, columns=["y", "x", "v"])
    return make("heatmap", frame, value="v", **{"percent": True, **fields})


def histogram(**fields: object) -> Chart:
    return make("histogram", pd.DataFrame({"x": [1, 2, 3, 4], "y": [40, 20, 10, 5]}), **fields)


def scatter(**fields: object) -> Chart:
    frame = pd.DataFrame({"x": [1.0, 2.5, 4.0], "y": [0.2, 0.7, 0.4], "g": ["a", "b", "a"]})
    return make("scatter", frame, group="g", percent=True, **fields)


GALLERY = {
    "step": curve_chart(),
    "line": curve_chart("line"),
    "one curve": make("step", curves(["a"]), percent=True, **INTERVAL),
    "eight curves": curve_chart(groups=tuple(f"{LONG} {k}" for k in "abcdefgh"), claim=CLAIM, note=NOTE),
    "bars": bar_chart(["Platinum", "Gold", "Silver"], ["Observed", "Expected under no change"]),
    "one bar": bar_chart(["Platinum"], ["Observed"]),
    "eight bars": bar_chart(["Platinum", "Gold", "Silver", "Bronze"], list("abcdefgh"), claim=CLAIM),
    "long bars": bar_chart([f"{LONG} {k}" for k in "abcdefghij"], ["a", "b"], claim=CLAIM * 4, note=NOTE),
    "forest": forest_chart(["age", "price", "plan"]),
    "long forest": forest_chart([f"{LONG} {k}" for k in "abcdefghi"], claim=CLAIM, note=NOTE),
    "heat map": heat_chart(["Gold", "Silver"], ["Gold", "Silver", "none"]),
    "long heat map": heat_chart([f"{LONG} {k}" for k in "abcdefghi"], [LONG, "b", "c"], claim=CLAIM),
    "large heat map": heat_chart([f"2010-{k}" for k in range(12)], [str(k) for k in range(30)]),
    "histogram": histogram(claim=CLAIM, x_label=LONG * 2, y_label=LONG * 2),
    "scatter": scatter(note=NOTE * 3),
    "one long word": bar_chart(["x" * 200, "y" * 60], ["a" * 150, "b"], claim="z" * 300),
}

every_picture = pytest.mark.parametrize("chart", GALLERY.values(), ids=GALLERY.keys())


def words(figure: Figure) -> list[Text]:
    """All texts that are seen; matplotlib keeps ticks beyond the limits, but does not draw them."""
    unseen = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            edge = 1e-9 * (high - low)  # a tick on the limit is drawn in spite of rounding
            for tick in axis.get_major_ticks():
                if not low - edge <= tick.get_loc() <= high + edge:
                    unseen |= {tick.label1, tick.label2}
    texts = (text for text in figure.findobj(Text) if text.get_visible() and text not in unseen)
    return [text for text in texts if text.get_text().strip()]


def segments(ax: plt.Axes) -> list[np.ndarray]:
    """The whiskers of each series that are known, as (n, 2 ends, 2 coordinates)."""
    collections = [c for c in ax.collections if isinstance(c, LineCollection)]
    return [np.array([part for part in c.get_segments() if len(part)]) for c in collections]


# --- the artists carry the data ------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "style"), [("step", "steps-post"), ("line", "default")])
def test_curves_carry_their_data(kind, style):
    chart = curve_chart(kind)
    ax = plots.draw(chart)
    drawn = [line for line in ax.lines if line.get_drawstyle() == style]
    for line, (_, rows) in zip(drawn, chart.series(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), rows["x"])
        np.testing.assert_array_equal(line.get_ydata(), rows["y"])
    bands = [c for c in ax.collections if isinstance(c, PolyCollection)]
    for band, (_, rows) in zip(bands, chart.series(), strict=True):
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        assert {*zip(rows["x"], rows["low"], strict=True)} <= corners
        assert {*zip(rows["x"], rows["high"], strict=True)} <= corners


def test_bars_carry_values_and_intervals():
    chart = bar_chart(["Gold", "Silver"], ["Observed", "Expected"])
    ax = plots.draw(chart)
    bars = [c for c in ax.containers if isinstance(c, BarContainer)]
    for container, whisker, (_, rows) in zip(bars, segments(ax), chart.series(), strict=True):
        # 1e-12: a bar keeps its height, from which the value is a sum
        np.testing.assert_allclose([bar.get_height() for bar in container], rows["y"], rtol=1e-12)
        np.testing.assert_array_equal(whisker[:, 0, 1], rows["low"])
        np.testing.assert_array_equal(whisker[:, 1, 1], rows["high"])
        centres = [bar.get_x() + bar.get_width() / 2 for bar in container]
        np.testing.assert_allclose(whisker[:, 0, 0], centres, rtol=1e-12, atol=1e-12)
    assert [text.get_text() for text in ax.texts] == ["20.0 %", "26.0 %", "23.0 %", "29.0 %"]
    assert [container.patches[0].get_hatch() for container in bars] == ["", "////"]


def test_grouped_bars_stand_side_by_side():
    ax = plots.draw(bar_chart(["Gold", "Silver"], ["a", "b", "c"]))
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    # 1e-9 of a category: neighbours touch, up to rounding
    assert all(left[1] <= right[0] + 1e-9 for left, right in itertools.pairwise(spans))


def test_bars_lie_where_names_are_long():
    names = [f"{LONG} {k}" for k in "abcdefghij"]
    chart = bar_chart(names, ["a", "b"])
    ax = plots.draw(chart)
    assert ax.yaxis_inverted()
    assert [tick.get_text().replace("\n", " ") for tick in ax.get_yticklabels()] == names
    np.testing.assert_allclose([bar.get_width() for bar in ax.containers[0]], chart.series()[0][1]["y"])
    np.testing.assert_array_equal(segments(ax)[0][:, 1, 0], chart.series()[0][1]["high"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Share still there", "Months since the start")


@pytest.mark.parametrize("name", ["bars", "one bar", "eight bars", "long bars"])
def test_no_value_stands_on_its_own_whisker(name):
    ax = plots.draw(GALLERY[name])
    ax.figure.draw_without_rendering()
    ends = [ax.transData.transform(ends) for whisker in segments(ax) for ends in whisker]
    assert ax.texts
    for text, line in zip(ax.texts, ends, strict=True):
        box = text.get_window_extent()
        along = 0 if name == "long bars" else 1
        assert box.min[along] > line[:, along].max()


def test_values_of_negative_bars_stand_below():
    frame = pd.DataFrame({"x": ["a", "b"], "y": [-0.2, 0.1], "low": [-0.3, 0.05], "high": [-0.1, 0.15]})
    ax = plots.draw(make("bar", frame, percent=True, **INTERVAL))
    below, above = ax.texts
    assert (below.get_text(), below.xy[1], below.get_va()) == ("-20.0 %", -0.3, "top")
    assert (above.get_text(), above.xy[1], above.get_va()) == ("10.0 %", 0.15, "bottom")
    low, high = ax.get_ylim()
    assert low < -0.3
    assert high > 0.15


def test_what_cannot_be_estimated_is_said():
    frame = pd.DataFrame({"x": ["a", "b"], "y": [0.2, None], "low": [0.1, None], "high": [0.3, None]})
    ax = plots.draw(make("bar", frame, percent=True, **INTERVAL))
    assert [text.get_text() for text in ax.texts] == ["20.0 %", "not\nestimable"]


def test_a_forest_carries_estimates_and_intervals():
    frame = pd.DataFrame(
        {"y": ["age", "price"], "x": [0.5, 1.004], "low": [0.4, 1.001], "high": [0.625, 1.007]}
    )
    ax = plots.draw(make("forest", frame, log=True, reference=1.0, **INTERVAL))
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(points.get_xdata(), frame["x"])
    (whiskers,) = segments(ax)
    np.testing.assert_array_equal(whiskers[:, :, 0], frame[["low", "high"]])
    # three decimals in the second row: with two, its interval would seem to include 1
    assert [t.get_text() for t in ax.texts] == ["0.50 (0.40 to 0.62)", "1.004 (1.001 to 1.007)"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["age", "price"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first term on top
    assert any(list(line.get_xdata()) == [1.0, 1.0] for line in ax.lines)
    assert ax.get_xscale() == "log"


def test_beside_wide_intervals_decimals_are_left_out_but_for_what_is_exact():
    frame = pd.DataFrame(
        {
            "y": ["income", "lost", "net"],
            "x": [29.96, -293.29, -263.33],
            "low": [29.96, -430.28, -400.31],
            "high": [29.96, -156.69, -126.72],
        }
    )
    ax = plots.draw(make("forest", frame, **INTERVAL))
    assert [t.get_text() for t in ax.texts] == [
        "29.96 (29.96 to 29.96)",
        "-293 (-430 to -157)",
        "-263 (-400 to -127)",
    ]
    # an end that misses nought is not written as nought, and rounding makes no narrow interval
    near = frame.assign(x=[1.0, 12.4, 500], low=[1.0, 0.4, 100], high=[1.0 + 1e-14, 24.4, 900])
    near.loc[3] = ["nobody", 0.0, 0.0, 0.0]
    ax = plots.draw(make("forest", near, **INTERVAL))
    assert [t.get_text() for t in ax.texts] == [
        "1.00 (1.00 to 1.00)",
        "12.4 (0.4 to 24.4)",
        "500 (100 to 900)",
        "0 (0 to 0)",
    ]


def test_a_value_that_may_be_zero_has_the_decimals_of_its_neighbours():
    frame = pd.DataFrame(
        {
            "y": ["economy", "offers", "settled"],
            "x": [4.79, -0.0151, 0.0151],
            "low": [2.05, -0.311, 0.0123],
            "high": [7.52, 0.281, 0.0179],
        }
    )
    ax = plots.draw(make("forest", frame, **INTERVAL))
    assert [t.get_text() for t in ax.texts] == [
        "4.79 (2.05 to 7.52)",
        "-0.02 (-0.31 to 0.28)",
        "0.015 (0.012 to 0.018)",
    ]


def test_a_ratio_axis_has_plain_numbers():
    ax = plots.draw(forest_chart(["age", "price", "plan"]))
    ax.figure.draw_without_rendering()
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.5", "1", "2"]


def test_an_endless_interval_leaves_the_picture_in_an_arrow():
    frame = pd.DataFrame(
        [("a", 1.0, 0.8, 1.3), ("b", 2.0, 0.0, math.inf), ("c", math.nan, math.nan, math.nan)],
        columns=["y", "x", "low", "high"],
    )
    ax = plots.draw(make("forest", frame, log=True, reference=1.0, **INTERVAL))
    left, right = ax.get_xlim()
    np.testing.assert_array_equal(segments(ax)[0][1][:, 0], [left, right])
    assert {"<", ">"} <= {line.get_marker() for line in ax.lines}
    assert [t.get_text() for t in ax.texts] == ["1.00 (0.80 to 1.30)", "2.00 (0.00 to ∞)", "not estimable"]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([-0.86741, 1.02, 0.024], ["-0.87", "1.02", "0.02"]),
        ([12.34, 1.25, -3.0], ["12.3", "1.2", "-3.0"]),
        ([123.4, 1.6, 0.0], ["123", "2", "0"]),
        ([1234.5, 1.6, 0.0], ["1,234", "1.6", "0"]),
    ],
)
def test_the_numbers_of_a_heat_map_share_their_decimals(values, written):
    frame = pd.DataFrame({"y": ["a", "b", "c"], "x": "k", "v": values})
    ax = plots.draw(make("heatmap", frame, value="v"))
    assert [text.get_text() for text in ax.texts] == written


def test_a_heat_map_keeps_the_order_and_writes_its_cells():
    frame = pd.DataFrame(
        {"y": ["Silver", "Silver", "Gold"], "x": ["out", "in", "in"], "v": [0.25, 0.004, 1.0]}
    )
    ax = plots.draw(make("heatmap", frame, value="v", percent=True))
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    expected = np.ma.masked_invalid([[0.25, 0.004], [math.nan, 1.0]])
    np.testing.assert_array_equal(mesh.get_array(), expected)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["Silver", "Gold"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["out", "in"]
    assert ax.yaxis_inverted()
    at = {text.get_position(): text.get_text() for text in ax.texts if text.get_text()}
    assert at == {(0.5, 0.5): "25.0 %", (1.5, 0.5): "0.40 %", (1.5, 1.5): "100.0 %"}


def test_numbers_in_cells_can_be_read():
    ax = plots.draw(heat_chart(["a", "b", "c"], ["d", "e", "f"]))
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    for text, face in zip(ax.texts, mesh.get_facecolor(), strict=True):
        # the better of dark ink (luminance 0.016) and white contrasts by sqrt(1.05 / 0.066) = 3.99 or more
        assert contrast(to_rgb(text.get_color()), tuple(face[:3])) > 3.9


def test_a_histogram_carries_its_bins():
    ax = plots.draw(histogram())
    (steps,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    counts, edges, base = steps.get_data()
    assert (list(counts), list(edges), base) == ([40, 20, 10, 5], [1, 2, 3, 4, 5], 0)
    # each whole number is marked in the middle of its bin
    assert list(ax.get_xticks()) == [1.5, 2.5, 3.5, 4.5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "3", "4"]


def test_a_scatter_carries_its_points():
    ax = plots.draw(scatter())
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1.0, 0.2], [4.0, 0.4]])
    np.testing.assert_array_equal(ax.collections[1].get_offsets(), [[2.5, 0.7]])


def test_days_and_months_lie_on_an_axis_of_time():
    days = pd.date_range("2010-12-01", periods=4, freq="MS")
    for x in (days, days.to_period("M")):
        frame = pd.DataFrame({"x": x, "y": [1.0, 2.0, 3.0, 4.0], "g": ["a"] * 4})
        ax = plots.draw(make("line", frame))
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), days.to_numpy())


# --- words ---------------------------------------------------------------------------------------------


@every_picture
def test_all_words_are_whole_and_apart(chart):
    figure = plots.draw(chart).figure
    figure.draw_without_rendering()
    joined = ["".join(text.get_text().split()) for text in figure.texts]
    assert joined == ["".join(chart.claim.split()), "".join(chart.note.split())]
    boxes = [(text.get_text(), text.get_window_extent()) for text in words(figure)]
    for word, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, (word, box.extents, figure.bbox.extents)
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        # 3 px: a box has empty room for the accents and descenders that most words lack
        assert wide < 3 or high < 3, (one, other)


HOSTILE = ["$\\frac{a}$", "_hidden", "<script>alert(1)</script>", "| ](javascript:x)", "$5", "%s {0} \\n"]


def test_hostile_text_is_shown_literally():
    charts = [
        bar_chart(
            HOSTILE, ["_a $x_1$", "$\\bad{"], claim="$a_b^c$", note="$n$", x_label="$x$", y_label="$y$"
        ),
        forest_chart(HOSTILE, x_label="$x^2$"),
        heat_chart(HOSTILE, HOSTILE),
        curve_chart(groups=("_a", "$b$ $")),
    ]
    for chart in charts:
        figure = plots.draw(chart).figure
        figure.draw_without_rendering()
        risky = [text for text in words(figure) if set(text.get_text()) & set("$_^\\{")]
        assert not any(text.get_parse_math() or text.get_usetex() for text in risky)
        shown = {text.get_text().replace("\n", " ") for text in words(figure)}
        columns = [chart.group] if chart.kind == "step" else [chart.y if chart.kind == "forest" else chart.x]
        assert {name for column in columns for name in chart.frame[column]} <= shown
    legend = plots.draw(charts[0]).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["_a $x_1$", "$\\bad{"]


def test_lines_are_named_at_their_ends_in_readable_ink():
    ax = plots.draw(curve_chart())
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert ax.get_legend() is None
    assert [text.xy[1] for text in ax.texts] == [rows["y"].iloc[-1] for _, rows in GALLERY["step"].series()]


def test_crowded_or_uneven_ends_get_a_legend():
    crowded = pd.concat([curves(["a"]).assign(g=name) for name in "abcdef"])
    short = curves(["a", "b"]).query("g == 'a' or x < 3")
    for frame in (crowded, short):
        ax = plots.draw(make("step", frame, group="g", percent=True, **INTERVAL))
        assert not ax.texts
        assert [text.get_text() for text in ax.get_legend().get_texts()] == list(dict.fromkeys(frame["g"]))


@pytest.mark.parametrize(
    ("values", "ticks"),
    [([0, 0.2, 0.4], ["0 %", "20 %", "40 %"]), ([0, 0.0005, 0.001], ["0.00 %", "0.05 %", "0.10 %"])],
)
def test_percentages_on_an_axis(values, ticks):
    assert plots.scales.Plain(percent=True).format_ticks(values) == ticks


def test_shares_are_shown_against_the_whole():
    assert plots.draw(curve_chart()).get_ylim()[0] == 0
    frame = curves(["a"])
    tiny = frame.assign(y=frame["y"] / 500, low=frame["low"] / 500, high=frame["high"] / 500)
    assert plots.draw(make("step", tiny, percent=True, **INTERVAL)).get_ylim()[1] < 0.003


# --- nothing leaks -------------------------------------------------------------------------------------


@every_picture
def test_a_png_is_deterministic_and_leaves_nothing_behind(chart):
    settings, frame = dict(mpl.rcParams), chart.frame.copy(deep=True)
    first = plots.png(chart)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "text.usetex": True, "savefig.dpi": 20}):
        assert plots.png(chart) == first
    assert dict(mpl.rcParams) == settings
    assert plt.get_fignums() == []
    pd.testing.assert_frame_equal(chart.frame, frame)
    assert b"Software" not in first
    # 8 inches at 200 dots; the height only grows
    assert int.from_bytes(first[16:20], "big") == 1600
    assert int.from_bytes(first[20:24], "big") >= 900


def test_drawing_makes_one_pyplot_figure_and_changes_no_setting():
    settings = dict(mpl.rcParams)
    ax = plots.draw(curve_chart())
    assert plt.get_fignums() == [ax.figure.number]
    assert dict(mpl.rcParams) == settings


def test_drawing_on_given_axes_leaves_the_rest_of_the_figure():
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    right.set_title("untouched")
    for name, chart in GALLERY.items():
        if name == "large heat map":  # its colour scale is one more axes
            continue
        left.clear()
        assert plots.draw(chart, left) is left
        assert "".join(left.get_title(loc="left").split()) == "".join(chart.claim.split())
    assert figure.axes == [left, right]
    assert right.get_title() == "untouched"
    assert not figure.texts
    assert plt.get_fignums() == [figure.number]


def test_on_given_axes_words_are_literal_too():
    figure, ax = plt.subplots(layout="constrained")
    plots.draw(
        bar_chart(["$a$", "b"], ["$c$", "d"], claim="$e$", note="$f$", x_label="$g$", y_label="$h$"), ax
    )
    figure.draw_without_rendering()
    dollars = [text for text in words(figure) if "$" in text.get_text()]
    assert {text.get_text() for text in dollars} == {"$a$", "$c$", "$e$", "$f$", "$g$", "$h$"}
    assert not any(text.get_parse_math() for text in dollars)


# --- any table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("string", "Float64"),
        ("category", "float32"),
        ("string[pyarrow]", "double[pyarrow]"),
        (object, object),
    ],
)
@pytest.mark.parametrize("name", ["step", "bars", "forest", "heat map", "scatter"])
def test_columns_of_any_dtype(name, text, real):
    chart = GALLERY[name]
    dtypes = {
        column: real if pd.api.types.is_float_dtype(chart.frame[column]) else text
        for column in chart.frame.columns
        if not pd.api.types.is_integer_dtype(chart.frame[column])
    }
    fields = {field: getattr(chart, field) for field in chart.__dataclass_fields__}
    recast = Chart(**{**fields, "frame": chart.frame.astype(dtypes)})
    drawn, expected = plots.draw(recast), plots.draw(chart)
    assert [t.get_text() for t in words(drawn.figure)] == [t.get_text() for t in words(expected.figure)]


def test_a_missing_group_is_named_and_drawn():
    frame = curves(["a", "b"]).replace({"g": {"b": None}})
    ax = plots.draw(make("step", frame, group="g", percent=True, **INTERVAL))
    assert [text.get_text() for text in ax.texts] == ["a", "missing"]


def test_nine_groups_are_too_many():
    with pytest.raises(OptionError, match=r"column 'g' has 9 groups; a picture tells at most 8 apart"):
        plots.draw(curve_chart(groups=tuple("abcdefghi")))
    assert plt.get_fignums() == []


NOT_POSITIVE = pd.DataFrame({"x": [0.0], "y": ["a"], "low": [0.0], "high": [1.0]})


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (make("line", pd.DataFrame({"x": [1, 2], "y": ["many", "few"]})), "'y' of the chart holds values"),
        (make("bar", estimates(["a", "a"], ["b"]), **INTERVAL), "'a' stands twice in the column 'x'"),
        (heat_chart(["a", "a"], ["b"]), "the cell 'a', 'b' of the heat map is given twice"),
        (heat_chart(["a", "b"], ["c"], group="y"), "a heat map shows one group, but 'y' has 2"),
        (make("forest", NOT_POSITIVE, log=True, **INTERVAL), "'x' has values that are not positive"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(chart, message):
    with pytest.raises(DataError, match=message):
        plots.draw(chart)
    assert plt.get_fignums() == []


# --- the theme -----------------------------------------------------------------------------------------


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast of WCAG 2, written apart from the theme."""

    def luminance(rgb: tuple[float, ...]) -> float:
        linear = np.where(
            np.array(rgb) <= 0.04045, np.array(rgb) / 12.92, ((np.array(rgb) + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_series_differ_in_more_than_colour():
    looks = theme.STYLES
    for part in ("colour", "dash", "marker", "hatch"):
        assert len({getattr(look, part) for look in looks}) == len(looks) == 8
    # 4.4, not 4.5: the shade is rounded to whole steps of 1/255
    assert all(contrast(to_rgb(look.ink), (1, 1, 1)) > 4.4 for look in looks)


@given(st.text(max_size=80), st.integers(1, 30))
def test_wrapping_loses_nothing_and_fits(text, room):
    wrapped = theme.wrap(text, room, measure=len)
    assert all(len(line) <= room for line in wrapped.split("\n"))
    assert "".join(wrapped.split()) == "".join(theme.printable(text).split())
    assert "\n" not in theme.printable(text)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(1, 40)), min_size=1, max_size=9))
def test_spread_labels_do_not_overlap(labels):
    places, sizes = [list(part) for part in zip(*labels, strict=True)]
    placed = theme.spread(places, sizes)
    order = sorted(range(len(places)), key=places.__getitem__)
    for low, high in itertools.pairwise(order):
        # 1e-6: sums of up to nine numbers below 1,000 in double precision
        assert placed[high] - placed[low] >= (sizes[low] + sizes[high]) / 2 - 1e-6


def test_labels_with_room_stay_where_they_are():
    assert theme.spread([30.0, 0.0, 60.0], [10.0, 20.0, 10.0]) == [30.0, 0.0, 60.0]


@given(st.floats(1e-4, 1e3), st.floats(1.01, 1e5))
def test_ratio_ticks_are_few_and_inside(low, factor):
    ticks = theme.ratio_ticks(low, low * factor)
    assert 2 <= len(ticks) <= 9
    # one part in a million: ticks are rounded to twelve decimals
    assert all(low * (1 - 1e-6) <= tick <= low * factor * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(ticks)

"""Pictures over time from an event on, fans and tornadoes: artists carry the data, words are whole."""

from __future__ import annotations

import datetime
import io
import itertools
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.dates import date2num
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from cemlab.chart import Chart
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.present.plots.live import LivePicture

LONG = "Share of customers who would come back sooner if somebody had listened to them at once, group"
CLAIM = "Experience rises by a quarter of a standard deviation in half a year, and nothing moved before it"


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def points(first: int = -3, last: int = 4) -> pd.DataFrame:
    x = np.arange(first, last + 1)
    frame = pd.DataFrame({"x": x, "y": np.where(x < 0, 0.01 * x, 0.1 + 0.02 * x)})
    for name, half in (("low", -0.05), ("high", 0.05), ("band_low", -0.08), ("band_high", 0.08)):
        frame[name] = frame["y"] + half
    return frame


BAND = {"band_low": "band_low", "band_high": "band_high"}


def event(frame: pd.DataFrame | None = None, **fields: object) -> Chart:
    given: dict = {
        "frame": points() if frame is None else frame, "x_label": "Months since the start",
        "y_label": "Difference [SD]", "begins": 0, "levels": (0.95, 0.9), "reference": 0.0, **BAND,
        "low": "low", "high": "high", **fields,
    }  # fmt: skip
    return Chart(kind="event", x="x", y="y", claim=CLAIM, grade="quasi-experiment", note="A note.", **given)


def events(count: int, **fields: object) -> Chart:
    parts = [points().assign(g=f"wave {k}", **{"y": points()["y"] + 0.01 * k}) for k in range(count)]
    return event(pd.concat(parts, ignore_index=True), group="g", **fields)


def fan(**fields: object) -> Chart:
    months = np.arange(25)
    frame = pd.DataFrame({"x": months, "y": -50.0 + 5 * months})
    for name, half in (("low", -9), ("inner_low", -4), ("inner_high", 4), ("high", 9)):
        frame[name] = frame["y"] + half * months
    given: dict = {"frame": frame, "levels": (0.9, 0.5), "reference": 0.0, **fields}
    return Chart(
        kind="fan", x="x", y="y", low="low", high="high", inner_low="inner_low", inner_high="inner_high",
        x_label="Months since the decision", y_label="Value [EUR]", claim=CLAIM, grade="association",
        **given,
    )  # fmt: skip


def fans(count: int) -> Chart:
    frame = fan().frame
    return fan(frame=pd.concat([frame.assign(g=f"path {k}") for k in range(count)]), group="g")


ROWS = pd.DataFrame(
    [
        ("gain", 100.0, -40.0, 260.0, "0.1", "0.3 SD"),
        ("staff leaving", 100.0, 180.0, 20.0, "1 %", "3 %"),
        ("spill-over", 100.0, 110.0, 130.0, "0 %", "30 %"),
    ],
    columns=["item", "base", "low", "high", "from", "to"],
)


def tornado(frame: pd.DataFrame = ROWS, **fields: object) -> Chart:
    given: dict = {"low": "low", "high": "high", "low_label": "from", "high_label": "to", **fields}
    return Chart(
        kind="tornado", frame=frame, x="base", y="item", x_label="Value [EUR]", y_label="", claim=CLAIM,
        grade="association", note="A note.", **given,
    )  # fmt: skip


# --- what may be drawn ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: event(low=None, high=None), DesignError, "an event chart shows estimates"),
        (lambda: event(band_high=None), OptionError, "two ends: band_low='band_low', band_high=None"),
        (lambda: replace(fan(), inner_low=None), OptionError, "two ends: inner_low=None"),
        (lambda: tornado(low_label=None), OptionError, "two ends: low_label=None, high_label='to'"),
        (lambda: event(band_high="bnad_high"), ColumnError, "did you mean 'band_high'"),
        (lambda: event(levels=(95,)), OptionError, r"levels=\(95,\): each is a share between 0 and 1"),
        (lambda: tornado(group="item"), OptionError, "a tornado has one series, so no group='item'"),
        (lambda: tornado(claim_of="x"), TypeError, "claim_of"),
    ],
)
def test_what_may_not_be_drawn(make, error, said):
    with pytest.raises(error, match=said):
        make()


@pytest.mark.parametrize("base", [[100.0, 100.0, 90.0], [math.nan] * 3])
def test_a_tornado_starts_from_one_outcome(base):
    with pytest.raises(DataError, match=r"the column 'base' holds [12] outcomes to start a tornado from"):
        plots.png(tornado(ROWS.assign(base=base)))


def test_an_assumption_twice_is_refused():
    with pytest.raises(DataError, match="'gain' stands twice in the column 'item'"):
        plots.png(tornado(pd.concat([ROWS, ROWS.head(1)])))


# --- the artists carry the data ------------------------------------------------------------------------


def whiskers(ax: plt.Axes) -> list[np.ndarray]:
    return [np.array(c.get_segments()) for c in ax.collections if isinstance(c, LineCollection)]


def marks(ax: plt.Axes) -> list[Line2D]:
    return [line for line in ax.lines if line.get_marker() in ("D", "o", "s", "^") and len(line.get_xdata())]


def test_estimates_carry_intervals_and_the_band():
    ax = plots.draw(event())
    frame = points()
    (lines,) = whiskers(ax)
    np.testing.assert_array_equal(lines[:, 0], frame[["x", "low"]])
    np.testing.assert_array_equal(lines[:, 1], frame[["x", "high"]])
    drawn = blocks(ax)
    np.testing.assert_array_equal(drawn[:, 0], frame["x"] - 0.5)
    np.testing.assert_array_equal(drawn[:, 1], frame["x"] + 0.5)
    np.testing.assert_array_equal(drawn[:, 2:], frame[["band_low", "band_high"]])


def blocks(ax: plt.Axes) -> np.ndarray:
    """Left, right, lower and upper end of each block of the band."""
    paths = [path for c in ax.collections if isinstance(c, PolyCollection) for path in c.get_paths()]
    return np.array([np.c_[p.vertices.min(axis=0), p.vertices.max(axis=0)].ravel() for p in paths])


def test_before_and_since_the_start_differ_in_shape_and_filling():
    before, since = marks(plots.draw(event()))
    assert (list(before.get_xdata()), list(since.get_xdata())) == ([-3, -2, -1], [0, 1, 2, 3, 4])
    assert (before.get_marker(), before.get_markerfacecolor()) == ("D", "white")
    assert (since.get_marker(), since.get_markerfacecolor()) == ("o", since.get_color())


def test_the_line_of_the_start_stands_between_the_last_point_before_it_and_the_first_since():
    for begins in (0, -2):
        ax = plots.draw(event(begins=begins))
        lines = {tuple(line.get_xdata()) for line in ax.lines if list(line.get_ydata()) == [0, 1]}
        assert lines == {(begins - 0.5, begins - 0.5)}
    assert not [line for line in plots.draw(event(begins=None)).lines if list(line.get_ydata()) == [0, 1]]


def test_several_series_stand_side_by_side_around_their_time():
    chart = events(3)
    ax = plots.draw(chart)
    drawn = marks(ax)
    assert [line.get_marker() for line in drawn] == ["o", "o", "s", "s", "^", "^"]
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    at = np.array([[*before.get_xdata(), *since.get_xdata()] for before, since in pairs])
    np.testing.assert_allclose(at.mean(axis=0), points()["x"], atol=1e-12)
    beside = sorted((left, right) for left, right, _, _ in blocks(ax))
    # 1e-9 months: neighbours touch, up to rounding
    assert all(left[1] <= right[0] + 1e-9 for left, right in itertools.pairwise(beside))


def test_days_lie_on_an_axis_of_time():
    days = pd.date_range("2023-01-01", periods=8, freq="7D")
    ax = plots.draw(event(points().assign(x=days), begins=days[3]))
    before, since = marks(ax)
    np.testing.assert_array_equal([*before.get_xdata(), *since.get_xdata()], date2num(days))
    assert len(before.get_xdata()) == 3
    start = date2num(days[3]) - 3.5
    assert any(list(line.get_xdata()) == [start, start] for line in ax.lines)


def test_whole_times_have_ticks_at_whole_numbers():
    for last in (4, 9, 30, 130):
        ax = plots.draw(event(points(-6, last)))
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert all(tick == round(tick) for tick in ticks)
        assert 0 in ticks
        assert 3 <= len(ticks) <= 13
    assert plots.draw(event(points().assign(x=points()["x"] / 2))).get_xlim()[0] < -1.5


def test_what_is_not_estimated_is_left_out_and_endless_intervals_end_in_arrows():
    frame = points()
    frame.loc[2, ["y", "low", "high", "band_low", "band_high"]] = math.nan
    frame.loc[5, ["low", "high", "band_low", "band_high"]] = [-math.inf, math.inf] * 2
    ax = plots.draw(event(frame))
    assert len(blocks(ax)) == len(frame) - 1  # a band without ends fills the picture
    (before,) = [line for line in ax.lines if line.get_marker() == "D"]
    assert np.isnan(before.get_ydata()).tolist() == [False, False, True]
    assert {"v", "^"} <= {line.get_marker() for line in ax.lines}


def test_a_fan_carries_its_quantiles():
    chart = fan()
    ax = plots.draw(chart)
    bands = [c for c in ax.collections if isinstance(c, PolyCollection)]
    for band, columns in zip(bands, (("low", "high"), ("inner_low", "inner_high")), strict=True):
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        for column in columns:
            assert {*zip(chart.frame["x"], chart.frame[column], strict=True)} <= corners
    (median,) = [line for line in ax.lines if line.get_linewidth() > 2]
    np.testing.assert_array_equal(median.get_ydata(), chart.frame["y"])
    assert any(list(line.get_ydata()) == [0.0, 0.0] for line in ax.lines)
    low, high = ax.get_ylim()
    assert low < chart.frame["low"].min() < chart.frame["high"].max() < high


def test_a_fan_without_an_inner_band_has_one():
    ax = plots.draw(replace(fan(), inner_low=None, inner_high=None, levels=()))
    assert len([c for c in ax.collections if isinstance(c, PolyCollection)]) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Median", "Outer band"]


def test_a_tornado_carries_both_ends_and_what_the_assumption_is_there():
    ax = plots.draw(tornado())
    ends = np.array([bar.get_x() + bar.get_width() for bar in ax.patches])
    assert [bar.get_x() for bar in ax.patches] == [100.0] * 6
    np.testing.assert_allclose(ends, [*ROWS["low"], *ROWS["high"]], rtol=1e-12)
    assert [text.get_text() for text in ax.texts] == [*ROWS["from"], *ROWS["to"]]
    # what is written stands beyond the end, on the side to which the bar goes
    assert [text.get_ha() for text in ax.texts] == ["right", "left", "left", "left", "right", "left"]
    assert [name.get_text() for name in ax.get_yticklabels()] == list(ROWS["item"])
    assert {bar.get_hatch() for bar in ax.patches} == {"", "////"}


def test_two_ends_on_one_side_hide_neither():
    ax = plots.draw(tornado())
    rows = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    (low, high), (other_low, other_high) = rows[2], rows[5]
    # 1e-9 of a row: they touch, up to rounding
    assert high <= other_low + 1e-9
    assert rows[0] == rows[3]
    assert (low, other_high) == pytest.approx(rows[0] + np.array([2.0, 2.0]))


def test_an_end_that_is_not_estimable_is_said():
    ax = plots.draw(tornado(ROWS.assign(high=[math.nan, 20.0, 130.0])))
    assert ax.texts[3].get_text() == "not estimable"


# --- words -------------------------------------------------------------------------------------------

GALLERY = {
    "event": event(),
    "events": events(4, begins=-1),
    "long events": event(
        events(8).frame.assign(g=lambda rows: LONG + " " + rows["g"]), group="g", y_label=LONG
    ),
    "event of days": event(points().assign(x=pd.date_range("2023-01-01", periods=8, freq="MS")), begins=None),
    "fan": fan(),
    "fans": fans(3),
    "tornado": tornado(),
    "long tornado": tornado(
        pd.DataFrame(
            {"item": [f"{LONG} {k}" for k in "abcdefgh"], "base": 1e6, "low": -1e6, "high": 3e6}
        ).assign(**{"from": "0.000125 EUR", "to": "125,000 EUR a month"})
    ),
    "tornado of nothing": tornado(ROWS.assign(low=100.0, high=100.0), low_label=None, high_label=None),
}  # fmt: skip
every_picture = pytest.mark.parametrize("chart", GALLERY.values(), ids=GALLERY.keys())


@every_picture
def test_all_words_are_whole_and_apart(chart):
    given = chart.frame.copy(deep=True)
    figure = plots.draw(chart).figure
    pd.testing.assert_frame_equal(chart.frame, given)
    figure.draw_without_rendering()
    (ax,) = figure.axes
    unseen = set()
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        unseen |= {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t not in unseen and t.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for word, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, (word, box.extents)
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        # 3 px: a box has empty room for the accents and descenders that most words lack
        assert wide < 3 or high < 3, (one, other)


def names_in_key(chart: Chart) -> list[str]:
    return [text.get_text() for text in plots.draw(chart).get_legend().get_texts()]


def test_the_key_names_marks_and_levels():
    assert names_in_key(event()) == [
        "Before the start",
        "Since the start",
        "95 % interval, each point alone",
        "90 % band, all points at once",
    ]
    assert names_in_key(event(levels=()))[2:] == ["Interval, each point alone", "Band, all points at once"]
    assert names_in_key(events(2, band_low=None, band_high=None)) == ["wave 0", "wave 1", "Before the start"]
    assert plots.draw(event(begins=None, band_low=None, band_high=None)).get_legend() is None
    assert names_in_key(fan()) == ["Median", "Middle 50 %", "Middle 90 %"]
    assert names_in_key(fans(2)) == ["path 0: median", "path 1: median", "Middle 50 %", "Middle 90 %"]
    assert names_in_key(tornado()) == ["At its lowest", "At its highest"]


def test_alt_text_of_an_event():
    frame = pd.DataFrame(
        {"x": [-2, -1, 0, 1], "y": [0.01, -0.02, 0.1, 0.3], "low": [-0.1, -0.1, -0.01, 0.2]}
    ).assign(high=[0.1, 0.1, 0.2, 0.4], band_low=[-0.2, -0.2, -0.1, -0.1], band_high=[0.2, 0.2, 0.3, 0.5])
    assert event(frame).alt_text() == (
        f"{CLAIM}. Difference [SD] by Months since the start: 2 estimates before the start, from -0.02 to "
        "0.01 (0 of 2 intervals leave out 0; 0 of 2 bands for all points at once leave out 0); 2 estimates "
        "since the start, from 0.1 (interval -0.01 to 0.2) at 0 to 0.3 (interval 0.2 to 0.4) at 1 (1 of 2 "
        "intervals leave out 0; 0 of 2 bands for all points at once leave out 0)."
    )
    alone = event(frame.tail(1).assign(g="late"), group="g", begins=None, reference=None)
    assert "late: 1 estimate, from 0.3 (interval 0.2 to 0.4) at 1 to 0.3" in alone.alt_text()


def test_alt_text_of_a_fan():
    assert fan().alt_text() == (
        f"{CLAIM}. Value [EUR] by Months since the decision: the median goes from -50 at 0 to 70 at 24, "
        "below 0 until 9; there, middle 90 % -146 to 286 and middle 50 % -26 to 166."
    )
    plain = replace(fan(), inner_low=None, inner_high=None, levels=(), reference=None)
    assert plain.alt_text().endswith("from -50 at 0 to 70 at 24; there, outer band -146 to 286.")


def test_alt_text_of_a_tornado():
    assert tornado(ROWS.head(2)).alt_text() == (
        f"{CLAIM}. Value [EUR], starting from 100, one row per assumption: gain -40 at its lowest (0.1), 260 "
        "at its highest (0.3 SD); staff leaving 180 at its lowest (1 %), 20 at its highest (3 %)."
    )
    assert "gain -40 at its lowest, 260 at its" in tornado(low_label=None, high_label=None).alt_text()


def test_days_in_the_alt_text_are_days():
    frame = points().assign(x=[datetime.date(2023, 1, 1 + k) for k in range(8)])
    assert "at 2023-01-08" in event(frame, begins=datetime.date(2023, 1, 4)).alt_text()


# --- live --------------------------------------------------------------------------------------------


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def moved(chart: Chart, factor: float) -> Chart:
    columns = {"y", "low", "high", "band_low", "band_high", "inner_low", "inner_high"} & set(chart.frame)
    values = {name: chart.frame[name] * factor for name in columns}
    return replace(chart, frame=chart.frame.assign(**values))


@pytest.mark.parametrize("name", ["event", "tornado"])
def test_a_moved_picture_shows_what_a_picture_drawn_at_once_shows(name):
    chart = GALLERY[name]
    picture, again = LivePicture(chart), LivePicture(chart)
    first = picture.png(chart)
    for factor in (0.9, 0.8):
        before = picture.png(moved(chart, factor))
    # the axes hold what they showed at first, so that one move of another hand ends in the same picture
    assert np.array_equal(pixels(before), pixels(again.png(moved(chart, 0.8))))
    assert (pixels(first) != pixels(before)).any()
    assert picture.png(chart) == first


def test_a_moved_line_keeps_the_limits_that_it_once_had_and_grows_beyond_them():
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": [0.0, 1.0, 2.0]})
    labels = {"x_label": "Score", "y_label": "Money", "claim": "A line", "grade": "adjusted"}
    chart = Chart(kind="line", frame=rows.assign(low=rows["y"] - 1, high=rows["y"] + 1), x="x", y="y",
                  low="low", high="high", **labels)  # fmt: skip
    picture, again = LivePicture(chart), LivePicture(chart)
    first = picture.png(chart)
    wide, narrow = (picture.png(moved(chart, factor)) for factor in (3.0, 0.5))
    # the axis of the wide one stays: the narrow one is not that of a hand that went there at once
    assert not np.array_equal(pixels(narrow), pixels(again.png(moved(chart, 0.5))))
    assert picture.png(moved(chart, 3.0)) == wide
    assert again.png(chart) == first

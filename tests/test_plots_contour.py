"""Maps of a number on two others: heights, lines, marked points, words and refusals."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cemlab.chart import Chart
from cemlab.errors import DataError, OptionError
from cemlab.present import plots
from cemlab.present.plots.scales import Plain


def grid(rows: int = 5) -> pd.DataFrame:
    x, y = (part.ravel() for part in np.meshgrid(np.arange(4.0), np.arange(float(rows))))
    return pd.DataFrame({"x": x, "y": y, "slope": 5.0 - x - y, "name": None}).astype({"name": object})


MARKED = pd.DataFrame(
    {"x": [0.5, 0.6, 2.9], "y": [0.0, 0.1, 3.0], "slope": [4.5, 4.3, -0.9], "name": ["a", "b <i>", "c $"]}
)


def make(frame: pd.DataFrame, **fields: object) -> Chart:
    known = {"x": "x", "y": "y", "value": "slope", "mark": "name", "reference": 0.0, "claim": "What is left"}
    looks = {"kind": "contour", "x_label": "Score [%]", "y_label": "Outcome [%]", "grade": "adjusted"}
    return Chart(**{"frame": frame, **known, **looks, **fields})


def test_a_map_shows_its_heights_its_line_and_its_points():
    chart = make(pd.concat([grid(), MARKED], ignore_index=True))
    ax = plots.draw(chart)
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 3), (0, 4))
    (marks,) = ax.lines
    np.testing.assert_array_equal(np.transpose(marks.get_data()), MARKED[["x", "y"]])
    names = [text.get_text() for text in ax.texts if text.get_text() in set(MARKED["name"])]
    assert names == ["a", "b <i>", "c $"]
    # the bold line runs where the height is nought: x + y = 5
    bold = max(ax.collections, key=lambda part: np.max(part.get_linewidths(), initial=0.0))
    corners = np.concatenate([path.vertices for path in bold.get_paths()])
    np.testing.assert_allclose(corners.sum(axis=1), 5, atol=1e-9)  # the plane is interpolated exactly
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text() in set(MARKED["name"])]
    assert not boxes[0].overlaps(boxes[1])
    assert all(box.y0 >= ax.bbox.y0 for box in boxes)
    assert Image.open(io.BytesIO(plots.png(chart))).size[0] == 1600
    assert plots.png(chart) == plots.png(chart)


def test_a_map_in_words():
    chart = make(pd.concat([grid(), MARKED.iloc[2:]], ignore_index=True))
    assert chart.alt_text() == (
        "What is left. Map of slope, -2 to 5, by Score [%] (across, 0 to 3) and Outcome [%] (up, 0 to 4). "
        "A bold line lies where it is 0. Marked: c $ -0.9 at 2.9 and 3."
    )
    plain = make(grid().drop(columns="name"), mark=None, reference=None).alt_text()
    assert plain.endswith("(up, 0 to 4).")


@pytest.mark.parametrize("frame", [grid(1), grid().iloc[1:], pd.concat([grid(), grid().iloc[:1]])])
def test_a_grid_with_holes_or_one_row_is_refused(frame):
    with pytest.raises(DataError, match="one height for each pair of numbers on a grid"):
        plots.png(make(frame, mark=None))


@pytest.mark.parametrize("fields", [{"value": None}, {"group": "name"}])
def test_a_map_needs_heights_and_has_one_series(fields):
    with pytest.raises(OptionError, match="a contour needs the column of its heights"):
        make(grid(), **fields)


def test_heights_that_are_all_alike_and_none_below_nought_are_drawn():
    for slope in (2.0, 0.0):
        ax = plots.draw(make(grid().assign(slope=slope), mark=None))
        assert not ax.lines


def test_small_ticks_are_written_alike():
    assert Plain().format_ticks([0.0, 0.0005, 0.001, 0.0015]) == ["0.0000", "0.0005", "0.0010", "0.0015"]
    assert Plain()(-0.00025) == "-0.00025"
    # none is smaller than four figures show, or too small for six decimals: as in tables
    assert Plain().format_ticks([0.0, 0.5]) == ["0", "0.5"]
    assert Plain().format_ticks([0.0, 1e-9]) == ["0", "1.00e-09"]

"""Charts: what may be drawn, in whose name, and how it is told to those who cannot see it."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import types

import pandas as pd
import pytest

from cemlab import chart as chart_module
from cemlab.chart import Chart, plotting_backend, set_plotting_backend
from cemlab.errors import ColumnError, DesignError, OptionError

FRAME = pd.DataFrame(
    {
        "x": [0, 12],
        "y": [1.0, 0.75],
        "low": [1.0, 0.7],
        "high": [1.0, 0.8],
        "g": ["a", "b"],
        "v": [0.1, 0.004],
    }
)


def make(kind: str = "line", **fields: object) -> Chart:
    common: dict = {"x": "x", "y": "y", "x_label": "Months", "y_label": "Share left", "claim": "A claim"}
    return Chart(**{"kind": kind, "frame": FRAME, "grade": "descriptive", **common, **fields})


INTERVAL = {"low": "low", "high": "high"}


@pytest.fixture
def backend():
    """A plotting backend that keeps what it is given; the real one is put back."""
    module = types.ModuleType("fake_backend")
    # a PNG's width stands in bytes 16 to 20
    module.draw = lambda chart, ax=None: ("drawn", chart, ax)
    module.png = lambda chart: b"\x89PNG\r\n\x1a\n" + bytes(8) + (1600).to_bytes(4, "big") + bytes(4)
    sys.modules["fake_backend"] = module
    before = chart_module._backend
    yield module
    set_plotting_backend(before)
    del sys.modules["fake_backend"]


# --- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"kind": "pie"}, OptionError, "no chart kind named 'pie'"),
        ({"kind": "bars"}, OptionError, "did you mean 'bar'"),
        ({"kind": "step"}, DesignError, "a step chart shows estimates, so it needs the columns low and high"),
        ({"kind": "bar", "low": "low"}, DesignError, "a bar chart shows estimates"),
        ({"kind": "forest"}, DesignError, "a forest chart shows estimates"),
        ({"low": "low"}, OptionError, "an interval has two ends"),
        ({"kind": "heatmap"}, OptionError, "a heat map needs the column of its cells"),
        ({"x": "z"}, ColumnError, "no column of the chart named 'z'"),
        ({"group": "gg"}, ColumnError, "no column of the chart named 'gg'; did you mean 'g'"),
        ({**INTERVAL, "high": "hihg"}, ColumnError, "did you mean 'high'"),
        ({"kind": "heatmap", "value": "w"}, ColumnError, "no column of the chart named 'w'"),
        ({"frame": FRAME.head(0)}, DesignError, "the line chart 'A claim' has no rows to draw"),
        ({"claim": "The effect of x"}, DesignError, "says 'effect', but the design grade is 'descriptive'"),
        ({"claim": "ROI of 3", "grade": "association"}, DesignError, "says 'ROI'"),
    ],
)
def test_what_may_not_be_drawn(fields, error, message):
    with pytest.raises(error, match=message):
        make(**fields)


def test_an_experiment_may_show_an_effect():
    assert make(claim="The effect of training", grade="experiment").claim == "The effect of training"


def test_a_chart_is_frozen_and_writes_itself_in_one_line():
    chart = make()
    assert repr(chart) == "<Chart line: A claim>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        chart.claim = "The effect of x"


# --- alternative texts, written by hand ------------------------------------------------------------------


def test_alt_text_of_curves():
    chart = make("step", percent=True, **INTERVAL)
    assert chart.alt_text() == (
        "A claim. Share left by Months: from 100.0 % at 0 to 75.0 % (interval 70.0 % to 80.0 %) at 12."
    )
    frame = pd.DataFrame({"x": [0, 1, 0, 1], "y": [5.0, 4.0, 3.0, 2.5], "g": ["b", "b", "a", "a"]})
    grouped = make("line", frame=frame, group="g", claim="A claim.")
    assert (
        grouped.alt_text()
        == "A claim. Share left by Months: b: from 5 at 0 to 4 at 1; a: from 3 at 0 to 2.5 at 1."
    )


def test_alt_text_of_bars():
    frame = pd.DataFrame(
        {"x": [2010, 2011], "y": [0.2, math.nan], "low": [0.15, math.nan], "high": [0.25, math.nan]}
    )
    assert make("bar", frame=frame, percent=True, **INTERVAL).alt_text() == (
        "A claim. Bars of Share left by Months: 2010 20.0 % (interval 15.0 % to 25.0 %); "
        "2011 not estimable (interval not estimable to not estimable)."
    )


def test_alt_text_of_a_forest():
    frame = pd.DataFrame(
        {"x": [0.5, 2.0], "y": ["age", None], "low": [0.4, 1.5], "high": [0.6, math.inf], "g": ["a", "b"]}
    )
    plain = make("forest", frame=frame, x_label="Hazard ratio", y_label="", **INTERVAL)
    assert plain.alt_text() == (
        "A claim. Hazard ratio, one row per y: age 0.5 (interval 0.4 to 0.6); missing 2 (interval 1.5 to ∞)."
    )
    grouped = make("forest", frame=frame, x_label="Hazard ratio", y_label="term", group="g", **INTERVAL)
    assert "one row per term: a: age 0.5 (interval 0.4 to 0.6); b: missing 2" in grouped.alt_text()


def test_alt_text_of_a_heat_map():
    assert make("heatmap", x="g", y="x", value="v", percent=True).alt_text() == (
        "A claim. Table of Share left (rows) by Months (columns): 0 to a 10.0 %; 12 to b 0.40 %."
    )


def test_alt_text_of_a_histogram():
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [400, 900, 10]})
    assert make("histogram", frame=frame, x_label="orders").alt_text() == (
        "A claim. Histogram of orders: 1,310 in 3 bins, most (900) from 2."
    )


def test_alt_text_of_a_scatter():
    assert make("scatter", percent=True).alt_text() == (
        "A claim. 2 points: Months from 0 to 12, Share left from 75.0 % to 100.0 %."
    )


def test_alt_text_of_days():
    frame = pd.DataFrame({"x": pd.to_datetime(["2010-12-01", "2011-12-09"]), "y": [1, 2]})
    assert "from 1 at 2010-12-01 to 2 at 2011-12-09" in make(frame=frame).alt_text()


@pytest.mark.parametrize(
    ("value", "percent", "shown"),
    [
        (0.5, True, "50.0 %"), (0.0, True, "0.0 %"), (0.01, True, "1.0 %"), (0.0042, True, "0.42 %"),
        (-0.00042, True, "-0.042 %"), (1e-12, True, "0.000000 %"), (math.nan, True, "not estimable"),
        (pd.NA, False, "not estimable"), (1234.5678, False, "1,235"), (0.0042, False, "0.0042"),
    ],
)  # fmt: skip
def test_values_as_a_chart_writes_them(value, percent, shown):
    assert make(percent=percent).show(value) == shown


def test_series_come_in_the_order_of_the_frame_and_none_is_lost():
    frame = pd.DataFrame({"x": range(4), "y": range(4), "g": pd.Categorical(["b", "a", None, "b"])})
    series = make(frame=frame, group="g").series()
    assert [(name, list(rows["x"])) for name, rows in series] == [("b", [0, 3]), ("a", [1]), ("missing", [2])]


# --- backends --------------------------------------------------------------------------------------------


def test_a_backend_is_chosen_by_name(backend):
    set_plotting_backend("fake_backend")
    chart = make()
    assert plotting_backend() is backend
    assert chart.plot() == ("drawn", chart, None)
    assert chart.plot("axes") == ("drawn", chart, "axes")


def test_the_picture_travels_with_its_alternative_text(backend):
    set_plotting_backend("fake_backend")
    data, metadata = make()._repr_mimebundle_(include=None, exclude=None)
    assert data == {"text/plain": make().alt_text(), "image/png": backend.png(None)}
    # half the pixels: the picture is drawn twice as fine as it is shown
    assert metadata == {"image/png": {"alt": make().alt_text(), "width": 800}}


def test_what_is_no_backend_is_refused(backend):
    with pytest.raises(OptionError, match="no plotting backend named 'no_such_module' can be imported"):
        set_plotting_backend("no_such_module")
    del backend.png
    with pytest.raises(OptionError, match="'fake_backend' is no plotting backend: it lacks png"):
        set_plotting_backend("fake_backend")
    del backend.draw
    with pytest.raises(OptionError, match="it lacks draw and png"):
        set_plotting_backend("fake_backend")
    assert plotting_backend().__name__ == "cemlab.present.plots"


def test_a_chart_imports_no_plotting_library():
    code = (
        "import sys, pandas as pd; from cemlab.chart import Chart;"
        "c = Chart(kind='line', frame=pd.DataFrame({'x': [1], 'y': [2]}), x='x', y='y', x_label='x',"
        " y_label='y', claim='c', grade='descriptive'); c.alt_text();"
        "print([m for m in ('matplotlib', 'seaborn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

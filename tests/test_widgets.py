"""Controls and the picture they move: what is shown is what the function says; refusals are told."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.present.plots.live import LivePicture
from cemlab.present.widgets import Explorer, choice, slider


def bars(value: float, *, names: tuple[str, ...] = ("a", "b"), claim: str = "A claim") -> Chart:
    frame = pd.DataFrame({"x": names, "y": value, "low": value - 0.05, "high": value + 0.05})
    return Chart(
        kind="bar", frame=frame, x="x", y="y", low="low", high="high", x_label="Group", y_label="Share [%]",
        claim=claim, grade="descriptive", note="All 12 customers used.", percent=True,
    )  # fmt: skip


def forest(value: float) -> Chart:
    frame = pd.DataFrame({"x": [value, 2 * value], "y": ["one", "two"], "low": 0.0, "high": 3 * value})
    return Chart(
        kind="forest", frame=frame, x="x", y="y", low="low", high="high", x_label="EUR", y_label="Rule",
        claim=f"At {value}", grade="descriptive",
    )  # fmt: skip


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


# --- the picture ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bars, forest])
def test_a_moved_picture_is_the_picture_drawn_at_once(make):
    moved = LivePicture(make(0.3))
    moved.png(make(0.6))
    # the axis grew to 0.6 and holds it, so the last picture is the one a fresh figure with that history shows
    again = LivePicture(make(0.6))
    assert np.array_equal(pixels(moved.png(make(0.4))), pixels(again.png(make(0.4))))


def test_a_moved_picture_keeps_its_frame_and_shows_new_data():
    picture = LivePicture(bars(0.6))
    before, after = pixels(picture.png(bars(0.6))), pixels(picture.png(bars(0.3)))
    assert before.shape == after.shape
    changed = (before != after).any(axis=2)
    assert changed.any()
    # the strip left of the axis holds its ticks and its title, and no move touches it
    assert not changed[:, : changed.shape[1] // 20].any()


def test_going_back_gives_the_same_bytes():
    picture = LivePicture(bars(0.6))
    first = picture.png(bars(0.6))
    picture.png(
        bars(0.2, claim="Another claim, of quite another length, that takes a second line of the title")
    )
    assert picture.png(bars(0.6)) == first


def test_other_names_are_laid_out_anew():
    picture = LivePicture(bars(0.6))
    long = ("a group with quite a long name", "another group with a name as long", "a third")
    fresh = LivePicture(bars(0.5, names=long))
    assert np.array_equal(
        pixels(picture.png(bars(0.5, names=long))), pixels(fresh.png(bars(0.5, names=long)))
    )


def test_a_kind_that_cannot_be_moved_is_refused():
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    chart = Chart(
        kind="scatter", frame=frame, x="x", y="y", x_label="x", y_label="y", claim="c", grade="descriptive"
    )
    match = "scatter chart cannot be moved; there are: bar, forest, event, fan, tornado, line, step"
    with pytest.raises(OptionError, match=match):
        LivePicture(chart)


# --- the controls ---------------------------------------------------------------------------------


def test_a_share_is_shown_in_percent_and_read_as_a_share():
    control = slider("t", label="Loyal from", low=0.5, high=1, step=0.05, value=0.7, percent=True)
    field, handle = control.view.children
    assert (field.value, field.description) == (70, "Loyal from [%]")
    handle.value = 85
    assert control.read() == 0.85
    control.write(0.55)
    assert (handle.value, control.read()) == (55, 0.55)


def test_a_whole_number_stays_whole():
    control = slider("n", label="At least", low=1, high=9, step=1, value=3, unit="purchases")
    assert isinstance(control.read(), int)
    assert control.view.children[0].description == "At least [purchases]"


@pytest.mark.parametrize(
    ("low", "high", "step", "value"), [(1, 1, 1, 1), (0, 1, 0, 0.5), (0, 1, 0.1, 2), (0, 1, 0.1, -1)]
)
def test_a_slider_without_a_range_is_refused(low, high, step, value):
    with pytest.raises(OptionError, match="give low ≤ value ≤ high"):
        slider("n", label="At least", low=low, high=high, step=step, value=value)


def test_values_outside_are_refused():
    control = slider("n", label="At least", low=1, high=9, step=1, value=3)
    with pytest.raises(OptionError, match="outside 1 to 9"):
        control.write(10)
    words = choice("m", label="Economy", options=["as it was", "recession"], value="recession")
    with pytest.raises(OptionError, match="no Economy named 'boom'"):
        words.write("boom")
    with pytest.raises(OptionError, match="no Economy named 'boom'"):
        choice("m", label="Economy", options=["as it was"], value="boom")


# --- the explorer ---------------------------------------------------------------------------------


def explorer(calls: list[dict] | None = None) -> Explorer:
    def show(value: float, word: str) -> tuple[Chart, str]:
        if calls is not None:
            calls.append({"value": value, "word": word})
        if value > 0.8:
            raise DesignError("too much <b>of it</b>")
        return bars(value, claim=f"{word}: {value}"), f"It is {value}"

    controls = [
        slider("value", label="Value", low=0.1, high=0.9, step=0.1, value=0.5),
        choice("word", label="Word", options=["a", "b"], value="a"),
    ]
    return Explorer(controls=controls, show=show)


def test_a_move_shows_what_the_function_says():
    found = explorer()
    before = found.png
    found.move(value=0.3, word="b")
    assert found.chart.claim == "b: 0.3"
    assert found.sentence == "It is 0.3"
    assert found.png != before
    assert np.array_equal(pixels(found.png), pixels(LivePicture(bars(0.5)).png(bars(0.3, claim="b: 0.3"))))


def test_several_controls_moved_together_redraw_once():
    calls: list[dict] = []
    found = explorer(calls)
    found.move(value=0.3, word="b")
    assert calls == [{"value": 0.5, "word": "a"}, {"value": 0.3, "word": "b"}]


def test_a_hand_on_the_slider_redraws():
    found = explorer()
    found.view.children[0].children[1].value = 0.2
    assert found.sentence == "It is 0.2"


def test_a_refusal_is_told_and_fades_the_picture():
    found = explorer()
    before = found.png
    found.move(value=0.9)
    image, words = found.view.children[-2:]
    assert image.layout.opacity == "0.3"
    assert "too much &lt;b&gt;of it&lt;/b&gt;" in words.value
    assert found.png == before
    found.move(value=0.4)
    assert image.layout.opacity == "1"
    assert "It is 0.4" in words.value


def test_an_unknown_control_is_refused_and_nothing_moves():
    calls: list[dict] = []
    found = explorer(calls)
    with pytest.raises(OptionError, match="no control named 'valve'; did you mean 'value'"):
        found.move(valve=1)
    assert len(calls) == 1


def test_first_values_that_are_refused_are_an_error():
    def show(value: float) -> tuple[Chart, str]:
        raise DesignError(f"not with {value}")

    with pytest.raises(DesignError, match="not with 1"):
        Explorer(controls=[slider("value", label="V", low=0, high=2, step=1, value=1)], show=show)


def test_without_widgets_the_picture_stands_alone():
    data, about = explorer()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/png"].startswith(b"\x89PNG")
    assert about["image/png"]["alt"].startswith("a: 0.5. Bars of Share [%] by Group")

"""Sliders and choices, each with a name that is read aloud and a field that takes the value as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from cemlab.errors import OptionError, one_of

_NAME_WIDTH = "17em"


@dataclass(frozen=True, eq=False, kw_only=True)
class Control:
    """One value that the reader can move.

    Parameters
    ----------
    name
        The argument it stands for.
    view
        What is shown.
    read, write
        Functions that give and set the value.
    listen
        Calls a function after each move of the reader's.
    """

    name: str
    view: widgets.Widget
    read: Callable[[], Any]
    write: Callable[[Any], None]
    listen: Callable[[Callable[[], None]], None]


def slider(
    name: str,
    *,
    label: str,
    low: float,
    high: float,
    step: float,
    value: float,
    unit: str = "",
    percent: bool = False,
) -> Control:
    """Return a slider with a field beside it.

    The handle of a slider has no name that a screen reader could tell; the field has, and takes the same
    values from the keyboard. Both show what the reader sees: percent for shares.

    Parameters
    ----------
    name
        The argument it stands for.
    label
        What the reader calls it.
    low, high, step, value
        Range, step and first value, in the argument's own unit.
    unit
        The unit as the reader sees it.
    percent
        Whether the argument is a share that the reader sees in percent.

    Raises
    ------
    OptionError
        If the range is empty or the first value lies outside it.

    Examples
    --------
    >>> least = slider("least", label="At least", low=1, high=9, step=1, value=3, unit="purchases")
    >>> least.write(4)
    >>> least.read()
    4
    """
    if not low < high or not step > 0 or not low <= value <= high:
        raise OptionError(
            f"{label}: {value} on a slider from {low} to {high} by {step}; give low ≤ value ≤ high"
        )
    scale = 100.0 if percent else 1.0
    shown = f"{label} [{'%' if percent else unit}]" if percent or unit else label
    whole = all(float(scale * x).is_integer() for x in (low, high, step, value))
    ends: dict[str, Any] = {
        "min": scale * low,
        "max": scale * high,
        "step": scale * step,
        "value": scale * value,
    }
    if whole:
        ends = {key: int(number) for key, number in ends.items()}
    handle = (widgets.IntSlider if whole else widgets.FloatSlider)(
        **ends, readout=False, layout=widgets.Layout(width="22em"), tooltip=shown
    )
    field = (widgets.BoundedIntText if whole else widgets.BoundedFloatText)(
        **ends,
        description=shown,
        style={"description_width": _NAME_WIDTH},
        layout=widgets.Layout(width="24em"),
    )
    widgets.link((handle, "value"), (field, "value"))

    def read() -> float:
        number = round(field.value / scale, 12)
        return int(number) if whole and not percent else number

    def write(number: float) -> None:
        if not low <= number <= high:
            raise OptionError(f"{label}: {number!r} lies outside {low} to {high}")
        field.value = scale * number if not whole else round(scale * number)

    return Control(
        name=name,
        view=widgets.HBox([field, handle]),
        read=read,
        write=write,
        listen=lambda heed: field.observe(lambda _: heed(), names="value"),
    )


def choice(name: str, *, label: str, options: Sequence[str], value: str) -> Control:
    """Return a choice among a few words.

    Parameters
    ----------
    name
        The argument it stands for.
    label
        What the reader calls it.
    options
        The words.
    value
        The first one chosen.

    Raises
    ------
    OptionError
        If the first value is not among the words.
    """
    if value not in options:
        raise OptionError(one_of(value, options, what=label))
    field = widgets.Dropdown(
        options=list(options),
        value=value,
        description=label,
        style={"description_width": _NAME_WIDTH},
        layout=widgets.Layout(width="34em"),
    )

    def write(word: str) -> None:
        if word not in options:
            raise OptionError(one_of(word, options, what=label))
        field.value = word

    return Control(
        name=name,
        view=field,
        read=lambda: field.value,
        write=write,
        listen=lambda heed: field.observe(lambda _: heed(), names="value"),
    )

"""How rows of a result are told in words: an estimate with its interval, a change with its sign."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cemlab.markup import number

if TYPE_CHECKING:
    import pandas as pd


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def with_interval(row: Mapping[Any, Any], *, sign: bool = False) -> str:
    """Return an estimate and its interval, to two figures of half its width: the rest is noise.

    Parameters
    ----------
    row
        With estimate, conf_low and conf_high.
    sign
        Whether numbers above zero have a plus.

    Examples
    --------
    >>> with_interval({"estimate": 0.18512, "conf_low": 0.05214, "conf_high": 0.3181})
    '0.19 (0.05 to 0.32)'
    """
    told = [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]
    half = (told[2] - told[1]) / 2
    if math.isfinite(half) and half > 0:
        told = [round(value, 1 - math.floor(math.log10(half))) for value in told]
    estimate, low, high = (signed(value) if sign else number(value) for value in told)
    return f"{estimate} ({low} to {high})"


def signed(value: float) -> str:
    """Return a number with its sign.

    Examples
    --------
    >>> signed(0.2), signed(-0.2)
    ('+0.2', '-0.2')
    """
    return f"{'+' if value > 0 else ''}{number(value)}"

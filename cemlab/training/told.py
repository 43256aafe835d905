"""How rows of a result are told in words: an estimate with its interval, a change with its sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cemlab.markup import number

if TYPE_CHECKING:
    import pandas as pd


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def with_interval(row: Mapping[Any, Any]) -> str:
    """Return an estimate and its interval.

    Examples
    --------
    >>> with_interval({"estimate": 0.2, "conf_low": 0.1, "conf_high": 0.3})
    '0.2 (0.1 to 0.3)'
    """
    return f"{number(row['estimate'])} ({number(row['conf_low'])} to {number(row['conf_high'])})"


def signed(value: float) -> str:
    """Return a number with its sign.

    Examples
    --------
    >>> signed(0.2), signed(-0.2)
    ('+0.2', '-0.2')
    """
    return f"{'+' if value > 0 else ''}{number(value)}"

"""Columns and amounts of an analysis in words: names as a reader would write them, and figures alike."""

from __future__ import annotations

import math

_MOST_DECIMALS = 6


def in_words(name: str) -> str:
    """Return the name of a column as it stands in a sentence or beside an axis.

    Examples
    --------
    >>> in_words("margin_per_customer"), in_words("cx")
    ('margin per customer', 'cx')
    """
    return " ".join(name.replace("_", " ").split()) or name


def titled(name: str) -> str:
    """Return the name of a column as a sentence begins with it.

    Examples
    --------
    >>> titled("margin_per_customer"), titled("NPS")
    ('Margin per customer', 'NPS')
    """
    told = in_words(name)
    return told[:1].upper() + told[1:]


def alike(*values: float, signed: bool = False) -> list[str]:
    """Write figures that stand beside each other to the same decimals.

    The largest has three figures at least; one decimal more where the smallest needs it.

    Examples
    --------
    >>> alike(30.501, 52.7123), alike(-0.4, 7.0, float("inf")), alike(12.1, -3, signed=True)
    (['30.5', '52.7'], ['-0.40', '7.00', '∞'], ['+12.1', '-3.0'])
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    decimals = 0
    if sizes:
        of_largest = 2 - math.floor(math.log10(max(sizes)))
        of_smallest = 1 - math.floor(math.log10(min(sizes)))
        # a figure that is next to nothing beside the others does not lengthen them
        decimals = min(max(of_largest, min(of_smallest, of_largest + 1), 0), _MOST_DECIMALS)
    return [_written(value, decimals, signed) for value in values]


def _written(value: float, decimals: int, signed: bool) -> str:
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:{'+' if signed else ''}z,.{decimals}f}"

"""How rows of the mirror's results are told in words: an estimate with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cemlab.markup import number


def told(row: Mapping[Any, Any]) -> str:
    """Return an estimate and its interval, to two figures of half its width: the rest is noise.

    Examples
    --------
    >>> told({"estimate": 0.18512, "conf_low": 0.05214, "conf_high": 0.3181})
    '0.19 (0.05 to 0.32)'
    >>> told({"estimate": 0.5, "conf_low": float("nan"), "conf_high": float("nan")})
    '0.5 (interval not known)'
    """
    values = [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]
    if any(math.isnan(value) for value in values[1:]):
        return f"{number(values[0])} (interval not known)"
    half = (values[2] - values[1]) / 2
    if math.isfinite(half) and half > 0:
        values = [round(value, 1 - math.floor(math.log10(half))) for value in values]
    estimate, low, high = map(number, values)
    return f"{estimate} ({low} to {high})"


def worded(outcome: str) -> str:
    """Return the outcome of a contact in words for an axis.

    Examples
    --------
    >>> worded("mean_affect"), worded("resolved")
    ('experience in a contact', 'resolved')
    """
    return "experience in a contact" if outcome == "mean_affect" else outcome.replace("_", " ")


def plural(word: str) -> str:
    """Return the plural of the name of a unit; signs such as SD and % have none.

    Examples
    --------
    >>> [plural(word) for word in ("branch", "month", "SD", "%", "story", "day")]
    ['branches', 'months', 'SD', '%', 'stories', 'days']
    """
    if not word.islower():
        return word
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"

"""Loyalty tiers: classes of customers by the number of their purchases in a period."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from numbers import Integral
from types import MappingProxyType

from cemlab.errors import OptionError

#: The fewest purchases of each tier, where none are given.
DEFAULT_TIERS: Mapping[str, int] = MappingProxyType({"one": 1, "two or three": 2, "four or more": 4})

#: The tier of a customer without a purchase in the period.
NO_PURCHASE = "no purchase"


def check_tiers(tiers: Mapping[str, int]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names and the fewest purchases of the tiers, or refuse them.

    Raises
    ------
    OptionError
        If the tiers do not ascend from 1, or one is named as those who bought nothing.

    Examples
    --------
    >>> check_tiers({"light": 1, "loyal": 7})
    (('light', 'loyal'), (1, 7))
    """
    names, fewest = tuple(tiers), tuple(tiers.values())
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in fewest)
    texts = all(isinstance(name, str) for name in names)
    ascending = whole and all(lower < higher for lower, higher in pairwise(fewest))
    if not names or not texts or not ascending or fewest[0] != 1:
        raise OptionError(
            f"tiers are {dict(tiers)}; give names and the fewest purchases of each, whole, ascending from 1, "
            "e.g. {'light': 1, 'medium': 2, 'loyal': 7}"
        )
    if NO_PURCHASE in names:
        raise OptionError(
            f"no tier can be named {NO_PURCHASE!r}: that is the name of those who bought nothing"
        )
    return names, fewest

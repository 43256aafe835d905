"""Segmentations to hold the individual rule against: features whose values, combined, are the segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import OptionError, one_of
from cemlab.segmentation.uplift import Uplift

#: The rule of one strategy a segment; where there are several segmentations, each is named by its features.
SEGMENT = "one a segment"


def named(
    segments: Sequence[str] | Sequence[Sequence[str]] | None, features: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the features of each segmentation, by the name of its rule.

    Parameters
    ----------
    segments
        Names of features: one segmentation, whose rule is just :data:`SEGMENT`. Lists of names: one each.
        None: each feature is one.
    features
        Those there are.

    Raises
    ------
    OptionError
        If text is given instead of a list, a name is no feature, or nothing or anything twice is named.
    """
    known = tuple(features)
    if segments is None:
        return {_name([feature]): (feature,) for feature in known}
    given = _listed(segments)
    if all(isinstance(one, str) for one in given):
        return {SEGMENT: _checked(given, known)}
    lists = [_checked(_listed(one), known) for one in given]
    found = {_name(one): one for one in lists}
    if len(found) < len(lists):
        raise OptionError(f"segments is {segments!r}; name each segmentation once")
    return found


def _listed(segments: object) -> list[object]:
    if isinstance(segments, str) or not isinstance(segments, Iterable):
        raise OptionError(f"segments holds {segments!r} where a list is meant, e.g. ('purchases',)")
    given = list(segments)
    if not given:
        raise OptionError("segments names no feature; give one or more, e.g. segments=('purchases',)")
    return given


def _checked(names: list[object], known: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise OptionError(one_of(str(name), known, what="feature for segments"))
    return tuple(dict.fromkeys(map(str, names)))


def _name(features: Sequence[str]) -> str:
    return f"{SEGMENT}: {' × '.join(features)}"


def places_of(
    uplift: Uplift, cells: pd.DataFrame, segmentations: Mapping[str, tuple[str, ...]]
) -> dict[str, NDArray[np.int64]]:
    """Return the number of the segment of each cell, those of the campaigns first, for each segmentation."""
    both = pd.concat([uplift.index, cells], ignore_index=True)
    return {
        rule: np.asarray(both.groupby(list(names), sort=True).ngroup(), dtype=np.int64)
        for rule, names in segmentations.items()
    }

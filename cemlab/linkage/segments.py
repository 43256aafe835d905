"""The segments that a panel's units belong to, or why they cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.spell_columns import require_column
from cemlab.errors import DataError, DesignError
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.markup import join_words, label

if TYPE_CHECKING:
    import ibis.expr.types as ir

Ints = npt.NDArray[np.int64]


def segments_of(frame: ir.Table | pd.DataFrame, *, segment: str, unit: str = "branch") -> dict[str, str]:
    """Return the segment of each unit from a panel's column.

    Parameters
    ----------
    frame
        One row a unit and period, or a unit.
    segment, unit
        Columns of the segment and the unit; the segment is the same in all rows of a unit.

    Returns
    -------
    dict
        Unit to segment, as texts; a unit whose segment is missing has none.

    Raises
    ------
    ColumnError
        If a column is not there.
    DataError
        If a unit lies in two segments.

    Examples
    --------
    >>> segments_of(pd.DataFrame({"branch": ["a", "a", "b"], "format": ["city", "city", "park"]}),
    ...             segment="format")
    {'a': 'city', 'b': 'park'}
    """
    for name in (unit, segment):
        require_column(frame, name, "panel")
    if isinstance(frame, pd.DataFrame):
        pairs = frame[[unit, segment]].drop_duplicates()
    else:
        pairs = frame.select(unit, segment).distinct().to_pandas()
    pairs = pairs.dropna().sort_values([unit, segment])
    twice = pairs[pairs.duplicated(unit)]
    if len(twice):
        first = twice.iloc[0][unit]
        both = list(map(label, pairs.loc[pairs[unit] == first, segment]))
        raise DataError(
            f"panel: {unit} {label(first)} lies in {segment} {join_words(both)}; a unit lies in one segment "
            "throughout. Take the one it had at the start"
        )
    return {str(a): label(b) for a, b in zip(pairs[unit], pairs[segment], strict=True)}


def read_segments(panel: LinkedPanel, segments: Mapping[str, str], name: str) -> tuple[list[str], Ints, bool]:
    """Return the segments' names, the number of each unit's, and whether clusters lie within them."""
    missing = [unit for unit in panel.units if unit not in segments]
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise DataError(f"{len(missing):,} unit(s) have no {name}: {shown}; give each unit one")
    of_unit = [str(segments[unit]) for unit in panel.units]
    names = sorted(set(of_unit))
    if len(names) < 2:
        raise DesignError(f"all units are of one {name}, {names[0]}; a comparison needs two")
    place = np.array([names.index(one) for one in of_unit], dtype=np.int64)
    alone = [one for one, n in zip(names, np.bincount(place), strict=True) if n < 2]
    if alone:
        raise DesignError(
            f"{name} {join_words(alone)}: a single unit; a slope of its own has no error that could be told. "
            "Put it together with another"
        )
    pairs = np.unique(np.column_stack([panel.cluster, place[panel.unit]]), axis=0)
    nested = len(pairs) == len(np.unique(panel.cluster))
    if nested and (np.bincount(pairs[:, 1]) < 2).any():
        few = names[int(np.argmax(np.bincount(pairs[:, 1]) < 2))]
        raise DesignError(f"{name} {few}: a single cluster, from which no error can be told; merge it")
    return names, place, nested


def clusters_segments(panel: LinkedPanel, of_unit: Ints) -> Ints:
    """Return the number of each cluster's segment."""
    stratum = np.empty(int(panel.cluster.max()) + 1, dtype=np.int64)
    stratum[panel.cluster] = of_unit[panel.unit]
    return stratum

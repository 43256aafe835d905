"""The moments of a linked panel within units and periods, without the error of its score."""

from __future__ import annotations

import numpy as np

from cemlab.linkage.linked_panel import Floats, LinkedPanel
from cemlab.stats.half_moments import HalfMoments, half_moments
from cemlab.stats.two_way import within_two_ways


def within_moments(linked: LinkedPanel, columns: Floats) -> HalfMoments:
    """Return moments of the score and of columns (m, k), levels of units and of periods taken out."""
    halved = linked.halves if linked.halves is not None else linked.score[:, None]
    within = within_two_ways(
        np.column_stack([halved, columns]), unit=linked.unit, period=linked.period, weights=linked.weights
    )
    first = halved.shape[1]
    return half_moments(
        within[:, first:],
        first=within[:, 0],
        second=within[:, 1] if first > 1 else None,
        cluster=linked.cluster,
        weights=linked.weights,
    )

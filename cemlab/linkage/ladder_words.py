"""Words of the ladder: what a point is of, intervals that may have no end, and few clusters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cemlab.evidence import Check
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import in_words
from cemlab.markup import number

# Clusters: from fewer, errors by cluster are too small even with their degrees of freedom.
_MANY = 30


def per_point(panel: LinkedPanel) -> str:
    """Return the outcome with its unit."""
    name = in_words(panel.outcome_name)
    return f"{panel.outcome_unit} of {name}" if panel.outcome_unit else name


def interval_words(intervals: Sequence[tuple[float, float]]) -> str:
    """Write a confidence set: an interval, several, one without an end, or none."""
    if not intervals:
        return "none: the instruments contradict each other"
    return " or ".join(_one(low, high) for low, high in intervals)


def _one(low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return "anything"
    if np.isinf(low):
        return f"{number(high)} and less"
    if np.isinf(high):
        return f"{number(low)} and more"
    return f"{number(low)} to {number(high)}"


def few_clusters_check(panel: LinkedPanel) -> Check:
    """Say whether there are clusters enough for errors by cluster, those of great weight counted for less."""
    clusters, worth = panel.n_clusters, clusters_worth(panel)
    enough = worth >= _MANY
    unlike = "" if round(worth) == clusters else f", worth {worth:.0f} of like weight"
    return Check(
        name="number of clusters",
        null="errors by cluster are as large as they should be",
        passed=True if enough else None,
        detail=f"{clusters} clusters{unlike}; intervals by t with {clusters - 1} degrees of freedom.",
        remedy="" if enough else "Of so few, hold intervals against a wild cluster bootstrap.",
    )


def clusters_worth(panel: LinkedPanel) -> float:
    """Return how many clusters of one weight tell as much as these (Kish): all where they are alike."""
    weight = np.bincount(panel.cluster, panel.weights)
    return float(weight.sum() ** 2 / (weight @ weight))

"""Who leaves, when, and what goes with it: the vocabulary of notebook 04."""

from cemlab.survival.contracts import spells
from cemlab.survival.episodes import episodes
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.hazards import hazard_ratios
from cemlab.survival.incidence import CumulativeIncidence, cumulative_incidence
from cemlab.survival.over_time import hazard_ratios_over_time
from cemlab.survival.predicted import PredictedRetention
from cemlab.survival.restricted import RestrictedMeans, restricted_mean
from cemlab.survival.retention import RetentionCurve, retention_curve

__all__ = [
    "CumulativeIncidence",
    "HazardRatios",
    "PredictedRetention",
    "RestrictedMeans",
    "RetentionCurve",
    "cumulative_incidence",
    "episodes",
    "hazard_ratios",
    "hazard_ratios_over_time",
    "restricted_mean",
    "retention_curve",
    "spells",
]

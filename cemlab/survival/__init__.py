"""Who leaves, when, and what goes with it: the vocabulary of notebook 04."""

from cemlab.survival.contracts import spells
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.hazards import hazard_ratios
from cemlab.survival.retention import RetentionCurve, retention_curve

__all__ = ["HazardRatios", "RetentionCurve", "hazard_ratios", "retention_curve", "spells"]

"""Who leaves, when, and what goes with it: the vocabulary of notebook 04."""

from cemlab.survival.beside import experience_changes, parts_possible, valued_spells
from cemlab.survival.contracts import spells
from cemlab.survival.episodes import episodes
from cemlab.survival.falling_hazard import FallingHazard, falling_hazard
from cemlab.survival.hazard_result import HazardRatios
from cemlab.survival.hazards import hazard_ratios
from cemlab.survival.incidence import CumulativeIncidence, cumulative_incidence
from cemlab.survival.margins import RemainingMargin, remaining_margin
from cemlab.survival.onboarding import OnboardingEffect, onboarding_effect
from cemlab.survival.onboarding_lot import onboarding_spells
from cemlab.survival.over_time import hazard_ratios_over_time
from cemlab.survival.periods import PeriodHazards, period_hazards
from cemlab.survival.predicted import PredictedRetention
from cemlab.survival.restricted import RestrictedMeans, restricted_mean
from cemlab.survival.retention import RetentionCurve, retention_curve
from cemlab.survival.shifted import shifted_margin
from cemlab.survival.validation import HeldOutPredictions, predictions_held_out

__all__ = [
    "CumulativeIncidence",
    "FallingHazard",
    "HazardRatios",
    "HeldOutPredictions",
    "OnboardingEffect",
    "PeriodHazards",
    "PredictedRetention",
    "RemainingMargin",
    "RestrictedMeans",
    "RetentionCurve",
    "cumulative_incidence",
    "episodes",
    "experience_changes",
    "falling_hazard",
    "hazard_ratios",
    "hazard_ratios_over_time",
    "onboarding_effect",
    "onboarding_spells",
    "parts_possible",
    "period_hazards",
    "predictions_held_out",
    "remaining_margin",
    "restricted_mean",
    "retention_curve",
    "shifted_margin",
    "spells",
    "valued_spells",
]

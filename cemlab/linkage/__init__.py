"""Is a point of experience worth money: the vocabulary of notebook 11."""

from cemlab.data.intent_behaviour import intent_behaviour
from cemlab.data.linked_months import linked_months
from cemlab.linkage.intent import IntentAgainstBehaviour, intent_against_behaviour
from cemlab.linkage.linked_panel import LinkedPanel, linked_panel
from cemlab.linkage.moderation import SegmentSlopes, slope_by_segment
from cemlab.linkage.penalty_reward import PenaltyReward, penalty_reward
from cemlab.linkage.segments import segments_of
from cemlab.linkage.shape import ShapeOfReturns, shape_of_returns

__all__ = [
    "IntentAgainstBehaviour",
    "LinkedPanel",
    "PenaltyReward",
    "SegmentSlopes",
    "ShapeOfReturns",
    "intent_against_behaviour",
    "intent_behaviour",
    "linked_months",
    "linked_panel",
    "penalty_reward",
    "segments_of",
    "shape_of_returns",
    "slope_by_segment",
]

"""Is a point of experience worth money: the vocabulary of notebook 11."""

from cemlab.data.fees_due import FeesDue, fees_due
from cemlab.data.intent_behaviour import intent_behaviour
from cemlab.data.linked_months import linked_months
from cemlab.data.new_customers import new_customers
from cemlab.data.perceived_value import perceived_value
from cemlab.data.survey_responses import survey_responses
from cemlab.data.tenure_counts import tenure_counts
from cemlab.linkage.at_scale import ValueAtScale, value_at_scale
from cemlab.linkage.elasticities import Elasticities, elasticities
from cemlab.linkage.errors_beside import ErrorsBeside, errors_beside
from cemlab.linkage.fees import fee_effect, net_of_fees
from cemlab.linkage.fees_result import FeeEffect, NetOfFees
from cemlab.linkage.influence import Influence, slope_without_each
from cemlab.linkage.instrument import InstrumentValue, instrument_value
from cemlab.linkage.intent import IntentAgainstBehaviour, intent_against_behaviour
from cemlab.linkage.kpi_blocks import KpiBlocks, kpi_blocks
from cemlab.linkage.ladder import value_of_a_point
from cemlab.linkage.ladder_result import Ladder
from cemlab.linkage.lags import LagProfile, lag_profile
from cemlab.linkage.lifetime import Lifetime, lifetime, rate_a_month
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.mediation import Mediation, mediation
from cemlab.linkage.mediation_sensitivity import MediationSensitivity
from cemlab.linkage.moderation import SegmentSlopes, slope_by_segment
from cemlab.linkage.non_response import non_response
from cemlab.linkage.non_response_result import NonResponse
from cemlab.linkage.omitted import omitted_confounder
from cemlab.linkage.omitted_result import OmittedConfounder
from cemlab.linkage.panel_reading import linked_panel
from cemlab.linkage.penalty_reward import PenaltyReward, penalty_reward
from cemlab.linkage.placebo_leads import PlaceboLeads, placebo_leads
from cemlab.linkage.referral import ReferralValue, referral_value
from cemlab.linkage.rungs import LadderRung
from cemlab.linkage.segments import segments_of
from cemlab.linkage.shape import ShapeOfReturns, shape_of_returns
from cemlab.linkage.survivors import lasting_units, survivor_bias
from cemlab.linkage.survivors_result import SurvivorBias
from cemlab.linkage.value import PricedPoints, customers_lately, priced_points
from cemlab.linkage.way_columns import BEHAVIOURS, with_behaviours
from cemlab.linkage.ways import Ways, ways

__all__ = [
    "BEHAVIOURS",
    "Elasticities",
    "ErrorsBeside",
    "FeeEffect",
    "FeesDue",
    "Influence",
    "InstrumentValue",
    "IntentAgainstBehaviour",
    "KpiBlocks",
    "Ladder",
    "LadderRung",
    "LagProfile",
    "Lifetime",
    "LinkedPanel",
    "Mediation",
    "MediationSensitivity",
    "NetOfFees",
    "NonResponse",
    "OmittedConfounder",
    "PenaltyReward",
    "PlaceboLeads",
    "PricedPoints",
    "ReferralValue",
    "SegmentSlopes",
    "ShapeOfReturns",
    "SurvivorBias",
    "ValueAtScale",
    "Ways",
    "customers_lately",
    "elasticities",
    "errors_beside",
    "fee_effect",
    "fees_due",
    "instrument_value",
    "intent_against_behaviour",
    "intent_behaviour",
    "kpi_blocks",
    "lag_profile",
    "lasting_units",
    "lifetime",
    "linked_months",
    "linked_panel",
    "mediation",
    "net_of_fees",
    "new_customers",
    "non_response",
    "omitted_confounder",
    "penalty_reward",
    "perceived_value",
    "placebo_leads",
    "priced_points",
    "rate_a_month",
    "referral_value",
    "segments_of",
    "shape_of_returns",
    "slope_by_segment",
    "slope_without_each",
    "survey_responses",
    "survivor_bias",
    "tenure_counts",
    "value_at_scale",
    "value_of_a_point",
    "ways",
    "with_behaviours",
]

"""What do we do with this customer? The vocabulary of notebook 01."""

from cemlab.data.campaign_cells import CampaignCells, Population, campaign_cells, population_cells
from cemlab.segmentation.clusters import ClusterChoice, clusters
from cemlab.segmentation.message_mix import MessageMix, message_mix
from cemlab.segmentation.policies import PolicyValues, policy_values
from cemlab.segmentation.profiles import Profiles, profiles
from cemlab.segmentation.recommend import Recommendations, recommend
from cemlab.segmentation.recommend_precision import Precision, precision_at_k
from cemlab.segmentation.reliability import Reliability, reliability
from cemlab.segmentation.rfm import RFM, rfm
from cemlab.segmentation.strategies import Strategies, strategies
from cemlab.segmentation.styles import Styles, styles
from cemlab.segmentation.uplift import Uplift, uplift
from cemlab.segmentation.value_map import ValueMap, value_map

__all__ = [
    "RFM",
    "CampaignCells",
    "ClusterChoice",
    "MessageMix",
    "PolicyValues",
    "Population",
    "Precision",
    "Profiles",
    "Recommendations",
    "Reliability",
    "Strategies",
    "Styles",
    "Uplift",
    "ValueMap",
    "campaign_cells",
    "clusters",
    "message_mix",
    "policy_values",
    "population_cells",
    "precision_at_k",
    "profiles",
    "recommend",
    "reliability",
    "rfm",
    "strategies",
    "styles",
    "uplift",
    "value_map",
]

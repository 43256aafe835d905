"""What do we do with this customer? The vocabulary of notebook 01."""

from cemlab.segmentation.message_mix import MessageMix, message_mix
from cemlab.segmentation.recommend import Recommendations, recommend
from cemlab.segmentation.recommend_precision import Precision, precision_at_k
from cemlab.segmentation.rfm import RFM, rfm
from cemlab.segmentation.styles import Styles, styles
from cemlab.segmentation.value_map import ValueMap, value_map

__all__ = [
    "RFM",
    "MessageMix",
    "Precision",
    "Recommendations",
    "Styles",
    "ValueMap",
    "message_mix",
    "precision_at_k",
    "recommend",
    "rfm",
    "styles",
    "value_map",
]

"""What do we do with this customer? The vocabulary of notebook 01."""

from cemlab.segmentation.rfm import RFM, rfm
from cemlab.segmentation.styles import Styles, styles
from cemlab.segmentation.value_map import ValueMap, value_map

__all__ = ["RFM", "Styles", "ValueMap", "rfm", "styles", "value_map"]

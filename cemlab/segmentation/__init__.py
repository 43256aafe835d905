"""What do we do with this customer? The vocabulary of notebook 01."""

from cemlab.segmentation.styles import Styles, styles

__all__ = ["Styles", "styles"]

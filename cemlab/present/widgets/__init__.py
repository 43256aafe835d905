"""Controls to try other values of an analysis; a notebook is complete without them."""

from cemlab.present.widgets.controls import Control, choice, slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.present.widgets.loyalty import loyalty_explorer
from cemlab.present.widgets.saves import save_explorer
from cemlab.present.widgets.strategies import strategy_explorer
from cemlab.present.widgets.survival import margin_explorer

__all__ = [
    "Control",
    "Explorer",
    "choice",
    "loyalty_explorer",
    "margin_explorer",
    "save_explorer",
    "slider",
    "strategy_explorer",
]

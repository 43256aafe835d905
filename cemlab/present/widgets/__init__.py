"""Controls to try other values of an analysis; a notebook is complete without them."""

from cemlab.present.widgets.business_case import case_explorer
from cemlab.present.widgets.confounder import confounder_explorer
from cemlab.present.widgets.controls import Control, choice, slider
from cemlab.present.widgets.explorer import Explorer
from cemlab.present.widgets.linkage import curve_explorer, lag_explorer
from cemlab.present.widgets.loyalty import loyalty_explorer
from cemlab.present.widgets.points import fee_explorer, points_explorer
from cemlab.present.widgets.saves import save_explorer
from cemlab.present.widgets.strategies import strategy_explorer
from cemlab.present.widgets.survival import margin_explorer
from cemlab.present.widgets.training import event_explorer, plan_explorer

__all__ = [
    "Control",
    "Explorer",
    "case_explorer",
    "choice",
    "confounder_explorer",
    "curve_explorer",
    "event_explorer",
    "fee_explorer",
    "lag_explorer",
    "loyalty_explorer",
    "margin_explorer",
    "plan_explorer",
    "points_explorer",
    "save_explorer",
    "slider",
    "strategy_explorer",
]

"""Did we lose them, or was it arithmetic? The vocabulary of notebook 03."""

from cemlab.loyalty.decomposition import Decomposition, decompose
from cemlab.loyalty.defection import Defection, defection
from cemlab.loyalty.excess import Excess, excess
from cemlab.loyalty.falling import chance_of_so_few
from cemlab.loyalty.fates import Fates, fates
from cemlab.loyalty.growth import Growth, growth
from cemlab.loyalty.histories import BuyingHistories, buying_histories, last_purchase, two_periods
from cemlab.loyalty.market_fit import published_market, stated_market, stationary_market
from cemlab.loyalty.market_null import StationaryMarket
from cemlab.loyalty.panels import BrandPanel, panel
from cemlab.loyalty.switching import Switching, switching
from cemlab.loyalty.switching_moves import LoyalMoves, calendar_years, loyal_moves, panel_years
from cemlab.loyalty.transitions import LoyaltyTransitions, transitions
from cemlab.loyalty.watch import Watchlist, watch

__all__ = [
    "BrandPanel",
    "BuyingHistories",
    "Decomposition",
    "Defection",
    "Excess",
    "Fates",
    "Growth",
    "LoyalMoves",
    "LoyaltyTransitions",
    "StationaryMarket",
    "Switching",
    "Watchlist",
    "buying_histories",
    "calendar_years",
    "chance_of_so_few",
    "decompose",
    "defection",
    "excess",
    "fates",
    "growth",
    "last_purchase",
    "loyal_moves",
    "panel",
    "panel_years",
    "published_market",
    "stated_market",
    "stationary_market",
    "switching",
    "transitions",
    "two_periods",
    "watch",
]

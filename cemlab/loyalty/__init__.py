"""Did we lose them, or was it arithmetic? The vocabulary of notebook 03."""

from cemlab.loyalty.defection import Defection, defection
from cemlab.loyalty.histories import BuyingHistories, buying_histories, last_purchase, two_periods
from cemlab.loyalty.transitions import LoyaltyTransitions, transitions

__all__ = [
    "BuyingHistories",
    "Defection",
    "LoyaltyTransitions",
    "buying_histories",
    "defection",
    "last_purchase",
    "transitions",
    "two_periods",
]

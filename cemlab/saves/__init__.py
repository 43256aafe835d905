"""Save teams: signals of leaving, what offers change, whom to make one, and which."""

from cemlab.saves.policies import SavePolicies, save_policies
from cemlab.saves.signals import LeavingSignals, leaving_signals
from cemlab.saves.situational import SituationalOffers, situational_offers
from cemlab.saves.uplift import SaveUplift, save_uplift

__all__ = [
    "LeavingSignals",
    "SavePolicies",
    "SaveUplift",
    "SituationalOffers",
    "leaving_signals",
    "save_policies",
    "save_uplift",
    "situational_offers",
]

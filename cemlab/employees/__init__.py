"""Who lifts whom, staff or customers: the vocabulary of notebook 10."""

from cemlab.data.engagement_months import engagement_months, person_months
from cemlab.employees.engagement_ratio import EngagementRatio, engagement_ratio
from cemlab.employees.mirror import Mirror, mirror
from cemlab.employees.people_leaving import PeopleLeaving, people_leaving
from cemlab.employees.profit_chain import SEARS, Link, ProfitChain, profit_chain
from cemlab.employees.replacement import ReplacementCost, replacement_cost
from cemlab.employees.turnover import TurnoverAndExperience, turnover_and_experience

__all__ = [
    "SEARS",
    "EngagementRatio",
    "Link",
    "Mirror",
    "PeopleLeaving",
    "ProfitChain",
    "ReplacementCost",
    "TurnoverAndExperience",
    "engagement_months",
    "engagement_ratio",
    "mirror",
    "people_leaving",
    "person_months",
    "profit_chain",
    "replacement_cost",
    "turnover_and_experience",
]

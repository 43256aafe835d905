"""Who lifts whom, staff or customers: the vocabulary of notebook 10."""

from cemlab.data.employee_contacts import employee_contacts
from cemlab.data.engagement_months import engagement_months, person_months
from cemlab.data.problem_types import problem_counts
from cemlab.employees.discretion_at_contact import DiscretionAtContact, discretion_at_contact
from cemlab.employees.engagement_ratio import EngagementRatio, engagement_ratio
from cemlab.employees.first_contact import FirstContact, first_contact
from cemlab.employees.leaving_with import LeavingWith, leaving_with
from cemlab.employees.mirror import Mirror, mirror
from cemlab.employees.people_leaving import PeopleLeaving, people_leaving
from cemlab.employees.problem_types import ProblemDrift, ProblemVariety, problem_drift, problem_variety
from cemlab.employees.profit_chain import SEARS, Link, ProfitChain, profit_chain
from cemlab.employees.replacement import ReplacementCost, replacement_cost
from cemlab.employees.turnover import TurnoverAndExperience, turnover_and_experience
from cemlab.employees.who_makes_it import WhoMakesIt, who_makes_it

__all__ = [
    "SEARS",
    "DiscretionAtContact",
    "EngagementRatio",
    "FirstContact",
    "LeavingWith",
    "Link",
    "Mirror",
    "PeopleLeaving",
    "ProblemDrift",
    "ProblemVariety",
    "ProfitChain",
    "ReplacementCost",
    "TurnoverAndExperience",
    "WhoMakesIt",
    "discretion_at_contact",
    "employee_contacts",
    "engagement_months",
    "engagement_ratio",
    "first_contact",
    "leaving_with",
    "mirror",
    "people_leaving",
    "person_months",
    "problem_counts",
    "problem_drift",
    "problem_variety",
    "profit_chain",
    "replacement_cost",
    "turnover_and_experience",
    "who_makes_it",
]

"""Who lifts whom, staff or customers: the vocabulary of notebook 10."""

from cemlab.data.engagement_months import engagement_months, person_months
from cemlab.employees.mirror import Mirror, mirror

__all__ = [
    "Mirror",
    "engagement_months",
    "mirror",
    "person_months",
]

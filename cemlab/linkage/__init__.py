"""Is a point of experience worth money: the vocabulary of notebook 11."""

from cemlab.data.linked_months import linked_months
from cemlab.linkage.linked_panel import LinkedPanel, linked_panel

__all__ = ["LinkedPanel", "linked_months", "linked_panel"]

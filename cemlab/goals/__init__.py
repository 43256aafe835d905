"""What are we changing: the tree of goals, the map of levers, and the ledger of assumptions."""

from __future__ import annotations

from cemlab.goals.ledger import Ledger, ledger
from cemlab.goals.levers import LeverMap, lever_map
from cemlab.goals.readiness import Readiness, readiness
from cemlab.goals.tree import GoalTree, goal_tree
from cemlab.goals.views import ThreeViews, three_views

__all__ = [
    "GoalTree",
    "Ledger",
    "LeverMap",
    "Readiness",
    "ThreeViews",
    "goal_tree",
    "ledger",
    "lever_map",
    "readiness",
    "three_views",
]

"""Did the training of the front line work: the vocabulary of notebook 09."""

from cemlab.data.branch_panel import branch_panel
from cemlab.training.aggregates import AveragedEffects
from cemlab.training.beside import MethodsBeside, methods_beside
from cemlab.training.effects import GroupTimeEffects, group_time_effects
from cemlab.training.few_branches import FewBranchesTest, few_branches_test
from cemlab.training.gate import causal_claim
from cemlab.training.roll_out import RollOut, roll_out
from cemlab.training.sensitivity import TrendSensitivity, trend_sensitivity
from cemlab.training.trends import PreTrends, pre_trends
from cemlab.training.two_groups import GroupMeans, difference_in_means, two_by_two
from cemlab.training.weights_shown import TwoWayWeights, two_way_weights

__all__ = [
    "AveragedEffects",
    "FewBranchesTest",
    "GroupMeans",
    "GroupTimeEffects",
    "MethodsBeside",
    "PreTrends",
    "RollOut",
    "TrendSensitivity",
    "TwoWayWeights",
    "branch_panel",
    "causal_claim",
    "difference_in_means",
    "few_branches_test",
    "group_time_effects",
    "methods_beside",
    "pre_trends",
    "roll_out",
    "trend_sensitivity",
    "two_by_two",
    "two_way_weights",
]

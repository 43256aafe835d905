"""Did the training of the front line work: the vocabulary of notebook 09."""

from cemlab.data.branch_panel import branch_panel
from cemlab.training.aggregates import AveragedEffects
from cemlab.training.balance_before import Balance, balance
from cemlab.training.beside import MethodsBeside, methods_beside
from cemlab.training.discretion import ByDiscretion, by_discretion
from cemlab.training.effects import GroupTimeEffects, group_time_effects
from cemlab.training.few_branches import FewBranchesTest, few_branches_test
from cemlab.training.gate import causal_claim
from cemlab.training.leaving_out import LeaveOneOut, leave_one_out
from cemlab.training.placebo_tests import Placebos, placebos
from cemlab.training.planner import plan_study
from cemlab.training.recorded_levels import Levels, levels
from cemlab.training.roll_out import RollOut, roll_out
from cemlab.training.sensitivity import TrendSensitivity, trend_sensitivity
from cemlab.training.spill_over_regions import SpillOver, spill_over
from cemlab.training.study_plan import StudyPlan
from cemlab.training.trained_staying import Staying, staying
from cemlab.training.trends import PreTrends, pre_trends
from cemlab.training.two_groups import GroupMeans, difference_in_means, two_by_two
from cemlab.training.way_outcomes import OnTheWay, on_the_way
from cemlab.training.weights_shown import TwoWayWeights, two_way_weights

__all__ = [
    "AveragedEffects",
    "Balance",
    "ByDiscretion",
    "FewBranchesTest",
    "GroupMeans",
    "GroupTimeEffects",
    "LeaveOneOut",
    "Levels",
    "MethodsBeside",
    "OnTheWay",
    "Placebos",
    "PreTrends",
    "RollOut",
    "SpillOver",
    "Staying",
    "StudyPlan",
    "TrendSensitivity",
    "TwoWayWeights",
    "balance",
    "branch_panel",
    "by_discretion",
    "causal_claim",
    "difference_in_means",
    "few_branches_test",
    "group_time_effects",
    "leave_one_out",
    "levels",
    "methods_beside",
    "on_the_way",
    "placebos",
    "plan_study",
    "pre_trends",
    "roll_out",
    "spill_over",
    "staying",
    "trend_sensitivity",
    "two_by_two",
    "two_way_weights",
]

"""Did the training of the front line work: the vocabulary of notebook 09."""

from cemlab.data.branch_panel import branch_panel
from cemlab.training.roll_out import RollOut, roll_out

__all__ = ["RollOut", "branch_panel", "roll_out"]

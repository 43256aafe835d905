"""Marking: an answer held against what is known of the simulated company; the solution stays hidden."""

from cemlab.marking.checking import check
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.marking.mark import Mark

__all__ = ["Exercise", "Mark", "Tolerance", "Trap", "check"]

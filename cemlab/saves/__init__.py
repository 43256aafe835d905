"""Save teams: signals of leaving, what offers change, whom to make one, and which."""

from cemlab.saves.signals import LeavingSignals, leaving_signals

__all__ = ["LeavingSignals", "leaving_signals"]

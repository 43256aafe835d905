"""The ``cemlab.toml`` that is proposed for a folder: guesses with their reasons and doubts, never applied."""

from cemlab.data.intake.proposal.writing import propose_for

__all__ = ["propose_for"]

"""How far off an answer is, in words that are too coarse to calculate the solution from."""

from __future__ import annotations

from cemlab.marking.exercise import Tolerance

# Upper edges of how far an answer lies from the truth, as a part of the truth; the words hold at both edges.
_BANDS = ((0.1, "less than a tenth"), (0.25, "a tenth to a quarter"), (0.5, "a quarter to a half"))
# Upper edges of answer / truth where it is larger still.
_MULTIPLES = (
    (2.0, "one and a half times to twice as large as it should be"),
    (5.0, "two to five times as large as it should be"),
    (float("inf"), "more than five times as large as it should be"),
)
# Upper edges of answer / truth where it is smaller still.
_PARTS = ((0.2, "less than a fifth of what it should be"), (0.5, "a fifth to a half of what it should be"))


def how_far(value: float, *, truth: float, tolerance: Tolerance) -> str:
    """Return direction and rough size of an error.

    Examples
    --------
    >>> how_far(0.9, truth=0.3, tolerance=Tolerance(size=0.01))
    'two to five times as large as it should be'
    >>> how_far(0.27, truth=0.36, tolerance=Tolerance(size=0.01))
    'too low by a tenth to a quarter'
    """
    if abs(truth) <= tolerance.size:  # against nearly nothing, no multiple says anything
        return "too high" if value > truth else "too low"
    if value * truth < 0:
        return "on the wrong side of zero"
    if value == 0:
        return "zero, and should not be"
    if truth > 0:
        return _size(value / truth, larger="too high", smaller="too low")
    # below zero, larger in size is lower
    words = _size(value / truth, larger="too large", smaller="too small")
    return f"on the right side of zero, but in size {words}"


def _size(multiple: float, *, larger: str, smaller: str) -> str:
    """Say how large an answer is as a multiple of the truth."""
    by = next((words for edge, words in _BANDS if abs(multiple - 1) <= edge + 1e-12), None)
    if by is not None:
        return f"{larger if multiple > 1 else smaller} by {by}"
    return next(words for edge, words in (_MULTIPLES if multiple > 1 else _PARTS) if multiple <= edge)

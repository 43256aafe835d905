"""How far off an answer is, in words that are too coarse to calculate the solution from."""

from __future__ import annotations

from cemlab.marking.exercise import Tolerance

# Upper edges of answer / truth, or of truth / answer, with the words for too high and too low.
_BANDS = (
    (1.15, "a little too high", "a little too low"),
    (1.6, "too high by roughly a third", "too low by roughly a third"),
    (2.0, "too high, by not quite the double", "too low, by not quite a half"),
    (5.0, "more than twice as large as it should be", "less than half of what it should be"),
    (float("inf"), "many times too large", "only a small part of what it should be"),
)


def how_far(value: float, *, truth: float, tolerance: Tolerance) -> str:
    """Return direction and rough size of an error.

    Examples
    --------
    >>> how_far(0.9, truth=0.3, tolerance=Tolerance(size=0.01))
    'more than twice as large as it should be'
    """
    high = value > truth
    if abs(truth) <= tolerance.size:  # against nearly nothing, no multiple says anything
        return "too high" if high else "too low"
    if value * truth < 0:
        return "on the wrong side of zero"
    if value == 0:
        return "zero, and should not be"
    larger = abs(value) > abs(truth)
    factor = abs(value / truth) if larger else abs(truth / value)
    _, too_large, too_small = next(band for band in _BANDS if factor <= band[0])
    if truth > 0:
        return too_large if larger else too_small
    # below zero, larger in size is lower
    return f"on the right side of zero, but in size {too_large if larger else too_small}"

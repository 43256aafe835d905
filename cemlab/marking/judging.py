"""Judging an answer that has the right form: right, a known wrong road, or how far off."""

from __future__ import annotations

from collections.abc import Mapping

from cemlab.marking.exercise import Exercise, Trap, Value
from cemlab.marking.mark import Mark
from cemlab.marking.wording import how_far

# How far a figure may be rounded and still be the printed one: three digits, as on the page.
_ROUNDED = 0.003
_PERCENT = "This looks like a percentage: divide it by a hundred."


def judge(exercise: Exercise, answer: Value, *, truth: Value, traps: Mapping[str, Value]) -> Mark:
    """Return the mark of an answer.

    Parameters
    ----------
    exercise
        What was asked.
    answer
        In the form that it asks for.
    truth
        The right value.
    traps
        The value that each trap leads to, by its name; one that leads nowhere here is not among them.
    """
    told = exercise.tolerance.told(exercise.form)
    if _close(exercise, answer, truth):
        if (lucky := _printed(exercise, answer, traps)) is not None:
            said = f"This looks like {lucky.name}: {lucky.hint}"
            return Mark(right=False, message=f"{said} Asked was {exercise.asks}.")
        known = "comes out of the tables" if exercise.counted else "is known of this company"
        return Mark(right=True, message=f"the answer agrees with what {known}, {told}.")
    road = looks_like(exercise, answer, traps=traps)
    if road is None:
        road = _PERCENT if _is_percent(exercise, answer, truth) else exercise.hint
    asked = f"Asked was {exercise.asks}; right is what comes {told}."
    if exercise.form == "text":
        asked = f"Asked was {exercise.asks}."
    return Mark(right=False, message=f"{_off(exercise, answer, truth)} {road} {asked}")


def looks_like(exercise: Exercise, answer: Value, *, traps: Mapping[str, Value]) -> str | None:
    """Return what is said of the wrong road that leads to an answer, if one does."""
    trap = _trap(exercise, answer, traps)
    return f"This looks like {trap.name}: {trap.hint}" if trap else None


def _is_percent(exercise: Exercise, answer: Value, truth: Value) -> bool:
    """Tell whether an answer would be right if it were divided by a hundred."""
    if isinstance(answer, float | int) and isinstance(truth, float | int):
        return exercise.tolerance.holds(answer / 100, truth=truth)
    return False


def _close(exercise: Exercise, answer: Value, other: Value) -> bool:
    """Tell whether an answer is another value, within the tolerance."""
    if isinstance(answer, str) or isinstance(other, str):
        return _plain(answer) == _plain(other)
    if isinstance(answer, Mapping) and isinstance(other, Mapping):
        return all(exercise.tolerance.holds(answer[name], truth=other[name]) for name in other)
    if isinstance(answer, Mapping) or isinstance(other, Mapping):
        return False
    return exercise.tolerance.holds(answer, truth=other)


def _plain(text: object) -> str:
    """Return a text without its dress; an arrow may be written with a hyphen."""
    arrows = str(text).casefold().replace("->", " → ").replace("→", " → ")
    return " ".join(arrows.replace("-", " ").strip(" .“”\"'").split())


def _trap(exercise: Exercise, answer: Value, traps: Mapping[str, Value]) -> Trap | None:
    """Return the nearest trap within the tolerance, if any."""
    there = [trap for trap in exercise.traps if trap.name in traps]
    caught = [trap for trap in there if _close(exercise, answer, traps[trap.name])]
    return min(caught, key=lambda trap: _distance(answer, traps[trap.name]), default=None)


def _printed(exercise: Exercise, answer: Value, traps: Mapping[str, Value]) -> Trap | None:
    """Return the road whose printed figure this is to three digits, if any."""
    for trap in exercise.traps:
        other = traps.get(trap.name) if trap.printed else None
        if isinstance(other, float | int) and _distance(answer, other) <= _ROUNDED * abs(other):
            return trap
    return None


def _distance(answer: Value, other: Value) -> float:
    if isinstance(answer, Mapping) and isinstance(other, Mapping):
        return max(abs(answer[name] - other[name]) for name in other)
    if isinstance(answer, float | int) and isinstance(other, float | int):
        return abs(answer - other)
    return 0.0


def _off(exercise: Exercise, answer: Value, truth: Value) -> str:
    if isinstance(answer, float | int) and isinstance(truth, float | int):
        return f"the answer is {how_far(answer, truth=truth, tolerance=exercise.tolerance)}."
    if isinstance(truth, Mapping):  # not which: whoever is told could find the others one by one
        return "not all values are right."
    return "that is not the one."

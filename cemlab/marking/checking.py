"""``cemlab.check``: find the exercise and the truth, read the answer, and say what is to be said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cemlab.errors import CemlabError, DesignError, NotFoundError, one_of
from cemlab.marking.answers import AnswerFormError, read_answer, unanswered
from cemlab.marking.exercise import Exercise, Truth, Value
from cemlab.marking.judging import judge, looks_like
from cemlab.marking.mark import Mark

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate import Halden

_FILES = "exercises_"

# How it shows that a company lacks what a truth or a trap needs, e.g. anybody who left.
_NOT_COMPUTABLE = (CemlabError, ZeroDivisionError)

# What a road leads to on a simulated company, computed once in this process.
_known: dict[tuple[str, str, Halden], Value] = {}


def check(number: str, answer: object, company: Company | None = None) -> Mark:
    """Mark an answer to an exercise or a check cell, without giving the solution away.

    Parameters
    ----------
    number
        The notebook and the exercise, e.g. ``"03.2"``; a check cell of the text has a letter.
    answer
        What was found; the exercise says in which form.
    company
        What it was found on; if not given, the company that :func:`cemlab.simulate.company_for` opened last.

    Returns
    -------
    Mark
        ``right`` is None where nothing can be marked: before there is an answer, on real data, of which no
        truth is known, and on a simulated company of which the truth cannot be computed.

    Raises
    ------
    NotFoundError
        If there is no such exercise; the line lists those of the notebook.

    Examples
    --------
    >>> check("03.1", None).right is None
    True
    """
    exercise = find(number)
    if unanswered(answer):
        return Mark(right=None, message=f"not answered yet. Asked is {exercise.asks}.")
    from cemlab.simulate.opening import halden_of, opened

    company = opened() if company is None else company
    if company is None:
        said = "no company is open yet; run the cell with cemlab.simulate.company_for(data) first."
        return Mark(right=None, message=said)
    try:
        halden = halden_of(company)
    except DesignError as error:
        why = str(error).rpartition(", so ")[0] or str(error)
        return Mark(right=None, message=f"there is no truth to mark against: {why}.")

    def known(road: str, value: Truth) -> Value:
        key = (exercise.number, road, halden)
        if key not in _known:
            _known[key] = value(company)
        return _known[key]

    return _marked(exercise, answer, known)


def _marked(exercise: Exercise, answer: object, known: Callable[[str, Truth], Value]) -> Mark:
    try:
        truth = known("", exercise.truth)
    except _NOT_COMPUTABLE as error:
        return Mark(right=None, message=f"cannot be marked on this company: {str(error).rstrip('.')}.")
    if _has_gap(truth):
        said = "cannot be marked on this company: what is asked cannot be estimated here."
        return Mark(right=None, message=said)
    names = tuple(truth) if isinstance(truth, Mapping) else ()
    traps = _traps(exercise, known)
    try:
        given = read_answer(exercise, answer, names=names)
    except AnswerFormError as error:
        road = _road_of_another_form(exercise, answer, traps=traps, names=names)
        return Mark(right=False, message=f"{road or f'{error}.'} Asked is {exercise.asks}.")
    return judge(exercise, given, truth=truth, traps=traps)


def _traps(exercise: Exercise, known: Callable[[str, Truth], Value]) -> dict[str, Value]:
    """Return where the wrong roads lead to; one that leads nowhere on this company is left out."""
    values = {}
    for trap in exercise.traps:
        with suppress(*_NOT_COMPUTABLE):
            values[trap.name] = known(trap.name, trap.value)
    return values


def _road_of_another_form(
    exercise: Exercise, answer: object, *, traps: Mapping[str, Value], names: tuple[str, ...]
) -> str | None:
    """Return what is said where an answer is no share but, say, the count that a wrong road leads to."""
    try:
        figure = read_answer(replace(exercise, form="number"), answer, names=names)
    except AnswerFormError:
        return None
    return looks_like(exercise, figure, traps=traps)


def _has_gap(truth: Value) -> bool:
    values = truth.values() if isinstance(truth, Mapping) else [truth]
    return any(isinstance(value, float) and math.isnan(value) for value in values)


def find(number: str) -> Exercise:
    """Return the exercise with a number.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    notebook = str(number).strip().partition(".")[0]
    there = {exercise.number: exercise for exercise in exercises(notebook)}
    if str(number).strip() not in there:
        raise NotFoundError(one_of(number, there, what=f"exercise of notebook {notebook}"))
    return there[str(number).strip()]


def notebooks_with_exercises() -> tuple[str, ...]:
    """Return the numbers of the notebooks whose exercises can be marked."""
    files = sorted(Path(__file__).parent.glob(f"{_FILES}*.py"))
    return tuple(file.stem.removeprefix(_FILES) for file in files)


def exercises(notebook: str) -> tuple[Exercise, ...]:
    """Return the exercises and check cells of a notebook.

    Raises
    ------
    NotFoundError
        If it is none of :func:`notebooks_with_exercises`.
    """
    notebooks = notebooks_with_exercises()
    if notebook not in notebooks:  # nothing is imported but a file that stands beside this one
        raise NotFoundError(one_of(notebook, notebooks, what="notebook with exercises to mark"))
    module = import_module(f"cemlab.marking.{_FILES}{notebook}")
    found: tuple[Exercise, ...] = module.EXERCISES
    return found

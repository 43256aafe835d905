"""``cemlab.check``: find the exercise and the truth, read the answer, and say what is to be said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cemlab.errors import DesignError, NotFoundError, one_of
from cemlab.marking.answers import AnswerFormError, read_answer, unanswered
from cemlab.marking.exercise import Exercise, Truth, Value
from cemlab.marking.judging import judge
from cemlab.marking.mark import Mark

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate import Halden

_FILES = "exercises_"

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
        ``right`` is None where nothing can be marked: before there is an answer, and on real data, of which
        no truth is known.

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
    truth = known("", exercise.truth)
    names = tuple(truth) if isinstance(truth, Mapping) else ()
    try:
        given = read_answer(exercise, answer, names=names)
    except AnswerFormError as error:
        return Mark(right=False, message=f"{error}. Asked is {exercise.asks}.")
    return judge(
        exercise,
        given,
        truth=truth,
        traps={trap.name: known(trap.name, trap.value) for trap in exercise.traps},
    )


def find(number: str) -> Exercise:
    """Return the exercise with a number.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    notebook = str(number).strip().partition(".")[0]
    notebooks = notebooks_with_exercises()
    if notebook not in notebooks:
        raise NotFoundError(one_of(notebook, notebooks, what="notebook with exercises to mark"))
    there = {exercise.number: exercise for exercise in exercises(notebook)}
    if str(number).strip() not in there:
        raise NotFoundError(one_of(number, there, what=f"exercise of notebook {notebook}"))
    return there[str(number).strip()]


def notebooks_with_exercises() -> tuple[str, ...]:
    """Return the numbers of the notebooks whose exercises can be marked."""
    files = sorted(Path(__file__).parent.glob(f"{_FILES}*.py"))
    return tuple(file.stem.removeprefix(_FILES) for file in files)


def exercises(notebook: str) -> tuple[Exercise, ...]:
    """Return the exercises and check cells of a notebook, one of :func:`notebooks_with_exercises`."""
    module = import_module(f"cemlab.marking.{_FILES}{notebook}")
    found: tuple[Exercise, ...] = module.EXERCISES
    return found

"""Reading an answer: a number, a text, or one number a name, or else a kind word on its form."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from cemlab.errors import CemlabError
from cemlab.marking.exercise import Exercise, Value
from cemlab.markup import is_missing, join_words, label

_FORMS = {
    "share": "a share between 0 and 1",
    "difference of shares": "a difference of two shares, between -1 and 1",
    "number": "a number",
    "text": "a text",
}


class AnswerFormError(CemlabError, ValueError):
    """The answer has another form than the exercise asks for; the line says which."""


def read_answer(exercise: Exercise, answer: object, *, names: tuple[str, ...] = ()) -> Value:
    """Return an answer in the form that an exercise asks for.

    Parameters
    ----------
    exercise
        Which says the form.
    answer
        Whatever somebody handed in.
    names
        The names for each of which a value is asked; empty where one value is.

    Raises
    ------
    AnswerFormError
        If it has another form.
    """
    if exercise.by is not None:
        return _named(exercise, answer, names)
    single = _single(answer, _FORMS[exercise.form])
    if exercise.form == "text":
        if not isinstance(single, str):
            raise AnswerFormError(f"this is {_kind(single)}; a text is asked, in quotation marks")
        return single
    return _figure(exercise, single)


def unanswered(answer: object) -> bool:
    """Tell whether there is no answer yet."""
    return answer is None or answer is ... or (isinstance(answer, str) and not answer.strip())


def _single(answer: Any, asked: str) -> Any:
    """Return the one value of an answer, which may be wrapped in a column of one row."""
    several = isinstance(answer, Mapping | pd.DataFrame)
    if not several and isinstance(answer, pd.Series | pd.Index | np.ndarray | list | tuple | set):
        values = np.asarray(list(answer) if isinstance(answer, set) else answer, dtype=object).ravel()
        if len(values) == 1:
            return values[0]
        several = True
    if several:
        raise AnswerFormError(f"this is {_kind(answer)}; {asked} is asked, one value and not several")
    return answer


def _named(exercise: Exercise, answer: Any, names: tuple[str, ...]) -> dict[str, float]:
    wanted = f"one value for each {exercise.by}: {join_words(names)}"
    if not isinstance(answer, Mapping | pd.Series):
        raise AnswerFormError(f"this is {_kind(answer)}; a Series or a dict is asked, {wanted}")
    given = {label(name): value for name, value in answer.items()}
    if len(given) < len(answer):
        raise AnswerFormError(f"a name stands twice in the answer; asked is {wanted}")
    missing, strange = [n for n in names if n not in given], [n for n in given if n not in names]
    if missing or strange:
        lacks = f"there is none for {join_words(missing)}" if missing else f"{strange[0]!r} is not asked"
        raise AnswerFormError(
            f"the answer holds {len(given)} of {len(names)} values: {lacks}; asked is {wanted}"
        )
    return {name: _figure(exercise, given[name]) for name in names}


def _figure(exercise: Exercise, value: Any) -> float:
    asked = _FORMS[exercise.form]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real | Decimal):
        if is_missing(value):
            raise AnswerFormError(f"the value is missing (NaN); {asked} is asked")
        raise AnswerFormError(f"this is {_kind(value)}; {asked} is asked")
    figure = float(value)
    if math.isnan(figure):
        raise AnswerFormError(f"the value is missing (NaN); {asked} is asked")
    if math.isinf(figure):
        raise AnswerFormError(f"the value is infinite; was something divided by zero? {asked} is asked")
    lowest = 0.0 if exercise.form == "share" else -1.0
    if exercise.form != "number" and not lowest <= figure <= 1:
        if 1 < abs(figure) <= 100 and (figure > 0 or lowest < 0):
            raise AnswerFormError(
                f"this looks like a percentage or a count; {asked} is asked: divide a percentage by a hundred"
            )
        raise AnswerFormError(f"the value is not possible here; {asked} is asked")
    return figure


def _kind(value: object) -> str:
    """Say what somebody handed in, without a word of what is in it."""
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, numbers.Number):
        return "a number"
    if isinstance(value, pd.DataFrame):
        return f"a table of {len(value)} rows"
    if isinstance(value, pd.Series | pd.Index | np.ndarray | Mapping | list | tuple | set):
        return f"a collection of {np.size(value) if isinstance(value, np.ndarray) else len(value)} values"
    return f"an object of the kind {type(value).__name__}"

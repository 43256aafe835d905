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


_COLLECTIONS: tuple[type[Any], ...] = (
    pd.Series,
    pd.Index,
    np.ndarray,
    pd.api.extensions.ExtensionArray,
    list,
    tuple,
    set,
    frozenset,
)


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
    if "→" in exercise.asks:
        answer = _arrow_of(answer)
    single = _single(answer, _FORMS[exercise.form])
    if exercise.form == "text":
        if not isinstance(single, str):
            raise AnswerFormError(f"this is {_kind(single)}; a text is asked, in quotation marks")
        return single
    return _figure(exercise, single)


def unanswered(answer: object) -> bool:
    """Tell whether there is no answer yet, or a name without one."""
    if isinstance(answer, Mapping):
        return any(value is None or value is ... for value in answer.values())
    return answer is None or answer is ... or (isinstance(answer, str) and not answer.strip())


def _arrow_of(answer: Any) -> Any:
    """Return the one arrow of a pair such as (arrow, lever); anything else as it is."""
    if not isinstance(answer, list | tuple):
        return answer
    arrows = [part for part in answer if isinstance(part, str) and ("→" in part or "->" in part)]
    return arrows[0] if len(arrows) == 1 else answer


def _single(answer: Any, asked: str) -> Any:
    """Return the one value of an answer, which may be wrapped in a column of one row."""
    if isinstance(answer, pd.DataFrame) and answer.shape == (1, 1):
        return answer.iloc[0, 0]
    several = isinstance(answer, Mapping | pd.DataFrame)
    if not several and isinstance(answer, _COLLECTIONS):
        values = np.asarray(
            list(answer) if isinstance(answer, set | frozenset) else answer, dtype=object
        ).ravel()
        if len(values) == 1:
            return values[0]
        several = True
    if several:
        raise AnswerFormError(f"this is {_kind(answer)}; {asked} is asked, one value and not several")
    return answer


def _named(exercise: Exercise, answer: Any, names: tuple[str, ...]) -> dict[str, float]:
    there = f"the {exercise.by}s are {join_words(names)}"
    column = _column(answer, names)
    if column is None:
        raise AnswerFormError(
            f"this is {_kind(answer)} without names; a dict or a Series with the names is asked, "
            f"one value for each {exercise.by}; {there}"
        )
    given = {label(name): value for name, value in column.items()}
    if len(given) < len(column):
        raise AnswerFormError(f"a name stands twice in the answer; {there}")
    strange = [name for name in given if name not in names]
    if strange:
        several = "unknown names" if len(strange) > 1 else "unknown name"
        raise AnswerFormError(f"{several} {join_words(map(repr, strange))}; {there}")
    missing = [name for name in names if name not in given]
    if missing:
        raise AnswerFormError(f"there is no value for {join_words(missing)}; {there}")
    return {name: _figure(exercise, given[name]) for name in names}


def _column(answer: Any, names: tuple[str, ...]) -> Mapping[Any, Any] | pd.Series[Any] | None:
    """Return the values by their names; None where nothing says which value is whose.

    The order alone says so for one name only: names can be ordered in several ways.
    """
    if isinstance(answer, pd.DataFrame) and answer.shape[1] == 2:
        first = answer.iloc[:, 0]
        if {label(name) for name in first} <= set(names):
            return answer.iloc[:, 1].set_axis(first.to_numpy())
    if isinstance(answer, pd.DataFrame) and answer.shape[1] == 1:
        answer = answer.iloc[:, 0]
    numbered = isinstance(answer, pd.Series) and isinstance(answer.index, pd.RangeIndex)
    if isinstance(answer, Mapping | pd.Series) and not numbered:
        return answer
    if isinstance(answer, _COLLECTIONS) and len(names) == 1 and len(answer) == 1:
        return {names[0]: next(iter(np.ravel(np.asarray(answer, dtype=object))))}
    return None


def _figure(exercise: Exercise, value: Any) -> float:
    asked = _FORMS[exercise.form]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real | Decimal):
        if is_missing(value):
            raise AnswerFormError(f"the value is missing (NaN); {asked} is asked")
        bare = ": a number without quotation marks and without %" if isinstance(value, str) else ""
        raise AnswerFormError(f"this is {_kind(value)}; {asked} is asked{bare}")
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


def _kind(value: Any) -> str:
    """Say what somebody handed in, without a word of what is in it."""
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, numbers.Number):
        return "a number"
    if isinstance(value, pd.DataFrame):
        return f"a table of {len(value)} rows"
    if isinstance(value, (Mapping, *_COLLECTIONS)):
        held: Any = value
        return f"a collection of {held.size if isinstance(held, np.ndarray) else len(held)} values"
    return f"an object of the kind {type(value).__name__}"

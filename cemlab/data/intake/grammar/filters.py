"""Which rows the user does not want, as Ibis expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce

import ibis
import ibis.expr.types as ir

from cemlab.data.intake.grammar.patterns import number_pattern
from cemlab.data.intake.grammar.text import matches, only, unmarked
from cemlab.data.intake.plan import Filter
from cemlab.errors import OptionError


def filter_hit(
    column: Callable[[str], ir.StringValue], f: Filter, *, decimal: str = ".", thousands: str = ""
) -> ir.BooleanValue:
    """Return which rows a filter leaves out, never null.

    Parameters
    ----------
    column
        Gives a column of the file by name, as text without nulls.
    f
        The filter; numbers are compared where its comparison is one of order, everything else as text.
    decimal, thousands
        Marks of the table's numbers.

    Notes
    -----
    Neither a blank nor a text that is no number is below, above, at most or at least anything. So
    "leave out" does not touch a blank, and "keep only" leaves it out: what is kept was seen to hold.
    Text that is no number is never hit; :func:`filter_doubt` tells of it.
    """
    text = column(f.column)
    if f.comparison in _ORDER:
        number = _number(text, decimal, thousands)
        holds = _ORDER[f.comparison](number, ibis.literal(_bound(f), type="float64")).fill_null(False)
    elif f.comparison == "blank":
        holds = (text == "") if f.value else (text != "")
    elif f.comparison in ("equals", "one_of"):
        values = f.value if isinstance(f.value, tuple) else (f.value,)
        holds = text.isin([_as_text(value) for value in values])
    else:
        values = f.value if isinstance(f.value, tuple) else (f.value,)
        begins = f.comparison == "starts_with"
        tests = [text.startswith(_as_text(v)) if begins else text.endswith(_as_text(v)) for v in values]
        holds = reduce(lambda one, other: one | other, tests)
    if not f.keep:
        return holds
    # what could not be compared is told so, not that it does not hold
    return ~holds & ~filter_doubt(column, f, decimal=decimal, thousands=thousands)


def filter_doubt(
    column: Callable[[str], ir.StringValue], f: Filter, *, decimal: str = ".", thousands: str = ""
) -> ir.BooleanValue:
    """Return which rows a filter could not judge: compared as numbers, neither blank nor a number.

    Parameters are those of :func:`filter_hit`.
    """
    if f.comparison not in _ORDER:
        return ibis.literal(False)
    text = column(f.column)
    return (text != "") & _number(text, decimal, thousands).isnull()


def _number(text: ir.StringValue, decimal: str, thousands: str) -> ir.FloatingValue:
    pattern = number_pattern("number", decimal=decimal, thousands=thousands)
    number = unmarked(text, decimal, thousands).try_cast("float64")
    return only(matches(text, pattern), number)


def _bound(f: Filter) -> float:
    if isinstance(f.value, bool | tuple) or not re.fullmatch(r"-?[0-9.]+(?:e[+-]?[0-9]+)?", str(f.value)):
        raise OptionError(f"column {f.column!r}: {f.comparison} = {f.value!r}; give a number to compare with")
    return float(f.value)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_ORDER: dict[str, Callable[[ir.Value, ir.Value], ir.BooleanValue]] = {
    "below": lambda number, bound: number < bound,
    "at_most": lambda number, bound: number <= bound,
    "above": lambda number, bound: number > bound,
    "at_least": lambda number, bound: number >= bound,
}

"""The grammars as Ibis expressions: which text is a value of a column, and which value it is.

Nothing is guessed and nothing is rounded: a text either has exactly the form that the rule states or
the row is set aside. The expressions are for the embedded DuckDB; whatever comes from the settings
enters them as a literal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from inspect import Parameter, Signature
from typing import cast

import ibis
import ibis.expr.types as ir

from cemlab.data.intake.grammar_patterns import (
    FLAGS,
    OFFSET,
    SPACES,
    Numeric,
    invisible_pattern,
    number_pattern,
    read_format,
    time_pattern,
)
from cemlab.data.intake.grammar_words import Limits, limits, product_reason, reason
from cemlab.data.intake.plan import ColumnRule, Filter
from cemlab.errors import OptionError

__all__ = ["MONEY", "filter_doubt", "filter_hit", "product_reason", "product_value", "reason", "text_value"]

MONEY = "decimal(18, 4)"

# Of two factors; their product has at most 38 digits, so that nothing overflows.
_FACTOR = "decimal(19, 6)"
_FACTOR_PATTERN = r"-?[0-9]{1,13}(?:\.[0-9]{1,6}0*)?"
_TYPES = {"integer": "int64", "number": "float64", "money": MONEY, "share": "float64"}
_PLAIN = "[!-~]+"  # no spaces and nothing invisible, without looking further
_INVISIBLE = invisible_pattern(wide=True)


def _builtin(name: str, takes: tuple[str, ...], gives: str) -> Callable[..., ir.Value]:
    """Declare a function that the engine has and Ibis does not know."""

    def declared(*arguments): ...  # type: ignore[no-untyped-def]

    declared.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(f"a{i}", Parameter.POSITIONAL_ONLY) for i in range(len(takes))]
    )
    return cast(
        "Callable[..., ir.Value]", ibis.udf.scalar.builtin(declared, name=name, signature=(takes, gives))
    )


_matches = _builtin("regexp_full_match", ("string", "string"), "boolean")
_trim = _builtin("trim", ("string", "string"), "string")
_strptime = _builtin("try_strptime", ("string", "string"), "timestamp")
_as_utc = _builtin("timezone", ("string", "timestamp"), "timestamp('UTC')")
_in_zone = _builtin("timezone", ("string", "timestamp('UTC')"), "timestamp")


def text_value(text: ir.StringValue, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which texts break a column's rule, and the values of the others.

    Parameters
    ----------
    text
        As it stands in the file, never null; a blank is ``""``.
    rule
        What the column must look like.

    Returns
    -------
    tuple
        Whether the text is broken, never null; and the value in the type of the form, null for blanks
        and missing codes and where the text is broken.

    Raises
    ------
    OptionError
        If the rule contradicts itself, e.g. a minimum that is no value of the form.

    Notes
    -----
    Missing codes are compared with the text as it stands, and where spaces are taken off, with what is
    left as well. Then come ``trim``, ``values``, ``remove_suffix`` (where something is left before it),
    the grammar, ``allowed`` and the limits.

    Examples
    --------
    >>> rule = ColumnRule(name="units", form="integer", source="units")
    >>> broken, value = text_value(ibis.literal("1_975"), rule)
    >>> ibis.duckdb.connect().execute(broken)
    True
    """
    value, absent = _prepared(text, rule)
    valid, typed = _grammar(value, rule)
    valid = _within(valid, typed, limits(rule))
    broken = ibis.cases((absent, ibis.literal(rule.required)), (valid, ibis.literal(False)), else_=True)
    return broken, (absent | broken).ifelse(ibis.null(typed.type()), typed)


def _prepared(text: ir.StringValue, rule: ColumnRule) -> tuple[ir.StringValue, ir.BooleanValue]:
    """Return the text that the grammar sees, and whether it stands for no value."""
    absent = text.isin(rule.missing) if rule.missing else None
    value = text
    if rule.trim:
        value = _trimmed(text)
        absent = absent | value.isin(rule.missing) if absent is not None else None
    if rule.values:
        value = value.cases(*rule.values.items(), else_=value)
    if rule.remove_suffix:
        longer = value.endswith(rule.remove_suffix) & (value.length() > len(rule.remove_suffix))
        value = longer.ifelse(value.substr(0, value.length() - len(rule.remove_suffix)), value)
        value = _trimmed(value) if rule.trim else value
    blank = value == ""
    return value, blank if absent is None else absent | blank


def _trimmed(text: ir.StringValue) -> ir.StringValue:
    # taking Unicode's spaces off costs four times as much as seeing that there are none
    return _matches(text, _PLAIN).ifelse(text, _trim(text, SPACES))


def _grammar(value: ir.StringValue, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which texts have the form, and what they are."""
    form = rule.form
    if form == "text":
        # ASCII from "!" on begins with something to see
        return ((value >= "!") & (value < "\x7f")).ifelse(True, _trim(value, SPACES) != ""), value
    if form == "id":
        seen = (_trim(value, SPACES) == value) & ~value.re_search(_INVISIBLE)
        return _matches(value, _PLAIN).ifelse(True, seen), value
    if form == "flag":
        yes = value.isin([text for text, flag in FLAGS.items() if flag])
        return value.isin(list(FLAGS)), yes
    if form in ("date", "time"):
        return _moments(value, rule)
    pattern = number_pattern(cast(Numeric, form), decimal=rule.decimal, thousands=rule.thousands)
    return _matches(value, pattern), _unmarked(value, rule.decimal, rule.thousands).try_cast(_TYPES[form])


def _unmarked(value: ir.StringValue, decimal: str, thousands: str) -> ir.StringValue:
    value = value.replace(thousands, "") if thousands else value
    return value if decimal == "." else value.replace(decimal, ".")


def _moments(value: ir.StringValue, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which texts are dates or times of the calendar, and which."""
    if rule.formats:
        valid, typed = _in_formats(value, rule.formats)
        return valid, typed.cast("date") if rule.form == "date" else typed
    if rule.form == "date":
        typed = value.try_cast("date")
        # what the engine writes for a date is YYYY-MM-DD exactly, so nothing else comes back unchanged
        return typed.cast("string") == value, typed
    valid = _matches(value, time_pattern(rule))
    if rule.time_zone is None:
        typed = value.try_cast("timestamp")
        return valid & typed.notnull(), typed
    typed = _turned(value, rule.time_zone)
    return valid & typed.notnull(), typed


def _in_formats(value: ir.StringValue, formats: tuple[str, ...]) -> tuple[ir.BooleanValue, ir.Value]:
    tried = []
    for form in map(read_format, formats):
        parsed = _strptime(value, form.strptime)
        tried.append(_matches(value, form.pattern).ifelse(parsed, ibis.null("timestamp")))
    typed = tried[0] if len(tried) == 1 else ibis.coalesce(*tried)
    return typed.notnull(), typed


def _turned(value: ir.StringValue, zone: str) -> ir.TimestampValue:
    """Return times with an offset as the clocks of the zone showed them, the others as they stand."""
    offset = value.re_extract(f"({OFFSET})\\z", 1)
    clock = value.substr(0, value.length() - offset.length()).try_cast("timestamp")
    digits = offset.re_replace("[^0-9]", "")
    minutes = digits.substr(0, 2).try_cast("int64") * 60 + digits.substr(2, 2).try_cast("int64").fill_null(0)
    east = (offset.startswith("-").ifelse(-1, 1) * minutes).fill_null(0)
    universal = clock - east.as_interval("m")
    local = _in_zone(zone, _as_utc("UTC", universal))
    return (offset != "").ifelse(local, clock)


def _within(valid: ir.BooleanValue, typed: ir.Value, bounds: Limits) -> ir.BooleanValue:
    if bounds.allowed is not None:
        valid = valid & typed.isin([_literal(value, typed) for value in bounds.allowed])
    if bounds.least is not None:
        valid = valid & (typed >= _literal(bounds.least, typed))
    if bounds.greatest is not None:
        valid = valid & (typed <= _literal(bounds.greatest, typed))
    return valid


def _literal(value: str | bool | float | Decimal | date | datetime, like: ir.Value) -> ir.Scalar:
    return ibis.literal(value, type=like.type())


def product_value(
    left: ir.StringValue, right: ir.StringValue, rule: ColumnRule
) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which pairs of texts have no product that the rule allows, and the products of the others.

    Parameters
    ----------
    left, right
        The two columns as they stand in the file, never null.
    rule
        Of the product; missing codes, ``trim``, ``values``, ``remove_suffix`` and the marks hold for both
        factors, ``required``, ``allowed`` and the limits for the product.

    Returns
    -------
    tuple
        Whether the pair is broken, never null: a factor is no number of at most 13 digits and six
        decimals, or the product does not fit the form exactly (money: 14 digits and four decimals). And
        the product, null where a factor is blank or a missing code.

    Raises
    ------
    OptionError
        If the form is not integer, number or money.
    """
    if rule.form not in ("integer", "number", "money"):
        raise OptionError(
            f"column {rule.name!r}: a product is an integer, a number or money, not {rule.form}; "
            "change form or multiply"
        )
    sides = [_prepared(side, rule) for side in (left, right)]
    marks = number_pattern("number", decimal=rule.decimal, thousands=rule.thousands)
    plain = [_unmarked(value, rule.decimal, rule.thousands) for value, _ in sides]
    fine = [
        absent | (_matches(value, marks) & _matches(bare, _FACTOR_PATTERN))
        for (value, absent), bare in zip(sides, plain, strict=True)
    ]
    factors = [
        _matches(bare, _FACTOR_PATTERN).ifelse(bare, ibis.null("string")).try_cast(_FACTOR) for bare in plain
    ]
    exact = factors[0] * factors[1]
    # by way of its text, a decimal becomes the nearest float
    typed = (
        exact.cast("string").try_cast("float64")
        if rule.form == "number"
        else exact.try_cast(_TYPES[rule.form])
    )
    valid = ibis.literal(True) if rule.form == "number" else exact == typed
    if rule.form == "integer":
        valid = valid & typed.between(-(10**18) + 1, 10**18 - 1)
    absent = sides[0][1] | sides[1][1]
    valid = _within(valid, typed, limits(rule))
    broken = ibis.cases(
        (~(fine[0] & fine[1]), ibis.literal(True)),
        (absent, ibis.literal(rule.required)),
        (valid, ibis.literal(False)),
        else_=True,
    )
    return broken, (absent | broken).ifelse(ibis.null(typed.type()), typed)


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
    "leave out" does not touch such a row, and "keep only" leaves it out: what is kept was seen to hold.
    Which rows could not be compared although they are not blank says :func:`filter_doubt`.
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
    return ~holds if f.keep else holds


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
    number = _unmarked(text, decimal, thousands).try_cast("float64")
    return _matches(text, pattern).ifelse(number, ibis.null("float64"))


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

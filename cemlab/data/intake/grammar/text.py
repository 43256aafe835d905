"""The grammars as Ibis expressions: which text is a value of a column, and which value it is.

Nothing is guessed and nothing is rounded: a text either has exactly the form that the rule states or
the row is set aside. The expressions are for the embedded DuckDB; whatever comes from the settings
enters them as a literal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from inspect import Parameter, Signature
from operator import or_
from typing import Any, cast

import ibis
import ibis.expr.types as ir

from cemlab.data.intake.grammar.patterns import (
    FLAGS,
    OFFSET,
    SPACES,
    Format,
    Numeric,
    id_pattern,
    number_pattern,
    read_format,
    time_pattern,
)
from cemlab.data.intake.grammar.words import limits
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import OptionError

MONEY = "decimal(18, 4)"

# Of two factors; their product has at most 38 digits, so that nothing overflows.
_FACTOR = "decimal(19, 6)"
_FACTOR_PATTERN = r"-?[0-9]{1,13}(?:\.[0-9]{1,6}0*)?"
_TYPES = {"integer": "int64", "number": "float64", "money": MONEY, "share": "float64"}
_PLAIN = "[!-~]+"  # no spaces and nothing invisible, without looking further
_ID = id_pattern()


def builtin(name: str, takes: tuple[Any, ...], gives: str) -> Callable[..., ir.Value]:
    """Declare a function that the engine has and Ibis does not know."""

    def declared(*arguments): ...  # type: ignore[no-untyped-def]

    declared.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(f"a{i}", Parameter.POSITIONAL_ONLY) for i in range(len(takes))]
    )
    return cast(
        "Callable[..., ir.Value]", ibis.udf.scalar.builtin(declared, name=name, signature=(takes, gives))
    )


matches = builtin("regexp_full_match", ("string", "string"), "boolean")
_trim = builtin("trim", ("string", "string"), "string")
_strptime = builtin("try_strptime", ("string", "string"), "timestamp")
_as_utc = builtin("timezone", ("string", "timestamp"), "timestamp('UTC')")
in_zone = builtin("timezone", ("string", "timestamp('UTC')"), "timestamp")


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
    value = _prepared(text, rule)
    typed = within(_grammar(value, rule), rule)
    return broken(typed, value == "", rule), typed


def broken(typed: ir.Value, absent: ir.BooleanValue, rule: ColumnRule) -> ir.BooleanValue:
    """Return which rows break a rule: no value, and neither blank where it may be."""
    # what holds for nearly every row is asked first: the engine computes `typed` once and little else
    return ibis.cases((typed.notnull(), False), (absent, rule.required), else_=True)


# In what follows every step asks for the step before it first of all. Only what is always needed does the
# engine compute once for all places where it stands; within later branches it would start again.


def _prepared(text: ir.StringValue, rule: ColumnRule) -> ir.StringValue:
    """Return the text that the grammar sees: blank where it stands for no value."""
    value = _trimmed(text) if rule.trim else text
    if rule.missing:
        absent = value.isin(rule.missing)
        # a code may have spaces around it itself
        absent = absent | text.isin(rule.missing) if rule.trim else absent
        value = absent.ifelse("", value)
    if rule.values:
        value = value.cases(*rule.values.items(), else_=value)
    if rule.remove_suffix:
        longer = value.endswith(rule.remove_suffix) & (value != rule.remove_suffix)
        value = longer.ifelse(value.substr(0, value.length() - len(rule.remove_suffix)), value)
        value = _trimmed(value) if rule.trim else value
    return value


def _trimmed(text: ir.StringValue) -> ir.StringValue:
    # taking all of Unicode's spaces off costs four times as much as seeing that there are none
    less = _trim(text, " ")
    return ibis.cases((matches(text, _PLAIN), text), (matches(less, _PLAIN), less), else_=_trim(text, SPACES))


def only(valid: ir.BooleanValue, value: ir.Value) -> ir.Value:
    """Return the values that are valid, null for the others."""
    return valid.ifelse(value, ibis.null(value.type()))


def _grammar(value: ir.StringValue, rule: ColumnRule) -> ir.Value:
    """Return what texts that have the form stand for; null for the others and for blanks."""
    form = rule.form
    if form == "text":
        # ASCII from "!" on begins with something to see
        return only(((value >= "!") & (value < "\x7f")).ifelse(True, _trim(value, SPACES) != ""), value)
    if form == "id":
        return only(matches(value, _PLAIN).ifelse(True, matches(value, _ID)), value)
    if form == "flag":
        yes, no = ([text for text, flag in FLAGS.items() if flag is wanted] for wanted in (True, False))
        return ibis.cases((value.isin(yes), True), (value.isin(no), False))
    if form in ("date", "time"):
        return _moments(value, rule)
    pattern = number_pattern(cast(Numeric, form), decimal=rule.decimal, thousands=rule.thousands)
    typed = unmarked(value, rule.decimal, rule.thousands).try_cast(_TYPES[form])
    return only(matches(value, pattern), typed)


def unmarked(value: ir.StringValue, decimal: str, thousands: str) -> ir.StringValue:
    """Return numbers without thousands marks and with a decimal point."""
    value = value.replace(thousands, "") if thousands else value
    return value if decimal == "." else value.replace(decimal, ".")


def _moments(value: ir.StringValue, rule: ColumnRule) -> ir.Value:
    """Return the dates or times of the calendar that texts stand for, null for the others."""
    if rule.formats:
        return _agreed([_in_format(value, form, rule) for form in map(read_format, rule.formats)])
    if rule.form == "date":
        typed = value.try_cast("date")
        # what the engine writes for a date is YYYY-MM-DD exactly, so nothing else comes back unchanged
        return only(typed.cast("string") == value, typed)
    typed = _turned(value, rule.time_zone) if rule.time_zone else value.try_cast("timestamp")
    return only(matches(value, time_pattern(rule)), typed)


def _in_format(value: ir.StringValue, form: Format, rule: ColumnRule) -> ir.Value:
    moment = only(matches(value, form.pattern), _strptime(value, form.strptime))
    return moment.cast("date") if rule.form == "date" else moment


def _agreed(tried: list[ir.Value]) -> ir.Value:
    """Return what the formats that fit a text say, null where two of them say different things."""
    first, *others = tried
    if not others:
        return first
    typed = ibis.coalesce(*tried)
    differ = [(other != typed).fill_null(False) for other in others]
    return only(~reduce(or_, differ), typed)


def _turned(value: ir.StringValue, zone: str) -> ir.TimestampValue:
    """Return times with an offset as the clocks of the zone showed them, the others as they stand."""
    offset = value.re_extract(f"({OFFSET})\\z", 1)
    clock = value.substr(0, value.length() - offset.length()).try_cast("timestamp")
    digits = offset.re_replace("[^0-9]", "")
    minutes = digits.substr(0, 2).try_cast("int64") * 60 + digits.substr(2, 2).try_cast("int64").fill_null(0)
    east = (offset.startswith("-").ifelse(-1, 1) * minutes).fill_null(0)
    universal = clock - east.as_interval("m")
    local = in_zone(zone, _as_utc("UTC", universal))
    return (offset != "").ifelse(local, clock)


def within(typed: ir.Value, rule: ColumnRule) -> ir.Value:
    """Return the values that the rule allows, null for the others."""
    bounds = limits(rule)
    least, greatest = bounds.least, bounds.greatest
    if bounds.allowed is not None:
        typed = only(typed.isin([_literal(value, typed) for value in bounds.allowed]), typed)
    if least is not None and greatest is not None:
        return only(typed.between(_literal(least, typed), _literal(greatest, typed)), typed)
    if least is not None:
        return only(typed >= _literal(least, typed), typed)
    return typed if greatest is None else only(typed <= _literal(greatest, typed), typed)


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
    bare = [unmarked(value, rule.decimal, rule.thousands) for value in sides]
    one, other = (
        only(matches(value, marks) & matches(plain, _FACTOR_PATTERN), plain.try_cast(_FACTOR))
        for value, plain in zip(sides, bare, strict=True)
    )
    exact = one * other
    if rule.form == "number":
        # by way of its text, a decimal becomes the nearest float
        typed = exact.cast("string").try_cast("float64")
    else:
        typed = exact.try_cast(_TYPES[rule.form])
        typed = only(typed == exact, typed)
    if rule.form == "integer":
        typed = only(typed.between(-(10**18) + 1, 10**18 - 1), typed)
    typed = within(typed, rule)
    blank = [value == "" for value in sides]
    absent = (blank[0] | one.notnull()) & (blank[1] | other.notnull()) & (blank[0] | blank[1])
    return broken(typed, absent, rule), typed

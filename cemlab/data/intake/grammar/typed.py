"""The grammars for columns that have a type already, as those of Parquet files do."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from cemlab.data.contract import FORMS
from cemlab.data.intake.grammar.patterns import CONTROL
from cemlab.data.intake.grammar.text import MONEY, broken, in_zone, matches, only, text_value, within
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import DataError

# The largest whole number below which every whole number is a float.
_EXACT_FLOAT = 2**53
# How many digits of a decimal number a float gives back unchanged, by its bytes.
_DIGITS = {4: 6, 8: 15}
_MONEY_DECIMALS = 4
_MONEY_TEXT = r"-?[0-9]{1,14}(?:\.[0-9]{1,4})?"


def typed_value(value: ir.Value, rule: ColumnRule) -> tuple[ir.BooleanValue, ir.Value]:
    """Return which values of a typed column break its rule, and the others in the type of the form.

    Parameters
    ----------
    value
        The column; null is blank.
    rule
        What it must look like. Missing codes are compared with the value as text, for numbers also by
        amount; marks of numbers, formats, ``trim`` and ``remove_suffix`` are for text only.

    Returns
    -------
    tuple
        As :func:`~cemlab.data.intake.grammar.text.text_value` does. A value is broken where the form
        cannot hold it without loss: decimals of an integer, more than four decimals of money (a float
        stands for the amount within a relative 1e-12 of it), a time of day of a date, nanoseconds,
        NaN and infinity.

    Raises
    ------
    DataError
        If the type cannot be taken for the form at all, e.g. floats for identifiers.

    Examples
    --------
    >>> connection = ibis.duckdb.connect()
    >>> broken, units = typed_value(ibis.literal(1.5), ColumnRule(name="units", form="integer"))
    >>> connection.execute(broken)
    True
    """
    kind = value.type()
    if kind.is_string():
        text = value.fill_null("")
        wrong, typed = text_value(text, rule)
        # the readers of text files and workbooks see to this themselves
        return (wrong | text.re_search(CONTROL), typed) if rule.form == "text" else (wrong, typed)
    plain = as_typed(rule)
    if rule.form in ("id", "text") and (kind.is_integer() or kind.is_boolean() or kind.is_uuid()):
        return text_value(value.cast("string").fill_null(""), plain)
    if rule.values:
        _convertible(value, rule)
        return text_value(_written(value).fill_null(""), plain)
    typed = _convertible(value, rule)
    absent = value.isnull()
    if rule.missing:
        absent = absent | _is_code(value, rule.missing)
        typed = only(~absent, typed)
    typed = within(typed, plain)
    return broken(typed, absent, rule), typed


def as_typed(rule: ColumnRule) -> ColumnRule:
    """Return the rule without what is said of text only."""
    return replace(rule, decimal=".", thousands="", formats=(), trim=False, remove_suffix="")


def _written(value: ir.Value) -> ir.StringValue:
    """Return values as a person would write them: 1.0 as 1."""
    text = value.cast("string")
    return text.re_replace(r"^(-?[0-9]+)\.0+$", r"\1") if value.type().is_numeric() else text


def _is_code(value: ir.Value, missing: tuple[str, ...]) -> ir.BooleanValue:
    kind = value.type()
    codes = value.cast("string").isin(missing).fill_null(False)
    for code in missing if kind.is_numeric() else ():
        if re.fullmatch(r"-?[0-9]{1,30}(\.[0-9]{1,7})?", code):
            # by amount, for 98 is 98.0; a float is compared as a float, everything else exactly
            amount = ibis.literal(float(code)) if kind.is_floating() else _exact_literal(code, _scale(value))
            if amount is not None:
                wide = value if kind.is_floating() else _wide(value)
                codes = codes | (wide == amount).fill_null(False)
    return codes


def _exact_literal(code: str, scale: int) -> ir.Scalar | None:
    """Return a number as a decimal of 38 digits; None where it cannot be one of so few decimals."""
    whole, _, fraction = code.lstrip("-0").partition(".")
    if len(fraction.rstrip("0")) > scale or len(whole) > 38 - scale:
        return None
    return ibis.literal(Decimal(code), type=f"decimal(38, {scale})")


def _scale(value: ir.Value) -> int:
    kind = value.type()
    return (kind.scale or 0) if kind.is_decimal() else 0


def _wide(value: ir.Value) -> ir.DecimalValue:
    """Return whole numbers and decimals with the most digits there are, so that they can be compared."""
    return value.try_cast(f"decimal(38, {_scale(value)})")


def _convertible(value: ir.Value, rule: ColumnRule) -> ir.Value:
    """Return the values in the type of the form, null where one would lose something."""
    kind, form = value.type(), rule.form
    if kind.is_numeric() and not kind.is_boolean() and form in ("integer", "number", "money", "share"):
        return _from_number(value, rule)
    if form == "flag" and kind.is_boolean():
        return value
    if form == "flag" and kind.is_numeric():
        return ibis.cases((value == 1, True), (value == 0, False))
    if form in ("date", "time") and (kind.is_date() or kind.is_timestamp()):
        return _from_moment(value, rule)
    raise DataError(
        f"column {rule.source or rule.name!r}: its type is {kind}, but {form} is wanted ({FORMS[form]}); "
        "change the type where the file is made"
    )


def _from_number(value: ir.NumericValue, rule: ColumnRule) -> ir.Value:
    kind, form = value.type(), rule.form
    fine = ~(value.isnan() | value.isinf()) if kind.is_floating() else value.notnull()
    if form == "integer":
        whole = value.try_cast("int64")
        if kind.is_floating():
            return only(fine & (value == value.round()) & (value.abs() <= _EXACT_FLOAT), whole)
        return _unrounded(whole, value)
    if form == "money":
        return _money_of_float(value) if kind.is_floating() else _unrounded(value.try_cast(MONEY), value)
    # by way of its text, a decimal becomes the nearest float
    number = (value.cast("string") if kind.is_decimal() else value).cast("float64")
    if form == "share":
        return only(fine & number.between(0, 1), number)
    return only(fine & (number.try_cast(kind) == value) if kind.is_integer() else fine, number)


def _unrounded(typed: ir.NumericValue, value: ir.NumericValue) -> ir.NumericValue:
    """Return what whole numbers and decimals were turned into, null where that rounded them."""
    kept = _MONEY_DECIMALS if typed.type().is_decimal() else 0
    if _scale(value) <= kept:
        return typed
    return only(typed.try_cast(f"decimal(38, {_scale(value)})") == _wide(value), typed)


def _money_of_float(value: ir.FloatingValue) -> ir.DecimalValue:
    """Return the amount that the shortest text of a float says, null where a float cannot tell it exactly."""
    text = _written(value)
    digits = text.replace("-", "").replace(".", "").length()
    exact = matches(text, _MONEY_TEXT) & (digits <= _DIGITS.get(value.type().nbytes, 0))
    return only(exact, text.try_cast(MONEY))


def _from_moment(value: ir.Value, rule: ColumnRule) -> ir.Value:
    kind = value.type()
    if kind.is_date():
        return value if rule.form == "date" else value.try_cast("timestamp")
    if kind.timezone is not None:
        if rule.time_zone is None:
            hint = 'declare the zone into which to turn them, e.g. time_zone = "Europe/Berlin"'
            if rule.form == "date":
                hint = "store the column as dates, or as times without a zone, where the file is made"
            raise DataError(
                f"column {rule.source or rule.name!r}: its times have the zone {kind.timezone}; {hint}"
            )
        value = in_zone(rule.time_zone, value.cast("timestamp('UTC')"))
    if rule.form == "date":
        return only(value == value.truncate("D"), value.date())
    moment = value.try_cast("timestamp")
    return only(moment.try_cast(value.type()) == value, moment)

"""The grammars for columns that have a type already, as those of Parquet files do."""

from __future__ import annotations

import re
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from cemlab.data.contract import FORMS
from cemlab.data.intake.grammar.text import MONEY, broken, in_zone, only, text_value, within
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import DataError

# The largest whole number below which every whole number is a float.
_EXACT_FLOAT = 2**53
_MONEY_BOUND = 10**14


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
        return text_value(value.fill_null(""), rule)
    plain = replace(rule, decimal=".", thousands="", formats=(), trim=False, remove_suffix="")
    if rule.form in ("id", "text") and (kind.is_integer() or kind.is_boolean()):
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


def _written(value: ir.Value) -> ir.StringValue:
    """Return values as a person would write them: 1.0 as 1."""
    text = value.cast("string")
    return text.re_replace(r"^(-?[0-9]+)\.0+$", r"\1") if value.type().is_numeric() else text


def _is_code(value: ir.Value, missing: tuple[str, ...]) -> ir.BooleanValue:
    kind = value.type()
    codes = value.cast("string").isin(missing).fill_null(False)
    for code in missing if kind.is_numeric() else ():
        if re.fullmatch(r"-?[0-9]{1,30}(\.[0-9]{1,7})?", code):
            # as text, for 98 is 98.0; a float is compared as a float, everything else exactly
            amount = float(code) if kind.is_floating() else ibis.literal(code).try_cast("decimal(38, 7)")
            codes = codes | (value == amount).fill_null(False)
    return codes


def _convertible(value: ir.Value, rule: ColumnRule) -> ir.Value:
    """Return the values in the type of the form, null where one would lose something."""
    kind, form = value.type(), rule.form
    if kind.is_numeric() and not kind.is_boolean() and form in ("integer", "number", "money", "share"):
        return _from_number(value, rule)
    if form == "flag" and kind.is_boolean():
        return value
    if form == "flag" and kind.is_integer():
        return only(value.isin([0, 1]), value.cast("boolean"))
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
        return only(whole == value, whole)
    if form == "money":
        money = value.try_cast(MONEY)
        if kind.is_floating():
            near = (money.cast("float64") - value.cast("float64")).abs() <= value.abs() * 1e-12
            return only(fine & near & (value.abs() < _MONEY_BOUND), money)
        return only((money == value) & (money.abs() < _MONEY_BOUND), money)
    number = value.cast("float64")
    if form == "share":
        return only(fine & value.between(0, 1), number)
    return only(fine & (number.try_cast(kind) == value) if kind.is_integer() else fine, number)


def _from_moment(value: ir.Value, rule: ColumnRule) -> ir.Value:
    kind = value.type()
    if kind.is_date():
        return value if rule.form == "date" else value.cast("timestamp")
    if kind.timezone is not None:
        if rule.time_zone is None:
            raise DataError(
                f"column {rule.source or rule.name!r}: its times have the zone {kind.timezone}; declare the "
                'zone into which to turn them, e.g. time_zone = "Europe/Berlin"'
            )
        value = in_zone(rule.time_zone, value.cast("timestamp('UTC')"))
    if rule.form == "date":
        return only(value == value.truncate("D"), value.date())
    moment = value.cast("timestamp")
    return only(moment == value, moment)

"""Why a value that has a type already is not allowed, in the user's words."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta

import ibis.expr.datatypes as dt

from cemlab.data.intake.grammar.patterns import CONTROL
from cemlab.data.intake.grammar.words import limits, outside, outside_days, reason
from cemlab.data.intake.plan import ColumnRule

_CONTROL = re.compile(CONTROL)
_AS_DECIMAL = "store the column as decimal where the file is made"


def typed_reason(text: str, rule: ColumnRule, kind: dt.DataType) -> str:
    """Return why a value of a typed column breaks its rule, in the user's words.

    Parameters
    ----------
    text
        The value as the engine writes it, one that :func:`~cemlab.data.intake.grammar.typed_value` calls
        broken; ``""`` for a blank.
    rule
        The rule it breaks.
    kind
        The type it has.

    Returns
    -------
    str
        One phrase that begins with the value, cut to 80 characters.

    Examples
    --------
    >>> typed_reason("1.5", ColumnRule(name="units", form="integer"), dt.float64)
    "'1.5' is not an integer: at most 18 digits and nothing else, e.g. 42; it has decimals"
    """
    if kind.is_string():
        return _reason_of_text(text, rule)
    bare = _bare(text) if kind.is_numeric() else text
    found = None
    if text and bare not in (*rule.missing, *rule.values):
        if kind.is_numeric():
            found = _fault_of_number(text, bare, rule, kind)
        elif kind.is_date() or kind.is_timestamp():
            found = _fault_of_moment(text, rule, kind)
    shown = repr(text[:80])
    if found is not None:
        return f"{shown} {found}"
    told = reason(bare, rule)
    return told if bare == text else shown + told.removeprefix(repr(bare[:80]))


def _reason_of_text(text: str, rule: ColumnRule) -> str:
    hidden = _CONTROL.search(text)
    if rule.form == "text" and hidden:
        place = "take it out where the file is made"
        return f"{text[:80]!r} holds a control character (U+{ord(hidden[0]):04X}); {place}"
    return reason(text, rule)


def _bare(text: str) -> str:
    """Return a number without zeros behind its last decimal, and with one before a decimal that begins it."""
    text = re.sub(r"^(-?)\.", r"\g<1>0.", text)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _fault_of_number(text: str, bare: str, rule: ColumnRule, kind: dt.DataType) -> str | None:
    if rule.form in ("number", "share"):
        number = float(text)
        if math.isfinite(number) and (rule.form == "number" or 0 <= number <= 1):
            # written out, large floats have more digits than a text may have
            return outside(number, rule)
        return None
    if not kind.is_floating() or not math.isfinite(float(text)):
        return None
    if rule.form == "integer" and abs(float(text)) > 2**53:
        return "is a floating-point number too large to be exact; store the column as integers"
    if rule.form == "money" and re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]{1,4})?", bare):
        kept = 6 if kind.is_float32() else 15
        if sum(char.isdigit() for char in bare) > kept:
            return f"has more than the {kept} digits that a floating-point number keeps; {_AS_DECIMAL}"
    elif rule.form == "money" and re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]+|e-[0-9]+)", bare):
        return f"has more than four decimals, as floating-point numbers come to have; {_AS_DECIMAL}"
    return None


def _fault_of_moment(text: str, rule: ColumnRule, kind: dt.DataType) -> str | None:
    if rule.form not in ("date", "time") or rule.allowed:
        return None
    day, bounds = _day(text), limits(rule)
    # the day in the declared zone may be the one before or after
    slack = timedelta(days=1 if kind.is_timestamp() and kind.timezone else 0)
    least, greatest = (date.fromisoformat(str(bound)[:10]) for bound in (bounds.least, bounds.greatest))
    if day is None or not least - slack <= day <= greatest + slack:
        return outside_days(rule)
    if rule.form == "time" and re.search(r"\.[0-9]{6}[0-9]*[1-9]", text):
        return "is finer than a microsecond; round it where the file is made"
    if rule.form == "date" and kind.is_timestamp():
        return "has a time of day; store the column as dates where the file is made"
    return outside_days(rule)


def _day(text: str) -> date | None:
    """Return the day of a date or time as the engine writes it; None where Python knows no such day."""
    try:
        return date.fromisoformat(text[:10]) if re.match(r"[0-9]{4}-(?!.*BC)", text) else None
    except ValueError:
        return None

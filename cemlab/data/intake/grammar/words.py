"""Why a text is not allowed, in the user's words; and the values that settings state in plain form."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, cast

from cemlab.data.contract import Form
from cemlab.data.intake.grammar.patterns import (
    FLAGS,
    ISO_DATE,
    ISO_TIME,
    OFFSET,
    SPACES,
    Numeric,
    invisible_pattern,
    number_pattern,
    read_format,
    time_pattern,
)
from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import OptionError

Value = str | bool | int | float | Decimal | date | datetime

FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)

_INVISIBLE = re.compile(invisible_pattern())
_NUMERIC = ("integer", "number", "money", "share")
_TYPES = {"integer": int, "number": float, "share": float, "money": Decimal}
_MISSING: Final = "if it stands for 'no value', declare it under missing"
# What people and programs write where there is nothing.
_NO_VALUES = re.compile(
    r"(?i:#?n/?a!?|n\.a\.|<na>|nan|nat|[+-]?inf(?:inity)?|null|none|nil|\\n|[-–—]{1,3}|[.?]{1,3}"
    r"|unknown|missing|#(?:null|ref|value|div/0|name\?|num)!?)"
)
_WANTED: Final[dict[Form, str]] = {
    "integer": "an integer: at most 18 digits and nothing else, e.g. 42",
    "number": "a number: digits (at most 15 before the decimals), e.g. 3{mark}5",
    "money": "an amount of money: digits with at most four decimals, e.g. 1299{mark}95",
    "share": "a share: a number from 0 to 1, e.g. 0{mark}25",
    "date": "a date: YYYY-MM-DD, e.g. 2024-01-31",
    "time": "a time: YYYY-MM-DD HH:MM:SS, e.g. 2024-01-31 09:30:00",
    "flag": "one of true, false, 1, 0",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a column's values may be, as values: from ``allowed``, ``minimum`` and ``maximum``."""

    allowed: tuple[Value, ...] | None = None
    least: Value | None = None
    greatest: Value | None = None


def limits(rule: ColumnRule) -> Limits:
    """Return the limits of a rule as values of its form.

    Dates and times without limits of their own lie in 1900 to 2100; a maximum of times that is a date
    means the whole of that day.

    Raises
    ------
    OptionError
        If a limit is no value of the form, in plain notation.

    Examples
    --------
    >>> limits(ColumnRule(name="nps", form="integer", minimum="0", maximum="10")).greatest
    10
    """
    allowed = tuple(_stated(rule, text, "allowed") for text in rule.allowed) or None
    least = None if rule.minimum is None else _stated(rule, rule.minimum, "minimum")
    greatest = None if rule.maximum is None else _stated(rule, rule.maximum, "maximum", end=time.max)
    if rule.form == "date":
        least, greatest = least or FIRST_DAY, greatest or LAST_DAY
    elif rule.form == "time":
        least = least or datetime.combine(FIRST_DAY, time.min)
        greatest = greatest or datetime.combine(LAST_DAY, time.max)
    elif rule.form in ("id", "text", "flag") and not (least is None and greatest is None):
        raise OptionError(
            f"column {rule.name!r}: minimum and maximum are for numbers and dates, not for {rule.form}; "
            "use allowed"
        )
    return Limits(allowed=allowed, least=least, greatest=greatest)


def _stated(rule: ColumnRule, text: str, option: str, *, end: time = time.min) -> Value:
    plain = ColumnRule(name=rule.name, form=rule.form)
    if rule.form == "time" and re.fullmatch(ISO_DATE, text):
        day = _parsed(text, replace(plain, form="date"))
        value: Value | None = None if day is None else datetime.combine(cast(date, day), end)
    else:
        value = text if rule.form in ("id", "text") else _parsed(text, plain)
    if value is None:
        raise OptionError(
            f"column {rule.name!r}: {option} = {text!r} is not {_WANTED[rule.form].format(mark='.')}"
        )
    return value


def _parsed(value: str, rule: ColumnRule) -> Value | None:
    """Return what the grammar takes a text for, before limits; None where it has not the form."""
    form = rule.form
    if form in _NUMERIC:
        pattern = number_pattern(cast(Numeric, form), decimal=rule.decimal, thousands=rule.thousands)
        bare = value.replace(rule.thousands, "") if rule.thousands else value
        found = re.fullmatch(pattern, value)
        return cast(Value, _TYPES[form](bare.replace(rule.decimal, "."))) if found else None
    if form == "flag":
        return FLAGS.get(value)
    moment = _moment(value, rule)
    return moment.date() if moment is not None and form == "date" else moment


def _moment(value: str, rule: ColumnRule) -> datetime | None:
    """Return the date or time as it is written; the zone of an offset does not matter for a reason."""
    if rule.formats:
        fitting = _fitting(value, rule)
        return fitting[0] if len(fitting) == 1 else None
    if rule.form == "date":
        return _day_exists(value, "%Y-%m-%d") if re.fullmatch(ISO_DATE, value) else None
    if not re.fullmatch(time_pattern(rule), value):
        return None
    clock = re.sub(f"{OFFSET}$", "", value[10:]) if rule.time_zone else value[10:]
    sign = "%Y-%m-%d %H:%M" + (":%S" if clock.count(":") > 1 else "") + (".%f" if "." in clock else "")
    return _day_exists(f"{value[:10]} {clock[1:]}", sign)


def _fitting(value: str, rule: ColumnRule) -> list[datetime]:
    """Return what the declared formats take a text for, the same thing once."""
    found = []
    for form in map(read_format, rule.formats):
        moment = _day_exists(value, form.strptime) if re.fullmatch(form.pattern, value) else None
        if moment is not None:
            found.append(datetime.combine(moment, time.min) if rule.form == "date" else moment)
    return list(dict.fromkeys(found))


def _day_exists(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def reason(value: str, rule: ColumnRule) -> str:
    """Return why a text breaks a column's rule, in the user's words.

    Parameters
    ----------
    value
        The text as it stands in the file, one that :func:`~cemlab.data.intake.grammar.text_value` calls
        broken.
    rule
        The rule it breaks.

    Returns
    -------
    str
        One phrase that begins with the value, cut to 80 characters.

    Examples
    --------
    >>> reason("yes", ColumnRule(name="consent", form="flag"))
    "'yes' is not one of true, false, 1, 0; map it with values"
    """
    if rule.multiply is not None and " × " in value:
        left, _, right = value.partition(" × ")
        return product_reason(left, right, replace(rule, multiply=None))
    if value == "":
        return "is blank, but every row needs a value"
    shown = repr(value[:80])
    text = value.strip(SPACES) if rule.trim else value
    if value in rule.missing or (rule.trim and text in rule.missing):
        return f"{shown} stands for 'no value', but every row needs one"
    if text == "":
        return f"{shown} is blank, but every row needs a value"
    mapped = rule.values.get(text, text)
    if mapped != text:
        shown = f"{shown} (taken for {mapped[:80]!r})"
    if mapped == "":
        return f"{shown} stands for 'no value', but every row needs one"
    bare = mapped.removesuffix(rule.remove_suffix) or mapped
    return f"{shown} {_fault(bare.strip(SPACES) if rule.trim else bare, rule)}"


def _fault(text: str, rule: ColumnRule) -> str:
    """Return what is wrong with a text that is not blank, after everything declared was done to it."""
    if text.strip(SPACES) == "":
        return "holds only spaces; leave the field blank, or declare it under missing"
    if rule.form == "text":
        return outside(text, rule)
    if text.strip(SPACES) != text:
        return "has spaces around it; declare trim = true or mend the file"
    hidden = _INVISIBLE.search(text)
    if hidden:
        return f"holds an invisible character (U+{ord(hidden[0]):04X}); take it out where the file is made"
    if rule.form == "id":
        return outside(text, rule)
    parsed = _parsed(text, rule)
    if parsed is not None:
        return outside(parsed, rule)
    if rule.form in _NUMERIC:
        return _not_a_number(text, rule)
    if rule.form == "flag":
        return f"is not {_WANTED['flag']}; {_MISSING if _NO_VALUES.fullmatch(text) else 'map it with values'}"
    return _no_date(text, rule)


def outside(value: Value, rule: ColumnRule) -> str:
    """Return why a value of the form is not allowed: it is none of those allowed, or outside the limits."""
    bounds = limits(rule)
    if bounds.allowed is not None and value not in bounds.allowed:
        named = ", ".join(rule.allowed[:12]) + (", …" if len(rule.allowed) > 12 else "")
        return f"is not one of {named}"
    low, high = bounds.least, bounds.greatest
    if isinstance(value, date):
        return outside_days(rule)
    if low is not None and value < low:  # type: ignore[operator]  # both are of the form's type
        return f"is below the minimum of {rule.minimum}; {_MISSING}"
    if high is not None and value > high:  # type: ignore[operator]
        return f"is above the maximum of {rule.maximum}; {_MISSING}"
    return f"is not {rule.form}"


def outside_days(rule: ColumnRule) -> str:
    """Return why a date or time that exists is not allowed."""
    first, last = rule.minimum or FIRST_DAY.isoformat(), rule.maximum or LAST_DAY.isoformat()
    return f"lies outside {first} to {last}; if it stands for 'no date', declare it under missing"


def _not_a_number(text: str, rule: ColumnRule) -> str:
    wanted = f"is not {_WANTED[rule.form].format(mark=rule.decimal)}"
    if _NO_VALUES.fullmatch(text):
        return f"{wanted}; {_MISSING}"
    for pattern, hint in [*_hints_of_form(rule), *_hints(rule)]:
        if re.fullmatch(pattern, text):
            return f"{wanted}; {hint}"
    after = re.fullmatch(r"-?[0-9]+(?:[.,][0-9]+)*([^0-9.,+-]{1,8})", text)
    if after and after[1].isprintable():
        shown = after[1].replace("\\", "\\\\").replace('"', '\\"')
        return f'{wanted}; something stands behind the digits: declare remove_suffix = "{shown}"'
    if not text.isascii() and any(char.isnumeric() for char in text):
        return f"{wanted}; digits are 0 to 9 of ASCII only"
    return wanted


def _hints_of_form(rule: ColumnRule) -> list[tuple[str, str]]:
    """Return the hints that depend on how many digits a number may have, and where."""
    mark, form = re.escape(rule.decimal), rule.form
    hints = []
    if form == "integer":
        whole = f'if it is whole, declare remove_suffix = "{rule.decimal}0"'
        hints = [(rf"-?[0-9]+{mark}0", whole), (rf"-?[0-9]+{mark}[0-9]*", "it has decimals")]
    elif form == "money":
        more = "it has more than four decimals: round it where the file is made"
        hints = [(rf"-?[0-9]{{1,14}}{mark}[0-9]{{5,}}", more)]
    most = {"integer": 18, "number": 15, "money": 14}.get(form)
    if most is not None:
        before = "" if form == "integer" else " before the decimals"
        many = rf"-?[0-9]{{{most + 1},}}(?:{mark}[0-9]*)?"
        hints.append((many, f"it has more than {most} digits{before}; is it an identifier?"))
    return hints


def _hints(rule: ColumnRule) -> list[tuple[str, str]]:
    """Return what texts that are nearly numbers look like, and what to do about them."""
    number = rf"-?[0-9]+(?:{re.escape(rule.decimal)}[0-9]*)?"
    groups = r"-?[0-9]{1,3}(?:%s[0-9]{3})+%s"
    hints = [
        (rf"\+{number}", "it has a plus sign"),
        (rf"{number}[eE][+-]?[0-9]+", "it is written with an exponent: write it out where the file is made"),
        (r"[+-]?0[xX][0-9a-fA-F]+", "it is hexadecimal"),
        (r"-?[0-9]+(?:_[0-9]+)+", "it has underscores between the digits"),
        (rf"{number} ?%", "it has a percent sign: divide by 100 where the file is made"),
        (groups % (r"\.", ",[0-9]+"), 'it has a decimal comma: declare decimal = "," and thousands = "."'),
        (groups % (",", r"\.[0-9]+"), 'it has thousands marks: declare thousands = ","'),
        (groups % (r"[ '’\xa0\u202f]", "(?:[.,][0-9]+)?"), "it has thousands marks: declare thousands"),
        (groups % (",", ""), 'declare thousands = "," (or decimal = ",")'),
        (r"\([^()]*\)|[^-]+-", "a minus stands before the digits, and nothing else means 'negative'"),
        (
            r"-?[^0-9.,+-]{1,8}-?[0-9]+(?:[.,][0-9]+)*",
            "something stands before the digits: take it off where the file is made",
        ),
    ]
    if rule.decimal != ",":
        return [*hints, (r"-?[0-9]+,[0-9]+", 'it has a decimal comma: declare decimal = ","')]
    return [*hints, (r"-?[0-9]+\.[0-9]+", 'it has a decimal point: declare decimal = "."')]


def _no_date(text: str, rule: ColumnRule) -> str:
    noun = "a date" if rule.form == "date" else "a time"
    if _NO_VALUES.fullmatch(text):
        return f"is not {_WANTED[rule.form]}; {_MISSING}"
    if rule.formats:
        fitting = _fitting(text, rule)
        if len(fitting) > 1:
            ways = " or ".join(str(moment.date() if rule.form == "date" else moment) for moment in fitting)
            return f"fits two of the declared formats: {ways}; declare the one that the file is written in"
        if any(re.fullmatch(form.pattern, text) for form in map(read_format, rule.formats)):
            return f"is no day of the calendar in the format {_formats(rule)}"
        return f"is not {noun} in the format {_formats(rule)} declared in cemlab.toml"
    if re.fullmatch(ISO_DATE if rule.form == "date" else time_pattern(rule), text):
        return f"is no day of the calendar{f'; {_MISSING}' if text.startswith('0000') else ''}"
    wanted = f"is not {_WANTED[rule.form]}"
    if re.fullmatch(f"{ISO_TIME}{OFFSET}", text) and rule.form == "time":
        return f'{wanted}; it has an offset from UTC: declare time_zone, e.g. time_zone = "Europe/Berlin"'
    if re.fullmatch(f"{ISO_TIME}(?:{OFFSET})?", text):
        return f'{wanted}; it has a time of day: declare formats, e.g. formats = ["%Y-%m-%d %H:%M:%S"]'
    if rule.form == "time" and re.fullmatch(ISO_DATE, text):
        return f'{wanted}; it has no time of day: declare formats = ["%Y-%m-%d"]'
    if re.fullmatch(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}(?:[ T].*)?|[0-9]{8}", text):
        return f'{wanted}; for another format declare it, e.g. formats = ["%d.%m.%Y"]'
    if re.fullmatch(r"[0-9]{5}(?:\.[0-9]+)?", text):
        return f"{wanted}; it looks like the day number of a spreadsheet: format the column as a date there"
    return wanted


def _formats(rule: ColumnRule) -> str:
    return " or ".join(rule.formats)


def product_reason(left: str, right: str, rule: ColumnRule) -> str:
    """Return why two texts have no product that the rule allows; parameters as for :func:`reason`."""
    factor = replace(rule, form="number", allowed=(), minimum=None, maximum=None, required=False)
    for value in (left, right):
        text = value.strip(SPACES) if rule.trim else value
        absent = value in rule.missing or text in ("", *(rule.missing if rule.trim else ()))
        if absent and not (left == "" and right == "") and rule.required:
            return f"{_shown(value)}, but every row needs both factors"
        mapped = rule.values.get(text, text)
        bare = mapped.removesuffix(rule.remove_suffix) or mapped
        if not absent and _parsed(bare.strip(SPACES) if rule.trim else bare, factor) is None:
            return reason(value, factor)
    both = f"{left[:80]!r} times {right[:80]!r}"
    if rule.required and left == "" and right == "":
        return "is blank, but every row needs a value"
    return f"{both} has no product that is {_WANTED[rule.form].format(mark=rule.decimal)}{_range(rule)}"


def _shown(value: str) -> str:
    return f"{value[:80]!r} stands for 'no value'" if value else "a factor is blank"


def _range(rule: ColumnRule) -> str:
    said = [
        f"{word} {value}" for word, value in (("minimum", rule.minimum), ("maximum", rule.maximum)) if value
    ]
    return f" ({', '.join(said)})" if said else ""

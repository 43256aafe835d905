"""In which formats the dates of a column seem to be written, and how many of them decide for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cemlab.data.contract import Form
from cemlab.data.intake.settings.toml import shown

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?", re.ASCII)
_ISO_FORMATS: Mapping[Form, str] = {"date": "%Y-%m-%d", "time": "%Y-%m-%d %H:%M:%S"}
_DATE = re.compile(
    r"(?:(?P<y>\d{4})(?P<ys>[-./ ])(?P<ym>\d{1,2})(?P=ys)(?P<yd>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<s>[-./ ])(?P<b>\d{1,2})(?P=s)(?P<z>\d{4}|\d{2})|(?P<run>(?:19|20)\d{6}))"
    r"(?:(?P<t>[ T])(?P<h>\d{1,2}):\d{2}(?P<sec>:\d{2})?)?",
    re.ASCII,
)
# what is typed where a date is asked for and there is none
_PLACEHOLDER = re.compile(r"9[9 ./-]{5,}|0[0 ./-]{5,}")


@dataclass(frozen=True, kw_only=True)
class DateFormats:
    """How the dates of a column seem to be written.

    Parameters
    ----------
    formats
        What is sure, in strptime's signs; empty where all dates are ISO.
    reasons
        A sentence for each.
    either
        Where day and month cannot be told apart: the question and the formats for each answer.
    never
        Values written like dates that are none in any order, e.g. 99.99.9999, with their counts.
    other
        Values that are no date written in digits, with their counts.
    """

    formats: tuple[str, ...]
    reasons: tuple[str, ...]
    either: tuple[tuple[str, tuple[str, ...]], ...]
    never: Counter[str]
    other: Counter[str]


@dataclass(frozen=True)
class _Shape:
    """What dates have in common: where the year stands, the mark between, the year's digits, the time."""

    year: str
    mark: str = ""
    digits: int = 4
    time: str = ""


_AS_ISO = _Shape("iso")


def date_formats(values: Counter[str], form: Form) -> DateFormats:
    """Return the formats in which values with their counts are dates.

    Examples
    --------
    >>> found = date_formats(Counter({"03/04/2026": 2, "31/12/2025": 1}), "date")
    >>> found.formats, found.reasons
    (('%d/%m/%Y',), ('1 of 3 dates decide for day-first (first number above 12), 0 against',))
    """
    shapes, never, other = _sorted_out(values, form)
    formats: list[str] = []
    reasons: list[str] = []
    either: list[tuple[str, tuple[str, ...]]] = []
    for shape, those in sorted(shapes.items(), key=lambda entry: -entry[1].total()):
        if shape == _AS_ISO:
            formats.append(_ISO_FORMATS[form])
        elif shape.year == "last":
            made, why = _year_last(shape, those)
            if len(made) == 1:
                formats += made[0][1]
                reasons.append(why)
            else:
                # the question stands once, before the first of its answers
                asked = (f"{why}; if the {made[0][0]} is first:", f"or, if the {made[1][0]} is first:")
                either += [(said, tuple(signs)) for said, (_, signs) in zip(asked, made, strict=True)]
        else:
            formats += _year_first(shape, those)
            reasons.append(f"{those.total():,} values such as {shown(next(iter(those)))}")
    plain = formats in ([], [_ISO_FORMATS[form]])
    return DateFormats(
        formats=() if plain else tuple(dict.fromkeys(formats)),
        reasons=tuple(reasons),
        either=tuple(either),
        never=never,
        other=other,
    )


def _sorted_out(
    values: Counter[str], form: Form
) -> tuple[dict[_Shape, Counter[str]], Counter[str], Counter[str]]:
    """Return dates by their shape, what looks like a date but never is one, and what does not."""
    shapes: dict[_Shape, Counter[str]] = {}
    never: Counter[str] = Counter()
    other: Counter[str] = Counter()
    for value, n in values.items():
        match = _DATE.fullmatch(value)
        iso = (_ISO_TIME if form == "time" else _ISO).fullmatch(value)
        if _PLACEHOLDER.fullmatch(value) or (match and not _could_be(match)):
            never[value] += n
        elif iso:
            shapes.setdefault(_AS_ISO, Counter())[value] += n
        elif match:
            shapes.setdefault(_shape(match), Counter())[value] += n
        else:
            other[value] += n
    return shapes, never, other


def _could_be(match: re.Match[str]) -> bool:
    """Return whether one of two numbers can be a month and the other one a day."""
    if match["run"]:
        return _month_and_day(match["run"][4:6], match["run"][6:])
    if match["y"]:
        return _month_and_day(match["ym"], match["yd"])
    return _month_and_day(match["a"], match["b"]) or _month_and_day(match["b"], match["a"])


def _month_and_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def _shape(match: re.Match[str]) -> _Shape:
    time = ""
    if match["t"]:
        time = match["t"] + ("%-H" if len(match["h"]) == 1 else "%H") + (":%M:%S" if match["sec"] else ":%M")
    if match["run"]:
        return _Shape("run", time=time)
    if match["y"]:
        return _Shape("first", mark=match["ys"], time=time)
    return _Shape("last", mark=match["s"], digits=len(match["z"]), time=time)


def _year_last(shape: _Shape, values: Counter[str]) -> tuple[list[tuple[str, list[str]]], str]:
    """Return the unit that stands first with its formats, or both where nothing decides, and why."""
    parts = {value: (match["a"], match["b"]) for value in values if (match := _DATE.fullmatch(value))}
    total = values.total()
    first = sum(n for value, n in values.items() if int(parts[value][0]) > 12)
    second = sum(n for value, n in values.items() if int(parts[value][1]) > 12)
    year = "%Y" if shape.digits == 4 else "%y"
    made = {}
    for unit, signs in (("day", "dm"), ("month", "md")):
        ones, twos = (_signs(sign, [pair[i] for pair in parts.values()]) for i, sign in enumerate(signs))
        made[unit] = [shape.mark.join((one, two, year)) + shape.time for one in ones for two in twos]
    if first and not second:
        why = f"{first:,} of {total:,} dates decide for day-first (first number above 12), 0 against"
        return [("day", made["day"])], why
    if second and not first:
        why = f"{second:,} of {total:,} dates decide for month-first (second number above 12), 0 against"
        return [("month", made["month"])], why
    if first:
        why = f"{first:,} of {total:,} dates decide for day-first and {second:,} against: two ways are mixed"
    else:
        why = f"none of {total:,} dates decides, all numbers are 12 or less"
    example = shown(next(iter(values)))
    return list(made.items()), f"{example}: is the first number the day or the month? {why}"


def _year_first(shape: _Shape, values: Counter[str]) -> list[str]:
    if shape.year == "run":
        return ["%Y%m%d" + shape.time]
    matches = [match for value in values if (match := _DATE.fullmatch(value))]
    months, days = _signs("m", [m["ym"] for m in matches]), _signs("d", [m["yd"] for m in matches])
    return [shape.mark.join(("%Y", month, day)) + shape.time for month in months for day in days]


def _signs(name: str, texts: list[str]) -> list[str]:
    """Return the sign for numbers padded with a nought, for such as are not, or both."""
    single = any(len(text) == 1 for text in texts)
    padded = any(text.startswith("0") for text in texts) or not single
    return [f"%{name}"] * padded + [f"%-{name}"] * single

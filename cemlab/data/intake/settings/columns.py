"""What ``cemlab.toml`` may say of one column, and of all columns of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cemlab.data.contract import FORMS, Column, Form, Table
from cemlab.data.intake.settings.keys import (
    Key,
    choice_of,
    codes_of,
    flag_of,
    shown,
    table_of,
    text_of,
    texts_of,
    written_out,
)
from cemlab.errors import one_of

NUMERIC: tuple[Form, ...] = ("integer", "number", "money", "share")
DATED: tuple[Form, ...] = ("date", "time")
#: Keys that hold for every column of a table that does not say otherwise.
DEFAULT_KEYS = ("missing", "formats", "decimal", "thousands", "trim")
COLUMN_KEYS = (
    "from", "form", "required", "allowed", "missing", "values", "formats", "decimal", "thousands", "minimum",
    "maximum", "trim", "remove_suffix", "time_zone", "constant", "multiply",
)  # fmt: skip
#: Names that no column may have: the loader uses them itself.
RESERVED = ("cemlab_record", "cemlab_file")

_THOUSANDS = (".", ",", "'", " ", "\u00a0", "\u202f", "\u2009", "")
_SIGNS = ("%Y", "%y", "%m", "%-m", "%d", "%-d", "%H", "%-H", "%M", "%S")
_SIGN = re.compile(r"%-?.?", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PLAIN: Mapping[Form, tuple[str, str]] = {
    "integer": (r"-?[0-9]{1,18}", "a whole number, e.g. 42"),
    "number": (r"-?[0-9]{1,15}(\.[0-9]+)?", "a number with a decimal point, e.g. 3.5"),
    "money": (r"-?[0-9]{1,14}(\.[0-9]{1,4})?", "an amount with at most four decimals, e.g. 12.95"),
    "share": (r"0(\.[0-9]+)?|1(\.0+)?", "a share from 0 to 1, e.g. 0.25"),
    "date": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date, e.g. 2025-12-31"),
    "time": (r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?",
             "a time, e.g. 2025-12-31 23:59:59"),
    "flag": (r"true|false|TRUE|FALSE|True|False|1|0", "true or false"),
}  # fmt: skip


def defaults_of(settings: Mapping[str, object], key: Key) -> dict[str, object]:
    """Return what a table says of all its columns: `missing`, `formats`, `decimal`, `thousands`, `trim`."""
    found: dict[str, object] = {
        name: _WRITING[name](settings[name], key / name) for name in DEFAULT_KEYS if name in settings
    }
    _distinct_marks(found, {}, key)
    return found


def column_of(
    name: str, value: object, key: Key, *, table: Table, defaults: Mapping[str, object]
) -> dict[str, object]:
    """Return what was said of one column of a table, by the parameters of :class:`ColumnRule`.

    Raises
    ------
    OptionError
        If a key is unknown, a value of the wrong type or form, or two of them contradict each other.
    """
    column = table.column(name)
    _check_name(name, key)
    if isinstance(value, str):
        value = {"from": value}
    said = table_of(value, key, COLUMN_KEYS)
    form = _form(said, key, column=column, table=table)
    found: dict[str, object] = {"form": form}
    for part, given in said.items():
        if part != "form":
            found["source" if part == "from" else part] = _entry(part, given, key / part, form=form)
    _one_origin(said, key)
    _fits_contract(found, key, column)
    _distinct_marks(found, defaults, key)
    _ordered(found, key, form)
    return found


def time_zone_of(value: object, key: Key) -> str:
    """Return the name of a time zone that this computer knows."""
    name = text_of(value, key, example='"Europe/Berlin"')
    if not _is_zone(name):
        known = available_timezones()
        if not known:
            raise key.refusal("this computer has no table of time zones; install the Python package tzdata")
        # some 600 names: the nearest is shown, not the list
        near = get_close_matches(name[:80], sorted(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ";"
        raise key.refusal(
            f"no time zone named {shown(name)}{hint} allowed is a name of the IANA list, "
            'e.g. "Europe/Berlin" or "UTC"'
        )
    return name


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of the table of zones is an OSError
        return False
    return True


def check_formats(formats: tuple[str, ...], key: Key) -> tuple[str, ...]:
    """Return the formats of dates, each of which names day, month and year once, in numeric signs."""
    for entry in formats:
        why = _format_fault(entry)
        if why:
            raise key.refusal(
                f'{shown(entry)} {why}; allowed is a format such as "%d.%m.%Y" or "%m/%d/%y %H:%M"'
            )
    return formats


def _format_fault(text: str) -> str:
    signs = _SIGN.findall(text)
    for sign in signs:
        if sign not in _SIGNS:
            return f"has the sign {sign!r}; the signs are {' '.join(_SIGNS)}"
    literal = _SIGN.sub("", text)
    odd = [c for c in literal if not (c.isascii() and c.isprintable() and (not c.isalnum() or c in "TZ"))]
    if odd:
        return f"holds {odd[0]!r}; between the signs may stand punctuation, spaces, T and Z"
    for names, what in ((("%Y", "%y"), "year"), (("%m", "%-m"), "month"), (("%d", "%-d"), "day")):
        times = sum(sign in names for sign in signs)
        if times != 1:
            return f"names the {what} {'twice' if times == 2 else f'{times} times'} where it must once"
    hours = [sign for sign in signs if sign in ("%H", "%-H")]
    for sign, times, needs in (("%H", len(hours), True), ("%M", signs.count("%M"), bool(hours)),
                               ("%S", signs.count("%S"), "%M" in signs)):  # fmt: skip
        if times > 1:
            return f"has {sign} more than once"
        if times and not needs:
            return f"has {sign} without {'%M' if sign == '%S' else '%H'}"
    if re.search(r"%-[mdH]%|%[YymdHMS]%-", text):
        return "has %-d, %-m or %-H side by side with another sign, so that it cannot be told where it ends"
    return ""


def _check_name(name: str, key: Key) -> None:
    if not _NAME.fullmatch(name):
        raise key.refusal(
            f"a column of a table is named in small letters, digits and _, from a letter, at most 63, "
            f'e.g. {_suggest(name)}; the name in the file goes behind it: {_suggest(name)} = "…"'
        )
    if name in RESERVED:
        raise key.refusal("this name is used by cemlab itself; choose another one")


def _suggest(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
    return plain if _NAME.fullmatch(plain) else f"column_{plain}".rstrip("_")


def _form(said: Mapping[str, object], key: Key, *, column: Column | None, table: Table) -> Form:
    if "form" not in said:
        if column is not None:
            return column.form
        near = one_of(
            key.parts[-1], [c.name for c in table.columns], what=f"column in the table {table.name!r}"
        )
        raise key.refusal(f'{near}; a further column of your own needs a form, e.g. {{ form = "text" }}')
    form = choice_of(said["form"], key / "form", FORMS, what="form")
    if column is not None and form != column.form:
        raise (key / "form").refusal(
            f"the data contract has {column.name!r} as {column.form}; take the form out, or give your column "
            "a name of its own"
        )
    return form  # type: ignore[return-value]  # choice_of lets through only the forms


def _entry(part: str, given: object, key: Key, *, form: Form) -> object:
    """Return one value of a column's settings, checked for its key and the column's form."""
    _fits_form(part, key, form=form)
    if part in _WRITING:
        return _WRITING[part](given, key)
    if part in ("minimum", "maximum", "constant"):
        return _readable(written_out(given, key), key, form=form)
    return _SAID[part](given, key)


def _fits_form(part: str, key: Key, *, form: Form) -> None:
    forms = {
        "formats": DATED, "time_zone": ("time",), "decimal": NUMERIC, "thousands": NUMERIC,
        "minimum": (*NUMERIC, *DATED), "maximum": (*NUMERIC, *DATED), "multiply": NUMERIC,
    }.get(part)  # fmt: skip
    if forms is not None and form not in forms:
        raise key.refusal(
            f"the column's form is {form}; {part} is for the forms {', '.join(forms)}; take it out"
        )


def _readable(text: str, key: Key, *, form: Form) -> str:
    if form in ("id", "text"):
        if not text.strip() or any(ord(char) < 32 for char in text):
            raise key.refusal(f"{shown(text)} is blank or holds a control character; give a text of one line")
        return text
    pattern, wanted = _PLAIN[form]
    if not re.fullmatch(pattern, text):
        raise key.refusal(f"{shown(text)} is not allowed; the column's form is {form}: {wanted}")
    if form in DATED:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise key.refusal(
                f"{shown(text)} does not exist; the column's form is {form}: {wanted}"
            ) from None
        return text if form == "date" else moment.isoformat(" ")
    return text


def _source(value: object, key: Key) -> str:
    return text_of(value, key, example='"Kundennummer"')


def _two_sources(value: object, key: Key) -> tuple[str, str]:
    # one column times itself is never a figure of a business, so the two differ
    names = texts_of(value, key, example='"Quantity", "UnitPrice"')
    if len(names) != 2:
        raise key.refusal(f"the list has {len(names)} names; allowed are two columns of the file")
    return names[0], names[1]


def _values(value: object, key: Key) -> dict[str, str]:
    entries = table_of(value, key)
    if not entries:
        raise key.refusal(
            'the table is empty; give text in the file = "text to take for it", or leave the key out'
        )
    return {name: written_out(given, key / name) for name, given in entries.items()}


def _suffix(value: object, key: Key) -> str:
    return text_of(value, key, example='".0"')


def _decimal(value: object, key: Key) -> str:
    if value not in (".", ","):
        raise key.refusal(f'{shown(value)} is no decimal mark; allowed is "." or ","')
    return str(value)


def _thousands(value: object, key: Key) -> str:
    if not isinstance(value, str) or value not in _THOUSANDS:
        raise key.refusal(
            f'{shown(value)} is no thousands mark; allowed is ".", ",", "\'", a space, a no-break space, '
            'a thin space, or "" for none'
        )
    return value


def _formats(value: object, key: Key) -> tuple[str, ...]:
    return check_formats(texts_of(value, key, example='"%d.%m.%Y"'), key)


#: How values are written in the file; the same keys may stand for the whole table.
_WRITING: Mapping[str, Callable[[object, Key], object]] = {
    "missing": codes_of,
    "formats": _formats,
    "decimal": _decimal,
    "thousands": _thousands,
    "trim": flag_of,
}
_SAID: Mapping[str, Callable[[object, Key], object]] = {
    "from": _source,
    "required": flag_of,
    "allowed": codes_of,
    "values": _values,
    "remove_suffix": _suffix,
    "time_zone": time_zone_of,
    "multiply": _two_sources,
}


def _one_origin(said: Mapping[str, object], key: Key) -> None:
    origins = [part for part in ("from", "constant", "multiply") if part in said]
    if len(origins) > 1:
        raise key.refusal(
            f"{' and '.join(origins)} stand together; a column comes from one of them: keep one"
        )
    useless = {
        "constant": set(COLUMN_KEYS) - {"constant", "form", "required", "allowed"},
        "multiply": {"values", "formats", "allowed"},
    }
    for origin, parts in useless.items():
        if origin in said:
            for part in said:
                if part in parts:
                    raise (key / part).refusal(f"it has no meaning beside {origin}; take it out")


def _fits_contract(found: dict[str, object], key: Key, column: Column | None) -> None:
    allowed = found.get("allowed")
    if column is not None and found.get("required") is False and column.required:
        raise (key / "required").refusal("the data contract requires this column; take the line out")
    if column is not None and column.allowed and isinstance(allowed, tuple):
        for entry in allowed:
            if entry not in column.allowed:
                raise (key / "allowed").refusal(
                    one_of(entry[:80], column.allowed, what=f"value of {column.name!r}")
                )
    limits = allowed if isinstance(allowed, tuple) else column.allowed if column is not None else ()
    if limits and "constant" in found and found["constant"] not in limits:
        raise (key / "constant").refusal(
            one_of(str(found["constant"])[:80], limits, what="value allowed here")
        )


def _distinct_marks(found: Mapping[str, object], defaults: Mapping[str, object], key: Key) -> None:
    decimal = found.get("decimal", defaults.get("decimal", "."))
    thousands = found.get("thousands", defaults.get("thousands", ""))
    if decimal == thousands:
        raise key.refusal(
            f"{shown(decimal)} would be both the decimal mark and the thousands mark; "
            'declare both, e.g. decimal = "," and thousands = "."'
        )


def _ordered(found: Mapping[str, object], key: Key, form: Form) -> None:
    bounds = [found[part] for part in ("minimum", "maximum") if part in found]
    if len(bounds) == 2:
        read: Callable[[str], Decimal | date] = datetime.fromisoformat if form in DATED else Decimal
        if read(str(bounds[0])) > read(str(bounds[1])):  # type: ignore[operator]  # both of one kind
            raise key.refusal(
                f"the minimum {bounds[0]} is above the maximum {bounds[1]}; exchange or mend them"
            )

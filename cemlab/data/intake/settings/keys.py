"""Values of ``cemlab.toml``, taken out one by one; what is wrong is named by file and dotted key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite

from cemlab.errors import OptionError, one_of

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")
#: Integers up to here are exact as floating-point numbers too.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Key:
    """Where a value stands in the file of settings.

    Parameters
    ----------
    file
        The file's name.
    parts
        The dotted key, e.g. ``("tables", "transactions", "files")``.
    """

    file: str
    parts: tuple[str, ...] = ()

    def __truediv__(self, part: str | int) -> Key:
        """Return the key of an entry of this table, or (from 1) of this list of tables."""
        if isinstance(part, int):
            return Key(self.file, (*self.parts[:-1], f"{self.parts[-1]}[{part}]"))
        bare = part if _BARE_KEY.fullmatch(part) else repr(part[:80])
        return Key(self.file, (*self.parts, bare))

    def __str__(self) -> str:
        return f"{self.file}, {'.'.join(self.parts)}" if self.parts else self.file

    def refusal(self, why: str) -> OptionError:
        """Return the error for this key; `why` says what is wrong, what is allowed and what to do."""
        return OptionError(f"{self}: {why}")


def shown(value: object) -> str:
    r"""Return a value of a TOML file as a message shows it: on one line and cut.

    Examples
    --------
    >>> shown(True), shown([1]), shown("a\nb")
    ('true', 'a list', "'a\\nb'")
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, date | time):
        return value.isoformat(*(" ",) if isinstance(value, datetime) else ())
    if isinstance(value, int | float):
        return f"the number {value!r}"[:80] if abs(value) < 1e30 or not isfinite(value) else "a huge number"
    return repr(str(value)[:80])


def table_of(value: object, key: Key, allowed: Iterable[str] | None = None) -> dict[str, object]:
    """Return a TOML table, whose keys must be among the allowed ones, where such are given."""
    if not isinstance(value, dict):
        raise key.refusal(
            f"{shown(value)} stands here; allowed is a table, written [{'.'.join(key.parts)}] or {{ … }}"
        )
    if allowed is not None:
        names = tuple(allowed)
        for name in value:
            if name not in names:
                raise key.refusal(one_of(str(name)[:80], names, what="key"))
    return value


def tables_of(value: object, key: Key) -> list[object]:
    """Return a list of TOML tables, as ``[[…]]`` makes it."""
    if not isinstance(value, list):
        raise key.refusal(
            f"{shown(value)} stands here; allowed are tables, each written [[{'.'.join(key.parts)}]]"
        )
    return value


def text_of(value: object, key: Key, *, example: str = "") -> str:
    """Return a text that is not blank and has no control characters."""
    eg = f", e.g. {example}" if example else ""
    if not isinstance(value, str):
        raise key.refusal(f"{shown(value)} is no text; allowed is text in quotes{eg}")
    if not value.strip():
        raise key.refusal(f"the text is blank; give a text{eg}, or leave the key out")
    if not one_line_text(value):
        raise key.refusal(f"{shown(value)} holds a control character; give a text of one line{eg}")
    return value


def one_line_text(text: str) -> bool:
    """Return whether a text may stand in the settings: not blank, no control and no half characters."""
    bad = any(ord(char) < 32 or 127 <= ord(char) < 160 or 0xD800 <= ord(char) <= 0xDFFF for char in text)
    return bool(text.strip()) and not bad


def texts_of(value: object, key: Key, *, example: str = "") -> tuple[str, ...]:
    """Return a list of texts, each at most once, at least one."""
    entries = list_of(value, key, example=example)
    return no_twins(tuple(text_of(entry, key, example=example) for entry in entries), key)


def list_of(value: object, key: Key, *, example: str = "") -> list[object]:
    """Return a list that is not empty."""
    eg = f", e.g. [{example}]" if example else ""
    if not isinstance(value, list):
        raise key.refusal(f"{shown(value)} is no list; allowed is a list in brackets{eg}")
    if not value:
        raise key.refusal(f"the list is empty; give a list{eg}, or leave the key out")
    return value


def no_twins(entries: tuple[str, ...], key: Key) -> tuple[str, ...]:
    """Return the entries, of which no two may be the same."""
    for i, entry in enumerate(entries):
        if entry in entries[:i]:
            raise key.refusal(f"{shown(entry)} stands twice in the list; keep one")
    return entries


def codes_of(value: object, key: Key) -> tuple[str, ...]:
    """Return a list of values of a file as text: texts as they are, whole numbers and dates written out.

    Numbers with a decimal point and flags are refused: 98.0 and true can stand in a file in several ways.
    """
    return no_twins(tuple(code_of(entry, key) for entry in list_of(value, key, example='"98", "NA"')), key)


def code_of(value: object, key: Key) -> str:
    """Return one value of a file as its text; see :func:`codes_of`."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(integer_of(value, key, least=-_EXACT))
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise key.refusal(
        f"{shown(value)} can be written in several ways; put it in quotes, as it stands in the file"
    )


def written_out(value: object, key: Key) -> str:
    """Return a text, number, flag, date or time of TOML in cemlab's plain form.

    Examples
    --------
    >>> written_out(1e-3, Key("cemlab.toml")), written_out(False, Key("cemlab.toml"))
    ('0.001', 'false')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(integer_of(value, key, least=-_EXACT))
    if isinstance(value, float):
        if not isfinite(value):
            raise key.refusal(
                f"{shown(value)} is not finite; allowed is a number, a date, true, false, or text in quotes"
            )
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise key.refusal(f"{shown(value)} has an offset; write the time without one")
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    raise key.refusal(
        f"{shown(value)} stands here; allowed is a number, a date, true, false, or text in quotes"
    )


def flag_of(value: object, key: Key) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise key.refusal(f"{shown(value)} is not allowed; allowed is true or false, without quotes")
    return value


def integer_of(value: object, key: Key, *, least: int = 0, most: int = _EXACT) -> int:
    """Return a whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise key.refusal(f"{shown(value)} is not allowed; allowed is a whole number, without quotes")
    if not least <= value <= most:
        raise key.refusal(f"{shown(value)} is not allowed; allowed is a whole number from {least} to {most}")
    return value


def number_of(value: object, key: Key) -> float:
    """Return a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise key.refusal(
            f"{shown(value)} is not allowed; allowed is a number, without quotes, with a decimal point"
        )
    if not abs(value) <= _EXACT:  # nan compares false
        raise key.refusal(f"{shown(value)} is not allowed; allowed is a finite number of at most 15 digits")
    return float(value)


def choice_of(value: object, key: Key, choices: Iterable[str], *, what: str) -> str:
    """Return one of the choices."""
    names = tuple(choices)
    if not isinstance(value, str) or value not in names:
        raise key.refusal(one_of(value[:80] if isinstance(value, str) else shown(value), names, what=what))
    return value

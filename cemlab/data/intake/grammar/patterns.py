"""What values look like as text: patterns that mean the same to Python's ``re`` and to RE2.

All of them are meant for a match of the whole text and know ASCII digits only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from cemlab.data.intake.plan import ColumnRule
from cemlab.errors import OptionError

#: White space in the sense of Unicode: what counts as "spaces around a value".
SPACES: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

#: Characters that no text of a table has: control characters but tab and line ends.
CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"

# First and last of each range of characters that take no room on paper: control characters but tab and line
# ends, soft hyphen, joiners, zero-width spaces, marks of the writing direction, fillers, variation selectors.
_INVISIBLE: Final = (
    *((0x00, 0x08), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x034F, 0x034F)),
    *((0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)

Numeric = Literal["integer", "number", "money", "share"]

_WHOLE_DIGITS: Final[dict[str, int]] = {"integer": 18, "number": 15, "money": 14}

_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
ISO_DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
ISO_TIME: Final = ISO_DATE + "[ T]" + _CLOCK
#: How far a time is from UTC.
OFFSET: Final = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
FLAGS: Final[dict[str, bool]] = {
    **dict.fromkeys(("true", "TRUE", "True", "1"), True),
    **dict.fromkeys(("false", "FALSE", "False", "0"), False),
}

# Signs of strptime: the pattern of exact digits, and the name of what they say.
_SIGNS: Final = {
    "%Y": ("[0-9]{4}", "year"),
    "%y": ("[0-9]{2}", "year"),
    "%m": ("(?:0[1-9]|1[0-2])", "month"),
    "%-m": ("(?:[1-9]|1[0-2])", "month"),
    "%d": ("(?:0[1-9]|[12][0-9]|3[01])", "day"),
    "%-d": ("(?:[1-9]|[12][0-9]|3[01])", "day"),
    "%H": ("(?:[01][0-9]|2[0-3])", "hour"),
    "%-H": ("(?:[0-9]|1[0-9]|2[0-3])", "hour"),
    "%M": ("[0-5][0-9]", "minute"),
    "%S": ("[0-5][0-9]", "second"),
    "%f": ("[0-9]{6}", "fraction"),
}


@dataclass(frozen=True, kw_only=True)
class Format:
    """A declared format of dates or times.

    Parameters
    ----------
    text
        As it was declared.
    pattern
        What matches it exactly, digit for digit.
    strptime
        The same format with signs that both Python and the engine read.
    """

    text: str
    pattern: str
    strptime: str


def invisible_pattern() -> str:
    """Return the class of characters that cannot be seen, for Python."""
    return "[" + "".join(r"\U{:08x}-\U{:08x}".format(*ends) for ends in _INVISIBLE) + "]"


def id_pattern() -> str:
    """Return the pattern of identifiers, for RE2: nothing invisible, no spaces at the ends."""
    hidden = "".join(r"\x{{{:x}}}-\x{{{:x}}}".format(*ends) for ends in _INVISIBLE)
    spaces = "".join(rf"\x{{{ord(char):x}}}" for char in SPACES)
    ends, between = f"[^{hidden}{spaces}]", f"[^{hidden}]"
    return f"{ends}(?:{between}*{ends})?"


def number_pattern(form: Numeric, *, decimal: str, thousands: str) -> str:
    """Return the pattern of numbers with the declared marks.

    Groups are of three digits, the first without a leading zero (0.123 is never 123), and a number may
    do without marks altogether.

    Raises
    ------
    OptionError
        If the marks cannot be told from each other, from a digit or from a minus.

    Examples
    --------
    >>> bool(re.fullmatch(number_pattern("money", decimal=",", thousands="."), "1.234,50"))
    True
    >>> bool(re.fullmatch(number_pattern("money", decimal=",", thousands="."), "1.23,50"))
    False
    """
    _check_marks(decimal, thousands)
    point = re.escape(decimal)
    if form == "share":
        return f"(?:0(?:{point}[0-9]+)?|1(?:{point}0+)?)"
    most = _WHOLE_DIGITS[form]
    wholes = [f"[0-9]{{1,{most}}}"]
    if thousands:
        mark = re.escape(thousands)
        wholes.append(f"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}}){{1,{most // 3 - 1}}}")
        if most % 3:
            wholes.append(f"[1-9][0-9]{{0,{most % 3 - 1}}}(?:{mark}[0-9]{{3}}){{{most // 3}}}")
    fraction = {"integer": "", "number": f"(?:{point}[0-9]+)?", "money": f"(?:{point}[0-9]{{1,4}})?"}[form]
    return f"-?(?:{'|'.join(wholes)}){fraction}"


def _check_marks(decimal: str, thousands: str) -> None:
    if len(decimal) != 1 or decimal.isalnum() or decimal in "-+\0":
        raise OptionError(f"decimal = {decimal!r}: a decimal mark is one character, '.' or ','")
    if thousands == decimal or len(thousands) > 1 or thousands.isalnum() or thousands in ("-", "+", "\0"):
        raise OptionError(
            f"thousands = {thousands!r}: a thousands mark is one character, e.g. '.' or ' ', and not the "
            f"decimal mark {decimal!r}"
        )


def read_format(text: str) -> Format:
    r"""Return what a declared format of dates or times stands for.

    Parameters
    ----------
    text
        Made of the signs %Y %y %m %-m %d %-d %H %-H %M %S %f (six digits), %% and anything between them.

    Raises
    ------
    OptionError
        If it has another sign, one part twice, no whole date, or a part whose end cannot be seen.

    Examples
    --------
    >>> read_format("%d.%m.%y").pattern
    '(?:0[1-9]|[12][0-9]|3[01])\\.(?:0[1-9]|1[0-2])\\.[0-9]{2}'
    """
    pieces = re.findall(r"%-?.|[^%]+|%", text, flags=re.DOTALL)
    pattern, strptime, parts = "", "", []
    for at, piece in enumerate(pieces):
        if piece == "%%":
            pattern, strptime = pattern + "%", strptime + "%%"
        elif piece in _SIGNS:
            pattern, strptime = pattern + _SIGNS[piece][0], strptime + piece.replace("-", "")
            parts.append(_SIGNS[piece][1])
            after = pieces[at + 1] if at + 1 < len(pieces) else ""
            if "-" in piece and (after in _SIGNS or after[:1].isdigit()):
                raise OptionError(f"format {text!r}: where {piece} ends cannot be seen; put a mark after it")
        elif piece.startswith("%"):
            raise OptionError(
                f"format {text!r}: {piece!r} is not a sign; there are {' '.join(_SIGNS)} and %%"
            )
        else:
            pattern, strptime = pattern + re.escape(piece), strptime + piece
    if len(set(parts)) < len(parts) or not {"year", "month", "day"} <= set(parts):
        raise OptionError(f"format {text!r}: it needs year, month and day, each part once, e.g. '%d.%m.%Y'")
    return Format(text=text, pattern=pattern, strptime=strptime)


def time_pattern(rule: ColumnRule) -> str:
    """Return the pattern of ISO times, with an offset where the rule says what zone to turn them into."""
    return ISO_TIME + (f"{OFFSET}?" if rule.time_zone else "")

"""Text from data as text of a TOML file: nothing in it can end a string, a key or a comment."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# control and format characters (bidi marks reorder a line), separators of lines, lone halves of pairs
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Co", "Cn")


def toml_text(text: str) -> str:
    r"""Return a text as a basic string of TOML, in quotes, on one line, every unseen character escaped.

    Examples
    --------
    >>> print(toml_text('a "b"\n'))
    "a \"b\"\n"
    """
    return '"' + "".join(_escaped(char) for char in text) + '"'


def toml_key(name: str) -> str:
    """Return a name as a key of TOML, in quotes where it needs them.

    Examples
    --------
    >>> toml_key("date"), toml_key("Datum der Bestellung")
    ('date', '"Datum der Bestellung"')
    """
    return name if _BARE.fullmatch(name) else toml_text(name)


def toml_list(texts: Iterable[str]) -> str:
    """Return texts as a list of TOML, on one line."""
    return "[" + ", ".join(toml_text(text) for text in texts) + "]"


def comment(text: str) -> str:
    r"""Return a comment of TOML; line ends and unseen characters in the text are shown escaped.

    Examples
    --------
    >>> print(comment("up to here" + chr(10) + "[company]"))
    # up to here\n[company]
    """
    return "# " + "".join(_escaped(char) if _unseen(char) else char for char in text)


def comments(text: str) -> list[str]:
    """Return a sentence as comments of TOML, broken into lines between words."""
    return textwrap.wrap(
        comment(text), 104, subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def shown(value: str, most: int = 40) -> str:
    """Return a value from data in quotes for a comment, cut where it is long."""
    return toml_text(value if len(value) <= most else value[: most - 1] + "…")


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN or 0xD800 <= ord(char) <= 0xDFFF


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if 0xD800 <= ord(char) <= 0xDFFF:
        return "\ufffd"  # TOML has no half characters; a name with one matches no column and says so
    if _unseen(char) or (char.isspace() and char != " "):
        return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"
    return char

"""Text for spreadsheets: CSV in which nothing from data can become a formula.

A program that opens CSV runs what begins like a formula. An apostrophe before it stops that; it is put
only there, so that the text can be had back exactly.
"""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

_FORMULA_SIGNS = ("=", "+", "-", "@")
_QUOTES = "\"'`´“”„‘’‚«»‹›＂＇"
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")  # Unicode's categories of control, format and space characters
# Where a program begins a new cell or row that is set to another separator than ours, quotes or not.
_SEPARATORS = re.compile(r"([;\t\r\n])")
# No formula: shall stay a number.
_NUMBER = re.compile(r"-[0-9]+([.,][0-9]+)*")
_HARMLESS = re.compile(r"[^=+\-@\t\r\n\x80-\U0010ffff]*")
# What no program takes apart needs no quotes.
_UNQUOTED = re.compile(r"(?! )[\w .:%/-]*(?<! )")


def safe_cell(text: str) -> str:
    r"""Return text that a spreadsheet shows and does not run.

    An apostrophe is put before the text, or before what follows a semicolon, tab or line end in it, if its
    first character is ``=``, ``+``, ``-`` or ``@`` (in full width, too), not counting spaces, quotes and
    characters that cannot be seen; and before a tab or line end that begins the text. Numbers such as
    ``-12.50`` stay. An address stays text; some programs make a link of any address they show.

    Parameters
    ----------
    text
        Any text; headers need it as much as values do.

    Returns
    -------
    str
        Different for different texts: :func:`raw_cell` gives the text back.

    Examples
    --------
    >>> safe_cell("=HYPERLINK(A1)"), safe_cell("-12.50"), safe_cell("plan A")
    ("'=HYPERLINK(A1)", '-12.50', 'plan A')
    """
    return _each_cell(text, lambda part, more: "'" + part if _could_run(part, more=more) else part)


def raw_cell(text: str) -> str:
    """Return the text of which :func:`safe_cell` made this one.

    Examples
    --------
    >>> raw_cell("'=HYPERLINK(A1)"), raw_cell("plan A")
    ('=HYPERLINK(A1)', 'plan A')
    """
    # the text's own apostrophe before such a sign was given another one, since quotes are passed over
    return _each_cell(
        text, lambda part, more: part[1:] if part[:1] == "'" and _could_run(part[1:], more=more) else part
    )


def _each_cell(text: str, change: Callable[[str, bool], str]) -> str:
    if _HARMLESS.fullmatch(text):
        return text
    parts = _SEPARATORS.split(text)  # parts and separators in turn
    # only the first part can stand before a tab or line end that begins the text
    changed = [change(part, i == 0 and parts[1:2] not in ([], [";"])) for i, part in enumerate(parts[::2])]
    return "".join(part + mark for part, mark in zip(changed, [*parts[1::2], ""], strict=True))


def _could_run(part: str, *, more: bool) -> bool:
    """Tell whether a program could take this for a formula; `more`: a tab or line end comes after it."""
    if _NUMBER.fullmatch(part):
        return False
    for char in part:
        if unicodedata.normalize("NFKC", char).startswith(_FORMULA_SIGNS):
            return True
        if char not in _QUOTES and unicodedata.category(char) not in _UNSEEN:
            return False
    return more


def write_rows(target: Path | TextIO, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    r"""Write CSV that any spreadsheet opens and none runs.

    Parameters
    ----------
    target
        A file, which is replaced as a whole or not at all; or an open text file, made with ``newline=""``.
        It is UTF-8 with a byte order mark, without which Excel reads another encoding.
    header
        The columns' names.
    rows
        One text for each column. All go through :func:`safe_cell`, names too.

    Returns
    -------
    int
        How many rows were written. Lines end with ``\n``; commas separate.

    Raises
    ------
    ValueError
        If a row has not as many values as the header has names.

    Examples
    --------
    >>> import io
    >>> file = io.StringIO()
    >>> write_rows(file, ["line", "value"], [["7", "=1+1"]])
    1
    >>> file.getvalue()
    '\ufeffline,value\n7,"\'=1+1"\n'
    """
    if not isinstance(target, Path):
        return _write(target, header, rows)
    # in the same folder, since a file cannot be moved in one step from one disk to another
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            written = _write(file, header, rows)
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return written


def _write(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    file.write("\ufeff" + _line(header))
    written = 0
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"row {written + 1} has {len(row)} values, but there are {len(header)} columns")
        file.write(_line(row))
        written += 1
    return written


def _line(cells: Sequence[str]) -> str:
    # a line of one blank cell would be no row at all
    return (",".join(_quoted(safe_cell(cell)) for cell in cells) if list(cells) != [""] else '""') + "\n"


def _quoted(cell: str) -> str:
    # the csv module leaves a lone carriage return without quotes, and readers take it for the row's end
    return cell if _UNQUOTED.fullmatch(cell) else '"' + cell.replace('"', '""') + '"'

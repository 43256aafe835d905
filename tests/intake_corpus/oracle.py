"""A slow and obvious reader of delimited text: says record by record what intake must make of a file.

It is written from the rules alone, character by character, with ``re``, ``datetime`` and ``decimal``; it
shares no code with the package. Where the rules leave a choice it raises :class:`UnsureError`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from cemlab.data.contract import Column, Table

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u00ad"
_PATTERNS = {
    "integer": r"-?[0-9]{1,18}",
    "number": r"-?[0-9]{1,15}(\.[0-9]+)?",
    "money": r"-?[0-9]{1,14}(\.[0-9]{1,4})?",
    "share": r"-?[0-9]{1,15}(\.[0-9]+)?",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?",
}
_FLAGS = {
    "true": True,
    "TRUE": True,
    "True": True,
    "1": True,
    "false": False,
    "FALSE": False,
    "False": False,
    "0": False,
}


class UnsureError(Exception):
    """The rules do not say what becomes of such a file."""


class RefusedError(Exception):
    """The file must be rejected."""


class BadError(Exception):
    """A value breaks its form."""


@dataclass
class Verdict:
    """What must be said of a file."""

    rejected: bool = False
    aside: list[tuple[int, str | None]] = field(default_factory=list)
    rows: list[tuple[object, ...]] = field(default_factory=list)


def judge(content: bytes, header: Sequence[str], table: Table, delimiter: str = ",") -> Verdict:
    """Return what must be said of the lines below a header line that is good."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return Verdict(rejected=True)
    if re.search(r"\r(?!\n)", text):
        raise UnsureError("a lone carriage return")
    if any("\x80" <= char <= "\x9f" for char in text):
        raise UnsureError("control characters of a second kind")
    columns = [table.column(name) or Column(name=name, form="text", about="further") for name in header]
    try:
        records = list(_records(text, delimiter, len(header)))
    except RefusedError:
        return Verdict(rejected=True)
    found = Verdict()
    good: list[tuple[int, list[str], tuple[object, ...]]] = []
    for line, fields, unreadable in records:
        if fields is None:
            found.aside.append((line, None if unreadable is None else header[unreadable]))
            continue
        values: list[object] = []
        broken: list[str] = []
        for column, cell in zip(columns, fields, strict=True):
            try:
                values.append(value_of(column, cell, required=column.name in table.required))
            except BadError:
                broken.append(column.name)
        if broken:
            found.aside.append((line, broken[0]))
        else:
            good.append((line, fields, tuple(values)))
    _judge_keys(found, good, header, table)
    found.aside.sort(key=lambda row: row[0])
    return found


def _judge_keys(
    found: Verdict, good: list[tuple[int, list[str], tuple[object, ...]]], header: Sequence[str], table: Table
) -> None:
    """Sort the good rows into those that stay and those whose key was there."""
    if not table.unique:
        found.rows += [values for _, _, values in good]
        return
    places = [header.index(name) for name in table.key]
    groups: dict[tuple[object, ...], list[tuple[int, list[str], tuple[object, ...]]]] = defaultdict(list)
    for row in good:
        groups[tuple(row[2][place] for place in places)].append(row)
    for rows in groups.values():
        first = rows[0]
        if len({row[2] for row in rows}) > 1:
            found.aside += [(line, "*") for line, _, _ in rows]
            continue
        if any(row[1] != first[1] for row in rows):
            raise UnsureError("rows that are written differently and mean the same")
        found.rows.append(first[2])
        found.aside += [(line, "*") for line, _, _ in rows[1:]]


def value_of(column: Column, text: str, *, required: bool) -> object:
    """Return the value that a cell stands for; BadError where it stands for none."""
    if text == "":
        if required:
            raise BadError
        return None
    if not text.strip():
        raise BadError
    if column.form == "text":
        value: object = text
    elif column.form == "id":
        if text != text.strip() or any(char in _INVISIBLE for char in text):
            raise BadError
        if any(unicodedata.category(char) == "Cf" for char in text):
            raise UnsureError("an invisible character that is not listed")
        value = text
    elif column.form == "flag":
        if text not in _FLAGS:
            raise BadError
        value = _FLAGS[text]
    else:
        if not re.fullmatch(_PATTERNS[column.form], text):
            raise BadError
        value = _typed(column.form, text)
    if column.scale is not None:
        least, greatest = column.scale
        if float(text) < least or (greatest is not None and float(text) > greatest):
            raise BadError
    if column.allowed and text not in column.allowed:
        raise BadError
    return value


def _typed(form: str, text: str) -> object:
    """Return the value of a text whose shape is right."""
    if form == "integer":
        return int(text)
    if form == "money":
        return Decimal(text)
    if form in ("number", "share"):
        number = float(text)
        if form == "share" and not 0 <= number <= 1:
            raise BadError
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadError from None
    if not date(1900, 1, 1) <= moment.date() <= date(2100, 12, 31):
        raise BadError
    return moment.date() if form == "date" else moment


def _records(text: str, delimiter: str, width: int) -> Iterator[tuple[int, list[str] | None, int | None]]:
    """Yield line and fields of every record below the header, None for fields that are no row.

    The third is the place of the first field that cannot be read, where a record has as many as it should.
    """
    at, line = 0, 2
    while at < len(text):
        start, start_line = at, line
        fields, at, good = _fields(text, at, delimiter)
        raw = text[start:at]
        line += raw.count("\n")
        record = re.sub(r"\r?\n\Z", "", raw)
        if width == 1:
            raise UnsureError("files of one column are for the corpus")
        if record == "":
            continue
        swallowed = any(_swallows(cell, place, delimiter, width) for place, cell in enumerate(fields))
        if not good or swallowed or len(fields) != width:
            yield start_line, None, None
            continue
        unreadable = [place for place, cell in enumerate(fields) if _has_control(cell)]
        yield start_line, None if unreadable else fields, unreadable[0] if unreadable else None


def _has_control(cell: str) -> bool:
    return any(unicodedata.category(char) == "Cc" and char not in "\t\r\n" for char in cell)


def _swallows(cell: str, place: int, delimiter: str, width: int) -> bool:
    """Whether a cell, the one at a place in its record, looks as if its quotes had swallowed records."""
    counts = [part.count(delimiter) for part in cell.split("\n")]
    if len(counts) == 1:
        return False
    # the lines in which the quotes stand are records but for the quotes
    rounded = place + counts[0] == width - 1 and counts[-1] == place
    if width == 2:
        return rounded and len(counts) > 2 and all(count == 1 for count in counts[1:-1])
    return rounded or width - 1 in counts[1:]


def _fields(text: str, at: int, delimiter: str) -> tuple[list[str], int, bool]:
    """Read one record: its fields, where the next begins, and whether its quotes are right."""
    fields: list[str] = []
    start = at
    while True:
        if text[at : at + 1] == '"':
            cell, at = _quoted(text, at)
            fields.append(cell)
            rest = text[at : at + 2]
            if rest and rest[0] != delimiter and not rest.startswith("\n") and rest != "\r\n":
                if "\n" in text[start:at]:
                    raise RefusedError
                return fields, _line_end(text, at), False
        else:
            ends = [place for place in (text.find(delimiter, at), _line_break(text, at)) if place >= 0]
            end = min(ends, default=len(text))
            fields.append(text[at:end])
            at = end
        if text[at : at + 1] != delimiter:
            return fields, _line_end(text, at), True
        at += 1


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read a quoted field; return what it holds and the place behind its closing quote."""
    cell = ""
    at += 1
    while True:
        close = text.find('"', at)
        if close < 0:
            raise RefusedError
        cell += text[at:close]
        if text[close + 1 : close + 2] != '"':
            return cell, close + 1
        cell += '"'
        at = close + 2


def _line_break(text: str, at: int) -> int:
    """Return the place of the next line end, -1 where there is none."""
    newline = text.find("\n", at)
    return newline - 1 if newline > at and text[newline - 1] == "\r" else newline


def _line_end(text: str, at: int) -> int:
    """Return the place behind the next line end."""
    newline = text.find("\n", at)
    return len(text) if newline < 0 else newline + 1

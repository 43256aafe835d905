"""The header of a text file: where it stands, and whether its names can be worked with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.text.records import MOST_COLUMNS, RECORD_LIMIT, Layout, Record, Tokenizer
from cemlab.data.intake.text.streams import TextStream
from cemlab.errors import ColumnError, DataError

_BOM = "\ufeff".encode()
_BLANK_LINES = {b"\n": re.compile(rb"(?:\r?\n)*+"), b"\r": re.compile(rb"\r*+")}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE | re.DOTALL)
_OTHER_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas"}


def check_header(names: Sequence[str], *, where: str) -> tuple[str, ...]:
    """Return the names of a file's columns if each is there and can be told from the others.

    Parameters
    ----------
    names
        As they stand in the file.
    where
        File and line, for messages, e.g. ``"transactions.csv, line 1"``.

    Raises
    ------
    DataError
        More than 4,096 columns.
    ColumnError
        A name is missing or has control characters, or two differ only in capitals, surrounding spaces or
        their Unicode form.

    Examples
    --------
    >>> check_header(["customer", "Date"], where="visits.csv, line 1")
    ('customer', 'Date')
    """
    if len(names) > MOST_COLUMNS:
        raise _too_many(len(names), where)
    seen: dict[str, str] = {}
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise ColumnError(
                f"{where}: column {place} of {len(names)} has no name in the header; allowed is a name for "
                f"each column; write one, or declare names for a file without a header"
            )
        if any(unicodedata.category(letter) == "Cc" for letter in name):
            raise ColumnError(
                f"{where}: the header's column {place}, {name[:80]!r}, has control characters or line ends; "
                f"allowed is plain text; mend the header"
            )
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())
        if key in seen:
            twice = "stands twice" if seen[key] == name else f"differs too little from {seen[key][:80]!r}"
            raise ColumnError(
                f"{where}: the header's column {name[:80]!r} {twice}; allowed are names that differ in "
                f"more than capitals, spaces around them or Unicode form; rename one of them"
            )
        seen[key] = name
    return tuple(names)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What stands above the records of a file, and what is left of the bytes it was read from.

    Parameters
    ----------
    header
        The columns' names.
    layout
        How the records are written.
    rest
        Bytes that were read already, from the first record on.
    line
        Physical line of the first of them.
    blank
        Lines of blank lines that were passed, in order.
    """

    header: tuple[str, ...]
    layout: Layout
    rest: bytes
    line: int
    blank: Sequence[int]


def blank_lines(data: bytes, line_end: bytes) -> int:
    """Return how many bytes of blank lines there are at the beginning."""
    found = _BLANK_LINES[line_end].match(data)
    return found.end() if found else 0


def read_head(stream: TextStream, dialect: Dialect, *, file: str, delimiter: str, size: int) -> Head:
    r"""Read the header, and what the dialect says is no data above and below it.

    Parameters
    ----------
    stream
        The file's text, from its beginning.
    dialect
        How the file is written.
    file
        The file's name, for messages.
    delimiter
        What stands between two fields.
    size
        How many bytes are read at first; files that have no ``\n`` in them have lines that end with ``\r``.

    Raises
    ------
    DataError, ColumnError
        There is no header, it cannot be read, or its names cannot be worked with.
    """
    data, final = b"", False
    while True:
        piece = stream.read(max(size, len(data)))
        final = len(piece) < max(size, len(data))
        data += piece
        if data.endswith(b"\r") and not final:
            continue  # a \n may follow
        head = _take_head(data, dialect, file=file, delimiter=delimiter, final=final)
        if head is not None:
            return head


def _take_head(data: bytes, dialect: Dialect, *, file: str, delimiter: str, final: bool) -> Head | None:
    """Return the head of a file if `data` holds all of it; None if more is needed."""
    mark = b"\r" if b"\r" in data and b"\n" not in data else b"\n"
    start = 0
    for skipped in range(dialect.skip_lines):
        start = data.find(mark, start) + 1
        if not start:
            if not final:
                _refuse_too_long(data, file)
                return None
            raise DataError(
                f"{file}: the file has {skipped + bool(data[start:])} lines, and {dialect.skip_lines} above "
                f"the header are to be skipped; allowed are fewer than the file has; change skip_lines"
            )
    if data.startswith(_BOM) and not dialect.skip_lines:
        raise _marked_twice(data, mark, file)
    layout = Layout(file=file, delimiter=delimiter.encode(), line_end=mark)
    first = 1 + dialect.skip_lines
    needed = dialect.skip_below_header + (not dialect.names)
    passed = blank_lines(data[start:], mark) if needed else 0
    if passed > RECORD_LIMIT:
        raise DataError(
            f"{file}, line {first}: more than {RECORD_LIMIT >> 20} MiB of blank lines begin here; allowed is "
            f"a header; take them out"
        )
    blank: Sequence[int] = range(first, first + data.count(mark, start, start + passed))
    start += passed
    tokens = Tokenizer(data[start:], layout, line=first + len(blank), final=final)
    found = tokens.records()
    taken: list[Record] = []
    while len(taken) < needed:
        record = next(found, None)
        if record is None:
            if final:
                break
            return None
        if record.blank:
            blank = [*blank, record.line]
        else:
            taken.append(record)
    header, where = _names(taken, dialect, file=file, data=data[start:], delimiter=delimiter)
    if len(taken) < needed:
        raise DataError(
            f"{file}: {dialect.skip_below_header} records below the header are to be skipped, and the file "
            f"has {len(taken) - (not dialect.names)}; allowed are at most as many as it has; change "
            f"skip_below_header"
        )
    given = "the header has" if not dialect.names else "the names declared are"
    names = check_header(header, where=where)
    layout = replace(layout, columns=len(names), width=f"{given} {len(names)}", names=names)
    return Head(
        header=names,
        layout=layout,
        rest=data[start + tokens.position :],
        line=tokens.line,
        blank=tuple(blank),
    )


def _names(
    taken: Sequence[Record], dialect: Dialect, *, file: str, data: bytes, delimiter: str
) -> tuple[Sequence[str], str]:
    """Return the columns' names and where they stand."""
    if dialect.names:
        return dialect.names, f"{file}, names declared"
    if not taken:
        below = " below the lines skipped" if dialect.skip_lines else ""
        raise DataError(
            f"{file}: there is no header, the file is empty{below}; "
            f"allowed is a first line with the columns' names; check the file"
        )
    record = taken[0]
    where = f"{file}, line {record.line}"
    if record.width > MOST_COLUMNS:
        raise _too_many(record.width, where)
    _refuse_other_lines(data[record.start : record.end].decode(), dialect, where, delimiter)
    if record.reason:
        raise DataError(
            f"{where}: the header has {record.reason}; allowed is one line of plain names, in quotes where "
            f"they hold a delimiter; mend the header, or declare skip_lines"
        )
    return [name.decode() for name in record.fields], where


def _refuse_other_lines(text: str, dialect: Dialect, where: str, delimiter: str) -> None:
    """Refuse a separator line for Excel, and a header with another delimiter than the file is read with."""
    separator = _SEPARATOR_LINE.fullmatch(text)
    if separator:
        other = separator[1]
        declared = "" if other == delimiter else f" and delimiter = {_as_written(other)}"
        raise DataError(
            f"{where}: {text[:80]!r} is the separator line that Excel reads, not the header; allowed is a "
            f"line with the columns' names, e.g. customer,date,revenue; declare skip_lines = "
            f"{dialect.skip_lines + 1}{declared}"
        )
    if dialect.delimiter is not None or '"' in text:
        return  # somebody has looked, or a name in quotes may hold what it likes
    own = text.count(delimiter)
    for other, name in _OTHER_DELIMITERS.items():
        # a tab is in no name; the others may stand in one where the delimiter is there too
        most = own if other == "\t" or not own else len(text)
        if other != delimiter and text.count(other) > most:
            raise DataError(
                f"{where}: the header holds {name} where the delimiter is {_as_written(delimiter)}: "
                f"{text[:80]!r}; allowed is the delimiter that was declared, a comma where none was (in .tsv "
                f"a tab); declare delimiter = {_as_written(other)}"
            )


def _as_written(delimiter: str) -> str:
    """Return a delimiter as it is written in the settings."""
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'


def _too_many(columns: int, where: str) -> DataError:
    return DataError(
        f"{where}: the header has {columns:,} columns; allowed are {MOST_COLUMNS:,}; check the delimiter, "
        f"or take the columns apart"
    )


def _marked_twice(data: bytes, mark: bytes, file: str) -> DataError:
    first = data.removeprefix(_BOM)[:400].split(mark)[0].decode("utf-8", "ignore")
    return DataError(
        f"{file}, line 1: two byte order marks (U+FEFF) stand before {first[:80]!r}; allowed is one or none; "
        f"take one away, or save the file again"
    )


def _refuse_too_long(data: bytes, file: str) -> None:
    """Refuse lines to skip that never end."""
    if len(data) > RECORD_LIMIT:
        raise DataError(
            f"{file}: the lines to skip hold more than {RECORD_LIMIT >> 20} MiB; allowed are fewer; change "
            f"skip_lines"
        )

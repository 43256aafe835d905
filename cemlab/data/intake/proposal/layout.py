"""How the lines of a file are laid out: its delimiter, its header, and what explains the header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

#: Above the header may stand a title, the author, the date of the export.
MOST_PREAMBLE = 20
_DELIMITERS = (",", ";", "\t", "|")
_NO_NAME = re.compile(r"\s*(-?[0-9][0-9.,]*|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*)?\s*")
_NUMBER = re.compile(r"\s*-?[0-9]+([.,][0-9]+)?\s*")


def parsed(text: str, delimiter: str, most: int | None = None) -> tuple[list[list[str]], list[int]]:
    """Return the records that are not blank, and the line on which each ends."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records, lines = [], []
    try:
        for record in reader:
            if any(field.strip() for field in record):
                records.append(record)
                lines.append(reader.line_num)
            if most is not None and len(records) >= most:
                break
    except csv.Error:  # a field beyond all bounds: what came before it is enough to guess by
        pass
    return records, lines


def best_delimiter(text: str, default: str) -> tuple[str, int, int]:
    r"""Return the delimiter, and how many of how many lines have the same number of fields with it.

    One by which all lines agree wins, then one that stands in the header: a decimal comma stands in
    every line of data, but not in the header.

    Examples
    --------
    >>> best_delimiter("name;price\n" + "a;1,5\n" * 300, ",")
    (';', 301, 301)
    """
    found: list[tuple[tuple[bool, bool, float, float, int, bool], str, int, int]] = []
    for mark in _DELIMITERS:
        records, lines = parsed(text, mark, most=500)
        counts = [len(record) for record in records]
        width = usual(counts)
        if width >= 2:
            same, seen = counts.count(width), len(counts)
            # the mark may stand in a title too, but not in the line that follows it
            begins = [i for i, pair in enumerate(pairwise(counts)) if pair == (width, width)]
            first = lines[begins[0] if begins else counts.index(width)]
            likely = (same == seen, 2 * same >= seen, -first, round(same / seen, 2), width, mark == default)
            found.append((likely, mark, same, seen))
    if not found:
        return default, 0, 0
    _, mark, same, seen = max(found)
    return mark, same, seen


def usual(counts: Sequence[int]) -> int:
    """Return the number that most records have of fields, the larger of two that as many have."""
    times = Counter(counts)
    return max(times, key=lambda count: (times[count], count), default=0)


def header_place(records: Sequence[Sequence[str]], width: int) -> int | None:
    """Return the place of the first record that could be names: as many as usual, all there, no two alike.

    A title above it may be filled up with blanks to the same number of fields.
    """
    for i, record in enumerate(records[:MOST_PREAMBLE]):
        filled = sum(1 for name in record if name.strip())
        if len(record) == width and (2 * filled > width or width < 3):
            return i if could_be_names(record) else None
    return None


def could_be_names(record: Sequence[str]) -> bool:
    """Return whether texts could be the names of columns: none blank or like data, no two alike."""
    names = {name.strip().casefold() for name in record}
    return len(names) == len(record) and not any(_NO_NAME.fullmatch(name) for name in record)


def sheet_header(rows: Sequence[Sequence[str | None]]) -> int:
    """Return the place of the header among the first rows of a sheet; 0 where nothing tells it.

    Parameters
    ----------
    rows
        Of each row its cells that are not blank: the text, or None where it is a number or a date.
    """
    width = usual([len(row) for row in rows])
    for i, row in enumerate(rows[:MOST_PREAMBLE]):
        if len(row) >= width:
            texts = [text for text in row if text is not None]
            return i if len(texts) == len(row) and could_be_names(texts) else 0
        if 2 * len(row) > max(width, 2):  # too full for a title
            return 0
    return 0


def explains(body: Sequence[Sequence[str]]) -> bool:
    """Return whether the first record below the header is text where all others are numbers."""
    if len(body) < 3:
        return False
    numeric = [
        i
        for i in range(len(body[0]))
        if any(record[i].strip() for record in body[1:])
        and all(not record[i].strip() or _NUMBER.fullmatch(record[i]) for record in body[1:])
    ]
    texts = [i for i in numeric if body[0][i].strip() and not _NUMBER.fullmatch(body[0][i])]
    # a note in one column is a value out of place; a line of explanations is text in most of them
    return len(texts) >= 2 and 2 * len(texts) >= len(numeric)

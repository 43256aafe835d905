"""The rows of a sheet as the file stores them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from cemlab.data.intake.workbook.package import pieces
from cemlab.data.intake.workbook.parts import unescape, whole

_LAST_ROW, _LAST_COLUMN = 1_048_576, 16_384  # of any sheet
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")


@dataclass(slots=True)
class Cell:
    """A cell as the file stores it; `formula` is None where there is none, `value` where none is stored."""

    column: int
    kind: str
    style: int
    value: str | None
    formula: str | None


@dataclass(slots=True)
class Row:
    """The cells of a row that hold anything, in the order of the columns; rows and columns count from 1."""

    number: int
    hidden: bool
    cells: list[Cell] = field(default_factory=list)


class SheetRows:
    """Reads the rows of a sheet in bounded memory, whatever the file says of the sheet's extent.

    Parameters
    ----------
    stream
        The XML of the sheet.

    Attributes
    ----------
    consumed
        How many of its bytes were read so far.
    hidden
        The first and last number of columns that are hidden; there before the first row.
    merged
        The areas of merged cells, e.g. ``"A3:B5"``; there after the last row.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.consumed = 0
        self.hidden: list[tuple[int, int]] = []
        self.merged: list[str] = []
        self._stream = stream
        self._done: list[Row] = []
        self._row: Row | None = None
        self._number, self._name = 0, ""  # of the row
        self._columns: dict[str, int] = {}  # by letters
        self._cell: Cell | None = None
        self._column = 0
        self._text: list[str] = []
        self._inline: list[str] = []
        self._keep = False  # whether text belongs to a value
        self._phonetic = False

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in the order of the sheet."""
        for size in pieces(self._stream, self._start, self._end, self._data):
            self.consumed += size
            done, self._done = self._done, []
            yield from done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c" and self._row is not None:
            self._column = self._next_column(attributes.get("r"))
            style = whole(attributes.get("s", "0"), "the style of a cell")
            self._cell = Cell(self._column, attributes.get("t", "n"), style, None, None)
            self._inline = []
        elif tag in ("v", "f", "t") and self._cell is not None:
            self._text, self._keep = [], not self._phonetic
        elif tag == "row":
            number = whole(attributes["r"], "the number of a row") if "r" in attributes else self._number + 1
            if not self._number < number <= _LAST_ROW:
                raise ValueError(f"row {number} stands after row {self._number}")
            self._number, self._name, self._column = number, str(number), 0
            self._row = Row(number, attributes.get("hidden") in ("1", "true"))
        elif tag == "rPh":
            self._phonetic = True
        elif tag == "col" and attributes.get("hidden") in ("1", "true"):
            first, last = (whole(attributes.get(end, ""), "the place of a column") for end in ("min", "max"))
            self.hidden.append((first, last))
        elif tag == "mergeCell":
            self.merged.append(attributes.get("ref", ""))

    def _end(self, tag: str) -> None:
        cell = self._cell
        if tag == "c" and cell is not None and self._row is not None:
            if cell.kind == "inlineStr":
                cell.value = unescape("".join(self._inline)) if self._inline else None
            if cell.value is not None or cell.formula is not None:
                self._row.cells.append(cell)
            self._cell = None
        elif tag == "v" and cell is not None:
            cell.value, self._keep = "".join(self._text), False
        elif tag == "t" and cell is not None:
            self._inline += self._text if self._keep else []
            self._keep = False
        elif tag == "f" and cell is not None:
            cell.formula, self._keep = "=" + "".join(self._text), False
        elif tag == "row" and self._row is not None:
            self._done.append(self._row)
            self._row = None
        elif tag == "rPh":
            self._phonetic = False

    def _data(self, piece: str) -> None:
        if self._keep:
            self._text.append(piece)

    def _next_column(self, reference: str | None) -> int:
        if reference is None:
            column = self._column + 1
        else:
            name = reference.rstrip("0123456789")
            known = self._columns.get(name)
            if known is None or reference[len(name) :] != self._name:
                known, row = position(reference)
                if row != self._number:
                    raise ValueError(f"cell {reference[:20]} stands in row {self._number}")
                self._columns[name] = known
            column = known
        if not self._column < column <= _LAST_COLUMN:
            raise ValueError(f"cell {reference} is out of its place in row {self._number}")
        return column


def position(reference: str) -> tuple[int, int]:
    """Return column and row of a cell, from 1.

    Examples
    --------
    >>> position("AB12")
    (28, 12)
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError(f"{reference[:20]!r} names no cell")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return column, int(found[2])


def letters(column: int) -> str:
    """Return the letters of a column.

    Examples
    --------
    >>> letters(28)
    'AB'
    """
    found = ""
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found

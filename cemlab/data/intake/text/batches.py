"""Batches of text records that know where each record stood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import pyarrow as pa

from cemlab.data.intake.batch import Fault
from cemlab.data.intake.text.blocks import Clean, Places, record_spans
from cemlab.data.intake.text.records import Layout, Record
from cemlab.data.intake.text.weeding import Weeded


class CleanBatch:
    """Records of a block without a fault; places are looked for when they are asked for.

    Parameters
    ----------
    clean
        The records.
    data
        The bytes they were made of.
    line
        Physical line of the first byte.
    layout
        How the records are written.
    """

    faults: tuple[Fault, ...] = ()

    def __init__(self, clean: Clean, data: bytes, *, line: int, layout: Layout) -> None:
        self.columns = clean.columns
        self._end = clean.end
        # a last record without line end is one more than the line ends
        ended = data.endswith(layout.line_end, 0, clean.end)
        self._one_line_each = clean.lines == clean.columns.num_rows - (not ended)
        self._data = data
        self._line = line
        self._mark = layout.line_end
        self._places = _Lines(data, layout.line_end, first=line)
        self._spans: tuple[Places, Places] | None = None

    def line(self, row: int) -> int:
        """Return the physical line on which a row's record begins."""
        _check(row, self.columns.num_rows)
        if self._one_line_each:
            return self._line + row
        return self._places.of(int(self._starts_and_ends()[0][row]))

    def row_text(self, row: int) -> str:
        """Return a row's record as it stands in the file, without its line end."""
        _check(row, self.columns.num_rows)
        starts, ends = self._starts_and_ends()
        text = self._data[starts[row] : ends[row]]
        ended = self._mark == b"\n" and ends[row] < self._end
        return (text.removesuffix(b"\r") if ended else text).decode()

    def _starts_and_ends(self) -> tuple[Places, Places]:
        if self._spans is None:
            self._spans = record_spans(self._data[: self._end], self._mark)
        return self._spans


class CarefulBatch:
    """Records of a block that was read record by record.

    Parameters
    ----------
    found
        Good records and faults in the order of the file; no blank lines but those that are records of a
        file of one column.
    data
        The bytes they were made of.
    layout
        How the records are written.
    """

    def __init__(self, found: Iterable[Record], data: bytes, *, layout: Layout) -> None:
        rows: list[Sequence[bytes]] = []
        faults: list[Fault] = []
        self._places: list[tuple[int, int, int]] = []
        for record in found:
            if record.reason:
                faults.append(_fault(record, data, layout))
            else:
                rows.append(record.fields or (b"",))
                self._places.append((record.line, record.start, record.end))
        width = layout.columns or 0
        values = zip(*rows, strict=True) if rows else [()] * width
        arrays = [pa.array(column, pa.string()) for column in values]
        self.columns = pa.table(arrays, names=[f"c{i}" for i in range(width)])
        self.faults = tuple(faults)
        self._data = data

    def line(self, row: int) -> int:
        """Return the physical line on which a row's record begins."""
        _check(row, self.columns.num_rows)
        return self._places[row][0]

    def row_text(self, row: int) -> str:
        """Return a row's record as it stands in the file, without its line end."""
        _check(row, self.columns.num_rows)
        _, start, end = self._places[row]
        return self._data[start:end].decode()


class WeededBatch:
    """Records of a block of which some were set aside.

    Parameters
    ----------
    weeded
        The records.
    data
        The bytes they were made of.
    line
        Physical line of the first byte.
    layout
        How the records are written.
    """

    def __init__(self, weeded: Weeded, data: bytes, *, line: int, layout: Layout) -> None:
        self.columns = weeded.columns
        self.faults = tuple(_fault(record, data, layout) for record in weeded.apart if not record.blank)
        self._weeded = weeded
        self._data = data
        self._lines = _Lines(data, layout.line_end, first=line)

    def line(self, row: int) -> int:
        """Return the physical line on which a row's record begins."""
        _check(row, self.columns.num_rows)
        return self._lines.of(int(self._weeded.starts[row]))

    def row_text(self, row: int) -> str:
        """Return a row's record as it stands in the file, without its line end."""
        _check(row, self.columns.num_rows)
        return self._data[self._weeded.starts[row] : self._weeded.ends[row]].decode()


class _Lines:
    """The physical lines of places in a block, counted when the first is asked for."""

    def __init__(self, data: bytes, line_end: bytes, *, first: int) -> None:
        self._data = data
        self._line_end = line_end[0]
        self._first = first
        self._ends: Places | None = None

    def of(self, place: int) -> int:
        if self._ends is None:
            self._ends = np.flatnonzero(np.frombuffer(self._data, np.uint8) == self._line_end)
        return self._first + int(np.searchsorted(self._ends, place))


class BlankBatch:
    """Blank lines that are records of a file of one column.

    Parameters
    ----------
    rows
        How many there are, one after the other.
    line
        Physical line of the first.
    """

    faults: tuple[Fault, ...] = ()

    def __init__(self, rows: int, *, line: int) -> None:
        self.columns = _blanks(rows)
        self._line = line

    def line(self, row: int) -> int:
        """Return the physical line of a row."""
        _check(row, self.columns.num_rows)
        return self._line + row

    def row_text(self, row: int) -> str:
        """Return what stands there: nothing."""
        _check(row, self.columns.num_rows)
        return ""


@lru_cache(maxsize=1)
def _blanks(rows: int) -> pa.Table:
    """Return blank records; many batches of them share one."""
    return pa.table([pa.repeat(pa.scalar("", pa.string()), rows)], names=["c0"])


def _fault(record: Record, data: bytes, layout: Layout) -> Fault:
    text = data[record.start : record.end].decode()
    column, value = None, text
    if record.cell is not None and layout.names:
        column, value = layout.names[record.cell[0]], record.cell[1].decode()
    return Fault(line=record.line, column=column, value=value, reason=record.reason, row=text)


def _check(row: int, rows: int) -> None:
    if not 0 <= row < rows:
        raise IndexError(f"row {row} of a batch of {rows}")

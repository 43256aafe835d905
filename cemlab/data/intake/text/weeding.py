"""The way between: records at fault are weeded out of a block one by one, the others parsed as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cemlab.data.intake.text import records
from cemlab.data.intake.text.blocks import Bytes, Places, parse_records, swallowing_fields
from cemlab.data.intake.text.records import Layout, Record, Tokenizer

_FEW = 8  # one record in so many may need care, beyond that it is faster to take care of all
_QUOTE, _RETURN, _FEED, _TAB = 34, 13, 10, 9


@dataclass(frozen=True, kw_only=True)
class Weeded:
    """Records of a block of which some needed the careful way.

    Parameters
    ----------
    columns
        The fields of the good records, one row for each.
    starts, ends
        Where each good record stands in the bytes, without its line end, shape (rows,).
    apart
        The faults.
    blank
        Lines of the blank lines.
    end
        Where the records end in the bytes, with the last line end.
    lines
        How many line ends there are before that.
    """

    columns: pa.Table
    starts: Places
    ends: Places
    apart: list[Record]
    blank: list[int]
    end: int
    lines: int


def weed_records(data: bytes, layout: Layout, *, line: int, final: bool) -> Weeded | None:
    r"""Return the records at the beginning of `data`, those at fault apart.

    Parameters
    ----------
    data
        Valid UTF-8 that begins where a record begins.
    layout
        How the records are written.
    line
        Physical line of the first byte.
    final
        Whether the file ends with `data`; otherwise a last record that may go on is left.

    Returns
    -------
    Weeded or None
        None where every record needs the careful way: delimiters beyond ASCII, blank lines in a file of
        one column; or where so many do that it is the faster one.

    Raises
    ------
    DataError
        As :meth:`~cemlab.data.intake.text.records.Tokenizer.records`.

    Examples
    --------
    >>> layout = Layout(file="a.csv", delimiter=b",", columns=2, width="the header has 2")
    >>> weeded = weed_records(b'1,5"\n2\n3,4\n', layout, line=2, final=True)
    >>> weeded.columns.to_pylist(), [record.line for record in weeded.apart]
    ([{'c0': '1', 'c1': '5"'}, {'c0': '3', 'c1': '4'}], [3])
    """
    if len(layout.delimiter) != 1 or not layout.columns or len(data) > records.RECORD_LIMIT:
        return None
    block = _Block(data, layout, line=line, final=final)
    starts, ends, tokenized = block.cut()
    blank = block.without_return(ends) == starts
    odd = block.odd(starts, ends) & ~blank
    if np.count_nonzero(odd) + len(tokenized) > block.few:
        return None
    if layout.columns == 1 and (blank.any() or any(record.blank for record in tokenized)):
        return None  # whether they are records depends on what follows
    good = ~odd & ~blank
    tokenized += [record for start in starts[odd].tolist() for record in block.tokenize(start)]
    tokenized.sort(key=lambda record: record.start)
    rows = [record for record in tokenized if record.fields]
    keep = np.ones(block.end, dtype=bool)
    keep[starts[blank]] = keep[ends[blank]] = False
    columns = parse_records(_as_written(data, keep, layout, tokenized), layout)
    kept = np.concatenate([starts[good], np.array([row.start for row in rows], np.intp)])
    if columns is None or columns.num_rows != len(kept):
        return None
    stops = np.concatenate([block.without_return(ends[good]), np.array([row.end for row in rows], np.intp)])
    order = np.argsort(kept, kind="stable")  # two runs in order already
    return Weeded(
        columns=columns,
        starts=kept[order],
        ends=stops[order],
        apart=[record for record in tokenized if record.reason],
        blank=sorted([*block.lines(starts[blank]), *(item.line for item in tokenized if item.blank)]),
        end=block.end,
        lines=int(np.searchsorted(block.line_ends, block.end)),
    )


class _Block:
    """The bytes of a block, and where its quotes and line ends stand."""

    def __init__(self, data: bytes, layout: Layout, *, line: int, final: bool) -> None:
        self.end = 0
        self._layout = layout
        self._line = line
        self._final = final
        self._tokens = Tokenizer(data, layout, line=line, final=final)
        self._units: Bytes = np.frombuffer(data, np.uint8)
        self._mark = layout.line_end[0]
        self._quotes: Places = np.flatnonzero(self._units == _QUOTE)
        self.line_ends: Places = np.flatnonzero(self._units == self._mark)
        self._misplaced = self._find_misplaced()
        self.few = len(self.line_ends) // _FEW + _FEW

    def lines(self, starts: Places) -> list[int]:
        """Return the physical lines of places."""
        found: list[int] = (self._line + np.searchsorted(self.line_ends, starts)).tolist()
        return found

    def tokenize(self, start: int) -> Iterator[Record]:
        """Yield the one record that begins at `start`, none if it may go on beyond the block."""
        self._tokens.position = start
        (self._tokens.line,) = self.lines(np.array([start]))
        for record in self._tokens.records():
            yield record
            return

    def cut(self) -> tuple[Places, Places, list[Record]]:
        """Return where records begin and their line ends stand, and those cut with care for their quotes."""
        before = np.searchsorted(self._quotes, self.line_ends)
        starts: list[Places] = []
        ends: list[Places] = []
        tokenized: list[Record] = []
        size = len(self._units)
        while self.end < size and len(tokenized) <= self.few:
            first = int(np.searchsorted(self._quotes, self.end))
            bad = self._misplaced[first % 2]
            at = int(np.searchsorted(bad, first))
            stop = int(self._quotes[bad[at]]) if at < len(bad) else size
            part = slice(*np.searchsorted(self.line_ends, [self.end, stop]))
            outer = self.line_ends[part][(before[part] - first) % 2 == 0]
            if len(outer):
                starts.append(np.concatenate([[self.end], outer[:-1] + 1]))
                ends.append(outer)
                self.end = int(outer[-1]) + 1
            if self.end == size or (stop == size and not self._final):
                break
            record = next(self.tokenize(self.end), None)
            if record is None:
                break
            tokenized.append(record)
            self.end = self._tokens.position
        nothing = np.empty(0, np.intp)
        return np.concatenate([nothing, *starts]), np.concatenate([nothing, *ends]), tokenized

    def _find_misplaced(self) -> tuple[Places, Places]:
        """Return which quotes are out of place if the first of all opens a field, and if it closes one."""
        units, quotes = self._units, self._quotes
        last = len(units) - 1
        allowed = np.zeros(256, dtype=bool)
        allowed[[_QUOTE, self._layout.delimiter[0], self._mark]] = True
        opens = allowed[units[np.maximum(quotes - 1, 0)]]
        closes = allowed[units[np.minimum(quotes + 1, last)]]
        if self._mark == _FEED:
            following, second = np.minimum(quotes + 1, last), np.minimum(quotes + 2, last)
            closes |= (units[following] == _RETURN) & (units[second] == _FEED)
        even = np.arange(len(quotes)) % 2 == 0
        return np.flatnonzero(~np.where(even, opens, closes)), np.flatnonzero(~np.where(even, closes, opens))

    def odd(self, starts: Places, ends: Places) -> npt.NDArray[np.bool_]:
        """Return which records cannot be taken as they stand, shape (records,)."""
        columns = self._layout.columns or 0
        opened = np.searchsorted(self._quotes, starts)

        def count(places: Places, *, within: bool) -> Places:
            if not len(self._quotes):
                both = np.searchsorted(places, ends) - np.searchsorted(places, starts)
                return both * (not within)
            record, place = self._owner(places, starts, ends)
            inside = (np.searchsorted(self._quotes, place) - opened[record]) % 2 == 1
            return np.bincount(record[inside == within], minlength=len(starts))

        delimiters = np.flatnonzero(self._units == self._layout.delimiter[0])
        odd: npt.NDArray[np.bool_] = count(delimiters, within=False) != columns - 1
        controls, returns = self._unwanted()
        odd |= count(returns, within=False) > 0
        if len(self._quotes):
            _, quotes = self._owner(self._quotes, starts, ends)
            controls.append(swallowing_fields(quotes, self.line_ends, delimiters, starts, columns=columns))
        odd[self._owner(np.concatenate(controls), starts, ends)[0]] = True
        return odd

    def _owner(self, places: Places, starts: Places, ends: Places) -> tuple[Places, Places]:
        """Return the record in which each place lies, and the places, leaving out those in none."""
        record = np.searchsorted(ends, places)
        known = record < len(ends)
        record, places = record[known], places[known]
        known = starts[record] <= places
        return record[known], places[known]

    def _unwanted(self) -> tuple[list[Places], Places]:
        r"""Return where control characters stand, and where each \r that ends no line."""
        units = self._units
        unwanted = np.zeros(256, dtype=bool)
        unwanted[:32] = unwanted[127] = True
        unwanted[[_TAB, _FEED, _RETURN, self._layout.delimiter[0]]] = False
        leads, returns = np.flatnonzero(units == 0xC2), np.flatnonzero(units == _RETURN)
        last = len(units) - 1
        leads = leads[units[np.minimum(leads + 1, last)] < 0xA0]  # U+0080 to U+009F are C2 80 to C2 9F
        returns = (
            returns[units[np.minimum(returns + 1, last)] != self._mark]
            if self._mark == _FEED
            else returns[:0]
        )
        return [np.flatnonzero(unwanted[units]), leads], returns

    def without_return(self, ends: Places) -> Places:
        r"""Return line ends without the \r of a \r\n."""
        if self._mark != _FEED:
            return ends
        shorter: Places = ends - ((ends > 0) & (self._units[ends - 1] == _RETURN))
        return shorter


def _as_written(data: bytes, keep: npt.NDArray[np.bool_], layout: Layout, tokenized: list[Record]) -> bytes:
    """Return the good records alone, with those that needed care written so that any reader agrees."""
    units, whole = np.frombuffer(data, np.uint8), bool(keep.all())

    def between(start: int, end: int) -> bytes:
        return data[start:end] if whole else units[start:end][keep[start:end]].tobytes()

    pieces, start = [], 0
    for record in tokenized:
        pieces.append(between(start, record.start))
        if record.fields:
            quoted = [b'"%b"' % field.replace(b'"', b'""') for field in record.fields]
            pieces += [layout.delimiter.join(quoted), layout.line_end]
        after = data.find(layout.line_end, record.end)
        start = len(keep) if after < 0 else after + 1
    pieces.append(between(start, len(keep)))
    return b"".join(pieces)

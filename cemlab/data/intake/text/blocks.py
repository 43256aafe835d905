"""The fast way through delimited text: blocks without a fault, checked and parsed as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from cemlab.data.intake.text import records
from cemlab.data.intake.text.records import Layout

#: Bytes that become one record batch.
PIECE_BYTES = 1 << 20

_QUOTE, _RETURN, _TAB = 34, 13, 9
_MARK = "\ufeff".encode()
_MOST_STEPS_BACK = (
    10_000  # quoted fields looked at for the last record end, before the careful way is cheaper
)

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Clean:
    """Whole records without a fault.

    Parameters
    ----------
    columns
        Their fields, one row for each record.
    end
        Where they end in the bytes, with the last line end.
    lines
        How many line ends they have.
    """

    columns: pa.Table
    end: int
    lines: int


def clean_records(data: bytes, layout: Layout, *, final: bool) -> Clean | None:
    r"""Return the records at the beginning of `data` if none of them needs the careful way.

    Parameters
    ----------
    data
        Valid UTF-8 that begins where a record begins.
    layout
        How the records are written.
    final
        Whether the file ends with `data`; otherwise what follows the last record end is left.

    Returns
    -------
    Clean or None
        None if anything is at fault, or only cannot be told by looking at the whole: then the careful
        way decides.

    Examples
    --------
    >>> layout = Layout(file="a.csv", delimiter=b",", columns=2, width="the header has 2")
    >>> clean_records(b'1,2\n3,"4"\n5,', layout, final=False).end
    10
    >>> clean_records(b"1,2\n3\n", layout, final=False) is None
    True
    """
    if len(layout.delimiter) != 1 or not layout.columns or len(data) > records.RECORD_LIMIT:
        return None
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == _QUOTE) if b'"' in data else None
    end = len(data) if final else _last_record_end(data, layout, quotes)
    if not end:
        return None
    units = np.frombuffer(data, np.uint8, count=end)
    ends = int(np.count_nonzero(units == layout.line_end[0]))
    rows = ends + (not data.endswith(layout.line_end, 0, end))
    if _has_control(data, units, layout, quotes, ends=ends):
        return None
    if quotes is not None:
        quotes = quotes[: np.searchsorted(quotes, end)]
        if not _quotes_in_place(units, quotes, layout):
            return None
    if _has_blank_lines(data, units, layout, rows, quotes):
        return None
    columns = _parse(data, layout, quotes, end)
    if columns is None:
        return None
    if columns.num_rows != rows:
        within = None if quotes is None else _lines_within(units, quotes, layout)
        if within is None or columns.num_rows != rows - within:
            return None
    return Clean(columns=columns, end=end, lines=ends)


def parse_records(data: bytes, layout: Layout) -> pa.Table | None:
    """Return the fields of well-formed records, one row for each; None if they do not all have as many."""
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == _QUOTE) if b'"' in data else None
    if data:
        return _parse(data, layout, quotes, len(data))
    names = [f"c{i}" for i in range(layout.columns or 0)]
    return pa.schema([(name, pa.string()) for name in names]).empty_table()


def record_spans(data: bytes, line_end: bytes) -> tuple[Places, Places]:
    """Return where each of several clean records begins, and where its line end stands, shape (rows,)."""
    units = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(units == line_end[0])
    if b'"' in data:
        ends = ends[np.searchsorted(np.flatnonzero(units == _QUOTE), ends) % 2 == 0]
    if not data.endswith(line_end):
        ends = np.append(ends, len(data))
    return np.concatenate([[0], ends[:-1] + 1]), ends


def _last_record_end(data: bytes, layout: Layout, quotes: Places | None) -> int:
    """Return where the last record ends of which the quotes are balanced, 0 if none does."""
    end = data.rfind(layout.line_end) + 1
    if quotes is None:
        return end
    for _ in range(_MOST_STEPS_BACK):
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            return end
        end = data.rfind(layout.line_end, 0, int(quotes[before - 1])) + 1
    return 0


def _has_control(data: bytes, units: Bytes, layout: Layout, quotes: Places | None, *, ends: int) -> bool:
    r"""Whether there are control characters but tabs and line ends, or a \r that ends no line, unquoted."""
    allowed = ends
    if layout.line_end == b"\n":
        returns = int(np.count_nonzero(units == _RETURN)) if b"\r" in data else 0
        if returns and returns != data.count(b"\r\n", 0, len(units)):
            if quotes is None:
                return True
            places = np.flatnonzero(units == _RETURN)
            lone = places[units[np.minimum(places + 1, len(units) - 1)] != layout.line_end[0]]
            if (np.searchsorted(quotes, lone) % 2 == 0).any():
                return True
        allowed += returns
    low = int(np.count_nonzero(units < 32))
    if low != allowed:
        marks = {_TAB, layout.delimiter[0]} - {10, _RETURN}
        allowed += sum(int(np.count_nonzero(units == mark)) for mark in marks if mark < 32)
        if low != allowed:
            return True
    if b"\x7f" in data and layout.delimiter != b"\x7f":
        return True
    if data.isascii():
        return False
    leads = np.flatnonzero(units == 0xC2)  # U+0080 to U+009F are C2 80 to C2 9F
    return bool((units[leads + 1] < 0xA0).any())


def _has_blank_lines(data: bytes, units: Bytes, layout: Layout, rows: int, quotes: Places | None) -> bool:
    """Whether there may be blank lines that are no records; without quotes, also most wrong widths."""
    end, mark = len(units), layout.line_end
    one_blank = (mark, b"\r" + mark)
    if layout.columns == 1:
        # whether those at the end are records depends on what follows
        return data.endswith((mark * 2, mark + b"\r" + mark), 0, end) or data[:end] in one_blank
    if quotes is None:
        delimiters = int(np.count_nonzero(units == layout.delimiter[0]))
        return delimiters != rows * ((layout.columns or 0) - 1)
    # a line end, a \r of its own perhaps, and a line end again
    places = np.flatnonzero(units == mark[0])
    apart = np.diff(places)
    returns = places[1:][apart == 2] - 1
    return data.startswith(one_blank) or bool((apart == 1).any()) or bool((units[returns] == _RETURN).any())


def _quotes_in_place(units: Bytes, quotes: Places, layout: Layout) -> bool:
    """Whether every quote begins or ends a field, or is one of two within a quoted field."""
    if len(quotes) % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    allowed = np.zeros(256, dtype=bool)
    allowed[[_QUOTE, layout.delimiter[0], layout.line_end[0]]] = True
    first = 1 if len(opening) and opening[0] == 0 else 0
    if not allowed[units[opening[first:] - 1]].all():
        return False
    if layout.line_end == b"\n":
        allowed[_RETURN] = True  # every \r outside quotes is known to stand before a \n
    last = len(closing) - (1 if len(closing) and closing[-1] == len(units) - 1 else 0)
    return bool(allowed[units[closing[:last] + 1]].all())


def _lines_within(units: Bytes, quotes: Places, layout: Layout) -> int | None:
    """Return how many line ends stand within quotes; None if a line within them may be a record."""
    ends = np.flatnonzero(units == layout.line_end[0])
    inner = np.searchsorted(quotes, ends) % 2 == 1
    delimiters = np.flatnonzero(units == layout.delimiter[0])
    starts = np.concatenate([[0], ends[~inner] + 1])
    if len(swallowing_fields(quotes, ends, delimiters, starts, columns=layout.columns or 0)):
        return None
    return int(np.count_nonzero(inner))


def swallowing_fields(
    quotes: Places, line_ends: Places, delimiters: Places, starts: Places, *, columns: int
) -> Places:
    """Return where quoted fields open that hold lines which look like records.

    The same as the tokenizer says of records with the right number of fields, asked of all at once.

    Parameters
    ----------
    quotes
        Where the quotes of the records stand, all of them in place.
    line_ends, delimiters
        Where these stand, within quotes and outside.
    starts
        Where the records begin.
    columns
        How many fields a record has.
    """
    nothing: Places = quotes[:0]
    if columns < 2 or not len(quotes):
        return nothing
    opens, closes = quotes[0::2], quotes[1::2]
    apart = closes[:-1] + 1 != opens[1:]  # otherwise they are one quote within a field
    opens, closes = opens[np.append(True, apart)], closes[np.append(apart, True)]
    first, last = np.searchsorted(line_ends, opens), np.searchsorted(line_ends, closes) - 1
    several = np.flatnonzero(last >= first)
    if not len(several):
        return nothing
    at_open, at_close = np.searchsorted(delimiters, opens), np.searchsorted(delimiters, closes)
    within = np.concatenate([[0], np.cumsum(at_close - at_open)])
    begun = starts[np.searchsorted(starts, opens[several], "right") - 1]
    earlier = np.searchsorted(delimiters, begun) - within[np.searchsorted(opens, begun)]
    opens, at_open, at_close = opens[several], at_open[several], at_close[several]
    field = at_open - within[several] - earlier
    first, last, full = first[several], last[several], columns - 1
    at_end = np.searchsorted(delimiters, line_ends)
    alike = np.concatenate([[0], np.cumsum(np.diff(at_end) == full)])
    inner, head, tail = alike[last] - alike[first], at_end[first] - at_open, at_close - at_end[last]
    around = (head + field == full) & (tail == field)
    looks_it = around | (inner > 0) | (tail == full)
    if columns == 2:
        looks_it = around & (last > first) & (inner == last - first)
    found: Places = opens[looks_it]
    return found


def _parse(data: bytes, layout: Layout, quotes: Places | None, end: int) -> pa.Table | None:
    """Return the fields of well-formed records, in several record batches; None if a width is wrong."""
    buffer = pa.py_buffer(data)
    tables, start = [], 0
    while start < end:
        stop = end
        if end - start > 2 * PIECE_BYTES:
            stop = _record_end_after(data, layout, quotes, start + PIECE_BYTES, end)
        if data.startswith(_MARK, start):
            return None  # Arrow would take it for the mark at the beginning of a file, and leave it out
        try:
            tables.append(_parse_piece(buffer.slice(start, stop - start), layout, quoted=quotes is not None))
        except pa.ArrowInvalid:
            return None
        start = stop
    return pa.concat_tables(tables)


def _record_end_after(data: bytes, layout: Layout, quotes: Places | None, place: int, end: int) -> int:
    """Return where the first record ends that goes beyond a place."""
    while True:
        place = data.find(layout.line_end, place, end) + 1
        if not place:
            return end
        if quotes is None or np.searchsorted(quotes, place) % 2 == 0:
            return place


def _parse_piece(piece: pa.Buffer, layout: Layout, *, quoted: bool) -> pa.Table:
    read, parse, convert = _options(layout.columns or 0, layout.delimiter.decode(), quoted)
    read.block_size = piece.size + 1  # never cut again
    return pyarrow.csv.read_csv(
        pa.BufferReader(piece), read_options=read, parse_options=parse, convert_options=convert
    )


@lru_cache(maxsize=16)
def _options(
    columns: int, delimiter: str, quoted: bool
) -> tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions, pyarrow.csv.ConvertOptions]:
    """Return options under which every field is text under an internal name, and nothing is null."""
    names = [f"c{i}" for i in range(columns)]
    return (
        pyarrow.csv.ReadOptions(column_names=names, use_threads=False),
        pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if quoted else False,
            double_quote=quoted,
            escape_char=False,
            newlines_in_values=True,
            ignore_empty_lines=False,
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[],
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
            check_utf8=False,  # the bytes were checked when they were read
        ),
    )

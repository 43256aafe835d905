"""The careful way through delimited text: record by record, with a reason for every one set aside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cemlab.errors import DataError

#: The longest record that is read (bytes).
RECORD_LIMIT = 16 << 20
#: The most columns a file may have.
MOST_COLUMNS = 4096

_LOW_CONTROLS = bytes({*range(32), 127} - {9, 10, 13})
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_LONE_RETURN = re.compile(rb"\r(?!\n)")


@dataclass(frozen=True, kw_only=True)
class Layout:
    r"""How the records of one file are written.

    Parameters
    ----------
    file
        The file's name, for messages.
    delimiter
        What stands between two fields, in UTF-8.
    line_end
        ``b"\n"`` (also for ``\r\n``), or ``b"\r"`` for a file that has no other.
    columns
        How many fields a record has; None while the header is read.
    width
        What gave the number of columns, for messages: "the header has 3".
    names
        The columns' names, for messages.
    """

    file: str
    delimiter: bytes
    line_end: bytes = b"\n"
    columns: int | None = None
    width: str = ""
    names: tuple[str, ...] = ()


class Record(NamedTuple):
    """One record, a blank line, or what was no record.

    Parameters
    ----------
    line
        Physical line of the file on which it begins.
    start, end
        Where it stands in the bytes, without its line end.
    fields
        Its fields as UTF-8; empty for a blank line and for a fault.
    reason
        Why it is set aside; empty for a good record and for a blank line.
    width
        How many fields it has, as far as they can be told.
    cell
        Column, from 0, and field of a fault that lies in one field alone.
    """

    line: int
    start: int
    end: int
    fields: list[bytes]
    reason: str
    width: int = 0
    cell: tuple[int, bytes] | None = None

    @property
    def blank(self) -> bool:
        """Whether it is a line without anything."""
        return self.start == self.end


class _Cut(NamedTuple):
    """A record cut into fields, of which no more are kept than a record may have."""

    end: int
    width: int
    fields: list[bytes]
    reason: str = ""
    unreadable: tuple[tuple[int, bytes, str], ...] = ()


class Tokenizer:
    r"""Cut bytes that begin with a record into records.

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

    Attributes
    ----------
    position
        Where the bytes begin that no record was made of.
    line
        Physical line of that position.

    Examples
    --------
    >>> layout = Layout(file="a.csv", delimiter=b",", columns=2, width="the header has 2")
    >>> for record in Tokenizer(b'1,"a\nb"\n2\n', layout, line=2, final=True).records():
    ...     print(record.line, record.fields, record.reason)
    2 [b'1', b'a\nb']
    4 [] 1 field where the header has 2
    """

    def __init__(self, data: bytes, layout: Layout, *, line: int, final: bool) -> None:
        self.position = 0
        self.line = line
        self._data = data
        self._layout = layout
        self._final = final
        returns = layout.line_end == b"\n" and b"\r" in data
        # a look at the whole is far cheaper than one at each record
        controls = b"\xc2" in data or len(data.translate(None, _LOW_CONTROLS)) < len(data)
        self._suspicious = returns or controls

    def records(self) -> Iterator[Record]:
        """Yield records, blank lines and faults in the order of the file.

        Raises
        ------
        DataError
            A quote is never closed, or closed where its record cannot end; or a record is too long.
        """
        data, mark = self._data, self._layout.line_end
        while self.position < len(data):
            start = self.position
            line_end = self._line_end(start)
            record = None if line_end is None else self._record(start, line_end)
            if line_end is None or record is None:
                if len(data) - start > RECORD_LIMIT:
                    raise self._too_long()
                return
            after = self._line_end(record.end)
            assert after is not None  # the record ends with a line
            self.position = min(after + 1, len(data))
            self.line += 1 + (data.count(mark, start, record.end) if record.end > line_end else 0)
            yield record

    def _line_end(self, start: int) -> int | None:
        """Return where the line ends in which `start` lies; None if it may go on."""
        end = self._data.find(self._layout.line_end, start)
        if end >= 0:
            return end
        return len(self._data) if self._final else None

    def _without_return(self, start: int, line_end: int) -> int:
        r"""Return where a line ends without the \r of a \r\n."""
        at_feed = self._layout.line_end == b"\n" and line_end < len(self._data)
        if at_feed and line_end > start and self._data[line_end - 1] == 13:
            return line_end - 1
        return line_end

    def _record(self, start: int, line_end: int) -> Record | None:
        """Return the record whose first line ends at `line_end`; None if it may go on."""
        data = self._data
        end = self._without_return(start, line_end)
        if start == end:
            return Record(self.line, start, end, [], "")
        quoted = data.find(b'"', start, end) >= 0
        cut = self._quoted_record(start, line_end) if quoted else self._plain_record(start, end)
        if cut is None:
            return None
        if cut.end - start > RECORD_LIMIT:
            raise self._too_long()
        return self._judged(start, cut)

    def _judged(self, start: int, cut: _Cut) -> Record:
        """Return a record with its fault, if it has one."""
        reason, columns, cell = cut.reason, self._layout.columns, None
        if not reason and cut.unreadable:
            column, value, reason = cut.unreadable[0]
            if columns == cut.width:
                cell = column, value
                others = (f"; also column {self._named(i)!r}: {why}" for i, _, why in cut.unreadable[1:])
                reason += "".join(others)
        if not reason and columns not in (None, cut.width):
            reason = f"{cut.width} field{'s' * (cut.width != 1)} where {self._layout.width}"
        fields = [] if reason else cut.fields
        return Record(self.line, start, cut.end, fields, reason, cut.width, cell)

    def _plain_record(self, start: int, end: int) -> _Cut:
        """Return a record without quotes, cut into fields if they are as many as they may be."""
        data, delimiter = self._data, self._layout.delimiter
        width = data.count(delimiter, start, end) + 1
        why = self._unreadable(start, end, quoted=False)
        wrong = width > MOST_COLUMNS if self._layout.columns is None else width != self._layout.columns
        if wrong:
            return _Cut(end, width, [], unreadable=((0, b"", why),) if why else ())
        fields = data[start:end].split(delimiter)
        if not why:
            return _Cut(end, width, fields)
        found, place = [], start
        for column, field in enumerate(fields):
            if why := self._unreadable(place, place + len(field), quoted=False):
                found.append((column, field, why))
            place += len(field) + len(delimiter)
        return _Cut(end, width, fields, unreadable=tuple(found))

    def _quoted_record(self, start: int, line_end: int) -> _Cut | None:
        """Return a record with quotes, cut into fields; None if it may go on."""
        data, delimiter = self._data, self._layout.delimiter
        most = self._layout.columns or MOST_COLUMNS
        first_end, reason = line_end, ""
        end = self._without_return(start, line_end)
        fields: list[bytes] = []
        unreadable: list[tuple[int, bytes, str]] = []
        width, place = 0, start

        def add(first: int, last: int, *, quoted: bool) -> None:
            value = data[first:last].replace(b'""', b'"') if quoted else data[first:last]
            why = self._unreadable(first, last, quoted=quoted)
            if why and (width < most or not unreadable):
                unreadable.append((width, value, why))
            if width < most:
                fields.append(value)

        while True:
            if not data.startswith(b'"', place, end):
                after = data.find(delimiter, place, end)
                add(place, end if after < 0 else after, quoted=False)
                width += 1
                if after < 0:
                    return _Cut(end, width, fields, reason, tuple(unreadable))
                place = after + len(delimiter)
                continue
            close = self._closing(start, place)
            if close is None:
                return None
            if close > line_end:  # looked for only then: a record may have a million fields
                after_close = self._line_end(close)
                if after_close is None:
                    return None
                line_end = after_close
                end = self._without_return(close, line_end)
            if close > first_end:
                reason = reason or self._swallowed(start, place, close, field=width)
            add(place + 1, close, quoted=True)
            width += 1
            if close + 1 == end:
                return _Cut(end, width, fields, reason, tuple(unreadable))
            if not data.startswith(delimiter, close + 1, end):
                if close > first_end:
                    raise self._not_closed(start, place, close)
                return _Cut(end, width, [], "text after the closing quote of a field")
            place = close + 1 + len(delimiter)

    def _closing(self, start: int, opening: int) -> int | None:
        """Return where the quote closes that opens at `opening`; None if the bytes end before."""
        data, place = self._data, opening + 1
        while True:
            place = data.find(b'"', place)
            if place < 0:
                if self._final or len(data) - start > RECORD_LIMIT:
                    raise self._not_closed(start, opening, None)
                return None
            if not data.startswith(b'""', place):
                return place
            place += 2

    def _swallowed(self, start: int, opening: int, close: int, *, field: int) -> str:
        """Return a reason if a quoted field holds lines that look like records.

        A line counts as one if it has exactly as many delimiters as a record. It may lie within the quotes
        whole, or be the last, up to the closing quote. The last one may also go on behind that quote, but
        then the line in which the quote opens must be such a line too, or every field of several lines in
        front of others would be suspected. In a table of two columns, where one comma makes a record, all
        lines of the field, of which there are at least three, must be such lines.
        """
        mark, delimiter, full = self._layout.line_end, self._layout.delimiter, (self._layout.columns or 0) - 1
        value = self._data[opening + 1 : close]
        if full < 1 or mark not in value:
            return ""
        counts = [line.count(delimiter) for line in value.split(mark)]
        around = counts[0] + field == full and counts[-1] == field
        if full == 1:
            number = 1 if around and len(counts) > 2 and set(counts[1:-1]) == {1} else 0
        else:
            number = next((i for i, n in enumerate(counts[1:], 1) if n == full), 0)
            number = number or (len(counts) - 1) * around
        if not number:
            return ""
        line = self._line_of(start, opening)
        return (
            f"the quote that opens in line {line} is probably not closed: line {line + number} within it "
            f"looks like a record"
        )

    def _unreadable(self, start: int, end: int, *, quoted: bool) -> str:
        """Return what a field or record holds that no text may hold, empty if nothing."""
        if not self._suspicious:
            return ""
        if not quoted and self._layout.line_end == b"\n" and _LONE_RETURN.search(self._data, start, end):
            return "a carriage return that ends no line"
        for found in _CONTROL.finditer(self._data, start, end):
            if found[0] != self._layout.delimiter:
                return f"a control character (U+{ord(found[0].decode()):04X})"
        return ""

    def _named(self, column: int) -> str:
        names = self._layout.names
        return names[column] if column < len(names) else f"column {column + 1}"

    def _line_of(self, start: int, place: int) -> int:
        """Return the line of a place in the record that begins at `start`."""
        return self.line + self._data.count(self._layout.line_end, start, place)

    def _not_closed(self, start: int, opening: int, close: int | None) -> DataError:
        line = self._line_of(start, opening)
        if close is not None:
            what = f"text follows the next quote, in line {self._line_of(start, close)}"
        elif self._final:
            what = "the file ends within it"
        else:
            what = f"it goes on for more than {RECORD_LIMIT >> 20} MiB"
        return DataError(
            f"{self._layout.file}, line {line}: the quote that opens here is not closed ({what}); allowed is "
            f"a closing quote before a delimiter or a line end; close it, and write a quote within a quoted "
            f"field twice"
        )

    def _too_long(self) -> DataError:
        return DataError(
            f"{self._layout.file}, line {self.line}: the record that begins here is longer than allowed; "
            f"allowed are {RECORD_LIMIT >> 20} MiB; check the line ends and quotes of the file"
        )

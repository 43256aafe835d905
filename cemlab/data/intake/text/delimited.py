"""Delimited text files as batches of text: every record is a row, or set aside with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from cemlab.data.intake.batch import Batch, Reader
from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.text.batches import BlankBatch, CarefulBatch, CleanBatch, WeededBatch
from cemlab.data.intake.text.blocks import Clean, clean_records
from cemlab.data.intake.text.header import blank_lines, read_head
from cemlab.data.intake.text.records import Record, Tokenizer
from cemlab.data.intake.text.streams import TextStream
from cemlab.data.intake.text.weeding import weed_records
from cemlab.errors import DataError

#: Text that is looked at at once (bytes).
BLOCK_BYTES = 8 << 20
#: The same where something is at fault, for faults weigh far more than rows.
CAREFUL_BYTES = 1 << 20
#: Text in which the line ends and, if it goes on, the header are looked for first (bytes).
HEAD_BYTES = 1 << 20

_LINES_NAMED = 5
_MOST_BLANK_ROWS = 1 << 20
_MOST_CAREFUL = 1 << 16  # records read one by one that are held at once


def open_delimited(path: Path, dialect: Dialect, *, advance: Callable[[int], None] | None = None) -> Reader:
    r"""Open a delimited text file, plain or packed, and check its header.

    Parameters
    ----------
    path
        The file; its name says whether it is packed (.gz, .zst) and, with .tsv, that tabs delimit.
    dialect
        How it is written.
    advance
        Called with the number of bytes of the file itself that were read since the last call.

    Returns
    -------
    Reader
        With the names of the columns; its batches can be taken once.

    Raises
    ------
    NotFoundError
        There is no such regular file.
    DataError, ColumnError
        The file as a whole is at fault: its format, encoding, header or line ends.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name) / "visits.csv"
    >>> _ = file.write_text('customer,note\n1,"two\nlines"\n2\n')
    >>> reader = open_delimited(file, Dialect())
    >>> batch = next(iter(reader.batches()))
    >>> batch.columns.to_pylist(), batch.line(0), batch.faults[0].line, batch.faults[0].reason
    ([{'c0': '1', 'c1': 'two\nlines'}], 2, 4, '1 field where the header has 2')
    >>> folder.cleanup()
    """
    return DelimitedReader(path, dialect, advance=advance)


class DelimitedReader:
    """An opened text file; see :func:`open_delimited` and :class:`~cemlab.data.intake.batch.Reader`."""

    header: tuple[str, ...]
    messages: list[str]

    def __init__(self, path: Path, dialect: Dialect, *, advance: Callable[[int], None] | None = None) -> None:
        self.messages = []
        self._file = path.name
        self._advance = advance
        self._advanced = 0
        delimiter = _delimiter(path, dialect)
        self._stream = TextStream(
            path, encoding=dialect.encoding, max_unpacked_bytes=dialect.max_unpacked_bytes
        )
        try:
            head = read_head(self._stream, dialect, file=path.name, delimiter=delimiter, size=HEAD_BYTES)
        except BaseException:
            self._stream.close()
            raise
        self.header = head.header
        self._layout, self._line, self._rest = head.layout, head.line, head.rest
        self._blank_lines = list(head.blank[:_LINES_NAMED])
        self._blanks = len(head.blank)
        self._pending_line = self._pending = 0  # blank lines just passed, which are records if one follows
        self._size = BLOCK_BYTES
        self._read_all = False
        self._check_line_ends(self._rest)
        self._report(self._stream.packed)

    def batches(self) -> Iterator[Batch]:
        """Yield the records in the order of the file; can be asked for once."""
        records = 0
        # one block is read and checked while the caller works on the one before
        with self._stream, ThreadPoolExecutor(1, thread_name_prefix="cemlab-intake") as ahead:
            coming, final = ahead.submit(self._next_block), False
            while not final:
                batches, packed, final = coming.result()
                if not final:
                    coming = ahead.submit(self._next_block)
                self._report(packed)
                for batch in batches:
                    records += batch.columns.num_rows + len(batch.faults)
                    yield batch
        self._tell(records)

    def _next_block(self) -> tuple[list[Batch], int, bool]:
        """Return the next records, how many bytes of the file were read, and whether they are the last."""
        size, shrunk = self._size, CAREFUL_BYTES >= BLOCK_BYTES
        while True:
            data, final = self._look_at(size)
            clean = clean_records(data, self._layout, final=final) if data else None
            if clean is not None:
                batches, used = self._without_care(data, clean), clean.end
                size *= 2
                break
            if size == BLOCK_BYTES and not shrunk:
                size, shrunk = CAREFUL_BYTES, True
                continue
            batches, used = self._with_care(data, final=final)
            final = final and used == len(data)
            if used or final:
                break
            size, shrunk = 2 * size, True  # a record is longer than all of this
        self._size = min(size, BLOCK_BYTES)
        self._rest = self._rest[used:]
        return batches, self._stream.packed, final

    def _look_at(self, size: int) -> tuple[bytes, bool]:
        """Return about as many of the next bytes, and whether they are all that is left."""
        if len(self._rest) < size and not self._read_all:
            chunk = self._stream.read(size)
            self._read_all = len(chunk) < size
            self._check_line_ends(chunk)
            self._rest += chunk
        data = self._rest if len(self._rest) <= 2 * size else self._rest[:size]
        return data, self._read_all and len(data) == len(self._rest)

    def _without_care(self, data: bytes, clean: Clean) -> list[Batch]:
        batch = CleanBatch(clean, data, line=self._line, layout=self._layout)
        self._line += clean.lines
        return [*self._blank_records(), batch]

    def _with_care(self, data: bytes, *, final: bool) -> tuple[list[Batch], int]:
        """Return the records at the beginning of `data`, of which some are at fault."""
        weeded = weed_records(data, self._layout, line=self._line, final=final) if data else None
        if weeded is not None and weeded.end:
            self._skip_blanks(weeded.blank)
            self._line, line = self._line + weeded.lines, self._line
            batch = WeededBatch(weeded, data, line=line, layout=self._layout)
            return [*self._blank_records(), batch], weeded.end
        passed = blank_lines(data, self._layout.line_end) if self._layout.columns == 1 else 0
        if passed:
            self._keep_back(data.count(self._layout.line_end, 0, passed), line=self._line)
            self._line = self._pending_line + self._pending
            return [], passed
        tokens = Tokenizer(data, self._layout, line=self._line, final=final)
        found = list(islice(tokens.records(), _MOST_CAREFUL))
        batches = self._one_column(found) if self._layout.columns == 1 else self._without_blanks(found)
        self._line = tokens.line
        if found:
            batches.append(CarefulBatch(found, data, layout=self._layout))
        return batches, tokens.position

    def _without_blanks(self, found: list[Record]) -> list[Batch]:
        """Take the blank lines out of what was found."""
        blank = [record.line for record in found if record.blank]
        if blank:
            self._skip_blanks(blank)
            found[:] = [record for record in found if not record.blank]
        return []

    def _one_column(self, found: list[Record]) -> list[Batch]:
        """Keep back the blank lines at the end, and return those kept back before if a record follows."""
        last = len(found)
        while last and found[last - 1].blank:
            last -= 1
        before = self._blank_records() if last else []
        if last < len(found):
            self._keep_back(len(found) - last, line=found[last].line)
        del found[last:]
        return before

    def _keep_back(self, blanks: int, *, line: int) -> None:
        """Keep back blank lines until it is known whether a record follows."""
        if not self._pending:
            self._pending_line = line
        self._pending += blanks

    def _blank_records(self) -> list[Batch]:
        """Return the blank lines kept back, which are records after all."""
        first, end = self._pending_line, self._pending_line + self._pending
        self._pending = 0
        return [
            BlankBatch(min(_MOST_BLANK_ROWS, end - line), line=line)
            for line in range(first, end, _MOST_BLANK_ROWS)
        ]

    def _skip_blanks(self, lines: Sequence[int]) -> None:
        self._blanks += len(lines)
        self._blank_lines.extend(lines[: _LINES_NAMED - len(self._blank_lines)])

    def _check_line_ends(self, text: bytes) -> None:
        r"""Refuse a \n in a file whose lines end with \r."""
        if self._layout.line_end == b"\r" and b"\n" in text:
            line = self._line + text.count(b"\r", 0, text.index(b"\n"))
            raise DataError(
                f"{self._file}, line {line} or later: a line ends with \\n where those before end with \\r; "
                f"allowed is one kind in a file; save the file again"
            )

    def _tell(self, records: int) -> None:
        """Leave the messages that only the end of the file allows."""
        if self._pending:
            last = self._pending_line + self._pending
            self._skip_blanks(range(self._pending_line, last))
        if self._blanks:
            named = [str(line) for line in self._blank_lines]
            listed = (
                ", ".join(named) + ", …"
                if self._blanks > len(named)
                else " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
            )
            plural = "s" * (self._blanks != 1)
            why = (
                "; in a file of one column a blank line is a record with a blank, but not above the header "
                "and after the last record"
                if self._layout.columns == 1
                else ""
            )
            self.messages.append(f"{self._blanks:,} blank line{plural} skipped (line{plural} {listed}){why}")
        if not records:
            self.messages.append("no records below the header")

    def _report(self, packed: int) -> None:
        """Tell how many bytes of the file were read since the last time."""
        if self._advance is not None and packed > self._advanced:
            self._advance(packed - self._advanced)
            self._advanced = packed


def _delimiter(path: Path, dialect: Dialect) -> str:
    """Return the delimiter declared, or what the name says."""
    delimiter = dialect.delimiter
    if delimiter is None:
        return "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes] else ","
    if len(delimiter) != 1 or delimiter in '"\r\n\x00' or "\ud800" <= delimiter <= "\udfff":
        raise DataError(
            f"{path.name}: the delimiter {delimiter[:80]!r} cannot be read; allowed is one character that is "
            f"no quote and no line end; declare another"
        )
    return delimiter

"""A tolerant look at the beginning of a file, to propose how it is to be read; nothing is taken in by it."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import stat
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from cemlab.data.intake.plan import Dialect
from cemlab.errors import DataError

#: How much of a file is looked at, after unpacking.
MOST_BYTES = 2**20
_MOST_ROWS = 20_000  # of a workbook
_DELIMITERS = (",", ";", "\t", "|")
# above the header may stand a title, the author, the date of the export
_MOST_PREAMBLE = 20
_NO_NAME = re.compile(r"\s*(-?[0-9][0-9.,]*|[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*)?\s*")
_NUMBER = re.compile(r"\s*-?[0-9]+([.,][0-9]+)?\s*")
# bytes that cp1252 leaves out; a file that has them was written in something else
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was seen of one file.

    Parameters
    ----------
    file
        Its name.
    header
        The names of its columns as they stand there; empty where none could be made out.
    records
        The records seen, one column of text for each of the header, c0, c1, …; nothing is null.
    whole
        Whether these are all records of the file.
    writing
        How the file seems to be written, by the keys of ``cemlab.toml``, where that must be declared.
    reasons
        A sentence for each of these.
    doubts
        What could not be told.
    """

    file: str
    header: tuple[str, ...]
    records: pa.Table
    whole: bool
    writing: dict[str, str | int]
    reasons: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def look(path: Path) -> Looked:
    """Look at the first 1 MiB of a text file, plain or packed, and guess how it is written.

    Parameters
    ----------
    path
        A file that ends in .csv or .tsv, or in one of these and .gz or .zst.

    Returns
    -------
    Looked
        Encoding by byte order mark, else UTF-8, else an 8-bit encoding, with a doubt; the delimiter by
        which most lines have the same number of fields; the header as the first line that has so many
        and could be names.

    Raises
    ------
    DataError
        If it is no regular file, or cannot be read or unpacked.
    """
    raw, whole = _beginning(path)
    try:
        encoding, text, reasons, doubts = _decoded(raw, whole=whole)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    writing: dict[str, str | int] = {} if encoding == "utf-8" else {"encoding": encoding}
    if not whole:  # the last line may be cut
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    default = "\t" if ".tsv" in path.name.lower() else ","
    delimiter, same, seen = _delimiter(text, default)
    if delimiter != default:
        writing["delimiter"] = delimiter
        reasons.append(
            f"delimiter {delimiter!r}: with it {same:,} of the first {seen:,} lines have the same number of "
            "fields"
        )
    records, lines = _parsed(text, delimiter)
    width = _usual([len(record) for record in records])
    start = _header(records, width)
    if start is None:
        doubts.append(
            "no line could be told to be the header: the first one looks like data; if the file has none, "
            'name its columns in order: names = ["…", "…"]'
        )
        return _looked(path, (), [], whole, writing, reasons, doubts)
    if start:
        writing["skip_lines"] = lines[start - 1]
        reasons.append(
            f"skip_lines: the lines above line {lines[start - 1] + 1} have other numbers of fields"
        )
    header, body = tuple(records[start]), [r for r in records[start + 1 :] if len(r) == width]
    if _explains(body):
        writing["skip_below_header"] = 1
        reasons.append(
            "skip_below_header: the record below the header is text in columns that else hold numbers"
        )
        body = body[1:]
    return _looked(path, header, body, whole, writing, reasons, doubts)


def look_at_workbook(path: Path) -> Looked:
    """Look at the first records of a workbook, cells written as text.

    Raises
    ------
    DataError
        If it is no workbook, has several sheets, or no header in its first row.
    """
    from cemlab.data.intake.workbook.reader import open_workbook  # it brings a reader of Excel files with it

    reader = open_workbook(path, Dialect(), lambda _header: {})
    batches, seen = [], 0
    for batch in reader.batches():
        batches.append(batch.columns)
        seen += batch.columns.num_rows
        if seen > _MOST_ROWS:
            break
    empty = pa.table({f"c{i}": pa.array([], pa.string()) for i in range(len(reader.header))})
    return Looked(
        file=path.name,
        header=reader.header,
        records=pa.concat_tables(batches) if batches else empty,
        whole=seen <= _MOST_ROWS,
        writing={},
    )


def look_at_parquet(path: Path) -> Looked:
    """Look at the names of a Parquet file's columns; its values have types of their own.

    Raises
    ------
    DataError
        If it is no Parquet file.
    """
    try:
        names = tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path.name} cannot be looked at; it is no Parquet file, or damaged") from error
    return Looked(
        file=path.name,
        header=names,
        records=pa.table({f"c{i}": pa.array([], pa.string()) for i in range(len(names))}),
        whole=False,
        writing={},
    )


def _looked(
    path: Path,
    header: tuple[str, ...],
    body: list[list[str]],
    whole: bool,
    writing: dict[str, str | int],
    reasons: list[str],
    doubts: list[str],
) -> Looked:
    columns = {f"c{i}": pa.array([record[i] for record in body], pa.string()) for i in range(len(header))}
    return Looked(
        file=path.name,
        header=header,
        records=pa.table(columns),
        whole=whole,
        writing=writing,
        reasons=tuple(reasons),
        doubts=tuple(doubts),
    )


def _beginning(path: Path) -> tuple[bytes, bool]:
    """Return the beginning of a file, unpacked, and whether it is the whole."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked before it is opened: a FIFO would wait for ever
            raise DataError(f"{path.name} is no regular file, so it was not looked at")
        with path.open("rb") as file, _unpacked(path, file) as unpacked:
            raw = unpacked.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, OSError) as error:  # a damaged gz or zst, or no permission
        raise DataError(f"{path.name} cannot be looked at; it is damaged or may not be read") from error
    return raw[:MOST_BYTES], len(raw) <= MOST_BYTES


def _unpacked(path: Path, file: IO[bytes]) -> IO[bytes]:
    name = path.name.lower()
    if name.endswith(".gz"):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]  # it is read like any binary file
    if name.endswith(".zst"):
        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")  # type: ignore[no-any-return]
    return file


def _decoded(raw: bytes, *, whole: bool) -> tuple[str, str, list[str], list[str]]:
    """Return encoding, text, reasons and doubts."""
    marks = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    for mark, name in marks:
        if raw.startswith(mark):
            codec = "utf-8-sig" if name == "utf-8" else name
            reasons = (
                [] if name == "utf-8" else [f"encoding {name}: the file begins with its byte order mark"]
            )
            return name, codecs.getincrementaldecoder(codec)("replace").decode(raw, final=whole), reasons, []
    if b"\0" in raw:
        return _decoded_wide(raw, whole=whole)
    try:
        return "utf-8", codecs.getincrementaldecoder("utf-8")().decode(raw, final=whole), [], []
    except UnicodeDecodeError as error:
        place = f"line {raw.count(chr(10).encode(), 0, error.start) + 1}"
    if set(raw) & _NOT_CP1252:
        doubt = (
            f"the file is no UTF-8 (first in {place}), and no Western Windows text either; iso-8859-1 is "
            "named here because it reads any bytes: ask how the file was written (cp1250, cp850, mac-roman …)"
        )
        return "iso8859-1", raw.decode("iso8859-1"), [], [doubt]
    text = raw.decode("cp1252")
    if any(0x80 <= byte < 0xA0 for byte in raw):
        reason = f"encoding cp1252: no UTF-8 (first in {place}), and it has characters that iso-8859-1 lacks"
        return "cp1252", text, [f"{reason}{_sample(text)}"], []
    doubt = (
        f"the file is no UTF-8 (first in {place}); cp1252 and iso-8859-1 read it alike, "
        f"iso-8859-15, cp1250 and others differ in single letters{_sample(text)}: look whether the letters "
        "are right"
    )
    return "cp1252", text, [], [doubt]


def _decoded_wide(raw: bytes, *, whole: bool) -> tuple[str, str, list[str], list[str]]:
    """Return as :func:`_decoded` a text of two bytes a character: every other byte is nought."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    if 5 * max(even, odd) < len(raw) or 10 * min(even, odd) > max(even, odd):
        raise DataError("it is no text: it holds bytes of value nought")
    name = "utf-16-le" if odd > even else "utf-16-be"
    reason = f"encoding {name}: every other byte is nought, and there is no byte order mark"
    return name, codecs.getincrementaldecoder(name)("replace").decode(raw, final=whole), [reason], []


def _sample(text: str) -> str:
    words = re.findall(r"\w*[^\W\d_\x00-\x7f]\w*", text)
    return (
        f"; read so it has e.g. {', '.join(dict.fromkeys(word[:20] for word in words[:5]))}" if words else ""
    )


def _parsed(text: str, delimiter: str, most: int | None = None) -> tuple[list[list[str]], list[int]]:
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


def _delimiter(text: str, default: str) -> tuple[str, int, int]:
    """Return the delimiter, and how many of how many lines have the same number of fields with it."""
    found: list[tuple[float, bool, int, str, int, int]] = []
    for mark in _DELIMITERS:
        counts = [len(record) for record in _parsed(text, mark, most=500)[0]]
        width = _usual(counts)
        if width >= 2:
            same = counts.count(width)
            found.append((round(same / len(counts), 2), mark == default, width, mark, same, len(counts)))
    if not found:
        return default, 0, 0
    _, _, _, mark, same, seen = max(found)
    return mark, same, seen


def _usual(counts: list[int]) -> int:
    return Counter(counts).most_common(1)[0][0] if counts else 0


def _header(records: list[list[str]], width: int) -> int | None:
    """Return the place of the first record that could be names: as many as usual, all there, no two alike."""
    for i, record in enumerate(records[:_MOST_PREAMBLE]):
        if len(record) == width:
            names = [name.strip().casefold() for name in record]
            plain = not any(_NO_NAME.fullmatch(name) for name in record)
            return i if plain and len(set(names)) == width else None
    return None


def _explains(body: list[list[str]]) -> bool:
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

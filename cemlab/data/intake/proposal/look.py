"""A tolerant look at the beginning of a file, to propose how it is to be read; nothing is taken in by it."""

from __future__ import annotations

import gzip
import stat
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.proposal.decoding import decoded
from cemlab.data.intake.proposal.layout import (
    MOST_PREAMBLE,
    best_delimiter,
    explains,
    header_place,
    parsed,
    sheet_header,
    usual,
)
from cemlab.errors import DataError

_EXPLAINED = "skip_below_header: the record below the header is text in columns that else hold numbers"
#: How much of a file is looked at, after unpacking.
MOST_BYTES = 2**20
_MOST_ROWS = 20_000  # of a workbook
_TEXT_KINDS = ("s", "str", "inlineStr")  # of its cells


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
        encoding, text, reasons, doubts = decoded(raw, whole=whole)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    writing: dict[str, str | int] = {} if encoding == "utf-8" else {"encoding": encoding}
    if not whole:  # the last line may be cut
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    default = "\t" if ".tsv" in path.name.lower() else ","
    delimiter, same, seen = best_delimiter(text, default)
    if delimiter != default:
        writing["delimiter"] = delimiter
        reasons.append(
            f"delimiter {delimiter!r}: with it {same:,} of the first {seen:,} lines have the same number of "
            "fields"
        )
    records, lines = parsed(text, delimiter)
    width = usual([len(record) for record in records])
    start = header_place(records, width)
    if start is None:
        doubts.append(
            "no line could be told to be the header: the first one looks like data; if the file has none, "
            'name its columns in order: names = ["…", "…"]'
        )
        return _looked(path, (), [], whole, writing, reasons, doubts)
    if start:
        writing["skip_lines"] = lines[start - 1]
        reasons.append(f"skip_lines: what stands above line {lines[start - 1] + 1} is no header")
    header, body = tuple(records[start]), [r for r in records[start + 1 :] if len(r) == width]
    if explains(body):
        writing["skip_below_header"] = 1
        reasons.append(_EXPLAINED)
        body = body[1:]
    return _looked(path, header, body, whole, writing, reasons, doubts)


def look_at_workbook(path: Path) -> Looked:
    """Look at the first records of a workbook, cells written as text.

    Returns
    -------
    Looked
        The header as the first row that is as full as most rows are and holds names only.

    Raises
    ------
    DataError
        If it is no workbook, has several sheets, or no header.
    """
    from cemlab.data.intake.workbook.reader import open_workbook  # it brings a reader of Excel files with it

    above = _rows_above(path)
    reader = open_workbook(path, Dialect(skip_lines=above), lambda _header: {})
    batches, seen = [], 0
    for batch in reader.batches():
        batches.append(batch.columns)
        seen += batch.columns.num_rows
        if seen > _MOST_ROWS:
            break
    empty = pa.table({f"c{i}": pa.array([], pa.string()) for i in range(len(reader.header))})
    records = pa.concat_tables(batches) if batches else empty
    writing: dict[str, str | int] = {}
    reasons = []
    if above:
        writing["skip_lines"] = above
        reasons.append(f"skip_lines: what stands above row {above + 1} is no header")
    if explains([list(record.values()) for record in records.slice(0, 1000).to_pylist()]):
        writing["skip_below_header"] = 1
        reasons.append(_EXPLAINED)
        records = records.slice(1)
    return Looked(
        file=path.name,
        header=reader.header,
        records=records,
        whole=seen <= _MOST_ROWS,
        writing=writing,
        reasons=tuple(reasons),
    )


def _rows_above(path: Path) -> int:
    """Return how many rows of a workbook's sheet stand above the header; 0 where nothing tells it."""
    from cemlab.data.intake.workbook.cells import CellText
    from cemlab.data.intake.workbook.package import opened
    from cemlab.data.intake.workbook.parts import read_package
    from cemlab.data.intake.workbook.sheet import choose_sheet, read_sheet

    filled: list[list[str | None]] = []
    numbers = []
    with opened(path) as archive:
        package = read_package(archive, path.name)
        sheet = choose_sheet(archive, package, Dialect(), [], name=path.name)
        texts = CellText(package)
        with read_sheet(archive, sheet) as rows:
            for row in islice(rows, 3 * MOST_PREAMBLE):
                cells = [(texts.text(cell, None)[0], cell.kind) for cell in row.cells]
                there = [text if kind in _TEXT_KINDS else None for text, kind in cells if text.strip()]
                if there:
                    filled.append(there)
                    numbers.append(row.number)
    place = sheet_header(filled)
    return numbers[place] - 1 if place else 0


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

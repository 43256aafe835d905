"""Parquet files: proved whole before they are used, and written so that they can be proved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cemlab.data.intake.folder import open_regular
from cemlab.data.intake.parquet_types import check_moments, check_types
from cemlab.data.intake.text.header import check_header
from cemlab.errors import CemlabError, DataError

#: The engine's name for the index of a row in its file.
ROW = "file_row_number"

_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_LEAST = 12  # bytes: the magic twice and the length of the footer
_ROWS = 1 << 16  # rows decoded at a time
_BUFFER = 1 << 20  # bytes read of a column at a time: whole columns of a row group may be large
_AGAIN = "get the file anew from where it was made"


def verify(path: Path) -> int:
    """Tell whether a Parquet file can be relied on, by reading all of it, and how many rows it has.

    Every page is decoded in bounded memory and compared with its checksum, where it has one. Files
    written without checksums (many writers leave them out) cannot be verified this way: there a damaged
    value shows only if the page can no longer be unpacked, or its text is no longer UTF-8. Nor are the
    page headers and the footer covered by any checksum.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    DataError
        If it is no Parquet file, truncated, damaged or encrypted, has columns within columns, or values
        that the engine would not give back as they are: see :func:`check_types`.
    ColumnError
        If a column's name is missing or not clearly different from another one's.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name) / "stores.parquet"
    >>> with writer(file, pa.schema({"store": pa.string()})) as out:
    ...     out.write_table(pa.table({"store": ["north", "south"]}))
    >>> verify(file)
    2
    >>> folder.cleanup()
    """
    with open_regular(path) as file:
        _check_magic(file, path.name)
    try:
        with pq.ParquetFile(
            str(path), page_checksum_verification=True, buffer_size=_BUFFER, pre_buffer=False
        ) as stored:
            schema, claimed = stored.schema_arrow, stored.metadata.num_rows
            _check_columns(schema, path.name)
            check_types(stored, path.name)
            rows = 0
            for batch in stored.iter_batches(batch_size=_ROWS, use_threads=True):
                batch.validate(full=True)
                check_moments(batch, where=path.name, after=rows)
                rows += batch.num_rows
    except CemlabError:
        raise
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        # a damaged length asks for more memory than there is
        raise DataError(f"{path.name}: {_cause(error)}; {_AGAIN}") from error
    if rows != claimed:
        raise DataError(f"{path.name}: holds {rows:,} rows where its footer says {claimed:,}; {_AGAIN}")
    return rows


def writer(path: Path, schema: pa.Schema) -> Any:
    """Open a Parquet file for writing: the one place that says how ours are written.

    Pages carry checksums, so that :func:`verify` finds a flipped bit, and money is stored as integers,
    which read faster. Zstandard's fastest level takes as long as Snappy, for files a sixth smaller.

    Parameters
    ----------
    path
        The file to make; what is there is overwritten.
    schema
        Names and types of the columns.

    Returns
    -------
    pyarrow.parquet.ParquetWriter
        Each ``write_table`` makes at least one row group. Close it, or use it in ``with``.
    """
    return pq.ParquetWriter(
        str(path),
        schema,
        compression="zstd",
        compression_level=1,
        write_page_checksum=True,
        store_decimal_as_integer=True,
    )


def _check_magic(file: BinaryIO, name: str) -> None:
    head = file.read(4)
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise DataError(f"{name}: is empty; {_AGAIN}")
    file.seek(max(0, size - 4))
    tail = file.read(4)
    if head not in (_MAGIC, _ENCRYPTED):
        raise DataError(
            f"{name}: is not a Parquet file, whatever its name says; write the table as Parquet, CSV or .xlsx"
        )
    if _ENCRYPTED in (head, tail):
        raise DataError(f"{name}: is encrypted; write it without encryption")
    if tail != _MAGIC or size < _LEAST:
        raise DataError(f"{name}: is truncated, its end is missing; {_AGAIN}")


def _check_columns(schema: pa.Schema, name: str) -> None:
    if not schema.names:
        raise DataError(f"{name}: has no columns; {_AGAIN}")
    check_header(schema.names, where=name)
    for field in schema:
        if field.name.lower() == ROW:
            raise DataError(
                f"{name}: the column {field.name!r} has a name that the engine uses itself; rename it"
            )
        if pa.types.is_nested(field.type):
            raise DataError(
                f"{name}: the column {field.name[:80]!r} holds several values a row ({field.type!s:.80}); "
                "allowed is one value a row; write each of them as a column of its own"
            )


def _cause(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    first = text[0] if text else type(error).__name__
    lower = first.lower()
    if "crc" in lower or "checksum" in lower:
        return "is damaged, the checksum of a page does not fit its content"
    if "encrypt" in lower or "decrypt" in lower:
        return "is encrypted"
    return f"is damaged or truncated ({first[:160]})"

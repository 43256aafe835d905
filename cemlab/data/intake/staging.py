"""A private place for what was taken in, until it is used or given its final name."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data.engine import batches
from cemlab.data.intake import parquet
from cemlab.errors import CemlabError, DataError

_PREFIX = ".cemlab-"


def clear_abandoned(folder: Path) -> None:
    """Remove what runs that were killed have left in a folder; what a living process uses is left alone."""
    for path in folder.glob(f"{_PREFIX}*-*"):
        number = path.name.removeprefix(_PREFIX).split("-")[0]
        if number.isdecimal() and path.is_dir() and not _lives(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is somebody else's
    return True


class Staging:
    """A folder of its own, which goes when nothing refers to it any more.

    Parameters
    ----------
    beside
        The folder in which it is made, so that a file can be moved in one step to its final name there;
        the system's temporary folder if not given.

    Attributes
    ----------
    remove
        Call it to remove the folder at once.
    """

    def __init__(self, beside: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=beside))
        self._n = 0
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def keep_with(self, owner: Any) -> None:
        """Let the folder stay for as long as an object that reads from it."""
        owner.cemlab_staging = self

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        """Open a new file for rows, named after a table; a full disk is one line, not a traceback."""
        self._n += 1
        writer = Writer(self.folder / f"{name}-{self._n}.parquet")
        try:
            try:
                yield writer
            finally:
                writer.close()
        except OSError as error:
            if isinstance(error, CemlabError):
                raise
            raise DataError(
                f"no more rows can be kept in {self.folder.parent} ({error.strerror or error}); make room "
                "there, or name another temporary folder in TMPDIR"
            ) from error

    def keep(self, name: str, rows: ir.Table) -> Path:
        """Write a table into a new file, batch by batch, and return the file."""
        with self.writing(name) as writer:
            reader = batches(rows)
            writer.write(reader.schema.empty_table())
            for batch in reader:
                writer.write(pa.Table.from_batches([batch]))
        return writer.path


class Writer:
    """Writes typed rows to one Parquet file, in a thread of its own while the next rows are made ready."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cemlab-writer")
        self._last: Future[None] | None = None

    def write(self, rows: pa.Table) -> None:
        """Append rows; the first call fixes the columns, also when it has no rows.

        Rows are held until the ones before are written, so that no more than two calls' worth wait.
        """
        self._finish_last()
        if self._file is None:
            self._file = parquet.writer(self.path, rows.schema)
        if rows.num_rows:
            self._last = self._thread.submit(self._file.write_table, rows)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._finish_last()
        finally:
            self._thread.shutdown()
            if self._file is not None:
                self._file.close()

    def _finish_last(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

"""A private place for what was taken in: rows are kept there until they are used or given their final name."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from cemlab.data.intake import parquet
from cemlab.errors import DataError


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
    """A folder of its own, which goes when its owner goes.

    Parameters
    ----------
    beside
        The folder in which it is made, so that a file can be moved in one step to its final name there;
        the system's temporary folder if not given.
    """

    def __init__(self, beside: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=beside))
        self._n = 0
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def outlive(self, owner: object) -> None:
        """Let the folder stay for as long as an object that reads from it, instead of this one."""
        self._remove.detach()
        self._remove = weakref.finalize(owner, shutil.rmtree, self.folder, ignore_errors=True)

    @contextmanager
    def writing(self, name: str) -> Iterator[Writer]:
        """Open a new file for rows, named after a table; a full disk is one line, not a traceback."""
        self._n += 1
        writer = Writer(self.folder / f"{name}-{self._n}.parquet")
        try:
            yield writer
        except OSError as error:
            raise DataError(
                f"no more rows can be kept in {self.folder.parent} ({error.strerror or error}); make room there, "
                "or name another temporary folder in TMPDIR"
            ) from error
        finally:
            writer.close()


class Writer:
    """Writes typed rows to one Parquet file, which is made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._file: Any = None

    def write(self, rows: pa.Table) -> None:
        """Append rows; the first call fixes the columns, also when it has no rows."""
        if self._file is None:
            self._file = parquet.writer(self.path, rows.schema)
        if rows.num_rows:
            self._file.write_table(rows)
        self.rows += rows.num_rows

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()

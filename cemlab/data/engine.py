"""Engines: the embedded DuckDB that reads a company's folder and nothing else."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

# Closed one by one, the lock last: after it no statement can open anything again.
_HARDENING = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET allow_unsigned_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(*folders: Path) -> Any:
    """Open an embedded DuckDB that can read below some folders only.

    Nothing outside these folders can be read or written, by path, by link or by traversal; no
    extension is installed or loaded; the configuration is locked; the session's time zone is UTC.

    Parameters
    ----------
    *folders
        The folders that hold the company's files; without any, no file at all can be read.

    Returns
    -------
    ibis.backends.duckdb.Backend
        An in-memory connection. It spills to the system's temporary folder when memory runs short.

    Examples
    --------
    >>> connection = connect()
    >>> int(connection.raw_sql("SELECT 6 * 7").fetchone()[0])
    42
    """
    import ibis
    from sqlglot import expressions

    # DuckDB makes the spill folder when memory runs short and removes it; nobody else can guess its name
    spill = Path(tempfile.gettempdir()) / f"cemlab-{uuid.uuid4().hex}"
    connection = ibis.duckdb.connect(":memory:", temp_directory=spill)
    raw = connection.con
    if folders:
        # a folder's name is data: sqlglot writes it as a literal (binding it as a parameter would make
        # DuckDB import pandas, half a second for nothing)
        allowed = expressions.convert([str(folder.resolve()) for folder in folders]).sql("duckdb")
        raw.execute(f"SET allowed_directories = {allowed}")
    # its progress bar prints even into a pipe
    raw.execute("SET enable_progress_bar = false")
    for statement in _HARDENING:
        raw.execute(statement)
    return connection


def batches(table: ir.Table, *, rows_at_once: int = 1 << 17) -> pa.RecordBatchReader:
    """Fetch a table batch by batch, in bounded memory and without importing pandas."""
    return table.to_pyarrow_batches(chunk_size=rows_at_once)


def rows(table: ir.Table) -> list[dict[str, Any]]:
    """Fetch a small table without importing pandas, which takes as long as counting ten million lines."""
    found: list[dict[str, Any]] = batches(table).read_all().to_pylist()
    return found

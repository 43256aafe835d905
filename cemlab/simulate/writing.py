"""A simulated company as a folder: its tables, its truths and its data dictionary, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cemlab.data.contract import TABLES
from cemlab.errors import DataError, OptionError, one_of
from cemlab.simulate.dictionary import FEW, dictionary
from cemlab.simulate.halden import Halden
from cemlab.simulate.streams import GENERATION
from cemlab.simulate.timeline import FIRST, LAST

Form = Literal["parquet", "csv"]

#: The file that says which company a folder holds, and what is planted in it.
TRUTH = "truth.json"

_COMPANY = f"""\
[company]
name = "Halden"
currency = "EUR"
duration_unit = "days"
as_of = {LAST.isoformat()}
fictional = true
"""


def write(
    out: Path,
    halden: Halden | None = None,
    *,
    form: Form = "parquet",
    force: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Path:
    """Write a simulated company into a folder of its own.

    Parameters
    ----------
    out
        The folder. It is made; what is half done never stands under this name.
    halden
        Which company; the default one if not given.
    form
        How the tables are written.
    force
        Whether a simulated company that stands there already is replaced.
    advance
        Called with the number of customers and households done since the last call.

    Returns
    -------
    Path
        The folder: one file a table, ``truth.json``, ``README.md`` (the data dictionary) and
        ``cemlab.toml``. The same company, version and form give the same bytes.

    Raises
    ------
    OptionError
        If there is no such form, or the folder holds something that may not be replaced.
    DataError
        If the folder cannot be written, or the disk is full; nothing is left behind then.
    """
    halden = halden or Halden()
    if form not in get_args(Form):
        raise OptionError(one_of(form, get_args(Form), what="form of file"))
    check_place(out, force=force)
    # beside its final place, since a folder cannot be moved in one step from one disk to another
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        _write_all(part, halden, form=form, advance=advance or (lambda _: None))
        _put_in_place(part, out)
    except OSError as error:
        raise DataError(
            f"the company could not be written to {out} ({error.strerror or error}); make room or rights "
            "there, or name another folder; nothing was changed"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def check_place(out: Path, *, force: bool) -> None:
    """Refuse a place where writing would destroy something.

    Raises
    ------
    OptionError
        If something is there; with `force`, if it is something else than a simulated company.
    """
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise OptionError(f"{out} is no folder; name a folder that does not exist yet")
    there = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    if there and not force:
        raise OptionError(f"{out} is not empty; name another folder, or replace what is there with --force")
    # a folder that is named by mistake must not be lost
    strangers = [name for name in there if not _ours(name)]
    if there and (strangers or TRUTH not in there):
        found = f"it holds {strangers[0]}" if strangers else f"it has no {TRUTH}"
        raise OptionError(
            f"{out} is not a simulated company ({found}) and is not replaced; name another folder"
        )


def code_digest() -> str:
    """Return a digest of the code and inputs that make the company, so that a stale one is known as such."""
    from cemlab.places import bundled

    digest = hashlib.sha256(GENERATION.encode())
    for path in sorted((*Path(__file__).parent.rglob("*.py"), *(bundled("data") / "inputs").glob("*.csv"))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _ours(name: str) -> bool:
    table, _, ending = name.partition(".")
    return name in (TRUTH, "README.md", "cemlab.toml") or (table in TABLES and ending in get_args(Form))


def _write_all(folder: Path, halden: Halden, *, form: Form, advance: Callable[[int], None]) -> None:
    from cemlab.simulate.tables import pieces

    rows: dict[str, int] = {}
    with _Writers(folder, form) as writers:
        for n, several in pieces(halden):
            for name, table in several:
                writers.write(name, table)
                rows[name] = rows.get(name, 0) + len(table)
            advance(n)
    (folder / "cemlab.toml").write_text(_COMPANY, encoding="utf-8")
    page = dictionary(halden, rows=rows, schemas=writers.schemas, texts=writers.texts())
    (folder / "README.md").write_text(page, encoding="utf-8")
    (folder / TRUTH).write_text(json.dumps(_truth(halden), indent=2) + "\n", encoding="utf-8")


def _truth(halden: Halden) -> dict[str, Any]:
    return {
        "company": "Halden",
        "generation": GENERATION,
        "code": code_digest(),
        "customers": halden.customers,
        "seed": halden.seed,
        "world": halden.world_name,
        "about": halden.world.about,
        "first_day": FIRST.isoformat(),
        "last_day": LAST.isoformat(),
        "truths": [
            {"name": name, "value": value, "unit": unit, "where": where}
            for name, value, unit, where in halden.world.truths()
        ],
    }


def _put_in_place(part: Path, out: Path) -> None:
    """Move the finished folder to its name; what stood there is moved aside first, and back on failure."""
    if not out.exists():
        part.rename(out)
        return
    aside = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.rename(aside)
    try:
        part.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _told_in_words(name: str, schema: pa.Schema) -> list[str]:
    """Return the columns of a table that hold texts, and not identifiers."""
    known = {column.name: column.form for column in TABLES[name].columns}
    return [
        field.name
        for field in schema
        if pa.types.is_string(field.type) and known.get(field.name, "text") == "text"
    ]


class _Writers:
    """One open file a table, written piece by piece."""

    def __init__(self, folder: Path, form: Form) -> None:
        self._folder, self._form = folder, form
        self._open: dict[str, Any] = {}
        self._texts: dict[tuple[str, str], set[str]] = {}
        self.schemas: dict[str, pa.Schema] = {}

    def __enter__(self) -> Self:
        return self

    def write(self, name: str, table: pa.Table) -> None:
        if name not in self._open:
            self.schemas[name] = table.schema
            self._open[name] = self._opened(name, table.schema)
        self._open[name].write_table(table.cast(self.schemas[name]))
        for column in _told_in_words(name, table.schema):
            found = self._texts.setdefault((name, column), set())
            if len(found) <= FEW:
                found.update(pc.unique(table.column(column).drop_null()).to_pylist())

    def texts(self) -> dict[tuple[str, str], tuple[str, ...] | None]:
        """Return the texts that occur in each column of texts, or None where they are many."""
        return {at: tuple(sorted(found)) if len(found) <= FEW else None for at, found in self._texts.items()}

    def _opened(self, name: str, schema: pa.Schema) -> Any:
        path = self._folder / f"{name}.{self._form}"
        if self._form == "csv":
            from pyarrow import csv

            return csv.CSVWriter(path, schema)
        return pq.ParquetWriter(path, schema, compression="zstd")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._open.values():
            # the first failure is the one to be told; a file that cannot be closed either adds nothing to it
            with contextlib.suppress(OSError) if error else contextlib.nullcontext():
                writer.close()

"""What was taken in, written for keeps: tables as Parquet, rows set aside as CSV; whole files or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from cemlab.data.contract import TABLES
from cemlab.data.engine import batches
from cemlab.data.intake.load import FileReport, Intake, take_in
from cemlab.data.intake.parts import Advance
from cemlab.data.intake.plan import Settings
from cemlab.data.intake.quarantine import rows_of
from cemlab.data.intake.settings.toml import toml_text
from cemlab.data.intake.staging import clear_abandoned
from cemlab.errors import DataError, OptionError
from cemlab.files import write_atomically
from cemlab.spreadsheet import write_rows

_QUARANTINE_HEADER = ("line", "column", "value", "reason", "record")


def load(
    folder: Path, *, out: Path, settings: Settings | None = None, advance: Advance | None = None
) -> tuple[FileReport, ...]:
    """Write the tables of a folder as Parquet files, which open at once from then on.

    Interrupted at any point, no file that is not whole stands under its final name, and a second run
    completes.

    Parameters
    ----------
    folder
        The company's folder.
    out
        Another folder, made if it does not exist. It gets one file a table and a ``cemlab.toml`` with what
        was said of the company.
    settings, advance
        As for :func:`~cemlab.data.intake.load.take_in`.

    Returns
    -------
    tuple of FileReport
        What became of each file; a table of which a file was rejected is not written.

    Raises
    ------
    OptionError
        If `out` is the folder itself, or lies in it.
    DataError
        If `out` holds a table that this folder does not give: the two would be taken for one company.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise OptionError(f"{out} lies in the folder that is read; name another one with --out")
    out.mkdir(parents=True, exist_ok=True)
    clear_abandoned(out)
    taken = take_in(folder, settings=settings, stage_beside=out, advance=advance)
    strangers = [name for name in TABLES if (out / f"{name}.parquet").exists() and name not in taken.tables]
    if strangers:
        raise DataError(
            f"{out} holds {strangers[0]}.parquet, which {folder} does not give; two companies "
            "would be mixed: remove it, or name another folder with --out"
        )
    for name in taken.tables:
        os.replace(_whole_file(taken, name), out / f"{name}.parquet")  # noqa: PTH105 - atomic by promise
    write_atomically(out / "cemlab.toml", _company_section(taken.settings))
    taken.staging.remove()
    return taken.files


def _company_section(said: Settings) -> str:
    """Return a ``cemlab.toml`` with what was said of the company; of files there is nothing more to say."""
    lines = {"name": said.name, "currency": said.currency, "duration_unit": said.duration_unit}
    lines |= {"time_zone": said.time_zone}
    told = [f"{key} = {toml_text(value)}" for key, value in lines.items() if value is not None]
    if said.as_of is not None:
        told.append(f"as_of = {said.as_of.isoformat()}")
    return "\n".join(["[company]", *told, ""])


def _whole_file(taken: Intake, name: str) -> Path:
    """Return a finished file with exactly the rows and columns of a table."""
    if name in taken.staged:
        return taken.staged[name]
    with taken.staging.writing(name) as writer:
        reader = batches(taken.tables[name])
        writer.write(reader.schema.empty_table())
        for batch in reader:
            writer.write(pa.Table.from_batches([batch]))
    return writer.path


def write_proposal(proposal: str, path: Path) -> None:
    """Write a proposed ``cemlab.toml``, which nothing reads before somebody has read it.

    Raises
    ------
    OptionError
        If there is nothing to propose, or the file exists: what somebody wrote is never replaced.
    """
    if not proposal:
        raise OptionError("there is nothing to propose: the folder is read by a cemlab.toml already")
    if path.exists():
        raise OptionError(f"{path} exists; name another file with --propose")
    write_atomically(path, proposal)


def write_quarantine(files: Sequence[FileReport], folder: Path) -> list[Path]:
    """Write the rows that were set aside, one CSV file for each file that has any.

    Nothing in them is live in a spreadsheet: see :mod:`cemlab.spreadsheet`. A file of an earlier check of
    which no row is set aside any more is removed.

    Returns
    -------
    list of Path
        The files written.
    """
    written = []
    for report in files:
        path = folder / f"{report.file.replace('/', '-')}.csv"
        if report.records > report.accepted:
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            write_rows(part, _QUARANTINE_HEADER, rows_of(report.quarantined))
            os.replace(part, path)  # noqa: PTH105 - atomic by promise
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written

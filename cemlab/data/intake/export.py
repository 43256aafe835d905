"""What was taken in, written for keeps: tables as Parquet, rows set aside as CSV; whole files or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cemlab.data.contract import TABLES
from cemlab.data.intake.load import FileReport, Intake, take_in
from cemlab.data.intake.parts import Advance
from cemlab.data.intake.plan import Settings
from cemlab.data.intake.quarantine import rows_of
from cemlab.data.intake.settings import FILE_NAME
from cemlab.data.intake.settings.toml import toml_list, toml_text
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
    for name, table in taken.tables.items():
        # a file that holds exactly the table is there already, unless rules between rows took part
        whole = taken.staged.get(name) or taken.staging.keep(name, table)
        os.replace(whole, out / f"{name}.parquet")  # noqa: PTH105 - atomic by promise
    write_atomically(out / "cemlab.toml", _company_section(taken))
    taken.staging.remove()
    return taken.files


def _company_section(taken: Intake) -> str:
    """Return a ``cemlab.toml`` with what was said of the company, and with what was set aside on the way."""
    said = taken.settings
    lines = {"name": said.name, "currency": said.currency, "duration_unit": said.duration_unit}
    lines |= {"time_zone": said.time_zone}
    told = [f"{key} = {toml_text(value)}" for key, value in lines.items() if value is not None]
    if said.as_of is not None:
        told.append(f"as_of = {said.as_of.isoformat()}")
    if said.fictional:
        told.append("fictional = true")
    if taken.notes:
        told.append(f"notes = {toml_list(taken.notes)}")
    return "\n".join(["[company]", *told, ""])


def check_proposal_place(path: Path, folder: Path) -> None:
    """Refuse, before anything is read, to write a proposal where there is none to make, or no place for it.

    Raises
    ------
    OptionError
        If the folder has a ``cemlab.toml``, or `path` exists: what somebody wrote is never replaced.
    """
    if (folder / FILE_NAME).exists():
        raise OptionError(
            f"{folder / FILE_NAME} says how to read the folder; move it away to have one proposed afresh"
        )
    if path.exists():
        raise OptionError(f"{path} exists; name another file with --propose")


def write_proposal(proposal: str, path: Path) -> Path:
    """Write a proposed ``cemlab.toml``, which nothing reads before somebody has read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, proposal)
    return path


def write_quarantine(files: Sequence[FileReport], folder: Path, *, data: Path) -> list[Path]:
    """Write the rows that were set aside, one CSV file for each file that has any.

    Nothing in them is live in a spreadsheet: see :mod:`cemlab.spreadsheet`. A file of an earlier check of
    which no row is set aside any more is removed.

    Parameters
    ----------
    files
        What became of each file.
    folder
        Where to write, made if it does not exist.
    data
        The folder that was read; it can't be the same, for the names are.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OptionError
        If `folder` is the folder that was read.
    """
    if folder.resolve() == data.resolve():
        raise OptionError(f"{folder} is the folder that is read; name another one for the rows set aside")
    written = []
    for report in files:
        name = report.file.replace("/", "-")
        path = folder / (name if name.lower().endswith(".csv") else f"{name}.csv")
        if report.records > report.accepted:
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            write_rows(part, _QUARANTINE_HEADER, rows_of(report.quarantined))
            os.replace(part, path)  # noqa: PTH105 - atomic by promise
            written.append(path)
        else:
            path.unlink(missing_ok=True)
    return written

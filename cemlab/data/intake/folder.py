"""What lies in a folder: which files are tables, which are left alone, and which are refused unread.

Everything here is told from names and the directory alone. No file is opened, so that a pipe cannot
hold us up and a device or a link that leads elsewhere is never touched.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import BinaryIO, Literal, TypeAlias

from cemlab.data.contract import TABLES
from cemlab.data.intake.plan import Settings
from cemlab.errors import DataError, NotFoundError

Kind: TypeAlias = Literal["text", "workbook", "parquet"]

_PACKED = ("", ".gz", ".zst")
_KINDS: dict[str, Kind] = {
    **{f"{ending}{packed}": "text" for ending in (".csv", ".tsv") for packed in _PACKED},
    ".xlsx": "workbook",
    ".parquet": "parquet",
}
# a file that ends like this is meant to be a table, whether or not we can read it
_TABULAR = tuple(
    f"{ending}{packed}" for ending in (".csv", ".tsv", ".xlsx", ".parquet") for packed in _PACKED
)
_READ = ".csv, .tsv (also with .gz or .zst after it), .xlsx and .parquet"
_ADVICE = {
    ".xls": "save it as .xlsx in Excel",
    ".xlsm": "save it as .xlsx, without macros",
    ".xlsb": "save it as .xlsx",
    ".ods": "save it as .xlsx or .csv",
    ".zip": "unpack it",
    ".bz2": "unpack it, or pack it as .gz",
    ".xz": "unpack it, or pack it as .gz",
    ".txt": "rename it to .csv, and declare its delimiter in cemlab.toml if that is no comma",
}
_ALWAYS_LEFT = ("readme.md", "cemlab.toml")
_PATTERN_SIGNS = "[]*?"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file of a folder that is a table, or part of one, or was meant to be.

    Parameters
    ----------
    table
        The table of the contract; None where the file is named after none.
    path
        Where it lies. May be a link to a file within the folder.
    kind
        How it is read; None where nothing reads it.
    refusal
        Why it is rejected unread, in one line that names it; None where it may be read.
    label
        The name to show: the file's name, e.g. ``transactions.csv``, with its directory where that
        holds the parts of a table, e.g. ``transactions/1.parquet``.
    """

    table: str | None
    path: Path
    kind: Kind | None
    refusal: str | None
    label: str


def survey(folder: Path, settings: Settings) -> tuple[Source, ...]:
    """Find the tables of a folder, and what is to be refused.

    A file is a table if it is named after one (``transactions.csv``), if the settings list it, or if it
    is a ``*.parquet`` in a directory named after one. Left alone are names that begin with ``_`` or
    ``.``, ``README.md``, ``cemlab.toml``, what the settings leave alone, and whatever neither is named
    after a table nor ends like one.

    Parameters
    ----------
    folder
        The company's folder.
    settings
        What its ``cemlab.toml`` says.

    Returns
    -------
    tuple of Source
        In the order of the names. The same file comes once for each table that lists it.

    Raises
    ------
    NotFoundError
        If there is no such folder, or a file is given.
    DataError
        If the folder cannot be listed.

    Examples
    --------
    >>> from cemlab.places import bundled
    >>> [source.label for source in survey(bundled("data") / "small", Settings())]
    ['customers.csv', 'subscriptions.csv', 'transactions.csv']
    """
    if not folder.exists():
        raise NotFoundError(f"no folder at {folder}; give the folder that holds your tables")
    if not folder.is_dir():
        raise NotFoundError(f"{folder} is a file; give the folder that holds it, with all tables beside it")
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}); allow it to be read") from error
    root = Path(os.path.realpath(folder))
    found = [*_listed(folder, names, settings, root=root), *_unlisted(folder, names, settings, root=root)]
    return tuple(
        sorted(_refuse_twice(found, settings), key=lambda source: (source.label, source.table or ""))
    )


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading bytes, and only if it is a regular file at that moment.

    A pipe is opened without waiting for whoever writes into it, and closed again.

    Raises
    ------
    DataError
        If it is no regular file, or cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: a device may do things when opened
            raise DataError(f"{_shown(path.name)}: {_what(path.stat().st_mode)}, which is not read")
        number = os.open(path, flags)
    except OSError as error:
        raise DataError(f"{_shown(path.name)}: cannot be opened ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise DataError(f"{_shown(path.name)}: changed into something that is not a file; try again")
    return os.fdopen(number, "rb")


def _listed(folder: Path, names: list[str], settings: Settings, *, root: Path) -> Iterator[Source]:
    """Yield a source for every file that the settings list."""
    for table, said in settings.tables.items():
        for name, times in Counter(said.files).items():
            label = _shown(name)
            refuse = f"{label}: "
            if not name or name in (".", "..") or any(sign in name for sign in ("/", "\\", "\0")):
                refuse += (
                    "cemlab.toml lists it with a path; give the bare name of a file in the folder, "
                    f"under [tables.{table}] files"
                )
                yield Source(table=table, path=folder / "cemlab.toml", kind=None, refusal=refuse, label=label)
            elif (found := _as_written(name, names)) is None:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else "; mend the name or take it off the list"
                refuse += f"cemlab.toml lists it for {table}, but the folder does not hold it{hint}"
                yield Source(table=table, path=folder / name, kind=None, refusal=refuse, label=label)
            else:
                source = _file(folder / found, table, label=label, root=root)
                if times > 1 and source.refusal is None:
                    refuse += f"cemlab.toml lists it {times} times for {table}; list it once"
                    source = replace(source, refusal=refuse)
                yield source


def _unlisted(folder: Path, names: list[str], settings: Settings, *, root: Path) -> Iterator[Source]:
    """Yield a source for every other entry that is a table or was meant to be one."""
    listed = {_as_written(name, names) for said in settings.tables.values() for name in said.files}
    for name in names:
        if name in listed or _left_alone(name, settings):
            continue
        path, label = folder / name, _shown(name)
        if name in TABLES and path.is_dir() and not path.is_symlink():
            yield from _parts(path, settings, root=root)
            continue
        table = _table_of(name)
        if table is None:
            if name.lower().endswith(_TABULAR) or name.split(".")[0].lower() in TABLES:
                yield _unknown(path, label)
            continue
        source = _file(path, table, label=label, root=root)
        said = settings.tables.get(table)
        if said and said.files and source.refusal is None:
            reason = (
                f"{label}: is named after the table {table}, but cemlab.toml lists other files for it; "
                "add it to that list, or to leave_alone under [folder]"
            )
            source = replace(source, refusal=reason)
        yield source


def _as_written(name: str, names: list[str]) -> str | None:
    """Return the entry of a folder that a name means: itself, or the same letters composed otherwise.

    Archives made on a Mac spell "ä" as "a" and a mark; nobody can see the difference.
    """
    if name in names:
        return name
    composed = unicodedata.normalize("NFC", name)
    return next((entry for entry in names if unicodedata.normalize("NFC", entry) == composed), None)


def _left_alone(name: str, settings: Settings) -> bool:
    if name.startswith(("_", ".")) or name.lower() in _ALWAYS_LEFT:
        return True
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in settings.leave_alone)


def _table_of(name: str) -> str | None:
    """Return the table after which a file is named, whether or not its ending is one that is read."""
    ending = _ending(name)
    if ending in _TABULAR:
        base = name[: -len(ending)]
        return base if base in TABLES else None
    base = name.split(".")[0]
    return base if base in TABLES else None


def _ending(name: str) -> str:
    """Return the ending of a name in small letters: the longest that is known, or from the last dot on."""
    known = [ending for ending in _TABULAR if name.lower().endswith(ending)]
    return max(known, key=len, default=PurePath(name).suffix.lower())


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, TABLES, n=1, cutoff=0.75)
    return f"; did you mean {near[0]!r}?" if near else ""


def _unknown(path: Path, label: str) -> Source:
    base = (
        path.name[: -len(_ending(path.name))] if _ending(path.name) in _TABULAR else path.name.split(".")[0]
    )
    reason = (
        f"{label}: no table in the data contract named {base!r}{_near(base)}; rename the file after a table "
        "of the data dictionary, list it in cemlab.toml under [tables.…] files, or put '_' before its name "
        "to leave it out"
    )
    return Source(table=None, path=path, kind=_KINDS.get(_ending(path.name)), refusal=reason, label=label)


def _file(path: Path, table: str, *, label: str, root: Path) -> Source:
    """Return the source of one directory entry, refused if it is not a plain file that can be read."""
    kind = _KINDS.get(_ending(path.name))
    fault = _place_fault(path, root) or _name_fault(path, kind)
    return Source(
        table=table, path=path, kind=kind, refusal=f"{label}: {fault}" if fault else None, label=label
    )


def _place_fault(path: Path, root: Path) -> str | None:
    """Return what keeps a directory entry from being read, told from the directory alone."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            target = Path(os.path.realpath(path, strict=True))
            if not target.is_relative_to(root):
                return "is a link that leads out of the folder; put the file itself there"
            mode = os.lstat(target).st_mode
    except OSError:
        return "is a link that leads nowhere; put the file itself there"
    if not stat.S_ISREG(mode):
        return f"{_what(mode)}, which is not read; put a file in its place or take it away"
    if not os.access(path, os.R_OK):
        return "may not be read by you; have its permissions changed"
    return None


def _what(mode: int) -> str:
    kinds = {stat.S_IFDIR: "is a directory", stat.S_IFIFO: "is a pipe", stat.S_IFSOCK: "is a socket"}
    return kinds.get(stat.S_IFMT(mode), "is a device")


def _name_fault(path: Path, kind: Kind | None) -> str | None:
    if not path.name.isprintable():
        return "its name holds characters that cannot be shown; rename it"
    if kind is None:
        ending = _ending(path.name)
        what = f"files ending in {ending}" if ending else "files without an ending"
        return f"{what} are not read, only {_READ}; {_ADVICE.get(ending, 'write the table as one of these')}"
    found = [sign for sign in _PATTERN_SIGNS if sign in str(path.absolute())]
    if kind == "parquet" and found:
        # the engine would read every file that the pattern fits
        return (
            f"its path holds {' and '.join(found)}, which stands for other names; rename the file or folder"
        )
    return None


def _parts(directory: Path, settings: Settings, *, root: Path) -> Iterator[Source]:
    """Yield the parts in a directory that is named after a table.

    Such a directory that holds nothing like a table is left alone: "training" may be full of slides.
    """
    table = directory.name
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except OSError as error:
        reason = f"{table}: the directory cannot be listed ({error.strerror}); allow it to be read"
        yield Source(table=table, path=directory, kind=None, refusal=reason, label=table)
        return
    names = [n for n in names if not (_left_alone(n, settings) or _left_alone(f"{table}/{n}", settings))]
    parts = any(_ending(name) == ".parquet" for name in names)
    for name in names:
        inner = (directory / name).is_dir() and not (directory / name).is_symlink()
        if _ending(name) in _TABULAR or (inner and (parts or "=" in name)):
            yield _part(directory / name, settings, inner=inner, root=root)


def _part(path: Path, settings: Settings, *, inner: bool, root: Path) -> Source:
    table, label = path.parent.name, f"{path.parent.name}/{_shown(path.name)}"
    source = _file(path, table, label=label, root=root)
    said = settings.tables.get(table)
    if inner:
        fault = f"is a directory; put the parts of {table} directly into {table}/"
    elif source.kind != "parquet":
        fault = "only *.parquet can be a part in a directory; put it beside the directory"
    elif source.refusal is None and said and said.files:
        fault = f"cemlab.toml lists other files for {table}; take one of them away"
    else:
        return source
    return replace(source, refusal=f"{label}: {fault}")


def _refuse_twice(sources: list[Source], settings: Settings) -> list[Source]:
    """Refuse the files of a table that is there twice and of which nobody said that these are parts."""
    homes: dict[str, list[str]] = {}
    for source in sources:
        said = settings.tables.get(source.table or "")
        if source.table is not None and source.refusal is None and not (said and said.files):
            there = homes.setdefault(source.table, [])
            if _home(source) not in there:
                there.append(_home(source))
    return [
        replace(source, refusal=_twice(source, sorted(homes.get(source.table or "", []))))
        if not source.refusal
        else source
        for source in sources
    ]


def _twice(source: Source, homes: list[str]) -> str | None:
    if len(homes) < 2:
        return None
    advice = "keep one"
    if not any(home.endswith("/") for home in homes):
        files = ", ".join(f'"{home}"' for home in homes)
        advice += (
            f", or, if they are parts, write files = [{files}] under [tables.{source.table}] in cemlab.toml"
        )
    return f"{source.label}: the table {source.table} is there twice, as {' and '.join(homes)}; {advice}"


def _home(source: Source) -> str:
    """Return what stands for a source where tables are counted: its directory, or itself."""
    directory, slash, _ = source.label.rpartition("/")
    return f"{directory}/" if slash else source.label


def _shown(name: str) -> str:
    """Return a name that fits into one line, whatever it is made of."""
    return name if name and name.isprintable() else repr(name)

"""Which notebooks there are, what each asks, and which can run on the tables at hand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cemlab.data.contract import TABLES
from cemlab.errors import DataError, NotFoundError, one_of
from cemlab.notebook.document import Document, read_document
from cemlab.places import bundled

#: How a notebook of the workbench is called: two digits, then words joined by hyphens.
FILE_NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*\.ipynb")


@dataclass(frozen=True, kw_only=True)
class NotebookInfo:
    """A notebook, from its own file.

    Parameters
    ----------
    name
        The file's name without its ending, e.g. ``"03-loyalty-defection"``.
    path
        The file.
    title
        Its heading of level 1.
    question
        The business question, from its metadata; empty where it states none.
    needs
        Tables of the data contract and the columns of each that it needs.
    """

    name: str
    path: Path
    title: str
    question: str
    needs: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Runnable:
    """Whether a notebook can run on the tables at hand, and what it lacks."""

    notebook: NotebookInfo
    missing_tables: tuple[str, ...]
    missing_columns: Mapping[str, tuple[str, ...]]

    @property
    def can_run(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing_tables and not self.missing_columns


def notebooks(folder: Path | None = None) -> tuple[NotebookInfo, ...]:
    """Return the notebooks of a folder, in the order of their numbers.

    Parameters
    ----------
    folder
        Where to look; the notebooks that come with cemlab, unless given. Files whose names are not
        of the form ``NN-name.ipynb`` are left out.

    Raises
    ------
    NotFoundError
        If the folder does not exist.
    DataError
        If a file is not a notebook, or states needs that the data contract does not know.
    """
    folder = bundled("notebooks") if folder is None else folder
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder} with notebooks; give an existing folder")
    files = sorted(path for path in folder.iterdir() if FILE_NAME.fullmatch(path.name))
    return tuple(_info(path) for path in files)


def find(name: str, folder: Path | None = None) -> NotebookInfo:
    """Return one notebook by name, number or path.

    Parameters
    ----------
    name
        ``"03-loyalty-defection"``, ``"03"``, ``"loyalty-defection"``, or the path of an .ipynb file.
    folder
        Where to look for names; the notebooks that come with cemlab, unless given.

    Raises
    ------
    NotFoundError
        If there is no such notebook; the error lists those there are.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return _info(path.resolve())
    if path.suffix == ".ipynb" and path.name != name:  # a path, not a bare file name
        raise NotFoundError(f"there is no notebook file {name}; give the path of an .ipynb file or a name")
    known = notebooks(folder)
    wanted = name.removesuffix(".ipynb")
    wanted = wanted.zfill(2) if wanted.isdecimal() else wanted
    for info in known:
        number, _, rest = info.name.partition("-")
        if wanted in (info.name, number, rest):
            return info
    raise NotFoundError(one_of(name, [info.name for info in known], what="notebook"))


def runnable(tables: Mapping[str, Collection[str]], folder: Path | None = None) -> tuple[Runnable, ...]:
    """Return, for each notebook, whether it can run on these tables.

    Parameters
    ----------
    tables
        Names of the tables at hand and of the columns of each.
    folder
        Where to look for notebooks; those that come with cemlab, unless given.
    """
    return tuple(_compare(info, tables) for info in notebooks(folder))


def _compare(info: NotebookInfo, tables: Mapping[str, Collection[str]]) -> Runnable:
    lacking = {
        table: tuple(column for column in columns if column not in tables[table])
        for table, columns in info.needs.items()
        if table in tables
    }
    return Runnable(
        notebook=info,
        missing_tables=tuple(table for table in info.needs if table not in tables),
        missing_columns={table: columns for table, columns in lacking.items() if columns},
    )


def _info(path: Path) -> NotebookInfo:
    document = read_document(path)
    problems = list(needs_problems(document))
    if problems:
        raise DataError(f"{path}, metadata cemlab.needs: {problems[0]}")
    return NotebookInfo(
        name=path.stem,
        path=path,
        title=document.title,
        question=str(document.statement.get("question", "")),
        needs={table: tuple(columns) for table, columns in document.statement.get("needs", {}).items()},
    )


def needs_problems(document: Document) -> Iterator[str]:
    """Yield what is wrong with the needs that a notebook states, one sentence each."""
    needs = document.statement.get("needs", {})
    if not isinstance(needs, Mapping):
        yield "the needs are not a mapping of tables to lists of columns"
        return
    for table, columns in needs.items():
        if table not in TABLES:
            yield one_of(table, TABLES, what="table in the data contract")
        elif not isinstance(columns, list):
            yield f"the columns of {table!r} are not a list"
        else:
            known = [column.name for column in TABLES[table].columns]
            yield from (one_of(c, known, what=f"column in {table!r}") for c in columns if c not in known)

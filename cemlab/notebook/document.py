"""A notebook file as text: its cells, tags and headings, read without running or changing anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cemlab.errors import DataError, NotFoundError

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NOT_PARAGRAPH = re.compile(r"\s*$| {0,3}(#{1,6}[ \t]|>|[-*+][ \t]|\d+[.)][ \t]|\|)")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading: its level, its title without emphasis marks, and its line, counted from 1."""

    level: int
    title: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell; `number` counts all cells from 1, as a reader would."""

    number: int
    kind: Literal["markdown", "code", "raw"]
    source: str
    tags: tuple[str, ...] = ()
    id: str | None = None
    ran: bool = False

    @property
    def lines(self) -> list[str]:
        """The lines of the cell, without blank ones at its ends."""
        return self.source.strip("\n").split("\n") if self.source.strip() else []


@dataclass(frozen=True, kw_only=True)
class Document:
    """A notebook file."""

    path: Path
    cells: tuple[Cell, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def of_kind(self, kind: Literal["markdown", "code"]) -> tuple[Cell, ...]:
        """Return the cells of one kind, in order."""
        return tuple(cell for cell in self.cells if cell.kind == kind)

    @property
    def statement(self) -> Mapping[str, Any]:
        """What the notebook says about itself under ``cemlab`` in its metadata; may be empty."""
        said = self.metadata.get("cemlab", {})
        return said if isinstance(said, Mapping) else {}

    @property
    def title(self) -> str:
        """The first heading of level 1, or else the file's name."""
        found = (h.title for cell in self.of_kind("markdown") for h in headings(cell.source) if h.level == 1)
        return next(found, self.path.stem)


def read_document(path: Path) -> Document:
    """Read a notebook file.

    Raises
    ------
    NotFoundError
        If there is no such file.
    DataError
        If the file is not a notebook of format 4.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFoundError(f"there is no notebook file {path}; give the path of an .ipynb file") from error
    except ValueError as error:  # not UTF-8, or not JSON
        raise DataError(f"{path}: this is not a notebook ({error}); save it again from JupyterLab") from error
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or content.get("nbformat") != 4:
        raise DataError(f"{path}: this is not a notebook of format 4; open and save it in JupyterLab")
    try:
        return Document(
            path=path,
            cells=tuple(_cell(number, cell) for number, cell in enumerate(cells, start=1)),
            metadata=dict(content.get("metadata") or {}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path}: a cell is not of notebook format 4; save it again in JupyterLab") from error


def _cell(number: int, cell: dict[str, Any]) -> Cell:
    source = cell["source"]
    return Cell(
        number=number,
        kind=cell["cell_type"],
        source=source if isinstance(source, str) else "".join(source),
        tags=tuple(map(str, (cell.get("metadata") or {}).get("tags", ()))),
        id=cell.get("id"),
        ran=bool(cell.get("outputs")) or cell.get("execution_count") is not None,
    )


def headings(source: str) -> tuple[Heading, ...]:
    r"""Return the headings of a Markdown text; lines inside fenced code are none.

    Examples
    --------
    >>> [(h.level, h.title, h.line) for h in headings("# One *of* two\n\n```\n# no\n```\nTwo\n---")]
    [(1, 'One of two', 1), (2, 'Two', 7)]
    """
    found: list[Heading] = []
    fence, before = "", ""
    for line, text in enumerate(source.split("\n"), start=1):
        mark = _FENCE.match(text)
        if fence:
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
                fence = ""
            before = ""
            continue
        if mark:
            fence, before = mark[1], ""
            continue
        if atx := _ATX.match(text):
            found.append(Heading(level=len(atx[1]), title=_plain(atx[2]), line=line))
        elif (under := _SETEXT.match(text)) and not _NOT_PARAGRAPH.match(before):
            found.append(Heading(level=1 if under[1][0] == "=" else 2, title=_plain(before), line=line))
        before = text
    return tuple(found)


def _plain(text: str) -> str:
    return re.sub(r"[*`]", "", text).strip()

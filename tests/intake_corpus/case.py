"""What a case of the corpus is: a folder to write, and what intake must say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: A file's content: its bytes, or what makes the file at a path (links, pipes, large files).
Content = bytes | Callable[[Path], None]
#: One typed row of a table, in the order of the columns stated.
Cells = tuple[object, ...]


class Anything:
    """Stands where nothing is promised, e.g. for the value of a row that is wrong as a whole."""

    def __repr__(self) -> str:
        return "ANY"


ANY = Anything()


@dataclass(frozen=True, kw_only=True)
class Aside:
    """One row that must be set aside.

    ``column`` may be several names, of which one must be given; ``says`` holds words that the reason
    must hold, in any case, with ``|`` between choices.
    """

    line: int
    column: str | Anything | tuple[str | None, ...] | None = ANY
    value: str | Anything = ANY
    says: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What must be said of one file.

    ``verdict`` may be several, with ``|`` between them, where the issue leaves the choice. Where several
    rows contradict each other and it is open which of them goes, ``some_of`` names the lines of which
    at least one, and none but them, must be set aside. ``says`` are words that the messages must hold.
    """

    verdict: str
    records: int | None = None
    aside: tuple[Aside, ...] = ()
    some_of: tuple[int, ...] = ()
    says: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The exact typed rows of a table, in any order.

    Further columns are not allowed, but for those of ``free``, of which nothing is promised.
    """

    columns: tuple[str, ...]
    rows: tuple[Cells, ...]
    free: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One folder, and what must be said of it.

    ``fails`` is for what is wrong beyond one file (the settings, the folder): words that standard error
    or the messages must hold, while no file is accepted. ``folder`` is the name of the folder.
    """

    name: str
    files: dict[str, Content]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    tables: dict[str, Contents] = field(default_factory=dict)
    fails: str = ""
    folder: str = "client"
    alone: bool = False

    @property
    def good(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.fails and all(o.verdict == "accept" for o in self.outcomes.values())

    def write(self, where: Path) -> Path:
        """Write the folder into `where` and return its path."""
        folder = where / self.folder
        folder.mkdir()
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content(path)
        return folder


def accept(records: int, *says: str) -> Outcome:
    """Return the outcome of a file of which every row is taken."""
    return Outcome(verdict="accept", records=records, says=says)


def quarantine(records: int, *aside: Aside, says: Sequence[str] = ()) -> Outcome:
    """Return the outcome of a file of which some rows are set aside."""
    return Outcome(verdict="quarantine", records=records, aside=aside, says=tuple(says))


def reject(*says: str) -> Outcome:
    """Return the outcome of a file of which nothing is taken."""
    return Outcome(verdict="reject", records=0, says=says)


def refused(*says: str) -> Outcome:
    """Return the outcome where it is open whether the file or its rows are refused, but none is taken."""
    return Outcome(verdict="reject|quarantine", says=says)


def lines(*text: str, end: str = "\n", encoding: str = "utf-8") -> bytes:
    """Return lines as the bytes of a file, every line ended."""
    return "".join(line + end for line in text).encode(encoding)


def later(content: Callable[[], bytes]) -> Content:
    """Return a content that is made only when it is written."""

    def write(path: Path) -> None:
        path.write_bytes(content())

    return write


def one_file(
    name: str,
    content: Content,
    outcome: Outcome,
    *,
    file: str = "transactions.csv",
    toml: str = "",
    contents: Contents | None = None,
    alone: bool = False,
    folder: str = "client",
) -> Case:
    """Return a case of one data file, with settings where there are some."""
    files: dict[str, Content] = {file: content}
    if toml:
        files["cemlab.toml"] = toml.encode()
    table = file.split(".")[0]
    return Case(
        name=name,
        files=files,
        outcomes={file: outcome},
        tables={table: contents} if contents else {},
        alone=alone,
        folder=folder,
    )


def numbered(cases: Iterator[Case]) -> tuple[Case, ...]:
    """Return the cases, making sure that no name is there twice."""
    made = tuple(cases)
    names = [case.name for case in made]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases named twice: {sorted(twice)}")
    return made

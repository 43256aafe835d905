"""The folder of published notebooks, and its memory of what each page was made from.

For each notebook ``NAME.ipynb`` (with its outputs) and ``NAME.html``; and ``index.html``. A notebook that
fails leaves ``NAME.failed.ipynb`` and ``NAME.failed.html`` with its outputs up to the failing cell; what an
earlier run published stays as it was, and the index says so. ``.cemlab-run.json`` holds the fingerprints.
Every file is written whole or not at all.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cemlab.errors import OptionError
from cemlab.files import write_atomically
from cemlab.notebook.catalogue import NotebookInfo
from cemlab.notebook.kernel import Execution
from cemlab.notebook.page import PageEntry, write_index, write_page

STATE_FILE = ".cemlab-run.json"
#: The page that says how well the methods find what was planted; not a notebook, but listed with them.
SCORECARD_PAGE = "scorecard.html"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A page of an earlier run that still holds: where it is, how long it took, what it warned of."""

    page: Path
    seconds: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class OutputFolder:
    """Where notebooks are published.

    Parameters
    ----------
    path
        The folder; it exists.
    """

    path: Path

    @classmethod
    def make(cls, path: str | Path) -> OutputFolder:
        """Return the folder, made if it does not exist.

        Raises
        ------
        OptionError
            If it cannot be made.
        """
        target = Path(path).resolve()
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(
                f"the output folder {path} cannot be made: {error.strerror}; name another"
            ) from error
        return cls(target)

    def unchanged(self, name: str, fingerprint: str) -> Kept | None:
        """Return the page of a notebook if it is there and was made from the same; None otherwise."""
        page = self.path / f"{name}.html"
        entry = self._state().get(name, {})
        there = page.is_file() and (self.path / f"{name}.ipynb").is_file()
        if not there or entry.get("fingerprint") != fingerprint:
            return None
        return Kept(page=page, seconds=float(entry["seconds"]), warnings=tuple(entry["warnings"]))

    def publish(self, info: NotebookInfo, done: Execution, *, fingerprint: str, source: str) -> Path:
        """Write an executed notebook, its page and then its entry in the state; return the page.

        Parameters
        ----------
        info
            The notebook.
        done
            What running it gave.
        fingerprint
            What it was made from; remembered unless it failed, so that a failed one is tried again.
        source
            Where the data come from, for the head of the page.
        """
        import nbformat

        today = datetime.date.today()
        stem = f"{info.name}.failed" if done.failure else info.name
        page = self.path / f"{stem}.html"
        write_atomically(self.path / f"{stem}.ipynb", nbformat.writes(done.notebook) + "\n")
        write_page(
            done.notebook,
            page,
            title=info.title,
            question=info.question,
            source=source,
            date=today,
            version=metadata.version("cemlab"),
            failure="" if done.failure is None else str(done.failure),
        )
        entry: dict[str, Any] = {"title": info.title, "question": info.question}
        if done.failure:
            entry["date"] = self._state().get(info.name, {}).get("date", "")  # of the page that stays
        else:
            entry |= {"date": today.isoformat(), "fingerprint": fingerprint}
            entry |= {"seconds": round(done.seconds, 3), "warnings": list(done.warnings)}
            for ending in ("ipynb", "html"):
                (self.path / f"{info.name}.failed.{ending}").unlink(missing_ok=True)
        state = self._state() | {info.name: entry}
        write_atomically(self.path / STATE_FILE, json.dumps(state, indent=1, ensure_ascii=False) + "\n")
        return page

    def write_index(self) -> None:
        """Write the page that lists the pages that are there; none where nothing is."""
        entries = [self._entry(name, about) for name, about in sorted(self._state().items())]
        entries = [entry for entry in entries if entry.href or entry.failed_href]
        if (self.path / SCORECARD_PAGE).is_file():
            question = "Do these methods find what is there? Their estimates beside known truths."
            entries.append(PageEntry(title="Scorecard", question=question, href=SCORECARD_PAGE))
        if entries:
            write_index(entries, self.path / "index.html")

    def _entry(self, name: str, about: dict[str, Any]) -> PageEntry:
        page, failed = f"{name}.html", f"{name}.failed.html"
        return PageEntry(
            title=str(about.get("title", name)),
            question=str(about.get("question", "")),
            href=page if (self.path / page).is_file() else "",
            date=str(about.get("date", "")),
            failed_href=failed if (self.path / failed).is_file() else "",
        )

    def _state(self) -> dict[str, dict[str, Any]]:
        # A state that cannot be read costs time, not truth: everything is run again.
        try:
            state = json.loads((self.path / STATE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in state.items() if isinstance(v, dict)} if isinstance(state, dict) else {}

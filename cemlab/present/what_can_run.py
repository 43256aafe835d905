"""Which notebooks can run on a company's tables, and what the others lack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cemlab.markup import html_table
from cemlab.notebook.catalogue import Runnable, runnable
from cemlab.present.check_report import lacks

if TYPE_CHECKING:
    from cemlab.data.company import Company


@dataclass(frozen=True, kw_only=True)
class WhatCanRun:
    """Which notebooks can run.

    Parameters
    ----------
    company
        The company's name.
    notebooks
        One entry a notebook.
    """

    company: str
    notebooks: tuple[Runnable, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a notebook: notebook, question, can_run, lacks."""
        rows = [
            (
                entry.notebook.name,
                entry.notebook.question,
                entry.can_run,
                "" if entry.can_run else lacks(entry),
            )
            for entry in self.notebooks
        ]
        return pd.DataFrame(rows, columns=["notebook", "question", "can_run", "lacks"])

    def __repr__(self) -> str:
        return f"{self._title()}\n{self.to_frame().to_string(index=False)}"

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        answers = [
            "yes" if can else f"no: {what}"
            for can, what in zip(frame["can_run"], frame["lacks"], strict=True)
        ]
        shown = pd.DataFrame(
            {"Notebook": frame["notebook"], "Question": frame["question"], "Can run?": answers}
        )
        return html_table(shown, caption=self._title())

    def _title(self) -> str:
        can = sum(entry.can_run for entry in self.notebooks)
        return f"{self.company}: {can} of {len(self.notebooks)} notebooks can run"


def what_can_run(company: Company, *, folder: Path | None = None) -> WhatCanRun:
    """Answer which notebooks can run on a company's tables, and what each of the others needs.

    Parameters
    ----------
    company
        With the tables that are there; none of their rows is read.
    folder
        Where to look for notebooks; those that come with cemlab, unless given.

    Raises
    ------
    NotFoundError, DataError
        If the folder does not exist, or holds a file that is not a notebook.

    Examples
    --------
    >>> from cemlab import Company, places
    >>> company = Company.open(places.bundled("data") / "small")
    >>> what_can_run(company).to_frame().set_index("notebook")["lacks"]["03-loyalty-defection"]
    ''
    """
    there = {name: table.columns for name, table in company.tables.items()}
    return WhatCanRun(company=company.info.name, notebooks=runnable(there, folder))

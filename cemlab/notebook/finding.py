"""One departure of a notebook from the form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """What is not as it should be, where, and what to do.

    Parameters
    ----------
    rule
        The rule's short name.
    path
        The notebook.
    cell
        The cell, counted from 1; 0 where it is the notebook as a whole.
    what, advice
        What was found, and what to do about it.
    """

    rule: str
    path: Path
    cell: int
    what: str
    advice: str

    def __str__(self) -> str:
        where = f"cell {self.cell}" if self.cell else "the notebook"
        return f"{self.path}: {where}: {self.what} — {self.advice}"

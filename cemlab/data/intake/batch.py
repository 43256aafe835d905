"""What every reader hands on: records as text with their places in the file, and what was no record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One row that was set aside, and why.

    Parameters
    ----------
    line
        Its place as a person would look it up: the physical line of the text file on which the record
        begins, the row of the sheet (both from 1), or the row index of the Parquet file (from 0).
    column
        The column, as the file names it; None where the row as a whole is meant.
    value
        The text that broke the rule, as it stands in the file.
    reason
        The rule it broke, in the user's words.
    row
        The whole record as it stands in the file.
    """

    line: int
    column: str | None
    value: str
    reason: str
    row: str


class Batch(Protocol):
    """Some consecutive records of a file, as text.

    ``columns`` has one string column for each column of the header, named c0, c1, … in the order of the
    file, and one row for each record that has the right number of fields; nothing in it is null, a blank
    is ``""``. ``faults`` are the records between them that could not be taken as rows at all.
    """

    columns: pa.Table
    faults: tuple[Fault, ...]

    def line(self, row: int) -> int:
        """Return the place of a row of ``columns``, as :class:`Fault` counts it."""

    def row_text(self, row: int) -> str:
        """Return the record of a row of ``columns`` as it stands in the file."""


class Reader(Protocol):
    """An opened file: its header is read and checked, its records come in batches.

    ``header`` holds the names of the columns as they stand in the file. ``messages`` fills while the
    batches are read with what was noticed and cost no record, each a sentence, e.g. "2 blank lines
    skipped (lines 4 and 9)". Whatever is wrong with the file as a whole is a
    :class:`~cemlab.errors.DataError`, at opening or in the middle of the batches; its one line names the
    file by ``path.name``, the place, what is allowed and what to do.
    """

    header: tuple[str, ...]
    messages: list[str]

    def batches(self) -> Iterator[Batch]:
        """Yield the records in the order of the file, every one exactly once."""

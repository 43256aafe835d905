"""Workbooks (.xlsx): the rows of one sheet as text, each with its row in the sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cemlab.data.intake.batch import Batch, Reader
from cemlab.data.intake.plan import ColumnRule, Dialect
from cemlab.data.intake.workbook.batches import Builder
from cemlab.data.intake.workbook.cells import CellText
from cemlab.data.intake.workbook.package import opened
from cemlab.data.intake.workbook.parts import Package, Sheet, read_package
from cemlab.data.intake.workbook.rows import letters
from cemlab.data.intake.workbook.sheet import choose_sheet, merged_areas, read_header, read_sheet
from cemlab.errors import DataError

Rules = Callable[[tuple[str, ...]], Mapping[str, ColumnRule]]


def open_workbook(
    path: Path, dialect: Dialect, rules: Rules, *, advance: Callable[[int], None] | None = None
) -> Reader:
    """Open the one sheet of a workbook that holds the table, and check its header.

    Cells come as the text that their column would hold in a text file: numbers with the fewest digits
    that tell them from their neighbours (sums of money with the 15 digits that Excel shows), dates in the
    first format declared for the column that loses nothing of them, else as 2025-01-02 or
    2025-01-02 10:30:00, and true or false.

    A row is set aside where it holds a formula without a stored result, an error like #N/A, a date where
    none is wanted, a number of more than 15 digits where an identifier or money is, control characters,
    anything beyond the last column, or where merged cells touch it, since only the first of them says what
    it holds. Empty rows are no records. Hidden rows and columns are read like all others, and a message
    says so.

    Parameters
    ----------
    path
        The file.
    dialect
        Its `sheet`, `names`, `skip_lines` (rows of the sheet), `skip_below_header` and
        `max_unpacked_bytes` are used.
    rules
        Gets the header and returns what is wanted of its columns, by the name in the file. A column that
        it leaves out may hold anything.
    advance
        Called with the number of bytes that were read, of the size of the file.

    Returns
    -------
    Reader
        Its batches have 20,000 rows; the text of a row is a JSON list.

    Raises
    ------
    DataError
        If the file is no workbook, damaged, protected or too large when unpacked; if it holds macros or
        links to other workbooks, or several sheets and none was declared; or if its header is no text.
    ColumnError
        If a name in the header is missing or not clearly different from another one.
    """
    with opened(path, limit=dialect.max_unpacked_bytes) as archive:
        package = read_package(archive, path.name)
        messages: list[str] = []
        sheet = choose_sheet(archive, package, dialect, messages, name=path.name)
        with read_sheet(archive, sheet) as rows:
            header, at = read_header(rows, CellText(package), dialect, name=path.name)
            columns = range(1, len(header) + 1)
            hidden = [letters(i) for i in columns if any(a <= i <= b for a, b in rows.hidden)]
        merged = merged_areas(archive, sheet, width=len(header))
    if hidden:
        messages.append(f"hidden columns were read too: {', '.join(hidden)}")
    wanted = rules(header)
    return _WorkbookReader(
        path=path,
        dialect=dialect,
        package=package,
        sheet=sheet,
        header=header,
        header_row=at,
        rules=[wanted.get(column) for column in header],
        merged=merged,
        messages=messages,
        advance=advance or (lambda _: None),
    )


@dataclass(kw_only=True)
class _WorkbookReader:
    path: Path
    dialect: Dialect
    package: Package
    sheet: Sheet
    header: tuple[str, ...]
    header_row: int
    rules: Sequence[ColumnRule | None]
    merged: Sequence[tuple[int, int, int, str]]
    messages: list[str]
    advance: Callable[[int], None]

    def __post_init__(self) -> None:
        self._opened_with = len(self.messages)

    def batches(self) -> Iterator[Batch]:
        del self.messages[self._opened_with :]
        texts = CellText(self.package)
        size, said = self.path.stat().st_size, 0
        with opened(self.path, limit=self.dialect.max_unpacked_bytes) as archive:
            unpacked = archive.getinfo(self.sheet.part).file_size
            with read_sheet(archive, self.sheet) as rows:
                builder = Builder(self.header, self.rules, texts, self.merged, after=self.header_row)
                skip = self.dialect.skip_below_header
                for row in rows:
                    if row.number <= self.header_row:
                        continue
                    if skip and row.cells:
                        skip -= 1
                        builder.last = row.number
                        continue
                    builder.add(row)
                    if builder.full:
                        yield builder.batch()
                        now = min(size, size * rows.consumed // max(unpacked, 1))
                        self.advance(now - said)
                        said = now
        if skip:
            raise DataError(
                f"{self.path.name}: {self.dialect.skip_below_header} records below the header are "
                "to be skipped, and the sheet has fewer; change skip_below_header"
            )
        if builder.filled:
            yield builder.batch()
        self.advance(size - said)
        self._tell(builder, texts)

    def _tell(self, builder: Builder, texts: CellText) -> None:
        empty, hidden = builder.empty, builder.hidden
        if empty.count:
            what = "empty row" if empty.count == 1 else "empty rows"
            self.messages.append(f"{empty.count:,} {what} skipped {empty}")
        if hidden.count:
            what = "hidden row was" if hidden.count == 1 else "hidden rows were"
            self.messages.append(f"{hidden.count:,} {what} read too {hidden}")
        if texts.formulas:
            what = "cell is a formula" if texts.formulas == 1 else "cells are formulas"
            self.messages.append(f"{texts.formulas:,} {what}; the results stored in the file were read")
        padded = "a number read with the leading zeros that the sheet shows"
        rounded = "an amount of more digits read with the 15 that Excel shows"
        for counts, what in ((texts.padded, padded), (texts.rounded, rounded)):
            for column, count in counts.items():
                self.messages.append(f"column {self.header[column - 1]!r:.82}: {count:,} × {what}")

"""Where the table of a workbook is: its sheet, its header, and the merged cells within it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import ZipFile

from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.text.header import check_header
from cemlab.data.intake.workbook.cells import CellText
from cemlab.data.intake.workbook.parts import Package, Sheet
from cemlab.data.intake.workbook.rows import Cell, Row, SheetRows, letters, position
from cemlab.errors import DataError, one_of

_MERGED = b"mergeCell"


@contextmanager
def read_sheet(archive: ZipFile, sheet: Sheet) -> Iterator[SheetRows]:
    """Open the rows of a sheet."""
    with archive.open(sheet.part) as stream:
        yield SheetRows(stream)


def choose_sheet(
    archive: ZipFile, package: Package, dialect: Dialect, messages: list[str], *, name: str
) -> Sheet:
    """Return the sheet that holds the table."""
    sheets = package.sheets
    if dialect.sheet is not None:
        chosen = next((sheet for sheet in sheets if sheet.name == dialect.sheet), None)
        if chosen is None:
            names = [sheet.name for sheet in sheets]
            raise DataError(
                f"{name}: {one_of(dialect.sheet, names, what='sheet')}; mend sheet in cemlab.toml"
            )
    else:
        filled = [sheet for sheet in sheets if _filled(archive, sheet)]
        visible = [sheet for sheet in filled if not sheet.hidden] or filled
        if not filled:
            raise DataError(f"{name}: is empty, no sheet holds anything; a header is wanted at least")
        if len(visible) > 1:
            shown = ", ".join(f"{sheet.name!r:.80}" + " (hidden)" * sheet.hidden for sheet in filled)
            raise DataError(
                f"{name}: {len(filled)} sheets hold something: {shown}; declare the one to read as sheet = … "
                "in cemlab.toml"
            )
        chosen = visible[0]
        messages += [
            f"the sheet {sheet.name!r:.80} is hidden and was not read"
            for sheet in filled
            if sheet is not chosen
        ]
    if chosen.hidden:
        messages.append(f"the sheet {chosen.name!r:.80} is hidden and was read")
    return chosen


def read_header(
    rows: SheetRows, texts: CellText, dialect: Dialect, *, name: str
) -> tuple[tuple[str, ...], int]:
    """Return the names of the columns and the row they stand in, or the last one before the data."""
    if dialect.names:
        for _ in rows:  # what is hidden is known with the first row
            break
        return dialect.names, dialect.skip_lines
    for row in rows:
        if row.number > dialect.skip_lines and any(texts.text(cell, None)[0] for cell in row.cells):
            names = [""] * row.cells[-1].column
            for cell in row.cells:
                names[cell.column - 1] = _header_text(cell, row, texts, name=name)
            while not names[-1]:
                names.pop()
            return check_header(names, where=f"{name}, row {row.number}"), row.number
    raise DataError(f"{name}: has no header, the sheet is empty below row {dialect.skip_lines}")


def merged_areas(archive: ZipFile, sheet: Sheet, *, width: int) -> list[tuple[int, int, int, str]]:
    """Return first row, last row, first column and name of merged areas, by first row.

    They stand behind the rows in the file, so the sheet is parsed for them beforehand, but only where its
    bytes hold the word. Unpacking all of it also proves the checksum before the first row is used.
    """
    kept, found = b"", False
    with archive.open(sheet.part) as stream:
        while piece := stream.read(1 << 20):
            # in UTF-16 the word has a zero between its letters
            found = found or _MERGED in (kept + piece).replace(b"\0", b"")
            kept = piece[-2 * len(_MERGED) :]
    areas = []
    if found:
        with read_sheet(archive, sheet) as rows:
            for _ in rows:
                pass
            for area in rows.merged:
                first, _, last = area.partition(":")
                (left, top), (right, bottom) = position(first), position(last or first)
                if (left, top) != (right, bottom) and left <= width:
                    areas.append((top, bottom, left, area))
    return sorted(areas)


def _filled(archive: ZipFile, sheet: Sheet) -> bool:
    with read_sheet(archive, sheet) as rows:
        return any(row.cells for row in rows)


def _header_text(cell: Cell, row: Row, texts: CellText, *, name: str) -> str:
    text, fault = texts.text(cell, None)
    if fault or (text and cell.kind not in ("s", "str", "inlineStr")):
        place = f"{name}, row {row.number}, column {letters(cell.column)}"
        raise DataError(
            f"{place}: the header holds {text[:80]!r}, which is no text; names must be text, so enter "
            "it as such, or declare skip_lines in cemlab.toml if the header stands lower"
        )
    return text

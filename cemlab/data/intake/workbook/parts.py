"""What a workbook says beside its rows: its sheets, its texts, and how its numbers are meant."""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cemlab.data.intake.workbook.package import DAMAGED, parse
from cemlab.errors import DataError

#: How a number in a cell is meant, as its number format tells: a clock is a time of day without a date;
#: a whole number is that of the digits to which the sheet fills up with zeros, as in 00042.
Shape: TypeAlias = Literal["number", "date", "clock", "duration"] | int

_STRINGS = 512 << 20  # bytes of the table of texts, which is held in memory
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
# what a number format shows as it stands: quoted text, an escaped sign, a gap as wide as a sign, a filler
_LITERAL = re.compile(r'"[^"]*"?|\\.|_.|\*.')
# the formats with dates and times that have a number instead of a code
_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet of rows: its name, whether it is hidden, and the part that holds it."""

    name: str
    hidden: bool
    part: str


@dataclass(frozen=True, kw_only=True)
class Package:
    """What a workbook says of its sheets.

    Parameters
    ----------
    sheets
        In the order of the workbook.
    shapes
        By number of a cell's style, how a number in it is meant.
    strings
        The texts that cells point to.
    epoch_1904
        Whether days are counted from 1904-01-01 instead of 1899-12-30.
    recalculate
        Whether the file asks for its formulas to be worked out when it is opened: what it stores as
        their results may never have been one.
    """

    sheets: tuple[Sheet, ...]
    shapes: tuple[Shape, ...]
    strings: tuple[str, ...]
    epoch_1904: bool
    recalculate: bool


def read_package(archive: zipfile.ZipFile, name: str) -> Package:
    """Read everything of a workbook but its rows.

    Raises
    ------
    DataError
        If a part is missing or cannot be understood.
    """
    book_part = _book_part(archive, name)
    targets = _relations(archive, book_part)
    sheets: list[Sheet] = []
    flags: dict[str, bool] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            number = next((value for key, value in attributes.items() if key.endswith("}id")), "")
            kind, part = targets.get(number, ("", ""))
            if kind == "worksheet":
                hidden = attributes.get("state", "visible") != "visible"
                sheets.append(Sheet(name=attributes.get("name", ""), hidden=hidden, part=part))
        elif tag == "workbookPr":
            flags["1904"] = attributes.get("date1904", "0") in ("1", "true")
        elif tag == "calcPr":
            flags["recalculate"] = attributes.get("fullCalcOnLoad", "0") in ("1", "true")

    parse(archive, book_part, start)
    there = set(archive.namelist())
    for sheet in sheets:
        if sheet.part not in there:
            raise DataError(f"{name}: the part of the sheet {sheet.name!r:.80} is missing; {DAMAGED}")
    parts = {kind: part for kind, part in targets.values() if part in there}
    return Package(
        sheets=tuple(sheets),
        shapes=_shapes(archive, parts["styles"]) if "styles" in parts else (),
        strings=_strings(archive, parts["sharedStrings"], name) if "sharedStrings" in parts else (),
        epoch_1904=flags.get("1904", False),
        recalculate=flags.get("recalculate", False),
    )


def unescape(text: str) -> str:
    r"""Return a text of a cell with its escaped characters, as ``_x000D_``, put in.

    Examples
    --------
    >>> unescape("a_x0009_b _x005F_x0041_")
    'a\tb _x0041_'
    """
    if "_x" not in text:
        return text
    text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    # two halves that were escaped one by one are one character
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def whole(text: str, what: str) -> int:
    """Return a whole number of the format.

    Raises
    ------
    ValueError
        If it is none, in words that name `what` it should be.
    """
    if re.fullmatch(r"[0-9]{1,10}", text) is None:
        raise ValueError(f"{what} is {text[:20]!r}, no whole number")
    return int(text)


def shape(code: str) -> Shape:
    """Tell from a number format how the numbers that wear it are meant.

    Returns
    -------
    Shape
        ``"date"``, ``"clock"`` (a time of day without a date), ``"duration"``, ``"number"``; or how many
        digits an identifier is filled up to with zeros.

    Examples
    --------
    >>> [shape(code) for code in ("General", "dd/mm/yyyy", '#,##0 "days"', "[h]:mm", "hh:mm AM/PM", "00000")]
    ['number', 'date', 'number', 'duration', 'clock', 5]
    """
    first = _LITERAL.sub("", code.split(";")[0])
    if re.search(r"\[(h+|m+|s+)\]", first, re.IGNORECASE):
        return "duration"
    signs = set(re.sub(r"\[[^\]]*\]", "", first).lower())
    if code.strip().lower() == "general" or not signs & set("dmyhs"):
        zeros = first.strip()
        return len(zeros) if len(zeros) > 1 and set(zeros) == {"0"} else "number"
    return "date" if signs & set("dy") or not signs & set("hs") else "clock"


def _book_part(archive: zipfile.ZipFile, name: str) -> str:
    targets = _relations(archive, "")
    part = next((part for kind, part in targets.values() if kind == "officeDocument"), "xl/workbook.xml")
    if part not in archive.namelist():
        raise DataError(f"{name}: the part that lists its sheets is missing; {DAMAGED}")
    return part


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Return, by its number, the kind and the part that another part refers to."""
    folder, _, base = part.rpartition("/")
    home = posixpath.join(folder, "_rels", f"{base}.rels")
    by_lower = {name.lower(): name for name in archive.namelist()}
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith("}Relationship") and attributes.get("TargetMode") != "External":
            # a leading slash counts from the root, else from the folder of the part
            target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))[1:]
            kind = attributes.get("Type", "").rpartition("/")[2]
            found[attributes.get("Id", "")] = (kind, by_lower.get(target.lower(), target))

    if home.lower() in by_lower:
        parse(archive, by_lower[home.lower()], start)
    return found


def _shapes(archive: zipfile.ZipFile, part: str) -> tuple[Shape, ...]:
    codes: dict[int, str] = dict(_BUILT_IN)
    shapes: list[Shape] = []
    within = [False]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "numFmt":
            codes[_format(attributes)] = attributes.get("formatCode", "General")
        elif tag == "cellXfs":
            within[0] = True
        elif tag == "xf" and within[0]:
            shapes.append(shape(codes.get(_format(attributes), "General")))

    def end(tag: str) -> None:
        if tag == "cellXfs":
            within[0] = False

    parse(archive, part, start, end)
    return tuple(shapes)


def _format(attributes: dict[str, str]) -> int:
    return whole(attributes.get("numFmtId", "0"), "the number of a number format")


def _strings(archive: zipfile.ZipFile, part: str, name: str) -> tuple[str, ...]:
    if archive.getinfo(part).file_size > _STRINGS:
        raise DataError(f"{name}: holds more text than fits into memory; save it as CSV")
    strings: list[str] = []
    text: list[str] = []
    state = {"t": False, "rPh": False}  # within a run of text; within a hint how to pronounce it

    def start(tag: str, _: dict[str, str]) -> None:
        if tag == "si":
            text.clear()
        elif tag in state:
            state[tag] = True

    def end(tag: str) -> None:
        if tag == "si":
            strings.append(unescape("".join(text)))
        elif tag in state:
            state[tag] = False

    def data(piece: str) -> None:
        if state["t"] and not state["rPh"]:
            text.append(piece)

    parse(archive, part, start, end, data)
    return tuple(strings)

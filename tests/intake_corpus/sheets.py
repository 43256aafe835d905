"""Workbooks, written cell by cell so that they hold what Excel writes and libraries do not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.sax.saxutils import escape

from tests.intake_corpus.case import (
    ANY,
    Aside,
    Case,
    Contents,
    accept,
    later,
    lines,
    one_file,
    quarantine,
    refused,
    reject,
)

_FILE = "transactions.xlsx"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Xml:
    """A cell as it stands in the sheet: its attributes and what is within."""

    inside: str
    attributes: str = ""


def number(text: str) -> Xml:
    """Return a number, in the digits as they stand in the file."""
    return Xml(f"<v>{text}</v>")


def day(text: str, style: int = 1) -> Xml:
    """Return a date or time by its serial number; style 1 shows a date, 2 a date with a time."""
    return Xml(f"<v>{text}</v>", f' s="{style}"')


def formula(text: str, cached: str | None, kind: str = "") -> Xml:
    """Return a formula with the value that Excel last calculated, if it did."""
    value = "" if cached is None else f"<v>{escape(cached)}</v>"
    return Xml(f"<f>{escape(text)}</f>{value}", f' t="{kind}"' if kind else "")


def error(text: str) -> Xml:
    """Return an error value."""
    return Xml(f"<v>{text}</v>", ' t="e"')


def flag(value: int) -> Xml:
    """Return TRUE or FALSE."""
    return Xml(f"<v>{value}</v>", ' t="b"')


def inline(text: str) -> Xml:
    """Return a text that stands in the sheet itself."""
    return Xml(f'<is><t xml:space="preserve">{escape(text)}</t></is>', ' t="inlineStr"')


Cell = str | Xml | None
Rows = Sequence[Sequence[Cell]] | Mapping[int, Sequence[Cell]]


def sheet(rows: Rows, strings: list[str], more: str = "") -> str:
    """Return the XML of a sheet; a mapping gives the rows' numbers, None leaves a cell out."""
    numbered = dict(rows) if isinstance(rows, Mapping) else dict(enumerate(rows, start=1))
    text = []
    for place, cells in numbered.items():
        inside = []
        for index, cell in enumerate(cells):
            if cell is None:
                continue
            if isinstance(cell, str):
                strings.append(f'<si><t xml:space="preserve">{escape(cell)}</t></si>')
                cell = Xml(f"<v>{len(strings) - 1}</v>", ' t="s"')
            inside.append(f'<c r="{chr(65 + index)}{place}"{cell.attributes}>{cell.inside}</c>')
        text.append(f'<row r="{place}">{"".join(inside)}</row>')
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(text)}</sheetData>{more}</worksheet>'


def workbook(
    sheets: Mapping[str, Rows],
    *,
    more: str = "",
    properties: str = "",
    replace: Mapping[str, str] | None = None,
) -> bytes:
    """Return a workbook; `replace` puts other XML in the place of its parts."""
    strings: list[str] = []
    parts = {
        f"xl/worksheets/sheet{n}.xml": sheet(rows, strings, more)
        for n, rows in enumerate(sheets.values(), start=1)
    }
    count = range(1, len(sheets) + 1)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts["[Content_Types].xml"] = (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>'
            for n in count
        )
        + "</Types>"
    )
    parts["_rels/.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    )
    named = zip(count, sheets, strict=True)
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}">{properties}<sheets>'
        + "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}"/>' for n, name in named)
        + "</sheets></workbook>"
    )
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="rId{n}" Type="{_REL}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in count
        )
        + f'<Relationship Id="rId90" Type="{_REL}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId91" Type="{_REL}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    )
    parts["xl/styles.xml"] = (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
        '<fills count="1"><fill><patternFill/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
        '<xf numFmtId="22" applyNumberFormat="1"/>'
        "</cellXfs></styleSheet>"
    )
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{"".join(strings)}</sst>'
    parts.update(replace or {})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            archive.writestr(zipfile.ZipInfo(name), (head + text).encode(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


_HEADER = ("customer", "date", "revenue")
_COLUMNS = ("customer", "date", "revenue")
_DAY = date(2026, 1, 5)
_SERIAL = str((_DAY - date(1899, 12, 30)).days)


def _row(n: int) -> tuple[Cell, ...]:
    return (f"C{n}", day(_SERIAL), number(str(n)))


def _cells(n: int) -> tuple[object, ...]:
    return (f"C{n}", _DAY, Decimal(n))


def _table(*rows: tuple[object, ...]) -> Contents:
    return Contents(columns=_COLUMNS, rows=rows)


def _book(rows: Rows, **options: str) -> bytes:
    return workbook({"Data": rows}, **options)


def _good() -> Iterator[Case]:
    yield one_file(
        "xlsx-good",
        _book([_HEADER, _row(1), _row(2)]),
        accept(2),
        file=_FILE,
        contents=_table(_cells(1), _cells(2)),
    )
    header = ("customer", "date", "revenue", "units", "order", "category", "note")
    rows = [
        header,
        (
            number("1001"),
            "2026-01-05",
            number("19.989999999999998"),
            number("3.0"),
            number("17"),
            inline(" tea "),
            flag(1),
        ),
        (inline("00123"), day(_SERIAL), number("1E3"), number("1E+2"), inline("017"), number("1.5"), None),
        ("NA", day(f"{_SERIAL}.0"), number("-0.0001"), None, None, None, ""),
    ]
    contents = Contents(
        columns=header,
        rows=(
            ("1001", _DAY, Decimal("19.99"), 3, "17", " tea ", "TRUE"),
            ("00123", _DAY, Decimal(1000), 100, "017", "1.5", None),
            ("NA", _DAY, Decimal("-0.0001"), None, None, None, None),
        ),
        free=("note",),
    )
    yield one_file(
        "xlsx-numbers-as-identifiers-and-amounts", _book(rows), accept(3), file=_FILE, contents=contents
    )
    content = workbook(
        {"Data": [_HEADER, ("C1", day(str(int(_SERIAL) - 1462)), number("1"))]},
        properties='<workbookPr date1904="1"/>',
    )
    yield one_file("xlsx-of-1904", content, accept(1), file=_FILE, contents=_table(_cells(1)))
    content = workbook({"Notes": [("read me",)], "Data": [_HEADER, _row(1)], "Pivot": [("x", "y")]})
    toml = '[tables.transactions]\nsheet = "Data"\n'
    yield one_file(
        "xlsx-of-three-sheets-one-named",
        content,
        accept(1),
        file=_FILE,
        toml=toml,
        contents=_table(_cells(1)),
    )
    yield one_file("xlsx-of-three-sheets", content, reject("sheet"), file=_FILE)
    toml = '[tables.transactions]\nsheet = "Date"\n'
    yield one_file(
        "xlsx-with-a-sheet-named-that-is-not-there", content, reject("Date", "Data"), file=_FILE, toml=toml
    )
    rows = [
        _HEADER,
        ("C1", day(_SERIAL), formula("A1*2", "19.99")),
        (formula('"C"&2', "C2", "str"), day(_SERIAL), number("2")),
    ]
    contents = _table(("C1", _DAY, Decimal("19.99")), _cells(2))
    yield one_file("xlsx-formulas-calculated", _book(rows), accept(2), file=_FILE, contents=contents)
    rich = (
        f'<sst xmlns="{_MAIN}">'
        + "".join(f"<si><t>{name}</t></si>" for name in _HEADER)
        + "<si><r><t>C</t></r><r><rPr><b/></rPr><t>1</t></r></si></sst>"
    )
    content = workbook(
        {"Data": [_HEADER, ("x", day(_SERIAL), number("1"))]}, replace={"xl/sharedStrings.xml": rich}
    )
    yield one_file("xlsx-rich-text", content, accept(1), file=_FILE, contents=_table(_cells(1)))
    serial = f"{_SERIAL}.4236111111"  # 10:10:00, as Excel rounds it
    rows = [
        ("contact", "customer", "time"),
        ("K1", "C1", day(serial, 2)),
        ("K2", "C1", day(f"{_SERIAL}.5", 2)),
        ("K3", "C1", "2026-01-05 10:10"),
    ]
    times = (datetime(2026, 1, 5, 10, 10), datetime(2026, 1, 5, 12), datetime(2026, 1, 5, 10, 10))
    contents = Contents(
        columns=("contact", "customer", "time"),
        rows=tuple((f"K{n}", "C1", t) for n, t in enumerate(times, 1)),
    )
    yield one_file("xlsx-times", _book(rows), accept(3), file="contacts.xlsx", contents=contents)
    yield one_file("xlsx-header-alone", _book([_HEADER]), accept(0), file=_FILE, contents=_table())


def _bad() -> Iterator[Case]:
    rows = [_HEADER, _row(1), ("C2", day(_SERIAL), formula("SUM(C1:C9)", None)), _row(3)]
    yield one_file(
        "xlsx-formula-never-calculated",
        _book(rows),
        quarantine(3, Aside(line=3, column="revenue", says="formula|calculated")),
        file=_FILE,
        contents=_table(_cells(1), _cells(3)),
    )
    rows = [
        _HEADER,
        _row(1),
        (formula("A2", None), day(_SERIAL), number("2")),
        ("C3", formula("TODAY()", None), number("3")),
    ]
    outcome = quarantine(3, Aside(line=3, column="customer"), Aside(line=4, column="date"))
    yield one_file("xlsx-formula-never-calculated-in-the-key", _book(rows), outcome, file=_FILE)
    rows = [(*_HEADER, "category"), ("C1", day(_SERIAL), number("1"), formula("A1", None)), (*_row(2), "tea")]
    yield one_file(
        "xlsx-formula-never-calculated-in-a-text",
        _book(rows),
        quarantine(2, Aside(line=2, column="category", says="formula|calculated")),
        file=_FILE,
    )
    rows = [
        _HEADER,
        _row(1),
        ("C2", day(_SERIAL), error("#N/A")),
        (error("#REF!"), day(_SERIAL), number("3")),
        ("C4", error("#VALUE!"), number("4")),
        ("C5", day(_SERIAL), formula("1/0", "#DIV/0!", "e")),
    ]
    outcome = quarantine(
        5,
        Aside(line=3, column="revenue", value="#N/A"),
        Aside(line=4, column="customer", value="#REF!"),
        Aside(line=5, column="date", value="#VALUE!"),
        Aside(line=6, column="revenue", value="#DIV/0!"),
    )
    yield one_file("xlsx-errors", _book(rows), outcome, file=_FILE, contents=_table(_cells(1)))
    rows = [
        _HEADER,
        _row(1),
        ("C2", day(f"{_SERIAL}.75", 2), number("2")),
        ("C3", number(_SERIAL), number("3")),
        ("C4", "05.01.2026", number("4")),
        ("C5", day("0.5"), number("5")),
        ("C6", day("-1"), number("6")),
        ("C7", day("2958465"), number("7")),
    ]
    outcome = quarantine(7, *(Aside(line=n, column="date", value=ANY) for n in range(3, 9)))
    yield one_file("xlsx-dates-that-are-none", _book(rows), outcome, file=_FILE, contents=_table(_cells(1)))
    rows = [
        (*_HEADER, "units"),
        ("C1", day(_SERIAL), number("1.23456"), number("1")),
        ("C2", day(_SERIAL), number("2"), number("1.5")),
        ("C3", day(_SERIAL), number("1E300"), number("1")),
        ("C4", day(_SERIAL), day(_SERIAL), number("1")),
        ("C5", day(_SERIAL), flag(1), number("1")),
        ("C6", day(_SERIAL), "1,5", number("1")),
    ]
    outcome = quarantine(
        6,
        Aside(line=2, column="revenue"),
        Aside(line=3, column="units", value="1.5"),
        Aside(line=4, column="revenue"),
        Aside(line=5, column="revenue"),
        Aside(line=6, column="revenue"),
        Aside(line=7, column="revenue", value="1,5"),
    )
    yield one_file("xlsx-amounts-that-are-none", _book(rows), outcome, file=_FILE)
    rows = [_HEADER, _row(1), (number("1.23456789012346E+16"), day(_SERIAL), number("2"))]
    # 17 digits are more than a sheet's numbers hold: which customer it was is lost
    outcome = quarantine(2, Aside(line=3, column="customer"))
    yield one_file("xlsx-identifier-of-17-digits-as-a-number", _book(rows), outcome, file=_FILE)
    placed = {
        1: ("Umsatzbericht",),
        3: _HEADER,
        4: _row(1),
        7: ("C2", day(_SERIAL), "x"),
        8: _row(3),
        11: ("Total", None, number("9")),
    }
    outcome = quarantine(
        4, Aside(line=7, column="revenue", value="x"), Aside(line=11, column="date", value="")
    )
    toml = "[tables.transactions]\nskip_lines = 2\n"
    yield one_file(
        "xlsx-rows-apart-below-a-title",
        _book(placed),
        outcome,
        file=_FILE,
        toml=toml,
        contents=_table(_cells(1), _cells(3)),
    )
    yield one_file(
        "xlsx-title-above",
        _book({1: ("Umsatzbericht",), 3: _HEADER, 4: _row(1)}),
        reject("customer"),
        file=_FILE,
    )
    rows = [_HEADER, _row(1), (*_row(2), "note"), _row(3), ("C4", day(_SERIAL))]
    outcome = quarantine(4, Aside(line=3), Aside(line=5, column="revenue", value=""))
    yield one_file(
        "xlsx-cells-beside-the-header",
        _book(rows),
        outcome,
        file=_FILE,
        contents=_table(_cells(1), _cells(3)),
    )
    rows = [_HEADER, _row(1), (None, day(_SERIAL), number("2"))]
    content = _book(rows, more='<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>')
    yield one_file("xlsx-merged-cells", content, refused(), file=_FILE)
    yield one_file(
        "xlsx-header-twice-the-same",
        _book([(*_HEADER, "revenue"), (*_row(1), number("2"))]),
        reject("revenue"),
        file=_FILE,
    )
    yield one_file(
        "xlsx-header-with-a-gap",
        _book([("customer", None, "date", "revenue"), ("C1", "x", day(_SERIAL), number("1"))]),
        reject("blank|without a name|no name|empty|missing"),
        file=_FILE,
    )
    yield one_file("xlsx-empty", _book([]), reject("empty|header"), file=_FILE)
    rows = [
        _HEADER,
        _row(1),
        (" C2", day(_SERIAL), number("2")),
        ("C3\u200b", day(_SERIAL), number("3")),
        ("", day(_SERIAL), number("4")),
        ("  ", day(_SERIAL), number("5")),
    ]
    outcome = quarantine(5, *(Aside(line=n, column="customer") for n in range(3, 7)))
    yield one_file("xlsx-identifiers-with-spaces", _book(rows), outcome, file=_FILE)
    rows = [("customer", "region"), ("C1", "north"), ("C2", "south"), ("C1", "west")]
    outcome = quarantine(3, Aside(line=2), Aside(line=4))
    yield one_file("xlsx-a-key-twice", _book(rows), outcome, file="customers.xlsx")


def _broken() -> Iterator[Case]:
    good = _book([_HEADER, _row(1)])
    yield one_file("xlsx-cut-off", good[: len(good) // 2], reject("xlsx|workbook|excel"), file=_FILE)
    flipped = bytearray(good)
    flipped[good.index(b"sheet1.xml") + 40] ^= 0xFF
    yield one_file("xlsx-with-a-flipped-byte", bytes(flipped), reject(), file=_FILE)
    yield one_file("xlsx-named-csv", good, reject("xlsx|excel|workbook|zip"))
    entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    strings = (
        f'{entity}<sst xmlns="{_MAIN}">'
        + "".join(f"<si><t>{t}</t></si>" for t in (*_HEADER, "&e;"))
        + "</sst>"
    )
    content = workbook(
        {"Data": [_HEADER, ("x", day(_SERIAL), number("1"))]}, replace={"xl/sharedStrings.xml": strings}
    )
    yield one_file("xlsx-with-an-entity-of-a-file", content, reject(), file=_FILE)
    laughs = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {chr(97 + n)} "{("&" + chr(96 + n) + ";") * 10}">' for n in range(1, 10)
    )
    rows = "".join(f"<si><t>{t}</t></si>" for t in (*_HEADER, "&j;"))
    strings = f'<!DOCTYPE x [{laughs}]><sst xmlns="{_MAIN}">{rows}</sst>'
    content = workbook(
        {"Data": [_HEADER, ("x", day(_SERIAL), number("1"))]}, replace={"xl/sharedStrings.xml": strings}
    )
    yield one_file("xlsx-that-laughs-a-billion-times", content, reject(), file=_FILE, alone=True)
    yield one_file("xlsx-bomb", later(_bomb), reject("unpacked|large|times"), file=_FILE, alone=True)
    yield one_file("xlsx-without-a-sheet", workbook({}), reject(), file=_FILE)


def _bomb() -> bytes:
    """Return a workbook of which one sheet unpacks to 200 million spaces."""
    header = "".join(
        f'<c r="{c}1" t="inlineStr"><is><t>{t}</t></is></c>' for c, t in zip("ABC", _HEADER, strict=True)
    )
    data = f'<row r="1">{header}</row>{" " * 200_000_000}'
    text = f'<worksheet xmlns="{_MAIN}"><sheetData>{data}</sheetData></worksheet>'
    return workbook({"Data": []}, replace={"xl/worksheets/sheet1.xml": text})


def _names() -> Iterator[Case]:
    """Return workbooks whose texts are dangerous elsewhere."""
    header = (*_HEADER, "=cmd|' /C calc'!A0", "<script>alert(1)</script>")
    rows = [header, (*_row(1), "=1+1", "<b>x</b>"), (*_row(2), "@SUM(A1)", "-2+3")]
    contents = Contents(
        columns=header, rows=((*_cells(1), "=1+1", "<b>x</b>"), (*_cells(2), "@SUM(A1)", "-2+3"))
    )
    yield one_file("xlsx-hostile-texts", _book(rows), accept(2), file=_FILE, contents=contents)
    content = lines("\ufeffcustomer,date,revenue", "C1,2026-01-05,1")
    yield one_file("csv-as-excel-saves-it", content, accept(1), contents=_table(_cells(1)))


def cases() -> Iterator[Case]:
    """Yield the cases of workbooks."""
    for make in (_good, _bad, _broken, _names):
        yield from make()

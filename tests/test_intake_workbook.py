"""A workbook's rows come as the text a person sees, or are set aside with what Excel did to them."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.contract import Form
from cemlab.data.intake.plan import ColumnRule, Dialect
from cemlab.data.intake.workbook.parts import shape
from cemlab.data.intake.workbook.reader import open_workbook
from cemlab.errors import ColumnError, DataError

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


# --- making and reading workbooks


def made(path: Path, rows: list[list[object]], *, change=None, sheet: str = "Data") -> Path:
    """Write a workbook as a common library does; `change` gets the workbook and the sheet."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book, book.active)
    book.save(path)
    return path


def package(
    path: Path,
    rows: str,
    *,
    before: str = "",
    after: str = "",
    strings: tuple[str, ...] = (),
    styles: str = "",
    book: str = "",
    sheet: str | bytes | None = None,
    parts: Mapping[str, str | bytes] | None = None,
    drop: tuple[str, ...] = (),
    main: str = MAIN,
) -> Path:
    """Write a workbook by hand, for what no library writes."""
    body = f'<worksheet xmlns="{main}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    everything: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{OFFICE}">{book}'
        '<sheets><sheet name="Data" sheetId="1" r:id="s1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
        f'<Relationship Id="s1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="s2" Type="{OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        f'<Relationship Id="s3" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": body if sheet is None else sheet,
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{"".join(f"<si>{s}</si>" for s in strings)}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}">{styles}</styleSheet>',
        **(parts or {}),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in everything.items():
            if name not in drop:
                archive.writestr(name, content)
    return path


def inline(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


HEADER = f'<row r="1">{inline("A1", "id")}{inline("B1", "value")}</row>'


def wanted(**forms: Form | ColumnRule):
    rules = {
        name: form if isinstance(form, ColumnRule) else ColumnRule(name=name, form=form, source=name)
        for name, form in forms.items()
    }
    return lambda header: rules


class Read:
    """All that a reader hands on."""

    def __init__(self, path: Path, dialect: Dialect | None = None, **forms: Form | ColumnRule) -> None:
        self.advanced: list[int] = []
        reader = open_workbook(path, dialect or Dialect(), wanted(**forms), advance=self.advanced.append)
        self.header = reader.header
        self.rows: dict[int, tuple[str, ...]] = {}
        self.texts: dict[int, str] = {}
        self.faults = []
        self.sizes = []
        for batch in reader.batches():
            assert batch.columns.column_names == [f"c{i}" for i in range(len(reader.header))]
            assert all(kind == pa.string() for kind in batch.columns.schema.types)
            assert all(column.null_count == 0 for column in batch.columns.columns)
            for row, values in enumerate(zip(*batch.columns.to_pydict().values(), strict=True)):
                self.rows[batch.line(row)] = values
                self.texts[batch.line(row)] = batch.row_text(row)
            self.faults += batch.faults
            self.sizes.append(batch.columns.num_rows + len(batch.faults))
        self.messages = reader.messages
        assert sum(self.advanced) == path.stat().st_size

    @property
    def fault(self):
        (only,) = self.faults
        return only


def refused(path: Path, dialect: Dialect | None = None) -> str:
    with pytest.raises((DataError, ColumnError)) as caught:
        Read(path, dialect)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(path.name)
    assert str(path.parent) not in text
    return text


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "transactions.xlsx"


# --- what comes out


def test_cells_come_as_text_with_their_rows(path):
    rows = [
        ["customer", "date", "revenue", "active", "note"],
        ["007", date(2025, 1, 2), 10.5, True, "a\tb"],
        [17850.0, datetime(2025, 1, 2, 10, 30), 3, False, None],
    ]
    read = Read(made(path, rows), customer="id", date="date", revenue="money", active="flag")
    assert read.header == ("customer", "date", "revenue", "active", "note")
    assert read.rows == {
        2: ("007", "2025-01-02", "10.5", "true", "a\tb"),
        3: ("17850", "2025-01-02 10:30:00", "3", "false", ""),
    }
    assert json.loads(read.texts[2]) == ["007", "2025-01-02", "10.5", "true", "a\tb"]
    assert read.faults == []
    assert read.messages == []


def number(path: Path, stored: str, rule: Form | ColumnRule = "number", **more) -> str:
    package(path, f'{HEADER}<row r="2"><c r="B2"><v>{stored}</v></c></row>', **more)
    read = Read(path, value=rule)
    assert read.faults == []
    return read.rows[2][1]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("17850", "17850"),
        ("17850.0", "17850"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("007", "7"),
        ("0.1", "0.1"),
        ("10.50", "10.5"),
        ("-3.25", "-3.25"),
        ("1E-7", "0.0000001"),
        ("1.5E+3", "1500"),
        ("1e20", "100000000000000000000"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1.1000000000000001", "1.1"),  # how Excel stores 1.1
        ("9007199254740993", "9007199254740993"),
        (" 5 ", "5"),
        (".5", "0.5"),
        ("+5", "5"),
    ],
)
def test_numbers_are_written_without_exponent_and_as_short_as_they_can_be(path, stored, shown):
    assert number(path, stored) == shown


def test_money_has_the_digits_that_excel_shows(path):
    assert number(path, "0.30000000000000004", "money") == "0.3"
    assert number(path, "12.340000000000002", "money") == "12.34"
    read = Read(
        package(path, f'{HEADER}<row r="2"><c r="B2"><v>0.30000000000000004</v></c></row>'), value="money"
    )
    assert read.messages == ["column 'value': 1 × an amount of more digits read with the 15 that Excel shows"]
    rule = ColumnRule(name="value", form="money", source="value", decimal=",")
    assert number(path, "12.340000000000002", rule) == "12,34"
    assert number(path, "1.1000000000000001", "money") == "1.1"
    assert number(path, "1234567890123.45", "money") == "1234567890123.45"  # 15 digits


@pytest.mark.parametrize(
    "stored",
    [
        "12345678901234.56",
        "123456789012.3456",
        "99999999999999.98",
        "-12345678901.23456",
        "0.123456789012345678",
    ],
)
def test_money_is_never_rounded_in_silence(path, stored):
    fault = Read(
        package(path, f'{HEADER}<row r="2"><c r="B2"><v>{stored}</v></c></row>'), value="money"
    ).fault
    assert (fault.column, fault.value) == ("value", stored)
    assert "more than the 15 digits that Excel keeps" in fault.reason


def test_whole_numbers_that_a_fraction_made_inexact_are_set_aside(path):
    fault = Read(
        package(path, f'{HEADER}<row r="2"><c r="B2"><v>12345678901234567.0</v></c></row>'), value="integer"
    ).fault
    assert fault.value == "12345678901234567.0"
    assert "more than 15 digits" in fault.reason


def test_fractions_get_the_declared_decimal_mark(path):
    rule = ColumnRule(name="value", form="number", source="value", decimal=",", thousands=".")
    assert number(path, "1234.5", rule) == "1234,5"
    assert number(path, "1234", rule) == "1234"


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=60, deadline=None)
def test_every_number_can_be_read_back_exactly(tmp_path_factory, value):
    text = number(tmp_path_factory.mktemp("n") / "t.xlsx", repr(value))
    assert float(text) == value
    assert "e" not in text.lower()


@pytest.mark.parametrize("stored", ["abc", "1,5", "0x1F", "1_000", "INF", "NaN", "1e999", "--5", "٣"])
def test_a_number_cell_without_a_number_is_set_aside(path, stored):
    package(path, f'{HEADER}<row r="2"><c r="B2"><v>{stored}</v></c></row>')
    fault = Read(path).fault
    assert (fault.line, fault.column, fault.value) == (2, "value", stored)
    assert "stored as a number, but holds none" in fault.reason


def test_numbers_with_leading_zeros_in_the_sheet_keep_them_as_identifiers(path):
    def zeros(book, sheet):
        for cell in ("A2", "B2"):
            sheet[cell].number_format = "00000"

    read = Read(made(path, [["id", "value"], [42, 42]], change=zeros), id="id", value="number")
    assert read.rows == {2: ("00042", "42")}
    assert read.messages == ["column 'id': 1 × a number read with the leading zeros that the sheet shows"]


# --- dates


def dated(path: Path, value: object, rule: Form | ColumnRule, code: str | None = None, **more) -> Read:
    def form(book, sheet):
        if code:
            sheet["A2"].number_format = code

    return Read(made(path, [["when"], [value]], change=form, **more), when=rule)


def test_dates_come_in_iso_form_or_the_first_format_that_loses_nothing(path):
    def rule(form: Form, *formats: str) -> ColumnRule:
        return ColumnRule(name="when", form=form, source="when", formats=formats)

    day, moment = date(2025, 1, 2), datetime(2025, 1, 2, 10, 30)
    for value, how, text in [
        (day, rule("date"), "2025-01-02"),
        (day, rule("date", "%d.%m.%Y"), "02.01.2025"),
        (day, rule("date", "%-d/%-m/%y"), "2/1/25"),
        (date(1950, 1, 2), rule("date", "%d.%m.%y", "%d.%m.%Y"), "02.01.1950"),
        (day, rule("date", "%d %b %Y", "%Y%m%d"), "20250102"),
        (day, rule("date", "%d.%m.%Y %H:%M"), "02.01.2025 00:00"),
        (moment, rule("date", "%d.%m.%Y"), "2025-01-02 10:30:00"),
        (moment, rule("date", "%d.%m.%Y", "%d.%m.%Y %H:%M"), "02.01.2025 10:30"),
        (moment, rule("time"), "2025-01-02 10:30:00"),
        (day, rule("time"), "2025-01-02 00:00:00"),
        (moment.replace(second=5), rule("time", "%d.%m.%Y %H:%M"), "2025-01-02 10:30:05"),
        (moment.replace(second=5), rule("time", "%d.%m.%Y %H:%M:%S"), "02.01.2025 10:30:05"),
        (moment.replace(microsecond=250_000), rule("time"), "2025-01-02 10:30:00.250"),
        (moment.replace(microsecond=250_000), rule("time", "%Y%m%d%H%M%S"), "2025-01-02 10:30:00.250"),
        (date(9999, 12, 31), rule("date"), "9999-12-31"),
    ]:
        read = dated(path, value, how)
        assert read.faults == []
        assert read.rows[2] == (text,), how


@pytest.mark.parametrize(
    ("serial", "day"),
    [
        ("1", "1900-01-01"),
        ("59", "1900-02-28"),
        ("61", "1900-03-01"),
        ("45659", "2025-01-02"),
        ("2958465", "9999-12-31"),
    ],
)
def test_days_are_counted_as_excel_counts_them(path, serial, day):
    assert number(path, serial, "date", styles='<cellXfs><xf numFmtId="14"/></cellXfs>') == day


def test_the_1904_date_system_is_honoured(path):
    def old(book, sheet):
        book.epoch = datetime(1904, 1, 1)

    assert Read(made(path, [["when"], [date(2025, 1, 2)]], change=old), when="date").rows[2] == (
        "2025-01-02",
    )
    day = number(
        path, "0", "date", book='<workbookPr date1904="1"/>', styles='<cellXfs><xf numFmtId="14"/></cellXfs>'
    )
    assert day == "1904-01-01"


@pytest.mark.parametrize("serial", ["0", "-1", "60", "2958466", "1e12", "0.5"])
def test_a_number_that_is_no_day_is_set_aside(path, serial):
    package(
        path,
        f'{HEADER}<row r="2"><c r="B2"><v>{serial}</v></c></row>',
        styles='<cellXfs><xf numFmtId="14"/></cellXfs>',
    )
    fault = Read(path, value="date").fault
    assert "its number stands for no day" in fault.reason
    assert fault.value == serial


@pytest.mark.parametrize("form", ["id", "text", "integer", "number", "money", "share", "flag"])
def test_a_date_where_something_else_is_wanted_is_set_aside(path, form):
    fault = dated(path, date(2025, 3, 1), form).fault
    assert (fault.line, fault.column, fault.value) == (2, "when", "2025-03-01")
    assert f"Excel made a date or time of it, where {form} is wanted" in fault.reason


def test_a_date_in_a_column_that_nobody_described_is_kept(path):
    assert Read(made(path, [["when"], [date(2025, 3, 1)]])).rows[2] == ("2025-03-01",)


def test_times_of_day_and_durations(path):
    assert Read(made(path, [["a", "b"], [time(10, 30), timedelta(hours=36, minutes=5)]])).rows[2] == (
        "10:30:00",
        "36:05:00",
    )
    assert "time of it, where id is wanted" in dated(path, time(10, 30), "id").fault.reason
    assert "time of it, where id is wanted" in dated(path, timedelta(hours=36), "id").fault.reason


def test_dates_stored_as_text_of_the_standard(path):
    cells = '<c r="A2" t="d"><v>2025-01-02</v></c><c r="B2" t="d"><v>2025-01-02T10:30:00</v></c>'
    package(
        path,
        f'{HEADER}<row r="2">{cells}</row><row r="3"><c r="B3" t="d"><v>2025-13-02</v></c></row>',
        main=STRICT,
    )
    read = Read(path, id="date", value="time")
    assert read.rows == {2: ("2025-01-02", "2025-01-02 10:30:00")}
    assert "stands for no day" in read.fault.reason


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", "number"),
        ("@", "number"),
        ("0.00E+00", "number"),
        ("#,##0.00 [$€-407]", "number"),
        ("[Red]-0.00;[Blue]0", "number"),
        ('0 "days"', "number"),
        (r"0\d", "number"),
        ("_-* #,##0_d;-0", "number"),
        ("yyyy-mm-dd", "date"),
        ("[$-409]d-mmm-yy;@", "date"),
        ("mmm", "date"),
        ('yyyy"年"m"月"', "date"),
        ("dd.mm.yyyy hh:mm", "date"),
        ("h:mm AM/PM", "clock"),
        ("mm:ss.0", "clock"),
        ("[h]:mm:ss", "duration"),
        ("[mm]:ss", "duration"),
        ("00000", 5),
        ("0", "number"),
        ("000-00", "number"),
    ],
)
def test_what_a_number_format_says(code, kind):
    assert shape(code) == kind


# --- cells that cannot be taken


def test_a_formula_without_a_stored_result_is_set_aside(path):
    read = Read(made(path, [["id", "value"], ["a", "=1+1"], ["b", 2]]), value="number")
    assert read.rows == {3: ("b", "2")}
    assert (read.fault.line, read.fault.column, read.fault.value) == (2, "value", "=1+1")
    assert "result is not stored" in read.fault.reason
    assert json.loads(read.fault.row) == ["a", "=1+1"]


def formula(path: Path, cell: str, **more) -> Read:
    return Read(package(path, f'{HEADER}<row r="2">{inline("A2", "a")}{cell}</row>', **more), value="number")


def test_stored_results_of_formulas_are_read_and_told(path):
    read = formula(path, '<c r="B2"><f>1+1</f><v>2</v></c>')
    assert read.rows == {2: ("a", "2")}
    assert read.messages == ["1 cell is a formula; the results stored in the file were read"]
    assert formula(path, '<c r="B2" t="str"><f>""</f><v></v></c>').rows == {2: ("a", "")}
    assert formula(path, '<c r="B2" t="str"><f>A2</f><v>x</v></c>').rows == {2: ("a", "x")}


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2"><f>1+1</f></c>',
        '<c r="B2"><f>1+1</f><v/></c>',
        '<c r="B2" t="str"><f>A2</f></c>',
        '<c r="B2"><f t="shared" si="0"/></c>',
    ],
)
def test_formulas_without_results_in_every_spelling(path, cell):
    assert "result is not stored" in formula(path, cell).fault.reason


def test_a_zero_that_was_never_worked_out_is_set_aside(path):
    ask = '<calcPr fullCalcOnLoad="1"/>'  # what programs write that cannot work formulas out
    assert "yet to be worked out" in formula(path, '<c r="B2"><f>1+1</f><v>0</v></c>', book=ask).fault.reason
    assert formula(path, '<c r="B2"><f>1+1</f><v>2</v></c>', book=ask).rows == {2: ("a", "2")}
    assert formula(path, '<c r="B2"><v>0</v></c>', book=ask).rows == {2: ("a", "0")}
    assert formula(path, '<c r="B2"><f>1-1</f><v>0</v></c>').rows == {2: ("a", "0")}


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#DIV/0!", "#VALUE!"])
def test_errors_are_set_aside(path, error):
    def put(book, sheet):
        sheet["B2"] = error
        sheet["B2"].data_type = "e"

    fault = Read(made(path, [["id", "value"], ["a", None]], change=put)).fault
    assert (fault.line, fault.column, fault.value) == (2, "value", error)
    assert f"holds the error {error}" in fault.reason


@pytest.mark.parametrize("form", ["id", "text"])
def test_identifiers_beyond_15_digits_are_set_aside(path, form):
    stored = ("12345678901234567", "123456789012345", "1.2345678901234568E+16", "-1000000000000000")
    cells = "".join(f'<row r="{i}"><c r="A{i}"><v>{v}</v></c></row>' for i, v in enumerate(stored, start=2))
    read = Read(package(path, HEADER + cells), id=form)
    assert read.rows == {3: ("123456789012345", "")}
    assert [fault.line for fault in read.faults] == [2, 4, 5]
    assert all("more than 15 digits" in fault.reason for fault in read.faults)
    assert read.faults[1].value == "12345678901234568"


@pytest.mark.parametrize("text", ["a_x0001_b", "a_x0000_", "_x001F_", "_xD800_"])
def test_control_characters_are_set_aside(path, text):
    for cell, strings in (
        (inline("B2", text), ()),
        ('<c r="B2" t="s"><v>0</v></c>', (f"<t>{text}</t>",)),
        (f'<c r="B2" t="str"><v>{text}</v></c>', ()),
    ):
        package(path, f'{HEADER}<row r="2">{cell}</row>', strings=strings)
        fault = Read(path).fault
        assert (fault.line, fault.column) == (2, "value")
        assert "control characters" in fault.reason
        json.dumps(fault.value).encode()  # can be written down


def test_escaped_characters_and_line_breaks_are_text(path):
    cells = inline("A2", "_x005F_x0041_ _xD83D__xDE00_") + inline("B2", "two_x000D_\nlines")
    package(path, f'{HEADER}<row r="2">{cells}</row>')
    assert Read(path).rows == {2: ("_x0041_ 😀", "two\r\nlines")}


def test_rich_text_is_joined_and_hints_of_pronunciation_are_left_out(path):
    rich = "<r><t>to</t></r><r><rPr/><t xml:space='preserve'>kyo </t></r><rPh sb='0' eb='1'><t>x</t></rPh>"
    cells = f'<c r="A2" t="s"><v>0</v></c><c r="B2" t="inlineStr"><is>{rich}</is></c>'
    package(path, f'{HEADER}<row r="2">{cells}</row>', strings=(rich,))
    assert Read(path).rows == {2: ("tokyo ", "tokyo ")}


def test_text_stays_as_it_is(path):
    texts = [" x ", "NA", "007", "1e5", "=x", "2025-01-02", "'", "é", "e\u0301", "TRUE", "\u200b"]
    cells = "".join(f'<row r="{i}">{inline(f"A{i}", text)}</row>' for i, text in enumerate(texts, start=2))
    package(path, HEADER + cells)
    assert [row[0] for row in Read(path, id="id").rows.values()] == texts


def test_several_faults_of_a_row_are_one_entry(path):
    read = Read(made(path, [["a", "b", "c"], ["=1", "x", date(2025, 1, 2)]]), c="id")
    assert read.fault.column == "a"
    assert "; also column 'c': Excel made a date" in read.fault.reason


# --- rows


def test_values_beyond_the_header_are_set_aside_and_blanks_are_not(path):
    rows = [["a", "b"], ["1", "2", "3"], ["4", "5", None, ""], ["6", None, None, "7"], ["8"]]
    read = Read(made(path, rows))
    assert read.rows == {3: ("4", "5"), 5: ("8", "")}
    assert [(fault.line, fault.column, fault.value) for fault in read.faults] == [
        (2, None, "3"),
        (4, None, "7"),
    ]
    assert read.faults[0].reason == "values beyond the 2 columns of the header"
    assert json.loads(read.faults[0].row) == ["1", "2", "3"]


def test_empty_rows_are_no_records_and_are_told(path):
    rows = [["a", "b"], ["1", "2"], [None, None], ["", ""], ["3", None]]

    def far(book, sheet):
        sheet["A8"] = "4"
        sheet["A20"] = None  # empty rows behind the last record are of no interest

    read = Read(made(path, rows, change=far))
    assert read.rows == {2: ("1", "2"), 5: ("3", ""), 8: ("4", "")}
    assert read.messages == ["4 empty rows skipped (rows 3, 4, 6, 7)"]


def test_a_gap_of_a_million_rows_is_counted_and_not_built(path):
    package(path, f'{HEADER}<row r="1048576">{inline("A1048576", "x")}</row>')
    read = Read(path)
    assert read.rows == {1048576: ("x", "")}
    assert read.messages == ["1,048,574 empty rows skipped (rows 2, 3, 4, 5, 6 …)"]


def test_hidden_rows_columns_and_sheets_are_read_and_told(path):
    def hide(book, sheet):
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True
        book.create_sheet("Lists").sheet_state = "hidden"
        book["Lists"]["A1"] = "x"

    read = Read(made(path, [["a", "b"], ["1", "2"], ["3", "4"]], change=hide))
    assert read.rows == {2: ("1", "2"), 3: ("3", "4")}
    assert read.messages == [
        "the sheet 'Lists' is hidden and was not read",
        "hidden columns were read too: B",
        "1 hidden row was read too (row 3)",
    ]


def test_rows_that_merged_cells_touch_are_set_aside(path):
    def merge(book, sheet):
        sheet.merge_cells("A3:A4")
        sheet.merge_cells("B6:B6")
        sheet.merge_cells("D7:E8")  # beside the table

    rows = [["a", "b"], ["1", "2"], ["3", "4"], [None, "5"], ["6", "7"], ["8", "9"], ["10", "11"]]
    read = Read(made(path, rows, change=merge))
    assert sorted(read.rows) == [2, 5, 6, 7]
    assert [(fault.line, fault.column, fault.value) for fault in read.faults] == [
        (3, "a", "A3:A4"),
        (4, "a", "A3:A4"),
    ]
    assert "merged cells (A3:A4)" in read.faults[0].reason


def test_merged_titles_above_the_header_do_no_harm(path):
    def merge(book, sheet):
        sheet.merge_cells("A1:B1")

    read = Read(made(path, [["Sales"], ["a", "b"], ["1", "2"]], change=merge), Dialect(skip_lines=1))
    assert read.rows == {3: ("1", "2")}


def test_a_wrong_extent_is_not_believed(path):
    rows = "".join(f'<row r="{i}">{inline(f"A{i}", "x")}{inline(f"B{i}", "y")}</row>' for i in range(2, 50))
    package(path, HEADER + rows, before='<dimension ref="A1:A2"/>')
    assert list(Read(path).rows) == list(range(2, 50))


def test_rows_and_cells_without_their_places_are_counted(path):
    rows = '<row><c t="str"><v>id</v></c><c t="str"><v>value</v></c></row>'
    rows += '<row><c t="str"><v>a</v></c><c><v>1</v></c></row>'
    assert Read(package(path, rows)).rows == {2: ("a", "1")}


@pytest.mark.parametrize(
    "rows",
    [
        f'<row r="3">{inline("A3", "x")}</row><row r="2">{inline("A2", "y")}</row>',
        f'<row r="2">{inline("A2", "x")}</row><row r="2">{inline("A2", "y")}</row>',
        f'<row r="2">{inline("A2", "x")}{inline("A2", "y")}</row>',
        f'<row r="2">{inline("B2", "x")}{inline("A2", "y")}</row>',
        f'<row r="2">{inline("A3", "x")}</row>',
        f'<row r="2">{inline("2A", "x")}</row>',
        f'<row r="2">{inline("XFE2", "x")}</row>',
        '<row r="1048577"/>',
        '<row r="x"/>',
        '<row r="2"><c r="A2" t="s"><v>7</v></c></row>',
        '<row r="2"><c r="A2" t="s"><v>-1</v></c></row>',
        '<row r="2"><c r="A2" t="odd"><v>1</v></c></row>',
    ],
)
def test_rows_that_break_the_format_reject_the_file(path, rows):
    assert "breaks the rules of its format" in refused(package(path, HEADER + rows))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('t="s"><v>99</v>', "a cell refers to text 99, and there are 0"),
        ('t="s"><v>x1</v>', "the number of a text is 'x1', no whole number"),
        ('s="bold"><v>1</v>', "the style of a cell is 'bold', no whole number"),
    ],
)
def test_what_breaks_the_format_is_told_in_words(path, cell, words):
    rows = f'<row r="2"><c r="B2" {cell}</c></row>'
    assert f"breaks the rules of its format ({words})" in refused(package(path, HEADER + rows))


def test_a_day_that_is_not_quite_over_is_not_the_next_one(path):
    # 46053 is 2026-01-31; less than a millisecond is missing to its end
    last = "46053.99999999537"  # 23:59:59.9996
    assert dated_serial(path, last, "date") == "2026-01-31 23:59:59.999600"
    assert dated_serial(path, last, "time") == "2026-01-31 23:59:59.999600"
    # what sums of days leave of noise is none: 1 µs
    assert dated_serial(path, "46053.99999999999", "date") == "2026-02-01"


def dated_serial(path: Path, serial: str, form: Form) -> str:
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    package(path, f'{HEADER}<row r="2"><c r="B2" s="0"><v>{serial}</v></c></row>', styles=styles)
    return Read(path, value=form).rows[2][1]


def test_batches_hold_20_000_rows_and_memory_does_not_grow(path):
    def build(rows: int) -> Path:
        lines = "".join(
            f'<row r="{i}"><c r="A{i}"><v>{i}</v></c><c r="B{i}"><v>{i % 97}</v></c></row>'
            for i in range(2, rows + 2)
        )
        return package(path, HEADER + lines)

    assert Read(build(45_000)).sizes == [20_000, 20_000, 5_000]
    peaks = []
    for rows in (25_000, 65_000):
        build(rows)
        tracemalloc.start()
        reader = open_workbook(path, Dialect(), lambda header: {})
        assert sum(batch.columns.num_rows for batch in reader.batches()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # both hold one full batch at a time; more than twice the rows may add allocator noise only
    assert peaks[1] < peaks[0] * 1.3


def test_the_batches_can_be_read_again(path):
    reader = open_workbook(made(path, [["a"], ["1"], [None], ["2"]]), Dialect(), lambda header: {})
    for _ in range(2):
        assert [batch.columns.num_rows for batch in reader.batches()] == [2]
        assert reader.messages == ["1 empty row skipped (row 3)"]


# --- the header


def test_a_header_alone_holds_no_records(path):
    read = Read(made(path, [["a", "b"]]))
    assert (read.header, read.rows, read.faults) == (("a", "b"), {}, [])


def test_lines_above_and_records_below_the_header_are_skipped(path):
    rows = [["Report"], ["made today"], ["a", "b"], ["text", "number"], [None], ["x", "1"]]
    read = Read(made(path, rows), Dialect(skip_lines=2, skip_below_header=1))
    assert read.header == ("a", "b")
    assert read.rows == {6: ("x", "1")}


def test_more_records_to_skip_than_there_are_is_refused(path):
    text = refused(made(path, [["a"], ["x"]]), Dialect(skip_below_header=2))
    assert "2 records below the header are to be skipped" in text


def test_names_are_given_where_there_is_no_header(path):
    read = Read(made(path, [["x", 1], ["y", 2]]), Dialect(names=("a", "b")))
    assert read.header == ("a", "b")
    assert read.rows == {1: ("x", "1"), 2: ("y", "2")}


def test_names_stand_as_they_are(path):
    assert Read(made(path, [[" Kunde ", "Größe", None], ["1", "2"]])).header == (" Kunde ", "Größe")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["a", None, "b"], "row 1: column 2 of 3 has no name"),
        (["a", "  ", "b"], "column 2 of 3 has no name"),
        ([None, "a"], "column 1 of 2 has no name"),
        (["a", 2024], "row 1, column B: the header holds '2024', which is no text"),
        (["a", date(2024, 1, 1)], "holds '2024-01-01', which is no text"),
        (["a", True], "which is no text"),
        (["a", "=B5"], "which is no text"),
        (["a", "a"], "'a' stands twice"),
        (["a", "A "], "differs too little"),
        (["é", "e\u0301"], "differs too little"),
        (["a", "b\nc"], "control characters or line ends"),
        ([f"c{i}" for i in range(4097)], "4,097 columns; allowed are 4,096"),
    ],
)
def test_faults_of_the_header_reject_the_file(path, header, words):
    assert words in refused(made(path, [header, ["1", "2"]]))


def test_an_empty_workbook_is_refused(path):
    assert "no sheet holds anything" in refused(made(path, []))
    assert "empty below row 5" in refused(made(path, [["a"]]), Dialect(skip_lines=5, sheet="Data"))


# --- sheets


def two(book, sheet):
    book.create_sheet("Notes & more")["A1"] = "x"


def test_several_sheets_are_refused_unless_one_is_declared(path):
    made(path, [["a"], ["1"]], change=two)
    text = refused(path)
    assert "2 sheets hold something: 'Data', 'Notes & more'; declare the one to read" in text
    assert Read(path, Dialect(sheet="Data")).rows == {2: ("1",)}
    assert Read(path, Dialect(sheet="Notes & more")).header == ("x",)


def test_an_empty_second_sheet_does_no_harm(path):
    assert Read(made(path, [["a"], ["1"]], change=lambda book, _: book.create_sheet("Sheet2"))).rows == {
        2: ("1",)
    }


def test_a_chart_is_no_sheet(path):
    assert Read(made(path, [["a"], ["1"]], change=lambda book, _: book.create_chartsheet("Chart"))).rows == {
        2: ("1",)
    }


def test_a_declared_sheet_that_is_not_there_is_refused_with_the_nearest(path):
    text = refused(made(path, [["a"]]), Dialect(sheet="data"))
    assert "no sheet named 'data'; did you mean 'Data'?" in text


def test_a_hidden_sheet_may_be_declared(path):
    def hide(book, sheet):
        two(book, sheet)
        book["Notes & more"].sheet_state = "veryHidden"

    read = Read(made(path, [["a"]], change=hide), Dialect(sheet="Notes & more"))
    assert read.messages == ["the sheet 'Notes & more' is hidden and was read"]


def test_the_strict_edition_and_prefixes_are_read(path):
    assert Read(package(path, HEADER + f'<row r="2">{inline("A2", "x")}</row>', main=STRICT)).rows == {
        2: ("x", "")
    }
    rows = '<x:row r="1"><x:c r="A1" t="str"><x:v>a</x:v></x:c></x:row>'
    rows += '<x:row r="2"><x:c r="A2"><x:v>1</x:v></x:c></x:row>'
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    assert Read(package(path, "", sheet=sheet)).rows == {2: ("1",)}


def test_utf_16_is_read_with_its_merged_cells(path):
    rows = HEADER + "".join(f'<row r="{i}">{inline(f"A{i}", "ä")}</row>' for i in (2, 3, 4))
    merged = '<mergeCells count="1"><mergeCell ref="A3:A4"/></mergeCells>'
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{merged}</worksheet>'
    sheet = f'<?xml version="1.0" encoding="UTF-16"?>{sheet}'
    read = Read(package(path, "", sheet=sheet.encode("utf-16")))
    assert read.rows == {2: ("ä", "")}
    assert [fault.line for fault in read.faults] == [3, 4]


# --- what is no workbook, or does harm


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"customer,date\nA,1\n", "is text, not a workbook; rename it to .csv"),
        (b"<html><table><tr><td>a</td></tr></table></html>", "a web page that was renamed"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><html>", "a web page that was renamed"),
        (b"MIME-Version: 1.0\r\n", "a web page that was renamed"),
        (
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
            "Excel 2003 XML",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an old Excel workbook (.xls)"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 200_000 + "EncryptedPackage".encode("utf-16-le"),
            "protected with a password",
        ),
        (b"PAR1....PAR1", "a Parquet file"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\x00\x01\x02", "no workbook"),
        (b"PK\x03\x04 and nothing else", "damaged or truncated"),
    ],
)
def test_what_is_no_workbook_is_refused(path, content, words):
    path.write_bytes(content)
    assert words in refused(path)


@pytest.mark.parametrize(
    ("parts", "drop", "words"),
    [
        ({}, ("[Content_Types].xml",), "is a zip archive, not a workbook"),
        ({"xl/vbaProject.bin": b"x"}, (), "holds macros"),
        ({"xl/externalLinks/externalLink1.xml": "<x/>"}, (), "links to other workbooks"),
        ({"xl/workbook.bin": b"x"}, (), "a binary workbook (.xlsb)"),
        ({"content.xml": b"x"}, (), "an OpenDocument file"),
        ({"word/document.xml": b"x"}, (), "another Office document"),
        ({}, ("xl/workbook.xml",), "the part that lists its sheets is missing"),
        ({}, ("xl/worksheets/sheet1.xml",), "the part of the sheet 'Data' is missing"),
        ({"xl/workbook.xml": "<workbook"}, (), "holds broken XML"),
        ({"xl/sharedStrings.xml": "<sst><si>"}, (), "holds broken XML"),
        ({"xl/styles.xml": "no xml"}, (), "holds broken XML"),
    ],
)
def test_packages_that_are_not_read_are_refused(path, parts, drop, words):
    assert words in refused(package(path, HEADER, parts=parts, drop=drop))


def test_workbooks_without_styles_or_texts_are_read(path):
    package(
        path,
        HEADER + '<row r="2"><c r="B2"><v>1</v></c></row>',
        drop=("xl/styles.xml", "xl/sharedStrings.xml"),
    )
    assert Read(path).rows == {2: ("", "1")}


@pytest.mark.parametrize("at", [0.1, 0.4, 0.7, 0.99])
def test_a_truncated_workbook_is_refused(path, at):
    made(path, [["a"], *([str(i)] for i in range(2000))])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * at)])
    assert "damaged or truncated" in refused(path)


def test_a_flipped_bit_in_the_rows_is_found_before_a_row_is_used(path):
    made(path, [["a"], *([i * 7919 % 1000] for i in range(5000))])
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
    for share in (0.3, 0.6, 0.9):
        broken = data.copy()
        broken[part.header_offset + 60 + int((part.compress_size - 60) * share)] ^= 4
        path.write_bytes(bytes(broken))
        # which fault is met first depends on where the bit lies: a wrong sum, broken XML, a row out of order
        with pytest.raises(
            DataError, match=r"damaged or truncated|broken XML|breaks the rules of its format"
        ):
            open_workbook(path, Dialect(), lambda header: {})


def test_broken_xml_in_the_rows_is_refused(path):
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}<row r="2">'
    assert "holds broken XML" in refused(package(path, "", sheet=sheet))
    control = f'<row r="2">{inline("A2", chr(1))}</row>'
    assert "holds broken XML" in refused(package(path, HEADER + control))


BOMB = (
    "<!DOCTYPE x ["
    + '<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    + "]>"
)


@pytest.mark.parametrize(
    "part",
    ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "_rels/.rels"],
)
@pytest.mark.parametrize(
    "document",
    [
        BOMB + "<x>&a9;</x>",
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    ],
    ids=["bomb", "file", "address"],
)
def test_entities_and_document_types_are_refused(path, part, document):
    assert "holds a document type declaration" in refused(package(path, HEADER, parts={part: document}))


def test_bombs_are_refused_by_their_declared_size(path):
    package(path, HEADER, parts={"xl/media/a.bin": bytes(80 << 20)})
    assert "too large when unpacked, 80 MiB" in refused(path)
    assert Read(path, Dialect(max_unpacked_bytes=100 << 20)).header == ("id", "value")
    assert "too large when unpacked" in refused(path, Dialect(max_unpacked_bytes=1000))


def test_a_bomb_that_lies_about_its_size_is_found_without_unpacking_it(path):
    spaces = " " * (96 << 20)
    package(path, "", sheet=f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}</sheetData>{spaces}</worksheet>')
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    said = size.to_bytes(4, "little")
    assert data.count(said) == 2  # in the part's own header and in the directory
    path.write_bytes(bytes(data.replace(said, (5000).to_bytes(4, "little"))))
    tracemalloc.start()
    assert "damaged" in refused(path) or "broken XML" in refused(path)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20  # of the 96 MiB that it would unpack to
    tracemalloc.stop()


def test_a_part_twice_too_many_parts_and_protected_parts_are_refused(path):
    package(path, HEADER)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("xl/worksheets/sheet1.xml", "<x/>")
    assert "holds a part twice" in refused(path)
    assert "10,008 parts" in refused(
        package(path, HEADER, parts={f"xl/a{i}.xml": b"" for i in range(10_001)})
    )
    package(path, HEADER)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(mark, start + 1)) >= 0:
            data[start + at] |= 1
    path.write_bytes(bytes(data))
    assert "protected with a password" in refused(path)


def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    assert "is a pipe" in refused(path)


def test_an_error_of_the_caller_is_not_taken_for_one_of_the_file(path):
    def rules(header):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        open_workbook(made(path, [["a"]]), Dialect(), rules)


# --- against another reader

CELLS = st.one_of(
    st.none(),
    st.integers(-(10**14), 10**14),
    st.floats(-1e9, 1e9, allow_subnormal=False),
    st.booleans(),
    st.dates(date(1901, 1, 1), date(2100, 1, 1)),
    st.text(
        st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=8
    ).filter(lambda text: not text.startswith("=") and "_x" not in text and text not in ("#N/A", "#REF!")),
)


def plain(value: object) -> str:
    """Return what a cell's value is as text, from what the library was given."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value.isoformat() if isinstance(value, date) else str(value)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_comes_out_in_its_row(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("w") / "t.xlsx"
    read = Read(made(path, [["a", "b", "c"], *rows]))
    assert read.faults == []
    given_rows = {i: [plain(value) for value in row] for i, row in enumerate(rows, start=2)}
    assert sorted(read.rows) == [i for i, row in given_rows.items() if any(row)]
    for i, texts in read.rows.items():
        for text, value, shown in zip(texts, rows[i - 2], given_rows[i], strict=True):
            if isinstance(value, float):
                # the library writes 16 digits, one less than would tell every number from its neighbours
                assert float(text) == pytest.approx(value, rel=1e-15, abs=0)
            else:
                assert text == shown

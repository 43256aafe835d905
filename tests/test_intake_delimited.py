"""Delimited text: every record is a row or set aside, at its physical line, and no file is half read."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cemlab.data.intake.batch import Fault
from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.text import delimited, records
from cemlab.data.intake.text import header as head
from cemlab.data.intake.text.delimited import open_delimited
from cemlab.errors import CemlabError, ColumnError, DataError, NotFoundError

FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "visits.csv"


def everything(path: Path, **dialect) -> tuple[list, list[Fault], list, tuple]:
    """Return (line, fields, text) of the rows, the faults, messages, header."""
    reader = open_delimited(path, Dialect(**dialect))
    rows, faults = [], []
    for batch in reader.batches():
        assert batch.columns.column_names == [f"c{i}" for i in range(len(reader.header))]
        assert all(column.null_count == 0 for column in batch.columns.columns)
        values = zip(*[column.to_pylist() for column in batch.columns.columns], strict=True)
        rows += [(batch.line(i), list(fields), batch.row_text(i)) for i, fields in enumerate(values)]
        faults += batch.faults
    for fault in faults:
        assert (fault.column is None and fault.value == fault.row) or fault.column in reader.header
    return rows, faults, reader.messages, reader.header


def taken(path: Path, **dialect) -> tuple[list, list, list, tuple]:
    """Return the same with (line, reason, row) of the faults."""
    rows, faults, messages, header = everything(path, **dialect)
    return rows, [(fault.line, fault.reason, fault.row) for fault in faults], messages, header


def read(file: Path, content: bytes | str, **dialect) -> tuple[list, list, list, tuple]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return taken(file, **dialect)


def refused(file: Path, content: bytes | str, error: type[Exception] = DataError, **dialect) -> str:
    with pytest.raises(error) as caught:
        read(file, content, **dialect)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(file.name)
    assert str(file.parent) not in message
    assert "allowed" in message
    return message


# Physical lines, by hand


def test_lines_are_physical_lines_in_spite_of_quoted_line_ends(file):
    rows, faults, messages, header = read(file, 'a,b,c\n1,"x\ny\nz",2\n3,4,5\n6\n7,"8\n",9\n10,11,12')
    assert header == ("a", "b", "c")
    assert rows == [
        (2, ["1", "x\ny\nz", "2"], '1,"x\ny\nz",2'),
        (5, ["3", "4", "5"], "3,4,5"),
        (7, ["7", "8\n", "9"], '7,"8\n",9'),
        (9, ["10", "11", "12"], "10,11,12"),
    ]
    assert faults == [(6, "1 field where the header has 3", "6")]
    assert messages == []


def test_windows_line_ends_are_one_and_stay_within_quotes(file):
    rows, faults, _, header = read(file, b'a,b\r\n1,"x\r\ny"\r\n2,3\r\n')
    assert header == ("a", "b")
    assert rows == [(2, ["1", "x\r\ny"], '1,"x\r\ny"'), (4, ["2", "3"], "2,3")]
    assert faults == []


def test_both_kinds_of_line_end_in_one_file(file):
    rows, faults, _, _ = read(file, b"a,b\n1,2\r\n3,4\n5,6\r\n")
    assert [row[:2] for row in rows] == [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]
    assert faults == []


def test_a_file_whose_lines_end_with_a_carriage_return_alone(file):
    rows, faults, messages, _ = read(file, b'a,b\r1,2\r\r"x\ry",3\r4\r5,6')
    assert rows == [(2, ["1", "2"], "1,2"), (4, ["x\ry", "3"], '"x\ry",3'), (7, ["5", "6"], "5,6")]
    assert faults == [(6, "1 field where the header has 2", "4")]
    assert messages == ["1 blank line skipped (line 3)"]
    clean, _, _, _ = read(file, b"a,b\r1,2\r3,4\r")
    assert clean == [(2, ["1", "2"], "1,2"), (3, ["3", "4"], "3,4")]


def test_a_byte_order_mark_is_no_part_of_the_first_name(file):
    rows, _, _, header = read(file, b"\xef\xbb\xbfa,b\n1,2\n")
    assert header == ("a", "b")
    assert rows == [(2, ["1", "2"], "1,2")]
    _, _, _, quoted = read(file, b'\xef\xbb\xbf"a","b"\n1,2\n')
    assert quoted == ("a", "b")


def test_lines_above_and_records_below_the_header_are_skipped_and_counted(file):
    text = 'Report "of\n\nthe year\na,b\n"what, it\nis",unit\n1,2\n'
    rows, _, messages, header = read(file, text, skip_lines=3, skip_below_header=1)
    assert header == ("a", "b")
    assert rows == [(7, ["1", "2"], "1,2")]
    assert messages == []


def test_names_declared_make_the_first_line_data(file):
    rows, faults, _, header = read(file, "1,2\n3\n", names=("x", "y"))
    assert header == ("x", "y")
    assert rows == [(1, ["1", "2"], "1,2")]
    assert faults == [(2, "1 field where the names declared are 2", "3")]


def test_blank_lines_are_no_records(file):
    rows, _, messages, _ = read(file, "\na,b\n\n1,2\r\n\r\n\n\n,\n\n\n")
    assert [row[:2] for row in rows] == [(4, ["1", "2"]), (8, ["", ""])]
    assert messages == ["7 blank lines skipped (lines 1, 3, 5, 6, 7, …)"]
    _, _, two, _ = read(file, "a,b\n\n1,2\n\n")
    assert two == ["2 blank lines skipped (lines 2 and 4)"]


def test_blank_lines_of_a_file_of_one_column_are_records_if_one_follows(file):
    rows, _, messages, _ = read(file, 'a\n\n1\n\n\n""\n2\n\n\n')
    expected = [
        (2, [""], ""),
        (3, ["1"], "1"),
        (4, [""], ""),
        (5, [""], ""),
        (6, [""], '""'),
        (7, ["2"], "2"),
    ]
    assert rows == expected
    assert messages == [
        "2 blank lines skipped (lines 8 and 9); in a file of one column a blank line is a record with a "
        "blank, but not above the header and after the last record"
    ]
    between, _, none, _ = read(file, "a\n1\n\n2\n")
    assert [row[:2] for row in between] == [(2, ["1"]), (3, [""]), (4, ["2"])]
    assert none == []


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_many_blank_lines_keep_their_places(file, monkeypatch, line_end):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 64)
    monkeypatch.setattr(delimited, "CAREFUL_BYTES", 16)
    monkeypatch.setattr(delimited, "_MOST_CAREFUL", 3)
    monkeypatch.setattr(delimited, "_MOST_BLANK_ROWS", 7)
    blank = line_end * 100
    text = f"{blank}a{line_end}{blank}1{line_end}{blank}"
    rows, faults, messages, _ = read(file, text)
    assert [row[:2] for row in rows] == [(102 + i, [""]) for i in range(100)] + [(202, ["1"])]
    assert faults == []
    assert messages[0].startswith("200 blank lines skipped (lines 1, 2, 3, 4, 5, …)")
    first, _, _, _ = read(file, f"{blank}1{line_end}", names=("a",))  # without a header they come after it
    assert [row[:2] for row in first] == [(1 + i, [""]) for i in range(100)] + [(101, ["1"])]


def test_blank_lines_without_end_above_the_header(file, monkeypatch):
    monkeypatch.setattr(head, "RECORD_LIMIT", 100)
    assert "line 2: more than 0 MiB of blank lines begin here" in refused(
        file, "x" + "\n" * 102 + "a,b\n", skip_lines=1
    )
    rows, _, _, _ = read(file, "x" + "\n" * 101 + "a,b\n1,2\n", skip_lines=1)
    assert rows == [(103, ["1", "2"], "1,2")]


def test_a_header_alone_is_a_table_without_records(file):
    for content in ("a,b", "a,b\n", "a,b\n\n\n", "a,b\r\n"):
        rows, faults, messages, header = read(file, content)
        assert (rows, faults, header) == ([], [], ("a", "b"))
        assert messages[-1] == "no records below the header"


def test_text_stays_as_it_stands(file):
    rows, _, _, _ = read(file, 'a,b\n NA ,null\n\t,"  "\n,""\n-,"say ""hi"""\n5" pipe,a"b"\n')
    fields = [row[1] for row in rows]
    assert fields == [
        [" NA ", "null"],
        ["\t", "  "],
        ["", ""],
        ["-", 'say "hi"'],
        ['5" pipe', 'a"b"'],
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "\x01", "\x1f", "§", "x"])
def test_any_delimiter_declared_is_taken_and_none_is_guessed(file, delimiter):
    d = delimiter
    rows, faults, _, header = read(file, f'a{d}b\n1{d}2\n"3{d}""{d}"{d}4\n5\n', delimiter=d)
    assert header == ("a", "b")
    assert [row[:2] for row in rows] == [(2, ["1", "2"]), (3, [f'3{d}"{d}', "4"])]
    assert [fault[0] for fault in faults] == [4]


def test_tabs_delimit_where_the_name_says_so(tmp_path):
    rows, _, _, header = read(tmp_path / "visits.TSV", "a\tb\n1,5\t2\n")
    assert header == ("a", "b")
    assert rows[0][1] == ["1,5", "2"]
    packed = tmp_path / "visits.tsv.gz"
    packed.write_bytes(gzip.compress(b"a\tb\n1\t2\n"))
    assert taken(packed)[0][0][1] == ["1", "2"]


# Faults of a record


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"1,2", "2 fields where the header has 3"),
        (b"1", "1 field where the header has 3"),
        (b" ", "1 field where the header has 3"),
        (b"1,2,3,4", "4 fields where the header has 3"),
        (b'"1,2",3', "2 fields where the header has 3"),
        (b'1,"2"x,3', "text after the closing quote of a field"),
        (b'1,"2" ,3', "text after the closing quote of a field"),
        (b'"a"b"c",2,3', "text after the closing quote of a field"),
        (b"1,2\x00,3", "a control character (U+0000)"),
        (b"1,2\x7f,3", "a control character (U+007F)"),
        (b'1,"2\x0b",3', "a control character (U+000B)"),
        (b"1,2,3\x1a", "a control character (U+001A)"),
        (b"1,2\xc2\x85,3", "a control character (U+0085)"),
        (b"1,2\r,3", "a carriage return that ends no line"),
        (b"\r1,2,3", "a carriage return that ends no line"),
        (b'1,"2"\r,3', "text after the closing quote of a field"),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_record_at_fault_is_set_aside_alone(file, record, reason, line_end):
    lines = [b"a,b,c", b"1,2,3", record, b'4,"5",6', b""]
    rows, faults, _, _ = read(file, line_end.join(lines))
    assert [row[:2] for row in rows] == [(2, ["1", "2", "3"]), (4, ["4", "5", "6"])]
    assert faults == [(3, reason, record.decode())]


def test_characters_beside_the_control_characters_are_text(file):
    text = "\u00a0\u00bf\u2028\ufeff\u20acé"  # C2 A0 and C2 BF are no control characters
    rows, faults, _, _ = read(file, f"a,b\n{text},2\n")
    assert faults == []
    assert rows[0][1] == [text, "2"]


def test_a_line_within_quotes_that_looks_like_a_record(file):
    text = 'a,b,c\n1,"x\n2,y,3\n4,z",5\n6,7,8\n'
    rows, faults, _, _ = read(file, text)
    assert [row[:2] for row in rows] == [(5, ["6", "7", "8"])]
    line, reason, value = faults[0]
    assert (line, value) == (2, '1,"x\n2,y,3\n4,z",5')
    assert "opens in line 2 is probably not closed: line 3" in reason


@pytest.mark.parametrize(
    ("columns", "record", "looks"),
    [
        # rows swallowed by a pair of stray quotes, from any column to any
        (2, 'A,"North\nB,South\nC,East"', 3),
        (2, '"A,North\nB,South\nC,West\nD",East', 3),
        (3, '1,2,"x\n3,4,y"', 3),
        (3, '1,"2,x\n3,4",y', 3),
        (3, '"1,2,x\n3",4,y', 3),
        (4, '1,A,2026-01-31 10:00:00,"He wrote:\n2,A,2026-01-31 10:00:00,ok"', 3),
        (4, '1,A,2026-01-31 10:00:00,"He ""wrote"":\n2,A,2026-01-31 10:00:00,""ok"""', 3),
        (4, '"Smith, J",A,"2026-01-31,x\n2,A,2026-01-31",ok', 3),
        (4, '1,A,2026,"Dear all,\nwell, who\n2,A,2026,ok\nbye"', 4),
        (4, '1,A,2026,"Dear all,\r\n2,A,2026,ok"', 3),
        (4, '1,A,"multi\nline","He wrote:\n2,A,2026,ok"', 4),
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_a_line_within_quotes_that_looks_like_a_record_is_told(
    file, columns, record, looks, fast, monkeypatch
):
    if not fast:
        monkeypatch.setattr(delimited, "weed_records", lambda *_, **__: None)
    names = ",".join("abcd"[:columns])
    rows, faults, _, _ = read(file, f"{names}\n{record}\n" + f"{'x,' * (columns - 1)}x\n" * 200)
    assert len(rows) == 200
    ((line, reason, row),) = faults
    assert (line, row) == (2, record)
    assert "is probably not closed" in reason
    assert f"line {looks} within it looks like a record" in reason


@pytest.mark.parametrize(
    ("columns", "record"),
    [
        # letters: their lines have commas, but not as many as a record, or not all of them
        (2, '1,"x\nwell, yes\nz"'),
        (2, '1,"Dear all,\nthanks, Bob\nbye, Al"'),
        (2, '1,"Thank you\nKind regards, Bob"'),
        (2, '1,"Dear, all, of, you\nwell, who, else\nbye, Al"'),
        (4, '1,A,2026,"Dear Tom, Al, and Bob,\nwell, this is it, the end\nthanks, Bob"'),
        (4, '1,A,2026,"one, two, three, four, five\none, two, three, four, five, six"'),
        # a field of several lines in front of others
        (3, '"Acme\nInc",b,c'),
        (4, '17,"Dear all\nthanks, Bob",2026-01-31,open'),
        (4, '"Acme, the\nInc, of\nall",b,"c\nd",e'),
        (4, '1,A,2026,"North\rB,A,2026,South\rC,A,2026,East"'),
    ],
)
def test_letters_of_several_lines_are_text(file, columns, record, monkeypatch):
    names = ",".join("abcd"[:columns])
    content = f"{names}\n{record}\n" + f"{'x,' * (columns - 1)}x\n" * 200
    for _ in range(2):
        rows, faults, _, _ = read(file, content)
        assert faults == []
        assert rows[0][1] == next(csv.reader(io.StringIO(record, newline="")))
        monkeypatch.setattr(delimited, "clean_records", lambda *_, **__: None)


@pytest.mark.parametrize(
    ("record", "column", "value", "reason"),
    [
        (b"B,2026-01-31,5\r", "revenue", "5\r", "a carriage return that ends no line"),
        (b"B\r,2026-01-31,5", "customer", "B\r", "a carriage return that ends no line"),
        (b'B,2026-01-31,"5""\x00"', "revenue", '5"\x00', "a control character (U+0000)"),
        (b'"B, b","2026\n",\xc2\x85', "revenue", "\x85", "a control character (U+0085)"),
        (
            b"B\x1b,2026-01-31,5\r",
            "customer",
            "B\x1b",
            "a control character (U+001B); also column 'revenue': a carriage return that ends no line",
        ),
        (b"B\x1b,2026-01-31", None, "B\x1b,2026-01-31", "a control character (U+001B)"),
        (b'B\x1b,"","",""', None, 'B\x1b,"","",""', "a control character (U+001B)"),
        (b'B,"x\x1b","","\x1b"', None, 'B,"x\x1b","","\x1b"', "a control character (U+001B)"),
        (b'B,"","","\x1b"', None, 'B,"","","\x1b"', "a control character (U+001B)"),
    ],
)
def test_the_cell_of_a_fault_is_named(file, record, column, value, reason):
    content = b"customer,date,revenue\r\n" + record + b"\r\n" + b"A,2026-01-31,5\r\n" * 100
    file.write_bytes(content)
    rows, (fault,), _, _ = everything(file)
    row = record.decode()
    assert fault == Fault(line=2, column=column, value=value, reason=reason, row=row)
    assert len(rows) == 100


def test_a_carriage_return_within_quotes_is_text(file):
    n = 3000  # enough for the fast way, of which each record has one
    rows, faults, _, _ = read(file, b"a,b\n" + b'1,"A\rB"\n"\r","x\r\ny\r"\r\n' * n)
    assert faults == []
    assert [fields for _, fields, _ in rows] == [["1", "A\rB"], ["\r", "x\r\ny\r"]] * n
    assert rows[-1] == (1 + 3 * n - 1, ["\r", "x\r\ny\r"], '"\r","x\r\ny\r"')
    mixed, apart, _, _ = read(file, b'a,b\n1,"A\rB"\n1,2\r3\n' + b"1,2\n" * 100)
    assert mixed[0][1] == ["1", "A\rB"]
    assert apart == [(3, "a carriage return that ends no line", "1,2\r3")]


# Faults of the file


@pytest.mark.parametrize(
    ("content", "dialect", "words"),
    [
        (
            "sep=,\na,b\n1,2\n",
            {},
            "line 1: 'sep=,' is the separator line that Excel reads, not the header; allowed is a line with "
            "the columns' names, e.g. customer,date,revenue; declare skip_lines = 1",
        ),
        ("sep=;\na;b\n", {}, 'declare skip_lines = 1 and delimiter = ";"'),
        ('"sep=\t"\na\tb\n', {}, 'declare skip_lines = 1 and delimiter = "\\t"'),
        ("Title\nSEP=|\na|b\n", {"skip_lines": 1}, "line 2: 'SEP=|' is the separator line"),
        ("Title\nSEP=|\na|b\n", {"skip_lines": 1}, 'declare skip_lines = 2 and delimiter = "|"'),
        ("sep=;\na;b\n", {"delimiter": ";"}, "declare skip_lines = 1"),
        ("a\tb\n1\t2\n", {}, "line 1: the header holds tabs where the delimiter is \",\": 'a\\tb'"),
        ("a\tb\n1\t2\n", {}, 'declare delimiter = "\\t"'),
        ("a, EUR\tb\tc\n1\t2\n", {}, 'declare delimiter = "\\t"'),
        ("a;b, c;d\n", {"delimiter": "\t"}, ""),
        ("a;b;c\n1;2;3\n", {}, 'the header holds semicolons where the delimiter is ","'),
        ("a;b;c\n1;2;3\n", {}, 'declare delimiter = ";"'),
        ("a|b\n1|2\n", {}, "the header holds vertical bars"),
        ("\ufeff\ufeffa,b\n1,2\n", {}, "line 1: two byte order marks (U+FEFF) stand before 'a,b'"),
        ('\ufeff\ufeff"a",b\n1,2\n', {}, "two byte order marks"),
        ("\ufeff\ufeff1,2\n", {"names": ("a", "b")}, "two byte order marks"),
    ],
)
def test_what_is_no_header_is_told_with_what_to_declare(file, content, dialect, words):
    if words:
        assert words in refused(file, content, **dialect)
    else:
        assert read(file, content, **dialect)[3] == ("a;b, c;d",)


def test_no_delimiter_is_declared_that_is_in_use(file):
    assert refused(file, "sep=;\na;b\n", delimiter=";").endswith("skip_lines = 1")


@pytest.mark.parametrize(
    ("content", "dialect", "names"),
    [
        ("a;b\n1\n", {"delimiter": ","}, ("a;b",)),
        ('"a;b|c"\n1\n', {}, ("a;b|c",)),
        ("a;b;c,d|e|f\n1,2\n", {}, ("a;b;c", "d|e|f")),
        ("sep=,\na,b\n", {"skip_lines": 1}, ("a", "b")),
        ("\ufeff\ufeffx\na,b\n", {"skip_lines": 1}, ("a", "b")),
        ("sep\n1\n", {}, ("sep",)),
        ("sep=a,b\n1,2\n", {}, ("sep=a", "b")),
    ],
)
def test_names_with_delimiters_in_them(file, content, dialect, names):
    assert read(file, content, **dialect)[3] == names


def test_commas_where_the_name_says_tabs(tmp_path):
    assert 'declare delimiter = ","' in refused(tmp_path / "visits.tsv", "a,b\n1,2\n")


def test_records_of_very_many_fields_are_counted_only(file):
    n = 1 << 18
    for record in (b"x," * n, b'"x",' * n):
        rows, faults, _, _ = read(file, b"a,b\n" + record + b"\n1,2\n")
        assert rows == [(3, ["1", "2"], "1,2")]
        assert faults == [(2, f"{n + 1} fields where the header has 2", record.decode())]
        assert f"{n + 1:,} columns; allowed are 4,096" in refused(file, record + b"\n")


def test_a_quote_that_is_never_closed_refuses_the_file_where_it_opens(file):
    message = refused(file, 'a,b\n1,2\n3,"4\n5,6\n')
    assert "line 3: the quote that opens here is not closed (the file ends within it)" in message
    later = refused(file, 'a,b\n"1\n",2\n"x\ny","4\n5,6\n')
    assert "line 5: the quote that opens here" in later


def test_a_quote_closed_by_the_next_one_refuses_the_file(file):
    message = refused(file, 'a,b\n1,"2\n3,"4"\n5,6\n')
    assert (
        "line 2: the quote that opens here is not closed (text follows the next quote, in line 3)" in message
    )


def test_a_quote_open_for_too_long_is_not_read_to_the_end(file, monkeypatch):
    monkeypatch.setattr(records, "RECORD_LIMIT", 1 << 10)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 8)
    monkeypatch.setattr(delimited, "HEAD_BYTES", 1 << 8)
    read_bytes: list[int] = []
    file.write_text('a,b\n1,"2\n' + "3,4\n" * 10_000_000)
    reader = open_delimited(file, Dialect(), advance=read_bytes.append)
    with pytest.raises(DataError, match=r"line 2: the quote .* goes on for more than"):
        list(reader.batches())
    # the limit, and what is asked of the file at once
    assert sum(read_bytes) < 10 << 20


def test_a_record_that_is_too_long(file, monkeypatch):
    monkeypatch.setattr(records, "RECORD_LIMIT", 100)
    for block in (10, 1000):
        monkeypatch.setattr(delimited, "BLOCK_BYTES", block)
        message = refused(file, "a,b\n1,2\n" + "x" * 200 + ",y\n3,4\n")
        assert "line 3: the record that begins here is longer than allowed" in message
        rows, _, _, _ = read(file, "a,b\n1,2\n" + "x" * 98 + ",y\n3,4\n")
        assert len(rows) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "there is no header, the file is empty"),
        (b"\n\r\n\n", "there is no header"),
        (b"\xef\xbb\xbf", "there is no header"),
        (b'a,"b"c\n1,2\n', "line 1: the header has text after the closing quote"),
        (b"a\x00,b\n1,2\n", "line 1: the header has a control character (U+0000)"),
        (b'a,"b\n1,2\n', "line 1: the quote that opens here is not closed"),
        (b"a,b\r1,2\n3,4\n", "line 1: the header has a carriage return that ends no line"),
    ],
)
def test_headers_that_cannot_be_read(file, content, words):
    assert words in refused(file, content)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("a,", "column 2 of 2 has no name"),
        ("a, ,c", "column 2 of 3 has no name"),
        ("a,b,a", "column 'a' stands twice"),
        ("a,b,A", "column 'A' differs too little from 'a'"),
        ("a,b, a", "column ' a' differs too little from 'a'"),
        ("caf\u00e9,cafe\u0301", "differs too little"),
        ("STRASSE,straße", "differs too little"),
        ('a,"b\nc"', "has control characters or line ends"),
        ("a,b\tc", "has control characters or line ends"),
    ],
)
def test_headers_whose_names_cannot_be_told_apart(file, header, words):
    assert words in refused(file, f"{header}\n1,2\n", ColumnError)
    names = tuple(next(csv.reader(io.StringIO(header))))
    assert words in refused(file, "1,2\n", ColumnError, names=names)


def test_the_most_columns(file):
    names = [f"n{i}" for i in range(4096)]
    rows, _, _, header = read(file, ",".join(names) + "\n" + "," * 4095 + "\n")
    assert len(header) == len(rows[0][1]) == 4096
    assert "4,097 columns; allowed are 4,096" in refused(file, ",".join([*names, "x"]) + "\n")


def test_more_to_skip_than_there_is(file):
    assert "has 2 lines" in refused(file, "a\nb", skip_lines=5)
    assert "there is no header, the file is empty below the lines skipped" in refused(
        file, "a\n", skip_lines=1
    )
    assert "the file has 1;" in refused(file, "a,b\nx,y\n", skip_below_header=2)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", "\x00", "\udc80"])
def test_delimiters_that_are_none(file, delimiter):
    assert "one character" in refused(file, "a,b\n", delimiter=delimiter)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match=r"gone\.csv: there is no such regular file"):
        open_delimited(tmp_path / "gone.csv", Dialect())
    with pytest.raises(NotFoundError):
        open_delimited(tmp_path, Dialect())


def test_a_line_feed_late_in_a_file_of_carriage_returns(file, monkeypatch):
    monkeypatch.setattr(delimited, "HEAD_BYTES", 8)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 8)
    assert "a line ends with \\n where those before" in refused(file, b"a,b\r1,22\r3,4\r5,6\r7,8\n9,0\n")


def test_what_comes_late_is_refused_at_its_line(file, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 8)
    good = "".join(f"{i},é\n" for i in range(2000))
    rows, _, _, _ = read(file, "a,b\n" + good)
    assert rows[-1][:2] == (2001, ["1999", "é"])
    message = refused(file, ("a,b\n" + good).encode() + b"x,\xe4\xf6\n1,2\n")
    assert "line 2002: the bytes E4 are not utf-8" in message


# Batches


def test_a_block_becomes_several_record_batches_whose_rows_keep_their_places(file):
    n = 300_000
    file.write_text("a,b\n" + "".join(f'{i},"text {i}"\n' for i in range(n)))
    (batch,) = open_delimited(file, Dialect()).batches()
    assert batch.columns.num_rows == n
    assert batch.columns["c0"].num_chunks > 2
    assert (batch.line(0), batch.line(n - 1)) == (2, n + 1)
    assert batch.row_text(123_456) == '123456,"text 123456"'
    assert batch.columns.schema == pa.schema([("c0", pa.string()), ("c1", pa.string())])
    for row in (-1, n):
        with pytest.raises(IndexError):
            batch.line(row)
        with pytest.raises(IndexError):
            batch.row_text(row)


@pytest.mark.parametrize("content", ["a\n1\n", 'a\n"1\x01"\n2\n', "a\n\n1\n"])
def test_rows_beyond_a_batch_have_no_place(file, content):
    file.write_text(content)
    for batch in open_delimited(file, Dialect()).batches():
        for row in (-1, batch.columns.num_rows):
            with pytest.raises(IndexError):
                batch.line(row)
            with pytest.raises(IndexError):
                batch.row_text(row)


def test_progress_adds_up_to_the_size_of_the_file(tmp_path):
    content = b"a,b\n" + b"1,2\n" * 100_000
    for name, stored in (("v.csv", content), ("v.csv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(stored)
        steps: list[int] = []
        reader = open_delimited(tmp_path / name, Dialect(), advance=steps.append)
        assert sum(batch.columns.num_rows for batch in reader.batches()) == 100_000
        assert sum(steps) == len(stored)
        assert all(step > 0 for step in steps)


def test_a_reader_can_be_left_in_the_middle(file, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 10)
    file.write_text("a,b\n" + "1,2\n" * 100_000)
    reader = open_delimited(file, Dialect())
    batches = reader.batches()
    first = next(batches)
    batches.close()
    assert first.row_text(0) == "1,2"
    open_delimited(file, Dialect())  # opened for the header only


# Against other readers


def oracle(text: str, delimiter: str, columns: int) -> list | None:
    """Read records as the rules say, character by character; None where the file is refused.

    Each is (line, fields) or (line, None) for one that is set aside. Blank lines are left out. It knows
    files whose lines end with \n or \r\n only, and is slow and plain on purpose.
    """
    found: list[tuple[int, list[str] | None]] = []
    line, place = 1, 0
    while place < len(text):
        start, begun, fields, bad, suspicious, lone = place, line, [], False, False, False
        while True:  # a field
            value = ""
            if text.startswith('"', place):
                place += 1
                while True:
                    if place == len(text):
                        return None
                    if text.startswith('""', place):
                        value, place = value + '"', place + 2
                    elif text[place] == '"':
                        place += 1
                        break
                    else:
                        value, place = value + text[place], place + 1
                suspicious = suspicious or swallows(value, len(fields), delimiter, columns)
                ends = text.startswith((delimiter, "\n", "\r\n"), place) or place == len(text)
                if not ends:
                    if "\n" in text[start:place]:
                        return None
                    bad = True
                    while place < len(text) and text[place] != "\n":
                        place += 1
            else:
                while place < len(text) and text[place] not in (delimiter, "\n"):
                    if text.startswith("\r\n", place):
                        break
                    value, place = value + text[place], place + 1
                lone = lone or "\r" in value
            fields.append(value)
            if place < len(text) and text[place] == delimiter and not (bad and ends is False):
                place += 1
                continue
            break
        record = text[start:place]
        if text.startswith("\r\n", place):
            place += 1
        elif bad and record.endswith("\r") and place < len(text):
            record = record[:-1]
        place += 1
        line += record.count("\n") + 1
        if not record:
            continue
        control = any((ord(c) < 32 and c not in "\r\n\t" + delimiter) or 127 <= ord(c) < 160 for c in record)
        wrong = bad or suspicious or lone or control or len(fields) != columns
        found.append((begun, None if wrong else fields))
    return found


def swallows(value: str, field: int, delimiter: str, columns: int) -> bool:
    """Whether a quoted field looks as if it had swallowed records."""
    first, *inner, last = [line.count(delimiter) for line in value.split("\n")] * (1 + ("\n" not in value))
    if columns < 2 or "\n" not in value:
        return False
    ends_alike = first + field == columns - 1 and last == field
    if columns == 2:
        return ends_alike and bool(inner) and all(count == 1 for count in inner)
    return ends_alike or columns - 1 in [*inner, last]


def outcome(path: Path, columns: int, **dialect) -> list | None:
    """Return what the reader makes of a file in the form of the oracle."""
    try:
        rows, faults, _, _ = taken(path, names=tuple(f"n{i}" for i in range(columns)), **dialect)
    except DataError:
        return None
    found = [row[:2] for row in rows] + [(line, None) for line, _, _ in faults]
    return sorted(found, key=lambda item: item[0])


PIECES = st.sampled_from('a1é,,,\n\n\r"\t\x00\x85 ') | st.sampled_from(
    ["\r\n", '""', '"a"', ',"', '",', '"\n', '\n"', "a,b,c\n", "1,2,3\r\n", '"x","y","z"\n', '1,"2\n3",4\n']
)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@settings(FILES, max_examples=400)
@given(
    text=TEXTS,
    columns=st.integers(2, 4),
    block=st.sampled_from([1, 3, 7, 20, 1 << 20]),
    careful=st.sampled_from([2, 9, 1 << 20]),
)
@example(text='a,b,c\n1,"2"\r,3\n', columns=3, block=1 << 20, careful=9)
@example(text='a,"b\r\n\r\n",c\n,,', columns=3, block=1 << 20, careful=9)
def test_every_text_is_read_as_the_rules_say(tmp_path, text, columns, block, careful):
    assume(text.count("\x00") < 3)  # more of them in so short a text look like UTF-16
    if "\n" not in text and "\r" in text:
        text += "\n"  # the oracle knows no files of carriage returns alone
    path = tmp_path / "fuzz.csv"
    path.write_bytes(text.encode())
    expected = oracle(text, ",", columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block)
        patch.setattr(delimited, "CAREFUL_BYTES", careful)
        assert outcome(path, columns) == expected
        patch.setattr(delimited, "clean_records", lambda *_, **__: None)
        assert outcome(path, columns) == expected
        patch.setattr(delimited, "weed_records", lambda *_, **__: None)
        assert outcome(path, columns) == expected


@settings(FILES, max_examples=300)
@given(
    text=TEXTS,
    columns=st.integers(1, 4),
    block=st.sampled_from([1, 5, 17, 1 << 20]),
    careful=st.sampled_from([2, 9, 1 << 20]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_all_ways_agree_whatever_the_blocks(tmp_path, text, columns, block, careful, line_end):
    path = tmp_path / "fuzz.csv"
    path.write_bytes(text.replace("\r", "").replace("\n", line_end).encode())
    names = tuple(f"n{i}" for i in range(columns))

    def all_of_it() -> object:
        try:
            return everything(path, names=names)
        except DataError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        whole = all_of_it()
        patch.setattr(delimited, "BLOCK_BYTES", block)
        patch.setattr(delimited, "CAREFUL_BYTES", careful)
        assert all_of_it() == whole
        patch.setattr(delimited, "clean_records", lambda *_, **__: None)
        assert all_of_it() == whole
        patch.setattr(delimited, "weed_records", lambda *_, **__: None)
        assert all_of_it() == whole


CELLS = st.text(
    st.sampled_from("ab1é ,;\t\"'\n") | st.characters(exclude_categories=("Cc", "Cs")), max_size=6
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=12)
)


@settings(FILES, max_examples=300)
@given(
    table=TABLES,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    block=st.sampled_from([1, 11, 1 << 20]),
)
def test_what_a_csv_writer_wrote_is_read_back_exactly(tmp_path, table, delimiter, line_end, quoting, block):
    width = len(table[0])
    if width > 1:  # a line within quotes that looks like a record is set aside, as it must be
        table = [[cell.replace("\n", " ") for cell in row] for row in table]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    names = [f"n{i}" for i in range(width)]
    writer.writerows([names, *table])
    path = tmp_path / "written.csv"
    path.write_bytes(written.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCK_BYTES", block)
        rows, faults, _, header = taken(path, delimiter=delimiter)
    assert faults == []
    assert list(header) == names
    assert [fields for _, fields, _ in rows] == table
    line = 2
    for begun, _, text in rows:  # the texts and their places make up the file again
        assert begun == line
        line += text.count("\n") + 1
    assert line_end.join([delimiter.join(names)] * 0 + [text for *_, text in rows]) in written.getvalue()


@settings(FILES, max_examples=300)
@given(
    content=st.lists(
        st.sampled_from([b"a", b",", b"\n", b"\r\n", b"\xe9", b"\xff", b"\x00", b"\xc3\xa9"])
        | st.binary(max_size=4),
        max_size=40,
    ).map(b"".join)
)
def test_any_bytes_are_read_or_refused_and_every_line_is_accounted_for(tmp_path, content):
    path = tmp_path / "bytes.csv"
    path.write_bytes(content)
    try:
        rows, faults, _, header = taken(path)
    except CemlabError as error:
        assert "bytes.csv" in str(error)  # noqa: PT017 - either outcome is right, no other error is
        return
    if b'"' in content or len(header) == 1 or b"\n" not in content:
        return
    lines = [line for line in content.split(b"\n") if line.removesuffix(b"\r")]
    # \r at the very end of the file belongs to no \n and is a record of its own kind
    alone = content.rsplit(b"\n", 1)[-1] == b"\r"
    assert 1 + len(rows) + len(faults) == len(lines) + alone


# Packed files


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_packed_files_are_read_as_plain_ones(tmp_path, ending, monkeypatch):
    text = "a,b\n" + "".join(f'{i},"é {i}"\n' for i in range(5000)) + "bad\n"
    pack = {"gz": gzip.compress, "zst": lambda b: pa.compress(b, codec="zstd", asbytes=True)}[ending]
    plain, packed = tmp_path / "v.csv", tmp_path / f"v.csv.{ending}"
    plain.write_bytes(text.encode())
    packed.write_bytes(pack(text.encode()))
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 10)
    assert taken(packed) == taken(plain)
    packed.write_bytes(pack(text[:100].encode()) + pack(text[100:].encode()))  # two members are one file
    assert taken(packed) == taken(plain)

"""Delimited text: every record is a row or set aside, at its physical line, and no file is half read."""

import csv
import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cemlab.data.intake.plan import Dialect
from cemlab.data.intake.text import delimited, records
from cemlab.data.intake.text.delimited import open_delimited
from cemlab.errors import CemlabError, ColumnError, DataError, NotFoundError

FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "visits.csv"


def taken(path: Path, **dialect) -> tuple[list, list, list, tuple]:
    """Return (line, fields, text) of the rows, (line, reason, value) of the faults, messages, header."""
    reader = open_delimited(path, Dialect(**dialect))
    rows, faults = [], []
    for batch in reader.batches():
        assert batch.columns.column_names == [f"c{i}" for i in range(len(reader.header))]
        assert all(column.null_count == 0 for column in batch.columns.columns)
        values = zip(*[column.to_pylist() for column in batch.columns.columns], strict=True)
        rows += [(batch.line(i), list(fields), batch.row_text(i)) for i, fields in enumerate(values)]
        faults += [(fault.line, fault.reason, fault.value) for fault in batch.faults]
        assert all(fault.column is None and fault.row == fault.value for fault in batch.faults)
    return rows, faults, reader.messages, reader.header


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
    assert messages == ["2 blank lines skipped (lines 8 and 9)"]


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
        (b'1,"2\r",3', "a carriage return that ends no line"),
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
    # with one delimiter a line of prose looks the same: nothing is concluded
    prose, none, _, _ = read(file, 'a,b\n1,"x\nwell, yes\nz"\n')
    assert none == []
    assert prose[0][1] == ["1", "x\nwell, yes\nz"]


# Faults of the file


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
        start, begun, fields, bad = place, line, [], False
        while True:  # a field
            inner: list[str] = []
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
                inner = value.split("\n")[1:-1]
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
            bad = bad or (columns > 2 and any(part.count(delimiter) == columns - 1 for part in inner))
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
        rest = record.replace("\r\n", "")
        control = any((ord(c) < 32 and c not in "\n\t" + delimiter) or 127 <= ord(c) < 160 for c in rest)
        found.append((begun, None if bad or control or len(fields) != columns else fields))
    return found


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

    def everything() -> object:
        try:
            return taken(path, names=names)
        except DataError as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        whole = everything()
        patch.setattr(delimited, "BLOCK_BYTES", block)
        patch.setattr(delimited, "CAREFUL_BYTES", careful)
        assert everything() == whole
        patch.setattr(delimited, "clean_records", lambda *_, **__: None)
        assert everything() == whole
        patch.setattr(delimited, "weed_records", lambda *_, **__: None)
        assert everything() == whole


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
    if width > 2:  # a line within quotes that looks like a record is set aside, as it must be
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

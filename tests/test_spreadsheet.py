"""CSV for spreadsheets: no cell runs, every text can be had back, any reader finds the same cells."""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata

import duckdb
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cemlab.spreadsheet import raw_cell, safe_cell, write_rows

ESCAPED = [
    ("=1+1", "'=1+1"),
    ("+49 170", "'+49 170"),
    ("-1+1", "'-1+1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
    ('=HYPERLINK("https://example.org")', '\'=HYPERLINK("https://example.org")'),
    ("-", "'-"),
    ("-5e3", "'-5e3"),
    ("--5", "'--5"),
    ("-٥", "'-٥"),
    ("-5 ", "'-5 "),
    # after what is passed over
    (" =1", "' =1"),
    ("\u00a0=1", "'\u00a0=1"),
    ("\u200b=1", "'\u200b=1"),
    ("\ufeff=1", "'\ufeff=1"),
    ("\x00=1", "'\x00=1"),
    ('"=1', "'\"=1"),
    ("“=1", "'“=1"),
    # signs that are read as the plain ones
    ("＝1", "'＝1"),
    ("＋1", "'＋1"),
    ("－1", "'－1"),
    ("＠a", "'＠a"),
    ("﹦1", "'﹦1"),
    # an apostrophe of its own
    ("'=1", "''=1"),
    ("''=1", "'''=1"),
    ("'-5", "''-5"),
    # white space that programs take off first
    ("\t=1", "'\t'=1"),
    ("\ta", "'\ta"),
    ("\ra", "'\ra"),
    ("\n", "'\n"),
    (" \ta", "' \ta"),
    ("'\ta", "''\ta"),
    # cells for a program that is set to another separator
    ("a;=1", "a;'=1"),
    ("a; =1", "a;' =1"),
    ("a\n=1\n-2", "a\n'=1\n-2"),
    ("a\r\n+b", "a\r\n'+b"),
    ("a\t@b", "a\t'@b"),
    ("a;'=1", "a;''=1"),
    ("=a;=b", "'=a;'=b"),
]
KEPT = [
    "", "plan A", "-5", "-12.50", "0", "1-2", "a=b", "a-b", "a@b.example", "2024-01-31", "'quoted'", "'",
    "O'Neill", " ", "a\tb", "a\nb", "a;b", "a;-5;b", "-5;-6.5", ";a", "a\n\nb", "x, =1",
    "https://example.org", "Zürich", "€ 5",
]  # fmt: skip

# dense in what matters
TEXTS = st.text(alphabet=st.one_of(st.sampled_from("=+-@'\" ;,\t\r\n＝－15.a\u200b\ufeff"), st.characters()))


@pytest.mark.parametrize(("text", "safe"), ESCAPED, ids=map(repr, (text for text, _ in ESCAPED)))
def test_what_could_run_gets_an_apostrophe(text, safe):
    assert safe_cell(text) == safe
    assert raw_cell(safe) == text


@pytest.mark.parametrize("text", KEPT, ids=map(repr, KEPT))
def test_what_cannot_run_stays(text):
    assert safe_cell(text) == text
    assert raw_cell(text) == text


@given(TEXTS)
@example("'\t'=1")
def test_every_text_can_be_had_back(text):
    assert raw_cell(safe_cell(text)) == text


def begins_a_formula(cell: str) -> bool:
    """As the widest reading has it: white space, what is unseen and plain quotes off, signs made plain."""
    if re.fullmatch(r"-[0-9]+(\.[0-9]+)?", cell):
        return False
    seen = "".join(c for c in cell if unicodedata.category(c) not in ("Cc", "Cf"))
    return unicodedata.normalize("NFKC", seen.lstrip(" \"'").strip()).startswith(("=", "+", "-", "@"))


@given(TEXTS)
def test_no_dangerous_start_remains(text):
    for cell in re.split(r"[;\t\r\n]", safe_cell(text)):
        assert cell.startswith("'") or not begins_a_formula(cell)
    assert not safe_cell(text).startswith(("\t", "\r", "\n"))


def test_every_sign_of_unicode_that_is_read_as_one_of_the_four_is_caught():
    signs = [
        chr(i)
        for i in range(sys.maxunicode + 1)
        if unicodedata.normalize("NFKC", chr(i)).startswith(("=", "+", "-", "@"))
    ]
    assert {"=", "+", "-", "@", "＝", "＋", "－", "＠"} <= set(signs)
    assert all(safe_cell(f"{sign}a") == f"'{sign}a" for sign in signs)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, min_size=1, max_size=4))
@example([""], [""])
@example(["a\rb"], ["a"])
def test_a_reader_finds_the_cells_that_were_written(header, row):
    row = (row * len(header))[: len(header)]
    file = io.StringIO(newline="")
    assert write_rows(file, header, [row, row]) == 2
    text = file.getvalue()
    assert text[0] == "\ufeff"
    assert text.endswith("\n")
    read = list(csv.reader(io.StringIO(text[1:], newline=""), strict=True))
    assert [[raw_cell(cell) for cell in cells] for cells in read] == [header, row, row]


@given(TEXTS)
def test_no_cell_runs_for_a_program_that_is_set_to_semicolons(text):
    file = io.StringIO(newline="")
    write_rows(file, [text, "b"], [["1", text]])
    for line in re.split(r"[\r\n]", file.getvalue()[1:]):
        for cell in line.split(";"):
            # our own first cell begins the line; a quote may, and its apostrophe comes next
            assert re.match(r"\"*'", cell) or not begins_a_formula(cell)


def test_a_file_is_whole_and_can_be_read_by_others(tmp_path):
    path = tmp_path / "quarantine.csv"
    rows = [("7", "=1+1", "Zürich"), ("-12.50", 'a "b", c', "two\nlines")]
    assert write_rows(path, ("line", "@value", "town"), iter(rows)) == 2
    assert path.read_bytes().startswith(b"\xef\xbb\xbf" + b'line,"\'@value",town\n7,"\'=1+1",')
    frame = pd.read_csv(path, dtype=str)
    assert list(frame.columns) == ["line", "'@value", "town"]
    assert list(frame.itertuples(index=False, name=None)) == [
        ("7", "'=1+1", "Zürich"),
        ("-12.50", 'a "b", c', "two\nlines"),
    ]
    found = duckdb.read_csv(str(path), all_varchar=True, header=True).fetchall()
    assert found == list(frame.itertuples(index=False, name=None))
    assert [p.name for p in tmp_path.iterdir()] == ["quarantine.csv"]


def test_an_interrupted_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def rows():
        yield ["1"]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, ["a"], rows())
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_row_of_another_width_is_refused(tmp_path):
    with pytest.raises(ValueError, match="row 2 has 1 values, but there are 2 columns"):
        write_rows(tmp_path / "a.csv", ["a", "b"], [["1", "2"], ["3"]])
    assert list(tmp_path.iterdir()) == []

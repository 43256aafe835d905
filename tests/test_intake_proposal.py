"""The proposed cemlab.toml says what it guessed, why, and what it doubts, and can always be read."""

from __future__ import annotations

import gzip
import os
import re
import tomllib
import unicodedata
from collections import Counter
from pathlib import Path

import hypothesis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from openpyxl import Workbook

from cemlab.data import datasets
from cemlab.data.contract import TABLES, table
from cemlab.data.intake import take_in
from cemlab.data.intake.proposal.dates import date_formats
from cemlab.data.intake.proposal.look import Looked, look, look_at_parquet, look_at_workbook
from cemlab.data.intake.proposal.values import Doubt, Guess, guess
from cemlab.data.intake.proposal.writing import propose, propose_for
from cemlab.data.intake.settings.columns import check_formats
from cemlab.data.intake.settings.file import read_settings
from cemlab.data.intake.settings.keys import Key
from cemlab.data.intake.settings.names import fold, likeness, nearest
from cemlab.data.intake.settings.rules import column_rules
from cemlab.data.intake.settings.toml import comment, comments, shown, toml_key, toml_list, toml_text
from cemlab.errors import DataError
from tests.conftest import needs


def read(folder: Path, text: str):
    path = folder / "cemlab.toml"
    path.write_text(text, encoding="utf-8", newline="")
    return read_settings(path)


def looked(file: str, header: tuple[str, ...], *rows: tuple[str, ...], whole: bool = True) -> Looked:
    columns = {f"c{i}": pa.array([row[i] for row in rows], pa.string()) for i in range(len(header))}
    return Looked(file=file, header=header, records=pa.table(columns), whole=whole, writing={})


def said(text: str) -> str:
    """Return a proposal without its line breaks and comment signs, to look for sentences."""
    return re.sub(r"\s*\n# ", " ", text)


# --- text from data as TOML ------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@given(TEXTS)
def test_any_text_comes_back_from_toml(text):
    line = f"{toml_key(text)} = {toml_text(text)}\nlist = {toml_list([text, text])}"
    assert len(line.splitlines()) == 2  # splitlines knows more line ends than TOML does
    assert tomllib.loads(line) == {text: [text, text] if text == "list" else text, "list": [text, text]}


@given(st.text(max_size=30))
def test_a_comment_cannot_be_ended_by_what_it_holds(text):
    for lines in ([comment(text)], comments(text), [comment(shown(text))]):
        assert all(line.startswith("#") and len(line.splitlines()) == 1 for line in lines)
        assert tomllib.loads("\n".join(lines).encode("utf-8", "strict").decode()) == {}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('a"b\\', r'"a\"b\\"'),
        ("a\r\n\tb", r'"a\r\n\tb"'),
        ("\x00\x7f\x85", r'"\u0000\u007F\u0085"'),
        ("\u202e\u2028\ufeff\u00a0", r'"\u202E\u2028\uFEFF\u00A0"'),
        ("\U000e0001", r'"\U000E0001"'),
        ("Größe 中文", '"Größe 中文"'),
        ("\ud800", '"\ufffd"'),  # half a character is none, in TOML as in UTF-8
    ],
)
def test_unseen_characters_are_written_out(text, written):
    assert toml_text(text) == written


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column", "strength"),
    [
        ("Customer", "customer", 3),
        (" CUSTOMER ", "customer", 3),
        ("Kunden-Nr.", "customer", 2),
        ("KUNDENNUMMER", "customer", 2),
        ("N° client", "customer", 2),
        ("numéro_client", "customer", 2),
        ("Código cliente", "customer", 2),
        ("custommer", "customer", 1),
        ("Datum", "date", 2),
        ("Fecha", "date", 2),
        ("date d'achat", "date", 2),
        ("Umsatz", "revenue", 2),
        ("Chiffre d'affaires", "revenue", 2),
        ("Importe", "revenue", 2),
        ("NETPRO", "nps", 2),
        ("Q1_NPS", "nps", 2),
        ("Frage 3: Weiterempfehlung", "nps", 2),
        ("NPS_GROUP", "nps", 1),
        ("Q1_Snps", "nps", 0),
        ("Q1_Kunde", "customer", 0),
        ("ResponseId", "customer", 1),
        ("Weiterempfehlung", "nps", 2),
        ("Kündigungsgrund", "cause", 2),
        ("Motif résiliation", "cause", 2),
        ("Fecha baja", "exit", 2),
        ("Vertragsbeginn", "entry", 2),
        ("colour", "customer", 0),
        ("", "customer", 0),
        ("%%", "date", 0),
    ],
)
def test_names_in_four_languages(name, column, strength):
    (entry,) = {c for t in TABLES.values() for c in t.columns if c.name == column and t.name in HOME[column]}
    assert likeness(name, entry)[0] == strength


HOME = {
    "customer": ("transactions",), "date": ("transactions",), "revenue": ("transactions",),
     "nps": ("surveys",),
    "cause": ("subscriptions",), "exit": ("subscriptions",), "entry": ("subscriptions",),
}  # fmt: skip


def test_the_nearest_name_is_the_surest():
    column = table("transactions").column("customer")
    assert nearest(column, ["custommer", "client", "Customer"]) == (
        "Customer",
        "the same name but for capitals, spaces and signs",
    )
    assert nearest(column, ["custommer"]) == ("custommer", "spelt much like 'customer'")
    assert nearest(column, ["x"]) is None


def test_every_name_we_know_is_written_as_names_are_compared():
    from cemlab.data.intake.settings import names

    columns = {c.name for t in TABLES.values() for c in t.columns}
    assert set(names._COLUMNS) <= columns
    assert set(names._TABLES) <= set(TABLES)
    for words in (*names._COLUMNS.values(), *names._TABLES.values()):
        every = words.split()
        assert [fold(word) for word in every] in (every, [word.replace("_", "") for word in every])
        assert len(set(every)) == len(every)


# --- dates -----------------------------------------------------------------------------------------

DATES = [
    (["03/04/2026"] * 688 + ["31/12/2025"] * 212, ("%d/%m/%Y",), "212 of 900 dates decide for day-first"),
    (["03/04/2026", "12/31/2025"], ("%m/%d/%Y",), "1 of 2 dates decide for month-first"),
    (["31.01.25"], ("%d.%m.%y",), "1 of 1 dates decide for day-first"),
    (["1/31/2025", "10/1/2025"], ("%-m/%-d/%Y",), "month-first"),
    (["1/31/2025", "02/01/2025"], ("%m/%d/%Y", "%-m/%d/%Y"), "month-first"),
    (["1/31/2025 8:26", "2/28/2025 9:00"], ("%-m/%d/%Y %-H:%M",), "month-first"),
    (["20250131"], ("%Y%m%d",), 'such as "20250131"'),
    (["2025/01/31"], ("%Y/%m/%d",), "such as"),
    (["2025-1-31"], ("%Y-%-m-%d",), "such as"),
    (["2025-01-31 10:00:00"], ("%Y-%m-%d %H:%M:%S",), "such as"),
    (["2025-01-31", "31.01.2025"], ("%Y-%m-%d", "%d.%m.%Y"), "day-first"),
    (["2025-01-31"], (), ""),
]


@pytest.mark.parametrize(("values", "formats", "reason"), DATES)
def test_formats_of_dates_are_told_by_those_that_decide(values, formats, reason):
    found = date_formats(Counter(values), "date")
    assert found.formats == formats
    assert reason in " ".join(found.reasons)
    assert not found.either


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["03/04/2026", "04/04/2026"], "none of 2 dates decides, all numbers are 12 or less"),
        (["31/12/2025", "12/31/2025", "1/1/2025"], "two ways are mixed"),
    ],
)
def test_where_nothing_decides_both_formats_are_asked_about(values, words):
    found = date_formats(Counter(values), "date")
    assert found.formats == ()
    assert len(found.either) == 2
    first, second = (question for question, _ in found.either)
    assert words in first
    assert "is the first number the day or the month?" in first
    assert first.endswith("if the day is first:")
    assert second == "or, if the month is first:"  # the question is asked once
    assert [formats[0].replace("-", "")[:2] for _, formats in found.either] == ["%d", "%m"]


def test_times_in_iso_need_no_format():
    assert date_formats(Counter(["2025-01-31 10:00:00", "2025-01-31T10:00"]), "time").formats == ()


def test_what_is_no_date_is_counted():
    found = date_formats(Counter(["Jan 2025", "45678", "x"]), "date")
    assert found.other.total() == 3


@given(
    st.lists(st.dates(), min_size=1, max_size=20),
    st.sampled_from(["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y%m%d", "%d-%m-%Y %H:%M"]),
)
def test_formats_that_are_guessed_are_allowed_and_never_wrong_when_sure(days, written):
    days = [day.replace(year=2000 + day.year % 30) for day in days if (day.month, day.day) != (2, 29)]
    found = date_formats(Counter(day.strftime(written) for day in days), "date")
    for formats in (found.formats, *(formats for _, formats in found.either)):
        check_formats(formats, Key("x"))
    if days and not found.either:
        assert found.formats in ((written,), ())
        assert (found.formats == ()) == (written == "%Y-%m-%d")
    if found.either:
        assert (written,) in [formats for _, formats in found.either]


@pytest.mark.parametrize(
    "value", ["99.99.9999", "00.00.0000", "13.13.2024", "45.03.2024", "31.00.2024", "9999-99-99", "99999999"]
)
def test_what_can_be_no_date_decides_nothing(value):
    found = date_formats(Counter({value: 28, "03.04.2026": 2, "31.12.2025": 1}), "date")
    assert found.formats == ("%d.%m.%Y",)
    assert found.reasons == ("1 of 3 dates decide for day-first (first number above 12), 0 against",)
    assert found.never == {value: 28}


# --- other values ----------------------------------------------------------------------------------


def guessed(name: str, column: str, values: list[str]) -> Guess:
    entry = table(name).column(column)
    assert entry is not None
    return guess(entry, values)


def asked(found: Guess) -> str:
    return " | ".join(doubt.question for doubt in found.doubts)


NUMBERS = [
    (["12.50", "3"], {}),
    (["12,50", "3"], {"decimal": ","}),
    (["1.234,56", "12,50"], {"decimal": ",", "thousands": "."}),
    (["1,234.56"], {"decimal": ".", "thousands": ","}),
    (["1,234,567"], {"decimal": ".", "thousands": ","}),
    (["1 234,56"], {"decimal": ",", "thousands": " "}),
    (["1\u202f234,56"], {"decimal": ",", "thousands": "\u202f"}),
    (["1\u00a0234,56"], {"decimal": ",", "thousands": "\u00a0"}),
    (["1'234.56"], {"decimal": ".", "thousands": "'"}),
    (["12,50", "1.234"], {"decimal": ",", "thousands": "."}),
]


@pytest.mark.parametrize(("values", "keys"), NUMBERS)
def test_marks_of_numbers(values, keys):
    found = guessed("transactions", "revenue", values)
    assert found.keys == keys
    assert not found.doubts


@pytest.mark.parametrize(
    ("values", "words", "answers"),
    [
        (["1,234"], "is the comma the decimal mark, or does it part thousands? Nothing decides",
         [{"decimal": ","}, {"thousands": ","}]),
        (["1.234", "5.678"], "every point has three digits behind it", [{"decimal": ",", "thousands": "."}]),
        (["12,50", "12.5"], '"12.5" has a point as its decimal mark', [{}]),
        (["€ 12", "1e3", "5"], 'no number: "€ 12" 1 ×, "1e3" 1 ×; such rows will be set aside', [{}]),
        (["NA", "5"], '"NA" stands in 1 value: does it mean that there is no value?', [{"missing": ("NA",)}]),
        (["-1", "5", "7"], '"-1" stands in 1 value', [{"missing": ("-1",)}]),
        (["99", "1", "5", "5"], '"99" stands in 1 value', [{"missing": ("99",)}]),
    ],
)  # fmt: skip
def test_doubts_about_numbers(values, words, answers):
    found = guessed("transactions", "revenue", values)
    assert words in asked(found)
    assert [dict(doubt.keys) for doubt in found.doubts] == answers


def test_codes_among_values_of_their_size_are_values():
    assert not guessed("transactions", "revenue", ["-1", "-3", "98", "99", "100"]).doubts


def test_codes_beyond_a_scale_are_asked_about():
    found = guessed("surveys", "nps", ["0", "10", "11", "11", "98"])
    assert found.keys == {}  # the contract itself holds the scale
    assert '"11" stands in 2 values' in asked(found)
    assert '"98" stands in 1 value' in asked(found)


def test_placeholders_are_asked_about_and_slips_are_told():
    found = guessed("transactions", "date", ["31.12.2025"] * 3 + ["99.99.9999"] * 2 + ["45.45.2024"])
    assert found.keys == {"formats": ("%d.%m.%Y",)}
    asks, tells = found.doubts
    question = '"99.99.9999" is no date and stands in 2 values: does it mean that there is no value?'
    assert asks == Doubt(question=question, keys={"missing": ("99.99.9999",)})
    assert 'no date that numbers tell: "45.45.2024" 1 ×' in tells.question


def test_far_dates_are_asked_about():
    found = guessed("subscriptions", "exit", ["2025-01-31", "9999-12-31", "9999-12-31"])
    assert found.doubts == (
        Doubt(
            question='"9999-12-31" stands in 2 values: does it mean that there is no value?',
            keys={"missing": ("9999-12-31",)},
        ),
    )
    # it decides nothing about day and month either
    assert guessed("subscriptions", "exit", ["31/12/9999", "01/02/2025"]).keys == {}


def test_identifiers_that_were_numbers():
    assert guessed("transactions", "customer", ["17850.0", "", "13047.0"]).keys == {"remove_suffix": ".0"}
    mixed = guessed("transactions", "customer", ["17850.0", "A7"])
    assert mixed.keys == {}
    assert '1 value of 2 end in ".0"' in asked(mixed)
    assert '"NA" stands in 1 value' in asked(guessed("transactions", "customer", ["NA", "7"]))


def test_spaces_around_values():
    found = guessed("transactions", "units", [" 5", "6"])
    assert found.keys == {"trim": True}
    assert found.reasons == ('1 value with spaces around them, e.g. " 5"',)
    assert guessed("transactions", "category", [" shoes"]).keys == {}


def test_a_missing_code_with_spaces_is_named_as_it_stands():
    (doubt,) = guessed("transactions", "units", [" NA", "NA", "5"]).doubts
    assert doubt.keys == {"missing": (" NA", "NA")}


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        (["Ja", "Nein"], {"values": {"Ja": "true", "Nein": "false"}}),
        (["oui", "non", "oui"], {"values": {"oui": "true", "non": "false"}}),
        (["true", "0"], {}),
    ],
)
def test_words_for_true_and_false(values, keys):
    assert guessed("contacts", "resolved", values).keys == keys


def test_words_that_are_neither():
    found = guessed("contacts", "resolved", ["maybe", "Ja"])
    assert found.keys == {}
    assert 'neither true nor false: "maybe" 1 ×, "Ja" 1 ×' in asked(found)


def test_causes():
    assert guessed("subscriptions", "cause", ["Price", "none"]).keys == {"values": {"Price": "price"}}
    (doubt,) = guessed("subscriptions", "cause", ["Yes", "No", "No"]).doubts
    assert doubt.keys == {"values": {"No": "none", "Yes": "unknown"}}
    assert '"No" 2 ×, "Yes" 1 ×: if yes means that the customer left' in doubt.question
    (doubt,) = guessed("subscriptions", "cause", ["too dear"]).doubts
    assert "none of none, competitor, price, moved, deceased, unknown" in doubt.question
    assert "fill in for each … what it means" in doubt.question
    assert doubt.keys == {"values": {"too dear": "…"}}  # nothing that could be taken unread


def test_a_column_whose_values_do_not_fit_its_name():
    assert guessed("surveys", "date", ["25", "7", "x"]).unfit
    assert not guessed("surveys", "date", ["2025-01-31", "x"]).unfit


# --- looking at files ------------------------------------------------------------------------------

ROWS = "customer;date;revenue\nA1;31.01.2025;1,50\nA2;01.02.2025;2,25\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_plain_file_needs_nothing_declared(tmp_path):
    found = look(write(tmp_path, "transactions.csv", "customer,date\nA1,2025-01-31\n"))
    assert (found.header, found.whole, found.writing) == (("customer", "date"), True, {})
    assert found.records.to_pylist() == [{"c0": "A1", "c1": "2025-01-31"}]
    assert not found.reasons
    assert not found.doubts


def test_the_delimiter_is_told_by_lines_that_agree(tmp_path):
    found = look(write(tmp_path, "x.csv", ROWS))
    assert found.writing == {"delimiter": ";"}
    assert found.reasons == ("delimiter ';': with it 3 of the first 3 lines have the same number of fields",)
    assert look(write(tmp_path, "x.csv", ROWS.replace(";", "\t"))).writing == {"delimiter": "\t"}
    assert look(write(tmp_path, "x.tsv", ROWS.replace(";", "\t"))).writing == {}
    assert look(write(tmp_path, "x.csv", 'a,b\n"x;y;z",1\n"u;v;w",2\n')).writing == {}


@pytest.mark.parametrize("rows", [3, 250, 3000])
@pytest.mark.parametrize("title", ["", "Umsatz 2024, Stand heute\n\n"])
def test_a_decimal_comma_in_every_line_is_no_delimiter(tmp_path, rows, title):
    lines = "".join(f"{i};1{i % 10}.03.2024;{i},50\n" for i in range(rows))
    found = look(write(tmp_path, "x.csv", title + "Kundennummer;Buchungsdatum;Nettoumsatz\n" + lines))
    assert found.header == ("Kundennummer", "Buchungsdatum", "Nettoumsatz")
    assert found.writing["delimiter"] == ";"
    # the blank line below the title is passed over like any blank line
    assert found.writing.get("skip_lines", 0) == (1 if title else 0)
    assert found.records.num_rows == rows


def test_of_two_delimiters_that_fit_the_header_decides_then_the_columns(tmp_path):
    # some lines have one mark more; the comma is in all of them but not in the header
    broken = "a;b;c\n" + "1;2;3,5\n" * 90 + "1;2;x;3,5\n" * 9
    assert look(write(tmp_path, "x.csv", broken)).header == ("a", "b", "c")
    assert look(write(tmp_path, "x.csv", "a;b, net;c\n1;2,5;3\n")).header == ("a", "b, net", "c")


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings(tmp_path, encoding, declared):
    found = look(write(tmp_path, "x.csv", "Straße,Preis\nMüllerweg,5 €\n".encode(encoding)))
    assert found.header == ("Straße", "Preis")
    assert found.records.column("c1").to_pylist() == ["5 €"]
    assert found.writing == ({} if declared is None else {"encoding": declared})


def test_encodings_that_cannot_be_told(tmp_path):
    found = look(write(tmp_path, "x.csv", "a,b\nMüller,ß\n".encode("latin-1")))
    assert found.writing == {"encoding": "cp1252"}
    assert "cp1252 and iso-8859-1 read it alike" in found.doubts[0]
    assert "Müller" in found.doubts[0]
    found = look(write(tmp_path, "x.csv", "a,b\nMüller,ß\n".encode("cp850")))  # ü is 0x81 there
    assert found.writing == {"encoding": "iso8859-1"}
    assert "ask how the file was written" in found.doubts[0]


def test_the_header_may_stand_below_a_title(tmp_path):
    text = "Sales of 2025\n\nby Miller\ncustomer,date\nA1,2025-01-31\nA2,2025-01-31\nA3,2025-01-31\n"
    found = look(write(tmp_path, "x.csv", text))
    assert found.header == ("customer", "date")
    assert found.writing == {"skip_lines": 3}
    assert found.records.num_rows == 3


def test_a_title_may_be_filled_up_with_blanks(tmp_path):
    found = look(write(tmp_path, "x.csv", "Customers,,\ncustomer,region,type\nA1,north,x\nA2,south,y\n"))
    assert found.header == ("customer", "region", "type")
    assert found.writing == {"skip_lines": 1}


def book(folder: Path, name: str, *rows: list[object]) -> Path:
    made = Workbook()
    for row in rows:
        made.active.append(row)
    made.save(folder / name)
    return folder / name


def test_a_workbook_with_a_title(tmp_path):
    header = ["Kundennummer", "Ort", "Segment"]
    rows = [["0007", "Köln", "A"], ["0008", "Bonn", None], ["0009", None, "B"]]
    found = look_at_workbook(book(tmp_path, "Kunden.xlsx", ["Kundenliste Stand heute"], [], header, *rows))
    assert found.header == tuple(header)
    assert found.writing == {"skip_lines": 2}
    text = propose([found])
    assert "\n[tables.customers]\n" in text
    assert '\ncustomer = "Kundennummer"\n' in text
    (tmp_path / "cemlab.toml").write_text(text, encoding="utf-8")
    (taken,) = take_in(tmp_path).files
    assert (taken.verdict, taken.records) == ("accept", 3)


def test_rows_of_a_sheet_that_are_no_titles(tmp_path):
    plain = book(tmp_path, "a.xlsx", ["customer", "x"], ["A", "b"], ["C", "d"])
    assert look_at_workbook(plain).writing == {}
    # a column without a name is a fault of the header, which must not be passed over
    nameless = book(tmp_path, "b.xlsx", ["customer", "x", "y"], ["A", "b", "c", "e"], ["B", "c", "d", "e"])
    assert look_at_workbook(nameless).header == ("customer", "x", "y")
    asked = book(tmp_path, "c.xlsx", ["p01", "p02"], ["How?", "Why?"], *[[1, 2]] * 3)
    found = look_at_workbook(asked)
    assert found.writing == {"skip_below_header": 1}
    assert found.records.num_rows == 3


def test_explanations_below_the_header(tmp_path):
    found = look(write(tmp_path, "x.csv", "p01,p02,x\nHow was it?,And this?,y\n1,2,z\n3,4,z\n5,,z\n"))
    assert found.writing == {"skip_below_header": 1}
    assert found.records.num_rows == 3


def test_a_file_without_a_header(tmp_path):
    found = look(write(tmp_path, "x.csv", "A1,2025-01-31\nA2,2025-01-31\n"))
    assert found.header == ()
    assert "no line could be told to be the header" in found.doubts[0]


def test_only_the_beginning_is_looked_at_and_it_says_so(tmp_path):
    line = "A1,2025-01-31," + "x" * 85 + "\n"  # 100 bytes
    found = look(write(tmp_path, "transactions.csv", "customer,date,note\n" + line * 20_000))
    assert not found.whole
    assert found.records.num_rows == (2**20 - 19) // 100
    text = said(propose([found]))
    assert (
        f"looked at the first {found.records.num_rows:,} records only: what comes later was not seen" in text
    )


def test_packed_files(tmp_path):
    assert look(write(tmp_path, "x.csv.gz", gzip.compress(ROWS.encode()))).header == (
        "customer",
        "date",
        "revenue",
    )
    packed = pa.Codec("zstd").compress(ROWS.encode(), asbytes=True)
    assert look(write(tmp_path, "x.csv.zst", packed)).records.num_rows == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv.gz", b"not gzip at all"),
        ("x.csv.gz", gzip.compress(ROWS.encode() * 100, mtime=0)[:-20]),
        ("x.csv.zst", b"not zst at all"),
    ],
)
def test_damaged_files(tmp_path, name, content):
    with pytest.raises(DataError, match="cannot be looked at; it is damaged") as e:
        look(write(tmp_path, name, content))
    assert name in str(e.value)


def test_what_is_no_text(tmp_path):
    with pytest.raises(DataError, match="it is no text"):
        look(write(tmp_path, "x.csv", bytes(range(256)) * 20))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(DataError, match="no regular file"):
        look(tmp_path / "x.csv")
    assert propose_for(tmp_path) == ""


def test_workbooks_and_parquet_files(tmp_path):
    book = Workbook()
    for row in (["Kundennummer", "Datum", "Umsatz"], ["A1", "31.01.2025", 1.5]):
        book.active.append(row)
    book.save(tmp_path / "umsatz.xlsx")
    found = look_at_workbook(tmp_path / "umsatz.xlsx")
    assert found.header == ("Kundennummer", "Datum", "Umsatz")
    assert found.records.to_pylist() == [{"c0": "A1", "c1": "31.01.2025", "c2": "1.5"}]
    pq.write_table(pa.table({"Kundennummer": [1]}), tmp_path / "kunden.parquet")
    assert look_at_parquet(tmp_path / "kunden.parquet").header == ("Kundennummer",)
    text = propose_for(tmp_path)
    assert 'date = { from = "Datum", formats = ["%d.%m.%Y"] }' in text
    assert "looked at the names of its columns only" in said(text)
    write(tmp_path, "kunden.parquet", b"PAR1")
    with pytest.raises(DataError, match="no Parquet file, or damaged"):
        look_at_parquet(tmp_path / "kunden.parquet")


# --- the proposal ----------------------------------------------------------------------------------


def test_a_german_extract(tmp_path):
    write(tmp_path, "Umsatz 2025.csv", "Kundennummer;Buchungsdatum;Umsatz;Filialname;Menge\n".encode("cp1252")
          + "17850.0;31.01.2025;1.234,50;Köln – Süd;2\n".encode("cp1252")
          + b"17851.0;01.02.2025;12,00;Bonn;1\n")  # fmt: skip
    text = propose_for(tmp_path)
    settings = read(tmp_path, text).tables["transactions"]
    assert settings.files == ("Umsatz 2025.csv",)
    assert (settings.dialect.encoding, settings.dialect.delimiter) == ("cp1252", ";")
    assert settings.columns == {
        "customer": {"form": "id", "source": "Kundennummer", "remove_suffix": ".0"},
        "date": {"form": "date", "source": "Buchungsdatum", "formats": ("%d.%m.%Y",)},
        "units": {"form": "integer", "source": "Menge"},
        "revenue": {"form": "money", "source": "Umsatz", "decimal": ",", "thousands": "."},
    }
    assert 'kept as text under their own names: "Filialname"' in text
    header = ("Kundennummer", "Buchungsdatum", "Umsatz", "Filialname", "Menge")
    made = column_rules(table("transactions"), settings, header, time_zone=None, where="x")
    assert [rule.name for rule in made] == ["customer", "date", "units", "revenue", "Filialname"]


def test_doubts_stand_in_comments_with_the_line_that_answers_them(tmp_path):
    write(tmp_path, "transactions.csv", "customer,date,revenue\nA,03/04/2026,1\nB,04/04/2026,NA\n")
    text = propose_for(tmp_path)
    assert "is the first number the day or the month? none of 2 dates decides" in said(text)
    assert '\n# date = { formats = ["%d/%m/%Y"] }\n' in text
    assert '\n# date = { formats = ["%m/%d/%Y"] }\n' in text
    assert '\n# revenue = { missing = ["NA"] }\n' in text
    assert read(tmp_path, text).tables["transactions"].columns == {}


def test_every_line_that_is_offered_can_be_taken(tmp_path):
    write(tmp_path, "transactions.csv",
     "customer,date,Menge,Preis,Umsatz,units\n7.0,03/04/2026,1,2,\"1,234\",-1\n"
          "A,04/04/2026,98,NA,x,5\n")  # fmt: skip
    write(tmp_path, "surveys.csv", "customer,nps\nA,11\nB,9\n")
    write(tmp_path, "churn.csv", "customerID,tenure,Churn\nA,1,Yes\nB,2,No\n")
    text = propose_for(tmp_path)
    lines = text.split("\n")
    offered = [i for i, line in enumerate(lines) if re.match(r"# [a-z_]+ = ", line)]
    assert len(offered) >= 12
    for i in offered:
        key = lines[i][2:].split(" = ")[0]
        start = max(j for j in range(i) if lines[j].startswith("["))
        end = next((j for j in range(i, len(lines)) if lines[j].startswith("[")), len(lines))
        taken = [
            line[2:] if j == i else "" if start < j < end and line.startswith(f"{key} = ") else line
            for j, line in enumerate(lines)
        ]
        read(tmp_path, "\n".join(taken))


def test_revenue_as_a_product(tmp_path):
    without = looked(
        "transactions.csv", ("customer", "date", "Quantity", "UnitPrice"), ("A", "2025-01-31", "2", "1.5")
    )
    text = propose([without])
    assert '\nrevenue = { multiply = ["Quantity", "UnitPrice"] }\n' in text
    assert "not found" not in text
    both = looked(
        "transactions.csv",
        ("customer", "date", "qty", "price", "revenue"),
        ("A", "2025-01-31", "2", "1", "2"),
    )
    text = propose([both])
    assert "doubt: is revenue perhaps" in text
    assert '\n# revenue = { multiply = ["qty", "price"] }\n' in text


def test_what_the_table_needs_and_is_not_found():
    text = propose([looked("surveys.csv", ("customer", "nps"), ("A", "9"), ("", "7"))])
    assert "not found, but the table needs it: responded" in text
    assert "\n# responded = { constant = true }\n" in text
    assert "1 of 2 are blank; the table needs 'customer'" in text
    text = propose([looked("subscriptions.csv", ("customer", "cause"), ("A", "none"))])
    assert "not found, but the table needs it: entry or duration" in text


def test_of_two_columns_that_may_be_one_the_other_files_decide():
    sales = looked("umsatz.csv", ("Kundennummer", "Datum", "Umsatz"),
                   *[(str(i), "2025-01-31", "1") for i in range(5)])  # fmt: skip
    by_name = looked("umfrage.csv", ("Kundenkennung", "Kundennummer", "responded"), ("x", "y", "1"))
    text = propose([sales, by_name])
    assert '\ncustomer = "Kundennummer"\n' in text.split("[tables.surveys.columns]")[1]
    assert 'doubt: customer may also be "Kundenkennung"' in said(text)
    assert '\n# customer = "Kundenkennung"\n' in text
    by_value = looked("umfrage.csv", ("Mitgliedsnummer", "KdNr", "responded"),
                      *[(str(100 + i), str(i), "1") for i in range(4)])  # fmt: skip
    text = propose([sales, by_value]).split("[tables.surveys.columns]")[1]
    assert '\ncustomer = "KdNr"\n' in text
    assert '\n# customer = "Mitgliedsnummer"\n' in text


def test_where_nothing_decides_between_two_columns_none_is_in_force(tmp_path):
    header = ("KdNr", "Mitgliedsnummer", "Bestelldatum", "Rechnungsdatum", "revenue")
    text = propose([looked("umsatz.csv", header, ("1", "2", "2025-01-30", "2025-01-31", "3"))])
    assert 'doubt: which of "KdNr", "Mitgliedsnummer" is \'customer\'? Nothing decides' in said(text)
    assert '\n# customer = "KdNr"\n' in text
    assert '\n# customer = "Mitgliedsnummer"\n' in text
    assert "\n# date = " in text
    assert read(tmp_path, text).tables["transactions"].columns == {}
    # values that are no dates take a column out
    text = propose([looked("umsatz.csv", header, ("1", "2", "no", "2025-01-31", "3"))])
    assert '\ndate = "Rechnungsdatum"\n' in text
    assert "Bestelldatum" not in text.split("kept as text")[0].split("columns]")[1]


def test_the_number_of_an_answer_is_not_the_customer_unseen():
    rows = ("R1", "7", "1")
    text = propose([looked("umfrage.csv", ("ResponseId", "Kundennummer", "responded"), rows)])
    assert '\ncustomer = "Kundennummer"\n' in text
    assert 'kept as text under their own names: "ResponseId"' in text
    text = propose([looked("umfrage.csv", ("ResponseId", "nps", "responded"), rows)])
    assert "doubt: do the other files know each customer by the same number?" in said(text)
    assert '\n# customer = "ResponseId"\n' in text
    assert "\ncustomer = " not in text


def test_blank_causes_of_spells_that_go_on_are_none(tmp_path):
    header = "Kundennummer;Beginn;Ende;Kündigungsgrund\n"
    rows = "A;2024-01-01;;\nB;2024-01-01;2024-05-01;3\n"
    write(tmp_path, "Verträge.csv", header + rows)
    text = propose_for(tmp_path)
    assert '\ncause = { from = "Kündigungsgrund", values = { "" = "none" } }\n' in text
    assert "all 1 blanks stand on spells without an end" in said(text)
    line = 'cause = { from = "Kündigungsgrund", values = { "" = "none", 3 = "…" } }'
    assert f"\n# {line}\n" in text
    assert "will be set aside" not in text
    filled = re.sub("\ncause = .*", "", text).replace(f"# {line}", line.replace("…", "price"))
    (tmp_path / "cemlab.toml").write_text(filled, encoding="utf-8")
    (taken,) = take_in(tmp_path).files
    assert (taken.verdict, taken.records, taken.accepted) == ("accept", 2, 2)
    # one that stands on a spell with an end is unknown, which nobody has said
    write(tmp_path, "Verträge.csv", header + rows + "C;2024-01-01;2024-06-01;\n")
    text = propose_for(tmp_path)
    assert '"" = ' not in text
    assert "2 of 3 are blank; the table needs 'cause'" in text


def test_spells_that_may_overlap(tmp_path):
    header = ("customer", "entry", "exit", "cause")
    rows = [("A", "2024-01-01", "", "none"), ("A", "2024-02-01", "", "none"), ("B", "2024-01-01", "", "none")]
    text = propose([looked("subscriptions.csv", header, *rows)])
    rule = 'rules = [{ rule = "no-overlap", by = "customer", columns = ["entry", "exit"] }]'
    assert "1 of 2 customers have several spells" in said(text)
    assert f"\n# {rule}\n" in text
    (taken,) = read(tmp_path, text.replace(f"# {rule}", rule)).tables["subscriptions"].rules
    assert (taken.rule, taken.by, taken.columns) == ("no-overlap", "customer", ("entry", "exit"))
    without = propose([looked("subscriptions.csv", ("customer", "duration", "cause"), ("A", "1", "none"))])
    assert "no-overlap" not in without


SALES = ("Belegnummer", "Datum", "Kundennummer", "Umsatz")
LINES = [("R1", "2024-01-31", "7", "5"), ("R2", "2024-01-31", "8", "7"), ("S2", "2024-02-01", "8", "-7")]


@pytest.mark.parametrize("word", ["Summe", "GESAMT:", "Grand Total", "Subtotal"])
def test_a_line_of_totals(tmp_path, word):
    text = propose([looked("umsatz.csv", SALES, *LINES, (word, "", "", "5"))])
    assert f'the last record has "{word}" in "Belegnummer" but nothing in "Kundennummer"' in said(text)
    line = f'leave_out = [{{ column = "Belegnummer", equals = "{word}", reason = "totals line" }}]'
    assert f"\n# {line}\n" in text
    (entry,) = read(tmp_path, text.replace(f"# {line}", line)).tables["transactions"].filters
    assert (entry.column, entry.comparison, entry.value, entry.keep) == ("Belegnummer", "equals", word, False)


def test_what_is_no_line_of_totals():
    for files in (
        [looked("umsatz.csv", SALES, *LINES, ("Summe", "2024-01-31", "7", "5"))],  # a customer's
        [looked("umsatz.csv", SALES, ("Summe", "", "", "5"), *LINES)],  # not the last one
        [looked("umsatz.csv", SALES, *LINES, ("R9", "", "", "5"))],
        [looked("umsatz.csv", SALES, *LINES, ("Summe", "", "", "5"), whole=False)],  # nobody saw the last
        [looked("umsatz.csv", SALES)],
    ):
        assert "leave_out" not in propose(files).split("[tables.transactions]")[1].split("README")[0]


def test_cancellations_are_told_and_stay():
    text = said(propose([looked("umsatz.csv", SALES, *LINES, ("Summe", "", "", "5"))]))
    assert '1 of 3 values of "Umsatz" are negative, and only their "Belegnummer" begins with "S"' in text
    both = propose([looked("umsatz.csv", SALES, *LINES, ("S3", "2024-01-31", "7", "5"))])
    assert "negative" not in both
    assert "negative" not in propose([looked("umsatz.csv", SALES, *LINES[:2])])


def test_names_of_files_may_have_letters_and_accents_apart(tmp_path):
    header, row = ("Kundennummer", "Kündigungsgrund"), ("A", "none")
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "Verträge.csv")
        text = propose([looked(name, tuple(unicodedata.normalize(form, n) for n in header), row)])
        settings = read(tmp_path, text).tables["subscriptions"]
        assert settings.files == (name,)  # as it stands in the folder
        assert set(settings.columns) == {"customer", "cause"}


def test_a_table_that_only_the_name_of_the_file_tells():
    text = propose([looked("Kunden.csv", ("a", "b"), ("1", "2"))])
    assert '"Kunden.csv": which table is it?' in text
    assert "\n# [tables.customers]\n" in text
    assert "\n# [tables.…]\n" in propose([looked("x.csv", ("a", "b"), ("1", "2"))])


def test_a_mapping_that_does_not_fit_is_only_offered():
    text = propose([looked("surveys.csv", ("customer", "responded", "INTDATE"), ("A", "1", "25"))])
    assert "most of its values do not" in text
    assert '\n# date = "INTDATE"\n' in text
    assert '\ndate = "INTDATE"' not in text


def test_which_table():
    header = ("customer", "date", "revenue")
    named = propose([looked("ventes_2025.csv", header, ("A", "2025-01-31", "1"))])
    assert "its name says so; found: customer, date, revenue" in named
    by_columns = propose([looked("export.csv", header, ("A", "2025-01-31", "1"))])
    assert "[tables.transactions]" in by_columns
    assert "its columns fit best" in by_columns
    assert "[tables.surveys]" in propose([looked("customer_survey.csv", ("customer", "x"), ("A", "1"))])
    nowhere = propose([looked("export.csv", ("a", "b"), ("1", "2"))])
    assert '"export.csv": which table is it? Its columns: "a", "b"' in nowhere


def test_several_files_of_one_table():
    header = ("Kunde", "Datum", "Umsatz")
    alike = [looked(f"umsatz {year}.csv", header, ("A", "2025-01-31", "1")) for year in (2024, 2025)]
    other = looked("umsatz 2026.csv", ("client", "date", "CA"), ("A", "2026-01-31", "1"))
    text = propose([*alike, other])
    assert '\nfiles = ["umsatz 2024.csv", "umsatz 2025.csv"]\n' in text
    assert 'doubt: it is written otherwise than "umsatz 2024.csv"' in said(text)


def test_files_that_settings_cannot_name(tmp_path):
    header, row = ("customer", "date", "revenue"), ("A", "2025-01-31", "1")
    text = propose(
        [looked(name, header, row) for name in ("a*.csv", "_x.csv", "a\nb.csv", "transactions\t.csv")]
    )
    assert said(text).count("has a name that settings cannot give") == 4
    assert read(tmp_path, text).tables == {}


def test_a_folder_without_files_and_files_that_cannot_be_looked_at(tmp_path):
    assert propose_for(tmp_path) == ""
    write(tmp_path, "_own.csv", ROWS)
    write(tmp_path, "notes.txt", ROWS)
    assert propose_for(tmp_path) == ""
    write(tmp_path, "x.csv.gz", b"no")
    text = propose_for(tmp_path)
    assert "not looked at: x.csv.gz cannot be looked at" in text
    read(tmp_path, text)


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "transactions.csv").symlink_to(write(tmp_path, "secret.csv", ROWS))
    assert propose_for(folder) == ""


HOSTILE = st.one_of(
    st.text(max_size=15),
    st.sampled_from(
        [
            "customer", "Kunde", "Datum", "date", "Umsatz", "revenue", "cause", "nps", "responded",
     "Menge", "Preis",
            '"]', "\n[company]\nname = 'x'", "# x", "a\x00b", "\u202ex", "'''", '"""', "\\", "{}", "NA",
     "1,234",
            "31.01.2025", "03/04/2026", "99", "1e5", "17850.0", "cemlab_record", "\ud800", "=1+1", "\r",
     "\x7f",
        ]
    ),
)  # fmt: skip


# the first drawing of a text reads tables of characters, which is slow on a busy computer
@hypothesis.settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(data=st.data())
def test_any_names_and_values_give_a_file_that_can_be_read(tmp_path_factory, data):
    files = []
    for _ in range(data.draw(st.integers(1, 3))):
        header = data.draw(st.lists(HOSTILE, min_size=1, max_size=6))
        stem = data.draw(st.sampled_from([*TABLES, "umsatz", "x"]) | HOSTILE)
        # Arrow holds no half characters, so values never have them; names might
        value = HOSTILE.filter(lambda text: not re.search("[\ud800-\udfff]", text))
        rows = data.draw(st.lists(st.tuples(*[value] * len(header)), max_size=4))
        files.append(looked(f"{stem}.csv", tuple(header), *rows, whole=data.draw(st.booleans())))
    text = propose(files)
    settings = read(tmp_path_factory.mktemp("any"), text)
    assert settings.name is None  # nothing in the data wrote a setting of its own
    assert "\r" not in text


@hypothesis.settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(raw=st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_can_be_looked_at(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("any")
    write(folder, "transactions.csv", raw)
    read(folder, propose_for(folder))


# --- real files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("online_retail", ['customer = { from = "CustomerID", remove_suffix = ".0" }',
                           'revenue = { multiply = ["Quantity", "UnitPrice"] }',
                           'date = { from = "InvoiceDate", formats = ["%Y-%m-%d %H:%M:%S"] }']),
        ("telco", ['duration = "tenure"', '# cause = { from = "Churn", values = { No = "none", '
                   'Yes = "unknown" } }']),
        ("sfo_2017", ['# nps = { from = "NETPRO", missing = ["11"] }']),
    ],
)  # fmt: skip
def test_real_files(tmp_path, name, lines):
    needs(name)
    text = propose([look(datasets.raw_file(name, download=False))])
    for line in lines:
        assert f"\n{line}\n" in text
    read(tmp_path, text)

"""cemlab.toml is read strictly: what it says is taken as it stands, and what is not understood is named."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import get_args

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from cemlab.data.contract import FORMS, TABLES, table
from cemlab.data.intake.plan import (
    ColumnRule,
    Comparison,
    Dialect,
    Filter,
    RowRule,
    Settings,
    TableRule,
    TableSettings,
)
from cemlab.data.intake.settings import columns as settings_columns
from cemlab.data.intake.settings import file as module
from cemlab.data.intake.settings.columns import check_formats
from cemlab.data.intake.settings.file import read_settings, settings_beside
from cemlab.data.intake.settings.keys import Key
from cemlab.data.intake.settings.rules import column_rules, overlooked
from cemlab.data.intake.settings.toml import toml_key, toml_text
from cemlab.errors import CemlabError, ColumnError, DataError, NotFoundError, OptionError
from cemlab.places import bundled


@pytest.fixture
def read(tmp_path):
    def parsed(text: str) -> Settings:
        path = tmp_path / "cemlab.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return read_settings(path)

    return parsed


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "\r" not in text
    return text


# --- what it says is taken as it stands ------------------------------------------------------------

WHOLE = """
[company]
name = "Halden"
currency = "EUR"
duration_unit = "months"
as_of = 2025-12-31
time_zone = "Europe/Berlin"

[folder]
leave_alone = ["*.bak.csv"]

[tables.transactions]
files = ["Umsatz 2024.csv", "Umsatz 2025.csv.gz"]
encoding = "cp1252"
delimiter = ";"
skip_lines = 2
skip_below_header = 1
sheet = "Data"
max_unpacked_bytes = 10_000_000_000
decimal = ","
thousands = "."
formats = ["%d.%m.%Y"]
missing = ["NA", 98, 9999-12-31]
trim = true

[tables.transactions.columns]
customer = "Kundennummer"
date = { from = "Datum", formats = ["%-d.%-m.%y %H:%M:%S"], minimum = 2020-01-01, maximum = "2025-12-31" }
revenue = { multiply = ["Quantity", "UnitPrice"] }
units = { minimum = -3, maximum = 1_000, remove_suffix = ".0", trim = false }
category = { values = { A = "shoes", "" = "none", B = true, C = 7 } }
channel = { constant = "web" }
p01 = { form = "integer", required = true, allowed = ["1", 2] }
bought = { from = "When", form = "time", time_zone = "UTC", maximum = 2025-12-31T23:59:59 }
rate = { form = "number", minimum = 1e-3, maximum = 1e3, decimal = ".", thousands = "" }

[[tables.transactions.leave_out]]
column = "InvoiceNo"
starts_with = "C"
reason = "cancelled order"

[[tables.transactions.leave_out]]
column = "Quantity"
at_most = 0
reason = "nothing bought"

[[tables.transactions.keep_only]]
column = "term"
blank = true
reason = "term was not blank"

[[tables.transactions.keep_only]]
column = "suburb"
one_of = ["Merton", 3]
reason = "another city"

[tables.subscriptions]
names = ["customer", "cause", "entry", "exit"]
[[tables.subscriptions.rules]]
rule = "no-overlap"
by = "customer"
columns = ["entry", "exit"]
[[tables.subscriptions.rules]]
rule = "ordered"
columns = ["entry", "exit"]
strict = true
[[tables.subscriptions.rules]]
rule = "one-event"
by = "customer"
columns = ["entry", "cause"]
no_event = "none yet"
[[tables.subscriptions.rules]]
rule = "unique"
columns = ["customer", "entry"]
"""


def test_everything_that_can_be_said_is_taken(read):
    settings = read(WHOLE)
    said = settings.tables["transactions"]
    assert (settings.name, settings.currency, settings.duration_unit) == ("Halden", "EUR", "months")
    assert (settings.as_of, settings.time_zone) == (date(2025, 12, 31), "Europe/Berlin")
    assert settings.leave_alone == ("*.bak.csv",)
    assert said.files == ("Umsatz 2024.csv", "Umsatz 2025.csv.gz")
    assert said.dialect == Dialect(
        encoding="cp1252",
        delimiter=";",
        skip_lines=2,
        skip_below_header=1,
        sheet="Data",
        max_unpacked_bytes=10_000_000_000,
    )
    assert said.defaults == {
        "decimal": ",",
        "thousands": ".",
        "formats": ("%d.%m.%Y",),
        "missing": ("NA", "98", "9999-12-31"),
        "trim": True,
    }
    assert said.columns == {
        "customer": {"form": "id", "source": "Kundennummer"},
        "date": {
            "form": "date",
            "source": "Datum",
            "formats": ("%-d.%-m.%y %H:%M:%S",),
            "minimum": "2020-01-01",
            "maximum": "2025-12-31",
        },
        "revenue": {"form": "money", "multiply": ("Quantity", "UnitPrice")},
        "units": {
            "form": "integer",
            "minimum": "-3",
            "maximum": "1000",
            "remove_suffix": ".0",
            "trim": False,
        },
        "category": {"form": "text", "values": {"A": "shoes", "": "none", "B": "true", "C": "7"}},
        "channel": {"form": "text", "constant": "web"},
        "p01": {"form": "integer", "required": True, "allowed": ("1", "2")},
        "bought": {"form": "time", "source": "When", "time_zone": "UTC", "maximum": "2025-12-31 23:59:59"},
        "rate": {"form": "number", "minimum": "0.001", "maximum": "1000.0", "decimal": ".", "thousands": ""},
    }
    assert said.filters == (
        Filter(column="InvoiceNo", comparison="starts_with", value="C", reason="cancelled order"),
        Filter(column="Quantity", comparison="at_most", value=0.0, reason="nothing bought"),
        Filter(column="term", comparison="blank", value=True, reason="term was not blank", keep=True),
        Filter(column="suburb", comparison="one_of", value=("Merton", "3"), reason="another city", keep=True),
    )
    spells = settings.tables["subscriptions"]
    assert spells.dialect == Dialect(names=("customer", "cause", "entry", "exit"))
    assert spells.rules == (
        TableRule(rule="no-overlap", columns=("entry", "exit"), by="customer"),
        TableRule(rule="ordered", columns=("entry", "exit"), strict=True),
        TableRule(rule="one-event", columns=("entry", "cause"), by="customer", no_event="none yet"),
        TableRule(rule="unique", columns=("customer", "entry")),
    )


def test_the_reference_explains_every_key_and_its_example_is_read(read):
    page = (bundled("data") / "README.md").read_text(encoding="utf-8")
    section = page.split("## cemlab.toml\n")[1].split("\n## ")[0]
    (example,) = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)
    assert set(read(example).tables) == {"transactions", "surveys", "subscriptions"}
    keys = {*module._TABLE_KEYS, *settings_columns.COLUMN_KEYS, *get_args(Comparison), *get_args(RowRule)}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", section)] == []


def test_an_empty_file_says_nothing(read):
    assert read("") == Settings()
    assert read("\ufeff# only a remark, with a byte order mark\r\n") == Settings()


def test_a_constant_flag_may_be_written_either_way(read):
    for written in ("true", '"true"'):
        columns = (
            read(f"[tables.surveys.columns]\nresponded = {{ constant = {written} }}")
            .tables["surveys"]
            .columns
        )
        assert columns == {"responded": {"form": "flag", "constant": "true"}}


def test_encodings_have_one_spelling(read):
    for written, name in (
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("latin-1", "iso8859-1"),
        ("CP1252", "cp1252"),
    ):
        assert read(f'[tables.surveys]\nencoding = "{written}"').tables["surveys"].dialect.encoding == name


# --- the file itself -------------------------------------------------------------------------------


def test_no_settings_beside_the_data_say_nothing(tmp_path):
    assert settings_beside(tmp_path) == Settings()


def test_settings_beside_the_data_are_read(tmp_path):
    (tmp_path / "cemlab.toml").write_text('[company]\nname = "Halden"\n')
    assert settings_beside(tmp_path).name == "Halden"


@pytest.mark.parametrize("name", ["cemlab.toml.txt", "CEMLAB.toml", "Cemlab.TOML.txt"])
def test_a_name_that_was_meant_for_it_is_not_passed_over(tmp_path, name):
    (tmp_path / name).write_text('[company]\nname = "Halden"\n')
    with pytest.raises(DataError, match="settings are read from cemlab") as e:
        settings_beside(tmp_path)
    assert name in one_line(e)


def test_no_such_file(tmp_path):
    with pytest.raises(NotFoundError, match=r"no file cemlab\.toml") as e:
        read_settings(tmp_path / "cemlab.toml")
    assert str(tmp_path) not in one_line(e)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "cemlab.toml")
    with pytest.raises(DataError, match="no regular file"):
        settings_beside(tmp_path)


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "cemlab.toml").mkdir()
    with pytest.raises(DataError, match="no regular file"):
        settings_beside(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    inside, outside = tmp_path / "data", tmp_path / "other.toml"
    inside.mkdir()
    outside.write_text('[company]\nname = "other"\n')
    for target in (outside, tmp_path / "nowhere", inside / "cemlab.toml"):
        link = inside / "cemlab.toml"
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with pytest.raises(DataError, match="leads out of the folder or nowhere"):
            settings_beside(inside)


def test_a_link_within_the_folder_is_followed(tmp_path):
    (tmp_path / "_ours.toml").write_text('[company]\nname = "Halden"\n')
    (tmp_path / "cemlab.toml").symlink_to("_ours.toml")
    assert settings_beside(tmp_path).name == "Halden"


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "cemlab.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(DataError, match="larger than 1 MiB"):
        settings_beside(tmp_path)
    (tmp_path / "cemlab.toml").write_bytes(b"#" * 2**20)
    assert settings_beside(tmp_path) == Settings()


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "cemlab.toml").write_text("")

    def refused(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_settings(tmp_path / "cemlab.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[company]\nname = "a"\nname = "b"\n', "line 3: no TOML"),
        ("[company]\nname = Halden\n", "line 2: no TOML"),
        ("[company]\nname\n", "line 2: no TOML"),
        ('[company]\n\nname = "a', "line 3: no TOML"),
        ("[company]\nas_of = 2025-02-31\n", "line 2: no TOML"),
        ("a = " + "[" * 50_000, "no TOML that can be read"),
        ("a = " + "9" * 5_000, "no TOML that can be read"),
    ],
)
def test_what_is_no_toml_is_named_by_line(read, text, words):
    with pytest.raises(DataError, match=words) as e:
        read(text)
    assert one_line(e).startswith("cemlab.toml")


def test_another_encoding_is_named_by_line(tmp_path):
    (tmp_path / "cemlab.toml").write_bytes('[company]\nname = "Müller"\n'.encode("cp1252"))
    with pytest.raises(DataError, match="line 2: not UTF-8; save the file as UTF-8"):
        settings_beside(tmp_path)


# --- what is not understood ------------------------------------------------------------------------

TABLE = "[tables.transactions]\n"
COLUMNS = "[tables.transactions.columns]\n"
REFUSED = [
    # names
    ("[compny]", "cemlab.toml: no key named 'compny'; did you mean 'company'?"),
    ("[company]\nnames = 'x'", "cemlab.toml, company: no key named 'names'; did you mean 'name'?"),
    ("[folder]\nskip = ['x']", "cemlab.toml, folder: no key named 'skip'; there are: leave_alone"),
    ("[tables.transaction]", "tables: no key named 'transaction'; did you mean 'transactions'?"),
    (TABLE + "file = ['x']", "cemlab.toml, tables.transactions: no key named 'file'; did you mean 'files'?"),
    (COLUMNS + "date = { format = ['%Y'] }", "tables.transactions.columns.date: no key named 'format'"),
    (COLUMNS + "date = { source = 'Datum' }", "columns.date: no key named 'source'"),
    (f'["a\\nb{"c" * 200}"]', "cemlab.toml: no key named 'a\\n"),
    # kinds of values
    ("company = 1", "cemlab.toml, company: the number 1 stands here; allowed is a table, written [company]"),
    ("[tables]\ntransactions = []", "a list stands here; allowed is a table"),
    ("[company]\nname = 1", "cemlab.toml, company.name: the number 1 is no text; allowed is text in quotes"),
    ("[company]\nname = ' '", "company.name: the text is blank"),
    ('[company]\nname = "a\\nb"', "'a\\nb' holds a control character"),
    ("[company]\ncurrency = '€'", "company.currency: '€' is not allowed; allowed are three capitals"),
    ("[company]\nduration_unit = 'month'", "no unit of duration named 'month'; did you mean 'months'?"),
    ("[company]\nduration_unit = 3", "no unit of duration named 'the number 3'"),
    ("[company]\nas_of = 2025-12-31T10:00:00", "company.as_of: 2025-12-31 10:00:00 is no day"),
    ("[company]\nas_of = '31.12.2025'", "'31.12.2025' is no day; allowed is a date, e.g. 2025-12-31"),
    ("[company]\nas_of = '2025-02-31'", "'2025-02-31' is no day"),
    ("[company]\ntime_zone = 'Europe/Berln'", "no time zone named 'Europe/Berln'; did you mean "
     "'Europe/Berlin'?"),
    ("[company]\ntime_zone = 'Europe'", "no time zone named 'Europe'"),
    ("[company]\ntime_zone = '/etc/passwd'", "no time zone named '/etc/passwd'"),
    ("[company]\ntime_zone = '../../x'", "no time zone named '../../x'"),
    ("[folder]\nleave_alone = 'x'", "folder.leave_alone: 'x' is no list"),
    ("[folder]\nleave_alone = []", "folder.leave_alone: the list is empty"),
    ("[folder]\nleave_alone = ['a', 'a']", "'a' stands twice in the list"),
    ("[folder]\nleave_alone = ['sub/*.csv']", "'sub/*.csv' holds a slash"),
    ("[folder]\nleave_alone = [1]", "folder.leave_alone: the number 1 is no text"),
    # files and how they are written
    (TABLE + "files = ['../x.csv']", "tables.transactions.files: '../x.csv' is a path"),
    (TABLE + "files = ['a\\b.csv']", "is a path"),
    (TABLE + "files = ['..']", "'..' is a path"),
    (TABLE + "files = ['_x.csv']", "begins with '_': such files are left alone"),
    (TABLE + "files = ['x*.csv']", "'x*.csv' is a pattern; name each file by itself"),
    (TABLE + "encoding = 'cp125'", "tables.transactions.encoding: no encoding named 'cp125'; allowed "
     "are e.g. utf-8"),
    (TABLE + "encoding = 'rot13'", "no encoding named 'rot13'"),
    (TABLE + "encoding = 'base64'", "no encoding named 'base64'"),
    (TABLE + "encoding = 'utf-7'", "no encoding named 'utf-7'"),
    (TABLE + "encoding = 'idna'", "no encoding named 'idna'"),
    (TABLE + "encoding = 'unicode_escape'", "no encoding named 'unicode_escape'"),
    *[(TABLE + f"delimiter = {mark}", "is no delimiter; allowed is one character")
      for mark in ("''", "';;'", "'\"'", '"\'"', "' '", "'a'", "'7'", r'"\n"', r'"\r"', r'"\u0000"', "1")],
    (TABLE + "skip_lines = -1", "skip_lines: the number -1 is not allowed; allowed is a whole number from 0"),
    (TABLE + "skip_lines = '2'", "skip_lines: '2' is not allowed; allowed is a whole number, without quotes"),
    (TABLE + "skip_lines = true", "skip_lines: true is not allowed"),
    (TABLE + "max_unpacked_bytes = 0", "allowed is a whole number from 1"),
    (TABLE + "names = ['a', 'a']", "tables.transactions.names: 'a' stands twice"),
    (TABLE + "names = ['a']\nskip_below_header = 1", "a file with names has no header"),
    (TABLE + "sheet = ''", "tables.transactions.sheet: the text is blank"),
    (TABLE + "decimal = ';'", "decimal: ';' is no decimal mark; allowed is \".\" or \",\""),
    (TABLE + "decimal = 1", "the number 1 is no decimal mark"),
    (TABLE + "thousands = 'x'", "'x' is no thousands mark"),
    (TABLE + "decimal = ','\nthousands = ','", "',' would be both the decimal mark and the thousands mark"),
    (TABLE + "thousands = '.'", "'.' would be both"),
    (TABLE + "decimal = ','\nthousands = '.'\n" + COLUMNS + "revenue = { decimal = '.' }",
     "columns.revenue: '.' would be both"),
    (TABLE + "trim = 1", "trim: the number 1 is not allowed; allowed is true or false"),
    (TABLE + "missing = [98.0]", "the number 98.0 can be written in several ways; put it in quotes"),
    (TABLE + "missing = [true]", "true can be written in several ways"),
    (TABLE + "missing = [98, '98']", "'98' stands twice"),
    (TABLE + "missing = '98'", "missing: '98' is no list"),
    # columns
    (COLUMNS + "date = 3", "columns.date: the number 3 stands here; allowed is a table"),
    (COLUMNS + "'Kunden Nr' = 'x'", "columns.'Kunden Nr': a column of a table is named in small letters"),
    (COLUMNS + "'Kunden Nr' = 'x'", "e.g. kunden_nr"),
    (COLUMNS + "'7' = 'x'", "e.g. column_7"),
    (COLUMNS + "cemlab_record = { form = 'text' }", "this name is used by cemlab itself"),
    (COLUMNS + "datum = 'Datum'", "no column in the table 'transactions' named 'datum'; did you mean "
     "'date'?"),
    (COLUMNS + "colour = {}", "a further column of your own needs a form"),
    (COLUMNS + "colour = { form = 'string' }", "columns.colour.form: no form named 'string'"),
    (COLUMNS + "colour = { form = 1 }", "no form named 'the number 1'"),
    (COLUMNS + "revenue = { form = 'number' }", "the data contract has 'revenue' as money; take the "
     "form out"),
    (COLUMNS + "revenue = { required = false }", "the data contract requires this column"),
    (COLUMNS + "revenue = { required = 'yes' }", "'yes' is not allowed; allowed is true or false"),
    (COLUMNS + "date = { from = 'a', constant = 2025-01-01 }", "from and constant stand together"),
    (COLUMNS + "revenue = { from = 'a', multiply = ['a', 'b'] }", "from and multiply stand together"),
    (COLUMNS + "revenue = { multiply = ['a', 'b', 'c'] }", "the list has 3 names; allowed are two columns"),
    (COLUMNS + "revenue = { multiply = ['a', 'a'] }", "'a' stands twice"),
    (COLUMNS + "category = { multiply = ['a', 'b'] }", "form is text; multiply is for the forms integer"),
    (COLUMNS + "revenue = { multiply = ['a', 'b'], values = { x = '1' } }", "no meaning beside multiply"),
    (COLUMNS + "category = { constant = 'x', missing = ['x'] }", "category.missing: it has no meaning "
     "beside constant"),
    (COLUMNS + "units = { constant = 1.5 }", "'1.5' is not allowed; the column's form is integer"),
    (COLUMNS + "category = { constant = '' }", "is blank or holds a control character"),
    (COLUMNS + "category = { constant = [1] }", "a list stands here; allowed is a number, a date"),
    (COLUMNS + "category = { values = {} }", "values: the table is empty"),
    (COLUMNS + "category = { values = { 'a b' = [] } }", "values.'a b': a list stands here"),
    (COLUMNS + "category = { formats = ['%Y-%m-%d'] }", "form is text; formats is for the forms date, time"),
    (COLUMNS + "category = { decimal = ',' }", "decimal is for the forms integer, number, money, share"),
    (COLUMNS + "category = { minimum = 1 }", "minimum is for the forms"),
    (COLUMNS + "date = { time_zone = 'UTC' }", "the column's form is date; time_zone is for the forms time"),
    (COLUMNS + "date = { minimum = 2025-01-01T00:00:00 }", "the column's form is date: a date, e.g. "
     "2025-12-31"),
    (COLUMNS + "date = { minimum = '2025-02-31' }", "'2025-02-31' does not exist"),
    (COLUMNS + "date = { minimum = 2025-12-31, maximum = 2025-01-01 }", "is above the maximum 2025-01-01"),
    (COLUMNS + "units = { minimum = 10, maximum = 9 }", "the minimum 10 is above the maximum 9"),
    (COLUMNS + "revenue = { minimum = 0.00001 }", "'0.00001' is not allowed; the column's form is money"),
    (COLUMNS + "revenue = { maximum = inf }", "is not finite"),
    (COLUMNS + "revenue = { maximum = '1.000,00' }", "'1.000,00' is not allowed"),
    (COLUMNS + "revenue = { maximum = 12:00:00 }", "12:00:00 stands here"),
    (COLUMNS + "t = { form = 'time', maximum = 2025-12-31 }", "form is time: a time, e.g. 2025-12-31 "
     "23:59:59"),
    (COLUMNS + "t = { form = 'time', maximum = 2025-12-31T23:00:00Z }", "has an offset"),
    (COLUMNS + "remove = { form = 'id', remove_suffix = '' }", "remove_suffix: the text is blank"),
    ("[tables.subscriptions.columns]\ncause = { allowed = ['price', 'bored'] }",
     "cause.allowed: no value of 'cause' named 'bored'; did you mean 'moved'? There are: none"),
    ("[tables.subscriptions.columns]\ncause = { constant = 'bored' }", "no value allowed here named 'bored'"),
    ("[tables.subscriptions.columns]\ncause = { allowed = ['price'], constant = 'moved' }",
     "no value allowed here named 'moved'"),
    # filters
    ("[tables.transactions]\nleave_out = { column = 'x' }", "allowed are tables, each written "
     "[[tables.transactions.leave_out]]"),
    *[(f"[[tables.transactions.{kind}]]\n{text}", f"tables.transactions.{kind}[1]{words}")
      for kind in ("leave_out", "keep_only") for text, words in (
        ("equals = 'a'\nreason = 'r'", ": column is missing"),
        ("column = 'a'\nequals = 'a'", ": reason is missing"),
        ("column = 'a'\nreason = 'r'", ": there is no comparison; a filter has exactly one of equals, "
     "one_of"),
        ("column = 'a'\nreason = 'r'\nequals = 'a'\nblank = true", ": equals and blank stand together"),
        ("column = 'a'\nreason = 'r'\nequal = 'a'", ": no key named 'equal'; did you mean 'equals'?"),
        ("column = 'a'\nreason = 'r'\nequals = ''", ".equals: \"\" is not allowed; for blanks write "
     "blank = true"),
        ("column = 'a'\nreason = 'r'\nstarts_with = ['C']", ".starts_with: a list can be written"),
        ("column = 'a'\nreason = 'r'\none_of = 'a'", ".one_of: 'a' is no list"),
        ("column = 'a'\nreason = 'r'\nbelow = '0'", ".below: '0' is not allowed; allowed is a number"),
        ("column = 'a'\nreason = 'r'\nat_least = nan", ".at_least: the number nan is not allowed"),
        ("column = 'a'\nreason = 'r'\nabove = 1e300", ".above: a huge number is not allowed"),
        ("column = 'a'\nreason = 'r'\nblank = 'yes'", ".blank: 'yes' is not allowed"),
        ("column = ''\nreason = 'r'\nblank = true", ".column: the text is blank"),
      )],
    # rules
    *[(f"[[tables.subscriptions.rules]]\n{text}", f"tables.subscriptions.rules[1]{words}")
      for text, words in (
        ("columns = ['a']", ": rule is missing"),
        ("rule = 'unique'", ": columns is missing"),
        ("rule = 'uniqe'\ncolumns = ['a']", ".rule: no rule named 'uniqe'; did you mean 'unique'?"),
        ("rule = 'ordered'\ncolumns = ['a']", ".columns: the list has 1 names; the rule 'ordered' takes 2"),
        ("rule = 'no-overlap'\ncolumns = ['a', 'b']", ": by is missing"),
        ("rule = 'unique'\ncolumns = ['a']\nby = 'c'", ".by: the rule 'unique' has no by"),
        ("rule = 'stays-on'\ncolumns = ['a', 'b']\nby = 'b'", ".by: 'b' stands among the columns too"),
        ("rule = 'unique'\ncolumns = ['a']\nstrict = true", ".strict: the rule 'unique' has no strict"),
        ("rule = 'ordered'\ncolumns = ['a', 'b']\nno_event = 'x'", ".no_event: the rule 'ordered' has "
     "no no_event"),
        ("rule = 'ordered'\ncolumns = ['a', 'a']", ".columns: 'a' stands twice"),
    )],
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_not_understood_is_named(read, text, words):
    with pytest.raises(OptionError) as e:
        read(text)
    message = one_line(e)
    assert message.startswith("cemlab.toml")
    assert words in message
    assert len(message) < 700  # values are cut, lists are short


def test_a_computer_without_time_zones_says_what_to_install(read, monkeypatch):
    monkeypatch.setattr(settings_columns, "_is_zone", lambda name: False)
    monkeypatch.setattr(settings_columns, "available_timezones", set)
    with pytest.raises(OptionError, match="install the Python package tzdata"):
        read("[company]\ntime_zone = 'UTC'")


@pytest.mark.parametrize(
    "entry", ["%Y-%m-%d", "%d.%m.%Y", "%-m/%-d/%y", "%Y%m%d", "%m/%d/%Y %-H:%M", "%Y-%m-%dT%H:%MZ"]
)
def test_formats_that_can_be_told_apart(entry):
    assert check_formats((entry,), Key("x")) == (entry,)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("%d.%m", "names the year 0 times"),
        ("%d.%m.%Y %y", "names the year twice"),
        ("%d.%Y", "names the month 0 times"),
        ("%d/%-d/%m/%Y", "names the day twice"),
        ("%d %b %Y", "has the sign '%b'"),
        ("%Y-%m-%d %H:%M:%S.%f", "has the sign '%f'"),
        ("%Y-%m-%d%", "has the sign '%'"),
        ("%Y-%m-%d%%", "has the sign '%%'"),
        ("%Y-%m-%d%-", "has the sign '%-'"),
        ("%-Y-%m-%d", "has the sign '%-Y'"),
        ("%dXX%m%Y", "holds 'X'"),
        ("%d·%m·%Y", "holds '·'"),
        ("%Y-%m-%d %M", "has %M without %H"),
        ("%Y-%m-%d %H:%S", "has %S without %M"),
        ("%Y-%m-%d %H %H", "has %H more than once"),
        ("%-d%m%Y", "side by side"),
        ("%Y%-m-%d", "side by side"),
    ],
)
def test_formats_that_cannot(entry, words):
    with pytest.raises(OptionError) as e:
        check_formats((entry,), Key("cemlab.toml", ("a",)))
    assert words in one_line(e)


# any TOML at all: an error of ours in one line, or settings

SCALARS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12).map(toml_text),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(lambda x: repr(x) if x == x else "nan"),
    st.booleans().map(lambda b: str(b).lower()),
    st.dates(min_value=date(1, 1, 1)).map(lambda d: f"{d.year:04}-{d.month:02}-{d.day:02}"),
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3).map(lambda entries: "[" + ", ".join(entries) + "]"),
    st.dictionaries(st.sampled_from([*settings_columns.COLUMN_KEYS, "x"]), SCALARS, max_size=3).map(
        lambda entries: "{ " + ", ".join(f"{k} = {v}" for k, v in entries.items()) + " }"
    ),
)
PLACES = st.sampled_from(
    [
        ("company", ("name", "currency", "duration_unit", "as_of", "time_zone")),
        ("folder", ("leave_alone",)),
        ("tables.transactions", module._TABLE_KEYS),
        ("tables.transactions.columns", ("date", "revenue", "colour", "a b")),
        ("tables.transactions.columns.date", settings_columns.COLUMN_KEYS),
        ("tables.transactions.columns.colour", settings_columns.COLUMN_KEYS),
    ]
)


# the first drawing of a text reads tables of characters, which is slow on a busy computer
@hypothesis.settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(place=PLACES, data=st.data())
def test_any_toml_gives_settings_or_one_line(tmp_path_factory, place, data):
    header, keys = place
    entries = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, max_size=4))
    path = tmp_path_factory.mktemp("any") / "cemlab.toml"
    lines = [f"[{header}]", *(f"{toml_key(key)} = {value}" for key, value in entries.items())]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    line = ""
    try:
        read_settings(path)
    except (OptionError, DataError) as error:
        line = str(error)
    assert line == "" or line.startswith("cemlab.toml")
    assert line.isprintable()


@hypothesis.settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_one_line(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("any") / "cemlab.toml"
    path.write_bytes(raw)
    line = ""
    try:
        read_settings(path)
    except CemlabError as error:
        line = str(error)
    assert "\n" not in line


# --- from a header to the rules of the columns -----------------------------------------------------


def rules(name: str, header: tuple[str, ...], said: TableSettings | None = None, zone: str | None = None):
    return column_rules(table(name), said, header, time_zone=zone, where="file.csv")


def test_contract_first_then_declared_then_the_rest():
    said = TableSettings(
        table="transactions",
        columns={
            "colour": {"form": "text", "source": "Farbe"},
            "size": {"form": "integer"},
            "customer": {"form": "id", "source": "Kunde"},
        },
    )
    made = rules("transactions", ("Notiz", "size", "revenue", "Kunde", "Farbe", "date"), said)
    assert [(r.name, r.source, r.form, r.required) for r in made] == [
        ("customer", "Kunde", "id", True),
        ("date", "date", "date", True),
        ("revenue", "revenue", "money", True),
        ("colour", "Farbe", "text", False),
        ("size", "size", "integer", False),
        ("Notiz", "Notiz", "text", False),
    ]


def test_defaults_hold_where_they_have_a_meaning_and_own_words_go_before():
    said = TableSettings(
        table="transactions",
        defaults={
            "missing": ("NA",), "formats": ("%d.%m.%Y",), "decimal": ",", "thousands": ".", "trim": True,
        },
        columns={
            "revenue": {"form": "money", "decimal": ".", "thousands": "", "missing": ("-",)},
            "channel": {"form": "text", "constant": "web"},
        },
    )  # fmt: skip
    made = {r.name: r for r in rules("transactions", ("customer", "date", "revenue", "units", "note"), said)}
    assert made["date"] == ColumnRule(
        name="date",
        form="date",
        source="date",
        required=True,
        missing=("NA",),
        formats=("%d.%m.%Y",),
        trim=True,
    )
    assert made["revenue"] == ColumnRule(
        name="revenue", form="money", source="revenue", required=True, missing=("-",), trim=True
    )
    assert made["units"] == ColumnRule(
        name="units", form="integer", source="units", missing=("NA",), decimal=",", thousands=".", trim=True
    )
    assert made["channel"] == ColumnRule(name="channel", form="text", constant="web")
    assert made["note"] == ColumnRule(name="note", form="text", source="note", missing=("NA",), trim=True)


def test_the_contract_s_values_and_the_company_s_zone_hold():
    made = {r.name: r for r in rules("subscriptions", ("customer", "entry", "cause"))}
    assert made["cause"].allowed == ("none", "competitor", "price", "moved", "deceased", "unknown")
    header = ("contact", "customer", "time", "closed")
    said = TableSettings(table="contacts", columns={"closed": {"form": "time", "time_zone": "Asia/Tokyo"}})
    zones = {r.name: r.time_zone for r in rules("contacts", header, said, zone="Europe/Berlin")}
    assert zones == {"contact": None, "customer": None, "time": "Europe/Berlin", "closed": "Asia/Tokyo"}


def test_columns_that_are_multiplied_or_filtered_by_are_not_lost():
    said = TableSettings(
        table="transactions",
        columns={"revenue": {"form": "money", "multiply": ("Quantity", "Price")}},
        filters=(Filter(column="No", comparison="starts_with", value="C", reason="cancelled"),),
    )
    made = rules("transactions", ("No", "Quantity", "Price", "customer", "date"), said)
    assert [r.name for r in made] == ["customer", "date", "revenue", "No", "Quantity", "Price"]
    assert made[2].multiply == ("Quantity", "Price")
    assert made[2].required


def test_one_column_of_the_file_may_make_two_of_the_table():
    said = TableSettings(
        table="subscriptions",
        columns={"entry": {"form": "date", "source": "from"}, "since": {"form": "text", "source": "from"}},
    )
    made = rules("subscriptions", ("customer", "from", "cause"), said)
    assert [(r.name, r.source) for r in made if r.source == "from"] == [("entry", "from"), ("since", "from")]


COLUMN_FAULTS = [
    ("transactions", ("client", "date", "revenue"), None,
     "file.csv: the column 'customer' is missing, part of the key of 'transactions' (one row = a "
     "purchase line); "
     "the file has: client, date, revenue; 'client' may be it; to take it, write in cemlab.toml under "
     '[tables.transactions.columns]: customer = "client"'),
    ("transactions", ("customer", "date"), None, "'revenue' is missing, part of what is required of "
     "'transactions'"),
    ("transactions", ("customer", "date"), None, 'rename or add the column, or map it'),
    ("transactions", ("Customer", "date", "revenue"), None, 'customer = "Customer"'),
    ("transactions", (" customer ", "date", "revenue"), None, 'customer = " customer "'),
    ("transactions", ("Kunden-Nr.", "date", "revenue"), None, 'customer = "Kunden-Nr."'),
    ("transactions", ("Numéro client", "date", "revenue"), None, 'customer = "Numéro client"'),
    ("transactions", ("custommer", "date", "revenue"), None, 'customer = "custommer"'),
    ("transactions", ("customer;date;revenue",), None, "the file has: customer;date;revenue"),
    ("transactions", ("customer;date;revenue",), None, 'under [tables.transactions]: delimiter = ";"'),
    ("transactions", ("customer\tdate\trevenue",), None, r'delimiter = "\t"'),
    ("transactions", ("customer|date|revenue",), None, 'delimiter = "|"'),
    ("transactions", ("customer,date,revenue",), None, 'delimiter = ","'),
    ("transactions", ("A1", "2025-01-02", "10.50"), None, "the header seems to be missing"),
    ("transactions", ("A1", "02.01.2025", "x"), None, "names = ["),
    ("subscriptions", ("customer", "cause"), None, "the table 'subscriptions' needs 'entry' or 'duration'"),
    ("subscriptions", ("customer", "cause", "tenure"), None, 'duration = "tenure"'),
    ("customers", ("customer", "CEMLAB_RECORD"), None, "'CEMLAB_RECORD' has a name that cemlab uses itself"),
    ("customers", ("customer", "cemlab_file"), None, "has a name that cemlab uses itself"),
    ("customers", tuple(f"c{i}" for i in range(100)), None, "c39 and 60 more"),
    ("customers", ("customer", "Joined "), {"columns": {"joined": {"form": "date", "source": "Joined"}}},
     "(tables.customers.columns.joined) takes 'joined' from the column 'Joined', which is not in the "
     "file; did you "
     "mean 'Joined '?"),
    ("customers", ("customer",), {"columns": {"shoe": {"form": "text"}}}, "takes 'shoe' from the column "
     "'shoe'"),
    ("transactions", ("customer", "date", "a"),
     {"columns": {"revenue": {"form": "money", "multiply": ("a", "b")}}},
     "takes 'revenue' from the column 'b'"),
    ("customers", ("customer",),
     {"filters": (Filter(column="x", comparison="blank", value=True, reason="r", keep=True),)},
     "(tables.customers.keep_only) filters by the column 'x', which is not in the file"),
    ("customers", ("customer", "Kunde"), {"columns": {"customer": {"form": "id", "source": "Kunde"}}},
     "the file has a column 'customer', but the table's 'customer' is taken from 'Kunde'"),
    ("customers", ("CUSTOMER", "Kunde"), {"columns": {"customer": {"form": "id", "source": "Kunde"}}},
     'customer_in_file = { from = "CUSTOMER", form = "text" }'),
    ("surveys", ("customer", "responded"), {"columns": {"responded": {"form": "flag", "constant": "true"}}},
     "'responded' is made by cemlab.toml"),
    ("customers", ("customer", "Shoe", "x"), {"columns": {"shoe": {"form": "text", "source": "x"}}},
     "two columns would have one name"),
    ("customers", ("customer",), {"rules": (TableRule(rule="unique", columns=("joind",)),)},
     "(tables.customers.rules[1]) names the column 'joind', which the table does not have"),
    ("customers", ("customer", "joined"), {"rules": (TableRule(rule="unique", columns=("joind",)),)},
     "did you mean 'joined'?"),
    ("customers", ("customer", "a", "b"), {"rules": (TableRule(rule="ordered", columns=("a", "b")),)},
     "puts the column 'a' in order, but its form is text"),
    ("customers", ("customer", "joined", "b"),
     {"rules": (TableRule(rule="stays-on", columns=("joined", "b"), by="customer"),)},
     "watches the column 'b', whose form is text; name a flag"),
    ("customers", ("customer",),
     {"rules": (TableRule(rule="stays-on", columns=("customer", "x"), by="nobody"),)},
     "names the column 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "header", "said", "words"), COLUMN_FAULTS)
def test_a_header_that_does_not_fit(name, header, said, words):
    settings = TableSettings(table=name, **said) if said else None
    with pytest.raises(ColumnError) as e:
        rules(name, header, settings)
    message = one_line(e)
    assert message.startswith("file.csv: ")
    assert words in message


def test_a_mentioned_column_may_be_called_like_one_of_the_table():
    said = TableSettings(
        table="customers",
        columns={
            "customer": {"form": "id", "source": "Kunde"},
            "customer_in_file": {"form": "text", "source": "customer"},
        },
    )
    made = rules("customers", ("customer", "Kunde"), said)
    assert [(r.name, r.source) for r in made] == [("customer", "Kunde"), ("customer_in_file", "customer")]


def test_a_dropped_column_is_in_no_table():
    said = TableSettings(table="customers", drop=("address", "region"))
    header = ("customer", "region", "address", "note")
    rules = column_rules(table("customers"), said, header, time_zone=None, where="customers.csv")
    assert [rule.name for rule in rules] == ["customer", "note"]


@pytest.mark.parametrize(
    ("drop", "words"),
    [
        (("street",), "drop names 'street', which the file lacks"),
        (("town",), "drop names 'town', but a column of the table is taken from it"),
    ],
)
def test_what_cannot_be_dropped(drop, words):
    said = TableSettings(table="customers", columns={"region": {"source": "town"}}, drop=drop)
    with pytest.raises(ColumnError) as error:
        column_rules(table("customers"), said, ("customer", "town"), time_zone=None, where="customers.csv")
    assert words in one_line(error)


def test_a_column_that_was_given_another_name_does_not_fill_its_namesake():
    # a survey's "contact" is how often somebody called; the contract's is the contact's identifier
    said = TableSettings(
        table="surveys", columns={"contact_frequency": {"source": "contact", "form": "integer"}}
    )
    header = ("customer", "responded", "contact")
    rules = column_rules(table("surveys"), said, header, time_zone=None, where="surveys.csv")
    assert [(rule.name, rule.source) for rule in rules] == [
        ("customer", "customer"),
        ("responded", "responded"),
        ("contact_frequency", "contact"),
    ]


def test_scales_of_the_contract_hold_unless_another_is_declared():
    header = ("customer", "responded", "nps", "ces")
    said = TableSettings(table="surveys", columns={"ces": {"maximum": "5"}})
    rules = {
        rule.name: rule
        for rule in column_rules(table("surveys"), said, header, time_zone=None, where="surveys.csv")
    }
    assert (rules["nps"].minimum, rules["nps"].maximum) == ("0", "10")
    assert (rules["ces"].minimum, rules["ces"].maximum) == ("1", "5")


def test_columns_nearly_called_like_the_contract_s_are_told():
    header = ("customer", "Region", "Type ", "type_x", "shoe")
    (region, kind) = overlooked(table("customers"), rules("customers", header))
    assert "'Region' is kept as text" in region
    assert 'region = "Region"' in region
    assert 'type = "Type "' in kind


NAMES = st.text(min_size=1, max_size=12).filter(lambda n: n.casefold() not in settings_columns.RESERVED)


@hypothesis.settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(name=st.sampled_from(sorted(TABLES)), further=st.lists(NAMES, unique_by=str.casefold, max_size=6))
def test_no_column_of_a_file_is_lost_and_no_name_stands_twice(name, further):
    contract = table(name)
    own = [column.name for column in contract.columns]
    header = (*own, *(other for other in further if other.casefold() not in own))
    made = rules(name, header)
    assert sorted(str(r.source) for r in made) == sorted(header)
    assert len({r.name.casefold() for r in made}) == len(made)
    assert all(r.form in FORMS for r in made)
    assert tuple(r.name for r in made if r.required) == contract.required

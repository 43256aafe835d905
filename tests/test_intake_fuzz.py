"""Intake on files that were mutated at random: nothing is lost, nothing crashes, nothing is made up.

``CEMLAB_FUZZ=10000 pytest -n 2 tests/test_intake_fuzz.py`` runs as many files, new ones each time; without
it a few hundred run, the same ones each time.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cemlab.data.contract import TABLES
from cemlab.data.intake import take_in
from cemlab.errors import CemlabError
from tests.intake_corpus.compare import plain
from tests.intake_corpus.hangs import no_hang
from tests.intake_corpus.oracle import UnsureError, judge
from tests.intake_corpus.sheets import day, number, workbook

_FILES = int(os.environ.get("CEMLAB_FUZZ", "300"))
# New files are made in several runs, so that all cores have something to do; the same ones in one.
_RUNS = 4 if "CEMLAB_FUZZ" in os.environ else 1
# A file of a few kilobytes is done in milliseconds; half a minute is a hang.
_HANGS = 30


in_runs = pytest.mark.parametrize("run", range(_RUNS))


def fuzz(files: int) -> settings:
    """Return the settings of a test that is to run on so many files, all its runs together."""
    return settings(
        max_examples=max(1, files // _RUNS),
        deadline=None,
        database=None,
        derandomize="CEMLAB_FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
    )


# ------------------------------------------------------------------------------------- what is tested


@dataclass(frozen=True)
class Aside:
    """A row that was set aside."""

    line: int
    column: str | None
    value: str
    row: str
    reason: str


@dataclass(frozen=True)
class Taken:
    """What became of one file; the rows are those of its table, each typed value in its one form."""

    verdict: str
    records: int
    accepted: int
    aside: list[Aside]
    messages: list[str]
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


def taken(files: dict[str, bytes]) -> dict[str, Taken]:
    """Take a folder of files in; the one place that knows how that is done."""
    with tempfile.TemporaryDirectory() as place, no_hang(_HANGS):
        folder = Path(place) / "client"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        intake = take_in(folder)
        found = {}
        for report in intake.files:
            columns: tuple[str, ...] = ()
            rows: list[tuple[object, ...]] = []
            if report.table in intake.tables:
                table = intake.tables[report.table]
                columns = tuple(table.columns)
                lists = [column.to_pylist() for column in table.to_pyarrow().columns]
                rows = list(zip(*lists, strict=True))
            aside = [
                Aside(row.line, row.column, row.value, row.row, row.reason) for row in report.quarantined
            ]
            found[report.file] = Taken(
                report.verdict, report.records, report.accepted, aside, list(report.messages), columns, rows
            )
        intake.connection.disconnect()
        return found


def invariant_holds(said: Taken) -> None:
    """Check what must hold for every file whatsoever."""
    assert said.records == said.accepted + len(said.aside)
    if said.verdict == "reject":
        assert (said.records, said.aside, said.rows) == (0, [], [])
        assert said.messages
        assert "unforeseen" not in said.messages[0]
        assert all(message.strip() and "\n" not in message for message in said.messages)
    else:
        assert said.verdict == ("quarantine" if said.aside else "accept")
        assert len(said.rows) == said.accepted
    places = [row.line for row in said.aside]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert all(row.reason.strip() for row in said.aside)


# -------------------------------------------------------------------------------------------- mutations

Mutation = tuple[str, int, int, bytes]

_SNIPPETS = (
    *(b'"', b'""', b'"\n', b'","', b"\n", b"\r\n", b"\n\n", b"\r", b"\0", b",", b",,", b";", b"\t", b" "),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc3", b"\xe2\x80\x8b", b"\xc2\xa0", b"\xe2\x80\xa8", b"\x1a", b"\x1b[31m"),
    *(b"1e5", b"NaN", b"inf", b"0x1F", b"-", b"+", b"_", b".", b"NA", b"1_0", b"9999-12-31", b"x" * 300),
    *(b"\xd9\xa1", b"\xef\xbc\x91", b"=1+1", b"</script>", b"PK\x03\x04", b"\x1f\x8b", b"PAR1"),
)
_MUTATIONS: st.SearchStrategy[Mutation] = st.tuples(
    st.sampled_from(("insert", "insert", "flip", "replace", "delete", "duplicate", "swap", "truncate")),
    st.integers(0, 1 << 16),
    st.integers(0, 1 << 16),
    st.sampled_from(_SNIPPETS),
)


def mutated(content: bytes, mutations: list[Mutation]) -> bytes:
    """Return the bytes after some mutations; places are taken modulo the length."""
    for kind, first, second, snippet in mutations:
        size = len(content)
        at = first % (size + 1)
        length = 1 + second % 40
        if kind == "insert":
            content = content[:at] + snippet + content[at:]
        elif kind == "replace":
            content = content[:at] + snippet + content[at + len(snippet) :]
        elif kind == "delete":
            content = content[:at] + content[at + length :]
        elif kind == "duplicate":
            content = content[: at + length] + content[at:]
        elif kind == "swap":
            other = second % (size + 1)
            left, right = sorted((at, other))
            content = content[right:] + content[left:right] + content[:left]
        elif kind == "truncate" and second % 4 == 0:  # seldom, for little is left to see
            content = content[:at]
        elif kind == "flip" and at < size:
            content = content[:at] + bytes([content[at] ^ (1 << second % 8)]) + content[at + 1 :]
    return content


# ------------------------------------------------------------------------- exactly what the oracle says

_CONTACTS = "contact,customer,time,wait_seconds,resolved,channel"
_PURCHASES = "customer,date,units,revenue,category"
_GOOD = {
    _PURCHASES: (
        "C1,2026-01-05,1,10.00,tea",
        "C2,2024-02-29,,0.0001,",
        "00123,1999-12-31,-7,-99999999999999.9999,a b",
        "NA,2026-01-05,0,1.5,  tea ",
        "C1,2026-01-05,1,10.00,tea",
        'C3,2026-01-05,2,5,"green, or black"',
        'C4,2026-01-05,2,5,"two\nlines"',
        '"C5","2026-01-05","3","7.25","say ""x"""',
        'C6,2026-01-05,2,5,"a\r\n\r\nb"',
        'C7,2026-01-05,2,5,5" pipe',
        "\u4e2d\u6587,2026-12-31,999999999999999999,0,caf\u00e9 \U0001f600",
    ),
    _CONTACTS: (
        "K1,C1,2026-01-05 10:00,1.5,true,phone",
        "K2,C1,2026-01-05T10:00:59,,0,",
        "K3,00123,2026-01-05 23:59:59.999999,0.1,FALSE,x",
        "K1,C1,2026-01-05 10:00,1.5,true,phone",
        "K2,C1,2026-01-05T10:00:59,7,0,",
        'K4,C2,1900-01-01 00:00,999999999999999.125,1,"a,b"',
        'K5,C2,2100-12-31 00:00,-3,False,"a\nb"',
    ),
}
_NASTY = (
    *(
        "",
        " ",
        "NA",
        "null",
        "-",
        "0",
        "1",
        "1.5",
        "1_975",
        "0x1F",
        "1e3",
        "+5",
        "5-",
        "(5)",
        "1.23456",
        ".5",
        "5.",
    ),
    *(
        "inf",
        "-inf",
        "NaN",
        "9" * 18,
        "9" * 19,
        "9" * 400,
        "1" * 14 + ".1234",
        "1" * 15,
        "0.00001",
        "true",
        "yes",
    ),
    *(
        "2026-02-29",
        "2026-02-30",
        "31-01-26",
        "03/04/2026",
        "9999-12-31",
        "0000-00-00",
        "2026-1-5",
        "2026-01-05",
    ),
    *(
        "2026-01-05 10:00",
        "2026-01-05 24:00",
        "2026-01-05T10:00:00Z",
        "2026-01-05 10:00:00.1234567",
        "infinity",
    ),
    *(
        "1899-12-31",
        "1900-01-01",
        "2100-12-31",
        "2101-01-01",
        " C1",
        "C1 ",
        "C\u200b1",
        "\ufeffC1",
        "C1\u00a0",
    ),
    *(
        "\u0661",
        "\uff11",
        "\u22125",
        "=1+1",
        "'; drop table x; --",
        "a\tb",
        "\u2028",
        "x\u2028y",
        "\\N",
        "#N/A",
    ),
)


def same_as_oracle(said: Taken, header: str, body: bytes, delimiter: str = ",") -> None:
    """Check verdict, lines, columns and every typed value against the slow reader."""
    names = header.split(",")
    table = TABLES["transactions" if header == _PURCHASES else "contacts"]
    wanted = judge(body, names, table, delimiter)
    if wanted.rejected:
        assert said.verdict == "reject", said.aside
        return
    assert said.verdict != "reject", said.messages
    lines = [(row.line, row.column) for row in said.aside]
    assert [line for line, _ in lines] == [line for line, _ in wanted.aside], said.aside
    for (line, column), (_, want) in zip(lines, wanted.aside, strict=True):
        assert want == "*" or column == want, f"line {line}: {column!r}, not {want!r}"
    places = [said.columns.index(name) for name in names]
    assert set(said.columns) == set(names)
    given_rows = Counter(tuple(plain(row[place]) for place in places) for row in said.rows)
    assert given_rows == Counter(tuple(map(plain, row)) for row in wanted.rows)


def occurs(said: Taken, content: bytes) -> None:
    """Check that what was set aside stands in the file, in the lines it is said to stand in."""
    text = content.decode("utf-8")
    for row in said.aside:
        assert 2 <= row.line <= text.count("\n") + 1
        rest = text.split("\n", row.line - 1)[-1]
        assert rest.lstrip("\r").startswith(row.row.rstrip("\r\n")[:1000])
        assert row.value in text or row.value.replace('"', '""') in text


@st.composite
def _bodies(draw: st.DrawFn, *, quotes: bool) -> tuple[str, str]:
    """Return a header and rows below it, of which some cells were replaced by nasty ones."""
    header = draw(st.sampled_from((_PURCHASES, _CONTACTS)))
    pool = [row for row in _GOOD[header] if quotes or '"' not in row]
    rows = draw(st.lists(st.sampled_from(pool), max_size=8))
    changes = draw(
        st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.sampled_from(_NASTY)), max_size=4)
    )
    for place, column, nasty in changes:
        if place < len(rows) and '"' not in rows[place]:
            cells = rows[place].split(",")
            cells[column % len(cells)] = nasty
            rows[place] = ",".join(cells)
    end = draw(st.sampled_from(("\n", "\n", "\r\n")))
    last = draw(st.sampled_from((end, end, "")))
    return header, end.join(rows) + (last if rows else "")


def _file(header: str) -> str:
    return "transactions.csv" if header == _PURCHASES else "contacts.csv"


@in_runs
@fuzz(_FILES // 4)
@given(made=_bodies(quotes=False), mutations=st.lists(_MUTATIONS, max_size=3))
@example(made=(_PURCHASES, "C1,2026-01-05,1,10.00,tea\n"), mutations=[("insert", 3, 0, b"\0")])
def test_lines_without_quotes(made: tuple[str, str], mutations: list[Mutation], run: int) -> None:
    header, text = made
    body = mutated(text.encode(), [m for m in mutations if b'"' not in m[3]])
    assume(b'"' not in body)
    content = f"{header}\n".encode() + body
    said = taken({_file(header): content})[_file(header)]
    invariant_holds(said)
    try:
        same_as_oracle(said, header, body)
    except UnsureError:
        return
    if said.verdict != "reject":
        occurs(said, content)


@in_runs
@fuzz(_FILES // 4)
@given(made=_bodies(quotes=True), mutations=st.lists(_MUTATIONS, max_size=3), packed=st.booleans())
@example(made=(_PURCHASES, "\ufeffC1,2026-01-05,1,10.00,tea\n"), mutations=[], packed=False)
@example(
    made=(_CONTACTS, 'K5,C2,2026-01-05 10:00,-3,0,"a\nb"\nK1,C1,2026-01-05 10:99,1.5,1,'),
    mutations=[],
    packed=False,
)
def test_lines_with_quotes(made: tuple[str, str], mutations: list[Mutation], packed: bool, run: int) -> None:
    header, text = made
    body = mutated(text.encode(), mutations)
    content = f"{header}\n".encode() + body
    name = _file(header) + ".gz" * packed
    said = taken({name: gzip.compress(content, 1) if packed else content})[name]
    invariant_holds(said)
    try:
        same_as_oracle(said, header, body)
    except UnsureError:
        return
    if said.verdict != "reject":
        occurs(said, content)


# --------------------------------------------------------------- files of every kind, mutated as bytes


def _parquet() -> bytes:
    table = pa.table(
        {
            "branch": ["B1", "B2", "B3", None],
            "month": pa.array([date(2026, m, 1) for m in (1, 2, 3, 4)]),
            "revenue": pa.array([Decimal("1.50"), None, Decimal("-2.25"), Decimal(4)], pa.decimal128(18, 4)),
            "headcount": pa.array([1.5, 2.0, float("inf"), None]),
            "further": ["x", "y", None, "z"],
        }
    )
    packed = io.BytesIO()
    pq.write_table(table, packed, write_page_checksum=True)
    return packed.getvalue()


def _sheet() -> bytes:
    serial = str((date(2026, 1, 5) - date(1899, 12, 30)).days)
    rows = [
        ("employee", "hired", "pay", "role"),
        ("E1", day(serial), number("2500.5"), "clerk"),
        (number("17"), "2026-01-05", number("1e3"), None),
        ("E3", "05.01.2026", number("1"), "x"),
    ]
    return workbook({"Data": rows})


def _zst(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


_TEXT = f"{_PURCHASES}\n{chr(10).join(_GOOD[_PURCHASES])}\n".encode()
_CLEAN = {
    "transactions.csv": _TEXT,
    "contacts.tsv": f"{_CONTACTS}\n{_GOOD[_CONTACTS][0]}\n".replace(",", "\t").encode(),
    "customers.csv.gz": gzip.compress(
        b'customer,region,joined\nC1,north,2026-01-05\nC2,"a\nb",\nC1,x,\n', mtime=0
    ),
    "category_purchases.csv.zst": _zst(
        b"customer,date,category,brand,units\nC1,2026-01-05,tea,x,1\nC2,2026-01-05,a,b,x\n"
    ),
    "employees.xlsx": _sheet(),
    "branch_month.parquet": _parquet(),
}


def _as_mutated(name: str, content: bytes, said: Taken) -> None:
    """Check what was taken from a mutated file that no slow reader understands."""
    invariant_holds(said)
    if said.verdict == "reject":
        return
    if name.endswith(".gz"):
        text = gzip.decompress(content)  # or else it should have been rejected
    elif name.endswith((".csv", ".tsv")):
        text = content
    elif name.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        assert said.records == table.num_rows
        assert all(0 <= row.line < said.records for row in said.aside)
        return
    else:
        assert all(row.line >= 1 for row in said.aside)
        return
    decoded = text.decode("utf-8")
    last = decoded.count("\n") + decoded.count("\r") + 1
    for row in said.aside:
        assert 1 <= row.line <= last
        assert row.row in decoded
        assert row.value in decoded or row.value.replace('"', '""') in decoded
    for cell in (cell for row in said.rows for cell in row if isinstance(cell, str)):
        assert cell in decoded or cell.replace('"', '""') in decoded


@in_runs
@fuzz(_FILES // 2 // len(_CLEAN))
@given(mutations=st.tuples(*(st.lists(_MUTATIONS, min_size=1, max_size=4) for _ in _CLEAN)))
def test_files_of_every_kind(mutations: tuple[list[Mutation], ...], run: int) -> None:
    files = {
        name: mutated(clean, each) for (name, clean), each in zip(_CLEAN.items(), mutations, strict=True)
    }
    found = taken(files)
    assert set(found) == set(files)
    for name, content in files.items():
        _as_mutated(name, content, found[name])


# ------------------------------------------------------- settings: any text, and any key with any value

_VALUES = st.sampled_from(
    (
        '""',
        '"x"',
        "1",
        "-1",
        "true",
        "[]",
        '["x"]',
        "{}",
        "1.5",
        "2026-01-05",
        '"\\u0000"',
        '"%Y"',
        '["%d/%m/%Y"]',
        "nan",
    )
)
_KEYS = st.sampled_from(
    (
        *("files", "encoding", "delimiter", "skip_lines", "skip_below_header", "names", "sheet", "decimal"),
        *(
            "max_unpacked_bytes",
            "thousands",
            "formats",
            "missing",
            "trim",
            "columns",
            "leave_out",
            "rules",
            "x",
        ),
    )
)


@in_runs
@fuzz(_FILES // 8)
@given(pairs=st.dictionaries(_KEYS, _VALUES, max_size=3), mutations=st.lists(_MUTATIONS, max_size=2))
def test_settings_of_any_kind(pairs: dict[str, str], mutations: list[Mutation], run: int) -> None:
    """Settings are understood or refused in one line; the data behind them obey the invariant."""
    toml = "[tables.transactions]\n" + "".join(f"{key} = {value}\n" for key, value in pairs.items())
    files = {"transactions.csv": _TEXT, "cemlab.toml": mutated(toml.encode(), mutations)}
    try:
        found = taken(files)
    except CemlabError as error:
        found = {}
        told = str(error)
    else:
        told = "taken in"
    assert len(told.splitlines()) == 1
    for said in found.values():
        invariant_holds(said)


def test_the_oracle_knows_a_bad_file_from_a_good_one() -> None:
    """The slow reader itself, on a file judged by hand."""
    body = (
        b'C1,2026-01-05,1,10.00,"a\nb"\nC2,2026-02-30,1.5,x,\n\nC3,2026-01-05,1\n'
        b'C4,2026-01-05,2,1.5,"a"b\nC5,2026-01-05,,1,\n'
    )
    found = judge(body, _PURCHASES.split(","), TABLES["transactions"])
    assert found.aside == [(4, "date"), (6, None), (7, None)]
    assert found.rows == [
        ("C1", date(2026, 1, 5), 1, Decimal("10.00"), "a\nb"),
        ("C5", date(2026, 1, 5), None, Decimal(1), None),
    ]
    assert judge(b'C1,"', _PURCHASES.split(","), TABLES["transactions"]).rejected
    with pytest.raises(UnsureError):
        judge(b"C1\r", _PURCHASES.split(","), TABLES["transactions"])
    contacts = b"K1,C1,2026-01-05 10:00,1,1,\nK1,C1,2026-01-05 10:00,2,1,\nK2,C1,2026-01-05 24:00,1,1,\n"
    found = judge(contacts, _CONTACTS.split(","), TABLES["contacts"])
    assert found.aside == [(2, "*"), (3, "*"), (4, "time")]
    assert judge(b"K1,C1,2026-01-05T10:00,1,1,\n" * 2, _CONTACTS.split(","), TABLES["contacts"]).rows == [
        ("K1", "C1", datetime(2026, 1, 5, 10), 1.0, True, None)
    ]

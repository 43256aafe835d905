"""Faults of whole files: compression, names, kinds, links and what is no file at all."""

from __future__ import annotations

import gzip
import io
import os
import socket
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from tests.intake_corpus.case import (
    Aside,
    Case,
    Content,
    Contents,
    accept,
    later,
    lines,
    one_file,
    quarantine,
    reject,
)

_COLUMNS = ("customer", "date", "revenue")
_DAY = date(2026, 1, 5)
_TEXT = lines("customer,date,revenue", *(f"C{n},2026-01-05,{n}.50" for n in range(200)))
_TABLE = Contents(
    columns=_COLUMNS, rows=tuple((f"C{n}", _DAY, Decimal(n) + Decimal("0.5")) for n in range(200))
)
OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1016)


def _gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _zst(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def _flipped(packed: bytes, file: str) -> bytes:
    """Return the file with bits flipped where the format can tell: in zst, a block of no known kind."""
    broken = bytearray(packed)
    if file.endswith(".zst"):
        broken[6] |= 0x06
    else:
        broken[len(packed) // 2] ^= 0x10
    return bytes(broken)


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def _parquet(content: bytes = b"PAR1") -> bytes:
    return b"PAR1" + bytes(64) + content


def _bomb() -> bytes:
    """Return 150 million bytes of good rows, packed to less than a hundredth."""
    row = b"C1,2026-01-05,1.50\n"
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=6) as stream:
        stream.write(b"customer,date,revenue\n")
        for _ in range(80):
            stream.write(row * 100_000)
    return packed.getvalue()


def _compressed() -> Iterator[Case]:
    gz, zst = "transactions.csv.gz", "transactions.csv.zst"
    packed = _gz(_TEXT)
    half = len(_TEXT) // 2
    for name, pack, file in (("gz", _gz, gz), ("zst", _zst, zst)):
        yield one_file(f"{name}-good", pack(_TEXT), accept(200), file=file, contents=_TABLE)
        two = pack(_TEXT[:half]) + pack(_TEXT[half:])
        yield one_file(f"{name}-of-two-members", two, accept(200), file=file, contents=_TABLE)
        three = pack(_TEXT[:half]) + pack(b"") + pack(_TEXT[half:])
        yield one_file(f"{name}-with-an-empty-member", three, accept(200), file=file, contents=_TABLE)
        whole = pack(_TEXT)
        yield one_file(
            f"{name}-cut-off",
            whole[: len(whole) // 2],
            reject("cut|truncated|damaged|incomplete|end"),
            file=file,
        )
        yield one_file(
            f"{name}-cut-off-by-one-byte",
            whole[:-1],
            reject("cut|truncated|damaged|incomplete|end"),
            file=file,
        )
        yield one_file(f"{name}-with-a-flipped-bit", _flipped(whole, file), reject(), file=file)
        yield one_file(
            f"{name}-with-garbage-behind",
            whole + b"garbage",
            reject("damaged|garbage|behind|after|trailing|not"),
            file=file,
        )
        yield one_file(
            f"{name}-second-member-cut-off",
            two[:-5],
            reject("cut|truncated|damaged|incomplete|end"),
            file=file,
        )
        yield one_file(f"{name}-that-is-plain-text", _TEXT, reject(name), file=file)
        yield one_file(f"{name}-empty", b"", reject(), file=file)
        bad = lines("customer,date,revenue,note", 'C1,2026-01-05,1,"a\nb"', "C2,2026-01-05,x,y")
        outcome = quarantine(2, Aside(line=4, column="revenue", value="x"))
        yield one_file(f"{name}-line-number-after-a-quoted-newline", pack(bad), outcome, file=file)
    checksum = bytearray(packed)
    checksum[-6] ^= 1
    yield one_file("gz-with-a-wrong-checksum", bytes(checksum), reject("damaged|checksum|CRC"), file=gz)
    yield one_file("gz-named-csv", packed, reject("gzip"))
    yield one_file("zst-named-csv", _zst(_TEXT), reject("zst|zstandard"))
    yield one_file("gz-named-zst", packed, reject("gzip|zst"), file=zst)
    yield one_file("gz-within-gz", _gz(packed), reject(), file=gz)
    yield one_file("gz-bomb", later(_bomb), reject("unpacked|large|times"), file=gz, alone=True)
    toml = "[tables.transactions]\nmax_unpacked_bytes = 1000\n"
    yield one_file("gz-larger-than-declared", packed, reject("unpacked|large|1,000|1000"), file=gz, toml=toml)
    toml = "[tables.transactions]\nmax_unpacked_bytes = 10_000\n"
    yield one_file("gz-smaller-than-declared", packed, accept(200), file=gz, toml=toml, contents=_TABLE)
    tsv = _gz(_TEXT.replace(b",", b"\t"))
    yield one_file("tsv-gz-good", tsv, accept(200), file="transactions.tsv.gz", contents=_TABLE)


def _other_kinds() -> Iterator[Case]:
    zipped = _zip("transactions.csv", _TEXT)
    book = _zip("[Content_Types].xml", b"<Types/>")
    html = b"<html><head><title>Export</title></head><body><p>customer</p></body></html>"
    for name, content, says in (
        ("zip", zipped, "zip"),
        ("workbook", book, "xlsx|excel|zip|workbook"),
        ("old-excel", OLD_EXCEL, "excel|xls|workbook"),
        ("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        ("parquet", _parquet(), "parquet"),
        ("html", html, ""),
        ("json", b'[{"customer": "C1", "date": "2026-01-05", "revenue": 1}]\n', ""),
        ("rtf", b"{\\rtf1\\ansi customer,date,revenue\\par}\n", ""),
        ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ""),
    ):
        yield one_file(f"{name}-named-csv", content, reject(says))
    for name, content, says in (
        ("csv", _TEXT, "xlsx|excel|workbook"),
        ("html", html, "xlsx|excel|workbook|html"),
        ("old-or-encrypted-excel", OLD_EXCEL, "password|encrypted|old|xls"),
        ("zip", zipped, "xlsx|excel|workbook"),
        ("nothing", b"", ""),
    ):
        yield one_file(f"{name}-named-xlsx", content, reject(says), file="transactions.xlsx")
    for name, content in (
        ("csv", _TEXT),
        ("zip", zipped),
        ("nothing", b""),
        ("magic-alone", b"PAR1"),
        ("magic-twice", _parquet()),
    ):
        yield one_file(f"{name}-named-parquet", content, reject("parquet"), file="transactions.parquet")
    for ending in ("xls", "zip", "json", "txt", "csv.bz2", "xlsm", "feather", "pickle", "csv.xz"):
        yield one_file(f"ending-{ending}", _TEXT, reject("csv|ending"), file=f"transactions.{ending}")


def _names() -> Iterator[Case]:
    good = lines("customer,date,revenue", "C1,2026-01-05,1")
    table = Contents(columns=_COLUMNS, rows=(("C1", _DAY, Decimal(1)),))
    for name, file in (
        ("unknown", "orders.csv"),
        ("unknown-xlsx", "orders.xlsx"),
        ("singular", "transaction.csv"),
        ("with-sql", "transactions'; drop table x; --.csv"),
        ("with-html", "<img src=x onerror=alert(1)>.csv"),
        ("with-an-escape-sequence", "orders\x1b[31m.csv"),
        ("with-a-newline", "orders\nfiles.csv"),
        ("with-a-glob", "trans*.csv"),
        ("dated", "transactions_2026.csv"),
        ("copied", "transactions (1).csv"),
    ):
        files: dict[str, Content] = {"transactions.csv": good, file: good}
        outcomes = {"transactions.csv": accept(1), file: reject("table")}
        yield Case(name=f"file-name-{name}", files=files, outcomes=outcomes, tables={})
    both = {"transactions.csv": good, "transactions.parquet": _parquet()}
    outcomes = {name: reject("twice|two|both|also|more than one") for name in both}
    yield Case(name="one-table-as-csv-and-parquet", files=dict(both), outcomes=outcomes)
    both = {"transactions.csv": good, "transactions.csv.gz": _gz(good)}
    outcomes = {name: reject("twice|two|both|also|more than one") for name in both}
    yield Case(name="one-table-plain-and-packed", files=dict(both), outcomes=outcomes)
    files = {
        "transactions.csv": good,
        "README.md": b"# Extract",
        "_old.csv": b"\xff\0",
        ".hidden.csv": b"x",
        "notes.txt": b"x",
    }
    yield Case(
        name="files-left-alone",
        files=files,
        outcomes={"transactions.csv": accept(1)},
        tables={"transactions": table},
    )
    files = {
        "transactions.csv": good,
        "transactions.bak.csv": b"x",
        "cemlab.toml": b'[folder]\nleave_alone = ["*.bak.csv"]\n',
    }
    yield Case(
        name="files-left-alone-because-declared",
        files=files,
        outcomes={"transactions.csv": accept(1)},
        tables={"transactions": table},
    )
    for name, folder in (
        ("globs", "a*b[c]?"),
        ("quotes", 'cl\'ient "x"'),
        ("letters", "Kunden \u00fc\u4e2d\U0001f600"),
        ("percent", "%41{0}"),
    ):
        yield one_file(f"folder-with-{name}-in-its-name", good, accept(1), contents=table, folder=folder)
    files = {
        "a.csv": good,
        "b.csv": lines("customer,date,revenue", "C2,2026-01-05,x", "C3,2026-01-05,3"),
        "cemlab.toml": b'[tables.transactions]\nfiles = ["a.csv", "b.csv"]\n',
    }
    outcomes = {"a.csv": accept(1), "b.csv": quarantine(2, Aside(line=2, column="revenue", value="x"))}
    rows = (*table.rows, ("C3", _DAY, Decimal(3)))
    yield Case(
        name="one-table-in-two-files",
        files=files,
        outcomes=outcomes,
        tables={"transactions": Contents(columns=_COLUMNS, rows=rows)},
    )
    files = {
        "a.csv": lines("customer,region", "C1,north", "C2,south"),
        "b.csv": lines("region,customer", "north,C1", "west,C2", "east,C3"),
        "cemlab.toml": b'[tables.customers]\nfiles = ["a.csv", "b.csv"]\n',
    }
    outcomes = {
        "a.csv": quarantine(2, Aside(line=3)),
        "b.csv": quarantine(3, Aside(line=2), Aside(line=3)),
    }
    contents = Contents(columns=("customer", "region"), rows=(("C1", "north"), ("C3", "east")))
    yield Case(
        name="keys-twice-over-two-files", files=files, outcomes=outcomes, tables={"customers": contents}
    )
    files = {
        "customers.csv": lines("customer,region", "C1,north"),
        "transactions.csv": b"",
        "branches.csv": lines("branch", "B1"),
    }
    outcomes = {
        "customers.csv": accept(1),
        "transactions.csv": reject("empty|header"),
        "branches.csv": accept(1),
    }
    yield Case(name="one-bad-file-among-good-ones", files=files, outcomes=outcomes)


def _link(target: str) -> Content:
    return lambda path: path.symlink_to(target)


def _outside(path: Path) -> None:
    outside = path.parent.parent / "outside.csv"
    outside.write_bytes(_TEXT)
    path.symlink_to(outside)


def _beside(path: Path) -> None:
    """Link to a folder whose name begins as the client's folder does."""
    beside = path.parent.with_name(path.parent.name + "-other")
    beside.mkdir()
    (beside / "x.csv").write_bytes(_TEXT)
    path.symlink_to(f"../{beside.name}/x.csv")


def _socket(path: Path) -> None:
    # the path of a socket may be no longer than about 100 bytes, so it is bound by a relative one
    here = Path.cwd()
    server = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(path.parent)
        server.bind(path.name)
    finally:
        os.chdir(here)
        server.close()


def _no_files() -> Iterator[Case]:
    fifo: Content = os.mkfifo
    makers: tuple[tuple[str, Content, str, bool], ...] = (
        ("pipe", fifo, "pipe|fifo|regular|no file", True),
        ("socket", _socket, "socket|regular|no file", False),
        ("directory", lambda path: path.mkdir(), "folder|directory|regular", False),
        ("link-to-a-device", _link("/dev/zero"), "link|device", True),
        ("link-to-passwd", _link("/etc/passwd"), "link|out", False),
        ("link-out-of-the-folder", _outside, "link|out", False),
        ("link-to-a-folder-of-a-similar-name", _beside, "link|out", False),
        ("link-to-nothing", _link("gone.csv"), "link|nowhere", False),
        ("link-to-itself", _link("transactions.csv"), "link|itself", False),
        ("link-to-proc", _link("/proc/self/environ"), "link|out", False),
    )
    good = lines("customer,region", "C1,north")
    for name, maker, says, alone in makers:
        files: dict[str, Content] = {"customers.csv": good, "transactions.csv": maker}
        outcomes = {"customers.csv": accept(1), "transactions.csv": reject(says)}
        yield Case(name=name, files=files, outcomes=outcomes, alone=alone)
    files = {"_real.csv": _TEXT, "transactions.csv": _link("_real.csv")}
    yield Case(
        name="link-within-the-folder",
        files=files,
        outcomes={"transactions.csv": accept(200)},
        tables={"transactions": _TABLE},
    )
    files = {"transactions.parquet": fifo}
    yield Case(
        name="pipe-named-parquet",
        files=files,
        outcomes={"transactions.parquet": reject("pipe|fifo|regular|no file")},
        alone=True,
    )
    files = {"transactions.csv": _TEXT, "cemlab.toml": fifo}
    yield Case(name="settings-are-a-pipe", files=files, fails="cemlab.toml", alone=True)
    files = {"transactions.csv": _TEXT, "cemlab.toml": _link("/dev/zero")}
    yield Case(name="settings-are-a-device", files=files, fails="cemlab.toml", alone=True)
    files = {"transactions.csv": _TEXT, "cemlab.toml": _link("/etc/passwd")}
    yield Case(name="settings-are-a-link-out", files=files, fails="cemlab.toml")
    files = {"transactions.csv": _TEXT, "cemlab.toml": lambda path: path.mkdir()}
    yield Case(name="settings-are-a-directory", files=files, fails="cemlab.toml")
    yield Case(name="folder-without-tables", files={"README.md": b"nothing"}, fails="no table|table")


def cases() -> Iterator[Case]:
    """Yield the cases of whole files."""
    for make in (_compressed, _other_kinds, _names, _no_files):
        yield from make()

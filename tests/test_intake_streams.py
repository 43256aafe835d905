"""Text streams: only what its name says, whole, in one encoding, and no larger than it may be."""

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from cemlab.data.intake.text import streams
from cemlab.data.intake.text.streams import TextStream
from cemlab.errors import DataError, NotFoundError


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)


PACK = {"gz": gzip.compress, "zst": zstd}


def content(path: Path, size: int = 1 << 20, **options) -> bytes:
    pieces = []
    with TextStream(path, **options) as stream:
        while piece := stream.read(size):
            pieces.append(piece)
        assert stream.read(size) == b""
        assert stream.packed == path.stat().st_size
    return b"".join(pieces)


def refused(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        content(path, **options)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert "\n" not in message
    assert "allowed" in message
    return message


# Encodings


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8-sig"),
        ("utf-8-sig", "utf-8"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin-1"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_declared_encodings_become_utf_8(tmp_path, encoding, written, size):
    text = "Straße,Köln\r\nÄ,ö\n"
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(written))
    assert content(path, size, encoding=encoding) == text.encode()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff\x00"), min_size=1),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "gb18030", "utf-32"]),
    size=st.integers(1, 9),
)
def test_characters_on_the_border_of_two_pieces(tmp_path, text, encoding, size):
    path = tmp_path / "a.csv"
    path.write_bytes(("x" * 4094 + text).encode(encoding))  # the border of the first piece is at 4,096
    assert content(path, size, encoding=encoding) == ("x" * 4094 + text).encode()


def test_only_the_first_byte_order_mark_is_skipped(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" * 2 + b"a")
    assert content(path) == b"\xef\xbb\xbfa"
    path.write_bytes("\ufeffa".encode("utf-16-le"))
    assert content(path, encoding="utf-16-le") == b"a"


@pytest.mark.parametrize(
    ("raw", "encoding", "words"),
    [
        (b"a\nb\nK\xf6ln\n", "utf-8", "line 3: the bytes F6 are not utf-8"),
        (b"a\r\nb\r\nK\xf6ln\r\n", "utf-8", "line 3: the bytes F6"),
        (b"a\rb\rK\xf6ln", "utf-8", "line 3: the bytes F6"),
        (b"a\n\xed\xa0\x80", "utf-8", "line 2: the bytes ED"),  # half of a pair of UTF-16
        (b"a\n\xc0\xaf", "utf-8", "line 2: the bytes C0"),  # an overlong form
        (b"a\nb\xc3", "utf-8", "line 2: the bytes C3"),  # cut within a character
        (b"a\nb\n\x81\n", "cp1252", "line 3: the bytes 81 are not cp1252"),
        ("a\nb\nc".encode("utf-16-le") + b"\x00\xd8", "utf-16-le", "line 3: the bytes 00 D8"),
        ("a\nb\nc".encode("utf-16-le") + b"x", "utf-16-le", "line 3: the bytes 78"),
        ("a\n\u0a0a\nb".encode("utf-16-be") + b"\xdc\x00\x00a", "utf-16-be", "line 3: the bytes DC 00"),
        ("aé\n".encode(), "ascii", "line 1: the bytes C3 are not ascii"),
    ],
)
def test_bytes_that_are_not_of_the_encoding(tmp_path, raw, encoding, words):
    path = tmp_path / "a.csv"
    path.write_bytes(raw)
    message = refused(path, encoding=encoding)
    assert words in message
    assert "declare" in message
    assert refused(path, encoding=encoding, size=1) == message


def test_the_line_of_bad_bytes_far_into_a_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("é,b\n".encode() * 500_000 + b"\xe9\n" + b"a,b\n" * 100_000)
    assert "line 500001: the bytes E9" in refused(path)
    path.write_bytes(b"a,b\n" * 500_000 + b"\x8f\n")
    assert "line 500001: the bytes 8F" in refused(path, encoding="cp1252")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32")],
)
def test_utf_16_is_named_where_it_was_not_declared(tmp_path, encoding, name):
    path = tmp_path / "a.csv"
    path.write_bytes("customer,date\nA1,2026-01-31\n".encode(encoding))
    assert f'encoding = "{name}"' in refused(path)
    path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
    assert f'encoding = "{name}"' in refused(path.with_suffix(".gz"))


@pytest.mark.parametrize(
    "encoding", ["", "utf-9", "hex", "rot13", "zlib", "idna", "unicode_escape", "utf-7", "a\x00"]
)
def test_encodings_that_are_none(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a")
    assert "is known" in refused(path, encoding=encoding)


# What a file is


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (gzip.compress(b"a,b\n", mtime=0), "a gzip file"),
        (zstd(b"a,b\n"), "a Zstandard file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)"),
        (b"BZh91AY&SY", "a bzip2 file"),
        (b"\xfd7zXZ\x00", "an xz file"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"ARROW1\x00\x00", "an Arrow file"),
        (b"{\\rtf1 a,b}", "a rich text document"),
        (b"a.csv".ljust(257, b"\x00") + b"ustar\x0000", "a tar archive"),
    ],
)
def test_files_that_are_no_text(tmp_path, start, words):
    path = tmp_path / "a.csv"
    path.write_bytes(start)
    assert f"this is {words}, not what its name says" in refused(path)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(start))
    assert words in refused(packed)


def test_workbooks_archives_and_parquet_files_under_the_name_of_text(tmp_path):
    path = tmp_path / "a.csv"
    Workbook().save(path)
    assert "this is an Excel workbook" in refused(path)
    assert ".xlsx" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.csv", "a,b\n1,2\n")
    assert "this is a zip archive" in refused(path)
    pa.parquet.write_table(pa.table({"a": [1]}), path)
    assert "this is a Parquet file" in refused(path)
    path.write_bytes(b"PAR1,PAR2\n1,2\n")  # two columns of that name are text
    assert content(path) == b"PAR1,PAR2\n1,2\n"


@pytest.mark.parametrize(("ending", "name"), [("gz", "gzip"), ("zst", "zstd"), ("GZ", "gzip")])
@pytest.mark.parametrize("raw", [b"a,b\n1,2\n", b""])
def test_files_that_are_not_packed_as_their_name_says(tmp_path, ending, name, raw):
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(raw)
    assert f"allowed after a name like this is {name}" in refused(path)
    path.write_bytes(zstd(raw) if name == "gzip" else gzip.compress(raw))
    assert "does not begin as" in refused(path)


def test_what_is_no_regular_file(tmp_path):
    with pytest.raises(NotFoundError, match="no such regular file"):
        TextStream(tmp_path)
    with pytest.raises(NotFoundError, match="no such regular file"):
        TextStream(tmp_path / "a.csv")


# Packed files


@pytest.mark.parametrize("ending", PACK)
def test_packed_files_are_read_whole(tmp_path, ending):
    text = b"".join(b"%d,%d\n" % (i, i * i % 1009) for i in range(100_000))
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(PACK[ending](text))
    assert content(path) == text
    assert content(path, 1000) == text
    path.write_bytes(PACK[ending](text[:1000]) + PACK[ending](text[1000:]))
    assert content(path) == text
    path.write_bytes(PACK[ending](b""))
    assert content(path) == b""


@pytest.mark.parametrize("ending", PACK)
def test_truncated_and_damaged_files(tmp_path, ending):
    text = b"".join(b"%d,%d\n" % (i, i * i % 1009) for i in range(3000))
    packed = PACK[ending](text)
    path = tmp_path / f"a.csv.{ending}"
    for kept in (5, 12, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        path.write_bytes(packed[:kept])
        assert "file ends too early" in refused(path)
    for tail in (b"garbage", PACK[ending](text)[:20]):
        path.write_bytes(packed + tail)
        assert "allowed is a whole one" in refused(path)


@pytest.mark.parametrize("zeros", [1, 3, 512, 1 << 20])
def test_zeros_behind_a_gzip_file_are_passed_over(tmp_path, zeros):
    text = b"".join(b"%d,%d\n" % (i, i * i % 1009) for i in range(3000))
    path = tmp_path / "a.csv.gz"
    for packed in (gzip.compress(text), gzip.compress(text[:100]) + gzip.compress(text[100:])):
        path.write_bytes(packed + bytes(zeros))
        assert content(path) == gzip.decompress(path.read_bytes()) == text
        assert content(path, 7) == text
    for tail in (b"x", gzip.compress(text)):  # whoever padded it did not write on
        path.write_bytes(packed + bytes(zeros) + tail)
        assert "the gzip file is damaged" in refused(path)
    path.write_bytes(packed[:-8] + bytes(16))  # zeros in the place of the checksum
    assert "the gzip file is damaged" in refused(path)


def test_what_was_unpacked_is_told_only_if_something_was(tmp_path):
    text = b"".join(b"%d,%d\n" % (i, i * i % 1009) for i in range(30_000))
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text)[:12])
    assert "the gzip file ends too early; allowed is a whole one" in refused(path)
    path.write_bytes(gzip.compress(text)[:-4])
    assert f"ends too early, after {len(text):,} bytes were unpacked; allowed" in refused(path)


def test_a_flipped_bit_in_a_gzip_file(tmp_path):
    packed = bytearray(gzip.compress(b"1,2\n" * 1000))
    packed[-6] ^= 1  # within the checksum of what was packed
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed)
    assert "is damaged" in refused(path)


@pytest.mark.parametrize("ending", PACK)
def test_files_that_are_too_large_when_unpacked(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.csv.{ending}"
    path.write_bytes(PACK[ending](b"1,2\n" * 300_000))  # 1.2 MB that pack to a few kB
    assert len(content(path)) == 1_200_000
    assert len(content(path, max_unpacked_bytes=1_200_000)) == 1_200_000
    assert "allowed are 1,199,999 bytes" in refused(path, max_unpacked_bytes=1_199_999)
    monkeypatch.setattr(streams, "UNPACKED_FLOOR", 1_000_000)
    assert 100 * path.stat().st_size < 1_200_000
    assert "too large when unpacked; allowed are 1,000,000 bytes" in refused(path)
    monkeypatch.setattr(streams, "UNPACKED_RATIO", 100_000)
    assert len(content(path)) == 1_200_000

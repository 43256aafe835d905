"""A Parquet file is read whole before it is believed; what we write can be proved bit by bit."""

from __future__ import annotations

import os
import struct
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cemlab.data.intake.parquet import verify, writer
from cemlab.errors import ColumnError, DataError


def table(rows: int = 3000) -> pa.Table:
    rng = np.random.default_rng(3)
    cents = rng.integers(1, 10**7, rows)
    return pa.table(
        {
            "customer": [f"C{i}" for i in rng.integers(0, 400, rows)],
            "date": [date(2025, 1, 1 + int(day)) for day in rng.integers(0, 28, rows)],
            "revenue": pa.array([Decimal(int(c)) / 100 for c in cents], pa.decimal128(18, 4)),
            "score": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1),
        }
    )


def write(path, content: pa.Table):
    with writer(path, content.schema) as out:
        out.write_table(content)
    return path


def refused(path) -> str:
    with pytest.raises((DataError, ColumnError)) as caught:
        verify(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path.name}: ")
    assert str(path.parent) not in text
    return text


# --- files of ours


def test_what_is_written_is_read_back_exactly(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    assert verify(path) == 3000
    assert pq.read_table(path).equals(table())


def test_several_row_groups_are_counted_together(tmp_path):
    with writer(tmp_path / "t.parquet", table().schema) as out:
        for _ in range(3):
            out.write_table(table(100))
    assert verify(tmp_path / "t.parquet") == 300


def test_no_rows_are_rows_enough(tmp_path):
    assert verify(write(tmp_path / "t.parquet", table(0))) == 0


def test_money_is_stored_as_integers(tmp_path):
    path = write(tmp_path / "t.parquet", table(10))
    assert pq.ParquetFile(path).metadata.schema.column(2).physical_type == "INT64"


def pages(path) -> list[tuple[int, int]]:
    """Return the first byte and the length of the content of every page, read from the headers."""
    data, found = path.read_bytes(), []
    with pq.ParquetFile(path) as stored:
        groups = [stored.metadata.row_group(i) for i in range(stored.metadata.num_row_groups)]
    for group in groups:
        for i in range(group.num_columns):
            column = group.column(i)
            at = column.dictionary_page_offset or column.data_page_offset
            end = at + column.total_compressed_size
            while at < end:
                length, content = compressed_size(data, at)
                found.append((content, length))
                at = content + length
            assert at == end  # the headers were understood
    return found


def compressed_size(data: bytes, at: int) -> tuple[int, int]:
    """Read a page header in Thrift's compact protocol; return its page's length, and where that begins."""
    fields: dict[int, int] = {}

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def struct_(keep: bool) -> None:
        nonlocal at
        last = 0
        while True:
            byte = data[at]
            at += 1
            if byte == 0:
                return
            kind = byte & 15
            last = last + (byte >> 4) if byte >> 4 else (number() >> 1)
            if kind in (3, 4, 5, 6):
                value = number()
                if keep:
                    fields[last] = (value >> 1) ^ -(value & 1)
            elif kind == 8:
                length = number()
                at += length
            elif kind == 12:
                struct_(keep=False)
            else:
                assert kind in (1, 2), kind

    struct_(keep=True)
    assert 4 in fields  # the checksum is there
    return fields[3], at


def test_a_flipped_bit_is_found_in_every_page_at_every_position_tried(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    whole = path.read_bytes()
    found = pages(path)
    assert len(found) >= 7  # dictionaries and data of four columns, one of them without a dictionary perhaps
    rng = np.random.default_rng(5)
    tried = 0
    for start, length in found:
        some = {0, length - 1, *rng.integers(0, length, 60).tolist()}
        for position in some:
            broken = bytearray(whole)
            broken[start + position] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(bytes(broken))
            assert "damaged, the checksum of a page does not fit" in refused(path)
            tried += 1
    assert tried > 250
    path.write_bytes(whole)
    assert verify(path) == 3000


def test_without_checksums_a_flipped_bit_may_stay_unseen_as_the_docstring_says(tmp_path):
    path = tmp_path / "t.parquet"
    values = pa.table({"x": pa.array(np.arange(1000, dtype="int64"))})
    pq.write_table(values, path, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<q", 500))] ^= 1
    path.write_bytes(bytes(data))
    assert verify(path) == 1000
    assert pq.read_table(path)["x"][500].as_py() == 501


# --- files of others


def test_files_without_checksums_and_of_other_codecs_are_read(tmp_path):
    for i, codec in enumerate(("none", "snappy", "gzip", "zstd", "lz4", "brotli")):
        path = tmp_path / f"{i}.parquet"
        pq.write_table(table(), path, compression=codec, data_page_version="2.0" if i % 2 else "1.0")
        assert verify(path) == 3000


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.7, 0.95])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = write(tmp_path / "t.parquet", table())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    assert "is truncated, its end is missing" in refused(path)


def test_a_file_that_lost_bytes_in_the_middle_is_refused(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    data = path.read_bytes()
    path.write_bytes(data[:2000] + data[2500:])
    assert "damaged" in refused(path)


def test_a_broken_footer_is_refused(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[-8:-4])
    path.write_bytes(data[: -8 - length] + b"\xff" * length + data[-8:])
    assert "damaged" in refused(path)
    path.write_bytes(data[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1")
    assert "damaged" in refused(path)


@pytest.mark.parametrize(
    "content", [b"customer,date\nA,1\n", b"PK\x03\x04 and so on", b"\x1f\x8b\x08", b"PAR"]
)
def test_what_is_not_parquet_is_refused(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    assert "is not a Parquet file, whatever its name says" in refused(tmp_path / "t.parquet")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "t.parquet").touch()
    assert "is empty" in refused(tmp_path / "t.parquet")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1"])
def test_a_file_of_nothing_but_its_marks_is_refused(tmp_path, content):
    (tmp_path / "t.parquet").write_bytes(content)
    assert "truncated" in refused(tmp_path / "t.parquet")


def test_an_encrypted_file_is_refused(tmp_path):
    path = write(tmp_path / "t.parquet", table())
    data = path.read_bytes()
    path.write_bytes(b"PARE" + data[4:-4] + b"PARE")
    assert "is encrypted" in refused(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.parquet")
    assert "is a pipe" in refused(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([[1, 2]]), "list<"),
        (pa.array([{"a": 1}]), "struct<"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "map<"),
    ],
)
def test_columns_within_columns_are_refused(tmp_path, column, shown):
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")
    text = refused(tmp_path / "t.parquet")
    assert "the column 'x' holds several values a row" in text
    assert shown in text


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a", "a"], "'a' stands twice"),
        (["a", "A"], "'A' differs too little from 'a'"),
        (["a", " a "], "differs too little"),
        (["é", "e\u0301"], "differs too little"),
        (["a", ""], "column 2 of 2 has no name"),
        (["a", "  "], "column 2 of 2 has no name"),
        (["a", "b\x00c"], "has control characters"),
        (["a", "b\nc"], "has control characters"),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(tmp_path, names, words):
    content = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)
    pq.write_table(content, tmp_path / "t.parquet")
    assert words in refused(tmp_path / "t.parquet")


def test_no_columns_are_refused(tmp_path):
    pq.write_table(pa.table({}), tmp_path / "t.parquet")
    assert "has no columns" in refused(tmp_path / "t.parquet")


def test_text_that_is_not_utf8_is_refused(tmp_path):
    bad = pa.array([b"caf\xe9"], pa.binary())
    text = pa.StringArray.from_buffers(1, *bad.buffers()[1:])
    pq.write_table(pa.table({"x": text}), tmp_path / "t.parquet")
    assert "UTF8" in refused(tmp_path / "t.parquet") or "UTF-8" in refused(tmp_path / "t.parquet")


def test_memory_stays_bounded_in_a_single_large_row_group(tmp_path):
    rows = 2_000_000
    content = pa.table({"x": pa.array(np.random.default_rng(1).normal(size=rows))})
    path = tmp_path / "t.parquet"
    pq.write_table(content, path, row_group_size=rows, compression="none", use_dictionary=False)
    del content
    pool = pa.default_memory_pool()
    peak = pa.proxy_memory_pool(pool)
    pa.set_memory_pool(peak)
    try:
        assert verify(path) == rows
    finally:
        pa.set_memory_pool(pool)
    # 16 MB of values lie in one row group; a batch of 65,536 rows, its pages and buffers take less than half
    assert peak.max_memory() < 8_000_000

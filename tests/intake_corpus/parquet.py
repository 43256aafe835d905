"""Parquet files: good ones, wrong types, and files that are damaged."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.intake_corpus.case import Aside, Case, Contents, accept, one_file, quarantine, refused, reject

_FILE = "transactions.parquet"
_COLUMNS = ("customer", "date", "revenue")
_DAY = date(2026, 1, 5)


def _bytes(table: pa.Table, **options: object) -> bytes:
    packed = io.BytesIO()
    pq.write_table(table, packed, **options)
    return packed.getvalue()


def _table(**columns: pa.Array) -> pa.Table:
    """Return a good table of two rows, with some of its columns replaced or added."""
    base = {
        "customer": pa.array(["C1", "C2"]),
        "date": pa.array([_DAY, _DAY]),
        "revenue": pa.array([Decimal("1.50"), Decimal("2.50")], pa.decimal128(18, 4)),
    }
    return pa.table({**base, **columns})


_ROWS = (("C1", _DAY, Decimal("1.5")), ("C2", _DAY, Decimal("2.5")))


def _good() -> Iterator[Case]:
    contents = Contents(columns=_COLUMNS, rows=_ROWS)
    yield one_file("parquet-good", _bytes(_table()), accept(2), file=_FILE, contents=contents)
    texts = {"date": pa.array(["2026-01-05"] * 2), "revenue": pa.array(["1.50", "2.5"])}
    yield one_file("parquet-of-texts", _bytes(_table(**texts)), accept(2), file=_FILE, contents=contents)
    coded = {
        "customer": pa.array(["C1", "C2"]).dictionary_encode(),
        "date": pa.array(["2026-01-05"] * 2, pa.large_string()),
    }
    yield one_file(
        "parquet-of-codes-and-large-texts", _bytes(_table(**coded)), accept(2), file=_FILE, contents=contents
    )
    for compression in ("gzip", "zstd", "none"):
        content = _bytes(_table(), compression=compression, write_page_checksum=True)
        yield one_file(
            f"parquet-{compression}-with-checksums", content, accept(2), file=_FILE, contents=contents
        )
    ids = _table(
        customer=pa.array([12345678901234567, 12345678901234568]), units=pa.array([1, None], pa.int32())
    )
    rows = (("12345678901234567", _DAY, Decimal("1.5"), 1), ("12345678901234568", _DAY, Decimal("2.5"), None))
    contents_2 = Contents(columns=(*_COLUMNS, "units"), rows=rows)
    yield one_file("parquet-numbers-as-identifiers", _bytes(ids), accept(2), file=_FILE, contents=contents_2)
    floats = _table(revenue=pa.array([1.5, 2.5]))
    yield one_file("parquet-floats-as-money", _bytes(floats), accept(2), file=_FILE, contents=contents)
    empty = _table().slice(0, 0)
    yield one_file(
        "parquet-without-rows",
        _bytes(empty),
        accept(0),
        file=_FILE,
        contents=Contents(columns=_COLUMNS, rows=()),
    )
    order = _table().select(["revenue", "customer", "date"])
    yield one_file(
        "parquet-columns-in-another-order", _bytes(order), accept(2), file=_FILE, contents=contents
    )
    times = pa.table(
        {
            "contact": ["K1", "K2"],
            "customer": ["C1", "C1"],
            "time": pa.array(
                [datetime(2026, 1, 5, 10, 30), datetime(2026, 1, 5, 23, 59, 59, 123456)], pa.timestamp("us")
            ),
            "resolved": pa.array([True, None]),
        }
    )
    contents_3 = Contents(
        columns=("contact", "customer", "time", "resolved"),
        rows=(
            ("K1", "C1", datetime(2026, 1, 5, 10, 30), True),
            ("K2", "C1", datetime(2026, 1, 5, 23, 59, 59, 123456), None),
        ),
    )
    yield one_file(
        "parquet-times-and-flags", _bytes(times), accept(2), file="contacts.parquet", contents=contents_3
    )


def _rows() -> Iterator[Case]:
    many = 5000
    day = [_DAY] * many
    texts = ["1.50"] * many
    texts[4321] = "1,50"
    customers: list[str | None] = [f"C{n}" for n in range(many)]
    customers[7] = None
    table = pa.table({"customer": customers, "date": day, "revenue": texts})
    outcome = quarantine(
        many, Aside(line=7, column="customer", value=""), Aside(line=4321, column="revenue", value="1,50")
    )
    yield one_file(
        "parquet-faults-in-two-row-groups", _bytes(table, row_group_size=1000), outcome, file=_FILE
    )
    floats = _table(revenue=pa.array([1.23456, 2.5]))
    yield one_file(
        "parquet-floats-with-five-decimals-as-money",
        _bytes(floats),
        quarantine(2, Aside(line=0, column="revenue")),
        file=_FILE,
    )
    floats = _table(revenue=pa.array([float("inf"), float("nan")]))
    outcome = quarantine(2, Aside(line=0, column="revenue"), Aside(line=1, column="revenue"))
    yield one_file("parquet-inf-and-nan-as-money", _bytes(floats), outcome, file=_FILE)
    waits = pa.table(
        {
            "contact": ["K1", "K2", "K3"],
            "customer": ["C1", "C2", "C3"],
            "time": pa.array([datetime(2026, 1, 5, 10, 30)] * 3, pa.timestamp("us")),
            "wait_seconds": pa.array([1.5, float("-inf"), 7.0]),
        }
    )
    outcome = quarantine(3, Aside(line=1, column="wait_seconds"))
    yield one_file("parquet-inf-as-a-number", _bytes(waits), outcome, file="contacts.parquet")
    decimals = _table(revenue=pa.array([Decimal("1.00001"), Decimal("1.23456")], pa.decimal128(20, 5)))
    yield one_file("parquet-money-with-five-decimals", _bytes(decimals), refused(), file=_FILE)
    times = _table(
        date=pa.array([datetime(2026, 1, 5, 13, 45), datetime(2026, 1, 5, 23)], pa.timestamp("us"))
    )
    outcome = quarantine(2, Aside(line=0, column="date"), Aside(line=1, column="date"))
    yield one_file("parquet-timestamps-as-dates", _bytes(times), outcome, file=_FILE)
    zoned = pa.table(
        {
            "contact": ["K1"],
            "customer": ["C1"],
            "time": pa.array([datetime(2026, 1, 5, 13, 45)], pa.timestamp("us", tz="UTC")),
        }
    )
    yield one_file(
        "parquet-times-with-an-undeclared-zone",
        _bytes(zoned),
        refused("zone|offset"),
        file="contacts.parquet",
    )
    far = _table(date=pa.array([date(9999, 12, 31), _DAY]))
    yield one_file(
        "parquet-date-of-a-sentinel",
        _bytes(far),
        quarantine(2, Aside(line=0, column="date", value="9999-12-31")),
        file=_FILE,
    )
    floats = _table(customer=pa.array([12345678901234567.0, None]))
    yield one_file("parquet-floats-of-17-digits-as-identifiers", _bytes(floats), refused(), file=_FILE)
    units = _table(units=pa.array([1.5, 2.5]))
    outcome = refused()
    yield one_file("parquet-units-with-a-decimal", _bytes(units), outcome, file=_FILE)
    large = _table(units=pa.array([2**64 - 1, 3], pa.uint64()))
    yield one_file(
        "parquet-units-beyond-18-digits",
        _bytes(large),
        quarantine(2, Aside(line=0, column="units")),
        file=_FILE,
    )
    keys = pa.table({"customer": ["C1", "C2", "C1"], "region": ["north", "south", "west"]})
    outcome = quarantine(3, Aside(line=0), Aside(line=2))
    yield one_file("parquet-a-key-twice", _bytes(keys), outcome, file="customers.parquet")
    spaces = _table(customer=pa.array([" C1", "C2\u200b"]))
    outcome = quarantine(2, Aside(line=0, column="customer", value=" C1"), Aside(line=1, column="customer"))
    yield one_file("parquet-identifiers-with-spaces", _bytes(spaces), outcome, file=_FILE)
    nul = _table(customer=pa.array(["C\x001", "C2"]))
    yield one_file("parquet-nul-in-an-identifier", _bytes(nul), quarantine(2, Aside(line=0)), file=_FILE)


def _whole() -> Iterator[Case]:
    good = _bytes(_table())
    yield one_file("parquet-cut-off", good[:-20], reject("parquet|damaged|truncated|cut"), file=_FILE)
    yield one_file(
        "parquet-cut-off-in-the-middle",
        good[: len(good) // 2],
        reject("parquet|damaged|truncated|cut"),
        file=_FILE,
    )
    yield one_file("parquet-without-its-head", good[4:], reject("parquet|damaged"), file=_FILE)
    middle = bytearray(good)
    footer = int.from_bytes(good[-8:-4], "little")
    middle[-8 - footer : -8 - footer // 2] = bytes(footer - footer // 2)
    yield one_file("parquet-with-a-broken-footer", bytes(middle), reject(), file=_FILE)
    yield one_file(
        "parquet-with-a-flipped-bit", _flipped(), reject("checksum|damaged|CRC|corrupt"), file=_FILE
    )
    nested = _table(lines=pa.array([[1, 2], [3]]))
    yield one_file("parquet-with-a-list", _bytes(nested), reject("list|nested|type"), file=_FILE)
    nested = _table(address=pa.array([{"city": "Halden"}, {"city": "Oslo"}]))
    yield one_file("parquet-with-a-structure", _bytes(nested), reject("struct|nested|type"), file=_FILE)
    blob = _table(category=pa.array([b"\xff\xfe", b"ok"]))
    yield one_file("parquet-with-bytes-that-are-no-text", _bytes(blob), refused(), file=_FILE)
    yield one_file(
        "parquet-without-a-required-column",
        _bytes(_table().drop_columns(["revenue"])),
        reject("revenue"),
        file=_FILE,
    )
    base = _table()
    twice = pa.Table.from_arrays(
        [*base.columns, base.column("revenue")], names=[*base.column_names, "revenue"]
    )
    yield one_file("parquet-with-a-column-twice", _bytes(twice), reject("revenue"), file=_FILE)
    capitals = base.rename_columns(["Customer", "date", "revenue"])
    yield one_file("parquet-header-in-capitals", _bytes(capitals), reject("customer"), file=_FILE)


def _flipped() -> bytes:
    """Return a file with checksums in which one digit of one amount was changed by a single bit."""
    table = pa.table(
        {"customer": ["C1"] * 500, "date": [_DAY] * 500, "revenue": [f"{n}.50" for n in range(1000, 1500)]}
    )
    content = bytearray(_bytes(table, write_page_checksum=True, compression="none", use_dictionary=False))
    content[content.rindex(b"1234.50")] ^= 0x04  # 1234.50 becomes 5234.50, a good amount
    return bytes(content)


def cases() -> Iterator[Case]:
    """Yield the cases of Parquet."""
    for make in (_good, _rows, _whole):
        yield from make()

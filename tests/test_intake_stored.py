"""Parquet files taken in: whatever type a column has, nothing is rounded, lost or a traceback."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Context, Decimal, localcontext

import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cemlab.data import engine
from cemlab.data.intake import export, take_in
from cemlab.data.intake.grammar import typed_reason
from cemlab.data.intake.plan import ColumnRule, Settings, TableSettings
from cemlab.data.intake.stored import StoredTyping
from cemlab.errors import DataError

MONEY = pa.decimal128(18, 4)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "client"
    path.mkdir()

    def made(rows: int = 1, table: str = "transactions", **columns: object):
        plain = {"customer": ["A"] * rows, "date": pa.array([date(2026, 1, 31)] * rows)}
        plain |= {"revenue": [1.0] * rows} if table == "transactions" else {}
        pq.write_table(pa.table({**plain, **columns}), path / f"{table}.parquet")
        return path

    return made


def taken(path, settings: Settings | None = None):
    """Return the verdict, what was set aside, and the rows accepted, all proved by loading them."""
    (report,) = take_in(path, settings=settings).files
    out = path.parent / "loaded"
    (loaded,) = export.load(path, out=out, settings=settings)
    assert (loaded.verdict, loaded.accepted) == (report.verdict, report.accepted)
    rows = None if report.verdict == "reject" else pq.read_table(out / f"{report.table}.parquet")
    return report, list(report.quarantined), rows


def refused(path) -> str:
    report, _, _ = taken(path)
    assert report.verdict == "reject"
    (message,) = report.messages
    assert message.startswith("transactions.parquet")
    assert "\n" not in message
    return message


# --- money


@pytest.mark.parametrize(("precision", "scale"), [(50, 2), (39, 4), (76, 0)])
@pytest.mark.parametrize("column", ["revenue", "x"])
def test_decimals_that_the_engine_would_read_as_floats_are_refused(folder, column, precision, scale):
    path = folder(**{column: pa.array([Decimal(1)], pa.decimal256(precision, scale))})
    told = refused(path)
    assert f"the column '{column}' holds decimals of {precision} digits; allowed are 38" in told
    assert "store it as decimal(38, " in told


DECIMALS = [(19, 2), (20, 2), (25, 3), (31, 0), (38, 0), (38, 2), (38, 4), (6, 5), (10, 5), (12, 6), (38, 20)]


@pytest.mark.parametrize(
    ("precision", "scale"), [*DECIMALS, (5, 0), (18, 4), (4, 4), (15, 2), (38, 37), (38, 38)]
)
def test_money_of_any_decimal_is_taken_exactly_or_set_aside(folder, precision, scale):
    wholes = ["0", "1", "-1", "99999999999999", "100000000000000", "-100000000000000", "9" * 36]
    fractions = ["0", "0.01", "0.5", "0.9999", "0.99999", "0.00001", "0.00005"]
    kind = pa.decimal128(precision, scale)
    values = []
    for text in (*wholes, *fractions, *(f"-{text}" for text in fractions), "12345678901234.5678"):
        try:
            values.append(pa.array([Decimal(text)], kind)[0].as_py())
        except pa.ArrowInvalid:  # the type has not so many digits
            continue
    assert len(values) > 2
    report, aside, rows = taken(folder(len(values), revenue=pa.array(values, kind)))
    with localcontext(Context(prec=60)):
        fits = [value for value in values if value == round(value, 4) and abs(value) < 10**14]
    assert rows.column("revenue").to_pylist() == fits
    assert rows.schema.field("revenue").type == MONEY
    assert [Decimal(fault.value) for fault in aside] == [value for value in values if value not in fits]
    assert report.verdict == ("accept" if len(fits) == len(values) else "quarantine")
    for fault in aside:
        assert "more than four decimals" in fault.reason or "more than 14 digits" in fault.reason


def test_integers_from_any_decimal(folder):
    for precision, scale in (*DECIMALS, (38, 38)):
        kind = pa.decimal128(precision, scale)
        half = Decimal("0.5") if scale else Decimal(0)
        _, aside, rows = taken(folder(2, units=pa.array([Decimal(0), half], kind)))
        assert rows.column("units").to_pylist() == [0] * (2 - len(aside))
        assert len(aside) == (scale > 0)
    _, aside, rows = taken(folder(units=pa.array([Decimal("9" * 38)], pa.decimal128(38, 0))))
    assert (len(aside), rows.num_rows) == (1, 0)


def test_missing_codes_of_wide_decimals_are_compared_exactly(folder):
    kind = pa.decimal128(38, 1)
    said = TableSettings(table="transactions", defaults={"missing": ("7.55", "98", "1" + "0" * 29)})
    values = [Decimal("7.5"), Decimal("7.6"), Decimal("98.0")]
    path = folder(3, margin=pa.array(values, kind))
    _, aside, rows = taken(path, Settings(tables={"transactions": said}))
    assert aside == []
    assert rows.column("margin").to_pylist() == [Decimal("7.5"), Decimal("7.6"), None]


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (10.5, "10.5"),
        (-1299.95, "-1299.95"),
        (0.0001, "0.0001"),
        (99999999999999.0, "99999999999999"),
        (12345678901.2345, "12345678901.2345"),  # 15 digits
        (4000000000000.01, "4000000000000.01"),  # 15 digits
    ],
)
def test_floats_of_money_are_what_their_shortest_text_says(folder, value, amount):
    _, aside, rows = taken(folder(revenue=[value]))
    assert aside == []
    assert rows.column("revenue").to_pylist() == [Decimal(amount)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (12345678901234.56, "more than the 15 digits that a floating-point number keeps"),
        (400000000000.0123, "more than the 15 digits"),  # 16 digits
        (0.1 + 0.2, "more than four decimals"),
        (1e-7, "more than four decimals"),
        (1e14, "more than 14 digits before the decimals"),
        (float("nan"), "if it stands for 'no value'"),
        (float("-inf"), "if it stands for 'no value'"),
    ],
)
def test_floats_that_tell_no_exact_amount_are_set_aside(folder, value, words):
    _, (fault,), rows = taken(folder(revenue=[value]))
    assert rows.num_rows == 0
    assert float(fault.value) == value or value != value
    assert words in fault.reason


def test_floats_of_four_bytes_keep_six_digits(folder):
    # 200000.01 is stored as 200000.015625, the shortest text of which is 200000.02
    values = pa.array([1.5, 9999.25, 200000.01, 1234567.0], pa.float32())
    _, aside, rows = taken(folder(4, revenue=values))
    assert rows.column("revenue").to_pylist() == [Decimal("1.5"), Decimal("9999.25")]
    assert [fault.value for fault in aside] == ["200000.02", "1234567.0"]
    assert all("more than the 6 digits" in fault.reason for fault in aside)


# --- days and times that Python does not have

FAR_DAYS = pa.array([10**7, 2**31 - 1, -(2**31) + 1, -(10**6), 20484], pa.int32()).cast(pa.date32())
FAR_TIMES = [10**18, 2**63 - 1, -(2**63) + 1, -(10**17), 1_769_817_600_000_000]


def test_days_beyond_the_calendar_are_set_aside(folder):
    _, aside, rows = taken(folder(5, date=FAR_DAYS))
    assert rows.column("date").to_pylist() == [date(2026, 1, 31)]
    assert [fault.value for fault in aside][:2] == ["29349-01-26", "infinity"]
    assert all("lies outside 1900-01-01 to 2100-12-31" in fault.reason for fault in aside)
    assert json.loads(aside[0].row) == {"customer": "A", "date": "29349-01-26", "revenue": "1.0"}


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("form", ["date", "time"])
def test_times_beyond_the_calendar_are_set_aside(folder, zone, form):
    times = pa.array(FAR_TIMES, pa.timestamp("us", tz=zone))
    name = "at" if form == "time" else "date"
    said = {name: {"time_zone": "UTC"}} if zone else {}
    said |= {"at": {"form": "time", **said.get("at", {})}} if form == "time" else {}
    columns = {name: times}
    settings = Settings(tables={"transactions": TableSettings(table="transactions", columns=said)})
    _, aside, rows = taken(folder(5, **columns), settings)
    assert [fault.line for fault in aside] == [0, 1, 2, 3]
    assert all("lies outside" in fault.reason for fault in aside)
    expected = datetime(2026, 1, 31) if form == "time" else date(2026, 1, 31)
    assert rows.column(name).to_pylist() == [expected]


def test_days_too_far_for_a_time_are_set_aside(folder):
    said = TableSettings(table="transactions", columns={"at": {"form": "time"}})
    far = pa.array([2 * 10**9, 20484], pa.int32()).cast(pa.date32())  # of the year 5,477,767
    _, aside, rows = taken(folder(2, at=far), Settings(tables={"transactions": said}))
    assert [fault.line for fault in aside] == [0]
    assert rows.column("at").to_pylist() == [datetime(2026, 1, 31)]


def test_further_columns_keep_any_day_when_rows_are_set_aside(folder):
    nan = float("nan")
    moments = pa.array(FAR_TIMES, pa.timestamp("us"))
    path = folder(5, revenue=[1.0, nan, nan, 1.0, 1.0], x=FAR_DAYS, y=moments)
    _, aside, rows = taken(path)
    assert [json.loads(fault.row)["x"] for fault in aside] == ["infinity", "-infinity"]
    assert rows.column("x").cast(pa.int32()).to_pylist() == [10**7, -(10**6), 20484]
    assert rows.column("y").cast(pa.int64()).to_pylist() == [FAR_TIMES[i] for i in (0, 3, 4)]


def test_rules_between_rows_show_days_that_python_does_not_have(folder):
    path = folder(2, customer=["A", "A"], table="customers", x=FAR_DAYS.slice(0, 2))
    _, aside, _ = taken(path)  # the key is there twice
    assert [json.loads(fault.row)["x"] for fault in aside] == ["29349-01-26", "infinity"]


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("column", ["date", "x"])
def test_times_that_the_engine_cannot_read_are_refused(folder, column, zone):
    count = [1_769_817_600_000, None, -9 * 10**16]
    told = refused(folder(3, **{column: pa.array(count, pa.timestamp("ms", tz=zone))}))
    assert f"row 2: the column '{column}' holds a time beyond the year 294,246" in told


def test_nanoseconds_of_times_with_a_zone_would_be_lost(folder):
    fine = pa.array([1_769_817_600_000_000_000, None, 1], pa.timestamp("ns", tz="UTC"))
    assert "row 2: the column 'x' holds a time finer than a microsecond" in refused(folder(3, x=fine))
    _, _, rows = taken(folder(2, x=fine.slice(0, 2)))
    assert rows.column("x").cast(pa.timestamp("us")).to_pylist() == [datetime(2026, 1, 31), None]


# --- further columns of every type

KEPT = [
    *((kind, [True, None, False]) for kind in (pa.bool_(),)),
    *(
        (kind, [1, None, 2])
        for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32())
    ),
    (pa.uint64(), [2**64 - 1, None, 0]),
    *((kind, [1.5, None, -0.25]) for kind in (pa.float16(), pa.float32(), pa.float64())),
    *(
        (kind, [Decimal("1.25"), None, Decimal("-0.5")])
        for kind in (pa.decimal32(5, 2), pa.decimal64(12, 3), pa.decimal128(38, 2), pa.decimal256(20, 2))
    ),
    *((kind, ["a", None, "Zürich"]) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *((kind, [b"ab\0\xff", None, b"cdef"]) for kind in (pa.binary(), pa.large_binary(), pa.binary(4))),
    *((kind, [date(2026, 1, 31), None, date(1890, 1, 1)]) for kind in (pa.date32(), pa.date64())),
    *(
        (pa.timestamp(unit), [datetime(2026, 1, 31, 10), None, datetime(1890, 1, 1)])
        for unit in ("s", "ms", "us", "ns")
    ),
    (pa.null(), [None, None, None]),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None, "b"]),
    (pa.dictionary(pa.int16(), pa.int64()), [7, None, 8]),
]


@pytest.mark.parametrize("some_aside", [False, True])
@pytest.mark.parametrize(("kind", "values"), KEPT, ids=[str(kind) for kind, _ in KEPT])
def test_further_columns_of_every_type_come_through(folder, kind, values, some_aside):
    if pa.types.is_dictionary(kind):
        column = pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    else:
        column = pa.array(values, kind)
    revenue = [1.0, 2.0, float("nan") if some_aside else 3.0]
    report, aside, rows = taken(folder(3, x=column, revenue=revenue))
    assert report.verdict == ("quarantine" if some_aside else "accept")
    kept = rows.column("x")
    if pa.types.is_timestamp(kept.type):
        kept = kept.cast(pa.timestamp("us"))
    assert kept.to_pylist() == (values[:2] if some_aside else values)
    assert len(aside) == some_aside


@pytest.mark.parametrize("some_aside", [False, True])
@pytest.mark.parametrize("kind", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")], ids=str)
def test_times_of_day_come_through_as_text(folder, kind, some_aside):
    column = pa.array([time(10, 30, 5), None, time(0)], pa.time64("us")).cast(kind)
    revenue = [1.0, 2.0, float("nan") if some_aside else 3.0]
    _, _, rows = taken(folder(3, x=column, revenue=revenue))
    assert rows.column("x").to_pylist() == (["10:30:05", None, "00:00:00"][: 3 - some_aside])


@pytest.mark.parametrize("column", ["units", "x"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_refused(folder, column, unit):
    told = refused(folder(**{column: pa.array([5], pa.duration(unit))}))
    assert f"the column '{column}' holds durations; write them as numbers of one unit" in told


def test_documents_are_refused(folder):
    told = refused(folder(x=pa.array(['{"a": 1}'], pa.json_())))
    assert "the column 'x' holds values of the kind arrow.json" in told


def test_uuids_are_identifiers(folder):
    codes = pa.array([bytes(range(16))], pa.uuid())
    _, _, rows = taken(folder(customer=codes))
    assert rows.column("customer").to_pylist() == ["00010203-0405-0607-0809-0a0b0c0d0e0f"]


# --- what a column of the contract may hold


@pytest.mark.parametrize("char", ["\0", "\x01", "\x1b", "\x7f", "\x85"])
def test_control_characters_in_text_are_set_aside(folder, char):
    path = folder(3, category=[f"a{char}b", "a\tb\nc", None])
    _, (fault,), rows = taken(path)
    assert (fault.line, fault.column, fault.value) == (0, "category", f"a{char}b")
    assert f"holds a control character (U+{ord(char):04X})" in fault.reason
    assert rows.column("category").to_pylist() == ["a\tb\nc", None]


def test_flags_of_zeros_and_ones_are_taken_from_any_number(folder):
    for kind in (pa.float64(), pa.float32(), pa.int64(), pa.decimal128(38, 2), pa.decimal128(3, 0)):
        flags = pa.array([1, 0, None], kind)
        _, aside, rows = taken(folder(3, table="customers", customer=["A", "B", "C"], consent=flags))
        assert aside == []
        assert rows.column("consent").to_pylist() == [True, False, None]
    path = folder(3, table="customers", customer=["A", "B", "C"], consent=[1.0, 0.5, float("nan")])
    _, aside, _ = taken(path)
    assert [fault.value for fault in aside] == ["0.5", "nan"]


@pytest.mark.parametrize("empty", [pa.nulls(1), pa.nulls(1, pa.float64()), pa.nulls(1, pa.bool_())], ids=str)
def test_a_column_of_blanks_may_have_any_type(folder, empty):
    _, _, rows = taken(folder(table="customers", joined=empty, consent=empty, potential_value=empty))
    assert rows.select(["joined", "consent", "potential_value"]).to_pylist() == [
        {"joined": None, "consent": None, "potential_value": None}
    ]
    path = folder(date=empty)
    (path / "customers.parquet").unlink()
    (path.parent / "loaded" / "customers.parquet").unlink()
    _, (fault,), _ = taken(path)
    assert fault.reason == "is blank, but every row needs a value"


def test_a_type_that_cannot_be_taken_names_the_file_and_the_column(folder):
    path = folder(date=[1.5])
    (report,) = take_in(path).files
    assert report.verdict == "reject"
    assert "column 'date': its type is float64, but date is wanted" in report.messages[0]
    raw = engine.connect(path).read_parquet(str(path / "transactions.parquet"), file_row_number=True)
    rule = ColumnRule(name="date", form="date", source="date")
    with pytest.raises(DataError, match=r"^transactions\.parquet, column 'date': its type is float64"):
        StoredTyping(raw, rules=[rule], as_they_are=(), where="transactions.parquet")


@pytest.mark.parametrize(
    ("text", "rule", "kind", "words"),
    [
        ("1.5", {"form": "integer"}, dt.float64, "it has decimals"),
        ("9007199254740994.0", {"form": "integer"}, dt.float64, "too large to be exact"),
        ("1e+20", {"form": "integer"}, dt.float64, "too large to be exact"),
        ("1e+20", {"form": "number", "maximum": "10"}, dt.float64, "is above the maximum of 10"),
        ("1.5", {"form": "share"}, dt.float64, "is not a share"),
        ("0.75", {"form": "share", "maximum": "0.5"}, dt.float64, "is above the maximum of 0.5"),
        ("-1.00000", {"form": "money", "minimum": "0"}, dt.Decimal(38, 5), "is below the minimum of 0"),
        ("5.0", {"form": "integer", "allowed": ("1", "2")}, dt.float64, "is not one of 1, 2"),
        ("98.0", {"form": "number", "missing": ("98",), "required": True}, dt.float64, "stands for"),
        ("2026-01-31 10:00:00", {"form": "date"}, dt.Timestamp(), "has a time of day; store the column as"),
        ("2026-01-31 10:00:00.000000001", {"form": "time"}, dt.Timestamp(scale=9), "is finer"),
        ("0001-01-01 (BC)", {"form": "date"}, dt.date, "lies outside 1900-01-01 to 2100-12-31"),
        ("2026-01-31", {"form": "date", "maximum": "2025-12-31"}, dt.date, "1900-01-01 to 2025-12-31"),
        ("", {"form": "date", "required": True}, dt.date, "is blank, but every row needs a value"),
    ],
)  # fmt: skip
def test_reasons_are_in_the_users_words(text, rule, kind, words):
    told = typed_reason(text, ColumnRule(name="x", **rule), kind)
    assert told.startswith(repr(text)) or text == ""
    assert words in told


def test_what_is_said_of_text_does_not_hold_for_floats(folder):
    said = TableSettings(table="transactions", defaults={"decimal": ",", "thousands": "."})
    _, (fault,), _ = taken(folder(2, revenue=[1.5, 0.1 + 0.2]), Settings(tables={"transactions": said}))
    assert fault.value == "0.30000000000000004"
    assert "more than four decimals" in fault.reason


@pytest.mark.parametrize("name", ["cemlab_verdict", "b0", "c0", "place", "verdict"])
def test_further_columns_may_be_called_as_ours(folder, name):
    _, aside, rows = taken(folder(2, revenue=[1.0, float("nan")], **{name: ["p", "q"]}))
    assert rows.column(name).to_pylist() == ["p"]
    assert json.loads(aside[0].row)[name] == "q"


@pytest.mark.parametrize("name", ["file_row_number", "File_Row_Number"])
def test_the_name_that_the_engine_uses_is_refused(folder, name):
    assert f"the column '{name}' has a name that the engine uses itself" in refused(folder(**{name: [1]}))

"""Counts of purchases: against plain pandas on generated tables, by hand, and on CDNOW."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cemlab.data import engine
from cemlab.data.counts import PurchaseCounts, purchase_pairs, repeat_purchases
from cemlab.data.lines import days_between, purchases
from cemlab.errors import ColumnError, DataError, OptionError
from tests.conftest import public

SCHEMA = {
    "customer": "string",
    "date": "date",
    "order": "string",
    "revenue": "decimal(18, 4)",
    "margin": "decimal(18, 4)",
}
MONTHS_A_PERIOD = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
FIRST = date(2021, 1, 1)

# one engine for all examples: opening one takes longer than an example does
CONNECTION = engine.connect()
EXAMPLES = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

cents = st.integers(-10_000, 10_000_000).map(lambda whole: Decimal(whole).scaleb(-4))
line = st.tuples(
    st.sampled_from(["a", "b", 'c "; --', "d", "e"]),
    st.integers(0, 1500).map(lambda day: FIRST + timedelta(days=day)),
    st.sampled_from(["1", "2", "3"]),
    cents,
    cents,
)
tables = st.lists(line, min_size=1, max_size=40)
periods = st.sampled_from(sorted(MONTHS_A_PERIOD))
occasions = st.sampled_from(["line", "day", "order"])


def lines_of(rows: list[tuple[Any, ...]]) -> Any:
    # through Arrow, for ibis turns no missing DECIMAL from Python
    schema = ibis.schema(SCHEMA).to_pyarrow()
    return ibis.memtable(pa.Table.from_pylist([dict(zip(SCHEMA, row, strict=True)) for row in rows], schema))


def frame_of(rows: list[tuple[Any, ...]], occasion: str = "line") -> pd.DataFrame:
    """The occasions in plain pandas; money as whole ten-thousandths."""
    frame = pd.DataFrame(rows, columns=list(SCHEMA))
    for name in ("revenue", "margin"):
        frame[name] = [int(value.scaleb(4)) for value in frame[name]]
    if occasion == "line":
        return frame
    keys = ["customer", "date" if occasion == "day" else "order"]
    money = {"revenue": ("revenue", "sum"), "margin": ("margin", "sum")}
    dated = {"day": ("date", "min")}
    return frame.groupby(keys).agg(**money, **dated).reset_index("customer").rename(columns={"day": "date"})


def number(day: date, period: str) -> int:
    return (day.year * 12 + day.month - 1) // MONTHS_A_PERIOD[period]


def first_day(index: int, period: str) -> date:
    months = index * MONTHS_A_PERIOD[period]
    return date(months // 12, months % 12 + 1, 1)


def rows_of(table: Any) -> list[dict[str, Any]]:
    """The rows of an Ibis table, money as whole ten-thousandths."""
    found = table.to_pyarrow().to_pylist()
    for row in found:
        for name, value in row.items():
            if isinstance(value, Decimal):
                row[name] = int(value.scaleb(4))
    return found


def as_sets(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    cells = {tuple(sorted(row.items())) for row in rows}
    assert len(cells) == len(rows), "a row stands twice"
    return cells


@EXAMPLES
@given(tables, periods, occasions)
def test_customer_periods_equal_pandas(rows: Any, period: Any, occasion: Any) -> None:
    frame = frame_of(rows, occasion)
    frame["period"] = [first_day(number(day, period), period) for day in frame["date"]]
    expected = frame.groupby(["customer", "period"], as_index=False).agg(
        n=("date", "size"),
        revenue=("revenue", "sum"),
        margin=("margin", "sum"),
        first=("date", "min"),
        last=("date", "max"),
    )
    counted = PurchaseCounts(lines_of(rows), period=period, occasion=occasion).customer_period()
    assert as_sets(rows_of(counted)) == as_sets(expected.to_dict("records"))


@EXAMPLES
@given(tables, occasions, st.integers(-100, 100))
def test_rfm_equals_pandas_also_before_the_last_purchase(rows: Any, occasion: Any, after: int) -> None:
    frame = frame_of(rows, occasion)
    as_of = max(frame["date"]) + timedelta(days=after)
    frame = frame[frame["date"] <= as_of]
    expected = frame.groupby("customer", as_index=False).agg(
        frequency=("date", "size"),
        revenue=("revenue", "sum"),
        margin=("margin", "sum"),
        first=("date", "min"),
        last=("date", "max"),
    )
    expected["recency_days"] = [(as_of - day).days for day in expected["last"]]
    counted = PurchaseCounts(lines_of(rows), occasion=occasion).rfm(as_of=as_of)
    assert as_sets(rows_of(counted)) == as_sets(expected.to_dict("records"))


@EXAMPLES
@given(tables, periods)
def test_cohort_retention_equals_counting_customer_by_customer(rows: Any, period: Any) -> None:
    bought = bought_in(rows, period)
    last = max(max(seen) for seen in bought.values())
    expected = []
    for cohort in {min(seen) for seen in bought.values()}:
        members = [seen for seen in bought.values() if min(seen) == cohort]
        for index in range(cohort, last + 1):
            expected.append(
                {
                    "cohort": first_day(cohort, period),
                    "period": first_day(index, period),
                    "age": index - cohort,
                    "n_cohort": len(members),
                    "n_customers": sum(index in seen for seen in members),
                }
            )
    counted = PurchaseCounts(lines_of(rows), period=period).cohort_retention()
    assert as_sets(rows_of(counted)) == as_sets(expected)


@EXAMPLES
@given(tables, periods)
def test_transitions_equal_counting_customer_by_customer(rows: Any, period: Any) -> None:
    tiers = {"some": 1, "more": 2, "many": 5}

    def tier(n: int) -> str:
        return "no purchase" if n == 0 else "some" if n == 1 else "more" if n < 5 else "many"

    bought = bought_in(rows, period)
    last = max(max(seen) for seen in bought.values())
    expected: dict[tuple[Any, ...], int] = {}
    for seen in bought.values():
        for index in range(min(seen), last):
            move = (index, tier(seen.get(index, 0)), tier(seen.get(index + 1, 0)))
            expected[move] = expected.get(move, 0) + 1
    counted = PurchaseCounts(lines_of(rows), period=period).transitions(tiers=tiers)
    assert {
        (number(row["period"], period), row["tier"], row["next_tier"]): row["n_customers"]
        for row in rows_of(counted)
    } == expected
    for row in rows_of(counted):
        assert number(row["next_period"], period) == number(row["period"], period) + 1


def bought_in(rows: Any, period: str) -> dict[str, dict[int, int]]:
    """Customer → period → number of lines."""
    bought: dict[str, dict[int, int]] = {}
    for customer, day, *_ in rows:
        seen = bought.setdefault(customer, {})
        seen[number(day, period)] = seen.get(number(day, period), 0) + 1
    return bought


@EXAMPLES
@given(tables, occasions, st.integers(0, 700), st.integers(0, 400), st.integers(0, 400))
def test_pairs_equal_pandas(rows: Any, occasion: Any, start: int, length: int, gap: int) -> None:
    base = (FIRST + timedelta(days=start), FIRST + timedelta(days=start + length))
    follow_up = (base[1] + timedelta(days=1 + gap), base[1] + timedelta(days=1 + gap + length))
    expected: dict[tuple[int, int], list[int]] = {}
    for _, own in frame_of(rows, occasion).groupby("customer"):
        now = own[(own["date"] >= base[0]) & (own["date"] <= base[1])]
        then = own[(own["date"] >= follow_up[0]) & (own["date"] <= follow_up[1])]
        if len(now):
            cell = expected.setdefault((len(now), len(then)), [0, 0, 0])
            cell[:] = [cell[0] + 1, cell[1] + now["revenue"].sum(), cell[2] + then["revenue"].sum()]
    pairs = purchase_pairs(lines_of(rows), base=base, follow_up=follow_up, occasion=occasion)
    assert {
        (row["n_base"], row["n_next"]): [row["n_customers"], row["revenue_base"], row["revenue_next"]]
        for row in rows_of(pairs)
    } == expected


@EXAMPLES
@given(tables, st.integers(0, 1500), st.integers(1, 400), st.sampled_from([1, 7, 30]))
def test_repeat_purchases_equal_counting_customer_by_customer(
    rows: Any, until_day: int, holdout: int, unit: int
) -> None:
    until = FIRST + timedelta(days=until_day)
    end = until + timedelta(days=holdout)
    expected: dict[tuple[float, ...], int] = {}
    for customer in {row[0] for row in rows}:
        days = sorted({row[1] for row in rows if row[0] == customer})
        seen = [day for day in days if day <= until]
        if seen:
            cell = (
                len(seen) - 1,
                (seen[-1] - seen[0]).days / unit,
                (until - seen[0]).days / unit,
                sum(until < day <= end for day in days),
            )
            expected[cell] = expected.get(cell, 0) + 1
    table = repeat_purchases(lines_of(rows), until=until, time_unit_days=unit, holdout_until=end)
    assert {
        (row["frequency"], row["recency"], row["age"], row["n_holdout"]): row["n_customers"]
        for row in rows_of(table)
    } == expected
    without = repeat_purchases(lines_of(rows), until=until, time_unit_days=unit)
    assert without.columns == ("frequency", "recency", "age", "n_customers")
    assert sum(row["n_customers"] for row in rows_of(without)) == sum(expected.values())


BY_HAND = [
    ("ann", date(2021, 12, 31), "1", Decimal("10.0000"), Decimal("1.0000")),
    ("ann", date(2022, 1, 1), "2", Decimal("0.0001"), Decimal("0.0000")),
    ("ann", date(2022, 1, 1), "2", Decimal("0.0002"), Decimal("0.0000")),
    ("bob", date(2021, 3, 1), "1", Decimal("5.0000"), Decimal("2.0000")),
    ("bob", date(2023, 3, 1), "2", Decimal("7.0000"), Decimal("2.5000")),
    ("cyd", date(2023, 6, 30), "1", Decimal("99999999999999.9999"), Decimal("0.0000")),
]


def test_transitions_by_hand_tell_of_those_who_stayed_away_and_came_back() -> None:
    moves = PurchaseCounts(lines_of(BY_HAND)).transitions(tiers={"one": 1, "more": 2})
    # cyd is won in the last year and has not moved; bob has no purchase in 2022
    assert [tuple(row.values()) for row in rows_of(moves)] == [
        (date(2021, 1, 1), date(2022, 1, 1), "one", "more", 1),
        (date(2021, 1, 1), date(2022, 1, 1), "one", "no purchase", 1),
        (date(2022, 1, 1), date(2023, 1, 1), "more", "no purchase", 1),
        (date(2022, 1, 1), date(2023, 1, 1), "no purchase", "one", 1),
    ]


def test_an_order_counts_once_on_its_first_day() -> None:
    rows = [
        ("ann", date(2021, 12, 31), "1", Decimal(1), Decimal(0)),
        ("ann", date(2022, 1, 5), "1", Decimal(2), Decimal(0)),
        ("bob", date(2022, 1, 5), "1", Decimal(4), Decimal(0)),  # another customer's order 1
    ]
    found = rows_of(PurchaseCounts(lines_of(rows), occasion="order").customer_period())
    assert {(row["customer"], row["period"], row["n"], row["revenue"]) for row in found} == {
        ("ann", date(2021, 1, 1), 1, 30_000),
        ("bob", date(2022, 1, 1), 1, 40_000),
    }


def test_half_years_begin_in_january_and_july() -> None:
    found = PurchaseCounts(lines_of(BY_HAND), period="half_year").customer_period()
    assert {row["period"] for row in rows_of(found)} == {
        date(2021, 1, 1),
        date(2021, 7, 1),
        date(2022, 1, 1),
        date(2023, 1, 1),
    }


def test_span_is_the_first_and_last_purchase() -> None:
    assert PurchaseCounts(lines_of(BY_HAND)).span == (date(2021, 3, 1), date(2023, 6, 30))


def test_days_between_dates_ignore_the_hour_a_line_was_rung_up() -> None:
    at_night = {"customer": ["a", "a"], "date": pd.to_datetime(["2024-02-28 23:59", "2024-03-01 00:01"])}
    frame = pd.DataFrame({**at_night, "revenue": [1, 2]})
    (row,) = rows_of(PurchaseCounts(ibis.memtable(frame)).rfm(as_of=date(2024, 3, 2)))
    assert (row["first"], row["last"], row["recency_days"]) == (date(2024, 2, 28), date(2024, 3, 1), 1)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "pyspark"])
def test_days_between_is_asked_of_dates_on_every_engine(dialect: str) -> None:
    table = ibis.table({"date": "date"}, name="lines")
    sql = ibis.to_sql(
        table.select(n=days_between(table["date"], ibis.literal(date(2024, 1, 1)))), dialect=dialect
    )
    assert "TIMESTAMPDIFF" not in sql
    assert "UNIX" not in sql


def test_money_is_the_same_with_one_thread_and_two() -> None:
    """Amounts whose sum in floating point depends on the order in which they are added."""
    rng = np.random.default_rng(3)
    whole = rng.integers(-(10**17), 10**17, 200_000)
    customer = rng.integers(0, 5, whole.size)
    lines = pa.table(
        {
            "customer": customer,
            "date": pa.array([FIRST] * whole.size),
            "revenue": pa.array([Decimal(int(w)).scaleb(-4) for w in whole], pa.decimal128(18, 4)),
        }
    )
    # whole numbers in Python cannot overflow: the truth
    expected = {c: sum(whole[customer == c].tolist()) for c in range(5)}
    for threads in (1, 2):
        table = ibis.duckdb.connect(threads=threads).create_table("lines", lines)
        found = rows_of(PurchaseCounts(table).rfm(as_of=FIRST))
        assert {row["customer"]: row["revenue"] for row in found} == expected


def test_whole_numbers_and_other_scales_of_money_stay_exact() -> None:
    for kind, given_value, expected in (
        ("int64", 9_000_000_000_000_000_000, Decimal(18_000_000_000_000_000_000)),
        ("decimal(18, 0)", Decimal(7), Decimal(14)),
        ("decimal(18, 6)", Decimal("0.000001"), Decimal("0.000002")),
    ):
        rows = [("a", date(2024, 1, 1), given_value), ("a", date(2024, 1, 2), given_value)]
        table = ibis.memtable(rows, schema={"customer": "string", "date": "date", "revenue": kind})
        (row,) = PurchaseCounts(table).rfm(as_of=date(2024, 1, 2)).to_pyarrow().to_pylist()
        assert row["revenue"] == expected


def test_the_lines_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = engine.connect()
    table = connection.create_table("lines", lines_of(BY_HAND).to_pyarrow())
    created: list[str] = []
    create = type(connection)._create_cached_table

    def counted(self: Any, name: str, expression: Any) -> Any:
        created.append(self.compile(expression))
        return create(self, name, expression)

    monkeypatch.setattr(type(connection), "_create_cached_table", counted)
    shared = PurchaseCounts(table)
    shared.rfm(as_of=date(2024, 1, 1)).to_pyarrow()
    shared.cohort_retention().to_pyarrow()
    shared.customer_period().to_pyarrow()
    shared.transitions().to_pyarrow()
    assert sum('"lines"' in sql for sql in created) == 1
    before = len(created)
    shared.transitions(tiers={"some": 1}).to_pyarrow()
    shared.transitions(tiers={"some": 1}).to_pyarrow()
    # other tiers are counted from the few cells, and once
    assert len(created) == before + 1


def test_the_engine_is_left_as_it_was() -> None:
    connection = engine.connect()
    table = connection.create_table("lines", lines_of(BY_HAND).to_pyarrow())
    before = len(connection.list_tables())
    shared = PurchaseCounts(table)
    moves = shared.transitions()
    moves.to_pyarrow()
    temporary = "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    assert connection.raw_sql(temporary).fetchone()[0] > 0
    del shared, moves
    gc.collect()
    assert connection.raw_sql(temporary).fetchone()[0] == 0
    assert len(connection.list_tables()) == before


def test_other_columns_are_ignored_whatever_their_names() -> None:
    odd = ['select "', "n", "first", "'; DROP TABLE lines --"]
    table = lines_of(BY_HAND)
    plain = PurchaseCounts(table)
    strange = PurchaseCounts(table.mutate(**{name: ibis.literal(1) for name in odd}))
    for ask in (
        lambda c: c.customer_period(),
        lambda c: c.rfm(as_of=date(2024, 1, 1)),
        lambda c: c.cohort_retention(),
        lambda c: c.transitions(),
    ):
        assert as_sets(rows_of(ask(strange))) == as_sets(rows_of(ask(plain)))


def test_money_that_is_not_asked_for_is_not_added_up() -> None:
    table = lines_of(BY_HAND)
    assert "margin" not in PurchaseCounts(table, money=["revenue"]).customer_period().columns
    assert "margin" not in PurchaseCounts(table.drop("margin")).rfm(as_of=date(2024, 1, 1)).columns
    assert "revenue" not in PurchaseCounts(table, money=()).customer_period().columns


def without_value(name: str) -> Any:
    position = list(SCHEMA).index(name)
    row = tuple(None if i == position else value for i, value in enumerate(BY_HAND[0]))
    return lines_of([row, *BY_HAND])


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no customer": (
        lambda: PurchaseCounts(without_value("customer")),
        DataError,
        "'customer': missing in 1 of 7",
    ),
    "no date": (lambda: PurchaseCounts(without_value("date")), DataError, "'date': missing in 1 of 7"),
    "no revenue": (
        lambda: PurchaseCounts(without_value("revenue")),
        DataError,
        "'revenue': missing in 1 of 7",
    ),
    "no margin": (lambda: PurchaseCounts(without_value("margin")), DataError, "'margin': missing in 1 of 7"),
    "no order": (
        lambda: PurchaseCounts(without_value("order"), occasion="order"),
        DataError,
        "'order': missing in 1 of 7",
    ),
    "column": (lambda: PurchaseCounts(lines_of(BY_HAND).drop("date")), ColumnError, "no column named 'date'"),
    "margin asked": (
        lambda: PurchaseCounts(lines_of(BY_HAND).drop("margin"), money=["margin"]),
        ColumnError,
        "no column named 'margin'",
    ),
    "double": (
        lambda: PurchaseCounts(lines_of(BY_HAND).mutate(revenue=ibis.literal(1.5))),
        DataError,
        "'revenue': float64 does not add up exactly; cast it to DECIMAL",
    ),
    "zone": (
        lambda: PurchaseCounts(
            lines_of(BY_HAND).mutate(date=ibis.literal("2024-01-01").cast("timestamp('UTC')"))
        ),
        DataError,
        "not a business date",
    ),
    "text date": (
        lambda: PurchaseCounts(lines_of(BY_HAND).mutate(date=ibis.literal("2024-01-01"))),
        DataError,
        "string is not a business date",
    ),
    "period": (lambda: PurchaseCounts(lines_of(BY_HAND), period="week"), OptionError, "month, quarter"),
    "occasion": (
        lambda: PurchaseCounts(lines_of(BY_HAND), occasion="visit"),
        OptionError,
        "line, day, order",
    ),
    "money": (lambda: PurchaseCounts(lines_of(BY_HAND), money=["profit"]), OptionError, "revenue, margin"),
    "empty": (
        lambda: PurchaseCounts(lines_of(BY_HAND).limit(0)).rfm(as_of=FIRST),
        DataError,
        "hold no purchase",
    ),
    "no purchase": (
        lambda: PurchaseCounts(lines_of(BY_HAND)).transitions(tiers={"no purchase": 1}),
        OptionError,
        "no tier can be named",
    ),
    "not from 1": (
        lambda: PurchaseCounts(lines_of(BY_HAND)).transitions(tiers={"few": 2}),
        OptionError,
        "ascending from 1",
    ),
    "not ascending": (
        lambda: PurchaseCounts(lines_of(BY_HAND)).transitions(tiers={"a": 1, "b": 5, "c": 3}),
        OptionError,
        "ascending from 1",
    ),
    "no tiers": (
        lambda: PurchaseCounts(lines_of(BY_HAND)).transitions(tiers={}),
        OptionError,
        "ascending from 1",
    ),
    "overlap": (
        lambda: purchase_pairs(
            lines_of(BY_HAND),
            base=(FIRST, date(2021, 12, 31)),
            follow_up=(date(2021, 12, 31), date(2022, 1, 1)),
        ),
        OptionError,
        "do not ascend",
    ),
    "unit": (
        lambda: repeat_purchases(lines_of(BY_HAND), until=FIRST, time_unit_days=0),
        OptionError,
        "1 or more",
    ),
    "holdout": (
        lambda: repeat_purchases(lines_of(BY_HAND), until=FIRST, holdout_until=FIRST),
        OptionError,
        "not after until",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_cannot_be_counted_is_refused_in_one_line(case: str) -> None:
    do, error, words = ERRORS[case]
    with pytest.raises(error) as caught:
        do()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def cdnow() -> Any:
    return public("cdnow_sample").table("transactions")


def test_cdnow_sample_has_the_published_counts(cdnow: Any) -> None:
    """2,357 customers and 946 repeaters: Fader, Hardie and Lee (2005), calibration to 1997-09-30."""
    table = repeat_purchases(cdnow, until=date(1997, 9, 30), holdout_until=date(1998, 6, 30)).to_pandas()
    assert int(table["n_customers"].sum()) == 2357
    assert int(table.loc[table["frequency"] > 0, "n_customers"].sum()) == 946
    # everybody in this sample first bought in the first quarter of 1997, 26 to 39 weeks before
    assert table["age"].between(26, 39).all()


def test_cdnow_sample_counts_each_line_once(cdnow: Any) -> None:
    """6,919 lines, as the file has."""
    shared = PurchaseCounts(cdnow, period="quarter")
    total = shared.customer_period().aggregate(n=ibis._["n"].sum()).to_pandas()
    assert int(total["n"].iloc[0]) == 6919


def test_purchases_keep_one_row_an_occasion() -> None:
    assert purchases(lines_of(BY_HAND), occasion="day").count().to_pyarrow().as_py() == 5

"""Recency, frequency, money: equal customers are scored alike, and every sum is exact."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.value_cells import class_of, quantile_cuts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.present import plots
from cemlab.segmentation import rfm
from tests.conftest import public

AS_OF = date(2025, 12, 31)
SCHEMA = {
    "customer": "string",
    "date": "date",
    "order": "string",
    "revenue": "decimal(18, 4)",
    "margin": "decimal(18, 4)",
}


def lines(rows: list[tuple[str, int, int]], *, margin: str = "0.5") -> ibis.Table:
    """Purchase lines of (customer, days before AS_OF, cents)."""
    made = [
        (
            who,
            AS_OF - timedelta(days=ago),
            f"{who}-{ago}",
            Decimal(cents) / 100,
            Decimal(margin) * cents / 100,
        )
        for who, ago, cents in rows
    ]
    return ibis.memtable(made, schema=SCHEMA)


# six customers: four bought once, one twice, one three times
SIX = lines(
    [
        ("a", 100, 1000),
        ("b", 80, 2000),
        ("c", 60, 3000),
        ("d", 40, 4000),
        ("e", 20, 2500),
        ("e", 30, 2500),
        ("f", 0, 2000),
        ("f", 1, 2000),
        ("f", 2, 2001),
    ]
)


def scores_of(result) -> dict[str, tuple[int, int, int]]:
    rows = result.scores().to_pyarrow().to_pylist()
    return {row["customer"]: (row["r"], row["f"], row["m"]) for row in rows}


def honest_scores(values: list, classes: int, *, descending: bool = False) -> list[int]:
    """The definition, in exact fractions: the class in which the middle of all equal values stands."""
    n = len(values)
    found = []
    for value in values:
        worse = sum((other > value) if descending else (other < value) for other in values)
        equal = sum(other == value for other in values)
        found.append(math.ceil(classes * (worse + Fraction(equal, 2)) / n))
    return found


# --- by hand --------------------------------------------------------------------------------------------


def test_six_customers_by_hand():
    result = rfm(SIX, as_of=AS_OF, classes=3)
    # recency and money have no ties: two customers a class. Of the four who bought once, the middle
    # stands at 2 of 6, the end of the first third; e stands at 4.5 of 6, f at 5.5: the last third
    assert scores_of(result) == {
        "a": (1, 1, 1), "b": (1, 1, 1), "c": (2, 1, 2), "d": (2, 1, 2), "e": (3, 3, 3), "f": (3, 3, 3),
    }  # fmt: skip
    frequency = result.table[result.table["dimension"] == "frequency"]
    assert frequency[["score", "low", "high", "n"]].to_numpy().tolist() == [[1, 1, 1, 4], [3, 2, 3, 2]]
    assert frequency["money"].tolist() == [Decimal("100.0000"), Decimal("110.0100")]
    money = result.bounds[result.bounds["dimension"] == "money"]
    assert money["low"].tolist() == [Decimal("10.0000"), Decimal("30.0000"), Decimal("50.0000")]
    assert money["high"].tolist() == [Decimal("20.0000"), Decimal("40.0000"), Decimal("60.0100")]


def test_what_ties_did_is_said():
    result = rfm(SIX, as_of=AS_OF, classes=3)
    said = "66.7 % of customers bought once, so frequency has 2 classes instead of 3: nobody has score 2."
    assert said in result.narrative()
    assert [check.name for check in result.evidence.failed] == ["ties in frequency"]
    row = result.summary.set_index("dimension").loc["frequency [purchase days]"]
    assert (row["classes"], row["ranges"]) == ("2 instead of 3", "1 | 2 to 3")
    assert result.summary["classes"].tolist() == ["3", "2 instead of 3", "3"]


def test_wilson_interval_of_a_share():
    result = rfm(SIX, as_of=AS_OF, classes=3)
    row = result.table[(result.table["dimension"] == "frequency") & (result.table["score"] == 3)].iloc[0]
    # 2 of 6 by Wilson's formula: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    z, p, n = 1.959963984540054, 1 / 3, 6
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    expected = [p, (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)]
    # 1e-9: the same formula in another order
    np.testing.assert_allclose(row[["estimate", "conf_low", "conf_high"]].astype(float), expected, rtol=1e-9)


def test_a_day_of_many_lines_is_one_purchase_unless_lines_are_asked_for():
    twice = lines([("a", 3, 100), ("a", 3, 200), ("b", 5, 400)])
    by_day = rfm(twice, as_of=AS_OF, classes=2)
    by_line = rfm(twice, as_of=AS_OF, classes=2, occasion="line")
    assert by_day.customers.frequency.max().execute() == 1
    assert by_line.customers.frequency.max().execute() == 2
    assert by_line.unit == "purchase lines"
    assert sum(by_day.cells["money"]) == Decimal("7.0000") == sum(by_line.cells["money"])


def test_returns_are_no_purchases_but_less_money():
    table = lines([("a", 50, 1000), ("a", 2, -400), ("b", 10, 500), ("c", 20, 700), ("d", 1, -100)])
    result = rfm(table, as_of=AS_OF, classes=3)
    found = {row["customer"]: row for row in result.customers.to_pyarrow().to_pylist()}
    assert found["a"] == {
        "customer": "a", "recency_days": 50, "frequency": 1, "money": Decimal("6.0000"),
    }  # fmt: skip
    assert set(found) == {"a", "b", "c"}  # d has only given something back
    assert (result.evidence.n_used, result.evidence.n_given) == (3, 4)
    assert "2 lines with negative revenue are returns" in result.evidence.design


def test_later_purchases_do_not_count():
    early = rfm(SIX, as_of=AS_OF - timedelta(days=40), classes=2)
    assert set(scores_of(early)) == {"a", "b", "c", "d"}
    assert early.customers.recency_days.min().execute() == 0
    moment = datetime(2025, 12, 31, 15, 30)
    assert rfm(SIX, as_of=moment, classes=3).as_of == AS_OF


def test_margin_can_be_the_money():
    result = rfm(SIX, as_of=AS_OF, classes=3, money="margin")
    assert sum(result.cells["money"]) == Decimal("105.0050")
    assert "of the margin" in result.narrative()


# --- honest ties ------------------------------------------------------------------------------------------


def test_the_usual_way_parts_equal_customers_by_the_order_of_rows_and_ours_does_not():
    orders = [1] * 34 + [2] * 20 + [3] * 15 + list(range(4, 35))
    frame = pd.DataFrame({"customer": [f"c{k:03}" for k in range(100)], "orders": orders})
    shuffled = frame.sample(frac=1, random_state=3)

    def usual(table: pd.DataFrame) -> pd.Series:
        cut = pd.qcut(table["orders"].rank(method="first"), 5, labels=range(1, 6)).astype(int)
        return pd.Series(cut.to_numpy(), index=table["customer"]).sort_index()

    one, other = usual(frame), usual(shuffled)
    once = frame.loc[frame["orders"] == 1, "customer"]
    assert set(one[once]) == {1, 2}  # 34 customers who did the same, in two classes
    assert (one != other).sum() > 10  # and in others after a shuffle

    def ours(table: pd.DataFrame) -> pd.Series:
        held = ibis.memtable(table.reset_index(drop=True))
        bounds = quantile_cuts(held, "orders", classes=5).bounds
        scored = held.select("customer", score=class_of(held["orders"], bounds)).execute()
        return scored.set_index("customer")["score"].sort_index()

    pd.testing.assert_series_equal(ours(frame), ours(shuffled))
    assert ours(frame)[once].nunique() == 1


@given(
    values=st.lists(st.integers(-3, 12), min_size=1, max_size=60),
    classes=st.integers(2, 7),
    descending=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_cuts_follow_their_definition_on_any_values(values, classes, descending):
    table = ibis.memtable({"customer": list(range(len(values))), "value": values})
    cuts = quantile_cuts(table, "value", classes=classes, descending=descending)
    scored = table.select("customer", score=class_of(table["value"], cuts.bounds)).to_pyarrow().to_pylist()
    found = [row["score"] for row in sorted(scored, key=lambda row: row["customer"])]
    assert found == honest_scores(values, classes, descending=descending)
    assert sum(bound.n for bound in cuts.bounds) == len(values)
    assert cuts.n_tied == max(values.count(value) for value in values)


@pytest.mark.parametrize(("n", "classes"), [(100, 5), (60, 4), (30, 10)])
def test_without_ties_classes_are_equal(n, classes):
    values = np.random.default_rng(1).permutation(n * 7)[:n]
    bounds = quantile_cuts(ibis.memtable({"v": values}), "v", classes=classes).bounds
    assert [bound.n for bound in bounds] == [n // classes] * classes


purchase = st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 40), st.integers(0, 900))


@given(rows=st.lists(purchase, min_size=8, max_size=40), seed=st.integers(0, 9))
@settings(max_examples=12, deadline=None)
def test_scores_agree_with_brute_force_whatever_the_order_of_rows(rows, seed):
    rows = [*rows, ("y", 3, 55), ("z", 3, 55)]  # two customers who did the same
    frame = pd.DataFrame(rows, columns=["customer", "ago", "cents"])
    each = frame.groupby("customer").agg(ago=("ago", "min"), days=("ago", "nunique"), cents=("cents", "sum"))
    expected = {
        who: triple
        for who, *triple in zip(
            each.index,
            honest_scores(each["ago"].tolist(), 2, descending=True),
            honest_scores(each["days"].tolist(), 2),
            honest_scores(each["cents"].tolist(), 2),
            strict=True,
        )
    }
    result = rfm(lines(rows), as_of=AS_OF, classes=2)
    found = {who: list(triple) for who, triple in scores_of(result).items()}
    assert found == expected
    assert found["y"] == found["z"]
    shuffled = [rows[k] for k in np.random.default_rng(seed).permutation(len(rows))]
    again = rfm(lines(shuffled), as_of=AS_OF, classes=2)
    pd.testing.assert_frame_equal(again.table, result.table)
    for _, part in result.table.groupby("dimension"):
        assert sum(part["money"]) == Decimal(int(frame["cents"].sum())) / 100  # exactly
        assert part["n"].sum() == len(each)
    assert sum(result.cells["money"]) == Decimal(int(frame["cents"].sum())) / 100
    assert sum(result.segments()["money"]) == sum(result.cells["money"])


# --- real data ----------------------------------------------------------------------------------------


def test_online_retail_counts_orders_as_published():
    shop = public("online_retail")
    result = rfm(shop.table("transactions"), as_of=shop.as_of, occasion="order")
    assert result.evidence.n_used == 4338
    once = result.table[result.table["dimension"] == "frequency"].iloc[0]
    assert (once["low"], once["high"]) == (1, 1)
    assert round(100 * once["estimate"], 2) == 34.42
    # 8,911,407.904 GBP in 18,532 orders
    assert sum(result.cells["money"]) == Decimal("8911407.904")
    assert result.customers.frequency.sum().execute() == 18_532
    assert "34.4 % of customers bought once, so frequency has 4 classes instead of 5" in result.narrative()


def test_cdnow_counts_lines_as_published():
    shop = public("cdnow")
    result = rfm(shop.table("transactions"), as_of=shop.as_of, occasion="line")
    assert result.evidence.n_used == 23_570
    assert result.customers.frequency.sum().execute() == 69_659
    for _, part in result.table.groupby("dimension"):
        assert part["n"].sum() == 23_570


# --- what is shown ------------------------------------------------------------------------------------


def test_the_chart_is_a_whole_grid_of_shares():
    result = rfm(SIX, as_of=AS_OF, classes=3)
    chart = result.chart
    assert chart.frame["estimate"].sum() == pytest.approx(1, abs=1e-12)  # rounding of six shares
    assert len(chart.frame) == 3 * 2  # three recency scores, two of frequency
    assert chart.claim == (
        "33.3 % of customers have the highest score in recency and in frequency "
        "and hold 52.4 % of the revenue"
    )
    assert "3 to 3 33.3 %" in chart.alt_text()
    assert len(plots.png(chart)) > 1000


def test_segments_are_named_by_thirds():
    result = rfm(SIX, as_of=AS_OF, classes=3)
    found = result.segments().set_index("segment")["n"].to_dict()
    assert found == {"frequent, recent": 2, "light, cooling": 2, "light, long silent": 2}


def test_a_silent_end_of_the_data_is_said():
    result = rfm(SIX, as_of=AS_OF + timedelta(days=90), classes=3)
    assert "the last day inside the data" in [check.name for check in result.evidence.failed]


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": 1}, OptionError, "classes is 1; allowed: a whole number from 2 to 20"),
        ({"classes": True}, OptionError, "classes is True"),
        ({"classes": 2.5}, OptionError, "classes is 2.5"),
        ({"classes": 7}, DesignError, r"6 customer\(s\) with a purchase by 2025-12-31 cannot be cut into 7"),
        ({"as_of": date(2020, 1, 1)}, DesignError, "the first purchase was on 2025-09-22"),
        ({"as_of": "2025-12-31"}, OptionError, "as_of is '2025-12-31'; give a day"),
        ({"money": "profit"}, OptionError, "no amount of money named 'profit'"),
        ({"occasion": "week"}, OptionError, "no purchase occasion named 'week'"),
        ({"conf_level": 95}, OptionError, "conf_level is 95"),
    ],
)
def test_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        rfm(SIX, **{"as_of": AS_OF, "classes": 3, **options})


def test_tables_are_refused():
    with pytest.raises(DataError, match="the transactions hold no purchase"):
        rfm(SIX.filter(SIX["revenue"] < 0), as_of=AS_OF)
    with pytest.raises(DesignError, match=r"1 customer\(s\)"):
        rfm(SIX.filter(SIX["customer"] == "a"), as_of=AS_OF)
    with pytest.raises(ColumnError, match="no column named 'revenue'"):
        rfm(SIX.drop("revenue"), as_of=AS_OF)
    with pytest.raises(ColumnError, match="no column named 'margin'"):
        rfm(SIX.drop("margin"), as_of=AS_OF, money="margin")
    with pytest.raises(DataError, match="float64 does not add up exactly"):
        rfm(SIX.mutate(revenue=SIX["revenue"].cast("float64")), as_of=AS_OF)

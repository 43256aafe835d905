"""Campaigns counted into cells: held to brute force on rows, and nothing from after a campaign."""

import hashlib
import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import ibis
import pandas as pd
import pytest

from cemlab import simulate
from cemlab.data.campaign_cells import campaign_cells, population_cells
from cemlab.errors import ColumnError, DataError, DesignError, OptionError

RUN = date(2024, 6, 3)
MONEY = {"customer": "string", "date": "date", "revenue": "decimal(18, 4)"}
SENT = {"customer": "string", "date": "date", "kind": "string", "treated": "boolean", "response": "boolean"}
SPELLS = {"customer": "string", "plan": "string", "entry": "date", "exit": "date"}


def table(rows, schema):
    return ibis.memtable(pd.DataFrame(rows, columns=list(schema)), schema=schema)


def people(rows, columns=("customer", "type", "consent")):
    types = {"consent": "boolean"}
    return table(rows, {name: types.get(name, "string") for name in columns})


def bought(*rows):
    return table([(who, day, Decimal(amount)) for who, day, amount in rows], MONEY)


def fold_of(customer, folds, seed):
    """Deal by hashlib, apart from the engine."""
    number = int(hashlib.md5(f"{customer}|{seed}".encode()).hexdigest()[:4], 16)
    return next(fold for fold in range(folds) if number < 65536 * (fold + 1) // folds)


@pytest.fixture(scope="module")
def small():
    return simulate.company(customers=2000)


@pytest.fixture(scope="module")
def given(small):
    return {name: small.table(name) for name in ("customers", "subscriptions", "transactions")}


@pytest.fixture(scope="module")
def cells(small, given):
    return campaign_cells(small.table("campaigns"), **given)


def test_cells_agree_with_rows_counted_one_by_one(small, given, cells):
    sent = small.table("campaigns").to_pandas()
    sent = sent[sent["kind"] != "onboarding"]
    who = given["customers"].to_pandas().set_index("customer")
    spells = given["subscriptions"].to_pandas().set_index("customer")
    days = given["transactions"].to_pandas()[["customer", "date"]].drop_duplicates()
    first = days["date"].min()
    by_customer = {name: set(rows["date"]) for name, rows in days.groupby("customer")}
    expected = {}
    for row in sent.itertuples():
        day = row.date
        span = min((day - first).days, 365)
        n = sum(1 <= (day - when).days <= 365 for when in by_customer.get(row.customer, ()))
        rate = round(n * 365 / span, 1)
        band = next((i for i, edge in enumerate(cells.bands.edges) if rate <= edge), len(cells.bands.edges))
        key = (
            row.kind,
            who.loc[row.customer, "type"],
            who.loc[row.customer, "objective"],
            # of a customer's one contract; that of the day itself was not known the evening before
            spells.loc[row.customer, "plan"] if spells.loc[row.customer, "entry"] < day else "missing",
            cells.bands.labels[band],
            bool(row.treated),
            fold_of(row.customer, 5, 0),
        )
        n, responses = expected.get(key, (0, 0))
        expected[key] = n + 1, responses + bool(row.response)
    found = {
        (r.kind, r.type, r.objective, r.plan, r.purchases, bool(r.treated), r.fold): (r.n, r.responses)
        for r in cells.table.itertuples()
    }
    assert found == expected


def test_everybody_given_is_counted_and_onboarding_has_no_response_to_count(cells, small):
    sent = small.table("campaigns").to_pandas()
    assert "onboarding" in set(sent["kind"])
    assert "onboarding" not in set(cells.given["kind"])
    used = cells.table.groupby(["kind", "treated"])["n"].sum()
    assert used.tolist() == cells.given["n_used"].tolist()
    assert cells.given["n_given"].sum() == (sent["kind"] != "onboarding").sum()
    assert (cells.first, cells.last) == (date(2022, 9, 5), date(2025, 2, 10))


def test_bands_are_about_equal_and_leave_ties_together(cells):
    size = cells.table.groupby("purchases")["n"].sum() / cells.table["n"].sum()
    assert len(size) == 3
    # rates are tenths of a few whole numbers a year, so that a tie holds up to a tenth of the customers
    assert size.between(0.22, 0.45).all()


def test_nothing_bought_on_the_day_of_the_campaign_or_later_counts():
    sent = table([("a", RUN, "mail", True, True), ("b", RUN, "mail", False, False)], SENT)
    both = people([("a", "x", True), ("b", "x", True)])
    early = RUN - timedelta(days=365)
    lines = [("b", early - timedelta(days=1), "5"), ("b", early, "5"), ("b", early, "7")]
    lines += [("b", RUN - timedelta(days=1), "-3"), ("a", RUN, "9"), ("a", RUN + timedelta(days=9), "9")]
    cells = campaign_cells(
        sent, customers=both, transactions=bought(*lines), features=("purchases",), bands=2
    )
    # b: one day within the year (two lines); the day before it, the return and everything of a do not count
    assert cells.bands.edges == (0.0,)
    seen = dict(zip(cells.table["treated"], cells.table["purchases"], strict=True))
    assert seen == {True: "up to 0 a year", False: "over 0 a year"}


def test_where_the_data_begin_late_purchases_count_as_a_year_of_them():
    sent = table([("a", RUN, "mail", True, True), ("b", RUN, "mail", False, False)], SENT)
    both = people([("a", "x", True), ("b", "x", True)])
    lines = [("a", RUN - timedelta(days=73), "5"), ("b", RUN - timedelta(days=146), "5")]
    lines += [("b", RUN - timedelta(days=n), "5") for n in (3, 5)]
    cells = campaign_cells(
        sent, customers=both, transactions=bought(*lines), features=("purchases",), bands=2
    )
    # 146 of 365 days are covered: one purchase there is 2.5 a year
    assert cells.bands.edges == (2.5,)


def test_a_campaign_before_there_is_a_history_is_left_out_and_told():
    late = RUN + timedelta(days=200)
    sent = table([("a", RUN, "mail", True, True), ("a", late, "mail", True, False)], SENT)
    lines = bought(("a", RUN - timedelta(days=89), "5"), ("a", RUN, "5"))
    cells = campaign_cells(
        sent, customers=people([("a", "x", True)]), transactions=lines, features=("purchases",)
    )
    assert cells.given[["n_given", "n_no_history", "n_used"]].to_numpy().tolist() == [[2, 1, 1]]
    assert cells.table["n"].tolist() == [1]


def test_the_plan_is_that_of_the_evening_before():
    """A contract that begins or ends on the campaign's day may be its doing, and was not known before."""
    after = RUN + timedelta(days=1)
    spells = table(
        [
            ("a", "old", date(2020, 1, 1), RUN),
            ("a", "new", RUN, None),
            ("b", "gone", date(2020, 1, 1), RUN),
            ("c", "same day", RUN, None),
        ],
        SPELLS,
    )
    sent = table(
        [
            ("a", RUN, "mail", True, True),
            ("a", RUN - timedelta(days=1), "mail", True, True),
            ("a", after, "mail", True, True),
            ("b", RUN, "mail", False, False),
            ("b", after, "mail", False, False),
            ("c", RUN, "mail", False, False),
        ],
        SENT,
    )
    both = people([("a", "x", True), ("b", "x", True), ("c", "x", True)])
    cells = campaign_cells(sent, customers=both, subscriptions=spells, features=("plan",))
    # a before and on the day of the change: old; after it: new. b on the day of leaving: gone; after it, and
    # c on the day of the first contract: missing
    counted = cells.table.groupby("plan")["n"].sum().to_dict()
    assert counted == {"gone": 1, "missing": 2, "new": 1, "old": 2}
    today = population_cells(cells, customers=both, subscriptions=spells, as_of=after)
    assert today.table.to_numpy().tolist() == [
        ["new", 1],
        ["other", 1],
    ]  # b has left; no campaign saw c's plan


def test_missing_responses_are_left_out_and_counted():
    sent = table([("a", RUN, "mail", True, True), ("b", RUN, "mail", True, None)], SENT)
    cells = campaign_cells(sent, customers=people([("a", "x", True)]), features=("type",))
    assert cells.given[["n_given", "n_no_response", "n_used"]].to_numpy().tolist() == [[2, 1, 1]]


def test_rare_values_become_other():
    kinds = [f"type {chr(97 + i)}" for i in range(14)]
    rows = [(f"{name}{i}", name, True) for name in kinds for i in range(3 if name < "type m" else 1)]
    sent = table([(who, RUN, "mail", True, False) for who, _, _ in rows], SENT)
    cells = campaign_cells(sent, customers=people(rows), features=("type",))
    size = cells.table.groupby("type")["n"].sum()
    assert len(size) == 13
    assert size["other"] == 2


def test_the_population_is_who_is_active_with_consent(given, cells, small):
    today = population_cells(cells, **given, as_of=small.as_of)
    who, spells = given["customers"].to_pandas(), given["subscriptions"].to_pandas()
    there = spells[spells["exit"].isna()]["customer"]
    assert today.n_customers == (who["consent"] & who["customer"].isin(there)).sum()
    listed = today.customers.to_pandas()
    assert len(listed) == listed["customer"].nunique() == today.n_customers
    again = listed.groupby(list(cells.features)).size().rename("n_customers").reset_index()
    pd.testing.assert_frame_equal(again, today.table)
    assert today.n_given == len(who)


def test_without_contracts_or_consent_everybody_is_in_the_population():
    both = people([("a", "x"), ("b", "y")], ("customer", "type"))
    sent = table([("a", RUN, "mail", True, True)], SENT)
    cells = campaign_cells(sent, customers=both, features=("type",))
    today = population_cells(cells, customers=both, as_of=RUN)
    assert today.table.to_numpy().tolist() == [["other", 1], ["x", 1]]  # nobody saw y in a campaign


def test_another_seed_deals_otherwise_and_rows_of_a_customer_stay_together(small, given, cells):
    other = campaign_cells(small.table("campaigns"), **given, seed=1)
    assert not other.table.equals(cells.table)
    for found in (cells, other):
        size = found.table.groupby("fold")["n"].sum() / found.table["n"].sum()
        # 0.2 each; with some 700 customers of up to eight rows each four standard errors are 0.07
        assert size.between(0.13, 0.27).all()


def test_the_order_of_rows_does_not_matter():
    rng = random.Random(4)
    who = [(f"c{i}", rng.choice("xyz"), True) for i in range(40)]
    rows = [
        (name, RUN, kind, rng.random() < 0.5, rng.random() < 0.2) for name, _, _ in who for kind in ("m", "t")
    ]
    one = campaign_cells(table(rows, SENT), customers=people(who), features=("type",))
    rng.shuffle(rows)
    rng.shuffle(who)
    two = campaign_cells(table(rows, SENT), customers=people(who), features=("type",))
    pd.testing.assert_frame_equal(one.table, two.table)


ROWS = [("a", RUN, "mail", True, True), ("b", RUN, "mail", False, False)]


@pytest.mark.parametrize(
    ("rows", "options", "error", "said"),
    [
        (ROWS, {"features": ("type", "type")}, OptionError, "each once"),
        (ROWS, {"features": ()}, OptionError, "one or more"),
        (ROWS, {"features": ("tipe",)}, OptionError, "did you mean 'type'"),
        (ROWS, {"features": ("plan",)}, OptionError, "comes from subscriptions"),
        (ROWS, {"features": ("purchases",)}, OptionError, "comes from transactions"),
        (ROWS, {"features": ("region",)}, ColumnError, "no column named 'region'"),
        (ROWS, {"features": ("type",), "folds": 1}, OptionError, "folds is 1"),
        (
            ROWS,
            {"features": ("type",), "folds": 2.5},
            OptionError,
            "folds is 2.5; give a whole number from 2",
        ),
        (ROWS, {"features": ("type",), "folds": "3"}, OptionError, "folds is '3'"),
        (ROWS, {"features": ("type",), "bands": 0}, OptionError, "bands is 0"),
        (ROWS, {"features": ("type",), "bands": 2.5}, OptionError, "bands is 2.5; give a whole number"),
        (ROWS, {"features": ("type",), "bands": True}, OptionError, "bands is True"),
        (ROWS, {"features": "type"}, OptionError, "features is 'type' where a list is meant"),
        (
            [("a", RUN, "mail", None, True)],
            {"features": ("type",)},
            DataError,
            "'treated': missing in 1 of 1",
        ),
        ([*ROWS, ROWS[0]], {"features": ("type",)}, DataError, "more than once in the same run"),
        ([("a", RUN, "mail", True, None)], {"features": ("type",)}, DesignError, "no response was recorded"),
        ([], {"features": ("type",)}, DesignError, "no response was recorded"),
    ],
)
def test_what_cannot_be_counted_is_refused(rows, options, error, said):
    with pytest.raises(error, match=said):
        campaign_cells(table(rows, SENT), customers=people([("a", "x", True), ("b", "y", True)]), **options)


@pytest.mark.parametrize("as_of", ["2024-06-03", "soon", None, 2024, pd.NaT])
def test_a_population_is_of_a_day(as_of):
    who = people([("a", "x", True), ("b", "y", True)])
    cells = campaign_cells(table(ROWS, SENT), customers=who, features=("type",))
    with pytest.raises(OptionError, match=r"as_of is .*; give a day"):
        population_cells(cells, customers=who, as_of=as_of)


def test_a_time_stands_for_its_day():
    who = people([("a", "x", True), ("b", "y", True)])
    cells = campaign_cells(table(ROWS, SENT), customers=who, features=("type",))
    noon = datetime.combine(RUN, time(12))
    assert population_cells(cells, customers=who, as_of=noon).as_of == RUN


def test_missing_columns_and_dates_that_are_none_are_refused():
    who = people([("a", "x", True)])
    with pytest.raises(ColumnError, match="campaigns: no column named 'response'"):
        campaign_cells(table(ROWS, SENT).drop("response"), customers=who, features=("type",))
    text = table(ROWS, SENT).mutate(date=ibis.literal("3.6.2024"))
    with pytest.raises(DataError, match="column 'date': string is not a date"):
        campaign_cells(text, customers=who, features=("type",))


def test_nobody_active_is_refused():
    cells = campaign_cells(table(ROWS, SENT), customers=people([("a", "x", False)]), features=("type",))
    with pytest.raises(DesignError, match="nobody is active with consent"):
        population_cells(cells, customers=people([("a", "x", False)]), as_of=RUN)

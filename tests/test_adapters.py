"""Public data sets in the contract: every figure here was published, or stands in the file's own guide."""

from __future__ import annotations

import dataclasses
import gzip
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest

from cemlab.data import adapters, datasets, sfo
from cemlab.data.company import Company
from cemlab.data.contract import TABLES
from cemlab.data.intake import Settings, read_settings
from cemlab.data.registry import DATASETS
from cemlab.errors import CemlabError, ColumnError, DataError, NotFoundError
from cemlab.places import bundled
from tests.conftest import needs


@cache
def company(name: str) -> Company:
    return datasets.load(name, download=False)


@pytest.fixture
def load() -> Callable[[str], Company]:
    def opened(name: str) -> Company:
        needs(name)
        return company(name)

    return opened


def value(expression: Any) -> Any:
    return expression.to_pyarrow().as_py()


def published(name: str) -> Any:
    """Return a file as text, blanks as nulls, read by another reader than the project's own."""
    needs(name)
    path = datasets.raw_file(name, download=False)
    with arrow_csv.open_csv(path) as reader:
        columns = reader.schema.names
    every_column = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()), null_values=[""], strings_can_be_null=True
    )
    return ibis.memtable(arrow_csv.read_csv(path, convert_options=every_column))


def settings(name: str) -> Settings:
    return read_settings(bundled("data") / "adapters" / f"{name}.toml")


def columns_of(name: str) -> list[str]:
    """Return the columns of the file that the settings name."""
    (table,) = settings(name).tables.values()
    named = [str(said["source"]) for said in table.columns.values() if "source" in said]
    return list(dict.fromkeys([*named, *table.drop]))


def counted(notes: tuple[str, ...], words: str) -> int:
    """Return the number with which the one note that has these words begins."""
    (note,) = [n for n in notes if words in n]
    match = re.match(r"[\d,]+", note)
    assert match is not None
    return int(match.group().replace(",", ""))


# --- all sets -------------------------------------------------------------------------------------

TABLES_OF = {
    "cdnow": ("transactions",),
    "cdnow_sample": ("transactions",),
    "online_retail": ("transactions",),
    "telco": ("customers", "subscriptions"),
    "sfo_2017": ("surveys", "touchpoint_ratings"),
    "rossi": ("customers", "subscriptions"),
    "two_segment_retention": ("subscriptions",),
    "water_survey": ("surveys",),
    "nsw": ("customers",),
    "card_krueger": ("branch_month",),
}
TYPES = {
    "id": "string",
    "text": "string",
    "integer": "int64",
    "number": "float64",
    "money": "decimal(18, 4)",
    "date": "date",
    "flag": "boolean",
}


def test_every_public_data_set_can_be_loaded() -> None:
    assert set(TABLES_OF) == set(DATASETS)


@pytest.mark.parametrize("name", ["online_retail", "telco", "sfo_2017", "rossi", "water_survey"])
def test_settings_and_registry_mean_the_same_file_and_company(name: str) -> None:
    said = settings(name)
    assert said.name == DATASETS[name].title
    assert {table.files for table in said.tables.values()} == {(DATASETS[name].file,)}


@pytest.mark.parametrize("name", TABLES_OF)
def test_only_columns_that_settings_or_contract_name_are_there(
    name: str, load: Callable[[str], Company]
) -> None:
    opened = load(name)
    if opened.files:
        named = {column for table in settings(name).tables.values() for column in table.columns}
        there = {
            (t, c) for t, table in opened.tables.items() for c in table.columns if not TABLES[t].column(c)
        }
        assert {column for _, column in there} - named <= {"scale"}  # of SFO's ratings, reshaped


@pytest.mark.parametrize("name", TABLES_OF)
def test_what_was_set_aside_travels_with_the_company(name: str, load: Callable[[str], Company]) -> None:
    opened = load(name)
    by_hand = {"cdnow", "cdnow_sample", "two_segment_retention", "nsw", "card_krueger"}
    assert (name in by_hand) is (not opened.files)
    for report in opened.files:
        left_out = [note for note in opened.info.notes if "rows left out: " in note]
        counts = [int(note.split(" ")[0].replace(",", "")) for note in left_out]
        assert sum(counts) == report.records - report.accepted == sum(1 for _ in report.quarantined)


@pytest.mark.parametrize("name", TABLES_OF)
def test_every_table_satisfies_the_contract(name: str, load: Callable[[str], Company]) -> None:
    opened = load(name)
    assert tuple(opened.tables) == TABLES_OF[name]
    for key, table in opened.tables.items():
        form = TABLES[key]
        assert set(form.required) <= set(table.columns)
        for column in form.columns:
            if column.name in table.columns:
                # string, decimal … by their names, whether or not blanks are allowed
                assert str(table[column.name].type()).lstrip("!") == TYPES[column.form], (key, column.name)
        for column_name in form.required:
            assert value(table[column_name].isnull().sum()) == 0
        if form.unique:
            assert value(table[list(form.key)].distinct().count()) == value(table.count())


@pytest.mark.parametrize("name", TABLES_OF)
def test_the_source_and_the_notes_travel_with_the_company(name: str, load: Callable[[str], Company]) -> None:
    info = load(name).info
    assert info.name == DATASETS[name].title
    assert info.source == DATASETS[name].source
    assert info.notes
    assert info.fictional is (name == "telco")


@pytest.mark.parametrize("name", TABLES_OF)
def test_the_engine_of_a_data_set_can_read_no_file(name: str, load: Callable[[str], Company]) -> None:
    connection = next(iter(load(name).tables.values())).get_backend()
    path = datasets.raw_file(name, download=False)
    with pytest.raises(Exception, match="Permission Error"):
        connection.read_csv(str(path)).count().execute()
    shown = {row[0] for row in connection.raw_sql("SHOW TABLES").fetchall()}
    assert set(TABLES_OF[name]) <= shown
    assert "published" not in shown


def test_units_and_last_days(load: Callable[[str], Company]) -> None:
    expected = {
        "cdnow": ("USD", "days", date(1998, 6, 30)),
        "online_retail": ("GBP", "days", date(2011, 12, 9)),
        "telco": ("USD", "months", None),
        "sfo_2017": ("", "days", date(2017, 5, 30)),
        "rossi": ("", "weeks", None),
        "two_segment_retention": ("", "years", None),
        "nsw": ("USD", "days", None),
        "card_krueger": ("USD", "days", None),
    }
    for name, (currency, unit, last) in expected.items():
        info = load(name).info
        assert (info.currency, info.duration_unit, info.as_of) == (currency, unit, last)


# --- CDNOW ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows", "customers"), [("cdnow", 69_659, 23_570), ("cdnow_sample", 6_919, 2_357)]
)
def test_cdnow_has_the_published_purchases_and_customers(
    name: str, rows: int, customers: int, load: Callable[[str], Company]
) -> None:
    table = load(name).table("transactions")
    assert value(table.count()) == rows == counted(load(name).info.notes, "none left out")
    assert value(table.customer.nunique()) == customers
    # all were new in the first quarter of 1997, observed until the end of June 1998 (Fader & Hardie 2001)
    first = table.group_by("customer").aggregate(day=table.date.min())
    assert value(first.day.max()) <= date(1997, 3, 31)
    assert value(table.date.min()) == date(1997, 1, 1)
    assert value(table.date.max()) == date(1998, 6, 30)


def test_946_customers_of_the_sample_repeat_within_the_calibration(load: Callable[[str], Company]) -> None:
    table = load("cdnow_sample").table("transactions")
    table = table.filter(table.date <= ibis.literal("1997-09-30").cast("date"))
    days = table.group_by("customer").aggregate(n=table.date.nunique())
    # Fader, Hardie & Lee 2005: of 2,357 customers, 946 buy again on a later day until 1997-09-30
    assert value(days.count()) == 2_357
    assert value((days.n > 1).sum()) == 946


def test_the_sample_keeps_the_numbers_of_the_full_file(load: Callable[[str], Company]) -> None:
    sample = load("cdnow_sample").table("transactions").to_pandas()
    full = load("cdnow").table("transactions").to_pandas()
    shared = ["customer", "date", "units", "revenue"]
    inside = full[full["customer"].isin(set(sample["customer"]))]
    ordered = [frame[shared].sort_values(shared).reset_index(drop=True) for frame in (sample, inside)]
    pd.testing.assert_frame_equal(*ordered)
    assert sample["sample_customer"].nunique() == sample["customer"].nunique() == 2_357
    assert sample["customer"].str.len().unique().tolist() == [5]  # leading zeros are kept


# --- Online Retail --------------------------------------------------------------------------------


def test_online_retail_as_published_has_the_figures_of_the_archive() -> None:
    raw = published("online_retail")
    money = raw.Quantity.cast("int64") * raw.UnitPrice.cast("decimal(18, 4)")
    row = (
        raw.aggregate(
            lines=raw.count(),
            invoices=raw.InvoiceNo.nunique(),
            customers=raw.CustomerID.nunique(),
            no_customer=raw.CustomerID.isnull().sum(),
            cancelled=raw.InvoiceNo.startswith("C").sum(),
            no_description=(raw.Description.strip().nullif("").isnull()).sum(),
            negative=(raw.UnitPrice.cast("decimal(18, 4)") < 0).sum(),
            total=money.sum(),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    assert row == {
        "lines": 541_909,
        "invoices": 25_900,
        "customers": 4_372,
        "no_customer": 135_080,
        "cancelled": 9_288,
        "no_description": 1_454,
        "negative": 2,
        "total": Decimal("9747747.9340"),
    }
    assert 541_909 - value(raw.distinct().count()) == 5_268


def test_online_retail_after_cleaning_has_the_published_figures(load: Callable[[str], Company]) -> None:
    table = load("online_retail").table("transactions")
    row = (
        table.aggregate(
            lines=table.count(),
            customers=table.customer.nunique(),
            orders=table.order.nunique(),
            revenue=table.revenue.sum(),
            units=table.units.min(),
        )
        .to_pyarrow()
        .to_pylist()[0]
    )
    assert row == {
        "lines": 397_884,
        "customers": 4_338,
        "orders": 18_532,
        "revenue": Decimal("8911407.9040"),
        "units": 1,
    }
    orders = table.group_by("customer").aggregate(n=table.order.nunique())
    # published with two decimals
    assert round(100 * value((orders.n == 1).mean()), 2) == 34.42


def test_every_line_left_out_is_accounted_for(load: Callable[[str], Company]) -> None:
    notes = load("online_retail").info.notes
    left_out = {
        words: counted(notes, f"left out: {words}")
        for words in ("no customer identifier", "cancelled", "quantity not above 0", "price not above 0")
    }
    assert left_out["no customer identifier"] == 135_080
    assert counted(notes, "rows kept.") == 397_884
    assert sum(left_out.values()) + counted(notes, "rows kept.") == counted(notes, "as published;") == 541_909
    # published after cleaning: 392,692 lines without the repeated ones
    assert counted(notes, "equal to another") == 397_884 - 392_692


def test_online_retail_identifiers_lose_their_decimal_only(load: Callable[[str], Company]) -> None:
    ids = set(load("online_retail").table("transactions").customer.to_pyarrow().to_pylist())
    raw = published("online_retail").CustomerID.to_pyarrow().to_pylist()
    assert ids <= {text.removesuffix(".0") for text in raw if text is not None}
    assert all(re.fullmatch(r"\d{5}", text) for text in ids)


# --- Telco ----------------------------------------------------------------------------------------


def test_telco_has_the_published_churn(load: Callable[[str], Company]) -> None:
    spells = load("telco").table("subscriptions").to_pandas()
    left = spells["cause"] == "unknown"
    assert len(spells) == 7_043
    assert left.sum() == 1_869
    assert round(100 * left.mean(), 2) == 26.54
    by_plan = (100 * left.groupby(spells["plan"]).mean()).round(2).to_dict()
    assert by_plan == {"Month-to-month": 42.71, "One year": 11.27, "Two year": 2.83}
    assert set(spells["cause"]) == {"unknown", "none"}


def test_telco_blank_totals_are_missing_and_noted(load: Callable[[str], Company]) -> None:
    opened = load("telco")
    customers = opened.table("customers").to_pandas()
    assert customers["total_charges"].isna().sum() == 11 == counted(opened.info.notes, "blank total charges")
    assert customers.notna().drop(columns="total_charges").all(axis=None)
    # 21 columns as published: tenure, contract and churn are in the other table
    assert customers.shape == (7_043, 18)
    assert "fictional" in opened.info.source
    assert "fictional" in opened.info.notes[0]


def test_telco_values_are_those_of_the_file(load: Callable[[str], Company]) -> None:
    path = datasets.raw_file("telco", download=False) if datasets.available("telco") else Path()
    customers = load("telco").table("customers").to_pandas().set_index("customer")
    raw = pd.read_csv(path, dtype=str).set_index("customerID").loc[customers.index]
    for column, published_name in (("partner", "Partner"), ("paperless_billing", "PaperlessBilling")):
        assert (customers[column] == (raw[published_name] == "Yes")).all()
    assert (customers["senior"] == (raw["SeniorCitizen"] == "1")).all()
    assert (customers["tech_support"] == raw["TechSupport"]).all()
    assert sum(customers["monthly_charges"]) == sum(map(Decimal, raw["MonthlyCharges"]))


# --- SFO 2017 -------------------------------------------------------------------------------------


def promoter_score(nps: pd.Series, weight: pd.Series) -> float:
    return float(100 * (weight * ((nps >= 9).astype(int) - (nps <= 6).astype(int))).sum() / weight.sum())


def test_sfo_net_promoter_score_counts_no_blank_as_a_promoter(load: Callable[[str], Company]) -> None:
    surveys = load("sfo_2017").table("surveys").to_pandas()
    assert len(surveys) == 2_831
    assert surveys["responded"].all()
    given = surveys.dropna(subset=["nps"])
    counts = ((given["nps"] >= 9).sum(), given["nps"].isin([7, 8]).sum(), (given["nps"] <= 6).sum())
    assert counts == (1_436, 968, 342)
    assert len(given) == 2_746
    one = pd.Series(1.0, index=given.index)
    assert round(promoter_score(given["nps"], one), 2) == 39.84
    assert round(promoter_score(given["nps"], given["weight"]), 2) == 40.40


def test_sfo_code_11_taken_for_a_promoter_would_give_the_known_wrong_score() -> None:
    raw = published("sfo_2017").NETPRO.to_pandas().dropna().astype(int)
    # DATA.md states +41.63: 41.625 exactly, rounded half up
    assert promoter_score(raw, pd.Series(1.0, index=raw.index)) == pytest.approx(41.63, abs=0.0051)


def test_sfo_overall_rating_and_security(load: Callable[[str], Company]) -> None:
    surveys = load("sfo_2017").table("surveys").to_pandas()
    assert surveys["csat"].count() == 2_688
    assert round(surveys["csat"].mean(), 4) == 4.0644
    ratings = load("sfo_2017").table("touchpoint_ratings").to_pandas()
    security = ratings[ratings["touchpoint"] == "Security"].merge(surveys, on="customer")
    means = security.groupby(security["had_problem"].astype("boolean"))["experienced"].mean().round(2)
    assert means.to_dict() == {True: 3.86, False: 4.38}


def test_sfo_ratings_left_out_are_accounted_for(load: Callable[[str], Company]) -> None:
    opened = load("sfo_2017")
    ratings = opened.table("touchpoint_ratings")
    (note,) = [n for n in opened.info.notes if "touchpoint ratings asked for" in n]
    asked, kept, left_out = (
        int(n.replace(",", "")) for n in re.findall(r"[\d,]+(?= (?:touchpoint|kept|left))", note)
    )
    assert asked == 2_831 * len(sfo.TOUCHPOINTS) == kept + left_out
    assert kept == value(ratings.count())
    raw = published("sfo_2017")
    source = {name: said["source"] for name, said in settings("sfo_2017").tables["surveys"].columns.items()
              if name in sfo.TOUCHPOINTS}  # fmt: skip
    for name, (label, _) in sfo.TOUCHPOINTS.items():
        given = raw[source[name]].isin(["1", "2", "3", "4", "5"]).sum()
        assert value((ratings.touchpoint == label).sum()) == value(given)
    assert set(ratings.experienced.to_pyarrow().to_pylist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert value(ratings.touchpoint.nunique()) == len(sfo.TOUCHPOINTS)
    key = ratings.select("customer", "touchpoint").distinct()
    assert value(key.count()) == kept


def test_sfo_carries_no_place_of_residence(load: Callable[[str], Company]) -> None:
    homes = {name for name in published("sfo_2017").columns if re.match("Q17|Q16LIVE|HOME|Q13COUNTY", name)}
    assert len(homes) == 7
    assert homes <= set(settings("sfo_2017").tables["surveys"].drop)
    columns = {c for table in load("sfo_2017").tables.values() for c in table.columns}
    assert not {c for c in columns if re.search("zip|city|county|state|country", c)}


def test_sfo_dates_lie_in_may_2017_on_the_weekdays_of_the_file(load: Callable[[str], Company]) -> None:
    surveys = load("sfo_2017").table("surveys").to_pandas().set_index("customer")
    raw = published("sfo_2017").to_pandas().set_index("RESPNUM")
    days = pd.to_datetime(surveys["date"])
    assert set(days.dt.strftime("%Y-%m")) == {"2017-05"}
    named = days.dt.day_name().str[:3].str.upper()
    other = (named != raw.loc[named.index, "DAY"].str[:3]).sum()
    # a wrong month would contradict nearly every row
    assert f"which {other} rows contradict" in " ".join(load("sfo_2017").info.notes)
    assert other / len(days) < 0.001


def test_sfo_every_rated_touchpoint_is_a_column_of_the_settings() -> None:
    named = settings("sfo_2017").tables["surveys"].columns
    assert set(sfo.TOUCHPOINTS) <= set(named)
    assert len({label for label, _ in sfo.TOUCHPOINTS.values()}) == len(sfo.TOUCHPOINTS)
    # the name of the column is the label, written plainly
    for name, (label, _) in sfo.TOUCHPOINTS.items():
        assert name == re.sub(r"\W+", "_", label.lower())


# --- water survey ---------------------------------------------------------------------------------


def test_water_survey_counts_the_valid_questionnaires(load: Callable[[str], Company]) -> None:
    opened = load("water_survey")
    surveys = opened.table("surveys")
    # published: of 690 questionnaires 491 are valid
    assert counted(opened.info.notes, "as published;") == 690
    assert value(surveys.count()) == value(surveys.customer.nunique()) == 491
    assert str(surveys.p01.type()) == "int64"


# --- Rossi ----------------------------------------------------------------------------------------


def test_rossi_has_the_published_men_and_arrests(load: Callable[[str], Company]) -> None:
    spells = load("rossi").table("subscriptions").to_pandas()
    people = load("rossi").table("customers").to_pandas()
    assert len(spells) == len(people) == 432
    # Allison (1995), Fox (2002): 114 of the 432 were arrested; the others were followed for 52 weeks
    assert (spells["cause"] == "unknown").sum() == 114
    assert (spells.loc[spells["cause"] == "none", "duration"] == 52).all()
    assert list(people.columns) == ["customer", "fin", "age", "race", "wexp", "mar", "paro", "prio"]
    assert people["fin"].sum() == 216  # half of the men were randomised to financial aid
    assert "recidivism" in load("rossi").info.source.lower()


def test_rossi_rows_keep_their_order_and_belong_together(load: Callable[[str], Company]) -> None:
    joined = (
        load("rossi").table("subscriptions").to_pandas().merge(load("rossi").table("customers").to_pandas())
    )
    joined = joined.iloc[joined["customer"].astype(int).argsort()].reset_index(drop=True)
    raw = pd.read_csv(datasets.raw_file("rossi", download=False))
    assert joined["customer"].tolist() == [str(i + 1) for i in range(432)]
    assert (joined["duration"] == raw["week"]).all()
    assert ((joined["cause"] == "unknown") == (raw["arrest"] == 1)).all()
    for name in ("fin", "age", "race", "wexp", "mar", "paro", "prio"):
        assert (joined[name] == raw[name]).all()


# --- two segments ---------------------------------------------------------------------------------

# Fader & Hardie (2007), per cent still there after 0, 1, 2 … renewals; ×10 = customers of 1,000
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]


@pytest.mark.parametrize(("segment", "survivors"), [("Regular", REGULAR), ("High-end", HIGH_END)])
def test_kaplan_meier_after_k_renewals_is_the_published_survivors(
    segment: str, survivors: list[int], load: Callable[[str], Company]
) -> None:
    spells = load("two_segment_retention").table("subscriptions").to_pandas()
    spells = spells[spells["plan"] == segment]
    assert len(spells) == 1000
    lost = spells[spells["cause"] == "unknown"]["duration"].value_counts()
    there = [1000]
    for k in range(1, len(survivors)):
        # by hand: all at risk after k − 1 renewals must still be under observation at the k-th
        assert (spells["duration"] >= k).sum() == there[-1]
        there.append(there[-1] - int(lost.get(float(k), 0)))
    assert there == survivors
    censored = spells[spells["cause"] == "none"]["duration"]
    assert set(censored) == {12.0}
    assert len(censored) == survivors[-1]


# --- files that are not what was published --------------------------------------------------------

GOOD = {
    "cdnow": " 00001 19970101  1   11.77\n 00002 19970112  5   77.00\n",
    "cdnow_sample": " 00004 0001 19970101  2   29.33\r\n 00004 0001 19970118  2   29.73\r\n",
    "rossi": "week,arrest,fin,age,race,wexp,mar,paro,prio\n20,1,0,27,1,0,0,1,3\n52,0,1,18,1,0,0,1,8\n",
    "two_segment_retention": "\ufeffYear,Regular,High-end\n1,3,3\n2,2,3\n3,0,2\n",
    "card_krueger": "nj,d,fte\n1,0,15\n1,1,6.5\n0,0,\n0,1,20\n",
    "online_retail": (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        '1,A,"X, Y",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n'
        '1,A,"X, Y",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n'
        "C2,A,X,-6,2010-12-02 08:26:00,2.55,17850.0,United Kingdom\n"
        "3,A,X,-1,2010-12-03 08:26:00,2.55,17850.0,France\n"
        "4,A,X,1,2010-12-04 08:26:00,0.0,17850.0,France\n"
        "C5,A,,-1,2010-12-05 23:59:00,0.001,,France\n"
    ),
}


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / DATASETS[name].file
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8", newline="")
    return path


def adapt(tmp_path: Path, name: str, text: str) -> Company:
    return adapters.adapt(DATASETS[name], write(tmp_path, name, text))


@pytest.mark.parametrize(
    "name", ["cdnow", "cdnow_sample", "rossi", "two_segment_retention", "card_krueger", "online_retail"]
)
def test_small_files_of_the_published_form_are_read(name: str, tmp_path: Path) -> None:
    # a folder whose name looks like a pattern to a database
    folder = tmp_path / "data [1] *"
    folder.mkdir()
    assert adapt(folder, name, GOOD[name]).tables


def test_online_retail_by_hand(tmp_path: Path) -> None:
    opened = adapt(tmp_path, "online_retail", GOOD["online_retail"])
    rows = opened.table("transactions").to_pyarrow().to_pylist()
    assert [(r["customer"], r["date"], r["units"], r["revenue"]) for r in rows] == [
        ("17850", date(2010, 12, 1), 6, Decimal("15.3000"))
    ] * 2
    notes = opened.info.notes
    # C5 has no customer and is cancelled: the first reason counts
    for words, n in (("no customer", 1), (": cancelled", 1), ("quantity not", 1), ("price not", 1)):
        assert counted(notes, words) == n
    assert counted(notes, "rows kept.") == 2
    assert counted(notes, "equal to another") == 1
    # the place and the record of each are kept with it
    (report,) = opened.files
    assert [(fault.line, fault.reason) for fault in report.quarantined] == [
        (4, "cancelled"),
        (5, "quantity not above 0"),
        (6, "price not above 0"),
        (7, "no customer identifier"),
    ]


def test_two_segments_by_hand(tmp_path: Path) -> None:
    rows = adapt(tmp_path, "two_segment_retention", GOOD["two_segment_retention"]).table("subscriptions")
    # of 3 regular customers 2 renew once, none twice; of 3 others all renew once, 2 twice
    assert [tuple(row.values()) for row in rows.order_by("customer").to_pyarrow().to_pylist()] == [
        ("High-end 0001", "High-end", 2.0, "none"),
        ("High-end 0002", "High-end", 2.0, "none"),
        ("High-end 0003", "High-end", 2.0, "unknown"),
        ("Regular 0001", "Regular", 2.0, "unknown"),
        ("Regular 0002", "Regular", 2.0, "unknown"),
        ("Regular 0003", "Regular", 1.0, "unknown"),
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "match"),
    [
        ("cdnow", "11.77", "eleven", r"CDNOW_master\.txt, record 1, column 'customer': the value is blank"),
        ("cdnow", "19970112", "19971312", r"record 2, column 'date': the value is '1997-13-12'"),
        ("rossi", "52,0", "52,2", r"rossi\.csv, line 3, column 'arrest': '2'"),
        ("rossi", "20,1", "53,1", r"rossi\.csv, line 2, column 'week': '53'"),
        ("rossi", ",27,", ",27.5,", r"line 2, column 'age': '27\.5'"),
        ("rossi", ",27,", ",,", r"line 2, column 'age': is blank"),
        ("rossi", "1,3\n", "1\n", r"rossi\.csv, line 2: 8 fields where the header has 9"),
        ("online_retail", "2.55", "2,55", r"online_retail\.csv\.gz, line 2: 9 fields where the header has 8"),
        (
            "online_retail",
            ",2.55,",
            ",0.00001,",
            r"line 2, column 'Quantity × UnitPrice': '6' times '0\.00001' has",
        ),
        ("online_retail", " 08:26:00", " 28:26:00", r"line 2, column 'InvoiceDate': '2010-12-01 28:26:00'"),
        ("two_segment_retention", "2,2,3", "2,two,3", r"record 2, column 'Regular': the value is 'two'"),
        ("two_segment_retention", "2,2,3", "2,,3", r"record 2, column 'Regular': the value is blank"),
        ("two_segment_retention", "2,2,3", "2,2", r"retention\.csv: cannot be read \(its rows"),
        ("two_segment_retention", "2,2,3", '2,2,"3', r"retention\.csv: cannot be read"),
        ("card_krueger", "1,0,15", "yes,0,15", r"njmin3\.csv, record 1, column 'nj': the value is 'yes'"),
        ("card_krueger", "6.5", "six", r"njmin3\.csv, record 2, column 'fte': the value is 'six'"),
        ("card_krueger", "1,1,6.5", "1,,6.5", r"njmin3\.csv, record 2, column 'd': the value is blank"),
    ],
)
def test_a_value_that_was_not_published_is_refused_with_its_place(
    name: str, old: str, new: str, match: str, tmp_path: Path
) -> None:
    assert old in GOOD[name]
    with pytest.raises(DataError, match=match) as caught:
        adapt(tmp_path, name, GOOD[name].replace(old, new, 1))
    assert "\n" not in str(caught.value)
    assert "it is not the file that was published" in str(caught.value)


SFO_ROW = dict.fromkeys(columns_of("sfo_2017"), "5") | {"INTDATE": "13", "DAY": "SAT", "Q15PROBLEM": "2"}


def sfo_file(**changed: str) -> str:
    row = SFO_ROW | changed
    return "\n".join([",".join(row), ",".join(row.values())]) + "\n"


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("NETPRO", "12"),
        ("Q7ALL", "7"),
        ("Q7ART", "Blank"),
        ("DAY", "13"),
        ("INTDATE", "32"),
        ("Q15PROBLEM", "4"),
    ],
)
def test_a_code_that_the_guide_does_not_have_is_refused(column: str, code: str, tmp_path: Path) -> None:
    surveys = adapt(tmp_path, "sfo_2017", sfo_file()).table("surveys").to_pyarrow().to_pylist()
    assert [(s["nps"], s["csat"], s["had_problem"], s["date"]) for s in surveys] == [
        (5, 5, False, date(2017, 5, 13))
    ]
    with pytest.raises(
        DataError, match=f"2017.csv, line 2, column '{column}': '{code}' .*; it is not the file"
    ):
        adapt(tmp_path, "sfo_2017", sfo_file(**{column: code}))


def test_the_first_place_is_named_also_behind_rows_that_are_left_out(tmp_path: Path) -> None:
    lines = GOOD["online_retail"].splitlines(keepends=True)
    bad = lines[1].replace(",6,", ",six,")
    text = "".join([lines[0], lines[3], lines[1], bad, bad.replace("six", "seven")])
    with pytest.raises(
        DataError, match=r"online_retail\.csv\.gz, line 4, column 'Quantity': 'six' is no number"
    ):
        adapt(tmp_path, "online_retail", text)


def test_a_row_that_a_filter_cannot_judge_is_refused(tmp_path: Path) -> None:
    text = GOOD["online_retail"].replace(",2.55,", ",free,", 1)
    with pytest.raises(
        DataError,
        match=r"line 2, column 'UnitPrice': 'free' is no number, so the filter 'price not above 0' cannot",
    ):
        adapt(tmp_path, "online_retail", text)


@pytest.mark.parametrize(
    ("nps", "csat", "problem", "expected"),
    [
        ("11", "Blank", "3", (None, None, None)),
        ("", "6", "0", (None, None, None)),
        ("0", "0", "", (0, None, None)),
        ("10", "1", "1", (10, 1, True)),
    ],
)
def test_missing_codes_become_blanks(
    nps: str, csat: str, problem: str, expected: tuple[object, ...], tmp_path: Path
) -> None:
    row = {"NETPRO": nps, "Q7ALL": csat, "Q15PROBLEM": problem, "Q7ART": "6", "Q7FOOD": "0", "Q7STORE": ""}
    opened = adapt(tmp_path, "sfo_2017", sfo_file(**row))
    (survey,) = opened.table("surveys").to_pyarrow().to_pylist()
    assert (survey["nps"], survey["csat"], survey["had_problem"]) == expected
    rated = set(opened.table("touchpoint_ratings").touchpoint.to_pyarrow().to_pylist())
    everything = {label for label, _ in sfo.TOUCHPOINTS.values()}
    assert everything - rated == {"Art and exhibitions", "Restaurants", "Shops"}


@pytest.mark.parametrize(
    "name",
    ["rossi", "two_segment_retention", "card_krueger", "online_retail", "telco", "sfo_2017", "water_survey"],
)
def test_a_file_without_the_columns_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="a, b") as caught:
        adapt(tmp_path, name, "a,b\n1,2\n")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rossi", "cdnow", "online_retail"])
def test_a_file_that_is_no_text_or_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / DATASETS[name].file
    for make in (lambda: path.write_bytes(b"\xff\xfe\x00junk\n"), lambda: path.write_bytes(b""), path.unlink):
        make()
        with pytest.raises(CemlabError) as caught:
            adapters.adapt(DATASETS[name], path)
        assert "\n" not in str(caught.value)


def test_hostile_headers_stay_names(tmp_path: Path) -> None:
    # what the file calls its further columns never reaches the engine
    text = GOOD["rossi"].replace("prio\n", 'prio,"x""; DROP TABLE published; --"\n', 1)
    text = text.replace("1,3\n", "1,3,1\n").replace("1,8\n", "1,8,1\n")
    assert value(adapt(tmp_path, "rossi", text).table("customers").count()) == 2


def test_a_data_set_without_adapter_is_said(tmp_path: Path) -> None:
    other = dataclasses.replace(DATASETS["rossi"], name="rossy")
    with pytest.raises(
        NotFoundError, match="no public data set with an adapter named 'rossy'; did you mean 'rossi'"
    ):
        adapters.adapt(other, tmp_path / "rossi.csv")

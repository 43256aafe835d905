"""A company's folder opens typed and checked, or is refused in one line that says where and what to do."""

from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cemlab.data.company import Company, CompanyInfo
from cemlab.data.contract import FORMS, TABLES, table
from cemlab.errors import ColumnError, DataError, LeftOutWarning, NotFoundError, OptionError
from cemlab.places import bundled

TRANSACTIONS = "customer,date,revenue\nA1,2025-01-02,10.50\nA2,2025-01-03,0.1\n"


def folder(tmp_path, **files: str):
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# --- the contract itself


def test_every_table_of_the_contract_is_consistent():
    for name, entry in TABLES.items():
        columns = [column.name for column in entry.columns]
        assert entry.name == name
        assert len(columns) == len(set(columns))
        assert set(entry.key) <= set(columns)
        assert all(column.form in FORMS for column in entry.columns)
        assert all(set(group) <= set(columns) for group in entry.any_of)


def test_unknown_table_of_the_contract_names_the_nearest():
    with pytest.raises(NotFoundError, match="did you mean 'transactions'"):
        table("transaction")


# --- opening


def test_csv_is_typed_as_the_contract_states_and_money_is_exact(tmp_path):
    company = Company.open(folder(tmp_path, transactions=TRANSACTIONS), name="Shop", currency="EUR")
    rows = company.table("transactions").order_by("customer").to_pyarrow().to_pylist()
    assert rows[0] == {"customer": "A1", "date": date(2025, 1, 2), "revenue": Decimal("10.5000")}
    assert company.table("transactions").revenue.sum().to_pyarrow().as_py() == Decimal("10.6000")
    assert (company.info.name, company.info.currency) == ("Shop", "EUR")


def test_ids_stay_text(tmp_path):
    text = "customer,date,revenue\n007,2025-01-02,1\n17850.0,2025-01-02,1\n12345678901234567,2025-01-02,1\n"
    company = Company.open(folder(tmp_path, transactions=text))
    values = company.table("transactions").customer.to_pyarrow().to_pylist()
    assert sorted(values) == ["007", "12345678901234567", "17850.0"]


def test_parquet_parts_gzip_and_file_address(tmp_path):
    parts = tmp_path / "transactions"
    parts.mkdir()
    for i in (1, 2):
        frame = pd.DataFrame(
            {"customer": [f"A{i}"], "date": [date(2025, 1, i)], "revenue": [Decimal("1.25")]}
        )
        frame.to_parquet(parts / f"{i}.parquet")
    people = pd.DataFrame({"customer": ["A1"], "joined": ["2024-01-01"]})
    people.to_csv(tmp_path / "customers.csv.gz", index=False)
    company = Company.open(tmp_path.as_uri())
    assert company.table("transactions").count().to_pyarrow().as_py() == 2
    assert company.table("customers").joined.type().is_date()


def test_further_columns_are_kept_and_reported(tmp_path):
    text = 'customer,joined,"a ""b"";drop"\nA1,2024-01-01,x\n'
    company = Company.open(folder(tmp_path, customers=text))
    report = company.check().tables[0]
    assert report.extra == ('a "b";drop',)
    assert report.rows == 1
    assert "observed_from" in report.missing
    assert "&quot;b&quot;" in company._repr_html_()


def test_files_beside_the_tables_are_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "_scratch.csv").write_text("anything")
    company = Company.open(folder(tmp_path, transactions=TRANSACTIONS))
    assert list(company.tables) == ["transactions"]


def test_as_of_is_the_last_date_seen_unless_stated(tmp_path):
    path = folder(tmp_path, transactions=TRANSACTIONS)
    assert Company.open(path).as_of == date(2025, 1, 3)
    assert Company.open(path, as_of=date(2025, 6, 30)).as_of == date(2025, 6, 30)


def test_a_last_date_far_from_all_others_is_asked_about(tmp_path):
    path = folder(tmp_path, transactions=TRANSACTIONS + "A3,2027-12-31,1\n")
    with pytest.raises(OptionError, match="the last date is 2027-12-31, 1,092 days after the one before it"):
        Company.open(path).as_of  # noqa: B018 - the property is what is tested
    assert Company.open(path, as_of=date(2025, 1, 3)).as_of == date(2025, 1, 3)


def test_as_of_without_any_date_asks_for_it(tmp_path):
    company = Company.open(folder(tmp_path, branches="branch\nB1\n"))
    with pytest.raises(OptionError, match="as_of="):
        company.as_of  # noqa: B018 - the property is what is tested


def test_small_tables_of_the_project_open():
    report = Company.open(bundled("data") / "small").check()
    assert {entry.table for entry in report.tables} == {"customers", "subscriptions", "transactions"}
    assert set(report.absent) == set(TABLES) - {"customers", "subscriptions", "transactions"}
    assert list(report.to_frame()["table"]) == [entry.table for entry in report.tables]


# --- refusing


def test_no_such_folder(tmp_path):
    with pytest.raises(NotFoundError, match="no folder at"):
        Company.open(tmp_path / "nowhere")


def test_a_file_is_not_a_folder(tmp_path):
    path = folder(tmp_path, transactions=TRANSACTIONS) / "transactions.csv"
    with pytest.raises(NotFoundError, match="give the folder that holds it"):
        Company.open(path)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="holds no table"):
        Company.open(tmp_path)


def test_unknown_table(tmp_path):
    with pytest.raises(
        DataError, match="no table in the data contract named 'transaction'; did you mean"
    ) as e:
        Company.open(folder(tmp_path, transaction=TRANSACTIONS))
    assert "'_'" in one_line(e)


def test_a_table_twice(tmp_path):
    (tmp_path / "transactions.tsv").write_text(TRANSACTIONS.replace(",", "\t"))
    with pytest.raises(DataError, match="there twice"):
        Company.open(folder(tmp_path, transactions=TRANSACTIONS))


def test_a_table_without_its_key(tmp_path):
    with pytest.raises(ColumnError, match="'customer' is missing, part of the key of 'transactions'") as e:
        Company.open(folder(tmp_path, transactions="client,date,revenue\nA,2025-01-01,1\n"))
    assert "client, date, revenue" in one_line(e)


def test_a_table_without_what_is_required(tmp_path):
    with pytest.raises(ColumnError, match="'revenue' is missing, part of what is required"):
        Company.open(folder(tmp_path, transactions="customer,date\nA,2025-01-01\n"))


def test_spells_need_dates_or_durations(tmp_path):
    with pytest.raises(ColumnError, match="'entry' or 'duration'"):
        Company.open(folder(tmp_path, subscriptions="customer,cause\nA,none\n"))


def test_a_file_with_another_separator_shows_what_was_found(tmp_path):
    with pytest.raises(DataError, match="customer;date;revenue") as e:
        Company.open(folder(tmp_path, transactions=TRANSACTIONS.replace(",", ";")))
    assert 'declare delimiter = ";"' in one_line(e)


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("date", "31/02/2024"),
        ("date", "2024-02-31"),
        ("date", "2024-2-3"),
        ("date", "2024-02-03 10:00:00"),
        ("date", ""),
        ("customer", ""),
        ("revenue", "1,50"),
        ("revenue", "1.23456"),
        ("revenue", "1_975"),
        ("revenue", "0x1F"),
        ("revenue", "nan"),
        ("revenue", "inf"),
        ("revenue", "1e3"),
        ("revenue", "€5"),
        ("revenue", "٣"),
        ("units", "1.5"),
        ("units", "three"),
    ],
)
def test_a_value_of_the_wrong_form_sets_its_row_aside(tmp_path, column, bad):
    row = {"customer": "A", "date": "2025-01-01", "revenue": "1", "units": "2"}
    frame = pd.DataFrame([row, {**row, column: bad}])
    frame.to_csv(tmp_path / "transactions.csv", index=False)
    with pytest.warns(LeftOutWarning, match=r"transactions.csv: 1 of 2 rows were set aside") as warned:
        company = Company.open(tmp_path)
    (told,) = [str(each.message) for each in warned if each.category is LeftOutWarning]
    assert f"column {column!r}" in told
    assert company.table("transactions").count().to_pyarrow().as_py() == 1
    assert company.info.notes == (told,)
    (fault,) = company.files[0].quarantined
    assert (fault.line, fault.column, fault.value) == (3, column, bad)


def test_a_file_of_which_no_row_is_good_is_refused(tmp_path):
    with pytest.raises(DataError, match="no row could be taken in") as e:
        Company.open(folder(tmp_path, transactions="customer,date,revenue\nA,yesterday,1\n"))
    assert "1 of 1 rows were set aside" in one_line(e)


@pytest.mark.parametrize(
    ("table_name", "column", "bad", "good"),
    [
        ("subscriptions", "cause", "bored", "price"),
        ("branches", "conformance", "1.2", "0.9"),
        ("contacts", "resolved", "yes", "true"),
        ("contacts", "time", "10:30", "2025-01-01 10:30:00"),
        ("contacts", "wait_seconds", "long", "3.5"),
    ],
)
def test_forms_beyond_transactions(tmp_path, table_name, column, bad, good):
    row = {
        "subscriptions": {"customer": "A", "duration": "3"},
        "branches": {"branch": "B"},
        "contacts": {"contact": "C", "customer": "A", "time": "2025-01-01 10:30:00"},
    }[table_name]
    for value, accepted in ((good, True), (bad, False)):
        pd.DataFrame([{**row, column: value}]).to_csv(tmp_path / f"{table_name}.csv", index=False)
        if accepted:
            assert Company.open(tmp_path).table(table_name).count().to_pyarrow().as_py() == 1
        else:
            with pytest.raises(DataError, match=column):
                Company.open(tmp_path)


def test_a_thing_that_stands_twice(tmp_path):
    text = "customer,region\nA,north\nB,north\nA,south\nC,east\nC,east\n"
    with pytest.warns(LeftOutWarning, match="3 of 5 rows"):
        company = Company.open(folder(tmp_path, customers=text))
    # of two that contradict each other neither stays, of two that are equal the first
    assert sorted(company.table("customers").customer.to_pyarrow().to_pylist()) == ["B", "C"]
    assert [(fault.line, fault.column) for fault in company.files[0].quarantined] == [
        (2, "customer"),
        (4, "customer"),
        (6, "customer"),
    ]


def test_what_is_not_parquet(tmp_path):
    (tmp_path / "transactions.parquet").write_text("customer,date,revenue")
    with pytest.raises(DataError, match="is not a Parquet file") as e:
        Company.open(tmp_path)
    one_line(e)


def parquet(tmp_path, **columns):
    base = {"customer": ["A"], "date": [date(2025, 1, 1)], "revenue": [Decimal("1.00")]}
    pq.write_table(pa.table(base | columns), tmp_path / "transactions.parquet")
    return tmp_path


def test_parquet_types_are_taken_over_only_where_nothing_is_lost(tmp_path):
    company = Company.open(
        parquet(tmp_path, customer=[7], date=[datetime(2025, 1, 1)], revenue=[10.1], units=[2.0])
    )
    row = company.table("transactions").to_pyarrow().to_pylist()[0]
    assert row == {"customer": "7", "date": date(2025, 1, 1), "revenue": Decimal("10.1000"), "units": 2}


@pytest.mark.parametrize(
    "columns",
    [
        {"date": [datetime(2025, 1, 1, 12, 30)]},
        {"revenue": [1.23456]},
        {"revenue": [float("nan")]},
        {"revenue": [float("inf")]},
        {"units": [1.5]},
        {"customer": [None]},
    ],
    ids=["time of day", "five decimals", "nan", "inf", "half a piece", "nobody"],
)
def test_parquet_values_that_would_lose_something_are_set_aside(tmp_path, columns):
    good = {"customer": "B", "date": date(2025, 1, 2), "revenue": Decimal("1.00"), "units": None}
    (name, (bad,)) = columns.popitem()
    values = {"customer": "A", "date": date(2025, 1, 1), "revenue": Decimal("1.00"), "units": None, name: bad}
    both = {key: [good[key], value] for key, value in values.items()}
    if name == "date":
        both["date"][0] = datetime(2025, 1, 2)
    if name == "revenue":
        both["revenue"][0] = 1.0
    with pytest.warns(LeftOutWarning, match="1 of 2 rows"):
        company = Company.open(parquet(tmp_path, **both))
    assert company.table("transactions").customer.to_pyarrow().to_pylist() == ["B"]
    (fault,) = company.files[0].quarantined
    assert (fault.line, fault.column) == (1, name)


def test_parquet_types_that_mean_something_else_are_refused(tmp_path):
    with pytest.raises(DataError, match="its type is"):
        Company.open(parquet(tmp_path, date=[20250101]))
    with pytest.raises(DataError, match="its type is"):
        Company.open(parquet(tmp_path, customer=[1.0]))


@pytest.mark.parametrize("address", ["https://example.org/x", "s3://bucket/x", "file://server/share"])
def test_addresses_other_than_local_folders(address):
    with pytest.raises(OptionError, match="only folders"):
        Company.open(address)


def test_a_table_that_is_not_there_and_one_that_cannot_be(tmp_path):
    company = Company.open(folder(tmp_path, transactions=TRANSACTIONS))
    with pytest.raises(NotFoundError, match=r"has no table 'surveys'.*there are: transactions"):
        company.table("surveys")
    with pytest.raises(NotFoundError, match="in the data contract"):
        company.table("sales")
    with pytest.raises(NotFoundError, match="in the data contract"):
        Company(info=CompanyInfo(name="x", source="x"), tables={"sales": company.table("transactions")})


@pytest.mark.parametrize("name", ["od[d]", "all*", "what?"])
def test_a_path_that_the_engine_takes_for_a_pattern(tmp_path, name):
    # text we open ourselves; of Parquet a sibling that the pattern fits would be read with it, or instead
    odd = tmp_path / name
    odd.mkdir()
    assert list(Company.open(folder(odd, transactions=TRANSACTIONS)).tables) == ["transactions"]
    (odd / "transactions.csv").unlink()
    with pytest.raises(DataError, match="rename") as e:
        Company.open(parquet(odd))
    one_line(e)


def test_names_of_folders_are_shown_as_they_are(tmp_path):
    # a name is data: it is neither SQL nor markup of the terminal
    import subprocess
    import sys

    path = tmp_path / "quotes ' and \" and ;"
    path.mkdir()
    folder(path, transactions=TRANSACTIONS)
    done = subprocess.run(
        [sys.executable, "-m", "cemlab", "check", str(path)], capture_output=True, text=True, check=True
    )
    assert "quotes ' and \" and ;" in done.stdout


def test_endings_may_be_in_capitals_and_names_may_not(tmp_path):
    (tmp_path / "transactions.CSV").write_text(TRANSACTIONS)
    assert list(Company.open(tmp_path).tables) == ["transactions"]
    (tmp_path / "Surveys.csv").write_text("customer,responded\nA,true\n")
    with pytest.raises(DataError, match="did you mean 'surveys'"):
        Company.open(tmp_path)


def test_a_file_in_another_encoding_says_what_is_wanted(tmp_path):
    (tmp_path / "transactions.csv").write_bytes(
        "customer,date,revenue\nJosé,2025-01-01,1\n".encode("latin-1")
    )
    with pytest.raises(DataError, match=r"utf-8|UTF-8") as e:
        Company.open(tmp_path)
    one_line(e)


def test_a_company_is_shown_by_its_first_columns_and_the_number_of_the_others(tmp_path):
    names = [f"c{i}" for i in range(9)]
    (tmp_path / "style_survey.csv").write_text(f"customer,{','.join(names)}\na{',1' * 9}\nb{',2' * 9}\n")
    shown = Company.open(tmp_path)._repr_html_()
    assert "customer, c0, c1, c2, c3, c4, c5 and 3 more" in shown
    assert ">2</td>" in shown


def test_many_tables_are_folded():
    from cemlab.data.reports import overview

    few = dict.fromkeys(list(TABLES)[:8], 2)
    assert "<details>" not in overview("a<b", few, dict.fromkeys(few, ("x",)))
    many = dict.fromkeys(list(TABLES)[:9], 1000)
    folded = overview("a<b", many, dict.fromkeys(many, ("x",)))
    assert folded.startswith("<details><summary>a&lt;b: 9 tables, 9,000 rows</summary>")

"""Loading for keeps: whole files or none, nothing lost, nothing of two companies mixed."""

import csv
import json
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cemlab.data.company import Company
from cemlab.data.intake import export, take_in
from cemlab.data.intake.plan import Settings, TableRule, TableSettings
from cemlab.data.intake.staging import Staging, clear_abandoned
from cemlab.errors import DataError, OptionError
from cemlab.spreadsheet import raw_cell

TRANSACTIONS = "customer,date,revenue\nA1,2025-01-02,10.50\nA2,2025-01-03,0.1\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "client"
    path.mkdir()

    def made(**files: str) -> Path:
        for name, text in files.items():
            (path / f"{name}.csv").write_text(text, encoding="utf-8")
        return path

    return made


def by_file(taken) -> dict[str, tuple[str, int, int]]:
    return {report.file: (report.verdict, report.records, report.accepted) for report in taken.files}


# --- a folder taken in


def test_what_is_taken_in_is_typed_and_counted(folder):
    taken = take_in(folder(transactions=TRANSACTIONS, customers="customer\nA1\n"))
    assert by_file(taken) == {"customers.csv": ("accept", 1, 1), "transactions.csv": ("accept", 2, 2)}
    assert taken.tables["transactions"].order_by("customer").to_pyarrow().to_pylist() == [
        {"customer": "A1", "date": date(2025, 1, 2), "revenue": Decimal("10.5000")},
        {"customer": "A2", "date": date(2025, 1, 3), "revenue": Decimal("0.1000")},
    ]


def test_a_table_of_which_one_file_is_rejected_is_not_there(folder):
    path = folder(a=TRANSACTIONS, b="customer,date\nA1,2025-01-02\n")
    settings = Settings(
        tables={"transactions": TableSettings(table="transactions", files=("a.csv", "b.csv"))}
    )
    taken = take_in(path, settings=settings)
    assert by_file(taken) == {"a.csv": ("accept", 2, 2), "b.csv": ("reject", 0, 0)}
    assert "another of its files was rejected" in taken.files[0].messages[-1]
    assert taken.tables == {}


def test_parts_with_different_further_columns_stand_under_each_other(folder):
    more = "customer,date,revenue,shop\nA3,2025-01-04,1,north\n"
    settings = Settings(
        tables={"transactions": TableSettings(table="transactions", files=("a.csv", "b.csv"))}
    )
    taken = take_in(folder(a=TRANSACTIONS, b=more), settings=settings)
    found = taken.tables["transactions"].order_by("customer").to_pyarrow().to_pylist()
    assert taken.files[0].messages[-1].startswith("it lacks shop, which other files of transactions have")
    assert [(row["customer"], row["shop"]) for row in found] == [("A1", None), ("A2", None), ("A3", "north")]


def test_rules_between_rows_name_places_in_other_files(folder):
    rule = TableRule(rule="unique", columns=("customer", "date"))
    said = TableSettings(table="transactions", files=("a.csv", "b.csv"), rules=(rule,))
    again = "customer,date,revenue\nA2,2025-01-03,99\n"
    taken = take_in(folder(a=TRANSACTIONS, b=again), settings=Settings(tables={"transactions": said}))
    assert by_file(taken) == {"a.csv": ("quarantine", 2, 1), "b.csv": ("quarantine", 1, 0)}
    (first,), (second,) = (list(report.quarantined) for report in taken.files)
    assert (first.line, first.row) == (3, "A2,2025-01-03,0.1")
    assert "line 2 of b.csv" in first.reason
    assert (second.line, second.value) == (2, "A2")
    assert "line 3 of a.csv" in second.reason


def test_rows_set_aside_stand_in_the_order_of_the_file(folder):
    text = "customer,joined\nA,x\nB,2025-01-01\nC,y\nB,2025-01-02\nD,2025-01-01\n"
    (report,) = take_in(folder(customers=text)).files
    # broken values (2, 4) and contradicting keys (3, 5) are found at different times
    assert [fault.line for fault in report.quarantined] == [2, 3, 4, 5]
    assert [fault.line for fault in report.quarantined] == [2, 3, 4, 5]  # and can be read again
    assert report.set_aside().startswith("customers.csv: 4 of 5 rows were set aside (")


def test_rows_stay_readable_when_the_intake_is_gone(folder):
    table = take_in(folder(transactions=TRANSACTIONS)).tables["transactions"]
    report = take_in(folder(customers="customer,joined\nA,x\n")).files[0]
    assert table.count().to_pyarrow().as_py() == 2
    assert [fault.value for fault in report.quarantined] == ["x"]


def test_an_unforeseen_fault_of_one_file_does_not_hide_the_others(folder, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no idea\nwhat happened")

    monkeypatch.setattr("cemlab.data.intake.parts.open_delimited", broken)
    path = folder(transactions=TRANSACTIONS)
    pq.write_table(pa.table({"branch": ["B1"]}), path / "branches.parquet")
    branches, transactions = take_in(path).files
    assert branches.verdict == "accept"
    assert (transactions.verdict, transactions.records) == ("reject", 0)
    assert transactions.messages == (
        "transactions.csv: cannot be taken in, for an unforeseen reason (RuntimeError: no idea); nothing was "
        "taken from it; please report this",
    )


def test_rules_between_rows_hold_for_the_good_files_of_a_table_too(folder):
    said = TableSettings(table="customers", files=("a.csv", "b.csv"))
    path = folder(a="customer,region\nA,north\nA,south\n", b="name\nB\n")
    a, b = take_in(path, settings=Settings(tables={"customers": said})).files
    assert (a.verdict, a.records, a.accepted) == ("quarantine", 2, 0)
    assert b.verdict == "reject"


def test_a_further_column_may_be_text_in_one_file_and_a_number_in_another(folder):
    path = folder(a="branch,size\nB1,large\n")
    pq.write_table(pa.table({"branch": ["B2"], "size": [7]}), path / "b.parquet")
    said = TableSettings(table="branches", files=("a.csv", "b.parquet"))
    table = take_in(path, settings=Settings(tables={"branches": said})).tables["branches"]
    assert table.order_by("branch").to_pyarrow()["size"].to_pylist() == ["large", "7"]


def test_a_full_disk_is_one_line(folder, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cemlab.data.intake.parquet.pq.ParquetWriter", full)
    (report,) = take_in(folder(transactions=TRANSACTIONS)).files
    assert report.verdict == "reject"
    assert "No space left on device" in report.messages[0]
    assert "\n" not in report.messages[0]


# --- loading


def test_load_writes_tables_that_open_with_the_same_rows(folder, tmp_path):
    out = tmp_path / "loaded"
    settings = Settings(name="Shop", currency="EUR", as_of=date(2025, 6, 30))
    people = "customer,joined\nA1,2025-01-01\nA1,2025-01-01\nA2,\n"
    files = export.load(folder(transactions=TRANSACTIONS, customers=people), out=out, settings=settings)
    assert [report.accepted for report in files] == [2, 2]
    opened = Company.open(out)
    assert (opened.info.name, opened.info.currency, opened.as_of) == ("Shop", "EUR", date(2025, 6, 30))
    # what was set aside is not forgotten with the files it was in
    assert opened.info.notes == (
        "customers.csv: 1 of 3 rows were set aside (1 × column 'customer': is an exact copy of another row)",
    )
    assert opened.table("transactions").columns == ("customer", "date", "revenue")
    assert opened.table("customers").columns == ("customer", "joined")
    assert opened.table("transactions").revenue.sum().to_pyarrow().as_py() == Decimal("10.6")
    assert sorted(path.name for path in out.iterdir()) == [
        "cemlab.toml",
        "customers.parquet",
        "transactions.parquet",
    ]


def test_load_does_not_write_a_table_of_which_a_file_is_rejected(folder, tmp_path):
    out = tmp_path / "loaded"
    files = export.load(folder(transactions=TRANSACTIONS, customers="name\nA\n"), out=out)
    assert [report.verdict for report in files] == ["reject", "accept"]
    assert sorted(path.name for path in out.glob("*.parquet")) == ["transactions.parquet"]


def test_load_refuses_to_mix_two_companies(folder, tmp_path):
    out = tmp_path / "loaded"
    out.mkdir()
    (out / "customers.parquet").write_bytes(b"of another company")
    with pytest.raises(DataError, match="two companies would be mixed"):
        export.load(folder(transactions=TRANSACTIONS), out=out)
    assert sorted(path.name for path in out.iterdir()) == ["customers.parquet"]


@pytest.mark.parametrize("inside", [".", "loaded", "a/b"])
def test_load_refuses_to_write_where_it_reads(folder, inside):
    path = folder(transactions=TRANSACTIONS)
    with pytest.raises(OptionError, match="lies in the folder that is read"):
        export.load(path, out=path / inside)


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    abandoned = tmp_path / f".cemlab-{dead.stdout.strip()}-x"
    abandoned.mkdir()
    (abandoned / "transactions-1.parquet").write_bytes(b"half")
    alive = Staging(tmp_path)
    clear_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [alive.folder]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("after", [0.9, 1.4, 2.0])
def test_an_interrupted_load_leaves_no_partial_file_and_a_second_run_completes(tmp_path, sent, after):
    path, out = tmp_path / "client", tmp_path / "loaded"
    path.mkdir()
    rows = 300_000
    with (path / "transactions.csv").open("w") as file:
        file.write("customer,date,revenue\n")
        file.writelines(f"C{i},2025-01-01,{i % 97}.5\n" for i in range(rows))
    command = [sys.executable, "-m", "cemlab", "load", str(path), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(after)
    process.send_signal(sent)
    _, said = process.communicate()
    assert b"Traceback" not in said
    for whole in out.glob("*.parquet"):
        assert pq.read_table(whole).num_rows == rows
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert pq.read_metadata(out / "transactions.parquet").num_rows == rows
    assert [entry.name for entry in out.iterdir() if entry.name.startswith(".")] == []


# --- what was set aside, written out


def test_quarantine_files_hold_every_row_as_it_stood_and_nothing_live(folder, tmp_path):
    text = 'customer,date,revenue\n"=HYPERLINK(""x"")",2025-01-01,1\n=cmd|x,yesterday,1\nA,2025-01-01,"1,5"\n'
    taken = take_in(folder(transactions=text))
    (path,) = export.write_quarantine(taken.files, tmp_path / "aside", data=taken.folder)
    assert path.name == "transactions.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["line", "column", "value", "reason", "record"]
    assert [(row[0], raw_cell(row[2]), raw_cell(row[4])) for row in rows] == [
        ("3", "yesterday", "=cmd|x,yesterday,1"),
        ("4", "1,5", 'A,2025-01-01,"1,5"'),
    ]
    assert rows[0][4].startswith("'=")


def test_quarantine_of_an_earlier_check_goes_when_nothing_is_set_aside_any_more(folder, tmp_path):
    aside = tmp_path / "aside"
    path = folder(customers="customer,joined\nA,x\nB,\n")
    (written,) = export.write_quarantine(take_in(path).files, aside, data=path)
    (path / "customers.csv").write_text("customer,joined\nA,\nB,\n")
    assert export.write_quarantine(take_in(path).files, aside, data=path) == []
    assert not written.exists()


def test_a_proposal_never_replaces_what_somebody_wrote(tmp_path):
    path = tmp_path / "cemlab.toml"
    export.write_proposal("# proposed\n", path)
    assert path.read_text() == "# proposed\n"
    with pytest.raises(OptionError, match="move it away"):
        export.check_proposal_place(tmp_path / "other.toml", tmp_path)
    (tmp_path / "other.toml").write_text("mine")
    with pytest.raises(OptionError, match="exists; name another file"):
        export.check_proposal_place(tmp_path / "other.toml", tmp_path / "nowhere")


def test_json_is_written_row_by_row(folder, capsys):
    from cemlab.present.check_report import check

    broken = "customer,joined\n" + "".join(f"C{i},never\n" for i in range(2_000)) + "D,2025-01-01\n"
    check(folder(customers=broken)).write_json(sys.stdout)
    (answer,) = json.loads(capsys.readouterr().out)["files"]
    assert (answer["records"], answer["accepted"], len(answer["quarantined"])) == (2_001, 1, 2_000)
    last = answer["quarantined"][-1]
    assert (last["line"], last["column"], last["value"]) == (2_001, "joined", "never")
    assert last["reason"].startswith("'never' is not a date")
    assert "\n" not in last["reason"]

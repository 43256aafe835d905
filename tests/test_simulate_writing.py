"""A simulated company as a folder: whole or not at all, the same bytes each time, good to the last row."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import ibis
import pytest

from cemlab.data import intake
from cemlab.data.company import Company
from cemlab.data.contract import TABLES
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.simulate import WORLDS, Halden, Oracle, opening, write, writing
from cemlab.simulate.state import CAUSES
from cemlab.simulate.tables import steps

SMALL = Halden(customers=400, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("company") / "halden", SMALL)


@pytest.fixture(scope="module")
def company(folder):
    return Company.open(folder)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def command(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cemlab", "simulate", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


# what is written


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_no_row_of_any_world_is_set_aside(world, form, tmp_path):
    out = write(tmp_path / "halden", Halden(customers=300, seed=2, world_name=world), form=form)
    taken = intake.take_in(out)
    assert {report.table for report in taken.files} == set(TABLES)
    assert [report.file for report in taken.files if report.verdict != "accept"] == []
    assert all(report.records == report.accepted for report in taken.files)


def test_every_column_of_the_contract_is_there_but_those_of_extracts_without_dates(company):
    lacking = {
        (name, column.name)
        for name, table in company.tables.items()
        for column in TABLES[name].columns
        if column.name not in table.columns
    }
    # durations without dates, and weights of samples, are for other people's extracts
    assert lacking <= {
        ("subscriptions", "duration"),
        ("subscriptions", "observed_after"),
        ("surveys", "weight"),
    }


@pytest.mark.parametrize(
    ("table", "column", "other"),
    [
        ("subscriptions", "customer", "customers"),
        ("transactions", "customer", "customers"),
        ("contacts", "customer", "customers"),
        ("surveys", "customer", "customers"),
        ("touchpoint_ratings", "customer", "customers"),
        ("journeys", "customer", "customers"),
        ("campaigns", "customer", "customers"),
        ("contact_log", "customer", "customers"),
        ("save_offers", "customer", "customers"),
        ("fees", "customer", "customers"),
        ("style_survey", "customer", "customers"),
        ("contacts", "employee", "employees"),
        ("engagement", "employee", "employees"),
        ("training", "employee", "employees"),
        ("customers", "branch", "branches"),
        ("employees", "branch", "branches"),
        ("branch_month", "branch", "branches"),
        ("branch_month", "month", "macro"),
        ("transactions", "date", "calendar"),
        ("surveys", "contact", "contacts"),
    ],
)
def test_keys_join(company, table, column, other):
    rows = company.table(table)
    rows = rows.filter(rows[column].notnull())
    assert rows.count().execute() > 0
    assert rows.anti_join(company.table(other), column).count().execute() == 0


def test_customers_live_in_their_branchs_region(company):
    both = company.table("customers").join(company.table("branches"), "branch", rname="{name}_of_branch")
    assert both.filter(both["region"] != both["region_of_branch"]).count().execute() == 0


def test_the_panels_households_join_with_each_other_and_with_nobody_else(company):
    panel, ratings = company.table("category_purchases"), company.table("competitor_ratings")
    asked = ratings.select(customer=ratings["respondent"]).distinct()
    assert asked.anti_join(panel, "customer").count().execute() < asked.count().execute() * 0.05
    assert panel.semi_join(company.table("customers"), "customer").count().execute() == 0


@pytest.mark.parametrize(
    "table", ["transactions", "contact_log", "save_offers", "fees", "journeys", "contacts"]
)
def test_dates_lie_inside_the_spell(company, table):
    rows, spells = company.table(table), company.table("subscriptions")
    day = rows["time"].date() if table == "contacts" else rows["date"]
    dated = rows.select("customer", day=day).join(spells, "customer")
    outside = (dated["day"] < dated["entry"]) | (dated["exit"].notnull() & (dated["day"] > dated["exit"]))
    assert dated.count().execute() > 0
    assert dated.filter(outside).count().execute() == 0


def test_money_adds_up_from_purchases_and_fees_to_branch_months_to_the_last_cent(company):
    bought, fees = company.table("transactions"), company.table("fees")
    charged = fees.filter(fees["charged"]).select("customer", "date", revenue="amount")
    every = bought.select("customer", "date", "revenue").union(charged)
    lines = every.join(company.table("customers"), "customer")
    lines = lines.mutate(month=lines["date"].truncate("M"))
    sold = lines.group_by("branch", "month").aggregate(sold=lines["revenue"].sum())
    books = company.table("branch_month")
    both = books.left_join(sold, ["branch", "month"])
    difference = both["revenue"] - both["sold"].fill_null(Decimal(0))
    assert both.filter(difference != 0).count().execute() == 0
    assert books.filter(books["profit"] != books["revenue"] - books["cost"]).count().execute() == 0
    assert books["revenue"].sum().execute() == every["revenue"].sum().execute()
    assert charged["revenue"].sum().execute() > 0


def test_those_who_left_have_a_cause_and_a_day_and_the_others_neither(company):
    spells = company.table("subscriptions")
    assert spells.filter((spells["cause"] == CAUSES[-1]) != spells["exit"].isnull()).count().execute() == 0
    customers = company.table("customers").join(spells, "customer")
    assert customers.filter(customers["joined"] != customers["entry"]).count().execute() == 0
    left_unseen = customers["exit"] <= customers["observed_from"]
    assert customers.filter(left_unseen.fill_null(False)).count().execute() == 0


def test_truths_are_for_a_programme_to_read(folder):
    said = json.loads((folder / "truth.json").read_text())
    assert (said["customers"], said["seed"], said["world"]) == (400, 3, "default")
    by_name = {truth["name"]: truth for truth in said["truths"]}
    assert by_name["leaving.experience"]["value"] == 0.8
    assert by_name["network.effect"]["value"] == [0.10, 0.20, 0.25]
    assert all(truth["unit"] and truth["where"] for truth in said["truths"])


def test_the_dictionary_names_every_table_and_column_and_spoils_no_truth(folder, company):
    text = (folder / "README.md").read_text()
    for name, table in company.tables.items():
        assert f"## {name}\n" in text
        assert all(f"| {column} |" in text for column in table.columns)
    assert "| plan | text | the contract's name: Flex, Partner, Plus |" in text
    assert "hazard ratio" not in text


def test_it_says_that_it_is_fictional(company):
    assert company.info.fictional
    assert company.info.source == "Halden, a fictional company"
    assert (company.info.currency, company.as_of.isoformat()) == ("EUR", "2025-12-31")


# the same company each time


def test_the_same_seed_gives_the_same_bytes_on_one_thread_and_on_two(folder, tmp_path):
    for threads in ("1", "2"):
        out = tmp_path / threads
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), threads)
        done = command("--out", str(out), "--customers", "400", "--seed", "3", env={**os.environ, **limits})
        assert done.returncode == 0, done.stderr
        assert digests(out) == digests(folder)


def test_another_seed_gives_another_company(folder, tmp_path):
    other = write(tmp_path / "halden", Halden(customers=400, seed=4))
    same = {name for name, digest in digests(other).items() if digests(folder)[name] == digest}
    # what is no matter of chance
    assert same <= {"calendar.parquet", "cemlab.toml", "costs.parquet", "goals.parquet",
        "levers.parquet", "ledger.parquet",
                    "opportunities.parquet", "macro.parquet"}  # fmt: skip


def test_a_larger_company_begins_with_the_smaller_ones_branches(folder, tmp_path):
    larger = write(tmp_path / "halden", Halden(customers=500, seed=3))
    for name in ("branches.parquet", "employees.parquet", "training.parquet", "engagement.parquet"):
        assert digests(larger)[name] == digests(folder)[name]


def test_blocks_are_written_one_after_the_other(tmp_path):
    halden = Halden(customers=20_050)
    told: list[int] = []
    out = write(tmp_path / "halden", halden, advance=told.append)
    assert sum(told) == steps(halden) == 20_050 + 6_015
    company = Company.open(out)
    for name in ("customers", "subscriptions"):
        assert company.table(name)["customer"].nunique().execute() == 20_050
    orders = company.table("transactions")["order"]
    assert orders.nunique().execute() == orders.count().execute()


# where it is written


def test_it_is_opened_from_where_it_is_kept_and_made_again_by_other_code(tmp_path, monkeypatch):
    monkeypatch.setattr("cemlab.places.made_folder", lambda: tmp_path)
    first = opening.kept(SMALL)
    made = (first / "truth.json").stat().st_ino
    assert opening.kept(SMALL) == first
    assert (first / "truth.json").stat().st_ino == made
    monkeypatch.setattr(opening, "code_digest", lambda: "other")
    monkeypatch.setattr(writing, "code_digest", lambda: "other")
    opening.kept(SMALL)
    assert json.loads((first / "truth.json").read_text())["code"] == "other"
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name]


def test_the_company_is_known_again_when_it_is_opened(company):
    halden = Oracle.of(company).halden
    assert (halden.customers, halden.seed, halden.world_name) == (400, 3, "default")


def test_a_clients_company_has_no_truth():
    from cemlab.places import bundled

    with pytest.raises(DesignError, match="small is not a simulated company"):
        Oracle.of(Company.open(bundled("data") / "small"))


def test_a_company_made_by_other_code_has_no_truth(company, monkeypatch):
    monkeypatch.setattr(opening, "code_digest", lambda: "other")
    with pytest.raises(
        DesignError, match=r"simulated by other code than this.* --customers 400 --seed 3 --world default"
    ):
        Oracle.of(company)


def test_a_folder_that_is_not_empty_is_refused_and_left_as_it_is(folder, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OptionError, match=r"is not empty; name another folder, or .* --force"):
        write(tmp_path, SMALL)
    with pytest.raises(OptionError, match=r"is not a simulated company \(it holds mine.txt\)"):
        write(tmp_path, SMALL, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    before = digests(folder)
    with pytest.raises(OptionError, match="is not empty"):
        write(folder, SMALL)
    assert digests(folder) == before


def test_force_replaces_a_company_as_a_whole(tmp_path):
    out = write(tmp_path / "halden", Halden(customers=50), form="csv")
    write(out, Halden(customers=60), force=True)
    assert not list(out.glob("*.csv"))
    assert json.loads((out / "truth.json").read_text())["customers"] == 60
    assert [path.name for path in tmp_path.iterdir()] == ["halden"]


def test_a_replacement_that_fails_puts_the_old_company_back(tmp_path, monkeypatch):
    out = write(tmp_path / "halden", Halden(customers=50))
    before = digests(out)
    rename = Path.rename

    def fails(self, target):
        if self.name.endswith(".part"):
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(DataError, match="could not be written"):
        write(out, Halden(customers=60), force=True)
    assert digests(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["halden"]


@pytest.mark.parametrize("place", ["a file", "a link"])
def test_what_is_no_folder_is_refused(tmp_path, place):
    out = tmp_path / "halden"
    if place == "a file":
        out.write_text("x")
    else:
        out.symlink_to(tmp_path)
    with pytest.raises(OptionError, match="is no folder"):
        write(out, SMALL, force=True)


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    # a file may grow to 200 kB only, as on a disk that is full; Python ignores the signal that says so
    done = command(
        "--out",
        str(tmp_path / "halden"),
        "--customers",
        "3000",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "could not be written" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--customers", "0"], "0 customers cannot be simulated; allowed are 1 to 9,999,999"),
        (["--customers", "-5"], "-5 customers cannot be simulated"),
        (["--customers", "10000000"], "10,000,000 customers cannot be simulated"),
        (["--seed", "-1"], "seed is -1; allowed is a whole number from 0 on"),
        (["--world", "recession"], "no world named 'recession'; did you mean 'no-recession'?"),
    ],
)
def test_what_cannot_be_simulated_is_one_line(tmp_path, arguments, told):
    done = command("--out", str(tmp_path / "halden"), *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [True, 1.5, "20000"])
def test_numbers_are_whole_numbers(wrong):
    with pytest.raises(OptionError, match="allowed is a whole number"):
        Halden(customers=wrong)
    with pytest.raises(OptionError, match="allowed is a whole number"):
        Halden(seed=wrong)


def test_a_form_that_is_not_written_is_refused(tmp_path):
    with pytest.raises(OptionError, match="no form of file named 'xlsx'"):
        write(tmp_path / "halden", SMALL, form="xlsx")


def test_the_smallest_company_is_a_company(tmp_path):
    out = write(tmp_path / "halden", Halden(customers=1))
    assert Company.open(out).table("customers").count().execute() == 1


def test_the_settings_are_read_by_the_engine_as_they_were_written(company):
    # columns that the contract does not know keep the type they were written in
    assert company.table("style_survey")["item_01"].type() == ibis.dtype("int64")
    assert company.table("catalogue")["price"].type().is_numeric()


def test_an_interrupted_run_says_so_and_leaves_nothing(tmp_path):
    arguments = ["simulate", "--out", str(tmp_path / "halden"), "--customers", "400000"]
    with subprocess.Popen([sys.executable, "-m", "cemlab", *arguments], stderr=subprocess.PIPE) as run:
        while not list(tmp_path.glob(".halden.*.part/transactions.parquet")):  # it is at work
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    assert run.returncode == 130
    assert told.decode().strip() == "cemlab: interrupted; nothing was written"
    assert list(tmp_path.iterdir()) == []

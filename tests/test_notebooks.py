"""Every notebook runs without a warning: on Halden, with and without public data, and on a user's folder."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest

import cemlab
from cemlab import Company
from cemlab.notebook import catalogue, lint, runner
from cemlab.places import bundled
from cemlab.simulate import Halden
from cemlab.simulate.writing import TRUTH, write

NAMES = [info.name for info in catalogue.notebooks()]
# the words of notebook 05 where a company has no contacts, and a figure; the code holds the words alone
STANDS_IN = r"this is Halden, a fictional company, which stands in\.\*\* [\d,]+ alarms"
# what stands where a notebook fell back to the small tables
FALLEN_BACK = "small invented tables that come with cemlab"
# those whose second act is on public data, and that need no more than transactions and contracts
TWO_ACTS = ["03-loyalty-defection", "04-survival-churn"]
# the one whose first act needs campaigns by lot, too
PLAN = "01-segmentation-to-strategy"
# the one that is about offers by lot, on one company in both acts
SAVES = "05-save-teams"
# the one on the panel of branches, whose second act needs no tables of a company
TRAINING = "09-front-line-training"
# the one on staff and customers, whose contacts Halden lends where there are none
MIRROR = "10-employee-mirror"
# the one on what a point is worth, whose second act is the user's folder
VALUE = "11-cx-to-profit"
# the one on the money of it, whose second act needs no tables either
CASE = "12-cfo-case"


def test_the_series_so_far():
    assert sorted(NAMES) == ["00-what-are-we-changing", PLAN, *TWO_ACTS, SAVES, TRAINING, MIRROR, VALUE, CASE]


@pytest.mark.parametrize("name", NAMES)
def test_form(name):
    assert lint.lint(catalogue.find(name).path) == ()


def executed(report):
    assert report.status == "ran", report.error
    assert report.warnings == ()
    return json.dumps(nbformat.read(report.page.with_suffix(".ipynb"), as_version=4))


def marks(page):
    """Return what the check cells said, verdict by verdict."""
    return re.findall(
        r"cemlab-mark[^>]*><strong>(Right|Not yet|Not marked):</strong>", page.replace('\\"', '"')
    )


def check_cells(name):
    cells = nbformat.read(catalogue.find(name).path, as_version=4).cells
    return sum("check" in cell.metadata.get("tags", ()) for cell in cells)


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_runs_on_halden_and_the_public_data_or_says_that_it_does_not(name, tmp_path):
    from cemlab.data import datasets

    (report,) = runner.run([name], out=tmp_path, quick=True)
    page = executed(report)
    used = ("online_retail", "cdnow", "cdnow_sample", "telco", "rossi")
    fallen_back = name in (PLAN, *TWO_ACTS) and not all(datasets.available(data) for data in used)
    assert (FALLEN_BACK in page) == fallen_back
    # every answer is right but the one of notebook 04 that is there to be found out
    wrong = ["Not yet"] * (name == "04-survival-churn")
    assert sorted(marks(page)) == wrong + ["Right"] * (check_cells(name) - len(wrong))
    assert ("This looks like late entry ignored" in page) == bool(wrong)
    assert not re.search(STANDS_IN, page)  # a company with contacts needs nobody to stand in


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Neither cache nor network: a second act, which never is about the user's folder, has no public data."""
    monkeypatch.setenv("CEMLAB_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("CEMLAB_OFFLINE", "1")


@pytest.mark.notebooks
@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", TWO_ACTS)
def test_runs_offline_on_a_users_own_folder_where_nothing_can_be_marked(name, tmp_path):
    (report,) = runner.run([name], out=tmp_path, data=bundled("data") / "small", quick=True)
    page = executed(report)
    assert "the tables that are there" in page
    assert FALLEN_BACK in page
    assert marks(page) == ["Not marked"] * check_cells(name)


def called_own(folder):
    """Let a folder of Halden pass for a company of somebody's own."""
    settings = folder / "cemlab.toml"
    settings.write_text(settings.read_text().replace('"Halden"', '"Own"').replace("true", "false"))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Write a company once for all who take its folder for their own."""
    return write(tmp_path_factory.mktemp("simulated") / "halden", Halden(customers=3000, seed=2))


@pytest.fixture
def own(simulated, tmp_path):
    folder = Path(shutil.copytree(simulated, tmp_path / "own"))
    (folder / TRUTH).unlink()
    called_own(folder)
    return folder


@pytest.mark.notebooks
def test_saves_on_a_users_folder_and_says_where_halden_stands_in(own, tmp_path):
    (own / "contacts.parquet").unlink()
    (report,) = runner.run([SAVES], out=tmp_path / "out", data=own, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(SAVES)
    assert "Source: Own" in page
    assert re.search(STANDS_IN, page)


@pytest.mark.notebooks
@pytest.mark.usefixtures("offline")
def test_plans_offline_for_a_users_folder_with_campaigns_and_says_where_halden_stands_in(own, tmp_path):
    for name in ("style_survey.parquet", "message_mix.parquet", "catalogue.parquet"):
        (own / name).unlink()
    (report,) = runner.run([PLAN], out=tmp_path / "out", data=own, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(PLAN)
    assert "Source: Own" in page
    assert "Halden, a fictional company" in page
    assert FALLEN_BACK in page


@pytest.mark.notebooks
@pytest.mark.usefixtures("offline")
def test_training_offline_on_a_users_folder_with_branches_and_dates_alone(tmp_path):
    folder = write(tmp_path / "own", Halden(customers=500, seed=2))
    kept = ("branch_month", "branches", "training")
    for path in folder.iterdir():
        if path.suffix in (".parquet", ".json") and path.stem not in kept:
            path.unlink()
    called_own(folder)
    (report,) = runner.run([TRAINING], out=tmp_path / "out", data=folder, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(TRAINING)
    assert "Source: Own" in page
    # those who stay and their discretion are told as missing, and both published studies
    assert page.count("The tables for this are not in your folder.*") == 2 + 1  # the code holds it once
    assert page.count("The published study is not in the cache") == 2 + 2


@pytest.mark.notebooks
def test_mirrors_a_users_folder_without_contacts_and_says_where_halden_stands_in(own, tmp_path):
    kept = ("branch_month", "branches", "employees", "engagement")
    for path in own.iterdir():
        if path.suffix in (".parquet", ".json") and path.stem not in kept:
            path.unlink()
    (report,) = runner.run([MIRROR], out=tmp_path / "out", data=own, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(MIRROR)
    assert "Source: Own" in page
    assert "`contacts` is not in your folder, or not complete; Halden" in page or (
        "<code>contacts</code> is not in your folder, or not complete; Halden" in page
    )


@pytest.mark.notebooks
def test_values_a_point_on_a_users_folder_without_training_surveys_or_fees(own, tmp_path):
    kept = ("branch_month", "branches", "customers", "subscriptions", "transactions")
    for path in own.iterdir():
        if path.suffix in (".parquet", ".json") and path.stem not in kept:
            path.unlink()
    (report,) = runner.run([VALUE], out=tmp_path / "out", data=own, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(VALUE)
    assert "Own: the tables that are there" in page
    assert "Missing in this folder: training, surveys, fees." in page
    # instrument, intentions, the customers' view, the silent, twice fees, an exercise; the code has it once
    assert page.count("The tables for this are not in your folder.*") == 7 + 1


@pytest.mark.notebooks
def test_makes_a_case_of_a_users_folder(own, tmp_path):
    (report,) = runner.run([CASE], out=tmp_path / "out", data=own, quick=True)
    page = executed(report)
    assert marks(page) == ["Not marked"] * check_cells(CASE)
    assert "Source: Own" in page
    # an assumption-based case is never called a return
    assert "Assumption-based case" in page
    assert "return on investment of" not in page


@pytest.mark.parametrize(("name", "table"), [(PLAN, "campaigns"), (SAVES, "save_offers")])
def test_a_folder_without_a_lot_is_told_what_it_lacks(name, table):
    rows = cemlab.what_can_run(Company.open(bundled("data") / "small")).to_frame().set_index("notebook")
    assert not rows.loc[name, "can_run"]
    assert f"the table {table}" in rows.loc[name, "lacks"]

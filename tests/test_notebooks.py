"""Every notebook runs without a warning: on the data that is there, offline, and on a user's folder."""

import json

import nbformat
import pytest

from cemlab.notebook import catalogue, lint, runner
from cemlab.places import bundled

NAMES = [info.name for info in catalogue.notebooks()]
# what stands where a notebook fell back to the small tables
FALLEN_BACK = "small invented tables that come with cemlab"


def test_the_series_so_far():
    assert NAMES == ["03-loyalty-defection", "04-survival-churn"]


@pytest.mark.parametrize("name", NAMES)
def test_form(name):
    assert lint.lint(catalogue.find(name).path) == ()


def executed(report):
    assert report.status == "ran", report.error
    assert report.warnings == ()
    return json.dumps(nbformat.read(report.page.with_suffix(".ipynb"), as_version=4))


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_runs_on_the_public_data_or_says_that_it_does_not(name, tmp_path):
    from cemlab.data import datasets

    (report,) = runner.run([name], out=tmp_path, quick=True)
    page = executed(report)
    used = ("online_retail", "cdnow", "cdnow_sample", "telco", "rossi")
    there = all(datasets.available(data) for data in used)
    assert (FALLEN_BACK not in page) == there


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_runs_offline_on_the_small_tables_and_says_so(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CEMLAB_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("CEMLAB_OFFLINE", "1")
    (report,) = runner.run([name], out=tmp_path / "out", quick=True)
    assert FALLEN_BACK in executed(report)


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_runs_on_a_users_own_folder(name, tmp_path):
    (report,) = runner.run([name], out=tmp_path, data=bundled("data") / "small", quick=True)
    page = executed(report)
    assert "the tables that are there" in page

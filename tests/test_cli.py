"""The command line: what goes wrong on purpose is one line on standard error and exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cemlab.places import bundled

SMALL = str(bundled("data") / "small")


def cemlab(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cemlab", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_check_says_what_is_there_and_what_can_run():
    done = cemlab("check", SMALL)
    assert done.returncode == 0, done.stderr
    # one line a row, less the header
    lines = f"{len((Path(SMALL) / 'transactions.csv').read_text().splitlines()) - 1:,}"
    for word in (
        "transactions",
        lines,
        "subscriptions",
        "03-loyalty-defection",
        "04-survival-churn",
        "yes",
    ):
        assert word in done.stdout


def test_check_as_json():
    answer = json.loads(cemlab("check", SMALL, "--json").stdout)
    assert {table["table"] for table in answer["tables"]} == {"customers", "subscriptions", "transactions"}
    assert answer["company"] == "small"
    assert "surveys" in answer["absent"]
    can_run = {notebook["name"]: notebook["can_run"] for notebook in answer["notebooks"]}
    assert can_run["03-loyalty-defection"]
    assert can_run["04-survival-churn"]
    assert not can_run["00-what-are-we-changing"]  # it needs goals, levers and a ledger


def test_check_says_what_a_notebook_lacks(tmp_path):
    (tmp_path / "transactions.csv").write_text("customer,date,revenue\nA,2025-01-01,1\n")
    answer = json.loads(cemlab("check", str(tmp_path), "--json").stdout)
    lacking = {entry["name"]: entry for entry in answer["notebooks"]}
    assert lacking["03-loyalty-defection"]["can_run"]
    assert lacking["04-survival-churn"]["missing_tables"] == ["subscriptions"]


def bad_folders(tmp_path):
    """Return arguments that must be refused, each with words its line must hold."""
    empty, unknown, keyless, other = (tmp_path / name for name in ("empty", "unknown", "keyless", "other"))
    for path in (empty, unknown, keyless, other):
        path.mkdir()
    (unknown / "sales.csv").write_text("customer,date,revenue\n")
    (keyless / "transactions.csv").write_text("date,revenue\n2025-01-01,1\n")
    (other / "branches.csv").write_text("branch\nB1\n")
    nowhere = str(tmp_path / "nowhere")
    return {
        "no such folder": (["check", nowhere], "no folder at"),
        "empty folder": (["check", str(empty)], "holds no table"),
        "run on an unknown table": (["run", "03", "--data", str(unknown)], "contract named 'sales'"),
        "run without a key": (["run", "03", "--data", str(keyless)], "'customer' is missing"),
        "no such notebook": (["run", "03-loyality-defection"], "did you mean '03-loyalty-defection'"),
        "run on no folder": (["run", "03", "--data", nowhere], "no folder at"),
        "run without its table": (["run", "03", "--data", str(other)], "it needs the table transactions"),
        "no such data set": (["fetch", "cdnwo"], "did you mean 'cdnow'"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "no such folder",
        "empty folder",
        "run on an unknown table",
        "run without a key",
        "no such notebook",
        "run on no folder",
        "run without its table",
        "no such data set",
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, case):
    arguments, words = bad_folders(tmp_path)[case]
    if arguments[0] == "run":
        arguments += ["--out", str(tmp_path / "out")]
    done = cemlab(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cemlab: ")
    assert words in lines[0]
    assert not (tmp_path / "out").exists()

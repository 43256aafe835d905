"""What a check says: nothing of it is markup, nothing hidden, on a terminal, in a pipe and on a page."""

import io
import re

import pytest
from rich.console import Console

from cemlab.present.check_page import write_check_page
from cemlab.present.check_report import CheckReport, check

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def dirty(tmp_path):
    lines = ["customer,date,revenue,<b>note</b>"]
    lines += [f"C{i},2025-01-{i:02d},{i}.50,x" for i in range(1, 21)]
    lines += ["C1,31/02/2025,1,x", "C2,31/02/2025,1,x", ",2025-01-01,1,x", f"{HOSTILE},2025-01-01,many,x"]
    lines += ["C1,2025-01-01,1,x,y", "C1,2025-01-01,1", "C9,2025-01-09,9.50,x"]
    (tmp_path / "transactions.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "[red]sales[].csv").write_text("customer\nA\n")
    return tmp_path


def shown(report: CheckReport, *, terminal: bool, width: int = 80) -> str:
    out = io.StringIO()
    report.show(Console(file=out, force_terminal=terminal, width=width, color_system=None))
    return out.getvalue()


def test_a_check_says_what_was_taken_what_was_set_aside_and_what_can_run(dirty):
    text = shown(check(dirty), terminal=False)
    assert re.search(r"transactions.csv │ rows set aside │ +27 │ +21 │ +6 │", text)
    assert "transactions.csv: 2 set aside: column 'date': is not a date" in text
    assert "transactions.csv: 1 set aside: column 'customer': is blank" in text
    assert "transactions: 1 rows equal an earlier one in every column; they were kept" in text
    assert "2025-01-01 to 2025-01-20, rows" in text
    assert "03-loyalty-defection" in text


def test_names_from_data_are_no_markup_of_the_terminal(dirty):
    text = shown(check(dirty), terminal=False)
    assert "[red]sales[].csv" in text
    assert "<b>note</b>" in text


def test_in_a_pipe_each_message_is_one_line(dirty):
    (line,) = [line for line in shown(check(dirty), terminal=False).splitlines() if "is not a date" in line]
    assert line.endswith('formats = ["%d.%m.%Y"]')


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_cut_on_a_terminal_of_any_width(dirty, width):
    text, _proposal = shown(check(dirty), terminal=True, width=width).split("A cemlab.toml to begin with")
    assert "…" not in text.replace("[tables.…]", "")
    assert all(len(line) <= width for line in text.splitlines())


def test_a_proposal_is_shown_where_something_is_wrong_and_only_there(dirty, tmp_path_factory):
    assert "A cemlab.toml to begin with" in shown(check(dirty), terminal=False)
    clean = tmp_path_factory.mktemp("clean")
    (clean / "branches.csv").write_text("branch\nB1\n")
    assert "A cemlab.toml to begin with" not in shown(check(clean), terminal=False)
    (dirty / "cemlab.toml").write_text("")
    assert check(dirty).proposal == ""


def test_the_page_says_the_same_and_runs_nothing(dirty, tmp_path):
    page = write_check_page(check(dirty), tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert "What was set aside" in page
    assert "27 records in 2 file(s): 21 accepted, 6 set aside; 1 file(s) rejected." in page
    assert "<script" not in page
    assert "<b>note</b>" not in page
    assert "&lt;b&gt;note&lt;/b&gt;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_of_a_folder_without_a_single_table(tmp_path):
    (tmp_path / "transactions.csv").write_bytes(b"")
    page = write_check_page(check(tmp_path), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "No table could be taken in." in page
    assert "REJECTED" in page

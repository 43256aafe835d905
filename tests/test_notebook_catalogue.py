from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cemlab.errors import DataError, NotFoundError
from cemlab.notebook.catalogue import find, notebooks, runnable
from cemlab.notebook.document import headings, read_document


def save(
    folder: Path, name: str, *, title: str = "A title", statement: Any = None, cells: Any = None
) -> Path:
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": [f"# {title}\n", "text"]}
    metadata = {} if statement is None else {"cemlab": statement}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells or [cell]}
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    loyalty = {"question": "Did we lose them?", "needs": {"transactions": ["customer", "date", "revenue"]}}
    churn = {"question": "Who leaves?", "needs": {"subscriptions": ["customer", "duration"], "customers": []}}
    save(tmp_path, "04-survival-churn.ipynb", title="Who *leaves*", statement=churn)
    save(tmp_path, "03-loyalty-defection.ipynb", statement=loyalty)
    save(tmp_path, "scratch.ipynb")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    return tmp_path


def test_notebooks_are_listed_in_order_with_title_question_and_needs(folder: Path) -> None:
    first, second = notebooks(folder)
    assert (first.name, first.title, first.question) == (
        "03-loyalty-defection",
        "A title",
        "Did we lose them?",
    )
    assert first.needs == {"transactions": ("customer", "date", "revenue")}
    assert second.title == "Who leaves"
    assert second.needs["customers"] == ()


def test_the_bundled_notebooks_can_be_read() -> None:
    assert all(info.question and info.title for info in notebooks())


@pytest.mark.parametrize(
    "name", ["03-loyalty-defection", "03", "loyalty-defection", "03-loyalty-defection.ipynb"]
)
def test_find_by_name_number_or_words(folder: Path, name: str) -> None:
    assert find(name, folder).path == folder / "03-loyalty-defection.ipynb"


def test_find_by_path_takes_any_notebook(folder: Path) -> None:
    info = find(str(folder / "scratch.ipynb"))
    assert (info.name, info.question, dict(info.needs)) == ("scratch", "", {})


def test_an_unknown_name_is_answered_with_the_list(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"did you mean '03-loyalty-defection'.*04-survival-churn"):
        find("03-loyalty-defect", folder)


def test_a_path_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no notebook file .*nothing\.ipynb"):
        find(str(folder / "nothing.ipynb"), folder)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no folder .*away"):
        notebooks(tmp_path / "away")


def test_what_can_run_on_the_tables_at_hand(folder: Path) -> None:
    tables = {"transactions": {"customer", "date"}, "subscriptions": {"customer", "duration", "cause"}}
    loyalty, churn = runnable(tables, folder)
    assert (loyalty.can_run, loyalty.missing_tables) == (False, ())
    assert loyalty.missing_columns == {"transactions": ("revenue",)}
    assert (churn.can_run, churn.missing_tables, dict(churn.missing_columns)) == (False, ("customers",), {})
    assert [r.can_run for r in runnable(tables | {"customers": []}, folder)] == [False, True]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"transaction": ["customer"]}, "did you mean 'transactions'"),
        ({"transactions": ["revenues"]}, "no column in 'transactions' named 'revenues'"),
        ({"transactions": "customer"}, "not a list"),
        (["transactions"], "not a mapping"),
    ],
)
def test_needs_outside_the_contract_are_refused(tmp_path: Path, needs: object, said: str) -> None:
    save(tmp_path, "03-a.ipynb", statement={"question": "?", "needs": needs})
    with pytest.raises(DataError, match=said):
        notebooks(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        '{"cells": [], "nbformat": 3}',
        '{"nbformat": 4, "cells": [{"source": "x"}]}',
        "\udcff",
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "03-a.ipynb"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"03-a\.ipynb"):
        read_document(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.ipynb"):
        read_document(tmp_path / "gone.ipynb")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# One\n## Two ##\n### `Three`", [(1, "One"), (2, "Two"), (3, "Three")]),
        ("#no heading\n\n####### nor this", []),
        ("~~~\n# code\n```\n~~~\n# After", [(1, "After")]),
        ("One\n===\nTwo\n---", [(1, "One"), (2, "Two")]),
        ("- item\n---\n\n---\n| a |\n---", []),
    ],
)
def test_headings(source: str, expected: list[tuple[int, str]]) -> None:
    assert [(h.level, h.title) for h in headings(source)] == expected

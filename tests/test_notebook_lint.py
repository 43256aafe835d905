from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cemlab.notebook.lint import lint, main
from cemlab.places import bundled

Notebook = Any
PROSE = "Customers who stay are counted by the month in which they came and the month in which they went. "


def tagged(*tags: str) -> dict[str, list[str]]:
    return {"tags": list(tags)}


def good() -> Notebook:
    statement = {"question": "Did we lose them?", "needs": {"transactions": ["customer", "date", "revenue"]}}
    md, code = new_markdown_cell, new_code_cell
    terms = "".join(f"- **Term {i}**: what it means.\n" for i in range(5))
    cells = [
        md("# Did we lose them?\n\n## The question and the decision\n\n" + PROSE * 10),
        code("import numpy as np\nfrom cemlab import loyalty"),
        code("# where\ndata = None\nquick = False", metadata=tagged("parameters")),
        md("## The data: one row is a purchase\n\n" + PROSE * 10),
        code("lines = loyalty.lines(data)\nlines"),
        md("## The naive answer\n\nIt was 12 % then (Fader and Hardie, 2007).\n\n" + PROSE * 10),
        code("loyalty.naive(lines)", metadata=tagged("hide-input")),
        md("## Why it misleads\n\n" + PROSE * 5 + "\n\nThe 95 % interval says how sure we are."),
        code("curve = loyalty.curve(\n    lines,\n    top=0.2,\n)\ncurve", metadata=tagged("slow")),
        md("## The estimate\n\n" + PROSE),
        code("curve.plot()"),
        md("## Sensitivity\n\n" + PROSE),
        code("curve.again()"),
        md("## Second act: the other shop\n\n" + PROSE),
        code("curve.other()"),
        md("## The slide\n\n" + PROSE),
        code("curve.chart"),
        md(
            "## What to tell the client\n\n"
            + PROSE
            + "\n\n## Limits\n\nSome 5 % left in 1997.\n\n### More\n\nText."
        ),
        md("## Exercises\n\n### Exercise 1: another tier\n\nCode is `x = '$a$ 5 %'`."),
        code("# your answer"),
        code("loyalty.curve(lines, top=0.1)", metadata=tagged("solution")),
        md("### Exercise 2: another year\n\nTry."),
        code("curve.other()", metadata=tagged("solution")),
        md("## Glossary\n\n" + terms),
    ]
    return new_notebook(cells=cells, metadata={"cemlab": statement})


def findings(
    notebook: Notebook, folder: Path, name: str = "03-loyalty-defection.ipynb"
) -> list[tuple[str, int]]:
    path = folder / name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return [(finding.rule, finding.cell) for finding in lint(path)]


def test_a_good_notebook_has_no_finding(tmp_path: Path) -> None:
    assert findings(good(), tmp_path) == []


def replace(index: int, old: str, new: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        assert old in notebook.cells[index].source
        notebook.cells[index].source = notebook.cells[index].source.replace(old, new)

    return change


def append(index: int, text: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        notebook.cells[index].source += text

    return change


def source(index: int, text: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        notebook.cells[index].source = text

    return change


def tags(index: int, *names: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        notebook.cells[index].metadata = tagged(*names)

    return change


def metadata(**changes: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        notebook.metadata["cemlab"].update(changes)

    return change


def drop(key: str) -> Callable[[Notebook], None]:
    return lambda notebook: notebook.metadata["cemlab"].pop(key)


def put(index: int, key: str, value: Any) -> Callable[[Notebook], None]:
    return lambda notebook: notebook.cells[index].update({key: value})


def swap_sections(notebook: Notebook) -> None:
    notebook.cells[9].source, notebook.cells[11].source = notebook.cells[11].source, notebook.cells[9].source


def no_prose(notebook: Notebook) -> None:
    # Two texts move up into an earlier cell, so that the sections stay whole and only the rhythm breaks.
    moved = [notebook.cells[index].source for index in (11, 13)]
    notebook.cells[9].source = "\n\n".join([notebook.cells[9].source, *moved])
    notebook.cells = [cell for index, cell in enumerate(notebook.cells) if index not in (11, 13)]


def long_median(notebook: Notebook) -> None:
    for cell in notebook.cells[4:]:
        if cell.cell_type == "code":
            cell.source = "f(\n    1,\n    2,\n    3,\n)" if "your" not in cell.source else cell.source


def two_functions(notebook: Notebook) -> None:
    append(10, "\ndef f():\n    return 1")(notebook)
    append(12, "\ng = lambda: 1")(notebook)


def swap_second_act(notebook: Notebook) -> None:
    text = notebook.cells[13].source
    notebook.cells[13].source = notebook.cells[15].source
    notebook.cells[15].source = text


MUTATIONS: list[tuple[str, Callable[[Notebook], object], list[tuple[str, int]]]] = [
    ("no question", drop("question"), [("question", 0)]),
    ("blank question", metadata(question=" "), [("question", 0)]),
    ("no needs", drop("needs"), [("needs", 0)]),
    ("unknown table", metadata(needs={"sales": []}), [("needs", 0)]),
    ("unknown column", metadata(needs={"transactions": ["turnover"]}), [("needs", 0)]),
    ("no H1", replace(0, "# Did we", "Did we"), [("title", 0)]),
    ("second H1", append(5, "\n\n# Another"), [("title", 6)]),
    ("H1 elsewhere", lambda n: [replace(0, "# Did", "Did")(n), append(3, "\n\n# Title")(n)], [("title", 4)]),
    ("missing section", replace(11, "## Sensitivity", "### Sensitivity"), [("sections", 0)]),
    ("section of another name", append(9, "\n\n## Further thoughts"), [("sections", 10)]),
    ("section twice", append(9, "\n\n## The estimate"), [("sections", 10)]),
    ("order", swap_sections, [("sections", 0)]),
    ("second act too late", swap_second_act, [("sections", 0)]),
    ("first cell not only imports", append(1, "\nx = 1"), [("imports-first", 2)]),
    ("import later", replace(4, "lines = ", "import pandas as pd\nlines = "), [("imports-first", 5)]),
    ("foreign import", append(1, "\nimport os"), [("imports", 2)]),
    ("IPython as a whole", append(1, "\nimport IPython"), [("imports", 2)]),
    ("near miss of an allowed name", append(1, "\nimport pandas_profiling"), [("imports", 2)]),
    ("warnings module", append(1, "\nimport warnings"), [("imports", 2)]),
    ("no parameters tag", tags(2), [("parameters", 3)]),
    ("parameter that is computed", append(2, "\nx = len('a')"), [("parameters", 3)]),
    ("parameter missing", replace(2, "quick = False", "other = 1"), [("parameters", 3)]),
    ("default is another", replace(2, "data = None", "data = 'mine'"), [("parameters", 3)]),
    ("zero is not False", replace(2, "quick = False", "quick = 0"), [("parameters", 3)]),
    ("second parameters cell", tags(4, "parameters"), [("parameters", 5)]),
    ("long cell", append(4, "\nlines" * 14), [("cell-length", 5)]),
    ("long median", long_median, [("median-length", 0)]),
    ("no prose after code", no_prose, [("prose-after-code", 0)]),
    ("two functions", two_functions, [("definitions", 13)]),
    ("magic", source(10, "%matplotlib inline\ncurve.plot()"), [("magic", 11)]),
    ("shell", source(10, "!ls"), [("magic", 11)]),
    ("help mark", source(10, "curve?"), [("magic", 11)]),
    ("broken Python", source(10, "curve.plot("), [("syntax", 11)]),
    ("filter", source(10, "np.warnings.filterwarnings('ignore')"), [("warnings-filter", 11)]),
    ("numpy's filter", source(10, "np.seterr(all='ignore')"), [("warnings-filter", 11)]),
    ("print", source(10, "print(curve)"), [("print", 11)]),
    ("query", source(10, "lines.query('a > 1')"), [("formula", 11)]),
    ("eval method", source(10, "lines.eval('a + 1')"), [("formula", 11)]),
    ("eval", source(10, "eval('1')"), [("formula", 11)]),
    ("formula argument", source(10, "curve.fit(formula=rule)"), [("formula", 11)]),
    ("formula text", source(10, "curve.fit('y ~ x')"), [("formula", 11)]),
    ("output kept", put(10, "outputs", [{"output_type": "stream"}]), [("outputs", 11)]),
    ("count kept", put(10, "execution_count", 3), [("outputs", 11)]),
    ("unknown tag", tags(10, "hide_input"), [("tags", 11)]),
    ("exercise without solution", tags(22, "check"), [("exercise-solution", 22)]),
    ("last exercise unsolved", append(23, "\n### Exercise 3: more"), [("exercise-solution", 24)]),
    ("code among exercises", source(19, "x = 1  # mine"), [("exercise-code", 20)]),
    ("too few words", lambda n: [replace(i, PROSE * 10, PROSE)(n) for i in (0, 3, 5)], [("words", 0)]),
    ("too many words", append(3, PROSE * 90), [("words", 0)]),
    ("mathematics", append(9, " The rate is $\\lambda_1$."), [("math", 10)]),
    ("display mathematics", append(9, "\n\n$$\nx\n$$"), [("math", 10)]),
    ("bracket mathematics", append(9, " \\(x\\)"), [("math", 10)]),
    ("percentage typed", append(9, "\n\nSome 12 % left."), [("typed-figure", 10)]),
    ("percent in words", append(15, "\n\nSome 12 per cent left."), [("typed-figure", 16)]),
    ("money typed", append(13, "\n\nIt cost EUR 12,000."), [("typed-figure", 14)]),
    ("money sign", replace(17, "## Limits", "A loss of £3m.\n\n## Limits"), [("typed-figure", 18)]),
    ("interval and a figure", append(7, " So 12 % left."), [("typed-figure", 8)]),
    ("year without parentheses", append(9, "\n\nIn 2007 some 12 % left."), [("typed-figure", 10)]),
    ("no id", lambda n: n.cells[4].pop("id"), [("ids", 5)]),
    ("id twice", lambda n: n.cells[4].update(id=n.cells[3]["id"]), [("ids", 5)]),
    ("small glossary", replace(23, "- **Term 4**", "- Term 4"), [("glossary", 24)]),
]


@pytest.mark.parametrize(("change", "expected"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS])
def test_each_departure_is_found_and_nothing_else(
    tmp_path: Path, change: Callable[[Notebook], object], expected: list[tuple[str, int]]
) -> None:
    notebook = copy.deepcopy(good())
    change(notebook)
    assert findings(notebook, tmp_path) == expected


@pytest.mark.parametrize("name", ["3-loyalty.ipynb", "03_loyalty.ipynb", "03-Loyalty.ipynb", "03-.ipynb"])
def test_file_names(tmp_path: Path, name: str) -> None:
    assert findings(good(), tmp_path, name) == [("file-name", 0)]


ALLOWED: list[tuple[str, Callable[[Notebook], object]]] = [
    ("no second act", lambda n: replace(13, "## Second act", "### Second act")(n)),
    ("an escaped dollar", append(9, " A price in \\$ and \\$.")),
    ("needs nothing", metadata(needs={})),
    ("a check cell among the exercises", lambda n: [source(19, "loyalty.mark(1)")(n), tags(19, "check")(n)]),
    ("a modulus that begins a line", source(10, "(7\n% 2)")),
    ("a figure outside the argument", append(0, " Some 12 % left.")),
    ("the two-row heading of Markdown", replace(11, "## Sensitivity", "Sensitivity\n---")),
    ("one function", append(10, "\ndef f():\n    return 1")),
]


@pytest.mark.parametrize("change", [a[1] for a in ALLOWED], ids=[a[0] for a in ALLOWED])
def test_what_is_allowed(tmp_path: Path, change: Callable[[Notebook], object]) -> None:
    notebook = good()
    change(notebook)
    assert findings(notebook, tmp_path) == []


def test_a_notebook_without_code_is_told_so(tmp_path: Path) -> None:
    notebook = good()
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    rules = [rule for rule, _ in findings(notebook, tmp_path)]
    assert rules == ["exercise-solution", "exercise-solution", "imports-first", "parameters"]


def test_the_command_prints_a_line_for_each_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = good()
    tags(10, "odd")(notebook)
    path = tmp_path / "03-a.ipynb"
    nbformat.write(notebook, path)
    assert main([str(path)]) == 1
    line = capsys.readouterr().out
    assert line.startswith(f"{path}: cell 11: the tag 'odd' is unknown — use ")
    assert line.count("\n") == 1


def test_the_command_is_silent_about_a_good_notebook(tmp_path: Path) -> None:
    path = tmp_path / "03-a.ipynb"
    nbformat.write(good(), path)
    done = subprocess.run(
        [sys.executable, "-m", "cemlab.notebook.lint", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_file_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "gone.ipynb")]) == 2
    assert "gone.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(bundled("notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_our_own_notebooks_have_the_form(path: Path) -> None:
    assert [str(finding) for finding in lint(path)] == []

"""The form of a notebook, checked: ``python -m cemlab.notebook.lint [FILE …]``.

Each finding is one line, ``file: cell N: what — what to do``. The exit code is 0 where there is none, 1 where
there is one, 2 where a file cannot be read. Without files, all notebooks that come with cemlab are checked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cemlab.errors import CemlabError
from cemlab.notebook import lint_code, lint_prose
from cemlab.notebook.catalogue import FILE_NAME, needs_problems
from cemlab.notebook.document import Document, read_document
from cemlab.notebook.finding import Finding
from cemlab.notebook.parameters import DECLARED
from cemlab.places import bundled

#: The tags a cell may carry, and what each does.
TAGS = {
    DECLARED: "values that a run may replace",
    "hide-input": "the page shows the result without the code",
    "solution": "folded on the page, left out of the workshop copy",
    "check": "marks an answer of the workshop",
    "slow": "takes more than some seconds",
}


def lint(path: Path) -> tuple[Finding, ...]:
    """Return what a notebook's form lacks.

    Parameters
    ----------
    path
        The notebook's file.

    Returns
    -------
    tuple of Finding
        In the order of the rules; empty where all is well.

    Raises
    ------
    NotFoundError, DataError
        If there is no such file, or it is not a notebook.
    """
    document = read_document(path)
    return tuple(finding for rule in _RULES for finding in rule(document))


def _file_name(document: Document) -> Iterator[Finding]:
    name = document.path.name
    if not FILE_NAME.fullmatch(name):
        yield Finding(
            "file-name", document.path, 0, f"the file is called {name}", "call it NN-words-with-hyphens.ipynb"
        )


def _statement(document: Document) -> Iterator[Finding]:
    question = document.statement.get("question")
    if not isinstance(question, str) or not question.strip():
        yield Finding(
            "question",
            document.path,
            0,
            "metadata cemlab.question is missing",
            "write the business question there",
        )
    if "needs" not in document.statement:
        advice = 'write {"table": ["column", …]} there, or {} where it needs nothing'
        yield Finding("needs", document.path, 0, "metadata cemlab.needs is missing", advice)
    for problem in needs_problems(document):
        yield Finding(
            "needs",
            document.path,
            0,
            f"metadata cemlab.needs: {problem}",
            "name what the data contract knows",
        )


def _tags(document: Document) -> Iterator[Finding]:
    for cell in document.cells:
        for tag in cell.tags:
            if tag not in TAGS:
                yield Finding(
                    "tags",
                    document.path,
                    cell.number,
                    f"the tag {tag!r} is unknown",
                    f"use {', '.join(TAGS)}",
                )


def _clean(document: Document) -> Iterator[Finding]:
    for cell in document.cells:
        if cell.ran:
            advice = "clear all outputs before saving; the executed pages are built"
            yield Finding(
                "outputs", document.path, cell.number, "outputs or an execution count are saved", advice
            )


def _identified(document: Document) -> Iterator[Finding]:
    seen: set[str] = set()
    for cell in document.cells:
        if not cell.id or cell.id in seen:
            what = "the cell has no id" if not cell.id else f"the id {cell.id!r} stands twice"
            yield Finding("ids", document.path, cell.number, what, "save the notebook again from JupyterLab")
        seen.add(cell.id or "")


_RULES: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    _file_name,
    _statement,
    *lint_prose.RULES,
    *lint_code.RULES,
    _tags,
    _clean,
    _identified,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check notebooks and print the findings; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cemlab.notebook.lint", description="Check the form of notebooks."
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="notebooks; all that come with cemlab"
    )
    files: list[Path] = parser.parse_args(arguments).files
    try:
        chosen = files or sorted(bundled("notebooks").glob("*.ipynb"))
        findings = [finding for path in chosen for finding in lint(path)]
    except CemlabError as error:
        print(error, file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())

"""The form of a notebook's code: short cells, prose after each, and nothing that hides or executes text."""

from __future__ import annotations

import ast
import itertools
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from cemlab.errors import OptionError
from cemlab.notebook.document import Cell, Document
from cemlab.notebook.finding import Finding
from cemlab.notebook.parameters import DECLARED, declared

_LONGEST = 15
_MEDIAN = 4
_FOLLOWED = (4, 5)  # four code cells in five
_DEFINITIONS = 1

_IMPORTS = ("cemlab", "pandas", "numpy", "IPython.display", "datetime", "pathlib")
_DEFAULTS = {"data": None, "quick": False}
_MAGIC = re.compile(r"^\s*(?:[%!?].*|.*\w\?{1,2})\s*$", re.MULTILINE)
_WARNING_FILTERS = {"filterwarnings", "simplefilter", "catch_warnings", "seterr", "errstate"}
_PRINTS = {"print", "pprint"}
_RUNS_TEXT = {"query", "eval", "exec", "compile", "__import__", "from_formula"}


def _parsed(document: Document) -> Iterator[tuple[Cell, ast.Module]]:
    for cell in document.of_kind("code"):
        try:
            yield cell, ast.parse(cell.source)
        except SyntaxError:
            continue  # found by _python


def _python(document: Document) -> Iterator[Finding]:
    for cell in document.of_kind("code"):
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            if _MAGIC.search(cell.source):
                advice = "write plain Python, so that it runs anywhere"
                yield Finding("magic", document.path, cell.number, "a magic or shell line", advice)
            else:
                what = f"line {error.lineno} is not Python"
                yield Finding("syntax", document.path, cell.number, what, "correct it")


def _set_up(document: Document) -> Iterator[Finding]:
    code = document.of_kind("code")
    first, second = (*code, None, None)[:2]
    if first is None or not _only_imports(first):
        number = 0 if first is None else first.number
        advice = "let the first code cell hold the imports and nothing else"
        yield Finding(
            "imports-first", document.path, number, "the first code cell is not only imports", advice
        )
    if second is None or DECLARED not in second.tags:
        number = 0 if second is None else second.number
        what = f"the second code cell is not tagged {DECLARED!r}"
        yield Finding("parameters", document.path, number, what, "put data = None and quick = False there")
    else:
        yield from _defaults(document.path, second)
    for cell in code[2:]:
        if DECLARED in cell.tags:
            advice = "declare them in the second code cell alone"
            yield Finding("parameters", document.path, cell.number, "a further cell of parameters", advice)


def _only_imports(cell: Cell) -> bool:
    try:
        lines = ast.parse(cell.source).body
    except SyntaxError:
        return False
    return bool(lines) and all(isinstance(line, ast.Import | ast.ImportFrom) for line in lines)


def _defaults(path: Path, cell: Cell) -> Iterator[Finding]:
    try:
        values = declared(cell.source)
    except OptionError as error:
        yield Finding("parameters", path, cell.number, str(error), "keep everything else for later cells")
        return
    for name, default in _DEFAULTS.items():
        if name not in values or values[name] is not default:
            what = f"the parameter {name!r} is {'not ' + repr(default) if name in values else 'missing'}"
            yield Finding("parameters", path, cell.number, what, f"write {name} = {default!r}")


def _imports(document: Document) -> Iterator[Finding]:
    first = next(iter(document.of_kind("code")), None)
    for cell, tree in _parsed(document):
        names = [name for node in ast.walk(tree) for name in _imported(node)]
        for name in names:
            if not any(name == known or name.startswith(f"{known}.") for known in _IMPORTS):
                advice = f"use a function of cemlab; allowed are {', '.join(_IMPORTS)}"
                yield Finding("imports", document.path, cell.number, f"{name} is imported", advice)
        if names and cell is not first:
            advice = "move it to the first code cell"
            yield Finding("imports-first", document.path, cell.number, f"an import of {names[0]}", advice)


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "."]
    return []


def _cell_length(document: Document) -> Iterator[Finding]:
    code = document.of_kind("code")
    for cell in code:
        if len(cell.lines) > _LONGEST:
            what = f"the cell has {len(cell.lines)} lines"
            advice = f"have at most {_LONGEST}; move the work into cemlab"
            yield Finding("cell-length", document.path, cell.number, what, advice)
    lengths = [len(cell.lines) for cell in code[1:] if DECLARED not in cell.tags and cell.lines]
    if lengths and (median := statistics.median(lengths)) > _MEDIAN:
        advice = f"have a median of at most {_MEDIAN}; move the work into cemlab"
        yield Finding("median-length", document.path, 0, f"the median code cell has {median:g} lines", advice)


def _prose_after_code(document: Document) -> Iterator[Finding]:
    kinds = [cell.kind for cell in document.cells]
    total = kinds.count("code")
    followed = sum(pair == ("code", "markdown") for pair in itertools.pairwise(kinds))
    part, whole = _FOLLOWED
    if followed * whole < total * part:
        what = f"{followed} of {total} code cells are followed by prose"
        advice = f"say after at least {part} in {whole} what is to be seen"
        yield Finding("prose-after-code", document.path, 0, what, advice)


def _definitions(document: Document) -> Iterator[Finding]:
    defined = [cell.number for cell, tree in _parsed(document) for node in ast.walk(tree) if _defines(node)]
    if len(defined) > _DEFINITIONS:
        what = f"{len(defined)} functions or classes are defined"
        yield Finding(
            "definitions", document.path, defined[-1], what, "have at most one; move them into cemlab"
        )


def _defines(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        return isinstance(node.value, ast.Lambda)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _calls(document: Document) -> Iterator[Finding]:
    for cell, tree in _parsed(document):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _call(document.path, cell, node)


def _call(path: Path, cell: Cell, call: ast.Call) -> Iterator[Finding]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = [
        value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
    if name in _WARNING_FILTERS:
        advice = "remove what it warns of; a reader must see none and miss none"
        yield Finding("warnings-filter", path, cell.number, f"{name} silences warnings", advice)
    elif name in _PRINTS:
        advice = "end the cell with the result, or with Markdown(result.narrative())"
        yield Finding("print", path, cell.number, f"{name} writes plain text", advice)
    elif name in _RUNS_TEXT or any(k.arg == "formula" for k in call.keywords) or any("~" in t for t in texts):
        advice = "name columns as strings; text that is run as code may come from data"
        yield Finding("formula", path, cell.number, f"{name} runs text as code", advice)


RULES = (
    _python,
    _set_up,
    _imports,
    _cell_length,
    _prose_after_code,
    _definitions,
    _calls,
)

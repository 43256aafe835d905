"""The house as ARCHITECTURE.md draws it: floors without an arrow upward, cheap to enter, safe inside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cemlab

PACKAGE = Path(cemlab.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# The lowest floor first. A module may import from its own floor and from those below.
FLOORS = [
    {"errors", "places", "files", "markup", "spreadsheet", "evidence", "chart", "chart_words", "result"},
    {"stats"},
    {"data"},
    {
        "business_case",
        "employees",
        "goals",
        "linkage",
        "loyalty",
        "saves",
        "segmentation",
        "simulate",
        "survival",
        "training",
    },
    {"present", "notebook", "scorecard", "marking"},
    {"cli", "__main__", "__init__"},
]
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "lifelines",
    "sklearn",
    "matplotlib",
    "seaborn",
    "ibis",
    "duckdb",
    "rich",
)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if name in rooms)


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms of cemlab that a module imports, lazily or not."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "cemlab":
            rooms |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cemlab."):
            rooms.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("cemlab.")}
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_upward(path):
    if path == PACKAGE / "__init__.py":
        return  # the front door names everything and imports nothing until it is asked
    upward = {other for other in imported_rooms(path) if floor(other) > floor(room(path))}
    assert not upward


def test_nothing_that_estimates_can_read_the_truth():
    """Only what marks, scores or commands may know the simulated company; the front door only names it."""
    knowing = {room(path) for path in MODULES if "simulate" in imported_rooms(path)}
    assert knowing == {"simulate", "marking", "scorecard", "cli", "__init__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_are_small_and_safe(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 420, "split it: a module has one subject"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            assert name not in ("exec", "eval", "query"), f"line {node.lineno}: text is never run as code"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {"pickle", "marshal", "shelve"} & set(names), f"line {node.lineno}"


def test_only_the_plotting_backend_imports_matplotlib_and_seaborn():
    importing = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.split(".")[0] in ("matplotlib", "seaborn") for name in names):
                importing.add(room(path))
    assert importing == {"present"}


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_importing_cemlab_imports_nothing_heavy():
    loaded = set(run("import sys, cemlab; print(*sys.modules)").split())
    assert not loaded & set(HEAVY)


def test_the_public_names_exist_and_unknown_ones_are_refused():
    for name in cemlab.__all__:
        assert getattr(cemlab, name) is not None
    assert set(dir(cemlab)) >= set(cemlab.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'survial'"):
        cemlab.survial  # noqa: B018 - the misspelling is what is tested

"""The three lists of dependencies agree, and nothing in the tree names a package registry."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# names on conda-forge where they differ; the -base and -core ones leave out desktop toolkits and TeX
CONDA_NAMES = {
    "duckdb": "python-duckdb",
    "ibis-framework": "ibis-duckdb",
    "jupyter-client": "jupyter_client",
    "matplotlib": "matplotlib-base",
    "nbconvert": "nbconvert-core",
    "seaborn": "seaborn-base",
}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["dev"])
    ]


def conda_lines() -> list[str]:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def bounds(text: str) -> set[str]:
    return {part for part in text.replace(" ", "").split(",") if part}


def test_conda_lists_the_same_packages_and_bounds_as_pyproject():
    conda = {line.split()[0]: bounds("".join(line.split()[1:])) for line in conda_lines()}
    assert conda.pop("python") == {">=3.11"}
    ours = {CONDA_NAMES.get(req.name, req.name): bounds(str(req.specifier)) for req in declared()}
    assert conda == ours


def test_conda_understands_every_line():
    rattler = pytest.importorskip("rattler", reason="py-rattler is not installed: no conda parser to ask")
    for line in conda_lines():
        assert rattler.MatchSpec(line, strict=True).name is not None


def locked() -> dict[str, Version]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    # where a package has several versions, by Python version, the first is as good as any for a bound
    return {name: Version(v) for name, v in reversed(re.findall(r"^([\w.-]+)==([^ ;\\]+)", lines, re.M))}


def test_lock_satisfies_every_declared_bound():
    pins = locked()
    for requirement in declared():
        assert pins[requirement.name] in requirement.specifier, requirement


def test_every_locked_package_carries_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
    assert len(entries) > len(declared())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert not re.search(r"^-", text, re.M), "options in the lock could name an address"


def test_upper_bounds_give_their_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    capped = [line for line in lines if re.match(r'\s*"[\w\[\]-]+[^"]*<', line)]
    assert capped
    assert all("#" in line for line in capped), capped


def test_packages_the_users_asked_for_by_name_are_declared():
    asked = {"jupyterlab", "pandas", "statsmodels", "seaborn", "lifelines", "ipywidgets"}
    assert asked <= {requirement.name for requirement in declared()}

"""The documents tell the truth about the tree: commands, links, dictionary, example."""

import re
from pathlib import Path

import pytest

from cemlab.data.contract import FORMS, TABLES

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "data/README.md",
    "notebooks/README.md",
]


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", text(page)):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))
    assert set(re.findall(r"`make ([a-z]+)", text(page))) <= targets


def test_every_make_target_explains_itself():
    targets = re.findall(r"^([a-z]+):(.*)", text("Makefile"), re.M)
    assert targets
    assert all("## " in rest for _, rest in targets)


def test_the_data_dictionary_is_the_contract():
    page = text("data/README.md")
    for form, looks in FORMS.items():
        assert f"| {form} | {looks} |" in page
    sections = re.split(r"^### ", page, flags=re.M)[1:]
    assert [section.split("\n")[0] for section in sections] == list(TABLES)
    for section, table in zip(sections, TABLES.values(), strict=True):
        assert f"One row is {table.row}." in section
        named = re.findall(
            r"^\| \**([a-z_0-9]+)\** \| ([a-z]+) \| (.+?)(?: \([a-z, ]+\))? \|$", section, re.M
        )
        known = [(c.name, c.form, re.sub(r" \([a-z, ]+\)$", "", c.about)) for c in table.columns]
        assert named[1:] == known  # the first is the head of the table


def test_the_example_of_the_readme_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", text("README.md"), re.S)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)  # our own document
    assert "left within 365 days" in names["curve"].narrative()


def test_the_architecture_names_every_room():
    page = text("ARCHITECTURE.md")
    rooms = {p.name for p in (ROOT / "cemlab").iterdir() if not p.name.startswith(("_", "."))} - {"py.typed"}
    assert not {room for room in rooms if room not in page}

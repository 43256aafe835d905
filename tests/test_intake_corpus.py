"""Intake on a corpus of dirty and clean extracts, through the door that its users take."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cemlab import cli
from cemlab.data.company import Company
from tests.intake_corpus import CASES
from tests.intake_corpus.case import Case
from tests.intake_corpus.compare import contents_differ, differences
from tests.intake_corpus.hangs import no_hang

# No case takes more than a few seconds; what takes a minute hangs, e.g. on a pipe or a device.
_HANGS = 60


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str


def cemlab(*arguments: str, alone: bool = False) -> Said:
    """Run the command line here or, where a case could hang or fill the memory, as its own process."""
    if alone:
        command = [sys.executable, "-m", "cemlab", *arguments]
        done = subprocess.run(command, capture_output=True, timeout=_HANGS, check=False)
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["cemlab", *arguments]
    try:
        with no_hang(_HANGS), redirect_stdout(out), redirect_stderr(err):
            cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = argv
    return Said(code, out.getvalue(), err.getvalue())


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=no_constant)


def files_of(folder: Path) -> dict[str, bytes | None]:
    """Return what lies in a folder, so that a change would show; what is no plain file is only named."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in folder.rglob("*")
    }


def fails_as_it_should(case: Case, said: Said) -> Iterator[str]:
    """Yield what is wrong with the answer to a folder that cannot be taken in at all."""
    told = said.err
    if said.code == 2:
        # a programme reads JSON in any case, and the same line as a person
        answer = strict_json(said.out)
        if answer["files"] or answer["messages"] != [said.err.strip().removeprefix("cemlab: ")]:
            yield f"JSON says something else: {said.out:.200}"
        if not said.err.startswith("cemlab: ") or len(said.err.strip().splitlines()) != 1:
            yield f"standard error is not one line: {said.err:.500}"
    elif said.code == 1:
        files = strict_json(said.out)["files"]
        told = "\n".join(message for entry in files for message in entry["messages"])
        yield from (f"{entry['file']} was taken in" for entry in files if entry["accepted"])
    else:
        yield f"exit code {said.code}: {said.out:.500}{said.err:.500}"
        return
    if not any(word.lower() in told.lower() for word in case.fails.split("|")):
        yield f"nothing holds {case.fails!r}: {told:.500}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path) -> None:
    folder = case.write(tmp_path)
    before = files_of(folder)
    said = cemlab("check", str(folder), "--json", alone=case.alone)
    assert "Traceback" not in said.err, said.err
    assert files_of(folder) == before, "the client's folder was changed"
    assert not any(path.exists() for path in (Path("owned"), folder / "owned")), "a value was run as code"
    if case.fails:
        assert not list(fails_as_it_should(case, said))
        return
    assert said.code in (0, 1), said.err
    answer = strict_json(said.out)
    wrong = list(differences(case, answer))
    assert not wrong, "\n".join(wrong)
    assert said.code == int(any(entry["verdict"] == "reject" for entry in answer["files"]))
    wrong = list(loaded_differently(case, folder, tmp_path / "loaded"))
    assert not wrong, "\n".join(wrong)


def loaded_differently(case: Case, folder: Path, out: Path) -> Iterator[str]:
    """Yield how the tables that come out differ from what they must hold, by both ways of getting them."""
    if not case.tables:
        return
    said = cemlab("load", str(folder), "--out", str(out))
    if said.code not in (0, 1):
        yield f"load ends with {said.code}: {said.err}"
        return
    company = Company.open(folder) if case.good else None
    for name, contents in case.tables.items():
        stored = pq.read_table(out / f"{name}.parquet")
        rows = list(zip(*(column.to_pylist() for column in stored.columns), strict=True))
        yield from (
            f"loaded {name}: {d}" for d in contents_differ(contents, tuple(stored.column_names), rows)
        )
        if company is not None:
            table = company.table(name)
            arrow = table.to_pyarrow()
            rows = list(zip(*(column.to_pylist() for column in arrow.columns), strict=True))
            yield from (f"opened {name}: {d}" for d in contents_differ(contents, tuple(table.columns), rows))


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    assert sum(case.good for case in CASES) >= 30
    assert sum(not case.good for case in CASES) >= 110


def test_no_such_folder(tmp_path: Path) -> None:
    said = cemlab("check", str(tmp_path / "nowhere"), "--json")
    assert said.code == 2
    assert strict_json(said.out)["files"] == []
    assert "nowhere" in said.err
    assert len(said.err.splitlines()) == 1


def test_the_corpus_can_be_written_to_look_at(tmp_path: Path) -> None:
    where = tmp_path / "corpus"
    command = [sys.executable, "-m", "tests.intake_corpus", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in where.iterdir()}
    assert written == {"EXPECTED.txt", *(case.name for case in CASES)}

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from rich.console import Console

from cemlab import files
from cemlab.errors import DataError, NotFoundError, OptionError
from cemlab.notebook import runner
from cemlab.notebook.fingerprint import fingerprint, software_digest
from cemlab.notebook.kernel import CellFailure, execute
from cemlab.notebook.parameters import declared, inject
from cemlab.notebook.runner import run

PARAMETERS = "data = None\nquick = False"


def save(folder: Path, name: str, *sources: str, parameters: str | None = PARAMETERS) -> Path:
    cells: list[Any] = [new_markdown_cell(f"# Title of {name}")]
    if parameters is not None:
        cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source) for source in sources]
    statement = {"question": f"Question of {name}?", "needs": {}}
    # A kernel of this name does not exist anywhere: the runner's own interpreter must be used.
    spec = {"name": "no-such-kernel", "display_name": "none", "language": "python"}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"cemlab": statement, "kernelspec": spec}), path)
    return path


def texts(path: Path) -> list[str]:
    """The plain results of an executed notebook's cells, in order."""
    outputs = [o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", ())]
    return [output["data"]["text/plain"] for output in outputs if "data" in output]


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=200)


def said(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


@pytest.fixture
def nbs(tmp_path: Path) -> Path:
    return tmp_path / "nbs"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that no other test and no other programme writes to."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("CEMLAB_DATA", str(folder))
    return folder


@pytest.fixture(autouse=True)
def same_software(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits the package while the tests run shall not make a page look outdated."""
    monkeypatch.setattr(runner, "software_digest", lambda: "the same")


# --- running ---------------------------------------------------------------------------------------------


def test_a_run_publishes_pages_an_index_and_plain_lines(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-one", "import sys, os\nsys.executable", "os.getcwd()", "(data, quick)")
    save(nbs, "02-two", "1 + 1")
    one, two = run(out=out, folder=nbs, console=screen)
    assert [(r.name, r.status, r.error, r.warnings) for r in (one, two)] == [
        ("01-one", "ran", None, ()),
        ("02-two", "ran", None, ()),
    ]
    assert texts(out / "01-one.ipynb") == [repr(sys.executable), repr(str(nbs)), "(None, False)"]
    assert "Title of 01-one" in one.page.read_text(encoding="utf-8")
    index = (out / "index.html").read_text(encoding="utf-8")
    assert 'href="01-one.html"' in index
    assert "Question of 02-two?" in index
    lines = said(screen).splitlines()
    assert sorted(line.split()[0] for line in lines) == ["[1/2]", "[2/2]"]
    assert all(line.endswith(" s") for line in lines)
    assert not list(out.glob("*.part")) + list(out.glob(".*.part"))


def test_a_failing_cell_is_reported_and_the_others_finish(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-bad", "before = 1\nbefore", "x = {'a': 1}\ny = 2\nx['revenu']\nz = 3", "never = 1")
    save(nbs, "02-good", "3")
    bad, good = run(out=out, folder=nbs, console=screen, quick=True)  # a cell is put in, and not counted
    assert (bad.status, good.status) == ("failed", "ran")
    assert bad.error == CellFailure(
        notebook="01-bad",
        cell=4,
        kind="KeyError",
        message="'revenu'",
        source=("x = {'a': 1}", "y = 2", "x['revenu']", "z = 3"),
        line=3,
    )
    assert "01-bad, cell 4: KeyError: 'revenu'" in said(screen)
    assert "  >   3 | x['revenu']" in said(screen)
    assert "Traceback" not in said(screen)
    assert bad.page == out / "01-bad.failed.html"
    assert texts(out / "01-bad.failed.ipynb") == ["1"]
    assert not (out / "01-bad.html").exists()
    assert "01-bad.failed.html" in (out / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        ("a = 1\nb = (", "SyntaxError", None),
        ("def f():\n    return 1 / 0\n\nf()", "ZeroDivisionError", 4),
        ("a = 1\n\nimport json\njson.loads('{')", "JSONDecodeError", 4),
    ],
)
def test_the_line_of_the_cell_is_marked(
    nbs: Path, out: Path, screen: Console, source: str, kind: str, line: int | None
) -> None:
    save(nbs, "01-bad", source)
    (report,) = run(out=out, folder=nbs, console=screen)
    assert report.error is not None
    assert (report.error.kind, report.error.cell) == (kind, 3)
    if line is not None:  # where Python stops reading differs between versions for a syntax error
        assert report.error.line == line


def test_a_long_cell_is_shown_around_its_failing_line() -> None:
    source = tuple(f"line {i}" for i in range(1, 31))
    failure = CellFailure(notebook="01-a", cell=2, kind="E", message="m", source=source, line=20)
    shown = str(failure).splitlines()
    assert (shown[1], shown[5], shown[-1]) == (
        "     16 | line 16",
        "  >  20 | line 20",
        "     24 | line 24",
    )


def test_a_failure_keeps_the_earlier_page_and_a_success_clears_it(
    nbs: Path, out: Path, screen: Console
) -> None:
    save(nbs, "01-a", "1")
    run(out=out, folder=nbs, console=screen)
    before = (out / "01-a.html").read_bytes()
    save(nbs, "01-a", "1 / 0")
    for _ in range(2):  # a failed notebook is tried again
        assert run(out=out, folder=nbs, console=screen)[0].status == "failed"
    assert (out / "01-a.html").read_bytes() == before
    index = (out / "index.html").read_text(encoding="utf-8")
    assert 'href="01-a.html"' in index
    assert 'href="01-a.failed.html"' in index
    save(nbs, "01-a", "2")
    run(out=out, folder=nbs, console=screen)
    assert sorted(path.name for path in out.glob("01-a*")) == ["01-a.html", "01-a.ipynb"]
    assert "failed" not in (out / "index.html").read_text(encoding="utf-8")


def test_what_a_cell_writes_to_standard_error_is_recorded(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-a", "import warnings\nwarnings.warn('old and\\n slow')")
    (report,) = run(out=out, folder=nbs, console=screen)
    assert len(report.warnings) == 1
    assert report.warnings[0].startswith("cell 3: ")
    assert "old and slow" in report.warnings[0]
    assert "1 cell(s) wrote warnings" in said(screen)
    (again,) = run(out=out, folder=nbs, console=screen)
    assert (again.status, again.warnings) == ("unchanged", report.warnings)


def test_the_kernel_has_inline_pictures_one_thread_and_a_private_place(
    nbs: Path, out: Path, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    look = "import os\n[os.environ.get(k) for k in ('MPLBACKEND', 'OMP_NUM_THREADS', 'IPYTHONDIR')]"
    save(nbs, "01-a", look)
    save(nbs, "02-b", look)
    run(out=out, folder=nbs, console=screen)
    backend, threads, private = eval(texts(out / "01-a.ipynb")[0])
    assert (backend, threads) == ("module://matplotlib_inline.backend_inline", "1")
    assert not Path(private).exists()  # gone with its kernel
    run(["01"], out=out, folder=nbs, console=screen, jobs=1, force=True)
    assert eval(texts(out / "01-a.ipynb")[0])[1] is None


def test_a_notebook_that_takes_too_long_is_stopped(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-slow", "import os\nos.getpid()", "import time\ntime.sleep(600)")
    (report,) = run(out=out, folder=nbs, console=screen, timeout=4)
    assert report.error is not None
    assert (report.status, report.error.kind, report.error.cell) == ("failed", "TimeUp", 4)
    assert "not finished after 4 s" in report.error.message
    assert not is_running(int(texts(out / "01-slow.failed.ipynb")[0]))


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_dead_kernel_is_replaced_once_and_the_report_says_so(nbs: Path, out: Path, screen: Console) -> None:
    look = "import os, pathlib\nmark = pathlib.Path('mark')"
    die_once = f"{look}\nif not mark.exists():\n    mark.touch()\n    os._exit(1)"
    save(nbs, "01-once", die_once, "'here'")
    (report,) = run(out=out, folder=nbs, console=screen)
    assert (report.status, texts(out / "01-once.ipynb")) == ("ran", ["'here'"])
    assert "started a second time" in report.note
    assert "started a second time" in said(screen)


def test_a_kernel_that_dies_twice_is_a_failure_with_its_cell(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-dies", "import os\nos._exit(1)")
    (report,) = run(out=out, folder=nbs, console=screen)
    assert report.error is not None
    assert (report.error.kind, report.error.cell) == ("KernelLost", 3)


def test_a_kernel_that_does_not_come_up_is_tried_twice_and_shut_down(nbs: Path) -> None:
    notebook = nbformat.read(save(nbs, "01-a", "1"), as_version=4)
    # No kernel begins a cell within a millisecond.
    done = asyncio.run(execute(notebook, name="01-a", folder=nbs, start_timeout=0.001))
    assert done.failure is not None
    assert (done.failure.kind, done.failure.cell) == ("KernelLost", None)
    assert "did not begin within 0.001 s, twice" in done.failure.message
    assert str(done.failure).startswith("01-a: KernelLost")


def test_a_run_works_where_an_event_loop_is_running(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-a", "1")

    async def within() -> str:
        return run(out=out, folder=nbs, console=screen)[0].status

    assert asyncio.run(within()) == "ran"


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent to a process in another way there")
def test_an_interrupted_run_keeps_what_finished_and_leaves_no_kernel(
    nbs: Path, out: Path, tmp_path: Path
) -> None:
    save(nbs, "01-quick", "1")
    save(
        nbs,
        "02-slow",
        "import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))",
        "import time\ntime.sleep(600)",
    )
    imports = "from pathlib import Path\nfrom cemlab.notebook.runner import run"
    code = f"{imports}\nrun(out={str(out)!r}, folder=Path({str(nbs)!r}))"
    (tmp_path / "t").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path / "t")},
    )
    pid = nbs / "pid"
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text() and (out / "01-quick.html").exists()):
        assert time.monotonic() < deadline, "the notebooks did not begin"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "interrupted: 1 of 2 notebooks finished" in errors
    assert "Task was destroyed" not in errors
    assert not is_running(int(pid.read_text()))
    assert not list((tmp_path / "t").glob("cemlab-kernel-*"))
    assert (out / "index.html").exists()
    assert not (out / "02-slow.html").exists()
    state = json.loads((out / ".cemlab-run.json").read_text(encoding="utf-8"))
    assert list(state) == ["01-quick"]


def test_on_a_terminal_there_are_moving_bars(nbs: Path, out: Path) -> None:
    save(nbs, "01-a", "import time; time.sleep(0.5)")
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    run(out=out, folder=nbs, console=screen)
    assert "\x1b[?25l" in said(screen)  # the cursor is hidden while bars move
    assert "cells" in said(screen)


# --- running again ---------------------------------------------------------------------------------------


def test_what_is_finished_and_unchanged_is_not_run_again(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-a", "import os\nos.getpid()")
    first = run(out=out, folder=nbs, console=screen)[0]
    process = texts(out / "01-a.ipynb")
    second = run(out=out, folder=nbs, console=screen)[0]
    assert (second.status, second.page) == ("unchanged", first.page)
    assert second.seconds == pytest.approx(first.seconds, abs=0.001)  # kept to the millisecond
    assert texts(out / "01-a.ipynb") == process
    assert run(out=out, folder=nbs, console=screen, force=True)[0].status == "ran"
    assert texts(out / "01-a.ipynb") != process


@pytest.mark.parametrize("lost", ["01-a.html", "01-a.ipynb", ".cemlab-run.json"])
def test_a_lost_or_broken_output_is_made_again(nbs: Path, out: Path, screen: Console, lost: str) -> None:
    save(nbs, "01-a", "1")
    run(out=out, folder=nbs, console=screen)
    if lost.endswith(".json"):
        (out / lost).write_text("{ broken")
    else:
        (out / lost).unlink()
    assert run(out=out, folder=nbs, console=screen)[0].status == "ran"
    assert (out / lost).exists()


def test_other_software_runs_it_again(
    nbs: Path, out: Path, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(nbs, "01-a", "1")
    run(out=out, folder=nbs, console=screen)
    monkeypatch.setattr(runner, "software_digest", lambda: "another")
    assert run(out=out, folder=nbs, console=screen)[0].status == "ran"


class Inputs:
    """All that a fingerprint covers, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebook = save(folder / "nbs", "01-a", "1")
        self.data = folder / "data"
        (self.data / "deep").mkdir(parents=True)
        self.file = self.data / "deep" / "transactions.csv"
        self.file.write_text("customer\n1\n")

    def print(self, *, quick: bool = False, data: bool = True, software: str = "s") -> str:
        return fingerprint(
            self.notebook,
            {"quick": True} if quick else {},
            software=software,
            data=self.data if data else None,
            out=self.data / "out",
        )


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def test_a_fingerprint_is_the_same_for_the_same(inputs: Inputs) -> None:
    assert inputs.print() == inputs.print()
    assert len(inputs.print()) == 64


def test_a_fingerprint_changes_with_notebook_parameters_and_software(inputs: Inputs) -> None:
    kinds = {inputs.print(), inputs.print(quick=True), inputs.print(data=False), inputs.print(software="t")}
    before = inputs.print()
    save(inputs.folder / "nbs", "01-a", "2")
    assert len(kinds | {inputs.print()}) == 5
    assert inputs.print() != before


def test_a_fingerprint_changes_with_name_size_and_time_of_the_data(inputs: Inputs) -> None:
    seen = [inputs.print()]
    inputs.file.write_text("customer\n1\n2\n")
    seen.append(inputs.print())
    os.utime(inputs.file, ns=(1, 1))
    seen.append(inputs.print())
    inputs.file.rename(inputs.file.with_name("other.csv"))
    seen.append(inputs.print())
    assert len(set(seen)) == 4


def test_a_fingerprint_leaves_out_hidden_files_and_its_own_output(inputs: Inputs) -> None:
    before = inputs.print()
    (inputs.data / ".cache").mkdir()
    (inputs.data / ".cache" / "x").touch()
    (inputs.data / "out").mkdir()
    (inputs.data / "out" / "01-a.html").touch()
    assert inputs.print() == before


def test_without_data_the_published_sets_in_the_cache_count(inputs: Inputs, own_cache: Path) -> None:
    before = inputs.print(data=False)
    (own_cache / "derived").mkdir()
    (own_cache / "derived" / "counts.parquet").touch()
    assert inputs.print(data=False) == before
    (own_cache / "rossi.csv").touch()
    assert inputs.print(data=False) != before


def test_the_software_is_its_sources_and_the_installed_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = software_digest()
    assert software_digest() == before
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: iter(()))
    assert software_digest() != before


# --- parameters ------------------------------------------------------------------------------------------


def test_data_and_quick_reach_the_notebook(nbs: Path, out: Path, screen: Console, tmp_path: Path) -> None:
    data = tmp_path / 'it\'s "my" data\nos.x'
    data.mkdir()
    save(nbs, "01-a", "(data, quick)")
    run(["a"], out=out, data=data, quick=True, folder=nbs, console=screen)
    assert eval(texts(out / "01-a.ipynb")[0]) == (str(data), True)
    page = (out / "01-a.html").read_text(encoding="utf-8")
    assert "quick mode" in page


def cells(*pairs: tuple[str, list[str]]) -> Any:
    return new_notebook(cells=[new_code_cell(text, metadata={"tags": tags}) for text, tags in pairs])


def test_values_are_put_after_the_parameters_and_the_input_is_not_changed() -> None:
    notebook = cells(
        ("import numpy", []), ("n = 1\ns = ''\nr = 0.5\nb = True\nz = None", ["parameters"]), ("n", [])
    )
    changed = inject(notebook, {"n": -2, "s": "a'b\n", "r": 1e-3, "b": False, "z": None})
    assert len(notebook.cells) == 3
    assert changed.cells[2].metadata.tags == ["injected-parameters"]
    assert declared(changed.cells[2].source) == {"n": -2, "s": "a'b\n", "r": 0.001, "b": False, "z": None}


def test_without_values_nothing_is_put_in() -> None:
    notebook = cells(("1", []))
    changed = inject(notebook, {})
    assert changed == notebook
    assert changed is not notebook


class Sly(str):
    def __repr__(self) -> str:
        return "__import__('os').system('true')"


@pytest.mark.parametrize("value", [Sly("x"), float("nan"), float("inf"), [1], b"x", 1j])
def test_only_plain_values_are_taken(value: Any) -> None:
    with pytest.raises(OptionError, match=r"parameter 'n' is .*allowed: text, a finite number"):
        inject(cells(("n = 1", ["parameters"])), {"n": value})


@pytest.mark.parametrize("name", ["m", "n; import os", "n = 1\nimport os", ""])
def test_only_declared_names_are_taken(name: str) -> None:
    with pytest.raises(OptionError, match=r"no parameter .* it has: n, other"):
        inject(cells(("n = 1\nother = 2", ["parameters"])), {name: 1})


def test_a_notebook_without_parameters_says_so() -> None:
    with pytest.raises(OptionError, match="takes no parameters, so quick cannot be set"):
        inject(cells(("1", [])), {"quick": True})


@pytest.mark.parametrize(
    "source",
    [
        "a = b",
        "a, b = 1, 2",
        "a = b = 1",
        "a.b = 1",
        "a += 1",
        "import os",
        "a = [1]",
        "f()",
        "a = 1 +",
        "a: int = 1",
    ],
)
def test_a_parameters_cell_holds_nothing_but_literals(source: str) -> None:
    with pytest.raises(OptionError, match="parameters cell, line 1"):
        declared(source)


# --- what is refused before anything runs ----------------------------------------------------------------


def test_what_cannot_be_run_is_refused_in_one_line(nbs: Path, out: Path, tmp_path: Path) -> None:
    save(nbs, "01-a", "1")
    save(nbs, "02-plain", "1", parameters=None)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    twin = save(tmp_path / "other", "01-a", "1")
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (NotFoundError, "no notebook named '07'", {"names": ["07"]}),
        (NotFoundError, "no notebook to run", {"folder": tmp_path / "empty"}),
        (NotFoundError, "no data folder", {"data": tmp_path / "away"}),
        (OptionError, "jobs is 0", {"jobs": 0}),
        (OptionError, "timeout is 0", {"timeout": 0}),
        (OptionError, "cannot be made", {"out": tmp_path / "file" / "out"}),
        (OptionError, "02-plain: the notebook takes no parameters", {"quick": True}),
        (OptionError, "two notebooks are called '01-a'", {"names": ["01", str(twin)]}),
    ]
    for kind, message, options in cases:
        with pytest.raises(kind, match=message) as caught:
            run(**({"out": out, "folder": nbs} | options))
        assert "\n" not in str(caught.value)
    assert not list(out.glob("*.html"))


def test_a_notebook_named_twice_runs_once(nbs: Path, out: Path, screen: Console) -> None:
    save(nbs, "01-a", "1")
    assert len(run(["01", "01-a"], out=out, folder=nbs, console=screen)) == 1


def test_an_invalid_notebook_is_refused(nbs: Path, out: Path) -> None:
    path = save(nbs, "01-a", "1")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["cells"][1]["outputs"] = "none"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"01-a\.ipynb: not a valid notebook"):
        run(out=out, folder=nbs)


# --- writing ---------------------------------------------------------------------------------------------


def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    files.write_atomically(path, "old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.glob("page*")] == [("page.html", "old")]
    assert not list(tmp_path.glob(".*"))


def test_an_error_while_publishing_ends_the_run_and_is_raised(
    nbs: Path, out: Path, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Path:
        raise OSError("disk full")

    save(nbs, "01-a", "1")
    monkeypatch.setattr(runner.OutputFolder, "publish", full)
    with pytest.raises(OSError, match="disk full"):
        run(out=out, folder=nbs, console=screen)

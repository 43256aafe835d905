"""One notebook, run from top to bottom in a kernel of its own."""

from __future__ import annotations

import asyncio
import atexit
import copy
import logging
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zmq
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from cemlab.notebook.parameters import INJECTED, has_tag

if TYPE_CHECKING:
    from nbformat import NotebookNode

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")
_LONGEST_MESSAGE = 600
_CONTEXT = 4  # lines shown before and after the failing one

# One notebook with all threads is fast; two of them on two cores take each other's (47 s against 19 s).
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class CellFailure:
    """What stopped a notebook: the cell, its source, and the error in one line.

    Parameters
    ----------
    notebook
        The notebook's name.
    cell
        The cell, all cells of the file counted from 1; None where no cell had begun.
    kind, message
        The error's class and what it says.
    source
        The lines of the cell.
    line
        The failing line, counted from 1; None where it is not known.
    """

    notebook: str
    cell: int | None
    kind: str
    message: str
    source: tuple[str, ...] = ()
    line: int | None = None

    def __str__(self) -> str:
        where = self.notebook if self.cell is None else f"{self.notebook}, cell {self.cell}"
        first = 1 if self.line is None else max(1, self.line - _CONTEXT)
        last = len(self.source) if self.line is None else self.line + _CONTEXT
        shown = [
            f"  {'>' if number == self.line else ' '} {number:3d} | {text}"
            for number, text in enumerate(self.source, start=1)
            if first <= number <= min(last, first + 2 * _CONTEXT)
        ]
        return "\n".join([f"{where}: {self.kind}: {self.message}", *shown])


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A notebook that was run: its cells with outputs, and what happened."""

    notebook: NotebookNode
    seconds: float
    failure: CellFailure | None
    warnings: tuple[str, ...]
    note: str = ""


class _OwnKernel(AsyncKernelManager):
    """A kernel of the interpreter that runs this code, whatever "python3" means to Jupyter here."""

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        command += ["--IPKernelApp.log_level=ERROR"]  # its remarks would run through the progress bars
        return KernelSpec(argv=command, display_name="Python", language="python")


class _LostError(Exception):
    """The kernel died, or did not come up in time."""


class _TimeUpError(Exception):
    """The notebook took longer than it may."""


@dataclass
class _Watch:
    """Which code cell is running, told by the client as it goes."""

    begun: asyncio.Event
    tell: Callable[[int, int], None]
    total: int
    index: int | None = None

    def on_cell(self, cell: NotebookNode, cell_index: int) -> None:  # noqa: ARG002 - the client names its arguments
        self.index = cell_index
        self.begun.set()
        self.tell(cell_index + 1, self.total)


async def execute(
    notebook: NotebookNode,
    *,
    name: str,
    folder: Path,
    timeout: float = 600,
    start_timeout: float = 60,
    single_threaded: bool = False,
    on_cell: Callable[[int, int], None] = lambda _done, _total: None,
) -> Execution:
    """Run a notebook from top to bottom, in its own kernel, started in `folder`.

    A kernel that dies, or in which no cell has begun after `start_timeout` seconds, is replaced once and
    the notebook begun anew; the note of the result says so.

    Parameters
    ----------
    notebook
        Not changed.
    name
        What to call it in a failure.
    folder
        Working directory of the kernel.
    timeout
        Seconds the whole notebook may take.
    start_timeout
        Seconds until the first cell must have begun.
    single_threaded
        Whether to keep the numerical libraries to one thread each.
    on_cell
        Called with (number of the cell, number of cells) as each code cell begins.

    Returns
    -------
    Execution
        A failing cell is a result, not an exception; the outputs up to there are kept.
    """
    started = time.perf_counter()
    note = ""
    for again in (True, False):
        run = copy.deepcopy(notebook)
        watch = _Watch(asyncio.Event(), on_cell, len(run.cells))
        try:
            await _attempt(run, watch, folder, timeout, start_timeout, single_threaded)
            failure = None
        except _LostError as error:
            if again:
                note = f"the kernel was started a second time: {error}"
                continue
            failure = _stopped(name, run, watch, "KernelLost", f"{error}, twice; is there enough memory?")
        except _TimeUpError:
            said = f"not finished after {timeout:g} s; allow more time, or look for what takes so long"
            failure = _stopped(name, run, watch, "TimeUp", said)
        else:
            failure = _failure(name, run)
        break
    seconds = time.perf_counter() - started
    return Execution(notebook=run, seconds=seconds, failure=failure, warnings=_warnings(run), note=note)


async def _attempt(
    run: NotebookNode, watch: _Watch, folder: Path, timeout: float, start_timeout: float, single: bool
) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    private = Path(tempfile.mkdtemp(prefix="cemlab-kernel-"))
    kernel = _OwnKernel(connection_file=str(private / "kernel.json"), **_transport(private))
    client: Any = NotebookClient(
        run,
        timeout=None,
        startup_timeout=math.ceil(start_timeout) + 60,  # ours comes first
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_execute=watch.on_cell,
        log=logging.getLogger("cemlab.notebook"),
    )
    client.km = kernel
    # what a cell writes travels in its messages; the kernel's own last words after Ctrl-C help nobody
    options = {"cwd": str(folder), "env": _environment(private, single), "stderr": subprocess.DEVNULL}
    task = asyncio.ensure_future(client.async_execute(**options))
    begun = asyncio.ensure_future(watch.begun.wait())
    try:
        await asyncio.wait({task, begun}, timeout=start_timeout, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not begun.done():
            raise _LostError(f"it did not begin within {start_timeout:g} s")
        await asyncio.wait({task}, timeout=timeout)
        if not task.done():
            raise _TimeUpError
        task.result()
    except CellExecutionError:
        pass  # the error stands among the outputs of its cell
    except (RuntimeError, OSError) as error:  # the client's words for a kernel that is gone or never came
        raise _LostError(_clean(str(error)).rstrip(".").lower()) from error
    finally:
        # The client takes a cancellation for a dead kernel, so its own exceptions say nothing from here on.
        # Cancelled, it would leave its clean-up for the end of the programme, when nothing is left to clean.
        atexit.unregister(client._cleanup_kernel)
        task.cancel()
        begun.cancel()
        await asyncio.gather(task, begun, return_exceptions=True)
        if kernel.has_kernel:
            await kernel.shutdown_kernel(now=True)
        shutil.rmtree(private, ignore_errors=True)


def _transport(private: Path) -> dict[str, Any]:
    """Let client and kernel talk through files that only this user can open, where the system has them."""
    socket = str(private / "socket")
    # A socket's name may have about 100 characters, and the kernel adds a number to it.
    return {"transport": "ipc", "ip": socket} if zmq.has("ipc") and len(socket) < 90 else {}


def _environment(private: Path, single_threaded: bool) -> dict[str, str]:
    """Return the kernel's environment: pictures inline, and nothing of the user's IPython profile."""
    threads = dict.fromkeys(_THREADS, "1") if single_threaded else {}
    return {
        **threads,
        **os.environ,  # who sets a number of threads means it
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "JUPYTER_RUNTIME_DIR": str(private),
        "IPYTHONDIR": str(private),
    }


def _number(run: NotebookNode, index: int) -> int:
    # The cell of injected values is not in the author's file.
    return index + 1 - sum(has_tag(cell, INJECTED) for cell in run.cells[:index])


def _stopped(name: str, run: NotebookNode, watch: _Watch, kind: str, message: str) -> CellFailure:
    if watch.index is None:
        return CellFailure(notebook=name, cell=None, kind=kind, message=message)
    source = tuple(run.cells[watch.index].source.split("\n"))
    return CellFailure(
        notebook=name, cell=_number(run, watch.index), kind=kind, message=message, source=source
    )


def _failure(name: str, run: NotebookNode) -> CellFailure | None:
    for index, cell in enumerate(run.cells):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return CellFailure(
                    notebook=name,
                    cell=_number(run, index),
                    kind=_clean(output.ename),
                    message=_clean(output.evalue),
                    source=tuple(cell.source.split("\n")),
                    line=_failing_line(output.traceback, cell.execution_count),
                )
    return None


def _failing_line(traceback: list[str], count: int | None) -> int | None:
    """Return the line of the cell at which its error passed, from the frames IPython wrote."""
    frames = _FRAME.findall(_ANSI.sub("", "\n".join(traceback)))
    lines = [int(line) for cell, line in frames if int(cell) == count]
    return lines[0] if lines else None


def _clean(text: str) -> str:
    one_line = " ".join(_ANSI.sub("", text).split())
    return one_line if len(one_line) <= _LONGEST_MESSAGE else one_line[: _LONGEST_MESSAGE - 1] + "…"


def _warnings(run: NotebookNode) -> tuple[str, ...]:
    texts = (
        f"cell {_number(run, index)}: {_clean(output.text)}"
        for index, cell in enumerate(run.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr"
    )
    return tuple(texts)

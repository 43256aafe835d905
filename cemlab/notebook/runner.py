"""Runs notebooks two at a time and publishes them as pages; what is finished and unchanged is not run again.

What it leaves in the output folder is described in :mod:`cemlab.notebook.output`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cemlab.errors import DataError, NotFoundError, OptionError
from cemlab.notebook.catalogue import NotebookInfo, find, notebooks
from cemlab.notebook.fingerprint import fingerprint, software_digest
from cemlab.notebook.kernel import CellFailure, execute
from cemlab.notebook.output import OutputFolder
from cemlab.notebook.parameters import Value, inject
from cemlab.notebook.progress import RunProgress

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from rich.console import Console

Status = Literal["ran", "unchanged", "failed"]


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What became of one notebook.

    Parameters
    ----------
    name
        The notebook.
    status
        ``"ran"``, ``"unchanged"`` (finished before, nothing has changed since) or ``"failed"``.
    seconds
        How long it took; of an unchanged one, how long it took when it ran.
    page
        The HTML page; of a failed one, the page with its outputs up to the failing cell.
    error
        The failing cell; its text is the report to show.
    warnings
        What the notebook wrote to standard error, by cell. A notebook fit to publish writes nothing there.
    note
        Anything else to know, e.g. that a kernel had to be started twice.
    """

    name: str
    status: Status
    seconds: float
    page: Path
    error: CellFailure | None = None
    warnings: tuple[str, ...] = ()
    note: str = ""

    def line(self) -> str:
        """Return the outcome in a few words."""
        said = {"ran": "", "unchanged": " (unchanged, not run again)", "failed": " FAILED"}[self.status]
        warned = f"; {len(self.warnings)} cell(s) wrote warnings" if self.warnings else ""
        return f"{self.seconds:.1f} s{said}{warned}{f'; {self.note}' if self.note else ''}"


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One notebook, ready to run."""

    info: NotebookInfo
    notebook: NotebookNode
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What holds for all notebooks of a run."""

    out: OutputFolder
    source: str
    jobs: int
    timeout: float


def run(
    names: Sequence[str] = (),
    *,
    out: str | Path,
    data: str | Path | None = None,
    quick: bool = False,
    jobs: int = 2,
    timeout: float = 600,
    force: bool = False,
    folder: Path | None = None,
    console: Console | None = None,
) -> tuple[RunReport, ...]:
    """Run notebooks and publish each as a page.

    Parameters
    ----------
    names
        Notebooks by name, number or path; all of `folder`, if none is named.
    out
        Output folder; made if it does not exist.
    data
        Folder with the user's own tables, handed to the parameter ``data`` as an absolute path.
    quick
        Whether to set the parameter ``quick``.
    jobs
        How many notebooks run at a time. Two were the fastest on two cores.
    timeout
        Seconds each notebook may take.
    force
        Whether to run even what is finished and unchanged.
    folder
        Where the notebooks are; those that come with cemlab, unless given.
    console
        Where progress is written; standard error, unless given.

    Returns
    -------
    tuple of RunReport
        One for each notebook, in the order named. A failing notebook does not stop the others.

    Raises
    ------
    NotFoundError
        If a notebook or the data folder does not exist.
    OptionError
        If an option is out of range, or a notebook lacks a parameter that is to be set.
    KeyboardInterrupt
        If interrupted; the kernels are shut down and what is finished stays.
    """
    infos = _chosen(names, folder)
    plan = _plan(out, data, quick, jobs, timeout)
    values = _values(data, quick)
    software = software_digest()
    data_folder = Path(str(values["data"])) if data is not None else None
    ready = [
        _Job(
            info=info,
            notebook=_prepare(info, values),
            fingerprint=fingerprint(
                info.path, values, software=software, data=data_folder, out=plan.out.path
            ),
        )
        for info in infos
    ]
    reports: dict[str, RunReport] = {}
    with RunProgress(len(ready), console) as progress:
        try:
            _in_own_thread(_run_all(ready, plan, force, reports, progress))
        except KeyboardInterrupt:
            done = sum(report.status == "ran" for report in reports.values())
            line = (
                f"interrupted: {done} of {len(ready)} notebooks finished; their pages stay in {plan.out.path}"
            )
            progress.say(line)
            raise KeyboardInterrupt(line) from None
        finally:
            plan.out.write_index()
    return tuple(reports[job.info.name] for job in ready)


def _chosen(names: Sequence[str], folder: Path | None) -> tuple[NotebookInfo, ...]:
    infos = tuple(find(name, folder) for name in names) if names else notebooks(folder)
    by_name: dict[str, NotebookInfo] = {}
    for info in infos:
        if by_name.setdefault(info.name, info).path != info.path:
            raise OptionError(
                f"two notebooks are called {info.name!r}: {by_name[info.name].path} and {info.path}; "
                "their pages would overwrite each other; rename one, or run them into different folders"
            )
    if not by_name:
        raise NotFoundError("there is no notebook to run; name one, or a folder with files NN-name.ipynb")
    return tuple(by_name.values())


def _plan(out: str | Path, data: str | Path | None, quick: bool, jobs: int, timeout: float) -> _Plan:
    if jobs < 1:
        raise OptionError(f"jobs is {jobs}; allowed: 1 or more notebooks at a time")
    if not timeout > 0:
        raise OptionError(f"timeout is {timeout:g}; allowed: more than 0 seconds")
    if data is not None and not Path(data).is_dir():
        raise NotFoundError(f"there is no data folder {data}; give the folder that holds your tables")
    public = "Halden, a simulated company, and public data sets: see under each figure"
    named = public if data is None else f"the folder {Path(data).resolve().name}"
    source = f"{named}{', quick mode (smaller samples)' if quick else ''}"
    return _Plan(out=OutputFolder.make(out), source=source, jobs=jobs, timeout=timeout)


def _values(data: str | Path | None, quick: bool) -> dict[str, Value]:
    # Only what differs from the notebook's own defaults, so that a notebook without parameters can run.
    values: dict[str, Value] = {} if data is None else {"data": str(Path(data).resolve())}
    return values | ({"quick": True} if quick else {})


def _prepare(info: NotebookInfo, values: dict[str, Value]) -> NotebookNode:
    import nbformat

    try:
        notebook = nbformat.read(info.path, as_version=4)
        return inject(notebook, values)
    except nbformat.ValidationError as error:
        raise DataError(f"{info.path}: not a valid notebook: {error}; save it again in JupyterLab") from error
    except OptionError as error:
        raise OptionError(f"{info.name}: {error}") from error


def _in_own_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own and wait.

    In the main thread nbclient would take over the handling of Ctrl-C, one client undoing the other's;
    and a notebook that calls us has a loop running there already.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    finished = threading.Event()
    outcome: list[BaseException] = []

    def target() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(task)
        except BaseException as error:
            outcome.append(error)
        finally:
            left = asyncio.all_tasks(loop)  # what a client that was broken off still watched
            for watcher in left:
                watcher.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()
            finished.set()

    threading.Thread(target=target, name="cemlab-runner", daemon=True).start()
    # An event, not Thread.join: in Python 3.11 that takes the thread for finished once Ctrl-C breaks in.
    try:
        while not finished.wait(0.1):  # with a time limit, so that Ctrl-C is noticed on every system
            pass
    except KeyboardInterrupt:
        with contextlib.suppress(RuntimeError):  # the loop may just have finished
            loop.call_soon_threadsafe(task.cancel)
        while not finished.is_set():  # a second Ctrl-C must not leave kernels behind
            with contextlib.suppress(KeyboardInterrupt):
                finished.wait(0.1)
        raise
    if outcome:
        raise outcome[0]


async def _run_all(
    ready: list[_Job], plan: _Plan, force: bool, reports: dict[str, RunReport], progress: RunProgress
) -> None:
    places = asyncio.Semaphore(plan.jobs)

    async def one(job: _Job) -> None:
        report = None if force else _unchanged(job, plan.out)
        if report is None:
            async with places:
                report = await _run_one(job, plan, progress, alone=plan.jobs == 1 or len(ready) == 1)
        reports[job.info.name] = report
        progress.finished(job.info.name, report.line())
        if report.error:
            progress.say(str(report.error))

    tasks = [asyncio.ensure_future(one(job)) for job in ready]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _unchanged(job: _Job, out: OutputFolder) -> RunReport | None:
    kept = out.unchanged(job.info.name, job.fingerprint)
    if kept is None:
        return None
    return RunReport(
        name=job.info.name, status="unchanged", seconds=kept.seconds, page=kept.page, warnings=kept.warnings
    )


async def _run_one(job: _Job, plan: _Plan, progress: RunProgress, *, alone: bool) -> RunReport:
    name = job.info.name
    done = await execute(
        job.notebook,
        name=name,
        folder=job.info.path.parent,
        timeout=plan.timeout,
        single_threaded=not alone,
        on_cell=lambda number, total: progress.cell(name, number, total),
    )
    page = plan.out.publish(job.info, done, fingerprint=job.fingerprint, source=plan.source)
    return RunReport(
        name=name,
        status="failed" if done.failure else "ran",
        seconds=done.seconds,
        page=page,
        error=done.failure,
        warnings=done.warnings,
        note=done.note,
    )

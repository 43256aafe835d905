"""The command line: ``cemlab check``, ``load``, ``simulate``, ``run``, ``scorecard`` and ``fetch``.

What goes wrong on purpose is one line on standard error and exit code 2; a file that is rejected, or a
notebook that fails while it runs, is exit code 1.
"""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cemlab.errors import CemlabError, DataError

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.data.intake.plan import Settings

app = typer.Typer(
    name="cemlab",
    help="A research workbench for Customer Experience Management.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="A cemlab.toml that does not lie beside the data.")
]


def main() -> None:
    """Run the command line; errors raised on purpose become one line and exit code 2."""
    # a terminal that cannot show a letter of the data shows its code, and nothing ends in a traceback
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except CemlabError as error:
        print(f"cemlab: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        # the engine is the first to see Ctrl+C when it is at work, and says it in its own way
        if "nterrupted" not in str(error):
            raise
        sys.exit(130)


@app.command()
def check(
    folder: Annotated[str, typer.Argument(help="Folder with the tables: CSV, Excel or Parquet files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a programme to read.")] = False,
    settings: _SettingsFile = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="Folder for the rows that were set aside, one CSV file each.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="File for the answer as an HTML page.")] = None,
    propose: Annotated[
        Path | None, typer.Option(help="File for the proposed cemlab.toml, where there is none yet.")
    ] = None,
) -> None:
    """Say what a company's folder holds, what is wrong with it, and which notebooks can run on it."""
    from cemlab.data.intake import export
    from cemlab.present import check_report

    if propose is not None:
        export.check_proposal_place(propose, Path(folder))
    try:
        with _progress(Path(folder)) as advance:
            report = check_report.check(Path(folder), settings=_settings(settings), advance=advance)
    except CemlabError as error:
        if as_json:  # a programme reads JSON even of a folder that could not be checked at all
            check_report.write_failure(str(error), sys.stdout)
        raise
    if quarantine is not None:
        _told("Rows set aside", *export.write_quarantine(report.files, quarantine, data=Path(folder)))
    if page is not None:
        from cemlab.present.check_page import write_check_page

        _told("Page", write_check_page(report, page))
    if propose is not None:
        _told("Proposal", export.write_proposal(report.proposal, propose))
    if as_json:
        report.write_json(sys.stdout)
    else:
        from rich.console import Console

        report.show(Console())
    if report.rejected:
        sys.exit(1)


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(help="Folder with the tables: CSV, Excel or Parquet files.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables as Parquet files.")],
    settings: _SettingsFile = None,
    quarantine: Annotated[
        Path | None,
        typer.Option(help="Folder for the rows set aside; OUT/_quarantine if not given."),
    ] = None,
) -> None:
    """Check a company's folder and write its tables as Parquet files, which open at once from then on."""
    from cemlab.data.intake import export

    with _progress(folder) as advance:
        files = export.load(folder, out=out, settings=_settings(settings), advance=advance)
    for report in files:
        aside = report.records - report.accepted
        print(
            report.told(report.messages[0])
            if report.verdict == "reject"
            else f"{report.file}: {report.accepted:,} of {report.records:,} rows loaded, {aside:,} set aside"
        )
    _told("Rows set aside", *export.write_quarantine(files, quarantine or out / "_quarantine", data=folder))
    if any(report.verdict == "reject" for report in files):
        sys.exit(1)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the company; made, and never half done.")],
    customers: Annotated[
        int,
        typer.Option(help="How many customers; branches and staff stay as they are, so few make losses."),
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="Which of all possible companies.")] = 1,
    world: Annotated[
        str,
        typer.Option(
            help="What is planted: default, no-effect, selection-on-trend, no-recession, stationary."
        ),
    ] = "default",
    csv: Annotated[bool, typer.Option("--csv", help="Write CSV files instead of Parquet.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a simulated company that is there.")
    ] = False,
) -> None:
    """Write the simulated company Halden, whose truth is known: tables, truth.json, data dictionary."""
    from cemlab.simulate import Halden, write
    from cemlab.simulate.tables import steps

    halden = Halden(customers=customers, seed=seed, world_name=world)
    try:
        with _bar("Simulating", total=steps(halden)) as advance, _heeding_interrupts(advance) as heed:
            write(out, halden, form="csv" if csv else "parquet", force=force, advance=heed)
    except KeyboardInterrupt:
        print("cemlab: interrupted; nothing was written", file=sys.stderr)
        raise typer.Exit(130) from None
    print(f"Halden, world {world}, {customers:,} customers: {out}")


@app.command()
def run(
    notebooks: Annotated[
        list[str] | None, typer.Argument(help="Names or numbers of notebooks, e.g. 03; all if none is given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("build/book"),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with your own tables; without it, Halden and the public data sets."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions, for a first look.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks at a time.")] = 2,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one notebook may take.")] = 600,
    force: Annotated[bool, typer.Option("--force", help="Run again what has not changed.")] = False,
) -> None:
    """Execute notebooks and write each as one HTML page, on your own data or on Halden and public sets."""
    from cemlab.data.company import Company
    from cemlab.notebook import catalogue, runner

    names = notebooks or [info.name for info in catalogue.notebooks()]
    if data is not None:
        # what is wrong with the data is said before any notebook starts, not in its middle
        company = Company.open(data)
        _refuse_what_cannot_run(names, company)
    reports = runner.run(names, out=out, data=data, quick=quick, jobs=jobs, timeout=timeout, force=force)
    print(f"Pages: {out / 'index.html'}")
    if any(report.status == "failed" for report in reports):
        sys.exit(1)


@app.command()
def scorecard(
    seeds: Annotated[
        int, typer.Option(help="How many companies of each world; 50 or more to judge by.")
    ] = 100,
    customers: Annotated[int, typer.Option(help="Customers of each company.")] = 20_000,
    jobs: Annotated[int, typer.Option(help="Companies at a time.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for the page and its figures.")] = Path("build/book"),
    row: Annotated[
        list[str] | None, typer.Option(help="Name of a row; may be given again. All rows if not given.")
    ] = None,
) -> None:
    """Hold the methods' estimates against planted truths, over many simulated companies."""
    from cemlab.scorecard import ROWS, rows_named, score, write_scorecard
    from cemlab.scorecard.page import open_folder
    from cemlab.scorecard.running import companies

    rows, numbers = rows_named(row) if row else ROWS, range(1, seeds + 1)
    with open_folder(out), _bar("Scoring", total=companies(rows, numbers)) as advance:
        card = score(rows, seeds=numbers, customers=customers, jobs=jobs, advance=advance)
    page, *_ = write_scorecard(card, out)
    print(f"{card.message}: {page}")


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Names of public data sets; all if none.")] = None,
) -> None:
    """Download the public data sets that are not in the cache yet."""
    from cemlab.data import datasets

    datasets.fetch(names or None)


def _refuse_what_cannot_run(names: list[str], company: Company) -> None:
    from cemlab.notebook import catalogue
    from cemlab.present.check_report import lacks

    columns = {name: table.columns for name, table in company.tables.items()}
    wanted = {catalogue.find(name).name for name in names}
    for entry in catalogue.runnable(columns):
        if entry.notebook.name in wanted and not entry.can_run:
            raise DataError(f"{company.info.name}: {entry.notebook.name} cannot run on it; {lacks(entry)}")


def _told(what: str, *paths: Path) -> None:
    """Say on standard error what was written where."""
    for path in paths:
        print(f"{what}: {path}", file=sys.stderr)


def _settings(path: Path | None) -> Settings | None:
    if path is None:
        return None
    from cemlab.data.intake.settings import read_settings

    return read_settings(path)


@contextmanager
def _progress(folder: Path) -> Iterator[Callable[[int], None] | None]:
    """Show how much of the folder was read."""
    files = [path for path in folder.glob("*") if path.is_file()] if folder.is_dir() else []
    with _bar("Reading", total=sum(path.stat().st_size for path in files)) as advance:
        yield advance


@contextmanager
def _heeding_interrupts(advance: Callable[[int], None] | None) -> Iterator[Callable[[int], None]]:
    """Give a step that raises where an interrupt was lost on the way.

    An exception that is raised while foreign code calls back into Python is dropped there; one Ctrl+C in
    some dozens ended so, and the work went on as if nothing had been said.
    """
    said: list[int] = []

    def hear(number: int, _: object) -> None:
        said.append(number)
        raise KeyboardInterrupt

    def heed(n: int) -> None:
        if said:
            raise KeyboardInterrupt
        if advance is not None:
            advance(n)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(what: str, *, total: int) -> Iterator[Callable[[int], None] | None]:
    """Show how much is done: a bar on a terminal, nothing anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda n: bars.advance(task, n)

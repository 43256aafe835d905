"""The command line: ``cemlab check``, ``cemlab run`` and ``cemlab fetch``.

What goes wrong on purpose is one line on standard error and exit code 2; a notebook that fails
while it runs is exit code 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cemlab.errors import CemlabError, DataError
from cemlab.markup import join_words

if TYPE_CHECKING:
    from cemlab.data.company import Company, CompanyReport
    from cemlab.notebook.catalogue import Runnable

app = typer.Typer(
    name="cemlab",
    help="A research workbench for Customer Experience Management.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; errors raised on purpose become one line and exit code 2."""
    try:
        app()
    except CemlabError as error:
        print(f"cemlab: {error}", file=sys.stderr)
        sys.exit(2)


@app.command()
def check(
    folder: Annotated[str, typer.Argument(help="Folder with the tables, one CSV or Parquet file each.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a programme to read.")] = False,
) -> None:
    """Say what a company's folder holds, what is missing, and which notebooks can run on it."""
    from cemlab.data.company import Company
    from cemlab.notebook import catalogue

    company = Company.open(folder)
    report = company.check()
    notebooks = catalogue.runnable({name: table.columns for name, table in company.tables.items()})
    if as_json:
        print(json.dumps(_as_json(report, notebooks), indent=2))
    else:
        _show(report, notebooks)


@app.command()
def run(
    notebooks: Annotated[
        list[str] | None, typer.Argument(help="Names or numbers of notebooks, e.g. 03; all if none is given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("build/book"),
    data: Annotated[
        Path | None, typer.Option(help="Folder with your own tables; without it, the public data sets.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions, for a first look.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks at a time.")] = 2,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one notebook may take.")] = 600,
    force: Annotated[bool, typer.Option("--force", help="Run again what has not changed.")] = False,
) -> None:
    """Execute notebooks and write each as one HTML page, on your own data or on the public data sets."""
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
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Names of public data sets; all if none.")] = None,
) -> None:
    """Download the public data sets that are not in the cache yet."""
    from cemlab.data import datasets

    datasets.fetch(names or None)


def _refuse_what_cannot_run(names: list[str], company: Company) -> None:
    from cemlab.notebook import catalogue

    columns = {name: table.columns for name, table in company.tables.items()}
    wanted = {catalogue.find(name).name for name in names}
    for entry in catalogue.runnable(columns):
        if entry.notebook.name in wanted and not entry.can_run:
            raise DataError(f"{company.info.name}: {entry.notebook.name} cannot run on it; {_lacks(entry)}")


def _lacks(entry: Runnable) -> str:
    """Say what a notebook lacks."""
    tables = [f"the table {name}" for name in entry.missing_tables]
    columns = [
        f"the column(s) {', '.join(missing)} of {name}" for name, missing in entry.missing_columns.items()
    ]
    return f"it needs {join_words([*tables, *columns])}"


def _as_json(report: CompanyReport, notebooks: Sequence[Runnable]) -> dict[str, object]:
    return {
        "company": report.name,
        "tables": [asdict(table) for table in report.tables],
        "absent": list(report.absent),
        "notebooks": [
            {
                "name": entry.notebook.name,
                "question": entry.notebook.question,
                "can_run": entry.can_run,
                "missing_tables": list(entry.missing_tables),
                "missing_columns": {name: list(missing) for name, missing in entry.missing_columns.items()},
            }
            for entry in notebooks
        ],
    }


def _show(report: CompanyReport, notebooks: Sequence[Runnable]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # data is shown as it is: Text reads no markup

    console = Console()
    tables = Table("Table", "One row is", "Rows", "Not there", "Further columns", title=Text(report.name))
    for table in report.tables:
        cells = (table.table, table.row, f"{table.rows:,}", ", ".join(table.missing), ", ".join(table.extra))
        tables.add_row(*map(Text, cells))
    console.print(tables)
    absent = ", ".join(report.absent) or "none"
    console.print(Text(f"Tables of the data contract that are absent: {absent}\n"))
    answers = Table("Notebook", "Question", "Can run?")
    for entry in notebooks:
        verdict = "yes" if entry.can_run else f"no: {_lacks(entry)}"
        answers.add_row(*map(Text, (entry.notebook.name, entry.notebook.question, verdict)))
    console.print(answers)

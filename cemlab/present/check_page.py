"""The answer of ``cemlab check`` as one HTML page: no script, nothing fetched, all text from data escaped."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from cemlab.files import write_atomically
from cemlab.markup import html_table
from cemlab.notebook.page import templates
from cemlab.present.check_report import VERDICTS, CheckReport, lacks, remarks, span


def write_check_page(report: CheckReport, path: Path) -> Path:
    """Write a check as a page.

    Parameters
    ----------
    report
        From :func:`cemlab.present.check_report.check`.
    path
        The page; replaced as a whole if it exists. Its folder is made if need be.

    Returns
    -------
    pathlib.Path
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    page = (
        templates()
        .get_template("check.html.j2")
        .render(
            title=f"{report.company.name}: what came in, and what can run",
            date=datetime.date.today().isoformat(),
            version=version("cemlab"),
            summary=_summary(report),
            files=_table(_files(report)),
            reasons=_table(_reasons(report))
            if any(each.verdict == "quarantine" for each in report.files)
            else "",
            told=[each.told(message) for each in report.files for message in each.messages],
            tables=_table(_tables(report)) if report.company.tables else "",
            remarks=[f"{table.table}: {line}" for table in report.company.tables for line in remarks(table)],
            absent=report.company.absent,
            notebooks=_table(_notebooks(report)),
            proposal=report.proposal,
        )
    )
    write_atomically(path, page)
    return path


def _summary(report: CheckReport) -> str:
    records = sum(each.records for each in report.files)
    aside = sum(each.records - each.accepted for each in report.files)
    rejected = sum(each.verdict == "reject" for each in report.files)
    can_run = sum(entry.can_run for entry in report.notebooks)
    return (
        f"{records:,} records in {len(report.files)} file(s): {records - aside:,} accepted, "
        f"{aside:,} set aside; {rejected} file(s) rejected. "
        f"{can_run} of {len(report.notebooks)} notebooks can run."
    )


def _table(frame: pd.DataFrame) -> Markup:
    # html_table has escaped every header and cell
    return Markup(html_table(frame))


def _files(report: CheckReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "File": each.file,
                "Verdict": VERDICTS[each.verdict],
                "Records": each.records,
                "Accepted": each.accepted,
                "Set aside": each.records - each.accepted,
            }
            if each.verdict != "reject"
            else {"File": each.file, "Verdict": VERDICTS["reject"]}
            for each in report.files
        ],
        columns=["File", "Verdict", "Records", "Accepted", "Set aside"],
    )


def _reasons(report: CheckReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"File": each.file, "Column": column, "Why rows were set aside": kind, "Rows": count}
            for each in report.files
            for column, kind, count in each.quarantined.commonest()
        ]
    )


def _tables(report: CheckReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Table": table.table,
                "One row is": table.row,
                "Rows": table.rows,
                "Dates": span(table),
            }
            for table in report.company.tables
        ]
    )


def _notebooks(report: CheckReport) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Notebook": entry.notebook.name,
                "Question": entry.notebook.question,
                "Can run?": "yes" if entry.can_run else f"no: {lacks(entry)}",
            }
            for entry in report.notebooks
        ]
    )

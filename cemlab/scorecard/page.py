"""The scorecard as files: a page that fetches nothing, a table for spreadsheets, and JSON for programmes."""

from __future__ import annotations

import base64
import datetime
import json
import math
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cemlab.chart import plotting_backend
from cemlab.errors import DesignError, OptionError
from cemlab.files import write_atomically
from cemlab.markup import percent
from cemlab.notebook.output import SCORECARD_PAGE, OutputFolder
from cemlab.notebook.page import templates
from cemlab.scorecard.judging import A_FIFTH, COVERAGE, ENOUGH_SEEDS, chance_of_red
from cemlab.spreadsheet import write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cemlab.chart import Chart
    from cemlab.scorecard.card import Scorecard

_MARKS = {"green": "✓", "red": "✗", "naive": "–"}
_DIGITS = 10  # figures written to files; beyond them machines differ


@contextmanager
def open_folder(out: str | Path) -> Iterator[OutputFolder]:
    """Give the folder for the files, proved to be writable before anything long begins.

    Raises
    ------
    OptionError
        If it cannot be made, or a file in it cannot be written.
    """
    folder = OutputFolder.make(out)
    probe = folder.path / ".scorecard.probe"
    try:
        write_atomically(probe, "")
        probe.unlink()
        yield folder
    except OSError as error:
        raise OptionError(f"cannot write into {out}: {error.strerror}; name another folder") from error


def write_scorecard(card: Scorecard, out: str | Path) -> tuple[Path, ...]:
    """Write ``scorecard.html``, ``scorecard.csv`` and ``scorecard.json``, and link them in the index.

    Parameters
    ----------
    card
        From :func:`cemlab.scorecard.score`.
    out
        The book's folder; made if need be. Each file is replaced as a whole or not at all.

    Returns
    -------
    tuple of pathlib.Path
        The files, the page first.

    Raises
    ------
    OptionError
        If the folder cannot be written into.
    """
    with open_folder(out) as folder:
        page, table, figures = (folder.path / f"scorecard.{ending}" for ending in ("html", "csv", "json"))
        rows = [{str(k): _plain(v) for k, v in row.items()} for row in card.table.to_dict("records")]
        about = {
            "version": version("cemlab"),
            "customers": card.customers,
            "seeds": list(card.seeds),
            "bounds": {"coverage": list(COVERAGE), "bias_share": A_FIFTH, "regret_share": A_FIFTH},
            "enough_seeds": card.enough_seeds,
            "rows": rows,
        }
        write_atomically(figures, json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        write_rows(
            table,
            list(card.table.columns),
            [["" if v is None else str(v) for v in row.values()] for row in rows],
        )
        write_atomically(page, _page(card))
        assert page.name == SCORECARD_PAGE  # the name that the index looks for
        folder.write_index()
    return page, table, figures


def _page(card: Scorecard) -> str:
    few = ""
    if not card.enough_seeds:
        few = (
            f"There are {len(card.seeds)}; with fewer than {ENOUGH_SEEDS} the coverage itself is uncertain "
            "(see its interval), and no verdict is final."
        )
    summary = card.summary
    labels = {**card.labels}
    rows = [
        {**about, "cells": [_unbroken(cell) for cell in cells], "mark": _MARKS[about["verdict"]]}
        for about, cells in zip(
            card.table.to_dict("records"), summary.itertuples(index=False, name=None), strict=True
        )
    ]
    return (
        templates()
        .get_template("scorecard.html.j2")
        .render(
            title=card.message,
            seeds=f"{len(card.seeds):,}",
            customers=f"{card.customers:,}",
            version=version("cemlab"),
            date=datetime.date.today().isoformat(),
            few=few,
            lowest=percent(COVERAGE[0], digits=0),
            highest=percent(COVERAGE[1], digits=0),
            by_chance=percent(chance_of_red(len(card.seeds)), digits=0),
            columns=[labels[name] for name in summary.columns],
            rows=rows,
            figures=_figures(card),
            caption=card.caption,
        )
    )


def _unbroken(cell: str) -> str:
    """Keep an interval on one line."""
    value, bracket, interval = cell.partition(" (")
    ends_here = bracket and interval.endswith(" %)")
    return f"{value} ({interval.replace(' ', chr(160))}" if ends_here else cell


def _figures(card: Scorecard) -> list[dict[str, Any]]:
    found = []
    for heading, name in (
        ("How far off, on average", "chart"),
        ("How often an interval holds the truth", "coverage_chart"),
    ):
        try:
            chart: Chart = getattr(card, name)
        except DesignError:
            continue  # decisions have no coverage; there may be nothing to draw
        found.append({"heading": heading, **_picture(chart)})
    return found


def _picture(chart: Chart) -> dict[str, Any]:
    content = plotting_backend().png(chart)
    # Bytes 16 to 20 of a PNG are its width; it has twice the pixels of the screen's
    width = int.from_bytes(content[16:20], "big") // 2
    src = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return {"src": src, "alt": chart.alt_text(), "width": width}


def _plain(value: Any) -> Any:
    """Return a value that JSON knows: no number that is none, and no more figures than machines agree on."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value

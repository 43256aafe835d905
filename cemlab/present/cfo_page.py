"""The one-page sheet as HTML: one file, no script, nothing fetched, all text from data escaped."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from cemlab.chart import Chart, plotting_backend
from cemlab.errors import DesignError
from cemlab.files import write_atomically
from cemlab.markup import html_table
from cemlab.notebook.page import templates
from cemlab.present.cfo_sheet import CfoSheet


def cfo_page(sheet: CfoSheet, path: Path | str) -> Path:
    """Write the sheet as a page that can be sent as it is.

    Parameters
    ----------
    sheet
        From :func:`cemlab.present.cfo_sheet.cfo_sheet`.
    path
        The page; replaced as a whole if it exists. Its folder is made if need be.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    DesignError
        If it is no sheet.
    """
    if not isinstance(sheet, CfoSheet):
        raise DesignError(f"a {type(sheet).__name__} is no sheet; make one with cfo_sheet(case)")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    page = (
        templates()
        .get_template("cfo.html.j2")
        .render(
            title=sheet.title,
            sheet=sheet,
            pictures=[(_data(chart), chart.alt_text()) for chart in sheet.panels],
            links=_table(sheet.links[["strength", "link", "grade"]], ("", "Link", "Rests on")),
            ledger=_table(sheet.ledger, tuple(map(str, sheet.ledger.columns))),
        )
    )
    write_atomically(path, page)
    return path


def _data(chart: Chart) -> str:
    # the picture stands in the page itself, so that nothing is fetched
    return "data:image/png;base64," + base64.b64encode(plotting_backend().png(chart)).decode("ascii")


def _table(frame: pd.DataFrame, names: tuple[str, ...]) -> Markup:
    # html_table has escaped every header and cell
    return Markup(html_table(frame, labels=dict(zip(map(str, frame.columns), names, strict=True))))

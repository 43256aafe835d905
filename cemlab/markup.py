"""Numbers, tables and text for people: the one place that formats and escapes.

Whatever comes from data passes through here before it reaches HTML or Markdown, headers and
captions included.
"""

from __future__ import annotations

import html
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: Column names of result tables, as a reader would write them.
LABELS: dict[str, str] = {
    "term": "Term",
    "estimate": "Estimate",
    "std_error": "Standard error",
    "statistic": "Statistic",
    "p_value": "p-value",
    "conf_low": "Interval from",
    "conf_high": "Interval to",
    "n": "n",
    "n_at_risk": "At risk",
    "n_events": "Events",
}

# Characters that would start a link, emphasis, a cell or a tag in Markdown.
_MARKDOWN_ACTIVE = str.maketrans(
    {char: "\\" + char for char in "\\`*_{}[]()#+!|~$"} | {"<": "&lt;", ">": "&gt;"}
)


def percent(share: float, *, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.26536)
    '26.5 %'
    """
    return "not estimable" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def percent_range(low: float, high: float, *, digits: int = 1) -> str:
    """Write an interval of shares, the sign once.

    Examples
    --------
    >>> percent_range(0.2551, 0.2757)
    '25.5 to 27.6 %'
    """
    if math.isnan(low) or math.isnan(high):
        return "not estimable"
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f} %"


def points(difference: float, *, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, with its sign.

    Examples
    --------
    >>> points(0.0612)
    '+6.1 points'
    """
    return "not estimable" if math.isnan(difference) else f"{100 * difference:+.{digits}f} points"


def number(value: Any) -> str:
    """Write one value of a table: counts with separators, other numbers to four figures.

    Examples
    --------
    >>> number(397884), number(0.123456), number(float("nan")), number("plan A")
    ('397,884', '0.1235', '', 'plan A')
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, numbers.Number):
        return "" if _is_missing(value) else str(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    real = float(value)  # type: ignore[arg-type]
    if math.isnan(real):
        return ""
    if math.isinf(real):
        return "∞" if real > 0 else "-∞"
    if real == 0 or 0.001 <= abs(real) < 1000:
        return f"{real:.4g}"
    return f"{real:,.0f}" if abs(real) < 1e9 and abs(real) >= 1000 else f"{real:.2e}"


def _is_missing(value: object) -> bool:
    # pandas' NaT and NA are the only values unequal to themselves or refusing to say
    try:
        return bool(value != value)
    except TypeError:
        return True


def join_words(words: Iterable[str]) -> str:
    """Join words as in a sentence.

    Examples
    --------
    >>> join_words(["age", "price", "plan"])
    'age, price and plan'
    """
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def escape_markdown(text: object) -> str:
    r"""Return text that Markdown shows as it is, on one line.

    Examples
    --------
    >>> escape_markdown("<b>*plan*|A</b>")
    '&lt;b&gt;\\*plan\\*\\|A&lt;/b&gt;'
    """
    return " ".join(str(text).replace("&", "&amp;").translate(_MARKDOWN_ACTIVE).split())


def html_table(frame: pd.DataFrame, *, caption: str = "", labels: Mapping[str, str] | None = None) -> str:
    """Write a frame as an HTML table, every header, cell and caption escaped.

    Parameters
    ----------
    frame
        The rows to show; its index is left out.
    caption
        A line above the table.
    labels
        Names to show for columns, beyond those of :data:`LABELS`.

    Returns
    -------
    str
        One ``<table>`` element; numbers are set to the right.
    """
    names = LABELS | dict(labels or {})
    head = "".join(f'<th scope="col">{html.escape(names.get(c, str(c)))}</th>' for c in frame.columns)
    body = "".join(
        "<tr>" + "".join(_html_cell(value) for value in row) + "</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f'<table class="cemlab">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _html_cell(value: object) -> str:
    style = ' style="text-align:right"' if isinstance(value, numbers.Number) else ' style="text-align:left"'
    return f"<td{style}>{html.escape(number(value))}</td>"


def markdown_table(frame: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> str:
    """Write a frame as a Markdown table, every header and cell escaped."""
    names = LABELS | dict(labels or {})
    rows = [
        [escape_markdown(names.get(c, str(c))) for c in frame.columns],
        ["---"] * len(frame.columns),
        *([escape_markdown(number(v)) for v in row] for row in frame.itertuples(index=False, name=None)),
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)

"""Numbers, tables and text for people: the one place that formats and escapes.

Whatever comes from data passes through here before it reaches HTML or Markdown, headers and
captions included.
"""

from __future__ import annotations

import datetime
import html
import math
import numbers
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
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

#: Beyond them a small figure is written with a power of ten.
MOST_DECIMALS = 6
# width of an interval, as a share of its ends, that rounding makes
_ROUNDING = 1e-9

# Short text in round brackets, as intervals are written.
_BRACKETED = re.compile(r"\([^()]{1,30}\)|< [0-9.]+")

# Characters that would start a link, emphasis, a cell, a tag or mathematics in Markdown. Mathematics is
# looked for twice, in the Markdown and again in the page made from it (where it can hold links): a dollar
# alone in its element and a backslash before an invisible word joiner start none.
_MARKDOWN_ACTIVE = str.maketrans(
    {char: "\\" + char for char in "`*_{}[]()#+!|~"}
    | {"\\": "\\\\\u2060", "$": "<span>\\$</span>", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
# What some renderers turn into a link of their own accord.
_BARE_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)

# Keeps a notebook's mathematics out of text from data.
_LITERAL = "tex2jax_ignore mathjax_ignore"


def percent(share: float, *, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.26536)
    '26.5 %'
    """
    return "not estimable" if math.isnan(share) else f"{_fixed(100 * share, digits)} %"


def _fixed(value: float, digits: int) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:z.{digits}f}"  # z: no minus before a zero


def percent_range(low: float, high: float, *, digits: int = 1) -> str:
    """Write an interval of shares, the sign once.

    Examples
    --------
    >>> percent_range(0.2551, 0.2757)
    '25.5 to 27.6 %'
    """
    if math.isnan(low) or math.isnan(high):
        return "not estimable"
    return f"{_fixed(100 * low, digits)} to {_fixed(100 * high, digits)} %"


def points(difference: float, *, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, with its sign.

    Examples
    --------
    >>> points(0.0612)
    '+6.1 points'
    """
    return "not estimable" if math.isnan(difference) else f"{100 * difference:+z.{digits}f} points"


def p_value(p: float) -> str:
    """Write a p-value, never as zero.

    Examples
    --------
    >>> p_value(0.0371), p_value(1e-12)
    ('p = 0.0371', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.3g}"


def number(value: Any) -> str:
    """Write one value of a table: counts with separators, other numbers to four figures.

    Examples
    --------
    >>> number(397884), number(0.123456), number(float("nan")), number("plan A")
    ('397,884', '0.1235', '', 'plan A')
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        return "" if is_missing(value) else label(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    real = float(value)
    if math.isnan(real):
        return ""
    if math.isinf(real):
        return "∞" if real > 0 else "-∞"
    if real == 0:
        return "0"
    if 0.001 <= abs(real) < 999.95:  # from there on, four figures need no decimals
        return f"{real:.4g}"
    return f"{real:,.0f}" if 999.95 <= abs(real) < 1e9 else f"{real:.2e}"


def signed(value: float) -> str:
    """Write a number with its sign.

    Examples
    --------
    >>> signed(0.2), signed(-0.2)
    ('+0.2', '-0.2')
    """
    return f"{'+' if value > 0 else ''}{number(value)}"


def with_interval(
    row: Mapping[Any, Any] | pd.Series[Any],
    *,
    of: str = "estimate",
    ends: str = "conf",
    sign: bool = False,
    null: float = 0.0,
) -> str:
    """Write an estimate and its interval, to two figures of half its width: the rest is noise.

    Parameters
    ----------
    row
        Holds the estimate under the name of `of`, and `ends` with ``_low`` and ``_high``.
    sign
        Whether numbers above zero have a plus.
    null
        What no difference is, 1 for ratios: an end that misses it, or zero, is not written as it.

    Examples
    --------
    >>> with_interval({"estimate": 0.2981, "conf_low": 0.1614, "conf_high": 0.4348})
    '0.30 (0.16 to 0.43)'
    >>> with_interval({"estimate": 12_333, "conf_low": 9_004, "conf_high": 15_970}, sign=True)
    '+12,300 (+9,000 to +16,000)'
    >>> with_interval({"estimate": 12, "conf_low": 1.3, "conf_high": 110}, null=1)
    '12.0 (1.3 to 110.0)'
    >>> with_interval({"share": 0.5, "share_low": float("nan"), "share_high": 1}, of="share", ends="share")
    '0.5 (interval not known)'
    """
    values = [float(row[name]) for name in (of, f"{ends}_low", f"{ends}_high")]
    if math.isnan(values[0]):
        return "not estimable"
    if math.isnan(values[1]) or math.isnan(values[2]):
        return f"{signed(values[0]) if sign else number(values[0])} (interval not known)"
    decimals = None
    if has_width(*values):
        decimals = 1 - math.floor(math.log10((values[2] - values[1]) / 2))
        decimals = decimals_apart(decimals, *values[1:], marks=(0.0, null))
    if decimals is not None and 0 < decimals <= MOST_DECIMALS:
        # all three to the same place, noughts at the end included
        told = [f"{value:{'+' if sign else ''}z,.{decimals}f}" for value in values]
    else:
        rounded = values if decimals is None else [round(value, decimals) for value in values]
        told = [signed(value) if sign else number(value) for value in rounded]
    return f"{told[0]} ({told[1]} to {told[2]})"


def has_width(value: float, low: float, high: float) -> bool:
    """Tell whether an interval is finite and wider than rounding makes it.

    Examples
    --------
    >>> has_width(1.0, 0.9, 1.1), has_width(1.0, 1.0, 1.0 + 1e-14), has_width(1.0, 0.9, float("inf"))
    (True, False, False)
    """
    return math.isfinite(high - low) and high - low > _ROUNDING * max(abs(value), abs(low), abs(high))


def decimals_apart(decimals: int, low: float, high: float, *, marks: Iterable[float]) -> int:
    """Return decimals, more where an interval that misses a mark would be written as if it ended there.

    Examples
    --------
    >>> decimals_apart(0, 0.4, 24.4, marks=(0.0,)), decimals_apart(1, 1.02, 9.4, marks=(0.0, 1.0))
    (1, 2)
    """
    for mark in marks:
        if low > mark or high < mark:
            nearer = min(low, high, key=lambda end: abs(end - mark))
            while decimals <= MOST_DECIMALS and round(nearer, decimals) == mark:
                decimals += 1
    return decimals


def amount(money: float) -> str:
    """Write an amount per customer: to the cent, and a large one like any number.

    Examples
    --------
    >>> amount(2.8274), amount(-0.001), amount(12345.678)
    ('2.83', '0.00', '12,346')
    """
    return f"{money:z.2f}" if abs(money) < 1000 else number(money)


def label(value: object) -> str:
    """Write the name of a group or category: a year keeps its form, a day loses its midnight.

    Examples
    --------
    >>> import datetime
    >>> label(2010), label(12.0), label("plan A"), label(datetime.datetime(2011, 12, 9)), label(None)
    ('2010', '12', 'plan A', '2011-12-09', 'missing')
    """
    if value is None or is_missing(value):
        return "missing"
    if isinstance(value, datetime.datetime) and value.time() == datetime.time.min:
        return value.date().isoformat()
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral):
        return f"{float(value):.12g}"
    return str(value)


def is_missing(value: object) -> bool:
    """Tell whether a single value is missing, in pandas' sense."""
    # pandas' NaT and NA are the only values unequal to themselves or refusing to say
    try:
        return bool(value != value)
    except TypeError:
        return True
    except ValueError:
        return False  # several values, so no single missing one


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
    return " ".join(_BARE_LINK.sub(r"\\", str(text).translate(_MARKDOWN_ACTIVE)).split())


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
    return (
        f'<table class="cemlab {_LITERAL}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def _html_cell(value: object) -> str:
    style = ' style="text-align:right"' if isinstance(value, numbers.Number) else ' style="text-align:left"'
    # an interval stays on one line
    text = _BRACKETED.sub(lambda found: found[0].replace(" ", "\u00a0"), number(value))
    return f"<td{style}>{html.escape(text)}</td>"


def markdown_table(frame: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> str:
    """Write a frame as a Markdown table, every header and cell escaped."""
    names = LABELS | dict(labels or {})
    rows = [
        [escape_markdown(names.get(c, str(c))) for c in frame.columns],
        ["---"] * len(frame.columns),
        *([escape_markdown(number(v)) for v in row] for row in frame.itertuples(index=False, name=None)),
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)

"""Numbers as a reader writes them; text from data that starts nothing in HTML or Markdown."""

from __future__ import annotations

import datetime
import html
import math
import re
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab import markup

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a | b", "](javascript:alert(1))",
    "[x](javascript:alert(1))", "`code`", "# head", "**bold**", "$x$ and $y$",
    "\\(\\href{javascript:a()}{b}\\)",
    "\\begin{x}", "&lt;b&gt;", "line\nbreak\r\n| --- |", '" onmouseover="a()', "'single'", "https://evil.example",
    "www.evil.example", "a@evil.example", "<!-- -->", "![x](y)", "~~gone~~",
]  # fmt: skip


class Tags(HTMLParser):
    """Collects what a browser would find: tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.tags.append("comment")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (397884, "397,884"), (np.int64(-1234), "-1,234"), (0.123456, "0.1235"), (1234.5, "1,234"),
        (999.94, "999.9"), (999.96, "1,000"), (0.0, "0"), (-0.0, "0"), (0.00012, "1.20e-04"),
        (2e9, "2.00e+09"),
        (math.inf, "∞"), (-math.inf, "-∞"), (True, "True"), (np.float32(0.25), "0.25"),
        (Decimal("12.5"), "12.5"),
        (None, ""), (math.nan, ""), (pd.NA, ""), (pd.NaT, ""), (Decimal("NaN"), ""),
        (pd.Timestamp("2011-12-09"), "2011-12-09"), (pd.Timestamp("2011-12-09 12:30"), "2011-12-09 12:30:00"),
        (2 + 3j, "(2+3j)"), ("plan A", "plan A"), (np.array([1, 2]), "[1 2]"),
    ],
)  # fmt: skip
def test_numbers(value, written):
    assert markup.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2010, "2010"), (2010.0, "2010"), (0.5, "0.5"), ("plan A", "plan A"), (None, "missing"),
        (pd.NA, "missing"),
        (math.nan, "missing"), (pd.NaT, "missing"), (True, "True"), (datetime.date(2011, 1, 2), "2011-01-02"),
        (pd.Timestamp("2011-01-02"), "2011-01-02"), (pd.Period("2011-01"), "2011-01"),
    ],
)  # fmt: skip
def test_names(value, written):
    assert markup.label(value) == written


@pytest.mark.parametrize(
    ("row", "asked", "written"),
    [
        # a settled result is not written as one that reaches what no difference is
        ((500.0, 4.0, 996.0), {}, "500 (4 to 996)"),
        ((1.05, 0.04, 2.06), {}, "1.05 (0.04 to 2.06)"),
        ((3.1, 1.02, 9.4), {"null": 1}, "3.10 (1.02 to 9.40)"),
        ((11.5, 0.06, 23.0), {}, "11.5 (0.1 to 23.0)"),
        ((0.1, -0.004, 0.5), {}, "0.10 (0.00 to 0.50)"),
        # a narrow interval keeps its ends apart, however large they are
        ((1500.25, 1500.1, 1500.4), {}, "1,500.25 (1,500.10 to 1,500.40)"),
        ((3.0, 1.0, math.inf), {}, "3 (1 to ∞)"),
        ((1.0, 1.0 - 1e-14, 1.0 + 1e-14), {}, "1 (1 to 1)"),
        ((math.nan, 0.1, 0.4), {}, "not estimable"),
    ],
)
def test_estimates_with_intervals(row, asked, written):
    row = dict(zip(("estimate", "conf_low", "conf_high"), row, strict=True))
    assert markup.with_interval(row, **asked) == written


def test_shares_and_differences():
    assert markup.percent(0.26536) == "26.5 %"
    assert markup.percent(-0.0001) == "0.0 %"
    assert markup.percent(math.inf) == "∞ %"
    assert markup.percent(math.nan) == "not estimable"
    assert markup.percent_range(0.2551, 0.2757) == "25.5 to 27.6 %"
    assert markup.percent_range(0.2, math.nan) == "not estimable"
    assert markup.points(0.0612) == "+6.1 points"
    assert markup.points(-0.00001) == "+0.0 points"
    assert markup.points(math.nan) == "not estimable"


@pytest.mark.parametrize(
    ("words", "joined"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_joining(words, joined):
    assert markup.join_words(words) == joined


def check_html(text: object) -> None:
    page = markup.html_table(
        pd.DataFrame({str(text): [text], "plain": [1]}), caption=str(text), labels={"plain": str(text)}
    )
    seen = Tags(page)
    assert seen.tags == ["table", "caption", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert seen.attributes <= {"class", "scope", "style"}
    assert html.unescape(re.sub(r"<[^>]*>", "\0", page)).count(str(text)) >= 3


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_hostile_text_as_text(text):
    check_html(text)


@given(st.text(alphabet=st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1))
def test_html_shows_any_text_as_text(text):
    check_html(text)


def test_html_keeps_mathematics_out_and_sets_numbers_right():
    page = markup.html_table(pd.DataFrame({"estimate": [0.5], "name": ["a"]}))
    assert 'class="cemlab tex2jax_ignore mathjax_ignore"' in page
    assert '<td style="text-align:right">0.5</td><td style="text-align:left">a</td>' in page
    assert '<th scope="col">Estimate</th><th scope="col">name</th>' in page
    assert "<caption>" not in page


def unescaped(text: str) -> str:
    """What a Markdown reader shows: entities and backslash escapes resolved, our spans taken off."""
    bare = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text.replace("<span>\\$</span>", "\\$"))
    return html.unescape(bare).replace("\u2060", "")


def check_markdown(text: str) -> None:
    escaped = markup.escape_markdown(text)
    assert unescaped(escaped) == " ".join(text.split())
    rest = escaped.replace("<span>\\$</span>", "")
    assert "<" not in rest
    assert ">" not in rest
    assert "$" not in rest
    # every character that could start something has an odd number of backslashes before it
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()#+!|~]", rest.replace("\\\\\u2060", ""))
    # a backslash of the text is never left next to what would make mathematics of it
    assert not re.search(r"\\\\(?!\u2060)", rest)
    assert not re.search(r"://|www\.|(?<!\\)@", rest, re.IGNORECASE)
    assert "\n" not in escaped


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_text_as_text(text):
    check_markdown(text)


@given(
    st.text(
        alphabet=st.one_of(
            st.characters(exclude_categories=["Cs", "Cf"]), st.sampled_from("\\$|<>&`*[]()@:/w.")
        )
    )
)
def test_markdown_shows_any_text_as_text(text):
    check_markdown(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_markdown_table_keeps_its_cells(text):
    frame = pd.DataFrame([[text, 1], ["b", None]], columns=[text, "n"])
    lines = markup.markdown_table(frame, labels={"n": text}).split("\n")
    assert len(lines) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in lines)
    assert lines[1] == "| --- | --- |"
    assert lines[3] == "| b |  |"


def test_a_markdown_table_uses_the_reader_names():
    table = markup.markdown_table(
        pd.DataFrame({"term": ["age"], "conf_low": [0.25], "x": [2]}), labels={"x": "X"}
    )
    assert table == "| Term | Interval from | X |\n| --- | --- | --- |\n| age | 0.25 | 2 |"

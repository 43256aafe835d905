"""Results: nothing without its interval, nothing from data unescaped."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.result import Result, check_conf_level

HOSTILE = "<script>alert(1)</script> | ](javascript:x) $y$"


@dataclass(frozen=True, eq=False, kw_only=True)
class Rate(Result):
    """The smallest result."""

    title: ClassVar[str] = HOSTILE
    labels: ClassVar[dict[str, str]] = {"estimate": HOSTILE}

    @property
    def summary(self) -> pd.DataFrame:
        return self.table

    def narrative(self) -> str:
        return f"Of {HOSTILE}, 20 % left."

    @property
    def chart(self) -> Chart:
        return Chart(
            kind="bar", frame=self.table, x=str(self.table.columns[0]), y="estimate", low="conf_low",
            high="conf_high", x_label="Plan", y_label="Share", claim="Who left", grade=self.evidence.grade,
        )  # fmt: skip


def table() -> pd.DataFrame:
    return pd.DataFrame({HOSTILE: [HOSTILE], "estimate": [0.2], "conf_low": [0.1], "conf_high": [0.3]})


def rate(**fields: object) -> Rate:
    check = Check(name=HOSTILE, null="n", passed=False, detail=HOSTILE, remedy="r")
    evidence = Evidence(
        grade="descriptive",
        design="d",
        unit="customers",
        n_used=5,
        n_given=5,
        source=HOSTILE,
        checks=(check,),
    )
    return Rate(**{"table": table(), "evidence": evidence, **fields})


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


@pytest.mark.parametrize("column", ["estimate", "conf_low", "conf_high"])
def test_no_estimate_without_its_interval(column):
    with pytest.raises(DesignError, match=f"Rate: the table lacks {column}; no estimate without interval"):
        rate(table=table().drop(columns=column))


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan")])
def test_a_confidence_level_is_a_share(level):
    with pytest.raises(OptionError, match="allowed: a share between 0 and 1"):
        rate(conf_level=level)
    with pytest.raises(OptionError, match=f"conf_level is {level!r}"):
        check_conf_level(level)


@pytest.mark.parametrize("level", [None, "0.95", [0.95], True, 0.95j])
def test_what_is_no_number_is_no_confidence_level(level):
    with pytest.raises(OptionError, match=f"conf_level is {re.escape(repr(level))}; allowed: a share"):
        check_conf_level(level)
    check_conf_level(np.float32(0.9))


def test_a_result_is_frozen_and_abstract():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rate().table = table()
    with pytest.raises(TypeError, match="abstract"):
        Result(table=table(), evidence=rate().evidence)


def test_html_escapes_headers_cells_captions_and_checks():
    page = rate()._repr_html_()
    assert Tags(page).tags == [
        "div", "table", "caption", "thead", "tr", *["th"] * 4, "tbody", "tr", *["td"] * 4, "ul", "li", "p",
        "small", "p", "small",
    ]  # fmt: skip
    # title, two headers, one cell, twice in the check, once in the source
    assert page.count("&lt;script&gt;") == 7
    assert page.startswith('<div class="cemlab-result tex2jax_ignore mathjax_ignore">')


def test_markdown_escapes_everything_once():
    text = rate().to_markdown()
    bare = text.replace("<span>\\$</span>", "")
    assert "<" not in bare
    assert "$" not in bare
    # title, two headers, one cell, narrative, twice in the check, once in the source
    assert text.count("&lt;script&gt;") == 8
    assert not re.search(r"(?<!\\)\]", text)
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [5, 5, 5]
    assert text.endswith("\n")
    assert "95 % intervals" in text


def test_the_caption_says_level_rows_grade_and_source():
    assert rate(conf_level=0.9).caption == (
        "90 % intervals. Design grade: descriptive. All 5 customers used. 1 check(s) FAILED. "
        f"Source: {HOSTILE}."
    )


def test_a_result_prints_its_summary_as_text():
    lines = repr(rate()).split("\n")
    assert lines[0] == HOSTILE
    assert lines[-1] == rate().caption
    assert "0.2" in lines[2]


def test_a_result_is_drawn_by_its_chart(monkeypatch):
    drawn = []
    monkeypatch.setattr(Chart, "plot", lambda chart, ax=None: drawn.append((chart.claim, ax)) or "axes")
    assert rate().plot("given") == "axes"
    assert drawn == [("Who left", "given")]

"""Result: what every analysis returns."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from cemlab.errors import DesignError, OptionError
from cemlab.markup import escape_markdown, html_table, markdown_table

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.chart import Chart
    from cemlab.evidence import Evidence


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(ABC):
    """The answer of an analysis: a tidy table that knows its evidence.

    A result wraps frames and never is one; it is frozen, prints nothing, and shows itself in a notebook.

    Parameters
    ----------
    table
        Tidy; at least the columns ``estimate``, ``conf_low``, ``conf_high``.
    evidence
        What the numbers rest on.
    conf_level
        Confidence level of the intervals, between 0 and 1.

    Raises
    ------
    DesignError
        If the table has no interval columns: an estimate is never shown without its interval.
    """

    table: pd.DataFrame
    evidence: Evidence
    conf_level: float = 0.95

    title: ClassVar[str] = "Result"
    labels: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        # The dataclass decorator of a subclass would write its own __repr__, unless the class holds one.
        super().__init_subclass__()
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        check_conf_level(self.conf_level)
        missing = [c for c in ("estimate", "conf_low", "conf_high") if c not in self.table.columns]
        if missing:
            raise DesignError(
                f"{type(self).__name__}: the table lacks {', '.join(missing)}; no estimate without interval"
            )

    @property
    @abstractmethod
    def summary(self) -> pd.DataFrame:
        """The few lines to read."""

    @abstractmethod
    def narrative(self) -> str:
        """Sentences with estimate, unit, interval and n, in words that the design grade allows."""

    @property
    @abstractmethod
    def chart(self) -> Chart:
        """What to draw."""

    def plot(self, ax: Any = None) -> Any:
        """Draw the chart with the plotting backend, on `ax` if given, and return the axes."""
        return self.chart.plot(ax)

    @property
    def caption(self) -> str:
        """The line under the table: confidence level, rows used, design grade, source."""
        return f"{100 * self.conf_level:g} % intervals. {self.evidence.line()}"

    def to_markdown(self) -> str:
        """Return title, summary, narrative and evidence as Markdown; text from data is escaped."""
        checks = [f"- {escape_markdown(line)}" for line in self.evidence.findings]
        parts = [
            f"**{escape_markdown(self.title)}**",
            markdown_table(self.summary, labels=self.labels),
            escape_markdown(self.narrative()),
            "\n".join(checks),
            escape_markdown(self.caption),
            escape_markdown(self.evidence.design),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _repr_html_(self) -> str:
        table = html_table(self.summary, caption=self.title, labels=self.labels)
        caption = f"<p><small>{html.escape(self.caption)}</small></p>"
        design = f"<p><small>{html.escape(self.evidence.design)}</small></p>"
        assumed = "".join(f"<li>{html.escape(line)}</li>" for line in self.evidence.assumptions)
        details = f"<details><summary>Assumptions</summary><ul>{assumed}</ul></details>" if assumed else ""
        found = "".join(f"<li>{html.escape(line)}</li>" for line in self.evidence.findings)
        findings = f"<ul>{found}</ul>" if found else ""
        inside = f"{table}{findings}{caption}{design}{details}"
        return f'<div class="cemlab-result tex2jax_ignore mathjax_ignore">{inside}</div>'

    def __repr__(self) -> str:
        return f"{self.title}\n{self.summary.to_string(index=False)}\n{self.caption}"


def check_conf_level(conf_level: float) -> None:
    """Refuse a confidence level that is not a share.

    Raises
    ------
    OptionError
        If `conf_level` is not a number strictly between 0 and 1.
    """
    if not isinstance(conf_level, Real) or not 0 < conf_level < 1:
        raise OptionError(f"conf_level is {conf_level!r}; allowed: a share between 0 and 1, e.g. 0.95")

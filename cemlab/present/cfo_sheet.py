"""One page for whoever pays: what it is worth, how sure that is, what it rests on and what would kill it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cemlab.business_case.break_even import BreakEven
from cemlab.business_case.break_even import break_even as find_break_even
from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entry import one_line
from cemlab.business_case.stress import Stress
from cemlab.business_case.tornado import Tornado
from cemlab.business_case.tornado import tornado as find_tornado
from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.files import write_atomically
from cemlab.present.cfo_content import (
    Fact,
    entries_of,
    facts_of,
    fan_of,
    links_of,
    money_of,
    note_of,
    question_of,
    scenarios_of,
    thresholds_of,
    title_of,
    tornado_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cemlab.present.plots.sheet import Paper

#: Characters that a text of the page may have.
_LONGEST = 200
_FORMATS = ("pdf", "png", "svg")


@dataclass(frozen=True, eq=False, kw_only=True)
class CfoSheet:
    """What stands on the page.

    Parameters
    ----------
    kind
        What the case is called, with the grade of its weakest link.
    title
        The message.
    ask
        What is to be decided; may be empty.
    facts
        The figures of the headline.
    panels
        The fan of the present value and the tornado.
    ledger
        Texts, one row an entry, those first that move the result most: Entry, Low, Mode, High,
        Unit, Source, Owner, Date, Rests on.
    links
        Texts, one row a link: link, grade, strength (dots).
    question, killers
        What would kill the case, or turn it where it is dead already, in sentences.
    note
        Where the figures come from.
    """

    kind: str
    title: str
    ask: str
    facts: tuple[Fact, ...]
    panels: tuple[Chart, Chart]
    ledger: pd.DataFrame
    links: pd.DataFrame
    question: str
    killers: tuple[str, ...]
    note: str

    def figure(self, paper: Paper = "16:9") -> Figure:
        """Return the page as a matplotlib figure.

        Parameters
        ----------
        paper
            ``"16:9"`` for a slide, ``"A4"`` upright.

        Raises
        ------
        OptionError
            If there is no such paper.
        """
        from cemlab.present.plots.sheet import draw_sheet

        return draw_sheet(self, paper=paper)

    def save(self, path: Path | str, *, paper: Paper = "16:9") -> Path:
        """Write the page as PDF, PNG or SVG, by the ending of the name; an existing file is replaced whole.

        Raises
        ------
        OptionError
            If there is no such format or paper.
        """
        path = Path(path)
        image = self.image(path.suffix.lower().lstrip("."), paper=paper)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, image)
        return path

    def image(self, kind: str = "png", *, paper: Paper = "16:9") -> bytes:
        """Return the page as the bytes of a PNG, PDF or SVG.

        Raises
        ------
        OptionError
            If there is no such format or paper.
        """
        if kind not in _FORMATS:
            raise OptionError(one_of(kind, _FORMATS, what="format of the sheet"))
        from cemlab.present.plots import house_style

        stream = io.BytesIO()
        undated = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
        with house_style():
            self.figure(paper).savefig(stream, format=kind, dpi=200, metadata=undated)
        return stream.getvalue()

    def alt_text(self) -> str:
        """Describe the page in words."""
        facts = "; ".join(f"{fact.name}: {fact.value} ({fact.detail})" for fact in self.facts)
        links = "; ".join(f"{row['link']}: {row['grade']}" for _, row in self.links.iterrows())
        pictures = " ".join(chart.alt_text() for chart in self.panels)
        return (
            f"{self.kind}. {self.title.rstrip('.')}. {facts}. {pictures} Links: {links}. {self.question} "
            f"{' '.join(self.killers)} The ledger has {len(self.ledger):,} entries."
        )

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # upright: in the width of a notebook's page the wide paper could not be read
        data = {"text/plain": self.alt_text(), "image/png": self.image(paper="A4")}
        return data, {"image/png": {"alt": self.alt_text(), "width": 826}}

    def __repr__(self) -> str:
        return f"<CfoSheet: {self.title}>"


def cfo_sheet(
    case: BusinessCase,
    *,
    tornado: Tornado | None = None,
    break_even: BreakEven | None = None,
    stress: Stress | None = None,
    killers: Sequence[str] = (),
    subject: str = "the training",
    ask: str = "",
    title: str = "",
) -> CfoSheet:
    """Put a case on one page for whoever pays.

    Parameters
    ----------
    case
        The case.
    tornado, break_even
        Of the same case; made with their defaults if not given.
    stress
        Of the same case: the scenarios that would kill it are named, all of them if the case
        loses as it is; none if not given.
    killers
        More sentences on what would kill it.
    subject
        What the case is about, as the title names it.
    ask
        What is to be decided, in a line.
    title
        The message; made from the figures if not given. Return, effect and other words of cause are refused
        where the weakest link does not carry them.

    Returns
    -------
    CfoSheet
        It shows itself in a notebook, saves itself as PDF, PNG or SVG, and
        :func:`cemlab.present.cfo_page.cfo_page` writes it as HTML.

    Raises
    ------
    DesignError
        If there is no case, or a text says more than its weakest link.
    DataError
        If a text is too long for a page, or cannot be shown.
    """
    if not isinstance(case, BusinessCase):
        raise DesignError(f"a {type(case).__name__} is no business case; make one with training_case(ledger)")
    title, ask, subject = (
        one_line(text, f"the sheet's {name}", longest=_LONGEST)
        for name, text in (("title", title), ("ask", ask), ("subject", subject))
    )
    worth = case.value("net present value")
    money = money_of(worth[["estimate", "conf_low", "conf_high"]], case.ledger.currency)
    swings = tornado or find_tornado(case)
    for found in (swings, break_even, stress):
        _check_of(case, found)
    return CfoSheet(
        kind=f"{case.name.capitalize()}. Weakest link: {case.standing}",
        title=case.titled(title or title_of(case, money, subject)),
        ask=case.titled(ask),
        facts=facts_of(case, money),
        panels=(fan_of(case, case.by_month, money), tornado_of(swings, money)),
        ledger=entries_of(case, swings.table["entry"]),
        links=links_of(case),
        question=question_of(case, stress),
        killers=(
            *thresholds_of(break_even or find_break_even(case)),
            *(scenarios_of(stress, money, loses=worth["estimate"] < 0) if stress else ()),
            *(case.titled(one_line(line, "what would kill it", longest=_LONGEST)) for line in killers),
        ),
        note=note_of(case),
    )


def _check_of(case: BusinessCase, found: Tornado | BreakEven | Stress | None) -> None:
    """Refuse what was found of another case, as far as it can be told."""
    if found is not None and (
        found.currency != case.ledger.currency or found.evidence.n_used != len(case.items)
    ):
        raise DesignError(
            f"the {type(found).__name__} is in {found.currency} on {found.evidence.n_used} entries, the case "
            f"in {case.ledger.currency} on {len(case.items)}; make both of the same case"
        )

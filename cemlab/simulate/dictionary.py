"""The data dictionary of a simulated company, as a page of text beside its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cemlab.data.columns import Table
from cemlab.data.contract import TABLES
from cemlab.markup import join_words
from cemlab.simulate.market.rivals import NEXT_MONTHS, NOW_MONTHS, WAVES
from cemlab.simulate.service.messages import LOGGED
from cemlab.simulate.timeline import FIRST, LAST, MONTH_STARTS

if TYPE_CHECKING:
    import pyarrow as pa

    from cemlab.simulate.halden import Halden

_JOINS = """\
Tables join on `customer`, `branch`, `employee`, `contact`, and `month` or `date`. The market panel
(`category_purchases`, `competitor_ratings`) is anonymous, as such panels are: its households join with each
other and with nothing else.
"""

#: Texts of a column up to which all of them are listed.
FEW = 12

# Longer lists are sentences rather than codes.
_LONGEST = 130

#: The texts that occur in a column, by table and column; None where there are more than a few.
Texts = Mapping[tuple[str, str], tuple[str, ...] | None]


def dictionary(
    halden: Halden, *, rows: Mapping[str, int], schemas: Mapping[str, pa.Schema], texts: Texts
) -> str:
    """Return the data dictionary.

    Parameters
    ----------
    halden
        Which company.
    rows
        Rows of each table.
    schemas
        Columns of each table.
    texts
        What texts occur where there are few.

    Returns
    -------
    str
        Markdown: one section a table, in the order of the contract.
    """
    lines = [
        "# Halden",
        "",
        "A fictional company, simulated: a chain of members' stores for home, garden and workshop, with "
        f"{halden.world.network.branches} branches. A membership is the contract; members buy in the stores "
        "and on line.",
        "",
        # which world it is would give every exercise away to whoever reads this page first
        f"{halden.customers:,} customers, {FIRST} to {LAST}; money in EUR. What is planted stands in "
        "`truth.json`, which teachers keep to themselves.",
        "",
        _JOINS,
    ]
    for name in TABLES:
        if name in schemas:
            lines += _section(name, rows=rows[name], schema=schemas[name], texts=texts)
    return "\n".join(lines)


def _day(number: int) -> date:
    return FIRST + timedelta(days=number)


def _notes() -> dict[str, str]:
    """Return what a reader must know of a table as a whole, by table."""
    first, end = (int(MONTH_STARTS[month]) for month in LOGGED)
    waves = join_words(str(_day(int(MONTH_STARTS[month]))) for month in WAVES)
    return {
        "branch_month": (
            "Revenue is that of purchases and fees of the branch's members. Cost is that of goods, staff, "
            "training and house, of save offers, onboarding and campaigns for them. The head office pays the "
            "messages of the log, questionnaires and the minutes of contacts; they are in no branch's books."
        ),
        "fees": (
            "A hired van brought back, or a workshop bench left, half an hour late and more. Whether a fee "
            "was charged or waived was drawn by lot. One charged is revenue of the member's branch in the "
            "month of its date."
        ),
        "contact_log": (
            f"Messages were logged from {_day(first)} to {_day(end - 1)}; those before and after are not "
            "known. A message held back has `treated` false and costs nothing."
        ),
        "competitor_ratings": (
            f"Each respondent was asked once, on {waves}, by lot. `buys_now` is a purchase of the brand in "
            f"the {NOW_MONTHS} months before that day; `buys_next` is one in the {NEXT_MONTHS} months from "
            "then on. The second window is the longer; more buyers in it are no growth."
        ),
        "style_survey": "Each item is a sentence about shopping, from 1 (not at all) to 5 (entirely).",
        "message_mix": (
            "Of a message sent, its sentences were counted by whether they make one know, feel or do. A "
            "member asked laid twenty coins on the same three piles, for three situations."
        ),
        "catalogue": "The wine list of the restaurants in the larger branches; it joins with nothing.",
        "transactions": "Stores and telephone are closed on Sundays and holidays; website and app are not.",
    }


def _found_by(table: Table) -> str:
    """Say by which columns rows are found, and whether there can be several."""
    columns = " and ".join(f"`{column}`" for column in table.key)
    return f"Rows are found by {columns}" + ("" if table.unique else ", which may repeat")


def _section(name: str, *, rows: int, schema: pa.Schema, texts: Texts) -> Iterator[str]:
    table = TABLES[name]
    yield from (f"## {name}", "", f"One row is {table.row}. {rows:,} rows. {_found_by(table)}.", "")
    if name in (notes := _notes()):
        yield from (notes[name], "")
    yield from ("| column | form | meaning |", "|---|---|---|")
    for field in schema:
        column = table.column(field.name)
        form, about = (column.form, column.about) if column else (_further(field.type), "as its name says")
        listed = _listed(texts.get((name, field.name)))
        yield f"| {field.name} | {form} | {about}{listed} |"
    yield ""


def _listed(texts: tuple[str, ...] | None) -> str:
    told = ", ".join(texts or ())
    return f": {told}" if 0 < len(told) <= _LONGEST else ""


def _further(kind: pa.DataType) -> str:
    """Return the form of a column that the contract does not know."""
    from pyarrow import types

    if types.is_integer(kind):
        return "integer"
    if types.is_decimal(kind):
        return "money"
    return "number" if types.is_floating(kind) else "text"

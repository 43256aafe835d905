"""The data dictionary of a simulated company, as a page of text beside its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cemlab.data.contract import TABLES
from cemlab.simulate.timeline import FIRST, LAST

if TYPE_CHECKING:
    import pyarrow as pa

    from cemlab.simulate.halden import Halden

_JOINS = """\
Tables join on `customer`, `branch`, `employee`, `contact`, and `month` or `date`. The market panel
(`category_purchases`, `competitor_ratings`) is anonymous, as such panels are: its households join with each
other and with nothing else.
"""


def dictionary(halden: Halden, *, rows: Mapping[str, int], schemas: Mapping[str, pa.Schema]) -> str:
    """Return the data dictionary.

    Parameters
    ----------
    halden
        Which company.
    rows
        Rows of each table.
    schemas
        Columns of each table.

    Returns
    -------
    str
        Markdown: one section a table, in the order of the contract.
    """
    lines = [
        "# Halden",
        "",
        "A fictional company, simulated: a chain of members' stores for home, garden and workshop, with 60 "
        "branches. A membership is the contract; members buy in the stores and on line.",
        "",
        f"World `{halden.world_name}`: {halden.world.about} Seed {halden.seed}, {halden.customers:,} "
        f"customers, {FIRST} to {LAST}; money in EUR. What is planted stands in `truth.json`.",
        "",
        _JOINS,
    ]
    for name in TABLES:
        if name in schemas:
            lines += _section(name, rows=rows[name], schema=schemas[name])
    return "\n".join(lines)


def _section(name: str, *, rows: int, schema: pa.Schema) -> Iterator[str]:
    table = TABLES[name]
    yield from (f"## {name}", "", f"One row is {table.row}. {rows:,} rows; key: {', '.join(table.key)}.", "")
    yield from ("| column | form | meaning |", "|---|---|---|")
    for field in schema:
        column = table.column(field.name)
        form, about = (column.form, column.about) if column else (_further(field.type), "as its name says")
        yield f"| {field.name} | {form} | {about} |"
    yield ""


def _further(kind: pa.DataType) -> str:
    """Return the form of a column that the contract does not know."""
    from pyarrow import types

    if types.is_integer(kind):
        return "integer"
    return "number" if types.is_floating(kind) else "text"

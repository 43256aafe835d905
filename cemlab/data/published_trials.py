"""Two published studies of a treatment: a randomised training programme, and a law in one of two states."""

from __future__ import annotations

from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cemlab.data.contract import Form
from cemlab.data.published import Adapted, count, require_columns, typed, unreadable

#: Column of the file → what it is called here.
NSW = {
    "treat": "trained",
    "age": "age",
    "educ": "education",
    "marr": "married",
    "nodegree": "no_degree",
    "re74": "earnings_1974",
    "re75": "earnings_1975",
    "re78": "earnings_1978",
}
CARD_KRUEGER = {"nj": "new_jersey", "d": "after", "fte": "full_time_equivalents"}
_TRUTH_VALUES = ("trained", "married", "no_degree", "new_jersey", "after")


def read_stata(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read columns of a small Stata file as text, missing values as nulls.

    Parameters
    ----------
    path
        The file.
    columns
        The columns wanted, in the order wanted.

    Raises
    ------
    DataError
        If the file cannot be read as what it should be.
    ColumnError
        If it lacks one of the columns.
    """
    import pandas as pd

    try:
        frame = pd.read_stata(path)
    except (OSError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    require_columns(path, columns, [str(name) for name in frame.columns])
    # repr of a number reads back as the same number
    texts = {
        name: [None if value is None or value != value else _text(value) for value in frame[name].tolist()]
        for name in columns
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in texts.items()})


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def nsw(text: ir.Table, *, where: str) -> Adapted:
    """One row a person of the experiment, in the order of the file."""
    forms: dict[str, Form] = {name: "number" if name.startswith("re") else "integer" for name in NSW}
    people = _renamed(typed(text, forms, where=where), NSW).mutate(
        customer=(ibis.row_number() + 1).cast("string")
    )
    n = count(people, trained=people.trained)
    notes = (
        f"{n['all']:,} men, none left out; {n['trained']:,} of them drawn by lot into the programme.",
        "The men of the experiment for whom earnings of 1974 are known (Dehejia & Wahba 1999).",
        "No customers: men without work, and their earnings in US dollars a year; here to check the method.",
        "The file has no identifier; the number of the row stands for one.",
    )
    return Adapted(tables={"customers": people}, notes=notes)


def card_krueger(text: ir.Table, *, where: str) -> Adapted:
    """One row a restaurant as interviewed in one of two waves; the rows of a restaurant cannot be joined."""
    forms: dict[str, Form] = {"nj": "integer", "d": "integer"}
    known = text.filter(text.fte.notnull())
    rows = _renamed(typed(known, {**forms, "fte": "number"}, where=where), CARD_KRUEGER)
    waves = rows.mutate(
        branch=(ibis.row_number() + 1).cast("string"),
        month=ibis.ifelse(rows.after, ibis.date(1992, 11, 1), ibis.date(1992, 2, 1)),
    )
    given, kept = count(text)["all"], count(waves)["all"]
    notes = (
        f"{given:,} interviews of restaurants; {given - kept:,} without a count of the staff left out; "
        f"{kept:,} kept.",
        "New Jersey raised its minimum wage on 1 April 1992, Pennsylvania did not.",
        "Which two interviews are of one restaurant is not told; the number of the row stands for it.",
    )
    return Adapted(tables={"branch_month": waves}, notes=notes)


def _renamed(table: ir.Table, names: dict[str, str]) -> ir.Table:
    """Return the columns under their names here, noughts and ones as truth values."""
    return table.select(
        **{
            new: table[old].cast("boolean") if new in _TRUTH_VALUES else table[old]
            for old, new in names.items()
        }
    )

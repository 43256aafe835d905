"""Customers cut into classes that ties do not split, and added up by class, on the engine that holds them.

A class is a range of values, so equal values are always in one class, whatever the order of the rows.
The cuts are a few numbers; only they and the sums by cell leave the engine. Money adds up as DECIMAL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.lines import Money, purchases
from cemlab.errors import ColumnError, DataError, one_of

#: A whole number of days or purchases, or an exact amount of money.
Amount = int | Decimal

# what an exact sum of squares can hold: 38 digits, 8 of them decimals
_MOST_SQUARED = 10**30


@dataclass(frozen=True, kw_only=True)
class ClassBound:
    """One class of values.

    Parameters
    ----------
    score
        Its number.
    low, high
        The least and the greatest value in it, both included.
    n
        How many customers have a value in it.
    """

    score: int
    low: Amount
    high: Amount
    n: int


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """How a column was cut.

    Parameters
    ----------
    bounds
        The classes that hold somebody, by ascending score.
    tied, n_tied
        The most frequent value, and how many customers have it.
    """

    bounds: tuple[ClassBound, ...]
    tied: Amount
    n_tied: int


def quantile_cuts(table: ir.Table, column: str, *, classes: int, descending: bool = False) -> Cuts:
    """Cut a column into classes of about equal size that never part equal values.

    A value belongs to the class in which the middle of all who share it stands: of n customers, b below it
    and t with it, score = ⌈classes · (b + t/2) / n⌉. Without ties that is the usual cut into equal parts.

    Parameters
    ----------
    table
        One row a customer.
    column
        Whole numbers or DECIMAL, none missing.
    classes
        How many classes to aim at; where many share a value, some stay empty and their scores unused.
    descending
        Whether the greatest value gets score 1.

    Returns
    -------
    Cuts
        The classes found.

    Examples
    --------
    >>> orders = ibis.memtable({"n": [1, 1, 1, 1, 2, 3]})
    >>> [(one.score, one.low, one.high, one.n) for one in quantile_cuts(orders, "n", classes=3).bounds]
    [(1, 1, 1, 4), (3, 2, 3, 2)]
    """
    n = fetched(table.aggregate(n=table.count()))[0]["n"]
    values = table.group_by(value=table[column]).aggregate(ties=table.count()).cache()
    order = ibis.desc("value") if descending else ibis.asc("value")
    # a running total of all rows before and this one
    up_to = values["ties"].sum().over(ibis.window(preceding=None, following=0, order_by=order))
    twice_middle = 2 * up_to - values["ties"]
    scored = values.mutate(score=((classes * twice_middle + 2 * n - 1) // (2 * n)).cast("int64"))
    found = scored.group_by("score").aggregate(low=_["value"].min(), high=_["value"].max(), n=_["ties"].sum())
    most = fetched(values.order_by(ibis.desc("ties"), "value").limit(1))[0]
    bounds = tuple(ClassBound(**row) for row in fetched(found.order_by("score")))
    return Cuts(bounds=bounds, tied=most["value"], n_tied=most["ties"])


def class_of(column: ir.Column, bounds: Sequence[ClassBound]) -> ir.IntegerColumn:
    """Return the class of each value, by comparing it with the greatest value of each class."""
    ascending = sorted(bounds, key=lambda bound: bound.high)
    steps = [(column <= _exactly(one.high, column), one.score) for one in ascending[:-1]]
    last = ibis.literal(ascending[-1].score, "int64")
    return ibis.cases(*steps, else_=last).cast("int64") if steps else last


def classed_bounds(table: ir.Table, column: str, edges: Sequence[Amount]) -> tuple[ClassBound, ...]:
    """Return the classes that given upper edges, ascending, make of a column; the last holds all above."""
    value = table[column]
    steps = [(value <= _exactly(edge, value), score) for score, edge in enumerate(edges, start=1)]
    score = ibis.cases(*steps, else_=len(edges) + 1).cast("int64") if steps else ibis.literal(1, "int64")
    found = (
        table.select(score=score, value=value)
        .group_by("score")
        .aggregate(low=_["value"].min(), high=_["value"].max(), n=_.count())
    )
    return tuple(ClassBound(**row) for row in fetched(found.order_by("score")))


def customer_values(
    transactions: ir.Table,
    customers: ir.Table,
    *,
    since: date,
    until: date,
    money: Money,
    potential: str,
) -> ir.Table:
    """Return the current and the potential value of each customer; who bought nothing is worth 0 now.

    Parameters
    ----------
    transactions
        One row a purchase line: customer, date and the money; returns are negative and count.
    customers
        One row a customer.
    since, until
        First and last day whose lines count, both included.
    money
        What current value is the sum of.
    potential
        Column of `customers` with the value a year that could be won.

    Returns
    -------
    ir.Table
        ``customer``, ``current`` and ``potential`` [DECIMAL, exact].

    Raises
    ------
    ColumnError, DataError
        If a column is missing, or a value is missing or impossible.
    """
    known = _potentials(customers, potential)
    lines = purchases(transactions, money=(money,)).filter(_["date"].between(since, until))
    sums = lines.group_by("customer").aggregate(current=lines[money].sum())
    zero = ibis.literal(Decimal(0), sums["current"].type())
    return known.left_join(sums, "customer").select(
        customer=known["customer"],
        current=ibis.coalesce(sums["current"], zero),
        potential=known["potential"],
    )


def strangers(transactions: ir.Table, customers: ir.Table, *, since: date, until: date) -> int:
    """Count those who bought in the time but are not among the customers."""
    day = transactions["date"].cast("date")
    buyers = transactions.filter(day.between(since, until)).select("customer").distinct()
    return int(fetched(buyers.anti_join(customers, "customer").aggregate(n=_.count()))[0]["n"])


def value_cells(classed: ir.Table) -> list[dict[str, Any]]:
    """Add up customers by class of current and of potential value.

    Parameters
    ----------
    classed
        One row a customer: ``current``, ``potential``, ``current_class``, ``potential_class``.

    Returns
    -------
    list of dict
        One a cell: the two classes, ``n``, the two exact sums, ``current_squares`` and
        ``potential_squares`` [exact sums of squares].

    Raises
    ------
    DataError
        If an amount is so large that its square does not add up exactly.
    """
    extremes = {
        name: classed[name].abs().max().coalesce(ibis.literal(Decimal(0), classed[name].type()))
        for name in ("current", "potential")
    }
    (most,) = fetched(classed.aggregate(n=classed.count(), **extremes))
    for name in extremes:
        if most["n"] * most[name] ** 2 >= _MOST_SQUARED:
            raise DataError(
                f"the {name} values reach {most[name]:,} in {most['n']:,} customers, too large to add up "
                "exactly; check the unit of the money, or state it in thousands"
            )
    sums = {name: classed[name].sum() for name in extremes}
    squares = {f"{name}_squares": _square(classed[name]).sum() for name in extremes}
    cells = classed.group_by("current_class", "potential_class")
    added = cells.aggregate(n=classed.count(), **sums, **squares)
    return fetched(added.order_by("current_class", "potential_class"))


def top_sums(table: ir.Table, column: str, *, top: float) -> dict[str, Any]:
    """Add up a column over all customers and over those above the cut of the best share.

    Returns
    -------
    dict
        ``cut``: the value of the customer at the edge of the best share `top`; ``n``, ``total``,
        ``squares`` of all; ``n_above``, ``above``, ``above_squares`` of those strictly above the cut.
    """
    n = fetched(table.aggregate(n=table.count()))[0]["n"]
    values = table.group_by(value=table[column]).aggregate(ties=table.count())
    downwards = ibis.window(preceding=None, following=0, order_by=ibis.desc("value"))
    counted = values.mutate(up_to=values["ties"].sum().over(downwards))
    edge = fetched(counted.filter(_["up_to"] >= top * n).aggregate(cut=_["value"].max()))[0]["cut"]
    above, squares = table[column] > _exactly(edge, table[column]), _square(table[column])
    none = ibis.literal(Decimal(0), table[column].type())
    added = table.aggregate(
        total=table[column].sum(),
        squares=squares.sum(),
        n_above=table.count(where=above),
        above=table[column].sum(where=above).coalesce(none),
        above_squares=squares.sum(where=above).coalesce(ibis.literal(Decimal(0), squares.type())),
    )
    return {"cut": edge, "n": n, **fetched(added)[0]}


def fetched(table: ir.Table) -> list[dict[str, Any]]:
    """Fetch a small table with the types that its expression promises; a sum of counts is a whole number."""
    found: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return found


def _square(amount: Any) -> Any:
    # A sum of DECIMAL is as wide as can be, and its square would fit nowhere; DuckDB squares what has 18
    # digits within 18. Of 19 digits the square has 38.
    narrow = amount.cast("decimal(19, 4)")
    # the cast says what DuckDB makes of it and ibis does not: all eight decimals
    return (narrow * narrow).cast("decimal(38, 8)")


def _exactly(value: Amount, column: Any) -> Any:
    return ibis.literal(value, column.type())


def _potentials(customers: ir.Table, potential: str) -> ir.Table:
    """Return customer and potential, or refuse what is missing, double, inexact or negative."""
    for name in ("customer", potential):
        if name not in customers.columns:
            cure = "" if name == "customer" else "; name the column that holds it: potential=…"
            raise ColumnError(f"customers: {one_of(name, customers.columns, what='column')}{cure}")
    value = customers[potential]
    kind = value.type()
    if not kind.is_integer() and not (kind.is_decimal() and kind.scale is not None):
        raise DataError(
            f"customers, column {potential!r}: {kind} does not add up exactly; "
            "cast it to DECIMAL, e.g. .cast('decimal(18, 4)')"
        )
    counted = customers.aggregate(
        n=customers.count(),
        named=customers["customer"].count(),
        different=customers["customer"].nunique(),
        known=value.count(),
        negative=customers.count(where=value < 0),
    )
    (found,) = fetched(counted)
    if found["different"] < found["n"]:
        what = "is missing" if found["named"] < found["n"] else "stands twice"
        raise DataError(f"customers: a customer {what}; give one row a customer, each with its name")
    for count, what in ((found["n"] - found["known"], "missing"), (found["negative"], "negative")):
        if count:
            raise DataError(
                f"customers, column {potential!r}: {what} in {count:,} of {found['n']:,} customers; "
                "a value map needs what could be won from each, 0 or more: fill it in, or leave them out"
            )
    return customers.select("customer", potential=value.cast("decimal(18, 4)"))

"""Purchase lines made ready for counting: checked, typed, and one row an occasion."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args

import ibis.expr.types as ir

from cemlab.data.engine import rows
from cemlab.errors import ColumnError, DataError, OptionError, one_of

Occasion = Literal["line", "day", "order"]

Money = Literal["revenue", "margin"]

MONEY: tuple[Money, ...] = get_args(Money)

# What the customer can do about a missing value, by column.
_CURE = {
    "customer": "leave them out (a purchase of nobody in particular cannot be followed)",
    "date": "leave them out",
    "order": "leave them out or count days: occasion='day'",
    "revenue": "leave them out or fill in the amount",
    "margin": "fill in the margin, or drop the column and do without it",
}


def purchases(
    transactions: ir.Table, *, occasion: Occasion = "line", money: Collection[Money] | None = None
) -> ir.Table:
    """Return one row a purchase occasion, after checking that the lines can be counted exactly.

    Parameters
    ----------
    transactions
        One row is a purchase line: ``customer``, ``date``, ``revenue``, perhaps ``margin`` and ``order``.
    occasion
        ``"line"``: as they are; ``"day"``: all lines of a customer on a day together; ``"order"``: all
        lines of a customer's order together, dated by the first.
    money
        The amounts to keep; without any named, ``revenue`` and, where there is one, ``margin``.

    Returns
    -------
    ir.Table
        ``customer``, ``date`` [DATE], and the amounts [DECIMAL].

    Raises
    ------
    OptionError
        If the occasion or an amount is not among the allowed ones.
    ColumnError
        If a column is missing.
    DataError
        If a value is missing, a date is not a date, or money is not exact.
    """
    if occasion not in get_args(Occasion):
        raise OptionError(one_of(occasion, get_args(Occasion), what="purchase occasion"))
    amounts = _amounts(transactions, money)
    keys = {"line": ["customer"], "day": ["customer", "date"], "order": ["customer", "order"]}[occasion]
    needed = list(dict.fromkeys(["customer", "date", *keys, *amounts]))
    for name in needed:
        if name not in transactions.columns:
            raise ColumnError(f"transactions: {one_of(name, transactions.columns, what='column')}")
    exact = {name: _exact(transactions, name) for name in amounts}
    ids = {name: name for name in needed if name not in ("date", *amounts)}
    lines = transactions.select(**ids, date=_day(transactions), **exact)
    _refuse_blanks(transactions, needed)
    if occasion == "line":
        return lines
    dated = {} if occasion == "day" else {"date": lines["date"].min()}
    together = lines.group_by(keys).aggregate(**dated, **{name: lines[name].sum() for name in amounts})
    return together.select("customer", "date", *amounts)


def days_between(earlier: Any, later: Any) -> Any:
    """Return the whole days from one DATE to a later one, the same number on every engine.

    Only for dates: between times of day, engines disagree on whether to count midnights or full days.
    """
    return later.delta(earlier, unit="day")


def _amounts(transactions: ir.Table, money: Collection[Money] | None) -> list[Money]:
    if money is None:
        return [name for name in MONEY if name == "revenue" or name in transactions.columns]
    for name in money:
        if name not in MONEY:
            raise OptionError(one_of(name, MONEY, what="amount of money"))
    return [name for name in MONEY if name in money]


def _refuse_blanks(table: ir.Table, columns: list[str]) -> None:
    counted = table.aggregate(n_lines=table.count(), **{name: table[name].count() for name in columns})
    (found,) = rows(counted)
    for name in columns:
        missing = found["n_lines"] - found[name]
        if missing:
            raise DataError(
                f"transactions, column {name!r}: missing in {missing:,} of {found['n_lines']:,} lines; "
                f"{_CURE[name]}"
            )


def _exact(table: ir.Table, name: str) -> Any:
    column = table[name]
    kind = column.type()
    if kind.is_integer():
        return column.cast("decimal(38, 4)")
    if not kind.is_decimal() or kind.scale is None:
        raise DataError(
            f"transactions, column {name!r}: {kind} does not add up exactly; "
            "cast it to DECIMAL, e.g. .cast('decimal(18, 4)')"
        )
    if kind.scale < 2:
        # ibis declares sums of DECIMAL with at least two decimals; without the cast the types would differ
        return column.cast("decimal(38, 4)")
    return column


def _day(table: ir.Table) -> Any:
    column = table["date"]
    kind = column.type()
    if kind.is_date():
        return column
    if kind.is_timestamp() and kind.timezone is None:
        return column.cast("date")
    raise DataError(
        f"transactions, column 'date': {kind} is not a business date; "
        "cast it to DATE in the company's own time zone"
    )

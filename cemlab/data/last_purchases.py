"""Recency, frequency and money of every customer by a day, returns taken for what they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import get_args

import ibis.expr.types as ir

from cemlab.data.counts import PurchaseCounts
from cemlab.data.engine import rows
from cemlab.data.lines import MONEY, Money, Occasion, purchases
from cemlab.errors import ColumnError, DesignError, OptionError, one_of


@dataclass(frozen=True, eq=False, kw_only=True)
class LastPurchases:
    """What customers did by a day.

    Parameters
    ----------
    customers
        On the engine, one row a customer with a purchase: customer, recency_days, frequency, money.
    n_used, n_given
        Customers with a purchase, and with any line at all.
    span
        First and last day with a purchase by anybody in the data.
    returns
        Lines with negative revenue.
    """

    customers: ir.Table
    n_used: int
    n_given: int
    span: tuple[date, date]
    returns: int


def purchases_by(
    transactions: ir.Table, *, as_of: date, occasion: Occasion = "day", money: Money = "revenue"
) -> LastPurchases:
    """Count recency, frequency and money of every customer, as seen at the end of a day.

    Parameters
    ----------
    transactions
        As for :class:`~cemlab.data.counts.PurchaseCounts`. A line with negative revenue is a return: it is
        no purchase, so it changes neither recency nor frequency, but it lessens the money.
    as_of
        The last day that counts.
    occasion
        As for :class:`~cemlab.data.counts.PurchaseCounts`.
    money
        What to add up.

    Returns
    -------
    LastPurchases
        With one row a customer, on the engine.

    Raises
    ------
    ColumnError, DataError, OptionError
        As :class:`~cemlab.data.counts.PurchaseCounts`.
    DesignError
        If nobody had bought by then.
    """
    if money not in get_args(Money):
        raise OptionError(one_of(money, MONEY, what="amount of money"))
    for name in ("customer", "date", "revenue"):
        if name not in transactions.columns:
            raise ColumnError(f"transactions: {one_of(name, transactions.columns, what='column')}")
    returned = transactions["revenue"] < 0
    bought = transactions.filter(transactions["revenue"].isnull() | ~returned)
    counts = PurchaseCounts(bought, occasion=occasion, money=(money,))
    if as_of < counts.span[0]:
        raise DesignError(
            f"as_of is {as_of}, but the first purchase was on {counts.span[0]}; choose a later day"
        )
    by_then = transactions["date"].cast("date") <= as_of
    returns = _count(transactions.filter(returned & by_then))
    each = counts.rfm(as_of=as_of)
    if not returns:
        kept = each.select("customer", "recency_days", "frequency", money=money).cache()
        n_used = _count(kept)
        return LastPurchases(customers=kept, n_used=n_used, n_given=n_used, span=counts.span, returns=0)
    lines = purchases(transactions, money=(money,))
    by_customer = lines.filter(lines["date"] <= as_of).group_by("customer")
    net = by_customer.aggregate(net=lines[money].sum()).cache()
    kept = each.join(net, "customer").select("customer", "recency_days", "frequency", money="net").cache()
    return LastPurchases(
        customers=kept, n_used=_count(kept), n_given=_count(net), span=counts.span, returns=returns
    )


def _count(table: ir.Table) -> int:
    return int(rows(table.aggregate(n=table.count()))[0]["n"])

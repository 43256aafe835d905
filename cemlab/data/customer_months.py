"""Customers by branch and month: how many there are, who leaves, what they buy; counted on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DesignError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "customers by branch and month"

#: Why customers leave by their own will.
WILLING = ("competitor", "price")


def customer_months(company: Company, *, willing: Sequence[str] = WILLING) -> pd.DataFrame:
    """Count the customers of each branch in each month of the books.

    Parameters
    ----------
    company
        With ``customers`` (customer, branch), ``subscriptions`` (customer, entry, exit, cause),
        ``transactions`` (customer, date, revenue, margin) and ``branch_month`` (month), whose months count.
    willing
        The causes of leaving that experience may change.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month: branch; month (its first day); customers (mean over the month's days);
        left (for one of the causes named), left_otherwise; revenue, margin [currency of the company].

    Raises
    ------
    DesignError
        If a table is missing, or no customer has a branch.
    ColumnError
        If a column is missing.
    DataError
        If a customer stands twice among the customers.

    Examples
    --------
    >>> from datetime import date
    >>> from decimal import Decimal
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> days = [date(2024, 4, 1), date(2024, 4, 16)]
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"), tables={
    ...     "customers": ibis.memtable({"customer": ["c", "d"], "branch": ["a", "a"]}),
    ...     "subscriptions": ibis.memtable({"customer": ["c", "d"], "entry": [date(2020, 1, 1)] * 2,
    ...                                     "exit": [None, days[1]], "cause": ["none", "price"]}),
    ...     "transactions": ibis.memtable({"customer": ["c"], "date": days[:1], "revenue": [Decimal("9.50")],
    ...                                    "margin": [Decimal("5.00")]}),
    ...     "branch_month": ibis.memtable({"branch": ["a"], "month": days[:1]})})
    >>> customer_months(small)[["customers", "left", "left_otherwise", "revenue"]].values.tolist()
    [[1.5, 1.0, 0.0, 9.5]]
    """
    import pandas as pd

    homes = needed(company, "customers", ("customer", "branch"), for_what=_WHAT)
    refuse_twice(homes, "customers", ("customer",))
    homes = homes.filter(homes["branch"].notnull()).select("customer", "branch")
    books = needed(company, "branch_month", ("month",), for_what=_WHAT)
    months = books.select(month=books["month"].cast("date").truncate("M")).distinct()
    there = _there(company, homes, months, willing).to_pandas()
    if there.empty:
        raise DesignError(f"{company.info.name}: no customer of a known branch was there in any month")
    bought = _bought(company, homes).to_pandas()
    for frame in (there, bought):
        frame["month"] = pd.to_datetime(frame["month"])
    both = there.merge(bought, on=["branch", "month"], how="left").fillna({"revenue": 0.0, "margin": 0.0})
    both["customers"] = both["days"] / both["month"].dt.days_in_month
    columns = ["branch", "month", "customers", "left", "left_otherwise", "revenue", "margin"]
    both[columns[2:]] = both[columns[2:]].astype(float)
    ordered: pd.DataFrame = both[columns].sort_values(["branch", "month"], ignore_index=True)
    return ordered


def _there(company: Company, homes: ir.Table, months: ir.Table, willing: Sequence[str]) -> ir.Table:
    """Return days as a customer and leavers of each branch and month."""
    spells = needed(company, "subscriptions", ("customer", "entry", "exit", "cause"), for_what=_WHAT)
    spells = spells.select("customer", "entry", "exit", "cause").inner_join(homes, "customer")
    rows = spells.cross_join(months.filter(months["month"].notnull()))
    after = rows["month"] + ibis.interval(months=1)
    rows = rows.mutate(after=after.cast("date"))
    rows = rows.filter(
        (rows["entry"] < rows["after"]) & (rows["exit"].isnull() | (rows["exit"] >= rows["month"]))
    )
    begin = ibis.greatest(rows["entry"], rows["month"])
    end = ibis.least(ibis.coalesce(rows["exit"], rows["after"]), rows["after"])
    gone = rows["exit"].notnull() & (rows["exit"] < rows["after"]) & (rows["cause"] != "none")
    wanted = rows["cause"].isin(list(willing))
    return rows.group_by("branch", "month").aggregate(
        days=end.delta(begin, unit="day").sum(),
        left=count_where(gone & wanted),
        left_otherwise=count_where(gone & ~wanted),
    )


def _bought(company: Company, homes: ir.Table) -> ir.Table:
    """Return what the customers of each branch bought in each month, added up exactly."""
    lines = needed(company, "transactions", ("customer", "date", "revenue", "margin"), for_what=_WHAT)
    lines = lines.select("customer", "date", "revenue", "margin").inner_join(homes, "customer")
    lines = lines.mutate(month=lines["date"].cast("date").truncate("M"))
    return lines.group_by("branch", "month").aggregate(
        revenue=lines["revenue"].sum().cast("float64"), margin=lines["margin"].sum().cast("float64")
    )

"""Recent buying beside each customer's own history, and new customers by period, counted on the engine."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.engine import rows
from cemlab.data.lines import days_between, purchases
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

Who = Literal["established", "buyers", "newcomers"]
Calendar = Literal["week", "month", "quarter"]


def recent_buying(
    transactions: ir.Table, *, base: tuple[date, date], window: tuple[date, date], who: Who = "established"
) -> ir.Table:
    """Count each customer's purchase days in a base period and in the window right after it.

    Parameters
    ----------
    transactions
        One row is a purchase line: ``customer``, ``date``, ``revenue``; lines with negative revenue are
        returns and no purchases.
    base, window
        First and last day of each, both included; the window begins on the day after the base ends.
    who
        ``"established"``: who had bought before the base period began, and bought in it; ``"buyers"``: all
        who bought in it; ``"newcomers"``: whose first purchase of all fell into it, from that day on.

    Returns
    -------
    ir.Table
        One row is a customer: ``customer``, ``n_base`` [purchase days of the base period, at least 1],
        ``exposure`` [days of the base period in which another could be seen], ``n_window``, ``n_year`` [of
        the base period, those of the 365 days before the window], ``n_then`` [of these, those in the same
        stretch of days as the window, 365 days earlier], ``first``, ``last`` [days of the first and the last
        purchase of all up to the window's end], ``n_all``.

    Raises
    ------
    OptionError
        If `who` is unknown or the two are not stretches of days, one right after the other.
    ColumnError, DataError
        If it is no table on the engine, and as :class:`~cemlab.data.counts.PurchaseCounts`.
    """
    if who not in get_args(Who):
        raise OptionError(one_of(who, get_args(Who), what="kind of customers"))
    _check_days(base=base, window=window)
    if not base[0] <= base[1] < window[0] <= window[1] or window[0] - base[1] != timedelta(days=1):
        raise OptionError(
            f"the base period is {base[0]} to {base[1]} and the window {window[0]} to {window[1]}; "
            "give two stretches of days, the window beginning on the day after the base ends"
        )
    days = purchases(_kept(transactions), occasion="day").filter(_["date"] <= window[1])
    in_base, in_window = days["date"].between(*base), days["date"].between(*window)
    year = timedelta(days=365)
    in_year = in_base & (days["date"] >= window[0] - year)
    each = days.group_by("customer").aggregate(
        n_base=days.count(where=in_base),
        n_window=days.count(where=in_window),
        n_year=days.count(where=in_year),
        n_then=days.count(where=in_year & (days["date"] <= window[1] - year)),
        n_all=days.count(),
        first=days["date"].min(),
        last=days["date"].max(),
    )
    each = each.filter(_["n_base"] > 0)
    length: Any = ibis.literal((base[1] - base[0]).days + 1, "int64")
    if who == "established":
        each = each.filter(_["first"] < base[0])
    elif who == "newcomers":
        each = each.filter(_["first"] >= base[0])
        length = days_between(each["first"], ibis.literal(base[1])).cast("int64")
    return each.mutate(exposure=length).select(
        "customer", "n_base", "exposure", "n_window", "n_year", "n_then", "first", "last", "n_all"
    )


def recorded(transactions: ir.Table) -> tuple[tuple[date, date] | None, int]:
    """Return the first and the last day with a purchase, and how many lines are returns.

    Parameters
    ----------
    transactions
        One row is a purchase line: ``date``, ``revenue``.

    Raises
    ------
    ColumnError
        If a column is missing.
    """
    _kept(transactions)  # which refuses a table without the columns
    bought = ~(transactions["revenue"] < 0).fill_null(False)
    day = transactions["date"].cast("date")
    counted = transactions.aggregate(
        first=day.min(where=bought), last=day.max(where=bought), returns=transactions.count(where=~bought)
    )
    (row,) = rows(counted)
    return (None if row["first"] is None else (row["first"], row["last"])), row["returns"]


def arrivals(table: ir.Table, *, date: str, since: date, until: date, period: Calendar = "month") -> ir.Table:
    """Count new customers by calendar period, periods without any included.

    Parameters
    ----------
    table
        ``customer`` and a column of dates; a customer arrives on her first. The customers with ``joined``
        serve as well as the transactions with ``date``.
    date
        The column of dates.
    since, until
        First and last day, both included; periods that they cut are left out. Who came before `since` is
        no arrival: in data that begin then, old customers would seem to arrive.
    period
        The length of a period; weeks begin on Monday.

    Returns
    -------
    ir.Table
        One row is a period: ``period`` [its first day], ``n_new``.

    Raises
    ------
    ColumnError
        If a column is missing.
    OptionError
        If the period is unknown.
    DataError
        If a date is missing.
    DesignError
        If no whole period lies between `since` and `until`.

    Examples
    --------
    >>> customers = ibis.memtable(
    ...     [("a", date(2024, 1, 5)), ("b", date(2024, 3, 9)), ("c", date(2024, 3, 31))],
    ...     schema={"customer": "string", "joined": "date"},
    ... )
    >>> by_month = arrivals(customers, date="joined", since=date(2024, 1, 1), until=date(2024, 3, 31))
    >>> [row["n_new"] for row in rows(by_month)]
    [1, 0, 2]
    """
    if period not in get_args(Calendar):
        raise OptionError(one_of(period, get_args(Calendar), what="period"))
    for name in ("customer", date):
        if name not in table.columns:
            raise ColumnError(one_of(name, table.columns, what="column"))
    (missing,) = rows(table.aggregate(n=table.count(where=table[date].isnull())))
    if missing["n"]:
        raise DataError(f"column {date!r}: missing in {missing['n']:,} rows; leave them out or fill them in")
    starts = _whole_periods(since, until, period)
    first = table.group_by("customer").aggregate(first=table[date].cast("date").min())
    unit = {"week": "W", "month": "M", "quarter": "Q"}[period]
    came = first.group_by(period=_["first"].truncate(unit)).aggregate(n=_.count())
    every = ibis.memtable([(start,) for start in starts], schema={"period": "date"})
    joined = every.left_join(came, "period")
    return joined.select(period=every["period"], n_new=came["n"].fill_null(0)).order_by("period")


def _whole_periods(since: date, until: date, period: Calendar) -> list[date]:
    """Return the first days of the periods that lie wholly between two days."""
    day, starts = _start(since, period), []
    while day <= until:
        after = _start(day + timedelta(days={"week": 7, "month": 31, "quarter": 92}[period]), period)
        if day >= since and after - timedelta(days=1) <= until:
            starts.append(day)
        day = after
    if not starts:
        raise DesignError(
            f"no whole {period} lies between {since} and {until}; choose more days or a shorter period"
        )
    return starts


def _start(day: date, period: Calendar) -> date:
    if period == "week":
        return day - timedelta(days=day.weekday())
    months = 3 if period == "quarter" else 1
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _check_days(**periods: tuple[date, date]) -> None:
    """Refuse periods that are no pair of days; a timestamp is none, as it does not compare with one."""
    for name, period in periods.items():
        pair = isinstance(period, tuple | list) and len(period) == 2
        if not pair or any(not isinstance(day, date) or isinstance(day, datetime) for day in period):
            raise OptionError(
                f"{name} is {period!r}; give its first and last day, e.g. "
                "(date(2024, 1, 1), date(2024, 12, 31))"
            )


def _kept(transactions: ir.Table) -> ir.Table:
    """Return the lines that are no returns."""
    if not isinstance(transactions, ir.Table):
        raise DataError(
            f"the transactions are a {type(transactions).__name__}; give a table on the engine, e.g. "
            "company.table('transactions') or ibis.memtable(frame)"
        )
    for name in ("customer", "date", "revenue"):
        if name not in transactions.columns:
            raise ColumnError(one_of(name, transactions.columns, what="column in the transactions"))
    return transactions.filter(transactions["revenue"].isnull() | (transactions["revenue"] >= 0))

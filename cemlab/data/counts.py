"""The exact counting tables of purchases, computed once on the engine that holds the lines.

Millions of lines become a few small tables that are sufficient for the estimates: nothing is sampled
and nothing approximated. Money is summed as DECIMAL, so a sum does not depend on how many threads
added it up. All expressions are Ibis; the engine may be DuckDB, PostgreSQL or Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from functools import cached_property
from typing import Any, Literal, get_args

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.engine import rows
from cemlab.data.lines import MONEY, Money, Occasion, days_between, purchases
from cemlab.data.tiers import DEFAULT_TIERS, NO_PURCHASE, check_tiers
from cemlab.data.windows import purchase_pairs, repeat_purchases
from cemlab.errors import DataError, OptionError, one_of

__all__ = ["DEFAULT_TIERS", "NO_PURCHASE", "Period", "PurchaseCounts", "purchase_pairs", "repeat_purchases"]

Period = Literal["month", "quarter", "half_year", "year"]

_PERIODS_A_YEAR: dict[Period, int] = {"month": 12, "quarter": 4, "half_year": 2, "year": 1}


class PurchaseCounts:
    """Who bought how often, for how much and when: the counting tables of one table of purchases.

    Every table is computed when it is first asked for, kept in the engine, and shared by the
    others: the lines are read once. The engine's tables go when this object and the tables it gave
    out are gone. The lines must not change in between.

    Parameters
    ----------
    transactions
        One row is a purchase line: ``customer``, ``date`` (DATE), ``revenue`` and, where there is one,
        ``margin`` (DECIMAL or integer); ``order`` where orders are counted. Other columns are ignored.
    period
        The length of a period; periods are those of the calendar.
    occasion
        What counts as one purchase: a ``"line"``, all lines of a customer on one ``"day"``, or an
        ``"order"``, dated by its first line.
    money
        The amounts to add up; one that the table lacks is an error, and without any it is those it has.
        Each is a second or so of work in a hundred million lines.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a customer, a date or an amount is missing, or money is not exact.
    OptionError
        If the period or the occasion is not among the allowed ones.

    Examples
    --------
    >>> from decimal import Decimal
    >>> lines = ibis.memtable(
    ...     [("a", date(2023, 3, 1), Decimal("9.9000")), ("a", date(2024, 5, 2), Decimal("0.1000"))],
    ...     schema={"customer": "string", "date": "date", "revenue": "decimal(18, 4)"},
    ... )
    >>> counts = PurchaseCounts(lines)
    >>> counts.rfm(as_of=date(2024, 5, 12)).drop("first", "last").to_pyarrow().to_pylist()
    [{'customer': 'a', 'recency_days': 10, 'frequency': 2, 'revenue': Decimal('10.0000')}]
    """

    def __init__(
        self,
        transactions: ir.Table,
        *,
        period: Period = "year",
        occasion: Occasion = "line",
        money: Collection[Money] | None = None,
    ) -> None:
        if period not in get_args(Period):
            raise OptionError(one_of(period, get_args(Period), what="period"))
        self.period: Period = period
        self._purchases = purchases(transactions, occasion=occasion, money=money)
        self._transitions: dict[tuple[tuple[str, int], ...], ir.Table] = {}

    @cached_property
    def span(self) -> tuple[date, date]:
        """The days of the first and of the last purchase; the periods they lie in may be cut off."""
        row = self._totals.aggregate(first=_["first"].min(), last=_["last"].max())
        (found,) = rows(row)
        if found["first"] is None:
            raise DataError("the transactions hold no purchase; nothing can be counted")
        return found["first"], found["last"]

    def customer_period(self) -> ir.Table:
        """Count purchases and add up money by customer and calendar period.

        Returns
        -------
        ir.Table
            One row is a customer in a period with a purchase: ``customer``, ``period`` (its first
            day), ``n`` [purchases], ``revenue`` and ``margin`` [exact], ``first`` and ``last`` [days].
        """
        return self._dated(self._customer_period, "period")

    def rfm(self, *, as_of: date) -> ir.Table:
        """Count recency, frequency and money of every customer, as seen at the end of a day.

        Parameters
        ----------
        as_of
            The last day that counts; later purchases are left out.

        Returns
        -------
        ir.Table
            One row is a customer: ``customer``, ``recency_days`` [whole days from the last purchase to
            ``as_of``], ``frequency`` [purchases], ``revenue`` and ``margin``, ``first`` and ``last``.
        """
        totals = self._totals
        if as_of < self.span[1]:
            seen = self._purchases.filter(_["date"] <= as_of)
            totals = seen.group_by("customer").aggregate(**_sums(seen)).cache()
        return totals.select(
            "customer",
            recency_days=days_between(totals["last"], ibis.literal(as_of)),
            frequency="n",
            **{name: name for name in (*MONEY, "first", "last") if name in totals.columns},
        )

    def cohort_retention(self) -> ir.Table:
        """Count how many customers of each first period bought again in every later one.

        Returns
        -------
        ir.Table
            One row is a cohort in a period, up to the period of the last purchase: ``cohort`` and
            ``period`` [first days], ``age`` [periods since the first], ``n_cohort``, ``n_customers``
            [those who bought; 0 where nobody did].
        """
        return self._cohort_retention.order_by("cohort", "period")

    def transitions(self, *, tiers: Mapping[str, int] = DEFAULT_TIERS) -> ir.Table:
        """Count how customers moved between loyalty tiers from each period to the next.

        A customer belongs to it from the period of the first purchase; tier ``"no purchase"`` is a customer
        already won who bought nothing in the period. Who is won in the next period is not counted.
        The last period may be cut off by the end of the data (see :attr:`span`), and then its
        defection is arithmetic.

        Parameters
        ----------
        tiers
            Name of each tier → its smallest number of purchases in a period, ascending from 1.

        Returns
        -------
        ir.Table
            One row is a move: ``period`` and ``next_period`` [first days], ``tier``, ``next_tier``,
            ``n_customers``; moves that nobody made are left out.

        Raises
        ------
        OptionError
            If the tiers do not ascend from 1, or one is called ``"no purchase"``.
        """
        check_tiers(tiers)
        key = tuple(tiers.items())
        if key not in self._transitions:
            moves = (
                self._moves.group_by(
                    period=_["period"], tier=_tier(_["n"], tiers), next_tier=_tier(_["n_next"], tiers)
                )
                .aggregate(n_customers=_["n_customers"].sum())
                .mutate(next_period=_["period"] + 1)
                .select("period", "next_period", "tier", "next_tier", "n_customers")
            )
            self._transitions[key] = self._dated(moves, "period", "next_period").cache()
        return self._transitions[key].order_by("period", "tier", "next_tier")

    @cached_property
    def _customer_period(self) -> ir.Table:
        """The one table that reads the lines; a period is a whole number, which groups fast."""
        keyed = self._purchases.mutate(period=_period_number(self._purchases["date"], self.period))
        return keyed.group_by("customer", "period").aggregate(**_sums(keyed)).cache()

    @cached_property
    def _totals(self) -> ir.Table:
        """One row a customer, from the customer-periods instead of the lines."""
        counted = self._customer_period
        money = {name: counted[name].sum() for name in MONEY if name in counted.columns}
        return (
            counted.group_by("customer")
            .aggregate(n=_["n"].sum(), **money, first=_["first"].min(), last=_["last"].max())
            .cache()
        )

    @cached_property
    def _cohort_retention(self) -> ir.Table:
        active = self._steps.group_by("cohort", "period").aggregate(n_customers=_["n_customers"].sum())
        every = self._every_period(through_last=True)
        table = every.left_join(active, ["cohort", "period"]).select(
            every["cohort"],
            every["period"],
            age=every["period"] - every["cohort"],
            n_cohort=every["n_cohort"],
            n_customers=ibis.coalesce(active["n_customers"], 0),
        )
        return self._dated(table, "cohort", "period").cache()

    @cached_property
    def _steps(self) -> ir.Table:
        """(cohort, period, purchases, purchases in the next period) → customers who bought in the period."""
        now, total = self._customer_period, self._totals
        then = self._customer_period.select(next_customer="customer", before=_["period"] - 1, n_next="n")
        return (
            now.select("customer", "period", "n")
            .join(total.select("customer", "first"), "customer")
            .left_join(then, [("customer", "next_customer"), ("period", "before")])
            .group_by(
                cohort=_period_number(_["first"], self.period),
                period=_["period"],
                n=_["n"],
                n_next=ibis.coalesce(_["n_next"], 0),
            )
            .aggregate(n_customers=_.count())
            .cache()
        )

    @cached_property
    def _moves(self) -> ir.Table:
        """The steps between two observed periods, those from and to no purchase at all included.

        Of a cohort of N, A bought in a period, B in the next one, and C in both. Then B - C came back and
        N - A - B + C stayed away: each step is entered with its sign, and the cells are added up.
        """
        bought = self._steps.filter(_["period"] < self._last_number)
        # shifted back by one: as seen from the period before
        bought_next = self._steps.filter(_["period"] > _["cohort"]).mutate(
            period=_["period"] - 1, n_next=_["n"]
        )
        both = bought.filter(_["n_next"] > 0)
        cohort_size = self._every_period(through_last=False).select(
            "cohort", "period", n_customers="n_cohort"
        )
        zero = ibis.literal(0, "int64")
        entries = [
            bought,
            _entered(bought, sign=-1, n_next=zero),
            _entered(bought_next, sign=1, n_next=_["n_next"]),
            _entered(bought_next, sign=-1, n_next=zero),
            _entered(both, sign=-1, n_next=_["n_next"]),
            _entered(both, sign=1, n_next=zero),
            _entered(cohort_size, sign=1, n_next=zero),
        ]
        return (
            ibis.union(*(e.select("cohort", "period", "n", "n_next", "n_customers") for e in entries))
            .group_by("cohort", "period", "n", "n_next")
            .aggregate(n_customers=_["n_customers"].sum())
            .filter(_["n_customers"] != 0)
            .cache()
        )

    @cached_property
    def _last_number(self) -> int:
        last = self.span[1]
        a_year = _PERIODS_A_YEAR[self.period]
        return last.year * a_year + (last.month - 1) * a_year // 12

    def _dated(self, table: ir.Table, *columns: str) -> ir.Table:
        """Return the table with numbers of periods replaced by their first days."""
        a_year = _PERIODS_A_YEAR[self.period]
        first_days = {}
        for name in columns:
            number = table[name]
            month = number % a_year * (12 // a_year) + 1
            first_days[name] = ibis.date(number // a_year, month, 1)
        return table.mutate(**first_days)

    def _every_period(self, *, through_last: bool) -> ir.Table:
        """Return a row for each cohort and each period since, whether somebody bought or not."""
        end = self._last_number + int(through_last)
        sizes = (
            self._steps.filter(_["period"] == _["cohort"])
            .group_by("cohort")
            .aggregate(n_cohort=_["n_customers"].sum())
        )
        return sizes.mutate(period=ibis.range(sizes["cohort"], end).unnest())


def _sums(table: ir.Table) -> dict[str, Any]:
    """Return what is counted and added up in any group of purchases."""
    money: dict[str, Any] = {name: table[name].sum() for name in MONEY if name in table.columns}
    return {"n": table.count(), **money, "first": table["date"].min(), "last": table["date"].max()}


def _entered(table: ir.Table, *, sign: int, n_next: Any) -> ir.Table:
    """Return steps as entries from no purchase to ``n_next``, to be added or taken away."""
    return table.mutate(n=ibis.literal(0, "int64"), n_next=n_next, n_customers=sign * _["n_customers"])


def _period_number(day: Any, period: Period) -> Any:
    """Return the number of the calendar period a day lies in, counted from the year 0."""
    year = day.year().cast("int64")
    match period:
        case "month":
            return year * 12 + day.month() - 1
        case "quarter":
            return year * 4 + day.quarter() - 1
        case "half_year":
            return year * 2 + (day.month() > 6).cast("int64")
        case "year":
            return year


def _tier(purchases: Any, tiers: Mapping[str, int]) -> Any:
    """Return the name of the highest tier that a number of purchases reaches."""
    highest_first = [(purchases >= smallest, name) for name, smallest in reversed(list(tiers.items()))]
    return ibis.cases(*highest_first, else_=NO_PURCHASE)

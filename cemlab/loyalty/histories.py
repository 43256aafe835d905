"""What customers bought in a base period and in the next one: the counts that this analysis rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from cemlab.data import counts
from cemlab.data.tiers import NO_PURCHASE, check_tiers
from cemlab.errors import ColumnError, DesignError, OptionError, one_of
from cemlab.evidence import Check

if TYPE_CHECKING:
    import ibis.expr.types as ir

Who = Literal["buyers", "newcomers"]
Period = tuple[date, date]


@dataclass(frozen=True, eq=False, kw_only=True)
class BuyingHistories:
    """Customers counted by what they bought in a base period and in the next one.

    Parameters
    ----------
    table
        One row a history: n_base (purchase days in the base period, at least 1), exposure (days of the base
        period in which a repeat purchase could have been seen), recency (days from first to last purchase,
        newcomers only), n_next (purchase days in the next period), n_customers.
    who
        ``"buyers"``: everyone who bought in the base period; ``"newcomers"``: those whose first purchase of
        all fell into it.
    base, follow_up
        First and last day of the two periods, both included.
    n_given
        Customers who bought in the base period.
    seen
        First and last day with a purchase by anybody in the data.
    returns
        Lines with negative revenue in the data, which are no purchases and were not counted.
    simulated
        Whether the next period was drawn and not observed.
    source
        The line that stands under every figure.
    """

    table: pd.DataFrame
    who: Who
    base: Period
    follow_up: Period
    n_given: int
    seen: Period | None = None
    returns: int = 0
    simulated: bool = False
    source: str = ""

    @property
    def n_used(self) -> int:
        """Customers in the table."""
        return int(self.table["n_customers"].sum())

    @property
    def next_days(self) -> int:
        """Length of the next period in days."""
        return (self.follow_up[1] - self.follow_up[0]).days + 1

    @property
    def design(self) -> str:
        """The comparison in one sentence."""
        whom = "Customers who bought" if self.who == "buyers" else "Customers who first bought"
        told = f" {self.returns:,} lines with negative revenue are returns, not purchases."
        return (
            f"{whom} from {self.base[0]} to {self.base[1]}, followed from {self.follow_up[0]} to "
            f"{self.follow_up[1]}; a purchase is a day with at least one.{told if self.returns else ''}"
        )

    def coverage(self) -> tuple[Check, ...]:
        """Check that the data cover both periods: what nobody recorded looks like silence."""
        if self.seen is None:
            return ()
        before, after = (self.seen[0] - self.base[0]).days, (self.follow_up[1] - self.seen[1]).days
        # a shop need not sell something every day
        slack = max(7, self.next_days // 26)
        return (
            Check(
                name="periods inside the data",
                null="purchases were recorded from the first day of the base period to the last of the next",
                passed=max(before, after) <= slack,
                detail=f"The data run from {self.seen[0]} to {self.seen[1]}.",
                remedy="Choose periods inside it: days without records count as silence here.",
            ),
        )

    def by_tier(self, tiers: Mapping[str, int]) -> pd.DataFrame:
        """Return the table with the tiers of both periods.

        Parameters
        ----------
        tiers
            Fewest purchases of each tier, ascending, the lowest 1, e.g. ``{"light": 1, "loyal": 7}``.

        Returns
        -------
        pandas.DataFrame
            The table and the columns tier and next_tier.

        Raises
        ------
        OptionError
            If the tiers do not ascend from 1.
        """
        names, fewest = check_tiers(tiers)
        n_base, n_next = self.table["n_base"].to_numpy(), self.table["n_next"].to_numpy()
        edges = np.asarray(fewest)
        labels = np.asarray([NO_PURCHASE, *names], dtype=object)
        return self.table.assign(
            tier=labels[np.searchsorted(edges, n_base, side="right")],
            next_tier=labels[np.searchsorted(edges, n_next, side="right")],
        )


def last_purchase(transactions: ir.Table) -> date:
    """Return the last day on which anybody bought.

    Parameters
    ----------
    transactions
        One row a purchase line: date, revenue.

    Raises
    ------
    DesignError
        If there is no purchase.
    """
    seen, _ = _seen(transactions)
    if seen is None:
        raise DesignError("the transactions hold no purchase, so there are no periods to compare")
    return seen[1]


def two_periods(*, until: date, days: int) -> tuple[Period, Period]:
    """Return the two last periods of equal length, one right after the other.

    Parameters
    ----------
    until
        Last day of the second period.
    days
        Length of each period; the same season in both, or a whole year, compares best.

    Returns
    -------
    tuple
        First and last day of the base period, and of the next one.

    Raises
    ------
    OptionError
        If `days` is not positive.

    Examples
    --------
    >>> from datetime import date
    >>> base, follow_up = two_periods(until=date(1998, 6, 30), days=273)
    >>> print(*base, *follow_up)
    1997-01-01 1997-09-30 1997-10-01 1998-06-30
    """
    if days < 1:
        raise OptionError(f"days is {days}; a period has at least one day")
    middle = until - timedelta(days=days)
    return (middle - timedelta(days=days - 1), middle), (middle + timedelta(days=1), until)


def buying_histories(
    transactions: ir.Table, *, base: Period, follow_up: Period, who: Who = "buyers", source: str = ""
) -> BuyingHistories:
    """Count customers by their purchase days in a base period and in the next one.

    Parameters
    ----------
    transactions
        One row a purchase line: customer, date, revenue. Lines with negative revenue are returns: they are
        not counted, and their number is part of the design.
    base, follow_up
        First and last day of each period, both included; the follow-up begins on the day after the base ends.
    who
        ``"buyers"``: everyone who bought in the base period, in a market that was already running;
        ``"newcomers"``: customers whose first purchase of all fell into it, each counted from that day on.
        Newcomers who came on the last day of the base period are left out: nothing of them was seen yet.
    source
        The line that stands under every figure.

    Returns
    -------
    BuyingHistories
        A small table, however many customers there are.

    Raises
    ------
    OptionError
        If the periods are not two stretches of days, one right after the other, or `who` is unknown.
    DesignError
        If nobody bought in the base period.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab import Company, places
    >>> shop = Company.open(places.bundled("data") / "small")
    >>> histories = buying_histories(
    ...     shop.table("transactions"),
    ...     base=(date(2024, 1, 1), date(2024, 12, 31)),
    ...     follow_up=(date(2025, 1, 1), date(2025, 12, 31)),
    ... )
    >>> histories.who, histories.next_days
    ('buyers', 365)
    """
    if who not in get_args(Who):
        raise OptionError(one_of(who, get_args(Who), what="kind of customers"))
    if not base[0] <= base[1] < follow_up[0] <= follow_up[1] or follow_up[0] - base[1] != timedelta(days=1):
        raise OptionError(
            f"the base period is {base[0]} to {base[1]} and the next {follow_up[0]} to {follow_up[1]}; "
            "give two stretches of days, the next one beginning on the day after the base ends"
        )
    for name in ("customer", "date", "revenue"):
        if name not in transactions.columns:
            raise ColumnError(one_of(name, transactions.columns, what="column in the transactions"))
    bought = transactions.filter(transactions["revenue"].isnull() | (transactions["revenue"] >= 0))
    seen, returns = _seen(transactions)
    if seen is None or follow_up[0] > seen[1] or base[1] < seen[0]:
        there = f"run from {seen[0]} to {seen[1]}" if seen else "hold no purchase"
        raise DesignError(
            f"the data {there}, but the base period is {base[0]} to {base[1]} and the next "
            f"{follow_up[0]} to {follow_up[1]}; choose periods with purchases"
        )
    if who == "buyers":
        table, n_given = _buyers(bought, base, follow_up)
    else:
        table, n_given = _newcomers(bought, base, follow_up)
    if table.empty:
        came = "bought" if who == "buyers" else "came before the last day"
        raise DesignError(
            f"no customer {came} from {base[0]} to {base[1]}; choose a base period with purchases"
        )
    return BuyingHistories(
        table=table,
        who=who,
        base=base,
        follow_up=follow_up,
        n_given=n_given,
        seen=seen,
        returns=returns,
        source=source,
    )


def _seen(transactions: ir.Table) -> tuple[Period | None, int]:
    """Return the first and the last day with a purchase, and the number of lines that are returns."""
    days, returned = transactions["date"].cast("date"), transactions["revenue"] < 0
    counted = transactions.aggregate(
        first=days.min(where=~returned),
        last=days.max(where=~returned),
        returns=returned.sum().coalesce(0),
    )
    (row,) = counted.to_pyarrow().to_pylist()
    return (None if row["first"] is None else (row["first"], row["last"])), row["returns"]


def _buyers(transactions: ir.Table, base: Period, follow_up: Period) -> tuple[pd.DataFrame, int]:
    pairs = counts.purchase_pairs(transactions, base=base, follow_up=follow_up, occasion="day").to_pandas()
    table = pairs[["n_base", "n_next", "n_customers"]].assign(exposure=float((base[1] - base[0]).days + 1))
    return table, int(table["n_customers"].sum())


def _newcomers(transactions: ir.Table, base: Period, follow_up: Period) -> tuple[pd.DataFrame, int]:
    table = counts.repeat_purchases(
        transactions, until=base[1], time_unit_days=1, holdout_until=follow_up[1]
    ).to_pandas()
    came_in_base = table["age"] <= (base[1] - base[0]).days
    table = table[came_in_base]
    n_given = int(table["n_customers"].sum())
    table = table[table["age"] > 0].reset_index(drop=True)
    table = table.assign(n_base=table["frequency"] + 1, exposure=table["age"])
    table = table.rename(columns={"n_holdout": "n_next"})
    return table[["n_base", "exposure", "recency", "n_next", "n_customers"]], n_given

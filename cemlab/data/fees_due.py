"""Fees by lot, counted: whose fee was charged and whose waived, and who left by a cause one can act on.

A fee has a window in which its outcome is awaited. Only fees whose whole window lies inside the data are
counted, so that nobody is censored, and a share is a cumulative incidence: whoever moves away or dies within
the window did not leave by a controllable cause, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.engine import rows
from cemlab.data.save_rows import count_of, known_spells, with_outcome
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeesDue", "fees_due"]

_NEEDED = ("customer", "date", "amount", "charged")
# what is known of a customer before the lot
_OF_CUSTOMERS = ("type", "objective", "acquisition_channel", "region")


@dataclass(frozen=True, eq=False, kw_only=True)
class FeesDue:
    """Fees that fell due, counted by what was done with them.

    Parameters
    ----------
    table
        Two rows, waived and charged: ``charged`` [flag], ``n`` [customers], ``left`` [by a controllable cause
        within the window], ``other`` [by another cause within the window], ``amount`` [mean fee, currency].
    traits
        One row a trait and value: ``trait``, ``value`` [text], ``waived``, ``charged`` [customers].
    naive
        Two rows, those who never had a fee and those who were charged: ``charged`` [flag], ``n``, ``left``
        [by a controllable cause until the end of the data].
    window_days
        Days after the fee in which leaving counts.
    controllable, uncontrollable
        The causes that count as leaving, and those that are kept out.
    left_out
        Reason → rows of the table of fees that are not counted.
    first, last
        First and last day of a fee counted.
    currency, source
        Unit of money, and the line that stands under every figure.
    """

    table: pd.DataFrame
    traits: pd.DataFrame
    naive: pd.DataFrame
    window_days: int
    controllable: tuple[str, ...]
    uncontrollable: tuple[str, ...]
    left_out: Mapping[str, int]
    first: date
    last: date
    currency: str = ""
    source: str = ""

    @property
    def n_used(self) -> int:
        """Fees counted."""
        return int(self.table["n"].sum())

    @property
    def n_given(self) -> int:
        """Rows of the table of fees."""
        return self.n_used + sum(self.left_out.values())


def fees_due(
    fees: ir.Table,
    *,
    subscriptions: ir.Table,
    as_of: date,
    customers: ir.Table | None = None,
    window_days: int = 182,
    controllable: Sequence[str] = ("competitor", "price"),
    uncontrollable: Sequence[str] = ("moved", "deceased"),
    currency: str = "",
    source: str = "",
) -> FeesDue:
    """Count fees that fell due by whether they were charged, and who left in the months after.

    Parameters
    ----------
    fees
        One row a fee that fell due: ``customer``, ``date``, ``amount``, ``charged`` (yes, or no where it was
        waived), and ``kind`` where there are several. Of a customer with several fees the first counts.
    subscriptions
        Contracts: ``customer``, ``entry``, ``exit``, ``cause``, and ``plan`` where it is known.
    as_of
        Last day observed. Fees whose window reaches beyond it are left out.
    customers
        Further traits by which charged and waived are compared: ``type``, ``objective``,
        ``acquisition_channel``, ``region``, as far as they are there.
    window_days
        Days after the fee in which leaving counts.
    controllable, uncontrollable
        Causes of leaving that a fee can act on, and those it cannot; a cause in neither is refused.
    currency, source
        Unit of the amounts, and the line that stands under every figure.

    Returns
    -------
    FeesDue
        A few rows, however many customers there are.

    Raises
    ------
    ColumnError
        If a column is missing.
    OptionError
        If the window or a list of causes cannot be.
    DataError
        If a value is missing, an amount is below 0, a customer has two fees on a day, or a cause is declared
        in neither list.
    DesignError
        If no fee has its whole window in the data.
    """
    _check(fees, subscriptions, window_days, controllable, uncontrollable)
    told = _told(fees)
    spells = known_spells(subscriptions, as_of, (*controllable, *uncontrollable))
    first = told.filter(ibis.row_number().over(group_by="customer", order_by="date") == 0)
    met = with_outcome(first, spells, window_days, controllable)
    complete = met["date"] + ibis.interval(days=window_days) <= ibis.literal(as_of)
    usable = met.filter(complete).cache()
    counts = [count_of(table) for table in (told, first, met, usable)]
    if not counts[-1]:
        raise DesignError(
            f"fees: no fee has its {window_days} days of outcome inside the data, which end on {as_of}; "
            "wait, or give a shorter window_days"
        )
    span = rows(usable.aggregate(first=usable["date"].min(), last=usable["date"].max()))[0]
    return FeesDue(
        table=_arms(usable),
        traits=_traits(usable, subscriptions, customers),
        naive=_naive(told, spells, controllable),
        window_days=window_days,
        controllable=tuple(controllable),
        uncontrollable=tuple(uncontrollable),
        left_out={
            "had one before": counts[0] - counts[1],
            "no customer on that day": counts[1] - counts[2],
            "window beyond the data": counts[2] - counts[3],
        },
        first=span["first"],
        last=span["last"],
        currency=currency,
        source=source,
    )


def _check(
    fees: ir.Table,
    subscriptions: ir.Table,
    window_days: int,
    controllable: Sequence[str],
    uncontrollable: Sequence[str],
) -> None:
    needed = (
        ("fees", fees, _NEEDED),
        ("subscriptions", subscriptions, ("customer", "entry", "exit", "cause")),
    )
    for what, table, columns in needed:
        for column in columns:
            if column not in table.columns:
                raise ColumnError(f"{what}: {one_of(column, table.columns, what='column')}")
    if isinstance(window_days, bool) or not isinstance(window_days, int) or window_days < 1:
        raise OptionError(f"window_days is {window_days!r}; give a whole number from 1")
    for name, causes in (("controllable", controllable), ("uncontrollable", uncontrollable)):
        if isinstance(causes, str) or not all(isinstance(cause, str) for cause in causes):
            raise OptionError(f"{name} is {causes!r}; give a list of causes, e.g. ['price']")
    if not controllable or set(controllable) & set(uncontrollable):
        raise OptionError(
            f"controllable is {list(controllable)!r} and uncontrollable {list(uncontrollable)!r}; name one "
            "cause or more that a fee can act on, each in one list"
        )


def _told(fees: ir.Table) -> ir.Table:
    """Return the fees, or refuse them."""
    charged, amount = fees["charged"], fees["amount"]
    if not charged.type().is_boolean():
        raise DataError(f"fees, column 'charged': {charged.type()} is not yes or no; make it BOOLEAN")
    if not amount.type().is_numeric():
        raise DataError(f"fees, column 'amount': {amount.type()} is no amount; make it a number")
    kind = fees["kind"].cast("string") if "kind" in fees.columns else ibis.literal("fee")
    told = fees.select(
        "customer", date=known_before.day_of(fees, "date", "fees"), amount=amount, charged=charged, kind=kind
    ).cache()
    has = {f"has_{name}": told[name].count() for name in _NEEDED}
    found = rows(told.aggregate(n=told.count(), below=told.count(where=told["amount"] < 0), **has))[0]
    if not found["n"]:
        raise DesignError("fees: the table is empty, so nothing can be learned")
    for name in _NEEDED:
        missing = found["n"] - found[f"has_{name}"]
        if missing:
            raise DataError(
                f"fees, column {name!r}: missing in {missing:,} of {found['n']:,} rows; without it nobody "
                "can say who was charged what, and when"
            )
    if found["below"]:
        raise DataError(f"fees, column 'amount': below 0 in {found['below']:,} rows; give 0 or more")
    twice = count_of(told.group_by("customer", "date").aggregate(n=_.count()).filter(_["n"] > 1))
    if twice:
        raise DataError(f"fees: {twice:,} customers have two fees on one day; add them up into one row")
    return told


def _arms(usable: ir.Table) -> pd.DataFrame:
    counted: pd.DataFrame = (
        usable.group_by("charged")
        .aggregate(
            n=_.count(),
            left=_["left"].cast("int64").sum(),
            other=_["other"].cast("int64").sum(),
            amount=_["amount"].sum().cast("float64") / _.count(),
        )
        .order_by("charged")
        .to_pandas()
    )
    return counted


def _traits(usable: ir.Table, subscriptions: ir.Table, customers: ir.Table | None) -> pd.DataFrame:
    """Count charged and waived by every trait that is known before the lot."""
    import pandas as pd

    known = usable.mutate(month=_["date"].strftime("%Y-%m"), fee=_["amount"].cast("string"))
    names = ["month", "fee", "kind"]
    if "plan" in subscriptions.columns:
        plans = subscriptions.group_by("customer").aggregate(plan=_["plan"].cast("string").min())
        known, names = known.left_join(plans, "customer", rname="{name}_of_plan"), [*names, "plan"]
    if customers is not None:
        there = [name for name in _OF_CUSTOMERS if name in customers.columns]
        known = known.left_join(customers.select("customer", *there), "customer", rname="{name}_of_customer")
        names += there
    known = known.cache()
    frames = [_by(known, name) for name in names]
    return pd.concat(frames, ignore_index=True)


def _by(known: ir.Table, name: str) -> pd.DataFrame:
    value: Any = known[name].cast("string").fill_null("(blank)")
    counted: pd.DataFrame = (
        known.group_by(value=value)
        .aggregate(waived=(~_["charged"]).cast("int64").sum(), charged=_["charged"].cast("int64").sum())
        .order_by("value")
        .to_pandas()
    )
    counted.insert(0, "trait", name)
    return counted


def _naive(told: ir.Table, spells: ir.Table, controllable: Sequence[str]) -> pd.DataFrame:
    """Count payers and those who never had a fee, and who left until the end of the data."""
    each = told.group_by("customer").aggregate(paid=_["charged"].any())
    people = spells.group_by("customer").aggregate(
        left=_["cause"].isin(list(controllable)).fill_null(False).any()
    )
    both = people.left_join(each, "customer")
    kept = both.filter(both["paid"].isnull() | both["paid"])
    counted: pd.DataFrame = (
        kept.group_by(charged=kept["paid"].notnull())
        .aggregate(n=_.count(), left=_["left"].cast("int64").sum())
        .order_by("charged")
        .to_pandas()
    )
    return counted

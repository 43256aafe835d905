"""What was known of a customer on a day: the features by which campaigns are told apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.engine import rows
from cemlab.errors import ColumnError, DataError, OptionError, one_of

Feature = Literal["type", "objective", "region", "acquisition_channel", "plan", "purchases"]

#: What stands where nothing is known, and what rare values become.
MISSING, OTHER = "missing", "other"
#: Values of a feature that are kept apart; rarer ones become "other".
MOST_LEVELS = 12
#: Days before a campaign in which purchases are counted, and the fewest of them that the data must cover.
WINDOW, LEAST_COVERED = 365, 90

_PLAN_COLUMNS = ("customer", "plan", "entry", "exit")


@dataclass(frozen=True, eq=False, kw_only=True)
class Tables:
    """The tables that features are taken from, as far as a company has them."""

    customers: ir.Table
    subscriptions: ir.Table | None = None
    transactions: ir.Table | None = None


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Bands of purchases a year: `edges` are the upper ends of all but the last, each end included.

    Equal numbers always share a band, so that bands need not be equally large.
    """

    edges: tuple[float, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bands, the lowest first."""
        if not self.edges:
            return ("any",)
        inner = [f"over {a:g} to {b:g} a year" for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return (f"up to {self.edges[0]:g} a year", *inner, f"over {self.edges[-1]:g} a year")

    def of(self, rate: Any) -> Any:
        """Return the expression of a rate's band."""
        *lower, top = self.labels
        if not lower:
            return ibis.literal(top)
        return ibis.cases(
            *((rate <= edge, name) for edge, name in zip(self.edges, lower, strict=True)), else_=top
        )


def check_features(features: Sequence[str], tables: Tables) -> None:
    """Refuse features that are unknown, named twice, or lack their table or column.

    Raises
    ------
    OptionError
        If features are no list, one is not among those allowed, or its table was not given.
    ColumnError
        If a column is missing.
    """
    if isinstance(features, str):
        raise OptionError(f"features is {features!r} where a list is meant, e.g. ({features!r},)")
    if not features or len(set(features)) < len(features):
        raise OptionError(f"features are {list(features)!r}; name one or more, each once")
    needs: dict[str, tuple[str, ir.Table | None, tuple[str, ...]]] = {
        "plan": ("subscriptions", tables.subscriptions, _PLAN_COLUMNS),
        "purchases": ("transactions", tables.transactions, ("customer", "date", "revenue")),
    }
    for feature in features:
        if feature not in get_args(Feature):
            raise OptionError(one_of(feature, get_args(Feature), what="feature"))
        name, table, columns = needs.get(feature, ("customers", tables.customers, ("customer", feature)))
        if table is None:
            raise OptionError(
                f"the feature {feature!r} comes from {name}, which was not given; give {name}=… or leave "
                "the feature out"
            )
        for column in columns:
            if column not in table.columns:
                raise ColumnError(f"{name}: {one_of(column, table.columns, what='column')}")


def refuse_doubles(customers: ir.Table) -> None:
    """Refuse a table in which a customer stands twice, since nobody can say which row is right.

    Raises
    ------
    DataError
        If a customer stands twice.
    """
    who = customers["customer"]
    found = rows(customers.aggregate(n=who.count(), different=who.nunique()))[0]
    twice = found["n"] - found["different"]
    if twice:
        raise DataError(
            f"customers: {twice:,} rows are of a customer who stands there already; keep one each"
        )


def day_of(table: ir.Table, name: str, what: str) -> Any:
    """Return a column as DATE.

    Raises
    ------
    DataError
        If the column holds no dates.
    """
    kind = table[name].type()
    if not (kind.is_date() or (kind.is_timestamp() and kind.timezone is None)):
        raise DataError(f"{what}, column {name!r}: {kind} is not a date; cast it to DATE first")
    return table[name].cast("date")


def with_features(pairs: ir.Table, tables: Tables, features: Sequence[str]) -> ir.Table:
    """Attach what was known of each customer before each day; the day itself does not count.

    Parameters
    ----------
    pairs
        One row is a ``customer`` on a ``date``, each pair once.
    tables
        Where features come from.
    features
        Checked before.

    Returns
    -------
    ir.Table
        The pairs and one column a feature: texts, and for ``"purchases"`` the number a year [float; missing
        where the data cover fewer than 90 days before the date].
    """
    known = pairs
    own = [name for name in features if name not in ("plan", "purchases")]
    if own:
        texts = {name: tables.customers[name].cast("string") for name in own}
        people = tables.customers.select("customer", **texts).distinct(on="customer")
        known = known.left_join(people, "customer").drop("customer_right")
        known = known.mutate(**{name: known[name].fill_null(MISSING) for name in own})
    if "plan" in features and tables.subscriptions is not None:
        known = _with_plan(known, pairs, tables.subscriptions)
    if "purchases" in features and tables.transactions is not None:
        known = _with_purchases(known, pairs, tables.transactions)
    return known


def _with_plan(known: ir.Table, pairs: ir.Table, subscriptions: ir.Table) -> ir.Table:
    spells = subscriptions.select(
        "customer",
        plan=subscriptions["plan"].cast("string"),
        entry=day_of(subscriptions, "entry", "subscriptions"),
        exit=day_of(subscriptions, "exit", "subscriptions"),
    )
    met = pairs.join(spells, "customer")
    # as it stood the evening before: what began or ended on the day itself may be the campaign's doing
    then = met.filter((_["entry"] < _["date"]) & (_["exit"].isnull() | (_["exit"] >= _["date"])))
    plans = then.group_by("customer", "date").aggregate(plan=_["plan"].min())
    joined = known.left_join(plans, ["customer", "date"]).drop("customer_right", "date_right")
    return joined.mutate(plan=joined["plan"].fill_null(MISSING))


def _with_purchases(known: ir.Table, pairs: ir.Table, transactions: ir.Table) -> ir.Table:
    """Purchase days in the year before the date, as a number a year; the date itself does not count."""
    lines = transactions.select("customer", "revenue", day=day_of(transactions, "date", "transactions"))
    first = rows(lines.aggregate(first=lines["day"].min()))[0]["first"]
    # lines with negative revenue are returns
    days = lines.filter(_["revenue"].isnull() | (_["revenue"] >= 0)).select("customer", "day").distinct()
    met = pairs.join(days, "customer")
    before = met["date"].delta(met["day"], unit="day")
    counted = met.filter((before >= 1) & (before <= WINDOW)).group_by("customer", "date")
    bought = counted.aggregate(n_bought=_.count())
    joined = known.left_join(bought, ["customer", "date"]).drop("customer_right", "date_right")
    if first is None:
        return joined.mutate(purchases=ibis.null("float64")).drop("n_bought")
    covered = ibis.least(joined["date"].delta(ibis.literal(first), unit="day"), WINDOW)
    # to a tenth, so that the name of a band says exactly where it ends
    rate = (joined["n_bought"].fill_null(0) * float(WINDOW) / covered.nullif(0)).round(1)
    return joined.mutate(purchases=(covered >= LEAST_COVERED).ifelse(rate, ibis.null("float64"))).drop(
        "n_bought"
    )


def cut_bands(known: ir.Table, bands: int) -> Bands:
    """Return bands of purchases that are as equal in size as ties allow."""
    counted = known.filter(known["purchases"].notnull()).group_by("purchases").aggregate(n=_.count())
    found = sorted((row["purchases"], row["n"]) for row in rows(counted))
    if not found:
        return Bands(edges=())
    reached = list(itertools.accumulate(n for _value, n in found))
    edges = set()
    for band in range(1, bands):
        place = next(i for i, seen in enumerate(reached) if seen * bands >= reached[-1] * band)
        edges.add(found[place][0])
    return Bands(edges=tuple(sorted(edges - {found[-1][0]})))


def common_levels(known: ir.Table, features: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the most frequent values of each feature, in alphabetical order."""
    levels = {}
    for name in features:
        counted = rows(known.group_by(level=known[name]).aggregate(n=_.count()))
        top = sorted(counted, key=lambda row: (-row["n"], row["level"]))[:MOST_LEVELS]
        levels[name] = tuple(sorted(row["level"] for row in top))
    return levels


def rare_as_other(known: ir.Table, levels: dict[str, tuple[str, ...]]) -> ir.Table:
    """Return the table with values that are not among the levels called "other"."""
    return known.mutate(
        **{
            name: known[name].isin(allowed).ifelse(known[name], ibis.literal(OTHER))
            for name, allowed in levels.items()
        }
    )

"""Campaigns by lot, counted: who was treated and who responded, by what was known beforehand.

The rows of a campaign table become cells on the engine, so that the time of every estimate depends on
the number of cells and not on that of the customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Integral
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.campaign_features import Bands, Feature, Tables
from cemlab.data.engine import rows
from cemlab.data.folds import fold_of
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CampaignCells", "Feature", "Population", "campaign_cells", "population_cells"]

_COLUMNS = ("customer", "date", "kind", "treated", "response")
_FEATURES: tuple[Feature, ...] = ("type", "objective", "plan", "purchases")


@dataclass(frozen=True, eq=False, kw_only=True)
class CampaignCells:
    """Participants of campaigns by lot, counted.

    Parameters
    ----------
    table
        One row a cell: ``kind``, one column a feature [text], ``treated`` [bool], ``fold`` [from 0],
        ``n`` and ``responses`` [customers in runs].
    features
        The features, all known on the day before the campaign.
    bands
        Bands of purchases; None where they are no feature.
    levels
        The values of each feature that are kept apart; all others are ``"other"``.
    folds, seed
        Number of folds, and what they were dealt with. All rows of a customer lie in one fold.
    given
        One row a kind and arm: ``kind``, ``treated``, ``n_runs`` [days], ``n_given``, ``n_no_response``
        [response not recorded], ``n_no_history`` [too few days of purchases before], ``n_used``.
    runs
        One row a run: ``kind``, ``date``, ``n`` and ``n_treated`` [of those in the cells]; None if the runs
        are not known.
    first, last
        First and last day of a campaign.
    source
        The line that stands under every figure.
    """

    table: pd.DataFrame
    features: tuple[str, ...]
    bands: Bands | None
    levels: Mapping[str, tuple[str, ...]]
    folds: int
    seed: int
    given: pd.DataFrame
    first: date
    last: date
    runs: pd.DataFrame | None = None
    source: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """The customers for whom a strategy is chosen, counted by the same features.

    Parameters
    ----------
    table
        One row a cell: one column a feature, ``n_customers``.
    customers
        On the engine, one row a customer: ``customer`` and the features.
    as_of
        The day of which the features are.
    n_given
        Customers in the table of customers, whether active and with consent or not.
    """

    table: pd.DataFrame
    customers: ir.Table
    as_of: date
    n_given: int

    @property
    def n_customers(self) -> int:
        """Customers in the cells."""
        return int(self.table["n_customers"].sum())


def campaign_cells(
    campaigns: ir.Table,
    *,
    customers: ir.Table,
    subscriptions: ir.Table | None = None,
    transactions: ir.Table | None = None,
    features: Sequence[Feature] = _FEATURES,
    bands: int = 3,
    folds: int = 5,
    seed: int = 0,
    source: str = "",
) -> CampaignCells:
    """Count participants and responses of campaigns by what was known before each.

    Parameters
    ----------
    campaigns
        One row is a customer in a run of a campaign: ``customer``, ``date``, ``kind``, ``treated`` [by
        lot], ``response``. Kinds of which no response was ever recorded are left out.
    customers, subscriptions, transactions
        Where features come from; the last two only where a feature needs them.
    features
        ``"type"``, ``"objective"``, ``"region"``, ``"acquisition_channel"``: as the table of customers
        has them; ``"plan"``: of the contract in force on the evening before; ``"purchases"``: purchase days
        in the 365 days before, a year's worth where the data begin later, in bands. Nothing bought on the day
        itself or later counts.
    bands
        Bands of purchases, as equal in size as ties allow.
    folds
        Parts into which customers are dealt, 2 or more; all rows of a customer stay together.
    seed
        Deals them otherwise; the same seed deals the same on every engine.
    source
        The line that stands under every figure.

    Returns
    -------
    CampaignCells
        A small table, however many customers there are.

    Raises
    ------
    ColumnError
        If a column is missing.
    OptionError
        If features are no list, a feature is unknown or lacks its table, or folds or bands are no whole
        number or too few.
    DataError
        If a value is missing, ``treated`` or ``response`` is not yes or no, or a customer stands twice in one
        run or in the table of customers.
    DesignError
        If no campaign has a recorded response.

    Notes
    -----
    That type, objective, region and acquisition channel were the same on the day of the campaign as they
    stand in the table of customers is assumed.
    """
    _check_options(campaigns, bands, folds)
    tables = Tables(customers=customers, subscriptions=subscriptions, transactions=transactions)
    known_before.check_features(features, tables)
    known_before.refuse_doubles(customers)
    told = campaigns.select(
        "customer",
        "kind",
        date=known_before.day_of(campaigns, "date", "campaigns"),
        treated=_yes_or_no(campaigns, "treated"),
        response=_yes_or_no(campaigns, "response"),
    )
    _refuse_blanks(told)
    kinds = _kinds_with_response(told)
    told = told.filter(_["kind"].isin(kinds)).cache()
    _refuse_twice(told)
    pairs = told.select("customer", "date").distinct()
    known = known_before.with_features(pairs, tables, features).cache()
    cut = known_before.cut_bands(known, bands) if "purchases" in features else None
    known = _banded(known, cut)
    levels = known_before.common_levels(known, features)
    known = known_before.rare_as_other(known, levels)
    joined = told.join(known, ["customer", "date"])
    usable = joined["response"].notnull()
    if cut is not None:
        usable = usable & (joined["purchases"] != known_before.MISSING)
    cells = (
        joined.filter(usable)
        .mutate(fold=fold_of(_["customer"], folds, seed))
        .group_by("kind", *features, "treated", "fold")
        .aggregate(n=_.count(), responses=_["response"].cast("int64").sum())
        .order_by("kind", *features, "treated", "fold")
    )
    span = rows(told.aggregate(first=told["date"].min(), last=told["date"].max()))[0]
    return CampaignCells(
        table=cells.to_pandas(),
        features=tuple(features),
        bands=cut,
        levels=levels,
        folds=folds,
        seed=seed,
        given=_given(joined, usable),
        runs=_runs(joined.filter(usable)),
        first=span["first"],
        last=span["last"],
        source=source,
    )


def population_cells(
    cells: CampaignCells,
    *,
    customers: ir.Table,
    subscriptions: ir.Table | None = None,
    transactions: ir.Table | None = None,
    as_of: date,
) -> Population:
    """Count those for whom a strategy is chosen, by the features of the campaigns.

    They are the customers with consent, where it is recorded, who have a contract in force, where there
    are contracts.

    Parameters
    ----------
    cells
        From :func:`campaign_cells`: the features, bands and levels to use.
    customers, subscriptions, transactions
        As they stand at `as_of`; subscriptions as for the campaigns, and to tell who is active.
    as_of
        The day on which strategies are chosen: who is active then, and what was known before it.

    Returns
    -------
    Population
        The cells, and on the engine the list of customers with their features.

    Raises
    ------
    ColumnError, OptionError, DataError
        As :func:`campaign_cells`, and if `as_of` is no day.
    DesignError
        If nobody is active with consent at `as_of`.
    """
    as_of = _day(as_of)
    tables = Tables(customers=customers, subscriptions=subscriptions, transactions=transactions)
    known_before.check_features(cells.features, tables)
    known_before.refuse_doubles(customers)
    people = customers.select("customer", *(["consent"] if "consent" in customers.columns else []))
    n_given = int(people.count().to_pyarrow().as_py())
    if "consent" in people.columns:
        people = people.filter(people["consent"].cast("boolean"))
    if subscriptions is not None:
        begun = known_before.day_of(subscriptions, "entry", "subscriptions") <= as_of
        ended = known_before.day_of(subscriptions, "exit", "subscriptions") <= as_of
        active = subscriptions.filter(begun & ~ended.fill_null(False)).select("customer")
        people = people.semi_join(active, "customer")
    pairs = people.select("customer", date=ibis.literal(as_of)).distinct()
    known = _banded(known_before.with_features(pairs, tables, cells.features), cells.bands)
    known = known_before.rare_as_other(known, dict(cells.levels)).drop("date").cache()
    counted = known.group_by(*cells.features).aggregate(n_customers=_.count()).order_by(*cells.features)
    table = counted.to_pandas()
    if table.empty:
        raise DesignError(f"nobody is active with consent on {as_of}; choose a day inside the data")
    return Population(table=table, customers=known, as_of=as_of, n_given=n_given)


def _check_options(campaigns: ir.Table, bands: int, folds: int) -> None:
    for column in _COLUMNS:
        if column not in campaigns.columns:
            raise ColumnError(f"campaigns: {one_of(column, campaigns.columns, what='column')}")
    if not _is_whole(bands) or bands < 1:
        raise OptionError(f"bands is {bands!r}; give a whole number from 1, e.g. 3")
    if not _is_whole(folds) or not 2 <= folds <= 20:
        raise OptionError(
            f"folds is {folds!r}; give a whole number from 2 to 20, e.g. 5: what is learned on some is "
            "valued on others"
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _day(as_of: date) -> date:
    """Return the day, or refuse what is none: an engine would compare text with dates letter by letter."""
    if not isinstance(as_of, date) or as_of != as_of:  # what pandas has for no time is not itself
        raise OptionError(f"as_of is {as_of!r}; give a day, e.g. datetime.date(2025, 12, 31)")
    return as_of.date() if isinstance(as_of, datetime) else as_of


def _yes_or_no(campaigns: ir.Table, column: str) -> Any:
    """Return a column as BOOLEAN; of numbers only 0 and 1 are, for an amount of money is no yes."""
    value = campaigns[column]
    if not (value.type().is_boolean() or value.type().is_numeric() or value.type().is_null()):
        raise DataError(f"campaigns, column {column!r}: {value.type()} is not yes or no; make it BOOLEAN")
    if value.type().is_numeric():
        other = rows(campaigns.aggregate(n=campaigns.count(where=~value.isin([0, 1]))))[0]["n"]
        if other:
            raise DataError(
                f"campaigns, column {column!r}: {other:,} values are neither 0 nor 1; say yes or no"
            )
    return value.cast("boolean")


def _refuse_blanks(told: ir.Table) -> None:
    needed = ("customer", "date", "kind", "treated")
    found = rows(told.aggregate(n=told.count(), **{f"has_{c}": told[c].count() for c in needed}))[0]
    for column in needed:
        missing = found["n"] - found[f"has_{column}"]
        if missing:
            raise DataError(
                f"campaigns, column {column!r}: missing in {missing:,} of {found['n']:,} rows; leave them out"
            )


def _kinds_with_response(told: ir.Table) -> list[str]:
    counted = rows(told.group_by("kind").aggregate(n=told["response"].count()))
    kinds = sorted(row["kind"] for row in counted if row["n"])
    if not kinds:
        raise DesignError(
            "campaigns: no response was recorded for any kind of campaign, so nothing can be learned"
        )
    return kinds


def _refuse_twice(told: ir.Table) -> None:
    twice = told.group_by("kind", "date", "customer").aggregate(n=_.count()).filter(_["n"] > 1)
    found = rows(twice.aggregate(n=twice.count()))[0]["n"]
    if found:
        raise DataError(
            f"campaigns: {found:,} customers stand more than once in the same run (kind and date); keep one "
            "row each, since nobody can say which is right"
        )


def _banded(known: ir.Table, bands: Bands | None) -> ir.Table:
    if bands is None:
        return known
    rate = known["purchases"]
    return known.mutate(purchases=rate.isnull().ifelse(known_before.MISSING, bands.of(rate)))


def _given(joined: ir.Table, usable: Any) -> pd.DataFrame:
    """Count what was given and used, by kind and arm."""
    counted = joined.mutate(usable=usable).group_by("kind", "treated")
    frame: pd.DataFrame = (
        counted.aggregate(
            n_runs=_["date"].nunique(),
            n_given=_.count(),
            n_no_response=_["response"].isnull().cast("int64").sum(),
            n_no_history=(_["response"].notnull() & ~_["usable"]).cast("int64").sum(),
            n_used=_["usable"].cast("int64").sum(),
        )
        .order_by("kind", "treated")
        .to_pandas()
    )
    return frame


def _runs(used: ir.Table) -> pd.DataFrame:
    """Count participants and treated of each run."""
    frame: pd.DataFrame = (
        used.group_by("kind", "date")
        .aggregate(n=_.count(), n_treated=_["treated"].cast("int64").sum())
        .order_by("kind", "date")
        .to_pandas()
    )
    return frame

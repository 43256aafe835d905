"""Cues: what was known of a customer on the day before a save offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.campaign_features import MISSING, Feature, Tables
from cemlab.data.engine import rows
from cemlab.data.lines import days_between
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

Cue = Literal[
    "risk",
    "tenure",
    "plan",
    "channel",
    "asked",
    "type",
    "objective",
    "region",
    "acquisition_channel",
    "purchases",
]

#: Columns of the table of offers that are known only once the offer was made.
AFTERWARDS = ("treated", "offer", "response", "accepted", "cost", "left", "exit", "cause")
#: Cues from a table without dates: what it says may have been written after the offer.
UNDATED = ("type", "objective", "region", "acquisition_channel")
#: Columns of the counted table, and those that a cue is found by.
_TAKEN = ("customer", "date", "kind", "class", "fold", "n", "other", "entry", "class_of_risk", "cue_day")
#: The reason of a contact in which customers ask how to cancel.
ASKS = "cancellation enquiry"

_CHANNEL_DAYS, _ASKED_DAYS = 30, 60  # before the offer in which a contact is a cue
_TENURES = ((365, "under a year"), (3 * 365, "1 to 3 years"))
_LONG, _NO_CONTACT = "over 3 years", "no contact"


@dataclass(frozen=True, eq=False, kw_only=True)
class CueTables:
    """The tables that cues are taken from, as far as a company has them."""

    customers: ir.Table | None
    subscriptions: ir.Table
    transactions: ir.Table | None
    contacts: ir.Table | None
    own: ir.Table | None


def check_cues(cues: Sequence[str], tables: CueTables) -> None:
    """Refuse cues that are unknown, named twice, lack their table, or are known only after the offer.

    Raises
    ------
    OptionError, ColumnError, DesignError
        With what is allowed.
    """
    if isinstance(cues, str) or not isinstance(cues, Sequence):
        raise OptionError(f"cues is {cues!r}; give a list of cues, e.g. ('risk', 'plan')")
    if not cues or len(set(cues)) < len(cues):
        raise OptionError(f"cues are {list(cues)!r}; name one or more, each once")
    for cue in cues:
        if cue in AFTERWARDS:
            raise OptionError(
                f"the cue {cue!r} is known only after the offer; a rule can use what is known before it"
            )
        if cue in _TAKEN:
            raise OptionError(f"a cue cannot be called {cue!r}, a name that the counts need; rename it")
        if tables.own is not None and cue in tables.own.columns:
            if cue in get_args(Cue):
                raise OptionError(
                    f"own_cues: {cue!r} is the name of a built-in cue; rename the column, or drop it to use "
                    "the built-in one"
                )
            if "date" not in tables.own.columns or "customer" not in tables.own.columns:
                raise DesignError(
                    f"own_cues: the cue {cue!r} has no column 'customer' or 'date'; a cue needs the day on "
                    "which it was known, or nobody can say that it came before the offer"
                )
        elif cue not in get_args(Cue):
            raise OptionError(one_of(cue, get_args(Cue), what="cue"))
        elif cue in ("channel", "asked"):
            _need(tables.contacts, "contacts", cue, ("customer", "time", "channel", "reason"))
        elif cue in get_args(Feature):
            features = _features([cue])
            source = tables.subscriptions if cue == "plan" else tables.customers
            _need(source, "subscriptions" if cue == "plan" else "customers", cue, ("customer",))
            known_before.check_features(features, _tables(tables))
    if any(cue in get_args(Feature) and cue not in ("plan", "purchases") for cue in cues):
        assert tables.customers is not None  # refused above
        known_before.refuse_doubles(tables.customers)


def _need(table: ir.Table | None, name: str, cue: str, columns: Sequence[str]) -> None:
    if table is None:
        raise OptionError(
            f"the cue {cue!r} comes from {name}, which was not given; give {name}=… or leave it out"
        )
    for column in columns:
        if column not in table.columns:
            raise ColumnError(f"{name}: {one_of(column, table.columns, what='column')}")


def _features(cues: Sequence[str]) -> list[str]:
    return [cue for cue in cues if cue in get_args(Feature)]


def _tables(tables: CueTables) -> Tables:
    # a plan needs no table of customers, and the other features were refused without one
    people = tables.subscriptions if tables.customers is None else tables.customers
    return Tables(customers=people, subscriptions=tables.subscriptions, transactions=tables.transactions)


def with_cues(offers: ir.Table, tables: CueTables, cues: Sequence[str]) -> ir.Table:
    """Attach the cues to offers; what is dated on the day of the offer, or later, is no cue.

    Parameters
    ----------
    offers
        One row a customer: ``customer``, ``date``, ``risk``, ``entry`` of the contract in force, outcomes.
    tables, cues
        As checked.

    Returns
    -------
    ir.Table
        The offers with ``class_of_risk`` and one column a cue [text; purchases as a number].
    """
    own = [cue for cue in cues if tables.own is not None and cue in tables.own.columns]
    built_in = [cue for cue in cues if cue not in own]
    known = offers.mutate(class_of_risk=offers["risk"])
    if "risk" not in built_in:
        known = known.drop("risk")
    if "tenure" in built_in:
        days = days_between(known["entry"], known["date"])
        bands = [(days < edge, name) for edge, name in _TENURES]
        known = known.mutate(tenure=ibis.cases(*bands, else_=_LONG))
    features = _features(built_in)
    if features:
        pairs = offers.select("customer", "date")
        found = known_before.with_features(pairs, _tables(tables), features)
        known = known.join(found, ["customer", "date"])
    if tables.contacts is not None and {"channel", "asked"} & set(built_in):
        known = _with_contacts(known, offers, tables.contacts, built_in)
    return _with_own(known, tables.own, own) if tables.own is not None and own else known


def _with_contacts(known: ir.Table, offers: ir.Table, contacts: ir.Table, cues: Sequence[str]) -> ir.Table:
    moments = contacts.select("customer", "time", "channel", "reason")
    met = offers.select("customer", "date").join(moments, "customer")
    ago = days_between(met["time"].cast("date"), met["date"])
    met = met.mutate(ago=ago).filter((_["ago"] >= 1) & (_["ago"] <= max(_CHANNEL_DAYS, _ASKED_DAYS)))
    lately = met["ago"] <= _CHANNEL_DAYS
    found = met.group_by("customer").aggregate(
        channel=met["channel"].cast("string").argmax(met["time"], where=lately),
        asked=((met["reason"] == ASKS) & (met["ago"] <= _ASKED_DAYS)).any(),
    )
    joined = known.left_join(found, "customer").drop("customer_right")
    texts: dict[str, Any] = {
        "channel": joined["channel"].fill_null(_NO_CONTACT),
        "asked": ibis.ifelse(joined["asked"].fill_null(False), "asked", "did not ask"),
    }
    unwanted = [name for name in texts if name not in cues]
    return joined.mutate(**texts).drop(*unwanted) if unwanted else joined.mutate(**texts)


def _with_own(known: ir.Table, own: ir.Table, cues: Sequence[str]) -> ir.Table:
    """Attach the user's own cues, each dated before its offer."""
    cue_day = known_before.day_of(own, "date", "own_cues")
    dated = own.select("customer", cue_day=cue_day, **{cue: own[cue].cast("string") for cue in cues})
    counted = dated.aggregate(
        n=dated.count(), dated=dated["cue_day"].count(), people=dated["customer"].nunique()
    )
    found = rows(counted)[0]
    if found["dated"] < found["n"]:
        raise DataError(
            f"own_cues, column 'date': missing in {found['n'] - found['dated']:,} of {found['n']:,} rows; a "
            "cue needs the day on which it was known"
        )
    if found["people"] < found["n"]:
        raise DataError(
            f"own_cues: {found['n'] - found['people']:,} rows are of a customer there already; keep one each"
        )
    joined = known.left_join(dated, "customer").drop("customer_right")
    late = rows(joined.aggregate(n=joined.count(where=_["cue_day"] >= _["date"])))[0]["n"]
    if late:
        raise DesignError(
            f"own_cues: {late:,} are dated on the day of their offer or later; what is known only then "
            "cannot decide who gets one"
        )
    return joined.mutate(**{cue: joined[cue].fill_null(MISSING) for cue in cues}).drop("cue_day")

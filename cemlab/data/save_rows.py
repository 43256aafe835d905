"""Rows of save offers as they are told: who got which, what one cost, and what became of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data import campaign_features as known_before
from cemlab.data.engine import rows
from cemlab.data.lines import days_between
from cemlab.errors import DataError, DesignError

#: The arm of those who were considered and got no offer, and that of the others where offers have no names.
NO_OFFER, OFFER = "none", "offer"


def told_offers(offers: ir.Table) -> ir.Table:
    """Return the offers under the names used here, or refuse them.

    Parameters
    ----------
    offers
        As given to :func:`cemlab.data.save_offers.save_offer_cells`.

    Returns
    -------
    ir.Table
        ``customer``, ``date``, ``risk``, ``treated``, ``offer``, ``accepted``, ``cost`` [missing throughout
        where no price is told].

    Raises
    ------
    DataError
        If a value is missing or contradicts another, or a customer stands twice on one day.
    DesignError
        If the table is empty.
    """
    flags = {name: _flag(offers, name) for name in ("treated", "response") if name in offers.columns}
    got = offers["offer"].cast("string") if "offer" in offers.columns else ibis.literal(OFFER)
    told = offers.select(
        "customer",
        date=known_before.day_of(offers, "date", "save offers"),
        risk=offers["kind"].cast("string"),
        treated=flags["treated"],
        named=got,
        offer=ibis.ifelse(flags["treated"], got, ibis.literal(NO_OFFER)),
        accepted=flags.get("response", ibis.literal(False)).fill_null(False),
        cost=_cost(offers),
    ).cache()
    needed = ("customer", "date", "risk", "treated", "offer")
    found = rows(told.aggregate(n=told.count(), **{f"has_{name}": told[name].count() for name in needed}))[0]
    if not found["n"]:
        raise DesignError("save offers: the table is empty, so nothing can be learned")
    for name in needed:
        missing = found["n"] - found[f"has_{name}"]
        if missing:
            column = {"risk": "kind"}.get(name, name)
            raise DataError(
                f"save offers, column {column!r}: missing in {missing:,} of {found['n']:,} rows; without it "
                "nobody can say who was offered what, and when"
            )
    _refuse_names_and_prices(told)
    twice = told.group_by("customer", "date").aggregate(n=_.count()).filter(_["n"] > 1)
    if count_of(twice):
        raise DataError(
            f"save offers: {count_of(twice):,} customers stand twice on one day; keep one row each"
        )
    return told.drop("named")


def _cost(offers: ir.Table) -> Any:
    if "cost" not in offers.columns or offers["cost"].type().is_null():
        return ibis.null("decimal(18,4)")
    if not offers["cost"].type().is_numeric():
        raise DataError(
            f"save offers, column 'cost': {offers['cost'].type()} is no amount; make it a number, or leave "
            "it out and state the price later"
        )
    kind = offers["cost"].type()
    return offers["cost"].nullif(float("nan")) if kind.is_floating() else offers["cost"]


def _refuse_names_and_prices(told: ir.Table) -> None:
    """Refuse offers made under the name of none or under no name, and prices that some offers lack."""
    sent = told["treated"]
    name = told["named"].strip().lower()
    found = rows(
        told.aggregate(
            sent=told.count(where=sent),
            none=told.count(where=sent & (name == NO_OFFER)),
            blank=told.count(where=sent & (name == "")),
            priced=told["cost"].count(where=sent),
            below=told.count(where=sent & (told["cost"] < 0)),
        )
    )[0]
    if found["none"] or found["blank"]:
        n, how = (found["none"], repr(NO_OFFER)) if found["none"] else (found["blank"], "blank")
        raise DataError(
            f"save offers, column 'offer': {how} in {n:,} rows with treated = yes; name the offer, or set "
            "treated to no where none was made"
        )
    if 0 < found["priced"] < found["sent"]:
        raise DataError(
            f"save offers, column 'cost': missing in {found['sent'] - found['priced']:,} of "
            f"{found['sent']:,} offers made; fill it in (0 where one was free), or leave the column out and "
            "state the price later"
        )
    if found["below"]:
        raise DataError(
            f"save offers, column 'cost': below 0 in {found['below']:,} offers made; give 0 or more"
        )


def _flag(table: ir.Table, column: str) -> Any:
    value = table[column]
    if value.type().is_numeric():
        other = rows(table.aggregate(n=table.count(where=~value.isin([0, 1]))))[0]["n"]
        if other:
            raise DataError(f"save offers, column {column!r}: {other:,} values are neither 0 nor 1")
    elif not (value.type().is_boolean() or value.type().is_null()):
        raise DataError(f"save offers, column {column!r}: {value.type()} is not yes or no; make it BOOLEAN")
    return value.cast("boolean")


def known_spells(subscriptions: ir.Table, as_of: date, declared: Sequence[str]) -> ir.Table:
    """Return contracts with ends as known at `as_of`, their causes held to those declared."""
    ends = known_before.day_of(subscriptions, "exit", "subscriptions")
    over = ends.notnull() & (ends <= as_of)
    spells = subscriptions.select(
        "customer",
        entry=known_before.day_of(subscriptions, "entry", "subscriptions"),
        exit=ibis.ifelse(over, ends, ibis.null("date")),
        cause=ibis.ifelse(
            over, subscriptions["cause"].cast("string").fill_null("(blank)"), ibis.null("string")
        ),
    )
    wrong = count_of(spells.filter(spells["exit"] < spells["entry"]))
    if wrong:
        raise DataError(
            f"subscriptions: {wrong:,} contracts end before they begin (exit before entry); correct the dates"
        )
    unknown = spells.filter(spells["cause"].notnull() & spells["cause"].notin(list(declared)))
    found = rows(unknown.group_by("cause").aggregate(n=_.count()).order_by("cause"))
    if found:
        named = ", ".join(f"{row['cause']!r} ({row['n']:,})" for row in found[:4])
        raise DataError(
            f"subscriptions, column 'cause': {named} is declared neither controllable nor uncontrollable; "
            "name it in one of the two"
        )
    return spells


def with_outcome(told: ir.Table, spells: ir.Table, window: int, controllable: Sequence[str]) -> ir.Table:
    """Attach the contract in force and what became of it; those without one are left out."""
    met = told.join(spells, "customer")
    met = met.filter((_["entry"] <= _["date"]) & (_["exit"].isnull() | (_["exit"] >= _["date"])))
    twice = met.group_by("customer").aggregate(n=_.count()).filter(_["n"] > 1)
    if count_of(twice):
        raise DataError(
            f"subscriptions: {count_of(twice):,} customers have two contracts in force on the day of the "
            "offer; say which one counts"
        )
    ended = (met["exit"].notnull() & (days_between(met["date"], met["exit"]) <= window)).fill_null(False)
    willing = met["cause"].isin(list(controllable)).fill_null(False)
    return met.mutate(left=ended & willing, other=ended & ~willing)


def crossovers(told: ir.Table, used: ir.Table, window: int) -> dict[str, int]:
    """Count by first arm who got another offer while the outcome of the first decision was awaited.

    Parameters
    ----------
    told
        All rows of offers.
    used
        First rows, as counted.
    window
        Days of outcome.
    """
    again = told.filter(told["treated"]).select("customer", later=told["date"], then=told["offer"])
    met = used.select("customer", "date", "offer").join(again, "customer")
    after = days_between(met["date"], met["later"])
    other = met.filter((after >= 1) & (after <= window) & (met["then"] != met["offer"]))
    found = rows(other.group_by("offer").aggregate(n=other["customer"].nunique()).order_by("offer"))
    return {str(row["offer"]): int(row["n"]) for row in found}


def count_of(table: ir.Table) -> int:
    """Return the number of rows."""
    return int(rows(table.aggregate(n=table.count()))[0]["n"])

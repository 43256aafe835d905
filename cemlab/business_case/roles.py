"""Roles: what the chain asks its ledger for, in which unit, within which range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from cemlab.business_case.entries import Entry
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.units import Kind, check_kind, check_range
from cemlab.errors import DesignError, OptionError, one_of

Role = Literal[
    "experience",
    "half time",
    "spill-over",
    "stay",
    "leaving",
    "other leaving",
    "experience on leaving",
    "experience on other leaving",
    "experience on purchases",
    "spend",
    "margin",
    "fee",
    "hours",
    "back-filling",
    "service pay",
    "handling time",
    "resolved gain",
    "resolved",
    "comes back",
    "capital",
]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a role asks for.

    Parameters
    ----------
    item
        The entry that is taken where no other is named.
    kind
        Its unit and range.
    required
        Whether there is no case without it; the others are left out of the chain where they are missing.
    link
        Whether it is a link of the chain, whose design decides what may be said; the others are prices,
        counts and rates that anybody can look up.
    """

    item: str
    kind: Kind
    required: bool = True
    link: bool = False


_SHARE = Kind(words=("share",), lowest=0, highest=1)
_MONTHLY = Kind(words=("share a month",), lowest=0, highest=1)
_RATIO = Kind(
    words=("hazard ratio per standard deviation", "log hazard ratio per standard deviation"),
    lowest=-5,
    highest=5,
)

ROLES: dict[Role, Asked] = {
    "experience": Asked(
        item="training → experience",
        kind=Kind(words=("standard deviations",), lowest=-5, highest=5),
        link=True,
    ),
    "half time": Asked(
        item="half of the change is there after", kind=Kind(words=("months",), lowest=0.01, highest=120)
    ),
    "spill-over": Asked(item="training → experience nearby", kind=_SHARE, required=False, link=True),
    "stay": Asked(
        item="months that a trained person stays", kind=Kind(words=("months",), lowest=0.5, highest=1200)
    ),
    "leaving": Asked(item="leaving for a competitor", kind=_MONTHLY),
    "other leaving": Asked(item="leaving for other reasons", kind=_MONTHLY, required=False),
    "experience on leaving": Asked(item="experience → leaving for a competitor", kind=_RATIO, link=True),
    "experience on other leaving": Asked(
        item="experience → leaving for other reasons", kind=_RATIO, required=False, link=True
    ),
    "experience on purchases": Asked(
        item="experience → purchases",
        kind=Kind(words=("log purchases per standard deviation",), lowest=-5, highest=5),
        link=True,
    ),
    "spend": Asked(
        item="spend of a customer", kind=Kind(words=("a customer and month",), money=True, lowest=0)
    ),
    "margin": Asked(item="margin of revenue", kind=Kind(words=("share",), lowest=-1, highest=1)),
    "fee": Asked(item="Course, fee and travel", kind=Kind(words=("a person",), money=True, lowest=0)),
    "hours": Asked(
        item="Hours away from the counter", kind=Kind(words=("hours a person",), lowest=0, highest=2000)
    ),
    "back-filling": Asked(item="Time covered by others", kind=Kind(words=("an hour",), money=True, lowest=0)),
    "service pay": Asked(
        item="pay for answering customers",
        kind=Kind(words=("a post and month",), money=True, lowest=0),
        required=False,
    ),
    "handling time": Asked(
        item="training → handling time",
        kind=Kind(words=("relative change",), lowest=-1, highest=5),
        required=False,
        link=True,
    ),
    "resolved gain": Asked(
        item="training → resolved at first contact",
        kind=Kind(words=("difference of shares",), lowest=-1, highest=1),
        required=False,
        link=True,
    ),
    "resolved": Asked(item="contacts resolved", kind=_SHARE, required=False),
    "comes back": Asked(item="unresolved contacts that come back", kind=_SHARE, required=False),
    "capital": Asked(item="Capital", kind=Kind(words=("share a year",), lowest=-0.99, highest=1)),
}

#: Together they say what training changes in the hours of service; with one of them missing, nothing is said.
SERVICE: tuple[Role, ...] = ("service pay", "handling time", "resolved gain", "resolved", "comes back")

_COUNT = {
    "persons": Kind(words=("persons", "posts"), lowest=0),
    "posts": Kind(words=("posts", "persons"), lowest=0.1),
    "customers": Kind(words=("customers",), lowest=0),
    "nearby": Kind(words=("customers",), lowest=0),
    "branches": Kind(words=("branches",), lowest=0),
}


def take(ledger: CaseLedger, roles: Mapping[Role, str]) -> dict[Role, str]:
    """Return the item of each role, each entry held to unit and range.

    Raises
    ------
    OptionError
        If there is no such role.
    ColumnError
        If a named entry is not in the ledger.
    DesignError
        If a required entry is missing, something else than the name of an entry is given, or a unit or a
        currency does not fit.
    DataError
        If an entry lies outside its range.
    """
    for role in roles:
        if role not in ROLES:
            raise OptionError(one_of(role, get_args(Role), what="role"))
    taken = {}
    for role, asked in ROLES.items():
        item = item_name(roles.get(role, asked.item), role)
        if item in ledger or role in roles:
            check_entry(ledger[item], asked.kind, role, ledger.currency)
            taken[role] = item
        elif asked.required:
            raise DesignError(
                f"the ledger has no entry for {role!r}; add one called {item!r} in "
                f"{asked.kind.example(ledger.currency)!r}, or name the entry that it is in roles="
            )
    if not all(role in taken for role in SERVICE):
        taken = {role: item for role, item in taken.items() if role not in SERVICE}
    return taken


def item_name(item: object, role: str) -> str:
    """Return the name of an entry, or refuse what is none.

    Raises
    ------
    DesignError
        If it is a number or anything else.
    """
    if isinstance(item, Entry):
        return item.item
    if not isinstance(item, str):
        raise DesignError(
            f"{role!r} is given as {item!r}; a plain number cannot enter a case: put it into the ledger as "
            "an entry with its source and owner, and name that"
        )
    return item


def check_count(ledger: CaseLedger, item: object, what: str) -> str:
    """Return the name of an entry of a wave after holding it to its unit and range."""
    name = item_name(item, what)
    check_entry(ledger[name], _COUNT[what], what, ledger.currency)
    return name


def check_entry(entry: Entry, kind: Kind, role: str, currency: str) -> None:
    """Hold an entry to the unit and the range of its role."""
    check_kind(entry.item, entry.unit, kind, role=role, currency=currency)
    low, high = entry.ends
    if "hazard ratio" in kind.words[0] and not entry.unit.startswith("log") and low <= 0:
        raise DesignError(f"the entry {entry.item!r} goes down to {low:g}; a hazard ratio is above nought")
    check_range(entry.item, low, high, kind, role=role)

"""A simulated company in memory, with no more tables than the methods of the scorecard ask for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from cemlab.data.company import Company, CompanyInfo
from cemlab.simulate.buying import shopping
from cemlab.simulate.buying.campaigns import campaigns
from cemlab.simulate.customers import member_tables
from cemlab.simulate.economy import macro
from cemlab.simulate.halden import Halden
from cemlab.simulate.inputs import inputs
from cemlab.simulate.market.message_mix import sent_mix, wanted_mix
from cemlab.simulate.market.panel import category_purchases, households
from cemlab.simulate.market.rivals import competitor_ratings
from cemlab.simulate.market.styles import style_survey
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.service.contacts import contacts, serve
from cemlab.simulate.tables import Totals
from cemlab.simulate.timeline import LAST

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_made_from: WeakKeyDictionary[Company, Halden] = WeakKeyDictionary()


@lru_cache(maxsize=1)
def company_of(halden: Halden) -> Company:
    """Return a simulated company: customers, what they did and were offered, branches, the market's panel.

    Asked again for the same one right away, it returns the same object: what was decided on a company can
    then be held against the truth about it.

    Parameters
    ----------
    halden
        Which one.
    """
    import ibis
    import pyarrow as pa

    parts: dict[str, list[pa.Table]] = {}
    for name, piece in _pieces(halden):
        parts.setdefault(name, []).append(piece)
    tables = {name: ibis.memtable(pa.concat_tables(blocks)) for name, blocks in parts.items()}
    told = f"Halden, seed {halden.seed}, world {halden.world_name}"
    info = CompanyInfo(
        name="Halden", source=f"{told}, a fictional company", currency="EUR", fictional=True, as_of=LAST
    )
    company = Company(info=info, tables=tables)
    _made_from[company] = halden
    return company


def halden_behind(company: Company) -> Halden:
    """Return what a company was made from; for the worth of decisions, never for an estimate.

    Parameters
    ----------
    company
        From :func:`company_of`.
    """
    return _made_from[company]


def _pieces(halden: Halden) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables, block by block."""
    world, streams = halden.world, halden.streams
    network = halden.network()
    yield "macro", macro(world)
    yield "message_mix", sent_mix(world, streams)
    written = inputs()
    yield from ((name, written[name]) for name in ("costs", "ledger"))
    yield "branches", network_tables.branches(world, streams, network)
    yield "employees", network_tables.employees(network, world)
    yield "engagement", network_tables.engagement(network)
    yield "training", network_tables.training(world, streams, network)
    totals = Totals(halden, network)
    for block in halden.blocks():
        members = halden.members(network, block)
        lives = halden.lives(network, members)
        yield "customers", member_tables.customers(world, network, members)
        yield "subscriptions", member_tables.subscriptions(members, lives)
        yield "save_offers", member_tables.save_offers(members, lives)
        yield "fees", member_tables.fees(members, lives)
        yield "campaigns", member_tables.onboarding(members, lives)
        yield "campaigns", campaigns(world, streams, members, lives)
        purchases = halden.purchases(network, members, lives)
        yield "transactions", shopping.transactions(members, purchases)
        totals.add(members, lives, purchases)
        yield "contacts", contacts(members, serve(world, streams, network, members, lives))
        yield "style_survey", style_survey(world, streams, members)
        yield "message_mix", wanted_mix(world, streams, members)
    yield "branch_month", totals.branch_month()
    for part in halden.panel_blocks():
        asked = households(world, streams, block=part.number, first=part.first, n=part.n)
        yield "category_purchases", category_purchases(world, streams, asked)
        yield "competitor_ratings", competitor_ratings(world, streams, asked)

"""All tables of a simulated company, block by block, so that memory does not grow with its size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from cemlab.simulate.buying import books, shopping
from cemlab.simulate.buying.campaigns import campaigns
from cemlab.simulate.customers import member_tables
from cemlab.simulate.economy import calendar, macro
from cemlab.simulate.halden import Block, Halden
from cemlab.simulate.inputs import inputs
from cemlab.simulate.market.catalogue import catalogue
from cemlab.simulate.market.message_mix import sent_mix, wanted_mix
from cemlab.simulate.market.panel import category_purchases, households
from cemlab.simulate.market.rivals import competitor_ratings
from cemlab.simulate.market.styles import style_survey
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.service.contacts import contacts, serve
from cemlab.simulate.service.journeys import journeys
from cemlab.simulate.service.messages import contact_log
from cemlab.simulate.service.surveys import surveys
from cemlab.simulate.service.touchpoints import touchpoint_ratings
from cemlab.simulate.state import Lives, Members, NetworkState, Purchases
from cemlab.simulate.timeline import MONTHS

Piece = tuple[str, pa.Table]


def pieces(halden: Halden) -> Iterator[tuple[int, list[Piece]]]:
    """Yield the pieces of all tables, in an order that depends on nothing but the company.

    Yields
    ------
    n, pieces
        Customers and households that are done with these pieces; each piece is a table's name and rows.
    """
    network = halden.network()
    yield 0, list(_whole_tables(halden, network))
    totals = Totals(halden, network)
    for block in halden.blocks():
        yield block.n, list(_customer_tables(halden, network, block, totals))
    yield 0, [("branch_month", totals.branch_month())]
    for block in halden.panel_blocks():
        yield block.n, list(_panel_tables(halden, block))


def steps(halden: Halden) -> int:
    """Return the customers and households that :func:`pieces` counts in all."""
    return sum(block.n for block in (*halden.blocks(), *halden.panel_blocks()))


class Totals:
    """Money and members by branch and month, added up over the blocks.

    Parameters
    ----------
    halden, network
        The company, and its branches and staff.
    """

    def __init__(self, halden: Halden, network: NetworkState) -> None:
        self._halden, self._network = halden, network
        shape = (halden.world.network.branches, MONTHS)
        self.revenue = np.zeros(shape, dtype=np.int64)
        self.margin = np.zeros(shape, dtype=np.int64)
        self.fees = np.zeros(shape, dtype=np.int64)
        self.programmes = np.zeros(shape, dtype=np.int64)
        self.active = np.zeros(shape)

    def add(self, members: Members, lives: Lives, purchases: Purchases) -> None:
        """Add the customers of a block."""
        world, streams = self._halden.world, self._halden.streams
        revenue, margin = books.sums(self._network, members, purchases)
        self.revenue += revenue
        self.margin += margin
        self.fees += books.fees(self._network, members, lives)
        self.programmes += books.programmes(world, streams, members, lives)
        np.add.at(self.active, members.branch, lives.months_active())

    def branch_month(self) -> pa.Table:
        """Return the books, once all blocks were added."""
        world, streams = self._halden.world, self._halden.streams
        kept = books.keep_books(
            world,
            streams,
            self._network,
            revenue=self.revenue,
            margin=self.margin,
            fees=self.fees,
            programmes=self.programmes,
            active=self.active,
        )
        return books.branch_month(world, streams, self._network, kept)


def _whole_tables(halden: Halden, network: NetworkState) -> Iterator[Piece]:
    world, streams = halden.world, halden.streams
    yield "macro", macro(world)
    yield "calendar", calendar()
    yield "catalogue", catalogue(streams)
    yield "message_mix", sent_mix(world, streams)
    yield from inputs().items()
    yield "branches", network_tables.branches(world, streams, network)
    yield "employees", network_tables.employees(network, world)
    yield "engagement", network_tables.engagement(network)
    yield "training", network_tables.training(world, streams, network)


def _customer_tables(halden: Halden, network: NetworkState, block: Block, totals: Totals) -> Iterator[Piece]:
    world, streams = halden.world, halden.streams
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
    served = serve(world, streams, network, members, lives)
    yield "contacts", contacts(members, served)
    yield "journeys", journeys(world, streams, members, lives)
    asked, latent = surveys(world, streams, network, members, lives, served)
    yield "surveys", asked
    yield "touchpoint_ratings", touchpoint_ratings(streams, members, latent)
    yield "contact_log", contact_log(world, streams, members, lives)
    yield "style_survey", style_survey(world, streams, members)
    yield "message_mix", wanted_mix(world, streams, members)


def _panel_tables(halden: Halden, block: Block) -> Iterator[Piece]:
    world, streams = halden.world, halden.streams
    asked = households(world, streams, block=block.number, first=block.first, n=block.n)
    yield "category_purchases", category_purchases(world, streams, asked)
    yield "competitor_ratings", competitor_ratings(world, streams, asked)

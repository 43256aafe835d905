"""A simulated company replayed under a scenario: money by branch and month, and each customer's fate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.simulate.buying.books import Books, fees, keep_books, programmes, sums
from cemlab.simulate.halden import Block, Halden
from cemlab.simulate.state import Flags, Lives, Members, NetworkState, Purchases, Scenario
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import DAYS, MONTHS

_TEN_THOUSAND = 10_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Replay:
    """One company under one scenario; customers are in the order of their numbers."""

    network: NetworkState
    experience: Floats  #: (b, 48) what customers of each branch met with
    books: Books
    branch: Ints  #: (n) home branch
    joined: Ints  #: (n) first day of the contract
    exit: Ints  #: (n) day the contract ended, DAYS or more where it went on
    cause: Ints  #: (n) code in CAUSES
    revenue: Ints  #: (n) 1/10,000 EUR over the data
    margin: Ints  #: (n) 1/10,000 EUR over the data
    considered: Flags  #: (n) for a save offer
    considered_day: Ints  #: (n)
    risk: Ints  #: (n) code in RISKS
    offered: Flags  #: (n)
    fee_due: Flags  #: (n)
    fee_day: Ints  #: (n) −1 where no fee fell due
    fee_amount: Ints  #: (n) EUR that fell due, charged or not
    fee_charged: Flags  #: (n)

    def by_customer(self, outcome: str) -> Floats:
        """Return an outcome of each customer, in the unit of :data:`CUSTOMER_OUTCOMES`."""
        if outcome == "left":
            return (self.exit < DAYS).astype(float)
        if outcome == "months":
            return (np.minimum(self.exit, DAYS) - np.maximum(self.joined, 0)) * (MONTHS / DAYS)
        amount: Ints = getattr(self, outcome)
        return amount / _TEN_THOUSAND

    def by_branch_month(self, outcome: str) -> Floats:
        """Return an outcome of each branch and month (b, 48), in the unit of :data:`BRANCH_OUTCOMES`."""
        if outcome == "experience":
            return self.experience
        if outcome == "members":
            return self.books.members
        amount: Ints = getattr(self.books, outcome)
        return amount / _TEN_THOUSAND


#: Outcomes of a branch-month, with their units; money adds up, experience is averaged.
BRANCH_OUTCOMES = {
    "profit": "EUR",
    "revenue": "EUR",
    "margin": "EUR",
    "fees": "EUR",
    "cost": "EUR",
    "members": "members, mean of the month",
    "experience": "SD",
}
#: Outcomes of a customer over the data, with their units.
CUSTOMER_OUTCOMES = {
    "revenue": "EUR",
    "margin": "EUR",
    "left": "1 for those who left within the data",
    "months": "months as a customer within the data",
}


def replay(halden: Halden, scenario: Scenario) -> Replay:
    """Live a company's four years again under a scenario, with the same random numbers.

    Parameters
    ----------
    halden
        The company.
    scenario
        What is done to it.
    """
    network = halden.network(scenario)
    shape = (halden.world.network.branches, MONTHS)
    revenue, margin, charged, spent = (np.zeros(shape, dtype=np.int64) for _ in range(4))
    active = np.zeros(shape)
    blocks = []
    for block in halden.blocks():
        members, lives, purchases = replay_block(halden, network, block, scenario)
        sold, earned = sums(network, members, purchases)
        revenue += sold
        margin += earned
        charged += fees(network, members, lives)
        spent += programmes(halden.world, halden.streams, members, lives, scenario)
        np.add.at(active, members.branch, lives.months_active())
        blocks.append(_of_customers(members, lives, purchases))
    books = keep_books(
        halden.world,
        halden.streams,
        network,
        revenue=revenue,
        margin=margin,
        fees=charged,
        programmes=spent,
        active=active,
    )
    together = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return Replay(network=network, experience=network.experience + scenario.cx, books=books, **together)


def replay_block(
    halden: Halden, network: NetworkState, block: Block, scenario: Scenario
) -> tuple[Members, Lives, Purchases]:
    """Return one block of customers under a scenario."""
    members = halden.members(network, block)
    lives = halden.lives(network, members, scenario)
    return members, lives, halden.purchases(network, members, lives, scenario)


def _of_customers(members: Members, lives: Lives, purchases: Purchases) -> dict[str, npt.NDArray[Any]]:
    n = len(members)
    return {
        "branch": members.branch,
        "joined": lives.entry,
        "exit": lives.exit,
        "cause": lives.cause,
        "revenue": _sum(purchases.revenue, purchases.customer, n),
        "margin": _sum(purchases.margin, purchases.customer, n),
        "considered": lives.considered,
        "considered_day": lives.considered_day,
        "risk": lives.risk,
        "offered": lives.offered,
        "fee_due": lives.fee_due,
        "fee_day": lives.fee_day,
        "fee_amount": lives.fee_amount,
        "fee_charged": lives.fee_charged,
    }


def _sum(amount: Ints, customer: Ints, n: int) -> Ints:
    # sums of whole numbers below 2**53 are exact in floating point
    return np.bincount(customer, weights=amount, minlength=n).astype(np.int64)

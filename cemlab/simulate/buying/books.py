"""The books of Halden: purchases summed to branches and months, less what they and the programmes cost.

What members pay for goods and the fees they are charged are the revenue of their branch; no goods are behind
a fee, and the margin is that of the goods. A branch bears its goods, its people and their training, its
house, and the programmes for its own members: save offers, calls to new members, campaigns. What the head
office pays is in no branch's books: messages of the log, the contact centre's minutes, questionnaires, the
household panel, interest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import cents, dates, ids, money, numbers
from cemlab.simulate.buying.campaigns import taking_part
from cemlab.simulate.customers import member_tables
from cemlab.simulate.customers.lives import onboarded
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.state import AS_IT_WAS, Lives, Members, NetworkState, Purchases, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS, month_of
from cemlab.simulate.worlds import World

#: Share of the pay that goes into answering contacts: longer ones cost it, repeated ones too.
SERVICE_SHARE = 0.25

# Rent, energy and the rest, EUR a month for each post by format of the branch, and how much they vary.
_FIXED_PER_POST = (300.0, 245.0, 190.0)
_FIXED_SD = 0.03


@dataclass(frozen=True, eq=False, kw_only=True)
class Books:
    """Money of each branch and month, of shape (b, 48), in 1/10,000 EUR and whole cents."""

    revenue: Ints  #: of goods, and fees
    margin: Ints  #: of goods
    fees: Ints  #: charged
    cost: Ints
    profit: Ints  #: revenue - cost, exactly
    members: Floats  #: mean number of members in the month


def sums(network: NetworkState, members: Members, purchases: Purchases) -> tuple[Ints, Ints]:
    """Return revenue and margin of a block's purchases by home branch and month, each of shape (b, 48).

    Parameters
    ----------
    network, members, purchases
        The branches, the customers of the block and what they bought.
    """
    branches = len(network.size)
    cell = members.branch[purchases.customer] * MONTHS + month_of(purchases.day)
    return _sum(purchases.revenue, cell, branches), _sum(purchases.margin, cell, branches)


def _sum(amount: Ints, cell: Ints, branches: int) -> Ints:
    # Sums of whole numbers below 2**53, some 900 thousand million EUR, are exact in floating point.
    total = np.bincount(cell, weights=amount, minlength=branches * MONTHS)
    return total.astype(np.int64).reshape(branches, MONTHS)


def fees(network: NetworkState, members: Members, lives: Lives) -> Ints:
    """Return the fees charged to a block's customers by home branch and month (b, 48), in 1/10,000 EUR.

    Parameters
    ----------
    network
        The branches.
    members, lives
        The customers of the block and what became of them under a scenario.
    """
    row = np.flatnonzero(lives.fee_charged)
    cell = members.branch[row] * MONTHS + month_of(lives.fee_day[row])
    return _sum(cents(lives.fee_amount[row].astype(float)), cell, len(network.size))


def programmes(
    world: World, streams: Streams, members: Members, lives: Lives, scenario: Scenario = AS_IT_WAS
) -> Ints:
    """Return what programmes for a block's customers cost by home branch and month (b, 48), in 1/10,000 EUR.

    A save offer is paid when it is made, a new member's onboarding in the month of joining, a campaign in
    that of its run: as in the tables of save offers and of campaigns. Messages of the log are head office's.

    Parameters
    ----------
    world, streams
        The world and its random numbers.
    members, lives
        The customers of the block and what became of them under the scenario.
    scenario
        What is done to the company.
    """
    offered = np.flatnonzero(lives.offered)
    new = np.flatnonzero(onboarded(members, scenario))
    run = taking_part(streams, members, lives)
    row = np.concatenate([offered, new, run.row])
    day = np.concatenate([lives.considered_day[offered], lives.entry[new], run.day])
    each = cents(np.array([member_tables.SAVE_OFFER_COST, member_tables.ONBOARDING_COST], dtype=float))
    cost = np.concatenate([np.repeat(each, [len(offered), len(new)]), run.cost])
    return _sum(cost, members.branch[row] * MONTHS + month_of(day), world.network.branches)


def keep_books(
    world: World,
    streams: Streams,
    network: NetworkState,
    *,
    revenue: Ints,
    margin: Ints,
    fees: Ints,
    programmes: Ints,
    active: Floats,
) -> Books:
    """Return the books of all branches.

    Parameters
    ----------
    world, streams, network
        The world, its random numbers, and branches and staff under a scenario.
    revenue, margin, fees, programmes
        Sums over all customers by branch and month, of shape (b, 48), in 1/10,000 EUR; revenue and margin
        are those of goods.
    active
        Mean number of members, of shape (b, 48).

    Notes
    -----
    Cost is the cost of goods (revenue less margin), pay, training, what training changes in the hours of
    service, rent with everything else that is fixed, and the programmes. Training, pay and fixed cost are
    those of the staff, whatever the number of customers: with the default 20,000 the company earns some 5 to
    10 % of its revenue, with fewer it makes a loss, with more it is absurdly rich, and a training pays the
    sooner.
    """
    pay = network_tables.payroll(network)
    cost = (
        (revenue - margin)
        + pay
        + network_tables.training_cost(world, streams, network)
        + service_overtime(world, network, pay)
        + fixed(streams, network)
        + programmes
    )
    taken = revenue + fees
    return Books(revenue=taken, margin=margin, fees=fees, cost=cost, profit=taken - cost, members=active)


def service_overtime(world: World, network: NetworkState, pay: Ints) -> Ints:
    """Return what training changes in the pay for service hours, of shape (b, 48), in 1/10,000 EUR.

    The trained take longer over a contact, and fewer contacts come back.

    Parameters
    ----------
    world, network
        The world, and branches and staff under a scenario.
    pay
        Pay of each branch and month, of shape (b, 48), in 1/10,000 EUR.
    """
    few = _contacts_per_matter(world, world.service.resolved + world.network.first_contact)
    many = _contacts_per_matter(world, world.service.resolved)
    change = (1 + world.network.handle_time) * few / many - 1
    return cents(pay / 10_000 * SERVICE_SHARE * change * network.share_trained())


def _contacts_per_matter(world: World, resolved: float) -> float:
    """Return how many contacts a matter takes where this share of them resolves it: three may follow one.

    Examples
    --------
    >>> from cemlab.simulate.worlds import WORLDS
    >>> _contacts_per_matter(WORLDS["default"], 1.0)
    1.0
    """
    again = (1 - resolved) * world.service.comes_back
    return sum(again**followers for followers in range(4))


def fixed(streams: Streams, network: NetworkState) -> Ints:
    """Return rent and everything else that is fixed (b, 48), in 1/10,000 EUR; bills vary a little by month.

    Parameters
    ----------
    streams, network
        The company's random numbers, and its branches.
    """
    level = np.array(_FIXED_PER_POST)[network.format] * network.size
    noise = streams.normal("books.fixed", (len(level), MONTHS))
    return cents(level[:, None] * (1 + _FIXED_SD * noise))


def observed_cx(world: World, streams: Streams, network: NetworkState) -> Floats:
    """Return the experience score of each branch and month as measured, of shape (b, 48), in SD.

    Parameters
    ----------
    world, streams, network
        The world, its random numbers, and branches and staff under a scenario.
    """
    score: Floats = network_tables.half_scores(world, streams, network).mean(axis=0)
    return score


def branch_month(world: World, streams: Streams, network: NetworkState, books: Books) -> pa.Table:
    """Return the table of branch-months.

    Parameters
    ----------
    world, streams, network
        The world, its random numbers, and branches and staff under a scenario.
    books
        The books under the same scenario.
    """
    branches = len(network.size)
    half_a, half_b = network_tables.half_scores(world, streams, network)
    return pa.table(
        {
            "branch": ids("B", np.repeat(np.arange(branches) + 1, MONTHS), width=2),
            "month": dates(np.tile(MONTH_STARTS[:-1], branches)),
            "revenue": money(books.revenue.ravel()),
            "cost": money(books.cost.ravel()),
            "profit": money(books.profit.ravel()),
            "cx": numbers(observed_cx(world, streams, network).ravel(), decimals=3),
            "cx_a": numbers(half_a.ravel(), decimals=3),
            "cx_b": numbers(half_b.ravel(), decimals=3),
            "turnover": numbers(network_tables.turnover(network).ravel(), decimals=4),
            "headcount": numbers(network_tables.headcount(network).ravel(), decimals=2),
        }
    )

"""The books of Halden: purchases summed to branches and months, less what goods, people and houses cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate import network_tables
from cemlab.simulate.arrow import cents, dates, ids, money, numbers
from cemlab.simulate.state import Members, NetworkState, Purchases
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS, month_of
from cemlab.simulate.worlds import World

#: Share of the pay that goes into answering contacts: longer ones cost it, repeated ones too.
SERVICE_SHARE = 0.25

# Rent, energy and the rest, EUR a month for each post by format of the branch, and how much they vary.
_FIXED_PER_POST = (330.0, 270.0, 210.0)
_FIXED_SD = 0.03


@dataclass(frozen=True, eq=False, kw_only=True)
class Books:
    """Money of each branch and month, of shape (b, 48), in 1/10,000 EUR and whole cents."""

    revenue: Ints
    margin: Ints
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


def keep_books(
    world: World,
    streams: Streams,
    network: NetworkState,
    *,
    revenue: Ints,
    margin: Ints,
    active: Floats,
) -> Books:
    """Return the books of all branches.

    Parameters
    ----------
    world, streams, network
        The world, its random numbers, and branches and staff under a scenario.
    revenue, margin
        Sums over all customers by branch and month, of shape (b, 48), in 1/10,000 EUR.
    active
        Mean number of members, of shape (b, 48).

    Notes
    -----
    Cost is the cost of goods (revenue less margin), pay, training, what training changes in the hours of
    service, and rent with everything else that is fixed. Training, pay and fixed cost are those of the staff,
    whatever the number of customers: with the default 20,000 the company earns some 5 to 10 % of its revenue,
    with fewer it makes a loss, with more it is absurdly rich, and a training pays the sooner.
    """
    pay = network_tables.payroll(network)
    cost = (
        (revenue - margin)
        + pay
        + network_tables.training_cost(world, streams, network)
        + service_overtime(world, network, pay)
        + _fixed(streams, network)
    )
    return Books(revenue=revenue, margin=margin, cost=cost, profit=revenue - cost, members=active)


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
    change = world.network.handle_time - world.network.first_contact
    return cents(pay / 10_000 * SERVICE_SHARE * change * network.share_trained())


def _fixed(streams: Streams, network: NetworkState) -> Ints:
    """Return rent and everything else that is fixed; bills vary a little by month."""
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
    error = streams.normal("branch_month.cx", network.experience.shape)
    return network.experience + world.network.measurement_sd * error


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
    return pa.table(
        {
            "branch": ids("B", np.repeat(np.arange(branches) + 1, MONTHS), width=2),
            "month": dates(np.tile(MONTH_STARTS[:-1], branches)),
            "revenue": money(books.revenue.ravel()),
            "cost": money(books.cost.ravel()),
            "profit": money(books.profit.ravel()),
            "cx": numbers(observed_cx(world, streams, network).ravel(), decimals=3),
            "turnover": numbers(network_tables.turnover(network).ravel(), decimals=4),
            "headcount": numbers(network_tables.headcount(network).ravel(), decimals=2),
        }
    )

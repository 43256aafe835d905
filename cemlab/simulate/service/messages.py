"""Messages to customers: who gets how many, who is held back, and who answers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, flags, ids, labels, money
from cemlab.simulate.economy import near_holiday
from cemlab.simulate.service.contacts import running_number
from cemlab.simulate.state import Flags, Lives, Members
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import MONTH_STARTS, month_of
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

KINDS = ("newsletter", "offer", "event")
_KIND_SHARES = (0.5, 0.35, 0.15)
#: The months of the log, from the first to before the last.
LOGGED = (24, 36)
_A_MONTH = (0.2019, 0.3230, 0.2584, 0.1378, 0.0551, 0.0176, 0.0047, 0.0011, 0.0004)  # Poisson(1.6), to 8
_HELD_BACK = 0.10
_COST = 3500  # of a message, 1/10,000 EUR


def contact_log(world: World, streams: Streams, members: Members, lives: Lives) -> pa.Table:
    """Return the messages of a block of customers, by customer and date.

    Only who consents gets any, on distinct days as a customer. One in ten is held back by lot: it costs
    nothing, cannot be answered, and does not tire.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    members
        The customers.
    lives
        What became of them.
    """
    n, block = len(members), members.block
    months = np.arange(*LOGGED)
    count = pick(streams.uniform("messages.count", (n, len(months)), block), _A_MONTH)
    cell = np.repeat(np.arange(count.size), count.ravel())
    customer, month = np.divmod(cell, len(months))
    lots = streams.uniform("messages.lots", (4, len(cell)), block)
    day = _days(month + LOGGED[0], running_number(cell) - 1, count.ravel()[cell], lots[0])

    there = (day >= lives.entry[customer]) & (day < lives.exit[customer])
    kept = np.flatnonzero(members.consent[customer] & there)
    customer, day, lots = customer[kept], day[kept], lots[:, kept]
    treated = lots[1] >= _HELD_BACK
    answered = treated & (lots[2] < response_chance(world.service, customer, day, treated))
    return pa.table(
        {
            "customer": ids("C", members.number[customer]),
            "date": dates(day),
            "kind": labels(KINDS, pick(lots[3], _KIND_SHARES)),
            "treated": flags(treated),
            "response": flags(answered),
            "cost": money(np.where(treated, _COST, 0)),
        }
    )


def response_chance(service: Service, customer: Ints, day: Ints, treated: Flags) -> Floats:
    """Return the chance that a message is answered, if it is sent.

    Parameters
    ----------
    service
        The planted truths.
    customer, day
        Of each message, in the order of both.
    treated
        Whether it is sent: what is held back does not count towards the limit.
    """
    sent_before: Ints = np.cumsum(treated) - treated
    group = customer * len(MONTH_STARTS) + month_of(day)
    begins = np.flatnonzero(running_number(group) == 1)
    in_month: Ints = sent_before - np.repeat(sent_before[begins], np.diff(np.append(begins, len(group))))
    tired = np.where(in_month >= service.messages_limit, service.fatigue, 1.0)
    away = np.where(near_holiday()[day], service.response_holidays, 1.0)
    return service.message_response * tired * away


def _days(month: Ints, place: Ints, count: Ints, uniform: Floats) -> Ints:
    """Return a day of the month for each message: one in each of as many parts as there are messages."""
    length = MONTH_STARTS[month + 1] - MONTH_STARTS[month]
    low, high = place * length // count, (place + 1) * length // count
    days: Ints = MONTH_STARTS[month] + low + (uniform * (high - low)).astype(np.int64)
    return days

"""Occasions for a service contact: a fixed set, from which the scenario thins the contacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.economy import holidays
from cemlab.simulate.state import Flags, Lives, Members
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, FIRST, MONTH_DAYS, day_of, month_of
from cemlab.simulate.worlds import Service

_DENSER = 2.0  # occasions as a multiple of the rate at the average: room for a bad experience
_ENQUIRY_DAYS = 16  # after an episode begins; closed days come on top


@dataclass(frozen=True, eq=False, kw_only=True)
class Occasions:
    """What may become a contact: ordinary occasions first, then one enquiry for each customer."""

    customer: Ints  #: row of the customer in the block
    day: Ints  #: DAYS where there is none
    keep: Floats  #: uniform; a contact where it is below the chance
    enquiry: Flags  #: whether it is the question of one who thinks of leaving

    def happen(self, service: Service, lives: Lives) -> Flags:
        """Return which become contacts: on a day as a customer, and the worse the experience the more."""
        month = month_of(np.minimum(self.day, DAYS - 1))
        ratio = np.exp(service.contacts_experience * lives.experience[self.customer, month])
        there: Flags = (self.day >= lives.entry[self.customer]) & (self.day < lives.exit[self.customer])
        return there & (self.day < DAYS) & (self.enquiry | (self.keep * _DENSER < ratio))


def draw_occasions(service: Service, streams: Streams, members: Members) -> Occasions:
    """Draw the occasions; they depend on who the members are and on nothing else.

    Parameters
    ----------
    service
        The planted truths.
    streams
        The company's random numbers.
    members
        A block of customers.
    """
    n, block = len(members), members.block
    closed = _closed()
    since = np.clip(members.joined, 0, DAYS / MONTH_DAYS)
    mean = service.contacts * _DENSER * (DAYS / MONTH_DAYS - since) * DAYS / (~closed).sum()
    customer = np.repeat(np.arange(n), streams.generator("contacts.count", block).poisson(mean))
    place = streams.uniform("contacts.day", len(customer), block)
    start = since[customer] * MONTH_DAYS
    day = np.minimum((start + place * (DAYS - start)).astype(np.int64), DAYS - 1)
    day = np.where(closed[day], DAYS, day)
    asks = streams.uniform("contacts.enquiry", (2, n), block)
    begins = day_of(np.nan_to_num(members.episode_from, nan=0.0))
    asks_on = np.clip(begins + 1 + (asks[0] * _ENQUIRY_DAYS).astype(np.int64), 0, DAYS)
    asks_on = np.where(
        (members.episode == 1) & (asks[1] < service.enquiry), _next_open(closed)[asks_on], DAYS
    )
    return Occasions(
        customer=np.concatenate([customer, np.arange(n)]),
        day=np.concatenate([day, asks_on]),
        keep=np.concatenate([streams.uniform("contacts.keep", len(customer), block), np.zeros(n)]),
        enquiry=np.repeat([False, True], [len(customer), n]),
    )


def _closed() -> Flags:
    """Return for each day whether all is closed: Sundays and public holidays."""
    closed: Flags = (np.arange(DAYS) + FIRST.weekday()) % 7 == 6
    closed[[(day - FIRST).days for day in holidays()]] = True
    return closed


def _next_open(closed: Flags) -> Ints:
    """Return for days 0 to DAYS the first open day from there on, DAYS where there is none."""
    is_open = np.append(np.where(closed, DAYS, np.arange(DAYS)), DAYS)
    following: Ints = np.minimum.accumulate(is_open[::-1])[::-1]
    return following

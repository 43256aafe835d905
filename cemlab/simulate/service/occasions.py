"""Occasions for a service contact: a fixed set, from which the scenario thins the contacts.

What is not resolved may come back: for that, too, there is a fixed set, each with the occasion it follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.economy import closed_days
from cemlab.simulate.state import Flags, Lives, Members
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, day_of, month_of
from cemlab.simulate.truths import Service

_DENSER = 2.0  # occasions as a multiple of the rate at the average: room for a bad experience
#: A matter comes back so many times at most.
TIMES = 3
_BACK_DAYS = 10  # within which a matter comes back; closed days, four at most, come on top
_ENQUIRY_DAYS = 16  # after an episode begins; closed days come on top


@dataclass(frozen=True, eq=False, kw_only=True)
class Occasions:
    """What may become a contact.

    First ordinary occasions, then one enquiry for each customer, then those on which a matter comes back
    for the first, second, … time, if the contact before happened and did not resolve it.
    """

    customer: Ints  #: row of the customer in the block
    day: Ints  #: DAYS where there is none, and where it hangs on the contact before
    keep: Floats  #: uniform; a contact where it is below the chance
    enquiry: Flags  #: whether it is the question of one who thinks of leaving
    follows: Ints  #: place of the occasion before, −1 where it is the first
    back: Ints  #: place of the occasion on which the matter comes back, −1 where it does not
    lag: Ints  #: days after the contact before, closed days apart

    def __len__(self) -> int:
        return len(self.day)

    def happen(self, service: Service, lives: Lives) -> Flags:
        """Return which become first contacts: while a customer, the more the worse the experience."""
        month = month_of(np.minimum(self.day, DAYS - 1))
        ratio = np.exp(service.contacts_experience * lives.experience[self.customer, month])
        there: Flags = (self.day >= lives.entry[self.customer]) & (self.day < lives.exit[self.customer])
        return there & (self.day < DAYS) & (self.enquiry | (self.keep * _DENSER < ratio))

    def come_back(self, lives: Lives, place: Ints, day: Ints, unresolved: Flags) -> tuple[Ints, Ints, Flags]:
        """Return the occasions on which contacts come back, their days, and which contacts these are.

        Parameters
        ----------
        lives
            What became of the customers: a matter ends with the contract.
        place, day, unresolved
            Of the contacts: place of the occasion, day, and whether there is a reason to come back.
        """
        back = self.back[place]
        again = _next_open(closed_days())[np.minimum(day + self.lag[back], DAYS)]
        which = unresolved & (back >= 0) & (again < DAYS) & (again < lives.exit[self.customer[place]])
        return back[which], again[which], which


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
    closed = closed_days()
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
    return _with_what_comes_back(
        service,
        streams,
        block,
        customer=np.concatenate([customer, np.arange(n)]),
        day=np.concatenate([day, asks_on]),
        keep=np.concatenate([streams.uniform("contacts.keep", len(customer), block), np.zeros(n)]),
        enquiry=np.repeat([False, True], [len(customer), n]),
    )


def _with_what_comes_back(
    service: Service,
    streams: Streams,
    block: int,
    *,
    customer: Ints,
    day: Ints,
    keep: Floats,
    enquiry: Flags,
) -> Occasions:
    """Add the occasions on which a matter comes back, should it not be resolved."""
    first = np.arange(len(day))
    places, owners, days = [first], [np.full(len(day), -1)], [np.zeros(len(day), dtype=np.int64)]
    total = len(day)
    for time in range(1, TIMES + 1):
        lots = streams.uniform(f"contacts.back {time}", (2, len(places[-1])), block)
        back = lots[0] < service.comes_back
        owners.append(places[-1][back])
        days.append(1 + (_BACK_DAYS * lots[1, back] ** 2).astype(np.int64))  # soon rather than late
        places.append(total + np.arange(len(owners[-1])))
        total += len(owners[-1])
    follows, extra = np.concatenate(owners), total - len(first)
    whose, later = np.append(customer, np.empty(extra, dtype=np.int64)), follows >= 0
    for begins, before in zip(places[1:], owners[1:], strict=True):
        whose[begins] = whose[before]
    returns = np.full(total, -1)
    returns[follows[later]] = np.flatnonzero(later)
    return Occasions(
        customer=whose,
        day=np.append(day, np.full(extra, DAYS)),
        keep=np.append(keep, np.zeros(extra)),
        enquiry=np.append(enquiry, np.zeros(extra, dtype=bool)),
        follows=follows,
        back=returns,
        lag=np.concatenate(days),
    )


def _next_open(closed: Flags) -> Ints:
    """Return for days 0 to DAYS the first open day from there on, DAYS where there is none."""
    is_open = np.append(np.where(closed, DAYS, np.arange(DAYS)), DAYS)
    following: Ints = np.minimum.accumulate(is_open[::-1])[::-1]
    return following

"""Journeys: how many channels a customer uses to get one thing done."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, ids, labels, whole
from cemlab.simulate.service.contacts import numbered, running_number
from cemlab.simulate.state import OBJECTIVES, Lives, Members
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTH_STARTS
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

_A_YEAR = 0.5  # journeys of a customer
_USUAL = 0.7  # share with the objective that the customer mostly has
_MOST = 60  # further channels, beyond which there is nothing to count


def journeys(world: World, streams: Streams, members: Members, lives: Lives) -> pa.Table:
    """Return the journeys of a block of customers, by customer and date.

    Before the month of the change a journey uses 1 + Poisson channels, from then on 1 + negative binomial.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    members
        The customers.
    lives
        What became of them: a journey begins on a day as a customer.
    """
    n, block = len(members), members.block
    count = streams.generator("journeys.count", block).poisson(_A_YEAR * DAYS / MONTH_DAYS / 12, n)
    customer = np.repeat(np.arange(n), count)
    lots = streams.uniform("journeys.lots", (4, len(customer)), block)
    day = (lots[0] * DAYS).astype(np.int64)
    channels = further_channels(world.service, day, lots[1]) + 1
    other = pick(lots[3], np.ones(len(OBJECTIVES)))
    objective = np.where(lots[2] < _USUAL, members.objective[customer], other)

    kept = np.flatnonzero((day >= lives.entry[customer]) & (day < lives.exit[customer]))
    kept = kept[np.lexsort((day[kept], customer[kept]))]
    return pa.table(
        {
            "journey": numbered("J", members, customer[kept], running_number(customer[kept])),
            "customer": ids("C", members.number[customer[kept]]),
            "date": dates(day[kept]),
            "objective": labels(OBJECTIVES, objective[kept]),
            "channels": whole(channels[kept]),
        }
    )


def further_channels(service: Service, day: Ints, uniform: Floats) -> Ints:
    """Return how many channels come after the first, by inversion.

    Parameters
    ----------
    service
        The planted truths.
    day
        Days from the start.
    uniform
        Numbers in [0, 1), one for each day.
    """
    k = np.arange(1, _MOST + 1)
    shape, after = service.channels_shape, service.channels_after
    poisson = _from_ratios(service.channels_before / k)
    negative_binomial = _from_ratios((k - 1 + shape) / k * after / (after + shape))
    later = day >= MONTH_STARTS[service.channels_change]
    return np.where(later, pick(uniform, negative_binomial), pick(uniform, poisson))


def _from_ratios(ratios: Floats) -> Floats:
    """Return the probabilities of 0, 1, … from those of each count to the count before."""
    weights = np.concatenate([[1.0], np.cumprod(ratios)])
    shares: Floats = weights / weights.sum()
    return shares

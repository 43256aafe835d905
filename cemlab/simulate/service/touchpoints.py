"""Touchpoints: what was expected and what was met there, and the satisfaction that comes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, ids, labels, numbers
from cemlab.simulate.state import Flags, Lives, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS, month_of
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

TOUCHPOINTS = ("billing", "store", "website", "service", "delivery", "range")
_STORE = TOUCHPOINTS.index("store")
_YEARS = MONTHS // 12

_EXPECTED, _EXPECTED_EXPERIENCE, _EXPECTED_SD = 6.0, 0.5, 0.8  # points; one expects what one is used to
_GAP = 1.5  # points, SD before ratings are rounded
#: What a gap is divided by, in points: its SD, the rounding of two ratings included.
GAP_SD = 1.51
_HALF_MEAN = 0.4  # mean of a standardised gap above zero, counting those below as zero
_EXPERIENCE = 0.3  # SD of satisfaction per SD of experience that no touchpoint explains
_REST_SD = 0.77  # SD of satisfaction of what remains, so that the whole has an SD of about one
# What people say matters (1 to 10) is not what does: hardly anybody names the bill.
_STATED = np.array([4.0, 5.5, 6.0, 7.5, 7.0, 8.0])
_STATED_SD = 1.5
_PUBLISHED = 0.5  # share of customers whose ratings are kept


@dataclass(frozen=True, eq=False, kw_only=True)
class Relations:
    """The yearly questionnaires about the relationship, sent or not: y years, t touchpoints."""

    day: Ints  #: (n, y)
    asked: Flags  #: (n, y) whether one is sent: to those who consent and are customers on the day
    experience: Floats  #: (n, y) latent experience of the month
    expected: Ints  #: (n, y, t) rating, 1 to 10
    experienced: Ints  #: (n, y, t) rating, 1 to 10
    satisfaction: Floats  #: (n, y) latent, about standardised


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """The questionnaires of a block of customers, by customer and day, with what nobody sees."""

    relations: Relations  #: the yearly ones, with the ratings of touchpoints
    customer: Ints  #: row of the customer in the block
    day: Ints
    contact: Ints  #: row of the contact asked about, −1 where it is the relationship
    year: Ints  #: year of the questionnaire about the relationship, −1 where it is a contact
    satisfaction: Floats  #: latent, about standardised
    experience: Floats  #: latent experience of the month, SD
    chance: Floats  #: to answer
    responded: Flags


def relate(
    world: World, streams: Streams, network: NetworkState, members: Members, lives: Lives
) -> Relations:
    """Let customers rate the touchpoints once a year, and be satisfied accordingly.

    The ratings themselves drive the satisfaction: what falls short of, or surpasses, the expectation counts
    in standard deviations, with a slope of its own below and above. Expectations follow experience (in the
    store that of the branch); the gap does not.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    network
        The branches.
    members
        A block of customers.
    lives
        What became of them.
    """
    n, block = len(members), members.block
    start = MONTH_STARTS[:-1:12]
    day = start + (streams.uniform("touchpoints.day", (n, _YEARS), block) * 365).astype(np.int64)
    there = (day >= lives.entry[:, None]) & (day < lives.exit[:, None])
    month = month_of(day)
    experience = lives.experience[np.arange(n)[:, None], month]
    used_to = np.repeat(experience[:, :, None], len(TOUCHPOINTS), axis=2)
    used_to[:, :, _STORE] = network.experience[members.branch[:, None], month]
    noise = streams.normal("touchpoints.ratings", (2, n, _YEARS, len(TOUCHPOINTS)), block)
    expected = rating(_EXPECTED + _EXPECTED_EXPERIENCE * used_to + _EXPECTED_SD * noise[0])
    experienced = rating(expected + _GAP * noise[1])
    rest = _REST_SD * streams.normal("touchpoints.rest", (n, _YEARS), block)
    return Relations(
        day=day,
        asked=there & members.consent[:, None],
        experience=experience,
        expected=expected,
        experienced=experienced,
        satisfaction=verdict(world.service, expected, experienced) + _EXPERIENCE * experience + rest,
    )


def rating(value: Floats) -> Ints:
    """Return a value as a whole rating from 1 to 10."""
    return np.clip(np.rint(value), 1, 10).astype(np.int64)


def verdict(service: Service, expected: Ints, experienced: Ints) -> Floats:
    """Return what the touchpoints do to satisfaction, SD, on average nothing.

    Parameters
    ----------
    service
        The planted truths.
    expected, experienced
        Ratings; the last axis is the touchpoint.
    """
    slopes = np.array([service.other_touchpoints] * len(TOUCHPOINTS))
    slopes[[TOUCHPOINTS.index("billing"), _STORE]] = service.billing, service.store
    gap = (experienced - expected) / GAP_SD
    # The slope below is per SD short of the expectation, hence negative where shortfalls hurt.
    moved: Floats = np.maximum(-gap, 0) @ slopes[:, 0] + np.maximum(gap, 0) @ slopes[:, 1]
    return moved - _HALF_MEAN * float(slopes.sum())


def touchpoint_ratings(streams: Streams, members: Members, answers: Answers) -> pa.Table:
    """Return the ratings of every second customer who answered about the relationship.

    Customer and date say to which questionnaire (the one without a contact) they belong.

    Parameters
    ----------
    streams
        The company's random numbers.
    members
        The customers.
    answers
        What they answered.
    """
    n, block, t = len(members), members.block, len(TOUCHPOINTS)
    said = streams.normal("touchpoints.stated", (n, _YEARS, t), block)
    kept = streams.uniform("touchpoints.kept", n, block) < _PUBLISHED
    rows = np.flatnonzero(answers.responded & (answers.year >= 0) & kept[answers.customer])
    customer, year = answers.customer[rows], answers.year[rows]
    relations = answers.relations

    def flat(ratings: Ints) -> pa.Array:
        return numbers(ratings[customer, year].ravel().astype(float), decimals=0)

    return pa.table(
        {
            "customer": ids("C", members.number[np.repeat(customer, t)]),
            "date": dates(np.repeat(answers.day[rows], t)),
            "touchpoint": labels(TOUCHPOINTS, np.tile(np.arange(t), len(rows))),
            "expected": flat(relations.expected),
            "experienced": flat(relations.experienced),
            "stated_importance": flat(rating(_STATED + _STATED_SD * said)),
        }
    )

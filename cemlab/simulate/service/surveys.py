"""Questionnaires: whom we ask, who answers, and what the answers make of what is felt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import dates, flags, ids, numbers, whole
from cemlab.simulate.economy import near_holiday
from cemlab.simulate.service.contacts import Contacts, numbered
from cemlab.simulate.service.touchpoints import Answers, Relations, rating, relate
from cemlab.simulate.state import Lives, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, month_of
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

_ANSWERS = -1.1  # log odds of answering, at one SD from the middle
_MEMORY_MEAN, _MEMORY_SD = 0.15, 1.34  # of what is remembered of contacts, in the default world

# How a score is made: what it takes of satisfaction and experience (or effort), and its error, in SD.
_CSAT_ERROR = 0.5
_CSAT_CUTS = (-1.8, -0.9, 0.0, 1.1)
_NPS_MIDDLE, _NPS_POINTS, _NPS_SATISFACTION, _NPS_EXPERIENCE, _NPS_ERROR = 7.3, 2.0, 0.75, 0.3, 0.5
_EFFORT_MIDDLE, _EFFORT_POINTS, _EFFORT_SATISFACTION, _EFFORT_ERROR = 3.2, 1.3, -0.5, 0.6
_EFFORT_UNRESOLVED, _EFFORT_MINUTE = 0.8, 0.04  # SD, around the usual share unresolved and minutes waited
_USUAL_UNRESOLVED, _USUAL_WAIT = 0.27, 5.0
_VALUE_MIDDLE, _VALUE_POINTS, _VALUE_SATISFACTION, _VALUE_ERROR = 6.3, 1.6, 0.7, 0.6
_INTENT_ERROR = 0.06
_INTENT_ZERO = -4.0  # SD of satisfaction at which nobody intends to stay


def surveys(
    world: World,
    streams: Streams,
    network: NetworkState,
    members: Members,
    lives: Lives,
    served: Contacts,
) -> tuple[pa.Table, Answers]:
    """Ask the customers, and return what came back, and what was behind it.

    One contact in four is asked about on the next day; those who consent are asked about the relationship
    once a year. The angry and the delighted answer most, around holidays fewer do.

    - `csat` is 1 to 5, satisfaction with the contact as remembered, or with the relationship.
    - `nps` is 0 to 10 and hears more of the experience in the branch than the others do.
    - `ces` is effort: 1 is very little, 7 is very much; waiting and not being helped raise it.
    - `value_for_money` is 1 to 10.
    - `intent` to stay is 1 − exp(−r (satisfaction + 4)), so that each SD adds less than the one before it.

    All carry an error of measurement and are blank where nobody answered.

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
    served
        Their contacts.
    """
    relations = relate(world, streams, network, members, lives)
    sent = _Sent.join(
        _about_relations(streams, members, relations),
        _about_contacts(streams, members, lives, served, relations),
    )
    chance = response_chance(world.service, sent.satisfaction, sent.day)
    answers = Answers(
        relations=relations,
        customer=sent.customer,
        day=sent.day,
        contact=sent.contact,
        year=sent.year,
        satisfaction=sent.satisfaction,
        experience=lives.experience[sent.customer, month_of(sent.day)],
        chance=chance,
        responded=sent.lot < chance,
    )
    return _table(world.service, members, served, answers, sent), answers


def response_chance(service: Service, satisfaction: Floats, day: Ints) -> Floats:
    """Return the chance that a questionnaire comes back, high at both ends of satisfaction.

    Parameters
    ----------
    service
        The planted truths.
    satisfaction
        Standardised.
    day
        On which it is sent.
    """
    odds = np.exp(_ANSWERS + service.response_extremes * (satisfaction**2 - 1))
    chance: Floats = odds / (1 + odds) * np.where(near_holiday()[day], service.response_holidays, 1.0)
    return chance


def intention(service: Service, satisfaction: Floats) -> Floats:
    """Return the intention to stay, 0 to 1: rising ever less with satisfaction."""
    intent: Floats = -np.expm1(-service.intent * np.maximum(satisfaction - _INTENT_ZERO, 0))
    return intent


@dataclass(frozen=True, eq=False, kw_only=True)
class _Sent:
    """Questionnaires sent, with the random numbers of their answers."""

    customer: Ints
    day: Ints
    contact: Ints
    year: Ints
    satisfaction: Floats
    strain: Floats  #: what waiting and not being helped add to the effort, SD
    lot: Floats  #: uniform: answered where it is below the chance
    noise: Floats  #: (5, m) errors of the scores

    @classmethod
    def join(cls, one: _Sent, other: _Sent) -> _Sent:
        """Put both kinds together, by customer and day."""
        both = {
            name: np.concatenate([value, getattr(other, name)], axis=-1) for name, value in vars(one).items()
        }
        order = np.lexsort((both["day"], both["customer"]))
        return cls(**{name: value[..., order] for name, value in both.items()})


def _about_relations(streams: Streams, members: Members, relations: Relations) -> _Sent:
    shape, block = relations.day.shape, members.block
    lot = streams.uniform("surveys.relation", shape, block)
    noise = streams.normal("surveys.relation noise", (5, *shape), block)
    customer, year = np.nonzero(relations.asked)
    return _Sent(
        customer=customer,
        day=relations.day[customer, year],
        contact=np.full(len(customer), -1),
        year=year,
        satisfaction=relations.satisfaction[customer, year],
        strain=np.zeros(len(customer)),
        lot=lot[customer, year],
        noise=noise[:, customer, year],
    )


def _about_contacts(
    streams: Streams, members: Members, lives: Lives, served: Contacts, relations: Relations
) -> _Sent:
    """Ask on the day after, if still a customer then and not asked about the relationship that day."""
    lot = streams.uniform("surveys.contact", served.occasions, members.block)
    noise = streams.normal("surveys.contact noise", (5, served.occasions), members.block)
    day = served.day + 1
    same_day = relations.day[served.customer] == day[:, None]
    asked_anyway = (same_day & relations.asked[served.customer]).any(axis=1)
    there = (day < DAYS) & (day < lives.exit[served.customer])
    row = np.flatnonzero(served.asked & there & ~asked_anyway)
    strain = _EFFORT_UNRESOLVED * (~served.resolved - _USUAL_UNRESOLVED) + _EFFORT_MINUTE * (
        served.perceived / 60 - _USUAL_WAIT
    )
    return _Sent(
        customer=served.customer[row],
        day=day[row],
        contact=row,
        year=np.full(len(row), -1),
        satisfaction=(served.memory[row] - _MEMORY_MEAN) / _MEMORY_SD,
        strain=strain[row],
        lot=lot[served.occasion[row]],
        noise=noise[:, served.occasion[row]],
    )


def _table(service: Service, members: Members, served: Contacts, answers: Answers, sent: _Sent) -> pa.Table:
    """Turn what is felt into scores, blank where nobody answered."""
    s, noise, blank = sent.satisfaction, sent.noise, ~answers.responded
    csat = np.searchsorted(_CSAT_CUTS, s + _CSAT_ERROR * noise[0], side="right") + 1
    recommends = _NPS_SATISFACTION * s + _NPS_EXPERIENCE * answers.experience + _NPS_ERROR * noise[1]
    nps = np.clip(np.rint(_NPS_MIDDLE + _NPS_POINTS * recommends), 0, 10)
    effort = _EFFORT_SATISFACTION * s + sent.strain + _EFFORT_ERROR * noise[2]
    ces = np.clip(np.rint(_EFFORT_MIDDLE + _EFFORT_POINTS * effort), 1, 7)
    worth = _VALUE_SATISFACTION * s + _VALUE_ERROR * noise[3]
    value = rating(_VALUE_MIDDLE + _VALUE_POINTS * worth)
    intent = np.clip(intention(service, s) + _INTENT_ERROR * noise[4], 0, 1)
    return pa.table(
        {
            "customer": ids("C", members.number[sent.customer]),
            "contact": _contact_ids(members, served, sent),
            "date": dates(sent.day),
            "responded": flags(answers.responded),
            "nps": whole(nps, missing=blank),
            "csat": whole(csat, missing=blank),
            "ces": whole(ces, missing=blank),
            "value_for_money": numbers(value.astype(float), decimals=0, missing=blank),
            "intent": numbers(intent, decimals=2, missing=blank),
        }
    )


def _contact_ids(members: Members, served: Contacts, sent: _Sent) -> pa.Array:
    """Return the contact of each questionnaire, blank where it asks about the relationship."""
    names = numbered("K", members, served.customer, served.running)
    return names.take(pa.array(sent.contact, mask=sent.contact < 0))

"""Service contacts: why customers call, who serves them, what they feel, and what they remember.

Everything is drawn for all occasions, whether they become contacts or not, so that a replay changes only
what the scenario changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cemlab.simulate.arrow import flags, ids, labels, numbers, times
from cemlab.simulate.service.handling import (
    CHANNELS,
    COMPLAINT,
    ENQUIRY,
    REASONS,
    ROBOT,
    Course,
    Person,
    Visit,
    channels,
    go,
    reasons,
    seconds,
    who_serves,
)
from cemlab.simulate.service.occasions import TIMES, Occasions, draw_occasions
from cemlab.simulate.state import Flags, Lives, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import month_of
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

__all__ = [
    "CHANNELS",
    "ENQUIRY",
    "REASONS",
    "Contacts",
    "contacts",
    "heard",
    "numbered",
    "peak_of",
    "remembered",
    "running_number",
    "serve",
]

T = TypeVar("T", Visit, Person, Course)

_USUAL_WAIT = 5.0  # minutes as perceived, about the mean: where waiting neither adds nor takes
_LISTEN = 5.0  # minutes over which listening loses its force
_USUAL_LISTEN = 2.97  # minutes whose gain is the mean gain, so that listening adds nothing on average
_AFFECT_SD, _MEMORY_SD = 0.6, 0.3
_MOMENTS = 6  # of a contact, in which something is felt
_MOMENT_SD, _MOMENT_MEMORY = 0.6, 0.5  # SD of a moment's feeling around the whole, and its autocorrelation
_ASKED = 0.25  # share of contacts followed by a questionnaire
_LOTS, _NOISE = 9, 6 + _MOMENTS  # random numbers of each kind for an occasion


@dataclass(frozen=True, eq=False, kw_only=True)
class Contacts:
    """The contacts of a block of customers under a scenario, ordered by customer and time."""

    occasions: int  #: size of the fixed set they were thinned from
    occasion: Ints  #: place in that set, by which further draws find their contact
    follows: Ints  #: place in that set of the unresolved contact that comes back in this one, −1 for none
    customer: Ints  #: row of the customer in the block
    running: Ints  #: running number among the customer's contacts, from 1
    day: Ints  #: day from FIRST, within the spell
    second: Ints  #: of the day
    reason: Ints  #: code in REASONS
    channel: Ints  #: code in CHANNELS
    employee: Ints  #: number of who served; −1 for the robot and where nobody was there
    trained: Flags  #: whether who served was trained
    skill: Floats  #: what who served adds to what the branch gives, SD; 0 where nobody did
    wait: Floats  #: seconds
    perceived: Floats  #: waiting as it was felt, seconds
    handle: Floats  #: seconds
    listen: Floats  #: seconds; NaN where nobody could
    callback: Flags
    resolved: Flags
    affect: Floats  #: latent satisfaction with the contact, SD
    peak: Floats  #: feeling furthest from neutral, which is 0, SD
    end: Floats  #: the last feeling, SD
    mean_affect: Floats
    memory: Floats  #: latent remembered satisfaction, SD
    asked: Flags  #: whether a questionnaire follows

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def human(self) -> Flags:
        """Whether a person answered."""
        human: Flags = self.channel != ROBOT
        return human

    @property
    def duration(self) -> Floats:
        """Length as lived by the customer, seconds."""
        return self.wait + self.handle


def serve(world: World, streams: Streams, network: NetworkState, members: Members, lives: Lives) -> Contacts:
    """Let customers make contact, be served, come back if need be, feel and remember.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    network
        Branches and staff.
    members
        A block of customers.
    lives
        What became of them.

    Returns
    -------
    Contacts
        All on days on which the customer was one, ordered by customer and time.
    """
    occasions = draw_occasions(world.service, streams, members)
    size = len(occasions)
    uniform = streams.uniform("contacts.lots", (_LOTS, size), members.block)
    normal = streams.normal("contacts.noise", (_NOISE, size), members.block)
    occasion, visit, person, course = _handled(
        world, streams, network, members, lives, occasions, uniform, normal
    )
    lots, noise = uniform[:, occasion], normal[:, occasion]
    experience = lives.experience[visit.customer, month_of(visit.day)]
    affect = _affect(world.service, visit, person, course, experience) + _AFFECT_SD * noise[4]
    feelings = _feelings(world.service, affect, course.resolved, noise[5:-1])
    peak, end, mean_affect = peak_of(feelings), feelings[-1], feelings.mean(axis=0)
    memory = remembered(world.service, peak, end, mean_affect, course.wait + course.handle)
    return Contacts(
        occasions=size,
        occasion=occasion,
        follows=occasions.follows[occasion],
        running=running_number(visit.customer),
        peak=peak,
        end=end,
        affect=affect,
        mean_affect=mean_affect,
        memory=memory + _MEMORY_SD * noise[-1],
        asked=lots[8] < _ASKED,
        employee=person.employee,
        trained=person.trained,
        skill=person.skill,
        **vars(visit),
        **vars(course),
    )


def _handled(
    world: World,
    streams: Streams,
    network: NetworkState,
    members: Members,
    lives: Lives,
    occasions: Occasions,
    uniform: Floats,
    normal: Floats,
) -> tuple[Ints, Visit, Person, Course]:
    """Handle the first contacts, then those that come back, and so on; return all by customer and time."""
    place = np.flatnonzero(occasions.happen(world.service, lives))
    branch = members.branch[occasions.customer[place]]
    enquiry, chosen = occasions.enquiry[place], uniform[1:3, place]
    reason = reasons(world.service, streams, network, branch, enquiry=enquiry, lots=chosen)
    day, places = occasions.day[place], []
    rounds: list[tuple[Visit, Person, Course]] = []
    for _ in range(TIMES + 1):
        lots, customer = uniform[:, place], occasions.customer[place]
        visit = Visit(
            customer=customer,
            day=day,
            second=seconds(lots[0]),
            reason=reason,
            channel=channels(members, customer, reason, lots[3:5]),
        )
        person = who_serves(network, members.branch[customer], visit, lots[5])
        course = go(world, visit, person, lots[6:8], normal[:4, place])
        places.append(place)
        rounds.append((visit, person, course))
        place, day, back = occasions.come_back(lives, place, day, ~course.resolved)
        reason = reason[back]
    occasion = np.concatenate(places)
    visits, persons, courses = zip(*rounds, strict=True)
    visit, person, course = _joined(visits), _joined(persons), _joined(courses)
    order = np.lexsort((visit.second, visit.day, visit.customer))
    return occasion[order], _ordered(visit, order), _ordered(person, order), _ordered(course, order)


def _joined(parts: Sequence[T]) -> T:
    """Put what is of one kind together, array by array."""
    arrays = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    return type(parts[0])(**arrays)


def _ordered(part: T, order: Ints) -> T:
    """Return the rows in this order."""
    return type(part)(**{name: values[order] for name, values in vars(part).items()})


def contacts(members: Members, served: Contacts) -> pa.Table:
    """Return the contacts as a table of the contract.

    Parameters
    ----------
    members
        The customers.
    served
        Their contacts.
    """
    nobody = served.employee < 0
    return pa.table(
        {
            "contact": numbered("K", members, served.customer, served.running),
            "customer": ids("C", members.number[served.customer]),
            "employee": ids("E", np.maximum(served.employee, 0), width=5, missing=nobody),
            "time": times(served.day * 86_400 + served.second),
            "channel": labels(CHANNELS, served.channel),
            "reason": labels(REASONS, served.reason),
            "wait_seconds": numbers(served.wait, decimals=0),
            "perceived_wait_seconds": numbers(served.perceived, decimals=0),
            "handle_seconds": numbers(served.handle, decimals=0),
            "listen_seconds": numbers(served.listen, decimals=0, missing=np.isnan(served.listen)),
            "callback": flags(served.callback),
            "resolved": flags(served.resolved),
            "peak": numbers(served.peak, decimals=3),
            "end": numbers(served.end, decimals=3),
            "mean_affect": numbers(served.mean_affect, decimals=3),
            "duration": numbers(served.duration, decimals=0),
        }
    )


def running_number(group: Ints) -> Ints:
    """Return numbers of the rows within each group from 1; rows of a group stand together.

    Examples
    --------
    >>> running_number(np.array([3, 3, 5, 5, 5])).tolist()
    [1, 2, 1, 2, 3]
    """
    rows = np.arange(len(group))
    begins = np.ones(len(group), dtype=bool)
    begins[1:] = group[1:] != group[:-1]
    return rows - np.maximum.accumulate(np.where(begins, rows, 0)) + 1


def numbered(prefix: str, members: Members, customer: Ints, running: Ints) -> pa.Array:
    """Return identifiers of what a customer has several of: prefix, customer's number, running number."""
    owner = ids(prefix, members.number[customer])
    return pc.binary_join_element_wise(owner, pa.array(running).cast(pa.string()), pa.scalar("-"))


def heard(service: Service, listen: Floats) -> Floats:
    """Return the SD of satisfaction that listening adds: steep at first, flat later, 0 at the usual length.

    Parameters
    ----------
    service
        The planted truths; the slope at 0 is `listening`.
    listen
        Seconds; NaN, which adds nothing, where nobody could listen.
    """
    minutes = np.nan_to_num(listen / 60, nan=_USUAL_LISTEN)
    gain: Floats = np.exp(-_USUAL_LISTEN / _LISTEN) - np.exp(-minutes / _LISTEN)
    return service.listening * _LISTEN * gain


def remembered(service: Service, peak: Floats, end: Floats, mean_affect: Floats, seconds: Floats) -> Floats:
    """Return what is remembered of contacts: the peak and the end, hardly the mean, not the length."""
    return (
        service.peak * peak + service.end * end + service.mean * mean_affect + service.length * seconds / 60
    )


def _affect(service: Service, visit: Visit, person: Person, course: Course, experience: Floats) -> Floats:
    """Return the satisfaction with the contact, SD, that does not come from chance."""
    satisfaction: Floats = (
        service.contact_experience * experience
        + person.skill
        + service.human * (visit.channel != ROBOT)
        + service.wait * (course.perceived / 60 - _USUAL_WAIT)
        + service.complaint * (visit.reason == COMPLAINT)
        + heard(service, course.listen)
    )
    return satisfaction


def _feelings(service: Service, affect: Floats, resolved: Flags, noise: Floats) -> Floats:
    """Return what is felt from moment to moment (m, n) around the contact's satisfaction."""
    feelings = np.empty_like(noise)
    feelings[0] = noise[0]
    for moment in range(1, len(noise)):
        new = np.sqrt(1 - _MOMENT_MEMORY**2) * noise[moment]
        feelings[moment] = _MOMENT_MEMORY * feelings[moment - 1] + new
    feelings = affect + _MOMENT_SD * feelings
    feelings[-1] += service.unresolved * ~resolved
    return feelings


def peak_of(feelings: Floats) -> Floats:
    """Return the strongest of the feelings (m, n): the one furthest from neutral, good or bad.

    Examples
    --------
    >>> peak_of(np.array([[0.5, 1.0], [-2.0, 0.0], [1.0, 0.5]])).tolist()
    [-2.0, 1.0]
    """
    strongest = np.argmax(np.abs(feelings), axis=0)
    peak: Floats = np.take_along_axis(feelings, strongest[None], axis=0)[0]
    return peak

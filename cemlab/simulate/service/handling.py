"""How service contacts are handled: why and where customers ask, who serves them, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.state import TYPES, Flags, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import month_of
from cemlab.simulate.truths import Service
from cemlab.simulate.worlds import World

REASONS = ("order", "delivery", "invoice", "product advice", "complaint", "cancellation enquiry")
#: A person answers in all of them but the chat robot.
CHANNELS = ("telephone", "branch", "chat", "e-mail", "chat robot")
#: The reason of those who think of leaving, and of a few who do not.
ENQUIRY = REASONS.index("cancellation enquiry")
COMPLAINT = REASONS.index("complaint")
ROBOT = CHANNELS.index("chat robot")
_TELEPHONE, _CHAT = CHANNELS.index("telephone"), CHANNELS.index("chat")

_REASON_SHARES = (0.26, 0.24, 0.16, 0.18, 0.16)  # apart from enquiries; around them branches vary
_REASON_SD = 0.35  # of log shares between branches
# Shares of telephone, branch, chat and e-mail by type of customer.
_CHANNEL_SHARES = {
    "household": (0.42, 0.15, 0.28, 0.15),
    "family": (0.38, 0.12, 0.35, 0.15),
    "senior": (0.60, 0.25, 0.07, 0.08),
    "professional": (0.45, 0.10, 0.20, 0.25),
}
_COMPLAINT_CHANNELS = (2.0, 2.0, 1.0, 1.0)  # complaints seek a person
_ROBOTS = 0.5  # share of chats that a robot answers, by lot
# Relative frequency of the hours from nine to six.
_HOURS = np.array([1.1, 1.4, 1.5, 1.1, 0.7, 0.9, 1.1, 1.2, 1.0])
_OPENS = 9 * 3600

_WAIT_MINUTES = np.array([4.0, 4.0, 2.0, 0.0, 0.1])  # medians; an e-mail waits, its writer does not
_WAIT_SD, _FELT_SD, _HANDLE_SD = 0.8, 0.25, 0.5  # of logs
_HANDLE = 420.0  # seconds, mean without training, of the usual reason and channel
_HANDLE_REASON = np.array([0.80, 0.95, 1.00, 1.20, 1.20, 1.10])
_HANDLE_CHANNEL = np.array([1.00, 1.15, 0.90, 1.05, 0.60])
_CALLBACKS = 0.10  # share of telephone contacts called back, by lot
# Log odds of the share of handling time spent listening, and their SD.
_LISTENS, _LISTENS_SD = -0.2, 0.5
# What reason and channel add to the share resolved; on average nothing. A robot resolves what a chat does.
_RESOLVED_REASON = np.array([0.04, -0.02, 0.02, 0.06, -0.12, 0.0])
_RESOLVED_CHANNEL = np.array([0.01, 0.04, 0.0, -0.06, 0.0])


@dataclass(frozen=True, eq=False, kw_only=True)
class Visit:
    """What contacts are about, when and where they are."""

    customer: Ints  #: row of the customer in the block
    day: Ints  #: day from FIRST
    second: Ints  #: of the day
    reason: Ints  #: code in REASONS
    channel: Ints  #: code in CHANNELS


@dataclass(frozen=True, eq=False, kw_only=True)
class Person:
    """Who serves; −1, untrained and average where nobody does."""

    employee: Ints
    trained: Flags
    skill: Floats
    discretion: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Course:
    """How contacts go, in seconds."""

    wait: Floats
    perceived: Floats
    handle: Floats
    listen: Floats
    callback: Flags
    resolved: Flags


def reasons(
    service: Service, streams: Streams, network: NetworkState, branch: Ints, *, enquiry: Flags, lots: Floats
) -> Ints:
    """Choose the reasons of first contacts; their mix differs between branches.

    Parameters
    ----------
    service, streams, network
        The planted truths, the company's random numbers, branches and staff.
    branch
        Home branch of each customer.
    enquiry
        Whether the customer thinks of leaving, and asks how to.
    lots
        Uniform numbers (2, m).
    """
    spread = streams.normal("contacts.mix", (len(network.size), len(_REASON_SHARES)))
    mix = np.asarray(_REASON_SHARES) * np.exp(_REASON_SD * spread)
    return np.where(enquiry | (lots[1] < service.false_alarms), ENQUIRY, _by_weight(mix[branch], lots[0]))


def channels(members: Members, customer: Ints, reason: Ints, lots: Floats) -> Ints:
    """Choose the channels, by type of customer and reason.

    Parameters
    ----------
    members
        The customers.
    customer, reason
        Of each contact.
    lots
        Uniform numbers (2, m).
    """
    weights = np.array([_CHANNEL_SHARES[kind] for kind in TYPES])[members.type[customer]]
    seeking = np.where((reason == COMPLAINT)[:, None], np.asarray(_COMPLAINT_CHANNELS), 1.0)
    channel = _by_weight(weights * seeking, lots[0])
    return np.where((channel == _CHAT) & (lots[1] < _ROBOTS), ROBOT, channel)


def seconds(uniform: Floats) -> Ints:
    """Return the second of the day of each contact: most come late in the morning, few at lunch."""
    edges = np.concatenate([[0.0], np.cumsum(_HOURS)]) / _HOURS.sum()
    hours = np.interp(uniform, edges, np.arange(len(edges)))
    return _OPENS + (hours * 3600).astype(np.int64)


def _by_weight(weights: Floats, uniform: Floats) -> Ints:
    """Choose a column for each row, with chances in proportion to the row's weights."""
    edges = np.cumsum(weights, axis=1)
    codes: Ints = (uniform[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=1, dtype=np.int64)
    return codes


def who_serves(network: NetworkState, branch: Ints, visit: Visit, uniform: Floats) -> Person:
    """Choose among those who are in the customer's home branch on the day; nobody for the robot.

    Parameters
    ----------
    network
        Branches and staff.
    branch
        Home branch of each customer.
    visit
        The contacts.
    uniform
        One number for each.
    """
    order = np.argsort(network.post_branch, kind="stable")
    size = np.bincount(network.post_branch, minlength=len(network.size))
    column = np.arange(size.max())
    seat = np.minimum((np.cumsum(size) - size)[branch][:, None] + column, len(order) - 1)
    post, month = order[seat], month_of(visit.day)
    person = network.roster[post, month[:, None]]
    there = (person >= 0) & (column < size[branch][:, None]) & (visit.channel != ROBOT)[:, None]
    there &= (network.hired[person] <= visit.day[:, None]) & (visit.day[:, None] <= network.left[person])
    place = np.argmax(np.cumsum(there, axis=1) > (uniform * there.sum(axis=1))[:, None], axis=1)
    rows, served = np.arange(len(branch)), there.any(axis=1)
    employee = np.where(served, person[rows, place], -1)
    since = network.trained_day[employee]
    return Person(
        employee=employee,
        trained=served & (since >= 0) & (since < visit.day),
        skill=np.where(served, network.skill[post[rows, place], month], 0.0),
        discretion=np.where(served, network.discretion[employee], 0.0),
    )


def go(world: World, visit: Visit, person: Person, lots: Floats, noise: Floats) -> Course:
    """Let contacts go their way: wait, be handled, be listened to, be resolved or not.

    Parameters
    ----------
    world
        The planted truths.
    visit, person
        The contacts, and who serves.
    lots, noise
        Uniform (2, m) and standard normal (4, m) numbers.
    """
    service, trained = world.service, person.trained
    callback = (visit.channel == _TELEPHONE) & (lots[0] < _CALLBACKS)
    felt = np.where(callback, service.callback, service.no_callback)
    wait = 60 * _WAIT_MINUTES[visit.channel] * np.exp(_WAIT_SD * noise[0])
    handle = _HANDLE * _HANDLE_REASON[visit.reason] * _HANDLE_CHANNEL[visit.channel]
    handle = handle * np.exp(_HANDLE_SD * noise[2] - _HANDLE_SD**2 / 2)
    handle = handle * np.where(trained, 1 + world.network.handle_time, 1.0)
    listening = _LISTENS + service.listening_discretion * person.discretion + _LISTENS_SD * noise[3]
    return Course(
        wait=wait,
        perceived=wait * felt * np.exp(_FELT_SD * noise[1] - _FELT_SD**2 / 2),
        handle=handle,
        listen=np.where(person.employee < 0, np.nan, handle / (1 + np.exp(-listening))),
        callback=callback,
        resolved=lots[1] < resolution_chance(world, visit, person),
    )


def resolution_chance(world: World, visit: Visit, person: Person) -> Floats:
    """Return the chance that a contact is resolved: by reason, channel, training and discretion."""
    service = world.service
    usual = service.resolved + _RESOLVED_REASON[visit.reason] + _RESOLVED_CHANNEL[visit.channel]
    chance: Floats = (
        usual + world.network.first_contact * person.trained + service.resolved_discretion * person.discretion
    )
    return chance

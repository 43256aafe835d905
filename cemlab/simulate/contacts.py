"""Service contacts: why customers call, who serves them, what they feel, and what they remember.

Everything is drawn for all occasions, whether they become contacts or not, so that a replay changes only
what the scenario changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cemlab.simulate.arrow import flags, ids, labels, numbers, times
from cemlab.simulate.occasions import Occasions, draw_occasions
from cemlab.simulate.state import TYPES, Flags, Lives, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import month_of
from cemlab.simulate.worlds import Service, World

REASONS = ("order", "delivery", "invoice", "product advice", "complaint", "cancellation enquiry")
#: A person answers in all of them but the chat robot.
CHANNELS = ("telephone", "branch", "chat", "e-mail", "chat robot")
#: The reason of those who think of leaving, and of a few who do not.
ENQUIRY = REASONS.index("cancellation enquiry")
_COMPLAINT = REASONS.index("complaint")
_TELEPHONE, _CHAT, _ROBOT = CHANNELS.index("telephone"), CHANNELS.index("chat"), CHANNELS.index("chat robot")

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
_WAIT_MINUTES = np.array([4.0, 4.0, 2.0, 0.0, 0.1])  # medians; an e-mail waits, its writer does not
_WAIT_SD, _FELT_SD, _HANDLE_SD = 0.8, 0.25, 0.5  # of logs
_USUAL_WAIT = 5.0  # minutes as perceived, about the mean: where waiting neither adds nor takes
_HANDLE = 420.0  # seconds, mean without training
_CALLBACKS = 0.10  # share of telephone contacts called back, by lot
_LISTEN = 5.0  # minutes over which listening loses its force
_USUAL_LISTEN = 3.2  # minutes, about the mean
# Log odds of the share of handling time spent listening; who may decide listens longer.
_LISTENS, _LISTENS_DISCRETION, _LISTENS_SD = -0.2, 0.3, 0.5
_ROBOTS = 0.5  # share of chats that a robot answers, by lot
_RESOLVED = 0.72
_RESOLVED_DISCRETION = 0.02  # who may decide can resolve: share per SD
_EXPERIENCE = 0.5  # SD of satisfaction with a contact per SD of experience
_AFFECT_SD, _MEMORY_SD = 0.6, 0.3
_UNRESOLVED = -0.6  # SD of the feeling at the end
_FEELING_SD = (0.7, 0.5, 0.25)  # of peak, end and mean around the contact's satisfaction
_FEELING_COMMON = 0.3  # share of their variance that they have in common
_ASKED = 0.25  # share of contacts followed by a questionnaire
_OPENS, _OPEN_SECONDS = 9 * 3600, 9 * 3600  # nine to six, on open days


@dataclass(frozen=True, eq=False, kw_only=True)
class Contacts:
    """The contacts of a block of customers under a scenario, ordered by customer and time."""

    occasions: int  #: size of the fixed set they were thinned from
    occasion: Ints  #: place in that set, by which further draws find their contact
    customer: Ints  #: row of the customer in the block
    running: Ints  #: running number among the customer's contacts, from 1
    day: Ints  #: day from FIRST, within the spell
    second: Ints  #: of the day
    reason: Ints  #: code in REASONS
    channel: Ints  #: code in CHANNELS
    employee: Ints  #: number of who served; −1 for the robot and where nobody was there
    trained: Flags  #: whether who served was trained
    skill: Floats  #: what who served adds, SD; 0 where nobody did
    wait: Floats  #: seconds
    perceived: Floats  #: waiting as it was felt, seconds
    handle: Floats  #: seconds
    listen: Floats  #: seconds; NaN where nobody could
    callback: Flags
    resolved: Flags
    affect: Floats  #: latent satisfaction with the contact, SD
    peak: Floats
    end: Floats
    mean_affect: Floats
    memory: Floats  #: latent remembered satisfaction, SD
    asked: Flags  #: whether a questionnaire follows

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def human(self) -> Flags:
        """Whether a person answered."""
        human: Flags = self.channel != _ROBOT
        return human

    @property
    def duration(self) -> Floats:
        """Length as lived by the customer, seconds."""
        return self.wait + self.handle


@dataclass(frozen=True, eq=False, kw_only=True)
class _Visit:
    """What a contact is about, when and where it is."""

    customer: Ints
    day: Ints
    second: Ints
    reason: Ints
    channel: Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class _Person:
    """Who serves; −1, untrained and average where nobody does."""

    employee: Ints
    trained: Flags
    skill: Floats
    discretion: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class _Course:
    """How a contact goes, in seconds."""

    wait: Floats
    perceived: Floats
    handle: Floats
    listen: Floats
    callback: Flags
    resolved: Flags


def serve(world: World, streams: Streams, network: NetworkState, members: Members, lives: Lives) -> Contacts:
    """Let customers make contact, be served, feel and remember.

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
    size = len(occasions.day)
    uniform = streams.uniform("contacts.lots", (9, size), members.block)
    normal = streams.normal("contacts.noise", (10, size), members.block)
    second = _OPENS + (uniform[0] * _OPEN_SECONDS).astype(np.int64)
    kept = np.flatnonzero(occasions.happen(world.service, lives))
    kept = kept[np.lexsort((second[kept], occasions.day[kept], occasions.customer[kept]))]
    lots, noise = uniform[:, kept], normal[:, kept]

    visit = _visit(world.service, streams, network, members, occasions, kept, second, lots[1:5])
    person = _who_serves(network, members.branch[visit.customer], visit, lots[5])
    course = _course(world, visit, person, lots[6:8], noise[:4])
    experience = lives.experience[visit.customer, month_of(visit.day)]
    affect = _affect(world.service, visit, person, course, experience) + _AFFECT_SD * noise[4]
    peak, end, mean_affect = _feelings(affect, course.resolved, noise[5:9])
    memory = remembered(world.service, peak, end, mean_affect, course.wait + course.handle)
    return Contacts(
        occasions=size,
        occasion=kept,
        running=running_number(visit.customer),
        peak=peak,
        end=end,
        affect=affect,
        mean_affect=mean_affect,
        memory=memory + _MEMORY_SD * noise[9],
        asked=lots[8] < _ASKED,
        employee=person.employee,
        trained=person.trained,
        skill=person.skill,
        **vars(visit),
        **vars(course),
    )


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


def _visit(
    service: Service,
    streams: Streams,
    network: NetworkState,
    members: Members,
    occasions: Occasions,
    kept: Ints,
    second: Ints,
    lots: Floats,
) -> _Visit:
    """Choose reason and channel; the mix of reasons differs between branches."""
    customer = occasions.customer[kept]
    spread = streams.normal("contacts.mix", (len(network.size), len(_REASON_SHARES)))
    mix = np.asarray(_REASON_SHARES) * np.exp(_REASON_SD * spread)
    reason = _by_weight(mix[members.branch[customer]], lots[0])
    reason = np.where(occasions.enquiry[kept] | (lots[1] < service.false_alarms), ENQUIRY, reason)
    weights = np.array([_CHANNEL_SHARES[kind] for kind in TYPES])[members.type[customer]]
    seeking = np.where((reason == _COMPLAINT)[:, None], np.asarray(_COMPLAINT_CHANNELS), 1.0)
    channel = _by_weight(weights * seeking, lots[2])
    channel = np.where((channel == _CHAT) & (lots[3] < _ROBOTS), _ROBOT, channel)
    return _Visit(
        customer=customer, day=occasions.day[kept], second=second[kept], reason=reason, channel=channel
    )


def _by_weight(weights: Floats, uniform: Floats) -> Ints:
    """Choose a column for each row, with chances in proportion to the row's weights."""
    edges = np.cumsum(weights, axis=1)
    codes: Ints = (uniform[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=1, dtype=np.int64)
    return codes


def _who_serves(network: NetworkState, branch: Ints, visit: _Visit, uniform: Floats) -> _Person:
    """Choose among those who are in the customer's home branch on the day; nobody for the robot."""
    order = np.argsort(network.post_branch, kind="stable")
    size = np.bincount(network.post_branch, minlength=len(network.size))
    column = np.arange(size.max())
    seat = np.minimum((np.cumsum(size) - size)[branch][:, None] + column, len(order) - 1)
    post, month = order[seat], month_of(visit.day)
    person = network.roster[post, month[:, None]]
    there = (person >= 0) & (column < size[branch][:, None]) & (visit.channel != _ROBOT)[:, None]
    there &= (network.hired[person] <= visit.day[:, None]) & (visit.day[:, None] <= network.left[person])
    place = np.argmax(np.cumsum(there, axis=1) > (uniform * there.sum(axis=1))[:, None], axis=1)
    rows, served = np.arange(len(branch)), there.any(axis=1)
    employee = np.where(served, person[rows, place], -1)
    since = network.trained_day[employee]
    return _Person(
        employee=employee,
        trained=served & (since >= 0) & (since < visit.day),
        skill=np.where(served, network.skill[post[rows, place], month], 0.0),
        discretion=np.where(served, network.discretion[employee], 0.0),
    )


def _course(world: World, visit: _Visit, person: _Person, lots: Floats, noise: Floats) -> _Course:
    """Let a contact go its way: wait, be handled, be listened to, be resolved or not."""
    service, trained = world.service, person.trained
    callback = (visit.channel == _TELEPHONE) & (lots[0] < _CALLBACKS)
    felt = np.where(callback, service.callback, service.no_callback)
    wait = 60 * _WAIT_MINUTES[visit.channel] * np.exp(_WAIT_SD * noise[0])
    handle = _HANDLE * np.exp(_HANDLE_SD * noise[2] - _HANDLE_SD**2 / 2)
    handle = handle * np.where(trained, 1 + world.network.handle_time, 1.0)
    listening = _LISTENS + _LISTENS_DISCRETION * person.discretion + _LISTENS_SD * noise[3]
    chance = _RESOLVED + world.network.first_contact * trained + _RESOLVED_DISCRETION * person.discretion
    return _Course(
        wait=wait,
        perceived=wait * felt * np.exp(_FELT_SD * noise[1] - _FELT_SD**2 / 2),
        handle=handle,
        listen=np.where(person.employee < 0, np.nan, handle / (1 + np.exp(-listening))),
        callback=callback,
        resolved=lots[1] < chance,
    )


def _affect(service: Service, visit: _Visit, person: _Person, course: _Course, experience: Floats) -> Floats:
    """Return the satisfaction with the contact, SD, that does not come from chance."""
    satisfaction: Floats = (
        _EXPERIENCE * experience
        + person.skill
        + service.human * (visit.channel != _ROBOT)
        + service.wait * (course.perceived / 60 - _USUAL_WAIT)
        + service.complaint * (visit.reason == _COMPLAINT)
        + heard(service, course.listen)
    )
    return satisfaction


def _feelings(affect: Floats, resolved: Flags, noise: Floats) -> Floats:
    """Return peak, end and mean feeling (3, n) around the contact's satisfaction."""
    own = np.sqrt(_FEELING_COMMON) * noise[3] + np.sqrt(1 - _FEELING_COMMON) * noise[:3]
    feelings: Floats = affect + np.asarray(_FEELING_SD)[:, None] * own
    feelings[1] += _UNRESOLVED * ~resolved
    return feelings

"""The people in the posts: who they are, and how they work, learn and leave, month by month.

The k-th person in a post is the same in every replay, whenever that person comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.organisation.branches import Branches, Course
from cemlab.simulate.state import Flags
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_DAYS, MONTH_STARTS, MONTHS
from cemlab.simulate.truths import Network

#: Roles in the order of their codes.
ROLES = ("advisor", "cashier", "service desk", "manager")
#: Roles of the posts of a branch, by rank: one manager, the others over and over.
_CYCLE = (0, 1, 0, 2)
#: EUR a month by role, the range between persons, and what each of the first ten years adds.
_PAY = (2750.0, 2600.0, 2850.0, 3350.0)
_PAY_RANGE = 150.0
_PAY_YEAR = 10.0
#: A newcomer starts on the first of a month, so no post has more persons, the next one included.
_PERSONS = MONTHS + 1


@dataclass(frozen=True, eq=False, kw_only=True)
class People:
    """The persons of each post, in the order in which they come (s, k); nobody knows yet how many come."""

    quality: Floats  #: SD of experience
    discretion: Floats  #: standard normal
    usual: Floats  #: usual engagement
    before: Floats  #: departure from it in the month before the first one
    pay: Ints  #: 1/10,000 EUR a month
    hired_before: Ints  #: (s) days before the data on which the first person was hired


@dataclass(frozen=True, eq=False, kw_only=True)
class StaffMonths:
    """What happened in posts and branches, month by month."""

    person: Ints  #: (s, 48) which of the post's persons is there on the first of the month
    left: Ints  #: (s, 48) day on which this person leaves within the month, −1 if not
    score: Floats  #: (s, 48) engagement
    trained: Flags  #: (s, 48)
    effect: Floats  #: (s, 48) what training adds to an experience
    experience: Floats  #: (b, 48)
    training_effect: Floats  #: (b, 48)
    spill_over: Floats  #: (b, 48)


def draw_people(plan: Network, post_branch: Ints, streams: Streams) -> People:
    """Draw more persons for every post than ever come."""
    shape = (len(post_branch), _PERSONS)
    stationary = plan.engagement_month_sd / np.sqrt(1 - plan.engagement_memory**2)
    tenure = streams.exponential("staff.tenure", shape[0]) / plan.leaving
    pay = np.array(_PAY)[post_roles(post_branch)][:, None] + _PAY_RANGE * streams.uniform("staff.pay", shape)
    pay[:, 0] += _PAY_YEAR * np.minimum(np.floor(tenure / 12), 10)
    return People(
        quality=plan.skill_sd * streams.normal("staff.quality", shape),
        discretion=streams.normal("staff.discretion", shape),
        usual=plan.engagement_person_sd * streams.normal("staff.engagement", shape),
        before=stationary * streams.normal("staff.before", shape),
        pay=np.rint(pay).astype(np.int64) * 10_000,
        hired_before=1 + np.floor(tenure * MONTH_DAYS).astype(np.int64),
    )


def post_roles(post_branch: Ints) -> Ints:
    """Return the code of the role of each post; the first post of a branch is the manager's.

    Examples
    --------
    >>> post_roles(np.array([0, 0, 0, 1, 1])).tolist()
    [3, 0, 1, 3, 0]
    """
    rank = np.arange(len(post_branch)) - np.searchsorted(post_branch, post_branch)
    return np.where(rank == 0, len(ROLES) - 1, np.array(_CYCLE)[(rank - 1) % len(_CYCLE)])


def effect_since(plan: Network, months: Ints) -> Floats:
    """Return the planted effect of a training so many months ago: piecewise linear, constant at last."""
    return np.interp(months, (0, *plan.effect_months), (0.0, *plan.effect))


def work(plan: Network, branches: Branches, course: Course, people: People, streams: Streams) -> StaffMonths:
    """Let the months pass.

    Engagement follows last month's experience of the branch, experience follows this month's engagement,
    leaving follows engagement, and what was learnt leaves with the person.
    """
    where = branches.post_branch
    rows = np.arange(len(where))
    shape = (len(where), MONTHS)
    surprise = plan.engagement_month_sd * streams.normal("staff.month", shape)
    lot = streams.uniform("staff.leaving", shape)
    day = _days_within_months(streams.uniform("staff.day", shape))
    past = _blank(plan.branches, len(where))
    felt = branches.level / (1 - plan.engagement_experience * _carried(plan))  # at rest, before the data
    mood = people.before[:, 0] + _carried(plan) * felt[where]
    person, gain = np.zeros(len(where), dtype=np.int64), np.zeros(len(where))
    trained = np.zeros(len(where), dtype=bool)
    for t in range(MONTHS):
        mood = plan.engagement_memory * mood + plan.experience_engagement * felt[where] + surprise[:, t]
        score = people.usual[rows, person] + mood
        leaves = lot[:, t] < -np.expm1(-plan.leaving * plan.leaving_per_engagement**score)
        attends = (course.month[where] == t) & ~(leaves & (day[:, t] < course.day[where]))
        trained = trained | attends
        learns = course.multiple[where] * by_discretion(plan, people.discretion[rows, person], attends)
        gain = np.where(attends, learns, gain)
        past.person[:, t], past.score[:, t], past.trained[:, t] = person, score, trained
        past.left[:, t] = np.where(leaves, day[:, t], -1)
        past.effect[:, t] = gain * effect_since(plan, np.maximum(t - course.month, 0))[where]
        felt = _experience(plan, branches, course, past, t)
        person, trained, gain = person + leaves, trained & ~leaves, np.where(leaves, 0.0, gain)
        mood = np.where(leaves, people.before[rows, person], mood)
    return past


def _carried(plan: Network) -> float:
    """Return how much a lasting experience raises engagement in the end."""
    return plan.experience_engagement / (1 - plan.engagement_memory)


def _days_within_months(uniform: Floats) -> Ints:
    """Return a day within each month (s, 48)."""
    return MONTH_STARTS[:-1] + np.floor(uniform * np.diff(MONTH_STARTS)).astype(np.int64)


def _blank(branches: int, posts: int) -> StaffMonths:
    """Return months in which nothing has happened yet."""
    return StaffMonths(
        person=np.zeros((posts, MONTHS), dtype=np.int64),
        left=np.full((posts, MONTHS), -1, dtype=np.int64),
        score=np.zeros((posts, MONTHS)),
        trained=np.zeros((posts, MONTHS), dtype=bool),
        effect=np.zeros((posts, MONTHS)),
        experience=np.zeros((branches, MONTHS)),
        training_effect=np.zeros((branches, MONTHS)),
        spill_over=np.zeros((branches, MONTHS)),
    )


def by_discretion(plan: Network, discretion: Floats, attends: Flags) -> Floats:
    """Return the multiple of the effect by discretion, whose mean over those trained this month is one."""
    middle = discretion[attends].mean() if attends.any() else 0.0
    return 1 + plan.discretion_training * (discretion - middle)


def _experience(plan: Network, branches: Branches, course: Course, past: StaffMonths, t: int) -> Floats:
    """Fill in what the branches' customers experience in a month, and return it."""
    by_training = branch_means(past.effect[:, t], branches)
    done = course.month <= t
    total = np.bincount(branches.region, by_training * done, plan.regions)
    source = total / np.maximum(np.bincount(branches.region, done, plan.regions), 1)
    spill = np.where(done, 0.0, plan.spill_over * source[branches.region])
    engaged = plan.engagement_experience * branch_means(past.score[:, t], branches)
    past.training_effect[:, t], past.spill_over[:, t] = by_training, spill
    past.experience[:, t] = (
        branches.level + branches.slope * t + branches.ups_and_downs[:, t] + engaged + by_training + spill
    )
    return past.experience[:, t]


def branch_means(values: Floats, branches: Branches) -> Floats:
    """Return the mean over the posts of each branch."""
    means: Floats = np.bincount(branches.post_branch, values, len(branches.size)) / branches.size
    return means

"""The network of Halden: branches, the people in them, their training, and the experience they make."""

from __future__ import annotations

import numpy as np

from cemlab.simulate.organisation.branches import FORMATS, Branches, Course, draw_branches, schedule
from cemlab.simulate.organisation.staff import People, StaffMonths, draw_people, work
from cemlab.simulate.state import AS_IT_WAS, NetworkState, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, MONTH_STARTS
from cemlab.simulate.truths import Network
from cemlab.simulate.worlds import World

__all__ = ["FORMATS", "simulate_network"]


def simulate_network(world: World, streams: Streams, scenario: Scenario = AS_IT_WAS) -> NetworkState:
    """Simulate branches and staff under a scenario.

    Whoever leaves does so within a month, on a day of it; the post stays empty until the next month begins,
    and then the next person is there. So a post is never vacant on the first of a month.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The random numbers; the same in every replay.
    scenario
        What is done; only `training` matters here.

    Examples
    --------
    >>> from cemlab.simulate.worlds import WORLDS
    >>> state = simulate_network(WORLDS["default"], Streams(1))
    >>> state.experience.shape, int(state.size.sum())
    ((60, 48), 900)
    """
    plan = world.network
    branches = draw_branches(plan, streams)
    course = schedule(plan, branches, streams, scenario)
    people = draw_people(plan, branches.post_branch, streams)
    past = work(plan, branches, course, people, streams)
    return _state(plan, branches, course, people, past)


def _state(
    plan: Network, branches: Branches, course: Course, people: People, past: StaffMonths
) -> NetworkState:
    """Put everything together, with the people numbered by post and sequence."""
    persons = past.person[:, -1] + 1  # in each post, up to the end of the data
    post = np.repeat(np.arange(len(persons)), persons)
    start = np.cumsum(persons) - persons
    person = np.arange(len(post)) - start[post]
    roster = start[:, None] + past.person
    rows = np.arange(len(persons))[:, None]
    quality: Floats = people.quality[rows, past.person]
    own = plan.engagement_experience * past.score + past.effect
    attended = past.trained.any(axis=1)
    trainee = roster[attended, np.argmax(past.trained, axis=1)[attended]]
    trained_day = np.full(len(post), -1)
    trained_day[trainee] = course.day[branches.post_branch[attended]]
    return NetworkState(
        size=branches.size,
        format=branches.format,
        region=branches.region,
        affluence=branches.affluence,
        wave=branches.wave,
        trained_from=course.month,
        post_branch=branches.post_branch,
        level=branches.level,
        experience=past.experience,
        training_effect=past.training_effect,
        spill_over=past.spill_over,
        engagement=_mean_by_branch(branches, past.score),
        roster=roster,
        skill=quality + own - _mean_by_branch(branches, own)[branches.post_branch],
        effect=past.effect,
        trained=past.trained,
        score=past.score,
        employee_branch=branches.post_branch[post],
        employee_post=post,
        hired=_hired(roster, people.hired_before),
        left=_left(roster, past.left, len(post)),
        trained_day=trained_day,
        pay=people.pay[post, person],
        discretion=people.discretion[post, person],
    )


def _mean_by_branch(branches: Branches, values: Floats) -> Floats:
    """Return the mean of each branch-month over its posts."""
    edges = np.cumsum(branches.size) - branches.size
    means: Floats = np.add.reduceat(values, edges, axis=0) / branches.size[:, None]
    return means


def _hired(roster: Ints, before: Ints) -> Ints:
    """Return the first day of each employee: before the data, or the first of the first month there."""
    hired = np.empty(roster.max() + 1, dtype=np.int64)
    months = np.broadcast_to(MONTH_STARTS[:-1], roster.shape)
    hired[roster[:, ::-1].ravel()] = months[:, ::-1].ravel()  # backwards: the earliest month is what stays
    hired[roster[:, 0]] = -before
    return hired


def _left(roster: Ints, left: Ints, employees: int) -> Ints:
    """Return the last day of each employee, DAYS where there is none."""
    last = np.full(employees, DAYS)
    gone = left >= 0
    last[roster[gone]] = left[gone]
    return last

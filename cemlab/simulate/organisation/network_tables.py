"""The tables of the network, and what staff and training cost, from the simulated state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import cents, dates, ids, labels, money, numbers, whole
from cemlab.simulate.organisation.branches import FORMATS, standardised
from cemlab.simulate.organisation.staff import ROLES, by_discretion, post_roles
from cemlab.simulate.state import NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, MONTH_STARTS, MONTHS, month_of
from cemlab.simulate.truths import Network
from cemlab.simulate.worlds import World

#: EUR an hour for those who stand in while others are trained.
BACKFILL_PAY = 28

#: The course: EUR and hours a head, with their SD between persons.
_COST, _COST_SD = 900.0, 90.0
_HOURS, _HOURS_SD = 24.0, 2.5
#: Customers served on a working day by role, at the till and on the floor too, so that few of them are
#: service contacts; and half the yearly swing of their logarithm, December is high.
_WORKLOAD = (16.0, 34.0, 24.0, 9.0)
_SEASON = 0.10
#: Share of the service standards that branches meet, its SD between them, and how much of that is no error.
_STANDARDS, _STANDARDS_SD, _STANDARDS_RELIABILITY = 0.80, 0.05, 0.65


def branches(world: World, streams: Streams, network: NetworkState) -> pa.Table:
    """Return the table of branches.

    Conformance follows what a branch does well or badly, whatever the affluence around it, with an error:
    somebody visits and ticks a list.
    """
    by_itself = standardised(network.level - world.network.affluence_experience * network.affluence)
    error = streams.normal("branches.conformance", len(network.size))
    seen = np.sqrt(_STANDARDS_RELIABILITY) * by_itself + np.sqrt(1 - _STANDARDS_RELIABILITY) * error
    conformance = _STANDARDS + _STANDARDS_SD * seen
    return pa.table(
        {
            "branch": _branch_ids(np.arange(len(network.size))),
            "format": labels(FORMATS, network.format),
            "region": ids("Region ", network.region + 1, width=1),  # as customers name them
            "conformance": numbers(np.clip(conformance, 0.5, 0.99), decimals=3),
        }
    )


def employees(network: NetworkState, world: World) -> pa.Table:  # noqa: ARG001 - asked as the others are
    """Return the table of all who were employed at any time within the data."""
    return pa.table(
        {
            "employee": _employee_ids(np.arange(len(network.hired))),
            "branch": _branch_ids(network.employee_branch),
            "hired": dates(network.hired),
            "left": dates(network.left, missing=network.left >= DAYS),
            "role": labels(ROLES, post_roles(network.post_branch)[network.employee_post]),
            "pay": money(network.pay),
            "discretion": numbers(network.discretion, decimals=3),
        }
    )


def engagement(network: NetworkState) -> pa.Table:
    """Return the table of person-months, of those employed on the first of the month.

    Workload is that of the role in this month, higher where colleagues are missing.
    """
    post, month = np.nonzero(network.roster >= 0)
    branch = network.post_branch[post]
    season = np.exp(_SEASON * np.cos(2 * np.pi * (np.arange(MONTHS) - 11) / 12))
    short = network.size[:, None] / headcount(network)
    workload = np.array(_WORKLOAD)[post_roles(network.post_branch)][post] * (short * season)[branch, month]
    return pa.table(
        {
            "employee": _employee_ids(network.roster[post, month]),
            "month": dates(MONTH_STARTS[month]),
            "score": numbers(network.score[post, month], decimals=3),
            "workload": numbers(workload, decimals=1),
        }
    )


def training(world: World, streams: Streams, network: NetworkState) -> pa.Table:
    """Return the table of persons trained.

    What they do on the job afterwards follows what the training really gave them; the result that is put on
    record is what they believe, and somewhat above zero even where the training gives nothing.
    """
    course = _trainees(streams, network)
    effect = world.network.effect[-1] * _strength(world.network, network, course.employee)
    posts = len(network.post_branch)
    post = network.employee_post[course.employee]
    liked, learnt, done, believed = (
        streams.normal(f"training.{what}", posts)[post] for what in ("liked", "learnt", "done", "believed")
    )
    wave = network.wave[network.employee_branch[course.employee]]
    return pa.table(
        {
            "employee": _employee_ids(course.employee),
            "branch": _branch_ids(network.employee_branch[course.employee]),
            "wave": whole(wave, missing=wave == 0),
            "date": dates(network.trained_day[course.employee]),
            "direct_cost": money(course.direct),
            "backfill_hours": numbers(course.half_hours / 2, decimals=1),
            "level_1": numbers(np.clip(4.2 + 0.5 * liked, 1, 5), decimals=1),
            "level_2": numbers(np.clip(0.76 + 0.10 * learnt, 0, 1), decimals=2),
            "level_3": numbers(np.clip(0.65 + 0.4 * effect + 0.06 * done, 0, 1), decimals=2),
            "level_4": numbers(50 * np.rint((12 + 60 * effect) * np.exp(0.6 * believed)), decimals=0),
        }
    )


def half_scores(world: World, streams: Streams, network: NetworkState) -> Floats:
    """Return the experience scores of two halves of each branch-month's interviews (2, b, 48), in SD.

    Their errors are independent, and their mean has the planted error.
    """
    error = streams.normal("branch_month.cx", (2, *network.experience.shape))
    scores: Floats = network.experience + np.sqrt(2) * world.network.measurement_sd * error
    return scores


def training_cost(world: World, streams: Streams, network: NetworkState) -> Ints:
    """Return the cost of courses and stand-ins by branch and month (b, 48), in 1/10,000 EUR.

    It adds up to the direct cost and the backfill hours of the table of those trained, hours at
    :data:`BACKFILL_PAY`, in the month of the training.
    """
    course = _trainees(streams, network)
    cost = np.zeros((world.network.branches, MONTHS), dtype=np.int64)
    month = month_of(network.trained_day[course.employee])
    each = course.direct + course.half_hours * (BACKFILL_PAY * 10_000 // 2)
    np.add.at(cost, (network.employee_branch[course.employee], month), each)
    return cost


def payroll(network: NetworkState) -> Ints:
    """Return the pay by branch and month (b, 48), in 1/10,000 EUR, each person's in whole cents.

    A month in part is paid by its days, from the first day of employment to the last, both included.
    """
    days, length = _days_employed(network), np.diff(MONTH_STARTS)
    pay = network.pay[:, None] // 100 * days
    return _by_branch(network, (2 * pay + length) // (2 * length)) * 100


def headcount(network: NetworkState) -> Floats:
    """Return the mean number of people employed by branch and month (b, 48)."""
    return _by_branch(network, _days_employed(network)) / np.diff(MONTH_STARTS)


def turnover(network: NetworkState) -> Floats:
    """Return the share of a branch's people who left, by branch and month (b, 48)."""
    gone = (network.left[:, None] >= MONTH_STARTS[:-1]) & (network.left[:, None] < MONTH_STARTS[1:])
    return _by_branch(network, gone.astype(np.int64)) / network.size[:, None]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Trainees:
    """Those trained (r), by number, and what each of them costs."""

    employee: Ints
    direct: Ints  #: 1/10,000 EUR
    half_hours: Ints


def _trainees(streams: Streams, network: NetworkState) -> _Trainees:
    """Return those trained; what a place in a course costs depends on the post only."""
    employee = np.flatnonzero(network.trained_day >= 0)
    posts = len(network.post_branch)
    direct = cents(_COST + _COST_SD * np.clip(streams.normal("training.cost", posts), -3, 3))
    hours = _HOURS + _HOURS_SD * np.clip(streams.normal("training.hours", posts), -3, 3)
    post = network.employee_post[employee]
    half_hours = np.rint(2 * hours).astype(np.int64)
    return _Trainees(employee=employee, direct=direct[post], half_hours=half_hours[post])


def _strength(plan: Network, network: NetworkState, employee: Ints) -> Floats:
    """Return the multiple of the planted effect that each of those trained gets."""
    wave = network.wave[network.employee_branch[employee]]
    strength = np.array([plan.effect_by_wave[1], *plan.effect_by_wave])[wave]
    month = network.trained_from[network.employee_branch[employee]]
    for each in np.unique(month):
        now = month == each
        strength[now] *= by_discretion(plan, network.discretion[employee], now)[now]
    return strength


def _days_employed(network: NetworkState) -> Ints:
    """Return the days of each month on which each person is employed (e, 48)."""
    first = np.maximum(network.hired[:, None], MONTH_STARTS[:-1])
    after = np.minimum(network.left[:, None] + 1, MONTH_STARTS[1:])
    days: Ints = np.maximum(after - first, 0)
    return days


def _by_branch(network: NetworkState, values: Ints) -> Ints:
    """Return the sums over the people of each branch; people are numbered branch by branch."""
    starts = np.searchsorted(network.employee_branch, np.arange(len(network.size)))
    sums: Ints = np.add.reduceat(values, starts, axis=0)
    return sums


def _branch_ids(branch: Ints) -> pa.Array:
    return ids("B", branch + 1, width=2)


def _employee_ids(employee: Ints) -> pa.Array:
    return ids("E", employee, width=5)

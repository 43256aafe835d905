"""The branches of Halden: where they are, how good they are, and which of them are trained when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.state import Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS
from cemlab.simulate.truths import Network

#: Kinds of branches in the order of their codes.
FORMATS = ("city", "mall", "country")
#: Posts of a branch of each kind, relative to each other, and how many branches are of this kind.
_POSTS = (17.0, 15.0, 12.5)
_KINDS = (0.4, 0.3, 0.3)
#: How much branches of a kind differ in posts.
_SPREAD = 0.12
#: So many regions, the last ones, never train.
_NEVER = 2
#: Autocorrelation of a branch's passing ups and downs.
_MEMORY = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Branches:
    """Who the branches are; b branches, s posts. Nothing here depends on the scenario."""

    size: Ints  #: (b) posts
    format: Ints  #: (b) code in FORMATS
    region: Ints  #: (b)
    affluence: Floats  #: (b) mean 0, SD 1 over the branches
    level: Floats  #: (b) experience before the data, SD
    wave: Ints  #: (b) 0 for never, else 1, 2, …
    slope: Floats  #: (b) SD of experience a month by which the branch improves anyhow
    ups_and_downs: Floats  #: (b, 48) SD of experience
    post_branch: Ints  #: (s)


@dataclass(frozen=True, eq=False, kw_only=True)
class Course:
    """The training under a scenario."""

    month: Ints  #: (b) month of the training, MONTHS where there is none
    day: Ints  #: (b) its day; DAYS where there is none
    multiple: Floats  #: (b) multiple of the planted effect


def standardised(values: Floats) -> Floats:
    """Return values with mean 0 and SD 1, exactly, over those given."""
    centred = values - values.mean()
    result: Floats = centred / centred.std()
    return result


def draw_branches(plan: Network, streams: Streams) -> Branches:
    """Draw the branches.

    Affluence has mean 0 and SD 1 in the very sample, and what else raises a branch's level is uncorrelated
    with it in the very sample, so that the planted slopes hold exactly for these branches.
    """
    n = plan.branches
    affluence = standardised(streams.normal("network.affluence", n))
    other = streams.normal("network.level", n)
    other = standardised(other - affluence * (affluence @ (other - other.mean())) / n)
    level = plan.affluence_experience * affluence + plan.branch_sd * other
    region = np.arange(n) % plan.regions
    kind = _kinds(n, streams)
    size = _sizes(plan, kind, streams)
    wave, slope = _waves(plan, level, region, streams)
    return Branches(
        size=size,
        format=kind,
        region=region,
        affluence=affluence,
        level=level,
        wave=wave,
        slope=slope,
        ups_and_downs=_ups_and_downs(plan, streams),
        post_branch=np.repeat(np.arange(n), size),
    )


def schedule(plan: Network, branches: Branches, streams: Streams, scenario: Scenario) -> Course:
    """Say which branch is trained when under a scenario, and how well."""
    months = np.array([MONTHS, *plan.waves])[branches.wave]
    if scenario.training == "none":
        months = np.full(plan.branches, MONTHS)
    elif scenario.training == "all":
        months = np.full(plan.branches, plan.waves[0])
    never = plan.effect_by_wave[1]  # branches of no wave, trained in a replay, learn as the second wave did
    day = MONTH_STARTS[months] + (3 + 20 * streams.uniform("network.course", plan.branches)).astype(np.int64)
    day += np.array([2, 1, 0, 0, 0, 0, 0])[day % 7]  # 1 January 2022 was a Saturday: courses are on workdays
    return Course(
        month=months,
        day=np.where(months < MONTHS, day, MONTH_STARTS[-1]),
        multiple=np.array([never, *plan.effect_by_wave])[branches.wave],
    )


def _kinds(n: int, streams: Streams) -> Ints:
    """Return the kind of each branch: the planned numbers of each, in a random order."""
    edges = np.rint(np.cumsum(_KINDS) * n).astype(np.int64)
    in_order = np.searchsorted(edges, np.arange(n), side="right")
    kinds: Ints = in_order[np.argsort(streams.uniform("network.format", n))]
    return kinds


def _sizes(plan: Network, kind: Ints, streams: Streams) -> Ints:
    """Share the posts among the branches; the largest remainders get what rounding leaves."""
    spread = 1 + _SPREAD * (2 * streams.uniform("network.size", plan.branches) - 1)
    wanted = np.array(_POSTS)[kind] * spread
    wanted *= plan.staff / wanted.sum()
    size = np.floor(wanted).astype(np.int64)
    size[np.argsort(size - wanted, kind="stable")[: plan.staff - size.sum()]] += 1
    return size


def _waves(plan: Network, level: Floats, region: Ints, streams: Streams) -> tuple[Ints, Floats]:
    """Return the wave and the slope of each branch.

    Branches of a low level come first, or, where trends select, those that improve most.
    """
    able = np.flatnonzero(region < plan.regions - _NEVER)
    pull = plan.selection_on_level
    lot = streams.normal("network.order", plan.branches)[able]
    rank = -pull * standardised(level[able]) + np.sqrt(1 - pull**2) * lot
    improving = 0.5 + streams.uniform("network.slope", plan.branches)[able]
    order = np.argsort(-(improving if plan.selection_trend > 0 else rank), kind="stable")
    waves = np.repeat(np.arange(len(plan.waves)) + 1, plan.branches_per_wave)
    chosen = order[: len(waves)]
    wave, slope = np.zeros(plan.branches, dtype=np.int64), np.zeros(plan.branches)
    wave[able[chosen]] = waves[: len(chosen)]
    slope[able[chosen]] = plan.selection_trend * improving[chosen] / improving[chosen].mean()
    return wave, slope


def _ups_and_downs(plan: Network, streams: Streams) -> Floats:
    """Return stationary autoregressive noise (b, 48)."""
    noise = plan.month_sd * streams.normal("network.month", (plan.branches, MONTHS))
    noise[:, 1:] *= np.sqrt(1 - _MEMORY**2)
    for month in range(1, MONTHS):
        noise[:, month] += _MEMORY * noise[:, month - 1]
    return noise

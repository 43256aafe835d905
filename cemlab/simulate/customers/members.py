"""Members: who joins, when, under which contract, and what they bring along.

Nothing here depends on a scenario; the streams are read in the same shape in every replay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.simulate.state import ACQUISITION, Flags, Members, NetworkState
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import MONTHS
from cemlab.simulate.truths import Leaving
from cemlab.simulate.worlds import World

#: Longest tenure before the data, in months.
LONGEST_TENURE = 120.0
#: Months in which people join; nobody joins in the last three days, as everybody is a customer for a while.
JOINING_MONTHS = MONTHS - 0.1
#: First month in which a purchase rate can change, and the first in which it no longer can.
CHANGING_MONTHS = (6.0, 46.0)

_TYPE_SHARES = (0.40, 0.25, 0.20, 0.15)
# One row for each type: Flex, Plus, Partner. Professionals commit themselves, seniors rather do not.
_PLAN_SHARES = ((0.55, 0.35, 0.10), (0.45, 0.40, 0.15), (0.60, 0.32, 0.08), (0.30, 0.35, 0.35))
# One row for each type: get it done, get advice, get it cheap.
_OBJECTIVE_SHARES = ((0.40, 0.30, 0.30), (0.40, 0.25, 0.35), (0.25, 0.55, 0.20), (0.65, 0.20, 0.15))
_ACQUISITION_SHARES = (0.40, 0.25, 0.20, 0.15)
_CONSENT_SHARE = 0.70
_ONBOARDED_SHARE = 0.5
_POTENTIAL_ERROR = 0.35  # SD of the log error in the company's own estimate of a customer's potential
_COMPARISON_SITE = ACQUISITION.index("comparison site")


def make_members(
    world: World, streams: Streams, network: NetworkState, *, block: int, first: int, n: int
) -> Members:
    """Make a block of customers.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    network
        The branches; only `size` and `level` are read, which no scenario changes.
    block
        Number of the block, which names its random numbers.
    first
        Number of customers in the blocks before.
    n
        Customers in this block.
    """
    leaving = world.leaving

    def uniform(name: str) -> Floats:
        return streams.uniform(f"members.{name}", n, block)

    branch = pick(uniform("branch"), network.size)
    kind = pick(uniform("type"), _TYPE_SHARES)
    plan = _pick_within(uniform("plan"), _PLAN_SHARES, kind)
    acquisition = pick(uniform("acquisition"), _ACQUISITION_SHARES)
    taste = leaving.taste_sd * streams.normal("members.taste", n, block)
    joined = _joined(uniform("late"), uniform("joined"), leaving)
    before = own_ratio(leaving, plan, acquisition) * leaving.experience ** (network.level[branch] + taste)
    consent = uniform("consent") < _CONSENT_SHARE
    level = streams.exponential("members.episode level", n, block)
    episode, episode_from = _episodes(uniform("episode"), level, joined, leaving)
    changes_at, changes_to = _changes(uniform("changes"), uniform("changes at"), uniform("changes to"), world)
    return Members(
        block=block,
        first=first,
        branch=branch,
        type=kind,
        objective=_pick_within(uniform("objective"), _OBJECTIVE_SHARES, kind),
        acquisition=acquisition,
        plan=plan,
        consent=consent,
        joined=joined,
        frailty=_frailty(streams, block, leaving, leaving.competitor * before * np.maximum(-joined, 0)),
        taste=taste,
        mood=leaving.mood_sd * streams.normal("members.mood", (n, MONTHS), block),
        onboarded=(uniform("onboarded") < _ONBOARDED_SHARE) & (joined >= 0),
        episode=episode,
        episode_from=episode_from,
        rate=_rates(streams, block, n, world),
        changes_at=changes_at,
        changes_to=changes_to,
        potential_error=_POTENTIAL_ERROR * streams.normal("members.potential error", n, block),
    )


def own_ratio(leaving: Leaving, plan: Ints, acquisition: Ints) -> Floats:
    """Return what plan and acquisition channel do to the hazard of leaving for a competitor."""
    won = np.where(acquisition == _COMPARISON_SITE, leaving.comparison_site, 1.0)
    ratio: Floats = np.asarray(leaving.plans)[plan] * won
    return ratio


def _pick_within(uniform: Floats, shares: npt.ArrayLike, code: Ints) -> Ints:
    """Turn uniform numbers into codes with the shares in the row that `code` names."""
    edges = np.cumsum(np.asarray(shares, dtype=float), axis=1)
    reached = uniform[:, None] >= (edges[:, :-1] / edges[:, -1:])[code]
    codes: Ints = reached.sum(axis=1, dtype=np.int64)
    return codes


def _joined(late: Floats, when: Floats, leaving: Leaving) -> Floats:
    """Return the moment of joining: before the data a truncated exponential, within them uniform."""
    mean = leaving.late_tenure
    tenure = -mean * np.log1p(when * np.expm1(-LONGEST_TENURE / mean))
    return np.where(late < leaving.late_share, -tenure, when * JOINING_MONTHS)


def _frailty(streams: Streams, block: int, leaving: Leaving, survived: Floats) -> Floats:
    """Return the frailties: gamma at joining, and given the hazard survived since then gamma again.

    With variance v at joining and the hazard H survived at frailty one, a frailty among the survivors has
    shape 1/v and rate 1/v + H (Vaupel, Manton & Stallard 1979). Before the data the experience is the level
    of the branch and the customer's taste; there is no onboarding, no episode and no recession.
    """
    if leaving.frailty_variance == 0:
        return np.ones_like(survived)
    shape = 1 / leaving.frailty_variance
    draws = streams.generator("members.frailty", block).standard_gamma(shape, len(survived))
    frailty: Floats = draws / (shape + survived)
    return frailty


def _rates(streams: Streams, block: int, n: int, world: World) -> Floats:
    """Return purchases a month at the average experience; everybody alike where the shape is zero."""
    shape, mean = world.buying.rate_shape, world.buying.rate
    if shape == 0:
        return np.full(n, mean)
    draws = streams.generator("members.rate", block).standard_gamma(shape, n)
    rates: Floats = draws * (mean / shape)
    return rates


def _episodes(which: Floats, level: Floats, joined: Floats, leaving: Leaving) -> tuple[Ints, Floats]:
    """Return kind and beginning of each customer's first episode; those after the data are none.

    One clock for all from joining, or from the start of the data, so that no month has more than another.
    """
    if leaving.episode_rate == 0:
        return np.zeros(len(level), dtype=np.int64), np.full(len(level), np.nan)
    begins = np.maximum(joined, 0) + level / leaving.episode_rate
    within = begins < MONTHS
    return np.where(within, 1 + pick(which, (0.5, 0.5)), 0), np.where(within, begins, np.nan)


def _changes(which: Floats, when: Floats, to: Floats, world: World) -> tuple[Floats, Floats]:
    """Return when the purchase rate changes, NaN for never, and the multiple from then on."""
    earliest, latest = CHANGING_MONTHS
    changes: Flags = which < world.buying.really_change
    multiples = np.asarray(world.buying.change_to)
    multiple = multiples[pick(to, np.ones(len(multiples)))]
    moment = np.where(changes, earliest + when * (latest - earliest), np.nan)
    return moment, np.where(changes, multiple, 1.0)

"""Lives: how long customers stay, and why they leave, under a scenario.

Every cause has a clock of its own; the first that rings within the data ends the contract. The clocks'
random levels are the same in every scenario, so that a replay moves an exit only where a hazard moved.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cemlab.simulate.customers.fees import driven_away, fall_due, overages
from cemlab.simulate.customers.hazards import Clock, Window, clock, day_within
from cemlab.simulate.customers.members import own_ratio
from cemlab.simulate.customers.offers import make_offers
from cemlab.simulate.state import AS_IT_WAS, CAUSES, TYPES, Flags, Lives, Members, NetworkState, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTHS, day_of
from cemlab.simulate.truths import Leaving
from cemlab.simulate.worlds import World

_SENIOR = TYPES.index("senior")
_PROFESSIONAL = TYPES.index("professional")


def live(
    world: World, streams: Streams, network: NetworkState, members: Members, scenario: Scenario = AS_IT_WAS
) -> Lives:
    """Let a block of customers live through the data.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    network
        The branches under the same scenario.
    members
        The customers.
    scenario
        What is done to the company.
    """
    experience = network.experience[members.branch] + members.taste[:, None] + members.mood + scenario.cx
    free = replace(scenario, leaving=True)
    clocks = clocks_of(world, members, experience, free)
    levels = streams.exponential("lives.levels", (len(clocks), len(members)), members.block)
    rings = np.array([hand.rings(level) for hand, level in zip(clocks, levels, strict=True)])
    could = overages(world, streams, members, clocks[:2])
    gone = driven_away(could, rings, scenario)
    offers = make_offers(world, streams, members, clocks[:2], rings, scenario, gone=gone)
    rings[:2] = offers.rings
    # an offer before the fee may have kept for it whom the clocks would have taken, or the other way round
    rings[0] = np.minimum(rings[0], driven_away(could, rings, scenario))
    if not scenario.leaving:
        rings = np.where(rings < scenario.still_from / MONTH_DAYS, rings, np.inf)
    fees = fall_due(could, rings, scenario)
    entry = day_of(members.joined)
    earliest = np.maximum.reduce([entry, np.zeros_like(entry), offers.day, fees.day]) + 1
    ends, cause = _ends(rings, earliest)
    told = clocks if scenario.leaving else clocks_of(world, members, experience, scenario)
    return Lives(
        experience=experience,
        hazard=np.array([hand.hazard for hand in told]),
        entry=entry,
        exit=ends,
        cause=cause,
        considered=offers.considered,
        considered_day=offers.day,
        risk=offers.risk,
        offered=offers.offered,
        accepted=offers.accepted,
        risk_then=offers.risk_then,
        risk_if_not=offers.risk_if_not,
        fee_due=fees.due,
        fee_day=fees.day,
        fee_kind=fees.kind,
        fee_amount=fees.amount,
        fee_charged=fees.charged,
        fee_drives=fees.drives,
    )


def onboarded(members: Members, scenario: Scenario = AS_IT_WAS) -> Flags:
    """Return who is onboarded under a scenario, of those who join within the data.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> people = SimpleNamespace(joined=np.array([-5.0, 3.0, 4.0]), onboarded=np.array([False, True, False]))
    >>> onboarded(people, Scenario(onboarding="all")).tolist()
    [False, True, True]
    """
    choices = {
        "as it was": members.onboarded,
        "none": np.zeros(len(members.onboarded), dtype=bool),
        "all": members.joined >= 0,
    }
    return choices[scenario.onboarding]


def clocks_of(world: World, members: Members, experience: Floats, scenario: Scenario) -> tuple[Clock, ...]:
    """Return the clock of each cause but the last, in the order of their codes.

    Parameters
    ----------
    world, members
        The planted truths, and the customers.
    experience
        Experience of each customer and month (n, 48) under the scenario.
    scenario
        What is done to the company.
    """
    leaving = world.leaving
    since = np.maximum(members.joined, 0)
    own = leaving.competitor * members.frailty * own_ratio(leaving, members.plan, members.acquisition)
    price = leaving.price * np.asarray(leaving.plans)[members.plan]
    moved = leaving.moved * np.where(members.type == _PROFESSIONAL, leaving.moved_professional, 1.0)
    deceased = leaving.deceased * np.where(members.type == _SENIOR, leaving.deceased_senior, 1.0)
    still = _still(members, scenario)
    willing = (_onboarding(leaving, members, scenario), _episode(leaving, members), *still)
    competitor_in = _in_recession(world, scenario, leaving.recession_competitor)
    price_in = _in_recession(world, scenario, leaving.recession_price)
    else_ratio = _power(leaving.experience_else, experience)
    return (
        clock(own[:, None] * _power(leaving.experience, experience) * competitor_in, since, willing),
        clock(price[:, None] * _power(leaving.experience_price, experience) * price_in, since, willing),
        clock(moved[:, None] * else_ratio, since, still),
        clock(deceased[:, None] * else_ratio, since, still),
    )


def _power(ratio: float, experience: Floats) -> Floats:
    """Return the ratio to the power of the experience; ones where the ratio is one."""
    return np.ones_like(experience) if ratio == 1 else np.exp(np.log(ratio) * experience)


def _in_recession(world: World, scenario: Scenario, ratio: float) -> Floats:
    """Return the ratio in the months (48) of the recession, where there is one, and one in the others."""
    if world.recession is None or not scenario.recession:
        return np.ones(MONTHS)
    return np.where(np.arange(MONTHS) >= world.recession, ratio, 1.0)


def _onboarding(leaving: Leaving, members: Members, scenario: Scenario) -> Window:
    """Return the window of being onboarded."""
    ratio = np.where(onboarded(members, scenario), leaving.onboarding, 1.0)
    return Window(start=members.joined, end=members.joined + leaving.onboarding_months, ratio=ratio)


def _episode(leaving: Leaving, members: Members) -> Window:
    """Return the window of thinking of leaving, or of grumbling."""
    start = np.where(members.episode > 0, members.episode_from, np.inf)
    ratio = np.array([1.0, *leaving.episode_ratio])[members.episode]
    return Window(start=start, end=start + leaving.episode_months, ratio=ratio)


def _still(members: Members, scenario: Scenario) -> tuple[Window, ...]:
    """Return the window in which nobody leaves any more, where there is one."""
    if scenario.leaving:
        return ()
    n = len(members)
    start = np.full(n, scenario.still_from / MONTH_DAYS)
    return (Window(start=start, end=np.full(n, np.inf), ratio=np.zeros(n)),)


def _ends(rings: Floats, earliest: Ints) -> tuple[Ints, Ints]:
    """Return day and cause of each customer's exit from the moments of the causes."""
    first = rings.min(axis=0)
    inside = first < MONTHS
    day = day_within(np.where(inside, first, 0.0))
    cause = np.where(inside, rings.argmin(axis=0), len(CAUSES) - 1)
    ends = np.where(inside, np.maximum(day, earliest), DAYS)
    return ends, cause

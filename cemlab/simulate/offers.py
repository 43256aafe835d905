"""Save offers: who is considered, who gets one, and what it changes.

Who is considered, and when, is the same in every scenario but for being a customer at that moment. An offer
acts only through leaving by one's own will in the six months after it, by so many points of that share as
the world plants for the class of risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.hazards import Clock
from cemlab.simulate.state import Flags, Members, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_DAYS, day_of
from cemlab.simulate.worlds import World

#: Days after the consideration within which an offer acts.
WINDOW_DAYS = 182
#: Months between which customers are considered, so that six months of outcome can be seen.
CONSIDERED_MONTHS = (6.0, 41.0)

_WINDOW = WINDOW_DAYS / MONTH_DAYS
_AFTER_DAYS = (5.0, 25.0)  # days from the beginning of an episode until somebody notices
_OFFERED_SHARE = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Candidates:
    """Who would be considered; nothing here depends on the scenario."""

    moment: Floats  #: (n) months from the start; NaN for never
    risk: Ints  #: (n) code in RISKS, −1 for never
    lot: Flags  #: (n) whether an offer was made in what was done


@dataclass(frozen=True, eq=False, kw_only=True)
class Offers:
    """The save offers to a block of customers under a scenario."""

    considered: Flags  #: (n)
    day: Ints  #: (n) −1 where not considered
    risk: Ints  #: (n) code in RISKS, −1 where not considered
    offered: Flags  #: (n)
    risk_if_not: Floats  #: (n) chance to leave by one's own will in the window without an offer; or NaN
    rings: Floats  #: (2, n) moments of leaving for a competitor and for the price, with the offers


def candidates(world: World, streams: Streams, members: Members) -> Candidates:
    """Return who would be considered for a save offer, if still a customer, and when.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    members
        The customers.
    """
    n, block = len(members), members.block
    share = streams.uniform("offers.considered", n, block)
    when = streams.uniform("offers.moment", n, block)
    first, last = CONSIDERED_MONTHS
    soon, late = _AFTER_DAYS
    thinks, grumbles, others = world.leaving.save_considered
    noticed = members.episode_from + (soon + when * (late - soon)) / MONTH_DAYS
    moment = np.where(members.episode > 0, noticed, first + when * (last - first))
    chosen = share < np.array([others, thinks, grumbles])[members.episode]
    chosen &= (moment >= first) & (moment < last) & (moment > members.joined)
    return Candidates(
        moment=np.where(chosen, moment, np.nan),
        risk=np.where(chosen, np.array([2, 0, 1])[members.episode], -1),
        lot=streams.uniform("offers.lot", n, block) < _OFFERED_SHARE,
    )


def make_offers(
    world: World,
    streams: Streams,
    members: Members,
    clocks: tuple[Clock, ...],
    rings: Floats,
    scenario: Scenario,
) -> Offers:
    """Make save offers to those considered, and answer them.

    Parameters
    ----------
    world
        The planted truths.
    streams
        The company's random numbers.
    members
        The customers.
    clocks
        Clocks of leaving for a competitor and for the price, as if everybody were free to leave.
    rings
        Moments of all causes (4, n) by such clocks if nobody gets an offer.
    scenario
        Who of those considered gets one, and from when on nobody leaves. What that takes away is taken away
        last, so that nothing before it knows of it.
    """
    could = candidates(world, streams, members)
    still = np.inf if scenario.leaving else scenario.still_from / MONTH_DAYS
    there = np.where(rings < still, rings, np.inf).min(axis=0) > np.nan_to_num(could.moment)
    considered = (could.risk >= 0) & there
    # Those not considered get a harmless moment, so that the arithmetic below needs no cases.
    moment = np.where(considered, could.moment, CONSIDERED_MONTHS[0])
    gathered = sum(hand.until(moment + _WINDOW) - hand.until(moment) for hand in clocks)
    risk_if_not: Floats = -np.expm1(-np.asarray(gathered))
    offered = {"as it was": considered & could.lot, "none": np.zeros_like(considered), "all": considered}[
        scenario.save_offer
    ]
    points = np.where(offered, np.array([*world.leaving.save_points, 0.0])[could.risk], 0.0)
    answered = _answered(streams, members.block, clocks, rings[:2], moment, points, risk_if_not)
    return Offers(
        considered=considered,
        day=np.where(considered, day_of(moment), -1),
        risk=np.where(considered, could.risk, -1),
        offered=offered,
        risk_if_not=np.where(considered, risk_if_not, np.nan),
        rings=answered,
    )


def _answered(
    streams: Streams,
    block: int,
    clocks: tuple[Clock, ...],
    rings: Floats,
    moment: Floats,
    points: Floats,
    risk: Floats,
) -> Floats:
    """Return when customers leave by their own will (2, n), after offers that change the share by `points`.

    Where an offer keeps, it keeps so many of those who would have left within the window that the share
    falls by the points; their clocks are wound up anew at its end. Where it drives away, it does so with
    some of those who would have stayed, at any moment of the window.
    """
    n = len(moment)
    chance = streams.uniform("offers.answer", n, block)
    fresh = streams.exponential("offers.fresh", (len(clocks), n), block)
    driven_at = moment + streams.uniform("offers.driven", n, block) * _WINDOW
    end = moment + _WINDOW
    leaves = rings.min(axis=0) < end
    kept = leaves & (points < 0) & (chance * risk < -points)
    driven = ~leaves & (points > 0) & (chance * (1 - risk) < points)
    again = np.array([hand.rings(hand.until(end) + level) for hand, level in zip(clocks, fresh, strict=True)])
    answered = np.where(kept, again, rings)
    answered[0] = np.where(driven, driven_at, answered[0])
    return answered

"""Save offers: who is considered, who gets one, and what it changes.

Who is considered, and when, is the same in every scenario but for being a customer at that moment. An offer
acts only through leaving by one's own will in the six months after it, by so many points of that share as
the world plants for the class of risk. It keeps nobody but those who accept it; the call itself is what
drives others away. Whom it moves is settled at that moment, by the risk as it is then: what comes later, a
recession for one, has no say in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.customers.hazards import Clock, day_within
from cemlab.simulate.state import Flags, Members, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import MONTH_DAYS
from cemlab.simulate.truths import Leaving
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
    accepts: Flags  #: (n) whether an offer is accepted, if made


@dataclass(frozen=True, eq=False, kw_only=True)
class Offers:
    """The save offers to a block of customers under a scenario."""

    considered: Flags  #: (n)
    day: Ints  #: (n) −1 where not considered
    risk: Ints  #: (n) code in RISKS, −1 where not considered
    offered: Flags  #: (n)
    accepted: Flags  #: (n)
    risk_then: Floats  #: (n) the same chance if everything stayed as it is at that moment; or NaN
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
    chosen &= (moment >= first) & (moment < last) & (moment > members.joined) & members.consent
    risk = np.where(chosen, np.array([2, 0, 1])[members.episode], -1)
    accepts = streams.uniform("offers.accepts", n, block) < _by_risk(world.leaving.save_accepted, risk)
    return Candidates(
        moment=np.where(chosen, moment, np.nan),
        risk=risk,
        accepts=accepts,
        lot=streams.uniform("offers.lot", n, block) < _OFFERED_SHARE,
    )


def make_offers(
    world: World,
    streams: Streams,
    members: Members,
    clocks: tuple[Clock, ...],
    rings: Floats,
    scenario: Scenario,
    *,
    gone: Floats,
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
        Moments of all causes (4, n) by such clocks if nobody gets an offer or a fee.
    scenario
        Who of those considered gets one, and from when on nobody leaves. What that takes away is taken away
        last, so that nothing before it knows of it.
    gone
        Moment at which a fee drives each customer away (n), infinite where none does: nobody gone for a fee
        is considered. An offer itself keeps and drives away by the clocks alone.
    """
    could = candidates(world, streams, members)
    still = np.inf if scenario.leaving else scenario.still_from / MONTH_DAYS
    leaves = np.vstack([rings, gone])
    there = np.where(leaves < still, leaves, np.inf).min(axis=0) > np.nan_to_num(could.moment)
    considered = (could.risk >= 0) & there
    # Those not considered get a harmless moment, so that the arithmetic below needs no cases.
    moment = np.where(considered, could.moment, CONSIDERED_MONTHS[0])
    risk_if_not = _chance(sum(hand.until(moment + _WINDOW) - hand.until(moment) for hand in clocks))
    risk_then = _chance(sum(hand.ahead(moment, _WINDOW) for hand in clocks))
    offered = {"as it was": considered & could.lot, "none": np.zeros_like(considered), "all": considered}[
        scenario.save_offer
    ]
    accepted = offered & could.accepts
    kept, driven = shares_moved(world.leaving, could.risk, risk_then)
    among = np.divide(
        kept, _by_risk(world.leaving.save_accepted, could.risk), out=np.zeros_like(kept), where=kept > 0
    )
    answered = _answered(
        streams,
        members.block,
        clocks,
        rings[:2],
        moment,
        kept=np.where(accepted, among, 0.0),
        driven=np.where(offered, driven, 0.0),
    )
    return Offers(
        considered=considered,
        day=np.where(considered, day_within(moment), -1),
        risk=np.where(considered, could.risk, -1),
        offered=offered,
        accepted=accepted,
        risk_then=np.where(considered, risk_then, np.nan),
        risk_if_not=np.where(considered, risk_if_not, np.nan),
        rings=answered,
    )


def shares_moved(leaving: Leaving, risk: Ints, risk_then: Floats) -> tuple[Floats, Floats]:
    """Return what an offer does: the share kept of those who would leave, and the share driven away.

    Parameters
    ----------
    leaving
        The planted truths.
    risk
        Code in RISKS (n), −1 where no offer is considered.
    risk_then
        Chance to leave by one's own will in the window, as it is at the moment of the offer (n).

    Examples
    --------
    >>> kept, driven = shares_moved(Leaving(), np.array([0, 1, 1, 2]), np.array([0.4, 0.24, 0.03, 0.2]))
    >>> kept.round(3).tolist(), driven.round(3).tolist()
    ([0.0, 0.25, 0.6, 0.0], [0.0, 0.0, 0.0, 0.025])
    """
    points = _by_risk(leaving.save_points, risk)
    most = _by_risk(leaving.save_accepted, risk)
    kept = np.divide(-points, risk_then, out=np.zeros_like(points), where=(points < 0) & (risk_then > 0))
    driven = np.divide(points, 1 - risk_then, out=np.zeros_like(points), where=(points > 0) & (risk_then < 1))
    return np.minimum(kept, most), np.minimum(driven, 1.0)


def _by_risk(values: tuple[float, ...], risk: Ints) -> Floats:
    """Return the value of each customer's class of risk, zero where there is none."""
    each: Floats = np.array([*values, 0.0])[risk]
    return each


def _chance(hazard: Floats | int) -> Floats:
    """Return the chance that goes with a hazard accumulated."""
    chance: Floats = -np.expm1(-np.asarray(hazard))
    return chance


def _answered(
    streams: Streams,
    block: int,
    clocks: tuple[Clock, ...],
    rings: Floats,
    moment: Floats,
    *,
    kept: Floats,
    driven: Floats,
) -> Floats:
    """Return when customers leave by their own will (2, n) after their offers.

    An offer keeps with the chance `kept` (n) those who would have left within the window; their clocks are
    wound up anew at its end. With the chance `driven` (n) it drives away who is still there at some moment.
    """
    n = len(moment)
    chance = streams.uniform("offers.answer", n, block)
    fresh = streams.exponential("offers.fresh", (len(clocks), n), block)
    driven_at = moment + streams.uniform("offers.driven", n, block) * _WINDOW
    end = moment + _WINDOW
    stays = (rings.min(axis=0) < end) & (chance < kept)
    again = np.array([hand.rings(hand.until(end) + level) for hand, level in zip(clocks, fresh, strict=True)])
    answered = np.where(stays, again, rings)
    answered[0] = np.where(chance < driven, np.minimum(answered[0], driven_at), answered[0])
    return answered

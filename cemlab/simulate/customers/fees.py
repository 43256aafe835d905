"""Fees: who keeps a hired van or a workshop bench too long, who is charged for it, and whom that drives away.

Whose fee falls due, and when, is the same in every scenario but for being a customer at that moment: those
who buy much hire much and are late more often, and so are those with the plan Partner, who leave less. Half
of the fees are waived by lot. A fee charged acts only through leaving by one's own will in the six months
after it, by so many points of that share as the world plants; whom it drives away is settled at that moment,
by the risk as it is then. One waived does nothing.

A customer may have a fee and be considered for a save offer. Each acts by itself: an offer keeps nobody whom
a fee drives away, and whoever is gone for a fee is considered no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cemlab.simulate.customers.hazards import Clock, day_within
from cemlab.simulate.customers.offers import WINDOW_DAYS
from cemlab.simulate.state import Flags, Members, Scenario
from cemlab.simulate.streams import Floats, Ints, Streams, pick
from cemlab.simulate.timeline import MONTH_DAYS
from cemlab.simulate.worlds import World

#: Months between which fees fall due, so that six months of outcome can be seen.
DUE_MONTHS = (6.0, 41.0)
#: What a fee is for.
KINDS = ("van back late", "workshop overrun")
#: Fee in EUR by half-hours begun, and how often they are that many.
AMOUNTS = (25, 30, 35, 40)

_AMOUNT_SHARES = (0.4, 0.3, 0.2, 0.1)
_WINDOW = WINDOW_DAYS / MONTH_DAYS
_CHARGED_SHARE = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Overages:
    """Whose fee would fall due, and what it would do; nothing here depends on the scenario but `drives`."""

    moment: Floats  #: (n) months from the start; infinite for never
    kind: Ints  #: (n) code in KINDS
    amount: Ints  #: (n) EUR
    lot: Flags  #: (n) whether it was charged in what was done
    drives: Floats  #: (n) chance that being charged drives away who would stay the six months
    gone: Floats  #: (n) moment at which being charged drives the customer away; infinite where it does not


def overages(world: World, streams: Streams, members: Members, clocks: tuple[Clock, ...]) -> Overages:
    """Return whose fee would fall due, if still a customer, and whom it would drive away if charged.

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
    """
    n, block, leaving = len(members), members.block, world.leaving
    mean = world.buying.rate
    use = np.divide(members.rate, mean, out=np.zeros(n), where=mean > 0)
    own = np.asarray(leaving.fee_plans)[members.plan]
    first, last = DUE_MONTHS
    when = first + streams.uniform("fees.moment", n, block) * (last - first)
    due = streams.uniform("fees.due", n, block) < -np.expm1(-leaving.fee_rate * use * own)
    moment = np.where(due & (when > members.joined), when, np.inf)
    risk = -np.expm1(-sum(hand.ahead(when, _WINDOW) for hand in clocks))
    points = np.full(n, leaving.fee_points)
    drives = np.minimum(np.divide(points, 1 - risk, out=np.zeros(n), where=risk < 1), 1.0)
    driven = streams.uniform("fees.answer", n, block) < drives
    gone = moment + streams.uniform("fees.driven", n, block) * _WINDOW
    return Overages(
        moment=moment,
        kind=pick(streams.uniform("fees.kind", n, block), np.ones(len(KINDS))),
        amount=np.array(AMOUNTS)[pick(streams.uniform("fees.amount", n, block), _AMOUNT_SHARES)],
        lot=streams.uniform("fees.lot", n, block) < _CHARGED_SHARE,
        drives=drives,
        gone=np.where(driven, gone, np.inf),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Fees:
    """The fees of a block of customers under a scenario."""

    due: Flags  #: (n)
    day: Ints  #: (n) −1 where none fell due
    kind: Ints  #: (n) code in KINDS
    amount: Ints  #: (n) EUR, nought where none fell due
    charged: Flags  #: (n)
    drives: Floats  #: (n) chance that it drives away who would stay the six months, nought where not charged


def charged(could: Overages, scenario: Scenario) -> Flags:
    """Return whose fee is charged under a scenario, if it falls due (n)."""
    everybody = np.isfinite(could.moment)
    choices = {"as it was": everybody & could.lot, "none": np.zeros_like(everybody), "all": everybody}
    return choices[scenario.fees]


def driven_away(could: Overages, rings: Floats, scenario: Scenario) -> Floats:
    """Return when a fee drives each customer away (n), infinite where none does.

    Parameters
    ----------
    could
        Whose fee would fall due.
    rings
        Moments of all causes (4, n) if there are no fees.
    scenario
        Whose fee is charged.
    """
    there = rings.min(axis=0) > could.moment
    gone: Floats = np.where(there & charged(could, scenario), could.gone, np.inf)
    return gone


def fall_due(could: Overages, rings: Floats, scenario: Scenario) -> Fees:
    """Return the fees of those who were still customers when theirs fell due.

    Parameters
    ----------
    could
        Whose fee would fall due.
    rings
        Moments of all causes (4, n), those after which nobody leaves any more taken away.
    scenario
        Whose fee is charged.
    """
    due = np.isfinite(could.moment) & (rings.min(axis=0) > could.moment)
    paid = due & charged(could, scenario)
    return Fees(
        due=due,
        day=np.where(due, day_within(np.where(due, could.moment, 0.0)), -1),
        kind=could.kind,
        amount=np.where(due, could.amount, 0),
        charged=paid,
        drives=np.where(paid, could.drives, 0.0),
    )

"""Campaigns by lot, and what each customer would do with and without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import cents, dates, flags, ids, labels, money
from cemlab.simulate.state import PLANS, Flags, Lives, Members
from cemlab.simulate.streams import Floats, Ints, Streams
from cemlab.simulate.timeline import FIRST
from cemlab.simulate.worlds import World

#: Kinds of campaigns by lot, the onboarding of new customers apart.
KINDS = ("retain", "cross-sell", "referral", "cheaper channel")
#: What a response is worth, EUR of margin, by kind.
RESPONSE_VALUE: Floats = np.array([60.0, 45.0, 80.0, 12.0])
#: What it costs to treat a customer, EUR, by kind.
COST: Floats = np.array([3.00, 0.80, 1.00, 0.50])
#: Share of the active customers with consent who are in a run; half of them are treated. Among 20,000
#: customers it takes that many to tell a rule for each customer from the best rule for segments.
SHARE = 1 / 2

# The runs: kind and day, none of them near a great feast.
_RUNS = (
    (1, date(2022, 9, 5)),
    (2, date(2022, 11, 7)),
    (0, date(2023, 2, 6)),
    (3, date(2023, 5, 15)),
    (2, date(2023, 10, 9)),
    (1, date(2024, 5, 13)),
    (0, date(2024, 10, 7)),
    (3, date(2025, 2, 10)),
)
_PERSONAL_SD = 0.3  # log odds of responding that no column explains
_LEAST, _MOST = 0.002, 0.95


@dataclass(frozen=True, eq=False, kw_only=True)
class CampaignChances:
    """Chances to respond, of shape (kinds, n), in the order of :data:`KINDS`."""

    without: Floats  #: if the customer is left alone
    treated: Floats  #: if the customer is treated

    def value(self) -> Floats:
        """Return what it is worth to treat a customer, EUR less its cost, of shape (kinds, n)."""
        gain: Floats = (self.treated - self.without) * RESPONSE_VALUE[:, None] - COST[:, None]
        return gain


def campaign_chances(world: World, streams: Streams, members: Members) -> CampaignChances:
    """Return each customer's chances to respond to each kind of campaign, with and without it.

    Parameters
    ----------
    world, streams
        The world and its random numbers.
    members
        The customers.

    Notes
    -----
    Those who buy most respond most, treated or not; by how much a campaign changes that depends on type,
    objective and plan, and for some it is for the worse. Chances are held between 0.002 and 0.95.
    """
    buying = world.buying
    base = np.array(buying.campaign_response)[:, None]
    heavy = buying.campaign_response_rate * np.log(np.maximum(members.rate, 1e-6) / buying.rate)
    own = _PERSONAL_SD * streams.normal("campaigns.own", (len(KINDS), len(members)), members.block)
    without = 1 / (1 + (1 - base) / base * np.exp(-heavy - own))
    uplift = (
        np.array(buying.campaign_uplift)[:, None]
        + np.array(buying.campaign_uplift_type)[:, members.type]
        + np.array(buying.campaign_uplift_objective)[:, members.objective]
        + np.array(buying.campaign_uplift_partner)[:, None] * (members.plan == PLANS.index("Partner"))
    )
    return CampaignChances(
        without=np.clip(without, _LEAST, _MOST), treated=np.clip(without + uplift, _LEAST, _MOST)
    )


def campaigns(world: World, streams: Streams, members: Members, lives: Lives) -> pa.Table:
    """Return the customers in campaigns by lot, as rows of the table of campaigns.

    In each run one in two of the active customers with consent takes part, and one in two of those is
    treated. Who takes part, who is treated and what each would do either way is drawn once for everybody.

    Parameters
    ----------
    world, streams
        The world and its random numbers.
    members, lives
        The customers and what became of them.
    """
    chances = campaign_chances(world, streams, members)
    part = taking_part(streams, members, lives)
    shape = (len(_RUNS), len(members))
    response = streams.uniform("campaigns.response", shape, members.block)[part.run, part.row]
    place = part.kind, part.row
    chance = np.where(part.treated, chances.treated[place], chances.without[place])
    return pa.table(
        {
            "customer": ids("C", members.number[part.row]),
            "date": dates(part.day),
            "kind": labels(KINDS, part.kind),
            "treated": flags(part.treated),
            "response": flags(response < chance),
            "cost": money(part.cost),
        }
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class TakingPart:
    """The customers of a block in the runs of campaigns, ordered by run and customer."""

    run: Ints  #: number of the run, from 0
    row: Ints  #: row of the customer in the block
    kind: Ints  #: code in KINDS
    day: Ints  #: day from FIRST
    treated: Flags  #: by lot
    cost: Ints  #: 1/10,000 EUR; nothing for those not treated


def taking_part(streams: Streams, members: Members, lives: Lives) -> TakingPart:
    """Return who of a block takes part in which run, who of them is treated, and what that costs.

    Parameters
    ----------
    streams
        The world's random numbers.
    members, lives
        The customers and what became of them.
    """
    shape = (len(_RUNS), len(members))
    kinds = np.array([kind for kind, _ in _RUNS])
    days = np.array([(day - FIRST).days for _, day in _RUNS])
    there = (lives.entry <= days[:, None]) & (days[:, None] < lives.exit) & members.consent
    run, row = np.nonzero(there & (streams.uniform("campaigns.part", shape, members.block) < SHARE))
    treated = streams.uniform("campaigns.lot", shape, members.block)[run, row] < 0.5
    kind = kinds[run]
    cost = cents(np.where(treated, COST[kind], 0.0))
    return TakingPart(run=run, row=row, kind=kind, day=days[run], treated=treated, cost=cost)

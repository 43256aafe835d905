"""Tables about members: who they are, their contracts, the save offers, the fees and the onboarding."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cemlab.simulate.arrow import cents, dates, flags, ids, labels, money
from cemlab.simulate.customers.fees import KINDS as FEE_KINDS
from cemlab.simulate.state import (
    ACQUISITION,
    CAUSES,
    OBJECTIVES,
    PLANS,
    RISKS,
    TYPES,
    Flags,
    Lives,
    Members,
    NetworkState,
)
from cemlab.simulate.streams import Floats, Ints
from cemlab.simulate.timeline import day_of
from cemlab.simulate.worlds import World

#: What a save offer and an onboarding cost, in EUR.
SAVE_OFFER_COST = 25
ONBOARDING_COST = 8

# What a type and a plan could still spend with the company, as a multiple of the average.
_POTENTIAL_BY_TYPE = (1.0, 1.25, 0.75, 1.8)
_POTENTIAL_BY_PLAN = (1.0, 1.1, 1.25)
_POTENTIAL_SHARE = 0.4


def customers(world: World, network: NetworkState, members: Members) -> pa.Table:
    """Return the customers, one row each."""
    joined = day_of(members.joined)
    return pa.table(
        {
            "customer": ids("C", members.number),
            "branch": ids("B", members.branch + 1, width=2),
            "joined": dates(joined),
            "observed_from": dates(np.maximum(joined, 0)),
            "region": ids("Region ", network.region[members.branch] + 1, width=1),
            "type": labels(TYPES, members.type),
            "objective": labels(OBJECTIVES, members.objective),
            "acquisition_channel": labels(ACQUISITION, members.acquisition),
            "consent": flags(members.consent),
            "potential_value": money(cents(_potential(world, network, members))),
        }
    )


def subscriptions(members: Members, lives: Lives) -> pa.Table:
    """Return the contracts, one row for each customer."""
    goes_on = lives.cause == CAUSES.index("none")
    return pa.table(
        {
            "customer": ids("C", members.number),
            "plan": labels(PLANS, members.plan),
            "entry": dates(lives.entry),
            "exit": dates(lives.exit, missing=goes_on),
            "cause": labels(CAUSES, lives.cause),
        }
    )


def save_offers(members: Members, lives: Lives) -> pa.Table:
    """Return the customers considered for a save offer, with who got one by lot and who accepted."""
    row = np.flatnonzero(lives.considered)
    risk, day, treated = lives.risk[row], lives.considered_day[row], lives.offered[row]
    kind = labels([f"{name} risk" for name in RISKS], risk)
    return _messages(members.number[row], day, kind, treated, flags(lives.accepted[row]), SAVE_OFFER_COST)


def fees(members: Members, lives: Lives) -> pa.Table:
    """Return the fees that fell due, charged or waived by lot."""
    row = np.flatnonzero(lives.fee_due)
    return pa.table(
        {
            "customer": ids("C", members.number[row]),
            "date": dates(lives.fee_day[row]),
            "kind": labels(FEE_KINDS, lives.fee_kind[row]),
            "amount": money(cents(lives.fee_amount[row].astype(float))),
            "charged": flags(lives.fee_charged[row]),
        }
    )


def onboarding(members: Members, lives: Lives) -> pa.Table:
    """Return those who joined within the data, with who was onboarded by lot.

    Nobody wrote down who took part, so there is no response.
    """
    row = np.flatnonzero(members.joined >= 0)
    day, treated = lives.entry[row], members.onboarded[row]
    kind = labels(["onboarding"], np.zeros(len(row), dtype=np.int64))
    unknown = flags(treated, missing=np.ones(len(row), dtype=bool))
    return _messages(members.number[row], day, kind, treated, unknown, ONBOARDING_COST)


def _messages(
    number: Ints, day: Ints, kind: pa.Array, treated: Flags, response: pa.Array, cost: int
) -> pa.Table:
    """Return a table of messages, sent or held back."""
    return pa.table(
        {
            "customer": ids("C", number),
            "date": dates(day),
            "kind": kind,
            "treated": flags(treated),
            "response": response,
            "cost": money(cents(np.where(treated, float(cost), 0.0))),
        }
    )


def _potential(world: World, network: NetworkState, members: Members) -> Floats:
    """Return the margin a year, in EUR, that the company's own model says could be won.

    It grows with what a customer buys, but less than in proportion: who buys little often buys elsewhere.
    The model errs, as models do.
    """
    buying = world.buying
    purchases = 12 * np.sqrt(members.rate * buying.rate)
    who = np.asarray(_POTENTIAL_BY_TYPE)[members.type] * np.asarray(_POTENTIAL_BY_PLAN)[members.plan]
    where = np.exp(2 * world.network.affluence_basket * network.affluence[members.branch])
    right = _POTENTIAL_SHARE * purchases * buying.basket * buying.margin * who * where
    potential: Floats = right * np.exp(members.potential_error)
    return potential

"""Fees for overages: who gets one, whom it drives away, and that nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cemlab.simulate.buying import books
from cemlab.simulate.customers import member_tables
from cemlab.simulate.customers.at_risk import AtRisk
from cemlab.simulate.customers.fees import AMOUNTS, DUE_MONTHS, KINDS, WINDOW_DAYS
from cemlab.simulate.customers.lives import live
from cemlab.simulate.customers.members import make_members
from cemlab.simulate.halden import Halden
from cemlab.simulate.organisation.network import simulate_network
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.streams import Streams
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTH_STARTS
from cemlab.simulate.worlds import WORLDS

WORLD = WORLDS["default"]
NOBODY, EVERYBODY = Scenario(fees="none"), Scenario(fees="all")
PRICE = 1  # codes of leaving by one's own will are nought and one


def lived(scenarios, *, seed=4, n=8_000, world="default", **planted):
    streams = Streams(seed)
    where = replace(WORLDS[world], leaving=replace(WORLDS[world].leaving, **planted))
    network = simulate_network(where, streams, AS_IT_WAS)
    members = make_members(where, streams, network, block=0, first=0, n=n)
    return where, network, members, [live(where, streams, network, members, each) for each in scenarios]


@pytest.fixture(scope="module")
def fined():
    """Halden as it was, with nobody charged, and with everybody charged."""
    _, network, members, runs = lived((AS_IT_WAS, NOBODY, EVERYBODY))
    return network, members, *runs


def leaves_soon(lives):
    return (lives.cause <= PRICE) & (lives.exit - lives.fee_day <= WINDOW_DAYS) & lives.fee_due


def test_a_fee_charged_drives_away_as_many_as_are_planted():
    *_, (none, everybody) = lived((NOBODY, EVERYBODY), fee_rate=3.0)
    change = leaves_soon(everybody).astype(float) - leaves_soon(none)
    due = none.fee_due
    assert due.sum() > 3_000
    assert np.isin(change[due], [0, 1]).all()
    # four standard errors of the mean of potential differences
    assert abs(change[due].mean() - 0.04) < 4 * change[due].std() / np.sqrt(due.sum())
    assert (everybody.cause[change > 0] == 0).all()


def test_fees_touch_nobody_else(fined):
    _, _, was, none, everybody = fined
    for name in ("fee_due", "fee_day", "fee_amount", "fee_kind"):
        assert np.array_equal(getattr(none, name), getattr(everybody, name))
    assert np.array_equal(none.exit[~none.fee_due], everybody.exit[~none.fee_due])
    assert np.array_equal(everybody.fee_charged, everybody.fee_due)
    assert not none.fee_charged.any()
    lot = was.fee_charged
    assert abs(lot[none.fee_due].mean() - 0.5) < 4 * 0.5 / np.sqrt(none.fee_due.sum())
    assert np.array_equal(was.exit[lot], everybody.exit[lot])
    assert np.array_equal(was.exit[~lot], none.exit[~lot])
    moved = none.exit != everybody.exit
    after = everybody.exit - everybody.fee_day
    assert ((after > 0) & (after <= WINDOW_DAYS + 1))[moved].all()
    assert (everybody.exit < none.exit)[moved].all()


def test_about_one_in_five_gets_one_and_those_who_buy_much_more_often(fined):
    _, members, was, *_ = fined
    due = was.fee_due
    assert 0.17 < due.mean() < 0.23  # one in five, as the tables are to show it
    assert members.rate[due].mean() > 1.25 * members.rate[~due].mean()
    by_plan = [due[members.plan == plan].mean() for plan in range(3)]
    assert by_plan[0] < by_plan[1] < by_plan[2]
    first, last = (month * MONTH_DAYS for month in DUE_MONTHS)
    assert was.fee_day[due].min() >= first - 1  # months of the calendar begin up to a day after equal ones
    assert was.fee_day[due].max() <= last + 1
    assert (was.fee_day[due] >= was.entry[due]).all()
    assert (was.fee_day[due] < was.exit[due]).all()
    assert (was.fee_day[~due] == -1).all()
    assert not was.fee_amount[~due].any()
    assert set(was.fee_amount[due]) == set(AMOUNTS)


def test_who_is_charged_looks_loyal_to_a_hasty_eye(fined):
    """Payers lived until their fee and have the better plans; they leave less, though fees drive away."""
    _, _, was, *_ = fined
    left = was.cause <= PRICE
    assert left[was.fee_charged].mean() < left[~was.fee_due].mean() - 0.05


def test_offers_and_fees_act_each_by_itself():
    both = replace(EVERYBODY, save_offer="all")
    planted = {"fee_rate": 5.0, "fee_points": 0.6, "save_points": (-0.1, -0.2, -0.1)}
    *_, (plain, fee, offer, everything) = lived(
        (
            replace(NOBODY, save_offer="none"),
            replace(both, save_offer="none"),
            replace(both, fees="none"),
            both,
        ),
        **planted,
    )
    gone_first = plain.considered & ~everything.considered
    assert gone_first.sum() > 100
    assert (everything.exit <= plain.considered_day)[gone_first].all()
    # nobody is considered, nor owes a fee, when gone
    assert (everything.considered_day < everything.exit).all()
    assert (everything.fee_day < everything.exit).all()
    # a fee takes those away whom an offer alone keeps
    kept = offer.exit > plain.exit
    assert (everything.exit[kept] < offer.exit[kept]).sum() > 20
    assert (everything.exit <= offer.exit).all()
    # who has a fee and no offer to answer lives as without offers
    alone = ~everything.considered & ~fee.considered
    assert np.array_equal(everything.exit[alone], fee.exit[alone])


def test_hazards_of_those_with_fees_and_offers_add_up_to_their_leavers():
    scenario = replace(EVERYBODY, save_offer="all")
    world, _, members, (lives,) = lived(
        (scenario,), fee_rate=3.0, fee_points=0.2, save_points=(0.0, -0.1, 0.2)
    )
    watched, plain = AtRisk(7_000), AtRisk(7_000)
    watched.add(world, members, lives, scenario=scenario)
    for cause in range(4):
        left = (lives.cause == cause).sum()
        # leavers less their summed hazards: a martingale, four standard deviations wide
        assert abs(left - watched._hazard[cause].sum()) < 4 * np.sqrt(left)
    plain.add(world, members, replace(lives, fee_drives=np.zeros(len(members))), scenario=scenario)
    assert (watched._hazard - plain._hazard)[0].sum() > 8 * np.sqrt((lives.cause == 0).sum())
    assert np.array_equal(watched._hazard[1:], plain._hazard[1:])


def test_whom_a_fee_moves_is_settled_before_what_comes_later():
    *_, (lives, calm) = lived((EVERYBODY, replace(EVERYBODY, recession=False)), fee_points=0.3, fee_rate=3.0)
    began = MONTH_STARTS[36]
    assert np.array_equal(np.minimum(lives.exit, began), np.minimum(calm.exit, began))
    assert (lives.exit != calm.exit).any()


@pytest.mark.parametrize("world", ["no-effect", "stationary"])
def test_where_fees_do_nothing_they_are_paid_and_nobody_goes(world):
    *_, (none, everybody) = lived((NOBODY, EVERYBODY), world=world, n=2_000)
    assert np.array_equal(none.exit, everybody.exit)
    assert everybody.fee_charged.any()
    assert not everybody.fee_drives.any()


def test_the_table_and_the_books_by_hand(fined):
    network, members, was, *_ = fined
    table = member_tables.fees(members, was).to_pandas()
    assert len(table) == was.fee_due.sum()
    assert set(table["kind"]) == set(KINDS)
    assert not table.isna().any().any()
    assert table["customer"].is_unique
    charged = table[table["charged"]]
    income = books.fees(network, members, was)
    assert income.sum() == int(charged["amount"].sum() * 10_000)
    one = np.flatnonzero(was.fee_charged)[0]
    month = int(np.searchsorted(MONTH_STARTS, was.fee_day[one], side="right")) - 1
    only = replace(was, fee_charged=np.arange(len(members)) == one)
    alone = books.fees(network, members, only)
    assert alone[members.branch[one], month] == was.fee_amount[one] * 10_000
    assert np.count_nonzero(alone) == 1


def test_days_of_fees_are_inside_the_data():
    halden = Halden(customers=3_000, seed=8)
    network = halden.network()
    lives = halden.lives(network, halden.members(network, next(halden.blocks())))
    assert (lives.fee_day[lives.fee_due] + WINDOW_DAYS <= DAYS).all()

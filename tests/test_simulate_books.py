"""The books of Halden: money adds up to the last cent, and the naive slope misleads as it should."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cemlab.data import contract
from cemlab.simulate.buying import books, campaigns, shopping
from cemlab.simulate.customers import member_tables
from cemlab.simulate.halden import Halden
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.organisation.network_tables import BACKFILL_PAY
from cemlab.simulate.state import AS_IT_WAS, Purchases, Scenario
from cemlab.simulate.tables import pieces
from cemlab.simulate.timeline import MONTH_STARTS, MONTHS
from cemlab.simulate.worlds import WORLDS

BRANCHES = 60


def kept(halden, scenario=AS_IT_WAS):
    """Replay one block, and keep the books."""
    network = halden.network(scenario)
    members = halden.members(network, next(halden.blocks()))
    lives = halden.lives(network, members, scenario)
    purchases = halden.purchases(network, members, lives, scenario)
    revenue, margin = books.sums(network, members, purchases)
    active = np.zeros(revenue.shape)
    np.add.at(active, members.branch, lives.months_active())
    fees = books.fees(network, members, lives)
    programmes = books.programmes(halden.world, halden.streams, members, lives, scenario)
    result = books.keep_books(
        halden.world,
        halden.streams,
        network,
        revenue=revenue,
        margin=margin,
        fees=fees,
        programmes=programmes,
        active=active,
    )
    return SimpleNamespace(**{name: value for name, value in locals().items() if name != "scenario"})


@pytest.fixture(scope="module")
def default():
    return kept(Halden(seed=1))


@pytest.fixture(scope="module")
def table(default):
    halden = default.halden
    return books.branch_month(halden.world, halden.streams, default.network, default.result)


def test_sums_by_hand():
    members = SimpleNamespace(branch=np.array([1, 0]))
    network = SimpleNamespace(size=np.array([10, 12]))
    days = [0, 30, 31, 1460]
    bought = Purchases(
        customer=np.array([0, 0, 0, 1]),
        candidate=np.array([1, 2, 5, 3]),
        day=np.array(days),
        category=np.zeros(4, dtype=int),
        channel=np.zeros(4, dtype=int),
        units=np.ones(4, dtype=int),
        revenue=np.array([100_0100, 100, 5_0000, 7_0000]),
        margin=np.array([50_0000, 0, 2_0000, 3_0000]),
    )
    revenue, margin = books.sums(network, members, bought)
    assert revenue.shape == margin.shape == (2, MONTHS)
    assert revenue[1, :2].tolist() == [100_0200, 5_0000]
    assert margin[1, :2].tolist() == [50_0000, 2_0000]
    assert (revenue[0, 47], margin[0, 47]) == (7_0000, 3_0000)
    assert (np.count_nonzero(revenue), np.count_nonzero(margin)) == (3, 3)


def test_money_adds_up_from_transactions_and_fees_to_branch_months_to_the_last_cent(default, table):
    lines = shopping.transactions(default.members, default.purchases).to_pandas()
    fees = member_tables.fees(default.members, default.lives).to_pandas()
    fees = fees[fees.charged].rename(columns={"amount": "revenue"})
    money = pd.concat([rows[["customer", "date", "revenue"]] for rows in (lines, fees)], ignore_index=True)
    home = default.members.branch[money.customer.str[1:].astype(int).to_numpy() - 1] + 1
    month = money.date.astype("datetime64[s]").dt.to_period("M").dt.start_time.dt.date
    cents = (money.revenue * 100).astype("int64").groupby([home, month.to_numpy()]).sum()
    written = table.to_pandas()
    assert len(cents) == len(written) == BRANCHES * MONTHS
    pairs = list(zip(written.branch.str[1:].astype(int), written.month, strict=True))
    assert (cents.loc[pairs].to_numpy() == (written.revenue * 100).astype("int64").to_numpy()).all()
    assert written.revenue.sum() == lines.revenue.sum() + fees.revenue.sum()
    assert isinstance(written.revenue[0], Decimal)
    # goods are the branch's margin, fees are not
    assert default.result.profit.sum() == default.result.margin.sum() + default.fees.sum() - (
        default.result.cost.sum() - (default.revenue - default.margin).sum()
    )


def test_profit_is_revenue_less_cost_exactly(default, table):
    written = table.to_pandas()
    assert (written.revenue - written.cost == written.profit).all()
    assert (default.result.cost % 100 == 0).all()  # whole cents


@pytest.fixture(scope="module")
def written():
    """The tables of a small company that have to do with money, as frames by name."""
    halden = Halden(customers=1_500, seed=6)
    found = {}
    for _, some in pieces(halden):
        for name, rows in some:
            found.setdefault(name, []).append(rows)
    needed = ("transactions", "customers", "training", "save_offers", "campaigns", "branch_month")
    return SimpleNamespace(
        halden=halden, **{name: pa.concat_tables(found[name]).to_pandas() for name in needed}
    )


def by_branch_month(rows, branch, day, amount):
    """Add up amounts of 1/10,000 EUR by branch and month."""
    month = pd.PeriodIndex(pd.to_datetime(rows[day]), freq="M").month
    month = month + 12 * (pd.to_datetime(rows[day]).dt.year.to_numpy() - 2022) - 1
    total = np.zeros((BRANCHES, MONTHS), dtype=np.int64)
    np.add.at(total, (branch.str[1:].astype(int).to_numpy() - 1, np.asarray(month)), amount)
    return total


def test_cost_is_what_the_written_tables_say_to_the_last_cent(written):
    halden, home = written.halden, written.customers.set_index("customer")["branch"]
    network = halden.network()

    def of_members(rows, amount):
        return by_branch_month(rows, home.loc[rows.customer].reset_index(drop=True), "date", amount)

    def exact(money):
        return (money * 10_000).astype("int64").to_numpy()

    goods = of_members(
        written.transactions, exact(written.transactions.revenue - written.transactions.margin)
    )
    programmes = of_members(written.save_offers, exact(written.save_offers.cost))
    programmes += of_members(written.campaigns, exact(written.campaigns.cost))
    people = written.training[written.training.date.notna()]
    hours = exact(people.direct_cost) + np.rint(people.backfill_hours * BACKFILL_PAY * 10_000).astype("int64")
    training = by_branch_month(people, people.branch, "date", hours)
    pay = network_tables.payroll(network)
    service = books.service_overtime(halden.world, network, pay)
    fixed = books.fixed(halden.streams, network)
    cost = exact(written.branch_month.cost).reshape(BRANCHES, MONTHS)
    assert (cost == goods + pay + training + service + fixed + programmes).all()
    assert goods.sum() > programmes.sum() > 0


def test_programmes_by_hand(monkeypatch):
    world = WORLDS["default"]
    members = SimpleNamespace(
        branch=np.array([0, 1, 1]),
        onboarded=np.array([False, True, False]),
        joined=np.array([-9.0, 1.2, 2.5]),
    )
    members.consent = np.ones(3, dtype=bool)
    lives = SimpleNamespace(
        offered=np.array([True, False, False]),
        considered_day=np.array([31, -1, -1]),
        entry=np.array([-274, 36, 76]),
    )
    run = SimpleNamespace(row=np.array([2]), day=np.array([1460]), cost=np.array([3_0000]))
    monkeypatch.setattr(books, "taking_part", lambda *_: run)
    paid = books.programmes(world, None, members, lives)
    assert (paid[0, 1], paid[1, 1], paid[1, 47]) == (25_0000, 8_0000, 3_0000)
    assert np.count_nonzero(paid) == 3
    everybody = books.programmes(world, None, members, lives, Scenario(onboarding="all"))
    assert (everybody - paid)[1, 2] == 8_0000  # who joined in March 2022


def test_campaigns_cost_what_their_table_says(default):
    halden = default.halden
    table = campaigns.campaigns(halden.world, halden.streams, default.members, default.lives).to_pandas()
    part = campaigns.taking_part(halden.streams, default.members, default.lives)
    assert table.cost.sum() * 10_000 == int(part.cost.sum())
    price = dict(zip(campaigns.KINDS, campaigns.COST, strict=True))
    assert float(table.cost.sum()) == pytest.approx(table[table.treated].kind.map(price).sum())


def test_fixed_cost_is_so_much_a_post(default):
    network = default.network
    fixed = books.fixed(default.halden.streams, network) / 10_000 / network.size[:, None]
    for code in range(3):
        mine = fixed[network.format == code]
        level = books._FIXED_PER_POST[code]
        # Bills vary by 3 % from month to month.
        assert mine.mean() == pytest.approx(level, abs=4 * 0.03 * level / np.sqrt(mine.size))
    assert (fixed > 0).all()


def test_service_overtime_by_hand():
    world = WORLDS["default"]
    network = SimpleNamespace(share_trained=lambda: np.array([[0.0, 0.5, 1.0]]))
    pay = np.full((1, 3), 40_000_0000)
    # A quarter of the pay, 10,000 EUR, is for service. Contacts are 6 % longer. Of 28 (later 24) in a hundred
    # that resolve nothing 45 % come back, so a matter takes 1 + .126 + .126² + .126³ = 1.1438764 contacts,
    # later 1 + .108 + .108² + .108³ = 1.1209237: 1.06 × 1.1209237 / 1.1438764 − 1 = 3.873 % more.
    assert books.service_overtime(world, network, pay).tolist() == [[0, 193_6500, 387_3000]]
    assert not books.service_overtime(WORLDS["no-effect"], network, pay).any()


def test_branch_months_are_as_the_contract_says(default, table):
    assert table.column_names == [column.name for column in contract.table("branch_month").columns]
    written = table.to_pandas()
    assert not written.duplicated(["branch", "month"]).any()
    assert not written.isna().any(axis=None)
    assert (written.branch.iloc[0], written.branch.iloc[-1]) == ("B01", "B60")
    assert written.month.nunique() == MONTHS
    assert written.turnover.between(0, 1).all()
    experience = default.network.experience.ravel()
    error = written.cx - experience
    planted = default.halden.world.network.measurement_sd
    n = len(error)
    assert error.std() == pytest.approx(planted, abs=4 * planted / np.sqrt(2 * n))
    assert error.mean() == pytest.approx(0, abs=4 * planted / np.sqrt(n))
    assert np.corrcoef(error, experience)[0, 1] == pytest.approx(0, abs=4 / np.sqrt(n))


def test_the_error_of_measurement_is_the_same_in_every_replay(default):
    halden = default.halden
    other = halden.network(Scenario(training="none"))
    errors = [
        books.observed_cx(halden.world, halden.streams, network) - network.experience
        for network in (default.network, other)
    ]
    assert errors[0] == pytest.approx(errors[1], abs=1e-12)
    assert not np.allclose(default.network.experience, other.experience)


def test_the_company_earns_a_usual_margin(default):
    share = default.result.profit.sum() / default.result.revenue.sum()
    assert 0.05 < share < 0.10


def test_members_of_the_books_are_the_contracts_that_run(default):
    lives, middle = default.lives, 700
    running = ((lives.entry <= middle) & (middle < lives.exit)).sum()
    month = np.searchsorted(MONTH_STARTS, middle, side="right") - 1
    # The mean of a month differs from one day of it by what is won and lost within, some 3 % at most.
    assert default.result.members[:, month].sum() == pytest.approx(running, rel=0.03)


@pytest.fixture(scope="module", params=[1, 2])
def slopes(request, default):
    """Naive and true slope of monthly profit per member on the experience, of one company."""
    seen = default if request.param == 1 else kept(Halden(seed=request.param))
    halden = seen.halden

    def margin(step):
        moved = replace(seen.lives, experience=seen.lives.experience + step)
        bought = shopping.buy(halden.world, halden.streams, seen.network, seen.members, moved)
        return books.sums(seen.network, seen.members, bought)[1].sum() / 10_000

    member_months = seen.active.sum()
    cx = books.observed_cx(halden.world, halden.streams, seen.network)
    profit = seen.result.profit / 10_000 / seen.active
    return SimpleNamespace(
        naive=np.polyfit(cx.ravel(), profit.ravel(), 1)[0],
        true=(margin(1) - margin(0)) / member_months,
        local=(margin(0.5) - margin(-0.5)) / member_months,
        margin=margin(0) / member_months,
        experience=seen.lives.experience[seen.lives.months_active() > 0],
    )


def test_the_naive_slope_is_about_twice_the_true_one(slopes):
    # The true slope is that of today's experience, which a line through today's branches would find. Over
    # five companies the ratio has an SD of 0.15: four of them either side of two.
    assert 1.4 < slopes.naive / slopes.local < 2.6


def test_the_true_slope_is_what_the_planted_numbers_give(slopes):
    # Log purchases are 0.14 (exp(E / 2) - 1), so that their slope is 0.07 exp(E / 2); each customer-month is
    # weighted with what is bought at its E.
    log, slope = 0.14 * np.expm1(slopes.experience / 2), 0.07 * np.exp(slopes.experience / 2)
    step = 0.14 * np.expm1((slopes.experience + 1) / 2) - log
    whole_step = np.average(np.expm1(step), weights=np.exp(log))
    tangent = np.average(slope, weights=np.exp(log))
    # Some 45,000 purchases are gained: 4 / sqrt(45,000) is 2 % from chance; affluence bends it a little more.
    assert slopes.true == pytest.approx(whole_step * slopes.margin, rel=0.06)
    # The step around today's experience is the tangent but for terms of the third order, 2 % or so.
    assert slopes.local == pytest.approx(tangent * slopes.margin, rel=0.08)
    assert slopes.local < slopes.true  # convex: the next SD is worth more than the slope today says


def test_training_costs_first_and_pays_later(default):
    halden = default.halden
    done, none = default, kept(halden, Scenario(training="none"))
    gain = (done.result.profit - none.result.profit).sum(axis=0) / 10_000
    first, last = halden.world.network.waves[0], halden.world.network.waves[-1]
    assert (gain[:first] == 0).all()
    assert gain[[13, 19, 25]].max() < 0  # the months of the courses
    assert gain[last + 6 :].mean() > 0
    cost = network_tables.training_cost(halden.world, halden.streams, done.network).sum() / 10_000
    assert -cost < gain.sum() < 2 * cost  # worth discussing: neither ruinous nor a wonder


def test_training_that_does_nothing_is_a_loss():
    halden = Halden(customers=3_000, seed=4, world_name="no-effect")
    done, none = kept(halden), kept(halden, Scenario(training="none"))
    assert (done.revenue == none.revenue).all()
    assert (done.result.profit <= none.result.profit).all()
    assert (done.result.profit < none.result.profit).any()

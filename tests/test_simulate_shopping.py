"""Purchases, campaigns and the economy of Halden: what is planted is found again in the latent state."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import statsmodels.api as sm
from scipy import stats

from cemlab.data import contract
from cemlab.simulate import economy
from cemlab.simulate.buying import campaigns, shopping
from cemlab.simulate.halden import Halden
from cemlab.simulate.state import AS_IT_WAS, PLANS, TYPES, Scenario
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTH_STARTS, MONTHS, day_of, month_of
from cemlab.simulate.worlds import WORLDS

DEFAULT = WORLDS["default"]


def company(**of) -> SimpleNamespace:
    """One block of a company as it was, with everything that a purchase depends on."""
    halden = Halden(**of)
    network = halden.network()
    members = halden.members(network, next(halden.blocks()))
    lives = halden.lives(network, members)

    def bought(*, world=halden.world, lives=lives, scenario=AS_IT_WAS):
        return shopping.buy(world, halden.streams, network, members, lives, scenario)

    return SimpleNamespace(
        halden=halden,
        world=halden.world,
        streams=halden.streams,
        network=network,
        members=members,
        lives=lives,
        bought=bought,
        purchases=bought(),
    )


@pytest.fixture(scope="module")
def default():
    return company(customers=12_000, seed=11)


@pytest.fixture(scope="module")
def stationary():
    return company(customers=12_000, seed=12, world_name="stationary")


def key(purchases):
    """Name each purchase so that replays agree on the name."""
    return purchases.customer * 1_000_000 + purchases.candidate


def counts(purchases, n):
    """Purchases by customer and month."""
    cell = purchases.customer * MONTHS + month_of(purchases.day)
    return np.bincount(cell, minlength=n * MONTHS).reshape(n, MONTHS)


# Purchases


def test_counts_of_those_who_stay_are_negative_binomial(stationary):
    lives, buying = stationary.lives, stationary.world.buying
    stayed = (lives.entry <= 0) & (lives.exit >= DAYS)
    bought = counts(stationary.purchases, len(stayed))[stayed].sum(axis=1)
    mean = buying.rate * MONTHS
    theory = stats.nbinom(buying.rate_shape, buying.rate_shape / (buying.rate_shape + mean))
    _, variance, _, excess = theory.stats("mvsk")
    assert variance == pytest.approx(mean + mean**2 / buying.rate_shape)  # the formula by hand
    n = len(bought)
    assert n > 10_000
    assert bought.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / n))
    # The standard error of a variance is that of squares, from the fourth moment.
    assert bought.var() == pytest.approx(variance, abs=4 * variance * np.sqrt((excess + 2) / n))


def test_purchases_without_a_change_come_at_any_time_alike(stationary):
    lives = stationary.lives
    stayed = (lives.entry <= 0) & (lives.exit >= DAYS)
    day = stationary.purchases.day[stayed[stationary.purchases.customer]]
    by_day = np.bincount(day, minlength=DAYS)
    # Given the customers' own rates the counts of the days are Poisson: a chi-squared test of homogeneity.
    assert stats.chisquare(by_day).pvalue > 1e-4


def test_experience_season_and_recession_are_found_by_poisson_regression(default):
    members, buying = default.members, default.world.buying
    active = default.lives.months_active()
    never = np.isnan(members.changes_at)
    use = (active > 0) & never[:, None]
    row, month = np.nonzero(use)
    experience = default.lives.experience[use]
    # The curve is known to be (exp(b E) - 1) / b; its b is linearised about the planted one, 1/2: the
    # derivative of a (exp(b E) - 1) / b by b, of which the factor is a times how much b is off.
    curved = np.expm1(experience / 2) * 2
    by_b = 2 * experience * np.exp(experience / 2) - 2 * curved
    design = np.column_stack(
        [
            np.ones(len(row)),
            curved,
            by_b,
            np.cos(2 * np.pi * (month + 1) / 12),
            month >= default.world.recession,
        ]
    )
    exposure = members.rate[row] * active[use] * np.diff(MONTH_STARTS)[month] / MONTH_DAYS
    fit = sm.GLM(
        counts(default.purchases, len(members))[use], design, family=sm.families.Poisson(), exposure=exposure
    ).fit()
    # The season's multiple is one in the mean over the year, not at its middle: a Bessel function.
    planted = [
        -np.log(np.i0(buying.season)),
        buying.experience,
        0.0,
        buying.season,
        np.log(buying.recession),
    ]
    assert (buying.experience, buying.experience_curve, buying.recession) == (0.07, 0.5, 0.93)
    assert np.abs((fit.params - planted) / fit.bse).max() < 4  # standard errors
    assert fit.bse.max() < 0.015  # and they are small: the test can fail


def test_season_is_highest_in_december_and_one_in_the_mean():
    multiple = shopping.season(DEFAULT.buying)
    assert multiple[:12].mean() == pytest.approx(1)
    assert np.log(multiple.max() / multiple.min()) == pytest.approx(2 * DEFAULT.buying.season)
    assert multiple[:12].argmax() == 11
    assert multiple[:12].argmin() == 5
    assert multiple[36:] == pytest.approx(multiple[:12])


def test_behaviour_rises_everywhere_and_is_convex_in_experience():
    steps = np.linspace(-6, 3, 37)[:, None] * np.ones(MONTHS)
    log = np.log(shopping.monthly_multiple(DEFAULT, steps)[:, 0])
    assert (np.diff(log) > 0).all()
    assert (np.diff(log, n=2) > 0).all()
    # By hand from a = 0.07 and b = 0.5: 0.14 (sqrt(e) - 1) one SD up and 0.14 (1 - 1 / sqrt(e)) one down.
    assert log[28] - log[24] == pytest.approx(0.14 * 0.648721, abs=1e-6)
    assert log[24] - log[20] == pytest.approx(0.14 * 0.393469, abs=1e-6)


def test_without_a_curve_behaviour_is_a_straight_line():
    buying = replace(DEFAULT.buying, experience_curve=0.0)
    log = shopping._log_multiple(buying, np.array([-2.0, 0.0, 1.0]))
    assert log == pytest.approx([-0.14, 0.0, 0.07])


def test_the_cap_hardly_ever_holds_even_one_sd_up(default):
    inside = default.lives.months_active() > 0
    better = shopping.monthly_multiple(DEFAULT, default.lives.experience + 1)[inside]
    assert (better >= shopping.CAP).mean() < 1e-3
    assert shopping.monthly_multiple(DEFAULT, np.full((1, MONTHS), 9.0)).max() == shopping.CAP


@pytest.mark.parametrize("multiple", DEFAULT.buying.change_to)
def test_changed_rates_change_as_planted_and_not_where_nothing_changes(default, multiple):
    members, lives = default.members, default.lives
    chosen = np.isfinite(members.changes_at) & (members.changes_to == multiple)
    change = np.full(len(members), DAYS)
    change[chosen] = day_of(members.changes_at[chosen])
    assert chosen.mean() == pytest.approx(0.02, abs=4 * np.sqrt(0.02 * 0.98 / len(members)))

    days = np.arange(DAYS)
    after = (
        chosen[:, None] & (days >= np.maximum(change, lives.entry)[:, None]) & (days < lives.exit[:, None])
    )
    by_month = np.add.reduceat(after, MONTH_STARTS[:-1], axis=1)
    each = shopping.monthly_multiple(DEFAULT, lives.experience) * members.rate[:, None] / MONTH_DAYS
    expected = (by_month * each).sum()

    def seen(purchases):
        return (chosen[purchases.customer] & (purchases.day >= change[purchases.customer])).sum()

    changed, unchanged = default.purchases, default.bought(scenario=Scenario(changing=False))
    # Counts are Poisson given the latent state: four standard errors.
    assert seen(changed) == pytest.approx(multiple * expected, abs=4 * np.sqrt(multiple * expected))
    assert seen(unchanged) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_changes_before_the_standstill_have_happened(default):
    change = np.where(np.isfinite(default.members.changes_at), default.members.changes_at * MONTH_DAYS, DAYS)
    middle = 730
    still = default.bought(scenario=Scenario(changing=False, still_from=middle))
    early = (change < middle)[default.purchases.customer]
    late = ((change >= middle) & (change < DAYS))[default.purchases.customer]
    kept = np.isin(key(default.purchases), key(still))
    assert kept[early].all()
    assert not kept[late].all()


def test_a_replay_is_the_same_to_the_last_byte(default):
    again = default.bought()
    for name, values in vars(default.purchases).items():
        assert np.array_equal(values, getattr(again, name)), name


def test_a_better_experience_moves_the_bar_and_nothing_else(default):
    lives = replace(default.lives, experience=default.lives.experience + 1)
    before, after = default.purchases, default.bought(lives=lives)
    _, here, there = np.intersect1d(key(before), key(after), assume_unique=True, return_indices=True)
    for name, values in vars(before).items():
        assert np.array_equal(values[here], getattr(after, name)[there]), name
    assert len(after.day) - len(there) > 10_000  # gained
    assert len(here) == len(before.day)  # nobody buys less for being served better


def test_without_the_recession_it_is_the_world_without_one(default):
    spared = default.bought(scenario=Scenario(recession=False))
    nowhere = default.bought(world=WORLDS["no-recession"])
    assert np.array_equal(key(spared), key(nowhere))
    missed = ~np.isin(key(spared), key(default.purchases))
    assert np.isin(key(default.purchases), key(spared)).all()
    assert missed.any()
    assert (month_of(spared.day[missed]) >= DEFAULT.recession).all()


def test_purchases_are_inside_the_spells_and_in_order(default):
    bought, lives = default.purchases, default.lives
    assert (bought.day >= np.maximum(lives.entry[bought.customer], 0)).all()
    assert (bought.day < np.minimum(lives.exit[bought.customer], DAYS)).all()
    assert (np.diff(bought.customer * DAYS + bought.day) >= 0).all()
    # Some are on the first and some on the last day of a spell: the borders are where they should be.
    assert (bought.day == lives.entry[bought.customer]).any()
    assert (bought.day == lives.exit[bought.customer] - 1).any()


def test_nobody_buys_in_a_closed_store_or_calls_there(default):
    bought = default.purchases
    day = np.datetime64("2022-01-01") + bought.day
    sunday = (day.astype("datetime64[D]").view("int64") + 4) % 7 == 0  # 1 January 1970 was a Thursday
    online = np.isin(bought.channel, [shopping.CHANNELS.index("website"), shopping.CHANNELS.index("app")])
    assert online[sunday].all()
    assert online[np.isin(day, np.array([f"{year}-12-25" for year in range(2022, 2026)], "M8[D]"))].all()
    closed = economy.closed_days()
    # 208 weeks and the days from Saturday to Wednesday: 209 Sundays, and the holidays on other days
    holidays = [day for day in economy.holidays() if day.weekday() != 6]
    assert closed.sum() == 209 + len(holidays)
    # as much is bought on closed days as on others, day by day: they are so many of the days in all
    tolerance = 4 * np.sqrt(closed.mean() * (1 - closed.mean()) / len(day)) + 0.005  # and the season
    assert closed[bought.day].mean() == pytest.approx(closed.mean(), abs=tolerance)


def test_dear_baskets_hold_more_pieces_and_categories_have_their_prices(default):
    bought, buying = default.purchases, default.world.buying
    log = np.log(bought.revenue / 10_000)
    for code in range(len(shopping.CATEGORIES)):
        mine = bought.category == code
        small, large = (log[mine & (bought.units == units)] for units in (1, 6))
        error = np.sqrt(small.var() / len(small) + large.var() / len(large))
        assert large.mean() - small.mean() > 0.5 * buying.basket_sd + 4 * error
    each = bought.revenue / bought.units
    price = {name: np.median(each[bought.category == code]) for code, name in enumerate(shopping.CATEGORIES)}
    assert price["heating"] > 1.3 * price["paint"]
    assert min(price, key=price.get) == "paint"
    # pieces have the shares that are laid down, whatever the basket
    shares = np.array(shopping._UNITS) / sum(shopping._UNITS)
    seen = np.bincount(bought.units, minlength=7)[1:] / len(bought.units)
    assert seen == pytest.approx(shares, abs=4 * 0.5 / np.sqrt(len(bought.units)))


def test_baskets_are_lognormal_and_dearer_where_people_are_better_off(default):
    bought, buying = default.purchases, default.world.buying
    affluence = default.network.affluence[default.members.branch[bought.customer]]
    fit = sm.OLS(np.log(bought.revenue / 10_000), sm.add_constant(affluence)).fit()
    planted = [np.log(buying.basket), default.world.network.affluence_basket]
    assert np.abs((fit.params - planted) / fit.bse).max() < 4
    # The standard error of an SD from n normal values is SD / sqrt(2 n); of a mixture of them about the same.
    assert np.sqrt(fit.scale) == pytest.approx(
        buying.basket_sd, abs=4 * buying.basket_sd / np.sqrt(2 * len(affluence))
    )
    assert ((bought.revenue % 100 == 0) & (bought.margin % 100 == 0) & (bought.revenue > 0)).all()


def test_margin_is_the_planted_share_for_every_type_and_differs_by_category(default):
    bought, planted = default.purchases, default.world.buying.margin
    share, type_ = bought.margin / bought.revenue, default.members.type[bought.customer]
    for code in range(len(TYPES)):
        mine = share[type_ == code]
        assert mine.mean() == pytest.approx(planted, abs=4 * mine.std() / np.sqrt(len(mine)))
    by_category = [share[bought.category == code].mean() for code in range(len(shopping.CATEGORIES))]
    assert max(by_category) - min(by_category) > 0.1
    assert 0 < share.min() < share.max() < 1


def test_what_is_bought_and_where_follows_the_type(default):
    bought, type_ = default.purchases, default.members.type[default.purchases.customer]
    professional = type_ == TYPES.index("professional")
    tools = bought.category == shopping.CATEGORIES.index("tools")
    store, is_open = bought.channel == shopping.CHANNELS.index("store"), ~economy.closed_days()[bought.day]
    app = bought.channel == shopping.CHANNELS.index("app")
    senior = type_ == TYPES.index("senior")
    n = min(professional.sum(), senior.sum())
    tolerance = 4 * 0.5 / np.sqrt(n)  # a share's standard error is at most 0.5 / sqrt(n)
    assert tools[professional].mean() == pytest.approx(0.38, abs=tolerance)
    assert app[senior].mean() == pytest.approx(0.03, abs=tolerance)
    assert store[senior & is_open].mean() == pytest.approx(0.74, abs=2 * tolerance)
    assert set(bought.units.tolist()) == {1, 2, 3, 4, 5, 6}


def test_transactions_are_as_the_contract_says(default):
    table = shopping.transactions(default.members, default.purchases)
    assert table.column_names == [column.name for column in contract.table("transactions").columns]
    assert pc.count_distinct(table["order"]).as_py() == table.num_rows == len(default.purchases.day)
    assert all(column.null_count == 0 for column in table.columns)
    first = default.purchases.customer[0]
    assert table["order"][0].as_py() == f"O{first + 1:07d}-{default.purchases.candidate[0]}"
    assert table["revenue"].type == table["margin"].type == pa.decimal128(18, 4)


def test_one_customer_is_a_company_too():
    one = company(customers=1, seed=3)
    assert set(one.purchases.customer.tolist()) <= {0}
    assert shopping.transactions(one.members, one.purchases).num_rows == len(one.purchases.day)


# Campaigns


@pytest.fixture(scope="module")
def sent(default):
    return campaigns.campaigns(default.world, default.streams, default.members, default.lives).to_pandas()


def test_one_in_two_takes_part_and_every_other_of_them_is_treated(default, sent):
    lives, members = default.lives, default.members
    runs = sent.groupby(["kind", "date"], sort=False)
    assert runs.ngroups == 2 * len(campaigns.KINDS)
    assert set(sent.kind) == set(campaigns.KINDS)
    for (_, day), rows in runs:
        on = (day - date(2022, 1, 1)).days
        able = (lives.entry <= on) & (on < lives.exit) & members.consent
        assert able[rows.customer.str[1:].astype(int) - 1].all()
        assert len(rows) == pytest.approx(able.sum() / 2, abs=4 * np.sqrt(able.sum() / 4))
        assert rows.treated.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(rows)))
        assert not economy.near_holiday()[on]


def test_responses_follow_the_chances_of_those_who_were_asked(default, sent):
    chances = campaigns.campaign_chances(default.world, default.streams, default.members)
    row = sent.customer.str[1:].astype(int).to_numpy() - 1
    kind = sent.kind.map(campaigns.KINDS.index).to_numpy()
    chance = np.where(sent.treated, chances.treated[kind, row], chances.without[kind, row])
    for code in range(len(campaigns.KINDS)):
        for treated in (True, False):
            mine = (kind == code) & (sent.treated == treated).to_numpy()
            error = np.sqrt((chance[mine] * (1 - chance[mine])).sum())
            assert sent.response[mine].sum() == pytest.approx(chance[mine].sum(), abs=4 * error)


def test_chances_are_those_planted(default):
    members, buying = default.members, default.world.buying
    chances = campaigns.campaign_chances(default.world, default.streams, members)
    change = chances.treated - chances.without
    inside = chances.treated > 0.002  # not held at the least chance
    plain = (members.type == 0) & (members.objective == 0) & (members.plan != PLANS.index("Partner"))
    for code in range(len(campaigns.KINDS)):
        assert change[code, plain & inside[code]] == pytest.approx(buying.campaign_uplift[code])
    # By hand: a senior who wants it cheap, as a Partner, and is asked to stay.
    other = (members.type == 2) & (members.objective == 2) & (members.plan == PLANS.index("Partner"))
    assert change[0, other & inside[0]] == pytest.approx(0.04 - 0.06 + 0.05 - 0.03)
    assert (change < 0).any(axis=1).all()
    assert inside.mean() > 0.95
    logit = np.log(chances.without / (1 - chances.without))
    fit = sm.OLS(logit[1], sm.add_constant(np.log(members.rate / buying.rate))).fit()
    base = buying.campaign_response[1]
    planted = [np.log(base / (1 - base)), buying.campaign_response_rate]
    assert np.abs((fit.params - planted) / fit.bse).max() < 4


def test_treating_everybody_is_not_the_best_policy(default):
    value = campaigns.campaign_chances(default.world, default.streams, default.members).value()
    gain_of_choice = np.maximum(value, 0).mean(axis=1) - np.maximum(value.mean(axis=1), 0)
    assert (gain_of_choice > 0.1).all()  # EUR a customer
    assert ((value > 0).mean(axis=1) < 0.95).all()


def test_costs_and_columns_of_campaigns(sent):
    assert list(sent.columns) == [column.name for column in contract.table("campaigns").columns]
    cost = sent.cost.astype(float)
    assert (cost[~sent.treated] == 0).all()
    assert set(cost[sent.treated & (sent.kind == "retain")]) == {3.0}


# The economy


@pytest.mark.parametrize(
    "day", [date(2022, 4, 17), date(2023, 4, 9), date(2024, 3, 31), date(2025, 4, 20), date(1954, 4, 18)]
)
def test_easter(day):
    assert economy.easter(day.year) == day  # 1954 is a year of the rule's last exception


def test_calendar_names_holidays_and_events():
    table = economy.calendar()
    days = table["date"].to_pylist()
    assert (len(days), days[0], days[-1]) == (1461, date(2022, 1, 1), date(2025, 12, 31))
    holiday = dict(zip(days, table["holiday"].to_pylist(), strict=True))
    assert holiday[date(2023, 4, 7)] == "Good Friday"
    assert holiday[date(2024, 5, 9)] == "Ascension Day"
    assert holiday[date(2024, 5, 20)] == "Whit Monday"
    assert holiday[date(2025, 6, 21)] == "Midsummer Day"
    assert holiday[date(2022, 12, 25)] == "Christmas Day"
    assert holiday[date(2022, 3, 1)] is None
    event = dict(zip(days, table["public_event"].to_pylist(), strict=True))
    assert event[date(2024, 6, 14)] == event[date(2024, 7, 14)] == "football tournament"
    assert event[date(2024, 7, 15)] is None
    assert sum(name is not None for name in holiday.values()) == 4 * 11


def test_near_holiday_is_a_week_either_way():
    near = economy.near_holiday()
    easter = (date(2023, 4, 9) - date(2022, 1, 1)).days
    assert near[easter - 7 : easter + 8].all()
    assert not near[easter - 8]
    assert not near[easter + 8]
    assert near[0]  # New Year's Day 2022, a week after Christmas
    assert not near[1]
    assert near[-14:].all()  # from 18 December 2025 on
    assert not near[-15]
    # Twelve feasts of 15 days; what Christmas 2021 brings, New Year's Day, Christmas 2025 loses to 2026.
    assert near.sum() == 12 * 15


def test_economy_is_calm_until_the_recession():
    calm = economy.macro(WORLDS["no-recession"]).to_pandas()
    hit = economy.macro(DEFAULT).to_pandas()
    assert calm.iloc[:36].equals(hit.iloc[:36])
    assert calm.unemployment.between(0.048, 0.056).all()
    assert (hit.unemployment[36:] > calm.unemployment[36:]).all()
    assert (hit.confidence[36:] < calm.confidence[36:]).all()
    assert hit.unemployment.iloc[-1] > calm.unemployment.iloc[-1] + 0.03

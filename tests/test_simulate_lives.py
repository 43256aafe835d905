"""Members and their lives: the planted truths, from the latent state, with plain statistics."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from cemlab.data.contract import CAUSES as ALLOWED
from cemlab.data.contract import table as contract
from cemlab.simulate.customers import member_tables
from cemlab.simulate.customers.hazards import Window, clock
from cemlab.simulate.customers.lives import live, onboarded
from cemlab.simulate.customers.members import make_members
from cemlab.simulate.customers.offers import WINDOW_DAYS, shares_moved
from cemlab.simulate.organisation.network import simulate_network
from cemlab.simulate.state import AS_IT_WAS, CAUSES, Scenario
from cemlab.simulate.streams import Streams
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTH_STARTS, MONTHS
from cemlab.simulate.worlds import WORLDS

COMPETITOR, PRICE, MOVED, DECEASED, STAYS = range(5)
HIGH, MIDDLE, LOW = range(3)
CUSTOMERS = 20_000
STREAMS = Streams(11)
WORLD = WORLDS["default"]
# fees have tests of their own: here all are waived
SOME_OFFERS = Scenario(fees="none")
NO_OFFERS, ALL_OFFERS = (replace(SOME_OFFERS, save_offer=who) for who in ("none", "all"))


def in_world(world, scenario=NO_OFFERS, customers=CUSTOMERS):
    network = simulate_network(world, STREAMS, AS_IT_WAS)
    members = make_members(world, STREAMS, network, block=0, first=0, n=customers)
    return network, members, live(world, STREAMS, network, members, scenario)


def leaving(**changes):
    """Return the default world with other truths about leaving."""
    return replace(WORLD, leaving=replace(WORLD.leaving, **changes))


def alike(one, other):
    """Whether two states are the same, field by field."""
    pairs = [(getattr(one, entry.name), getattr(other, entry.name)) for entry in fields(one)]
    return all(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind == "f") for a, b in pairs)


def exposed(members, lives):
    """Return the months (n, 48) that customers were exposed, from joining to the day of leaving."""
    month = np.arange(MONTHS)
    until = np.minimum(lives.exit / MONTH_DAYS, MONTHS)[:, None]
    since = members.joined[:, None]
    return np.clip(np.minimum(until, month + 1) - np.maximum(since, month), 0, 1)


@pytest.fixture(scope="module")
def company():
    """The default world without save offers and fees, which the hazards do not contain."""
    return in_world(WORLD)


@pytest.fixture(scope="module")
def real():
    """The default world as it was."""
    return in_world(WORLD, AS_IT_WAS)


# Clocks by hand.


def test_clock_with_a_window_is_as_computed_by_hand():
    # 0.1 a month, three times that from 0.5 to 1.5; the second customer is exposed from 0.75 on
    window = Window(start=np.full(2, 0.5), end=np.full(2, 1.5), ratio=np.full(2, 3.0))
    hand = clock(np.full((2, MONTHS), 0.1), np.array([0.0, 0.75]), (window,))
    np.testing.assert_allclose(hand.hazard[:, :3], [[0.2, 0.2, 0.1], [0.3, 0.2, 0.1]])
    np.testing.assert_allclose(hand.total[:, :4], [[0, 0.2, 0.4, 0.5], [0, 0.075, 0.275, 0.375]])
    np.testing.assert_allclose(hand.rings(np.array([0.05, 0.075])), [0.5, 1.0])
    np.testing.assert_allclose(hand.rings(np.array([0.125, 0.25])), [0.75, 1.75])
    np.testing.assert_allclose(hand.until(np.array([1.25, 1.0])), [0.275, 0.075])
    assert np.isinf(hand.rings(np.full(2, 5.1))).all()  # it adds up to 5.0 over the 48 months


def test_overlapping_windows_multiply_and_a_zero_window_stops_the_clock():
    # twice from 0.2 to 0.8, five times from 0.6 on, never from 1.5 on
    windows = (
        Window(start=np.array([0.2]), end=np.array([0.8]), ratio=np.array([2.0])),
        Window(start=np.array([0.6]), end=np.array([np.inf]), ratio=np.array([5.0])),
        Window(start=np.array([1.5]), end=np.array([np.inf]), ratio=np.array([0.0])),
    )
    hand = clock(np.ones((1, MONTHS)), np.zeros(1), windows)
    first = 0.2 * 1 + 0.4 * 2 + 0.2 * 10 + 0.2 * 5
    np.testing.assert_allclose(hand.total[0, [1, 2, MONTHS]], [first, first + 2.5, first + 2.5])
    np.testing.assert_allclose(hand.rings(np.array([2.0])), 0.7)
    assert np.isinf(hand.rings(np.array([first + 2.6]))).all()


def test_a_clock_rings_where_the_hazard_reaches_its_level():
    random = np.random.default_rng(5)
    n = 500
    since = random.uniform(0, 40, n)
    start = random.uniform(0, 48, n)
    windows = (
        Window(start=since, end=since + 3, ratio=np.full(n, 0.8)),
        Window(start=start, end=start + 6, ratio=random.choice([3.0, 6.0], n)),
    )
    hand = clock(random.uniform(0.01, 0.05, (n, MONTHS)), since, windows)
    moment = hand.rings(random.exponential(0.3, n))
    level = np.random.default_rng(5)
    level.uniform(0, 40, n), level.uniform(0, 48, n), level.choice([3.0, 6.0], n)
    level.uniform(0.01, 0.05, (n, MONTHS))
    rang = np.isfinite(moment)
    assert 100 < rang.sum() < n
    assert (moment[rang] >= since[rang]).all()
    reached = hand.until(np.where(rang, moment, 0.0))[rang]
    np.testing.assert_allclose(reached, level.exponential(0.3, n)[rang], rtol=1e-9)


# Who the members are.


def test_members_have_the_planted_shares():
    network, members, _ = in_world(WORLD)
    n = len(members)

    def close(values, mean):
        # four standard errors of a mean
        assert abs(np.mean(values) - mean) < 4 * np.std(values) / np.sqrt(len(values))

    before = members.joined < 0
    close(before, 0.50)
    # exponential with mean 36, cut at 120: mean 36 − 120 / (e^(120/36) − 1)
    close(-members.joined[before], 36 - 120 / np.expm1(120 / 36))
    assert members.joined.min() >= -120
    assert stats.kstest(members.joined[~before] / 47.9, "uniform").pvalue > 1e-4
    assert stats.chisquare(np.bincount(members.branch), n * network.size / network.size.sum()).pvalue > 1e-4
    close(members.rate, 0.9)
    close((members.rate / 0.9 - 1) ** 2, 1 / 1.4)
    close(members.taste**2, 0.25)
    close(members.mood[:, 7] ** 2, 0.16)
    close(members.consent, 0.70)
    close(members.episode[members.episode > 0] == 1, 0.5)
    close(members.onboarded[~before], 0.5)
    assert not members.onboarded[before].any()
    changes = np.isfinite(members.changes_at)
    close(changes, 0.04)
    close(members.changes_to[changes] == 2.5, 0.5)
    assert set(members.changes_to[changes]) == {0.25, 2.5}
    assert (members.changes_to[~changes] == 1).all()
    thinking = members.episode > 0
    assert np.isnan(members.episode_from[~thinking]).all()
    # an exponential of rate 0.012 from joining or the start, cut at the end: of uniform rank if divided out
    since = np.maximum(members.joined, 0)
    rank = np.expm1(-0.012 * (members.episode_from - since)) / np.expm1(-0.012 * (MONTHS - since))
    assert stats.kstest(rank[thinking], "uniform").pvalue > 1e-4
    assert stats.kstest(members.consent[thinking] + 0.0, members.consent + 0.0).pvalue > 1e-4
    assert abs(thinking.sum() + np.expm1(-0.012 * (MONTHS - since)).sum()) < 4 * np.sqrt(n / 4)


def test_people_join_until_the_last_days(company):
    _, _, lives = company
    # 10,000 join over 1,458 days: the last four days go empty once in e^27 companies
    assert DAYS - 8 < lives.entry.max() < DAYS - 2


def test_onsets_a_month_are_the_same_at_all_times(company):
    _, members, lives = company
    since = np.maximum(members.joined, 0)
    onset = np.where(members.episode > 0, members.episode_from, np.inf)
    until = np.minimum(np.minimum(onset, lives.exit / MONTH_DAYS), MONTHS)
    seen = onset[onset < lives.exit / MONTH_DAYS]
    year = np.arange(4)[:, None] * 12
    waiting = np.clip(np.minimum(until, year + 12) - np.maximum(since, year), 0, None).sum(axis=1)
    onsets = np.histogram(seen, np.arange(5) * 12)[0]
    # Poisson counts given the time that customers without an episode yet were there: four standard deviations
    assert np.abs(onsets - 0.012 * waiting).max() < 4 * np.sqrt(0.012 * waiting.max())
    assert onsets.min() > 500


def test_members_are_numbered_on_and_blocks_differ():
    network = simulate_network(WORLD, STREAMS, AS_IT_WAS)
    one = make_members(WORLD, STREAMS, network, block=0, first=0, n=50)
    two = make_members(WORLD, STREAMS, network, block=1, first=50, n=50)
    assert two.number.tolist() == list(range(51, 101))
    assert not np.array_equal(one.rate, two.rate)


def test_members_do_not_depend_on_what_the_branches_make_of_it(company):
    network, members, _ = company
    other = replace(network, experience=network.experience + 1)
    again = make_members(WORLD, STREAMS, other, block=0, first=0, n=len(members))
    assert alike(members, again)


def test_frailty_of_fresh_members_is_gamma_with_the_planted_variance(company):
    _, members, _ = company
    fresh = members.frailty[members.joined >= 0]
    assert stats.kstest(fresh, stats.gamma(2, scale=0.5).cdf).pvalue > 1e-4


def test_without_frailty_and_without_purchases():
    world = replace(leaving(frailty_variance=0.0), buying=replace(WORLD.buying, rate=0.0, rate_shape=0.0))
    _, members, _ = in_world(world, customers=100)
    assert (members.frailty == 1).all()
    assert (members.rate == 0).all()


# Frailty and late entry, where the competitor is the only cause and nothing else differs.

PLAIN = replace(
    leaving(
        competitor=0.03,
        price=0.0,
        moved=0.0,
        deceased=0.0,
        experience=1.0,
        plans=(1.0, 1.0, 1.0),
        comparison_site=1.0,
        onboarding=1.0,
        episode_rate=0.0,
    ),
    recession=None,
)


def test_survivors_grow_sturdier_as_the_gamma_formula_says():
    _, members, lives = in_world(PLAIN)
    for tenure in (12, 24, 36):
        old_enough = (members.joined >= 0) & (members.joined + tenure < MONTHS)
        there = old_enough & (lives.exit > (members.joined + tenure) * MONTH_DAYS)
        left = members.frailty[there]
        # mean 1 / (1 + v H) with v 0.5 and H 0.03 a month; within four standard errors
        assert abs(left.mean() - 1 / (1 + 0.5 * 0.03 * tenure)) < 4 * left.std() / np.sqrt(len(left))
        share, expected = there.sum() / old_enough.sum(), (1 + 0.5 * 0.03 * tenure) ** -2
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / old_enough.sum())


@pytest.mark.parametrize("before", [True, False], ids=["late entrants", "fresh"])
def test_late_entrants_and_fresh_members_leave_alike_at_the_same_tenure(before):
    _, members, lives = in_world(PLAIN)
    who = (members.joined < 0) == before
    tenure = lives.exit / MONTH_DAYS - members.joined
    for start, end in ((6, 18), (18, 30), (30, 44)):
        at_start = np.maximum(-members.joined, 0)
        low, high = np.clip(at_start, start, end), np.clip(tenure, start, end)
        # the population's cumulative hazard is log(1 + v c t) / v
        gathered = 2 * (np.log1p(0.015 * high) - np.log1p(0.015 * low))
        expected = gathered[who & (high > low)].sum()
        left = (who & (lives.cause == COMPETITOR) & (tenure > start) & (tenure <= end)).sum()
        assert expected > 150
        assert abs(left - expected) < 4 * np.sqrt(expected)


def survival(entry, duration, event):
    """Return days and the survival by the product limit, at risk from `entry` to `duration`."""
    days = np.unique(duration[event])
    at_risk = np.searchsorted(np.sort(entry), days, "left") - np.searchsorted(np.sort(duration), days, "left")
    leave = np.searchsorted(np.sort(duration[event]), days, "right") - np.searchsorted(
        np.sort(duration[event]), days, "left"
    )
    return days, np.cumprod(1 - leave / at_risk), leave / at_risk


def test_ignoring_late_entry_flatters(company):
    _, _, lives = company
    tenure, left = lives.exit - lives.entry, lives.cause != STAYS
    three_years = round(36 * MONTH_DAYS)
    shares = []
    for entry in (np.maximum(-lives.entry, 0), np.full(len(tenure), -1)):
        days, share, _ = survival(entry, tenure, left)
        shares.append(share[np.searchsorted(days, three_years) - 1])
    fresh = lives.entry >= 0
    days, share, _ = survival(np.full(fresh.sum(), -1), tenure[fresh], left[fresh])
    by_fresh = share[np.searchsorted(days, three_years) - 1]
    right, naive = shares
    # members on the books gather in the naive risk set long before they could have been seen to leave
    assert naive > right + 0.05
    # with about 800 fresh members left at risk, four standard errors are 4 sqrt(0.25 / 800) at most
    assert abs(right - by_fresh) < 4 * np.sqrt(0.25 / 800)


def test_one_minus_kaplan_meier_is_above_the_cumulative_incidence(company):
    _, members, lives = company
    fresh = members.joined >= 0
    duration, cause = (lives.exit - lives.entry)[fresh], lives.cause[fresh]
    never = np.full(len(duration), -1)
    days, overall, _ = survival(never, duration, cause != STAYS)
    own_days, alone, share = survival(never, duration, cause == COMPETITOR)
    before = np.concatenate([[1.0], overall])[np.searchsorted(days, own_days, "left")]
    incidence = (before * share).cumsum()
    at = np.searchsorted(own_days, round(36 * MONTH_DAYS))
    # other causes take near a fifth of the members in three years, of whom about half would have left later
    assert 1 - alone[at] > incidence[at] + 0.02


# Hazards: the planted ratios by Poisson regression on person-months, with the latent frailty as an offset.


@pytest.mark.parametrize("cause", [COMPETITOR, PRICE, MOVED, DECEASED])
def test_exits_are_as_many_as_the_hazards_say(company, cause):
    _, members, lives = company
    time = exposed(members, lives)
    for months in (slice(None), slice(0, 36), slice(36, None)):
        expected = (lives.hazard[cause] * time)[:, months].sum()
        month = np.minimum(lives.exit / MONTH_DAYS, MONTHS - 1).astype(int)
        seen = ((lives.cause == cause) & np.isin(month, np.arange(MONTHS)[months])).sum()
        # exits less their compensator are a martingale with variance the number expected
        assert abs(seen - expected) < 4 * np.sqrt(expected)


@pytest.fixture(scope="module")
def person_months(company):
    """Person-months without a border of onboarding or episode in them, and what holds in each.

    Of the first 9,000 customers, which is power enough and takes less time.
    """
    _, members, lives = company
    months = np.arange(MONTHS)
    time = exposed(members, lives)
    since, until = members.joined[:, None], members.joined[:, None] + 3
    starts, ends = members.episode_from[:, None], members.episode_from[:, None] + 6
    mixed = np.zeros(time.shape, dtype=bool)
    for border in (until, starts, ends):
        mixed |= (border > months) & (border < months + 1)
    row, month = np.nonzero(((time > 0) & ~mixed)[:9_000])
    within = (months < until) & (since >= 0)
    episode = (months >= starts) & (months < ends)
    month_of_exit = np.minimum(lives.exit / MONTH_DAYS, MONTHS - 1).astype(int)
    columns = {
        "experience": lives.experience[row, month],
        "Plus": members.plan[row] == 1,
        "Partner": members.plan[row] == 2,
        "comparison site": members.acquisition[row] == 2,
        "onboarded, months 1 to 3": (within & members.onboarded[:, None])[row, month],
        "onboarded, later": (~within & members.onboarded[:, None])[row, month],
        "thinks of leaving": (episode & (members.episode == 1)[:, None])[row, month],
        "grumbles": (episode & (members.episode == 2)[:, None])[row, month],
        "recession": month >= 36,
        "professional": members.type[row] == 3,
        "senior": members.type[row] == 2,
    }
    causes = np.where(month_of_exit[row] == month, lives.cause[row], STAYS)
    return columns, causes, time[row, month], members.frailty[row]


FITS = {
    COMPETITOR: {
        "experience": 0.80,
        "Plus": 0.75,
        "Partner": 0.55,
        "comparison site": 1.40,
        "onboarded, months 1 to 3": 0.80,
        "onboarded, later": 1.0,
        "thinks of leaving": 6.0,
        "grumbles": 3.0,
        "recession": 1.15,
    },
    PRICE: {
        "experience": 0.90,
        "Plus": 0.75,
        "Partner": 0.55,
        "comparison site": 1.0,
        "onboarded, months 1 to 3": 0.80,
        "thinks of leaving": 6.0,
        "grumbles": 3.0,
        "recession": 1.60,
    },
    MOVED: {"experience": 1.0, "professional": 2.0, "recession": 1.0},
    DECEASED: {"experience": 1.0, "senior": 6.0, "recession": 1.0},
}
AT_AVERAGE = {COMPETITOR: 0.012, PRICE: 0.004, MOVED: 0.003, DECEASED: 0.0006}


@pytest.mark.parametrize("cause", sorted(FITS))
def test_regression_recovers_the_planted_ratios(person_months, cause):
    columns, causes, time, frailty = person_months
    design = sm.add_constant(np.column_stack([columns[name] for name in FITS[cause]]).astype(float))
    offset = np.log(time * (frailty if cause == COMPETITOR else 1.0))
    fit = sm.GLM(causes == cause, design, family=sm.families.Poisson(), offset=offset).fit()
    planted = np.log([AT_AVERAGE[cause], *FITS[cause].values()])
    # four standard errors each
    assert np.abs((fit.params - planted) / fit.bse).max() < 4, dict(
        zip(FITS[cause], fit.params[1:], strict=True)
    )
    assert (
        fit.bse[1] < 0.06
    )  # so that experience has the power to tell 0.80 and 0.90 from 1 (0.06 is 1/4 of 0.22)


# Scenarios.


def test_a_replay_is_the_same_life(company):
    network, members, lives = company
    assert alike(lives, live(WORLD, STREAMS, network, members, NO_OFFERS))


def test_experience_is_branch_taste_mood_and_intervention(company):
    network, members, lives = company
    better = live(WORLD, STREAMS, network, members, replace(NO_OFFERS, cx=1.0))
    np.testing.assert_allclose(better.experience, lives.experience + 1)
    expected = network.experience[members.branch[3], 5] + members.taste[3] + members.mood[3, 5]
    assert lives.experience[3, 5] == pytest.approx(expected)


def test_a_better_experience_keeps_customers_by_the_ratio(company):
    network, members, lives = company
    better = live(WORLD, STREAMS, network, members, replace(NO_OFFERS, cx=1.0))
    ratios = better.hazard / lives.hazard
    for cause, ratio in enumerate((0.80, 0.90, 1.0, 1.0)):
        np.testing.assert_allclose(ratios[cause], ratio)
    assert (better.exit >= lives.exit).all()
    seen = (better.cause == COMPETITOR).sum() / (lives.cause == COMPETITOR).sum()
    # fewer leave, so more remain at risk, and the frail among them: the ratio of counts lies above 0.80
    assert 0.80 < seen < 0.90


def test_recession_multiplies_the_hazards_of_its_months_only(company):
    network, members, lives = company
    calm = live(WORLD, STREAMS, network, members, replace(NO_OFFERS, recession=False))
    ratios = lives.hazard / calm.hazard
    assert (ratios[:, :, :36] == 1).all()
    for cause, ratio in enumerate((1.15, 1.60, 1.0, 1.0)):
        np.testing.assert_allclose(ratios[cause, :, 36:], ratio)
    early = lives.exit < 36 * MONTH_DAYS - 1
    assert np.array_equal(lives.exit[early], calm.exit[early])
    assert (calm.exit >= lives.exit).all()


def test_onboarding_for_none_and_for_all(company):
    _, members, _ = company
    able = members.joined >= 0
    assert not onboarded(members, Scenario(onboarding="none")).any()
    assert np.array_equal(onboarded(members, Scenario(onboarding="all")), able)
    network, _, lives = company
    none = live(WORLD, STREAMS, network, members, replace(NO_OFFERS, onboarding="none"))
    everybody = live(WORLD, STREAMS, network, members, replace(NO_OFFERS, onboarding="all"))
    assert np.array_equal(lives.exit[members.onboarded], everybody.exit[members.onboarded])
    held_back = able & ~members.onboarded
    assert np.array_equal(lives.exit[~able], everybody.exit[~able])
    assert np.array_equal(lives.exit[held_back], none.exit[held_back])
    assert (everybody.exit >= none.exit).all()
    month = np.floor(members.joined).astype(int)
    row = np.flatnonzero(able & (month < 40))
    for cause in (COMPETITOR, PRICE):
        gained = everybody.hazard[cause] / none.hazard[cause]
        np.testing.assert_allclose(gained[row, month[row]], 0.80)
        np.testing.assert_allclose(gained[row, month[row] + 4], 1.0)


@pytest.mark.parametrize("day", [0, 500])
def test_nobody_leaves_where_leaving_is_off(day):
    # offers and fees that drive everybody away must not do so either
    world = leaving(save_points=(0.5, 0.5, 0.5), fee_points=0.5)
    everything = replace(ALL_OFFERS, fees="all")
    network, members, lives = in_world(world, everything)
    still = live(world, STREAMS, network, members, replace(everything, leaving=False, still_from=day))
    assert (still.exit[still.cause < STAYS] <= day).all()
    assert (still.hazard[:, :, int(np.ceil(day / MONTH_DAYS)) :] == 0).all()
    whole = int(day / MONTH_DAYS)
    assert np.array_equal(still.hazard[:, :, :whole], lives.hazard[:, :, :whole])
    before = (lives.exit < day) & (lives.cause < STAYS)
    assert before.any() == (day > 0)
    assert np.array_equal(lives.exit[before], still.exit[before])


def test_in_the_stationary_world_nobody_leaves():
    _, members, lives = in_world(WORLDS["stationary"], AS_IT_WAS)
    assert (lives.cause == STAYS).all()
    assert (lives.exit == DAYS).all()
    assert (members.joined < 0).all()


def test_truths_that_cannot_act_are_planted_as_nothing():
    still, quiet = WORLDS["stationary"].leaving, WORLDS["no-recession"].leaving
    assert still.competitor == still.price == still.episode_rate == still.frailty_variance == 0
    ratios = (still.experience, still.experience_price, still.comparison_site, still.onboarding, *still.plans)
    assert set(ratios + still.episode_ratio) == {1.0}
    for one in (still, quiet):
        assert one.recession_competitor == one.recession_price == 1
    assert {WORLDS[name].buying.recession for name in ("stationary", "no-recession")} == {1.0}


@pytest.mark.parametrize("cause", [COMPETITOR, PRICE])
def test_without_a_recession_a_regression_shows_none(cause):
    """The regression knows what the tables hold; of the exits it gets the chances, which have less noise."""
    _, members, lives = in_world(WORLDS["no-recession"], customers=8_000)
    row, month = np.nonzero(exposed(members, lives) == 1)
    tenure = np.log1p((month - members.joined[row]).clip(0))
    columns = [month >= 36, lives.experience[row, month], tenure, tenure**2, members.joined[row] < 0]
    columns += [members.plan[row] == 1, members.plan[row] == 2, members.acquisition[row] == 2]
    design = sm.add_constant(np.column_stack(columns).astype(float))
    poisson = sm.GLM(lives.hazard[cause, row, month], design, sm.families.Poisson())
    fit = poisson.fit(cov_type="cluster", cov_kwds={"groups": row})
    # precise enough to see the 7 % that onsets crowded at the end would make
    assert fit.bse[1] < 0.025
    assert abs(fit.params[1]) < 4 * fit.bse[1]


# Save offers.


@pytest.fixture(scope="module")
def offered():
    """A world in which many are considered and nobody moves or dies: nobody, some, all get an offer."""
    world = leaving(save_considered=(1.0, 1.0, 0.5), moved=0.0, deceased=0.0)
    network, members, none = in_world(world, NO_OFFERS)
    others = [live(world, STREAMS, network, members, scenario) for scenario in (SOME_OFFERS, ALL_OFFERS)]
    return none, *others


def leaves_soon(lives):
    return (lives.cause <= PRICE) & (lives.exit - lives.considered_day <= WINDOW_DAYS)


def test_offers_change_the_share_that_leaves_by_the_planted_points(offered):
    none, _, everybody = offered
    change = leaves_soon(everybody).astype(float) - leaves_soon(none)
    for risk, points in ((MIDDLE, -0.06), (LOW, 0.02)):
        here = change[none.risk == risk]
        assert len(here) > 1200
        assert np.isin(here, [0, np.sign(points)]).all()
        # four standard errors of the mean of potential differences
        assert abs(here.mean() - points) < 4 * here.std() / np.sqrt(len(here))
    high = none.risk == HIGH
    assert high.sum() > 1000
    assert np.array_equal(none.exit[high], everybody.exit[high])


def test_offers_touch_nobody_else(offered):
    none, as_it_was, everybody = offered
    assert np.array_equal(none.considered, everybody.considered)
    assert np.array_equal(none.considered_day, everybody.considered_day)
    untouched = ~none.considered
    assert np.array_equal(none.exit[untouched], everybody.exit[untouched])
    assert not none.offered.any()
    assert np.array_equal(everybody.offered, everybody.considered)
    lot = as_it_was.offered
    assert abs(lot[none.considered].mean() - 0.5) < 4 * 0.5 / np.sqrt(none.considered.sum())
    assert np.array_equal(as_it_was.exit[lot], everybody.exit[lot])
    assert np.array_equal(as_it_was.exit[~lot], none.exit[~lot])


def test_nobody_is_kept_without_accepting_and_who_accepts_is_told_by_nothing_else(offered):
    none, as_it_was, everybody = offered
    assert np.array_equal(as_it_was.accepted, everybody.accepted & as_it_was.offered)
    assert not none.accepted.any()
    for risk, share in ((HIGH, 0.2), (MIDDLE, 0.6), (LOW, 0.6)):
        here = none.risk == risk
        accepts = everybody.accepted[here]
        assert abs(accepts.mean() - share) < 4 * np.sqrt(share * (1 - share) / here.sum())
        # without an offer those who would accept leave as often as the others
        before = [leaves_soon(none)[here][accepts == took] for took in (True, False)]
        spread = np.sqrt(sum(side.var() / len(side) for side in before))
        assert abs(before[0].mean() - before[1].mean()) < 4 * spread
    middle = none.risk == MIDDLE
    kept = (leaves_soon(none) & ~leaves_soon(everybody))[middle]
    assert kept.sum() > 50
    assert everybody.accepted[middle][kept].all()
    low = none.risk == LOW
    driven = (leaves_soon(everybody) & ~leaves_soon(none))[low]
    took = everybody.accepted[low][driven]
    assert abs(took.mean() - 0.6) < 4 * np.sqrt(0.24 / driven.sum())


def test_those_who_accept_leave_less_in_the_middle_and_not_elsewhere(offered):
    _, as_it_was, _ = offered
    for risk, points, share in ((HIGH, 0.0, 0.2), (MIDDLE, -0.06, 0.6), (LOW, 0.0, 0.6)):
        here = as_it_was.offered & (as_it_was.risk == risk)
        left = [leaves_soon(as_it_was)[here & (as_it_was.accepted == took)] for took in (True, False)]
        spread = np.sqrt(sum(side.var() / len(side) for side in left))
        # what an offer changes on the whole, it changes among those who accept: points / share
        assert abs(left[0].mean() - left[1].mean() - points / share) < 4 * spread
        assert risk != MIDDLE or left[1].mean() - left[0].mean() > 2 * spread


def test_points_are_planted_right_given_what_was_known_and_what_came(offered):
    none, _, _ = offered
    for risk, points in ((HIGH, 0.0), (MIDDLE, -0.06), (LOW, 0.02)):
        here = none.risk == risk
        kept, driven = shares_moved(WORLD.leaving, none.risk[here], none.risk_then[here])
        chance = none.risk_if_not[here]
        # an expectation, without the chance of single lives; the risk drifts and some are at little of it
        assert abs((driven * (1 - chance) - kept * chance).mean() - points) < 0.004


def test_whom_an_offer_moves_is_settled_before_what_comes_later():
    calm = replace(ALL_OFFERS, recession=False)
    network, members, lives = in_world(leaving(save_points=(-0.1, -0.1, 0.1)), ALL_OFFERS)
    other = live(leaving(save_points=(-0.1, -0.1, 0.1)), STREAMS, network, members, calm)
    began = MONTH_STARTS[36]
    sooner = lives.considered_day < began
    assert np.array_equal(lives.considered & sooner, other.considered & (other.considered_day < began))
    assert np.array_equal(
        lives.risk_then[lives.considered & sooner], other.risk_then[lives.considered & sooner]
    )
    # the future differs for those considered within half a year before it, and the past does not
    touched = lives.considered & sooner & (lives.considered_day > began - WINDOW_DAYS)
    assert (lives.risk_if_not[touched] > other.risk_if_not[touched]).mean() > 0.9
    assert (lives.exit != other.exit).sum() > 100
    assert np.array_equal(np.minimum(lives.exit, began), np.minimum(other.exit, began))


def test_the_risk_as_it_is_then_by_hand():
    # 0.1 a month, 0.3 from month 2 on, twice as much from 1.5 to 2.5; two months from 1.25 on, at the first
    base = np.where(np.arange(MONTHS) < 2, 0.1, 0.3)[None]
    window = Window(start=np.array([1.5]), end=np.array([2.5]), ratio=np.array([2.0]))
    hand = clock(base, np.zeros(1), (window,))
    np.testing.assert_allclose(hand.ahead(np.array([1.25]), 2.0), 0.1 * (0.25 + 2 * 1.0 + 0.75))


def test_the_signs_of_the_points_can_be_turned():
    world = leaving(save_points=(0.03, 0.04, -0.02), save_considered=(1.0, 1.0, 0.5), moved=0.0, deceased=0.0)
    network, members, none = in_world(world)
    everybody = live(world, STREAMS, network, members, ALL_OFFERS)
    change = leaves_soon(everybody).astype(float) - leaves_soon(none)
    for risk, sign in ((HIGH, 1), (MIDDLE, 1), (LOW, -1)):
        here = change[none.risk == risk]
        assert np.isin(here, [0, sign]).all()
        planted = world.leaving.save_points[risk]
        assert abs(here.mean() - planted) < 4 * here.std() / np.sqrt(len(here))


def test_risk_is_the_chance_to_leave_without_an_offer(offered):
    none, _, _ = offered
    assert np.array_equal(np.isfinite(none.risk_if_not), none.considered)
    means = []
    for risk in (HIGH, MIDDLE, LOW):
        here = none.risk == risk
        chance = none.risk_if_not[here]
        seen = leaves_soon(none)[here].sum()
        assert abs(seen - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum())
        means.append(chance.mean())
    assert means[HIGH] > 1.3 * means[MIDDLE] > 1.3**2 * means[LOW]


def test_who_is_considered_when(real):
    _, members, lives = real
    here = lives.considered
    assert members.consent[here].all()
    moment = lives.considered_day[here] / MONTH_DAYS
    assert moment.min() > 6 - 1 / MONTH_DAYS
    assert moment.max() < 41
    assert (lives.entry[here] <= lives.considered_day[here]).all()
    assert (lives.considered_day[here] < lives.exit[here]).all()
    assert np.array_equal(lives.risk[here], np.array([LOW, HIGH, MIDDLE])[members.episode[here]])
    after = lives.considered_day - members.episode_from * MONTH_DAYS
    thinking = here & (members.episode > 0)
    assert after[thinking].min() > 4  # 5 to 25 days after, less the part of a day
    assert after[thinking].max() < 25
    # of those in an episode between the months who are long there afterwards
    for episode, share in ((1, 0.70), (2, 0.95)):
        sure = members.consent & (members.episode == episode)
        sure &= (members.episode_from > 6) & (members.episode_from < 40)
        sure &= lives.exit > (members.episode_from + 1) * MONTH_DAYS
        assert abs(here[sure].mean() - share) < 4 * np.sqrt(share * (1 - share) / sure.sum())


# Dates and tables.


def test_dates_are_in_order(real):
    _, members, lives = real
    assert (lives.exit > lives.entry).all()
    assert (lives.exit > 0).all()
    stays = lives.cause == STAYS
    assert (lives.exit[stays] >= DAYS).all()
    assert (lives.exit[~stays] < DAYS).all()
    assert np.array_equal(lives.entry, np.floor(members.joined * MONTH_DAYS))


def tables(company):
    network, members, lives = company
    return {
        "customers": member_tables.customers(WORLD, network, members),
        "subscriptions": member_tables.subscriptions(members, lives),
        "save_offers": member_tables.save_offers(members, lives),
        "fees": member_tables.fees(members, lives),
        "campaigns": member_tables.onboarding(members, lives),
    }


def test_tables_are_as_the_contract_says(real):
    for name, made in tables(real).items():
        known = {column.name: column for column in contract(name).columns}
        assert set(made.column_names) <= set(known)
        empty = {column for column in made.column_names if made[column].null_count}
        assert empty == {"subscriptions": {"exit"}, "campaigns": {"response"}}.get(name, set())
        if contract(name).unique:
            assert made[contract(name).key[0]].to_pandas().is_unique


def test_customers_and_contracts_tell_the_same_story(real):
    _, members, lives = real
    made = {name: made.to_pandas() for name, made in tables(real).items()}
    people, spells = made["customers"], made["subscriptions"]
    assert people["joined"].equals(spells["entry"])
    assert str(people["observed_from"].min()) == "2022-01-01"
    late = lives.entry < 0
    assert (people["observed_from"][~late] == people["joined"][~late]).all()
    assert {str(day) for day in people["observed_from"][late]} == {"2022-01-01"}
    assert (spells["exit"].isna() == (spells["cause"] == "none")).all()
    assert set(spells["cause"]) == set(CAUSES) <= set(ALLOWED)
    gone = spells["exit"].dropna()
    assert str(gone.min()) > "2022-01-01"
    assert str(gone.max()) <= "2025-12-31"
    # a branch lies in one region
    assert (people.groupby("branch")["region"].nunique() == 1).all()
    potential = people["potential_value"].astype(float)
    assert potential.min() >= 0
    assert stats.spearmanr(potential, members.rate).statistic > 0.5
    assert potential[members.type == 3].mean() > potential[members.type == 2].mean()


def test_offers_and_onboarding_cost_where_they_were_made(real):
    _, members, lives = real
    made = {name: made.to_pandas() for name, made in tables(real).items()}
    for name, cost in (("save_offers", 25), ("campaigns", 8)):
        frame = made[name]
        assert (frame["cost"].astype(float) == cost * frame["treated"]).all()
    able = members.joined >= 0
    assert len(made["campaigns"]) == able.sum()
    assert made["campaigns"]["treated"].sum() == members.onboarded.sum()
    assert made["campaigns"]["response"].isna().all()  # nobody wrote down who took part
    offers = made["save_offers"]
    assert set(offers["kind"]) == {"high risk", "middle risk", "low risk"}
    assert len(offers) == lives.considered.sum()
    assert (offers["response"].to_numpy(dtype=bool) == lives.accepted[lives.considered]).all()


def test_the_company_misjudges_what_a_customer_could_spend(real):
    network, members, _ = real
    told = member_tables.customers(WORLD, network, members)["potential_value"].to_pandas().astype(float)
    right = replace(members, potential_error=np.zeros(len(members)))
    meant = member_tables.customers(WORLD, network, right)["potential_value"].to_pandas().astype(float)
    big = meant > 50  # so that whole cents do not matter
    error = np.log(told[big] / meant[big])
    assert abs(error.mean()) < 4 * 0.35 / np.sqrt(big.sum())
    assert abs(error.std() / 0.35 - 1) < 4 / np.sqrt(2 * big.sum())  # the same of a standard deviation

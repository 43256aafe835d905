"""The oracle: replays differ by what the scenario changes alone, and truths are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cemlab import survival
from cemlab.errors import OptionError
from cemlab.simulate import Halden, Oracle
from cemlab.simulate.buying.campaigns import taking_part
from cemlab.simulate.customers.at_risk import AtRisk, _answered
from cemlab.simulate.customers.lives import live, onboarded
from cemlab.simulate.customers.members import make_members
from cemlab.simulate.customers.offers import WINDOW_DAYS
from cemlab.simulate.organisation.network import simulate_network
from cemlab.simulate.state import AS_IT_WAS, CAUSES, Scenario
from cemlab.simulate.streams import Streams
from cemlab.simulate.timeline import DAYS, MONTH_DAYS, MONTH_STARTS
from cemlab.simulate.worlds import WORLDS

WAVES = (13, 19, 25)


@pytest.fixture(scope="module")
def oracle():
    return Oracle(Halden(customers=6_000, seed=5))


def test_effects_add_up_over_branches_months_and_customers(oracle):
    whole = oracle.effect("training", on="profit").total
    for by in ("branch", "month", "branch_month"):
        parts = oracle.effect("training", on="profit", by=by)
        # money is in whole cents, so the sums differ by the last digits of floating point alone
        assert parts.table["effect"].sum() == pytest.approx(whole, abs=0.01)
        assert parts.total == pytest.approx(whole, abs=0.01)
    margin = oracle.effect("training", on="margin").total
    assert oracle.effect("training", on="margin", by="customer").total == pytest.approx(margin, abs=0.01)


def test_profit_is_margin_less_what_training_costs(oracle):
    both = {on: oracle.effect("training", on=on).total for on in ("profit", "revenue", "cost", "margin")}
    assert both["profit"] == pytest.approx(both["revenue"] - both["cost"], abs=0.01)
    assert both["margin"] > 0
    assert both["cost"] > 0


@pytest.mark.parametrize(("cause", "done"), [("save offers", "save_offer"), ("onboarding", "onboarding")])
def test_profit_is_margin_less_what_offers_and_calls_cost(oracle, cause, done):
    halden, counted = oracle.halden, {}
    for who in ("all", "none"):
        scenario = Scenario(**{done: who})
        network = halden.network(scenario)
        members = halden.members(network, next(halden.blocks()))
        lives = halden.lives(network, members, scenario)
        called = onboarded(members, scenario).sum()
        runs = taking_part(halden.streams, members, lives).cost.sum() / 10_000
        fees = lives.fee_amount[lives.fee_charged].sum()
        counted[who] = 25 * lives.offered.sum() + 8 * called + runs - fees
    spent = counted["all"] - counted["none"]
    both = {on: oracle.effect(cause, on=on).total for on in ("profit", "margin")}
    # those who stay longer are in more campaigns, too, and pay more fees
    assert both["profit"] == pytest.approx(both["margin"] - spent, abs=0.01)
    assert spent > 2_000  # EUR: hundreds of offers, or of calls


def test_members_added_up_over_months_are_member_months(oracle):
    units = {by: oracle.effect("cx", on="members", by=by).unit for by in ("company", "branch", "month")}
    assert units == {
        "company": "member-months",
        "branch": "member-months",
        "month": "members, mean of the month",
    }


def test_training_changes_nothing_before_the_first_wave(oracle):
    months = oracle.effect("training", on="profit", by="month").table["effect"].to_numpy()
    assert (months[: WAVES[0]] == 0).all()
    assert months[WAVES[0]] < 0  # the courses are paid first


def test_a_point_of_experience_for_everybody_is_one_point(oracle):
    effect = oracle.effect("cx", on="experience", by="branch_month")
    assert np.allclose(effect.table["effect"], 1.0, atol=1e-12)
    assert oracle.effect("cx", on="left").total < 0
    assert oracle.effect("cx", on="months").total > 0


def test_no_effect_world_has_no_effect():
    oracle = Oracle(Halden(customers=1_000, world_name="no-effect"))
    assert oracle.effect("training", on="experience", by="branch_month").table["effect"].abs().max() == 0
    assert oracle.effect("training", on="left", by="customer").table["effect"].abs().max() == 0
    assert oracle.effect("training", on="margin").total == 0
    assert oracle.effect("training", on="profit").total < 0  # it costs what it costs


@pytest.mark.parametrize("world", ["no-recession", "stationary"])
def test_where_there_is_no_recession_taking_it_away_changes_nothing(world):
    oracle = Oracle(Halden(customers=500, world_name=world))
    assert oracle.effect("recession", on="profit", by="branch_month").table["effect"].abs().max() == 0


def test_the_recession_costs_profit_in_its_year_alone(oracle):
    months = oracle.effect("recession", on="profit", by="month").table["effect"].to_numpy()
    assert (months[:36] == 0).all()
    assert months[36:].sum() < 0


@pytest.mark.parametrize(
    ("cause", "begins"),
    [
        ("training", WAVES[0]),
        ("training everywhere", WAVES[0]),
        ("recession", 36),
        ("save offers", 6),  # the first month in which offers are considered
        ("fees", 6),  # and in which fees fall due
        ("onboarding", 0),
        ("cx", 0),
    ],
)
@pytest.mark.parametrize("on", ["revenue", "margin", "members", "cost"])
def test_no_effect_is_there_before_its_cause(oracle, cause, begins, on):
    months = oracle.effect(cause, on=on, by="month").table["effect"].to_numpy()
    assert (months[:begins] == 0).all()
    assert (months[begins:] != 0).any()


def test_nobody_lives_otherwise_before_a_recession():
    company = Halden(customers=20_000, seed=31)
    runs = [Oracle(company).replay(Scenario(recession=happens)) for happens in (True, False)]
    before = MONTH_STARTS[36]
    assert np.array_equal(*(np.minimum(run.exit, before) for run in runs))
    assert (runs[0].exit != runs[1].exit).sum() > 100
    for outcome in ("revenue", "margin"):
        effect = np.subtract(*(run.by_branch_month(outcome) for run in runs))
        assert (effect[:, :36] == 0).all()
        assert (effect[:, 36:] != 0).any()


def test_potential_outcomes_agree_with_what_was_done(oracle):
    offers = oracle.save_offers()
    was = oracle.replay(AS_IT_WAS)
    rows = offers["customer"].str[1:].astype(int).to_numpy() - 1
    seen = np.where(offers["offered"], offers["margin_with"], offers["margin_without"])
    assert np.allclose(seen, was.by_customer("margin")[rows], atol=0.005)
    left = (was.cause[rows] < 2) & (was.exit[rows] <= offers["date"] + 182)
    assert (np.where(offers["offered"], offers["left_with"], offers["left_without"]) == left).all()


def test_offers_leave_the_high_risk_alone_keep_the_middle_and_wake_the_low():
    offers = Oracle(Halden(seed=2)).save_offers()
    change = (offers["left_with"].astype(int) - offers["left_without"].astype(int)).groupby(offers["risk"])
    assert change.get_group("high").abs().max() == 0
    # each customer's change is −1, 0 or 1 with the planted mean: four standard errors
    for risk, planted in (("middle", -0.06), ("low", 0.02)):
        moved = change.get_group(risk)
        assert abs(moved.mean() - planted) < 4 * moved.std() / np.sqrt(len(moved))


def test_fees_bring_what_was_charged_and_cost_the_margin_of_those_who_go(oracle):
    fees, was = oracle.fees(), oracle.replay(AS_IT_WAS)
    rows = fees["customer"].str[1:].astype(int).to_numpy() - 1
    seen = np.where(fees["charged"], fees["margin_with"], fees["margin_without"])
    assert np.allclose(seen, was.by_customer("margin")[rows], atol=0.005)
    left = (was.cause[rows] < 2) & (was.exit[rows] <= fees["date"] + 182)
    assert (np.where(fees["charged"], fees["left_with"], fees["left_without"]) == left).all()
    both = {on: oracle.effect("fees", on=on).total for on in ("revenue", "cost", "profit", "margin", "fees")}
    lost = (fees["margin_without"] - fees["margin_with"]).sum()
    assert both["margin"] == pytest.approx(-lost, abs=0.01)
    assert lost > 0
    assert both["profit"] == pytest.approx(both["revenue"] - both["cost"], abs=0.01)
    assert both["fees"] == pytest.approx(fees["amount"].sum(), abs=0.01)
    # those gone are in fewer campaigns; nothing else stands between margin, fees and profit
    saved = both["profit"] - (both["fees"] - lost)
    assert 0 <= saved < 0.02 * lost


def test_a_point_is_worth_what_the_very_same_members_buy_more(oracle):
    found = oracle.value_of_a_point().set_index("quantity")["truth"]
    buying = oracle.halden.world.buying
    assert found["margin"] / found["spend"] == pytest.approx(buying.margin, abs=0.02)
    # the curve's slope is exp(0.5 E) times the planted one: Jensen's mean over experiences of SD 1 or so
    assert buying.experience < found["log spend"] < 1.6 * buying.experience
    wide = Oracle(Halden(customers=21_000, seed=5))  # two blocks
    assert wide.value_of_a_point().set_index("quantity")["truth"]["log spend"] == pytest.approx(
        found["log spend"], rel=0.05
    )
    still = Oracle(Halden(customers=500, world_name="stationary"))
    assert (still.value_of_a_point()["truth"] == 0).all()
    assert (still.leaving_per_point()["truth"] == 0).all()


def test_leaving_falls_with_experience_between_the_ratios_of_its_causes(oracle):
    found = oracle.leaving_per_point().set_index(["cause", "quantity"])["truth"]
    leaving = oracle.halden.world.leaving
    low, high = np.log(leaving.experience), np.log(leaving.experience_price)
    assert low < found["willing", "log share"] < high
    assert found["willing", "log share"] < found["any", "log share"] < 0
    # those who move or die do so at the same rate; who would leave twice in a month leaves once
    assert found["any", "share"] == pytest.approx(found["willing", "share"], rel=0.02)


def test_the_lifetime_is_the_area_under_the_true_curve(oracle):
    found = oracle.lifetime(horizon=365, discount=0.0).set_index("quantity")["truth"]
    days = np.arange(366)
    there = oracle.retention(*days.tolist())["truth"].to_numpy()
    assert found["months"] == found["discounted months"]
    assert found["months"] == pytest.approx(((there[1:] + there[:-1]) / 2).sum() / MONTH_DAYS)
    less = oracle.lifetime(horizon=365, discount=0.08).set_index("quantity")["truth"]["discounted months"]
    assert less == pytest.approx(np.trapezoid(there * 1.08 ** (-days / 365.25)) / MONTH_DAYS)
    years = oracle.lifetime().set_index("quantity")["truth"]["elasticity to retention"]
    # a year's retention is met on average after one to two and a half of five years
    assert 1 < years < 2.5


def test_in_the_stationary_world_nobody_can_be_kept_any_better():
    found = Oracle(Halden(customers=300, world_name="stationary")).lifetime(discount=0.0)
    truth = found.set_index("quantity")["truth"]
    assert truth["months"] == pytest.approx(1826 / MONTH_DAYS)
    assert truth["elasticity to retention"] == 0


def test_employees_and_branches_make_the_shares_that_are_planted(oracle):
    parts = oracle.variance_shares().set_index("part")
    assert parts["share"].sum() == pytest.approx(1)
    # 60 branches: a variance with a relative SD of 0.18; 1,600 persons of unequal stay, 0.05 and training
    assert parts["variance"]["branch"] == pytest.approx(parts["planted"]["branch"], rel=4 * 0.18)
    assert parts["variance"]["employee"] == pytest.approx(parts["planted"]["employee"], rel=4 * 0.05)
    paths = oracle.engagement_paths()
    network = oracle.replay(AS_IT_WAS).network
    level = network.experience - network.training_effect - network.spill_over
    lifted = paths["truth"][0] * network.engagement
    # what is left of the experience is the branch's own level and months: the staff's mood is gone from it
    own = level - lifted
    within = [part - part.mean(axis=1, keepdims=True) for part in (own, network.engagement)]
    slope = (within[0] * within[1]).sum() / (within[1] ** 2).sum()
    # 60 × 47 months of SD 0.25 against engagement of SD 0.17 or so, months bound together: four errors
    assert abs(slope) < 4 * 0.25 / 0.17 / np.sqrt(60 * 47) * 1.5
    assert paths["truth"].tolist() == pytest.approx([0.2, 0.1, 0.4, 0.1 / 0.6])


def test_campaign_chances_are_chances_and_their_value_is_money(oracle):
    chances = oracle.campaigns()
    assert chances[["chance_without", "chance_with"]].min().min() >= 0
    assert chances[["chance_without", "chance_with"]].max().max() <= 1
    assert len(chances) == 4 * 6_000
    assert (chances["value"] > 0).groupby(chances["kind"]).mean().between(0.01, 0.99).all()


def test_with_nobody_leaving_nobody_leaves(oracle):
    still = oracle.replay(Scenario(leaving=False, changing=False, still_from=1_000))
    assert (still.exit[still.exit > 1_000] == DAYS).all()


def test_customers_at_risk_are_counted_in_days():
    halden = Halden(customers=2_000, seed=9)
    network = halden.network()
    members = halden.members(network, next(halden.blocks()))
    lives = halden.lives(network, members)
    watched = AtRisk(7_000)
    watched.add(halden.world, members, lives)
    begin = np.maximum(members.joined * MONTH_DAYS, 0)
    days = np.clip(np.minimum(lives.exit, DAYS) - begin, 0, None).sum()
    assert watched._n.sum() == pytest.approx(days, rel=1e-9)
    # leavers less their summed hazards: a martingale, four standard deviations wide
    left = (lives.exit < DAYS).sum()
    assert abs(left - watched._hazard.sum()) < 4 * np.sqrt(left)


def test_the_hazard_after_an_offer_is_that_of_the_lives():
    """Many in a steady 4 % a month, of whom offers keep ten points, or drive thirty away."""
    default = WORLDS["default"]
    steady = replace(
        default.leaving,
        competitor=0.04,
        price=0.0,
        moved=0.0,
        deceased=0.0,
        experience=1.0,
        plans=(1.0, 1.0, 1.0),
        comparison_site=1.0,
        frailty_variance=0.0,
        onboarding=1.0,
        episode_ratio=(1.0, 1.0),
        episode_rate=0.03,
        save_considered=(1.0, 1.0, 1.0),
        save_points=(0.3, -0.1, 0.3),
    )
    world = replace(default, recession=None, leaving=steady)
    streams = Streams(3)
    network = simulate_network(world, streams, AS_IT_WAS)
    members = make_members(world, streams, network, block=0, first=0, n=30_000)
    lives = live(world, streams, network, members, Scenario(save_offer="all"))
    chance = -np.expm1(-0.04 * WINDOW_DAYS / MONTH_DAYS)
    for risk, kept, driven in ((0, 0.0, 0.3 / (1 - chance)), (1, 0.1 / chance, 0.0)):
        here = lives.risk == risk
        after = (lives.exit - lives.considered_day)[here]
        own = np.full((WINDOW_DAYS, 1), 0.04 / MONTH_DAYS)
        hazard = _answered(own, np.array([kept]), np.array([driven]))
        for days in (60, 120, WINDOW_DAYS):
            share = np.exp(-hazard[:days].sum())
            # an exit is a day later at the soonest, a third of a percent at most; and four standard errors
            assert abs((after >= days).mean() - share) < 0.003 + 4 * np.sqrt(share * (1 - share) / here.sum())
            plain = np.exp(-own[:days].sum())
            assert days == 60 or abs(share - plain) > 0.04


def test_true_curves_are_covered_by_estimates_from_the_same_spells():
    held, n = np.zeros(2), 40
    for seed in range(n):
        halden = Halden(customers=2_000, seed=200 + seed)
        network = halden.network()
        members = halden.members(network, next(halden.blocks()))
        lives = halden.lives(network, members)
        spells = pd.DataFrame(
            {
                "days": np.minimum(lives.exit, DAYS) - lives.entry,
                "before": np.maximum(-lives.entry, 0),
                "left": lives.exit < DAYS,
                "cause": np.array(CAUSES)[lives.cause],
            }
        )
        times = {"duration": "days", "entry": "before", "unit": "days"}
        curve = survival.retention_curve(spells, event="left", **times).at(730)
        gone = survival.cumulative_incidence(spells, event="cause", **times).at(730)
        watched = AtRisk(731)
        watched.add(halden.world, members, lives)
        at = curve.iloc[0], gone.set_index("cause").loc["competitor"]
        truths = watched.retention(np.array([730]))[0], watched.incidence(np.array([730]))[0, 0]
        held += [row["conf_low"] <= truth <= row["conf_high"] for row, truth in zip(at, truths, strict=True)]
    # so many of 40 intervals of 95 % hold the truth except once in a thousand times
    assert (held >= stats.binom.ppf(0.001, n, 0.95)).all()


def test_true_incidence_and_ratios_by_hand():
    watched = AtRisk(2, 4)
    # two pairs of groups over two days; hazards a day of .1 and .2 at first, then .3 and .3
    watched._n = np.array([[100.0, 50.0], [50.0, 20.0], [10.0, 0.0], [30.0, 0.0]])
    competitor = np.array([[0.1, 0.3], [0.2, 0.3], [0.1, 0.0], [0.1, 0.0]])
    watched._hazard[0] = competitor * watched._n
    watched._hazard[2] = 0.1 * watched._n
    there = [1.0, np.exp(-0.2), np.exp(-0.6)]
    assert watched.curves()[0] == pytest.approx(there)
    gone = watched.incidence(np.array([0, 1, 2]))
    # of those gone on a day each cause has its share of the hazard: a half, then three quarters
    first, second = 1 - there[1], there[1] - there[2]
    assert gone[0] == pytest.approx([0, first / 2, first / 2 + 0.75 * second])
    assert gone[2] == pytest.approx([0, first / 2, first / 2 + 0.25 * second])
    assert (gone[[1, 3]] == 0).all()
    # strata of 150, 40 and 70 customer-days: hazard of one arm times the days of the other, over both
    treated = 10 * 100 / 150 + 3 * 10 / 40 + 6 * 50 / 70
    without = 10 * 50 / 150 + 1 * 30 / 40 + 15 * 20 / 70
    assert watched.ratio([0]) == pytest.approx(treated / without)
    treated, without = 10 * 100 / 150 + 3 * 10 / 40, 10 * 50 / 150 + 1 * 30 / 40
    assert watched.ratio([0], days=1) == pytest.approx(treated / without)


def test_true_incidence_adds_up_to_who_is_gone(oracle):
    gone = oracle.incidence(365, 730)
    assert gone["cause"].tolist() == [cause for cause in CAUSES[:-1] for _ in range(2)]
    there = oracle.retention(365, 730).set_index("time")["truth"]
    assert (gone.groupby("time")["truth"].sum() + there).tolist() == pytest.approx([1.0, 1.0], abs=1e-12)


def test_leavers_for_each_cause_are_those_of_its_hazard():
    """Offers that keep many, or drive many away, who then leave for a competitor."""
    default = WORLDS["default"]
    leaving = replace(default.leaving, price=0.01, save_points=(0.0, -0.1, 0.2))
    world, streams = replace(default, leaving=leaving), Streams(4)
    network = simulate_network(world, streams, AS_IT_WAS)
    members = make_members(world, streams, network, block=0, first=0, n=20_000)
    everybody = Scenario(save_offer="all")
    lives = live(world, streams, network, members, everybody)
    watched = AtRisk(7_000)
    watched.add(world, members, lives, scenario=everybody)
    for cause in range(4):
        left = (lives.cause == cause).sum()
        # a martingale, four standard deviations wide
        assert abs(left - watched._hazard[cause].sum()) < 4 * np.sqrt(left)
    # without the offers the hazards would be others, by more than that
    plain = AtRisk(7_000)
    plain.add(world, members, replace(lives, offered=np.zeros(20_000, dtype=bool)), scenario=everybody)
    moved = (watched._hazard - plain._hazard).sum(axis=(1, 2))
    left = np.bincount(lives.cause, minlength=4)[:4]
    assert moved[0] > 8 * np.sqrt(left[0])
    assert moved[1] < 0
    assert (moved[2:] == 0).all()


def test_ratios_among_those_still_there_drift_to_one_by_frailty_alone(oracle):
    moved = oracle.hazard_ratio("type", cause="moved", level="professional", reference="household")
    assert moved == pytest.approx(2.0, rel=1e-9)  # nothing unseen acts on this cause
    partner = oracle.hazard_ratio("plan", cause="competitor", level="Partner", reference="Flex")
    won = oracle.hazard_ratio(
        "acquisition_channel", cause="competitor", level="comparison site", reference="branch"
    )
    leaving = oracle.halden.world.leaving
    # drawn nearer to one, though by far less than all the way
    assert leaving.plans[2] < partner < 0.8
    assert 1.1 < won < leaving.comparison_site


def test_onboarding_saves_a_fifth_at_first_and_days_afterwards(oracle):
    truth = oracle.onboarding(730).set_index("quantity")["truth"]
    planted = oracle.halden.world.leaving.onboarding
    # in three months 6 % leave, too few for frailty to draw the ratio nearer to one by a hundredth
    assert planted < truth["hazard ratio"] < planted + 0.01
    # a fifth of 3 to 8 % of the newcomers stay on, for at most the 21 months that are left
    assert 0.2 * 0.03 * 300 < truth["days gained"] < 0.2 * 0.08 * 640


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"of": "plans"}, "no trait named 'plans'; did you mean 'plan'"),
        ({"cause": "none"}, "no cause of leaving named 'none'"),
        ({"level": "Parter"}, "no plan named 'Parter'; did you mean 'Partner'"),
        ({"reference": "household"}, "no plan named 'household'"),
    ],
)
def test_ratios_of_what_is_not_there_are_one_line(oracle, arguments, told):
    wanted = {"of": "plan", "cause": "competitor", "level": "Partner", "reference": "Flex"}
    with pytest.raises(OptionError, match=told):
        oracle.hazard_ratio(**(wanted | arguments))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"cause": "trainig", "on": "profit"}, "no cause named 'trainig'; did you mean 'training'"),
        ({"cause": "training", "on": "profits"}, "no outcome of a customer named 'profits'"),
        ({"cause": "training", "on": "profit", "by": "customer"}, "no outcome of a customer named 'profit'"),
        ({"cause": "training", "on": "left", "by": "branch"}, "no outcome of a branch named 'left'"),
        ({"cause": "training", "on": "profit", "by": "year"}, "no grouping named 'year'"),
    ],
)
def test_what_the_oracle_does_not_know_is_one_line(oracle, arguments, told):
    with pytest.raises(OptionError, match=told):
        oracle.effect(**arguments)

"""The rows of the scorecard: what each says of itself, each on one small company, and the truths by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cemlab import saves, segmentation, survival
from cemlab.data.campaign_cells import campaign_cells, population_cells
from cemlab.data.save_offers import save_offer_cells
from cemlab.errors import DesignError
from cemlab.scorecard import ROWS, Estimate, Row
from cemlab.scorecard.companies import company_of, halden_behind
from cemlab.scorecard.judging import Draws, figures
from cemlab.scorecard.row import planted
from cemlab.scorecard.rows_loyalty import WATCHED, WATCHED_FROM, fallen
from cemlab.scorecard.rows_panel import true_panel_excess
from cemlab.segmentation.rules import INDIVIDUAL
from cemlab.segmentation.segmentations import SEGMENT
from cemlab.simulate.halden import Halden
from cemlab.simulate.market.panel import category_purchases, households
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.state import RISKS
from cemlab.simulate.timeline import LAST

SMALL = Halden(customers=6000, seed=11)
# of a smaller panel too few loyal households have rated the brands
LARGE = Halden(customers=14_000, seed=4)
PARTS = "Excess of year 4 that goes with"
BY_NAME = {row.name: row for row in ROWS}


def answers_on(halden, rows, oracle):
    """Return estimate and truth of each row on one company."""
    made = company_of(halden)
    return {row.name: (row.estimate(made), row.truth(oracle)) for row in rows}


@pytest.fixture(scope="module")
def oracle():
    """One, so that what it replays serves all who ask."""
    return Oracle(SMALL)


@pytest.fixture(scope="module")
def answers(oracle):
    """Estimate and truth of each row, on a small company of its world where that is enough."""
    parts = [row for row in ROWS if row.name.startswith(PARTS)]
    found = answers_on(LARGE, parts, Oracle(LARGE))
    for world in dict.fromkeys(row.world for row in ROWS):
        halden = replace(SMALL, world_name=world)
        asked = [row for row in ROWS if row.world == world and row not in parts]
        found |= answers_on(halden, asked, oracle if halden == SMALL else Oracle(halden))
    return found


@pytest.fixture(scope="module")
def company():
    return company_of(SMALL)


def test_rows_have_names_of_their_own():
    assert len(BY_NAME) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_says_what_it_is(row):
    assert row.name == row.name.strip()
    assert len(row.name) <= 80  # a label of the figures
    assert row.notebook in {"01", "03", "04", "05", "09", "10", "11", "12"}
    assert row.planted
    assert row.unit
    assert math.isfinite(row.no_effect)
    assert row.why.endswith(".")
    # where nothing is planted there is nothing to measure a bias by but a yardstick
    if "nobody changes" in row.planted and row.kind == "estimate":
        assert row.yardstick


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_answers_on_a_small_company(row, answers):
    said, truth = answers[row.name]
    assert math.isfinite(said.value)
    assert math.isfinite(truth)
    if row.kind == "decision":
        # nothing is worth more than the best, and no decision has an interval; 1e-9 is for rounding
        assert said.value <= truth + 1e-9
        assert math.isnan(said.low)
        assert math.isnan(said.high)
    elif not math.isnan(said.low):
        assert said.low <= said.value <= said.high
        assert said.low < said.high
    else:
        assert row.kind == "naive"
    if row.yardstick is None and row.kind != "naive":
        assert truth != row.no_effect


# rows whose reason says by what they are biased
BIASED = ("Passing doubts", "The truth counts")
FAIR = [row for row in ROWS if row.kind == "estimate" and not row.why.startswith(BIASED)]


@pytest.mark.parametrize("row", FAIR, ids=lambda row: row.name)
def test_an_estimate_is_no_more_than_chance_off_its_truth(row, answers):
    said, truth = answers[row.name]
    # five standard errors of an interval of 1.96 to each side; one in a million by chance
    assert abs(said.value - truth) < 5 * (said.high - said.low) / (2 * 1.96)


def test_a_truth_that_was_planted_is_the_same_everywhere(oracle):
    assert planted(oracle, value=1.2) == 1.2


def test_an_estimate_is_the_first_row_of_a_table():
    table = pd.DataFrame({"estimate": [1, 2], "conf_low": [0, 1], "conf_high": [3, 4]})
    assert Estimate.of(table) == (1.0, 0.0, 3.0)


def test_the_company_behind_a_decision_is_the_one_it_was_made_on():
    halden = Halden(customers=200, seed=11)
    made = company_of(halden)
    assert halden_behind(made) == halden
    assert company_of(Halden(customers=200, seed=11)) is made


def test_excess_of_the_panel_is_who_left_because_of_the_recession():
    excess = true_panel_excess(LARGE)
    assert excess[:2] == (0.0, 0.0)
    # the loyal, counted from the panel's table as a reader would
    (block,) = LARGE.panel_blocks()
    asked = households(LARGE.world, LARGE.streams, block=0, first=0, n=block.n)
    table = category_purchases(LARGE.world, LARGE.streams, asked).to_pandas()
    table["own"] = table["brand"] == "Halden"
    table["year"] = pd.to_datetime(table["date"]).dt.year
    counts = table.groupby(["customer", "year"])["own"].agg(n="size", own="sum")
    loyal = counts.query("own >= 0.7 * n - 1e-9").xs(2024, level="year").index
    later = counts["own"].xs(2025, level="year").reindex(loyal).fillna(0)
    # fewer left because of the recession than left at all
    assert 0 < round(excess[2] * len(loyal)) < (later == 0).sum()
    # planted are 6 points; the standard error of 6 % of the loyal is 0.8 points or less, here five of them
    assert excess[2] == pytest.approx(0.06, abs=5 * math.sqrt(0.06 * 0.94 / len(loyal)))
    assert true_panel_excess(Halden(customers=2000, seed=4, world_name="stationary")) == (0.0, 0.0, 0.0)


def test_true_change_of_a_campaign_is_the_mean_over_those_who_took_part(company, answers, oracle):
    sent = company.table("campaigns").to_pandas()
    chances = oracle.campaigns().set_index(["customer", "kind"])
    for kind in ("retain", "referral"):
        rows = chances.loc[[(customer, kind) for customer in sent.loc[sent["kind"] == kind, "customer"]]]
        truth = (rows["chance_with"] - rows["chance_without"]).mean()
        assert answers[f"Campaign by lot: {kind}"][1] == pytest.approx(truth)


def test_what_choices_are_worth_is_counted_customer_by_customer(company, answers, oracle):
    known = {name: company.table(name) for name in ("customers", "subscriptions", "transactions")}
    cells = campaign_cells(company.table("campaigns"), **known)
    uplift = segmentation.uplift(cells)
    people = population_cells(cells, **known, as_of=LAST)
    margins = {"retain": 60, "cross-sell": 45, "referral": 80, "cheaper channel": 12}
    costs = {"retain": 3, "cross-sell": 0.8, "referral": 1, "cheaper channel": 0.5}
    plan = segmentation.strategies(uplift, people, margins=margins, costs=costs)
    given = plan.customers(people).to_pandas()
    truth = oracle.campaigns().pivot(index="customer", columns="kind", values="value")
    earned = [
        0.0 if primary == "leave alone" else truth.loc[customer, primary]
        for customer, primary in zip(given["customer"], given["primary"], strict=True)
    ]
    said, best = answers["Choosing a strategy for each customer"]
    assert said.value == pytest.approx(np.mean(earned))
    assert best == pytest.approx(truth.loc[given["customer"]].clip(lower=0).max(axis=1).mean())
    for feature in ("purchases", "objective"):
        assert answers[f"Choosing a strategy for each segment: {feature}"][1] == best


def test_the_true_gap_of_two_rules_is_that_of_their_truths(answers):
    segments = [f"{SEGMENT}: purchases", f"{SEGMENT}: objective"]
    worth = {rule: answers[f"What the rule earns: {rule}"][1] for rule in (INDIVIDUAL, *segments)}
    for rule in segments:
        _, gap = answers[f"What “{INDIVIDUAL}” earns more than “{rule}”"]
        assert gap == pytest.approx(worth[INDIVIDUAL] - worth[rule])
    _, best = answers["Choosing a strategy for each customer"]
    assert max(worth.values()) <= best


def test_who_buys_less_for_good_is_known_by_the_day_and_the_multiple():
    network = SMALL.network()
    (block,) = SMALL.blocks()
    members = SMALL.members(network, block)
    found = fallen(SMALL)
    assert found
    month = {f"C{number:07d}": at for number, at in zip(members.number, members.changes_at, strict=True)}
    to = {f"C{number:07d}": by for number, by in zip(members.number, members.changes_to, strict=True)}
    assert all(to[customer] < 1 for customer in found)
    # October 2024 is month 33 from January 2022, from 0; months count as equally long, so a day or two apart
    assert all(32.9 <= month[customer] <= 48 for customer in found)
    assert (WATCHED[0] - WATCHED_FROM[1]).days == 1


def test_shares_gone_add_up_over_causes(answers):
    for months in (12, 24):
        said, truth = answers[f"Gone by their own will after {months} months"]
        rival, true_rival = answers[f"Gone to a competitor after {months} months"]
        assert truth > true_rival
        assert said.value > rival.value
        assert truth < 1 - answers[f"Still there after {months} months"][1]  # others move away, or die
    naive, true = answers["Gone to a competitor after 24 months, 1 − Kaplan–Meier"]
    assert true == true_rival
    assert naive.value > rival.value


@pytest.mark.parametrize("whom", ["plan Partner", "won on a comparison site"])
def test_a_ratio_among_those_who_remain_is_nearer_to_one_than_was_planted(whom, answers):
    said, remain = answers[f"Left for a competitor: {whom}"]
    read, one = answers[f"Left for a competitor: {whom}, read as for one customer"]
    assert read == said
    assert 0 < remain / one < 1


def test_true_change_of_a_save_offer_is_the_mean_of_its_class(answers, oracle):
    offers = oracle.save_offers()
    for risk in RISKS:
        own = offers[offers["risk"] == risk]
        truth = (own["left_with"].astype(int) - own["left_without"].astype(int)).mean()
        assert answers[f"Save offers by lot: {risk} risk"][1] == pytest.approx(truth, abs=1e-12)
    assert answers["Save offers by lot: high risk"][1] == 0


def test_what_save_rules_are_worth_is_counted_class_by_class(company, answers, oracle):
    offers = oracle.save_offers()
    left = offers.groupby("risk")[["left_with", "left_without"]].mean()
    worth = 3600 * (left["left_without"] - left["left_with"]) - 25
    cells = save_offer_cells(
        company.table("save_offers"),
        subscriptions=survival.spells(company),
        as_of=LAST,
        cues=("risk", "plan", "tenure"),
    )
    learned = saves.save_uplift(cells)
    rules = saves.save_policies(learned, margin=3600.0, capacity=cells.n_used // 5)
    given = (rules.plan["n"] * rules.plan["share_offered"]).groupby(rules.plan["class"]).sum()
    earned = sum(given[f"{risk} risk"] * worth[risk] for risk in RISKS) / cells.n_used
    said, best = answers["Choosing whom to make a save offer: by uplift"]
    assert said.value == pytest.approx(earned)
    # the best rule serves the middle class first, and nobody else to whom an offer is worth nothing
    size = offers["risk"].value_counts() / len(offers)
    assert worth["high"] < 0
    assert worth["low"] < 0
    reach = (cells.n_used // 5) / cells.n_used  # whole customers
    assert best == pytest.approx(min(size["middle"], reach) * worth["middle"])
    # a gap of two rules learned fold by fold is that of two truths between nought and the best
    _, gap = answers["What save offers by uplift earn more than by risk"]
    _, value = answers["What save offers by uplift earn"]
    assert gap > 0
    assert value <= best + 1e-9


def test_a_naive_decision_shows_its_error_and_no_coverage():
    naive = Row(
        name="toy",
        notebook="01",
        planted="5",
        unit="EUR",
        no_effect=0.0,
        world="default",
        kind="naive",
        estimate=lambda company: Estimate(4.0),
        truth=lambda oracle: 5.0,
    )
    blank = np.full(3, math.nan)
    found = figures(naive, Draws(value=np.full(3, 4.0), low=blank, high=blank, truth=np.full(3, 5.0)))
    assert found.bias_share == pytest.approx(-0.2)
    assert math.isnan(found.coverage)
    assert math.isnan(found.power)


@pytest.mark.parametrize(
    "name", ["Campaign by lot: retain", f"{PARTS} the economy", "Save offers by lot: high risk"]
)
def test_a_company_too_small_for_a_method_is_refused_by_design(name):
    # so few customers that hardly one is in a campaign, or loyal
    with pytest.raises(DesignError):
        BY_NAME[name].estimate(company_of(Halden(customers=60, seed=1)))

"""The household panel, rival brands, shopping styles, the wine list and what was written by hand."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
import statsmodels.api as sm
from scipy.optimize import linear_sum_assignment
from statsmodels.multivariate.factor import Factor

from cemlab.data.contract import GOAL_KINDS, TABLES
from cemlab.data.intake import take_in
from cemlab.simulate.customers import member_tables
from cemlab.simulate.dictionary import _section
from cemlab.simulate.halden import Halden
from cemlab.simulate.inputs import WRITTEN, inputs
from cemlab.simulate.market import panel, rivals, styles
from cemlab.simulate.market.catalogue import CLUSTERS, TASTES, catalogue
from cemlab.simulate.organisation import network_tables
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.streams import Streams
from cemlab.simulate.timeline import DAYS, MONTH_STARTS
from cemlab.simulate.worlds import WORLDS

WORLD = WORLDS["default"]
STATIONARY = WORLDS["stationary"]
N = 20_000
YEAR_4 = int(MONTH_STARTS[36])
ENDS = ("low", "mode", "high")


def members(n, *, first=0, block=0):
    """Return what the questionnaire asks of a block of customers: who they are by number."""
    return SimpleNamespace(number=np.arange(first, first + n) + 1, block=block)


def standard_error(values):
    return np.std(values, ddof=1) / np.sqrt(len(values))


@pytest.fixture(scope="module")
def block():
    return panel.households(WORLD, Streams(4), block=0, first=0, n=N)


@pytest.fixture(scope="module")
def bought(block):
    return panel.purchases(WORLD, Streams(4), block)


@pytest.fixture(scope="module")
def counts(bought):
    return panel.yearly_counts(bought, n=N)


@pytest.fixture(scope="module")
def ratings(block):
    return rivals.competitor_ratings(WORLD, Streams(4), block).to_pandas()


@pytest.fixture(scope="module")
def answers():
    # respondents of 20,000 customers
    return styles.style_survey(WORLD, Streams(4), members(20_000))


# the panel


@pytest.mark.parametrize("year", [0, 1, 2, 3])
def test_purchases_of_a_year_are_negative_binomial(counts, year):
    n = counts[:, year].sum(axis=1)
    days = MONTH_STARTS[12 * (year + 1)] - MONTH_STARTS[12 * year]
    mean, shape = WORLD.market.purchases * days / 365.25, WORLD.market.purchases_shape
    # four standard errors, those of the variance from the spread of the squared deviations
    assert abs(n.mean() - mean) < 4 * standard_error(n)
    squared = (n - mean) ** 2
    assert abs(squared.mean() - (mean + mean**2 / shape)) < 4 * standard_error(squared)


def test_shares_of_the_brands_are_dirichlet(block):
    mean = np.array(WORLD.market.shares)
    variance = mean * (1 - mean) / (WORLD.market.switching + 1)
    for share, expected, spread in zip(block.shares.T, mean, variance, strict=True):
        assert abs(share.mean() - expected) < 4 * standard_error(share)  # four standard errors
        squared = (share - expected) ** 2
        assert abs(squared.mean() - spread) < 4 * standard_error(squared)


def test_brands_are_bought_by_each_household_s_own_shares(block, counts):
    observed, total = counts[:, :3].sum(axis=1), counts[:, :3].sum(axis=(1, 2))
    expected = total[:, None] * block.shares
    chi_square = ((observed - expected) ** 2 / np.maximum(expected, 1e-12))[expected > 5]
    # a cell's expectation is 1 − share; four standard errors
    target = (1 - block.shares)[expected > 5]
    assert abs((chi_square - target).mean()) < 4 * standard_error(chi_square - target)


def test_purchases_are_in_order_and_within_the_data(bought):
    key = bought.household * DAYS + bought.day
    assert (np.diff(key) >= 0).all()
    assert bought.day.min() >= 0
    assert bought.day.max() < DAYS
    assert set(np.unique(bought.units)) == {1, 2, 3}


def test_fates_by_hand():
    counts = np.zeros((7, 2, 6), dtype=int)
    counts[0, 0, :2], counts[0, 1, :2] = (7, 3), (7, 3)  # loyal at 70 % exactly, and again
    counts[1, 0, :2], counts[1, 1, :2] = (7, 3), (69, 31)  # weakened by a hair
    counts[2, 0, 0], counts[2, 1, 5] = 1, 4  # left for another brand
    counts[3, 0, 0] = 9  # left the category
    counts[4, 0, :2], counts[4, 1, 0] = (2, 1), 5  # not loyal: two of three
    counts[5, 1, 0] = 5  # not loyal: bought nothing
    counts[6, 0, 1], counts[6, 1, 1] = 3, 3  # loyal to another brand
    assert panel.fates(counts, year=0).tolist() == [0, 1, 2, 3, -1, -1, -1]
    assert panel.fates(counts, year=0, brand=1).tolist() == [-1, -1, -1, -1, -1, -1, 0]
    assert panel.fates(counts, year=0, loyal=0.6).tolist() == [0, 0, 2, 3, 0, -1, -1]


def test_yearly_counts_know_the_leap_year():
    day = np.array([0, 364, 365, 1095, 1096, 1460])
    zero = np.zeros(6, dtype=int)
    bought = panel.PanelPurchases(household=zero, day=day, brand=zero, units=zero + 1)
    assert panel.yearly_counts(bought, n=2)[:, :, 0].tolist() == [[2, 1, 1, 2], [0, 0, 0, 0]]


def test_apparent_defection_in_the_stationary_world_is_the_same_every_year_and_large():
    lapsed, loyal = np.zeros(3), np.zeros(3)
    for seed in (1, 2, 3):
        households = panel.households(STATIONARY, Streams(seed), block=0, first=0, n=N)
        counts = panel.yearly_counts(panel.purchases(STATIONARY, Streams(seed), households), n=N)
        for year in range(3):
            fate = panel.fates(counts, year=year)
            lapsed[year] += (fate >= 2).sum()
            loyal[year] += (fate >= 0).sum()
    known = panel.lapse_of_the_loyal(STATIONARY.market)
    error = np.sqrt(known * (1 - known) / loyal)
    # each year beside what the model says, within four standard errors
    assert (np.abs(lapsed / loyal - known) < 4 * error).all()
    assert (lapsed / loyal > 0.10).all()


def test_the_recession_adds_what_is_planted_and_the_years_before_it_nothing():
    extra, loyal = np.zeros(3), np.zeros(3)
    for seed in (1, 2, 3, 4):
        households = panel.households(WORLD, Streams(seed), block=0, first=0, n=N)
        for scenario, sign in ((AS_IT_WAS, 1), (Scenario(recession=False), -1)):
            counts = panel.yearly_counts(panel.purchases(WORLD, Streams(seed), households, scenario), n=N)
            for year in range(3):
                fate = panel.fates(counts, year=year)
                extra[year] += sign * (fate >= 2).sum()
                loyal[year] += (fate >= 0).sum() / 2
    assert extra[:2].tolist() == [0, 0]
    planted = WORLD.market.excess
    # the difference of a replay is a count out of the loyal: four binomial standard errors
    assert abs(extra[2] / loyal[2] - planted) < 4 * np.sqrt(planted * (1 - planted) / loyal[2])


def test_a_replay_changes_the_brands_of_defectors_and_nothing_else(block, bought):
    calm = panel.purchases(WORLD, Streams(4), block, Scenario(recession=False))
    for name in ("household", "day", "units"):
        assert (getattr(calm, name) == getattr(bought, name)).all()
    differs = calm.brand != bought.brand
    expected = (calm.brand == 0) & block.defects[calm.household] & (calm.day >= YEAR_4)
    assert differs.any()
    assert (differs == expected).all()
    assert set(bought.brand[differs]) == {panel.CHEAP}


@pytest.mark.parametrize(
    ("world", "scenario", "day"),
    [
        (WORLD, AS_IT_WAS, YEAR_4),
        (WORLD, Scenario(recession=False), None),
        (WORLD, Scenario(changing=False), None),
        (WORLD, Scenario(changing=False, still_from=YEAR_4), None),
        (WORLD, Scenario(changing=False, still_from=YEAR_4 + 1), YEAR_4),
        (WORLDS["no-recession"], AS_IT_WAS, None),
    ],
)
def test_when_households_defect(world, scenario, day):
    assert panel.defection_day(world, scenario) == day


def test_without_an_excess_nobody_defects():
    households = panel.households(STATIONARY, Streams(4), block=0, first=0, n=N)
    assert not households.defects.any()


@pytest.mark.parametrize("switching", [0.8, 1.0, 2.0])
def test_the_lapse_of_the_loyal_follows_the_model(switching):
    market = replace(WORLD.market, switching=switching)
    rng = np.random.default_rng(8)
    rate = rng.gamma(market.purchases_shape, market.purchases / market.purchases_shape, 400_000)
    share = rng.beta(0.28 * switching, 0.72 * switching, len(rate))
    halden, other = rng.poisson(rate * share), rng.poisson(rate * (1 - share))
    loyal = (halden > 0) & (10 * halden >= 7 * (halden + other))
    none = np.exp(-rate * share)[loyal]
    assert abs(none.mean() - panel.lapse_of_the_loyal(market)) < 4 * standard_error(none)  # four of them


def test_blocks_are_different_and_numbered_on():
    first = panel.households(WORLD, Streams(4), block=0, first=0, n=50)
    second = panel.households(WORLD, Streams(4), block=1, first=50, n=50)
    assert not np.isin(first.rate, second.rate).any()
    assert np.concatenate([first.number, second.number]).tolist() == list(range(1, 101))
    table = panel.category_purchases(WORLD, Streams(4), second)
    assert pc.min(table["customer"]).as_py() >= "P0000051"


# the rivals


def test_two_rivals_are_equal_in_value_by_different_roads(ratings):
    nordhem, kerrin = (ratings[ratings["brand"] == name] for name in ("Nordhem", "Kerrin"))

    def gap(column):
        error = np.hypot(standard_error(nordhem[column]), standard_error(kerrin[column]))
        return (nordhem[column].mean() - kerrin[column].mean()) / error

    assert abs(gap("value_for_money")) < 4  # standard errors
    assert gap("price") > 20
    assert gap("quality") < -20
    planted = rivals.value_for_money(WORLD.market)
    assert planted[1] == pytest.approx(planted[2])
    assert planted[1:3] / planted.mean() == pytest.approx([1.12, 1.12])


def test_the_index_of_the_rivals_is_seen(ratings):
    value = ratings.groupby("brand")["value_for_money"]
    mean, error = value.mean(), value.std() / np.sqrt(value.size())
    for brand in ("Nordhem", "Kerrin"):
        # four standard errors of a brand's mean, in points of the index
        assert abs(100 * mean[brand] / mean.mean() - 112) < 4 * 100 * error[brand] / mean.mean()


def test_the_weights_in_value_for_money_are_found(ratings):
    inside = ratings[ratings[list(rivals.RATINGS)].isin([1.0, 10.0]).sum(axis=1) == 0]
    fit = sm.OLS(inside["value_for_money"], sm.add_constant(inside[list(rivals.RATINGS)])).fit()
    # four standard errors; ratings at an end of the scale are left out, for they are cut
    gap = np.abs(fit.params[list(rivals.RATINGS)] - WORLD.market.value_weights)
    assert (gap < 4 * fit.bse[list(rivals.RATINGS)]).all()


def test_people_rate_better_what_they_buy(ratings, block):
    rated = ratings[ratings["brand"] != "Kerrin"]  # whose quality reaches the end of the scale too often
    row = rated["respondent"].str[1:].astype(int) - 1
    share = block.shares[row, rated["brand"].map(panel.BRANDS.index)]
    design = np.column_stack([share, pd.get_dummies(rated["brand"], dtype=float)])
    fit = sm.OLS(rated["quality"].to_numpy(), design).fit(
        cov_type="cluster", cov_kwds={"groups": row.to_numpy()}
    )
    assert abs(fit.params[0] - WORLD.market.liking) < 4 * fit.bse[0]  # four standard errors


def test_a_respondent_rates_three_to_six_brands_once(ratings):
    assert not ratings.duplicated(["respondent", "brand"]).any()
    per_person = ratings.groupby("respondent").size()
    assert set(per_person) == {3, 4, 5, 6}
    expected = WORLD.market.respondents
    error = np.sqrt(expected * (1 - expected) / N)
    assert abs(len(per_person) / N - expected) < 4 * error  # four binomial standard errors


def test_buying_now_and_next_is_what_the_panel_shows(ratings, block):
    table = panel.category_purchases(WORLD, Streams(4), block).to_pandas()
    day = pd.to_datetime(table["date"])
    pairs = table["customer"] + table["brand"]
    windows = {
        "2023-01-01": ("2022-07-01", "2024-01-01"),
        "2024-01-01": ("2023-07-01", "2025-01-01"),
        "2025-01-01": ("2024-07-01", "2026-01-01"),
    }
    given = ratings["date"].astype(str)
    assert set(given) == set(windows)
    for wave, (first, end) in windows.items():
        here = ratings[given == wave]
        asked = here["respondent"] + here["brand"]
        now = pairs[(day >= first) & (day < wave)]
        later = pairs[(day >= wave) & (day < end)]
        assert (asked.isin(set(now)) == here["buys_now"]).all()
        assert (asked.isin(set(later)) == here["buys_next"]).all()


def test_each_respondent_is_asked_in_one_wave_by_lot(ratings):
    assert (ratings.groupby("respondent")["date"].nunique() == 1).all()
    per_wave = ratings.groupby("respondent")["date"].first().value_counts()
    n = int(per_wave.sum())
    # four binomial standard errors
    assert (abs(per_wave / n - 1 / 3) < 4 * np.sqrt(2 / 9 / n)).all()


def test_what_is_thought_of_a_brand_is_the_same_in_every_wave(ratings):
    for _, rows in ratings.groupby("brand"):
        groups = [wave["quality"] for _, wave in rows.groupby("date")]
        for one, other in zip(groups, [*groups[1:], groups[0]], strict=True):
            # four standard errors
            assert abs(one.mean() - other.mean()) < 4 * np.hypot(standard_error(one), standard_error(other))


def test_the_recession_changes_only_what_is_bought_next(ratings, block):
    calm = rivals.competitor_ratings(WORLD, Streams(4), block, Scenario(recession=False)).to_pandas()
    assert ratings.drop(columns="buys_next").equals(calm.drop(columns="buys_next"))
    changed = ratings["buys_next"] != calm["buys_next"]
    assert set(ratings["brand"][changed]) == {"Halden", "Nordhem"}
    # those asked a year or more before the recession are followed to its eve
    assert set(ratings["date"][changed].astype(str)) == {"2025-01-01"}


# shopping styles


def test_eight_styles_are_found_again(answers):
    items = answers.drop_columns(["customer"]).to_pandas()
    fit = Factor(items, n_factor=WORLD.market.styles, method="pa").fit()
    fit.rotate("oblimin")
    truth, found = styles.loadings(WORLD), np.asarray(fit.loadings)
    norms = np.outer(np.linalg.norm(truth, axis=0), np.linalg.norm(found, axis=0))
    congruence = np.abs(truth.T @ found) / norms
    rows, columns = linear_sum_assignment(-congruence)
    # from 0.95 two factors are taken to be the same (Lorenzo-Seva & ten Berge 2006)
    assert congruence[rows, columns].min() >= 0.95


def test_items_of_one_style_correlate_as_planted(answers):
    items = answers.drop_columns(["customer"]).to_pandas()
    loading, between = WORLD.market.style_loading, WORLD.market.style_correlation
    same = styles.loadings(WORLD) @ styles.loadings(WORLD).T > 0
    correlation = items.corr().to_numpy()
    off = ~np.eye(len(correlation), dtype=bool)
    within, across = correlation[same & off].mean(), correlation[~same].mean()
    # cutting into five answers takes the same share from all: at least 5 and at most 20 %
    assert 0.80 < within / loading**2 < 0.95
    assert 0.80 < across / (loading**2 * between) < 1.00


def test_one_customer_in_ten_answers_on_a_scale_of_five(answers):
    assert answers.column_names == ["customer", *styles.item_names()]
    error = np.sqrt(0.1 * 0.9 * 20_000)
    assert abs(answers.num_rows - 2_000) < 4 * error  # four binomial standard errors
    for name in styles.item_names():
        assert set(answers[name].unique().to_pylist()) == {1, 2, 3, 4, 5}


def test_the_respondents_are_customers_of_their_block():
    table = styles.style_survey(WORLD, Streams(4), members(5_000, first=5_000, block=1))
    numbers = [int(customer[1:]) for customer in table["customer"].to_pylist()]
    assert min(numbers) > 5_000
    assert max(numbers) <= 10_000
    assert len(set(numbers)) == len(numbers)


# the wine list


def test_the_wine_list_has_a_structure_that_a_neighbour_finds():
    list_ = catalogue(Streams(4)).to_pandas()
    assert len(list_) == 60
    assert Counter(list_["flavour_cluster"]) == {cluster.name: 10 for cluster in CLUSTERS}
    taste = list_[list(TASTES)].to_numpy()
    distance = np.linalg.norm(taste[:, None] - taste[None], axis=2) + np.diag(np.full(60, np.inf))
    nearest = list_["flavour_cluster"].to_numpy()[distance.argmin(axis=1)]
    # by chance one in six would agree; the clusters touch, so not all do
    assert (nearest == list_["flavour_cluster"]).mean() > 0.8
    assert list_[list(TASTES)].min().min() >= 1
    assert list_[list(TASTES)].max().max() <= 5
    assert (list_.groupby("region")["country"].nunique() == 1).all()
    assert (list_.groupby("flavour_cluster")["colour"].nunique() == 1).all()
    assert (list_["price"] > 0).all()


# what was written by hand


def page(name):
    """Return the section of the data dictionary on a table without columns."""
    return "\n".join(_section(name, rows=7, schema=pa.schema([]), texts={}))


def test_the_dictionary_says_by_what_rows_are_found_and_whether_several_can_be():
    assert "One row is a customer. 7 rows. Rows are found by `customer`.\n" in page("customers")
    found = "Rows are found by `customer` and `date`, which may repeat.\n"
    assert found in page("transactions")
    assert {name for name in TABLES if "may repeat" not in page(name)} == {
        name for name, table in TABLES.items() if table.unique
    }


def test_the_dictionary_says_what_span_and_what_windows_tables_have():
    assert "from 2024-01-01 to 2024-12-31" in page("contact_log")
    ratings = page("competitor_ratings")
    assert "asked once, on 2023-01-01, 2024-01-01 and 2025-01-01, by lot" in ratings
    assert "in the 6 months before that day" in ratings
    assert "in the 12 months from then on" in ratings
    assert "in no branch's books" in page("branch_month")


def test_no_belief_of_the_company_is_the_planted_truth():
    modes = {entry["item"]: entry["mode"] for entry in inputs()["ledger"].to_pylist()}
    world = WORLD
    truths = {
        "training → experience": world.network.effect[-1],  # after six months
        "training → handling time": world.network.handle_time,
        "training → resolved at first contact": world.network.first_contact,
        "engagement → experience": world.network.engagement_experience,
        "experience → engagement, a month later": world.network.experience_engagement,
        "experience → leaving for a competitor": world.leaving.experience,
        "experience → purchases": world.buying.experience,
        "message → response": world.service.message_response,
        "margin of revenue": world.buying.margin,
    }
    assert not [item for item, truth in truths.items() if modes[item] == pytest.approx(truth)]


def test_the_levers_say_what_the_ledger_says():
    belief = {entry["item"]: [entry[end] for end in ENDS] for entry in inputs()["ledger"].to_pylist()}
    lever = {
        (entry["from"], entry["to"]): [entry[end] for end in ENDS] for entry in inputs()["levers"].to_pylist()
    }
    experience = "experience at the touchpoints"
    training = lever["Train the front line, wave by wave", experience]
    assert training == pytest.approx(belief["training → experience"])
    bought = lever[experience, "members buy more often"]
    assert bought == pytest.approx([100 * share for share in belief["experience → purchases"]])  # per cent


def test_costs_are_those_of_the_programmes_that_are_simulated():
    cost = {entry["item"]: entry["mode"] for entry in inputs()["costs"].to_pylist()}
    assert cost["Save offer"] == member_tables.SAVE_OFFER_COST
    assert cost["Call to a new member"] == member_tables.ONBOARDING_COST
    halden = Halden(customers=1)
    training = network_tables.training(halden.world, halden.streams, halden.network()).to_pandas()
    hours = training["backfill_hours"].dropna()
    assert cost["Hours away from the counter"] == pytest.approx(hours.mean(), abs=0.5)  # as rounded in a plan


def test_no_goal_is_an_orphan():
    entries = inputs()["goals"].to_pylist()
    by_name = {entry["item"]: entry for entry in entries}
    served = Counter(entry["parent"] for entry in entries)
    assert served[None] == 1
    for entry in entries:
        level = GOAL_KINDS.index(entry["kind"])
        if entry["parent"] is None:
            assert level == 0
        else:
            assert GOAL_KINDS.index(by_name[entry["parent"]]["kind"]) == level - 1, entry["item"]
        assert entry["metric"], entry["item"]
        assert (served[entry["item"]] > 0) == (entry["kind"] != "action"), entry["item"]


@pytest.mark.parametrize("name", WRITTEN)
def test_every_entry_has_a_range_a_source_and_an_owner(name):
    table = inputs()[name]
    assert set(table.column_names) == {column.name for column in TABLES[name].columns}
    told = ("unit", "source", "grade") if name == "levers" else ("unit", "source", "owner", "date")
    for entry in table.to_pylist():
        assert entry["low"] <= entry["mode"] <= entry["high"], entry
        assert all(entry[column] for column in told), entry


def test_the_files_have_no_column_that_is_left_unread():
    from cemlab.places import bundled

    for name in WRITTEN:
        head = (bundled("data") / "inputs" / f"{name}.csv").read_text(encoding="utf-8").split("\n")[0]
        assert set(head.split(",")) == {column.name for column in TABLES[name].columns}


# all of them


def test_nothing_is_set_aside_by_the_intake(block, answers, tmp_path):
    tables = {
        "category_purchases": panel.category_purchases(WORLD, Streams(4), block),
        "competitor_ratings": rivals.competitor_ratings(WORLD, Streams(4), block),
        "style_survey": answers,
        "catalogue": catalogue(Streams(4)),
        **inputs(),
    }
    stored, written = tmp_path / "stored", tmp_path / "written"
    stored.mkdir()
    written.mkdir()
    for name, table in tables.items():
        pa.parquet.write_table(table, stored / f"{name}.parquet")
        pa.csv.write_csv(table, written / f"{name}.csv")
    for folder in (stored, written):
        reports = take_in(folder).files
        assert {report.table: report.records for report in reports} == {
            name: table.num_rows for name, table in tables.items()
        }
        for report in reports:
            assert (report.verdict, report.accepted) == ("accept", report.records), report.messages


def test_the_same_seed_gives_the_same_tables():
    def all_of(seed):
        streams = Streams(seed)
        households = panel.households(WORLD, streams, block=0, first=0, n=500)
        return (
            panel.category_purchases(WORLD, streams, households),
            rivals.competitor_ratings(WORLD, streams, households),
            styles.style_survey(WORLD, streams, members(500)),
            catalogue(streams),
        )

    assert all(a.equals(b) for a, b in zip(all_of(1), all_of(1), strict=True))
    assert not any(a.equals(b) for a, b in zip(all_of(1), all_of(2), strict=True))

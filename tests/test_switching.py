"""What the fates of the loyal go with: planted truths, worlds in which nothing moves, and what is refused."""

from dataclasses import replace
from datetime import date
from functools import partial
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cemlab import loyalty
from cemlab.data import engine
from cemlab.data.switching import SwitchingCounts
from cemlab.errors import ColumnError, DesignError, OptionError
from cemlab.loyalty.switching import CONSTANT
from cemlab.simulate.economy import macro
from cemlab.simulate.market import panel, rivals
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import WORLDS
from cemlab.stats.dirichlet_fates import FATES
from cemlab.stats.excess_parts import predicted_excess

YEARS = loyalty.calendar_years(2022, 2025)
GAPS = ("experience", "offers")
KEY = ["transition", "n_base", "x_base", "fate", *GAPS]
SEEDS = range(1, 21)
HOUSEHOLDS = 6_000  # as the company of default size has
# the economy of the follow-up years: calm, calm, recession
ECONOMY = pd.DataFrame({"unemployment": [5.2, 5.2, 7.6], "confidence": [100.2, 99.6, 84.6]}).assign(
    index=[-0.57, -0.50, 1.60]
)


def moves_of(rows, *, gaps=GAPS, economy=ECONOMY, brand="Halden"):
    """Return the counted moves from one row a household and transition: household, KEY."""
    rows = rows.assign(**{gap: np.nan for gap in GAPS if gap not in rows})
    rows["cell"] = rows.groupby(KEY, dropna=False).ngroup()
    cells = (
        rows.groupby("cell")[KEY].head(1).assign(cell=lambda f: rows["cell"]).set_index("cell").sort_index()
    )
    cells["n_households"] = rows["cell"].value_counts()
    pairs = []
    for one, other in combinations(sorted(rows["transition"].unique()), 2):
        both = rows[rows["transition"] == one].merge(rows[rows["transition"] == other], on="household")
        pairs.append(both[["cell_x", "cell_y"]].set_axis(["first", "second"], axis=1))
    return loyalty.LoyalMoves(
        counts=SwitchingCounts(
            cells=cells.reset_index(drop=True),
            pairs=pd.concat(pairs, ignore_index=True).assign(n_households=1),
            name="home care",
            brands=("Halden", "Nordhem"),
            seen=None,
            rated={"used for a transition": 1, "undated": 0, "outside": 0} if gaps else {},
            gaps=gaps,
        ),
        brand=brand,
        periods=YEARS,
        threshold=0.7,
        least=1,
        economy=economy,
    )


def halden(world, seed, n=HOUSEHOLDS):
    """Return one row a loyal household and transition of a simulated panel."""
    streams = Streams(seed)
    block = panel.households(world, streams, block=0, first=0, n=n)
    counts = panel.yearly_counts(panel.purchases(world, streams, block), n=n)
    given = rivals.competitor_ratings(world, streams, block).to_pandas()
    given["household"] = given["respondent"].str[1:].astype(int) - 1
    own = given["brand"] == "Halden"
    best = given[~own].groupby("household")[["quality", "price"]].max()
    mine = given[own].set_index("household")[["quality", "price", "date"]]
    both = mine.join(best, rsuffix="_best", how="inner")
    gap = pd.DataFrame(
        {
            "experience": (both["quality"] - both["quality_best"]).round(6),
            "offers": (both["price_best"] - both["price"]).round(6),
            "transition": pd.to_datetime(both["date"]).dt.year - 2023,
        }
    )
    found = []
    for year in range(3):
        fate = panel.fates(counts, year=year)
        loyal = np.flatnonzero(fate >= 0)
        bought = counts[loyal, year]
        rows = {"household": loyal, "transition": year, "n_base": bought.sum(axis=1), "x_base": bought[:, 0]}
        known = gap.loc[gap["transition"] == year, list(GAPS)]
        found.append(pd.DataFrame(rows | {"fate": fate[loyal]}).join(known, on="household"))
    return pd.concat(found, ignore_index=True)


def planted(world):
    market = world.market
    return loyalty.stated_market(
        mean=market.purchases,
        shape=market.purchases_shape,
        switching=market.switching,
        shares=dict(zip(panel.BRANDS, market.shares, strict=True)),
    )


def parts(moves, null, **options):
    return loyalty.decompose(loyalty.switching(moves, null=null, **options))


# Halden


@pytest.mark.parametrize(("name", "excess"), [("default", 0.06), ("stationary", 0.0)])
def test_what_is_planted_is_recovered(name, excess):
    world = WORLDS[name]
    null = planted(world)
    tables = [parts(moves_of(halden(world, seed)), null) for seed in SEEDS]
    truth = np.array([excess, 0, 0, 0, excess])  # economy, experience, offers, rest, difference
    found = np.array([table.table["estimate"] for table in tables])
    low, high = (np.array([table.table[end] for table in tables]) for end in ("conf_low", "conf_high"))
    inside = ((low <= truth) & (truth <= high)).sum(axis=0)
    # of 20 intervals of 95 %, fewer than 16 hold the truth with a chance of 0.3 %
    assert (inside >= 16).all(), inside
    error = found.std(axis=0, ddof=1) / np.sqrt(len(tables))
    # four standard errors; a hundredth of a point for the parts that hardly vary
    assert (np.abs(found.mean(axis=0) - truth) < 4 * error + 1e-4).all(), found.mean(axis=0)
    yearly = np.array([table.years["estimate"] for table in tables])
    planted_years = np.array([0, 0, excess])
    error = yearly.std(axis=0, ddof=1) / np.sqrt(len(tables))
    assert (np.abs(yearly.mean(axis=0) - planted_years) < 4 * error).all()


@pytest.fixture(scope="module")
def company():
    """Return the panel, its ratings and the economy of the company of default size, on one engine."""
    world, streams = WORLDS["default"], Streams(1)
    block = panel.households(world, streams, block=0, first=0, n=HOUSEHOLDS)
    tables = {
        "category_purchases": panel.category_purchases(world, streams, block),
        "competitor_ratings": rivals.competitor_ratings(world, streams, block),
        "macro": macro(world),
    }
    connection = engine.connect()
    return SimpleNamespace(table={name: connection.create_table(name, t) for name, t in tables.items()}.get)


@pytest.fixture(scope="module")
def moves(company):
    return loyalty.loyal_moves(
        company.table("category_purchases"),
        brand="Halden",
        periods=YEARS,
        ratings=company.table("competitor_ratings"),
        macro=company.table("macro"),
        source="Halden",
    )


@pytest.fixture(scope="module")
def null(company):
    years = loyalty.panel(company.table("category_purchases"), base=YEARS[0], follow_up=YEARS[1])
    return loyalty.stationary_market(years)


@pytest.fixture(scope="module")
def fitted(moves, null):
    return loyalty.switching(moves, null=null)


@pytest.fixture(scope="module")
def taken_apart(fitted):
    return loyalty.decompose(fitted)


def test_the_whole_way_finds_what_is_planted_in_the_company(taken_apart):
    table = taken_apart.table.set_index("part")
    truth = {"economy": 0.06, "experience": 0.0, "offers": 0.0, "rest": 0.0, "difference": 0.06}
    assert list(table.index) == list(truth)
    for part, value in truth.items():
        assert table.loc[part, "conf_low"] <= value <= table.loc[part, "conf_high"], part
    assert table.loc["economy", "conf_low"] > 0
    assert table["estimate"].iloc[:-1].sum() == pytest.approx(table["estimate"].iloc[-1], abs=1e-15)
    years = taken_apart.years
    assert years["role"].tolist() == ["placebo", "placebo", "asked about"]
    assert (years["conf_low"] < [0, 0, 0.06]).all()
    assert (years["conf_high"] > [0, 0, 0.06]).all()


def test_what_is_asked_is_what_the_excess_says(taken_apart, company, null):
    """The excess of a year is that of the analysis of one year, by another way."""
    two = loyalty.panel(company.table("category_purchases"), base=YEARS[2], follow_up=YEARS[3])
    alone = loyalty.excess(two, null=null, brand="Halden").of("excess")
    # the null's unit is a year of 365 days in both; what is left is rounding
    assert taken_apart.years["estimate"].iloc[-1] == pytest.approx(alone["estimate"].iloc[0], abs=1e-9)


def test_the_checks_say_what_three_years_cannot_tell(fitted):
    checks = {check.name: check for check in fitted.evidence.checks}
    economy = checks["economy apart from its year"]
    assert economy.passed is False
    assert "cannot tell it from anything else that came with 2025" in economy.detail
    for name in ("placebo years", "households that rated", "overlap of the gaps", "raters like the others"):
        assert checks[name].passed is True, name
    assert checks["ratings given before what they are to explain"].passed is True
    assert fitted.evidence.grade == "association"
    assert fitted.focal == "2025"
    assert fitted.placebos == ("2023", "2024")


def test_a_placebo_year_that_is_asked_about_fails_the_placebo_check(moves, null):
    placebo = loyalty.switching(moves, null=null, follow_up=date(2023, 1, 1))
    checks = {check.name: check for check in placebo.evidence.checks}
    assert checks["placebo years"].passed is False  # 2025 is among them now
    assert "2025: +" in checks["placebo years"].detail


def test_the_table_is_tidy(fitted):
    table = fitted.table
    assert table["term"].drop_duplicates().iloc[0] == CONSTANT
    assert table["fate"].tolist() == [*FATES[1:]] * 4
    np.testing.assert_allclose(np.log(table["odds_ratio"]), table["estimate"])
    np.testing.assert_allclose(table["statistic"], table["estimate"] / table["std_error"])
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()
    assert ((table["p_value"] < 0.05) == (table["conf_low"] * table["conf_high"] > 0)).all()
    assert fitted.levels["economy"].iloc[:2].mean() == pytest.approx(0, abs=1e-12)


def test_leaving_for_another_brand_goes_with_the_economy(fitted):
    row = fitted.table.set_index(["term", "fate"])
    economy = row.loc[("economy [standard deviation of the months]", "left for another brand")]
    assert economy["odds_low"] > 1  # planted: the defectors buy the cheap rival instead


# where experience moves, and nothing else


def experience_moves(seed, n=12_000, *, drop=1.5, slope=0.9):
    """Simulate households who leave for good where a rival is better; experience drops in the last year.

    A recession comes in the same year and has nothing to do with it.
    """
    rng = np.random.default_rng(seed)
    rate, share = rng.gamma(1.5, 4.0, n), rng.beta(0.4, 0.8, n)
    total = rng.poisson(rate, (4, n))
    own = rng.binomial(total, share)
    found, added = [], []
    for year in range(3):
        gap = rng.normal(-drop * (year == 2), 1.0, n)
        chance, usual = (1 / (1 + np.exp(3.0 + slope * g)) for g in (gap, gap + drop * (year == 2)))
        gone = rng.random(n) < chance
        now, later = total[year], total[year + 1]
        bought = np.where(gone, 0, own[year + 1])
        loyal = np.flatnonzero((own[year] > 0) & (own[year] >= 0.7 * now - 1e-9))
        fate = np.select([later == 0, bought == 0, bought >= 0.7 * later - 1e-9], [3, 2, 0], default=1)
        rows = {"household": loyal, "transition": year, "n_base": now[loyal], "x_base": own[year][loyal]}
        found.append(pd.DataFrame(rows | {"fate": fate[loyal], "experience": gap[loyal].round(1)}))
        # only who would have bought the brand anyhow can be lost
        stays = own[year + 1][loyal] > 0
        added.append(((chance - usual)[loyal] * stays).mean())
    rows = pd.concat(found, ignore_index=True)
    rows["offers"] = (np.random.default_rng(seed + 1).normal(size=len(rows))).round(1)
    return rows, added[2]


def test_experience_that_moves_is_told_from_a_recession_in_the_same_year():
    null = loyalty.stated_market(mean=6.0, shape=1.5, switching=1.2, shares={"Halden": 1 / 3})
    found, low, high, truth = [], [], [], []
    for seed in range(30, 42):
        rows, planted_part = experience_moves(seed)
        table = parts(moves_of(rows), null).table.set_index("part")
        found.append(table["estimate"])
        low.append(table["conf_low"])
        high.append(table["conf_high"])
        truth.append({"economy": 0.0, "experience": planted_part, "offers": 0.0, "rest": 0.0})
    truth = pd.DataFrame(truth)
    estimate = pd.DataFrame(found).reset_index(drop=True)[truth.columns]
    assert truth["experience"].mean() > 0.05  # something did move
    # of 12 intervals of 95 %, fewer than 9 hold the truth with a chance of 0.2 %
    inside = (pd.DataFrame(low).reset_index(drop=True)[truth.columns] <= truth) & (
        truth <= pd.DataFrame(high).reset_index(drop=True)[truth.columns]
    )
    assert (inside.sum() >= 9).all(), inside.sum()
    gap = (estimate - truth).mean()
    # leaving is simulated by another law than the logit's: a tenth of what moved is allowed for that
    assert gap.abs().max() < 0.1 * truth["experience"].mean(), gap


def test_ratings_that_follow_loyalty_have_a_slope_and_no_part(moves, null, fitted, taken_apart):
    """People rate better what they buy: the slope is not nought, and yet nothing moved."""
    slope = fitted.table.set_index(["term", "fate"]).loc[("experience gap [point]", "left for another brand")]
    assert slope["odds_high"] < 1
    part = taken_apart.of("experience")
    assert float(part.conf_low) <= 0 <= float(part.conf_high)


# what was not handed in


def test_without_ratings_their_parts_are_left_out_by_name(company, null):
    bare = loyalty.loyal_moves(
        company.table("category_purchases"), brand="Halden", periods=YEARS, macro=company.table("macro")
    )
    found = parts(bare, null)
    assert found.table["part"].tolist() == ["economy", "rest", "difference"]
    left_out = [check for check in found.evidence.checks if check.passed is None]
    assert [check.name for check in left_out] == ["experience and offers known"]
    assert "No ratings of the brands were handed in." in left_out[0].detail


def test_without_an_economy_everything_else_is_the_rest(moves, null):
    found = parts(replace(moves, economy=None), null)
    assert found.table["part"].tolist() == ["experience", "offers", "rest", "difference"]
    rest = found.of("rest")
    assert float(rest.conf_low) <= 0.06 <= float(rest.conf_high)
    assert "economy known" in {check.name for check in found.evidence.checks if check.passed is None}
    with pytest.raises(DesignError, match="no economy was handed in, so there is no scenario"):
        found.scenario(macro=1.0)


def test_one_rating_alone_has_its_own_part(company, moves, null):
    ratings = company.table("competitor_ratings").drop("price")
    half = loyalty.loyal_moves(
        company.table("category_purchases"), brand="Halden", periods=YEARS, ratings=ratings
    )
    found = parts(half, null)
    assert found.table["part"].tolist() == ["experience", "rest", "difference"]
    assert "offers known" in {check.name for check in found.evidence.checks if check.passed is None}


# scenarios


def test_a_scenario_is_the_prediction_at_a_level(taken_apart, fitted):
    level = fitted.levels["economy"].iloc[-1]
    as_it_was = taken_apart.scenario(macro=level)
    calm = taken_apart.scenario(macro=0.0)
    # as it was, the fit predicts what was seen, but for the rest
    seen = taken_apart.years["estimate"].iloc[-1]
    assert float(as_it_was.estimate) == pytest.approx(seen, abs=0.005)
    assert float(calm.conf_low) <= 0 <= float(calm.conf_high)
    part = float(taken_apart.of("economy").estimate)
    # the part is that step, averaged with the step that the gaps leave: a tenth of a point apart
    assert float(as_it_was.estimate - calm.estimate) == pytest.approx(part, abs=0.001)
    levels = np.linspace(*taken_apart.macro_range, 9)
    told = [float(taken_apart.scenario(macro=value).estimate) for value in levels]
    assert (np.diff(told) > 0).all()


def test_the_curve_of_scenarios_is_the_prediction(taken_apart, fitted):
    lost = np.array([0.0, 0.0, 1.0, 1.0])
    for level in np.linspace(*taken_apart.macro_range, 7):
        direct = fitted.fitted.intervals(
            partial(predicted_excess, lost=lost, level=float(level)), conf_level=fitted.conf_level
        )
        # a thousandth of a point would be 1e-5; the curve is smooth, and its polynomial much closer
        np.testing.assert_allclose(
            np.stack(taken_apart.scenario(macro=level)), np.concatenate(direct), rtol=0, atol=1e-8
        )


def test_a_scenario_far_from_what_was_seen_is_refused(taken_apart):
    low, high = taken_apart.macro_range
    for far in (low - 0.1, high + 0.1, float("nan"), None, "1"):
        with pytest.raises(OptionError, match="half the seen range beyond"):
            taken_apart.scenario(macro=far)


@pytest.mark.parametrize("indicator", ["unemployment", "confidence"])
def test_the_unit_of_the_economy_does_not_change_its_part(moves, null, taken_apart, indicator):
    other = parts(moves, null, indicator=indicator)
    # the placebo years differ a little in one indicator and not in the other
    assert float(other.of("economy").estimate) == pytest.approx(
        float(taken_apart.of("economy").estimate), abs=0.003
    )


# words and pictures


def test_nothing_claims_a_cause(fitted, taken_apart):
    for result in (fitted, taken_apart):
        chart = result.chart
        assert chart.grade == "association"
        assert chart.alt_text()
        assert "associat" in result.to_markdown()
        assert result.plot() is not None
    assert "cannot tell the economy from anything else that came with 2025" in taken_apart.narrative()
    assert "people rate better what they buy" in " ".join(fitted.narrative().split())
    assert taken_apart.summary["part"].tolist()[-2:] == ["none of these", "difference"]
    assert list(fitted.summary.columns) == ["term", *FATES[1:]]


def test_a_single_fate_can_be_asked_about(fitted):
    each = [loyalty.decompose(fitted, fate=fate).of("difference").estimate for fate in FATES]
    assert sum(map(float, each)) == pytest.approx(0, abs=1e-12)  # shares add up to one
    both = loyalty.decompose(fitted).of("difference").estimate
    assert float(each[2] + each[3]) == pytest.approx(float(both), abs=1e-12)


def test_a_higher_level_widens_every_interval(fitted, taken_apart):
    wide = loyalty.decompose(fitted, conf_level=0.99).table
    assert (wide["conf_low"] < taken_apart.table["conf_low"]).all()
    assert (wide["conf_high"] > taken_apart.table["conf_high"]).all()


def test_an_estimated_null_adds_its_error(moves, null, fitted):
    exact = loyalty.switching(moves, null=replace(null, draws=None))
    np.testing.assert_allclose(exact.table["estimate"], fitted.table["estimate"])
    assert (exact.table["std_error"] < fitted.table["std_error"]).all()
    assert any("taken as exact" in line for line in exact.evidence.assumptions)


# what is refused


def purchases(company):
    return company.table("category_purchases")


def test_one_transition_is_refused(company):
    with pytest.raises(DesignError, match=r"2 year\(s\) hold one transition at most.*without a placebo"):
        loyalty.loyal_moves(purchases(company), brand="Halden", periods=YEARS[:2])


def test_years_with_a_gap_are_refused(company):
    with pytest.raises(OptionError, match="follow each other without a gap"):
        loyalty.loyal_moves(purchases(company), brand="Halden", periods=[YEARS[0], YEARS[2], YEARS[3]])


@pytest.mark.parametrize(
    ("periods", "told"),
    [
        (None, "periods is None; give a list of years"),
        ("2022", "periods is '2022'; give a list of years"),
        ([("2022-01-01", "2022-12-31"), *YEARS[1:]], r"periods\[0\] is .* give its first and last day"),
    ],
)
def test_what_is_no_list_of_years_is_refused(company, periods, told):
    with pytest.raises(OptionError, match=told):
        loyalty.loyal_moves(purchases(company), brand="Halden", periods=periods)


@pytest.mark.parametrize("brand", [1, None, ["Halden"]])
def test_a_brand_that_is_no_text_is_refused(company, brand):
    with pytest.raises(OptionError, match="give the name of a brand, a text"):
        loyalty.loyal_moves(purchases(company), brand=brand, periods=YEARS)


def test_a_brand_nobody_bought_is_refused(company):
    with pytest.raises(OptionError, match=r"no brand that was bought in these years named 'Haldn'.*'Halden'"):
        loyalty.loyal_moves(purchases(company), brand="Haldn", periods=YEARS)


def test_hardly_anybody_loyal_is_refused(company):
    with pytest.raises(DesignError, match="households are loyal to 'Trewald' in the year before 2023"):
        loyalty.loyal_moves(purchases(company), brand="Trewald", periods=YEARS, least=20, threshold=1.0)


@pytest.mark.parametrize("option", [{"threshold": 0.4}, {"least": 0}])
def test_what_is_no_loyalty_is_refused(company, option):
    with pytest.raises(OptionError):
        loyalty.loyal_moves(purchases(company), brand="Halden", periods=YEARS, **option)


def test_an_economy_that_did_not_move_is_refused(moves, null):
    still = moves.economy.assign(index=1.0, unemployment=5.0)
    for indicator in ("index", "unemployment"):
        with pytest.raises(
            DesignError, match=f"economy .{indicator}. is the same in all of 2023, 2024, 2025"
        ):
            loyalty.switching(replace(moves, economy=still), null=null, indicator=indicator)


def test_an_economy_without_figures_is_refused(company):
    with pytest.raises(ColumnError, match="neither of the columns 'unemployment' and 'confidence'"):
        loyalty.loyal_moves(
            purchases(company), brand="Halden", periods=YEARS, macro=company.table("macro").select("month")
        )


def test_an_economy_of_one_column_is_its_own_index(company, null):
    one = loyalty.loyal_moves(
        purchases(company),
        brand="Halden",
        periods=YEARS,
        macro=company.table("macro").select("month", "confidence"),
    )
    assert list(one.economy.columns) == ["confidence", "index"]
    with pytest.raises(OptionError, match="no indicator in the economy's table named 'unemployment'"):
        loyalty.switching(one, null=null, indicator="unemployment")


def test_too_few_ratings_are_refused(moves, null):
    cells = moves.counts.cells
    few = cells.assign(
        **{gap: cells[gap].where((cells["transition"] != 1) | (cells.index % 20 == 0)) for gap in GAPS}
    )
    thin = replace(moves, counts=replace(moves.counts, cells=few))
    with pytest.raises(DesignError, match="rated it and a rival in the year before 2024, and 30 are needed"):
        loyalty.switching(thin, null=null)


def test_ratings_that_are_all_the_same_are_refused(moves, null):
    cells = moves.counts.cells
    same = cells.assign(experience=cells["experience"].where(cells["experience"].isna(), 0.5))
    flat = replace(moves, counts=replace(moves.counts, cells=same))
    with pytest.raises(DesignError, match="'experience gap' cannot be told apart"):
        loyalty.switching(flat, null=null)


def test_all_of_one_fate_is_refused(moves, null):
    cells = moves.counts.cells.assign(fate=0)
    with pytest.raises(DesignError, match="nobody has the fate 'weakened'"):
        loyalty.switching(replace(moves, counts=replace(moves.counts, cells=cells)), null=null)


def test_a_rating_that_separates_the_fates_is_refused(moves, null):
    cells = moves.counts.cells
    split = np.where(cells["fate"] == 2, -5.0 - cells.index % 3, 5.0 + cells.index % 3)
    apart = cells.assign(experience=split)
    with pytest.raises(DesignError, match="'experience gap' separates the fate 'left for another brand'"):
        loyalty.switching(replace(moves, counts=replace(moves.counts, cells=apart)), null=null)


def test_unknown_options_are_refused(moves, null, fitted, taken_apart):
    with pytest.raises(OptionError, match="no indicator of the economy named 'inflation'"):
        loyalty.switching(moves, null=null, indicator="inflation")
    with pytest.raises(OptionError, match="by its first day named '2022-01-01'"):
        loyalty.switching(moves, null=null, follow_up=date(2022, 1, 1))
    with pytest.raises(OptionError, match="no fate named 'lost'"):
        loyalty.decompose(fitted, fate="lost")
    with pytest.raises(OptionError, match="no part named 'weather'"):
        taken_apart.of("weather")
    with pytest.raises(OptionError, match="conf_level"):
        loyalty.decompose(fitted, conf_level=1.0)
    stranger = loyalty.stated_market(mean=6, shape=1.5, switching=1.2, shares={"ours": 0.1})
    with pytest.raises(OptionError, match="no brand in the stationary market named 'Halden'"):
        loyalty.switching(moves, null=stranger)

"""Excess over the no-change null: the null computed another way, planted worlds with coverage, refusals."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cemlab import loyalty
from cemlab.data import engine
from cemlab.data.panel import PanelCounts
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.loyalty.panels import BrandPanel
from cemlab.simulate.market import panel as market
from cemlab.simulate.streams import Streams
from cemlab.simulate.worlds import world
from cemlab.stats.dirichlet_fates import fate_shares
from cemlab.stats.dirichlet_trend import fates_given_history, loyal_given_purchases

YEARS = [(date(year, 1, 1), date(year, 12, 31)) for year in range(2022, 2026)]
LIGHT = {"mean": 0.8, "shape": 1.0, "switching": 1.2, "shares": {"ours": 0.1}}
HEAVY = {"mean": 6.0, "shape": 1.5, "switching": 1.2, "shares": {"ours": 0.1}}


def yearly(seed, *, n, name="default"):
    """Return purchases of a panel of Halden's market (households, 4 years, 6 brands)."""
    streams = Streams(seed)
    people = market.households(world(name), streams, block=0, first=0, n=n)
    return market.yearly_counts(market.purchases(world(name), streams, people), n=n)


def panel_from(counts, year, brands=market.BRANDS) -> BrandPanel:
    """Return two years of such a panel, counted with pandas."""
    n, rows = counts.sum(axis=2), []
    for code, brand in enumerate(brands):
        x = counts[:, :, code]
        rows.append(
            pd.DataFrame(
                {
                    "brand": brand,
                    "n_base": n[:, year],
                    "x_base": x[:, year],
                    "n_next": n[:, year + 1],
                    "x_next": x[:, year + 1],
                }
            )
        )
    every = pd.concat(rows)

    def cells(frame, *keys):
        return frame.groupby(list(keys)).size().rename("n_households").reset_index()

    bought = rows[0][rows[0][["n_base", "n_next"]].any(axis=1)]
    counted = PanelCounts(
        moves=cells(every[every["x_base"] > 0], *every.columns),
        category=cells(bought, "n_base", "n_next"),
        brands=cells(every[every[["x_base", "x_next"]].any(axis=1)], "brand", "x_base", "x_next"),
        name=market.CATEGORY,
        seen=(YEARS[0][0], YEARS[3][1]),
    )
    return BrandPanel(counts=counted, base=YEARS[year], follow_up=YEARS[year + 1], source="Halden")


@pytest.fixture(scope="module")
def halden():
    return yearly(1, n=6000)


@pytest.fixture(scope="module")
def recession(halden):
    panel = panel_from(halden, 2)
    return panel, loyalty.stationary_market(panel, replications=40)


def gap(result, quantity="excess"):
    return result.of(quantity).iloc[0]


# --- what the null expects of a history, computed another way


def summed(n, x, *, mean, shape, alpha, rest, threshold, least_ahead, length):
    """Return the fates by adding up all numbers of purchases of the next year."""
    speed = length / (shape / mean + 1)
    top = int(stats.nbinom.ppf(1 - 1e-13, shape + n, 1 / (1 + speed))) + 5
    later = np.arange(top + 1)
    chance = stats.nbinom.pmf(later, shape + n, 1 / (1 + speed))
    fates = np.zeros(4)
    for m in later:
        own = stats.betabinom(m, alpha + x, rest + n - x)
        if m < least_ahead:
            fates[3] += chance[m]
            continue
        loyal, none = own.sf(np.ceil(threshold * m - 1e-9) - 1), own.pmf(0)
        fates += chance[m] * np.array([loyal, 1 - loyal - none, none, 0])
    return fates


@pytest.mark.parametrize(
    ("n", "x", "model"),
    [
        (1, 1, {"mean": 0.8, "shape": 1.0, "alpha": 0.12, "rest": 1.08}),
        (10, 7, {"mean": 6.0, "shape": 1.5, "alpha": 0.336, "rest": 0.864}),
        (3, 3, {"mean": 2.0, "shape": 0.1, "alpha": 0.02, "rest": 0.03}),
        (5, 4, {"mean": 3.0, "shape": 0.5, "alpha": 0.5, "rest": 0.5}),
        (120, 90, {"mean": 30.0, "shape": 2.0, "alpha": 3.0, "rest": 5.0}),
    ],
)
@pytest.mark.parametrize(
    ("threshold", "least_ahead", "length"), [(0.7, 1, 1.0), (0.5, 3, 0.5), (1.0, 2, 1.2)]
)
def test_fates_of_a_history_are_those_of_adding_up(n, x, model, threshold, least_ahead, length):
    rule = {"threshold": threshold, "least_ahead": least_ahead, "length": length}
    ours = fates_given_history(n=[n], x=[x], **model, **rule)[0, 0]
    # both leave out tails of about 1e-12
    np.testing.assert_allclose(ours, summed(n, x, **model, **rule), atol=1e-10)


@pytest.mark.parametrize(("least", "threshold"), [(1, 0.7), (3, 0.6)])
def test_histories_add_up_to_what_is_expected_of_all_the_loyal(least, threshold):
    model = {"mean": 2.0, "shape": 1.2, "alpha": 0.4, "rest": 0.9}
    n, x = np.array(
        [(n, x) for n in range(least, 60) for x in range(1, n + 1) if x >= threshold * n - 1e-9]
    ).T
    chance = stats.nbinom.pmf(n, 1.2, 1.2 / 3.2) * stats.betabinom.pmf(x, n, 0.4, 0.9)
    each = fates_given_history(n=n, x=x, **model, threshold=threshold, length=1.1)[0]
    together = fate_shares(**model, least=least, threshold=threshold, length=1.1)
    # of purchases beyond 59 there are fewer than 1e-10
    np.testing.assert_allclose(chance @ each / chance.sum(), together, atol=1e-8)


def test_close_models_are_handled_together():
    n, x = [1, 2, 5, 9], [1, 2, 4, 8]
    parameters = np.array([[6.0, 1.5, 0.336, 0.864], [6.01, 1.51, 0.3363, 0.8652]])
    mean, shape, alpha, rest = parameters.T
    together = fates_given_history(n=n, x=x, mean=mean, shape=shape, alpha=alpha, rest=rest)
    alone = fates_given_history(n=n, x=x, mean=6.01, shape=1.51, alpha=0.3363, rest=0.8652)
    # the nodes of the first model integrate the second well, though not to the last digit
    np.testing.assert_allclose(together[1], alone[0], atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 60),
    part=st.floats(0, 1),
    logs=st.tuples(*[st.floats(-2.5, 2.5)] * 4),
    threshold=st.floats(0.5, 1),
)
def test_chances_are_chances_and_grow_the_way_they_must(n, part, logs, threshold):
    x = round(part * n)
    mean, shape, alpha, rest = np.exp(logs)
    model = {"mean": mean, "shape": shape, "alpha": alpha, "rest": rest}
    short, long = (
        fates_given_history(n=[n], x=[x], **model, threshold=threshold, length=length)[0, 0]
        for length in (0.5, 2.0)
    )
    for fates in (short, long):
        assert fates.sum() == pytest.approx(1)
        assert (fates > -1e-9).all()
    # the longer one waits, the fewer have bought nothing, and nothing of the brand
    assert long[3] <= short[3] + 1e-12
    assert long[2:].sum() <= short[2:].sum() + 1e-9


def test_loyalty_in_a_year_is_a_beta_binomial_tail():
    n = np.arange(1, 40)
    expected = stats.betabinom.sf(np.ceil(0.7 * n - 1e-9) - 1, n, 0.3, 0.9)
    np.testing.assert_allclose(loyal_given_purchases(n=n, alpha=0.3, rest=0.9), expected, atol=1e-10)


@pytest.mark.parametrize(
    "wrong", [{"n": [0]}, {"x": [4]}, {"x": [-1]}, {"mean": 0.0}, {"alpha": -1.0}, {"rest": np.inf}]
)
def test_histories_and_parameters_that_cannot_be_are_refused(wrong):
    right = {"n": [3], "x": [2], "mean": 1.0, "shape": 1.0, "alpha": 0.2, "rest": 1.0}
    with pytest.raises(DataError):
        fates_given_history(**(right | wrong))


# --- the null alone


@pytest.mark.parametrize(
    ("stated", "least", "stayed", "left"),
    [(LIGHT, 1, 0.48, 0.32), (HEAVY, 1, 0.58, 0.10), (HEAVY, 3, 0.64, 0.01)],
)
def test_published_shares_follow_from_the_null_alone(stated, least, stayed, left):
    """They are shares of continuous buyers: of those who bought as often as asked in both years."""
    told = loyalty.stated_market(**stated).fates(brand="ours", least=least, among="buyers")
    estimate = told.set_index("fate")["estimate"]
    # published in whole per cent; 64.5 was cut to 64
    assert abs(estimate["stayed loyal"] - stayed) < 0.0051
    assert abs(estimate["left for another brand"] - left) < 0.0051
    assert (told["conf_low"] == told["estimate"]).all()


def test_a_market_is_taken_from_print():
    shares = dict(zip("abcdefgh", (0.25, 0.19, 0.10, 0.10, 0.09, 0.08, 0.03, 0.02), strict=True))
    bought = dict(zip("abcdefgh", (0.20, 0.17, 0.09, 0.08, 0.08, 0.07, 0.03, 0.02), strict=True))
    null = loyalty.published_market(
        category_penetration=0.56, category_rate=2.6, shares=shares, penetrations=bought
    )
    # Goodhardt, Ehrenberg & Chatfield (1984): M 1.46, K 0.78, S 1.55, printed with two decimals; their S
    # averages brands by hand
    m, k, s = null.table["estimate"]
    assert (round(m, 2), round(k, 2)) == (1.46, 0.78)
    assert abs(s - 1.55) < 0.05
    assert null.brands == (*"abcdefgh", "all others")


def test_simulated_households_do_what_the_null_expects():
    null = loyalty.stated_market(mean=3.0, shape=1.0, switching=1.5, shares={"a": 0.3, "b": 0.4})
    panel = null.simulate(60_000, seed=5)
    assert panel.households == pytest.approx(60_000 * null.model.category_penetration(), rel=0.01)
    for among in ("all", "buyers"):
        seen = loyalty.fates(panel, brand="a", among=among, conf_level=0.9999)
        told = null.fates(brand="a", among=among)["estimate"].to_numpy()
        assert ((seen.table["sim_low"] < told) & (told < seen.table["sim_high"])).all()
    fitted = loyalty.stationary_market(panel, panel_size=60_000, replications=20)
    # five standard errors at this size
    np.testing.assert_allclose(fitted.table["estimate"], [3.0, 1.0, 1.5], rtol=0.05)
    assert fitted.fates(brand="a")["estimate"].to_numpy() == pytest.approx(
        null.fates(brand="a")["estimate"].to_numpy(), abs=0.01
    )


def test_the_same_seed_draws_the_same_panel():
    null = loyalty.stated_market(**LIGHT)
    first, same, other = (null.simulate(500, seed=seed).counts.moves for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, same)
    assert not first.equals(other)


def test_buyers_alone_tell_what_the_whole_panel_tells(halden):
    panel = panel_from(halden, 0)
    truncated = loyalty.stationary_market(panel, replications=20)
    whole = loyalty.stationary_market(panel, panel_size=6000, replications=20)
    assert truncated.zero_truncated
    assert not whole.zero_truncated
    # the market of Halden: M 6, K 1.5, S 1.2; about four standard errors at 6,000 households
    for null in (truncated, whole):
        np.testing.assert_allclose(null.table["estimate"], [6.0, 1.5, 1.2], rtol=0.08)
    assert (truncated.n, whole.n) == (panel.households, 6000)
    inside = truncated.table
    assert ((inside["conf_low"] < inside["estimate"]) & (inside["estimate"] < inside["conf_high"])).all()


# --- planted worlds


def test_the_engine_and_the_truth_count_the_same_fates():
    world_of, streams = world("default"), Streams(3)
    people = market.households(world_of, streams, block=0, first=0, n=800)
    rows = engine.connect().create_table(
        "category_purchases", market.category_purchases(world_of, streams, people)
    )
    counts = market.yearly_counts(market.purchases(world_of, streams, people), n=800)
    panel = loyalty.panel(rows, base=YEARS[2], follow_up=YEARS[3])
    for brand in (0, 2):
        codes = market.fates(counts, year=2, brand=brand)
        seen = loyalty.fates(panel, brand=market.BRANDS[brand]).table["n"]
        assert seen.tolist() == np.bincount(codes[codes >= 0], minlength=4).tolist()
    pd.testing.assert_frame_equal(
        panel.counts.moves, panel_from(counts, 2).counts.moves, check_dtype=False, check_column_type=False
    )


def covered(name, year, truth, seeds):
    found = []
    for seed in seeds:
        counts = yearly(seed, n=2500, name=name)
        # all rivals as one: the shares of sums of brands are Dirichlet distributed too
        two = np.stack([counts[:, :, 0], counts[:, :, 1:].sum(axis=2)], axis=2)
        panel = panel_from(two, year, ("Halden", "rivals"))
        null = loyalty.stationary_market(panel, replications=20, seed=seed)
        found.append(gap(loyalty.excess(panel, null=null, brand="Halden")))
    table = pd.DataFrame(found)
    return table["estimate"], ((table["conf_low"] <= truth) & (truth <= table["conf_high"])).sum()


@pytest.mark.parametrize(
    ("name", "year", "truth"),
    [("default", 0, 0.0), ("default", 2, 0.06), ("stationary", 2, 0.0)],
)
def test_the_planted_excess_is_recovered(name, year, truth):
    estimates, inside = covered(name, year, truth, range(10, 34))
    # of 24 intervals at 95 %, fewer than 20 hold the truth once in 170 cases
    assert inside >= 20
    # three standard errors of the mean
    assert abs(estimates.mean() - truth) < 3 * estimates.std() / np.sqrt(len(estimates))


def test_intervals_hold_in_a_stationary_market():
    null = loyalty.stated_market(mean=2.0, shape=0.8, switching=1.0, shares={"a": 0.3})
    found = []
    for seed in range(100):
        panel = null.simulate(700, seed=seed)
        fitted = loyalty.stationary_market(panel, replications=20, seed=seed)
        found.append(gap(loyalty.excess(panel, null=fitted, brand="a")))
    table = pd.DataFrame(found)
    inside = ((table["conf_low"] <= 0) & (table["conf_high"] >= 0)).mean()
    # 95 ± 3 standard errors of 2.2 points, and not far too wide: the spread is what the interval says, within
    # the 7 % standard error of a spread seen in 100 replications, times three
    assert inside >= 0.885
    told = (table["conf_high"] - table["conf_low"]).mean() / 3.92
    assert table["estimate"].std() == pytest.approx(told, rel=0.22)


def test_the_error_of_the_null_is_that_of_its_draws(recession):
    panel, null = recession
    cells = panel.loyal("Halden", threshold=0.7, least=1)
    drawn = [
        np.average(
            fates_given_history(
                n=cells["n_base"], x=cells["x_base"], mean=m, shape=k, alpha=own[0], rest=own[1:].sum()
            )[0, :, 2:].sum(axis=1),
            weights=cells["n_households"],
        )
        for m, k, own in zip(null.draws.mean, null.draws.shape, null.draws.alphas, strict=True)
    ]
    expected = gap(loyalty.excess(panel, null=null, brand="Halden"), "expected")
    half = (expected["conf_high"] - expected["conf_low"]) / 2 / 1.96
    # the delta method's error is of second order: a few per cent of a small spread
    assert half == pytest.approx(np.std(drawn, ddof=1), rel=0.05)


# --- what is counted


def test_excess_is_observed_minus_expected_for_every_fate(recession):
    panel, null = recession
    for among, fates in (("all", loyalty.fates(panel).table["fate"].unique()), ("buyers", ["weakened"])):
        for fate in fates:
            result = loyalty.excess(panel, null=null, fate=fate, among=among)
            parts = [result.of(q)["estimate"] for q in ("observed", "expected", "excess")]
            np.testing.assert_allclose(parts[0] - parts[1], parts[2], atol=1e-12)
            seen = loyalty.fates(panel, among=among).table
            assert parts[0].tolist() == seen.loc[seen["fate"] == fate, "estimate"].tolist()
            assert (result.table["conf_low"] <= result.table["estimate"]).all()
            assert (result.table["estimate"] <= result.table["conf_high"]).all()


def test_expected_shares_of_the_fates_add_up(recession):
    panel, null = recession
    for among, fates in (
        ("all", ("stayed loyal", "weakened", "fully defected")),
        ("buyers", ("stayed loyal", "weakened", "left for another brand")),
    ):
        parts = [
            gap(loyalty.excess(panel, null=null, brand="Kerrin", fate=fate, among=among, least=2), "expected")
            for fate in fates
        ]
        assert sum(part["estimate"] for part in parts) == pytest.approx(1)


def test_leaving_out_the_small_changes_the_answer_and_not_the_panel(recession):
    panel, null = recession
    before = panel.counts.moves.copy()
    all_of_them, heavier = (gap(loyalty.excess(panel, null=null, brand="Halden", least=n)) for n in (1, 4))
    assert heavier["n_loyal"] < all_of_them["n_loyal"]
    pd.testing.assert_frame_equal(panel.counts.moves, before)


def test_a_null_fitted_to_a_year_serves_half_a_year():
    null = loyalty.stated_market(mean=4.0, shape=1.0, switching=1.0, shares={"a": 0.4})
    half = replace(
        null, base=(date(2001, 1, 1), date(2001, 7, 2)), follow_up=(date(2001, 7, 3), date(2001, 12, 31))
    )
    twice = replace(half, model=replace(half.model, mean=2.0))
    panel = twice.simulate(5000, seed=1)
    # half of the year has 183 days: the null of the year is asked for 183 / 365 of its purchases
    exact = replace(twice, model=replace(half.model, mean=4.0 * 183 / 365))
    ours, theirs = (gap(loyalty.excess(panel, null=n, brand="a"), "expected") for n in (null, exact))
    assert ours["estimate"] == pytest.approx(theirs["estimate"], abs=1e-12)


def test_a_longer_follow_up_lets_fewer_be_gone_and_a_duller_market_more(recession):
    panel, null = recession
    usual, duller = (
        gap(loyalty.excess(panel, null=null, brand="Halden", market_change=c), "expected")["estimate"]
        for c in (1.0, 0.8)
    )
    longer = replace(panel, follow_up=(YEARS[3][0], date(2026, 6, 30)))
    assert gap(loyalty.excess(longer, null=null, brand="Halden"), "expected")["estimate"] < usual < duller


def test_a_market_that_grew_is_told_and_can_be_taken_as_seen(halden):
    grown = halden.copy()
    grown[:, 1] *= 2
    panel = panel_from(grown, 0)
    null = loyalty.stationary_market(panel, replications=20)
    assumed = loyalty.excess(panel, null=null, brand="Halden")
    assert "liveliness of the follow-up" in [check.name for check in assumed.evidence.failed]
    seen = loyalty.excess(panel, null=null, brand="Halden", market_change="seen")
    assert seen.market_change == pytest.approx(2, rel=0.02)
    assert not [check for check in seen.evidence.failed if check.name == "liveliness of the follow-up"]
    assert "in a category bought" in seen.narrative()


# --- what is said


def test_the_board_hears_observed_expected_and_excess(recession):
    panel, null = recession
    result = loyalty.excess(panel, null=null, brand="Halden")
    told = result.narrative()
    observed, expected = (100 * gap(result, q)["estimate"] for q in ("observed", "expected"))
    assert (
        f"Of 100 households loyal to Halden (at least 70 % of the category purchases), {observed:.0f}" in told
    )
    assert f"{expected:.0f} would have been if nobody's loyalty had changed" in told
    assert "more than chance alone would show" in told
    assert result.chart.kind == "bar"
    assert list(result.chart.frame["quantity"]) == ["observed", "if nobody's loyalty had changed", "excess"]
    assert result.evidence.grade == "descriptive"
    assert not result.evidence.failed
    assert "Excess" in result.to_markdown()


def test_no_change_is_called_compatible_with_none(halden):
    panel = panel_from(halden, 0)
    null = loyalty.stationary_market(panel, replications=20)
    result = loyalty.excess(panel, null=null)
    assert "compatible with no change at all" in loyalty.excess(panel, null=null, brand="Halden").narrative()
    assert len(result.brands) == len(market.BRANDS)
    assert result.chart.group == "quantity"
    assert list(result.summary.columns) == ["brand", "n_loyal", "observed", "expected", "excess"]


def test_fewer_than_expected_are_told():
    null = loyalty.stated_market(mean=3.0, shape=1.0, switching=1.0, shares={"a": 0.5})
    panel = null.simulate(3000, seed=1)
    sticky = panel.counts.moves.assign(n_next=9, x_next=9)
    panel = replace(panel, counts=replace(panel.counts, moves=sticky))
    result = loyalty.excess(panel, null=null, brand="a")
    assert "less than chance alone would show" in result.narrative()
    assert "taken as exact" in " ".join(result.evidence.assumptions)
    assert result.narrative().startswith("In a simulated panel")


def test_a_null_that_does_not_fit_is_told(halden):
    other = halden.copy()
    # half of the households become sole buyers of whatever they buy: no Dirichlet has both kinds
    half = other[: len(other) // 2]
    half[:, :, 0], half[:, :, 1:] = half.sum(axis=2), 0
    panel = panel_from(other, 0)
    null = loyalty.stationary_market(panel, replications=20)
    assert loyalty.excess(panel, null=null, brand="Nordhem").evidence.failed


def test_few_loyal_get_a_wide_interval_and_a_word():
    null = loyalty.stated_market(**HEAVY)
    panel = null.simulate(150, seed=2)
    result = loyalty.excess(panel, null=loyalty.stationary_market(panel, replications=20), brand="ours")
    assert gap(result)["n_loyal"] < 30
    assert gap(result)["conf_high"] - gap(result)["conf_low"] > 0.25
    assert "enough loyal households" in [check.name for check in result.evidence.failed]


# --- what is refused


def test_three_customers_are_no_market():
    panel = loyalty.stated_market(**HEAVY).simulate(3, seed=1)
    with pytest.raises(DesignError, match=r"3 households bought from .* at least 30"):
        loyalty.stationary_market(panel)


def test_a_base_year_of_one_brand_is_no_market(halden):
    alone = halden[:300].copy()
    alone[:, 0, 0], alone[:, 0, 1:] = alone[:, 0].sum(axis=1), 0
    with pytest.raises(DesignError, match="only 'Halden' was bought in the base period"):
        loyalty.stationary_market(panel_from(alone, 0))


def test_a_market_of_one_brand_is_none():
    with pytest.raises(DesignError, match="one brand, 'a'"):
        loyalty.stated_market(mean=1.0, shape=1.0, switching=1.0, shares={"a": 1.0})


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"replications": 19}, "needs at least 20"),
        ({"panel_size": 10}, "panel_size is 10"),
    ],
)
def test_a_null_that_cannot_be_fitted_so_is_refused(recession, options, line):
    with pytest.raises(OptionError, match=line):
        loyalty.stationary_market(recession[0], **options)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"brand": "Halded"}, "did you mean 'Halden'"),
        ({"threshold": 0.4}, "threshold is 0.4"),
        ({"least": 0}, "least is 0"),
        ({"fate": "lapsed"}, "no fate named 'lapsed'"),
        ({"among": "some"}, "no kind of loyal households named 'some'"),
        ({"fate": "left the category", "among": "buyers"}, "leaves out who left the category"),
        ({"market_change": 0.0}, "market_change is 0.0"),
        ({"market_change": "guessed"}, "market_change is 'guessed'"),
        ({"conf_level": 95}, "conf_level is 95"),
    ],
)
def test_options_that_cannot_be_are_refused(recession, options, line):
    panel, null = recession
    with pytest.raises(OptionError, match=line):
        loyalty.excess(panel, null=null, **options)


def test_a_brand_that_the_null_does_not_know_is_refused(recession):
    with pytest.raises(OptionError, match="no brand in the stationary market named 'Halden'"):
        loyalty.excess(recession[0], null=loyalty.stated_market(**HEAVY), brand="Halden")


def test_what_is_no_market_is_refused(recession):
    with pytest.raises(OptionError, match="null is NoneType; give a market"):
        loyalty.excess(recession[0], null=None, brand="Halden")


@pytest.mark.parametrize("brand", [1, ["Halden"]])
def test_a_brand_that_is_no_text_is_refused(recession, brand):
    with pytest.raises(OptionError, match="no brand bought in the base period named"):
        loyalty.fates(recession[0], brand=brand)


def test_nobody_loyal_is_refused(recession):
    panel, null = recession
    with pytest.raises(DesignError, match="nobody is loyal to 'Halden'"):
        loyalty.excess(panel, null=null, brand="Halden", least=10_000)


def test_print_that_does_not_fit_together_is_refused():
    figures = {"category_penetration": 0.56, "category_rate": 2.6}
    with pytest.raises(DataError, match=r"only in one of them: \['b'\]"):
        loyalty.published_market(**figures, shares={"a": 0.2, "b": 0.1}, penetrations={"a": 0.17})
    with pytest.raises(DataError, match="'all others' is among the brands"):
        loyalty.stated_market(mean=1, shape=1, switching=1, shares={"a": 0.2, "all others": 0.2})


def test_nothing_is_simulated_for_nobody():
    null = loyalty.stated_market(**LIGHT)
    with pytest.raises(OptionError, match="households is 0"):
        null.simulate(0, seed=1)
    with pytest.raises(DesignError, match="simulate more of them"):
        null.simulate(1, seed=1)
    with pytest.raises(OptionError, match="no brand in the stationary market named 'theirs'"):
        null.fates(brand="theirs")

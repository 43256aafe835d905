"""The measures of a stationary market and the classical way to fit it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.dirichlet import Dirichlet, classical_fit, purchase_chances

REFERENCE = json.loads((Path(__file__).parent / "reference" / "dirichlet.json").read_text())

# Goodhardt, Ehrenberg & Chatfield (1984), section 3: toothpaste in Britain, first quarter of 1973.
SHARES = np.array([0.25, 0.19, 0.10, 0.10, 0.09, 0.08, 0.03, 0.02])
PENETRATIONS = np.array([0.20, 0.17, 0.09, 0.08, 0.08, 0.07, 0.03, 0.02])

# The documentation of the R package NBDdirichlet prints for these data M 1.456, K 0.78, S 1.55, and, with the
# S of 1.2953 at which its later versions arrive by leaving out two brands' S, tables to two decimals.
PRINTED_S = 1.29527957011121
PRINTED = {
    "penetration": [0.20, 0.16, 0.09, 0.09, 0.08, 0.07, 0.03, 0.02],
    "purchase_rate": [1.82, 1.76, 1.68, 1.68, 1.67, 1.66, 1.62, 1.61],
    "category_rate": [3.16, 3.22, 3.30, 3.30, 3.31, 3.32, 3.37, 3.38],
}

markets = st.builds(
    lambda mean, shape, switching, weights: Dirichlet(
        mean=mean, shape=shape, switching=switching, shares=np.array(weights) / sum(weights)
    ),
    mean=st.floats(0.05, 12.0),
    shape=st.floats(0.2, 20.0),
    switching=st.floats(0.1, 20.0),
    weights=st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
)


def toothpaste() -> Dirichlet:
    return classical_fit(
        category_penetration=0.56, category_rate=2.6, shares=SHARES, penetrations=PENETRATIONS
    )


def test_toothpaste_parameters_are_the_published_ones():
    market = toothpaste()
    # Published to the third and second decimal.
    assert market.mean == pytest.approx(1.456, abs=5e-4)
    assert market.shape == pytest.approx(0.78, abs=5e-3)
    assert market.switching == pytest.approx(1.55, abs=5e-3)


def test_toothpaste_meets_the_figures_it_was_fitted_to():
    market = toothpaste()
    assert market.category_penetration() == pytest.approx(0.56, rel=1e-10)  # what K is solved for
    assert market.category_purchase_rate() == pytest.approx(2.6, rel=1e-10)
    # One S serves eight brands, whose penetrations are themselves rounded to a percentage point.
    np.testing.assert_allclose(market.penetration(), PENETRATIONS, atol=0.0101)


@pytest.mark.parametrize("measure", PRINTED)
def test_toothpaste_tables_are_the_printed_ones(measure):
    market = Dirichlet(mean=1.456, shape=0.778802679700109, switching=PRINTED_S, shares=SHARES)
    np.testing.assert_allclose(getattr(market, measure)(), PRINTED[measure], atol=0.0051)  # two decimals


def test_toothpaste_duplication_is_the_printed_one():
    market = Dirichlet(mean=1.456, shape=0.778802679700109, switching=PRINTED_S, shares=SHARES)
    # What the buyers of the second brand also buy.
    printed = [0.24, 1.0, 0.10, 0.10, 0.09, 0.08, 0.03, 0.02]
    np.testing.assert_allclose(market.duplication()[1], printed, atol=0.0051)


def test_every_measure_agrees_with_the_sum_over_all_combinations():
    market = Dirichlet(mean=1.456, shape=0.7788, switching=1.55, shares=np.array([0.25, 0.19, 0.1]))
    ours = [
        market.penetration(),
        market.purchase_rate(),
        market.category_rate(),
        market.once_only(),
        market.sole_buyers(),
        market.sole_rate(),
        market.repeat_buyers(),
        market.repeat_rate(),
    ]
    # The sums of the reference end where less than 1e-10 is left.
    np.testing.assert_allclose(np.transpose(ours), REFERENCE["measures"], rtol=1e-9)
    np.testing.assert_allclose(market.share_of_requirements(), ours[1] / ours[2], rtol=1e-12)


def test_measures_are_those_of_simulated_households():
    market = Dirichlet(mean=2.0, shape=0.9, switching=1.3, shares=np.array([0.5, 0.3, 0.2]))
    rng = np.random.default_rng(4)
    size, length = 400_000, 1.5
    rate = rng.gamma(0.9, 2.0 / 0.9, size) * length
    share = rng.dirichlet(market.alphas, size)
    now, later = (rng.poisson(rate[:, None] * share) for _ in range(2))
    buys, total = now > 0, now.sum(axis=1)

    def close(simulated, expected, rows):
        # four and a half standard errors: one run in 150,000 for each of the figures
        error = simulated.std(axis=0) / np.sqrt(rows)
        assert (np.abs(simulated.mean(axis=0) - expected) < 4.5 * error).all()

    close(buys, market.penetration(length), size)
    close(total > 0, market.category_penetration(length), size)
    for j in range(3):
        mine = buys[:, j]
        bought, again = now[mine, j], mine & (later[:, j] > 0)
        n = mine.sum()
        close(bought, market.purchase_rate(length)[j], n)
        close(total[mine], market.category_rate(length)[j], n)
        close(bought == 1, market.once_only(length)[j], n)
        close(bought == total[mine], market.sole_buyers(length)[j], n)
        close(later[mine, j] > 0, market.repeat_buyers(length)[j], n)
        close(later[again, j], market.repeat_rate(length)[j], again.sum())
        sole = mine & (now[:, j] == total)
        close(now[sole, j], market.sole_rate(length)[j], sole.sum())
        others = np.arange(3) != j
        close(buys[mine][:, others], market.duplication(length)[j, others], n)


def test_households_with_one_brand_for_life_are_the_limit_of_no_switching():
    market = Dirichlet(mean=1.5, shape=0.8, switching=1e-9, shares=np.array([0.6, 0.3]))
    # Every buyer of the brand is a category buyer with that brand alone; the error is of the order of S.
    np.testing.assert_allclose(market.penetration(), market.category_penetration() * market.shares, rtol=1e-7)
    np.testing.assert_allclose(market.sole_buyers(), 1.0, rtol=1e-7)
    np.testing.assert_allclose(market.purchase_rate(), market.category_purchase_rate(), rtol=1e-7)
    assert market.duplication()[0, 1] == pytest.approx(0.0, abs=1e-7)


def test_all_households_alike_are_the_limit_of_full_switching():
    market = Dirichlet(mean=1.5, shape=0.8, switching=1e9, shares=np.array([0.6, 0.3]))
    # Each brand is then an NBD of its own with the same K; the error is of the order of 1 / S.
    never = (1.0 + 1.5 * market.shares / 0.8) ** -0.8
    np.testing.assert_allclose(market.penetration(), 1.0 - never, rtol=1e-7)
    once = 1.5 * market.shares * (1.0 + 1.5 * market.shares / 0.8) ** -1.8
    np.testing.assert_allclose(market.once_only(), once / (1.0 - never), rtol=1e-7)


def test_one_brand_is_the_whole_category():
    market = Dirichlet(mean=1.5, shape=1.0, switching=2.0, shares=np.array([1.0]))
    # With K = 1 purchases are geometric: a share 1.5 / 2.5 buys, at 2.5 purchases each.
    assert market.penetration() == pytest.approx([0.6], rel=1e-12)
    assert market.purchase_rate() == pytest.approx([2.5], rel=1e-12)
    assert market.once_only() == pytest.approx([0.4], rel=1e-12)
    assert market.share_of_requirements() == pytest.approx([1.0], rel=1e-12)
    assert market.sole_buyers() == pytest.approx([1.0], rel=1e-12)
    # nobody buys in two periods: 1 / 4; so 1 - 2 · 0.4 + 0.25 of the 0.6 come back
    assert market.repeat_buyers() == pytest.approx([0.75], rel=1e-12)


def test_purchases_are_negative_binomial_and_add_up():
    from scipy import stats

    for mean, shape in [(1.456, 0.7788), (40.0, 0.3), (0.01, 50.0), (3.0, 1e6)]:
        n, chance = purchase_chances(mean, shape)
        # Sums of up to thousands of logarithms lose a few digits; K of a million costs six of sixteen.
        np.testing.assert_allclose(chance, stats.nbinom.pmf(n, shape, shape / (shape + mean)), rtol=1e-8)
        assert chance.sum() == pytest.approx(1.0, abs=1e-10)


@given(market=markets, length=st.floats(0.25, 4.0))
def test_figures_of_one_market_fit_each_other(market, length):
    penetration, duplication = market.penetration(length), market.duplication(length)
    tolerance = 1e-9  # of sums of chances, after a division by a penetration of at least 0.1 %
    assert (penetration > 0).all()
    assert (penetration < market.category_penetration(length) + tolerance).all()
    # buyers of both brands are the same households from either side
    both = duplication * penetration[:, None]
    np.testing.assert_allclose(both, both.T, atol=tolerance)
    assert (duplication >= -tolerance).all()
    assert (duplication <= 1.0 + tolerance).all()
    # purchases of all brands are the category's
    bought = penetration * market.purchase_rate(length)
    assert bought.sum() == pytest.approx(market.mean * length, rel=1e-9)
    for share in (market.sole_buyers(length), market.repeat_buyers(length), market.once_only(length)):
        assert (share > 0).all()
        assert (share <= 1.0 + tolerance).all()
    # who bought once or more in each of two periods takes at least one, and larger brands are bought more
    assert (market.repeat_rate(length) >= 1.0 - tolerance).all()
    order = np.argsort(market.shares)
    for rising in (penetration, market.purchase_rate(length), market.repeat_buyers(length)):
        assert (np.diff(rising[order]) >= -tolerance).all(), "double jeopardy"


@given(market=markets)
def test_the_classical_fit_finds_the_market_behind_exact_figures(market):
    found = classical_fit(
        category_penetration=market.category_penetration(),
        category_rate=market.category_purchase_rate(),
        shares=market.shares,
        penetrations=market.penetration(),
    )
    # Penetrations that hardly move with K or S carry those only to a few digits.
    assert found.mean == pytest.approx(market.mean, rel=1e-9)
    assert found.shape == pytest.approx(market.shape, rel=1e-4)
    assert found.switching == pytest.approx(market.switching, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"mean": 0.0}, OptionError, "mean is 0.0"),
        ({"shape": np.inf}, OptionError, "shape is inf"),
        ({"switching": "1"}, OptionError, "switching is '1'"),
        ({"mean": True}, OptionError, "mean is True"),
        ({"shares": np.array([0.7, 0.4])}, OptionError, r"shares of 2 brands add up to 1\.1"),
        ({"shares": np.array([])}, OptionError, "at least one"),
        ({"shares": np.array([0.5, -0.1])}, DataError, r"shares\[1\] is -0\.1"),
    ],
)
def test_what_is_no_market_is_refused(wrong, error, words):
    parameters = {"mean": 1.0, "shape": 1.0, "switching": 1.0, "shares": np.array([0.5, 0.5])} | wrong
    with pytest.raises(error, match=words):
        Dirichlet(**parameters)


def test_periods_and_sums_out_of_range_are_refused():
    market = Dirichlet(mean=1.0, shape=1.0, switching=1.0, shares=np.array([0.5]))
    with pytest.raises(OptionError, match="length is -1"):
        market.penetration(length=-1)
    with pytest.raises(OptionError, match="take a shorter period"):
        market.penetration(length=1e6)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"category_penetration": 1.0}, DataError, "category_penetration is 1.0"),
        ({"category_rate": 1.0}, DataError, "so it is above 1"),
        ({"penetrations": [0.2]}, DataError, "2 shares and 1 penetrations"),
        ({"shares": [0.7, 0.4]}, DataError, r"add up to 1\.1"),
        ({"penetrations": [0.2, np.nan]}, DataError, r"penetrations\[1\] is nan"),
        # with a mean of 0.9 no more than 1 - exp(-0.9) = 59 % buy, if all have the same rate
        ({"category_penetration": 0.6, "category_rate": 1.5}, DesignError, "K has no value"),
        # no more than all category buyers of that brand, no fewer than its share of them
        ({"penetrations": [0.2, 0.05]}, DesignError, "all its buyers loyal"),
        ({"penetrations": [0.2, 0.5]}, DesignError, "all households alike"),
    ],
)
def test_reports_that_cannot_be_are_refused(wrong, error, words):
    report = {
        "category_penetration": 0.56,
        "category_rate": 2.6,
        "shares": [0.25, 0.19],
        "penetrations": [0.2, 0.17],
    } | wrong
    with pytest.raises(error, match=words):
        classical_fit(**report)

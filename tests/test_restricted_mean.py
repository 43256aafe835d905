"""Kaplan–Meier, restricted means and quantiles agree with R's survfit, and with areas by hand."""

import numpy as np
import pytest

from cemlab.errors import DesignError, OptionError
from cemlab.stats.lifetable import life_table
from cemlab.stats.restricted_mean import difference_of_means, quantiles, ratio_of_means, restricted_mean
from tests.curve_reference import SETS, spells, values


def table_of(name):
    cells = spells(name)
    return life_table(cells["duration"], event=cells["cause"] > 0, n=cells["n"], entry=cells["entry"])


@pytest.mark.parametrize("name", SETS)
def test_curve_agrees_with_survfit(name):
    ours, theirs = table_of(name), values(name)["km"]
    np.testing.assert_allclose(ours.time, theirs["time"], rtol=1e-12)
    np.testing.assert_array_equal(ours.at_risk, theirs["at_risk"])
    np.testing.assert_array_equal(ours.events, theirs["events"])
    np.testing.assert_allclose(ours.survival, theirs["survival"], rtol=1e-10, atol=1e-15)
    inside = (ours.survival > 0) & (ours.survival < 1)  # elsewhere R gives no interval
    np.testing.assert_allclose(
        ours.std_error[inside] / ours.survival[inside], theirs["relative_error"][inside], rtol=1e-10
    )
    np.testing.assert_allclose(ours.conf_low[inside], theirs["low"][inside], rtol=1e-8)
    np.testing.assert_allclose(ours.conf_high[inside], theirs["high"][inside], rtol=1e-8)


@pytest.mark.parametrize("name", SETS)
def test_restricted_mean_agrees_with_survfit(name):
    theirs = values(name)["km"]
    ours = restricted_mean(table_of(name), horizon=float(theirs["horizon"][0]))
    np.testing.assert_allclose(ours.estimate, theirs["mean"][0], rtol=1e-10)
    np.testing.assert_allclose(ours.std_error, theirs["mean_error"][0], rtol=1e-10)


@pytest.mark.parametrize("name", SETS)
def test_quantiles_agree_with_survfit(name):
    ours, theirs = quantiles(table_of(name), [0.1, 0.25, 0.5, 0.75]), values(name)["km"]
    for mine, key in zip(ours, ("quantile", "quantile_low", "quantile_high"), strict=True):
        # what R calls missing was not seen, which is infinity
        np.testing.assert_allclose(mine, np.nan_to_num(theirs[key], nan=np.inf), rtol=1e-12)


def test_areas_by_hand():
    # 4 at 1, 2 of 4 leave at 2, horizon 5: 2 + 3 / 2; the variance 3² · (1/2)² · 2 / (4 · 2)
    mean = restricted_mean(life_table([2, 9], event=[1, 0], n=[2, 2]), horizon=5)
    assert mean.estimate == pytest.approx(3.5, rel=1e-15)
    assert mean.std_error**2 == pytest.approx(1.5**2 * 2 / 8, rel=1e-12)
    assert 0 < mean.conf_low < 3.5 < mean.conf_high < 5


def test_nobody_left_before_the_horizon():
    mean = restricted_mean(life_table([2, 9], event=[1, 0], n=[2, 2]), horizon=1.5)
    assert (mean.estimate, mean.std_error, mean.conf_low, mean.conf_high) == (1.5, 0, 1.5, 1.5)


def test_a_level_curve_has_its_quantile_in_the_middle():
    table = life_table([1, 2, 3, 4], event=[1, 1, 1, 0], n=[1, 1, 1, 1])
    np.testing.assert_array_equal(quantiles(table, [0.5, 0.6, 0.9]).estimate, [2.5, 3, np.inf])


def test_intervals_cover_the_planted_mean_median_and_difference():
    rng = np.random.default_rng(8)
    true_mean, true_median = 20 * (1 - np.exp(-1.2)), 20 * np.log(2)
    covered = np.zeros(3)
    for _ in range(400):
        found = []
        for scale in (20, 30):
            lived, watched = rng.exponential(scale, 150), rng.uniform(25, 60, 150)
            table = life_table(np.minimum(lived, watched), event=lived <= watched, n=np.ones(150, dtype=int))
            found.append((table, restricted_mean(table, horizon=24)))
        table, mean = found[0]
        at = quantiles(table, [0.5])
        gap = difference_of_means(found[1][1], mean)
        true_gap = 30 * (1 - np.exp(-0.8)) - true_mean
        covered += [
            mean.conf_low <= true_mean <= mean.conf_high,
            at.conf_low[0] <= true_median <= at.conf_high[0],
            gap[2] <= true_gap <= gap[3],
        ]
    # 380 expected of each, standard deviation 4.4; four of them either way
    assert ((covered >= 362) & (covered <= 398)).all(), covered


def test_difference_and_ratio_by_hand():
    one = restricted_mean(life_table([2, 9], event=[1, 0], n=[2, 2]), horizon=5)
    other = restricted_mean(life_table([1, 9], event=[1, 0], n=[2, 2]), horizon=5)
    estimate, error, low, high = difference_of_means(one, other)
    assert estimate == pytest.approx(0.5, rel=1e-12)
    assert error**2 == pytest.approx(one.std_error**2 + other.std_error**2, rel=1e-12)
    assert (low + high) / 2 == pytest.approx(0.5, rel=1e-9)
    ratio, _, low, high = ratio_of_means(one, other)
    assert ratio == pytest.approx(3.5 / 3, rel=1e-12)
    assert low * high == pytest.approx(ratio**2, rel=1e-12)


def test_refusals():
    table = life_table([2, 9], event=[1, 0], n=[2, 2])
    with pytest.raises(DesignError, match="known up to 9 only, and the horizon is 12"):
        restricted_mean(table, horizon=12)
    with pytest.raises(OptionError, match="horizon is 0"):
        restricted_mean(table, horizon=0)
    with pytest.raises(OptionError, match="one horizon"):
        difference_of_means(restricted_mean(table, horizon=3), restricted_mean(table, horizon=4))
    with pytest.raises(OptionError, match="between 0 and 1"):
        quantiles(table, [1.0])
    empty = restricted_mean(life_table([0, 9], event=[1, 0], n=[2, 0]), horizon=5)
    with pytest.raises(DesignError, match="no ratio of means"):
        ratio_of_means(empty, restricted_mean(table, horizon=5))


def test_after_everybody_left_the_mean_is_known_for_any_horizon():
    table = life_table([2, 4], event=[1, 1], n=[2, 2])
    assert restricted_mean(table, horizon=10).estimate == pytest.approx(3, rel=1e-15)

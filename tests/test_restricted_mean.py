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
    assert 0 <= mean.conf_low < 3.5 < mean.conf_high < 5


def test_nobody_left_before_the_horizon_is_not_told_as_certainty():
    mean = restricted_mean(life_table([12], event=[0], n=[60]), horizon=12)
    assert (mean.estimate, mean.std_error, mean.conf_high) == (12, 0, 12)
    # no event of weight 12 / 60: a gamma of shape 1, which is exponential, of mean 12 / 60
    assert mean.conf_low == pytest.approx(12 + np.log(0.025) * 12 / 60, rel=1e-12)
    # and so no higher than if as many left at once as the exact bound for none of 60 allows
    assert mean.conf_low <= 12 * 0.025 ** (1 / 60)


def test_the_bound_rests_on_those_who_were_watched():
    # 10 are watched until 100 more enter at 5: one more that left at once would cost 12 / 10
    table = life_table([24, 24], event=[0, 0], n=[10, 100], entry=[0, 5])
    assert restricted_mean(table, horizon=12).conf_low == pytest.approx(12 + np.log(0.025) * 1.2, rel=1e-12)


def test_everybody_left_at_one_moment_is_not_told_as_certainty():
    mean = restricted_mean(life_table([3], event=[1], n=[50]), horizon=12)
    assert (mean.estimate, mean.std_error) == (3, 0)
    # the exact bound of those who stay, none of 50 having done so, times the 9 that are left
    assert mean.conf_high == pytest.approx(3 + 9 * (1 - 0.025 ** (1 / 50)), rel=1e-12)
    assert mean.conf_low == pytest.approx(3 * 0.025 ** (1 / 50), rel=1e-12)


def test_intervals_cover_where_few_leave():
    rng = np.random.default_rng(31)
    rates = np.array([0.002, 0.004])
    truth = (1 - np.exp(-12 * rates)) / rates
    covered, width = np.zeros(4), []
    for _ in range(600):
        means = []
        for rate in rates:
            lived = rng.exponential(1 / rate, 60)
            table = life_table(np.minimum(lived, 24), event=lived <= 24, n=np.ones(60, dtype=int))
            means.append(restricted_mean(table, horizon=12))
        gap, ratio = difference_of_means(means[1], means[0]), ratio_of_means(means[1], means[0])
        ends = [*((m.conf_low, m.conf_high) for m in means), gap[2:], ratio[2:]]
        wanted = [*truth, truth[1] - truth[0], truth[1] / truth[0]]
        covered += [low <= value <= high for (low, high), value in zip(ends, wanted, strict=True)]
        width += [high - low for low, high in ends]
    # at least 95 % but for chance, whose standard deviation is 0.9 %; no interval without a width
    assert (covered / 600 >= 0.925).all(), covered
    assert min(width) > 0


def test_many_that_leave_have_the_interval_of_the_logit_scale():
    table = life_table([2, 9], event=[1, 0], n=[200_000, 200_000])
    mean = restricted_mean(table, horizon=5)
    odds, reach = np.log(3.5 / 1.5), 1.959963984540054 * mean.std_error * 5 / (3.5 * 1.5)
    ends = [5 / (1 + np.exp(-(odds + side))) for side in (-reach, reach)]
    # one more departure, in 400,000, is a hundredth of the interval's width
    np.testing.assert_allclose([mean.conf_low, mean.conf_high], ends, atol=0.02 * (ends[1] - ends[0]))


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
    # Zou & Donner 2008: each end as far off as the means' own ends together
    assert 0.5 - low == pytest.approx(np.hypot(3.5 - one.conf_low, other.conf_high - 3), rel=1e-12)
    assert high - 0.5 == pytest.approx(np.hypot(one.conf_high - 3.5, 3 - other.conf_low), rel=1e-12)


def test_ratio_by_hand():
    one = restricted_mean(life_table([2, 9], event=[1, 0], n=[20, 20]), horizon=5)
    other = restricted_mean(life_table([1, 9], event=[1, 0], n=[20, 20]), horizon=5)
    ratio, error, low, high = ratio_of_means(one, other)
    assert ratio == pytest.approx(3.5 / 3, rel=1e-12)
    assert error == pytest.approx(ratio * np.hypot(one.std_error / 3.5, other.std_error / 3), rel=1e-12)
    below = np.hypot(np.log(3.5 / one.conf_low), np.log(other.conf_high / 3))
    above = np.hypot(np.log(one.conf_high / 3.5), np.log(3 / other.conf_low))
    np.testing.assert_allclose([low, high], [ratio * np.exp(-below), ratio * np.exp(above)], rtol=1e-12)


def test_a_mean_that_may_be_0_leaves_the_ratio_open():
    few = restricted_mean(life_table([9], event=[0], n=[2]), horizon=5)
    assert few.conf_low == 0  # 3.7 of 2 may have left
    assert ratio_of_means(few, few)[2:] == (0, np.inf)


def test_refusals():
    table = life_table([2, 9], event=[1, 0], n=[2, 2])
    with pytest.raises(DesignError, match="known up to 9 only, and the horizon is 12"):
        restricted_mean(table, horizon=12)
    with pytest.raises(OptionError, match="horizon is 0"):
        restricted_mean(table, horizon=0)
    with pytest.raises(OptionError, match="one horizon"):
        difference_of_means(restricted_mean(table, horizon=3), restricted_mean(table, horizon=4))
    one = restricted_mean(table, horizon=3)
    with pytest.raises(OptionError, match=r"is 0\.9, and the means have intervals of 0\.95 and 0\.95"):
        difference_of_means(one, one, conf_level=0.9)
    with pytest.raises(OptionError, match="between 0 and 1"):
        quantiles(table, [1.0])
    empty = restricted_mean(life_table([0, 9], event=[1, 0], n=[2, 0]), horizon=5)
    with pytest.raises(DesignError, match="no ratio of means"):
        ratio_of_means(empty, restricted_mean(table, horizon=5))


def test_after_everybody_left_the_mean_is_known_for_any_horizon():
    table = life_table([2, 4], event=[1, 1], n=[2, 2])
    assert restricted_mean(table, horizon=10).estimate == pytest.approx(3, rel=1e-15)

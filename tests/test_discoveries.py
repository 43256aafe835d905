"""False-discovery control: agreement with scipy and statsmodels row by row, and the level kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from cemlab.errors import DataError, OptionError
from cemlab.stats.discoveries import (
    Support,
    adjusted_p_values,
    discrete_adjusted_p_values,
    null_share,
)

CELLS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 6)), min_size=1, max_size=30)


@given(CELLS)
@settings(max_examples=60, deadline=None)
def test_cells_give_what_their_rows_give(cells):
    p, weight = map(np.array, zip(*cells, strict=True))
    rows = np.repeat(p, weight)
    for method in ("bh", "by"):
        ours = np.repeat(adjusted_p_values(p, weights=weight, method=method), weight)
        np.testing.assert_allclose(ours, stats.false_discovery_control(rows, method=method), rtol=1e-12)
        theirs = multipletests(rows, method={"bh": "fdr_bh", "by": "fdr_by"}[method])[1]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(CELLS)
@settings(max_examples=30, deadline=None)
def test_order_and_cutting_of_cells_do_not_matter(cells):
    p, weight = map(np.array, zip(*cells, strict=True))
    whole = adjusted_p_values(p, weights=weight, method="storey")
    back = adjusted_p_values(p[::-1], weights=weight[::-1], method="storey")[::-1]
    np.testing.assert_allclose(whole, back, rtol=1e-12)
    rows = adjusted_p_values(np.repeat(p, weight), method="storey")
    np.testing.assert_allclose(np.repeat(whole, weight), rows, rtol=1e-12)
    assert ((whole >= 0) & (whole <= 1)).all()
    assert (np.diff(whole[np.argsort(p)]) >= 0).all()


def test_by_hand():
    # four tests; 4 * 0.01 / 2 for the two smallest, 4 * 0.04 / 3, 4 * 0.5 / 4
    np.testing.assert_allclose(
        adjusted_p_values([0.01, 0.04, 0.5], weights=[2, 1, 1]), [0.02, 4 * 0.04 / 3, 0.5]
    )
    # one false in three is above one half: (1 + 1) / (4 * 0.5) is capped at 1
    assert null_share([0.01, 0.02, 0.03, 0.7]) == 1.0
    assert null_share([0.01] * 98 + [0.7, 0.9]) == pytest.approx(3 / 50)


def brute_discrete(p, rows, level):
    """Return which are flagged by the step-up procedure as the paper defines it, test by test."""
    m = len(p)
    values = np.unique(np.concatenate(rows))

    def chance(row, cut):
        below = [v for v in row if v <= cut]
        return max(below, default=0.0)

    def mean(t, top):
        total = 0.0
        for row in rows:
            room = 1 - chance(row, top)
            total += chance(row, t) / room if room > 0 else np.inf
        return total / m

    tops = [t for t in values if mean(t, t) <= level]
    if not tops:
        return np.zeros(m, dtype=bool)
    top = max(tops)
    critical = [
        max((t for t in values if t <= top and mean(t, top) <= level * k / m), default=-1.0)
        for k in range(1, m + 1)
    ]
    ordered = np.sort(p)
    hits = [k for k in range(m) if ordered[k] <= critical[k]]
    return p <= critical[max(hits)] if hits else np.zeros(m, dtype=bool)


@pytest.mark.parametrize("seed", range(8))
def test_discrete_procedure_is_that_of_the_paper(seed):
    rng = np.random.default_rng(seed)
    means = rng.uniform(2, 8, 5)
    kinds = [np.append(stats.poisson.cdf(np.arange(15), mean), 1.0) for mean in means]
    which = rng.integers(0, 5, 25)
    n = rng.poisson(np.where(rng.random(25) < 0.5, 0.1, 1.0) * means[which])
    p = np.array([kinds[k][min(count, 15)] for k, count in zip(which, n, strict=True)])
    support = Support(p_value=np.array(kinds), weights=np.bincount(which, minlength=5).astype(float))
    for level in (0.05, 0.1, 0.2):
        ours = discrete_adjusted_p_values(p, support=support, level=level) <= level
        np.testing.assert_array_equal(ours, brute_discrete(p, [kinds[k] for k in which], level))


@pytest.mark.parametrize("method", ["bh", "by", "storey", "discrete"])
@pytest.mark.parametrize("false_share", [0.0, 0.2])
def test_false_discovery_rate_is_kept(method, false_share):
    """Poisson counts with small means, the hardest case: few attainable p-values."""
    rng = np.random.default_rng(5)
    level, m, repeats = 0.1, 200, 200
    means = rng.uniform(1, 12, m)
    grid = np.arange(30)
    values = stats.poisson.cdf(grid[None, :], means[:, None])
    support = Support(p_value=values, weights=np.ones(m))
    changed = np.arange(m) < false_share * m
    proportions = []
    for _ in range(repeats):
        p = values[np.arange(m), rng.poisson(np.where(changed, 0.1, 1.0) * means)]
        if method == "discrete":
            q = discrete_adjusted_p_values(p, support=support, level=level)
        else:
            q = adjusted_p_values(p, method=method)
        flagged = q <= level
        proportions.append((flagged & ~changed).sum() / max(flagged.sum(), 1))
    # three Monte Carlo errors above the level
    assert np.mean(proportions) <= level + 3 * np.std(proportions) / np.sqrt(repeats)


def test_discrete_finds_more_where_counts_are_small():
    rng = np.random.default_rng(6)
    means = rng.uniform(1, 6, 600)
    values = stats.poisson.cdf(np.arange(30)[None, :], means[:, None])
    changed = np.arange(600) < 120
    p = values[np.arange(600), rng.poisson(np.where(changed, 0.05, 1.0) * means)]
    support = Support(p_value=values, weights=np.ones(600))
    discrete = (discrete_adjusted_p_values(p, support=support, level=0.1) <= 0.1).sum()
    assert discrete > (adjusted_p_values(p) <= 0.1).sum()


def test_nobody_stands_out():
    support = Support(p_value=np.array([[0.4, 1.0]]), weights=np.array([3.0]))
    np.testing.assert_array_equal(
        discrete_adjusted_p_values([0.4, 1.0], weights=[1, 2], support=support, level=0.1), [1.0, 1.0]
    )
    # a cell without customers takes no part
    np.testing.assert_allclose(adjusted_p_values([0.001, 0.02], weights=[0, 1])[1], 0.02)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"p_values": [0.1, 1.2]}, DataError, r"p_values\[1\] is 1.2"),
        ({"p_values": [float("nan")]}, DataError, "lies from 0 to 1"),
        ({"p_values": []}, DataError, "at least one"),
        ({"p_values": ["low"]}, DataError, "must hold numbers"),
        ({"p_values": [0.1], "weights": [1, 2]}, DataError, "one weight per p-value"),
        ({"p_values": [0.1], "weights": [0.5]}, DataError, "whole numbers"),
        ({"p_values": [0.1], "weights": [0]}, DataError, "at least one of them above 0"),
        ({"p_values": [0.1], "method": "holm"}, OptionError, "there are: bh, by, storey"),
    ],
)
def test_what_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        adjusted_p_values(**arguments)


def test_what_else_is_refused():
    support = Support(p_value=np.array([[0.4, 1.0]]), weights=np.array([3.0]))
    with pytest.raises(DataError, match="that of 3 tests, but there are 1"):
        discrete_adjusted_p_values([0.4], support=support, level=0.1)
    with pytest.raises(OptionError, match="level is 1"):
        discrete_adjusted_p_values([0.4] * 3, support=support, level=1)
    with pytest.raises(OptionError, match="above is 0"):
        null_share([0.4], above=0)

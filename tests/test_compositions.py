"""Shares that sum to one: transforms by hand, the regression against statsmodels and against its definition.

References are computed, not stored: ordinary least squares of statsmodels on each coordinate, its HC3
covariance, and for clusters the definition itself, refits without each cluster in turn.
"""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import f

from cemlab.errors import DataError, DesignError
from cemlab.stats.compositions import (
    aitchison_distance,
    closed,
    clr,
    fit_log_ratios,
    from_clr,
    ilr_basis,
    replace_zeros,
)
from cemlab.stats.ellipsoid import lengths

SHARES = arrays(np.float64, (5, 4), elements=st.floats(0.01, 1)).map(closed)


@pytest.fixture(scope="module")
def sample():
    """Thirty mixes of three parts, two regressors, spread that grows, clusters of one to four rows."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(30), rng.normal(size=30), rng.integers(0, 2, 30)])
    ratios = x @ rng.normal(size=(3, 3)) + rng.normal(size=(30, 3)) * (0.2 + x[:, [2]])
    clusters = np.repeat(np.arange(12), [4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1])
    return x, closed(np.exp(ratios)), rng.permutation(clusters)


# transforms


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_the_basis_is_orthonormal_and_at_right_angles_to_equal_shares(parts):
    basis = ilr_basis(parts)
    # to rounding
    np.testing.assert_allclose(basis @ basis.T, np.eye(parts - 1), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=1), 0, atol=1e-14)


def test_log_ratios_by_hand():
    logs = np.log([8.0, 4.0, 2.0])  # mean log 4
    np.testing.assert_allclose(clr([8 / 14, 4 / 14, 2 / 14]), logs - np.log(4), rtol=1e-12)
    # of two parts the distance is the difference of the log odds over √2
    odds = np.log(0.7 / 0.3) - np.log(0.4 / 0.6)
    np.testing.assert_allclose(aitchison_distance([0.7, 0.3], [0.4, 0.6]), odds / np.sqrt(2), rtol=1e-12)


@given(SHARES)
def test_there_and_back(shares):
    np.testing.assert_allclose(from_clr(clr(shares)), shares, rtol=1e-9)


@given(SHARES, SHARES, arrays(np.float64, (4,), elements=st.floats(0.1, 10)))
def test_the_distance_does_not_change_when_both_are_perturbed_alike(first, second, factor):
    before = aitchison_distance(first, second)
    after = aitchison_distance(closed(first * factor), closed(second * factor))
    np.testing.assert_allclose(after, before, atol=1e-9)
    np.testing.assert_allclose(before, aitchison_distance(second, first), atol=1e-12)


@given(SHARES, st.integers(0, 3), st.floats(0.001, 0.1))
def test_replacing_a_zero_keeps_the_sum_and_the_other_ratios(shares, part, zero):
    shares = shares.copy()
    shares[2, part] = 0
    shares = closed(shares)
    replaced = replace_zeros(shares, zero=zero)
    np.testing.assert_allclose(replaced.sum(axis=1), 1, rtol=1e-12)
    assert replaced[2, part] == zero
    others = [i for i in range(4) if i != part]
    ratio, before = replaced[2, others] / replaced[2, others[0]], shares[2, others] / shares[2, others[0]]
    np.testing.assert_allclose(ratio, before, rtol=1e-9)
    np.testing.assert_array_equal(replaced[[0, 1, 3, 4]], shares[[0, 1, 3, 4]])


def test_each_row_may_have_its_own_replacement():
    found = replace_zeros([[0.0, 1.0], [0.0, 1.0]], zero=[0.1, 0.2])
    np.testing.assert_allclose(found, [[0.1, 0.9], [0.2, 0.8]], rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: ilr_basis(1), "at least 2"),
        (lambda: clr([0.0, 1.0]), "replace zeros first"),
        (lambda: clr([np.nan, 1.0]), "none missing"),
        (lambda: replace_zeros([[-0.1, 1.1]], zero=0.1), "0 or more"),
        (lambda: replace_zeros([[np.nan, 1.0]], zero=0.1), "none missing"),
        (lambda: replace_zeros([[0.0, 0.0, 1.0]], zero=0.5), "leave something"),
        (lambda: replace_zeros([[0.0, 1.0]], zero=0.0), "above 0"),
    ],
)
def test_what_is_no_mix_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call()


# regression


def coordinates(shares):
    return clr(shares) @ ilr_basis(shares.shape[1]).T


def test_the_fit_is_that_of_statsmodels_on_each_coordinate(sample):
    x, shares, _ = sample
    fit = fit_log_ratios(x, shares)
    y = coordinates(shares)
    spread = np.sqrt(np.diag(fit.covariance)).reshape(3, 2)
    for i in range(2):
        theirs = sm.OLS(y[:, i], x).fit(cov_type="HC3")
        # two ways to solve the same small, well-conditioned system
        np.testing.assert_allclose(fit.coefficients[:, i], theirs.params, rtol=1e-9)
        np.testing.assert_allclose(spread[:, i], theirs.bse, rtol=1e-9)
    # what the coordinates share: the variance of their sum
    both = sm.OLS(y.sum(axis=1), x).fit(cov_type="HC3")
    blocks = fit.covariance.reshape(3, 2, 3, 2)
    np.testing.assert_allclose(blocks.sum(axis=(1, 3)), both.cov_params(), rtol=1e-8, atol=1e-12)


def test_with_clusters_the_covariance_is_what_leaving_each_out_moves(sample):
    x, shares, clusters = sample
    y = coordinates(shares)
    fit = fit_log_ratios(x, shares, clusters=clusters)
    whole = np.column_stack([sm.OLS(y[:, i], x).fit().params for i in range(2)])
    moves = []
    for cluster in np.unique(clusters):
        kept = clusters != cluster
        without = np.column_stack([sm.OLS(y[kept, i], x[kept]).fit().params for i in range(2)])
        moves.append((whole - without).ravel())
    moves = np.array(moves)
    np.testing.assert_allclose(fit.covariance, moves.T @ moves, rtol=1e-8, atol=1e-12)
    assert fit.clusters == 12


def test_nothing_depends_on_the_order_of_the_parts(sample):
    x, shares, clusters = sample
    order = [2, 0, 1]
    weights = np.array([[1.0, 0.5, 1.0], [0.0, 0.0, 1.0]])
    plain = fit_log_ratios(x, shares, clusters=clusters)
    turned = fit_log_ratios(x, shares[:, order], clusters=clusters)
    (ratios, covariance), (other, other_covariance) = plain.contrast(weights), turned.contrast(weights)
    np.testing.assert_allclose(other, ratios[:, order], atol=1e-12)
    np.testing.assert_allclose(other_covariance, covariance[:, order][:, :, order], atol=1e-12)
    assert turned.wald(weights)[0] == pytest.approx(plain.wald(weights)[0], rel=1e-9)


def test_the_wald_statistic_of_one_row_is_a_quadratic_form_by_hand(sample):
    x, shares, _ = sample
    fit = fit_log_ratios(x, shares)
    value, spread = fit.coefficients[2], fit.covariance[4:, 4:]
    statistic, df = fit.wald([[0.0, 0.0, 1.0]])
    assert df == 2
    assert statistic == pytest.approx(value @ np.linalg.inv(spread) @ value, rel=1e-9)


def test_ordinary_least_squares_on_raw_shares_leaves_the_range_of_shares():
    """The trap: a line through shares runs below 0, and a third part follows from two it never met."""
    time = np.linspace(0, 1, 40)[:, None]
    truth = from_clr(np.array([0.0, 0.5, 1.0]) + time * np.array([4.0, 0.0, -4.0]))
    x = sm.add_constant(time)
    ahead = np.array([[1.0, 1.5]])
    raw = ahead @ np.linalg.lstsq(x, truth, rcond=None)[0]
    assert raw.min() < 0
    ratios, _ = fit_log_ratios(x, truth).contrast(ahead)
    expected = from_clr(np.array([0.0, 0.5, 1.0]) + 1.5 * np.array([4.0, 0.0, -4.0]))
    np.testing.assert_allclose(from_clr(ratios)[0], expected, rtol=1e-9)  # no noise was added


def test_raw_shares_of_independent_amounts_are_correlated_and_their_log_ratio_with_a_third_is_not():
    """Pearson's spurious correlation: the sum ties together what has nothing to do with each other."""
    rng = np.random.default_rng(3)
    amounts = rng.lognormal(0, 0.4, (4_000, 3))
    shares = closed(amounts)
    # three exchangeable shares that sum to one correlate by -1/2 by arithmetic
    assert np.corrcoef(shares[:, 0], shares[:, 1])[0, 1] == pytest.approx(-0.5, abs=0.06)
    # the log-ratio of the first two is at right angles to both against the third: 4/√4000 is 0.063
    first, second = coordinates(shares).T
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.063


@pytest.mark.parametrize(
    ("design", "clusters", "told"),
    [
        ([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], None, "cannot be told apart"),
        ([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], None, "cannot be told apart"),
        ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], None, "rests on one cluster alone"),
        ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 0, 1], "rests on one cluster alone"),
    ],
)
def test_designs_that_cannot_be_estimated_are_refused(design, clusters, told):
    shares = closed([[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]])
    with pytest.raises(DesignError, match=told):
        fit_log_ratios(design, shares, clusters=clusters)


# how long a vector is


@pytest.mark.parametrize("centre", [(1.0, 0.4), (0.1, 0.0), (0.0, 0.0), (-2.0, 0.7)])
def test_the_ends_of_a_length_are_those_of_the_ellipse(centre):
    covariance = np.array([[0.09, 0.05], [0.05, 0.04]])
    found = lengths([centre], [covariance], [20.0])
    radius = f.ppf(0.95, 2, 19) * 2 * 20 / 19
    angle = np.linspace(0, 2 * np.pi, 200_001)
    edge = np.sqrt(radius) * np.linalg.cholesky(covariance) @ [np.cos(angle), np.sin(angle)]
    reached = np.linalg.norm(np.array(centre)[:, None] + edge, axis=0)
    outside = np.array(centre) @ np.linalg.inv(covariance) @ centre > radius
    # steps of the angle are 3e-5, and a length is flat where it is longest or shortest
    assert found.conf_high[0] == pytest.approx(reached.max(), rel=1e-8)
    assert found.conf_low[0] == pytest.approx(reached.min() if outside else 0.0, rel=1e-6)
    assert (found.p_value[0] < 0.05) == outside


def test_in_one_dimension_the_test_is_students():
    from scipy.stats import t

    found = lengths([[0.5], [-0.5]], [[[0.04]], [[0.04]]], [7.0, 7.0])
    np.testing.assert_allclose(found.p_value, 2 * t.sf(2.5, 7), rtol=1e-9)
    reach = t.ppf(0.975, 7) * 0.2
    np.testing.assert_allclose(found.conf_low, 0.5 - reach, rtol=1e-9)
    np.testing.assert_allclose(found.conf_high, 0.5 + reach, rtol=1e-9)


def test_intervals_of_a_length_cover_it_and_begin_at_nought_when_it_is():
    rng = np.random.default_rng(11)
    runs, n = 4_000, 12
    for truth in (np.zeros(2), np.array([0.5, 0.2])):
        drawn = truth + rng.multivariate_normal(np.zeros(2), [[0.3, 0.1], [0.1, 0.2]], (runs, n))
        mean = drawn.mean(axis=1)
        left = drawn - mean[:, None]
        covariance = np.einsum("rni,rnj->rij", left, left) / (n - 1) / n
        found = lengths(mean, covariance, np.full(runs, n - 1.0))
        length = np.linalg.norm(truth)
        covered = ((found.conf_low <= length) & (length <= found.conf_high)).mean()
        # four standard errors of a share of 95 % in 4,000 runs are 0.014
        assert covered > 0.95 - 0.014
        if not length:
            assert covered < 0.95 + 0.014  # exact there, by Hotelling's theory


@pytest.mark.parametrize(
    ("vectors", "covariance", "df", "told"),
    [
        ([[1.0, 2.0]], [[[1.0]]], [5.0], "must match"),
        ([[1.0, 2.0]], [np.zeros((2, 2))], [5.0], "positive definite"),
        ([[1.0, 2.0]], [np.eye(2)], [1.0], "more than 1 degrees of freedom"),
    ],
)
def test_lengths_that_cannot_be_judged_are_refused(vectors, covariance, df, told):
    with pytest.raises(DataError, match=told):
        lengths(vectors, covariance, df)

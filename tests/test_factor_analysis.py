"""Factor analysis agrees with R's factanal and with statsmodels; resampling and noise with their theory."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.multivariate.factor import Factor
from statsmodels.multivariate.factor_rotation import rotate_factors
from statsmodels.tools.sm_exceptions import ConvergenceWarning

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.cross_products import (
    BLOCKS,
    correlation_of,
    noise_eigenvalues,
    resampled_covariances,
    to_correlations,
)
from cemlab.stats.factor_analysis import (
    degrees_of_freedom,
    enough_factors,
    factor_analysis,
    sampling_adequacy,
    score_weights,
    sphericity,
)
from cemlab.stats.rotation import arrange, rotate, tucker_congruence

# tests/reference/factor_analysis.R made the data and the values
REFERENCE = Path(__file__).parent / "reference"
VALUES = json.loads((REFERENCE / "factor_analysis.json").read_text())
ANSWERS = pd.read_csv(REFERENCE / "factor_analysis.csv").to_numpy(dtype=float)
CASES = {
    "answers": (correlation_of(ANSWERS), 3),
    "harman": (np.array(VALUES["harman_correlation"]), 4),
    "heywood": (np.array(VALUES["heywood_correlation"]), 1),
}


def like(loadings, target):
    """Return loadings in the order and with the signs of the target."""
    alike = tucker_congruence(loadings, target)
    return loadings[:, alike.partner] * alike.sign


# --- maximum likelihood ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_factanal(case):
    correlation, factors = CASES[case]
    values = VALUES[case]
    fit = factor_analysis(correlation, factors=factors)
    assert fit.converged
    # R stops where its criterion changes by less than about 1e-13 of itself: uniquenesses to some 1e-7
    assert fit.uniquenesses == pytest.approx(values["uniquenesses"], abs=1e-6)
    assert float(fit.criterion) == pytest.approx(values["criterion"], abs=1e-10)
    theirs = np.reshape(values["loadings"], (-1, factors))
    turned = rotate(fit.loadings, rotation="varimax").loadings
    assert like(turned, theirs) == pytest.approx(theirs, abs=2e-6)


def test_the_test_of_enough_factors_agrees_with_factanal():
    found = enough_factors(factor_analysis(CASES["answers"][0], factors=3), n=len(ANSWERS))
    values = VALUES["answers"]
    assert found.df == values["dof"]
    assert found.statistic == pytest.approx(values["statistic"], abs=1e-6)
    assert found.p_value == pytest.approx(values["p_value"], abs=1e-8)


def test_a_heywood_case_is_named():
    fit = factor_analysis(CASES["heywood"][0], factors=1)
    assert fit.converged
    assert fit.heywood.tolist() == [True, False, False, False, False]
    assert not factor_analysis(CASES["harman"][0], factors=4).heywood.any()


def test_statsmodels_agrees_where_it_converges_and_does_not_at_a_heywood_case():
    correlation, factors = CASES["harman"]
    theirs = Factor(corr=correlation, n_factor=factors, method="ml", nobs=145).fit()
    ours = factor_analysis(correlation, factors=factors)
    # its gradient is left at about 1e-6
    assert ours.uniquenesses == pytest.approx(theirs.uniqueness, abs=1e-5)
    with pytest.warns(ConvergenceWarning):
        Factor(corr=CASES["heywood"][0], n_factor=1, method="ml", nobs=200).fit()


def test_the_gradient_vanishes_at_the_minimum():
    correlation, factors = CASES["answers"]
    fit = factor_analysis(correlation, factors=factors)
    fitted = fit.loadings @ fit.loadings.T + np.diag(fit.uniquenesses)
    inverse = np.linalg.inv(fitted)
    # derivative by the uniquenesses: the diagonal of Σ⁻¹ (Σ - R) Σ⁻¹; the solver stops at 1e-7 on a log scale
    slope = np.diag(inverse @ (fitted - correlation) @ inverse)
    assert slope == pytest.approx(np.zeros(9), abs=1e-6)


def test_a_batch_is_fitted_as_one_by_one():
    draws = to_correlations(resampled_covariances(ANSWERS, draws=5, seed=1))
    together = factor_analysis(draws, factors=3)
    assert together.converged.all()
    for b in range(5):
        alone = factor_analysis(draws[b], factors=3)
        # both stop at a slope below 1e-7
        assert together.uniquenesses[b] == pytest.approx(alone.uniquenesses, abs=1e-6)
        assert together.criterion[b] == pytest.approx(alone.criterion, abs=1e-12)
    started = factor_analysis(draws, factors=3, start=together.uniquenesses[0])
    assert started.uniquenesses == pytest.approx(together.uniquenesses, abs=1e-6)


def test_planted_loadings_are_found_exactly_in_their_own_correlations():
    planted = np.kron(np.eye(2), [[0.8], [0.7], [0.6], [0.5]])
    between = np.array([[1, 0.3], [0.3, 1]])
    shared = planted @ between @ planted.T
    fit = factor_analysis(shared + np.diag(1 - np.diag(shared)), factors=2)
    found = arrange(rotate(fit.loadings, rotation="oblimin"))
    # the rotation stops at a slope of 1e-6
    assert found.loadings == pytest.approx(planted, abs=1e-5)
    assert found.between == pytest.approx(between, abs=1e-5)
    assert float(fit.criterion) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("correlation", "factors", "error", "message"),
    [
        (np.eye(5), 0, OptionError, "0 factors of 5 items; allowed: 1 to 2"),
        (np.eye(5), 3, OptionError, "allowed: 1 to 2"),
        (np.eye(2), 1, OptionError, "allowed: 1 to 0"),
        (np.eye(6), 99, OptionError, "99 factors of 6 items; allowed: 1 to 3"),
        (np.eye(6), 1.5, OptionError, "1.5 factors of 6 items; allowed: 1 to 3"),
        (np.ones((4, 4)), 1, DesignError, "the correlations are singular"),
    ],
)
def test_factors_that_cannot_be_told_are_refused(correlation, factors, error, message):
    with pytest.raises(error, match=message):
        factor_analysis(correlation, factors=factors)


def test_a_batch_is_not_tested_as_one():
    with pytest.raises(DataError, match="a batch of fits cannot be tested"):
        enough_factors(factor_analysis(CASES["answers"][0][None], factors=3), n=300)


def test_a_model_without_degrees_of_freedom_is_not_tested():
    fit = factor_analysis(correlation_of(ANSWERS[:, :3]), factors=1)
    assert degrees_of_freedom(3, 1) == 0
    assert np.isnan(enough_factors(fit, n=300).p_value)


# --- rotation -------------------------------------------------------------------------------------------


def test_oblimin_agrees_with_a_free_search_over_all_axes():
    fit = factor_analysis(CASES["answers"][0], factors=3)
    found = rotate(fit.loadings, rotation="oblimin")
    theirs = np.array(VALUES["oblimin_loadings"])
    alike = tucker_congruence(found.loadings, theirs)
    # optim's differences leave the axes uncertain to some 1e-6
    assert like(found.loadings, theirs) == pytest.approx(theirs, abs=5e-6)
    between = found.between[np.ix_(alike.partner, alike.partner)] * np.outer(alike.sign, alike.sign)
    assert between == pytest.approx(np.array(VALUES["oblimin_correlation"]), abs=5e-6)
    squares = found.loadings**2
    criterion = ((squares.sum(axis=1) ** 2).sum() - (squares**2).sum()) / 4
    # optim searches without derivatives, and ends a little above the minimum
    assert VALUES["oblimin_criterion"] - 1e-8 < criterion <= VALUES["oblimin_criterion"] + 1e-12


def test_oblimin_agrees_with_statsmodels():
    fit = factor_analysis(CASES["harman"][0], factors=4)
    theirs, _ = rotate_factors(fit.loadings, "oblimin", 0, "oblique")
    # its gradient projection stops at a slope of 1e-5
    assert like(rotate(fit.loadings, rotation="oblimin").loadings, theirs) == pytest.approx(theirs, abs=1e-3)


@pytest.mark.parametrize("rotation", ["oblimin", "varimax", "none"])
@pytest.mark.parametrize("case", ["answers", "harman"])
def test_rotation_changes_no_fitted_correlation(case, rotation):
    correlation, factors = CASES[case]
    fit = factor_analysis(correlation, factors=factors)
    found = arrange(rotate(fit.loadings, rotation=rotation))
    assert found.converged
    shared = found.loadings @ found.between @ found.loadings.T
    # linear algebra only
    assert shared == pytest.approx(fit.loadings @ fit.loadings.T, abs=1e-12)
    assert np.diag(found.between) == pytest.approx(np.ones(factors))


@given(st.permutations(range(3)), st.lists(st.sampled_from([-1.0, 1.0]), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_order_and_signs_do_not_depend_on_the_start(order, signs):
    fit = factor_analysis(CASES["answers"][0], factors=3)
    plain = arrange(rotate(fit.loadings, rotation="oblimin"))
    mixed = arrange(rotate(fit.loadings[:, order] * signs, rotation="oblimin", seed=7))
    assert mixed.loadings == pytest.approx(plain.loadings, abs=1e-5)  # both stop at a slope of 1e-6
    alike = tucker_congruence(plain.loadings[:, order] * signs, plain.loadings)
    assert alike.coefficient == pytest.approx(np.ones(3))
    assert (np.array(order)[alike.partner] == np.arange(3)).all()


def test_congruence_by_hand():
    # (0.8 · 0.6 + 0.6 · 0.8) / (1 · 1) and (0.5 · 1) / (sqrt(0.5) · 1)
    found = tucker_congruence(
        [[0.8, 0.0], [0.6, 0.0], [0.0, 0.5], [0.0, 0.5]], [[0.6, 0], [0.8, 0], [0, 1], [0, 0]]
    )
    assert found.coefficient == pytest.approx([0.96, np.sqrt(0.5)])


@pytest.mark.parametrize(
    ("found", "planted", "message"),
    [
        ([[1.0], [0.5]], [[1.0]], "give loadings of the same items"),
        ([[1.0], [0.5]], [[1.0, 0.0], [0.5, 1.0]], "no more planted factors than found"),
        ([[0.0], [0.0]], [[1.0], [0.5]], "no loading other than 0"),
        ([[np.nan], [0.0]], [[1.0], [0.5]], "a loading is missing"),
    ],
)
def test_loadings_that_cannot_be_compared_are_refused(found, planted, message):
    with pytest.raises(DataError, match=message):
        tucker_congruence(found, planted)


# --- scores and checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["regression", "bartlett"])
def test_scores_agree_with_factanal(method):
    correlation = CASES["answers"][0]
    fit = factor_analysis(correlation, factors=3)
    theirs = np.array(VALUES["answers"]["loadings"])
    turned = like(rotate(fit.loadings, rotation="varimax").loadings, theirs)
    weights = score_weights(correlation, turned, fit.uniquenesses, between=np.eye(3), method=method)
    standard = (ANSWERS - ANSWERS.mean(axis=0)) / ANSWERS.std(axis=0, ddof=1)
    # loadings agree to 2e-6, and answers lie within some 3 standard deviations
    assert (standard @ weights)[:5] == pytest.approx(np.array(VALUES[f"{method}_scores"]), abs=2e-5)


def test_checks_by_hand():
    pair = np.array([[1, 0.6], [0.6, 1]])
    # two items: -(n - 1 - 9/6) · log(1 - 0.36)
    assert sphericity(pair, n=101).statistic == pytest.approx(-98.5 * np.log(0.64))
    assert sphericity(pair, n=101).df == 1
    # of two items, the partial correlation is the plain one
    assert sampling_adequacy(pair) == pytest.approx(0.5)


# --- resampling and noise -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [BLOCKS, 3 * BLOCKS + 7])
def test_resampled_correlations_vary_as_theory_says(n):
    rng = np.random.default_rng(2)
    shared = rng.normal(size=n)
    values = np.column_stack([np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=n) for _ in range(6)])
    drawn = to_correlations(resampled_covariances(values, draws=800, seed=3))
    upper = np.triu_indices(6, 1)
    # of normal variables, the standard error of a correlation r is (1 - r²) / sqrt(n)
    theory = (1 - correlation_of(values)[upper] ** 2) / np.sqrt(n)
    ratio = drawn[:, upper[0], upper[1]].std(axis=0, ddof=1) / theory
    # 800 draws leave 2.5 % of error each, the fourth moments of n values about as much; 15 pairs, averaged
    assert ratio.mean() == pytest.approx(1, abs=0.06)
    assert drawn.mean(axis=0) == pytest.approx(correlation_of(values), abs=4 * theory.max() / np.sqrt(800))


def test_few_respondents_are_each_a_group():
    values = np.array([[1.0, 2.0], [2.0, 1.0], [4.0, 5.0]])
    drawn = resampled_covariances(values, draws=400, seed=1)
    every = np.array([np.cov(values[list(s)].T, ddof=0) for s in itertools.product(range(3), repeat=3)])
    apart = np.abs(drawn[:, None] - every[None]).max(axis=(2, 3))
    # each sample drawn is one of the 27 that can be, and each of those (1 in 27 at least) is drawn
    assert apart.min(axis=1).max() < 1e-12
    assert apart.min(axis=0).max() < 1e-12


def test_a_constant_sample_has_no_correlations():
    assert np.isnan(to_correlations(np.array([[[0.0, 0.0], [0.0, 1.0]]]))[0, 0, 1])


def test_noise_agrees_with_plain_simulation_in_r():
    noise = noise_eigenvalues(n=300, items=9, draws=5_000, seed=1)
    # 5,000 draws on both sides: the standard error of a mean is about 0.0006, of a 95 % quantile 0.0015
    assert noise.mean(axis=0) == pytest.approx(VALUES["noise_mean"], abs=0.003)
    assert np.quantile(noise, 0.95, axis=0) == pytest.approx(VALUES["noise_95"], abs=0.008)
    assert noise.sum(axis=1) == pytest.approx(np.full(5_000, 9.0))

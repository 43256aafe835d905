"""The multinomial logit: against statsmodels, nnet of R, another optimiser, and what must hold of any."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from cemlab.errors import DataError, DesignError
from cemlab.stats.multinomial_logit import (
    _Likelihood,
    clustered_covariance,
    multinomial_logit,
)

REFERENCE = Path(__file__).parent / "reference"
FATES = 4


def drawn(seed, n=500, *, fates=FATES):
    """Return a design with a constant, fates that go with it, offsets and weights."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.exponential(size=n)])
    offset = rng.normal(scale=0.5, size=(n, fates))
    beta = rng.normal(scale=0.5, size=(3, fates - 1))
    chance = np.exp(log_softmax(offset + np.column_stack([np.zeros(n), x @ beta]), axis=1))
    fate = (rng.random(n)[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return x, fate, offset, rng.integers(1, 5, n).astype(float)


@pytest.fixture(scope="module")
def published():
    table = pd.read_csv(REFERENCE / "multinomial_logit.csv")
    x = np.column_stack([np.ones(len(table)), table["a"], table["b"]])
    offset = table[["o0", "o1", "o2", "o3"]].to_numpy()
    return x, table["fate"].to_numpy(), offset, table["weight"].to_numpy(float)


# against others


@pytest.mark.parametrize("seed", [1, 2])
def test_it_agrees_with_statsmodels(seed):
    x, fate, _, weights = drawn(seed)
    rows = np.repeat(np.arange(len(x)), weights.astype(int))
    theirs = sm.MNLogit(fate[rows], x[rows]).fit(method="newton", tol=1e-14, disp=0)
    ours = multinomial_logit(x, fate, n_fates=FATES, weights=weights)
    # both are at the maximum of one concave function: what is left is rounding
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.covariance, theirs.cov_params(), rtol=1e-7, atol=1e-10)
    assert ours.log_likelihood == pytest.approx(theirs.llf, abs=1e-7)
    np.testing.assert_allclose(ours.probabilities(x[rows]), theirs.predict(), rtol=0, atol=1e-8)


def test_it_agrees_with_nnet_of_r(published):
    x, fate, offset, weights = published
    said = json.loads((REFERENCE / "multinomial_logit.json").read_text())
    ours = multinomial_logit(x, fate, n_fates=FATES, offset=offset, weights=weights)
    # its quasi-Newton optimiser stops at a flat likelihood: a few millionths from the maximum
    np.testing.assert_allclose(ours.coefficients.T, said["coefficients"], rtol=0, atol=1e-5)
    assert -2 * ours.log_likelihood == pytest.approx(said["deviance"], abs=1e-7)
    plain = multinomial_logit(x, fate, n_fates=FATES, weights=weights)
    np.testing.assert_allclose(plain.coefficients.T, said["without_offset"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(plain.covariance)).reshape(3, 3), said["errors"], rtol=1e-5)


def test_another_optimiser_finds_the_same_maximum_with_offsets(published):
    x, fate, offset, weights = published

    def minus(theta):
        height = offset + np.column_stack([np.zeros(len(x)), x @ theta.reshape(3, 3)])
        return -float(weights @ log_softmax(height, axis=1)[np.arange(len(x)), fate])

    ours = multinomial_logit(x, fate, n_fates=FATES, offset=offset, weights=weights)
    best = minimize(minus, np.zeros(9), method="BFGS", options={"gtol": 1e-4})
    # with numerical gradients it stops about a ten-thousandth of a standard error away
    np.testing.assert_allclose(ours.coefficients, best.x.reshape(3, 3), rtol=0, atol=1e-4)
    assert -ours.log_likelihood <= best.fun + 1e-9


def test_its_derivatives_are_those_of_its_likelihood():
    x, fate, offset, weights = drawn(3, n=60)
    function = _Likelihood(x, (fate[:, None] == np.arange(FATES)).astype(float), offset, weights)
    theta = np.random.default_rng(3).normal(size=9)
    _, gradient, hessian = function(theta)
    step = 1e-5
    for i, unit in enumerate(np.eye(9)):
        up, down = function(theta + step * unit), function(theta - step * unit)
        # central differences: wrong by the square of the step, and by rounding over it
        assert (up[0] - down[0]) / (2 * step) == pytest.approx(gradient[i], abs=1e-5)
        np.testing.assert_allclose((up[1] - down[1]) / (2 * step), hessian[i], atol=1e-5)


def test_clustered_errors_are_those_of_statsmodels():
    rng = np.random.default_rng(4)
    household = rng.integers(0, 120, 300)  # some have one row, some several
    x = np.column_stack([np.ones(300), rng.normal(size=300)])
    left = (rng.random(300) < 0.4).astype(int)
    theirs = sm.Logit(left, x).fit(
        disp=0, tol=1e-14, cov_type="cluster", cov_kwds={"groups": household, "use_correction": False}
    )
    ours = multinomial_logit(x, left, n_fates=2)
    pairs = [(i, j) for i in range(300) for j in range(i + 1, 300) if household[i] == household[j]]
    covariance = ours.robust_covariance((np.array(pairs), np.ones(len(pairs))))
    np.testing.assert_allclose(covariance, theirs.cov_params(), rtol=1e-7)
    alone = sm.Logit(left, x).fit(disp=0, tol=1e-14, cov_type="HC0")
    np.testing.assert_allclose(ours.robust_covariance(), alone.cov_params(), rtol=1e-7)


# what must hold


def test_the_odds_of_counts_are_the_coefficients():
    # 6, 3 and 1 of ten; with an offset, the odds beside those that it says
    fit = multinomial_logit(np.ones((3, 1)), [0, 1, 2], n_fates=3, weights=[6, 3, 1])
    np.testing.assert_allclose(np.exp(fit.coefficients), [[0.5, 1 / 6]], rtol=1e-9)
    offset = np.log([[0.5, 0.3, 0.2]] * 3)
    beside = multinomial_logit(np.ones((3, 1)), [0, 1, 2], n_fates=3, weights=[6, 3, 1], offset=offset)
    np.testing.assert_allclose(np.exp(beside.coefficients), [[0.5 / 0.6, (1 / 6) / 0.4]], rtol=1e-9)


def test_under_its_own_offset_nothing_departs():
    x, fate, offset, weights = drawn(5)
    fit = multinomial_logit(x, fate, n_fates=FATES, offset=offset, weights=weights)
    again = multinomial_logit(
        x, fate, n_fates=FATES, offset=np.log(fit.probabilities(x, offset=offset)), weights=weights
    )
    np.testing.assert_allclose(again.coefficients, 0, atol=1e-8)  # two maxima, each to 1e-9 or so


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(1e-3, 1e3),
    shift=st.floats(-20, 20),
    fates=st.integers(2, 5),
)
def test_units_row_order_and_row_constants_do_not_matter(seed, scale, shift, fates):
    x, fate, offset, weights = drawn(seed, n=400, fates=fates)
    fit = multinomial_logit(x, fate, n_fates=fates, offset=offset, weights=weights)
    order = np.random.default_rng(seed).permutation(len(x))
    other = multinomial_logit(
        x[order] * [1, scale, 1],
        fate[order],
        n_fates=fates,
        offset=offset[order] + shift,
        weights=weights[order],
    )
    # Newton's last step leaves about 1e-8 standard errors
    np.testing.assert_allclose(other.coefficients * [[1], [scale], [1]], fit.coefficients, atol=1e-7)
    np.testing.assert_allclose(fit.weights @ fit.scores, 0, atol=1e-5)  # the gradient at the maximum
    assert np.allclose(fit.probabilities(x, offset=offset).sum(axis=1), 1)


def test_equal_rows_count_as_one_with_their_number():
    x, fate, offset, weights = drawn(6)
    rows = np.repeat(np.arange(len(x)), weights.astype(int))
    one = multinomial_logit(x, fate, n_fates=FATES, offset=offset, weights=weights)
    each = multinomial_logit(x[rows], fate[rows], n_fates=FATES, offset=offset[rows])
    np.testing.assert_allclose(one.coefficients, each.coefficients, atol=1e-9)
    np.testing.assert_allclose(one.robust_covariance(), each.robust_covariance(), rtol=1e-7)


def test_pairs_add_what_households_have_in_common():
    # two households: one in rows 0 and 1, one in row 1 only: (1 + 2)² + 2²
    influence = np.array([[1.0], [2.0]])
    together = clustered_covariance(influence, np.array([1.0, 2.0]), (np.array([[0, 1]]), np.ones(1)))
    assert together.tolist() == [[13.0]]
    nobody = (np.empty((0, 2), dtype=int), np.empty(0))
    assert clustered_covariance(influence, np.array([1.0, 2.0]), nobody).tolist() == [[9.0]]


def test_intervals_cover_what_is_planted():
    rng = np.random.default_rng(7)
    beta = np.array([[-0.5, 0.2], [0.7, -0.4]])
    inside = []
    for _ in range(200):
        x = np.column_stack([np.ones(400), rng.normal(size=400)])
        chance = np.exp(log_softmax(np.column_stack([np.zeros(400), x @ beta]), axis=1))
        fate = (rng.random(400)[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
        fit = multinomial_logit(x, fate, n_fates=3)
        error = np.sqrt(np.diag(fit.covariance)).reshape(2, 2).T
        inside.append(np.abs(fit.coefficients - beta) < 1.96 * error)
    # four binomial standard errors of 200 around 95 %
    assert (np.abs(np.mean(inside, axis=0) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)).all()


# what is refused


def test_a_term_that_separates_is_refused_by_name():
    x = np.column_stack([np.ones(60), np.repeat([0.0, 1.0], 30)])
    fate = np.where(x[:, 1] == 1, 2, np.arange(60) % 2)
    with pytest.raises(DesignError, match="'campaign' separates the fate 'left' from 'stayed'"):
        multinomial_logit(
            x, fate, n_fates=3, terms=("constant", "campaign"), fates=("stayed", "weakened", "left")
        )


def test_a_fate_that_nobody_has_is_refused_by_name():
    with pytest.raises(DesignError, match="nobody has the fate 'left'"):
        multinomial_logit(np.ones((4, 1)), [0, 1, 0, 1], n_fates=3, fates=("stayed", "weakened", "left"))
    with pytest.raises(DesignError, match="nobody has the fate 'fate 1'"):
        multinomial_logit(np.ones((3, 1)), [0, 1, 0], n_fates=2, weights=[1, 0, 1])


@pytest.mark.parametrize("column", [np.ones(40), np.zeros(40)])
def test_terms_that_say_the_same_are_refused_by_name(column):
    x = np.column_stack([np.ones(40), column])
    with pytest.raises(DesignError, match="'economy' cannot be told apart"):
        multinomial_logit(x, np.arange(40) % 2, n_fates=2, terms=("constant", "economy"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"design": np.ones(4)}, "the design has shape"),
        ({"fate": [0, 1]}, "the fates"),
        ({"n_fates": 1}, "at least two fates"),
        ({"offset": np.zeros((4, 3))}, "the offset has shape"),
        ({"weights": [1, 1]}, "the weights"),
        ({"design": np.full((4, 1), np.nan)}, "missing or infinite"),
        ({"offset": np.full((4, 2), -np.inf)}, "missing or infinite"),
        ({"weights": [1, -1, 1, 1]}, "must not be negative"),
        ({"weights": [0, 0, 0, 0]}, "some must be positive"),
        ({"fate": [0, 1, 2, 1]}, "from 0 to 1"),
        ({"fate": [0, 1, 0.5, 1]}, "from 0 to 1"),
    ],
)
def test_what_is_no_data_is_refused(change, said):
    given_ = {"design": np.ones((4, 1)), "fate": [0, 1, 0, 1], "n_fates": 2} | change
    with pytest.raises(DataError, match=said):
        multinomial_logit(given_.pop("design"), given_.pop("fate"), **given_)

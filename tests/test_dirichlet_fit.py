"""Fitting the NBD-Dirichlet model to a panel, and how sure the parameters are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats import dirichlet_likelihood
from cemlab.stats.dirichlet_fit import DirichletFit, bootstrap, fit_dirichlet
from cemlab.stats.dirichlet_panels import draw_panels

FOLDER = Path(__file__).parent / "reference"
REFERENCE = json.loads((FOLDER / "dirichlet.json").read_text())
PANEL = np.loadtxt(FOLDER / "dirichlet.csv", delimiter=",", skiprows=1, dtype=np.int64)
ALPHAS = np.array([0.6, 0.4, 0.25, 0.15])


def histogram(counts):
    return np.unique(counts, return_counts=True)


def fitted(rows, *, zero_truncated=True):
    purchases, households = histogram(rows.sum(axis=1))
    return fit_dirichlet(
        purchases=purchases,
        households=households,
        brand_counts=[histogram(brand) for brand in rows.T],
        zero_truncated=zero_truncated,
    )


def fit_of(panels, row, *, zero_truncated=True) -> DirichletFit:
    n = np.arange(panels.category.shape[1])
    start = int(zero_truncated)
    return fit_dirichlet(
        purchases=n[start:],
        households=panels.category[row, start:],
        brand_counts=[(n, brand) for brand in panels.brands[row]],
        zero_truncated=zero_truncated,
    )


def logs(model):
    return np.log(np.concatenate([[model.mean, model.shape], model.alphas]))


def test_estimate_is_the_maximum_a_generic_optimiser_finds_row_by_row():
    fit = fitted(PANEL)
    # optim with numerical gradients stops within 1e-4 of the parameters, some 0.1 % of their errors; at the
    # top the likelihood itself is flat and so known far better
    np.testing.assert_allclose(logs(fit.model), REFERENCE["log_parameters"], atol=2e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), REFERENCE["errors"], rtol=2e-3)
    assert fit.log_likelihood == pytest.approx(REFERENCE["log_likelihood"][0], abs=1e-5)
    assert (fit.n, fit.converged, fit.zero_truncated) == (300, True, True)


def test_likelihood_of_histograms_is_that_of_the_rows():
    fit = fitted(PANEL)
    n, model = PANEL.sum(axis=1), fit.model
    p = model.shape / (model.shape + model.mean)
    rates = stats.nbinom.logpmf(n, model.shape, p) - np.log1p(-stats.nbinom.pmf(0, model.shape, p))
    choices = [stats.dirichlet_multinomial.logpmf(row, model.alphas, row.sum()) for row in PANEL]
    # sums of 300 terms; the last Newton step is told without a further evaluation, to 1e-8
    assert fit.log_likelihood == pytest.approx(rates.sum() + np.sum(choices), abs=1e-6)


def test_order_repeats_and_zeros_of_the_histogram_do_not_matter():
    plain = fitted(PANEL)
    n = PANEL.sum(axis=1)
    again = fit_dirichlet(
        purchases=n[::-1],
        households=np.ones(n.size),
        brand_counts=[(brand, np.ones(n.size)) for brand in PANEL.T],
    )
    np.testing.assert_allclose(logs(again.model), logs(plain.model), atol=1e-10)  # other order of summation


@pytest.mark.parametrize("theta", [(-0.5, -1.0, -1.4), (2.0, -3.0, 0.5), (6.0, 5.0, 7.0)])
def test_derivatives_agree_with_differences(theta):
    purchases, households = histogram(PANEL.sum(axis=1))
    choices = dirichlet_likelihood.checked_choices(
        purchases.astype(float), households.astype(float), [histogram(brand) for brand in PANEL.T]
    )
    point = np.array(theta)

    def likelihood(at):
        return dirichlet_likelihood.choice_likelihood(at, choices)

    _, gradient, hessian = likelihood(point)
    # Central differences of step 1e-5: truncation 1e-10 of the size of some hundreds, rounding 1e-12 / 1e-5.
    for part, exact in ((0, gradient), (1, hessian)):
        rough = [(likelihood(point + e)[part] - likelihood(point - e)[part]) / 2e-5 for e in 1e-5 * np.eye(3)]
        np.testing.assert_allclose(np.array(rough), exact, atol=1e-5, rtol=1e-6)


def test_score_is_zero_at_the_maximum():
    fit = fitted(PANEL)
    choices = dirichlet_likelihood.Choices.of(
        np.bincount(PANEL.sum(axis=1), minlength=60),
        np.stack([np.bincount(brand, minlength=60) for brand in PANEL.T]),
    )
    _, gradient, _ = dirichlet_likelihood.choice_likelihood(np.log(fit.model.alphas), choices)
    # A step of 1e-8 standard errors times an information of a few hundred.
    assert np.abs(gradient).max() < 1e-5


@pytest.mark.parametrize("zero_truncated", [True, False])
def test_planted_parameters_lie_in_their_intervals(zero_truncated):
    planted = np.log([2.5, 0.9, *ALPHAS])
    panels = draw_panels(
        mean=2.5,
        shape=0.9,
        alphas=ALPHAS,
        households=3_000,
        panels=120,
        zero_truncated=zero_truncated,
        seed=11,
    )
    fits = [fit_of(panels, row, zero_truncated=zero_truncated) for row in range(120)]
    estimates = np.array([logs(fit.model) for fit in fits])
    errors = np.array([np.sqrt(np.diag(fit.covariance)) for fit in fits])
    covered = (np.abs(estimates - planted) < 1.959964 * errors).mean(axis=0)
    # 95 % of 120 panels: standard error 2 %, so three of them, and six parameters
    assert (covered > 0.89).all()
    assert covered.mean() < 0.99, "intervals are not wider than they must be"
    # the mean of 120 estimates: bias well under its standard error of a tenth of theirs
    assert (np.abs(estimates.mean(axis=0) - planted) < 3.5 * errors.mean(axis=0) / np.sqrt(120)).all()


def test_bootstrap_and_asymptotics_agree_where_the_panel_is_large():
    panels = draw_panels(
        mean=2.5, shape=0.9, alphas=ALPHAS, households=20_000, panels=1, zero_truncated=True, seed=5
    )
    fit = fit_of(panels, 0)
    refitted, normal = bootstrap(fit, replications=400, seed=1), fit.draws(4_000, seed=1)
    for draws in (refitted, normal):
        assert draws.alphas.shape == (draws.mean.size, 4)
        at = np.log(np.column_stack([draws.mean, draws.shape, draws.alphas]))
        error = np.sqrt(np.diag(fit.covariance))
        # a standard deviation of 400 draws is known to 3.5 %: four of these
        np.testing.assert_allclose(at.std(axis=0), error, rtol=0.15)
        assert (np.abs(at.mean(axis=0) - logs(fit.model)) < 5.0 * error / np.sqrt(400)).all()
    # alphas hang together: the error of S is not that of independent ones
    total = np.log(normal.alphas.sum(axis=1)).std()
    assert np.log(refitted.alphas.sum(axis=1)).std() == pytest.approx(total, rel=0.15)


def test_bootstrap_is_that_of_households_drawn_one_by_one():
    fit = fitted(PANEL)
    model = fit.model
    rng = np.random.default_rng(3)
    estimates = []
    while len(estimates) < 150:
        rate = rng.gamma(model.shape, model.mean / model.shape, 1_500)
        rows = rng.poisson(rate[:, None] * rng.dirichlet(model.alphas, 1_500))
        estimates.append(logs(fitted(rows[rows.sum(axis=1) > 0][:300]).model))
    one_by_one = np.array(estimates)
    draws = bootstrap(fit, replications=300, seed=2)
    ours = np.log(np.column_stack([draws.mean, draws.shape, draws.alphas]))
    # standard deviations of 150 and 300 draws differ by 7 % by chance: four of these; means by a tenth of one
    np.testing.assert_allclose(ours.std(axis=0), one_by_one.std(axis=0), rtol=0.3)
    gap = np.abs(ours.mean(axis=0) - one_by_one.mean(axis=0))
    assert (gap < 4.5 * one_by_one.std(axis=0) * np.sqrt(1 / 150 + 1 / 300)).all()


def test_draws_repeat_with_their_seed():
    fit = fitted(PANEL)
    for make in (lambda s: fit.draws(5, seed=s), lambda s: bootstrap(fit, replications=5, seed=s)):
        np.testing.assert_array_equal(make(1).alphas, make(1).alphas)
        assert (make(1).alphas != make(2).alphas).any()


def test_panels_at_a_limit_stay_in_the_bootstrap():
    # 40 households that hardly differ: some panels show no differences at all, and their K is the largest.
    panels = draw_panels(
        mean=2.0, shape=6.0, alphas=[4.0, 3.0], households=40, panels=40, zero_truncated=True, seed=9
    )
    for row in range(40):
        try:
            fit = fit_of(panels, row)
        except DesignError:
            continue
        break
    draws = bootstrap(fit, replications=100, seed=1)
    for values in (draws.mean, draws.shape, draws.alphas):
        assert np.isfinite(values).all()
        assert (values > 0).all()
    assert draws.shape.max() > 1e3 > draws.shape.min()
    assert draws.alphas.sum(axis=1).max() <= 1e4 * (1 + 1e-9)


def test_a_draw_without_non_buyers_keeps_the_odds_of_one_more_purchase():
    fit = fitted(PANEL)
    # K between nothing and a million millions, M in step with it: what is known is M / K alone.
    in_step = np.zeros((5, 5))
    in_step[:2, :2] = 100.0
    unsure = DirichletFit(
        model=fit.model,
        covariance=in_step,
        log_likelihood=0.0,
        n=300,
        converged=True,
        zero_truncated=True,
    )
    draws = unsure.draws(50, seed=1)
    small = draws.shape < 1e5
    assert draws.shape.min() == pytest.approx(1e-6)  # the limit was reached
    # exact but for a logarithm and its inverse
    odds = fit.model.mean / fit.model.shape
    np.testing.assert_allclose(draws.mean[small] / draws.shape[small], odds, rtol=1e-6)


def test_margins_of_drawn_panels_are_those_of_the_market():
    panels = draw_panels(
        mean=3.0, shape=1.2, alphas=ALPHAS, households=200_000, panels=2, zero_truncated=False, seed=7
    )
    n = np.arange(panels.category.shape[1])
    assert (panels.category.sum(axis=1) == 200_000).all()
    assert (panels.brands.sum(axis=2) == 200_000).all()
    # every purchase is of one brand
    np.testing.assert_array_equal((panels.brands @ n).sum(axis=1), panels.category @ n)
    expected = stats.nbinom.pmf(n, 1.2, 1.2 / 4.2)
    chance = [stats.betabinom.pmf(n[:, None], n, a, ALPHAS.sum() - a) @ expected for a in ALPHAS]
    for seen, chances in zip(panels.brands.sum(axis=0), chance, strict=True):
        share = seen / 400_000
        # four and a half standard errors, and a purchase number that next to nobody reaches
        assert (np.abs(share - chances) < 4.5 * np.sqrt(chances / 400_000) + 2e-5).all()


@settings(max_examples=25, deadline=None)
@given(
    mean=st.floats(0.5, 8.0),
    shape=st.floats(0.5, 5.0),
    alphas=st.lists(st.floats(0.1, 2.0), min_size=2, max_size=5),
    seed=st.integers(0, 1_000),
)
def test_a_fit_does_not_depend_on_the_order_of_the_brands(mean, shape, alphas, seed):
    panels = draw_panels(
        mean=mean, shape=shape, alphas=alphas, households=2_000, panels=1, zero_truncated=True, seed=seed
    )
    n = np.arange(panels.category.shape[1])
    brands = [(n, brand) for brand in panels.brands[0]]
    category = {"purchases": n[1:], "households": panels.category[0, 1:]}
    forward = fit_dirichlet(**category, brand_counts=brands)
    backward = fit_dirichlet(**category, brand_counts=brands[::-1])
    np.testing.assert_allclose(forward.model.alphas, backward.model.alphas[::-1], rtol=1e-6)
    assert forward.model.shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(forward.covariance)[0] > 0


GOOD = {
    "purchases": [1, 2, 3, 5],
    "households": [60, 25, 10, 5],
    "brand_counts": [([1, 2, 3], [40, 17, 4]), ([1, 2, 5], [35, 12, 4])],
}


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"brand_counts": [([1, 2, 3, 5], [60, 25, 10, 5])]}, DesignError, "1 brand is no choice"),
        (
            {"brand_counts": [*GOOD["brand_counts"], ([1], [0])]},
            DesignError,
            "nobody bought brand 2",
        ),
        ({"brand_counts": [*GOOD["brand_counts"], ([0], [9])]}, DesignError, "nobody bought brand 2"),
        (
            {"purchases": [2], "households": [3], "brand_counts": [([1], [3]), ([1], [3])]},
            DesignError,
            "3 households bought the category",
        ),
        ({"purchases": [1, 2, 3, -5]}, DataError, r"purchases\[3\] is -5"),
        ({"households": [60, 25, 10, -5]}, DataError, r"households of purchases\[3\] is -5"),
        ({"households": [60, 25, 10, 0.5]}, DataError, r"households of purchases\[3\] is 0\.5"),
        ({"households": [60, 25, 10]}, DataError, "4 entries and its households 3"),
        ({"purchases": [1, 2, 3, np.nan]}, DataError, r"purchases\[3\] is nan"),
        (
            {"purchases": [1, 2, 3, 5, 0], "households": [60, 25, 10, 5, 8]},
            DataError,
            "is 0, but zero_truncated",
        ),
        (
            {"brand_counts": [([1, 2, 3], [40, 17, 4]), ([1, 2], [35, 12])]},
            DataError,
            "add up to 145 purchases, the category to 165",
        ),
        (
            {"brand_counts": [([1, 9], [77, 1]), ([1, 2, 5], [35, 12, 4])]},
            DataError,
            "more households bought brand 0",
        ),
        # everyone has one brand for life
        (
            {"brand_counts": [([1, 2, 3], [30, 15, 5]), ([1, 2, 3, 5], [30, 10, 5, 5])]},
            DesignError,
            "S runs to 0",
        ),
        # nobody buys twice
        (
            {"purchases": [1], "households": [100], "brand_counts": [([1], [50]), ([1], [50])]},
            DesignError,
            "nobody buys twice",
        ),
    ],
)
def test_panels_that_cannot_tell_are_refused(wrong, error, words):
    with pytest.raises(error, match=words):
        fit_dirichlet(**(GOOD | wrong))


def test_rates_at_their_limits_are_refused():
    # all buy twice or nearly: less variable than chance, K would be infinite
    with pytest.raises(DesignError, match="underdispersed"):
        fit_dirichlet(purchases=[2, 3], households=[96, 4], brand_counts=[([1, 2], [98, 2])] * 2)
    # a logarithmic series of ratio 0.9, whose K is 0
    n = np.arange(1, 61)
    households = np.round(1e6 * 0.9**n / n * (1 + 0.02 * (n == 1)))
    half = [(n, np.round(households / 2)), (n, households - np.round(households / 2))]
    with pytest.raises(DesignError, match="K runs to 0"):
        fit_dirichlet(purchases=n, households=households, brand_counts=half)


def test_brand_choices_without_loyalty_are_refused():
    # Everyone takes both brands in turn: less variable than chance makes it.
    n = np.arange(2, 21, 2)
    households = np.round(400 * 0.7 ** (n / 2))
    with pytest.raises(DesignError, match="S runs to infinity"):
        fit_dirichlet(purchases=n, households=households, brand_counts=[(n // 2, households)] * 2)


def test_draws_out_of_range_are_refused():
    fit = fitted(PANEL)
    with pytest.raises(OptionError, match="number is 0"):
        fit.draws(0, seed=1)
    with pytest.raises(OptionError, match=r"replications is 1\.5"):
        bootstrap(fit, replications=1.5, seed=1)
    unsure = DirichletFit(
        model=fit.model,
        covariance=np.full((5, 5), np.nan),
        log_likelihood=0.0,
        n=300,
        converged=False,
        zero_truncated=True,
    )
    with pytest.raises(DesignError, match="has not converged"):
        unsure.draws(10, seed=1)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"alphas": [1.0]}, DataError, "fewer than 2"),
        ({"alphas": [1.0, 0.0]}, DataError, r"alphas\[1\] is 0"),
        ({"households": 0}, OptionError, "households is 0"),
        ({"panels": 0.5}, OptionError, "panels is 0.5"),
        ({"mean": 0.0}, OptionError, "mean is 0"),
    ],
)
def test_panels_of_nothing_are_refused(wrong, error, words):
    parameters = {"mean": 1.0, "shape": 1.0, "alphas": [1.0, 1.0], "households": 10, "panels": 2} | wrong
    with pytest.raises(error, match=words):
        draw_panels(**parameters, zero_truncated=True, seed=1)

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, special

from cemlab.errors import DataError, DesignError
from cemlab.stats import pareto_nbd
from cemlab.stats.pareto_nbd import ParetoNBDFit, fit_pareto_nbd
from cemlab.stats.purchase_history import PurchaseHistory

TRUTH = {"r": 0.8, "alpha": 6.0, "s": 1.2, "beta": 20.0}


def customers(rng, n):
    """Frequency, recency, age and whether still active, as the model says."""
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n)
    life = rng.exponential(1.0, n) / rng.gamma(TRUTH["s"], 1 / TRUTH["beta"], n)
    age = rng.uniform(20.0, 60.0, n)
    end = np.minimum(life, age)
    x = rng.poisson(rate * end)
    # The last of x purchases spread evenly over the time active.
    recency = np.where(x > 0, end * rng.random(n) ** (1 / np.maximum(x, 1)), 0.0)
    return x, recency, age, life > age


def by_hypergeometric(theta, x, recency, age):
    """Likelihood as printed by Fader & Hardie (2005), "A note on deriving the Pareto/NBD model"."""
    r, alpha, s, beta = np.exp(theta)
    far, near, other = (alpha, beta, s + 1) if alpha >= beta else (beta, alpha, r + x)
    power = r + s + x

    def term(time):
        curve = special.hyp2f1(power, other, power + 1, (far - near) / (far + time))
        return curve / (far + time) ** power

    both = term(recency) - term(age)
    staying = (alpha + age) ** -(r + x) * (beta + age) ** -s
    constant = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return constant + np.log(staying + s / power * both)


@pytest.mark.parametrize(
    "theta", [np.log([0.55, 10.6, 0.61, 11.7]), np.log([1.5, 4.0, 0.3, 30.0]), np.log([0.2, 25.0, 3.0, 8.0])]
)
def test_likelihood_is_that_of_the_hypergeometric_form(theta):
    x = np.array([0, 0, 1, 2, 3, 7, 12])
    recency = np.array([0.0, 0.0, 0.5, 30.0, 38.0, 12.0, 39.0])
    age = np.array([39.0, 1.0, 39.0, 38.5, 38.0, 27.0, 39.2])
    objective = pareto_nbd._objective(PurchaseHistory.checked(x, recency=recency, age=age))
    value, _, _ = objective(theta)
    # The printed form subtracts two nearly equal terms and so loses some of its 15 digits.
    assert value == pytest.approx(by_hypergeometric(theta, x, recency, age).sum(), rel=1e-9)


def test_quadrature_holds_for_extreme_parameters():
    # Against adaptive integration of the integrand relative to its largest value, in pieces that
    # double in length, where the printed form has no digits left.
    rng = np.random.default_rng(1)
    for _ in range(150):
        r, alpha, s, beta = np.exp(rng.uniform(np.log(0.01), np.log(100), 4))
        age = float(np.exp(rng.uniform(np.log(0.5), np.log(500))))
        x = int(rng.choice([0, 1, 2, 20, 300, 3000]))
        last = 0.0 if x == 0 else age * float(rng.uniform(0.01, 1))

        def integrand(y, r=r, alpha=alpha, s=s, beta=beta, x=x, last=last):
            by_buying = (r + x) * np.log((alpha + y) / (alpha + last))
            return np.exp(-by_buying - (s + 1) * np.log((beta + y) / (beta + last)))

        cuts = last + (age - last) * np.concatenate([[0.0], 0.5 ** np.arange(24, -1, -1)])
        pieces = [integrate.quad(integrand, *ends, epsrel=1e-12)[0] for ends in itertools.pairwise(cuts)]
        staying = integrand(age) * (beta + age)
        largest = -(r + x) * np.log(alpha + last) - (s + 1) * np.log(beta + last)
        history = PurchaseHistory.checked([x], recency=[last], age=[age])
        _, _, log_mixture = pareto_nbd._moments(np.log([r, alpha, s, beta]), history, slice(0, 1))
        # Powers of up to 3,100 of numbers good to 1e-16.
        assert log_mixture[0] == pytest.approx(largest + np.log(s * sum(pieces) + staying), abs=1e-9)


@pytest.mark.parametrize("theta", [(-0.5, 2.0, -0.4, 2.5), (0.7, 0.5, 1.0, 3.0), (-2.0, 3.0, -1.0, 0.0)])
def test_derivatives_agree_with_differences(theta):
    x, recency, age, _ = customers(np.random.default_rng(2), 300)
    recency[x > 20] = age[x > 20]  # who buys on the last day has no interval to stop in
    weights = np.random.default_rng(3).integers(1, 4, 300)
    objective = pareto_nbd._objective(PurchaseHistory.checked(x, recency=recency, age=age, weights=weights))
    point = np.array(theta)
    _, gradient, hessian = objective(point)
    steps = 1e-5 * np.eye(4)
    scale = np.abs(hessian).max()
    # Central differences of step 1e-5: truncation 1e-10 of the scale, rounding 1e-16 · value / 1e-5.
    for part, exact, tolerance in ((0, gradient, 1e-6), (1, hessian, 1e-7)):
        rough = [(objective(point + e)[part] - objective(point - e)[part]) / 2e-5 for e in steps]
        np.testing.assert_allclose(np.array(rough), exact, atol=tolerance * scale)


def test_intervals_cover_the_planted_parameters():
    rng = np.random.default_rng(4)
    gaps, errors = [], []
    for _ in range(40):
        x, recency, age, _ = customers(rng, 2000)
        fit = fit_pareto_nbd(x, recency=recency, age=age)
        assert fit.converged
        gaps.append(np.log([fit.r, fit.alpha, fit.s, fit.beta]) - np.log(list(TRUTH.values())))
        errors.append(np.sqrt(np.diag(fit.covariance)))
    gaps, errors = np.array(gaps), np.array(errors)
    # 40 draws of a 95 % event have a standard deviation of 3.4 points; four of them.
    assert ((np.abs(gaps) < 1.96 * errors).mean(axis=0) > 0.81).all()
    # The standard deviation of 40 estimates is itself known to 11 %; four of these.
    assert np.median(errors, axis=0) == pytest.approx(gaps.std(axis=0), rel=0.44)


def test_invariances():
    x, recency, age, _ = customers(np.random.default_rng(5), 800)
    fit = fit_pareto_nbd(x, recency=recency, age=age)
    days = fit_pareto_nbd(x, recency=7 * recency, age=7 * age)
    # Both end within 1e-8 standard errors of the same maximum.
    assert (days.r, days.s) == pytest.approx((fit.r, fit.s), rel=1e-6)
    assert (days.alpha, days.beta) == pytest.approx((7 * fit.alpha, 7 * fit.beta), rel=1e-6)
    # A density of x purchase times is one per unit of time to the power x.
    assert days.log_likelihood == pytest.approx(fit.log_likelihood - x.sum() * np.log(7), rel=1e-10)
    twice = fit_pareto_nbd(np.tile(x, 2), recency=np.tile(recency, 2), age=np.tile(age, 2))
    heavy = fit_pareto_nbd(x, recency=recency, age=age, weights=np.full(x.size, 2))
    assert (heavy.r, heavy.beta, heavy.n) == pytest.approx((twice.r, twice.beta, 1600), rel=1e-6)
    np.testing.assert_allclose(heavy.covariance, fit.covariance / 2, rtol=1e-4)  # flat in s and beta


def test_start_from_a_subsample_does_not_move_the_estimate(monkeypatch):
    x, recency, age, _ = customers(np.random.default_rng(6), 3000)
    whole = fit_pareto_nbd(x, recency=recency, age=age)
    monkeypatch.setattr(pareto_nbd, "_SUBSAMPLE", 500)
    monkeypatch.setattr(pareto_nbd, "_BLOCK", 700)
    part = fit_pareto_nbd(x, recency=recency, age=age)
    assert (part.r, part.beta) == pytest.approx((whole.r, whole.beta), rel=1e-6)  # the same maximum
    assert part.n == 3000


def test_probability_alive_is_the_share_of_simulated_customers_still_active():
    # An independent look: the simulation knows who stopped.
    x, recency, age, active = customers(np.random.default_rng(7), 100_000)
    fit = ParetoNBDFit(**TRUTH, log_likelihood=0.0, covariance=np.eye(4), n=1.0, converged=True)
    alive = fit.probability_alive(x, recency=recency, age=age)
    group = np.minimum((alive * 10).astype(int), 9)
    for tenth in np.unique(group):
        expected, seen = alive[group == tenth], active[group == tenth]
        error = np.sqrt((expected * (1 - expected)).sum()) / expected.size
        assert abs(seen.mean() - expected.mean()) < 4.5 * error  # 10 groups: one run in 10,000


def test_says_so_where_nobody_seems_to_stop():
    age = np.full(200, 40.0)
    fit = fit_pareto_nbd(np.tile([2, 5, 9, 14], 50), recency=age - 0.01, age=age)
    assert not fit.converged
    assert np.isnan(fit.covariance).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"frequency": [0, -2]}, DataError, r"frequency\[1\] is -2"),
        ({"recency": [0.0, 10.0]}, DataError, "between 0 and age"),
        ({"recency": [0.0, np.nan]}, DataError, r"recency\[1\] is nan"),
        ({"age": [0.0, 9.0]}, DataError, r"age\[0\] is 0"),
        ({"age": [9.0]}, DataError, "age has 1 entries"),
        ({"frequency": [0, 0], "recency": [0.0, 0.0]}, DesignError, "nobody buys a second time"),
    ],
)
def test_refuses_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_pareto_nbd(**{"frequency": [0, 2], "recency": [0.0, 5.0], "age": [9.0, 9.0], **arguments})


def test_cdnow_is_the_published_one(cdnow_histories):
    x, recency, age = cdnow_histories
    fit = fit_pareto_nbd(x, recency=recency, age=age)
    # Published by Fader, Hardie & Lee (2005) to four and three decimals; their optimiser stopped on a
    # flat ridge in s and beta, so its last digit may be one off.
    assert (fit.r, fit.s) == pytest.approx((0.5533, 0.6062), abs=1.5e-4)
    assert (fit.alpha, fit.beta) == pytest.approx((10.578, 11.668), abs=1.5e-3)
    # Printed as -9594.97; the maximum, -9594.976, would round to -9594.98.
    assert fit.log_likelihood == pytest.approx(-9594.97, abs=0.01)
    assert fit.converged

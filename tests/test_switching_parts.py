"""The parts of an excess as numbers: they add up, and each household's influence is what it is said to be."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from cemlab.stats.excess_fit import CountedFates, fit_excess
from cemlab.stats.excess_parts import excess_parts, predicted_excess, yearly_excess

LOST = np.array([0.0, 0.0, 1.0, 1.0])
LEVEL = np.array([-0.3, 0.3, 2.0])


def counted(seed=1, n=400, *, level=LEVEL, gaps=2, moved=0.5):
    """Return cells of three years that depart from their null with the level and with two gaps."""
    rng = np.random.default_rng(seed)
    year = np.repeat([0, 1, 2], [n, n - 40, n + 30])
    null = rng.dirichlet([6, 3, 2, 1], len(year))
    known = rng.normal(size=(len(year), gaps)) + moved * (year == 2)[:, None]
    height = np.log(null) + np.array([0, 0.1, 0.2, -0.1])
    height[:, 2] += 0.2 * LEVEL[year] - 0.4 * known.sum(axis=1)
    chance = np.exp(height) / np.exp(height).sum(axis=1, keepdims=True)
    fate = (rng.random(len(year))[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
    known[rng.random(len(year)) < 0.5] = np.nan
    return CountedFates(
        year=year,
        fate=fate,
        weight=rng.integers(1, 4, len(year)).astype(float),
        null=null,
        gaps=known,
        level=level,
        focal=2,
        pairs=None,
    )


def nudged(fates, cell, step):
    """Return the same cells with a part of a household more, and with years as large as they were."""
    weight = fates.weight.copy()
    weight[cell] += step
    other = replace(fates, weight=weight)
    # how many are loyal in a year is taken as given, so that the years keep their shares
    vars(other)["placebo_shares"] = fates.placebo_shares
    return other


OF = {
    "coefficients": lambda fates: (lambda fit: (fit.logit.coefficients.T.ravel(), fit.on_coefficients))(
        fit_excess(fates)
    ),
    "years": lambda fates: (lambda e: (e.value, e.influence))(yearly_excess(fates, LOST)),
    "parts": lambda fates: (lambda e: (e.value, e.influence))(excess_parts(fit_excess(fates), LOST)),
    "scenario": lambda fates: (lambda e: (e.value, e.influence))(
        predicted_excess(fit_excess(fates), LOST, level=1.0)
    ),
}


@pytest.mark.parametrize("what", OF)
@pytest.mark.parametrize("gaps", [0, 1, 2])
def test_an_influence_is_the_derivative_to_a_households_weight(what, gaps):
    fates = counted(gaps=gaps)
    if what == "coefficients":  # whose constant is counted from the placebo mean, here held where it was
        vars(fates)["placebo_gaps"] = fates.placebo_gaps
    _, influence = OF[what](fates)
    step = 1e-3
    for cell in (0, 7, 500, 801, 1100):
        up, down = nudged(fates, cell, step), nudged(fates, cell, -step)
        if what == "coefficients":
            for other in (up, down):
                vars(other)["placebo_gaps"] = fates.placebo_gaps
        slope = (OF[what](up)[0] - OF[what](down)[0]) / (2 * step)
        # central differences of sums over a thousand households: far below a thousandth of the influence
        np.testing.assert_allclose(slope, influence[cell], rtol=1e-4, atol=1e-8)


def test_influences_add_up_to_nothing():
    fates = counted()
    fit = fit_excess(fates)
    for found in (excess_parts(fit, LOST), yearly_excess(fates, LOST), predicted_excess(fit, LOST)):
        # an estimate is where no household pulls any more
        np.testing.assert_allclose(fates.weight @ found.influence, 0, atol=1e-10)


@pytest.mark.parametrize(("level", "gaps"), [(None, 0), (LEVEL, 0), (None, 1), (LEVEL, 2)])
def test_the_parts_add_up_to_the_difference(level, gaps):
    fates = counted(level=level, gaps=gaps)
    parts = excess_parts(fit_excess(fates), LOST)
    assert len(parts.value) == (level is not None) + gaps + 2
    assert parts.value[:-1].sum() == pytest.approx(parts.value[-1], abs=1e-15)
    np.testing.assert_allclose(parts.influence[:, :-1].sum(axis=1), parts.influence[:, -1], atol=1e-15)
    away = LOST[fates.fate] - fates.null @ LOST
    focal = fates.year == 2
    seen = [np.average(away[here], weights=fates.weight[here]) for here in (focal, ~focal)]
    assert parts.value[-1] == pytest.approx(seen[0] - seen[1], abs=1e-15)


def test_a_part_is_the_mean_over_all_orders():
    fit = fit_excess(counted())
    found = excess_parts(fit, LOST).value[:3]
    steps = np.zeros(3)
    for order in permutations(range(3)):
        for place, factor in enumerate(order):
            before, after = frozenset(order[:place]), frozenset(order[: place + 1])
            values = [predicted_excess(fit, LOST, moved=moved).value[0] for moved in (before, after)]
            steps[factor] += (values[1] - values[0]) / 6
    np.testing.assert_allclose(found, steps, atol=1e-15)


def test_a_gap_that_did_not_move_has_no_part_whatever_its_slope():
    fates = counted(n=4_000, gaps=1, moved=0.0)
    same = fates.gaps - fates.mean_gaps[fates.year]
    still = replace(fates, gaps=same)
    fit = fit_excess(still)
    slope = fit.logit.coefficients[2, 1] / np.sqrt(fit.logit.covariance[5, 5])
    assert abs(slope) > 4  # standard errors: who rated better did otherwise
    assert excess_parts(fit, LOST).value[1] == pytest.approx(0, abs=1e-15)


def test_a_whole_cell_of_unrated_has_the_mean_of_its_year():
    fates = counted(gaps=1)
    filled = fates.filled_gaps[:, 0] + fates.placebo_gaps[0]
    missing = np.isnan(fates.gaps[:, 0])
    for year in range(3):
        here = (fates.year == year) & ~missing
        mean = np.average(fates.gaps[here, 0], weights=fates.weight[here])
        np.testing.assert_allclose(filled[(fates.year == year) & missing], mean)
    np.testing.assert_allclose(filled[~missing], fates.gaps[~missing, 0])


def test_errors_follow_from_households_drawn_again():
    fates = counted(n=300)
    error = np.sqrt(np.diag(excess_parts(fit_excess(fates), LOST).covariance(fates)))
    rng = np.random.default_rng(9)
    draws = []
    for _ in range(150):
        again = replace(fates, weight=rng.poisson(fates.weight).astype(float))
        draws.append(excess_parts(fit_excess(again), LOST).value)
    # a spread of 150 draws is known to 6 %, four times that; redrawing the years' sizes adds little
    np.testing.assert_allclose(np.std(draws, axis=0)[[0, 1, 2, 4]], error[[0, 1, 2, 4]], rtol=0.24)

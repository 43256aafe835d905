"""Crossed effects agree with lme4; intervals cover; entropies and drift with values by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import chi2_contingency, ncx2

from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.crossed_effects import crossed_effects, crossed_sums, deviance_and_slope
from cemlab.stats.entropies import dispersion_within, drift, entropy, entropy_estimate, joint_drift
from cemlab.stats.variance_part_intervals import ratio_interval, share_intervals

# tests/reference/crossed_effects.R made the rows and the values
REFERENCE = Path(__file__).parent / "reference"
VALUES = json.loads((REFERENCE / "crossed_effects.json").read_text())
ROWS = pd.read_csv(REFERENCE / "crossed_effects.csv")
FACTORS = {
    "crossed": (["employee", "branch", "month"], True, slice(None)),
    "nested": (["employee", "branch"], True, ROWS["branch"] == (ROWS["employee"] - 1) % 10 + 1),
    "one": (["employee"], False, slice(None)),
}


def fitted(case):
    names, controlled, chosen = FACTORS[case]
    rows = ROWS[chosen]
    design = np.column_stack([np.ones(len(rows)), *([rows["reason"]] if controlled else [])])
    return crossed_effects(crossed_sums(rows["affect"], levels=rows[names] - 1, design=design)), names


@pytest.mark.parametrize("case", FACTORS)
def test_variances_effects_and_errors_are_lme4s(case):
    fit, names = fitted(case)
    stored = VALUES[case]
    variance = [stored["variance"][name] for name in (*names, "Residual")]
    # bobyqa stops at about 1e-7 of its parameters, so at twice that of a variance
    np.testing.assert_allclose(fit.variances, variance, rtol=1e-5)
    np.testing.assert_allclose(fit.coefficient, np.atleast_1d(stored["fixed"]), rtol=1e-6)
    error = np.sqrt(np.diag(fit.coefficient_covariance))
    np.testing.assert_allclose(error, np.atleast_1d(stored["error"]), rtol=1e-5)
    np.testing.assert_allclose(fit.effects, stored["blup"], atol=1e-6)
    # lme4's criterion has the constant (n - p)(1 + log 2π) that ours leaves out
    df = fit.sums.n - fit.sums.fixed
    assert fit.deviance + df * (1 + np.log(2 * np.pi)) == pytest.approx(stored["reml"], abs=1e-6)
    assert fit.shares.sum() == pytest.approx(1, abs=1e-12)


def test_the_order_of_further_factors_and_of_rows_does_not_matter():
    mixed = ROWS.sample(frac=1, random_state=1)
    turned = crossed_effects(crossed_sums(mixed["affect"], levels=mixed[["employee", "month", "branch"]] - 1))
    straight = crossed_effects(crossed_sums(ROWS["affect"], levels=ROWS[["employee", "branch", "month"]] - 1))
    # both are within 1e-8 standard errors of the one maximum
    np.testing.assert_allclose(turned.variances[[0, 2, 1, 3]], straight.variances, rtol=1e-6)


def test_a_variance_that_would_be_negative_is_nought_with_an_upper_end():
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(20), 10)
    score = rng.normal(size=200)
    score -= pd.Series(score).groupby(person).transform("mean")  # persons alike to the last digit
    fit = crossed_effects(crossed_sums(score, levels=np.column_stack([person, person % 4])))
    found = share_intervals(fit)
    assert fit.ratio.tolist() == [0, 0]
    assert (found.conf_low[:2] == 0).all()
    assert (found.conf_high[:2] > 0).all()
    assert found.conf_high[2] == 1
    assert np.isnan(ratio_interval(fit).estimate)


@pytest.mark.parametrize(("persons", "branches"), [(0.0, 0.05), (0.1, 0.0)])
def test_the_persons_part_is_held_where_one_of_the_pair_does_not_vary(persons, branches):
    rng = np.random.default_rng(13)
    person = np.repeat(np.arange(40), 15)
    truth, held, seen = float(persons > 0), 0, 0
    for _ in range(20):
        parts = [rng.normal(size=40)[person], rng.normal(size=10)[person // 4], rng.normal(size=600)]
        outcome = np.sqrt([persons, branches, 0.9]) @ np.array(parts)
        fit = crossed_effects(crossed_sums(outcome, levels=np.column_stack([person, person // 4])))
        found = ratio_interval(fit)
        if not np.isnan(found.estimate):
            seen += 1
            held += int(found.conf_low <= truth <= found.conf_high)
            assert found.conf_low <= found.estimate <= found.conf_high
    # at the border the deviance falls short of chi-squared, so that more than 95 % are held
    assert held >= seen - 2
    assert seen > 12


def test_the_pairs_ends_have_lost_half_a_quantile_of_likelihood():
    fit, _ = fitted("crossed")
    found = ratio_interval(fit, conf_level=0.9)
    for end in (float(found.conf_low), float(found.conf_high)):

        def deviance(free, end=end):
            both, month = np.exp(free)
            return deviance_and_slope(fit.sums, np.array([both * end, both * (1 - end), month]))[0]

        start = np.log([fit.ratio[:2].sum(), fit.ratio[2]])
        best = minimize(deviance, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8})
        # secants stop within 0.002 of the root of the deviance, so 0.007 of it
        assert best.fun - fit.deviance == pytest.approx(2.705543, abs=0.01)


def test_intervals_hold_the_planted_shares():
    rng = np.random.default_rng(5)
    planted = np.array([0.14, 0.09, 0.77])
    person = np.repeat(np.arange(60), 12)
    levels = np.column_stack([person, person // 4])
    held = np.zeros(3)
    ratio_held = 0
    for _ in range(40):
        effects = [rng.normal(size=60)[person], rng.normal(size=15)[person // 4], rng.normal(size=720)]
        fit = crossed_effects(crossed_sums(np.sqrt(planted) @ np.array(effects), levels=levels))
        found = share_intervals(fit, conf_level=0.9)
        held += (found.conf_low <= planted) & (planted <= found.conf_high)
        lasting = ratio_interval(fit, conf_level=0.9)
        ratio_held += int(lasting.conf_low <= 0.14 / 0.23 <= lasting.conf_high)
    # 40 samples: 36 expected, SD 1.9, so fewer than 29 come by chance once in a thousand
    assert (held >= 29).all()
    assert ratio_held >= 29
    assert held.sum() < 120


@pytest.mark.parametrize(
    ("levels", "design", "says"),
    [
        (np.repeat([[0, 0], [1, 1]], 5, axis=0), None, "cannot be told apart"),
        (np.column_stack([np.arange(10) % 3, np.zeros(10, dtype=int)]), None, "one level"),
        (np.arange(10)[:, None], None, "one row each"),
        (np.arange(10)[:, None] % 3, np.ones((10, 2)), "depend on each other"),
    ],
)
def test_what_cannot_be_told_is_refused(levels, design, says):
    with pytest.raises(DesignError, match=says):
        crossed_effects(crossed_sums(np.arange(10.0) ** 2, levels=levels, design=design))


def test_constant_missing_and_ragged_outcomes_are_refused():
    person = np.arange(10)[:, None] % 3
    with pytest.raises(DesignError, match="nothing varies"):
        crossed_effects(crossed_sums(np.ones(10), levels=person))
    with pytest.raises(DataError, match="missing"):
        crossed_sums([np.nan] * 10, levels=person)
    with pytest.raises(DataError, match="do not match"):
        crossed_sums([1.0], levels=person)
    with pytest.raises(DesignError, match="4,500 levels"):
        crossed_effects(replace(crossed_sums(np.arange(10.0), levels=person), sizes=(4500,)))


def test_entropy_estimates_correct_the_bias():
    rng = np.random.default_rng(7)
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    truth = -(shares * np.log(shares)).sum()
    counts = rng.multinomial(60, shares, size=4000)
    found = {
        method: entropy_estimate(counts, method=method) for method in ("plug_in", "miller_madow", "chao_shen")
    }
    bias = {method: found[method].mean() - truth for method in found}
    # the plug-in's bias is about (k - 1) / 2n = 0.033; the mean of 4,000 is known to 0.0015
    assert bias["plug_in"] < -0.025
    assert abs(bias["miller_madow"]) < 0.006
    assert bias["plug_in"] < bias["chao_shen"] < 0
    assert np.isnan(entropy([0, 0]).estimate)
    # by hand: coverage 1 - 1/3, so shares 4/9 and 2/9, seen with chances 1 - (5/9)³ and 1 - (7/9)³
    parts = [4 / 9 * np.log(9 / 4) / (1 - (5 / 9) ** 3), 2 / 9 * np.log(9 / 2) / (1 - (7 / 9) ** 3)]
    assert entropy([2, 1, 0, 0], method="chao_shen").estimate == pytest.approx(sum(parts), rel=1e-12)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.randoms())
@settings(max_examples=25, deadline=None)
def test_entropy_does_not_know_the_order_and_its_ends_are_possible(counts, lot):
    other = list(counts)
    lot.shuffle(other)
    first, second = entropy(counts), entropy(other)
    np.testing.assert_allclose(first.estimate, second.estimate, rtol=1e-12, atol=1e-12)
    if sum(counts):
        # log k itself is rounded in the last digit
        assert 0 <= first.conf_low <= first.estimate <= first.conf_high <= np.log(len(counts)) + 1e-12
        assert (first.conf_low, first.conf_high) == pytest.approx((second.conf_low, second.conf_high))


@pytest.mark.parametrize("n", [1, 10, 100])
def test_entropy_intervals_cover_skewed_and_even_mixes(n):
    rng = np.random.default_rng(8)
    for shares in ([0.97, 0.01, 0.01, 0.005, 0.005], [0.35, 0.25, 0.15, 0.12, 0.08, 0.05], [0.25] * 4):
        truth = -(np.array(shares) * np.log(shares)).sum()
        found = entropy(rng.multinomial(n, shares, 150))
        held = ((found.conf_low <= truth + 1e-9) & (truth <= found.conf_high + 1e-9)).mean()
        # 150 samples know 0.95 to 0.018; the skewed mix at 100 holds 0.91 in a longer run
        assert held >= 0.86
    # twice the dispersion is half the contacts; a dispersion hardly known makes intervals wider
    plain, hanging, vague = (
        entropy([60, 30, 10], dispersion=dispersion, dispersion_df=df)
        for dispersion, df in ((1.0, np.inf), (2.0, np.inf), (2.0, 3.0))
    )
    widths = [float(found.conf_high - found.conf_low) for found in (plain, hanging, vague)]
    assert widths == sorted(widths)


def test_drift_intervals_with_a_dispersion_hardly_known():
    rng = np.random.default_rng(12)
    first, last = np.array([0.4, 0.3, 0.3]), np.array([0.3, 0.3, 0.4])
    mid = (first + last) / 2
    truth = (first * np.log(first / mid) + last * np.log(last / mid)).sum() / 2
    held = {4.0: 0, np.inf: 0}
    for _ in range(150):
        # matters that come in threes; the dispersion is seen with four degrees of freedom
        counts = [3 * rng.multinomial(200, shares) for shares in (first, last)]
        seen = max(1.0, 3 * rng.chisquare(4) / 4)
        for df in held:
            found = drift([counts[1]], base=counts[0], dispersion=seen, dispersion_df=df).divergence
            held[df] += int(found.conf_low[0] <= truth <= found.conf_high[0])
    # 150 samples know 0.95 to 0.018
    assert held[4.0] >= 134
    assert held[4.0] > held[np.inf]
    found = drift([[40, 30, 30]], base=[30, 50, 20])
    # an end is where the statistic stands at 2.5 % of the non-central distribution
    statistic = found.divergence.estimate[0] * 400 + 2
    at = ncx2.cdf(statistic, 2, 400 * found.divergence.conf_high[0])
    assert at == pytest.approx(0.025, rel=1e-6)
    # one and the same mix twice is the likelihood ratio of a table
    table = [[30, 50, 20], [40, 30, 30], [35, 40, 25]]
    assert joint_drift(table) == pytest.approx(chi2_contingency(table, lambda_="log-likelihood")[1], rel=1e-6)
    with pytest.raises(DataError, match="two periods"):
        joint_drift([[3, 4]])


def test_drift_is_the_likelihood_ratio_and_keeps_its_level():
    base, later = np.array([30, 50, 20]), np.array([[40, 30, 30]])
    found = drift(later, base=base)
    reference = chi2_contingency([base, later[0]], lambda_="log-likelihood", correction=False)
    # twice the counts times the divergence is G; the estimate leaves out what chance makes, 2 df
    assert found.divergence.estimate[0] * 2 * 200 + 2 == pytest.approx(reference.statistic, rel=1e-10)
    assert found.p_value[0] == pytest.approx(reference.pvalue, rel=1e-6)
    rng = np.random.default_rng(9)
    shares = [0.4, 0.3, 0.2, 0.1]
    null = [drift(rng.multinomial(400, shares, 20), base=rng.multinomial(400, shares)) for _ in range(100)]
    flagged = np.mean([one.p_value < 0.05 for one in null])
    # 2,000 tests on 100 bases: known to about 0.012
    assert 0.02 < flagged < 0.09
    moved = [
        drift(rng.multinomial(800, [0.3, 0.3, 0.2, 0.2], 1), base=rng.multinomial(800, shares))
        for _ in range(300)
    ]
    mid = np.array([0.35, 0.3, 0.2, 0.15])
    truth = -(mid * np.log(mid)).sum() + sum(
        (np.array(s) * np.log(s)).sum() / 2 for s in (shares, [0.3, 0.3, 0.2, 0.2])
    )
    held = np.mean([one.divergence.conf_low[0] <= truth <= one.divergence.conf_high[0] for one in moved])
    assert 0.90 < held < 0.99  # 300 samples: 0.95 is known to 0.013


def test_dispersion_is_one_by_lot_and_two_where_all_come_in_pairs():
    rng = np.random.default_rng(11)
    counts = rng.multinomial(60, [0.5, 0.3, 0.2], size=(40, 10))
    dispersion, df = dispersion_within(counts)
    assert df == 39 * 9 * 2
    assert dispersion == pytest.approx(1, abs=0.2)  # standard error √(2 / 702) = 0.05
    assert dispersion_within(2 * counts)[0] == pytest.approx(2, abs=0.4)
    assert dispersion_within(counts[:1]) == (1.0, np.inf)


def test_counts_that_are_none_and_unknown_methods_are_refused():
    for counts in ([0.2, 0.8], [-1, 3], [np.nan, 1]):
        with pytest.raises(DataError, match="without its n"):
            entropy(counts)
    with pytest.raises(OptionError, match="estimate of entropy"):
        entropy([1, 2], method="shannon")
    with pytest.raises(DataError, match="two kinds"):
        drift([[3, 0]], base=[3, 0])

"""What becomes of loyal households if nobody's loyalty changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from cemlab.errors import OptionError
from cemlab.stats.dirichlet_fates import FATES, fate_shares, loyal_share

REFERENCE = json.loads((Path(__file__).parent / "reference" / "dirichlet.json").read_text())
SMALL_BRAND = {"alpha": 0.12, "rest": 1.08}  # S 1.2, market share 10 %
NAMES = ("mean", "shape", "alpha", "rest", "threshold", "least", "least_ahead", "length")


def by_quadrature(*, mean, shape, alpha, rest, threshold, least, length, most):
    """Return the mass of each fate: purchases one by one, the brand's share by Gauss-Jacobi quadrature."""
    nodes, weights = special.roots_jacobi(most + 2, rest - 1.0, alpha - 1.0)
    p, weights = (1.0 + nodes) / 2.0, weights / weights.sum()
    n = np.arange(most + 1.0)
    needed = np.maximum(np.ceil(threshold * n - 1e-9), 1.0)
    reached = stats.binom.sf(needed[:, None] - 1.0, n[:, None], p)
    loyal = np.where(n[:, None] >= least, reached, 0.0) * weights
    both, ahead = n[:, None] + n, mean * (1.0 + length)
    log_chance = special.gammaln(shape + both) - special.gammaln(shape) + special.xlogy(n, length)
    log_chance -= special.gammaln(n + 1.0)[:, None] + special.gammaln(n + 1.0)
    log_chance += both * np.log(mean / (shape + ahead)) + shape * np.log(shape / (shape + ahead))
    chance = np.exp(log_chance)
    never = (1.0 - p) ** n[:, None]
    stayed = np.sum(chance * (loyal @ reached.T))
    left = np.sum(chance[:, 1:] * (loyal @ never[1:].T))
    gone = chance[:, 0] @ loyal.sum(axis=1)
    everyone = chance.sum(axis=1) @ loyal.sum(axis=1)
    return np.array([stayed, everyone - stayed - left - gone, left, gone])


@pytest.mark.parametrize(
    ("case", "expected"), list(zip(REFERENCE["cases"], REFERENCE["loyal_and_fates"], strict=True))
)
def test_fates_are_the_sums_over_all_combinations_of_purchases(case, expected):
    given_ = dict(zip(NAMES, case, strict=False)) | {"least": int(case[5]), "least_ahead": int(case[6])}
    # The reference adds until less than 1e-9 is left; the nodes are good for as much.
    np.testing.assert_allclose(fate_shares(**given_), expected[1:], atol=3e-9)
    base = {name: given_[name] for name in ("mean", "shape", "alpha", "rest", "threshold", "least")}
    assert loyal_share(**base) == pytest.approx(expected[0], rel=1e-7)


@pytest.mark.parametrize(
    ("mean", "shape", "alpha", "rest", "threshold", "least", "length", "most"),
    [
        (0.8, 1.0, 0.12, 1.08, 0.7, 1, 1.0, 80),
        (6.0, 1.5, 0.12, 1.08, 0.5, 1, 0.5, 160),
        (12.0, 3.0, 0.5, 2.0, 1.0, 5, 1.0, 170),
        (10.0, 0.5, 0.3, 1.2, 0.7, 1, 1.0, 800),  # rates from next to nothing to several hundred
        (20.0, 7.9, 3.0, 8.0, 0.7, 1, 1.0, 250),
        (8.0, 2.0, 40.0, 60.0, 0.7, 3, 1.0, 180),  # households that hardly differ in their shares
        (5.0, 400.0, 0.5, 2.0, 0.6, 1, 2.0, 60),  # or in their rates
        (30.0, 2.0, 0.4, 1.0, 0.95, 10, 1.0, 600),
    ],
)
def test_fates_are_those_of_an_exact_quadrature(mean, shape, alpha, rest, threshold, least, length, most):
    given_ = {
        "mean": mean,
        "shape": shape,
        "alpha": alpha,
        "rest": rest,
        "threshold": threshold,
        "least": least,
    }
    mass = by_quadrature(**given_, length=length, most=most)
    # stated to be exact to about 1e-9
    np.testing.assert_allclose(fate_shares(**given_, length=length), mass / mass.sum(), atol=1e-8)
    assert loyal_share(**given_) == pytest.approx(mass.sum(), rel=1e-8)


@pytest.mark.parametrize(
    ("mean", "shape", "least", "stay", "defect"),
    [(0.8, 1.0, 1, 0.48, 0.32), (6.0, 1.5, 1, 0.58, 0.10), (6.0, 1.5, 3, 0.64, 0.01)],
)
def test_the_known_figures_hold_among_those_who_buy_again(mean, shape, least, stay, defect):
    # 48 and 32 %, 58 and 10 %: of the loyal who buy the category again, those who stay and those who do not
    # buy the brand. It is 64 and 1 % with three or more category purchases in each of the two years.
    fates = fate_shares(mean=mean, shape=shape, **SMALL_BRAND, least=least, least_ahead=least)
    again = fates[[0, 2]] / (1.0 - fates[3])
    np.testing.assert_allclose(again, [stay, defect], atol=0.005)  # known to the percentage point


def test_seven_of_ten_are_seventy_per_cent():
    # In binary 0.56 · 25 is above 14, and seven steps of 0.1 times 10 above 7.
    for threshold, n, x in [(0.7, 10, 7), (7 * 0.1, 10, 7), (0.56, 25, 14), (0.6, 5, 3)]:
        # a threshold a little lower changes nothing, a little higher it shuts these out
        at, under, over = (
            loyal_share(mean=4.0, shape=2.0, alpha=0.5, rest=1.0, threshold=level, least=n)
            for level in (x / n, x / n - 1e-12, x / n + 1e-6)
        )
        same = loyal_share(mean=4.0, shape=2.0, alpha=0.5, rest=1.0, threshold=threshold, least=n)
        assert same == pytest.approx(at, rel=1e-12)
        assert at == pytest.approx(under, rel=1e-12)
        assert over < at * (1.0 - 1e-3)


def test_fates_are_those_of_simulated_households():
    rng = np.random.default_rng(8)
    size = 400_000
    rate, share = rng.gamma(1.5, 4.0, size), rng.beta(0.5, 1.2, size)
    x, others = rng.poisson(rate * share), rng.poisson(rate * (1.0 - share))
    y, n_later = rng.poisson(0.5 * rate * share), rng.poisson(0.5 * rate * (1.0 - share))
    n, n_later = x + others, n_later + y
    loyal = (n >= 2) & (10 * x >= 7 * n)
    stays, buys = (10 * y >= 7 * n_later) & (n_later > 0), n_later > 0
    fate = np.select([~buys, stays, y > 0], [3, 0, 1], default=2)[loyal]
    simulated = np.bincount(fate, minlength=4) / loyal.sum()
    expected = fate_shares(mean=6.0, shape=1.5, alpha=0.5, rest=1.2, least=2, length=0.5)
    # four and a half standard errors: one run in 30,000 for the five figures
    assert (np.abs(simulated - expected) < 4.5 * np.sqrt(expected * (1 - expected) / loyal.sum())).all()
    share_loyal = loyal_share(mean=6.0, shape=1.5, alpha=0.5, rest=1.2, least=2)
    assert abs(loyal.mean() - share_loyal) < 4.5 * np.sqrt(share_loyal * (1 - share_loyal) / size)


def test_draws_and_brands_broadcast_and_are_those_of_one_at_a_time():
    rng = np.random.default_rng(2)
    mean, shape = np.exp(rng.normal(1.0, 0.3, (5, 1))), np.exp(rng.normal(0.0, 2.5, (5, 1)))
    alpha = np.array([0.05, 0.4, 1.1])
    together = fate_shares(mean=mean, shape=shape, alpha=alpha, rest=1.5 - alpha)
    assert together.shape == (5, 3, len(FATES))
    shares = loyal_share(mean=mean, shape=shape, alpha=alpha, rest=1.5 - alpha)
    assert shares.shape == (5, 3)
    for d in range(5):
        for j in range(3):
            one = {"mean": mean[d, 0], "shape": shape[d, 0], "alpha": alpha[j], "rest": 1.5 - alpha[j]}
            # other nodes are chosen for one draw than for all; both are good to about 1e-9
            np.testing.assert_allclose(together[d, j], fate_shares(**one), atol=1e-8)
            assert shares[d, j] == pytest.approx(loyal_share(**one), rel=1e-7)


def test_one_brand_for_life_leaves_only_the_category():
    # S near 0: the loyal buy the brand or nothing. With K = 1 and M = 2 a household buys nothing in one
    # period with chance 1 / 3 and in two with 1 / 5: of the buyers (1 - 2 / 3 + 1 / 5) / (2 / 3) come back.
    back = 0.8
    fates = fate_shares(mean=2.0, shape=1.0, alpha=3e-6, rest=7e-6)
    np.testing.assert_allclose(fates, [back, 0.0, 0.0, 1.0 - back], atol=2e-5)  # of the order of S


def test_limits_of_the_draws_are_taken():
    # What bootstrap draws can be at most: rates all alike or as different as can be, shares likewise.
    for shape, alpha, rest in [(1e6, 0.3, 0.9), (1e-6, 0.3, 0.9), (1.0, 1e3, 9e3), (1.0, 1e-6, 0.5)]:
        mean = 1e-6 if shape == 1e-6 else 2.0
        fates = fate_shares(mean=mean, shape=shape, alpha=alpha, rest=rest)
        assert (fates >= 0.0).all()
        assert fates.sum() == pytest.approx(1.0, abs=1e-12)
    poisson, near = (fate_shares(mean=2.0, shape=k, alpha=0.3, rest=0.9) for k in (1e6, 1e4))
    np.testing.assert_allclose(poisson, near, atol=1e-3)  # of the order of M / K


@settings(max_examples=50, deadline=None)
@given(
    mean=st.floats(0.1, 8.0),
    shape=st.floats(0.5, 50.0),
    alpha=st.floats(0.02, 5.0),
    rest=st.floats(0.05, 10.0),
    threshold=st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
    least=st.integers(1, 4),
    length=st.sampled_from([0.5, 1.0]),
)
def test_fates_add_up_and_follow_the_rule(mean, shape, alpha, rest, threshold, least, length):
    market = {"mean": mean, "shape": shape, "alpha": alpha, "rest": rest}
    rule = {"threshold": threshold, "least": least}
    fates = fate_shares(**market, **rule, length=length)
    assert ((fates >= 0.0) & (fates <= 1.0)).all()
    assert fates.sum() == pytest.approx(1.0, abs=1e-12)
    # sums of a few hundred terms, relative to a share of loyal households that may be small
    loyal = loyal_share(**market, **rule)
    assert loyal_share(**market, threshold=threshold, least=least + 1) <= loyal * (1.0 + 1e-7)
    assert loyal_share(**market, threshold=0.5, least=least) >= loyal * (1.0 - 1e-7)
    # the longer the next period, the fewer buy nothing in it
    assert fate_shares(**market, **rule, length=2.0 * length)[3] <= fates[3] + 1e-8


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"threshold": 1.01}, "threshold is 1.01"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"least": 0}, "least is 0"),
        ({"least": 1.5}, "least is 1.5"),
        ({"least_ahead": 0}, "least_ahead is 0"),
        ({"length": 0.0}, "length is 0.0"),
        ({"mean": -1.0}, "mean is -1"),
        ({"shape": 1e7}, "shape is 1e.07; it is a number above 0 and at most 1,000,000"),
        ({"alpha": [0.1, np.nan]}, "alpha is nan"),
        ({"rest": 0.0}, "rest is 0"),
        ({"alpha": [0.1, 0.2], "rest": [1.0, 1.0, 1.0]}, "do not fit each other"),
        ({"mean": 5_000.0}, "take a shorter period"),
        ({"least": 200}, "next to no household"),
    ],
)
def test_what_cannot_be_is_refused(wrong, words):
    given_ = {"mean": 0.8, "shape": 1.0, "alpha": 0.12, "rest": 1.08} | wrong
    with pytest.raises(OptionError, match=words):
        fate_shares(**given_)

"""Bounds on violations of parallel trends: hand-made sets, shortest intervals, coverage and words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import ndtr

from cemlab import training
from cemlab.errors import DataError, DesignError, OptionError
from cemlab.stats.lasso_path import lasso_path
from cemlab.stats.trend_bounds import (
    TrendBounds,
    folded_quantile,
    relative_trend_bounds,
    smooth_trend_bounds,
)
from cemlab.stats.trend_breakdown import breakdown
from cemlab.stats.trend_target import TrendTarget, bias_of_bends, trend_target
from cemlab.training.effects import GroupTimeEffects
from cemlab.training.roll_out import RollOut

Floats = npt.NDArray[np.float64]

#: Nearly no error: intervals are the identified sets but for six standard errors of 1e-7.
TINY = 1e-14


def random_target(rng: np.random.Generator, k: int, t: int, **options: int) -> TrendTarget:
    """Return a target as event studies have it: estimates relative to one base, so all correlated."""
    walks = rng.normal(size=(60, k + t)).cumsum(axis=1) + rng.normal(size=(60, 1))
    return trend_target(
        0.3 * rng.normal(size=k), rng.normal(size=t), covariance=walks.T @ walks / 60**2, **options
    )


def lead_weights(target: TrendTarget, bound: float) -> tuple[Floats, float]:
    """Return how much each lead counts in the centre of the interval, and half its length."""
    zero = {"covariance": target.covariance, "distance": target.distance, "weights": target.weights}
    k = target.leads.size

    def centre(leads: Floats) -> float:
        moved = TrendTarget(leads=leads, effect=0.0, clusters=target.clusters, **zero)
        return float(smooth_trend_bounds(moved, bounds=[bound]).estimate[0])

    half = smooth_trend_bounds(target, bounds=[bound])
    return np.array([centre(row) for row in np.eye(k)]), float(half.conf_high[0] - half.conf_low[0]) / 2


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(0, 10_000), st.floats(0.0, 1.2))
def test_every_point_of_the_path_minimises(k: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    root, linear = rng.normal(size=(k + 2, k)), rng.normal(size=k)
    quadratic = root.T @ root
    path = lasso_path(quadratic, linear)
    penalty = share * path.knots[0]
    u = path.at(penalty)
    gradient = linear + quadratic @ u
    # the conditions of the minimum; rounding grows with what the matrix magnifies
    slack = 1e-9 * max(1.0, float(np.abs(quadratic).max() * np.abs(path.solutions).max()))
    assert (np.abs(gradient) <= penalty + slack).all()
    away = np.abs(u) > slack
    assert np.abs(gradient + penalty * np.sign(u))[away] == pytest.approx(0, abs=slack)


def test_the_path_ends_at_the_plain_minimum_and_may_be_empty() -> None:
    rng = np.random.default_rng(1)
    root, linear = rng.normal(size=(9, 6)), rng.normal(size=6)
    path = lasso_path(root.T @ root, linear)
    assert path.at(0.0) == pytest.approx(-np.linalg.solve(root.T @ root, linear), abs=1e-9)
    assert (np.diff(path.knots) < 0).all()
    assert lasso_path(np.eye(2), np.zeros(2)).at(0.0).tolist() == [0, 0]
    assert lasso_path(np.empty((0, 0)), np.empty(0)).at(1.0).size == 0


@pytest.mark.parametrize(("k", "t"), [(1, 1), (2, 3), (6, 4)])
def test_a_straight_line_gives_the_generalised_least_squares_answer(k: int, t: int) -> None:
    rng = np.random.default_rng(k)
    walks = rng.normal(size=(60, k + t)).cumsum(axis=1)
    covariance, estimates = walks.T @ walks / 60**2, rng.normal(size=k + t)
    found = smooth_trend_bounds(trend_target(estimates[:k], estimates[k:], covariance=covariance), bounds=[0])
    # leads on a line through the base; lags on the line plus an effect each
    design = np.zeros((k + t, 1 + t))
    design[:, 0] = np.r_[-np.arange(k, 0, -1), np.arange(1, t + 1)]
    design[k:, 1:] = np.eye(t)
    weight = np.linalg.inv(covariance)
    of_fit = np.linalg.inv(design.T @ weight @ design)
    mean = np.r_[0.0, np.full(t, 1 / t)]
    middle, error = mean @ of_fit @ design.T @ weight @ estimates, np.sqrt(mean @ of_fit @ mean)
    # the inversions of the reference lose some digits
    assert found.estimate[0] == pytest.approx(middle, abs=1e-7)
    assert found.conf_high[0] - found.conf_low[0] == pytest.approx(2 * 1.959963985 * error, rel=1e-7)


@pytest.mark.parametrize("bound", [0.0, 0.03, 0.3, 3.0])
def test_no_other_weights_of_the_leads_give_a_shorter_interval(bound: float) -> None:
    target = random_target(np.random.default_rng(2), 5, 3)
    own, half = lead_weights(target, bound)
    far, late = np.arange(5, 0, -1.0), np.arange(1, 4.0)

    def length(weights: Floats) -> float:
        """Return half the length for weights of all leads but the nearest, which a straight line fixes."""
        full = np.append(weights, late.mean() - weights @ far[:4])
        bends = sum(abs(full @ np.maximum(far - j, 0)) for j in range(1, 5))
        later = sum(float(np.maximum(late - j, 0).mean()) for j in range(3))
        error = np.sqrt(np.append(full, 1) @ target.covariance @ np.append(full, 1))
        return float(error * folded_quantile(bound * (bends + later) / error, 0.95))

    assert length(own[:4]) == pytest.approx(half, rel=1e-9)
    assert own @ far == pytest.approx(late.mean(), abs=1e-9)
    other = min(
        minimize(
            length,
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000, "maxfev": 4000},
        ).fun
        for start in (own[:4] + 0.1, own[:4])
    )
    # the simplex stops a little above the minimum, never below it
    assert half <= other * (1 + 1e-8)
    assert half == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("bias", [0.0, 0.3, 1.0, 3.0, 5.999, 6.001, 40.0])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_folded_quantile_leaves_the_rest_outside(bias: float, level: float) -> None:
    at = folded_quantile(bias, level)
    # beyond a bias of six the far tail, below 1e-9, is left out
    assert ndtr(at - bias) - ndtr(-at - bias) == pytest.approx(level, abs=2e-9)


def test_sets_by_hand_with_hardly_any_error() -> None:
    # one lead: trends fell by 1 in the last period before; two lags, 3 and 5
    target = trend_target([1.0], [3.0, 5.0], covariance=TINY * np.eye(3))
    smooth = smooth_trend_bounds(target, bounds=[0, 1])
    # going on, the line makes −1 and −2: the effect is (4 + 7) / 2; bends of 1 move the lags by 1 and 3
    assert smooth.estimate == pytest.approx([5.5, 5.5], abs=1e-6)
    assert smooth.conf_low == pytest.approx([5.5, 3.5], abs=2e-6)
    assert smooth.conf_high == pytest.approx([5.5, 7.5], abs=2e-6)
    relative = relative_trend_bounds(target, bounds=[0, 1, 2])
    # moves of up to 1 a period: the lags by up to 1 and 2, on average 1.5
    assert relative.conf_low == pytest.approx([4, 2.5, 1], abs=2e-6)
    assert relative.conf_high == pytest.approx([4, 5.5, 7], abs=2e-6)
    for found in (smooth, relative):
        assert found.set_low == pytest.approx(found.conf_low, abs=2e-6)
        assert found.set_high == pytest.approx(found.conf_high, abs=2e-6)


def test_anticipation_moves_the_lags_away_from_the_base() -> None:
    # two periods of anticipation: the first lag stands three periods from the base
    target = trend_target([-1.0], [4.0], covariance=TINY * np.eye(2), distance=[3.0])
    assert bias_of_bends(target) == 3 + 2 + 1
    smooth, relative = smooth_trend_bounds(target, bounds=[0.1]), relative_trend_bounds(target, bounds=[0.5])
    assert [smooth.conf_low[0], smooth.conf_high[0]] == pytest.approx([1 - 0.6, 1 + 0.6], abs=2e-6)
    assert [relative.conf_low[0], relative.conf_high[0]] == pytest.approx([4 - 1.5, 4 + 1.5], abs=2e-6)


def test_leads_that_break_the_bound_leave_no_set() -> None:
    target = trend_target([2.0, 0.5], [1.0], covariance=TINY * np.eye(3))  # a bend of 1 at the inner lead
    found = smooth_trend_bounds(target, bounds=[0.9, 1.0])
    assert np.isnan(found.set_low[0])
    assert np.isnan(found.set_high[0])
    assert [found.set_low[1], found.set_high[1]] == pytest.approx([0.5, 2.5])


def test_smooth_intervals_cover_as_they_say_under_the_worst_bends_and_more_under_others() -> None:
    rng = np.random.default_rng(3)
    target, bound = random_target(rng, 4, 3), 0.05
    own, half = lead_weights(target, bound)
    far = np.arange(4, 0, -1.0)
    signs = np.sign([own @ np.maximum(far - j, 0) for j in range(1, 4)])
    # a line that bends by the bound everywhere, always the way that hurts
    leads = 0.7 * -far + bound * np.maximum(far[:, None] - np.arange(1, 4), 0) @ signs
    late = np.arange(1, 4.0)
    lag = float((0.7 * late + bound * np.maximum(late[:, None] - np.arange(3), 0).sum(axis=1)).mean())
    error = rng.multivariate_normal(np.zeros(5), target.covariance, size=40_000)
    worst = lag + error[:, 4] + (leads + error[:, :4]) @ own
    # the truth is an effect of 0; 40,000 draws have a standard deviation of 0.0011
    assert (np.abs(worst) <= half).mean() == pytest.approx(0.95, abs=0.005)
    straight = 0.7 * late.mean() + error[:, 4] + (-0.7 * far + error[:, :4]) @ own
    assert (np.abs(straight) <= half).mean() > 0.955


@pytest.mark.parametrize(("bound", "scale"), [(0.0, 1.0), (0.5, 1.0), (1.0, 0.1), (1.0, 10.0)])
def test_relative_intervals_cover_at_least_as_they_say(bound: float, scale: float) -> None:
    rng = np.random.default_rng(4)
    example = random_target(rng, 3, 2)
    leads = scale * 0.3 * np.array([0.2, 1.0, 0.4])  # moves 0.8, −0.6, −0.4
    lag = bound * scale * 0.3 * 0.8 * 1.5  # in both periods after, by all that the bound allows
    covered = 0
    errors = rng.multivariate_normal(np.zeros(4), example.covariance, size=1000)
    for error in errors:
        target = TrendTarget(
            leads=leads + error[:3],
            effect=lag + error[3],
            covariance=example.covariance,
            distance=example.distance,
            weights=example.weights,
            clusters=None,
        )
        found = relative_trend_bounds(target, bounds=[bound])
        covered += bool(found.conf_low[0] <= 0 <= found.conf_high[0])
    # at least 950 but for luck, whose standard deviation is 7; without violation no more than luck above
    assert covered >= 930
    if bound == 0:
        assert covered <= 970


def test_an_estimated_covariance_is_allowed_for() -> None:
    rng = np.random.default_rng(5)
    k, units, runs = 4, 16, 600
    root = np.tril(np.ones((k + 1, k + 1)))
    data = rng.normal(size=(runs, units, k + 1)) @ root.T
    data[:, :, :k] -= np.arange(k, 0, -1) * 0.1  # a straight line and no effect
    data[:, :, k] += 0.1
    covered = np.zeros(2)
    for sample in data:
        mean, covariance = sample.mean(axis=0), np.cov(sample.T) / units
        for i, clusters in enumerate((units, None)):
            target = trend_target(mean[:k], mean[k:], covariance=covariance, clusters=clusters)
            found = smooth_trend_bounds(target, bounds=[0.0])
            covered[i] += found.conf_low[0] <= 0 <= found.conf_high[0]
    # 600 runs have a standard deviation of 0.009 at 0.95; taken as known, the covariance covers far less
    assert covered[0] / runs == pytest.approx(0.95, abs=0.027)
    assert covered[1] / runs < 0.9


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 10_000))
def test_intervals_grow_with_the_bound(k: int, t: int, seed: int) -> None:
    target = random_target(np.random.default_rng(seed), k, t)
    bounds = [0.0, 0.01, 0.1, 1.0, 10.0]
    relative = relative_trend_bounds(target, bounds=bounds)
    # each holds the one before
    assert (np.diff(relative.conf_low) <= 1e-12).all()
    assert (np.diff(relative.conf_high) >= -1e-12).all()
    assert (relative.conf_low <= relative.set_low).all()
    assert (relative.set_high <= relative.conf_high).all()
    smooth = smooth_trend_bounds(target, bounds=bounds)
    # longer, though its centre may move; the search stops within rounding of the shortest
    length = smooth.conf_high - smooth.conf_low
    assert (np.diff(length) >= -1e-9 * length[1:]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_changing_the_sign_or_the_unit_changes_nothing_else(seed: int, smooth: bool) -> None:
    target = random_target(np.random.default_rng(seed), 3, 2)
    bounds = smooth_trend_bounds if smooth else relative_trend_bounds
    unit = 7.0 if smooth else 1.0  # a bend has the unit of the outcome, a multiple has none
    one = bounds(target, bounds=[0.2])
    other = bounds(
        TrendTarget(
            leads=-7 * target.leads,
            effect=-7 * target.effect,
            covariance=49 * target.covariance,
            distance=target.distance,
            weights=target.weights,
            clusters=None,
        ),
        bounds=[0.2 * unit],
    )
    # the search along the path stops within a millionth
    assert other.conf_low[0] == pytest.approx(-7 * one.conf_high[0], rel=1e-6, abs=1e-6)
    assert other.conf_high[0] == pytest.approx(-7 * one.conf_low[0], rel=1e-6, abs=1e-6)


def _at(method: Callable[..., TrendBounds], target: TrendTarget, grid: list[float]) -> TrendBounds:
    return method(target, bounds=grid)


def test_the_breakdown_value_is_where_zero_comes_in() -> None:
    target = trend_target([0.1, -0.1], [1.0, 1.2], covariance=0.01 * np.eye(4))
    for bounds in (smooth_trend_bounds, relative_trend_bounds):
        at = breakdown(partial(_at, bounds, target), unit=0.01)
        before, after = bounds(target, bounds=[0.999 * at, at]).conf_low
        assert before > 0 >= after
    none = trend_target([0.1], [0.0], covariance=np.eye(2))
    assert breakdown(lambda grid: relative_trend_bounds(none, bounds=grid), unit=1.0) == 0
    still = trend_target(
        [0.0], [1.0], covariance=np.diag([1e-40, 0.01])
    )  # no move before: a multiple of it is none
    assert np.isinf(breakdown(lambda grid: relative_trend_bounds(still, bounds=grid), unit=1.0))


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"leads": []}, DesignError, "one period before treatment only"),
        ({"lags": []}, DesignError, "no lag"),
        ({"covariance": np.eye(2)}, DataError, "shape"),
        ({"covariance": np.zeros((3, 3))}, DataError, "singular"),
        ({"covariance": np.ones((3, 3))}, DataError, "singular"),
        ({"covariance": np.triu(np.ones((3, 3)))}, DataError, "symmetric"),
        ({"covariance": np.full((3, 3), np.nan)}, DataError, "covariance hold what is no finite"),
        ({"leads": [np.nan, 1.0]}, DataError, "leads hold what is no finite"),
        ({"lags": [np.inf]}, DataError, "lags hold what is no finite"),
        ({"weights": [np.nan]}, DataError, "weights hold"),
        ({"distance": [0.0]}, DataError, "whole number of periods"),
        ({"distance": [1.5]}, DataError, "whole number of periods"),
        ({"distance": [1.0, 2.0]}, DataError, "shape"),
        ({"clusters": 4}, DesignError, "take at most 1 leads"),
    ],
)
def test_impossible_estimates_are_refused(
    arguments: dict[str, object], error: type[Exception], says: str
) -> None:
    given_ = {"leads": [0.0, 1.0], "lags": [1.0], "covariance": np.eye(3)} | arguments
    if len(given_["leads"]) == 0 or len(given_["lags"]) == 0:
        given_["covariance"] = np.eye(len(given_["leads"]) + len(given_["lags"]))
    with pytest.raises(error, match=says):
        trend_target(**given_)


@pytest.mark.parametrize("bounds", [[], [-1.0], [np.nan], [np.inf], [[1.0]], ["much"], None])
def test_impossible_bounds_are_refused(bounds: object) -> None:
    target = trend_target([0.0], [1.0], covariance=np.eye(2))
    for function in (smooth_trend_bounds, relative_trend_bounds):
        with pytest.raises(OptionError, match="bounds are"):
            function(target, bounds=bounds)
        with pytest.raises(OptionError, match="conf_level"):
            function(target, bounds=[1.0], conf_level=2)


def effects_of(seed: int = 6, *, effect: float = 1.0, first: int = 6, **options: object) -> GroupTimeEffects:
    rng = np.random.default_rng(seed)
    begins = np.repeat([first, first + 2, 12], [12, 12, 16])
    y = 0.3 * rng.normal(size=(40, 12)) + effect * (np.arange(12) >= begins[:, None])
    rolled = RollOut(
        units=tuple(f"B{i}" for i in range(40)),
        periods=tuple(range(12)),
        outcome=y,
        first=begins,
        covariates=np.empty((40, 0)),
        covariate_names=(),
        cluster=np.arange(40),
        weights=np.ones(40),
        outcome_name="cx",
        n_given=40,
    )
    return training.group_time_effects(rolled, draws=99, **options)


def test_the_same_groups_stand_behind_all_event_times() -> None:
    found = training.trend_sensitivity(effects_of())
    # the later group is seen for four periods, the earlier one has leads down to −6
    assert found.post == "on average over event times 0 to 3"
    assert found.leads == (-6, -5, -4, -3, -2)
    assert found.table["bound"].tolist() == [0, 0.5, 1, 1.5, 2]
    first, usual = found.table.iloc[0], found.usual.iloc[0]
    assert [first["conf_low"], first["conf_high"]] == pytest.approx([usual["conf_low"], usual["conf_high"]])
    assert usual["estimate"] == pytest.approx(1.0, abs=4 * usual["std_error"])
    # leads asked for, one event time, anticipation
    assert training.trend_sensitivity(effects_of(), leads=2).leads == (-3, -2)
    assert training.trend_sensitivity(effects_of(), post=2).post == "at event time 2"
    assert training.trend_sensitivity(effects_of(anticipation=1)).leads == (-6, -5, -4, -3)


@pytest.mark.parametrize("restriction", ["relative magnitudes", "smoothness"])
def test_words_and_chart_tell_what_is_survived(restriction: str) -> None:
    strong = training.trend_sensitivity(effects_of(effect=3.0), restriction=restriction)
    assert strong.chart.claim.startswith("The difference stays above zero until trends")
    assert strong.breakdown > 0
    assert strong.table["holds"].tolist() == [bool(low > 0) for low in strong.table["conf_low"]]
    against = training.trend_sensitivity(effects_of(effect=-3.0), restriction=restriction)
    assert "below zero" in against.narrative()
    none = training.trend_sensitivity(effects_of(effect=0.0), restriction=restriction)
    assert none.breakdown == 0
    assert none.chart.claim.startswith("Zero lies within the interval even if trends")
    assert len(none.chart.frame) == len(none.table) + 1
    assert none.summary["holds"].tolist() == ["within"] * 5
    assert "Violation up to" in none.to_markdown()
    # the bound stands in the place of parallel trends
    assert none.evidence.assumptions[0] != effects_of().evidence.assumptions[0]
    assert none.evidence.assumptions[1:] == effects_of().evidence.assumptions[1:]


def test_what_has_no_path_or_no_leads_is_refused_by_name() -> None:
    effects = effects_of()
    with pytest.raises(OptionError, match="no path by event time"):
        training.trend_sensitivity(effects.overall())
    with pytest.raises(OptionError, match="no path by event time"):
        training.trend_sensitivity("effects")
    with pytest.raises(DesignError, match="base='universal'"):
        training.trend_sensitivity(effects_of(base="varying"))
    with pytest.raises(DesignError, match="one period before treatment only"):
        training.trend_sensitivity(effects_of(first=1))
    with pytest.raises(OptionError, match="restriction"):
        training.trend_sensitivity(effects, restriction="monotone")
    for post in (9, -2, True, "last"):
        with pytest.raises(OptionError, match="event time from 0 to 3"):
            training.trend_sensitivity(effects, post=post)
    for leads in (0, True, 1.5):
        with pytest.raises(OptionError, match="leads is"):
            training.trend_sensitivity(effects, leads=leads)
    with pytest.raises(OptionError, match="bounds are"):
        training.trend_sensitivity(effects, bounds=[-1])

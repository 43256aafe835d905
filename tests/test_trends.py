"""Trends before the treatment: leads, slope, deals, power and the verdict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cemlab import training
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.simulate.halden import Halden
from cemlab.simulate.organisation.network_tables import half_scores
from cemlab.stats.dealt_trends import wald
from cemlab.stats.pre_trends import chance, leads_before, leads_tested, lottery, slope_before
from cemlab.stats.trend_power import slope_found, slope_found_jointly
from cemlab.training.roll_out import RollOut

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Sums and products of some hundred numbers near 1 differ by rounding only.
ROUNDING = 1e-12


def rolled_out(outcome: Floats, first: Ints, *, cluster: Ints | None = None) -> RollOut:
    n, periods = outcome.shape
    return RollOut(
        units=tuple(f"B{i}" for i in range(n)),
        periods=tuple(range(periods)),
        outcome=outcome,
        first=first,
        covariates=np.empty((n, 0)),
        covariate_names=(),
        cluster=np.arange(n) if cluster is None else cluster,
        weights=np.ones(n),
        outcome_name="cx",
        n_given=n,
    )


def halden(world: str, seed: int) -> RollOut:
    """Return the experience of Halden's branches as branch_month has it, without any customers."""
    company = Halden(customers=500, seed=seed, world_name=world)
    network = company.network()
    score = half_scores(company.world, company.streams, network).mean(axis=0)
    waves = np.array([48, *company.world.network.waves])
    return rolled_out(np.round(score, 3), waves[network.wave])


def noisy(rng: np.random.Generator, n: int, periods: int, memory: float = 0.8) -> Floats:
    """Return autoregressive errors, the hard case for trends."""
    noise = rng.normal(size=(n, periods))
    for t in range(1, periods):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return noise


def test_leads_of_two_groups_are_the_weighted_differences_by_hand() -> None:
    y = np.zeros((7, 5))
    y[:3, 0], y[:3, 1] = 6.0, 3.0  # three units first treated in period 3
    y[3:5, 2] = 10.0  # two first treated in period 4: until then they are controls of the others
    first = np.array([3, 3, 3, 4, 4, 5, 5])
    found = leads_before(y, first=first)
    # group 3 from its base, period 2, where its four controls stand at 5 on average: 6 + 5 and 3 + 5;
    # group 4 from period 3, against the two never treated: 0, 0 and 10
    assert found.event_time.tolist() == [-4, -3, -2]
    assert found.estimate == pytest.approx([0, (3 * 11 + 2 * 0) / 5, (3 * 8 + 2 * 10) / 5], abs=ROUNDING)
    assert found.n_treated.tolist() == [2, 5, 5]
    # against those never treated alone nothing is mixed in
    alone = leads_before(y, first=first, controls="never treated")
    assert alone.estimate == pytest.approx([0, (3 * 6 + 2 * 0) / 5, (3 * 3 + 2 * 10) / 5], abs=ROUNDING)


@pytest.mark.parametrize("controls", ["not yet treated", "never treated"])
@pytest.mark.parametrize("anticipation", [0, 2])
def test_leads_are_those_of_group_time_effects(controls: str, anticipation: int) -> None:
    rng = np.random.default_rng(3)
    rolled = rolled_out(noisy(rng, 24, 12), np.repeat([6, 9, 12], 8))
    found = leads_before(
        rolled.outcome,
        first=rolled.first,
        anticipation=anticipation,
        controls=controls,
    )
    effects = training.group_time_effects(
        rolled,
        controls=controls,
        anticipation=anticipation,
        draws=99,
    )
    other = effects.by_event_time().table.set_index("event_time")["estimate"]
    assert found.estimate == pytest.approx(other[found.event_time].to_numpy(), abs=ROUNDING)


def test_errors_of_one_group_are_welchs() -> None:
    rng = np.random.default_rng(4)
    y, first = noisy(rng, 15, 6), np.repeat([4, 6], [5, 10])
    found = leads_before(y, first=first)
    change = y[:, :3] - y[:, [3]]
    treated, others = change[:5], change[5:]
    by_hand = np.sqrt(treated.var(axis=0, ddof=1) / 5 + others.var(axis=0, ddof=1) / 10)
    assert found.std_error == pytest.approx(by_hand, abs=ROUNDING)
    slopes = np.polyfit(np.arange(4), y[:, :4].T, 1)[0]
    slope = slope_before(y, first=first)
    assert slope.estimate == pytest.approx(slopes[:5].mean() - slopes[5:].mean(), abs=ROUNDING)
    assert slope.std_error == pytest.approx(
        np.sqrt(slopes[:5].var(ddof=1) / 5 + slopes[5:].var(ddof=1) / 10), abs=ROUNDING
    )


def test_a_planted_slope_is_found_whatever_the_levels_and_common_paths() -> None:
    rng = np.random.default_rng(5)
    first = np.repeat([5, 8, 10], [4, 4, 6])
    y = rng.normal(size=(14, 1)) + rng.normal(size=(1, 10)) + 0.3 * np.arange(10) * (first < 10)[:, None]
    assert slope_before(y, first=first, controls="never treated").estimate == pytest.approx(0.3, abs=ROUNDING)
    # with anticipation the base is earlier, the slope the same
    early = slope_before(y, first=first, controls="never treated", anticipation=2)
    assert early.estimate == pytest.approx(0.3, abs=ROUNDING)


def test_wald_is_the_quadratic_form_and_refuses_to_invert_what_cannot_be() -> None:
    rng = np.random.default_rng(6)
    root = rng.normal(size=(9, 4))
    covariance, estimate = root.T @ root, rng.normal(size=4)
    assert wald(estimate, covariance) == pytest.approx(estimate @ np.linalg.inv(covariance) @ estimate)
    assert np.isnan(wald(np.ones(2), np.ones((2, 2))))
    assert np.isnan(wald(np.ones(2), np.diag([1.0, 0.0])))


@pytest.mark.parametrize(("treated", "controls", "spread"), [(3, 6, 1.0), (4, 16, 2.0)])
def test_the_deals_reject_as_often_as_they_say_with_few_units_and_long_memory(
    treated: int, controls: int, spread: float
) -> None:
    rng = np.random.default_rng(7)
    first = np.repeat([6, 9, 11], [treated, treated, controls])
    rejected = np.zeros(2)
    for run in range(200):
        # those treated vary more, so that units cannot be exchanged
        y = noisy(rng, len(first), 11) * np.where(first < 11, spread, 1.0)[:, None]
        found, slope = leads_before(y, first=first), slope_before(y, first=first)
        tested = leads_tested(found, first=first)
        dealt = lottery(y, first=first, tested=tested, draws=39, seed=run)
        joint = wald(found.estimate[-tested:], found.covariance[-tested:, -tested:])
        p = [chance(float(joint), dealt.joint), chance(abs(slope.estimate / slope.std_error), dealt.slope)]
        rejected += np.array(p) <= 0.1
    # one in ten: 20 of 200 with a standard deviation of 4.2, four of these above; ten leads jointly would
    # reject more than half where the treated vary more
    assert (rejected <= 37).all(), rejected
    assert (rejected >= 4).all(), rejected


def test_chance_counts_the_real_deal_and_ties() -> None:
    assert chance(5.0, np.array([1.0, 2.0, 3.0])) == 0.25
    assert chance(2.0, np.array([2.0, 2.0 * (1 - 1e-13), 1.0])) == 0.75  # ties but for rounding
    assert chance(1e9, np.array([np.inf, 1.0])) == pytest.approx(2 / 3)


def test_few_units_on_a_side_test_few_leads() -> None:
    def tested(*sizes: int) -> int:
        first = np.repeat(np.arange(10 - len(sizes), 10), sizes)
        return leads_tested(leads_before(np.eye(len(first), 9), first=first), first=first)

    assert tested(5, 5) == 1
    assert tested(10, 10) == 3  # nine degrees of freedom on each side
    assert tested(8, 8, 30) == 4  # 16 treated in two groups: 14
    assert tested(30, 8) == 2
    assert tested(50, 50) == 7  # as many leads as there are


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_the_slope_found_is_found_so_often(power: float) -> None:
    rng = np.random.default_rng(9)
    slope = slope_found(0.02, critical=2.3, power=power)
    drawn = np.abs(slope / 0.02 + rng.normal(size=100_000)) > 2.3
    # 100,000 draws: a standard deviation of at most 0.0016
    assert drawn.mean() == pytest.approx(power, abs=0.006)


def test_the_slope_found_jointly_is_found_so_often_with_a_covariance_from_few_units() -> None:
    rng = np.random.default_rng(10)
    k, units = 3, 21
    distance, truth = np.array([-3.0, -2.0, -1.0]), np.diag([3.0, 2.0, 1.0]) + 0.5
    root = np.linalg.cholesky(truth)
    scatter = rng.normal(size=(20_000, units, k)) @ root.T
    covariance = np.einsum("rui,ruj->rij", scatter, scatter) / units
    around = rng.normal(size=(20_000, k)) @ root.T
    level = np.linalg.solve(covariance, around[:, :, None])[:, :, 0]
    critical = float(np.quantile((around * level).sum(axis=1), 0.95))
    slopes = [
        slope_found_jointly(distance, each, critical=critical, units=units, power=0.8)
        for each in covariance[:200]
    ]
    shifted = around + float(np.mean(slopes)) * distance
    found = (shifted * np.linalg.solve(covariance, shifted[:, :, None])[:, :, 0]).sum(axis=1) > critical
    # the slope is known as well as the covariance from 21 units tells it: some per cent, so a few of power
    assert found.mean() == pytest.approx(0.8, abs=0.05)


def test_power_without_end_is_said_to_be_none() -> None:
    assert np.isinf(slope_found(0.1, critical=np.inf, power=0.5))
    one = np.array([-1.0]), np.array([[1.0]])
    assert np.isinf(slope_found_jointly(*one, critical=4.0, units=0, power=0.5))
    assert np.isinf(slope_found_jointly(*one, critical=np.inf, units=9, power=0.5))
    assert np.isinf(slope_found_jointly(*one, critical=1e12, units=9, power=0.5))


def test_halden_is_refused_where_trends_selected_and_seldom_where_they_did_not() -> None:
    # By 200 seeds each: 98.5 % refused in selection-on-trend and 4 % in the default world. Of eight each,
    # seven or more and two or fewer are then what one sees in 99 of 100 such tests.
    refused = {
        world: sum(
            training.pre_trends(halden(world, seed), draws=99).check.passed is False for seed in range(1, 9)
        )
        for world in ("default", "selection-on-trend")
    }
    assert refused["selection-on-trend"] >= 7
    assert refused["default"] <= 2


def test_the_linear_test_finds_slopes_that_the_joint_test_misses() -> None:
    found = training.pre_trends(halden("selection-on-trend", 2), draws=99)
    linear, joint = found.tests.to_dict("records")
    # by Halden's plan each treated branch gains 0.02 a month, not far from what the joint test finds half
    # of the time, and twice what the linear one finds four times in five
    assert linear["slope_80"] < joint["slope_50"]
    assert linear["slope_50"] < linear["slope_80"] < 0.02
    assert linear["bias_80"] == pytest.approx(linear["slope_80"] * found.exposure)
    assert found.slope["bias"].iloc[0] == pytest.approx(found.slope["estimate"].iloc[0] * found.exposure)
    assert found.exposure == pytest.approx(_mean_distance(found.roll_out.first, 48))


def _mean_distance(first: Ints, periods: int) -> float:
    distances = [t - g + 1 for g in first[first < periods] for t in range(g, periods)]
    return float(np.mean(distances))


def test_bands_hold_all_leads_and_the_table_is_tidy() -> None:
    found = training.pre_trends(halden("default", 3), draws=99, anticipation=1)
    table = found.table
    assert table["event_time"].tolist() == list(range(-25, -2))
    assert (table["band_low"] <= table["conf_low"]).all()
    assert (table["band_high"] >= table["conf_high"]).all()
    assert table["tested"].tolist() == [False] * 17 + [True] * 6  # 20 are never trained
    assert found.summary.shape == (2, 6)
    assert "not settled" in found.chart.claim or "as far as can be seen" in found.chart.claim


def planted(noise: float, slope: float, effect: float, *, n: int = 40) -> RollOut:
    rng = np.random.default_rng(15)
    first = np.repeat([8, 16], n // 2)
    y = noise * rng.normal(size=(n, 16)) + slope * np.arange(16) * (first < 16)[:, None]
    return rolled_out(y + effect * (np.arange(16) >= first[:, None]), first)


@pytest.mark.parametrize(
    ("noise", "slope", "effect", "passed", "words"),
    [
        (0.1, 0.0, 2.0, True, "no proof that trends were parallel"),
        (1.0, 0.0, 0.2, None, "decide nothing"),
        (0.1, 0.2, 2.0, False, "nothing that follows may be told as a cause"),
    ],
)
def test_the_verdict_passes_refutes_or_leaves_undecided(
    noise: float, slope: float, effect: float, passed: bool | None, words: str
) -> None:
    found = training.pre_trends(planted(noise, slope, effect), draws=99)
    assert found.check.passed is passed
    assert words in found.narrative()
    assert found.evidence.grade == "association"
    assert found.check.name in found.to_markdown()
    assert (found.check in found.evidence.failed) is (passed is False)
    assert found.chart.alt_text().startswith(found.chart.claim)


def test_the_same_seed_gives_the_same_figures_and_columns_go_the_same_way_as_arrays() -> None:
    rolled = planted(0.5, 0.05, 1.0)
    rows = [
        (unit, t, rolled.outcome[i, t], rolled.first[i] if rolled.first[i] < 16 else None)
        for i, unit in enumerate(rolled.units)
        for t in range(16)
    ]
    panel = pd.DataFrame(rows, columns=["shop", "week", "score", "since"])
    before = panel.copy(deep=True)
    one = training.pre_trends(
        panel, outcome="score", unit="shop", time="week", first_treated="since", draws=99, seed=4
    )
    pd.testing.assert_frame_equal(panel, before)
    # the units stand in another order, so that the deals differ and the estimates do not
    two = training.pre_trends(rolled, draws=99, seed=4)
    assert one.table["estimate"].to_numpy() == pytest.approx(two.table["estimate"].to_numpy(), abs=ROUNDING)
    again = training.pre_trends(rolled, draws=99, seed=4)
    pd.testing.assert_frame_equal(two.tests, again.tests)


def test_clusters_are_tested_by_their_means() -> None:
    rng = np.random.default_rng(13)
    y, first = noisy(rng, 24, 8), np.repeat([6, 8], 12)
    pairs = np.arange(24) // 2
    both = training.pre_trends(rolled_out(y, first, cluster=pairs), draws=99)
    means = training.pre_trends(rolled_out(y.reshape(12, 2, 8).mean(axis=1), first[::2]), draws=99)
    pd.testing.assert_frame_equal(both.table.drop(columns="n_treated"), means.table.drop(columns="n_treated"))
    mixed = rolled_out(y, first, cluster=np.arange(24) % 6)
    with pytest.raises(DesignError, match="6 clusters begin at different times"):
        training.pre_trends(mixed, draws=99)


def test_what_holds_no_trend_is_refused_by_name() -> None:
    y, first = np.random.default_rng(14).normal(size=(8, 4)), np.array([1, 1, 1, 1, 4, 4, 4, 4])
    with pytest.raises(DesignError, match="no lead: trends before treatment need two periods"):
        training.pre_trends(rolled_out(y, first), draws=99)
    with pytest.raises(DesignError, match="no lead"):
        slope_before(y, first=first)
    with pytest.raises(DesignError, match="counted 2 earlier"):
        leads_before(y, first=first + 1, anticipation=2)
    alike = np.tile(np.arange(4.0), (8, 1))
    with pytest.raises(DataError, match="does not vary between units"):
        training.pre_trends(rolled_out(alike, np.minimum(first + 2, 4)), draws=99)
    with pytest.raises(DataError, match="finite"):
        leads_before(np.where(y > 1, np.nan, y), first=first)
    with pytest.raises(DataError, match="shape"):
        leads_before(y, first=first[:3])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"level": 0.0}, "level"),
        ({"level": True}, "level"),
        ({"conf_level": 1.0}, "conf_level"),
        ({"draws": 5}, "draws"),
        ({"seed": -1}, "seed"),
        ({"controls": "all"}, "kind of controls"),
        ({"anticipation": -1}, "anticipation"),
        ({"anticipation": True}, "anticipation"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        training.pre_trends(planted(1.0, 0.0, 1.0), **options)


def test_missing_columns_are_named() -> None:
    with pytest.raises(ColumnError, match="month"):
        training.pre_trends(pd.DataFrame({"branch": [1]}), outcome="cx")

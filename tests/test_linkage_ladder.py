"""The ladder to the value of a point: R's and pyfixest's numbers, and planted truths."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cemlab.errors import DesignError, OptionError
from cemlab.linkage import instrument_value, lag_profile, linked_panel, value_of_a_point
from cemlab.linkage.ladder_words import few_clusters_check, interval_words
from cemlab.linkage.lagged import lagged
from cemlab.linkage.rungs import by_halves
from cemlab.stats.instrumented import instrumented
from cemlab.stats.joint_tests import found_alike, joint_f
from cemlab.stats.least_squares import least_squares
from cemlab.stats.stated_reliability import reliability_corrected
from cemlab.stats.within_slopes import Grid, within_slopes

FOLDER = Path(__file__).parent / "reference"  # linked_panels.R made the values
REFERENCE = json.loads((FOLDER / "linked_panels.json").read_text(encoding="utf-8"))
# both roads are exact but for rounding in sums of some thousand rows; R prints 15 digits
DIGITS = 1e-11
# the published figures have 15 digits too
PUBLISHED = (1.03483343946169, 0.0505957258840295, 0.0333889134119265, 0.0535580229449377)
WITHIN = "within units and periods"
HALVES = "error out, by halves"
RELIABILITY = "error out, by reliability"


def test_petersens_panel_and_its_errors_by_firm_by_year_and_by_both():
    panel = pd.read_csv(FOLDER / "petersen.csv")
    linked = linked_panel(panel, outcome="y", score="x", unit="firm", time="year")
    pooled = value_of_a_point(linked).rung("pooled")
    stored = REFERENCE["petersen"]
    assert pooled.estimate == pytest.approx(stored["slope"], rel=DIGITS)
    fit = within_slopes(linked.outcome, design=linked.score[:, None], grid=linked.pooled_grid, names=["x"])
    assert np.sqrt(fit.plain_covariance[0, 0]) == pytest.approx(stored["firm"], rel=DIGITS)
    # of 500 firms alike, the jackknife departs by some (average leverage, 1/500)
    assert pooled.std_error == pytest.approx(stored["firm"], rel=1e-2)
    assert pooled.std_error > stored["firm"]
    assert (pooled.clusters, pooled.df, pooled.n) == (500, 499, 5_000)
    design = np.column_stack([np.ones(len(panel)), panel["x"]])
    found = {
        name: least_squares(panel["y"], design=design, clusters=[panel[by] for by in columns]).std_error[1]
        for name, columns in {"firm": ["firm"], "year": ["year"], "both": ["firm", "year"]}.items()
    }
    assert found == pytest.approx({name: stored[name] for name in found}, rel=DIGITS)
    assert [pooled.estimate, *found.values()] == pytest.approx(PUBLISHED, rel=DIGITS)


def test_grunfelds_firms_within_firms_and_within_firms_and_years():
    panel = pd.read_csv(FOLDER / "grunfeld.csv")
    linked = linked_panel(panel, outcome="inv", score="value", unit="firm", time="year", controls=["capital"])
    found = value_of_a_point(linked).rung(WITHIN)
    assert found.terms == ("value", "capital")
    assert found.coefficient == pytest.approx(REFERENCE["grunfeld"]["twoways"], rel=DIGITS)
    firms = Grid(
        unit=linked.unit, period=np.zeros_like(linked.unit), cluster=linked.unit, weights=linked.weights
    )
    one = within_slopes(
        panel["inv"].to_numpy(), design=panel[["value", "capital"]].to_numpy(), grid=firms, names="vc"
    )
    assert one.coefficient == pytest.approx(REFERENCE["grunfeld"]["individual"], rel=DIGITS)
    assert found.coefficient == pytest.approx([0.117715855082606, 0.357916273073428], rel=DIGITS)
    assert one.coefficient == pytest.approx([0.110123804120719, 0.310065341300139], rel=DIGITS)


def gaps(seed: int, units: int = 30, periods: int = 12) -> pd.DataFrame:
    """A panel with gaps, weights, a control that varies, an instrument and a confounder of both."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(np.argwhere(np.ones((units, periods))), columns=["branch", "month"])
    n = len(frame)
    rich, season = rng.normal(size=units)[frame["branch"]], rng.normal(size=periods)[frame["month"]]
    hidden = rng.normal(size=n)
    frame["mood"], frame["lot"] = rng.normal(size=n), rng.normal(size=n)
    frame["cx"] = rich + season + frame["mood"] + frame["lot"] + hidden + rng.normal(size=n)
    frame["profit"] = 2 * frame["cx"] + 3 * rich + frame["mood"] + hidden + season + rng.normal(size=n)
    frame["size"] = rng.uniform(1, 5, n)
    return frame[rng.random(n) > 0.15].reset_index(drop=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_within_and_by_instrument_as_pyfixest_has_them_on_panels_with_gaps_and_weights(seed):
    import pyfixest as pf

    panel = gaps(seed)
    linked = linked_panel(
        panel, outcome="profit", controls=["mood"], weights="size", instruments=["lot"], scale=(-50, 50)
    )
    ladder = value_of_a_point(linked)
    m, k, units, periods = len(panel), 2, 30, 12
    beside = {"controls": linked.controls, "grid": linked.grid}
    moved = instrumented(
        linked.outcome, score=linked.score, instruments=linked.instruments, names=["lot", "mood"], **beside
    ).slope
    design = np.column_stack([linked.score, linked.controls])
    least = within_slopes(linked.outcome, design=design, grid=linked.grid, names=["cx", "mood"])
    plain = {
        WITHIN: np.sqrt(least.plain_covariance[0, 0]),
        "instrument": np.sqrt(moved.plain_covariance[0, 0]),
    }
    for rung, formula in (
        (WITHIN, "profit ~ cx + mood + C(branch) + C(month)"),
        ("instrument", "profit ~ mood + C(branch) + C(month) | cx ~ lot"),
    ):
        fit = pf.feols(
            formula,
            panel,
            vcov={"CRV1": "branch"},
            weights="size",
        )
        found = ladder.rung(rung)
        # levels as columns of its own: exact but for the rounding of some 40 columns
        assert found.estimate == pytest.approx(fit.coef()["cx"], rel=1e-8)
        # levels of units lie within clusters: we do not count them, it counts its columns
        ours = np.sqrt((m - k - units - periods + 1) / (m - k - periods))
        assert plain[rung] == pytest.approx(fit.se()["cx"] * ours, rel=1e-8)
        # the ladder takes what leaving a cluster out moves: of 30 alike, a little more
        assert 1 < found.std_error / plain[rung] < 1.15
    absorbed = pf.feols(
        "profit ~ cx + mood | branch + month",
        panel,
        vcov={"CRV1": "branch"},
        weights="size",
        ssc=pf.ssc(k_fixef="nonnested"),
        # it takes levels out by iterations, which at its own tolerance stop some 1e-8 short
        demeaner=pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),
    )
    assert plain[WITHIN] == pytest.approx(absorbed.se()["cx"], rel=1e-8)


def test_each_rung_mends_what_it_should_and_intervals_cover_the_truth():
    names = ("pooled", "recorded controls", WITHIN, HALVES, RELIABILITY, "instrument")
    told = {name: [] for name in names}
    for seed in range(30):
        ladder = value_of_a_point(noisy(seed), reliability=NOISY_RELIABILITY)
        for name in names:
            rung = ladder.rung(name)
            told[name].append((rung.estimate, rung.conf_low <= 2 <= rung.conf_high))
    mean = {name: np.mean([estimate for estimate, _ in rows]) for name, rows in told.items()}
    covered = {name: np.mean([inside for _, inside in rows]) for name, rows in told.items()}
    # variances: rich 1, wave .25, instrument .25, error .25, in all 1.75; the outcome has 2 score + 2 rich.
    # pooled: 2 × 1.5 / 1.75 + 2 / 1.75 = 2.86; within, error is a third of what is left: 2 × .5 / .75 = 1.33
    assert mean["pooled"] == pytest.approx(5 / 1.75, abs=0.1)  # the SD of a panel is .1, of the mean .02
    assert mean[WITHIN] == pytest.approx(4 / 3, abs=0.03)  # .05 and .01
    for name in (HALVES, RELIABILITY, "instrument"):
        assert mean[name] == pytest.approx(2, abs=0.06)  # at most .1 and .02
        # 30 draws of 95 %: fewer than 24 are seen once in 2,000
        assert covered[name] >= 24 / 30
    assert max(covered["pooled"], covered[WITHIN]) < 0.05


# the variance of the error over that of the score
NOISY_RELIABILITY = 1 - 0.25 / 1.75


def noisy(seed: int, units: int = 60, periods: int = 15):
    """A panel whose score carries error and whose rich branches please; the truth is 2."""
    rng = np.random.default_rng(seed)
    shape = (units, periods)
    rich = rng.normal(size=(units, 1))
    lot = rng.normal(scale=0.5, size=shape)
    true = rich + rng.normal(scale=0.5, size=shape) + lot
    first, second = true + rng.normal(scale=np.sqrt(0.5), size=(2, *shape))
    frame = pd.DataFrame(np.argwhere(np.ones(shape)), columns=["branch", "month"])
    frame["cx_a"], frame["cx_b"], frame["lot"] = first.ravel(), second.ravel(), lot.ravel()
    frame["cx"] = (frame["cx_a"] + frame["cx_b"]) / 2
    frame["format"] = np.array(["mall", "street"])[(frame["branch"] % 2)]
    frame["margin"] = (2 * true + 2 * rich + rng.normal(size=shape)).ravel()
    return linked_panel(
        frame, outcome="margin", controls=["format"], halves=("cx_a", "cx_b"), instruments=["lot"]
    )


def test_what_cannot_be_done_says_what_it_needs_and_is_never_dropped():
    frame = gaps(1)
    ladder = value_of_a_point(linked_panel(frame, outcome="profit"))
    missing = ladder.table.set_index("rung")["not_possible"]
    assert list(missing.index[missing == ""]) == ["pooled", WITHIN, "lags"]
    assert "controls=" in missing["recorded controls"]
    assert "halves=" in missing[HALVES]
    assert "reliability=" in missing[RELIABILITY]
    assert "instruments=" in missing["instrument"]
    assert ladder.summary["why"].str.startswith("not possible: ").sum() == 4
    assert ladder.end.name == WITHIN
    assert ladder.evidence.grade == "adjusted"
    with pytest.raises(DesignError, match="'instrument' is not possible: no instrument"):
        ladder.rung("instrument")
    with pytest.raises(OptionError, match="no rung named 'lag'; did you mean 'lags'"):
        ladder.rung("lag")
    # experience that is a branch's own for good: only what compares branches is left
    frame["cx"] = frame["branch"] + 0.5 * frame["month"]
    still = value_of_a_point(linked_panel(frame, outcome="profit"), reliability=0.9)
    assert set(still.rungs) == {"pooled"}
    assert still.evidence.grade == "association"
    assert "cx varies within no branch" in still.missing[WITHIN]
    assert "No further rung" in still.narrative()
    assert "no rung beyond" in still.chart.claim


def test_changes_between_rungs_are_known_better_than_the_rungs():
    ladder = value_of_a_point(noisy(3))
    row = ladder.table.set_index("rung").loc[HALVES]
    assert row["against"] == WITHIN
    assert row["change"] == pytest.approx(ladder.rung(HALVES).estimate - ladder.rung(WITHIN).estimate)
    # the error's share takes a third away, whatever else chance does
    assert 0.3 < row["change_low"] < 2 / 3 < row["change_high"]
    assert row["change_high"] - row["change_low"] < row["conf_high"] - row["conf_low"]
    text = ladder.narrative()
    assert "pooled it seemed" in ladder.chart.claim
    assert "design grade adjusted" in text
    assert [check.passed for check in ladder.evidence.checks][:2] == [False, True]


def test_a_ladder_without_halves_says_that_it_ends_too_low_and_names_stand_in_words():
    frame = gaps(1).rename(columns={"profit": "margin_per_customer"})
    linked = linked_panel(frame, outcome="margin_per_customer", outcome_unit="EUR a customer and month")
    bare = value_of_a_point(linked)
    chart = bare.chart
    first, end = bare.rung("pooled").estimate, bare.end.estimate
    # slopes between 1 and 10: three figures are two decimals
    assert chart.claim == (
        f"Margin per customer: a point goes with {end:.2f} EUR a customer and month, the score's error left "
        f"in: too low; pooled it seemed to be {first:.2f}"
    )
    assert chart.x_label == "Margin per customer per point of cx [EUR a customer and month]"
    for text in (bare.narrative(), chart.note):
        assert "too near nought" in text
    assert "margin_per" not in bare.narrative() + chart.claim + chart.note
    # the rung on which it ends is not the one drawn last, so it is marked
    assert chart.frame["rung"].tolist() == ["pooled", f"{WITHIN} (the end)", "lags"]
    by_row = bare.summary.set_index("rung")
    assert by_row["against"].tolist() == ["", "", "pooled", WITHIN, "", "", ""]
    row = bare.table.set_index("rung").loc[WITHIN]
    # three figures of changes below 1
    low, high = f"{row['change_low']:+.3f}", f"{row['change_high']:+.3f}"
    assert by_row.loc[WITHIN, "what_changed"] == f"{row['change']:+.3f} ({low} to {high}) against 'pooled'"
    mended = value_of_a_point(noisy(3))
    assert "nought" not in mended.narrative() + mended.chart.claim + mended.chart.note
    assert "Failed: error of the score (taken out on the last rung)." in mended.chart.note


def test_a_lagged_answer_is_found_where_it_is_and_error_makes_neighbours_stand_in():
    rng = np.random.default_rng(5)
    true = np.zeros((80, 30))
    for t in range(1, 30):
        true[:, t] = 0.6 * true[:, t - 1] + rng.normal(size=80)
    halves = true + rng.normal(scale=1.2, size=(2, *true.shape))
    frame = pd.DataFrame(np.argwhere(np.ones(true.shape)), columns=["branch", "month"])
    frame["a"], frame["b"] = halves.reshape(2, -1)
    frame["cx"] = (frame["a"] + frame["b"]) / 2
    frame["margin"] = (2 * true + rng.normal(size=true.shape)).ravel()
    linked = linked_panel(frame, outcome="margin", halves=("a", "b"))
    left_in, out = (lag_profile(linked, lags=2, score_error=way) for way in ("left in", "taken out"))
    assert left_in.table.loc[1, "conf_low"] > 0.1
    assert left_in.joint < 1e-6
    assert out.table["estimate"].tolist() == pytest.approx([2, 0, 0], abs=0.15)  # errors of .05 at most
    assert out.total.loc[0, "conf_low"] < 2 < out.total.loc[0, "conf_high"]
    assert out.joint > 0.01
    assert "nothing to be told" in out.chart.claim
    assert "stand in for each other" in left_in.narrative()
    assert "later months" in left_in.chart.claim
    assert list(out.summary["lag"]) == ["0", "1", "2", "sum"]


def test_lags_reach_over_no_gap_and_into_no_other_branch():
    frame = pd.DataFrame(
        [(u, t, float(u * 100 + t) + (t % 3), 1.0 * t * t + u * t) for u in range(4) for t in range(8)],
        columns=["branch", "month", "cx", "profit"],
    )
    linked = linked_panel(frame[~((frame["branch"] == 2) & (frame["month"] == 3))], outcome="profit")
    found = lagged(linked, 2)
    rows = list(zip(found.panel.unit.tolist(), (found.panel.period + 2).tolist(), strict=True))
    assert rows == [(u, t) for u in range(4) for t in range(2, 8) if u != 2 or t in (2, 6, 7)]
    now = {(r.branch, r.month): r.cx for r in frame.itertuples()}
    assert found.scores.tolist() == [[now[u, t - j] for j in range(3)] for u, t in rows]
    for lags, told in ((8, "longer than the panel of 8"), (60, "a lag of 60 months"), (7, "leaves one")):
        with pytest.raises(DesignError, match=told):
            lag_profile(linked, lags=lags)
        assert told in value_of_a_point(linked, lags=lags).missing["lags"]
    for lags in (0, 1.5, True):
        for climb in (lag_profile, value_of_a_point):
            with pytest.raises(OptionError, match="whole number from 1"):
                climb(linked, lags=lags)
    with pytest.raises(OptionError, match="score's error"):
        lag_profile(linked, score_error="out")
    with pytest.raises(DesignError, match="halves="):
        lag_profile(linked, lags=1, score_error="taken out")


def test_a_set_holds_the_slopes_that_are_not_rejected_however_weak_the_instrument():
    rng = np.random.default_rng(1)
    unit, period = np.divmod(np.arange(300), 10)
    grid = Grid(unit=unit, period=period, cluster=unit, weights=np.ones(300))
    z, hidden = rng.normal(size=(300, 2)), rng.normal(size=300)
    kinds = set()
    for strength in (0.6, 0.12, 0.02):
        score = z @ [strength, strength] + hidden
        outcome = score + hidden + rng.normal(size=300)
        for q in (1, 2):
            found = instrumented(
                outcome,
                score=score,
                instruments=z[:, :q],
                controls=np.empty((300, 0)),
                grid=grid,
                names="zw"[:q],
            )
            intervals = found.anderson_rubin_set(0.95)
            kinds.add((len(intervals), bool(np.isinf(intervals).any())))
            from scipy.special import fdtri

            critical = fdtri(q, 30 - q, 0.95)
            ends = [end for end in np.ravel(intervals) if np.isfinite(end)]
            # the statistic stands at its critical value on every end, and inside it is below
            assert found.anderson_rubin(ends) == pytest.approx([critical] * len(ends), rel=1e-6)
            for low, high in intervals:
                inside = np.linspace(max(low, -1e3), min(high, 1e3), 7)[1:-1]
                assert (found.anderson_rubin(inside) <= critical).all()
        assert found.effective_f > 23.1 if strength == 0.6 else found.effective_f < 23.1
    assert (1, False) in kinds
    assert any(infinite for _, infinite in kinds)


def test_no_cause_is_claimed_of_a_weak_instrument_or_one_that_nobody_argued_for():
    strong = noisy(4)
    told = instrument_value(strong, exclusion="Dealt by lot, and told to nobody.")
    assert told.strong
    assert told.evidence.grade == "quasi-experiment"
    assert told.evidence.assumptions[0].startswith("Dealt by lot")
    assert "Dealt by lot" in told.narrative()
    assert told.rung.conf_low < 2 < told.rung.conf_high
    assert told.chart.claim.startswith("Moved from outside")
    assert list(told.table["part"]) == ["first stage: lot", "reduced form: lot", "value of a point"]
    first, reduced, value = told.table["estimate"]
    assert value == pytest.approx(reduced / first, rel=1e-9)  # Wald's ratio, of one instrument
    silent = instrument_value(strong)
    assert silent.evidence.grade == "association"
    assert "Nobody has said" in silent.narrative()
    frame = gaps(2)
    frame["lot"] = np.random.default_rng(9).normal(size=len(frame))
    weak = instrument_value(linked_panel(frame, outcome="profit", instruments=["lot"]), exclusion="By lot.")
    assert not weak.strong
    assert weak.evidence.grade == "association"
    assert weak.evidence.failed
    assert "weak" in weak.narrative()
    assert "does not tell" in weak.chart.claim
    with pytest.raises(OptionError, match="no instrument named 'lots'"):
        instrument_value(strong, instrument="lots")
    with pytest.raises(OptionError, match="allowed: a sentence"):
        instrument_value(strong, exclusion=None)
    with pytest.raises(OptionError, match="each once"):
        instrument_value(strong, instrument=("lot", "lot"))
    with pytest.raises(DesignError, match="instruments="):
        instrument_value(linked_panel(frame, outcome="profit"))


def test_a_stated_reliability_is_a_share_and_cannot_eat_the_score():
    linked = noisy(1)
    plain = within_slopes(linked.outcome, design=linked.score[:, None], grid=linked.grid, names=["cx"])
    perfect, share = reliability_corrected(
        linked.outcome,
        score=linked.score,
        controls=np.empty((len(linked.score), 0)),
        reliability=1.0,
        grid=linked.grid,
        names=["cx"],
    )
    assert share == 1
    assert perfect.coefficient == pytest.approx(plain.coefficient, rel=1e-12)
    assert perfect.plain_covariance == pytest.approx(plain.plain_covariance, rel=1e-12)
    for odd in (0, 1.2, True, "high"):
        with pytest.raises(OptionError, match="reliability is"):
            value_of_a_point(linked, reliability=odd)
    told = value_of_a_point(linked, reliability=0.4).missing[RELIABILITY]
    assert "leaves 0% of what varies of cx" in told


def drawn(rng, clusters: int, periods: int, columns: int) -> tuple[Grid, np.ndarray, np.ndarray]:
    """Columns and an outcome that know nothing of each other."""
    unit, period = np.divmod(np.arange(clusters * periods), periods)
    grid = Grid(unit=unit, period=period, cluster=unit, weights=np.ones(len(unit)))
    return grid, rng.normal(size=(len(unit), columns)), rng.normal(size=len(unit))


def test_many_differences_are_rejected_as_seldom_as_the_level_says_with_few_clusters():
    rng = np.random.default_rng(8)
    repetitions, found, sets = 60, 0, 0
    for _ in range(repetitions):
        grid, columns, outcome = drawn(rng, 12, 10, 8)
        fit = within_slopes(outcome, design=columns, grid=grid, names="abcdefgh")
        f, q, rest, p = fit.wald(np.eye(8))
        assert (q, rest) == (8, 4)
        found += p < 0.05
        moved = instrumented(
            outcome,
            score=columns[:, 0] + rng.normal(size=len(outcome)),
            instruments=columns,
            controls=np.empty((len(outcome), 0)),
            grid=grid,
            names="abcdefgh",
        )
        sets += moved.rejects(0.0) < 0.05
    # 5 % of 60 are 3, with an error of 1.7; F on 8 and 11 degrees of freedom rejected 28
    assert max(found, sets) <= 9
    # by hand: of one row the square of t
    f, q, rest, p = fit.wald(np.eye(8)[:1])
    assert f == pytest.approx(fit.coefficient[0] ** 2 / fit.covariance[0, 0], rel=1e-12)
    assert (q, rest) == (1, 11)
    grid, columns, outcome = drawn(rng, 4, 20, 4)
    few = within_slopes(outcome, design=columns, grid=grid, names="abcd")
    with pytest.raises(DesignError, match="4 differences cannot be tested jointly with 4 clusters"):
        few.wald(np.eye(4))
    assert np.isnan(found_alike(np.eye(3), clusters=5))


def test_what_would_have_been_found_is_found_four_times_in_five():
    rng = np.random.default_rng(4)
    clusters, q = 15, 4
    moved = rng.normal(size=(2_000, clusters, q)) @ np.linalg.cholesky(np.eye(q) + 0.5).T
    mean = moved.mean(axis=1)
    spread = np.einsum("rgi,rgj->rij", moved - mean[:, None], moved - mean[:, None]) / clusters
    spread /= clusters - 1
    # of one covariance it is a draw; what they tell on average is what holds
    size = float(np.mean([found_alike(one, clusters=clusters) ** -2 for one in spread[:200]])) ** -0.5
    shifted = mean + size
    wald = np.einsum("ri,ri->r", shifted, np.linalg.solve(spread, shifted[:, :, None])[:, :, 0])
    from scipy.special import fdtrc

    power = np.mean(fdtrc(q, clusters - q, joint_f(wald, tested=q, clusters=clusters)) < 0.05)
    # an error of .009 by the draws and some .02 by the size told
    assert power == pytest.approx(0.8, abs=0.05)


def test_one_branch_of_great_weight_widens_the_interval_and_counts_for_less():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(40):
        frame = pd.DataFrame(np.argwhere(np.ones((30, 8))), columns=["branch", "month"])
        true, error = rng.normal(size=(2, 30, 8))
        for t in range(1, 8):
            error[:, t] = 0.7 * error[:, t - 1] + 0.7 * error[:, t]
        frame["a"], frame["b"] = true.ravel() + 0.8 * rng.normal(size=(2, 240))
        frame["cx"] = (frame["a"] + frame["b"]) / 2
        frame["margin"] = (true + error).ravel()
        frame["size"] = np.where(frame["branch"] == 0, 50.0, 1.0)
        linked = linked_panel(frame, outcome="margin", halves=("a", "b"), weights="size")
        rung = by_halves(linked, 0.95)
        covered += rung.conf_low <= 1 <= rung.conf_high
    # 95 % of 40 are 38 with an error of 1.4; first-order errors covered 26
    assert covered >= 34
    check = few_clusters_check(linked)
    assert check.passed is None  # though 30 are enough where they are alike
    assert "30 clusters, worth 2 of like weight" in check.detail  # 79² / (50² + 29) = 2.5
    assert few_clusters_check(linked_panel(frame, outcome="margin")).passed


def test_leaving_a_cluster_out_is_leaving_it_out_and_what_it_alone_tells_stays_held():
    rng = np.random.default_rng(6)
    unit = np.arange(40) // 5
    x = rng.normal(size=(40, 2)) + unit[:, None] / 2
    y = x @ [1.0, 2.0] + unit + rng.normal(size=40)
    weights = np.where(unit == 0, 20.0, 1 + unit / 8)
    one = np.zeros(40, dtype=np.int64)

    def fitted(rows, columns, **options):
        cluster = np.unique(unit[rows], return_inverse=True)[1]
        grid = Grid(unit=one[rows], period=one[rows], cluster=cluster, weights=weights[rows])
        return within_slopes(
            y[rows], design=columns[rows], grid=grid, names="abc"[: columns.shape[1]], **options
        )

    whole = fitted(slice(None), x)
    own = np.column_stack([x, unit == 3])
    held = fitted(slice(None), own, told=2)
    for cluster in range(8):
        rows = unit != cluster
        moved = (whole.coefficient - fitted(rows, x).coefficient) * 7 / 8
        assert whole.influence[cluster] == pytest.approx(moved, rel=1e-9)
    # without cluster 3 nothing is left of the column that is its own
    moved = (held.coefficient[:2] - fitted(unit != 3, x).coefficient) * 7 / 8
    assert held.influence[3, :2] == pytest.approx(moved, rel=1e-9)
    with pytest.raises(DesignError, match="one cluster alone carries"):
        fitted(slice(None), own)


def test_instruments_that_contradict_each_other_tell_no_figure():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(np.argwhere(np.ones((40, 12))), columns=["branch", "month"])
    frame["lot"], frame["price"] = rng.normal(size=(2, 480))
    frame["cx"] = frame["lot"] + frame["price"] + rng.normal(size=480)
    frame["margin"] = (
        2 * frame["lot"] - 2 * frame["price"] + rng.normal(size=480)
    )  # 2 of one, −2 of the other
    linked = linked_panel(frame, outcome="margin", instruments=["lot", "price"])
    found = instrument_value(linked, exclusion="By lot.")
    assert found.contradicted
    assert found.strong
    assert found.evidence.grade == "association"
    assert "contradict each other" in found.narrative()
    assert "contradict each other" in found.chart.claim
    assert found.summary["estimate"].tolist()[-1] == "not told"
    assert found.summary["interval"].tolist()[-1].startswith("none")
    assert list(found.chart.frame["name"]) == [WITHIN]
    ladder = value_of_a_point(linked, exclusion="By lot.")
    assert "lot and price contradict each other" in ladder.missing["instrument"]
    assert "( to" not in ladder.narrative()
    assert value_of_a_point(linked, instrument="lot", exclusion="By lot.").rung("instrument").grade == (
        "quasi-experiment"
    )
    # a weak instrument: its interval has no end, and is told in words
    frame["lot"] = rng.normal(size=480)
    weak = value_of_a_point(linked_panel(frame, outcome="margin", instruments=["lot"]))
    told = weak.summary.set_index("rung").loc["instrument", "interval"]
    assert np.isinf(weak.rung("instrument").conf_high)
    assert told == interval_words(weak.rung("instrument").intervals)
    assert f"({told}, design grade" in weak.narrative()


def test_lags_are_held_against_the_same_rows():
    frame = gaps(3)
    linked = linked_panel(frame, outcome="profit")
    row = value_of_a_point(linked, lags=2).table.set_index("rung").loc["lags"]
    part = lagged(linked, 2).panel
    on_these = value_of_a_point(part).rung(WITHIN)
    assert on_these.n == row["n"] < len(linked.outcome)
    assert row["change"] == pytest.approx(row["estimate"] - on_these.estimate, rel=1e-9)
    assert f"on the same {on_these.n:,} rows" in row["what_changed"]


def test_two_periods_make_a_ladder_without_lags():
    frame = gaps(4, periods=2)
    ladder = value_of_a_point(linked_panel(frame, outcome="profit"))
    assert set(ladder.rungs) == {"pooled", WITHIN}
    assert "leaves one of the panel's 2" in ladder.missing["lags"]


def test_weak_halves_are_told_and_halves_of_another_scale_make_no_rung():
    strengths = {}
    for error in (0.5, 3.0):
        rng = np.random.default_rng(1)
        frame = pd.DataFrame(np.argwhere(np.ones((20, 10))), columns=["branch", "month"])
        true = rng.normal(size=200)
        frame["a"], frame["b"] = true + error * rng.normal(size=(2, 200))
        frame["cx"], frame["margin"] = (frame["a"] + frame["b"]) / 2, true + rng.normal(size=200)
        checks = value_of_a_point(linked_panel(frame, outcome="margin", halves=("a", "b"))).evidence.checks
        strengths[error] = next(c.passed for c in checks if c.name == "strength of the halves")
    # by hand: the halves correlate by 1 / 1.25 in one and by 1 / 10 in the other, F some 350 and 2
    assert strengths == {0.5: True, 3.0: False}
    frame["a"], frame["b"] = true + 0.3 * rng.normal(size=(2, 200))
    frame["cx"] = (frame["a"] + frame["b"]) / 20
    tenfold = value_of_a_point(linked_panel(frame, outcome="margin", halves=("a", "b")), reliability=0.9)
    assert "move by 10.00" in tenfold.missing[HALVES].replace("moves", "move")
    assert tenfold.end.name == RELIABILITY

"""Group-time effects of a roll-out: averages by hand, planted truths, words by grade, misuse."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from cemlab import simulate
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check
from cemlab.simulate.halden import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.organisation.network_tables import half_scores
from cemlab.simulate.state import Scenario
from cemlab.training import RollOut, branch_panel, group_time_effects, roll_out
from cemlab.training.aggregates import AveragedEffects

DRAWS = 199


def small(first=(3, 3, 3, 5, 5, 0, 0, 0), periods=6, seed=1, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (f"B{u}", t, g, rng.normal() + (t >= g > 0) * (1 + t - g))
        for u, g in enumerate(first)
        for t in range(1, periods + 1)
    ]
    return pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"]).assign(**columns)


def estimated(panel=None, **options):
    return group_time_effects(
        small() if panel is None else panel, outcome="cx", **{"draws": DRAWS, **options}
    )


def cells(found) -> dict[tuple[int, int], float]:
    rows = found.table[["group", "time", "estimate"]].itertuples(index=False)
    return {(int(g), int(t)): e for g, t, e in rows}


def test_table_is_tidy():
    found = estimated()
    assert list(found.table.columns) == [
        "group", "time", "event_time", "estimate", "std_error", "df", "conf_low", "conf_high", "band_low",
        "band_high", "n_treated", "n_controls",
    ]  # fmt: skip
    table = found.table
    assert set(zip(table["group"], table["time"], strict=True)) == {
        *((3, t) for t in (1, 3, 4, 5, 6)),
        *((5, t) for t in (1, 2, 3, 5, 6)),
    }
    assert (table["event_time"] == table["time"] - table["group"]).all()
    assert (table["band_low"] <= table["conf_low"]).all()
    assert (table["band_high"] >= table["conf_high"]).all()
    assert table["n_controls"].tolist() == [5, 5, 5, 3, 3, 3, 3, 3, 3, 3]
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx(table["std_error"].to_numpy())
    assert found.evidence.grade == "quasi-experiment"
    assert (found.evidence.n_used, found.evidence.n_given) == (8, 8)


def test_averages_by_hand():
    found = estimated()
    at = cells(found)
    three, five = [at[3, t] for t in (3, 4, 5, 6)], [at[5, t] for t in (5, 6)]
    simple = (3 * sum(three) + 2 * sum(five)) / (3 * 4 + 2 * 2)
    groups = [np.mean(three), np.mean(five)]
    events = {e: (3 * at[3, 3 + e] + 2 * at[5, 5 + e]) / 5 for e in (-2, 0, 1)}
    events |= {e: at[5, 5 + e] for e in (-4, -3)} | {e: at[3, 3 + e] for e in (2, 3)}
    calendar = [at[3, 3], at[3, 4], *((3 * at[3, t] + 2 * at[5, t]) / 5 for t in (5, 6))]
    path, by_time = found.by_event_time(), found.by_calendar_time()
    assert found.overall().table["estimate"].tolist() == pytest.approx([simple])
    assert found.by_group().table["estimate"].tolist() == pytest.approx(groups)
    assert found.by_group().table["group"].tolist() == [3, 5]
    assert dict(zip(path.table["event_time"], path.table["estimate"], strict=True)) == pytest.approx(events)
    assert path.table["event_time"].is_monotonic_increasing
    assert by_time.table["estimate"].tolist() == pytest.approx(calendar)
    assert found.overall("by group").table["estimate"].tolist() == pytest.approx(
        [(3 * groups[0] + 2 * groups[1]) / 5]
    )
    after = [value for event, value in events.items() if event >= 0]
    assert found.overall("by event time").table["estimate"].tolist() == pytest.approx([np.mean(after)])
    assert found.overall("by calendar time").table["estimate"].tolist() == pytest.approx([np.mean(calendar)])
    assert path.table["n_treated"].tolist() == [2, 2, 5, 5, 5, 3, 3]
    assert found.overall().table[["n_treated", "n_groups"]].values.tolist() == [[5, 2]]


def test_balanced_paths_have_the_same_units_throughout():
    found = estimated(small(first=(3, 3, 5, 5, 6, 6, 0, 0)))
    path = found.by_event_time(balanced=1)
    assert path.table["event_time"].tolist() == [-2, 0, 1]
    assert path.table["n_groups"].tolist() == [2, 2, 2]  # the last group is seen once only
    assert found.by_event_time(balanced=3).table["n_groups"].tolist() == [1] * 5
    with pytest.raises(DesignError, match=r"balanced is 9.*allowed: up to 3"):
        found.by_event_time(balanced=9)
    with pytest.raises(OptionError, match="balanced is -1"):
        found.by_event_time(balanced=-1)


@pytest.mark.parametrize("average", ["simple", "by group", "by event time", "by calendar time"])
def test_influence_on_averages_is_the_derivative_by_weights(average):
    """The groups' estimated sizes included: heavier units make their group count for more."""
    read = roll_out(small(), outcome="cx")
    weights = np.random.default_rng(2).uniform(0.5, 2, 8)

    def with_weights(changed):
        return estimated(replace(read, weights=changed), draws=99).overall(average)

    influence = with_weights(weights).influence[:, 0]
    step = 1e-5
    for unit in range(8):
        up, down = (
            with_weights(weights * np.exp(sign * step * (np.arange(8) == unit))).table["estimate"][0]
            for sign in (1, -1)
        )
        # a central difference errs by the square of the step, and by rounding over the step
        assert (up - down) / (2 * step) == pytest.approx(influence[unit], abs=1e-8)


def test_clusters_widen_what_units_alike_would_narrow():
    """Every unit twice, as one cluster: the same figures and errors as each once."""
    panel = small()
    twice = pd.concat([panel, panel.assign(branch=panel["branch"] + "x")])
    twice["pair"] = twice["branch"].str.removesuffix("x")
    alone, paired = estimated(panel), estimated(twice, cluster="pair")
    columns = ["estimate", "std_error", "df", "conf_low", "band_high"]
    # the bands' draws are made in single precision
    assert paired.table[columns].to_numpy() == pytest.approx(alone.table[columns].to_numpy(), rel=1e-5)
    assert paired.overall().table["std_error"][0] == pytest.approx(alone.overall().table["std_error"][0])


def test_anticipation_moves_the_base():
    found = estimated(anticipation=1)
    assert {(3, 2), (3, 1)} & set(cells(found)) == {(3, 2)}
    assert found.cells.base.tolist() == [0] * 5 + [2] * 5
    with pytest.raises(DesignError, match=r"with anticipation=2 no period .* first treated in 3; lower"):
        estimated(anticipation=2)


def test_a_roll_out_read_before_gives_the_same():
    read = roll_out(small(), outcome="cx")
    pd.testing.assert_frame_equal(estimated(read).table, estimated().table)
    with pytest.raises(OptionError, match="cluster: the roll-out has been read already"):
        estimated(read, cluster="branch")
    sized = small(size=lambda rows: rows["month"] * rows["branch"].str[1:].astype(float) ** 2 / 9)
    with_size = roll_out(sized, outcome="cx", covariates=["size"])
    pd.testing.assert_frame_equal(estimated(with_size).table, estimated().table)
    assert estimated(with_size, method="regression").overall().table["n_treated"][0] == 5


def test_dates_stay_dates():
    panel = small()
    dates = panel.assign(
        month=pd.to_datetime([f"2024-{m:02}-01" for m in panel["month"]]),
        first_trained=pd.to_datetime([f"2024-{m:02}-01" if m else None for m in panel["first_trained"]]),
    )
    found = estimated(dates)
    assert found.table["group"].iloc[0] == pd.Timestamp("2024-03-01")
    assert found.table["estimate"].tolist() == estimated().table["estimate"].tolist()
    assert found.by_calendar_time().table["time"].iloc[0] == pd.Timestamp("2024-03-01")
    assert "2024-03-01" in found.narrative()


def test_covariates_repair_unlike_trends():
    """Units with more staff improve faster and are treated more: means are off, all three methods are not."""
    rng = np.random.default_rng(3)
    size = rng.normal(size=400)
    treated = rng.random(400) < 1 / (1 + np.exp(-size))
    t = np.arange(1, 5)
    y = size[:, None] * t + rng.normal(scale=0.1, size=(400, 4)) + 2.0 * (treated[:, None] & (t >= 3))
    panel = pd.DataFrame(
        {
            "branch": np.repeat(np.arange(400), 4),
            "month": np.tile(t, 400),
            "first_trained": np.repeat(np.where(treated, 3, 0), 4),
            "size": np.repeat(size, 4),
            "cx": y.ravel(),
        }
    )
    assert estimated(panel).overall().table["estimate"][0] > 2.5
    for method, tolerance in (("regression", 0.05), ("doubly robust", 0.05), ("weighting", 0.5)):
        # five standard errors: 0.01 where the line explains the trend, 0.1 where only weights do
        found = estimated(panel, method=method, covariates=["size"]).overall().table.iloc[0]
        assert abs(found["estimate"] - 2) < tolerance
        assert found["conf_low"] < 2 < found["conf_high"]


@pytest.mark.parametrize(
    ("panel", "options", "error", "match"),
    [
        (small(), {"controls": "never"}, OptionError, "no kind of controls named 'never'"),
        (small(), {"method": "ols"}, OptionError, "no method named 'ols'"),
        (small(), {"base": "long"}, OptionError, "no base named 'long'"),
        (small(), {"anticipation": -1}, OptionError, "anticipation is -1; allowed: a whole number"),
        (small(), {"anticipation": 0.5}, OptionError, "anticipation is 0.5"),
        (small(), {"draws": 10}, OptionError, "draws is 10; allowed: a whole number from 99"),
        (small(), {"seed": -1}, OptionError, "seed is -1"),
        (small(), {"conf_level": 95}, OptionError, "conf_level is 95"),
        (small(), {"method": "regression"}, OptionError, "'regression' needs covariates"),
        (small(size=1.0), {"covariates": ["size"]}, OptionError, "'unadjusted', which uses no covariates"),
        (small((3, 0, 0, 0)), {}, DesignError, r"one cluster is treated \(B0\).*randomisation inference"),
        (small((3, 3, 4, 0, 0)), {}, DesignError, r"one cluster \(B2\) is first treated in 4"),
        (small((3, 3, 5, 5)), {"controls": "never treated"}, DesignError, "nobody is never treated"),
        (small((3, 3, 0)), {}, DesignError, "no controls .not yet treated. of two clusters"),
        (
            small(size=1.0),
            {"covariates": ["size"], "method": "regression"},
            DesignError,
            "do not determine a regression",
        ),
        (
            small().assign(size=lambda rows: (rows["first_trained"] > 0) * 1.0 + rows["month"] / 9),
            {"covariates": ["size"], "method": "weighting"},
            DesignError,
            "covariates 'size': the covariates tell treated units from controls",
        ),
        (
            small(area="north"),
            {"cluster": "area"},
            DesignError,
            "one cluster is treated",
        ),
    ],
)
def test_misuse_is_refused(panel, options, error, match):
    with pytest.raises(error, match=match):
        estimated(panel, **options)


def test_no_such_average():
    with pytest.raises(OptionError, match="no average named 'mean'"):
        estimated().overall("mean")


def test_what_has_no_controls_is_left_out_and_said():
    found = estimated(small((3, 3, 5, 5, 5)))
    assert set(found.table["group"]) == {3}
    check = next(check for check in found.evidence.checks if check.name == "controls left")
    assert check.passed is None
    assert "7 comparisons were left out, 4 of them after" in check.detail
    few = next(check for check in found.evidence.checks if check.name == "treated clusters")
    assert few.passed is False
    assert "5 clusters are treated, the smallest group has 2" in few.detail


@pytest.mark.parametrize(
    ("first", "passed"),
    [([3] * 10, True), ([3] * 9, None), ([3] * 12 + [5] * 3, None), ([3] * 12 + [5] * 2, False)],
)
def test_few_treated_clusters_are_said(first, passed):
    check, *_ = estimated(small([*first, 0, 0, 0])).evidence.checks
    assert (check.name, check.passed) == ("treated clusters", passed)


def test_a_lowered_result_says_effect_nowhere():
    found = estimated().with_checks([], grade="association")
    for result in (found, found.overall(), found.by_group(), found.by_event_time(), found.by_calendar_time()):
        chart = result.chart
        shown = (result._repr_html_(), result.to_markdown(), repr(result), chart.claim, chart.y_label)
        assert "effect" not in " ".join(shown).lower()


def test_intervals_of_no_width_are_said_to_say_nothing():
    rows = small().assign(cx=lambda p: p["month"] + 2.0 * ((p["first_trained"] > 0) & (p["month"] >= 5)))
    checks = {check.name: check for check in estimated(rows).evidence.checks}
    assert checks["spread of changes"].passed is False
    assert "spread of changes" not in {check.name for check in estimated().evidence.checks}


def test_words_follow_the_grade():
    found = estimated(small(first=[3] * 12 + [0] * 12))
    failed = Check(name="trends", null="none", passed=False, detail="They differ.", remedy="Wait.")
    lowered = found.with_checks([failed], grade="association")
    assert found.evidence.checks == lowered.evidence.checks[:-1]
    assert found.with_checks([failed]).evidence.grade == "quasi-experiment"
    assert found.narrative().startswith("If the design's assumptions hold, the treatment changed cx by +")
    assert lowered.narrative().startswith("The treated changed in cx, compared with their controls, by +")
    for one in (found.overall(), found.by_group(), found.by_event_time(), found.by_calendar_time()):
        assert "treatment changed" in one.chart.claim
        assert one.chart.y_label.startswith("Effect") or one.chart.x_label.startswith("Effect")
    averaged: list[AveragedEffects] = [
        lowered.overall(), lowered.by_group(), lowered.by_event_time(), lowered.by_calendar_time()
    ]  # fmt: skip
    for one in averaged:
        assert "With the treatment" in one.chart.claim
        assert "ffect" not in f"{one.chart.x_label} {one.chart.y_label} {one.narrative()}"
        assert "trends: FAILED" in one.to_markdown()


def test_pictures_and_summaries():
    found = estimated()
    assert found.chart.kind == found.by_calendar_time().chart.kind == "event"
    assert found.chart.begins == 0
    assert found.by_group().chart.kind == "forest"
    assert found.summary["what"].tolist() == ["first treated 3", "first treated 5", "overall"]
    assert "Before it" in found.by_event_time().narrative()
    nothing = estimated(small(first=(5, 5, 0, 0), seed=4).assign(cx=lambda rows: rows["cx"] * 9))
    assert nothing.chart.claim == "Whether cx moved with the treatment is not settled"


# Halden: what was planted is found, with the coverage that was promised.


def network(seed: int, world: str) -> tuple[RollOut, RollOut]:
    """Return what is measured in the branches of a network, and what the training truly changed in them."""
    halden = Halden(customers=500, seed=seed, world_name=world)
    state, untrained = halden.network(), halden.network(Scenario(training="none"))
    measured = half_scores(halden.world, halden.streams, state).mean(axis=0)
    truth = state.experience - untrained.experience
    found = []
    for values in (measured, truth):
        found.append(
            RollOut(
                units=tuple(f"B{i}" for i in range(len(values))),
                periods=tuple(range(1, 49)),
                outcome=values,
                first=np.asarray(state.trained_from, dtype=np.int64),
                covariates=np.empty((len(values), 0)),
                covariate_names=(),
                cluster=np.arange(len(values)),
                weights=np.ones(len(values)),
                outcome_name="cx",
                n_given=len(values),
            )
        )
    return found[0], found[1]


@cache
def replications(world: str, seeds: int) -> pd.DataFrame:
    """Return, by seed, whether intervals and bands hold what the same comparison of the true effects gives.

    That comparison is the target: what the training did to a group since its base month, when spill-over had
    reached it already, less what it did to the controls, whom spill-over reaches too.
    """
    rows = []
    for seed in range(1, seeds + 1):
        measured, truth = network(seed, world)
        found, target = estimated(measured), estimated(truth, draws=99)
        (path, overall), (true_path, true) = (
            (one.by_event_time().table, one.overall().table) for one in (found, target)
        )
        rows.append(
            {
                "cells": inside(found.table, target.table["estimate"], "conf").mean(),
                "cell bands": inside(found.table, target.table["estimate"], "band").all(),
                "path bands": inside(path, true_path["estimate"], "band").all(),
                "overall": inside(overall, true["estimate"], "conf").all(),
                "error": overall["estimate"][0] - true["estimate"][0],
                "truth": true["estimate"][0],
            }
        )
    return pd.DataFrame(rows)


def inside(table: pd.DataFrame, truth: pd.Series, ends: str) -> pd.Series:
    return (table[f"{ends}_low"] <= truth) & (truth <= table[f"{ends}_high"])


def test_planted_effects_are_covered():
    """By hand over 250 seeds: cells 95 %, their bands 96, overall 94, bands of the path 93."""
    found = replications("default", 25)
    # of 25 with a chance of 95 %, fewer than 20 hold once in a thousand
    assert (found[["cell bands", "path bands", "overall"]].sum() >= 20).all()
    # a seed's cells move together: their share has an SD of about 0.1, so that of 25 seeds 0.02
    assert 0.89 < found["cells"].mean() < 0.99
    assert abs(found["error"].mean()) < 4 * found["error"].std() / np.sqrt(len(found))
    assert found["truth"].between(0.1, 0.25).all()


def test_no_effect_is_none():
    found = replications("no-effect", 12)
    assert (found["truth"] == 0).all()
    assert found["overall"].sum() >= 9  # of 12 fewer hold twice in a thousand
    assert abs(found["error"].mean()) < 4 * found["error"].std() / np.sqrt(len(found))


@cache
def halden_with_truth() -> pd.DataFrame:
    """Return the panel of one company with the oracle's effect on the experience of each branch and month."""
    company = simulate.company(customers=50)  # branches and staff do not depend on the customers
    effect = Oracle.of(company).effect("training", on="experience", by="branch_month").table
    effect["month"] = pd.to_datetime(effect["month"])
    return branch_panel(company).merge(effect, on=["branch", "month"])


def test_the_target_is_what_the_oracle_says():
    panel = halden_with_truth()
    measured, truth = network(1, "default")
    for outcome, rolled, tolerance in (
        ("effect", truth, 1e-9),
        ("cx", measured, 0.02),  # the table has two decimals; a cell has four means of them
    ):
        told = group_time_effects(panel, outcome=outcome, draws=99).table["estimate"]
        direct = estimated(rolled, draws=99).table["estimate"]
        assert told.to_numpy() == pytest.approx(direct.to_numpy(), abs=tolerance)


def test_untouched_regions_give_the_whole_effect():
    """Controls in regions that never train see no spill-over; that of the base month alone is left out."""
    panel = halden_with_truth()
    far = panel.groupby("region")["first_trained"].transform("count") == 0
    near = ~far & panel["first_trained"].isna()
    assert not panel.loc[far, "effect"].any()
    assert panel.loc[near, "effect"].max() > 0
    clean = panel[far | panel["first_trained"].notna()]
    target = group_time_effects(clean, outcome="effect", controls="never treated", draws=99).table
    at = panel.set_index(["branch", "month"])["effect"]
    for row in target[target["event_time"] == 6].itertuples():
        members = panel.loc[panel["first_trained"] == row.group, "branch"].unique()
        base = row.group - pd.DateOffset(months=1)
        change = [at[branch, row.time] - at[branch, base] for branch in members]
        assert row.estimate == pytest.approx(np.mean(change))

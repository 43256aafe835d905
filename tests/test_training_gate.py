"""The gate: effects whose trends parted before the treatment are told as associations, everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cemlab import training
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import refuse_causal_claim
from cemlab.training.effects import GroupTimeEffects
from cemlab.training.roll_out import RollOut
from cemlab.training.trends import PreTrends


def planted(slope: float = 0.0, *, effect: float = 1.0, noise: float = 0.1, seed: int = 1) -> RollOut:
    rng = np.random.default_rng(seed)
    first = np.repeat([8, 10, 14], [10, 10, 20])
    y = noise * rng.normal(size=(40, 14)) + slope * np.arange(14) * (first < 14)[:, None]
    return RollOut(
        units=tuple(f"B{i}" for i in range(40)),
        periods=tuple(range(14)),
        outcome=y + effect * (np.arange(14) >= first[:, None]),
        first=first,
        covariates=np.empty((40, 0)),
        covariate_names=(),
        cluster=np.arange(40),
        weights=np.ones(40),
        outcome_name="cx",
        n_given=40,
    )


def both(rolled: RollOut, **options: int) -> tuple[GroupTimeEffects, PreTrends]:
    return (
        training.group_time_effects(rolled, draws=99, **options),
        training.pre_trends(rolled, draws=99, **options),
    )


def test_trends_that_part_shut_the_gate_and_words_follow() -> None:
    effects, trends = both(planted(slope=0.1))
    told = training.causal_claim(effects, trends)
    assert effects.evidence.grade == "quasi-experiment"
    assert told.evidence.grade == "association"
    assert trends.check in told.evidence.failed
    assert told.evidence.tests == trends.evidence.tests
    assert "quasi" not in told.caption
    # figures stay, words change: here and in every average
    assert told.table is effects.table
    for result in (told, told.overall(), told.by_group(), told.by_event_time()):
        assert refuse_causal_claim(result.narrative(), grade="association")
        assert refuse_causal_claim(result.chart.claim, grade="association")
    with pytest.raises(DesignError, match="design grade is 'association'"):
        refuse_causal_claim("The effect of the training", grade=told.overall().evidence.grade)
    for restriction in ("relative magnitudes", "smoothness"):
        survived = training.trend_sensitivity(told, restriction=restriction)
        assert survived.evidence.grade == "association"
        assert refuse_causal_claim(survived.narrative(), grade="association")


def test_trends_that_run_alike_leave_the_grade_and_add_the_check() -> None:
    effects, trends = both(planted())
    told = training.causal_claim(effects, trends)
    assert trends.check.passed is True
    assert told.evidence.grade == "quasi-experiment"
    assert told.evidence.checks == (*effects.evidence.checks, trends.check)


def test_tests_that_decide_nothing_leave_the_grade_and_say_so() -> None:
    effects, trends = both(planted(effect=0.1, noise=1.0))
    told = training.causal_claim(effects, trends)
    assert trends.check.passed is None
    assert told.evidence.grade == "quasi-experiment"
    assert any("undecided" in line for line in told.evidence.findings)


def test_a_lower_grade_is_never_raised() -> None:
    effects, trends = both(planted(slope=0.1))
    lower = replace(effects, evidence=replace(effects.evidence, grade="descriptive"))
    assert training.causal_claim(lower, trends).evidence.grade == "descriptive"


def test_trends_of_other_data_open_nothing() -> None:
    rolled = planted()
    effects, trends = both(rolled)
    with pytest.raises(DesignError, match="differ in outcome"):
        training.causal_claim(effects, both(planted(seed=2))[1])
    with pytest.raises(DesignError, match="differ in anticipation"):
        training.causal_claim(effects, both(rolled, anticipation=1)[1])
    renamed = replace(rolled, units=tuple(f"C{i}" for i in range(40)), periods=tuple(range(2000, 2014)))
    with pytest.raises(DesignError, match="differ in units, periods"):
        training.causal_claim(effects, both(renamed)[1])
    with pytest.raises(OptionError, match="give what group_time_effects and pre_trends return"):
        training.causal_claim(trends, effects)


def test_other_results_on_the_same_roll_out_are_lowered_too() -> None:
    rolled = planted(slope=0.1)
    trends = both(rolled)[1]
    rows = [
        (unit, period, rolled.periods[first] if first < rolled.never else np.nan, rolled.outcome[i, t])
        for i, (unit, first) in enumerate(zip(rolled.units, rolled.first, strict=True))
        for t, period in enumerate(rolled.periods)
    ]
    panel = pd.DataFrame(rows, columns=["branch", "month", "first_trained", "cx"])
    for found in (
        training.few_branches_test(rolled, draws=199),
        training.on_the_way(panel, outcomes=["cx"], draws=99),
    ):
        assert found.evidence.grade == "quasi-experiment"
        told = training.causal_claim(found, trends)
        assert type(told) is type(found)
        assert told.evidence.grade == "association"
        assert told.evidence.checks[-1] is trends.check
        assert told.evidence.tests[-2:] == trends.evidence.tests
        assert told.table is found.table
        assert "the treatment changed" not in told.narrative()
        assert "the training changed" not in told.narrative()
        assert refuse_causal_claim(told.chart.claim, grade="association")
        fewer = replace(found, evidence=replace(found.evidence, n_used=found.evidence.n_used - 1))
        with pytest.raises(DesignError, match="rest on 39 and 40 units"):
            training.causal_claim(fewer, trends)

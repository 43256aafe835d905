"""Benchmarks shrunk to own data: hand-computed, coverage, conflicts, refusals."""

import numpy as np
import pytest

from cemlab.business_case.shrinkage import shrink_to_local
from cemlab.errors import OptionError
from cemlab.stats.normal_update import conflict, update, widened
from cemlab.stats.three_point import moments, triangular


def both(benchmark, local, error, **options):
    return shrink_to_local(benchmark, local=local, std_error=error, unit="points", **options)


def test_by_hand():
    """Precisions 1/9 and 1/16: weights 16/25 and 9/25; mean 10 · 0.64 + 15 · 0.36, variance 144/25."""
    found = both([10.0, 3.0], 15.0, 4.0)
    row = found.together
    assert row["estimate"] == pytest.approx(11.8)
    assert row["std_error"] == pytest.approx(2.4)
    assert row["conf_low"] == pytest.approx(11.8 - 1.959964 * 2.4, abs=1e-5)
    assert found.table["weight"].tolist() == pytest.approx([0.64, 0.36, 1.0])
    # the prediction has a standard deviation of 5: one of them away
    assert found.conflict == pytest.approx(0.317311, abs=1e-6)
    assert "compatible" in found.narrative()


def test_three_numbers_are_a_triangle():
    found = both([0.0, 0.0, 3.0], 1.0, 1.0).table.iloc[0]
    assert found["estimate"] == pytest.approx(1.0)
    assert found["std_error"] == pytest.approx(np.sqrt(0.5))  # 9/18
    drawn = triangular(
        np.random.default_rng(1).random((200_000, 2)), low=np.array([2.0, 5.0]), mode=np.array([3.0, 5.0]),
        high=np.array([7.0, 5.0]),
    )  # fmt: skip
    mean, sd = moments(2, 3, 7)
    # four standard errors of 200,000 draws
    assert drawn[:, 0].mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(200_000))
    assert drawn[:, 0].std() == pytest.approx(sd, rel=0.01)
    assert (drawn[:, 1] == 5).all()
    assert drawn[:, 0].min() >= 2
    assert drawn[:, 0].max() <= 7


def test_intervals_cover_when_the_company_is_one_of_the_benchmarks():
    """θ ~ N(m, sd), estimate ~ N(θ, se): 95 % intervals cover 95 %, and are narrower than own data's."""
    rng = np.random.default_rng(2)
    truth = rng.normal(0.2, 0.1, 3000)
    seen = truth + rng.normal(0, 0.08, 3000)
    kept = [update(0.2, 0.1, estimate=x, std_error=0.08) for x in seen]
    covered = np.abs([k.mean for k in kept] - truth) < 1.959964 * np.array([k.sd for k in kept])
    # four standard errors of a share of 95 % in 3,000
    assert covered.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 3000))
    assert kept[0].sd < 0.08


def test_a_wrong_benchmark_is_seen_and_its_harm_bounded():
    """Six of its standard deviations away: kept, intervals miss nearly always; widened, hardly."""
    rng = np.random.default_rng(3)
    covered = {"keep": 0, "widen": 0, "local": 0}
    seen = rng.normal(0.8, 0.08, 300)
    for x in seen:
        for way in covered:
            row = both([0.2, 0.1], x, 0.08, on_conflict=way).together
            covered[way] += row["conf_low"] < 0.8 < row["conf_high"]
    assert covered["keep"] < 30
    assert covered["widen"] > 270
    # 95 % of 300 is 285, with a standard error of 3.8
    assert covered["local"] == pytest.approx(285, abs=15)
    found = both([0.2, 0.1], 0.8, 0.08)
    assert found.conflict < 1e-5
    assert "contradict each other" in found.narrative()
    assert [check.name for check in found.evidence.failed] == ["benchmark against own data"]
    assert found.table["what"].tolist() == [
        "benchmark", "benchmark, widened", "measured here", "both together",
    ]  # fmt: skip


def test_widening_stops_where_the_conflict_does():
    sd = widened(0.0, 0.1, estimate=1.0, std_error=0.2, level=0.05)
    assert conflict(0.0, sd, estimate=1.0, std_error=0.2) == pytest.approx(0.05)
    assert widened(0.0, 0.6, estimate=1.0, std_error=0.2, level=0.05) == 0.6


def test_what_was_measured_alone_counts_if_asked_for():
    found = both([0.0, 0.1], 5.0, 1.0, on_conflict="local")
    assert found.together["estimate"] == 5
    assert found.together["std_error"] == 1
    assert found.table["weight"].tolist() == [0, 1, 1]
    assert "only what was measured here counts" in found.narrative()
    kept = both([0.0, 0.1], 5.0, 1.0, on_conflict="keep")
    assert kept.together["estimate"] == pytest.approx(5 * 0.01 / 1.01)
    assert "keeps its full weight" in kept.narrative()


def test_it_is_as_strong_as_the_weaker_and_enters_a_ledger_so():
    found = both([1.0, 1.0], 2.0, 1.0, grade="quasi-experiment", benchmark_grade="association", source="two")
    assert found.evidence.grade == "association"
    entry = found.entry("experience", owner="analysis")
    assert (entry.estimate, entry.grade, entry.unit, entry.source) == (1.5, "association", "points", "two")
    assert entry.std_error == pytest.approx(np.sqrt(0.5))
    assert "50 %" in found.chart.alt_text()
    assert found.summary["weight"].tolist() == ["50 %", "50 %", "100 %"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"benchmark": [1.0]}, "allowed: lowest, most plausible and highest, or mean"),
        ({"benchmark": [2.0, 1.0, 3.0]}, "in this order"),
        ({"benchmark": [1.0, 1.0, 1.0]}, "some width"),
        ({"benchmark": [1.0, 0.0]}, "some width"),
        ({"benchmark": "0.1"}, "benchmark is '0.1'"),
        ({"benchmark": [1.0, np.nan]}, "benchmark is"),
        ({"local": np.inf}, "local is inf"),
        ({"std_error": 0.0}, "std_error is 0.0; allowed: a number above nought"),
        ({"unit": " "}, "unit is blank"),
        ({"on_conflict": "wide"}, "did you mean 'widen'"),
        ({"level": 5}, "level is 5"),
        ({"conf_level": 95}, "conf_level is 95"),
    ],
)
def test_what_is_none_is_refused(change, says):
    options = {"benchmark": [1.0, 1.0], "local": 1.0, "std_error": 1.0, "unit": "points"} | change
    with pytest.raises(OptionError, match=says):
        shrink_to_local(options.pop("benchmark"), **options)

"""Leads, influence and Halden: what a reviewer asks of the slope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cemlab import simulate
from cemlab.errors import DesignError, OptionError
from cemlab.linkage import (
    linked_months,
    linked_panel,
    non_response,
    omitted_confounder,
    placebo_leads,
    slope_without_each,
    survey_responses,
)
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.rung_columns import rung_columns, slope_of
from cemlab.markup import number as written
from cemlab.simulate.opening import halden_of


@pytest.fixture(scope="module")
def company():
    return simulate.company(customers=2_000)


@pytest.fixture(scope="module")
def months(company):
    return linked_months(company)


def panel(outcome, score, halves=None, **changes):
    """Return (n, t) arrays as a panel."""
    n, t = score.shape
    unit = np.repeat(np.arange(n), t)
    given = {
        "units": tuple(f"u{i}" for i in range(n)), "periods": tuple(range(t)), "unit": unit,
        "period": np.tile(np.arange(t), n), "outcome": outcome.ravel(), "score": score.ravel(),
        "halves": None if halves is None else np.column_stack([h.ravel() for h in halves]),
        "controls": np.empty((n * t, 0)), "control_names": (), "weights": np.ones(n * t), "cluster": unit,
        "outcome_name": "profit", "score_name": "cx", "outcome_unit": "EUR", "n_given": n * t,
    }  # fmt: skip
    return LinkedPanel(**(given | changes))


def test_on_halden_affluence_explains_what_the_slope_loses_beside_it(company, months):
    months = months.assign(affluence=np.repeat(halden_of(company).network().affluence, 48))
    # affluence is drawn by branch, in the order of their names
    assert months["branch"].is_monotonic_increasing
    assert months["branch"].nunique() == 60
    given = {"outcome": "margin_per_customer", "halves": ("cx_a", "cx_b")}
    found = omitted_confounder(linked_panel(months, controls=["headcount"], **given))
    beside = omitted_confounder(linked_panel(months, controls=["headcount", "affluence"], **given))
    # what affluence explains is known only because it is recorded here
    truth = beside.benchmarks.set_index("confounder").loc["affluence"]
    adjusted = found.at(r2_score=truth["r2_score"], r2_outcome=truth["r2_outcome"]).table.iloc[-1]
    expected = beside.robustness["estimate"].iloc[0]
    assert adjusted["estimate"] == pytest.approx(expected, abs=1e-8)  # a slope of some 50, ten digits
    # planted: the pooled slope is about twice what it is with affluence held fixed
    assert expected < 0.75 * found.robustness["estimate"].iloc[0]
    within = omitted_confounder(linked_panel(months, **given), rung="within").robustness.iloc[0]
    assert 0 < within["rv_interval"] < within["rv"] < found.robustness["rv"].iloc[0]


def test_on_halden_tomorrow_does_not_explain_today(months):
    linked = linked_panel(months, outcome="margin_per_customer", halves=("cx_a", "cx_b"))
    found = placebo_leads(linked)
    assert found.error == "halves"
    assert found.check.passed is not False
    assert found.table["shift"].tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert found.table["tested"].sum() == 3
    # beside its own noise, the same month carries it: its halves give more than the noisy score does
    noisy = placebo_leads(linked, error="ignored")
    now = [r.table.set_index("shift").loc[0, "estimate"] for r in (found, noisy)]
    assert now[0] > now[1] > 0
    assert found.chart.kind == "event"
    assert "later ones jointly" in found.narrative()


def test_on_halden_traits_move_the_mean_little_and_do_not_see_who_is_silent(company):
    counted = survey_responses(company, by=["about", "branch", "channel", "resolved"])
    lines = company.table("surveys").to_pandas()
    assert counted["sent"].sum() == len(lines) == counted.attrs["n_given"]
    assert counted["answered"].sum() == lines["csat"].notna().sum()
    assert counted["total"].sum() == lines["csat"].sum()
    assert counted["squares"].sum() == (lines["csat"].astype(float) ** 2).sum()
    found = non_response(counted, group="branch")
    assert found.evidence.checks[0].passed is None
    assert len(found.groups) == 60
    rows = found.table.set_index("way")["estimate"]
    assert abs(rows.iloc[1] - rows.iloc[0]) < 0.1
    assert (found.groups["bound_low"] <= found.groups["weighted_mean"].dropna()).all()


def autoregressive(rng, n, t, carry=0.5):
    values = rng.standard_normal((n, t + 5))
    for month in range(1, t + 5):
        values[:, month] = carry * values[:, month - 1] + np.sqrt(1 - carry**2) * values[:, month]
    return values[:, 5:]


def test_leads_hold_their_level_and_find_money_that_pays_for_experience():
    rng = np.random.default_rng(11)
    rejected = {"nothing": 0, "noisy": 0, "reverse": 0}
    repetitions = 50
    for _ in range(repetitions):
        score = autoregressive(rng, 40, 14)
        money = score + 0.3 * rng.standard_normal((40, 14))
        halves = [score + 0.9 * rng.standard_normal((40, 14)) for _ in range(2)]
        linked = panel(money, sum(halves) / 2, halves)
        rejected["nothing"] += placebo_leads(linked, leads=2, lags=1).joint["p_value"].iloc[0] <= 0.05
        ignored = placebo_leads(linked, leads=2, lags=1, error="ignored")
        rejected["noisy"] += ignored.joint["p_value"].iloc[0] <= 0.05
        later = score.copy()
        later[:, 1:] += 0.5 * money[:, :-1]
        back = placebo_leads(panel(money, later), leads=2, lags=1)
        rejected["reverse"] += back.check.passed is False
    # 5 percent of 50 is 2.5 with a standard error of 1.5
    assert rejected["nothing"] <= 7
    # left in the score, its error makes the next month stand in for this one
    assert rejected["noisy"] > 0.5 * repetitions
    assert rejected["reverse"] > 0.9 * repetitions


def test_what_leads_would_have_to_be_is_by_the_joint_test_at_the_level_asked():
    money, score = np.random.default_rng(2).standard_normal((2, 12, 12))
    found = [placebo_leads(panel(money, score), leads=3, lags=1, level=level) for level in (0.05, 0.01)]
    size = [each.joint["lead_found"].iloc[0] for each in found]
    assert size[1] > size[0]
    errors = found[0].table.loc[found[0].table["tested"], "std_error"]
    # three leads together need less of each than one alone, whose 2.8 standard errors are found; but F on 3
    # and 9 degrees of freedom asks more than chi-squared, by which sqrt(10.9 / 3) = 1.9 of each would do
    assert 1.9 * errors.min() < size[0] < 1.6 * 2.8 * errors.max()
    assert f"Leads of {written(size[0])} each would have been found" in found[0].narrative()


def test_leads_of_a_panel_with_a_gap_are_those_of_regressions_on_dummies():
    rng = np.random.default_rng(3)
    score, money = rng.standard_normal((2, 12, 9))
    whole = panel(money, score, weights=rng.uniform(0.5, 2, 108), controls=rng.standard_normal((108, 1)),
                  control_names=("size",))  # fmt: skip
    kept = np.delete(np.arange(108), [13, 50])
    rows = {
        name: getattr(whole, name)[kept]
        for name in ("unit", "period", "outcome", "score", "weights", "cluster")
    }
    found = placebo_leads(replace(whole, **rows, controls=whole.controls[kept]), leads=1, lags=1)
    # by hand: rows whose neighbours are there
    at = {(u, p): i for i, (u, p) in enumerate(zip(rows["unit"], rows["period"], strict=True))}
    used = [i for (u, p), i in at.items() if (u, p - 1) in at and (u, p + 1) in at]
    u, p = rows["unit"][used], rows["period"][used]
    design = np.column_stack(
        [rows["score"][[at[a, b + s] for a, b in zip(u, p, strict=True)]] for s in (-1, 0, 1)]
        + [whole.controls[kept][used, 0]]
        + [u == a for a in range(12)] + [p == b for b in range(2, 8)]
    ).astype(float)  # fmt: skip
    root = np.sqrt(rows["weights"][used])
    beta = np.linalg.lstsq(design * root[:, None], rows["outcome"][used] * root, rcond=None)[0]
    assert found.table["estimate"].to_numpy() == pytest.approx(beta[:3], abs=1e-10)
    assert found.evidence.n_used == len(used)


@pytest.mark.parametrize(
    ("change", "options", "error", "match"),
    [
        ({}, {"leads": 8, "lags": 8}, DesignError, "12 periods; 8 leads and 8 lags need 19"),
        ({}, {"leads": 0}, OptionError, "leads is 0"),
        ({}, {"lags": -1}, OptionError, "lags is -1"),
        ({}, {"level": 0.9}, OptionError, "level is 0.9"),
        ({}, {"error": "none"}, OptionError, "no way to treat"),
        ({}, {"error": "halves"}, DesignError, "no halves"),
        ({"cluster": np.repeat(np.arange(20) // 5, 12)}, {}, DesignError, "4 clusters"),
        ({"score": np.repeat(np.arange(20.0), 12)}, {}, DesignError, "cannot be told apart"),
        (
            {"period": np.tile(np.arange(0, 24, 2), 20), "periods": tuple(range(24))},
            {},
            DesignError,
            "0 rows",
        ),
    ],
)
def test_leads_that_cannot_be_tested_are_refused(change, options, error, match):
    money, score = np.random.default_rng(1).standard_normal((2, 20, 12))
    with pytest.raises(error, match=match):
        placebo_leads(replace(panel(money, score), **change), **options)


@pytest.mark.parametrize("rung", ["pooled", "controlled", "within"])
def test_without_each_unit_the_slope_is_that_of_the_panel_without_it(rung):
    rng = np.random.default_rng(4)
    money, score = rng.standard_normal((2, 12, 7)) + np.arange(12)[:, None] / 3
    whole = panel(money, score, weights=rng.uniform(0.5, 2, 84), controls=rng.standard_normal((84, 1)),
                  control_names=("size",), cluster=np.repeat(np.arange(12) // 2, 7))  # fmt: skip
    found = slope_without_each(whole, rung=rung)
    for number in range(12):
        kept = whole.unit != number
        rows = {
            name: getattr(whole, name)[kept] for name in ("period", "outcome", "score", "weights", "controls")
        }
        unit, cluster = (
            np.unique(codes[kept], return_inverse=True)[1] for codes in (whole.unit, whole.cluster)
        )
        fewer = replace(
            whole, **rows, unit=unit, cluster=cluster, units=tuple(np.delete(whole.units, number).tolist())
        )
        again = slope_of(rung_columns(fewer, rung=rung), cluster=cluster)
        row = found.table[found.table["left_out"] == f"u{number}"].iloc[0]
        assert row["estimate"] == pytest.approx(again.estimate, abs=1e-9)
        assert row["std_error"] == pytest.approx(again.clustered_error, rel=1e-8)
    assert found.table["moved"].abs().is_monotonic_decreasing


def test_one_branch_that_makes_the_slope_is_named():
    rng = np.random.default_rng(4)
    money, score = rng.standard_normal((2, 20, 12))
    money[6] += 25 * score[6]
    found = slope_without_each(panel(money, score))
    assert found.table["left_out"].iloc[0] == "u6"
    assert "u6 moves it most" in found.narrative()
    assert found.chart.frame["left_out"].iloc[0] == "(none)"
    assert len(found.summary) == 8
    with pytest.raises(DesignError, match="2 units"):
        slope_without_each(panel(money[:2], score[:2]))
    only = np.zeros((5, 6))
    only[2] = np.arange(6)
    with pytest.raises(DesignError, match="without u2 no slope can be told"):
        slope_without_each(panel(money[:5, :6], only), rung="within")

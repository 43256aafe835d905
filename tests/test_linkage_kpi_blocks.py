"""Two blocks of KPIs out of sample, and what customers say counted."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.data.company import Company, CompanyInfo
from cemlab.data.perceived_value import perceived_value
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import kpi_blocks
from cemlab.stats.out_of_sample import explained, forward_errors, left_out_errors

BLOCKS = {"outcome": "profit", "books": ["profit", "staff"], "view": ["nps"]}


def panel(seed, *, knows, n=20, t=18):
    """Draw rows whose view says what profit will be next month, or nothing."""
    rng = np.random.default_rng(seed)
    quality = np.cumsum(rng.standard_normal((n, t + 1)), axis=1) * 0.6 + rng.standard_normal((n, 1))
    profit = 5 + rng.standard_normal((n, t + 1))
    profit[:, 1:] += quality[:, :-1]
    said = quality[:, :t] if knows else rng.standard_normal((n, t))
    return pd.DataFrame(
        {
            "branch": np.repeat([f"b{i}" for i in range(n)], t),
            "month": np.tile(np.arange(t), n),
            "profit": profit[:, :t].ravel(),
            "staff": rng.standard_normal(n * t),
            "nps": (said + 0.3 * rng.standard_normal((n, t))).ravel(),
        }
    )


def test_a_view_that_knows_is_found_and_one_that_does_not_is_not():
    false = 0
    for seed in range(12):
        knows = kpi_blocks(panel(seed, knows=True), ahead=1, **BLOCKS)
        assert knows.gain()["conf_low"] > 0
        empty = kpi_blocks(panel(seed, knows=False), ahead=1, **BLOCKS)
        false += empty.gain()["conf_low"] > 0
        # noise costs a little out of sample, and never more than its share of the rows
        assert abs(empty.gain("branches left out")["estimate"]) < 0.03
    assert false <= 2  # more than two of twelve at 2.5 % come three times in a thousand
    assert "it does" in knows.narrative()
    assert "knows something" in knows.chart.claim
    gain, rows = knows.gain()["estimate"], knows.table[knows.table["held_out"] == "later months"]
    alone = rows.loc[rows["model"] == "books", "estimate"].item()
    # what the view adds stands beside what the books know alone
    assert knows.chart.claim.endswith(f"{gain:+.3f} of R², beside {alone:.3f} of the books")
    assert "not told from nothing" in empty.chart.claim
    assert len(knows.summary) == 8


def by_hand_forward(y, x, period, ahead, now):
    """Fit plain least squares on what was over, each period about its mean, and predict `now`."""
    values = pd.DataFrame(np.column_stack([y, x]))
    apart = (values - values.groupby(period).transform("mean")).to_numpy()
    old, new = period <= now - ahead, period == now
    weight = np.linalg.lstsq(apart[old, 1:], apart[old, 0], rcond=None)[0]
    return (apart[new, 0] - apart[new, 1:] @ weight) ** 2


def test_later_months_are_predicted_from_what_was_over_by_then():
    rng = np.random.default_rng(4)
    x, period = rng.standard_normal((120, 2)), np.tile(np.arange(12), 10)
    y = x @ [1.0, -2.0] + rng.standard_normal(120)
    _alone, error, there = forward_errors(y, x, period=period, ahead=3, first=7)
    for now in (7, 11):
        np.testing.assert_allclose(error[period == now], by_hand_forward(y, x, period, 3, now), rtol=1e-9)
    assert there.tolist() == (period >= 7).tolist()
    # what comes after a prediction cannot move it
    later = np.where(period > 5, y + 100 * rng.standard_normal(120), y)
    apart = forward_errors(later, x, period=period, ahead=3, first=7)[1]
    assert not np.allclose(apart[period == 11], error[period == 11])
    moved = np.where(period > 7, 0.0, y)
    kept = forward_errors(moved, x, period=period, ahead=3, first=7)[1]
    np.testing.assert_allclose(kept[period == 7], error[period == 7], rtol=1e-12)


def test_left_out_branches_are_predicted_from_the_others_alone():
    rng = np.random.default_rng(6)
    x, period, fold = rng.standard_normal((90, 2)), np.tile(np.arange(9), 10), np.repeat(np.arange(10), 9) % 5
    y = x @ [1.0, 0.5] + rng.standard_normal(90)
    _, error = left_out_errors(y, x, fold=fold, period=period)
    out = fold == 2
    values = np.column_stack([y, x])
    means = pd.DataFrame(values[~out]).groupby(period[~out]).mean().to_numpy()
    apart = values - means[period]
    weight = np.linalg.lstsq(apart[~out, 1:], apart[~out, 0], rcond=None)[0]
    np.testing.assert_allclose(error[out], (apart[out, 0] - apart[out, 1:] @ weight) ** 2, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_shares_explained_do_not_depend_on_the_unit_of_money(seed, times):
    rng = np.random.default_rng(seed)
    alone, errors, cluster = rng.random(40) + 0.1, rng.random((40, 2)), np.arange(40) % 8
    one, other = (
        explained(alone, errors, cluster=cluster),
        explained(times * alone, times * errors, cluster=cluster),
    )
    np.testing.assert_allclose(other.estimate, one.estimate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-7, atol=1e-14)
    np.testing.assert_allclose(one.estimate, 1 - errors.sum(axis=0) / alone.sum(), rtol=1e-12)


def test_what_cannot_be_compared_is_refused_by_name():
    rows = panel(1, knows=True, n=12, t=10)
    for wrong, error, word in (
        ({"ahead": 0}, OptionError, "ahead"),
        ({"first_share": 1.0}, OptionError, "first_share"),
        ({"folds": 1}, OptionError, "folds"),
        ({"books": []}, OptionError, "books is"),
        ({"view": "nps"}, OptionError, "view is"),
        ({"view": ["nps", "staff"]}, OptionError, "both blocks"),
        ({"view": ["csat"]}, ColumnError, "csat"),
        ({"ahead": 20}, DesignError, "no row has all"),
        ({"ahead": 8}, DesignError, "leave"),
    ):
        with pytest.raises(error, match=word):
            kpi_blocks(rows, **{**BLOCKS, **wrong})
    for changed, error, word in (
        (rows[rows["branch"].isin(["b1", "b2"])], DesignError, "2 branch values"),
        (pd.concat([rows, rows[:1]]), DataError, "stands twice"),
        (rows.assign(branch=None), DataError, "name no branch"),
        (rows.assign(staff="many"), DataError, "many"),
        (rows.assign(staff=rows["month"]), DesignError, "'staff': the same for all"),
        (rows.assign(currency=["EUR", "USD"] * 60), DataError, "mixed"),
    ):
        with pytest.raises(error, match=word):
            kpi_blocks(changed, ahead=1, **BLOCKS)
    with pytest.raises(OptionError, match="held_out"):
        kpi_blocks(rows, ahead=1, **BLOCKS).gain("nothing")
    with pytest.raises(DesignError, match="2 units"):
        explained(np.ones(4), np.ones((4, 1)), cluster=np.arange(4) % 2)


def small(sent, months=(1, 2, 3)):
    books = pd.DataFrame({"branch": ["x"] * len(months), "month": [date(2024, m, 1) for m in months]})
    people = pd.DataFrame({"customer": ["a", "b", "c"], "branch": ["x", "x", None]})
    tables = {"surveys": sent, "customers": people, "branch_month": books}
    return Company(
        info=CompanyInfo(name="S", source="S"), tables={k: ibis.memtable(v) for k, v in tables.items()}
    )


def test_answers_are_counted_as_by_hand_and_put_together_over_a_window():
    sent = pd.DataFrame(
        {
            "customer": ["a", "b", "a", "b", "c", "a"],
            "date": [date(2024, m, 9) for m in (1, 1, 1, 3, 3, 3)],
            "responded": [True, True, False, True, True, True],
            "nps": [10, 3, 0, 7, 10, None],
            "value_for_money": [8.0, 5.5, 1.0, 4.0, 10.0, 7.0],
        }
    )
    one = perceived_value(small(sent))
    assert one["sent"].tolist() == [3, 0, 2]
    assert one["answered"].tolist() == [2, 0, 2]
    assert one["nps_n"].tolist() == [2, 0, 1]
    np.testing.assert_array_equal(one["nps"], [0.0, np.nan, 0.0])
    np.testing.assert_array_equal(one["value_for_money"], [6.75, np.nan, 5.5])
    three = perceived_value(small(sent), window=3)
    assert three["answered"].tolist() == [2, 2, 4]
    np.testing.assert_allclose(three["value_for_money"], [6.75, 6.75, 24.5 / 4], rtol=1e-12)
    assert "csat" not in three
    with pytest.raises(OptionError, match="window"):
        perceived_value(small(sent), window=0)
    with pytest.raises(DesignError, match="none of nps"):
        perceived_value(small(sent[["customer", "date", "responded"]]))

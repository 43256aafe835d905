"""Intention against behaviour: counted by hand, fitted as the rows would be, planted shapes, refusals."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import norm

from cemlab import simulate
from cemlab.data.company import Company, CompanyInfo
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import intent_against_behaviour, intent_behaviour
from cemlab.linkage.intent_figures import calibration

START = date(2024, 1, 1)


def small(**changes):
    """Return a company of three customers, asked on day 10 (c, d) and day 95 (c), purchases until day 100."""
    day = [START + timedelta(days=d) for d in range(101)]
    tables = {
        "customers": {"customer": ["c", "d", "e"], "branch": ["a", "b", None]},
        "subscriptions": {
            "customer": ["c", "d", "e"],
            "entry": [date(2020, 1, 1)] * 3,
            "exit": [None, day[30], None],
            "cause": ["none", "price", "none"],
        },
        "surveys": {
            "customer": ["c", "d", "e", "c", "d", "d"],
            "date": [day[10], day[10], day[10], day[95], day[12], day[40]],
            "responded": [True, True, True, True, False, True],
            "csat": [4, 2, 3, 5, None, 1],
            "intent": [0.84, 0.5, 0.7, 0.9, None, 0.1],
        },
        "transactions": {
            "customer": ["c", "c", "c", "d", "c"],
            "date": [day[10], day[11], day[40], day[20], day[100]],
            "revenue": [Decimal("1.00"), Decimal("2.50"), Decimal("4.00"), Decimal("3.25"), Decimal("9.00")],
        },
    }
    for table, columns in changes.items():
        tables[table] = {**tables[table], **columns}
    return Company(
        info=CompanyInfo(name="Small", source="Small"),
        tables={name: ibis.memtable(pd.DataFrame(columns)) for name, columns in tables.items()},
    )


def test_counts_by_hand():
    cells = intent_behaviour(small(), days=30)
    # c on day 10: 2.50 and 4.00 in the thirty days after, not what was bought on the day itself; d bought
    # 3.25 and left on day 30; e has no branch, c's second cannot be watched; d was gone on day 40
    said = cells[cells["score"].notna()].set_index("branch")
    assert said.loc["a", ["score", "tenth", "n", "lines", "revenue", "stayed"]].tolist() == [
        4,
        0.8,
        1,
        2,
        6.5,
        1,
    ]
    assert said.loc["b", ["score", "tenth", "n", "lines", "revenue", "stayed"]].tolist() == [
        2,
        0.5,
        1,
        1,
        3.25,
        0,
    ]
    # exact decimals until the last
    assert said.loc["a", ["intent", "intent_sq", "lines_sq", "revenue_sq"]].tolist() == [
        0.84,
        0.7056,
        4,
        42.25,
    ]
    assert said.loc["a", ["intent_lines", "intent_revenue", "intent_stayed"]].tolist() == [1.68, 5.46, 0.84]
    silent = cells[cells["score"].isna()]
    assert silent[["branch", "n", "lines", "stayed"]].values.tolist() == [["b", 1.0, 1.0, 0.0]]
    assert {k: cells.attrs[k] for k in ("n_given", "n_used", "n_answered", "days", "score")} == {
        "n_given": 6, "n_used": 3, "n_answered": 2, "days": 30, "score": "csat",
    }  # fmt: skip
    kept = intent_behaviour(small(), days=30, willing=("competitor",))
    assert kept["stayed"].sum() == 3


def answered(seed, *, branches=20, of_each=150):
    """Return rows of answers whose intention bends down and whose purchases bend up, and their cells."""
    rng = np.random.default_rng(seed)
    branch = np.repeat(np.arange(branches), of_each)
    score = rng.integers(1, 6, len(branch))
    intent = np.clip(np.round(1 - np.exp(-0.5 * score) + rng.normal(0, 0.05, len(branch)), 2), 0, 1)
    lines = rng.poisson(np.exp(0.1 * score**1.5) + rng.uniform(0, 2, branches)[branch])
    rows = pd.DataFrame({"branch": branch, "score": score.astype(float), "intent": intent, "lines": lines})
    rows["revenue"] = 10.0 * rows["lines"]
    rows["stayed"] = rng.random(len(branch)) < 0.9
    return rows, cells_of(rows)


def cells_of(rows):
    """Count rows as the engine does."""
    wide = rows.assign(tenth=(rows["intent"] * 10).round() / 10, n=1.0, stayed=rows["stayed"].astype(float))
    for name in ("intent", "lines", "revenue"):
        wide[f"{name}_sq"] = wide[name] ** 2
    for name in ("lines", "revenue", "stayed"):
        wide[f"intent_{name}"] = wide["intent"] * wide[name]
    return wide.groupby(["branch", "score", "tenth"], as_index=False, dropna=False).sum()


def test_cells_give_what_the_rows_give():
    rows, cells = answered(1)
    found = intent_against_behaviour(cells)
    x = rows["score"] - rows["score"].mean()
    dummies = pd.get_dummies(rows["branch"]).to_numpy(dtype=float)
    fit = sm.OLS(rows["lines"].to_numpy(dtype=float), np.column_stack([x, x**2, dummies])).fit()
    bend = found.table.set_index(["outcome", "quantity"]).loc[("lines", "bend")]
    # the same normal equations in another order
    assert bend["estimate"] == pytest.approx(2 * fit.params[1], rel=1e-9)
    # the jackknife over branches, each left out of the rows
    left_out = []
    for b in range(20):
        keep = (rows["branch"] != b).to_numpy()
        fewer = np.column_stack([x, x**2, np.delete(dummies, b, axis=1)])[keep]
        left_out.append(
            2 * np.linalg.lstsq(fewer, rows["lines"].to_numpy(dtype=float)[keep], rcond=None)[0][1]
        )
    jackknife = (19 / 20 * ((np.array(left_out) - bend["estimate"]) ** 2).sum()) ** 0.5
    assert bend["std_error"] == pytest.approx(jackknife, rel=1e-6)
    within = rows[["intent", "lines"]] - rows.groupby("branch")[["intent", "lines"]].transform("mean")
    r = found.correlations.set_index("outcome").loc["lines"]
    assert r["estimate"] == pytest.approx(within.corr().iloc[0, 1], rel=1e-9)
    levels = found.levels[found.levels["outcome"] == "lines"]
    # weighted by answers, the levels' multiples of the mean have the mean one
    assert np.average(levels["estimate"], weights=levels["n"]) == pytest.approx(1)
    assert bend["found_at_80"] == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * bend["std_error"])


def test_planted_shapes_are_found_and_told():
    rows, cells = answered(2)
    silent = rows.assign(score=np.nan, intent=np.nan, lines=rows["lines"] + 1)
    found = intent_against_behaviour(pd.concat([cells, cells_of(silent)], ignore_index=True))
    assert (found.shape("intent"), found.shape("lines"), found.shape("stayed")) == (-1, 1, 0)
    assert found.chart.claim.startswith("Intention shows diminishing, spending increasing")
    upper = found.table[found.table["quantity"] == "upper half of the rise"].set_index("outcome")
    assert upper.loc["intent", "conf_high"] < 0.5 < upper.loc["lines", "conf_low"]
    assert np.isinf(upper.loc["stayed", "conf_high"])
    assert "(no bounds)" in found.summary.to_string()
    assert "found four times in five" in found.narrative()
    # those who were silent bought one line more
    check = found.evidence.checks[0]
    assert check.passed is False
    assert "lines bought -1" in check.detail
    assert intent_against_behaviour(cells).evidence.checks[0].passed is None


def test_calibration_has_wilsons_interval_widened_where_branches_differ():
    rows, _ = answered(3)
    # half of the answers of each branch stay in one way, so that branches are all alike
    rows["stayed"] = np.arange(len(rows)) % 2 == 0
    over = calibration(cells_of(rows), conf_level=0.95).iloc[-1]
    n, z2 = len(rows), norm.ppf(0.975) ** 2
    reach = (z2 * (0.25 / n + z2 / (4 * n**2))) ** 0.5 / (1 + z2 / n)
    assert over["conf_high"] - over["estimate"] == pytest.approx(reach)
    assert over["difference_low"] == pytest.approx(over["conf_low"] - rows["intent"].mean())
    rows["stayed"] = rows["branch"] % 2 == 0
    apart = calibration(cells_of(rows), conf_level=0.95).iloc[-1]
    # whole branches stay or leave: 20 of them, not 3,000 answers
    assert apart["conf_high"] - apart["estimate"] > 5 * reach


def test_on_halden_intention_is_concave_and_says_nothing_of_behaviour():
    found = intent_against_behaviour(intent_behaviour(simulate.company(customers=2_000)))
    assert found.shape("intent") == -1
    related = found.correlations
    # planted: satisfaction of a day moves intention, experience moves behaviour; they share little
    assert (related["conf_low"] < 0.1).all()
    # a rise of a tenth of a year's purchases could not be seen bent by 1,500 customers
    assert found.shape("lines") == 0


@pytest.mark.parametrize(
    ("kinds", "changes", "error", "words"),
    [
        ({"score": "mood"}, {}, OptionError, "score"),
        ({"days": 0}, {}, OptionError, "whole number"),
        ({"days": True}, {}, OptionError, "whole number"),
        ({"days": 2.5}, {}, OptionError, "whole number"),
        ({"days": 500}, {}, DesignError, "fewer days"),
        ({"score": "nps"}, {}, ColumnError, "nps"),
        ({}, {"surveys": {"intent": [84.0, 0.5, 0.7, 0.9, None, 0.1]}}, DataError, "outside its scale"),
        ({}, {"surveys": {"csat": [9, 2, 3, 5, None, 1]}}, DataError, "1 to 5"),
        ({}, {"customers": {"customer": ["c", "c", "e"]}}, DataError, "more than one row"),
    ],
)
def test_refuses_what_cannot_be_counted(kinds, changes, error, words):
    with pytest.raises(error, match=words):
        intent_behaviour(small(**changes), **kinds)


def test_refuses_cells_that_tell_nothing():
    _, cells = answered(4, branches=4, of_each=40)
    with pytest.raises(ColumnError, match="revenue_sq"):
        intent_against_behaviour(cells.drop(columns="revenue_sq"))
    with pytest.raises(DesignError, match="a bend needs three"):
        intent_against_behaviour(cells[cells["score"] < 3])
    with pytest.raises(DesignError, match="cluster"):
        intent_against_behaviour(cells[cells["branch"] < 2])
    flat = cells.assign(stayed=cells["n"], intent_stayed=cells["intent"])
    with pytest.raises(DesignError, match="stayed is the same"):
        intent_against_behaviour(flat)
    with pytest.raises(OptionError, match="conf_level"):
        intent_against_behaviour(cells, conf_level=95)
    bare = Company(info=CompanyInfo(name="Small", source="Small"), tables={})
    with pytest.raises(DesignError, match="surveys"):
        intent_behaviour(bare)

"""Ways from experience to money, and how much goes by each."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import ibis
import numpy as np
import pandas as pd
import pytest

from cemlab.data.company import Company, CompanyInfo
from cemlab.data.new_customers import new_customers
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.linkage import kpi_blocks, linked_panel, mediation, placebo_leads, ways, with_behaviours
from cemlab.stats.holm import holm


def panel(seed=1, n=40, t=20, noise=0.5):
    """Draw rows whose slopes are planted: leaving -0.3, spending 4, contacts 0; profit 0.5 × spending + 1."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"branch": np.repeat(np.arange(n), t), "month": np.tile(np.arange(t), n)})
    rich = rng.standard_normal(n)[rows["branch"]]
    score = rng.standard_normal(n * t) + rich
    first, second = score + noise * rng.standard_normal((2, n * t))
    rows["customers"] = 100.0 + 20 * rng.random(n * t)
    rows["left"] = (0.02 - 0.003 * score + 0.004 * rng.standard_normal(n * t)) * rows["customers"]
    rows["spend"] = (50 + 4 * score + 9 * rich + 5 * rng.standard_normal(n * t)) * rows["customers"]
    rows["contacts"] = (1 + 0.2 * rng.standard_normal(n * t)) * rows["customers"]
    per = rows["spend"] / rows["customers"]
    rows["profit"] = 0.5 * per + 1.0 * score + 3 * rich + 2 * rng.standard_normal(n * t)
    return rows.assign(cx=(first + second) / 2, cx_a=first, cx_b=second)


def test_planted_slopes_are_covered_and_the_naive_ones_too_small():
    truth = {"leaving willingly": -0.3, "spending": 4.0, "service contacts": 0.0}
    inside, found = dict.fromkeys(truth, 0), []
    runs = 16
    for seed in range(runs):
        table = ways(panel(seed, n=20, t=12)).table.set_index("outcome")
        for name, value in truth.items():
            inside[name] += table.loc[name, "conf_low"] <= value <= table.loc[name, "conf_high"]
        found.append(table.loc["spending", ["estimate", "naive"]].to_numpy(dtype=float))
    estimate, naive = np.mean(found, axis=0)
    # fewer than 12 of 16 at 95 % come once in a thousand
    assert min(inside.values()) >= 12
    assert estimate == pytest.approx(4.0, abs=4 * np.std(found, axis=0)[0] / np.sqrt(runs))
    assert naive < 3.75  # reliability is 1 / 1.125


def test_the_table_tells_shares_of_the_mean_and_answers_for_all_looked_at():
    rows = panel(seed=4)
    result = ways(rows, conf_level=0.9)
    table = result.table
    assert table["outcome"].tolist() == ["leaving willingly", "spending", "service contacts"]
    mean = 100 * (rows["left"] / rows["customers"]).mean()
    assert table["mean"][0] == pytest.approx(mean, rel=1e-12)
    assert table["relative"][0] == pytest.approx(100 * table["estimate"][0] / mean, rel=1e-12)
    np.testing.assert_allclose(table["p_adjusted"], closed(table["p_value"].to_numpy()), rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.diagonal(result.covariance)), table["std_error"], rtol=1e-12)
    assert result.settled["outcome"].tolist() == ["leaving willingly", "spending"]
    told = result.narrative()
    assert "Not settled: service contacts." in told
    assert "is associated" in told
    assert "90 % intervals" in told
    assert result.chart.claim.endswith("leaving willingly and spending")
    assert len(result.summary) == 3
    assert "Behaviour" in result._repr_html_()
    alone = ways(rows, halves=None, outcomes=["contacts"])
    assert "not settled" in alone.narrative()
    assert "not settled" in alone.chart.claim
    assert alone.reliability == 1.0
    assert any(check.passed is None for check in alone.evidence.checks)


def test_a_row_without_customers_is_left_out_and_rates_that_stand_there_are_kept():
    rows = panel(n=10, t=6)
    rows.loc[3, "customers"] = 0.0
    assert ways(rows).evidence.n_used == 59
    kept = with_behaviours(rows.assign(left_share=7.0, margin=5.0))
    assert (kept["left_share"] == 7.0).all()
    assert "left_share" not in rows
    cost = (5.0 - rows["profit"]) / rows["customers"].where(rows["customers"] > 0)
    np.testing.assert_allclose(kept["cost_per_customer"], cost)


def test_the_total_is_the_sum_of_its_ways_and_the_planted_ones_are_found():
    rows = with_behaviours(panel())
    found = mediation(
        rows, outcome="profit", mediators=["spend_per_customer", "left_share"], outcome_unit="EUR"
    )
    table = found.table.set_index("path")["estimate"]
    whole = table["by all these ways"]
    assert whole == pytest.approx(table.iloc[0] + table.iloc[1], rel=1e-12)
    assert table["total"] == pytest.approx(whole + table["direct"], rel=1e-12)
    low, high = found.table.loc[0, ["conf_low", "conf_high"]]
    assert low < 2.0 < high  # 4 × 0.5
    legs = found.legs.set_index("mediator").loc["spend_per_customer"]
    assert legs["from_low"] < 0.5 < legs["from_high"]
    # Monte Carlo and delta are nearly one where the product is far from nought; quantiles of 20,000 draws
    reach = 2.02 * found.table.loc[0, "std_error"]
    assert high - low == pytest.approx(2 * reach, rel=0.05)
    assert found.table["share"].iloc[-1] == 1.0
    assert found.evidence.grade == "association"
    told = found.narrative()
    assert "sequential ignorability" in told
    assert "is associated with" in told
    assert "EUR" in told
    assert "spend per customer" in found.chart.claim
    assert len(found.summary) == 5
    again = mediation(rows, outcome="profit", mediators=["spend_per_customer", "left_share"])
    pd.testing.assert_frame_equal(again.table, found.table)
    with pytest.raises(OptionError, match="2 mediators"):
        found.sensitivity()
    alone = found.sensitivity(mediator="spend_per_customer", rhos=[0.0, 0.3])
    plain = mediation(rows, outcome="profit", mediators=["spend_per_customer"])
    assert alone.table["estimate"][0] == pytest.approx(plain.table["estimate"][0], rel=1e-10)


def test_more_confounding_leaves_less_and_the_interval_of_its_limit_stays_a_correlation():
    rows = with_behaviours(panel())
    found = mediation(rows, outcome="profit", mediators=["spend_per_customer"]).sensitivity()
    assert (np.diff(found.table["estimate"]) < 0).all()
    at = found.nought
    assert -1 < at["conf_low"] < at["estimate"] < at["conf_high"] < 1
    left = found.table.loc[found.table["rho"] > at["estimate"], "estimate"]
    assert len(left)
    assert (left < 0).all()
    assert f"{at['estimate']:+.2f}" in found.narrative()
    assert f"{at['estimate']:+.2f}" in found.chart.claim
    assert len(found.summary) == 7


def test_a_share_of_a_total_that_is_not_settled_is_not_told():
    rows = with_behaviours(panel()).assign(luck=np.random.default_rng(9).standard_normal(800))
    found = mediation(rows, outcome="luck", mediators=["contacts_per_customer"])
    assert found.table["share_low"].isna().all()
    assert "not to be told" in found.summary["share"].tolist()
    assert "not settled" in found.chart.claim


def test_what_is_no_way_is_refused_by_name():
    rows = with_behaviours(panel(n=12, t=6))
    with pytest.raises(OptionError, match="mediators are"):
        mediation(rows, outcome="profit", mediators="spend")
    with pytest.raises(ColumnError, match="spent"):
        mediation(rows, outcome="profit", mediators=["spent"])
    with pytest.raises(DataError, match="this is text"):
        mediation(rows.assign(word="a"), outcome="profit", mediators=["word"])
    with pytest.raises(OptionError, match="draws"):
        mediation(rows, outcome="profit", mediators=["spend"], draws=10)
    found = mediation(rows, outcome="profit", mediators=["spend"])
    with pytest.raises(OptionError, match="no mediator named 'cx'"):
        found.sensitivity(mediator="cx")
    with pytest.raises(OptionError, match="rhos"):
        found.sensitivity(rhos=[1.0])
    twice = mediation(rows.assign(twin=2 * rows["profit"] + 1), outcome="profit", mediators=["twin"])
    with pytest.raises(DesignError, match="told twice"):
        twice.sensitivity()
    exact = mediation(rows.assign(same=rows["cx"] * 3), outcome="profit", mediators=["spend"], halves=None)
    assert exact.moments.reliability == 1.0
    for outcomes, error in ((["nothing"], ColumnError), ("left", OptionError), ([], OptionError)):
        with pytest.raises(error):
            ways(rows, outcomes=outcomes)
    with pytest.raises(ColumnError, match="none of the behaviours"):
        ways(rows[["branch", "month", "cx", "cx_a", "cx_b"]])
    with pytest.raises(DesignError, match="no row has all"):
        ways(rows.assign(empty=np.nan), outcomes=["empty"])


def test_a_panel_that_was_read_for_one_outcome_is_refused():
    rows = panel(n=12, t=6)
    read = linked_panel(rows, outcome="profit")
    for ask in (
        lambda wrong: ways(wrong, outcomes=["spend"]),
        lambda wrong: mediation(wrong, outcome="profit", mediators=["spend"]),
        lambda wrong: kpi_blocks(wrong, outcome="profit"),
    ):
        for wrong in (read, ibis.memtable(rows), None):
            with pytest.raises(DataError, match=f"a {type(wrong).__name__} is no frame of rows"):
                ask(wrong)


def test_without_halves_the_way_on_is_said():
    rows = panel()[["branch", "month", "cx", "spend", "profit"]]
    for ask in (
        lambda: ways(rows, outcomes=["spend"]),
        lambda: mediation(rows, outcome="profit", mediators=["spend"]),
    ):
        with pytest.raises(ColumnError, match=r"halves: no column named 'cx_a'.*say halves=None"):
            ask()
    for name, part in (("cx", "score"), ("profit", "outcome")):
        with pytest.raises(OptionError, match=f"'{name}' is to be {part} and mediator"):
            mediation(rows, outcome="profit", mediators=[name], halves=None)


def test_weekly_panels_of_shops_are_told_as_such():
    rows = with_behaviours(panel()).rename(columns={"branch": "shop", "month": "calendar_week"})
    asked = {"unit": "shop", "time": "calendar_week", "halves": None}
    told = ways(rows, outcomes=["spend_per_customer"], **asked)
    led = placebo_leads(
        linked_panel(rows, outcome="profit", unit="shop", time="calendar_week"),
        leads=1,
        lags=1,
        error="ignored",
    )
    way = mediation(rows, outcome="profit", mediators=["spend_per_customer"], **asked)
    for found in (told, way, led):
        chart, evidence = found.chart, found.evidence
        words = " ".join(
            [
                found.narrative(),
                chart.claim,
                chart.x_label,
                evidence.design,
                evidence.unit,
                *evidence.assumptions,
                *list(map(str, evidence.checks)),
                *found.summary.astype(str).to_numpy().ravel().tolist(),
            ]
        )
        assert "calendar week" in words
        assert not {"month", "months", "branch", "branches"} & set(words.replace("-", " ").split())


def test_holm_keeps_order_and_never_passes_one():
    p = np.random.default_rng(2).random((8, 5)) ** 3
    for row in p:
        np.testing.assert_allclose(holm(row), closed(row), rtol=1e-12)


def closed(p):
    """Return Holm's values by their meaning: the worst Bonferroni test among all sets that hold the one."""
    sets = [s for size in range(1, len(p) + 1) for s in combinations(range(len(p)), size)]
    return [max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(len(p))]


def small(**tables):
    return Company(info=CompanyInfo(name="Small", source="Small"), tables=tables)


def test_new_customers_are_counted_as_by_hand():
    people = pd.DataFrame(
        {
            "customer": list("abcdefg"),
            "branch": ["x", "x", "x", "y", "y", None, "x"],
            "joined": [date(2024, m, 5) for m in (1, 1, 2, 1, 3, 1, 1)],
            "acquisition_channel": ["referral", "web", "referral", "referral", "referral", "referral", None],
        }
    )
    books = pd.DataFrame({"branch": ["x", "x", "y"], "month": [date(2024, m, 1) for m in (1, 2, 1)]})
    company = small(customers=ibis.memtable(people), branch_month=ibis.memtable(books))
    found = new_customers(company)
    assert found[["joined", "referred"]].to_numpy().tolist() == [[2, 1], [1, 1], [1, 1]]
    assert found.attrs["n_unknown"] == 2
    with pytest.raises(DesignError, match="'friends'"):
        new_customers(company, referral="friends")
    twice = small(customers=ibis.memtable(pd.concat([people, people])), branch_month=ibis.memtable(books))
    with pytest.raises(DataError, match="more than one row"):
        new_customers(twice)

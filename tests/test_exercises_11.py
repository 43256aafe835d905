"""The truths of notebook 11's exercises, held to what is worked out by hand from the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cemlab import linkage, simulate
from cemlab.marking import checking
from cemlab.simulate.oracle import Oracle


@pytest.fixture(scope="module")
def company():
    return simulate.company(customers=5000)


@pytest.fixture(scope="module")
def months(company):
    return linkage.linked_months(company)


def traps(number, company):
    return {trap.name: trap.value(company) for trap in checking.find(number).traps}


def within(frame, columns):
    """Return columns less what branches and months explain, customers as weights, by dummies."""
    dummies = [pd.get_dummies(frame[name], dtype=float) for name in ("branch", "month")]
    design = pd.concat(dummies, axis=1).to_numpy()
    root = np.sqrt(frame["customers"].to_numpy())
    values = frame[columns].to_numpy()
    fitted = design @ np.linalg.lstsq(design * root[:, None], values * root[:, None], rcond=None)[0]
    return (values - fitted).T


def test_the_true_value_is_the_planted_one_and_the_wrong_roads_lie_on_both_sides(company):
    truth = checking.find("11.a").truth(company)
    planted = Oracle.of(company).value_of_a_point().set_index("quantity")["truth"]
    assert truth == planted["margin"]
    wrong = traps("11.a", company)
    # affluence pulls one up, error the other down, each by more than an answer may be off
    assert wrong["the slope with the score's error left in"] + 6 < truth < wrong["the pooled slope"] - 6


def test_what_is_left_of_the_line_is_the_ratio_of_two_slopes_by_hand(company, months):
    y, a, b = within(months, ["margin_per_customer", "cx_a", "cx_b"])
    weights = months["customers"].to_numpy()
    both = (weights * (a + b) * y).sum() / (2 * (weights * a * b).sum())
    means = months.groupby("branch")[["cx", "margin", "customers"]].mean()
    x = means["cx"] - means["cx"].mean()
    line = (x * means["margin"] / means["customers"]).sum() / (x**2).sum()
    # each half an instrument of the other, by sums in another order
    assert checking.find("11.1").truth(company) == pytest.approx(both / line, rel=1e-6)
    assert traps("11.1", company)["the ratio upside down"] == pytest.approx(line / both, rel=1e-6)


def test_the_survivors_gap_is_off_by_the_branches_that_are_closed(company, months):
    wide = months.pivot(index="branch", columns="month")
    early = wide["cx"].iloc[:, :12].mean(axis=1)
    late = wide["profit_per_customer"].iloc[:, -12:].mean(axis=1)
    left = late.sort_values().index[len(late) // 3 :]
    high = early >= early.median()

    def gap(branches):
        return late[branches][high[branches]].mean() - late[branches][~high[branches]].mean()

    # means of sixty branches, added up in another order
    assert checking.find("11.2").truth(company) == pytest.approx(gap(left) - gap(late.index), abs=1e-8)
    assert traps("11.2", company)["the gap among the survivors"] == pytest.approx(gap(left), abs=1e-8)


def test_intention_is_held_against_who_stayed_answer_by_answer(company):
    asked = company.table("surveys").select("customer", "date", "responded", "intent", "csat").to_pandas()
    spells = company.table("subscriptions").select("customer", "entry", "exit", "cause").to_pandas()
    last = pd.Timestamp(company.table("transactions")["date"].max().execute())
    days = pd.Timedelta(days=180)
    asked["date"] = pd.to_datetime(asked["date"]).dt.normalize()
    said = asked[asked["responded"] & (asked["date"] + days <= last)].dropna(subset=["intent", "csat"])
    both = said.reset_index(names="answer").merge(spells, on="customer")
    entry, end = pd.to_datetime(both["entry"]), pd.to_datetime(both["exit"])
    there = (entry <= both["date"]) & (end.isna() | (end > both["date"]))
    gone = (end <= both["date"] + days) & both["cause"].isin(["competitor", "price"])
    stayed = (~gone[there]).groupby(both.loc[there, "answer"]).min()
    stated = both[there].groupby("answer")["intent"].first()
    # sums of thousands of numbers in another order
    truth = checking.find("11.3").truth(company)
    assert truth == pytest.approx(stayed.mean() - stated.mean(), abs=1e-9)
    assert traps("11.3", company)["the share that stayed"] == pytest.approx(stayed.mean(), abs=1e-9)


def test_slopes_of_profit_are_named_and_a_counted_truth_is_said_to_be_one(company, months):
    books = linkage.value_of_a_point(
        linkage.linked_panel(
            months, outcome="profit_per_customer", controls=("region", "format"), halves=("cx_a", "cx_b")
        )
    )
    for answer, name in (
        (books.end.estimate, "the slope of profit"),
        (books.rung("pooled").estimate, "the naive slope of profit"),
    ):
        mark = checking.check("11.a", round(answer, 1), company)
        assert not mark.right
        assert f"looks like {name}:" in mark.message
    assert (
        "known of this company"
        in checking.check("11.a", checking.find("11.a").truth(company), company).message
    )
    gap = checking.find("11.2").truth(company)
    mark = checking.check("11.2", round(gap), company)  # rounded to whole numbers is right
    assert mark.right
    assert "comes out of the tables" in mark.message
    lost = 1 - checking.find("11.1").truth(company)
    assert "the share that is lost" in checking.check("11.1", lost, company).message

"""The marks of notebook 12: truths by another way, on a company so small that they cost little."""

import math

import numpy as np
import pytest

from cemlab import simulate
from cemlab.marking import checking, exercises_12
from cemlab.marking.judging import judge
from cemlab.scorecard import cfo_case
from cemlab.scorecard.companies import company_of
from cemlab.simulate import Halden
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.state import AS_IT_WAS, Scenario

SMALL = Halden(customers=3000, seed=3)


@pytest.fixture(scope="module")
def company():
    return company_of(SMALL)


@pytest.fixture(scope="module")
def oracle():
    return Oracle(SMALL)


@pytest.fixture(scope="module")
def runs(oracle):
    """The company as it was, and without training."""
    return tuple(oracle.replay(each) for each in (AS_IT_WAS, Scenario(training="none")))


@pytest.fixture(scope="module")
def halden():
    """The company of the notebook: on a small one no change is large enough, and pilots tell nothing."""
    return simulate.company()


def exercise(number):
    return checking.find(number)


def test_the_true_value_is_the_discounted_difference_of_two_companies(oracle, runs):
    with_it, without = runs
    apart = with_it.by_branch_month("profit") - without.by_branch_month("profit")
    # the first wave came in month 13, from which on there are 35 months at 8 % a year
    by_hand = sum(apart[:, 13 + k].sum() / 1.08 ** (k / 12) for k in range(35))
    assert cfo_case.true_present_value(oracle, "profit") == pytest.approx(by_hand)
    assert not apart[:, :13].any()


def test_the_true_cost_is_what_the_books_call_cost_and_who_leaves_a_part_out_is_far_below(
    company, oracle, runs, monkeypatch
):
    monkeypatch.setattr(exercises_12.Oracle, "of", lambda _: oracle)
    # all that is no cost of goods: what the books call cost, less what was sold less its margin
    spent = [
        run.by_branch_month("cost") - run.by_branch_month("revenue") + run.by_branch_month("margin")
        for run in runs
    ]
    by_hand = sum((spent[0] - spent[1])[:, 13 + k].sum() / 1.08 ** (k / 12) for k in range(35))
    assert exercise("12.a").truth(company) == pytest.approx(by_hand)
    people = company.table("training").to_pandas()
    assert exercises_12._invoices(company) == pytest.approx(people["direct_cost"].astype(float).sum())
    # the invoices are not yet discounted, and even so they are less
    assert exercises_12._invoices(company) < exercises_12._without_talks(company) < by_hand / 1.2


def test_the_mark_of_the_cost_takes_the_chain_and_refuses_most_of_what_it_might_be(halden):
    asked = exercise("12.a")
    truth = asked.truth(halden)
    chain = cfo_case.chain_case(halden).value("present value of the cost")["estimate"]
    assert judge(asked, chain, truth=truth, traps={}).right is True
    for factor in (-1.0, 0.0, 0.5, 0.75, 1.25, 2.0):
        assert judge(asked, factor * truth, truth=truth, traps={}).right is False


def test_at_the_break_even_nothing_is_left(halden):
    case = cfo_case.next_case(halden)
    answer = exercise("12.1").truth(halden)
    figures = case.draws.figures.rows(0, 1_000)
    at = case.npv(figures.at(cfo_case.EXPERIENCE, answer)).mean()
    # against the money that is at stake; the root is found to a ten-millionth of the spread
    assert abs(at) < 1e-3 * case.draws.cost.mean()


def test_the_roads_that_miss_the_break_even_are_told_apart(halden):
    asked = exercise("12.1")
    truth = asked.truth(halden)
    values = {trap.name: trap.value(halden) for trap in asked.traps}
    assert all(map(math.isfinite, values.values()))
    for trap in asked.traps:
        mark = judge(asked, values[trap.name], truth=truth, traps=values)
        assert mark.right is False
        assert f"This looks like {trap.name}: {trap.hint}" in mark.message


def test_a_pilot_is_worth_what_deciding_on_its_estimate_gains(halden):
    case = cfo_case.next_case(halden)
    found = exercises_12._pilot(halden)
    eight = found.table.set_index("branches").loc[8]
    drawn, npv = case.draws.figures[cfo_case.EXPERIENCE], case.draws.npv
    seen = drawn + np.random.default_rng(5).normal(size=len(drawn)) * eight["precision"]
    bins = np.array_split(np.argsort(seen), 100)
    told = np.mean([max(npv[each].mean(), 0.0) for each in bins]) - max(npv.mean(), 0.0)
    # hundredths of the draws err by their own noise, here some thousandths of the spread
    assert eight["worth"] == pytest.approx(told, abs=0.01 * npv.std())
    assert eight["cost"] == pytest.approx(8 * (6000 + 8000 + 12000) / 3)


def test_value_by_retention_adds_up_the_margins_still_to_come():
    def value(retention):
        return sum(retention**k for k in range(1, 400))

    # the sum leaves out less than 0.86 to the power 400
    assert exercise("12.3").truth(None) == pytest.approx(value(0.86) / value(0.84) - 1)


def test_the_text_prices_what_the_rows_price(company):
    chain = cfo_case.chain_case(company)
    assert chain.conf_level == 0.90
    wide = cfo_case.chain_case(company, 0.95)
    assert wide.value("net present value")["estimate"] == chain.value("net present value")["estimate"]
    assert np.ptp(wide.table.loc[0, ["conf_low", "conf_high"]]) > np.ptp(
        chain.table.loc[0, ["conf_low", "conf_high"]]
    )
    assert math.isclose(chain.draws.npv.mean(), wide.draws.npv.mean())

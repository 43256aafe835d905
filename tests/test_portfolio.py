"""The road map: against brute force over sets and orders, by hand, and refused where it cannot be had."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.business_case.portfolio import portfolio
from cemlab.errors import ColumnError, DataError, DesignError, OptionError
from cemlab.stats.knapsack import best_set_by_program, best_sets, feasible_sets

# Prices, months and losses are whole numbers, so that sums are exact and equal worths are truly equal.
SETS = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-20, 60), min_size=n, max_size=n),
        st.lists(st.integers(0, 30), min_size=n, max_size=n),
        st.lists(st.integers(0, 4), min_size=n, max_size=n),
        st.lists(st.integers(0, 5), min_size=n, max_size=n),
        st.integers(0, 90),
        # row i may need a lower one only, so there is no ring
        st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).map(lambda p: (max(p), min(p)))),
        st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=2),
    )
)


def brute_force(worth, cost, loss, months, budget, needs, excludes):
    """Every order of every set, one after the other."""
    best, orders = 0.0, {()}
    for size in range(1, len(worth) + 1):
        for chosen in combinations(range(len(worth)), size):
            if sum(cost[i] for i in chosen) > budget or any(i in chosen and j in chosen for i, j in excludes):
                continue
            for order in permutations(chosen):
                if any(i in order and j not in order[: order.index(i)] for i, j in needs):
                    continue
                time, value = 0, 0
                for i in order:
                    time += months[i]
                    value += worth[i] - loss[i] * time
                if value > best:
                    best, orders = value, {order}
                elif value == best:
                    orders.add(order)
    return best, orders


def rules(n, needs, excludes):
    needed, excluded = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for i, j in needs:
        needed[i, j] = True
    for i, j in excludes:
        excluded[i, j] = excluded[j, i] = True
    return needed, excluded


@settings(max_examples=120, deadline=None)
@given(SETS)
def test_set_and_order_are_those_of_brute_force(case):
    worth, cost, loss, months, budget, needs, excludes = case
    needs, excludes = {p for p in needs if p[0] != p[1]}, {p for p in excludes if p[0] != p[1]}
    needed, excluded = rules(len(worth), needs, excludes)
    arrays = [np.array(x, dtype=float) for x in (worth, cost, loss, months)]
    sets = feasible_sets(
        arrays[1], budget=budget, needs=needed, excludes=excluded, loss=arrays[2], months=arrays[3]
    )
    (code,), (value,) = best_sets(arrays[0][None], sets)
    best, orders = brute_force(worth, cost, loss, months, budget, needs, excludes)
    assert value == best
    assert tuple(sets.order(int(code))) in orders


@settings(max_examples=25, deadline=None)
@given(SETS)
def test_the_integer_program_finds_a_set_of_the_same_worth(case):
    worth, cost, _, _, budget, needs, excludes = case
    needed, excluded = rules(
        len(worth), {p for p in needs if p[0] != p[1]}, {p for p in excludes if p[0] != p[1]}
    )
    w, c, nothing = np.array(worth, float), np.array(cost, float), np.zeros(len(worth))
    sets = feasible_sets(c, budget=budget, needs=needed, excludes=excluded, loss=nothing, months=nothing)
    taken = best_set_by_program(w, cost=c, budget=budget, needs=needed, excludes=excluded)
    code = int(taken @ (1 << np.arange(len(worth))))
    assert code in sets.codes
    assert w[taken].sum() == best_sets(w[None], sets)[1][0]


def test_sets_left_out_beforehand_are_best_in_no_draw():
    """Each draw against a search over all sets, on ten opportunities with delay."""
    rng = np.random.default_rng(3)
    n = 10
    needed, excluded = rules(n, {(4, 1), (7, 4)}, {(2, 3)})
    cost, loss, months = rng.uniform(5, 20, n), rng.uniform(0, 2, n), rng.uniform(1, 3, n)
    sets = feasible_sets(cost, budget=60, needs=needed, excludes=excluded, loss=loss, months=months)
    values = rng.uniform(-5, 60, (200, n))
    inside = (sets.codes[:, None] >> np.arange(n) & 1).astype(float)
    every = values @ inside.T - sets.waiting[sets.codes]
    best, worth = best_sets(values, sets)
    np.testing.assert_allclose(worth, every.max(axis=1), rtol=1e-12)  # the same sums in another order
    np.testing.assert_array_equal(best, sets.codes[every.argmax(axis=1)])


def frame(**columns):
    base = {
        "item": ["a", "b", "c"],
        "low": [8.0, 4.0, 5.0],
        "mode": [10.0, 6.0, 6.0],
        "high": [12.0, 8.0, 7.0],
        "cost": [6.0, 5.0, 5.0],
        "unit": ["EUR a year"] * 3,
    }
    return pd.DataFrame(base | columns)


def test_two_small_ones_beat_the_one_with_the_best_return():
    """By hand: a alone is worth 10, b and c together 12, and a with another costs 11."""
    plan = portfolio(frame(), budget=10)
    assert set(plan.road_map) == {"b", "c"}
    assert plan.value["estimate"][0] == 12
    assert plan.unit == "EUR a year"


def test_what_is_needed_is_taken_though_it_loses_and_comes_first():
    plan = portfolio(
        frame(low=[-1.0, 9.0, -9.0], mode=[-1.0, 9.0, -9.0], high=[-1.0, 9.0, -9.0]),
        budget=100,
        requires={"b": ["a"]},
    )
    assert plan.road_map == ("a", "b")
    assert plan.value.loc[0, ["estimate", "conf_low", "conf_high"]].tolist() == [8, 8, 8]
    assert plan.regret["estimate"][0] == 0  # certain worths leave nothing to regret
    assert plan.regret["p_best"][0] == 1


def test_cost_of_delay_turns_the_order_and_may_turn_the_set():
    """By hand: b first (loses 3 a month, one month), then a (1 a month, two months): 3 + 3 = 6 are lost."""
    sure = {"low": [10.0, 6.0, 1.0], "mode": [10.0, 6.0, 1.0], "high": [10.0, 6.0, 1.0]}
    opportunities = frame(**sure, delay=[1.0, 3.0, 1.0], months=[2.0, 1.0, 5.0])
    plan = portfolio(opportunities, budget=100, delay="delay", months="months")
    assert plan.road_map == ("b", "a")  # c would lose 8 to earn 1
    assert plan.value["estimate"][0] == 10
    assert plan.table["done"].tolist()[:2] == [1, 3]
    assert plan.table["lost_to_waiting"].tolist() == [3, 3, 0]
    assert set(portfolio(opportunities, budget=100).road_map) == {"a", "b", "c"}


def test_a_group_that_excludes_gives_one():
    assert portfolio(frame(), budget=100, excludes=[["a", "b", "c"]]).road_map == ("a",)


def test_shares_regret_and_interval_of_two_that_exclude_each_other():
    """Worths uniform-like on equal triangles: each is best in half the draws, and the regret is known.

    Of two independent triangular worths on 0, 1, 2 (sd 0.408), E max - 1 = E|X - Y| / 2 = 7/30.
    """
    opportunities = pd.DataFrame(
        {"item": ["a", "b"], "low": 0.0, "mode": 1.0, "high": 2.0, "cost": 1.0, "unit": "EUR"}
    )
    plan = portfolio(opportunities, budget=1, draws=40_000, seed=4)
    # four standard errors of 40,000 draws
    assert plan.table["p_best"].tolist() == pytest.approx([0.5, 0.5], abs=4 * 0.5 / 200)
    assert plan.regret["estimate"][0] == pytest.approx(7 / 30, abs=4 * plan.regret["std_error"][0])
    # quantiles of the triangle: 2.5 % lie below sqrt(0.05), as many above 2 - sqrt(0.05)
    ends = plan.value.loc[0, ["conf_low", "conf_high"]].tolist()
    assert ends == pytest.approx([np.sqrt(0.05), 2 - np.sqrt(0.05)], abs=0.02)
    assert portfolio(opportunities, budget=1, draws=500, seed=4).table.equals(
        portfolio(opportunities, budget=1, draws=500, seed=4).table
    )


def test_more_than_twenty_go_to_an_integer_program_that_says_so():
    rng = np.random.default_rng(7)
    n = 22
    worth = rng.integers(1, 50, n).astype(float)
    opportunities = pd.DataFrame(
        {"item": [f"o{i}" for i in range(n)], "low": worth, "mode": worth, "high": worth}
    ).assign(cost=rng.integers(1, 20, n), unit="EUR")
    plan = portfolio(opportunities, budget=60, requires={"o3": ["o1"]}, draws=100)
    assert "integer program" in plan.method
    assert plan.value["cost"][0] <= 60
    # the best of whole costs by dynamic programming over the budget, first without o3, then with o3 and o1
    cost = opportunities["cost"].to_numpy()
    assert plan.value["estimate"][0] == max(
        table(worth, cost, [i for i in range(n) if i != 3], 60),
        worth[[1, 3]].sum()
        + table(worth, cost, [i for i in range(n) if i not in (1, 3)], 60 - cost[[1, 3]].sum()),
    )
    with pytest.raises(DesignError, match="22 opportunities cannot be put in their best order"):
        portfolio(opportunities.assign(d=1.0, m=1.0), budget=60, delay="d", months="m")


def table(worth, cost, items, budget):
    best = np.zeros(int(budget) + 1)
    for i in items:
        best[cost[i] :] = np.maximum(best[cost[i] :], best[: len(best) - cost[i]] + worth[i])
    return best[-1]


def test_it_reads_well_and_does_not_change_what_it_was_given():
    opportunities = frame()
    before = opportunities.copy()
    plan = portfolio(opportunities, budget=10, source="made up")
    assert opportunities.equals(before)
    assert plan.evidence.grade == "descriptive"
    assert "2 for 10 of 10" in plan.narrative()
    assert "made up" in plan.caption
    assert plan.summary["order"].tolist() == ["1", "2", "–"]
    assert plan.chart.alt_text().startswith("2 of 3 opportunities make the best road map")
    nothing = portfolio(frame(), budget=0)
    assert nothing.road_map == ()
    assert "nothing is worth taking" in nothing.narrative()
    assert "nothing is worth taking" in nothing.chart.claim


@pytest.mark.parametrize(
    ("change", "options", "error", "says"),
    [
        ({}, {"budget": -1}, OptionError, "budget is -1; allowed: an amount of money from 0"),
        ({}, {"budget": float("nan")}, OptionError, "budget is nan"),
        ({}, {"draws": 5}, OptionError, "draws is 5"),
        ({}, {"requires": {"b": ["x"]}}, DataError, "no opportunity named 'x'"),
        ({}, {"requires": {"b": "a"}}, OptionError, "write a list of items"),
        ({}, {"requires": {"a": ["b"], "b": ["c"], "c": ["a"]}}, DataError, "goes round in a ring"),
        ({}, {"requires": {"a": ["a"]}}, DataError, "'a' needs 'a'"),
        ({}, {"excludes": [["a", "z"]]}, DataError, "no opportunity named 'z'"),
        ({}, {"excludes": ["ab"]}, OptionError, "groups of two or more"),
        ({}, {"currency": "USD"}, DataError, "the budget is in USD, the opportunities in EUR"),
        ({"unit": ["EUR", "USD", "EUR"]}, {}, DataError, "in 'EUR' and 'USD'"),
        ({"item": ["a", "a", "c"]}, {}, DataError, "'a' stands twice"),
        ({"item": ["a", None, "c"]}, {}, DataError, "row 2 has no item"),
        ({"low": [11.0, 4.0, 5.0]}, {}, DataError, "'a': low 11, mode 10, high 12"),
        ({"cost": [1.0, -2.0, 1.0]}, {}, DataError, "'b', column 'cost': -2; allowed: a number from 0 on"),
        ({"cost": ["1", "much", "2"]}, {}, DataError, "column 'cost'"),
        ({}, {"cost": "costs"}, ColumnError, "did you mean 'cost'"),
        ({"d": [1.0, 1.0, 1.0]}, {"delay": "d"}, OptionError, "delay needs months"),
    ],
)
def test_what_cannot_be_answered_is_refused(change, options, error, says):
    with pytest.raises(error, match=says):
        portfolio(frame(**change), **({"budget": 10} | options))


def test_no_row_at_all_is_refused():
    with pytest.raises(DataError, match="there is no row"):
        portfolio(frame().iloc[:0], budget=1)

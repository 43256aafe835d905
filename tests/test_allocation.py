"""Budget and capacity: held to brute force on tiny cases, and to what must always be true."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cemlab.errors import DataError, OptionError
from cemlab.segmentation.allocation import allocate

EXAMPLES = settings(max_examples=60, deadline=None)


def brute_force(value, cost, n, budget, capacity):
    """Try every whole plan."""
    best = 0.0
    per_cell = [
        [plan for plan in itertools.product(*(range(size + 1) for _ in cost)) if sum(plan) <= size]
        for size in n
    ]
    for plan in itertools.product(*per_cell):
        plan = np.array(plan)
        if (plan * cost).sum() <= budget + 1e-9 and (plan.sum(axis=0) <= capacity).all():
            best = max(best, float((plan * value).sum()))
    return best


@st.composite
def cases(draw, whole_costs=False):
    cells, strategies = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    amounts = st.integers(-8, 20).map(lambda x: x / 2)
    value = np.array([[draw(amounts) for _ in range(strategies)] for _ in range(cells)])
    cost = np.array([1.0 if whole_costs else draw(st.integers(0, 6)) / 2 for _ in range(strategies)])
    n = np.array([draw(st.integers(0, 3)) for _ in range(cells)])
    budget = float(draw(st.integers(0, 8))) if whole_costs else draw(st.integers(0, 16)) / 2
    capacity = np.array([draw(st.sampled_from([0.0, 1.0, 2.0, 4.0, np.inf])) for _ in range(strategies)])
    return value, cost, n, budget, capacity


@EXAMPLES
@given(cases())
def test_a_plan_is_whole_and_within_its_limits_and_nearly_the_best(case):
    value, cost, n, budget, capacity = case
    plan = allocate(value, cost, n, budget=budget, capacity=capacity)
    assert (plan.assigned >= 0).all()
    assert (plan.assigned.sum(axis=1) <= n).all()
    assert (plan.assigned * cost).sum() <= budget
    assert (plan.assigned.sum(axis=0) <= capacity).all()
    best = brute_force(value, cost, n, budget, capacity)
    assert plan.value <= best + 1e-9
    assert best <= plan.bound + 1e-6
    # a corner of the programme has at most one part customer more than there are shared limits, and as
    # many part cells again
    assert plan.value >= best - 2 * (1 + len(cost)) * max(value.max(), 0)


@EXAMPLES
@given(cases(whole_costs=True))
def test_where_one_customer_costs_as_much_as_another_the_plan_is_the_best_one(case):
    value, cost, n, budget, capacity = case
    # with one cell, or with one kind of limit, corners of the programme are whole: nothing is rounded
    free = np.full(len(cost), np.inf)
    for limits in ((budget, free), (np.inf, capacity)):
        plan = allocate(value, cost, n, budget=None if np.isinf(limits[0]) else limits[0], capacity=limits[1])
        assert plan.value == pytest.approx(brute_force(value, cost, n, *limits), abs=1e-6)


@EXAMPLES
@given(cases(), st.floats(0, 5))
def test_more_money_never_makes_a_plan_poorer_and_its_price_says_how_much_richer(case, more):
    value, cost, n, budget, capacity = case
    less = allocate(value, cost, n, budget=budget, capacity=capacity)
    richer = allocate(value, cost, n, budget=budget + more, capacity=capacity)
    assert richer.bound >= less.bound - 1e-6
    # the value is concave in the budget, so that the price bounds the gain
    assert richer.bound <= less.bound + more * less.budget_price + 1e-6
    assert less.budget_price >= -1e-9


@EXAMPLES
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_cells_does_not_change_the_worth(case, rng):
    value, cost, n, budget, capacity = case
    order = list(range(len(n)))
    rng.shuffle(order)
    one = allocate(value, cost, n, budget=budget, capacity=capacity)
    two = allocate(value[order], cost, n[order], budget=budget, capacity=capacity)
    assert two.bound == pytest.approx(one.bound, abs=1e-6)


def test_without_limits_everybody_gets_the_best_that_is_worth_more_than_nothing():
    value = np.array([[2.0, 3.0], [-1.0, -2.0], [0.0, -1.0], [5.0, 1.0]])
    plan = allocate(value, np.array([1.0, 1.0]), np.array([4, 5, 6, 7]))
    assert plan.assigned.tolist() == [[0, 4], [0, 0], [0, 0], [7, 0]]
    assert (plan.value, plan.bound, plan.budget_price) == (47.0, 47.0, 0.0)
    assert plan.capacity_price.tolist() == [0.0, 0.0]


def test_prices_by_hand():
    # three customers at 10, four at 6; money for five of a cost of 2: the last euro buys half a customer at 6
    plan = allocate(np.array([[10.0], [6.0]]), np.array([2.0]), np.array([3, 4]), budget=10.0)
    assert plan.assigned.tolist() == [[3], [2]]
    assert plan.budget_price == pytest.approx(3.0)
    # hands for two of the first strategy: one more would turn a 4 into a 9
    hands = allocate(
        np.array([[9.0, 4.0]]), np.array([1.0, 1.0]), np.array([5]), capacity=np.array([2, np.inf])
    )
    assert hands.assigned.tolist() == [[2, 3]]
    assert hands.capacity_price == pytest.approx([5.0, 0.0])
    net = hands.net(np.array([[9.0, 4.0]]), np.array([1.0, 1.0]))
    assert net == pytest.approx(np.array([[4.0, 4.0]]))


def test_what_rounding_leaves_is_given_out():
    # the programme treats two and a half at 7; the half is dropped, and its money buys one at 1
    plan = allocate(np.array([[7.0, 1.0]]), np.array([2.0, 1.0]), np.array([4]), budget=5.0)
    assert plan.assigned.tolist() == [[2, 1]]
    assert plan.value == 15.0
    assert plan.bound == pytest.approx(17.5)


def test_no_money_treats_nobody_who_costs():
    plan = allocate(np.array([[7.0, 1.0]]), np.array([2.0, 0.0]), np.array([4]), budget=0.0)
    assert plan.assigned.tolist() == [[0, 4]]


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"budget": -1.0}, OptionError, "budget is -1.0"),
        ({"budget": float("nan")}, OptionError, "budget is nan"),
        ({"capacity": np.array([1.0])}, OptionError, "capacity is"),
        ({"capacity": np.array([1.0, -2.0])}, OptionError, "capacity is"),
        ({"value": np.array([[1.0, np.nan]])}, DataError, "must be a number"),
        ({"value": np.array([[1.0]])}, DataError, r"shape \(1, 1\); expected is \(1, 2\)"),
        ({"cost": np.array([1.0, -1.0])}, DataError, "may be negative"),
        ({"n": np.array([-1])}, DataError, "may be negative"),
        ({"value": np.empty((0, 2)), "n": np.empty(0, dtype=int)}, DataError, "none empty"),
    ],
)
def test_what_is_no_plan_is_refused(changed, error, said):
    given_ = {"value": np.array([[1.0, 2.0]]), "cost": np.array([1.0, 1.0]), "n": np.array([3])} | changed
    with pytest.raises(error, match=said):
        allocate(given_.pop("value"), given_.pop("cost"), given_.pop("n"), **given_)

"""What a user may state as an amount or a capacity."""

from decimal import Decimal

import numpy as np
import pytest

from cemlab.errors import OptionError
from cemlab.segmentation import strategies, uplift
from cemlab.segmentation.prices import check_prices
from tests.simulation.synthetic_cells import COSTS, MARGINS, cells, population


@pytest.fixture(scope="module")
def learned():
    return uplift(cells(np.random.default_rng(1)))


@pytest.mark.parametrize("amount", [None, "3", True, float("nan"), -1, [2.0]])
def test_what_is_no_amount_is_refused(learned, amount):
    with pytest.raises(OptionError, match=r"the cost of mail is .*; give an amount"):
        check_prices(learned, MARGINS, COSTS | {"mail": amount})


def test_exact_money_is_an_amount(learned):
    exact = {name: Decimal(str(cost)) for name, cost in COSTS.items()}
    assert check_prices(learned, MARGINS, exact).cost.tolist() == list(COSTS.values())


@pytest.mark.parametrize("most", [0.3, 10.7, "x", None, True, -1, float("nan"), float("inf")])
def test_a_capacity_counts_customers(learned, most):
    # a share of 0.3 would be rounded down, and nobody treated
    with pytest.raises(OptionError, match=r"capacity is .* for mail; give a whole number"):
        strategies(learned, population(), margins=MARGINS, costs=COSTS, capacity={"mail": most})

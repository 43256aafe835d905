"""What a response is worth and what treating costs: the user's numbers, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.segmentation.uplift import Uplift

Floats = NDArray[np.float64]

#: The strategy of doing nothing.
ALONE = "leave alone"


@dataclass(frozen=True, eq=False, kw_only=True)
class Prices:
    """The strategies to choose from, each with the worth of a response and the cost of a treatment."""

    names: tuple[str, ...]
    margin: Floats
    cost: Floats


def check_prices(uplift: Uplift, margins: Mapping[str, float], costs: Mapping[str, float]) -> Prices:
    """Return the prices of the strategies that are estimable.

    Raises
    ------
    OptionError
        If a strategy is unknown, margins and costs name different ones, or an amount is no number, or a cost
        is negative.
    DesignError
        If no strategy with a price is estimable.
    """
    known = (*uplift.learned, *uplift.not_estimable)
    for name in (*margins, *costs):
        if name not in known:
            raise OptionError(one_of(name, known, what="strategy"))
    if set(margins) != set(costs):
        alone = sorted(set(margins) ^ set(costs))
        raise OptionError(
            f"margins and costs name different strategies; {', '.join(alone)} has only one of them"
        )
    for what, amounts, least in (("margin", margins, -np.inf), ("cost", costs, 0.0)):
        for name, amount in amounts.items():
            told = isinstance(amount, (int, float, Decimal, np.number)) and not isinstance(amount, bool)
            if not told or not np.isfinite(float(amount)) or amount < least:
                wanted = "an amount of 0 or more" if what == "cost" else "an amount"
                raise OptionError(f"the {what} of {name} is {amount!r}; give {wanted}")
    names = tuple(name for name in uplift.learned if name in margins)
    if not names:
        raise DesignError("none of the strategies with a price is estimable; see not_estimable of the uplift")
    return Prices(
        names=names,
        margin=np.array([float(margins[name]) for name in names]),
        cost=np.array([float(costs[name]) for name in names]),
    )


def check_budget(budget: float | None) -> float | None:
    """Return the budget as a number.

    Raises
    ------
    OptionError
        If it is no amount of 0 or more.
    """
    if budget is None:
        return None
    told = isinstance(budget, (int, float, Decimal, np.number)) and not isinstance(budget, bool)
    if not told or not float(budget) >= 0:
        raise OptionError(f"budget is {budget!r}; give an amount of 0 or more, or None for no limit")
    return float(budget)


def check_capacity(prices: Prices, capacity: Mapping[str, int] | None) -> Floats:
    """Return the most customers for each strategy, infinite where there is no limit.

    Raises
    ------
    OptionError
        If a strategy is unknown, or a capacity is no whole number from 0.
    """
    limits = np.full(len(prices.names), np.inf)
    for name, most in (capacity or {}).items():
        if name not in prices.names:
            raise OptionError(f"capacity names {name!r}; the strategies are {join_words(prices.names)}")
        # a share would be rounded down to nobody
        if isinstance(most, bool) or not isinstance(most, (int, float, np.number)) or most % 1 or most < 0:
            raise OptionError(f"capacity is {most!r} for {name}; give a whole number of customers from 0")
        limits[prices.names.index(name)] = most
    return limits

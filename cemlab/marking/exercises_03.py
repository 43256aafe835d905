"""Exercises and check cells of notebook 03, on defection and arithmetic."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cemlab import loyalty
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.opening import halden_of
from cemlab.simulate.still import counts_if_still

if TYPE_CHECKING:
    from cemlab.data.company import Company

_TIERS = {"one purchase": 1, "2 to 5": 2, "6 to 11": 6, "12 or more": 12}
_CONF_LEVEL = 0.95
# A cut one purchase off moves the share by about 0.01; half of that would let no neighbour pass.
_HALF_A_CUT = Tolerance(size=0.004)
# Three standard errors of a share of 0.95 in 200 replays, two in 100; never so wide that 1 is right.
_MANY_REPLAYS = Tolerance(size=0.045)
# A grid of tenths moves the crossing by 0.002, the edge of the interval is 0.015 from it.
_CROSSING = Tolerance(size=0.01)
# Far beyond any market: outside, no multiple makes the falling arithmetic.
_MULTIPLES = np.linspace(0.3, 1.7, 15)


@lru_cache(maxsize=2)
def _histories(company: Company) -> loyalty.BuyingHistories:
    lines = company.table("transactions")
    base, follow_up = loyalty.two_periods(until=loyalty.last_purchase(lines), days=365)
    return loyalty.buying_histories(lines, base=base, follow_up=follow_up)


def _top(
    company: Company,
    quantity: Literal["observed", "expected", "difference"],
    *,
    outcome: Literal["lapsed", "fell"],
    floor: int | None = None,
    market: float = 1.0,
) -> float:
    """Return a quantity of the highest tier, which may begin at another number of purchases."""
    tiers = _TIERS if floor is None else {"others": 1, "best": floor}
    found = loyalty.defection(_histories(company), tiers=tiers, outcome=outcome, market_change=market)
    return float(found.of(quantity)["estimate"].iloc[-1])


def _true_silence(company: Company) -> float:
    seen = _histories(company)
    counts = counts_if_still(halden_of(company), seen.base, seen.follow_up)
    top = counts[counts["n_base"] >= max(_TIERS.values())]
    return float((top["n_next"] == 0).mean() - (top["n_next_if_still"] == 0).mean())


def _fifth(company: Company) -> int:
    """Return the fewest purchases of the smallest group of best customers that holds at least a fifth."""
    histories = _histories(company)
    return _cut(histories.table.groupby("n_base")["n_customers"].sum())


def _fifth_of_purchases(company: Company) -> int:
    """Return the same for the customers who made at least a fifth of the purchases."""
    table = _histories(company).table
    return _cut((table["n_base"] * table["n_customers"]).groupby(table["n_base"]).sum())


def _cut(sizes: pd.Series[int]) -> int:
    """Return the number of purchases from which on at least a fifth is held."""
    from_top = sizes.sort_index(ascending=False)
    held = from_top.cumsum().to_numpy() >= 0.2 * from_top.sum()
    return max(2, int(from_top.index[int(held.argmax())]))


@lru_cache(maxsize=4)
def _best_fifth(
    company: Company,
    quantity: Literal["observed", "expected", "difference"],
    *,
    outcome: Literal["lapsed", "fell"] = "fell",
    off: int = 0,
) -> float:
    """Return a quantity of the best fifth, whose cut may be some purchases off."""
    return _top(company, quantity, outcome=outcome, floor=max(2, _fifth(company) + off))


@lru_cache(maxsize=2)
def _excess_by_market(company: Company) -> pd.DataFrame:
    """Return the excess of falling from the top tier and its interval, one row a multiple of the market."""
    rows = [
        loyalty.defection(_histories(company), tiers=_TIERS, outcome="fell", market_change=float(multiple))
        .of("difference")[["estimate", "conf_low", "conf_high"]]
        .tail(1)
        for multiple in _MULTIPLES
    ]
    return pd.concat(rows, ignore_index=True)


def _break_even(company: Company, column: str = "estimate") -> float:
    """Return the multiple of the market at which the excess, or an end of its interval, would be zero."""
    return float(np.interp(0.0, _excess_by_market(company)[column].to_numpy(), _MULTIPLES))


EXERCISES = (
    Exercise(
        number="03.a",
        asks="by how much the silence of the top tier exceeds what was expected, a difference of two shares",
        truth=_true_silence,
        form="difference of shares",
        tolerance=Tolerance(size=0.015),
        hint="Look again at the section “Buying nothing at all”: which of its figures is the news?",
        traps=(
            Trap(
                name="the headline",
                value=lambda company: _top(company, "observed", outcome="fell"),
                hint="all who fell below their tier, whether by chance or not.",
            ),
            Trap(
                name="the excess of falling",
                value=lambda company: _top(company, "difference", outcome="fell"),
                hint="asked are those who bought nothing at all, outcome “lapsed”.",
            ),
            Trap(
                name="the arithmetic itself",
                value=lambda company: _top(company, "expected", outcome="fell"),
                hint="that share was to be expected; asked is what comes on top.",
            ),
        ),
    ),
    Exercise(
        number="03.1",
        asks="which share of the best fifth was expected to fall, between 0 and 1",
        truth=lambda company: _best_fifth(company, "expected"),
        form="share",
        tolerance=_HALF_A_CUT,
        hint="Look again at the section “Falling below the tier”, and at who belongs to the best fifth.",
        traps=(
            Trap(
                name="the observed share",
                value=lambda company: _best_fifth(company, "observed"),
                hint="that is the headline; asked is the part to be expected if nobody changed.",
            ),
            Trap(
                name="the excess",
                value=lambda company: _best_fifth(company, "difference"),
                hint="that is the news; asked is the arithmetic, the row “expected”.",
            ),
            Trap(
                name="a fifth of the purchases",
                value=lambda company: _top(
                    company, "expected", outcome="fell", floor=_fifth_of_purchases(company)
                ),
                hint="add up customers, not purchases, until a fifth of them is reached.",
            ),
            Trap(
                name="the tier of the text",
                value=lambda company: _top(company, "expected", outcome="fell"),
                hint="its cut is ours; find the one that parts off a fifth of the customers.",
            ),
            Trap(
                name="a cut that is one purchase too low",
                value=lambda company: _best_fifth(company, "expected", off=-1),
                hint="at least a fifth belongs to the best, and as few as possible.",
            ),
            Trap(
                name="a cut that is one purchase too high",
                value=lambda company: _best_fifth(company, "expected", off=1),
                hint="then fewer than a fifth belong to the best.",
            ),
            Trap(
                name="the number of purchases",
                value=lambda company: float(_fifth(company)),
                hint="that is where the best begin; asked is which share of them was expected to fall.",
            ),
            Trap(
                name="those expected to fall silent",
                value=lambda company: _best_fifth(company, "expected", outcome="lapsed"),
                hint="asked are all who fall below the cut, outcome “fell”.",
            ),
            Trap(
                name="those who fell silent",
                value=lambda company: _best_fifth(company, "observed", outcome="lapsed"),
                hint="asked is what was to be expected, and of all who fall below the cut.",
            ),
            Trap(
                name="those expected to stay",
                value=lambda company: 1 - _best_fifth(company, "expected"),
                hint="asked are those expected to fall.",
            ),
        ),
    ),
    Exercise(
        number="03.2",
        asks="in which share of at least 100 replays the interval of the top tier contains zero, "
        "between 0 and 1",
        truth=lambda _: _CONF_LEVEL,
        form="share",
        tolerance=_MANY_REPLAYS,
        hint="What does the level of an interval promise? And how many replays does it take to see it?",
        traps=(
            Trap(
                name="the replays that missed zero",
                value=lambda _: 1 - _CONF_LEVEL,
                hint="asked are those whose interval holds it.",
            ),
            Trap(
                name="too few replays",
                value=lambda _: 1.0,
                hint="in a handful every interval may hold zero; live the period again a hundred times.",
            ),
            Trap(
                name="one side only",
                value=lambda _: 0.5,
                hint="the lower end must be at most zero and the upper end at least.",
            ),
        ),
    ),
    Exercise(
        number="03.3",
        asks="the multiple of the market at which all falling from the top tier is arithmetic, a number",
        truth=_break_even,
        form="number",
        tolerance=_CROSSING,
        hint="Look again at the section “Sensitivity”: where in its table would the estimate be nought?",
        traps=(
            Trap(
                name="the change and not the multiple",
                value=lambda company: 1 - _break_even(company),
                hint="a market a tenth quieter has the multiple 0.9.",
            ),
            Trap(
                name="the multiple the other way round",
                value=lambda company: 1 / _break_even(company),
                hint="it is the next period's purchases over those of the base period.",
            ),
            Trap(
                name="a market as lively as before",
                value=lambda _: 1.0,
                hint="that is what the estimate takes for granted; asked is when the excess would vanish.",
            ),
            Trap(
                name="the edge of the interval",
                value=lambda company: _break_even(company, "conf_low"),
                hint="there the excess is no longer certain; asked is where the estimate itself is zero.",
            ),
            Trap(
                name="the other edge of the interval",
                value=lambda company: _break_even(company, "conf_high"),
                hint="there it is certain that fewer fell; asked is where the estimate itself is zero.",
            ),
        ),
    ),
)

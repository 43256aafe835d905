"""Exercises and check cells of notebook 03, on defection and arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab import loyalty
from cemlab.loyalty.excess import Quantity
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.market import panel as market
from cemlab.simulate.opening import halden_of
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.stats.dirichlet_fates import FATES, fate_shares
from cemlab.stats.intervals import FloatArray

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden

_BRAND = market.BRANDS[0]
_YEARS = loyalty.calendar_years(2022, 2025)
_CONF_LEVEL = 0.95
# An estimate from 987 loyal households lies a point from what they would have done, by chance; three of them.
_THREE_ERRORS = Tolerance(size=0.03)
# A grid of fifths moves the crossing by 0.004; the category of the text is 0.055 from it.
_A_GRID = Tolerance(size=0.01)
# Two standard errors of a share of 0.95 in 100 worlds; never so wide that 1 is right.
_MANY_WORLDS = Tolerance(size=0.045)
# A grid of tenths moves the crossing by 0.002, the edge of the interval is 0.1 from it.
_CROSSING = Tolerance(size=0.02)
# Far beyond any market: outside, no multiple makes the excess arithmetic.
_MULTIPLES = np.linspace(0.3, 1.7, 15)

# The published figure, and the light category of the text but for how often it is bought.
_ELSEWHERE, _SHARE, _SWITCHING, _SHAPE = 0.33, 0.1, 1.2, 1.0
_STAYED, _OTHER_BRAND, _LEFT = FATES.index("stayed loyal"), FATES.index("left for another brand"), 3


@lru_cache(maxsize=4)
def _panel(company: Company, base: int) -> loyalty.BrandPanel:
    """Return the panel in a year, numbered from 0, and in the next."""
    bought = company.table("category_purchases")
    return loyalty.panel(bought, base=_YEARS[base], follow_up=_YEARS[base + 1])


@lru_cache(maxsize=4)
def _null(company: Company, base: int) -> loyalty.StationaryMarket:
    return loyalty.stationary_market(_panel(company, base))


@lru_cache(maxsize=64)
def _row(
    company: Company,
    quantity: Quantity,
    *,
    base: int = 2,
    market_change: float = 1.0,
) -> pd.Series[float]:
    """Return a quantity of full defection from Halden, with its interval."""
    found = loyalty.excess(
        _panel(company, base), null=_null(company, base), brand=_BRAND, market_change=market_change
    )
    return found.of(quantity).iloc[0][["estimate", "conf_low", "conf_high"]].astype(float)


def _share_of(company: Company, quantity: Quantity, *, base: int = 2) -> float:
    return float(_row(company, quantity, base=base)["estimate"])


@lru_cache(maxsize=4)
def _gone(halden: Halden, scenario: Scenario) -> float:
    """Return the share of those loyal in the year before the last that were gone in the last one."""
    fates = []
    for block in halden.panel_blocks():
        who = market.households(
            halden.world, halden.streams, block=block.number, first=block.first, n=block.n
        )
        bought = market.purchases(halden.world, halden.streams, who, scenario)
        fates.append(market.fates(market.yearly_counts(bought, n=block.n), year=2))
    fate = np.concatenate(fates)
    return float((fate[fate >= 0] >= _OTHER_BRAND).mean())


def _true_excess(company: Company) -> float:
    """Return by how much more were gone than without a recession: the same households, the same lots."""
    halden = halden_of(company)
    return _gone(halden, AS_IT_WAS) - _gone(halden, Scenario(recession=False))


def _light(bought: float, threshold: float = 0.7) -> FloatArray:
    """Return the fates of the loyal of the light category, bought so often, if nobody changes."""
    return fate_shares(
        mean=bought,
        shape=_SHAPE,
        alpha=_SWITCHING * _SHARE,
        rest=_SWITCHING * (1 - _SHARE),
        threshold=threshold,
    )


def _elsewhere(bought: float, *, threshold: float = 0.7) -> float:
    """Return the share that bought other brands only, of the loyal who bought the category again."""
    fates = _light(bought, threshold)
    return float(fates[_OTHER_BRAND] / (1 - fates[_LEFT]))


@lru_cache(maxsize=8)
def _bought(share: Callable[[float], float], wanted: float = _ELSEWHERE) -> float:
    """Return how often the category must be bought a year for a share of the loyal to be the wanted one."""
    from scipy.optimize import brentq

    return float(brentq(lambda bought: share(bought) - wanted, 0.3, 9.0))


@lru_cache(maxsize=2)
def _excess_by_market(company: Company) -> pd.DataFrame:
    """Return the excess of full defection and its interval, one row a multiple of the category."""
    return pd.DataFrame([_row(company, "excess", market_change=float(m)) for m in _MULTIPLES])


def _break_even(company: Company, column: str = "estimate") -> float:
    """Return the multiple of the category at which the excess, or an end of its interval, would be zero."""
    return float(np.interp(0.0, _excess_by_market(company)[column].to_numpy(), _MULTIPLES))


def _elsewhere_of_half(bought: float) -> float:
    return _elsewhere(bought, threshold=0.5)


def _gone_of_all(bought: float) -> float:
    return float(_light(bought)[_OTHER_BRAND:].sum())


def _left_of_all(bought: float) -> float:
    return float(_light(bought)[_LEFT])


EXERCISES = (
    Exercise(
        number="03.a",
        asks="by how much the loyal who were gone in the last year exceed those expected, a difference of "
        "two shares",
        truth=_true_excess,
        form="difference of shares",
        tolerance=_THREE_ERRORS,
        hint="Look again at the section “The last year”: which of its figures is the news?",
        traps=(
            Trap(
                name="the headline",
                value=lambda company: _share_of(company, "observed"),
                hint="all who were gone, whether by chance or not.",
            ),
            Trap(
                name="the arithmetic itself",
                value=lambda company: _share_of(company, "expected"),
                hint="that share was to be expected; asked is what comes on top.",
            ),
            Trap(
                name="the first pair of years",
                value=lambda company: _share_of(company, "excess", base=0),
                hint="asked are the last two years.",
            ),
            Trap(
                name="the other way round",
                value=lambda company: -_true_excess(company),
                hint="subtract the expected from the observed; mind the sign.",
            ),
        ),
    ),
    Exercise(
        number="03.1",
        asks="how often a year a household must buy the category for the null alone to send 33 of 100 "
        "elsewhere, a number of purchases",
        truth=lambda _: _bought(_elsewhere),
        form="number",
        tolerance=_A_GRID,
        hint="Look again at the section “Why it misleads”: of whom are the shares of its second row?",
        traps=(
            Trap(
                name="the category of the text",
                value=lambda _: 0.8,
                hint="that one sends a little less elsewhere; vary how often it is bought.",
            ),
            Trap(
                name="everybody who is gone, of all the loyal",
                value=lambda _: _bought(_gone_of_all),
                hint="asked are those with other brands only, of the loyal who bought the category again.",
            ),
            Trap(
                name="those who left the category",
                value=lambda _: _bought(_left_of_all),
                hint="whoever bought nothing went nowhere else; leave them out of both parts of the share.",
            ),
            Trap(
                name="loyal from half of the purchases on",
                value=lambda _: _bought(_elsewhere_of_half),
                hint="the published figure counts seven in ten purchases as loyal.",
            ),
            Trap(
                name="the share itself",
                value=lambda _: _ELSEWHERE,
                hint="that is given; asked is how often the category is bought.",
            ),
        ),
    ),
    Exercise(
        number="03.2",
        asks="in which share of at least 100 worlds without change the interval of the excess contains zero, "
        "between 0 and 1",
        truth=lambda _: _CONF_LEVEL,
        form="share",
        tolerance=_MANY_WORLDS,
        hint="What does the level of an interval promise? And how many worlds does it take to see it?",
        traps=(
            Trap(
                name="the worlds that missed zero",
                value=lambda _: 1 - _CONF_LEVEL,
                hint="asked are those whose interval holds it.",
            ),
            Trap(
                name="too few worlds",
                value=lambda _: 1.0,
                hint="in a handful every interval may hold zero; draw a hundred.",
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
        asks="the multiple of the category's purchases at which all that defected is arithmetic, a number",
        truth=_break_even,
        form="number",
        tolerance=_CROSSING,
        hint="Look again at the section “Sensitivity”: where in its second table would the excess be nought?",
        traps=(
            Trap(
                name="the change and not the multiple",
                value=lambda company: 1 - _break_even(company),
                hint="a category bought a tenth less has the multiple 0.9.",
            ),
            Trap(
                name="the multiple the other way round",
                value=lambda company: 1 / _break_even(company),
                hint="it is the last year's purchases over those of the year before.",
            ),
            Trap(
                name="a category as lively as before",
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
                hint="there it is certain that fewer were gone; asked is where the estimate itself is zero.",
            ),
        ),
    ),
)

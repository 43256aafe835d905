"""Is it still worth it in a recession, if staff leaves, if training or capital costs more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.cash import by_month
from cemlab.business_case.recession import Recession
from cemlab.business_case.scenarios import PRICE, PURCHASES, Hits, Scenario, conditions_of, in_words
from cemlab.chart import Chart
from cemlab.errors import ColumnError, DesignError, one_of
from cemlab.markup import percent
from cemlab.present.cfo_content import Money, fan_of, money_of
from cemlab.present.widgets.controls import Control, slider
from cemlab.present.widgets.explorer import Explorer

Floats = npt.NDArray[np.float64]

_STEPS = 40  # of a slider


def case_explorer(
    case: BusinessCase,
    *,
    unit_cost: str = "Course, fee and travel",
    discount_rate: str = "Capital",
    recession: Recession | None = None,
    draws: int = 1_000,
    seed: int = 1,
) -> Explorer:
    """Return sliders for recession, turnover, unit cost and discount rate, above the fan of present value.

    Each move prices the same draws of the case anew (:meth:`cemlab.business_case.BusinessCase.price`), the
    two entries held at what the reader sets and the months as the recession and the turnover make them.

    Parameters
    ----------
    case
        The case; its ledger says what a recession does, or there is no slider for it.
    unit_cost, discount_rate
        Entries of the case that have a slider each; they begin at their most plausible value.
    recession
        Its path, of which the slider moves the depth; from the second year on for a year if not given.
    draws
        How many of the draws are priced at each move.
    seed
        Of the draws of what a recession does.

    Returns
    -------
    Explorer
        With the controls ``turnover`` [times as fast], ``unit_cost``, ``discount_rate`` and, where the ledger
        knows recessions, ``depth`` [times what the ledger says].

    Raises
    ------
    DesignError
        If it is no case.
    ColumnError
        If an entry does not enter the case.
    """
    if not isinstance(case, BusinessCase):
        raise DesignError(f"a {type(case).__name__} is no business case; make one with training_case(ledger)")
    figures = case.draws.figures.rows(0, draws)
    hits = Hits.of(case, figures.n, seed) if PRICE in case.ledger and PURCHASES in case.ledger else None
    cost_item, rate_item = unit_cost, discount_rate
    for item in (cost_item, rate_item):
        if item not in case.items:
            raise ColumnError(one_of(item, case.items, what="entry of the case"))
    path = recession or Recession(begins=min(12, case.model.months - 1), lasts=12)
    money = money_of(case.by_month[["npv_p05", "npv_p95"]].to_numpy().ravel(), case.ledger.currency)

    def show(
        turnover: float, unit_cost: float, discount_rate: float, depth: float = 0.0
    ) -> tuple[Chart, str]:
        moved = figures.at(cost_item, unit_cost).at(rate_item, discount_rate)
        hard = replace(path, depth=depth) if depth > 0 else None
        times = Scenario(name="as set", recession=hard, turnover=float(turnover))
        priced = case.price(moved, conditions=conditions_of(times, case, hits, moved.n))
        chart = fan_of(case, by_month(priced, case.conf_level), money)
        loses = percent(float((priced.npv < 0).mean()), digits=0)
        worth = f"{money.show(float(priced.npv.mean()))} {money.unit}"
        claim = case.titled(f"Worth {worth} on average; {loses} of the draws lose money")
        return replace(chart, claim=claim), _told(case, priced.npv, money, in_words(times))

    controls = [*_prices(case, unit_cost, discount_rate), _turnover()]
    return Explorer(controls=[_depth(), *controls] if hits else controls, show=show)


def _depth() -> Control:
    return slider(
        "depth", label="Recession, times the ledger's", low=0.0, high=3.0, step=0.1, value=0.0, unit="times"
    )


def _turnover() -> Control:
    return slider(
        "turnover", label="Trained staff leave", low=0.5, high=4.0, step=0.1, value=1.0, unit="times as fast"
    )


def _prices(case: BusinessCase, unit_cost: str, discount_rate: str) -> list[Control]:
    """Return the sliders of the two entries, from nothing to twice what they are."""
    cost, rate = case.ledger[unit_cost], case.ledger[discount_rate]
    highest = 2 * cost.ends[1] if cost.ends[1] > 0 else 1.0
    return [
        slider(
            "unit_cost",
            label=cost.item,
            low=0.0,
            high=highest,
            step=highest / _STEPS,
            value=max(0.0, cost.middle),
            unit=cost.unit,
        ),
        slider(
            "discount_rate",
            label=rate.item,
            low=0.0,
            high=max(0.25, rate.ends[1]),
            step=0.005,
            value=max(0.0, rate.middle),
            percent=True,
        ),
    ]


def _told(case: BusinessCase, npv: Floats, money: Money, times: str) -> str:
    tail = (1 - case.conf_level) / 2
    low, high = np.quantile(npv, [tail, 1 - tail])
    return (
        f"With these values and times ({times}) the present value is {money.show(float(npv.mean()))} "
        f"{money.unit} ({100 * case.conf_level:g} % interval {money.show(float(low))} to "
        f"{money.show(float(high))}) over {case.model.months} months. This says what would be, not how "
        "likely it is."
    )

"""Rows on what the training was worth in money: the chain, the books, and the slogan (notebook 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.company import Company
from cemlab.scorecard.cfo_case import (
    books_case,
    chain_case,
    measured,
    recorded_and_spent,
    true_present_value,
)
from cemlab.scorecard.row import Estimate, Kind, Row
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    from collections.abc import Callable

# The interval that the scorecard judges; the notebook shows 90 %.
_LEVEL = 0.95
#: What the course cost, EUR: training that is worth about nothing is held against its price.
_SPENT = 936_000.0


def _by_the_chain(company: Company) -> Estimate:
    return Estimate.of(chain_case(company, _LEVEL).table)


def _by_the_books(company: Company) -> Estimate:
    return Estimate.of(books_case(company, _LEVEL).table)


def _as_recorded(company: Company) -> Estimate:
    whole = company
    recorded, fees, _ = recorded_and_spent(whole)
    return Estimate(recorded * measured(whole).phases.months / 12 - fees)


def _truth(oracle: Oracle) -> float:
    return true_present_value(oracle, "profit")


def _value_row(name: str, estimate: Callable[[Company], Estimate], why: str, kind: Kind = "estimate") -> Row:
    return Row(
        name=f"Present value of the training: {name}",
        notebook="12",
        planted="gains by experience, service and spill-over, less all that was paid: about nothing is left",
        unit="EUR",
        no_effect=0.0,
        world="default",
        estimate=estimate,
        truth=_truth,
        kind=kind,
        yardstick=_SPENT,
        why=why,
    )


#: Of the training that was, from the first wave to the end of the data.
BUSINESS_CASE: tuple[Row, ...] = (
    _value_row(
        "the chain",
        _by_the_chain,
        "95 % intervals of the draws (the notebook shows 90 %). The bias is held against what the course "
        "cost, for of the value itself hardly anything is left.",
    ),
    _value_row(
        "the books of the branches",
        _by_the_books,
        "No links are needed, and profit is noisy: the interval is some three times as wide as the chain's. "
        "The bias is held against what the course cost.",
    ),
    _value_row(
        "results as recorded",
        _as_recorded,
        "What those trained put on record, taken as a year's result and carried to the end, less the "
        "trainer's invoices; nobody was compared with anybody.",
        "naive",
    ),
)

"""Exercises and check cells of notebook 01, from segments to a strategy for each customer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cemlab import loyalty, segmentation
from cemlab.data.campaign_cells import Population, campaign_cells, population_cells
from cemlab.marking.exercise import Exercise, Tolerance, Trap
from cemlab.simulate.oracle import Oracle

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.campaign_cells import Feature
    from cemlab.data.company import Company

_FEATURES: tuple[Feature, ...] = ("type", "objective", "plan", "purchases")
# What a response is worth and what treating costs, as the notebook states and counts them.
_MARGINS = {"retain": 60.0, "cross-sell": 45.0, "referral": 80.0, "cheaper channel": 12.0}
_COSTS = {"retain": 3.0, "cross-sell": 0.8, "referral": 1.0, "cheaper channel": 0.5}
_INDIVIDUAL, _SEGMENT = "one a customer", "one a segment"
# Half the width of what these campaigns leave open between two rules that treat others; the plan's own
# promise is farther off.
_CAMPAIGNS = Tolerance(size=0.4)
# The same campaigns, prices and folds give the same figure but for rounding; other rules are farther off.
_SAME_CAMPAIGNS = Tolerance(size=0.05, relative=True)
# A price of the budget moves in steps, from one cell to the next; within a step it is exact.
_SAME_STEP = Tolerance(size=0.02, relative=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Learned:
    """What the notebook learns before any price is put to it."""

    uplift: segmentation.Uplift
    population: Population


@lru_cache(maxsize=2)
def _learned(company: Company) -> _Learned:
    tables = {name: company.table(name) for name in ("customers", "subscriptions", "transactions")}
    cells = campaign_cells(company.table("campaigns"), features=_FEATURES, **tables)
    last = loyalty.last_purchase(tables["transactions"])
    return _Learned(
        uplift=segmentation.uplift(cells), population=population_cells(cells, as_of=last, **tables)
    )


def _plan(company: Company, *, budget: float | None = None) -> segmentation.Strategies:
    learned = _learned(company)
    return segmentation.strategies(
        learned.uplift, learned.population, margins=_MARGINS, costs=_COSTS, budget=budget
    )


def _promised(company: Company) -> float:
    """Return what the plan says of itself, EUR per customer."""
    return float(_plan(company).totals["estimate"].sum()) / _learned(company).population.n_customers


@lru_cache(maxsize=2)
def _true_value(company: Company) -> float:
    """Return what the plan would truly bring, EUR per customer, with each customer's own chances."""
    plan = _plan(company).customers(_learned(company).population).to_pandas()
    chances = Oracle.of(company).campaigns()
    met = plan.merge(chances, left_on=["customer", "primary"], right_on=["customer", "kind"])
    # who is left alone brings nothing
    return float(met["value"].sum()) / len(plan)


@lru_cache(maxsize=8)
def _rules(company: Company, quantity: str, *segments: str) -> pd.Series[float]:
    """Return a quantity of each rule, valued on customers that it was not learned from."""
    learned = _learned(company)
    values = segmentation.policy_values(
        learned.uplift,
        learned.population,
        margins=_MARGINS,
        costs=_COSTS,
        segments=segments or ("purchases",),
    )
    return values.of(quantity).set_index("rule")["estimate"]


def _best_for_everybody(company: Company) -> float:
    values = _rules(company, "value")
    return float(values[[rule for rule in values.index if rule.startswith("everybody")]].max())


def _beaten_by(company: Company, *segments: str) -> float:
    """Return what one strategy a customer earns more than one a segment."""
    return float(_rules(company, "difference", *segments)[_SEGMENT])


def _half(company: Company) -> segmentation.Strategies:
    """Return the plan on half the money that the plan without a limit spends."""
    return _plan(company, budget=_plan(company).spent / 2)


def _average_return(company: Company) -> float:
    half = _half(company)
    return float(half.totals["estimate"].sum()) / half.spent


def _second_half(company: Company) -> float:
    """Return what each unit of the second half of the money would bring on average."""
    whole, half = _plan(company), _half(company)
    gain = float(whole.totals["estimate"].sum() - half.totals["estimate"].sum())
    return gain / (whole.spent - half.spent)


EXERCISES = (
    Exercise(
        number="01.a",
        asks="what one strategy a customer earns per customer, in money, cost taken off",
        truth=_true_value,
        form="number",
        tolerance=_CAMPAIGNS,
        hint="Look again at the section “What is the rule worth”: which rung of the ladder is it?",
        traps=(
            Trap(
                name="the plan's own promise",
                value=_promised,
                hint="a sum of the best estimates flatters itself; take the value of the rule.",
            ),
            Trap(
                name="the segment rule",
                value=lambda company: float(_rules(company, "value")[_SEGMENT]),
                hint="asked is the rule that looks at each customer.",
            ),
            Trap(
                name="the sum over all customers",
                value=lambda company: _promised(company) * _learned(company).population.n_customers,
                hint="divide it by their number.",
            ),
        ),
    ),
    Exercise(
        number="01.1",
        asks="into how many groups the respondents fall, a whole number",
        # the styles of all respondents are drawn from one cloud, whichever of them are looked at
        truth=lambda _: 1.0,
        form="number",
        tolerance=Tolerance(size=0.1),
        hint="Look again at the section “Are there any segments”: what has each line to be compared with?",
        traps=(
            Trap(
                name="the number that comes back best",
                value=lambda _: 2.0,
                hint="does it come back more often than in a cloud without groups?",
            ),
            Trap(
                name="the number of the deck",
                value=lambda _: 5.0,
                hint="any table can be cut so; the question is whether the cut comes back.",
            ),
            Trap(
                name="the number of styles",
                value=lambda _: 8.0,
                hint="styles are scales on which everybody stands somewhere, and no groups of people.",
            ),
            Trap(
                name="no number of segments",
                value=lambda _: 0.0,
                hint="right so far: and into how many groups do people fall whom nothing parts?",
            ),
        ),
    ),
    Exercise(
        number="01.2",
        asks="what one strategy a customer earns more per customer than one a type of customer, in money",
        truth=lambda company: _beaten_by(company, "type"),
        form="number",
        tolerance=_SAME_CAMPAIGNS,
        hint="Look again at the section “What is the rule worth”, and at what the segments are made of.",
        traps=(
            Trap(
                name="the value and not the difference",
                value=lambda company: float(_rules(company, "value")[_INDIVIDUAL]),
                hint="take off what the segment rule earns.",
            ),
            Trap(
                name="the plan's own sum less the segment rule",
                value=lambda company: _promised(company) - float(_rules(company, "value", "type")[_SEGMENT]),
                hint="the one was valued on the customers it was learned from, the other was not.",
            ),
            Trap(
                name="the segments of the text",
                value=_beaten_by,
                hint="they are classes of purchases; asked are types of customers.",
            ),
            Trap(
                name="the best strategy for everybody",
                value=lambda company: (
                    float(_rules(company, "value")[_INDIVIDUAL]) - _best_for_everybody(company)
                ),
                hint="asked is the rule with one strategy a type.",
            ),
            Trap(
                name="the difference the other way round",
                value=lambda company: -_beaten_by(company, "type"),
                hint="take the segment rule off, and not the other one.",
            ),
        ),
    ),
    Exercise(
        number="01.3",
        asks="what one more unit of money would bring at half the budget, in money, its cost taken off",
        truth=lambda company: _half(company).budget_price,
        form="number",
        tolerance=_SAME_STEP,
        hint="Look again at the section “With limited money and hands”: what does the next unit bring?",
        traps=(
            Trap(
                name="the average return",
                value=_average_return,
                hint="that is what the money spent has brought; asked is the next unit.",
            ),
            Trap(
                name="the average return of the other half",
                value=_second_half,
                hint="the first unit of it brings more than the last; asked is the first.",
            ),
            Trap(
                name="the return before its cost",
                value=lambda company: 1 + _half(company).budget_price,
                hint="the unit itself has to come back before anything is earned.",
            ),
            Trap(
                name="the plan without a limit",
                value=lambda _: 0.0,
                hint="where money is no limit, more of it brings nothing; halve the budget.",
            ),
        ),
    ),
)

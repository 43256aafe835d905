"""Rows on what campaigns change, and on what a rule that chooses among them earns (notebook 01)."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from cemlab import segmentation
from cemlab.data.campaign_cells import Population, campaign_cells, population_cells
from cemlab.errors import DesignError
from cemlab.scorecard.companies import company_of, halden_behind
from cemlab.scorecard.row import Estimate, Row
from cemlab.segmentation.rules import INDIVIDUAL
from cemlab.segmentation.segmentations import SEGMENT
from cemlab.simulate.buying.campaigns import COST, KINDS, RESPONSE_VALUE
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.timeline import LAST
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.simulate.halden import Halden
    from cemlab.simulate.streams import Floats

_MARGINS = dict(zip(KINDS, RESPONSE_VALUE.tolist(), strict=True))
_COSTS = dict(zip(KINDS, COST.tolist(), strict=True))
# how much one buys, the oldest segmentation of all, and what a customer is after, the hardest to beat
_PURCHASES, _OBJECTIVE = _SEGMENTATIONS = (f"{SEGMENT}: purchases", f"{SEGMENT}: objective")


class _Learned(NamedTuple):
    """What campaigns by lot taught, and for whom a strategy is chosen."""

    uplift: segmentation.Uplift
    population: Population


@lru_cache(maxsize=1)
def _learned(company: Company) -> _Learned:
    known = {name: company.table(name) for name in ("customers", "subscriptions", "transactions")}
    cells = campaign_cells(company.table("campaigns"), **known)
    return _Learned(segmentation.uplift(cells), population_cells(cells, **known, as_of=LAST))


@lru_cache(maxsize=1)
def _values(company: Company) -> segmentation.PolicyValues:
    found = _learned(company)
    return segmentation.policy_values(found.uplift, found.population, margins=_MARGINS, costs=_COSTS)


def _change(company: Company, *, kind: str) -> Estimate:
    average = _learned(company).uplift.average
    rows = average[average["strategy"] == kind].dropna(subset="estimate")
    if rows.empty:
        raise DesignError(f"{kind} is not estimable")
    return Estimate.of(rows)


def _value(company: Company, *, quantity: str, rule: str) -> Estimate:
    rows = _values(company).of(quantity)
    return Estimate.of(rows[rows["rule"] == rule])


@lru_cache(maxsize=1)
def _chances(halden: Halden) -> pd.DataFrame:
    return Oracle(halden).campaigns()


def _true_change(oracle: Oracle, *, kind: str) -> float:
    """Return the mean change of the chance to respond, over those who took part."""
    chances = _chances(oracle.halden)
    own = chances[chances["kind"] == kind].set_index("customer")
    sent = company_of(oracle.halden).table("campaigns")
    there = own.loc[sent.filter(sent["kind"] == kind)["customer"].to_pandas()]
    return float((there["chance_with"] - there["chance_without"]).mean())


@lru_cache(maxsize=1)
def _people(company: Company) -> tuple[pd.DataFrame, Floats]:
    """Return the population's features, and what each strategy is truly worth for whom, EUR (n, kinds)."""
    people = _learned(company).population.customers.to_pandas()
    worth = _chances(halden_behind(company)).pivot(index="customer", columns="kind", values="value")
    return people, worth.loc[people["customer"], list(KINDS)].to_numpy()


def _earned(worth: Floats, expected: Floats) -> float:
    """Return what it truly earns per customer to give each what is expected to earn most, if anything."""
    chosen = expected.argmax(axis=1)
    truly = worth[np.arange(len(worth)), chosen]
    return float(np.where(expected.max(axis=1) > 0, truly, 0.0).mean())


def _best(oracle: Oracle) -> float:
    """Return what the best strategy for each customer would earn per customer."""
    _, worth = _people(company_of(oracle.halden))
    return _earned(worth, worth)


def _chosen_by_customer(company: Company) -> Estimate:
    """Return what the strategies chosen customer by customer truly earn per customer."""
    found = _learned(company)
    plan = segmentation.strategies(
        found.uplift, found.population, margins=_MARGINS, costs=_COSTS, draws=100
    ).customers(found.population)
    people, worth = _people(company)
    given = plan.to_pandas().set_index("customer").loc[people["customer"], "primary"]
    treated = given.to_numpy()[:, None] == np.array(KINDS)
    return Estimate(float((worth * treated).sum(axis=1).mean()))


def _chosen_by_segment(company: Company, *, rule: str) -> Estimate:
    """Return what the strategy that did best in each segment truly earns per customer."""
    changes, feature = _learned(company).uplift.table, _feature(rule)
    own = changes[changes["feature"] == feature].pivot(index="level", columns="strategy", values="estimate")
    people, worth = _people(company)
    expected = own.reindex(columns=KINDS).loc[people[feature]].to_numpy() * RESPONSE_VALUE - COST
    return Estimate(_earned(worth, np.nan_to_num(expected, nan=-np.inf)))


def _feature(rule: str) -> str:
    """Return the feature that a segment rule is made by."""
    return rule.removeprefix(f"{SEGMENT}: ")


def _true_value(company: Company, rule: str) -> float:
    """Return what a rule truly earns per customer, learned without each fold, in the mean over the folds."""
    uplift = _learned(company).uplift
    people, worth = _people(company)
    folds = len(next(iter(uplift.learned.values())).effect_without)
    earned = []
    for fold in range(folds):
        expected = np.full(worth.shape, -np.inf)
        for name, one in uplift.learned.items():
            if rule == INDIVIDUAL:
                change = one.effect_without[fold].effect(one.design.full(people))
            else:
                segment = uplift.index[_feature(rule)]
                total = pd.Series(one.training.total[:, fold]).groupby(segment).sum()
                n = pd.Series(one.training_n[:, fold]).groupby(segment).sum()
                change = np.asarray((total / n).loc[people[_feature(rule)]], dtype=np.float64)
            expected[:, KINDS.index(name)] = _MARGINS[name] * change - _COSTS[name]
        earned.append(_earned(worth, expected))
    return float(np.mean(earned))


def _true_rule(oracle: Oracle, *, rule: str) -> float:
    return _true_value(company_of(oracle.halden), rule)


def _true_gap(oracle: Oracle, *, rule: str) -> float:
    company = company_of(oracle.halden)
    return _true_value(company, INDIVIDUAL) - _true_value(company, rule)


def _change_row(kind: str) -> Row:
    share = WORLDS["default"].buying.campaign_uplift[KINDS.index(kind)]
    return Row(
        name=f"Campaign by lot: {kind}",
        notebook="01",
        planted=f"{100 * share:g} points, more or less by type, objective and plan",
        unit="share that responds",
        no_effect=0.0,
        world="default",
        estimate=partial(_change, kind=kind),
        truth=partial(_true_change, kind=kind),
        why="Treated less left alone, among those who took part; the truth is their mean true change.",
    )


def _value_row(rule: str) -> Row:
    return Row(
        name=f"What the rule earns: {rule}",
        notebook="01",
        planted="changes by type, objective and plan; the worth of a response",
        unit="EUR a customer",
        no_effect=0.0,
        world="default",
        estimate=partial(_value, quantity="value", rule=rule),
        truth=partial(_true_rule, rule=rule),
        why="Valued off-policy, fold by fold; the truth is what these very rules would earn.",
    )


_RULES = (
    "Choosing for each customer by what campaigns taught; what is forgone is held against the best choice, "
    "which only the oracle knows."
)
_AVERAGES = {
    _PURCHASES: "Segments by how much one buys, which says who responds and little of whom a campaign "
    "changes.",
    _OBJECTIVE: "Segments by what a customer is after, one of the things that effects depend on: the rival "
    "that is hard to beat.",
}


def _gap_row(rule: str) -> Row:
    return Row(
        name=f"What “{INDIVIDUAL}” earns more than “{rule}”",
        notebook="01",
        planted="changes by type, objective and plan; the worth of a response",
        unit="EUR a customer",
        no_effect=0.0,
        world="default",
        estimate=partial(_value, quantity="difference", rule=rule),
        truth=partial(_true_gap, rule=rule),
        why="Both rules are valued on the same participants, so that much of the chance cancels.",
    )


def _segment_row(rule: str) -> Row:
    return Row(
        name=f"Choosing a strategy for each segment: {_feature(rule)}",
        notebook="01",
        planted="the best strategy for each customer",
        unit="EUR a customer",
        no_effect=0.0,
        world="default",
        kind="naive",
        estimate=partial(_chosen_by_segment, rule=rule),
        truth=_best,
        why=_AVERAGES[rule],
    )


#: What each campaign changes, what rules earn, and what is forgone by choosing with them.
SEGMENTATION: tuple[Row, ...] = (
    *(_change_row(kind) for kind in KINDS),
    *(_value_row(rule) for rule in (INDIVIDUAL, *_SEGMENTATIONS)),
    *(_gap_row(rule) for rule in _SEGMENTATIONS),
    Row(
        name="Choosing a strategy for each customer",
        notebook="01",
        planted="the best strategy for each customer",
        unit="EUR a customer",
        no_effect=0.0,
        world="default",
        kind="decision",
        estimate=_chosen_by_customer,
        truth=_best,
        why=_RULES,
    ),
    *(_segment_row(rule) for rule in _SEGMENTATIONS),
)

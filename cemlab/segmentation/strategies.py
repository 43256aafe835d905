"""From what campaigns change to a strategy for each customer, within budget and capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.data.campaign_cells import Population
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, label, number, percent
from cemlab.result import Result
from cemlab.segmentation.allocation import Allocation, allocate
from cemlab.segmentation.lot_checks import seen_check
from cemlab.segmentation.planned import PLAN
from cemlab.segmentation.prices import ALONE, Prices, check_budget, check_capacity, check_prices
from cemlab.segmentation.rules import INDIVIDUAL
from cemlab.segmentation.uplift import Uplift

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Strategies(Result):
    """What to do with the customers of each cell.

    Parameters
    ----------
    table
        One row a cell and strategy, "leave alone" among them: the features, strategy, estimate, conf_low,
        conf_high (expected profit per customer treated, in the currency of the margins, its cost taken off;
        nothing for leaving alone), n_customers (in the cell), n_assigned, role ("primary", "secondary" or
        ""), probability (that the strategy is the best one for the cell, as the model has it: good for an
        order, the least certain first, and too sure as a figure where participants were few).
    totals
        One row a strategy: strategy, n_assigned, cost, estimate (what the effects it was chosen by promise of
        those assigned). A sum of best choices flatters itself, so that no interval around it would be honest:
        :func:`cemlab.segmentation.policy_values` tells what the plan earns, valued on customers it was not
        learned from.
    plan
        The allocation behind the table: assigned customers, prices of budget and capacity.
    features
        The features that tell cells apart.
    prices
        Margins and costs.
    budget
        Most that may be spent; None for no limit.
    expected_right
        Share of the customers for whom the primary strategy is the best one, by the model's own probability:
        too sure where participants were few, or effects are not as it assumes.
    """

    totals: pd.DataFrame
    plan: Allocation
    features: tuple[str, ...]
    prices: Prices
    budget: float | None
    expected_right: float

    title: ClassVar[str] = "A strategy for each customer"
    labels: ClassVar[dict[str, str]] = {
        "strategy": "Strategy",
        "n_assigned": "Customers",
        "cost": "Cost",
    }

    @property
    def budget_price(self) -> float:
        """What one more unit of budget would bring; 0 where the budget does not bind."""
        return self.plan.budget_price

    @property
    def spent(self) -> float:
        """What the plan costs."""
        return float(self.totals["cost"].sum())

    def customers(self, population: Population, *, seed: int = 0) -> ir.Table:
        """Return the list of customers with their strategies, on the engine.

        Where a cell is divided between strategies, a hash of the customer decides who gets which: by lot, but
        the same on every engine and at every call.

        Parameters
        ----------
        population
            The one the strategies were chosen for.
        seed
            Divides cells otherwise.

        Returns
        -------
        ir.Table
            One row a customer: ``customer``, ``primary`` [assigned], ``secondary`` [next best],
            ``probability`` [that the primary one is the best, as the model has it].
        """
        from cemlab.segmentation.customer_list import customer_list

        return customer_list(self.table, population, features=self.features, seed=seed)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a strategy: its customers and what they cost."""
        return self.totals[["strategy", "n_assigned", "cost"]].copy()

    def narrative(self) -> str:
        """Tell who gets what, what it costs, how sure the model is of the choice, and what binds."""
        n = int(self.totals["n_assigned"].sum())
        shares = [
            f"{row['strategy']} {percent(row['n_assigned'] / n, digits=0)}"
            for row in self.totals.to_dict("records")
            if row["n_assigned"]
        ]
        text = (
            f"Of {n:,} customers: {', '.join(shares)}. The plan costs {number(self.spent)}. By the model's "
            "own probability, which is too sure where participants were few, the chosen strategy is the best "
            f"one for {percent(self.expected_right, digits=0)} of them"
        )
        text += " at the prices of money and hands." if self._binding() else "."
        if self.budget_price > 0:
            text += f" One more unit of budget would bring {number(self.budget_price)}, as the model has it."
        text += f" What the plan earns is not told here but by the value of {self._valued_as()}."
        if self.evidence.failed:
            text += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return text

    def _binding(self) -> bool:
        return self.budget_price > 0 or bool((self.plan.capacity_price > 0).any())

    def _valued_as(self) -> str:
        # a sum of what was promised would flatter itself, see `totals`
        apart = "found on customers from whom it was not learned"
        if self._binding():
            return f"the rule “{PLAN}”, with the same budget and capacity, {apart}"
        return f"the rule “{INDIVIDUAL}”, {apart}"

    @property
    def chart(self) -> Chart:
        """Bubbles: how many get each strategy, by the feature that tells most about who gets which."""
        feature = max(self.features, key=self._tells)
        kept = self.table[self.table["n_assigned"] > 0]
        counted: pd.DataFrame = kept.groupby([feature, "strategy"], as_index=False)[["n_assigned"]].sum()
        totals = self.totals.sort_values("n_assigned", kind="stable").iloc[-1]
        share = percent(float(totals["n_assigned"] / self.totals["n_assigned"].sum()), digits=0)
        return Chart(
            kind="bubble",
            frame=counted,
            x="strategy",
            y=feature,
            size="n_assigned",
            x_label="Strategy",
            y_label=label(feature),
            claim=f"{totals['strategy']} is the strategy for {share} of the customers",
            grade=self.evidence.grade,
            note=self.caption,
        )

    def _tells(self, feature: str) -> float:
        """Return Pearson's chi-squared of a feature and the strategy assigned, per degree of freedom."""
        seen = self.table.pivot_table(
            index=feature, columns="strategy", values="n_assigned", aggfunc="sum", fill_value=0
        ).to_numpy(dtype=float)
        seen = seen[:, seen.sum(axis=0) > 0]
        if min(seen.shape) < 2:
            return 0.0
        alike = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
        squares = float(((seen - alike) ** 2 / np.where(alike > 0, alike, 1)).sum())
        return squares / ((seen.shape[0] - 1) * (seen.shape[1] - 1))


def strategies(
    uplift: Uplift,
    population: Population,
    *,
    margins: Mapping[str, float],
    costs: Mapping[str, float],
    budget: float | None = None,
    capacity: Mapping[str, int] | None = None,
    draws: int = 300,
    seed: int = 0,
) -> Strategies:
    """Answer what to do with each customer, and how sure that choice is.

    Parameters
    ----------
    uplift
        From :func:`cemlab.segmentation.uplift`; nothing is fitted again.
    population
        From :func:`cemlab.data.campaign_cells.population_cells`, with the features of the campaigns.
    margins
        Strategy → what a response is worth. The strategies named here are those to choose from.
    costs
        Strategy → what it costs to treat a customer, not negative; the same strategies.
    budget
        Most that may be spent on treating; None for no limit.
    capacity
        Strategy → most customers who can be treated; strategies not named have no limit.
    draws
        Draws of the effects behind the probabilities, 100 to 10,000.
    seed
        For the draws.

    Returns
    -------
    Strategies
        Its table has one row a cell and strategy: the features, strategy, estimate, conf_low, conf_high,
        n_customers, n_assigned, role, probability.

    Raises
    ------
    OptionError
        If margins, costs, budget, capacity or draws are not what they must be.
    DesignError
        If features differ from those of the campaigns, or none of the strategies is estimable.

    Notes
    -----
    The primary strategy of a cell is the one most of its customers are assigned to; the secondary one is the
    best of the others at the prices of budget and capacity. The probability is the share of draws of the
    effects in which the strategy is the best at these prices: the model's own, which holds the noise in the
    campaigns, but no effect that three features have together. In 20 draws each of a small company it said
    63 % where 47 % of the choices were right with 1,200 participants a strategy, 81 where 86 were with 6,000,
    and 95 where 91 were with 24,000. Strategies that are not estimable are given to nobody.
    """
    prices = check_prices(uplift, margins, costs)
    most, limits = check_budget(budget), check_capacity(prices, capacity)
    if not isinstance(draws, (int, np.integer)) or not 100 <= draws <= 10_000:
        raise OptionError(f"draws is {draws!r}; give 100 to 10,000, e.g. 300")
    features = tuple(uplift.design.levels)
    cells, n = _cells(population, features)
    value, spread, drawn = _values(uplift, cells, prices, draws, seed)
    plan = allocate(value, prices.cost, n, budget=most, capacity=limits)
    probability = _probability(plan, drawn, prices)
    table = _table(cells, n, value, spread, plan, probability, prices, uplift.conf_level)
    primary = table[table["role"] == "primary"]
    return Strategies(
        table=table,
        evidence=_evidence(uplift, population, cells, n),
        conf_level=uplift.conf_level,
        totals=_totals(n, value, plan, prices),
        plan=plan,
        features=features,
        prices=prices,
        budget=most,
        expected_right=float((primary["probability"] * primary["n_customers"]).sum() / n.sum()),
    )


def _cells(population: Population, features: tuple[str, ...]) -> tuple[pd.DataFrame, Ints]:
    missing = [name for name in features if name not in population.table.columns]
    if missing:
        raise DesignError(
            f"the population was not counted by {join_words(missing)}; use population_cells(cells, …)"
        )
    kept = population.table[population.table["n_customers"] > 0].reset_index(drop=True)
    if kept.empty:
        raise DesignError("the population holds no customer, so there is nobody to choose a strategy for")
    return kept[list(features)], kept["n_customers"].to_numpy(dtype=np.int64)


def _values(
    uplift: Uplift, cells: pd.DataFrame, prices: Prices, draws: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Return profits, their standard errors (x, s) and draws of them (s, x, draws)."""
    rng = np.random.default_rng(seed)
    values, errors, drawn = [], [], []
    for name, margin, cost in zip(prices.names, prices.margin, prices.cost, strict=True):
        effect = uplift.learned[name].effect
        z = uplift.learned[name].design.full(cells)
        at, spread = margin * effect.effect(z) - cost, margin * effect.errors(z)
        values.append(at)
        errors.append(np.sqrt((spread**2).sum(axis=1)))
        drawn.append(at[:, None] + spread @ rng.standard_normal((spread.shape[1], draws)))
    return np.column_stack(values), np.column_stack(errors), np.array(drawn)


def _probability(plan: Allocation, drawn: Floats, prices: Prices) -> Floats:
    """Return the share of draws in which each strategy is the best, leaving alone last: (x, s + 1)."""
    price = plan.budget_price * prices.cost + plan.capacity_price
    net = drawn - price[:, None, None]
    best = np.where(net.max(axis=0) > 0, net.argmax(axis=0), len(net))
    shares = [(best == strategy).mean(axis=1) for strategy in range(len(net) + 1)]
    return np.column_stack(shares)


def _table(
    cells: pd.DataFrame,
    n: Ints,
    value: Floats,
    spread: Floats,
    plan: Allocation,
    probability: Floats,
    prices: Prices,
    conf_level: float,
) -> pd.DataFrame:
    from scipy.special import ndtri

    names = (*prices.names, ALONE)
    alone = np.zeros((len(n), 1))
    estimate = np.hstack([value, alone])
    reach = float(ndtri((1 + conf_level) / 2)) * np.hstack([spread, alone])
    assigned = np.column_stack([plan.assigned, n - plan.assigned.sum(axis=1)])
    net = np.hstack([plan.net(value, prices.cost), alone])
    frame = cells.loc[cells.index.repeat(len(names))].reset_index(drop=True)
    return frame.assign(
        strategy=np.tile(names, len(n)),
        estimate=estimate.ravel(),
        conf_low=(estimate - reach).ravel(),
        conf_high=(estimate + reach).ravel(),
        n_customers=np.repeat(n, len(names)),
        n_assigned=assigned.ravel(),
        role=_roles(assigned, net).ravel(),
        probability=probability.ravel(),
    )


def _roles(assigned: Ints, net: Floats) -> NDArray[np.object_]:
    """Name the primary strategy of each cell, which most get, and the best of the others."""
    rows = np.arange(len(net))
    primary = assigned.argmax(axis=1)
    others = net.copy()
    others[rows, primary] = -np.inf
    roles = np.full(net.shape, "", dtype=object)
    roles[rows, primary] = "primary"
    roles[rows, others.argmax(axis=1)] = "secondary"
    return roles


def _totals(n: Ints, value: Floats, plan: Allocation, prices: Prices) -> pd.DataFrame:
    rows = []
    for place, name in enumerate(prices.names):
        given = plan.assigned[:, place]
        cost = float(given.sum() * prices.cost[place])
        rows.append((name, int(given.sum()), cost, float(given @ value[:, place])))
    rows.append((ALONE, int(n.sum() - plan.assigned.sum()), 0.0, 0.0))
    return pd.DataFrame(rows, columns=["strategy", "n_assigned", "cost", "estimate"])


def _evidence(uplift: Uplift, population: Population, cells: pd.DataFrame, n: Ints) -> Evidence:
    return Evidence(
        grade=uplift.evidence.grade,
        design=f"{uplift.evidence.design} Strategies for those active with consent on {population.as_of}.",
        unit="customers",
        n_used=int(n.sum()),
        n_given=max(population.n_given, int(n.sum())),
        source=uplift.evidence.source,
        assumptions=(
            *uplift.evidence.assumptions,
            "Customers respond today as customers like them did when the campaigns ran.",
            "One strategy does not change what another would do.",
            "Margins and costs are as stated.",
            "Effects add up from features and pairs of features; where they do not, or participants were "
            "few, the model's own probability that a choice is right is too high.",
        ),
        checks=(
            *uplift.evidence.checks,
            seen_check(uplift.index, cells, n),
        ),
    )

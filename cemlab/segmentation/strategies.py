"""From what campaigns change to a strategy for each customer, within budget and capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.chart import Chart
from cemlab.data.campaign_cells import Population
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.markup import join_words, number, percent
from cemlab.result import Result
from cemlab.segmentation.allocation import Allocation, allocate
from cemlab.segmentation.prices import ALONE, Prices, check_prices
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
        ""), probability (that the strategy is the best one for the cell).
    totals
        One row a strategy: strategy, n_assigned, cost, estimate, conf_low, conf_high (expected profit of
        those assigned).
    plan
        The allocation behind the table: assigned customers, prices of budget and capacity.
    features
        The features that tell cells apart.
    prices
        Margins and costs.
    budget
        Most that may be spent; None for no limit.
    expected_right
        Share of the customers for whom the primary strategy is expected to be the best one.
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
        "profit": "Expected profit",
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
            ``probability`` [that the primary one is the best].
        """
        from cemlab.segmentation.customer_list import customer_list

        return customer_list(self.table, population, features=self.features, seed=seed)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a strategy: customers, cost and expected profit with its interval."""
        frame = self.totals[["strategy", "n_assigned", "cost"]].copy()
        frame["profit"] = [_money(row) for row in self.totals.to_dict("records")]
        return frame

    def narrative(self) -> str:
        """Tell who gets what, what it should bring, how sure the choice is, and what binds."""
        n = int(self.totals["n_assigned"].sum())
        shares = [
            f"{row['strategy']} {percent(row['n_assigned'] / n, digits=0)}"
            for row in self.totals.to_dict("records")
            if row["n_assigned"]
        ]
        sure = percent(self.expected_right, digits=0)
        text = (
            f"Of {n:,} customers: {', '.join(shares)}. The plan costs {number(self.spent)} and is expected "
            f"to bring {_money(self._whole())} more than it costs. For {sure} of them the chosen strategy is "
            "expected to be the best one"
        )
        text += " at the prices of money and hands." if self._binding() else "."
        if self.budget_price > 0:
            text += f" One more unit of budget would bring {number(self.budget_price)}."
        text += " A sum of best choices flatters itself; the value of the rule itself is in policy_values."
        if self.evidence.failed:
            text += f" Checks that failed: {join_words(check.name for check in self.evidence.failed)}."
        return text

    def _binding(self) -> bool:
        return self.budget_price > 0 or bool((self.plan.capacity_price > 0).any())

    def _whole(self) -> dict[str, float]:
        """Return the plan's profit; strategies rest on campaigns of their own, so variances add up."""
        rows = self.totals
        estimate = float(rows["estimate"].sum())
        reach = float(np.sqrt((((rows["conf_high"] - rows["conf_low"]) / 2) ** 2).sum()))
        return {"estimate": estimate, "conf_low": estimate - reach, "conf_high": estimate + reach}

    @property
    def chart(self) -> Chart:
        """Bars of expected profit by strategy, over those assigned to it."""
        frame = self.totals[self.totals["n_assigned"] > 0].reset_index(drop=True)
        top = frame.sort_values("n_assigned", kind="stable").iloc[-1]
        share = percent(float(top["n_assigned"] / frame["n_assigned"].sum()), digits=0)
        return Chart(
            kind="bar",
            frame=frame,
            x="strategy",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Primary strategy",
            y_label="Expected profit of those assigned [currency of the margins]",
            claim=f"{top['strategy']} is the strategy for {share} of the customers",
            grade=self.evidence.grade,
            note=self.caption,
        )


def _money(row: Mapping[Any, Any]) -> str:
    return f"{number(row['estimate'])} ({number(row['conf_low'])} to {number(row['conf_high'])})"


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
    effects in which the strategy is the best at these prices. Strategies that are not estimable are given
    to nobody.
    """
    prices = check_prices(uplift, margins, costs)
    limits = _capacity(prices, capacity)
    if not 100 <= draws <= 10_000:
        raise OptionError(f"draws is {draws}; give 100 to 10,000, e.g. 300")
    features = tuple(uplift.design.levels)
    cells, n = _cells(population, features)
    value, spread, drawn = _values(uplift, cells, prices, draws, seed)
    plan = allocate(value, prices.cost, n, budget=budget, capacity=limits)
    probability = _probability(plan, drawn, prices)
    table = _table(cells, n, value, spread, plan, probability, prices, uplift.conf_level)
    primary = table[table["role"] == "primary"]
    return Strategies(
        table=table,
        evidence=_evidence(uplift, population, cells, n),
        conf_level=uplift.conf_level,
        totals=_totals(uplift, cells, n, value, plan, prices),
        plan=plan,
        features=features,
        prices=prices,
        budget=budget,
        expected_right=float((primary["probability"] * primary["n_customers"]).sum() / n.sum()),
    )


def _capacity(prices: Prices, capacity: Mapping[str, int] | None) -> Floats:
    limits = np.full(len(prices.names), np.inf)
    for name, most in (capacity or {}).items():
        if name not in prices.names:
            raise OptionError(f"capacity names {name!r}; the strategies are {join_words(prices.names)}")
        # a share would be rounded down to nobody
        if isinstance(most, bool) or not isinstance(most, (int, float, np.number)) or most % 1 or most < 0:
            raise OptionError(f"capacity is {most!r} for {name}; give a whole number of customers from 0")
        limits[prices.names.index(name)] = most
    return limits


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


def _totals(
    uplift: Uplift, cells: pd.DataFrame, n: Ints, value: Floats, plan: Allocation, prices: Prices
) -> pd.DataFrame:
    from scipy.special import ndtri

    reach = float(ndtri((1 + uplift.conf_level) / 2))
    rows = []
    for place, name in enumerate(prices.names):
        given = plan.assigned[:, place]
        errors = (
            prices.margin[place]
            * given
            @ uplift.learned[name].effect.errors(uplift.learned[name].design.full(cells))
        )
        profit, half = float(given @ value[:, place]), reach * float(np.sqrt((errors**2).sum()))
        cost = float(given.sum() * prices.cost[place])
        rows.append((name, int(given.sum()), cost, profit, profit - half, profit + half))
    rows.append((ALONE, int(n.sum() - plan.assigned.sum()), 0.0, 0.0, 0.0, 0.0))
    columns = ["strategy", "n_assigned", "cost", "estimate", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


def _evidence(uplift: Uplift, population: Population, cells: pd.DataFrame, n: Ints) -> Evidence:
    unseen = int(n[uplift.design.unseen(cells)].sum())
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
        ),
        checks=(
            *uplift.evidence.checks,
            Check(
                name="seen before",
                null="every value of every feature was seen in the campaigns",
                passed=unseen == 0,
                detail=f"{unseen:,} of {int(n.sum()):,} customers have a value that was not."
                if unseen
                else "Every one was.",
                remedy="They are judged as the average of the others." if unseen else "",
            ),
        ),
    )

"""Which opportunities to take under a budget, in which order, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.business_case.opportunities import (
    Opportunities,
    check_budget,
    excludes_matrix,
    needs_matrix,
    read_opportunities,
)
from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Evidence, Grade
from cemlab.markup import join_words, number, percent, with_interval
from cemlab.result import Result, check_conf_level
from cemlab.stats.knapsack import MOST, best_set_by_program, best_sets, feasible_sets
from cemlab.stats.seeds import generator
from cemlab.stats.three_point import triangular

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Draws that an integer program each can be solved for in a few seconds.
_PROGRAMS = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class Portfolio(Result):
    """The road map that is worth most on average, and how sure each of its items is.

    Parameters
    ----------
    table
        One row an opportunity, those taken first, in their order: item, taken, order (from 1; missing if not
        taken), start, done [months from now; missing without months], estimate (mean worth were it done at
        once), conf_low, conf_high, cost, lost_to_waiting, p_best (share of draws whose best set holds it),
        p_best_error.
    value
        One row: estimate (mean worth of the road map, less what waiting costs), conf_low, conf_high, p_loss,
        cost, lost_to_waiting.
    regret
        One row: estimate (what knowing all worths beforehand would add on average), std_error, conf_low,
        conf_high (of a draw's regret), p_best (share of draws in which the road map is the best one).
    road_map
        The items taken, in their order.
    budget, unit
        The budget, and the unit of all worths.
    method
        How the best set was found.
    draws
        Draws behind intervals and shares.
    """

    value: pd.DataFrame
    regret: pd.DataFrame
    road_map: tuple[str, ...]
    budget: float
    unit: str
    method: str
    draws: int

    title: ClassVar[str] = "Road map under a budget"
    labels: ClassVar[dict[str, str]] = {
        "order": "Place", "item": "Opportunity", "worth": "Worth (interval)", "cost": "Cost",
        "done": "Done after, months", "p_best": "In the best set",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row an opportunity: its place, worth, cost, and how often it is in the best set."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "order": ["–" if pd.isna(r["order"]) else f"{int(r['order'])}" for r in rows],
                "item": [r["item"] for r in rows],
                "worth": [with_interval(r) for r in rows],
                "cost": [number(r["cost"]) for r in rows],
                "done": ["–" if pd.isna(r["done"]) else number(r["done"]) for r in rows],
                "p_best": [percent(r["p_best"], digits=0) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the road map, its worth, and how much better one could choose if one knew more."""
        if not self.road_map:
            return (
                f"Under a budget of {number(self.budget)} nothing is worth taking: every set that can be "
                f"had is worth less than nothing on average, in {self.unit}."
            )
        value, regret = self.value.iloc[0], self.regret.iloc[0]
        waiting = (
            f", after {number(value['lost_to_waiting'])} lost to waiting" if value["lost_to_waiting"] else ""
        )
        return (
            f"Of {len(self.table)} opportunities, {len(self.road_map)} for {number(value['cost'])} of "
            f"{number(self.budget)}: {', then '.join(f'“{item}”' for item in self.road_map)}. Their worth as "
            f"stated is {number(value['estimate'])} {self.unit} ({number(value['conf_low'])} to "
            f"{number(value['conf_high'])}){waiting}; it is below zero in {percent(value['p_loss'])} of the "
            f"draws. This road map is the best one in {percent(regret['p_best'])} of the draws; who knew "
            f"every worth beforehand would gain {number(regret['estimate'])} more on average. "
            f"{self._doubtful()}"
        ).strip()

    def _doubtful(self) -> str:
        near = self.table[(self.table["p_best"] > 0.2) & (self.table["p_best"] < 0.8)]
        if near.empty:
            return "No single item is in doubt."
        told = [f"“{r['item']}” ({percent(r['p_best'], digits=0)})" for r in near.to_dict("records")]
        return f"In doubt: {join_words(told)}."

    @property
    def chart(self) -> Chart:
        """The worth of each opportunity, those taken on top."""
        taken = self.table["taken"].map({True: "taken", False: "not taken"})
        sure = int((self.table.loc[self.table["taken"], "p_best"] >= 0.8).sum())
        claim = (
            f"{len(self.road_map)} of {len(self.table)} opportunities make the best road map; "
            f"{sure} of them in at least four draws of five"
            if self.road_map
            else "Under this budget nothing is worth taking"
        )
        return Chart(
            kind="forest",
            frame=self.table.assign(series=taken)[["item", "series", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="item",
            low="conf_low",
            high="conf_high",
            group="series",
            x_label=f"Worth if done at once, {self.unit}",
            y_label="opportunity",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def portfolio(
    opportunities: ir.Table | pd.DataFrame,
    *,
    budget: float,
    cost: str = "cost",
    requires: Mapping[str, Sequence[str]] | None = None,
    excludes: Sequence[Sequence[str]] = (),
    delay: str | None = None,
    months: str | None = None,
    currency: str | None = None,
    grade: Grade = "descriptive",
    conf_level: float = 0.95,
    draws: int = 2000,
    seed: int = 1,
    source: str = "",
) -> Portfolio:
    """Answer which opportunities to take under a budget, in which order, and how sure that is.

    Parameters
    ----------
    opportunities
        One row an opportunity: item, low, mode, high (worth if done at once), its cost, and if wanted unit
        (begins with the currency), delay and months.
    budget
        What may be spent, in the currency of the costs.
    cost
        Column of the price of each.
    requires
        Item → items that must be done before it.
    excludes
        Groups of which one item at most is taken.
    delay
        Column of the cost of delay: money lost for each month until the item is done.
    months
        Column of the months of work of each; they are done one after the other. Needed with `delay`.
    currency
        Currency of the budget; refused if the opportunities are in another.
    grade
        Design grade of the weakest worth: "descriptive" where owners stated them.
    conf_level, draws, seed
        Of the intervals; draws of the worths, triangular over low, mode and high, and their seed.
    source
        The line that stands under every figure.

    Returns
    -------
    Portfolio
        Its table has one row an opportunity with taken, order, estimate, conf_low, conf_high, p_best.

    Raises
    ------
    ColumnError, DataError, OptionError
        For missing columns, unknown or doubled items, rings of needs, mixed currencies, a budget below zero.
    DesignError
        If more than 20 opportunities are to be put in order.

    Notes
    -----
    Up to 20 opportunities every set is looked at, each in its best order (Held & Karp 1962), so that set and
    order are exact; beyond, an integer program is solved without a gap (HiGHS), for the set alone. Mean worth
    of a set needs no draws: it is the sum of the means.

    Examples
    --------
    >>> plan = portfolio(
    ...     pd.DataFrame({"item": ["train", "call", "tools"], "low": [60, 20, 10], "mode": [80, 30, 30],
    ...                   "high": [90, 40, 80], "cost": [50, 20, 40], "unit": "EUR"}),
    ...     budget=80, requires={"tools": ["call"]})
    >>> plan.road_map
    ('train', 'call')
    """
    check_conf_level(conf_level)
    check_budget(budget)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 100 on")
    if delay is not None and months is None:
        raise OptionError("delay needs months: name the column with the months of work, months=…")
    frame = opportunities if isinstance(opportunities, pd.DataFrame) else opportunities.to_pandas()
    given = read_opportunities(frame, cost=cost, delay=delay, months=months, currency=currency)
    rules = needs_matrix(requires or {}, given.items), excludes_matrix(excludes, given.items)
    searched = _search(given, float(budget), *rules, draws, seed)
    return _result(given, searched, rules[0], float(budget), grade, conf_level, source)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Searched:
    """The best set in order, and by draw: worths, best set and its worth."""

    order: list[int]
    waiting: float
    values: Floats
    best: Bools
    worth: Floats
    method: str


def _search(
    given: Opportunities, budget: float, needs: Bools, excludes: Bools, draws: int, seed: int
) -> _Searched:
    n = len(given.items)
    exact = n <= MOST
    if not exact and given.loss.any():
        raise DesignError(
            f"{n} opportunities cannot be put in their best order exactly (20 can); group those that belong "
            "together, or leave out delay to choose the set alone"
        )
    uniform = generator(seed).random((draws if exact else min(draws, _PROGRAMS), n))
    values = triangular(uniform, low=given.low, mode=given.mode, high=given.high)
    mean = (given.low + given.mode + given.high) / 3
    if exact:
        sets = feasible_sets(
            given.cost, budget=budget, needs=needs, excludes=excludes, loss=given.loss, months=given.months
        )
        code = int(best_sets(mean[None], sets)[0][0])
        best, worth = best_sets(values, sets)
        inside = (best[:, None] >> np.arange(n) & 1).astype(bool)
        order, waiting = sets.order(code), float(sets.waiting[code])
        method = "every set looked at, each in its best order"
    else:
        program = [
            best_set_by_program(row, cost=given.cost, budget=budget, needs=needs, excludes=excludes)
            for row in (mean, *values)
        ]
        inside = np.array(program[1:])
        worth = (inside * values).sum(axis=1)
        order, waiting = [int(i) for i in np.flatnonzero(program[0])], 0.0
        method = "integer program solved without a gap"
    if not given.loss.any():
        order = _by_return(order, mean / np.maximum(given.cost, 1e-12), needs)
    return _Searched(order=order, waiting=waiting, values=values, best=inside, worth=worth, method=method)


def _by_return(chosen: list[int], per_cost: Floats, needs: Bools) -> list[int]:
    """Return the set with the highest worth per cost first, whatever is needed before."""
    order: list[int] = []
    while left := [i for i in chosen if i not in order]:
        ready = [i for i in left if all(j in order for j in np.flatnonzero(needs[i]))]
        order.append(max(ready, key=lambda i: float(per_cost[i])))
    return order


def _result(
    given: Opportunities,
    searched: _Searched,
    needs: Bools,
    budget: float,
    grade: Grade,
    conf_level: float,
    source: str,
) -> Portfolio:
    order, drawn = searched.order, len(searched.values)
    ends = (1 - conf_level) / 2, (1 + conf_level) / 2
    mean = (given.low + given.mode + given.high) / 3
    own = searched.values[:, order].sum(axis=1) - searched.waiting
    regret = np.maximum(searched.worth - own, 0.0)  # the best of a draw is at least as good, up to rounding
    chosen = np.zeros(len(mean), dtype=bool)
    chosen[order] = True
    value = {
        "estimate": float(mean[order].sum() - searched.waiting),
        **dict(zip(("conf_low", "conf_high"), np.quantile(own, ends).tolist(), strict=True)),
        "p_loss": float((own < 0).mean()),
        "cost": float(given.cost[order].sum()),
        "lost_to_waiting": searched.waiting,
    }
    forgone = {
        "estimate": float(regret.mean()),
        "std_error": float(regret.std(ddof=1) / np.sqrt(drawn)),
        **dict(zip(("conf_low", "conf_high"), np.quantile(regret, ends).tolist(), strict=True)),
        "p_best": float((searched.best == chosen).all(axis=1).mean()),
    }
    return Portfolio(
        table=_table(given, searched, ends),
        evidence=_evidence(given, searched, needs, grade, source),
        conf_level=conf_level,
        value=pd.DataFrame([value]),
        regret=pd.DataFrame([forgone]),
        road_map=tuple(given.items[i] for i in order),
        budget=budget,
        unit=given.unit,
        method=searched.method,
        draws=drawn,
    )


def _table(given: Opportunities, searched: _Searched, ends: tuple[float, float]) -> pd.DataFrame:
    order = searched.order
    rest = [i for i in range(len(given.items)) if i not in order]
    rest.sort(key=lambda i: -float(searched.best[:, i].mean()))
    rows = [*order, *rest]
    done = np.full(len(rows), np.nan)
    if given.months.any():
        done[: len(order)] = given.months[order].cumsum()
    share = searched.best[:, rows].mean(axis=0)
    low, high = np.quantile(searched.values[:, rows], ends, axis=0)
    return pd.DataFrame(
        {
            "item": [given.items[i] for i in rows],
            "taken": [i in order for i in rows],
            "order": pd.array([k + 1 if k < len(order) else None for k in range(len(rows))], dtype="Int64"),
            "start": done - given.months[rows],
            "done": done,
            "estimate": ((given.low + given.mode + given.high) / 3)[rows],
            "conf_low": low,
            "conf_high": high,
            "cost": given.cost[rows],
            "lost_to_waiting": given.loss[rows] * np.nan_to_num(done),
            "p_best": share,
            "p_best_error": np.sqrt(share * (1 - share) / len(searched.best)),
        }
    )


def _evidence(given: Opportunities, searched: _Searched, needs: Bools, grade: Grade, source: str) -> Evidence:
    waits = (
        ("They are done one after the other; each month until one is done costs the same.",)
        if given.loss.any()
        else (
            "No cost of delay was given: the order is that of worth per cost, what is needed coming first.",
        )
    )
    return Evidence(
        grade=grade,
        design=(
            f"Worths as their owners state them, lowest, most plausible and highest; {searched.method}; "
            f"{int(needs.sum())} dependencies kept; {len(searched.values):,} draws."
        ),
        unit="opportunities",
        n_used=len(given.items),
        n_given=len(given.items),
        source=source,
        assumptions=(
            "Worths add up: no opportunity changes what another is worth.",
            "Each worth is drawn for itself, triangular between lowest and highest.",
            *waits,
        ),
    )

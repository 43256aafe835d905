"""The road beside the chain: what the books of branches show, against those of branches not trained.

It takes any result with a table of groups and times and a joint covariance, such as the group-time effects on
profit, and discounts it. Both roads should lead to the same place; :func:`cemlab.business_case.compare_roads`
says how far apart they end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.case import FEWEST_DRAWS, MOST_DRAWS, BusinessCase, case_of, check_ledger
from cemlab.business_case.chain import AS_IT_IS, MOST_MONTHS, Conditions, Flows, check_whole
from cemlab.business_case.entries import Entry, counted, fitted_together
from cemlab.business_case.figures import Figures
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.roles import ROLES, check_entry
from cemlab.business_case.units import Kind
from cemlab.errors import DataError, DesignError
from cemlab.evidence import Evidence

Floats = npt.NDArray[np.float64]

_PROFIT = Kind(words=("a branch and month",), money=True)
_PAID = Kind(words=("", "in all"), money=True, lowest=0)
_BRANCHES = Kind(words=("branches",), lowest=0)


class JointResult(Protocol):
    """An analysis by group and time whose estimates have one covariance."""

    @property
    def table(self) -> pd.DataFrame:
        """Group, time, event_time, estimate, n_treated, a row each."""

    @property
    def evidence(self) -> Evidence:
        """What it rests on."""

    @property
    def covariance(self) -> Floats:
        """(rows, rows)."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """An estimate that holds for some branches over some months of the case.

    Parameters
    ----------
    change, branches
        Items of the ledger: the change of profit by branch and month, and how many branches.
    start, stop
        The months, from 0; `stop` is the first one after them.
    """

    change: str
    branches: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False, kw_only=True)
class DirectRoad:
    """Changes of profit as the books show them, as flows."""

    cells: tuple[Cell, ...]
    capital: str
    months: int
    paid: tuple[tuple[int, str], ...] = ()

    assumptions = (
        "Without training, branches trained and branches not trained would have changed alike.",
        "Training is in the books of the branches: what it costs is in their profit.",
    )

    def used(self) -> tuple[str, ...]:
        """Return the items that enter."""
        named = [item for cell in self.cells for item in (cell.change, cell.branches)]
        return tuple(dict.fromkeys([*named, *(item for _, item in self.paid), self.capital]))

    def links(self) -> tuple[tuple[str, str], ...]:
        """Return each change of profit: it is the one link there is."""
        return tuple((f"months {cell.start} to {cell.stop - 1}", cell.change) for cell in self.cells)

    def rate(self, figures: Figures) -> Floats:
        """Return the yearly discount rate (n)."""
        return figures[self.capital]

    def flows(self, figures: Figures, conditions: Conditions = AS_IT_IS) -> Flows:
        """Return the profit of each month; what was measured is as the times were."""
        if conditions is not AS_IT_IS and _differ(conditions):
            raise DesignError("the books show what was; other times can be priced through the chain alone")
        total = np.zeros((figures.n, self.months))
        for cell in self.cells:
            each = figures[cell.change] * figures[cell.branches]
            total[:, cell.start : cell.stop] += each[:, None]
        cost = np.zeros_like(total)
        for month, item in self.paid:
            cost[:, month] += figures[item]
        # profit bears what was paid already: without it the books would show as much more
        return Flows(gains={"books": total + cost}, cost=cost)


def _differ(conditions: Conditions) -> bool:
    return any((np.asarray(getattr(conditions, name)) != 1).any() for name in vars(conditions))


def direct_entries(
    effects: JointResult,
    *,
    spans: Mapping[Any, tuple[int, int]],
    currency: str,
    name: str = "profit",
    source: str = "",
    owner: str = "",
) -> tuple[list[Entry], list[Cell]]:
    """Turn changes by group and time into entries of a ledger, drawn together, and the cells they fill.

    Parameters
    ----------
    effects
        E.g. the group-time effects on profit: table with group, time, event_time, estimate [currency a branch
        and month], n_treated, and a covariance. Rows before the training are left out.
    spans
        Time → months of the case that it covers, (start, stop) from 0; month by month, or phases of the
        roll-out between its waves.
    currency, name, source, owner
        Of the entries; the source of the result, if none is given.

    Returns
    -------
    entries, cells
        To be added to a ledger, and handed to :func:`direct_case`.

    Raises
    ------
    DesignError
        If the table has no group, time or number of treated, or there is nothing after the training.
    DataError
        If a time has no span.
    """
    table = effects.table
    missing = [c for c in ("group", "time", "event_time", "estimate", "n_treated") if c not in table.columns]
    if missing:
        raise DesignError(f"the result has no {', '.join(missing)}; changes by group and time are needed")
    after = np.flatnonzero(table["event_time"].to_numpy() >= 0)
    if not after.size:
        raise DesignError("the result has no row after the training; there is nothing to discount")
    rows = table.iloc[after]
    unknown = sorted({str(time) for time in rows["time"] if time not in spans})
    if unknown:
        raise DataError(f"spans says nothing of the times {', '.join(unknown[:5])}; give their months")
    pairs = [(str(g)[:10], spans[t]) for g, t in zip(rows["group"], rows["time"], strict=True)]
    items = [f"{name}, group {group}, months {a} to {b - 1}" for group, (a, b) in pairs]
    source = source or effects.evidence.source or effects.evidence.design
    found = fitted_together(
        items,
        units=f"{currency} a branch and month",
        estimate=rows["estimate"].to_numpy(dtype=float),
        covariance=np.asarray(effects.covariance)[np.ix_(after, after)],
        months=[a for _, (a, _) in pairs],
        source=source,
        owner=owner,
        grade=effects.evidence.grade,
    )
    sizes = {group: float(n) for (group, _), n in zip(pairs, rows["n_treated"], strict=True)}
    counts = [
        counted(item=f"branches, group {group}", value=n, unit="branches", source=source)
        for group, n in sizes.items()
    ]
    cells = [
        Cell(change=item, branches=f"branches, group {group}", start=a, stop=b)
        for item, (group, (a, b)) in zip(items, pairs, strict=True)
    ]
    return [*found, *counts], cells


def direct_case(
    ledger: CaseLedger,
    *,
    cells: Sequence[Cell],
    capital: str = ROLES["capital"].item,
    months: int | None = None,
    paid: Mapping[int, str] | None = None,
    draws: int = 20_000,
    seed: int = 1,
    conf_level: float = 0.90,
) -> BusinessCase:
    """Answer what a training was worth, from the books of the branches themselves.

    Profit after training, against branches not trained, is net of what training costs. Neither retention nor
    spend can be told apart, and there is a ratio of gain to cost only if `paid` says what training cost.

    Parameters
    ----------
    ledger
        With the entries of :func:`direct_entries` and a discount rate.
    cells
        Which entry holds when.
    capital
        Item of the yearly discount rate.
    months
        How long; to the end of the last cell if not given.
    paid
        Month of the case → item: the money that training cost in it, which the books bear already.
    draws, seed, conf_level
        As in :func:`~cemlab.business_case.training_case`.

    Returns
    -------
    BusinessCase
        Its grade is that of the analysis behind the cells.

    Raises
    ------
    DesignError, DataError, ColumnError, OptionError
        As in :func:`~cemlab.business_case.training_case`.
    """
    check_whole(draws, "draws", FEWEST_DRAWS, MOST_DRAWS)
    check_ledger(ledger)
    if not cells or not all(isinstance(cell, Cell) for cell in cells):
        raise DesignError("the direct road needs one Cell or more; direct_entries() makes them")
    last = max(cell.stop for cell in cells) if months is None else months
    check_whole(last, "months", 1, MOST_MONTHS)
    for cell in cells:
        check_entry(ledger[cell.change], _PROFIT, "change of profit", ledger.currency)
        check_entry(ledger[cell.branches], _BRANCHES, "branches", ledger.currency)
        if cells.count(cell) > 1:
            raise DesignError(f"{cell.change!r} stands twice in months {cell.start} to {cell.stop - 1}")
        if not 0 <= cell.start < cell.stop <= last:
            raise DataError(f"{cell.change!r} covers months {cell.start} to {cell.stop - 1} of {last}")
    check_entry(ledger[capital], ROLES["capital"].kind, "capital", ledger.currency)
    for month, item in (paid or {}).items():
        check_whole(month, "a month of paid", 0, last - 1)
        check_entry(ledger[item], _PAID, "paid", ledger.currency)
    bills = tuple((paid or {}).items())
    model = DirectRoad(cells=tuple(cells), capital=capital, months=last, paid=bills)
    return case_of(ledger, model, draws=draws, seed=seed, conf_level=conf_level)

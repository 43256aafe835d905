"""Cells of a value map, each with the strategy that is best for most of its customers."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from cemlab.errors import ColumnError, DataError, one_of

_CELL = ["current_class", "potential_class"]


def primary_strategies(
    strategy_by_cell: pd.DataFrame, cells: pd.DataFrame
) -> tuple[pd.DataFrame, Counter[str], int]:
    """Return the cells with their most frequent strategy.

    Parameters
    ----------
    strategy_by_cell
        One row a strategy in a cell: current_class, potential_class, strategy, n.
    cells
        The cells that there are, with their n.

    Returns
    -------
    pandas.DataFrame
        One row a cell: current_class, potential_class, strategy, customers; of equally frequent strategies
        the one that is more frequent over all.
    Counter
        Over all cells, how many customers have each strategy.
    int
        How many customers have the strategy that their cell shows.

    Raises
    ------
    ColumnError, DataError
        If a column is missing, a cell is unknown or given more customers than it has, or nobody is left.
    """
    for name in (*_CELL, "strategy", "n"):
        if name not in strategy_by_cell.columns:
            there = map(str, strategy_by_cell.columns)
            raise ColumnError(f"strategy_by_cell: {one_of(name, there, what='column')}")
    given = strategy_by_cell[[*_CELL, "strategy", "n"]]
    if given.isna().any(axis=None) or (given["n"] < 0).any() or given["n"].sum() == 0:
        raise DataError(
            "strategy_by_cell: give classes, strategy and n, 0 or more, none missing, somebody in all"
        )
    counts: dict[tuple[int, int], Counter[str]] = {}
    overall: Counter[str] = Counter()
    # a few hundred rows: plain counting takes a hundredth of the time of grouping frames
    for current, potential, strategy, n in given.itertuples(index=False, name=None):
        counts.setdefault((int(current), int(potential)), Counter())[str(strategy)] += int(n)
        overall[str(strategy)] += int(n)
    _refuse_more(counts, cells)
    shown = {
        cell: max(found, key=lambda name: (found[name], overall[name]))
        for cell, found in sorted(counts.items())
        if found.total()
    }
    rows = [(*cell, strategy, counts[cell].total()) for cell, strategy in shown.items()]
    agreed = sum(counts[cell][strategy] for cell, strategy in shown.items())
    return pd.DataFrame(rows, columns=[*_CELL, "strategy", "customers"]), overall, agreed


def _refuse_more(counts: dict[tuple[int, int], Counter[str]], cells: pd.DataFrame) -> None:
    there = dict(zip(zip(*(cells[name] for name in _CELL), strict=True), cells["n"], strict=True))
    for (current, potential), found in counts.items():
        held = there.get((current, potential), 0)
        if found.total() > held:
            raise DataError(
                f"strategy_by_cell: the cell {current}, {potential} holds {held:,} customers on this map and "
                f"{found.total():,} in what was given; count on the map's own cells"
            )


def ordered(classes: pd.Series[int], names: dict[int, str]) -> pd.Series[str]:
    """Return the names of classes as categories in ascending order."""
    return pd.Series(
        pd.Categorical([names[score] for score in classes], categories=list(names.values()), ordered=True),
        index=classes.index,
    )

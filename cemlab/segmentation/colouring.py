"""Cells of a value map, each with the strategy that is best for most of its customers."""

from __future__ import annotations

import pandas as pd

from cemlab.errors import ColumnError, DataError, one_of

_CELL = ["current_class", "potential_class"]


def primary_strategies(
    strategy_by_cell: pd.DataFrame, cells: pd.DataFrame
) -> tuple[pd.DataFrame, list[str], int]:
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
    list of str
        The strategies that some cell shows, the most frequent over all customers first.
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
    summed = given.groupby([*_CELL, "strategy"], as_index=False).agg(n=("n", "sum"))
    totals = summed.groupby(_CELL, as_index=False).agg(customers=("n", "sum"))
    _refuse_more(totals, cells)
    overall = summed.groupby("strategy")["n"].sum().sort_values(ascending=False, kind="stable")
    rank = {name: at for at, name in enumerate(overall.index.tolist())}
    ranked = summed.assign(rank=summed["strategy"].map(rank)).sort_values(
        ["n", "rank"], ascending=[False, True]
    )
    shown = ranked[ranked["n"] > 0].drop_duplicates(_CELL)
    names = [name for name in rank if name in set(shown["strategy"])]
    found = totals.merge(shown[[*_CELL, "strategy"]], on=_CELL)
    return found[[*_CELL, "strategy", "customers"]], names, int(shown["n"].sum())


def _refuse_more(totals: pd.DataFrame, cells: pd.DataFrame) -> None:
    beside = totals.merge(cells[[*_CELL, "n"]], on=_CELL, how="left").fillna({"n": 0})
    more = beside[beside["customers"] > beside["n"]].to_dict("records")
    if more:
        row = more[0]
        raise DataError(
            f"strategy_by_cell: the cell {row['current_class']}, {row['potential_class']} holds "
            f"{int(row['n']):,} customers on this map and {int(row['customers']):,} in what was given; "
            "count on the map's own cells"
        )


def ordered(classes: pd.Series[int], names: dict[int, str]) -> pd.Series[str]:
    """Return the names of classes as categories in ascending order."""
    return pd.Series(
        pd.Categorical([names[score] for score in classes], categories=list(names.values()), ordered=True),
        index=classes.index,
    )

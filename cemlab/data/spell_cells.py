"""Rows counted on the engine by columns of which one says whether something happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def counted_cells(table: ir.Table, columns: list[str]) -> pd.DataFrame:
    """Count rows by columns, ``event`` among them, in one pass; a blank is a value of its own.

    Parameters
    ----------
    table
        The rows.
    columns
        Columns to count by.

    Returns
    -------
    pandas.DataFrame
        One row a cell that occurs: the columns, and ``n``; in no order.

    Examples
    --------
    >>> rows = ibis.memtable({"group": ["a", "a", "b"], "event": [True, False, False]})
    >>> counted_cells(rows, ["group", "event"]).sort_values(["group", "event"]).to_numpy().tolist()
    [['a', False, 1], ['a', True, 1], ['b', False, 1]]
    """
    import pandas as pd

    if not table["event"].type().is_boolean():
        found: pd.DataFrame = table.group_by(columns).aggregate(n=ibis._.count()).to_pandas()
        return found
    # true, false and blank are counted side by side: half the cells, and half the engine's time
    keys = [name for name in columns if name != "event"]
    sides = {"n": ibis._.count(), "known": ibis._.event.count(), "left": ibis._.count(where=ibis._.event)}
    wide: pd.DataFrame = table.group_by(keys).aggregate(**sides).to_pandas()
    counts = {True: wide["left"], False: wide["known"] - wide["left"], None: wide["n"] - wide["known"]}
    parts = [
        wide.loc[n > 0, keys].assign(event=event, n=n[n > 0])
        for event, n in counts.items()
        if event is not None or n.any()
    ]
    return pd.concat(parts, ignore_index=True)

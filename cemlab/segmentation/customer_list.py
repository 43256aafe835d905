"""The list of customers with their strategies, made on the engine from the plan of the cells."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from cemlab.data.campaign_cells import Population


def customer_list(
    table: pd.DataFrame, population: Population, *, features: Sequence[str], seed: int
) -> ir.Table:
    """Return one row a customer: ``customer``, ``primary``, ``secondary``, ``probability``."""
    plan = ibis.memtable(_stretches(table, features))
    order = (_["customer"].cast("string") + f"|{seed}").hexdigest("md5")
    window = ibis.window(group_by=list(features), order_by=[order, _["customer"]])
    ranked = population.customers.mutate(place=ibis.row_number().over(window))
    met = ranked.join(plan, [(name, f"{name}_cell") for name in features])
    mine = met.filter((met["place"] >= met["begins"]) & (met["place"] < met["ends"]))
    return mine.select("customer", "primary", "secondary", "probability")


def _stretches(table: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """Return a row a cell and strategy that somebody gets: which places in the cell's order it takes."""
    keys = list(features)
    leading = table.loc[table["role"] == "primary", [*keys, "strategy"]].rename(columns={"strategy": "first"})
    second = table.loc[table["role"] == "secondary", [*keys, "strategy"]]
    second = second.rename(columns={"strategy": "second"})
    given = table[table["n_assigned"] > 0].merge(leading, on=keys).merge(second, on=keys)
    ends = given.groupby(keys, sort=False)["n_assigned"].cumsum()
    # who does not get the cell's primary strategy has that one as the next best
    follows = given["second"].where(given["strategy"] == given["first"], given["first"])
    frame = pd.DataFrame(
        {
            "primary": given["strategy"],
            "secondary": follows,
            "probability": given["probability"],
            "begins": ends - given["n_assigned"],
            "ends": ends,
        }
    )
    return frame.assign(**{f"{name}_cell": given[name] for name in features})

"""The same customers in a world in which nobody's loyalty changed: the truth behind notebook 03."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.loyalty.histories import Period
from cemlab.simulate.lives import live
from cemlab.simulate.shopping import buy
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.timeline import FIRST

if TYPE_CHECKING:
    from cemlab.simulate.halden import Halden
    from cemlab.simulate.state import Purchases
    from cemlab.simulate.streams import Ints
    from cemlab.simulate.worlds import World


@lru_cache(maxsize=4)
def counts_if_still(halden: Halden, base: Period, follow_up: Period) -> pd.DataFrame:
    """Return what each customer bought in two periods, and would have bought in the second in a still world.

    Still means that from the first day of the base period on nobody left for whatever reason, nobody's rate
    of buying changed for good, and no recession came. The random numbers are those of what was.

    Parameters
    ----------
    halden
        The company.
    base, follow_up
        First and last day of each period.

    Returns
    -------
    pandas.DataFrame
        One row a customer who bought in the base period: n_base, n_next, n_next_if_still (purchase days).
    """
    # Who left before the base period bought nothing in it, so leaving can be switched off from the beginning.
    nobody_leaves = replace(halden.world.leaving, competitor=0.0, price=0.0, moved=0.0, deceased=0.0)
    still = Scenario(changing=False, recession=False, still_from=(base[0] - FIRST).days)
    was = _purchase_days(halden, AS_IT_WAS, halden.world, (base, follow_up))
    kept = _purchase_days(halden, still, replace(halden.world, leaving=nobody_leaves), (follow_up,))
    table = pd.DataFrame({"n_base": was[0], "n_next": was[1], "n_next_if_still": kept[0]})
    return table[table["n_base"] > 0].reset_index(drop=True)


def _purchase_days(
    halden: Halden, scenario: Scenario, leaving_in: World, periods: tuple[Period, ...]
) -> list[Ints]:
    """Return for each period the days on which each customer bought, where leaving is as in a world."""
    network = halden.network(scenario)
    counted = []
    for block in halden.blocks():
        members = halden.members(network, block)
        lives = live(leaving_in, halden.streams, network, members, scenario)
        bought = buy(halden.world, halden.streams, network, members, lives, scenario)
        counted.append([_days_in(bought, len(members), period) for period in periods])
    return [np.concatenate(parts) for parts in zip(*counted, strict=True)]


def _days_in(bought: Purchases, n: int, period: Period) -> Ints:
    first, last = ((day - FIRST).days for day in period)
    inside = (bought.day >= first) & (bought.day <= last)
    pairs = np.unique(np.stack([bought.customer[inside], bought.day[inside]]), axis=1)
    return np.bincount(pairs[0], minlength=n)

"""The same customers in a world in which nobody's loyalty changes: how much defection is more than chance."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
import pandas as pd

from cemlab.simulate.halden import Halden
from cemlab.simulate.replay import replay_block
from cemlab.simulate.state import AS_IT_WAS, Purchases, Scenario
from cemlab.simulate.streams import Ints
from cemlab.simulate.timeline import FIRST

#: First and last day.
Period = tuple[date, date]


@lru_cache(maxsize=4)
def counts_if_still(halden: Halden, base: Period, follow_up: Period) -> pd.DataFrame:
    """Return what each customer bought in two periods, and would have bought in the second in a still world.

    Still means that from the first day of the base period on nobody leaves for whatever cause, nobody's rate
    of buying changes for good, and no recession comes. The random numbers are those of what was.

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
    still = Scenario(leaving=False, changing=False, recession=False, still_from=_day(base[0]))
    was = _purchase_days(halden, AS_IT_WAS, (base, follow_up))
    kept = _purchase_days(halden, still, (follow_up,))
    table = pd.DataFrame({"n_base": was[0], "n_next": was[1], "n_next_if_still": kept[0]})
    return table[table["n_base"] > 0].reset_index(drop=True)


def _day(day: date) -> int:
    return (day - FIRST).days


def _purchase_days(halden: Halden, scenario: Scenario, periods: tuple[Period, ...]) -> list[Ints]:
    """Return for each period the days on which each customer bought."""
    network = halden.network(scenario)
    counted = []
    for block in halden.blocks():
        members, _, bought = replay_block(halden, network, block, scenario)
        counted.append([_days_in(bought, len(members), period) for period in periods])
    return [np.concatenate(parts) for parts in zip(*counted, strict=True)]


def _days_in(bought: Purchases, n: int, period: Period) -> Ints:
    inside = (bought.day >= _day(period[0])) & (bought.day <= _day(period[1]))
    row, day = bought.customer[inside], bought.day[inside]
    # ordered by customer and day: a purchase on the same day as the one before is no new purchase day
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (day[1:] != day[:-1])
    return np.bincount(row[new], minlength=n)

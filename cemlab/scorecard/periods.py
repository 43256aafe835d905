"""The two years that the rows on loyalty compare, and the true defection in the second."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cemlab.loyalty import two_periods
from cemlab.simulate.replay import replay_block
from cemlab.simulate.state import AS_IT_WAS, Scenario
from cemlab.simulate.timeline import FIRST, LAST

if TYPE_CHECKING:
    from cemlab.simulate.halden import Halden
    from cemlab.simulate.state import Purchases
    from cemlab.simulate.streams import Ints

#: Fewest purchase days of each tier.
TIERS = {"one purchase": 1, "2 or 3": 2, "4 to 6": 4, "7 or more": 7}
#: The tier of the most loyal.
TOP = list(TIERS)[-1]
#: The last two years of the data.
BASE, FOLLOW_UP = two_periods(until=LAST, days=365)

_SPANS = [((first - FIRST).days, (last - FIRST).days) for first, last in (BASE, FOLLOW_UP)]
#: From when on nobody is to leave and no rate is to change, in the world that is compared with.
Since = Literal["base", "follow-up"]
_STILL_FROM: dict[Since, int] = {"base": _SPANS[0][0], "follow-up": _SPANS[1][0]}


@lru_cache(maxsize=4)
def true_excess(halden: Halden, since: Since) -> pd.DataFrame:
    """Return by how much defection exceeds what it would be if nobody had changed, tier by tier.

    The same random numbers are replayed in a world in which nobody leaves and no rate changes from a day on;
    the difference to what was is the true excess on this very company. Tiers are those of what was.

    Parameters
    ----------
    halden
        The company.
    since
        Whether that is the first day of the base year or of the follow-up. From the base year on, those who
        left in its course are among the excess of the next.

    Returns
    -------
    pandas.DataFrame
        tier, n (customers of the tier in the base year), lapsed, fell (true excess, differences of shares).
    """
    base, was = _bought(halden, AS_IT_WAS)
    nobody_changed = Scenario(leaving=False, changing=False, recession=False, still_from=_STILL_FROM[since])
    _, still = _bought(halden, nobody_changed)
    floors = np.array(list(TIERS.values()))
    tier = np.searchsorted(floors, base, side="right") - 1
    floor = floors[tier]
    rows = pd.DataFrame(
        {
            "tier": np.array(list(TIERS))[tier],
            "lapsed": (was == 0).astype(float) - (still == 0),
            "fell": (was < floor).astype(float) - (still < floor),
        }
    )
    by_tier = rows[tier >= 0].groupby("tier", sort=False)
    frame: pd.DataFrame = by_tier.agg(n=("fell", "size"), lapsed=("lapsed", "mean"), fell=("fell", "mean"))
    return frame.reindex([name for name in TIERS if name in frame.index]).reset_index()


@lru_cache(maxsize=2)
def _bought(halden: Halden, scenario: Scenario) -> tuple[Ints, Ints]:
    """Return each customer's purchase days in the base year and in the follow-up under a scenario."""
    network = halden.network(scenario)
    counts = []
    for block in halden.blocks():
        members, _, purchases = replay_block(halden, network, block, scenario)
        counts.append([_purchase_days(purchases, len(members), span) for span in _SPANS])
    base, follow_up = np.concatenate(counts, axis=1)
    return base, follow_up


def _purchase_days(purchases: Purchases, n: int, span: tuple[int, int]) -> Ints:
    """Return the number of days within a span, ends included, on which each of n customers bought."""
    first, last = span
    inside = (purchases.day >= first) & (purchases.day <= last)
    row, day = purchases.customer[inside], purchases.day[inside]
    # ordered by customer and day: a purchase on the same day as the one before is no new purchase day
    new = np.ones(len(row), dtype=bool)
    new[1:] = (row[1:] != row[:-1]) | (day[1:] != day[:-1])
    return np.bincount(row[new], minlength=n)

"""The two years that the rows on loyalty compare, and the true defection in the second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.loyalty import two_periods
from cemlab.simulate.still import counts_if_still
from cemlab.simulate.timeline import LAST

if TYPE_CHECKING:
    from cemlab.simulate.halden import Halden

#: Fewest purchase days of each tier.
TIERS = {"one purchase": 1, "2 or 3": 2, "4 to 6": 4, "7 or more": 7}
#: The tier of the most loyal.
TOP = list(TIERS)[-1]
#: The last two years of the data.
BASE, FOLLOW_UP = two_periods(until=LAST, days=365)


def true_excess(halden: Halden) -> pd.DataFrame:
    """Return by how much defection exceeds what it would be if nobody had changed, tier by tier.

    The same random numbers are replayed in a world that stands still from the first day of the base year on;
    the difference to what was is the true excess on this very company. Tiers are those of what was.

    Parameters
    ----------
    halden
        The company.

    Returns
    -------
    pandas.DataFrame
        tier, n (customers of the tier in the base year), lapsed, fell (true excess, differences of shares).
    """
    counts = counts_if_still(halden, BASE, FOLLOW_UP)
    floors, names = np.array(list(TIERS.values())), np.array(list(TIERS))
    tier = np.searchsorted(floors, counts["n_base"], side="right") - 1
    was, still, floor = counts["n_next"], counts["n_next_if_still"], floors[tier]
    rows = pd.DataFrame(
        {
            "tier": names[tier],
            "lapsed": (was == 0).astype(float) - (still == 0),
            "fell": (was < floor).astype(float) - (still < floor),
        }
    )
    by_tier = rows.groupby("tier", sort=False)
    frame: pd.DataFrame = by_tier.agg(n=("fell", "size"), lapsed=("lapsed", "mean"), fell=("fell", "mean"))
    return frame.reindex([name for name in TIERS if name in frame.index]).reset_index()

"""What is known of a curve where nobody, or everybody, left, and where observation breaks off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cemlab.evidence import Check
from cemlab.markup import percent, percent_range
from cemlab.stats.competing_risks import CompetingRisks
from cemlab.stats.lifetable import LifeTable


def least_extreme(table: LifeTable, time: float, *, conf_level: float) -> float:
    """Return the risk that an estimate of 0 (or, from 1 down, of 1) is still compatible with.

    Where nobody left, or everybody, the interval has no width, which would be read as certainty. Of n
    customers under observation none leaves with chance (1 - risk)^n; the bound is the exact two-sided one.

    Parameters
    ----------
    table
        With an estimate of exactly 1 or 0 at `time`.
    time
        Not beyond the last row of the table.
    conf_level
        Of the two-sided interval.

    Returns
    -------
    float
        Where nobody left: the largest risk, n being the fewest watched up to then. Where nobody is left:
        the largest share still there, n being those at risk at the last departure.
    """
    row = int(np.searchsorted(table.time, time))
    emptied = np.flatnonzero(table.survival <= 0)
    n = int(table.watched[row])
    if emptied.size and table.time[emptied[0]] <= time:
        n = int(table.at_risk[emptied[0]])
    return float(1 - ((1 - conf_level) / 2) ** (1 / n))


def still_there(table: LifeTable, row: Mapping[Any, Any], *, conf_level: float) -> str:
    """Write the share still there with its interval, or its exact bound where that has no width."""
    if np.isnan(row["estimate"]):
        return "not observed that long"
    if row["estimate"] in (0, 1):
        bound = least_extreme(table, row["time"], conf_level=conf_level)
        return (
            f"100 % (at least {percent(1 - bound)})" if row["estimate"] else f"0 % (at most {percent(bound)})"
        )
    return f"{percent(row['estimate'])} ({percent_range(row['conf_low'], row['conf_high'])})"


def apart(
    tables: Mapping[str, LifeTable], lower: Mapping[Any, Any], upper: Mapping[Any, Any], *, conf_level: float
) -> bool:
    """Return whether the intervals of two groups' shares still there at one time do not overlap.

    Parameters
    ----------
    tables
        The curve of each group.
    lower, upper
        group, time, estimate, conf_low, conf_high of the two; a share of 1 or 0 has its exact bound.
    conf_level
        Of the intervals.
    """
    high, low = lower["conf_high"], upper["conf_low"]
    if lower["estimate"] == 0:
        high = least_extreme(tables[lower["group"]], lower["time"], conf_level=conf_level)
    if upper["estimate"] == 1:
        low = 1 - least_extreme(tables[upper["group"]], upper["time"], conf_level=conf_level)
    return bool(lower["estimate"] < 1 and upper["estimate"] > 0 and high < low)


def share_left(table: LifeTable, row: Mapping[Any, Any], *, unit: str, conf_level: float) -> str:
    """Write the share that left by a time, in words, with its interval or exact bound."""
    when = f"within {row['time']:g} {unit}"
    if row["estimate"] in (0, 1):
        bound = least_extreme(table, row["time"], conf_level=conf_level)
        if row["estimate"]:
            return f"nobody left {when} (at most {percent(bound)})"
        return f"everybody left {when} (at least {percent(1 - bound)})"
    interval = percent_range(1 - row["conf_high"], 1 - row["conf_low"])
    return f"{percent(1 - row['estimate'])} ({interval}) left {when}"


def risk_set_checks(
    tables: Mapping[str, LifeTable | CompetingRisks], longest: Mapping[str, float]
) -> tuple[Check, ...]:
    """Return failed checks where late entry leaves nobody under observation, or so few that one empties it.

    Parameters
    ----------
    tables, longest
        The curve of each group, and the longest duration in its data.
    """
    found = []
    for name, table in tables.items():
        last = float(table.time[-1])
        if last < longest[name]:
            found.append(
                f"{name}: observation breaks off after {last:g}, where nobody was watched, though the "
                f"longest duration is {longest[name]:g}; nothing is known from there on"
            )
        events = np.atleast_2d(table.events).sum(axis=0)
        emptied = np.flatnonzero((events == table.at_risk) & (events > 0))[:1]
        found += [
            f"{name}: {int(events[i])} of {int(table.at_risk[i])} at risk left at {table.time[i]:g}; "
            "the curve stays at zero from there on"
            for i in emptied
            if i < len(table.time) - 1
        ]
    if not found:
        return ()
    return (
        Check(
            name="risk set",
            null="somebody is at risk whenever somebody leaves, and remains",
            passed=False,
            detail=f"{'; '.join(found)}.",
            remedy="Start the curve at a later duration, where more customers are under observation.",
        ),
    )

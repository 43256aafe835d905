"""Rows on the company's own loyal customers: defection beyond chance, and whom to watch (notebook 03)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from cemlab import loyalty
from cemlab.errors import DesignError
from cemlab.scorecard.companies import halden_behind
from cemlab.scorecard.periods import BASE, FOLLOW_UP, TIERS, TOP, true_excess
from cemlab.scorecard.row import Estimate, Row, planted
from cemlab.simulate.oracle import Oracle
from cemlab.simulate.timeline import FIRST, day_of
from cemlab.simulate.worlds import WORLDS

if TYPE_CHECKING:
    from cemlab.data.company import Company
    from cemlab.loyalty.defection import Outcome
    from cemlab.simulate.halden import Halden

_EXCESS = WORLDS["default"].market.excess
#: The last three months, and the year before them, by which the watch list decides.
WATCHED, WATCHED_FROM = (date(2025, 10, 1), date(2025, 12, 31)), (date(2024, 10, 1), date(2025, 9, 30))
_FALSE = 0.10  # share of false alarms that the watch list promises at most


@lru_cache(maxsize=1)
def _histories(company: Company) -> loyalty.BuyingHistories:
    return loyalty.buying_histories(company.table("transactions"), base=BASE, follow_up=FOLLOW_UP)


def _defection(company: Company, *, outcome: Outcome, quantity: str) -> Estimate:
    table = loyalty.defection(_histories(company), tiers=TIERS, outcome=outcome).table
    rows = table[(table["tier"] == TOP) & (table["quantity"] == quantity)]
    if rows.empty:
        raise DesignError(f"nobody is in the tier {TOP!r}")
    return Estimate.of(rows)


def _true_defection(oracle: Oracle, *, outcome: Outcome) -> float:
    rows = true_excess(oracle.halden)
    return float(rows.loc[rows["tier"] == TOP, outcome].sum())


def _right_flags(company: Company) -> Estimate:
    """Return the share of the flagged who really stopped, or buy less than they did."""
    bought = company.table("transactions")
    flagged = loyalty.watch(bought, base=WATCHED_FROM, window=WATCHED, fdr=_FALSE)
    if not flagged.n_flagged:
        raise DesignError("nobody is flagged")
    names = flagged.customers(bought).to_pandas()["customer"]
    ended = company.table("subscriptions").to_pandas().dropna(subset="exit")
    return Estimate(
        float((names.isin(ended["customer"]) | names.isin(fallen(halden_behind(company)))).mean())
    )


def fallen(halden: Halden) -> list[str]:
    """Return the customers whose rate of buying really falls between the two periods of the watch list.

    Parameters
    ----------
    halden
        The company.
    """
    network, found = halden.network(), []
    first, last = ((day - FIRST).days for day in (WATCHED_FROM[0], WATCHED[1]))
    for block in halden.blocks():
        members = halden.members(network, block)
        changes = np.flatnonzero(members.changes_to < 1)
        day = day_of(members.changes_at[changes])
        numbers = members.number[changes[(day > first) & (day <= last)]]
        found += [f"C{number:07d}" for number in numbers]
    return found


def _defection_row(world: str, outcome: Outcome, why: str, *, naive: bool = False) -> Row:
    stationary = world == "stationary"
    did = {"lapsed": "fell silent", "fell": "bought less"}[outcome]
    read = f"all who {did} read as lost" if naive else f"{did} beyond chance"
    return Row(
        name=f"Loyal, {read} ({world})",
        notebook="03",
        planted="nobody changes" if stationary else "leaving, changed rates and the recession of 2025",
        unit="share of the tier",
        no_effect=0.0,
        world=world,
        kind="naive" if naive else "estimate",
        yardstick=_EXCESS if stationary else None,
        estimate=partial(_defection, outcome=outcome, quantity="observed" if naive else "difference"),
        truth=partial(_true_defection, outcome=outcome),
        # the interval allows for chance in what was observed, which the truth on the same company would share
        target="population",
        why=why,
    )


_STILL = f"Nobody leaves and nobody changes; the bias is measured by {100 * _EXCESS:g} points."
_SINCE_BASE = (
    "The truth counts who changed from the first day of the base year on; who joined in its course bought "
    "for part of the year only, and the method takes them for rarer buyers than they are."
)
_GOOD_YEAR = "Part of those who were loyal last year had merely had a good year."
_OUTCOMES: tuple[Outcome, ...] = ("lapsed", "fell")

#: Defection of the most loyal tier, as it is and as it looks, and how many of the watched really changed.
LOYALTY: tuple[Row, ...] = (
    *(_defection_row("stationary", outcome, _STILL) for outcome in _OUTCOMES),
    *(_defection_row("default", outcome, _SINCE_BASE) for outcome in _OUTCOMES),
    *(
        _defection_row(world, outcome, _GOOD_YEAR, naive=True)
        for world in ("stationary", "default")
        for outcome in _OUTCOMES
    ),
    Row(
        name="Watch list: who is flagged has really changed",
        notebook="03",
        planted="leaving, and rates that really fall",
        unit="share of the flagged",
        no_effect=0.0,
        world="default",
        kind="decision",
        estimate=_right_flags,
        truth=partial(planted, value=1.0),
        why=(
            f"The regret is the share of false alarms; the list promises {100 * _FALSE:g} % of them at most. "
            "A fall with the whole market, or with passing moods, is no change."
        ),
    ),
)

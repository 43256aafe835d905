"""What a point of experience is worth: the very same members with a little more of it, and a little less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.simulate.customers.at_risk import AtRisk
from cemlab.simulate.customers.lives import clocks_of
from cemlab.simulate.halden import Halden
from cemlab.simulate.state import AS_IT_WAS, CAUSES, Lives, Members
from cemlab.simulate.streams import Floats
from cemlab.simulate.timeline import MONTH_DAYS
from cemlab.simulate.worlds import World

_STEPS = (0.5, -0.5)  # half an SD up and half an SD down: a point of one SD around what was
_TEN_THOUSAND = 10_000
_YEAR_DAYS = 365.25
_WILLING = 2  # clocks of leaving by one's own will stand first
_MORE = 0.01  # by which every year's retention is raised


def value_of_a_point(halden: Halden) -> pd.DataFrame:
    """Return what one SD more experience is worth in the same month, with nobody staying longer for it.

    Parameters
    ----------
    halden
        The company.
    """
    network, moved, months = halden.network(), np.zeros((2, 2)), 0.0
    for block in halden.blocks():
        members = halden.members(network, block)
        lives = halden.lives(network, members)
        months += float(lives.months_active().sum())
        for row, step in enumerate(_STEPS):
            bought = halden.purchases(network, members, _felt(lives, step))
            moved[row] += bought.margin.sum() / _TEN_THOUSAND, bought.revenue.sum() / _TEN_THOUSAND
    margin, spend = (moved[0] - moved[1]) / months
    rows = (
        ("margin", float(margin), "EUR a customer and month per SD"),
        ("spend", float(spend), "EUR a customer and month per SD"),
        ("log spend", float(np.log(moved[0, 1] / moved[1, 1])), "log EUR per SD"),
    )
    return pd.DataFrame(rows, columns=["quantity", "truth", "unit"])


def leaving_per_point(halden: Halden) -> pd.DataFrame:
    """Return how the chance to leave within a month moves with one SD of experience in that month.

    Parameters
    ----------
    halden
        The company.
    """
    network, sums, months = halden.network(), np.zeros((2, 2)), 0.0
    for block in halden.blocks():
        members = halden.members(network, block)
        lives = halden.lives(network, members)
        active = lives.months_active()
        months += float(active.sum())
        for row, step in enumerate(_STEPS):
            sums[row] += _leaving(halden.world, members, lives.experience + step, active)
    found = []
    for column, name in enumerate(("willing", "any")):
        up, down = sums[:, column]
        found.append((name, "share", float((up - down) / months), "share of the customers a month per SD"))
        found.append((name, "log share", float(np.log(up / down)) if down else 0.0, "log share per SD"))
    return pd.DataFrame(found, columns=["cause", "quantity", "truth", "unit"])


def _leaving(world: World, members: Members, experience: Floats, active: Floats) -> Floats:
    """Return the leavers expected in all months: by their own will, and for whatever cause."""
    clocks = clocks_of(world, members, experience, AS_IT_WAS)
    hazard = np.array([hand.hazard for hand in clocks])
    chances = (-np.expm1(-hazard[:some].sum(axis=0)) for some in (_WILLING, len(CAUSES) - 1))
    return np.array([(chance * active).sum() for chance in chances])


def _felt(lives: Lives, step: float) -> Lives:
    return replace(lives, experience=lives.experience + step)


def lifetime(watched: AtRisk, *, horizon: int, discount: float) -> pd.DataFrame:
    """Return how long customers stay within a horizon, discounted, and what one per cent of retention adds.

    Parameters
    ----------
    watched
        Customers at risk, by days of contract up to the horizon.
    horizon
        Days of contract.
    discount
        Share a year.
    """
    there = watched.curves()[0, : horizon + 1]
    days = np.arange(horizon + 1)
    worth = (1 + discount) ** (-days / _YEAR_DAYS)
    more = _raised(there, days)
    plain, discounted = _months(there), _months(there * worth)
    rows = (
        ("months", plain, "months as a customer within the horizon"),
        ("discounted months", discounted, "months as a customer, at their worth on the first day"),
        ("elasticity to retention", (_months(more * worth) / discounted - 1) / _MORE, "% per % of retention"),
    )
    return pd.DataFrame(rows, columns=["quantity", "truth", "unit"])


def _raised(there: Floats, days: npt.NDArray[np.int64]) -> Floats:
    """Return the curve with each year's retention one per cent higher; nobody comes back."""
    hazard = np.maximum(-np.diff(np.log(there)) - np.log1p(_MORE) / _YEAR_DAYS, 0)
    raised: Floats = np.exp(-np.concatenate([[0.0], np.cumsum(hazard)]))
    return raised[: len(days)]


def _months(there: Floats) -> float:
    """Return the area under a curve of days, in months."""
    return float(np.trapezoid(there) / MONTH_DAYS)

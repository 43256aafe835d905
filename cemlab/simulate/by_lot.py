"""What would become of those about whom a lot decided: save offers, and fees charged or waived."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.simulate.customers.offers import WINDOW_DAYS
from cemlab.simulate.replay import Replay
from cemlab.simulate.state import RISKS
from cemlab.simulate.streams import Ints

_WILLING = 2  # causes of leaving by one's own will have codes below


def save_offer_outcomes(was: Replay, *, without: Replay, offered: Replay) -> pd.DataFrame:
    """Return what would become of each customer considered for a save offer, without one and with one.

    Parameters
    ----------
    was
        What was done.
    without, offered
        Nobody gets an offer, everybody considered gets one.
    """
    rows = np.flatnonzero(was.considered)
    day = was.considered_day[rows]
    frame = pd.DataFrame(
        {
            "customer": _names(rows),
            "date": day,
            "risk": np.array(RISKS)[was.risk[rows]],
            "offered": was.offered[rows],
        }
    )
    return _with_outcomes(frame, rows, day, without, offered)


def fee_outcomes(was: Replay, *, without: Replay, charged: Replay) -> pd.DataFrame:
    """Return what would become of each customer whose fee fell due, with it waived and with it charged.

    Parameters
    ----------
    was
        What was done.
    without, charged
        Every fee is waived, every fee is charged.
    """
    rows = np.flatnonzero(was.fee_due)
    day = was.fee_day[rows]
    frame = pd.DataFrame(
        {
            "customer": _names(rows),
            "date": day,
            "amount": was.fee_amount[rows].astype(float),
            "charged": was.fee_charged[rows],
        }
    )
    return _with_outcomes(frame, rows, day, without, charged)


def _names(rows: Ints) -> list[str]:
    return [f"C{row + 1:07d}" for row in rows]


def _with_outcomes(frame: pd.DataFrame, rows: Ints, day: Ints, without: Replay, done: Replay) -> pd.DataFrame:
    """Add whether they left by their own will in the window, and their margin over the data, either way."""
    outcomes: dict[str, npt.NDArray[Any]] = {}
    for name, run in (("without", without), ("with", done)):
        soon = run.exit[rows] <= day + WINDOW_DAYS
        outcomes[f"left_{name}"] = (run.cause[rows] < _WILLING) & soon
        outcomes[f"margin_{name}"] = run.by_customer("margin")[rows]
    return frame.assign(**outcomes)

"""What a slope's money is of: a customer or a branch, a month or a week; and what cannot be priced."""

from __future__ import annotations

import re
from typing import Protocol

import pandas as pd

from cemlab.data.panel_columns import period_steps
from cemlab.errors import DesignError
from cemlab.evidence import Check
from cemlab.linkage.linked_panel import LinkedPanel

#: Periods that are no months.
OTHER_PERIODS = frozenset({"hour", "day", "week", "fortnight", "quarter", "year"})
_PLACES = frozenset({"branch", "shop", "store", "site", "outlet", "location", "hotel", "unit"})
_PEOPLE = frozenset(
    {"customer", "member", "client", "guest", "account", "household", "person", "user", "subscriber"}
)
_DAY = 86_400
_LENGTHS = {_DAY: "day", 7 * _DAY: "week", 14 * _DAY: "fortnight"}
_MONTHS = {1: "month", 3: "quarter", 12: "year"}


class Denominated(Protocol):
    """A slope that knows the unit of its outcome and the panel's unit and period."""

    @property
    def outcome_unit(self) -> str:
        """Of the outcome, as it was stated; empty where it was not."""

    @property
    def unit_name(self) -> str:
        """Of whom a row is."""

    @property
    def period(self) -> str:
        """Of what a row is; empty where it is not known."""


def period_of(panel: LinkedPanel) -> str:
    """Return how long a period of a panel is, in a word: by its dates, else by its name; empty if neither."""
    named = _singular(panel.time_name)
    if not isinstance(panel.periods[0], pd.Timestamp):
        return named if named in OTHER_PERIODS | {"month"} else ""
    step = int(period_steps(pd.DatetimeIndex(panel.periods)).min())
    # steps in months are small numbers, those in seconds are a day at least
    return _MONTHS.get(step, _LENGTHS.get(step, ""))


def per_customer_and_month(slope: Denominated) -> Check:
    """Check that a slope is money a customer and month, so that customers and months may multiply it.

    Raises
    ------
    DesignError
        If it is known to be of something else.
    """
    words = {_singular(word) for word in re.findall(r"[^\W\d_]+", slope.outcome_unit)}
    monthly = "month" in words
    others = sorted(words & OTHER_PERIODS) or ([slope.period] if slope.period in OTHER_PERIODS else [])
    places = sorted(words & (_PLACES | {_singular(slope.unit_name)}))
    wrong = [] if monthly else others
    wrong += [] if words & _PEOPLE else places
    if wrong:
        told = repr(slope.outcome_unit) if slope.outcome_unit else f"of rows of a {slope.period}"
        raise DesignError(
            f"the slope is {told}, and customers and months would multiply it: it is of a {wrong[0]}; hand "
            "in a rung whose outcome is money a customer and month (linked_panel(…, outcome_unit=…))"
        )
    sure = monthly and bool(words & _PEOPLE)
    return Check(
        name="unit of the slope",
        null="the slope is money a customer and month",
        passed=True if sure else None,
        detail=f"It is {slope.outcome_unit}." if sure else "Its unit does not say so; it is taken for that.",
        remedy=""
        if sure
        else "State the unit in reading the panel (outcome_unit='EUR a customer and month').",
    )


def _singular(word: str) -> str:
    word = word.lower()
    if word in ("branches", "daily", "weekly", "monthly", "yearly", "annual"):
        return {"branches": "branch", "daily": "day", "annual": "year"}.get(word, word.removesuffix("ly"))
    return word.removesuffix("s")

"""Rates of what customers do, made of a panel's counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from cemlab.errors import ColumnError, DataError, one_of
from cemlab.linkage.naming import in_words


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A rate: the column that is counted, what it is counted against, and how it is told."""

    count: str
    per: str
    label: str
    unit: str
    times: float = 1.0


#: What customers do between an experience and the profit, by the name of the column that holds its rate.
BEHAVIOURS: dict[str, Behaviour] = {
    "left_share": Behaviour(
        count="left", per="customers", label="leaving willingly", unit="% of customers a month", times=100.0
    ),
    "spend_per_customer": Behaviour(
        count="spend", per="customers", label="spending", unit="money a customer and month"
    ),
    "contacts_per_customer": Behaviour(
        count="contacts", per="customers", label="service contacts", unit="contacts a customer and month"
    ),
    "cost_per_customer": Behaviour(
        count="cost_to_serve", per="customers", label="cost to serve", unit="money a customer and month"
    ),
    "referred_per_1000": Behaviour(
        count="referred",
        per="customers",
        label="won by referral",
        unit="new customers a month for 1,000 customers",
        times=1000.0,
    ),
}


def levels_words(unit: str, time: str) -> str:
    """Return what slopes within units and periods compare, as a sentence begins with it.

    Examples
    --------
    >>> levels_words("branch", "month")
    'Within a branch, less what all share in a month,'
    """
    return f"Within a {in_words(unit)}, less what all share in a {in_words(time)},"


def require_rows(panel: Any) -> None:
    """Refuse what is no frame of rows: several outcomes are read from one, each with its own.

    Raises
    ------
    DataError
        If it is a linked panel, which has one outcome, a table of an engine, or anything else.
    """
    if not isinstance(panel, pd.DataFrame):
        raise DataError(
            f"panel: a {type(panel).__name__} is no frame of rows; hand in the pandas.DataFrame that "
            "linked_panel(…) reads, or fetch a table of an engine with .to_pandas()"
        )


def refuse_missing_halves(panel: pd.DataFrame, halves: tuple[str, str] | None) -> None:
    """Refuse halves that are not there, and say how to do without.

    Raises
    ------
    ColumnError
        With the first that is missing.
    """
    for name in halves or ():
        if name not in panel.columns:
            found = one_of(name, map(str, panel.columns), what="column")
            raise ColumnError(
                f"panel, halves: {found}; name the score's two halves, or say halves=None "
                "where there are none"
            )


def with_behaviours(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the panel with the rates of :data:`BEHAVIOURS` that its counts allow.

    Parameters
    ----------
    panel
        With ``customers``, and any of left, spend, contacts, cost_to_serve, referred; without cost_to_serve
        it is margin less profit: what a branch spends beyond the goods it sells. A rate that stands there
        already is kept.

    Returns
    -------
    pandas.DataFrame
        A new frame; a rate is missing where there is no customer.

    Examples
    --------
    >>> import pandas as pd
    >>> with_behaviours(pd.DataFrame({"customers": [50.0, 0.0], "left": [1, 0]}))["left_share"].tolist()
    [2.0, nan]
    """
    made: dict[str, pd.Series[float]] = {}
    if "cost_to_serve" not in panel.columns and {"margin", "profit"} <= set(panel.columns):
        panel = panel.assign(cost_to_serve=panel["margin"].astype(float) - panel["profit"].astype(float))
    for name, rate in BEHAVIOURS.items():
        if name not in panel.columns and {rate.count, rate.per} <= set(panel.columns):
            against = panel[rate.per].astype(float)
            made[name] = rate.times * panel[rate.count].astype(float) / against.where(against > 0)
    frame = panel.assign(**made)
    frame.attrs = dict(panel.attrs)
    return frame

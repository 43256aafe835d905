"""Links and facts of the chain measured in a company's own branches: entries instead of assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.direct import JointResult
from cemlab.business_case.entries import Entry
from cemlab.business_case.fitted import Fitted, fitted_together
from cemlab.business_case.roles import ROLES, Role
from cemlab.errors import ColumnError, DataError, DesignError, one_of
from cemlab.stats.split_slopes import split_slopes

if TYPE_CHECKING:
    from cemlab.data.company import Company

Floats = npt.NDArray[np.float64]

_SOURCE = "branches and months of the company's own books"


def case_panel(company: Company) -> pd.DataFrame:
    """Return what the chain can be measured on: one row a branch and month.

    Parameters
    ----------
    company
        With what :func:`cemlab.data.branch_panel.branch_panel` and
        :func:`cemlab.data.customer_months.customer_months` need.

    Returns
    -------
    pandas.DataFrame
        The columns of both, revenue and margin those of the customers' purchases.
    """
    from cemlab.data.branch_panel import branch_panel
    from cemlab.data.customer_months import customer_months

    panel = branch_panel(company, trained_share=True)
    own = panel.drop(columns=[name for name in ("revenue", "margin") if name in panel.columns])
    both: pd.DataFrame = own.merge(customer_months(company), on=["branch", "month"], how="left")
    # a month in which a branch has no customer is no row of the count
    counts = ["customers", "left", "left_otherwise", "revenue", "margin"]
    both[counts] = both[counts].fillna(0.0)
    both.attrs = panel.attrs
    return both


def slope_entries(panel: pd.DataFrame, *, source: str = _SOURCE, owner: str = "") -> tuple[Fitted, ...]:
    """Measure what goes with a better experience within branches: purchases and leaving, drawn together.

    Branches and months have levels of their own. The score carries error, so each of its halves is an
    instrument of the other; both slopes have one covariance, clustered by branch. What moves a branch's
    experience from month to month is not recorded, so this is an association within branches.

    Parameters
    ----------
    panel
        branch, month, cx_a, cx_b (halves of the score), customers, revenue, left; every branch in every
        month, with customers, purchases and leavers.

    Returns
    -------
    tuple of Fitted
        ``"experience → purchases"`` [log purchases per SD] and ``"experience → leaving for a competitor"``
        [log hazard ratio per SD], which take the place of assumptions of these names: ``ledger.plus(*…)``.

    Raises
    ------
    ColumnError, DesignError
        If a column is missing, or slopes cannot be told.
    """
    wide = _wide(panel, ("cx_a", "cx_b", "customers", "revenue", "left"))
    there = wide["customers"]
    if not ((there > 0).all() and (wide["revenue"] > 0).all() and wide["left"].sum() > 0):
        raise DesignError(
            "a branch has a month without customers or purchases, or nobody leaves; slopes in logs need some"
        )
    rate = wide["left"].sum() / there.sum()
    outcomes = np.stack([np.log(wide["revenue"] / there), wide["left"] / there / rate])
    found = split_slopes(outcomes, first=wide["cx_a"], second=wide["cx_b"])
    return fitted_together(
        [ROLES["experience on purchases"].item, ROLES["experience on leaving"].item],
        units=["log purchases per standard deviation", "log hazard ratio per standard deviation"],
        estimate=found.estimate,
        covariance=found.covariance,
        source=f"{source}; within branches and months, halves of the score as instruments",
        owner=owner,
        grade="association",
    )


def fact_entries(
    panel: pd.DataFrame, *, currency: str, source: str = _SOURCE, owner: str = ""
) -> tuple[Fitted, ...]:
    """Count what customers spend, what of it is margin, and how many customers and people leave.

    Parameters
    ----------
    panel
        branch, month, customers, revenue, margin, left, left_otherwise, turnover; the branches and months
        that the case is about.
    currency
        Of the money.

    Returns
    -------
    tuple of Fitted
        Ratios of sums, drawn together, their covariance clustered by branch.

    Raises
    ------
    ColumnError, DesignError
        If a column is missing, or there is nothing to divide by.
    """
    names = ("customers", "revenue", "margin", "left", "left_otherwise", "turnover")
    for name in ("branch", *names):
        _require(panel, name)
    sums = panel.assign(months=1.0).groupby("branch")[[*names, "months"]].sum()
    ratios: tuple[tuple[Role, str, str, str], ...] = (
        ("spend", "revenue", "customers", f"{currency} a customer and month"),
        ("margin", "margin", "revenue", "share"),
        ("leaving", "left", "customers", "share a month"),
        ("other leaving", "left_otherwise", "customers", "share a month"),
        ("stay", "months", "turnover", "months"),
    )
    estimate, influence = [], []
    for _, above, below, _ in ratios:
        top, bottom = sums[above].to_numpy(dtype=float), sums[below].to_numpy(dtype=float)
        if len(sums) < 2 or not bottom.sum() > 0:
            raise DesignError(
                f"{above} by {below} cannot be told from {len(sums)} branches; look at {below!r}"
            )
        ratio = top.sum() / bottom.sum()
        estimate.append(ratio)
        influence.append((top - ratio * bottom) / bottom.sum())
    spread = np.array(influence)
    n = len(sums)
    return fitted_together(
        [ROLES[role].item for role, _, _, _ in ratios],
        units=[unit for *_, unit in ratios],
        estimate=estimate,
        covariance=spread @ spread.T * n / (n - 1),
        source=source,
        owner=owner,
        grade="descriptive",
    )


def experience_entries(
    effects: JointResult,
    *,
    shares: Mapping[Any, Sequence[float]],
    spans: Mapping[Any, tuple[int, int]],
    half_time: Entry,
    source: str = "",
    owner: str = "",
) -> tuple[Fitted, ...]:
    """Turn changes of the experience by group and time into what training does once it is learnt.

    A branch of which a share is still there and has learnt a part shows that part of the change. What is
    estimated for each group is the sum of its changes over the sum of these parts.

    Parameters
    ----------
    effects
        E.g. the group-time effects on the score: table with group, time, event_time, estimate [SD], and a
        covariance.
    shares
        Group → share of the staff trained in each month of the case from 0 on, mean over its branches.
    spans
        Time → months of the case that it covers, (start, stop) from 0.
    half_time
        The entry that says after how many months half of it is learnt; its most plausible value is taken.

    Returns
    -------
    tuple of Fitted
        One entry a group, ``"training → experience, group …"``, drawn together, for ``Wave(experience=…)``.

    Raises
    ------
    DataError
        If a group has no shares or a time no span.
    DesignError
        If nobody was trained in a group's time, or `half_time` is no entry.
    """
    if not isinstance(half_time, Entry):
        raise DesignError(f"half_time is {half_time!r}; give the entry of the ledger that says it")
    table = effects.table.reset_index(drop=True)
    groups = list(dict.fromkeys(table.loc[table["event_time"] >= 0, "group"]))
    weights = np.zeros((len(groups), len(table)))
    for k, group in enumerate(groups):
        weights[k] = _weights_of(table, group, shares, spans, half_time.middle)
    return fitted_together(
        [f"{ROLES['experience'].item}, group {str(group)[:10]}" for group in groups],
        units="standard deviations",
        estimate=weights @ table["estimate"].to_numpy(dtype=float),
        covariance=weights @ np.asarray(effects.covariance) @ weights.T,
        source=source or effects.evidence.source or effects.evidence.design,
        owner=owner,
        grade=effects.evidence.grade,
    )


def _weights_of(
    table: pd.DataFrame,
    group: Any,
    shares: Mapping[Any, Sequence[float]],
    spans: Mapping[Any, tuple[int, int]],
    half_time: float,
) -> Floats:
    """Return what each row of the table counts in the sum over the months since the training."""
    rows = table.index[(table["group"] == group) & (table["event_time"] >= 0)]
    if group not in shares:
        raise DataError(f"shares says nothing of the group {group}; give its share trained by month")
    share = np.asarray(shares[group], dtype=float)
    begin = min(_span(spans, table.loc[row, "time"], len(share))[0] for row in rows)
    learnt = share * -np.expm1(-np.log(2) / half_time * np.maximum(np.arange(len(share)) - begin, 0))
    weights, dose = np.zeros(len(table)), 0.0
    for row in rows:
        start, stop = _span(spans, table.loc[row, "time"], len(share))
        weights[row] = stop - start
        dose += learnt[start:stop].sum()
    if not dose > 0:
        raise DesignError(
            f"nobody of the group {group} was trained in its months; there is nothing to scale by"
        )
    return np.asarray(weights / dose)


def _span(spans: Mapping[Any, tuple[int, int]], time: Any, months: int) -> tuple[int, int]:
    if time not in spans:
        raise DataError(f"spans says nothing of the time {time}; give its months, (start, stop)")
    start, stop = spans[time]
    if not 0 <= start < stop <= months:
        raise DataError(f"spans: the time {time} covers months {start} to {stop - 1}; shares has {months}")
    return start, stop


def _require(panel: pd.DataFrame, name: str) -> None:
    if name not in panel.columns:
        raise ColumnError(one_of(name, map(str, panel.columns), what="column of the panel"))


def _wide(panel: pd.DataFrame, names: Sequence[str]) -> dict[str, Floats]:
    """Return columns as (branches, months)."""
    for name in ("branch", "month", *names):
        _require(panel, name)
    if panel.duplicated(["branch", "month"]).any():
        raise DataError("panel: a branch stands twice in a month; one row is one branch and month")
    frame = panel.pivot(index="branch", columns="month", values=list(names)).astype(float)
    if frame.isna().any(axis=None):
        raise DesignError("panel: a branch has no figure in some month; take months in which all have one")
    return {name: frame[name].to_numpy() for name in names}

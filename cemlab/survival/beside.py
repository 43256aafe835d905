"""What stands beside the contracts: margin and experience of customers, and what a folder lacks of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from cemlab.errors import DesignError
from cemlab.survival.contracts import spells

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from cemlab.data.company import Company

_MONTH = 365.25 / 12
_LEAST_MONTHS = 3.0
_NEEDS: dict[str, dict[str, tuple[str, ...]]] = {
    "experience": {"branch_month": ("branch", "month", "cx"), "customers": ("branch",)},
    "margin": {"transactions": ("margin",)},
    "onboarding": {"campaigns": ("customer", "kind", "treated")},
}


def parts_possible(company: Company) -> pd.DataFrame:
    """Answer which questions about who leaves a company's tables allow beyond its contracts.

    Parameters
    ----------
    company
        With the table subscriptions.

    Returns
    -------
    pandas.DataFrame
        Indexed by part: "experience" (does it go with leaving?), "margin" (what are customers worth?),
        "onboarding" (a lot among new customers); ``possible`` and what it ``lacks``.

    Examples
    --------
    >>> from cemlab.data.company import Company
    >>> from cemlab.places import bundled
    >>> small = Company.open(bundled("data") / "small")
    >>> parts_possible(small)["lacks"]["onboarding"]
    'the table campaigns'
    """
    lacking = {part: _lacks(company, part) for part in _NEEDS}
    return pd.DataFrame(
        {"possible": [not lacks for lacks in lacking.values()], "lacks": list(lacking.values())},
        index=pd.Index(lacking, name="part"),
    )


def _lacks(company: Company, part: str) -> str:
    for name, columns in _NEEDS[part].items():
        if name not in company.tables:
            return f"the table {name}"
        for column in columns:
            if column not in company.tables[name].columns:
                return f"the column {column} of {name}"
    contracts = company.table("subscriptions")
    if part != "onboarding" and ("duration" in contracts.columns or "entry" not in contracts.columns):
        return "dates of contracts (entry, exit)"
    if part == "onboarding":
        campaigns = company.table("campaigns")
        if not campaigns.filter(campaigns["kind"] == "onboarding").count().execute():
            return "an onboarding among the campaigns"
    if part == "margin" and not _last_year(company).semi_join(contracts, "customer").count().execute():
        return "purchases of those with a contract"
    return ""


def valued_spells(company: Company) -> ir.Table:
    """Return the contract spells with the margin a month that each customer brought in the last year.

    Parameters
    ----------
    company
        With dated subscriptions, and transactions with a margin.

    Returns
    -------
    ibis.expr.types.Table
        As :func:`cemlab.survival.spells`, and ``margin`` [money a month]: the margin of the last 365 days by
        the months of them under contract, at least three, so that one purchase of a newcomer is no habit; 0
        for who bought nothing.

    Raises
    ------
    DesignError
        If the company's tables do not tell what customers bring.
    """
    lacks = _lacks(company, "margin")
    if lacks:
        raise DesignError(f"what customers bring is not known: the folder lacks {lacks}")
    bought = _last_year(company)
    sums = bought.group_by("customer").aggregate(brought=bought["margin"].sum())
    table = spells(company).left_join(sums, "customer").drop("customer_right")
    year = table["duration"].cast("float64").clip(upper=365.0)
    months = (year / _MONTH).clip(lower=_LEAST_MONTHS)
    return table.mutate(margin=table["brought"].cast("float64").fill_null(0.0) / months).drop("brought")


def _last_year(company: Company) -> ir.Table:
    lines = company.table("transactions")
    since = company.as_of - timedelta(days=364)
    return lines.filter(lines["date"].cast("date") >= ibis.literal(since))


def experience_changes(company: Company) -> ir.Table:
    """Return the experience of each customer's branch by quarter, for :func:`cemlab.survival.episodes`.

    Parameters
    ----------
    company
        With branch_month (branch, month, cx) and customers (branch).

    Returns
    -------
    ibis.expr.types.Table
        customer, date (first day of the quarter), cx (mean score of the branch in it [SD]).

    Raises
    ------
    DesignError
        If the company's tables do not tell it.
    """
    lacks = _lacks(company, "experience")
    if lacks:
        raise DesignError(f"the experience of customers is not known: the folder lacks {lacks}")
    months = company.table("branch_month")
    months = months.mutate(date=months["month"].cast("date").truncate("Q").cast("date"))
    quarters = months.group_by(["branch", "date"]).aggregate(cx=months["cx"].mean())
    people = company.table("customers").select("customer", "branch")
    return people.inner_join(quarters, "branch").select("customer", "date", "cx")

"""The panel that links experience to money: books, customers, service and staff by branch and month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.branch_books import branch_books, branch_traits
from cemlab.data.branch_panel import first_trained
from cemlab.data.customer_months import customer_months
from cemlab.data.exact_scores import exact_total, read_scores
from cemlab.data.needed import needed
from cemlab.data.service_months import service_months
from cemlab.data.trained_share import trained_share

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "the panel of experience and money"
_KEY = ["branch", "month"]
# What each part is counted from; a part whose tables or columns are missing is left out and named.
_PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "branches": {"branches": ("branch",)},
    "customers": {
        "customers": ("customer", "branch"),
        "subscriptions": ("customer", "entry", "exit", "cause"),
        "transactions": ("customer", "date", "revenue", "margin"),
    },
    "service": {"contacts": ("employee", "time"), "employees": ("employee", "branch")},
    "training": {
        "training": ("employee", "date"),
        "employees": ("employee", "branch", "hired", "left"),
    },
    "engagement": {"engagement": ("employee", "month", "score"), "employees": ("employee", "branch")},
}


def linked_months(company: Company) -> pd.DataFrame:
    """Return one row a branch and month: experience, money, customers, service and staff, each counted once.

    Only ``branch_month`` must be there. Each other part is added where its tables are there with the columns
    that it needs, and is named in ``attrs["not_there"]`` where not.

    Parameters
    ----------
    company
        With ``branch_month`` (branch, month).

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month:

        - branch; month (its first day); what ``branch_month`` holds: revenue, cost, profit [currency of the
          company], cx, cx_a, cx_b [SD], turnover [share], headcount, and what else is there;
        - of ``branches``: region, format, conformance, and what else is there;
        - of customers: customers (mean over the month's days), left (of their own will: to a competitor or
          for the price), left_otherwise, spend and margin (what the branch's customers bought [currency]);
          spend_per_customer, margin_per_customer and, with profit, profit_per_customer [currency a customer
          and month]; missing where there is no customer;
        - of service: contacts, handle_seconds, resolved, affect and their counts; 0 contacts, and means
          missing, where there was none;
        - of training: staff, trained, trained_share, first_trained (missing for never), since [months]; share
          0 where nobody of a branch was trained;
        - engagement: mean score of the staff that answered.

        ``attrs`` hold currency and source of the company, and not_there.

    Raises
    ------
    DesignError
        If ``branch_month`` is missing, or no row is left.
    ColumnError
        If it lacks branch or month.
    DataError
        If a branch stands twice in a month, or a customer, an employee or a branch twice in its own table.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> books = ibis.memtable({"branch": ["a", "a"], "month": [date(2024, 1, 1), date(2024, 2, 1)],
    ...                        "cx": [0.1, 0.3], "profit": [5.0, 6.0]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small", currency="EUR"),
    ...                 tables={"branch_month": books})
    >>> panel = linked_months(small)
    >>> panel["cx"].tolist(), panel.attrs["not_there"]
    ([0.1, 0.3], ('branches', 'customers', 'service', 'training', 'engagement'))
    """
    panel = branch_books(company, for_what=_WHAT)
    there = {part: _there(company, tables) for part, tables in _PARTS.items()}
    if there["branches"]:
        traits = branch_traits(company, for_what=_WHAT)
        panel = panel.merge(traits, on="branch", how="left", suffixes=("", "_of_branch"))
    if there["customers"]:
        panel = _with_customers(panel, company)
    if there["service"]:
        panel = panel.merge(service_months(company), on=_KEY, how="left", suffixes=("", "_of_service"))
        panel["contacts"] = panel["contacts"].fillna(0).astype("int64")
    if there["training"]:
        panel = panel.merge(trained_share(company), on=_KEY, how="left", suffixes=("", "_of_training"))
    elif _there(company, {"training": ("branch", "date")}):
        panel = _with_first_trained(panel, company)
    if there["engagement"]:
        panel = panel.merge(_engagement(company), on=_KEY, how="left", suffixes=("", "_of_staff"))
    ordered: pd.DataFrame = panel.sort_values(_KEY, ignore_index=True)
    ordered.attrs = {
        "currency": company.info.currency,
        "source": company.info.source,
        "not_there": tuple(part for part, found in there.items() if not found),
    }
    return ordered


def _there(company: Company, tables: dict[str, tuple[str, ...]]) -> bool:
    return all(
        name in company.tables and set(columns) <= set(company.tables[name].columns)
        for name, columns in tables.items()
    )


def _with_customers(panel: pd.DataFrame, company: Company) -> pd.DataFrame:
    """Add customers, leavers and what they bought, in all and a customer."""
    counted = customer_months(company).rename(columns={"revenue": "spend"})
    panel = panel.merge(counted, on=_KEY, how="left", suffixes=("", "_of_customers"))
    there = panel["customers"].where(panel["customers"] > 0)
    for name in ("profit", "margin", "spend"):
        if name in panel:
            panel[f"{name}_per_customer"] = panel[name] / there
    return panel


def _with_first_trained(panel: pd.DataFrame, company: Company) -> pd.DataFrame:
    """Add the month of each branch's first training where persons are not known."""
    import pandas as pd

    first = first_trained(company).to_pandas()
    first["first_trained"] = pd.to_datetime(first["first_trained"])
    return panel.merge(first, on="branch", how="left")


def _engagement(company: Company) -> pd.DataFrame:
    """Return the mean score of the staff that answered, by branch and month."""
    import pandas as pd

    answers = needed(company, "engagement", ("employee", "month", "score"), for_what=_WHAT)
    answers = read_scores(answers, "engagement")
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT).select("employee", "branch")
    rows = answers.select("employee", "month", "score").inner_join(staff.distinct(), "employee")
    rows = rows.filter(rows["branch"].notnull())
    rows = rows.mutate(month=rows["month"].cast("date").truncate("M"))
    counted = rows.group_by("branch", "month").aggregate(
        total=exact_total(rows["score"]), answered=rows.count()
    )
    frame: pd.DataFrame = counted.to_pandas()
    frame["month"] = pd.to_datetime(frame["month"])
    frame["engagement"] = frame["total"] / frame["answered"]
    return frame[[*_KEY, "engagement"]]

"""The panel of branches and months: books, experience and service counted exactly, and when training came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibis import _

from cemlab.data.branch_books import branch_books, branch_traits
from cemlab.data.needed import needed, refuse_twice
from cemlab.data.service_months import service_months
from cemlab.data.trained_share import trained_share as count_trained

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "the panel of branches"


def branch_panel(company: Company, *, service: bool = False, trained_share: bool = False) -> pd.DataFrame:
    """Return one row a branch and month, from tables that each are counted once on the engine.

    Parameters
    ----------
    company
        With ``branch_month`` (branch, month) and ``training`` (date, and branch or employee); ``branches``
        adds region and format, ``employees`` tells the branch of those trained where ``training`` does not.
    service
        Whether to add what :func:`cemlab.data.service_months.service_months` counts in the contacts.
    trained_share
        Whether to add what :func:`cemlab.data.trained_share.trained_share` counts in the staff.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month:

        - branch; month (its first day); first_trained (first day of the month in which the branch's first
          person was trained; missing where nobody was);
        - what ``branch_month`` holds: revenue, cost, profit [currency of the company, as numbers], cx, cx_a,
          cx_b [SD], turnover [share], headcount, and what else is there;
        - of ``branches``: region, format, conformance, and what else is there;
        - with `service`: contacts, trained_contacts, handle_seconds, resolved, affect and their counts; 0
          contacts, and means missing, where there was none;
        - with `trained_share`: staff, trained, trained_share, since.

        ``attrs`` hold ``currency`` and ``source`` of the company.

    Raises
    ------
    DesignError
        If a table is missing, or no row is left.
    ColumnError
        If a column is missing.
    DataError
        If a branch stands twice in a month, or twice among the branches.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> books = ibis.memtable({"branch": ["a", "a"], "month": [date(2024, 1, 1), date(2024, 2, 1)],
    ...                        "cx": [0.1, 0.3]})
    >>> trained = ibis.memtable({"employee": ["e"], "branch": ["a"], "date": [date(2024, 2, 9)]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small", currency="EUR"),
    ...                 tables={"branch_month": books, "training": trained})
    >>> panel = branch_panel(small)
    >>> panel["first_trained"].dt.strftime("%Y-%m-%d").tolist(), panel.attrs["currency"]
    (['2024-02-01', '2024-02-01'], 'EUR')
    """
    import pandas as pd

    panel = branch_books(company, for_what=_WHAT)
    first = first_trained(company).to_pandas()
    first["first_trained"] = pd.to_datetime(first["first_trained"])
    panel = panel.merge(first, on="branch", how="left")
    if "branches" in company.tables:
        panel = panel.merge(
            branch_traits(company, for_what=_WHAT), on="branch", how="left", suffixes=("", "_of_branch")
        )
    if service:
        panel = panel.merge(service_months(company), on=["branch", "month"], how="left")
        for name in ("contacts", "trained_contacts"):
            if name in panel:
                panel[name] = panel[name].fillna(0).astype("int64")
    if trained_share:
        counted = count_trained(company).drop(columns="first_trained")
        panel = panel.merge(counted, on=["branch", "month"], how="left")
    ordered: pd.DataFrame = panel.sort_values(["branch", "month"], ignore_index=True)
    ordered.attrs = {"currency": company.info.currency, "source": company.info.source}
    return ordered


def first_trained(company: Company) -> ir.Table:
    """Return the month in which the first person of each branch was trained, on the engine."""
    training = needed(company, "training", ("date",), for_what=_WHAT)
    if "branch" not in training.columns:
        staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
        needed(company, "training", ("employee",), for_what=_WHAT)
        refuse_twice(staff, "employees", ("employee",))
        training = training.inner_join(staff.select("employee", "branch"), "employee")
    known = training.filter(training["branch"].notnull() & training["date"].notnull())
    return known.group_by("branch").agg(first_trained=_["date"].cast("date").min().truncate("M"))

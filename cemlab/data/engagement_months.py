"""Engagement month by month: of each person, counted with the branch, and as the mean of a branch's staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.branch_books import branch_books
from cemlab.data.exact_scores import exact_total, read_scores
from cemlab.data.needed import needed, refuse_twice

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "engagement by month"


def engagement_months(company: Company) -> pd.DataFrame:
    """Return one row a branch and month: the books of the branch and the mean engagement of its staff.

    Parameters
    ----------
    company
        With ``branch_month`` (branch, month), ``engagement`` (employee, month, score) and ``employees``
        (employee, branch).

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month: branch; month (its first day); engagement (mean score of those who
        answered [SD]; missing where nobody did); answered (persons); and what ``branch_month`` holds: cx,
        cx_a, cx_b [SD], turnover [share of the staff that left], headcount, and what else is there. ``attrs``
        hold currency and source of the company.

    Raises
    ------
    DesignError
        If a table is missing, or no row is left.
    ColumnError
        If a column is missing.
    DataError
        If a branch stands twice in a month, an employee twice, or a person twice in a month, or scores are no
        numbers or beyond an exact sum.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> day = date(2024, 1, 1)
    >>> tables = {
    ...     "branch_month": ibis.memtable({"branch": ["a"], "month": [day], "cx": [0.1]}),
    ...     "employees": ibis.memtable({"employee": ["e", "f"], "branch": ["a", "a"]}),
    ...     "engagement": ibis.memtable({"employee": ["e", "f"], "month": [day] * 2, "score": [0.5, 1.0]})}
    >>> panel = engagement_months(Company(info=CompanyInfo(name="Small", source="Small"), tables=tables))
    >>> panel[["engagement", "answered"]].values.tolist()
    [[0.75, 2.0]]
    """
    import pandas as pd

    books = branch_books(company, for_what=_WHAT)
    answers = _answers(company)
    counted = answers.group_by("branch", "month").aggregate(
        total=exact_total(answers["score"]), answered=answers.count()
    )
    frame: pd.DataFrame = counted.to_pandas()
    frame["month"] = pd.to_datetime(frame["month"])
    frame["engagement"] = frame["total"] / frame["answered"]
    panel = books.merge(
        frame.drop(columns="total"), on=["branch", "month"], how="left", suffixes=("_of_books", "")
    )
    panel["answered"] = panel["answered"].fillna(0).astype("int64")
    return _ordered(panel, ["branch", "month"], company)


def person_months(company: Company) -> pd.DataFrame:
    """Return one row a person and month: branch and engagement.

    Parameters
    ----------
    company
        With ``engagement`` (employee, month, score) and ``employees`` (employee, branch).

    Returns
    -------
    pandas.DataFrame
        Sorted: employee; month (its first day); branch; engagement [SD]. ``attrs`` hold currency and source.

    Raises
    ------
    DesignError, ColumnError, DataError
        As :func:`engagement_months`.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> tables = {
    ...     "employees": ibis.memtable({"employee": ["e"], "branch": ["a"]}),
    ...     "engagement": ibis.memtable({"employee": ["e"], "month": [date(2024, 1, 1)], "score": [0.5]})}
    >>> rows = person_months(Company(info=CompanyInfo(name="Small", source="Small"), tables=tables))
    >>> rows[["employee", "branch", "engagement"]].values.tolist()
    [['e', 'a', 0.5]]
    """
    import pandas as pd

    answers = _answers(company)
    frame: pd.DataFrame = answers.select(
        "employee", "month", "branch", engagement=answers["score"]
    ).to_pandas()
    frame["month"] = pd.to_datetime(frame["month"])
    return _ordered(frame, ["employee", "month"], company)


def _answers(company: Company) -> ir.Table:
    """Return who answered what in which month and branch, each once a month."""
    answers = needed(company, "engagement", ("employee", "month", "score"), for_what=_WHAT)
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    answers = read_scores(answers.filter(answers["month"].notnull()), "engagement")
    answers = answers.mutate(month=answers["month"].cast("date").truncate("M"))
    refuse_twice(answers, "engagement", ("employee", "month"))
    where = staff.filter(staff["branch"].notnull()).select("employee", "branch")
    return answers.select("employee", "month", "score").inner_join(where, "employee")


def _ordered(frame: pd.DataFrame, key: list[str], company: Company) -> pd.DataFrame:
    ordered: pd.DataFrame = frame.sort_values(key, ignore_index=True)
    ordered.attrs = {"currency": company.info.currency, "source": company.info.source}
    return ordered

"""Problem types by branch and period, and what of them was resolved at the first contact, on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import ibis

from cemlab.data.employee_contacts import refuse_contacts_twice
from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

ProblemPeriod = Literal["month", "quarter", "year"]

_WHAT = "problem types"
_UNITS = {"month": "M", "quarter": "Q", "year": "Y"}


def problem_counts(
    company: Company, *, period: ProblemPeriod = "quarter", gap_days: int = 14
) -> pd.DataFrame:
    """Count contacts by branch, period and reason.

    Parameters
    ----------
    company
        With ``contacts`` (customer, employee, time, reason; resolved where there) and ``employees``.
    period
        Calendar months, quarters or years.
    gap_days
        A contact is a first one unless the same customer had one for the same reason so many days before, or
        fewer. Of contacts without a customer it cannot be told.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch (missing for contacts that no person of a known branch served), period (first day)
        and reason: n (contacts), named (of them: those whose customer is known), first (first contacts, of
        those named), known (of them: those of which it is known whether
        they resolved the matter), resolved (those that did). ``attrs``: n_given, n_used (with a reason),
        has_resolved.

    Raises
    ------
    DesignError
        If a table is missing, or no contact has a reason.
    ColumnError
        If a column is missing.
    DataError
        If an employee or a contact stands twice, or reasons are no text.
    OptionError
        For an unknown period or impossible days.

    Examples
    --------
    >>> from datetime import datetime
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> contacts = ibis.memtable({"customer": ["c", "c"], "employee": ["e", "e"], "reason": ["bill", "bill"],
    ...                           "time": [datetime(2024, 1, 9, 8), datetime(2024, 1, 12, 8)],
    ...                           "resolved": [False, True]})
    >>> staff = ibis.memtable({"employee": ["e"], "branch": ["a"]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"contacts": contacts, "employees": staff})
    >>> problem_counts(small)[["n", "first", "resolved"]].values.tolist()
    [[2, 1, 0]]
    """
    import pandas as pd

    if period not in get_args(ProblemPeriod):
        raise OptionError(one_of(period, get_args(ProblemPeriod), what="period"))
    if isinstance(gap_days, bool) or not isinstance(gap_days, int) or gap_days < 0:
        raise OptionError(f"gap_days is {gap_days!r}; allowed: a whole number from 0 on, e.g. 14")
    contacts = needed(company, "contacts", ("customer", "employee", "time", "reason"), for_what=_WHAT)
    kind = contacts["reason"].type()
    if not (kind.is_string() or kind.is_null()):
        raise DataError(f"contacts, column 'reason': texts are needed, not {kind}")
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    refuse_contacts_twice(contacts)
    given = int(contacts.count().to_pyarrow().as_py())
    has = "resolved" in contacts.columns
    lines = contacts.select(
        "customer", "employee", "time", reason=contacts["reason"].cast("string"),
        resolved=contacts["resolved"].cast("boolean") if has else ibis.null("boolean"),
    )  # fmt: skip
    lines = lines.filter(lines["reason"].notnull() & lines["time"].notnull())
    window = ibis.window(group_by=["customer", "reason"], order_by="time")
    seconds = lines["time"].epoch_seconds()
    since = seconds - seconds.lag().over(window)
    first = since.isnull() | (since > gap_days * 86_400)
    # contacts of nobody known are no contacts of one and the same
    lines = lines.mutate(first=lines["customer"].notnull() & first)
    lines = lines.left_join(staff.select("employee", "branch"), "employee")
    lines = lines.mutate(period=lines["time"].cast("date").truncate(_UNITS[period]))
    known = lines["first"] & lines["resolved"].notnull()
    counted = lines.group_by("branch", "period", "reason").aggregate(
        n=lines.count(), named=count_where(lines["customer"].notnull()), first=count_where(lines["first"]),
        known=count_where(known), resolved=count_where(known & lines["resolved"]),
    ).to_pandas()  # fmt: skip
    if counted.empty:
        raise DesignError(f"{company.info.name}: no contact has a reason; problem types cannot be counted")
    counted["period"] = pd.to_datetime(counted["period"])
    found: pd.DataFrame = counted.sort_values(["branch", "period", "reason"], ignore_index=True)
    found.attrs = {"n_given": given, "n_used": int(found["n"].sum()), "has_resolved": has}
    return found

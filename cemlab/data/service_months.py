"""Service by branch and month: contacts, handling time, what was resolved, counted on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DesignError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "service by branch and month"
# Numbers are added up as exact decimals: a sum of floating numbers would depend on the count of threads.
_EXACT = "decimal(38, 4)"


def service_months(company: Company) -> pd.DataFrame:
    """Count the service contacts of each branch and month; a contact belongs to the branch of who served.

    Parameters
    ----------
    company
        With ``contacts`` (employee, time; handle_seconds, wait_seconds, resolved and mean_affect where
        there), ``employees`` (employee, branch), and ``training`` where it is there.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month; a branch-month without contacts has no row:

        - branch; month (its first day); contacts;
        - trained_contacts: those served by somebody trained on an earlier day (with ``training``);
        - handle_n, handle_sum [seconds], handle_seconds: contacts with a handling time, its sum and mean;
        - wait_n, wait_sum, wait_seconds: the same of waiting, which training has no hand in;
        - resolved_n, resolved_sum, resolved: contacts of which is known whether that one contact resolved
          the matter, those that did, and their share: resolved at first contact;
        - affect_n, affect_sum, affect: contacts with a mean feeling, its sum and mean [SD].

        ``attrs`` hold ``n_given`` (contacts in the table) and ``n_used`` (those served by a person whose
        branch is known; a robot's belong to no branch).

    Raises
    ------
    DesignError
        If a table is missing, or no contact was served by a person whose branch is known.
    ColumnError
        If a column is missing.
    DataError
        If an employee stands twice.

    Examples
    --------
    >>> import ibis
    >>> from datetime import datetime
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> contacts = ibis.memtable({"employee": ["e", "e"], "time": [datetime(2024, 1, 9, 8)] * 2,
    ...                           "handle_seconds": [100.0, 300.0], "resolved": [True, False]})
    >>> staff = ibis.memtable({"employee": ["e"], "branch": ["a"]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"contacts": contacts, "employees": staff})
    >>> service_months(small)[["branch", "contacts", "handle_seconds", "resolved"]].values.tolist()
    [['a', 2, 200.0, 0.5]]
    """
    import pandas as pd

    lines, given = served_contacts(company)
    counted = lines.group_by("branch", "month").aggregate(contacts=lines.count(), **_sums(lines)).to_pandas()
    if counted.empty:
        raise DesignError(
            f"{company.info.name}: no contact was served by an employee whose branch is known; service "
            "cannot be counted by branch"
        )
    counted["month"] = pd.to_datetime(counted["month"])
    for n, total, mean in (
        ("handle_n", "handle_sum", "handle_seconds"),
        ("wait_n", "wait_sum", "wait_seconds"),
        ("resolved_n", "resolved_sum", "resolved"),
        ("affect_n", "affect_sum", "affect"),
    ):
        if n in counted:
            counted[total] = counted[total].astype(float)
            counted[mean] = counted[total] / counted[n].where(counted[n] > 0)
    ordered: pd.DataFrame = counted.sort_values(["branch", "month"], ignore_index=True)
    ordered.attrs = {"n_given": given, "n_used": int(ordered["contacts"].sum())}
    return ordered


def served_contacts(company: Company) -> tuple[ir.Table, int]:
    """Return the contacts that a person of a known branch served, and how many contacts there are in all.

    One row a contact: employee, branch, day, month, and where they are known trained_day (day of the first
    training of who served; missing for those never trained), handle and wait [seconds, exact], resolved,
    affect [SD, exact].
    """
    contacts = needed(company, "contacts", ("employee", "time"), for_what=_WHAT)
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    given = int(contacts.count().to_pyarrow().as_py())
    picked = {"employee": contacts["employee"], "day": contacts["time"].cast("date")}
    for name in ("handle", "wait"):
        if f"{name}_seconds" in contacts.columns:
            picked[name] = contacts[f"{name}_seconds"].cast(_EXACT)
    if "resolved" in contacts.columns:
        picked["resolved"] = contacts["resolved"].cast("boolean")
    if "mean_affect" in contacts.columns:
        picked["affect"] = contacts["mean_affect"].cast(_EXACT)
    known = staff.filter(staff["branch"].notnull()).select("employee", "branch")
    lines = contacts.select(**picked).inner_join(known, "employee")
    lines = lines.filter(lines["day"].notnull())
    lines = lines.mutate(month=lines["day"].truncate("M"))
    if "training" in company.tables:
        lines = lines.left_join(trained_days(company), "employee").drop("employee_right")
    return lines, given


def trained_days(company: Company) -> ir.Table:
    """Return the day on which each person trained was trained first: employee, trained_day."""
    training = needed(company, "training", ("employee", "date"), for_what=_WHAT)
    known = training.filter(training["employee"].notnull() & training["date"].notnull())
    return known.group_by("employee").aggregate(trained_day=known["date"].cast("date").min())


def _sums(lines: ir.Table) -> dict[str, ir.Value]:
    sums: dict[str, ir.Value] = {}
    if "trained_day" in lines.columns:
        sums["trained_contacts"] = count_where(lines["trained_day"] < lines["day"])
    for name in ("handle", "wait"):
        if name in lines.columns:
            sums |= {f"{name}_n": lines[name].count(), f"{name}_sum": lines[name].sum()}
    if "resolved" in lines.columns:
        sums |= {"resolved_n": lines["resolved"].count(), "resolved_sum": count_where(lines["resolved"])}
    if "affect" in lines.columns:
        sums |= {"affect_n": lines["affect"].count(), "affect_sum": lines["affect"].sum()}
    return sums

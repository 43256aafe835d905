"""How much of a branch's staff has been trained, month by month: what training leaves behind as people go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.service_months import trained_days
from cemlab.data.spell_columns import count_where
from cemlab.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "the share of the staff trained"


def trained_share(company: Company) -> pd.DataFrame:
    """Count who of each branch's staff has been trained, in every month of the panel.

    Those employed on the first day of a month are the staff of that month; trained are those of them whose
    training lies before the month's end. So the share falls as trained people leave and others come.

    Parameters
    ----------
    company
        With ``employees`` (employee, branch, hired, left), ``training`` (employee, date) and ``branch_month``
        (month), whose months are counted.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch and month: branch; month (its first day); staff; trained; trained_share (trained /
        staff); first_trained (month in which the branch's first person was trained; missing for never); since
        [months from then to this month, negative before; missing for never].

    Raises
    ------
    DesignError
        If a table is missing, or nobody was employed in any month.
    ColumnError
        If a column is missing.
    DataError
        If an employee stands twice.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> staff = ibis.memtable({"employee": ["e", "f"], "branch": ["a", "a"], "hired": [date(2020, 1, 1)] * 2,
    ...                        "left": [date(2024, 2, 9), None]})
    >>> trained = ibis.memtable({"employee": ["e"], "date": [date(2024, 1, 9)]})
    >>> months = ibis.memtable({"month": [date(2024, m, 1) for m in (1, 2, 3)]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"employees": staff, "training": trained, "branch_month": months})
    >>> trained_share(small)[["staff", "trained", "trained_share", "since"]].values.tolist()
    [[2.0, 1.0, 0.5, 0.0], [2.0, 1.0, 0.5, 1.0], [1.0, 0.0, 0.0, 2.0]]
    """
    import pandas as pd

    staff = needed(company, "employees", ("employee", "branch", "hired", "left"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    needed(company, "training", ("employee", "date"), for_what=_WHAT)
    books = needed(company, "branch_month", ("month",), for_what=_WHAT)
    months = books.select(month=books["month"].cast("date").truncate("M")).distinct()
    known = staff.filter(staff["branch"].notnull() & staff["hired"].notnull())
    people = known.select("employee", "branch", "hired", "left").left_join(trained_days(company), "employee")
    people = people.drop("employee_right")
    there = people.cross_join(months.filter(months["month"].notnull()))
    there = there.filter(
        (there["hired"] <= there["month"]) & (there["left"].isnull() | (there["left"] >= there["month"]))
    )
    done = there["trained_day"].truncate("M") <= there["month"]
    counted = there.group_by("branch", "month").aggregate(staff=there.count(), trained=count_where(done))
    frame = counted.to_pandas()
    if frame.empty:
        raise DesignError(f"{company.info.name}: nobody was employed on the first day of any month")
    first = people.filter(people["trained_day"].notnull())
    began = first.group_by("branch").aggregate(first_trained=first["trained_day"].min().truncate("M"))
    frame = frame.merge(began.to_pandas(), on="branch", how="left")
    for name in ("month", "first_trained"):
        frame[name] = pd.to_datetime(frame[name])
    frame["trained_share"] = frame["trained"] / frame["staff"]
    frame["since"] = _month_number(frame["month"]) - _month_number(frame["first_trained"])
    columns = ["branch", "month", "staff", "trained", "trained_share", "first_trained", "since"]
    ordered: pd.DataFrame = frame[columns].sort_values(["branch", "month"], ignore_index=True)
    return ordered


def _month_number(days: pd.Series[Any]) -> pd.Series[Any]:
    number: pd.Series[Any] = 12 * days.dt.year + days.dt.month
    return number

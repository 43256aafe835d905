"""How long those trained stayed: counted on the engine by length and whether they left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import ibis

from cemlab.data.lines import days_between
from cemlab.data.needed import needed, refuse_twice
from cemlab.data.service_months import trained_days
from cemlab.data.spell_columns import count_where
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

#: By what those trained may be told apart.
StayGroup = Literal["wave", "role", "branch"]

_WHAT = "how long those trained stay"


def trained_stays(company: Company, *, by: StayGroup | None = None) -> pd.DataFrame:
    """Count those trained by how long they stayed after their first training.

    Parameters
    ----------
    company
        With ``training`` (employee, date) and ``employees`` (employee, left).
    by
        Tell them apart by the ``"wave"`` of their training, or by their ``"role"`` or ``"branch"`` among the
        employees.

    Returns
    -------
    pandas.DataFrame
        group (where asked for), days (from the training to the last day, or to the last day observed of the
        company), event (whether they left), n (persons). ``attrs`` hold ``n_given``: persons trained.

    Raises
    ------
    DesignError
        If a table is missing, or nobody trained stands among the employees.
    ColumnError
        If a column is missing.
    DataError
        If an employee stands twice, or somebody was trained after leaving.
    OptionError
        If there is no such grouping.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> staff = ibis.memtable({"employee": ["e", "f"], "left": [date(2024, 1, 19), None]})
    >>> trained = ibis.memtable({"employee": ["e", "f"], "date": [date(2024, 1, 9)] * 2})
    >>> info = CompanyInfo(name="Small", source="Small", as_of=date(2024, 1, 31))
    >>> trained_stays(Company(info=info, tables={"employees": staff, "training": trained})).values.tolist()
    [[10, True, 1], [22, False, 1]]
    """
    if by is not None and by not in get_args(StayGroup):
        raise OptionError(one_of(by, get_args(StayGroup), what="grouping of those trained"))
    staff = needed(company, "employees", ("employee", "left"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    training = needed(company, "training", ("employee", "date"), for_what=_WHAT)
    first = trained_days(company)
    given = int(first.count().to_pyarrow().as_py())
    keep = {"employee": staff["employee"], "left": staff["left"].cast("date")}
    if by in ("role", "branch"):
        if by not in staff.columns:
            raise ColumnError(f"employees, for {_WHAT}: {one_of(by, staff.columns, what='column')}")
        keep["group"] = staff[by]
    if by == "wave":
        if by not in training.columns:
            raise ColumnError(f"training, for {_WHAT}: {one_of(by, training.columns, what='column')}")
        first = first.inner_join(
            training.group_by("employee").aggregate(group=training["wave"].min()), "employee"
        )
    people = first.inner_join(staff.select(**keep), "employee")
    last = ibis.literal(company.as_of)
    gone = people["left"].notnull() & (people["left"] <= last)
    end = ibis.ifelse(gone, people["left"], last)
    people = people.mutate(event=gone, days=days_between(people["trained_day"], end))
    people = people.filter(people["trained_day"] <= last)
    wrong = people.aggregate(n=count_where(people["days"] < 0)).to_pyarrow()["n"][0].as_py()
    if wrong:
        raise DataError(f"training: {wrong:,} persons were trained after their last day; correct either date")
    keys = [*(["group"] if by else []), "days", "event"]
    counted = people.group_by(keys).aggregate(n=people.count()).to_pandas()
    if counted.empty:
        raise DesignError(f"{company.info.name}: nobody of those trained stands among the employees")
    ordered: pd.DataFrame = counted.sort_values(keys, ignore_index=True)
    ordered.attrs = {"n_given": given}
    return ordered

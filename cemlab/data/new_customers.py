"""New customers by branch and month of joining, and how many of them others had recruited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "new customers by branch and month"


def new_customers(company: Company, *, referral: str = "referral") -> pd.DataFrame:
    """Count who joined each branch in each month of the books, and who of them was recruited by customers.

    Parameters
    ----------
    company
        With ``customers`` (customer, branch, joined, acquisition_channel) and ``branch_month`` (branch,
        month), whose rows count.
    referral
        The value of acquisition_channel that says so.

    Returns
    -------
    pandas.DataFrame
        One row a branch and month of the books, sorted: branch; month (its first day); joined; referred (0
        where nobody was). ``attrs`` hold ``n_unknown``: customers without branch, day of joining or channel,
        who are not counted.

    Raises
    ------
    DesignError
        If a table is missing, or no customer came by that channel.
    ColumnError
        If a column is missing.
    DataError
        If a customer stands twice.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> people = ibis.memtable({"customer": ["c", "d"], "branch": ["a", "a"],
    ...                         "joined": [date(2024, 1, 9), date(2024, 1, 30)],
    ...                         "acquisition_channel": ["referral", "website"]})
    >>> books = ibis.memtable({"branch": ["a", "a"], "month": [date(2024, 1, 1), date(2024, 2, 1)]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"customers": people, "branch_month": books})
    >>> new_customers(small)[["joined", "referred"]].values.tolist()
    [[2, 1], [0, 0]]
    """
    import pandas as pd

    people = needed(
        company, "customers", ("customer", "branch", "joined", "acquisition_channel"), for_what=_WHAT
    )
    refuse_twice(people, "customers", ("customer",))
    books = needed(company, "branch_month", ("branch", "month"), for_what=_WHAT)
    known = people.filter(
        people["branch"].notnull() & people["joined"].notnull() & people["acquisition_channel"].notnull()
    )
    came = known.mutate(month=known["joined"].cast("date").truncate("M"))
    counted = came.group_by("branch", "month").aggregate(
        joined=came.count(), referred=count_where(came["acquisition_channel"] == referral)
    )
    frame: pd.DataFrame = counted.to_pandas()
    if not frame["referred"].sum():
        raise DesignError(
            f"{company.info.name}, customers: nobody's acquisition_channel is {referral!r}; name the "
            "value that stands for a recruited customer with referral=…"
        )
    rows = books.select("branch", month=books["month"].cast("date").truncate("M")).distinct().to_pandas()
    for table in (rows, frame):
        table["month"] = pd.to_datetime(table["month"])
    both = rows.merge(frame, on=["branch", "month"], how="left").fillna({"joined": 0, "referred": 0})
    both = both.astype({"joined": "int64", "referred": "int64"})
    ordered: pd.DataFrame = both.sort_values(["branch", "month"], ignore_index=True)
    given = int(people.count().to_pyarrow().as_py())
    ordered.attrs = {"n_unknown": given - int(known.count().to_pyarrow().as_py())}
    return ordered

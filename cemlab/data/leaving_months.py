"""Who could have left in a month and who did, by the engagement read before; and how long staff stays."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np

from cemlab.data.exact_scores import exact_total, read_scores
from cemlab.data.lines import days_between
from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import one_row
from cemlab.data.spells import spell_counts
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "people leaving"
#: Classes of engagement a standard deviation wide holds: narrow enough that their means stand for the rows.
_CLASSES = 10


def leaving_months(company: Company, *, months_before: int = 0) -> pd.DataFrame:
    """Count person-months by month, role and class of the engagement read before, and who left in them.

    A person is at risk in a month if employed on its first day; whoever leaves within the month left. The
    reading counted is of the first of that month, or of a month earlier, so that nobody's leaving can
    have moved it, and nobody is counted as staying in months that made the reading possible.

    Parameters
    ----------
    company
        With ``engagement`` (employee, month, score) and ``employees`` (employee, hired, left; role if there).
    months_before
        Whole months from the reading to the month in which people may leave; 0 where engagement is read on
        the first of the month.

    Returns
    -------
    pandas.DataFrame
        Sorted by role, month and score: role ("all" where none is known); month; score (mean of a class a
        tenth of a standard deviation wide); n (person-months); left (of them, who left in the month). Only
        months that ended by the company's last day. ``attrs`` hold source, and of the whole staff in these
        months, read or not, ``staff_months`` (person-months) and ``staff_left`` (of them, who left).

    Raises
    ------
    DesignError
        If a table is missing, or no person-month is left.
    ColumnError, DataError, OptionError
        If a column is missing, an employee or a reading stands twice, or `months_before` is no whole number.

    Examples
    --------
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> staff = ibis.memtable({"employee": ["e", "f"], "hired": [date(2023, 5, 1)] * 2,
    ...                        "left": [date(2024, 1, 19), None]})
    >>> read = ibis.memtable({"employee": ["e", "f"], "month": [date(2024, 1, 1)] * 2, "score": [-1.0, 1.0]})
    >>> info = CompanyInfo(name="Small", source="Small", as_of=date(2024, 1, 31))
    >>> cells = leaving_months(Company(info=info, tables={"employees": staff, "engagement": read}))
    >>> cells[["score", "n", "left"]].values.tolist()
    [[-1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    import pandas as pd

    if isinstance(months_before, bool) or not isinstance(months_before, int) or not 0 <= months_before <= 12:
        raise OptionError(f"months_before is {months_before!r}; allowed: a whole number from 0 to 12")
    read = needed(company, "engagement", ("employee", "month", "score"), for_what=_WHAT)
    read = read_scores(read.filter(read["month"].notnull()), "engagement")
    read = read.mutate(month=read["month"].cast("date").truncate("M"))
    refuse_twice(read, "engagement", ("employee", "month"))
    rows = read.select("employee", "month", "score").inner_join(_staff(company), "employee")
    first = rows["month"] + ibis.interval(months=months_before)
    rows = _at_risk(rows.mutate(month=first.cast("date")), company)
    width = _width(rows)
    rows = rows.mutate(bin=(rows["score"] / width).floor().cast("int64"))
    cells: pd.DataFrame = (
        rows.group_by("role", "month", "bin")
        .aggregate(n=rows.count(), left=rows["gone"].sum(), total=exact_total(rows["score"]))
        .to_pandas()
    )
    if cells.empty:
        raise DesignError(f"{company.info.name}: no person has a reading before a month that has ended")
    means = cells.groupby("bin")[["total", "n"]].sum()
    cells["score"] = cells["bin"].map(means["total"] / means["n"])
    cells["month"] = pd.to_datetime(cells["month"])
    ordered = cells.sort_values(["role", "month", "score"], ignore_index=True)
    ordered = ordered[["role", "month", "score", "n", "left"]].astype({"n": "int64", "left": "int64"})
    everybody = _at_risk(_staff(company).cross_join(rows.select("month").distinct()), company)
    staff = one_row(everybody.aggregate(n=everybody.count(), left=everybody["gone"].sum()))
    ordered.attrs = {
        "source": company.info.source,
        "staff_months": int(staff["n"]),
        "staff_left": int(staff["left"]),
    }
    return ordered


def staff_spells(
    company: Company, *, by: str | None = None, observed_from: date | None = None
) -> pd.DataFrame:
    """Count employees by length of stay when observation began, length of stay at the end, and the end.

    Parameters
    ----------
    company
        With ``employees`` (employee, hired, left).
    by
        A column of ``employees`` whose values are kept apart, e.g. ``"role"``.
    observed_from
        First day on which leaving would have been seen; the first month of ``engagement`` where None.

    Returns
    -------
    pandas.DataFrame
        As :func:`cemlab.data.spells.spell_counts`: group, entry and duration [days], event, n.

    Raises
    ------
    DesignError
        If a table is missing, or nobody was there.
    ColumnError, DataError
        If a column is missing, an employee stands twice, or left before being hired.
    """
    table = needed(company, "employees", ("employee", "hired", "left"), for_what=_WHAT)
    if by is not None and by not in table.columns:
        raise ColumnError(f"employees, for {_WHAT}: {one_of(by, table.columns, what='column')}")
    refuse_twice(table, "employees", ("employee",))
    start = _first_month(company) if observed_from is None else observed_from
    hired, left = table["hired"].cast("date"), table["left"].cast("date")
    last = ibis.literal(company.as_of)
    table = table.mutate(hired=hired, event=left.notnull() & (left <= last), gone=left)
    wrong = one_row(table.aggregate(n=(table["gone"] < table["hired"]).ifelse(1, 0).sum()))["n"]
    if wrong:
        raise DataError(f"employees: {wrong:,} left before they were hired; correct either date")
    end = ibis.ifelse(table["event"], table["gone"], last)
    seen = ibis.literal(start)
    table = table.filter((table["hired"] <= last) & ((table["hired"] >= seen) | (end > seen)))
    end = ibis.ifelse(table["event"], table["gone"], last)
    rows = table.mutate(
        days=days_between(table["hired"], end), before=ibis.greatest(days_between(table["hired"], seen), 0)
    )
    if one_row(rows.aggregate(n=rows.count()))["n"] == 0:
        raise DesignError(
            f"{company.info.name}, employees: nobody was there between {start} and {company.as_of}"
        )
    return spell_counts(rows, duration="days", event="event", entry="before", group=by)


def _staff(company: Company) -> ir.Table:
    staff = needed(company, "employees", ("employee", "hired", "left"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    role: Any = staff["role"] if "role" in staff.columns else ibis.literal("all")
    return staff.select(
        "employee",
        hired=staff["hired"].cast("date"),
        left=staff["left"].cast("date"),
        role=role.fill_null("unknown"),
    )


def _at_risk(rows: ir.Table, company: Company) -> ir.Table:
    """Return rows of those there on the first day of a month that has ended, and whether they left in it."""
    after = (rows["month"] + ibis.interval(months=1)).cast("date")
    there = (rows["hired"] <= rows["month"]) & (rows["left"].isnull() | (rows["left"] >= rows["month"]))
    whole = after <= ibis.literal(company.as_of) + ibis.interval(days=1)
    gone = (rows["left"].notnull() & (rows["left"] < after)).ifelse(1, 0)
    return rows.mutate(gone=gone).filter(there & whole)


def _width(rows: ir.Table) -> float:
    """Return the width of a class of readings."""
    found = rows["score"].std().to_pyarrow().as_py()
    sd = float("nan") if found is None else float(found)
    return sd / _CLASSES if np.isfinite(sd) and sd > 0 else 1.0


def _first_month(company: Company) -> date:
    read = needed(company, "engagement", ("month",), for_what=_WHAT)
    first = read["month"].cast("date").min().to_pyarrow().as_py()
    if first is None:
        raise DesignError(f"{company.info.name}, engagement: no reading has a month; name observed_from")
    return date(first.year, first.month, 1)

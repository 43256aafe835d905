"""What customers say of the value they get, by branch and month, counted on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.spell_columns import count_where
from cemlab.errors import DesignError, OptionError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "what customers say by branch and month"
_QUESTIONS = ("nps", "csat", "ces", "value_for_money")
# Answers are added up as exact decimals: a sum of floating numbers would depend on the count of threads.
_EXACT = "decimal(38, 6)"


def perceived_value(company: Company, *, window: int = 1) -> pd.DataFrame:
    """Count what the customers of each branch answered in each month of the books.

    Parameters
    ----------
    company
        With ``surveys`` (customer, date, responded and any of nps, csat, ces, value_for_money), ``customers``
        (customer, branch) and ``branch_month`` (branch, month), whose rows count.
    window
        Over how many months of the branch's books, up to and with the row's own, answers are put together;
        more than one where branches have few answers a month.

    Returns
    -------
    pandas.DataFrame
        One row a branch and month of the books, sorted: branch; month (its first day); sent; answered; for
        each question asked its count of answers (nps_n …) and nps (share of promoters less share of
        detractors, in points), csat [1 to 5], ces [1 to 7], value_for_money [1 to 10] as means; missing
        without an answer.

    Raises
    ------
    DesignError
        If a table is missing, or no question is asked.
    ColumnError
        If a column is missing.
    DataError
        If a customer stands twice among the customers.
    OptionError
        If `window` is no whole number from 1 on.

    Examples
    --------
    >>> import ibis
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> sent = ibis.memtable({"customer": ["c", "d", "d"], "date": [date(2024, 1, 9)] * 3,
    ...                       "responded": [True, True, False], "nps": [10, 7, None]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"), tables={
    ...     "surveys": sent, "customers": ibis.memtable({"customer": ["c", "d"], "branch": ["a", "a"]}),
    ...     "branch_month": ibis.memtable({"branch": ["a"], "month": [date(2024, 1, 1)]})})
    >>> perceived_value(small)[["sent", "answered", "nps_n", "nps"]].values.tolist()
    [[3.0, 2.0, 2.0, 50.0]]
    """
    import pandas as pd

    if isinstance(window, bool) or not isinstance(window, int) or window < 1:
        raise OptionError(f"window is {window!r}; allowed: a whole number of months from 1 on")
    sent = needed(company, "surveys", ("customer", "date", "responded"), for_what=_WHAT)
    asked = [name for name in _QUESTIONS if name in sent.columns]
    if not asked:
        raise DesignError(f"{company.info.name}, surveys: none of {', '.join(_QUESTIONS)} is asked")
    homes = needed(company, "customers", ("customer", "branch"), for_what=_WHAT)
    refuse_twice(homes, "customers", ("customer",))
    books = needed(company, "branch_month", ("branch", "month"), for_what=_WHAT)
    lines = sent.select("customer", "date", "responded", *asked).inner_join(
        homes.filter(homes["branch"].notnull()).select("customer", "branch"), "customer"
    )
    lines = lines.filter(lines["date"].notnull())
    lines = lines.mutate(month=lines["date"].cast("date").truncate("M"))
    counted = lines.group_by("branch", "month").aggregate(**_sums(lines, asked)).to_pandas()
    rows = books.select("branch", month=books["month"].cast("date").truncate("M")).distinct().to_pandas()
    for table in (rows, counted):
        table["month"] = pd.to_datetime(table["month"])
    frame = rows.merge(counted, on=["branch", "month"], how="left")
    frame = frame.sort_values(["branch", "month"], ignore_index=True)
    sums = [name for name in counted.columns if name not in ("branch", "month")]
    frame[sums] = frame[sums].astype(float).fillna(0.0)
    if window > 1:
        moved = frame.groupby("branch", sort=False)[sums].rolling(window, min_periods=1).sum()
        # exact again: a running sum carries the rounding of what has left it
        frame[sums] = moved.reset_index(level=0, drop=True).round(6)
    for name in asked:
        n = frame[f"{name}_n"]
        times = 100.0 if name == "nps" else 1.0
        frame[name] = times * frame[f"{name}_sum"] / n.where(n > 0)
    told: pd.DataFrame = frame.drop(columns=[f"{name}_sum" for name in asked])
    return told


def _sums(lines: ir.Table, asked: list[str]) -> dict[str, Any]:
    """Return counts and sums of the answers; of nps promoters less detractors."""
    came = lines["responded"].cast("boolean").fill_null(False)
    found: dict[str, Any] = {"sent": lines.count(), "answered": count_where(came)}
    for name in asked:
        value = lines[name]
        found[f"{name}_n"] = count_where(came & value.notnull())
        if name == "nps":
            found["nps_sum"] = count_where(came & (value >= 9)) - count_where(came & (value <= 6))
        else:
            found[f"{name}_sum"] = value.cast(_EXACT).sum(where=came).cast("float64")
    return found

"""Who was watched through each month of tenure, and who left in it: late entry, counted on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cemlab.data.needed import needed
from cemlab.data.person_periods import PersonPeriods, count_person_periods
from cemlab.data.spell_roles import spell_roles
from cemlab.data.spells import dated_spells
from cemlab.errors import DesignError

if TYPE_CHECKING:
    from cemlab.data.company import Company

_WHAT = "the months of tenure"
_DAYS = 365.25 / 12
_MOST = 400


def tenure_counts(company: Company, *, months: int | None = None) -> PersonPeriods:
    """Count contract spells by month of tenure: watched, and left for whatever reason.

    Parameters
    ----------
    company
        With ``subscriptions`` (entry, exit, cause; or duration in months and cause). Late entry is taken from
        its column observed_after or, where spells have dates, from the customers' observed_from.
    months
        How many months of tenure; without it, as many as the longest spell has whole ones, at most 400.

    Returns
    -------
    PersonPeriods
        One pattern (all), a period for each month of tenure. A month is a twelfth of 365.25 days.

    Raises
    ------
    DesignError
        If there is no table, or no spell lasts a month.
    ColumnError, DataError
        For missing columns and impossible spells.

    Examples
    --------
    >>> from datetime import date
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> spells = ibis.memtable({"customer": ["c", "d"], "entry": [date(2024, 1, 1)] * 2,
    ...                         "exit": [date(2024, 2, 11), None], "cause": ["price", "none"]})
    >>> info = CompanyInfo(name="Small", source="Small", as_of=date(2024, 4, 5))
    >>> small = Company(info=info, tables={"subscriptions": spells})
    >>> counted = tenure_counts(small)
    >>> counted.at_risk.tolist(), counted.events.tolist()
    ([[2, 2, 1]], [[0, 1, 0]])
    """
    table = needed(company, "subscriptions", ("cause",), for_what=_WHAT)
    if "duration" in table.columns:
        late = table["observed_after"].fill_null(0) if "observed_after" in table.columns else ibis.literal(0)
        spells, length = table.mutate(observed_after=late, left=table["cause"] != "none"), 1.0
    else:
        if "customers" in company.tables and "observed_from" in company.tables["customers"].columns:
            people = company.tables["customers"].select("customer", "observed_from")
            table = table.left_join(people, "customer").drop("customer_right")
        spells, length = dated_spells(table, as_of=company.as_of), _DAYS
    roles = spell_roles(spells, duration="duration", event="left", entry="observed_after")
    longest = roles.table.aggregate(t=roles.table["t"].max().cast("float64")).to_pandas()["t"].iloc[0]
    whole = 0 if longest is None else int(float(longest) / length + 1e-9)
    whole = min(whole, _MOST if months is None else months)
    if whole < 1:
        raise DesignError(
            f"{company.info.name}, subscriptions: no spell lasts a month; there is no tenure to count"
        )
    return count_person_periods(roles, tuple(length * k for k in range(whole + 1)))

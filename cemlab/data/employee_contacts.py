"""Contacts by person, branch, month and reason: exact two-way counts and sums, however many contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import ibis
import numpy as np

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.service_months import trained_days
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

ContactOutcome = Literal["mean_affect", "csat"]

_WHAT = "who makes the experience"
# Numbers are added up as exact decimals: a sum of floating numbers would depend on the count of threads.
_EXACT = "decimal(38, 4)"
# Beyond the first the sum of squares of a billion rows would not be held; a standard deviation below the
# second would lose more than a hundredth of its variance to the four digits.
_LARGEST, _FINEST = 1e9, 3e-4


@dataclass(frozen=True, eq=False, kw_only=True)
class EmployeeContacts:
    """Two-way counts of contacts that a person served.

    Parameters
    ----------
    keys
        The factors: ``"employee"``, ``"branch"``, ``"month"`` and the controls.
    levels
        Of each factor its levels in order.
    ones
        Of each factor a frame by level: n, total (Σ of the outcome).
    pairs
        Of each pair of factors a frame: the two levels as numbers (first, second), n.
    square
        Σ of the squared outcome.
    n_used, n_given
        Contacts with an outcome, served by a person whose branch is known; contacts in all.
    outcome
        What was measured.
    """

    keys: tuple[str, ...]
    levels: dict[str, list[object]]
    ones: dict[str, pd.DataFrame]
    pairs: dict[tuple[str, str], pd.DataFrame]
    square: float
    n_used: int
    n_given: int
    outcome: str


def employee_contacts(
    company: Company,
    *,
    outcome: ContactOutcome = "mean_affect",
    controls: Sequence[str] = ("reason", "channel"),
) -> EmployeeContacts:
    """Count contacts by pairs of person, branch, month and controls, on the engine.

    The size of what is counted depends on persons, months and reasons, not on contacts: a million cost what
    sixty thousand do, once they are read.

    Parameters
    ----------
    company
        With ``contacts`` (employee, time; ``mean_affect``; the controls; ``branch`` where people serve in
        several) and ``employees`` (employee, branch); for csat ``surveys`` (contact, csat).
    outcome
        ``"mean_affect"``: mean feeling in the contact [SD]; ``"csat"``: satisfaction asked for afterwards
        [points], of those who answered.
    controls
        Columns of the contacts whose levels are taken out.

    Raises
    ------
    DesignError
        If a table is missing, or no contact is left.
    ColumnError
        If a column is missing.
    DataError
        If an employee or a contact stands twice, a contact has two answers, or the outcome is infinite, too
        large or too fine for exact sums.
    OptionError
        For an unknown outcome, or a control that is a factor already.

    Examples
    --------
    >>> import ibis
    >>> from datetime import datetime
    >>> from cemlab.data.company import Company, CompanyInfo
    >>> contacts = ibis.memtable({"employee": ["e", "e", "f"], "time": [datetime(2024, 1, 9, 8)] * 3,
    ...                           "mean_affect": [0.5, 1.5, 2.0]})
    >>> staff = ibis.memtable({"employee": ["e", "f"], "branch": ["a", "b"]})
    >>> small = Company(info=CompanyInfo(name="Small", source="Small"),
    ...                 tables={"contacts": contacts, "employees": staff})
    >>> counted = employee_contacts(small, controls=())
    >>> counted.ones["employee"].values.tolist(), counted.square
    ([[2.0, 2.0], [1.0, 2.0]], 6.5)
    """
    if outcome not in get_args(ContactOutcome):
        raise OptionError(one_of(outcome, get_args(ContactOutcome), what="outcome of a contact"))
    lines, given = contact_lines(company, outcome=outcome, controls=controls)
    keys = ("employee", "branch", "month", *controls)
    # read once, counted many times
    lines = lines.select(*keys, "score").cache()
    ones, levels = {}, {}
    for key in keys:
        counted = lines.group_by(key).aggregate(n=lines.count(), total=lines["score"].sum()).to_pandas()
        counted = counted.sort_values(key, ignore_index=True)
        levels[key] = counted[key].tolist()
        ones[key] = counted[["n", "total"]].astype(float)
    if not len(ones["employee"]):
        raise DesignError(
            f"{company.info.name}: no contact with {outcome!r} was served by an employee of a known branch"
        )
    pairs = {
        (first, second): _pair(lines, first, second, levels)
        for place, first in enumerate(keys)
        for second in keys[place + 1 :]
    }
    score = lines["score"]
    return EmployeeContacts(
        keys=keys, levels=levels, ones=ones, pairs=pairs,
        square=float((score * score).sum().cast("float64").to_pyarrow().as_py()),
        n_used=int(ones["employee"]["n"].sum()), n_given=given, outcome=outcome,
    )  # fmt: skip


def contact_lines(company: Company, *, outcome: str, controls: Sequence[str] = ()) -> tuple[ir.Table, int]:
    """Return one row a contact with a known branch and outcome (employee, branch, month, score, controls).

    The second value is the number of contacts in the table. A control that is blank is a level of its own.
    """
    contacts = needed(company, "contacts", ("employee", "time", *controls), for_what=_WHAT)
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    refuse_twice(staff, "employees", ("employee",))
    refuse_contacts_twice(contacts)
    given = int(contacts.count().to_pyarrow().as_py())
    taken = [name for name in controls if name in ("employee", "branch", "month", "time", outcome)]
    if taken or len(set(controls)) < len(controls):
        raise OptionError(f"controls are {tuple(controls)!r}; each once, and none of employee, branch, month")
    scored = contacts if outcome != "csat" else _answered(company, contacts)
    if outcome not in scored.columns:
        raise ColumnError(f"contacts, for {_WHAT}: {one_of(outcome, scored.columns, what='column')}")
    if not scored[outcome].type().is_numeric() and not scored[outcome].type().is_boolean():
        raise DataError(f"contacts, column {outcome!r}: numbers are needed, not {scored[outcome].type()}")
    value = _summable(scored, outcome, "contacts" if outcome != "csat" else "surveys")
    picked = {name: scored[name].cast("string").fill_null("(blank)") for name in controls}
    if "branch" in scored.columns:
        picked["served_in"] = scored["branch"].cast("string")
    lines = scored.select(employee="employee", day=scored["time"].cast("date"), score=value, **picked)
    known = staff.select("employee", "branch")
    lines = lines.filter(lines["score"].notnull() & lines["day"].notnull()).inner_join(known, "employee")
    if "served_in" in lines.columns:
        lines = lines.mutate(branch=lines["served_in"].fill_null(lines["branch"].cast("string")))
    lines = lines.filter(lines["branch"].notnull())
    return lines.mutate(month=lines["day"].truncate("M")), given


def refuse_contacts_twice(contacts: ir.Table) -> None:
    """Refuse contacts of which one stands in several rows, where they have numbers of their own."""
    if "contact" in contacts.columns:
        refuse_twice(contacts.filter(contacts["contact"].notnull()), "contacts", ("contact",))


def _summable(table: ir.Table, column: str, name: str) -> ir.Value:
    """Return a column as exact decimals, missing where it is not a number; refuse what they cannot hold."""
    value = table[column]
    if value.type().is_boolean():
        return value.cast("int64").cast(_EXACT)
    number = value.cast("float64")
    number = number.isnan().ifelse(ibis.null("float64"), number)
    found = table.aggregate(most=number.abs().max(), low=number.min(), high=number.max())
    most, low, high = (found.to_pyarrow().column(k)[0].as_py() for k in range(3))
    if most is None:
        return number.cast(_EXACT)
    if not most <= _LARGEST:
        raise DataError(
            f"{name}, column {column!r}: a value of {most:g}; allowed: up to {_LARGEST:g}, leave out what is "
            "infinite, or use a larger unit"
        )
    # the spread is taken from where the numbers begin, so that a far nought does not hide it
    spread = table.aggregate(sd=(number - low).std(how="pop")).to_pyarrow().column(0)[0].as_py()
    if low < high and spread < _FINEST:
        raise DataError(
            f"{name}, column {column!r}: standard deviation {spread:.2g}; sums are exact to four digits: "
            "use a smaller unit"
        )
    return number.cast(_EXACT)


def _answered(company: Company, contacts: ir.Table) -> ir.Table:
    """Return contacts with the answer given after them."""
    surveys = needed(company, "surveys", ("contact", "csat"), for_what=_WHAT)
    needed(company, "contacts", ("contact",), for_what=_WHAT)
    asked = surveys.filter(surveys["contact"].notnull() & surveys["csat"].notnull())
    asked = asked.select("contact", "csat")
    refuse_twice(asked, "surveys", ("contact",))
    return contacts.inner_join(asked, "contact")


def _pair(lines: ir.Table, first: str, second: str, levels: dict[str, list[object]]) -> pd.DataFrame:
    import pandas as pd

    counted = lines.group_by(first, second).aggregate(n=lines.count()).to_pandas()
    codes = {key: pd.Index(levels[key]).get_indexer(counted[key]) for key in (first, second)}
    return pd.DataFrame(
        {"first": codes[first], "second": codes[second], "n": counted["n"].astype(float)}
    ).sort_values(["first", "second"], ignore_index=True)


def _sum(value: ir.Value) -> ir.Value:
    """Return an exact sum as the nearest floating number."""
    return value.sum().cast("float64")


def discretion_months(
    company: Company, *, outcome: str = "resolved", trait: str = "discretion"
) -> pd.DataFrame:
    """Count contacts by branch, month and whether who served was trained, with sums of a trait of persons.

    Parameters
    ----------
    company
        With ``contacts`` (employee, time, the outcome), ``employees`` (employee, branch, the trait) and
        ``training`` (employee, date).
    outcome
        Column of the contacts: a number, or true and false.
    trait
        Column of numbers of the employees.

    Returns
    -------
    pandas.DataFrame
        Sorted by branch, month and trained (served by somebody trained on an earlier day): n, Σ of the trait
        and of its square (trait, trait2), Σ of the outcome, of its square and of its product with the trait
        (score, score2, product). ``attrs``: n_given, n_used, persons.

    Raises
    ------
    DesignError, ColumnError, DataError
        As :func:`employee_contacts`; if no contact is left.
    """
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    if trait not in staff.columns:
        raise ColumnError(f"employees, for {_WHAT}: {one_of(trait, staff.columns, what='column')}")
    if not staff[trait].type().is_numeric():
        raise DataError(f"employees, column {trait!r}: numbers are needed, not {staff[trait].type()}")
    needed(company, "training", ("employee", "date"), for_what=_WHAT)
    lines, given = contact_lines(company, outcome=outcome)
    traits = staff.select("employee", trait=_summable(staff, trait, "employees"))
    traits = traits.filter(traits["trait"].notnull())
    lines = lines.inner_join(traits, "employee").left_join(trained_days(company), "employee")
    lines = lines.drop("employee_right").mutate(
        trained=(lambda t: (t["trained_day"] < t["day"]).fill_null(False))
    )
    keys = ["branch", "month", "trained"]
    d, y = lines["trait"], lines["score"]
    counted = lines.group_by(keys).aggregate(
        n=lines.count(), trait=_sum(d), trait2=_sum(d * d), score=_sum(y), score2=_sum(y * y),
        product=_sum(d * y),
    ).to_pandas()  # fmt: skip
    if counted.empty:
        raise DesignError(f"{company.info.name}: no contact of a person whose {trait} is known")
    numbers = counted.columns[3:]
    counted[numbers] = counted[numbers].astype(float)
    found: pd.DataFrame = counted.sort_values(keys, ignore_index=True)
    persons = int(lines["employee"].nunique().to_pyarrow().as_py())
    found.attrs = {"n_given": given, "n_used": int(np.rint(found["n"].sum())), "persons": persons}
    return found

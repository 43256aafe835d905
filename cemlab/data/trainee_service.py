"""Service of persons before and after the training, and of persons never trained over the same months."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cemlab.data.needed import needed, refuse_twice
from cemlab.data.service_months import served_contacts, trained_days
from cemlab.data.spell_columns import count_where
from cemlab.errors import ColumnError, DesignError, one_of

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from cemlab.data.company import Company

_WHAT = "the service of persons before and after the training"


def trainee_service(company: Company, *, trait: str = "discretion") -> pd.DataFrame:
    """Count each person's contacts before and after the training of a wave, on the engine.

    Persons trained are counted around their own first training. Persons of branches where nobody was ever
    trained are counted around the middle day of each wave, as if they had been trained then.

    Parameters
    ----------
    company
        With ``contacts`` (employee, time, and resolved or mean_affect), ``employees`` (employee, branch and
        the trait), ``training`` (employee, date; wave, or else months of training stand for waves).
    trait
        Column of numbers of the employees.

    Returns
    -------
    pandas.DataFrame
        One row a person and wave with contacts on both sides: employee, branch, wave, trained, trait, and for
        affect and resolved (where they are recorded) …_n_before, …_sum_before, …_square_before and …_after:
        contacts, sum and sum of squares. The training's own day counts on neither side.

    Raises
    ------
    DesignError
        If a table is missing, or no person served on both sides.
    ColumnError
        If a column is missing.
    DataError
        If an employee stands twice.
    """
    staff = needed(company, "employees", ("employee", "branch"), for_what=_WHAT)
    if trait not in staff.columns:
        raise ColumnError(f"employees, for {_WHAT}: {one_of(trait, staff.columns, what='column')}")
    refuse_twice(staff, "employees", ("employee",))
    lines, _given = served_contacts(company)
    measures = [name for name in ("affect", "resolved") if name in lines.columns]
    if not measures:
        raise ColumnError(f"contacts, for {_WHAT}: neither 'mean_affect' nor 'resolved' is there")
    dated = _dated_persons(company, staff, trait)
    seen = lines.select("employee", "day", *measures).inner_join(dated, "employee")
    sums = {}
    for side, there in (("before", seen["day"] < seen["date"]), ("after", seen["day"] > seen["date"])):
        for name in measures:
            value = seen[name].cast("decimal(38, 4)") if name == "affect" else seen[name].cast("int64")
            sums[f"{name}_n_{side}"] = count_where(there & seen[name].notnull())
            sums[f"{name}_sum_{side}"] = ibis.ifelse(there, value, None).sum()
            sums[f"{name}_square_{side}"] = ibis.ifelse(there, value * value, None).sum()
    keys = ["employee", "branch", "wave", "trained", "trait"]
    counted = seen.group_by(keys).aggregate(**sums).to_pandas()
    both = counted[[f"{measures[0]}_n_before", f"{measures[0]}_n_after"]].min(axis=1) > 0
    found: pd.DataFrame = counted[both & counted["trait"].notna()].sort_values(keys, ignore_index=True)
    if found.empty:
        raise DesignError(f"{company.info.name}: nobody served customers both before and after a training")
    numbers = [c for c in found.columns if c not in keys[:4]]
    found[numbers] = found[numbers].astype(float)
    return found


def _dated_persons(company: Company, staff: ir.Table, trait: str) -> ir.Table:
    """Return persons with the day around which they are counted; untrained ones once for each wave."""
    training = needed(company, "training", ("employee", "date"), for_what=_WHAT)
    days = trained_days(company)
    by_month = days["trained_day"].truncate("M").cast("string")
    if "wave" in training.columns:
        waves = training.group_by("employee").aggregate(wave=training["wave"].min().cast("string"))
        own = days.inner_join(waves, "employee")
        own = own.mutate(wave=own["wave"].fill_null(own["trained_day"].truncate("M").cast("string")))
    else:
        own = days.mutate(wave=by_month)
    people = staff.filter(staff["branch"].notnull()).select("employee", "branch", trait=staff[trait])
    trained = people.inner_join(own, "employee").mutate(trained=ibis.literal(True))
    branches = trained.select("branch").distinct()
    first = own.group_by("wave").aggregate(start=own["trained_day"].min(), end=own["trained_day"].max())
    middle = first.mutate(half=first["end"].delta(first["start"], unit="day") // 2)
    middle = middle.mutate(trained_day=middle["start"] + middle["half"].cast("int64").as_interval("D"))
    others = people.anti_join(branches, "branch").cross_join(middle.select("wave", "trained_day"))
    others = others.mutate(trained=ibis.literal(False))
    columns = ["employee", "branch", "wave", "trained", "trait", "trained_day"]
    return trained.select(columns).union(others.select(columns)).rename(date="trained_day")

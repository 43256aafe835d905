"""A roll-out as arrays: units watched over periods, each treated from one of them on, or never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import (
    Kind,
    as_numbers,
    as_periods,
    names,
    require_apart,
    require_one_currency,
    require_regular,
)
from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.evidence import Check
from cemlab.markup import label
from cemlab.training.roll_out_columns import (
    constant,
    gap_check,
    require_varied,
    require_zero_one,
)
from cemlab.training.roll_out_periods import (
    first_periods,
    require_one_zone,
    switched_on,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: From when covariates are taken.
CovariatesOf = Literal["base period", "before anyone is treated"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RollOut:
    """A balanced panel of units over periods, each treated from its first treated period on.

    Parameters
    ----------
    units
        Names of the units, (n).
    periods
        The periods in order, (t), as they stood in the data.
    outcome
        (n, t), nothing missing.
    first
        (n) number of the period from which a unit is treated, from 0; t for those not treated in the data.
    covariates
        (n, k), of each unit before anyone is treated.
    covariate_names
        Their names, (k).
    cluster
        (n) number of each unit's cluster, from 0; its own where no clusters are given.
    weights
        (n) positive; ones where none are given.
    outcome_name
        The column of the outcome.
    n_given
        Units that were handed in, those left out among them.
    covariate_paths
        (n, t, k) covariates to be used where a comparison's base is each period; None without covariates.
    checks
        What was checked in reading.
    """

    units: tuple[str, ...]
    periods: tuple[Any, ...]
    outcome: Floats
    first: Ints
    covariates: Floats
    covariate_names: tuple[str, ...]
    cluster: Ints
    weights: Floats
    outcome_name: str
    n_given: int
    covariate_paths: Floats | None = None
    checks: tuple[Check, ...] = ()

    @property
    def never(self) -> int:
        """What `first` says of a unit that is not treated in the data."""
        return len(self.periods)

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """(n) whether a unit is treated in the data."""
        return self.first < self.never

    @property
    def groups(self) -> tuple[int, ...]:
        """The numbers of the periods in which units begin to be treated, in order."""
        return tuple(int(g) for g in np.unique(self.first[self.treated]))


def roll_out(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    unit: str = "branch",
    time: str = "month",
    first_treated: str = "first_trained",
    treated: str | None = None,
    covariates: Sequence[str] = (),
    covariates_of: CovariatesOf = "base period",
    cluster: str | None = None,
    weights: str | None = None,
) -> RollOut:
    """Return the roll-out that a panel holds, or refuse what is none.

    Parameters
    ----------
    panel
        One row a unit and period.
    outcome
        Column of numbers.
    unit, time
        Columns of the unit and the period; periods are dates or whole numbers, in even steps.
    first_treated
        Column of the unit's first treated period, in the values of `time`; missing, or 0 among whole
        numbers, for units never treated. The same in all rows of a unit. Between two periods it counts from
        the next; a unit treated after the data end is not treated in them.
    treated
        Column of 0 and 1 to be used instead of `first_treated`: whether the unit is treated in the period.
    covariates
        Columns of numbers.
    covariates_of
        What stands in `covariate_paths`: each period's values, so that comparisons use those of their
        ``"base period"``; or in every period their mean ``"before anyone is treated"``.
    cluster
        Column of what units belong to, the same in all rows of a unit; each its own if not given.
    weights
        Column of positive numbers, the same in all rows of a unit.

    Returns
    -------
    RollOut
        The arrays. Units with gaps in outcome or covariates are left out and counted.

    Raises
    ------
    ColumnError
        If a column is not there.
    DataError
        If a unit stands twice in a period, values are no numbers or periods, time zones differ, what must
        stay changes within a unit, weights are not positive, or currencies are mixed.
    DesignError
        If the panel holds no roll-out: a treatment that switches off, units treated in the first period,
        nobody treated, all treated at once, a period missing for all, or outcomes missing by treatment.

    Examples
    --------
    >>> panel = pd.DataFrame({"branch": ["a", "a", "b", "b"], "month": [1, 2, 1, 2], "cx": [0.0, 1, 0, 0],
    ...                       "first_trained": [2, 2, 0, 0]})
    >>> found = roll_out(panel, outcome="cx")
    >>> found.units, found.first.tolist()
    (('a', 'b'), [1, 2])
    """
    began = first_treated if treated is None else treated
    frame = _picked(panel, outcome, unit, time, began, covariates, covariates_of, cluster, weights)
    if treated is None:
        require_one_zone(frame, time, first_treated)
    frame[time], kind = as_periods(frame[time], time, missing_allowed=False)
    if frame.duplicated([unit, time]).any():
        twice = frame[frame.duplicated([unit, time])].iloc[0]
        raise DataError(
            f"panel: {unit} {twice[unit]} stands twice in {time} {label(twice[time])}; "
            f"one row is one {unit} and {time}"
        )
    wide = frame.pivot(index=unit, columns=time, values=outcome)
    require_regular(wide.columns, time)
    require_apart(wide.index, unit)
    rows = frame.groupby(unit, sort=True)
    first = (
        _first(rows, wide, first_treated, unit, kind)
        if treated is None
        else _switched(frame, unit, time, treated)
    )
    _refuse_no_roll_out(first, wide, unit)
    check = gap_check(wide, first, unit, outcome)
    paths = {name: frame.pivot(index=unit, columns=time, values=name) for name in covariates}
    complete = _complete(wide, paths, unit, outcome)
    first, n_given, wide = first[complete], len(wide), wide[complete]
    _refuse_no_roll_out(first, wide, unit)
    x = np.stack([path[complete].to_numpy() for path in paths.values()], axis=2) if paths else None
    before = None if x is None else x[:, : int(first.min())].mean(axis=1)
    if before is not None and covariates_of == "before anyone is treated":
        x = np.repeat(before[:, None, :], len(wide.columns), axis=1)
    require_varied(wide, outcome)
    return RollOut(
        units=tuple(map(str, wide.index)),
        periods=tuple(wide.columns.astype(np.int64) if kind == "whole numbers" else wide.columns),
        outcome=wide.to_numpy(),
        first=first,
        covariates=np.empty((len(wide), 0)) if before is None else before,
        covariate_names=tuple(covariates),
        cluster=_clusters(rows, cluster, unit, wide),
        weights=_weights(rows, weights, unit, wide),
        outcome_name=outcome,
        n_given=n_given,
        covariate_paths=x,
        checks=(check,),
    )


def _picked(
    panel: ir.Table | pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    began: str,
    covariates: Sequence[str],
    covariates_of: str,
    cluster: str | None,
    weights: str | None,
) -> pd.DataFrame:
    """Return the columns in question, numbers as numbers."""
    require_table(panel, "panel")
    if isinstance(covariates, str):
        raise OptionError(f"covariates is {covariates!r}; allowed: a list of columns, e.g. [{covariates!r}]")
    if covariates_of not in get_args(CovariatesOf):
        raise OptionError(one_of(covariates_of, get_args(CovariatesOf), what="time of covariates"))
    if len({outcome, unit, time, began}) < 4:
        raise OptionError(
            f"outcome={outcome!r}, unit={unit!r}, time={time!r} and the treatment's {began!r}: these "
            "are four columns; none can be two of them"
        )
    if outcome in covariates:
        raise OptionError(
            f"{outcome!r} is the outcome and a covariate: its level before is part of every change, "
            "which then falls back to the mean by itself; take another covariate"
        )
    roles = [unit, time, began, outcome, *covariates, *(c for c in (cluster, weights) if c is not None)]
    for name in roles:
        require_column(panel, name, "panel")
    money = ["currency"] if "currency" in panel.columns else []
    picked = list(dict.fromkeys([*roles, *money]))
    frame = panel[picked].copy() if isinstance(panel, pd.DataFrame) else panel.select(picked).to_pandas()
    frame = frame.reset_index(drop=True)
    for key in (unit,) if cluster is None else (unit, cluster):
        # categories that do not occur would be groups without rows
        if isinstance(frame[key].dtype, pd.CategoricalDtype):
            frame[key] = frame[key].astype(object)
    if frame.empty:
        raise DataError("panel: it has no rows")
    if frame[unit].isna().any():
        raise DataError(f"panel, column {unit!r}: {int(frame[unit].isna().sum()):,} rows name no {unit}")
    require_one_currency(frame)
    for name in (outcome, *covariates):
        frame[name] = as_numbers(frame[name], name, example="e.g. 1 and 0 for yes and no")
    return frame


def _first(rows: Any, wide: pd.DataFrame, first_treated: str, unit: str, kind: Kind) -> Ints:
    """Return the first treated period of each unit from the column that names it."""
    began = constant(rows, first_treated, unit, missing_allowed=True).reindex(wide.index)
    values, values_kind = as_periods(began, first_treated, missing_allowed=True)
    return first_periods(values, values_kind, wide.columns, kind, first_treated)


def _switched(frame: pd.DataFrame, unit: str, time: str, treated: str) -> Ints:
    """Return the first treated period of each unit from a column of 0 and 1."""
    flags = frame.assign(**{treated: require_zero_one(frame[treated], treated)})
    wide = flags.pivot(index=unit, columns=time, values=treated)
    # a row that is not there says nothing new: treated if the unit was before
    return switched_on(wide.ffill(axis=1).fillna(0.0), unit, treated)


def _refuse_no_roll_out(first: Ints, wide: pd.DataFrame, unit: str) -> None:
    """Refuse a panel in which nobody is treated, all at once, or some from the first period on."""
    periods = len(wide.columns)
    always = list(wide.index[first == 0])
    if always:
        raise DesignError(
            f"panel: {unit} {names(always)} {'is' if len(always) == 1 else 'are'} treated from the first "
            "period on, so that nothing is known from before; leave them out, or start the panel earlier"
        )
    if (first == periods).all():
        raise DesignError(
            f"panel: no {unit} with a full record is treated within the {periods:,} periods; there is no "
            "effect to estimate. Check the column of the first treated period"
        )
    if (first == first[0]).all():
        raise DesignError(
            f"panel: every {unit} is treated at once, so there is nobody to compare with; add units that are "
            "treated later or never"
        )


def _complete(
    wide: pd.DataFrame, paths: dict[str, pd.DataFrame], unit: str, outcome: str
) -> npt.NDArray[np.bool_]:
    """Say which units have every number."""
    complete: npt.NDArray[np.bool_] = wide.notna().all(axis=1).to_numpy()
    for name, path in paths.items():
        complete &= path.notna().all(axis=1).to_numpy()
        if not complete.any():
            raise DesignError(f"panel, column {name!r}: no {unit} has it, and {outcome!r}, in every period")
    if not complete.any():
        raise DesignError(
            f"panel: no {unit} has {outcome!r} in every period; fill the gaps, or leave out periods"
        )
    return complete


def _clusters(rows: Any, cluster: str | None, unit: str, wide: pd.DataFrame) -> Ints:
    """Return the number of each unit's cluster."""
    if cluster is None or cluster == unit:
        return np.arange(len(wide))
    values = constant(rows, cluster, unit).reindex(wide.index)
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def _weights(rows: Any, weights: str | None, unit: str, wide: pd.DataFrame) -> Floats:
    """Return the weight of each unit."""
    if weights is None:
        return np.ones(len(wide))
    values = as_numbers(constant(rows, weights, unit), weights, example="e.g. a headcount").reindex(
        wide.index
    )
    if (values <= 0).any():
        odd = list(values.index[values <= 0])
        raise DataError(
            f"panel, column {weights!r}: the weight of {unit} {names(odd)} is not positive; leave units that "
            "shall not count out"
        )
    return values.to_numpy(dtype=float)

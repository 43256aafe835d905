"""A roll-out as arrays: units watched over periods, each treated from one of them on, or never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cemlab.data.spell_columns import require_column, require_table
from cemlab.errors import DataError, DesignError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
    covariates: Sequence[str] = (),
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
        Columns of the unit and the period; periods are dates or whole numbers.
    first_treated
        Column of the unit's first treated period, in the values of `time`; missing, or 0 among whole
        numbers, for units never treated. The same in all rows of a unit.
    covariates
        Columns of numbers; their mean over the periods before anyone is treated is used.
    cluster
        Column of what units belong to, the same in all rows of a unit; each its own if not given.
    weights
        Column of positive numbers, the same in all rows of a unit.

    Returns
    -------
    RollOut
        The arrays.

    Raises
    ------
    ColumnError
        If a column is not there.
    DataError, DesignError
        If the panel holds no roll-out.
    """
    import pandas as pd

    require_table(panel, "panel")
    roles = [unit, time, first_treated, outcome, *covariates]
    roles += [name for name in (cluster, weights) if name is not None]
    for name in roles:
        require_column(panel, name, "panel")
    picked = list(dict.fromkeys(roles))
    frame = panel[picked].copy() if isinstance(panel, pd.DataFrame) else panel.select(picked).to_pandas()
    if frame.duplicated([unit, time]).any():
        raise DataError(f"panel: a {unit} stands twice in one {time}; one row is one {unit} and {time}")
    wide = frame.pivot(index=unit, columns=time, values=outcome).astype(float)
    complete = wide.notna().all(axis=1)
    if not complete.any():
        raise DesignError(f"panel: no {unit} has {outcome!r} in every {time}")
    wide = wide[complete]
    rows = frame.groupby(unit, sort=True)
    began = rows[first_treated].first().reindex(wide.index)
    first = _first(began, list(wide.columns))
    before = (
        frame[frame[time] < wide.columns[int(first.min())]] if (first < len(wide.columns)).any() else frame
    )
    x = before.groupby(unit)[list(covariates)].mean().reindex(wide.index) if covariates else None
    codes = (
        np.arange(len(wide))
        if cluster is None
        else pd.factorize(rows[cluster].first().reindex(wide.index))[0]
    )
    return RollOut(
        units=tuple(map(str, wide.index)),
        periods=tuple(wide.columns),
        outcome=wide.to_numpy(),
        first=first,
        covariates=np.empty((len(wide), 0)) if x is None else x.to_numpy(dtype=float),
        covariate_names=tuple(covariates),
        cluster=np.asarray(codes, dtype=np.int64),
        weights=np.ones(len(wide))
        if weights is None
        else rows[weights].first().reindex(wide.index).to_numpy(float),
        outcome_name=outcome,
        n_given=int(frame[unit].nunique()),
    )


def _first(began: pd.Series[Any], periods: list[Any]) -> Ints:
    """Return the number of the first period at or after each unit's beginning."""
    never = began.isna()
    if began.dtype.kind in "iuf":
        never |= began == 0
    place = np.searchsorted(np.array(periods), began.fillna(periods[0]).to_numpy(), side="left")
    return np.where(never, len(periods), place).astype(np.int64)

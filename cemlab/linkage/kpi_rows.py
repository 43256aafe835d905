"""The rows of a panel that can be predicted from: what was known in a month, and what came after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import as_numbers, as_periods, require_one_currency, require_regular
from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.stats.out_of_sample import Floats, Ints

_FEWEST_UNITS = 10  # from fewer neither folds of branches nor an interval over them can be made


@dataclass(frozen=True, eq=False, kw_only=True)
class KpiRows:
    """Rows with everything known: unit and period (m), outcome (m), columns (m, k), and what was given.

    `outcome` is the mean over the `ahead` periods after the row's own.
    """

    unit: Ints
    period: Ints
    units: int
    periods: int
    outcome: Floats
    columns: Floats
    n_given: int


def kpi_rows(
    panel: pd.DataFrame, *, outcome: str, columns: list[str], unit: str, time: str, ahead: int
) -> KpiRows:
    """Return the rows from which the outcome's mean over the next periods can be predicted.

    Raises
    ------
    ColumnError, DataError, DesignError
        For a missing column, values that are no numbers, a unit twice in a period, periods in uneven steps,
        fewer than ten units, too few periods, or a column that says nothing.
    """
    for name in (unit, time, outcome, *columns):
        if name not in panel.columns:
            raise ColumnError(f"panel: {one_of(name, map(str, panel.columns), what='column')}")
    require_one_currency(panel)
    frame = panel[list(dict.fromkeys([unit, time, outcome, *columns]))].copy()
    if frame[unit].isna().any():
        raise DataError(f"panel, column {unit!r}: {int(frame[unit].isna().sum()):,} rows name no {unit}")
    frame[time], _ = as_periods(frame[time], time, missing_allowed=False)
    if frame.duplicated([unit, time]).any():
        raise DataError(f"panel: a {unit} stands twice in one {time}; one row is one {unit} and {time}")
    for name in dict.fromkeys([outcome, *columns]):
        frame[name] = as_numbers(frame[name], name, example="e.g. 4.5")
    periods = pd.Index(np.sort(frame[time].unique()))
    require_regular(periods, time)
    code, names = pd.factorize(frame[unit], sort=True)
    at = periods.get_indexer(pd.Index(frame[time]))
    if len(names) < _FEWEST_UNITS:
        raise DesignError(
            f"panel: {len(names)} {unit} values; leaving some out to predict them needs {_FEWEST_UNITS} at "
            f"least"
        )
    grid = np.full((len(names), len(periods) + ahead), np.nan)
    grid[code, at] = frame[outcome]
    later = np.mean([grid[code, at + step] for step in range(1, ahead + 1)], axis=0)
    known = frame[columns].to_numpy(dtype=float)
    whole = np.isfinite(later) & np.isfinite(known).all(axis=1)
    if not whole.any():
        raise DesignError(
            f"panel: no row has all of {join_words(columns)} and {outcome} for {ahead} {time}s after"
        )
    order = np.lexsort((at[whole], code[whole]))
    found = KpiRows(
        unit=np.unique(code[whole][order], return_inverse=True)[1],
        period=at[whole][order],
        units=len(np.unique(code[whole])),
        periods=len(periods),
        outcome=later[whole][order],
        columns=known[whole][order],
        n_given=len(panel),
    )
    _refuse_flat(found, columns)
    return found


def folds_of(units: int, folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Deal units into folds of nearly one size.

    Raises
    ------
    OptionError
        If there are fewer than two folds or more than units.
    """
    if isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= units:
        raise OptionError(
            f"folds is {folds!r}; allowed: a whole number from 2 to {units}, the number of units"
        )
    return rng.permutation(units) % folds


def _refuse_flat(rows: KpiRows, columns: list[str]) -> None:
    """Refuse columns that are the same in all units of each period: they tell no unit from another."""
    n = np.bincount(rows.period, minlength=rows.periods)
    for name, values in zip(columns, rows.columns.T, strict=True):
        means = np.bincount(rows.period, weights=values, minlength=rows.periods) / np.maximum(n, 1)
        apart = values - means[rows.period]
        if not np.abs(apart).max() > 1e-12 * max(1e-300, float(np.abs(values).max())):
            raise DesignError(
                f"panel, column {name!r}: the same for all in each period; it tells none from another, "
                f"leave it out"
            )

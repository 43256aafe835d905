"""Panels of units over periods, reduced block by block to what two-way least squares need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cemlab.data.regression_rows import KeyNumbers, RegressionRows, regression_rows
from cemlab.errors import DataError, DesignError
from cemlab.stats.panel_sums import PanelBlock, PanelFit, panel_least_squares

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: Periods up to which their system is solved exactly; longer panels go to pyfixest.
MOST_PERIODS = 500
# numbers held at once: a quarter of a gigabyte
_HELD = 1 << 25
# rows that pyfixest may be given: it takes near a gigabyte for a million and a half
_MOST_ROWS = 3_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class PanelSums:
    """A panel's fit, and the rows it was handed.

    Parameters
    ----------
    fit
        Coefficients and what they rest on.
    n_given, n_complete
        Rows handed in, and rows in which nothing is missing.
    """

    fit: PanelFit
    n_given: int
    n_complete: int


def panel_sums(
    table: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    columns: Sequence[str],
    unit: str,
    time: str,
    weights: str | None = None,
    cluster: str | None = None,
) -> PanelSums:
    """Return least squares with levels of units and periods, errors clustered, whatever the number of units.

    Rows pass by in blocks of units, so that memory depends on neither rows nor units beyond a block; a panel
    that fits one block is read once.

    Parameters
    ----------
    table
        One row a unit in a period, in any order, gaps allowed; rows with something missing are left out.
    outcome, columns, weights
        Columns with numbers; weights above nought.
    unit, time
        Columns.
    cluster
        Column; the unit where None.

    Raises
    ------
    ColumnError, OptionError, DataError
        As :func:`cemlab.data.regression_rows.regression_rows`; also if a unit has two rows in a period.
    DesignError
        As :func:`cemlab.stats.panel_sums.panel_least_squares`; also if there are more than 500 periods and
        too many rows for pyfixest.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"shop": list("aabbcc"), "month": [1, 2] * 3, "x": [1.0, 2, 4, 3, 0, 5],
    ...                       "y": [2.0, 5, 9, 8, 1, 12]})
    >>> found = panel_sums(frame, outcome="y", columns=["x"], unit="shop", time="month")
    >>> found.fit.coefficient.round(3).tolist(), found.fit.n_units
    ([2.0], 3)
    """
    by = cluster if cluster not in (None, unit) else None
    keys = {"u": unit, "t": time, **({"c": by} if by else {})}
    data = regression_rows(table, outcome=outcome, columns=columns, keys=keys, weights=weights)
    periods = data.numbers("t", rows_each=1e9)
    if periods.size > MOST_PERIODS:
        return _by_pyfixest(data)
    reader = _Reader(data, periods)
    fit = panel_least_squares(
        reader.blocks, names=data.names, n_clusters=reader.numbers["c"].size if by else 0
    )
    return PanelSums(fit=fit, n_given=reader.n_given, n_complete=reader.n_complete)


class _Reader:
    """Blocks of units of a panel; one that holds all is kept for the next pass."""

    def __init__(self, data: RegressionRows, periods: KeyNumbers) -> None:
        self.data = data
        self.numbers = {"u": data.numbers("u", rows_each=periods.size), "t": periods}
        if "c" in data.called:
            self.numbers["c"] = data.numbers("c")
        arrays = len(data.names) + 2 + ("c" in data.called)
        self.units_at_once = max(_HELD // (arrays * max(periods.size, 1)), 1)
        self.kept: PanelBlock | None = None
        self.n_given = self.n_complete = 0

    def blocks(self) -> Iterator[PanelBlock]:
        """Read the panel once."""
        if self.kept is not None:
            yield self.kept
            return
        self.n_given = self.n_complete = 0
        units = self.numbers["u"].size
        for first in range(0, units, self.units_at_once):
            block = self._block(first, min(first + self.units_at_once, units))
            if units <= self.units_at_once:
                self.kept = block
            yield block

    def _block(self, first: int, last: int) -> PanelBlock:
        n, t = last - first, self.numbers["t"].size
        weight = np.zeros(n * t)
        values = np.zeros((len(self.data.names) + 1, n * t))
        cluster = np.zeros(n * t, dtype=np.int64) if "c" in self.numbers else None
        rows_read = 0
        every = last == self.numbers["u"].size and first == 0
        table = None if every else self._part(first, last)
        for rows in self.data.blocks(self.numbers, table=table):
            cell = (rows.keys["u"] - first) * t + rows.keys["t"]
            weight[cell] = 1.0 if rows.weight is None else rows.weight
            for into, row in zip(values, rows.values, strict=True):
                into[cell] = row
            if cluster is not None:
                cluster[cell] = rows.keys["c"]
            rows_read += cell.size
            self.n_given += rows.n_given
        self.n_complete += rows_read
        if np.count_nonzero(weight) < rows_read:
            self._refuse_twice()
        return PanelBlock(
            weight=weight.reshape(n, t),
            values=values.reshape(-1, n, t),
            cluster=None if cluster is None else cluster.reshape(n, t),
        )

    def _part(self, first: int, last: int) -> ir.Table:
        """Return the rows of some units; those of none in particular go with the first."""
        column, numbers = self.data.table["u"], self.numbers["u"]
        chosen = column.between(numbers.value(first), numbers.value(last - 1))
        return self.data.table.filter(chosen | column.isnull() if first == 0 else chosen)

    def _refuse_twice(self) -> None:
        from cemlab.data.engine import rows

        called, table = self.data.called, self.data.table.drop_null()
        counted = table.group_by("u", "t").aggregate(n=table.count())
        found = rows(counted.filter(counted["n"] > 1).order_by("u", "t").limit(1))[0]
        raise DataError(
            f"table: {called['u']} {found['u']} has {found['n']} rows in {called['t']} {found['t']}; make "
            "one of them first"
        )


def _by_pyfixest(data: RegressionRows) -> PanelSums:
    """Return the fit of a panel too long for an exact system."""
    import pyfixest

    n_given = int(data.table.count().execute())
    if n_given > _MOST_ROWS:
        raise DesignError(
            f"more than {MOST_PERIODS} periods and {n_given:,} rows; take longer periods, or fewer of them"
        )
    frame = data.table.to_pandas().dropna()
    own = [role for role in data.called if role.startswith("x")]
    fit = pyfixest.feols(
        f"y ~ {' + '.join(own)} | u + t",
        frame,
        vcov={"CRV1": "c" if "c" in data.called else "u"},
        weights="w" if "w" in data.called else None,
        fixef_tol=1e-12,
        fixef_maxiter=100_000,
    )
    if lost := [data.called[role] for role in own if role not in fit.coef().index]:
        raise DesignError(
            f"{', '.join(lost)}: constant within units and periods, or dependent on other columns; leave "
            "it out"
        )
    used, by = fit._data, "c" if "c" in data.called else "u"
    clusters = int(used[by].nunique())
    return PanelSums(
        fit=PanelFit(
            coefficient=fit.coef().to_numpy(),
            covariance=np.asarray(fit._vcov),
            df=clusters - 1,
            n_rows=int(fit._N),
            n_units=int(used["u"].nunique()),
            n_periods=int(used["t"].nunique()),
            n_clusters=clusters,
            n_single=len(frame) - int(fit._N),
            condition=float("nan"),
        ),
        n_given=n_given,
        n_complete=len(frame),
    )

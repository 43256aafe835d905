"""Panels of units over periods, reduced block by block to what two-way least squares need."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cemlab.data.regression_rows import KeyNumbers, RegressionRows, RowBlock, regression_rows
from cemlab.errors import DataError, DesignError
from cemlab.stats.panel_sums import PanelBlock, PanelFit, panel_least_squares
from cemlab.stats.threads import one_thread, side_by_side

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Periods up to which their system is solved exactly; longer panels go to pyfixest.
MOST_PERIODS = 500
# numbers held at once: a quarter of a gigabyte
_HELD = 1 << 25
# cells worked on at once: few enough to stay near the processor
_AT_ONCE = 1 << 16
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

    Rows are read once. A panel beyond a quarter of a gigabyte is set down by units in a temporary folder, so
    that memory depends on neither rows nor units.

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
        return _by_pyfixest(data, periods)
    # threads would take longer to meet than such small products take
    with TemporaryDirectory() as folder, one_thread():
        reader = _Reader(data, periods, Path(folder))
        fit = panel_least_squares(
            reader.blocks, names=data.names, n_clusters=reader.numbers["c"].size if by else 0
        )
    return PanelSums(fit=fit, n_given=reader.n_given, n_complete=reader.n_complete)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Grid:
    """Cells of some units over all periods, unit by unit: which are there (n · t), and their records."""

    there: Bools
    records: Floats


class _Reader:
    """Blocks of units of a panel: rows are read once; what does not fit memory waits in a temporary file.

    A record holds outcome and columns, then the weight and the number of the cluster where there are such.
    """

    def __init__(self, data: RegressionRows, periods: KeyNumbers, folder: Path) -> None:
        self.data, self.folder = data, folder
        self.numbers = {"u": data.numbers("u", rows_each=periods.size), "t": periods}
        if "c" in data.called:
            self.numbers["c"] = data.numbers("c")
        self.columns = len(data.names) + 1
        self.width = self.columns + ("w" in data.called) + ("c" in data.called)
        self.units_held = max(_HELD // (self.width * max(periods.size, 1)), 1)
        self.kept: _Grid | None = None
        self.n_given = self.n_complete = 0
        if self.numbers["u"].size <= self.units_held:
            self.kept = self._grid(map(self._records, self.data.blocks(self.numbers)), 0)
        else:
            self._set_down()

    def blocks(self) -> Iterator[PanelBlock]:
        """Pass over the panel once, a few units at a time."""
        t = self.numbers["t"].size
        step = max(_AT_ONCE // max(t, 1), 1) * t
        for part in range(-(-self.numbers["u"].size // self.units_held)):
            grid = self.kept or self._grid(self._taken_up(part), part)
            for first in range(0, grid.there.size, max(step, 1)):
                yield self._block(grid, slice(first, first + step))

    def _block(self, grid: _Grid, some: slice) -> PanelBlock:
        t, there = self.numbers["t"].size, grid.there[some]
        fields = np.ascontiguousarray(grid.records[some].T).reshape(self.width, -1, t)
        return PanelBlock(
            weight=fields[self.columns] if "w" in self.data.called else there.reshape(-1, t).astype(float),
            values=fields[: self.columns],
            cluster=fields[-1].astype(np.int64) if "c" in self.numbers else None,
        )

    def _records(self, rows: RowBlock) -> tuple[Ints, Floats]:
        """Return the cells of rows, and their records (m, width)."""
        self.n_given += rows.n_given
        self.n_complete += rows.values.shape[1]
        cell = rows.keys["u"] * self.numbers["t"].size
        cell += rows.keys["t"]
        records = np.empty((cell.size, self.width))
        records[:, : self.columns] = rows.values.T
        if rows.weight is not None:
            records[:, self.columns] = rows.weight
        if "c" in rows.keys:
            records[:, -1] = rows.keys["c"]
        return cell, records

    def _set_down(self) -> None:
        """Write rows into one file for each part of the units."""
        of_part = self.units_held * self.numbers["t"].size
        for rows in self.data.blocks(self.numbers):
            cell, records = self._records(rows)
            part = cell // of_part
            order = np.argsort(part, kind="stable")
            ends = np.searchsorted(part[order], np.arange(part.max(initial=-1) + 2))
            for i, (low, high) in enumerate(pairwise(ends)):
                if high > low:
                    chosen = order[low:high]
                    with (self.folder / str(i)).open("ab") as file:
                        np.column_stack([cell[chosen], records[chosen]]).tofile(file)

    def _taken_up(self, part: int) -> Iterator[tuple[Ints, Floats]]:
        """Read the rows of a part again."""
        path, width = self.folder / str(part), self.width + 1
        if not path.exists():
            return
        with path.open("rb") as file:
            while (found := np.fromfile(file, count=_AT_ONCE * width)).size:
                table = found.reshape(-1, width)
                yield table[:, 0].astype(np.int64), np.ascontiguousarray(table[:, 1:])

    def _grid(self, records: Iterable[tuple[Ints, Floats]], part: int) -> _Grid:
        """Return the units of a part over all periods."""
        t = self.numbers["t"].size
        n = min(self.units_held, self.numbers["u"].size - part * self.units_held)
        there, grid = np.zeros(n * t, dtype=bool), np.zeros((n * t, self.width))
        # a record is put down as one thing: its fields would each be sought anew
        whole = np.dtype((np.void, self.width * grid.itemsize))
        places = grid.view(whole).ravel()

        def put_down(rows: tuple[Ints, Floats]) -> int:
            at = rows[0] - part * self.units_held * t
            places[at] = rows[1].view(whole).ravel()
            there[at] = True
            return at.size

        # no two blocks share a cell, or it is refused below
        rows_read = sum(side_by_side(put_down, records))
        if np.count_nonzero(there) < rows_read:
            _refuse_twice(self.data)
        return _Grid(there=there, records=grid)


def _refuse_twice(data: RegressionRows) -> None:
    """Name the first unit with two rows in a period."""
    from cemlab.data.engine import rows

    table = data.table.drop_null()
    counted = table.group_by("u", "t").aggregate(n=table.count())
    found = rows(counted.filter(counted["n"] > 1).order_by("u", "t").limit(1))[0]
    raise DataError(
        f"table: {data.called['u']} {found['u']} has {found['n']} rows in {data.called['t']} {found['t']}; "
        "make one of them first"
    )


def _by_pyfixest(data: RegressionRows, periods: KeyNumbers) -> PanelSums:
    """Return the fit of a panel too long for an exact system."""
    import pyfixest

    n_given = int(data.table.count().execute())
    if n_given > _MOST_ROWS:
        raise DesignError(
            f"more than {MOST_PERIODS} periods and {n_given:,} rows; take longer periods, or fewer of them"
        )
    frame = _checked_frame(data, periods)
    own = [role for role in data.called if role.startswith("x")]
    by = "c" if "c" in data.called else "u"
    if frame[by].nunique() < 2:
        raise DesignError("all rows are in one cluster; clustered errors need two at least, better thirty")
    try:
        with warnings.catch_warnings():
            # rows alone in their unit and columns that depend on others are told below
            warnings.simplefilter("ignore", UserWarning)
            fit = pyfixest.feols(
                f"y ~ {' + '.join(own)} | u + t",
                frame,
                vcov={"CRV1": by},
                weights="w" if "w" in data.called else None,
                demeaner=pyfixest.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),
            )
        lost = [data.called[role] for role in own if role not in fit.coef().index]
    except ValueError as error:
        # it says so where no column at all is left
        if "collinear" not in str(error):
            raise
        lost = list(data.names)
    if lost:
        raise DesignError(
            f"{', '.join(lost)}: constant within units and periods, or dependent on other columns; leave "
            "it out"
        )
    used = fit._data
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


def _checked_frame(data: RegressionRows, periods: KeyNumbers) -> pd.DataFrame:
    """Return complete rows, keys as numbers, after the checks of the short way."""
    import pandas as pd

    numbers = {"t": periods, **{role: data.numbers(role) for role in ("u", "c") if role in data.called}}
    measured = [role for role in data.called if role == "y" or role.startswith("x")]
    parts = [
        pd.DataFrame(
            {
                **dict(zip(measured, block.values, strict=True)),
                **block.keys,
                **({} if block.weight is None else {"w": block.weight}),
            }
        )
        for block in data.blocks(numbers)
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(data.called))
    if frame.duplicated(["u", "t"]).any():
        _refuse_twice(data)
    if not (frame["u"].duplicated().any() and frame["t"].duplicated().any()):
        raise DesignError("no unit has rows in two periods that others share; nothing can be compared")
    return frame

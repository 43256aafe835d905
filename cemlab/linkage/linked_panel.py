"""The panel that links experience to money, as arrays, after all that cannot be one is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cemlab.evidence import Check
from cemlab.stats.within_slopes import Grid

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LinkedPanel:
    """Rows of units in periods, each with an outcome and a score; the panel may have gaps.

    Parameters
    ----------
    units, periods
        Names of the units (n) and the periods in order (t), every period between the first and the last.
    unit, period
        (m) number of each row's unit and period, from 0; rows in order of unit and period.
    outcome, score
        (m), nothing missing.
    halves
        (m, 2) the score from two halves of the answers, or None.
    controls
        (m, k), of full rank beside each other.
    control_names
        Their names, (k).
    instruments
        (m, q) what moves the score and, if assumed, the outcome by no other way; None where none is given.
    instrument_names
        Their names, (q).
    weights
        (m) positive; ones where none are given.
    cluster
        (m) number of each row's cluster, from 0; the unit where none is given.
    outcome_name, score_name
        The columns.
    outcome_unit
        E.g. ``"EUR a customer and month"``.
    n_given
        Rows that were handed in, those left out among them.
    source
        Where the data come from.
    checks
        What was checked in reading.
    unit_name, time_name
        The columns of unit and period.
    """

    units: tuple[str, ...]
    periods: tuple[Any, ...]
    unit: Ints
    period: Ints
    outcome: Floats
    score: Floats
    halves: Floats | None
    controls: Floats
    control_names: tuple[str, ...]
    weights: Floats
    cluster: Ints
    outcome_name: str
    score_name: str
    outcome_unit: str
    n_given: int
    source: str = ""
    checks: tuple[Check, ...] = ()
    instruments: Floats | None = None
    instrument_names: tuple[str, ...] = ()
    unit_name: str = "unit"
    time_name: str = "period"

    @property
    def grid(self) -> Grid:
        """Where the rows stand, for slopes within units and periods."""
        return Grid(unit=self.unit, period=self.period, cluster=self.cluster, weights=self.weights)

    @property
    def pooled_grid(self) -> Grid:
        """The same with one level for all rows."""
        one = np.zeros_like(self.unit)
        return Grid(unit=one, period=one, cluster=self.cluster, weights=self.weights)

    @property
    def n_units(self) -> int:
        """How many units have rows."""
        return len(self.units)

    @property
    def n_clusters(self) -> int:
        """How many clusters have rows."""
        return int(self.cluster.max()) + 1


def linked_panel(
    panel: ir.Table | pd.DataFrame,
    *,
    outcome: str,
    score: str = "cx",
    unit: str = "branch",
    time: str = "month",
    controls: Sequence[str] = (),
    halves: tuple[str, str] | None = None,
    instruments: Sequence[str] = (),
    weights: str | None = None,
    cluster: str | None = None,
    scale: tuple[float, float] | None = None,
    outcome_unit: str = "",
    source: str = "",
) -> LinkedPanel:
    """Return the arrays that link a score to an outcome, or refuse by name what cannot be linked.

    Parameters
    ----------
    panel
        One row a unit and period; the panel may have gaps. Its ``attrs["source"]`` is the source where none
        is given.
    outcome, score
        Columns of numbers.
    unit, time
        Columns of the unit and the period; periods are dates or whole numbers, in even steps.
    controls
        Columns of numbers, or of texts, which become a column of 0 and 1 for each text but the commonest.
    halves
        Two columns: the score from two halves of the answers, whose errors are independent.
    instruments
        Columns of numbers that move the score: see :func:`cemlab.linkage.instrument_value`.
    weights
        Column of positive numbers, e.g. customers.
    cluster
        Column of what units belong to, the same in all rows of a unit; the unit itself if not given.
    scale
        The lowest and the highest score that can be.
    outcome_unit
        E.g. ``"EUR a customer and month"``.
    source
        Where the data come from.

    Returns
    -------
    LinkedPanel
        Rows in order of unit and period. Rows in which something is missing are left out, counted in
        `n_given`, and checked for being missing by the score.

    Raises
    ------
    ColumnError
        If a column is not there, or there twice; on an engine also if two names differ only by case.
    DataError
        If a unit stands twice in a period, values are no finite numbers, scores lie outside `scale`, weights
        are not positive, a unit belongs to several clusters, or currencies are mixed.
    DesignError
        If there is one branch or fewer than three units, one period, most periods of most units are empty,
        the score or the outcome is the same everywhere, controls depend on each other, or one half of the
        score is the other on some scale.
    OptionError
        If one column is to play two parts, or `scale` is no range.

    Examples
    --------
    >>> import pandas as pd
    >>> panel = pd.DataFrame({"branch": list("aabbcc"), "month": [1, 2] * 3, "cx": [0.0, 1, 2, 4, 1, 5],
    ...                       "profit": [1.0, 2, 5, 7, None, 9]})
    >>> linked = linked_panel(panel, outcome="profit")
    >>> linked.units, linked.score.tolist(), linked.n_given
    (('a', 'b', 'c'), [0.0, 1.0, 2.0, 4.0, 5.0], 6)
    """
    from cemlab.linkage.panel_reading import read_panel

    return read_panel(
        panel,
        outcome=outcome,
        score=score,
        unit=unit,
        time=time,
        controls=controls,
        halves=halves,
        instruments=instruments,
        weights=weights,
        cluster=cluster,
        scale=scale,
        outcome_unit=outcome_unit,
        source=source,
    )

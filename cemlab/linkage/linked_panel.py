"""The panel that links experience to money, as arrays, after all that cannot be one is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cemlab.evidence import Check
from cemlab.stats.within_slopes import Grid

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
    def rows_are(self) -> str:
        """What a row is, in the plural: ``"branch-months"``."""
        return f"{self.unit_name}-{self.time_name}s"

    @property
    def n_units(self) -> int:
        """How many units have rows."""
        return len(self.units)

    @property
    def n_clusters(self) -> int:
        """How many clusters have rows."""
        return int(self.cluster.max()) + 1

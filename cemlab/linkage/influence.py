"""Does one branch make the slope: the worth of a point without each of them, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.absorbed import without_absorbed
from cemlab.linkage.linked_panel import LinkedPanel
from cemlab.linkage.naming import alike, in_words
from cemlab.linkage.panel_checks import require_linked
from cemlab.linkage.rung_columns import HELD, Rung, RungColumns, rung_columns, slope_of
from cemlab.markup import join_words, number, with_interval
from cemlab.result import Result, check_conf_level

Floats = npt.NDArray[np.float64]

_SHOWN = 8
# from more units none can matter alone, and the sums by unit grow large
_MOST_UNITS = 2_000
_SAME = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class Influence(Result):
    """The slope without each unit.

    Parameters
    ----------
    table
        One row a unit, the one that moves the slope most first: left_out, estimate (slope without it) [unit
        of the outcome per unit of the score], std_error, conf_low, conf_high, moved (slope without it less
        slope with all), in_errors (the same in standard errors of the slope with all).
    overall
        One row: estimate, std_error, conf_low, conf_high with all.
    rung, outcome, score
        What was asked, and the columns' names.
    """

    overall: pd.DataFrame
    rung: Rung
    outcome: str
    score: str

    title: ClassVar[str] = "The slope without each unit"
    labels: ClassVar[dict[str, str]] = {
        "left_out": "Left out",
        "slope": "Slope without it (interval)",
        "moved": "Moved by",
        "in_errors": "In standard errors",
    }

    @property
    def turns(self) -> tuple[str, ...]:
        """Units without which the interval holds zero where it did not, or the other way round."""
        whole = self.overall.iloc[0]
        settled = not whole["conf_low"] <= 0 <= whole["conf_high"]
        without = ~((self.table["conf_low"] <= 0) & (self.table["conf_high"] >= 0))
        return tuple(self.table.loc[without != settled, "left_out"])

    @property
    def summary(self) -> pd.DataFrame:
        """The units that move the slope most."""
        rows = self.table.head(_SHOWN).to_dict("records")
        return pd.DataFrame(
            {
                "left_out": [r["left_out"] for r in rows],
                "slope": [with_interval(r) for r in rows],
                "moved": [number(r["moved"]) for r in rows],
                "in_errors": [f"{r['in_errors']:.2f}" for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the range, the unit that matters most, and whether any turns the verdict."""
        whole, first = self.overall.iloc[0], self.table.iloc[0]
        low, high, moved = alike(self.table["estimate"].min(), self.table["estimate"].max(), first["moved"])
        turning = (
            f"Without {join_words(self.turns[:5])}, each alone, the verdict on nought turns."
            if self.turns
            else "Leaving out any one of them does not turn the verdict on nought."
        )
        return (
            f"The slope of {in_words(self.outcome)} on {in_words(self.score)} is {with_interval(whole)}, "
            f"{HELD[self.rung]}. Without one unit it lies between {low} and {high}; {first['left_out']} "
            f"moves it most, by {moved}, {abs(first['in_errors']):.2g} standard errors. {turning} "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Forest of the slopes without the units that move it most, the one with all first."""
        columns = ["left_out", "estimate", "conf_low", "conf_high"]
        frame = pd.concat(
            [self.overall.assign(left_out="(none)")[columns], self.table.head(_SHOWN)[columns]],
            ignore_index=True,
        )
        return Chart(
            kind="forest",
            frame=frame,
            x="estimate",
            y="left_out",
            low="conf_low",
            high="conf_high",
            x_label=f"Slope of {in_words(self.outcome)} on {in_words(self.score)}",
            y_label="Unit left out",
            claim=(f"No unit alone moves the slope by more than {number(abs(self.table['moved'].iloc[0]))}"),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def slope_without_each(panel: LinkedPanel, *, rung: Rung = "within", conf_level: float = 0.95) -> Influence:
    """Answer whether one branch alone makes the slope.

    Parameters
    ----------
    panel
        Read by :func:`linked_panel`; up to 2,000 units.
    rung
        Of which slope: "pooled", "controlled" or "within" units and periods.
    conf_level
        Of the intervals, by the panel's clusters.

    Returns
    -------
    Influence
        Its table has one row a unit.

    Raises
    ------
    DataError
        If the panel was not read by :func:`linked_panel`.
    OptionError
        If an option cannot be.
    DesignError
        If the slope cannot be told, with all units or without one of them, or there are too many units.

    Notes
    -----
    Each slope is what the regression without the unit gives, to rounding: a unit's cross-products are taken
    from those of all, periods and controls among them, and the smaller system is solved. So are the errors,
    by cluster. A unit matters by what it moves; where one moves the slope by about its standard error, or
    turns the verdict, the slope is that unit's.

    References
    ----------
    Belsley, D. A., Kuh, E., & Welsch, R. E. (1980). Regression diagnostics. Wiley.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> unit, score = np.repeat(np.arange(20), 6), rng.standard_normal(120)
    >>> worth = np.where(unit == 7, 5.0, 1.0)
    >>> linked = LinkedPanel(
    ...     units=tuple(map(str, range(20))), periods=tuple(range(6)), unit=unit,
    ...     period=np.tile(np.arange(6), 20), outcome=worth * score + 0.1 * rng.standard_normal(120),
    ...     score=score, halves=None,
    ...     controls=np.empty((120, 0)), control_names=(), weights=np.ones(120), cluster=unit,
    ...     outcome_name="profit", score_name="cx", outcome_unit="EUR", n_given=120)
    >>> found = slope_without_each(linked)
    >>> found.table["left_out"].iloc[0], round(float(found.table["estimate"].iloc[0]), 1)
    ('7', 1.0)
    """
    from scipy.stats import t as student

    require_linked(panel)
    check_conf_level(conf_level)
    panel = without_absorbed(panel) if rung == "within" else panel
    n = len(panel.units)
    if not 3 <= n <= _MOST_UNITS:
        raise DesignError(f"{n:,} units; slopes without each of them are told for 3 to {_MOST_UNITS:,} units")
    columns = rung_columns(panel, rung=rung)
    slope = slope_of(columns, cluster=panel.cluster)
    estimate, error, clusters = _without_each(columns, panel)
    wide = student.ppf(0.5 + conf_level / 2, np.maximum(clusters - 1, 1)) * error
    table = pd.DataFrame(
        {
            "left_out": [str(name) for name in panel.units],
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate - wide,
            "conf_high": estimate + wide,
            "moved": estimate - slope.estimate,
            "in_errors": (estimate - slope.estimate) / slope.clustered_error,
        }
    )
    order = table["moved"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    spread = float(student.ppf(0.5 + conf_level / 2, slope.clusters - 1)) * slope.clustered_error
    overall = pd.DataFrame(
        {
            "estimate": [slope.estimate],
            "std_error": [slope.clustered_error],
            "conf_low": [slope.estimate - spread],
            "conf_high": [slope.estimate + spread],
        }
    )
    return Influence(
        table=table,
        evidence=_evidence(panel, rung, table, slope.clustered_error),
        conf_level=conf_level,
        overall=overall,
        rung=rung,
        outcome=panel.outcome_name,
        score=panel.score_name,
    )


def _without_each(columns: RungColumns, panel: LinkedPanel) -> tuple[Floats, Floats, Floats]:
    """Return slope, clustered error and clusters left without each unit."""
    design = np.column_stack([columns.score, columns.others])
    scale = np.linalg.norm(design, axis=0)
    design = design / scale
    n, (m, k) = len(panel.units), design.shape
    products, sums, rows = np.empty((n, k, k)), np.empty((n, k)), np.bincount(panel.unit, minlength=n)
    for number_ in range(n):
        # rows are in order of units
        here = slice(int(rows[:number_].sum()), int(rows[: number_ + 1].sum()))
        products[number_] = design[here].T @ design[here]
        sums[number_] = design[here].T @ columns.outcome[here]
    whole, total = products.sum(axis=0), sums.sum(axis=0)
    home = np.zeros(n, dtype=np.int64)
    home[panel.unit] = panel.cluster
    estimate, error, clusters = np.empty(n), np.empty(n), np.empty(n)
    for number_ in range(n):
        left = whole - products[number_]
        bread, slopes = _solved(left, total - sums[number_], name=str(panel.units[number_]))
        stays = np.arange(n) != number_
        scores = (sums - products @ slopes) @ bread[0]
        added = np.bincount(home[stays], weights=scores[stays])
        present = np.unique(home[stays]).size
        used = m - int(rows[number_])
        free = used - int(np.linalg.matrix_rank(left, tol=_SAME)) - (columns.absorbed > 0)
        factor = present / (present - 1) * (used - 1) / free if present > 1 and free > 0 else np.nan
        estimate[number_] = slopes[0]
        error[number_] = np.sqrt(float(added @ added) * factor)
        clusters[number_] = present
    return estimate / scale[0], error / scale[0], clusters


def _solved(left: Floats, total: Floats, *, name: str) -> tuple[Floats, Floats]:
    """Return the inverse and the solution; a period seen in the unit alone goes with it."""
    bread = np.asarray(np.linalg.pinv(left, rcond=_SAME, hermitian=True), dtype=float)
    # the slope is told where its own direction lies within what is left
    if abs(float((bread @ left)[0, 0]) - 1) > 1e-6:
        raise DesignError(f"without {name} no slope can be told: the score varies only there")
    return bread, bread @ total


def _evidence(panel: LinkedPanel, rung: Rung, table: pd.DataFrame, error: float) -> Evidence:
    most = table.iloc[0]
    return Evidence(
        grade="association" if rung == "pooled" else "adjusted",
        design=f"Slope of {panel.outcome_name} on {panel.score_name} without each unit, {HELD[rung]}.",
        unit="rows of units and periods",
        n_used=len(panel.outcome),
        n_given=panel.n_given,
        source=panel.source,
        assumptions=("Units matter one by one; several that move the slope together are not looked for.",),
        checks=(
            *panel.checks,
            Check(
                name="one unit alone",
                null="no unit moves the slope by more than its standard error",
                passed=bool(abs(most["moved"]) <= error),
                detail=(
                    f"{most['left_out']} moves it most, by {number(most['moved'])}; its standard error is "
                    f"{number(error)}."
                ),
                remedy="Look at what happened there; report the slope without it beside.",
            ),
        ),
    )

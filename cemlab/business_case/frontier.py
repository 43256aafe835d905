"""Which pairs of values break even: the frontier between loss and gain over two entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.break_even import TOLERANCE
from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.figures import Figures
from cemlab.business_case.pricing import crossings, npv_at, reach, roots_between, solve
from cemlab.business_case.told import evidence_on, first_draws, named_claim, require_case, require_entry
from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.markup import number, percent
from cemlab.result import Result, check_conf_level

Floats = npt.NDArray[np.float64]

_POINTS = 13


@dataclass(frozen=True, eq=False, kw_only=True)
class Frontier(Result):
    """The value that one entry needs for each value of another.

    Parameters
    ----------
    table
        One row a value of x: x, estimate (the value of y at which the mean present value is nought),
        conf_low, conf_high (between the values at which few and at which nearly all draws of the other
        entries pay); missing where y would have to be what it cannot be.
    x, y
        The two entries.
    x_unit, y_unit
        Their units.
    needed
        Whether y is needed "at least" or "at most".
    p_gain
        Share of the draws of the two on the winning side of the frontier.
    standing
        The weakest link of the case.
    """

    x: str
    y: str
    x_unit: str
    y_unit: str
    needed: str
    p_gain: float
    standing: Standing

    title: ClassVar[str] = "Break-even frontier"

    @property
    def labels(self) -> dict[str, str]:  # type: ignore[override]  # here they hold the names of two entries
        """Names of the columns, with units."""
        return {"x": f"{self.x} [{self.x_unit}]", "estimate": f"{self.y} [{self.y_unit}]"}

    @property
    def summary(self) -> pd.DataFrame:
        """Every third row, with the interval."""
        return self.table.iloc[:: max(1, len(self.table) // 7)].reset_index(drop=True)

    def narrative(self) -> str:
        """Tell the frontier at its two ends and in the middle."""
        kept = self.table.dropna(subset=["estimate"])
        places = sorted({0, len(kept) // 2, len(kept) - 1})
        told = [f"{number(kept['estimate'].iloc[i])} at {number(kept['x'].iloc[i])}" for i in places]
        return (
            f"To break even on average, “{self.y}” has to be {self.needed} {', '.join(told)} {self.x_unit} "
            f"of “{self.x}” (in {self.y_unit}). Of the draws of both, {percent(self.p_gain)} lie on the "
            "winning side."
        )

    @property
    def chart(self) -> Chart:
        """The frontier with its interval."""
        share = percent(self.p_gain, digits=0)
        return Chart(
            kind="line",
            frame=self.table.dropna(subset=["estimate", "conf_low", "conf_high"]),
            x="x",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.x}, {self.x_unit}",
            y_label=f"{self.y} needed {self.needed}, {self.y_unit}",
            claim=named_claim(
                f"{share} of the draws of “{self.x}” and “{self.y}” are on the winning side",
                f"{share} of the draws of the two entries are on the winning side",
                self.standing,
            ),
            grade=self.evidence.grade,
            note=self.caption,
        )


def break_even_frontier(
    case: BusinessCase,
    *,
    x: str,
    y: str,
    points: int = 21,
    draws: int = 100,
    conf_level: float = 0.90,
) -> Frontier:
    """Answer how large one entry must be for each value of another, so that the case breaks even.

    Parameters
    ----------
    case
        A business case.
    x, y
        Two entries of it.
    points
        Values of x, evenly over its draws (a known one: from nought to twice its value).
    draws
        How many draws of the other entries to use.
    conf_level
        As in :func:`break_even`.

    Returns
    -------
    Frontier
        Its table has x, estimate, conf_low, conf_high.

    Raises
    ------
    DesignError
        If it is no case, or no pair of values breaks even.
    ColumnError
        If an entry does not enter.
    OptionError
        If both are the same, or an option is none.
    """
    require_case(case)
    check_conf_level(conf_level)
    require_entry(case, x)
    require_entry(case, y)
    if x == y:
        raise OptionError(f"x and y are both {x!r}; name two different entries")
    if isinstance(points, bool) or not isinstance(points, int) or not 3 <= points <= 200:
        raise OptionError(f"points is {points!r}; allowed: a whole number from 3 to 200")
    figures = first_draws(case, draws)
    across, up = _across(case, x, points), np.linspace(*reach(case, y), _POINTS)
    grid_x, grid_y = np.repeat(across, _POINTS), np.tile(up, points)
    npv = npv_at(case, figures, {x: grid_x, y: grid_y}).reshape(points, _POINTS, figures.n)
    table, rising = _table(case, figures, (x, y), across, up, npv, (1 - conf_level) / 2)
    entries = case.ledger[x], case.ledger[y]
    at = np.interp(case.draws.figures[x], table["x"], table["estimate"].ffill().bfill())
    above = case.draws.figures[y] > at
    return Frontier(
        table=table,
        evidence=evidence_on(case, design=f"Two entries held at values, {figures.n:,} draws of the others."),
        conf_level=conf_level,
        x=x,
        y=y,
        x_unit=entries[0].unit,
        y_unit=entries[1].unit,
        needed="at least" if rising else "at most",
        p_gain=float((above if rising else ~above).mean()),
        standing=case.standing,
    )


def _across(case: BusinessCase, item: str, points: int) -> Floats:
    drawn = case.draws.figures[item]
    low, high = float(drawn.min()), float(drawn.max())
    if low == high:
        low, high = sorted((0.0, 2 * low)) if low else reach(case, item)
    return np.linspace(low, high, points)


def _table(
    case: BusinessCase,
    figures: Figures,
    names: tuple[str, str],
    across: Floats,
    up: Floats,
    npv: Floats,
    tail: float,
) -> tuple[pd.DataFrame, bool]:
    """Return the frontier, and whether more of y is better."""
    mean = npv.mean(axis=2)
    rising = bool(mean[:, -1].sum() > mean[:, 0].sum())
    near = float(case.draws.figures[names[1]].mean())
    found = [crossings(up, row, near=near) for row in mean]
    step = np.array([place for _, place in found])
    inside = step >= 0
    if not inside.any():
        raise DesignError(
            f"no value that {names[1]!r} can have turns the sign of the case, at any value of {names[0]!r}; "
            "look at another pair"
        )
    estimate = np.full(len(across), np.nan)

    def along(at: Floats) -> Floats:
        held = {names[0]: across[inside], names[1]: at}
        return np.asarray(npv_at(case, figures, held).mean(axis=1))

    low, high = up[step[inside]], up[step[inside] + 1]
    estimate[inside] = solve(along, low, high, TOLERANCE * (float(npv.std()) or 1.0))
    ends = np.array(
        [
            roots_between(up, row, near=near if np.isnan(at) else at, rising=rising, tail=tail)
            for row, at in zip(npv, estimate, strict=True)
        ]
    )
    frame = {"x": across, "estimate": estimate, "conf_low": ends[:, 0], "conf_high": ends[:, 1]}
    return pd.DataFrame(frame), rising

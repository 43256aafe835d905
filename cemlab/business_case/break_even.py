"""Where the case turns from loss to gain: the value of each entry alone at which nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.figures import Figures
from cemlab.business_case.pricing import crossings, npv_at, reach, roots_between, solve
from cemlab.business_case.told import (
    evidence_on,
    first_draws,
    named_claim,
    require_case,
    require_entry,
    varying,
)
from cemlab.chart import Chart
from cemlab.errors import OptionError
from cemlab.markup import number, percent
from cemlab.result import Result, check_conf_level

Floats = npt.NDArray[np.float64]

_POINTS = 25
# Of the mean present value, as a share of the spread of the draws.
TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False, kw_only=True)
class BreakEven(Result):
    """The value of each entry alone at which the mean present value is nought.

    Parameters
    ----------
    table
        One row an entry, the least safe first: entry, estimate (its value where the mean present value is
        nought; missing where no value that it can have turns the sign), conf_low, conf_high (between the
        values at which few and at which nearly all draws of the other entries pay; missing beyond its reach),
        now (its mean), needed ("at least", "at most" or "any"), p_short (share of its draws on the losing
        side), unit, grade.
    npv
        The mean present value.
    currency
        Of the present value.
    standing
        The weakest link of the case.
    """

    npv: float
    currency: str
    standing: Standing

    title: ClassVar[str] = "Break-even of each entry alone"
    labels: ClassVar[dict[str, str]] = {
        "entry": "Entry", "needed": "To break even", "range": "Between few and nearly all draws",
        "now": "Mean now", "p_short": "Falls short in",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row an entry."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "entry": [r["entry"] for r in rows],
                "needed": [
                    "no value turns it"
                    if np.isnan(r["estimate"])
                    else f"{r['needed']} {_unit(r, 'estimate')}"
                    for r in rows
                ],
                "range": [f"{_end(r['conf_low'])} to {_end(r['conf_high'])}" for r in rows],
                "now": [number(r["now"]) for r in rows],
                "p_short": [percent(r["p_short"]) for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the entries that are nearest to their break-even."""
        found = self.table.dropna(subset=["estimate"]).head(3).to_dict("records")
        if not found:
            return (
                f"The mean present value is {number(round(self.npv))} {self.currency}; no entry alone turns "
                "its sign at any value that it can have."
            )
        told = [
            f"“{r['entry']}” {r['needed']} {_unit(r, 'estimate')} (now {number(r['now'])}; short in "
            f"{percent(r['p_short'])} of its draws)"
            for r in found
        ]
        return (
            f"The mean present value is {number(round(self.npv))} {self.currency}. To break even on average, "
            f"the other entries being as drawn, it takes {'; or '.join(told)}."
        )

    @property
    def chart(self) -> Chart:
        """Each break-even as a multiple of what the entry is now, with the interval."""
        kept = self.table.dropna(subset=["estimate", "conf_low", "conf_high"])
        kept = kept[kept["now"] != 0]
        ends = np.sort(kept[["conf_low", "conf_high"]].to_numpy() / kept[["now"]].to_numpy(), axis=1)
        frame = pd.DataFrame(
            {
                "entry": kept["entry"], "multiple": kept["estimate"] / kept["now"], "low": ends[:, 0],
                "high": ends[:, 1],
            }
        ).reset_index(drop=True)  # fmt: skip
        first = self.table.iloc[0]["entry"]
        return Chart(
            kind="forest",
            frame=frame,
            x="multiple",
            y="entry",
            low="low",
            high="high",
            x_label="Break-even as a multiple of the entry's mean",
            y_label="entry",
            claim=named_claim(
                f"The entry least safe from its break-even is “{first}”",
                "One entry is least safe from its break-even",
                self.standing,
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=1.0,
        )


def break_even(
    case: BusinessCase,
    *,
    entries: Sequence[str] | None = None,
    draws: int = 200,
    conf_level: float = 0.90,
) -> BreakEven:
    """Answer which value each entry alone must have for the case to break even.

    Parameters
    ----------
    case
        A business case.
    entries
        Entries to look at; those that vary, if not given.
    draws
        How many draws of the other entries to use.
    conf_level
        The interval reaches from the value at which a share of (1 − conf_level) / 2 of the draws pay to the
        one at which all but that share do.

    Returns
    -------
    BreakEven
        Its table has entry, estimate, conf_low, conf_high, now, needed, p_short.

    Raises
    ------
    DesignError
        If it is no case, nothing varies, or an entry is known to be nought.
    ColumnError
        If an entry does not enter.
    OptionError
        If an option is none.

    Notes
    -----
    One entry is held at a value and the others stay as they were drawn, also where they were fitted together
    with it. It is looked for up to three widths beyond its range and within what it can be; of several
    values the one nearest to its mean is told.
    """
    require_case(case)
    check_conf_level(conf_level)
    if isinstance(entries, str) or (entries is not None and not len(entries)):
        raise OptionError(f"entries is {entries!r}; allowed: a list of entries, or None for those that vary")
    items = varying(case) if entries is None else tuple(require_entry(case, item) for item in entries)
    figures = first_draws(case, draws)
    grids = np.array([np.linspace(*reach(case, item), _POINTS) for item in items])
    npv = _along(case, figures, items, grids)
    rows = _rows(case, items, grids, npv, (1 - conf_level) / 2)
    table = pd.DataFrame(rows)
    _refine(case, figures, items, table, grids, float(npv.std()))
    table["p_short"] = [_short(case, row) for row in table.to_dict("records")]
    spread = np.array([max(float(case.draws.figures[item].std()), 1e-12) for item in items])
    # of those whose draws all fall short, or none, the nearest to its break-even in its own spread
    far = np.nan_to_num(np.abs(table["estimate"] - table["now"]) / spread, nan=np.inf)
    table = table.iloc[np.lexsort((far, np.abs(table["p_short"] - 0.5), table["estimate"].isna()))]
    return BreakEven(
        table=table.drop(columns="step").reset_index(drop=True),
        evidence=evidence_on(case, design=f"One entry held at a value, {figures.n:,} draws of the others."),
        conf_level=conf_level,
        npv=float(case.draws.npv.mean()),
        currency=case.ledger.currency,
        standing=case.standing,
    )


def _along(case: BusinessCase, figures: Figures, items: tuple[str, ...], grids: Floats) -> Floats:
    """Return present values (items, points, draws)."""
    k, points = grids.shape
    moved = {}
    for i, item in enumerate(items):
        held = np.full((k, points), np.nan)
        held[i] = grids[i]
        moved[item] = held.ravel()
    return npv_at(case, figures, moved).reshape(k, points, figures.n)


def _rows(
    case: BusinessCase, items: tuple[str, ...], grids: Floats, npv: Floats, tail: float
) -> list[dict[str, Any]]:
    rows = []
    for item, grid, values in zip(items, grids, npv, strict=True):
        now = float(case.draws.figures[item].mean())
        mean = values.mean(axis=1)
        at, step = crossings(grid, mean, near=now)
        rising = bool(mean[step + 1] > mean[step]) if step >= 0 else bool(mean[-1] > mean[0])
        ends = roots_between(grid, values, near=now if step < 0 else at, rising=rising, tail=tail)
        entry = case.ledger[item]
        rows.append(
            {
                "entry": item, "estimate": at, "conf_low": ends[0], "conf_high": ends[1], "now": now,
                "needed": "any" if step < 0 else "at least" if rising else "at most", "unit": entry.unit,
                "grade": entry.grade, "step": step,
            }
        )  # fmt: skip
    return rows


def _refine(
    case: BusinessCase,
    figures: Figures,
    items: tuple[str, ...],
    table: pd.DataFrame,
    grids: Floats,
    spread: float,
) -> None:
    """Put the break-even values, found between two points of a grid, where the mean is nought."""
    found = np.flatnonzero(table["step"] >= 0)
    if not len(found):
        return
    step = table["step"].to_numpy()[found]

    def mean(at: Floats) -> Floats:
        moved = {}
        for row, i in enumerate(found):
            moved[items[i]] = np.full(len(found), np.nan)
            moved[items[i]][row] = at[row]
        return np.asarray(npv_at(case, figures, moved).mean(axis=1))

    roots = solve(mean, grids[found, step], grids[found, step + 1], TOLERANCE * (spread or 1.0))
    table.loc[table.index[found], "estimate"] = roots


def _short(case: BusinessCase, row: dict[Any, Any]) -> float:
    """Return the share of an entry's draws on the losing side of its break-even."""
    drawn = case.draws.figures[row["entry"]]
    if row["needed"] == "any":
        return float(case.draws.npv.mean() < 0)
    return float(
        ((drawn < row["estimate"]) if row["needed"] == "at least" else (drawn > row["estimate"])).mean()
    )


def _unit(row: dict[Any, Any], column: str) -> str:
    return f"{number(row[column])} {row['unit']}"


def _end(value: float) -> str:
    return "beyond" if np.isnan(value) else number(value)

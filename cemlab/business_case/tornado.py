"""Which entry moves the present value: one at a time from the low to the high end of what it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.figures import Figures
from cemlab.business_case.pricing import middle_conditions
from cemlab.business_case.told import drawn_together, evidence_on, named_claim, require_case, varying
from cemlab.chart import Chart
from cemlab.markup import join_words, number
from cemlab.result import Result, check_conf_level


@dataclass(frozen=True, eq=False, kw_only=True)
class Tornado(Result):
    """The present value with one entry at a time at its ends.

    Parameters
    ----------
    table
        One row an entry, the widest swing first: entry, estimate (present value with every entry at its
        median), conf_low, conf_high (the lower and the higher present value at its two ends), npv_at_low,
        npv_at_high, low, high (the ends), swing, flips (whether the sign changes), unit, grade.
    currency
        Of the present values.
    standing
        The weakest link of the case.
    """

    currency: str
    standing: Standing

    title: ClassVar[str] = "What moves the present value"
    labels: ClassVar[dict[str, str]] = {
        "entry": "Entry", "range": "From … to", "conf_low": "Lower value", "conf_high": "Higher value",
        "swing": "Swing", "grade": "Rests on",
    }  # fmt: skip

    @property
    def caption(self) -> str:
        """The line under the table."""
        share = f"{100 * self.conf_level:g} %"
        return (
            f"Each over the middle {share} of its draws, the others at their median. {self.evidence.line()}"
        )

    @property
    def summary(self) -> pd.DataFrame:
        """One row an entry, the widest swing first."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "entry": [r["entry"] for r in rows],
                "range": [f"{number(r['low'])} … {number(r['high'])} {r['unit']}" for r in rows],
                "conf_low": [number(round(r["conf_low"])) for r in rows],
                "conf_high": [number(round(r["conf_high"])) for r in rows],
                "swing": [number(round(r["swing"])) for r in rows],
                "grade": [r["grade"] for r in rows],
            }
        )

    def narrative(self) -> str:
        """Name the entry that moves most, and those that alone turn the sign."""
        first = self.table.iloc[0]
        flips = self.table.loc[self.table["flips"], "entry"].tolist()
        turned = (
            f"Alone, {join_words(f'“{item}”' for item in flips)} would turn its sign."
            if flips
            else "No entry alone turns its sign."
        )
        return (
            f"With every entry at its median the present value is {number(round(first['estimate']))} "
            f"{self.currency}. It moves most with “{first['entry']}” ({first['grade']}): from "
            f"{number(round(first['npv_at_low']))} at {number(first['low'])} to "
            f"{number(round(first['npv_at_high']))} at {number(first['high'])} {first['unit']}. {turned}"
        )

    @property
    def chart(self) -> Chart:
        """The swings, the widest on top, around the present value at the medians."""
        first = self.table["entry"].iloc[0]
        flips = int(self.table["flips"].sum())
        tail = (
            f"{flips} of {len(self.table)} entries alone turn its sign"
            if flips
            else "no entry alone turns its sign"
        )
        ends = {f"{end}_label": self.table[end].map(_three_figures) for end in ("low", "high")}
        return Chart(
            kind="tornado",
            frame=self.table[["entry", "estimate", "npv_at_low", "npv_at_high"]].assign(**ends),
            x="estimate",
            y="entry",
            low="npv_at_low",
            high="npv_at_high",
            low_label="low_label",
            high_label="high_label",
            x_label=f"Present value, {self.currency}",
            y_label="entry",
            claim=named_claim(
                f"The present value moves most with “{first}”; {tail}",
                f"One entry moves the present value most; {tail}",
                self.standing,
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def tornado(case: BusinessCase, *, conf_level: float = 0.90) -> Tornado:
    """Answer which entry moves the present value most, one at a time.

    Parameters
    ----------
    case
        A business case.
    conf_level
        The share of its draws over which each entry moves: 0.90 from its 5 % to its 95 % quantile.

    Returns
    -------
    Tornado
        Its table has one row an entry that varies: entry, estimate, conf_low, conf_high, swing.

    Raises
    ------
    DesignError
        If it is no case, or no entry varies.
    OptionError
        If `conf_level` is no share.

    Notes
    -----
    The value at the medians is not the mean value of the case, and the swings do not add up: entries act
    together, and some were fitted together. :func:`variance_shares` takes both into account.

    Examples
    --------
    See :func:`cemlab.business_case.training_case` for a ledger; then ``tornado(case).plot()``.
    """
    require_case(case)
    check_conf_level(conf_level)
    items = varying(case)
    ends = [(1 - conf_level) / 2, 0.5, (1 + conf_level) / 2]
    low, middle, high = np.quantile(case.draws.matrix(), ends, axis=0)
    rows = 1 + 2 * len(items)
    moved = {item: np.full(rows, values[0]) for item, values in case.draws.figures.items()}
    for k, item in enumerate(items):
        moved[item][:] = middle[k]
        moved[item][1 + 2 * k], moved[item][2 + 2 * k] = low[k], high[k]
    npv = case.npv(Figures(moved, rows), conditions=middle_conditions(case.conditions))
    at_low, at_high = npv[1::2], npv[2::2]
    table = pd.DataFrame(
        {
            "entry": items,
            "estimate": npv[0],
            "conf_low": np.minimum(at_low, at_high),
            "conf_high": np.maximum(at_low, at_high),
            "npv_at_low": at_low,
            "npv_at_high": at_high,
            "low": low,
            "high": high,
            "swing": np.abs(at_high - at_low),
            "flips": np.sign(at_low) * np.sign(at_high) < 0,
            "unit": [case.ledger[item].unit for item in items],
            "grade": [case.ledger[item].grade for item in items],
        }
    ).sort_values("swing", ascending=False, kind="stable", ignore_index=True)
    together = drawn_together(case)
    torn = f"Fitted together, but moved one by one here: {join_words(together)}." if together else ""
    return Tornado(
        table=table,
        evidence=evidence_on(
            case,
            design="One entry at a time, the others at their median.",
            assumptions=tuple(filter(None, (torn,))),
        ),
        conf_level=conf_level,
        currency=case.ledger.currency,
        standing=case.standing,
    )


def _three_figures(value: float) -> str:
    return number(float(f"{value:.3g}"))

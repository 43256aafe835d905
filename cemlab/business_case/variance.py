"""Whose uncertainty makes that of the case: shares of the variance of the present value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.told import (
    drawn_together,
    evidence_on,
    first_draws,
    named_claim,
    require_case,
    varying,
)
from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.markup import join_words, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.variance_shares import variance_shares as shares_of

#: The row of what the entries do only together.
TOGETHER = "entries acting together"


@dataclass(frozen=True, eq=False, kw_only=True)
class VarianceShares(Result):
    """The share of each entry in the variance of the present value.

    Parameters
    ----------
    table
        One row an entry, the largest first, and last what they do only together: entry, estimate (fair
        share; with the last row they add up to one), std_error, conf_low, conf_high (Monte Carlo), alone (the
        share that knowing this one entry would take away, on average), alone_error, grade.
    std_dev
        Standard deviation of the present value, in money.
    currency
        Of the present value.
    standing
        The weakest link of the case.
    """

    std_dev: float
    currency: str
    standing: Standing

    title: ClassVar[str] = "Whose uncertainty it is"
    labels: ClassVar[dict[str, str]] = {
        "entry": "Entry", "share": "Share of the variance (interval)", "alone": "Known alone",
        "grade": "Rests on",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row an entry."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "entry": [r["entry"] for r in rows],
                "share": [
                    f"{percent(r['estimate'])} ({percent(r['conf_low'])} to {percent(r['conf_high'])})"
                    for r in rows
                ],
                "alone": ["–" if np.isnan(r["alone"]) else percent(r["alone"]) for r in rows],
                "grade": [r["grade"] for r in rows],
            }
        )

    def narrative(self) -> str:
        """Name the entries that hold most of the variance."""
        entries = self.table[self.table["entry"] != TOGETHER]
        needed = int(np.searchsorted(entries["estimate"].cumsum(), 0.8)) + 1
        top = entries.head(min(needed, 3)).to_dict("records")
        told = [f"“{r['entry']}” {percent(r['estimate'], digits=0)} ({r['grade']})" for r in top]
        rest = self.table.iloc[-1]["estimate"]
        return (
            f"Of the variance of the present value (standard deviation {self.std_dev:,.0f} {self.currency}) "
            f"belongs to {join_words(told)}; {percent(rest, digits=0)} to entries acting only together."
        )

    @property
    def chart(self) -> Chart:
        """The shares, the largest on top."""
        first = self.table.iloc[0]
        share = percent(first["estimate"], digits=0)
        return Chart(
            kind="forest",
            frame=self.table[["entry", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="entry",
            low="conf_low",
            high="conf_high",
            x_label="Share of the variance of the present value",
            y_label="entry",
            claim=named_claim(
                f"{share} of the uncertainty is that of “{first['entry']}”",
                f"{share} of the uncertainty is that of one entry",
                self.standing,
            ),
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )


def variance_shares(
    case: BusinessCase, *, draws: int | None = None, seed: int = 1, conf_level: float = 0.95
) -> VarianceShares:
    """Answer whose uncertainty makes that of the present value, also where entries were fitted together.

    Parameters
    ----------
    case
        A business case of 1,000 draws or more.
    draws
        How many of its draws to use; None for all.
    seed
        Of the orders of entering, where there are more than five entries.
    conf_level
        Of the Monte Carlo intervals.

    Returns
    -------
    VarianceShares
        Its table has entry, estimate, conf_low, conf_high, alone; the fair shares and the last row, what the
        entries do only together, add up to one.

    Raises
    ------
    DesignError
        If it is no case, no entry varies, or there are under 1,000 draws.
    OptionError
        If an option is none.

    Notes
    -----
    Each entry enters as a smooth curve. The fair share is the mean, over the orders of entering, of what it
    adds to those before it (Shapley), so that entries which move together share what they have in common.
    `alone` is Var E(NPV | entry) / Var NPV (Sobol's first order).

    References
    ----------
    Owen, A. B. (2014). Sobol' indices and Shapley value. SIAM/ASA Journal on Uncertainty Quantification 2,
    245–251.
    """
    require_case(case)
    check_conf_level(conf_level)
    items = varying(case)
    figures = first_draws(case, draws)
    if figures.n < 1000:
        raise DesignError(f"{figures.n:,} draws are too few to share out a variance; take 1,000 or more")
    npv = case.draws.npv[: figures.n]
    found = shares_of(np.column_stack([figures[item] for item in items]), npv, seed=seed)
    order = np.argsort(-found.fair, kind="stable")
    table = pd.DataFrame(
        {
            "entry": [*(items[i] for i in order), TOGETHER],
            "estimate": [*found.fair[order], found.rest],
            "std_error": [*found.fair_error[order], found.rest_error],
            "alone": [*found.alone[order], np.nan],
            "alone_error": [*found.alone_error[order], np.nan],
            "grade": [*(case.ledger[items[i]].grade for i in order), case.standing],
        }
    )
    return VarianceShares(
        table=_with_interval(table, conf_level),
        evidence=_evidence(case, figures.n),
        conf_level=conf_level,
        std_dev=float(npv.std(ddof=1)),
        currency=case.ledger.currency,
        standing=case.standing,
    )


def _with_interval(table: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    from scipy.special import stdtrit

    # the error was taken from ten parts of the draws
    wide = float(stdtrit(9, (1 + conf_level) / 2)) * table["std_error"]
    table.insert(3, "conf_low", table["estimate"] - wide)
    table.insert(4, "conf_high", table["estimate"] + wide)
    return table


def _evidence(case: BusinessCase, draws: int) -> Evidence:
    together = drawn_together(case)
    shared = f"Fitted together, so that they share what they have in common: {join_words(together)}."
    return evidence_on(
        case,
        design=f"Shares of the variance of {draws:,} draws; the intervals are those of drawing alone.",
        assumptions=(shared,) if together else (),
    )

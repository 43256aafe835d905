"""What it is worth to know more before deciding, and what would change the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Standing
from cemlab.business_case.pricing import crossings
from cemlab.business_case.told import evidence_on, first_draws, named_claim, require_case, varying
from cemlab.chart import Chart
from cemlab.evidence import Evidence
from cemlab.markup import join_words, number, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.value_of_information import conditional_means, perfect_information, worth_of_advice

Floats = npt.NDArray[np.float64]

#: The row of knowing all entries.
EVERYTHING = "everything"

# Parts of the draws from which the error of a threshold is taken.
_PARTS = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Information(Result):
    """What knowing an entry exactly would be worth, and where it would turn the decision.

    Parameters
    ----------
    table
        First "everything", then one row an entry, the most valuable first: entry, estimate (value of knowing
        it, in money), std_error, conf_low, conf_high (Monte Carlo), share (of knowing everything), threshold
        (the entry's value beyond which one would decide otherwise; missing where none of its draws turns it),
        threshold_error, side ("above", "below"), p_flip (probability that it lies there), now (its mean),
        unit, grade.
    funds
        Whether the mean present value is above nought: the decision taken now.
    npv
        The mean present value.
    currency
        Of the values.
    standing
        The weakest link of the case.
    """

    funds: bool
    npv: float
    currency: str
    standing: Standing

    title: ClassVar[str] = "What knowing more is worth"
    labels: ClassVar[dict[str, str]] = {
        "entry": "Entry", "worth": "Worth knowing (interval)", "turns": "Would turn the decision",
        "p_flip": "Likelihood", "grade": "Rests on",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row an entry."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "entry": [r["entry"] for r in rows],
                "worth": [
                    f"{number(round(r['estimate']))} ({number(round(r['conf_low']))} to "
                    f"{number(round(r['conf_high']))})"
                    for r in rows
                ],
                "turns": [_turn(r) for r in rows],
                "p_flip": [percent(r["p_flip"]) for r in rows],
                "grade": [r["grade"] for r in rows],
            }
        )

    def narrative(self) -> str:
        """Tell the decision taken now, what would turn it, and which knowledge is worth most."""
        everything, *entries = self.table.to_dict("records")
        turning = [r for r in entries if not np.isnan(r["threshold"])][:3]
        told = [f"“{r['entry']}” {_turn(r)} ({percent(r['p_flip'])} likely)" for r in turning]
        turned = f"It would be turned by {join_words(told)}." if told else "No entry alone would turn it."
        most = max(entries, key=lambda r: float(r["estimate"]))
        worth = (
            f"the most valuable is “{most['entry']}”: {number(round(most['estimate']))}"
            if most["estimate"] > 0
            else "no single entry is worth finding out"
        )
        return (
            f"With a mean present value of {number(round(self.npv))} {self.currency} one would "
            f"{'fund it' if self.funds else 'not fund it'}. {turned} Knowing everything beforehand would be "
            f"worth {number(round(everything['estimate']))} {self.currency} on average, the most that any "
            f"study may cost; {worth}."
        )

    @property
    def chart(self) -> Chart:
        """The value of knowing each entry, everything on top."""
        entries = self.table.iloc[1:]
        first = entries.iloc[int(entries["estimate"].argmax())]
        money = f"{number(round(first['estimate']))} {self.currency}"
        return Chart(
            kind="forest",
            frame=self.table[["entry", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="entry",
            low="conf_low",
            high="conf_high",
            x_label=f"Worth of knowing it beforehand, {self.currency}",
            y_label="entry",
            claim=named_claim(
                f"Most worth knowing is “{first['entry']}”: up to {money}",
                f"The entry most worth knowing is worth up to {money}",
                self.standing,
            ),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def what_would_change_our_mind(
    case: BusinessCase, *, draws: int | None = None, conf_level: float = 0.95
) -> Information:
    """Answer what would turn the decision, how likely that is, and what knowing it beforehand is worth.

    Parameters
    ----------
    case
        A business case; the decision is to fund it or not, by the mean present value.
    draws
        How many of its draws to use; None for all.
    conf_level
        Of the Monte Carlo intervals.

    Returns
    -------
    Information
        Its table has entry, estimate (value of perfect information), conf_low, conf_high, threshold, p_flip.

    Raises
    ------
    DesignError
        If it is no case, or nothing varies.
    OptionError
        If an option is none.

    Notes
    -----
    The value of knowing one entry is the mean of what one would then gain by deciding on the mean present
    value given it, which a smooth curve through the draws estimates (Strong, Oakley & Brennan 2014). Entries
    fitted together tell about each other: knowing one then moves the others, as it should.

    References
    ----------
    Strong, M., Oakley, J. E. & Brennan, A. (2014). Estimating multiparameter partial expected value of
    perfect information from a probabilistic sensitivity analysis sample. Medical Decision Making 34, 311–326.
    """
    require_case(case)
    check_conf_level(conf_level)
    items = varying(case)
    figures = first_draws(case, draws)
    npv = case.draws.npv[: figures.n]
    values = np.column_stack([npv, np.zeros_like(npv)])
    funds = bool(npv.mean() > 0)
    rows = [_entry_row(case, item, figures[item], values, funds) for item in items]
    rows.sort(key=lambda row: -float(row["estimate"]))
    everything = perfect_information(values)
    rows.insert(0, _everything(everything.value, everything.std_error, npv, funds, case))
    table = pd.DataFrame(rows)
    from scipy.special import ndtri

    wide = float(ndtri((1 + conf_level) / 2)) * table["std_error"]
    table.insert(3, "conf_low", (table["estimate"] - wide).clip(lower=0))
    table.insert(4, "conf_high", table["estimate"] + wide)
    table.insert(5, "share", table["estimate"] / (everything.value or 1.0))
    return Information(
        table=table,
        evidence=_evidence(case, figures.n),
        conf_level=conf_level,
        funds=funds,
        npv=float(npv.mean()),
        currency=case.ledger.currency,
        standing=case.standing,
    )


def _entry_row(case: BusinessCase, item: str, drawn: Floats, values: Floats, funds: bool) -> dict[str, Any]:
    given = conditional_means(values, drawn)
    known, advised = worth_of_advice(values, given), given[:, 0] > 0
    threshold, side = _threshold(drawn, given[:, 0], funds)
    error = _threshold_error(drawn, values, funds) if side else np.nan
    entry = case.ledger[item]
    return {
        "entry": item, "estimate": max(known.value, 0.0), "std_error": known.std_error,
        "threshold": threshold, "threshold_error": error, "side": side,
        "p_flip": float((advised != funds).mean()), "now": float(drawn.mean()),
        "unit": entry.unit, "grade": entry.grade,
    }  # fmt: skip


def _everything(value: float, error: float, npv: Floats, funds: bool, case: BusinessCase) -> dict[str, Any]:
    return {
        "entry": EVERYTHING, "estimate": value, "std_error": error, "threshold": np.nan,
        "threshold_error": np.nan, "side": "", "p_flip": float(((npv > 0) != funds).mean()), "now": np.nan,
        "unit": "", "grade": case.standing,
    }  # fmt: skip


def _threshold(drawn: Floats, given: Floats, funds: bool) -> tuple[float, str]:
    """Return where the mean given the entry crosses nought, and the side on which one decides otherwise."""
    order = np.argsort(drawn, kind="stable")
    at, mean = drawn[order], given[order]
    threshold, step = crossings(at, mean, near=float(drawn.mean()))
    if step < 0:
        return float("nan"), ""
    rising = bool(mean[min(step + 1, len(at) - 1)] > mean[step])
    return threshold, "below" if rising == funds else "above"


def _threshold_error(drawn: Floats, values: Floats, funds: bool) -> float:
    """Return the Monte Carlo error of a threshold from parts of the draws; nan where a part has none."""
    parts = []
    for k in range(_PARTS):
        part = drawn[k::_PARTS]
        parts.append(_threshold(part, conditional_means(values[k::_PARTS], part)[:, 0], funds)[0])
    return float(np.std(parts, ddof=1) / np.sqrt(_PARTS))


def _evidence(case: BusinessCase, draws: int) -> Evidence:
    return evidence_on(
        case,
        design=f"Fund it or not, by the mean of {draws:,} draws; the intervals are those of drawing alone.",
        assumptions=(
            "Nothing but the present value counts in the decision, which can wait for the knowledge.",
        ),
    )


def _turn(row: dict[Any, Any]) -> str:
    if np.isnan(row["threshold"]):
        return "–"
    return f"{row['side']} {number(row['threshold'])} {row['unit']}".strip()

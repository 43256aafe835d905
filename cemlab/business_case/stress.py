"""What bad times do to the case: a recession, a budget that is cut, staff that leaves faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.cash import price
from cemlab.business_case.entries import Standing
from cemlab.business_case.scenarios import (
    Hits,
    Scenario,
    after_cut,
    conditions_of,
    in_words,
    usual_scenarios,
)
from cemlab.business_case.told import evidence_on, first_draws, named_claim, require_case
from cemlab.chart import Chart
from cemlab.errors import DataError, OptionError
from cemlab.evidence import Check
from cemlab.markup import join_words, number, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.intervals import wilson

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Stress(Result):
    """The present value in bad times.

    Parameters
    ----------
    table
        One row a scenario, first "as it is": scenario, estimate (mean present value), conf_low, conf_high,
        p_loss, p_loss_low, p_loss_high, change (mean difference to as it is), change_low, change_high,
        what (its numbers, in words).
    currency
        Of the present values.
    standing
        The weakest link, the scenarios included.
    """

    currency: str
    standing: Standing

    title: ClassVar[str] = "The case in bad times"
    labels: ClassVar[dict[str, str]] = {
        "scenario": "Scenario", "value": "Present value (interval)", "loss": "Loses money",
        "change": "Against as it is",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row a scenario."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "scenario": [r["scenario"] for r in rows],
                "value": [
                    f"{number(round(r['estimate']))} ({number(round(r['conf_low']))} to "
                    f"{number(round(r['conf_high']))})"
                    for r in rows
                ],
                "loss": [percent(r["p_loss"]) for r in rows],
                "change": [
                    "–" if i == 0 else f"{'+' if r['change'] > 0 else ''}{number(round(r['change']))}"
                    for i, r in enumerate(rows)
                ],
            }
        )

    def narrative(self) -> str:
        """Tell the worst of the scenarios, which of them turn the sign of the mean, and which better it."""
        base, bad = self.table.iloc[0], self.table.iloc[1:]
        worst = bad.iloc[int(bad["estimate"].argmin())]
        return (
            f"As it is the present value is {number(round(base['estimate']))} {self.currency} and "
            f"{percent(base['p_loss'])} of the draws lose money. The hardest of {len(bad)} scenarios is "
            f"“{worst['scenario']}” ({worst['what']}): {number(round(worst['estimate']))} "
            f"({number(round(worst['conf_low']))} to {number(round(worst['conf_high']))}), and "
            f"{percent(worst['p_loss'])} lose money. {self._turned()} A scenario says what would be, not how "
            "likely it is."
        )

    def _turned(self) -> str:
        base, bad = self.table.iloc[0], self.table.iloc[1:]
        lost = base["estimate"] < 0
        turn = bad.loc[(bad["estimate"] < 0) != lost, "scenario"]
        told = {
            (True, True): "The mean stays below nought in all of them.",
            (True, False): f"The mean, below nought as it is, rises above it in: {_quoted(turn)}.",
            (False, True): "In none of them does the mean fall below nought.",
            (False, False): f"The mean falls below nought in: {_quoted(turn)}.",
        }[bool(lost), turn.empty]
        better = bad.loc[bad["change"] > 0, "scenario"]
        return told if better.empty else f"{told} More is left than as it is in: {_quoted(better)}."

    @property
    def chart(self) -> Chart:
        """The present value in each scenario."""
        base, bad = self.table.iloc[0], self.table.iloc[1:]
        kept = int((bad["estimate"] > 0).sum())
        tail = f"the mean present value stays above nought in {kept} of {len(bad)} scenarios"
        sign = "Worth funding as it is" if base["estimate"] > 0 else "Not worth funding even as it is"
        return Chart(
            kind="forest",
            frame=self.table[["scenario", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="scenario",
            low="conf_low",
            high="conf_high",
            x_label=f"Present value, {self.currency}",
            y_label="scenario",
            claim=named_claim(f"{sign}; {tail}", tail.capitalize(), self.standing),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _quoted(names: pd.Series[str]) -> str:
    return join_words(f"“{name}”" for name in names)


def stress(
    case: BusinessCase,
    scenarios: Sequence[Scenario] | None = None,
    *,
    draws: int | None = None,
    seed: int = 1,
    conf_level: float = 0.90,
) -> Stress:
    """Answer what the case is worth in bad times.

    Parameters
    ----------
    case
        A business case.
    scenarios
        Bad times; those of :func:`usual_scenarios` if not given.
    draws
        How many of its draws to use; None for all. A slider takes some 1,000.
    seed
        Of the draws of the ledger's entries on recessions.
    conf_level
        Of the intervals.

    Returns
    -------
    Stress
        Its table has scenario, estimate, conf_low, conf_high, p_loss and change, each scenario priced
        with the same draws.

    Raises
    ------
    DesignError
        If it is no case, a scenario leaves nothing to price, or the ledger does not say what a recession
        does.
    DataError
        If two scenarios have one name, or an entry on recessions is no multiple.
    OptionError
        If an option is none.

    Notes
    -----
    In a month where a share s of the recession has arrived, the customers' pace of leaving is multiplied by
    the entry "recession → leaving for the price" to the power s, and what they spend by "recession →
    purchases" to the power s. The first applies to leaving for other reasons, of which leaving for the price
    is a part, where the chain has that, else to leaving for a competitor; an entry "recession → leaving for
    a competitor" applies to the latter.
    """
    require_case(case)
    check_conf_level(conf_level)
    listed = usual_scenarios(case.model.months) if scenarios is None else tuple(scenarios)
    _check_names(listed)
    figures = first_draws(case, draws)
    hits = Hits.of(case, figures.n, seed) if any(each.recession for each in listed) else None
    base = case.draws.npv[: figures.n]
    rows = [("as it is", base, "as the ledger says")]
    for each in listed:
        model = after_cut(case.model, each)
        conditions = conditions_of(each, case, hits, figures.n)
        npv = price(model, figures, conditions=conditions, keep=0).npv
        rows.append((each.name, npv, in_words(each)))
    also = tuple(hits.grades) if hits else ()
    evidence = evidence_on(
        case,
        design=f"Each scenario priced with the same {figures.n:,} draws; its numbers are assumptions.",
        assumptions=(
            *(f"{each.name}: {in_words(each)}." for each in listed),
            *dict.fromkeys(f"Recession: {each.recession.source}." for each in listed if each.recession),
        ),
        checks=_without_a_trace(rows),
        also=("assumption", *also),
    )
    return Stress(
        table=_table(rows, conf_level),
        evidence=evidence,
        conf_level=conf_level,
        currency=case.ledger.currency,
        standing="assumption",
    )


def _check_names(scenarios: Sequence[Scenario]) -> None:
    if not scenarios or not all(isinstance(each, Scenario) for each in scenarios):
        raise OptionError("scenarios: give one Scenario or more, or None for the usual ones")
    names = ["as it is", *(each.name for each in scenarios)]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise DataError(f"scenarios: {twice[0]!r} stands twice; give each a name of its own")


def _without_a_trace(rows: Sequence[tuple[str, Floats, str]]) -> tuple[Check, ...]:
    """Return a check that names scenarios which change nothing in any draw."""
    same = [name for name, npv, _ in rows[1:] if np.array_equal(npv, rows[0][1])]
    return (
        Check(
            name="scenarios that bite",
            null="every scenario changes the present value",
            passed=None if same else True,
            detail=f"{join_words(f'“{n}”' for n in same)} changes nothing." if same else "Each changes it.",
            remedy="It asks for something that the case does not have, such as refreshers or later waves.",
        ),
    )


def _table(rows: Sequence[tuple[str, Floats, str]], conf_level: float) -> pd.DataFrame:
    npv = np.array([values for _, values, _ in rows])
    change = npv - npv[0]
    ends = [(1 - conf_level) / 2, (1 + conf_level) / 2]
    low, high = np.quantile(npv, ends, axis=1)
    less, more = np.quantile(change, ends, axis=1)
    losses = (npv < 0).sum(axis=1)
    loss = wilson(losses, np.full(len(rows), npv.shape[1]), conf_level=conf_level)
    return pd.DataFrame(
        {
            "scenario": [name for name, _, _ in rows],
            "estimate": npv.mean(axis=1),
            "conf_low": low,
            "conf_high": high,
            "p_loss": losses / npv.shape[1],
            "p_loss_low": loss.conf_low,
            "p_loss_high": loss.conf_high,
            "change": change.mean(axis=1),
            "change_low": less,
            "change_high": more,
            "what": [what for _, _, what in rows],
        }
    )

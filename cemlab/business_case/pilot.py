"""Whether to buy a pilot before deciding: what it would tell, against what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.case import BusinessCase
from cemlab.business_case.entries import Entry, Standing
from cemlab.business_case.roles import check_entry
from cemlab.business_case.told import evidence_on, first_draws, named_claim, require_case, require_entry
from cemlab.business_case.units import Kind, currency_of
from cemlab.chart import Chart
from cemlab.errors import DesignError, OptionError
from cemlab.markup import number, percent
from cemlab.result import Result, check_conf_level
from cemlab.stats.value_of_information import Worth, partial_information, sample_information

_PRICE = Kind(words=("a branch",), money=True, lowest=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Pilot(Result):
    """What pilots of several sizes are worth.

    Parameters
    ----------
    table
        One row a size: branches, precision (standard error that the pilot would have), worth (what it tells,
        in money), worth_error (Monte Carlo), cost, estimate (worth less cost), conf_low, conf_high (Monte
        Carlo), p_change (probability that it turns the decision).
    entry
        What the pilot measures.
    known
        What knowing the entry exactly would be worth: no pilot is worth more.
    currency
        Of the money.
    standing
        The weakest link of the case.
    """

    entry: str
    known: float
    currency: str
    standing: Standing

    title: ClassVar[str] = "Is a pilot worth its price?"
    labels: ClassVar[dict[str, str]] = {
        "branches": "Branches", "precision": "Standard error", "worth": "Worth", "cost": "Costs",
        "estimate": "Net", "p_change": "Turns the decision",
    }  # fmt: skip

    @property
    def summary(self) -> pd.DataFrame:
        """One row a size."""
        table = self.table
        return pd.DataFrame(
            {
                "branches": table["branches"],
                "precision": table["precision"],
                **{name: table[name].round().astype("int64") for name in ("worth", "cost", "estimate")},
                "p_change": table["p_change"].map(percent),
            }
        )

    @property
    def best(self) -> int | None:
        """The number of branches with the highest net worth; None if no pilot is worth its price."""
        row = self.table.iloc[int(self.table["estimate"].argmax())]
        return int(row["branches"]) if row["estimate"] > 0 else None

    def narrative(self) -> str:
        """Tell the best pilot, or that none is worth its price."""
        row = self.table.iloc[int(self.table["estimate"].argmax())]
        what = (
            f"a pilot of {int(row['branches'])} branches is worth {number(round(row['worth']))} and costs "
            f"{number(round(row['cost']))} {self.currency}; it would turn the decision with a probability of "
            f"{percent(row['p_change'])}"
        )
        verdict = "Buy it" if row["estimate"] > 0 else "Decide without one: at best"
        lead = f"{verdict}: {what}" if row["estimate"] > 0 else f"{verdict}, {what}"
        return (
            f"{lead}. Knowing “{self.entry}” exactly would be worth {number(round(self.known))} "
            f"{self.currency}: no pilot is worth more."
        )

    @property
    def chart(self) -> Chart:
        """Net worth by the number of branches."""
        buys = self.best
        claim = (
            f"A pilot of {buys} branches is worth more than it costs"
            if buys is not None
            else "No pilot is worth its price"
        )
        return Chart(
            kind="line",
            frame=self.table,
            x="branches",
            y="estimate",
            low="conf_low",
            high="conf_high",
            x_label="Branches in the pilot",
            y_label=f"Worth less cost, {self.currency}",
            claim=named_claim(claim, claim, self.standing),
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def pilot(
    case: BusinessCase,
    *,
    entry: str,
    std_error: Mapping[int, float],
    cost: str | Entry,
    draws: int | None = None,
    conf_level: float = 0.95,
) -> Pilot:
    """Answer whether to buy a pilot before deciding, and of how many branches.

    Parameters
    ----------
    case
        A business case; the decision is to fund it or not.
    entry
        What the pilot would measure, without bias: mostly what training changes.
    std_error
        Branches in the pilot → standard error of its estimate, in the unit of the entry (from a planner).
    cost
        An entry of the ledger, or one beside it: money a branch.
    draws
        How many of the case's draws to use; None for all.
    conf_level
        Of the Monte Carlo intervals.

    Returns
    -------
    Pilot
        Its table has one row a size: branches, precision, worth, cost, estimate (net), conf_low, conf_high.

    Raises
    ------
    DesignError
        If it is no case, the cost is no entry in the case's currency, or `entry` is known exactly.
    ColumnError
        If an entry is not there.
    OptionError
        If `std_error` holds something that is none.

    Notes
    -----
    Before the pilot its estimate is a draw of the entry plus normal error; after it one decides by the mean
    present value given that estimate. The worth is what this adds on average (expected value of sample
    information; Raiffa & Schlaifer 1961), for a prior of any shape. That the decision waits for the pilot is
    not charged.
    """
    require_case(case)
    check_conf_level(conf_level)
    require_entry(case, entry)
    sizes = _sizes(std_error)
    each = _price(case, cost)
    figures = first_draws(case, draws)
    drawn, npv = figures[entry], case.draws.npv[: figures.n]
    if np.ptp(drawn) == 0:
        raise DesignError(f"the entry {entry!r} is known exactly: a pilot would tell nothing")
    values = np.column_stack([npv, np.zeros_like(npv)])
    samples = [sample_information(values, drawn, std_error=error) for error in sizes.values()]
    worth = np.array([sample.value for sample in samples])
    error = np.array([sample.std_error for sample in samples])
    price = each.mean * np.array(list(sizes), dtype=float)
    from scipy.special import ndtri

    wide = float(ndtri((1 + conf_level) / 2)) * error
    table = pd.DataFrame(
        {
            "branches": list(sizes), "precision": list(sizes.values()), "worth": worth, "worth_error": error,
            "cost": price, "estimate": worth - price, "conf_low": worth - wide - price,
            "conf_high": worth + wide - price, "p_change": [sample.p_change for sample in samples],
        }
    )  # fmt: skip
    known: Worth = partial_information(values, drawn)
    return Pilot(
        table=table,
        evidence=evidence_on(
            case,
            design=f"Pilots of {len(sizes)} sizes, each seen from before it; {figures.n:,} draws.",
            assumptions=(
                "The pilot's estimate is unbiased, with normal error.",
                "The decision can wait for the pilot at no cost.",
                f"A branch in the pilot costs {number(each.mean)} ({each.source or 'no source'}).",
            ),
            also=(each.grade,),
        ),
        conf_level=conf_level,
        entry=entry,
        known=known.value,
        currency=case.ledger.currency,
        standing=case.standing,
    )


def _sizes(std_error: Mapping[int, float]) -> dict[int, float]:
    if not isinstance(std_error, Mapping) or not std_error:
        raise OptionError(f"std_error is {std_error!r}; allowed: branches → error, e.g. {{8: 0.1}}")
    for branches, error in std_error.items():
        whole = isinstance(branches, int | np.integer) and not isinstance(branches, bool) and branches > 0
        if not whole or not isinstance(error, int | float) or not (error > 0 and np.isfinite(error)):
            raise OptionError(
                f"std_error has {branches!r}: {error!r}; allowed: whole branches from 1 on → a number "
                "above nought"
            )
    return {int(branches): float(std_error[branches]) for branches in sorted(std_error)}


def _price(case: BusinessCase, cost: str | Entry) -> Entry:
    if isinstance(cost, int | float):
        raise DesignError(
            f"cost is the plain number {cost!r}; a price enters as an entry: Assumption(item=…, low=…, "
            f"mode=…, high=…, unit='{case.ledger.currency} a branch', …)"
        )
    entry = cost if isinstance(cost, Entry) else case.ledger[cost]
    if currency_of(entry.unit, case.ledger.currency) != case.ledger.currency:
        raise DesignError(
            f"the entry {entry.item!r} is in {entry.unit!r}; the price of a pilot is in "
            f"{case.ledger.currency} a branch"
        )
    check_entry(entry, _PRICE, "price of a pilot", case.ledger.currency)
    return entry

"""Return on a training from one gain and one cost, as Phillips' fifth level has it: nothing discounted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.business_case.case import FEWEST_DRAWS, MOST_DRAWS, check_ledger
from cemlab.business_case.chain import check_whole
from cemlab.business_case.entries import Standing
from cemlab.business_case.figures import Floats
from cemlab.business_case.grades import as_grade, check_title, may_say_return, name_of, weakest
from cemlab.business_case.ledger import CaseLedger
from cemlab.business_case.roles import check_entry, item_name
from cemlab.business_case.units import Kind
from cemlab.chart import Chart
from cemlab.errors import DesignError
from cemlab.evidence import Evidence
from cemlab.markup import number, percent
from cemlab.result import Result, check_conf_level

_MONEY = Kind(words=("", "a year", "in all"), money=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class SimpleReturn(Result):
    """What one sum brings for another.

    Parameters
    ----------
    table
        quantity, estimate (at the most plausible values), conf_low, conf_high, unit: gain, cost, what is
        left, benefit–cost ratio and, where the gain rests on a design that identifies a cause, the return on
        investment: what is left as a share of the cost.
    standing
        What the gain rests on.
    """

    standing: Standing

    title: ClassVar[str] = "Gain and cost"
    labels: ClassVar[dict[str, str]] = {"quantity": "Quantity", "estimate": "Estimate", "unit": "Unit"}

    @property
    def name(self) -> str:
        """What it is to be called."""
        return name_of(self.standing)

    def titled(self, title: str) -> str:
        """Return a title for it, or refuse one that says more than it rests on."""
        return check_title(title, self.standing)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a quantity."""
        return self.table

    def narrative(self) -> str:
        """Say what is left for what is paid."""
        rows = {row["quantity"]: row for row in self.table.to_dict("records")}
        gain, cost, left = (rows[name] for name in ("gain", "cost", "left over"))
        level = (
            f"{100 * self.conf_level:g} % interval {number(left['conf_low'])} to {number(left['conf_high'])}"
        )
        said = (
            f"The {self.name}: {number(gain['estimate'])} {gain['unit']} for {number(cost['estimate'])}; "
            f"{number(left['estimate'])} ({level}) are left over"
        )
        if "return on investment" not in rows:
            return f"{said}. The gain rests on {_told(self.standing)}, so no return is claimed."
        back = percent(rows["return on investment"]["estimate"], digits=0)
        return f"{said}, a return on investment of {back}."

    @property
    def chart(self) -> Chart:
        """Gain, cost and what is left."""
        return Chart(
            kind="forest",
            frame=self.table.iloc[:3],
            x="estimate",
            y="quantity",
            low="conf_low",
            high="conf_high",
            x_label=str(self.table["unit"].iloc[0]),
            y_label="",
            claim="More comes in than goes out" if self.table["estimate"].iloc[2] > 0 else "It does not pay",
            grade=self.evidence.grade,
            note=self.caption,
            reference=0.0,
        )


def _told(standing: Standing) -> str:
    return "an assumption" if standing == "assumption" else f"the grade “{standing}”"


def simple_return(
    ledger: CaseLedger,
    *,
    gain: str,
    cost: str,
    draws: int = 20_000,
    seed: int = 1,
    conf_level: float = 0.90,
) -> SimpleReturn:
    """Answer what share of its cost a training brings beyond its cost.

    Parameters
    ----------
    ledger
        With both entries.
    gain, cost
        Items: money in all, or a year's, both over the same time.
    draws, seed, conf_level
        Of the intervals.

    Returns
    -------
    SimpleReturn
        With a return on investment, (gain − cost) / cost, only if the gain's grade identifies a cause.

    Raises
    ------
    DesignError
        If something else than the name of an entry is given, a unit or currency does not fit, or the cost may
        be nought.
    ColumnError, OptionError
        If an item or an option is not among those there are.

    References
    ----------
    Phillips, J. J. (1997). Return on Investment in Training and Performance Improvement Programs. Gulf.

    Examples
    --------
    >>> from cemlab.business_case import case_ledger, counted
    >>> from dataclasses import replace
    >>> pace = case_ledger([
    ...     replace(counted(item="gain", value=321145, unit="USD"), grade="quasi-experiment"),
    ...     counted(item="cost", value=90285, unit="USD"),
    ... ], currency="USD")
    >>> simple_return(pace, gain="gain", cost="cost").narrative()
    'The business case: 321,145 USD for 90,285; 230,860 (...) are left over, a return on investment of 256 %.'
    """
    check_ledger(ledger)
    check_conf_level(conf_level)
    check_whole(draws, "draws", FEWEST_DRAWS, MOST_DRAWS)
    items = [item_name(gain, "gain"), item_name(cost, "cost")]
    for item, role in zip(items, ("gain", "cost"), strict=True):
        check_entry(ledger[item], _MONEY, role, ledger.currency)
    yearly = [" a year" in f" {ledger[item].unit}" for item in items]
    if yearly[0] != yearly[1]:
        raise DesignError(
            f"{items[0]!r} is in {ledger[items[0]].unit!r}, {items[1]!r} in {ledger[items[1]].unit!r}; give "
            "both in all, or both for a year"
        )
    if ledger[items[1]].ends[0] <= 0:
        raise DesignError(f"the cost {items[1]!r} may be nought or less; there is no share of nothing")
    figures = ledger.draws(draws, seed=seed, items=items)
    middle = [ledger[item].middle for item in items]
    standing = weakest([ledger[items[0]].grade])
    drawn = _quantities(figures[items[0]], figures[items[1]])
    at = _quantities(*(np.array([value]) for value in middle))
    rows = []
    for name, values in drawn.items():
        if name == "return on investment" and not may_say_return(standing):
            continue
        low, high = np.quantile(values, [(1 - conf_level) / 2, (1 + conf_level) / 2])
        rows.append((name, float(at[name][0]), float(low), float(high), _UNITS.get(name, ledger.currency)))
    evidence = Evidence(
        grade=as_grade(standing),
        design=f"One gain and one cost from a ledger; the gain rests on {_told(standing)}.",
        unit="entries",
        n_used=2,
        n_given=len(ledger),
        source=ledger[items[0]].source or ledger.evidence.source,
        assumptions=("Gain and cost belong to the same time; nothing is discounted.",),
    )
    columns = ["quantity", "estimate", "conf_low", "conf_high", "unit"]
    return SimpleReturn(
        table=pd.DataFrame(rows, columns=columns), evidence=evidence, conf_level=conf_level, standing=standing
    )


_UNITS = {"benefit–cost ratio": "gain per cost", "return on investment": "share of the cost"}


def _quantities(gain: Floats, cost: Floats) -> dict[str, Floats]:
    return {
        "gain": gain,
        "cost": cost,
        "left over": np.asarray(gain - cost),
        "benefit–cost ratio": np.asarray(gain / cost),
        "return on investment": np.asarray((gain - cost) / cost),
    }

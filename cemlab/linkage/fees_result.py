"""What fees do to staying, and income against retention lost: what both questions return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.markup import amount, percent, points, with_interval
from cemlab.result import Result


@dataclass(frozen=True, eq=False, kw_only=True)
class FeeEffect(Result):
    """What charging a fee does to the share of customers who leave.

    Parameters
    ----------
    table
        Two rows: comparison (charged against waived; payers against those who never had a fee), estimate,
        conf_low, conf_high [difference of shares], std_error, p_value, share, share_other [shares that left
        of both groups], n, n_other [customers], window_days [missing: until the end of the data].
    fee
        Mean fee charged, currency.
    currency
        Its unit.
    lot_stated
        Whether a lot was stated to have decided who was charged.
    """

    fee: float
    currency: str
    lot_stated: bool = False

    title: ClassVar[str] = "What a fee does to staying"
    labels: ClassVar[dict[str, str]] = {
        "comparison": "Comparison",
        "share": "Left",
        "other": "Left, the others",
        "difference": "Difference (interval)",
        "n": "Customers",
    }

    @property
    def by_lot(self) -> pd.Series:
        """The row of charged against waived: what to read where a lot decided."""
        return self.table.iloc[0]

    @property
    def naive(self) -> pd.Series:
        """The row of the naive comparison."""
        return self.table.iloc[1]

    @property
    def summary(self) -> pd.DataFrame:
        """Both comparisons as text."""
        rows = self.table.to_dict("records")
        return pd.DataFrame(
            {
                "comparison": [row["comparison"] for row in rows],
                "share": [percent(row["share"]) for row in rows],
                "other": [percent(row["share_other"]) for row in rows],
                "difference": [_difference(row) for __, row in self.table.iterrows()],
                "n": [f"{int(row['n']):,} and {int(row['n_other']):,}" for row in rows],
            }
        )

    def narrative(self) -> str:
        """Tell charged against waived, the naive comparison, and why they differ."""
        lot, naive, days = self.by_lot, self.naive, int(self.by_lot["window_days"])
        by = (
            "A lot decided who was charged, as stated, and the checks do not speak against it, so the "
            "difference is the effect of the fee."
            if self.evidence.identifies_cause
            else f"{self._why_no_lot()}, so charging and leaving may have a common reason."
        )
        opposed = ", the other way round" if naive["estimate"] * lot["estimate"] < 0 else ""
        beside = (
            "Payers less those who never had a fee, until the end of the data: "
            f"{_difference(naive)}{opposed}. That comparison misleads, as a payer had to stay until the fee "
            "and those who use much differ in more than the fee."
            if naive["n_other"]
            else "Everybody had a fee, so payers cannot be compared with those who never had one."
        )
        return (
            f"Of {int(lot['n']):,} customers charged {percent(lot['share'])} left by their own will within "
            f"{days} days, of {int(lot['n_other']):,} whose fee was waived {percent(lot['share_other'])}: "
            f"{_difference(lot)}. {by} {beside} ({self.evidence.n_used:,} {self.evidence.unit}, "
            f"{100 * self.conf_level:g} % intervals.)"
        )

    def _why_no_lot(self) -> str:
        if not self.lot_stated:
            return "Nobody stated that a lot decided who was charged (by_lot=True)"
        if self.evidence.failed:
            return "The checks speak against the lot that is said to have decided who was charged"
        return "The fees are too few to check the lot that is said to have decided who was charged"

    @property
    def chart(self) -> Chart:
        """Both differences with their intervals."""
        lot = self.by_lot
        more = points(float(lot["estimate"]))
        if self.evidence.identifies_cause:
            sure = lot["conf_low"] > 0 or lot["conf_high"] < 0
            claim = (
                f"Charging a fee changes the share that leaves by {more}"
                if sure
                else "Whether charging a fee changes the share that leaves is not settled"
            )
        else:
            claim = f"Customers charged and those waived differ by {more} in leaving"
        return Chart(
            kind="forest",
            frame=self.table[["comparison", "estimate", "conf_low", "conf_high"]],
            x="estimate",
            y="comparison",
            low="conf_low",
            high="conf_high",
            x_label="Difference in the share that left by their own will",
            y_label="",
            claim=claim,
            grade=self.evidence.grade,
            note=self.caption,
            percent=True,
            reference=0.0,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class NetOfFees(Result):
    """Fee income against retention lost, for each fee that falls due and is charged.

    Parameters
    ----------
    table
        One row a quantity: quantity (fee income, margin lost, net of the fee, fee that breaks even),
        estimate, conf_low, conf_high [currency a fee charged].
    fee
        Fee, currency.
    value
        Margin that goes with a customer who leaves, currency.
    months
        For how long leavers are taken to have stayed otherwise: stated, not measured.
    currency
        Unit of money.
    """

    fee: float
    value: float
    months: float
    currency: str

    title: ClassVar[str] = "Fee income against retention lost"
    labels: ClassVar[dict[str, str]] = {"quantity": "For each fee charged", "amount": "Amount (interval)"}

    @property
    def summary(self) -> pd.DataFrame:
        """The amounts as text."""
        told = [self._told(row) for __, row in self.table.iterrows()]
        return pd.DataFrame({"quantity": self.table["quantity"], "amount": told})

    def narrative(self) -> str:
        """Tell income, loss, what is left, and from which fee on charging would pay."""
        net, even = self.table.iloc[2], self.table.iloc[3]
        proviso = (
            ""
            if self.evidence.identifies_cause
            else " Customers charged and waived may differ in more than the fee."
        )
        if even["conf_high"] <= 0:
            known = self.evidence.identifies_cause
            pays = f"Fewer of those charged left than of those waived{', so any fee pays' if known else ''}."
        elif even["estimate"] > 0:
            pays = f"If no more left for it, {self._told(even)} would break even."
        else:
            pays = (
                "Whether charging makes more leave is not settled: a fee of up to "
                f"{self._money(even['conf_high'])} may be what breaks even."
            )
        return (
            f"A fee of {self._money(self.fee)} stands against {self._told(even)} of margin that goes with "
            f"customers who leave, at {self._money(self.value)} each had they stayed {self.months:g} months: "
            f"{self._told(net)} for each fee charged. {pays}{proviso} "
            f"({self.evidence.n_used:,} {self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

    @property
    def chart(self) -> Chart:
        """Income, loss and net with their intervals."""
        low, high = (float(self.table[name].iloc[2]) for name in ("conf_low", "conf_high"))
        if high < 0:
            claim = "The fee brings less than the customers who leave took with them"
        elif low > 0:
            claim = "The fee brings more than the customers who leave took with them"
        else:
            claim = "Whether the fee outweighs the customers who leave is not settled"
        claim += f", had leavers stayed {self.months:g} months"
        return Chart(
            kind="forest",
            frame=self.table[["quantity", "estimate", "conf_low", "conf_high"]].iloc[:3],
            x="estimate",
            y="quantity",
            low="conf_low",
            high="conf_high",
            x_label=f"{self.currency or 'Money'} a fee charged",
            y_label="",
            claim=claim,
            grade=self.evidence.grade,
            note=f"{self.caption} The grade is of how many leave; the {self.months:g} months are stated.",
            reference=0.0,
        )

    def _money(self, value: float) -> str:
        return f"{amount(value)} {self.currency}".strip()

    def _told(self, row: pd.Series) -> str:
        return f"{with_interval(row)} {self.currency}".strip()


def _difference(row: pd.Series) -> str:
    if np.isnan(row["estimate"]):
        return "not estimable"
    return f"{points(row['estimate'])} ({100 * row['conf_low']:+.1f} to {100 * row['conf_high']:+.1f})"

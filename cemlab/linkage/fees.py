"""Extraction fees: what charging for an overage does to staying, and whether the fee pays for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import ClassVar

import numpy as np
import pandas as pd

from cemlab.chart import Chart
from cemlab.data.fees_due import FeesDue
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.fee_lot import lot_checks
from cemlab.markup import amount, percent, points
from cemlab.result import Result, check_conf_level
from cemlab.stats.intervals import Interval, difference_of_shares, wilson

# Fewest fees waived, and charged, from which an interval is more than a formality.
_FEW = 20
_LOT, _NAIVE = "charged less waived, by lot", "payers less those never due a fee"
_INCOME, _LOST, _NET, _EVEN = "fee income", "margin lost", "net of the fee", "fee that breaks even"


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
    """

    fee: float
    currency: str

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
        """The row of the comparison by lot."""
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
        """Tell what the lot says, what the naive comparison says, and why they differ."""
        lot, naive, days = self.by_lot, self.naive, int(self.by_lot["window_days"])
        by = (
            "A lot decided who was charged, so the difference is the effect of the fee."
            if self.evidence.identifies_cause
            else "The checks do not bear out that a lot decided who was charged, so charging and leaving may "
            "have a common reason."
        )
        opposed = ", the other way round" if naive["estimate"] * lot["estimate"] < 0 else ""
        return (
            f"Of {int(lot['n']):,} customers charged {percent(lot['share'])} left by their own will within "
            f"{days} days, of {int(lot['n_other']):,} whose fee was waived {percent(lot['share_other'])}: "
            f"{_difference(lot)}. {by} Payers less those who never had a fee, until the end of the data: "
            f"{_difference(naive)}{opposed}. That comparison misleads, as a payer had to stay until the fee "
            f"and those who use much differ in more than the fee. ({self.evidence.n_used:,} "
            f"{self.evidence.unit}, {100 * self.conf_level:g} % intervals.)"
        )

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
    currency
        Unit of money.
    """

    fee: float
    value: float
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
        if even["estimate"] > 0:
            pays = f"If no more left for it, {self._told(even)} would break even."
        else:
            pays = "No more of those charged left than of those waived, so any fee pays."
        return (
            f"A fee of {self._money(self.fee)} stands against {self._told(even)} of margin that goes with "
            f"customers who leave, at {self._money(self.value)} each: {self._told(net)} for each fee "
            f"charged. {pays}{proviso} ({self.evidence.n_used:,} {self.evidence.unit}, "
            f"{100 * self.conf_level:g} % intervals.)"
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
            note=self.caption,
            reference=0.0,
        )

    def _money(self, value: float) -> str:
        return f"{amount(value)} {self.currency}".strip()

    def _told(self, row: pd.Series) -> str:
        return f"{self._money(row['estimate'])} ({amount(row['conf_low'])} to {amount(row['conf_high'])})"


def fee_effect(due: FeesDue, *, charged_share: float = 0.5, conf_level: float = 0.95) -> FeeEffect:
    """Answer how many more customers leave because a fee is charged rather than waived.

    Parameters
    ----------
    due
        Fees that fell due, from :func:`cemlab.data.fees_due.fees_due`.
    charged_share
        Share of the fees that the lot was to charge.
    conf_level
        Of the intervals.

    Returns
    -------
    FeeEffect
        Charged against waived, and the naive comparison beside it. The grade is that of an experiment where
        all checks of the lot pass, else an association.

    Raises
    ------
    DesignError
        If fewer than 20 fees were charged, or waived: there is nothing to compare.
    OptionError
        If `charged_share` or `conf_level` is no share.

    Notes
    -----
    Differences of shares have Newcombe's intervals. A fee whose window reaches beyond the data is not
    counted. The effect is on those whose fee falls due, at fees of the size charged.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, 873–890.

    Examples
    --------
    >>> from datetime import date
    >>> arms = pd.DataFrame({"charged": [False, True], "n": [1000, 1000], "left": [80, 120],
    ...                      "other": [20, 20], "amount": [30.0, 30.0]})
    >>> traits = pd.DataFrame({"trait": ["plan", "plan"], "value": ["a", "b"], "waived": [600, 400],
    ...                        "charged": [610, 390]})
    >>> naive = pd.DataFrame({"charged": [False, True], "n": [8000, 1000], "left": [3000, 300]})
    >>> due = FeesDue(table=arms, traits=traits, naive=naive, window_days=182, controllable=("price",),
    ...               uncontrollable=("moved",), left_out={}, first=date(2024, 1, 1), last=date(2024, 6, 1))
    >>> found = fee_effect(due)
    >>> found.evidence.grade, found.table["estimate"].round(3).tolist()
    ('experiment', [0.04, -0.075])
    """
    check_conf_level(conf_level)
    if isinstance(charged_share, bool) or not isinstance(charged_share, Real) or not 0 < charged_share < 1:
        raise OptionError(f"charged_share is {charged_share!r}; allowed: a share between 0 and 1, e.g. 0.5")
    arms = due.table.set_index("charged").reindex([False, True])
    n = arms["n"].fillna(0).to_numpy(dtype=float)
    if n.min() < _FEW:
        raise DesignError(
            f"fees: {int(n[1]):,} were charged and {int(n[0]):,} waived; it takes {_FEW} of both to see what "
            "charging does"
        )
    checks = lot_checks(due, float(charged_share))
    never = due.naive.set_index("charged").reindex([False, True], fill_value=0)
    rows = [
        _compared(_LOT, arms["left"].to_numpy(dtype=float), n, conf_level),
        _compared(_NAIVE, *(never[name].to_numpy(dtype=float) for name in ("left", "n")), conf_level),
    ]
    table = pd.DataFrame(rows).assign(window_days=[float(due.window_days), np.nan])
    return FeeEffect(
        table=table,
        evidence=_evidence(due, checks),
        conf_level=conf_level,
        fee=float(arms["amount"][True]),
        currency=due.currency,
    )


def _compared(name: str, left: np.ndarray, n: np.ndarray, conf_level: float) -> dict[str, object]:
    """Return one row: the second group less the first."""
    from scipy.special import ndtr

    shares = wilson(left, n, conf_level=conf_level)
    other, own = (Interval(*(part[i] for part in shares)) for i in (0, 1))
    gap, low, high = (float(part) for part in difference_of_shares(own, other))
    error = float(np.sqrt((shares.estimate * (1 - shares.estimate) / n).sum())) if n.min() else np.nan
    both = left.sum() / n.sum()
    alike = np.sqrt(both * (1 - both) * (1 / n).sum()) if n.min() else np.nan
    return {
        "comparison": name,
        "estimate": gap,
        "conf_low": low,
        "conf_high": high,
        "std_error": error,
        "p_value": float(2 * ndtr(-abs(gap) / alike)) if alike > 0 else np.nan,
        "share": float(own.estimate),
        "share_other": float(other.estimate),
        "n": int(n[1]),
        "n_other": int(n[0]),
    }


def _evidence(due: FeesDue, checks: tuple[Check, ...]) -> Evidence:
    sound = all(check.passed is not False for check in checks)
    return Evidence(
        grade="experiment" if sound else "association",
        design=(
            f"Customers whose fee fell due from {due.first} to {due.last}: charged against waived"
            f"{' by lot' if sound else ', though the checks of a lot failed'}, and who left by their own "
            f"will within {due.window_days} days."
        ),
        unit="fees due",
        n_used=due.n_used,
        n_given=due.n_given,
        source=due.source,
        assumptions=(
            "A lot decided which fee was waived, and nobody who knew the customer could change it.",
            "A customer's fee moves nobody else to leave.",
            "Fees stay of the size that was charged; later fees of the same customer count for the first.",
        ),
        checks=checks,
    )


def _difference(row: pd.Series) -> str:
    return f"{points(row['estimate'])} ({100 * row['conf_low']:+.1f} to {100 * row['conf_high']:+.1f})"


def net_of_fees(effect: FeeEffect, *, margin: float, months: float, fee: float | None = None) -> NetOfFees:
    """Answer whether a fee brings more than is lost with the customers whom it sends away.

    Parameters
    ----------
    effect
        What charging does to leaving.
    margin
        Margin of a customer, currency a month.
    months
        Months that a customer who leaves would have stayed; discounted, where later ones count for less.
    fee
        Fee, currency; the mean of those charged where this is None. The share that leaves is taken to be that
        of the fees charged, whatever stands here.

    Returns
    -------
    NetOfFees
        For each fee charged: income, margin lost, what is left, and the fee that would break even. Intervals
        carry the error of the difference in leaving; margin and months are taken as given.

    Raises
    ------
    OptionError
        If an amount or the months are no number from 0 on.

    Examples
    --------
    >>> table = pd.DataFrame({"estimate": [0.04], "conf_low": [0.02], "conf_high": [0.06]})
    >>> evidence = Evidence(grade="experiment", design="By lot.", unit="fees due", n_used=9, n_given=9)
    >>> known = FeeEffect(table=table, evidence=evidence, fee=30.0, currency="EUR")
    >>> found = net_of_fees(known, margin=20.0, months=24.0)
    >>> found.table["estimate"].round(2).tolist()
    [30.0, -19.2, 10.8, 19.2]
    """
    given = {"margin": margin, "months": months, "fee": effect.fee if fee is None else fee}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value < np.inf:
            raise OptionError(f"{name} is {value!r}; allowed: a number from 0 on")
    income, value = float(given["fee"]), float(margin) * float(months)
    share, low, high = (float(effect.by_lot[name]) for name in ("estimate", "conf_low", "conf_high"))
    rows = (
        (_INCOME, income, income, income),
        (_LOST, -share * value, -high * value, -low * value),
        (_NET, income - share * value, income - high * value, income - low * value),
        (_EVEN, share * value, low * value, high * value),
    )
    evidence = effect.evidence
    return NetOfFees(
        table=pd.DataFrame(rows, columns=["quantity", "estimate", "conf_low", "conf_high"]),
        evidence=replace(
            evidence,
            assumptions=(*evidence.assumptions, "Margin and months of a customer who leaves are as given."),
        ),
        conf_level=effect.conf_level,
        fee=income,
        value=value,
        currency=effect.currency,
    )

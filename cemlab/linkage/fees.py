"""Extraction fees: what charging for an overage does to staying, and whether the fee pays for it."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real

import numpy as np
import pandas as pd

from cemlab.data.fees_due import FeesDue
from cemlab.errors import DesignError, OptionError
from cemlab.evidence import Check, Evidence
from cemlab.linkage.fee_lot import lot_checks
from cemlab.linkage.fees_result import FeeEffect, NetOfFees
from cemlab.result import check_conf_level
from cemlab.stats.intervals import Interval, difference_of_shares, wilson

# Fewest fees waived, and charged, from which an interval is more than a formality.
_FEW = 20
_LOT, _NAIVE = "charged less waived", "payers less those never due a fee"
_INCOME, _LOST, _NET, _EVEN = "fee income", "margin lost", "net of the fee", "fee that breaks even"


def fee_effect(
    due: FeesDue, *, by_lot: bool = False, charged_share: float = 0.5, conf_level: float = 0.95
) -> FeeEffect:
    """Answer how many more customers leave because a fee is charged rather than waived.

    Parameters
    ----------
    due
        Fees that fell due, from :func:`cemlab.data.fees_due.fees_due`.
    by_lot
        Whether a lot decided which fee was charged: what the data cannot show, and you state. Who waives for
        those who threaten to go leaves counts like those of a lot.
    charged_share
        Share of the fees that the lot was to charge.
    conf_level
        Of the intervals.

    Returns
    -------
    FeeEffect
        Charged against waived, and the naive comparison beside it. The grade is that of an experiment where
        a lot is stated and all its checks pass, else an association; a check that fees are too few for has
        not passed.

    Raises
    ------
    DesignError
        If fewer than 20 fees were charged, or waived: there is nothing to compare.
    OptionError
        If `charged_share` or `conf_level` is no share, or `by_lot` neither True nor False.

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
    >>> traits = pd.DataFrame({"trait": ["plan", "plan", "month"], "value": ["a", "b", "2024-01"],
    ...                        "waived": [600, 400, 1000], "charged": [610, 390, 1000]})
    >>> naive = pd.DataFrame({"charged": [False, True], "n": [8000, 1000], "left": [3000, 300]})
    >>> due = FeesDue(table=arms, traits=traits, naive=naive, window_days=182, controllable=("price",),
    ...               uncontrollable=("moved",), left_out={}, first=date(2024, 1, 1), last=date(2024, 6, 1))
    >>> found = fee_effect(due, by_lot=True)
    >>> found.evidence.grade, found.table["estimate"].round(3).tolist()
    ('experiment', [0.04, -0.075])
    """
    check_conf_level(conf_level)
    if not isinstance(by_lot, bool):
        raise OptionError(
            f"by_lot is {by_lot!r}; allowed: True where a lot decided who was charged, or False"
        )
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
        evidence=_evidence(due, checks, by_lot),
        conf_level=conf_level,
        fee=float(arms["amount"][True]),
        currency=due.currency,
        lot_stated=by_lot,
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


def _evidence(due: FeesDue, checks: tuple[Check, ...], by_lot: bool) -> Evidence:
    # a check that nothing could be seen in bears nothing out
    sound = by_lot and all(check.passed is True for check in checks)
    stated = ", by a lot as stated that the checks do not bear out" if by_lot else ""
    return Evidence(
        grade="experiment" if sound else "association",
        design=(
            f"Customers whose fee fell due from {due.first} to {due.last}: charged against waived"
            f"{' by lot' if sound else stated}, and who left by their own "
            f"will within {due.window_days} days."
        ),
        unit="fees due",
        n_used=due.n_used,
        n_given=due.n_given,
        source=due.source,
        assumptions=(
            "A lot decided, as stated; the checks do not speak against it."
            if sound
            else "Nobody who knew what a customer would do had a say in whether the fee was waived.",
            "A customer's fee moves nobody else to leave.",
            "Fees stay of the size that was charged; later fees of the same customer count for the first.",
        ),
        checks=checks,
    )


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
        months=float(months),
        currency=effect.currency,
    )

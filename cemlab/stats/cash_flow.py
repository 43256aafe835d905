"""Cash flows by month: present values, internal rates of return, payback.

All functions take arrays whose last axis is the month, from 0; month 0 is not discounted. Rates are a year.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MONTHS_A_YEAR = 12.0
_STEPS = 60  # halvings: a bracket ends at rounding
_NARROW = 0.05
_WIDEST = 60.0  # of a monthly log rate: beyond it only the first or the last flow counts


def discount_factors(rate: npt.ArrayLike, months: int) -> Floats:
    """Return what one unit of money in each month is worth in month 0.

    Parameters
    ----------
    rate
        Yearly discount rate as a share, above −1; any shape.
    months
        How many.

    Returns
    -------
    ndarray
        Of the rate's shape and (months): (1 + rate) ** (−month / 12).

    Raises
    ------
    DataError
        If a rate is not above −1 or not finite, or a rate is above 1: 8 % is 0.08.

    Examples
    --------
    >>> discount_factors(0.21, 13)[[0, 6, 12]].round(6).tolist()
    [1.0, 0.909091, 0.826446]
    """
    rates = np.asarray(rate, dtype=float)
    if not (np.isfinite(rates) & (rates > -1) & (rates <= 1)).all():
        wrong = rates[~(np.isfinite(rates) & (rates > -1) & (rates <= 1))].flat[0]
        raise DataError(
            f"a discount rate of {wrong:g}; allowed: a share a year above −1 and up to 1 (8 % is 0.08)"
        )
    log = np.log1p(rates) / _MONTHS_A_YEAR
    return np.asarray(np.exp(-log[..., None] * np.arange(months)))


def present_value(flows: npt.ArrayLike, rate: npt.ArrayLike) -> Floats:
    """Return the sum of discounted flows.

    Parameters
    ----------
    flows
        (…, months).
    rate
        Yearly, of a shape that goes with the flows' without the months.

    Raises
    ------
    DataError
        If a flow is not finite, or a rate is no discount rate.

    Examples
    --------
    >>> round(float(present_value([-100.0] + [0.0] * 11 + [121.0], 0.10)), 6)
    10.0
    """
    money = _flows(flows)
    return np.asarray((money * discount_factors(rate, money.shape[-1])).sum(axis=-1))


def sign_changes(flows: npt.ArrayLike) -> Ints:
    """Return how often the flows change their sign, noughts apart; one of them gives one internal rate.

    Examples
    --------
    >>> sign_changes([[-1.0, 0.0, 2.0], [-1.0, 3.0, -2.0], [1.0, 2.0, 3.0]]).tolist()
    [1, 2, 0]
    """
    money = _flows(flows)
    flat = money.reshape(-1, money.shape[-1])
    sign = np.sign(flat)
    # a nought keeps the sign before it; those at the beginning have none
    for month in range(1, sign.shape[1]):
        sign[:, month] = np.where(sign[:, month] == 0, sign[:, month - 1], sign[:, month])
    changed = (sign[:, 1:] * sign[:, :-1] < 0).sum(axis=1)
    return np.asarray(changed.reshape(money.shape[:-1]), dtype=np.int64)


def internal_rate(flows: npt.ArrayLike) -> Floats:
    """Return the yearly rate at which the present value is nought, nan where there is not exactly one.

    With one change of sign there is one rate above −1 (Descartes' rule); with none there is none, with
    several there may be several, and none of them means anything. In logs of the rate, the sum of the flows
    each times exp(−x month) changes its sign once, so halving a bracket finds it.

    Parameters
    ----------
    flows
        (…, months).

    Returns
    -------
    ndarray
        Of the shape without the months; yearly: (1 + monthly) ** 12 − 1.

    Examples
    --------
    >>> internal_rate([[-100.0] + [0.0] * 11 + [121.0], [1.0] * 13]).round(10).tolist()
    [0.21, nan]
    """
    money = _flows(flows)
    flat = money.reshape(-1, money.shape[-1])
    found = np.full(len(flat), np.nan)
    once = np.flatnonzero(sign_changes(flat) == 1)
    if once.size:
        found[once] = _bisected(flat[once])
    return np.asarray(np.expm1(_MONTHS_A_YEAR * found).reshape(money.shape[:-1]))


def _bisected(flows: Floats) -> Floats:
    """Return the monthly log rate of flows that change their sign once, (n)."""
    first = np.sign(flows[np.arange(len(flows)), (flows != 0).argmax(axis=1)])
    # months first: each step of Horner's scheme then reads one piece of memory
    by_month = np.ascontiguousarray((flows / np.abs(flows).max(axis=1, keepdims=True) * first[:, None]).T)
    low, high = _bracket(by_month)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        # at a high rate the earliest flow decides: above nought the root lies below
        beyond = _value(by_month, middle) > 0
        high, low = np.where(beyond, middle, high), np.where(beyond, low, middle)
    return np.asarray((low + high) / 2)


def _bracket(by_month: Floats) -> tuple[Floats, Floats]:
    """Widen a bracket until the value is below nought at its low end and above at its high end."""
    low, high = np.full((2, by_month.shape[1]), _NARROW)
    low = -low
    while True:
        early, late = _value(by_month, high) <= 0, _value(by_month, low) > 0
        if not (early | late).any() or high.max() > _WIDEST or low.min() < -_WIDEST:
            return low, high
        high, low = np.where(early, 2 * high, high), np.where(late, 2 * low, low)


def _value(by_month: Floats, log_rate: Floats) -> Floats:
    """Return the present value (n), divided by the last month's factor where that is above one."""
    found = np.empty(len(log_rate))
    grows = log_rate < 0
    for rows, backwards in ((grows, True), (~grows, False)):
        if not rows.any():
            continue
        part = by_month if rows.all() else by_month[:, rows]
        # Horner's scheme in a factor of at most one, so that nothing overflows; only the sign matters
        factor = np.exp(-np.abs(log_rate[rows]))
        total = np.zeros(part.shape[1])
        for flow in part if backwards else part[::-1]:
            total *= factor
            total += flow
        found[rows] = total
    return found


def payback_month(flows: npt.ArrayLike) -> Floats:
    """Return the first month from which on the sum of the flows so far stays at nought or above.

    Discount the flows before for a discounted payback. A sum that rises above nought and falls below it
    again, as a refresher makes it, has not yet paid back; inf where it is below at the end.

    Parameters
    ----------
    flows
        (…, months).

    Examples
    --------
    >>> payback_month([[-4.0, 3.0, 1.0, 1.0], [-4.0, 5.0, -2.0, 2.0], [-4.0, 1.0, 1.0, 1.0]]).tolist()
    [2.0, 3.0, inf]
    """
    money = _flows(flows)
    total = np.cumsum(money, axis=-1)
    # rounding of a sum that ends at nought is not a loss
    below = total < -1e-9 * np.abs(money).max(axis=-1, keepdims=True, initial=0.0)
    months = money.shape[-1]
    last = months - np.argmax(below[..., ::-1], axis=-1)
    month = np.where(below.any(axis=-1), last, 0).astype(float)
    return np.asarray(np.where(month >= months, np.inf, month))


def _flows(flows: npt.ArrayLike) -> Floats:
    money = np.asarray(flows, dtype=float)
    if money.ndim == 0 or money.shape[-1] == 0 or not np.isfinite(money).all():
        raise DataError("cash flows must be finite numbers, one or more months along the last axis")
    return money

"""The likelihood of the NBD model, with derivatives, on checked counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from cemlab.errors import DataError, DesignError
from cemlab.stats.maximum_likelihood import Derivatives, FloatArray, maximise
from cemlab.stats.purchase_history import checked_counts, checked_numbers, checked_weights, tail_counts


@dataclass(frozen=True, eq=False, kw_only=True)
class CheckedCounts:
    """Counts with exposures and weights, and the sums that do not depend on the parameters."""

    count: FloatArray
    exposure: FloatArray
    weight: FloatArray
    tails: FloatArray
    constant: float  # sum of x ln T - ln x!
    truncated: bool


def checked_exposures(
    frequency: ArrayLike, exposure: ArrayLike, weights: ArrayLike | None, truncated: bool
) -> CheckedCounts:
    """Check the input; where all exposures are the same, keep one row per distinct count."""
    count = checked_counts(frequency)
    length = checked_numbers(exposure, what="exposure", n=count.size, above=0.0)
    weight = checked_weights(weights, n=count.size)
    present = weight > 0
    if truncated and (count[present] == 0).any():
        row = int(np.argmax((count == 0) & present))
        raise DataError(
            f"frequency[{row}] is 0, but zero_truncated says that non-buyers are not in the data; leave the "
            "zeros out, or set zero_truncated=False if they are all there"
        )
    # a row that stands for nobody says nothing, and its 0 would still reach a logarithm
    count, length, weight = count[present], length[present], weight[present]
    largest = float(count.max())
    if largest == 0 or (truncated and largest == 1):
        times = "twice" if truncated else "at all"
        raise DesignError(f"nobody buys {times}, so no purchase rates can be fitted; take a longer period")
    if np.ptp(length) == 0:
        held = np.bincount(count.astype(np.int64), weights=weight)
        count = np.asarray(np.flatnonzero(held), dtype=np.float64)
        weight = np.asarray(held[held > 0], dtype=np.float64)
        length = np.full(count.size, length[0])
    return CheckedCounts(
        count=count,
        exposure=length,
        weight=weight,
        tails=tail_counts(count, weight),
        constant=float(weight @ (count * np.log(length) - special.gammaln(count + 1.0))),
        truncated=truncated,
    )


def common_rate(data: CheckedCounts) -> float:
    """Return the rate of a Poisson model with one rate for all."""
    bought, seen = float(data.weight @ data.count), float(data.weight @ data.exposure)
    if not data.truncated:
        return bought / seen

    def poisson(theta: FloatArray) -> Derivatives:
        mean = data.exposure * np.exp(theta[0])
        surplus, slope = _surplus(mean)
        value = bought * theta[0] - data.weight @ (mean + np.log(-np.expm1(-mean)))
        gradient = bought - data.weight @ (mean * (1.0 + surplus))
        hessian = -data.weight @ (mean * (1.0 + surplus) + mean**2 * slope)
        return float(value), np.array([gradient]), np.array([[hessian]])

    return float(np.exp(maximise(poisson, np.array([np.log(bought / seen)])).theta[0]))


def _surplus(q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the derivatives of ln(1 - exp(-q)): the first, 1 / (exp(q) - 1), and the second."""
    # exp(-700) is nothing beside 1, and exp(700) still is a number.
    first = 1.0 / np.expm1(np.minimum(q, 700.0))
    return first, -first * (1.0 + first)


def overdispersion(data: CheckedCounts, rate: float) -> float:
    """Return the slope of the log-likelihood in 1 / r where r is infinite.

    The NBD has a higher likelihood than the Poisson with a finite r exactly where it is positive.
    """
    mean = rate * data.exposure
    excess = (data.count - mean) ** 2 - data.count
    if data.truncated:
        excess = excess + mean**2 * _surplus(mean)[0]
    slope = 0.5 * float(data.weight @ excess)
    # Counts that are exactly as variable as Poisson must not pass by a rounding error.
    rounding = 1e-12 * float(data.weight @ (data.count**2 + mean**2))
    return slope if slope > rounding else 0.0


def log_likelihood(theta: FloatArray, data: CheckedCounts) -> Derivatives:
    """Return the log-likelihood in (log r, log rate), rate = r / alpha, with its derivatives.

    With mean m = rate · T and L = ln(1 + m / r), a count x has
    ``sum over j < x of ln(1 + j / r) + x ln m - (r + x) L - ln x!``. Written so, nothing cancels as
    r grows, and the limit is the Poisson model.
    """
    r, rate = np.exp(theta)
    w, x = data.weight, data.count
    j = np.arange(data.tails.size, dtype=np.float64)
    mean = rate * data.exposure
    step = np.log1p(mean / r)
    s = mean / (r + mean)
    # q = r L is minus the logarithm of the chance to buy nothing
    q, q_r, q_m = r * step, r * (step - s), r * s
    q_rr, q_rm, q_mm = r * (step - s - s**2), r * s**2, r * s * (1.0 - s)
    first, second = np.ones_like(q), np.zeros_like(q)
    truncation = 0.0
    if data.truncated:
        more, second = _surplus(q)
        first = first + more
        truncation = float(w @ np.log(-np.expm1(-q)))
    value = data.tails @ np.log1p(j / r) - w @ (q + x * step) + (w @ x) * theta[1] + data.constant
    spread = w * x * s * (1.0 - s)
    gradient = [
        -data.tails @ (j / (r + j)) - w @ (first * q_r - x * s),
        w @ x - w @ (first * q_m + x * s),
    ]
    h_rr = data.tails @ (j * r / (r + j) ** 2) - w @ (first * q_rr + second * q_r**2) - spread.sum()
    h_rm = -w @ (first * q_rm + second * q_r * q_m) + spread.sum()
    h_mm = -w @ (first * q_mm + second * q_m**2) - spread.sum()
    return float(value) - truncation, np.array(gradient), np.array([[h_rr, h_rm], [h_rm, h_mm]])

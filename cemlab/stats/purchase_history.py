"""What is known of each customer's buying: counts, times and weights, checked once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cemlab.errors import DataError

FloatArray = NDArray[np.float64]

# Sums over 0, 1, …, largest count are taken one by one, so a count cannot be an amount of money.
_LARGEST_COUNT = 10_000_000


def checked_numbers(
    values: ArrayLike, *, what: str, n: int | None = None, above: float | None = None
) -> FloatArray:
    """Return a vector of finite numbers, or say which entry is none.

    Parameters
    ----------
    values
        The numbers; a single one is repeated where `n` is given.
    what
        How the argument is called in the error.
    n
        How many there must be.
    above
        Every number must be greater than this.

    Raises
    ------
    DataError
        If the numbers are too many, too few, missing, infinite or not above the bound.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must hold numbers: {error}") from error
    if array.ndim == 0 and n is not None:
        array = np.full(n, array)
    if array.ndim != 1:
        raise DataError(f"{what} has {array.ndim} dimensions; give one number per customer")
    if n is not None and array.size != n:
        raise DataError(f"{what} has {array.size:,} entries, but frequency has {n:,}; give one per customer")
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array)))
        raise DataError(f"{what}[{row}] is {array[row]}; leave out or fill in what is missing first")
    if above is not None and (array <= above).any():
        row = int(np.argmax(array <= above))
        raise DataError(f"{what}[{row}] is {array[row]:g}; it must be above {above:g}")
    return array


def checked_counts(frequency: ArrayLike, *, what: str = "frequency") -> FloatArray:
    """Return counts as floats, or say which entry is no count.

    Raises
    ------
    DataError
        If there are none, or one is negative, fractional, missing or beyond ten million.
    """
    counts = checked_numbers(frequency, what=what)
    if counts.size == 0:
        raise DataError(f"{what} is empty; give one count per customer")
    wrong = (counts < 0) | (counts != np.floor(counts)) | (counts > _LARGEST_COUNT)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{what}[{row}] is {counts[row]:g}; a count is a whole number from 0 to {_LARGEST_COUNT:,}"
        )
    return counts


def checked_weights(weights: ArrayLike | None, *, n: int) -> FloatArray:
    """Return frequency weights, ones where there are none.

    Raises
    ------
    DataError
        If a weight is negative or missing, or all are zero.
    """
    if weights is None:
        return np.ones(n)
    array = checked_numbers(weights, what="weights", n=n)
    if (array < 0).any():
        row = int(np.argmax(array < 0))
        raise DataError(
            f"weights[{row}] is {array[row]:g}; a weight says how many customers a row stands for"
        )
    if not array.any():
        raise DataError("all weights are 0; at least one row must stand for a customer")
    return array


def tail_counts(counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Return how many customers have a count above 0, above 1, …, of shape (largest count,).

    The sum over customers of ln Γ(z + x) − ln Γ(z) is the sum over j of tail_j · ln(z + j): exact,
    without a gamma function, and with as many terms as the largest count.

    Examples
    --------
    >>> import numpy as np
    >>> tail_counts(np.array([0.0, 1.0, 3.0]), np.ones(3))
    array([2., 1., 1.])
    """
    held = np.bincount(counts.astype(np.int64), weights=weights)
    return np.asarray(np.cumsum(held[::-1])[::-1][1:], dtype=np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class PurchaseHistory:
    """Customers by repeat purchases, time of the last one and time under observation.

    All arrays have shape (n_customers,).

    Parameters
    ----------
    frequency
        Repeat purchases, not counting the first.
    recency
        Time from the first to the last purchase; 0 without a repeat purchase.
    age
        Time from the first purchase to the end of observation, in the same unit.
    weights
        How many customers a row stands for.
    """

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    weights: FloatArray

    @classmethod
    def checked(
        cls, frequency: ArrayLike, *, recency: ArrayLike, age: ArrayLike, weights: ArrayLike | None = None
    ) -> PurchaseHistory:
        """Return the history, or say which entry cannot be.

        Raises
        ------
        DataError
            If a count is none, a time is missing, lengths differ, the age is not positive, recency
            exceeds age, or recency and frequency contradict each other.
        """
        counts = checked_counts(frequency)
        n = counts.size
        last = checked_numbers(recency, what="recency", n=n)
        length = checked_numbers(age, what="age", n=n, above=0.0)
        for wrong, why in (
            ((last < 0) | (last > length), "recency must lie between 0 and age"),
            ((counts == 0) & (last != 0), "without a repeat purchase recency is 0"),
            ((counts > 0) & (last == 0), "a repeat purchase comes after the first, so recency is above 0"),
        ):
            if wrong.any():
                row = int(np.argmax(wrong))
                raise DataError(
                    f"row {row} has frequency {counts[row]:g}, recency {last[row]:g}, age {length[row]:g}; "
                    f"{why}"
                )
        return cls(frequency=counts, recency=last, age=length, weights=checked_weights(weights, n=n))

    def every(self, step: int) -> PurchaseHistory:
        """Return every `step`-th customer."""
        return PurchaseHistory(
            frequency=self.frequency[::step],
            recency=self.recency[::step],
            age=self.age[::step],
            weights=self.weights[::step],
        )

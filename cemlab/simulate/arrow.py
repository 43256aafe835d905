"""Columns of the data contract from arrays, without a Python object per value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cemlab.simulate.streams import Ints
from cemlab.simulate.timeline import FIRST

_FIRST_DAY = (np.datetime64(FIRST, "D") - np.datetime64("1970-01-01", "D")).astype(int)
_MONEY = pa.decimal128(18, 4)

Mask = npt.NDArray[np.bool_] | None


def ids(prefix: str, numbers: Ints, *, width: int = 7, missing: Mask = None) -> pa.Array:
    """Return identifiers, a prefix and a number of fixed width.

    Parameters
    ----------
    prefix
        Letters before the number.
    numbers
        Whole numbers, not negative.
    width
        Digits, filled with zeros.
    missing
        Where the value is missing.

    Examples
    --------
    >>> ids("C", np.array([1, 20]), width=4).to_pylist()
    ['C0001', 'C0020']
    """
    digits = pc.utf8_lpad(pa.array(numbers, mask=missing).cast(pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, pa.scalar(""))


def labels(names: Sequence[str], codes: Ints, *, missing: Mask = None) -> pa.Array:
    """Return texts by their codes.

    Examples
    --------
    >>> labels(["a", "b"], np.array([1, 0])).to_pylist()
    ['b', 'a']
    """
    return pa.array(list(names)).take(pa.array(codes, mask=missing))


def money(ten_thousandths: Ints, *, missing: Mask = None) -> pa.Array:
    """Return exact money from whole numbers of 1/10,000 of the currency.

    Examples
    --------
    >>> money(np.array([12_3400, -5000])).to_pylist()
    [Decimal('12.3400'), Decimal('-0.5000')]
    """
    low = np.ascontiguousarray(ten_thousandths, dtype=np.int64)
    halves = np.empty((len(low), 2), dtype=np.int64)
    halves[:, 0], halves[:, 1] = low, low >> 63  # a 128-bit number: its low half, then its sign
    valid = None if missing is None else pa.array(~missing).buffers()[1]
    return pa.Array.from_buffers(_MONEY, len(low), [valid, pa.py_buffer(halves)])


def cents(amount: npt.NDArray[np.float64]) -> Ints:
    """Round amounts to whole cents and return them in 1/10,000 of the currency, for :func:`money`.

    Examples
    --------
    >>> cents(np.array([1.239])).tolist()
    [12400]
    """
    return np.rint(np.asarray(amount) * 100).astype(np.int64) * 100


def dates(days: Ints, *, missing: Mask = None) -> pa.Array:
    """Return dates from days since the first day of the data.

    Examples
    --------
    >>> dates(np.array([0, -1])).to_pylist()
    [datetime.date(2022, 1, 1), datetime.date(2021, 12, 31)]
    """
    return pa.array((np.asarray(days) + _FIRST_DAY).astype(np.int32), mask=missing).cast(pa.date32())


def times(seconds: Ints) -> pa.Array:
    """Return moments from seconds since midnight of the first day of the data.

    Examples
    --------
    >>> times(np.array([3600])).to_pylist()
    [datetime.datetime(2022, 1, 1, 1, 0)]
    """
    return (
        pa.array(np.asarray(seconds) + _FIRST_DAY * 86_400).cast(pa.timestamp("s")).cast(pa.timestamp("us"))
    )


def numbers(values: npt.NDArray[np.float64], *, decimals: int, missing: Mask = None) -> pa.Array:
    """Return numbers rounded to what an instrument would record."""
    return pa.array(np.round(np.asarray(values, dtype=float), decimals) + 0.0, mask=missing)


def whole(values: Ints, *, missing: Mask = None) -> pa.Array:
    """Return whole numbers."""
    return pa.array(np.asarray(values, dtype=np.int64), mask=missing)


def flags(values: npt.NDArray[np.bool_], *, missing: Mask = None) -> pa.Array:
    """Return truth values."""
    return pa.array(np.asarray(values, dtype=bool), mask=missing)

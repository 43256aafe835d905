"""Entries of the ledger of a case: no number enters a case but as one of them.

An :class:`Assumption` is a range that somebody answers for; a :class:`Fitted` is what an analysis found, with
its uncertainty, alone or with others (:func:`fitted_together`); :func:`counted` is what is known exactly.
Entries have no arithmetic: numbers come out of them only as :class:`~cemlab.business_case.figures.Figures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from typing import Literal, get_args

import numpy as np

from cemlab.business_case.entry import STANDINGS, Entry, Floats, Standing
from cemlab.business_case.fitted import Fitted, fitted_together
from cemlab.errors import DataError, OptionError, one_of

__all__ = ["STANDINGS", "Assumption", "Entry", "Fitted", "Shape", "Standing", "counted", "fitted_together"]

Shape = Literal["triangular", "pert"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Assumption(Entry):
    """A range that somebody answers for.

    Parameters
    ----------
    low, mode, high
        The lowest, the most plausible and the highest value, in this order.
    shape
        ``"triangular"``, as in the lever map, so that one ledger means one thing in both; it is a little
        wider than ``"pert"`` (a beta distribution of mean (low + 4 mode + high) / 6), which is for those who
        trust their mode more than their ends.

    Raises
    ------
    DataError
        If a value is missing or the three are not in order.

    Examples
    --------
    >>> fee = Assumption(item="Course", low=820, mode=900, high=1050, unit="EUR a person")
    >>> round(fee.mean, 2)
    923.33
    >>> Assumption(item="Course", low=900, mode=820, high=1050, unit="EUR")
    Traceback (most recent call last):
        ...
    cemlab.errors.DataError: the entry 'Course': low 900, mode 820, high 1050; give them in this order
    """

    low: float
    mode: float
    high: float
    shape: Shape = "triangular"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in get_args(Shape):
            raise OptionError(one_of(self.shape, get_args(Shape), what="shape"))
        try:
            if any(isinstance(value, bool | np.bool_) for value in (self.low, self.mode, self.high)):
                raise TypeError("true and false are no amounts")
            values = [float(value) for value in (self.low, self.mode, self.high)]
        except (TypeError, ValueError) as error:
            raise DataError(f"the entry {self.item!r}: {error}; give three plain numbers") from error
        if not (np.isfinite(values).all() and values == sorted(values)):
            raise DataError(
                f"the entry {self.item!r}: low {values[0]:g}, mode {values[1]:g}, high {values[2]:g}; give "
                "them in this order"
            )
        for name, value in zip(("low", "mode", "high"), values, strict=True):
            object.__setattr__(self, name, value)  # frozen: read once, here

    @property
    def middle(self) -> float:
        """The mode."""
        return self.mode

    @property
    def mean(self) -> float:
        """(low + mode + high) / 3, or (low + 4 mode + high) / 6 for the shape PERT."""
        weight = 1.0 if self.shape == "triangular" else 4.0
        return (self.low + weight * self.mode + self.high) / (2 + weight)

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high."""
        return self.low, self.high

    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Return `n` draws by inversion, so that a range that is moved moves every draw with it."""
        uniform = rng.random(n)
        width = self.high - self.low
        if width == 0:
            return np.full(n, self.mode)
        if self.shape == "pert":
            from scipy.special import betaincinv

            place = (self.mode - self.low) / width
            return np.asarray(self.low + width * betaincinv(1 + 4 * place, 5 - 4 * place, uniform))
        place = (self.mode - self.low) / width
        left = np.sqrt(uniform * place)
        right = 1 - np.sqrt((1 - uniform) * (1 - place))
        drawn: Floats = self.low + width * np.where(uniform < place, left, right)
        return drawn


def counted(
    *, item: str, value: float, unit: str, source: str = "", owner: str = "", date: Date | None = None
) -> Assumption:
    """Return an entry that is known exactly: posts on a plan, customers on a day.

    Examples
    --------
    >>> counted(item="posts", value=210, unit="persons").ends
    (210.0, 210.0)
    """
    return Assumption(
        item=item, low=value, mode=value, high=value, unit=unit, source=source, owner=owner, date=date,
        grade="descriptive",
    )  # fmt: skip

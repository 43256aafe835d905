"""What every entry of a ledger has: a name, a unit, a source, and a distribution to draw from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from typing import Literal

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError, one_of
from cemlab.evidence import GRADES

Floats = npt.NDArray[np.float64]
Standing = Literal["assumption", "descriptive", "association", "adjusted", "quasi-experiment", "experiment"]

#: What an entry may rest on, from the weakest to the strongest.
STANDINGS: tuple[Standing, ...] = ("assumption", *GRADES)


@dataclass(frozen=True, eq=False, kw_only=True)
class Entry(ABC):
    """A number with its unit, its source and somebody who answers for it.

    Parameters
    ----------
    item
        Its name, unique in a ledger.
    unit
        E.g. ``"EUR a person"``; money begins with its currency.
    source, owner, date
        Where it comes from, who answers for it, when it was stated.
    grade
        What it rests on; see :data:`STANDINGS`.
    """

    item: str
    unit: str
    source: str = ""
    owner: str = ""
    date: Date | None = None
    grade: Standing = "assumption"

    def __post_init__(self) -> None:
        for name in ("item", "unit"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                raise DataError(f"the entry {self.item!r} lacks its {name}; write it")
        if self.grade not in STANDINGS:
            raise OptionError(f"the entry {self.item!r}: {one_of(self.grade, STANDINGS, what='grade')}")

    @property
    @abstractmethod
    def middle(self) -> float:
        """The most plausible value."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean over what it may be."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value; of a fitted one the ends of its 95 % interval."""

    @property
    def block(self) -> str:
        """The name of what is drawn together: entries of one block share their draws."""
        return self.item

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Floats:
        """Return `n` draws."""

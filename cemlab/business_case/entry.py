"""What every entry of a ledger has: a name, a unit, a source, and a distribution to draw from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812 - an entry has a field called date
from difflib import SequenceMatcher
from typing import Literal
from unicodedata import category

import numpy as np
import numpy.typing as npt

from cemlab.errors import DataError, OptionError, one_of
from cemlab.evidence import GRADES

Floats = npt.NDArray[np.float64]
Standing = Literal["assumption", "descriptive", "association", "adjusted", "quasi-experiment", "experiment"]

#: Characters that a text of an entry may have.
LONGEST = 500
#: And its source: an analysis tells its design in a paragraph.
LONGEST_SOURCE = 4000
_SHOWN = 5  # names told of the many that there are
# They turn the direction of what follows, so that a figure reads otherwise than it is.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: What an entry may rest on, from the weakest to the strongest.
STANDINGS: tuple[Standing, ...] = ("assumption", *GRADES)


def one_line(text: object, what: str, *, longest: int = LONGEST) -> str:
    r"""Return a text with its breaks and runs of blanks as one blank each.

    Raises
    ------
    DataError
        If it is no text, too long to stand in a table, or has characters that cannot be shown.

    Examples
    --------
    >>> one_line("fee and\n travel ", "its item")
    'fee and travel'
    """
    if not isinstance(text, str):
        raise DataError(f"{what} is {text!r}; write a text")
    folded = " ".join(text.split())
    if len(folded) > longest:
        raise DataError(f"{what} has {len(folded):,} characters; shorten it to {longest}")
    wrong = next((sign for sign in folded if category(sign) in ("Cc", "Cs") or sign in _TURNING), None)
    if wrong is not None:
        raise DataError(f"{what} has the character {wrong!a}, which cannot be shown; remove it")
    return folded


def no_such(item: object, items: Iterable[str], *, what: str) -> str:
    """Return the sentence for a name that is none of many: the nearest of them first, the rest counted.

    Examples
    --------
    >>> no_such("margins", ["posts", "fee", "margin of revenue", "a", "b", "c"], what="entry of the ledger")
    "no entry of the ledger named 'margins'; there are: margin of revenue, ... and 1 more"
    """
    asked = str(item).casefold()
    near = {name: SequenceMatcher(None, asked, name.casefold()).ratio() for name in items}
    ranked = sorted(near, key=lambda name: -near[name])
    more = len(ranked) - _SHOWN
    return one_of(item, ranked[:_SHOWN], what=what) + (f" and {more} more" if more > 0 else "")


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
        for name in ("item", "unit", "source", "owner"):
            what = f"the entry {str(self.item)[:60]!r}: its {name}"
            most = LONGEST_SOURCE if name == "source" else LONGEST
            folded = one_line(getattr(self, name), what, longest=most)
            object.__setattr__(self, name, folded)  # frozen: read once, here
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

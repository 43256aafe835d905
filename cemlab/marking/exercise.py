"""What an exercise is: the question, how its truth is computed, how close is right, and the wrong roads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cemlab.data.company import Company

#: ``"share"``: 0 to 1; ``"difference of shares"``: -1 to 1; ``"number"``: any; ``"text"``: a name.
Form = Literal["share", "difference of shares", "number", "text"]
#: One value, or one for each name where an exercise asks for several.
Value = float | str | Mapping[str, float]
Truth = Callable[["Company"], Value]


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How close an answer must come to be right.

    Parameters
    ----------
    size
        The largest distance; where `relative`, as a share of the truth.
    relative
        Whether the distance grows with the truth.

    Examples
    --------
    >>> Tolerance(size=0.1, relative=True).holds(109.0, truth=100.0)
    True
    """

    size: float
    relative: bool = False

    def holds(self, value: float, *, truth: float) -> bool:
        """Tell whether a value is close enough."""
        return abs(value - truth) <= self.size * (abs(truth) if self.relative else 1.0) + 1e-12

    def told(self, form: Form) -> str:
        """Say it in words."""
        if form == "text":
            return "by name"
        if self.relative:
            return f"within {100 * self.size:g} % of it"
        if form == "number":
            return f"within {self.size:g}"
        return f"within {100 * self.size:g} percentage point{'' if self.size == 0.01 else 's'}"


@dataclass(frozen=True, kw_only=True)
class Trap:
    """A wrong road that is known.

    Parameters
    ----------
    name
        What was probably done, to follow “this looks like”.
    value
        Where that road leads to, on a company.
    hint
        What to look at again.
    printed
        Whether it is a figure that the page prints for something else: whoever hands in that very figure has
        come by this road, even where it happens to lie close enough to the truth.
    """

    name: str
    value: Truth
    hint: str
    printed: bool = False


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One question whose answer can be marked.

    Parameters
    ----------
    number
        The notebook and the exercise, e.g. ``"03.2"``; a check cell of the text has a letter, ``"03.a"``.
    asks
        What is asked, with unit and form of the answer, one line.
    truth
        The truth, from a company that was simulated.
    form
        What the answer must look like.
    tolerance
        How close is right; no part of a text.
    hint
        What to look at again if the answer looks like none of the traps.
    by
        What the names stand for where one value for each name is asked, e.g. ``"plan"``.
    counted
        Whether the truth is counted or estimated from the tables as the exercise says, and not planted.
    traps
        The wrong roads that are known.
    """

    number: str
    asks: str
    truth: Truth
    form: Form
    hint: str
    tolerance: Tolerance = Tolerance(size=0.0)
    by: str | None = None
    counted: bool = False
    traps: tuple[Trap, ...] = ()

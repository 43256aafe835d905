"""A row of the scorecard: what is planted, which method looks for it, and where the truth is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from cemlab.errors import OptionError, one_of
from cemlab.simulate.worlds import world

if TYPE_CHECKING:
    import pandas as pd

    from cemlab.data.company import Company
    from cemlab.simulate.oracle import Oracle

Kind = Literal["estimate", "naive", "decision"]
Target = Literal["company", "population"]

#: Why an interval that is right where branches are a sample of many covers too often here.
BRANCHES_AS_PLANTED = (
    "The interval allows for branches that happen to differ more or less; Halden's differ by just what was "
    "planted, so that it covers too often."
)


class Estimate(NamedTuple):
    """What a method says of one company; a decision has no interval, only what it was worth."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, table: pd.DataFrame) -> Estimate:
        """Return the first row of a tidy table, which has estimate, conf_low and conf_high."""
        row = table.iloc[0]
        return cls(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))


def planted(oracle: Oracle, *, value: float) -> float:  # noqa: ARG001 (the same on every company)
    """Return a truth that is the same on every company."""
    return value


@dataclass(frozen=True, kw_only=True)
class Row:
    """One planted truth and one method that looks for it.

    Parameters
    ----------
    name
        What the reader calls it; the name by which a row is asked for.
    notebook
        Number of the notebook whose method this is.
    planted
        What was planted, in words and figures.
    unit
        Unit of estimate and truth.
    no_effect
        The value that says "nothing is there". The effect is the truth less this value.
    world
        In which world it is estimated.
    estimate
        The method; it sees the company's tables and nothing else. For a decision, what the method chose from
        these tables is truly worth.
    truth
        The truth on this very company; for a decision, what the best possible one is worth.
    kind
        ``"estimate"``: judged by bias and coverage. ``"naive"``: what the notebook warns of, shown for the
        size of its error and not judged. ``"decision"``: judged by what it leaves on the table, its regret.
    target
        What the interval promises to cover: the truth on the very ``"company"``, or, where it allows for the
        chance that the company's own truth shares, that of the ``"population"``, the mean over companies.
    yardstick
        Size of effect that the bias is measured by, in `unit`; by default the true effect. Needed where
        nothing is planted and nothing is to be found.
    why
        One sentence on what to expect of this row, and why.

    Examples
    --------
    >>> row = Row(name="mean", notebook="04", planted="1", unit="", no_effect=0, world="default",
    ...           estimate=lambda company: Estimate(1.1, 0.9, 1.3), truth=lambda oracle: 1.0)
    >>> row.kind
    'estimate'
    """

    name: str
    notebook: str
    planted: str
    unit: str
    no_effect: float
    world: str
    estimate: Callable[[Company], Estimate]
    truth: Callable[[Oracle], float]
    kind: Kind = "estimate"
    target: Target = "company"
    yardstick: float | None = None
    why: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise OptionError(one_of(self.kind, get_args(Kind), what="kind of row"))
        if self.target not in get_args(Target):
            raise OptionError(one_of(self.target, get_args(Target), what="target"))
        if self.yardstick is not None and not self.yardstick > 0:
            raise OptionError(f"{self.name}: the yardstick is {self.yardstick!r}; give a positive size")
        world(self.world)


def row_of_notebook(
    name: str,
    told: str,
    unit: str,
    estimate: Callable[[Company], Estimate],
    truth: Callable[[Oracle], float],
    why: str,
    *,
    notebook: str,
    kind: Kind = "estimate",
    target: Target = "company",
) -> Row:
    """Return a row of the default world whose effect is what is planted itself; `told` says what that is."""
    return Row(
        name=name,
        notebook=notebook,
        planted=told,
        unit=unit,
        no_effect=0.0,
        world="default",
        kind=kind,
        target=target,
        estimate=estimate,
        truth=truth,
        why=why,
    )

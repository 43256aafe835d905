"""Classes of value: below nothing, nothing, and the positive values cut by quantiles or even ratios."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import ibis
import ibis.expr.types as ir
from ibis import _

from cemlab.data.value_cells import (
    Amount,
    ClassBound,
    Cuts,
    class_of,
    classed_bounds,
    fetched,
    quantile_cuts,
)
from cemlab.markup import number

Cut = Literal["quantile", "log"]

#: The classes of those who cost more than they bring, and of those who bring nothing.
NEGATIVE, ZERO = -1, 0


@dataclass(frozen=True, kw_only=True)
class ValueClasses:
    """How one value was cut.

    Parameters
    ----------
    bounds
        The classes that hold somebody, ascending: -1 below nothing, 0 nothing, 1 and more positive.
    cuts
        What ties did, where the positive values were cut by quantiles.
    """

    bounds: tuple[ClassBound, ...]
    cuts: Cuts | None = None

    def of(self, value: ir.Column) -> ir.IntegerColumn:
        """Return the class of each value."""
        positive = [bound for bound in self.bounds if bound.score > ZERO]
        inside = class_of(value, positive) if positive else ibis.literal(ZERO, "int64")
        return ibis.cases((value < 0, NEGATIVE), (value == 0, ZERO), else_=inside).cast("int64")


def classify(values: ir.Table, column: str, *, classes: int, cut: Cut) -> ValueClasses:
    """Cut a value into classes that ties do not split.

    Parameters
    ----------
    values
        One row a customer; the column is DECIMAL with none missing.
    column
        Which value.
    classes
        How many classes of positive values to aim at.
    cut
        ``"quantile"``: of about equal numbers of customers; ``"log"``: each class reaches the same ratio
        farther than the one below, with ends rounded to two figures.
    """
    signs = fetched(
        values.group_by(score=values[column].sign().cast("int64"))
        .aggregate(low=_[column].min(), high=_[column].max(), n=_.count())
        .order_by("score")
    )
    bounds = [ClassBound(**row) for row in signs if row["score"] <= ZERO]
    span = next((row for row in signs if row["score"] > ZERO), None)
    if span is None:
        return ValueClasses(bounds=tuple(bounds))
    positive = values.filter(values[column] > 0)
    if cut == "quantile":
        cuts = quantile_cuts(positive, column, classes=classes)
        return ValueClasses(bounds=(*bounds, *cuts.bounds), cuts=cuts)
    edges = _even_ratios(span["low"], span["high"], classes)
    return ValueClasses(bounds=(*bounds, *classed_bounds(positive, column, edges)))


def _even_ratios(low: Decimal, high: Decimal, classes: int) -> list[Decimal]:
    """Return the inner edges, in two figures where that keeps them apart."""
    ratio = float(high) / float(low)
    exact = [float(low) * ratio ** (at / classes) for at in range(1, classes)]
    for figures in (2, 3, 4, 6, 9):
        edges = [Decimal(f"{edge:.{figures - 1}e}").quantize(Decimal("0.0001")) for edge in exact]
        if len(set(edges)) == len(edges):
            break
    return sorted(set(edges)) if classes > 1 else []


def range_labels(bounds: tuple[ClassBound, ...]) -> dict[int, str]:
    """Return a name for the range of each class, ascending; short, and no two alike.

    Examples
    --------
    >>> range_labels((ClassBound(score=0, low=0, high=0, n=5), ClassBound(score=1, low=3, high=1204, n=9)))
    {0: '0', 1: '3 to 1,204'}
    """
    named = {bound.score: _range(bound) for bound in bounds}
    if len(set(named.values())) < len(named):
        return {score: f"{score}: {text}" for score, text in named.items()}
    return named


def _range(bound: ClassBound) -> str:
    if bound.score == NEGATIVE:
        return "below 0"
    ends = [_short(bound.low), _short(bound.high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _short(amount: Amount) -> str:
    value = float(amount)
    return number(round(value)) if abs(value) >= 100 else number(float(f"{value:.2g}"))

"""Scores that can be added up exactly: what is no number is refused before an engine does it in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from cemlab.errors import DataError

if TYPE_CHECKING:
    import ibis.expr.types as ir

# sums of more rows than there are are held; larger ones are marks of something missing, or mistakes
_EXACT, _LARGEST = "decimal(38, 6)", 1e9


def read_scores(table: ir.Table, name: str) -> ir.Table:
    """Return the rows that have a score, as float64 in ``score``.

    Parameters
    ----------
    table
        With ``score``; one that is not a number (NaN) is missing.
    name
        What the table is called in an error.

    Raises
    ------
    DataError
        If scores are no numbers, infinite, or too large to be added up.
    """
    kind = table["score"].type()
    if not (kind.is_numeric() or kind.is_boolean()):
        raise DataError(
            f"{name}, column 'score': {kind} is no number; make it one, e.g. with pandas.to_numeric"
        )
    score = table["score"].cast("float64")
    kept = table.mutate(score=score.isnan().ifelse(ibis.null("float64"), score))
    kept = kept.filter(kept["score"].notnull())
    most = kept["score"].abs().max().to_pyarrow().as_py()
    if most is not None and not most <= _LARGEST:
        raise DataError(
            f"{name}, column 'score': a value of {most:g}; allowed: up to {_LARGEST:g}, leave out what "
            "is infinite"
        )
    return kept


def exact_total(score: ir.Value) -> ir.Value:
    """Return the sum of scores, added up as decimals: of floats it would depend on the count of threads."""
    return score.cast(_EXACT).sum().cast("float64")

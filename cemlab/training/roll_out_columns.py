"""The columns of a roll-out's panel: numbers that are numbers, traits that stay, outcomes that are there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.errors import DataError, DesignError
from cemlab.evidence import Check
from cemlab.markup import label, p_value, percent
from cemlab.training.roll_out_periods import names

# Below this p-value, outcomes are taken to be missing by treatment.
_BY_TREATMENT = 0.01


def as_numbers(values: pd.Series[Any], column: str, *, example: str) -> pd.Series[Any]:
    """Return a column as floats, missing as NaN.

    Raises
    ------
    DataError
        If it holds anything but finite numbers.
    """
    where = f"panel, column {column!r}"
    seen = values.dropna()
    if not (
        values.dtype.kind in "iufb" or all(isinstance(v, int | float | Decimal | np.number) for v in seen)
    ):
        odd = next(v for v in seen if not isinstance(v, int | float | Decimal | np.number))
        raise DataError(f"{where}: {odd!r} is a {type(odd).__name__}; allowed are numbers, {example}")
    found = values.astype(float)
    if np.isinf(found).any():
        raise DataError(
            f"{where}: {int(np.isinf(found).sum()):,} values are infinite; leave them empty or mend them"
        )
    return found


def constant(rows: Any, column: str, unit: str, *, missing_allowed: bool = False) -> pd.Series[Any]:
    """Return the one value of a column in each unit.

    Parameters
    ----------
    rows
        The panel grouped by unit.

    Raises
    ------
    DataError
        If it differs within a unit, or is missing where it must not be.
    """
    several = rows[column].nunique(dropna=False)
    odd = [name for name, count in several.items() if count > 1]
    if odd:
        raise DataError(
            f"panel, column {column!r}: it differs within {unit} {names(odd)}; one value for all rows of a "
            f"{unit} is allowed"
        )
    values: pd.Series[Any] = rows[column].first()
    if not missing_allowed and values.isna().any():
        gone = list(values.index[values.isna()])
        raise DataError(f"panel, column {column!r}: {unit} {names(gone)} has none; fill it in")
    return values


def require_apart(units: pd.Index[Any], unit: str) -> None:
    """Refuse units whose names are the same as text, as 1 and "1".

    Raises
    ------
    DataError
        With the first such name.
    """
    texts = pd.Index([str(name) for name in units])
    if texts.has_duplicates:
        twice = texts[texts.duplicated()][0]
        raise DataError(
            f"panel, column {unit!r}: {twice!r} stands for several, as number and text; make all text"
        )


def require_zero_one(values: pd.Series[Any], column: str) -> pd.Series[Any]:
    """Return a column of 0 and 1.

    Raises
    ------
    DataError
        If it holds anything else, or nothing.
    """
    numbers = as_numbers(values, column, example="0 before the treatment and 1 from then on")
    if not numbers.isin([0, 1]).all():
        odd = label(values[~numbers.isin([0, 1])].iloc[0])
        raise DataError(
            f"panel, column {column!r}: {odd} is neither 0 nor 1; allowed: 0 untreated, 1 treated"
        )
    return numbers


def require_one_currency(panel: pd.DataFrame) -> None:
    """Refuse a panel whose column ``currency`` names more than one.

    Raises
    ------
    DataError
        With their names.
    """
    if "currency" in panel and panel["currency"].nunique() > 1:
        found = sorted(map(str, panel["currency"].dropna().unique()))
        raise DataError(
            f"panel, column 'currency': {names(found)} are mixed; convert all amounts to one currency first"
        )


def gap_check(wide: pd.DataFrame, first: npt.NDArray[np.int64], unit: str, outcome: str) -> Check:
    """Check whether outcomes are missing by treatment, and refuse them if so.

    Rows after the treatment are compared with the others of the same stretch of time, from when the first
    unit is treated. Gaps of one unit alone say nothing about the treatment.

    Raises
    ------
    DesignError
        If the shares missing differ by more than chance allows.
    """
    missing: npt.NDArray[np.bool_] = wide.isna().to_numpy()
    left_out = list(wide.index[np.flatnonzero(missing.any(axis=1))])
    null = "outcomes are missing as often after the treatment as without it"
    if not left_out:
        return Check(name="gaps", null=null, passed=True, detail=f"Every {unit} has every period.")
    periods = missing.shape[1]
    after = np.arange(periods) >= first[:, None]
    stretch = np.broadcast_to(np.arange(periods) >= first.min(), missing.shape)
    counts = [
        [int((missing & rows & stretch).sum()), int((~missing & rows & stretch).sum())]
        for rows in (after, ~after)
    ]
    told = f"{len(left_out):,} with gaps left out: {unit} {names(left_out)}."
    if (missing & stretch).any(axis=1).sum() < 2 or 0 in (sum(counts[0]), sum(counts[1])):
        return Check(name="gaps", null=null, passed=None, detail=f"{told} Too few to compare.")
    p = _fisher(counts)
    shares = [percent(row[0] / sum(row)) for row in counts]
    seen = (
        f"{shares[0]} missing after the treatment, {shares[1]} without it in the same periods ({p_value(p)})"
    )
    if p < _BY_TREATMENT:
        raise DesignError(
            f"panel, column {outcome!r}: it is missing by treatment, {seen}; what is left is a selection. "
            "Find the missing values, or take an outcome that is recorded for all"
        )
    return Check(name="gaps", null=null, passed=True, detail=f"{told} {seen.capitalize()}.")


def _fisher(counts: list[list[int]]) -> float:
    """Return the p-value of Fisher's exact test, or of chi-squared where counts are large."""
    from scipy.stats import chi2_contingency, fisher_exact

    table = np.array(counts)
    if table.min() > 1_000:
        return float(chi2_contingency(table).pvalue)
    return float(fisher_exact(table).pvalue)

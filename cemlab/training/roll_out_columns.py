"""The columns of a roll-out's panel: numbers that are numbers, traits that stay, outcomes that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.panel_columns import LARGEST, as_numbers, names
from cemlab.errors import DataError, DesignError
from cemlab.evidence import Check
from cemlab.markup import label, p_value, percent
from cemlab.stats.randomisation import count_assignments
from cemlab.stats.seeds import generator

# Below this p-value, outcomes are taken to be missing by treatment; of units so few that hardly a deal can
# have such a p-value, below the second.
_BY_TREATMENT, _BY_TREATMENT_OF_FEW = 0.01, 0.05
# Deals of the treatment, fewer of many units.
_DEALS, _DEALS_OF_MANY, _MANY_UNITS = 999, 299, 5_000


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


def require_varied(wide: pd.DataFrame, outcome: str) -> None:
    """Refuse an outcome that is the same everywhere.

    Raises
    ------
    DesignError
        With its value.
    """
    if np.ptp(wide.to_numpy()) <= 1 / LARGEST:
        raise DesignError(
            f"panel, column {outcome!r}: it is {label(wide.iloc[0, 0])} everywhere, so that nothing "
            "can be said of it; take an outcome that varies"
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


def gap_check(wide: pd.DataFrame, first: npt.NDArray[np.int64], unit: str, outcome: str) -> Check:
    """Check whether outcomes are missing by treatment, and refuse them if so.

    Rows after the treatment are compared with the others of the same stretch of time, from when the first
    unit is treated. A unit that closes misses all its later rows at once, and others close later too: so
    chance is what dealing the beginnings of treatment to the units anew makes of their gaps. Where half of
    the gaps, or more, begin with the treatment, the rows alone decide. Gaps of one unit say nothing.

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
        (int((missing & rows & stretch).sum()), int((rows & stretch).sum())) for rows in (after, ~after)
    ]
    told = f"{len(left_out):,} with gaps left out: {unit} {names(left_out)}."
    if (missing & stretch).any(axis=1).sum() < 2 or 0 in (counts[0][1], counts[1][1]):
        return Check(name="gaps", null=null, passed=None, detail=f"{told} Too few to compare.")
    p, least = _dealt_anew(missing, first)
    begins = _begin_with_treatment(missing & stretch, first)
    shares = [percent(gone / rows) for gone, rows in counts]
    seen = (
        f"{shares[0]} missing after the treatment, {shares[1]} without it in the same periods "
        f"({p_value(p)}, the treatment dealt anew{f'; {begins} gaps begin with it' if begins else ''})"
    )
    uneven = _fisher(counts) < _BY_TREATMENT
    dealt = p < (_BY_TREATMENT if least < _BY_TREATMENT / 2 else _BY_TREATMENT_OF_FEW)
    if dealt or (uneven and begins >= max(2, len(left_out) / 2)):
        raise DesignError(
            f"panel, column {outcome!r}: it is missing by treatment, {seen}; what is left is a selection. "
            "Find the missing values, or take an outcome that is recorded for all"
        )
    detail = f"{told} {seen.capitalize()}."
    return Check(name="gaps", null=null, passed=None if uneven else True, detail=detail)


def _begin_with_treatment(missing: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> int:
    """Return how many units have their first gap when they, or if not treated others, begin to be treated."""
    periods = missing.shape[1]
    begins = np.where(missing.any(axis=1), missing.argmax(axis=1), periods)
    own = np.where(first < periods, begins == first, np.isin(begins, first))
    return int((own & (begins < periods)).sum())


def _fisher(counts: list[tuple[int, int]]) -> float:
    """Return the p-value of Fisher's exact test, or of chi-squared where counts are large."""
    from scipy.stats import chi2_contingency, fisher_exact

    table = np.array([(gone, rows - gone) for gone, rows in counts])
    if table.min() > 1_000:
        return float(chi2_contingency(table).pvalue)
    return float(fisher_exact(table).pvalue)


def _dealt_anew(missing: npt.NDArray[np.bool_], first: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the share of deals with gaps as unevenly spread over the treatment, and what one deal counts."""
    groups, group = np.unique(first, return_inverse=True)
    from_on = np.concatenate([missing[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((len(missing), 1))], axis=1)
    # of each unit with gaps: how many would lie after the treatment, had it begun with each group
    gaps = np.flatnonzero(missing.any(axis=1))
    lost = from_on[np.ix_(gaps, groups)]
    draws = _DEALS if len(first) <= _MANY_UNITS else _DEALS_OF_MANY
    rng, rows = generator(1), np.arange(len(gaps))
    seen = lost[rows, group[gaps]].sum()
    dealt = np.array([lost[rows, rng.permutation(group)[gaps]].sum() for _ in range(draws)])
    # what all deals make on average, exactly
    mean = (lost @ np.bincount(group)).sum() / len(group)
    as_far = int((np.abs(dealt - mean) >= np.abs(seen - mean) * (1 - 1e-9)).sum())
    least = max(1 / count_assignments(np.bincount(group)), 1 / (draws + 1))
    return (1 + as_far) / (1 + draws), least

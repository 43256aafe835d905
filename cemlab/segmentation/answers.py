"""Answers to a questionnaire as numbers: checked, complete cases only, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cemlab.errors import ColumnError, DataError, DesignError, OptionError, one_of
from cemlab.markup import join_words
from cemlab.stats.seeds import check_seed

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

# An item that reaches over more than twice the usual range is on another scale, or holds a code such as 98.
_WIDER = 2.0
_NAMED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """Complete answers.

    Parameters
    ----------
    values
        Of shape (n_used, items).
    items
        The columns they come from.
    kept
        The rows that were complete, with all other columns; its index is that of the table handed in.
    n_given
        Respondents before the incomplete were left out.
    source
        Where the answers come from.
    """

    values: NDArray[np.float64]
    items: tuple[str, ...]
    kept: pd.DataFrame
    n_given: int
    source: str = ""

    @property
    def n_used(self) -> int:
        """Respondents who answered every item."""
        return len(self.values)

    @property
    def left_out(self) -> str:
        """What was done about missing answers, in a sentence."""
        missing = self.n_given - self.n_used
        if not missing:
            return "No row holds a blank."
        return f"{missing:,} of {self.n_given:,} rows hold a blank and were left out; no answer was made up."


def read_answers(
    answers: pd.DataFrame | ir.Table,
    *,
    items: Sequence[str],
    scale: tuple[float, float] | None = None,
    source: str = "",
    fewest: int | None = None,
    varied: bool = True,
    mixed: bool = False,
    single: bool = False,
) -> Answers:
    """Return the complete answers to some items as numbers, or refuse them with the reason.

    Parameters
    ----------
    answers
        One row a respondent; an Ibis table is read for its items and identifiers only.
    items
        The columns that hold answers.
    scale
        Lowest and highest answer that can be given; without it, items whose ranges differ widely are refused.
    source
        The line that stands under every figure.
    fewest
        Respondents needed; one more than there are items if not given.
    varied
        Whether every item has to vary, on one scale; not so where a fitted model is only applied.
    mixed
        Whether columns may be on different scales.
    single
        Whether one item will do.

    Raises
    ------
    ColumnError
        If an item is not a column.
    DataError
        If an item holds what is no number, or an answer outside its scale.
    OptionError
        If items or scale are not given as they should be.
    DesignError
        If there are fewer than two items, one is constant or on another scale, or too few answered all.
    """
    if isinstance(items, str):
        raise OptionError(f"items is {items!r}; name the columns in a list, e.g. ['item_01', 'item_02']")
    names = list(items)
    for name in names:
        if name not in answers.columns:
            raise ColumnError(f"answers: {one_of(name, map(str, answers.columns), what='item')}")
    if (len(names) < 2 and not single) or len(set(names)) < len(names):
        raise DesignError(f"{len(names)} items; give two or more different ones")
    frame = answers if isinstance(answers, pd.DataFrame) else answers.to_pandas()
    numbers = _as_numbers(frame[names])
    if varied and not mixed:
        _check_scale(numbers, scale)
    full = ~np.isnan(numbers).any(axis=1)
    least = len(names) + 1 if fewest is None else fewest
    if full.sum() < least:
        raise DesignError(
            f"{full.sum():,} of {len(frame):,} respondents answered all {len(names)} items; at least "
            f"{least:,} are needed: ask more people, or leave out the items that many left blank"
        )
    values = numbers[full]
    constant = [name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread == 0]
    if varied and constant:
        raise DesignError(f"all gave the same answer to {_some(constant)}; leave out what does not vary")
    return Answers(
        values=values,
        items=tuple(names),
        kept=frame.loc[pd.Series(full, index=frame.index)],
        n_given=len(frame),
        source=source,
    )


def check_draws(draws: int, seed: int) -> None:
    """Refuse a number of bootstrap samples that is none or too small for an interval, and what is no seed.

    Raises
    ------
    OptionError
        If it is no whole number from 50 on, or the seed none from 0 on.
    """
    check_seed(seed)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 50:
        raise OptionError(f"draws is {draws!r}; allowed: a whole number from 50 on, e.g. 300")


def numeric_items(answers: pd.DataFrame | ir.Table) -> list[str]:
    """Return the columns that hold numbers, other than the customer's identifier."""
    if isinstance(answers, pd.DataFrame):
        numeric = [c for c in answers.columns if pd.api.types.is_numeric_dtype(answers[c])]
        found = [str(c) for c in numeric if not pd.api.types.is_bool_dtype(answers[c])]
    else:
        found = [name for name, kind in answers.schema().items() if kind.is_numeric()]
    return [name for name in found if name != "customer"]


def _as_numbers(frame: pd.DataFrame) -> NDArray[np.float64]:
    columns = []
    for name in frame.columns:
        try:
            column = pd.to_numeric(frame[name]).to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"item {name!r}: an answer is no number ({error}); code the scale as numbers, e.g. 1 to 5"
            ) from error
        if np.isinf(column).any():
            raise DataError(f"item {name!r}: an answer is infinite; code it as blank if it is missing")
        columns.append(column)
    return np.column_stack(columns)


def _check_scale(numbers: NDArray[np.float64], scale: tuple[float, float] | None) -> None:
    """Refuse answers outside the scale or, where none is stated, items of very different ranges."""
    blank = np.isnan(numbers)
    if blank.all():
        raise DesignError("nobody answered any item; check the columns and the codes for missing answers")
    if scale is not None:
        if not isinstance(scale, tuple | list) or len(scale) != 2 or not scale[0] < scale[1]:
            raise OptionError(f"scale is {scale!r}; allowed: (lowest, highest) answer, e.g. (1, 5)")
        outside = numbers[~blank & ((numbers < scale[0]) | (numbers > scale[1]))]
        if len(outside):
            raise DataError(
                f"{len(outside):,} answers lie outside the scale {scale[0]:g} to {scale[1]:g}, e.g. "
                f"{outside[0]:g}; code missing answers as blank"
            )
        return
    low = np.where(blank, np.inf, numbers).min(axis=0)
    high = np.where(blank, -np.inf, numbers).max(axis=0)
    reach = (high - low)[~blank.all(axis=0)]
    usual = float(np.median(reach))
    if usual > 0 and reach.max() > _WIDER * usual:
        raise DesignError(
            f"the items are on different scales: most span {usual:g}, one spans {reach.max():g}; recode them "
            "to one scale, code missing answers (98, 99) as blank, or state scale=(lowest, highest)"
        )


def _some(names: Sequence[str]) -> str:
    told = join_words(map(repr, names[:_NAMED]))
    return told if len(names) <= _NAMED else f"{told} and {len(names) - _NAMED} more"

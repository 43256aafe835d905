"""Opportunities as people write them, held to rules and turned into arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.errors import ColumnError, DataError, OptionError, one_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Opportunities:
    """What can be done, of shape (n) each: items, worth (low, mode, high), cost, loss a month, months."""

    items: tuple[str, ...]
    low: Floats
    mode: Floats
    high: Floats
    cost: Floats
    loss: Floats
    months: Floats
    currency: str
    unit: str


def read_opportunities(
    frame: pd.DataFrame, *, cost: str, delay: str | None, months: str | None, currency: str | None
) -> Opportunities:
    """Return the opportunities as arrays.

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If there is no row, a name is missing or stands twice, a number is none or out of order, or
        currencies mix.
    """
    for name in ("item", "low", "mode", "high", cost, delay, months):
        if name is not None and name not in frame.columns:
            raise ColumnError(f"the opportunities: {one_of(name, map(str, frame.columns), what='column')}")
    if frame.empty:
        raise DataError("the opportunities: there is no row; write at least one")
    items = _items(frame["item"])
    low, mode, high = (_numbers(frame, name, items) for name in ("low", "mode", "high"))
    for i, item in enumerate(items):
        if not low[i] <= mode[i] <= high[i]:
            raise DataError(
                f"{item!r}: low {low[i]:g}, mode {mode[i]:g}, high {high[i]:g}; write them in this order"
            )
    found, unit = _currency(frame, currency)
    none = np.zeros(len(items))
    return Opportunities(
        items=items, low=low, mode=mode, high=high, currency=found, unit=unit,
        cost=_numbers(frame, cost, items, least=0),
        loss=none if delay is None else _numbers(frame, delay, items, least=0),
        months=none if months is None else _numbers(frame, months, items, least=0),
    )  # fmt: skip


def _items(column: pd.Series[str]) -> tuple[str, ...]:
    items = tuple("" if pd.isna(value) else str(value).strip() for value in column)
    if "" in items:
        raise DataError(
            f"the opportunities: row {items.index('') + 1} has no item; name it or remove the row"
        )
    twice = [item for i, item in enumerate(items) if item in items[:i]]
    if twice:
        raise DataError(f"the opportunities: {twice[0]!r} stands twice; rename or remove one")
    return items


def _numbers(frame: pd.DataFrame, name: str, items: tuple[str, ...], least: float = -math.inf) -> Floats:
    try:
        values = pd.to_numeric(frame[name]).to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"the opportunities, column {name!r}: {error}; write plain numbers") from error
    wrong = ~np.isfinite(values) | (values < least)
    if wrong.any():
        i = int(wrong.argmax())
        allowed = "a number" if least == -math.inf else f"a number from {least:g} on"
        raise DataError(f"{items[i]!r}, column {name!r}: {values[i]:g}; allowed: {allowed}")
    return values


def _currency(frame: pd.DataFrame, currency: str | None) -> tuple[str, str]:
    """Return currency and unit; the currency is the first word of the unit, as in “EUR margin a year”."""
    units = [str(u).strip() for u in frame["unit"].dropna()] if "unit" in frame.columns else []
    if len(set(units)) > 1:
        raise DataError(
            f"the opportunities are in {units[0]!r} and {next(u for u in units if u != units[0])!r}; "
            "convert all to one currency and one period first"
        )
    found = units[0].split()[0] if units and units[0] else ""
    if currency is not None and found and found.casefold() != currency.casefold():
        raise DataError(f"the budget is in {currency}, the opportunities in {found}; convert one of them")
    return found or currency or "money", units[0] if units else currency or "money"


def check_budget(budget: float) -> None:
    """Refuse a budget that is none."""
    if isinstance(budget, bool) or not isinstance(budget, Real) or not 0 <= budget < math.inf:
        raise OptionError(f"budget is {budget!r}; allowed: an amount of money from 0 on")


def needs_matrix(requires: Mapping[str, Sequence[str]], items: tuple[str, ...]) -> Bools:
    """Return who needs whom done before, of shape (n, n).

    Raises
    ------
    DataError
        If an item is unknown, or needs itself by way of others.
    """
    place = {item: i for i, item in enumerate(items)}
    needs = np.zeros((len(items), len(items)), dtype=bool)
    for item, before in requires.items():
        if isinstance(before, str):
            raise OptionError(f"requires[{item!r}] is the text {before!r}; write a list of items")
        for name in (item, *before):
            if name not in place:
                raise DataError(f"requires: {one_of(name, items, what='opportunity')}")
        for name in before:
            needs[place[item], place[name]] = True
    try:
        TopologicalSorter({item: list(before) for item, before in requires.items()}).prepare()
    except CycleError as error:
        ring = " needs ".join(repr(name) for name in reversed(error.args[1]))
        raise DataError(f"requires goes round in a ring: {ring}; take one of these out") from error
    return needs


def excludes_matrix(excludes: Sequence[Sequence[str]], items: tuple[str, ...]) -> Bools:
    """Return who excludes whom, of shape (n, n), from groups of which one at most is done.

    Raises
    ------
    DataError, OptionError
        If an item is unknown, or a group is no list of two or more.
    """
    place = {item: i for i, item in enumerate(items)}
    matrix = np.zeros((len(items), len(items)), dtype=bool)
    for group in excludes:
        if isinstance(group, str) or len(set(group)) < 2:
            raise OptionError(f"excludes holds {group!r}; write groups of two or more different items")
        for name in group:
            if name not in place:
                raise DataError(f"excludes: {one_of(name, items, what='opportunity')}")
        where = [place[name] for name in group]
        matrix[np.ix_(where, where)] = True
    np.fill_diagonal(matrix, False)
    return matrix

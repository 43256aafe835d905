"""The model matrix of a hazard model: numbers and levels as terms, by period where asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cemlab.data.spells import kinds_of
from cemlab.errors import DataError, DesignError, OptionError, one_of
from cemlab.survival.given import numbers_of, refuse_no_table
from cemlab.survival.spell_rows import SpellRows, finite

Floats = npt.NDArray[np.float64]

#: Cut points by covariate, or for all of them.
Periods = float | Sequence[float] | Mapping[str, float | Sequence[float]]


@dataclass(frozen=True, eq=False, kw_only=True)
class HazardDesign:
    """What the columns of a model stand for: `terms` in words; no rows.

    `levels` holds, for each covariate, the level of each of its columns, or None for a number; `reference`
    the level that stands for none of them. `columns_by_period` holds, for each term with a coefficient by
    period, its columns in the order of the periods. `deviations` holds the standard deviation of each term,
    over all rows whatever the period, and `numeric` whether it is a number with other values than 0 and 1.
    """

    terms: tuple[str, ...]
    levels: dict[str, tuple[str | None, ...]]
    reference: dict[str, str]
    columns_by_period: dict[str, tuple[int, ...]]
    deviations: tuple[float, ...]
    numeric: tuple[bool, ...]

    @property
    def references(self) -> tuple[str, ...]:
        """The levels that others are compared with, in words."""
        return tuple(f"{name} = {level}" for name, level in self.reference.items())

    def rows(self, frame: pd.DataFrame) -> Floats:
        """Return the model's columns for other rows with the same covariates."""
        refuse_no_table(frame, self.levels, what="rows to predict")
        columns: list[Any] = []
        for name, levels in self.levels.items():
            if frame[name].isna().any():
                raise DataError(f"rows to predict, column {name!r}: a value is blank; fill it in")
            if levels == (None,):
                columns.append(finite(frame[name], name).to_numpy())
                continue
            texts = frame[name].astype(object).map(str)
            allowed = [self.reference[name], *map(str, levels)]
            for text in texts:
                if text not in allowed:
                    raise OptionError(one_of(text, sorted(allowed), what=f"level of {name!r}"))
            columns.extend((texts == level).to_numpy(dtype=float) for level in levels)
        return np.column_stack(columns)


def hazard_design(
    rows: SpellRows, *, references: Mapping[str, str], periods: Periods | None = None
) -> tuple[SpellRows, Floats, HazardDesign]:
    """Return the rows, cut where coefficients differ by period, their model matrix, and what it stands for.

    Parameters
    ----------
    rows
        Of :func:`cemlab.survival.spell_rows.spell_rows`. Text and categories become one term for each level
        but the reference.
    references
        The level others are compared with, by column.
    periods
        Durations at which coefficients may change.

    Raises
    ------
    DataError, DesignError, OptionError
        For what :func:`cemlab.survival.hazard_ratios` refuses in a covariate.
    """
    covariates = list(rows.covariates)
    unknown = [name for name in references if name not in covariates]
    if unknown:
        raise OptionError(one_of(unknown[0], covariates, what="covariate (in references)"))
    cuts = _cuts(periods, covariates, rows)
    columns: list[Any] = []
    labels: list[tuple[str, str]] = []
    levels: dict[str, tuple[str | None, ...]] = {}
    chosen: dict[str, str] = {}
    for name in covariates:
        values = rows.covariates[name]
        _refuse_kinds(values, name)
        if not _has_levels(values):
            levels[name] = (None,)
            columns.append(finite(values, name).to_numpy())
            labels.append((name, name))
            continue
        values = values.astype(object).map(str)
        chosen[name] = _reference(values, name, references.get(name))
        levels[name] = tuple(level for level in sorted(values.unique()) if level != chosen[name])
        columns.extend((values == level).to_numpy(dtype=float) for level in levels[name])
        labels.extend((name, f"{name} = {level}") for level in levels[name])
    grouped: dict[str, tuple[int, ...]] = {}
    names = [label for _, label in labels]
    deviations = [float(np.std(column)) for column in columns]
    numeric = [bool(((column != 0) & (column != 1)).any()) for column in columns]
    of = [j for j, (name, _) in enumerate(labels) for _ in range(len(cuts.get(name, ())) + 1)]
    if cuts:
        rows, columns, names, grouped = _by_period(rows, columns, labels, cuts)
    x = np.empty((len(rows.times), len(names)), order="F")
    for j, column in enumerate(columns):
        x[:, j] = column
    _refuse_separation(x, names, rows.times["e"].to_numpy(dtype=bool))
    design = HazardDesign(
        terms=tuple(names),
        levels=levels,
        reference=chosen,
        columns_by_period=grouped,
        deviations=tuple(deviations[j] for j in of),
        numeric=tuple(numeric[j] for j in of),
    )
    return rows, x, design


def _cuts(periods: Periods | None, covariates: Sequence[str], rows: SpellRows) -> dict[str, list[float]]:
    """Return the cut points of each covariate that has some, ascending."""
    if periods is None:
        return {}
    by_name = periods if isinstance(periods, Mapping) else dict.fromkeys(covariates, periods)
    left = rows.times["t"][rows.times["e"] == 1]
    first, last = float(left.min()), float(left.max())
    cuts = {}
    for name, points in by_name.items():
        if name not in covariates:
            raise OptionError(one_of(name, covariates, what="covariate (in periods)"))
        cuts[name] = sorted(set(numbers_of(points, what=f"periods of {name!r}")))
        if not cuts[name] or not all(first <= point < last for point in cuts[name]):
            raise OptionError(
                f"periods of {name!r} are cut at {', '.join(f'{p:g}' for p in cuts[name]) or 'no duration'}; "
                f"departures fall on {first:g} to {last:g}, and each period needs some: cut between them"
            )
    return cuts


def _by_period(
    rows: SpellRows, columns: list[Any], labels: list[tuple[str, str]], cuts: dict[str, list[float]]
) -> tuple[SpellRows, list[Any], list[str], dict[str, tuple[int, ...]]]:
    """Cut the rows at all points, and give each term a column by period of its covariate."""
    every = np.array(sorted({point for points in cuts.values() for point in points}))
    times = rows.times
    # a row belongs to the pieces from that of its entry to that of its end; a cut itself ends a piece
    first = np.searchsorted(every, times["s"], side="right")
    last = np.maximum(first, np.searchsorted(every, times["t"], side="left"))
    pieces = last - first + 1
    row = np.repeat(np.arange(len(times)), pieces)
    piece = np.arange(len(row)) - (np.cumsum(pieces) - pieces)[row] + first[row]
    edges = np.concatenate([[-np.inf], every, [np.inf]])
    cut = pd.DataFrame(
        {
            "t": np.minimum(times["t"].to_numpy()[row], edges[piece + 1]),
            "e": times["e"].to_numpy()[row] * (piece == last[row]),
            "s": np.maximum(times["s"].to_numpy()[row], edges[piece]),
        }
    )
    spread: list[Any] = []
    names: list[str] = []
    grouped: dict[str, tuple[int, ...]] = {}
    for column, (name, label) in zip(columns, labels, strict=True):
        values = np.asarray(column)[row]
        if name not in cuts:
            spread.append(values)
            names.append(label)
            continue
        points = cuts[name]
        which = np.searchsorted(points, edges[piece], side="right")
        grouped[label] = tuple(range(len(names), len(names) + len(points) + 1))
        spread.extend(np.where(which == k, values, 0.0) for k in range(len(points) + 1))
        names.extend(f"{label} ({period})" for period in _told(points))
    again = SpellRows(
        times=cut,
        covariates=rows.covariates,
        n_given=rows.n_given,
        stratum=None if rows.stratum is None else rows.stratum[row],
        strata=rows.strata,
        cluster=None if rows.cluster is None else rows.cluster[row],
    )
    return again, spread, names, grouped


def _told(points: Sequence[float]) -> list[str]:
    between = [f"{low:g} to {high:g}" for low, high in pairwise(points)]
    return [f"up to {points[0]:g}", *between, f"after {points[-1]:g}"]


def _refuse_kinds(values: pd.Series[Any], name: str) -> None:
    kinds = kinds_of(values)
    if len(kinds) > 1:
        raise DataError(
            f"the covariate {name!r} mixes {' and '.join(kinds)}; make them one kind, e.g. all text"
        )
    if len(values) and isinstance(values.iloc[0], date | timedelta | pd.Period):
        raise DataError(
            f"the covariate {name!r} holds dates or spans of time; enter a number instead, e.g. the days "
            "since a date"
        )


def _has_levels(values: pd.Series[Any]) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype) or isinstance(values.iloc[0], str):
        return True
    try:
        pd.to_numeric(values)
    except (TypeError, ValueError):
        return True
    return False


def _reference(values: pd.Series[Any], name: str, wanted: object) -> str:
    counts = values.value_counts()
    if len(counts) < 2:
        raise DesignError(f"the covariate {name!r} has one level only ({counts.index[0]}); leave it out")
    if wanted is None:
        return str(min(counts.index[counts == counts.max()]))
    if str(wanted) not in counts.index:
        raise OptionError(one_of(wanted, sorted(counts.index), what=f"level of {name!r}"))
    return str(wanted)


def _refuse_separation(x: Floats, terms: Sequence[str], left: Any) -> None:
    for term, values in zip(terms, x.T, strict=True):
        if values.min() == values.max():
            raise DesignError(f"the covariate {term!r} has the same value in all rows; leave it out")
        ones = values == 1.0
        if not (ones | (values == 0.0)).all():
            continue
        for side, here in ((0, ~ones), (1, ones)):
            if not left[here].any():
                raise DesignError(
                    f"nobody left where {term!r} is {side} ({int(here.sum()):,} spells), so its ratio "
                    "cannot be estimated; merge the level with another or leave it out"
                )

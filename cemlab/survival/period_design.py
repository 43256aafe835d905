"""The model matrix of a period-hazard model: one row a pattern of covariates, terms with their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cemlab.data.person_periods import PersonPeriods
from cemlab.errors import DesignError, OptionError, one_of
from cemlab.markup import join_words, label

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriodDesign:
    """Patterns of covariates as arrays.

    Parameters
    ----------
    plain
        One column a number or level, shape (n_patterns, n_columns).
    columns
        What each column of `plain` stands for: covariate and level (None for a number).
    layers
        The same by band of periods with a column for each term, shape (n_bands, n_patterns, n_terms).
    bands
        The band of each period, shape (n_periods,).
    terms
        Names of the terms.
    of
        The covariate of each term.
    references
        The levels that others are compared with, in words.
    """

    plain: Floats
    columns: tuple[tuple[str, str | None], ...]
    layers: Floats
    bands: Ints
    terms: tuple[str, ...]
    of: tuple[str, ...]
    references: tuple[str, ...]

    def rows(self, patterns: pd.DataFrame) -> Floats:
        """Return `plain` for other patterns; a level that was not there is refused.

        Raises
        ------
        OptionError
            If a covariate is missing, or has a level or value that the model does not know.
        """
        for name in dict.fromkeys(name for name, _ in self.columns):
            if name not in patterns.columns:
                raise OptionError(one_of(name, map(str, patterns.columns), what="covariate in the customers"))
        known = {f"{name} = {level}" for name, level in self.columns if level is not None}
        known |= set(self.references)
        parts = []
        for name, level in self.columns:
            values = patterns[name]
            if level is None:
                parts.append(_numbers(values, name))
                continue
            told = values.map(label)
            for found in told.unique():
                if f"{name} = {found}" not in known:
                    levels = [
                        text.split(" = ", 1)[1] for text in sorted(known) if text.startswith(f"{name} = ")
                    ]
                    raise OptionError(one_of(found, levels, what=f"level of {name!r}"))
            parts.append(np.asarray(told == level, dtype=np.float64))
        return np.column_stack(parts)

    def spread(self, plain: Floats) -> Floats:
        """Return the terms of patterns in each period, shape (n_patterns, n_periods, n_terms)."""
        n_bands = len(self.layers)
        wide = np.zeros((len(plain), n_bands, len(self.terms)))
        for t, (band, column) in enumerate(self._places()):
            if band is None:
                wide[:, :, t] = plain[:, [column]]
            else:
                wide[:, band, t] = plain[:, column]
        return wide[:, self.bands]

    def _places(self) -> list[tuple[int | None, int]]:
        """Return band (None for all) and column of each term."""
        found: list[tuple[int | None, int]] = []
        for column, (name, _) in enumerate(self.columns):
            count = self.of.count(name) // sum(1 for other, _ in self.columns if other == name)
            found += [(None, column)] if count == 1 else [(band, column) for band in range(count)]
        return found


def period_design(
    counted: PersonPeriods, *, references: Mapping[str, str], changing: Mapping[str, Sequence[float]]
) -> PeriodDesign:
    """Return the model matrix, or refuse a design that no likelihood has a maximum for, by name.

    Parameters
    ----------
    counted
        The person-periods.
    references
        The level others are compared with, by covariate; the one with most exposure where not given.
    changing
        Covariates whose ratio may differ between bands of periods, with the cut points of the bands.

    Raises
    ------
    DesignError, OptionError
        For periods or levels without departures, columns that say the same, unknown names.
    """
    refuse_empty_periods(counted)
    names = list(counted.patterns.columns)
    for name in (*references, *changing):
        if name not in names:
            raise OptionError(one_of(name, names, what="covariate"))
    columns, parts, compared = _columns(counted, references)
    plain = np.column_stack(parts)
    inner = _inner(counted, changing)
    starts = np.asarray(counted.cuts[:-1])
    bands = np.searchsorted(np.asarray(inner), starts, side="right").astype(np.int64)
    layers = np.zeros((len(inner) + 1, len(plain), 0))
    terms: list[str] = []
    of: list[str] = []
    for column, (name, level) in enumerate(columns):
        text = name if level is None else f"{name} = {level}"
        spans = _spans(counted, inner) if name in changing else [("", range(len(inner) + 1))]
        for span, within in spans:
            layer = np.zeros((len(inner) + 1, len(plain), 1))
            layer[list(within), :, 0] = plain[:, column]
            layers = np.concatenate([layers, layer], axis=2)
            terms.append(f"{text}{span}")
            of.append(name)
            _refuse_separation(counted, terms[-1], plain[:, column], np.isin(bands, list(within)))
    _refuse_collinear(plain, columns)
    return PeriodDesign(
        plain=plain,
        columns=tuple(columns),
        layers=layers,
        bands=bands,
        terms=tuple(terms),
        of=tuple(of),
        references=tuple(compared),
    )


def refuse_empty_periods(counted: PersonPeriods) -> None:
    """Refuse periods in which nobody was observed, nobody left, or nobody stayed, by name."""
    events, stayed = counted.events.sum(axis=0), counted.stayed.sum(axis=0)
    if not counted.n_used or not events.any():
        raise DesignError(
            f"none of the {counted.n_used:,} complete spells ended within the periods, so no pace of leaving "
            "can be estimated"
        )
    labels = np.asarray(counted.labels)
    for wrong, what in (
        (counted.at_risk.sum(axis=0) == 0, "nobody was observed in"),
        (events == 0, "nobody left in"),
        ((stayed <= 0) & (events > 0), "everybody observed left in"),
    ):
        if wrong.any():
            shown = labels[wrong][:6].tolist() + (["…"] if wrong.sum() > 6 else [])
            raise DesignError(
                f"{what} period {join_words(shown)}, so it has no hazard of its own; merge it with "
                "its neighbour by leaving out a cut point"
            )


def _columns(
    counted: PersonPeriods, references: Mapping[str, str]
) -> tuple[list[tuple[str, str | None]], list[Floats], list[str]]:
    exposure = counted.stayed.sum(axis=1) + counted.events.sum(axis=1)
    columns: list[tuple[str, str | None]] = []
    parts: list[Floats] = []
    compared: list[str] = []
    for name, values in counted.patterns.items():
        if values.nunique() < 2:
            raise DesignError(
                f"the covariate {name!r} has one value only ({label(values.iloc[0])}); leave it out"
            )
        if not isinstance(values.iloc[0], str):
            columns.append((str(name), None))
            parts.append(_numbers(values, str(name)))
            continue
        told = values.map(label)
        weight = pd.Series(exposure).groupby(told.to_numpy()).sum()
        reference = str(references.get(str(name), weight.idxmax()))
        if reference not in weight.index:
            raise OptionError(one_of(reference, sorted(weight.index), what=f"level of {name!r}"))
        compared.append(f"{name} = {reference}")
        for level in sorted(set(weight.index) - {reference}):
            columns.append((str(name), str(level)))
            parts.append((told == level).to_numpy(dtype=float))
    return columns, parts, compared


def _numbers(values: pd.Series[Any], name: str) -> Floats:
    try:
        return np.asarray(values.astype(float), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"the covariate {name!r} must hold numbers, not {values.iloc[0]!r}") from error


def _inner(counted: PersonPeriods, changing: Mapping[str, Sequence[float]]) -> list[float]:
    inner = sorted({float(cut) for cuts in changing.values() for cut in cuts})
    wrong = [cut for cut in inner if cut not in counted.cuts[1:-1]]
    if wrong or any(len(cuts) == 0 for cuts in changing.values()):
        allowed = ", ".join(f"{cut:g}" for cut in counted.cuts[1:-1][:12])
        raise OptionError(
            f"changing ratios at {', '.join(f'{cut:g}' for cut in wrong) or 'no cut'}; give inner cut "
            "points of "
            f"the periods: {allowed}"
        )
    if len({tuple(sorted(map(float, cuts))) for cuts in changing.values()}) > 1:
        raise OptionError("changing ratios need the same cut points for all covariates that change")
    return inner


def _spans(counted: PersonPeriods, inner: Sequence[float]) -> list[tuple[str, range]]:
    borders = [counted.cuts[0], *inner, counted.cuts[-1]]
    return [(f", {a:g} to {b:g}", range(i, i + 1)) for i, (a, b) in enumerate(pairwise(borders))]


def _refuse_separation(counted: PersonPeriods, term: str, column: Floats, periods: Any) -> None:
    """Refuse a level without departures, or with nothing else, in the periods in which it has a ratio."""
    if set(np.unique(column)) != {0.0, 1.0}:
        return
    for side, word in ((1.0, term), (0.0, f"not {term}")):
        here = np.ix_(column == side, periods)
        n, left = int(counted.at_risk[here].max(initial=0)), int(counted.events[here].sum())
        if left == 0 or counted.stayed[here].sum() <= 0:
            what = "nobody left" if left == 0 else "everybody left"
            raise DesignError(
                f"{what} where {word!r} holds ({n:,} at risk at most in a period), so its ratio cannot "
                "be estimated; merge the level or the periods with others, or leave it out"
            )


def _refuse_collinear(plain: Floats, columns: Sequence[tuple[str, str | None]]) -> None:
    centred = np.column_stack([np.ones(len(plain)), plain / np.abs(plain).max(axis=0)])
    if np.linalg.matrix_rank(centred) <= plain.shape[1]:
        names = join_words(dict.fromkeys(name for name, _ in columns))
        raise DesignError(f"of {names}, two say the same in all patterns; leave one out")
